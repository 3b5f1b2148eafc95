// SPDX-License-Identifier: MIT
// Contract 2: an operation that fails leaves every table as it was, bit for bit, and loses no frame.
#include "fixture.hpp"

namespace trial {
namespace {

/// Lets the k-th allocation of `operation` fail, for every k, until it succeeds; returns how many it made. Guards the
/// order "survey, stock, write": a store before the last allocation shows in the picture.
template <auto const &F, class Prepare, class Operation>
auto fails_cleanly_at_every_allocation(Prepare &&prepare, Operation &&operation) -> u64 {
  for (u64 k = 0;; ++k) {
    house<F> place;
    address_space space{place.h, place.top, place.memory, place.frames, place.cache};
    ledger owed;
    prepare(space, owed);
    space.settle(owed);
    auto const before = place.picture();
    auto const out    = place.counted.out();

    place.frames.fail_from(k);
    auto const result = operation(space, owed);
    EXPECT_TRUE(place.counted.is_clean());
    if (result) {
      space.settle(owed);
      EXPECT_GT(k, 0u) << "the operation needs no frame at all: this tests nothing";
      return k;
    }
    EXPECT_EQ(result.error().why, error_reason::no_frames) << "with " << k << " frames left";
    EXPECT_EQ(place.picture(), before) << "with " << k << " frames left";
    EXPECT_EQ(place.counted.out(), out) << "with " << k << " frames left";
    EXPECT_TRUE(owed.is_settled()) << "nothing was changed, so nothing is owed";
    if (k > 64) return ADD_FAILURE() << "it never succeeds", k;
  }
}

constexpr auto nothing = [](auto &, ledger &) {};

template <auto const &F>
auto mapped(u64 first, u64 bytes, u64 to) {
  return [=](auto &space, ledger &owed) {
    auto const r = space.map(span_of(first, bytes), {to}, rw<F>(), owed);
    EXPECT_TRUE(r) << (r ? "" : text(r.error().why));
  };
}

}  // namespace

TEST(strong_guarantee, map_fails_cleanly_at_every_allocation) {
  // An unaligned range across a 1 GiB and a 512 GiB boundary: tables at every level, on both sides.
  auto const across = [](u64 boundary) {
    return [=](auto &space, ledger &owed) {
      return space.map(span_of(boundary - 12 * K, 2 * M + 24 * K), {0x4000'1000}, rw<x86::x86_64_4level>(), owed);
    };
  };
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::x86_64_4level>(nothing, across(512 * G))), 7u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::x86_64_5level>(nothing, across(512 * G))), 8u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::x86_32>(nothing, [](auto &s, ledger &l) {
              return s.map(span_of(4 * M - 4 * K, 8 * M), {0x1000}, rw<x86::x86_32>(), l);
            })), 3u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::pae>(nothing, [](auto &s, ledger &l) {
              return s.map(span_of(G - 4 * K, 8 * K), {0x1000}, rw<x86::pae>(), l);
            })), 4u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<riscv::sv48>(nothing, [](auto &s, ledger &l) {
              return s.map(span_of(512 * G - 4 * K, 8 * K), {0x1000}, rw<riscv::sv48>(), l);
            })), 6u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<arm64::stage1_16k_47_lower>(nothing, [](auto &s, ledger &l) {
              return s.map(span_of(64 * G - 16 * K, 32 * K), {0x4000}, rw<arm64::stage1_16k_47_lower>(), l);
            })), 4u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<arm64::stage1_64k_52_lpa_lower>(nothing, [](auto &s, ledger &l) {
              return s.map(span_of(4 * T - 64 * K, 128 * K), {0x10000}, rw<arm64::stage1_64k_52_lpa_lower>(), l);
            })), 4u);
}

TEST(strong_guarantee, unmap_that_must_split_fails_cleanly_at_every_allocation) {
  auto const one_page = [](auto &s, ledger &l) { return s.unmap(span_of(G + 20 * K, 4 * K), l); };
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::x86_64_4level>(mapped<x86::x86_64_4level>(G, G, G), one_page)), 2u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<riscv::sv39>(mapped<riscv::sv39>(G, G, G), one_page)), 2u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<arm64::stage1_4k_48_lower>(mapped<arm64::stage1_4k_48_lower>(G, G, G), one_page)), 2u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<arm64::stage1_64k_48_lower>(
                mapped<arm64::stage1_64k_48_lower>(512 * M, 512 * M, 512 * M),
                [](auto &s, ledger &l) { return s.unmap(span_of(512 * M + 64 * K, 64 * K), l); })), 1u);
  // Two leaves are cut, and one of them after a run was unfolded.
  EXPECT_EQ((fails_cleanly_at_every_allocation<arm64::stage1_4k_48_lower>(
                mapped<arm64::stage1_4k_48_lower>(64 * M, 64 * M, 64 * M),
                [](auto &s, ledger &l) { return s.unmap(span_of(64 * M + 4 * K, 34 * M), l); })), 2u);
}

TEST(strong_guarantee, protect_that_must_split_at_both_ends_fails_cleanly_at_every_allocation) {
  auto const middle = [](auto &s, ledger &l) {
    auto const allow = *least_rights(fixed<x86::x86_64_4level>{}, rights::kernel_ro);
    return s.protect(span_of(G + 4 * K, 2 * G - 8 * K), allow, l);
  };
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::x86_64_4level>(mapped<x86::x86_64_4level>(G, 2 * G, G), middle)), 4u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::x86_64_5level>(mapped<x86::x86_64_5level>(G, 2 * G, G), middle)), 4u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<riscv::sv57>(mapped<riscv::sv57>(G, 2 * G, G), middle)), 4u);
}

TEST(strong_guarantee, reserve_fails_cleanly_at_every_allocation) {
  EXPECT_EQ((fails_cleanly_at_every_allocation<x86::x86_64_4level>(
                nothing, [](auto &s, ledger &) { return s.reserve(span_of(512 * G - 4 * K, 8 * K)); })), 6u);
  EXPECT_EQ((fails_cleanly_at_every_allocation<arm64::stage1_64k_48_lower>(
                nothing, [](auto &s, ledger &) { return s.reserve(span_of(4 * T - 64 * K, 128 * K)); })), 4u);
}

TEST(strong_guarantee, after_reserve_no_operation_on_the_range_wants_a_frame) {
  // Guards the counting in change.hpp: what two ends of a range share is needed once, and reserved once.
  auto const reserved = [](auto &&prepare, range where, auto &&operation) {
    house<x86::x86_64_4level> place;
    address_space space{place.h, place.top, place.memory, place.frames, place.cache};
    ledger owed;
    prepare(space, owed);
    ASSERT_TRUE(space.reserve(where));
    place.frames.fail_from(0);
    auto const r = operation(space, owed);
    EXPECT_TRUE(r) << text(r.error().why);
    space.settle(owed);
    EXPECT_EQ(place.frames.failures(), 0u) << "it asked the frame source although all was reserved";
    space.release_reserve();
    EXPECT_EQ(place.counted.out(), 1u + place.tables()) << "what was not used is given back";
  };
  auto const where = span_of(G + 20 * K, 4 * K);
  auto const large = mapped<x86::x86_64_4level>(G, G, G);
  reserved(nothing, where, [&](auto &s, ledger &l) { return s.map(where, {0x5000}, rw<x86::x86_64_4level>(), l); });
  reserved(large, where, [&](auto &s, ledger &l) { return s.unmap(where, l); });
  reserved(large, where, [&](auto &s, ledger &l) { return s.protect(where, rights::kernel_ro, l); });
  auto const wide = span_of(G - 4 * K, 8 * M + 8 * K);
  reserved(nothing, wide, [&](auto &s, ledger &l) { return s.map(wide, {0x1000'0000}, rw<x86::x86_64_4level>(), l); });
}

TEST(strong_guarantee, a_reserve_lasts_until_it_is_used_or_released) {
  house<x86::x86_64_4level> place;
  address_space space{place.h, place.top, place.memory, place.frames, place.cache};
  ASSERT_TRUE(space.reserve(span_of(0, 4 * K)));
  EXPECT_EQ(place.counted.out(), 4u);
  ASSERT_TRUE(space.reserve(span_of(0, 4 * K))) << "it is there already";
  EXPECT_EQ(place.counted.out(), 4u);
  space.release_reserve();
  EXPECT_EQ(place.counted.out(), 1u);
}

TEST(strong_guarantee, an_address_space_gives_back_its_reserve_when_it_ends) {
  house<x86::x86_64_4level> place;
  {
    address_space space{place.h, place.top, place.memory, place.frames, place.cache};
    ASSERT_TRUE(space.reserve(span_of(0, 8 * M)));
    EXPECT_GT(place.counted.out(), 1u);
  }
  EXPECT_EQ(place.counted.out(), 1u);
  EXPECT_TRUE(place.counted.is_clean());
}

TEST(strong_guarantee, tables_needed_is_what_map_then_takes) {
  for (auto const &[first, bytes] : {std::pair{u64{0}, 4 * K}, {2 * M - 4 * K, 8 * K}, {G - 4 * K, 8 * K}, {512 * G - 4 * K, 8 * K},
                                     {u64{0}, G}, {4 * K, G}, {2 * M, 3 * G + 2 * M}}) {
    house<x86::x86_64_4level> place;
    address_space space{place.h, place.top, place.memory, place.frames, place.cache};
    ledger owed;
    auto const want   = rw<x86::x86_64_4level>();
    auto const needed = space.tables_needed(span_of(first, bytes), {first}, want);
    ASSERT_TRUE(needed);
    EXPECT_EQ(place.counted.allocations(), 1u) << "it only counts";
    ASSERT_TRUE(space.map(span_of(first, bytes), {first}, want, owed));
    EXPECT_EQ(place.counted.allocations() - 1, *needed) << "mapping 0x" << std::hex << bytes << " at 0x" << first;
    EXPECT_EQ(place.tables(), *needed);
    space.settle(owed);
  }
}

}  // namespace trial
