// SPDX-License-Identifier: MIT
// Stage 1 of AArch64's EL1&0 translation, written down from the manual's pseudocode (AArch64.S1Walk,
// S1DirectBasePermissions, S1CheckPermissions) without this library: the 4K granule with 48 bits of input in the lower half
// and 40 bits of output. Kept plain.
#pragma once

#include <cstdint>

namespace arm64_manual {

struct state {
  bool ha, hd, hpd;                      // TCR
  bool pan, uao, epan, wxn;
};
struct asked {
  bool write, fetch, el0, unprivileged;  // unprivileged: LDTR or STTR at EL1
};
struct answer {
  bool          allowed;
  std::uint64_t esr;
  std::uint64_t physical;
  std::uint64_t leaf;  // afterwards
};

/// entries[0] is of level 3.
inline auto answer_to(state const &s, asked const &q, std::uint64_t va, std::uint64_t const (&entries)[5]) -> answer {
  auto const bit = [](std::uint64_t of, int n) { return (of >> n & 1) != 0; };
  auto const abort = [&](unsigned status) {
    std::uint64_t const ec = q.fetch ? (q.el0 ? 0x20 : 0x21) : q.el0 ? 0x24 : 0x25;
    return answer{false, ec << 26 | std::uint64_t{1} << 25 | (q.write ? 64u : 0u) | status, 0, 0};
  };
  if (va >> 48 != 0) return abort(0b000100);

  bool ap_table0 = false, ap_table1 = false, pxn_table = false, uxn_table = false;
  for (unsigned level = 0;; ++level) {
    std::uint64_t const d = entries[3 - level];
    int const shift = 39 - 9 * static_cast<int>(level);
    if (!bit(d, 0)) return abort(0b000100 + level);
    bool const table = bit(d, 1) && level < 3;
    if (!bit(d, 1) && (level == 0 || level == 3)) return abort(0b000100 + level);
    std::uint64_t const mask = table || level == 3 ? (std::uint64_t{1} << 12) - 1 : (std::uint64_t{1} << shift) - 1;
    std::uint64_t const base = d & 0xffff'ffff'ffff & ~mask;
    if (base >> 40 != 0) return abort(0b000000 + level);
    if (table) {
      if (!s.hpd) {
        ap_table0 = ap_table0 || bit(d, 61);
        ap_table1 = ap_table1 || bit(d, 62);
        pxn_table = pxn_table || bit(d, 59);
        uxn_table = uxn_table || bit(d, 60);
      }
      continue;
    }
    std::uint64_t leaf = d;
    if (!bit(d, 10)) {
      if (!s.ha) return abort(0b001000 + level);
      leaf |= std::uint64_t{1} << 10;
    }
    bool const manages = s.ha && s.hd && bit(d, 51);
    bool const ap2 = bit(d, 7) && !manages;

    // S1DirectBasePermissions: AP[2:1], narrowed by APTable.
    bool pr = true, pw = !ap2, ur = bit(d, 6), uw = bit(d, 6) && !ap2;
    if (ap_table0) ur = uw = false;
    if (ap_table1) pw = uw = false;
    bool px = !(bit(d, 53) || pxn_table || uw);
    bool ux = !(bit(d, 54) || uxn_table);
    bool const pan = s.pan && (ur || uw || (s.epan && ux));
    if (s.wxn) {
      px = px && !pw;
      ux = ux && !uw;
    }
    bool const as_el0 = q.el0 || (q.unprivileged && !s.uao);
    bool allowed = false;
    if (q.fetch) allowed = q.el0 ? ux : px;
    else if (as_el0) allowed = q.write ? uw : ur;
    else allowed = (q.write ? pw : pr) && !pan;
    if (!allowed) return abort(0b001100 + level);
    if (q.write && manages) leaf &= ~(std::uint64_t{1} << 7);
    return {true, 0, base | (va & mask), leaf};
  }
}

}  // namespace arm64_manual
