// SPDX-License-Identifier: MIT
// x86 processor paging: 32-bit (with PSE and PSE-36), PAE, 4-level and 5-level.
// Intel SDM volume 3A chapter 4 (4.3 32-bit, 4.4 PAE, 4.5 4-level and 5-level), AMD APM volume 2 chapter 5.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::x86 {

/// The memory types that IA32_PAT (MSR 277H) selects, by index PAT*4 + PCD*2 + PWT (SDM 11.12.2). Encodings 2, 3 and
/// those above 7 are reserved; hardware refuses to load them.
constexpr auto pat(u64 msr) noexcept -> memory_types {
  memory_types types{};
  for (unsigned i = 0; i < 8; ++i) {
    switch (msr >> (8 * i) & 0xff) {
      case 0: types[i] = memory_type::uc; break;
      case 1: types[i] = memory_type::wc; break;
      case 4: types[i] = memory_type::wt; break;
      case 5: types[i] = memory_type::wp; break;
      case 6: types[i] = memory_type::wb; break;
      case 7: types[i] = memory_type::uc_minus; break;
      default: types[i] = memory_type::reserved;
    }
  }
  return types;
}
inline constexpr u64 pat_at_reset = 0x0007'0406'0007'0406;  // WB WT UC- UC, twice

/// What the processor offers and the control registers switch on.
struct options {
  unsigned     physical_bits        = 52;     // MAXPHYADDR, 32..52: CPUID 80000008H EAX[7:0]
  bool         no_execute           = true;   // EFER.NXE
  bool         gigabyte_pages       = true;   // CPUID 80000001H EDX[26]
  bool         page_size_extensions = true;   // CR4.PSE; matters to 32-bit paging alone
  bool         pse36                = true;   // CPUID 01H EDX[17]
  bool         protection_keys      = false;  // CR4.PKE or CR4.PKS; 4-level and 5-level paging alone
  bool         marked_pdptes        = false;  // PAE: PDPTEs may have bit 5, which software MMUs (QEMU) set
  bool         amd                  = false;  // bit 8 of a PML4E or PML5E must be zero (APM 2, 5.3)
  unsigned     encryption_bit       = 0;      // SME, SEV: set where memory is encrypted, CPUID 8000001FH EBX[5:0] (APM 2, 7.10)
  unsigned     shared_bit           = 0;      // TDX: set where memory is shared with the host, GPAW - 1 (Intel TDX module)
  memory_types types                = pat(pat_at_reset);
};

inline constexpr u64 p = bit(0), rw = bit(1), us = bit(2), a = bit(5), d = bit(6), ps = bit(7), g = bit(8),
                     avl = ones(9, 3), xd = bit(63);

/// How many bits wide the address of a 4-Mbyte page is: 40 at most with PSE-36 (SDM 4.3).
constexpr auto physical_bits_4m(options const &o) noexcept -> unsigned {
  return !o.pse36 ? 32 : o.physical_bits < 40 ? o.physical_bits : 40;
}

/// 4-level paging (SDM 4.5). With an encryption or a shared bit physical addresses end below it; new table entries and
/// leaves are private then unless `attributes::shared` says otherwise.
/// Precondition: physical_bits is 32..52; at most one of the two bits is not 0, and it lies in 32..51.
constexpr auto paging_4level(options const &o = {}) noexcept -> format {
  unsigned const split = o.encryption_bit + o.shared_bit;                    // where one of the two lies
  auto const m    = static_cast<u8>(split != 0 && split < o.physical_bits ? split : o.physical_bits);
  u64 const  c    = o.encryption_bit != 0 ? bit(o.encryption_bit) : 0, s = o.shared_bit != 0 ? bit(o.shared_bit) : 0;
  u64 const  hi   = (ones(m, 52u - m) & ~(c | s)) | (o.no_execute ? 0 : xd);
  auto const told = c != 0 ? none_set(c) : s != 0 ? all_set(s) : never;
  u8 const   page = on_form(0), large = on_form(1);

  format f{
    .name = "x86-64-4level", .spec = "Intel SDM 3A 253668 section 4.5, tables 4-14 to 4-20; AMD APM 2 section 5.3",
    .entry_bytes = 8, .depth = 4, .upper = extent::canonical, .output_bits = m,
    .levels = {
      {"PT",   12, 9, never,        0,     0,                        {0}},
      {"PD",   21, 9, {p | ps, p},  p | c, hi,                       {1}},
      {"PDPT", 30, 9, {p | ps, p},  p | c, hi,                       {1}},
      {"PML4", 39, 9, all_set(p),   p | c, hi | ps | (o.amd ? bit(8) : 0)}},
    .forms = {
      {.name = "page", .is = always, .address = {{12, static_cast<u8>(m - 12), 12}},
       .grants = {granted_by(rights::writers, rw), granted_by(rights::user, us)},
       .type = {{3, 2, 0}, {7, 1, 2}}, .accessed = all_set(a), .dirty = all_set(d), .global = all_set(g),
       .shared = told, .base = p | c, .zero = hi},
      {.name = "large page", .is = all_set(ps), .address = {{21, static_cast<u8>(m - 21), 21}},
       .grants = {granted_by(rights::writers, rw), granted_by(rights::user, us)},
       .type = {{3, 2, 0}, {12, 1, 2}}, .accessed = all_set(a), .dirty = all_set(d), .global = all_set(g),
       .shared = told, .base = p | ps | c, .zero = hi | ones(13, 8)}},
    .absent = none_set(p), .low_address_zero = true,
    .table_address = {{12, static_cast<u8>(m - 12), 12}},
    .table_grants  = {granted_by(rights::writers, rw), granted_by(rights::user, us)}, .table_accessed = all_set(a),
    .software = avl | ones(52, 7) | (o.protection_keys ? 0 : ones(59, 4)),
    .carried  = o.protection_keys ? ones(59, 4) : 0};

  name_fields(f, {
    {"P", 0, 1}, {"R/W", 1, 1}, {"U/S", 2, 1}, {"PWT", 3, 1}, {"PCD", 4, 1}, {"A", 5, 1},
    {"ignored", 6, 1, on_tables},         {"D", 6, 1, on_leaves},
    {"PS", 7, 1, on_tables | large},      {"PAT", 7, 1, page},
    {"ignored", 8, 1, on_tables},         {"G", 8, 1, on_leaves},
    {"AVL", 9, 3},
    {"address", 12, static_cast<u8>(m - 12), on_tables | page},
    {"PAT", 12, 1, large}, {"reserved", 13, 8, large}, {"address", 21, static_cast<u8>(m - 21), large},
    {"reserved", m, static_cast<u8>((split != 0 ? split : 52) - m)},
    {c != 0 ? "C" : "S", static_cast<u8>(split), static_cast<u8>(split != 0)},
    {"reserved", static_cast<u8>(split + 1), static_cast<u8>(split != 0 ? 51 - split : 0)}, {"AVL", 52, 7},
    {"AVL", 59, 4, on_tables}, {o.protection_keys ? "PKEY" : "AVL", 59, 4, on_leaves},
    {o.no_execute ? "XD" : "reserved", 63, 1}});
  if (o.no_execute) f.forms[0].grants[2] = f.forms[1].grants[2] = f.table_grants[2] = refused_by(rights::executes, xd);
  if (!o.gigabyte_pages) f.levels[2] = {"PDPT", 30, 9, all_set(p), p | c, hi | ps};
  for (unsigned i = 0; i < 8; ++i) f.types[i] = o.types[i];
  return f;
}

/// 5-level paging: 4-level paging and one more table (SDM 4.5, CR4.LA57 = 1).
constexpr auto paging_5level(options const &o = {}) noexcept -> format {
  auto f = paging_4level(o);
  return deeper(f, "x86-64-5level", {"PML5", 48, 9, all_set(p), f.levels[3].table_base, f.levels[3].table_zero});
}

/// PAE paging (SDM 4.4): the four PDPTEs carry neither rights nor an accessed bit. Hardware loads them into registers
/// with CR3 and refuses their reserved bits then (#GP); a walk of the tables finds them at its first level. There is no
/// encryption bit: outside 64-bit mode all memory of an encrypted guest is private (APM 2, 15.34.5).
/// Precondition: physical_bits is 32..52.
constexpr auto paging_pae(options o = {}) noexcept -> format {
  o.encryption_bit = o.shared_bit = 0;
  auto f = paging_4level(o);
  auto const m  = static_cast<u8>(o.physical_bits);
  u64 const  hi = ones(m, 63u - m) | (o.no_execute ? 0 : xd);
  f.name = "x86-pae";
  f.spec = "Intel SDM 3A 253668 section 4.4, tables 4-7 to 4-11; AMD APM 2 section 5.2.4";
  f.depth = 3;
  f.upper = extent::zero;
  f.levels[1].table_zero = hi;
  f.levels[2] = {"PDPT", 30, 2, all_set(p), p,
                 ones(1, 2) | ones(o.marked_pdptes ? 6 : 5, o.marked_pdptes ? 3 : 4) | ones(m, 64u - m)};
  f.levels[2].narrows = false;
  f.levels[2].loaded  = true;  // SDM 4.4.1: a change is seen once CR3 is loaded again
  f.levels[3] = {};
  f.forms[0].zero = hi;
  f.forms[1].zero = hi | ones(13, 8);
  f.software = avl;
  f.carried  = 0;
  u8 const page = on_form(0), large = on_form(1);
  name_fields(f, {
    {"P", 0, 1}, {"R/W", 1, 1}, {"U/S", 2, 1}, {"PWT", 3, 1}, {"PCD", 4, 1}, {"A", 5, 1},
    {"ignored", 6, 1, on_tables},    {"D", 6, 1, on_leaves},
    {"PS", 7, 1, on_tables | large}, {"PAT", 7, 1, page},
    {"ignored", 8, 1, on_tables},    {"G", 8, 1, on_leaves},
    {"AVL", 9, 3},
    {"address", 12, static_cast<u8>(m - 12), on_tables | page},
    {"PAT", 12, 1, large}, {"reserved", 13, 8, large}, {"address", 21, static_cast<u8>(m - 21), large},
    {"reserved", m, static_cast<u8>(63 - m)}, {o.no_execute ? "XD" : "reserved", 63, 1}});
  return f;
}

/// 32-bit paging (SDM 4.3): there are no reserved bits but in the address of a 4-Mbyte page, whose bits 39:32 PSE-36
/// keeps in bits 20:13. Precondition: physical_bits is 32..52.
constexpr auto paging_32(options const &o = {}) noexcept -> format {
  auto const m    = physical_bits_4m(o);
  u8 const   page = on_form(0), large = on_form(1);

  format f{
    .name = "x86-32", .spec = "Intel SDM 3A 253668 section 4.3, tables 4-4 to 4-6; AMD APM 2 section 5.2.1",
    .entry_bytes = 4, .depth = 2, .output_bits = static_cast<u8>(o.page_size_extensions ? m : 32),
    .levels = {
      {"PT", 12, 10, never,       0, 0, {0}},
      {"PD", 22, 10, {p | ps, p}, p, 0, {1}}},
    .forms = {
      {.name = "page", .is = always, .address = {{12, 20, 12}},
       .grants = {granted_by(rights::writers, rw), granted_by(rights::user, us)},
       .type = {{3, 2, 0}, {7, 1, 2}}, .accessed = all_set(a), .dirty = all_set(d), .global = all_set(g), .base = p},
      {.name = "4-Mbyte page", .is = all_set(ps), .address = {{22, 10, 22}, {13, static_cast<u8>(m - 32), 32}},
       .grants = {granted_by(rights::writers, rw), granted_by(rights::user, us)},
       .type = {{3, 2, 0}, {12, 1, 2}}, .accessed = all_set(a), .dirty = all_set(d), .global = all_set(g),
       .base = p | ps, .zero = ones(m - 19, 41u - m)}},
    .absent = none_set(p),
    .table_address = {{12, 20, 12}},
    .table_grants  = {granted_by(rights::writers, rw), granted_by(rights::user, us)}, .table_accessed = all_set(a),
    .software = avl};

  name_fields(f, {
    {"P", 0, 1}, {"R/W", 1, 1}, {"U/S", 2, 1}, {"PWT", 3, 1}, {"PCD", 4, 1}, {"A", 5, 1},
    {"ignored", 6, 1, on_tables},    {"D", 6, 1, on_leaves},
    {"PS", 7, 1, on_tables | large}, {"PAT", 7, 1, page},
    {"ignored", 8, 1, on_tables},    {"G", 8, 1, on_leaves},
    {"AVL", 9, 3}, {"address", 12, 20, on_tables | page},
    {"PAT", 12, 1, large}, {"address 39:32", 13, static_cast<u8>(m - 32), large},
    {"reserved", static_cast<u8>(m - 19), static_cast<u8>(41 - m), large}, {"address", 22, 10, large}});
  // Without CR4.PSE bit 7 of a PDE is ignored and every PDE points to a page table.
  if (!o.page_size_extensions) f.levels[1] = {"PD", 22, 10, all_set(p), p, 0};
  for (unsigned i = 0; i < 8; ++i) f.types[i] = o.types[i];
  return f;
}

inline constexpr format x86_32        = paging_32();
inline constexpr format pae           = paging_pae();
inline constexpr format x86_64_4level = paging_4level();
inline constexpr format x86_64_5level = paging_5level();

static_assert(is_well_formed<x86_32>());
static_assert(is_well_formed<pae>());
static_assert(is_well_formed<x86_64_4level>());
static_assert(is_well_formed<x86_64_5level>());

// --- control registers --------------------------------------------------------------------------------------------

enum class mode : u8 { none, paging_32, pae, paging_4level, paging_5level };  // none: CR0.PG is clear

/// The paging mode that the control registers select (SDM 4.1.1). Without EFER (`efer` is nothing) PAE and 4-level
/// paging look alike, unless CR4 has a bit set that means something in IA-32e mode alone (LA57, PCIDE): then nothing.
constexpr auto mode_of(u64 cr0, u64 cr4, std::optional<u64> efer = std::nullopt) noexcept -> std::optional<mode> {
  bool const pg = (cr0 & bit(31)) != 0, pae_on = (cr4 & bit(5)) != 0, la57 = (cr4 & bit(12)) != 0;
  if (!pg) return mode::none;
  if (!pae_on) return mode::paging_32;
  if (!efer) {
    if (la57) return mode::paging_5level;
    if ((cr4 & bit(17)) != 0) return mode::paging_4level;
    return std::nullopt;
  }
  if ((*efer & bit(10)) == 0) return mode::pae;
  return la57 ? mode::paging_5level : mode::paging_4level;
}

/// What the control registers switch on. `efer` nothing: NXE is taken to be set, as every 64-bit system does. Registers
/// do not tell a processor from an emulator, so marked PDPTEs are accepted.
constexpr auto options_of(u64 cr4, std::optional<u64> efer = std::nullopt, unsigned physical_bits = 52,
                          u64 pat_msr = pat_at_reset) noexcept -> options {
  return {.physical_bits        = physical_bits,
          .no_execute           = !efer || (*efer & bit(11)) != 0,
          .page_size_extensions = (cr4 & bit(4)) != 0,
          .protection_keys      = (cr4 & (bit(22) | bit(24))) != 0,
          .marked_pdptes        = true,
          .types                = pat(pat_msr)};
}

/// The format of `m`. Precondition: m is not mode::none.
constexpr auto format_of(mode m, options const &o = {}) noexcept -> format {
  switch (m) {
    case mode::none:
    case mode::paging_32:     return paging_32(o);
    case mode::pae:           return paging_pae(o);
    case mode::paging_4level: return paging_4level(o);
    case mode::paging_5level: return paging_5level(o);
  }
  return paging_32(o);
}

/// The address of the top table in CR3 (SDM tables 4-3, 4-7, 4-12). PCID, PWT, PCD and the LAM bits are left out.
constexpr auto root_table(mode m, u64 cr3) noexcept -> output_address {
  switch (m) {
    case mode::none:
    case mode::paging_32:     return {cr3 & ones(12, 20)};
    case mode::pae:           return {cr3 & ones(5, 27)};
    case mode::paging_4level:
    case mode::paging_5level: return {cr3 & ones(12, 40)};
  }
  return {};
}

/// The process-context identifier in CR3: 0 unless CR4.PCIDE is set (SDM 4.10.1).
constexpr auto pcid_of(u64 cr3, u64 cr4) noexcept -> u16 {
  return (cr4 & bit(17)) != 0 ? static_cast<u16>(cr3 & ones(0, 12)) : u16{0};
}

}  // namespace pagewright::x86
