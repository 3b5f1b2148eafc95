// SPDX-License-Identifier: MIT
// From what is known about a machine to the tables it translates with.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <image/cpu_state.hpp>
#include <pagewright/format.hpp>
#include <pagewright/walk.hpp>

#include "problem.hpp"

namespace pagewright::inspect {

/// What --arch can name.
enum class architecture : u8 { x86, x86_pae, x86_64, x86_64_la57, aarch64, riscv32, riscv64 };

[[nodiscard]] auto architecture_named(std::string_view name) noexcept -> std::optional<architecture>;
inline constexpr std::string_view architecture_names = "x86, x86-pae, x86-64, x86-64-la57, aarch64, riscv32, riscv64";

/// Registers given by hand; they override those of the dump.
struct register_options {
  std::optional<u64> cr0, cr3, cr4, efer, pat;     // x86
  std::optional<u64> ttbr0, ttbr1, tcr, mair;      // AArch64, EL1
  std::optional<u64> satp, menvcfg;                // RISC-V
  std::optional<u64> root;                         // the physical address of the top table
};

/// What the user asks for.
struct request {
  std::optional<architecture> arch;
  std::string                 mode;                // RISC-V: sv32, sv39, sv48, sv57; AArch64 with root: lower, upper
  std::optional<unsigned>     cpu;                 // the first vCPU by default
  std::optional<unsigned>     physical_bits;       // x86: MAXPHYADDR
  register_options            given;
};

/// What the dump tells.
struct captured {
  std::span<image::cpu_state const>  cpus;
  std::optional<image::elf_identity> elf;
};

/// One table tree of a machine. A machine has one; on AArch64 one for each half of the address space.
struct view {
  std::string label;                               // "CR3", "TTBR1_EL1"
  format      description;
  root        from;
};

struct register_value {
  std::string_view name;
  u64              value;
  std::string_view origin;                         // "dump" or "command line"
};

struct machine {
  std::string_view            arch;                // "x86_64", "i386", "aarch64", "riscv64", "riscv32"
  std::string                 mode;
  std::optional<unsigned>     cpu;                 // whose registers they are, if they come from the dump
  std::vector<register_value> registers;
  std::vector<std::string>    evidence;            // why this mode, and what was assumed
  std::vector<view>           views;               // in ascending order of input addresses
  bool                        halves = false;      // bit 55 of an address selects the view (AArch64)

  /// The view that translates `at`; null if none is known.
  [[nodiscard]] auto view_of(u64 at) const noexcept -> view const *;
};

/// Decides how the machine translates. A problem says which register or option is missing or makes no sense.
[[nodiscard]] auto find_machine(request const &asked, captured const &dump) -> std::expected<machine, problem>;

}  // namespace pagewright::inspect
