// SPDX-License-Identifier: MIT
// The tables of docs/coming-from-*.md: every row of those libraries is there once, the counts are those of the rows,
// and every row that is met has a test named by it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

auto read(std::filesystem::path const &from) -> std::string {
  std::ifstream      in{from};
  std::ostringstream all;
  all << in.rdbuf();
  EXPECT_FALSE(all.str().empty()) << from;
  return all.str();
}
auto source(char const *path) { return std::filesystem::path{PAGEWRIGHT_SOURCE_DIR} / path; }

/// "S2, S10" as {S2, S10}; nothing if there is anything else in it.
auto rows_of(std::string const &cell) -> std::vector<std::string> {
  std::vector<std::string> rows;
  std::istringstream       in{cell};
  for (std::string one; in >> one;) {
    if (one.ends_with(',')) one.pop_back();
    bool const row = one.size() > 1 && std::string_view{"SDU"}.contains(one[0]) &&
                     std::all_of(one.begin() + 1, one.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!row) return {};
    rows.push_back(one);
  }
  return rows;
}

struct page {
  std::map<std::string, std::string> verdict;  // by row; of D and U rows ""
  std::vector<std::string>           doubled;
  std::string                        summary;
};
auto read_page(char const *path) -> page {
  page               p;
  std::istringstream in{read(source(path))};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("**Rows:")) p.summary = line;
    if (!line.starts_with("| ")) continue;
    std::vector<std::string> cells;
    std::istringstream       row{line.substr(1)};
    for (std::string cell; std::getline(row, cell, '|');) {
      auto const first = cell.find_first_not_of(' '), last = cell.find_last_not_of(' ');
      cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    if (cells.empty()) continue;
    for (auto const &name : rows_of(cells[0]))
      if (!p.verdict.emplace(name, cells.size() > 4 ? cells[3] : "").second) p.doubled.push_back(name);
  }
  return p;
}

/// S42 and S43 of "TEST(page_walker, S42_S43_map_never_skips)", of all parity tests.
auto tested_rows() -> std::set<std::string> {
  std::set<std::string> tested;
  for (auto const &file : std::filesystem::directory_iterator{source("tests/parity")}) {
    if (!file.path().string().ends_with("_test.cpp")) continue;
    std::istringstream in{read(file.path())};
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with("TEST(")) continue;
      std::istringstream words{line.substr(line.find(", ") + 2)};
      for (std::string word; std::getline(words, word, '_');) {
        if (rows_of(word).empty()) break;
        tested.insert(word);
      }
    }
  }
  return tested;
}

struct extent_of_rows {
  char     letter;
  unsigned first, last;
};
void expect_complete(char const *path, std::vector<extent_of_rows> const &all) {
  auto const            p      = read_page(path);
  auto const            tested = tested_rows();
  std::set<std::string> wanted;
  for (auto const &[letter, first, last] : all)
    for (unsigned n = first; n <= last; ++n) wanted.insert(letter + std::to_string(n));
  for (auto const &row : wanted) {
    EXPECT_TRUE(p.verdict.contains(row)) << path << " does not say what became of " << row;
    bool const met = !p.verdict.contains(row) || p.verdict.at(row) != "-";
    if (met) { EXPECT_TRUE(tested.contains(row)) << "no test is named by " << row; }
  }
  EXPECT_EQ(p.doubled, std::vector<std::string>{}) << path << " says it twice";
  std::map<std::string, unsigned> count;
  for (auto const &[row, verdict] : p.verdict) {
    EXPECT_TRUE(wanted.contains(row)) << path << " has a row " << row << " that is not that library's";
    if (row[0] == 'S') {
      EXPECT_TRUE(verdict == "=" || verdict == "+" || verdict == "-") << row << ": " << verdict;
      ++count[verdict];
    }
  }
  std::ostringstream index, counted;
  index << "| " << count["="] + count["+"] + count["-"] << " | " << count["="] << " | " << count["+"] << " | "
        << count["-"] << " |";
  EXPECT_TRUE(read(source("docs/coming-from-rust.md")).contains(index.str()))
      << "the index does not say " << index.str();
  counted << "**Rows: " << count["="] + count["+"] + count["-"] << ". Equivalent: " << count["="]
          << ". Better: " << count["+"] << ". Not, because: " << count["-"];
  EXPECT_EQ(p.summary.substr(0, counted.str().size()), counted.str()) << path;
}

}  // namespace

TEST(tables, of_x86_64_has_every_row_and_counts_them) {
  expect_complete("docs/coming-from-x86_64.md", {{'S', 70, 145}, {'D', 12, 26}, {'U', 1, 23}});
}

TEST(tables, of_page_walker_has_every_row_and_counts_them) {
  expect_complete("docs/coming-from-page-walker.md", {{'S', 1, 69}, {'D', 1, 11}});
}

TEST(tables, of_aarch64_paging_has_every_row_and_counts_them) {
  expect_complete("docs/coming-from-aarch64-paging.md", {{'S', 146, 204}, {'D', 27, 35}, {'U', 24, 30}});
}
