// SPDX-License-Identifier: MIT
// What the AArch64 probe program and its host agree on, beside protocol.hpp.
#pragma once

#include "../protocol.hpp"

namespace machine::aarch64 {

inline constexpr u64 control_at = 0x4020'0000;
inline constexpr u64 stub_at    = 0x4011'0000;  // a page that EL1 and EL0 execute: tables under test must map it

/// Of setting::registers.
enum reg : unsigned { ttbr0_el1, ttbr1_el1, tcr_el1, mair_el1, sctlr_el1, pstate, stub, hcr_el2, vttbr_el2, vtcr_el2 };

/// Of probe::mode. `el1` to `unprivileged` are accesses; the others ask by an AT instruction and get PAR_EL1.
/// `identification`: value is ID_AA64MMFR<address>_EL1.
enum mode : u8 { el1, el0, unprivileged, at_s1e1, at_s1e0, at_s1e1_pan, at_s12e1, at_s12e0, identification };

/// answer::faulted: where the abort was taken. Then cause and address are ESR and FAR of that level, further is HPFAR_EL2.
enum taken : u64 { nowhere, to_el1, to_el2 };

}  // namespace machine::aarch64
