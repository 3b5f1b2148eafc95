// SPDX-License-Identifier: MIT
// LoongArch64: tables of a shape that PWCL and PWCH describe, a page table and up to four directories above it.
// LoongArch Reference Manual volume 1: 5.4 (TLB and page tables), 7.5 (registers).
//
// Addresses in direct-map windows (DMW0 to DMW3) are not translated through tables. [mem] marks what rests on memory of
// the manual, UNCERTAIN what to check before relying on it.
#pragma once

#include <expected>
#include <optional>

#include "../check.hpp"

namespace pagewright::loongarch {

// --- the shape ----------------------------------------------------------------------------------------------------

/// The index bits of one level: `width` of them from address bit `base` on. A directory of width 0 does not exist.
struct index_range {
  u8 base = 0, width = 0;
  friend constexpr auto operator==(index_range, index_range) -> bool = default;
};

/// Which address bits select a slot of the page table and of the directories Dir1 to Dir4, and the distance of slots.
struct shape {
  index_range levels[5]{};    // PT, Dir1, Dir2, Dir3, Dir4
  u8          slot_lg2 = 3;   // PWCL.PTEWidth: 3, 4 or 5
  friend constexpr auto operator==(shape const &, shape const &) -> bool = default;
};

/// The shapes that Linux sets up for 4, 16 and 64 Kbytes.
inline constexpr shape four_level_4k{{{12, 9}, {21, 9}, {30, 9}, {39, 9}}};
inline constexpr shape three_level_4k{{{12, 9}, {21, 9}, {}, {30, 9}}};
inline constexpr shape three_level_16k{{{14, 11}, {25, 11}, {}, {36, 11}}};
inline constexpr shape three_level_64k{{{16, 13}, {29, 13}, {}, {42, 13}}};

/// Why the registers describe no tables that can be described here.
enum class no_shape : u8 { slot_distance, no_page_table, not_adjoining, too_wide };

constexpr auto text(no_shape why) noexcept -> char const * {
  switch (why) {
    case no_shape::slot_distance: return "PWCL.PTEWidth puts slots 24 bytes apart";
    case no_shape::no_page_table: return "PWCL.PTwidth is 0, or pages are smaller than 4 Kbytes";
    case no_shape::not_adjoining: return "the index bits of two levels do not adjoin each other";
    case no_shape::too_wide:      return "the index bits end above bit 63, or one level has more than 32";
  }
  return "?";
}

/// What PWCL and PWCH describe. Hardware takes any bits for an index, also the same ones twice; tables that map each
/// address once have them adjoin. UNCERTAIN: where in a wider slot the entry lies, in its first 8 bytes here, and
/// whether directories have wider slots too, as here; a software MMU ignores PTEWidth.
constexpr auto shape_of(u32 pwcl, u32 pwch) noexcept -> std::expected<shape, no_shape> {
  auto const bits = [](u32 from, unsigned lo, unsigned width) { return static_cast<u8>(from >> lo & below(width)); };
  shape s{{{bits(pwcl, 0, 5), bits(pwcl, 5, 5)}, {bits(pwcl, 10, 5), bits(pwcl, 15, 5)},
           {bits(pwcl, 20, 5), bits(pwcl, 25, 5)}, {bits(pwch, 0, 6), bits(pwch, 6, 6)},
           {bits(pwch, 12, 6), bits(pwch, 18, 6)}}};
  switch (pwcl >> 30) {
    case 0:  break;
    case 1:  s.slot_lg2 = 4; break;
    case 2:  return std::unexpected{no_shape::slot_distance};
    default: s.slot_lg2 = 5;
  }
  if (s.levels[0].width == 0 || s.levels[0].base < 12) return std::unexpected{no_shape::no_page_table};
  unsigned end = s.levels[0].base;
  for (index_range &one : s.levels) {
    if (one.width == 0) { one = {}; continue; }
    if (one.base != end) return std::unexpected{no_shape::not_adjoining};
    end += one.width;
    if (end > 64 || one.width > 32) return std::unexpected{no_shape::too_wide};
  }
  return s;
}

// --- the tables ---------------------------------------------------------------------------------------------------

/// Which addresses a tree translates: those of PGDL, the lower half of the space, those of PGDH, or both, where the
/// index takes all VALEN address bits: two roots of that shape then have their slots in different halves.
enum class half : u8 { both, lower, upper };

/// What the processor offers, and what software makes of it.
struct options {
  unsigned physical_bits   = 48;         // PALEN, CPUCFG.1 [mem]: up to 60
  half     space           = half::both;
  u32      page_sizes      = 0x3ffff000; // PRCFG2: bit n is set if the TLB takes pages of 2^n bytes; a 3A5000's [mem]
  bool     hardware_walker = false;      // PWCH bit 24 on processors that have one (3A6000)
  u64      empty[4]{};                   // what software puts into empty slots of Dir1 to Dir4, see `tables`
};

inline constexpr u64 v = bit(0), d = bit(1), plv = ones(2, 2), g = bit(6), huge = bit(6), p = bit(7), w = bit(8),
                     huge_g = bit(12), nr = bit(61), nx = bit(62), rplv = bit(63);

/// A leaf in a directory has H set and covers what its slot does; it enters the TLB as two halves, so only sizes twice
/// those of `page_sizes` are told to be leaves, others read as reserved, as does every one in Dir4. Its G is bit 12.
/// Bits that mean nothing are ignored, none is rejected.
///
/// Directories have no present bit: an entry without H leads to a table, wherever that is. Entries of zeroes are absent
/// here, as everywhere in this library, but LDDIR follows them to address 0. (So no table may lie there.) Software
/// bridges that in one of three ways:
///   - it keeps a table's size of zeroes at address 0: the walker goes round in it and ends at an invalid page;
///   - its refill handler tests what LDDIR loads;
///   - it puts the address of a table of invalid pages, or of a directory full of such addresses, into empty slots:
///     `empty` says which, and zero leads to address 0 then. (Linux does. Its entries hold addresses of a direct map,
///     whose upper bits are ignored.) Roots must be made with make_empty. Such an entry reads as absent in the
///     directory already.
/// In page tables an entry with V = 0 is absent. A huge page with V = 0 is not, but reserved. The TLB holds entries
/// with V = 0; it holds them in pairs of neighbours, which are global only if both are [mem].
///
/// Without a hardware walker V and D alone count, and software sets them: a page that may be written, but is not
/// marked dirty (W without D), reads as one that may not. With it P and W say what is mapped and may be written, V is
/// set by a read and D by a write: a software MMU says so, the sheets have software alone do it. UNCERTAIN: what V
/// without P and D without W allow then; nothing here. New leaves have P and W as they have V and D, since handlers
/// ask them.
///
/// PLV 0 is the kernel's, PLV 3 the user's; levels 1 and 2 read as the kernel's. With RPLV only that level has access.
/// CSR.MISC can switch off the check of D for privilege levels other than 3.
/// Precondition: `s` is a constant above or what shape_of gave; physical_bits is 32..60 and exceeds the page's size.
constexpr auto tables(shape const &s, options const &o = {}) noexcept -> format {
  constexpr char const *names[]{"PT", "Dir1", "Dir2", "Dir3", "Dir4"};
  using mt = memory_type;
  auto const m  = static_cast<u8>(o.physical_bits);
  u8 const   lo = s.levels[0].base, page = on_form(0), large = on_form(1);
  u64 const  address = ones(12, m - 12u), there = o.hardware_walker ? p : v;

  format f{
    .name = "loongarch64", .spec = "LoongArch Reference Manual volume 1, 5.4",
    .entry_bytes = 8,
    .upper = o.space == half::both ? extent::canonical : o.space == half::lower ? extent::zero : extent::ones,
    .output_bits = m,
    .absent = none_set(~u64{0}), .reserved_leaf = {none_set(there)},
    .table_address = {{12, static_cast<u8>(m - 12), 12}},
    .types = {mt::uc, mt::wb, mt::wc, mt::reserved},  // strongly ordered, coherent cached, weakly ordered
    .software = ones(9, 3) | ones(m, 61u - m), .caches_absent = true};

  form const leaf{
    .name = "page", .is = always, .address = {{lo, static_cast<u8>(m - lo), lo}},
    .grants = {o.hardware_walker ? granted_by(rights::writers, w) : grant{rights::writers, none_set(d), d | w, 0},
               refused_by(rights::readers, nr), refused_by(rights::executes, nx),
               {rights::user, none_set(bit(2)), plv, 0}, {rights::user, none_set(bit(3))},
               {rights::kernel, all_set(rplv | bit(2)), 0, rplv}, {rights::kernel, all_set(rplv | bit(3))}},
    .type = {{4, 2, 0}},
    .accessed = o.hardware_walker ? all_set(v) : never, .dirty = o.hardware_walker ? all_set(d) : never,
    .global = all_set(g), .base = p | (o.hardware_walker ? 0 : v)};
  f.forms[0] = f.forms[1] = leaf;
  f.forms[1].name   = "huge page";
  f.forms[1].is     = all_set(huge);
  f.forms[1].base  |= huge;
  f.forms[1].global = all_set(huge_g);

  u8 large_lo = m;  // where the address of the smallest huge page begins
  for (unsigned n = 0; n < 5; ++n) {
    auto const [base, width] = s.levels[n];
    if (width == 0) continue;
    bool const sized = n != 0 && n < 4 && base <= 32 && base < m && (o.page_sizes >> (base - 1) & 1) != 0;
    level &one = f.levels[f.depth++];
    one = {.name = names[n], .shift = base, .index_bits = width, .table = n == 0 ? never : none_set(huge),
           .leaves = n == 0 ? form_list{0} : sized ? form_list{1} : form_list{},
           .slot_lg2 = static_cast<u8>(s.slot_lg2 == 3 ? 0 : s.slot_lg2)};
    if (sized && base < large_lo) large_lo = base;
    if (n == 0) one.absent = none_set(there);
    if (n != 0 && o.empty[n - 1] != 0) {
      one.vacant = o.empty[n - 1];
      one.absent = {address | huge, one.vacant & address};
    }
    if (width + s.slot_lg2 < 12) one.table_lg2 = 12;  // entries do not hold the bits below
  }
  f.forms[1].address[0] = {large_lo, static_cast<u8>(m - large_lo), large_lo};

  u8 const high = static_cast<u8>(64 - m), under = static_cast<u8>(large_lo > 13 ? large_lo - 13 : 0);
  name_fields(f, {
    {"ignored", 0, 6, on_tables}, {"H", 6, 1, on_tables}, {"ignored", 7, 5, on_tables},
    {"PA", 12, static_cast<u8>(m - 12), on_tables}, {"ignored", m, high, on_tables},
    {"V", 0, 1, on_leaves}, {"D", 1, 1, on_leaves}, {"PLV", 2, 2, on_leaves}, {"MAT", 4, 2, on_leaves},
    {"G", 6, 1, page}, {"H", 6, 1, large}, {"P", 7, 1, on_leaves}, {"W", 8, 1, on_leaves},
    {"software", 9, 3, on_leaves},
    {"ignored", 12, static_cast<u8>(lo - 12), page}, {"PA", lo, static_cast<u8>(m - lo), page},
    {"G", 12, 1, large}, {"ignored", 13, under, large}, {"PA", large_lo, static_cast<u8>(m - large_lo), large},
    {"ignored", m, static_cast<u8>(high - 3), on_leaves}, {"NR", 61, 1, on_leaves}, {"NX", 62, 1, on_leaves},
    {"RPLV", 63, 1, on_leaves}});
  return f;
}

inline constexpr format pages_4k       = tables(four_level_4k);                            // 48 bits, both halves
inline constexpr format pages_4k_39    = tables(three_level_4k, {.space = half::lower});
inline constexpr format pages_16k      = tables(three_level_16k, {.space = half::lower});  // 47 bits, one half
inline constexpr format pages_16k_high = tables(three_level_16k, {.space = half::upper});
inline constexpr format pages_64k      = tables(three_level_64k);                          // 55 bits

static_assert(is_well_formed<pages_4k>() && is_well_formed<pages_4k_39>() && is_well_formed<pages_16k>());
static_assert(is_well_formed<pages_16k_high>() && is_well_formed<pages_64k>());

// --- roots --------------------------------------------------------------------------------------------------------

/// Is the walker of newer processors switched on [mem]?
constexpr auto walks_in_hardware(u32 pwch) noexcept -> bool { return (pwch & bit(24)) != 0; }

/// The top table that translates `at`, and the address that a format of these tables translates for it: the index bits
/// of `at` with upper bits as the format has them. The walker does not look at the bits between the index and VALEN.
/// Nothing if the bits from VALEN - 1 on are not equal, an address error (ADEF, ADEM). Direct-map windows come before
/// this. Precondition: valen is 1..64.
struct place {
  output_address table;
  input_address  at;
};
constexpr auto place_of(format const &f, unsigned valen, u64 pgdl, u64 pgdh, input_address at) noexcept
    -> std::optional<place> {
  u64 const upper = at.value >> (valen - 1);
  if (upper != 0 && upper != below(65 - valen)) return std::nullopt;
  return place{{(upper != 0 ? pgdh : pgdl) & ~below(12)}, {extended(dynamic{&f}, at.value & below(f.input_bits()))}};
}

}  // namespace pagewright::loongarch
