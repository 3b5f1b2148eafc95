// SPDX-License-Identifier: MIT
// Which addresses to ask of two walkers: every leaf, and a sample of those where walkers go wrong.
#pragma once

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <pagewright/sweep.hpp>

#include "dice.hpp"

namespace oracle {

struct survey {
  std::uint64_t      leaves = 0;
  std::set<unsigned> sizes{};

  auto text() const -> std::string {
    auto s = std::to_string(leaves) + " leaves of";
    for (unsigned const lg2 : sizes) s += " 2^" + std::to_string(lg2);
    return s;
  }
};

/// Calls ask(va), which answers whether to go on, for the first address of every leaf and for `samples` more: at and
/// around the boundaries of leaves and holes, inside them, anywhere. `whole`: also addresses the format does not translate.
/// A reserved entry in the tables is a failure: nothing here was made to have one.
template <pagewright::handle H, class M, class Ask>
auto ask_everywhere(H h, pagewright::root from, M &memory, std::uint64_t samples, bool whole, dice &d, Ask &&ask)
    -> survey {
  using namespace pagewright;
  struct {
    std::vector<range> leaves, holes;
    survey             seen;
    void leaf(pagewright::leaf const &l) {
      leaves.push_back({l.input, {l.input.value + (l.bytes() - 1)}});
      seen.sizes.insert(l.lg2);
    }
    void hole(gap const &g) { holes.push_back(g.part); }
    void reserved(gap const &g) { ADD_FAILURE() << "reserved entry " << g.entry << " in slot " << g.slot.value; }
  } v;
  sweep(h, from, everything, memory, v);
  v.seen.leaves = v.leaves.size();
  if (v.leaves.empty() && v.holes.empty()) return v.seen;
  for (auto const &l : v.leaves)
    if (!ask(l.first.value)) return v.seen;

  auto const parts = translated_ranges(h);
  auto const inside = [&](u64 va) {
    return parts.part[0].contains({va}) || (parts.count > 1 && parts.part[1].contains({va}));
  };
  auto const somewhere = [&](range const &r) {
    return r.first.value + (r.bytes() == 0 ? d.word() : d.word() % r.bytes());
  };
  auto const at_or_near = [&](range const &r) {
    u64 const near[] = {r.first.value - 1, r.first.value, r.first.value + 1, r.last.value - 1, r.last.value,
                        r.last.value + 1, somewhere(r)};
    return near[d.below(7)];
  };
  for (u64 n = 0; n < samples;) {
    unsigned const kind = d.below(4);
    u64 const va = kind < 2 && !v.leaves.empty()  ? at_or_near(v.leaves[d.below(v.leaves.size())])
                 : kind == 2 && !v.holes.empty()  ? at_or_near(v.holes[d.below(v.holes.size())])
                 : whole && d.one_in(8)           ? d.word()
                                                  : somewhere(parts.part[d.below(parts.count)]);
    if (!whole && !inside(va)) continue;
    if (!ask(va)) return v.seen;
    ++n;
  }
  return v.seen;
}

}  // namespace oracle
