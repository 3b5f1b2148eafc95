// SPDX-License-Identifier: MIT
// Every combination of entry bits, access and control bits that decides on RISC-V, held against a model written from the
// specification. At size 1 every 11th combination is tried.
#include <pagewright/mmu/riscv.hpp>

#include <gtest/gtest.h>

#include <sstream>

#include "one_of_each.hpp"
#include "riscv_manual.hpp"

namespace {

using namespace pagewright;
using trial::digits;
using trial::one_of_each;

constexpr u64 va = 0x1234'5678;

struct one_case {
  riscv_manual::state state;
  riscv_manual::asked asked;
  u64                 entries[5];
};

/// Case `n`, or nothing if it says no more than another does.
auto case_of(int levels, u64 n) -> std::optional<one_case> {
  digits   d{n};
  one_case t{};
  t.state = {levels, d.flag(), d.flag(), d.flag()};
  u64 const kind = d.next(3);
  t.asked = {kind == 1, kind == 2, d.flag()};

  u64 const leaf_level = d.next(3), other = d.next(static_cast<u64>(levels));
  u64 const leaf = d.next(256) | d.next(2) << 63 | d.next(4) << 61 | d.next(3) * 4 << 54;  // V to D, N, PBMT, reserved
  u64 const low  = d.next(4);                                                             // of the PPN
  u64 const above = d.next(7);
  if (d.left != 0 || (other <= leaf_level && (above != 0 || other != leaf_level))) return std::nullopt;
  constexpr u64 above_bits[]{1, 0, 1 | riscv::u, 1 | riscv::a, 1 | riscv::g, 1 | riscv::n, 1 | u64{1} << 58};
  constexpr u64 ppns[]{0, 8, 1, 0x200};

  for (unsigned level = 0; level < static_cast<unsigned>(levels); ++level) {
    u64 const down = level > 0 ? one_of_each::table(level - 1) >> 2 : 0;
    t.entries[level] = down | (level == other && other > leaf_level ? above_bits[above] : 1);
    if (level == leaf_level) t.entries[level] = leaf | (u64{0x4'0000} << 18 | ppns[low]) << 10;
  }
  // A leaf slot without rights leads on.
  if (leaf_level > 0 && (leaf & 14) == 0) t.entries[leaf_level] = leaf | one_of_each::table(static_cast<unsigned>(leaf_level) - 1) >> 2;
  return t;
}
auto cases_of(int levels) -> u64 { return u64{8} * 3 * 2 * 3 * static_cast<u64>(levels) * 256 * 2 * 4 * 3 * 4 * 7; }

template <class H>
auto difference(H h, one_case const &t) -> std::string {
  auto const should = riscv_manual::answer_to(t.state, t.asked, va, t.entries);
  riscv::mmu const     mmu{.user_memory = t.state.sum, .execute_as_read = t.state.mxr};
  access_request const request{.kind = t.asked.write ? access_kind::write : t.asked.fetch ? access_kind::fetch : access_kind::read,
                               .user = t.asked.user};
  one_of_each memory{{t.entries[0], t.entries[1], t.entries[2], t.entries[3], t.entries[4]}};
  root const  top{{one_of_each::table(h->depth - 1u)}};
  auto const  is = access_and_mark(h, top, {va}, request, mmu, memory);

  std::ostringstream s;
  s << std::hex;
  if (is.has_value() != should.allowed) s << "\n  allowed: expected " << should.allowed << ", came " << is.has_value() << (is ? "" : text(is.error().why));
  if (!is && !should.allowed && static_cast<int>(is.error().cause) != should.cause)
    s << "\n  cause: expected 0x" << should.cause << ", came 0x" << static_cast<int>(is.error().cause);
  if (!is && is.error().address.value != va) s << "\n  stval: came 0x" << is.error().address.value;
  if (is && should.allowed) {
    if (is->address.value != should.physical) s << "\n  address: expected 0x" << should.physical << ", came 0x" << is->address.value;
    if (memory.entry[is->level] != should.leaf) s << "\n  leaf: expected 0x" << should.leaf << ", came 0x" << memory.entry[is->level];
  }
  for (unsigned i = 0; i < h->depth; ++i)
    if (!(is && i == is->level) && memory.entry[i] != t.entries[i]) s << "\n  entry " << i << " became 0x" << memory.entry[i];
  if (s.str().empty()) return {};
  std::ostringstream all;
  all << std::hex << (t.asked.write ? "write" : t.asked.fetch ? "fetch" : "read") << (t.asked.user ? " by the user" : "")
      << (t.state.sum ? " SUM" : "") << (t.state.mxr ? " MXR" : "") << (t.state.svadu ? " Svadu" : " Svade");
  for (unsigned i = h->depth; i-- > 0;) all << "\n  level " << i << ": 0x" << t.entries[i];
  return all.str() + s.str();
}

template <format const &Marks, format const &Faults>
void enumerate(int levels) {
  u64 const all = cases_of(levels), stride = trial::stride_of(11);
  u64 tried = 0, allowed = 0, wrong = 0;
  for (u64 n = 0; n < all; n += stride) {
    auto const t = case_of(levels, n);
    if (!t) continue;
    ++tried;
    auto const d = t->state.svadu ? difference(fixed<Marks>{}, *t) : difference(fixed<Faults>{}, *t);
    allowed += riscv_manual::answer_to(t->state, t->asked, va, t->entries).allowed;
    if (!d.empty() && ++wrong <= 3) ADD_FAILURE() << "case " << n << ": " << d;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(allowed * 400, tried) << "hardly anything is allowed: the cases are not what they should be";
  testing::Test::RecordProperty("cases", static_cast<int>(tried));
}

constexpr format sv39_svade = riscv::sv(3, {.hardware_accessed = false});
constexpr format sv57_svade = riscv::sv(5, {.hardware_accessed = false});

TEST(riscv_access, agrees_with_the_specification_in_every_case_of_sv39) { enumerate<riscv::sv39, sv39_svade>(3); }
TEST(riscv_access, agrees_with_the_specification_in_every_case_of_sv57) { enumerate<riscv::sv57, sv57_svade>(5); }

TEST(riscv_access, reports_by_cause_and_stval) {
  one_of_each memory{{0, 0, 0, 0, 0}};
  root const  top{{one_of_each::table(2)}};
  auto const  ask = [&](u64 at, access_request what) { return access(fixed<riscv::sv39>{}, top, {at}, what, riscv::mmu{}, memory).error(); };
  EXPECT_EQ(ask(0x1000, {}).cause, riscv::cause::load_page_fault);
  EXPECT_EQ(ask(0x1000, {.kind = access_kind::write}).cause, riscv::cause::store_page_fault);
  EXPECT_EQ(ask(0x1000, {.kind = access_kind::fetch}).cause, riscv::cause::fetch_page_fault);
  auto const outside = ask(0x40'0000'0000, {.user = true});
  EXPECT_EQ(outside.cause, riscv::cause::load_page_fault) << "an address of the wrong sign is a page fault, too";
  EXPECT_EQ(outside.address.value, 0x40'0000'0000u);
  EXPECT_EQ(outside.why, riscv::denial::not_canonical);
}

TEST(riscv_access, tells_missing_memory_as_an_access_fault) {
  struct {
    auto load(output_address, word) const -> std::optional<u64> { return std::nullopt; }
  } nowhere;
  auto const is = access(fixed<riscv::sv39>{}, root{}, {0}, {.kind = access_kind::write}, riscv::mmu{}, nowhere);
  EXPECT_EQ(is.error().cause, riscv::cause::store_access_fault);
}

TEST(riscv_mmu_of, reads_sstatus) {
  static_assert(riscv::mmu_of(bit(18)).user_memory && !riscv::mmu_of(bit(18)).execute_as_read);
  static_assert(riscv::mmu_of(bit(19)).execute_as_read && !riscv::mmu_of(bit(19)).user_memory);
}

}  // namespace
