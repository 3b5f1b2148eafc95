// SPDX-License-Identifier: MIT
// Contract 3: what is mapped stays mapped unless it was asked to go; what happens to a large leaf that is half covered is
// the caller's choice. And ranges at the edges of the space.
#include "fixture.hpp"

namespace trial {
namespace {

/// Here a format of each family is `fixed`.
template <auto const &F>
using handle_here = std::conditional_t<&F == &riscv::sv39 || &F == &arm64::stage1_4k_48_lower, fixed<F>, handle_of<F>>;

template <auto const &F>
struct mapped_house : house<F, handle_here<F>> {
  using space_type = address_space<handle_here<F>, byte_memory, typename house<F>::fail_type, not_in_use>;
  space_type space{this->h, this->top, this->memory, this->frames, this->cache};
  ledger     owed;

  ~mapped_house() { space.settle(owed); }
  auto map(u64 first, u64 size, u64 to, leaf_limits limits = {}, attributes const &want = rw<F>()) {
    return space.map(span_of(first, size), {to}, want, owed, limits);
  }
  auto leaf_size(u64 at) -> u64 {
    auto const t = space.query({at});
    return t ? t->bytes() : 0;
  }
  auto output(u64 at) -> std::optional<u64> {
    auto const t = space.query({at});
    return t ? std::optional{t->address.value} : std::nullopt;
  }
};

}  // namespace

TEST(no_silent_damage, mapping_over_a_leaf_is_refused_and_says_what_is_there) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.map(0x5000, 4 * K, 0x9000));
  auto const before = s.picture();
  auto const r      = s.map(0x1000, 32 * K, 0x10'0000);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().why, error_reason::occupied);
  EXPECT_EQ(r.error().at, input_address{0x5000});
  EXPECT_EQ(r.error().level, 0u);
  EXPECT_EQ(r.error().entry, s.space.query({0x5000})->entry);
  EXPECT_EQ(r.error().slot, s.space.query({0x5000})->slot);
  EXPECT_EQ(s.picture(), before);
}

TEST(no_silent_damage, a_page_inside_a_large_leaf_is_occupied_too) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.map(G, G, G));
  auto const r = s.map(G + 4 * K, 4 * K, 0);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().why, error_reason::occupied);
  EXPECT_EQ(r.error().level, 2u);
  EXPECT_EQ(r.error().at, input_address{G + 4 * K});
}

TEST(no_silent_damage, an_entry_hardware_rejects_is_occupied_too) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.map(0x5000, 4 * K, 0x9000));
  auto const slot = slot_address(s.h, 0u, s.space.query({0x5000})->slot, 0);
  s.memory.store(slot + 8, x86::x86_64_4level.word(), x86::p | bit(51) | bit(40) | bit(45) | 0x1000);
  auto const r = s.map(0x6000, 4 * K, 0x9000);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().why, error_reason::occupied);
}

TEST(no_silent_damage, a_large_leaf_replaces_tables_only_when_they_are_empty) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.map(G + 6 * M + 20 * K, 4 * K, 0x9000));
  auto const r = s.map(G, G, 2 * G);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().why, error_reason::occupied);
  EXPECT_EQ(r.error().at, input_address{G + 6 * M + 20 * K}) << "it names the page deep below";

  ASSERT_TRUE(s.space.unmap(span_of(G + 6 * M + 20 * K, 4 * K), s.owed, half_covered::split, emptied::keep));
  EXPECT_EQ(s.tables(), 3u) << "the tables stay, empty";
  s.space.settle(s.owed);
  ASSERT_TRUE(s.map(G, G, 2 * G));
  EXPECT_EQ(s.leaf_size(G), G);
  EXPECT_EQ(s.owed.tables().size(), 1u) << "the subtree hangs on its top table";
  auto const held = s.counted.out();
  s.space.settle(s.owed);
  EXPECT_EQ(s.counted.out(), held - 2) << "both tables come back";
}

TEST(half_covered, split_keeps_the_rest_as_it_was) {
  mapped_house<x86::x86_64_4level> s;
  attributes const want{.allow = rights::kernel_rw, .type = memory_type::wt, .global = true, .accessed = true, .dirty = true, .software = bit(9) | bit(55)};
  ASSERT_TRUE(s.map(G, G, 5 * G, {}, want));
  ASSERT_TRUE(s.space.unmap(span_of(G + 3 * M, 4 * K), s.owed));
  EXPECT_FALSE(s.output(G + 3 * M));
  for (u64 const at : {G, G + 2 * M, G + 3 * M - 1, G + 3 * M + 4 * K, G + 4 * M, 2 * G - 1}) {
    auto const t = s.space.query({at});
    ASSERT_TRUE(t) << "at 0x" << std::hex << at;
    EXPECT_EQ(t->address, output_address{5 * G + (at - G)});
    EXPECT_EQ(attributes_of(s.h, x86::x86_64_4level.forms[t->level == 0 ? 0 : 1], t->entry), want) << "at 0x" << std::hex << at;
  }
  EXPECT_EQ(s.leaf_size(G), 2 * M) << "no further than needed";
  EXPECT_EQ(s.leaf_size(G + 2 * M), 4 * K);
}

TEST(half_covered, whole_applies_to_all_of_the_leaf) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.map(2 * M, 4 * M, 8 * M));
  ASSERT_TRUE(s.space.protect(span_of(4 * M - 4 * K, 8 * K), *least_rights(s.h, rights::kernel_ro), s.owed, half_covered::whole));
  for (u64 const at : {2 * M, 4 * M - 1, 4 * M, 6 * M - 1})
    EXPECT_EQ(s.space.query({at})->own & rights::writers, rights::none) << "at 0x" << std::hex << at;
  EXPECT_EQ(s.leaf_size(2 * M), 2 * M);
  ASSERT_TRUE(s.space.unmap(span_of(3 * M, 4 * K), s.owed, half_covered::whole));
  EXPECT_FALSE(s.output(2 * M));
  EXPECT_TRUE(s.output(4 * M));
}

TEST(half_covered, refuse_names_the_leaf_and_changes_nothing) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.map(2 * M, 4 * M, 8 * M));
  auto const before = s.picture();
  auto const r      = s.space.unmap(span_of(2 * M, 2 * M + 4 * K), s.owed, half_covered::refuse);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().why, error_reason::would_split);
  EXPECT_EQ(r.error().at, input_address{4 * M});
  EXPECT_EQ(r.error().level, 1u);
  EXPECT_EQ(s.picture(), before) << "not even the leaf that is covered whole";
}

TEST(half_covered, refuse_sees_leaves_that_do_not_translate) {
  // Guards survey_edge, which must classify entries as the writing does: a leaf that is not accessed faults in a walk.
  static constexpr format svade = riscv::sv(3, {.hardware_accessed = false});
  mapped_house<svade> s;
  ASSERT_TRUE(s.map(2 * M, 2 * M, 8 * M, {}, {.allow = rights::kernel_rw, .accessed = false, .dirty = false}));
  auto const r = s.space.unmap(span_of(2 * M, 4 * K), s.owed, half_covered::refuse);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().why, error_reason::would_split);
  ASSERT_TRUE(s.space.unmap(span_of(2 * M, 4 * K), s.owed, half_covered::split));
  EXPECT_EQ(s.space.query({2 * M + 4 * K}).error().why, fault_reason::not_accessed) << "still there, still not accessed";
  EXPECT_EQ(s.space.query({2 * M}).error().why, fault_reason::absent);
}

TEST(half_covered, a_run_is_unfolded_and_the_others_stay_runs) {
  mapped_house<arm64::stage1_4k_48_lower> s;
  ASSERT_TRUE(s.map(0, 256 * K, 0));
  EXPECT_EQ(s.leaf_size(0), 64 * K);
  ASSERT_TRUE(s.space.unmap(span_of(64 * K + 8 * K, 4 * K), s.owed));
  EXPECT_EQ(s.leaf_size(0), 64 * K);
  EXPECT_EQ(s.leaf_size(64 * K), 4 * K);
  EXPECT_EQ(s.leaf_size(72 * K), 0u);
  EXPECT_EQ(s.leaf_size(124 * K), 4 * K);
  EXPECT_EQ(s.leaf_size(128 * K), 64 * K);
}

TEST(half_covered, a_leaf_whose_address_smaller_ones_cannot_say_is_not_split) {
  mapped_house<x86::x86_32> s;  // PSE-36
  ASSERT_TRUE(s.map(4 * M, 4 * M, 64 * G));
  auto const r = s.space.unmap(span_of(4 * M, 4 * K), s.owed);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().why, error_reason::would_split);
  EXPECT_EQ(s.output(4 * M), 64 * G);
}

TEST(half_covered, hardware_dirty_survives_a_protect_that_keeps_writing) {
  static constexpr format dirty = arm64::stage1({.hardware_dirty = true});
  mapped_house<dirty> s;
  auto const allow = *least_rights(s.h, rights::kernel_rw);
  ASSERT_TRUE(s.map(0, 4 * K, 0, {}, {.allow = allow}));
  ASSERT_TRUE(s.space.query({0})->dirty);
  ASSERT_TRUE(s.space.protect(span_of(0, 4 * K), allow, s.owed));
  EXPECT_TRUE(s.space.query({0})->dirty);
}

// --- the edges of the space ---------------------------------------------------------------------------------------

namespace {

template <auto const &F>
void works_at_the_top(u64 page, u64 block) {
  mapped_house<F> s;
  u64 const last_page = ~u64{0} - page + 1, last_block = ~u64{0} - block + 1;
  ASSERT_TRUE(s.map(last_page, page, 0));
  EXPECT_EQ(s.output(~u64{0}), page - 1);
  EXPECT_FALSE(s.output(last_page - 1));
  ASSERT_TRUE(s.space.unmap(span_of(last_page, page), s.owed));
  s.space.settle(s.owed);
  EXPECT_EQ(s.counted.out(), 1u);

  ASSERT_TRUE(s.map(last_block, block, 0));
  EXPECT_EQ(s.leaf_size(~u64{0}), block);
  ASSERT_TRUE(s.space.protect(span_of(last_page, page), *least_rights(s.h, rights::kernel_ro), s.owed));
  EXPECT_EQ(s.output(~u64{0}), block - 1);
  EXPECT_EQ(s.space.query({~u64{0}})->own & rights::writers, rights::none);
  EXPECT_NE(s.space.query({last_page - 1})->own & rights::writers, rights::none);
  ASSERT_TRUE(s.space.unmap(span_of(last_block, block), s.owed));
  s.space.settle(s.owed);
  EXPECT_EQ(s.counted.out(), 1u);
}

}  // namespace

TEST(edges, everything_works_at_the_top_of_the_space) {
  works_at_the_top<x86::x86_64_4level>(4 * K, 2 * M);
  works_at_the_top<x86::x86_64_5level>(4 * K, G);
  works_at_the_top<riscv::sv39>(4 * K, G);
  works_at_the_top<arm64::stage1_4k_48_upper>(4 * K, 2 * M);
  works_at_the_top<arm64::stage1_16k_47_upper>(16 * K, 32 * M);
  works_at_the_top<arm64::stage1_64k_52_lpa_upper>(64 * K, 512 * M);
}

TEST(edges, a_range_that_is_exactly_one_leaf_one_table_or_all_of_a_half) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.map(G, G, 0));
  ASSERT_TRUE(s.space.unmap(span_of(G, G), s.owed, half_covered::refuse));
  ASSERT_TRUE(s.map(2 * M, 2 * M, 4 * K));
  EXPECT_EQ(s.leaf_size(2 * M), 4 * K);
  ASSERT_TRUE(s.space.unmap(span_of(2 * M, 2 * M), s.owed, half_covered::refuse));
  s.space.settle(s.owed);
  EXPECT_EQ(s.counted.out(), 1u);
  ASSERT_TRUE(s.map(0, 4 * K, 0));
  ASSERT_TRUE(s.map(128 * T - 4 * K, 4 * K, 0));
  ASSERT_TRUE(s.space.unmap(span_of(0, 128 * T), s.owed));
  s.space.settle(s.owed);
  EXPECT_EQ(s.counted.out(), 1u);
}

TEST(edges, all_of_a_small_space_is_mapped_at_once) {
  mapped_house<x86::x86_32> s;
  ASSERT_TRUE(s.map(0, 4 * G, 0));
  EXPECT_EQ(s.counted.out(), 1u) << "1024 leaves of 4 MiB in the root";
  EXPECT_EQ(s.output(4 * G - 1), 4 * G - 1);
  ASSERT_TRUE(s.space.unmap({{0}, {4 * G - 1}}, s.owed, half_covered::refuse));
  EXPECT_EQ(s.owed.extents().size(), 1u);
  EXPECT_EQ(s.owed.extents()[0].input, (range{{0}, {4 * G - 1}}));
}

TEST(edges, unmapping_what_is_not_mapped_does_nothing) {
  mapped_house<x86::x86_64_4level> s;
  ASSERT_TRUE(s.space.unmap(span_of(0, 128 * T), s.owed));
  ASSERT_TRUE(s.space.protect(span_of(0, 128 * T), *least_rights(s.h, rights::kernel_ro), s.owed));
  EXPECT_TRUE(s.owed.is_settled());
}

TEST(edges, an_identity_map_reads_back_as_itself_and_unmapping_restores_every_bit) {
  mapped_house<riscv::sv48> s;
  ASSERT_TRUE(s.map(G - 8 * K, 16 * K, G - 8 * K));
  s.space.settle(s.owed);
  auto const before = s.picture();
  auto const frames = s.counted.out();
  ASSERT_TRUE(s.map(G + 2 * M - 20 * K, 8 * M, 3 * G));
  ASSERT_TRUE(s.space.unmap(span_of(G + 2 * M - 20 * K, 8 * M), s.owed));
  s.space.settle(s.owed);
  EXPECT_EQ(s.picture(), before);
  EXPECT_EQ(s.counted.out(), frames);
}

}  // namespace trial
