// SPDX-License-Identifier: MIT
// Intel GPU per-process page tables from generation 8 on (i915, xe): 4 levels, 5 on some, 2 below each of the four
// directory pointers of a 32-bit context. Bits as Linux uses them: i915/gt/intel_gtt.h, xe/regs/xe_gtt_defs.h.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::intel_ppgtt {

/// What one directory's page table looks like. A directory entry says which of them it leads to: each is a view of
/// its own, in which entries that lead to tables of the others read as reserved. The compact tables of DG2 and later
/// (PDE bit 6: 32 entries of 64 Kbytes in 256 bytes that are aligned to 4 Kbytes) have none yet: the schema takes a
/// table's size for its alignment.
enum class pages : u8 {
  k4,          // 512 pages of 4 Kbytes; PS64 groups sixteen
  k64_spread,  // PDE bit 11 (generation 9 to 11): 32 pages of 64 Kbytes, every sixteenth of 512 slots
};

struct options {
  unsigned    levels       = 4;          // 2 (one directory pointer of a 32-bit context), 4, 5
  pages       table        = pages::k4;
  unsigned    output_bits  = 48;         // 46 on most devices
  bool        local_memory = false;      // new leaves lead to device memory
  // 4 from Meteor Lake on. Xe2 has a fifth, bit 61, which is kept and not decoded
  unsigned    pat_bits     = 3;
  bool        null_pages   = false;      // new leaves are null pages
  memory_type types[16]{};               // what the PAT's entries mean; all reserved: nothing is known of them
};

inline constexpr u64 present = bit(0), rw = bit(1), pde_64k = bit(6), ps = bit(7), ps64 = bit(8), null_page = bit(9),
                     atomics = bit(10), local = bit(11);

/// Everything present may be read and executed, RW of all levels lets write; the supervisor bit is ignored, nothing
/// is marked. A null page reads as zeroes and drops what is written, its address means nothing: is_null tells it.
/// Which bits hardware rejects is UNCERTAIN; none are rejected here but PDE bits 6 and 11 of another view.
///
/// UNCERTAIN: how a 5-level root divides the space where the device has 48 bits (Xe2). Addresses are sign-extended in
/// commands and tables look at the lower ones only. Faults are fatal on most contexts: drivers fill holes with a
/// scratch page, or with null pages, both of which may be cached; absent entries may not.
/// Precondition: levels is 2, 4 or 5; pat_bits 3 or 4; output_bits 32..48.
constexpr auto tables(options const &o = {}) noexcept -> format {
  bool const wide = o.table != pages::k4;
  auto const m    = static_cast<u8>(o.output_bits);
  u8 const   lo   = wide ? 16 : 12;
  u64 const  told = wide ? local : 0;  // by PDEs of this view
  u64 const  memory = o.local_memory ? local : 0;
  piece const pat2{7, 1, 2}, pat2_large{12, 1, 2}, pat3 = o.pat_bits > 3 ? piece{62, 1, 3} : piece{};

  form_list const large_first = o.null_pages ? form_list{4, 3} : form_list{3, 4};
  form const page{
    .name = wide ? "64-Kbyte page" : "page", .is = none_set(null_page | (wide ? 0 : ps64)),
    .address = {{lo, static_cast<u8>(m - lo), lo}}, .grants = {granted_by(rights::writers, rw)},
    .type = {{3, 2, 0}, pat2, pat3}, .base = present | memory};
  format f{
    .name = o.levels == 2 ? "intel-ppgtt-32bit" : o.levels == 4 ? "intel-ppgtt-4level" : "intel-ppgtt-5level",
    .spec = "Intel GPU PPGTT, generation 8 and later, as Linux i915 and xe drive it", .entry_bytes = 8,
    .depth = static_cast<u8>(o.levels), .upper = o.levels == 2 ? extent::zero : extent::canonical, .output_bits = m,
    .levels = {
      {"PTE",  lo, static_cast<u8>(21 - lo), never, 0, 0, o.null_pages ? form_list{2, 0} : form_list{0, 2}},
      {"PDE",  21, 9, {present | ps | pde_64k | local, present | told}, present | told, 0, large_first},
      {"PDPE", 30, 9, {present | ps, present}, present, 0, large_first},
      {"PML4", 39, 9, all_set(present), present, 0},
      {"PML5", 48, 9, all_set(present), present, 0}},
    .forms = {page, page, page, page, page}, .absent = none_set(present),
    .table_address = {{12, static_cast<u8>(m - 12), 12}}, .table_grants = {granted_by(rights::writers, rw)},
    .carried = atomics | local | bit(61) | (o.pat_bits > 3 ? 0 : bit(62))};
  for (unsigned n = o.levels; n < max_depth; ++n) f.levels[n] = {};
  if (wide) f.levels[0].slot_lg2 = 7;
  else if (!o.null_pages) f.levels[0].leaves = {1, 0, 2};

  // Sixteen PTEs, each with its own address, that say the same (PS64); each is a PTE of 4 Kbytes otherwise.
  f.forms[1].name    = "64-Kbyte group";
  f.forms[1].is      = {ps64 | null_page, ps64};
  f.forms[1].base   |= ps64;
  f.forms[1].run_lg2 = wide ? 0 : 4;
  f.forms[3].name    = "large page";
  f.forms[3].is      = {ps | null_page, ps};
  f.forms[3].base   |= ps;
  f.forms[3].type[1] = pat2_large;
  f.forms[3].address[0] = {21, static_cast<u8>(m - 21), 21};
  f.forms[4]      = f.forms[3];
  f.forms[2].name = "null page";
  f.forms[4].name = "large null page";
  f.forms[2].is   = all_set(null_page);
  f.forms[4].is   = all_set(ps | null_page);
  for (unsigned n : {2u, 4u}) f.forms[n].base |= null_page;
  bool known = false;
  for (auto const type : o.types) known |= type != memory_type::reserved;
  for (unsigned n = 0; n < 16; ++n) f.types[n] = known ? o.types[n] : memory_type::pma;

  constexpr u8 single = on_form(0) | on_form(2), group = on_form(1), small = single | group,
               large = on_form(3) | on_form(4);
  name_fields(f, {
    {"PRESENT", 0, 1}, {"RW", 1, 1}, {"unused", 2, 1}, {"PAT0", 3, 1}, {"PAT1", 4, 1}, {"unused", 5, 1},
    {"PDE_64K", 6, 1, on_tables | large}, {"unused", 6, 1, small}, {"PS", 7, 1, on_tables | large},
    {"PAT2", 7, 1, small},
    {"PS64", 8, 1}, {"NULL", 9, 1}, {"AE", 10, 1}, {"IPS_64K", 11, 1, on_tables}, {"DM", 11, 1, on_leaves},
    {"address", 12, static_cast<u8>(m - 12), on_tables}, {"unused", 12, static_cast<u8>(lo - 12), single},
    {"address", lo, static_cast<u8>(m - lo), single}, {"address", lo, static_cast<u8>(m - lo), group},
    {"unused", 12, static_cast<u8>(lo - 12), group}, {"PAT2", 12, 1, large}, {"unused", 13, 8, large},
    {"address", 21, static_cast<u8>(m - 21), large}, {"unused", m, static_cast<u8>(61 - m)},
    {"PAT4", 61, 1}, {"PAT3", 62, 1}, {"unused", 63, 1}});
  return f;
}

inline constexpr format ppgtt_4level     = tables();
inline constexpr format ppgtt_5level     = tables({.levels = 5});
inline constexpr format ppgtt_32bit      = tables({.levels = 2});
inline constexpr format ppgtt_4level_64k = tables({.table = pages::k64_spread});

static_assert(is_well_formed<ppgtt_4level>() && is_well_formed<ppgtt_5level>() && is_well_formed<ppgtt_32bit>());
static_assert(is_well_formed<ppgtt_4level_64k>());

/// Is this leaf a null page?
constexpr auto is_null(u64 leaf) noexcept -> bool { return (leaf & (present | null_page)) == (present | null_page); }

/// The view in which a directory entry that leads to a page table is to be followed; nothing for compact tables.
constexpr auto table_of_pde(u64 pde) noexcept -> std::optional<pages> {
  if ((pde & pde_64k) != 0) return std::nullopt;
  return (pde & local) != 0 ? pages::k64_spread : pages::k4;
}

/// The top table in a context image: PDP0 of a 4- or 5-level context; of a 32-bit one PDP0..3 each lead to a table of
/// the 2-level format, chosen by address bits 31:30.
constexpr auto root_table(u64 pdp) noexcept -> output_address { return {pdp & ones(12, 36)}; }
constexpr auto directory_pointer(u32 address) noexcept -> unsigned { return address >> 30; }

}  // namespace pagewright::intel_ppgtt
