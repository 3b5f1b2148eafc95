// SPDX-License-Identifier: MIT
// What a dump consists of.
#pragma once

#include <array>

#include <pagewright/sweep.hpp>

#include "machine.hpp"

namespace pagewright::inspect {

/// The same subtree hangs in `count` neighbouring slots, each covering `stride` bytes.
struct repetition {
  u64 count, stride;
};

/// Repetitions from the outermost to the innermost; those that fill the one around them are counted as one.
struct repetitions {
  std::array<repetition, max_depth> part{};
  unsigned                          depth = 0;

  constexpr void push(repetition r) noexcept { part[depth++] = r; }
  constexpr void pop() noexcept { --depth; }

  /// The number of times the thing is there.
  [[nodiscard]] constexpr auto total() const noexcept -> u64 {
    u64 n = 1;
    for (unsigned i = 0; i < depth; ++i) n *= part[i].count;
    return n;
  }
  [[nodiscard]] constexpr auto settled() const noexcept -> repetitions {
    repetitions out;
    for (unsigned i = 0; i < depth; ++i) {
      auto const inner = part[i];
      if (out.depth != 0 && inner.count * inner.stride == out.part[out.depth - 1].stride)
        out.part[out.depth - 1] = {out.part[out.depth - 1].count * inner.count, inner.stride};
      else out.push(inner);
    }
    return out;
  }
};

/// A stretch of input addresses that leads somewhere. What `same` does not claim differs between its leaves.
struct mapped_row {
  enum : u8 { output = 1, page = 2, own = 4, type = 8, global = 16, accessed = 32, dirty = 64, all = 127 };

  leaf        first;                    // its first leaf
  u64         bytes;
  u8          same = all;
  repetitions repeats;

  [[nodiscard]] auto has(u8 what) const noexcept -> bool { return (same & what) == what; }
};

/// Slots of one table that lead nowhere although they are not absent: the table is not in the image (`unreadable`), or
/// hardware rejects the entry (`reserved`).
struct blocked_row {
  gap            where;
  output_address table;
  repetitions    repeats;
};

struct dump_totals {
  u64  rows = 0, leaves = 0, tables = 0, unreadable = 0, reserved = 0;   // tables: the roots, too
  u64  leaf_bytes = 0;                  // of the leaves that were visited; repeated ones once
  bool truncated = false;               // stopped at the limit
};

}  // namespace pagewright::inspect
