// SPDX-License-Identifier: MIT
// A format as the command line names it: one of the library's, or a file that describes one.
#pragma once

#include <optional>
#include <string>

#include <catalogue/catalogue.hpp>
#include <format_file/format_file.hpp>

namespace pagewright::tool {

struct named_format {
  std::string                              name;
  catalogue::choice                        listed;  // without `of` where a file describes it
  std::optional<format_file::owned_format> own;

  /// Precondition: one format and no family.
  [[nodiscard]] auto description() const -> format const & { return own ? own->get() : *listed.one->description; }
};

/// Is `name` that of a file?
[[nodiscard]] auto names_file(std::string const &name) noexcept -> bool;

/// What `name` means: a file if it ends in ".toml", otherwise what the catalogue has. With `one` a family is a problem.
[[nodiscard]] auto find_named(std::string const &name, bool one) -> std::expected<named_format, inspect::problem>;

}  // namespace pagewright::tool
