// SPDX-License-Identifier: MIT
// docs/formats is what the descriptions say today.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include <catalogue/draw.hpp>

namespace pagewright::catalogue {
namespace {

constexpr char const *remedy = "; run 'pagewright formats --markdown -o docs/formats' and look at what changed";

[[nodiscard]] auto first_difference(std::string const &is, std::string const &wanted) -> std::string {
  std::istringstream a{is}, b{wanted};
  std::string        x, y;
  for (unsigned n = 1;; ++n) {
    bool const more_a = static_cast<bool>(std::getline(a, x)), more_b = static_cast<bool>(std::getline(b, y));
    if (!more_a && !more_b) return "nowhere";
    if (!more_a || !more_b || x != y)
      return "line " + std::to_string(n) + " is\n  " + (more_a ? x : "(missing)") + "\nand should be\n  " +
             (more_b ? y : "(gone)");
  }
}

TEST(docs_formats, is_current) {
  std::map<std::string, std::string> wanted{{"README.md", as_markdown(draw_index())}};
  for (auto const *f : families()) wanted.emplace(std::string{f->name} + ".md", as_markdown(draw({f, nullptr})));

  auto const folder = std::filesystem::path{PAGEWRIGHT_SOURCE_DIR} / "docs/formats";
  ASSERT_TRUE(std::filesystem::is_directory(folder)) << folder << " is not there" << remedy;
  for (auto const &[name, text] : wanted) {
    std::ifstream     in{folder / name};
    std::stringstream is;
    is << in.rdbuf();
    EXPECT_TRUE(in && is.str() == text) << "docs/formats/" << name << ": " << first_difference(is.str(), text)
                                        << remedy;
  }
  for (auto const &file : std::filesystem::directory_iterator{folder})
    EXPECT_TRUE(wanted.contains(file.path().filename().string()))
        << "docs/formats/" << file.path().filename().string() << " is of no family: remove it" << remedy;
}

}  // namespace
}  // namespace pagewright::catalogue
