// SPDX-License-Identifier: MIT
// Power radix tree in the shape POWER9 and POWER10 accept: 13, 9, 9 and 9 (4 Kbytes) or 5 (64 Kbytes) bits. Power ISA
// 3.1B Book III 6.7.11 to 6.7.13. Big-endian.
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::power_radix {

/// A directory entry holds the width of the next table (NLS). The processors accept one shape only, so a table entry is
/// recognised by the right NLS; any other reads as reserved, which is the processors' "bad configuration".
constexpr auto tree(bool pages_64k) -> format {
  constexpr u64 valid = bit(63), leaf_bit = bit(62), nls = ones(0, 5);
  u8 const  lo = pages_64k ? 16 : 12, last = pages_64k ? 5 : 9;
  auto const points = [](u64 width) { return match{valid | leaf_bit | nls, valid | width}; };
  using mt = memory_type;
  format f{
    .name = pages_64k ? "power-radix-64k" : "power-radix-4k", .spec = "Power ISA 3.1B Book III 6.7.11",
    .entry_bytes = 8,
    .order = byte_order::big, .depth = 4, .output_bits = 57,
    .levels = {{"L4", lo, last, never, 0, 0, {0}}, {"L3", 21, 9, points(last), valid | last, 0, {0}},
               {"L2", 30, 9, points(9), valid | 9, 0, {0}}, {"L1", 39, 13, points(9), valid | 9, 0}},
    .forms = {
      {.name = "page", .is = all_set(leaf_bit), .address = {{lo, static_cast<u8>(57 - lo), lo}},
       // EAA: RW implies R; PRIV withholds everything from the user.
       .grants = {{rights::readers, none_set(6), 4, 0}, granted_by(rights::writers, 2), granted_by(rights::executes, 1),
                  refused_by(rights::user, 8)},
       .type = {{4, 2, 0}}, .accessed = all_set(0x100), .dirty = all_set(0x80), .base = valid | leaf_bit}},
    .absent = none_set(valid),
    .table_address = {{8, 52, 8}},
    .types = {mt::wb, mt::reserved, mt::io, mt::nc},  // SAO has no name of its own here
    .software = bit(61) | ones(9, 3)};
  name_fields(f, {
    {"V", 63, 1}, {"L", 62, 1}, {"reserved", 60, 2, on_tables}, {"NLB", 8, 52, on_tables},
    {"reserved", 5, 3, on_tables},
    {"NLS", 0, 5, on_tables}, {"SW0", 61, 1, on_leaves}, {"reserved", 57, 4, on_leaves},
    {"RPN", lo, static_cast<u8>(57 - lo), on_leaves}, {"RPN (ignored)", 12, static_cast<u8>(lo - 12), on_leaves},
    {"SW1", 9, 3, on_leaves}, {"R", 8, 1, on_leaves}, {"C", 7, 1, on_leaves}, {"reserved", 6, 1, on_leaves},
    {"ATT", 4, 2, on_leaves}, {"PRIV", 3, 1, on_leaves}, {"EAA.R", 2, 1, on_leaves}, {"EAA.RW", 1, 1, on_leaves},
    {"EAA.X", 0, 1, on_leaves}});
  return f;
}

inline constexpr format pages_4k = tree(false), pages_64k = tree(true);
static_assert(is_sound<pages_4k>());
static_assert(is_sound<pages_64k>());

}  // namespace pagewright::power_radix
