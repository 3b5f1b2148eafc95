// SPDX-License-Identifier: MIT
// VT-d second-stage translation. Intel Virtualization Technology for Directed I/O 338868, 3.7 and 9.8.
// UNCERTAIN, and so treated as ignored: X (bit 2), EMT (5:3), IPAT (6).
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::vtd {

/// Second stage with 3 or 4 levels. An entry is present if it allows anything: there is no present bit.
constexpr auto second_stage(unsigned depth, unsigned host_bits = 52) -> format {
  auto const m  = static_cast<u8>(host_bits);
  u64 const  hi = ones(m, 52u - m);
  constexpr u64 ps = bit(7), snp = bit(11);
  constexpr u8  page = on_form(0), large = on_form(1);
  form const leaf{
    .name = "page", .is = always, .address = {{12, static_cast<u8>(m - 12), 12}},
    .grants = {granted_by(rights::readers, bit(0)), granted_by(rights::writers, bit(1)), {rights::executes, always}},
    .accessed = all_set(bit(8)), .dirty = all_set(bit(9)), .zero = hi | snp};
  format f{
    .name = "vtd-second-stage", .spec = "Intel VT-d 338868, 3.7 and 9.8", .depth = static_cast<u8>(depth),
    .output_bits = m,
    .levels = {{"PT", 12, 9, never, 0, 0, {0}},
               {"PD", 21, 9, none_set(ps), 0, hi | snp, {1}},
               {"PDP", 30, 9, none_set(ps), 0, hi | snp, {1}},
               {"PML4", 39, 9, always, 0, hi | snp | ps}},
    .forms = {leaf, leaf}, .absent = none_set(3), .low_address_zero = true,
    .table_address = {{12, static_cast<u8>(m - 12), 12}},
    .table_grants  = {granted_by(rights::readers, bit(0)), granted_by(rights::writers, bit(1))},
    .types = {memory_type::pma}, .software = ones(2, 5) | bit(10) | ones(52, 10) | bit(63), .carried = bit(62)};
  f.forms[1].name    = "large page";
  f.forms[1].is      = all_set(ps);
  f.forms[1].base    = ps;
  f.forms[1].address[0] = {21, static_cast<u8>(m - 21), 21};
  f.forms[1].zero   |= ones(12, 9);

  name_fields(f, {
    {"R", 0, 1}, {"W", 1, 1}, {"X", 2, 1}, {"ignored", 3, 4, on_tables}, {"EMT", 3, 3, on_leaves},
    {"IPAT", 6, 1, on_leaves},
    {"ignored", 7, 1, page}, {"PS", 7, 1, on_tables | large}, {"A", 8, 1}, {"ignored", 9, 1, on_tables},
    {"D", 9, 1, on_leaves}, {"ignored", 10, 1}, {"SNP", 11, 1},
    {"address", 12, static_cast<u8>(m - 12), on_tables | page}, {"reserved", 12, 9, large},
    {"address", 21, static_cast<u8>(m - 21), large}, {"reserved", m, static_cast<u8>(52 - m)},
    {"ignored", 52, 10}, {"TM", 62, 1, on_leaves}, {"ignored", 62, 1, on_tables}, {"ignored", 63, 1}});
  return f;
}

inline constexpr format level3 = second_stage(3), level4 = second_stage(4), narrow = second_stage(4, 39);
static_assert(is_sound<level3>());
static_assert(is_sound<level4>());
static_assert(is_sound<narrow>());

}  // namespace pagewright::vtd
