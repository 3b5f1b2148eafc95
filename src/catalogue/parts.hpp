// SPDX-License-Identifier: MIT
// The parts of a page about one format.
#pragma once

#include <pagewright/format.hpp>

#include "page.hpp"

namespace pagewright::catalogue {

/// How the input address is divided, and the tree of tables.
[[nodiscard]] auto hierarchy(format const &f) -> std::vector<block>;

/// All that one format says of table entries, or of leaves of one shape, at every level that has them.
struct entry_picture {
  std::string              name;
  std::vector<std::string> levels;
  std::vector<block>       blocks;
};

/// Table entries first, then leaves from the largest down.
[[nodiscard]] auto pictures_of(format const &f) -> std::vector<entry_picture>;

/// What leaves can allow and how they say it, and what table entries leave of it.
[[nodiscard]] auto rights_blocks(format const &f) -> std::vector<block>;

[[nodiscard]] auto memory_blocks(format const &f) -> std::vector<block>;

/// Something to compare blocks by.
[[nodiscard]] auto key_of(std::vector<block> const &blocks) -> std::string;

}  // namespace pagewright::catalogue
