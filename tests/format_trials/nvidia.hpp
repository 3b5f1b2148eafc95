// SPDX-License-Identifier: MIT
// NVIDIA MMU version 2 (Pascal to Ada). gp100-mmu-format.pdf; dev_mmu.ref.txt (tu104).
//
// A PD0 entry is 16 bytes: one half for a table of 64-Kbyte pages and for 2-Mbyte pages, one for a table of 4-Kbyte
// pages. Each view is a format of its own over the same memory; whoever walks asks the big view first and the small one
// where it finds nothing.
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::nvidia {

/// The view of one half, for tables in video memory. ADDRESS is PA >> 12 at bit 8, in the big half PA >> 8 at bit 4:
/// the same scale, four bits further down.
constexpr auto v2(bool big) -> format {
  constexpr u64 valid = bit(0), aperture = ones(1, 2), is_pte = bit(0);
  constexpr match table{is_pte | aperture, 1 << 1};
  u8 const lo = big ? 16 : 12, at = big ? 12 : 8, below = big ? 4 : 0;
  form const video{
    .name = "video page", .is = {valid | aperture, valid}, .address = {{at, static_cast<u8>(37 - lo), lo}},
    .grants = {refused_by(rights::writers, bit(6)), refused_by(rights::user, bit(5))}, .base = valid};
  format f{
    .name = big ? "nvidia-v2-big" : "nvidia-v2-small", .spec = "NVIDIA gp100-mmu-format, version 2", .depth = 5,
    .output_bits = static_cast<u8>(big ? 37 : 58),
    .levels = {{"PT", lo, static_cast<u8>(21 - lo), never, 0, 0, {0, 1}}, {"PD0", 21, 8, table, 2, 0},
               {"PD1", 29, 9, table, 2, 0}, {"PD2", 38, 9, table, 2, 0}, {"PD3", 47, 2, table, 2, 0}},
    .forms  = {video, video, video},
    .absent = none_set(valid | aperture),
    .table_address = {{static_cast<u8>(8 - below), static_cast<u8>(25 + below), static_cast<u8>(12 - below)}},
    .types = {memory_type::pma}, .carried = ones(3, 2) | bit(7) | ones(58, 6), .caches_absent = true};
  f.levels[1].slot_lg2 = 4;
  f.levels[1].slot_offset = big ? 0 : 8;
  f.forms[1].name = "system page";
  f.forms[1].is   = {valid | aperture, valid | 2 << 1};
  f.forms[1].base = valid | 2 << 1;
  f.forms[1].address[0].width = static_cast<u8>(58 - lo);
  f.output_bits = 58;
  f.forms[2].name = "2-Mbyte video page";
  f.forms[2].address[0] = {17, 16, 21};
  if (big) f.levels[1].leaves = {2};
  f.forms[1].zero = 0;

  u8 const v = on_form(0), s = on_form(1), h = on_form(2);
  name_fields(f, {
    {"IS_PTE", 0, 1, on_tables}, {"VALID", 0, 1, on_leaves}, {"APERTURE", 1, 2}, {"VOL", 3, 1},
    {"reserved", 4, 1, static_cast<u8>(big ? 0 : on_tables)}, {"ENCRYPTED", 4, 1, on_leaves},
    {"NO_ATS", 5, 1, static_cast<u8>(big ? 0 : on_tables)}, {"reserved", 6, 2, static_cast<u8>(big ? 0 : on_tables)},
    {"ADDRESS_BIG", 4, static_cast<u8>(big ? 4 : 0), on_tables},
    {"PRIVILEGE", 5, 1, on_leaves}, {"READ_ONLY", 6, 1, on_leaves}, {"ATOMIC_DISABLE", 7, 1, on_leaves},
    {"ADDRESS", 8, 25, static_cast<u8>(on_tables | v | h)}, {"ADDRESS_SYS", 8, 46, s},
    {"PEER", 33, 3, static_cast<u8>(on_tables | v | h)},
    {"COMPTAGLINE", 36, 18, static_cast<u8>(v | h)}, {"reserved", 36, 28, on_tables}, {"reserved", 54, 2, on_leaves},
    {"KIND", 56, 8, on_leaves}});
  // Fields that apply to nothing are gone.
  unsigned kept = 0;
  for (unsigned n = 0; n < max_fields; ++n)
    if (f.fields[n].name != nullptr && f.fields[n].on != 0) f.fields[kept++] = f.fields[n];
  while (kept < max_fields) f.fields[kept++] = {};
  f.carried = ones(3, 2) | bit(7) | ones(56, 8);
  return f;
}

inline constexpr format small_view = v2(false), big_view = v2(true);
static_assert(is_sound<small_view>());
static_assert(is_sound<big_view>());

}  // namespace pagewright::nvidia
