// SPDX-License-Identifier: MIT
// The RISC-V IOMMU: what contexts select, worked out from the field positions of the specification, and golden
// entries of
// what they lead to: V 1 | R 2 | W 4 | X 8 | U 10 | G 20 | A 40 | D 80 | PPN 53:10 | PBMT 62:61 | N 63.
#include <pagewright/formats/riscv_iommu.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::riscv_iommu;
using golden::both_ways, golden::builds, golden::decodes, golden::is_table, golden::kind_at, golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

// V 1 | GADE 80 | SADE 100; MODE 8, GSCID 42, PPN 80124; PSCID 12345 at 31:12; MODE 9, PPN 80123.
constexpr device_context both{0x181, 0x8004200000080124, 0x12345000, 0x9000000000080123};
constexpr device_context big{0x581, both.iohgatp, both.ta, both.fsc};       // and SBE 400
constexpr device_context plain{0x1, both.iohgatp, both.ta, both.fsc};       // neither GADE nor SADE
constexpr device_context narrow{0x801, both.iohgatp, both.ta, 0x8000000000080123};  // SXL 800

constexpr auto first     = first_stage(*first_stage_of(both));
constexpr auto second    = second_stage(*second_stage_of(both));
constexpr auto first_be  = first_stage(*first_stage_of(big));
constexpr auto second_be = second_stage(*second_stage_of(big));
constexpr auto first_32  = first_stage(*first_stage_of(narrow));
constexpr auto second_32 = second_stage(*second_stage_of(both, {.gxl = true}));

static_assert(is_sound<first>() && is_sound<second>() && is_sound<first_be>() && is_sound<second_be>());
static_assert(is_sound<first_32>() && is_sound<second_32>());

constexpr auto read_write = readers | writers;

TEST(riscv_iommu, takes_both_stages_from_a_device_context) {
  auto const one = first_stage_of(both), two = second_stage_of(both);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->scheme, riscv::mode::sv48);
  EXPECT_EQ(one->id, 0x12345u);
  EXPECT_EQ(one->table.value, 0x80123000u);
  EXPECT_TRUE(one->options.hardware_accessed);
  EXPECT_EQ(two->scheme, riscv::mode::sv39);
  EXPECT_EQ(two->id, 0x42u);
  EXPECT_EQ(two->table.value, 0x80124000u);
  EXPECT_TRUE(two->options.hardware_accessed);
  EXPECT_EQ(first.input_bits(), 48u);
  EXPECT_EQ(second.input_bits(), 41u);
  EXPECT_EQ(table_lg2(dynamic{&second}, 2u), 14u) << "16 Kbytes";
}

TEST(riscv_iommu, lets_clear_marks_fault_unless_the_context_has_hardware_set_them) {
  EXPECT_TRUE(first_stage(*first_stage_of(plain)).unaccessed_faults);
  EXPECT_TRUE(second_stage(*second_stage_of(plain)).unaccessed_faults);
  EXPECT_FALSE(first.unaccessed_faults || second.unaccessed_faults);
  EXPECT_EQ(first_stage_of(both, {.amo_hwad = false}).error(), cause::ddt_misconfigured);
  EXPECT_EQ(second_stage_of(both, {.amo_hwad = false}).error(), cause::ddt_misconfigured);
  EXPECT_TRUE(first_stage_of(plain, {.amo_hwad = false}));
}

TEST(riscv_iommu, takes_the_first_stage_from_a_process_context_where_there_are_any) {
  // PDTV 20: fsc is pdtp, MODE 2 (PD17). V 1, PSCID 54321; MODE 10.
  device_context const dc{0x121, both.iohgatp, 0, 0x2000000000080125};
  auto const directory = process_directory_of(dc);
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->levels, 2u);
  EXPECT_EQ(directory->table.value, 0x80125000u);
  auto const found = process_stage_of(dc, {0x54321001, 0xA000000000080126});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->scheme, riscv::mode::sv57);
  EXPECT_EQ(found->id, 0x54321u);
  EXPECT_EQ(found->table.value, 0x80126000u);
  EXPECT_EQ(process_stage_of(dc, {0x54321000, 0xA000000000080126}).error(), cause::pdt_invalid);
  EXPECT_EQ(process_stage_of(dc, {0x54321001, 0xB000000000080126}).error(), cause::pdt_misconfigured);
  EXPECT_EQ(process_directory_of({0x21, 0, 0, 0x4000000000080125}).error(), cause::ddt_misconfigured);
  EXPECT_EQ(process_directory_of({0x20, 0, 0, 0x2000000000080125}).error(), cause::ddt_invalid);
  // 20 bits: 3, 9, 8. ABCDE = 101 010111100 11011110.
  EXPECT_EQ(process_index(0xABCDE, 0), 0xDEu);
  EXPECT_EQ(process_index(0xABCDE, 1), 0x0BCu);
  EXPECT_EQ(process_index(0xABCDE, 2), 5u);
}

TEST(riscv_iommu, refuses_what_contexts_must_not_hold) {
  EXPECT_EQ(first_stage_of({0x180, both.iohgatp, both.ta, both.fsc}).error(), cause::ddt_invalid);
  EXPECT_EQ(second_stage_of({0x181, 0x8004200000080125, 0, 0}).error(), cause::ddt_misconfigured) << "8 Kbytes aligned";
  EXPECT_EQ(second_stage_of({0x181, 0x8004200000080126, 0, 0}).error(), cause::ddt_misconfigured);
  EXPECT_EQ(second_stage_of({0x181, 0x7004200000080124, 0, 0}).error(), cause::ddt_misconfigured);
  EXPECT_EQ(first_stage_of({0x181, 0, 0, 0xB000000000080124}).error(), cause::ddt_misconfigured);
  EXPECT_EQ(first_stage_of({0x981, 0, 0, 0x9000000000080124}).error(), cause::ddt_misconfigured) << "Sv48 with SXL";
  EXPECT_EQ(second_stage_of(both, {.gxl = true})->scheme, riscv::mode::sv32);
  EXPECT_EQ(first_stage_of({0x181, 0, 0, 0})->scheme, riscv::mode::bare);
  EXPECT_EQ(second_stage_of({0x181, 0, 0, 0})->scheme, riscv::mode::bare);
}

TEST(riscv_iommu, reads_and_writes_first_stage_leaves) {
  EXPECT_TRUE(both_ways(first, 0x20048CD7, {0, "page", 0x80123000, 12, {.allow = user_rw, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(first, 0x20048CC7, {0, "page", 0x80123000, 12, {.allow = kernel_rw, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(first, 0x20048C53, {0, "page", 0x80123000, 12,
      {.allow = user_ro, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(both_ways(first, 0x40000000040000D7, {0, "page", 0x10000000, 12, {.allow = user_rw, .type = mt::io}}));
  EXPECT_TRUE(both_ways(first, 0x3FFFE0000000D7, {3, "page", 0xFFFF8000000000, 39,
      {.allow = user_rw, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(first_32, 0x20048CD7, {0, "page", 0x80123000, 12, {.allow = user_rw, .type = mt::pma}}));
}

TEST(riscv_iommu, reads_and_writes_second_stage_leaves) {
  EXPECT_TRUE(both_ways(second, 0x20048CDF, {0, "page", 0x80123000, 12, {.allow = all, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(second, 0x20048CD7, {0, "page", 0x80123000, 12, {.allow = read_write, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(second, 0x20048C57, {0, "page", 0x80123000, 12,
      {.allow = read_write, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(both_ways(second, 0x20048C53, {0, "page", 0x80123000, 12,
      {.allow = readers, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(both_ways(second, 0x20048C59, {0, "page", 0x80123000, 12,
      {.allow = executes, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(both_ways(second, 0x200800DF, {1, "page", 0x80200000, 21, {.allow = all, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(second, 0x200000DF, {2, "page", 0x80000000, 30, {.allow = all, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(second, 0x40000000040000D7, {0, "page", 0x10000000, 12,
      {.allow = read_write, .type = mt::io}}));
  EXPECT_TRUE(both_ways(second, 0x20000000040000D7, {0, "page", 0x10000000, 12,
      {.allow = read_write, .type = mt::nc}}));
  EXPECT_TRUE(both_ways(second, 0x800000002004A0D7,
                        {0, "64-Kbyte page", 0x80120000, 16, {.allow = read_write, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(second, 0x20048FDF,
                        {0, "page", 0x80123000, 12, {.allow = all, .type = mt::pma, .software = 0x300}}));
  EXPECT_TRUE(both_ways(second_32, 0xFFFFFCD7, {0, "page", 0x3FFFFF000, 12, {.allow = read_write, .type = mt::pma}}));
  // Without U nothing is allowed; G means nothing.
  EXPECT_TRUE(decodes(second, 0x20048CCF, {0, "page", 0x80123000, 12, {.allow = none, .type = mt::pma}}));
  EXPECT_TRUE(decodes(second, 0x20048CFF, {0, "page", 0x80123000, 12, {.allow = all, .type = mt::pma}}));
  EXPECT_TRUE(is_table(second, 2, 0x20048C01, 0x80123000, all));
  EXPECT_EQ(kind_at(second, 0, 0x20048CD5), "reserved");  // W without R
}

TEST(riscv_iommu, walks_big_endian_tables_where_the_context_says_so) {
  golden::machine m{second_be};
  m.memory.clear({0x110000}, 0x20000);
  // A root of 16 Kbytes at 100000, slot 2047 of it; 110000 >> 2 = 44000.
  m.put(2, 0x100000, 2047, 0x44001).put(1, 0x110000, 0, 0x48001).put(1, 0x110000, 1, 0x200800D3);
  m.put(0, 0x120000, 5, 0x20048CD7);
  EXPECT_EQ(m.cells[2047 * 8 + 7], 0x01);
  EXPECT_EQ(m.cells[2047 * 8 + 5], 0x04);
  EXPECT_EQ(m.cells[0x20000 + 5 * 8 + 4], 0x20);
  EXPECT_EQ(m.said(0x1FFC0005123), "80123123 rw-/rw- PMA 2^12");
  EXPECT_EQ(m.said(0x1FFC0234567), "80234567 r--/r-- PMA 2^21");
  EXPECT_EQ(m.said(0x1FFC0400000), "absent at level 1");
  EXPECT_EQ(m.said(0x1FFC0000000), "absent at level 0");
  EXPECT_EQ(m.said(0x0), "absent at level 2");
  EXPECT_EQ(m.said(0x20000000000), "outside the input range at level 2");
}

TEST(riscv_iommu, builds_both_stages) {
  std::vector<std::pair<u64, unsigned>> const sizes{{0, 21}, {0x400000, 16}, {0x410000, 12}};
  builds(first, {0x200000, 0x411000, 0x1234600000, {.allow = user_rw, .type = mt::pma}, user_ro, mt::io, sizes});
  builds(second, {0x200000, 0x411000, 0x1234600000, {.allow = read_write, .type = mt::pma}, readers, mt::nc, sizes});
  builds(second_be, {0x1FFC0200000, 0x411000, 0x1234600000, {.allow = all, .type = mt::pma}, readers, mt::nc, sizes});
  builds(second_32, {0x300400000, 0x403000, 0x80400000, {.allow = read_write, .type = mt::pma}, readers, mt::pma,
                     {{0, 22}, {0x400000, 12}}});
}

TEST(riscv_iommu, names_every_bit) {
  for (auto const *f : {&first, &second, &first_be, &second_be, &first_32,
      &second_32}) EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
