// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <pagewright/check.hpp>

#include "format_file.hpp"
#include "members.hpp"
#include "notation.hpp"
#include "rule_place.hpp"

namespace pagewright::format_file {
namespace {

/// A format and the strings its names point to.
struct storage {
  std::deque<std::string> names;
  format                  whole;
};

class failure {
 public:
  failure(toml::source_region const &at, std::string message)
      : line{at.begin.line}, column{at.begin.column}, message{std::move(message)} {}

  unsigned    line, column;
  std::string message;
};

[[nodiscard]] auto type_name(toml::node const &n) -> std::string_view {
  switch (n.type()) {
    case toml::node_type::table:          return "a table";
    case toml::node_type::array:          return "a list";
    case toml::node_type::string:         return "a string";
    case toml::node_type::integer:        return "an integer";
    case toml::node_type::floating_point: return "a fraction";
    case toml::node_type::boolean:        return "true or false";
    default:                              return "a date or time";
  }
}

class reader {
 public:
  reader(toml::table const &root, storage &into) : root_{root}, names_{into.names}, f_{into.whole} {}

  void run() {
    name_forms();
    record(root_, f_, "the format");
    if (auto const e = check(f_)) {
      auto const at = place_of(e, f_, root_);
      auto const bit = e.bit == flaw::no_bit ? std::string{} : fmt::format(" (address bit {})", e.bit);
      throw failure{at.source, fmt::format("{} breaks the rule that {}{}", at.what, text(e.what), bit)};
    }
  }

 private:
  template <class... A>
  [[noreturn]] static void fail(toml::node const &at, fmt::format_string<A...> text, A &&...a) {
    throw failure{at.source(), fmt::format(text, std::forward<A>(a)...)};
  }
  [[noreturn]] static void wrong_type(toml::node const &n, std::string_view key, std::string_view wanted) {
    fail(n, "{}: {} is expected, not {}", key, wanted, type_name(n));
  }

  // --- tables ---

  /// Fills `into` from `t`, whose keys must all be its members'.
  template <class T>
  void record(toml::table const &t, T &into, std::string_view what) {
    std::vector<std::string_view> known;
    members(into, [&](std::string_view key, auto &&, auto, bool = false) { known.push_back(key); });
    for (auto &&[key, n] : t)
      if (std::ranges::find(known, key.str()) == known.end()) {
        auto const near = nearest(key.str(), known);
        throw failure{key.source(), fmt::format("{} has no '{}'{}", what, key.str(),
                                                near.empty() ? fmt::format(", but: {}", fmt::join(known, ", "))
                                                             : fmt::format("; is '{}' meant?", near))};
      }
    members(into, [&](std::string_view key, auto &&member, auto how, bool needed = false) {
      if (auto const *const n = t.get(key)) value(*n, key, member, how);
      else if (needed) fail(t, "{} lacks '{}'", what, key);
    });
  }

  template <class L, class U>
  void value(toml::node const &n, std::string_view key, levels_of<L, U> into, sections) {
    auto const &rows = tables_of(n, key, max_depth);
    into.depth       = static_cast<U>(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) record(*rows[i].as_table(), into.all[rows.size() - 1 - i], "a level");
  }
  void value(toml::node const &n, std::string_view key, form (&into)[max_forms], sections) {
    auto const &rows = tables_of(n, key, max_forms);
    for (std::size_t i = 0; i < rows.size(); ++i) record(*rows[i].as_table(), into[i], "a form");
  }
  static auto tables_of(toml::node const &n, std::string_view key, std::size_t most) -> toml::array const & {
    auto const *const rows = n.as_array();
    if (rows == nullptr) fail(n, "{0}: write [[{0}]], once for each", key);
    for (auto const &row : *rows)
      if (!row.is_table()) fail(row, "{0}: write [[{0}]], once for each", key);
    if (rows->size() > most) fail((*rows)[most], "there are more than {} of [[{}]]", most, key);
    return *rows;
  }

  // --- values ---

  void value(toml::node const &n, std::string_view key, char const *&into, as_is) {
    auto const text = string(n, key);
    if (text.empty()) fail(n, "{} is empty", key);
    into = names_.emplace_back(text).c_str();
  }
  static void value(toml::node const &n, std::string_view key, bool &into, as_is) {
    auto const *const b = n.as_boolean();
    if (b == nullptr) wrong_type(n, key, "true or false");
    into = b->get();
  }
  static void value(toml::node const &n, std::string_view key, u8 &into, number limits) {
    into = static_cast<u8>(integer(n, key, limits.least, limits.most));
  }
  static void value(toml::node const &n, std::string_view key, rights &into, as_is) {
    auto const text  = string(n, key);
    auto       rest  = std::string_view{text};
    auto const found = take_rights(rest);
    if (!found || !rest.empty())
      fail(n, "{}: '{}' are no rights: write letters of rwx for kernel and user, or 'k:rw u:r', or 'none'", key, text);
    into = *found;
  }
  static void value(toml::node const &n, std::string_view key, memory_type &into, as_is) {
    auto const text  = string(n, key);
    auto const found = memory_type_named(text);
    if (!found) unknown_word(n, key, text, memory_type_names());
    into = *found;
  }
  template <class Enum>
    requires requires(Enum e) { words(e); }
  static void value(toml::node const &n, std::string_view key, Enum &into, as_is) {
    auto const text  = string(n, key);
    auto const known = words(into);
    auto const found = std::ranges::find(known, std::string_view{text});
    if (found == known.end()) unknown_word(n, key, text, known);
    into = static_cast<Enum>(found - known.begin());
  }
  [[noreturn]] static void unknown_word(toml::node const &n, std::string_view key, std::string_view text,
                                        std::span<std::string_view const> known) {
    fail(n, "{}: '{}' is none of {}", key, text, fmt::join(known, ", "));
  }

  /// A set of bits: a list of their numbers and spans, one span, or the word in hexadecimal.
  static void value(toml::node const &n, std::string_view key, u64 &into, as_is) {
    into = 0;
    if (auto const *const text = n.as_string()) {
      if (auto const mask = parse_mask(text->get())) into = *mask;
      else if (auto const bits = parse_span(text->get())) into = ones(bits->lo, bits->width);
      else fail(n, "{}: '{}' are no bits: write [2, \"11:9\"], \"11:9\" or \"0xe04\"", key, text->get());
      return;
    }
    auto const *const list = n.as_array();
    if (list == nullptr) wrong_type(n, key, n.is_integer() ? "a list of bits, as in [2, \"11:9\"]," : "a list of bits");
    for (auto const &item : *list) {
      auto const bits = span(item, key);
      auto const mask = ones(bits.lo, bits.width);
      if ((into & mask) != 0) fail(item, "{}: a bit is listed twice", key);
      into |= mask;
    }
  }
  /// "HIGH:LOW" or the number of one bit.
  static auto span(toml::node const &n, std::string_view key) -> bit_span {
    if (n.is_integer()) return {static_cast<u8>(integer(n, key, 0, 63)), 1};
    if (!n.is_string()) wrong_type(n, key, "a bit, as 9, or a span of bits, as \"11:9\",");
    auto const text = n.as_string()->get();
    if (auto const bits = parse_span(text)) return *bits;
    fail(n, "{}: '{}' is no span of bits: write \"HIGH:LOW\", of 63 to 0", key, text);
  }
  template <class U>
  static void value(toml::node const &n, std::string_view key, span_of<U> into, as_is) {
    auto const bits = span(n, key);
    into.lo         = bits.lo;
    into.width      = bits.width;
  }

  void value(toml::node const &n, std::string_view key, match &into, as_is) {
    if (auto const *const word = n.as_string()) {
      if (word->get() != "never" && word->get() != "always")
        fail(n, "{}: '{}' is neither \"never\" nor \"always\" nor a table of bits: {{ set = [0], clear = [7] }}", key,
             word->get());
      into = word->get() == "never" ? never : always;
      return;
    }
    auto const *const t = n.as_table();
    if (t == nullptr) wrong_type(n, key, "a table such as { set = [0], clear = [7] }");
    u64 set = 0, clear = 0, mask = 0, wanted = 0;
    for (auto &&[k, v] : *t) {
      auto const word = k.str();
      if (word == "set") value(v, word, set, as_is{});
      else if (word == "clear") value(v, word, clear, as_is{});
      else if (word == "mask") value(v, word, mask, as_is{});
      else if (word == "value") value(v, word, wanted, as_is{});
      else
        throw failure{k.source(), fmt::format("{} has no '{}': it is {{ set = .., clear = .. }} or "
                                              "{{ mask = .., value = .. }}", key, word)};
    }
    bool const by_mask = t->contains("mask") || t->contains("value");
    if (by_mask && (t->contains("set") || t->contains("clear")))
      fail(n, "{}: 'mask' and 'value' go together, without 'set' and 'clear'", key);
    if (by_mask && !(t->contains("mask") && t->contains("value")))
      fail(n, "{} lacks '{}'", key, t->contains("mask") ? "value" : "mask");
    if (t->empty()) fail(n, "{}: no bits; write \"always\" for what every entry fulfils", key);
    if ((set & clear) != 0) fail(n, "{}: {:#x} must be both set and clear", key, set & clear);
    into = by_mask ? match{mask, wanted} : match{set | clear, set};
  }

  static void value(toml::node const &n, std::string_view key, piece &into, in_place) {
    into = one_piece(n, key, true);
  }
  static void value(toml::node const &n, std::string_view key, piece &into, from_zero) {
    into = one_piece(n, key, false);
  }
  static auto one_piece(toml::node const &n, std::string_view key, bool stays) -> piece {
    if (auto const *const list = n.as_array(); list != nullptr && list->empty()) return {0, 0, 0};
    auto const *const t = n.as_table();
    if (t == nullptr) {
      auto const bits = span(n, key);
      return {bits.lo, bits.width, stays ? bits.lo : u8{0}};
    }
    for (auto &&[k, v] : *t)
      if (k.str() != "bits" && k.str() != "to")
        throw failure{k.source(), fmt::format("{} has no '{}': it is {{ bits = .., to = .. }}", key, k.str())};
    auto const *const bits = t->get("bits"), *const to = t->get("to");
    if (bits == nullptr) fail(n, "{} lacks 'bits'", key);
    auto const from = span(*bits, "bits");
    u8 const   at   = to != nullptr ? static_cast<u8>(integer(*to, "to", 0, 63)) : stays ? from.lo : u8{0};
    if (at + from.width > 64) fail(*to, "to: {} bits from {} on reach beyond bit 63", from.width, at);
    return {from.lo, from.width, at};
  }
  template <std::size_t N, class How>
  void value(toml::node const &n, std::string_view key, piece (&into)[N], How how) {
    auto const *const list = n.as_array();
    if (list == nullptr) return value(n, key, into[0], how);
    limit(*list, key, N);
    for (std::size_t i = 0; i < list->size(); ++i) value((*list)[i], key, into[i], how);
  }

  template <class T>
    requires requires(T &row) { members(row, [](auto &&...) {}); }
  void value(toml::node const &n, std::string_view key, T &into, as_is) {
    auto const *const t = n.as_table();
    if (t == nullptr) wrong_type(n, key, "a table { .. }");
    record(*t, into, fmt::format("a row of {}", key));
  }
  template <class T, std::size_t N>
  void value(toml::node const &n, std::string_view key, T (&into)[N], as_is how) {
    auto const *const list = n.as_array();
    if (list == nullptr) wrong_type(n, key, "a list");
    limit(*list, key, N);
    for (std::size_t i = 0; i < list->size(); ++i) value((*list)[i], key, into[i], how);
  }
  static void limit(toml::array const &list, std::string_view key, std::size_t most) {
    if (list.size() > most) fail(list[most], "{}: there is room for {}", key, most);
  }

  void value(toml::node const &n, std::string_view key, form_list &into, as_is) {
    auto const *const list = n.as_array();
    if (list == nullptr) wrong_type(n, key, "a list of forms");
    limit(*list, key, 4);
    for (std::size_t i = 0; i < list->size(); ++i) into[i] = form_number((*list)[i], key);
  }
  void value(toml::node const &n, std::string_view key, u8 &into, scope) {
    if (auto const *const word = n.as_string()) {
      for (auto const &[text, on] : {std::pair{"all", on_all}, {"tables", on_tables}, {"leaves", on_leaves}})
        if (word->get() == text) {
          into = on;
          return;
        }
    }
    into = 0;
    auto const add = [&](toml::node const &item) {
      auto const *const word = item.as_string();
      if (word != nullptr && word->get() == "tables") into |= on_tables;
      else if (word != nullptr && word->get() == "leaves") into |= on_leaves;
      else into |= on_form(form_number(item, key));
    };
    if (auto const *const list = n.as_array())
      for (auto const &item : *list) add(item);
    else add(n);
  }

  // --- forms by name ---

  void name_forms() {
    auto const *const rows = root_["form"].as_array();
    if (rows == nullptr) return;
    for (auto const &row : *rows) {
      auto const *const t    = row.as_table();
      auto const        name = t != nullptr ? (*t)["name"].value<std::string>() : std::nullopt;
      forms_.push_back(name.value_or(""));
    }
  }
  auto form_number(toml::node const &n, std::string_view key) const -> u8 {
    unsigned const described = forms_.empty() ? max_forms : static_cast<unsigned>(forms_.size());
    if (n.is_integer()) return static_cast<u8>(integer(n, key, 0, described - 1));
    if (!n.is_string()) wrong_type(n, key, "the name or the number of a form");
    auto const wanted = n.as_string()->get();
    auto const found  = std::ranges::find(forms_, wanted);
    if (found == forms_.end()) {
      std::vector<std::string_view> known;
      for (auto const &name : forms_)
        if (!name.empty()) known.push_back(name);
      auto const near = nearest(wanted, known);
      fail(n, "{}: no [[form]] is called '{}'{}", key, wanted,
           near.empty() ? "" : fmt::format("; is '{}' meant?", near));
    }
    if (std::find(found + 1, forms_.end(), wanted) != forms_.end())
      fail(n, "{}: several forms are called '{}'; name them by number, from 0", key, wanted);
    if (found - forms_.begin() >= max_forms) fail(n, "there are more than {} of [[form]]", max_forms);
    return static_cast<u8>(found - forms_.begin());
  }

  // --- scalars ---

  static auto integer(toml::node const &n, std::string_view key, std::int64_t least, std::int64_t most)
      -> std::int64_t {
    auto const *const i = n.as_integer();
    if (i == nullptr) wrong_type(n, key, "an integer");
    if (i->get() < least || i->get() > most) fail(n, "{}: {} is outside {} to {}", key, i->get(), least, most);
    return i->get();
  }
  static auto string(toml::node const &n, std::string_view key) -> std::string const & {
    auto const *const s = n.as_string();
    if (s == nullptr) wrong_type(n, key, "a string");
    return s->get();
  }

  toml::table const       &root_;
  std::deque<std::string> &names_;
  format                  &f_;
  std::vector<std::string> forms_;
};

}  // namespace

auto problem::text() const -> std::string {
  return line == 0 ? fmt::format("{}: {}", file, message) : fmt::format("{}:{}:{}: {}", file, line, column, message);
}

auto read(std::string_view text, std::string_view name) -> std::expected<owned_format, problem> {
  try {
    auto const root = toml::parse(text, name);
    auto const all  = std::make_shared<storage>();
    reader{root, *all}.run();
    return owned_format{std::shared_ptr<format const>{all, &all->whole}};
  } catch (toml::parse_error const &e) {
    return std::unexpected{problem{std::string{name}, e.source().begin.line, e.source().begin.column,
                                   fmt::format("is not TOML: {}", e.description())}};
  } catch (failure const &e) {
    return std::unexpected{problem{std::string{name}, e.line, e.column, e.message}};
  }
}

auto read_file(std::string const &path) -> std::expected<owned_format, problem> {
  auto const refuse = [&path](char const *why) {
    return std::unexpected{problem{path, 0, 0, fmt::format("cannot be read: {}", why), true}};
  };
  std::error_code trouble;
  if (std::filesystem::is_directory(path, trouble)) return refuse(std::strerror(EISDIR));
  errno = 0;
  std::ifstream      in{path, std::ios::binary};
  std::ostringstream text;
  if (!in) return refuse(std::strerror(errno));
  text << in.rdbuf();
  if (in.bad()) return refuse(std::strerror(EIO));
  return read(text.str(), path);
}

}  // namespace pagewright::format_file
