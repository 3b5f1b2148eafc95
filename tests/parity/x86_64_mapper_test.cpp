// SPDX-License-Identifier: MIT
// x86_64: its mapper, one page at a time (S95, S96, S106, S113..S115, S118..S134), with 4 and 5 levels, PAE, 32-bit
// paging and an encryption bit.
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr attributes    rw{.allow = rights::kernel_rw};
constexpr format        sev = x86::paging_4level({.encryption_bit = 47});
constexpr format const *formats[]{&x86::x86_32, &x86::pae, &x86::x86_64_4level, &x86::x86_64_5level, &sev};

auto page_at(u64 a) { return page_4k::containing({a}); }
auto frame_at(u64 a) { return frame_4k::containing({a}); }

/// `want` as `f` can say it: 32-bit paging cannot keep anybody from executing.
auto sayable(format const &f, rights want) -> attributes {
  return {.allow = least_rights(dynamic{&f}, want).value_or(rights::none)};
}

}  // namespace

TEST(x86_64, S95_S96_tables_come_from_a_source_that_is_asked_for_just_what_is_needed) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(map(m.space, page_at(0x1000), frame_at(0x7000), rw, m.owed)));
  EXPECT_EQ(count_of(m.log, event::allocated), 3u);
  m.log.clear();
  EXPECT_TRUE(done(map(m.space, page_at(0x2000), frame_at(0x9000), rw, m.owed)));
  EXPECT_EQ(count_of(m.log, event::allocated), 0u);
  EXPECT_TRUE(done(unmap(m.space, page_at(0x1000), m.owed)));
  EXPECT_TRUE(done(unmap(m.space, page_at(0x2000), m.owed)));
  m.space.settle(m.owed);
  EXPECT_EQ(count_of(m.log, event::released), 3u) << "x86_64 frees tables by clean_up only";
  EXPECT_EQ(m.frames.wrong_releases(), 0u);
}

TEST(x86_64, S106_a_table_is_no_object_but_slots_of_memory_read_and_written_one_by_one) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(map(m.space, page_at(0x1000), frame_at(0x7000), rw, m.owed)));
  auto const s = m.space.entry({0x1000}, 1);
  ASSERT_TRUE(done(s));
  EXPECT_EQ(s->index, 0u);
  EXPECT_EQ(s->slot, s->table);
  EXPECT_EQ(table_of(m.h, 1u, s->entry), m.space.entry({0x1000}, 0)->table);
  EXPECT_EQ(m.space.entry({0x1000}, 0)->slot.value, table_of(m.h, 1u, s->entry).value + 8);
}

TEST(x86_64, S113_tables_are_reached_through_any_function_of_a_physical_address) {
  struct island {  // two frames, each somewhere else
    u64 *root, *other;
    auto operator()(output_address a) const noexcept -> void * {
      auto *const table = a.value >> 12 == 1 ? root : a.value >> 12 == 2 ? other : nullptr;
      return table == nullptr ? nullptr : reinterpret_cast<u8 *>(table) + (a.value & 0xfff);
    }
  };
  alignas(4096) static u64 one[512]{}, two[512]{};
  one[3] = 0x2007;
  mapped_memory const memory{island{one, two}};
  auto const          t = walk(fixed<x86::x86_64_4level>{}, root{{0x1000}}, {u64{3} << 39}, memory);
  EXPECT_EQ(why(t), fault_reason::absent);
  EXPECT_EQ(t.error().slot.value, 0x2000u);
  EXPECT_EQ(t.error().level, 2);
}

TEST(x86_64, S111_an_offset_is_all_a_direct_map_needs) {
  alignas(4096) static u64 table[512]{};
  table[5] = 0x1234;
  direct_map memory{reinterpret_cast<u8 *>(table) - 0x40'0000};  // physical 0x400000 is `table`
  EXPECT_EQ(memory.load({0x40'0028}, {8, byte_order::little}), 0x1234u);
}

TEST(x86_64, S114_S115_S124_S126_S129_map_translate_unmap_one_page_in_every_format) {
  for (auto const *f : formats) {
    machine    m{*f};
    auto const want = sayable(*f, rights::kernel_rw);
    EXPECT_TRUE(done(map(m.space, page_at(0x40'1000), frame_at(0x12'3000), want, m.owed))) << f->name;
    auto const to = translate(m.space, page_at(0x40'1000));
    ASSERT_TRUE(done(to)) << f->name;
    EXPECT_EQ(*to, frame_at(0x12'3000));
    EXPECT_EQ(m.leads(0x40'1fff), 0x12'3fffu);
    auto const was = unmap(m.space, page_at(0x40'1000), m.owed);
    ASSERT_TRUE(done(was)) << f->name;
    EXPECT_EQ(was->output.value, 0x12'3000u);
    EXPECT_EQ(was->own, want.allow) << "frame and flags come back";
    EXPECT_EQ(why(translate(m.space, page_at(0x40'1000))), error_reason::not_mapped);
    EXPECT_EQ(m.tables(), 0u);
    m.space.settle(m.owed);
    EXPECT_EQ(m.frames.out(), 1u) << f->name;
  }
}

TEST(x86_64, S124_large_pages_are_mapped_by_type_where_the_format_has_them) {
  for (auto const *f : formats) {
    machine    m{*f};
    auto const want   = sayable(*f, rights::kernel_rw);
    bool const has_2m = f != &x86::x86_32, has_1g = f->depth >= 4;
    auto const ok2 = map(m.space, page_2m::containing({2 * M}), frame_2m::containing({8 * M}), want, m.owed);
    EXPECT_EQ(why(ok2), has_2m ? std::nullopt : std::optional{error_reason::wrong_size}) << f->name;
    auto const ok1 = map(m.space, page_1g::containing({1 * G}), frame_1g::containing({2 * G}), want, m.owed);
    EXPECT_EQ(why(ok1), has_1g ? std::nullopt : std::optional{error_reason::wrong_size}) << f->name;
    if (!has_2m) {
      EXPECT_TRUE(done(map(m.space, page<22>::containing({4 * M}), frame<22>::containing({8 * M}), want, m.owed)));
      EXPECT_EQ(m.entry(4 * M), 8 * M | x86::p | x86::rw | x86::a | x86::d | x86::ps);
    }
    if (has_1g) {
      EXPECT_EQ(m.query(1 * G)->lg2, 30);
      EXPECT_TRUE(done(unmap(m.space, page_1g::containing({1 * G}), m.owed)));
    }
  }
}

TEST(x86_64, S118_S125_what_is_there_is_an_error_that_shows_it) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(map(m.space, page_at(0x1000), frame_at(0x7000), rw, m.owed)));
  EXPECT_TRUE(done(map(m.space, page_2m::containing({2 * M}), frame_2m::containing({4 * M}), rw, m.owed)));
  auto const before = m.picture();
  auto const again  = map(m.space, page_at(0x1000), frame_at(0x9000), rw, m.owed);
  ASSERT_EQ(why(again), error_reason::occupied);
  EXPECT_EQ(again.error().entry & ones(12, 40), 0x7000u) << "the frame that is there; x86_64 shows the caller's";
  auto const inside = map(m.space, page_at(2 * M + 0x5000), frame_at(0x9000), rw, m.owed);
  ASSERT_EQ(why(inside), error_reason::occupied);
  EXPECT_EQ(inside.error().level, 1) << "a large page is in the way";
  auto const over = map(m.space, page_2m::containing({0}), frame_2m::containing({6 * M}), rw, m.owed);
  ASSERT_EQ(why(over), error_reason::occupied);
  EXPECT_EQ(over.error().level, 0) << "a page below is in the way";
  EXPECT_EQ(over.error().at.value, 0x1000u);
  EXPECT_EQ(m.picture(), before);
  m.frames.fail_after(1);
  EXPECT_EQ(why(map(m.space, page_at(1 * T), frame_at(0), rw, m.owed)), error_reason::no_frames);
  EXPECT_EQ(m.picture(), before) << "x86_64 leaves the tables it had made";
  EXPECT_EQ(m.frames.out(), 1u + m.tables());
}

TEST(x86_64, S125_a_large_mapping_replaces_tables_that_hold_nothing) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(map(m.space, page_at(0x1000), frame_at(0x7000), rw, m.owed)));
  EXPECT_TRUE(done(unmap(m.space, page_at(0x1000), m.owed, emptied::keep)));
  EXPECT_EQ(m.tables(), 3u);
  EXPECT_TRUE(done(map(m.space, page_2m{}, frame_2m::containing({6 * M}), rw, m.owed))) << "x86_64: already mapped";
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 3u);
  EXPECT_TRUE(released_only_after_a_flush(m.log));
}

TEST(x86_64, S124_S125_D13_D14_parent_rights_are_given_or_widened_only_if_the_mapping_succeeds) {
  machine             m{x86::x86_64_4level};
  parent_rights const kernel_only{.leave = rights::kernel};
  EXPECT_TRUE(done(map(m.space, page_at(0x1000), frame_at(0x7000), rw, m.owed, kernel_only)));
  for (unsigned level = 1; level < 4; ++level) EXPECT_EQ(m.entry(0x1000, level) & 0xfff, x86::p | x86::rw) << level;
  EXPECT_TRUE(done(
      map(m.space, page_2m::containing({2 * M}), frame_2m::containing({4 * M}), {.allow = rights::kernel_ro}, m.owed)));
  auto const before = m.picture();

  attributes const user{.allow = rights::user_rw};
  EXPECT_EQ(why(map(m.space, page_at(0x2000), frame_at(0x8000), user, m.owed)), error_reason::withheld)
      << "not in silence";
  EXPECT_EQ(why(map(m.space, page_at(2 * M), frame_at(0x8000), user, m.owed, {.widen = true})), error_reason::occupied);
  EXPECT_EQ(m.picture(), before)
      << "x86_64: the read-only kernel page is now writable by the user, though the call failed";
  m.frames.fail_after(0);
  EXPECT_EQ(why(map(m.space, page_at(1 * G), frame_at(0x8000), user, m.owed, {.widen = true})),
            error_reason::no_frames);
  EXPECT_EQ(m.picture(), before) << "nor does running out of frames";
  m.frames.fail_after(-1);

  EXPECT_TRUE(done(map(m.space, page_at(0x2000), frame_at(0x8000), user, m.owed, {.widen = true})));
  EXPECT_EQ(m.query(0x2000)->effective, rights::user_rw);
  EXPECT_EQ(m.query(0x1000)->effective, rights::kernel_rw) << "what was there gained nothing";
  EXPECT_EQ(m.entry(0x1000, 3) & 0xfff, x86::p | x86::rw | x86::us);
  // No parent without "present" can be asked for: x86_64 panics there and loses a frame.
  EXPECT_EQ(why(map(m.space, page_at(1 * T), frame_at(0x8000), user, m.owed, {.leave = rights::none})),
            error_reason::withheld);
}

TEST(x86_64, S119_S120_S121_errors_tell_a_hole_from_a_leaf_of_another_size) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(map(m.space, page_2m::containing({2 * M}), frame_2m::containing({4 * M}), rw, m.owed)));
  EXPECT_TRUE(done(map(m.space, page_at(0), frame_at(0x7000), rw, m.owed)));
  EXPECT_EQ(why(unmap(m.space, page_at(0x9000), m.owed)), error_reason::not_mapped);
  EXPECT_EQ(why(update(m.space, page_at(0x9000), rw, m.owed)), error_reason::not_mapped);
  EXPECT_EQ(why(translate(m.space, page_at(0x9000))), error_reason::not_mapped);
  auto const part = unmap(m.space, page_at(2 * M + 0x1000), m.owed);
  ASSERT_EQ(why(part), error_reason::wrong_size);
  EXPECT_EQ(part.error().level, 1) << "inside a large page";
  auto const whole = unmap(m.space, page_2m{}, m.owed);
  ASSERT_EQ(why(whole), error_reason::wrong_size);
  EXPECT_EQ(whole.error().level, 0) << "over small ones: x86_64 says the same for both";
}

TEST(x86_64, S122_S123_S130_S131_translate_gives_size_offset_flags_and_effective_rights) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(
      done(map(m.space, page_1g::containing({1 * G}), frame_1g::containing({3 * G}), {.allow = rights::all}, m.owed)));
  EXPECT_TRUE(done(m.space.protect_table({1 * G}, 3, rights::kernel_rx, m.owed)));
  auto const t = m.query(1 * G + 0x123'4567);
  ASSERT_TRUE(t.has_value());
  EXPECT_EQ(t->address.value, 3 * G + 0x123'4567);
  EXPECT_EQ(t->output.value, 3 * G);
  EXPECT_EQ(t->bytes(), 1 * G);
  EXPECT_EQ(t->own, rights::all);
  EXPECT_EQ(t->effective, rights::kernel_rx) << "x86_64 shows those of the leaf alone";
  EXPECT_EQ(m.leads(0), ~u64{0});
}

TEST(x86_64, S127_update_changes_the_pages_and_nothing_above) {
  for (auto const *f : formats) {
    machine    m{*f};
    auto const want = sayable(*f, rights::kernel_rw), now = sayable(*f, rights::user_ro);
    EXPECT_TRUE(done(map(m.space, page_at(0x1000), frame_at(0x7000), want, m.owed))) << f->name;
    m.space.settle(m.owed);  // PAE: a new PDPTE is seen once CR3 is loaded again
    auto const above = m.entry(0x1000, 1), was = m.entry(0x1000);
    EXPECT_TRUE(done(update(m.space, page_at(0x1000), now, m.owed))) << f->name;
    EXPECT_EQ(m.entry(0x1000), (was & ~x86::rw) | x86::us) << f->name;
    EXPECT_EQ(m.entry(0x1000, 1), above);
    ASSERT_EQ(m.owed.extents().size(), 1u);
    EXPECT_EQ(m.owed.extents()[0], (stale{span_of(0x1000, 4 * K), 12, false})) << "for who flushes, here or elsewhere";
  }
}

TEST(x86_64, S128_rights_of_a_table_entry_are_set_at_a_level_and_owed_for_all_below) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(map(m.space, page_at(0x1000), frame_at(0x7000), {.allow = rights::all}, m.owed)));
  u64 const pointer = m.entry(0x1000, 2) & ones(12, 40);
  for (unsigned level = 1; level <= 3; ++level) {
    EXPECT_TRUE(done(m.space.protect_table({0x1000}, level, rights::kernel_ro, m.owed)));
    EXPECT_EQ(m.entry(0x1000, level) & ~ones(12, 40), x86::p | x86::xd) << "level " << level;
    EXPECT_TRUE(done(m.space.protect_table({0x1000}, level, rights::all, m.owed)));
  }
  EXPECT_EQ(m.entry(0x1000, 2), pointer | x86::p | x86::rw | x86::us);
  bool whole_reach = false;
  for (auto const &s : m.owed.extents()) whole_reach |= s.tables && s.input == span_of(0, 512 * G);
  EXPECT_TRUE(whole_reach || m.owed.all_stale());
  EXPECT_EQ(why(m.space.protect_table({0x1000}, 4, rights::all, m.owed)), error_reason::outside_input)
      << "there is no level 4";
  EXPECT_EQ(why(m.space.protect_table({1 * T}, 2, rights::all, m.owed)), error_reason::not_a_table);
}

TEST(x86_64, S132_identity_map_is_one_page_or_any_range_with_the_largest_pages) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.identity_map(span_of(0xb'8000, 4 * K), rw, m.owed)));
  EXPECT_TRUE(done(m.space.identity_map(span_of(1 * G - 4 * K, 1 * G + 4 * K), rw, m.owed)));
  for (u64 const at : {u64{0xb'8123}, 1 * G - 1, 1 * G + 5}) EXPECT_EQ(m.leads(at), at);
  EXPECT_EQ(m.query(1 * G)->lg2, 30);
}

TEST(x86_64, S133_S134_clean_up_frees_empty_tables_and_owes_the_flush) {
  machine m{x86::x86_64_4level};
  for (u64 const at : {u64{0}, 1 * G, 1 * T}) {
    EXPECT_TRUE(done(map(m.space, page_at(at), frame_at(0x7000), rw, m.owed)));
    if (at != 0) { EXPECT_TRUE(done(unmap(m.space, page_at(at), m.owed, emptied::keep))); }
  }
  m.space.settle(m.owed);
  EXPECT_EQ(m.tables(), 3u + 2 + 3);
  m.log.clear();
  EXPECT_TRUE(done(m.space.clean_up(span_of(1 * G, 1 * G), m.owed)));
  EXPECT_EQ(m.tables(), 3u + 3);
  EXPECT_FALSE(m.owed.is_settled()) << "x86_64 frees them with no token";
  EXPECT_EQ(count_of(m.log, event::released), 0u);
  EXPECT_TRUE(done(m.space.clean_up(span_of(0, 128 * T), m.owed)));
  EXPECT_EQ(m.tables(), 3u);
  m.space.settle(m.owed);
  EXPECT_TRUE(released_only_after_a_flush(m.log));
  EXPECT_EQ(m.frames.out(), 4u);
  EXPECT_EQ(m.leads(0), 0x7000u);
}

TEST(x86_64, D18_whatever_runs_out_whenever_it_does_nothing_has_changed) {
  struct job {
    char const *name;
    std::expected<void, error> (*run)(machine &, attributes const &, u64 large);
  };
  static constexpr job jobs[]{
      {"map",
       [](machine &m, attributes const &want, u64 large) {
         return m.space.map(span_of(3 * large - 0x1000, large + 0x2000), {7 * large - 0x1000}, want, m.owed);
       }},
      {"unmap", [](machine &m, attributes const &,
                   u64      large) { return m.space.unmap(span_of(0x1000, 2 * large - 0x2000), m.owed); }},
      {"protect",
       [](machine &m, attributes const &want, u64 large) {
         return m.space.update(span_of(0x1000, 2 * large - 0x2000), {.allow = want.allow, .type = memory_type::uc},
                               m.owed);
       }},
      {"split",
       [](machine &m, attributes const &, u64 large) { return m.space.split(span_of(0, 2 * large), 12, m.owed); }},
      {"annotate", [](machine &m, attributes const &,
                      u64      large) { return m.space.annotate(span_of(8 * large, 0x1000), 0x10, m.owed); }},
      {"reserve", [](machine &m, attributes const &, u64 large) { return m.space.reserve(span_of(0, 16 * large)); }}};
  for (auto const *f : formats)
    for (auto const &j : jobs) {
      SCOPED_TRACE(std::string{f->name} + ": " + j.name);
      machine    m{*f};
      u64 const  large = bit(f->levels[1].shift);
      auto const want  = sayable(*f, rights::kernel_rw);
      EXPECT_TRUE(done(m.space.map(span_of(0, 2 * large), {4 * large}, want, m.owed)));
      m.space.settle(m.owed);
      auto const before = m.picture();
      auto const out    = m.frames.out();
      long       n      = 0;
      for (;; ++n) {
        m.frames.fail_after(n);
        auto const result = j.run(m, want, large);
        if (result) break;
        ASSERT_EQ(why(result), error_reason::no_frames) << "after " << n;
        EXPECT_EQ(m.picture(), before) << "after " << n;
        EXPECT_EQ(m.frames.out(), out) << "after " << n;
        EXPECT_TRUE(m.owed.is_settled());
      }
      EXPECT_GT(n, 0) << "it needs frames";
      m.space.release_reserve();
      m.space.settle(m.owed);
      EXPECT_EQ(m.frames.out(), 1u + m.tables());
    }
}
