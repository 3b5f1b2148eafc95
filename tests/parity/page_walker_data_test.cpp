// SPDX-License-Identifier: MIT
// page-walker: memory behind ranges (S36, S37, S41, S44) and data through a translation (S46, S47, S55).
#include <array>

#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr attributes rw{.allow = rights::kernel_rw}, user{.allow = rights::user_rw};

auto as_view(std::vector<u8> &v) -> view<u8> { return {v.data(), v.size()}; }
auto as_bytes(std::vector<u8> const &v) -> view<u8 const> { return {v.data(), v.size()}; }

/// 0, 1, 2, ... so that every byte tells where it came from.
auto counting(std::size_t n) -> std::vector<u8> {
  std::vector<u8> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<u8>(i % 251);
  return v;
}

/// A machine whose pages 0x1000 and 0x2000 lie in frames that are not neighbours, in the other order.
struct two_pages : machine {
  two_pages() : machine{x86::x86_64_4level} {
    auto const at_1000 = bytes.base() + 0x8'0000, at_2000 = bytes.base() + 0x4'0000;
    EXPECT_TRUE(done(space.map(span_of(0x1000, 4 * K), at_1000, rw, owed)));
    EXPECT_TRUE(done(space.map(span_of(0x2000, 4 * K), at_2000, user, owed)));
    one = static_cast<u8 *>(bytes.at(at_1000)), two = static_cast<u8 *>(bytes.at(at_2000));
  }
  u8 *one = nullptr, *two = nullptr;
};

}  // namespace

TEST(page_walker, S36_S37_frames_have_a_size_and_may_hold_anything) {
  machine m{x86::x86_64_4level, 16 * M};
  EXPECT_TRUE(done(allocate(m.space, span_of(2 * M, 4 * M + 8 * K), rw, m.frames, m.owed)));
  EXPECT_EQ(m.query(2 * M)->lg2, 21) << "a large frame for a large leaf";
  EXPECT_EQ(m.query(6 * M + 4 * K)->lg2, 12);
  std::vector<u8> data(64, 0xff);
  EXPECT_TRUE(copy_from(m.h, m.top, {6 * M - 32}, as_view(data), m.memory));
  EXPECT_EQ(data, std::vector<u8>(64, 0)) << "zeroed by who needs it, not by the frame source";
  EXPECT_TRUE(done(release(m.space, span_of(2 * M, 4 * M + 8 * K), m.frames, m.owed)));
  EXPECT_EQ(m.frames.out(), 1u);
  EXPECT_EQ(m.frames.wrong_releases(), 0u) << "each with the size it was given out with";
}

TEST(page_walker, S41_allocate_maps_the_range_it_was_given_and_no_more) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(allocate(m.space, *range::of({0x1000}, 0x1000), rw, m.frames, m.owed)));
  EXPECT_EQ(m.frames.out(), 1u + 3 + 1) << "page-walker maps two pages";
  EXPECT_EQ(why(m.query(0x2000)), fault_reason::absent);
  EXPECT_EQ(why(allocate(m.space, {{0x3234}, {0x4344}}, rw, m.frames, m.owed)), error_reason::misaligned);
  EXPECT_EQ(why(allocate(m.space, span_of(0, 0x3000), rw, m.frames, m.owed)), error_reason::occupied);
  EXPECT_EQ(m.frames.out(), 1u + 3 + 1);
  EXPECT_TRUE(done(release(m.space, span_of(0x1000, 0x1000), m.frames, m.owed)));
}

TEST(page_walker, S41_a_failed_allocation_changes_nothing_whenever_it_fails) {
  machine    m{x86::x86_64_4level};
  auto const before = m.picture();
  long       n      = 0;
  for (;; ++n) {
    m.frames.fail_after(n);
    auto const result = allocate(m.space, span_of(2 * M - 0x3000, 0x6000), rw, m.frames, m.owed);
    if (result) break;
    ASSERT_EQ(why(result), error_reason::no_frames) << "failing after " << n;
    EXPECT_EQ(m.picture(), before) << "page-walker leaves what it had linked";
    EXPECT_EQ(m.frames.out(), 1u);
  }
  EXPECT_EQ(n, 6 + 4) << "six pages and four tables";
}

TEST(page_walker, S44_release_frees_every_leaf_once_and_refuses_half_a_large_page) {
  machine m{x86::x86_64_4level, 16 * M};
  EXPECT_TRUE(done(allocate(m.space, span_of(2 * M, 2 * M), rw, m.frames, m.owed)));
  auto const before = m.picture();
  auto const half   = release(m.space, span_of(2 * M, 4 * K), m.frames, m.owed);
  EXPECT_EQ(why(half), error_reason::would_split) << "page-walker frees all of it, and then physical 0";
  EXPECT_EQ(m.picture(), before);
  m.log.clear();
  EXPECT_TRUE(done(release(m.space, span_of(0, 1 * G), m.frames, m.owed))) << "holes are passed over";
  EXPECT_EQ(m.frames.out(), 1u);
  EXPECT_EQ(m.frames.wrong_releases(), 0u) << "and nothing is freed for them";
  EXPECT_EQ(count_of(m.log, event::released), 3u) << "the large page and two tables";
  EXPECT_TRUE(released_only_after_a_flush(m.log));
}

TEST(page_walker, S46_S55_copying_across_pages_takes_each_byte_from_its_own_page) {
  two_pages m;
  for (unsigned i = 0; i < 4096; ++i) m.one[i] = static_cast<u8>(i % 251), m.two[i] = static_cast<u8>((4096 + i) % 251);
  std::vector<u8> got(0x1000);
  EXPECT_TRUE(copy_from(m.h, m.top, {0x1800}, as_view(got), m.memory)) << "page-walker overruns the first frame";
  auto const want = counting(0x1800);
  EXPECT_EQ(std::vector<u8>(want.begin() + 0x800, want.end()), std::vector<u8>(got.begin(), got.end()));
}

TEST(page_walker, S46_S47_copying_goes_on_from_a_large_page_into_small_ones) {
  machine m{x86::x86_64_5level, 8 * M};
  EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {20 * M}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(4 * M, 8 * K), {19 * M}, rw, m.owed)));
  EXPECT_EQ(m.query(2 * M)->lg2, 21);
  auto const data = counting(0x1800);
  EXPECT_TRUE(copy_to(m.h, m.top, {4 * M - 0x800}, as_bytes(data), m.memory));
  EXPECT_EQ(std::memcmp(m.bytes.at({22 * M - 0x800}), data.data(), 0x800), 0);
  EXPECT_EQ(std::memcmp(m.bytes.at({19 * M}), data.data() + 0x800, 0x1000), 0);
  std::vector<u8> back(0x1800);
  EXPECT_TRUE(copy_from(m.h, m.top, {4 * M - 0x800}, as_view(back), m.memory));
  EXPECT_EQ(back, data);
}

TEST(page_walker, S46_a_copy_that_ends_with_its_page_does_not_need_the_next_and_an_empty_one_needs_none) {
  two_pages       m;
  std::vector<u8> got(0x10, 1), none;
  EXPECT_TRUE(copy_from(m.h, m.top, {0x2ff0}, as_view(got), m.memory)) << "page-walker: not present";
  EXPECT_EQ(got, std::vector<u8>(m.two + 0xff0, m.two + 0x1000));
  EXPECT_TRUE(copy_from(m.h, m.top, {0x7000}, as_view(none), m.memory));
}

TEST(page_walker, S46_a_copy_that_ends_early_says_how_far_it_came) {
  two_pages       m;
  std::vector<u8> got(0x2000, 0x11);
  auto const      result = copy_from(m.h, m.top, {0x1ff0}, as_view(got), m.memory);
  ASSERT_EQ(why(result), copy_reason::untranslated);
  EXPECT_EQ(result.error().bytes, 0x1010u);
  EXPECT_EQ(result.error().at.value, 0x3000u);
  EXPECT_EQ(result.error().where.why, fault_reason::absent);
  EXPECT_EQ(got[0x100f], m.two[0xfff]);
  EXPECT_EQ(got[0x1010], 0x11) << "nothing behind is touched";
  auto const top = copy_from(m.h, m.top, {~u64{0} - 3}, as_view(got), m.memory);
  EXPECT_EQ(why(top), copy_reason::wraps);
}

TEST(page_walker, S46_rights_are_checked_if_asked_for) {
  two_pages       m;
  std::vector<u8> got(0x20, 0x11);
  auto const      result = copy_from(m.h, m.top, {0x1ff0}, as_view(got), m.memory, rights::user_read);
  EXPECT_EQ(why(result), copy_reason::denied) << "page 0x1000 is the kernel's";
  EXPECT_EQ(result.error().bytes, 0u);
  EXPECT_TRUE(copy_from(m.h, m.top, {0x1ff0}, as_view(got), m.memory, rights::kernel_read));
  EXPECT_TRUE(copy_from(m.h, m.top, {0x2000}, as_view(got), m.memory, rights::user_read));
}

TEST(page_walker, S47_S55_copying_in_writes_just_the_bytes_of_the_range) {
  two_pages  m;
  auto const before = m.bytes.copy();
  auto const data   = counting(0x1000);
  EXPECT_TRUE(copy_to(m.h, m.top, {0x1800}, as_bytes(data), m.memory));
  EXPECT_TRUE(std::equal(data.begin(), data.begin() + 0x800, m.one + 0x800));
  EXPECT_TRUE(std::equal(data.begin() + 0x800, data.end(), m.two));
  std::size_t changed = 0, outside = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i] != m.bytes.data()[i]) {
      ++changed;
      auto const *const p = m.bytes.data() + i;
      outside += !((p >= m.one + 0x800 && p < m.one + 0x1000) || (p >= m.two && p < m.two + 0x800));
    }
  EXPECT_EQ(outside, 0u);
  EXPECT_GT(changed, 0x1000u * 9 / 10);
  EXPECT_EQ(why(copy_to(m.h, m.top, {0x1000}, as_bytes(data), m.memory, rights::user_write)), copy_reason::denied);
}

TEST(page_walker, S46_S47_missing_memory_behind_a_page_is_a_result) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {1 * G}, rw, m.owed)));
  std::vector<u8> got(4);
  auto const      result = copy_from(m.h, m.top, {0x1004}, as_view(got), m.memory);
  EXPECT_EQ(why(result), copy_reason::unreadable);
  EXPECT_EQ(result.error().where.level, 0);
  EXPECT_EQ(why(copy_to(m.h, m.top, {0x1004}, as_bytes(got), m.memory)), copy_reason::unreadable);
}
