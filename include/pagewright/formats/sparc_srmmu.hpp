// SPDX-License-Identifier: MIT
// SPARC V8 reference MMU: three levels of big-endian 4-byte entries below a table of contexts.
// SPARC Architecture Manual version 8, appendix H.
//
// [mem] marks what rests on memory of the manual, UNCERTAIN what to check before relying on it.
#pragma once

#include <expected>

#include "../check.hpp"

namespace pagewright::sparc_srmmu {

/// What the processor makes of the tables.
struct options {
  unsigned    physical_bits = 36;               // 32..36: implementations have fewer; entries always hold 36
  memory_type cached        = memory_type::wb;  // what C = 1 gives; wt where the caches write through (LEON)
};

inline constexpr u64 type = ones(0, 2), ptd = 1, pte = 2, acc = ones(2, 3), r = bit(5), m = bit(6), c = bit(7);

/// Level 1 of the manual is the root, level 3 holds pages. Entry types are 0 invalid, 1 PTD, 2 PTE; type 3 anywhere and
/// a PTD at level 3 are translation errors: reserved here.
///
/// ACC names eight pairs of rights (user, supervisor):
///   0 r-- r--   1 rw- rw-   2 r-x r-x   3 rwx rwx   4 --x --x   5 r-- rw-   6 --- r-x   7 --- rwx
/// Others cannot be said: supervisor data that is not executable is user-readable (5) or does not exist.
///
/// Hardware sets R in the PTE with any access and M with a write. It does not cache invalid entries [mem]. UNCERTAIN:
/// address bits of a PTE below its size; they are left out here, a software MMU adds the offset to them. UNCERTAIN: if
/// entries of codes 6 and 7 match in every context [mem; one processor's manual says so of its TLB], which would make
/// supervisor pages global, so that an invalidation of one context does not drop them. There is no rule of
/// break-before-make.
/// Precondition: physical_bits is 32..36.
constexpr auto tables(options const &o = {}) noexcept -> format {
  constexpr u64 a0 = bit(2), a1 = bit(3), a2 = bit(4);
  constexpr auto code = [](u64 n) { return match{acc, n << 2}; };

  format f{
    .name = "sparc-srmmu", .spec = "SPARC Architecture Manual version 8, appendix H",
    .entry_bytes = 4, .order = byte_order::big, .depth = 3, .input_width = 32,
    .output_bits = static_cast<u8>(o.physical_bits),
    .levels = {
      {"Level 3", 12, 6, never,       0,   0, {0}},
      {"Level 2", 18, 6, {type, ptd}, ptd, 0, {0}},
      {"Level 1", 24, 8, {type, ptd}, ptd, 0, {0}}},
    .forms = {
      {.name = "PTE", .is = {type, pte}, .address = {{8, 24, 12}},
       .grants = {{rights::readers, code(4), 0, a2},                              // nobody reads: 4
                  {rights::kernel_write, none_set(a0), a0, 0},                    // 1, 3, 5, 7
                  {rights::user_write, all_set(a2)},                              // 1, 3
                  {rights::user_write, none_set(a0)},
                  {rights::executes, none_set(a1 | a2), a1, 0, rights::none, rights::kernel_read},  // not 0, 1; a1 not of 4
                  {rights::executes, code(5)},
                  {rights::user, all_set(a1 | a2), 0, a2},                        // not 6, 7
                  {rights::kernel_write, never, a2, 0, rights::user_write}},      // 5, 7
       .type = {{7, 1, 0}}, .accessed = all_set(r), .dirty = all_set(m), .base = pte}},
    .absent = {type, 0},
    .table_address = {{2, 30, 6}},
    .types = {memory_type::uc, o.cached}};
  name_fields(f, {
    {"ET", 0, 2}, {"PTP", 2, 30, on_tables},
    {"ACC", 2, 3, on_leaves}, {"R", 5, 1, on_leaves}, {"M", 6, 1, on_leaves}, {"C", 7, 1, on_leaves},
    {"PPN", 8, 24, on_leaves}});
  return f;
}

inline constexpr format srmmu = tables();

static_assert(is_well_formed<srmmu>());

/// The rights that a code of ACC gives. Precondition: code < 8.
constexpr auto rights_of(unsigned code) noexcept -> rights {
  return granted(srmmu.forms[0].grants, u64{code} << 2);
}

// --- registers ----------------------------------------------------------------------------------------------------

/// The MMU control register. With NF set faults are recorded but not taken, those of the supervisor's fetches
/// excepted [mem].
struct control {
  bool enabled, no_fault;
};
constexpr auto control_of(u32 register_0) noexcept -> control {
  return {(register_0 & bit(0)) != 0, (register_0 & bit(1)) != 0};
}

/// Where a context's entry lies, from the context table pointer register (address bits 35:6 in bits 31:2) and the
/// context number. The table is as long as the processor has contexts, and aligned to its size.
constexpr auto context_slot(u32 context_table_pointer, u32 context) noexcept -> output_address {
  return {((u64{context_table_pointer} & ~u64{3}) << 4) + u64{context} * 4};
}

/// Why a context has no level-1 table.
enum class no_root : u8 { invalid, one_page, reserved };

constexpr auto text(no_root why) noexcept -> char const * {
  switch (why) {
    case no_root::invalid:  return "the context's entry is invalid";
    case no_root::one_page: return "the context's entry is a PTE of 4 Gbytes";
    case no_root::reserved: return "the context's entry has the reserved type 3";
  }
  return "?";
}

/// The level-1 table that the context's entry leads to, as loaded (big-endian) from context_slot. UNCERTAIN: a PTE
/// there would map all 4 Gbytes alike; a software MMU takes it for a translation error, and it is no tree in either
/// case.
constexpr auto root_of(u32 context_entry) noexcept -> std::expected<output_address, no_root> {
  switch (context_entry & type) {
    case 0:   return std::unexpected{no_root::invalid};
    case ptd: return output_address{(u64{context_entry} & ~type) << 4};
    case pte: return std::unexpected{no_root::one_page};
    default:  return std::unexpected{no_root::reserved};
  }
}

/// What the fault status register tells: at which of the manual's levels, 0 for the context table, and why.
enum class fault_type : u8 { none, invalid_address, protection, privilege, translation, bus, internal, reserved };
struct fault_status {
  fault_type why;
  unsigned   level;
  bool       user, store, instruction;
};
/// Fault type 4:2, access type 7:5 (bit 7 a store, bit 6 an instruction, bit 5 the supervisor), level 9:8.
constexpr auto status_of(u32 fsr) noexcept -> fault_status {
  return {static_cast<fault_type>(fsr >> 2 & 7), unsigned{fsr >> 8 & 3}, (fsr & bit(5)) == 0, (fsr & bit(7)) != 0,
          (fsr & bit(6)) != 0};
}

}  // namespace pagewright::sparc_srmmu
