// SPDX-License-Identifier: MIT
// The small models of memory and frames that come with the library.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include <pagewright/pagewright.hpp>

namespace {

using namespace pagewright;

constexpr word little8{8, byte_order::little}, big8{8, byte_order::big}, little4{4, byte_order::little}, big4{4, byte_order::big};

/// What every memory must do, in every width and order.
template <class M>
void behaves(M &m, output_address at) {
  for (word const w : {little8, big8, little4, big4}) {
    u64 const a = 0x1122'3344'5566'7788 & below(8u * w.bytes), b = 0x99aa'bbcc'ddee'ff00 & below(8u * w.bytes);
    m.clear(at, 16);
    EXPECT_EQ(m.load(at, w), 0u);
    m.store(at, w, a);
    EXPECT_EQ(m.load(at, w), a);
    EXPECT_EQ(m.load(at + w.bytes, w), 0u) << "the neighbour is left alone";
    EXPECT_EQ(m.exchange(at, w, b), a);
    u64 expected = a;
    EXPECT_FALSE(m.compare_exchange(at, w, expected, a));
    EXPECT_EQ(expected, b) << "it says what is there";
    EXPECT_TRUE(m.compare_exchange(at, w, expected, a));
    EXPECT_EQ(m.load(at, w), a);
    fill(m, at, w, w.bytes, 2, [](u64 i) { return 0x4000 + i; });
    EXPECT_EQ(m.load(at, w), 0x4000u);
    EXPECT_EQ(m.load(at + w.bytes, w), 0x4001u);
  }
}

}  // namespace

TEST(byte_memory, loads_and_stores_in_every_width_and_order) {
  std::vector<u8> bytes(64, 0xff);
  byte_memory     m{bytes, {0x1000}};
  behaves(m, {0x1010});
  EXPECT_EQ(bytes[0x0f], 0xff);
  EXPECT_EQ(bytes[0x20], 0xff);
  EXPECT_FALSE(m.strayed());
}

TEST(byte_memory, lays_bytes_down_in_the_order_of_the_format) {
  std::array<u8, 8> bytes{};
  byte_memory m{bytes, {0}};
  m.store({0}, big4, 0x1122'3344);
  EXPECT_EQ(bytes, (std::array<u8, 8>{0x11, 0x22, 0x33, 0x44}));
  m.store({0}, little4, 0x1122'3344);
  EXPECT_EQ(bytes, (std::array<u8, 8>{0x44, 0x33, 0x22, 0x11}));
}

TEST(byte_memory, ends_where_it_ends) {
  std::vector<u8> bytes(16, 0);
  byte_memory     m{bytes, {0x1000}};
  EXPECT_TRUE(m.load({0x1008}, little8));
  EXPECT_FALSE(m.load({0x1009}, little8)) << "half outside";
  EXPECT_FALSE(m.load({0x1010}, little4));
  EXPECT_FALSE(m.load({0xffc}, little8));
  EXPECT_FALSE(m.load({~u64{0} - 3}, little8)) << "nothing wraps";
  EXPECT_FALSE(m.strayed());
  m.store({0x100c}, little8, ~u64{0});
  EXPECT_TRUE(m.strayed());
  EXPECT_EQ(bytes, std::vector<u8>(16, 0)) << "a write half outside has no effect";
}

TEST(direct_map, loads_and_stores_in_every_width_and_order) {
  alignas(8) std::array<u8, 64> bytes{};
  direct_map m{bytes.data()};
  behaves(m, {0x10});
  static_assert(always_readable<direct_map>);
  static_assert(!always_readable<byte_memory>);
}

TEST(bump_frames, hands_out_aligned_blocks_until_nothing_is_left) {
  bump_frames f{{0x1400}, 0x4c00};
  EXPECT_EQ(f.allocate(12), output_address{0x2000});
  EXPECT_EQ(f.allocate(10), output_address{0x3000});
  EXPECT_EQ(f.allocate(13), output_address{0x4000});
  EXPECT_EQ(f.next(), output_address{0x6000});
  EXPECT_EQ(f.allocate(12), std::nullopt);
  EXPECT_EQ(f.next(), output_address{0x6000}) << "what fails takes nothing";
}

TEST(bump_frames, does_not_wrap_at_the_top) {
  bump_frames f{{~u64{0} - 0xfff}, 0x1000};
  EXPECT_EQ(f.allocate(12), output_address{~u64{0} - 0xfff});
  EXPECT_EQ(f.allocate(0), std::nullopt);
  bump_frames g{{0x1000}, ~u64{0} - 0x1000};
  EXPECT_EQ(g.allocate(64), std::nullopt);
}

TEST(frame_pool, gives_out_each_frame_once_and_takes_it_back) {
  frame_pool<70> pool{{0x10'0000}};
  std::vector<output_address> out;
  while (auto const a = pool.allocate(12)) out.push_back(*a);
  ASSERT_EQ(out.size(), 70u);
  for (unsigned i = 0; i < 70; ++i) EXPECT_EQ(out[i], output_address{0x10'0000 + 0x1000 * u64{i}});
  EXPECT_EQ(pool.in_use(), 70u);
  pool.release(out[66], 12);
  EXPECT_EQ(pool.in_use(), 69u);
  EXPECT_EQ(pool.allocate(10), out[66]) << "smaller requests get a whole frame";
  EXPECT_EQ(pool.allocate(12), std::nullopt);
  pool.release(out[0], 12);
  EXPECT_EQ(pool.allocate(13), std::nullopt) << "larger ones none";
}
