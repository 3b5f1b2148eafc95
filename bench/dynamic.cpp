// SPDX-License-Identifier: MIT
// x86-64 again, the format known only at run time.
#include <pagewright/formats/x86.hpp>

#include "rows.hpp"

namespace bench {

void add_x86_64_dynamic(suite &s) {
  static constinit pw::walk_plan plan{pw::x86::x86_64_4level};
  // What the compiler knows of it, it would fold: it is to be a format read from a file.
  pw::walk_plan const *of = &plan;
  asm volatile("" : "+r"(of) : : "memory");
  using subject = by_pagewright<pw::planned, by_hand::x86_64>;
  common_rows(s, "", "pagewright_dynamic", std::make_shared<subject>(s.memory, pw::planned{*of}));
}

}  // namespace bench
