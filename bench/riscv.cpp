// SPDX-License-Identifier: MIT
// RISC-V Sv39.
#include <pagewright/formats/riscv.hpp>

#include "rows.hpp"

namespace bench {

void add_riscv(suite &s) {
  using handle = pw::fixed<pw::riscv::sv39>;
  using format = by_hand::sv39;
  common_rows(s, "sv39/", "pagewright", std::make_shared<by_pagewright<handle, format>>(s.memory, handle{}));
  common_rows(s, "sv39/", "by_hand", std::make_shared<hand_written<format>>(s.memory));
}

}  // namespace bench
