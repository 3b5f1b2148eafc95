// SPDX-License-Identifier: MIT
// What the x86 probe programs (payload/x86.*) and their host agree on: where things lie, which register is which.
#pragma once

#include "protocol.hpp"

namespace machine::x86 {

inline constexpr u64 MiB = 1u << 20, GiB = 1u << 30;

// Physical memory. Every setting's tables map the first 64 MiB as they are, for the supervisor alone.
inline constexpr u64 payload_at = 1 * MiB;   // code, data, stack
inline constexpr u64 stub_at    = payload_at + 0x1000;  // the page that makes the accesses
inline constexpr u64 tables_at  = 4 * MiB;   // first those of the mapping above, then those that are tried
inline constexpr u64 tried_at   = 5 * MiB;
inline constexpr u64 targets_at = 28 * MiB;  // what is read, written and executed through them: one 4-Mbyte page
inline constexpr u64 control_at = 32 * MiB;
inline constexpr u64 low_bytes  = 64 * MiB;
inline constexpr u64 target_bytes = 4 * MiB, high_at = 4 * GiB;  // as many targets again, where no 32 bits reach

// Where that page appears once more, for the user.
inline constexpr u64 alias_at = 128 * MiB;

// A page of targets: code that says which page it is and goes where BX says; a segment descriptor whose limit says the
// same, to be read as that of a local descriptor table; data.
inline constexpr u64 code_offset = 0, descriptor_offset = 0x100, data_offset = 0x200;

// setting::registers
enum : unsigned { cr0, cr3, cr4, efer, eflags, pkru, pkrs };
inline constexpr u64 cr4_smep = 1u << 20, cr4_smap = 1u << 21, cr4_pke = 1u << 22, cr4_cet = 1u << 23, cr4_pks = 1u << 24;

// probe::mode. A write to a shadow stack is the user's in either mode: by WRSS, or by the kernel's WRUSS for him.
inline constexpr u8 user = 1, stack_segment = 2, implicit = 4, modify = 8, shadow_stack = 16;

// answer::cause of a fault is vector << 32 | error code; `further` is the processor's MAXPHYADDR, fault or not.
inline constexpr u64 no_fault = 0x80;  // the interrupt by which an access that succeeded comes back

// Under Bochs the memory is a disk too (payload/x86_boot.S). What is to be read from it, and written back at the end:
inline constexpr u64 disk_chunk = 128u << 10, disk_list_at = 512, disk_list_loaded_at = 0x7e00;

struct disk_list {
  u32 entry;  // of the program
  struct { u32 first, chunks; } parts[16];
};

}  // namespace machine::x86
