// SPDX-License-Identifier: MIT
// Memory of eight-byte entries that a test writes down one by one; all others are zero.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include <pagewright/memory.hpp>

namespace trial {

struct slots {
  std::map<pagewright::u64, pagewright::u64> at{};
  bool missing = false;  // there is no memory at all

  auto load(pagewright::output_address a, pagewright::word) -> std::optional<pagewright::u64> {
    return missing ? std::nullopt : std::optional{at[a.value]};
  }
  void store(pagewright::output_address a, pagewright::word, pagewright::u64 v) { at[a.value] = v; }
  auto exchange(pagewright::output_address a, pagewright::word, pagewright::u64 v) -> pagewright::u64 { return std::exchange(at[a.value], v); }
  auto compare_exchange(pagewright::output_address a, pagewright::word, pagewright::u64 &expected, pagewright::u64 desired) -> bool {
    auto &now = at[a.value];
    if (now != expected) return expected = now, false;
    return now = desired, true;
  }
  void clear(pagewright::output_address, pagewright::u64) {}
};

}  // namespace trial
