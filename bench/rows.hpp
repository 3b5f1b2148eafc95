// SPDX-License-Identifier: MIT
// The rows: what is measured, how it is set up, and how its result is checked. Written once for every subject.
#pragma once

#include <cinttypes>

#include "subjects.hpp"
#include "suite.hpp"

namespace bench {

/// Input addresses begin at 64 GiB (4-Kbyte and 2-Mbyte leaves) and 512 GiB; output addresses lie outside the arena, and
/// off the alignment that would let a larger leaf in.
inline constexpr u64 va_4k = 64 * GiB, va_1g = 512 * GiB, pa_4k = 64 * GiB + 4 * KiB, pa_2m = 64 * GiB + 2 * MiB,
                     pa_1g = 512 * GiB + GiB;

inline auto complaint(char const *what, u64 va, u64 expected, u64 got) -> std::string {
  char line[160];
  std::snprintf(line, sizeof line, "wrong result: %s at %#" PRIx64 ": expected %#" PRIx64 ", got %#" PRIx64, what, va,
                expected, got);
  return line;
}

/// Is va..va + bytes - 1 mapped to `pa` with exactly `flags` and leaves of `level`, or (flags 0) not mapped at all? The
/// ends, their neighbours and a thousand addresses between are looked at.
template <class A>
auto mapped_as(arena const &a, u64 va, u64 pa, u64 bytes, int level, u64 flags) -> std::string {
  shuffled any{40};
  for (int n = 0; n < 1002; ++n) {
    u64 const offset = n == 0 ? 0 : n == 1 ? bytes - 1 : any.next() % bytes;
    auto const is    = by_hand::reference_walk<A>(a, va + offset);
    if (flags == 0) {
      if (is) return complaint("still mapped", va + offset, by_hand::nowhere, is->pa);
      continue;
    }
    if (!is) return complaint("not mapped", va + offset, pa + offset, by_hand::nowhere);
    if (is->pa != pa + offset) return complaint("output address", va + offset, pa + offset, is->pa);
    if (is->level != level) return complaint("level", va + offset, static_cast<u64>(level), static_cast<u64>(is->level));
    u64 const leaf = A::leaf(level, (pa + offset) & ~by_hand::reach(level), flags);
    if (is->entry != leaf) return complaint("entry", va + offset, leaf, is->entry);
  }
  for (u64 const outside : {va - 1, va + bytes})
    if (auto const is = by_hand::reference_walk<A>(a, outside)) return complaint("mapped beyond", outside, by_hand::nowhere, is->pa);
  return {};
}

/// The tree that rows about existing mappings start from: `bytes` of 4-Kbyte pages.
template <class A>
void build(arena &a, u64 bytes) {
  a.prepare(bytes / 400 + 16 * MiB);
  a.reset();
  by_hand::map<A, 0>(a, va_4k, pa_4k, bytes, A::rw);
}

/// As `build`, with or without one page missing in every leaf table, but left alone if it is there already. Only for
/// rows that change nothing.
template <class A>
void build_once(arena &a, u64 bytes, bool holes) {
  u64 const name = bytes ^ A::rw ^ holes;
  if (a.holds == name) return;
  build<A>(a, bytes);
  shuffled any{9};
  for (u64 at = va_4k; holes && at < va_4k + bytes; at += 2 * MiB) {
    by_hand::owed o;
    by_hand::unmap_keep<A>(a, at + any.next() * 4096, 4096, o);
  }
  a.holds = name;
}

// --- map, protect, unmap --------------------------------------------------------------------------------------------

/// `calls` mappings of `bytes` each, one after the other, into an empty address space.
template <class S>
void map_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 va, u64 pa, u64 bytes, int calls, int level) {
  auto *a = &s.memory;
  unsigned const lg2 = static_cast<unsigned>(12 + 9 * level);
  double const leaves = static_cast<double>(bytes >> lg2) * calls;
  s.add(row, name, leaves,
        [=] {
          a->prepare(level == 0 ? static_cast<u64>(calls) * bytes / 400 + 16 * MiB : 16 * MiB);
          a->reset();
        },
        [=] {
          for (int i = 0; i < calls; ++i) {
            u64 const at = static_cast<u64>(i) * bytes;
            benchmark::DoNotOptimize(sub->map(va + at, pa + at, bytes, lg2));
          }
        },
        [=] { return mapped_as<typename S::arch>(*a, va, pa, bytes * static_cast<u64>(calls), level, S::arch::rw); });
}

template <class S>
void protect_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 bytes) {
  using A = typename S::arch;
  auto *a = &s.memory;
  s.add(row, name, static_cast<double>(bytes / 4096), [=] { build<A>(*a, bytes); },
        [=] { benchmark::DoNotOptimize(sub->protect(va_4k, bytes)); },
        [=] { return mapped_as<A>(*a, va_4k, pa_4k, bytes, 0, A::ro); });
}

template <class S>
void unmap_keep_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 bytes) {
  using A = typename S::arch;
  auto *a = &s.memory;
  s.add(row, name, static_cast<double>(bytes / 4096), [=] { build<A>(*a, bytes); },
        [=] { benchmark::DoNotOptimize(sub->unmap_keep(va_4k, bytes)); },
        [=] { return mapped_as<A>(*a, va_4k, pa_4k, bytes, 0, 0); });
}

/// Sixteen calls: one alone is too short for the clock.
template <class S>
void unmap_free_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 bytes) {
  using A = typename S::arch;
  constexpr u64 calls = 16;
  auto *a = &s.memory;
  s.add(row, name, static_cast<double>(calls * bytes / 4096), [=] { build<A>(*a, calls * bytes); },
        [=] {
          for (u64 i = 0; i < calls; ++i) benchmark::DoNotOptimize(sub->unmap_free(va_4k + i * bytes, bytes));
        },
        [=]() -> std::string {
          if (a->frames.in_use() != 0) return complaint("frames in use", va_4k, 0, a->frames.in_use());
          return mapped_as<A>(*a, va_4k, pa_4k, calls * bytes, 0, 0);
        });
}

/// Map `pages` pages, unmap them again, all over a window whose tables exist: what a DMA mapping costs.
template <class S, bool MapsOnly = false>
void pair_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 pages) {
  using A = typename S::arch;
  constexpr u64  window = 64 * MiB;
  u64 const      bytes = pages * 4096, places = window / bytes, pairs = pages > 64 ? 512 : 4096;
  unsigned const bits  = static_cast<unsigned>(std::countr_zero(places));
  auto *a = &s.memory;
  auto const once = [=](u64 n, bool keep_mapped) {
    u64 const at = n * bytes;
    benchmark::DoNotOptimize(sub->map(va_4k + at, pa_4k + at, bytes, 12));
    if (!keep_mapped) benchmark::DoNotOptimize(sub->unmap_keep(va_4k + at, bytes));
  };
  s.add(row, name, static_cast<double>(pairs),
        [=] {
          build<A>(*a, window);
          by_hand::owed o;
          by_hand::unmap_keep<A>(*a, va_4k, window, o);
        },
        [=] {
          shuffled place{bits};
          for (u64 i = 0; i < pairs; ++i) once(place.next(), false);
        },
        [=]() -> std::string {
          if (auto wrong = mapped_as<A>(*a, va_4k, pa_4k, window, 0, 0); !wrong.empty()) return wrong;
          once(3, true);
          return mapped_as<A>(*a, va_4k + 3 * bytes, pa_4k + 3 * bytes, bytes, 0, A::rw);
        });
}

/// Single pages all over the lower half of the space: new tables, most of all.
template <class S>
void sparse_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 pages, unsigned space_bits) {
  using A = typename S::arch;
  unsigned const bits = space_bits - 12;
  auto *a = &s.memory;
  s.add(row, name, static_cast<double>(pages),
        [=] {
          a->prepare(pages < 500000 ? pages * 2 * 4096 : pages * 5 / 4 * 4096);
          a->reset();
        },
        [=] {
          shuffled page{bits};
          for (u64 i = 0; i < pages; ++i) benchmark::DoNotOptimize(sub->map(page.next() << 12, pa_4k + (i << 12), 4096, 12));
        },
        [=]() -> std::string {
          shuffled page{bits};
          for (u64 i = 0; i < pages; ++i) {
            u64 const va = page.next() << 12;
            auto const is = by_hand::reference_walk<A>(*a, va);
            if (!is || is->pa != pa_4k + (i << 12)) return complaint("output address", va, pa_4k + (i << 12), is ? is->pa : by_hand::nowhere);
          }
          return {};
        });
}

// --- translate, sweep -----------------------------------------------------------------------------------------------

/// `lookups` random addresses. With `Chained` each address depends on the result before it, which is latency; otherwise
/// the processor may overlap them, which is throughput.
template <bool Chained, class S>
void translate_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 bytes, u64 lookups) {
  using A = typename S::arch;
  unsigned const bits = static_cast<unsigned>(std::countr_zero(bytes));
  auto *a = &s.memory;
  auto const sum = std::make_shared<u64>(0);
  s.add(row, name, static_cast<double>(lookups), [=] { build_once<A>(*a, bytes, false); },
        [=] {
          shuffled any{bits};
          auto const reader = sub->reader();
          u64      total = 0, link = 0;
          for (u64 i = 0; i < lookups; ++i) {
            u64 pa = reader.translate(va_4k + (any.next() ^ link));
            if constexpr (Chained) {
              asm volatile("" : "+r"(pa));  // the compiler must not see that the top bits are zero
              link = pa >> 60;
            }
            total += pa;
          }
          *sum = total;
          benchmark::DoNotOptimize(total);
        },
        [=]() -> std::string {
          shuffled any{bits};
          u64      total = 0;
          for (u64 i = 0; i < lookups; ++i) total += any.next() + pa_4k;
          if (total != *sum) return complaint("sum of output addresses", va_4k, total, *sum);
          for (u64 i = 0; i < 1000; ++i) {
            u64 const va = va_4k + any.next();
            auto const is = by_hand::reference_walk<A>(*a, va);
            if (u64 const pa = sub->reader().translate(va); !is || is->pa != pa) return complaint("output address", va, is ? is->pa : 0, pa);
          }
          return {};
        });
}

/// Every leaf of a tree of 4-Kbyte pages, neighbours merged. Every leaf table has one hole somewhere, so that there are
/// about as many extents as tables.
template <class S>
void sweep_row(suite &s, std::string const &row, std::string const &name, std::shared_ptr<S> const &sub, u64 bytes, bool exact) {
  using A = typename S::arch;
  auto *a = &s.memory;
  auto const got = std::make_shared<seen>();
  s.add(row, name, static_cast<double>(bytes / 4096), [=] { build_once<A>(*a, bytes, true); },
        [=] {
          *got = sub->sweep(va_4k, bytes);
          benchmark::DoNotOptimize(*got);
        },
        [=]() -> std::string {
          if (!exact) return {};
          seen expected;
          u64  first = 0, last = 0, to = 0;
          for (u64 va = va_4k; va < va_4k + bytes; va += 4096) {
            auto const is = by_hand::reference_walk<A>(*a, va);
            if (!is) continue;
            if (last != 0 && va == last + 1 && is->pa == to + (va - first)) {
              last = va + 4095;
              continue;
            }
            if (last != 0) expected.add(first, last, to);
            first = va, last = va + 4095, to = is->pa;
          }
          if (last != 0) expected.add(first, last, to);
          if (got->extents != expected.extents) return complaint("extents", va_4k, expected.extents, got->extents);
          if (got->bytes != expected.bytes) return complaint("bytes", va_4k, expected.bytes, got->bytes);
          if (!(*got == expected)) return complaint("extents differ", va_4k, expected.mixed, got->mixed);
          return {};
        });
}

/// The rows that are reported for every format: 1 GiB of 4-Kbyte pages. `is_limit`: nothing is checked and the tree is
/// read, not understood.
template <class S>
void common_rows(suite &s, std::string const &prefix, std::string const &name, std::shared_ptr<S> const &sub, bool is_limit = false) {
  map_row(s, prefix + "map/4k/1GiB", name, sub, va_4k, pa_4k, GiB, 1, 0);
  protect_row(s, prefix + "protect/4k/1GiB", name, sub, GiB);
  unmap_keep_row(s, prefix + "unmap/4k/1GiB/keep", name, sub, GiB);
  if constexpr (requires(S x) { x.unmap_free(0, 0); }) unmap_free_row(s, prefix + "unmap/4k/1GiB/free", name, sub, GiB);
  translate_row<false>(s, prefix + "translate/1GiB/throughput", name, sub, GiB, 1 << 18);
  translate_row<true>(s, prefix + "translate/1GiB/latency", name, sub, GiB, 1 << 16);
  sweep_row(s, prefix + "sweep/1GiB", name, sub, GiB, !is_limit);
}

}  // namespace bench
