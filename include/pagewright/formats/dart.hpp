// SPDX-License-Identifier: MIT
// Apple DART: entries as T8020 has them (v1) and as T6000 and T8110 have them (v2). There is no public manual: layouts
// are those that two independent drivers use, and nothing is known to be rejected by hardware.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::dart {

enum class layout : u8 { v1, v2 };
enum class page : u8 { k4 = 12, k16 = 14 };

struct options {
  layout   entry       = layout::v2;
  page     granule     = page::k16;  // v2: 16 Kbytes alone
  // of tables in memory; 3 on a T8110 with four levels, which count the choice of root
  unsigned levels      = 2;
  unsigned input_bits  = 42;         // with 3 levels: what is left for the topmost, up to 47
  unsigned output_bits = 0;          // 0: 36 with v1, 42 with v2
};

inline constexpr u64 valid = bit(0), whole = ones(40, 12);  // SP_START 0, SP_END FFF

/// Whether an entry is a table's or a leaf's is decided by its level alone; leaves are in the last. Rights are told by
/// what they deny. Nothing is said of privilege or of execution, and nothing is marked.
///
/// Subpage protection admits accesses to a part of the page only, from SP_START to SP_END: new leaves admit all of
/// it, and v1 leaves switch it off besides, as Linux does. A leaf that admits a part reads as one that admits all;
/// ask subpages_of. Linux invalidates after mapping too, so absent entries count as cached.
///
/// UNCERTAIN: the topmost address bit. v1 holds address bits up to 35 or 39 in place, v2 up to 41 or 43 shifted by
/// four; neither driver sets any above the output size. UNCERTAIN: the shape of trees of three levels. UNCERTAIN: bit
/// 1 of v2, which one driver calls uncached and the other real-time; as memory type it is NC.
/// Precondition: v1 with either granule, v2 with 16 Kbytes; 2 or 3 levels.
constexpr auto tables(options const &o = {}) noexcept -> format {
  bool const v2   = o.entry == layout::v2;
  u8 const   lo   = static_cast<u8>(o.granule), bits = static_cast<u8>(lo - 3), at = static_cast<u8>(v2 ? lo - 4 : lo);
  u8 const   out  = static_cast<u8>(o.output_bits != 0 ? o.output_bits : v2 ? 42 : 36);
  u8 const   wide = static_cast<u8>(out - lo);
  u64 const  no_write = bit(v2 ? 2 : 7), no_read = bit(v2 ? 3 : 8);
  piece const address{at, wide, lo};

  format f{
    .name = v2 ? "dart-v2" : "dart-v1", .spec = "Apple DART, as Linux and m1n1 drive it (no public manual)",
    .entry_bytes = 8, .depth = static_cast<u8>(o.levels), .output_bits = out,
    .levels = {{"L2", lo, bits, never, 0, 0, {0}}, {"L1", static_cast<u8>(lo + bits), bits, all_set(valid), valid, 0}},
    .forms  = {{.name = "page", .is = always, .address = {address},
                .grants = {refused_by(rights::writers, no_write), refused_by(rights::readers, no_read),
                           {rights::executes, always}},
                .type = {v2 ? piece{1, 1, 0} : piece{}}, .base = valid | whole | (v2 ? 0 : bit(1))}},
    .absent = none_set(valid), .table_address = {address},
    .types = {memory_type::pma, v2 ? memory_type::nc : memory_type::reserved}, .caches_absent = true};
  if (o.levels == 3) {
    u8 const shift = static_cast<u8>(lo + 2 * bits);
    f.levels[0].name = "L3";
    f.levels[1].name = "L2";
    f.levels[2] = {"L1", shift, static_cast<u8>(o.input_bits - shift), all_set(valid), valid, 0};
  }

  u8 const end = static_cast<u8>(at + wide);
  name_fields(f, {
    {"VALID", 0, 1}, {"unused", 1, 1, on_tables}, {v2 ? "UNCACHE" : "SP_DIS", 1, 1, on_leaves},
    {"unused", 2, static_cast<u8>(v2 ? 2 : 7), on_tables},
    {"NO_WRITE", 2, static_cast<u8>(v2), on_leaves}, {"NO_READ", 3, static_cast<u8>(v2), on_leaves},
    {"unused", 2, static_cast<u8>(v2 ? 0 : 5), on_leaves},
    {"NO_WRITE", 7, static_cast<u8>(!v2), on_leaves}, {"NO_READ", 8, static_cast<u8>(!v2), on_leaves},
    {"unused", static_cast<u8>(v2 ? 4 : 9), static_cast<u8>(at - (v2 ? 4 : 9))}, {"address", at, wide},
    {"unused", end, static_cast<u8>(40 - end)}, {"unused", 40, 24, on_tables},
    {"SP_END", 40, 12, on_leaves}, {"SP_START", 52, 12, on_leaves}});
  return f;
}

inline constexpr format v1_4k  = tables({.entry = layout::v1, .granule = page::k4});
inline constexpr format v1_16k = tables({.entry = layout::v1});
inline constexpr format v2_16k = tables();

static_assert(is_well_formed<v1_4k>() && is_well_formed<v1_16k>() && is_well_formed<v2_16k>());

/// The part of a page that may be accessed, in units of 1/4096 of it, both ends included: the whole is 0 and FFF.
struct subpages {
  u16 first, last;

  constexpr auto all() const noexcept -> bool { return first == 0 && last == 0xfff; }
  friend constexpr auto operator==(subpages, subpages) -> bool = default;
};

/// What a leaf admits. UNCERTAIN beyond this: how hardware rounds the two.
constexpr auto subpages_of(layout l, u64 entry) noexcept -> subpages {
  if (l == layout::v1 && (entry & bit(1)) != 0) return {0, 0xfff};
  return {static_cast<u16>(entry >> 52), static_cast<u16>(entry >> 40 & 0xfff)};
}

// --- registers ----------------------------------------------------------------------------------------------------

/// Which registers a unit has; the layout of its entries is another matter: T6000 has v2 entries and T8020 registers.
enum class registers : u8 { t8020, t8110 };

/// The top table that a TTBR leads to; nothing if it is not valid.
constexpr auto root_table(registers r, u32 ttbr) noexcept -> std::optional<output_address> {
  bool const t8020 = r == registers::t8020;
  if ((ttbr & (t8020 ? bit(31) : bit(0))) == 0) return std::nullopt;
  return output_address{t8020 ? (ttbr & ones(0, 31)) << 12 : (ttbr >> 2 & ones(0, 28)) << 14};
}

/// Which of a stream's roots translates `at`, and the input address within it. Precondition: `f` is a format of DARTs.
struct place {
  u64           ttbr;
  input_address at;
};
constexpr auto place_of(format const &f, input_address at) noexcept -> place {
  return {at.value >> f.input_bits(), {at.value & below(f.input_bits())}};
}

/// What a stream's TCR has it do with requests.
enum class handling : u8 { disabled, translated, bypassed };
struct stream_control {
  handling what;
  unsigned levels;  // of tables in memory
};
/// UNCERTAIN: what follows if both translation and bypass are enabled; bypass counts then.
constexpr auto control_of(registers r, u32 tcr) noexcept -> stream_control {
  bool const t8020 = r == registers::t8020, on = (tcr & (t8020 ? bit(7) : bit(0))) != 0;
  bool const past  = (tcr & (t8020 ? bit(8) : bit(1))) != 0;
  return {past ? handling::bypassed : on ? handling::translated : handling::disabled,
          !t8020 && (tcr & bit(3)) != 0 ? 3u : 2u};
}

}  // namespace pagewright::dart
