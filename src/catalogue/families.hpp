// SPDX-License-Identifier: MIT
// What catalogue.cpp lists.
#pragma once

#include "catalogue.hpp"

namespace pagewright::catalogue {

extern family const x86_family, ept_family, npt_family, arm64_family, arm64_stage2_family, arm32_short_family,
    arm32_lpae_family, riscv_family, riscv_guest_family;  // cpu_families.cpp
extern family const loongarch_family, power_radix_family, s390x_family, sparc_srmmu_family, m68k_family,
    alpha_family;  // other_families.cpp
extern family const vtd_family, amdvi_family, riscv_iommu_family, smmuv3_family, dart_family, nvidia_family,
    intel_ppgtt_family, amdgpu_family, mali_family;  // device_families.cpp

}  // namespace pagewright::catalogue
