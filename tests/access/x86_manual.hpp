// SPDX-License-Identifier: MIT
// The MMU of an x86 processor, written down from the manual without this library: for 32-bit, PAE, 4-level and 5-level
// paging with a MAXPHYADDR of 40. Kept plain. Intel SDM 3A 5.3 to 5.8; section numbers stand beside each rule.
#pragma once

#include <cstdint>

namespace x86_manual {

struct state {
  int  levels;                       // 2: 32-bit with PSE, 3: PAE, 4, 5
  bool wp, nxe, smep, smap, ac, pke, pks;
  std::uint32_t pkru, pkrs;
};

struct asked {
  bool write, fetch, user, implicit, shadow_stack;
};

struct answer {
  bool          allowed;
  std::uint32_t code;                // of the page fault
  std::uint64_t physical;
  std::uint64_t marked[5];           // the entries afterwards
};

/// entries[0] is the one nearest to the page. What lies below a large page is not looked at.
inline auto answer_to(state const &s, asked const &q, std::uint64_t linear, std::uint64_t const (&entries)[5]) -> answer {
  auto const bit = [](int n) { return std::uint64_t{1} << n; };
  bool const user = q.user && !q.implicit;
  bool const has_nx = s.nxe && s.levels >= 3;

  // 5.7: what the error code says of the access whatever is wrong.
  std::uint32_t code = 0;
  if (q.write) code |= 2;
  if (user) code |= 4;
  if (q.fetch && (has_nx || s.smep)) code |= 16;
  if (q.shadow_stack) code |= 64;

  answer a{};
  for (int i = 0; i < 5; ++i) a.marked[i] = entries[i];

  bool user_page = true, writable = true, no_execute = false, upper_writable = true;
  int  at = s.levels - 1;
  for (;; --at) {
    std::uint64_t const e = entries[at];
    if ((e & bit(0)) == 0) return a.code = code, a;  // not present: P stays clear

    bool const pdpte = s.levels == 3 && at == 2;
    bool       leaf  = at == 0;
    std::uint64_t reserved = 0;
    if (s.levels == 2) {                                        // 5.3
      if (at == 1 && (e & bit(7)) != 0) leaf = true, reserved = bit(21);
    } else {
      if (s.levels >= 4 && at == 2 && (e & bit(7)) != 0) leaf = true, reserved |= (bit(30) - 1) & ~(bit(13) - 1);
      if (at == 1 && (e & bit(7)) != 0) leaf = true, reserved |= (bit(21) - 1) & ~(bit(13) - 1);
      if (at >= 3) reserved |= bit(7);                          // 5.5, tables 5-14 and 5-15: PS of PML5E and PML4E
      reserved |= bit(52) - bit(40);                            // above MAXPHYADDR
      if (s.levels == 3) reserved |= bit(63) - bit(52);         // 5.4: PAE has no available bits there
      if (!s.nxe || pdpte) reserved |= bit(63);
      if (pdpte) reserved |= bit(1) | bit(2) | bit(5) | bit(6) | bit(7) | bit(8);  // table 5-8
    }
    if ((e & reserved) != 0) return a.code = pdpte ? 0 : code | 1 | 8, a;  // of PDPTEs: #GP(0) when CR3 is loaded (5.4.1)

    if (!pdpte) {
      user_page  = user_page && (e & bit(2)) != 0;
      no_execute = no_execute || (has_nx && (e & bit(63)) != 0);
      if (!leaf) upper_writable = upper_writable && (e & bit(1)) != 0;
      writable = writable && (e & bit(1)) != 0;
    }
    if (leaf) break;
  }
  std::uint64_t const last = entries[at];

  // 5.6.1
  bool refused = false;
  if (q.shadow_stack) {
    bool const shadow = (last & bit(1)) == 0 && (last & bit(6)) != 0 && upper_writable;
    refused = !shadow || user != user_page;
  } else if (user) {
    if (!user_page) refused = true;
    if (q.write && !writable) refused = true;
    if (q.fetch && no_execute) refused = true;
  } else {
    if (!q.fetch && user_page && s.smap && (q.implicit || !s.ac)) refused = true;
    if (q.write && !writable && s.wp) refused = true;
    if (q.fetch && user_page && s.smep) refused = true;
    if (q.fetch && no_execute) refused = true;
  }
  // 5.6.2
  if (s.levels >= 4 && !q.fetch) {
    int const key = static_cast<int>(last >> 59 & 15);
    std::uint32_t held = 0;
    if (user_page && s.pke) held = s.pkru >> (2 * key) & 3;
    if (!user_page && s.pks && !user) held = s.pkrs >> (2 * key) & 3;
    if ((held & 1) != 0 || ((held & 2) != 0 && q.write && (user || s.wp))) refused = true, code |= 32;
  }
  if (refused) return a.code = code | 1, a;

  // 5.8: accessed in every entry used, but for PDPTEs; dirty in the last.
  for (int i = s.levels - 1; i >= at; --i)
    if (!(s.levels == 3 && i == 2)) a.marked[i] |= bit(5);
  if (q.write) a.marked[at] |= bit(6);

  int const      index_bits = s.levels == 2 ? 10 : 9;
  std::uint64_t const inside = bit(12 + index_bits * at) - 1;
  std::uint64_t base = last & (bit(40) - 1) & ~inside;
  if (s.levels == 2) base = (last & 0xffff'ffff & ~inside) | (at == 1 ? (last >> 13 & 0xff) << 32 : 0);  // PSE-36
  a.allowed  = true;
  a.physical = base | (linear & inside);
  return a;
}

}  // namespace x86_manual
