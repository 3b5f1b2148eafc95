// SPDX-License-Identifier: MIT
// Walk and sweep: what they say, why they stop, and that hostile tables cannot hurt (contracts 8 and 9, P29).
#include <algorithm>
#include <random>

#include "../space/fixture.hpp"

namespace trial {
namespace {

using x64 = fixed<x86::x86_64_4level>;
constexpr word w = x86::x86_64_4level.word();

struct tables : house<x86::x86_64_4level> {
  address_space<x64, byte_memory, fail_type, not_in_use> space{h, top, memory, frames, cache};
  ledger owed;
  ~tables() { space.settle(owed); }
  void map(u64 first, u64 size, u64 to, attributes const &want = {.allow = rights::user_rwx | rights::kernel_execute}) {
    auto const r = space.map(span_of(first, size), {to}, want, owed);
    ASSERT_TRUE(r) << text(r.error().why);
  }
  auto trace(u64 at) -> std::vector<step> {
    std::vector<step> steps;
    (void)walk(h, top, {at}, memory, [&](step const &s) { steps.push_back(s); });
    return steps;
  }
};

}  // namespace

TEST(walk, says_everything_about_a_page) {
  tables s;
  s.map(0x7000, 4 * K, 0x12'3000, {.allow = rights::kernel_rw | rights::kernel_execute, .type = memory_type::wt, .global = true, .dirty = false});
  auto const t = s.at(0x7abc);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->address, output_address{0x12'3abc});
  EXPECT_EQ(t->input, input_address{0x7000});
  EXPECT_EQ(t->output, output_address{0x12'3000});
  EXPECT_EQ(t->lg2, 12u);
  EXPECT_EQ(t->level, 0u);
  EXPECT_EQ(t->run_lg2, 0u);
  EXPECT_EQ(t->type, memory_type::wt);
  EXPECT_EQ(t->effective, rights::kernel_rwx);
  EXPECT_TRUE(t->global);
  EXPECT_TRUE(t->accessed);
  EXPECT_FALSE(t->dirty);
  EXPECT_EQ(t->entry, s.memory.load(t->slot, w));
}

TEST(walk, stops_at_a_missing_table_and_says_which) {
  tables s;
  s.memory.store(slot_address(s.h, 3u, s.top.table, 1), w, encode_table(s.h, level_constant<3>{}, {0x4444'4000}));
  auto const t = s.at(512 * G + 0x5000);
  ASSERT_FALSE(t);
  EXPECT_EQ(t.error().why, fault_reason::unreadable);
  EXPECT_EQ(t.error().level, 2u);
  EXPECT_EQ(t.error().slot, output_address{0x4444'4000});
  EXPECT_EQ(t.error().entry, 0u);
}

TEST(walk, names_level_slot_entry_and_reason_of_every_fault) {
  tables s;
  s.map(0, 4 * K, 0);
  auto const page = s.at(0)->slot;
  EXPECT_EQ(s.at(0x1000).error().why, fault_reason::absent);
  EXPECT_EQ(s.at(0x1000).error().slot, page + 8);
  EXPECT_EQ(s.at(G).error().level, 2u) << "the PDPT has no entry for the second gigabyte";

  static constexpr format narrow = x86::paging_4level({.physical_bits = 40});
  s.memory.store(page + 8, w, x86::p | bit(45) | x86::a);
  auto const reserved = walk(fixed<narrow>{}, s.top, {0x1000}, s.memory);
  EXPECT_EQ(reserved.error().why, fault_reason::reserved);
  EXPECT_EQ(reserved.error().entry, x86::p | bit(45) | x86::a);

  EXPECT_EQ(s.at(bit(47)).error().why, fault_reason::outside_input);
  EXPECT_EQ(s.at(bit(47)).error().level, 3u);
  EXPECT_EQ(walk(fixed<arm64::stage1_4k_48_upper>{}, s.top, {0}, s.memory).error().why, fault_reason::outside_input);
}

TEST(walk, of_an_unaccessed_leaf_faults_where_software_sets_the_mark) {
  static constexpr format svade = riscv::sv(3, {.hardware_accessed = false});
  house<svade> s;
  address_space space{s.h, s.top, s.memory, s.frames, s.cache};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(0, 4 * K), {0}, {.allow = rights::kernel_rw, .accessed = false, .dirty = false}, owed));
  EXPECT_EQ(s.at(0).error().why, fault_reason::not_accessed);
  EXPECT_NE(s.at(0).error().entry, 0u);
  EXPECT_TRUE(walk(fixed<riscv::sv39>{}, s.top, {0}, s.memory)) << "where hardware sets it, it is no fault";
  space.settle(owed);
}

TEST(walk, shows_every_level_to_its_observer_and_which_one_took_a_right_away) {
  tables s;
  s.map(0x5000, 4 * K, 0);
  auto steps = s.trace(0x5000);
  ASSERT_EQ(steps.size(), 4u);
  for (unsigned i = 0; i < 4; ++i) {
    EXPECT_EQ(steps[i].level, 3 - i);
    EXPECT_EQ(steps[i].kind, i < 3 ? entry_kind::table : entry_kind::leaf);
    EXPECT_EQ(steps[i].slot, steps[i].table + 8 * steps[i].index);
  }
  EXPECT_EQ(steps[3].index, 5u);
  s.memory.store(steps[1].slot, w, steps[1].entry & ~x86::rw);
  steps = s.trace(0x5000);
  EXPECT_NE(steps[0].allowed & rights::writers, rights::none);
  EXPECT_EQ(steps[1].allowed & rights::writers, rights::none) << "here it goes";
  EXPECT_NE(s.at(0x5000)->own & rights::writers, rights::none);
  EXPECT_EQ(s.at(0x5000)->effective & rights::writers, rights::none);
}

TEST(walk, combines_rights_as_each_architecture_does) {
  tables s;  // x86: W and U are ANDed, XD is ORed
  s.map(0, 4 * K, 0);
  auto const link = s.trace(0)[0];
  s.memory.store(link.slot, w, link.entry | x86::xd);
  EXPECT_EQ(s.at(0)->effective & rights::executes, rights::none);

  house<arm64::stage1_4k_48_lower> a;  // Arm: APTable[1] makes all below read-only, UXNTable takes execution
  address_space arm{a.h, a.top, a.memory, a.frames, a.cache};
  ledger owed;
  ASSERT_TRUE(arm.map(span_of(0, 4 * K), {0}, {.allow = rights::kernel_rwx}, owed));
  auto const slot = slot_address(a.h, 3u, a.top.table, 0);
  a.memory.store(slot, w, *a.memory.load(slot, w) | bit(62));
  EXPECT_EQ(a.at(0)->effective & rights::writers, rights::none);
  a.memory.store(slot, w, (*a.memory.load(slot, w) & ~bit(62)) | bit(59));
  EXPECT_EQ(a.at(0)->effective & rights::kernel_execute, rights::none);
  arm.settle(owed);

  house<x86::pae> p;  // a PDPTE says nothing about rights
  address_space pae{p.h, p.top, p.memory, p.frames, p.cache};
  ASSERT_TRUE(pae.map(span_of(0, 4 * K), {0}, {.allow = rights::user_rwx | rights::kernel_execute}, owed));
  EXPECT_EQ(p.at(0)->effective, p.at(0)->own);
  ASSERT_TRUE(pae.map(span_of(8 * K, 4 * K), {0}, {.allow = rights::user_rwx | rights::kernel_execute}, owed));
  pae.settle(owed);
}

TEST(walk, ignores_a_tag_where_the_format_does) {
  static constexpr format tagged = arm64::stage1({.input_bits = 39, .top_byte_ignored = true});
  house<tagged> s;
  address_space space{s.h, s.top, s.memory, s.frames, s.cache};
  ledger owed;
  ASSERT_TRUE(space.map(span_of(0x5000, 4 * K), {0x9000}, rw<tagged>(), owed));
  EXPECT_EQ(s.at(0xab00'0000'0000'5123)->address, output_address{0x9123});
  EXPECT_EQ(s.at(0xab80'0000'0000'5123).error().why, fault_reason::outside_input);
  space.settle(owed);
}

// --- sweep --------------------------------------------------------------------------------------------------------

namespace {

struct listener {
  std::vector<std::string> heard;
  unsigned stop_after = ~0u;
  auto say(char const *what, range const &r) -> bool {
    std::ostringstream s;
    s << what << " " << std::hex << r.first.value << ".." << r.last.value;
    heard.push_back(s.str());
    return heard.size() < stop_after;
  }
  auto leaf(pagewright::leaf const &l) -> bool { return say("leaf", {l.input, {l.input.value + (l.bytes() - 1)}}); }
  auto hole(gap const &g) -> bool { return say("hole", g.part); }
  auto reserved(gap const &g) -> bool { return say("reserved", g.part); }
  auto unreadable(gap const &g) -> bool { return say("unreadable", g.part); }
};
using heard = std::vector<std::string>;

}  // namespace

TEST(sweep, tells_leaves_holes_and_what_is_broken_in_ascending_order) {
  tables s;
  s.map(0x2000, 8 * K, 0);
  s.map(2 * M, 2 * M, 0);
  auto const slot = s.at(0x2000)->slot;
  s.memory.store(slot + 16, w, x86::p | bit(52) | bit(12) | x86::xd);
  s.memory.store(slot_address(s.h, 3u, s.top.table, 1), w, encode_table(s.h, level_constant<3>{}, {0x4444'4000}));
  static constexpr format nx_off = x86::paging_4level({.no_execute = false});
  listener l;
  EXPECT_TRUE(sweep(fixed<nx_off>{}, s.top, span_of(0, 512 * G + 8 * K), s.memory, l));
  EXPECT_EQ(l.heard, (heard{"hole 0..1fff", "leaf 2000..2fff", "leaf 3000..3fff", "reserved 4000..4fff", "hole 5000..1fffff",
                            "leaf 200000..3fffff", "hole 400000..3fffffff", "hole 40000000..7fffffffff",
                            "unreadable 8000000000..8000001fff"}));
}

TEST(sweep, stops_when_told_and_says_so) {
  tables s;
  s.map(0, 16 * K, 0);
  listener l;
  l.stop_after = 2;
  EXPECT_FALSE(sweep(s.h, s.top, everything, s.memory, l));
  EXPECT_EQ(l.heard, (heard{"leaf 0..fff", "leaf 1000..1fff"}));
}

TEST(sweep, passes_over_the_canonical_hole_and_reaches_the_top) {
  tables s;
  s.map(~u64{0} - 4 * K + 1, 4 * K, 0);
  listener l;
  EXPECT_TRUE(sweep(s.h, s.top, {{128 * T - 4 * K}, {~u64{0}}}, s.memory, l));
  EXPECT_EQ(l.heard.front(), "hole 7ffffffff000..7fffffffffff");
  EXPECT_EQ(l.heard[1].substr(0, 21), "hole ffff800000000000");
  EXPECT_EQ(l.heard.back(), "leaf fffffffffffff000..ffffffffffffffff");
}

TEST(sweep, shows_a_run_once_with_the_marks_of_all_its_slots) {
  house<arm64::stage1_4k_48_lower> s;
  address_space space{s.h, s.top, s.memory, s.frames, s.cache};
  ledger owed;
  auto want = rw<arm64::stage1_4k_48_lower>();
  want.accessed = false;
  ASSERT_TRUE(space.map(span_of(64 * K, 64 * K), {0}, want, owed));
  auto const slot = s.at(64 * K + 7 * 4 * K)->slot;
  s.memory.store(slot, w, *s.memory.load(slot, w) | arm64::af);
  struct {
    std::vector<pagewright::leaf> seen;
    void leaf(pagewright::leaf const &l) { seen.push_back(l); }
  } v;
  sweep(s.h, s.top, span_of(0, 2 * M), s.memory, v);
  ASSERT_EQ(v.seen.size(), 1u);
  EXPECT_EQ(v.seen[0].bytes(), 64 * K);
  EXPECT_TRUE(v.seen[0].accessed);
  space.settle(owed);
}

TEST(sweep, can_skip_tables_and_leaves_those_it_entered) {
  tables s;
  s.map(0, 4 * K, 0);
  s.map(G, 4 * K, 0);
  struct {
    unsigned entered = 0, left = 0, leaves = 0;
    auto enter(table_visit const &t) -> visit { return ++entered, t.level == 1 && t.part.first.value == 0 ? visit::skip : visit::descend; }
    void leave(table_visit const &) { ++left; }
    void leaf(pagewright::leaf const &) { ++leaves; }
  } v;
  EXPECT_TRUE(sweep(s.h, s.top, everything, s.memory, v));
  EXPECT_EQ(v.entered, 4u);
  EXPECT_EQ(v.left, 3u);
  EXPECT_EQ(v.leaves, 1u);
}

TEST(merger, joins_neighbours_that_say_the_same_and_continue_one_another) {
  tables s;
  s.map(0, 16 * K, 0x10000);
  s.map(16 * K, 4 * K, 0x90000);
  s.map(20 * K, 8 * K, 0x91000, {.allow = rights::kernel_rx});
  std::vector<range> found;
  merger m{follows_in_memory, [&](merged_extent const &e) { found.push_back(e.input); }};
  sweep(s.h, s.top, everything, s.memory, m);
  m.flush();
  EXPECT_EQ(found, (std::vector<range>{span_of(0, 16 * K), span_of(16 * K, 4 * K), span_of(20 * K, 8 * K)}));
}

// --- hostile tables -----------------------------------------------------------------------------------------------

namespace {

/// No memory outside of it. A type of its own, and not a lambda, so that what reads through it is compiled once.
struct outside {
  u64  first, bytes;
  auto operator()(output_address a) const -> bool { return a.value < first || a.value - first >= bytes; }
};

/// 16 tables of words that mostly point at one another: loops, self references, garbage, addresses out of this world.
template <auto const &F>
void walks_garbage(u64 seed) {
  constexpr unsigned count = 16;
  unsigned lg2 = 12;
  for (unsigned level = 0; level < F.depth; ++level) lg2 = std::max(lg2, table_lg2(dynamic{&F}, level));
  std::mt19937_64 random{seed};
  std::vector<u8> bytes(std::size_t{count} << lg2);
  byte_memory     inner{bytes, {0x10'0000}};
  for (u64 at = 0; at < bytes.size(); at += F.entry_bytes) {
    u64 entry = random();
    if (random() % 4 != 0) entry = encode_table(dynamic{&F}, F.depth - 1u, {0x10'0000 + ((random() % count) << lg2)});
    if (random() % 16 == 0) entry ^= bit(static_cast<unsigned>(random() % 64));
    inner.store({0x10'0000 + at}, F.word(), entry);
  }
  models::holey_memory memory{inner, outside{0x10'0000, bytes.size()}};
  u64 faults[unsigned(fault_reason::unreadable) + 1]{}, translations = 0;  // the last of them
  for (unsigned i = 0; i < 4000; ++i) {
    u64 const  at = extended(dynamic{&F}, random());
    root const top{{0x10'0000 + ((random() % count) << lg2)}};
    memory.forget();
    unsigned steps = 0;
    auto const slow = walk(dynamic{&F}, top, {at}, memory, [&](step const &) { ++steps; });
    ASSERT_LE(memory.loads(), F.depth) << F.name << " at 0x" << std::hex << at;
    ASSERT_LE(steps, F.depth);
    auto const fast = walk(fixed<F>{}, top, {at}, memory);
    ASSERT_EQ(slow.has_value(), fast.has_value()) << F.name << " at 0x" << std::hex << at;
    if (slow) {
      ++translations;
      ASSERT_EQ(slow->address, fast->address);
      ASSERT_EQ(slow->effective, fast->effective);
      ASSERT_LE(slow->output.value, below(F.output_bits));
    } else {
      ++faults[unsigned(slow.error().why)];
      ASSERT_EQ(slow.error().why, fast.error().why);
      ASSERT_EQ(slow.error().slot, fast.error().slot);
    }
  }
  EXPECT_GT(translations + faults[unsigned(fault_reason::absent)] + faults[unsigned(fault_reason::reserved)], 100u);

  // A sweep of part of it ends, and looks at nothing but slots of tables it was led to.
  memory.forget();
  struct {
    u64 events = 0;
    auto leaf(pagewright::leaf const &) -> bool { return ++events < 100'000; }
    auto hole(gap const &) -> bool { return ++events < 100'000; }
    auto reserved(gap const &) -> bool { return ++events < 100'000; }
    auto unreadable(gap const &) -> bool { return ++events < 100'000; }
  } v;
  sweep(fixed<F>{}, {{0x10'0000}}, everything, memory, v);
  EXPECT_GT(v.events, 0u);
}

}  // namespace

TEST(hostile_tables, cost_a_walk_no_more_than_a_load_a_level) {
  walks_garbage<x86::x86_32>(1);
  walks_garbage<x86::pae>(2);
  walks_garbage<x86::x86_64_4level>(3);
  walks_garbage<x86::x86_64_5level>(4);
  walks_garbage<arm64::stage1_4k_48_lower>(5);
  walks_garbage<arm64::stage1_16k_52_lpa2_upper>(6);
  walks_garbage<arm64::stage1_64k_52_lpa_lower>(7);
  walks_garbage<riscv::sv32>(8);
  walks_garbage<riscv::sv39>(9);
  walks_garbage<riscv::sv57>(10);
}

TEST(hostile_tables, that_point_to_themselves_end_a_walk_after_its_depth) {
  tables s;
  u64 const self = encode_table(s.h, level_constant<3>{}, s.top.table);
  for (u64 i = 0; i < 512; ++i) s.memory.store(slot_address(s.h, 3u, s.top.table, i), w, self);
  models::holey_memory memory{s.memory, [](output_address) { return false; }};
  auto const t = walk(s.h, s.top, {0x1234'5678'9abc}, memory);
  EXPECT_EQ(memory.loads(), 4u);
  ASSERT_TRUE(t) << "the recursive mapping: the root as a page";
  EXPECT_EQ(t->output, s.top.table);
}

}  // namespace trial
