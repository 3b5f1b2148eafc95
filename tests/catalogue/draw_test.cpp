// SPDX-License-Identifier: MIT
// What is drawn of formats: exactly, of some whose manual everyone knows, and what must hold of all.
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <catalogue/anatomy.hpp>
#include <catalogue/draw.hpp>
#include <catalogue/rules.hpp>

namespace pagewright::catalogue {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

[[nodiscard]] auto page_named(std::string_view name) -> page {
  auto const found = find(name);
  EXPECT_TRUE(found) << name;
  return draw(*found);
}

[[nodiscard]] auto section_of(page const &p, std::string_view title) -> section {
  for (auto const &s : p.sections)
    if (s.title == title) return s;
  ADD_FAILURE() << "there is no section '" << title << "' in:\n" << as_text(p);
  return {};
}

template <class Block>
[[nodiscard]] auto blocks_of(section const &s) -> std::vector<Block> {
  std::vector<Block> found;
  for (auto const &one : s.blocks)
    if (auto const *is = std::get_if<Block>(&one)) found.push_back(*is);
  return found;
}

[[nodiscard]] auto format_named(std::string_view name) -> format const & {
  return *find_format(name)->one->description;
}

/// Calls `body(variant)` for every format.
template <class Body>
void for_all(Body &&body) {
  for (auto const *f : families())
    for (auto const &v : f->variants) body(v);
}

TEST(a_drawing, splits_the_input_address_and_shows_every_table_with_its_leaves) {
  auto const drawings = blocks_of<drawing>(section_of(page_named("x86-64-4level"), "Hierarchy"));
  ASSERT_EQ(drawings.size(), 2u);
  EXPECT_THAT(drawings[0].lines, ElementsAre("    63:48     47:39    38:30    29:21    20:12     11:0",
                                             "+----------+--------+--------+--------+--------+---------+",
                                             "| = bit 47 |  PML4  |  PDPT  |   PD   |   PT   | offset  |",
                                             "|          | 9 bits | 9 bits | 9 bits | 9 bits | 12 bits |",
                                             "+----------+--------+--------+--------+--------+---------+"));
  EXPECT_THAT(drawings[1].lines,
              ElementsAre("root --> PML4  512 slots of 512G in 4K", "         '-> PDPT  512 slots of 1G in 4K",
                          "             |-- 1G: large page", "             '-> PD  512 slots of 2M in 4K",
                          "                 |-- 2M: large page", "                 '-> PT  512 slots of 4K in 4K",
                          "                     '-- 4K: page"));
}

TEST(a_drawing, shows_small_tables_in_bytes_and_runs_with_their_size) {
  auto const lines = blocks_of<drawing>(section_of(page_named("x86-pae"), "Hierarchy"))[1].lines;
  EXPECT_EQ(lines[0], "root --> PDPT  4 slots of 1G in 32 bytes");
  EXPECT_THAT(blocks_of<drawing>(section_of(page_named("arm32-short-32"), "Hierarchy"))[1].lines,
              ElementsAre("root --> L1  4096 slots of 1M in 16K", "         |-- 16M: supersection",
                          "         |-- 1M: section", "         '-> L2  256 slots of 4K in 1K",
                          "             |-- 64K: large page", "             '-- 4K: small page"));
}

TEST(an_entry, shows_what_bits_must_be_and_which_hardware_rejects) {
  auto const s = section_of(page_named("x86-64-4level"), "Large page: PDPT and PD");
  EXPECT_EQ(blocks_of<paragraph>(s)[0].text, "Told by: PS = 1 and P = 1. The boxes are those of PD.");
  EXPECT_THAT(
      blocks_of<drawing>(s)[0].lines,
      Contains("|    |       |         | 00000000 |     |      |   | 1  |   |   |     |     |     |     | 1 |"));
  auto const rows = blocks_of<table>(s)[0].rows;
  EXPECT_THAT(rows, Contains(ElementsAre(
                        "51:21", "address",
                        "PDPT: output address, bits 51:30; bits 29:21 must be 0; PD: output address, bits 51:21")));
  EXPECT_THAT(rows, Contains(ElementsAre("20:13", "reserved", "hardware rejects the entry unless 0")));
  EXPECT_THAT(rows, Contains(ElementsAre("12", "PAT", "index of the memory type, bit 2")));
  EXPECT_THAT(rows, Contains(ElementsAre("63", "XD", "1 takes away executing")));
  EXPECT_THAT(rows, Contains(ElementsAre("2", "U/S", "0 takes away all the user's rights")));
}

TEST(rights, are_listed_as_leaves_can_say_them) {
  // Privileged specification, table of PTE permission encodings: W without R is reserved, X = W = R = 0 is no leaf.
  auto const rows = blocks_of<table>(section_of(page_named("riscv-sv39"), "Rights"))[0].rows;
  EXPECT_EQ(rows.size(), 10u);
  EXPECT_THAT(rows, Contains(ElementsAre("rwx", "---", "U = 0, X = 1, W = 1 and R = 1")));
  EXPECT_THAT(rows, Contains(ElementsAre("rw-", "rwx", "U = 1, X = 1, W = 1 and R = 1")));
  EXPECT_THAT(rows, Not(Contains(ElementsAre("-w-", "---", testing::_))));
}

TEST(rights, of_an_x86_table_entry_narrow_what_is_below) {
  auto const s = section_of(page_named("x86-64-4level"), "Rights");
  EXPECT_THAT(blocks_of<bullets>(s)[0].items,
              ElementsAre("R/W = 0 takes away writing", "U/S = 0 takes away all the user's rights",
                          "XD = 1 takes away executing"));
  EXPECT_THAT(as_text(page_named("x86-pae")), HasSubstr("Entries of PDPT do not."));
}

TEST(rules, tell_byte_order_marks_caching_and_break_before_make) {
  auto const arm = rules_of(format_named("arm64-4k-48-lower"));
  EXPECT_THAT(arm, Contains("Entries are 8 bytes wide and little-endian."));
  EXPECT_THAT(arm, Contains("Input addresses have 48 bits: bits 63:48 must be 0."));
  EXPECT_THAT(
      arm,
      Contains("Break-before-make: a valid entry is made absent and invalidated before it is written anew. Of the "
               "bits that decide something these may change in place: UXN, PXN, AF, AP[2], AP[1]."));
  EXPECT_THAT(arm, Contains("\"contiguous page\" and \"contiguous block\" fill 16 neighbouring slots, aligned to as "
                            "many, whose entries say the same."));
  auto const riscv = rules_of(format_named("riscv-sv39"));
  EXPECT_THAT(riscv, Contains("Hardware rejects a leaf with W = 1 and R = 0."));
  EXPECT_THAT(riscv,
              Contains("Absent entries may be cached: a new mapping must be invalidated like any other change."));
  EXPECT_THAT(riscv, Contains("A table entry with G = 1 makes everything below it global."));
  EXPECT_THAT(rules_of(format_named("arm64-4k-48-upper")),
              Contains("Input addresses have 48 bits below the top of the space: bits 63:48 must be 1."));
  EXPECT_THAT(rules_of(format_named("loongarch64-4k")),
              Contains("An entry is absent if Dir3, Dir2 and Dir1: the whole entry = 0x0; PT: V = 0."));
  EXPECT_THAT(rules_of(format_named("s390x-64")),
              Contains("Zero is a valid entry. What an empty slot holds: region-first: 0x2c; region-second: 0x28; "
                       "region-third: 0x24; segment: 0x20; page: 0x400."));
  EXPECT_THAT(rules_of(format_named("m68030-long")),
              Contains("LIMIT of a table entry with L/U = 1 is the first slot of the next table that exists; slots "
                       "before it count as absent."));
  EXPECT_THAT(rules_of(format_named("nvidia-v2-small")),
              Contains("The slots of a PD0 table lie 16 bytes apart; the entry is at byte 8 of its slot."));
}

TEST(a_family, says_once_what_its_formats_have_in_common) {
  auto const p    = page_named("x86");
  auto const list = blocks_of<bullets>(section_of(p, "Rules"))[0].items;
  EXPECT_THAT(list, Contains("An entry is absent if P = 0. Its other bits are software's to keep notes in."));
  EXPECT_THAT(list, Contains("x86-32: Entries are 4 bytes wide and little-endian."));
  EXPECT_THAT(list, Contains("x86-pae and x86-64-4level: Entries are 8 bytes wide and little-endian."));
}

TEST(every_format, is_drawn_within_the_page) {
  auto const narrow = [](std::string const &text, std::string_view name) {
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) EXPECT_LE(line.size(), page_columns) << name << ": " << line;
  };
  for_all([&](variant const &v) { narrow(as_text(page_named(v.name)), v.name); });
  for (auto const *f : families()) narrow(as_text(draw({f, nullptr})), f->name);
  narrow(as_text(draw_list()), "the list");
}

TEST(every_format, has_each_bit_of_each_kind_of_entry_in_exactly_one_box) {
  for_all([](variant const &v) {
    auto const &f = *v.description;
    for (auto const s : shapes_of(f))
      for (auto const &cells : {cells_of(f, s), cells_of(f, s, ~u64{0})}) {
        unsigned next = 8u * f.entry_bytes;
        for (auto const &c : cells) {
          EXPECT_EQ(c.hi + 1, next) << v.name << ", " << shape_name(f, s) << " of " << f.levels[s.level].name << ": "
                                    << c.name;
          EXPECT_LE(c.lo, c.hi) << v.name;
          next = c.lo;
        }
        EXPECT_EQ(next, 0u) << v.name;
      }
  });
}

TEST(every_format, gives_each_of_its_fields_a_row) {
  for_all([](variant const &v) {
    auto const &f = *v.description;
    for (auto const s : shapes_of(f)) {
      u64 seen = 0;
      for (auto const &one : fields_of(f, s.scope())) {
        EXPECT_EQ(seen & one.mask(), 0u) << v.name << ": " << one.name;
        seen |= one.mask();
      }
      EXPECT_EQ(decisive_bits(f, s) & ~seen & below(8u * f.entry_bytes), 0u)
          << v.name << ", " << shape_name(f, s) << ": bits decide something and have no name";
    }
  });
}

TEST(a_format_of_ones_own, is_drawn_like_any_other) {
  auto f       = format_named("riscv-sv39");
  f.name       = "my-mmu";
  f.spec       = "a letter";
  auto const p = draw(f, "my-mmu");
  EXPECT_EQ(p.title, "my-mmu");
  EXPECT_EQ(section_of(p, "Hierarchy").blocks.size(), 2u);
  EXPECT_THAT(as_text(p), HasSubstr("my-mmu, after: a letter."));
}

}  // namespace
}  // namespace pagewright::catalogue
