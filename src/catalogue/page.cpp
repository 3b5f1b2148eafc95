// SPDX-License-Identifier: MIT
#include "page.hpp"

#include <algorithm>
#include <numeric>

namespace pagewright::catalogue {
namespace {

template <class... Cases>
struct cases : Cases... {
  using Cases::operator()...;
};

constexpr std::string_view gap = "  ";  // between the columns of a table

[[nodiscard]] auto stripped(std::string line) -> std::string {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// How wide each column may be so that the table fits: the widest ones give way.
[[nodiscard]] auto widths_of(table const &t, std::size_t columns) -> std::vector<std::size_t> {
  std::vector<std::size_t> widths;
  for (auto const &title : t.titles) widths.push_back(title.size());
  for (auto const &row : t.rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  auto const room = columns - std::min(columns, gap.size() * (widths.size() - 1));
  for (auto sum = std::accumulate(widths.begin(), widths.end(), std::size_t{0}); sum > room; --sum)
    --*std::ranges::max_element(widths);
  return widths;
}

void put_row(std::string &out, std::vector<std::string> const &cells, std::vector<std::size_t> const &widths,
             std::string_view indent) {
  std::vector<std::vector<std::string>> lines;
  std::size_t                           height = 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    lines.push_back(wrapped(cells[i], static_cast<unsigned>(widths[i])));
    height = std::max(height, lines.back().size());
  }
  for (std::size_t n = 0; n < height; ++n) {
    std::string line{indent};
    for (std::size_t i = 0; i < cells.size(); ++i) {
      auto const &text = n < lines[i].size() ? lines[i][n] : std::string{};
      line += text + std::string(widths[i] - std::min(widths[i], text.size()), ' ');
      if (i + 1 < cells.size()) line += gap;
    }
    out += stripped(line) + '\n';
  }
}

void put_lines(std::string &out, std::string_view text, std::string_view first, std::string_view other) {
  auto const room = page_columns - static_cast<unsigned>(other.size());
  for (bool head = true; auto const &line : wrapped(text, room)) {
    out += stripped(std::string{head ? first : other} + line) + '\n';
    head = false;
  }
}

void put_text(std::string &out, block const &one) {
  std::visit(cases{[&](paragraph const &p) { put_lines(out, p.text, "", ""); },
                   [&](bullets const &b) {
                     for (auto const &item : b.items) put_lines(out, item, "  * ", "    ");
                   },
                   [&](drawing const &d) {
                     for (auto const &line : d.lines) out += stripped(line) + '\n';
                   },
                   [&](table const &t) {
                     constexpr std::string_view indent = "  ";
                     auto const                 widths = widths_of(t, page_columns - indent.size());
                     put_row(out, t.titles, widths, indent);
                     for (auto const &row : t.rows) put_row(out, row, widths, indent);
                   }},
             one);
  out += '\n';
}

/// `text` so that Markdown shows it as it is. Of the characters that mean something inside a line our texts have these.
[[nodiscard]] auto escaped(std::string_view text, bool in_table) -> std::string {
  std::string out;
  for (char const c : text) {
    if (c == '|' && in_table) out += "\\|";
    else if (c == '<') out += "&lt;";
    else if (c == '*') out += "\\*";
    else if (c == '`') out += '`';
    else out += c;
  }
  return out;
}

void put_markdown(std::string &out, block const &one) {
  std::visit(cases{[&](paragraph const &p) { out += escaped(p.text, false) + '\n'; },
                   [&](bullets const &b) {
                     for (auto const &item : b.items) out += "* " + escaped(item, false) + '\n';
                   },
                   [&](drawing const &d) {
                     out += "```text\n";
                     for (auto const &line : d.lines) out += stripped(line) + '\n';
                     out += "```\n";
                   },
                   [&](table const &t) {
                     auto const row = [&](std::vector<std::string> const &cells) {
                       out += '|';
                       for (auto const &cell : cells) out += ' ' + escaped(cell, true) + (cell.empty() ? "|" : " |");
                       out += '\n';
                     };
                     row(t.titles);
                     out += '|';
                     for (std::size_t i = 0; i < t.titles.size(); ++i) out += "---|";
                     out += '\n';
                     for (auto const &cells : t.rows) row(cells);
                   }},
             one);
  out += '\n';
}

void trim_end(std::string &out) {
  while (out.ends_with("\n\n")) out.pop_back();
}

}  // namespace

auto wrapped(std::string_view text, unsigned columns) -> std::vector<std::string> {
  std::vector<std::string> lines{""};
  while (!text.empty()) {
    auto const end  = std::min(text.find(' '), text.size());
    auto const word = text.substr(0, end);
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > columns) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

auto as_text(page const &p) -> std::string {
  std::string out = p.title + '\n' + std::string(p.title.size(), '=') + "\n\n";
  for (auto const &one : p.blocks) put_text(out, one);
  for (auto const &s : p.sections) {
    out += s.title + '\n';
    if (s.depth == 0) out += std::string(s.title.size(), '-') + '\n';
    out += s.depth == 0 ? "\n" : "";
    for (auto const &one : s.blocks) put_text(out, one);
  }
  trim_end(out);
  return out;
}

auto as_markdown(page const &p) -> std::string {
  std::string out = "# " + escaped(p.title, false) + "\n\n";
  for (auto const &one : p.blocks) put_markdown(out, one);
  for (auto const &s : p.sections) {
    out += (s.depth == 0 ? "## " : "### ") + escaped(s.title, false) + "\n\n";
    for (auto const &one : s.blocks) put_markdown(out, one);
  }
  trim_end(out);
  return out;
}

}  // namespace pagewright::catalogue
