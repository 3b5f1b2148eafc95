// SPDX-License-Identifier: MIT
// VMSAv8-64 stage 2, 4-Kbyte granule, with concatenated root tables. Arm ARM DDI 0487 D8.2.2, D8.3.2, D8.4.2.
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::arm_stage2 {

/// Starting at level 1: 39 bits of intermediate physical address. Without FEAT_S2FWB.
constexpr auto from_level_1() -> format {
  constexpr u64 xn0 = bit(53), xn1 = bit(54);
  using mt = memory_type;
  form const leaf{
    .name = "page", .is = {3, 3}, .address = {{12, 36, 12}},
    // XN[1:0] (FEAT_XNX): 00 both execute, 01 EL0 alone, 10 none, 11 EL1 alone; 01 and 11 are read, never written.
    .grants = {granted_by(rights::readers, bit(6)), granted_by(rights::writers, bit(7)),
               refused_by(rights::user_execute, xn1), {rights::kernel_execute, {xn0 | xn1, xn0}},
               {rights::kernel_execute, {xn0 | xn1, xn1}}},
    .type = {{2, 4, 0}}, .accessed = all_set(bit(10)), .base = 3 | ones(8, 2)};
  format f{
    .name = "arm64-stage2", .spec = "Arm ARM DDI 0487 D8.3.2", .depth = 3, .output_bits = 48,
    .levels = {{"L3", 12, 9, never, 0, 0, {0}}, {"L2", 21, 9, {3, 3}, 3, 0, {1}}, {"L1", 30, 9, {3, 3}, 3, 0, {1}}},
    .forms = {leaf, leaf}, .absent = none_set(1),
    .table_address = {{12, 36, 12}},
    .types = {mt::device_ngnrne, mt::device_ngnre, mt::device_ngre, mt::device_gre, mt::reserved, mt::nc, mt::mixed,
              mt::mixed,
              mt::reserved, mt::mixed, mt::wt, mt::mixed, mt::reserved, mt::mixed, mt::mixed, mt::wb},
    .software = ones(55, 4), .carried = ones(8, 2) | bit(11),
    .live = ones(6, 2) | bit(10) | bit(51) | xn0 | xn1 | ones(55, 4), .break_before_make = true};
  f.forms[1].name = "block";
  f.forms[1].is   = {3, 1};
  f.forms[1].base = 1 | ones(8, 2);
  f.forms[1].address[0] = {21, 27, 21};
  name_fields(f, {
    {"Valid", 0, 1}, {"Type", 1, 1}, {"ignored", 2, 10, on_tables}, {"MemAttr", 2, 4, on_leaves},
    {"S2AP", 6, 2, on_leaves},
    {"SH", 8, 2, on_leaves}, {"AF", 10, 1, on_leaves}, {"FnXS", 11, 1, on_leaves},
    {"address", 12, 36, on_tables | on_form(0)}, {"RES0", 12, 4, on_form(1)}, {"nT", 16, 1, on_form(1)},
    {"RES0", 17, 4, on_form(1)}, {"address", 21, 27, on_form(1)}, {"RES0", 48, 3}, {"ignored", 51, 13, on_tables},
    {"DBM", 51, 1, on_leaves}, {"Contiguous", 52, 1, on_leaves}, {"XN", 53, 2, on_leaves},
    {"software", 55, 4, on_leaves},
    {"PBHA", 59, 4, on_leaves}, {"ignored", 63, 1, on_leaves}});
  return f;
}

/// Two tables side by side as one root: 40 bits.
inline constexpr format ipa39 = from_level_1(), ipa40 = wider_root(ipa39, "arm64-stage2-ipa40", 1, extent::zero);
static_assert(is_sound<ipa40>());

}  // namespace pagewright::arm_stage2
