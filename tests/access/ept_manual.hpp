// SPDX-License-Identifier: MIT
// Extended page tables, written down from the manual without this library: 4 and 5 levels with a MAXPHYADDR of 40. Kept
// plain. Intel SDM 3C, "VMX support for address translation"; the rules stand under the manual's names.
#pragma once

#include <cstdint>

namespace ept_manual {

struct state {
  int  levels;
  bool accessed_dirty, mode_based, execute_only, exceptions, shadow_stack, paging_write, advanced;
};

/// What wants a guest-physical address.
enum class from { linear, unpaged, table_read, table_mark, pdpte_load };

struct asked {
  from who;
  bool write, fetch, user, shadow_stack;
  bool user_page, writable_page, no_execute_page;  // of `linear`: the page of the guest's paging
};

struct answer {
  bool          allowed;
  int           reason;         // 48 violation, 49 misconfiguration
  std::uint64_t qualification;
  bool          exception;      // #VE in place of the exit
  std::uint64_t physical;
  std::uint64_t marked[5];
};

/// entries[0] is the one nearest to the page. What lies below a large page is not looked at.
inline auto answer_to(state const &s, asked const &q, std::uint64_t address, std::uint64_t const (&entries)[5]) -> answer {
  auto const bit = [](int n) { return std::uint64_t{1} << n; };
  auto const is  = [&](std::uint64_t e, int n) { return (e & bit(n)) != 0; };

  answer a{};
  for (int i = 0; i < 5; ++i) a.marked[i] = entries[i];

  bool const table = q.who == from::table_read || q.who == from::table_mark || q.who == from::pdpte_load;
  bool const both  = s.accessed_dirty && (q.who == from::table_read || q.who == from::table_mark);
  bool const reads  = both || q.who == from::table_read || q.who == from::pdpte_load || (!table && !q.write && !q.fetch);
  bool const writes = both || q.who == from::table_mark || (!table && q.write);
  bool const fetches = !table && q.fetch;
  bool const user_address = q.who == from::unpaged || q.user_page;

  // Exit qualification: what it says whatever is wrong.
  std::uint64_t said = 0;
  if (reads) said |= bit(0);
  if (writes) said |= bit(1);
  if (fetches) said |= bit(2);
  if (q.who != from::pdpte_load) said |= bit(7);
  if (!table) said |= bit(8);
  if (!table && s.advanced) {
    if (user_address) said |= bit(9);
    if (q.who == from::unpaged || q.writable_page) said |= bit(10);
    if (q.who != from::unpaged && q.no_execute_page) said |= bit(11);
  }
  if (!table && q.shadow_stack) said |= bit(13);

  bool r = true, w = true, x = true, xu = true, upper_w = true;
  int  at = s.levels - 1;
  for (;; --at) {
    std::uint64_t const e = entries[at];

    // "A present entry": any of bits 2:0, or with mode-based execute control of bits 10 and 2:0.
    if ((e & 7) == 0 && !(s.mode_based && is(e, 10))) {
      a.reason = 48, a.qualification = said, a.exception = s.exceptions && !is(e, 63);
      return a;
    }
    bool const leaf = at == 0 || ((at == 1 || at == 2) && is(e, 7));

    // "EPT misconfigurations"
    bool wrong = !is(e, 0) && is(e, 1);
    if (!s.execute_only && !is(e, 0)) wrong = true;  // present, so X or XU
    if ((e & (bit(52) - bit(40))) != 0) wrong = true;
    if (!leaf && (e >> 3 & 15) != 0) wrong = true;
    if (at >= 3 && is(e, 7)) wrong = true;
    if (leaf && at > 0 && (e & (bit(12 + 9 * at) - bit(12))) != 0) wrong = true;
    std::uint64_t const type = e >> 3 & 7;
    if (leaf && (type == 2 || type == 3 || type == 7)) wrong = true;
    if (leaf && s.paging_write && is(e, 58) && !is(e, 0)) wrong = true;
    if (wrong) return a.reason = 49, a;

    r = r && is(e, 0), w = w && is(e, 1), x = x && is(e, 2), xu = xu && is(e, 10);
    if (!leaf) upper_w = upper_w && is(e, 1);
    if (leaf) break;
  }
  std::uint64_t const last = entries[at];

  // "EPT violations"
  bool refused = false;
  if (s.shadow_stack && q.shadow_stack && !q.user && !table) {
    refused = !r || !upper_w || !is(last, 60);
  } else {
    if (reads && !r) refused = true;
    if (writes && !w) refused = true;
    if (fetches && !s.mode_based && !x) refused = true;
    if (fetches && s.mode_based && !(user_address ? xu : x)) refused = true;
  }
  if (refused) {
    if (r) said |= bit(3);
    if (w) said |= bit(4);
    if (x) said |= bit(5);
    if (xu && s.mode_based) said |= bit(6);
    if (s.shadow_stack && is(last, 60)) said |= bit(14);
    a.reason = 48, a.qualification = said, a.exception = s.exceptions && !is(last, 63);
    return a;
  }

  // "Accessed and dirty flags for EPT"
  if (s.accessed_dirty) {
    for (int i = s.levels - 1; i >= at; --i) a.marked[i] |= bit(8);
    if (writes) a.marked[at] |= bit(9);
  }
  std::uint64_t const inside = bit(12 + 9 * at) - 1;
  a.allowed  = true;
  a.physical = (last & (bit(40) - 1) & ~inside) | (address & inside);
  return a;
}

}  // namespace ept_manual
