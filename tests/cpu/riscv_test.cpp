// SPDX-License-Identifier: MIT
// Golden values for RISC-V, worked out from the privileged specification as the comments show.
#include <gtest/gtest.h>

#include <pagewright/cpu/riscv.hpp>

using namespace pagewright;
using namespace pagewright::cpu::riscv;

namespace {
auto const nothing   = std::optional<u64>{};
auto const nothing32 = std::optional<u32>{};
}  // namespace

TEST(riscv_satp, holds_mode_asid_and_page_number) {
  // 64 bits: MODE 63:60 (8 Sv39, 9 Sv48, 10 Sv57), ASID 59:44, PPN 43:0.
  EXPECT_EQ(satp64(mode::sv39, {0x8040'0000}, 5), 0x8000'5000'0008'0400u);
  EXPECT_EQ(satp64(mode::sv48, {0x8040'0000}, 0xffff), 0x9fff'f000'0008'0400u);
  EXPECT_EQ(satp64(mode::sv57, {ones(12, 44)}), 0xa000'0fff'ffff'ffffu);
  EXPECT_EQ(satp64(mode::bare, {}), 0u);
  // 32 bits: MODE 31, ASID 30:22, PPN 21:0.
  EXPECT_EQ(satp32(mode::sv32, {0x3'ffff'f000}, 0x155), 0x8000'0000u | 0x155u << 22 | 0x3f'ffffu);
  EXPECT_EQ(satp32(mode::bare, {}), 0u);
}

TEST(riscv_satp, refuses_what_does_not_fit) {
  EXPECT_EQ(satp64(mode::sv32, {}), nothing);
  EXPECT_EQ(satp64(mode::sv39, {0x800}), nothing) << "a table must begin on a page";
  EXPECT_EQ(satp64(mode::sv39, {bit(56)}), nothing) << "physical addresses have 56 bits";
  EXPECT_EQ(satp64(mode::sv39, {}, 0x100, 8), nothing) << "the hart has 8 ASID bits";
  EXPECT_EQ(satp32(mode::sv39, {}), nothing32);
  EXPECT_EQ(satp32(mode::sv32, {bit(34)}), nothing32);
  EXPECT_EQ(satp32(mode::sv32, {}, 0x200), nothing32);
}

TEST(riscv_satp, is_read_back_by_the_formats_decoder) {
  for (auto const m : {mode::sv39, mode::sv48, mode::sv57}) {
    auto const satp = satp64(m, {0xab'cdef'0123'4000}, 0x1234);
    ASSERT_TRUE(satp.has_value());
    auto const back = pagewright::riscv::regime_of_satp64(*satp);
    ASSERT_TRUE(back.has_value());
    EXPECT_TRUE(back->scheme == m && back->asid == 0x1234 && back->table.value == 0xab'cdef'0123'4000u)
        << std::hex << *satp;
  }
  auto const back = pagewright::riscv::regime_of_satp32(*satp32(mode::sv32, {0x2'1234'5000}, 0x1ff));
  EXPECT_TRUE(back.scheme == mode::sv32 && back.asid == 0x1ff && back.table.value == 0x2'1234'5000u);
}

TEST(riscv_hgatp, wants_a_root_aligned_to_its_sixteen_kilobytes) {
  // MODE 63:60, VMID 57:44 (14 bits), PPN 43:0 whose two lowest bits are zero.
  EXPECT_EQ(hgatp64(mode::sv39, {0x8000'4000}, 0x3fff), 0x83ff'f000'0008'0004u);
  EXPECT_EQ(hgatp64(mode::sv39, {0x8000'1000}), nothing);
  EXPECT_EQ(hgatp64(mode::sv48, {0x8000'4000}, 0x4000), nothing);
  EXPECT_EQ(hgatp64(mode::sv48, {0x8000'4000}, 0x80, 7), nothing);
}

TEST(riscv_fences, are_encoded_as_the_manual_prints_them) {
  // funct7 31:25, rs2 24:20, rs1 19:15, funct3 000, rd 00000, opcode SYSTEM 1110011.
  EXPECT_EQ(encode(fence::sfence_vma), 0b0001001'00000'00000'000'00000'1110011u);
  EXPECT_EQ(encode(fence::sfence_vma, 10, 11), 0b0001001'01011'01010'000'00000'1110011u);
  EXPECT_EQ(encode(fence::hfence_vvma, 10, 11), 0b0010001'01011'01010'000'00000'1110011u);
  EXPECT_EQ(encode(fence::hfence_gvma, 31, 1), 0b0110001'00001'11111'000'00000'1110011u);
  EXPECT_EQ(encode(fence::sinval_vma, 1, 31), 0b0001011'11111'00001'000'00000'1110011u);
  EXPECT_EQ(encode(fence::hinval_vvma), 0b0010011'00000'00000'000'00000'1110011u);
  EXPECT_EQ(encode(fence::hinval_gvma), 0b0110011'00000'00000'000'00000'1110011u);
  EXPECT_EQ(encode(fence::sfence_w_inval), 0b0001100'00000'00000'000'00000'1110011u);
  EXPECT_EQ(sfence_inval_ir, 0b0001100'00001'00000'000'00000'1110011u);
}

TEST(riscv_plan, fences_leaves_one_by_one_and_tables_by_everything) {
  auto const leaves = plan_of({*range::of({0xffff'ffc0'0000'1000}, 0x3000), 12, false}, 64);
  EXPECT_TRUE(leaves.first == 0xffff'ffc0'0000'1000 && leaves.stride == 4096 && leaves.count == 3);
  auto const large = plan_of({*range::of({0x4000'0000}, 0x60'0000), 21, false}, 64);
  EXPECT_TRUE(large.first == 0x4000'0000 && large.stride == 0x20'0000 && large.count == 3);
  EXPECT_EQ(plan_of({*range::of({0x1000}, 0x1000), 12, true}, 64).count, 0u)
      << "SFENCE.VMA with an address does not order reads of table entries";
}

TEST(riscv_plan, fences_everything_beyond_its_limit) {
  EXPECT_EQ(plan_of({*range::of({0}, 64 * 4096), 12, false}, 64).count, 64u);
  EXPECT_EQ(plan_of({*range::of({0}, 65 * 4096), 12, false}, 64).count, 0u);
  EXPECT_EQ(plan_of({{{0}, {~u64{0}}}, 12, false}, 64).count, 0u);
  EXPECT_EQ(plan_of({*range::of({~u64{0} - 4095}, 4096), 12, false}, 64).count, 1u) << "the last page of the space";
}
