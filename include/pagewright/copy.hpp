// SPDX-License-Identifier: MIT
// Data through a translation: copy from and to a range of input addresses, across pages of any size.
#pragma once

#include "walk.hpp"

namespace pagewright {

/// Memory whose bytes can be read, or written. `read(a, to, n)` and `write(a, from, n)` return how many bytes, from the
/// first on, were there to be read or written.
template <class M>
concept readable_bytes = requires(M &m, output_address a, u8 *to, u64 n) {
  { m.read(a, to, n) } -> std::same_as<u64>;
};
template <class M>
concept writable_bytes = requires(M &m, output_address a, u8 const *from, u64 n) {
  { m.write(a, from, n) } -> std::same_as<u64>;
};

enum class copy_reason : u8 {
  untranslated,  // the walk of `at` ended in a fault
  denied,        // the translation does not allow all of the rights asked for
  unreadable,    // no memory where the translation leads
  wraps,         // the range passes the top of the 64-bit space
};

constexpr auto text(copy_reason r) noexcept -> char const * {
  switch (r) {
    case copy_reason::untranslated: return "no translation";
    case copy_reason::denied:       return "denied";
    case copy_reason::unreadable:   return "no memory";
    case copy_reason::wraps:        return "past the top of the address space";
  }
  return "?";
}

/// Why a copy ended early. The `bytes` before `at` were copied. `where`: the fault if `why` is untranslated; otherwise its
/// level, slot and entry are those of the leaf.
struct copy_error {
  copy_reason   why;
  u64           bytes;
  input_address at;
  fault         where;
};

namespace copying {

/// Calls `move(output, offset, n)` for each piece of `bytes` bytes from `at` that one leaf maps. One walk per leaf.
template <handle H, readable_memory M, class Move>
constexpr auto pieces(H h, root from, input_address at, u64 bytes, M &memory, rights needed, Move &&move)
    -> std::expected<void, copy_error> {
  u64 done = 0;
  if (bytes != 0 && bytes - 1 > ~u64{0} - at.value)
    return std::unexpected{copy_error{copy_reason::wraps, 0, at, {fault_reason::outside_input, 0, at, {}, 0}}};
  while (done < bytes) {
    input_address const here{at.value + done};
    auto const found = walk(h, from, here, memory);
    if (!found) return std::unexpected{copy_error{copy_reason::untranslated, done, here, found.error()}};
    fault const leaf{fault_reason::unreadable, found->level, here, found->slot, found->entry};
    if (!includes(found->effective, needed)) return std::unexpected{copy_error{copy_reason::denied, done, here, leaf}};
    u64 const in_leaf = below(found->lg2) - (here.value & below(found->lg2)), left = bytes - done - 1;
    u64 const n = (in_leaf < left ? in_leaf : left) + 1, moved = move(found->address, done, n);
    done += moved;
    if (moved != n)
      return std::unexpected{copy_error{copy_reason::unreadable, done, {at.value + done}, leaf}};
  }
  return {};
}

}  // namespace copying

/// Reads `to.size()` bytes from the input address `at` on. `needed`: rights that every leaf on the way must grant
/// (kernel_read, user_read ...); none: whatever is mapped is read.
/// On error `bytes` tells how many arrived. Complexity: a walk per leaf.
template <handle H, readable_memory M>
  requires readable_bytes<std::remove_cvref_t<M>>
constexpr auto copy_from(H h, root from, input_address at, view<u8> to, M &&memory, rights needed = rights::none)
    -> std::expected<void, copy_error> {
  return copying::pieces(h, from, at, to.size(), memory, needed,
                         [&](output_address a, u64 offset, u64 n) -> u64 { return memory.read(a, to.begin() + offset, n); });
}

/// Writes `from.size()` bytes to the input address `at` on; otherwise as `copy_from`. What was written before an error
/// stays. No accessed or dirty mark is made.
template <handle H, readable_memory M>
  requires writable_bytes<std::remove_cvref_t<M>>
constexpr auto copy_to(H h, root through, input_address at, view<u8 const> from, M &&memory, rights needed = rights::none)
    -> std::expected<void, copy_error> {
  return copying::pieces(h, through, at, from.size(), memory, needed, [&](output_address a, u64 offset, u64 n) -> u64 {
    return memory.write(a, from.begin() + offset, n);
  });
}

}  // namespace pagewright
