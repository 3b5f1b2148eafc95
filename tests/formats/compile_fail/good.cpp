// SPDX-License-Identifier: MIT
// Compiles: the mistakes beside it are the only reason why they do not.
#include <pagewright/formats/x86.hpp>

namespace {
constexpr auto copied = pagewright::x86::x86_64_4level;
}  // namespace
static_assert(pagewright::is_sound<copied>());
