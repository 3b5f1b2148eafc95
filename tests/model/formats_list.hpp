// SPDX-License-Identifier: MIT
// Formats under trial beside every constant of formats/: variants that switch on what no constant does.
//
// The constants are tried behind both handles, and so are the variants that make the compiler fold something no constant
// has: a level without leaves, a dirty mark within the permissions, faults on what is not accessed, 64 bits of input.
// The others differ from a constant in data alone; they are tried as `dynamic`, for `fixed` takes seconds to compile.
#pragma once

#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>

namespace trial::variants {

namespace pw = pagewright;

inline constexpr pw::format x86_32_without_pse   = pw::x86::paging_32({.page_size_extensions = false});
inline constexpr pw::format x86_32_40_bits       = pw::x86::paging_32({.physical_bits = 40});
inline constexpr pw::format pae_36_without_nx    = pw::x86::paging_pae({.physical_bits = 36, .no_execute = false});
inline constexpr pw::format x86_64_2m_only       = pw::x86::paging_4level({.physical_bits = 40, .gigabyte_pages = false});
inline constexpr pw::format x86_64_keys          = pw::x86::paging_4level({.protection_keys = true, .amd = true});

inline constexpr pw::format arm64_hardware_dirty = pw::arm64::stage1({.hardware_dirty = true});
inline constexpr pw::format arm64_software_af    = pw::arm64::stage1({.page = pw::arm64::granule::k16, .input_bits = 47, .hardware_accessed = false});
inline constexpr pw::format arm64_bbm2           = pw::arm64::stage1({.bbm = 2});
inline constexpr pw::format arm64_no_contiguous  = pw::arm64::stage1({.page = pw::arm64::granule::k64, .contiguous = false});
inline constexpr pw::format arm64_small          = pw::arm64::stage1({.input_bits = 25, .no_table_permissions = true});
inline constexpr pw::format arm64_tbi            = pw::arm64::stage1({.input_bits = 39, .space = pw::arm64::half::upper, .top_byte_ignored = true});

inline constexpr pw::format sv39_svade           = pw::riscv::sv(3, {.hardware_accessed = false});
inline constexpr pw::format sv48_plain           = pw::riscv::sv(4, {.napot = false, .memory_types = false, .more_software = true});
inline constexpr pw::format sv32_svade           = pw::riscv::sv32_with({.hardware_accessed = false});

/// Leaves at levels 0 and 2 with none between, big-endian entries, a small root: no architecture, but all legal.
constexpr auto gapped() -> pw::format {
  auto f = pw::x86::paging_4level();
  f.name = "gapped";
  f.order = pw::byte_order::big;
  f.levels[1].table = pw::all_set(pw::x86::p);
  f.levels[1].table_zero |= pw::x86::ps;
  f.levels[1].leaves[0] = pw::no_form;
  f.levels[3].index_bits = 3;
  return f;
}
inline constexpr pw::format big_endian_gapped = gapped();

/// All 64 bits of the input address are translated.
constexpr auto whole() -> pw::format {
  auto f = pw::riscv::sv(5);
  f.name = "64-bit";
  f.levels[5] = f.levels[4];
  f.levels[5].shift = 57;
  f.levels[5].index_bits = 7;
  f.levels[5].name = "L5";
  f.depth = 6;
  return f;
}
inline constexpr pw::format all_64_bits = whole();

}  // namespace trial::variants
