// SPDX-License-Identifier: MIT
// Files that nobody wrote on purpose. Whatever they are, opening and reading them is defined, and what an image claims
// to hold it holds. Meant to be run with -DPAGEWRIGHT_SANITIZE=address,undefined too.
#include <algorithm>
#include <cstdlib>
#include <random>

#include "forge.hpp"

namespace {

/// Reads the ends of every extent and what lies around them, and checks that the three views agree.
void visit(forge::image const &image) {
  std::uint64_t before = 0;
  std::size_t   seen   = 0;
  for (auto const &e : image.extents()) {
    ASSERT_LE(e.first, e.last);
    if (seen++ != 0) { ASSERT_GT(e.first, before); }
    before = e.last;
    std::byte one{}, eight[8];
    for (auto const a : {e.first, e.last, e.first + (e.last - e.first) / 2}) {
      auto const *const p = image.at(a, 1);
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(image.read(a, {&one, 1}));
      ASSERT_EQ(*p, one);
      if (auto const *const q = image.at(a, 8)) {
        ASSERT_TRUE(image.read(a, eight));
        ASSERT_EQ(std::memcmp(q, eight, 8), 0);
      }
    }
    if (e.last != ~std::uint64_t{0}) { ASSERT_EQ(image.at(e.last + 1, 1), nullptr); }
    forge::bytes page(std::min<std::uint64_t>(e.last - e.first, 4095) + 1);
    ASSERT_TRUE(image.read(e.first, page));
    if (seen == 64) break;
  }
  ASSERT_NE(seen, 0u) << "an image without memory was opened";
}

/// Never so few that by chance all mutations, or none, are refused.
auto rounds() -> int {
  auto const *const factor = std::getenv("PAGEWRIGHT_TEST_SIZE");
  return std::max(400, static_cast<int>(4000 * (factor != nullptr ? std::atof(factor) : 1.0)));
}

void mutate(forge::bytes const &valid, unsigned seed) {
  std::mt19937_64 random{seed};
  auto const below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  auto opened = 0, refused = 0;
  for (int round = 0; round < rounds(); ++round) {
    auto file = valid;
    // Mostly in the headers, where it hurts, and with values that overflow.
    for (auto n = 1 + below(4); n-- > 0;) {
      auto const width = 1u << below(4);
      auto const room  = (below(4) == 0 ? file.size() : std::min<std::size_t>(file.size(), 1200)) - width;
      std::uint64_t const values[] = {0,
                                      1,
                                      0xff,
                                      0xffff,
                                      0xffffffff,
                                      ~std::uint64_t{0},
                                      random(),
                                      file.size(),
                                      below(4096),
                                      std::uint64_t{1} << below(64),
                                      ~(std::uint64_t{1} << below(64))};
      forge::poke(file, below(room), values[below(std::size(values))], width);
    }
    if (below(5) == 0) file.resize(1 + below(file.size()));
    auto const image = forge::from(std::move(file), {.unpack_limit = 1 << 20});
    if (image) {
      ++opened;
      visit(*image);
    } else {
      ++refused;
      ASSERT_FALSE(image.error().message.empty());
    }
    if (testing::Test::HasFatalFailure()) FAIL() << "seed " << seed << ", round " << round;
  }
  EXPECT_GT(opened, 0);
  EXPECT_GT(refused, 0);
}

auto full_core(bool wide, std::endian order, std::uint16_t machine) -> forge::bytes {
  auto notes = forge::prstatus(336, 240, 1, 264, 2, 8, order);
  forge::append(notes, forge::qemu_cpu{}.build());
  forge::elf core{.wide = wide,
                  .order = order,
                  .machine = machine,
                  .notes = notes,
                  .loads = {{.paddr = 0x1000, .data = forge::pattern(600, 1)},
                            {.paddr = 0x9000, .data = forge::pattern(500, 2), .zero = 300}}};
  core.extra = {{1, ~std::uint64_t{0}, 0, 0x20000, 0, 0x1000}, {1, 200, 0, 0x1100, 300, 300}};
  return core.build();
}

TEST(garbage, in_little_endian_elf64_is_survived)  { mutate(full_core(true,  std::endian::little, 62), 1); }
TEST(garbage, in_big_endian_elf64_is_survived)     { mutate(full_core(true,  std::endian::big,    22), 2); }
TEST(garbage, in_little_endian_elf32_is_survived)  { mutate(full_core(false, std::endian::little,  3), 3); }
TEST(garbage, in_big_endian_elf32_is_survived)     { mutate(full_core(false, std::endian::big,    40), 4); }

TEST(garbage, in_lime_is_survived) {
  forge::bytes file;
  for (unsigned i = 0; i < 8; ++i) forge::lime(file, 0x1000 * i, 0x1000 * i + 63, forge::pattern(64, i));
  mutate(file, 5);
}

TEST(garbage, in_zstd_is_survived) { mutate(forge::zstd(full_core(true, std::endian::little, 62)), 6); }
TEST(garbage, in_gzip_is_survived) { mutate(forge::gzip(full_core(true, std::endian::little, 62)), 7); }

TEST(garbage, with_hundreds_of_thousands_of_overlapping_segments_stays_quick) {
  constexpr std::uint64_t count = 200'000;
  forge::elf core{.xnum = true, .loads = {{.paddr = 0, .data = forge::pattern(4096)}}};
  core.extra.resize(count);
  auto const at = core.load_at(0);
  for (std::uint64_t i = 0; i < count; ++i)                        // each around all before it
    core.extra[i] = {1, at + i % 4096, 0, 0x1'0000'0000 - i, 1, 2 * i + 1};
  auto const image = forge::must(forge::from(core.build()));
  EXPECT_EQ(image.extents().size(), 2u);
  EXPECT_LE(image.warnings().size(), 40u);
}

}  // namespace
