// SPDX-License-Identifier: MIT
// Does not compile: every new page would be marked accessed, whatever was asked for.
#include <pagewright/formats/x86.hpp>

namespace {
constexpr auto mistaken = [] {
  auto f = pagewright::x86::x86_64_4level;
  f.forms[1].base |= pagewright::bit(5);
  return f;
}();
}  // namespace
static_assert(pagewright::is_sound<mistaken>());
