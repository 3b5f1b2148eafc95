// SPDX-License-Identifier: MIT
// x86-64, 4 levels: many addresses in one call, beside a plain loop over them written by hand.
#include <algorithm>

#include <pagewright/batch.hpp>
#include <pagewright/formats/x86.hpp>

#include "rows.hpp"

namespace bench {
namespace {

using format = by_hand::x86_64;

struct lookups {
  std::vector<pw::input_address> at;
  std::vector<pw::destination>   to;
};

/// `count` addresses of the mapped range, the same each time.
auto random_lookups(u64 bytes, u64 count, bool sorted) -> std::shared_ptr<lookups> {
  auto const all = std::make_shared<lookups>();
  shuffled   any{static_cast<unsigned>(std::countr_zero(bytes))};
  for (u64 i = 0; i < count; ++i) all->at.push_back({va_4k + any.next()});
  if (sorted) std::sort(all->at.begin(), all->at.end());
  all->to.resize(count);
  return all;
}

/// direct_map as a kernel that translates many addresses has it: what will be loaded can be fetched beforehand.
class prefetching_map : public pw::direct_map {
 public:
  explicit prefetching_map(char *base) noexcept : pw::direct_map{base}, base_{base} {}

  [[gnu::always_inline]] void prefetch(pw::output_address a) const noexcept { __builtin_prefetch(base_ + a.value); }

 private:
  char *base_;
};

template <class Memory>
[[gnu::noinline]] void by_library(arena const &a, lookups &all) {
  pw::translate(pw::fixed<pw::x86::x86_64_4level>{}, pw::root{{arena::root}},
                pw::view<pw::input_address const>{all.at.data(), all.at.size()},
                pw::view<pw::destination>{all.to.data(), all.to.size()}, Memory{a.base()});
}

[[gnu::noinline]] void in_a_plain_loop(arena const &a, lookups &all) {
  char const *const base  = a.base();
  auto const       *at    = all.at.data();
  auto             *to    = all.to.data();
  std::size_t const count = all.at.size();
  for (std::size_t i = 0; i < count; ++i) {
    u64 const pa = by_hand::translate<format>(base, at[i].value);
    to[i] = pa == by_hand::nowhere ? pw::destination{pw::fault_reason::absent} : pw::destination{pw::output_address{pa}};
  }
}

template <class Memory>
void row(suite &s, std::string const &name, u64 bytes, u64 count, bool sorted) {
  auto const all = random_lookups(bytes, count, sorted);
  auto      *a   = &s.memory;
  auto const add = [&](char const *subject, auto translate) {
    s.add(name, subject, static_cast<double>(count), [=] { build_once<format>(*a, bytes, false); }, [=] { translate(*a, *all); },
          [=]() -> std::string {
            for (u64 i = 0; i < count; ++i) {
              u64 const va = all->at[i].value, pa = va - va_4k + pa_4k;
              if (all->to[i] != pw::destination{pw::output_address{pa}})
                return complaint("output address", va, pa, all->to[i] ? (*all->to[i]).value : 0);
              if (i % 1024 != 0) continue;
              auto const is = by_hand::reference_walk<format>(*a, va);
              if (!is || is->pa != pa) return complaint("output address in the tables", va, is ? is->pa : 0, pa);
            }
            std::fill(all->to.begin(), all->to.end(), pw::destination{});
            return {};
          });
  };
  add("pagewright", by_library<Memory>);
  add("by_hand", in_a_plain_loop);
}

}  // namespace

void add_batch(suite &s) {
  row<pw::direct_map>(s, "batch/1GiB", GiB, 1 << 18, false);
  row<prefetching_map>(s, "batch/1GiB/prefetch", GiB, 1 << 18, false);
  row<pw::direct_map>(s, "batch/64GiB", 64 * GiB, 1 << 20, false);
  row<prefetching_map>(s, "batch/64GiB/prefetch", 64 * GiB, 1 << 20, false);
  row<pw::direct_map>(s, "batch/sorted", 64 * GiB, 1 << 20, true);
}

}  // namespace bench
