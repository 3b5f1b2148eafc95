// SPDX-License-Identifier: MIT
// x86_64: addresses, pages, frames and ranges of them (S70..S94), and what users asked of them (D14, U9, U15, U19).
#include <array>

#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;
using namespace pagewright::literals;

namespace {

constexpr fixed<x86::x86_64_4level> l4{};
constexpr fixed<x86::x86_64_5level> l5{};

constexpr u64 gap_low = 0x0000'7fff'ffff'f000, gap_high = 0xffff'8000'0000'0000;

}  // namespace

// --- addresses -------------------------------------------------------------------------------------------------------

TEST(x86_64, S70_S73_addresses_are_ordered_words_of_two_types_that_do_not_mix) {
  static_assert(sizeof(virtual_address) == 8 && std::is_trivially_copyable_v<virtual_address>);
  static_assert(!std::is_convertible_v<virtual_address, physical_address>);
  static_assert(!std::is_convertible_v<physical_address, virtual_address>);
  static_assert(0x1000_va < 0x2000_va && 0x1000_pa == physical_address{0x1000});
  static_assert(virtual_address{}.value == 0);
}

TEST(x86_64, S71_whether_an_address_is_canonical_is_asked_of_the_format) {
  static_assert(in_extent(l4, gap_low) && in_extent(l4, gap_high));
  static_assert(!in_extent(l4, gap_low + 0x1000) && !in_extent(l4, gap_high - 1));
  machine m{x86::x86_64_4level};
  EXPECT_EQ(why(m.query(gap_low + 0x1000)), fault_reason::outside_input) << "an error where it matters, never a panic";
}

TEST(x86_64, S72_truncation_sign_extends_by_the_formats_width) {
  static_assert(extended(l4, 0) == 0 && extended(l4, bit(47)) == 0xffff'8000'0000'0000);
  static_assert(extended(l4, 123) == 123 && extended(l4, u64{123} << 47) == 0xffff'8000'0000'0000);
  static_assert(extended(l5, bit(47)) == bit(47) && extended(l5, bit(56)) == 0xff00'0000'0000'0000);
}

TEST(x86_64, S74_U15_a_pointer_of_57_bits_is_an_address_too) {
  int                   object  = 0;
  auto                 *pointer = &object;
  virtual_address const at{reinterpret_cast<std::uintptr_t>(pointer)};
  EXPECT_EQ(reinterpret_cast<int *>(static_cast<std::uintptr_t>(at.value)), pointer);
  static_assert(in_extent(l5, 0x00ff'ffff'ffff'f000) && !in_extent(l4, 0x00ff'ffff'ffff'f000));
}

TEST(x86_64, S75_S81_alignment_needs_no_power_of_two_check_for_it_takes_the_exponent) {
  static_assert(is_aligned(0x20'0000, 21) && !is_aligned(0x20'1000, 21));
  EXPECT_EQ(page_4k::containing(0x1234_va).first().value, 0x1000u);
  EXPECT_EQ(page_4k::at(0x1234_va), std::nullopt);
  auto const up = page_4k::containing({0x1234 - 1}).after(1);
  EXPECT_EQ(up->first().value, 0x2000u);
  EXPECT_EQ(page_4k::containing({~u64{0}}).after(1), std::nullopt) << "x86_64 panics";
}

TEST(x86_64, S76_S86_S107_S108_S109_indices_offset_and_levels) {
  u64 const at = u64{511} << 39 | u64{3} << 30 | u64{2} << 21 | u64{1} << 12 | 0xabc;
  EXPECT_EQ(index_of(l4, 3u, at), 511u);
  EXPECT_EQ(index_of(l4, 2u, at), 3u);
  EXPECT_EQ(index_of(l4, 1u, at), 2u);
  EXPECT_EQ(index_of(l4, 0u, at), 1u);
  EXPECT_EQ(at & below(12), 0xabcu);
  EXPECT_STREQ(l4->levels[3].name, "PML4") << "levels are counted from the leaves and carry the manual's name";
  EXPECT_EQ(slot_lg2(l4, 1u), 21u) << "an entry of level 1 covers 2 MiB";
  EXPECT_EQ(reach_lg2(l4, 1u), 30u) << "a table of it 1 GiB";
  EXPECT_EQ(l4.below(l4.top()), 2u);
}

TEST(x86_64, S77_S78_arithmetic_on_pages_says_when_it_leaves_the_space) {
  auto const last = page_4k::containing({~u64{0}});
  EXPECT_EQ(last.after(1), std::nullopt);
  EXPECT_EQ(page_4k::containing({0}).before(1), std::nullopt);
  EXPECT_EQ(last.before(1)->last().value, ~u64{0} - 0x1000);
  EXPECT_EQ(*page_4k::containing({0x1000}).after(5) - page_4k::containing({0x1000}), 5u);
  EXPECT_EQ(page_4k::containing({0x1000}).after(bit(52)), std::nullopt) << "x86_64 multiplies unchecked";
}

TEST(x86_64, S80_U19_physical_addresses_end_where_the_machine_ends) {
  static constexpr format small = x86::paging_4level({.physical_bits = 39});
  static constexpr format sev   = x86::paging_4level({.encryption_bit = 47});
  EXPECT_EQ(x86::x86_64_4level.output_bits, 52);
  EXPECT_EQ(small.output_bits, 39);
  EXPECT_EQ(sev.output_bits, 47) << "what lies above the C-bit is no address";
  machine m{small};
  EXPECT_EQ(why(m.space.map(span_of(0, 4 * K), {bit(39)}, {.allow = rights::kernel_rw}, m.owed)),
            error_reason::too_wide);
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {bit(39) - 0x1000}, {.allow = rights::kernel_rw}, m.owed)));
}

// --- pages and frames ------------------------------------------------------------------------------------------------

TEST(x86_64, S82_S83_S84_S85_S94_pages_of_three_sizes_are_types) {
  static_assert(page_4k::bytes == 4096 && page_2m::bytes == 2 * M && page_1g::bytes == 1 * G);
  static_assert(!std::is_convertible_v<page_4k, page_2m>);
  EXPECT_EQ(page_2m::at({0x20'0000})->first().value, 0x20'0000u);
  EXPECT_EQ(page_2m::at({0x20'1000}), std::nullopt);
  EXPECT_EQ(page_2m::containing({0x3f'ffff}).first().value, 0x20'0000u);
  EXPECT_EQ(page_1g::containing({~u64{0}}).last().value, ~u64{0});
  EXPECT_EQ(range_of(page_2m::containing({0})), span_of(0, 2 * M));
  static_assert(page<22>::bytes == 4 * M, "and of any other size a format has");
}

TEST(x86_64, S82_a_page_size_the_format_does_not_have_is_refused) {
  static constexpr format no_gigabytes = x86::paging_4level({.gigabyte_pages = false});
  machine                 m{no_gigabytes};
  EXPECT_EQ(why(map(m.space, page_1g{}, frame_1g{}, {.allow = rights::kernel_rw}, m.owed)), error_reason::wrong_size);
  EXPECT_EQ(why(map(m.space, page<22>{}, frame<22>{}, {.allow = rights::kernel_rw}, m.owed)), error_reason::wrong_size);
  EXPECT_EQ(m.tables(), 0u);
}

TEST(x86_64, S87_a_page_comes_from_indices_by_shifting_them) {
  u64 const at = extended(l4, u64{511} << 39 | u64{510} << 30 | u64{1} << 21);
  EXPECT_EQ(at, 0xffff'ffff'8020'0000u);
  EXPECT_TRUE(page_2m::at({at}).has_value());
}

TEST(x86_64, S88_S89_S91_ranges_include_their_last_page_also_at_the_end_of_the_space) {
  auto const r = page_range<12>::between(page_4k::containing({~u64{0} - 0x2fff}), page_4k::containing({~u64{0}}));
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->size(), 3u);
  std::vector<u64> seen;
  for (auto const p : *r) seen.push_back(p.first().value);
  EXPECT_EQ(seen, (std::vector<u64>{~u64{0} - 0x2fff, ~u64{0} - 0x1fff, ~u64{0} - 0xfff}));
}

TEST(x86_64, S79_S90_iterating_steps_over_the_canonical_gap) {
  auto const r = pages<12>(l4, {{gap_low}, {gap_high + 0x1fff}});
  ASSERT_TRUE(r.has_value());
  EXPECT_EQ(r->size(), 3u) << "x86_64 counts the hole too, and panics when it gets there";
  std::vector<u64> seen;
  for (auto const p : *r) seen.push_back(p.first().value);
  EXPECT_EQ(seen, (std::vector<u64>{gap_low, gap_high, gap_high + 0x1000}));
  EXPECT_EQ((pages<21>(l4, {{gap_low}, {gap_high + 0x1fff}})->size()), 2u);
  EXPECT_EQ((pages<12>(l4, {{gap_low + 0x1000}, {gap_high - 1}})), std::nullopt) << "nothing but hole";
  EXPECT_EQ((pages<12>(l5, {{gap_low}, {gap_high + 0xfff}})->size()), 2 * (bit(44) - bit(35) + 1))
      << "each half goes on";
}

TEST(x86_64, S90_a_backward_range_does_not_exist) {
  EXPECT_EQ((page_range<12>::between(page_4k::containing({0x2000}), page_4k::containing({0x1000}))), std::nullopt);
}

TEST(x86_64, S92_a_range_of_large_pages_is_one_of_small_pages_too) {
  auto const large = page_range<21>::between(page_2m::containing({0}), page_2m::containing({2 * M}));
  auto const small = pages<12>(l4, {large->first().first(), large->last().last()});
  EXPECT_EQ(small->size(), 1024u);
}

TEST(x86_64, S93_U9_frames_have_ranges_and_steps_and_the_last_frame_is_no_special_case) {
  auto const       last = frame_4k::containing({bit(52) - 1});
  auto const       r    = frame_range<12>::between(*last.before(1), last);
  std::vector<u64> seen;
  for (auto const f : *r) seen.push_back(f.first().value);
  EXPECT_EQ(seen, (std::vector<u64>{bit(52) - 0x2000, bit(52) - 0x1000})) << "x86_64 panics";
  EXPECT_EQ(frame_4k{}.after(bit(52)), std::nullopt);
  EXPECT_EQ(last.after(1)->first().value, bit(52))
      << "no wrap to frame 0: what the machine cannot reach is refused by map";
}

TEST(x86_64, D14_no_input_panics) {
  machine          m{x86::x86_64_4level};
  attributes const rw{.allow = rights::kernel_rw};
  // P4 bit 7, the canonical gap, the last frame, an identity map beyond 2^47: results all of them.
  m.put(m.top.table, 0x1000 | x86::p | x86::ps);
  EXPECT_EQ(why(m.query(0)), fault_reason::reserved);
  EXPECT_EQ(why(m.space.map({{gap_low}, {gap_high + 0xfff}}, {0}, rw, m.owed)), error_reason::outside_input);
  EXPECT_TRUE(done(map(m.space, page_4k::containing({1 * T}), frame_4k::containing({bit(52) - 1}), rw, m.owed)));
  EXPECT_EQ(why(m.space.identity_map(span_of(bit(47), 4 * K), rw, m.owed)), error_reason::outside_input);
  EXPECT_EQ(m.leads(1 * T + 0x123), bit(52) - 0x1000 + 0x123);
}

TEST(x86_64, U27_what_is_known_at_compile_time_is_done_at_compile_time) {
  static constexpr auto built = [] {
    std::array<u8, 4 * 4096> bytes{};
    byte_memory              memory{bytes, {0}};
    bump_frames              frames{{4096}, 3 * 4096};
    not_in_use               none;
    address_space            space{l4, root{}, memory, frames, none};
    ledger                   owed;
    bool const               ok =
        space.map(span_of(0x1000, 4096), {0x7000}, {.allow = rights::kernel_rw}, owed, {.largest_lg2 = 12}).has_value();
    return std::pair{bytes, ok};
  }();
  static_assert(built.second);
  auto bytes = built.first;
  EXPECT_EQ(walk(l4, root{}, {0x1234}, byte_memory{bytes, {0}})->address.value, 0x7234u);
  // The whole configuration is in the type: a handle, and what is behind it, takes no memory.
  static_assert(std::is_empty_v<fixed<x86::x86_64_4level>>);
}
