// SPDX-License-Identifier: MIT
// Whatever the tables hold, a sweep says of every address what a walk says of it.
#include "scene.hpp"

namespace trial {
namespace {

class sweep_of_every_format : public testing::TestWithParam<entrant> {};

/// Everything a sweep says, part by part.
struct report {
  struct part {
    u64          first, last;
    bool         maps;
    leaf         what;
    fault_reason why;
  };
  std::vector<part> parts;

  void leaf(pagewright::leaf const &l) { parts.push_back({l.input.value, l.input.value | (l.bytes() - 1), true, l, {}}); }
  void hole(gap const &g) { parts.push_back({g.part.first.value, g.part.last.value, false, {}, g.why}); }
  void reserved(gap const &g) { parts.push_back({g.part.first.value, g.part.last.value, false, {}, fault_reason::reserved}); }
  void unreadable(gap const &g) { parts.push_back({g.part.first.value, g.part.last.value, false, {}, fault_reason::unreadable}); }
};

/// The scene's memory, and none where it ends: garbled entries lead anywhere.
struct within_store {
  direct_map memory;

  auto load(output_address a, word w) const -> std::optional<u64> {
    return a.value < u64{1024} << 16 ? memory.load(a, w) : std::nullopt;
  }
};

TEST_P(sweep_of_every_format, a_sweep_over_garbled_tables_agrees_with_walks_at_every_part) {
  auto const    &f      = *GetParam().description;
  unsigned const rounds = static_cast<unsigned>(100 * test_size()) + 10;
  for (unsigned seed = 0; seed < rounds; ++seed) {
    scene<exclusive> s{f};
    std::mt19937_64  dice{seed};
    auto const       may   = *least_rights(s.h, rights::kernel_rw);
    unsigned const   grain = f.levels[0].shift;
    u64 const        at    = low_address(f);
    range const      all{{at}, {at + (u64{2} << (f.levels[1].shift)) - 1}};
    // Whole tables of single leaves and of runs, one leaf above, and then some bits turned over.
    u64 const slots = bit(f.levels[0].index_bits);
    ASSERT_TRUE(s.space.map({{at}, {at + (slots << grain) - 1}}, {0x4000'0000}, {.allow = may, .type = f.types[0]}, s.owed,
                            {.largest_lg2 = static_cast<u8>(grain + (f.levels[0].index_bits < 7 ? 5 : 7)), .runs = seed % 2 == 0}));
    within_store const within{s.memory};
    for (int i = 0; i < 12; ++i) {
      u64 const page = at + (dice() % 40 << grain);
      step found{};  // the last that can be read
      (void)walk(s.h, root{}, {page}, within, [&](step const &one) { found = one; });
      auto const bits = 8u * f.entry_bytes;
      u64 entry = found.entry ^ bit(static_cast<unsigned>(dice() % bits));
      if (dice() % 4 == 0) entry ^= bit(static_cast<unsigned>(dice() % bits));
      s.memory.store(found.slot, f.word(), entry);
    }
    report r;
    sweep(s.h, root{}, all, within, r);
    for (auto const &part : r.parts)
      for (u64 const probe : {part.first, part.last, part.first + (dice() % (part.last - part.first + 1))}) {
        if (probe < all.first.value || probe > all.last.value) continue;
        auto const t = walk(s.h, root{}, {probe}, within);
        ASSERT_EQ(t.has_value() || t.error().why == fault_reason::not_accessed, part.maps)
          << "seed " << seed << ", address " << std::hex << probe;
        if (t && part.maps) {
          ASSERT_EQ(t->address.value, part.what.output.value + (probe - part.first)) << "seed " << seed << ", address " << std::hex << probe;
          ASSERT_EQ(t->effective, part.what.effective) << "seed " << seed << ", address " << std::hex << probe;
        }
      }
    make_empty(s.h, s.h.top(), {0}, s.memory);  // the tables are garbage: nothing to unmap
  }
}

INSTANTIATE_TEST_SUITE_P(formats, sweep_of_every_format, testing::ValuesIn(all_formats()),
                         entrant_name);

}  // namespace
}  // namespace trial
