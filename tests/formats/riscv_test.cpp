// SPDX-License-Identifier: MIT
#include <pagewright/formats/riscv.hpp>

#include "golden.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::decodes, golden::is_table, golden::kind_at, golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

static_assert(is_sound<riscv::sv32>());
static_assert(is_sound<riscv::sv39>());
static_assert(is_sound<riscv::sv48>());
static_assert(is_sound<riscv::sv57>());

TEST(riscv, reads_and_writes_a_kernel_page) {
  // PPN 80123 in 53:10: 80123 << 10 = 20048C00. V 1 | R 2 | W 4 | A 40 | D 80 = C7.
  EXPECT_TRUE(both_ways(riscv::sv39, 0x20048CC7, {0, "page", 0x80123000, 12, {.allow = kernel_rw, .type = mt::pma}}));
}

TEST(riscv, reads_and_writes_a_napot_group) {
  // N bit 63; PPN 80120 with the low pattern 1000: 80128 << 10 = 2004A000.
  EXPECT_TRUE(both_ways(riscv::sv39, 0x800000002004A0C7,
                        {0, "64-Kbyte page", 0x80120000, 16, {.allow = kernel_rw, .type = mt::pma}}));
}

TEST(riscv, reads_and_writes_user_pages) {
  // 8220C << 10 = 20883000. V 1 | R 2 | X 8 | U 10 | A 40 = 5B: as QEMU shows a user's text, r-xu-a-.
  EXPECT_TRUE(both_ways(riscv::sv39, 0x2088305B,
                        {0, "page", 0x8220C000, 12, {.allow = user_rx, .type = mt::pma, .dirty = false}}));
  // V 1 | R 2 | W 4 | U 10 | A 40 | D 80 = D7.
  EXPECT_TRUE(both_ways(riscv::sv39, 0x208830D7, {0, "page", 0x8220C000, 12, {.allow = user_rw, .type = mt::pma}}));
}

TEST(riscv, reads_and_writes_execute_only_pages) {
  // V 1 | X 8 | A 40 = 49; with U 10 it is the user's alone.
  EXPECT_TRUE(both_ways(riscv::sv48, 0x20048C49,
                        {0, "page", 0x80123000, 12, {.allow = kernel_execute, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(both_ways(riscv::sv48, 0x20048C59,
                        {0, "page", 0x80123000, 12, {.allow = user_execute, .type = mt::pma, .dirty = false}}));
}

TEST(riscv, reads_and_writes_superpages) {
  // 80200 << 10 = 20080000. V R W X G A D = EF.
  EXPECT_TRUE(both_ways(riscv::sv39, 0x200800EF,
                        {1, "page", 0x80200000, 21, {.allow = kernel_rwx, .type = mt::pma, .global = true}}));
  // A 256T leaf at 2^48: PPN bit 36 is entry bit 46.
  EXPECT_TRUE(both_ways(riscv::sv57, 0x4000000000EF,
                        {4, "page", 0x1000000000000, 48, {.allow = kernel_rwx, .type = mt::pma, .global = true}}));
  // The highest 512G leaf: PPN 44 bits, upper 17 set: FFFF8000000 << 10 = 3FFFE000000000.
  EXPECT_TRUE(both_ways(riscv::sv48, 0x3FFFE0000000C7,
                        {3, "page", 0xFFFF8000000000, 39, {.allow = kernel_rw, .type = mt::pma}}));
}

TEST(riscv, reads_and_writes_memory_types) {
  // A device at 10000000: 10000 << 10 = 4000000; PBMT 2 (IO) is bit 62, 1 (NC) is bit 61.
  EXPECT_TRUE(both_ways(riscv::sv39, 0x40000000040000C7,
                        {0, "page", 0x10000000, 12, {.allow = kernel_rw, .type = mt::io}}));
  EXPECT_TRUE(both_ways(riscv::sv39, 0x20000000040000C7,
                        {0, "page", 0x10000000, 12, {.allow = kernel_rw, .type = mt::nc}}));
  EXPECT_EQ(kind_at(riscv::sv39, 0, 0x60000000040000C7), "reserved");
  constexpr auto plain = riscv::sv(3, {.memory_types = false});
  EXPECT_EQ(kind_at(plain, 0, 0x40000000040000C7), "reserved");
}

TEST(riscv, rejects_reserved_permissions) {
  EXPECT_EQ(kind_at(riscv::sv39, 0, 0x20048CC5), "reserved");  // W without R
  EXPECT_EQ(kind_at(riscv::sv39, 0, 0x20048CCD), "reserved");  // W and X without R
  EXPECT_EQ(kind_at(riscv::sv39, 1, 0x200800C5), "reserved");
  EXPECT_EQ(kind_at(riscv::sv39, 0, 0x20048CC1), "reserved");  // a pointer at the last level
}

TEST(riscv, rejects_misaligned_superpages) {
  EXPECT_EQ(kind_at(riscv::sv39, 1, 0x200804CF), "reserved");  // 80201
  EXPECT_EQ(kind_at(riscv::sv39, 2, 0x200800CF), "reserved");  // 80200 is no multiple of 40000
  EXPECT_EQ(kind_at(riscv::sv39, 2, 0x200000CF), "leaf");      // 80000 is
}

TEST(riscv, rejects_n_anywhere_but_in_the_64k_pattern) {
  EXPECT_EQ(kind_at(riscv::sv39, 0, 0x80000000200480C7), "reserved");  // pattern 0000
  EXPECT_EQ(kind_at(riscv::sv39, 0, 0x800000002004B0C7), "reserved");  // pattern 1100
  EXPECT_EQ(kind_at(riscv::sv39, 1, 0x80000000200820C7), "reserved");
  constexpr auto plain = riscv::sv(3, {.napot = false});
  EXPECT_EQ(kind_at(plain, 0, 0x800000002004A0C7), "reserved");
}

TEST(riscv, rejects_the_reserved_bits_of_each_kind_and_no_others) {
  // A leaf: 60:54, N (no pattern), PBMT alone is a type.
  EXPECT_EQ(rejected_bits(riscv::sv39, 0, 0xC7), 0x9FC0000000000000u);
  // A level-1 leaf: PPN[0] 18:10 as well.
  EXPECT_EQ(rejected_bits(riscv::sv39, 1, 0xC7), 0x9FC0000000000000u | 0x7FC00u);
  // A pointer: D A U, 63:54; W alone makes it a reserved leaf.
  EXPECT_EQ(rejected_bits(riscv::sv39, 1, 0x1), 0xFFC00000000000D4u);
  // Svrsw60t59b gives 60:59 of leaves to software.
  constexpr auto soft = riscv::sv(3, {.more_software = true});
  EXPECT_EQ(rejected_bits(soft, 0, 0xC7), 0x87C0000000000000u);
  EXPECT_TRUE(both_ways(soft, 0x1800000020048FC7,
                        {0, "page", 0x80123000, 12,
                         {.allow = kernel_rw, .type = mt::pma, .software = 0x1800000000000300}}));
}

TEST(riscv, reads_pointers) {
  EXPECT_TRUE(is_table(riscv::sv39, 2, 0x20048C01, 0x80123000, all));
  EXPECT_EQ(encode_table(dynamic{&riscv::sv39}, 1u, {0x80123000}), 0x20048C01u);
  EXPECT_TRUE(riscv::sv39.table_global(0x20048C21));
  EXPECT_FALSE(riscv::sv39.table_global(0x20048C01));
}

TEST(riscv, cannot_say_a_leaf_without_rights_or_with_writing_alone) {
  dynamic const h{&riscv::sv39};
  EXPECT_FALSE(encode_rights(h, h->forms[0], none));
  EXPECT_FALSE(encode_rights(h, h->forms[0], kernel_write));
  EXPECT_FALSE(encode_rights(h, h->forms[0], user_rx | kernel_execute));
  EXPECT_EQ(least_rights(h, kernel_write), kernel_rw);
  EXPECT_EQ(least_rights(h, user_write), user_rw);
  EXPECT_EQ(least_rights(h, user_execute | kernel_execute), std::nullopt);
}

TEST(riscv, faults_on_unaccessed_leaves_only_where_hardware_does_not_mark_them) {
  EXPECT_FALSE(riscv::sv39.unaccessed_faults);
  EXPECT_TRUE(riscv::sv(3, {.hardware_accessed = false}).unaccessed_faults);
  EXPECT_TRUE(riscv::sv39.caches_absent);
}

TEST(riscv, divides_addresses_as_the_manual_does) {
  dynamic const h{&riscv::sv39};
  constexpr u64 va = 0xFFFFFFFFC0DEF123;
  EXPECT_EQ(index_of(h, 2u, va), 0x1FFu);
  EXPECT_EQ(index_of(h, 1u, va), 0x006u);
  EXPECT_EQ(index_of(h, 0u, va), 0x1EFu);
  EXPECT_TRUE(in_extent(h, va));
  EXPECT_FALSE(in_extent(h, 0x4000000000));
  EXPECT_TRUE(in_extent(h, 0xFFFFFFC000000000));
}

TEST(riscv_sv32, reads_and_writes_34_bit_addresses) {
  // PPN 3FFFFF << 10 = FFFFFC00, plus C7.
  EXPECT_TRUE(both_ways(riscv::sv32, 0xFFFFFCC7, {0, "page", 0x3FFFFF000, 12, {.allow = kernel_rw, .type = mt::pma}}));
  // 80400 << 10 = 20100000; V R W X A D = CF.
  EXPECT_TRUE(both_ways(riscv::sv32, 0x201000CF, {1, "page", 0x80400000, 22, {.allow = kernel_rwx, .type = mt::pma}}));
  EXPECT_EQ(kind_at(riscv::sv32, 1, 0x201004CF), "reserved");
  EXPECT_TRUE(is_table(riscv::sv32, 1, 0x20048C01, 0x80123000, all));
  EXPECT_EQ(rejected_bits(riscv::sv32, 1, 0x1), 0xD4u);
}

TEST(riscv_satp, says_scheme_space_and_root) {
  // MODE 8, ASID 1234, PPN 80123: 8 | 1234 | 00000080123.
  auto const satp = riscv::regime_of_satp64(0x8123400000080123);
  ASSERT_TRUE(satp);
  EXPECT_EQ(satp->scheme, riscv::mode::sv39);
  EXPECT_EQ(satp->asid, 0x1234);
  EXPECT_EQ(satp->table.value, 0x80123000u);
  EXPECT_EQ(riscv::regime_of_satp64(0x9000000000080123)->scheme, riscv::mode::sv48);
  EXPECT_EQ(riscv::regime_of_satp64(0xA00000FFFFFFFFFF)->scheme, riscv::mode::sv57);
  EXPECT_EQ(riscv::regime_of_satp64(0)->scheme, riscv::mode::bare);
  EXPECT_FALSE(riscv::regime_of_satp64(0x1000000000000000));
  EXPECT_FALSE(riscv::regime_of_satp64(0xB000000000000000));
  EXPECT_EQ(riscv::format_of(riscv::mode::sv57).depth, 5);
}

TEST(riscv_satp, has_its_own_layout_with_32_bits) {
  // MODE 1, ASID 155 (bits 30:22), PPN 80123.
  auto const satp = riscv::regime_of_satp32(0x80000000u | 0x155u << 22 | 0x80123u);
  EXPECT_EQ(satp.scheme, riscv::mode::sv32);
  EXPECT_EQ(satp.asid, 0x155);
  EXPECT_EQ(satp.table.value, 0x80123000u);
  EXPECT_EQ(riscv::regime_of_satp32(0x123).scheme, riscv::mode::bare);
}

}  // namespace
