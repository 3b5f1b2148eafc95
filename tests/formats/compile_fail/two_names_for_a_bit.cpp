// SPDX-License-Identifier: MIT
// Does not compile: PAT and D both name bit 6 of a page. The message names the rule, the bit and the field.
#include <pagewright/formats/x86.hpp>

namespace {
constexpr auto mistaken = [] {
  auto f = pagewright::x86::x86_64_4level;
  for (auto &one : f.fields)
    if (one.name != nullptr && one.name[0] == 'P' && one.name[1] == 'A' && one.on == pagewright::on_form(0)) one.lo = 6;
  return f;
}();
}  // namespace
static_assert(pagewright::is_well_formed<mistaken>());
