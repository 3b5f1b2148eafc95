// SPDX-License-Identifier: MIT
// Memories for tests: one that tells a watcher of every write, a recorder to watch with, one in which hardware marks
// entries at the worst moment, and one with holes. Each wraps another memory; none needs a heap or an operating system.
#pragma once

#include "../memory.hpp"

namespace pagewright::models {

enum class write_kind : u8 { store, exchange, compare_exchange, fill, clear };

/// One write. `was` and `now` are entry values for store, exchange and compare_exchange (one that stored); for fill and
/// clear, which touch memory that nobody else can see yet, they are 0 and `bytes` says how much was written.
struct write {
  write_kind     kind;
  output_address at;
  u64            bytes;
  u64            was = 0, now = 0;

  friend constexpr auto operator==(write const &, write const &) -> bool = default;
};

/// Passes everything on to `Inner` and tells `Watcher` of writes: `before(write)` and `after(write)`, each if it has it.
/// A compare-exchange that stores nothing is not a write; `before` is told of it if it looked like one. A memory always satisfies writable_memory if `Inner` does.
template <writable_memory Inner, class Watcher>
class watched_memory {
 public:
  static constexpr bool always_readable = pagewright::always_readable<Inner>;

  constexpr watched_memory(Inner &inner, Watcher &watcher) noexcept : inner_{&inner}, watcher_{&watcher} {}

  constexpr auto load(output_address a, word w) const -> std::optional<u64> { return inner_->load(a, w); }

  constexpr void store(output_address a, word w, u64 v) {
    write const what{write_kind::store, a, w.bytes, inner_->load(a, w).value_or(0), v};
    told(what, [&] { inner_->store(a, w, v); });
  }
  constexpr auto exchange(output_address a, word w, u64 v) -> u64 {
    write what{write_kind::exchange, a, w.bytes, inner_->load(a, w).value_or(0), v};
    told(what, [&] { what.was = inner_->exchange(a, w, v); });
    return what.was;
  }
  constexpr auto compare_exchange(output_address a, word w, u64 &expected, u64 desired) -> bool {
    write const what{write_kind::compare_exchange, a, w.bytes, expected, desired};
    if (inner_->load(a, w) == expected) tell_before(what);
    bool const stored = inner_->compare_exchange(a, w, expected, desired);
    if (stored) tell_after(what);
    return stored;
  }
  constexpr void clear(output_address a, u64 n) {
    if (n != 0) told({write_kind::clear, a, n}, [&] { inner_->clear(a, n); });
  }
  template <class Value>
  constexpr void fill(output_address a, word w, u64 count, Value value) {
    if (count != 0)
      told({write_kind::fill, a, count * w.bytes}, [&] { pagewright::fill(*inner_, a, w, w.bytes, count, value); });
  }

 private:
  constexpr void tell_before(write const &what) {
    if constexpr (requires { watcher_->before(what); }) watcher_->before(what);
  }
  constexpr void tell_after(write const &what) {
    if constexpr (requires { watcher_->after(what); }) watcher_->after(what);
  }
  template <class Do>
  constexpr void told(write const &what, Do &&act) {
    tell_before(what);
    act();
    tell_after(what);
  }

  Inner   *inner_;
  Watcher *watcher_;
};

/// Watches with two watchers, the first told first.
template <class A, class B>
class both {
 public:
  constexpr both(A &a, B &b) noexcept : a_{&a}, b_{&b} {}

  constexpr void before(write const &w) {
    if constexpr (requires { a_->before(w); }) a_->before(w);
    if constexpr (requires { b_->before(w); }) b_->before(w);
  }
  constexpr void after(write const &w) {
    if constexpr (requires { a_->after(w); }) a_->after(w);
    if constexpr (requires { b_->after(w); }) b_->after(w);
  }

 private:
  A *a_;
  B *b_;
};

/// Keeps the first `N` writes, in order, and counts all of them.
template <unsigned N>
class recorder {
 public:
  constexpr void after(write const &w) noexcept {
    if (count_ < N) held_[count_] = w;
    ++count_;
  }
  constexpr auto writes() const noexcept -> view<write const> { return {held_, static_cast<std::size_t>(count_ < N ? count_ : N)}; }
  constexpr auto count() const noexcept -> u64 { return count_; }
  constexpr auto overflowed() const noexcept -> bool { return count_ > N; }
  constexpr void forget() noexcept { count_ = 0; }

 private:
  u64   count_ = 0;
  write held_[N]{};
};

namespace holding {
// A base, so that the recorder exists before the memory that points to it.
template <unsigned N>
struct a_recorder {
  recorder<N> log_{};
};
}  // namespace holding

/// A memory that records every write: `recorded_memory<Inner, 256> m{inner}; ... m.log().writes()`.
template <writable_memory Inner, unsigned N>
class recorded_memory : holding::a_recorder<N>, public watched_memory<Inner, recorder<N>> {
 public:
  explicit constexpr recorded_memory(Inner &inner) noexcept : watched_memory<Inner, recorder<N>>{inner, this->log_} {}
  recorded_memory(recorded_memory const &)                     = delete;
  auto operator=(recorded_memory const &) -> recorded_memory & = delete;

  constexpr auto log() noexcept -> recorder<N> & { return this->log_; }
  constexpr auto log() const noexcept -> recorder<N> const & { return this->log_; }
};

/// Hardware that marks entries accessed or dirty at the worst moment: after software looked at an entry and right before
/// it writes there. `mark(at, entry)` returns the entry as hardware would mark it (itself for one it would not mark).
///
/// It marks wherever it is written, tables or not: start with zeroed frames, so that free ones look absent.
/// A plain store then overwrites marks it never saw; `lost()` counts those stores. Tables in `marked_by_hardware` mode
/// lose none; `exclusive` mode is for tables no hardware uses and loses them here.
template <writable_memory Inner, class Mark>
class marking_memory {
 public:
  static constexpr bool always_readable = pagewright::always_readable<Inner>;

  constexpr marking_memory(Inner &inner, Mark mark) noexcept : inner_{&inner}, mark_{mark} {}

  constexpr auto load(output_address a, word w) const -> std::optional<u64> { return inner_->load(a, w); }
  constexpr void store(output_address a, word w, u64 v) {
    u64 const was = inner_->load(a, w).value_or(0);
    u64 const set = mark(a, w, was) ^ was;
    if (set != 0 && ((inner_->load(a, w).value_or(0) ^ v) & set) != 0) ++lost_;
    inner_->store(a, w, v);
  }
  constexpr auto exchange(output_address a, word w, u64 v) -> u64 {
    mark(a, w, inner_->load(a, w).value_or(0));
    return inner_->exchange(a, w, v);
  }
  constexpr auto compare_exchange(output_address a, word w, u64 &expected, u64 desired) -> bool {
    mark(a, w, inner_->load(a, w).value_or(0));
    return inner_->compare_exchange(a, w, expected, desired);
  }
  constexpr void clear(output_address a, u64 n) { inner_->clear(a, n); }
  template <class Value>
  constexpr void fill(output_address a, word w, u64 count, Value value) {
    pagewright::fill(*inner_, a, w, w.bytes, count, value);
  }

  constexpr auto marked() const noexcept -> u64 { return marked_; }  // entries hardware marked
  constexpr auto lost() const noexcept -> u64 { return lost_; }      // stores that overwrote a mark

 private:
  constexpr auto mark(output_address a, word w, u64 was) -> u64 {
    u64 const now = mark_(a, was);
    if (now != was) inner_->store(a, w, now), ++marked_;
    return now;
  }

  Inner *inner_;
  Mark   mark_;
  u64    marked_ = 0, lost_ = 0;
};

/// Memory with holes, as dumps have it: what `is_missing(address)` says is not there cannot be read. Writes pass through
/// and those into a hole are counted. Counts loads too, so that a bound on them can be checked.
template <class Inner, class Missing>
class holey_memory {
 public:
  constexpr holey_memory(Inner &inner, Missing is_missing) noexcept : inner_{&inner}, is_missing_{is_missing} {}

  constexpr auto load(output_address a, word w) -> std::optional<u64> {
    ++loads_;
    if (is_missing_(a)) return std::nullopt;
    return inner_->load(a, w);
  }
  constexpr void store(output_address a, word w, u64 v) requires writable_memory<Inner> {
    written(a);
    inner_->store(a, w, v);
  }
  constexpr auto exchange(output_address a, word w, u64 v) -> u64 requires writable_memory<Inner> {
    written(a);
    return inner_->exchange(a, w, v);
  }
  constexpr auto compare_exchange(output_address a, word w, u64 &e, u64 v) -> bool requires writable_memory<Inner> {
    written(a);
    return inner_->compare_exchange(a, w, e, v);
  }
  constexpr void clear(output_address a, u64 n) requires writable_memory<Inner> {
    written(a);
    inner_->clear(a, n);
  }

  constexpr auto loads() const noexcept -> u64 { return loads_; }
  constexpr auto strayed() const noexcept -> u64 { return strayed_; }
  constexpr void forget() noexcept { loads_ = 0; }

 private:
  constexpr void written(output_address a) {
    if (is_missing_(a)) ++strayed_;
  }

  Inner  *inner_;
  Missing is_missing_;
  u64     loads_ = 0, strayed_ = 0;
};

}  // namespace pagewright::models
