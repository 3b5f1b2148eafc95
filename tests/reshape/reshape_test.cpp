// SPDX-License-Identifier: MIT
// Splitting and collapsing change the size of leaves and nothing that is translated.
#include "scene.hpp"

namespace trial {
namespace {

class reshape_of_every_format : public testing::TestWithParam<entrant> {
 protected:
  format const &f = *GetParam().description;
};

auto span(u64 first, u64 bytes) -> range { return {{first}, {first + (bytes - 1)}}; }

/// A few ranges side by side, of many sizes, in two memory types and rights; the same for the same seed.
template <class Scene>
void furnish(Scene &s, format const &f, unsigned seed) {
  std::mt19937_64 dice{seed};
  auto const sizes = sizes_of(f);
  auto const may   = least_rights(s.h, rights::kernel_rw);
  u64        at    = low_address(f);
  for (int i = 0; i < 6; ++i) {
    unsigned const grain = f.levels[0].shift;
    unsigned       lg2   = sizes[dice() % sizes.size()];
    while (lg2 + 5 > f.input_bits()) lg2 = sizes[dice() % sizes.size()];
    u64 const      bytes = ((dice() % 3 + 1) << lg2) + ((dice() % 20) << grain);
    u64 const      to    = (u64{0x4000'0000} + (at - low_address(f))) & below(f.output_bits);
    attributes     want{.allow = *may, .type = f.types[f.forms[0].type[0].width != 0 ? i % 2 : 0]};
    want.global = f.forms[0].global != never && i % 3 == 0;
    if (want.type == memory_type::reserved || !encode_type(s.h, f.forms[f.levels[0].leaves[0]], want.type)) want.type = f.types[0];
    auto const ok = s.space.map(span(at, bytes), {to}, want, s.owed, {.largest_lg2 = 30});
    ASSERT_TRUE(ok) << text(ok.error().why) << " at " << std::hex << ok.error().at.value;
    at += bytes + ((dice() % 3) << grain);
  }
}
auto whole(format const &f) -> range {
  u64 const first = low_address(f);
  u64 const last  = first + (u64{1} << (f.input_bits() > 33 ? 32 : 31)) - 1, end = translated_ranges(dynamic{&f}).part[0].last.value;
  return {{first}, {last < end ? last : end}};
}

/// Marks some leaves as hardware would.
template <class Scene>
void touch(Scene &s, format const &f, std::mt19937_64 &dice) {
  struct visitor {
    Scene           &s;
    format const    &f;
    std::mt19937_64 &dice;
    void leaf(pagewright::leaf const &l) {
      if (dice() % 4 != 0) return;
      with_form(s.h, unsigned{l.level}, l.entry, [&](auto const &shape) {
        u64 now = l.entry;
        if (shape->accessed != never) now = (now & ~shape->accessed.mask) | shape->accessed.value;
        bool const writable = (l.effective & rights::writers) != rights::none;
        if (writable && shape->dirty != never && dice() % 2 == 0) now = (now & ~shape->dirty.mask) | shape->dirty.value;
        s.memory.store(l.slot, f.word(), now);
      });
    }
  };
  sweep(s.h, root{}, everything, s.memory, visitor{s, f, dice});
}

/// Is what maps `at` marked dirty, in any of its slots?
template <class Scene>
auto is_dirty(Scene &s, input_address at) -> bool {
  struct {
    bool dirty = false;
    void leaf(pagewright::leaf const &l) { dirty |= l.dirty; }
  } visitor;
  sweep(s.h, root{}, {at, at}, s.memory, visitor);
  return visitor.dirty;
}

TEST_P(reshape_of_every_format, splitting_leaves_no_larger_leaf_and_the_same_translations) {
  scene<exclusive> s{f};
  furnish(s, f, 7);
  auto const before = s.picture(false, true);
  auto const sizes  = sizes_of(f);
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    auto const ok = s.space.split(whole(f), *size, s.owed);
    ASSERT_TRUE(ok) << text(ok.error().why);
    s.space.settle(s.owed);
    struct {
      u8   most = 0;
      void leaf(leaf const &l) { most = l.lg2 > most ? l.lg2 : most; }
    } largest;
    sweep(s.h, root{}, everything, s.memory, largest);
    EXPECT_LE(largest.most, *size);
    EXPECT_EQ(s.picture(false, true), before);
  }
  EXPECT_EQ(s.complaint(), "");
}

TEST_P(reshape_of_every_format, collapsing_what_was_split_gives_the_tables_that_mapping_gives) {
  scene<exclusive> s{f}, fresh{f};
  furnish(s, f, 11);
  furnish(fresh, f, 11);
  auto const ok = s.space.split(whole(f), static_cast<u8>(f.levels[0].shift), s.owed);
  ASSERT_TRUE(ok) << text(ok.error().why) << " at " << std::hex << ok.error().at.value;
  s.space.settle(s.owed);
  ASSERT_TRUE(s.space.collapse(whole(f), s.owed, {.largest_lg2 = 30}));
  s.space.settle(s.owed);
  // Ranges mapped one after the other that continue each other may have become one leaf: then the fresh ones are too.
  ASSERT_TRUE(fresh.space.collapse(whole(f), fresh.owed, {.largest_lg2 = 30}));
  fresh.space.settle(fresh.owed);
  EXPECT_EQ(s.picture(true, true), fresh.picture(true, true));
  EXPECT_EQ(s.pool.in_use(), fresh.pool.in_use()) << "tables that became leaves are released";
  EXPECT_EQ(s.complaint(), "");
}

TEST_P(reshape_of_every_format, nothing_stale_stays_and_no_mark_is_lost_whatever_is_split_and_collapsed) {
  unsigned const rounds = static_cast<unsigned>(12 * test_size()) + 3;
  for (unsigned seed = 0; seed < rounds; ++seed) {
    scene<marked_by_hardware> s{f};
    std::mt19937_64 dice{seed};
    furnish(s, f, seed);
    auto const sizes = sizes_of(f);
    for (int i = 0; i < 24; ++i) s.eyes.probes.push_back({low_address(f) + (dice() % 0x400'0000 & ~below(f.levels[0].shift))});
    s.mmu.prefetch({s.eyes.probes.data(), s.eyes.probes.size()});
    auto const translations = s.picture(false, false);
    for (int step = 0; step < 6; ++step) {
      touch(s, f, dice);
      u64 const  at    = low_address(f) + (dice() % 0x200'0000 & ~below(f.levels[0].shift));
      auto const where = dice() % 2 == 0 ? whole(f) : span(at, (dice() % 600 + 1) << f.levels[0].shift);
      s.eyes.dirty.assign(64, false);
      if (dice() % 2 == 0) {
        (void)s.space.split(where, sizes[dice() % sizes.size()], s.owed);  // may want more frames than there are
      } else {
        auto const ok = s.space.collapse(where, s.owed, {.runs = dice() % 2 == 0});
        ASSERT_TRUE(ok) << text(ok.error().why) << " at " << std::hex << ok.error().at.value;
      }
      s.space.settle(s.owed);
      ASSERT_EQ(s.complaint(), "") << "seed " << seed << ", step " << step;
      ASSERT_EQ(s.picture(false, false), translations) << "seed " << seed << ", step " << step;
      for (std::size_t i = 0; i < s.eyes.probes.size(); ++i)
        if (s.eyes.dirty[i]) {
          ASSERT_TRUE(is_dirty(s, s.eyes.probes[i])) << "seed " << seed << ", probe " << std::hex << s.eyes.probes[i].value;
        }
    }
  }
}

TEST_P(reshape_of_every_format, running_out_of_frames_while_splitting_changes_nothing) {
  store        cells{1024 + 64, 16};
  auto         memory = cells.memory();
  dynamic      h{&f};
  frame_pool<1023, 16>                 pool{output_address{bit(table_lg2(h, h.top()) < 16 ? 16 : table_lg2(h, h.top()))}};
  models::failing_frames<frame_pool<1023, 16>> frames{pool};
  not_in_use   tlb;
  ledger       owed;
  make_empty(h, h.top(), {0}, memory);
  address_space space{h, root{}, memory, frames, tlb};
  auto const   sizes = sizes_of(f);
  if (sizes.size() < 2) GTEST_SKIP();
  u64 const    bytes = u64{1} << sizes.back();
  u64 const    at    = (low_address(f) + bytes - 1) & ~(bytes - 1);
  ASSERT_TRUE(space.map(span(at, bytes), {0}, {.allow = *least_rights(h, rights::kernel_rw), .type = f.types[0]}, owed));
  auto const before = space.query({at});
  auto const used   = pool.in_use();
  for (u64 k = 0;; ++k) {
    frames.fail_from(k);
    auto const ok = space.split(span(at, bytes), static_cast<u8>(f.levels[0].shift), owed);
    if (ok) break;
    ASSERT_EQ(ok.error().why, error_reason::no_frames);
    ASSERT_EQ(pool.in_use(), used);
    ASSERT_EQ(space.query({at})->entry, before->entry);
    ASSERT_LT(k, 2000u);
  }
  space.settle(owed);
}

INSTANTIATE_TEST_SUITE_P(formats, reshape_of_every_format, testing::ValuesIn(all_formats()),
                         entrant_name);

}  // namespace
}  // namespace trial
