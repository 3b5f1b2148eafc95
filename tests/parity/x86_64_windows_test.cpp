// SPDX-License-Identifier: MIT
// x86_64: access to tables by offset, by a function and recursively (S110..S112, S135), and what users asked about it
// (U17).
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

using namespace parity;

namespace {

constexpr attributes                rw{.allow = rights::kernel_rw};
constexpr fixed<x86::x86_64_4level> l4{};
constexpr fixed<x86::x86_64_5level> l5{};

}  // namespace

TEST(x86_64, S110_a_space_gives_its_root_and_its_memory_back) {
  machine m{x86::x86_64_4level};
  EXPECT_EQ(m.space.top().table, m.top.table);
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {0x7000}, rw, m.owed)));
  EXPECT_EQ(m.space.memory().load(m.top.table, m.h->word()), m.entry(0, 3));
}

TEST(x86_64, S112_the_recursive_slot_shows_every_table_at_a_computed_address) {
  // The addresses of a recursive slot 511: tables of level 0 in its last 512 GiB, the root in the last page.
  constexpr self_map map{l4, 511};
  static_assert(map.window() == range{{0xffff'ff80'0000'0000}, {~u64{0}}});
  static_assert(map.table({0}, 0).value == 0xffff'ff80'0000'0000);
  static_assert(map.table({0}, 1).value == 0xffff'ffff'c000'0000);
  static_assert(map.table({0}, 2).value == 0xffff'ffff'ffe0'0000);
  static_assert(map.table({0}, 3).value == 0xffff'ffff'ffff'f000);
  static_assert(map.slot({~u64{0}}, 3).value == 0xffff'ffff'ffff'fff8);
  static_assert(map.slot({0x1000}, 0).value == 0xffff'ff80'0000'0008);
  static_assert(map.entry({0x5000}) == 0x5007);
  constexpr self_map map5{l5, 1};
  static_assert(map5.table({0}, 4).value == (u64{1} << 48 | u64{1} << 39 | u64{1} << 30 | u64{1} << 21 | u64{1} << 12));
  static_assert(map5.window() == span_of(u64{1} << 48, u64{1} << 48));
}

TEST(x86_64, S112_the_root_in_its_own_slot_is_found_by_a_walk_through_it) {
  machine        m{x86::x86_64_4level};
  self_map const map{m.h, 300};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x7000}, rw, m.owed)));
  EXPECT_TRUE(m.space.set_entry(map.window().first, 3, map.entry(m.top.table), m.owed));
  for (unsigned level = 0; level < 4; ++level) {
    auto const step = m.space.entry({0x1000}, level);
    ASSERT_TRUE(done(step));
    EXPECT_EQ(m.leads(map.slot({0x1000}, level).value), step->slot.value) << "level " << level;
    EXPECT_EQ(m.leads(map.table({0x1000}, level).value), step->table.value) << "level " << level;
  }
}

TEST(x86_64, S112_whether_a_format_can_map_itself_is_asked_and_not_assumed) {
  static_assert(can_map_itself(x86::x86_64_4level) && can_map_itself(x86::x86_64_5level));
  static_assert(!can_map_itself(x86::pae), "a root of 32 bytes is no page");
  static_assert(can_map_itself(arm64::stage1_4k_48_lower),
                "on Arm a table entry of an upper level reads as a page below");
  static_assert(!can_map_itself(riscv::sv39), "on RISC-V what points to a table is no leaf");
}

#if defined(__linux__) && defined(__x86_64__)
TEST(x86_64, S112_S135_the_active_tables_are_walked_through_their_recursive_slot) {
  // The tables lie in a file that this process maps where the recursive slot 170 would show them.
  constexpr u64 slot = 170, bytes = 64 * K;
  int const     file = memfd_create("tables", 0);
  ASSERT_GE(file, 0);
  ASSERT_EQ(ftruncate(file, bytes), 0);
  auto *const flat = static_cast<u8 *>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  ASSERT_NE(flat, MAP_FAILED);
  direct_map     memory{flat};
  frame_pool<15> frames{{0x1000}};
  not_in_use     cache;
  address_space  space{l4, root{}, memory, frames, cache};
  ledger         owed;
  self_map const map{l4, slot};
  EXPECT_TRUE(space.set_entry(map.window().first, 3, map.entry({0}), owed));
  u64 const at = 0x1234'5000;
  EXPECT_TRUE(done(space.map(span_of(at, 4 * K), {0x7000}, rw, owed)));
  EXPECT_TRUE(done(space.map(span_of(1 * T, 1 * G), {2 * G}, rw, owed)));

  std::vector<void *> shown;
  auto const          show = [&](u64 where, unsigned level) {
    auto const  table = space.entry({where}, level)->table;
    auto *const want  = reinterpret_cast<void *>(map.table({where}, level).value);
    auto *const got =
        mmap(want, 4096, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, file, static_cast<off_t>(table.value));
    if (got == want) shown.push_back(got);
    return got == want;
  };
  bool all = true;
  for (unsigned level = 0; level < 4; ++level) all &= show(at, level);
  all &= show(1 * T, 2);
  if (!all) GTEST_SKIP() << "this process has something else at " << reinterpret_cast<void *>(map.window().first.value);

  auto const page = walk(l4, root{}, {at + 0x123}, self_mapped{map, l4, {at + 0x123}});
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->address.value, 0x7123u);
  auto const large = walk(l4, root{}, {1 * T + 5}, self_mapped{map, l4, {1 * T + 5}});
  ASSERT_TRUE(large.has_value()) << "x86_64 reads the data of a large page as a table";
  EXPECT_EQ(large->address.value, 2 * G + 5);
  EXPECT_EQ(large->lg2, 30);
  EXPECT_EQ(why(walk(l4, root{}, {2 * T}, self_mapped{map, l4, {2 * T}})), fault_reason::absent)
      << "nothing below is touched";
  space.settle(owed);
  for (auto *const p : shown) munmap(p, 4096);
  munmap(flat, bytes);
  close(file);
}
#endif

TEST(x86_64, S113_U17_a_scratch_page_reaches_tables_that_are_not_active) {
  alignas(4096) static u8 page[4096];
  u64                     slot = 0;
  struct seen {
    std::vector<u64>    slots;
    std::vector<void *> pages;
  } log;
  with_single_form(l4, 0u, [&](auto f) {
    u64 const          bits = encode_attributes(l4, f, rw).entry;
    scratch_page const window{l4, page, &slot, bits,
                              [&](void *p) { log.slots.push_back(slot), log.pages.push_back(p); }};
    EXPECT_EQ(window({0x5018}), page + 0x18);
    EXPECT_EQ(slot, 0x5000u | bits);
    EXPECT_EQ(window({0x5ff8}), page + 0xff8);
    EXPECT_EQ(log.slots.size(), 2u) << "the same frame: nothing to do";
    EXPECT_EQ(window({0x9000}), page);
    EXPECT_EQ(slot, 0x9000u | bits);
  });
  ASSERT_EQ(log.slots.size(), 4u) << "invalidated while absent, and once more when made";
  EXPECT_EQ(log.slots[0], 0u);
  EXPECT_EQ(log.slots[1] & 0xffff000, 0x5000u);
  EXPECT_EQ(log.slots[2], 0u);
  EXPECT_EQ(log.slots[3] & 0xffff000, 0x9000u);
  EXPECT_EQ(log.pages, (std::vector<void *>(4, page)));
}

TEST(x86_64, U17_slot_511_is_as_good_as_any_and_trees_are_edited_while_inactive) {
  machine        m{x86::x86_64_4level};
  self_map const map{m.h, 511};
  EXPECT_TRUE(m.space.set_entry({~u64{0}}, 3, map.entry(m.top.table), m.owed));
  EXPECT_EQ(m.leads(~u64{0} - 7), m.top.table.value + 0xff8) << "its last slot: the recursive one itself";
  // Another tree, not active, in the same memory: an object of its own.
  auto const other = *m.frames.allocate(12);
  m.memory.clear(other, 4096);
  {
    machine_space second{m.h, {other}, m.memory, m.frames, m.tlb};
    EXPECT_TRUE(done(second.map(span_of(0, 4 * K), {0x7000}, rw, m.owed)));
    EXPECT_EQ(second.query({0x12})->address.value, 0x7012u);
    EXPECT_EQ(m.leads(0), ~u64{0});
    EXPECT_TRUE(done(second.unmap(span_of(0, 4 * K), m.owed)));
    second.settle(m.owed);
  }
  EXPECT_EQ(m.frames.out(), 2u);
}
