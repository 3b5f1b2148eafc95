// SPDX-License-Identifier: MIT
// Apple DART, 16-Kbyte pages, two levels: T8020 (v1) and T8110 (v2). No public manual; layouts as drivers use them.
// UNCERTAIN: the topmost address bit of both.
#pragma once

#include <pagewright/check.hpp>

namespace pagewright::dart {

constexpr auto two_level(bool v2) -> format {
  u64 const no_write = v2 ? 4 : 0x80, no_read = v2 ? 8 : 0x100, whole = 0xFFF0000000000000 >> 12;  // SP_END 51:40
  piece const address = v2 ? piece{10, 28, 14} : piece{14, 22, 14};
  u8 const bits = v2 ? 42 : 36;
  format f{
    .name = v2 ? "dart-v2" : "dart-v1", .spec = "Apple DART (no public manual)", .depth = 2, .output_bits = bits,
    .levels = {{"L2", 14, 11, never, 0, 0, {0}}, {"L1", 25, 11, all_set(1), 1, 0}},
    .forms  = {{.name = "page", .is = always, .address = {address},
                .grants = {refused_by(rights::writers, no_write), refused_by(rights::readers, no_read),
                           {rights::executes, always}},
                .base = 1 | whole | (v2 ? 0 : bit(1))}},
    .absent = none_set(1), .table_address = {address}, .types = {memory_type::pma}, .caches_absent = true};
  if (v2)
    name_fields(f, {{"VALID", 0, 1}, {"UNCACHE", 1, 1}, {"NO_WRITE", 2, 1}, {"NO_READ", 3, 1}, {"ignored", 4, 6},
                    {"address", 10, 28}, {"ignored", 38, 2}, {"SP_END", 40, 12}, {"SP_START", 52, 12}});
  else
    name_fields(f, {{"VALID", 0, 1}, {"SP_DIS", 1, 1}, {"ignored", 2, 5}, {"NO_WRITE", 7, 1}, {"NO_READ", 8, 1},
                    {"ignored", 9, 5}, {"address", 14, 22}, {"ignored", 36, 4}, {"SP_END", 40, 12},
                    {"SP_START", 52, 12}});
  return f;
}

inline constexpr format v1 = two_level(false), v2 = two_level(true);
static_assert(is_sound<v1>());
static_assert(is_sound<v2>());

}  // namespace pagewright::dart
