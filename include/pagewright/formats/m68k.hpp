// SPDX-License-Identifier: MIT
// Motorola 68k: the fixed three-level tables of the 68040 and 68060, and those of the 68030 and 68851, whose shape the
// translation control register gives. MC68040 User's Manual 3.2; MC68060 User's Manual 4.2; MC68030 User's Manual 9.1,
// 9.5. [mem] marks what rests on memory of the manual.
//
// A page descriptor can lie elsewhere: an indirect descriptor in its place holds the address of the one that counts. In
// these descriptions that is a table of one slot, level 0 ("descriptor"), below the page tables, which are level 1 and
// hold the pages themselves. What lies behind an indirect descriptor can be read; changes of it are refused.
#pragma once

#include <expected>
#include <optional>

#include "../check.hpp"

namespace pagewright::m68k {

// --- 68040 and 68060 ----------------------------------------------------------------------------------------------

enum class processor : u8 { mc68040, mc68060 };
enum class page : u8 { k4 = 12, k8 = 13 };

/// What the translation control register selects.
struct options {
  processor of      = processor::mc68040;
  page      granule = page::k4;
  bool      indirect = true;  // false: indirect descriptors count as reserved, and page tables are level 0
};

/// Tables of 128, 128 and 64 (32 with 8-Kbyte pages) slots. Supervisor and user have a root each. Nothing says of a
/// page that it may not be executed, and what the user may do the supervisor may do. There are no larger leaves.
///
/// The 68040 keeps in its ATC that there was no translation, so that mapping must be followed by PFLUSH; the 68060 does
/// not. U and M are set by hardware in the page descriptor, U in table descriptors too. A page must not be M without
/// being U: do not ask for dirty pages that are not accessed. U1 and U0 appear on pins and are kept.
/// CM 10 is "serialized" on the 68040 and "precise" on the 68060: UC here; 11 is NC.
constexpr auto tables(options const &o = {}) noexcept -> format {
  bool const sixty = o.of == processor::mc68060;
  u8 const   lo = static_cast<u8>(o.granule), slots = static_cast<u8>(18 - lo), at = o.indirect ? 1 : 0;
  u8 const   page_table = static_cast<u8>(slots + 2);  // lg2 of its bytes
  grant const no_write  = refused_by(rights::writers, bit(2));

  format f{
    .name = sixty ? "m68060" : "m68040",
    .spec = sixty ? "MC68060 User's Manual, section 4.2" : "MC68040 User's Manual, section 3.2",
    .entry_bytes = 4, .order = byte_order::big, .depth = static_cast<u8>(3 + at),
    .input_width = 32, .output_bits = 32,
    .forms = {{.name = "page", .is = all_set(1), .address = {{lo, static_cast<u8>(32 - lo), lo}},
               .grants = {no_write, refused_by(rights::user, bit(7))}, .type = {{5, 2, 0}},
               .accessed = all_set(bit(3)), .dirty = all_set(bit(4)), .global = all_set(bit(10)), .base = 1}},
    .absent = none_set(bit(1)),                       // UDT 00, 01
    .table_address = {{9, 23, 9}}, .table_grants = {no_write},
    .table_accessed = all_set(bit(3)), .types = {memory_type::wt, memory_type::wb, memory_type::uc, memory_type::nc},
    .software = ones(11, lo - 11u), .carried = ones(8, 2), .caches_absent = !sixty};
  f.levels[at]     = {"page", lo, slots, o.indirect ? match{3, 2} : never, o.indirect ? u64{2} : u64{0}, 0, {0}};
  f.levels[at + 1] = {"pointer", 18, 7, all_set(bit(1)), 2, 0};
  f.levels[at + 2] = {"root", 25, 7, all_set(bit(1)), 2, 0};
  f.levels[at].absent = none_set(3);                  // PDT 00
  f.levels[at + 1].table_address[0] = {page_table, static_cast<u8>(32 - page_table), page_table};
  if (o.indirect) {
    f.levels[0] = {"descriptor", lo, 0, never, 0, 0, {0}};
    f.levels[0].absent  = none_set(1);                // an indirect descriptor may not lead to another: it is invalid
    f.levels[1].narrows = false;
    f.levels[1].table_address[0] = {2, 30, 2};
  }

  name_fields(f, {
    {"UDT, PDT", 0, 2, on_tables}, {"PDT", 0, 2, on_leaves}, {"W", 2, 1}, {"U", 3, 1},
    {"-", 4, static_cast<u8>(page_table - 4), on_tables},
    {"address", page_table, static_cast<u8>(32 - page_table), on_tables},
    {"M", 4, 1, on_leaves}, {"CM", 5, 2, on_leaves}, {"S", 7, 1, on_leaves}, {"U1, U0", 8, 2, on_leaves},
    {"G", 10, 1, on_leaves}, {"UR", 11, static_cast<u8>(lo - 11), on_leaves},
    {"address", lo, static_cast<u8>(32 - lo), on_leaves}});
  return f;
}

inline constexpr format m68040_4k = tables();
inline constexpr format m68040_8k = tables({.granule = page::k8});
inline constexpr format m68060_4k = tables({.of = processor::mc68060});
inline constexpr format m68060_8k = tables({.of = processor::mc68060, .granule = page::k8});

static_assert(is_well_formed<m68040_4k>() && is_well_formed<m68040_8k>() && is_well_formed<m68060_4k>() &&
              is_well_formed<m68060_8k>());

/// What TCR selects; nothing if it does not enable translation.
constexpr auto options_of(processor of, u16 tcr) noexcept -> std::optional<options> {
  if ((tcr & bit(15)) == 0) return std::nullopt;
  return options{.of = of, .granule = (tcr & bit(14)) != 0 ? page::k8 : page::k4};
}

/// The top table of the user's root pointer, URP, or the supervisor's, SRP.
constexpr auto root_table(u32 root_pointer) noexcept -> output_address { return {root_pointer & ~u32{0x1ff}}; }

/// Does a transparent translation register (DTT0, DTT1 for data, ITT0, ITT1 for instructions) cover an address? It
/// leads to itself then, and no table is looked at.
constexpr auto is_transparent(u32 ttr, u32 at, bool supervisor) noexcept -> bool {
  u32 const differs = (at ^ ttr) >> 24 & ~(ttr >> 16) & 0xff, whose = ttr >> 13 & 3;
  return (ttr & bit(15)) != 0 && differs == 0 && (whose >= 2 || (whose == 1) == supervisor);
}

// --- 68030 and 68851 ----------------------------------------------------------------------------------------------

/// DT as it says what the next table holds.
enum class descriptor : u8 { short_4 = 2, long_8 = 3 };

/// What the translation control register and the root pointer select.
struct options_030 {
  u8         page_lg2 = 12;                  // PS: 8..15
  u8         ignored  = 0;                   // IS: how many of the topmost address bits are not looked at
  u8         index_bits[4]{7, 7, 6, 0};      // TIA, TIB, TIC, TID: from the root down, up to the first 0
  descriptor kind     = descriptor::short_4;
};

/// All descriptors are of one size: a tree in which tables differ in it is not described, and an entry that leads to a
/// table of the other size reads as reserved.
///
/// Tables have the sizes the register gives. A page descriptor in a table above the last maps all that its slot covers
/// ("early termination"). Long descriptors say which pages are the supervisor's and which slots the next table has.
/// Both processors keep in their ATC that there was no translation.
///
/// Function codes are not part of these descriptions: with TC.FCL each of them selects a descriptor of a first table of
/// eight, and that is the root. UNCERTAIN: in a long page descriptor above the last level LIMIT bounds the part of the
/// block that is mapped; a leaf reads as whole, and new ones are: ask within_limit. UNCERTAIN: what an indirect
/// descriptor that leads to another one does; absent with DT 2, reserved with DT 3, a fault in both cases. UNCERTAIN:
/// what the limits say where an unused bit of an indirect descriptor lies in place of L/U.
///
/// The 68851 has access levels, a lock and a "shared globally" bit where the 68030 has constants [mem]: they are not
/// described. New long descriptors hold the constants, ones in bits 15:10 of the first word, which as access levels
/// admit everyone. CI 0 leaves caching to the caches: PMA.
/// Precondition: page_lg2 8..15; ignored, page_lg2 and the index bits in use add up to 32, the first at least 1.
constexpr auto tables_030(options_030 const &o = {}) noexcept -> format {
  bool const wide  = o.kind == descriptor::long_8;
  u8 const   hi    = wide ? 32 : 0, ps = o.page_lg2;
  u64 const  dt    = u64{3} << hi, fill = wide ? u64{0xfc00} << 32 : 0, unlimited = wide ? u64{0x7fff} << 48 : 0;
  auto const flag  = [&](unsigned n) { return bit(n + hi); };
  auto const leads = match{dt, u64(o.kind) << hi};
  u64 const  link  = (u64(o.kind) << hi) | fill;
  piece const address{ps, static_cast<u8>(32 - ps), ps};
  grant const no_write = refused_by(rights::writers, flag(2)),
              no_user  = wide ? refused_by(rights::user, flag(8)) : grant{};
  piece const inhibit{static_cast<u8>(6 + hi), 1, 0};

  format f{
    .name = wide ? "m68030-long" : "m68030-short", .spec = "MC68030 User's Manual, sections 9.1 and 9.5",
    .entry_bytes = static_cast<u8>(wide ? 8 : 4), .order = byte_order::big,
    .input_width = 32, .tag_bits = o.ignored, .output_bits = 32,
    .forms = {
      {.name = "page", .is = {dt, flag(0)}, .address = {address}, .grants = {no_write, no_user}, .type = {inhibit},
       .accessed = all_set(flag(3)), .dirty = all_set(flag(4)), .base = flag(0) | fill}},
    .absent = none_set(dt), .table_address = {{4, 28, 4}},
    .table_grants = {no_write, no_user}, .table_accessed = all_set(flag(3)), .types = {memory_type::pma, memory_type::uc},
    .software = wide ? below(ps) : ones(8, ps - 8u), .caches_absent = true};
  f.forms[1]      = f.forms[0];
  f.forms[1].name = "early termination";
  f.forms[1].base |= unlimited;
  if (wide) {
    f.table_bounds[0] = {none_set(bit(63)), {48, 15, 0}, false, 0};
    f.table_bounds[1] = {all_set(bit(63)), {48, 15, 0}, true, 0};
  }

  constexpr char const *names[]{"A", "B", "C", "D"};
  unsigned used = 0;
  while (used < 4 && o.index_bits[used] != 0) ++used;
  f.depth     = static_cast<u8>(used + 1);
  f.levels[0] = {"descriptor", ps, 0, never, 0, 0, {0}};
  f.levels[0].absent = none_set(flag(0));
  u8 shift = ps;
  for (unsigned n = used; n-- > 0; shift = static_cast<u8>(shift + o.index_bits[n])) {
    bool const last = n + 1 == used;
    level &one = f.levels[used - n];
    one = {names[n], shift, o.index_bits[n], leads, last ? link : link | unlimited, 0, {last ? u8{0} : u8{1}}};
    if (o.index_bits[n] + (wide ? 3u : 2u) < 4) one.table_lg2 = 4;  // tables are aligned to 16 bytes
    if (!last) continue;
    one.narrows = false;                              // an indirect descriptor says nothing but where
    one.table_address[0] = {2, 30, 2};
  }

  constexpr u8 last = on_form(0), early = on_form(1);
  u8 const     w = wide ? 1 : 0, n = wide ? 0 : 1;
  name_fields(f, {
    {"-", 0, static_cast<u8>(4 * w), on_tables}, {"address", 4, 28, on_tables},
    {"software", static_cast<u8>(8 * n), static_cast<u8>(ps - 8 * n), on_leaves},
    {"address", ps, static_cast<u8>(32 - ps), on_leaves},
    {"DT", hi, 2}, {"WP", static_cast<u8>(hi + 2), 1}, {"U", static_cast<u8>(hi + 3), 1},
    {"0", 36, static_cast<u8>(4 * w), on_tables}, {"M", static_cast<u8>(hi + 4), 1, on_leaves},
    {"0", static_cast<u8>(hi + 5), 1, on_leaves}, {"CI", static_cast<u8>(hi + 6), 1, on_leaves},
    {"0", static_cast<u8>(hi + 7), 1, on_leaves}, {"S", 40, w}, {"0", 41, w}, {"1", 42, static_cast<u8>(6 * w)},
    {"LIMIT", 48, static_cast<u8>(15 * w), on_tables | early}, {"L/U", 63, w, on_tables | early},
    {"-", 48, static_cast<u8>(16 * w), last}});
  return f;
}

inline constexpr format m68030_short = tables_030();  // the shape Linux uses
inline constexpr format m68030_long  = tables_030({.kind = descriptor::long_8});

static_assert(is_well_formed<m68030_short>() && is_well_formed<m68030_long>());

/// What is wrong with a translation control register. Loading such a value is an MMU configuration exception.
enum class bad_control : u8 { disabled, page_size, no_first_index, bits_do_not_add_up };

/// What TC selects, but for the size of descriptors, which the root pointer gives. (68030 9.7.2, table 9-1)
constexpr auto options_of(u32 tc) noexcept -> std::expected<options_030, bad_control> {
  if ((tc & bit(31)) == 0) return std::unexpected{bad_control::disabled};
  auto const field = [tc](unsigned lo) { return static_cast<u8>(tc >> lo & 15); };
  options_030 o{.page_lg2 = field(20), .ignored = field(16), .index_bits = {}};
  if (o.page_lg2 < 8) return std::unexpected{bad_control::page_size};
  unsigned sum = o.page_lg2 + unsigned{o.ignored};
  for (unsigned n = 0; n < 4 && field(12 - 4 * n) != 0; ++n) sum += o.index_bits[n] = field(12 - 4 * n);
  if (o.index_bits[0] == 0 || (o.index_bits[0] == 1 && o.index_bits[1] == 0))
    return std::unexpected{bad_control::no_first_index};
  if (sum != 32) return std::unexpected{bad_control::bits_do_not_add_up};
  return o;
}
constexpr auto has_supervisor_root(u32 tc) noexcept -> bool { return (tc & bit(25)) != 0; }     // SRE
constexpr auto looks_up_function_codes(u32 tc) noexcept -> bool { return (tc & bit(24)) != 0; }  // FCL

/// A root pointer, CRP or SRP.
struct root_pointer {
  enum class leads : u8 { nowhere, offset, to_short, to_long } where;  // nowhere: an MMU configuration exception
  output_address table;                                // offset: what is added to every address
  u16            limit;
  bool           lower;                                // the limit is a lower one
};
constexpr auto root_of(u64 pointer) noexcept -> root_pointer {
  return {static_cast<root_pointer::leads>(pointer >> 32 & 3), {pointer & ones(4, 28)},
          static_cast<u16>(pointer >> 48 & 0x7fff), (pointer >> 63) != 0};
}

/// Is the slot of the top table that `at` selects one of those that exist? A walk looks there all the same: ask first.
/// With TC.FCL the root pointer's limit does not count.
constexpr auto is_within(root_pointer const &r, options_030 const &o, u32 at) noexcept -> bool {
  u64 const index = at << o.ignored >> (32 - o.index_bits[0]);
  return r.lower ? index >= r.limit : index <= r.limit;
}

/// Does a long page descriptor of `level`, above the last, map `at`? LIMIT is about the index that would come next.
constexpr auto within_limit(format const &f, unsigned level, u64 entry, u32 at) noexcept -> bool {
  if (level < 2) return true;
  auto const &next  = f.levels[level - 1];
  u64 const   index = at >> next.shift & below(next.index_bits), limit = entry >> 48 & 0x7fff;
  return (entry >> 63) != 0 ? index >= limit : index <= limit;
}

}  // namespace pagewright::m68k
