// SPDX-License-Identifier: MIT
// Fixed-width words and the few bit operations page tables are made of.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

// GCC takes this attribute on a lambda only after its parameter list, where the standard spelling would apply to the
// type instead; the level step of a walk must be inlined or every level costs a call.
// A build that need not be fast may define it away: instrumented, forced inlining multiplies the time to compile.
#ifndef PAGEWRIGHT_INLINE
#define PAGEWRIGHT_INLINE __attribute__((always_inline))
#endif

namespace pagewright {

using u8  = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

/// A word with only bit `n` set. Precondition: n < 64.
PAGEWRIGHT_INLINE constexpr auto bit(unsigned n) noexcept -> u64 { return u64{1} << n; }

/// `width` ones from bit `lo` upward. `width` may be 0 (no bits) or 64; bits that would lie above 63 are dropped.
PAGEWRIGHT_INLINE constexpr auto ones(unsigned lo, unsigned width) noexcept -> u64 {
  if (width == 0 || lo > 63) return 0;
  return (width > 63 ? ~u64{0} : bit(width) - 1) << lo;
}

/// The bits below `lg2`, that is the offset mask of a 2^lg2 byte block. A shift of 64 gives all ones.
PAGEWRIGHT_INLINE constexpr auto below(unsigned lg2) noexcept -> u64 { return ones(0, lg2); }

/// Is `value` a multiple of 2^lg2?
PAGEWRIGHT_INLINE constexpr auto is_aligned(u64 value, unsigned lg2) noexcept -> bool { return (value & below(lg2)) == 0; }

// <bit>'s counting functions call into the compiler's run-time library on targets without an instruction for them, which
// a kernel does not link.

/// Is exactly one bit of `value` set?
constexpr auto is_single_bit(u64 value) noexcept -> bool { return value != 0 && (value & (value - 1)) == 0; }

/// How many ones `value` has from bit 0 up to its first zero.
constexpr auto trailing_ones(u64 value) noexcept -> unsigned {
  unsigned n = 0;
  for (unsigned half = 32; half != 0; half /= 2) {
    u64 const low = (u64{1} << half) - 1;
    if ((value & low) == low) n += half, value >>= half;
  }
  return n + static_cast<unsigned>(value & 1);
}

/// How many bits of `value` are set.
constexpr auto count_ones(u64 value) noexcept -> unsigned {
  unsigned n = 0;
  for (; value != 0; value &= value - 1) ++n;
  return n;
}

/// `(entry & mask) == value`: how a description recognises an entry. Unless told otherwise it recognises nothing.
struct match {
  u64 mask = 0, value = 1;

  constexpr auto in_use() const noexcept -> bool { return (value & ~mask) == 0; }
  PAGEWRIGHT_INLINE constexpr auto operator()(u64 entry) const noexcept -> bool { return (entry & mask) == value; }
  friend constexpr auto operator==(match const &, match const &) -> bool = default;
};

constexpr auto all_set(u64 mask) noexcept -> match { return {mask, mask}; }
constexpr auto none_set(u64 mask) noexcept -> match { return {mask, 0}; }
inline constexpr match always{0, 0};
inline constexpr match never{};

/// Entry bits [lo + width - 1 : lo] are value bits [to + width - 1 : to]. Width 0: unused.
/// Addresses and memory-type indices are gathered from such pieces, however scattered they lie in an entry.
struct piece {
  u8 lo, width, to;

  constexpr auto in_use() const noexcept -> bool { return width != 0; }
  PAGEWRIGHT_INLINE constexpr auto mask() const noexcept -> u64 { return ones(lo, width); }
  PAGEWRIGHT_INLINE constexpr auto target() const noexcept -> u64 { return ones(to, width); }
  PAGEWRIGHT_INLINE constexpr auto gather(u64 entry) const noexcept -> u64 { return move(entry & mask(), to - lo); }
  PAGEWRIGHT_INLINE constexpr auto scatter(u64 value) const noexcept -> u64 { return move(value & target(), lo - to); }
  friend constexpr auto operator==(piece const &, piece const &) -> bool = default;

 private:
  PAGEWRIGHT_INLINE static constexpr auto move(u64 value, int left) noexcept -> u64 {
    return left >= 0 ? value << left : value >> -left;
  }
};

/// Calls `body` with std::integral_constant 0 .. N-1. In the static path a description is never looped over at run
/// time: every row must fold into constants.
template <unsigned N, class Body>
PAGEWRIGHT_INLINE constexpr void unroll(Body &&body) {
  [&]<std::size_t... I>(std::index_sequence<I...>) PAGEWRIGHT_INLINE {
    (body(std::integral_constant<unsigned, I>{}), ...);
  }(std::make_index_sequence<N>{});
}

/// Calls `body(row)` for the rows of a list that are in use. Where the list is a constant this folds; where it is not, a
/// row that is not in use costs one branch.
template <class Row, std::size_t N, class Body>
PAGEWRIGHT_INLINE constexpr void each(Row const (&rows)[N], Body &&body) {
  [&]<std::size_t... I>(std::index_sequence<I...>) PAGEWRIGHT_INLINE {
    ((rows[I].in_use() ? body(rows[I]) : void()), ...);
  }(std::make_index_sequence<N>{});
}

/// The value gathered from `entry` by all of `pieces`.
template <std::size_t N>
PAGEWRIGHT_INLINE constexpr auto gather(piece const (&pieces)[N], u64 entry) noexcept -> u64 {
  u64 value = 0;
  each(pieces, [&](piece const &p) PAGEWRIGHT_INLINE { value |= p.gather(entry); });
  return value;
}

/// The entry bits that hold `value`; value bits no piece covers are dropped.
template <std::size_t N>
PAGEWRIGHT_INLINE constexpr auto scatter(piece const (&pieces)[N], u64 value) noexcept -> u64 {
  u64 entry = 0;
  each(pieces, [&](piece const &p) PAGEWRIGHT_INLINE { entry |= p.scatter(value); });
  return entry;
}

/// All entry bits that `pieces` occupy.
template <std::size_t N>
constexpr auto occupied(piece const (&pieces)[N]) noexcept -> u64 {
  u64 mask = 0;
  for (auto const &p : pieces) mask |= p.mask();
  return mask;
}

/// All value bits that `pieces` can say.
template <std::size_t N>
constexpr auto reachable(piece const (&pieces)[N]) noexcept -> u64 {
  u64 mask = 0;
  for (auto const &p : pieces) mask |= p.target();
  return mask;
}

/// Some neighbouring objects, not owned. (<span> and <array> do not compile everywhere a kernel is: clang refuses their
/// <long double> helpers under -mgeneral-regs-only.)
template <class T>
struct view {
  T          *first = nullptr;
  std::size_t count = 0;

  constexpr auto begin() const noexcept -> T * { return first; }
  constexpr auto end() const noexcept -> T * { return first + count; }
  constexpr auto size() const noexcept -> std::size_t { return count; }
  constexpr auto empty() const noexcept -> bool { return count == 0; }
  constexpr auto operator[](std::size_t i) const noexcept -> T & { return first[i]; }
};

}  // namespace pagewright
