// SPDX-License-Identifier: MIT
// Every format of the library, written as a file and read back, is the same format.
#include <catalogue/catalogue.hpp>
#include <format_file/format_file.hpp>

#include <gtest/gtest.h>

#include <set>

#include "difference.hpp"
#include "shipped.hpp"

namespace {

using namespace pagewright;

class every_format : public testing::TestWithParam<shipped> {};

TEST_P(every_format, is_the_same_after_it_was_written_and_read) {
  auto const &f    = GetParam().format;
  auto const  text = format_file::write(f);
  auto const  back = format_file::read(text, "back.toml");
  ASSERT_TRUE(back) << back.error().text() << '\n' << text;
  for (auto const &one : differences::between(f, *back)) ADD_FAILURE() << one << '\n' << text;
  EXPECT_EQ(format_file::write(*back), text);
}

TEST_P(every_format, differs_from_itself_with_one_member_changed) {
  auto const &f = GetParam().format;
  auto const  text = format_file::write(f);
  format      g = f;
  auto const  tell = [&](char const *what) {
    EXPECT_EQ(differences::between(f, g).size(), 1u) << what;
    EXPECT_NE(format_file::write(g), text) << what << " is not written";
    g = f;
  };
  g.tag_bits ^= 1, tell("tag_bits");
  g.levels[0].vacant ^= bit(40), tell("levels[0].vacant");
  g.levels[f.depth - 1u].loaded = !g.levels[f.depth - 1u].loaded, tell("levels.loaded");
  g.forms[0].live ^= bit(31), tell("forms[0].live");
  g.forms[0].grants[7].off ^= bit(30), tell("grants[7].off");
  g.caches_absent = !g.caches_absent, tell("caches_absent");
}

auto test_name(testing::TestParamInfo<shipped> const &info) -> std::string {
  auto name = info.param.name.substr(std::string_view{"pagewright::"}.size());
  for (auto &c : name)
    if (c == ':') c = '_';
  return name;
}
INSTANTIATE_TEST_SUITE_P(format_file, every_format, testing::ValuesIn(shipped_formats()), test_name);

TEST(format_file, lists_the_formats_of_every_family) {
  std::set<std::string> families;
  for (auto const &one : shipped_formats()) families.insert(one.name.substr(0, one.name.rfind("::")));
  EXPECT_GE(families.size(), 14u);
  EXPECT_GE(shipped_formats().size(), 60u);
}

TEST(format_file, writes_and_reads_every_format_of_the_catalogue) {
  unsigned count = 0;
  for (auto const *family : catalogue::families())
    for (auto const &one : family->variants) {
      auto const back = format_file::read(format_file::write(*one.description), "back.toml");
      ASSERT_TRUE(back) << one.name << ": " << back.error().text();
      for (auto const &which : differences::between(*one.description, *back)) ADD_FAILURE() << one.name << ": " << which;
      ++count;
    }
  EXPECT_GE(count, 90u);
}

TEST(format_file, keeps_its_names_alive_for_as_long_as_a_copy_is_held) {
  auto const kept = [] {
    auto const read = format_file::read(format_file::write(shipped_formats()[0].format), "gone.toml");
    return read.value().share();
  }();
  EXPECT_STREQ(kept->name, shipped_formats()[0].format.name);
  EXPECT_STREQ(kept->levels[0].name, shipped_formats()[0].format.levels[0].name);
}

}  // namespace
