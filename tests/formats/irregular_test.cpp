// SPDX-License-Identifier: MIT
// What few formats have: entries that skip levels, tables of which only a part exists, levels that differ in what is absent
// or sparse, empty slots that are not zero. Invented variants of known formats, so that the words of the schema are tested
// apart from any one user of them.
#include "machine.hpp"

#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/loongarch.hpp>
#include <pagewright/formats/m68k.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/s390x.hpp>

namespace {

using namespace pagewright;

constexpr u64 ones_written = ones(61, 2), rw_pages = ones_written;

/// Sv39 of which empty slots hold a mark, and whose table entries bound the next table by their bits 62:60 and 57:55, in
/// units of 64 slots.
constexpr auto bounded() -> format {
  format f = riscv::sv39;
  f.table_bounds[0] = {always, {60, 3, 0}, false, 6};
  f.table_bounds[1] = {always, {55, 3, 0}, true, 6};
  for (unsigned n = 0; n < 3; ++n) {
    f.levels[n].vacant     = bit(8);
    f.levels[n].table_base |= n == 0 ? 0 : ones(60, 3);
    f.levels[n].table_zero  = 0;
  }
  return f;
}
constexpr format bounded_sv39 = bounded();

struct teller {
  std::vector<std::string> said;

  static auto hex(u64 v) -> std::string {
    std::ostringstream s;
    s << std::hex << v;
    return s.str();
  }
  void leaf(pagewright::leaf const &l) { said.push_back("leaf " + hex(l.input.value) + " 2^" + std::to_string(l.lg2)); }
  void hole(gap const &g) {
    said.push_back("hole " + hex(g.part.first.value) + ".." + hex(g.part.last.value) + " level " + std::to_string(g.level));
  }
  void reserved(gap const &g) { said.push_back("reserved " + hex(g.part.first.value)); }
};

/// The same, told many leaves at once.
struct run_teller : teller {
  void leaves(pagewright::leaf const &l, u64 n) {
    said.push_back(std::to_string(n) + " from " + hex(l.input.value) + " 2^" + std::to_string(l.lg2));
  }
};

}  // namespace

TEST(skipped_levels, a_sweep_finds_what_walks_find_and_holes_where_skipped_bits_are_set) {
  golden::machine m{amdvi::v1_4level};
  auto const put = [&](u64 slot, u64 entry) { m.memory.store({slot}, m.h->word(), entry); };
  m.memory.clear({0x110000}, 0x20000);
  put(0x100008, 0x6000000000110201);  // L4 leads to an L1 table
  put(0x110000 + 5 * 8, rw_pages | 0x1234001);
  put(0x110000 + 511 * 8, rw_pages | 0x5678001);

  constexpr u64 at = u64{1} << 39;
  EXPECT_EQ(m.space.query({at + 0x5123})->address.value, 0x1234123u);
  EXPECT_EQ(m.space.query({at + 0x1ff000})->address.value, 0x5678000u);
  for (u64 const beyond : {u64{0x205000}, u64{0x40005000}, u64{0x7fffe05000}}) {
    auto const t = m.space.query({at + beyond});
    ASSERT_FALSE(t) << std::hex << beyond;
    EXPECT_EQ(t.error().why, fault_reason::absent);
    EXPECT_EQ(t.error().slot.value, 0u) << "no slot is meant";
  }
  teller told;
  EXPECT_TRUE(sweep(m.h, root{{0x100000}}, {{at}, {2 * at - 1}}, m.memory, told));
  EXPECT_EQ(told.said, (std::vector<std::string>{
                         "hole 8000000000..8000004fff level 0", "leaf 8000005000 2^12", "hole 8000006000..80001fefff level 0",
                         "leaf 80001ff000 2^12", "hole 8000200000..803fffffff level 1", "hole 8040000000..ffffffffff level 2"}));

  teller part;  // from the middle of what is skipped
  EXPECT_TRUE(sweep(m.h, root{{0x100000}}, {{at + 0x300000}, {at + 0x4fffff}}, m.memory, part));
  EXPECT_EQ(part.said, (std::vector<std::string>{"hole 8000300000..80004fffff level 1"}));
}

TEST(skipped_levels, nothing_that_would_change_such_tables_touches_them) {
  golden::machine m{amdvi::v1_4level};
  auto const put = [&](u64 slot, u64 entry) { m.memory.store({slot}, m.h->word(), entry); };
  m.memory.clear({0x110000}, 0x10000);
  put(0x100008, 0x6000000000110201);
  put(0x110000 + 5 * 8, rw_pages | 0x1234001);
  constexpr u64 at = u64{1} << 39;
  range const   page{{at + 0x5000}, {at + 0x5fff}};
  attributes const rw{.allow = *least_rights(m.h, rights::kernel_rw), .type = memory_type::wb};

  auto const refused = [&](auto const &result) {
    EXPECT_FALSE(result);
    if (!result) {
      EXPECT_EQ(text(result.error().why), std::string{text(error_reason::irregular_table)});
      EXPECT_EQ(result.error().entry, 0x6000000000110201u);
    }
  };
  refused(m.space.map({{at + 0x6000}, {at + 0x6fff}}, {0x9000}, rw, m.owed));
  refused(m.space.unmap(page, m.owed));
  refused(m.space.protect(page, rights::readers, m.owed));
  refused(m.space.split(page, 12, m.owed));
  refused(m.space.collapse(page, m.owed));
  refused(m.space.entry({at + 0x5000}, 0));
  EXPECT_EQ(m.memory.load({0x110000 + 5 * 8}, m.h->word()), rw_pages | 0x1234001);
  EXPECT_TRUE(m.space.map({{0x6000}, {0x6fff}}, {0x9000}, rw, m.owed)) << "elsewhere";
}

TEST(bounded_tables, is_sound) { EXPECT_TRUE(golden::is_faultless(bounded_sv39)); }

TEST(bounded_tables, slots_outside_the_bounds_are_absent_whatever_lies_there) {
  golden::machine m{bounded_sv39};
  auto const put = [&](u64 slot, u64 entry) { m.memory.store({slot}, m.h->word(), entry); };
  auto const to  = [](u64 table, u64 low, u64 high) { return table >> 2 | 1 | high << 60 | low << 55; };
  make_empty(m.h, 2u, {0x100000}, m.memory);
  make_empty(m.h, 1u, {0x110000}, m.memory);
  put(0x100000, to(0x110000, 2, 5));
  for (unsigned n = 0; n < 512; ++n) put(0x110000 + 8 * n, u64{n} << 19 | 0xcf);  // 2M pages in all 512 slots

  for (unsigned n = 0; n < 512; n += 63) {
    auto const t = m.space.query({u64{n} << 21});
    EXPECT_EQ(t.has_value(), n >= 128 && n < 384) << n;
    if (!t) { EXPECT_EQ(unsigned{t.error().level}, 1u) << "of the table that is cut short"; }
  }
  teller told;
  EXPECT_TRUE(sweep(m.h, root{{0x100000}}, {{0}, {bit(30) - 1}}, m.memory, told));
  ASSERT_EQ(told.said.size(), 2u + 256);
  EXPECT_EQ(told.said.front(), "hole 0..fffffff level 1");
  EXPECT_EQ(told.said.back(), "hole 30000000..3fffffff level 1");

  for (unsigned n = 0; n < 512; ++n) put(0x110000 + 8 * n, (u64{n} << 19) | 0xcf);  // 2M pages that continue each other
  run_teller runs;
  EXPECT_TRUE(sweep(m.h, root{{0x100000}}, {{0}, {bit(30) - 1}}, m.memory, runs));
  EXPECT_EQ(runs.said, (std::vector<std::string>{"hole 0..fffffff level 1", "256 from 10000000 2^21",
                                                 "hole 30000000..3fffffff level 1"}));

  auto const ok = m.space.unmap({{bit(28)}, {bit(28) + 0x1fffff}}, m.owed);
  ASSERT_FALSE(ok);
  EXPECT_EQ(ok.error().why, error_reason::irregular_table);
}

TEST(empty_slots, hold_what_the_format_says_after_everything) {
  golden::machine m{bounded_sv39};
  make_empty(m.h, 2u, {0x100000}, m.memory);
  attributes const rw{.allow = rights::kernel_rw, .type = memory_type::pma};
  ASSERT_TRUE(m.space.map({{0x1ff000}, {0x600fff}}, {0x1ff000}, rw, m.owed));
  for (u64 const at : {u64{0x1fe000}, u64{0x601000}, u64{0x800000}, u64{0x40000000}}) {
    auto const t = m.space.query({at});
    ASSERT_FALSE(t);
    EXPECT_EQ(t.error().entry, bit(8)) << std::hex << at;
  }
  ASSERT_TRUE(m.space.unmap({{0x1ff000}, {0x3fffff}}, m.owed));
  EXPECT_EQ(m.space.query({0x200000}).error().entry, bit(8));
  ASSERT_TRUE(m.space.unmap({{0x400000}, {0x600fff}}, m.owed)) << "which leaves nothing";
  m.space.settle(m.owed);
  for (u64 n = 0; n < 512; ++n) ASSERT_EQ(m.memory.load({0x100000 + 8 * n}, m.h->word()), bit(8)) << n;
  EXPECT_FALSE(m.space.annotate({{0x1000}, {0x1fff}}, bit(8), m.owed)) << "what an empty slot holds is no note";
  EXPECT_TRUE(m.space.annotate({{0x1000}, {0x1fff}}, bit(9), m.owed));
}

TEST(empty_slots, are_left_by_unmapping_one_page) {
  golden::machine m{s390x::dat_31};
  ASSERT_TRUE(m.space.map({{0x3000}, {0x3fff}}, {0x9000}, {.allow = rights::all, .type = memory_type::pma}, m.owed));
  auto const was = unmap(m.space, page_4k::containing({0x3123}), m.owed);
  ASSERT_TRUE(was);
  EXPECT_EQ(was->output.value, 0x9000u);
  auto const t = m.space.query({0x3123});
  ASSERT_FALSE(t) << "zero would be a page at address zero";
  EXPECT_EQ(t.error().entry, vacant_of(m.h, t.error().level));
}

TEST(empty_slots, are_not_what_an_entry_to_a_new_table_looks_like) {
  constexpr u64 frame = 0x110000;  // the second that the source gives
  static constexpr format f = [] {
    auto made = loongarch::pages_4k;
    for (unsigned n = 1; n < made.depth; ++n) made.levels[n].absent = {~u64{0}, frame}, made.levels[n].vacant = frame;
    return made;
  }();
  golden::machine m{f};
  make_empty(m.h, m.h.top(), m.top.table, m.memory);
  auto const ok = m.space.map({{0x1000}, {0x1fff}}, {0x9000}, {.allow = rights::kernel_rw, .type = memory_type::wb}, m.owed);
  if (ok) {
    EXPECT_TRUE(m.space.query({0x1000})) << "what is mapped translates";
  } else {
    EXPECT_EQ(ok.error().why, error_reason::no_frames);
    EXPECT_FALSE(m.space.query({0x1000}));
  }
}

TEST(shared_entries, are_a_level_at_which_nothing_is_built) {
  golden::machine m{m68k::m68040_4k};
  EXPECT_EQ(lowest_built(m.h), 1u);
  attributes const rw{.allow = *least_rights(m.h, rights::kernel_rw), .type = m.h->types[0]};
  range const      pages{{0x3000}, {0x4fff}};
  ASSERT_TRUE(m.space.map(pages, {0x9000}, rw, m.owed, {.largest_lg2 = 11}));
  EXPECT_EQ(unsigned{m.space.query({0x3000})->level}, 1u);
  ASSERT_TRUE(m.space.unmap(pages, m.owed));
  u64 const note = 0x7777'7700;
  ASSERT_TRUE(m.space.annotate(pages, note, m.owed));
  EXPECT_EQ(m.space.entry({0x4000})->entry, note);
  ASSERT_TRUE(m.space.unmap(pages, m.owed)) << "and it can be removed";
  ASSERT_TRUE(m.space.reserve({{0}, {0x3ffff}}));
  EXPECT_EQ(m.space.reserved().tables[0], 0u);
  EXPECT_EQ(m.space.reserved().tables[1], 1u);
}

TEST(check, an_empty_slot_that_maps_something_is_found_with_its_level) {
  format f = riscv::sv39;
  f.levels[1].vacant = 1;
  auto const found = check(f);
  EXPECT_EQ(found.what, rule::vacant_is_absent);
  EXPECT_EQ(found.level, 1u);
}
