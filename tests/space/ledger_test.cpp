// SPDX-License-Identifier: MIT
// Contracts 4, 6 and 7: nothing is freed or written before it is flushed; a table is filled before it is linked; marks
// that hardware makes are kept.
#include "fixture.hpp"

namespace trial {
namespace {

using space_of_house = house<x86::x86_64_4level, dynamic>;

/// Counts what a ledger asks of the caches.
struct counting_cache {
  unsigned published = 0, invalidated = 0, all = 0, synced = 0;
  constexpr void publish(output_address, u64) noexcept { ++published; }
  constexpr void invalidate(stale const &) noexcept { ++invalidated; }
  constexpr void invalidate_all() noexcept { ++all; }
  constexpr void sync() noexcept { ++synced; }
};

}  // namespace

// --- what does not compile ----------------------------------------------------------------------------------------

template <class Ledger>
concept gives_up_tables_unpaid = requires(Ledger &l, fixed<x86::x86_64_4level> h, byte_memory &m, frame_pool<64> &f) {
  l.release(h, m, f);
};
static_assert(!gives_up_tables_unpaid<ledger>, "a ledger must be paid before its tables can be released");
static_assert(!std::is_copy_constructible_v<ledger> && !std::is_copy_assignable_v<ledger>, "an obligation is not duplicated");
static_assert(std::is_move_constructible_v<ledger>, "but it can be handed on");
using paid = decltype(std::declval<ledger &>().pay(std::declval<not_in_use &>()));
static_assert(gives_up_tables_unpaid<paid>, "what paying yields can");
static_assert(!std::is_default_constructible_v<paid>, "and there is no other way to one");
static_assert(!std::is_copy_constructible_v<paid>);
static_assert(!std::is_constructible_v<paid, ledger &>, "not even from a ledger");

// --- tables come back only after the ledger is settled ------------------------------------------------------------

TEST(ledger, holds_the_tables_that_were_cut_off_until_it_is_settled) {
  space_of_house place;
  counting_cache cache;
  address_space space{place.h, place.top, place.memory, place.frames, cache};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(0, 4 * K), {0}, rw<x86::x86_64_4level>(), owed));
  EXPECT_TRUE(owed.is_settled()) << "x86 caches no absent entries: a new mapping owes nothing";
  ASSERT_TRUE(space.unmap(span_of(0, 4 * K), owed));
  EXPECT_EQ(place.counted.out(), 4u) << "unlinked, but not released";
  EXPECT_FALSE(owed.is_settled());
  EXPECT_EQ(cache.invalidated + cache.all + cache.synced, 0u);
  space.settle(owed);
  EXPECT_EQ(place.counted.out(), 1u);
  EXPECT_GE(cache.invalidated, 1u);
  EXPECT_EQ(cache.synced, 1u);
  EXPECT_TRUE(owed.is_settled());
}

TEST(ledger, paying_invalidates_and_waits_before_it_yields_the_tables) {
  space_of_house place;
  counting_cache cache;
  address_space space{place.h, place.top, place.memory, place.frames, cache};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(0, 4 * K), {0}, rw<x86::x86_64_4level>(), owed));
  ASSERT_TRUE(space.unmap(span_of(0, 4 * K), owed));
  {
    auto tables = owed.pay(cache);
    EXPECT_GE(cache.invalidated, 1u);
    EXPECT_EQ(cache.synced, 1u);
    EXPECT_EQ(place.counted.out(), 4u);
    tables.release(place.h, place.memory, place.frames);
  }
  EXPECT_EQ(place.counted.out(), 1u);
}

TEST(ledger, a_large_range_is_owed_as_one_extent) {
  space_of_house place;
  address_space space{place.h, place.top, place.memory, place.frames, place.cache};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(0, 8 * M), {0}, rw<x86::x86_64_4level>(), owed, {.largest_lg2 = 12}));
  ASSERT_TRUE(space.protect(span_of(0, 8 * M), *least_rights(place.h, rights::kernel_ro), owed));
  ASSERT_EQ(owed.extents().size(), 1u);
  EXPECT_EQ(owed.extents()[0], (stale{{{0}, {8 * M - 1}}, 12, false}));
  space.settle(owed);
}

TEST(ledger, when_extents_overflow_everything_is_stale) {
  basic_ledger<2, 2> owed;
  counting_cache     cache;
  for (u64 i = 0; i < 3; ++i) owed.owe({span_of(i * M, 4 * K), 12, false});
  EXPECT_TRUE(owed.all_stale());
  EXPECT_FALSE(owed.is_settled());
  space_of_house place;
  owed.pay(cache).release(place.h, place.memory, place.frames);
  EXPECT_EQ(cache.all, 1u);
  EXPECT_EQ(cache.invalidated, 0u);
  EXPECT_EQ(cache.synced, 1u);
}

TEST(ledger, when_tables_overflow_it_is_paid_in_between) {
  space_of_house place;
  counting_cache cache;
  address_space space{place.h, place.top, place.memory, place.frames, cache};
  basic_ledger<8, 1> owed;
  for (u64 i = 0; i < 3; ++i) ASSERT_TRUE(space.map(span_of(i * 512 * G, 4 * K), {0}, rw<x86::x86_64_4level>(), owed));
  ASSERT_TRUE(space.unmap(span_of(0, 128 * T), owed));
  EXPECT_EQ(owed.tables().size(), 1u);
  EXPECT_EQ(cache.synced, 2u) << "each time before a table was released";
  EXPECT_EQ(place.counted.out(), 4u);
  space.settle(owed);
  EXPECT_EQ(place.counted.out(), 1u);
  EXPECT_TRUE(place.counted.is_clean());
}

TEST(ledger, moves_its_obligations_and_keeps_none) {
  ledger a;
  a.owe({span_of(0, 4 * K), 12, false});
  a.retire({{0x1000}, 0});
  ledger b{std::move(a)};
  EXPECT_TRUE(a.is_settled());  // NOLINT(bugprone-use-after-move): that is the claim
  EXPECT_EQ(b.extents().size(), 1u);
  EXPECT_EQ(b.tables().size(), 1u);
  a = std::move(b);
  EXPECT_FALSE(a.is_settled());
  not_in_use cache;
  frame_pool<1> nowhere{{0x10'0000}};
  std::vector<u8> none;
  byte_memory memory{none, {0}};
  a.pay(cache).release(fixed<x86::x86_64_4level>{}, memory, nowhere);
}

TEST(ledger, merges_extents_that_touch_and_says_no_less) {
  ledger owed;
  owed.owe({span_of(0x3000, 4 * K), 12, false});
  owed.owe({span_of(0x1000, 4 * K), 12, false});
  owed.owe({span_of(0x2000, 4 * K), 12, false});
  for (u64 const at : {u64{0x1000}, u64{0x2000}, u64{0x3fff}}) {
    bool covered = false;
    for (auto const &s : owed.extents()) covered |= s.input.contains({at});
    EXPECT_TRUE(covered) << "0x" << std::hex << at;
  }
  owed.owe({{{~u64{0} - 4 * K + 1}, {~u64{0}}}, 12, false});
  owed.owe({span_of(0, 4 * K), 12, false});
  for (auto const &s : owed.extents()) EXPECT_LE(s.input.first, s.input.last) << "nothing wraps round the top of the space";
  not_in_use cache;
  space_of_house place;
  owed.pay(cache).release(place.h, place.memory, place.frames);
}

#if !defined(NDEBUG) && GTEST_HAS_DEATH_TEST
namespace {

void forget_an_extent() {
  ledger owed;
  owed.owe({span_of(0, 4 * K), 12, false});
}
void forget_a_table() {
  ledger owed;
  owed.retire({{0x1000}, 0});
}
void overwrite_a_debt() {
  ledger owed, other;
  owed.owe({span_of(0, 4 * K), 12, false});
  owed = std::move(other);
}
void drop_tables_that_were_paid_for() {
  ledger     owed;
  not_in_use cache;
  owed.retire({{0x1000}, 0});
  (void)owed.pay(cache);
}

}  // namespace

TEST(ledger_death_test, forgetting_a_debt_stops_a_debug_build_where_it_happens) {
  EXPECT_DEATH(forget_an_extent(), "");
  EXPECT_DEATH(forget_a_table(), "");
  EXPECT_DEATH(overwrite_a_debt(), "");
}
TEST(ledger_death_test, forgetting_tables_that_were_paid_for_stops_a_debug_build) {
  EXPECT_DEATH(drop_tables_that_were_paid_for(), "");
}
#endif

// --- filled before linked -----------------------------------------------------------------------------------------

TEST(filled_before_linked, a_large_mapping_is_published_with_one_store) {
  // Guards write<true> in map.hpp: 8 MiB of 4 KiB pages in five new tables, seen by a walker through one store.
  space_of_house place;
  models::recorded_memory<byte_memory, 64> memory{place.memory};
  address_space space{place.h, place.top, memory, place.frames, place.cache};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(512 * G, 8 * M), {4 * K}, rw<x86::x86_64_4level>(), owed));
  unsigned visible = 0;
  u64      before_link = ~u64{0}, n = 0;
  for (auto const &w : memory.log().writes()) {
    if (w.at.value >= place.top.table.value && w.at.value < place.top.table.value + 4 * K) ++visible, before_link = n;
    ++n;
  }
  EXPECT_EQ(visible, 1u) << "stores to the table that hardware can already see";
  EXPECT_EQ(before_link, n - 1) << "and it is the last of all";
  EXPECT_FALSE(memory.log().overflowed());
  EXPECT_EQ(space.query({512 * G + 8 * M - 1})->address, output_address{8 * M + 4 * K - 1});
}

TEST(filled_before_linked, new_tables_hold_nothing_but_what_was_mapped) {
  space_of_house place;  // its frames come filled with garbage
  address_space space{place.h, place.top, place.memory, place.frames, place.cache};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(20 * K, 4 * K), {0}, rw<x86::x86_64_4level>(), owed));
  struct {
    unsigned leaves = 0, odd = 0;
    void leaf(pagewright::leaf const &) { ++leaves; }
    void reserved(gap const &) { ++odd; }
  } v;
  sweep(place.h, place.top, everything, place.memory, v);
  EXPECT_EQ(v.leaves, 1u);
  EXPECT_EQ(v.odd, 0u);
}

// --- marks --------------------------------------------------------------------------------------------------------

namespace {

constexpr auto set_a_and_d = [](output_address, u64 entry) { return (entry & x86::p) != 0 ? entry | x86::a | x86::d : entry; };
using marking = models::marking_memory<byte_memory, decltype(set_a_and_d)>;
constexpr attributes clean{.allow = rights::kernel_rw | rights::kernel_execute, .accessed = false, .dirty = false};

}  // namespace

TEST(hardware_marks, none_is_lost_when_the_address_space_is_marked_by_hardware) {
  space_of_house place{0};
  marking memory{place.memory, set_a_and_d};
  address_space space{place.h, place.top, memory, place.frames, place.cache, marked_by_hardware{}};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(0, 8 * K), {0}, clean, owed));
  ASSERT_TRUE(space.map(span_of(2 * M, 2 * M), {2 * M}, clean, owed));
  ASSERT_TRUE(space.protect(span_of(0, 4 * K), rights::kernel_rx, owed));
  EXPECT_TRUE(space.query({0})->dirty) << "marked between looking and writing";
  ASSERT_TRUE(space.retype(span_of(4 * K, 4 * K), memory_type::uc, owed));
  EXPECT_TRUE(space.query({4 * K})->dirty);
  ASSERT_TRUE(space.protect(span_of(2 * M, 4 * K), rights::kernel_rx, owed));
  EXPECT_TRUE(space.query({2 * M})->dirty) << "marked while the leaf was being split";
  EXPECT_TRUE(space.query({4 * M - 1})->dirty) << "any page of it may have been written";
  EXPECT_GE(memory.marked(), 3u);
  EXPECT_EQ(memory.lost(), 0u);
  space.settle(owed);
}

TEST(hardware_marks, exclusive_mode_is_not_for_tables_in_use) {
  // Shows that the model catches what it is for: without compare-exchange the same marks are lost.
  space_of_house place{0};
  marking memory{place.memory, set_a_and_d};
  address_space space{place.h, place.top, memory, place.frames, place.cache, exclusive{}};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(0, 8 * K), {0}, clean, owed));
  ASSERT_TRUE(space.protect(span_of(0, 4 * K), rights::kernel_rx, owed));
  EXPECT_GE(memory.lost(), 1u);
  EXPECT_FALSE(space.query({0})->dirty);
  space.settle(owed);
}

}  // namespace trial
