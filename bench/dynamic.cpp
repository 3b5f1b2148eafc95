// SPDX-License-Identifier: MIT
// x86-64 again, the format known only at run time.
#include <pagewright/formats/x86.hpp>

#include "rows.hpp"

namespace bench {

void add_x86_64_dynamic(suite &s) {
  using subject = by_pagewright<pw::dynamic, by_hand::x86_64>;
  common_rows(s, "", "pagewright_dynamic", std::make_shared<subject>(s.memory, pw::dynamic{&pw::x86::x86_64_4level}));
}

}  // namespace bench
