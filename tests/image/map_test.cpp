// SPDX-License-Identifier: MIT
#include <map>
#include <random>

#include <gmock/gmock.h>

#include "forge.hpp"
#include "image/memory.hpp"
#include "image/physical_map.hpp"

namespace {

using namespace pagewright::image;

constexpr auto top = ~std::uint64_t{0};

struct map_of {
  forge::bytes data = forge::pattern(0x10000);

  auto at(std::size_t offset) const -> std::byte const * { return data.data() + offset; }
};

TEST(physical_map, without_memory_answers_nothing) {
  physical_map const map;
  std::byte          one{};
  EXPECT_EQ(map.at(0, 1), nullptr);
  EXPECT_EQ(map.at(top, 1), nullptr);
  EXPECT_FALSE(map.read(0, {&one, 1}));
  EXPECT_TRUE(map.read(0, {}));
  EXPECT_EQ(map.total_bytes(), 0u);
  EXPECT_TRUE(map.extents().empty());
}

TEST(physical_map, answers_up_to_the_last_byte_of_an_extent_and_not_beyond) {
  map_of const       m;
  segment const      parts[] = {{0x1000, 0x1fff, m.at(0)}, {0x3000, 0x3fff, m.at(0x5000)}};
  physical_map const map{parts};
  EXPECT_EQ(map.at(0x1000, 0x1000), m.at(0));
  EXPECT_EQ(map.at(0x1fff, 1), m.at(0xfff));
  EXPECT_EQ(map.at(0x3ff8, 8), m.at(0x5ff8));
  EXPECT_EQ(map.at(0x3ff9, 8), nullptr);
  EXPECT_EQ(map.at(0x2000, 1), nullptr);
  EXPECT_EQ(map.at(0x0fff, 1), nullptr);
  EXPECT_EQ(map.at(0x0fff, 2), nullptr);
  EXPECT_EQ(map.at(0x1000, 0), nullptr);
  EXPECT_EQ(map.at(0x1000, ~std::size_t{0}), nullptr);
  EXPECT_EQ(map.total_bytes(), 0x2000u);
}

TEST(physical_map, joins_touching_extents_for_people_and_reads_across_them) {
  map_of const       m;
  segment const      parts[] = {{0x2000, 0x2fff, m.at(0x8000)}, {0x1000, 0x1fff, m.at(0)}};
  physical_map const map{parts};
  EXPECT_EQ(forge::text(map.extents()), "1000..2fff ");
  EXPECT_EQ(map.at(0x1ffc, 8), nullptr) << "not contiguous in the file";
  std::byte found[8];
  ASSERT_TRUE(map.read(0x1ffc, found));
  EXPECT_EQ(std::memcmp(found, m.at(0xffc), 4), 0);
  EXPECT_EQ(std::memcmp(found + 4, m.at(0x8000), 4), 0);
}

TEST(physical_map, makes_one_piece_of_extents_that_touch_in_the_file_too) {
  map_of const       m;
  segment const      parts[] = {{0x1000, 0x1fff, m.at(0)}, {0x2000, 0x2fff, m.at(0x1000)}};
  physical_map const map{parts};
  EXPECT_EQ(map.at(0x1ffc, 8), m.at(0xffc));
}

TEST(physical_map, reaches_the_top_of_the_address_space_without_wrapping) {
  map_of const       m;
  segment const      parts[] = {{top - 0xfff, top, m.at(0)}, {0, 0xfff, m.at(0x1000)}};
  physical_map const map{parts};
  EXPECT_EQ(map.at(top, 1), m.at(0xfff));
  EXPECT_EQ(map.at(top, 2), nullptr);
  std::byte found[8];
  EXPECT_TRUE(map.read(top - 7, found));
  EXPECT_FALSE(map.read(top - 6, found)) << "address 0 does not follow 2^64 - 1";
  EXPECT_EQ(forge::text(map.extents()), "0..fff fffffffffffff000..ffffffffffffffff ");
}

TEST(physical_map, counts_the_whole_space_without_overflow) {
  segment const      parts[] = {{0, top, nullptr}};
  physical_map const map{parts};
  EXPECT_EQ(map.total_bytes(), top);
  EXPECT_NE(map.at(top - 7, 8), nullptr);
}

TEST(physical_map, gives_zero_fill_64_kib_at_a_time) {
  segment const      parts[] = {{0x10000, 0xffffff, nullptr}};
  physical_map const map{parts};
  auto const *const  zeros = map.at(0x10123, zero_block_size);
  ASSERT_NE(zeros, nullptr);
  for (std::size_t i = 0; i < zero_block_size; ++i) ASSERT_EQ(zeros[i], std::byte{0}) << "at " << i;
  EXPECT_EQ(map.at(0x10123, zero_block_size + 1), nullptr);
  forge::bytes found(zero_block_size + 1, std::byte{0xee});
  EXPECT_TRUE(map.read(0x10123, found));
  EXPECT_THAT(found, testing::Each(std::byte{0}));
}

TEST(physical_map, prefers_bytes_to_zero_fill_whatever_comes_first) {
  map_of const  m;
  segment const fill{0x1000, 0x4fff, nullptr}, data{0x2000, 0x2fff, m.at(0)};
  for (auto const &parts : {std::array{fill, data}, std::array{data, fill}}) {
    physical_map const map{parts};
    EXPECT_EQ(map.at(0x2000, 0x1000), m.at(0));
    EXPECT_EQ(map.at(0x1fff, 1), zero_block);
    EXPECT_EQ(map.at(0x3000, 1), zero_block);
    EXPECT_EQ(forge::text(map.extents()), "1000..4fff ");
    EXPECT_EQ(map.contradicted().segments, 0u);
  }
}

TEST(physical_map, tells_overlap_of_the_same_bytes_from_contradiction) {
  map_of const       m;
  segment const      same[] = {{0x1000, 0x2fff, m.at(0)}, {0x2000, 0x3fff, m.at(0x1000)}};
  physical_map const agreeing{same};
  EXPECT_EQ(agreeing.contradicted().segments, 0u);
  EXPECT_EQ(agreeing.at(0x1000, 0x3000), m.at(0));

  segment const      other[] = {{0x1000, 0x2fff, m.at(0)}, {0x2000, 0x3fff, m.at(0x8000)}};
  physical_map const disagreeing{other};
  EXPECT_EQ(disagreeing.contradicted().segments, 1u);
  EXPECT_EQ(disagreeing.contradicted().first_address, 0x2000u);
  EXPECT_EQ(disagreeing.at(0x2000, 1), m.at(0x1000)) << "the earlier segment wins";
  EXPECT_EQ(disagreeing.at(0x3000, 1), m.at(0x9000));
}

TEST(physical_map, agrees_with_a_byte_by_byte_model_for_random_overlaps) {
  map_of const    m;
  std::mt19937_64 random{7};
  for (int round = 0; round < 300; ++round) {
    std::vector<segment>                         parts;
    std::map<std::uint64_t, std::byte const *>   model;
    auto const below = [&](std::uint64_t n) { return random() % n; };
    for (auto n = below(12); n-- > 0;) {
      auto const first = below(200), size = 1 + below(60);
      parts.push_back({first, first + size - 1, below(3) == 0 ? nullptr : m.at(below(1000))});
    }
    for (bool const zero : {false, true})
      for (auto const &p : parts)
        if ((p.data == nullptr) == zero)
          for (auto a = p.first; a <= p.last; ++a) model.try_emplace(a, zero ? zero_block : p.data + (a - p.first));
    physical_map const map{parts};
    for (std::uint64_t a = 0; a < 300; ++a) {
      auto const expected = model.contains(a) ? model[a] : nullptr;
      ASSERT_EQ(map.at(a, 1), expected) << "round " << round << ", address " << a;
    }
    ASSERT_EQ(map.total_bytes(), model.size()) << "round " << round;
    for (std::size_t i = 1; i < map.extents().size(); ++i)
      ASSERT_GT(map.extents()[i].first, map.extents()[i - 1].last + 1) << "round " << round;
  }
}

TEST(image_memory, loads_entries_of_either_byte_order_and_any_alignment) {
  forge::bytes data;
  for (int const b : {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99})
    forge::put(data, static_cast<unsigned>(b), 1);
  auto const         source = forge::must(forge::from(data, {}, 0x1000));
  image_memory const memory{source};
  using pagewright::byte_order;
  auto const load = [&](std::uint64_t a, std::uint8_t n, byte_order order) {
    pagewright::word w{};
    w.bytes = n;
    w.order = order;
    return memory.load({a}, w);
  };
  EXPECT_EQ(load(0x1000, 8, byte_order::little), 0x8877665544332211u);
  EXPECT_EQ(load(0x1000, 8, byte_order::big), 0x1122334455667788u);
  EXPECT_EQ(load(0x1001, 8, byte_order::little), 0x9988776655443322u);
  EXPECT_EQ(load(0x1004, 4, byte_order::little), 0x88776655u);
  EXPECT_EQ(load(0x1004, 4, byte_order::big), 0x55667788u);
  EXPECT_EQ(load(0x1002, 2, byte_order::big), 0x3344u);
  EXPECT_EQ(load(0x1002, 8, byte_order::little), std::nullopt) << "one byte beyond the end";
  EXPECT_EQ(load(0x0ffc, 4, byte_order::little), std::nullopt);
  EXPECT_EQ(load(~std::uint64_t{0}, 8, byte_order::little), std::nullopt);
}

TEST(image_memory, loads_an_entry_that_two_segments_share) {
  forge::bytes file;
  forge::lime(file, 0x1000, 0x1003, forge::pattern(4, 1));
  forge::lime(file, 0x1004, 0x1007, forge::pattern(4, 2));
  auto const source = forge::must(forge::from(file));
  EXPECT_EQ(source.at(0x1000, 8), nullptr);
  std::uint64_t expected = 0;
  ASSERT_TRUE(source.read(0x1000, std::as_writable_bytes(std::span{&expected, 1})));
  EXPECT_NE(expected, 0u);
  pagewright::word w{};
  w.bytes = 8;
  w.order = pagewright::byte_order::little;
  if constexpr (std::endian::native == std::endian::little) {
    EXPECT_EQ(image_memory{source}.load({0x1000}, w), expected);
  }
}

}  // namespace
