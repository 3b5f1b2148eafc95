// SPDX-License-Identifier: MIT
// Page walks written straight from the manuals with ifs and shifts: a second opinion on every walk of the library. They
// know nothing of its descriptions; the only shared word is the meaning of the six rights bits.
//
//   x86      Intel SDM vol. 3A, 4.3 (32-bit), 4.4 (PAE), 4.5 (4- and 5-level), 4.6 (rights), 4.9 (memory typing)
//   AArch64  Arm ARM (DDI 0487), D8.2 (translation process), D8.3 (descriptors), D8.4 (permissions), D8.6 (attributes)
//   RISC-V   Privileged Architecture, "Supervisor-Level ISA": 12.3.2 (the algorithm), Svnapot, Svpbmt, Svade
#pragma once

#include <cstdint>
#include <optional>

namespace plain {

using word = std::uint64_t;

enum class reason { none, outside, absent, reserved, not_accessed, too_wide, unreadable };

inline auto text(reason r) -> char const * {
  constexpr char const *names[] = {"none", "outside", "absent", "reserved", "not accessed", "too wide", "unreadable"};
  return names[static_cast<int>(r)];
}

// Kernel read, write, execute; user read, write, execute.
constexpr unsigned kr = 1, kw = 2, kx = 4, ur = 8, uw = 16, ux = 32;

struct answer {
  reason      why       = reason::none;   // why there is no translation
  unsigned    level     = 0;              // from the leaves; of the leaf, or where the walk ended
  word        address   = 0;
  unsigned    lg2       = 0;              // of what the leaf maps
  unsigned    own       = 0;              // rights of the leaf alone
  unsigned    effective = 0;              // rights of the whole walk
  char const *type      = "";
  bool        global = false, accessed = false, dirty = false;
};

constexpr auto ends(reason why, unsigned level) -> answer { return {.why = why, .level = level}; }

constexpr auto field(word e, unsigned high, unsigned low) -> word {
  return e >> low & (~word{0} >> (63 - (high - low)));
}
constexpr auto has(word e, unsigned n) -> bool { return (e >> n & 1) != 0; }
constexpr auto any(word e, int high, int low) -> bool {
  return high >= low && field(e, unsigned(high), unsigned(low)) != 0;
}
constexpr auto low_bits(word e, unsigned n) -> word { return n == 0 ? 0 : field(e, n - 1, 0); }

// --- x86 --------------------------------------------------------------------------------------------------------

struct x86_machine {
  unsigned physical_bits = 52;   // CPUID 80000008h EAX[7:0]
  bool     nxe  = true;          // IA32_EFER.NXE
  bool     gb   = true;          // CPUID 80000001h EDX[26]
  bool     pse  = true;          // CR4.PSE
  bool     pse36 = true;         // CPUID 1 EDX[17]
  bool     amd  = false;
  word     pat  = 0x0007040600070406;
  bool     marked_pdptes = false; // QEMU's walker sets A in PAE PDPTEs and never rejects it; hardware does neither
};

// SDM 4.9.2 and table 11-10: the index selects a byte of IA32_PAT; encodings 2, 3 and above 7 are reserved.
inline auto x86_type(word pat, bool pat_bit, word e) -> char const * {
  constexpr char const *names[] = {"UC", "WC", "reserved", "reserved", "WT", "WP", "WB", "UC-"};
  unsigned const index = pat_bit * 4u + has(e, 4) * 2u + has(e, 3);
  word const     code  = pat >> (8 * index) & 0xff;
  return code < 8 ? names[code] : "reserved";
}

// SDM 4.6.1 with CR0.WP = 1; SMEP, SMAP and protection keys suspend rights for a moment and are not the tables'.
inline auto x86_rights(bool writable, bool user, bool no_execute) -> unsigned {
  unsigned const r = kr | (writable ? kw : 0) | (no_execute ? 0 : kx);
  return user ? r | r << 3 : r;
}

template <class Read>
auto x86_32(Read read, word cr3, word va, x86_machine const &m) -> answer {
  if (va >> 32 != 0) return ends(reason::outside, 1);

  auto const pde = read((cr3 & 0xfffff000) + 4 * field(va, 31, 22));
  if (!pde) return ends(reason::unreadable, 1);
  if (!has(*pde, 0)) return ends(reason::absent, 1);
  if (m.pse && has(*pde, 7)) {
    int const top = m.pse36 ? int(m.physical_bits < 40 ? m.physical_bits : 40) : 32;   // bits of the address: 32 .. 40
    if (any(*pde, 21, top - 19)) return ends(reason::reserved, 1);
    word const high = top > 32 ? field(*pde, unsigned(top) - 20, 13) : 0;
    unsigned const r = x86_rights(has(*pde, 1), has(*pde, 2), false);
    return {.level = 1, .address = high << 32 | field(*pde, 31, 22) << 22 | low_bits(va, 22), .lg2 = 22, .own = r,
            .effective = r, .type = x86_type(m.pat, has(*pde, 12), *pde), .global = has(*pde, 8),
            .accessed = has(*pde, 5), .dirty = has(*pde, 6)};
  }

  auto const pte = read((*pde & 0xfffff000) + 4 * field(va, 21, 12));
  if (!pte) return ends(reason::unreadable, 0);
  if (!has(*pte, 0)) return ends(reason::absent, 0);
  return {.level = 0, .address = (*pte & 0xfffff000) | low_bits(va, 12), .lg2 = 12,
          .own = x86_rights(has(*pte, 1), has(*pte, 2), false),
          .effective = x86_rights(has(*pte & *pde, 1), has(*pte & *pde, 2), false),
          .type = x86_type(m.pat, has(*pte, 7), *pte), .global = has(*pte, 8), .accessed = has(*pte, 5),
          .dirty = has(*pte, 6)};
}

template <class Read>
auto x86_pae(Read read, word cr3, word va, x86_machine const &m) -> answer {
  if (va >> 32 != 0) return ends(reason::outside, 2);
  int const  M    = int(m.physical_bits);
  auto const pdpte = read((cr3 & 0xffffffe0) + 8 * field(va, 31, 30));
  if (!pdpte) return ends(reason::unreadable, 2);
  if (!has(*pdpte, 0)) return ends(reason::absent, 2);
  if (any(*pdpte, 63, M) || any(*pdpte, 8, m.marked_pdptes ? 6 : 5) || any(*pdpte, 2, 1))
    return ends(reason::reserved, 2);

  auto const pde = read((field(*pdpte, unsigned(M) - 1, 12) << 12) + 8 * field(va, 29, 21));
  if (!pde) return ends(reason::unreadable, 1);
  if (!has(*pde, 0)) return ends(reason::absent, 1);
  if (any(*pde, 62, M) || (has(*pde, 63) && !m.nxe)) return ends(reason::reserved, 1);
  if (has(*pde, 7)) {
    if (any(*pde, 20, 13)) return ends(reason::reserved, 1);
    unsigned const r = x86_rights(has(*pde, 1), has(*pde, 2), has(*pde, 63));
    return {.level = 1, .address = field(*pde, unsigned(M) - 1, 21) << 21 | low_bits(va, 21), .lg2 = 21, .own = r,
            .effective = r, .type = x86_type(m.pat, has(*pde, 12), *pde), .global = has(*pde, 8),
            .accessed = has(*pde, 5), .dirty = has(*pde, 6)};
  }

  auto const pte = read((field(*pde, unsigned(M) - 1, 12) << 12) + 8 * field(va, 20, 12));
  if (!pte) return ends(reason::unreadable, 0);
  if (!has(*pte, 0)) return ends(reason::absent, 0);
  if (any(*pte, 62, M) || (has(*pte, 63) && !m.nxe)) return ends(reason::reserved, 0);
  return {.level = 0, .address = field(*pte, unsigned(M) - 1, 12) << 12 | low_bits(va, 12), .lg2 = 12,
          .own = x86_rights(has(*pte, 1), has(*pte, 2), has(*pte, 63)),
          .effective = x86_rights(has(*pte & *pde, 1), has(*pte & *pde, 2), has(*pte | *pde, 63)),
          .type = x86_type(m.pat, has(*pte, 7), *pte), .global = has(*pte, 8), .accessed = has(*pte, 5),
          .dirty = has(*pte, 6)};
}

template <class Read>
auto x86_64(Read read, word cr3, word va, unsigned levels, x86_machine const &m) -> answer {
  unsigned const va_bits = 12 + 9 * levels;
  word const     upper   = va >> (va_bits - 1);
  if (upper != 0 && upper != ~word{0} >> (va_bits - 1)) return ends(reason::outside, levels - 1);

  word table    = field(cr3, m.physical_bits - 1, 12) << 12;
  bool writable = true, user = true, no_execute = false;
  for (unsigned level = levels; level-- > 0;) {
    unsigned const shift = 12 + 9 * level;
    auto const     e     = read(table + 8 * field(va, shift + 8, shift));
    if (!e) return ends(reason::unreadable, level);
    if (!has(*e, 0)) return ends(reason::absent, level);
    if (any(*e, 51, int(m.physical_bits))) return ends(reason::reserved, level);
    if (has(*e, 63) && !m.nxe) return ends(reason::reserved, level);
    if (level >= 3 && has(*e, 7)) return ends(reason::reserved, level);
    if (level >= 3 && m.amd && has(*e, 8)) return ends(reason::reserved, level);
    if (level == 2 && !m.gb && has(*e, 7)) return ends(reason::reserved, level);

    writable   = writable && has(*e, 1);
    user       = user && has(*e, 2);
    no_execute = no_execute || has(*e, 63);
    if (level != 0 && !has(*e, 7)) {
      table = field(*e, m.physical_bits - 1, 12) << 12;
      continue;
    }
    if (level != 0 && any(*e, int(shift) - 1, 13)) return ends(reason::reserved, level);
    bool const pat = has(*e, level == 0 ? 7 : 12);
    word const base = shift < m.physical_bits ? field(*e, m.physical_bits - 1, shift) << shift : 0;
    return {.level = level, .address = base | low_bits(va, shift), .lg2 = shift,
            .own = x86_rights(has(*e, 1), has(*e, 2), has(*e, 63)), .effective = x86_rights(writable, user, no_execute),
            .type = x86_type(m.pat, pat, *e), .global = has(*e, 8), .accessed = has(*e, 5), .dirty = has(*e, 6)};
  }
  return {};
}

// --- AArch64, stage 1 of the EL1&0 regime ---------------------------------------------------------------------------

struct arm64_machine {
  unsigned granule     = 12;      // 12, 14 or 16
  unsigned input_bits  = 48;      // 64 - TCR_EL1.TxSZ
  bool     upper_half  = false;   // TTBR1
  bool     tbi         = false;
  bool     wide        = false;   // 4K and 16K: TCR_EL1.DS (LPA2); 64K: FEAT_LPA
  unsigned output_bits = 48;      // effective physical address size
  bool     contiguous  = true;    // the hint is honoured
  bool     hpd         = false;   // TCR_EL1.HPDn
  bool     ha = true, hd = false; // TCR_EL1.HA, HD
  word     mair = 0;
};

// MAIR_EL1.Attr<n>: 0000dd00 Device; otherwise the outer (high) and inner (low) halves say how Normal memory is cached.
inline auto arm64_type(word mair, unsigned index) -> char const * {
  constexpr char const *devices[] = {"Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE"};
  unsigned const attr = mair >> (8 * index) & 0xff, outer = attr >> 4, inner = attr & 15;
  if (attr == 0xf0) return "Tagged-WB";
  if (outer == 0) return (inner & 3) == 0 ? devices[inner >> 2] : "reserved";
  if (inner == 0) return "reserved";
  auto const half = [](unsigned h) -> char const * {
    if (h == 4) return "NC";
    return h < 4 || (h >= 8 && h < 12) ? "WT" : "WB";
  };
  return half(outer)[0] == half(inner)[0] && half(outer)[1] == half(inner)[1] ? half(inner) : "Normal-mixed";
}

// The address in a descriptor: bits above 47 lie in different places (D8.3.1).
inline auto arm64_address(word d, unsigned low, arm64_machine const &m) -> word {
  unsigned const top = m.wide && m.granule != 16 ? 49 : 47;
  word const     a   = low > top ? 0 : field(d, top, low) << low;
  if (!m.wide) return a;
  return m.granule == 16 ? a | field(d, 15, 12) << 48 : a | field(d, 9, 8) << 50;
}

// AP[2:1] and APTable as D8.4.1 has them; what EL0 may write EL1 may not execute.
inline auto arm64_rights(bool read_only, bool el0, bool pxn, bool uxn) -> unsigned {
  bool const user_writes = el0 && !read_only;
  return kr | (read_only ? 0 : kw) | (pxn || user_writes ? 0 : kx) | (el0 ? ur : 0) | (user_writes ? uw : 0) |
         (uxn ? 0 : ux);
}

// log2 of the number of descriptors in a contiguous group; 0 where the bit is ignored.
inline auto arm64_group(unsigned granule, int level) -> unsigned {
  if (granule == 12) return level >= 1 ? 4 : 0;
  if (granule == 14) return level == 3 ? 7 : level == 2 ? 5 : 0;
  return level >= 2 ? 5 : 0;
}

template <class Read>
auto arm64_stage1(Read read, word ttbr, word va, arm64_machine const &m) -> answer {
  int const stride = int(m.granule) - 3;
  int       level  = 3 - (int(m.input_bits) - 1 - int(m.granule)) / stride;
  auto const from_leaves = [](int l) { return unsigned(3 - l); };
  int const  top = m.tbi ? 55 : 63;
  if (int(m.input_bits) <= top) {
    word const upper = field(va, unsigned(top), m.input_bits);
    word const all   = low_bits(~word{0}, unsigned(top) - m.input_bits + 1);
    if (upper != (m.upper_half ? all : 0)) return ends(reason::outside, from_leaves(level));
  }

  word table   = ttbr;
  bool no_el0  = false, read_only = false, pxn_above = false, uxn_above = false;
  int  msb     = int(m.input_bits) - 1;
  for (;; ++level) {
    int const  lsb = int(m.granule) + stride * (3 - level);
    auto const got = read(table + 8 * field(va, unsigned(msb), unsigned(lsb)));
    msb = lsb - 1;
    if (!got) return ends(reason::unreadable, from_leaves(level));
    word const d = *got;
    if (!has(d, 0)) return ends(reason::absent, from_leaves(level));

    if (level < 3 && has(d, 1)) {
      table = arm64_address(d, m.granule, m);
      if (m.output_bits < 52 && table >> m.output_bits != 0) return ends(reason::too_wide, from_leaves(level));
      no_el0 |= !m.hpd && has(d, 61), read_only |= !m.hpd && has(d, 62);
      pxn_above |= !m.hpd && has(d, 59), uxn_above |= !m.hpd && has(d, 60);
      continue;
    }
    if (level == 3 && !has(d, 1)) return ends(reason::reserved, 0);
    bool const block = level == 3 || level == 2 || (level == 1 && (m.granule == 12 || m.wide)) ||
                       (level == 0 && m.granule == 12 && m.wide);
    if (!block) return ends(reason::reserved, from_leaves(level));

    unsigned const lg2  = unsigned(lsb) + (m.contiguous && has(d, 52) ? arm64_group(m.granule, level) : 0);
    word const     base = arm64_address(d, unsigned(lsb), m);
    if (m.output_bits < 52 && base >> m.output_bits != 0) return ends(reason::too_wide, from_leaves(level));
    if (!has(d, 10) && !m.ha) return ends(reason::not_accessed, from_leaves(level));

    bool const clean = has(d, 7), managed = m.ha && m.hd && has(d, 51), ap2 = clean && !managed;
    return {.level   = from_leaves(level),
            .address = (base >> lg2 << lg2) | low_bits(va, lg2),
            .lg2     = lg2,
            .own     = arm64_rights(ap2, has(d, 6), has(d, 53), has(d, 54)),
            .effective =
                arm64_rights(ap2 || read_only, has(d, 6) && !no_el0, has(d, 53) || pxn_above, has(d, 54) || uxn_above),
            .type     = arm64_type(m.mair, unsigned(field(d, 4, 2))),
            .global   = !has(d, 11),
            .accessed = has(d, 10),
            .dirty    = managed && !clean};
  }
}

// --- RISC-V -----------------------------------------------------------------------------------------------------

struct riscv_machine {
  unsigned levels = 3;            // Sv39: 3, Sv48: 4, Sv57: 5; Sv32: 2
  bool     napot = true, pbmt = true, rsw60 = false;
  bool     svade = false;         // a page that is not marked accessed faults
};

template <class Read>
auto riscv(Read read, word root, word va, riscv_machine const &m) -> answer {
  bool const     narrow = m.levels == 2;
  unsigned const width  = narrow ? 10 : 9, va_bits = 12 + width * m.levels;
  word const     upper  = narrow ? va >> 32 : va >> (va_bits - 1);
  if (upper != 0 && (narrow || upper != ~word{0} >> (va_bits - 1))) return ends(reason::outside, m.levels - 1);

  bool global = false;
  word a      = root;
  for (unsigned i = m.levels; i-- > 0;) {
    unsigned const shift = 12 + width * i;
    auto const     got   = read(a + (narrow ? 4 : 8) * field(va, shift + width - 1, shift));
    if (!got) return ends(reason::unreadable, i);
    word const pte = *got;
    bool const r = has(pte, 1), w = has(pte, 2), x = has(pte, 3), u = has(pte, 4);
    if (!has(pte, 0)) return ends(reason::absent, i);
    if (!r && w) return ends(reason::reserved, i);
    word const ppn = narrow ? field(pte, 31, 10) : field(pte, 53, 10);
    bool const n = !narrow && has(pte, 63);
    unsigned const pbmt = narrow ? 0 : unsigned(field(pte, 62, 61));
    if (!narrow && any(pte, m.rsw60 ? 58 : 60, 54)) return ends(reason::reserved, i);
    if ((n && !m.napot) || (pbmt != 0 && !m.pbmt) || pbmt == 3) return ends(reason::reserved, i);
    global = global || has(pte, 5);

    if (!r && !x) {
      if (i == 0 || u || has(pte, 6) || has(pte, 7) || n || pbmt != 0) return ends(reason::reserved, i);
      a = ppn << 12;
      continue;
    }
    if (low_bits(ppn, width * i) != 0) return ends(reason::reserved, i);
    if (n && (i != 0 || low_bits(ppn, 4) != 8)) return ends(reason::reserved, i);
    if (m.svade && !has(pte, 6)) return ends(reason::not_accessed, i);

    unsigned const lg2 = n ? 16 : shift;
    unsigned const held = (r ? kr : 0) | (w ? kw : 0) | (x ? kx : 0);
    unsigned const may  = u ? (held & ~kx) | held << 3 : held;   // S-mode never executes a user page; data needs SUM
    constexpr char const *types[] = {"PMA", "NC", "IO"};
    return {.level     = i,
            .address   = (ppn << 12 >> lg2 << lg2) | low_bits(va, lg2),
            .lg2       = lg2,
            .own       = may,
            .effective = may,
            .type      = types[pbmt],
            .global    = global,
            .accessed  = has(pte, 6),
            .dirty     = has(pte, 7)};
  }
  return {};
}

}  // namespace plain
