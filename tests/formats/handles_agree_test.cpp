// SPDX-License-Identifier: MIT
// Both handles say the same of every format: of walks with each step, of sweeps with each part. One constant of a family
// stands for those that differ in data alone; x86, Arm64 stage 1 and RISC-V run in lockstep in tests/model.
#include <vector>

#include "handles_agree.hpp"

#include <pagewright/formats/alpha.hpp>
#include <pagewright/formats/amdgpu.hpp>
#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/arm64_stage2.hpp>
#include <pagewright/formats/dart.hpp>
#include <pagewright/formats/intel_ppgtt.hpp>
#include <pagewright/formats/loongarch.hpp>
#include <pagewright/formats/m68k.hpp>
#include <pagewright/formats/mali.hpp>
#include <pagewright/formats/nvidia.hpp>
#include <pagewright/formats/power_radix.hpp>
#include <pagewright/formats/riscv_guest.hpp>
#include <pagewright/formats/s390x.hpp>
#include <pagewright/formats/sparc_srmmu.hpp>
#include <pagewright/formats/vtd.hpp>
#include <pagewright/formats/x86_nested.hpp>

namespace {

using namespace pagewright;
using golden::handles_agree;

TEST(handles, agree_on_x86_and_what_is_made_like_it) {
  EXPECT_TRUE(handles_agree<x86::x86_64_4level>());
  EXPECT_TRUE(handles_agree<x86::x86_32>());
  EXPECT_TRUE(handles_agree<x86::pae>());
  EXPECT_TRUE(handles_agree<ept::ept_4level_mbec>());
  EXPECT_TRUE(handles_agree<npt::npt_4level>());
  EXPECT_TRUE(handles_agree<vtd::second_4level>());
  EXPECT_TRUE(handles_agree<vtd::first_5level>());
  EXPECT_TRUE(handles_agree<amdvi::v2_4level>());
}

TEST(handles, agree_on_arm_and_risc_v) {
  EXPECT_TRUE(handles_agree<arm64::stage2_16k_40>());
  EXPECT_TRUE(handles_agree<arm32::short_32>());
  EXPECT_TRUE(handles_agree<arm32::lpae_30_high>());
  EXPECT_TRUE(handles_agree<arm32::lpae_stage2_40>());
  EXPECT_TRUE(handles_agree<riscv::sv32x4>());
  EXPECT_TRUE(handles_agree<riscv::sv48x4>());
}

TEST(handles, agree_on_devices) {
  EXPECT_TRUE(handles_agree<amdvi::v1_4level>());
  EXPECT_TRUE(handles_agree<amdvi::v1_6level>());
  EXPECT_TRUE(handles_agree<dart::v1_4k>());
  EXPECT_TRUE(handles_agree<dart::v2_16k>());
  EXPECT_TRUE(handles_agree<nvidia::v2_big>());
  EXPECT_TRUE(handles_agree<nvidia::v3_small>());
  EXPECT_TRUE(handles_agree<intel_ppgtt::ppgtt_4level_64k>());
  EXPECT_TRUE(handles_agree<amdgpu::gfx9>());
  EXPECT_TRUE(handles_agree<amdgpu::gfx12_5>());
  EXPECT_TRUE(handles_agree<mali::lpae_mode>());
}

TEST(handles, agree_on_the_others) {
  EXPECT_TRUE(handles_agree<loongarch::pages_16k>());
  EXPECT_TRUE(handles_agree<power_radix::pages_4k>());
  EXPECT_TRUE(handles_agree<s390x::dat_64>());
  EXPECT_TRUE(handles_agree<sparc_srmmu::srmmu>());
  EXPECT_TRUE(handles_agree<alpha::osf1>());
  EXPECT_TRUE(handles_agree<m68k::m68040_4k>());
  EXPECT_TRUE(handles_agree<m68k::m68030_long>());
}

}  // namespace
