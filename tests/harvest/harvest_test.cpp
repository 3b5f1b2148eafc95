// SPDX-License-Identifier: MIT
// Harvests of accessed and dirty marks, against a plain model of what hardware marked.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/arm64_stage2.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/formats/x86_nested.hpp>
#include <pagewright/harvest.hpp>
#include <pagewright/models/memory.hpp>
#include <pagewright/pagewright.hpp>

#include "../oracle/dice.hpp"

namespace pagewright {

inline void PrintTo(marked_extent const &e, std::ostream *out) {
  *out << "0x" << std::hex << e.input.first.value << "..0x" << e.input.last.value << std::dec << " " << text(e.seen);
}
inline void PrintTo(harvest_failure f, std::ostream *out) { *out << text(f); }

}  // namespace pagewright

namespace {

using namespace pagewright;

constexpr u64 K = 1024, M = 1024 * K, G = 1024 * M;

constexpr auto arm64_marked  = arm64::stage1({.hardware_dirty = true});
constexpr auto stage2_marked = arm64::stage2({.hardware_dirty = true});
constexpr auto sv39          = riscv::sv(3);
constexpr auto ept_marked    = ept::four_level();
constexpr auto amdvi_marked  = amdvi::v1({.hardware_accessed = true, .hardware_dirty = true});

/// A cache that remembers what was flushed at once.
struct noting_cache {
  std::vector<stale> flushed{};
  unsigned           published = 0, synced = 0, all = 0;

  void publish(output_address, u64) { ++published; }
  void invalidate(stale const &s) { flushed.push_back(s); }
  void invalidate_all() { ++all; }
  void sync() { ++synced; }
};

/// Tables of format `f`, with leaves not marked yet.
struct place {
  explicit place(format const &f) : h{&f} { make_empty(h, h.top(), top.table, memory); }

  void map(u64 first, u64 length, u64 to, bool runs = true) {
    address_space space{h, top, memory, frames, none};
    ledger owed;
    auto const allow = least_rights(h, rights::kernel_rw);
    auto const ok    = space.map(*range::of({first}, length), {to},
                                 {.allow = *allow, .type = h->types[0], .accessed = false, .dirty = false}, owed, {.runs = runs});
    ASSERT_TRUE(ok) << "mapping 0x" << std::hex << first << ": " << text(ok.error().why);
    space.settle(owed);
  }
  /// Touches `at` as hardware does, marking the table entries on the way.
  void touch(u64 at, bool write) {
    passage way;
    auto const found = walk(h, top, {at}, memory, way);
    ASSERT_TRUE(found) << std::hex << at;
    for (step const &s : way) memory.store(s.slot, h->word(), marked(h, s, write ? access_kind::write : access_kind::read));
  }
  /// Every leaf, with the marks it has, as the sweep tells them.
  auto leaves() -> std::map<u64, leaf> {
    struct {
      std::map<u64, pagewright::leaf> found{};
      void leaf(pagewright::leaf const &l) { found[l.input.value] = l; }
    } all;
    sweep(h, top, everything, memory, all);
    return all.found;
  }

  static constexpr u64 size = 8 * M, base = 0x100'0000;
  dynamic         h;
  std::vector<u8> bytes = std::vector<u8>(size);
  byte_memory     memory{bytes, {base}};
  root            top{{base}};
  /// The same memory through a pointer: it can always be read, and is then looked through faster.
  auto direct() -> direct_map { return direct_map{reinterpret_cast<void *>(reinterpret_cast<std::uintptr_t>(bytes.data()) - base)}; }

  bump_frames     frames{{base + 64 * K}, size - 64 * K};
  not_in_use      none{};
};

auto collect(std::vector<marked_extent> &into) {
  return [&into](marked_extent const &e) { into.push_back(e); };
}
using extents = std::vector<marked_extent>;

constexpr auto span_of(u64 first, u64 bytes) -> range { return {{first}, {first + (bytes - 1)}}; }
constexpr harvest_request read_both{.look = marks::both}, take_both{.look = marks::both, .clear = marks::both},
    take_dirty{.look = marks::dirty, .clear = marks::dirty};

/// What a harvest of `where` must tell: each leaf's part of the range, neighbours merged.
auto expected_of(std::map<u64, leaf> const &leaves, range where, marks look, marks told) -> extents {
  extents all;
  for (auto const &[at, l] : leaves) {
    u64 const   end  = at + (l.bytes() - 1);
    marks const seen = (l.accessed ? marks::accessed : marks::none) | (l.dirty ? marks::dirty : marks::none);
    if (end < where.first.value || at > where.last.value || (seen & look) == marks::none) continue;
    range const part{{std::max(at, where.first.value)}, {std::min(end, where.last.value)}};
    if (!all.empty() && all.back().input.last.value + 1 == part.first.value && all.back().seen == (seen & told)) all.back().input.last = part.last;
    else all.push_back({part, seen & told});
  }
  return all;
}

}  // namespace

// --- single cases ---------------------------------------------------------------------------------------------------

TEST(harvest, tells_neighbours_with_the_same_marks_as_one_extent) {
  place p{x86::x86_64_4level};
  p.map(0, 64 * K, 0);
  for (u64 at : {4 * K, 8 * K, 12 * K}) p.touch(at, true);
  p.touch(16 * K, false);
  p.touch(40 * K, true);
  extents seen;
  auto const n = read_marks(p.h, p.top, everything, p.memory, read_both, collect(seen));
  ASSERT_TRUE(n);
  EXPECT_EQ(seen, (extents{{span_of(4 * K, 12 * K), marks::both}, {span_of(16 * K, 4 * K), marks::accessed}, {span_of(40 * K, 4 * K), marks::both}}));
  EXPECT_EQ(n->leaves, 5u);
  EXPECT_EQ(n->cleared, 0u);
}

TEST(harvest, clears_what_it_was_asked_to_and_nothing_else) {
  place p{x86::x86_64_4level};
  p.map(0, 64 * K, 0);
  p.touch(8 * K, true);
  auto const   before = p.leaves();
  extents      seen;
  noting_cache cache;
  ledger       owed;
  auto const   n = harvest(p.h, p.top, everything, p.memory, take_dirty, collect(seen), cache, owed);
  ASSERT_TRUE(n);
  EXPECT_EQ(seen, (extents{{span_of(8 * K, 4 * K), marks::dirty}})) << "accessed was not asked for";
  for (auto const &[at, l] : p.leaves())
    EXPECT_EQ(l.entry, before.at(at).entry & ~(at == 8 * K ? x86::d : 0)) << std::hex << at;
  ASSERT_EQ(owed.extents().size(), 1u);
  EXPECT_EQ(owed.extents()[0], (stale{span_of(8 * K, 4 * K), 12, false}));
  EXPECT_EQ(cache.published, 1u);
  owed.invalidate(cache);
}

TEST(harvest, owes_nothing_where_nothing_was_cleared) {
  place p{x86::x86_64_4level};
  p.map(0, 4 * M, 0);
  extents      seen;
  noting_cache cache;
  ledger       owed;
  auto const   n = harvest(p.h, p.top, everything, p.memory, take_both, collect(seen), cache, owed);
  ASSERT_TRUE(n);
  EXPECT_TRUE(seen.empty());
  EXPECT_TRUE(owed.is_settled());
  EXPECT_EQ(cache.published + cache.synced, 0u);
}

TEST(harvest, owes_nothing_for_accessed_marks_that_the_caller_need_not_trust) {
  place p{x86::x86_64_4level};
  p.map(0, 64 * K, 0);
  p.touch(4 * K, false);
  p.touch(32 * K, true);
  extents         seen;
  noting_cache    cache;
  ledger          owed;
  harvest_request lazy = take_both;
  lazy.owe_accessed    = false;
  ASSERT_TRUE(harvest(p.h, p.top, everything, p.memory, lazy, collect(seen), cache, owed));
  ASSERT_EQ(owed.extents().size(), 1u) << "the dirty page alone";
  EXPECT_EQ(owed.extents()[0].input, span_of(32 * K, 4 * K));
  owed.invalidate(cache);
}

TEST(harvest, a_leaf_that_reaches_beyond_the_range_is_told_and_keeps_its_marks) {
  place p{x86::x86_64_4level};
  p.map(2 * M, 2 * M, 2 * M);
  p.touch(2 * M, true);
  extents      seen;
  noting_cache cache;
  ledger       owed;
  auto const   n = harvest(p.h, p.top, span_of(3 * M, 8 * K), p.memory, take_both, collect(seen), cache, owed);
  ASSERT_TRUE(n);
  EXPECT_EQ(seen, (extents{{span_of(3 * M, 8 * K), marks::both}}));
  EXPECT_EQ(n->kept, 1u);
  EXPECT_EQ(n->cleared, 0u);
  EXPECT_TRUE(p.leaves().at(2 * M).dirty);
  EXPECT_TRUE(owed.is_settled());
}

TEST(harvest, a_dirty_arm_page_made_clean_is_still_writable_and_a_read_only_one_never_dirty) {
  place p{arm64_marked};
  p.map(0, 4 * K, 0, false);
  p.touch(0, true);
  auto const dirty = p.leaves().at(0);
  ASSERT_TRUE(dirty.dirty);
  noting_cache cache;
  ledger       owed;
  extents      seen;
  ASSERT_TRUE(harvest(p.h, p.top, everything, p.memory, take_dirty, collect(seen), cache, owed));
  EXPECT_EQ(seen.size(), 1u);
  auto const clean = p.leaves().at(0);
  EXPECT_FALSE(clean.dirty);
  EXPECT_EQ(clean.own, dirty.own);
  EXPECT_EQ(clean.entry ^ dirty.entry, arm64::ap2) << "DBM stays: hardware must be able to set the mark again";
  owed.invalidate(cache);
}

TEST(harvest, a_clean_stage_2_page_loses_its_write_permission_bit_alone) {
  place p{stage2_marked};
  p.map(0, 4 * K, 0, false);
  p.touch(0, true);
  auto const dirty = p.leaves().at(0);
  ASSERT_TRUE(dirty.dirty);
  noting_cache cache;
  ledger       owed;
  extents      seen;
  ASSERT_TRUE(harvest(p.h, p.top, everything, p.memory, take_dirty, collect(seen), cache, owed));
  auto const clean = p.leaves().at(0);
  EXPECT_FALSE(clean.dirty);
  EXPECT_EQ(clean.entry ^ dirty.entry, bit(7)) << "S2AP[1]";
  owed.invalidate(cache);
}

TEST(harvest, a_mark_in_any_slot_of_a_run_is_the_runs_and_is_cleared_in_all) {
  for (format const *f : {&arm64_marked, &sv39})
    for (u64 slot = 0; slot < 16; ++slot)
      for (u64 from : {u64{0}, 4 * K, 60 * K}) {  // a range that begins, or ends, inside the run finds the mark too
        SCOPED_TRACE(std::string(f->name) + " slot " + std::to_string(slot) + " from " + std::to_string(from));
        place p{*f};
        p.map(64 * K, 64 * K, 64 * K);
        ASSERT_EQ(p.leaves().at(64 * K).run_lg2, 4);
        p.touch(64 * K + slot * 4 * K, true);
        if (slot != 15) p.touch(64 * K + 15 * 4 * K, false);
        extents seen;
        ASSERT_TRUE(read_marks(p.h, p.top, span_of(64 * K + from, 4 * K), p.memory, read_both, collect(seen)));
        EXPECT_EQ(seen, (extents{{span_of(64 * K + from, 4 * K), marks::both}}));
        seen.clear();
        noting_cache cache;
        ledger       owed;
        auto const   n = harvest(p.h, p.top, span_of(0, 256 * K), p.memory, take_both, collect(seen), cache, owed);
        ASSERT_TRUE(n);
        EXPECT_EQ(seen, (extents{{span_of(64 * K, 64 * K), marks::both}}));
        EXPECT_EQ(n->cleared, slot != 15 ? 2u : 1u) << "exchanges only where marks are";
        auto const l = p.leaves().at(64 * K);
        EXPECT_FALSE(l.accessed || l.dirty);
        EXPECT_EQ(l.run_lg2, 4);
        ASSERT_EQ(owed.extents().size(), 1u);
        EXPECT_EQ(owed.extents()[0], (stale{span_of(64 * K, 64 * K), 16, false}));
        owed.invalidate(cache);
      }
}

TEST(harvest, what_the_format_does_not_have_is_an_error) {
  extents      seen;
  noting_cache cache;
  ledger       owed;
  auto const   why = [&](format const &f, range where, harvest_request const &what) {
    place      p{f};
    auto const n = harvest(p.h, p.top, where, p.memory, what, collect(seen), cache, owed);
    return n ? std::optional<harvest_failure>{} : n.error().why;
  };
  static constexpr auto unmarked = arm64::stage1({});
  static constexpr auto no_marks = ept::four_level({.accessed_dirty = false});
  EXPECT_EQ(why(unmarked, everything, take_dirty), harvest_failure::no_mark);
  EXPECT_EQ(why(unmarked, everything, {.look = marks::accessed}), std::nullopt);
  EXPECT_EQ(why(no_marks, everything, {.look = marks::accessed}), harvest_failure::no_mark);
  EXPECT_EQ(why(x86::x86_64_4level, everything, {.look = marks::none}), harvest_failure::no_mark);
  EXPECT_EQ(why(x86::x86_64_4level, {{4 * K}, {0}}, take_dirty), harvest_failure::outside_input);
  EXPECT_EQ(why(x86::x86_64_4level, everything, {.look = marks::both, .clear = marks::dirty, .clear_tables = true}),
            harvest_failure::left_below);
}

TEST(harvest, missing_memory_is_an_error_before_anything_is_cleared) {
  place p{x86::x86_64_4level};
  p.map(0, 4 * K, 0);
  p.map(4 * G, 4 * K, 0);
  p.touch(0, true);
  auto const gone  = walk(p.h, p.top, {4 * G}, p.memory)->slot;
  auto const before = p.bytes;
  models::holey_memory holey{p.memory, [gone](output_address a) { return a.value / (4 * K) == gone.value / (4 * K); }};
  extents      seen;
  noting_cache cache;
  ledger       owed;
  auto const   n = harvest(p.h, p.top, everything, holey, take_both, collect(seen), cache, owed);
  ASSERT_FALSE(n);
  EXPECT_EQ(n.error().why, harvest_failure::unreadable);
  EXPECT_EQ(n.error().at.value, 4 * G);
  EXPECT_EQ(p.bytes, before);
  EXPECT_TRUE(seen.empty());
}

TEST(harvest, table_marks_cleared_ahead_do_not_reach_over_the_non_canonical_hole) {
  place     p{x86::x86_64_4level};
  u64 const below_hole = 0x7fff'ffff'f000, above_hole = 0xffff'8000'0000'0000;
  for (u64 at : {below_hole, above_hole}) p.map(at, 4 * K, 0), p.touch(at, true);
  extents         seen;
  noting_cache    cache;
  ledger          owed;
  harvest_request what = take_both;
  what.skip_untouched = what.clear_tables = true;
  ASSERT_TRUE(harvest(p.h, p.top, everything, p.memory, what, collect(seen), cache, owed));
  EXPECT_EQ(seen, (extents{{span_of(below_hole, 4 * K), marks::both}, {span_of(above_hole, 4 * K), marks::both}}));
  owed.invalidate(cache);
}

// --- bitmaps --------------------------------------------------------------------------------------------------------

TEST(mark_bitmap, has_a_bit_for_each_page_told_and_no_other) {
  oracle::dice d{7};
  for (unsigned round = 0; round < 2000; ++round) {
    u64               words[5]{};
    std::vector<bool> want(320);
    mark_bitmap       map{{1 * M}, 12, {words, 5}, marks::dirty};
    bool              beyond = false;
    for (unsigned k = d.below(4); k-- > 0;) {
      u64 const   first = d.below(400), n = 1 + d.below(d.one_in(2) ? 3 : 200);
      marks const seen  = d.one_in(4) ? marks::accessed : d.one_in(2) ? marks::dirty : marks::both;
      map(marked_extent{{{1 * M - 40 * 4 * K + first * 4 * K}, {1 * M - 40 * 4 * K + (first + n) * 4 * K - 1}}, seen});
      if (seen == marks::accessed) continue;
      for (u64 i = first; i < first + n; ++i) {
        if (i >= 40 && i - 40 < 320) want[i - 40] = true;
        else beyond = true;
      }
    }
    for (unsigned i = 0; i < 320; ++i)
      ASSERT_EQ((words[i / 64] >> (i % 64) & 1) != 0, want[i]) << "round " << round << ", page " << i;
    ASSERT_EQ(map.overflowed(), beyond) << "round " << round;
  }
}

// --- random trees ---------------------------------------------------------------------------------------------------

namespace {

struct trial {
  char const   *name;
  format const *f;
};
constexpr trial trials[] = {{"x86-64 4-level", &x86::x86_64_4level}, {"Arm64 4K, contiguous, DBM", &arm64_marked},
                            {"Arm64 stage 2, DBM", &stage2_marked}, {"Sv39, Svnapot", &sv39}, {"EPT", &ept_marked},
                            {"AMD-Vi v1", &amdvi_marked}};

/// Fills `p` with random mappings, of which random pages were touched.
void grow(place &p, oracle::dice &d, unsigned touches) {
  unsigned const bits = p.h->input_bits();
  for (unsigned n = 0; n < 12; ++n) {
    address_space  space{p.h, p.top, p.memory, p.frames, p.none};
    ledger         owed;
    u64 const      unit = d.one_in(3) ? 2 * M : d.one_in(2) ? 64 * K : 4 * K, length = unit * (1 + d.below(40));
    u64 const      at = (d.word() % (d.one_in(2) ? 64 * M : bit(bits - 1) - 1 - length)) & ~(unit - 1);
    u64 const      to = (d.word() & below(36) & ~(unit - 1));
    attributes const want{.allow = *least_rights(p.h, d.one_in(3) ? rights::kernel_ro : rights::kernel_rw), .type = p.h->types[0],
                          .accessed = false, .dirty = false};
    (void)space.map(span_of(at, length), {to}, want, owed, {.runs = !d.one_in(4)});
    space.settle(owed);
  }
  auto const all = p.leaves();
  if (all.empty()) return;
  for (unsigned n = 0; n < touches; ++n) {
    auto it = all.begin();
    std::advance(it, d.below(all.size()));
    auto const &l = it->second;
    bool const writable = (l.effective & rights::writers) != rights::none;
    p.touch(l.input.value + (d.word() & below(l.lg2)), writable && d.one_in(2));
  }
}

}  // namespace

TEST(harvest_of_random_trees, is_what_the_plain_model_says) {
  for (auto const &[name, f] : trials)
    for (unsigned seed = 0; seed < 60; ++seed) {
      SCOPED_TRACE(std::string(name) + " seed " + std::to_string(seed));
      oracle::dice d{seed};
      place        p{*f};
      grow(p, d, d.below(200));
      auto const before = p.leaves();
      if (before.empty()) continue;

      harvest_request what;
      what.look           = static_cast<marks>(1 + d.below(3));
      what.clear          = static_cast<marks>(d.below(4));
      what.skip_untouched = d.one_in(2);
      auto it = before.begin();
      std::advance(it, d.below(before.size()));
      u64 const first = it->first + (d.word() & below(it->second.lg2) & ~below(12));
      std::advance(it, d.below(static_cast<u64>(std::distance(it, before.end()))));
      u64 const   last  = std::max(first, it->first + (d.word() & below(it->second.lg2))) | below(12);
      range const where = d.one_in(4) ? everything : range{{first}, {last}};

      auto const   want = expected_of(before, where, what.look, what.look | what.clear);
      extents      seen, read;
      noting_cache cache;
      basic_ledger<64> owed;
      ASSERT_TRUE(read_marks(p.h, p.top, where, p.memory, {.look = what.look, .skip_untouched = what.skip_untouched}, collect(read)));
      ASSERT_EQ(read, expected_of(before, where, what.look, what.look));
      ASSERT_TRUE(harvest(p.h, p.top, where, p.memory, what, collect(seen), cache, owed));
      ASSERT_EQ(seen, want);

      auto const after = p.leaves();
      ASSERT_EQ(after.size(), before.size());
      for (auto const &[at, was] : before) {
        auto const &now  = after.at(at);
        marks const had  = (was.accessed ? marks::accessed : marks::none) | (was.dirty ? marks::dirty : marks::none);
        bool const  whole = at >= where.first.value && at + (was.bytes() - 1) <= where.last.value;
        marks const gone = whole && (had & what.look) != marks::none ? what.clear : marks::none;
        ASSERT_EQ(now.accessed, was.accessed && (gone & marks::accessed) == marks::none) << std::hex << at;
        ASSERT_EQ(now.dirty, was.dirty && (gone & marks::dirty) == marks::none) << std::hex << at;
        ASSERT_EQ(now.own, was.own) << std::hex << at;
        ASSERT_EQ(now.output, was.output) << std::hex << at;
        ASSERT_EQ(now.lg2, was.lg2) << std::hex << at;
        ASSERT_EQ(owed.may_hold(span_of(at, was.bytes())) && !owed.all_stale(), !owed.all_stale() && (had & gone) != marks::none) << std::hex << at;
      }
      owed.invalidate(cache);
    }
}

namespace {

/// The compiled handle over a direct map, which looks at eight slots at once, against the interpreted one slot by slot.
template <format const &F>
void tells_what_the_interpreted_handle_tells() {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(std::string(F.name) + " seed " + std::to_string(seed));
    oracle::dice d{3000 + seed}, again{3000 + seed}, choice{seed};
    place        a{F}, b{F};
    unsigned const touches = choice.below(60);
    grow(a, d, touches);
    grow(b, again, touches);
    ASSERT_EQ(a.bytes, b.bytes);
    u64 const             first = choice.word() % (64 * M) & ~below(12);
    range const           where = choice.one_in(2) ? everything : range{{first}, {first + (choice.word() % (32 * M) | below(12))}};
    harvest_request const what{static_cast<marks>(1 + choice.below(3)), static_cast<marks>(choice.below(4))};
    extents               slow, fast;
    noting_cache          cache;
    basic_ledger<64>      owed;
    auto const n = harvest(a.h, a.top, where, a.memory, what, collect(slow), cache, owed);
    auto const m = harvest(fixed<F>{}, b.top, where, b.direct(), what, collect(fast), cache, owed);
    ASSERT_TRUE(n && m);
    EXPECT_EQ(slow, fast);
    EXPECT_EQ(n->leaves, m->leaves);
    EXPECT_EQ(n->cleared, m->cleared);
    EXPECT_EQ(n->kept, m->kept);
    EXPECT_EQ(a.bytes, b.bytes);
    owed.invalidate(cache);
  }
}

}  // namespace

TEST(harvest_of_random_trees, is_the_same_by_the_compiled_handle_eight_slots_at_a_glance) {
  tells_what_the_interpreted_handle_tells<x86::x86_64_4level>();
  tells_what_the_interpreted_handle_tells<arm64_marked>();
  tells_what_the_interpreted_handle_tells<sv39>();
}

TEST(harvest_of_random_trees, skips_untouched_tables_and_finds_all_the_same_time_after_time) {
  for (format const *f : {&x86::x86_64_4level, &ept_marked})
    for (unsigned seed = 0; seed < 60; ++seed) {
      SCOPED_TRACE(std::string(f->name) + " seed " + std::to_string(seed));
      oracle::dice d{1000 + seed};
      place        p{*f};
      grow(p, d, 0);
      auto const all = p.leaves();
      if (all.empty()) continue;
      for (unsigned round = 0; round < 4; ++round) {
        for (unsigned n = d.below(6); n-- > 0;) {
          auto it = all.begin();
          std::advance(it, d.below(all.size()));
          p.touch(it->first, (it->second.effective & rights::writers) != rights::none);
        }
        auto const      half = d.one_in(2) ? range{{0}, {std::next(all.begin(), d.below(all.size()))->first | below(12)}} : everything;
        auto const      want = expected_of(p.leaves(), half, marks::both, marks::both);
        harvest_request what = take_both;
        what.skip_untouched = what.clear_tables = true;
        extents          seen;
        noting_cache     cache;
        basic_ledger<64> owed;
        ASSERT_TRUE(harvest(p.h, p.top, half, p.memory, what, collect(seen), cache, owed));
        ASSERT_EQ(seen, want) << "round " << round;
        for (auto const &s : cache.flushed) ASSERT_TRUE(s.tables);
        owed.invalidate(cache);
      }
      noting_cache     cache;
      basic_ledger<64> owed;
      extents          rest;
      harvest_request  what = take_both;
      what.skip_untouched = what.clear_tables = true;
      ASSERT_TRUE(harvest(p.h, p.top, everything, p.memory, what, collect(rest), cache, owed));
      owed.invalidate(cache);
      struct {
        u64  loads = 0, marked = 0;
        auto enter(table_visit const &) -> visit { return ++loads, visit::descend; }
      } tables;
      sweep(p.h, p.top, everything, p.memory, tables);
      models::holey_memory counted{p.memory, [](output_address) { return false; }};
      rest.clear();
      ASSERT_TRUE(read_marks(p.h, p.top, everything, counted, {.look = marks::both, .skip_untouched = true}, collect(rest)));
      EXPECT_TRUE(rest.empty());
      EXPECT_EQ(counted.loads(), 512u) << "the root alone, of " << tables.loads << " tables";
    }
}

// --- hardware at the worst moment -----------------------------------------------------------------------------------

TEST(harvest_against_hardware, loses_no_mark_and_invents_none) {
  for (auto const &[name, f] : trials)
    for (unsigned seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(std::string(name) + " seed " + std::to_string(seed));
      oracle::dice d{2000 + seed};
      place        p{*f};
      grow(p, d, 100);
      auto const initial = p.leaves();
      if (initial.empty()) continue;
      std::map<u64, pagewright::leaf const *> by_slot;  // where each leaf's slots lie
      for (auto const &[at, l] : initial)
        for (u64 i = 0; i < bit(l.run_lg2); ++i) by_slot[(l.slot.value & ~below(stride_lg2(p.h, l.level) + l.run_lg2)) + i * 8] = &l;

      // Marks hardware has set, by leaf, and those that were told.
      std::map<u64, marks> given, told;
      for (auto const &[at, l] : initial)
        given[at] = (l.accessed ? marks::accessed : marks::none) | (l.dirty ? marks::dirty : marks::none);
      unsigned fuel = 0;
      auto const mark = [&](output_address slot, u64 entry) {
        auto const it = by_slot.find(slot.value);
        if (it == by_slot.end() || fuel == 0 || d.one_in(2)) return entry;
        --fuel;
        auto const &l     = *it->second;
        bool const  write = (l.own & rights::writers) != rights::none && d.one_in(2);
        step const  s{l.level, {}, 0, slot, entry, entry_kind::leaf, rights::all};
        u64 const   now = marked(p.h, s, write ? access_kind::write : access_kind::read);
        if (now != entry) given[l.input.value] |= write ? marks::both : marks::accessed;
        return now;
      };
      auto                   direct = p.direct();
      models::marking_memory busy{direct, mark};
      for (unsigned round = 0; round < 6; ++round) {
        fuel = round == 5 ? 0 : 50;  // hardware is quiet at last: all that is left is told then
        noting_cache     cache;
        basic_ledger<64> owed;
        auto const observe = [&](marked_extent const &e) {
          for (auto it = initial.lower_bound(e.input.first.value); it != initial.end() && it->first <= e.input.last.value; ++it)
            told[it->first] |= e.seen;
        };
        ASSERT_TRUE(harvest(p.h, p.top, everything, busy, take_both, observe, cache, owed));
        owed.invalidate(cache);
        for (auto const &[at, m] : told) ASSERT_EQ(m & given[at], m) << "told but never set at 0x" << std::hex << at;
      }
      for (auto const &[at, m] : given) ASSERT_EQ(told[at], m) << "lost at 0x" << std::hex << at << ": set " << text(m) << ", told " << text(told[at]);
      EXPECT_EQ(busy.lost(), 0u);
      for (auto const &[at, l] : p.leaves()) {
        ASSERT_FALSE(l.accessed || l.dirty) << std::hex << at;
        ASSERT_EQ(l.output, initial.at(at).output);
        ASSERT_EQ(l.own, initial.at(at).own);
      }
    }
}
