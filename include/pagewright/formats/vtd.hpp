// SPDX-License-Identifier: MIT
// Intel VT-d: second-stage tables of 3 to 5 levels and first-stage tables of 4 and 5.
// Intel Virtualization Technology for Directed I/O 338868, 3.6 (first stage), 3.7 (second stage), 9.3 (context entry),
// 9.6 (PASID-table entry), 9.7 and 9.8 (paging entries).
#pragma once

#include <expected>
#include <optional>

#include "x86.hpp"

namespace pagewright::vtd {

// --- second stage -------------------------------------------------------------------------------------------------

/// What the unit offers (CAP_REG, ECAP_REG) and the context or PASID-table entry selects.
struct second_stage_options {
  unsigned levels         = 4;      // 3, 4, 5: AW 1, 2, 3
  unsigned host_bits      = 52;     // HAW: address bits from here on are reserved
  bool     large_2m       = true;   // CAP.SLLPS bit 34
  bool     large_1g       = true;   // CAP.SLLPS bit 35
  bool     snoop_control  = false;  // ECAP.SC: a leaf may force snooping; otherwise SNP is reserved
  bool     accessed_dirty = false;  // SSADE in the PASID-table entry: hardware sets A and D
  bool     device_tlb     = false;  // leaves may be transient (TM); otherwise the bit is reserved
  bool     caching_mode   = false;  // CAP.CM: absent entries may be cached, as emulated units do
};

inline constexpr u64 r = bit(0), w = bit(1), ps = bit(7), a = bit(8), d = bit(9), snp = bit(11), tm = bit(62);

/// Second stage (3.7): an entry is present if it may be read or written, there is no present bit. Nothing is told of
/// who accesses: the rights of kernel and user are one. Whether devices may execute (X, bit 2) is UNCERTAIN, as are
/// EMT and IPAT in bits 6:3; all are taken for ignored, kept, and not given to software.
///
/// With snoop control, memory_type::wb is snooped whatever the request says and memory_type::pma is as it says;
/// without, asking for either gives the latter. The interrupt range FEE00000-FEEFFFFF must never be an output of DMA.
/// Precondition: levels is 3..5, host_bits 32..52.
constexpr auto second_stage(second_stage_options const &o = {}) noexcept -> format {
  auto const m    = static_cast<u8>(o.host_bits);
  u64 const  hi   = ones(m, 52u - m), idle = o.accessed_dirty ? 0 : a | d;
  u64 const  deny = hi | (o.snoop_control ? 0 : snp) | (o.device_tlb ? 0 : tm);
  constexpr u8 page = on_form(0), large = on_form(1);

  form const leaf{
    .name = "page", .is = always, .address = {{12, static_cast<u8>(m - 12), 12}},
    .grants = {granted_by(rights::readers, r), granted_by(rights::writers, w), {rights::executes, always}},
    .type = {o.snoop_control ? piece{11, 1, 0} : piece{}},
    .accessed = o.accessed_dirty ? all_set(a) : never, .dirty = o.accessed_dirty ? all_set(d) : never, .zero = deny};
  format f{
    .name = o.levels == 3 ? "vtd-second-3level" : o.levels == 4 ? "vtd-second-4level" : "vtd-second-5level",
    .spec = "Intel VT-d 338868 sections 3.7 and 9.8", .depth = static_cast<u8>(o.levels), .output_bits = m,
    .levels = {
      {"PT",   12, 9, never,        0, 0,             {0}},
      {"PD",   21, 9, none_set(ps), 0, hi | snp,      {1}},
      {"PDPT", 30, 9, none_set(ps), 0, hi | snp,      {1}},
      {"PML4", 39, 9, always,       0, hi | snp | ps},
      {"PML5", 48, 9, always,       0, hi | snp | ps}},
    .forms = {leaf, leaf}, .absent = none_set(r | w), .low_address_zero = true,
    .table_address = {{12, static_cast<u8>(m - 12), 12}},
    .table_grants  = {granted_by(rights::readers, r), granted_by(rights::writers, w)},
    .table_accessed = o.accessed_dirty ? all_set(a) : never,
    .types = {memory_type::pma, o.snoop_control ? memory_type::wb : memory_type::reserved},
    .software = bit(10) | ones(52, 10) | bit(63), .carried = ones(2, 5) | idle | (o.device_tlb ? tm : 0),
    .caches_absent = o.caching_mode};
  f.forms[1].name       = "large page";
  f.forms[1].is         = all_set(ps);
  f.forms[1].base       = ps;
  f.forms[1].address[0] = {21, static_cast<u8>(m - 21), 21};
  f.forms[1].zero       = deny | ones(12, 9);
  for (unsigned n = o.levels; n < max_depth; ++n) f.levels[n] = {};
  // UNCERTAIN: what PS means where the size is not supported; taken for reserved, as in the processor's tables.
  if (!o.large_2m) f.levels[1].leaves = {}, f.levels[1].table = always, f.levels[1].table_zero |= ps;
  if (!o.large_1g) f.levels[2].leaves = {}, f.levels[2].table = always, f.levels[2].table_zero |= ps;

  name_fields(f, {
    {"R", 0, 1}, {"W", 1, 1}, {"X", 2, 1},
    {"ignored", 3, 4, on_tables}, {"EMT", 3, 3, on_leaves}, {"IPAT", 6, 1, on_leaves},
    {"ignored", 7, 1, page}, {"PS", 7, 1, on_tables | large}, {o.accessed_dirty ? "A" : "ignored", 8, 1},
    {"ignored", 9, 1, on_tables}, {o.accessed_dirty ? "D" : "ignored", 9, 1, on_leaves},
    {"software", 10, 1}, {"reserved", 11, 1, on_tables}, {o.snoop_control ? "SNP" : "reserved", 11, 1, on_leaves},
    {"address", 12, static_cast<u8>(m - 12), on_tables | page},
    {"reserved", 12, 9, large}, {"address", 21, static_cast<u8>(m - 21), large},
    {"reserved", m, static_cast<u8>(52 - m)},
    {"software", 52, 10}, {o.device_tlb ? "TM" : "reserved", 62, 1, on_leaves}, {"ignored", 62, 1, on_tables},
    {"software", 63, 1}});
  return f;
}

inline constexpr format second_3level = second_stage({.levels = 3});
inline constexpr format second_4level = second_stage();
inline constexpr format second_5level = second_stage({.levels = 5});

// --- first stage --------------------------------------------------------------------------------------------------

struct first_stage_options {
  unsigned     levels          = 4;     // 5 with FSPM = 1, where CAP.FS5LP
  unsigned     host_bits       = 52;    // HAW
  bool         large_1g        = true;  // CAP.FS1GP
  bool         execute_disable = true;  // bit 63 is XD. UNCERTAIN: without, it is ignored, as QEMU has it
  bool         caching_mode    = false; // CAP.CM
  memory_types types           = x86::pat(x86::pat_at_reset);  // UNCERTAIN where the unit keeps its PAT
};

/// First stage (3.6, 9.7): the processor's 4- and 5-level tables, without global pages, and with an accessed mark of
/// its own: EA, which hardware sets beside A with EAFE = 1. A and D are always set by hardware. Supervisor requests
/// heed R/W only with WPE, the unit's CR0.WP.
/// Precondition: levels is 4 or 5, host_bits 32..52.
constexpr auto first_stage(first_stage_options const &o = {}) noexcept -> format {
  x86::options const cpu{.physical_bits = o.host_bits, .gigabyte_pages = o.large_1g, .types = o.types};
  auto         f = o.levels == 5 ? x86::paging_5level(cpu) : x86::paging_4level(cpu);
  auto const   m = static_cast<u8>(o.host_bits);
  constexpr u8 page = on_form(0), large = on_form(1);
  f.name = o.levels == 5 ? "vtd-first-5level" : "vtd-first-4level";
  f.spec = "Intel VT-d 338868 sections 3.6 and 9.7";
  f.forms[0].global = f.forms[1].global = never;
  f.software      = bit(9) | bit(11) | ones(52, 11);
  f.carried       = bit(8) | bit(10);
  f.caches_absent = o.caching_mode;
  if (!o.execute_disable) {
    f.forms[0].grants[2] = f.forms[1].grants[2] = f.table_grants[2] = {};
    f.software |= bit(63);
  }
  name_fields(f, {
    {"P", 0, 1}, {"R/W", 1, 1}, {"U/S", 2, 1}, {"PWT", 3, 1}, {"PCD", 4, 1}, {"A", 5, 1},
    {"ignored", 6, 1, on_tables}, {"D", 6, 1, on_leaves}, {"PS", 7, 1, on_tables | large}, {"PAT", 7, 1, page},
    {"ignored", 8, 1}, {"software", 9, 1}, {"EA", 10, 1}, {"software", 11, 1},
    {"address", 12, static_cast<u8>(m - 12), on_tables | page},
    {"PAT", 12, 1, large}, {"reserved", 13, 8, large}, {"address", 21, static_cast<u8>(m - 21), large},
    {"reserved", m, static_cast<u8>(52 - m)}, {"software", 52, 11}, {o.execute_disable ? "XD" : "software", 63, 1}});
  return f;
}

inline constexpr format first_4level = first_stage();
inline constexpr format first_5level = first_stage({.levels = 5});

static_assert(is_well_formed<second_3level>() && is_well_formed<second_4level>() && is_well_formed<second_5level>());
static_assert(is_well_formed<first_4level>() && is_well_formed<first_5level>());

// --- registers and roots ------------------------------------------------------------------------------------------

/// What CAP_REG and ECAP_REG offer (10.4.2, 10.4.3). `levels` and `accessed_dirty` are the root's to say; HAW is told
/// by the platform's DMAR table and not by the unit.
constexpr auto second_stage_of(u64 cap, u64 ecap, unsigned host_bits = 52) noexcept -> second_stage_options {
  return {.host_bits     = host_bits,
          .large_2m      = (cap & bit(34)) != 0,
          .large_1g      = (cap & bit(35)) != 0,
          .snoop_control = (ecap & bit(7)) != 0,
          .device_tlb    = (ecap & bit(2)) != 0,
          .caching_mode  = (cap & bit(7)) != 0};
}
constexpr auto first_stage_of(u64 cap, unsigned host_bits = 52) noexcept -> first_stage_options {
  return {.host_bits = host_bits, .large_1g = (cap & bit(56)) != 0, .caching_mode = (cap & bit(7)) != 0};
}

/// Why there are no tables.
enum class no_tables : u8 { not_present, passes_through, reserved_type, reserved_width };

constexpr auto text(no_tables why) noexcept -> char const * {
  switch (why) {
    case no_tables::not_present:    return "the entry is not present";
    case no_tables::passes_through: return "requests pass through untranslated";
    case no_tables::reserved_type:  return "the translation type is reserved";
    case no_tables::reserved_width: return "the address width is reserved";
  }
  return "?";
}

/// One request's translation: by the first stage, the second, or, nested, by both; the output of the first and every
/// address of its tables is then an input of the second.
struct regime {
  bool                 first_used = false, second_used = false;
  first_stage_options  first{};
  second_stage_options second{};
  output_address       first_root{}, second_root{};
  u16                  domain = 0;  // tags cached translations
};

/// RTADDR_REG (10.4.6): the root table, and whether it leads to PASID tables (scalable mode) or to context entries
/// alone.
struct root_table_address {
  output_address table;
  bool           scalable;
};
/// Nothing if the translation table mode is neither.
constexpr auto root_table_of(u64 rtaddr) noexcept -> std::optional<root_table_address> {
  u64 const mode = rtaddr >> 10 & 3;
  if (mode > 1) return std::nullopt;
  return root_table_address{{rtaddr & ~ones(0, 12)}, mode == 1};
}

/// The number of levels that an address width selects, or 0. Width 0, of 30 bits, is obsolete.
constexpr auto levels_of(u64 width) noexcept -> unsigned { return width >= 1 && width <= 3 ? unsigned(width) + 2 : 0; }

/// A legacy context entry (9.3). `offers`: as second_stage_of.
constexpr auto regime_of_context(u64 lo, u64 hi, second_stage_options const &offers = {}) noexcept
    -> std::expected<regime, no_tables> {
  u64 const type = lo >> 2 & 3;
  if ((lo & 1) == 0) return std::unexpected{no_tables::not_present};
  if (type == 2) return std::unexpected{no_tables::passes_through};
  if (type == 3) return std::unexpected{no_tables::reserved_type};
  unsigned const levels = levels_of(hi & 7);
  if (levels == 0) return std::unexpected{no_tables::reserved_width};
  regime found{.second_used = true, .second = offers, .second_root = {lo & ~ones(0, 12)},
               .domain = static_cast<u16>(hi >> 8)};
  found.second.levels         = levels;
  found.second.accessed_dirty = false;  // scalable mode alone has it
  return found;
}

/// A scalable-mode PASID-table entry (9.6), eight words.
constexpr auto regime_of_pasid(u64 const (&entry)[8], first_stage_options const &first = {},
                               second_stage_options const &second = {}) noexcept -> std::expected<regime, no_tables> {
  u64 const type = entry[0] >> 6 & 7;  // 1 first stage, 2 second, 3 nested, 4 none
  if ((entry[0] & 1) == 0) return std::unexpected{no_tables::not_present};
  if (type == 4) return std::unexpected{no_tables::passes_through};
  if (type == 0 || type > 4) return std::unexpected{no_tables::reserved_type};
  regime found{.first_used = (type & 1) != 0, .second_used = (type & 2) != 0, .first = first, .second = second,
               .domain = static_cast<u16>(entry[1])};
  if (found.first_used) {
    u64 const mode = entry[2] >> 2 & 3;
    if (mode > 1) return std::unexpected{no_tables::reserved_width};
    found.first.levels = mode == 1 ? 5 : 4;
    found.first_root   = {entry[2] & ~ones(0, 12)};
  }
  if (found.second_used) {
    found.second.levels = levels_of(entry[0] >> 2 & 7);
    if (found.second.levels == 0) return std::unexpected{no_tables::reserved_width};
    found.second.accessed_dirty = (entry[0] & bit(9)) != 0;
    found.second_root           = {entry[0] & ~ones(0, 12)};
  }
  return found;
}

}  // namespace pagewright::vtd
