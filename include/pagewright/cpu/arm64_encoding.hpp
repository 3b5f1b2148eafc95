// SPDX-License-Identifier: MIT
// Arm AArch64: what TTBR, TCR, MAIR and the operands of TLBI hold, for EL1&0, EL2, EL2&0, EL3 and stage 2. Pure: needs
// no Arm processor. Arm ARM DDI 0487: D8.17 (TLB maintenance), C5.5 (TLBI), D19.2 (system registers).
#pragma once

#include <optional>

#include "../formats/arm64.hpp"
#include "../ledger.hpp"

namespace pagewright::cpu::arm64 {

using pagewright::arm64::granule;
using pagewright::arm64::half;
using pagewright::arm64::stage1_options;

/// Whose tables. el2_0 is EL2&0 (HCR_EL2.E2H = 1); stage2 that of the guest whose VMID is in VTTBR_EL2.
enum class regime : u8 { el1_0, el2, el2_0, el3, stage2 };

// --- registers -----------------------------------------------------------------------------------------------------

/// MAIR_ELx for AttrIndx 0..7 (D19.2.100); WB and WT non-transient with both allocation hints. A `reserved` index is
/// written as zero, Device-nGnRnE. Nothing if a type has no encoding.
constexpr auto mair(memory_types const &types) noexcept -> std::optional<u64> {
  u64 value = 0;
  for (unsigned i = 0; i < 8; ++i) {
    u64 attr = 0;
    switch (types[i]) {
      case memory_type::reserved:
      case memory_type::device_ngnrne: attr = 0x00; break;
      case memory_type::device_ngnre:  attr = 0x04; break;
      case memory_type::device_ngre:   attr = 0x08; break;
      case memory_type::device_gre:    attr = 0x0c; break;
      case memory_type::nc:            attr = 0x44; break;
      case memory_type::wt:            attr = 0xbb; break;
      case memory_type::wb:            attr = 0xff; break;
      case memory_type::tagged_wb:     attr = 0xf0; break;
      default: return std::nullopt;
    }
    value |= attr << (8 * i);
  }
  return value;
}

// TCR_EL1 (D19.2.147): A1 takes the ASID from TTBR1 instead of TTBR0, AS makes it 16 bits wide.
inline constexpr u64 tcr_a1 = bit(22), tcr_as = bit(36), tcr_epd0 = bit(7), tcr_epd1 = bit(23);

namespace tcr_fields {
constexpr auto size(unsigned output_bits) noexcept -> u64 {  // IPS, PS
  u64 code = 0;
  for (unsigned const most : {32u, 36u, 40u, 42u, 44u, 48u}) code += output_bits > most;
  return code;
}
constexpr auto lower_granule(granule g) noexcept -> u64 { return g == granule::k4 ? 0 : g == granule::k64 ? 1 : 2; }
constexpr auto upper_granule(granule g) noexcept -> u64 { return g == granule::k16 ? 1 : g == granule::k4 ? 2 : 3; }
/// TxSZ 5:0, and walks that are inner shareable (13:12), write-back and write-allocate (9:8, 11:10).
constexpr auto walks(stage1_options const &o) noexcept -> u64 {
  return (64u - o.input_bits) | bit(8) | bit(10) | ones(12, 2);
}
constexpr auto ds(stage1_options const &o) noexcept -> bool { return o.wide && o.page != granule::k64; }
}  // namespace tcr_fields

/// TCR_EL1, or TCR_EL2 with E2H, for the lower and the upper half; a half that is nothing is disabled (EPD). What both
/// halves share is taken from the first that is there. Add tcr_a1 and tcr_as as needed. The reverse is regime_of of
/// formats/arm64.hpp.
constexpr auto tcr(std::optional<stage1_options> const &lower, std::optional<stage1_options> const &upper) noexcept
    -> u64 {
  using namespace tcr_fields;
  auto const &both = lower ? lower : upper;
  u64 value = tcr_epd0 | tcr_epd1;
  if (both)
    value |= size(both->output_bits) << 32 | u64{both->hardware_accessed} << 39 | u64{both->hardware_dirty} << 40 |
             u64{ds(*both)} << 59;
  if (lower)
    value = (value & ~tcr_epd0) | walks(*lower) | lower_granule(lower->page) << 14 |
            u64{lower->top_byte_ignored} << 37 | u64{lower->no_table_permissions} << 41;
  if (upper)
    value = (value & ~tcr_epd1) | walks(*upper) << 16 | upper_granule(upper->page) << 30 |
            u64{upper->top_byte_ignored} << 38 | u64{upper->no_table_permissions} << 42;
  return value;
}

/// TCR_EL2 without E2H, and TCR_EL3: one half, other places (D19.2.148, D19.2.149). Bits 23 and 31 are RES1.
constexpr auto tcr_one_half(stage1_options const &o) noexcept -> u64 {
  using namespace tcr_fields;
  return walks(o) | lower_granule(o.page) << 14 | size(o.output_bits) << 16 | u64{o.top_byte_ignored} << 20 |
         u64{o.hardware_accessed} << 21 | u64{o.hardware_dirty} << 22 | bit(23) | u64{o.no_table_permissions} << 24 |
         bit(31) | u64{ds(o)} << 32;
}

/// A TTBR: BADDR, ASID or VMID in 63:48, CnP in bit 0; bits 5:2 hold address bits 51:48 if `far` (52-bit addresses).
/// Nothing if the table lies beyond that, is not aligned to 2^align_lg2 bytes, the size of the root but 64 with `far`
/// and 16 without at least, or the identifier does not fit `id_bits`: 8, or 16 with TCR_ELx.AS (VTCR_EL2.VS).
constexpr auto ttbr(output_address table, u16 id = 0, unsigned align_lg2 = 12, unsigned id_bits = 16, bool far = false,
                    bool common_not_private = false) noexcept -> std::optional<u64> {
  unsigned const least = far ? 6 : 4, lo = align_lg2 < least ? least : align_lg2, hi = far ? 52 : 48;
  if ((table.value & ~ones(lo, hi - lo)) != 0 || (id & ~below(id_bits)) != 0) return std::nullopt;
  return (table.value & ones(lo, 48 - lo)) | (table.value >> 48) << 2 | u64{id} << 48 | u64{common_not_private};
}

// --- TLBI ----------------------------------------------------------------------------------------------------------

/// A TLBI instruction is SYS #op1, C8, CRm, #op2 (C5.5).
struct tlbi_op {
  u8 op1, crm, op2;
  friend constexpr auto operator==(tlbi_op const &, tlbi_op const &) -> bool = default;
};

/// The Inner Shareable instructions of a regime: all processors of the domain obey. By address: all levels, or the
/// last one alone; the same for ranges (FEAT_TLBIRANGE); by identifier where there is one, and everything. VAAE1IS
/// disregards ASIDs. For EL2&0 VAE2IS has to carry the ASID. Stage 2 invalidates by IPA, and what stages 1 and 2 make
/// together must go after that: VMALLE1IS (D8.17.7).
struct tlbi_set {
  tlbi_op address, address_last, range, range_last, id, all;
};
constexpr auto ops_of(regime r) noexcept -> tlbi_set {
  switch (r) {                 // address    last       range      last       id         all
    case regime::el1_0:  return {{0, 3, 3}, {0, 3, 7}, {0, 2, 3}, {0, 2, 7}, {0, 3, 2}, {0, 3, 0}};  // VAAE1IS ...
    case regime::el2:    return {{4, 3, 1}, {4, 3, 5}, {4, 2, 1}, {4, 2, 5}, {4, 3, 0}, {4, 3, 0}};  // VAE2IS ...
    case regime::el2_0:  return {{4, 3, 1}, {4, 3, 5}, {4, 2, 1}, {4, 2, 5}, {0, 3, 2}, {4, 3, 0}};  // id: needs TGE
    case regime::el3:    return {{6, 3, 1}, {6, 3, 5}, {6, 2, 1}, {6, 2, 5}, {6, 3, 0}, {6, 3, 0}};  // VAE3IS ...
    case regime::stage2: return {{4, 0, 1}, {4, 0, 5}, {4, 0, 2}, {4, 0, 6}, {4, 3, 6}, {4, 3, 6}};  // IPAS2E1IS ...
  }
  return {};
}
inline constexpr tlbi_op vae1is{0, 3, 1}, vale1is{0, 3, 5}, rvae1is{0, 2, 1}, rvale1is{0, 2, 5}, vmalle1is{0, 3, 0},
                         alle1is{4, 3, 4};

/// The TTL hint: the granule, and the architecture's level (3 minus ours) at which the leaf is known to lie. 0, no
/// hint, where the level has no encoding: levels -1 and 0, and level 1 of 16K granules (FEAT_LPA2 gives some of them
/// one). A wrong hint means no invalidation, so it is never guessed.
constexpr auto ttl(granule g, int arm_level) noexcept -> u8 {
  bool const known = arm_level >= (g == granule::k16 ? 2 : 1) && arm_level <= 3;
  return static_cast<u8>(known ? (g == granule::k4 ? 1 : g == granule::k16 ? 2 : 3) << 2 | arm_level : 0);
}

/// The operand of TLBI by VA or IPA: address bits 55:12 in 43:0, TTL 47:44, ASID 63:48. Address bits above 55 are cut
/// off, for in the upper half they would be read as TTL and ASID. Stage 2 takes no ASID: leave it 0.
constexpr auto operand(input_address at, u16 asid = 0, u8 level_hint = 0) noexcept -> u64 {
  return (at.value >> 12 & ones(0, 44)) | u64{level_hint & 0xfu} << 44 | u64{asid} << 48;
}
constexpr auto operand_id(u16 asid) noexcept -> u64 { return u64{asid} << 48; }

/// The operand of a range TLBI (FEAT_TLBIRANGE): (num + 1) * 2^(5 * scale + 1) granules from `at`; BaseADDR 36:0, TTL
/// 38:37, NUM 43:39, SCALE 45:44, TG 47:46, ASID 63:48. With `lpa2` (TCR.DS) the base counts in 64 Kbytes.
constexpr auto operand_range(input_address at, granule g, unsigned scale, unsigned num, u16 asid = 0,
                             bool lpa2 = false, unsigned arm_level = 0) noexcept -> u64 {
  u64 const tg = g == granule::k4 ? 1 : g == granule::k16 ? 2 : 3;
  return (at.value >> (lpa2 ? 16 : unsigned(g)) & ones(0, 37)) | u64{arm_level & 3} << 37 | u64{num & 31} << 39 |
         u64{scale & 3} << 44 | tg << 46 | u64{asid} << 48;
}

/// What invalidation may use. `asid`: for regimes whose operands carry one. `most`: how many instructions by address
/// are worth more than one for everything.
struct tlbi_options {
  granule page   = granule::k4;
  bool    ranges = false;  // FEAT_TLBIRANGE: ID_AA64ISAR0_EL1.TLB = 2
  bool    lpa2   = false;  // TCR.DS
  u16     asid   = 0;
  u64     most   = 512;
};

/// Calls `one(operand)` and `many(operand)` for instructions by address and by range that together cover exactly `s`.
/// Returns false, and calls neither, if that would take more than about `most` of them.
template <class One, class Many>
constexpr auto each_tlbi(stale const &s, tlbi_options const &o, One &&one, Many &&many) -> bool {
  unsigned const lg2   = unsigned(o.page), base = o.lpa2 ? 16 : lg2;
  u64 const      first = s.input.first.value & ~below(s.lg2), more = (s.input.last.value - first) >> s.lg2;
  if (!o.ranges) {
    if (more >= o.most) return false;
    for (u64 i = 0; i <= more; ++i) one(operand({first + (i << s.lg2)}, o.asid));
    return true;
  }
  // A range counts granules, 2^21 of them at most; what has no even number left, or no aligned base, goes one by one.
  u64 left = (more + 1) << (s.lg2 - lg2), at = first;
  if (left >> 21 >= o.most) return false;
  while (left != 0) {
    u64 pages = 1;
    if (left == 1 || !is_aligned(at, base)) {
      one(operand({at}, o.asid));
    } else {
      unsigned scale = 3;
      while (left >> (5 * scale + 1) == 0) --scale;
      u64 const units = left >> (5 * scale + 1) < 32 ? left >> (5 * scale + 1) : 32;
      many(operand_range({at}, o.page, scale, static_cast<unsigned>(units - 1), o.asid, o.lpa2));
      pages = units << (5 * scale + 1);
    }
    at += pages << lg2;
    left -= pages;
  }
  return true;
}

}  // namespace pagewright::cpu::arm64
