// SPDX-License-Identifier: MIT
// Power radix: golden entries worked out from the masks of Book III 6.7.13.
//
//   PTE   V and L C0.. | SW0 2000.. | RPN 56:12 | SW1 E00 | R 100 | C 80 | ATT 5:4 | PRIV 8 | EAA: R 4, RW 2, X 1
//   PDE   V 80.. | NLB 59:8 | NLS 4:0
#include <pagewright/formats/power_radix.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::power_radix;
using golden::both_ways, golden::builds, golden::decodes, golden::is_faultless, golden::is_table, golden::kind_at,
    golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto software_marks = tree(power9_4k, {.hardware_marks = false, .strong_access_order = false});
constexpr auto other          = tree({12, {9, 10, 12}}, {.physical_bits = 40});  // 43 bits

static_assert(is_sound<pages_4k>() && is_sound<pages_64k>() && is_sound<partition_4k>() && is_sound<partition_64k>());
static_assert(is_sound<software_marks>() && is_sound<other>());

/// Accessed, and dirty where writing is allowed.
constexpr auto used(rights r, mt t = mt::wb, u64 software = 0) -> attributes {
  return {.allow = r, .type = t, .dirty = (r & writers) != none, .software = software};
}

TEST(power_radix, reads_and_writes_pages) {
  auto const page = [](attributes const &a) { return golden::leaf{0, "page", 0x12345000, 12, a}; };
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001234518F, page(used(kernel_rwx))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001234518E, page(used(kernel_rw))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC000000012345187, page(used(all))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC000000012345186, page(used(readers | writers))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC000000012345104, page(used(readers))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001234510C, page(used(kernel_ro))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001234510D, page(used(kernel_rx))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC000000012345101, page(used(executes))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC000000012345108, page(used(none))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC0000000123451AE, page(used(kernel_rw, mt::io))));  // ATT 2
  EXPECT_TRUE(both_ways(pages_4k, 0xC0000000123451BE, page(used(kernel_rw, mt::nc))));  // ATT 3
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001234510E, page({.allow = kernel_rw, .dirty = false})));
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001234500E, page({.allow = kernel_rw, .accessed = false, .dirty = false})));
  EXPECT_TRUE(both_ways(pages_4k, 0xE000000012345F87, page(used(all, mt::wb, 0x2000000000000E00))));
  EXPECT_TRUE(both_ways(pages_4k, 0xC1FFFFFFFFFFF187, {0, "page", 0x01FFFFFFFFFFF000, 12, used(all)}));
  EXPECT_TRUE(both_ways(pages_64k, 0xC00000001235018F, {0, "page", 0x12350000, 16, used(kernel_rwx)}));
}

TEST(power_radix, reads_and_writes_large_pages) {
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001240018F, {1, "page", 0x12400000, 21, used(kernel_rwx)}));
  EXPECT_TRUE(both_ways(pages_4k, 0xC000000040000187, {2, "page", 0x40000000, 30, used(all)}));
  EXPECT_TRUE(both_ways(pages_64k, 0xC00000001240018E, {1, "page", 0x12400000, 21, used(kernel_rw)}));
  EXPECT_TRUE(decodes(pages_4k, 0xC0000000125FF187, {1, "page", 0x12400000, 21, used(all)})) << "low bits are ignored";
  EXPECT_TRUE(decodes(pages_64k, 0xC00000001235F187, {0, "page", 0x12350000, 16, used(all)}));
}

TEST(power_radix, reads_what_it_does_not_write) {
  auto const page = [](attributes const &a) { return golden::leaf{0, "page", 0x12345000, 12, a}; };
  EXPECT_TRUE(decodes(pages_4k, 0xC000000012345182, page(used(readers | writers)))) << "RW alone implies R";
  EXPECT_TRUE(decodes(pages_4k, 0xC00000001234519E, page(used(kernel_rw)))) << "strong access order";
  EXPECT_TRUE(decodes(software_marks, 0xC00000001234519E, page(used(kernel_rw, mt::reserved))));
  EXPECT_TRUE(decodes(pages_4k, 0xDE000000123451CF, page(used(kernel_rwx)))) << "reserved bits are ignored";
  EXPECT_FALSE(encode_rights(dynamic{&pages_4k}, pages_4k.forms[0], writers));
  EXPECT_FALSE(encode_rights(dynamic{&pages_4k}, pages_4k.forms[0], user_read)) << "what the user may the kernel may";
}

TEST(power_radix, does_not_look_at_privilege_in_partition_trees) {
  EXPECT_TRUE(both_ways(partition_4k, 0xC000000012345187, {0, "page", 0x12345000, 12, used(all)}));
  EXPECT_TRUE(both_ways(partition_64k, 0xC000000012350104, {0, "page", 0x12350000, 16, used(readers)}));
  EXPECT_TRUE(decodes(partition_4k, 0xC00000001234518F, {0, "page", 0x12345000, 12, used(all)}));
}

TEST(power_radix, holds_the_width_of_the_next_table) {
  EXPECT_TRUE(is_table(pages_4k, 1, 0x8000000012345009, 0x12345000, all));
  EXPECT_TRUE(is_table(pages_4k, 3, 0x8000000012345009, 0x12345000, all));
  EXPECT_TRUE(is_table(pages_64k, 1, 0x8000000012345105, 0x12345100, all)) << "32 entries, 256 bytes";
  EXPECT_TRUE(is_table(other, 2, 0x800000001234600A, 0x12346000, all));
  EXPECT_EQ(encode_table(dynamic{&pages_4k}, 1u, {0x12345000}), 0x8000000012345009u);
  EXPECT_EQ(encode_table(dynamic{&pages_64k}, 1u, {0x12345100}), 0x8000000012345105u);
  EXPECT_EQ(encode_table(dynamic{&pages_64k}, 2u, {0x12345000}), 0x8000000012345009u);
  EXPECT_EQ(kind_at(pages_4k, 1, 0x8000000012345005), "reserved");
  EXPECT_EQ(kind_at(pages_64k, 1, 0x8000000012345009), "reserved");
  EXPECT_EQ(kind_at(pages_4k, 2, 0x8000000012345000), "reserved");
  EXPECT_EQ(table_lg2(dynamic{&pages_4k}, 3u), 16u);
  EXPECT_EQ(table_lg2(dynamic{&pages_64k}, 0u), 8u);
  EXPECT_EQ(pages_4k.input_bits(), 52u);
  EXPECT_EQ(pages_64k.input_bits(), 52u);
}

TEST(power_radix, tells_entries_apart) {
  EXPECT_EQ(kind_at(pages_4k, 0, 0x8000000012345187), "reserved") << "no tables below the last";
  EXPECT_EQ(kind_at(pages_4k, 3, 0xC000000000000187), "reserved") << "no pages of 512 Gbytes";
  for (unsigned level = 0; level < 4; ++level) EXPECT_EQ(kind_at(pages_4k, level, 0x7FFFFFFFFFFFFFFF), "absent");
  // Other widths (2, 4 and 10 more), and addresses beyond 57 bits.
  EXPECT_EQ(rejected_bits(pages_4k, 1, 0x8000000012345009), 0x0E00000000000016u);
  EXPECT_EQ(rejected_bits(pages_4k, 3, 0x8000000012345009), 0x4E00000000000016u) << "and leaves";
  EXPECT_EQ(rejected_bits(pages_4k, 0, 0xC000000012345187), 0u);
}

TEST(power_radix, names_every_bit_whatever_the_shape) {
  for (auto const &s : {power9_4k, power9_64k, shape{12, {9, 10, 12}}, shape{12, {5, 5, 5, 5, 10, 10}},
                        shape{24, {9, 9}}})
    for (unsigned n = 0; n < 8; ++n)
      EXPECT_TRUE(is_faultless(tree(s, {.partition_scoped = (n & 1) != 0, .hardware_marks = (n & 2) != 0,
                                        .strong_access_order = (n & 4) != 0, .physical_bits = 51 + n % 7})))
          << unsigned{s.page_lg2} << ", " << n;
}

TEST(power_radix, breaks_before_it_makes_another_address) {
  dynamic const h{&pages_4k};
  EXPECT_EQ(duty_of(h, 0u, 0, 0xC000000012345187), duty::publish);
  EXPECT_EQ(duty_of(h, 0u, 0xC000000012345187, 0), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0xC000000012345187, 0xC000000012345184), duty::invalidate);         // rights
  EXPECT_EQ(duty_of(h, 0u, 0xC000000012345106, 0xC000000012345186), duty::publish);            // C
  EXPECT_EQ(duty_of(h, 0u, 0xC000000012345187, 0xE000000012345187), duty::none);               // SW0
  EXPECT_EQ(duty_of(h, 0u, 0xC000000012345187, 0xC000000012346187), duty::break_before_make);  // RPN
  EXPECT_EQ(duty_of(h, 0u, 0xC000000012345187, 0xC0000000123451A7), duty::break_before_make);  // ATT
  EXPECT_EQ(duty_of(h, 1u, 0xC000000012400187, 0x8000000012345009), duty::break_before_make);  // a table
}

TEST(power_radix, is_walked) {
  // L1 at 100000, L2 at 110000, L3 at 111000, L4 at 112000; L1's slot 1 says 256 entries, slot 8191 is the last.
  golden::machine t{pages_4k};
  t.memory.clear({0x110000}, 0x3000);
  t.put(3, 0x100000, 0, 0x8000000000110009).put(3, 0x100000, 1, 0x8000000000110008);
  t.put(3, 0x100000, 8191, 0x8000000000110009);
  t.put(2, 0x110000, 0, 0x8000000000111009).put(2, 0x110000, 1, 0xC0000000C0000104);
  t.put(1, 0x111000, 0, 0x8000000000112009).put(1, 0x111000, 1, 0xC0000000124001AE);
  t.put(1, 0x111000, 3, 0x8000000000080009).put(1, 0x111000, 4, 0x8200000000080009);
  t.put(0, 0x112000, 5, 0xC00000001234518F).put(0, 0x112000, 6, 0xC000000012346007);
  t.put(0, 0x112000, 7, 0x8000000012346007);
  EXPECT_EQ(t.said(0x5123), "12345123 rwx/--- WB 2^12");
  EXPECT_EQ(t.said(0x6123), "12346123 rwx/rwx WB 2^12");
  EXPECT_EQ(t.said(0x7000), "reserved at level 0");
  EXPECT_EQ(t.said(0x8000), "absent at level 0");
  EXPECT_EQ(t.said(0x212345), "12412345 rw-/--- IO 2^21");
  EXPECT_EQ(t.said(0x400000), "absent at level 1");
  EXPECT_EQ(t.said(0x600000), "unreadable at level 0");
  EXPECT_EQ(t.said(0x800000), "address too wide at level 1");
  EXPECT_EQ(t.said(0x41234567), "c1234567 r--/r-- WB 2^30");
  EXPECT_EQ(t.said(0x8000000000), "reserved at level 3");
  EXPECT_EQ(t.said(0x10000000000), "absent at level 3");
  EXPECT_EQ(t.said(0xFFF8000005123), "12345123 rwx/--- WB 2^12");
  EXPECT_EQ(t.said(0x10000000000000), "outside the input range at level 3");

  u8 const *at = t.cells.data() + 0x12000 + 5 * 8;
  EXPECT_EQ((std::vector<u8>{at, at + 8}), (std::vector<u8>{0xC0, 0, 0, 0, 0x12, 0x34, 0x51, 0x8F}));

  golden::machine s{software_marks};
  s.memory.clear({0x110000}, 0x1000);
  s.put(3, 0x100000, 0, 0x8000000000110009).put(2, 0x110000, 0, 0xC000000040000007);
  EXPECT_EQ(s.said(0x5123), "not accessed at level 2");
  s.put(2, 0x110000, 0, 0xC000000040000107);
  EXPECT_EQ(s.said(0x5123), "40005123 rwx/rwx WB 2^30");
}

TEST(power_radix, is_walked_with_pages_of_64_kbytes) {
  golden::machine t{pages_64k};
  t.memory.clear({0x110000}, 0x3000);
  t.put(3, 0x100000, 0, 0x8000000000110009).put(2, 0x110000, 0, 0x8000000000111009);
  t.put(1, 0x111000, 0, 0x8000000000112105).put(1, 0x111000, 1, 0x8000000000112109);
  t.put(0, 0x112100, 31, 0xC000000012350187);
  EXPECT_EQ(t.said(0x1F1234), "12351234 rwx/rwx WB 2^16");
  EXPECT_EQ(t.said(0x0), "absent at level 0");
  EXPECT_EQ(t.said(0x200000), "reserved at level 1") << "a table of 4-Kbyte pages";
}

TEST(power_radix, is_built) {
  std::vector<std::pair<u64, unsigned>> const sizes{{0x2000, 21}, {0, 12}, {0x402000, 12}};
  builds(pages_4k, {0x1FE000, 0x405000, 0x12345FE000, used(all), readers, mt::io, sizes});
  builds(partition_4k, {0xFFFFFFF9FE000, 0x405000, 0x12345FE000, used(all), readers | executes, mt::nc, sizes});
  builds(software_marks, {0x1FE000, 0x405000, 0x12345FE000, used(kernel_rw), kernel_rx, mt::io, sizes});
  builds(pages_64k, {0x1F0000, 0x220000, 0x12345F0000, used(all), kernel_rw, mt::nc,
                     {{0x10000, 21}, {0, 16}, {0x210000, 16}}});
  builds(other, {0x1FE000, 0x405000, 0x12345FE000, used(all), readers, mt::io, sizes});
}

TEST(power_radix_registers, lead_to_a_tree) {
  // RTS 21 is 10 in 62:61 and 101 in 7:5 (A0), RPDS 13.
  auto const root = root_of(0x40000000123400AD);
  EXPECT_EQ(root.table.value, 0x12340000u);
  EXPECT_EQ(root.input_bits, 52u);
  EXPECT_EQ(root.root_bits, 13u);
  EXPECT_TRUE(fits(power9_4k, root) && fits(power9_64k, root));
  EXPECT_FALSE(fits(power9_4k, root_of(0x40000000123400AC)));
  EXPECT_FALSE(fits(power9_4k, root_of(0x400000001234008D)));
  EXPECT_EQ(root_of(0xC0000000123400AD).input_bits, 52u) << "HR is no part of it";
  EXPECT_TRUE(is_radix(0xC0000000123400AD));
  EXPECT_FALSE(is_radix(0x40000000123400AD));
  EXPECT_EQ(pages_below(0x8000000012345009), power9_4k);
  EXPECT_EQ(pages_below(0x8000000012345105), power9_64k);
  EXPECT_FALSE(pages_below(0xC000000012400105));
}

TEST(power_radix_registers, find_a_process_or_partition) {
  // Size 0: 4 Kbytes, 256 entries.
  EXPECT_EQ(table_entry(0x23450000, 255)->value, 0x23450FF0u);
  EXPECT_FALSE(table_entry(0x23450000, 256));
  EXPECT_EQ(table_entry(0x23450004, 4095)->value, 0x2345FFF0u);
  EXPECT_FALSE(table_entry(0x23450004, 4096));
  EXPECT_EQ(table_entry(0x0FFFFFFFE0000018, 0xFFFFFFFF)->value, 0x0FFFFFFFE0000000 + 0xFFFFFFFF0u);
}

TEST(power_radix_registers, select_by_quadrant) {
  struct { u64 effective; bool hypervisor, valid, lpidr, pidr; } const cases[]{
    {0x0000000000001000, false, true, true, true},  {0x4000000000001000, false, false, false, false},
    {0x8000000000001000, false, false, false, false}, {0xC000000000001000, false, true, true, false},
    {0x0000000000001000, true, true, false, true},  {0x4000000000001000, true, true, true, true},
    {0x8000000000001000, true, true, true, false},  {0xC000000000001000, true, true, false, false}};
  for (auto const &one : cases) {
    auto const p = place_of(one.effective, one.hypervisor);
    ASSERT_EQ(p.has_value(), one.valid) << std::hex << one.effective << ' ' << one.hypervisor;
    if (!p) continue;
    EXPECT_EQ(p->lpidr, one.lpidr) << std::hex << one.effective << ' ' << one.hypervisor;
    EXPECT_EQ(p->pidr, one.pidr) << std::hex << one.effective << ' ' << one.hypervisor;
    EXPECT_EQ(p->at.value, 0x1000u);
  }
}

}  // namespace
