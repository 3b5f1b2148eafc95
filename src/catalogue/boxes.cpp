// SPDX-License-Identifier: MIT
#include "boxes.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace pagewright::catalogue {
namespace {

[[nodiscard]] auto label(cell const &c) -> std::string {
  return c.hi == c.lo ? fmt::format("{}", c.lo) : fmt::format("{}:{}", c.hi, c.lo);
}

/// Of the text alone; a box adds a space on both sides and shares its borders.
[[nodiscard]] auto width(cell const &c) -> std::size_t {
  return std::max({label(c).size(), c.name.size(), c.value.size()});
}

/// The cells in rows of at most `columns`, each filled as far as it goes.
[[nodiscard]] auto rows_of(std::span<cell const> cells, std::size_t columns) -> std::vector<std::span<cell const>> {
  std::vector<std::span<cell const>> rows;
  std::size_t                        from = 0, used = 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    auto const wide = width(cells[i]) + 3;
    if (i != from && used + wide > columns) {
      rows.push_back(cells.subspan(from, i - from));
      from = i;
      used = 1;
    }
    used += wide;
  }
  rows.push_back(cells.subspan(from));
  return rows;
}

void draw(std::vector<std::string> &lines, std::span<cell const> row) {
  std::string top, border, names, values;
  bool        any_value = false;
  for (auto const &c : row) {
    auto const wide = width(c);
    top += fmt::format("  {:^{}}", label(c), wide + 1);
    border += '+' + std::string(wide + 2, '-');
    names += fmt::format("| {:^{}} ", c.name, wide);
    values += fmt::format("| {:^{}} ", c.value, wide);
    any_value |= !c.value.empty();
  }
  top.erase(top.find_last_not_of(' ') + 1);
  lines.push_back(top);
  lines.push_back(border + '+');
  lines.push_back(names + '|');
  if (any_value) lines.push_back(values + '|');
  lines.push_back(border + '+');
}

}  // namespace

auto boxes(std::vector<cell> const &cells, unsigned columns) -> std::vector<std::string> {
  if (cells.empty()) return {};
  std::span<cell const> const all{cells};
  // Rows of the same number that are as even as can be.
  auto limit = std::size_t{columns};
  auto rows  = rows_of(all, limit);
  for (auto const count = rows.size(); count > 1 && limit > 8;) {
    auto even = rows_of(all, limit - 1);
    if (even.size() > count) break;
    rows = std::move(even);
    --limit;
  }
  std::vector<std::string> lines;
  for (auto const &row : rows) draw(lines, row);
  return lines;
}

}  // namespace pagewright::catalogue
