// SPDX-License-Identifier: MIT
// Two formats member by member. Written down apart from the reader's and writer's table: it must not share its mistakes.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include <pagewright/format.hpp>

/// Collects where two formats differ.
class differences {
 public:
  static auto between(pagewright::format const &a, pagewright::format const &b) -> std::vector<std::string> {
    differences d;
    d.compare("", a, b);
    return d.found_;
  }

 private:
  template <class T>
  void say(std::string const &path, T const &a, T const &b) {
    found_.push_back(fmt::format("{}: {} became {}", path, a, b));
  }

  template <class T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  void compare(std::string const &path, T a, T b) {
    if (a != b) say(path, static_cast<unsigned long long>(a), static_cast<unsigned long long>(b));
  }
  void compare(std::string const &path, char const *a, char const *b) {
    auto const text = [](char const *s) { return s != nullptr ? std::string{s} : std::string{"(none)"}; };
    if (text(a) != text(b)) say(path, text(a), text(b));
  }
  template <class T, std::size_t N>
  void compare(std::string const &path, T const (&a)[N], T const (&b)[N]) {
    for (std::size_t i = 0; i < N; ++i) compare(fmt::format("{}[{}]", path, i), a[i], b[i]);
  }
  void compare(std::string const &path, pagewright::match a, pagewright::match b) {
    compare(path + ".mask", a.mask, b.mask);
    compare(path + ".value", a.value, b.value);
  }
  void compare(std::string const &path, pagewright::piece a, pagewright::piece b) {
    if (a.width == 0 && b.width == 0) return;     // unused, wherever it would lie
    compare(path + ".lo", a.lo, b.lo);
    compare(path + ".width", a.width, b.width);
    compare(path + ".to", a.to, b.to);
  }
  void compare(std::string const &path, pagewright::grant const &a, pagewright::grant const &b) {
    compare(path + ".gives", a.gives, b.gives);
    compare(path + ".withheld", a.withheld, b.withheld);
    compare(path + ".on", a.on, b.on);
    compare(path + ".off", a.off, b.off);
    compare(path + ".unless", a.unless, b.unless);
    compare(path + ".with", a.with, b.with);
  }
  void compare(std::string const &path, pagewright::exclusion a, pagewright::exclusion b) {
    compare(path + ".when", a.when, b.when);
    compare(path + ".removes", a.removes, b.removes);
  }
  void compare(std::string const &path, pagewright::bound const &a, pagewright::bound const &b) {
    compare(path + ".when", a.when, b.when);
    compare(path + ".limit", a.limit, b.limit);
    compare(path + ".lower", a.lower, b.lower);
    compare(path + ".unit_lg2", a.unit_lg2, b.unit_lg2);
  }
  void compare(std::string const &path, pagewright::form_list a, pagewright::form_list b) {
    for (std::size_t i = 0; i < 4; ++i) compare(fmt::format("{}[{}]", path, i), a[i], b[i]);
  }
  void compare(std::string const &path, pagewright::field const &a, pagewright::field const &b) {
    compare(path + ".name", a.name, b.name);
    compare(path + ".lo", a.lo, b.lo);
    compare(path + ".width", a.width, b.width);
    compare(path + ".on", a.on, b.on);
  }
  void compare(std::string const &path, pagewright::form const &a, pagewright::form const &b) {
    if (a.name == nullptr && b.name == nullptr) return;     // in neither of them
    compare(path + ".name", a.name, b.name);
    compare(path + ".is", a.is, b.is);
    compare(path + ".run_lg2", a.run_lg2, b.run_lg2);
    compare(path + ".size_code", a.size_code, b.size_code);
    compare(path + ".address", a.address, b.address);
    compare(path + ".grants", a.grants, b.grants);
    compare(path + ".type", a.type, b.type);
    compare(path + ".accessed", a.accessed, b.accessed);
    compare(path + ".dirty", a.dirty, b.dirty);
    compare(path + ".global", a.global, b.global);
    compare(path + ".shared", a.shared, b.shared);
    compare(path + ".base", a.base, b.base);
    compare(path + ".zero", a.zero, b.zero);
    compare(path + ".live", a.live, b.live);
  }
  void compare(std::string const &path, pagewright::level const &a, pagewright::level const &b) {
    compare(path + ".name", a.name, b.name);
    compare(path + ".shift", a.shift, b.shift);
    compare(path + ".index_bits", a.index_bits, b.index_bits);
    compare(path + ".table", a.table, b.table);
    compare(path + ".table_base", a.table_base, b.table_base);
    compare(path + ".table_zero", a.table_zero, b.table_zero);
    compare(path + ".leaves", a.leaves, b.leaves);
    compare(path + ".slot_lg2", a.slot_lg2, b.slot_lg2);
    compare(path + ".slot_offset", a.slot_offset, b.slot_offset);
    compare(path + ".narrows", a.narrows, b.narrows);
    compare(path + ".loaded", a.loaded, b.loaded);
    compare(path + ".absent", a.absent, b.absent);
    compare(path + ".vacant", a.vacant, b.vacant);
    compare(path + ".sparse", a.sparse, b.sparse);
    compare(path + ".table_address", a.table_address, b.table_address);
    compare(path + ".table_lg2", a.table_lg2, b.table_lg2);
  }
  void compare(std::string const &, pagewright::format const &a, pagewright::format const &b) {
    compare("name", a.name, b.name);
    compare("spec", a.spec, b.spec);
    compare("entry_bytes", a.entry_bytes, b.entry_bytes);
    compare("order", a.order, b.order);
    compare("depth", a.depth, b.depth);
    compare("upper", a.upper, b.upper);
    compare("input_width", a.input_width, b.input_width);
    compare("tag_bits", a.tag_bits, b.tag_bits);
    compare("output_bits", a.output_bits, b.output_bits);
    for (unsigned n = 0; n < a.depth && n < b.depth; ++n) compare(fmt::format("levels[{}]", n), a.levels[n], b.levels[n]);
    compare("forms", a.forms, b.forms);
    compare("absent", a.absent, b.absent);
    compare("reserved_leaf", a.reserved_leaf, b.reserved_leaf);
    compare("reserved_table", a.reserved_table, b.reserved_table);
    compare("low_address_zero", a.low_address_zero, b.low_address_zero);
    compare("unaccessed_faults", a.unaccessed_faults, b.unaccessed_faults);
    compare("table_address", a.table_address, b.table_address);
    compare("table_bounds", a.table_bounds, b.table_bounds);
    compare("next_level", a.next_level, b.next_level);
    compare("table_grants", a.table_grants, b.table_grants);
    compare("table_global", a.table_global, b.table_global);
    compare("table_accessed", a.table_accessed, b.table_accessed);
    compare("table_says", a.table_says, b.table_says);
    compare("excludes", a.excludes, b.excludes);
    compare("types", a.types, b.types);
    compare("software", a.software, b.software);
    compare("carried", a.carried, b.carried);
    compare("live", a.live, b.live);
    compare("break_before_make", a.break_before_make, b.break_before_make);
    compare("resizes_live", a.resizes_live, b.resizes_live);
    compare("resizing", a.resizing, b.resizing);
    compare("caches_absent", a.caches_absent, b.caches_absent);
    compare("fields", a.fields, b.fields);
  }

  std::vector<std::string> found_;
};
