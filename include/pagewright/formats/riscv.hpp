// SPDX-License-Identifier: MIT
// RISC-V supervisor page tables: Sv32, Sv39, Sv48, Sv57 with Svnapot, Svpbmt and Svrsw60t59b.
// RISC-V privileged specification (20240411 and later): Supervisor-Level ISA, "Sv32" to "Sv57"; the Sv* chapters.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::riscv {

/// What the hart offers and menvcfg switches on. But for hardware_accessed this concerns 64-bit entries alone.
struct options {
  bool napot             = true;   // Svnapot: N = 1 makes a leaf of 64 Kbytes
  bool memory_types      = true;   // Svpbmt with menvcfg.PBMTE; otherwise bits 62:61 are reserved
  bool more_software     = false;  // Svrsw60t59b: bits 60:59 belong to software
  bool hardware_accessed = true;   // hardware sets A and D (Svadu); otherwise A = 0 faults (Svade)
};

inline constexpr u64 v = bit(0), r = bit(1), w = bit(2), x = bit(3), u = bit(4), g = bit(5), a = bit(6), d = bit(7),
                     rsw = ones(8, 2), pbmt = ones(61, 2), n = bit(63);

/// The page that all schemes share. U = 1 pages are the user's: supervisor data accesses reach them if sstatus.SUM lets
/// them, supervisor code is never fetched from them. U = 0 pages are the supervisor's alone.
inline constexpr form page{
  .name = "page", .is = always, .address = {{10, 44, 12}},
  .grants = {granted_by(rights::readers, r), granted_by(rights::writers, w), granted_by(rights::executes, x),
             granted_by(rights::user, u), {.gives = rights::kernel_execute, .withheld = all_set(u)}},
  .accessed = all_set(a), .dirty = all_set(d), .global = all_set(g), .base = v};

/// Sv39, Sv48, Sv57: `depth` 3, 4, 5. Precondition: depth is one of these.
constexpr auto sv(unsigned depth, options const &o = {}) noexcept -> format {
  u64 const high = ones(54, 7) & ~(o.more_software ? ones(59, 2) : 0), zero = high | (o.memory_types ? 0 : pbmt);
  constexpr char const *names[]{"L0", "L1", "L2", "L3", "L4"};
  constexpr u8 napot = on_form(1), others = on_tables | on_form(0);

  format f{
    .name = depth == 3 ? "riscv-sv39" : depth == 4 ? "riscv-sv48" : "riscv-sv57",
    .spec = "RISC-V privileged ISA, Supervisor-Level ISA, Sv39, Sv48, Sv57; Svnapot, Svpbmt, Svrsw60t59b",
    .entry_bytes = 8, .depth = static_cast<u8>(depth), .upper = extent::canonical, .output_bits = 56,
    .forms  = {page, page},
    .absent = none_set(v), .reserved_leaf = {{r | w, w}, none_set(r | w | x)}, .low_address_zero = true,
    .unaccessed_faults = !o.hardware_accessed,
    .table_address = {{10, 44, 12}}, .table_global = all_set(g),
    .software = rsw | (o.more_software ? ones(59, 2) : 0), .caches_absent = true};

  for (unsigned level = 0; level < depth; ++level)
    f.levels[level] = {.name = names[level], .shift = static_cast<u8>(12 + 9 * level), .index_bits = 9,
                       .table      = level == 0 ? never : match{v | r | w | x, v},
                       .table_base = level == 0 ? 0 : v,
                       .table_zero = level == 0 ? 0 : u | a | d | high | pbmt | n,
                       .leaves     = {0}};

  // N = 1 is reserved at every other level and with every other low pattern of the PPN.
  f.forms[0].is   = none_set(n);
  f.forms[0].zero = f.forms[1].zero = zero;
  f.forms[1].name = "64-Kbyte page";
  f.forms[1].is   = {n | ones(10, 4), n | bit(13)};
  f.forms[1].base = v | n | bit(13);
  f.forms[1].run_lg2    = 4;
  f.forms[1].address[0] = {14, 40, 16};
  if (o.napot) f.levels[0].leaves[1] = 1;

  f.types[0] = memory_type::pma;
  if (o.memory_types) {
    f.forms[0].type[0] = f.forms[1].type[0] = {61, 2, 0};
    f.types[1] = memory_type::nc;
    f.types[2] = memory_type::io;
    f.reserved_leaf[2] = all_set(pbmt);
  }

  name_fields(f, {
    {"V", 0, 1}, {"R", 1, 1}, {"W", 2, 1}, {"X", 3, 1}, {"U", 4, 1}, {"G", 5, 1}, {"A", 6, 1}, {"D", 7, 1},
    {"RSW", 8, 2}, {"PPN", 10, 44, others}, {"NAPOT", 10, 4, napot}, {"PPN", 14, 40, napot},
    {"reserved", 54, 5}, {o.more_software ? "RSW" : "reserved", 59, 2},
    {o.memory_types ? "PBMT" : "reserved", 61, 2, on_leaves}, {"reserved", 61, 2, on_tables}, {"N", 63, 1}});
  return f;
}

/// Sv32: 34-bit physical addresses, no reserved bits.
constexpr auto sv32_with(options const &o = {}) noexcept -> format {
  format f{
    .name = "riscv-sv32", .spec = "RISC-V privileged ISA, Supervisor-Level ISA, Sv32",
    .entry_bytes = 4, .depth = 2, .upper = extent::zero, .output_bits = 34,
    .levels = {{"L0", 12, 10, never, 0, 0, {0}}, {"L1", 22, 10, {v | r | w | x, v}, v, u | a | d, {0}}},
    .forms  = {page},
    .absent = none_set(v), .reserved_leaf = {{r | w, w}, none_set(r | w | x)}, .low_address_zero = true,
    .unaccessed_faults = !o.hardware_accessed,
    .table_address = {{10, 22, 12}}, .table_global = all_set(g),
    .types = {memory_type::pma}, .software = rsw, .caches_absent = true,
    .fields = {{"V", 0, 1}, {"R", 1, 1}, {"W", 2, 1}, {"X", 3, 1}, {"U", 4, 1}, {"G", 5, 1}, {"A", 6, 1}, {"D", 7, 1},
               {"RSW", 8, 2}, {"PPN", 10, 22}}};
  f.forms[0].address[0] = {10, 22, 12};
  return f;
}

inline constexpr format sv32 = sv32_with();
inline constexpr format sv39 = sv(3);
inline constexpr format sv48 = sv(4);
inline constexpr format sv57 = sv(5);

static_assert(is_well_formed<sv32>() && is_well_formed<sv39>() && is_well_formed<sv48>() && is_well_formed<sv57>());

// --- satp ---------------------------------------------------------------------------------------------------------

enum class mode : u8 { bare, sv32, sv39, sv48, sv57 };

/// What satp or vsatp holds. For mode::bare there is no table.
struct regime {
  mode           scheme;
  u16            asid;
  output_address table;
};

/// Decodes a 64-bit satp: MODE 63:60, ASID 59:44, PPN 43:0. Nothing if MODE is reserved; writing such a value has no
/// effect, so it cannot have come from the register.
constexpr auto regime_of_satp64(u64 satp) noexcept -> std::optional<regime> {
  auto scheme = mode::bare;
  switch (satp >> 60) {
    case 0:  break;
    case 8:  scheme = mode::sv39; break;
    case 9:  scheme = mode::sv48; break;
    case 10: scheme = mode::sv57; break;
    default: return std::nullopt;
  }
  return regime{scheme, static_cast<u16>(satp >> 44), {(satp & ones(0, 44)) << 12}};
}

/// Decodes a 32-bit satp: MODE 31, ASID 30:22, PPN 21:0.
constexpr auto regime_of_satp32(u32 satp) noexcept -> regime {
  return {(satp >> 31) != 0 ? mode::sv32 : mode::bare, static_cast<u16>(satp >> 22 & 0x1ff),
          {(u64{satp} & ones(0, 22)) << 12}};
}

/// The format of `m`. Precondition: m is not mode::bare.
constexpr auto format_of(mode m, options const &o = {}) noexcept -> format {
  switch (m) {
    case mode::bare:
    case mode::sv32: return sv32_with(o);
    case mode::sv39: return sv(3, o);
    case mode::sv48: return sv(4, o);
    case mode::sv57: return sv(5, o);
  }
  return sv32_with(o);
}

}  // namespace pagewright::riscv
