// SPDX-License-Identifier: MIT
// The models catch what they are for: every kind of wrong-doing is committed here once, on purpose.
#include "fixture.hpp"

namespace trial {
namespace {

using models::violation_kind;

/// Two pages and a large page under an MMU that watches every store; what goes wrong is done by hand.
template <auto const &F>
struct watched_house : house<F, dynamic> {
  using mmu_type    = models::simulated_mmu<dynamic, byte_memory, 64>;
  using memory_type = models::watched_memory<byte_memory, mmu_type>;
  using frames_type = models::watched_frames<models::counting_frames<typename house<F, dynamic>::pool_type>, mmu_type>;
  mmu_type    mmu{this->h, this->top, this->memory};
  memory_type watched{this->memory, mmu};
  frames_type watched_frames{this->counted, mmu};
  address_space<dynamic, memory_type, frames_type, mmu_type> space{this->h, this->top, watched, watched_frames, mmu};
  ledger      owed;

  watched_house() {
    auto const limit = leaf_limits{.largest_lg2 = 12, .runs = false};
    EXPECT_TRUE(space.map(span_of(0, 8 * K), {0x10'0000}, rw<F>(), owed, limit));
    EXPECT_TRUE(space.map(span_of(2 * M, 2 * M), {4 * M}, rw<F>(), owed, {.runs = false}));
    space.settle(owed);
    mmu.verify();
    EXPECT_EQ(mmu.violations(), 0u);
  }
  ~watched_house() { space.settle(owed); }

  auto slot(u64 at) -> output_address { return this->at(at)->slot; }
  auto entry(u64 at) -> u64 { return this->at(at)->entry; }
  /// The entry that points to the table in which `at` has its level-0 slot.
  auto table_entry(u64 at) -> step {
    step found{};
    (void)walk(this->h, this->top, {at}, this->memory, [&](step const &s) {
      if (s.kind == entry_kind::table) found = s;
    });
    return found;
  }
  /// Stores and publishes, and tells nobody else.
  void put(output_address slot, u64 entry) {
    watched.store(slot, F.word(), entry);
    mmu.publish(slot, 8);
  }
  void drop(range const &r, bool tables) {
    mmu.invalidate({r, 12, tables});
    mmu.sync();
  }
  void expect_only(violation_kind kind) {
    EXPECT_GE(mmu.count(kind), 1u) << text(kind) << " went unnoticed";
    EXPECT_EQ(mmu.count(kind), mmu.violations()) << "first: " << (mmu.violations() != 0 ? text(mmu.first().kind) : "none");
  }
};

using x86_house = watched_house<x86::x86_64_4level>;
using arm_house = watched_house<arm64::stage1_4k_48_lower>;

}  // namespace

TEST(simulated_mmu, translates_as_the_tables_say) {
  x86_house s;
  EXPECT_EQ(s.mmu.access({0x1234})->address, output_address{0x10'1234});
  EXPECT_EQ(s.mmu.access({3 * M})->address, output_address{5 * M});
  EXPECT_EQ(s.mmu.access({0x2000}).error().why, fault_reason::absent);
  EXPECT_EQ(s.mmu.access({bit(47)}).error().why, fault_reason::outside_input);
  EXPECT_EQ(s.mmu.cached_leaves(), 2u);
  EXPECT_EQ(s.mmu.access({0x1ffc})->address, output_address{0x10'1ffc}) << "from the TLB";
  EXPECT_EQ(s.mmu.cached_leaves(), 2u);
}

TEST(simulated_mmu, goes_stale_until_it_is_told) {
  x86_house s;
  (void)s.mmu.access({0});
  s.watched.store(s.slot(0), x86::x86_64_4level.word(), 0);
  s.mmu.publish(s.table_entry(0).slot, 8);
  EXPECT_TRUE(s.mmu.access({0})) << "still in the TLB";
  s.mmu.invalidate({span_of(0, 4 * K), 12, false});
  EXPECT_TRUE(s.mmu.access({0})) << "an invalidation is complete only after sync";
  s.mmu.sync();
  EXPECT_FALSE(s.mmu.access({0}));
}

TEST(simulated_mmu, drops_only_what_the_stride_hits) {
  x86_house s;
  (void)s.mmu.access({0});
  (void)s.mmu.access({0x1000});
  s.mmu.invalidate({span_of(0, 8 * K), 13, false});  // one instruction, for the first page
  s.mmu.sync();
  EXPECT_EQ(s.mmu.cached_leaves(), 1u);
}

TEST(simulated_mmu, a_leaf_invalidation_keeps_walk_caches) {
  x86_house s;
  (void)s.mmu.access({0});
  EXPECT_EQ(s.mmu.cached_tables(), 3u);
  s.drop(span_of(0, 4 * K), false);
  EXPECT_EQ(s.mmu.cached_tables(), 3u);
  s.drop(span_of(0, 4 * K), true);
  EXPECT_EQ(s.mmu.cached_tables(), 0u);
}

TEST(simulated_mmu, catches_a_missing_invalidation) {
  x86_house s;
  (void)s.mmu.access({0});
  auto const slot = s.slot(0);
  s.put(slot, 0);
  s.mmu.verify();
  s.expect_only(violation_kind::stale_leaf);
}

TEST(simulated_mmu, catches_an_absent_entry_that_was_not_invalidated) {
  watched_house<riscv::sv39> s;
  EXPECT_FALSE(s.mmu.access({0x5000}));
  auto const slot = s.slot(0) + 5 * 8;
  s.put(slot, s.entry(0));
  s.mmu.verify();
  s.expect_only(violation_kind::stale_absence);
}

TEST(simulated_mmu, catches_a_table_that_stays_in_the_walk_cache) {
  x86_house s;
  (void)s.mmu.access({0x2000});  // absent: only walk caches are filled
  auto const link = s.table_entry(0);
  s.put(link.slot, 0);
  s.mmu.invalidate({span_of(0, 2 * M), 12, false});  // leaves only
  s.mmu.sync();
  s.mmu.verify();
  s.expect_only(violation_kind::stale_table);
}

TEST(simulated_mmu, catches_a_table_freed_before_the_flush) {
  x86_house s;
  auto const link = s.table_entry(0);
  s.put(link.slot, 0);
  s.watched_frames.release(table_of(s.h, 1u, link.entry), 12);
  s.expect_only(violation_kind::released_too_early);
}

TEST(simulated_mmu, catches_a_table_freed_after_invalidation_but_before_sync) {
  x86_house s;
  auto const link = s.table_entry(0);
  s.put(link.slot, 0);
  s.mmu.invalidate({span_of(0, 2 * M), 12, true});
  s.watched_frames.release(table_of(s.h, 1u, link.entry), 12);
  s.expect_only(violation_kind::released_too_early);
}

TEST(simulated_mmu, catches_a_table_freed_before_it_is_unlinked) {
  x86_house s;
  s.watched_frames.release(table_of(s.h, 1u, s.table_entry(0).entry), 12);
  s.expect_only(violation_kind::released_too_early);
}

TEST(simulated_mmu, catches_a_write_to_a_table_that_was_cut_off) {
  x86_house s;
  auto const link = s.table_entry(0);
  auto const slot = s.slot(0);
  s.put(link.slot, 0);
  s.watched.store(slot, x86::x86_64_4level.word(), 0);
  s.expect_only(violation_kind::written_while_walked);
}

TEST(simulated_mmu, allows_release_and_reuse_after_the_flush) {
  x86_house s;
  auto const link = s.table_entry(0);
  auto const slot = s.slot(0);
  s.put(link.slot, 0);
  s.drop(span_of(0, 2 * M), true);
  s.watched.store(slot, x86::x86_64_4level.word(), 0);
  s.watched_frames.release(table_of(s.h, 1u, link.entry), 12);
  s.mmu.verify();
  EXPECT_EQ(s.mmu.violations(), 0u);
}

TEST(simulated_mmu, catches_a_change_without_break_before_make) {
  arm_house s;
  auto const slot = s.slot(0);
  auto const now  = (s.entry(0) & ~ones(12, 36)) | 0x77'7000;  // another output address
  s.put(slot, now);
  s.expect_only(violation_kind::not_broken);
}

TEST(simulated_mmu, catches_break_before_make_without_the_invalidation) {
  arm_house s;
  (void)s.mmu.access({0});
  auto const slot = s.slot(0);
  auto const now  = (s.entry(0) & ~ones(12, 36)) | 0x77'7000;
  s.put(slot, 0);
  s.watched.store(slot, s.h->word(), now);
  s.expect_only(violation_kind::not_invalidated);
}

TEST(simulated_mmu, accepts_break_before_make) {
  arm_house s;
  (void)s.mmu.access({0});
  auto const slot = s.slot(0);
  auto const now  = (s.entry(0) & ~ones(12, 36)) | 0x77'7000;
  s.put(slot, 0);
  s.drop(span_of(0, 4 * K), false);
  s.put(slot, now);
  s.mmu.verify();
  EXPECT_EQ(s.mmu.violations(), 0u);
}

TEST(simulated_mmu, catches_a_table_linked_before_it_was_published) {
  x86_house s;
  auto const table = *s.watched_frames.allocate(12);
  s.watched.clear(table, 4 * K);
  s.watched.store(table, s.h->word(), s.entry(0));
  auto const slot = s.table_entry(0).slot + 2 * 8;
  s.put(slot, encode_table(s.h, level_constant<1>{}, table));
  s.expect_only(violation_kind::linked_unpublished);
}

TEST(simulated_mmu, catches_a_store_never_published) {
  x86_house s;
  s.watched.store(s.slot(0) + 5 * 8, s.h->word(), s.entry(0));
  s.mmu.verify();
  s.expect_only(violation_kind::unpublished);
}

TEST(simulated_mmu, sees_nothing_wrong_in_what_the_library_does) {
  arm_house s;
  std::vector<input_address> const hot{{0}, {0x1000}, {2 * M}, {4 * M - 1}, {6 * M}};
  s.mmu.prefetch({hot.data(), hot.size()});
  ASSERT_TRUE(s.space.retype(span_of(0, 4 * K), memory_type::nc, s.owed));
  ASSERT_TRUE(s.space.unmap(span_of(2 * M, 64 * K), s.owed));
  ASSERT_TRUE(s.space.protect(span_of(0, 4 * M), *least_rights(s.h, rights::kernel_ro), s.owed));
  ASSERT_TRUE(s.space.unmap(span_of(0, 4 * M), s.owed));
  s.space.settle(s.owed);
  s.mmu.verify();
  EXPECT_EQ(s.mmu.violations(), 0u) << text(s.mmu.first().kind);
  EXPECT_EQ(s.counted.out(), 1u);
}

// --- frames and memories ------------------------------------------------------------------------------------------

TEST(counting_frames, tells_double_foreign_and_misfit_releases_apart) {
  frame_pool<8> pool{{0x1000}};
  models::counting_frames<frame_pool<8>> frames{pool};
  auto const a = *frames.allocate(12), b = *frames.allocate(12);
  EXPECT_EQ(frames.out(), 2u);
  frames.release(a, 12);
  frames.release(a, 12);
  frames.release({0x77'0000}, 12);
  frames.release(b, 11);
  EXPECT_EQ(frames.double_releases(), 1u);
  EXPECT_EQ(frames.foreign_releases(), 1u);
  EXPECT_EQ(frames.misfit_releases(), 1u);
  EXPECT_FALSE(frames.is_clean());
  EXPECT_EQ(frames.out(), 1u);
  EXPECT_EQ(frames.peak(), 2u);
  EXPECT_TRUE(frames.is_out(b));
  EXPECT_EQ(pool.in_use(), 1u) << "wrong releases do not reach the pool";
}

TEST(failing_frames, fails_when_told_to) {
  frame_pool<8> pool{{0x1000}};
  models::failing_frames<frame_pool<8>> frames{pool};
  frames.fail_once(1);
  EXPECT_TRUE(frames.allocate(12));
  EXPECT_FALSE(frames.allocate(12));
  EXPECT_TRUE(frames.allocate(12));
  frames.fail_from(0);
  EXPECT_FALSE(frames.allocate(12));
  EXPECT_FALSE(frames.allocate(12));
  frames.never_fail();
  EXPECT_TRUE(frames.allocate(12));
  EXPECT_EQ(frames.failures(), 3u);
}

TEST(recorded_memory, keeps_every_write_in_order_with_old_and_new) {
  std::vector<u8> bytes(64, 0);
  byte_memory     inner{bytes, {0x1000}};
  models::recorded_memory<byte_memory, 8> memory{inner};
  constexpr word w{8, byte_order::little};
  memory.store({0x1000}, w, 5);
  EXPECT_EQ(memory.exchange({0x1000}, w, 6), 5u);
  u64 expected = 9;
  EXPECT_FALSE(memory.compare_exchange({0x1000}, w, expected, 7));
  EXPECT_EQ(expected, 6u);
  EXPECT_TRUE(memory.compare_exchange({0x1000}, w, expected, 7));
  memory.clear({0x1000}, 16);
  auto const log = memory.log().writes();
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log[0], (models::write{models::write_kind::store, {0x1000}, 8, 0, 5}));
  EXPECT_EQ(log[1], (models::write{models::write_kind::exchange, {0x1000}, 8, 5, 6}));
  EXPECT_EQ(log[2], (models::write{models::write_kind::compare_exchange, {0x1000}, 8, 6, 7}));
  EXPECT_EQ(log[3], (models::write{models::write_kind::clear, {0x1000}, 16}));
  for (int i = 0; i < 8; ++i) memory.store({0x1000}, w, 1);
  EXPECT_TRUE(memory.log().overflowed());
  EXPECT_EQ(memory.log().count(), 12u);
}

TEST(holey_memory, has_holes_and_counts_loads) {
  std::vector<u8> bytes(64, 1);
  byte_memory     inner{bytes, {0x1000}};
  models::holey_memory memory{inner, [](output_address a) { return a.value >= 0x1020; }};
  constexpr word w{8, byte_order::little};
  EXPECT_TRUE(memory.load({0x1018}, w));
  EXPECT_FALSE(memory.load({0x1020}, w));
  EXPECT_EQ(memory.loads(), 2u);
  memory.store({0x1020}, w, 0);
  EXPECT_EQ(memory.strayed(), 1u);
}

}  // namespace trial
