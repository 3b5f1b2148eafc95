// SPDX-License-Identifier: MIT
// From what is known about a machine to the tables it translates with.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <image/cpu_state.hpp>
#include <pagewright/format.hpp>
#include <pagewright/walk.hpp>

#include "problem.hpp"
#include "processor.hpp"

namespace pagewright::inspect {

/// What --arch can name.
enum class architecture : u8 { x86, x86_pae, x86_64, x86_64_la57, aarch64, arm, riscv32, riscv64, s390x };

[[nodiscard]] auto architecture_named(std::string_view name) noexcept -> std::optional<architecture>;
inline constexpr std::string_view architecture_names =
    "x86, x86-pae, x86-64, x86-64-la57, aarch64, arm, riscv32, riscv64, s390x";

/// Registers given by hand; they override those of the dump.
struct register_options {
  std::optional<u64> cr0, cr3, cr4, efer, pat;     // x86; cr0 is s390x's control register 0 as well
  std::optional<u64> ttbr0, ttbr1, tcr, mair;      // AArch64, EL1; AArch32 has two TTBRs as well
  std::optional<u64> ttbcr, sctlr, prrr, nmrr, mair0, mair1;   // AArch32
  std::optional<u64> satp, menvcfg;                // RISC-V
  std::optional<u64> asce;                         // s390x: the contents of CR1, CR7 or CR13
  std::optional<u64> root;                         // the physical address of the top table
  // What decides an access beside the tables:
  std::optional<u64> eflags, pkru, pkrs;           // x86
  std::optional<u64> pstate;                       // AArch64, as SPSR holds it; AArch32's CPSR
  std::optional<u64> dacr;                         // AArch32, short descriptors
  std::optional<u64> sstatus;                      // RISC-V
  // The stage below:
  std::optional<u64> eptp, ncr3;                   // x86: Intel, AMD
  std::optional<u64> vttbr, vtcr, hcr;             // AArch64
  std::optional<u64> hgatp;                        // RISC-V

  friend auto operator==(register_options const &, register_options const &) -> bool = default;
};

/// What the user asks for.
struct request {
  std::optional<architecture> arch;
  std::string                 mode;                // with root, RISC-V: sv32, sv39, sv48, sv57; AArch64: lower, upper;
                                                   // Arm: short, long; s390x: 31 to 64, or without root the space
  std::optional<unsigned>     cpu;                 // the first vCPU by default
  std::optional<unsigned>     physical_bits;       // x86: MAXPHYADDR
  register_options            given;
  std::shared_ptr<format const> described;         // by a file: nothing but `given.root` is asked beside it
  std::string                   described_in;      // that file's name
};

/// What the dump tells.
struct captured {
  std::span<image::cpu_state const>  cpus;
  std::optional<image::elf_identity> elf;
};

/// One table tree of a machine. A machine has one; on Arm one for each half of the address space.
struct view {
  std::string label;                               // "CR3", "TTBR1_EL1"
  format      description;
  root        from;
  range       part{{0}, {~u64{0}}};                // the addresses it translates, if not all that its levels reach
  upper_rules rules{};                             // by which accesses through it are judged
};

/// The stage below: what the machine's tables call physical addresses goes through it.
struct lower_view {
  std::string label;                               // "EPTP"
  format      description;
  root        from;
  lower_rules rules;
};

struct register_value {
  std::string_view name;
  u64              value;
  std::string_view origin;                         // "dump" or "command line"
};

struct machine {
  std::string_view            arch;                // "x86_64", "i386", "aarch64", "arm", "riscv64", "riscv32", "s390x",
                                                   // "described"
  std::string                 mode;
  std::optional<unsigned>     cpu;                 // whose registers they are, if they come from the dump
  std::vector<register_value> registers;
  std::vector<std::string>    evidence;            // why this mode, and what was assumed
  std::vector<std::string>    access_evidence;     // and where accesses are judged: what was assumed for that
  std::vector<view>           views;               // in ascending order of input addresses
  bool                        halves = false;      // bit 55 of an address selects the view (AArch64)
  std::optional<lower_view>   below;
  std::shared_ptr<format const> described;         // holds the names of a format that a file describes

  /// The view that translates `at`; null if none is known.
  [[nodiscard]] auto view_of(u64 at) const noexcept -> view const *;
};

/// Decides how the machine translates. A problem says which register or option is missing or makes no sense.
[[nodiscard]] auto find_machine(request const &asked, captured const &dump) -> std::expected<machine, problem>;

}  // namespace pagewright::inspect
