// SPDX-License-Identifier: MIT
// Stage 1 of AArch64's EL1&0 as QEMU's MMU does it: tables full of cases, probed by AT and by loads, stores and fetches at
// EL1 and EL0 in every state of the control bits. Faults with ESR and FAR, what is read and written, and every mark left
// in the tables are those of access_and_mark().
#include <pagewright/mmu/arm64.hpp>

#include <map>
#include <sstream>

#include "aarch64_tables.hpp"

namespace machine::aarch64 {
namespace {

using namespace pagewright;
using arm64::half;

struct mode_under_test {
  char const *name;
  layout      tables;
};

void PrintTo(mode_under_test const &m, std::ostream *to) { *to << m.name; }

/// One state of the registers, and how the library understands it.
struct state {
  setting    registers;
  half       space;
  root       top;
  format     how, qemu, qemu_fetch;  // the manual's, and with QEMU's deviations
  arm64::mmu rules;

  auto operator[](reg r) const -> u64 { return registers.registers[r]; }
};

/// Where QEMU is known to deviate, this is its format.
/// - Before 8.2 it takes blocks at every level but the last (D8.3.1: which levels hold them depends on the granule).
/// - What hardware manages the dirty state of counts as writable (D8.4.6), so WXN withholds execution of it and EL1 does
///   not execute it where EL0 may write. QEMU looks at AP[2] alone unless the access is a write.
/// - With TCR_EL1.DS bits 9:8 of a descriptor are address bits whatever IPS says (D8.3.1), and too wide if they are set.
///   QEMU looks at them for 52 bits only.
auto as_in_qemu(arm64::stage1_options options, access_kind kind) -> format {
  if (kind == access_kind::fetch) options.hardware_dirty = false;
  auto f = arm64::stage1(options);
  if (options.wide && options.page != granule::k64 && options.output_bits <= 48) {
    f.table_address[1] = {};
    for (form &leaf : f.forms) leaf.address[1] = {};
  }
  if (release_of_qemu() < 802)
    for (unsigned n = 1; n < f.depth; ++n)
      if (f.levels[n].leaves[0] == no_form) f.levels[n].leaves[0] = 2;
  return f;
}

auto state_with(mode_under_test const &m, u64 root_at, features const &has, choices &c) -> state {
  auto const &l = m.tables;
  half const  space = c.flag() ? half::upper : half::lower;
  bool const  up    = space == half::upper;
  auto const  in    = [up](unsigned lower, unsigned upper) { return bit(up ? upper : lower); };
  u64 const   tg0   = l.page == granule::k4 ? 0 : l.page == granule::k64 ? 1 : 2;
  u64 const   tg1   = l.page == granule::k4 ? 2 : l.page == granule::k64 ? 3 : 1;
  u64 const   size  = 64 - l.input_bits, stub_size = 16;
  // 52 bits of output with 64K are FEAT_LPA; without DS the other granules make 48 of them.
  u64 const   ips   = l.lpa() ? 6 : c.below(l.page == granule::k64 ? 6 : 7);

  u64 tcr = up ? stub_size | size << 16 | tg1 << 30 : size | stub_size << 16 | tg0 << 14 | u64{2} << 30;
  tcr |= 5u << 8 | 3u << 12 | u64{5} << 24 | u64{3} << 28 | ips << 32;
  if (l.lpa2()) tcr |= bit(59);
  if (has.hafdbs >= 1 && !c.one_in(3)) tcr |= bit(39);
  if (has.hafdbs >= 2 && !c.one_in(3)) tcr |= bit(40);
  if (c.one_in(3)) tcr |= in(41, 42);             // HPD
  if (c.one_in(3)) tcr |= in(37, 38);             // TBI
  if (has.e0pd && c.one_in(8)) tcr |= in(55, 56);
  if (c.one_in(32)) tcr |= in(7, 23);             // EPD
  u64 sctlr = 0x30d0'0800 | 1u << 12 | 1u << 2 | 1;
  if (c.flag()) sctlr |= bit(19);                 // WXN
  if (has.pan3 && c.flag()) sctlr |= bit(57);     // EPAN
  u64 pstate_bits = 0;
  if (c.flag()) pstate_bits |= bit(22);           // PAN
  if (has.uao && c.flag()) pstate_bits |= bit(23);

  auto const options = arm64::regime_of(tcr & ~in(7, 23), space);
  if (!options) throw std::logic_error{std::string{"no such mode: "} + text(options.error())};
  u64 const ttbr = l.wide && options->output_bits == 52 ? root_at | root_at >> 46 : root_at;
  state s{.registers = {}, .space = space, .top = {arm64::root_table(*options, ttbr)}, .how = arm64::stage1(*options),
          .qemu = as_in_qemu(*options, access_kind::write), .qemu_fetch = as_in_qemu(*options, access_kind::fetch),
          .rules = arm64::mmu_of(tcr, sctlr, space, (pstate_bits & bit(22)) != 0, (pstate_bits & bit(23)) != 0)};
  auto &r = s.registers.registers;
  r[ttbr0_el1] = up ? stub_tables_at : ttbr, r[ttbr1_el1] = up ? ttbr : stub_tables_at;
  r[tcr_el1] = tcr, r[mair_el1] = arm64::default_mair, r[sctlr_el1] = sctlr, r[pstate] = pstate_bits;
  r[stub] = stub_in(up ? half::lower : half::upper), r[hcr_el2] = bit(31);
  return s;
}

constexpr auto by_at(u8 mode) -> bool { return mode >= at_s1e1; }
constexpr access_kind kinds[]{access_kind::read, access_kind::write, access_kind::fetch};

/// One mode's rounds: tables, probes and what the library expects of each, in the order the machine makes them.
class trial {
 public:
  trial(mode_under_test const &m, u64 seed) : mode_{m}, choices_{seed}, memory_{ram_at, ram_bytes}, copy_(compared_end - tables_at) {}

  void round(u64 probes) {
    prepare(probes);
    foresee(probes);
    auto const e = start(memory_);
    seconds_ += e.seconds;
    ASSERT_EQ(e.status, 0) << e.printed;
    compare();
  }

  void summarize() const {
    tell("aarch64 stage 1, " + std::string{mode_.name}, "QEMU", tried_, tried_ - wrong_ - known_, known_, seconds_);
    EXPECT_EQ(wrong_, 0u) << "of " << tried_ << " probes";
    if (tried_ < 4000) return;
    std::ostringstream all;
    for (auto const &[why, n] : outcomes_) all << "\n  " << why << ": " << n;
    EXPECT_GT(outcomes_.at("allowed") * 5, tried_) << "hardly anything is allowed" << all.str();
    for (auto const s : {arm64::fault_status::address_size, arm64::fault_status::translation, arm64::fault_status::access_flag,
                         arm64::fault_status::permission})
      EXPECT_TRUE((s == arm64::fault_status::address_size && mode_.tables.lpa()) ||  // 52 bits hold every address
                  (outcomes_.contains(text(s)) && outcomes_.at(text(s)) > tried_ / 400)) << "hardly any " << text(s) << all.str();
  }

 private:
  auto copied() -> mapped_memory<ram::locate> { return mapped_memory{ram::locate{copy_.data(), tables_at, copy_.size()}}; }
  auto word_at(u64 physical) -> u64 & { return *reinterpret_cast<u64 *>(copy_.data() + (physical - tables_at)); }
  static auto is_target(u64 physical) -> bool { return physical - targets_at < targets_bytes; }

  void prepare(u64 probes) {
    std::ranges::fill(memory_.at<u8>(tables_at, copy_.size()), u8{});
    map_stub(memory_);
    fill_targets(memory_);
    tables t{memory_, mode_.tables, choices_};
    states_.clear();
    for (u64 n = 0; n < std::max<u64>(4, probes / 128); ++n)
      states_.push_back(state_with(mode_, t.another_root(), features::of_this_machine(), choices_));
    std::ranges::copy(memory_.at<u8>(tables_at, copy_.size()), copy_.begin());
  }

  void foresee(u64 probes) {
    probes_.clear(), expected_.clear();
    while (probes_.size() < probes) {
      auto const index = static_cast<u32>(probes_.size() * states_.size() / probes);
      constexpr struct { u8 mode; probe_kind kind; } made[]{
        {el1, probe_kind::read}, {el1, probe_kind::write}, {el1, probe_kind::fetch},
        {el0, probe_kind::read}, {el0, probe_kind::write}, {el0, probe_kind::fetch},
        {unprivileged, probe_kind::read}, {unprivileged, probe_kind::write}, {at_s1e1, probe_kind::read}, {at_s1e1, probe_kind::write},
        {at_s1e0, probe_kind::read}, {at_s1e0, probe_kind::write}, {at_s1e1_pan, probe_kind::read}, {at_s1e1_pan, probe_kind::write}};
      auto const [mode, kind] = made[choices_.below(std::size(made))];
      probe const p{some_address(states_[index], kind), choices_.any(), index, kind, mode, 0};
      if (auto const answer = expect(p)) probes_.push_back(p), expected_.push_back(*answer);
    }
    setting_words_.clear();
    for (auto const &s : states_) setting_words_.push_back(s.registers);
    ask(memory_, control_at, setting_words_, probes_);
  }

  /// A way through the tables; what is left of the address leads to a target, if the leaf does.
  auto some_address(state const &s, probe_kind kind) -> u64 {
    u64 const target = targets_at + (choices_.below(targets_bytes) & ~u64{4095}) +
                       (kind == probe_kind::fetch ? 0 : 8 * (1 + choices_.below(511)));
    u64 va = 0, table = s.top.table.value;
    for (unsigned level = mode_.tables.depth(); level-- > 0;) {
      u64 const index = choices_.below(u64{1} << mode_.tables.index_bits(level));
      unsigned const shift = mode_.tables.shift(level);
      va |= index << shift;
      u64 const entry = word_at(table + index * 8);
      table = entry & ones(unsigned(mode_.tables.page), 48 - unsigned(mode_.tables.page));
      if (level == 0 || (entry & 3) != 3 || table - tables_at >= tables_end - tables_at) {
        va |= target & pagewright::below(shift);
        break;
      }
    }
    if (s.space == half::upper) va |= ~pagewright::below(mode_.tables.input_bits);
    if (s.how.tag_bits != 0) va ^= choices_.any() & u64{0xff} << 56;
    if (choices_.one_in(32)) {
      u64 const stray = mode_.tables.input_bits + choices_.below(64 - mode_.tables.input_bits);
      if (stray != 55) va ^= bit(static_cast<unsigned>(stray));  // bit 55 says which half it is
    }
    return va;
  }

  using outcome = std::expected<translation, arm64::abort>;

  static auto answer_of(probe const &p, outcome const &o) -> answer {
    if (!o && by_at(p.mode)) return {0, 0, 0, 1 | (o.error().esr & 0x3f) << 1, 0};
    if (!o) return {to_el1, o.error().esr, o.error().far.value, 0, 0};
    u64 const attributes = arm64::default_mair >> (o->entry >> 2 & 7) * 8 & 0xff;
    if (by_at(p.mode)) return {0, 0, 0, attributes << 56 | (o->address.value & ~u64{4095}), 0};
    return {};
  }

  /// What QEMU should answer, done to the copy; nothing if the probe cannot be made.
  auto expect(probe const &p) -> std::optional<answer> {
    auto const &s = states_[p.setting];
    access_request const what{.kind = kinds[unsigned(p.kind)], .user = p.mode == el0 || p.mode == at_s1e0,
                              .unprivileged = p.mode == unprivileged};
    auto rules = s.rules;
    if (p.mode == at_s1e1) rules.pan = false;
    dynamic const h{&s.how}, oracle{p.kind == probe_kind::fetch ? &s.qemu_fetch : &s.qemu};
    auto const should = access(h, s.top, {p.address}, what, rules, copied());
    auto found = access(oracle, s.top, {p.address}, what, rules, copied());

    if (found && !by_at(p.mode) && !is_target(found->address.value)) return std::nullopt;  // no memory, or not for writing
    if (!found && found.error().level < 0) return std::nullopt;                            // QEMU 7.2 aborts itself
    if (!found && by_at(p.mode) && found.error().status == arm64::fault_status::external_on_walk) return std::nullopt;  // AT aborts

    ++outcomes_[should ? "allowed" : text(should.error().status)];
    auto a = answer_of(p, found);
    auto const manual = answer_of(p, should);
    bool known = std::memcmp(&a, &manual, sizeof a) != 0;
    if (found) {
      u64 const before = found->entry;
      found = access_and_mark(oracle, s.top, {p.address}, what, rules, copied());
      // AT may set the access flag, but is no write that makes a page dirty (D8.5.5). In QEMU it is.
      known |= by_at(p.mode) && ((before ^ found->entry) & arm64::ap2) != 0;
      if (!by_at(p.mode) && p.kind == probe_kind::write) word_at(found->address.value) = p.value;
      if (!by_at(p.mode) && p.kind == probe_kind::read) a.value = word_at(found->address.value);
    }
    known_ += known;
    return a;
  }

  void compare() {
    auto const came = answers(memory_, control_at);
    ASSERT_EQ(came.size(), probes_.size());
    for (u64 n = 0; n < came.size(); ++n) {
      auto is = came[n];
      auto const &should = expected_[n];
      // Of PAR_EL1: the fault and its status, or attributes and address. Bit 11 is RES1, SH and NS are no question here.
      if (by_at(probes_[n].mode)) is.further &= (is.further & 1) != 0 ? ~bit(11) : ~u64{0xffe};
      ++tried_;
      if (std::memcmp(&is, &should, sizeof is) != 0 && ++wrong_ <= 5) ADD_FAILURE() << described(n, is);
    }
    auto const there = memory_.at<u64>(tables_at, copy_.size() / 8);
    for (u64 n = 0, shown = 0; n < there.size() && shown < 5; ++n)
      if (u64 const at = tables_at + n * 8; there[n] != word_at(at) && ++shown)
        ADD_FAILURE() << std::hex << "the word at 0x" << at << ": expected 0x" << word_at(at) << ", came 0x" << there[n];
  }

  auto described(u64 n, answer const &is) -> std::string {
    auto const &p = probes_[n];
    auto const &s = states_[p.setting];
    constexpr char const *modes[]{"EL1", "EL0", "EL1 unprivileged", "AT S1E1", "AT S1E0", "AT S1E1 with PAN"};
    std::ostringstream o;
    o << mode_.name << ", probe " << n << ": " << modes[p.mode] << ' ' << text(kinds[unsigned(p.kind)]) << std::hex << " of 0x"
      << p.address << ", TCR 0x" << s[tcr_el1] << ", SCTLR 0x" << s[sctlr_el1] << ", PSTATE 0x" << s[pstate];
    passage way;
    (void)walk(dynamic{&s.how}, s.top, {p.address}, copied(), way);
    for (auto const &e : way) o << "\n  " << s.how.levels[e.level].name << " 0x" << e.slot.value << ": 0x" << e.entry;
    for (answer const *a : {&std::as_const(expected_[n]), &is})
      o << (a == &is ? "\n  came" : "\n  expected") << ": fault " << a->faulted << ", ESR 0x" << a->cause << ", FAR 0x" << a->address
        << ", PAR or HPFAR 0x" << a->further << ", value 0x" << a->value;
    return o.str();
  }

  mode_under_test              mode_;
  choices                      choices_;
  ram                          memory_;
  std::vector<u8>              copy_;
  std::vector<state>           states_;
  std::vector<setting>         setting_words_;
  std::vector<probe>           probes_;
  std::vector<answer>          expected_;
  std::map<std::string, u64>   outcomes_;
  u64                          tried_ = 0, wrong_ = 0, known_ = 0;
  double                       seconds_ = 0;
};

class aarch64_stage1 : public testing::TestWithParam<mode_under_test> {};

TEST_P(aarch64_stage1, is_what_access_says_in_every_state_of_the_control_bits) {
  if (auto const why = missing(); !why.empty()) GTEST_SKIP() << why;
  auto const &has = features::of_this_machine();
  auto const &l = GetParam().tables;
  if (l.wide && !(l.page == granule::k4 ? has.lpa2_4k : l.page == granule::k16 ? has.lpa2_16k : has.lva))
    GTEST_SKIP() << "this QEMU has no 52-bit addresses with this granule";
  constexpr u64 each = 8192;
  trial t{GetParam(), l.input_bits * 64 + unsigned(l.page) * 2 + l.wide};
  for (u64 left = how_many(each, 256); left > 0 && !HasFatalFailure();) {
    u64 const now = std::min(left, each);
    t.round(now);
    left -= now;
  }
  t.summarize();
}

constexpr mode_under_test modes[]{
  {"4K, 48 bits", {granule::k4, 48, false}},        {"4K, 39 bits", {granule::k4, 39, false}},
  {"4K, 42 bits", {granule::k4, 42, false}},        {"4K, 30 bits", {granule::k4, 30, false}},
  {"4K, 20 bits", {granule::k4, 20, false}},        {"4K LPA2, 52 bits", {granule::k4, 52, true}},
  {"4K LPA2, 48 bits", {granule::k4, 48, true}},    {"16K, 47 bits", {granule::k16, 47, false}},
  {"16K, 48 bits", {granule::k16, 48, false}},      {"16K, 36 bits", {granule::k16, 36, false}},
  {"16K LPA2, 52 bits", {granule::k16, 52, true}},  {"16K LPA2, 47 bits", {granule::k16, 47, true}},
  {"64K, 48 bits", {granule::k64, 48, false}},      {"64K, 42 bits", {granule::k64, 42, false}},
  {"64K, 29 bits", {granule::k64, 29, false}},      {"64K LPA, 52 bits", {granule::k64, 52, true}}};

INSTANTIATE_TEST_SUITE_P(modes, aarch64_stage1, testing::ValuesIn(modes));

}  // namespace
}  // namespace machine::aarch64
