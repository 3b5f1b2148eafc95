// SPDX-License-Identifier: MIT
// The same operations by the library, by hand, and by hand without checks. Each is a function call, as in a kernel;
// translation is inlined into the loop that uses it.
#pragma once

#include <pagewright/pagewright.hpp>

#include "by_hand.hpp"

namespace bench {

namespace pw = pagewright;

/// What a sweep saw: enough to tell whether two sweeps saw the same.
struct seen {
  u64 extents = 0, bytes = 0, mixed = 0;

  void add(u64 first, u64 last, u64 pa) {
    ++extents;
    bytes += last - first + 1;
    mixed ^= first * 3 + last * 5 + pa * 7;
  }
  friend auto operator==(seen const &, seen const &) -> bool = default;
};

/// The library on format handle `H`. `A` is the same format as the baselines know it.
template <pw::handle H, class A>
class by_pagewright {
 public:
  using arch = A;

  by_pagewright(arena &a, H h) : h_{h}, memory_{a.base()}, space_{h, root(), memory_, a.frames, cache_} {}

  [[gnu::noinline]] auto map(u64 va, u64 pa, u64 bytes, unsigned lg2) -> bool {
    auto const where = pw::range::of({va}, bytes);
    pw::ledger owed;
    bool const ok = where && space_.map(*where, {pa}, {.allow = pw::rights::kernel_rw}, owed, {static_cast<pw::u8>(lg2), false});
    space_.settle(owed);
    return ok;
  }
  [[gnu::noinline]] auto unmap(u64 va, u64 bytes, pw::emptied tables) -> bool {
    auto const where = pw::range::of({va}, bytes);
    pw::ledger owed;
    bool const ok = where && space_.unmap(*where, owed, pw::half_covered::refuse, tables);
    space_.settle(owed);
    return ok;
  }
  auto unmap_keep(u64 va, u64 bytes) -> bool { return unmap(va, bytes, pw::emptied::keep); }
  auto unmap_free(u64 va, u64 bytes) -> bool { return unmap(va, bytes, pw::emptied::release); }

  [[gnu::noinline]] auto protect(u64 va, u64 bytes) -> bool {
    auto const where = pw::range::of({va}, bytes);
    pw::ledger owed;
    bool const ok = where && space_.protect(*where, pw::rights::kernel_ro, owed, pw::half_covered::refuse);
    space_.settle(owed);
    return ok;
  }
  /// What a lookup loop holds: nothing in it is reloaded from memory after each lookup.
  struct reading {
    H              h;
    pw::direct_map memory;

    [[gnu::always_inline]] auto translate(u64 va) const -> u64 {
      auto const found = pw::walk(h, root(), {va}, memory);
      return found ? found->address.value : by_hand::nowhere;
    }
  };
  auto reader() const -> reading { return {h_, memory_}; }

  [[gnu::noinline]] auto sweep(u64 va, u64 bytes) -> seen {
    seen       all;
    pw::merger m{pw::follows_in_memory, [&all](pw::merged_extent const &e) {
                   all.add(e.input.first.value, e.input.last.value, e.output.value);
                 }};
    auto const where = pw::range::of({va}, bytes);
    if (where && pw::sweep(h_, root(), *where, memory_, m)) m.flush();
    return all;
  }

 private:
  static auto root() -> pw::root { return {{arena::root}}; }

  H              h_;
  pw::direct_map memory_;
  pw::not_in_use cache_;
  pw::address_space<H, pw::direct_map, arena_frames, pw::not_in_use> space_;
};

template <class A>
class hand_written {
 public:
  using arch = A;

  explicit hand_written(arena &a) : arena_{a} {}

  [[gnu::noinline]] auto map(u64 va, u64 pa, u64 bytes, unsigned lg2) -> bool {
    if (lg2 == 12) return by_hand::map<A, 0>(arena_, va, pa, bytes, A::rw) == by_hand::outcome::done;
    if (lg2 == 21) return by_hand::map<A, 1>(arena_, va, pa, bytes, A::rw) == by_hand::outcome::done;
    return by_hand::map<A, 2>(arena_, va, pa, bytes, A::rw) == by_hand::outcome::done;
  }
  [[gnu::noinline]] auto unmap_keep(u64 va, u64 bytes) -> bool {
    by_hand::owed o;
    bool const ok = by_hand::unmap_keep<A>(arena_, va, bytes, o) == by_hand::outcome::done;
    by_hand::settle<A>(arena_, o);
    return ok;
  }
  [[gnu::noinline]] auto unmap_free(u64 va, u64 bytes) -> bool {
    by_hand::owed o;
    bool const ok = by_hand::unmap_free<A>(arena_, va, bytes, o) == by_hand::outcome::done;
    by_hand::settle<A>(arena_, o);
    return ok;
  }
  [[gnu::noinline]] auto protect(u64 va, u64 bytes) -> bool {
    by_hand::owed o;
    bool const ok = by_hand::protect<A>(arena_, va, bytes, A::ro, o) == by_hand::outcome::done;
    by_hand::settle<A>(arena_, o);
    return ok;
  }
  struct reading {
    char const *base;

    [[gnu::always_inline]] auto translate(u64 va) const -> u64 { return by_hand::translate<A>(base, va); }
  };
  auto reader() const -> reading { return {arena_.base()}; }

  [[gnu::noinline]] auto sweep(u64 va, u64 bytes) -> seen {
    seen all;
    by_hand::sweep<A>(arena_, va, va + (bytes - 1), [&all](by_hand::extent const &e) { all.add(e.first, e.last, e.pa); });
    return all;
  }

 private:
  arena &arena_;
};

template <class A>
class limit {
 public:
  using arch = A;

  explicit limit(arena &a) : arena_{a} {}

  [[gnu::noinline]] auto map(u64 va, u64 pa, u64 bytes, unsigned lg2) -> bool {
    if (lg2 == 12) by_hand::limit::map<A, 0>(arena_, va, pa, bytes, A::rw);
    else if (lg2 == 21) by_hand::limit::map<A, 1>(arena_, va, pa, bytes, A::rw);
    else by_hand::limit::map<A, 2>(arena_, va, pa, bytes, A::rw);
    return true;
  }
  [[gnu::noinline]] auto unmap_keep(u64 va, u64 bytes) -> bool { return by_hand::limit::unmap_keep<A>(arena_, va, bytes), true; }
  [[gnu::noinline]] auto protect(u64 va, u64 bytes) -> bool { return by_hand::limit::protect<A>(arena_, va, bytes, A::ro), true; }
  struct reading {
    char const *base;

    [[gnu::always_inline]] auto translate(u64 va) const -> u64 { return by_hand::limit::translate<A>(base, va); }
  };
  auto reader() const -> reading { return {arena_.base()}; }

  [[gnu::noinline]] auto sweep(u64 va, u64 bytes) -> seen {
    return {.mixed = by_hand::limit::sweep<A>(arena_, va, va + (bytes - 1))};
  }

 private:
  arena &arena_;
};

}  // namespace bench
