// SPDX-License-Identifier: MIT
// What is said about a format, before it is known whether a terminal or a Markdown page shows it.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pagewright::catalogue {

/// Running text.
struct paragraph {
  std::string text;
};
struct bullets {
  std::vector<std::string> items;
};
/// Lines that are shown as they are.
struct drawing {
  std::vector<std::string> lines;
};
struct table {
  std::vector<std::string>              titles;
  std::vector<std::vector<std::string>> rows;  // each as long as `titles`
};
using block = std::variant<paragraph, bullets, drawing, table>;

struct section {
  std::string        title;
  std::vector<block> blocks;
  unsigned           depth = 0;  // 0: a part of the page, 1: a part of the section before it
};

struct page {
  std::string          title;
  std::vector<block>   blocks;
  std::vector<section> sections;
};

inline constexpr unsigned page_columns = 100;

/// As text for a terminal. No line is wider than page_columns, unless a single word or a drawing is.
[[nodiscard]] auto as_text(page const &p) -> std::string;

/// As Markdown (GitHub's, for its tables).
[[nodiscard]] auto as_markdown(page const &p) -> std::string;

/// `text` in lines of at most `columns`, broken between words.
[[nodiscard]] auto wrapped(std::string_view text, unsigned columns) -> std::vector<std::string>;

}  // namespace pagewright::catalogue
