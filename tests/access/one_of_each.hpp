// SPDX-License-Identifier: MIT
// Memory of tables in which every slot of a level holds the same entry: that of level n lies from (n + 1) << 16 on.
#pragma once

#include <cstdlib>
#include <optional>
#include <utility>

#include <pagewright/memory.hpp>

namespace trial {

struct one_of_each {
  pagewright::u64 entry[5];

  static constexpr auto table(unsigned level) -> pagewright::u64 { return pagewright::u64{level + 1} << 16; }

  auto load(pagewright::output_address a, pagewright::word) const -> std::optional<pagewright::u64> { return entry[(a.value >> 16) - 1]; }
  void store(pagewright::output_address a, pagewright::word, pagewright::u64 v) { entry[(a.value >> 16) - 1] = v; }
  auto exchange(pagewright::output_address a, pagewright::word, pagewright::u64 v) -> pagewright::u64 {
    return std::exchange(entry[(a.value >> 16) - 1], v);
  }
  auto compare_exchange(pagewright::output_address a, pagewright::word, pagewright::u64 &expected, pagewright::u64 desired) -> bool {
    auto &now = entry[(a.value >> 16) - 1];
    if (now != expected) return expected = now, false;
    return now = desired, true;
  }
  void clear(pagewright::output_address, pagewright::u64) {}
};

/// The digits of a number in mixed radix: one case of an enumeration.
struct digits {
  pagewright::u64 left;

  auto next(pagewright::u64 radix) -> pagewright::u64 {
    auto const d = left % radix;
    return left /= radix, d;
  }
  auto flag() -> bool { return next(2) != 0; }
};

/// Of how many cases one is tried: `at_size_1` when PAGEWRIGHT_TEST_SIZE is 1, fewer where it is more. Prime to the radices
/// 2, 3, 5 and 7, or some digit would never change.
inline auto stride_of(double at_size_1) -> pagewright::u64 {
  auto const *const s    = std::getenv("PAGEWRIGHT_TEST_SIZE");
  double const      size = s != nullptr && std::atof(s) > 0 ? std::atof(s) : 1.0;
  auto stride = at_size_1 > size ? static_cast<pagewright::u64>(at_size_1 / size) : 1;
  while (stride % 2 == 0 || stride % 3 == 0 || stride % 5 == 0 || stride % 7 == 0) ++stride;
  return stride;
}

}  // namespace trial
