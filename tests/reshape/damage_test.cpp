// SPDX-License-Identifier: MIT
// Changes that reach only a part of a larger leaf, or an entry on which others rest.
#include "scene.hpp"

#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/x86_nested.hpp>

namespace trial {
namespace {

constexpr u64 M = 1024 * 1024;
// Linux's PAT: index 7 is write-through, which takes the PAT bit, and that lies elsewhere in large pages.
inline constexpr format linux_pat = x86::paging_4level({.types = x86::pat(0x0407'0506'0007'0106)});

TEST(part_of_a_large_leaf, keeps_its_addresses_when_bits_that_mean_something_else_in_pages_are_to_change) {
  scene<exclusive> s{linux_pat};
  ASSERT_TRUE(s.space.map({{0}, {2 * M - 1}}, {0x4000'0000}, {.allow = rights::kernel_rw}, s.owed));
  auto const done = s.space.update({{0}, {M - 1}}, {.allow = rights::kernel_rw, .type = memory_type::wt}, s.owed);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().why, error_reason::would_split);
  EXPECT_EQ(s.space.query({0x1000})->address.value, 0x4000'1000u);
  ASSERT_TRUE(s.space.retype({{0}, {M - 1}}, memory_type::wt, s.owed)) << "the way that works";
  EXPECT_EQ(s.space.query({0x1000})->address.value, 0x4000'1000u);
  EXPECT_EQ(s.space.query({0x1000})->type, memory_type::wt);
  EXPECT_EQ(s.space.query({M})->type, memory_type::wb);
}

TEST(part_of_a_large_leaf, is_not_protected_as_its_pages_cannot_say) {
  constexpr static format f = arm32::short_descriptors({.privileged_execute_never = true});
  scene<exclusive> s{f};
  ASSERT_TRUE(s.space.map({{M}, {2 * M - 1}}, {M}, {.allow = rights::all, .type = memory_type::wb}, s.owed));
  u64 const  before = s.space.entry({M})->entry;
  auto const done   = s.space.protect({{M}, {M + M / 2 - 1}}, rights::all - rights::kernel_execute, s.owed);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().why, error_reason::inexpressible_rights);
  EXPECT_EQ(s.space.entry({M})->entry, before);
}

TEST(the_bit_that_holds_a_block_off, is_an_address_bit_elsewhere_and_breaks_before_it_is_made_there) {
  dynamic const h{&arm64_bbm1};
  EXPECT_EQ(duty_of(h, 0u, 0x0000'0403, 0x0001'0403), duty::break_before_make);   // a page moves
  EXPECT_EQ(duty_of(h, 1u, 0x0010'0003, 0x0011'0003), duty::break_before_make);   // a table moves
  EXPECT_EQ(duty_of(h, 1u, 0x4000'0401, 0x4001'0401), duty::invalidate);          // a block is held off
}

TEST(a_slot_set_by_hand, waits_for_what_was_there_before_to_be_out_of_the_caches) {
  scene<exclusive> s{arm64::stage1_4k_48_lower};
  ASSERT_TRUE(s.space.map({{0}, {0xfff}}, {0x5000}, {.allow = rights::kernel_rw}, s.owed));
  input_address const probe[]{{0}};
  s.mmu.prefetch({probe, 1});
  u64 const entry = s.space.entry({0})->entry;
  ASSERT_TRUE(s.space.set_entry({0}, 0, 0, s.owed));
  ASSERT_TRUE(s.space.set_entry({0}, 0, entry + 0x1000, s.owed));
  s.space.settle(s.owed);
  EXPECT_EQ(s.complaint(), "");
}

TEST(update, keeps_the_dirty_mark_that_lies_in_the_write_permission) {
  scene<exclusive> s{arm64_hd};
  ASSERT_TRUE(s.space.map({{0}, {0xfff}}, {0x5000}, {.allow = rights::kernel_rw}, s.owed));
  ASSERT_TRUE(s.space.query({0})->dirty);
  ASSERT_TRUE(s.space.update({{0}, {0xfff}}, {.allow = rights::kernel_rwx, .dirty = false}, s.owed));
  EXPECT_TRUE(s.space.query({0})->dirty);
}

TEST(a_table_entry, is_not_narrowed_until_hardware_takes_it_for_none) {
  scene<exclusive> s{ept::ept_4level};
  ASSERT_TRUE(s.space.map({{0}, {0xfff}}, {0x5000}, {.allow = rights::all}, s.owed));
  for (auto const leave : {rights::none, rights::writers}) {
    auto const done = s.space.protect_table({0}, 1, leave, s.owed);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().why, error_reason::inexpressible_rights);
    EXPECT_EQ(s.space.entry({0}, 1)->kind, entry_kind::table);
  }
}

TEST(a_garbled_run, is_refused_where_unmapping_would_map_its_missing_slots) {
  scene<exclusive> s{arm64::stage1_4k_48_lower};
  ASSERT_TRUE(s.space.map({{0}, {0xffff}}, {0x10'0000}, {.allow = rights::kernel_rw}, s.owed));
  for (u64 page = 0; page < 16; ++page)
    if (page != 8) s.memory.store(s.space.entry({page << 12}, 0)->slot, s.h->word(), 0);
  auto const done = s.space.unmap({{0x4000}, {0xffff}}, s.owed);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().why, error_reason::occupied);
  EXPECT_FALSE(s.space.query({0}));
  ASSERT_TRUE(s.space.unmap({{0}, {0xffff}}, s.owed)) << "all of it can go";
}

TEST(a_garbled_run, is_refused_where_splitting_would_move_a_slot_that_leads_elsewhere) {
  scene<exclusive> s{arm64::stage1_4k_48_lower};
  ASSERT_TRUE(s.space.map({{0}, {0xffff}}, {0x10'0000}, {.allow = rights::kernel_rw}, s.owed));
  auto const slot = s.space.entry({0x3000}, 0)->slot;
  s.memory.store(slot, s.h->word(), (s.space.entry({0x3000}, 0)->entry & ~0xfff000u) | 0x55'5000);
  auto const done = s.space.unmap({{0xc000}, {0xffff}}, s.owed);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().why, error_reason::occupied);
  EXPECT_EQ(s.space.entry({0x3000}, 0)->entry & 0xfff000u, 0x55'5000u) << "and it stays as it was";
}

}  // namespace
}  // namespace trial
