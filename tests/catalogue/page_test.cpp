// SPDX-License-Identifier: MIT
// Pages and boxes as text and as Markdown.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <catalogue/boxes.hpp>
#include <catalogue/page.hpp>

namespace pagewright::catalogue {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Le;
using testing::SizeIs;

TEST(wrapped, breaks_between_words_and_never_inside_one) {
  EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("unbreakable it", 4), ElementsAre("unbreakable", "it"));
  EXPECT_THAT(wrapped("", 10), ElementsAre(""));
}

page const sample{"Title",
                  {paragraph{"A text."}, bullets{{"first", "second"}}, drawing{{"+--+", "|  |  "}},
                   table{{"a", "b"}, {{"1", "x|y"}, {"22", ""}}}},
                  {{"Part", {paragraph{"if a < b"}}}, {"Sub", {paragraph{"deep"}}, 1}}};

TEST(a_page, is_text_for_a_terminal) {
  EXPECT_EQ(as_text(sample),
            "Title\n=====\n\nA text.\n\n  * first\n  * second\n\n+--+\n|  |\n\n  a   b\n  1   x|y\n  "
            "22\n\nPart\n----\n\nif a < b\n\nSub\ndeep\n");
}

TEST(a_page, is_markdown_in_which_nothing_is_taken_for_markup) {
  EXPECT_EQ(as_markdown(sample), "# Title\n\nA text.\n\n* first\n* second\n\n```text\n+--+\n|  |\n```\n\n| a | b "
                                 "|\n|---|---|\n| 1 | x\\|y |\n| 22 | |\n\n## Part\n\nif a &lt; b\n\n### "
                                 "Sub\n\ndeep\n");
}

TEST(a_page, fits_a_wide_table_into_its_columns_by_wrapping_the_widest_cells) {
  std::string words;
  for (int i = 0; i < 40; ++i) words += "word ";
  words.pop_back();
  auto const  text  = as_text({"T", {table{{"n", "what"}, {{"1", words}, {"2", "short"}}}}, {}});
  std::size_t count = 0, from = 0;
  for (auto end = text.find('\n'); end != std::string::npos; from = end + 1, end = text.find('\n', from)) {
    EXPECT_LE(end - from, page_columns) << text.substr(from, end - from);
    ++count;
  }
  EXPECT_EQ(count, 3u + 1u + 3u + 1u)
      << text;  // the title, the titles of columns, 200 letters in lines of 95, the other row
}

TEST(boxes, stand_in_one_row_where_they_fit) {
  EXPECT_THAT(boxes({{7, 4, "high", "0x3"}, {3, 1, "mid", ""}, {0, 0, "V", "1"}}, 40),
              ElementsAre("   7:4   3:1   0", "+------+-----+---+", "| high | mid | V |", "| 0x3  |     | 1 |",
                          "+------+-----+---+"));
}

TEST(boxes, have_no_line_of_values_where_nothing_has_one) { EXPECT_THAT(boxes({{1, 0, "all", ""}}, 40), SizeIs(4)); }

TEST(boxes, are_spread_evenly_over_as_few_rows_as_they_need) {
  std::vector<cell> cells;
  for (unsigned at = 16; at-- > 0;) cells.push_back({at, at, "name", ""});
  auto const lines = boxes(cells, 100);  // 14 fit a row of 100: two rows of eight
  ASSERT_THAT(lines, SizeIs(8));
  EXPECT_THAT(lines[1], SizeIs(1 + 8 * 7));
  EXPECT_EQ(lines[1], lines[5]);
  EXPECT_THAT(lines, Each(SizeIs(Le(100))));
}

}  // namespace
}  // namespace pagewright::catalogue
