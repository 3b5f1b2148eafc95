// SPDX-License-Identifier: MIT
// What every description must satisfy. A description that does not compile says which rule it breaks and where:
//
//   static_assert(is_well_formed<my_format>());  // the shape: geometry, fields, addresses, masks; quick
//   static_assert(is_sound<my_format>());        // and that every entry it can encode decodes to what was asked for
//
// A description can be sound and wrong: golden entries from another source than the description are still needed.
#pragma once

#include "encode.hpp"
#include "rules.hpp"

namespace pagewright {

// --- the shape ----------------------------------------------------------------------------------------------------

constexpr auto same_text(char const *a, char const *b) noexcept -> bool {
  for (; *a == *b; ++a, ++b)
    if (*a == 0) return true;
  return false;
}

/// May both hold for one entry?
constexpr auto compatible(match a, match b) noexcept -> bool { return ((a.value ^ b.value) & a.mask & b.mask) == 0; }

/// lg2 of the smallest leaf of form `n`: its address bits below are not looked at. 64 if no level holds it.
constexpr auto smallest_leaf(format const &f, unsigned n) noexcept -> unsigned {
  for (unsigned l = 0; l < f.depth; ++l)
    for (u8 const one : f.levels[l].leaves)
      if (one == n) return f.levels[l].shift + (f.forms[n].size_code != 0 ? 1u : f.forms[n].run_lg2);
  return 64;
}

/// The entry bits of form `n` that hold an address.
constexpr auto address_bits(format const &f, unsigned n) noexcept -> u64 {
  return scatter(f.forms[n].address, ~below(smallest_leaf(f, n)));
}

/// The entry bits by which a leaf of this form says its rights, and those by which it says its flags.
constexpr auto rights_bits(form const &f) noexcept -> u64 {
  u64 mask = grant_bits(f.grants);
  for (auto const &row : f.grants) mask |= row.withheld.mask;
  return mask;
}
constexpr auto flag_bits(form const &f) noexcept -> u64 {
  return f.accessed.mask | f.dirty.mask | f.global.mask | f.shared.mask;
}

/// Does `l` hold leaves of form `n`?
constexpr auto holds(level const &l, unsigned n) noexcept -> bool {
  for (u8 const one : l.leaves)
    if (one == n) return true;
  return false;
}

/// All bits that matter in a leaf of form `n`, and in a table entry.
constexpr auto used_bits(format const &f, unsigned n) noexcept -> u64 {
  form const &one = f.forms[n];
  u64 absent = 0;
  for (unsigned l = 0; l < f.depth; ++l)
    if (holds(f.levels[l], n)) absent |= absent_of(dynamic{&f}, l).mask | f.levels[l].sparse.mask;
  return absent | one.is.mask | rights_bits(one) | flag_bits(one) | occupied(one.type) | one.base | one.zero |
         f.software | f.carried | address_bits(f, n);
}
constexpr auto used_bits(format const &f) noexcept -> u64 {
  u64 mask = f.table_global.mask | f.table_accessed.mask | f.table_says | f.next_level.mask();
  for (bound const &b : f.table_bounds)
    if (b.limit.width != 0) mask |= b.limit.mask() | b.when.mask;
  for (unsigned l = 1; l < f.depth; ++l)
    mask |= absent_of(dynamic{&f}, l).mask | f.levels[l].sparse.mask | occupied(table_address_of(dynamic{&f}, l));
  for (auto const &pattern : f.reserved_table)
    if (pattern != never) mask |= pattern.mask;
  for (auto const &row : f.table_grants) mask |= row.bits() | row.withheld.mask;
  for (auto const &l : f.levels) mask |= l.table.mask | l.table_base | l.table_zero;
  return mask;
}

/// `pieces` inside an entry of `width` bits, nothing twice, no gap from bit `lo` of the address upward.
template <std::size_t N>
constexpr auto check_address(piece const (&pieces)[N], unsigned width, unsigned lo, flaw at) noexcept -> flaw {
  u64 entry = 0, value = 0;
  for (auto const &p : pieces) {
    if (p.lo + p.width > width || p.to + p.width > 64) return {rule::address_outside, at.level, at.where};
    if (u64 const twice = value & p.target(); (entry & p.mask()) != 0 || twice != 0)
      return {rule::address_overlap, at.level, at.where, twice != 0 ? trailing_ones(~twice) : unsigned{p.to}};
    entry |= p.mask();
    value |= p.target();
  }
  u64 const above = lo < 64 ? value >> lo : 0;
  if (above == 0 || (above & (above + 1)) != 0) return {rule::address_gap, at.level, at.where, lo + trailing_ones(above)};
  return {};
}

/// Names: inside the entry, one for every used bit, none twice. `scope` is on_tables or on_form(n).
constexpr auto check_names(format const &f, u8 scope, u64 used, char const *where) noexcept -> flaw {
  u64 named = 0;
  for (unsigned n = 0; n < field_count(f); ++n) {
    auto const &one = f.fields[n];
    if ((one.on & scope) == 0) continue;
    if ((named & one.mask()) != 0) return {rule::fields_overlap, one.lo, one.name};
    named |= one.mask();
  }
  if (u64 const bare = used & ~named; bare != 0)
    return {rule::bit_unnamed, trailing_ones(~bare), where};
  return {};
}

/// Does form `n` keep its bits apart and its slots together?
constexpr auto check_form(format const &f, unsigned n) noexcept -> flaw {
  form const &one  = f.forms[n];
  u64 const   all  = below(8u * f.entry_bytes), address = address_bits(f, n), type = occupied(one.type),
              said = rights_bits(one) | flag_bits(one) | one.is.mask;
  auto const  bad  = [&](rule what) { return flaw{what, n, one.name}; };

  auto const pieces = check_address(one.address, 8u * f.entry_bytes, smallest_leaf(f, n), bad(rule::kept));
  if (pieces) return pieces;
  for (auto const &p : one.type)
    if (p.lo + p.width > 8u * f.entry_bytes) return bad(rule::bits_shared);
  for (match const m : {one.is, one.accessed, one.dirty, one.global, one.shared})
    if (m != never && ((m.value & ~m.mask) != 0 || (m.mask & ~all) != 0)) return bad(rule::match_impossible);
  if ((address & (said | type | f.software | f.carried | one.base | one.zero)) != 0) return bad(rule::address_shared);
  if ((type & (said | f.software | f.carried)) != 0 || ((f.software | f.carried) & (said | one.zero)) != 0)
    return bad(rule::bits_shared);
  if ((one.base & one.zero) != 0 || (one.base & ~all) != 0) return bad(rule::base_is_reserved);

  u64 const indices = reachable(one.type);
  bool usable = false;
  for (unsigned i = 0; i < max_types; ++i) usable |= (i & ~indices) == 0 && f.types[i] != memory_type::reserved;
  if (indices >= max_types || !usable) return bad(rule::type_table);
  for (auto const &l : f.levels) {
    if (!holds(l, n)) continue;
    if (one.run_lg2 > l.index_bits) return bad(rule::run);
    if (l.absent != never && (l.absent.mask & rights_bits(one)) != 0) return bad(rule::bits_shared);
  }
  return check_names(f, on_form(n), used_bits(f, n), one.name);
}

/// The quick part of check: everything that can be seen without encoding an entry.
constexpr auto check_shape(format const &f) noexcept -> flaw {
  if (f.name == nullptr || f.spec == nullptr) return {rule::format_unnamed, 0, "format"};
  if (f.entry_bytes != 4 && f.entry_bytes != 8) return {rule::entry_width, 0, f.name};
  if (f.depth == 0 || f.depth > max_depth) return {rule::depth, f.depth, f.name};

  u64 const all = below(8u * f.entry_bytes);
  for (unsigned n = 0; n < f.depth; ++n)
    if (match const m = absent_of(dynamic{&f}, n); m.mask == 0)
      return {rule::absent_all_or_none, n, f.name};
    else if (((m.mask | f.levels[n].vacant) & ~all) != 0 || !m(f.levels[n].vacant))
      return {rule::vacant_is_absent, n, f.name};

  u64 reach = 0;
  for (unsigned n = 0; n < f.depth; ++n) {
    level const &one = f.levels[n];
    if (one.name == nullptr) return {rule::level_unnamed, n, f.name};
    for (unsigned k = 0; k < n; ++k)
      if (same_text(one.name, f.levels[k].name)) return {rule::named_twice, n, one.name};
    unsigned const end = one.shift + one.index_bits;
    bool const shared_entry = n == 0 && f.depth > 1 && f.levels[1].shift == one.shift;  // an indirect page descriptor
    if ((one.index_bits == 0) != shared_entry || one.shift == 0 || one.index_bits > 32 || end + f.tag_bits > f.input_width || f.input_width > 64 ||
        (n + 1 < f.depth && end != f.levels[n + 1].shift))
      return {rule::index_ranges, n, one.name};
    if (n == 0 && (one.table != never || one.leaves[0] == no_form)) return {rule::level_0, n, one.name};
    if (one.table_lg2 != 0 && (one.table_lg2 < one.index_bits + stride_lg2(dynamic{&f}, n) || one.table_lg2 > 63))
      return {rule::index_ranges, n, one.name};
    if (match const m = one.sparse; m != never && (((m.mask | m.value) & ~all) != 0 || (m.value & ~m.mask) != 0 ||
                                                   !compatible(m, absent_of(dynamic{&f}, n))))
      return {rule::match_impossible, n, one.name};
    bool single = one.leaves[0] == no_form;
    for (u8 const held : one.leaves)
      single |= held < max_forms && f.forms[held].run_lg2 == 0 && f.forms[held].size_code == 0;
    if (!single) return {rule::no_single, n, one.name};
    if (n != 0 && one.table == never) return {rule::tables_above, n, one.name};
    if (one.table != never && ((one.table.value & ~one.table.mask) != 0 || (one.table.mask & ~all) != 0))
      return {rule::match_impossible, n, one.name};
    if (((one.table_base & one.table_zero) | ((one.table_base | one.table_zero) & ~all)) != 0)
      return {rule::base_is_reserved, n, one.name};
    for (unsigned i = 0; i < 4; ++i) {
      u8 const held = one.leaves[i];
      if (held == no_form) continue;
      if (held >= max_forms || f.forms[held].name == nullptr || f.forms[held].is == never ||
          (i != 0 && one.leaves[i - 1] == no_form))
        return {rule::leaf_form, n, one.name};
      reach |= reachable(f.forms[held].address);
    }
  }
  if (f.output_bits == 0 || f.output_bits > 64 ||
      (below(f.output_bits) & ~below(f.levels[0].shift) & ~reach) != 0)
    return {rule::output_width, 0, f.name};

  for (unsigned n = 0; n < max_fields; ++n) {
    auto const &one = f.fields[n];
    if (n >= field_count(f) && (one.name != nullptr || one.width != 0)) return {rule::field_unnamed, n, f.name};
    if (n < field_count(f) && (one.lo + one.width > 8u * f.entry_bytes || one.width == 0 || one.on == 0))
      return {rule::field_outside, one.lo, one.name};
  }
  for (unsigned n = 0; n < max_forms; ++n) {
    for (unsigned k = 0; k < n; ++k)
      if (f.forms[n].name != nullptr && f.forms[k].name != nullptr && same_text(f.forms[n].name, f.forms[k].name))
        return {rule::named_twice, n, f.forms[n].name};
    if (smallest_leaf(f, n) != 64)
      if (auto const e = check_form(f, n)) return e;
  }

  if (f.depth > 1) {
    for (unsigned n = 0; n < 3; ++n) {
      bound const &b = f.table_bounds[n];
      if (b.limit.width == 0) continue;
      if (b.limit.lo + b.limit.width > 8u * f.entry_bytes || b.limit.to + b.limit.width > 64 || b.unit_lg2 > 63 ||
          (b.when.value & ~b.when.mask) != 0 || (n != 0 && f.table_bounds[n - 1].limit.width == 0))
        return {rule::match_impossible, 0, "table_bounds"};
    }
    if (f.next_level.lo + f.next_level.width > 8u * f.entry_bytes) return {rule::match_impossible, 0, "next_level"};
    for (unsigned n = 1; n < f.depth; ++n) {
      level const &one = f.levels[n];
      dynamic const h{&f};
      if (one.slot_offset + unsigned{f.entry_bytes} > 1u << stride_lg2(h, n)) return {rule::entry_width, n, one.name};
      u64 said = f.table_global.mask | f.next_level.mask() | (one.narrows ? f.table_accessed.mask : 0);
      for (bound const &b : f.table_bounds) said |= b.limit.mask();
      for (auto const &row : f.table_grants)
        if (one.narrows) said |= row.bits() | row.withheld.mask;
      auto const pieces = check_address(table_address_of(h, n), 8u * f.entry_bytes, table_lg2(h, n - 1),
                                        {rule::kept, n, "table_address"});
      if (pieces) return pieces;
      if ((occupied(table_address_of(h, n)) & (said | one.table.mask | one.table_base | one.table_zero)) != 0)
        return {rule::address_shared, n, one.name};
    }
    if (auto const e = check_names(f, on_tables, used_bits(f), "table entry")) return e;
  }

  bool const all_live = f.live == ~u64{0};
  if (f.break_before_make == all_live || (f.resizes_live && !f.break_before_make) || (f.software & ~f.live) != 0 ||
      (f.software & f.carried) != 0 || ((f.software | f.carried) & ~all) != 0)
    return {rule::masks, 0, "live, software, carried"};
  return {};
}

// --- the meaning --------------------------------------------------------------------------------------------------

/// Is `entry`, a leaf of form `n` that maps `to`, taken for just that at every level that can hold it?
constexpr auto check_leaf(format const &f, unsigned n, u64 entry) noexcept -> flaw {
  dynamic const h{&f};
  form const   &one = f.forms[n];
  for (unsigned l = 0; l < f.depth; ++l) {
    if (!holds(f.levels[l], n)) continue;

    unsigned const lg2    = f.levels[l].shift + one.run_lg2;
    u64 const      to     = reachable(one.address) & below(f.output_bits) & ~below(lg2);
    u64 const      whole  = entry | encode_address(h, l, one, {to});
    form const    *chosen = nullptr;
    with_form(h, l, whole, [&](form const &is) { chosen = &is; });
    if (kind_of(h, l, whole) != entry_kind::leaf || chosen != &one || leaf_lg2(h, l, one, whole) != lg2 ||
        leaf_base(h, l, one, whole).value != to)
      return {rule::leaf_entry, l, one.name};
  }
  return {};
}

/// Does every leaf of form `n` say what it was asked to say?
constexpr auto check_attributes(format const &f, unsigned n) noexcept -> flaw {
  dynamic const h{&f};
  form const   &one = f.forms[n];
  u64 const     indices = reachable(one.type);
  auto const    bad     = [&](rule what) { return flaw{what, n, one.name}; };
  auto const    listed  = [&](unsigned i) { return (i & ~indices) == 0 && f.types[i] != memory_type::reserved; };

  unsigned first = 0;
  while (!listed(first)) ++first;
  attributes want{.allow = rights::none, .type = f.types[first]};
  auto       usual = rights::none;  // rights that can be said, to write if any can
  bool       any   = false;

  auto const same = [&](attributes const &asked, u64 entry) -> flaw {
    auto const got = attributes_of(h, one, entry);
    if (got.allow != asked.allow) return bad(rule::rights_lost);
    if (got.type != asked.type) return bad(rule::memory_type_lost);
    bool const dirty = asked.dirty && (asked.allow & rights::writers) != rights::none;
    if ((one.accessed != never && got.accessed != asked.accessed) || (one.dirty != never && got.dirty != dirty) ||
        (one.global != never && got.global != asked.global) || (one.shared != never && got.shared != asked.shared) ||
        got.software != asked.software)
      return bad(rule::flags_lost);
    return {};
  };

  for (unsigned r = 0; r <= unsigned(rights::all); ++r) {
    want.allow = static_cast<rights>(r);
    if (!encode_rights(h, one, want.allow)) continue;
    auto const made = encode_attributes(h, one, want);
    if (made.flaw != inexpressible::no) return bad(rule::memory_type_lost);
    if (auto const e = check_leaf(f, n, made.entry)) return e;
    if (auto const e = same(want, made.entry)) return e;
    if (!any || (usual & rights::writers) == rights::none) usual = want.allow;
    any = true;
  }
  if (!any) {
    for (unsigned l = 0; l < f.depth; ++l)
      if (holds(f.levels[l], n) && is_absent(h, l, one.base | granting(one.grants, rights::all))) return bad(rule::leaf_absent);
    return bad(rule::rights_lost);
  }

  want.allow = usual;
  for (unsigned i = 0; i < max_types; ++i) {
    if (!listed(i)) continue;
    want.type = f.types[i];
    if (auto const e = same(want, encode_attributes(h, one, want).entry)) return e;
  }
  for (unsigned flags = 0; flags < 32; ++flags) {
    want.global   = (flags & 1) != 0 && one.global != never;
    want.accessed = (flags & 2) != 0;
    want.dirty    = (flags & 4) != 0;
    want.software = (flags & 8) != 0 ? f.software : 0;
    want.shared   = (flags & 16) != 0 && one.shared != never;
    if (auto const e = same(want, encode_attributes(h, one, want).entry)) return e;
  }
  return {};
}

/// The first rule that `f` breaks, or none. Complexity: some hundred entries per form are encoded and decoded.
constexpr auto check(format const &f) noexcept -> flaw {
  if (auto const e = check_shape(f)) return e;
  dynamic const h{&f};
  for (unsigned l = 1; l < f.depth; ++l) {
    u64 const next  = reachable(table_address_of(h, l)) & below(f.output_bits) & ~below(table_lg2(h, l - 1));
    u64 const entry = encode_table(h, l, {next});
    if (kind_of(h, l, entry) != entry_kind::table || table_of(h, l, entry).value != next ||
        table_rights(h, l, entry) != rights::all || f.table_global(entry) ||
        (f.levels[l - 1].index_bits != 0 && cuts_short(h, l, entry)))
      return {rule::table_entry, l, f.levels[l].name};
  }
  for (unsigned n = 0; n < max_forms; ++n)
    if (smallest_leaf(f, n) != 64)
      if (auto const e = check_attributes(f, n)) return e;
  return {};
}

// --- at compile time ----------------------------------------------------------------------------------------------

/// A name as a template argument, which GCC prints; longer ones are cut.
struct label {
  char text[24]{};

  consteval label(char const *from) {
    for (unsigned n = 0; n + 1 < sizeof text && from[n] != 0; ++n) text[n] = from[n];
  }
};

/// Has no definition: a constant expression that comes here ends, and the compiler shows how it came here.
void description_breaks_a_rule();

/// The compiler's message shows the rule, the level (or form or bit) and the name it concerns: GCC prints the template
/// arguments, Clang the function argument too.
template <rule Broken, unsigned Level, label Where>
consteval auto no_flaw(char const * /*where*/) -> bool {
  if (Broken != rule::kept) description_breaks_a_rule();
  return true;
}

/// Is `F` well formed? Does not compile if it is not.
template <format const &F>
consteval auto is_well_formed() -> bool {
  constexpr flaw found = check_shape(F);
  return no_flaw<found.what, found.level, label(found.where)>(found.where);
}

/// Is `F` well formed, and does everything it encodes decode to the same? Does not compile if not.
template <format const &F>
consteval auto is_sound() -> bool {
  constexpr flaw found = check(F);
  return no_flaw<found.what, found.level, label(found.where)>(found.where);
}

}  // namespace pagewright
