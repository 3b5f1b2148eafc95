// SPDX-License-Identifier: MIT
// Alpha: the tables that OSF/1 PALcode walks. Three levels of 8-Kbyte tables, which are filled with the same entries.
// Alpha Architecture Reference Manual, section II-B (DIGITAL UNIX), memory management.
//
// PALcode is software, so another PALcode may have other tables: OpenVMS has four modes and URE and UWE in other places
// [mem]. [mem] marks what rests on memory of the manual, UNCERTAIN what to check before relying on it.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::alpha {

/// What the processor offers.
struct options {
  unsigned physical_bits     = 44;    // 34 on a 21064, 40 on a 21164, 44 on a 21264 [mem]; entries hold 45
  bool     granularity_hints = true;  // new leaves may be blocks of 8, 64 and 512 pages
};

inline constexpr u64 v = bit(0), fault_on_read = bit(1), fault_on_write = bit(2), fault_on_execute = bit(3),
                     asm_bit = bit(4), gh = ones(5, 2), kre = bit(8), ure = bit(9), kwe = bit(12), uwe = bit(13);

/// The read enables allow execution too; FOR, FOW and FOE take away what the enables grant, from both modes. They are
/// how systems mark what was accessed and written, by clearing them when they fault; hardware marks nothing. So a page
/// that is not to be executed has FOE, and one that is to be written or executed but not read has FOR and the read
/// enable: writing needs that, a write enable without the read enable being UNDEFINED [mem].
///
/// Above the last level an entry must have KRE besides V: without it every access to what lies below is an access
/// violation, and it reads as reserved here. Nothing else in it counts, and there are no large leaves; a block of 8^GH
/// pages, aligned to its size in both spaces, is a run of entries that say the same, which is a hint [mem]. UNCERTAIN:
/// what is met while the entries of a block change one after the other; bits 7, 11:10 and 15:14, taken for ignored and
/// kept.
///
/// Entries that are not valid are not cached [mem]. There is no rule of break-before-make. The platform's physical
/// addresses decide about caching. Precondition: physical_bits is 23..45.
constexpr auto tables(options const &o = {}) noexcept -> format {
  constexpr char const *names[]{"page", "8 pages", "64 pages", "512 pages"};
  constexpr match       next = all_set(v | kre);

  format f{
    .name = "alpha-osf1", .spec = "Alpha Architecture Reference Manual II-B, memory management",
    .entry_bytes = 8, .depth = 3, .upper = extent::canonical, .output_bits = static_cast<u8>(o.physical_bits),
    .levels = {
      // The largest first: collapse tries them in this order.
      {"Level 3", 13, 10, never, 0,       0, o.granularity_hints ? form_list{3, 2, 1, 0} : form_list{0}},
      {"Level 2", 23, 10, next,  v | kre, 0},
      {"Level 1", 33, 10, next,  v | kre, 0}},
    .absent = none_set(v), .table_address = {{32, 32, 13}},
    .types = {memory_type::pma},
    .software = ones(16, 16), .carried = bit(7) | ones(10, 2) | ones(14, 2)};

  for (u8 n = 0; n < 4; ++n)
    f.forms[n] = {
      .name = names[n], .is = {gh, u64{n} << 5}, .run_lg2 = static_cast<u8>(3 * n), .address = {{32, 32, 13}},
      .grants = {{rights::kernel_read | rights::kernel_execute, none_set(kre), kre, 0},
                 {rights::user_read | rights::user_execute, none_set(ure), ure, 0},
                 {rights::kernel_write, none_set(kwe), kwe | kre, 0},
                 {rights::user_write, none_set(uwe), uwe | ure, 0},
                 refused_by(rights::readers, fault_on_read),
                 {rights::writers, all_set(fault_on_write)},
                 refused_by(rights::executes, fault_on_execute)},
      .global = all_set(asm_bit), .base = v | u64{n} << 5};
  // A hint that is not to be used can be in the tables all the same.
  if (!o.granularity_hints) f.forms[0].is = always, f.carried |= gh;

  name_fields(f, {
    {"V", 0, 1}, {"FOR", 1, 1}, {"FOW", 2, 1}, {"FOE", 3, 1}, {"ASM", 4, 1}, {"GH", 5, 2}, {"reserved", 7, 1},
    {"KRE", 8, 1}, {"URE", 9, 1}, {"reserved", 10, 2}, {"KWE", 12, 1}, {"UWE", 13, 1}, {"reserved", 14, 2},
    {"software", 16, 16}, {"PFN", 32, 32}});
  return f;
}

inline constexpr format osf1 = tables();

static_assert(is_well_formed<osf1>());

// --- registers and segments ---------------------------------------------------------------------------------------

/// The level-1 table that PTBR leads to. The register, and the word of the process control block, hold a page number.
constexpr auto root_table(u64 ptbr) noexcept -> output_address { return {(ptbr & ones(0, 32)) << 13}; }

/// Addresses that are not translated through tables. Only the kernel may use them.
constexpr auto is_kseg(input_address at) noexcept -> bool { return (at.value >> 63) != 0 && (at.value >> 41 & 3) == 2; }

/// Where a KSEG address leads: memory is at its lower 40 bits. Nothing for other addresses, and nothing with bit 40
/// set, which means the processor's I/O space. UNCERTAIN: where that is; the 21264 extends bit 40 upward [mem], a
/// software MMU moves it to bit 43.
constexpr auto kseg(input_address at) noexcept -> std::optional<output_address> {
  if (!is_kseg(at) || (at.value >> 40 & 1) != 0) return std::nullopt;
  return output_address{at.value & below(40)};
}

/// What the memory-management fault entry point is told, in its second argument.
enum class fault_code : u8 { not_valid, access_violation, on_read, on_execute, on_write };

}  // namespace pagewright::alpha
