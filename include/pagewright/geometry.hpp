// SPDX-License-Identifier: MIT
// Where slots and tables lie, and which input addresses they cover.
#pragma once

#include "address.hpp"
#include "handle.hpp"

namespace pagewright {

/// lg2 of the bytes one slot of `level` covers.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto slot_lg2(H h, L level) noexcept -> unsigned { return h->levels[level].shift; }

/// lg2 of the distance of two slots in memory.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto stride_lg2(H h, L level) noexcept -> unsigned {
  return h->levels[level].slot_lg2 != 0 ? h->levels[level].slot_lg2 : h->entry_bytes == 8 ? 3u : 2u;
}

/// lg2 of the bytes of memory a table of `level` takes.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto table_lg2(H h, L level) noexcept -> unsigned {
  return h->levels[level].table_lg2 != 0 ? h->levels[level].table_lg2 : h->levels[level].index_bits + stride_lg2(h, level);
}

/// lg2 of the input addresses one table of `level` covers; 64 for a whole 64-bit space.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto reach_lg2(H h, L level) noexcept -> unsigned { return slot_lg2(h, level) + h->levels[level].index_bits; }

/// The slot of a table of `level` that `at` selects.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto index_of(H h, L level, u64 at) noexcept -> u64 {
  return (at >> slot_lg2(h, level)) & pagewright::below(h->levels[level].index_bits);
}

template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto slot_address(H h, L level, output_address table, u64 index) noexcept -> output_address {
  return {table.value + (index << stride_lg2(h, level)) + h->levels[level].slot_offset};
}

/// Can `at` be translated at all: are its untranslated upper bits what the format demands?
template <handle H>
PAGEWRIGHT_INLINE constexpr auto in_extent(H h, u64 at) noexcept -> bool {
  unsigned const bits = h->input_bits();
  if (bits >= 64) return true;
  u64 const upper = pagewright::ones(bits, h->input_width - bits - h->tag_bits);
  if ((at & ~pagewright::below(h->input_width)) != 0) return false;
  switch (h->upper) {
    case extent::zero:      return (at & upper) == 0;
    case extent::ones:      return (at & upper) == upper;
    case extent::canonical: return (at & upper) == ((at >> (bits - 1) & 1) != 0 ? upper : 0);
  }
  return false;
}

/// The input address whose translated bits are `at` and whose upper bits are as the format demands.
template <handle H>
PAGEWRIGHT_INLINE constexpr auto extended(H h, u64 at) noexcept -> u64 {
  unsigned const bits = h->input_bits();
  if (bits >= 64) return at;
  u64 const low = at & pagewright::below(bits);
  bool const up = h->upper == extent::ones || (h->upper == extent::canonical && (low >> (bits - 1)) != 0);
  return up ? low | (pagewright::below(h->input_width) & ~pagewright::below(bits)) : low;
}

}  // namespace pagewright
