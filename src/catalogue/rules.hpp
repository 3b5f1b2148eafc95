// SPDX-License-Identifier: MIT
// What a description demands beside its bits, as sentences.
#pragma once

#include <string>
#include <vector>

#include <pagewright/format.hpp>

namespace pagewright::catalogue {

[[nodiscard]] auto rules_of(format const &f) -> std::vector<std::string>;

/// "canonical: bits 63:48 repeat bit 47".
[[nodiscard]] auto extent_text(format const &f) -> std::string;

}  // namespace pagewright::catalogue
