// SPDX-License-Identifier: MIT
// RISC-V G-stage translation of the hypervisor extension: Sv32x4, Sv39x4, Sv48x4, Sv57x4.
// RISC-V privileged specification: Hypervisor Extension, "Two-Stage Address Translation", "Guest Physical Address
// Translation", hgatp. These are the supervisor's formats with two more bits in the root and other rights.
#pragma once

#include "riscv.hpp"

namespace pagewright::riscv {

/// `f`, a supervisor's format, as a G stage. Every access is one of user level: a leaf without U allows nothing (a
/// guest-page fault), and one with it the same for the guest's supervisor and user. G is ignored.
/// The byte order of G-stage tables on a big-endian hart (mstatus.SBE) is not spelled out: UNCERTAIN. They are
/// little-endian here; `order` of the result may be changed.
constexpr auto guest_stage(format f, char const *name) noexcept -> format {
  f = wider_root(f, name, 2, extent::zero);
  f.spec = "RISC-V privileged ISA, Hypervisor Extension, Sv32x4 to Sv57x4; Svnapot, Svpbmt, Svrsw60t59b";
  for (form &one : f.forms) {
    if (one.name == nullptr) continue;
    for (grant &row : one.grants) row = {};
    one.grants[0] = granted_by(rights::readers, r);
    one.grants[1] = granted_by(rights::writers, w);
    one.grants[2] = granted_by(rights::executes, x);
    one.grants[3] = {rights::all, none_set(u), u, u};  // every new leaf has it
    one.global    = never;
  }
  f.table_global = never;
  f.carried     |= g;
  return f;
}

/// Sv39x4, Sv48x4, Sv57x4: `depth` 3, 4, 5. Precondition: depth is one of these.
constexpr auto svx4(unsigned depth, options const &o = {}) noexcept -> format {
  return guest_stage(sv(depth, o), depth == 3 ? "riscv-sv39x4" : depth == 4 ? "riscv-sv48x4" : "riscv-sv57x4");
}
constexpr auto sv32x4_with(options const &o = {}) noexcept -> format {
  return guest_stage(sv32_with(o), "riscv-sv32x4");
}

inline constexpr format sv32x4 = sv32x4_with();
inline constexpr format sv39x4 = svx4(3);
inline constexpr format sv48x4 = svx4(4);
inline constexpr format sv57x4 = svx4(5);

static_assert(is_well_formed<sv32x4>() && is_well_formed<sv39x4>());
static_assert(is_well_formed<sv48x4>() && is_well_formed<sv57x4>());

// --- hgatp --------------------------------------------------------------------------------------------------------

/// What hgatp holds. `scheme` names the x4 variant: mode::sv39 is Sv39x4. For mode::bare there is no table.
struct guest_regime {
  mode           scheme;
  u16            vmid;
  output_address table;  // of 16 Kbytes, aligned to that: PPN[1:0] read as zero
};

/// Decodes a 64-bit hgatp: MODE 63:60, VMID 57:44, PPN 43:0. Nothing if MODE is reserved or, with MODE = Bare, another
/// field is not zero, which the specification demands.
constexpr auto regime_of_hgatp64(u64 hgatp) noexcept -> std::optional<guest_regime> {
  auto scheme = mode::bare;
  switch (hgatp >> 60) {
    case 0:
      if (hgatp != 0) return std::nullopt;
      break;
    case 8:  scheme = mode::sv39; break;
    case 9:  scheme = mode::sv48; break;
    case 10: scheme = mode::sv57; break;
    default: return std::nullopt;
  }
  return guest_regime{scheme, static_cast<u16>(hgatp >> 44 & 0x3fff), {(hgatp & ones(2, 42)) << 12}};
}

/// Decodes a 32-bit hgatp: MODE 31, VMID 28:22, PPN 21:0. Nothing as above.
constexpr auto regime_of_hgatp32(u32 hgatp) noexcept -> std::optional<guest_regime> {
  if ((hgatp >> 31) == 0 && hgatp != 0) return std::nullopt;
  return guest_regime{(hgatp >> 31) != 0 ? mode::sv32 : mode::bare, static_cast<u16>(hgatp >> 22 & 0x7f),
                      {(u64{hgatp} & ones(2, 20)) << 12}};
}

/// The G-stage format of `m`. Precondition: m is not mode::bare.
constexpr auto guest_format_of(mode m, options const &o = {}) noexcept -> format {
  switch (m) {
    case mode::bare:
    case mode::sv32: return sv32x4_with(o);
    case mode::sv39: return svx4(3, o);
    case mode::sv48: return svx4(4, o);
    case mode::sv57: return svx4(5, o);
  }
  return sv32x4_with(o);
}

}  // namespace pagewright::riscv
