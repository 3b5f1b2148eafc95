// SPDX-License-Identifier: MIT
#include "number.hpp"

namespace pagewright::inspect {
namespace {

[[nodiscard]] auto digits(std::string_view text, unsigned base) noexcept -> std::optional<u64> {
  u64  value = 0;
  bool any   = false;
  for (char const c : text) {
    if (c == '_' || c == '`') continue;
    unsigned const digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10)
                           : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A' + 10)
                                                  : base;
    if (digit >= base || value > (~u64{0} - digit) / base) return std::nullopt;
    value = value * base + digit;
    any   = true;
  }
  return any ? std::optional{value} : std::nullopt;
}

[[nodiscard]] auto has_hex_prefix(std::string_view text) noexcept -> bool {
  return text.starts_with("0x") || text.starts_with("0X");
}

constexpr std::string_view suffixes = "KMGTP";

}  // namespace

auto parse_hex(std::string_view text) noexcept -> std::optional<u64> {
  return digits(has_hex_prefix(text) ? text.substr(2) : text, 16);
}

auto parse_size(std::string_view text) noexcept -> std::optional<u64> {
  unsigned shift = 0;
  if (!text.empty()) {
    char const last  = text.back();
    auto const power = suffixes.find(last >= 'a' && last <= 'z' ? static_cast<char>(last - 'a' + 'A') : last);
    if (power != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(power) + 1);
      text.remove_suffix(1);
    }
  }
  auto const value = has_hex_prefix(text) ? digits(text.substr(2), 16) : digits(text, 10);
  if (!value || *value > ~u64{0} >> shift) return std::nullopt;
  return *value << shift;
}

auto parse_range(std::string_view text) -> std::expected<range, problem> {
  auto const mark  = text.find_first_of("-+");
  auto const first = parse_hex(text.substr(0, mark));
  if (!first)
    return refuse(blame::request, "'{}' is not a range: write FIRST-LAST or FIRST+SIZE, for instance "
                  "0xffff888000000000+1G", text);
  if (mark == std::string_view::npos) return range{{*first}, {*first}};

  auto const rest = text.substr(mark + 1);
  if (text[mark] == '-') {
    auto const last = parse_hex(rest);
    if (!last) return refuse(blame::request, "'{}' in the range '{}' is not a hexadecimal address", rest, text);
    if (*last < *first)
      return refuse(blame::request, "the range '{}' ends before it begins; write FIRST-LAST, both included", text);
    return range{{*first}, {*last}};
  }
  auto const size = parse_size(rest);
  if (!size)
    return refuse(blame::request, "'{}' in the range '{}' is not a size: write decimal or 0x, with K, M or G", rest,
                  text);
  auto const whole = range::of({*first}, *size);
  if (!whole) return refuse(blame::request, "the range '{}' is empty, or goes beyond the last address", text);
  return *whole;
}

auto size_text(u64 bytes) -> std::string {
  auto power = std::string_view::npos;
  while (bytes != 0 && bytes % 1024 == 0 && power + 1 < suffixes.size()) {
    bytes /= 1024;
    ++power;
  }
  auto text = std::to_string(bytes);
  if (power != std::string_view::npos) text += suffixes[power];
  return text;
}

}  // namespace pagewright::inspect
