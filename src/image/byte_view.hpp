// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace pagewright::image {

/// Bytes of a file that nobody vouches for: every read is bounds-checked in arithmetic that cannot overflow, may be
/// unaligned, and converts from the file's byte order.
class byte_view {
 public:
  constexpr explicit byte_view(std::span<std::byte const> bytes, std::endian order = std::endian::little) noexcept
      : bytes_{bytes}, order_{order} {}

  [[nodiscard]] constexpr auto size()  const noexcept -> std::uint64_t { return bytes_.size(); }
  [[nodiscard]] constexpr auto order() const noexcept -> std::endian { return order_; }

  /// True when `size` bytes exist at `offset`.
  [[nodiscard]] constexpr auto has(std::uint64_t offset, std::uint64_t size) const noexcept -> bool {
    return offset <= bytes_.size() && size <= bytes_.size() - offset;
  }

  /// The unsigned integer at `offset`, or nothing when it is not all there.
  template <std::unsigned_integral T>
  [[nodiscard]] auto get(std::uint64_t offset) const noexcept -> std::optional<T> {
    if (!has(offset, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return order_ == std::endian::native ? value : std::byteswap(value);
  }

  /// The part of [offset, offset + size) that exists, possibly empty.
  [[nodiscard]] constexpr auto clip(std::uint64_t offset, std::uint64_t size) const noexcept
      -> std::span<std::byte const> {
    if (offset >= bytes_.size()) return {};
    auto const left = bytes_.size() - offset;
    return bytes_.subspan(offset, size < left ? size : left);
  }

 private:
  std::span<std::byte const> bytes_;
  std::endian                order_;
};

}  // namespace pagewright::image
