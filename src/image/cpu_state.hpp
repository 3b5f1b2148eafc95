// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pagewright::image {

/// The part of QEMU's x86 CPU note that translation needs. The note has neither EFER nor PAT.
struct x86_state {
  std::uint64_t       cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0;
  std::uint64_t       rip = 0, rflags = 0;
  std::uint32_t       cs_selector = 0;
  std::uint32_t       cs_flags    = 0;   ///< the descriptor's second word: bits 8..15 and 20..23 (L is bit 21)
  std::optional<bool> long_mode;         ///< absent: the dump does not tell
  std::string_view    long_mode_evidence;
};

/// s390x keeps its roots in control registers 1 (primary), 7 (secondary) and 13 (home).
struct s390x_state {
  std::optional<std::array<std::uint64_t, 16>> control;
  std::optional<std::uint32_t>                 prefix;
};

/// One vCPU, as far as the file tells. AArch64 and RISC-V dumps say nothing about TTBR, TCR or satp.
struct cpu_state {
  unsigned                     index = 0;
  std::optional<std::uint64_t> pc, sp;
  std::optional<std::uint64_t> status;   ///< RFLAGS, PSTATE, CPSR or PSW mask
  std::optional<x86_state>     x86;
  std::optional<s390x_state>   s390x;
};

/// What an ELF header says about the machine.
struct elf_identity {
  std::uint16_t machine    = 0;          ///< e_machine. QEMU writes EM_386 into ELF64 when vCPU 0 is not in long mode
  std::uint8_t  class_bits = 0;          ///< 32 or 64
  std::endian   order      = std::endian::little;
};

namespace elf_machine {
inline constexpr std::uint16_t i386 = 3, ppc64 = 21, s390 = 22, arm = 40, x86_64 = 62, aarch64 = 183, riscv = 243,
                               loongarch = 258;
}

/// The name of e_machine for people, or "unknown machine".
[[nodiscard]] constexpr auto machine_name(std::uint16_t machine) noexcept -> std::string_view {
  switch (machine) {
  case elf_machine::i386:      return "i386";
  case elf_machine::ppc64:     return "PowerPC64";
  case elf_machine::s390:      return "s390x";
  case elf_machine::arm:       return "ARM";
  case elf_machine::x86_64:    return "x86-64";
  case elf_machine::aarch64:   return "AArch64";
  case elf_machine::riscv:     return "RISC-V";
  case elf_machine::loongarch: return "LoongArch";
  default:                     return "unknown machine";
  }
}

}  // namespace pagewright::image
