// SPDX-License-Identifier: MIT
// What a RISC-V hart is, and where QEMU's deviates.
#pragma once

#include "riscv_machine.hpp"

namespace trial {

/// A hart, as specified and as QEMU 7.2 emulates it (target/riscv/cpu_helper.c, get_physical_address).
struct hart {
  unsigned depth;
  bool     napot, memory_types;   // Svnapot, Svpbmt
  bool     types_enabled = true;  // menvcfg.PBMTE

  auto wide() const -> bool { return depth > 2; }

  auto specified() const -> pagewright::format {
    pagewright::riscv::options const o{.napot = napot, .memory_types = memory_types && types_enabled};
    return wide() ? pagewright::riscv::sv(depth, o) : pagewright::riscv::sv32_with(o);
  }
  /// QEMU demands fewer zeroes: with Svnapot or Svpbmt it does not look at bits 60:54, nor at N of a leaf without
  /// Svnapot; it takes PBMT = 3, and knows no PBMTE.
  auto emulated() const -> pagewright::format {
    if (!wide() || (!napot && !memory_types)) return specified();
    auto f = pagewright::riscv::sv(depth, {.napot = napot, .memory_types = memory_types});
    for (auto &l : f.levels) l.table_zero &= ~pagewright::ones(54, 7);
    for (auto &one : f.forms) one.zero &= ~pagewright::ones(54, 7);
    f.reserved_leaf[2] = pagewright::never;
    if (!napot) f.forms[0].is = pagewright::always;
    return f;
  }
  /// And it marks a leaf before it looks at N: as if it never did.
  auto blind() const -> pagewright::format {
    auto f = emulated();
    if (napot) f.forms[0].is = pagewright::always, f.levels[0].leaves[1] = f.levels[0].leaves[2];
    return f;
  }
  /// And where there is no memory for a table it raises a page fault, not an access fault.
  static auto emulated(outcome o) -> outcome {
    o.cause = o.cause == 1 ? 12 : o.cause == 5 ? 13 : o.cause == 7 ? 15 : o.cause;
    return o;
  }

  /// What satp, vsatp or hgatp holds.
  auto satp(u64 root) const -> u64 { return (wide() ? u64{depth + 5} << 60 : u64{1} << 31) | root >> 12; }
  auto cpu() const -> std::string {
    auto const on = [](bool it) { return it ? "on" : "off"; };
    return wide() ? std::string{"rv64,svnapot="} + on(napot) + ",svpbmt=" + on(memory_types) : "rv32";
  }
  auto name() const -> std::string {
    return std::string{depth == 2 ? "riscv32 Sv32" : depth == 3 ? "riscv64 Sv39" : depth == 4 ? "riscv64 Sv48" : "riscv64 Sv57"} +
           (napot ? ", Svnapot" : "") + (memory_types ? ", Svpbmt" : "") + (types_enabled ? "" : " switched off");
  }
};

}  // namespace trial
