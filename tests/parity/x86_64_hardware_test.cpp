// SPDX-License-Identifier: MIT
// x86_64: tables that hardware writes at the same time (D21, U16), and how often they are read (D12, U1, U21).
#include <functional>

#include <pagewright/formats/x86.hpp>
#include <pagewright/models/memory.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr attributes clean{.allow = rights::kernel_rw, .accessed = false, .dirty = false};

/// Counts loads, and does not let the memory be read that a function tells.
using counting_memory = models::holey_memory<ram_memory, std::function<bool(output_address)>>;

}  // namespace

TEST(x86_64, D21_U16_marks_that_hardware_makes_between_looking_and_writing_are_kept) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x7000}, clean, m.owed)));
  auto const slot = m.space.entry({0x1000})->slot;
  // Hardware marks the page accessed and dirty right before each write of its entry.
  models::marking_memory busy{
      m.memory, [&](output_address a, u64 e) { return a == slot && (e & x86::p) ? e | x86::a | x86::d : e; }};
  address_space space{m.h, m.top, busy, m.frames, m.tlb};
  EXPECT_TRUE(done(space.protect(span_of(0x1000, 4 * K), rights::kernel_ro, m.owed)));
  EXPECT_EQ(busy.marked(), 1u);
  EXPECT_EQ(busy.lost(), 0u);
  EXPECT_EQ(m.entry(0x1000), 0x7000u | x86::p | x86::a | x86::d | x86::xd);

  m.put(slot, 0x7000 | x86::p | x86::rw | x86::xd);
  auto const was = unmap(space, page_4k::containing({0x1000}), m.owed);
  ASSERT_TRUE(done(was));
  EXPECT_TRUE(was->accessed && was->dirty) << "unmap returns the last marks; x86_64 drops them";
}

TEST(x86_64, U1_D12_512_pages_take_one_descent_and_not_512) {
  machine         m{x86::x86_64_4level};
  counting_memory counted{m.memory, [](output_address) { return false; }};
  address_space   space{m.h, m.top, counted, m.frames, m.tlb};
  EXPECT_TRUE(done(space.map(span_of(0, 4 * K), {0}, clean, m.owed)));
  counted.forget();
  EXPECT_TRUE(done(space.map(span_of(0x1000, 511 * 4 * K), {0x1000}, clean, m.owed)));
  EXPECT_LE(counted.loads(), 511u + 2 * 4) << "each slot is looked at once, and the way there";
  counted.forget();
  EXPECT_TRUE(space.query({0x1234}));
  EXPECT_EQ(counted.loads(), 4u);
}

TEST(x86_64, U21_nothing_is_freed_before_the_flush_and_clean_up_looks_only_where_it_is_told) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {0x7000}, clean, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(1 * T, 4 * K), {0x8000}, clean, m.owed)));
  EXPECT_TRUE(done(m.space.unmap(span_of(0, 4 * K), m.owed, half_covered::split, emptied::keep)));
  auto const      other = m.space.entry({1 * T}, 2)->table;
  counting_memory seen{m.memory, [&](output_address a) { return a.value >> 12 == other.value >> 12; }};
  address_space   space{m.h, m.top, seen, m.frames, m.tlb};
  EXPECT_TRUE(done(space.clean_up(span_of(0, 512 * G), m.owed)));
  EXPECT_EQ(seen.loads(), 5u * 512 + 1) << "three tables, the upper two once more to descend, and one slot of the root";
  EXPECT_EQ(count_of(m.log, event::released), 0u);
  space.settle(m.owed);
  EXPECT_EQ(count_of(m.log, event::released), 3u);
  EXPECT_TRUE(released_only_after_a_flush(m.log));
}
