// SPDX-License-Identifier: MIT
// AArch32 short descriptors, TEX remap on. Arm ARM DDI 0487 G5.4, ARMv7-A DDI 0406 B3.5.
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::arm_short {

/// How AP and XN say rights where AP[2:0] are at `ap2`, `ap10` (bits 1:0) and XN, PXN at masks of their own (0: none).
/// SCTLR.AFE = 0: 000 none, 001 kernel rw, 010 and user r, 011 and user rw, 101 kernel r, 11x kernel r and user r.
/// 010 can be read but not written: no single row knows that the user may read what only the kernel may write.
constexpr auto rights_at(form &f, unsigned ap10, unsigned ap2, u64 xn, u64 pxn) -> void {
  u64 const a0 = bit(ap10), a1 = bit(ap10 + 1), a2 = bit(ap2);
  constexpr auto user_data = rights::user_read | rights::user_write;
  f.grants[0] = granted_by(user_data, a1);
  f.grants[1] = {rights::kernel_write | rights::user_write, all_set(a2), 0, a2};
  f.grants[2] = {rights::kernel, none_set(a0 | a1 | a2), a0, 0};
  f.grants[3] = {rights::user_write, none_set(a0), 0, 0};
  f.grants[4] = {rights::user_execute, none_set(a1), 0, 0};  // executing takes reading
  f.grants[5] = refused_by(rights::executes, xn);
  if (pxn != 0) f.grants[6] = refused_by(rights::kernel_execute, pxn);
}

/// Reserved: AP 100.
constexpr auto short_descriptors() -> format {
  constexpr u8 small = on_form(0), large = on_form(1), section = on_form(2), super = on_form(3);
  format f{
    .name = "arm-short", .spec = "Arm ARM DDI 0487 G5.4 (VMSAv8-32 Short-descriptor format)",
    .entry_bytes = 4, .depth = 2, .output_bits = 40,
    .levels = {{"L2", 12, 8, never, 0, 0, {1, 0}}, {"L1", 20, 12, {3, 1}, 1, 0, {3, 2}}},
    .forms = {
      {.name = "small page", .is = all_set(2), .address = {{12, 20, 12}}, .type = {{2, 2, 0}, {6, 1, 2}},
       .global = none_set(bit(11)), .base = 2},
      {.name = "large page", .is = {3, 1}, .run_lg2 = 4, .address = {{16, 16, 16}}, .type = {{2, 2, 0}, {12, 1, 2}},
       .global = none_set(bit(11)), .base = 1},
      {.name = "section", .is = {bit(18) | 2, 2}, .address = {{20, 12, 20}}, .type = {{2, 2, 0}, {12, 1, 2}},
       .global = none_set(bit(17)), .base = 2},
      {.name = "supersection", .is = all_set(bit(18) | 2), .run_lg2 = 4,
       .address = {{24, 8, 24}, {20, 4, 32}, {5, 4, 36}},
       .type = {{2, 2, 0}, {12, 1, 2}}, .global = none_set(bit(17)), .base = bit(18) | 2}},
    .absent = none_set(3),
    .table_address = {{10, 22, 10}}, .table_grants = {refused_by(rights::kernel_execute, bit(2))},
    // {TEX[0], C, B} through Linux's PRRR 0xff0a81a8 and NMRR 0x40e040e0.
    .types = {memory_type::device_ngnrne, memory_type::nc, memory_type::wt, memory_type::wb, memory_type::device_ngnre,
              memory_type::reserved, memory_type::reserved, memory_type::wb},
    .live = 0, .break_before_make = true};
  rights_at(f.forms[0], 4, 9, bit(0), 0);
  rights_at(f.forms[1], 4, 9, bit(15), 0);
  rights_at(f.forms[2], 10, 15, bit(4), bit(0));
  rights_at(f.forms[3], 10, 15, bit(4), bit(0));

  name_fields(f, {
    {"Type", 0, 2, on_tables | large}, {"XN", 0, 1, small}, {"PXN", 0, 1, section | super},
    {"Type", 1, 1, small | section | super},
    {"PXN", 2, 1, on_tables}, {"NS", 3, 1, on_tables}, {"SBZ", 4, 1, on_tables}, {"Domain", 5, 4, on_tables},
    {"ignored", 9, 1, on_tables}, {"table address", 10, 22, on_tables},
    {"B", 2, 1, on_leaves}, {"C", 3, 1, on_leaves},
    {"AP[1:0]", 4, 2, small | large}, {"TEX", 6, 3, small}, {"SBZ", 6, 3, large}, {"AP[2]", 9, 1, small | large},
    {"S", 10, 1, small | large}, {"nG", 11, 1, small | large},
    {"address", 12, 20, small}, {"TEX", 12, 3, large}, {"XN", 15, 1, large}, {"address", 16, 16, large},
    {"XN", 4, 1, section | super}, {"Domain", 5, 4, section}, {"address 39:36", 5, 4, super},
    {"ignored", 9, 1, section | super},
    {"AP[1:0]", 10, 2, section | super}, {"TEX", 12, 3, section | super}, {"AP[2]", 15, 1, section | super},
    {"S", 16, 1, section | super}, {"nG", 17, 1, section | super}, {"supersection", 18, 1, section | super},
    {"NS", 19, 1, section | super}, {"address", 20, 12, section}, {"address 35:32", 20, 4, super},
    {"address", 24, 8, super}});
  return f;
}

inline constexpr format short_format = short_descriptors();
static_assert(is_sound<short_format>());

}  // namespace pagewright::arm_short
