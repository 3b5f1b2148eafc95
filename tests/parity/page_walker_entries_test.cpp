// SPDX-License-Identifier: MIT
// page-walker: errors, memory access, and entries read and written one by one (S23, S32..S40, S48, S49, S69).
#include <array>

#include <pagewright/formats/x86.hpp>
#include <pagewright/models/memory.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr attributes rw{.allow = rights::kernel_rw};
constexpr word       eight{8, byte_order::little};

/// Two pages and a large page below 1 GiB.
void furnish(machine &m) {
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 0x2000), {0x80'1000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {4 * M}, rw, m.owed)));
}

}  // namespace

TEST(page_walker, S23_nothing_is_written_that_did_not_change) {
  machine m{x86::x86_64_4level};
  furnish(m);
  models::recorded_memory<ram_memory, 16> watched{m.memory};
  address_space                           space{m.h, m.top, watched, m.frames, m.tlb};
  ledger                                  owed;
  EXPECT_TRUE(done(space.protect(span_of(0x1000, 0x1000), rights::kernel_rw, owed))) << "as it is already";
  EXPECT_EQ(watched.log().count(), 0u);
  EXPECT_TRUE(done(space.modify(
      span_of(0, 4 * M), [](leaf const &) { return bit_change{}; }, owed)));
  EXPECT_EQ(watched.log().count(), 0u) << "page-walker writes every entry it visits, twice";
  EXPECT_TRUE(owed.is_settled());
  EXPECT_TRUE(done(space.protect(span_of(0x1000, 0x1000), rights::kernel_ro, owed)));
  EXPECT_EQ(watched.log().count(), 1u);
  space.settle(owed);
}

TEST(page_walker, S32_every_error_says_what_where_and_which_entry) {
  machine m{x86::x86_64_4level};
  furnish(m);
  auto const taken = m.space.map(span_of(0x2000, 4 * K), {0}, rw, m.owed);
  ASSERT_EQ(why(taken), error_reason::occupied);
  EXPECT_EQ(taken.error().at.value, 0x2000u);
  EXPECT_EQ(taken.error().level, 0);
  EXPECT_EQ(taken.error().entry, m.entry(0x2000));
  EXPECT_EQ(taken.error().slot, m.space.entry({0x2000})->slot);
  EXPECT_STREQ(text(taken.error().why), "occupied");
  auto const nothing = m.query(0x5000);
  EXPECT_EQ(why(nothing), fault_reason::absent);
  EXPECT_EQ(nothing.error().level, 0);
}

TEST(page_walker, S34_S35_bytes_are_read_and_written_and_short_answers_are_told) {
  std::vector<u8>         bytes(64);
  byte_memory             memory{bytes, {0x1000}};
  std::array<u8, 8> const data{1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(memory.write({0x1004}, data.data(), 8), 8u);
  std::array<u8, 8> back{};
  EXPECT_EQ(memory.read({0x1004}, back.data(), 8), 8u);
  EXPECT_EQ(back, data);
  EXPECT_EQ(memory.read({0x103c}, back.data(), 8), 4u) << "four are left";
  EXPECT_EQ(memory.read({0x2000}, back.data(), 8), 0u);
}

TEST(page_walker, S69_entries_of_either_width_and_byte_order_come_from_the_same_bytes) {
  std::array<u8, 8> bytes{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
  byte_memory       memory{bytes, {0}};
  EXPECT_EQ(memory.load({0}, eight), 0x8877'6655'4433'2211u);
  EXPECT_EQ(memory.load({4}, word{4, byte_order::little}), 0x8877'6655u);
  EXPECT_EQ(memory.load({0}, word{8, byte_order::big}), 0x1122'3344'5566'7788u) << "page-walker: the host's order only";
  EXPECT_EQ(memory.load({4}, eight), std::nullopt);
}

TEST(page_walker, S38_a_space_tells_its_root_and_format_and_owns_neither) {
  machine m{x86::x86_64_4level};
  EXPECT_EQ(m.space.top().table, m.top.table);
  EXPECT_STREQ(m.space.format().name, "x86-64-4level");
  { machine_space other{m.h, m.top, m.memory, m.frames, m.tlb}; }
  EXPECT_EQ(m.frames.out(), 1u) << "the root is still there";
}

TEST(page_walker, S39_S48_an_entry_is_read_together_with_its_level_also_at_the_last_byte_of_a_page) {
  machine m{x86::x86_64_4level};
  furnish(m);
  EXPECT_TRUE(done(m.space.map(span_of(0x3000, 4 * K), {0xabc000}, rw, m.owed)));
  auto const before = m.space.entry({0x2ffe}), at_end = m.space.entry({0x2fff});
  ASSERT_TRUE(done(at_end));
  EXPECT_EQ(at_end->entry, before->entry) << "page-walker returns the entry of the next page";
  EXPECT_EQ(at_end->entry, 0x80'2000u | x86::p | x86::rw | x86::a | x86::d | x86::xd);
  EXPECT_EQ(at_end->level, 0);
  EXPECT_EQ(m.space.entry({3 * M})->level, 1) << "the caller can tell 4 KiB from 2 MiB";
  EXPECT_EQ(m.space.entry({~u64{0}})->kind, entry_kind::absent) << "no panic at the top of the space";
  EXPECT_EQ(m.space.entry({~u64{0}})->level, 3);
}

TEST(page_walker, S40_S49_exactly_one_entry_is_written_and_its_consequence_is_owed) {
  machine m{x86::x86_64_4level};
  furnish(m);
  auto const first = m.entry(0x1000), third = m.entry(0x3000);
  auto const was = m.space.set_entry({0x2fff}, 0, 0x1234'5003, m.owed);
  ASSERT_TRUE(done(was));
  EXPECT_EQ(*was, 0x80'2000u | x86::p | x86::rw | x86::a | x86::d | x86::xd);
  EXPECT_EQ(m.entry(0x2000), 0x1234'5003u);
  EXPECT_EQ(m.entry(0x1000), first);
  EXPECT_EQ(m.entry(0x3000), third) << "page-walker writes this one too";
  ASSERT_EQ(m.owed.extents().size(), 1u);
  EXPECT_EQ(m.owed.extents()[0], (stale{span_of(0x2000, 4 * K), 12, false}));
  EXPECT_EQ(why(m.space.set_entry({1 * G}, 0, 0x1003, m.owed)), error_reason::not_a_table)
      << "page-walker descends to physical 0 and writes there";
  EXPECT_EQ(m.bytes.strays(), 0u);
}
