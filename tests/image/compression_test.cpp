// SPDX-License-Identifier: MIT
#include <gmock/gmock.h>

#include "forge.hpp"

namespace {

using testing::HasSubstr;

/// An image with long runs of zero, as real memory has, and a size that is no multiple of a page.
auto sparse() -> forge::bytes {
  auto data = forge::bytes(5'000'123);
  auto const some = forge::pattern(70'001);
  for (std::size_t at : {0u, 1'000'003u, 3'333'333u, 4'900'000u})
    std::copy(some.begin(), some.end(), data.begin() + static_cast<std::ptrdiff_t>(at));
  return data;
}

auto split(forge::bytes const &in, std::size_t at) -> std::pair<forge::bytes, forge::bytes> {
  auto const middle = in.begin() + static_cast<std::ptrdiff_t>(at);
  return {{in.begin(), middle}, {middle, in.end()}};
}

TEST(compressed, images_read_like_plain_ones) {
  forge::temporary const dir;
  auto const data = sparse();
  for (auto const &[packed, name] : {std::pair{forge::zstd(data), "zstd"}, std::pair{forge::gzip(data), "gzip"}}) {
    auto const path  = dir.file(name, packed);
    auto const image = forge::must(forge::open({path + "@80000000"}));
    EXPECT_EQ(pagewright::image::name(image.sources()[0].packing), name);
    EXPECT_EQ(image.sources()[0].bytes_on_disk, packed.size());
    EXPECT_EQ(image.total_bytes(), data.size());
    EXPECT_TRUE(forge::holds(image, 0x8000'0000, data));
    EXPECT_TRUE(image.warnings().empty()) << forge::joined(image.warnings());
  }
}

TEST(compressed, frames_and_members_follow_one_another) {
  auto const data = sparse();
  auto const [a, b] = split(data, 1'234'567);
  auto zstd = forge::zstd(a);
  forge::put(zstd, 0x184D2A53, 4), forge::put(zstd, 5, 4), forge::put(zstd, 0x1122334455, 5);   // a skippable frame
  forge::append(zstd, forge::zstd({}));                                                         // an empty one
  forge::append(zstd, forge::zstd(b));
  EXPECT_TRUE(forge::holds(forge::must(forge::from(zstd)), 0, data));

  forge::bytes leading;
  forge::put(leading, 0x184D2A50, 4), forge::put(leading, 0, 4);
  forge::append(leading, zstd);
  EXPECT_TRUE(forge::holds(forge::must(forge::from(leading)), 0, data)) << "a skippable frame first";

  auto gzip = forge::gzip(a);
  forge::append(gzip, forge::gzip({}));
  forge::append(gzip, forge::gzip(b));
  EXPECT_TRUE(forge::holds(forge::must(forge::from(gzip)), 0, data));
}

TEST(compressed, containers_are_told_after_unpacking) {
  auto const core =
      forge::elf{.notes = forge::qemu_cpu{}.build(), .loads = {{.paddr = 0x1000, .data = forge::pattern(0x1000)}}};
  for (auto const &packed : {forge::zstd(core.build()), forge::gzip(core.build())}) {
    auto const image = forge::must(forge::from(packed));
    EXPECT_EQ(image.sources()[0].format, pagewright::image::container::elf);
    EXPECT_TRUE(forge::holds(image, 0x1000, core.loads[0].data));
    EXPECT_EQ(image.cpus().size(), 1u);
  }
  EXPECT_THAT(forge::message(forge::from(forge::zstd(forge::gzip(sparse())))), HasSubstr("compressed twice"));
  auto const packed = forge::zstd(sparse());
  EXPECT_TRUE(forge::holds(
      forge::must(forge::from(packed, {.format = pagewright::image::container::raw, .unpack = false})), 0, packed));
}

TEST(compressed, streams_cut_off_are_errors_and_never_short_images) {
  auto const data = forge::pattern(300'000);
  for (auto const &packed : {forge::zstd(data), forge::gzip(data)}) {
    for (std::size_t size = 4; size < packed.size(); size += size < 64 || packed.size() - size < 64 ? 1u : 61u) {
      auto const opened = forge::from({packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size)});
      ASSERT_FALSE(opened) << size << " of " << packed.size() << " bytes were taken for an image";
      ASSERT_THAT(forge::message(opened), HasSubstr("truncated")) << size << " of " << packed.size() << " bytes";
    }
  }
}

TEST(compressed, streams_with_flipped_bits_are_errors) {
  auto gzip = forge::gzip(forge::pattern(300'000));
  gzip[gzip.size() / 2] ^= std::byte{0x10};
  EXPECT_THAT(forge::message(forge::from(gzip)), HasSubstr("gzip stream is"));
  gzip = forge::gzip(forge::pattern(300'000));
  gzip[gzip.size() - 6] ^= std::byte{1};                           // the CRC
  EXPECT_THAT(forge::message(forge::from(gzip)), HasSubstr("corrupt near offset"));
  auto zstd = forge::zstd(forge::pattern(300'000));
  forge::append(zstd, forge::pattern(8));
  EXPECT_THAT(forge::message(forge::from(zstd)), HasSubstr("corrupt near offset"));
}

TEST(compressed, gzip_followed_by_zeros_is_fine_and_by_anything_else_is_mentioned) {
  auto packed = forge::gzip(forge::pattern(1000));
  packed.resize(packed.size() + 512);
  EXPECT_TRUE(forge::must(forge::from(packed)).warnings().empty());
  packed.back() = std::byte{1};
  auto const image = forge::must(forge::from(packed));
  EXPECT_EQ(image.total_bytes(), 1000u);
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("512 bytes after the gzip stream"));
}

TEST(compressed, bombs_stop_at_the_limit) {
  auto const zeros = forge::bytes(64 << 20);
  for (auto const &packed : {forge::zstd(zeros), forge::gzip(zeros)}) {
    EXPECT_THAT(forge::message(forge::from(packed, {.unpack_limit = (64 << 20) - 1})),
                HasSubstr("more than the limit"));
    EXPECT_EQ(forge::must(forge::from(packed, {.unpack_limit = 64 << 20})).total_bytes(), zeros.size());
  }
  EXPECT_THAT(forge::message(forge::from(forge::zstd({}))), HasSubstr("unpacks to nothing"));
  EXPECT_THAT(forge::message(forge::from(forge::gzip({}))), HasSubstr("unpacks to nothing"));
}

}  // namespace
