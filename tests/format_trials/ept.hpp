// SPDX-License-Identifier: MIT
// Extended page tables, 4 levels. Intel SDM volume 3C chapter 29 (28 in older editions), tables 29-1 to 29-7.
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::ept {

/// `by_mode`: mode-based execute control, bit 2 is for supervisor-mode linear addresses and bit 10 for user-mode ones.
constexpr auto four_level(bool by_mode, unsigned physical_bits = 52) -> format {
  auto const m  = static_cast<u8>(physical_bits);
  u64 const  hi = ones(m, 52u - m);
  constexpr u64 r = bit(0), w = bit(1), x = bit(2), xu = bit(10), ps = bit(7), mt = ones(3, 3);
  constexpr u8  page = on_form(0), large = on_form(1);
  grant const read = granted_by(rights::readers, r), write = granted_by(rights::writers, w),
              run  = granted_by(by_mode ? rights::kernel_execute : rights::executes, x),
              user = by_mode ? granted_by(rights::user_execute, xu) : grant{};
  form const leaf{
    .name = "page", .is = always, .address = {{12, static_cast<u8>(m - 12), 12}}, .grants = {read, write, run, user},
    .type = {{3, 3, 0}}, .accessed = all_set(bit(8)), .dirty = all_set(bit(9)), .zero = hi};
  format f{
    .name = "ept-4level", .spec = "Intel SDM 3C 326019, chapter on VMX support for address translation",
    .depth = 4, .output_bits = m,
    .levels = {{"PT", 12, 9, never, 0, 0, {0}},
               {"PD", 21, 9, none_set(ps), 0, hi | ones(3, 4), {1}},
               {"PDPT", 30, 9, none_set(ps), 0, hi | ones(3, 4), {1}},
               {"PML4", 39, 9, always, 0, hi | ones(3, 5)}},
    .forms = {leaf, leaf},
    .absent = none_set(r | w | x | (by_mode ? xu : 0)),
    // Misconfigurations of a leaf: writable but not readable; memory types 2, 3 and 7.
    .reserved_leaf = {{r | w, w}, {mt, 2 << 3}, {mt, 3 << 3}, {mt, 7 << 3}}, .low_address_zero = true,
    .table_address = {{12, static_cast<u8>(m - 12), 12}}, .table_grants = {read, write, run, user},
    .types = {memory_type::uc, memory_type::wc, memory_type::reserved, memory_type::reserved,
              memory_type::wt, memory_type::wp, memory_type::wb, memory_type::reserved},
    .software = bit(11) | ones(52, 5) | bit(59) | bit(62) | (by_mode ? 0 : xu),
    .carried  = bit(6) | ones(57, 2) | ones(60, 2) | bit(63)};
  f.forms[1].name  = "large page";
  f.forms[1].is    = all_set(ps);
  f.forms[1].base  = ps;
  f.forms[1].address[0] = {21, static_cast<u8>(m - 21), 21};
  f.forms[1].zero |= ones(12, 9);

  name_fields(f, {
    {"R", 0, 1}, {"W", 1, 1}, {"X", 2, 1}, {"reserved", 3, 4, on_tables}, {"MT", 3, 3, on_leaves},
    {"IPAT", 6, 1, on_leaves},
    {"ignored", 7, 1, page}, {"PS", 7, 1, on_tables | large}, {"A", 8, 1}, {"ignored", 9, 1, on_tables},
    {"D", 9, 1, on_leaves}, {by_mode ? "XU" : "ignored", 10, 1}, {"ignored", 11, 1},
    {"address", 12, static_cast<u8>(m - 12), on_tables | page}, {"reserved", 12, 9, large},
    {"address", 21, static_cast<u8>(m - 21), large}, {"reserved", m, static_cast<u8>(52 - m)},
    {"ignored", 52, 12, on_tables}, {"ignored", 52, 5, on_leaves}, {"VGP", 57, 1, on_leaves}, {"PW", 58, 1, on_leaves},
    {"ignored", 59, 1, on_leaves}, {"SSS", 60, 1, on_leaves}, {"SPP", 61, 1, on_leaves}, {"ignored", 62, 1, on_leaves},
    {"SVE", 63, 1, on_leaves}});
  return f;
}

inline constexpr format plain = four_level(false), by_mode = four_level(true);
static_assert(is_sound<plain>());
static_assert(is_sound<by_mode>());

}  // namespace pagewright::ept
