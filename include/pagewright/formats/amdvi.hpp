// SPDX-License-Identifier: MIT
// AMD-Vi: host tables (v1) of 1 to 6 levels and guest tables (v2) of 4 and 5.
// AMD I/O Virtualization Technology specification 48882: 2.2.2 (device table), 2.2.3 (host page tables), 2.2.6 (guest
// page tables and GCR3).
#pragma once

#include <expected>

#include "x86.hpp"

namespace pagewright::amdvi {

// --- v1: host tables ----------------------------------------------------------------------------------------------

/// What the unit offers and the device table entry selects.
struct v1_options {
  unsigned mode              = 4;      // levels, 1..6: the DTE's Mode
  unsigned run_lg2           = 4;      // new size-coded leaves fill 2^run_lg2 slots, 1..8; all sizes are read
  bool     hardware_accessed = false;  // HAD 1 and 3 (extended feature HASup); otherwise A is ignored
  bool     hardware_dirty    = false;  // HAD 3 (HDSup); otherwise D is ignored
  bool     np_cache          = false;  // capability bit 26, NpCache: absent entries may be cached
  unsigned encryption_bit    = 0;      // SME: set where memory is encrypted, part of the address; 0 without
};

inline constexpr u64 pr = bit(0), a = bit(5), d = bit(6), next_level = ones(9, 3), fc = bit(60), ir = bit(61),
                     iw = bit(62);

/// Host tables (2.2.3). A table entry names the level it leads to, so every level has its own table match. An entry
/// that names one further below skips levels: input addresses with a skipped bit set are not translated. Whether every
/// part checks that is UNCERTAIN. Such tables are read; Linux and Xen write none, and neither does this library.
///
/// Leaves: NextLevel 0 has the level's natural size; NextLevel 7 codes the size in the address, 2 to 256 slots wide.
/// New ones are made of 2^run_lg2 slots up to 2 Tbytes; a coded size that a level has naturally is read though nobody
/// should write it. Linux makes no 512-Gbyte leaves because some parts mishandle them: limits.largest_lg2 keeps from
/// them.
///
/// memory_type::wb is FC, coherent whatever the request says; memory_type::pma is as it says. The rights of kernel and
/// user are one, devices' instruction fetches are not told apart. IR and IW of the DTE narrow all of them.
/// Precondition: mode is 1..6, run_lg2 1..8.
constexpr auto v1(v1_options const &o = {}) noexcept -> format {
  constexpr char const *modes[]{"", "amdvi-v1-1level", "amdvi-v1-2level", "amdvi-v1-3level", "amdvi-v1-4level",
                                "amdvi-v1-5level", "amdvi-v1-6level"};
  constexpr char const *names[]{"L1", "L2", "L3", "L4", "L5", "L6"};
  constexpr char const *runs[]{"coded page", "coded page, L2", "coded page, L3"};
  constexpr u64 must_be_zero = ones(52, 7);
  u64 const     c = o.encryption_bit != 0 ? bit(o.encryption_bit) : 0;
  auto const    m = static_cast<u8>(c != 0 ? o.encryption_bit : 52);
  u64 const     zero = must_be_zero | (ones(m, 52u - m) & ~c);
  u64 const     idle = (o.hardware_accessed ? 0 : a) | (o.hardware_dirty ? 0 : d);

  form const leaf{
    .name = "page", .is = none_set(next_level), .address = {{12, static_cast<u8>(m - 12), 12}},
    .grants = {granted_by(rights::readers, ir), granted_by(rights::writers, iw), {rights::executes, always}},
    .type = {{60, 1, 0}}, .accessed = o.hardware_accessed ? all_set(a) : never,
    .dirty = o.hardware_dirty ? all_set(d) : never, .shared = c != 0 ? none_set(c) : never,
    .base = pr | c, .zero = zero};
  format f{
    .name = modes[o.mode], .spec = "AMD IOMMU specification 48882 section 2.2.3", .entry_bytes = 8,
    .depth = static_cast<u8>(o.mode), .output_bits = m, .forms = {leaf, leaf}, .absent = none_set(pr),
    .table_address = {{12, static_cast<u8>(m - 12), 12}}, .next_level = {9, 3, 0},
    .table_grants  = {granted_by(rights::readers, ir), granted_by(rights::writers, iw)},
    .table_accessed = o.hardware_accessed ? all_set(a) : never,
    .types = {memory_type::pma, memory_type::wb},
    .software = ones(1, 4) | ones(7, 2) | bit(63), .carried = idle | bit(59), .caches_absent = o.np_cache};

  // The general shape reads every coded size; it never writes one, for the shapes before it have the run length wanted.
  f.forms[1].name      = "coded page of another size";
  f.forms[1].is        = all_set(next_level);
  f.forms[1].base     |= next_level;
  f.forms[1].size_code = 12;
  f.forms[1].run_lg2   = static_cast<u8>(o.run_lg2 == 8 ? 7 : o.run_lg2 + 1);
  for (unsigned n = 0; n < 3 && n < o.mode; ++n) {
    // Size 2^(1 + the lowest clear bit from 12 on): ones up to bit lg2 - 2, a zero at lg2 - 1.
    unsigned const lg2 = 12 + 9 * n + o.run_lg2;
    u64 const      all = next_level | ones(12, lg2 - 12), code = all & ~bit(lg2 - 1);
    f.forms[2 + n]      = leaf;
    f.forms[2 + n].name = runs[n];
    f.forms[2 + n].is   = {all, code};
    f.forms[2 + n].base = leaf.base | code;
    f.forms[2 + n].run_lg2    = static_cast<u8>(o.run_lg2);
    f.forms[2 + n].address[0] = {static_cast<u8>(lg2), static_cast<u8>(m - lg2), static_cast<u8>(lg2)};
  }
  for (unsigned n = 0; n < o.mode; ++n)
    f.levels[n] = {.name = names[n], .shift = static_cast<u8>(12 + 9 * n),
                   .index_bits = static_cast<u8>(n == 5 ? 7 : 9),
                   .table      = n == 0 ? never : match{pr | next_level, pr | u64{n} << 9},
                   .table_base = n == 0 ? 0 : pr | c | u64{n} << 9,
                   .table_zero = n == 0 ? 0 : zero | ones(59, 2),  // UNCERTAIN: 59; FC is reserved here
                   .leaves     = n == 5   ? form_list{}
                                 : n == 4 ? form_list{0}
                                 : n == 3 ? (m >= 47 ? form_list{1, 0} : form_list{0})  // codes reach up to bit 46
                                          : form_list{static_cast<u8>(2 + n), 1, 0}};

  constexpr u8 natural = on_form(0) | on_form(1), coded[]{on_form(2), on_form(3), on_form(4)};
  u8 const     e = static_cast<u8>(o.encryption_bit), has_e = static_cast<u8>(c != 0);
  auto const   split = [&](unsigned n) { return static_cast<u8>(12 + 9 * n + o.run_lg2); };
  auto const   width = [&](unsigned n) { return static_cast<u8>(m - split(n)); };
  auto const   low   = [&](unsigned n) { return static_cast<u8>(split(n) - 12); };
  name_fields(f, {
    {"PR", 0, 1}, {"software", 1, 4}, {"A", 5, 1}, {"ignored", 6, 1, on_tables}, {"D", 6, 1, on_leaves},
    {"software", 7, 2},
    {"NextLevel", 9, 3}, {"address", 12, static_cast<u8>(m - 12), on_tables | natural},
    {"size", 12, low(0), coded[0]}, {"address", split(0), width(0), coded[0]},
    {"size", 12, low(1), coded[1]}, {"address", split(1), width(1), coded[1]},
    {"size", 12, low(2), coded[2]}, {"address", split(2), width(2), coded[2]},
    {"C", e, has_e}, {"reserved", static_cast<u8>(e + 1), static_cast<u8>(has_e != 0 ? 51 - e : 0)},
    {"reserved", 52, 7},
    {"reserved", 59, 2, on_tables}, {"U", 59, 1, on_leaves}, {"FC", 60, 1, on_leaves},
    {"IR", 61, 1}, {"IW", 62, 1}, {"software", 63, 1}});
  return f;
}

inline constexpr format v1_3level = v1({.mode = 3});
inline constexpr format v1_4level = v1({.mode = 4});
inline constexpr format v1_6level = v1({.mode = 6});

// --- v2: guest tables ---------------------------------------------------------------------------------------------

struct v2_options {
  unsigned     levels         = 4;      // 4, 5: the DTE's GPT level
  unsigned     physical_bits  = 52;
  bool         gigabyte_pages = true;
  bool         np_cache       = false;  // as v1_options
  unsigned     encryption_bit = 0;
  memory_types types          = x86::pat(x86::pat_at_reset);
};

/// Guest tables (2.2.6): the processor's 4- and 5-level paging; hardware sets A and D, U/S counts. UNCERTAIN: that
/// bit 8 of the upper levels must be zero as in the processor's. Linux may keep to the lower half, 47 or 56 bits.
/// Precondition: levels is 4 or 5.
constexpr auto v2(v2_options const &o = {}) noexcept -> format {
  x86::options const cpu{.physical_bits = o.physical_bits, .gigabyte_pages = o.gigabyte_pages, .amd = true,
                         .encryption_bit = o.encryption_bit, .types = o.types};
  auto f = o.levels == 5 ? x86::paging_5level(cpu) : x86::paging_4level(cpu);
  f.name = o.levels == 5 ? "amdvi-v2-5level" : "amdvi-v2-4level";
  f.spec = "AMD IOMMU specification 48882 section 2.2.6; AMD APM 2 section 5.3";
  f.caches_absent = o.np_cache;
  return f;
}

inline constexpr format v2_4level = v2();
inline constexpr format v2_5level = v2({.levels = 5});

static_assert(is_well_formed<v1_3level>() && is_well_formed<v1_4level>() && is_well_formed<v1_6level>());
static_assert(is_well_formed<v2_4level>() && is_well_formed<v2_5level>());

// --- roots --------------------------------------------------------------------------------------------------------

/// Why there are no tables.
enum class no_tables : u8 { bypassed, blocked, not_translated, reserved_mode };

constexpr auto text(no_tables why) noexcept -> char const * {
  switch (why) {
    case no_tables::bypassed:       return "V is clear: the device bypasses the unit";
    case no_tables::blocked:        return "TV is clear: the device is blocked";
    case no_tables::not_translated: return "mode 0: addresses are unchanged, IR and IW alone decide";
    case no_tables::reserved_mode:  return "mode 7 is reserved";
  }
  return "?";
}

/// A device's translation. Nested where both are used: what the guest tables yield, and their addresses, are then
/// inputs of the host tables.
struct regime {
  bool           host_used = false, guest_used = false;
  v1_options     host{};
  output_address host_root{};
  rights         allow = rights::none;  // IR and IW of the DTE: nothing beyond them
  v2_options     guest{};
  output_address gcr3_table{};          // indexed by PASID (gcr3_index), entries as gcr3_of
  unsigned       gcr3_levels = 0;       // 1..3
  u16            domain = 0;
};

/// A device table entry (2.2.2), four words. `host` and `guest`: what the unit offers. UNCERTAIN: V without TV, taken
/// for blocked. The guest's fields beside GLX and address 14:12 are as Linux has them.
constexpr auto regime_of(u64 const (&dte)[4], v1_options const &host = {}, v2_options const &guest = {}) noexcept
    -> std::expected<regime, no_tables> {
  u64 const mode = dte[0] >> 9 & 7, had = dte[0] >> 7 & 3;
  if ((dte[0] & bit(0)) == 0) return std::unexpected{no_tables::bypassed};
  if ((dte[0] & bit(1)) == 0) return std::unexpected{no_tables::blocked};
  if (mode == 7) return std::unexpected{no_tables::reserved_mode};
  bool const translated = (dte[0] & bit(55)) != 0;  // GV
  if (mode == 0 && !translated) return std::unexpected{no_tables::not_translated};

  regime found{.host_used = mode != 0, .guest_used = translated, .host = host, .guest = guest,
               .domain = static_cast<u16>(dte[1])};
  found.host.mode              = mode != 0 ? static_cast<unsigned>(mode) : host.mode;
  found.host.hardware_accessed = had == 1 || had == 3;
  found.host.hardware_dirty    = had == 3;
  if (found.host_used) found.host_root = {dte[0] & ones(12, 40)};
  if ((dte[0] & ir) != 0) found.allow |= rights::readers | rights::executes;
  if ((dte[0] & iw) != 0) found.allow |= rights::writers;
  if (translated) {
    found.gcr3_levels  = static_cast<unsigned>(dte[0] >> 56 & 3) + 1;
    found.gcr3_table   = {(dte[0] >> 58 & 7) << 12 | (dte[1] >> 16 & ones(0, 16)) << 15 | (dte[1] >> 43) << 31};
    found.guest.levels = (dte[2] >> 54 & 3) == 1 ? 5 : 4;  // GuestPagingMode
  }
  return found;
}

/// The slot of a GCR3 table that `pasid` selects; `level` counts down from gcr3_levels - 1 to 0. Nine bits each.
constexpr auto gcr3_index(u32 pasid, unsigned level) noexcept -> u64 { return pasid >> (9 * level) & ones(0, 9); }

/// A GCR3 table entry: the next GCR3 table, or the top guest table. Nothing if it is not valid.
constexpr auto gcr3_of(u64 entry) noexcept -> std::optional<output_address> {
  if ((entry & 1) == 0) return std::nullopt;
  return output_address{entry & ones(12, 40)};
}

}  // namespace pagewright::amdvi
