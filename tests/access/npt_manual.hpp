// SPDX-License-Identifier: MIT
// Nested paging, written down from the manual without this library: a host in 32-bit (with PSE), PAE, 4-level or 5-level
// paging, with 40 physical address bits. Kept plain. AMD APM 2, 5.3 to 5.6 and 15.25.
#pragma once

#include <cstdint>

namespace npt_manual {

struct state {
  int  levels;                   // 2: 32-bit with PSE, 3: PAE, 4, 5
  bool nxe, smep, gmet;
};

struct asked {
  bool write, fetch, user, table;  // table: the guest's tables are read or marked
};

struct answer {
  bool          allowed;
  std::uint64_t code;            // EXITINFO1
  std::uint64_t physical;
  std::uint64_t marked[5];
};

/// entries[0] is the one nearest to the page. What lies below a large page is not looked at.
inline auto answer_to(state const &s, asked const &q, std::uint64_t address, std::uint64_t const (&entries)[5]) -> answer {
  auto const bit = [](int n) { return std::uint64_t{1} << n; };
  bool const has_nx  = s.nxe && s.levels >= 3;
  bool const writes  = q.table || q.write, fetches = !q.table && q.fetch;

  // 15.25.6: always a user's access; a guest's tables are always written.
  std::uint64_t code = 4 | (q.table ? bit(33) : bit(32));
  if (writes) code |= 2;
  if (fetches && (has_nx || s.smep)) code |= 16;

  answer a{};
  for (int i = 0; i < 5; ++i) a.marked[i] = entries[i];

  bool user_page = true, writable = true, no_execute = false;
  int  at = s.levels - 1;
  for (;; --at) {
    std::uint64_t const e = entries[at];
    if ((e & 1) == 0) return a.code = code, a;

    bool const pdpte = s.levels == 3 && at == 2, large = (e & bit(7)) != 0;
    bool const leaf  = at == 0 || (large && (at == 1 || (at == 2 && s.levels >= 4)));
    std::uint64_t reserved = 0;
    if (s.levels == 2) {
      if (leaf && at == 1) reserved = bit(21);
    } else {
      if (leaf && at > 0) reserved |= bit(12 + 9 * at) - bit(13);
      if (at >= 3) reserved |= bit(7) | bit(8);                 // 5.3: in PML4E and PML5E these are MBZ
      reserved |= bit(52) - bit(40);
      if (s.levels == 3) reserved |= bit(63) - bit(52);
      if (!s.nxe || pdpte) reserved |= bit(63);
      if (pdpte) reserved |= bit(1) | bit(2) | bit(5) | bit(6) | bit(7) | bit(8);
    }
    if ((e & reserved) != 0) return a.code = code | 1 | 8, a;

    if (!pdpte) {
      user_page  = user_page && (e & 4) != 0;
      writable   = writable && (e & 2) != 0;
      no_execute = no_execute || (has_nx && (e & bit(63)) != 0);
    }
    if (leaf) break;
  }

  bool refused = !user_page || (writes && !writable) || (fetches && no_execute);
  if (fetches && s.gmet && !q.user && user_page) refused = true;  // GMET
  if (refused) return a.code = code | 1, a;

  for (int i = s.levels - 1; i >= at; --i)
    if (!(s.levels == 3 && i == 2)) a.marked[i] |= bit(5);
  if (writes) a.marked[at] |= bit(6);

  int const           index_bits = s.levels == 2 ? 10 : 9;
  std::uint64_t const last = entries[at], inside = bit(12 + index_bits * at) - 1;
  std::uint64_t base = last & (bit(40) - 1) & ~inside;
  if (s.levels == 2) base = (last & 0xffff'ffff & ~inside) | (at == 1 ? (last >> 13 & 0xff) << 32 : 0);  // PSE-36
  a.allowed  = true;
  a.physical = base | (address & inside);
  return a;
}

}  // namespace npt_manual
