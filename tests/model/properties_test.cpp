// SPDX-License-Identifier: MIT
// Laws that hold whatever the format: undoing, order, and the fewest leaves.
#include "model_test.hpp"

namespace trial {
namespace {

using plain = plain_subject<dynamic>;

auto say(leaf const &l) -> std::tuple<u64, u64, unsigned, rights, memory_type> {
  return {l.input.value, l.output.value, l.lg2, l.own, l.type};
}

/// All entries of all linked tables, with the tables' addresses.
auto picture(format const &f, plain &s) -> std::vector<u64> {
  std::vector<u64> words;
  auto const add = [&](u64 table, unsigned level) {
    words.push_back(table);
    for (u64 i = 0; i < bit(f.levels[level].index_bits); ++i)
      words.push_back(s.store.read(slot_address(dynamic{&f}, level, {table}, i), f.word()));
  };
  add(s.store.base(), f.depth - 1u);
  for (auto const &t : s.sweep().tables) add(t.address, t.level);
  return words;
}

/// A map that `model` accepts; nothing if none was found soon.
auto a_mapping(chooser &choose, reference &model) -> std::optional<operation> {
  for (int tries = 0; tries < 2000; ++tries) {
    auto const o = choose.next();
    if (o.what == operation::kind::map && !apply(o, model)) return o;
  }
  return {};
}

}  // namespace

// P3. Only if no empty table was in the way, so `keep` is not used here.
TEST_P(every_format, unmapping_what_was_mapped_restores_every_bit_and_every_frame) {
  format const &f = *GetParam().description;
  auto const where = place_for(f, 40);
  u64 undone = 0;
  for (u64 round = 0; round < static_cast<u64>(60 * test_size()) + 3; ++round) {
    plain     s{dynamic{&f}, where};
    reference model{f, where.frames};
    chooser   choose{f, model, seed_of(GetParam().name) + round};
    std::expected<void, error> result;
    for (int i = 0; i < 3; ++i)
      if (auto const o = a_mapping(choose, model)) apply(*o, s, result);
    auto const before = picture(f, s);
    auto const frames = s.frames.out();
    auto const o      = a_mapping(choose, model);
    if (!o) continue;
    apply(*o, s, result);
    ASSERT_TRUE(result) << o->text() << ": " << text(result.error().why);
    operation undo = *o;
    undo.what  = operation::kind::unmap;
    undo.half  = half_covered::refuse;
    undo.empty = emptied::release;
    apply(undo, s, result);
    ASSERT_TRUE(result) << undo.text() << ": " << text(result.error().why);
    s.settle();
    ASSERT_EQ(s.frames.out(), frames) << o->text();
    ASSERT_TRUE(picture(f, s) == before) << "round " << round << ": " << o->text() << " left something behind";
    ++undone;
  }
  EXPECT_GT(undone, 0u);
}

// P4.
TEST_P(every_format, mappings_that_do_not_meet_may_come_in_any_order) {
  format const &f = *GetParam().description;
  auto const where = place_for(f, 40);
  for (u64 round = 0; round < static_cast<u64>(40 * test_size()) + 3; ++round) {
    reference model{f, where.frames};
    chooser   choose{f, model, seed_of(GetParam().name) + 1000 + round};
    std::vector<operation> all;
    for (int i = 0; i < 5; ++i)
      if (auto const o = a_mapping(choose, model)) all.push_back(*o);
    plain forward{dynamic{&f}, where}, backward{dynamic{&f}, where};
    std::expected<void, error> result;
    for (auto o = all.begin(); o != all.end(); ++o) {
      apply(*o, forward, result);
      ASSERT_TRUE(result) << o->text();
    }
    for (auto o = all.rbegin(); o != all.rend(); ++o) {
      apply(*o, backward, result);
      ASSERT_TRUE(result) << o->text();
    }
    auto const one = forward.sweep(), other = backward.sweep();
    ASSERT_EQ(one.leaves.size(), other.leaves.size());
    for (std::size_t i = 0; i < one.leaves.size(); ++i) ASSERT_EQ(say(one.leaves[i]), say(other.leaves[i]));
    ASSERT_EQ(forward.frames.out(), backward.frames.out());
  }
}

// P15, against every way to cut the range into leaves.
TEST_P(every_format, a_mapping_takes_the_fewest_leaves_possible) {
  format const &f = *GetParam().description;
  auto const where = place_for(f, 40);
  reference  model{f, where.frames};
  unsigned const grain = model.grain();
  auto const may = least_rights(dynamic{&f}, rights::kernel_rw);
  ASSERT_TRUE(may);
  std::mt19937_64 random{seed_of(GetParam().name)};
  u64 const start = translated_ranges(dynamic{&f}).part[0].first.value;
  for (u64 round = 0; round < static_cast<u64>(40 * test_size()) + 5; ++round) {
    u64 const pages = 1 + random() % 3000, first = start + ((random() % 4096) << grain);
    u64 const shift = (random() % 3 == 0 ? random() % 64 : random() % 2 << (random() % 10)) << grain;
    u64 const out   = ((first - start) + shift);
    u64 const last  = first + (pages << grain) - 1;
    if (!model.is_inside(last) || out + (pages << grain) - 1 > below(f.output_bits)) continue;

    std::vector<u64> fewest(pages + 1, 0);  // for the last n pages
    for (u64 n = 1; n <= pages; ++n) {
      u64 const done = (pages - n) << grain;
      fewest[n] = ~u64{0};
      for (auto const &size : model.sizes()) {
        u64 const takes = u64{1} << (size.lg2 - grain);
        if (is_aligned(first + done, size.lg2) && is_aligned(out + done, size.lg2) && takes <= n)
          fewest[n] = std::min(fewest[n], fewest[n - takes] + 1);
      }
    }
    plain s{dynamic{&f}, where};
    auto const r = s.map({{first}, {last}}, {out}, {.allow = *may}, {});
    if (!r && r.error().why == error_reason::no_frames) continue;
    ASSERT_TRUE(r) << text(r.error().why);
    ASSERT_EQ(s.sweep().leaves.size(), fewest[pages]) << std::hex << "0x" << first << "..0x" << last << " -> 0x" << out;
  }
}

}  // namespace trial
