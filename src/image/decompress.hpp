// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "error.hpp"
#include "mapped_file.hpp"

namespace pagewright::image {

enum class compression : std::uint8_t { none, zstd, gzip };

[[nodiscard]] constexpr auto name(compression c) noexcept -> std::string_view {
  constexpr std::string_view names[] = {"none", "zstd", "gzip"};
  return names[static_cast<std::size_t>(c)];
}

/// What the first bytes say. O(1).
[[nodiscard]] auto sniff_compression(std::span<std::byte const> bytes) noexcept -> compression;

/// Is this a zlib stream that unpacks to something that begins with the little-endian word `magic`? The two bytes that
/// zlib itself begins with are too few to tell it by. O(1).
[[nodiscard]] auto is_zlib_of(std::uint32_t magic, std::span<std::byte const> bytes) noexcept -> bool;

/// Unpacks every zstd frame or gzip member of `bytes`, at most `limit` bytes of output. A stream that is damaged or
/// ends early is an error: the offsets after the damage cannot be trusted.
[[nodiscard]] auto decompress(compression kind, std::span<std::byte const> bytes, std::string const &file,
                              std::uint64_t limit, warning_list &notes) -> std::expected<mapped_file, error>;

}  // namespace pagewright::image
