// SPDX-License-Identifier: MIT
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "forge.hpp"

namespace {

using pagewright::image::container;
using testing::HasSubstr;

TEST(raw, begins_at_0_without_a_base_and_at_the_base_with_one) {
  forge::temporary const dir;
  auto const path = dir.file("memory.bin", forge::pattern(0x3000));
  auto const low  = forge::must(forge::open({path}));
  EXPECT_EQ(forge::text(low.extents()), "0..2fff ");
  for (std::string const base : {"@80000000", "@0x80000000", "@0X80000000"}) {
    auto const high = forge::must(forge::open({path + base}));
    EXPECT_EQ(forge::text(high.extents()), "80000000..80002fff ");
    EXPECT_TRUE(forge::holds(high, 0x8000'0000, forge::pattern(0x3000)));
    EXPECT_EQ(high.sources()[0].base, 0x8000'0000u);
    EXPECT_EQ(high.sources()[0].path, path);
    EXPECT_EQ(high.sources()[0].bytes_on_disk, 0x3000u);
  }
}

TEST(raw, files_combine_with_a_hole_between_them) {
  forge::temporary const dir;
  auto const a = dir.file("low", forge::pattern(0x1000, 1)), b = dir.file("high", forge::pattern(0x1800, 2));
  auto const image = forge::must(forge::open({b + "@100000000", a + "@0"}));
  EXPECT_EQ(forge::text(image.extents()), "0..fff 100000000..1000017ff ");
  EXPECT_TRUE(forge::holds(image, 0, forge::pattern(0x1000, 1)));
  EXPECT_TRUE(forge::holds(image, 0x1'0000'0000, forge::pattern(0x1800, 2)));
  EXPECT_TRUE(forge::absent(image, 0x1000));
  EXPECT_TRUE(forge::absent(image, 0xffff'ffff));
  EXPECT_EQ(image.total_bytes(), 0x2800u);
  EXPECT_EQ(image.sources().size(), 2u);
}

TEST(raw, files_that_overlap_give_the_earlier_one_and_a_warning) {
  forge::temporary const dir;
  auto const a = dir.file("a", forge::pattern(0x1000, 1)), b = dir.file("b", forge::pattern(0x1000, 2));
  auto const image = forge::must(forge::open({a + "@1000", b + "@1800"}));
  EXPECT_TRUE(forge::holds(image, 0x1000, forge::pattern(0x1000, 1)));
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("first at 0x1800"));
}

TEST(raw, may_end_at_the_top_of_the_address_space_but_not_beyond) {
  auto const data = forge::pattern(0x1000);
  EXPECT_EQ(forge::text(forge::must(forge::from(data, {}, ~std::uint64_t{0xfff})).extents()),
            "fffffffffffff000..ffffffffffffffff ");
  EXPECT_THAT(forge::message(forge::from(data, {}, ~std::uint64_t{0xffe})), HasSubstr("go beyond 2^64"));
}

TEST(raw, is_what_a_base_or_the_option_says_even_of_an_elf_file) {
  auto const core = forge::elf{.loads = {{.paddr = 0, .data = forge::pattern(16)}}}.build();
  auto const based = forge::must(forge::from(core, {}, 0x1000));
  EXPECT_EQ(based.sources()[0].format, container::raw);
  EXPECT_TRUE(forge::holds(based, 0x1000, core));
  EXPECT_THAT(forge::joined(based.warnings()), HasSubstr("begins like an ELF file"));
  EXPECT_TRUE(forge::holds(forge::must(forge::from(core, {.format = container::raw})), 0, core));
  EXPECT_THAT(forge::message(forge::from(core, {.format = container::elf}, 0x1000)),
              HasSubstr("belongs to raw memory"));
}

TEST(spec, that_is_wrong_says_how_to_write_it) {
  forge::temporary const dir;
  auto const path = dir.file("m", forge::pattern(16));
  EXPECT_THAT(forge::message(forge::open({})), HasSubstr("no image file was given"));
  EXPECT_THAT(forge::message(forge::open({path + "@xyz"})), HasSubstr("'xyz' is not a hexadecimal base address"));
  EXPECT_THAT(forge::message(forge::open({path + "@"})), HasSubstr("write FILE@HEXBASE"));
  EXPECT_THAT(forge::message(forge::open({path + "@0x"})), HasSubstr("write FILE@HEXBASE"));
  EXPECT_THAT(forge::message(forge::open({path + "@-1"})), HasSubstr("write FILE@HEXBASE"));
  EXPECT_THAT(forge::message(forge::open({path + "@10000000000000000"})), HasSubstr("more than 64 bits"));
  EXPECT_THAT(forge::message(forge::open({"@1000"})), HasSubstr("no file name"));
  EXPECT_THAT(forge::message(forge::open({dir.path("none")})), HasSubstr("none: cannot be opened"));
  EXPECT_THAT(forge::message(forge::open({dir.path()})), HasSubstr("is a directory"));
  EXPECT_THAT(forge::message(forge::open({dir.file("empty", {})})), HasSubstr("is empty"));
  EXPECT_THAT(forge::message(forge::open({path, dir.path("gone")})), HasSubstr("gone"));
}

TEST(spec, prefers_a_file_that_has_the_at_sign_in_its_name) {
  forge::temporary const dir;
  auto const path  = dir.file("vm@1000", forge::pattern(0x10));
  EXPECT_EQ(forge::text(forge::must(forge::open({path})).extents()), "0..f ");
  EXPECT_EQ(forge::text(forge::must(forge::open({path + "@2000"})).extents()), "2000..200f ");
}

TEST(open, reads_what_cannot_be_mapped) {
  forge::temporary const dir;
  auto const path = dir.path("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  auto const content = forge::pattern(3'000'000);
  auto const write = [&] {
    std::ofstream{path, std::ios::binary}.write(reinterpret_cast<char const *>(content.data()), 3'000'000);
  };
  {
    std::jthread const writer{write};
    auto const image = forge::must(forge::open({path + "@40000000"}));
    EXPECT_TRUE(forge::holds(image, 0x4000'0000, content));
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::jthread const writer{write};
  EXPECT_THAT(forge::message(forge::open({path}, {.unpack_limit = 1'000'000})),
              HasSubstr("more than the limit of 1000000 bytes"));
}

TEST(open, names_formats_it_does_not_read_and_the_way_out) {
  auto const begin = [](std::string_view magic) {
    forge::bytes file;
    for (char const c : magic) forge::put(file, static_cast<unsigned char>(c), 1);
    file.resize(4096);
    return file;
  };
  EXPECT_THAT(forge::message(forge::from(begin("KDUMP   "))),
              HasSubstr("kdump-compressed dump, which is not read here"));
  EXPECT_THAT(forge::message(forge::from(begin("makedumpfile"))), HasSubstr("makedumpfile -R"));
  EXPECT_THAT(forge::message(forge::from(begin("AVML"))), HasSubstr("avml-convert"));
  EXPECT_THAT(forge::message(forge::from(begin("PAGEDU64"))), HasSubstr("Windows crash dump"));
  EXPECT_THAT(forge::message(forge::from(begin("\xD2\xBE\xD2\xBE"))), HasSubstr(".vmem"));
  EXPECT_THAT(forge::message(forge::from(begin("LibvirtQemudPart"))), HasSubstr("virsh dump"));
  EXPECT_EQ(forge::must(forge::from(begin("KDUMP   "), {.format = container::raw})).total_bytes(), 4096u);
  EXPECT_EQ(forge::must(forge::from(begin("KDUMP   "), {}, 0)).total_bytes(), 4096u);
}

TEST(open, names_lime_compressed_with_zlib_and_takes_other_memory_that_begins_like_zlib_as_it_is) {
  forge::bytes lime;
  forge::lime(lime, 0x9000, 0x9fff, forge::pattern(0x1000, 3));
  auto const packed = [](forge::bytes const &plain) {
    uLongf       size = compressBound(static_cast<uLong>(plain.size()));
    forge::bytes out(size);
    EXPECT_EQ(compress(reinterpret_cast<Bytef *>(out.data()), &size, reinterpret_cast<Bytef const *>(plain.data()),
                       static_cast<uLong>(plain.size())), Z_OK);
    out.resize(size);
    return out;
  };
  EXPECT_THAT(forge::message(forge::from(packed(lime))), HasSubstr("compressed with zlib"));
  auto const other = packed(forge::pattern(5000));
  EXPECT_TRUE(forge::holds(forge::must(forge::from(other)), 0, other));
  auto damaged = packed(lime);
  damaged.resize(3);
  EXPECT_TRUE(forge::holds(forge::must(forge::from(damaged)), 0, damaged));
}

TEST(open, mixes_formats_and_believes_the_first_machine) {
  forge::temporary const dir;
  forge::bytes lime;
  forge::lime(lime, 0x9000, 0x9fff, forge::pattern(0x1000, 3));
  auto const x86 = dir.file("x86", forge::elf{.loads = {{.paddr = 0x1000, .data = forge::pattern(16)}}}.build());
  auto const arm =
      dir.file("arm", forge::elf{.machine = 183, .loads = {{.paddr = 0x2000, .data = forge::pattern(16)}}}.build());
  auto const image =
      forge::must(forge::open({x86, arm, dir.file("lime", lime), dir.file("raw", forge::pattern(8)) + "@5000"}));
  EXPECT_EQ(forge::text(image.extents()), "1000..100f 2000..200f 5000..5007 9000..9fff ");
  EXPECT_EQ(image.elf()->machine, 62);
  EXPECT_THAT(forge::joined(image.warnings()), HasSubstr("is of a AArch64 machine"));
}

TEST(open, keeps_pointers_valid_when_the_image_moves) {
  forge::temporary const dir;
  auto first = forge::must(forge::open({dir.file("m", forge::pattern(0x2000))}));
  auto const *const before = first.at(0x1000, 16);
  auto const second = std::move(first);
  EXPECT_EQ(second.at(0x1000, 16), before);
  auto third = forge::must(forge::from(forge::pattern(0x2000)));
  auto const *const inside = third.at(0x1000, 16);
  auto const fourth = std::move(third);
  EXPECT_EQ(fourth.at(0x1000, 16), inside);
}

TEST(lime, is_read_with_its_inclusive_ends) {
  forge::bytes file;
  forge::lime(file, 0x1000, 0x1fff, forge::pattern(0x1000, 1));
  forge::lime(file, 0x10'0000, 0x10'0000, forge::pattern(1, 2));
  forge::lime(file, 0x8000'0000, 0x8000'07ff, forge::pattern(0x800, 3));
  auto const image = forge::must(forge::from(file));
  EXPECT_EQ(forge::text(image.extents()), "1000..1fff 100000..100000 80000000..800007ff ");
  EXPECT_TRUE(forge::holds(image, 0x1000, forge::pattern(0x1000, 1)));
  EXPECT_TRUE(forge::holds(image, 0x10'0000, forge::pattern(1, 2)));
  EXPECT_TRUE(forge::holds(image, 0x8000'0000, forge::pattern(0x800, 3)));
  EXPECT_EQ(name(image.sources()[0].format), "LiME");
  EXPECT_TRUE(image.warnings().empty()) << forge::joined(image.warnings());
}

TEST(lime, truncated_anywhere_keeps_what_is_there_or_says_that_nothing_is) {
  forge::bytes file;
  forge::lime(file, 0x1000, 0x10ff, forge::pattern(0x100, 1));
  forge::lime(file, 0x2000, 0x20ff, forge::pattern(0x100, 2));
  for (std::size_t size = 4; size < file.size(); ++size) {
    auto const opened = forge::from({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)});
    auto const first  = size <= 32 ? 0 : std::min<std::size_t>(size - 32, 0x100);
    auto const second = size <= 0x140 ? 0 : size - 0x140;
    if (first == 0) {
      ASSERT_THAT(forge::message(opened), HasSubstr("without any memory")) << size;
      continue;
    }
    ASSERT_TRUE(opened) << size << ": " << forge::message(opened);
    ASSERT_EQ(opened->total_bytes(), first + second) << size;
    if (size != 0x120) { ASSERT_THAT(forge::joined(opened->warnings()), HasSubstr("the file ends inside")) << size; }
  }
}

TEST(lime, that_is_damaged_is_an_error_with_the_offset) {
  forge::bytes file;
  forge::lime(file, 0x1000, 0x10ff, forge::pattern(0x100));
  forge::lime(file, 0x2000, 0x20ff, forge::pattern(0x100));
  auto const with = [&](std::size_t at, std::uint64_t value, unsigned width) {
    auto bad = file;
    forge::poke(bad, at, value, width);
    return forge::message(forge::from(bad));
  };
  EXPECT_THAT(with(0x120, 0x12345678, 4),
              HasSubstr("offset 0x120: expected the LiME magic 0x4c694d45, found 0x12345678"));
  EXPECT_THAT(with(0x120, 0x4C4D5641, 4), HasSubstr("AVML"));
  EXPECT_THAT(with(0x124, 2, 4), HasSubstr("offset 0x124: LiME version 2"));
  EXPECT_THAT(with(0x130, 0x1fff, 8), HasSubstr("is backwards"));
  forge::poke(file, 8, 0, 8), forge::poke(file, 16, ~std::uint64_t{0}, 8);
  EXPECT_EQ(forge::must(forge::from(file)).total_bytes(), file.size() - 32) << "a range of 2^64 bytes";
}

}  // namespace
