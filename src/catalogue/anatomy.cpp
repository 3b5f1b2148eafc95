// SPDX-License-Identifier: MIT
#include "anatomy.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pagewright::catalogue {
namespace {

constexpr unsigned short_field = 8;  // fields up to here show each bit, wider ones what they hold in all

[[nodiscard]] auto binary(u64 value, unsigned width) -> std::string { return fmt::format("{:0{}b}", value, width); }

/// lg2 of the smallest leaf of such a shape.
[[nodiscard]] auto least_lg2(format const &f, entry_shape s) -> unsigned {
  auto const &one = f.forms[s.form];
  return one.size_code != 0 ? f.levels[s.level].shift : f.levels[s.level].shift + unsigned{one.run_lg2};
}

void add(std::string &text, std::string_view more) {
  if (!text.empty()) text += "; ";
  text += more;
}

/// The bits by which an entry of this shape is told from absent ones, table entries and the shapes before it.
[[nodiscard]] auto telling(format const &f, entry_shape s) -> u64 {
  auto const &level = f.levels[s.level];
  if (s.is_table()) return level.table.mask;
  u64 bits = f.forms[s.form].is.mask;
  for (u8 const n : level.leaves) {
    if (n == s.form || n >= max_forms) break;
    bits |= f.forms[n].is.mask;
  }
  return bits;
}

/// What holds of `some` bits of a field.
void add_bits(std::string &text, u64 some, u64 field, std::string_view what) {
  if (some == field) add(text, what);
  else if (some != 0) add(text, fmt::format("{} {}", bits_text(some), what));
}

/// Which part of an address or an index the bits of `field` hold: "output address 51:12".
template <std::size_t N>
void add_pieces(std::string &text, piece const (&pieces)[N], u64 field, u64 kept, std::string_view what) {
  u64 bits = 0;
  for (auto const &p : pieces) bits |= p.gather(field) & (p.width == 0 ? 0 : ~u64{0});
  for (auto const r : ranges_of(bits & kept))
    add(text, r.hi == r.lo ? fmt::format("{} {}", what, r.lo) : fmt::format("{} {}:{}", what, r.hi, r.lo));
}

/// What a row of rights makes of the bits of `field`.
void add_grant(std::string &text, format const &f, u8 scope, grant const &row, u64 field) {
  if (row.gives == rights::none || row.withheld.mask == 0 || (row.withheld.mask & field) == 0) return;
  bool const alone = row.withheld.mask == field;
  add(text, alone && is_single_bit(field)
                ? fmt::format("{} takes away {}", row.withheld.value != 0 ? 1 : 0, rights_noun(row.gives))
                : fmt::format("{} takes away {}", match_text(f, scope, row.withheld), rights_noun(row.gives)));
}

void add_flag(std::string &text, format const &f, u8 scope, match m, u64 field, std::string_view what) {
  if (m == never || (m.mask & field) == 0) return;
  if (is_single_bit(m.mask)) add(text, m.value != 0 ? std::string{what} : fmt::format("0: {}", what));
  else add(text, fmt::format("{} if {}", what, match_text(f, scope, m)));
}

/// Memory types' indices of so many pieces have names only where there are several.
template <std::size_t N>
[[nodiscard]] auto is_whole(piece const (&pieces)[N], u64 field) -> bool {
  return occupied(pieces) != 0 && (occupied(pieces) & ~field) == 0;
}

}  // namespace

auto shapes_of(format const &f) -> std::vector<entry_shape> {
  std::vector<entry_shape> found;
  for (unsigned level = f.depth; level-- > 0;) {
    if (level != 0 && f.levels[level].table != never) found.push_back({level});
    for (u8 const n : f.levels[level].leaves)
      if (n < max_forms) found.push_back({level, n});
  }
  return found;
}

auto shape_name(format const &f, entry_shape s) -> std::string {
  return s.is_table() ? "table entry" : f.forms[s.form].name;
}

auto anatomy_of(format const &f, entry_shape s) -> anatomy {
  dynamic const h{&f};
  auto const   &level = f.levels[s.level];
  auto const    tell  = s.is_table() ? level.table : f.forms[s.form].is;
  auto const   &gone  = absent_of(h, s.level);
  anatomy       a{.told = tell.mask, .told_value = tell.value & tell.mask};
  if (is_single_bit(gone.mask)) {
    a.told |= gone.mask;
    a.told_value |= gone.mask & ~gone.value;
  }
  if (s.is_table()) {
    a.rejected = level.table_zero;
    return a;
  }
  // Table entries are told first, then the shapes in the order of the level's list. Where a single bit tells one of
  // them from this shape, that bit must be the other way here.
  auto const is_not = [&a](match other) {
    u64 const rest = other.mask & ~a.told;
    if (other == never || !compatible(other, {a.told, a.told_value}) || !is_single_bit(rest)) return;
    a.told |= rest;
    a.told_value |= rest & ~other.value;
  };
  is_not(level.table);
  for (u8 const n : level.leaves) {
    if (n == s.form || n >= max_forms) break;
    is_not(f.forms[n].is);
  }
  auto const &one = f.forms[s.form];
  a.rejected      = one.zero;
  u64 const slot = below(level.shift), leaf = below(least_lg2(f, s));
  for (auto const &p : one.address) {
    u64 const low = p.scatter(p.target() & slot) & ~occupied(one.type), rest = p.scatter(p.target() & leaf & ~slot);
    if (f.low_address_zero) a.rejected |= low;
    else a.unlooked |= low;
    if (one.size_code == 0) a.unlooked |= rest;
  }
  return a;
}

auto cells_of(format const &f, entry_shape s) -> std::vector<cell> {
  auto const a     = anatomy_of(f, s);
  auto const state = [&](unsigned at) {
    u64 const one = bit(at);
    if ((a.told & one) != 0) return (a.told_value & one) != 0 ? '1' : '0';
    return (a.rejected & one) != 0 ? '0' : (a.unlooked & one) != 0 ? '-' : 'x';
  };
  std::vector<cell> cells;
  unsigned          next = 8u * f.entry_bytes;  // bits from here on are drawn
  auto const        put  = [&](named_bits const &one) {
    if (one.hi + 1 < next) cells.push_back({next - 1, one.hi + 1, "unnamed", ""});
    next = one.lo;
    std::string all;
    for (unsigned at = one.hi + 1; at-- > one.lo;) all += state(at);
    auto const &name = one.own;  // its numbers stand above
    if (all.size() <= short_field) {
      cells.push_back({one.hi, one.lo, name, all.find_first_not_of('x') == std::string::npos ? "" : all});
      return;
    }
    for (unsigned hi = one.hi, at = one.hi;; --at)
      if (at == one.lo || state(at - 1) != state(hi)) {
        char const what = state(hi);
        cells.push_back({hi, at, name, what == 'x' ? "" : std::string(1, what)});
        if (at == one.lo) break;
        hi = at - 1;
      }
  };
  for (auto const &one : fields_of(f, s.scope())) put(one);
  if (next != 0) cells.push_back({next - 1, 0, "unnamed", ""});
  return cells;
}

auto cells_of(format const &f, entry_shape s, u64 entry) -> std::vector<cell> {
  std::vector<cell> cells;
  unsigned          next = 8u * f.entry_bytes;
  auto const        put  = [&](unsigned hi, unsigned lo, std::string const &name) {
    unsigned const width = hi - lo + 1;
    u64 const      value = entry >> lo & below(width);
    cells.push_back({hi, lo, name, width <= short_field ? binary(value, width) : fmt::format("{:#x}", value)});
  };
  for (auto const &one : fields_of(f, s.scope())) {
    if (one.hi + 1 < next) put(next - 1, one.hi + 1, "unnamed");
    next = one.lo;
    put(one.hi, one.lo, one.own);
  }
  if (next != 0) put(next - 1, 0, "unnamed");
  return cells;
}

auto meaning_of(format const &f, entry_shape s, named_bits const &field) -> std::string {
  dynamic const h{&f};
  u64 const     bits  = field.mask();
  auto const   &level = f.levels[s.level];
  auto const   &gone  = absent_of(h, s.level);
  auto const    a     = anatomy_of(f, s);
  u8 const      scope = s.scope();
  std::string   text;

  u64 const told = telling(f, s) & ~(is_single_bit(gone.mask) ? gone.mask : 0);
  if ((told & bits) != 0)
    add(text, s.is_table()                   ? "tells a table entry from a leaf"
              : f.forms[s.form].run_lg2 != 0 ? "tells the leaf's kind and size"
                                             : "tells the leaf's kind");
  if ((gone.mask & bits) != 0 && gone.mask != below(8u * f.entry_bytes))
    add(text, is_single_bit(gone.mask) ? fmt::format("{}: the entry is absent", gone.value != 0 ? 1 : 0)
                                       : fmt::format("absent if {}", match_text(f, scope, gone)));

  if (s.is_table()) {
    add_pieces(text, table_address_of(h, s.level), bits, ~u64{0}, "address of the next table, bits");
    if (level.narrows)
      for (auto const &row : f.table_grants) add_grant(text, f, scope, row, bits);
    add_flag(text, f, scope, f.table_global, bits, "everything below is global");
    if (level.narrows) add_flag(text, f, scope, f.table_accessed, bits, "accessed");
    if ((f.table_says & bits) != 0) add(text, "says something of everything below");
    if ((f.next_level.mask() & bits) != 0) add(text, "the level of the next table, counted from 1");
    for (auto const &b : f.table_bounds)
      if (b.limit.width != 0 && (b.limit.mask() & bits) != 0)
        if (auto const what = fmt::format("{} {} of the next table that exists", b.lower ? "first" : "last",
                                          b.unit_lg2 == 0 ? std::string{"slot"}
                                                          : fmt::format("block of {} slots", u64{1} << b.unit_lg2));
            !text.contains(what))
          add(text, what);
  } else {
    auto const    &one   = f.forms[s.form];
    unsigned const reach = unsigned{level.shift} + level.index_bits;
    if (one.size_code != 0 && (bits & below(reach) & ~below(one.size_code)) != 0)
      add(text, fmt::format("the lowest 0 from bit {} on codes the size", one.size_code));
    add_pieces(text, one.address, bits, ~below(least_lg2(f, s)), "output address, bits");
    if (is_whole(one.type, bits)) add(text, "index of the memory type");
    else add_pieces(text, one.type, bits, ~u64{0}, "index of the memory type, bit");
    for (auto const &row : one.grants) add_grant(text, f, scope, row, bits);
    if (text.empty() && (grant_bits(one.grants) & bits) != 0) add(text, "says rights together with others");
    add_flag(text, f, scope, one.accessed, bits, "accessed");
    add_flag(text, f, scope, one.dirty, bits, "written to (dirty)");
    add_flag(text, f, scope, one.global, bits, "global: in all address spaces");
    add_flag(text, f, scope, one.shared, bits, "shared: not encrypted for this machine alone");
    u64 const own = bits & ~decisive_bits(f, s);
    add_bits(text, f.software & own, bits, "software's");
    add_bits(text, f.carried & own, bits, "kept by every change");
    if (one.size_code == 0)
      add_bits(text, one.base & bits & ~(told | gone.mask | grant_bits(one.grants) | one.shared.mask), bits,
               "set in new leaves");
  }
  if (u64 const bad = a.rejected & bits; bad != 0)
    add(text,
        bad == bits ? std::string{"hardware rejects the entry unless 0"} : fmt::format("{} must be 0", bits_text(bad)));
  add_bits(text, a.unlooked & bits, bits, "not looked at");
  return text;
}

auto sign_of(format const &f, entry_shape s) -> std::string {
  auto const              &level = f.levels[s.level];
  auto const              &gone  = absent_of(dynamic{&f}, s.level);
  auto const               tell  = s.is_table() ? level.table : f.forms[s.form].is;
  u8 const                 scope = s.scope();
  auto const               a     = anatomy_of(f, s);
  std::vector<std::string> words;
  if (a.told != 0) words.push_back(match_text(f, scope, {a.told, a.told_value}));
  if (!is_single_bit(gone.mask) && compatible(gone, {a.told, a.told_value}))
    words.push_back(fmt::format("not absent ({})", match_text(f, scope, gone)));
  if (!s.is_table()) {
    if (level.table != never && compatible(level.table, {a.told, a.told_value}))
      words.push_back(fmt::format("no table entry ({})", match_text(f, scope, level.table)));
    for (u8 const n : level.leaves) {
      if (n == s.form || n >= max_forms) break;
      if (compatible(f.forms[n].is, {a.told, a.told_value}) && compatible(f.forms[n].is, tell))
        words.push_back(fmt::format("no {} ({})", f.forms[n].name, match_text(f, scope, f.forms[n].is)));
    }
  }
  if (words.empty()) return "every entry of this level";
  std::string text;
  for (auto const &word : words) text += (text.empty() ? "" : "; ") + word;
  return text;
}

auto decisive_bits(format const &f, entry_shape s) -> u64 {
  dynamic const h{&f};
  u64           bits =
      absent_of(h, s.level).mask | f.levels[s.level].table.mask | anatomy_of(f, s).rejected | f.next_level.mask();
  if (f.levels[s.level].table == never) bits &= ~f.next_level.mask();
  if (s.is_table()) {
    bits |= occupied(table_address_of(h, s.level)) | f.table_global.mask | f.table_says;
    if (f.levels[s.level].narrows) bits |= f.table_accessed.mask;
    if (f.levels[s.level].narrows)
      for (auto const &row : f.table_grants) bits |= row.gives == rights::none ? 0 : row.withheld.mask;
    for (auto const &b : f.table_bounds) bits |= b.limit.mask() | b.when.mask;
    for (auto const &pattern : f.reserved_table) bits |= pattern.mask;
    return bits;
  }
  auto const &one = f.forms[s.form];
  bits |= telling(f, s) | occupied(one.type) | one.accessed.mask | one.dirty.mask | one.global.mask | one.shared.mask;
  for (auto const &row : one.grants) bits |= row.gives == rights::none ? 0 : row.withheld.mask;
  for (auto const &pattern : f.reserved_leaf) bits |= pattern.mask;
  return bits | (occupied(one.address) & ~anatomy_of(f, s).unlooked);
}

auto address_bits_of(format const &f, entry_shape s) -> u64 {
  return s.is_table() ? occupied(table_address_of(dynamic{&f}, s.level))
                      : occupied(f.forms[s.form].address) & ~occupied(f.forms[s.form].type);
}

auto leaf_sizes(format const &f, entry_shape s) -> std::string {
  auto const &one   = f.forms[s.form];
  auto const &level = f.levels[s.level];
  if (one.size_code == 0) return power_text(level.shift + unsigned{one.run_lg2});
  unsigned const least = std::max<unsigned>(level.shift, one.size_code + 1u);
  return fmt::format("{} to {}", power_text(least),
                     power_text(std::min(63u, unsigned{level.shift} + level.index_bits)));
}

}  // namespace pagewright::catalogue
