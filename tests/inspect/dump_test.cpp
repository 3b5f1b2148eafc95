// SPDX-License-Identifier: MIT
#include <random>

#include <gtest/gtest.h>

#include <inspect/walks.hpp>
#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/arm32.hpp>

#include "forged.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::forged;
using inspect::mapped_row;
using inspect::merging;
using inspect::repetition;

/// Tables 1..4 from the root down, at index 0 of each; table 4 holds leaves.
auto path_to_pages(std::size_t pages = 8) -> tables {
  tables t{pages};
  for (u64 n = 1; n < 4; ++n) t.link(n, 0, 0, n + 1);
  return t;
}

TEST(dump, merges_neighbours_that_continue_one_another_and_agree_in_everything) {
  auto t = path_to_pages();
  for (u64 i = 0; i < 4; ++i) t.put(4, i, (0x10'0000 + (i << 12)) | p | w | a);
  auto const k = dumped(t);
  ASSERT_EQ(k.rows.size(), 1u);
  EXPECT_EQ(k.rows[0].first.input.value, 0u);
  EXPECT_EQ(k.rows[0].bytes, 0x4000u);
  EXPECT_EQ(k.rows[0].first.output.value, 0x10'0000u);
  EXPECT_EQ(k.rows[0].first.effective, rights::kernel_rwx);
  EXPECT_EQ(k.totals.leaves, 4u);
}

TEST(dump, keeps_neighbours_apart_that_differ_in_anything) {
  u64 const differences[]{w, u, a, d, g, nx, bit(4), 0x20'0000};
  for (u64 const other : differences) {
    auto t = path_to_pages();
    t.put(4, 0, 0x10'0000 | p);
    t.put(4, 1, (0x10'1000 | p) ^ other);
    EXPECT_EQ(dumped(t).rows.size(), 2u) << "second entry differs by " << std::hex << other;
  }
}

TEST(dump, does_not_merge_across_a_hole) {
  auto t = path_to_pages();
  t.put(4, 0, 0x10'0000 | p);
  t.put(4, 2, 0x10'2000 | p);
  EXPECT_EQ(dumped(t).rows.size(), 2u);
  EXPECT_EQ(dumped(t, merged_by(merging::rights)).rows.size(), 2u);
}

TEST(dump, by_rights_says_only_what_all_leaves_share) {
  auto t = path_to_pages();
  t.put(4, 0, 0x10'0000 | p | a);
  t.put(4, 1, 0x30'0000 | p | a | d);
  t.put(4, 2, 0x40'0000 | p | a | w);
  auto const k = dumped(t, merged_by(merging::rights));
  ASSERT_EQ(k.rows.size(), 2u);
  EXPECT_EQ(k.rows[0].bytes, 0x2000u);
  EXPECT_FALSE(k.rows[0].has(mapped_row::output)) << "the pages are not contiguous";
  EXPECT_FALSE(k.rows[0].has(mapped_row::dirty)) << "one is dirty, one is not";
  EXPECT_TRUE(k.rows[0].has(mapped_row::accessed | mapped_row::page | mapped_row::own | mapped_row::type | mapped_row::global));
  EXPECT_EQ(k.rows[1].same, mapped_row::all);
}

TEST(dump, unmerged_has_a_row_for_every_leaf) {
  auto t = path_to_pages();
  for (u64 i = 0; i < 512; ++i) t.put(4, i, i << 12 | p);
  EXPECT_EQ(dumped(t, merged_by(merging::none)).rows.size(), 512u);
}

TEST(dump, reports_effective_rights_beside_those_of_the_leaf) {
  auto t = path_to_pages();
  t.link(2, 0, 0, 3, p | u | nx);                            // neither writing nor executing below
  t.put(4, 0, 0x10'0000 | p | w | u);
  auto const k = dumped(t);
  ASSERT_EQ(k.rows.size(), 1u);
  EXPECT_EQ(k.rows[0].first.own, rights::user_rwx | rights::kernel_rwx);
  EXPECT_EQ(k.rows[0].first.effective, rights::readers);
}

TEST(dump, keeps_a_large_leaf_apart_from_the_small_ones_that_continue_it) {
  auto t = path_to_pages();
  t.put(3, 1, 0x4000'0000 | p | ps);
  t.put(4, 511, 0x3fff'f000 | p);                            // ends where the large leaf begins, in both spaces
  auto const k = dumped(t);
  ASSERT_EQ(k.rows.size(), 2u);
  EXPECT_EQ(k.rows[0].first.bytes(), 0x1000u);
  EXPECT_EQ(k.rows[1].first.bytes(), 0x20'0000u);
  EXPECT_EQ(k.rows[1].first.level, 1u);
  auto const by_rights = dumped(t, merged_by(merging::rights));
  ASSERT_EQ(by_rights.rows.size(), 1u);
  EXPECT_FALSE(by_rights.rows[0].has(mapped_row::page));
  EXPECT_TRUE(by_rights.rows[0].has(mapped_row::output)) << "they are contiguous";
}

TEST(dump, shows_a_table_in_neighbouring_slots_once_with_count_and_stride) {
  auto t = path_to_pages();
  t.link(3, 4, 9, 4);                                        // six times the same page table
  t.link(3, 0, 0, 0, 0);
  t.put(4, 1, 0x10'0000 | p);
  t.put(4, 7, 0x20'0000 | p);
  auto const k = dumped(t);
  ASSERT_EQ(k.rows.size(), 2u) << "the two leaves of the table";
  for (auto const &r : k.rows) {
    EXPECT_EQ(r.repeats.settled().total(), 6u);
    ASSERT_EQ(r.repeats.settled().depth, 1u);
    EXPECT_EQ(r.repeats.settled().part[0].stride, 0x20'0000u);
  }
  EXPECT_EQ(k.rows[0].first.input.value, 4 * 0x20'0000u + 0x1000u);
  EXPECT_EQ(k.totals.leaves, 2u);

  inspect::dump_options all;
  all.expand_repeats = true;
  auto const expanded = dumped(t, all);
  ASSERT_EQ(expanded.rows.size(), 12u);
  for (auto const &r : expanded.rows) EXPECT_EQ(r.repeats.total(), 1u);
}

TEST(dump, shows_a_table_in_two_slots_that_grant_different_rights_twice) {
  auto t = path_to_pages();
  t.link(3, 0, 0, 4, any);
  t.link(3, 1, 1, 4, p | u);
  t.put(4, 0, 0x10'0000 | p | w);
  auto const k = dumped(t);
  ASSERT_EQ(k.rows.size(), 2u);
  EXPECT_EQ(k.rows[0].first.effective, rights::kernel_rwx);
  EXPECT_EQ(k.rows[1].first.effective, rights::kernel_rx);
}

TEST(dump, counts_repetitions_that_fill_one_another_as_one) {
  auto t = path_to_pages();
  t.link(1, 3, 4, 2);                                        // a shadow: everything leads to one page table
  t.link(1, 0, 0, 0, 0);
  t.link(2, 0, 511, 3);
  t.link(3, 0, 511, 4);
  for (u64 i = 0; i < 512; ++i) t.put(4, i, 0x10'0000 | p);
  auto const k = dumped(t, merged_by(merging::none));
  ASSERT_EQ(k.rows.size(), 512u);
  auto const r = k.rows[5].repeats.settled();
  ASSERT_EQ(r.depth, 1u);
  EXPECT_EQ(r.part[0].count, 2u * 512u * 512u);
  EXPECT_EQ(r.part[0].stride, 0x20'0000u);
}

TEST(dump, nests_repetitions_that_do_not_fill_one_another) {
  auto t = path_to_pages();
  t.link(2, 0, 3, 3);
  t.link(3, 2, 5, 4);
  t.link(3, 0, 0, 0, 0);
  t.put(4, 0, 0x10'0000 | p);
  auto const k = dumped(t);
  ASSERT_EQ(k.rows.size(), 1u);
  auto const r = k.rows[0].repeats.settled();
  ASSERT_EQ(r.depth, 2u);
  EXPECT_EQ(r.part[0].count, 4u);
  EXPECT_EQ(r.part[0].stride, u64{1} << 30);
  EXPECT_EQ(r.part[1].count, 4u);
  EXPECT_EQ(r.part[1].stride, u64{1} << 21);
}

TEST(dump, by_rights_makes_one_stretch_of_tables_that_repeat_without_gaps) {
  auto t = path_to_pages();
  t.link(3, 0, 511, 4);
  for (u64 i = 0; i < 512; ++i) t.put(4, i, 0x10'0000 | p);
  t.put(2, 1, 0x4000'0000 | p | ps);                         // a 1-Gbyte leaf with the same rights follows
  auto const k = dumped(t, merged_by(merging::rights));
  ASSERT_EQ(k.rows.size(), 1u);
  EXPECT_EQ(k.rows[0].bytes, u64{2} << 30);
  EXPECT_EQ(k.rows[0].repeats.total(), 1u);
  EXPECT_FALSE(k.rows[0].has(mapped_row::output));
}

TEST(dump, does_not_fold_across_the_non_canonical_hole) {
  auto t = path_to_pages();
  t.link(1, 0, 0, 0, 0);
  t.link(1, 255, 256, 2);
  t.put(4, 0, 0x10'0000 | p);
  auto const k = dumped(t);
  ASSERT_EQ(k.rows.size(), 2u);
  EXPECT_EQ(k.rows[0].first.input.value, 0x0000'7f80'0000'0000u);
  EXPECT_EQ(k.rows[1].first.input.value, 0xffff'8000'0000'0000u);
  EXPECT_EQ(k.rows[0].repeats.total(), 1u);
}

TEST(dump, names_a_missing_table_once_with_its_address_and_level) {
  auto t = path_to_pages();
  t.link(3, 5, 5, 0x7777);
  auto const k = dumped(t);
  ASSERT_EQ(k.blocks.size(), 1u);
  auto const &b = k.blocks[0];
  EXPECT_EQ(b.where.why, fault_reason::unreadable);
  EXPECT_EQ(b.where.part.first.value, 5 * 0x20'0000u);
  EXPECT_EQ(b.where.part.bytes(), 0x20'0000u) << "all of what the table would translate";
  EXPECT_EQ(b.table.value, 0x777'7000u);
  EXPECT_EQ(b.where.level, 0u);
  EXPECT_EQ(k.totals.unreadable, 1u);
}

TEST(dump, names_reserved_entries) {
  auto t = path_to_pages();
  t.put(3, 2, (0x4000'0000 | p | ps) + 0x2000);              // a bit of a large leaf's address that must be zero
  auto const k = dumped(t);
  ASSERT_EQ(k.blocks.size(), 1u);
  EXPECT_EQ(k.blocks[0].where.why, fault_reason::reserved);
  EXPECT_EQ(k.blocks[0].where.entry, 0x4000'2081u);
  EXPECT_EQ(k.blocks[0].table.value, 0x3000u);
  EXPECT_EQ(k.totals.reserved, 1u);
}

TEST(dump, shows_only_what_the_filter_wants) {
  auto t = path_to_pages();
  t.put(4, 0, 0x10'0000 | p | w);
  t.put(4, 1, 0x11'0000 | p | u | nx);
  t.put(3, 1, 0x4000'0000 | p | ps | nx);
  auto const only = [&](auto set) {
    inspect::dump_options o;
    set(o.wanted);
    return dumped(t, o).rows;
  };
  EXPECT_EQ(only([](auto &) {}).size(), 3u);
  EXPECT_EQ(only([](auto &f) { f.reach = inspect::side::user; }).size(), 1u);
  EXPECT_EQ(only([](auto &f) { f.reach = inspect::side::kernel_only; }).size(), 2u);
  EXPECT_EQ(only([](auto &f) { f.page = 0x20'0000; }).size(), 1u);
  EXPECT_EQ(only([](auto &f) { f.min_page = 0x1001; }).size(), 1u);
  EXPECT_EQ(only([](auto &f) { f.allowed = *inspect::parse_rights("wx", 0); }).size(), 1u);
  auto const touched = only([](auto &f) { f.within = {{0x20'3000}, {0x20'3fff}}; });
  ASSERT_EQ(touched.size(), 1u);
  EXPECT_EQ(touched[0].bytes, 0x20'0000u) << "a leaf that overlaps the range is shown whole";
}

TEST(dump, folds_only_the_slots_that_lie_wholly_in_the_range) {
  auto t = path_to_pages();
  t.link(3, 0, 7, 4);
  t.put(4, 0, 0x10'0000 | p);
  t.put(4, 511, 0x20'0000 | p);
  inspect::dump_options o;
  o.wanted.within = {{0x20'0000}, {4 * 0x20'0000u + 0xfff}}; // slots 1 to 3, and the first page of slot 4
  auto const k = dumped(t, o);
  ASSERT_EQ(k.rows.size(), 3u);
  EXPECT_EQ(k.rows[0].repeats.total(), 3u);
  EXPECT_EQ(k.rows[2].first.input.value, 4 * 0x20'0000u);
  EXPECT_EQ(k.rows[2].repeats.total(), 1u);
}

TEST(dump, stops_at_the_limit_and_says_so) {
  auto t = path_to_pages();
  for (u64 i = 0; i < 10; ++i) t.put(4, 2 * i, i << 12 | p);
  auto o  = inspect::dump_options{};
  o.limit = 4;
  auto const k = dumped(t, o);
  EXPECT_EQ(k.rows.size(), 4u);
  EXPECT_TRUE(k.totals.truncated);
  o.limit = 10;
  EXPECT_FALSE(dumped(t, o).totals.truncated) << "exactly as many as there are";
}

TEST(dump, counts_what_leads_nowhere_against_the_limit_and_says_its_whole_length) {
  auto t = path_to_pages();
  t.link(3, 0, 0, 0, 0);
  for (u64 i = 2; i < 5; ++i) t.put(3, i, (0x4000'0000 | p | ps) + 0x2000);  // three slots, one item
  t.put(3, 7, 0x4000'0000 | p | ps);
  auto o  = inspect::dump_options{};
  o.limit = 1;
  auto const cut = dumped(t, o);
  ASSERT_EQ(cut.blocks.size(), 1u);
  EXPECT_EQ(cut.blocks[0].where.part.bytes(), 3 * 0x20'0000u) << "what is listed is not cut off";
  EXPECT_TRUE(cut.rows.empty());
  EXPECT_TRUE(cut.totals.truncated);

  t.put(3, 7, 0);
  EXPECT_FALSE(dumped(t, o).totals.truncated) << "exactly as many as there are";
  o.limit = 0;
  auto const none = dumped(t, o);
  EXPECT_TRUE(none.blocks.empty());
  EXPECT_EQ(none.totals.reserved, 0u);
  EXPECT_TRUE(none.totals.truncated);
}

TEST(dump, by_rights_spends_the_limit_in_ascending_order) {
  auto t = path_to_pages();
  t.put(4, 0, 0x10'0000 | p);
  t.link(3, 1, 1, 0x7777);
  auto o  = merged_by(merging::rights);
  o.limit = 1;
  auto const k = dumped(t, o);
  EXPECT_EQ(k.rows.size(), 1u);
  EXPECT_TRUE(k.blocks.empty()) << "the missing table comes after the page";
  EXPECT_TRUE(k.totals.truncated);
}

TEST(dump, stops_when_what_receives_it_fails) {
  auto t = path_to_pages();
  for (u64 i = 0; i < 100; ++i) t.put(4, 2 * i, i << 12 | p);
  struct : kept {
    auto failed() const -> bool { return rows.size() >= 3; }
  } sink;
  auto const memory = t.memory();
  auto const totals = inspect::dump(x86_machine(), memory, {}, sink);
  EXPECT_EQ(sink.rows.size(), 3u);
  EXPECT_LT(totals.leaves, 10u);
}

TEST(dump, counts_the_root_among_the_tables) {
  auto t = path_to_pages();
  t.put(4, 0, 0x10'0000 | p);
  EXPECT_EQ(dumped(t).totals.tables, 4u);
}

TEST(dump, shows_the_views_of_a_machine_one_after_another) {
  auto t = path_to_pages();
  t.put(4, 0, 0x10'0000 | p);
  auto m = x86_machine();
  m.views.push_back(m.views[0]);
  m.views[1].label = "second";
  auto const k = dumped(t, {}, m);
  EXPECT_EQ(k.views, (std::vector<std::string>{"CR3", "second"}));
  EXPECT_EQ(k.rows.size(), 2u);
}

TEST(dump, does_not_take_two_small_tables_in_one_page_for_one) {
  // Short descriptors of Arm: second-level tables of 1 Kbyte. The first holds nothing, the second a page.
  inspect::machine m;
  m.views.push_back({"TTBR0", arm32::short_32, {{0x4000}, 0}});
  tables     t{16};
  auto const put = [&](u64 at, u64 entry) { byte_memory{t.bytes, {0}}.store({at}, arm32::short_32.word(), entry); };
  put(0x4000, 0x8001);                                       // slot 0: the table at 8000
  put(0x4008, 0x8401);                                       // slot 2: the table at 8400
  put(0x8400, 0x12345c3e);
  auto const k = dumped(t, {}, m);
  ASSERT_EQ(k.rows.size(), 1u);
  EXPECT_EQ(k.rows[0].first.input.value, 0x20'0000u);
  EXPECT_EQ(k.totals.tables, 3u);
}

TEST(dump, finds_a_table_reached_past_skipped_levels_wherever_it_hangs) {
  inspect::machine m;
  m.views.push_back({"DTE", amdvi::v1_4level, {{0x1000}, 0}});
  tables     t{8};
  auto const put = [&](u64 at, u64 entry) { byte_memory{t.bytes, {0}}.store({at}, amdvi::v1_4level.word(), entry); };
  for (u64 n = 1; n < 4; ++n) put(0x1000 + 8 * n, 0x6000000000002201);  // L4 leads to one L1 table, three times
  put(0x2028, 0x6000000001234001);
  auto const k = dumped(t, {}, m);
  ASSERT_EQ(k.rows.size(), 3u);
  for (u64 n = 0; n < 3; ++n) EXPECT_EQ(k.rows[n].first.input.value, ((n + 1) << 39) + 0x5000);
}

TEST(dump, shows_of_a_view_only_what_it_translates) {
  auto m = x86_machine();
  tables t{5};
  for (u64 n = 1; n < 4; ++n) t.link(n, 0, 0, n + 1);
  for (u64 i = 0; i < 4; ++i) t.put(4, i, 0x10'0000 * i | p);
  m.views[0].part = {{0x1000}, {0x2fff}};
  auto const k    = dumped(t, {}, m);
  ASSERT_EQ(k.rows.size(), 2u);
  EXPECT_EQ(k.rows[0].first.input.value, 0x1000u);
  EXPECT_EQ(k.rows[1].first.input.value, 0x2000u);
  inspect::dump_options outside;
  outside.wanted.within = {{0x3000}, {0x3fff}};
  EXPECT_TRUE(dumped(t, outside, m).rows.empty());
}

// Each level hangs twice in alternation in all slots of the level above: 2^27 page tables, but only eight in memory.
TEST(dump, visits_what_holds_nothing_wanted_once_however_often_it_hangs) {
  tables t{12};
  for (u64 i = 0; i < 512; ++i) {
    t.link(1, i, i, 2 + i % 2);
    for (u64 const table : {2u, 3u}) t.link(table, i, i, 4 + i % 2);
    for (u64 const table : {4u, 5u}) t.link(table, i, i, 6 + i % 2);
    for (u64 const table : {6u, 7u}) t.put(table, i, i << 12 | p);
  }
  inspect::dump_options o;
  o.wanted.reach = inspect::side::user;                      // there is nothing a user could reach
  auto const k = dumped(t, o);
  EXPECT_TRUE(k.rows.empty());
  EXPECT_LT(k.totals.tables, 100u);
}

// Tables that link to one another at random, cycles and all: whatever is reported must be what a walk finds.
TEST(dump, agrees_with_walks_of_random_tables_however_it_merges_and_folds) {
  std::mt19937_64 random{20'231'121};
  auto const      below = [&](u64 n) { return random() % n; };
  u64             compared = 0;
  for (unsigned round = 0; round < 40; ++round) {
    constexpr u64 pages = 10;
    tables        t{pages};
    for (u64 table = 1; table < pages; ++table)
      for (u64 n = 0; n < 3; ++n) {
        u64 const first = below(500), next = 1 + below(pages + 1);   // some lie beyond the memory
        u64 const bits  = p | (below(4) == 0 ? 0 : w) | (below(3) == 0 ? 0 : u) | (below(5) == 0 ? nx : 0);
        for (u64 i = 0; i <= below(12); ++i)
          t.put(table, first + i, bits | (next + (below(2) == 0 ? 0 : i)) << 12 | (below(6) == 0 ? ps : 0));
      }
    auto const        m      = x86_machine();
    auto const        memory = t.memory();
    std::vector<u64>  probes;
    for (auto const how : {merging::phys, merging::rights, merging::none}) {
      auto o  = merged_by(how);
      o.limit = 20'000;
      auto const k = dumped(t, o);
      for (std::size_t n = 0; n < k.rows.size(); n += 1 + k.rows.size() / 200) {
        auto const &r  = k.rows[n];
        u64         at = r.first.input.value + below(r.bytes);
        for (unsigned i = 0; i < r.repeats.depth; ++i) at += below(r.repeats.part[i].count) * r.repeats.part[i].stride;
        auto const found = inspect::explain(m, memory, {at}).outcome;
        ASSERT_TRUE(found) << "round " << round << ": " << std::hex << at << " was reported, but does not translate";
        EXPECT_EQ(found->effective, r.first.effective);
        if (r.has(mapped_row::output)) {
          EXPECT_EQ(found->address.value, r.first.output.value + *offset_in(r.first.input.value, r.bytes, r.repeats, at));
        }
        if (r.has(mapped_row::page)) {
          EXPECT_EQ(found->lg2, r.first.lg2);
        }
        if (r.has(mapped_row::own)) {
          EXPECT_EQ(found->own, r.first.own);
        }
        probes.push_back(at);
        ++compared;
      }
      if (k.totals.truncated) continue;
      for (u64 const at : probes) {
        u64 hits = 0;
        for (auto const &r : k.rows) hits += offset_in(r.first.input.value, r.bytes, r.repeats, at).has_value();
        ASSERT_EQ(hits, 1u) << "round " << round << ": " << std::hex << at << " must lie in exactly one row";
      }
    }
  }
  EXPECT_GT(compared, 2'000u) << "the tables lead almost nowhere: nothing much was compared";
}

}  // namespace
