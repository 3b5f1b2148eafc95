// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <toml++/toml.h>

#include <pagewright/check.hpp>

namespace pagewright::format_file {

/// What breaks a rule of check(), and where in the file that is said.
struct rule_place {
  toml::source_region source;
  std::string         what;
};

/// Precondition: `e` is what check(f) found, `f` was read from `root`, and no two of its names are one string.
[[nodiscard]] auto place_of(flaw const &e, format const &f, toml::table const &root) -> rule_place;

}  // namespace pagewright::format_file
