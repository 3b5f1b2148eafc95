// SPDX-License-Identifier: MIT
// x86-64, 4 levels: every row.
#include <pagewright/mmu/x86.hpp>

#include "rows.hpp"

namespace bench {
namespace {

using format = by_hand::x86_64;

template <class S>
void all_rows(suite &s, std::string const &name, std::shared_ptr<S> const &subject, bool is_limit = false) {
  common_rows(s, "", name, subject, is_limit);

  map_row(s, "map/4k/64GiB", name, subject, va_4k, pa_4k, 64 * GiB, 1, 0);
  map_row(s, "map/2m/64GiB", name, subject, va_4k, pa_2m, 64 * GiB, 4, 1);
  map_row(s, "map/1g/512GiB", name, subject, va_1g, pa_1g, 512 * GiB, 64, 2);
  sparse_row(s, "map/sparse", name, subject, s.full_size ? 1'000'000 : 100'000, 47);
  pair_row(s, "pair/1", name, subject, 1);
  pair_row(s, "pair/16", name, subject, 16);
  pair_row(s, "pair/512", name, subject, 512);
  translate_row<false>(s, "translate/64GiB/throughput", name, subject, 64 * GiB, 1 << 20);
  translate_row<true>(s, "translate/64GiB/latency", name, subject, 64 * GiB, 1 << 18);
  sweep_row(s, "sweep/64GiB", name, subject, 64 * GiB, !is_limit);
}

/// `Subject`, but each lookup asks whether the user may read there.
template <class Subject>
struct by_access : Subject {
  using Subject::Subject;

  struct reading : Subject::reading {
    pw::x86::mmu mmu;

    [[gnu::always_inline]] auto translate(u64 va) const -> u64 {
      auto const found = pw::access(this->h, {{arena::root}}, {va}, {.user = false}, mmu, this->memory);
      return found ? found->address.value : by_hand::nowhere;
    }
  };
  auto reader() const -> reading { return {Subject::reader(), {.smep = true, .smap = true}}; }
};

/// Tables of 2 MiB of pages stay in the first cache: what a lookup costs beside memory.
void access_rows(suite &s) {
  using walking = by_pagewright<pw::fixed<pw::x86::x86_64_4level>, format>;
  pw::fixed<pw::x86::x86_64_4level> const h;
  auto const both = [&](char const *name, auto const &subject) {
    translate_row<false>(s, "access/2MiB/throughput", name, subject, 2 << 20, 1 << 16);
    translate_row<true>(s, "access/2MiB/latency", name, subject, 2 << 20, 1 << 16);
  };
  both("pagewright", std::make_shared<by_access<walking>>(s.memory, h));
  both("by_hand", std::make_shared<hand_written<format>>(s.memory));
}

}  // namespace

void add_x86_64(suite &s) {
  all_rows(s, "pagewright", std::make_shared<by_pagewright<pw::fixed<pw::x86::x86_64_4level>, format>>(s.memory, pw::fixed<pw::x86::x86_64_4level>{}));
  all_rows(s, "by_hand", std::make_shared<hand_written<format>>(s.memory));
  all_rows(s, "limit", std::make_shared<limit<format>>(s.memory), true);
  access_rows(s);
}

}  // namespace bench
