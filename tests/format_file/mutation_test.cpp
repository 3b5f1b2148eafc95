// SPDX-License-Identifier: MIT
// Whatever becomes of a file, reading it ends: with a format that check() accepts, or with a problem that has a place.
#include <format_file/format_file.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include <pagewright/check.hpp>

#include "shipped.hpp"

namespace {

using namespace pagewright;

auto lines_of(std::string const &text) -> std::vector<std::string> {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    auto const end = text.find('\n', from);
    lines.push_back(text.substr(from, end - from));
    from = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

TEST(format_file, survives_lines_that_are_lost_doubled_exchanged_or_garbled) {
  auto const *const size   = std::getenv("PAGEWRIGHT_TEST_SIZE");
  auto const        rounds = static_cast<int>(40 * (size != nullptr ? std::atof(size) : 1.0)) + 1;
  std::mt19937_64   random{0x70'3111};
  auto const        below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  constexpr std::string_view letters = "0123456789\"'[]{}=,.:-x_ abrw#\n";
  unsigned good = 0, bad = 0;

  for (auto const &one : shipped_formats()) {
    auto const whole = lines_of(format_file::write(one.format));
    for (int round = 0; round < rounds; ++round) {
      auto lines = whole;
      for (auto changes = 1 + below(3); changes != 0; --changes) {
        auto const at = below(lines.size()), other = below(lines.size());
        switch (below(5)) {
          case 0: lines[at].clear(); break;
          case 1: lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(other), lines[at]); break;
          case 2: std::swap(lines[at], lines[other]); break;
          case 3: if (!lines[at].empty()) lines[at][below(lines[at].size())] = letters[below(letters.size())]; break;
          default: lines[at].insert(below(lines[at].size() + 1), 1, letters[below(letters.size())]); break;
        }
      }
      std::string text;
      for (auto const &line : lines) text += line + '\n';
      auto const read = format_file::read(text, "mutant.toml");
      if (read) {
        ++good;
        EXPECT_FALSE(check(*read)) << text;
        auto const again = format_file::read(format_file::write(*read), "again.toml");
        ASSERT_TRUE(again) << again.error().text() << "\nof the mutant\n" << text;
        EXPECT_EQ(format_file::write(*again), format_file::write(*read));
      } else {
        ++bad;
        EXPECT_FALSE(read.error().message.empty());
        EXPECT_GE(read.error().line, 1u) << read.error().text() << '\n' << text;
        EXPECT_LE(read.error().line, lines.size() + 4) << read.error().text() << '\n' << text;
      }
    }
  }
  EXPECT_GT(good, 0u);
  EXPECT_GT(bad, good) << "most changes break something";
  RecordProperty("accepted", static_cast<int>(good));
}

TEST(format_file, survives_any_bytes_at_all) {
  std::mt19937_64 random{0xb17e5};
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 300, '\0');
    for (auto &b : bytes) b = static_cast<char>(random());
    EXPECT_FALSE(format_file::read(bytes, "noise.toml"));
  }
}

}  // namespace
