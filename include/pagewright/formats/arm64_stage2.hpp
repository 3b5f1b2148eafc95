// SPDX-License-Identifier: MIT
// Arm VMSAv8-64 stage 2: intermediate physical to physical addresses, with the geometry of stage 1 and up to 16 tables
// side by side as one root. Arm ARM DDI 0487 D8.2.2 (concatenated tables), D8.3.2 (descriptors), D8.4.2 (permissions).
#pragma once

#include <expected>
#include <optional>

#include "arm64.hpp"

namespace pagewright::arm64 {

/// What the processor offers and VTCR_EL2 and HCR_EL2 select.
struct stage2_options {
  granule  page        = granule::k4;
  unsigned input_bits  = 40;             // 64 - T0SZ: of the intermediate physical address
  unsigned output_bits = 48;             // as stage1_options
  bool     wide        = false;          // FEAT_LPA (64K), VTCR_EL2.DS (4K, 16K)
  bool     concatenated = true;          // a top level of 16 entries or fewer is left out, the next one's tables lie in a row
  bool     contiguous  = true;
  bool     separate_execute = false;     // FEAT_XNX: XN[1:0] tells EL1 and EL0 apart
  bool     force_write_back = false;     // HCR_EL2.FWB (FEAT_S2FWB): MemAttr decides together with stage 1
  bool     hardware_accessed = true;     // VTCR_EL2.HA
  bool     hardware_dirty = false;       // VTCR_EL2.HD: DBM = 1 makes a leaf writable, and hardware then sets S2AP[1]
  unsigned bbm         = 0;
};

/// Stage 2. What EL1 and EL0 may do is told apart only by FEAT_XNX; reading and writing hold for both.
/// Precondition: the granule and sizes are such as stage 1 allows; 4 index bits more in the root with `concatenated`.
constexpr auto stage2(stage2_options const &o = {}) noexcept -> format {
  constexpr u64 read = bit(6), write = bit(7), xn0 = bit(53), xn1 = bit(54);
  using mt = memory_type;

  // The root takes up to four index bits more rather than there being another level for them.
  unsigned const top_bits = o.input_bits - (unsigned(o.page) + (depth_of(o.page, o.input_bits) - 1) * stride(o.page));
  unsigned const extra    = o.concatenated && top_bits <= 4 && depth_of(o.page, o.input_bits) > 1 ? top_bits : 0;
  auto f = stage1({.page = o.page, .input_bits = o.input_bits - extra, .output_bits = o.output_bits, .wide = o.wide,
                   .contiguous = o.contiguous, .no_table_permissions = true, .hardware_accessed = o.hardware_accessed,
                   .bbm = o.bbm});
  if (extra != 0) f = wider_root(f, f.name, extra, extent::zero);

  bool const lpa2 = o.wide && o.page != granule::k64;
  grant const writing = o.hardware_dirty ? grant{rights::writers, none_set(write | dbm), dbm, 0}
                                         : granted_by(rights::writers, write);
  f.name = "arm64-stage2";
  f.spec = "Arm ARM DDI 0487 D8.2.2, D8.3.2, D8.4.2, D8.6.5";
  for (form &one : f.forms) {
    if (one.name == nullptr) continue;
    for (grant &row : one.grants) row = {};
    one.grants[0] = granted_by(rights::readers, read);
    one.grants[1] = writing;
    one.grants[2] = refused_by(o.separate_execute ? rights::user_execute : rights::executes, xn1);
    if (o.separate_execute) {  // 00 both, 01 EL0, 10 none, 11 EL1: bit 53 is set where just one may
      one.grants[3] = {.gives = rights::user_execute, .on = xn0, .unless = rights::kernel_execute};
      one.grants[4] = {.gives = rights::kernel_execute, .withheld = {xn0 | xn1, xn0}, .on = xn0, .unless = rights::user_execute};
      one.grants[5] = {.gives = rights::kernel_execute, .withheld = {xn0 | xn1, xn1}};
    }
    one.type[0] = {2, 4, 0};
    one.dirty   = o.hardware_dirty ? all_set(write | dbm) : never;
    one.global  = never;
  }
  f.excludes[0] = {};
  f.carried     = (lpa2 ? 0 : inner_shareable) | bit(11) | ones(59, 5);
  f.live        = (f.live & ~(ap1 | ap2 | pxn | uxn)) | read | write | xn0 | xn1;
  if (o.bbm == 1) f.forms[2].live = f.forms[3].live = f.live | nt;

  // MemAttr[3:0] (D8.6.5): outer and inner; mixed where they differ.
  constexpr mt plain[]{mt::device_ngnrne, mt::device_ngnre, mt::device_ngre, mt::device_gre,
                       mt::reserved, mt::nc, mt::mixed, mt::mixed, mt::reserved, mt::mixed, mt::wt, mt::mixed,
                       mt::reserved, mt::mixed, mt::mixed, mt::wb};
  constexpr mt forced[]{mt::device_ngnrne, mt::device_ngnre, mt::device_ngre, mt::device_gre,
                        mt::reserved, mt::nc, mt::wb, mt::as_stage1};  // MemAttr[3] is RES0 then
  for (unsigned i = 0; i < max_types; ++i) f.types[i] = o.force_write_back ? forced[i % 8] : plain[i % 16];

  auto const   lo   = static_cast<u8>(o.page), up = static_cast<u8>(lo + stride(o.page));  // of pages and the smallest block
  bool const   lpa  = o.wide && !lpa2;
  auto const   top  = static_cast<u8>(lpa2 ? 50 : 48);
  constexpr u8 page = on_form(0) | on_form(1), block = on_form(2) | on_form(3);
  name_fields(f, {
    {"Valid", 0, 1}, {"Type", 1, 1}, {"MemAttr", 2, 4, on_leaves}, {"S2AP", 6, 2, on_leaves}, {"ignored", 2, 6, on_tables},
    {lpa2 ? "address 51:50" : "ignored", 8, 2, on_tables}, {lpa2 ? "address 51:50" : "SH", 8, 2, on_leaves},
    {"AF", 10, 1, on_leaves}, {"FnXS", 11, 1, on_leaves}, {"ignored", 10, 2, on_tables},
    {"address 51:48", 12, static_cast<u8>(lpa ? 4 : 0)},
    {"RES0", 12, static_cast<u8>(lpa ? 0 : lo - 12), on_tables | page},
    {"address", lo, static_cast<u8>(top - lo), on_tables | page},
    {"RES0", 12, static_cast<u8>(lpa ? 0 : 4), block}, {"nT", 16, 1, block},
    {"RES0", 17, static_cast<u8>(up - 17), block}, {"address", up, static_cast<u8>(top - up), block},
    {"RES0", top, static_cast<u8>(51 - top)}, {"ignored", 51, 13, on_tables},
    {"DBM", 51, 1, on_leaves}, {"Contiguous", 52, 1, on_leaves}, {"XN", 53, 2, on_leaves}, {"software", 55, 4, on_leaves},
    {"PBHA", 59, 4, on_leaves}, {"ignored", 63, 1, on_leaves}});
  return f;
}

inline constexpr format stage2_4k_40  = stage2({.input_bits = 40});
inline constexpr format stage2_4k_48  = stage2({.input_bits = 48});
inline constexpr format stage2_16k_40 = stage2({.page = granule::k16, .input_bits = 40});
inline constexpr format stage2_64k_40 = stage2({.page = granule::k64, .input_bits = 40});

static_assert(is_well_formed<stage2_4k_40>());
static_assert(is_well_formed<stage2_4k_48>());
static_assert(is_well_formed<stage2_16k_40>());
static_assert(is_well_formed<stage2_64k_40>());

// --- system registers ---------------------------------------------------------------------------------------------

/// `o` with as many levels as a start level gives, by tables side by side as the root or without; nothing if its input
/// size does not go with that many (DDI 0487 D8.2.5).
constexpr auto with_levels(stage2_options o, unsigned levels) noexcept -> std::optional<stage2_options> {
  for (bool const side_by_side : {true, false}) {
    o.concatenated = side_by_side;
    if (stage2(o).depth == levels) return o;
  }
  return std::nullopt;
}

/// Why VTCR_EL2 gives no tables.
enum class no_stage2 : u8 { granule_reserved, size_out_of_range, start_level };

constexpr auto text(no_stage2 why) noexcept -> char const * {
  switch (why) {
    case no_stage2::granule_reserved:  return "VTCR_EL2.TG0 holds a reserved granule";
    case no_stage2::size_out_of_range: return "VTCR_EL2.T0SZ is out of range for the granule";
    case no_stage2::start_level:       return "VTCR_EL2.SL0 does not go with T0SZ: a level 0 translation fault";
  }
  return "?";
}

/// What VTCR_EL2 and HCR_EL2 select (DDI 0487 D24.2.186). `separate_execute`: FEAT_XNX, which no register here tells.
constexpr auto stage2_of(u64 vtcr, u64 hcr_el2 = 0, bool separate_execute = true) noexcept -> std::expected<stage2_options, no_stage2> {
  auto const flag = [vtcr](unsigned n) { return (vtcr >> n & 1) != 0; };
  u64 const tg = vtcr >> 14 & 3, start = vtcr >> 6 & 3;
  if (tg == 3) return std::unexpected{no_stage2::granule_reserved};
  auto const page = tg == 0 ? granule::k4 : tg == 1 ? granule::k64 : granule::k16;

  constexpr u8   sizes[8]{32, 36, 40, 42, 44, 48, 52, 52};  // PS; 7 (56 bits) needs 128-bit descriptors
  unsigned const output = sizes[vtcr >> 16 & 7], size = 64 - unsigned(vtcr & 0x3f);
  bool const     wide   = page == granule::k64 ? output > 48 : flag(32);
  if (size > (wide || page == granule::k64 ? 52u : 48u) || size < unsigned(page) + 3)
    return std::unexpected{no_stage2::size_out_of_range};

  // SL0: 4K 2, 1, 0, 3, and -1 with SL2; otherwise 3, 2, 1, 0. So many levels as there are from there to 3.
  constexpr u8   levels_of_4k[]{2, 3, 4, 1}, levels_of_others[]{1, 2, 3, 4};
  unsigned const levels = page != granule::k4 ? levels_of_others[start] : wide && flag(33) ? 5u : levels_of_4k[start];
  auto const found = with_levels({.page = page, .input_bits = size, .output_bits = wide || output < 48 ? output : 48, .wide = wide,
                                  .separate_execute = separate_execute, .force_write_back = (hcr_el2 & bit(46)) != 0,
                                  .hardware_accessed = flag(21), .hardware_dirty = flag(21) && flag(22)}, levels);
  if (!found) return std::unexpected{no_stage2::start_level};
  return *found;
}

/// The address of the top table, or of the first of those side by side, in VTTBR_EL2. `f` is stage2 of the same options.
constexpr auto root_table(format const &f, stage2_options const &o, u64 vttbr) noexcept -> output_address {
  unsigned const root = table_lg2(dynamic{&f}, f.depth - 1u);
  bool const     far  = o.wide && o.output_bits == 52;
  unsigned const lo   = far && root < 6 ? 6 : root;
  return {(vttbr & ones(lo, 48 - lo)) | (far ? (vttbr >> 2 & 0xf) << 48 : 0)};
}

/// The VMID in VTTBR_EL2; the upper eight bits are zero unless VTCR_EL2.VS selects 16-bit VMIDs.
constexpr auto vmid_of(u64 vttbr) noexcept -> u16 { return static_cast<u16>(vttbr >> 48); }

}  // namespace pagewright::arm64
