// SPDX-License-Identifier: MIT
// Second-stage translation on x86: Intel extended page tables (EPT) and AMD nested paging (NPT).
// Intel SDM volume 3C, "VMX support for address translation": "The extended page table mechanism (EPT)". AMD APM
// volume 2, 15.25 (nested paging). [SDM-mem]: from memory of the manual; [2nd]: from secondary notes that cite it.
#pragma once

#include <expected>

#include "x86.hpp"

namespace pagewright::ept {

/// What the processor offers (IA32_VMX_EPT_VPID_CAP), and EPTP and the VM-execution controls switch on.
struct options {
  unsigned physical_bits        = 52;     // MAXPHYADDR, 32..52
  bool     large_pages          = true;   // 2 Mbytes: capability bit 16
  bool     gigabyte_pages       = true;   // capability bit 17
  bool     execute_only         = true;   // capability bit 0: X without R is no misconfiguration
  bool     accessed_dirty       = true;   // EPTP[6]; otherwise bits 8 and 9 are ignored
  bool     mode_based_execute   = false;  // bit 2 is for supervisor-mode linear addresses, bit 10 for user-mode ones
  bool     violation_exceptions = false;  // "EPT-violation #VE": bit 63 suppresses it, in absent entries too
  bool     paging_verification  = false;  // bit 57, VGP [SDM-mem]
  bool     paging_write         = false;  // bit 58, PW; set without R it is a misconfiguration [2nd]
  bool     shadow_stack         = false;  // EPTP[7]: bit 60, SSS [SDM-mem]
  bool     sub_page_write       = false;  // bit 61 of a 4-Kbyte page, SPP [SDM-mem]
  bool     ignore_guest_type    = false;  // new leaves have IPAT: the guest's PAT does not count
  bool     suppress_exceptions  = false;  // new leaves have bit 63; with violation_exceptions alone
};

inline constexpr u64 r = bit(0), w = bit(1), x = bit(2), mt = ones(3, 3), ipat = bit(6), ps = bit(7), a = bit(8),
                     d = bit(9), xu = bit(10), vgp = bit(57), pw = bit(58), sss = bit(60), spp = bit(61), sve = bit(63);

/// EPT with four levels. An entry is present that allows anything. What a misconfiguration is reads as reserved, in
/// leaves and table entries, and wins over rights withheld above it. Guests' supervisor and user mode are `kernel` and
/// `user`; without mode-based execution they have the same rights.
/// Precondition: physical_bits is 32..52.
constexpr auto four_level(options const &o = {}) noexcept -> format {
  auto const m  = static_cast<u8>(o.physical_bits);
  u64 const  hi = ones(m, 52u - m), present = r | w | x | (o.mode_based_execute ? xu : 0);
  u8 const   page = on_form(0), large = on_form(1);
  bool const ve   = o.violation_exceptions;
  grant const read  = granted_by(rights::readers, r), write = granted_by(rights::writers, w),
              run   = granted_by(o.mode_based_execute ? rights::kernel_execute : rights::executes, x),
              user  = o.mode_based_execute ? granted_by(rights::user_execute, xu) : grant{};
  u64 const  base   = (o.ignore_guest_type ? ipat : 0) | (ve && o.suppress_exceptions ? sve : 0);
  // Writing without reading; without execute-only translations whatever is present and cannot be read.
  match const unreadable = o.execute_only ? match{r | w, w} : none_set(r);

  format f{
    .name = "ept-4level", .spec = "Intel SDM 3C 326019, VMX support for address translation, EPT translation mechanism",
    .depth = 4, .output_bits = m,
    .levels = {
      {"PT",   12, 9, never, 0, 0, {0}},
      {"PD",   21, 9, none_set(ps), 0, hi | ones(3, 4), {1}},
      {"PDPT", 30, 9, none_set(ps), 0, hi | ones(3, 4), {1}},
      {"PML4", 39, 9, always,       0, hi | ones(3, 5)}},
    .forms = {
      {.name = "page", .is = always, .address = {{12, static_cast<u8>(m - 12), 12}}, .grants = {read, write, run, user},
       .type = {{3, 3, 0}}, .base = base, .zero = hi},
      {.name = "large page", .is = all_set(ps), .address = {{21, static_cast<u8>(m - 21), 21}},
       .grants = {read, write, run, user}, .type = {{3, 3, 0}}, .base = base | ps, .zero = hi | ones(12, 9)}},
    .absent = none_set(present),
    .reserved_leaf  = {unreadable, {ones(4, 2), bit(4)}, {mt, mt}},  // memory types 2 and 3, and 7
    .reserved_table = {unreadable}, .low_address_zero = true,
    .table_address = {{12, static_cast<u8>(m - 12), 12}},
    .table_grants  = {read, write, run, user},
    .types = {memory_type::uc, memory_type::wc, memory_type::reserved, memory_type::reserved,
              memory_type::wt, memory_type::wp, memory_type::wb, memory_type::reserved},
    .software = bit(11) | ones(52, 5) | bit(59) | bit(62) |
                (o.mode_based_execute ? 0 : xu) | (o.accessed_dirty ? 0 : a | d) |
                (o.paging_verification ? 0 : vgp) | (o.paging_write ? 0 : pw) | (o.shadow_stack ? 0 : sss) |
                (o.sub_page_write ? 0 : spp) | (ve ? 0 : sve),
    .carried  = ipat | (o.paging_verification ? vgp : 0) | (o.paging_write ? pw : 0) | (o.shadow_stack ? sss : 0) |
                (ve ? sve : 0)};

  if (o.paging_write) f.reserved_leaf[3] = {r | pw, pw};
  if (o.accessed_dirty) {
    for (unsigned n : {0u, 1u}) f.forms[n].accessed = all_set(a), f.forms[n].dirty = all_set(d);
    f.table_accessed = all_set(a);
  }
  if (!o.large_pages) f.levels[1] = {"PD", 21, 9, always, 0, hi | ones(3, 5)};
  if (!o.gigabyte_pages) f.levels[2] = {"PDPT", 30, 9, always, 0, hi | ones(3, 5)};

  auto const named = [](bool on, char const *name) { return on ? name : "ignored"; };
  name_fields(f, {
    {"R", 0, 1}, {"W", 1, 1}, {"X", 2, 1}, {"reserved", 3, 4, on_tables}, {"MT", 3, 3, on_leaves},
    {"IPAT", 6, 1, on_leaves},
    {"ignored", 7, 1, page}, {"PS", 7, 1, on_tables | large}, {named(o.accessed_dirty, "A"), 8, 1},
    {"ignored", 9, 1, on_tables}, {named(o.accessed_dirty, "D"), 9, 1, on_leaves},
    {named(o.mode_based_execute, "XU"), 10, 1}, {"ignored", 11, 1},
    {"address", 12, static_cast<u8>(m - 12), on_tables | page}, {"reserved", 12, 9, large},
    {"address", 21, static_cast<u8>(m - 21), large}, {"reserved", m, static_cast<u8>(52 - m)},
    {"ignored", 52, 12, on_tables}, {"ignored", 52, 5, on_leaves},
    {named(o.paging_verification, "VGP"), 57, 1, on_leaves}, {named(o.paging_write, "PW"), 58, 1, on_leaves},
    {"ignored", 59, 1, on_leaves}, {named(o.shadow_stack, "SSS"), 60, 1, on_leaves},
    {named(o.sub_page_write, "SPP"), 61, 1, page}, {"ignored", 61, 1, large}, {"ignored", 62, 1, on_leaves},
    {named(ve, "suppress #VE"), 63, 1, on_leaves}});
  return f;
}

/// Five levels: guest-physical addresses of 57 bits.
constexpr auto five_level(options const &o = {}) noexcept -> format {
  auto const f = four_level(o);
  return deeper(f, "ept-5level", {"PML5", 48, 9, always, 0, f.levels[3].table_zero});
}

inline constexpr format ept_4level      = four_level();
inline constexpr format ept_5level      = five_level();
inline constexpr format ept_4level_mbec = four_level({.mode_based_execute = true});

static_assert(is_well_formed<ept_4level>() && is_well_formed<ept_5level>() && is_well_formed<ept_4level_mbec>());

/// What IA32_VMX_EPT_VPID_CAP (MSR 48CH) says of the processor.
struct capabilities {
  bool    four_level, five_level, uncached_tables, cached_tables;  // walk lengths; memory types of table accesses
  options offers;                                                  // with nothing on that EPTP or controls switch on
};
constexpr auto capabilities_of(u64 msr, unsigned physical_bits) noexcept -> capabilities {
  auto const flag = [msr](unsigned n) { return (msr >> n & 1) != 0; };
  return {flag(6), flag(7), flag(8), flag(14),
          {.physical_bits = physical_bits, .large_pages = flag(16), .gigabyte_pages = flag(17), .execute_only = flag(0),
           .accessed_dirty = false}};
}

/// What an extended-page-table pointer (VMCS field 201AH) holds.
struct pointer {
  output_address table;
  u8             depth;           // 4 or 5
  memory_type    table_type;      // of accesses to the tables: UC or WB
  bool           accessed_dirty;
  bool           shadow_stack;    // supervisor shadow-stack control, bit 7
};

/// Why a VM entry with such an EPTP fails.
enum class no_pointer : u8 { memory_type, walk_length, reserved_bits };

constexpr auto text(no_pointer why) noexcept -> char const * {
  switch (why) {
    case no_pointer::memory_type:   return "EPTP[2:0] is neither 0 (UC) nor 6 (WB)";
    case no_pointer::walk_length:   return "EPTP[5:3] is neither 3 (4 levels) nor 4 (5 levels)";
    case no_pointer::reserved_bits: return "EPTP has reserved bits set: 11:8, from MAXPHYADDR on, or 7";
  }
  return "?";
}

/// Decodes an EPTP. `shadow_stack`: capability bit 23; without it bit 7 is reserved [2nd].
constexpr auto pointer_of(u64 eptp, unsigned physical_bits = 52, bool shadow_stack = false) noexcept
    -> std::expected<pointer, no_pointer> {
  u64 const type = eptp & 7, length = eptp >> 3 & 7;
  if (type != 0 && type != 6) return std::unexpected{no_pointer::memory_type};
  if (length != 3 && length != 4) return std::unexpected{no_pointer::walk_length};
  if ((eptp & (ones(8, 4) | ones(physical_bits, 64 - physical_bits) | (shadow_stack ? 0 : bit(7)))) != 0)
    return std::unexpected{no_pointer::reserved_bits};
  return pointer{{eptp & ones(12, 40)}, static_cast<u8>(length + 1), type == 0 ? memory_type::uc : memory_type::wb,
                 (eptp & bit(6)) != 0, (eptp & bit(7)) != 0};
}

/// The EPTP that says so. Precondition: table_type is UC or WB, depth 4 or 5.
constexpr auto eptp_of(pointer const &p) noexcept -> u64 {
  return p.table.value | (p.table_type == memory_type::wb ? 6 : 0) | u64{p.depth - 1u} << 3 |
         (p.accessed_dirty ? bit(6) : 0) | (p.shadow_stack ? bit(7) : 0);
}

/// The format that an EPTP selects of what `o` offers.
constexpr auto format_of(pointer const &p, options o) noexcept -> format {
  o.accessed_dirty = p.accessed_dirty;
  o.shadow_stack   = p.shadow_stack;
  return p.depth == 5 ? five_level(o) : four_level(o);
}

}  // namespace pagewright::ept

namespace pagewright::npt {

/// What the host's registers select, and nested_ctl of the VMCB.
struct options {
  x86::options host{};               // no_execute is the host's EFER.NXE; the encryption bit is the host's
  bool         execute_trap = false; // GMET: a guest's supervisor mode executes nothing that has U/S = 1. Leaves with
                                     // U/S = 0 allow nothing: UNCERTAIN whether that is so with GMET
};

/// Nested paging (APM 2, 15.25): the format of the host's own paging mode when the guest was entered. What it translates
/// are physical addresses, whose upper bits are zero. Every access counts as one of user mode, so an entry without U/S
/// allows nothing; CR0.WP, SMEP, SMAP and keys do not apply. G is kept but not told, for the sheets do not say what it means
/// here: UNCERTAIN. Whether PDPTEs of a PAE host are loaded with nCR3 is UNCERTAIN too; they count as loaded, so that a
/// change is invalidated.
/// Precondition: m is not mode::none; as x86.
constexpr auto nested(x86::mode m, options const &o = {}) noexcept -> format {
  auto host = o.host;
  host.protection_keys = false;
  auto f = x86::format_of(m, host);
  f.upper = extent::zero;
  bool const nx = o.host.no_execute && m != x86::mode::paging_32;
  grant const write = granted_by(rights::writers, x86::rw), user = granted_by(rights::all, x86::us),
              run   = nx ? refused_by(rights::executes, x86::xd) : grant{},
              trap  = o.execute_trap ? grant{rights::kernel_execute, all_set(x86::us), 0, 0} : grant{};
  for (form &one : f.forms) {
    if (one.name == nullptr) continue;
    for (grant &row : one.grants) row = {};
    one.grants[0] = write, one.grants[1] = user, one.grants[2] = run, one.grants[3] = trap;
    one.global    = never;
  }
  for (grant &row : f.table_grants) row = {};
  f.table_grants[0] = write, f.table_grants[1] = user, f.table_grants[2] = run;
  f.carried |= x86::g;
  constexpr char const *names[]{"npt-32", "npt-pae", "npt-4level", "npt-5level"};
  f.name = names[m == x86::mode::none ? 0 : unsigned(m) - 1];
  f.spec = "AMD APM 2 24593 section 15.25, tables as in chapter 5";
  return f;
}

inline constexpr format npt_4level = nested(x86::mode::paging_4level, {.host = {.amd = true}});
inline constexpr format npt_5level = nested(x86::mode::paging_5level, {.host = {.amd = true}});

static_assert(is_well_formed<npt_4level>() && is_well_formed<npt_5level>());

/// What a VMCB and the host's registers at VMRUN select: NP_ENABLE is bit 0 of offset 90H, nCR3 is offset B0H. Nothing
/// if nested paging is off or the host does not page.
struct regime {
  x86::mode      mode;
  output_address table;
};
constexpr auto regime_of(u64 np_enable, u64 ncr3, u64 host_cr0, u64 host_cr4, u64 host_efer) noexcept
    -> std::optional<regime> {
  auto const mode = x86::mode_of(host_cr0, host_cr4, host_efer);
  if ((np_enable & 1) == 0 || !mode || *mode == x86::mode::none) return std::nullopt;
  return regime{*mode, x86::root_table(*mode, ncr3)};
}

}  // namespace pagewright::npt
