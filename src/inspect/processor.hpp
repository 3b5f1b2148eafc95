// SPDX-License-Identifier: MIT
// The rules of the processors whose accesses can be judged here, beside the tables that a machine has.
#pragma once

#include <variant>

#include <pagewright/mmu/arm32.hpp>
#include <pagewright/mmu/arm64_stage2.hpp>
#include <pagewright/mmu/ept.hpp>
#include <pagewright/mmu/npt.hpp>
#include <pagewright/mmu/riscv_guest.hpp>
#include <pagewright/mmu/x86.hpp>

namespace pagewright::inspect {

/// Of the tables that software sees; none where no rules are known (s390x, a format that a file describes).
using upper_rules = std::variant<std::monostate, x86::mmu, arm64::mmu, arm32::mmu, riscv::mmu>;
/// Of the stage below.
using lower_rules = std::variant<ept::mmu, npt::mmu, arm64::stage2_mmu, riscv::guest_mmu>;

}  // namespace pagewright::inspect
