// SPDX-License-Identifier: MIT
// The small notations inside a format file, each way: bits, rights, memory types.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <pagewright/bits.hpp>
#include <pagewright/rights.hpp>

namespace pagewright::format_file {

/// Neighbouring bits, as manuals write them: "51:12", or "7" for one.
struct bit_span {
  u8 lo, width;
};
/// Nothing if `text` is not "HIGH:LOW" or "BIT" with bits from 0 to 63.
[[nodiscard]] auto parse_span(std::string_view text) noexcept -> std::optional<bit_span>;
[[nodiscard]] auto span_text(bit_span bits) -> std::string;

/// Nothing if `text` is not 0x and one to sixteen hexadecimal digits; '_' may group them.
[[nodiscard]] auto parse_mask(std::string_view text) noexcept -> std::optional<u64>;

/// Letters r, w, x for both sides; after "k:" or "u:" for the kernel's or the user's alone; parts are separated by a
/// blank or a comma: "rw", "k:rwx u:r". Also "none". Takes what it understands from the front of `text`; nothing if
/// that does not begin with rights.
[[nodiscard]] auto take_rights(std::string_view &text) noexcept -> std::optional<rights>;
[[nodiscard]] auto rights_words(rights r) -> std::string;

/// By the name that text(memory_type) gives it.
[[nodiscard]] auto memory_type_named(std::string_view name) noexcept -> std::optional<memory_type>;
[[nodiscard]] auto memory_type_names() -> std::span<std::string_view const>;

/// The one of `known` that `word` was most likely meant to be; empty if none is near.
[[nodiscard]] auto nearest(std::string_view word, std::span<std::string_view const> known) -> std::string_view;

}  // namespace pagewright::format_file
