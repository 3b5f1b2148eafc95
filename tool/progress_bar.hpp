// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include <inspect/row.hpp>

namespace pagewright::tool {

/// A line on standard error that says how far a dump is: on a terminal, after a second, and gone in the end.
class progress_bar {
 public:
  /// `hidden`: results go to the same terminal.
  explicit progress_bar(bool hidden) noexcept;
  progress_bar(progress_bar const &) = delete;
  auto operator=(progress_bar const &) -> progress_bar & = delete;
  ~progress_bar();

  void show(double fraction, inspect::dump_totals const &t);

 private:
  using clock = std::chrono::steady_clock;

  bool              active_, drawn_ = false;
  clock::time_point next_;
};

}  // namespace pagewright::tool
