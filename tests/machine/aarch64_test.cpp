// SPDX-License-Identifier: MIT
// Stage 1 of AArch64's EL1&0 as QEMU's MMU does it: tables full of cases, probed by AT and by loads, stores and fetches at
// EL1 and EL0 in every state of the control bits. Faults with ESR and FAR, what is read and written, and every mark left
// in the tables are those of access_and_mark().
#include "aarch64_dialogue.hpp"
#include "aarch64_stage1.hpp"

namespace machine::aarch64 {
namespace {

using namespace pagewright;

struct mode_under_test {
  char const *name;
  layout      tables;
};

void PrintTo(mode_under_test const &m, std::ostream *to) { *to << m.name; }

class trial {
 public:
  trial(mode_under_test const &m, u64 seed) : mode_{m}, choices_{seed} {}

  void round(u64 probes) {
    talk_.begin();
    map_stub(talk_.memory(), stub_at);
    u64 const settings = std::max<u64>(4, probes / 128);
    frames from;
    tables t{talk_.memory(), from, mode_.tables, choices_, stage_of_tables::first, settings};
    t.fill({.target = [this] { return targets_at + choices_.below(targets_bytes); }, .table = [](u64 frame) { return frame; }});
    talk_.tables_are_written();
    states_.clear();
    for (u64 n = 0; n < settings; ++n) states_.push_back(some_state(mode_.tables, t.root(n), choices_));

    while (talk_.size() < probes) {
      auto const index = static_cast<u32>(talk_.size() * settings / probes);
      constexpr struct { u8 mode; probe_kind kind; } made[]{
        {el1, probe_kind::read}, {el1, probe_kind::write}, {el1, probe_kind::fetch},
        {el0, probe_kind::read}, {el0, probe_kind::write}, {el0, probe_kind::fetch},
        {unprivileged, probe_kind::read}, {unprivileged, probe_kind::write}, {at_s1e1, probe_kind::read}, {at_s1e1, probe_kind::write},
        {at_s1e0, probe_kind::read}, {at_s1e0, probe_kind::write}, {at_s1e1_pan, probe_kind::read}, {at_s1e1_pan, probe_kind::write}};
      auto const [mode, kind] = made[choices_.below(std::size(made))];
      auto const entry_at = [this](u64 slot) { return talk_.word(slot); };
      auto const frame_of = [](u64 at) { return at - tables_at < tables_end - tables_at ? at : 0; };
      u64 const  va = some_address(mode_.tables, states_[index], t, kind, t.root(index), choices_, entry_at, frame_of);
      add({va, choices_.any(), index, kind, mode, 0});
    }
    std::vector<setting> settings_used;
    for (auto const &s : states_) settings_used.push_back(s.registers);
    talk_.hold(settings_used, comparable, [this](probe const &p) { return described(p); });
  }

  void summarize() {
    std::vector<std::string> needed{"translation fault", "access flag fault", "permission fault"};
    if (!mode_.tables.lpa()) needed.push_back("address size fault");  // 52 bits hold every address
    talk_.summarize("aarch64 stage 1, " + std::string{mode_.name}, 5, needed);
  }

 private:
  using outcome = std::expected<translation, arm64::abort>;

  static auto answer_of(probe const &p, outcome const &o) -> answer {
    if (!o && by_at(p.mode)) return {0, 0, 0, 1 | (o.error().esr & 0x3f) << 1, 0};
    if (!o) return {to_el1, o.error().esr, o.error().far.value, 0, 0};
    if (!by_at(p.mode)) return {};
    u64 const attributes = arm64::default_mair >> (o->entry >> 2 & 7) * 8 & 0xff;
    return {0, 0, 0, attributes << 56 | (o->address.value & ~u64{4095}), 0};
  }
  /// Of PAR_EL1: the fault and its status, or attributes and address. Bit 11 is RES1, SH and NS are no question here.
  static auto comparable(probe const &p, answer a) -> answer {
    if (by_at(p.mode)) a.further &= (a.further & 1) != 0 ? ~bit(11) : ~u64{0xffe};
    return a;
  }

  /// Adds `p` with what QEMU should answer, and does that to the copy; not if the probe cannot be made.
  void add(probe const &p) {
    auto const &s = states_[p.setting];
    auto const what = request_of(p);
    auto rules = s.rules;
    if (p.mode == at_s1e1) rules.pan = false;
    dynamic const h{&s.how}, oracle{p.kind == probe_kind::fetch ? &s.qemu_fetch : &s.qemu};
    outcome const should = access(h, s.top, {p.address}, what, rules, talk_.copied());
    outcome       found  = access(oracle, s.top, {p.address}, what, rules, talk_.copied());

    // QEMU 7.2 takes them at any level and would not tell.
    bool const block = should && should->level > 0;
    EXPECT_TRUE(!block || mode_.tables.blocks(should->level)) << "a block where there is none, " << described(p);

    if (found && !by_at(p.mode) && !is_target(found->address.value)) return;  // no memory, or not for writing
    if (!found && found.error().level < 0) return;                            // QEMU 7.2 aborts itself
    if (!found && by_at(p.mode) && found.error().status == arm64::fault_status::external_on_walk) return;  // AT takes it

    auto a = answer_of(p, found);
    auto const manual = answer_of(p, should);
    bool known = std::memcmp(&a, &manual, sizeof a) != 0;
    if (found) {
      u64 const before = found->entry;
      found = access_and_mark(oracle, s.top, {p.address}, what, rules, talk_.copied());
      // AT may set the access flag, but is no write that makes a page dirty (D8.5.5). In QEMU it is.
      known |= by_at(p.mode) && ((before ^ found->entry) & arm64::ap2) != 0;
      if (!by_at(p.mode)) a = talk_.made(p, found->address.value);
    }
    talk_.add(p, a, should ? "allowed" : text(should.error().status), known);
  }

  auto described(probe const &p) -> std::string {
    auto const &s = states_[p.setting];
    std::ostringstream o;
    o << mode_.name << std::hex << ", TCR 0x" << s[tcr_el1] << ", SCTLR 0x" << s[sctlr_el1] << ", PSTATE 0x" << s[pstate];
    passage way;
    (void)walk(dynamic{&s.how}, s.top, {p.address}, talk_.copied(), way);
    for (auto const &e : way) o << "\n  " << s.how.levels[e.level].name << " 0x" << e.slot.value << ": 0x" << e.entry;
    return o.str();
  }

  mode_under_test           mode_;
  choices                   choices_;
  dialogue                  talk_;
  std::vector<stage1_state> states_;
};

class aarch64_stage1 : public testing::TestWithParam<mode_under_test> {};

TEST_P(aarch64_stage1, is_what_access_says_in_every_state_of_the_control_bits) {
  if (auto const why = missing(); !why.empty()) GTEST_SKIP() << why;
  auto const &l = GetParam().tables;
  if (!features::of_this_machine().have(l.page, l.wide)) GTEST_SKIP() << "this QEMU has no 52-bit addresses with this granule";
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
  {"4K, 48 bits", {granule::k4, 48}},              {"4K, 39 bits", {granule::k4, 39}},
  {"4K, 42 bits", {granule::k4, 42}},              {"4K, 30 bits", {granule::k4, 30}},
  {"4K, 20 bits", {granule::k4, 20}},              {"4K LPA2, 52 bits", {granule::k4, 52, true}},
  {"4K LPA2, 48 bits", {granule::k4, 48, true}},   {"16K, 47 bits", {granule::k16, 47}},
  {"16K, 48 bits", {granule::k16, 48}},            {"16K, 36 bits", {granule::k16, 36}},
  {"16K LPA2, 52 bits", {granule::k16, 52, true}}, {"16K LPA2, 47 bits", {granule::k16, 47, true}},
  {"64K, 48 bits", {granule::k64, 48}},            {"64K, 42 bits", {granule::k64, 42}},
  {"64K, 29 bits", {granule::k64, 29}},            {"64K LPA, 52 bits", {granule::k64, 52, true}}};

INSTANTIATE_TEST_SUITE_P(modes, aarch64_stage1, testing::ValuesIn(modes));

}  // namespace
}  // namespace machine::aarch64
