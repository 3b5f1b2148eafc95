// SPDX-License-Identifier: MIT
#include <format_file/notation.hpp>

#include <gtest/gtest.h>

#include <array>

namespace {

using namespace pagewright;
using namespace pagewright::format_file;

TEST(notation, says_every_combination_of_rights_and_reads_it_back) {
  for (unsigned n = 0; n <= unsigned(rights::all); ++n) {
    auto const       r     = static_cast<rights>(n);
    auto const       words = rights_words(r);
    std::string_view rest  = words;
    EXPECT_EQ(take_rights(rest), r) << words;
    EXPECT_EQ(rest, "") << words;
  }
  EXPECT_EQ(rights_words(rights::all), "rwx");
  EXPECT_EQ(rights_words(rights::user_rx | rights::kernel_write), "k:rw u:rx");
  EXPECT_EQ(rights_words(rights::kernel_execute), "k:x");
}

TEST(notation, takes_rights_from_the_front_and_leaves_the_rest) {
  struct row {
    std::string_view      text;
    std::optional<rights> found;
    std::string_view      rest;
  };
  for (auto const &[text, found, left] : {
         row{"rw:UC", rights::readers | rights::writers, ":UC"}, row{"k:rw,u:r:UC", rights::kernel_rw | rights::user_read, ":UC"},
         row{"k:rw  u:r", rights::kernel_rw | rights::user_read, ""}, row{"none:WB", rights::none, ":WB"}, row{"rq", rights::readers, "q"},
         row{"r, ", rights::readers, ", "}, row{"", std::nullopt, ""}, row{"k:", std::nullopt, "k:"}, row{"-", std::nullopt, "-"}}) {
    auto rest = text;
    EXPECT_EQ(take_rights(rest), found) << text;
    EXPECT_EQ(rest, left) << text;
  }
}

TEST(notation, reads_spans_and_masks_and_nothing_else) {
  auto const is = [](std::string_view text, unsigned lo, unsigned width) {
    auto const found = parse_span(text);
    ASSERT_TRUE(found) << text;
    EXPECT_EQ(found->lo, lo) << text;
    EXPECT_EQ(found->width, width) << text;
    EXPECT_EQ(span_text(*found), text);
  };
  is("63:0", 0, 64);
  is("11:9", 9, 3);
  is("63", 63, 1);
  for (auto const *const text : {"", ":", "64:0", "9:11", "1:", ":1", "+1", "-1", "1:2:3", " 1", "0x1", "1 "}) EXPECT_FALSE(parse_span(text)) << text;
  EXPECT_EQ(parse_mask("0xffffffffffffffff"), ~u64{0});
  EXPECT_EQ(parse_mask("0X1_0"), u64{16});
  for (auto const *const text : {"", "0x", "0x_", "12", "0xg", "0x10000000000000000", "-0x1"}) EXPECT_FALSE(parse_mask(text)) << text;
}

TEST(notation, knows_every_memory_type_by_its_name) {
  auto const names = memory_type_names();
  EXPECT_GE(names.size(), 17u);
  for (std::size_t n = 0; n < names.size(); ++n) {
    EXPECT_EQ(memory_type_named(names[n]), static_cast<memory_type>(n));
    EXPECT_EQ(text(static_cast<memory_type>(n)), names[n]);
  }
  EXPECT_FALSE(memory_type_named("wb"));
}

TEST(notation, finds_the_word_that_was_meant) {
  constexpr std::array<std::string_view, 5> known{"shift", "index_bits", "table", "table_base", "table_zero"};
  EXPECT_EQ(nearest("shfit", known), "shift");
  EXPECT_EQ(nearest("Shift", known), "shift");
  EXPECT_EQ(nearest("table_bse", known), "table_base");
  EXPECT_EQ(nearest("indexbits", known), "index_bits");
  EXPECT_EQ(nearest("colour", known), "");
}

}  // namespace
