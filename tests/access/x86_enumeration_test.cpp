// SPDX-License-Identifier: MIT
// Every combination of entry bits, access and control bits that decides, held against a model written from the manual:
// the idea of the access test of kvm-unit-tests. At size 1 every 31st of some 360 million cases is tried.
#include <pagewright/mmu/x86.hpp>

#include <gtest/gtest.h>

#include <sstream>

#include "one_of_each.hpp"
#include "x86_manual.hpp"

namespace {

using namespace pagewright;
using trial::digits;
using trial::one_of_each;

constexpr auto options_of(bool nxe, bool keys) -> x86::options {
  return {.physical_bits = 40, .no_execute = nxe, .protection_keys = keys};
}
constexpr format p32      = x86::paging_32(options_of(false, false));
constexpr format pae_nx   = x86::paging_pae(options_of(true, false));
constexpr format pae_old  = x86::paging_pae(options_of(false, false));
constexpr format four_nx  = x86::paging_4level(options_of(true, true));
constexpr format four_old = x86::paging_4level(options_of(false, true));
constexpr format five_nx  = x86::paging_5level(options_of(true, true));
constexpr format five_old = x86::paging_5level(options_of(false, true));

struct one_case {
  x86_manual::state state;
  x86_manual::asked asked;
  u64               entries[5];
};

auto text(one_case const &t) -> std::string {
  std::ostringstream s;
  auto const flag = [&](bool on, char const *name) { s << (on ? " " : " -") << name; };
  s << t.state.levels << " levels, " << (t.asked.write ? "write" : t.asked.fetch ? "fetch" : "read") << std::hex;
  flag(t.asked.user, "user"), flag(t.asked.implicit, "implicit"), flag(t.asked.shadow_stack, "shadow-stack");
  flag(t.state.wp, "WP"), flag(t.state.nxe, "NXE"), flag(t.state.smep, "SMEP"), flag(t.state.smap, "SMAP");
  flag(t.state.ac, "AC"), flag(t.state.pke, "PKE"), flag(t.state.pks, "PKS");
  s << " PKRU " << t.state.pkru << " PKRS " << t.state.pkrs;
  for (int i = t.state.levels - 1; i >= 0; --i) s << "\n  level " << i << ": 0x" << t.entries[i];
  return s.str();
}

/// Empty if both say the same.
template <class H>
auto difference(H h, one_case const &t) -> std::string {
  constexpr u64 linear = 0x1234'5678;
  auto const should = x86_manual::answer_to(t.state, t.asked, linear, t.entries);
  x86::mmu const mmu{.write_protect = t.state.wp, .no_execute = t.state.nxe && t.state.levels >= 3, .smep = t.state.smep,
                     .smap = t.state.smap, .alignment_check = t.state.ac, .user_keys = t.state.pke && t.state.levels >= 4,
                     .supervisor_keys = t.state.pks && t.state.levels >= 4, .pkru = t.state.pkru, .pkrs = t.state.pkrs};
  access_request const request{.kind = t.asked.write ? access_kind::write : t.asked.fetch ? access_kind::fetch : access_kind::read,
                               .user = t.asked.user, .implicit = t.asked.implicit, .shadow_stack = t.asked.shadow_stack};
  one_of_each memory{{t.entries[0], t.entries[1], t.entries[2], t.entries[3], t.entries[4]}};
  root const  top{{one_of_each::table(static_cast<unsigned>(t.state.levels - 1))}};
  auto const  is = access_and_mark(h, top, {linear}, request, mmu, memory);

  std::ostringstream s;
  s << std::hex;
  if (is.has_value() != should.allowed) s << "\n  allowed: expected " << should.allowed << ", came " << is.has_value();
  if (!is && !should.allowed && is.error().code != should.code) s << "\n  code: expected 0x" << should.code << ", came 0x" << is.error().code;
  if (!is && is.error().address.value != linear) s << "\n  CR2: came 0x" << is.error().address.value;
  if (is && should.allowed && is->address.value != should.physical)
    s << "\n  address: expected 0x" << should.physical << ", came 0x" << is->address.value;
  for (int i = 0; i < t.state.levels; ++i)
    if (memory.entry[i] != should.marked[i]) s << "\n  entry " << i << ": expected 0x" << should.marked[i] << ", came 0x" << memory.entry[i];
  return s.str().empty() ? std::string{} : text(t) + s.str();
}

/// Case `n`, or nothing if it says no more than another does.
auto case_of(int levels, u64 n) -> std::optional<one_case> {
  digits d{n};
  one_case t{};
  auto  &s = t.state;
  s.levels = levels;
  s.wp = d.flag(), s.smep = d.flag(), s.smap = d.flag(), s.ac = d.flag();
  s.nxe = levels > 2 && d.flag();
  bool const keys = levels > 3;
  s.pke = keys && d.flag(), s.pks = keys && d.flag();
  u64 const key = keys ? d.next(2) * 9 : 0, held = keys ? d.next(3) : 0;
  s.pkru = static_cast<std::uint32_t>(held << 18), s.pkrs = static_cast<std::uint32_t>(held << 18);

  auto const kind = d.next(5), who = d.next(3);
  t.asked = {kind == 1 || kind == 3, kind == 2, who == 1, who == 2, kind >= 3};

  u64 const  leaf_level = d.next(levels == 2 ? 2 : levels == 3 ? 2 : 3);
  u64 const  other      = d.next(static_cast<u64>(levels));  // the level above whose bits vary too
  u64 const  reserved   = levels == 2 ? (leaf_level == 1 ? bit(21) : 0) : bit(45);
  u64 const  leaf = d.next(2) | d.next(2) << 1 | d.next(2) << 2 | d.next(2) << 6 | (levels > 2 ? d.next(2) << 63 : 0) | (d.flag() ? reserved : 0);
  u64 const  above = d.next(2) | d.next(2) << 1 | d.next(2) << 2 | (levels > 2 ? d.next(2) << 63 : 0) | (levels > 2 && d.flag() ? bit(45) : 0);
  if (d.left != 0 || (other <= leaf_level && (above != 0 || other != leaf_level))) return std::nullopt;

  for (unsigned level = 0; level < static_cast<unsigned>(levels); ++level) {
    bool const pdpte = levels == 3 && level == 2;
    u64 entry = pdpte ? 1u : 7u;
    if (level == other && other > leaf_level) entry = pdpte ? above & ~u64{6} : above;
    if (level > 0) entry |= one_of_each::table(level - 1);
    if (level == leaf_level) entry = leaf | key << 59 | (level > 0 ? bit(7) : 0) | u64{0x12} << 30;
    t.entries[level] = levels == 2 ? entry & 0xffff'ffff : entry;
  }
  return t;
}
auto cases_of(int levels) -> u64 {
  u64 const controls = (levels > 2 ? 32u : 16u) * (levels > 3 ? 24u : 1u), asked = 15,
            shapes = static_cast<u64>(levels) * (levels > 3 ? 3 : 2), leaf = levels > 2 ? 64 : 32, above = levels > 2 ? 32 : 8;
  return controls * asked * shapes * leaf * above;
}

template <format const &Nx, format const &Old>
void enumerate(int levels) {
  u64 const all = cases_of(levels), stride = trial::stride_of(31);
  u64 tried = 0, allowed = 0, wrong = 0;
  for (u64 n = 0; n < all; n += stride) {
    auto const t = case_of(levels, n);
    if (!t) continue;
    ++tried;
    auto const d = t->state.nxe ? difference(fixed<Nx>{}, *t) : difference(fixed<Old>{}, *t);
    allowed += x86_manual::answer_to(t->state, t->asked, 0, t->entries).allowed;
    if (!d.empty() && ++wrong <= 3) ADD_FAILURE() << "case " << n << ": " << d;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(allowed * 400, tried) << "hardly anything is allowed: the cases are not what they should be";
  EXPECT_LT(allowed * 2, tried);
  testing::Test::RecordProperty("cases", static_cast<int>(tried));
}

TEST(x86_access, agrees_with_the_manual_in_every_case_of_32_bit_paging) { enumerate<p32, p32>(2); }
TEST(x86_access, agrees_with_the_manual_in_every_case_of_pae_paging) { enumerate<pae_nx, pae_old>(3); }
TEST(x86_access, agrees_with_the_manual_in_every_case_of_4_level_paging) { enumerate<four_nx, four_old>(4); }
TEST(x86_access, agrees_with_the_manual_in_every_case_of_5_level_paging) { enumerate<five_nx, five_old>(5); }

}  // namespace
