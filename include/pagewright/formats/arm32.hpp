// SPDX-License-Identifier: MIT
// AArch32: short descriptors of ARMv7-A and later, and long descriptors (LPAE), which have the geometry of AArch64.
// Arm ARM DDI 0487 G5.4 (short), G5.5 (long), G5.6 (permissions); ARMv7-A DDI 0406C B3.5, B3.6, B3.7.
//
// Bits that the architecture calls SBZ or RES0 are ignored by hardware. [mem] marks what rests on memory of the manual.
#pragma once

#include "arm64_stage2.hpp"

namespace pagewright::arm32 {

using arm64::half;  // TTBR0 translates the lower addresses, TTBR1 the upper ones

// --- short descriptors --------------------------------------------------------------------------------------------

/// The memory types that {TEX[0], C, B} selects through PRRR and NMRR where SCTLR.TRE is set (DDI 0406C B3.8.3 [mem];
/// it yields what Linux says of its values). The meaning of index 6 is IMPLEMENTATION DEFINED: reserved here.
constexpr auto remapped(u32 prrr, u32 nmrr) noexcept -> memory_types {
  constexpr memory_type normal[]{memory_type::nc, memory_type::wb, memory_type::wt, memory_type::wb};
  memory_types types{};
  for (unsigned i = 0; i < 8; ++i) {
    u32 const kind = prrr >> (2 * i) & 3, inner = nmrr >> (2 * i) & 3, outer = nmrr >> (2 * i + 16) & 3;
    types[i] = i == 6 || kind == 3 ? memory_type::reserved
               : kind == 0         ? memory_type::device_ngnrne  // Strongly-ordered
               : kind == 1         ? memory_type::device_ngnre   // Device
               : normal[inner] == normal[outer] ? normal[inner] : memory_type::mixed;
  }
  return types;
}
inline constexpr u32 linux_prrr = 0xff0a81a8, linux_nmrr = 0x40e040e0;

/// What {TEX, C, B} means without TEX remap (DDI 0487 G5.7.2). 00110 is IMPLEMENTATION DEFINED: reserved here.
constexpr auto unremapped(unsigned tex_cb) noexcept -> memory_type {
  constexpr memory_type low[]{memory_type::device_ngnrne, memory_type::device_ngnre, memory_type::wt, memory_type::wb,
                              memory_type::nc, memory_type::reserved, memory_type::reserved, memory_type::wb,
                              memory_type::device_ngnre},  // the last is non-shareable Device
      normal[]{memory_type::nc, memory_type::wb, memory_type::wt, memory_type::wb};
  if (tex_cb < 16) return tex_cb < 9 ? low[tex_cb] : memory_type::reserved;
  auto const outer = normal[tex_cb >> 2 & 3], inner = normal[tex_cb & 3];
  return outer == inner ? outer : memory_type::mixed;
}

/// What the processor offers and TTBCR and SCTLR select.
struct short_options {
  unsigned input_bits  = 32;       // for TTBR0 32 - TTBCR.N, 25..32; for TTBR1 always 32
  unsigned output_bits = 40;       // 32 where supersections cannot lead further; other leaves and tables never can
  bool     remap       = true;     // SCTLR.TRE: `types` counts; otherwise the fixed meaning of TEX, C, B
  bool     access_flag = false;    // SCTLR.AFE: AP[0] is the access flag, which software alone sets
  bool     privileged_execute_never  = true;   // PXN: with LPAE always; without it bit 0 of a section must be 0
  bool     supersections             = true;   // ID_MMFR3[31:28] = 0
  bool     write_execute_never       = false;  // SCTLR.WXN: what may be written may not be executed by the same side
  bool     user_write_execute_never  = false;  // SCTLR.UWXN: nor by the kernel what the user may write
  bool     shareable   = true;     // new leaves are shareable: S
  unsigned domain      = 0;        // of new tables and sections. A supersection is in domain 0 whatever this is: with
                                   // another domain keep leaves at 1 Mbyte (leaf_limits)
  bool     big_endian  = false;    // SCTLR.EE
  memory_types types   = remapped(linux_prrr, linux_nmrr);
};

/// How a form with AP[1:0] from bit `ap10` on, AP[2] at `ap2` and XN and PXN at these bits (0: none) says rights. These
/// bits may change in place. Executing takes reading, and XN holds for both sides (DDI 0487 G5.6.1 to G5.6.3).
constexpr void say_rights(form &f, short_options const &o, unsigned ap10, unsigned ap2, u64 xn, u64 pxn) noexcept {
  u64 const a0 = bit(ap10), a1 = bit(ap10 + 1), a2 = bit(ap2);
  f.grants[0] = granted_by(rights::user, a1);
  if (o.access_flag) {  // AP[2:1]: 00 kernel rw, 01 both rw, 10 kernel r, 11 both r
    f.grants[1] = refused_by(rights::writers, a2);
    f.accessed  = all_set(a0);
  } else {
    // AP[2:0]: 000 none, 001 kernel rw, 010 user r too, 011 user rw too, 101 kernel r, 110 and 111 both r. 100 is
    // reserved, what it allows IMPLEMENTATION DEFINED: here nothing. 110 is deprecated and not written.
    f.grants[1] = {rights::writers, all_set(a2), 0, 0};
    f.grants[2] = {rights::kernel, none_set(a0 | a1), a0, 0, rights::user};
    f.grants[3] = granted_by(rights::user_write, a0);
    f.grants[4] = {rights::kernel_read, never, a0 | a2, 0, rights::kernel_write};
  }
  f.grants[5] = refused_by(rights::executes, xn);
  if (pxn != 0) f.grants[6] = refused_by(rights::kernel_execute, pxn);
  f.live = a0 | a1 | a2 | xn | pxn;
}

/// Short descriptors: tables of 16 Kbytes (less with TTBCR.N) and of 1 Kbyte. Supersections and large pages are runs of
/// 16 equal slots. What DACR makes of the domains comes on top: see domain_of.
/// Precondition: input_bits 25..32, output_bits 32..40, domain 0..15.
constexpr auto short_descriptors(short_options const &o = {}) noexcept -> format {
  constexpr u8 small = on_form(0), large = on_form(1), section = on_form(2), super = on_form(3),
               sections = section | super;
  u64 const    told = o.privileged_execute_never ? 2 : 3, domain = u64{o.domain} << 5;  // bits that tell a section
  u64 const    s_page = o.shareable ? bit(10) : 0, s_section = o.shareable ? bit(16) : 0;
  piece const  cb{2, 2, 0};
  auto const   tex = [&](unsigned lo) { return piece{static_cast<u8>(lo), static_cast<u8>(o.remap ? 1 : 3), 2}; };

  format f{
    .name = "arm32-short", .spec = "Arm ARM DDI 0487 G5.4 (VMSAv8-32 Short-descriptor format); DDI 0406C B3.5",
    .entry_bytes = 4, .order = o.big_endian ? byte_order::big : byte_order::little, .depth = 2,
    .input_width = 32, .output_bits = static_cast<u8>(o.supersections ? o.output_bits : 32),
    .levels = {
      {"L2", 12, 8, never, 0, 0, {1, 0}},
      {"L1", 20, static_cast<u8>(o.input_bits - 20), {3, 1}, 1 | domain, 0,
       o.supersections ? form_list{3, 2} : form_list{2}}},
    .forms = {
      {.name = "small page", .is = all_set(2), .address = {{12, 20, 12}}, .type = {cb, tex(6)},
       .global = none_set(bit(11)), .base = 2 | s_page},
      {.name = "large page", .is = {3, 1}, .run_lg2 = 4, .address = {{16, 16, 16}}, .type = {cb, tex(12)},
       .global = none_set(bit(11)), .base = 1 | s_page},
      {.name = "section", .is = {bit(18) | told, 2}, .address = {{20, 12, 20}}, .type = {cb, tex(12)},
       .global = none_set(bit(17)), .base = 2 | s_section | domain},
      {.name = "supersection", .is = {bit(18) | told, bit(18) | 2}, .run_lg2 = 4,
       .address = {{24, 8, 24}, {20, 4, 32}, {5, 4, 36}}, .type = {cb, tex(12)},
       .global = none_set(bit(17)), .base = bit(18) | 2 | s_section}},
    .absent = none_set(3), .unaccessed_faults = o.access_flag,
    .table_address = {{10, 22, 10}}, .table_says = ones(5, 4) | bit(3),  // domain, NS
    // Changes of size, address or attributes go through an absent entry, those that say_rights names need not.
    .live = 0, .break_before_make = true};

  bool const pxn = o.privileged_execute_never;
  say_rights(f.forms[0], o, 4, 9, bit(0), 0);
  say_rights(f.forms[1], o, 4, 9, bit(15), 0);
  say_rights(f.forms[2], o, 10, 15, bit(4), pxn ? bit(0) : 0);
  say_rights(f.forms[3], o, 10, 15, bit(4), pxn ? bit(0) : 0);
  if (pxn) f.table_grants[0] = refused_by(rights::kernel_execute, bit(2));
  if (o.write_execute_never) f.excludes[0] = {rights::kernel_write, rights::kernel_execute};
  if (o.write_execute_never) f.excludes[1] = {rights::user_write, rights::executes};
  else if (o.user_write_execute_never) f.excludes[1] = {rights::user_write, rights::kernel_execute};
  for (unsigned i = 0; i < max_types; ++i)
    f.types[i] = !o.remap ? unremapped(i) : i < 8 ? o.types[i] : memory_type::reserved;

  u8 const one = o.supersections ? 1 : 0;
  name_fields(f, {
    {"Type", 0, 2, on_tables | large}, {"XN", 0, 1, small}, {pxn ? "PXN" : "Type", 0, 1, sections},
    {"Type", 1, 1, small | sections},
    {pxn ? "PXN" : "SBZ", 2, 1, on_tables}, {"NS", 3, 1, on_tables}, {"SBZ", 4, 1, on_tables},
    {"Domain", 5, 4, on_tables}, {"ignored", 9, 1, on_tables}, {"address", 10, 22, on_tables},
    {"B", 2, 1, on_leaves}, {"C", 3, 1, on_leaves},
    {o.access_flag ? "AF" : "AP[0]", 4, 1, small | large}, {"AP[1]", 5, 1, small | large},
    {"TEX", 6, 3, small}, {"SBZ", 6, 3, large}, {"AP[2]", 9, 1, small | large},
    {"S", 10, 1, small | large}, {"nG", 11, 1, small | large},
    {"address", 12, 20, small}, {"TEX", 12, 3, large}, {"XN", 15, 1, large}, {"address", 16, 16, large},
    {"XN", 4, 1, sections}, {"Domain", 5, 4, section}, {"address 39:36", 5, 4, super},
    {"ignored", 9, 1, sections},
    {o.access_flag ? "AF" : "AP[0]", 10, 1, sections}, {"AP[1]", 11, 1, sections}, {"TEX", 12, 3, sections},
    {"AP[2]", 15, 1, sections}, {"S", 16, 1, sections}, {"nG", 17, 1, sections}, {"supersection", 18, 1, sections},
    {"NS", 19, 1, sections}, {"address", 20, 12, section}, {"address 35:32", 20, static_cast<u8>(4 * one), super},
    {"address", 24, 8, super}});
  return f;
}

inline constexpr format short_32  = short_descriptors();
inline constexpr format short_afe = short_descriptors({.access_flag = true});
inline constexpr format short_31  = short_descriptors({.input_bits = 31});  // TTBR0 with TTBCR.N = 1

static_assert(is_well_formed<short_32>() && is_well_formed<short_afe>() && is_well_formed<short_31>());

/// What DACR says of a domain (DDI 0487 G8.2.39): none faults, of a manager no permission is checked.
enum class domain_access : u8 { none, client, reserved, manager };

/// The domain a level-1 entry puts what it maps into: that of a page table or section, and 0 for a supersection.
constexpr auto domain_of(u64 level1_entry) noexcept -> unsigned {
  bool const super = (level1_entry & (bit(18) | 2)) == (bit(18) | 2);
  return super ? 0 : unsigned(level1_entry >> 5 & 15);
}
constexpr auto access_to(unsigned domain, u32 dacr) noexcept -> domain_access {
  return static_cast<domain_access>(dacr >> (2 * domain) & 3);
}

// --- long descriptors ---------------------------------------------------------------------------------------------

inline constexpr unsigned lpae_output_bits = 40;  // entries hold bits 47:40 too; set, they are an Address size fault

/// Memory types of MAIR0 and MAIR1, or of HMAIR0 and HMAIR1 (G8.2.101). There are no allocation tags in AArch32.
constexpr auto mair(u32 mair0, u32 mair1) noexcept -> memory_types {
  auto types = arm64::mair(u64{mair1} << 32 | mair0);
  for (auto &one : types.of) one = one == memory_type::tagged_wb ? memory_type::reserved : one;
  return types;
}
inline constexpr u32 linux_mair0 = 0xeeaa4400, linux_mair1 = 0xff000004;

/// What the processor offers and TTBCR or HTCR selects.
struct lpae_options {
  unsigned input_bits = 32;              // 32 - TxSZ: 25..32
  half     space      = half::lower;     // upper: the topmost addresses below 2^32, unless T1SZ is 0
  bool     hyp        = false;           // the EL2 regime (HTTBR): one privilege
  bool     contiguous = true;
  bool     no_table_permissions      = false;  // TTBCR2.HPD0, HPD1, HTCR.HPD
  bool     write_execute_never       = false;  // SCTLR.WXN, HSCTLR.WXN
  bool     user_write_execute_never  = false;  // SCTLR.UWXN
  bool     big_endian = false;                 // SCTLR.EE, HSCTLR.EE
  memory_types types  = mair(linux_mair0, linux_mair1);
};

/// The names of the bits of long descriptors, after those of AArch64.
constexpr void name_long_fields(format &f, bool stage2, bool lone) noexcept {
  constexpr u8 page = on_form(0) | on_form(1), block = on_form(2) | on_form(3);
  u8 const     s1 = stage2 ? 0 : 1, s2 = stage2 ? 1 : 0;
  name_fields(f, {
    {"Valid", 0, 1}, {"Type", 1, 1}, {"ignored", 2, 10, on_tables},
    {"AttrIndx", 2, static_cast<u8>(3 * s1), on_leaves}, {"NS", 5, s1, on_leaves},
    {lone ? "RES1" : "AP[1]", 6, s1, on_leaves}, {"AP[2]", 7, s1, on_leaves},
    {"MemAttr", 2, static_cast<u8>(4 * s2), on_leaves}, {"S2AP", 6, static_cast<u8>(2 * s2), on_leaves},
    {"SH", 8, 2, on_leaves}, {"AF", 10, 1, on_leaves}, {stage2 || lone ? "RES0" : "nG", 11, 1, on_leaves},
    {"address", 12, 28, on_tables | page}, {"RES0", 12, 9, block}, {"address", 21, 19, block},
    {"address 47:40, must be 0", 40, 8}, {"RES0", 48, 4},
    {"Contiguous", 52, 1, on_leaves}, {lone ? "RES0" : "PXN", 53, s1, on_leaves}, {"XN", 54, s1, on_leaves},
    {"XN", 53, static_cast<u8>(2 * s2), on_leaves}, {"software", 55, 4, on_leaves}, {"ignored", 59, 5, on_leaves},
    {"ignored", 52, 7, on_tables}, {stage2 ? "ignored" : lone ? "RES0" : "PXNTable", 59, 1, on_tables},
    {stage2 ? "ignored" : "XNTable", 60, 1, on_tables}, {stage2 ? "ignored" : "APTable", 61, 2, on_tables},
    {stage2 ? "ignored" : "NSTable", 63, 1, on_tables}});
}

/// Long descriptors, stage 1 (G5.5). Other than in AArch64 XN holds for both sides, executing takes reading, what the
/// user may write the kernel may execute, and software alone sets the access flag.
/// Precondition: input_bits 25..32.
constexpr auto lpae_stage1(lpae_options const &o = {}) noexcept -> format {
  bool const upper = o.space == half::upper && o.input_bits < 32;
  auto f = arm64::stage1({.input_bits = o.input_bits, .space = upper ? half::upper : half::lower,
                          .output_bits = lpae_output_bits, .contiguous = o.contiguous,
                          .no_table_permissions = o.no_table_permissions, .hardware_accessed = false,
                          .of = o.hyp ? arm64::regime::el2 : arm64::regime::el1_0, .types = o.types});
  f.name     = o.hyp ? "arm32-lpae-hyp" : "arm32-lpae-stage1";
  f.spec     = "Arm ARM DDI 0487 G5.5 (VMSAv8-32 Long-descriptor format), G5.6; DDI 0406C B3.6, B3.7";
  f.order    = o.big_endian ? byte_order::big : byte_order::little;
  f.input_width = 32;
  f.carried &= ~arm64::gp;
  f.live    &= ~arm64::dbm;
  f.excludes[0] = o.write_execute_never ? exclusion{rights::kernel_write, rights::kernel_execute} : exclusion{};
  f.excludes[1] = o.write_execute_never        ? exclusion{rights::user_write, rights::executes}
                  : o.user_write_execute_never ? exclusion{rights::user_write, rights::kernel_execute}
                                               : exclusion{};
  if (!o.hyp) {
    for (form &one : f.forms) {
      if (one.name == nullptr) continue;
      one.grants[0] = granted_by(rights::user, arm64::ap1);
      one.grants[3] = refused_by(rights::executes, arm64::uxn);
    }
    if (!o.no_table_permissions) {
      f.table_grants[0] = refused_by(rights::user, bit(61));
      f.table_grants[3] = refused_by(rights::executes, bit(60));
    }
  }
  name_long_fields(f, false, o.hyp);
  return f;
}

/// What VTCR selects.
struct lpae_stage2_options {
  unsigned input_bits       = 40;     // 32 - T0SZ: 25..40
  unsigned start            = 1;      // the level of the root, 2 - SL0: 1 (31..40 input bits) or 2 (22..34)
  bool     contiguous       = true;
  bool     separate_execute = false;  // FEAT_XNX: XN[1:0] tells EL1 and EL0 apart
  bool     big_endian       = false;  // HSCTLR.EE
};

/// Long descriptors, stage 2 (G5.5.4). Other than in AArch64 executing takes reading.
/// Precondition: the start level fits the size, as lpae_stage2_of checks.
constexpr auto lpae_stage2(lpae_stage2_options const &o = {}) noexcept -> format {
  bool const concatenated = o.input_bits == 40 || (o.start == 2 && o.input_bits > 30);
  auto f = arm64::stage2({.input_bits = o.input_bits, .output_bits = lpae_output_bits, .concatenated = concatenated,
                          .contiguous = o.contiguous, .separate_execute = o.separate_execute,
                          .hardware_accessed = false});
  f.name  = "arm32-lpae-stage2";
  f.spec  = "Arm ARM DDI 0487 G5.5.4, G5.6.5; DDI 0406C B3.6.2, B3.7.6";
  f.order = o.big_endian ? byte_order::big : byte_order::little;
  for (form &one : f.forms)
    if (one.name != nullptr) one.grants[7] = {rights::executes, none_set(bit(6)), 0, 0};
  f.carried = arm64::inner_shareable | bit(11) | ones(59, 5);
  f.live   &= ~arm64::dbm;
  name_long_fields(f, true, false);
  return f;
}

inline constexpr format lpae_32      = lpae_stage1();
inline constexpr format lpae_30_high = lpae_stage1({.input_bits = 30, .space = half::upper});  // from 0xC0000000 on
inline constexpr format lpae_hyp     = lpae_stage1({.hyp = true});
inline constexpr format lpae_stage2_40 = lpae_stage2();

static_assert(is_well_formed<lpae_32>() && is_well_formed<lpae_30_high>() && is_well_formed<lpae_hyp>());
static_assert(is_well_formed<lpae_stage2_40>());

// --- system registers ---------------------------------------------------------------------------------------------

/// Why the registers give no tables for a range.
enum class no_regime : u8 { walks_disabled, not_used, other_format, size_out_of_range, start_does_not_fit };

constexpr auto text(no_regime why) noexcept -> char const * {
  switch (why) {
    case no_regime::walks_disabled:     return "TTBCR.PD or EPD disables walks of this range";
    case no_regime::not_used:           return "TTBR0 translates all addresses";
    case no_regime::other_format:       return "TTBCR.EAE selects the other descriptor format";
    case no_regime::size_out_of_range:  return "VTCR.T0SZ and S do not agree";
    case no_regime::start_does_not_fit: return "VTCR.SL0 does not fit VTCR.T0SZ, or is reserved";
  }
  return "?";
}

/// Which TTBR translates `va` (G5.5.5; short: G5.4.1). Nothing in the gap that T0SZ and T1SZ leave between the ranges.
constexpr auto half_of(u32 ttbcr, u32 va) noexcept -> std::optional<half> {
  auto const top = [va](unsigned n) { return n == 0 ? 0 : va >> (32 - n); };
  unsigned const n0 = ttbcr & 7, n1 = ttbcr >> 16 & 7;  // N or T0SZ; T1SZ
  if ((ttbcr >> 31) == 0 || n1 == 0) return top(n0) == 0 ? half::lower : half::upper;
  if (top(n1) == below(n1)) return half::upper;
  return top(n0) == 0 ? std::optional{half::lower} : std::nullopt;
}

/// What TTBCR, SCTLR, PRRR and NMRR select for a range with short descriptors. An upper range's table has slots for the
/// whole space; those below 2^(32 - N) are never used. The processor's own features are as short_options has them.
constexpr auto short_regime_of(u32 ttbcr, half space, u32 sctlr, u32 prrr = linux_prrr, u32 nmrr = linux_nmrr) noexcept
    -> std::expected<short_options, no_regime> {
  auto const     flag = [sctlr](unsigned n) { return (sctlr >> n & 1) != 0; };
  unsigned const n    = ttbcr & 7;
  if ((ttbcr >> 31) != 0) return std::unexpected{no_regime::other_format};
  if (space == half::upper && n == 0) return std::unexpected{no_regime::not_used};
  if ((ttbcr >> (space == half::lower ? 4 : 5) & 1) != 0) return std::unexpected{no_regime::walks_disabled};
  return short_options{.input_bits  = space == half::lower ? 32 - n : 32,
                       .remap       = flag(28),
                       .access_flag = flag(29),
                       .write_execute_never      = flag(19),
                       .user_write_execute_never = flag(20),
                       .big_endian  = flag(25),
                       .types       = remapped(prrr, nmrr)};
}

/// The address of the first-level table in TTBR0 or TTBR1: aligned to its size, 2^(14 - N) bytes.
constexpr auto root_table(short_options const &o, u32 ttbr) noexcept -> output_address {
  return {ttbr & ~below(o.input_bits - 18)};
}

/// What TTBCR, SCTLR, MAIR0 and MAIR1 select for a range with long descriptors. HPD0 and HPD1 are bits 9 and 10 of
/// TTBCR2, which counts if TTBCR.T2E, bit 6, is set [mem].
constexpr auto lpae_regime_of(u32 ttbcr, half space, u32 sctlr, u32 mair0 = linux_mair0, u32 mair1 = linux_mair1,
                              u32 ttbcr2 = 0) noexcept -> std::expected<lpae_options, no_regime> {
  bool const     lower = space == half::lower;
  unsigned const n0 = ttbcr & 7, n1 = ttbcr >> 16 & 7;
  if ((ttbcr >> 31) == 0) return std::unexpected{no_regime::other_format};
  if (!lower && n0 == 0 && n1 == 0) return std::unexpected{no_regime::not_used};
  if ((ttbcr >> (lower ? 7 : 23) & 1) != 0) return std::unexpected{no_regime::walks_disabled};
  return lpae_options{.input_bits = 32 - (lower ? n0 : n1),
                      .space      = space,
                      .no_table_permissions     = (ttbcr >> 6 & 1) != 0 && (ttbcr2 >> (lower ? 9 : 10) & 1) != 0,
                      .write_execute_never      = (sctlr >> 19 & 1) != 0,
                      .user_write_execute_never = (sctlr >> 20 & 1) != 0,
                      .big_endian = (sctlr >> 25 & 1) != 0,
                      .types      = mair(mair0, mair1)};
}

/// What HTCR, HSCTLR, HMAIR0 and HMAIR1 select for the EL2 regime.
constexpr auto hyp_regime_of(u32 htcr, u32 hsctlr, u32 hmair0, u32 hmair1) noexcept -> lpae_options {
  return {.input_bits = 32 - (htcr & 7), .hyp = true, .no_table_permissions = (htcr >> 24 & 1) != 0,
          .write_execute_never = (hsctlr >> 19 & 1) != 0, .big_endian = (hsctlr >> 25 & 1) != 0,
          .types = mair(hmair0, hmair1)};
}

/// What VTCR selects for stage 2. T0SZ is signed; that S, bit 4, must repeat its sign is from memory: UNCERTAIN whether
/// every processor faults otherwise.
constexpr auto lpae_stage2_of(u32 vtcr, u32 hsctlr = 0) noexcept -> std::expected<lpae_stage2_options, no_regime> {
  bool const     negative = (vtcr >> 3 & 1) != 0;
  unsigned const size = negative ? 32 + (16 - (vtcr & 15)) : 32 - (vtcr & 15);
  unsigned const sl0 = vtcr >> 6 & 3, start = 2 - sl0;
  if (negative != ((vtcr >> 4 & 1) != 0)) return std::unexpected{no_regime::size_out_of_range};
  if (sl0 > 1 || (start == 1 ? size < 31 : size > 34)) return std::unexpected{no_regime::start_does_not_fit};
  return lpae_stage2_options{.input_bits = size, .start = start, .big_endian = (hsctlr >> 25 & 1) != 0};
}

/// The address of the top table of `f`, a long-descriptor format, in TTBR0, TTBR1, HTTBR or VTTBR: aligned to its size.
/// (The sheets say 32 bytes at least, ARMv7-A says 16 for a T0SZ of 1 [mem]: UNCERTAIN. Its size serves for both.)
/// Nothing if bits 47:40 are set, which is an Address size fault.
constexpr auto root_table(format const &f, u64 ttbr) noexcept -> std::optional<output_address> {
  if ((ttbr & ones(40, 8)) != 0) return std::nullopt;
  return output_address{ttbr & ones(0, 40) & ~below(table_lg2(dynamic{&f}, f.depth - 1u))};
}

/// The ASID of long descriptors, in the TTBR that TTBCR.A1 names, or the VMID in VTTBR. Short descriptors have
/// theirs in CONTEXTIDR[7:0].
constexpr auto asid_of(u64 ttbr) noexcept -> u16 { return static_cast<u16>(ttbr >> 48 & 0xff); }
constexpr auto vmid_of(u64 vttbr) noexcept -> u16 { return static_cast<u16>(vttbr >> 48 & 0xff); }

}  // namespace pagewright::arm32
