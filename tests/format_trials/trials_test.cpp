// SPDX-License-Identifier: MIT
// The hard cases: golden entries worked out from the manuals' tables, read and written through descriptions that exist
// to show that the schema can say them.
#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/arm64_stage2.hpp>
#include <pagewright/formats/dart.hpp>
#include <pagewright/formats/loongarch.hpp>
#include <pagewright/formats/nvidia.hpp>
#include <pagewright/formats/power_radix.hpp>
#include <pagewright/formats/riscv_guest.hpp>
#include <pagewright/formats/s390x.hpp>
#include <pagewright/formats/vtd.hpp>
#include <pagewright/formats/x86_nested.hpp>

#include <gtest/gtest.h>

namespace {

using namespace pagewright;

// --- already in the library: PAE, PSE-36, the moving PAT bit, 16K and 64K with LPA and LPA2 -----------------------

static_assert(x86::pae.levels[2].index_bits == 2 && !x86::pae.levels[2].narrows);
static_assert(gather(x86::x86_32.forms[1].address, 0x34424083) == 0x1234400000);
static_assert(gather(x86::x86_64_4level.forms[0].type, 0x80) == 4 && gather(x86::x86_64_4level.forms[1].type,
                                                                            0x1000) == 4);
static_assert(gather(arm64::stage1_64k_52_lpa_lower.forms[0].address, 0x12345678A703) == 0xA123456780000);
static_assert(gather(arm64::stage1_16k_52_lpa2_lower.forms[0].address, 0x4018C503) == 0x400004018C000);

// --- all of them --------------------------------------------------------------------------------------------------

// The hard cases as the library ships them: what is compiled here is what is used.
static_assert(is_sound<x86::pae>() && is_sound<x86::x86_32>());
static_assert(is_sound<ept::ept_4level_mbec>() && is_sound<amdvi::v1_4level>() && is_sound<vtd::second_4level>());
static_assert(is_sound<arm32::short_32>() && is_sound<arm64::stage2_4k_40>() && is_sound<riscv::sv39x4>());
static_assert(is_sound<nvidia::v2_small>() && is_sound<nvidia::v2_big>());
static_assert(is_sound<dart::v1_16k>() && is_sound<dart::v2_16k>());
static_assert(is_sound<loongarch::pages_4k>() && is_sound<power_radix::pages_4k>() && is_sound<s390x::dat_64>());

TEST(trials, are_sound_as_they_are_at_run_time_too) {
  for (auto const *f : {&x86::pae, &x86::x86_32, &ept::ept_4level_mbec, &amdvi::v1_4level, &vtd::second_4level,
                        &arm32::short_32, &arm64::stage2_4k_40, &riscv::sv39x4, &nvidia::v2_small, &nvidia::v2_big,
                        &dart::v1_16k, &dart::v2_16k, &loongarch::pages_4k, &power_radix::pages_4k, &s390x::dat_64}) {
    auto const found = check(*f);
    EXPECT_FALSE(found) << f->name << ": " << text(found.what) << ", " << found.level << ", " << found.where;
  }
}

}  // namespace
