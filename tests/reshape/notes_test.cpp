// SPDX-License-Identifier: MIT
// Notes in absent entries, entries set one by one, and what tables let through.
#include "scene.hpp"

namespace trial {
namespace {

class notes_in_every_format : public testing::TestWithParam<entrant> {
 protected:
  format const    &f     = *GetParam().description;
  scene<exclusive> s{f};
  unsigned const   grain = f.levels[0].shift;
  u64 const        at    = low_address(f);
  attributes const rw{.allow = *least_rights(s.h, rights::kernel_rw), .type = f.types[0]};
  /// Something hardware takes for absent: every bit above the lowest nine that an entry has.
  unsigned const lowest = lowest_built(s.h);  // the level of pages
  u64 const note = (below(8u * f.entry_bytes) & ~below(9) & ~absent_of(dynamic{&f}, lowest).mask) | absent_of(dynamic{&f}, lowest).value;

  auto pages(u64 first, u64 count) const -> range { return {{at + (first << grain)}, {at + ((first + count) << grain) - 1}}; }
  auto entry_at(u64 page) -> u64 { return s.space.entry({at + (page << grain)})->entry; }
};

TEST_P(notes_in_every_format, a_note_is_read_back_and_translates_nothing) {
  ASSERT_TRUE(s.space.annotate(pages(3, 2), note, s.owed));
  EXPECT_EQ(entry_at(3), note);
  EXPECT_EQ(entry_at(4), note);
  EXPECT_EQ(entry_at(5), vacant_of(s.h, lowest));
  auto const t = s.space.query({at + (3ull << grain)});
  ASSERT_FALSE(t);
  EXPECT_EQ(t.error().why, why_absent(s.h, lowest, note));
  EXPECT_EQ(t.error().entry, note);
}

TEST_P(notes_in_every_format, a_note_is_in_the_way_of_a_mapping_and_named_by_its_error) {
  ASSERT_TRUE(s.space.annotate(pages(3, 1), note, s.owed));
  auto const ok = s.space.map(pages(0, 8), {0}, rw, s.owed);
  ASSERT_FALSE(ok);
  EXPECT_EQ(ok.error().why, error_reason::occupied);
  EXPECT_EQ(ok.error().at.value, at + (3ull << grain));
  EXPECT_EQ(ok.error().entry, note);
}

TEST_P(notes_in_every_format, a_table_that_holds_a_note_is_not_empty) {
  ASSERT_TRUE(s.space.map(pages(0, 1), {0}, rw, s.owed));
  ASSERT_TRUE(s.space.annotate(pages(3, 1), note, s.owed));
  ASSERT_TRUE(s.space.unmap(pages(0, 1), s.owed));
  ASSERT_TRUE(s.space.clean_up(pages(0, 8), s.owed));
  EXPECT_EQ(entry_at(3), note);
  ASSERT_TRUE(s.space.unmap(pages(2, 2), s.owed));
  s.space.settle(s.owed);
  EXPECT_EQ(s.pool.in_use(), 0u);
  EXPECT_EQ(s.complaint(), "");
}

TEST_P(notes_in_every_format, what_hardware_would_take_for_something_is_no_note) {
  u64 leaf = 0;
  with_single_form(s.h, lowest, [&](auto const &form) { leaf = encode_attributes(s.h, form, rw).entry; });
  for (u64 const bad : {vacant_of(s.h, lowest), leaf}) {
    auto const ok = s.space.annotate(pages(0, 1), bad, s.owed);
    ASSERT_FALSE(ok);
    EXPECT_EQ(ok.error().why, error_reason::fixed_bits);
  }
  EXPECT_EQ(s.pool.in_use(), 0u);
}

TEST_P(notes_in_every_format, an_entry_set_by_hand_is_told_with_its_level_and_what_was_there) {
  ASSERT_TRUE(s.space.map(pages(0, 2), {0}, rw, s.owed));
  auto const old = s.space.entry({at});
  ASSERT_TRUE(old);
  EXPECT_EQ(old->level, lowest);
  EXPECT_EQ(old->kind, entry_kind::leaf);
  auto const was = s.space.set_entry({at}, lowest, note, s.owed);
  ASSERT_TRUE(was);
  EXPECT_EQ(*was, old->entry);
  EXPECT_EQ(entry_at(0), note);
  EXPECT_FALSE(s.owed.is_settled()) << "a valid entry is gone: it may be cached";
  s.space.settle(s.owed);
  auto const above = s.space.entry({at}, f.depth - 1u);
  ASSERT_TRUE(above);
  EXPECT_EQ(above->kind, entry_kind::table);
  EXPECT_EQ(s.complaint(), "");
}

TEST_P(notes_in_every_format, no_entry_lies_below_where_the_walk_ends) {
  auto const none = s.space.entry({at}, 0);
  if (f.depth == 1) GTEST_SKIP();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().why, error_reason::not_a_table);
  EXPECT_EQ(none.error().level, f.depth - 1u);
}

TEST_P(notes_in_every_format, a_table_lets_through_what_it_is_told_to_and_a_mapping_may_widen_it) {
  auto const     ro  = least_rights(s.h, rights::kernel_read);
  ASSERT_TRUE(s.space.map(pages(0, 1), {0}, rw, s.owed));
  u64 const before = s.space.entry({at}, lowest + 1)->entry;
  rights const leave = *ro | rights::readers | rights::executes | rights::user_read;
  auto const   told  = s.space.protect_table({at}, lowest + 1, leave, s.owed);
  if (!f.levels[lowest + 1].narrows || table_rights(s.h, lowest + 1, narrowed_to(s.h, lowest + 1, before, leave)) != leave) {
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().why, error_reason::inexpressible_rights);
    EXPECT_EQ(s.space.entry({at}, lowest + 1)->entry, before);
    return;
  }
  ASSERT_TRUE(told);
  s.space.settle(s.owed);
  EXPECT_EQ((s.space.query({at})->effective & rights::writers), rights::none);

  auto const refused = s.space.map(pages(1, 1), {bit(grain)}, rw, s.owed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().why, error_reason::withheld);
  auto const occupied = s.space.map(pages(0, 2), {0}, rw, s.owed, {}, {.widen = true});
  ASSERT_FALSE(occupied);
  EXPECT_EQ((s.space.query({at})->effective & rights::writers), rights::none) << "a mapping that fails widens nothing";
  ASSERT_TRUE(s.space.map(pages(1, 1), {bit(grain)}, rw, s.owed, {}, {.widen = true}));
  s.space.settle(s.owed);
  EXPECT_EQ(s.space.query({at + bit(grain)})->effective, rw.allow);
  EXPECT_EQ(s.complaint(), "");
}

TEST_P(notes_in_every_format, new_tables_leave_no_more_than_they_are_told_to) {
  parent_rights const less{.leave = rw.allow | rights::readers | rights::writers};
  auto const ok = s.space.map(pages(0, 1), {0}, rw, s.owed, {}, less);
  for (unsigned level = lowest + 1; level < f.depth; ++level) {
    if (ok && f.levels[level].narrows) {
      EXPECT_EQ(s.space.entry({at}, level)->allowed, less.leave);
    }
  }
  if (!ok) {
    EXPECT_EQ(ok.error().why, error_reason::inexpressible_rights);
    EXPECT_EQ(s.pool.in_use(), 0u);
  }
}

TEST(one_page, is_found_and_removed_whether_marked_accessed_or_not) {
  scene<exclusive> s{svade};  // hardware faults on it until software marks it
  auto const at = page_4k::containing({0x123'4567});
  ASSERT_TRUE(map(s.space, at, frame_4k::containing({0x5000}),
                  {.allow = rights::kernel_rw, .type = memory_type::pma, .accessed = false, .dirty = false}, s.owed));
  EXPECT_EQ(s.space.query(at.first()).error().why, fault_reason::not_accessed);
  EXPECT_EQ(translate(s.space, at)->first().value, 0x5000u);
  auto const was = unmap(s.space, at, s.owed);
  ASSERT_TRUE(was);
  EXPECT_FALSE(was->accessed);
  EXPECT_EQ(unmap(s.space, at, s.owed).error().why, error_reason::not_mapped);
  s.space.settle(s.owed);
  EXPECT_EQ(s.pool.in_use(), 0u);
}

INSTANTIATE_TEST_SUITE_P(formats, notes_in_every_format, testing::ValuesIn(all_formats()),
                         entrant_name);

}  // namespace
}  // namespace trial
