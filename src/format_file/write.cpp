// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "format_file.hpp"
#include "members.hpp"
#include "notation.hpp"

namespace pagewright::format_file {
namespace {

[[nodiscard]] auto quoted(std::string_view text) -> std::string {
  std::string out{'"'};
  for (char const c : text) {
    if (c == '"' || c == '\\') out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else out += c;
  }
  return out + '"';
}

[[nodiscard]] auto joined(std::vector<std::string> const &parts) -> std::string {
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

/// A list of bits; where that would be long, the word itself.
[[nodiscard]] auto value(u64 mask) -> std::string {
  std::vector<std::string> runs;
  for (unsigned n = 0; n < 64;) {
    if ((mask >> n & 1) == 0) {
      ++n;
      continue;
    }
    auto const width = static_cast<unsigned>(std::countr_one(mask >> n));
    auto const text  = span_text({static_cast<u8>(n), static_cast<u8>(width)});
    runs.insert(runs.begin(), width == 1 ? text : quoted(text));
    n += width;
  }
  return runs.size() > 6 ? fmt::format("\"{:#x}\"", mask) : joined(runs);
}

/// Writes one format. Every value is rendered; what renders like its default is left out.
class writer {
 public:
  explicit writer(format const &f) noexcept : f_{f} {}

  auto whole() const -> std::string {
    std::string out = "# A page-table format for `pagewright --format-file`; bits are numbered from 0, levels go from "
                      "the root down.\n\n";
    block(out, f_);
    return out;
  }

 private:
  struct entry {
    std::string_view key;
    std::string      text;
    bool             required;
  };

  /// The members of `object`, rendered; arrays of tables, which do not fit behind a key, are left to `block`.
  template <class T>
  auto rendered(T const &object) const -> std::vector<entry> {
    std::vector<entry> all;
    members(object, [&](std::string_view key, auto const &member, auto how, bool needed = false) {
      if constexpr (!std::same_as<decltype(how), sections>) all.push_back({key, value(member, how), needed});
    });
    return all;
  }

  /// Those of them that do not have their default.
  template <class T>
  auto said(T const &object) const -> std::vector<entry> {
    auto       all      = rendered(object);
    auto const defaults = rendered(T{});
    std::vector<entry> out;
    for (std::size_t n = 0; n < all.size(); ++n)
      if (all[n].text != "" && (all[n].required || all[n].text != defaults[n].text)) out.push_back(std::move(all[n]));
    return out;
  }

  template <class T>
  void block(std::string &out, T const &object) const {
    auto const  lines = said(object);
    std::size_t width = 0;
    for (auto const &line : lines) width = std::max(width, line.key.size());
    for (auto const &line : lines) fmt::format_to(std::back_inserter(out), "{:<{}} = {}\n", line.key, width, line.text);
    members(object, [&](std::string_view key, auto const &member, auto how, bool = false) {
      if constexpr (std::same_as<decltype(how), sections>) section(out, key, member);
    });
  }

  template <class L, class U>
  void section(std::string &out, std::string_view key, levels_of<L, U> levels) const {
    for (unsigned n = levels.depth; n-- > 0;) {
      fmt::format_to(std::back_inserter(out), "\n[[{}]]\n", key);
      block(out, levels.all[n]);
    }
  }
  void section(std::string &out, std::string_view key, form const (&forms)[max_forms]) const {
    // A form without a name that no level holds says nothing; between others it keeps their numbers.
    unsigned count = max_forms;
    while (count != 0 && !is_used(count - 1)) --count;
    for (unsigned n = 0; n < count; ++n) {
      fmt::format_to(std::back_inserter(out), "\n[[{}]]\n", key);
      if (is_used(n)) block(out, forms[n]);
    }
  }

  auto is_used(unsigned n) const -> bool {
    bool used = f_.forms[n].name != nullptr;
    for (unsigned l = 0; l < f_.depth; ++l)
      for (u8 const held : f_.levels[l].leaves) used |= held == n;
    return used;
  }

  // --- values ---

  static auto value(char const *text, as_is) -> std::string { return text != nullptr ? quoted(text) : ""; }
  static auto value(bool on, as_is) -> std::string { return on ? "true" : "false"; }
  static auto value(u8 n, number) -> std::string { return fmt::format("{}", n); }
  static auto value(u64 mask, as_is) -> std::string { return format_file::value(mask); }
  static auto value(rights r, as_is) -> std::string { return quoted(rights_words(r)); }
  static auto value(memory_type t, as_is) -> std::string { return quoted(text(t)); }

  template <class Enum>
    requires requires(Enum e) { words(e); }
  static auto value(Enum e, as_is) -> std::string { return quoted(words(e)[static_cast<std::size_t>(e)]); }

  static auto value(match m, as_is) -> std::string {
    if (m == never) return quoted("never");
    if (m == always) return quoted("always");
    if ((m.value & ~m.mask) != 0) return fmt::format("{{ mask = \"{:#x}\", value = \"{:#x}\" }}", m.mask, m.value);
    std::vector<std::string> parts;
    if (m.value != 0) parts.push_back("set = " + format_file::value(m.value));
    if (m.value != m.mask) parts.push_back("clear = " + format_file::value(m.mask & ~m.value));
    return fmt::format("{{ {} }}", fmt::join(parts, ", "));
  }

  template <class U>
  static auto value(span_of<U> bits, as_is) -> std::string {
    auto const text = span_text({bits.lo, bits.width});
    return bits.width == 0 ? "[]" : bits.width == 1 ? text : quoted(text);
  }

  static auto value(piece p, in_place) -> std::string { return value(p, p.lo); }
  static auto value(piece p, from_zero) -> std::string { return value(p, u8{0}); }
  static auto value(piece p, u8 usual) -> std::string {
    if (p.width == 0) return "[]";
    u8 const   width = p.width;
    auto const bits  = value(span_of<u8 const>{p.lo, width}, as_is{});
    return p.to == usual ? bits : fmt::format("{{ bits = {}, to = {} }}", bits, p.to);
  }
  template <std::size_t N, class How>
  static auto value(piece const (&pieces)[N], How how) -> std::string {
    std::vector<std::string> parts;
    for (auto const &p : pieces) parts.push_back(value(p, how));
    while (!parts.empty() && parts.back() == "[]") parts.pop_back();
    return parts.size() == 1 ? parts[0] : joined(parts);
  }

  auto value(form_list const &leaves, as_is) const -> std::string {
    std::vector<std::string> names;
    for (u8 const n : leaves)
      if (n != no_form) names.push_back(form_name(n));
    return joined(names);
  }
  auto value(u8 on, scope) const -> std::string {
    if (on == on_all) return quoted("all");
    if (on == on_tables) return quoted("tables");
    if (on == on_leaves) return quoted("leaves");
    std::vector<std::string> names;
    if ((on & on_tables) != 0) names.push_back(quoted("tables"));
    for (unsigned n = 0; n < max_forms; ++n)
      if ((on & on_form(n)) != 0) names.push_back(form_name(n));
    return names.size() == 1 ? names[0] : joined(names);
  }
  /// The name of form `n`, or its number where that tells nothing.
  auto form_name(unsigned n) const -> std::string {
    auto const number = fmt::format("{}", n);
    if (n >= max_forms || f_.forms[n].name == nullptr) return number;
    std::string_view const name = f_.forms[n].name;
    for (auto const word : {"all", "tables", "leaves"})
      if (name == word) return number;
    for (unsigned other = 0; other < max_forms; ++other)
      if (other != n && f_.forms[other].name != nullptr && name == f_.forms[other].name) return number;
    return quoted(name);
  }

  /// A table on one line.
  template <class T>
  static constexpr bool is_row = requires(T const &row) { members(row, [](auto &&...) {}); };
  template <class T>
    requires is_row<T>
  auto value(T const &row, as_is) const -> std::string {
    auto const parts = cells(row);
    return parts.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(parts, ", "));
  }
  template <class T>
  auto cells(T const &row) const -> std::vector<std::string> {
    std::vector<std::string> parts;
    for (auto const &one : said(row)) parts.push_back(fmt::format("{} = {}", one.key, one.text));
    return parts;
  }

  static auto value(memory_type const (&types)[max_types], as_is how) -> std::string {
    std::vector<std::string> parts;
    for (auto const t : types) parts.push_back(value(t, how));
    while (!parts.empty() && parts.back() == value(memory_type::reserved, how)) parts.pop_back();
    return joined(parts);
  }
  /// Rows up to the last that says something, each on a line of its own.
  template <class T, std::size_t N>
  auto value(T const (&rows)[N], as_is how) const -> std::string {
    auto const  usual = value(T{}, how);
    std::size_t count = N;
    while (count != 0 && value(rows[count - 1], how) == usual) --count;
    std::vector<std::string> lines;
    if constexpr (is_row<T>) {
      std::vector<std::size_t> widths;
      for (std::size_t n = 0; n < count; ++n) {
        auto const row = cells(rows[n]);
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
      }
      for (std::size_t n = 0; n < count; ++n) {
        auto const  row = cells(rows[n]);
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
          if (i + 1 == row.size()) line += row[i];
          else fmt::format_to(std::back_inserter(line), "{:<{}}", row[i] + ", ", (count > 1 ? widths[i] : 0) + 2);
        lines.push_back(line.empty() ? "{}" : fmt::format("{{ {} }}", line));
      }
    } else {
      for (std::size_t n = 0; n < count; ++n) lines.push_back(value(rows[n], how));
    }
    return count < 2 ? joined(lines) : fmt::format("[\n  {},\n]", fmt::join(lines, ",\n  "));
  }

  format const &f_;
};

}  // namespace

auto write(format const &f) -> std::string { return writer{f}.whole(); }

}  // namespace pagewright::format_file
