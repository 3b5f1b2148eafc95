// SPDX-License-Identifier: MIT
#include "notation.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <vector>

#include <fmt/format.h>

namespace pagewright::format_file {
namespace {

[[nodiscard]] auto parse_bit(std::string_view text) noexcept -> std::optional<unsigned> {
  unsigned   n           = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (code != std::errc{} || end != text.data() + text.size() || n > 63) return std::nullopt;
  return n;
}

[[nodiscard]] auto lower(std::string_view word) -> std::string {
  std::string out{word};
  for (auto &c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// How many letters must be added, removed, replaced or exchanged with their neighbour to make `b` of `a`.
[[nodiscard]] auto distance(std::string_view a, std::string_view b) -> std::size_t {
  std::vector<std::size_t> before, above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1] ? 1u : 0u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = above;
    above  = row;
  }
  return above[b.size()];
}

}  // namespace

auto parse_span(std::string_view text) noexcept -> std::optional<bit_span> {
  auto const colon = text.find(':');
  auto const high  = parse_bit(text.substr(0, colon));
  auto const low   = colon == std::string_view::npos ? high : parse_bit(text.substr(colon + 1));
  if (!high || !low || *high < *low) return std::nullopt;
  return bit_span{static_cast<u8>(*low), static_cast<u8>(*high - *low + 1)};
}

auto span_text(bit_span bits) -> std::string {
  return bits.width == 1 ? fmt::format("{}", bits.lo) : fmt::format("{}:{}", bits.lo + bits.width - 1, bits.lo);
}

auto parse_mask(std::string_view text) noexcept -> std::optional<u64> {
  if (!text.starts_with("0x") && !text.starts_with("0X")) return std::nullopt;
  text.remove_prefix(2);
  u64  value = 0;
  bool any   = false;
  for (char const c : text) {
    if (c == '_') continue;
    auto const digit =
        std::string_view{"0123456789abcdef"}.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
    if (digit == std::string_view::npos || value >> 60 != 0) return std::nullopt;
    value = value << 4 | digit;
    any   = true;
  }
  return any ? std::optional{value} : std::nullopt;
}

auto take_rights(std::string_view &text) noexcept -> std::optional<rights> {
  if (text.starts_with("none")) {
    text.remove_prefix(4);
    return rights::none;
  }
  auto held = rights::none;
  for (auto rest = text;;) {
    auto side = rights::all;
    if (rest.starts_with("k:")) side = rights::kernel;
    if (rest.starts_with("u:")) side = rights::user;
    if (side != rights::all) rest.remove_prefix(2);
    auto part = rights::none;
    for (; !rest.empty(); rest.remove_prefix(1)) {
      char const c = rest.front();
      if (c == 'r') part |= rights::readers;
      else if (c == 'w') part |= rights::writers;
      else if (c == 'x') part |= rights::executes;
      else break;
    }
    if (part == rights::none) return held == rights::none ? std::nullopt : std::optional{held};
    held |= part & side;
    text = rest;
    if (rest.empty() || (rest.front() != ' ' && rest.front() != ',')) return held;
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == ',')) rest.remove_prefix(1);
  }
}

auto rights_words(rights r) -> std::string {
  auto const letters = [r](rights side) {
    std::string words;
    if ((r & side & rights::readers) != rights::none) words += 'r';
    if ((r & side & rights::writers) != rights::none) words += 'w';
    if ((r & side & rights::executes) != rights::none) words += 'x';
    return words;
  };
  auto const kernel = letters(rights::kernel), user = letters(rights::user);
  if (kernel == user) return kernel.empty() ? "none" : kernel;
  if (user.empty()) return "k:" + kernel;
  return kernel.empty() ? "u:" + user : "k:" + kernel + " u:" + user;
}

auto memory_type_names() -> std::span<std::string_view const> {
  static auto const names = [] {
    std::vector<std::string_view> all{text(memory_type::reserved)};
    for (unsigned n = 1; text(static_cast<memory_type>(n)) != all[0]; ++n)
      all.push_back(text(static_cast<memory_type>(n)));
    return all;
  }();
  return names;
}

auto memory_type_named(std::string_view name) noexcept -> std::optional<memory_type> {
  auto const names = memory_type_names();
  auto const found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<memory_type>(found - names.begin());
}

auto nearest(std::string_view word, std::span<std::string_view const> known) -> std::string_view {
  auto const       wanted = lower(word);
  std::string_view best;
  std::size_t      least = std::max<std::size_t>(2, word.size() / 2);   // farther away it is another word
  for (auto const one : known)
    if (auto const d = distance(wanted, lower(one)); d < least || (d == least && best.empty() && d < one.size())) {
      best  = one;
      least = d;
    }
  return best;
}

}  // namespace pagewright::format_file
