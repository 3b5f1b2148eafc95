// SPDX-License-Identifier: MIT
// page-walker: mapping, changing and unmapping ranges (S42, S43, S45, S50..S54), and the defects of it (D5, D6, D8,
// D10).
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr attributes rw{.allow = rights::kernel_rw};

}  // namespace

TEST(page_walker, S42_S51_map_never_skips_what_is_mapped) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x2000, 4 * K), {0xabc000}, rw, m.owed)));
  auto const before = m.picture();
  auto const taken  = m.space.map(span_of(0x1000, 0x3000), {0x50'0000}, rw, m.owed);
  ASSERT_EQ(why(taken), error_reason::occupied) << "page-walker maps 0x3000 to 0x501000";
  EXPECT_EQ(taken.error().at.value, 0x2000u);
  EXPECT_EQ(m.picture(), before);
  EXPECT_TRUE(done(m.space.map(span_of(0x3000, 0x3000), {0x50'2000}, rw, m.owed)));
  EXPECT_EQ(m.leads(0x5000), 0x50'4000u);
}

TEST(page_walker, S42_map_refuses_what_would_put_address_bits_into_flags_or_drop_them) {
  machine    m{x86::x86_64_4level};
  auto const before = m.picture();
  EXPECT_EQ(why(m.space.map(span_of(0x1000, 4 * K), {0x50'0067}, rw, m.owed)), error_reason::misaligned);
  EXPECT_EQ(why(m.space.map(span_of(0x1234, 4 * K), {0x50'0000}, rw, m.owed)), error_reason::misaligned);
  EXPECT_EQ(why(m.space.map(span_of(u64{1} << 48, 4 * K), {0}, rw, m.owed)), error_reason::outside_input)
      << "page-walker drops bit 48 and maps page 0";
  EXPECT_EQ(why(m.space.map(span_of(0, 4 * K), {bit(52)}, rw, m.owed)), error_reason::too_wide);
  EXPECT_EQ(m.picture(), before);
  EXPECT_EQ(m.frames.out(), 1u);
}

TEST(page_walker, S43_S52_protect_by_masks_changes_just_the_covered_part_of_a_large_page) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {4 * M}, rw, m.owed)));
  u64 const large = m.entry(2 * M);
  EXPECT_TRUE(done(m.space.modify(
      span_of(2 * M + 0x1000, 4 * K), [](leaf const &) { return bit_change{.clear = x86::rw, .set = bit(9)}; },
      m.owed)));
  u64 const small = large & ~x86::ps;
  EXPECT_EQ(m.entry(2 * M), small) << "as it was, but a small page now";
  EXPECT_EQ(m.entry(2 * M + 0x1000), ((small + 0x1000) & ~x86::rw) | bit(9)) << "page-walker changes all of it";
  EXPECT_EQ(m.entry(2 * M + 0x2000), small + 0x2000);
  EXPECT_EQ(m.entry(4 * M - 1), small + 0x1f'f000);
}

TEST(page_walker, S43_masks_that_touch_address_or_kind_are_refused_and_not_silently_trimmed) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 0x2000), {0x50'0000}, rw, m.owed)));
  auto const before = m.picture();
  for (auto const change : {bit_change{.set = bit(12)}, bit_change{.clear = x86::p}}) {
    auto const bad = m.space.modify(
        span_of(0x1000, 0x2000), [=](leaf const &) { return change; }, m.owed);
    ASSERT_EQ(why(bad), error_reason::fixed_bits);
    EXPECT_EQ(bad.error().at.value, 0x1000u);
  }
  EXPECT_EQ(m.picture(), before);
}

TEST(page_walker, S43_protect_by_rights_passes_over_holes) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x50'0000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.protect(span_of(0, 256 * T / 2), rights::kernel_rx, m.owed)));
  EXPECT_EQ(m.query(0x1000)->effective, rights::kernel_rx);
  EXPECT_EQ(m.tables(), 3u);
  EXPECT_EQ(m.bytes.strays(), 0u) << "page-walker reads and writes physical 0 over a hole";
}

TEST(page_walker, S45_S53_S54_unmap_gives_tables_back_or_keeps_them_as_asked) {
  for (auto const empty : {emptied::release, emptied::keep}) {
    machine m{x86::x86_64_4level};
    EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x50'0000}, rw, m.owed)));
    EXPECT_TRUE(done(m.space.unmap(span_of(0x1000, 4 * K), m.owed, half_covered::split, empty)));
    EXPECT_EQ(m.tables(), empty == emptied::keep ? 3u : 0u);
    EXPECT_EQ(why(m.query(0x1000)), fault_reason::absent);
    m.space.settle(m.owed);
    EXPECT_EQ(m.frames.out(), empty == emptied::keep ? 4u : 1u);
    EXPECT_TRUE(released_only_after_a_flush(m.log));
  }
}

TEST(page_walker, S50_tables_alone_are_stocked_beforehand_so_that_mapping_cannot_fail_for_want_of_them) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.reserve(span_of(0, 4 * M))));
  EXPECT_EQ(m.frames.out(), 1u + 1 + 1 + 2);
  EXPECT_EQ(m.tables(), 0u) << "none is linked before it is needed";
  m.frames.fail_after(0);
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 3 * M), {0}, rw, m.owed)));
  m.space.release_reserve();
  EXPECT_EQ(m.frames.out(), 1u + m.tables());
  m.frames.fail_after(-1);
  // Empty tables that are to be linked, for roots that share them: map there once.
  EXPECT_TRUE(done(m.space.map(span_of(1 * T, 4 * K), {0}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.unmap(span_of(1 * T, 4 * K), m.owed, half_covered::split, emptied::keep)));
  EXPECT_EQ(m.space.entry({1 * T}, 0)->entry, 0u) << "its table is there";
}

// --- what was wrong --------------------------------------------------------------------------------------------------

TEST(page_walker, D5_a_table_is_given_back_only_if_all_of_its_entries_are_gone) {
  machine m{x86::pae};
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {0x10'0000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(16 * M, 4 * K), {0x20'0000}, rw, m.owed)));
  EXPECT_EQ(m.tables(), 3u) << "a directory and two tables";
  EXPECT_TRUE(done(m.space.unmap(span_of(0, 4 * K), m.owed)));
  m.space.settle(m.owed);
  EXPECT_EQ(m.leads(16 * M), 0x20'0000u) << "page-walker looks at 4 of 512 entries and frees the directory";
  EXPECT_EQ(m.tables(), 2u);
  EXPECT_EQ(m.frames.out(), 3u);
  EXPECT_TRUE(done(m.space.unmap(span_of(16 * M, 4 * K), m.owed)));
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 1u);
}

TEST(page_walker, D6_large_pages_are_made_split_and_made_again) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(1 * G - 2 * M, 1 * G + 2 * M), {3 * G - 2 * M}, rw, m.owed)));
  EXPECT_EQ(m.query(1 * G - 1)->lg2, 21);
  EXPECT_EQ(m.query(1 * G)->lg2, 30);
  EXPECT_TRUE(done(m.space.split(span_of(1 * G, 2 * M), 12, m.owed)));
  EXPECT_EQ(m.query(1 * G)->lg2, 12);
  EXPECT_EQ(m.query(1 * G + 2 * M)->lg2, 21);
  EXPECT_EQ(m.leads(1 * G + 0x12'3456), 3 * G + 0x12'3456);
  EXPECT_TRUE(done(m.space.collapse(span_of(0, 4 * G), m.owed)));
  EXPECT_EQ(m.query(1 * G)->lg2, 30);
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 1u + m.tables());
  EXPECT_TRUE(done(m.space.unmap(span_of(1 * G + 0x3000, 4 * K), m.owed)));
  EXPECT_EQ(why(m.query(1 * G + 0x3fff)), fault_reason::absent);
  EXPECT_EQ(m.leads(1 * G + 0x2fff), 3 * G + 0x2fff) << "page-walker removes all of the gigabyte";
  EXPECT_EQ(m.leads(1 * G + 0x4000), 3 * G + 0x4000);
}

TEST(page_walker, D8_tables_are_published_before_they_are_linked_and_freed_after_the_flush) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x50'0000}, rw, m.owed)));
  auto const       root_slot = m.top.table.value;
  std::vector<u64> published;
  for (auto const &e : m.log)
    if (e.kind == event::published) published.push_back(e.address);
  ASSERT_EQ(published.size(), 4u);
  EXPECT_EQ(published.back(), root_slot) << "the slot that makes everything visible comes last";
  EXPECT_TRUE(m.owed.is_settled()) << "x86 holds no absent entries: a new mapping owes nothing";
  EXPECT_TRUE(done(m.space.unmap(span_of(0x1000, 4 * K), m.owed)));
  EXPECT_EQ(count_of(m.log, event::released), 0u);
  m.log.clear();
  m.space.settle(m.owed);
  std::string order;
  for (auto const &e : m.log) order += "pIASar"[e.kind];
  EXPECT_EQ(order, "IISrrr") << "the page, the tables over it; wait; then three tables";
}

TEST(page_walker, D10_frames_come_and_go_with_their_size_and_marks_can_be_asked_for) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 0x3000), {0x50'0000},
                               {.allow = rights::kernel_rw, .accessed = false, .dirty = false}, m.owed)));
  for (auto const &e : m.log) {
    if (e.kind == event::allocated) { EXPECT_EQ(e.bytes, 4 * K); }
  }
  auto const slot = m.space.entry({0x2000})->slot;
  m.put(slot, m.word(slot) | x86::a | x86::d);  // hardware's doing
  struct {
    std::vector<u64> dirty;
    void             leaf(leaf const &l) {
                  if (l.dirty) dirty.push_back(l.input.value);
    }
  } v;
  sweep(m.h, m.top, everything, m.memory, v);
  EXPECT_EQ(v.dirty, std::vector<u64>{0x2000});
}
