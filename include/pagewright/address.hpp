// SPDX-License-Identifier: MIT
// Strong addresses and closed ranges.
#pragma once

#include <compare>
#include <optional>

#include "bits.hpp"

namespace pagewright {

/// What goes into a translation: a virtual, intermediate physical, guest physical or I/O virtual address.
struct input_address {
  u64 value;
  friend constexpr auto operator<=>(input_address, input_address) = default;
};

/// What comes out of a translation: an intermediate physical or physical address.
struct output_address {
  u64 value;
  friend constexpr auto operator<=>(output_address, output_address) = default;
};

using virtual_address  = input_address;
using physical_address = output_address;

/// The output of one stage as the input of the next (IPA, GPA); the only way from one kind of address to the other.
constexpr auto as_input(output_address a) noexcept -> input_address { return {a.value}; }

constexpr auto operator+(output_address a, u64 bytes) noexcept -> output_address { return {a.value + bytes}; }

namespace literals {
consteval auto operator""_va(unsigned long long v) -> input_address { return {v}; }
consteval auto operator""_pa(unsigned long long v) -> output_address { return {v}; }
}  // namespace literals

/// A closed range `first`..`last`: the only kind that can express a whole 64-bit space. Never empty.
struct range {
  input_address first, last;

  /// The range of `bytes` bytes from `first`; nothing if it is empty or wraps past the top of the 64-bit space.
  static constexpr auto of(input_address first, u64 bytes) noexcept -> std::optional<range> {
    if (bytes == 0 || bytes - 1 > ~u64{0} - first.value) return std::nullopt;
    return range{first, {first.value + (bytes - 1)}};
  }

  /// `first`..`last`, both included; nothing if `last` lies below `first`.
  static constexpr auto between(input_address first, input_address last) noexcept -> std::optional<range> {
    if (last < first) return std::nullopt;
    return range{first, last};
  }

  constexpr auto contains(input_address a) const noexcept -> bool { return first <= a && a <= last; }

  /// Length in bytes, 0 standing for 2^64.
  constexpr auto bytes() const noexcept -> u64 { return last.value - first.value + 1; }

  friend constexpr auto operator==(range const &, range const &) -> bool = default;
};

}  // namespace pagewright
