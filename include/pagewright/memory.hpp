// SPDX-License-Identifier: MIT
// How an algorithm reaches physical memory: only through a policy passed to it. Entry width and byte order are handled
// here and nowhere else. The same walk runs in a kernel, over a dump, at compile time, or through another stage.
#pragma once

#include <concepts>
#include <optional>

#include "address.hpp"
#include "format.hpp"

namespace pagewright {

/// Memory that can be read. `load` returns nothing when there is no memory at the address: a missing page of a dump is
/// a result, not a crash. A model whose loads cannot fail says `static constexpr bool always_readable = true`.
template <class M>
concept readable_memory = requires(M &m, output_address a, word w) {
  { m.load(a, w) } -> std::same_as<std::optional<u64>>;
};

/// Memory that can be changed.
///   store             one whole entry that hardware may be walking: single-copy atomic, ordered after earlier stores
///   exchange          store, and return what was there, in one step
///   compare_exchange  store `desired` if `expected` is there; otherwise set `expected` to what is, return false
///   clear             zero memory nobody else can see yet: no order, no atomicity
///   fill              optional: neighbouring slots of such memory at once, so that it may be vectorised
/// A model that is only a handle to memory may say `static constexpr bool cheap_to_copy = true`; it is then held by value.
template <class M>
concept writable_memory = readable_memory<M> && requires(M &m, output_address a, word w, u64 v, u64 &e, unsigned n) {
  { m.store(a, w, v) } -> std::same_as<void>;
  { m.exchange(a, w, v) } -> std::same_as<u64>;
  { m.compare_exchange(a, w, e, v) } -> std::same_as<bool>;
  { m.clear(a, v) } -> std::same_as<void>;
};

template <class M>
constexpr bool always_readable = requires { requires std::remove_cvref_t<M>::always_readable; };

/// `value` as the `bytes` bytes of the other byte order.
constexpr auto byte_swapped(u64 value, unsigned bytes) noexcept -> u64 {
  u64 swapped = 0;
  for (unsigned i = 0; i < bytes; ++i) swapped |= (value >> (8 * i) & 0xff) << (8 * (bytes - 1 - i));
  return swapped;
}

/// Is `order` the order of the machine this is compiled for?
constexpr auto is_native(byte_order order) noexcept -> bool {
  return (order == byte_order::little) == (std::endian::native == std::endian::little);
}

/// Memory reached through pointers: `locate(address)` says where a physical address appears, or is null where it does not.
/// An access never crosses a table, so each table needs to be in one piece only. Loads and stores are single-copy atomic.
template <class Locate>
class mapped_memory {
  static constexpr bool everywhere = requires { requires Locate::everywhere; };

 public:
  static constexpr bool always_readable = everywhere, cheap_to_copy = everywhere;

  explicit constexpr mapped_memory(Locate locate) noexcept : locate_{locate} {}

  PAGEWRIGHT_INLINE auto load(output_address a, word w) const noexcept -> std::optional<u64> {
    auto *const p = at(a);
    if (!everywhere && p == nullptr) return std::nullopt;
    u64 const v = w.bytes == 8 ? __atomic_load_n(static_cast<cell64 *>(p), __ATOMIC_RELAXED)
                               : u64{__atomic_load_n(static_cast<cell32 *>(p), __ATOMIC_RELAXED)};
    return native(v, w);
  }
  /// Precondition of what writes: the address appears somewhere.
  PAGEWRIGHT_INLINE void store(output_address a, word w, u64 v) noexcept {
    if (w.bytes == 8) __atomic_store_n(at64(a), native(v, w), __ATOMIC_RELEASE);
    else __atomic_store_n(at32(a), static_cast<u32>(native(v, w)), __ATOMIC_RELEASE);
  }
  PAGEWRIGHT_INLINE auto exchange(output_address a, word w, u64 v) noexcept -> u64 {
    u64 const was = w.bytes == 8 ? __atomic_exchange_n(at64(a), native(v, w), __ATOMIC_ACQ_REL)
                                 : __atomic_exchange_n(at32(a), static_cast<u32>(native(v, w)), __ATOMIC_ACQ_REL);
    return native(was, w);
  }
  PAGEWRIGHT_INLINE auto compare_exchange(output_address a, word w, u64 &expected, u64 desired) noexcept -> bool {
    u64 old = native(expected, w);
    bool done = false;
    if (w.bytes == 8) {
      done = __atomic_compare_exchange_n(at64(a), &old, native(desired, w), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    } else {
      u32 old32 = static_cast<u32>(old);
      done = __atomic_compare_exchange_n(at32(a), &old32, static_cast<u32>(native(desired, w)), false,
                                         __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
      old = old32;
    }
    expected = native(old, w);
    return done;
  }
  void clear(output_address a, u64 bytes) noexcept {
    in_pieces(a, bytes, [](u8 *p, u64, u64 n) { __builtin_memset(p, 0, static_cast<std::size_t>(n)); });
  }

  /// Copies `n` bytes, or as many as there are from `a` on; returns how many.
  auto read(output_address a, u8 *to, u64 n) const noexcept -> u64 {
    return in_pieces(a, n, [to](u8 const *p, u64 done, u64 k) { __builtin_memcpy(to + done, p, static_cast<std::size_t>(k)); });
  }
  auto write(output_address a, u8 const *from, u64 n) noexcept -> u64 {
    return in_pieces(a, n, [from](u8 *p, u64 done, u64 k) { __builtin_memcpy(p, from + done, static_cast<std::size_t>(k)); });
  }

  /// Writes `value(i)` to `count` neighbouring slots of a table nobody else can see yet.
  template <class Value>
  PAGEWRIGHT_INLINE void fill(output_address a, word w, u64 count, Value value) noexcept {
    if (w.bytes == 8) {
      auto *p = at64(a);
      for (u64 i = 0; i < count; ++i) p[i] = native(value(i), w);
    } else {
      auto *p = at32(a);
      for (u64 i = 0; i < count; ++i) p[i] = static_cast<u32>(native(value(i), w));
    }
  }

 private:
  // Entries are aligned to their size, which 32-bit ABIs do not say of a 64-bit word by themselves.
  using cell64 [[gnu::may_alias, gnu::aligned(8)]] = u64;
  using cell32 [[gnu::may_alias, gnu::aligned(4)]] = u32;

  /// Calls `use(pointer, done, n)` for the pieces of `bytes` bytes from `a`: all in one unless `Locate` says by
  /// `piece_lg2()` that it shows aligned blocks of that size only. Returns how many bytes were there.
  template <class Use>
  auto in_pieces(output_address a, u64 bytes, Use &&use) const noexcept -> u64 {
    u64 piece = ~u64{0};
    if constexpr (requires(Locate const &l) { l.piece_lg2(); }) piece = below(locate_.piece_lg2());
    for (u64 done = 0; done < bytes;) {
      u64 const room = piece == ~u64{0} ? piece : piece - ((a.value + done) & piece), left = bytes - done - 1;
      u64 const n    = (room < left ? room : left) + 1;
      auto *const p = static_cast<u8 *>(at(a + done));
      if (!everywhere && p == nullptr) return done;
      use(p, done, n);
      done += n;
    }
    return bytes;
  }
  // Not templates: a template argument would lose the alignment.
  PAGEWRIGHT_INLINE auto at(output_address a) const noexcept -> void * { return locate_(a); }
  PAGEWRIGHT_INLINE auto at64(output_address a) const noexcept -> cell64 * { return static_cast<cell64 *>(at(a)); }
  PAGEWRIGHT_INLINE auto at32(output_address a) const noexcept -> cell32 * { return static_cast<cell32 *>(at(a)); }
  PAGEWRIGHT_INLINE static auto native(u64 v, word w) noexcept -> u64 {
    return is_native(w.order) ? v : byte_swapped(v, w.bytes);
  }

  Locate locate_;
};

/// Physical address 0 appears at `offset`, every other that far from it.
struct at_offset {
  static constexpr bool everywhere = true;
  std::uintptr_t offset;

  PAGEWRIGHT_INLINE auto operator()(output_address a) const noexcept -> void * {
    return reinterpret_cast<void *>(offset + static_cast<std::uintptr_t>(a.value));
  }
};

/// All physical memory mapped at one offset, as kernels have it: the fast path.
/// Precondition: every address used is mapped there; nothing is checked.
class direct_map : public mapped_memory<at_offset> {
 public:
  /// Physical address 0 appears at `base`.
  explicit direct_map(void *base) noexcept : mapped_memory{at_offset{reinterpret_cast<std::uintptr_t>(base)}} {}
};

/// Memory in a span of bytes that begins at physical address `base`: for tests, for tables built at compile time, and
/// for tables of another machine. Addresses outside it cannot be read; writing there is ignored and remembered.
class byte_memory {
 public:
  /// `bytes`: a span, array or vector of u8, by name: it must outlive this.
  template <class Bytes>
    requires requires(Bytes &b) { { b.data() } -> std::convertible_to<u8 *>; b.size(); }
  constexpr byte_memory(Bytes &bytes, output_address base) noexcept : bytes_{bytes.data(), bytes.size()}, base_{base} {}

  constexpr auto load(output_address a, word w) const noexcept -> std::optional<u64> {
    if (!covers(a, w.bytes)) return std::nullopt;
    u64 v = 0;
    for (unsigned i = 0; i < w.bytes; ++i) v |= u64{at(a, place(w, i))} << (8 * i);
    return v;
  }
  constexpr void store(output_address a, word w, u64 v) noexcept {
    if (!covers(a, w.bytes)) {
      strayed_ = true;
      return;
    }
    for (unsigned i = 0; i < w.bytes; ++i) at(a, place(w, i)) = static_cast<u8>(v >> (8 * i));
  }
  constexpr auto exchange(output_address a, word w, u64 v) noexcept -> u64 {
    u64 const was = load(a, w).value_or(0);
    store(a, w, v);
    return was;
  }
  constexpr auto compare_exchange(output_address a, word w, u64 &expected, u64 desired) noexcept -> bool {
    u64 const was = load(a, w).value_or(0);
    if (was != expected) {
      expected = was;
      return false;
    }
    store(a, w, desired);
    return true;
  }
  constexpr void clear(output_address a, u64 n) noexcept {
    if (!covers(a, n)) strayed_ = true;
    else for (u64 i = 0; i < n; ++i) at(a, i) = 0;
  }

  /// Copies `n` bytes, or as many as there are from `a` on; returns how many.
  constexpr auto read(output_address a, u8 *to, u64 n) const noexcept -> u64 {
    n = reach(a, n);
    for (u64 i = 0; i < n; ++i) to[i] = at(a, i);
    return n;
  }
  constexpr auto write(output_address a, u8 const *from, u64 n) noexcept -> u64 {
    n = reach(a, n);
    for (u64 i = 0; i < n; ++i) at(a, i) = from[i];
    return n;
  }

  /// Was there ever a write outside the span?
  constexpr auto strayed() const noexcept -> bool { return strayed_; }

 private:
  constexpr auto covers(output_address a, u64 n) const noexcept -> bool {
    return a >= base_ && n <= bytes_.size() && a.value - base_.value <= bytes_.size() - n;
  }
  constexpr auto reach(output_address a, u64 n) const noexcept -> u64 {
    if (!covers(a, 1)) return 0;
    u64 const left = bytes_.size() - (a.value - base_.value);
    return n < left ? n : left;
  }
  constexpr auto at(output_address a, u64 i) const noexcept -> u8 & {
    return bytes_[static_cast<std::size_t>(a.value - base_.value + i)];
  }
  static constexpr auto place(word w, unsigned i) noexcept -> unsigned {
    return w.order == byte_order::little ? i : w.bytes - 1u - i;
  }

  view<u8>       bytes_;
  output_address base_;
  bool           strayed_ = false;
};

/// Writes `value(i)` to `count` slots `stride` bytes apart that nobody else can see yet, as fast as `m` can. `value` is
/// called once for each slot, in order.
template <writable_memory M, class Value>
PAGEWRIGHT_INLINE constexpr void fill(M &m, output_address a, word w, unsigned stride, u64 count, Value value) {
  if constexpr (requires { m.fill(a, w, count, value); }) {
    if (stride == w.bytes) return m.fill(a, w, count, value);
  }
  for (u64 i = 0; i < count; ++i) m.store(a + i * stride, w, value(i));
}

}  // namespace pagewright
