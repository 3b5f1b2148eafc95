// SPDX-License-Identifier: MIT
// Page-table formats as TOML files: the members of `struct format` under their own names, checked like a format that is
// compiled. docs/your-own-format.md explains the notation.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include <pagewright/format.hpp>

namespace pagewright::format_file {

/// Why a text is no format: where, and what is wrong there.
struct [[nodiscard]] problem {
  std::string file;
  unsigned    line = 0, column = 0;     // from 1; 0: the file as a whole
  std::string message;
  bool        unreadable = false;       // the file could not be read at all

  /// "FILE:LINE:COLUMN: message".
  [[nodiscard]] auto text() const -> std::string;
};

/// A format together with the strings that its names point to. Copies share both.
class owned_format {
 public:
  /// Precondition: `whole` is not null, and keeps alive what its names point to.
  explicit owned_format(std::shared_ptr<format const> whole) noexcept : whole_{std::move(whole)} {}

  [[nodiscard]] auto get() const noexcept -> format const & { return *whole_; }
  operator format const &() const noexcept { return *whole_; }
  auto operator->() const noexcept -> format const * { return whole_.get(); }
  /// Keeps the format and its names for as long as it is held.
  [[nodiscard]] auto share() const noexcept -> std::shared_ptr<format const> { return whole_; }

 private:
  std::shared_ptr<format const> whole_;
};

/// The format that `text` describes; `name` is the file's, for messages.
/// Errors: what is not TOML, unknown keys, wrong types, values out of range, and every rule of check() that the format
/// breaks, with the line of the level, form or field it concerns. Complexity: linear in the text, and that of check().
[[nodiscard]] auto read(std::string_view text, std::string_view name) -> std::expected<owned_format, problem>;

/// The same for a file. Errors also where it cannot be read.
[[nodiscard]] auto read_file(std::string const &path) -> std::expected<owned_format, problem>;

/// `f` as a text that `read` turns into an equal format; what has its default is left out.
/// Precondition: check(f) finds nothing.
[[nodiscard]] auto write(format const &f) -> std::string;

}  // namespace pagewright::format_file
