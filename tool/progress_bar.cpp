// SPDX-License-Identifier: MIT
#include "progress_bar.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace pagewright::tool {

using namespace std::chrono_literals;

progress_bar::progress_bar(bool hidden) noexcept
    : active_{!hidden && ::isatty(STDERR_FILENO) == 1}, next_{clock::now() + 1s} {}

progress_bar::~progress_bar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void progress_bar::show(double fraction, inspect::dump_totals const &t) {
  if (!active_) return;
  auto const now = clock::now();
  if (now < next_) return;
  next_  = now + 100ms;
  drawn_ = true;
  constexpr int width = 30;
  int const     full  = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  auto const text = fmt::format("\r[{:=<{}}{: <{}}] {:3.0f}%  {} lines, {} leaves\033[K", "", full, "", width - full,
                                100 * fraction, t.rows, t.leaves);
  std::fputs(text.c_str(), stderr);                           // fmt::print throws when nothing can be written
  std::fflush(stderr);
}

}  // namespace pagewright::tool
