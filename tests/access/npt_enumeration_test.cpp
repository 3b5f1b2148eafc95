// SPDX-License-Identifier: MIT
// Every combination of nested paging's entry bits, the host's controls and accesses, held against a model written from the
// manual. At size 1 one of 11 cases of some 18 million is tried.
#include <pagewright/mmu/npt.hpp>

#include <gtest/gtest.h>

#include <sstream>

#include "npt_manual.hpp"
#include "one_of_each.hpp"

namespace {

using namespace pagewright;
using trial::digits;
using trial::one_of_each;

struct one_case {
  npt_manual::state state;
  npt_manual::asked asked;
  purpose           wants;
  bool              in_register;
  u64               entries[5];
};

auto text(one_case const &t) -> std::string {
  std::ostringstream s;
  auto const flag = [&](bool on, char const *name) { s << (on ? " " : " -") << name; };
  s << t.state.levels << " levels, " << (t.asked.table ? "table for a " : "")
    << (t.asked.write ? "write" : t.asked.fetch ? "fetch" : "read") << std::hex;
  flag(t.asked.user, "user"), flag(t.state.nxe, "NXE"), flag(t.state.smep, "SMEP"), flag(t.state.gmet, "GMET");
  for (int i = t.state.levels - 1; i >= 0; --i) s << "\n  level " << i << ": 0x" << t.entries[i];
  return s.str();
}

/// Empty if both say the same.
auto difference(format const &f, one_case const &t) -> std::string {
  constexpr u64 address = 0x1234'5678;
  auto const should = npt_manual::answer_to(t.state, t.asked, address, t.entries);
  npt::mmu const mmu{.no_execute = t.state.nxe && t.state.levels >= 3, .smep = t.state.smep};
  access_request const request{.kind = t.asked.write ? access_kind::write : t.asked.fetch ? access_kind::fetch : access_kind::read,
                               .user = t.asked.user, .above = stage_above{.wants = t.wants, .in_register = t.in_register}};
  one_of_each memory{{t.entries[0], t.entries[1], t.entries[2], t.entries[3], t.entries[4]}};
  root const  top{{one_of_each::table(static_cast<unsigned>(t.state.levels - 1))}};
  auto const  is = access_and_mark(dynamic{&f}, top, {address}, request, mmu, memory);

  std::ostringstream s;
  s << std::hex;
  if (is.has_value() != should.allowed) s << "\n  allowed: expected " << should.allowed << ", came " << is.has_value();
  if (!is && !should.allowed && is.error().code != should.code)
    s << "\n  EXITINFO1: expected 0x" << should.code << ", came 0x" << is.error().code;
  if (!is && is.error().guest_physical.value != address) s << "\n  EXITINFO2: came 0x" << is.error().guest_physical.value;
  if (is && should.allowed && is->address.value != should.physical)
    s << "\n  address: expected 0x" << should.physical << ", came 0x" << is->address.value;
  for (int i = 0; i < t.state.levels; ++i)
    if (memory.entry[i] != should.marked[i])
      s << "\n  entry " << i << ": expected 0x" << should.marked[i] << ", came 0x" << memory.entry[i];
  return s.str().empty() ? std::string{} : text(t) + s.str();
}

/// Case `n`, or nothing if it says no more than another does.
auto case_of(int levels, u64 n) -> std::optional<one_case> {
  digits d{n};
  one_case t{};
  t.state = {levels, d.flag(), d.flag(), d.flag()};
  auto const kind = d.next(3), who = d.next(5);  // kernel, user, table load, the same ahead, mark
  t.asked = {kind == 1, kind == 2, who == 1, who >= 2};
  t.wants = who < 2 ? purpose::data : who == 4 ? purpose::table_mark : purpose::table_load;
  t.in_register = who == 3;

  u64 const leaf_level = d.next(levels <= 3 ? 2 : 3);
  u64 const other      = d.next(static_cast<u64>(levels));  // the level above whose bits vary too
  u64 const reserved   = levels == 2 ? (leaf_level == 1 ? bit(21) : 0) : bit(45);
  u64 const leaf  = d.next(8) | d.next(2) << 6 | d.next(2) << 63 | (d.flag() ? reserved : 0);
  u64 const extras[]{0, levels > 2 ? bit(45) : 0, bit(8), levels > 3 ? bit(7) : 0};
  u64 const above = d.next(8) | d.next(2) << 63 | extras[d.next(4)];
  if (d.left != 0 || other < leaf_level || (other == leaf_level && above != 0)) return std::nullopt;

  for (unsigned level = 0; level < static_cast<unsigned>(levels); ++level) {
    bool const pdpte = levels == 3 && level == 2;
    u64 entry = pdpte ? 1u : 7u;
    if (level == other && other > leaf_level) entry = above;
    if (level > 0) entry |= one_of_each::table(level - 1);
    if (level == leaf_level) entry = leaf | (level > 0 ? bit(7) : 0) | u64{0x12} << 30;
    t.entries[level] = levels == 2 ? entry & 0xffff'ffff : entry;
  }
  return t;
}

void enumerate(int levels, x86::mode mode) {
  format formats[4];
  for (unsigned n = 0; n < 4; ++n) {
    x86::options const host{.physical_bits = 40, .no_execute = (n & 1) != 0, .amd = true};
    formats[n] = npt::nested(mode, {.host = host, .execute_trap = (n & 2) != 0});
  }
  u64 const all = u64{8} * 3 * 5 * (levels <= 3 ? 2 : 3) * static_cast<u64>(levels) * 64 * 64, stride = trial::stride_of(11);
  u64 tried = 0, allowed = 0, wrong = 0;
  for (u64 n = 0; n < all; n += stride) {
    auto const t = case_of(levels, n);
    if (!t) continue;
    ++tried;
    allowed += npt_manual::answer_to(t->state, t->asked, 0, t->entries).allowed;
    auto const d = difference(formats[(t->state.nxe ? 1 : 0) | (t->state.gmet ? 2 : 0)], *t);
    if (!d.empty() && ++wrong <= 3) ADD_FAILURE() << "case " << n << ": " << d;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(allowed * 1000, tried) << "hardly anything is allowed: the cases are not what they should be";
  EXPECT_LT(allowed * 2, tried);
  testing::Test::RecordProperty("cases", static_cast<int>(tried));
}

TEST(npt_access, agrees_with_the_manual_in_every_case_of_a_32_bit_host) { enumerate(2, x86::mode::paging_32); }
TEST(npt_access, agrees_with_the_manual_in_every_case_of_a_pae_host) { enumerate(3, x86::mode::pae); }
TEST(npt_access, agrees_with_the_manual_in_every_case_of_a_4_level_host) { enumerate(4, x86::mode::paging_4level); }
TEST(npt_access, agrees_with_the_manual_in_every_case_of_a_5_level_host) { enumerate(5, x86::mode::paging_5level); }

}  // namespace
