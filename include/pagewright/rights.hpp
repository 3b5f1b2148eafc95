// SPDX-License-Identifier: MIT
// What a translation allows, and how its memory behaves.
#pragma once

#include "bits.hpp"

namespace pagewright {

/// What may be done through an entry, separately for the privileged side ("kernel") and the unprivileged one ("user").
/// A format without that distinction (EPT, IOMMU tables) grants both together. The rights are those the tables grant:
/// controls that suspend them from moment to moment (SMAP, PAN, SUM) are the business of `access`.
enum class rights : u16 {
  none           = 0,
  kernel_read    = 1,
  kernel_write   = 2,
  kernel_execute = 4,
  user_read      = 8,
  user_write     = 16,
  user_execute   = 32,

  kernel   = kernel_read | kernel_write | kernel_execute,
  user     = user_read | user_write | user_execute,
  all      = kernel | user,
  readers  = kernel_read | user_read,
  writers  = kernel_write | user_write,
  executes = kernel_execute | user_execute,

  kernel_ro  = kernel_read,
  kernel_rw  = kernel_read | kernel_write,
  kernel_rx  = kernel_read | kernel_execute,
  kernel_rwx = kernel,
  // On x86 and where else the tables cannot keep the kernel from executing what the user may, the last two cannot be said
  // exactly: least_rights gives what comes nearest.
  user_ro    = readers,
  user_rw    = readers | writers,
  user_rx    = readers | user_execute,
  user_rwx   = readers | writers | user_execute,
};

PAGEWRIGHT_INLINE constexpr auto operator|(rights a, rights b) noexcept -> rights { return static_cast<rights>(u16(a) | u16(b)); }
PAGEWRIGHT_INLINE constexpr auto operator&(rights a, rights b) noexcept -> rights { return static_cast<rights>(u16(a) & u16(b)); }
PAGEWRIGHT_INLINE constexpr auto operator-(rights a, rights b) noexcept -> rights { return static_cast<rights>(u16(a) & ~u16(b)); }
PAGEWRIGHT_INLINE constexpr auto operator|=(rights &a, rights b) noexcept -> rights & { return a = a | b; }
PAGEWRIGHT_INLINE constexpr auto operator&=(rights &a, rights b) noexcept -> rights & { return a = a & b; }

/// Does `held` include all of `asked`?
PAGEWRIGHT_INLINE constexpr auto includes(rights held, rights asked) noexcept -> bool { return (held & asked) == asked; }

/// "rwx" with '-' for what is missing; x always means executable.
struct rights_text {
  char kernel[4], user[4];
};
constexpr auto text(rights r) noexcept -> rights_text {
  auto const letter = [r](rights one, char c) { return includes(r, one) ? c : '-'; };
  return {{letter(rights::kernel_read, 'r'), letter(rights::kernel_write, 'w'), letter(rights::kernel_execute, 'x'), 0},
          {letter(rights::user_read, 'r'), letter(rights::user_write, 'w'), letter(rights::user_execute, 'x'), 0}};
}

/// Cacheability and ordering, under the names the manuals use.
enum class memory_type : u8 {
  reserved,            // an index the architecture does not define
  wb, wt, wp, wc,      // write-back, write-through, write-protected, write-combining (x86 also "Normal" on Arm: wb, wt)
  uc, uc_minus,        // strong uncacheable; overridable by an MTRR
  nc,                  // Normal non-cacheable (Arm), NC (Svpbmt)
  tagged_wb,           // Normal write-back with allocation tags (FEAT_MTE2)
  mixed,               // Normal with different inner and outer attributes
  device_ngnrne, device_ngnre, device_ngre, device_gre,
  pma,                 // as the platform's physical memory attributes say
  io,                  // non-cacheable, strongly ordered I/O (Svpbmt)
  as_stage1,           // stage 2 leaves it to stage 1 (Arm FEAT_S2FWB)
};

constexpr auto text(memory_type t) noexcept -> char const * {
  switch (t) {
    case memory_type::reserved:      return "reserved";
    case memory_type::wb:            return "WB";
    case memory_type::wt:            return "WT";
    case memory_type::wp:            return "WP";
    case memory_type::wc:            return "WC";
    case memory_type::uc:            return "UC";
    case memory_type::uc_minus:      return "UC-";
    case memory_type::nc:            return "NC";
    case memory_type::tagged_wb:     return "Tagged-WB";
    case memory_type::mixed:         return "Normal-mixed";
    case memory_type::device_ngnrne: return "Device-nGnRnE";
    case memory_type::device_ngnre:  return "Device-nGnRE";
    case memory_type::device_ngre:   return "Device-nGRE";
    case memory_type::device_gre:    return "Device-GRE";
    case memory_type::pma:           return "PMA";
    case memory_type::io:            return "IO";
    case memory_type::as_stage1:     return "as stage 1";
  }
  return "reserved";
}

/// What the eight values of a memory-type index mean: a PAT, a MAIR.
struct memory_types {
  memory_type of[8]{};

  constexpr auto operator[](std::size_t i) noexcept -> memory_type & { return of[i]; }
  constexpr auto operator[](std::size_t i) const noexcept -> memory_type { return of[i]; }
  friend constexpr auto operator==(memory_types const &, memory_types const &) -> bool = default;
};

}  // namespace pagewright
