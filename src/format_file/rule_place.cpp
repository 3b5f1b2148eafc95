// SPDX-License-Identifier: MIT
#include "rule_place.hpp"

#include <initializer_list>

#include <fmt/format.h>

namespace pagewright::format_file {
namespace {

using keys = std::initializer_list<char const *>;

/// The keys that a rule is about; the first that is there is shown.
[[nodiscard]] auto keys_of(rule r) -> keys {
  static constexpr keys none{}, ranges{"index_bits"}, address{"address", "table_address"}, leaves{"leaves"},
      type{"type"}, run{"run_lg2"}, base{"base", "table_base", "zero", "table_zero"}, table{"table"},
      bytes{"slot_offset", "entry_bytes"}, width{"output_bits"}, is{"is", "table"}, grants{"grants"},
      address_or_base{"address", "table_base"}, name{"name"};
  switch (r) {
    case rule::entry_width:      return bytes;
    case rule::named_twice:      return name;
    case rule::index_ranges:     return ranges;
    case rule::output_width:     return width;
    case rule::level_0:          return table;
    case rule::leaf_form:
    case rule::no_single:        return leaves;
    case rule::match_impossible: return is;
    case rule::address_outside:
    case rule::address_overlap:
    case rule::address_gap:      return address;
    case rule::address_shared:   return address_or_base;
    case rule::leaf_absent:
    case rule::base_is_reserved: return base;
    case rule::bits_shared:
    case rule::type_table:
    case rule::memory_type_lost: return type;
    case rule::run:              return run;
    case rule::rights_lost:      return grants;
    case rule::table_entry:      return table;
    default:                     return none;
  }
}

[[nodiscard]] auto row(toml::table const &root, char const *key, std::size_t n) -> toml::table const * {
  auto const *const rows = root[key].as_array();
  return rows != nullptr && n < rows->size() ? (*rows)[n].as_table() : nullptr;
}

[[nodiscard]] auto place_in(toml::table const &t, keys about, std::string what) -> rule_place {
  for (auto const *const key : about)
    if (auto const *const n = t.get(key)) return {n->source(), std::move(what)};
  return {t.source(), std::move(what)};
}

}  // namespace

// What a flaw concerns is known by the string that it names: each name of the format is a string of its own.
auto place_of(flaw const &e, format const &f, toml::table const &root) -> rule_place {
  auto const in = [&](toml::table const *t, keys about, std::string what) {
    return place_in(t != nullptr ? *t : root, about, std::move(what));
  };
  auto const *const level = e.level < f.depth ? row(root, "level", f.depth - 1 - e.level) : nullptr;
  auto const of_level = [&](char const *what) { return fmt::format("{} (level '{}')", what, f.levels[e.level].name); };
  auto const whole    = fmt::format("format '{}'", f.name);

  for (unsigned n = 0; n < f.depth; ++n)
    if (e.where == f.levels[n].name)
      return in(row(root, "level", f.depth - 1 - n), keys_of(e.what), fmt::format("level '{}'", e.where));
  for (unsigned n = 0; n < max_forms; ++n)
    if (e.where != nullptr && e.where == f.forms[n].name) {
      auto const bit = e.what == rule::bit_unnamed ? fmt::format(" (bit {})", e.level) : "";
      return in(row(root, "form", n), keys_of(e.what), fmt::format("form '{}'{}", e.where, bit));
    }
  for (unsigned n = 0; n < field_count(f); ++n)
    if (e.where == f.fields[n].name)
      return in(row(root, "fields", n), {"bits"}, fmt::format("field '{}' (bit {})", e.where, e.level));

  switch (e.what) {
    case rule::bit_unnamed: return in(&root, {"fields"}, fmt::format("a table entry (bit {})", e.level));
    case rule::absent_all_or_none:
    case rule::vacant_is_absent:
      if (level != nullptr && (level->contains("absent") || level->contains("vacant")))
        return in(level, {"vacant", "absent"}, of_level("absent"));
      return in(&root, {"absent"}, whole);
    case rule::address_outside:
    case rule::address_overlap:
    case rule::address_gap:
      if (level == nullptr) return in(&root, {"table_address"}, whole);
      return in(level->contains("table_address") ? level : &root, {"table_address"}, of_level("table_address"));
    case rule::match_impossible: return in(&root, {e.where}, e.where);
    case rule::masks:            return in(&root, {"live", "carried", "software", "break_before_make"}, whole);
    default:                     return in(&root, keys_of(e.what), whole);
  }
}

}  // namespace pagewright::format_file
