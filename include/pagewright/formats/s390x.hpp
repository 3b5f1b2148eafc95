// SPDX-License-Identifier: MIT
// s390x dynamic address translation: segment tables and up to three levels of region tables above them.
// z/Architecture Principles of Operation SA22-7832, chapter 3 (Dynamic Address Translation). Bits are counted from the
// least significant one here; the manual counts from the other end.
//
// Zero is a valid entry: tables must be made empty (make_empty) before their first use. A valid entry of tables in use
// may be replaced only by IPTE, IDTE, CRDTE, CSP and CSPG, which invalidate in the same breath [mem]; a plain store has
// that right for bits which hardware ignores alone. So whoever changes tables in use reaches memory through a policy
// that stores absent entries over valid ones by IPTE or IDTE; an entry made valid again needs no more than a store.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::s390x {

inline constexpr u64 invalid = bit(5), page_invalid = bit(10), protect = bit(9), no_execute = bit(8),
                     format_control = bit(10), common = bit(4);

/// What an address-space-control element and control register 0 select, and what the machine has.
struct options {
  unsigned depth         = 5;           // 2: 31-bit addresses and a segment table on top; 3: 42 bits; 4: 53; 5: 64
  unsigned root_quarters = 4;           // of the top table, 4 Kbytes each. 3 is described as 4: ask outside
  bool     large_segments     = true;   // EDAT-1 (CR0 bit 800000): 1-Mbyte leaves, and regions can be protected
  bool     large_regions      = true;   // EDAT-2 besides: 2-Gbyte leaves
  bool     execute_protection = true;   // CR0 bit 100000
  bool     private_space      = false;  // common segments and regions are then malformed
  unsigned output_bits        = 64;     // beyond the configured storage there is an addressing exception
};

/// Tables of 2048 slots, and of 256 in the last level. A region entry says which quarters of the next table exist (TF,
/// TL); in new tables all do. Entries say nothing of privilege, of memory types or of what was accessed: the storage
/// key of each 4-Kbyte block has the marks and restricts further (key_of, marks_of).
///
/// A leaf with AV set brings a key of its own (large_key): it is not split, for pages have no room for it.
/// UNCERTAIN: CR in a region-third entry that leads to a segment table counts only with EDAT-2, as emulators have it.
/// Precondition: depth 2..5, root_quarters 1..4; large_regions only with large_segments.
constexpr auto tables(options const &o = {}) noexcept -> format {
  constexpr u64 tt = ones(2, 2), full = 3;
  constexpr char const *names[]{"page", "segment", "region-third", "region-second", "region-first"};
  bool const edat1 = o.large_segments, edat2 = edat1 && o.large_regions;
  u64 const  refused = o.private_space ? common : 0;
  u8 const   x = o.execute_protection ? 1 : 0, left_out = o.root_quarters == 1 ? 2 : o.root_quarters == 2 ? 1 : 0;
  grant const no_write = refused_by(rights::writers, protect),
              no_fetch = o.execute_protection ? refused_by(rights::executes, no_execute) : grant{};
  match const is_common = o.private_space ? never : all_set(common);

  format f{
    .name = "s390x", .spec = "z/Architecture Principles of Operation SA22-7832, chapter 3",
    .entry_bytes = 8, .order = byte_order::big, .depth = static_cast<u8>(o.depth),
    .output_bits = static_cast<u8>(o.output_bits),
    .forms = {
      // A page with bit 11 set is a translation-specification exception.
      {.name = "page", .is = always, .address = {{12, 52, 12}}, .grants = {no_write, no_fetch}, .zero = bit(11)},
      {.name = "1M", .is = {format_control | tt, format_control}, .address = {{20, 44, 20}},
       .grants = {no_write, no_fetch}, .global = is_common, .base = format_control, .zero = refused},
      {.name = "2G", .is = {format_control | tt, format_control | 4}, .address = {{31, 33, 31}},
       .grants = {no_write, no_fetch}, .global = is_common, .base = format_control | 4, .zero = refused}},
    .absent = all_set(invalid),
    .table_address = {{12, 52, 12}},
    // TL is the last quarter that exists, TF the first, of region entries alone: an index of a page table is in quarter
    // 0 and below whatever a segment entry holds in place of TL, and what it holds in place of TF does not count.
    .table_bounds = {{always, {0, 2, 0}, false, 9}, {all_set(bit(2)), {6, 2, 0}, true, 9},
                     {all_set(bit(3)), {6, 2, 0}, true, 9}},
    .table_grants = {no_write},
    // Segments (TT 00) and with EDAT-2 third regions (TT 01).
    .table_global = o.private_space ? never : edat2 ? match{common | bit(3), common} : match{common | tt, common},
    .types = {memory_type::pma},
    // What large leaves leave to software UNCERTAIN beyond these two bits, which Linux uses.
    .software = edat1 ? u64{3} : u64{0xff}, .live = edat1 ? u64{3} : u64{0xff}, .break_before_make = true};

  f.levels[0] = {names[0], 12, 8, never, 0, 0, {0}};
  f.levels[0].absent = all_set(page_invalid);
  f.levels[0].vacant = page_invalid;
  for (unsigned n = 1; n < o.depth; ++n) {
    u64 const  type  = (n - 1) << 2;
    bool const leafy = n == 1 ? edat1 : n == 2 && edat2;
    level &one = f.levels[n];
    one = {names[n], static_cast<u8>(20 + 11 * (n - 1)), 11, {tt | (leafy ? format_control : 0), type},
           n == 1 ? 0 : type | full, n == 1 || (n == 2 && edat2) ? refused : 0,
           leafy ? form_list{static_cast<u8>(n)} : form_list{}};
    one.narrows = n == 1 || edat1;  // without EDAT-1 regions are not protected
    one.vacant  = invalid | type;
    if (n == 1) one.table_address[0] = {11, 53, 11};  // page tables are aligned to 2 Kbytes
  }
  f.levels[o.depth - 1].index_bits = static_cast<u8>(11 - left_out);

  constexpr u8 page = on_form(0), segment = on_form(1), region = on_form(2), large = segment | region;
  name_fields(f, {
    {"TL", 0, 2, on_tables}, {"software", 0, 8, page}, {"software", 0, 2, large}, {"TT", 2, 2, on_tables | large},
    {"CS, CR", 4, 1, on_tables | large}, {"I", 5, 1, on_tables | large}, {"TF", 6, 2, on_tables}, {"-", 6, 2, large},
    {"-", 8, 1, on_tables}, {x != 0 ? "IEP" : "-", 8, 1, on_leaves}, {"P", 9, 1}, {"FC", 10, 1, on_tables | large},
    {"I", 10, 1, page}, {"0", 11, 1, page}, {"address", 12, 52, page}, {"address", 11, 53, on_tables},
    {"F", 11, 1, large}, {"ACC", 12, 4, large}, {"AV", 16, 1, large}, {"-", 17, 3, segment}, {"-", 17, 14, region},
    {"address", 20, 44, segment}, {"address", 31, 33, region}});
  return f;
}

inline constexpr format dat_31 = tables({.depth = 2});  // a segment table on top
inline constexpr format dat_42 = tables({.depth = 3});  // a region-third table
inline constexpr format dat_53 = tables({.depth = 4});
inline constexpr format dat_64 = tables();

static_assert(is_well_formed<dat_31>() && is_well_formed<dat_42>() && is_well_formed<dat_53>() &&
              is_well_formed<dat_64>());

// --- control registers --------------------------------------------------------------------------------------------

/// What an address-space-control element says: CR1 is the primary one, CR7 the secondary, CR13 that of the home space.
struct designation {
  unsigned       depth;          // of the tables, as in options
  output_address table;          // the top one. It is real or absolute, which of the two is unpredictable [mem]
  unsigned       root_quarters;  // 1..4
  bool           private_space;  // P: no common segments, no low-address protection
  bool           real_space;     // R: there are no tables, addresses are real ones
};
constexpr auto designation_of(u64 asce) noexcept -> designation {
  return {2 + static_cast<unsigned>(asce >> 2 & 3), {asce & ~below(12)}, 1 + static_cast<unsigned>(asce & 3),
          (asce & bit(8)) != 0, (asce & bit(5)) != 0};
}

/// The address space that a PSW selects for data; nothing if it does not translate (bit 58 is T). Spaces of access
/// registers are none of the three.
enum class space : u8 { primary, access_registers, secondary, home };
constexpr auto space_of(u64 psw_mask) noexcept -> std::optional<space> {
  if ((psw_mask & bit(58)) == 0) return std::nullopt;
  return static_cast<space>(psw_mask >> 46 & 3);
}

/// What the two say together. What the machine has is assumed to be all of it: EDAT-2 where EDAT-1 is enabled, and
/// execute protection where it is switched on.
constexpr auto options_of(designation const &d, u64 cr0) noexcept -> options {
  bool const edat = (cr0 & bit(23)) != 0;
  return {.depth = d.depth, .root_quarters = d.root_quarters, .large_segments = edat, .large_regions = edat,
          .execute_protection = (cr0 & bit(20)) != 0, .private_space = d.private_space};
}

/// The program interruption that an invalid entry of a level raises, or a slot of it that does not exist.
constexpr auto exception_at(unsigned level) noexcept -> u8 {
  constexpr u8 codes[]{0x11, 0x10, 0x3b, 0x3a, 0x39};
  return codes[level % 5];
}
inline constexpr u8 specification_exception = 0x12, addressing_exception = 0x05;

/// The exception that the element itself raises for `at`: it is too large for the type of table (38), or lies beyond
/// the end of the top table. A walk says `outside_input` for both, and with three quarters reads what is not there.
constexpr auto outside(designation const &d, input_address at) noexcept -> std::optional<u8> {
  unsigned const top = 20 + 11 * (d.depth - 2);
  if (top + 11 < 64 && at.value >> (top + 11) != 0) return 0x38;
  if ((at.value >> (top + 9) & 3) >= d.root_quarters) return exception_at(d.depth - 1);
  return std::nullopt;
}

/// Real addresses 0..1FFF and the 8 Kbytes at the prefix change places. Pages are at real addresses, larger leaves at
/// absolute ones, though emulators make no difference.
constexpr auto absolute_of(u64 real, u32 prefix) noexcept -> u64 {
  u64 const block = real & ~below(13), area = prefix & ~u32{0x1fff};
  return block == 0 ? real | area : block == area ? real & below(13) : real;
}

// --- storage keys -------------------------------------------------------------------------------------------------

/// A storage key: ISKE reads that of a 4-Kbyte block, SSKE sets it; a large leaf with AV replaces all but the marks.
struct storage_key {
  u8   access;           // stores need this key or key 0
  bool fetch_protected;  // fetches too
  friend constexpr auto operator==(storage_key, storage_key) -> bool = default;
};
constexpr auto key_of(u8 key) noexcept -> storage_key { return {static_cast<u8>(key >> 4), (key & 8) != 0}; }
struct storage_marks {
  bool accessed, dirty;
  friend constexpr auto operator==(storage_marks, storage_marks) -> bool = default;
};
constexpr auto marks_of(u8 key) noexcept -> storage_marks { return {(key & 4) != 0, (key & 2) != 0}; }

/// The key a 1-Mbyte or 2-Gbyte leaf brings; nothing if the blocks' own ones count.
constexpr auto large_key(u64 leaf) noexcept -> std::optional<storage_key> {
  if ((leaf & bit(16)) == 0) return std::nullopt;
  return storage_key{static_cast<u8>(leaf >> 12 & 15), (leaf & bit(11)) != 0};
}

}  // namespace pagewright::s390x
