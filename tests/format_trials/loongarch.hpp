// SPDX-License-Identifier: MIT
// LoongArch64 multi-level tables, 4-Kbyte pages, 48-bit addresses. LoongArch Reference Manual Volume 1, 5.4.
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::loongarch {

/// A directory entry has no present bit, so only an entry of zeroes is absent; a page entry with V = 0 is reserved.
constexpr auto four_level() -> format {
  constexpr u64 v = bit(0), d = bit(1), plv = ones(2, 2), huge = bit(6), p = bit(7), nr = bit(61), nx = bit(62),
  rplv = bit(63);
  using mt = memory_type;
  form const leaf{
    .name = "page", .is = always, .address = {{12, 36, 12}},
    .grants = {granted_by(rights::writers, d), refused_by(rights::readers, nr), refused_by(rights::executes, nx),
               {rights::user, none_set(bit(3)), plv, 0}, {rights::user, none_set(bit(2))},  // PLV 3 alone
               {rights::kernel, all_set(rplv | plv)}},                                       // RPLV: PLV 3 and no other
    .type = {{4, 2, 0}}, .global = all_set(bit(6)), .base = v | p};
  format f{
    .name = "loongarch64-4k", .spec = "LoongArch Reference Manual Volume 1, 5.4", .depth = 4,
    .upper = extent::canonical, .output_bits = 48,
    .levels = {{"PT", 12, 9, never, 0, 0, {0}}, {"Dir1", 21, 9, none_set(huge), 0, 0, {1}},
               {"Dir2", 30, 9, none_set(huge), 0, 0, {1}}, {"Dir3", 39, 9, none_set(huge), 0, 0}},
    .forms = {leaf, leaf}, .absent = none_set(~u64{0}), .reserved_leaf = {none_set(v)},
    .table_address = {{12, 36, 12}},
    .types = {mt::uc, mt::wb, mt::wc, mt::reserved},  // strongly ordered, cached, weakly ordered
    .software = ones(9, 3) | ones(48, 13), .caches_absent = true};
  f.forms[1].name = "huge page";
  f.forms[1].is   = all_set(huge);
  f.forms[1].base = v | p | huge;
  f.forms[1].global = all_set(bit(12));
  f.forms[1].address[0] = {21, 27, 21};
  name_fields(f, {
    {"V", 0, 1}, {"D", 1, 1}, {"PLV", 2, 2}, {"MAT", 4, 2}, {"G", 6, 1, on_form(0)},
    {"H", 6, 1, on_tables | on_form(1)},
    {"P", 7, 1}, {"W", 8, 1}, {"software", 9, 3}, {"PA", 12, 36, on_tables | on_form(0)}, {"G", 12, 1, on_form(1)},
    {"ignored", 13, 8, on_form(1)}, {"PA", 21, 27, on_form(1)}, {"ignored", 48, 13}, {"NR", 61, 1}, {"NX", 62, 1},
    {"RPLV", 63, 1}});
  return f;
}

inline constexpr format pages_4k = four_level();
static_assert(is_sound<pages_4k>());

}  // namespace pagewright::loongarch
