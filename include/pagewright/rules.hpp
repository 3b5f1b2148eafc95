// SPDX-License-Identifier: MIT
// The rules of check.hpp by their names, and as sentences.
#pragma once

#include "bits.hpp"

namespace pagewright {

/// What can be wrong, in the words of text(rule).
enum class rule : u8 {
  kept,
  format_unnamed, entry_width, depth, level_unnamed, named_twice, index_ranges, output_width, absent_all_or_none, vacant_is_absent, level_0, tables_above,
  leaf_form, match_impossible, field_unnamed, field_outside, fields_overlap, bit_unnamed, address_outside,
  address_overlap, address_gap, address_shared, bits_shared, base_is_reserved, type_table, masks, run, no_single,
  table_entry, leaf_absent, leaf_entry, rights_lost, memory_type_lost, flags_lost,
};

/// The rule as a sentence that the description at fault does not satisfy.
constexpr auto text(rule r) noexcept -> char const * {
  switch (r) {
    case rule::kept:             return "nothing is wrong";
    case rule::format_unnamed:   return "a format has a name and says which manual it follows";
    case rule::entry_width:      return "an entry is 4 or 8 bytes wide";
    case rule::depth:            return "a format has 1 to 6 levels";
    case rule::level_unnamed:    return "every level has a name";
    case rule::named_twice:      return "no two levels have one name, and no two forms";
    case rule::index_ranges:     return "index ranges tile the input address, at most 64 bits with the tag";
    case rule::output_width:     return "some leaf can say every output address below 2^output_bits";
    case rule::absent_all_or_none: return "some entries are absent and some are not: what tells them looks at a bit";
    case rule::vacant_is_absent: return "what an empty slot holds, zero if nothing else is said, is absent";
    case rule::level_0:          return "level 0 holds leaves and no tables";
    case rule::tables_above:     return "every level above level 0 can hold tables";
    case rule::leaf_form:        return "a level lists described forms only, without gaps";
    case rule::match_impossible: return "a match can hold, and looks at bits inside the entry";
    case rule::field_unnamed:    return "no field lies behind an unnamed one";
    case rule::field_outside:    return "fields lie inside the entry and apply to something";
    case rule::fields_overlap:   return "no bit has two names";
    case rule::bit_unnamed:      return "every bit that a rule uses has a name";
    case rule::address_outside:  return "address pieces lie inside the entry and inside 64 bits";
    case rule::address_overlap:  return "no entry bit and no address bit is said twice";
    case rule::address_gap:      return "an address is said without gaps from its alignment upward";
    case rule::address_shared:   return "address bits mean nothing else";
    case rule::bits_shared:      return "memory type, software and carried bits mean nothing else";
    case rule::base_is_reserved: return "a new entry has no bit that hardware rejects";
    case rule::type_table:       return "the table of memory types fits its index, and not all are reserved";
    case rule::masks:            return "live, software and carried bits agree with one another";
    case rule::no_single:        return "a level with leaves has one that fills one slot";
    case rule::run:              return "the slots of one leaf lie in one table";
    case rule::table_entry:      return "a new table entry is read back with its address and withholds nothing";
    case rule::leaf_absent:      return "a new leaf is not absent: its base, or the bits of its rights, make it present";
    case rule::leaf_entry:       return "a new leaf is read back as a leaf of its form, at its address, with its size";
    case rule::rights_lost:      return "a leaf is read back with the rights it was given, if there are any";
    case rule::memory_type_lost: return "a leaf is read back with its memory type";
    case rule::flags_lost:       return "a leaf is read back with its accessed, dirty, global and software bits";
  }
  return "?";
}

/// The first rule that a description breaks: at which level, form or bit, and under which name.
struct flaw {
  rule        what  = rule::kept;
  unsigned    level = 0;
  char const *where = "";
  unsigned    bit   = no_bit;  // for rules about an address: which bit of it

  static constexpr unsigned no_bit = 64;

  constexpr explicit operator bool() const noexcept { return what != rule::kept; }
};

}  // namespace pagewright
