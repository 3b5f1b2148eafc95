// SPDX-License-Identifier: MIT
// Every combination of descriptor bits, access and control bits that decides in stage 1 of AArch64, held against a model
// written from the manual. At size 1 every 11th of some 170 million combinations is tried.
#include <pagewright/mmu/arm64.hpp>

#include <gtest/gtest.h>

#include <sstream>

#include "arm64_manual.hpp"
#include "one_of_each.hpp"

namespace {

using namespace pagewright;
using trial::digits;
using trial::one_of_each;

constexpr u64 va = 0x1234'5678;

struct one_case {
  arm64_manual::state state;
  arm64_manual::asked asked;
  u64                 entries[5];
};

/// Case `n`, or nothing if it says no more than another does.
auto case_of(u64 n) -> std::optional<one_case> {
  digits    d{n};
  one_case  t{};
  u64 const marks = d.next(3);
  t.state = {marks > 0, marks > 1, d.flag(), d.flag(), d.flag(), d.flag(), d.flag()};
  u64 const kind = d.next(3), who = d.next(3);
  t.asked = {kind == 1, kind == 2, who == 1, who == 2 && kind != 2};
  if (who == 2 && kind == 2) return std::nullopt;

  u64 const leaf_level = d.next(3), other = d.next(4);
  u64 const leaf = d.next(2) | d.next(4) << 6 | d.next(2) << 10 | d.next(8) << 51 | (d.flag() ? bit(45) : 0);
  u64 const above = (d.flag() ? 3u : 1u) | d.next(16) << 59 | (d.flag() ? bit(44) : 0);
  if (d.left != 0 || (other <= leaf_level && (above != 3 || other != leaf_level))) return std::nullopt;

  for (unsigned level = 0; level < 4; ++level) {
    u64 const down = level > 0 ? one_of_each::table(level - 1) : 0;
    t.entries[level] = down | (level == other && other > leaf_level ? above : 3);
    if (level == leaf_level) t.entries[level] = leaf | (level == 0 ? 2u : 0u) | u64{0x12} << 30;
  }
  return t;
}
constexpr u64 all_cases = u64{3} * 32 * 3 * 3 * 3 * 4 * (2 * 4 * 2 * 8 * 2) * (2 * 16 * 2);

constexpr auto format_with(unsigned marks, bool hpd) -> format {
  return arm64::stage1({.output_bits = 40, .contiguous = false, .no_table_permissions = hpd, .hardware_accessed = marks > 0,
                        .hardware_dirty = marks > 1});
}
constexpr format formats[]{format_with(0, false), format_with(1, false), format_with(2, false),
                           format_with(0, true),  format_with(1, true),  format_with(2, true)};

auto difference(one_case const &t) -> std::string {
  auto const    should = arm64_manual::answer_to(t.state, t.asked, va, t.entries);
  dynamic const h{&formats[unsigned{t.state.ha} + unsigned{t.state.hd} + (t.state.hpd ? 3u : 0u)]};
  arm64::mmu const     mmu{.pan = t.state.pan, .uao = t.state.uao, .epan = t.state.epan, .wxn = t.state.wxn};
  access_request const request{.kind = t.asked.write ? access_kind::write : t.asked.fetch ? access_kind::fetch : access_kind::read,
                               .user = t.asked.el0, .unprivileged = t.asked.unprivileged};
  one_of_each memory{{t.entries[0], t.entries[1], t.entries[2], t.entries[3], 0}};
  auto const  is = access_and_mark(h, root{{one_of_each::table(3)}}, {va}, request, mmu, memory);

  std::ostringstream s;
  s << std::hex;
  if (is.has_value() != should.allowed) s << "\n  allowed: expected " << should.allowed << ", came " << is.has_value() << (is ? "" : text(is.error().why));
  if (!is && !should.allowed && is.error().esr != should.esr) s << "\n  ESR: expected 0x" << should.esr << ", came 0x" << is.error().esr;
  if (!is && is.error().far.value != va) s << "\n  FAR: came 0x" << is.error().far.value;
  if (is && should.allowed) {
    if (is->address.value != should.physical) s << "\n  address: expected 0x" << should.physical << ", came 0x" << is->address.value;
    if (memory.entry[is->level] != should.leaf) s << "\n  leaf: expected 0x" << should.leaf << ", came 0x" << memory.entry[is->level];
  }
  for (unsigned i = 0; i < 4; ++i)
    if (!(is && i == is->level) && memory.entry[i] != t.entries[i]) s << "\n  entry " << i << " became 0x" << memory.entry[i];
  if (s.str().empty()) return {};
  std::ostringstream all;
  auto const flag = [&](bool on, char const *name) { all << (on ? " " : " -") << name; };
  all << std::hex << (t.asked.write ? "write" : t.asked.fetch ? "fetch" : "read");
  flag(t.asked.el0, "EL0"), flag(t.asked.unprivileged, "unprivileged"), flag(t.state.ha, "HA"), flag(t.state.hd, "HD"),
      flag(t.state.hpd, "HPD"), flag(t.state.pan, "PAN"), flag(t.state.uao, "UAO"), flag(t.state.epan, "EPAN"), flag(t.state.wxn, "WXN");
  for (unsigned i = 4; i-- > 0;) all << "\n  level " << 3 - i << ": 0x" << t.entries[i];
  return all.str() + s.str();
}

TEST(arm64_access, agrees_with_the_manual_in_every_case_of_stage_1) {
  u64 const stride = trial::stride_of(5);
  u64 tried = 0, allowed = 0, wrong = 0;
  for (u64 n = 0; n < all_cases; n += stride) {
    auto const t = case_of(n);
    if (!t) continue;
    ++tried;
    auto const d = difference(*t);
    allowed += arm64_manual::answer_to(t->state, t->asked, va, t->entries).allowed;
    if (!d.empty() && ++wrong <= 3) ADD_FAILURE() << "case " << n << ": " << d;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(allowed * 400, tried) << "hardly anything is allowed: the cases are not what they should be";
  testing::Test::RecordProperty("cases", static_cast<int>(tried));
}

constexpr auto &upper = arm64::stage1_4k_48_upper;

auto ask(format const &f, u64 at, access_request what, arm64::mmu const &mmu = {}) -> arm64::abort {
  one_of_each memory{{0, 0, 0, 0, 0}};
  return access(dynamic{&f}, root{{one_of_each::table(f.depth - 1u)}}, {at}, what, mmu, memory).error();
}

// As Linux prints them: "ESR = 0x0000000096000004": a data abort from the same level, translation fault at level 0.
TEST(arm64_access, reports_by_ESR_as_kernels_know_it) {
  EXPECT_EQ(ask(arm64::stage1_4k_48_lower, 0x1000, {}).esr, 0x9600'0004u);
  EXPECT_EQ(ask(arm64::stage1_4k_48_lower, 0x1000, {.kind = access_kind::write}).esr, 0x9600'0044u);
  EXPECT_EQ(ask(arm64::stage1_4k_48_lower, 0x1000, {.user = true}).esr, 0x9200'0004u);
  EXPECT_EQ(ask(arm64::stage1_4k_48_lower, 0x1000, {.kind = access_kind::fetch}).esr, 0x8600'0004u);
  EXPECT_EQ(ask(arm64::stage1_4k_48_lower, 0x1000, {.kind = access_kind::fetch, .user = true}).esr, 0x8200'0004u);
  EXPECT_EQ(ask(arm64::stage1_4k_39_lower, 0x1000, {}).esr, 0x9600'0005u) << "39 bits start at level 1";
  EXPECT_EQ(ask(arm64::stage1_4k_52_lpa2_lower, 0x1000, {}).esr, 0x9600'002bu) << "LPA2 starts at level -1";
}

TEST(arm64_access, keeps_EL0_from_a_half_with_E0PD_and_everybody_with_EPD) {
  auto const kept = ask(upper, 0xffff'8000'0000'0000, {.user = true}, {.e0pd = true});
  EXPECT_EQ(kept.why, arm64::denial::e0pd);
  EXPECT_EQ(kept.esr, 0x9200'0004u);
  EXPECT_EQ(ask(upper, 0xffff'8000'0000'0000, {}, {.e0pd = true}).why, arm64::denial::not_mapped);
  EXPECT_EQ(ask(upper, 0xffff'8000'0000'0000, {.unprivileged = true}, {.e0pd = true}).why, arm64::denial::e0pd);
  EXPECT_EQ(ask(upper, 0xffff'8000'0000'0000, {}, {.epd = true}).why, arm64::denial::walks_disabled);
}

// FAR_EL1: of a data abort it "includes the tag"; a branch has taken the tag off before anything is fetched.
TEST(arm64_access, keeps_the_tag_in_FAR_of_data_aborts) {
  static constexpr format tagged = arm64::stage1({.top_byte_ignored = true});
  EXPECT_EQ(ask(tagged, 0xab00'0000'0000'1000, {}).far.value, 0xab00'0000'0000'1000u);
  EXPECT_EQ(ask(tagged, 0xab00'0000'0000'1000, {.kind = access_kind::fetch}).far.value, 0x1000u);
  EXPECT_EQ(ask(arm64::stage1_4k_48_lower, 0xab00'0000'0000'1000, {}).esr, 0x9600'0004u) << "without TBI it is outside";
}

// TCR_EL1.TBID: tags are of data addresses alone. Nothing takes one off a branch's target then.
TEST(arm64_access, takes_no_tag_off_a_branch_with_TBID) {
  static constexpr format tagged = arm64::stage1({.top_byte_ignored = true});
  u64 const at = 0xab00'0000'0000'1000;
  auto const refused = ask(tagged, at, {.kind = access_kind::fetch}, {.tbid = true});
  EXPECT_EQ(refused.esr, 0x8600'0004u) << "translation fault at level 0";
  EXPECT_EQ(refused.far.value, at);
  EXPECT_EQ(ask(tagged, at, {}, {.tbid = true}).far.value, at);
}

// ESR_ELx.WnR of an instruction that reads and writes: "0 if a read of the address would have generated the fault".
TEST(arm64_access, tells_atomics_as_reads_where_a_read_would_fault_too) {
  access_request const atomic{.kind = access_kind::write, .atomic = true, .user = true};
  EXPECT_EQ(ask(arm64::stage1_4k_48_lower, 0x1000, atomic).esr, 0x9200'0004u) << "translation fault";
  one_of_each memory{{0, 0, 0, 0, 0}};
  auto const leaf = [&](u64 ap) {
    for (unsigned level : {1u, 2u, 3u}) memory.entry[level] = one_of_each::table(level - 1) | 3;
    memory.entry[0] = u64{0x9000} | 3 | bit(10) | ap << 6;
    return access(dynamic{&arm64::stage1_4k_48_lower}, root{{one_of_each::table(3)}}, {0x1000}, atomic, arm64::mmu{}, memory).error().esr;
  };
  EXPECT_EQ(leaf(3), 0x9200'004fu) << "what may be read but not written: a permission fault of the write";
  EXPECT_EQ(leaf(0), 0x9200'000fu) << "EL1's alone: of the read";
}

TEST(arm64_mmu_of, reads_TCR_and_SCTLR) {
  constexpr auto up = arm64::mmu_of(bit(56) | bit(7), bit(57) | bit(19), arm64::half::upper, true);
  static_assert(up.e0pd && !up.epd && up.epan && up.wxn && up.pan && !up.uao);
  constexpr auto low = arm64::mmu_of(bit(56) | bit(7), 0, arm64::half::lower);
  static_assert(!low.e0pd && low.epd && !low.epan && !low.wxn && !low.pan);
  static_assert(arm64::mmu_of(bit(51), 0, arm64::half::lower).tbid && !arm64::mmu_of(bit(51), 0, arm64::half::upper).tbid);
}

}  // namespace
