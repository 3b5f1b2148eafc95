// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace pagewright::image {

/// Why an image could not be opened: what is wrong, where (file name and offset), and what to do about it.
struct [[nodiscard]] error {
  std::string message;
};

template <typename... Arguments>
[[nodiscard]] auto fail(fmt::format_string<Arguments...> format, Arguments &&... arguments) -> std::unexpected<error> {
  return std::unexpected{error{fmt::format(format, std::forward<Arguments>(arguments)...)}};
}

/// What was wrong with a file that could be read all the same. Bounded: a hostile file cannot make the list grow
/// with its number of headers.
class warning_list {
 public:
  static constexpr std::size_t limit = 32;

  template <typename... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments &&... arguments) {
    if (lines_.size() < limit) lines_.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
    else                       ++unlisted_;
  }

  /// The lines, and a last one that counts those left out.
  [[nodiscard]] auto take() && -> std::vector<std::string> {
    if (unlisted_ != 0) lines_.push_back(fmt::format("and {} further warnings of this kind", unlisted_));
    return std::move(lines_);
  }

 private:
  std::vector<std::string> lines_;
  std::size_t              unlisted_ = 0;
};

}  // namespace pagewright::image
