// SPDX-License-Identifier: MIT
// docs/your-own-format.md: its C++ program and its TOML file describe the same format, and it explains every member.
#define main run_the_program_of_the_tutorial
#include PAGEWRIGHT_TUTORIAL
#undef main

#include <format_file/format_file.hpp>
#include <format_file/members.hpp>
#include <format_file/notation.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "difference.hpp"

namespace {

auto tutorial() -> std::string {
  std::ifstream in{PAGEWRIGHT_SOURCE_DIR "/docs/your-own-format.md"};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(your_own_format, is_the_same_in_toml_and_in_cpp) {
  auto const        page  = tutorial();
  std::string const fence = "```toml\n# finch.toml\n";
  auto const        from  = page.find(fence) + fence.size();
  ASSERT_GT(from, fence.size());
  auto const read = format_file::read(page.substr(from, page.find("```\n", from) - from), "finch.toml");
  ASSERT_TRUE(read) << read.error().text();
  for (auto const &one : differences::between(finch, *read)) ADD_FAILURE() << "C++ to TOML: " << one;
}

TEST(your_own_format, has_a_program_that_ends_well) { EXPECT_EQ(run_the_program_of_the_tutorial(), 0); }

TEST(your_own_format, explains_every_member_and_memory_type) {
  auto const                 page = tutorial().substr(tutorial().find("## Every member"));
  std::set<std::string_view> keys;
  auto const note = [&](std::string_view key, auto &&, auto, bool = false) { keys.insert(key); };
  format    f{};
  bound     limits{};
  field     name{};
  grant     row{};
  exclusion pair{};
  format_file::members(f, note);
  format_file::members(f.levels[0], note);
  format_file::members(f.forms[0], note);
  format_file::members(limits, note);
  format_file::members(name, note);
  format_file::members(row, note);
  format_file::members(pair, note);
  EXPECT_GT(keys.size(), 60u);
  for (auto const key : keys) EXPECT_NE(page.find(fmt::format("`{}`", key)), std::string::npos) << key << " is not explained";
  for (auto const type : format_file::memory_type_names()) EXPECT_NE(page.find(type), std::string::npos) << type;
}

}  // namespace
