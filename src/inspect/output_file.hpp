// SPDX-License-Identifier: MIT
// Where results are written to: buffered, and to a file only as a whole.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <pagewright/bits.hpp>

#include "problem.hpp"

namespace pagewright::inspect {

/// A buffered writer. Writing to a file goes to a temporary file beside it, which takes its name in `finish`: a run
/// that fails leaves the old file as it was. What is no ordinary file (a pipe, a device) is written directly.
class output_file {
 public:
  /// Standard output.
  output_file();
  [[nodiscard]] static auto create(std::string const &path) -> std::expected<output_file, problem>;

  output_file(output_file &&other) noexcept;
  auto operator=(output_file &&) -> output_file & = delete;
  ~output_file();                       ///< without finish, the temporary file is removed

  void put(std::string_view text) {
    if (text.size() > capacity - used_) return put_slowly(text);
    text.copy(buffer_.get() + used_, text.size());
    used_ += text.size();
  }
  void put(char c) {
    if (used_ == capacity) flush();
    buffer_[used_++] = c;
  }
  /// 0x and 16 digits.
  void hex(u64 value) {
    char  text[18]{'0', 'x'};
    char *at = text + 18;
    for (; at != text + 2; value >>= 4) *--at = "0123456789abcdef"[value & 15];
    put({text, 18});
  }
  void dec(u64 value) {
    char  text[20];
    char *at = text + 20;
    do { *--at = static_cast<char>('0' + value % 10); } while ((value /= 10) != 0);
    put({at, static_cast<std::size_t>(text + 20 - at)});
  }

  /// Writes what is left and gives the file its name. An error also if an earlier write failed.
  [[nodiscard]] auto finish() -> std::expected<void, problem>;

  /// Is this standard output on a terminal?
  [[nodiscard]] auto is_terminal() const noexcept -> bool;

  /// Has a write failed? There is no use in writing more.
  [[nodiscard]] auto failed() const noexcept -> bool { return error_ != 0; }

 private:
  static constexpr std::size_t capacity = 1 << 16;

  output_file(int fd, std::string path, std::string temporary);
  void put_slowly(std::string_view text);
  void flush();

  int                     fd_;
  int                     error_ = 0;
  std::size_t             used_  = 0;
  std::unique_ptr<char[]> buffer_;
  std::string             path_, temporary_;
};

}  // namespace pagewright::inspect
