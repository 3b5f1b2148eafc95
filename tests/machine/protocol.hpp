// SPDX-License-Identifier: MIT
// What a probe program and its host say to each other, through the emulated machine's memory: the host writes settings
// and probes, the program writes answers. All is little endian.
#pragma once

namespace machine {

// As in <cstdint>, which the cross compiler of riscv64 does not have for 32-bit programs.
using u8  = __UINT8_TYPE__;
using u16 = __UINT16_TYPE__;
using u32 = __UINT32_TYPE__;
using u64 = __UINT64_TYPE__;

inline constexpr u64 magic = 0x70616765'77726768;

/// Control registers, loaded before the first probe that names them and kept until a probe names others.
/// What each register is, the program of the architecture says.
struct setting {
  u64 registers[12];
};

enum class probe_kind : u8 { read, write, fetch };

/// One access. `mode` is the architecture's: 0 for the kernel, 1 for the user, further ones as the program says.
struct probe {
  u64        address;
  u64        value;    // what a write stores
  u32        setting;  // index
  probe_kind kind;
  u8         mode;
  u16        unused;
};

/// What came of it. All zero but `value` where the access succeeded.
struct answer {
  u64 faulted;   // 1: a fault; what follows is the architecture's
  u64 cause;     // vector and error code; ESR; cause
  u64 address;   // CR2, FAR, tval
  u64 further;   // HPFAR, htval, PAR; 0 where there is nothing
  u64 value;     // read
};

struct control {
  u64 magic;
  u64 settings, probes, answers;  // where the arrays are, physically
  u64 count;                      // of probes
  u64 answered;                   // by the program: how many it got through
};

}  // namespace machine
