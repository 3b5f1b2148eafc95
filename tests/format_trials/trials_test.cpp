// SPDX-License-Identifier: MIT
// The hard cases: golden entries worked out from the manuals' tables, read and written through descriptions that exist
// to show that the schema can say them.
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>

#include "../formats/golden.hpp"
#include "amdvi.hpp"
#include "arm_short.hpp"
#include "arm_stage2.hpp"
#include "dart.hpp"
#include "ept.hpp"
#include "loongarch.hpp"
#include "nvidia.hpp"
#include "power_radix.hpp"
#include "vtd.hpp"

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

// --- AMD-Vi v1 ----------------------------------------------------------------------------------------------------

TEST(amdvi, codes_the_size_of_a_leaf_in_its_address) {
  // NextLevel 7 (E00), PR 1, IR bit 61, IW bit 62; ones from bit 12 up to the first zero code the size.
  struct { u64 entry; unsigned lg2; } const sizes[]{{0x6000001234000E01, 13}, {0x6000001234001E01, 14},
                                                    {0x6000001234007E01, 16}, {0x600000123407FE01, 20}};
  for (auto const &[entry, lg2] : sizes)
    EXPECT_TRUE(decodes(amdvi::mode4, entry, {0, "sized page", 0x1234000000, lg2, plain(read_write, mt::pma)}));
  EXPECT_TRUE(both_ways(amdvi::mode4, 0x6000001234007E01,
                        {0, "sized page", 0x1234000000, 16, plain(read_write, mt::pma)}));
  // One level up the same run of sixteen is 32 Mbytes: ones in 23:12, zero in 24.
  EXPECT_TRUE(both_ways(amdvi::mode4, 0x6000001234FFFE01,
                        {1, "sized page", 0x1234000000, 25, plain(read_write, mt::pma)}));
}

TEST(amdvi, has_natural_leaves_at_every_level) {
  EXPECT_TRUE(both_ways(amdvi::mode4, 0x6000001234600001, {1, "page", 0x1234600000, 21, plain(read_write, mt::pma)}));
  EXPECT_TRUE(both_ways(amdvi::mode4, 0x2000008000000001, {3, "page", 0x8000000000, 39, plain(readers, mt::pma)}));
}

TEST(amdvi, names_the_next_level_in_a_table_entry) {
  EXPECT_TRUE(is_table(amdvi::mode4, 1, 0x6000000012345201, 0x12345000, all));
  EXPECT_EQ(encode_table(dynamic{&amdvi::mode4}, 1u, {0x12345000}), 0x6000000012345201u);
  EXPECT_TRUE(is_table(amdvi::mode6, 5, 0x4000000012345A01, 0x12345000, all - readers));
  EXPECT_EQ(kind_at(amdvi::mode4, 2, 0x6000000012345201), "reserved");  // skips a level: not expressed
  EXPECT_EQ(kind_at(amdvi::mode4, 1, 0x6000000012345401), "reserved");  // NextLevel is this level or above
}

TEST(amdvi, covers_a_whole_64_bit_space) {
  EXPECT_EQ(amdvi::mode6.input_bits(), 64u);
  EXPECT_EQ(index_of(dynamic{&amdvi::mode6}, 5u, ~u64{0}), 127u);
  EXPECT_TRUE(in_extent(dynamic{&amdvi::mode6}, ~u64{0}));
}

// --- VT-d ---------------------------------------------------------------------------------------------------------

TEST(vtd, takes_an_entry_for_present_that_allows_anything) {
  // R 1 | W 2 | PS 80 at 2M; W alone; nothing.
  EXPECT_TRUE(both_ways(vtd::level4, 0x40000083, {1, "large page", 0x40000000, 21, plain(read_write, mt::pma)}));
  EXPECT_TRUE(both_ways(vtd::level4, 0x12345002, {0, "page", 0x12345000, 12, plain(writers, mt::pma)}));
  EXPECT_EQ(kind_at(vtd::level4, 0, 0x12345000), "absent");
  EXPECT_FALSE(encode_rights(dynamic{&vtd::level4}, vtd::level4.forms[0], none));
  EXPECT_TRUE(is_table(vtd::level4, 3, 0x12345003, 0x12345000, all));
  EXPECT_TRUE(is_table(vtd::level4, 2, 0x12345001, 0x12345000, all - writers));
}

TEST(vtd, rejects_the_reserved_bits_of_each_level_and_no_others) {
  constexpr u64 hi = 0x000FFF8000000000;  // host address width 39
  EXPECT_EQ(rejected_bits(vtd::narrow, 3, 3), hi | 0x880);
  EXPECT_EQ(rejected_bits(vtd::narrow, 2, 3), hi | 0x800);
  EXPECT_EQ(rejected_bits(vtd::narrow, 2, 0x83), hi | 0x3FFFF800);
  EXPECT_EQ(rejected_bits(vtd::narrow, 1, 0x83), hi | 0x001FF800);
  EXPECT_EQ(rejected_bits(vtd::narrow, 0, 3), hi | 0x800);
}

// --- EPT ----------------------------------------------------------------------------------------------------------

TEST(ept, reads_and_writes_leaves) {
  // R W X 7 | WB 6 << 3 = 30 | PS 80.
  EXPECT_TRUE(both_ways(ept::plain, 0x400000B7, {1, "large page", 0x40000000, 21, plain(all, mt::wb)}));
  // Execute-only, uncached; A 100, D 200.
  EXPECT_TRUE(both_ways(ept::plain, 0x12345104, {0, "page", 0x12345000, 12,
                                                 {.allow = executes, .type = mt::uc, .dirty = false}}));
  EXPECT_TRUE(both_ways(ept::plain, 0x12345333, {0, "page", 0x12345000, 12, {.allow = read_write}}));
}

TEST(ept, tells_user_and_supervisor_execution_apart_with_mode_based_control) {
  // XU is bit 10 (400).
  EXPECT_TRUE(both_ways(ept::by_mode, 0x12345431, {0, "page", 0x12345000, 12, plain(readers | user_execute, mt::wb)}));
  EXPECT_TRUE(both_ways(ept::by_mode, 0x12345035,
                        {0, "page", 0x12345000, 12, plain(readers | kernel_execute, mt::wb)}));
  EXPECT_EQ(kind_at(ept::by_mode, 0, 0x12345400), "leaf");
  EXPECT_EQ(kind_at(ept::plain, 0, 0x12345400), "absent");
}

TEST(ept, rejects_misconfigured_leaves_and_reserved_bits) {
  EXPECT_EQ(kind_at(ept::plain, 0, 0x12345032), "reserved");  // W without R
  EXPECT_EQ(kind_at(ept::plain, 0, 0x12345013), "reserved");  // memory type 2
  EXPECT_EQ(kind_at(ept::plain, 0, 0x1234503B), "reserved");  // memory type 7
  EXPECT_EQ(rejected_bits(ept::plain, 3, 7), 0xF8u);
  EXPECT_EQ(rejected_bits(ept::plain, 2, 7), 0x78u);
  EXPECT_EQ(rejected_bits(ept::plain, 2, 0xB7), 0x3FFFF008u);  // 29:12; MT 6 | 1 is type 7
  EXPECT_TRUE(is_table(ept::plain, 1, 0x12345005, 0x12345000, readers | executes));
}

// --- Arm short descriptors ----------------------------------------------------------------------------------------

TEST(arm_short, reads_and_writes_a_supersection) {
  // PA AB_CD00_0000: 31:24 = CD, 35:32 = B in 23:20, 39:36 = A in 8:5 (140). Bit 18 | 2, AP[1:0] 11 at 11:10 (C00).
  EXPECT_TRUE(both_ways(arm_short::short_format, 0xCDB40D42,
                        {1, "supersection", 0xABCD000000, 24, {.allow = all, .type = mt::device_ngnrne, .global = true,
                                                                .accessed = false, .dirty = false}}));
}

TEST(arm_short, reads_and_writes_sections_and_pages) {
  // Section 2 | B C (C) | AP 001 at 11:10 (400) | XN 10 | PXN 1: TEX[0] C B = 011 is WB.
  EXPECT_TRUE(both_ways(arm_short::short_format, 0x1230041F,
                        {1, "section", 0x12300000, 20, plain(kernel_rw, mt::wb, true)}));
  // XN alone stops the kernel too.
  EXPECT_TRUE(decodes(arm_short::short_format, 0x1230041E,
                      {1, "section", 0x12300000, 20, plain(kernel_rw, mt::wb, true)}));
  // Small page 2 | B C (C) | AP[1:0] 11 (30) | nG 800, executable.
  EXPECT_TRUE(both_ways(arm_short::short_format, 0x1234583E, {0, "small page", 0x12345000, 12, plain(all, mt::wb)}));
  // Small page, XN 1, AP 111: kernel and user read. AP[2] is bit 9.
  EXPECT_TRUE(both_ways(arm_short::short_format, 0x12345A3F,
                        {0, "small page", 0x12345000, 12, plain(readers, mt::wb)}));
  // Large page 1: sixteen slots, 64 Kbytes. AP 101 = AP[2] 200, AP[0] 10.
  EXPECT_TRUE(both_ways(arm_short::short_format, 0x12340A1D,
                        {0, "large page", 0x12340000, 16, plain(kernel_rx, mt::wb)}));
  EXPECT_TRUE(is_table(arm_short::short_format, 1, 0x12345401, 0x12345400, all));
  EXPECT_TRUE(is_table(arm_short::short_format, 1, 0x12345405, 0x12345400, all - kernel_execute));
}

TEST(arm_short, reads_but_cannot_write_what_only_the_kernel_may_write_and_all_may_read) {
  // AP 010: no row can tell it from 011 when writing.
  EXPECT_TRUE(decodes(arm_short::short_format, 0x1234582F,
                      {0, "small page", 0x12345000, 12, plain(kernel_rw | user_read, mt::wb)}));
  EXPECT_FALSE(encode_rights(dynamic{&arm_short::short_format}, arm_short::short_format.forms[0],
                             kernel_rw | user_read));
}

TEST(arm_short, has_a_root_of_16_and_tables_of_1_kbytes) {
  EXPECT_EQ(table_lg2(dynamic{&arm_short::short_format}, 1u), 14u);
  EXPECT_EQ(table_lg2(dynamic{&arm_short::short_format}, 0u), 10u);
}

// --- concatenated and widened roots -------------------------------------------------------------------------------

TEST(arm_stage2, concatenates_root_tables) {
  dynamic const h{&arm_stage2::ipa40};
  EXPECT_EQ(arm_stage2::ipa40.input_bits(), 40u);
  EXPECT_EQ(table_lg2(h, 2u), 13u);
  EXPECT_EQ(index_of(h, 2u, 0xFFFFFFFFFF), 1023u);
  EXPECT_FALSE(in_extent(h, 0x10000000000));
}

TEST(arm_stage2, reads_and_writes_leaves) {
  // Page 3 | MemAttr F (3C) | S2AP rw (C0) | SH 300 | AF 400 = 7FF; XN bit 54.
  EXPECT_TRUE(both_ways(arm_stage2::ipa40, 0x00400000412347FF,
                        {0, "page", 0x41234000, 12, {.allow = read_write, .dirty = false}}));
  // Device-nGnRE 1 << 2, block 1: a gigabyte.
  EXPECT_TRUE(both_ways(arm_stage2::ipa40, 0x00400000400007C5,
                        {2, "block", 0x40000000, 30, {.allow = read_write, .type = mt::device_ngnre, .dirty = false}}));
  // FEAT_XNX: 01 lets EL0 execute alone. Such an entry is read, but not written.
  EXPECT_TRUE(decodes(arm_stage2::ipa40, 0x00200000412347FF,
                      {0, "page", 0x41234000, 12, {.allow = read_write | user_execute, .dirty = false}}));
}

constexpr format sv39x4 = wider_root(riscv::sv39, "riscv-sv39x4", 2, extent::zero);
static_assert(is_sound<sv39x4>());

TEST(riscv_x4, widens_the_root_by_two_bits) {
  dynamic const h{&sv39x4};
  EXPECT_EQ(table_lg2(h, 2u), 14u);
  EXPECT_EQ(index_of(h, 2u, 0x1FFFFFFFFFF), 2047u);
  EXPECT_TRUE(in_extent(h, 0x1FFFFFFFFFF));
  EXPECT_FALSE(in_extent(h, 0x20000000000));
  // U must be 1 in the second stage: V R W X U A D = DF.
  EXPECT_TRUE(both_ways(sv39x4, 0x20048CDF, {0, "page", 0x80123000, 12, {.allow = user_rwx, .type = mt::pma}}));
}

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

// --- NVIDIA -------------------------------------------------------------------------------------------------------

TEST(nvidia, reads_and_writes_pages_in_both_apertures) {
  // VALID 1, PA >> 12 at bit 8, KIND 6 at 63:56. System coherent: aperture 2 (4), VOL 8.
  EXPECT_TRUE(decodes(nvidia::small_view, 0x0600000012345601, {0, "video page", 0x123456000, 12, plain(all, mt::pma)}));
  EXPECT_TRUE(decodes(nvidia::small_view, 0x060000001234560D,
                      {0, "system page", 0x123456000, 12, plain(all, mt::pma)}));
  EXPECT_TRUE(both_ways(nvidia::small_view, 0x0000000012345601,
                        {0, "video page", 0x123456000, 12, plain(all, mt::pma)}));
  // READ_ONLY 40, PRIVILEGE 20.
  EXPECT_TRUE(both_ways(nvidia::small_view, 0x0000000012345665,
                        {0, "system page", 0x123456000, 12, plain(kernel_read | kernel_execute, mt::pma)}));
}

TEST(nvidia, sees_each_half_of_a_dual_entry) {
  dynamic const big{&nvidia::big_view}, small{&nvidia::small_view};
  EXPECT_TRUE(is_table(nvidia::big_view, 1, 0x12345612, 0x123456100, all));
  EXPECT_TRUE(is_table(nvidia::small_view, 1, 0x12345802, 0x123458000, all));
  EXPECT_EQ(encode_table(big, 1u, {0x123456100}), 0x12345612u);
  EXPECT_EQ(encode_table(small, 1u, {0x123458000}), 0x12345802u);
  EXPECT_EQ(slot_address(big, 1u, {0x1000}, 3).value, 0x1030u);
  EXPECT_EQ(slot_address(small, 1u, {0x1000}, 3).value, 0x1038u);
  EXPECT_EQ(slot_address(small, 2u, {0x1000}, 3).value, 0x1018u);
  EXPECT_EQ(table_lg2(big, 0u), 8u);
  EXPECT_EQ(table_lg2(big, 1u), 12u);
  EXPECT_TRUE(decodes(nvidia::big_view, 0x20000001, {1, "2-Mbyte video page", 0x200000000, 21, plain(all, mt::pma)}));
}

// --- DART ---------------------------------------------------------------------------------------------------------

TEST(dart, reads_and_writes_inverted_rights_and_shifted_addresses) {
  EXPECT_TRUE(both_ways(dart::v1, 0xFFF0812344003, {0, "page", 0x812344000, 14, plain(read_write, mt::pma)}));
  // Shifted right by four: 812344000 >> 4 = 81234400.
  EXPECT_TRUE(both_ways(dart::v2, 0xFFF0081234401, {0, "page", 0x812344000, 14, plain(read_write, mt::pma)}));
  EXPECT_TRUE(both_ways(dart::v2, 0xFFF0081234405, {0, "page", 0x812344000, 14, plain(readers, mt::pma)}));
  EXPECT_TRUE(is_table(dart::v2, 1, 0x81234401, 0x812344000, all));
}

TEST(trials, name_every_bit_of_every_entry) {
  for (auto const *f : {&amdvi::mode3, &amdvi::mode4, &amdvi::mode6, &vtd::level3, &vtd::level4, &vtd::narrow,
                        &ept::plain, &ept::by_mode,
                        &arm_short::short_format, &arm_stage2::ipa39, &arm_stage2::ipa40, &sv39x4, &loongarch::pages_4k,
                        &power_radix::pages_4k, &power_radix::pages_64k, &nvidia::small_view, &nvidia::big_view,
                        &dart::v1, &dart::v2})
    EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
