// SPDX-License-Identifier: MIT
// page-walker: walking with callbacks over memory that may fail (S17..S31, S68), and the defects of its walk (D1..D4,
// D9).
#include <pagewright/formats/x86.hpp>
#include <pagewright/models/memory.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr attributes rw{.allow = rights::kernel_rw};

/// Everything a sweep tells, in order and as text: "page 0x1000-0x1fff L0", "hole ...", "enter ...", "leave ...".
struct teller {
  std::vector<std::string> said;

  void say(char const *what, range r, unsigned level) {
    char line[80];
    std::snprintf(line, sizeof line, "%s %llx-%llx L%u", what, static_cast<unsigned long long>(r.first.value),
                  static_cast<unsigned long long>(r.last.value), level);
    said.push_back(line);
  }
  void leaf(leaf const &l) { say("leaf", {l.input, {l.input.value + (l.bytes() - 1)}}, l.level); }
  void hole(gap const &g) { say("hole", g.part, g.level); }
  void reserved(gap const &g) { say("reserved", g.part, g.level); }
  void unreadable(gap const &g) { say("unreadable", g.part, g.level); }
  auto enter(table_visit const &t) -> visit { return say("enter", t.part, t.level), visit::descend; }
  void leave(table_visit const &t) { say("leave", t.part, t.level); }
};
using lines = std::vector<std::string>;

/// Two pages and a large page below 1 GiB.
void furnish(machine &m) {
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 0x2000), {0x80'1000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {4 * M}, rw, m.owed)));
}

}  // namespace

// --- S17..S31: the walk and its visitors -----------------------------------------------------------------------------

TEST(page_walker, S17_S19_S20_S22_S25_S27_S28_S29_a_sweep_tells_leaves_holes_and_tables_before_and_after) {
  machine m{x86::x86_64_4level};
  furnish(m);
  teller v;
  EXPECT_TRUE(sweep(m.h, m.top, span_of(0, 6 * M), m.memory, v));
  EXPECT_EQ(v.said,
            (lines{"enter 0-5fffff L2", "enter 0-5fffff L1", "enter 0-1fffff L0", "hole 0-fff L0", "leaf 1000-1fff L0",
                   "leaf 2000-2fff L0", "hole 3000-1fffff L0", "leave 0-1fffff L0", "leaf 200000-3fffff L1",
                   "hole 400000-5fffff L1", "leave 0-5fffff L1", "leave 0-5fffff L2"}));
}

TEST(page_walker, S18_S24_S31_a_visitor_may_rewrite_what_it_is_told_about_and_what_lies_below) {
  machine m{x86::x86_64_4level};
  furnish(m);
  struct {
    machine &m;
    void     leaf(leaf const &l) { EXPECT_TRUE(m.space.set_entry(l.input, l.level, l.entry | bit(9), m.owed)); }
    auto     enter(table_visit const &t) -> visit {
      if (t.level != 0) return visit::descend;
      EXPECT_TRUE(done(m.space.protect(t.part, rights::kernel_ro, m.owed)));
      return visit::descend;
    }
  } v{m};
  EXPECT_TRUE(sweep(m.h, m.top, span_of(0, 4 * M), m.memory, v));
  EXPECT_EQ(m.entry(0x1000) & (bit(9) | x86::rw), bit(9)) << "what `enter` changed is what `leaf` was told";
  EXPECT_EQ(m.entry(0x2000) & bit(9), bit(9));
  EXPECT_EQ(m.entry(2 * M) & bit(9), bit(9));
  EXPECT_EQ(m.leads(0x2fff), 0x80'2fffu);
}

TEST(page_walker, S21_large_leaves_are_told_from_tables_at_their_level) {
  machine m{x86::x86_64_4level};
  furnish(m);
  EXPECT_EQ(m.space.entry({2 * M})->kind, entry_kind::leaf);
  EXPECT_EQ(m.space.entry({2 * M})->level, 1);
  EXPECT_EQ(m.space.entry({0x1000}, 1)->kind, entry_kind::table);
  EXPECT_EQ(m.query(2 * M)->lg2, 21);
}

TEST(page_walker, S26_S33_S68_memory_is_whatever_the_caller_passes_and_may_fail) {
  struct {
    std::vector<u64> asked;
    auto             load(output_address a, word) -> std::optional<u64> {
                  asked.push_back(a.value);
                  return a.value == 0x1008 ? std::optional<u64>{0x2007} : std::nullopt;
    }
  } remote;
  auto const t = walk(fixed<x86::x86_64_4level>{}, root{{0x1000}}, {u64{1} << 39 | u64{3} << 30}, remote);
  EXPECT_EQ(why(t), fault_reason::unreadable);
  EXPECT_EQ(t.error().slot.value, 0x2018u) << "where the memory is missing";
  EXPECT_EQ(t.error().level, 2);
  EXPECT_EQ(remote.asked, (std::vector<u64>{0x1008, 0x2018}));
}

TEST(page_walker, S30_a_visitor_stops_the_sweep_and_keeps_its_own_reason) {
  machine m{x86::x86_64_4level};
  furnish(m);
  struct {
    unsigned    leaves = 0;
    char const *reason = nullptr;
    auto        leaf(leaf const &) -> bool { return ++leaves < 2 ? true : (reason = "seen enough", false); }
  } v;
  EXPECT_FALSE(sweep(m.h, m.top, everything, m.memory, v));
  EXPECT_EQ(v.leaves, 2u);
  EXPECT_STREQ(v.reason, "seen enough");
}

// --- what was wrong --------------------------------------------------------------------------------------------------

TEST(page_walker, D1_mapping_at_equal_indices_writes_no_entry_that_was_not_asked_for) {
  machine   m{x86::x86_64_4level};
  u64 const at = u64{1} << 39 | u64{2} << 30 | u64{3} << 21 | u64{4} << 12;
  EXPECT_TRUE(done(m.space.map(span_of(0x0, 4 * K), {0x50'0000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(at, 4 * K), {0x60'0000}, rw, m.owed)));
  EXPECT_EQ(m.tables(), 6u);
  unsigned used = 0;
  for (auto const where : {u64{0}, at})
    for (unsigned level = 0; level < 4; ++level) {
      auto const found = m.space.entry({where}, level);
      ASSERT_TRUE(done(found));
      for (u64 i = 0; i < 512; ++i) used += m.word(slot_address(m.h, level, found->table, i)) != 0;
      if (level != 0) { EXPECT_NE(table_of(m.h, level, found->entry), found->table) << "no table points to itself"; }
    }
  EXPECT_EQ(used, 10u) << "four entries of each path; the root's two are seen from both";
  EXPECT_EQ(m.leads(0), 0x50'0000u);
  EXPECT_EQ(m.leads(at), 0x60'0000u);
}

TEST(page_walker, D2_nothing_is_read_below_an_absent_entry) {
  machine              m{x86::x86_64_4level};
  models::holey_memory counted{m.memory, [](output_address) { return false; }};
  auto const           t = walk(m.h, m.top, {0x40'0000'0000}, counted);
  EXPECT_EQ(why(t), fault_reason::absent);
  EXPECT_EQ(t.error().level, 3);
  EXPECT_EQ(counted.loads(), 1u) << "page-walker goes on at physical 0x1000, 0x800, 0, 0";
  EXPECT_TRUE(done(m.space.unmap(span_of(0, 1 * T), m.owed)));
  EXPECT_TRUE(done(m.space.protect(span_of(0, 1 * T), rights::kernel_ro, m.owed)));
  EXPECT_TRUE(done(m.space.clean_up(span_of(0, 1 * T), m.owed)));
  EXPECT_EQ(m.bytes.strays(), 0u) << "physical 0 lies outside this machine's memory";
  EXPECT_EQ(m.frames.wrong_releases(), 0u);
  EXPECT_EQ(m.tables(), 0u);
}

TEST(page_walker, D2_an_absent_entry_with_other_bits_is_not_followed_either) {
  machine m{x86::x86_64_4level};
  furnish(m);
  EXPECT_TRUE(m.space.set_entry({0}, 3, 0xdead'b000 | bit(7), m.owed));
  EXPECT_EQ(why(m.query(0x1000)), fault_reason::absent);
  EXPECT_EQ(m.query(0x1000).error().entry, 0xdead'b000 | bit(7));
  teller v;
  EXPECT_TRUE(sweep(m.h, m.top, span_of(0, 1 * G), m.memory, v));
  EXPECT_EQ(v.said, (lines{"hole 0-3fffffff L3"}));
  EXPECT_EQ(m.bytes.strays(), 0u);
}

TEST(page_walker, D3_a_range_holds_its_last_byte_and_nothing_behind_it) {
  machine m{x86::x86_64_4level};
  furnish(m);
  teller v;
  sweep(m.h, m.top, *range::of({0x1000}, 0x1000), m.memory, v);
  EXPECT_EQ(std::vector<std::string>(v.said.begin() + 3, v.said.end() - 3), (lines{"leaf 1000-1fff L0"}));
  EXPECT_EQ(range::of({0x1000}, 0), std::nullopt) << "there is no empty range to misread";
  EXPECT_EQ(range::between({0x2000}, {0x1fff}), std::nullopt) << "nor a backward one";
}

TEST(page_walker, D4_the_last_page_of_the_address_space_is_a_page_like_others) {
  for (auto const *f : {&x86::x86_32, &x86::pae, &x86::x86_64_4level, &x86::x86_64_5level}) {
    machine   m{*f};
    u64 const last = extended(m.h, below(f->input_bits())), page = last - 0xfff;
    EXPECT_TRUE(done(m.space.map(
        {{page}, {last}}, {0x7000},
        rw.allow == rights::kernel_rw && f->entry_bytes == 4 ? attributes{.allow = rights::kernel_rwx} : rw, m.owed)))
        << f->name;
    EXPECT_EQ(m.leads(last), 0x7fffu) << f->name;
    teller v;
    EXPECT_TRUE(sweep(m.h, m.top, {{page}, {~u64{0}}}, m.memory, v));
    EXPECT_EQ(v.said.size(), 2u * (f->depth - 1) + 1) << f->name;
    EXPECT_TRUE(done(m.space.unmap({{page}, {last}}, m.owed))) << f->name;
    EXPECT_EQ(m.tables(), 0u);
  }
}

TEST(page_walker, D9_hostile_tables_end_in_a_result_that_says_where) {
  machine m{x86::x86_64_4level};
  m.put(m.top.table, m.top.table.value | 7);         // slot 0: the root itself
  m.put(m.top.table + 8, 0xf'ffff'f000 | 7);         // slot 1: no memory there
  m.put(m.top.table + 16, bit(51) | 0x1000 | 0x87);  // slot 2: a leaf where there are none
  EXPECT_EQ(m.leads(0x123), m.top.table.value + 0x123) << "a cycle ends after four levels";
  EXPECT_EQ(why(m.query(u64{1} << 39)), fault_reason::unreadable);
  EXPECT_EQ(m.query(u64{1} << 39).error().slot.value, 0xf'ffff'f000u);
  EXPECT_EQ(why(m.query(u64{2} << 39)), fault_reason::reserved);
  struct {
    u64  leaves = 0, bad = 0, missing = 0;
    void leaf(leaf const &) { ++leaves; }
    void reserved(gap const &) { ++bad; }
    void unreadable(gap const &) { ++missing; }
  } v;
  EXPECT_TRUE(sweep(m.h, m.top, everything, m.memory, v)) << "it ends: no deeper than the format";
  EXPECT_EQ(v.leaves, 5u) << "through the cycle: the root's three slots as pages, and slot 2 as 2 MiB and as 1 GiB";
  EXPECT_EQ(v.bad, 1u);
  EXPECT_EQ(v.missing, 3u * 512) << "each slot of the table that is not there, reached at three levels";
}
