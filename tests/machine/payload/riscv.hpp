// SPDX-License-Identifier: MIT
// What host and probe program of RISC-V agree on beside protocol.hpp.
#pragma once

#include "protocol.hpp"

namespace machine::riscv {

/// Where things are in the machine's memory. The program itself lies before all of this.
inline constexpr u64 memory_at = 0x8000'0000, inside_at = 0x8000'4000, control_at = 0x8300'0000;

/// Registers of a setting. Those from vsatp on are loaded where the hart has the hypervisor extension.
enum : unsigned { satp, mstatus, menvcfg, inside, inside_for_user, vsatp, vsstatus, henvcfg, hgatp };

/// Bits of a probe's mode. A read tells what was read; a fetch, a number that the code fetched has; a swap, what was there.
enum : u8 {
  user   = 1,  // U mode, not S mode
  within = 2,  // a data access by code running in that mode, not by MPRV. Fetches are always
  swap   = 4,  // a write is made by AMOSWAP
  guest  = 8,  // VU or VS mode. `further` of a fault is mtval2 and `value` mtinst
  hlv    = 16, // a data access by HLV or HSV, not by MPRV
};

}  // namespace machine::riscv
