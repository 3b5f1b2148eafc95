// SPDX-License-Identifier: MIT
// The RISC-V IOMMU translates by the processor's tables: what its device and process contexts select. RISC-V IOMMU
// Architecture Specification 1.0, chapter 3 (data structures); privileged ISA, "Two-stage address translation".
#pragma once

#include <expected>

#include "riscv_guest.hpp"

namespace pagewright::riscv_iommu {

/// What the unit offers (capabilities) and its features-control register switches on.
struct features {
  riscv::options pages{};           // Svnapot, Svpbmt, Svrsw60t59b; hardware_accessed is the contexts' to say
  bool           amo_hwad = true;   // capabilities.AMO_HWAD: it can set A and D
  bool           gxl      = false;  // fctl.GXL: second stages are Sv32x4
};

/// The base of a device context (3.1.3), and a process context (3.2).
struct device_context {
  u64 tc, iohgatp, ta, fsc;
};
struct process_context {
  u64 ta, fsc;
};

/// Why a context is not usable: the cause that the fault queue reports.
enum class cause : u16 { ddt_invalid = 258, ddt_misconfigured = 259, pdt_invalid = 266, pdt_misconfigured = 267 };

constexpr auto text(cause why) noexcept -> char const * {
  switch (why) {
    case cause::ddt_invalid:       return "DDT entry not valid";
    case cause::ddt_misconfigured: return "DDT entry misconfigured";
    case cause::pdt_invalid:       return "PDT entry not valid";
    case cause::pdt_misconfigured: return "PDT entry misconfigured";
  }
  return "?";
}

/// One stage of a device's translation. For riscv::mode::bare there is no table: addresses pass unchanged.
struct stage {
  riscv::mode    scheme = riscv::mode::bare;
  u32            id     = 0;  // PSCID or GSCID
  output_address table{};
  riscv::options options{};
  byte_order     order = byte_order::little;
};

inline constexpr u64 pdtv = bit(5), gade = bit(7), sade = bit(8), sbe = bit(10), sxl = bit(11);

namespace contexts {

/// The part of a context that iosatp and iohgatp share: MODE 63:60, PPN 43:0. `narrow`: mode 8 has 32-bit entries.
constexpr auto of(u64 atp, bool narrow, u64 tc, bool marks, u32 id, features const &has) noexcept
    -> std::optional<stage> {
  auto scheme = riscv::mode::bare;
  switch (atp >> 60) {
    case 0:  break;
    case 8:  scheme = narrow ? riscv::mode::sv32 : riscv::mode::sv39; break;
    case 9:  scheme = riscv::mode::sv48; break;
    case 10: scheme = riscv::mode::sv57; break;
    default: return std::nullopt;
  }
  if (narrow && scheme > riscv::mode::sv32) return std::nullopt;
  stage found{scheme, id, {(atp & ones(0, 44)) << 12}, has.pages,
              (tc & sbe) != 0 ? byte_order::big : byte_order::little};
  found.options.hardware_accessed = marks;
  return found;
}

/// Is the device context valid, and does it ask for nothing that the unit cannot do? (That SADE too needs AMO_HWAD is
/// from memory of the specification.)
constexpr auto flaw_of(device_context const &dc, features const &has) noexcept -> std::optional<cause> {
  if ((dc.tc & 1) == 0) return cause::ddt_invalid;
  if (!has.amo_hwad && (dc.tc & (gade | sade)) != 0) return cause::ddt_misconfigured;
  return std::nullopt;
}

}  // namespace contexts

/// The second stage that a device context selects. Its root is 16 Kbytes and aligned to that.
constexpr auto second_stage_of(device_context const &dc, features const &has = {}) noexcept
    -> std::expected<stage, cause> {
  if (auto const bad = contexts::flaw_of(dc, has)) return std::unexpected{*bad};
  auto const found = contexts::of(dc.iohgatp, has.gxl, dc.tc, (dc.tc & gade) != 0,
                                  static_cast<u32>(dc.iohgatp >> 44 & ones(0, 16)), has);
  if (!found || (found->scheme != riscv::mode::bare && !is_aligned(found->table.value, 14)))
    return std::unexpected{cause::ddt_misconfigured};
  return *found;
}

/// The first stage that a device context selects itself; with PDTV the process contexts do.
/// Precondition: tc.PDTV is clear.
constexpr auto first_stage_of(device_context const &dc, features const &has = {}) noexcept
    -> std::expected<stage, cause> {
  if (auto const bad = contexts::flaw_of(dc, has)) return std::unexpected{*bad};
  auto const found = contexts::of(dc.fsc, (dc.tc & sxl) != 0, dc.tc, (dc.tc & sade) != 0,
                                  static_cast<u32>(dc.ta >> 12 & ones(0, 20)), has);
  if (!found) return std::unexpected{cause::ddt_misconfigured};
  return *found;
}

/// The first stage that a process context of the device selects.
constexpr auto process_stage_of(device_context const &dc, process_context const &pc, features const &has = {}) noexcept
    -> std::expected<stage, cause> {
  if (auto const bad = contexts::flaw_of(dc, has)) return std::unexpected{*bad};
  if ((pc.ta & 1) == 0) return std::unexpected{cause::pdt_invalid};
  auto const found = contexts::of(pc.fsc, (dc.tc & sxl) != 0, dc.tc, (dc.tc & sade) != 0,
                                  static_cast<u32>(pc.ta >> 12 & ones(0, 20)), has);
  if (!found) return std::unexpected{cause::pdt_misconfigured};
  return *found;
}

/// The process directory of a device: its levels, 0 if there is none, and its top table. Upper levels hold 512
/// entries of 8 bytes, the last one 256 process contexts of 16 bytes.
struct process_directory {
  unsigned       levels;
  output_address table;
};
/// Precondition: tc.PDTV is set.
constexpr auto process_directory_of(device_context const &dc) noexcept -> std::expected<process_directory, cause> {
  u64 const mode = dc.fsc >> 60;
  if ((dc.tc & 1) == 0) return std::unexpected{cause::ddt_invalid};
  if (mode > 3) return std::unexpected{cause::ddt_misconfigured};
  return process_directory{static_cast<unsigned>(mode), {(dc.fsc & ones(0, 44)) << 12}};
}
/// The slot that `process` selects in a directory table of `level`; level 0 holds the contexts.
constexpr auto process_index(u32 process, unsigned level) noexcept -> u64 {
  return level == 0 ? process & 0xff : level == 1 ? process >> 8 & 0x1ff : process >> 17 & 0x7;
}

// --- the formats --------------------------------------------------------------------------------------------------

/// The tables of a first stage. Precondition: its scheme is not bare. Devices are users unless they say otherwise and
/// PC.ta.ENS lets them; supervisor code is never fetched from user pages, supervisor data only with PC.ta.SUM.
constexpr auto first_stage(stage const &s) noexcept -> format {
  auto f  = riscv::format_of(s.scheme, s.options);
  f.order = s.order;
  return f;
}

/// The tables of a second stage, Sv32x4 to Sv57x4. Precondition: its scheme is not bare.
constexpr auto second_stage(stage const &s) noexcept -> format {
  auto f  = riscv::guest_format_of(s.scheme, s.options);
  f.order = s.order;
  return f;
}

}  // namespace pagewright::riscv_iommu
