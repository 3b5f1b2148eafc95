// SPDX-License-Identifier: MIT
// Random numbers that are the same everywhere, and how many to draw.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <iterator>

namespace oracle {

/// splitmix64: any seed is good, and a failure can be repeated on any machine.
class dice {
 public:
  explicit dice(std::uint64_t seed) : state_{seed} {}

  auto word() -> std::uint64_t {
    auto z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  auto below(std::uint64_t n) -> unsigned { return static_cast<unsigned>((word() >> 32) * n >> 32); }
  auto one_in(unsigned n) -> bool { return below(n) == 0; }
  auto pick(std::initializer_list<unsigned> from) -> unsigned { return std::data(from)[below(from.size())]; }

 private:
  std::uint64_t state_;
};

/// `n` times PAGEWRIGHT_TEST_SIZE, at least 1000.
inline auto test_size(std::uint64_t n) -> std::uint64_t {
  char const *factor = std::getenv("PAGEWRIGHT_TEST_SIZE");
  double const scaled = static_cast<double>(n) * (factor != nullptr && *factor != '\0' ? std::atof(factor) : 1.0);
  return scaled < 1000 ? 1000 : static_cast<std::uint64_t>(scaled);
}

}  // namespace oracle
