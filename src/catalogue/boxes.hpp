// SPDX-License-Identifier: MIT
// A row of named bit ranges, drawn.
#pragma once

#include <string>
#include <vector>

namespace pagewright::catalogue {

/// Bits `hi` down to `lo`, their name, and what they hold ("" where nothing is to be said).
struct cell {
  unsigned    hi, lo;
  std::string name, value;

  friend auto operator==(cell const &, cell const &) -> bool = default;
};

/// The cells from left to right with their bit numbers above, in as few rows of at most `columns` as they need. A box
/// is as wide as what stands in it, not as its bits.
[[nodiscard]] auto boxes(std::vector<cell> const &cells, unsigned columns) -> std::vector<std::string>;

}  // namespace pagewright::catalogue
