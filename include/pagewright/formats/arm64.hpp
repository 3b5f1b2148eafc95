// SPDX-License-Identifier: MIT
// Arm VMSAv8-64 stage 1 of every translation regime: granules of 4, 16 and 64 Kbytes, input addresses of 16 to 52 bits,
// 48-bit and 52-bit output addresses (FEAT_LPA, FEAT_LPA2). Arm ARM DDI 0487 chapter D8.
//
// The architecture's level 3 is level 0 here. Bits that the architecture calls RES0 are ignored by hardware, so nothing
// is reserved but the encoding 0b01 where there are no blocks.
#pragma once

#include <expected>

#include "../check.hpp"

namespace pagewright::arm64 {

/// lg2 of the granule.
enum class granule : u8 { k4 = 12, k16 = 14, k64 = 16 };

/// Which half of the 64-bit space: TTBR0_EL1 translates the lower one, TTBR1_EL1 the upper one.
enum class half : u8 { lower, upper };

/// The memory types that MAIR_EL1 assigns to AttrIndx 0..7 (DDI 0487 D19.2.100). Encodings that are UNPREDICTABLE count
/// as reserved; transient hints and FEAT_XS variants are not told apart.
constexpr auto mair(u64 value) noexcept -> memory_types {
  constexpr auto cacheability = [](u64 nibble) {
    return nibble == 4 ? memory_type::nc : (nibble & 4) != 0 ? memory_type::wb : memory_type::wt;
  };
  memory_types types{};
  for (unsigned i = 0; i < 8; ++i) {
    u64 const attr = value >> (8 * i) & 0xff, outer = attr >> 4, inner = attr & 0xf;
    if (outer == 0) {
      constexpr memory_type device[]{memory_type::device_ngnrne, memory_type::device_ngnre, memory_type::device_ngre,
                                     memory_type::device_gre};
      types[i] = (inner & 2) != 0 ? memory_type::reserved : device[inner >> 2];
    } else if (inner == 0) {
      types[i] = attr == 0xf0   ? memory_type::tagged_wb
                 : attr == 0x40 ? memory_type::nc
                 : attr == 0xa0 ? memory_type::wt
                                : memory_type::reserved;
    } else {
      types[i] = cacheability(outer) == cacheability(inner) ? cacheability(outer) : memory_type::mixed;
    }
  }
  return types;
}

/// Normal WB, Device-nGnRE, Normal NC, Device-nGnRnE, Normal WT, Tagged WB, Device-GRE, Device-nGRE.
inline constexpr u64 default_mair = 0x080c'f0bb'0044'04ff;

/// Whose translation it is. EL1&0 and, with HCR_EL2.E2H, EL2&0 tell two levels of privilege apart; EL2 and EL3 know one,
/// which holds the rights of kernel and user together (DDI 0487 D8.1.2, D8.4.1).
enum class regime : u8 { el1_0, el2_0, el2, el3 };

constexpr auto has_one_privilege(regime r) noexcept -> bool { return r == regime::el2 || r == regime::el3; }

/// What the processor offers and TCR_EL1 selects.
struct stage1_options {
  granule      page        = granule::k4;
  unsigned     input_bits  = 48;             // 64 - TxSZ: 25..52, from 16 (64K: 17) with FEAT_TTST
  half         space       = half::lower;
  unsigned     output_bits = 48;             // 32, 36, 40, 42, 44, 48; 52 if `wide`
  bool         wide        = false;          // descriptors hold 52-bit addresses: FEAT_LPA (64K), TCR_EL1.DS (4K, 16K)
  bool         contiguous  = true;           // bit 52 groups leaves
  bool         no_table_permissions = false; // HPD: APTable, UXNTable and PXNTable are ignored
  bool         top_byte_ignored = false;     // TBI
  bool         hardware_accessed = true;     // HA: hardware sets AF; otherwise AF = 0 faults
  bool         hardware_dirty = false;       // HD: DBM = 1 makes a leaf writable, and hardware then clears AP[2]
  unsigned     bbm         = 0;              // ID_AA64MMFR2_EL1.BBM: 1 resizes through the nT bit, 2 directly
  regime       of          = regime::el1_0;  // EL2 and EL3 have the lower half only
  memory_types types       = mair(default_mair);
};

inline constexpr u64 valid = bit(0), ap1 = bit(6), ap2 = bit(7), inner_shareable = ones(8, 2), af = bit(10),
                     ng = bit(11), nt = bit(16), gp = bit(50), dbm = bit(51), contiguous = bit(52), pxn = bit(53), uxn = bit(54);

/// Index bits of a full table: a table fills a granule.
constexpr auto stride(granule g) noexcept -> unsigned { return unsigned(g) - 3; }

/// Number of levels that stage 1 takes (DDI 0487 D8.2.6 to D8.2.8): 4 minus the architecture's start level.
constexpr auto depth_of(granule g, unsigned input_bits) noexcept -> unsigned {
  return (input_bits - 1 - unsigned(g)) / stride(g) + 1;
}

/// Stage 1. Precondition: the options are such as regime_of yields.
constexpr auto stage1(stage1_options const &o = {}) noexcept -> format {
  auto const     lo    = static_cast<u8>(o.page);
  auto const     up    = static_cast<u8>(lo + stride(o.page));              // lg2 of the smallest block
  bool const     lpa   = o.wide && o.page == granule::k64, lpa2 = o.wide && !lpa;
  auto const     top   = static_cast<u8>(lpa2 ? 50 : 48);                   // address bits from here on lie elsewhere
  piece const    high  = lpa ? piece{12, 4, 48} : lpa2 ? piece{8, 2, 50} : piece{};
  constexpr char const *names[]{"L3", "L2", "L1", "L0", "L-1"};
  constexpr u8   page = on_form(0) | on_form(1), block = on_form(2) | on_form(3);
  constexpr auto data = rights::user_read | rights::user_write;
  bool const     lone = has_one_privilege(o.of);

  format f{
    .name = o.of == regime::el2 ? "arm64-stage1-el2" : o.of == regime::el3 ? "arm64-stage1-el3" : "arm64-stage1",
    .spec = "Arm ARM DDI 0487 D8.2 (walk), D8.3 (descriptors), D8.4 (permissions)",
    .entry_bytes = 8, .depth = static_cast<u8>(depth_of(o.page, o.input_bits)),
    .upper       = o.space == half::lower ? extent::zero : extent::ones,
    .tag_bits    = static_cast<u8>(o.top_byte_ignored ? 8 : 0),
    .output_bits = static_cast<u8>(!o.wide && o.output_bits > 48 ? 48 : o.output_bits),
    .absent = none_set(valid), .unaccessed_faults = !o.hardware_accessed,
    .table_address = {{lo, static_cast<u8>(top - lo), lo}, high}, .table_says = bit(63),  // NSTable
    // On Arm what EL0 may write EL1 may not execute (D8.4.1.2.3).
    .excludes = {{rights::user_write, rights::kernel_execute}},
    .software = ones(55, 4),
    .carried  = (lpa2 ? 0 : inner_shareable) | bit(5) | gp | ones(59, 5) | (lone ? ng | pxn : 0),
    // D8.16.1: permissions, the access flag and software bits may change in place; FEAT_BBM level 2 adds Contiguous.
    .live     = af | ap1 | ap2 | dbm | pxn | uxn | ones(55, 4) | (o.bbm >= 2 ? contiguous : 0),
    .break_before_make = true, .resizes_live = o.bbm >= 2, .resizing = o.bbm == 1 ? nt : 0};

  for (unsigned n = 0; n < f.depth; ++n) {
    unsigned const shift = lo + n * stride(o.page);
    f.levels[n] = {.name = names[n], .shift = static_cast<u8>(shift),
                   .index_bits = static_cast<u8>(n + 1u == f.depth ? o.input_bits - shift : stride(o.page)),
                   .table = n == 0 ? never : match{3, 3}, .table_base = 3};
  }

  grant const write = o.hardware_dirty ? grant{rights::writers, {ap2 | dbm, ap2}, ap2 | dbm, ap2}
                                       : refused_by(rights::writers, ap2);
  form const leaf{
    .name = "page", .is = {3, 3}, .address = {{lo, static_cast<u8>(top - lo), lo}, high},
    .grants = {granted_by(data, ap1), write,
               refused_by(rights::kernel_execute, pxn), refused_by(rights::user_execute, uxn)},
    .type = {{2, 3, 0}}, .accessed = all_set(af), .dirty = o.hardware_dirty ? match{ap2 | dbm, dbm} : never,
    .global = none_set(ng), .base = 3 | (lpa2 ? 0 : inner_shareable)};
  f.forms[0] = f.forms[1] = f.forms[2] = f.forms[3] = leaf;
  if (lone) {  // AP[1] is RES1, bit 54 is XN, bits 53 and 11 are RES0; kernel and user are one
    f.excludes[0] = {};
    for (form &one : f.forms) {
      if (one.name == nullptr) continue;
      one.grants[0] = write;
      one.grants[1] = refused_by(rights::executes, uxn);
      one.grants[2] = one.grants[3] = {};
      one.global    = never;
      one.base     |= ap1;
    }
  }
  f.forms[1].name = "contiguous page";
  f.forms[2].name = "block";
  f.forms[3].name = "contiguous block";
  f.forms[2].is   = f.forms[3].is = {3, 1};
  f.forms[2].base = f.forms[3].base = f.forms[0].base & ~bit(1);
  f.forms[2].address[0] = f.forms[3].address[0] = {up, static_cast<u8>(top - up), up};
  for (unsigned n : {1u, 3u}) {
    f.forms[n].is    = {f.forms[n].is.mask | contiguous, f.forms[n].is.value | contiguous};
    f.forms[n].base |= contiguous;
  }
  if (o.bbm == 1) f.forms[2].live = f.forms[3].live = f.live | nt;  // in pages and table entries bit 16 is of the address
  f.forms[1].run_lg2 = o.page == granule::k4 ? 4 : o.page == granule::k16 ? 7 : 5;
  f.forms[3].run_lg2 = o.page == granule::k4 ? 4 : 5;

  // Which levels hold blocks (D8.3.1), and at which of them the Contiguous bit means something (D8.7.1): a group never
  // reaches beyond its table, which a small root can make shorter than the group.
  constexpr u8 none = no_form;
  for (unsigned n = 0; n < f.depth; ++n) {
    bool const blocks  = n == 0 || n == 1 || (n == 2 && (o.page == granule::k4 || o.wide)) ||
                         (n == 3 && o.page == granule::k4 && o.wide);
    u8 const   plain   = n == 0 ? 0 : 2;
    bool const grouped = o.contiguous && (n < 2 || (n == 2 && o.page == granule::k4)) &&
                         f.levels[n].index_bits >= f.forms[plain + 1].run_lg2;
    if (!blocks) continue;
    u8 const group = static_cast<u8>(plain + 1);
    f.levels[n].leaves[0] = grouped ? group : plain;
    f.levels[n].leaves[1] = grouped ? plain : none;
  }

  if (!o.no_table_permissions && lone) {
    f.table_grants[0] = refused_by(rights::writers, bit(62));
    f.table_grants[1] = refused_by(rights::executes, bit(60));
  } else if (!o.no_table_permissions) {
    f.table_grants[0] = refused_by(data, bit(61));
    f.table_grants[1] = refused_by(rights::writers, bit(62));
    f.table_grants[2] = refused_by(rights::kernel_execute, bit(59));
    f.table_grants[3] = refused_by(rights::user_execute, bit(60));
  }
  for (unsigned i = 0; i < 8; ++i) f.types[i] = o.types[i];

  u8 const under = static_cast<u8>(lpa ? 0 : lo - 12);  // RES0 below the granule
  name_fields(f, {
    {"Valid", 0, 1}, {"Type", 1, 1},
    {"AttrIndx", 2, 3, on_leaves}, {"NS", 5, 1, on_leaves}, {lone ? "RES1" : "AP[1]", 6, 1, on_leaves}, {"AP[2]", 7, 1, on_leaves},
    {"ignored", 2, 6, on_tables}, {lpa2 ? "address 51:50" : "ignored", 8, 2, on_tables},
    {lpa2 ? "address 51:50" : "SH", 8, 2, on_leaves},
    {"AF", 10, 1, on_leaves}, {lone ? "RES0" : "nG", 11, 1, on_leaves}, {"ignored", 10, 2, on_tables},
    {"address 51:48", 12, static_cast<u8>(lpa ? 4 : 0)},
    {"RES0", 12, under, on_tables | page}, {"address", lo, static_cast<u8>(top - lo), on_tables | page},
    {"RES0", 12, static_cast<u8>(lpa ? 0 : 4), block}, {"nT", 16, 1, block},
    {"RES0", 17, static_cast<u8>(up - 17), block}, {"address", up, static_cast<u8>(top - up), block},
    {"RES0", top, static_cast<u8>(50 - top)},
    {"GP", 50, 1, on_leaves}, {"DBM", 51, 1, on_leaves}, {"Contiguous", 52, 1, on_leaves}, {lone ? "RES0" : "PXN", 53, 1, on_leaves},
    {lone ? "XN" : "UXN", 54, 1, on_leaves}, {"software", 55, 4, on_leaves}, {"PBHA", 59, 4, on_leaves},
    {"ignored", 63, 1, on_leaves},
    {"RES0", 50, 1, on_tables}, {"ignored", 51, 8, on_tables}, {lone ? "RES0" : "PXNTable", 59, 1, on_tables},
    {lone ? "XNTable" : "UXNTable", 60, 1, on_tables}, {"APTable", 61, 2, on_tables}, {"NSTable", 63, 1, on_tables}});
  return f;
}

/// The usual case: `wide` brings 52-bit output addresses, everything else is as stage1_options says.
constexpr auto stage1(granule page, unsigned input_bits, half space, bool wide = false) noexcept -> format {
  return stage1(
      {.page = page, .input_bits = input_bits, .space = space, .output_bits = wide ? 52u : 48u, .wide = wide});
}

inline constexpr format stage1_4k_39_lower       = stage1(granule::k4, 39, half::lower);
inline constexpr format stage1_4k_39_upper       = stage1(granule::k4, 39, half::upper);
inline constexpr format stage1_4k_48_lower       = stage1(granule::k4, 48, half::lower);
inline constexpr format stage1_4k_48_upper       = stage1(granule::k4, 48, half::upper);
inline constexpr format stage1_4k_52_lpa2_lower  = stage1(granule::k4, 52, half::lower, true);
inline constexpr format stage1_4k_52_lpa2_upper  = stage1(granule::k4, 52, half::upper, true);
inline constexpr format stage1_16k_47_lower      = stage1(granule::k16, 47, half::lower);
inline constexpr format stage1_16k_47_upper      = stage1(granule::k16, 47, half::upper);
inline constexpr format stage1_16k_48_lower      = stage1(granule::k16, 48, half::lower);
inline constexpr format stage1_16k_48_upper      = stage1(granule::k16, 48, half::upper);
inline constexpr format stage1_16k_52_lpa2_lower = stage1(granule::k16, 52, half::lower, true);
inline constexpr format stage1_16k_52_lpa2_upper = stage1(granule::k16, 52, half::upper, true);
inline constexpr format stage1_64k_48_lower      = stage1(granule::k64, 48, half::lower);
inline constexpr format stage1_64k_48_upper      = stage1(granule::k64, 48, half::upper);
inline constexpr format stage1_64k_52_lpa_lower  = stage1(granule::k64, 52, half::lower, true);
inline constexpr format stage1_64k_52_lpa_upper  = stage1(granule::k64, 52, half::upper, true);

static_assert(is_well_formed<stage1_4k_48_lower>());
static_assert(is_well_formed<stage1_4k_52_lpa2_upper>());
static_assert(is_well_formed<stage1_16k_47_lower>());
static_assert(is_well_formed<stage1_64k_48_upper>());
static_assert(is_well_formed<stage1_64k_52_lpa_lower>());

// --- system registers ---------------------------------------------------------------------------------------------

/// Why TCR_EL1 gives no tables for a half of the space.
enum class no_regime : u8 { walks_disabled, granule_reserved, size_out_of_range };

constexpr auto text(no_regime why) noexcept -> char const * {
  switch (why) {
    case no_regime::walks_disabled:    return "TCR_EL1.EPD disables walks of this half";
    case no_regime::granule_reserved:  return "TCR_EL1.TG holds a reserved granule";
    case no_regime::size_out_of_range: return "TCR_EL1.TxSZ is out of range for the granule";
  }
  return "?";
}

/// What TCR_EL1 and MAIR_EL1 select for a half of the space (DDI 0487 D19.2.147). FEAT_TTST is taken to be there, so
/// small spaces are accepted; `bbm` and `contiguous` are left at their defaults, for no register tells.
constexpr auto regime_of(u64 tcr, half space, u64 mair_el1 = default_mair) noexcept
    -> std::expected<stage1_options, no_regime> {
  bool const lower = space == half::lower;
  auto const flag  = [tcr](unsigned n) { return (tcr >> n & 1) != 0; };
  if (flag(lower ? 7 : 23)) return std::unexpected{no_regime::walks_disabled};

  // The encodings of TG0 and TG1 differ.
  u64 const tg = tcr >> (lower ? 14 : 30) & 3;
  if (tg == (lower ? 3u : 0u)) return std::unexpected{no_regime::granule_reserved};
  auto const page = lower ? tg == 0 ? granule::k4 : tg == 1 ? granule::k64 : granule::k16
                          : tg == 1 ? granule::k16 : tg == 2 ? granule::k4 : granule::k64;

  constexpr u8   sizes[8]{32, 36, 40, 42, 44, 48, 52, 52};  // IPS; 7 (56 bits) needs 128-bit descriptors
  unsigned const output = sizes[tcr >> 32 & 7];
  bool const     wide   = page == granule::k64 ? output > 48 : flag(59);
  unsigned const size   = 64 - unsigned(tcr >> (lower ? 0 : 16) & 0x3f);
  if (size > (wide || page == granule::k64 ? 52u : 48u) || size < (page == granule::k64 ? 17u : 16u))
    return std::unexpected{no_regime::size_out_of_range};

  return stage1_options{.page                 = page,
                        .input_bits           = size,
                        .space                = space,
                        .output_bits          = wide || output < 48 ? output : 48,
                        .wide                 = wide,
                        .no_table_permissions = flag(lower ? 41 : 42),
                        .top_byte_ignored     = flag(lower ? 37 : 38),
                        .hardware_accessed    = flag(39),
                        .hardware_dirty       = flag(39) && flag(40),
                        .types                = mair(mair_el1)};
}

/// The address of the top table in TTBR0_EL1 or TTBR1_EL1, without ASID and CnP (DDI 0487 D8.2.5). A root is aligned to
/// its size, with 52-bit output addresses to 64 bytes at least; bits 5:2 then hold address bits 51:48.
constexpr auto root_table(stage1_options const &o, u64 ttbr) noexcept -> output_address {
  unsigned const root = o.input_bits - (unsigned(o.page) + (depth_of(o.page, o.input_bits) - 1) * stride(o.page)) + 3;
  bool const     far  = o.wide && o.output_bits == 52;
  unsigned const lo   = far && root < 6 ? 6 : root;
  return {(ttbr & ones(lo, 48 - lo)) | (far ? (ttbr >> 2 & 0xf) << 48 : 0)};
}

/// The ASID in a TTBR; TCR_EL1.A1 says whose counts. Without 16-bit ASIDs the upper eight bits read as zero.
constexpr auto asid_of(u64 ttbr) noexcept -> u16 { return static_cast<u16>(ttbr >> 48); }

}  // namespace pagewright::arm64
