// SPDX-License-Identifier: MIT
// A format, or a family of them, as a page: hierarchy, entries, rights, memory types, rules, sources.
#pragma once

#include "catalogue.hpp"
#include "page.hpp"

namespace pagewright::catalogue {

/// The page of a family, or of one of its formats. What several formats have in common is drawn once.
[[nodiscard]] auto draw(choice const &what) -> page;

/// The page of a format that the catalogue does not know, called `name`.
[[nodiscard]] auto draw(format const &f, std::string_view name) -> page;

/// The list of all families and formats.
[[nodiscard]] auto draw_list() -> page;

/// The index of the pages that draw makes of every family, with links to <name>.md.
[[nodiscard]] auto draw_index() -> page;

/// "4K, 2M, 1G": the sizes of leaves that a format has; where a leaf codes its size, "8K to 1G" for all powers of two
/// there.
[[nodiscard]] auto all_leaf_sizes(format const &f) -> std::string;

}  // namespace pagewright::catalogue
