// SPDX-License-Identifier: MIT
#include "model_test.hpp"

namespace trial {

// P1 to P3, P5, P6, P8 to P12, P16, P26, P27, and that both handles do the same to the bit.
TEST_P(every_format, does_what_a_map_of_intervals_does_whatever_the_operations) {
  run_lockstep(GetParam(), static_cast<u64>(1'000'000 * GetParam().share * test_size()));
}

}  // namespace trial
