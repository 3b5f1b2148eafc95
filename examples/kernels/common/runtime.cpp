// SPDX-License-Identifier: MIT
// A compiler may call these in any freestanding program. The volatile keeps it from making a loop a call to itself.
#include <cstddef>

extern "C" auto memset(void *to, int value, std::size_t size) -> void * {
  for (std::size_t i = 0; i != size; ++i)
    static_cast<unsigned char volatile *>(to)[i] = static_cast<unsigned char>(value);
  return to;
}

extern "C" auto memcpy(void *to, void const *from, std::size_t size) -> void * {
  for (std::size_t i = 0; i != size; ++i)
    static_cast<unsigned char volatile *>(to)[i] = static_cast<unsigned char const *>(from)[i];
  return to;
}
