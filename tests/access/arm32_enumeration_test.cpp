// SPDX-License-Identifier: MIT
// Every combination of descriptor bits, access and control bits that decides in stage 1 of AArch32, held against a model
// written from the manual: of short descriptors always all 230 thousand, of long ones every 5th of 7 million at size 1.
#include <pagewright/mmu/arm32.hpp>

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "arm32_manual.hpp"
#include "one_of_each.hpp"

namespace {

using namespace pagewright;
using trial::digits;
using trial::one_of_each;

constexpr u32 va = 0x1234'5678;

struct one_case {
  arm32_manual::state state;
  arm32_manual::asked asked;
  u64                 entries[3];  // of the last level first
};

/// Who asks for what. Nothing for an unprivileged fetch, which there is not.
auto asked_by(digits &d) -> std::optional<arm32_manual::asked> {
  u64 const kind = d.next(3), who = d.next(3);
  if (who == 2 && kind == 2) return std::nullopt;
  return arm32_manual::asked{kind == 1, kind == 2, who == 1, who == 2};
}

struct descriptors {
  bool                                    is_long;
  std::vector<format>                     formats;
  auto (*case_of)(u64) -> std::optional<one_case>;
  u64                                     cases;

  auto expected(one_case const &t) const -> arm32_manual::answer {
    return is_long ? arm32_manual::answer_to_long(t.state, t.asked, va, t.entries)
                   : arm32_manual::answer_to_short(t.state, t.asked, va, u32(t.entries[1]), u32(t.entries[0]));
  }
};

/// Which of the formats a state selects.
auto index_of(arm32_manual::state const &s, bool is_long) -> unsigned {
  return (s.wxn ? 1u : 0u) | (s.uwxn ? 2u : 0u) | (is_long ? s.hpd ? 4u : 0u : (s.afe ? 4u : 0u) | (s.has_pxn ? 8u : 0u));
}

auto short_case(u64 n) -> std::optional<one_case> {
  digits   d{n};
  one_case t{};
  t.state = {.afe = d.flag(), .wxn = d.flag(), .uwxn = d.flag(), .pan = d.flag(), .pd = false, .has_pxn = d.flag(),
             .hpd = false, .dacr = 0};
  auto const who = asked_by(d);
  if (!who) return std::nullopt;
  t.asked = *who;
  // The domain's own field, and all others to the contrary; a supersection is in domain 0 whatever its bits 8:5 say.
  u32 const held = u32(d.next(4)), domain = 5;
  u64 const bottom = d.next(4), top = d.next(4), ap = d.next(8), xn = d.next(2), twice = d.next(3);
  if (top != 1 && (bottom != 0 || twice == 2)) return std::nullopt;  // bottom: the page's. twice: PD, supersection
  if (top == 1 && twice == 1) return std::nullopt;
  t.state.pd = top == 1 && twice == 2;
  bool const super = top > 1 && twice == 1;
  u32 const  own   = super ? 0 : domain;
  t.state.dacr = (~(0x5555'5555u * held) & ~(3u << (2 * own))) | held << (2 * own);
  u64 const table = one_of_each::table(0) | xn << 2;
  u64 const leaf  = u64{0xab} << 24 | xn << 4 | (ap & 3) << 10 | (ap >> 2) << 15 | (super ? bit(18) : 0);
  t.entries[1] = top | domain << 5 | (top == 1 ? table : leaf);
  t.entries[0] = u64{0xab} << 24 | (ap & 3) << 4 | (ap >> 2) << 9 | xn << 15 | bottom;
  return t;
}
auto short_formats() -> descriptors {
  descriptors all{false, {}, short_case, u64{32} * 9 * 4 * 4 * 4 * 8 * 2 * 3};
  for (unsigned i = 0; i < 16; ++i)
    all.formats.push_back(arm32::short_descriptors({.access_flag              = (i & 4) != 0,
                                                    .privileged_execute_never = (i & 8) != 0,
                                                    .write_execute_never      = (i & 1) != 0,
                                                    .user_write_execute_never = (i & 2) != 0}));
  return all;
}

auto long_case(u64 n) -> std::optional<one_case> {
  digits   d{n};
  one_case t{};
  t.state = {.afe = false, .wxn = d.flag(), .uwxn = d.flag(), .pan = d.flag(), .pd = d.next(4) == 3, .has_pxn = true,
             .hpd = d.flag(), .dacr = 0};
  auto const who = asked_by(d);
  if (!who) return std::nullopt;
  t.asked = *who;
  u64 const leaf_level = d.next(3), other = d.next(3);
  u64 const leaf  = d.next(2) | d.next(4) << 6 | d.next(2) << 10 | d.next(4) << 53 | (d.flag() ? bit(45) : 0);
  u64 const above = (d.flag() ? 3u : 1u) | d.next(16) << 59 | (d.flag() ? bit(44) : 0);
  if (other <= leaf_level && (above != 3 || other != leaf_level)) return std::nullopt;
  for (unsigned level = 0; level < 3; ++level) {
    u64 const down = level > 0 ? one_of_each::table(level - 1) : 0;
    t.entries[level] = down | (level == other && other > leaf_level ? above : 3);
    if (level == leaf_level) t.entries[level] = leaf | (level == 0 ? 2u : 0u) | u64{0x12} << 30;
  }
  return t;
}
auto long_formats() -> descriptors {
  descriptors all{true, {}, long_case, u64{8} * 4 * 2 * 9 * 3 * 3 * (2 * 4 * 2 * 4 * 2) * (2 * 16 * 2)};
  for (unsigned i = 0; i < 8; ++i)
    all.formats.push_back(arm32::lpae_stage1({.no_table_permissions = (i & 4) != 0, .write_execute_never = (i & 1) != 0,
                                              .user_write_execute_never = (i & 2) != 0}));
  return all;
}

auto difference(descriptors const &of, one_case const &t) -> std::string {
  auto const    should = of.expected(t);
  dynamic const h{&of.formats[index_of(t.state, of.is_long)]};
  arm32::mmu const     mmu{.dacr = t.state.dacr, .pan = t.state.pan, .walks_disabled = t.state.pd};
  auto const           kind = t.asked.write ? access_kind::write : t.asked.fetch ? access_kind::fetch : access_kind::read;
  access_request const request{.kind = kind, .user = t.asked.pl0, .unprivileged = t.asked.unprivileged};
  one_of_each memory{{t.entries[0], t.entries[1], t.entries[2], 0, 0}};
  auto const  is = access_and_mark(h, root{{one_of_each::table(of.is_long ? 2 : 1)}}, {va}, request, mmu, memory);

  std::ostringstream s;
  s << std::hex;
  if (is.has_value() != should.allowed)
    s << "\n  allowed: expected " << should.allowed << ", came " << is.has_value() << ' ' << (is ? "" : text(is.error().why));
  if (!is && !should.allowed && is.error().fsr != should.fsr)
    s << "\n  FSR: expected 0x" << should.fsr << ", came 0x" << is.error().fsr;
  if (!is && is.error().far.value != va) s << "\n  FAR: came 0x" << is.error().far.value;
  if (is && should.allowed && is->address.value != should.physical)
    s << "\n  address: expected 0x" << should.physical << ", came 0x" << is->address.value;
  for (unsigned i = 0; i < 3; ++i)
    if (memory.entry[i] != t.entries[i]) s << "\n  entry " << i << " became 0x" << memory.entry[i];
  if (s.str().empty()) return {};
  std::ostringstream all;
  auto const flag = [&](bool on, char const *name) { all << (on ? " " : " -") << name; };
  all << std::hex << (t.asked.write ? "write" : t.asked.fetch ? "fetch" : "read") << " DACR 0x" << t.state.dacr;
  flag(t.asked.pl0, "PL0"), flag(t.asked.unprivileged, "unprivileged"), flag(t.state.afe, "AFE"), flag(t.state.wxn, "WXN"),
      flag(t.state.uwxn, "UWXN"), flag(t.state.pan, "PAN"), flag(t.state.pd, "PD"), flag(t.state.has_pxn, "PXN known"),
      flag(t.state.hpd, "HPD");
  for (unsigned i = 3; i-- > 0;) all << "\n  entry " << i << ": 0x" << t.entries[i];
  return all.str() + s.str();
}

void expect_agreement(descriptors const &of, u64 stride) {
  u64 tried = 0, allowed = 0, wrong = 0;
  for (u64 n = 0; n < of.cases; n += stride) {
    auto const t = of.case_of(n);
    if (!t) continue;
    ++tried;
    allowed += of.expected(*t).allowed;
    auto const d = difference(of, *t);
    if (!d.empty() && ++wrong <= 3) ADD_FAILURE() << "case " << n << ": " << d;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(allowed * 200, tried) << "hardly anything is allowed: the cases are not what they should be";
  testing::Test::RecordProperty("cases", static_cast<int>(tried));
}

TEST(arm32_access, agrees_with_the_manual_in_every_case_of_short_descriptors) {
  expect_agreement(short_formats(), 1);
}
TEST(arm32_access, agrees_with_the_manual_in_every_case_of_long_descriptors) {
  expect_agreement(long_formats(), trial::stride_of(5));
}

auto ask(format const &f, u64 at, access_request what, arm32::mmu const &mmu = {}) -> arm32::abort {
  one_of_each memory{{0, 0, 0, 0, 0}};
  return access(dynamic{&f}, root{{one_of_each::table(f.depth - 1u)}}, {at}, what, mmu, memory).error();
}

// As Linux prints them: "Unable to handle kernel NULL pointer dereference ... Oops: 5" for short descriptors (805 for a
// write); long ones have bit 9 set.
TEST(arm32_access, reports_by_FSR_as_kernels_know_it) {
  EXPECT_EQ(ask(arm32::short_32, 0x1000, {}).fsr, 0x5u);
  EXPECT_EQ(ask(arm32::short_32, 0x1000, {.kind = access_kind::write}).fsr, 0x805u);
  EXPECT_EQ(ask(arm32::lpae_32, 0x1000, {}).fsr, 0x205u);
  EXPECT_EQ(ask(arm32::lpae_32, 0x1000, {.kind = access_kind::write}).fsr, 0xa05u);
  EXPECT_EQ(ask(arm32::lpae_30_high, 0xc000'1000, {}).fsr, 0x206u) << "30 bits start at level 2";
  EXPECT_EQ(ask(arm32::lpae_30_high, 0x8000'1000, {}).fsr, 0x205u) << "the gap is a fault of level 1 all the same";
}

TEST(arm32_access, names_the_domain_where_the_first_level_has_said_it) {
  one_of_each memory{{0, one_of_each::table(0) | 7 << 5 | 1, 0, 0, 0}};
  auto const ask_for = [&](access_kind kind, arm32::mmu const &mmu) {
    return access(dynamic{&arm32::short_32}, root{{one_of_each::table(1)}}, {0x1000}, {.kind = kind}, mmu, memory).error();
  };
  EXPECT_EQ(ask_for(access_kind::read, {}).fsr, 0x77u);
  EXPECT_EQ(ask_for(access_kind::fetch, {}).fsr, 0x7u) << "IFSR has no domain";
  EXPECT_EQ(ask_for(access_kind::read, {.dacr = 0}).fsr, 0x77u) << "translation faults come before domain faults";
  memory.entry[0] = 0x12;
  EXPECT_EQ(ask_for(access_kind::read, {.dacr = 0}).fsr, 0x7bu);
}

TEST(arm32_mmu_of, reads_TTBCR_and_DACR) {
  constexpr auto low = arm32::mmu_of(bit(4), 0x1234, arm32::half::lower, true);
  static_assert(low.walks_disabled && low.pan && low.dacr == 0x1234);
  static_assert(!arm32::mmu_of(bit(4), 0, arm32::half::upper).walks_disabled);
  static_assert(arm32::mmu_of(bit(31) | bit(23), 0, arm32::half::upper).walks_disabled);
}

}  // namespace
