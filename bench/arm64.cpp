// SPDX-License-Identifier: MIT
// Arm stage 1, 4-Kbyte granule, 48 bits.
#include <pagewright/formats/arm64.hpp>

#include "rows.hpp"

namespace bench {

void add_arm64(suite &s) {
  using handle = pw::fixed<pw::arm64::stage1_4k_48_lower>;
  using format = by_hand::arm64_4k;
  common_rows(s, "arm64_4k/", "pagewright", std::make_shared<by_pagewright<handle, format>>(s.memory, handle{}));
  common_rows(s, "arm64_4k/", "by_hand", std::make_shared<hand_written<format>>(s.memory));
}

}  // namespace bench
