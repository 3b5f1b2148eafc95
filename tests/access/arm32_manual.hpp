// SPDX-License-Identifier: MIT
// Stage 1 of AArch32's PL1&0 translation, written down from the manual's pseudocode (AArch32.S1WalkSD, S1WalkLD,
// CheckDomain, S1SDHasPermissionsFault, S1LDHasPermissionsFault, FaultStatusSD and LD) without this library: TTBR0
// translates all 32 bits. Kept plain.
#pragma once

#include <cstdint>

namespace arm32_manual {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

struct state {
  bool afe, wxn, uwxn;  // SCTLR
  bool pan;
  bool pd;              // TTBCR.PD0 or EPD0
  bool has_pxn;         // short descriptors: the processor knows PXN
  bool hpd;             // long descriptors: TTBCR2.HPD0
  u32  dacr;
};
struct asked {
  bool write, fetch, pl0, unprivileged;  // unprivileged: LDRT or STRT at PL1
};
struct answer {
  bool allowed;
  u32  fsr;
  u64  physical;
};

inline auto bit(u64 of, int n) -> bool { return (of >> n & 1) != 0; }

struct permissions { bool pr, pw, ur, uw, xn, pxn; };

/// What both descriptor formats have in common at the end.
inline auto refused(state const &s, asked const &q, permissions const &p) -> bool {
  bool const ux = p.ur && !(p.xn || (p.uw && s.wxn));
  bool const px = p.pr && !(p.xn || p.pxn || (p.pw && s.wxn) || (p.uw && s.uwxn));
  bool const pan = s.pan && (p.ur || p.uw);
  if (q.fetch) return !(q.pl0 ? ux : px);
  if (q.pl0 || q.unprivileged) return !(q.write ? p.uw : p.ur);
  return pan || !(q.write ? p.pw : p.pr);
}

inline auto answer_to_short(state const &s, asked const &q, u32 va, u32 l1, u32 l2) -> answer {
  u32  domain = 0;
  auto const abort = [&](u32 fs) {
    return answer{false, (fs >> 4) << 10 | (fs & 15) | (q.fetch ? 0 : domain << 4) | (q.write ? 1u << 11 : 0u), 0};
  };
  if (s.pd) return abort(0b00101);

  bool page = false, af = true, ap2 = false, ap1 = false, ap0 = false;
  permissions p{};
  u64 physical = 0;
  switch (l1 & 3) {
    case 0: return abort(0b00101);
    case 1:
      page   = true;
      domain = l1 >> 5 & 15;
      p.pxn  = s.has_pxn && bit(l1, 2);
      if ((l2 & 3) == 0) return abort(0b00111);
      ap2 = bit(l2, 9), ap1 = bit(l2, 5), ap0 = bit(l2, 4);
      if ((l2 & 2) != 0) p.xn = bit(l2, 0), physical = (l2 & 0xffff'f000) | (va & 0xfff);
      else p.xn = bit(l2, 15), physical = (l2 & 0xffff'0000) | (va & 0xffff);
      break;
    default:
      if (!s.has_pxn && bit(l1, 0)) return abort(0b00101);
      p.pxn = bit(l1, 0), p.xn = bit(l1, 4);
      ap2 = bit(l1, 15), ap1 = bit(l1, 11), ap0 = bit(l1, 10);
      if (bit(l1, 18)) physical = (l1 & 0xff00'0000) | u64{l1 >> 20 & 15} << 32 | u64{l1 >> 5 & 15} << 36 | (va & 0xff'ffff);
      else domain = l1 >> 5 & 15, physical = (l1 & 0xfff0'0000) | (va & 0xf'ffff);
  }
  if (s.afe) af = ap0;
  if (!af) return abort(page ? 0b00110 : 0b00011);
  u32 const held = s.dacr >> (2 * domain) & 3;
  if (held == 0 || held == 2) return abort(page ? 0b01011 : 0b01001);
  if (held == 3) return {true, 0, physical};

  switch ((ap2 ? 4 : 0) + (ap1 ? 2 : 0) + (s.afe || ap0 ? 1 : 0)) {  // AFE: AP[2:1] as if AP[0] were set
    case 0b001: p.pr = p.pw = true; break;
    case 0b010: p.pr = p.pw = p.ur = true; break;
    case 0b011: p.pr = p.pw = p.ur = p.uw = true; break;
    case 0b101: p.pr = true; break;
    case 0b110:
    case 0b111: p.pr = p.ur = true; break;
    default: break;
  }
  if (refused(s, q, p)) return abort(page ? 0b01111 : 0b01101);
  return {true, 0, physical};
}

/// entries[0] is of level 3, entries[2] of level 1.
inline auto answer_to_long(state const &s, asked const &q, u32 va, u64 const (&entries)[3]) -> answer {
  auto const abort = [&](u32 status) { return answer{false, 1u << 9 | (q.write ? 1u << 11 : 0u) | status, 0}; };
  if (s.pd) return abort(0b000101);

  bool ap_table0 = false, ap_table1 = false, pxn_table = false, xn_table = false;
  for (u32 level = 1;; ++level) {
    u64 const d = entries[3 - level];
    if (!bit(d, 0) || (level == 3 && !bit(d, 1))) return abort(0b000100 + level);
    bool const table = bit(d, 1) && level < 3;
    u64 const  mask  = table || level == 3 ? 0xfff : level == 2 ? 0x1f'ffff : 0x3fff'ffff;
    u64 const  base  = d & 0xffff'ffff'ffff & ~mask;
    if (base >> 40 != 0) return abort(0b000000 + level);
    if (table) {
      if (s.hpd) continue;
      ap_table0 = ap_table0 || bit(d, 61);
      ap_table1 = ap_table1 || bit(d, 62);
      pxn_table = pxn_table || bit(d, 59);
      xn_table  = xn_table || bit(d, 60);
      continue;
    }
    if (!bit(d, 10)) return abort(0b001000 + level);
    permissions p{.pr = true, .pw = !bit(d, 7), .ur = bit(d, 6), .uw = bit(d, 6) && !bit(d, 7),
                  .xn = bit(d, 54) || xn_table, .pxn = bit(d, 53) || pxn_table};
    if (ap_table0) p.ur = p.uw = false;
    if (ap_table1) p.pw = p.uw = false;
    if (refused(s, q, p)) return abort(0b001100 + level);
    return {true, 0, base | (va & mask)};
  }
}

}  // namespace arm32_manual
