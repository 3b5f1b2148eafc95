// SPDX-License-Identifier: MIT
// The members of a format as a file has them: one table, which the reader and the writer both follow.
//
// members(object, visit) calls visit(key, member, how, required) for each. Names are those of `struct format`; an array
// of tables bears the singular. Structured bindings count: a member added to the struct does not compile until it is
// here.
#pragma once

#include <concepts>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include <pagewright/format.hpp>

namespace pagewright::format_file {

/// How a member is written, where its type alone does not say.
struct as_is {};
struct number {
  unsigned least = 0, most = std::numeric_limits<u8>::max();
};
struct in_place {};       // pieces: without `to` the bits stand where they stand in the address
struct from_zero {};      // pieces: without `to` they are the lowest of the value
struct scope {};          // which entries a field name applies to
struct sections {};       // an array of tables, [[key]]

/// The words for the values of an enumeration, in their order.
inline constexpr std::string_view byte_order_words[]{"little", "big"}, extent_words[]{"zero", "ones", "canonical"};
constexpr auto words(byte_order) noexcept -> std::span<std::string_view const> { return byte_order_words; }
constexpr auto words(extent) noexcept -> std::span<std::string_view const> { return extent_words; }

/// The two members that say which bits a field has.
template <class U>
struct span_of {
  U &lo, &width;
};
/// The levels from the root down, and how many there are.
template <class Level, class U>
struct levels_of {
  Level (&all)[max_depth];
  U &depth;
};

inline constexpr bool required = true;

inline constexpr number any_lg2{0, 63};

template <class T, class Of>
concept one = std::same_as<std::remove_const_t<T>, Of>;

template <one<grant> T, class V>
void members(T &row, V &&visit) {
  auto &[gives, withheld, on, off, unless, with] = row;
  visit("gives", gives, as_is{});
  visit("withheld", withheld, as_is{});
  visit("on", on, as_is{});
  visit("off", off, as_is{});
  visit("unless", unless, as_is{});
  visit("with", with, as_is{});
}

template <one<exclusion> T, class V>
void members(T &row, V &&visit) {
  auto &[when, removes] = row;
  visit("when", when, as_is{}, required);
  visit("removes", removes, as_is{}, required);
}

template <one<field> T, class V>
void members(T &row, V &&visit) {
  auto &[name, lo, width, on] = row;
  visit("name", name, as_is{}, required);
  visit("bits", span_of<std::remove_reference_t<decltype(lo)>>{lo, width}, as_is{}, required);
  visit("on", on, scope{});
}

template <one<form> T, class V>
void members(T &shape, V &&visit) {
  auto &[name, is, run_lg2, size_code, address, grants, type, accessed, dirty, global, shared, base, zero, live] =
      shape;
  visit("name", name, as_is{});
  visit("is", is, as_is{});
  visit("run_lg2", run_lg2, any_lg2);
  visit("size_code", size_code, any_lg2);
  visit("address", address, in_place{});
  visit("type", type, from_zero{});
  visit("accessed", accessed, as_is{});
  visit("dirty", dirty, as_is{});
  visit("global", global, as_is{});
  visit("shared", shared, as_is{});
  visit("base", base, as_is{});
  visit("zero", zero, as_is{});
  visit("live", live, as_is{});
  visit("grants", grants, as_is{});
}

template <one<bound> T, class V>
void members(T &row, V &&visit) {
  auto &[when, limit, lower, unit_lg2] = row;
  visit("when", when, as_is{}, required);
  visit("limit", limit, from_zero{}, required);
  visit("lower", lower, as_is{});
  visit("unit_lg2", unit_lg2, any_lg2);
}

template <one<level> T, class V>
void members(T &l, V &&visit) {
  auto &[name, shift, index_bits, table, table_base, table_zero, leaves, slot_lg2, slot_offset, narrows, loaded, absent,
         vacant, sparse, table_address, table_lg2] = l;
  visit("name", name, as_is{}, required);
  visit("shift", shift, number{1, 63}, required);
  visit("index_bits", index_bits, number{0, 32}, required);
  visit("leaves", leaves, as_is{});
  visit("table", table, as_is{});
  visit("table_base", table_base, as_is{});
  visit("table_zero", table_zero, as_is{});
  visit("table_address", table_address, in_place{});
  visit("absent", absent, as_is{});
  visit("vacant", vacant, as_is{});
  visit("sparse", sparse, as_is{});
  visit("table_lg2", table_lg2, any_lg2);
  visit("slot_lg2", slot_lg2, number{0, 16});
  visit("slot_offset", slot_offset, number{});
  visit("narrows", narrows, as_is{});
  visit("loaded", loaded, as_is{});
}

template <one<format> T, class V>
void members(T &f, V &&visit) {
  auto &[name, spec, entry_bytes, order, depth, upper, input_width, tag_bits, output_bits, levels, forms, absent,
         reserved_leaf, reserved_table, low_address_zero, unaccessed_faults, table_address, table_bounds, next_level,
         table_grants, table_global, table_accessed, table_says, excludes, types, software, carried, live, break_before_make,
         resizes_live, resizing, caches_absent, fields] = f;
  using level_type = std::remove_extent_t<std::remove_reference_t<decltype(levels)>>;
  using depth_type = std::remove_reference_t<decltype((f.depth))>;
  visit("name", name, as_is{}, required);
  visit("spec", spec, as_is{}, required);
  visit("entry_bytes", entry_bytes, number{4, 8});
  visit("byte_order", order, as_is{});
  visit("upper", upper, as_is{});
  visit("input_width", input_width, number{1, 64});
  visit("tag_bits", tag_bits, any_lg2);
  visit("output_bits", output_bits, number{1, 64}, required);
  visit("absent", absent, as_is{}, required);
  visit("reserved_leaf", reserved_leaf, as_is{});
  visit("reserved_table", reserved_table, as_is{});
  visit("low_address_zero", low_address_zero, as_is{});
  visit("unaccessed_faults", unaccessed_faults, as_is{});
  visit("table_address", table_address, in_place{});
  visit("table_bounds", table_bounds, as_is{});
  visit("next_level", next_level, from_zero{});
  visit("table_global", table_global, as_is{});
  visit("table_accessed", table_accessed, as_is{});
  visit("table_says", table_says, as_is{});
  visit("table_grants", table_grants, as_is{});
  visit("excludes", excludes, as_is{});
  visit("types", types, as_is{});
  visit("software", software, as_is{});
  visit("carried", carried, as_is{});
  visit("live", live, as_is{});
  visit("break_before_make", break_before_make, as_is{});
  visit("resizes_live", resizes_live, as_is{});
  visit("resizing", resizing, as_is{});
  visit("caches_absent", caches_absent, as_is{});
  visit("fields", fields, as_is{});
  visit("level", levels_of<level_type, depth_type>{levels, depth}, sections{}, required);
  visit("form", forms, sections{}, required);
}

}  // namespace pagewright::format_file
