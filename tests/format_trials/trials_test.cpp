// SPDX-License-Identifier: MIT
// The hard cases: golden entries worked out from the manuals' tables, read and written through descriptions that exist
// to show that the schema can say them.
#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/arm64_stage2.hpp>
#include <pagewright/formats/dart.hpp>
#include <pagewright/formats/nvidia.hpp>
#include <pagewright/formats/riscv_guest.hpp>
#include <pagewright/formats/vtd.hpp>
#include <pagewright/formats/x86_nested.hpp>

#include "../formats/golden.hpp"
#include "loongarch.hpp"
#include "power_radix.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::decodes, golden::encodes, golden::is_table, golden::kind_at, golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

/// What a leaf without accessed or dirty marks says.
constexpr auto plain(rights r, memory_type t, bool global = false) -> attributes {
  return {.allow = r, .type = t, .global = global, .accessed = false, .dirty = false};
}
constexpr auto read_write = readers | writers;

// --- already in the library: PAE, PSE-36, the moving PAT bit, 16K and 64K with LPA and LPA2 -----------------------

static_assert(x86::pae.levels[2].index_bits == 2 && !x86::pae.levels[2].narrows);
static_assert(gather(x86::x86_32.forms[1].address, 0x34424083) == 0x1234400000);
static_assert(gather(x86::x86_64_4level.forms[0].type, 0x80) == 4 && gather(x86::x86_64_4level.forms[1].type,
                                                                            0x1000) == 4);
static_assert(gather(arm64::stage1_64k_52_lpa_lower.forms[0].address, 0x12345678A703) == 0xA123456780000);
static_assert(gather(arm64::stage1_16k_52_lpa2_lower.forms[0].address, 0x4018C503) == 0x400004018C000);

// --- LoongArch ----------------------------------------------------------------------------------------------------

TEST(loongarch, moves_the_global_bit_where_the_huge_bit_is) {
  // V 1 | D 2 | PLV 0 | MAT 1 (10) | G 40 | P 80 = D3, NX bit 62.
  EXPECT_TRUE(both_ways(loongarch::pages_4k, 0x40000000123450D3,
                        {0, "page", 0x12345000, 12, plain(kernel_rw, mt::wb, true)}));
  // H 40, G bit 12.
  EXPECT_TRUE(both_ways(loongarch::pages_4k, 0x40000000124010D3,
                        {1, "huge page", 0x12400000, 21, plain(kernel_rw, mt::wb, true)}));
  EXPECT_TRUE(both_ways(loongarch::pages_4k, 0x40000000124000D3,
                        {1, "huge page", 0x12400000, 21, plain(kernel_rw, mt::wb)}));
}

TEST(loongarch, knows_privilege_levels) {
  // PLV 3 (C): both; with RPLV (bit 63) the user alone.
  EXPECT_TRUE(both_ways(loongarch::pages_4k, 0x1234509D,
                        {0, "page", 0x12345000, 12, plain(readers | executes, mt::wb)}));
  EXPECT_TRUE(decodes(loongarch::pages_4k, 0x800000001234509D,
                      {0, "page", 0x12345000, 12, plain(user_read | user_execute, mt::wb)}));
  EXPECT_TRUE(decodes(loongarch::pages_4k, 0x12345095,
                      {0, "page", 0x12345000, 12, plain(kernel_rx, mt::wb)}));  // PLV 1
}

TEST(loongarch, has_directories_without_a_present_bit) {
  EXPECT_TRUE(is_table(loongarch::pages_4k, 1, 0x12345000, 0x12345000, all));
  EXPECT_EQ(kind_at(loongarch::pages_4k, 1, 0), "absent");
  EXPECT_EQ(kind_at(loongarch::pages_4k, 0, 0x12345000), "reserved");  // V = 0: invalid, though not empty
}

// --- Power --------------------------------------------------------------------------------------------------------

TEST(power_radix, reads_and_writes_big_endian_entries) {
  EXPECT_EQ(power_radix::pages_4k.order, byte_order::big);
  // V and L (C0...), R 100 | C 80 | PRIV 8 | EAA 7 = 18F.
  EXPECT_TRUE(both_ways(power_radix::pages_4k, 0xC00000001234518F,
                        {0, "page", 0x12345000, 12, {.allow = kernel_rwx, .type = mt::wb}}));
  // EAA.RW alone implies reading.
  EXPECT_TRUE(decodes(power_radix::pages_4k, 0xC000000012345182, {0, "page", 0x12345000, 12, {.allow = read_write}}));
}

TEST(power_radix, holds_the_width_of_the_next_table) {
  EXPECT_TRUE(is_table(power_radix::pages_4k, 1, 0x8000000012345009, 0x12345000, all));
  EXPECT_EQ(encode_table(dynamic{&power_radix::pages_4k}, 1u, {0x12345000}), 0x8000000012345009u);
  EXPECT_EQ(encode_table(dynamic{&power_radix::pages_64k}, 1u, {0x12345000}), 0x8000000012345005u);
  EXPECT_EQ(kind_at(power_radix::pages_4k, 1, 0x8000000012345005), "reserved");  // not a shape the processors accept
  EXPECT_EQ(table_lg2(dynamic{&power_radix::pages_4k}, 3u), 16u);
}

// --- all of them --------------------------------------------------------------------------------------------------

// The hard cases as the library ships them: what is compiled here is what is used.
static_assert(is_sound<x86::pae>() && is_sound<x86::x86_32>());
static_assert(is_sound<ept::ept_4level_mbec>() && is_sound<amdvi::v1_4level>() && is_sound<vtd::second_4level>());
static_assert(is_sound<arm32::short_32>() && is_sound<arm64::stage2_4k_40>() && is_sound<riscv::sv39x4>());
static_assert(is_sound<nvidia::v2_small>() && is_sound<nvidia::v2_big>());
static_assert(is_sound<dart::v1_16k>() && is_sound<dart::v2_16k>());

TEST(trials, name_every_bit_of_every_entry) {
  for (auto const *f : {&loongarch::pages_4k, &power_radix::pages_4k, &power_radix::pages_64k})
    EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
