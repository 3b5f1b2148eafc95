// SPDX-License-Identifier: MIT
// The list of formats: nothing is missing, nothing is there twice, and what is mistyped is found.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <catalogue/catalogue.hpp>
#include <pagewright/check.hpp>

namespace pagewright::catalogue {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

[[nodiscard]] auto text_of(std::filesystem::path const &path) -> std::string {
  std::ifstream     in{path};
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::filesystem::path const headers = std::filesystem::path{PAGEWRIGHT_SOURCE_DIR} / "include/pagewright/formats";

TEST(catalogue, has_names_of_which_no_two_are_alike) {
  std::set<std::string_view> seen;
  for (auto const *f : families()) {
    EXPECT_TRUE(seen.insert(f->name).second) << f->name;
    for (auto const &v : f->variants) EXPECT_TRUE(seen.insert(v.name).second) << v.name;
  }
  EXPECT_LE(families().size(), 30u);
}

TEST(catalogue, says_of_every_family_what_it_is_who_builds_it_and_after_which_source) {
  for (auto const *f : families()) {
    EXPECT_THAT(f->variants, Not(IsEmpty())) << f->name;
    EXPECT_THAT(f->sources, Not(IsEmpty())) << f->name;
    for (auto const text : {f->title, f->about, f->builders}) EXPECT_THAT(text, Not(IsEmpty())) << f->name;
    EXPECT_TRUE(std::filesystem::exists(headers / f->header)) << f->name << ": " << f->header;
    for (auto const &v : f->variants) {
      EXPECT_THAT(v.about, Not(IsEmpty())) << v.name;
      EXPECT_THAT(v.name, testing::MatchesRegex("[a-z0-9]+(-[a-z0-9]+)+")) << "people type it";
    }
  }
}

TEST(catalogue, holds_only_descriptions_that_keep_every_rule) {
  for (auto const *f : families())
    for (auto const &v : f->variants) {
      auto const flaw = check(*v.description);
      EXPECT_FALSE(flaw) << v.name << ": " << text(flaw.what) << " (" << flaw.where << ", " << flaw.level << ")";
    }
}

TEST(catalogue, names_every_header_of_formats_and_every_constant_in_it) {
  std::set<std::string> constants, used;
  for (auto const *f : families()) {
    used.emplace(f->header);
    for (auto const &v : f->variants) constants.emplace(v.constant);
  }
  std::regex const constant{R"(^inline constexpr format (\w+))"}, space{R"(^namespace pagewright::(\w+) \{)"};
  for (auto const &file : std::filesystem::directory_iterator{headers}) {
    EXPECT_TRUE(used.contains(file.path().filename().string()))
        << file.path().filename() << " is in no family of src/catalogue: add one, see families.hpp";
    std::ifstream in{file.path()};
    std::string   in_space;
    for (std::string line; std::getline(in, line);) {
      std::smatch found;
      if (std::regex_search(line, found, space)) in_space = found[1];
      if (!std::regex_search(line, found, constant)) continue;
      auto const name = in_space + "::" + found[1].str();
      EXPECT_TRUE(constants.contains(name))
          << name << " of " << file.path().filename() << " is in no family of src/catalogue";
    }
  }
}

TEST(catalogue, tells_people_of_every_header_that_admits_to_be_uncertain) {
  for (auto const *f : families())
    if (text_of(headers / f->header).contains("UNCERTAIN")) { EXPECT_THAT(f->uncertain, Not(IsEmpty())) << f->name; }
}

TEST(find, takes_a_format_or_a_family_in_any_case) {
  auto const format = find("X86-64-4Level");
  ASSERT_TRUE(format);
  ASSERT_NE(format->one, nullptr);
  EXPECT_EQ(format->one->name, "x86-64-4level");
  EXPECT_EQ(format->variants().size(), 1u);
  auto const family = find("riscv");
  ASSERT_TRUE(family);
  EXPECT_EQ(family->one, nullptr);
  EXPECT_EQ(family->variants().size(), 4u);
}

TEST(find, names_what_comes_nearest_to_a_name_it_does_not_know) {
  auto const mistyped = find("riscv-sv93");
  ASSERT_FALSE(mistyped);
  EXPECT_THAT(mistyped.error().message, HasSubstr("there is no format 'riscv-sv93'; nearest: 'riscv-sv39'"));
  auto const part = find("sv48");
  ASSERT_FALSE(part);
  EXPECT_THAT(part.error().message, HasSubstr("'riscv-sv48' or 'riscv-sv48x4'"));
  auto const nothing = find("quux-of-mars");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().message, "there is no format 'quux-of-mars'; 'pagewright formats' lists them");
  EXPECT_EQ(nothing.error().whose, inspect::blame::request);
}

TEST(find_format, refuses_a_family_of_several_and_lists_its_members) {
  auto const family = find_format("ept");
  ASSERT_FALSE(family);
  EXPECT_EQ(family.error().message,
            "'ept' is a family of formats; name one of them: 'ept-4level', 'ept-4level-mbec' or 'ept-5level'");
  ASSERT_TRUE(find_format("ept-5level"));
}

TEST(nearest, puts_beginnings_before_parts_before_typing_errors_and_leaves_out_the_rest) {
  std::string_view const known[]{"walk", "a-walk", "wall", "walk-fast", "decode"};
  EXPECT_THAT(nearest("walk", known, 5), ElementsAre("walk", "walk-fast", "a-walk", "wall"));
  EXPECT_THAT(nearest("dcode", known), ElementsAre("decode"));
  EXPECT_THAT(nearest("zzzzzzz", known), IsEmpty());
}

}  // namespace
}  // namespace pagewright::catalogue
