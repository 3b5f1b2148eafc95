// SPDX-License-Identifier: MIT
// Golden values for x86, worked out from the field positions of the manuals as the comments show.
#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include <pagewright/cpu/x86.hpp>

using namespace pagewright;
using namespace pagewright::cpu::x86;

namespace pagewright::cpu::x86 {
void PrintTo(invlpgb_operands const &o, std::ostream *out) {
  *out << std::hex << "rax 0x" << o.rax << " ecx 0x" << o.ecx << " edx 0x" << o.edx;
}
}  // namespace pagewright::cpu::x86

namespace {

auto const nothing = std::optional<u64>{};

auto pieces(stale const &s, broadcast const &b, unsigned count_max, u64 most = 100) {
  std::vector<invlpgb_operands> all;
  each_invlpgb(s, b, count_max, most, [&](invlpgb_operands const &o) { all.push_back(o); });
  return all;
}
auto pages(u64 first, u64 bytes, u8 lg2, bool tables = false) { return stale{*range::of({first}, bytes), lg2, tables}; }

}  // namespace

TEST(x86_cr3, holds_the_pcid_only_where_cr4_says_so) {
  // SDM table 4-12: bits 11:0 are the PCID if CR4.PCIDE = 1; otherwise bit 3 is PWT, bit 4 PCD, the rest ignored.
  EXPECT_EQ(encode({.table = {0x1234'5000}, .pcid = 0xabc}, cr4_pcide), 0x1234'5abcu);
  EXPECT_EQ(encode({.table = {0x1234'5000}, .pcid = 1}), nothing);
  EXPECT_EQ(encode({.table = {0x1234'5000}, .pwt = true, .pcd = true}), 0x1234'5018u);
  EXPECT_EQ(encode({.table = {0x1234'5000}, .pcd = true}, cr4_pcide), nothing);
  EXPECT_EQ(decode(0x1234'5018).pcid, 0);
  EXPECT_TRUE(decode(0x1234'5018).pwt && decode(0x1234'5018).pcd);
  EXPECT_EQ(decode(0x1234'5018, cr4_pcide).pcid, 0x18);
  EXPECT_FALSE(decode(0x1234'5018, cr4_pcide).pwt);
}

TEST(x86_cr3, refuses_what_does_not_fit) {
  EXPECT_EQ(encode({.table = {0x1000}, .pcid = 0x1000}, cr4_pcide), nothing) << "13 bits of PCID";
  EXPECT_EQ(encode({.table = {0x1010}}), nothing) << "a table must begin on a page";
  EXPECT_EQ(encode({.table = {bit(52)}}), nothing) << "no physical address has 53 bits";
  EXPECT_EQ(encode({.table = {ones(12, 40)}}), ones(12, 40));
  EXPECT_EQ(encode({.table = {0x1020}}, 0, 5), 0x1020u) << "a PAE root is aligned to 32 bytes";
  EXPECT_EQ(encode({.table = {0x1010}}, 0, 5), nothing);
}

TEST(x86_cr3, comes_back_as_it_went_in) {
  for (u64 const cr4 : {u64{0}, cr4_pcide})
    for (bool const flag : {false, true}) {
      root_register const r{.table = {0xf'ffff'ffff'f000}, .pcid = static_cast<u16>(cr4 != 0 ? 0xfff : 0),
                            .pwt = cr4 == 0 && flag, .pcd = cr4 == 0 && !flag, .lam_u57 = flag, .lam_u48 = !flag};
      auto const cr3 = encode(r, cr4);
      ASSERT_TRUE(cr3.has_value());
      EXPECT_EQ(decode(*cr3, cr4), r) << std::hex << *cr3;
      EXPECT_EQ(decode(*cr3 | cr3_keep, cr4), r) << "bit 63 is an order, not content";
    }
}

TEST(x86_invpcid, gives_a_descriptor_that_does_not_fault) {
  // SDM 2, INVPCID: bits 11:0 PCID, 63:12 zero, 127:64 the linear address, which must be canonical.
  auto const one = descriptor(invpcid_type::address, 0xfff, {0xffff'8000'0000'1000});
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->pcid, 0xfffu);
  EXPECT_EQ(one->address, 0xffff'8000'0000'1000u);
  EXPECT_FALSE(descriptor(invpcid_type::address, 0x1000, {}).has_value());
  EXPECT_FALSE(descriptor(invpcid_type::context, 0x1000).has_value());
  EXPECT_FALSE(descriptor(invpcid_type::address, 1, {0x0000'8000'0000'0000}).has_value()) << "bit 47 without its signs";
  EXPECT_TRUE(descriptor(invpcid_type::address, 1, {0x0000'8000'0000'0000}, 57).has_value()) << "canonical with LA57";
  auto const all = descriptor(invpcid_type::everything, 0xffff, {0x0000'8000'0000'0000});
  ASSERT_TRUE(all.has_value()) << "types 2 and 3 use neither field";
  EXPECT_EQ(all->pcid | all->address, 0u);
}

TEST(x86_invlpgb, counts_the_pages_after_the_first) {
  // APM 3: rAX[0] VA valid, [3] include global, 63:12 VA; ECX[15:0] how many pages beyond the first one.
  auto const five = pieces(pages(0x7f00'0000'0000, 5 * 4096, 12), {}, 7);
  EXPECT_EQ(five, (std::vector<invlpgb_operands>{{0x7f00'0000'0009, 4, 0}}));
  auto const one = pieces(pages(0x7f00'0000'0000, 4096, 12), {.global = false}, 7);
  EXPECT_EQ(one, (std::vector<invlpgb_operands>{{0x7f00'0000'0001, 0, 0}}));
}

TEST(x86_invlpgb, goes_in_pieces_the_processor_can_take) {
  // EDX of CPUID 80000008H says 7: eight pages at once.
  auto const twenty = pieces(pages(0x7f00'0000'0000, 20 * 4096, 12), {}, 7);
  EXPECT_EQ(twenty, (std::vector<invlpgb_operands>{
                        {0x7f00'0000'0009, 7, 0}, {0x7f00'0000'8009, 7, 0}, {0x7f00'0001'0009, 3, 0}}));
  EXPECT_EQ(pieces(pages(0x1000, 16 * 4096, 12), {}, 7).size(), 2u) << "no empty piece at the end";
  EXPECT_EQ(pieces(pages(0x1000, 3 * 4096, 12), {}, 0).size(), 3u) << "a processor that takes one page at a time";
}

TEST(x86_invlpgb, steps_by_two_megabytes_where_leaves_are_that_large) {
  // ECX[31]: the increment is 2 Mbytes.
  auto const large = pieces(pages(0x4000'0000, 3 << 21, 21), {}, 7);
  EXPECT_EQ(large, (std::vector<invlpgb_operands>{{0x4000'0009, 0x8000'0002, 0}}));
  auto const huge = pieces(pages(0x4000'0000, 1 << 30, 30), {}, 1023);
  EXPECT_EQ(huge, (std::vector<invlpgb_operands>{{0x4000'0009, 0x8000'01ff, 0}})) << "512 steps for a gigabyte";
}

TEST(x86_invlpgb, says_whose_translations) {
  // rAX[1] PCID valid, [2] ASID valid, [4] final translation only, [5] nested; EDX 15:0 ASID, 27:16 PCID.
  broadcast const b{.pcid = 0x123, .asid = 0x45, .global = false, .final_only = true, .nested = true};
  EXPECT_EQ(everywhere(b), (invlpgb_operands{0x36, 0, 0x0123'0045}));
  EXPECT_EQ(pieces(pages(0x5000, 4096, 12), b, 7), (std::vector<invlpgb_operands>{{0x5037, 0, 0x0123'0045}}));
  EXPECT_EQ(pieces(pages(0x5000, 4096, 12, true), b, 7), (std::vector<invlpgb_operands>{{0x5027, 0, 0x0123'0045}}))
      << "a table entry changed: upper levels must go too";
}

TEST(x86_invlpgb, drops_everything_rather_than_issuing_too_many) {
  auto const all = pieces(pages(0, u64{1} << 40, 12), {}, 7, 128);
  EXPECT_EQ(all, (std::vector<invlpgb_operands>{everywhere({})}));
  EXPECT_EQ(all[0].rax & 1, 0u) << "no valid address";
  EXPECT_EQ(pieces(pages(0, 128 * 8 * 4096, 12), {}, 7, 128).size(), 128u);
  EXPECT_EQ(pieces(pages(0, 128 * 8 * 4096 + 4096, 12), {}, 7, 128).size(), 1u);
}

TEST(x86_invlpgb, covers_every_page_once_up_to_the_top_of_the_space) {
  for (unsigned const count_max : {0u, 1u, 7u, 511u})
    for (u64 n = 1; n < 70; n += 3) {
      u64 next = ~u64{0} - n * 4096 + 1;
      for (auto const &o : pieces(pages(next, n * 4096, 12), {}, count_max)) {
        EXPECT_EQ(o.rax & ~below(12), next);
        EXPECT_LE(o.ecx, count_max);
        next += (u64{o.ecx} + 1) * 4096;
      }
      EXPECT_EQ(next, 0u) << n << " pages, at most " << count_max + 1 << " at once";
    }
}

TEST(x86_features, are_where_cpuid_has_them) {
  // SDM 2 CPUID: 01H EDX[13] PGE, ECX[17] PCID; 07H EBX[10] INVPCID, ECX[16] LA57. APM 3: 80000008H EBX[3] INVLPGB,
  // EBX[21] nested, EDX[15:0] count, EAX[7:0] physical address bits.
  auto const all = features_of({0, 0, 1 << 17, 1 << 13}, {0, 1 << 10, 1 << 16, 0},
                               {0x3034, 1 << 3 | 1 << 21, 0, 0xabcd'0007});
  EXPECT_TRUE(all.pge && all.pcid && all.invpcid && all.la57 && all.invlpgb && all.invlpgb_nested);
  EXPECT_EQ(all.invlpgb_count_max, 7u);
  EXPECT_EQ(all.physical_bits, 52u);
  auto const none = features_of({0, 0, ~u32{1 << 17}, ~u32{1 << 13}}, {~0u, ~u32{1 << 10}, ~u32{1 << 16}, ~0u},
                                {~0u, ~u32{1 << 3 | 1 << 21}, ~0u, ~0u});
  EXPECT_EQ(features_of({}, {}, {}, {1, 0x8000, 0, 0}).asids, 0x8000u) << "8000000AH EBX";
  EXPECT_FALSE(none.pge || none.pcid || none.invpcid || none.la57 || none.invlpgb || none.invlpgb_nested);
}

TEST(x86_features, say_what_invlpgb_accepts) {
  features const cpu{.invlpgb = true, .asids = 16};
  EXPECT_TRUE(accepts(cpu, {}, 0));
  EXPECT_FALSE(accepts({}, {}, 0)) << "a processor without it";
  EXPECT_TRUE(accepts(cpu, {.asid = 15}, 0));
  EXPECT_FALSE(accepts(cpu, {.asid = 16}, 0)) << "ASIDs 0 to 15";
  EXPECT_TRUE(accepts({.invlpgb = true}, {.asid = 0}, 0)) << "the host's ASID needs no virtualization";
  EXPECT_TRUE(accepts(cpu, {.pcid = 0xfff}, cr4_pcide));
  EXPECT_FALSE(accepts(cpu, {.pcid = 0x1000}, cr4_pcide));
  EXPECT_FALSE(accepts(cpu, {.pcid = 1}, 0)) << "CR4.PCIDE is clear";
  EXPECT_FALSE(accepts(cpu, {.nested = true}, 0));
}
