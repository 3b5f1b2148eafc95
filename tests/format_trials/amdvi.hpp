// SPDX-License-Identifier: MIT
// AMD-Vi v1 host tables. AMD I/O Virtualization Technology specification 48882, 2.2.3 (host page tables).
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::amdvi {

/// `mode` levels, 1 to 6: the DTE's Mode field. A table entry names the level it leads to (NextLevel, bits 11:9), so
/// every level has its own table match; skipped levels are not expressed and read as reserved.
constexpr auto v1(unsigned mode) -> format {
  constexpr u64  next = ones(9, 3), must_be_zero = ones(52, 7);
  constexpr char const *names[]{"L1", "L2", "L3", "L4", "L5", "L6"};
  form const leaf{
    .name = "page", .is = none_set(next), .address = {{12, 40, 12}},
    .grants = {granted_by(rights::readers, bit(61)), granted_by(rights::writers, bit(62)), {rights::executes, always}},
    .accessed = all_set(bit(5)), .dirty = all_set(bit(6)), .base = 1, .zero = must_be_zero};
  format f{
    .name = "amdvi-v1", .spec = "AMD IOMMU specification 48882, 2.2.3", .entry_bytes = 8,
    .depth = static_cast<u8>(mode), .output_bits = 52,
    .forms = {leaf, leaf}, .absent = none_set(1),
    .table_address = {{12, 40, 12}},
    .table_grants  = {granted_by(rights::readers, bit(61)), granted_by(rights::writers, bit(62))},
    .types = {memory_type::pma}, .software = ones(1, 4) | ones(7, 2) | bit(63), .carried = bit(59) | bit(60)};

  for (unsigned n = 0; n < mode; ++n)
    f.levels[n] = {.name = names[n], .shift = static_cast<u8>(12 + 9 * n),
                   .index_bits = static_cast<u8>(n == 5 ? 7 : 9),
                   .table = n == 0 ? never : match{1 | next, 1 | u64{n} << 9},
                   .table_base = n == 0 ? 0 : 1 | u64{n} << 9,
                   .table_zero = n == 0 ? 0 : must_be_zero | ones(59, 2),
                   .leaves = n == 5 ? form_list{} : n == 4 ? form_list{0} : form_list{0, 1}};
  // NextLevel 7: the size is coded as ones in the address, any size while decoding, 16 slots while building.
  f.forms[1].name = "sized page";
  f.forms[1].is   = all_set(next);
  f.forms[1].base = 1 | next;
  f.forms[1].run_lg2   = 4;
  f.forms[1].size_code = 12;

  name_fields(f, {
    {"PR", 0, 1}, {"ignored", 1, 4}, {"A", 5, 1}, {"ignored", 6, 1, on_tables}, {"D", 6, 1, on_leaves},
    {"ignored", 7, 2}, {"NextLevel", 9, 3}, {"address", 12, 40}, {"reserved", 52, 7},
    {"reserved", 59, 2, on_tables}, {"U", 59, 1, on_leaves}, {"FC", 60, 1, on_leaves},
    {"IR", 61, 1}, {"IW", 62, 1}, {"ignored", 63, 1}});
  return f;
}

inline constexpr format mode3 = v1(3), mode4 = v1(4), mode6 = v1(6);
static_assert(is_sound<mode3>());
static_assert(is_sound<mode6>());

}  // namespace pagewright::amdvi
