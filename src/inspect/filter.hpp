// SPDX-License-Identifier: MIT
// Which leaves are wanted.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include <pagewright/sweep.hpp>

#include "problem.hpp"

namespace pagewright::inspect {

/// Letters that must be there and letters that must not, for one side.
struct triple_rule {
  u16 wanted = 0, unwanted = 0;         // bit 0 read, 1 write, 2 execute
  [[nodiscard]] auto empty() const noexcept -> bool { return (wanted | unwanted) == 0; }
};

struct rights_rule {
  triple_rule either, kernel, user;

  /// `either` holds when one side has all that is wanted, and neither has anything that is not.
  [[nodiscard]] auto accepts(rights r) const noexcept -> bool;
};

/// Parses letters r, w, x, each with '!' before it to forbid it; "k:" or "u:" say whose rights the letters after it
/// mean, without them those of `scope` ('k', 'u', or 0 for either). Commas and spaces may separate.
[[nodiscard]] auto parse_rights(std::string_view text, char scope) -> std::expected<rights_rule, problem>;

enum class side : u8 { both, kernel_only, user };   // kernel_only: what the user cannot reach at all

struct leaf_filter {
  range                    within = everything;
  rights_rule              allowed;
  side                     reach = side::both;
  std::optional<u64>       page;                    // the size of the leaf
  u64                      min_page = 0;

  [[nodiscard]] auto accepts(leaf const &l) const noexcept -> bool {
    auto const user = l.effective & rights::user;
    if (reach == side::user && user == rights::none) return false;
    if (reach == side::kernel_only && user != rights::none) return false;
    return l.bytes() >= min_page && (!page || l.bytes() == *page) && allowed.accepts(l.effective);
  }
};

}  // namespace pagewright::inspect
