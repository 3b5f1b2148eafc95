// SPDX-License-Identifier: MIT
// RISC-V G stage, with golden entries worked out from the bit positions of the specification:
//   V 1 | R 2 | W 4 | X 8 | U 10 | G 20 | A 40 | D 80 | RSW 9:8 | PPN 53:10 (Sv32x4 31:10) | PBMT 62:61 | N 63
#include <pagewright/formats/riscv_guest.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::decodes, golden::is_faultless, golden::is_table, golden::kind_at, golden::machine,
    golden::rejected_bits;
using golden::K, golden::M, golden::G;
using riscv::sv32x4, riscv::sv39x4, riscv::sv48x4, riscv::sv57x4;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto rw = readers | writers, rx = readers | executes;

static_assert(is_sound<sv39x4>());

constexpr auto says(rights allow, mt type = mt::pma) -> attributes { return {.allow = allow, .type = type}; }

}  // namespace

TEST(riscv_guest, reads_and_writes_leaves) {
  // PPN 80123 << 10 = 20048C00. V R W U A D = D7; with X DF; V R X U A = 5B.
  EXPECT_TRUE(both_ways(sv39x4, 0x20048CD7, {0, "page", 0x80123000, 12, says(rw)}));
  EXPECT_TRUE(both_ways(sv39x4, 0x20048CDF, {0, "page", 0x80123000, 12, says(all)}));
  EXPECT_TRUE(both_ways(sv48x4, 0x20048C5B, {0, "page", 0x80123000, 12,
      {.allow = rx, .type = mt::pma, .dirty = false}}));
  // V X U A = 59: execute-only. V R U A = 53.
  EXPECT_TRUE(both_ways(sv57x4, 0x20048C59, {0, "page", 0x80123000, 12,
      {.allow = executes, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(both_ways(sv57x4, 0x20048C53, {0, "page", 0x80123000, 12,
      {.allow = readers, .type = mt::pma, .dirty = false}}));
  // 80200 << 10 = 20080000: two Mbytes; 80000 << 10: a gigabyte; 512G and 256T: PPN bits 27 and 36 are 37 and 46.
  EXPECT_TRUE(both_ways(sv39x4, 0x200800DF, {1, "page", 0x80200000, 21, says(all)}));
  EXPECT_TRUE(both_ways(sv39x4, 0x200000DF, {2, "page", 0x80000000, 30, says(all)}));
  EXPECT_TRUE(both_ways(sv48x4, 0x20000000DF, {3, "page", 0x8000000000, 39, says(all)}));
  EXPECT_TRUE(both_ways(sv57x4, 0x4000000000DF, {4, "page", 0x1000000000000, 48, says(all)}));
  // NAPOT: 80120 with the pattern 1000 is 80128 << 10 = 2004A000, N bit 63. IO is bit 62, NC bit 61.
  EXPECT_TRUE(both_ways(sv39x4, 0x800000002004A0D7, {0, "64-Kbyte page", 0x80120000, 16, says(rw)}));
  EXPECT_TRUE(both_ways(sv39x4, 0x40000000040000D7, {0, "page", 0x10000000, 12, says(rw, mt::io)}));
  EXPECT_TRUE(both_ways(sv39x4, 0x20000000040000D7, {0, "page", 0x10000000, 12, says(rw, mt::nc)}));
  EXPECT_TRUE(both_ways(sv39x4, 0x20048FD7, {0, "page", 0x80123000, 12,
      {.allow = rw, .type = mt::pma, .software = 0x300}}));
}

TEST(riscv_guest, reads_and_writes_34_bit_addresses) {
  // PPN 3FFFFF << 10 = FFFFFC00, plus D7. Four Mbytes: 80400 << 10 = 20100000.
  EXPECT_TRUE(both_ways(sv32x4, 0xFFFFFCD7, {0, "page", 0x3FFFFF000, 12, says(rw)}));
  EXPECT_TRUE(both_ways(sv32x4, 0x201000DF, {1, "page", 0x80400000, 22, says(all)}));
  EXPECT_TRUE(both_ways(sv32x4, 0x20048C5B, {0, "page", 0x80123000, 12,
      {.allow = rx, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(is_table(sv32x4, 1, 0x20048C01, 0x80123000, all));
}

TEST(riscv_guest, allows_nothing_without_u) {
  EXPECT_TRUE(decodes(sv39x4, 0x20048CCF, {0, "page", 0x80123000, 12, says(none)}));
  EXPECT_TRUE(decodes(sv32x4, 0x20048CCF, {0, "page", 0x80123000, 12, says(none)}));
  dynamic const h{&sv39x4};
  EXPECT_FALSE(encode_rights(h, h->forms[0], none));
  EXPECT_FALSE(encode_rights(h, h->forms[0], writers));
  EXPECT_FALSE(encode_rights(h, h->forms[0], kernel_rw));
  EXPECT_FALSE(encode_rights(h, h->forms[0], user_rw | kernel_execute));
  EXPECT_EQ(least_rights(h, kernel_write), rw);
}

TEST(riscv_guest, ignores_g) {
  EXPECT_TRUE(decodes(sv39x4, 0x20048CFF, {0, "page", 0x80123000, 12, says(all)}));
  EXPECT_TRUE(is_table(sv39x4, 2, 0x20048C21, 0x80123000, all));
  EXPECT_FALSE(sv39x4.table_global(0x20048C21));
}

TEST(riscv_guest, rejects_what_the_supervisors_stage_rejects) {
  EXPECT_EQ(kind_at(sv39x4, 0, 0x20048CD5), "reserved");  // W without R
  EXPECT_EQ(kind_at(sv39x4, 1, 0x200804DF), "reserved");  // 80201 is no multiple of 200
  EXPECT_EQ(kind_at(sv39x4, 0, 0x60000000040000D7), "reserved");  // PBMT 3
  EXPECT_EQ(kind_at(sv39x4, 1, 0x20048C11), "reserved");  // a pointer with U
  EXPECT_EQ(rejected_bits(sv39x4, 0, 0xD7), 0x9FC0000000000000u);
  EXPECT_EQ(rejected_bits(sv48x4, 3, 0x1), 0xFFC00000000000D4u);
}

TEST(riscv_guest, has_a_root_of_16_kbytes_and_two_more_address_bits) {
  struct { format const *f; unsigned bits, last; } const schemes[]{
    {&sv32x4, 34, 4095}, {&sv39x4, 41, 2047}, {&sv48x4, 50, 2047}, {&sv57x4, 59, 2047}};
  for (auto const &[f, bits, last] : schemes) {
    dynamic const h{f};
    EXPECT_EQ(f->input_bits(), bits) << f->name;
    EXPECT_EQ(table_lg2(h, h.top()), 14u) << f->name;
    EXPECT_EQ(table_lg2(h, 0u), 12u) << f->name;
    EXPECT_EQ(index_of(h, h.top(), below(bits)), last) << f->name;
    EXPECT_TRUE(in_extent(h, below(bits))) << f->name;
    EXPECT_FALSE(in_extent(h, bit(bits))) << f->name;
    EXPECT_FALSE(in_extent(h, ~u64{0})) << f->name;
    EXPECT_TRUE(is_faultless(*f));
    EXPECT_TRUE(f->caches_absent);
  }
}

TEST(riscv_guest, every_variant_is_faultless) {
  for (unsigned n = 0; n < 16; ++n) {
    riscv::options const o{(n & 1) != 0, (n & 2) != 0, (n & 4) != 0, (n & 8) != 0};
    for (auto const m : {riscv::mode::sv32, riscv::mode::sv39, riscv::mode::sv48, riscv::mode::sv57}) {
      auto const f = riscv::guest_format_of(m, o);
      ASSERT_TRUE(is_faultless(f)) << n;
      EXPECT_EQ(f.unaccessed_faults, !o.hardware_accessed);
      EXPECT_EQ(f.depth, m == riscv::mode::sv32 ? 2 : unsigned(m) + 1);
    }
  }
}

TEST(riscv_guest, walks_a_tree) {
  // Root at 100000 (16 Kbytes). Slot 7FF -> 110000 (V). Its slot 1FF two Mbytes, slot 0 -> 120000. There slot 5 a page,
  // slot 6 without U, slots 10..1F a NAPOT group. Slot 0 of the root a gigabyte.
  machine m{sv39x4};
  m.put(2, 0x100000, 0x7FF, 0x44001).put(2, 0x100000, 0, 0x200000DF).put(1, 0x110000, 0x1FF, 0x200800D7).put(1,
      0x110000, 0, 0x48001);
  for (u64 i = 0; i < 512; ++i) m.put(0, 0x120000, i, 0);
  m.put(0, 0x120000, 5, 0x20048C5B).put(0, 0x120000, 6, 0x20048CCF).put(0, 0x120000, 7, 0x20048CD5);
  for (u64 i = 16; i < 32; ++i) m.put(0, 0x120000, i, 0x800000002004A0D7);
  u64 const top = 0x1FFC0000000;  // slot 7FF
  EXPECT_EQ(m.said(0x12345678), "92345678 rwx/rwx PMA 2^30");
  EXPECT_EQ(m.said(top + 0x3FE12345), "80212345 rw-/rw- PMA 2^21");
  EXPECT_EQ(m.said(top + 0x5678), "80123678 r-x/r-x PMA 2^12");
  EXPECT_EQ(m.said(top + 0x6000), "80123000 ---/--- PMA 2^12");
  EXPECT_EQ(m.said(top + 0x7000), "reserved at level 0");
  EXPECT_EQ(m.said(top + 0x1ABCD), "8012abcd rw-/rw- PMA 2^16");
  EXPECT_EQ(m.said(top + 0x20000), "absent at level 0");
  EXPECT_EQ(m.said(0x40000000), "absent at level 2");
  EXPECT_EQ(m.said(0x20000000000), "outside the input range at level 2");
}

TEST(riscv_guest, builds) {
  // At the far end, which the supervisor's own scheme does not reach.
  golden::builds(sv39x4, {0x1FF00000000, G + 2 * M + 68 * K, 0x40000000, says(all), readers, mt::io,
                          {{0, 30}, {G, 21}, {G + 2 * M, 16}, {G + 2 * M + 64 * K, 12}}});
  golden::builds(sv32x4, {0x380000000, 4 * M + 8 * K, 0x40000000, says(rw), rx, mt::pma, {{0, 22}, {4 * M, 12}}});
  golden::builds(sv48x4, {0x3000000000000, 2 * M + 4 * K, 0x40000000, says(rx), rw, mt::nc, {{0, 21}, {2 * M, 12}}});
  golden::builds(sv57x4, {0x600000000000000, 64 * K + 4 * K, 0x40000000, says(all), executes, mt::io, {{0, 16},
      {64 * K, 12}}});
}

TEST(riscv_guest, keeps_u_when_rights_change) {
  machine m{sv39x4};
  ASSERT_TRUE(m.map(0x1000, 4 * K, 0x40001000, says(rw)));
  ASSERT_TRUE(machine::done(m.space.protect({{0x1000}, {0x1fff}}, rx, m.owed)));
  EXPECT_EQ(m.space.query({0x1000})->entry, 0x100004DBu);  // 40001 << 10 | V R X U A D
}

TEST(riscv_hgatp, says_scheme_machine_and_root) {
  // MODE 8, VMID 1234 (14 bits), PPN 80124: root 80124000.
  auto const g = riscv::regime_of_hgatp64(0x8123400000080124);
  ASSERT_TRUE(g);
  EXPECT_EQ(g->scheme, riscv::mode::sv39);
  EXPECT_EQ(g->vmid, 0x1234);
  EXPECT_EQ(g->table.value, 0x80124000u);
  EXPECT_EQ(riscv::regime_of_hgatp64(0x8FFFF00000080127)->vmid, 0x3FFF);              // 59:58 are no VMID
  EXPECT_EQ(riscv::regime_of_hgatp64(0x8000000000080127)->table.value, 0x80124000u);  // PPN[1:0] read as zero
  EXPECT_EQ(riscv::regime_of_hgatp64(0x9000000000080124)->scheme, riscv::mode::sv48);
  EXPECT_EQ(riscv::regime_of_hgatp64(0xA00000FFFFFFFFFC)->scheme, riscv::mode::sv57);
  EXPECT_EQ(riscv::regime_of_hgatp64(0)->scheme, riscv::mode::bare);
  EXPECT_FALSE(riscv::regime_of_hgatp64(1));
  EXPECT_FALSE(riscv::regime_of_hgatp64(0x1000000000080124));
  EXPECT_FALSE(riscv::regime_of_hgatp64(0xB000000000080124));
}

TEST(riscv_hgatp, has_its_own_layout_with_32_bits) {
  // MODE 31, VMID 55 at 28:22, PPN 80124.
  auto const g = riscv::regime_of_hgatp32(0x80000000u | 0x55u << 22 | 0x80124u);
  ASSERT_TRUE(g);
  EXPECT_EQ(g->scheme, riscv::mode::sv32);
  EXPECT_EQ(g->vmid, 0x55);
  EXPECT_EQ(g->table.value, 0x80124000u);
  EXPECT_EQ(riscv::regime_of_hgatp32(0)->scheme, riscv::mode::bare);
  EXPECT_FALSE(riscv::regime_of_hgatp32(0x80124));
}
