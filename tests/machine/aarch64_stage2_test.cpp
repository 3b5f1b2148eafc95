// SPDX-License-Identifier: MIT
// Stage 2 of AArch64 as QEMU's MMU does it, alone and under stage 1: both stages' tables full of cases, probed by AT and by
// accesses at EL1 and EL0. Aborts to EL1 and EL2 with ESR, FAR and HPFAR, what is read and written, combined memory types
// and every mark left in the tables of both stages are those of access_and_mark() on nested stages.
#include <pagewright/nested.hpp>

#include "aarch64_dialogue.hpp"
#include "aarch64_stage2.hpp"

namespace machine::aarch64 {
namespace {

using namespace pagewright;

struct mode_under_test {
  char const *name;
  layout      lower;
  layout      upper = {};  // of stage 1
  bool        both  = false;
};

void PrintTo(mode_under_test const &m, std::ostream *to) { *to << m.name; }

/// What either arrangement says of an access, in the same words.
struct outcome {
  std::optional<translation>  found;
  std::optional<arm64::abort> fault;
  bool                        below = false;  // the fault is stage 2's

  auto allowed() const -> bool { return found.has_value(); }
};

struct state {
  setting      registers;
  stage2_state lower;
  stage1_state upper;  // if there is one
};

class trial {
 public:
  trial(mode_under_test const &m, u64 seed) : mode_{m}, choices_{seed} {}

  void round(u64 probes) {
    talk_.begin();
    settings_ = std::max<u64>(4, probes / 128);
    auto &memory = talk_.memory();
    frames from;
    forced_ = choices_.flag();
    tables lower{memory, from, mode_.lower, choices_, forced_ ? stage_of_tables::second_forced : stage_of_tables::second, 1};
    std::optional<tables> upper;
    if (mode_.both) upper.emplace(memory, from, mode_.upper, choices_, stage_of_tables::first_over_second, settings_);

    u64 const page = u64{1} << unsigned(mode_.both ? mode_.upper.page : mode_.lower.page);
    ways_down ways{upper ? upper->all() : std::vector<u64>{}, page, choices_};
    root_ = lower.root(0);
    lower.fill({.target = [&] { return ways.aim(); }, .table = [](u64 frame) { return frame; }});
    map_stub_in_stage2(memory, from, mode_.lower, root_);
    states_.clear();
    if (upper) probe_both(probes, lower, *upper, ways);
    else probe_alone(probes, lower, ways);

    std::vector<setting> settings_used;
    for (auto const &s : states_) settings_used.push_back(s.registers);
    talk_.hold(settings_used, comparable, [this](probe const &p) { return described(p); });
  }

  void summarize() {
    talk_.summarize("aarch64 " + std::string{mode_.name}, mode_.both ? 20 : 5,
                    {"stage 2 translation fault", "stage 2 access flag fault", "stage 2 permission fault"});
  }

 private:
  auto index_of_next(u64 probes) const -> u32 { return static_cast<u32>(talk_.size() * settings_ / probes); }

  void probe_alone(u64 probes, tables const &lower, ways_down &ways) {
    for (u64 n = 0; n < settings_; ++n) states_.push_back(alone());
    talk_.tables_are_written();
    while (talk_.size() < probes) {
      auto const [mode, kind] = some_probe();
      u64 const way = ways.some(talk_.memory(), mode_.lower, lower, root_);
      u64 ipa = (way & ~u64{4095}) | (kind == probe_kind::fetch ? 0 : 8 * (1 + choices_.below(511)));
      unsigned const bits = mode_.lower.input_bits;
      if (choices_.one_in(32) && bits < 48) ipa |= bit(bits + static_cast<unsigned>(choices_.below(48 - bits)));
      add({ipa, choices_.any(), index_of_next(probes), kind, mode, 0});
    }
  }

  void probe_both(u64 probes, tables const &lower, tables &upper, ways_down &ways) {
    ways.find(talk_.memory(), mode_.lower, lower, root_);
    upper.fill({.target = [&] { return ways.to_target(); }, .table = [&](u64 table) { return ways.to(table); }});
    map_stub(talk_.memory(), stub_below(mode_.lower));
    for (u64 n = 0; n < settings_; ++n) states_.push_back(under(ways.to(upper.root(n))));
    talk_.tables_are_written();
    auto const entry_at = [this](u64 slot) { return talk_.word(slot); };
    auto const frame_of = [&](u64 ipa) { return ways.table_at(ipa); };
    while (talk_.size() < probes) {
      auto const [mode, kind] = some_probe();
      u32 const index = index_of_next(probes);
      u64 const va = some_address(mode_.upper, states_[index].upper, upper, kind, upper.root(index), choices_, entry_at, frame_of);
      add({va, choices_.any() & ~u64{1}, index, kind, mode, 0});  // what is written is no valid entry if read as one
    }
  }

  struct manner { u8 mode; probe_kind kind; };
  auto some_probe() -> manner {
    constexpr manner made[]{
      {el1, probe_kind::read}, {el1, probe_kind::write}, {el1, probe_kind::fetch},
      {el0, probe_kind::read}, {el0, probe_kind::write}, {el0, probe_kind::fetch},
      {at_s12e1, probe_kind::read}, {at_s12e1, probe_kind::write}, {at_s12e0, probe_kind::read}, {at_s12e0, probe_kind::write},
      {unprivileged, probe_kind::read}, {unprivileged, probe_kind::write}};
    return made[choices_.below(std::size(made) - (mode_.both ? 0 : 2))];
  }

  void below_it(state &s) const {
    auto &r = s.registers.registers;
    r[hcr_el2] = s.lower.hcr, r[vtcr_el2] = s.lower.vtcr;
    r[vttbr_el2] = mode_.lower.wide && s.lower.how.output_bits == 52 ? root_ | root_ >> 46 : root_;
  }
  auto alone() -> state {
    state s{.registers = {}, .lower = some_stage2_state(mode_.lower, forced_, choices_), .upper = {}};
    auto &r = s.registers.registers;
    r[sctlr_el1] = 0x30d0'0800 | 1u << 12 | 1u << 2, r[stub] = stub_below(mode_.lower);
    below_it(s);
    return s;
  }
  auto under(u64 root_at) -> state {
    // Stage 1 has to hold the stub's addresses.
    state s{.registers = {}, .lower = some_stage2_state(mode_.lower, forced_, choices_),
            .upper = some_state(mode_.upper, root_at, choices_, size_encoding(mode_.lower.input_bits))};
    s.registers = s.upper.registers;
    auto &r = s.registers.registers;
    r[s.upper.space == arm64::half::upper ? ttbr0_el1 : ttbr1_el1] = stub_below(mode_.lower) + (stub_tables_at - stub_at);
    below_it(s);
    return s;
  }

  /// The access, `marking` or not, by the manual or as QEMU does it.
  auto outcome_of(probe const &p, bool as_qemu, bool marking) -> outcome {
    auto const &s = states_[p.setting];
    auto const what = request_of(p);
    auto lower_rules = s.lower.rules;
    lower_rules.in_qemu = as_qemu;
    stage const lower{dynamic{as_qemu ? &s.lower.qemu : &s.lower.how}, root{{root_}}, lower_rules};
    auto memory = talk_.copied();
    if (!mode_.both) {
      auto r = marking ? access_and_mark(lower, {p.address}, what, memory) : access(lower, {p.address}, what, memory);
      if (!r) return {{}, r.error(), true};
      translation off{};  // stage 1, which makes everything Device-nGnRnE then (D8.2.10)
      off.type = memory_type::device_ngnrne;
      r->type  = lower_rules.combined(off, *r).type;
      return {*r, {}, false};
    }
    auto rules = s.upper.rules;
    if (by_at(p.mode)) rules.pan = false;
    dynamic const h{!as_qemu ? &s.upper.how : p.kind == probe_kind::fetch ? &s.upper.qemu_fetch : &s.upper.qemu};
    nested const n{stage{h, s.upper.top, rules}, lower};
    passage way;
    // A branch takes the tag off.
    input_address const at{p.kind == probe_kind::fetch && s.upper.how.tag_bits != 0 ? untagged(p.address) : p.address};
    auto const r = access(n, at, what, memory, way);
    if (r) return {marking ? *access_and_mark(n, at, what, memory) : *r, {}, false};
    auto const &fault = r.error();
    if (marking) mark_before(fault, n, way, p);
    if (fault.own() != nullptr) return {{}, *fault.own(), false};
    auto a = *fault.below();
    // Of a fault on a walk of stage 1 QEMU tells WnR as the access itself has it: the manual's pseudocode did so once, now it
    // is that of stage 2's access to the table. Before 8.2 it tells the level of stage 1's entry, not stage 2's (D8.15.3).
    if (as_qemu && fault.wants != purpose::data) {
      a.esr = (a.esr & ~bit(6)) | (p.kind == probe_kind::write ? bit(6) : 0);
      if (release_of_qemu() < 802) a.esr = (a.esr & ~u64{3}) | (3u - fault.level);
    }
    return {{}, a, true};
  }

  static auto untagged(u64 va) -> u64 { return static_cast<u64>(static_cast<std::int64_t>(va << 8) >> 8); }

  /// What hardware has marked when it finds a fault: in stage 2 the leaves through which it read stage 1's entries; in
  /// stage 1 the leaf, and what lets it be written in stage 2, if only its output is refused there.
  template <class Fault, class Nested>
  void mark_before(Fault const &fault, Nested const &n, passage const &way, probe const &p) {
    auto what = request_of(p);
    for (step const &s : way) {
      what.above = stage_above{.wants = purpose::table_load, .input = {p.address}};
      (void)access_and_mark(n.below, {s.slot.value}, what, talk_.copied());
      u64 const now = n.above.mmu.marked(n.above.format, s, request_of(p));
      if (fault.own() != nullptr || fault.wants != purpose::data || now == s.entry) continue;
      what.above->wants = purpose::table_mark;
      talk_.word(access_and_mark(n.below, {s.slot.value}, what, talk_.copied())->address.value) = now;
    }
    // The access flag may be set by what is then refused (D8.5.4); QEMU does that where HCR_EL2.PTW refuses.
    if (fault.below() == nullptr || fault.below()->why != arm64::denial::device_tables) return;
    auto allowing = n.below;
    allowing.mmu.protected_walks = false;
    what.above = stage_above{.wants = purpose::table_load, .input = {p.address}};
    (void)access_and_mark(allowing, {fault.asked.value}, what, talk_.copied());
  }

  static auto answer_of(probe const &p, outcome const &o) -> answer {
    if (o.fault && by_at(p.mode)) {
      u64 const walk = o.fault->esr >> 7 & 1;
      return {0, 0, 0, 1 | (o.fault->esr & 0x3f) << 1 | walk << 8 | (o.below ? bit(9) : 0), 0};
    }
    if (o.fault) return {o.below ? to_el2 : to_el1, o.fault->esr, o.fault->far.value, o.fault->hpfar, 0};
    if (!by_at(p.mode)) return {};
    return {0, 0, 0, attributes_of(o.found->type) << 56 | (o.found->address.value & ~u64{4095}), 0};
  }
  /// One of the encodings of MAIR_EL1 and PAR_EL1 for a type.
  static auto attributes_of(memory_type t) -> u64 {
    for (u64 const byte : {0x00u, 0x04u, 0x08u, 0x0cu, 0x44u, 0xbbu, 0xf0u, 0xffu})
      if (arm64::mair(byte)[0] == t) return byte;
    return 0x01;
  }
  /// Of PAR_EL1: the fault, its status and stage, or memory type and address. Of ESR_EL2 not what it says of the
  /// instruction; of HPFAR_EL2 nothing where it is UNKNOWN.
  static auto comparable(probe const &p, answer a) -> answer {
    if (by_at(p.mode) && (a.further & 1) != 0) a.further &= ~bit(11);
    else if (by_at(p.mode)) a.further = (a.further & ones(12, 44)) | u64(arm64::mair(a.further >> 56)[0]) << 56;
    if (a.faulted == to_el2 && (a.cause >> 26 & ~u64{1}) == 0x24) a.cause &= ~ones(14, 11);
    if (a.faulted == to_el2 && (a.cause & 0x3c) == 0b001100 && (a.cause & bit(7)) == 0) a.further = 0;
    return a;
  }

  void add(probe const &p) {
    auto const should = outcome_of(p, false, false), found = outcome_of(p, true, false);
    // QEMU 7.2 takes them at any level and would not tell.
    bool const  block = should.allowed() && should.found->level > 0;
    auto const &top   = mode_.both ? mode_.upper : mode_.lower;
    EXPECT_TRUE(!block || top.blocks(should.found->level)) << "a block where there is none, " << described(p);

    if (found.allowed() && !by_at(p.mode) && !is_target(found.found->address.value)) return;
    if (found.allowed() && by_at(p.mode) && attributes_of(found.found->type) == 0x01) return;  // reserved; mixed is not said how
    if (found.fault && found.fault->level < 0) return;
    if (found.fault && found.fault->status == arm64::fault_status::external_on_walk) return;

    auto a = answer_of(p, found);
    auto const manual = answer_of(p, should);
    bool known = std::memcmp(&a, &manual, sizeof a) != 0;
    auto const now = outcome_of(p, true, true);
    // AT makes nothing dirty (D8.5.5), in QEMU it does. What it does so in stage 2 under stage 1 is expected, not counted.
    if (now.allowed() && by_at(p.mode)) known |= ((now.found->entry ^ found.found->entry) & bit(7)) != 0;
    if (now.allowed() && !by_at(p.mode)) a = talk_.made(p, now.found->address.value);
    std::string const stage = should.below ? "stage 2 " : "stage 1 ";
    talk_.add(p, a, should.allowed() ? "allowed" : stage + text(should.fault->status), known);
  }

  auto described(probe const &p) -> std::string {
    auto const &s = states_[p.setting];
    auto const &r = s.registers.registers;
    std::ostringstream o;
    o << mode_.name << std::hex << ", VTCR 0x" << r[vtcr_el2] << ", HCR 0x" << r[hcr_el2] << ", TCR 0x" << r[tcr_el1] << ", SCTLR 0x"
      << r[sctlr_el1] << ", PSTATE 0x" << r[pstate];
    auto const should = outcome_of(p, false, false);
    passage way;
    stage const lower{dynamic{&s.lower.how}, root{{root_}}, s.lower.rules};
    if (!mode_.both) (void)access(lower, {p.address}, request_of(p), talk_.copied(), way);
    else (void)access(nested{stage{dynamic{&s.upper.how}, s.upper.top, s.upper.rules}, lower}, {p.address}, request_of(p),
                      talk_.copied(), way);
    for (auto const &e : way) o << "\n  level " << 3 - int{e.level} << " at 0x" << e.slot.value << ": 0x" << e.entry;
    if (should.fault) o << "\n  " << text(should.fault->status) << ", " << text(should.fault->why);
    return o.str();
  }

  mode_under_test    mode_;
  choices            choices_;
  dialogue           talk_;
  std::vector<state> states_;
  u64                settings_ = 0, root_ = 0;
  bool               forced_ = false;  // HCR_EL2.FWB
};

class aarch64_stage2 : public testing::TestWithParam<mode_under_test> {};

TEST_P(aarch64_stage2, is_what_access_says_alone_and_under_stage_1) {
  if (auto const why = missing(); !why.empty()) GTEST_SKIP() << why;
  auto const &[name, lower, upper, both] = GetParam();
  auto const &has = features::of_this_machine();
  if (!has.have(lower.page, lower.wide) || !has.have(upper.page, upper.wide))
    GTEST_SKIP() << "this QEMU has no 52-bit addresses with this granule";
  constexpr u64 each = 4096;
  trial t{GetParam(), lower.input_bits * 64 + unsigned(lower.page) * 2 + lower.concatenated + unsigned(upper.page) * 8192};
  for (u64 left = how_many(each, 256); left > 0 && !HasFatalFailure();) {
    u64 const now = std::min(left, each);
    t.round(now);
    left -= now;
  }
  t.summarize();
}

constexpr mode_under_test modes[]{
  {"stage 2, 4K, 40 bits, two tables as root", {granule::k4, 40, false, true}},
  {"stage 2, 4K, 40 bits, four levels", {granule::k4, 40}},
  {"stage 2, 4K, 48 bits", {granule::k4, 48}},
  {"stage 2, 4K, 34 bits, 16 tables as root", {granule::k4, 34, false, true}},
  {"stage 2, 4K LPA2, 48 bits", {granule::k4, 48, true}},
  {"stage 2, 16K, 40 bits, 16 tables as root", {granule::k16, 40, false, true}},
  {"stage 2, 16K, 48 bits, two tables as root", {granule::k16, 48, false, true}},
  {"stage 2, 16K, 42 bits", {granule::k16, 42}},
  {"stage 2, 64K, 40 bits", {granule::k64, 40}},
  {"stage 2, 64K, 46 bits, 16 tables as root", {granule::k64, 46, false, true}},
  {"stage 2, 64K LPA, 52 bits", {granule::k64, 52, true}},
  {"stage 1, 4K, 48 bits, over stage 2, 4K, 40 bits", {granule::k4, 40, false, true}, {granule::k4, 48}, true},
  {"stage 1, 4K, 39 bits, over stage 2, 4K, 48 bits", {granule::k4, 48}, {granule::k4, 39}, true},
  {"stage 1, 4K, 48 bits, over stage 2, 16K, 48 bits", {granule::k16, 48, false, true}, {granule::k4, 48}, true},
  {"stage 1, 16K, 47 bits, over stage 2, 64K, 42 bits", {granule::k64, 42}, {granule::k16, 47}, true},
  {"stage 1, 64K, 48 bits, over stage 2, 64K, 40 bits", {granule::k64, 40}, {granule::k64, 48}, true},
  {"stage 1, 4K LPA2, 48 bits, over stage 2, 4K LPA2, 48 bits", {granule::k4, 48, true}, {granule::k4, 48, true}, true}};

INSTANTIATE_TEST_SUITE_P(modes, aarch64_stage2, testing::ValuesIn(modes));

}  // namespace
}  // namespace machine::aarch64
