// SPDX-License-Identifier: MIT
// What a batch loads: no more than it must, and nothing that single walks would leave alone.
#include <gtest/gtest.h>

#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>

#include "mostly_good.hpp"

namespace {

using namespace batches;

template <class H, class M>
void run(H h, M const &memory, std::vector<input_address> const &at, spread s) {
  std::vector<destination> to(at.size());
  pagewright::translate(h, memory.top(), view<input_address const>{at.data(), at.size()},
                        view<destination>{to.data(), to.size()}, memory, s);
}

using four_levels = fixed<x86::x86_64_4level>;

TEST(a_batch, loads_one_entry_an_address_while_the_leaf_table_stays_the_same) {
  std::vector<input_address> at;
  for (u64 i = 0; i < 512; ++i) at.push_back({0x7fff'0000'0000 + 4096 * i});
  for (auto const s : {spread::clustered, spread::unknown}) {
    mostly_good const memory{x86::x86_64_4level, 0, 1};
    run(four_levels{}, memory, at, s);
    EXPECT_EQ(memory.loads, 3u + 512u);
  }
}

TEST(a_batch, begins_at_the_level_where_the_address_differs) {
  struct {
    u64 first, second;
    u64 loads;
  } const cases[]{{0x1000, 0x1fff, 1}, {0x1000, 0x2000, 1}, {0x1f'f000, 0x20'0000, 2}, {0x3fff'ffff, 0x4000'0000, 3},
                  {0x7f'ffff'ffff, 0x80'0000'0000, 4}, {0x7fff'ffff'ffff, 0xffff'8000'0000'0000, 4}};
  for (auto const &c : cases) {
    mostly_good const memory{x86::x86_64_4level, 0, 2};
    run(four_levels{}, memory, {{c.first}, {c.second}}, spread::clustered);
    EXPECT_EQ(memory.loads, 4 + c.loads) << std::hex << c.first << " then " << c.second;
  }
}

TEST(a_batch, loads_once_a_level_where_addresses_are_scattered_and_all_is_ordinary) {
  for (auto const s : {spread::scattered, spread::unknown}) {
    mostly_good const memory{x86::x86_64_4level, 0, 3};
    run(four_levels{}, memory, addresses(x86::x86_64_4level, lie::anywhere, 1000, 4), s);
    EXPECT_EQ(memory.loads, 4000u);
  }
}

TEST(a_batch, loads_at_most_twice_what_single_walks_load) {
  for (u64 const odd : {2u, 8u, 100u, 2000u})
    for (lie const how : lies)
      for (auto const s : {spread::unknown, spread::clustered, spread::scattered}) {
        auto const  at = addresses(x86::x86_64_4level, how, 1000, 5);
        mostly_good one{x86::x86_64_4level, odd, 6}, many{x86::x86_64_4level, odd, 6};
        one.remember = many.remember = true;
        for (auto const a : at) static_cast<void>(walk(four_levels{}, one.top(), a, one));
        run(four_levels{}, many, at, s);
        EXPECT_LE(many.loads, 2 * one.loads) << text(how) << ", one entry odd in " << odd;
        for (u64 const slot : many.seen)
          EXPECT_TRUE(one.seen.contains(slot)) << "loads 0x" << std::hex << slot << ", which no single walk does; " << text(how)
                                               << ", one entry odd in " << std::dec << odd;
      }
}

/// Notes what it is told to prefetch.
struct prefetching : mostly_good {
  using mostly_good::mostly_good;

  void prefetch(output_address a) const { prefetched.insert(a.value); }

  mutable std::set<u64> prefetched;
};

TEST(a_batch, prefetches_slots_of_leaf_tables_that_it_loads_afterwards) {
  for (u64 const odd : {0u, 100u}) {
    prefetching memory{x86::x86_64_4level, odd, 9};
    memory.remember = true;
    auto const at = addresses(x86::x86_64_4level, lie::anywhere, 512, 10);
    run(four_levels{}, memory, at, spread::scattered);
    if (odd == 0) { EXPECT_EQ(memory.prefetched.size(), 512u); }
    for (u64 const slot : memory.prefetched)
      EXPECT_TRUE(memory.seen.contains(slot) && (slot >> 20 & 7) == 0)
          << "prefetches 0x" << std::hex << slot << ", one entry odd in " << std::dec << odd;
  }
}

TEST(a_batch, walks_alone_for_a_while_where_groups_keep_failing) {
  mostly_good one{x86::x86_64_4level, 2, 7}, many{x86::x86_64_4level, 2, 7};
  auto const  at = addresses(x86::x86_64_4level, lie::anywhere, 20000, 8);
  for (auto const a : at) static_cast<void>(walk(four_levels{}, one.top(), a, one));
  run(four_levels{}, many, at, spread::scattered);
  EXPECT_LT(many.loads, one.loads + one.loads / 8);
}

}  // namespace
