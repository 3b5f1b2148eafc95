// SPDX-License-Identifier: MIT
#include <pagewright/formats/x86.hpp>

#include "golden.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::decodes, golden::is_table, golden::kind_at, golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

// The whole of each description, where the headers assert its shape alone.
static_assert(is_sound<x86::x86_32>());
static_assert(is_sound<x86::pae>());
static_assert(is_sound<x86::x86_64_4level>());
static_assert(is_sound<x86::x86_64_5level>());

constexpr auto long_mode = x86::x86_64_4level;

// Linux programs IA32_PAT to WB WC UC- UC WB WP UC- WT: bytes 06 01 07 00 06 05 07 04 from index 0 up.
constexpr u64  linux_pat  = 0x0407'0506'0007'0106;
constexpr auto with_linux = x86::paging_4level({.types = x86::pat(linux_pat)});

TEST(x86_long, reads_and_writes_a_2m_page) {
  // P 1 | RW 2 | US 4 | A 20 | D 40 | PS 80 = E7; XD is bit 63; address 29:21 and up in place.
  EXPECT_TRUE(both_ways(long_mode, 0x80000001234000E7, {1, "large page", 0x123400000, 21, {.allow = user_rw}}));
}

TEST(x86_long, reads_and_writes_an_uncached_global_page) {
  // P 1 | RW 2 | PCD 10 | A 20 | D 40 | G 100 = 173, XD; PCD alone is PAT index 2: UC- after reset.
  EXPECT_TRUE(both_ways(long_mode, 0x80000000FEE00173,
                        {0, "page", 0xFEE00000, 12, {.allow = kernel_rw, .type = mt::uc_minus, .global = true}}));
}

TEST(x86_long, reads_and_writes_a_1g_page) {
  // P 1 | RW 2 | A 20 | D 40 | PS 80 | G 100 = 1E3, XD.
  EXPECT_TRUE(both_ways(long_mode, 0x80000004400001E3,
                        {2, "large page", 0x440000000, 30, {.allow = kernel_rw, .global = true}}));
}

TEST(x86_long, reads_and_writes_user_text) {
  // P 1 | US 4 | A 20 = 25, XD clear: executable on both sides, for SMEP is not in the tables.
  EXPECT_TRUE(both_ways(long_mode, 0x12345025,
                        {0, "page", 0x12345000, 12, {.allow = user_rx | kernel_execute, .dirty = false}}));
}

TEST(x86_long, reads_and_writes_kernel_text) {
  // P 1 | A 20 | PS 80 | G 100 = 1A1.
  EXPECT_TRUE(both_ways(long_mode, 0x10001A1,
                        {1, "large page", 0x1000000, 21, {.allow = kernel_rx, .global = true, .dirty = false}}));
}

TEST(x86_long, finds_the_pat_bit_of_a_page_in_bit_7) {
  // PAT 80 | PWT 8: index 5, WP under Linux. P 1 | RW 2 | A 20 | D 40.
  EXPECT_TRUE(both_ways(with_linux, 0x80000000000010EB, {0, "page", 0x1000, 12, {.allow = kernel_rw, .type = mt::wp}}));
}

TEST(x86_long, finds_the_pat_bit_of_a_large_page_in_bit_12) {
  // PAT is bit 12 (1000), PWT 8: index 5. P 1 | RW 2 | A 20 | D 40 | PS 80 = E3.
  EXPECT_TRUE(both_ways(with_linux, 0x80000000002010EB,
                        {1, "large page", 0x200000, 21, {.allow = kernel_rw, .type = mt::wp}}));
  // The same value without bit 12 is index 1: WC.
  EXPECT_TRUE(both_ways(with_linux, 0x80000000002000EB,
                        {1, "large page", 0x200000, 21, {.allow = kernel_rw, .type = mt::wc}}));
}

TEST(x86_long, keeps_software_bits_apart_from_protection_keys) {
  // AVL 11:9 = 7 (E00), AVL 58:52 = 7F (07F0...), 62:59 = A (5000...): software while keys are off.
  constexpr u64 entry = 0xD7F0000000001E63;
  EXPECT_TRUE(both_ways(long_mode, entry,
                        {0, "page", 0x1000, 12, {.allow = kernel_rw, .software = 0x57F0000000000E00}}));
  constexpr auto keyed = x86::paging_4level({.protection_keys = true});
  EXPECT_TRUE(decodes(keyed, entry, {0, "page", 0x1000, 12, {.allow = kernel_rw, .software = 0x07F0000000000E00}}));
  EXPECT_EQ(keyed.carried, 0x7800000000000000u);
}

TEST(x86_long, reads_and_writes_the_highest_address) {
  // A 52-bit machine: address bits 51:12 all set.
  EXPECT_TRUE(both_ways(long_mode, 0x800FFFFFFFFFF063, {0, "page", 0xFFFFFFFFFF000, 12, {.allow = kernel_rw}}));
}

TEST(x86_long, reads_what_a_linux_guest_holds) {
  // Debian 6.12 under QEMU, entry and `info tlb`: the direct map, XG-DA---W; a process's data, X--DA--UW, Linux's
  // soft-dirty mark in bit 11.
  EXPECT_TRUE(decodes(long_mode, 0x8000000000103163, {0, "page", 0x103000, 12, {.allow = kernel_rw, .global = true}}));
  EXPECT_TRUE(decodes(long_mode, 0x8000000006F9B867,
                      {0, "page", 0x6F9B000, 12, {.allow = user_rw, .software = 0x800}}));
}

TEST(x86_long, reads_table_entries_and_what_they_withhold) {
  // P 1 | RW 2 | US 4 | A 20 | bit 6 ignored 40 = 67.
  EXPECT_TRUE(is_table(long_mode, 3, 0x12345067, 0x12345000, all));
  EXPECT_TRUE(is_table(long_mode, 1, 0x12345001, 0x12345000, all - writers - user));
  EXPECT_TRUE(is_table(long_mode, 2, 0x8000000012345007, 0x12345000, all - executes));
  EXPECT_EQ(encode_table(dynamic{&long_mode}, 1u, {0x12345000}), 0x12345007u);
}

TEST(x86_long, ignores_everything_in_an_entry_without_p) {
  for (unsigned level = 0; level < 4; ++level) EXPECT_EQ(kind_at(long_mode, level, 0xFFFFFFFFFFFFFFFE), "absent");
}

// SDM 4.5 and the masks that hypervisors check: "hi" is 51:M.
TEST(x86_long, rejects_the_reserved_bits_of_each_level_and_no_others) {
  constexpr u64 hi = 0x000FFF0000000000;  // M = 40: bits 51:40
  constexpr auto f = x86::paging_5level({.physical_bits = 40});
  EXPECT_EQ(rejected_bits(f, 4, 0x1), hi | 0x80);           // PML5E: PS
  EXPECT_EQ(rejected_bits(f, 3, 0x1), hi | 0x80);           // PML4E: PS
  EXPECT_EQ(rejected_bits(f, 2, 0x1), hi);                  // PDPTE to a table; PS makes it a 1G page
  EXPECT_EQ(rejected_bits(f, 2, 0x81), hi | 0x3FFFE000);    // 1G page: 29:13
  EXPECT_EQ(rejected_bits(f, 1, 0x1), hi);                  // PDE to a table
  EXPECT_EQ(rejected_bits(f, 1, 0x81), hi | 0x001FE000);    // 2M page: 20:13
  EXPECT_EQ(rejected_bits(f, 0, 0x1), hi);                  // PTE
}

TEST(x86_long, rejects_more_on_amd_without_1g_pages_and_without_nx) {
  constexpr u64 hi = 0x000FC00000000000, xd = 0x8000000000000000;  // M = 46: bits 51:46
  constexpr auto f = x86::paging_5level({.physical_bits = 46, .no_execute = false, .gigabyte_pages = false,
                                         .amd = true});
  EXPECT_EQ(rejected_bits(f, 4, 0x1), hi | xd | 0x180);
  EXPECT_EQ(rejected_bits(f, 3, 0x1), hi | xd | 0x180);
  EXPECT_EQ(rejected_bits(f, 2, 0x1), hi | xd | 0x80);
  EXPECT_EQ(rejected_bits(f, 1, 0x1), hi | xd);
  EXPECT_EQ(rejected_bits(f, 1, 0x81), hi | xd | 0x001FE000);
  EXPECT_EQ(rejected_bits(f, 0, 0x1), hi | xd);
}

TEST(x86_long, divides_addresses_as_the_manual_does) {
  dynamic const h{&x86::x86_64_5level};
  // 56:48, 47:39, 38:30, 29:21, 20:12 of 0x01AB_CD12_3456_789A.
  constexpr u64 va = 0xFFABCD123456789A;
  EXPECT_EQ(index_of(h, 4u, va), 0x1ABu);
  EXPECT_EQ(index_of(h, 3u, va), 0x19Au);
  EXPECT_EQ(index_of(h, 2u, va), 0x048u);
  EXPECT_EQ(index_of(h, 1u, va), 0x1A2u);
  EXPECT_EQ(index_of(h, 0u, va), 0x167u);
  EXPECT_TRUE(in_extent(h, va));
  EXPECT_FALSE(in_extent(dynamic{&long_mode}, va));
  EXPECT_TRUE(in_extent(dynamic{&long_mode}, 0xFFFF800000000000));
  EXPECT_FALSE(in_extent(dynamic{&long_mode}, 0x0000800000000000));
}

// --- PAE ----------------------------------------------------------------------------------------------------------

TEST(x86_pae, reads_and_writes_pages) {
  // A user text page of an i386 guest, QEMU: ----A--U-: P 1 | US 4 | A 20.
  EXPECT_TRUE(both_ways(x86::pae, 0x3C6A025,
                        {0, "page", 0x3C6A000, 12, {.allow = user_rx | kernel_execute, .dirty = false}}));
  // P 1 | RW 2 | A 20 | D 40 | PS 80 | G 100 = 1E3, XD; above 4 Gbytes.
  EXPECT_TRUE(both_ways(x86::pae, 0x80000001234001E3,
                        {1, "large page", 0x123400000, 21, {.allow = kernel_rw, .global = true}}));
}

TEST(x86_pae, has_a_root_of_four_entries_that_carry_no_rights) {
  EXPECT_EQ(x86::pae.levels[2].index_bits, 2);
  EXPECT_EQ(table_lg2(dynamic{&x86::pae}, 2u), 5u);
  EXPECT_TRUE(is_table(x86::pae, 2, 0x12345001, 0x12345000, all));
  EXPECT_EQ(encode_table(dynamic{&x86::pae}, 2u, {0x12345000}), 0x12345001u);
  EXPECT_EQ(encode_table(dynamic{&x86::pae}, 1u, {0x12345000}), 0x12345007u);
  EXPECT_TRUE(is_table(x86::pae, 1, 0x12345001, 0x12345000, all - writers - user));
}

TEST(x86_pae, rejects_the_reserved_bits_of_each_level_and_no_others) {
  constexpr auto f = x86::paging_pae({.physical_bits = 40});
  EXPECT_EQ(rejected_bits(f, 2, 0x1), 0xFFFFFF00000001E6u);                 // 63:40, 8:5, 2:1
  EXPECT_EQ(rejected_bits(f, 1, 0x1), 0x7FFFFF0000000000u);                 // 62:40
  EXPECT_EQ(rejected_bits(f, 1, 0x81), 0x7FFFFF0000000000u | 0x001FE000u);  // and 20:13
  EXPECT_EQ(rejected_bits(f, 0, 0x1), 0x7FFFFF0000000000u);
  EXPECT_EQ(rejected_bits(x86::paging_pae({.physical_bits = 40, .marked_pdptes = true}), 2, 0x1), 0xFFFFFF00000001C6u);
  constexpr auto old = x86::paging_pae({.physical_bits = 36, .no_execute = false});
  EXPECT_EQ(rejected_bits(old, 0, 0x1), 0xFFFFFFF000000000u);
}

// --- 32-bit -------------------------------------------------------------------------------------------------------

TEST(x86_32_bit, reads_and_writes_a_4m_page_beyond_4g) {
  // PA 12_3440_0000: bits 31:22 in place (34400000), bits 39:32 = 12 in entry bits 20:13 (24000). P 1 | RW 2 | PS 80.
  EXPECT_TRUE(both_ways(x86::x86_32, 0x34424083,
                        {1, "4-Mbyte page", 0x1234400000, 22,
                         {.allow = kernel_rwx, .accessed = false, .dirty = false}}));
}

TEST(x86_32_bit, reads_and_writes_pages_without_execute_protection) {
  // P 1 | RW 2 | US 4 | A 20 | D 40 = 67: everything is executable.
  EXPECT_TRUE(both_ways(x86::x86_32, 0x87654067, {0, "page", 0x87654000, 12, {.allow = all}}));
  EXPECT_TRUE(both_ways(x86::x86_32, 0x87654021, {0, "page", 0x87654000, 12, {.allow = kernel_rx, .dirty = false}}));
  // G 100, PAT 80, AVL E00: index 4 is WB after reset.
  EXPECT_TRUE(decodes(x86::x86_32, 0x87654FE3,
                      {0, "page", 0x87654000, 12, {.allow = kernel_rwx, .global = true, .software = 0xE00}}));
}

TEST(x86_32_bit, rejects_only_address_bits_of_4m_pages) {
  EXPECT_EQ(rejected_bits(x86::paging_32({.pse36 = false}), 1, 0x81), 0x003FE000u);       // 21:13
  EXPECT_EQ(rejected_bits(x86::paging_32({.physical_bits = 36}), 1, 0x81), 0x003E0000u);  // 21:17
  EXPECT_EQ(rejected_bits(x86::paging_32({.physical_bits = 40}), 1, 0x81), 0x00200000u);  // 21
  EXPECT_EQ(rejected_bits(x86::paging_32({.physical_bits = 52}), 1, 0x81), 0x00200000u);  // PSE-36 ends at 40
  EXPECT_EQ(rejected_bits(x86::x86_32, 1, 0x01), 0u);
  EXPECT_EQ(rejected_bits(x86::x86_32, 0, 0x01), 0u);
}

TEST(x86_32_bit, ignores_ps_without_page_size_extensions) {
  EXPECT_TRUE(is_table(x86::paging_32({.page_size_extensions = false}), 1, 0x12345087, 0x12345000, all));
}

// --- registers ----------------------------------------------------------------------------------------------------

TEST(x86_registers, select_the_mode) {
  constexpr u64 pg = 0x80050033, pae = 0x20, la57 = 0x1000, pcide = 0x20000, lma_nxe = 0xD01, nxe_only = 0x800;
  EXPECT_EQ(x86::mode_of(0x11, pae, lma_nxe), x86::mode::none);
  EXPECT_EQ(x86::mode_of(pg, 0x690 & ~pae), x86::mode::paging_32);
  EXPECT_EQ(x86::mode_of(pg, 0x6F0, nxe_only), x86::mode::pae);
  EXPECT_EQ(x86::mode_of(pg, 0x6F0, lma_nxe), x86::mode::paging_4level);
  EXPECT_EQ(x86::mode_of(pg, 0x6F0 | la57, lma_nxe), x86::mode::paging_5level);
  EXPECT_EQ(x86::mode_of(pg, 0x6F0), std::nullopt);
  EXPECT_EQ(x86::mode_of(pg, 0x6F0 | pcide), x86::mode::paging_4level);
  EXPECT_EQ(x86::mode_of(pg, 0x6F0 | la57), x86::mode::paging_5level);
}

TEST(x86_registers, say_where_the_root_is) {
  EXPECT_EQ(x86::root_table(x86::mode::paging_32, 0x12345FFF).value, 0x12345000u);
  EXPECT_EQ(x86::root_table(x86::mode::pae, 0x12345678).value, 0x12345660u);
  EXPECT_EQ(x86::root_table(x86::mode::paging_4level, 0x8000000123456FFF).value, 0x123456000u);
  EXPECT_EQ(x86::root_table(x86::mode::paging_5level, 0x6000000123456018).value, 0x123456000u);  // LAM bits 62:61
  EXPECT_EQ(x86::pcid_of(0x8000000123456FFF, 0x20000), 0xFFFu);
  EXPECT_EQ(x86::pcid_of(0x8000000123456FFF, 0), 0u);
}

TEST(x86_registers, say_what_is_switched_on) {
  constexpr auto o = x86::options_of(0x400010, 0x500);  // PKE, PSE; LME LMA
  EXPECT_TRUE(o.protection_keys && o.page_size_extensions && !o.no_execute);
  EXPECT_TRUE(x86::options_of(0).no_execute && x86::options_of(0).marked_pdptes);
  EXPECT_EQ(x86::format_of(x86::mode::paging_5level, o).depth, 5);
}

TEST(x86_registers, assign_memory_types) {
  constexpr memory_types reset{mt::wb, mt::wt, mt::uc_minus, mt::uc, mt::wb, mt::wt, mt::uc_minus, mt::uc};
  EXPECT_EQ(x86::pat(x86::pat_at_reset), reset);
  constexpr memory_types linux_types{mt::wb, mt::wc, mt::uc_minus, mt::uc, mt::wb, mt::wp, mt::uc_minus, mt::wt};
  EXPECT_EQ(x86::pat(linux_pat), linux_types);
  EXPECT_EQ(x86::pat(0x02)[0], mt::reserved);
  EXPECT_EQ(x86::pat(0x80)[0], mt::reserved);
}

}  // namespace
