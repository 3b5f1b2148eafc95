// SPDX-License-Identifier: MIT
// Numbers as people write them on a command line.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <pagewright/address.hpp>

#include "problem.hpp"

namespace pagewright::inspect {

/// A hexadecimal number with or without 0x; '_' and '`' may group its digits. Nothing if it is not one, or has more
/// than 64 bits.
[[nodiscard]] auto parse_hex(std::string_view text) noexcept -> std::optional<u64>;

/// A size in bytes: decimal, or hexadecimal with 0x, and a suffix K, M, G, T or P for powers of 1024. Nothing if it is
/// not one.
[[nodiscard]] auto parse_size(std::string_view text) noexcept -> std::optional<u64>;

/// "FIRST-LAST", both included and hexadecimal; "FIRST+SIZE", SIZE as parse_size has it; or one address.
[[nodiscard]] auto parse_range(std::string_view text) -> std::expected<range, problem>;

/// A size as people read it: 4K, 2M, 1G where it is a whole number of them.
[[nodiscard]] auto size_text(u64 bytes) -> std::string;

}  // namespace pagewright::inspect
