// SPDX-License-Identifier: MIT
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace pagewright::inspect {

/// Whose problem it is: what was asked for, or what was read.
enum class blame : unsigned char { request, input };

/// Why something could not be done: what is wrong, where, and what to do about it.
struct [[nodiscard]] problem {
  blame       whose;
  std::string message;
};

template <typename... Arguments>
[[nodiscard]] auto refuse(blame whose, fmt::format_string<Arguments...> format, Arguments &&...arguments)
    -> std::unexpected<problem> {
  return std::unexpected{problem{whose, fmt::format(format, std::forward<Arguments>(arguments)...)}};
}

}  // namespace pagewright::inspect
