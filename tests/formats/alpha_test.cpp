// SPDX-License-Identifier: MIT
// Alpha: golden entries worked out from the bit positions of OSF/1 PALcode's tables.
//
//   V 1 | FOR 2 | FOW 4 | FOE 8 | ASM 10 | GH 6:5 (20, 40, 60) | KRE 100 | URE 200 | KWE 1000 | UWE 2000 | PFN 63:32
//   PFN 12345 is the address 12345 << 13 = 2468A000.
#include <pagewright/formats/alpha.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::builds, golden::decodes, golden::encodes, golden::is_faultless, golden::is_table,
    golden::kind_at, golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto unhinted = alpha::tables({.physical_bits = 34, .granularity_hints = false});

static_assert(is_sound<alpha::osf1>() && is_sound<unhinted>());

constexpr auto &f = alpha::osf1;
constexpr auto  plain(rights r, bool global = false, u64 software = 0) -> attributes {
  return {.allow = r, .type = mt::pma, .global = global, .accessed = false, .dirty = false, .software = software};
}

TEST(alpha, reads_and_writes_pages) {
  auto const page = [](rights r, bool global = false, u64 software = 0) {
    return golden::leaf{0, "page", 0x2468A000, 13, plain(r, global, software)};
  };
  EXPECT_TRUE(both_ways(f, 0x0001234500001111, page(kernel_rwx, true)));         // KWE KRE ASM V
  EXPECT_TRUE(both_ways(f, 0x0001234500003301, page(all)));                      // UWE KWE URE KRE V
  EXPECT_TRUE(both_ways(f, 0x0001234500003309, page(readers | writers)));        // and FOE
  EXPECT_TRUE(both_ways(f, 0x0001234500000309, page(readers)));                  // URE KRE FOE V
  EXPECT_TRUE(both_ways(f, 0x0001234500000109, page(kernel_ro)));                // KRE FOE V
  EXPECT_TRUE(both_ways(f, 0x0001234500000101, page(kernel_rx)));                // KRE V
  EXPECT_TRUE(both_ways(f, 0x0001234500001109, page(kernel_rw)));                // KWE KRE FOE V
  EXPECT_TRUE(both_ways(f, 0x000123450000330B, page(writers)));                  // FOE FOR, all enables
  EXPECT_TRUE(both_ways(f, 0x0001234500000303, page(executes)));                 // URE KRE FOR V
  EXPECT_TRUE(both_ways(f, 0x0001234500002201, page(user)));                     // UWE URE V, not the kernel
  EXPECT_TRUE(both_ways(f, 0x0001234500001301, page(all - user_write)));         // KWE URE KRE V
  EXPECT_TRUE(both_ways(f, 0x000123450000000B, page(none)));                     // FOE FOR V
  EXPECT_TRUE(both_ways(f, 0x000123450000001B, page(none, true)));
  EXPECT_TRUE(both_ways(f, 0x0001234500063301, page(all, false, 0x60000)));      // two of the software's bits
  EXPECT_TRUE(both_ways(f, 0x7FFFFFFF00003301, {0, "page", 0xFFFFFFFE000, 13, plain(all)}));
}

TEST(alpha, takes_away_what_faults) {
  auto const page = [](rights r) { return golden::leaf{0, "page", 0x2468A000, 13, plain(r)}; };
  EXPECT_TRUE(decodes(f, 0x000123450000330D, page(readers)));            // FOE FOW
  EXPECT_TRUE(decodes(f, 0x0001234500003305, page(readers | executes)));  // FOW
  EXPECT_TRUE(decodes(f, 0x000123450000330F, page(none)));               // FOE FOW FOR
  EXPECT_TRUE(decodes(f, 0x0001234500000001, page(none)));               // no enable at all
  EXPECT_TRUE(decodes(f, 0x0001234500001001, page(kernel_write)));       // KWE alone
  EXPECT_FALSE(encode_rights(dynamic{&f}, f.forms[0], kernel_rwx | user_read)) << "reading takes FOE to stop executing";
}

TEST(alpha, reads_and_writes_blocks_of_pages) {
  EXPECT_TRUE(both_ways(f, 0x0001234800003321, {0, "8 pages", 0x24690000, 16, plain(all)}));
  EXPECT_TRUE(both_ways(f, 0x0001234000003349, {0, "64 pages", 0x24680000, 19, plain(readers | writers)}));
  EXPECT_TRUE(both_ways(f, 0x0001220000001171, {0, "512 pages", 0x24400000, 22, plain(kernel_rwx, true)}));
  // The third page of eight, and of them the second half of 512.
  EXPECT_TRUE(encodes(f, {0, "8 pages", 0x24690000, 16, plain(all)}, 0x0001234A00003321, 0x24694000));
  EXPECT_TRUE(decodes(f, 0x0001234A00003321, {0, "8 pages", 0x24690000, 16, plain(all)}));
  EXPECT_TRUE(decodes(f, 0x0001230000003361, {0, "512 pages", 0x24400000, 22, plain(all)}));
  EXPECT_TRUE(decodes(unhinted, 0x0001234A00003321, {0, "page", 0x24694000, 13, plain(all)}));
}

TEST(alpha, reads_and_writes_table_entries) {
  EXPECT_TRUE(is_table(f, 2, 0x0001234500000101, 0x2468A000, all));
  EXPECT_TRUE(is_table(f, 1, 0x0001234500000101, 0x2468A000, all));
  EXPECT_TRUE(is_table(f, 1, 0x000123450006330F, 0x2468A000, all)) << "nothing but V and KRE counts";
  EXPECT_EQ(encode_table(dynamic{&f}, 1u, {0x2468A000}), 0x0001234500000101u);
  EXPECT_EQ(table_lg2(dynamic{&f}, 2u), 13u);
}

TEST(alpha, wants_kre_in_tables_and_v_everywhere) {
  for (unsigned level = 0; level < 3; ++level) EXPECT_EQ(kind_at(f, level, 0xFFFFFFFFFFFFFFFE), "absent");
  EXPECT_EQ(kind_at(f, 1, 0x0001234500003201), "reserved");
  EXPECT_EQ(kind_at(f, 2, 0x0001234500000001), "reserved");
  EXPECT_EQ(kind_at(f, 0, 0x0001234500000001), "leaf");
  EXPECT_EQ(rejected_bits(f, 0, 1), 0u);
  EXPECT_EQ(rejected_bits(f, 1, 0x101), bit(63)) << "44 address bits: bit 31 of the PFN leads nowhere";
}

TEST(alpha, names_every_bit_whatever_the_processor) {
  for (unsigned const bits : {32u, 34u, 40u, 44u, 45u})
    for (bool const hints : {false, true})
      EXPECT_TRUE(is_faultless(alpha::tables({.physical_bits = bits, .granularity_hints = hints}))) << bits;
}

TEST(alpha, invalidates_changes_and_not_new_mappings) {
  dynamic const h{&f};
  EXPECT_EQ(duty_of(h, 0u, 0x0001234500003300, 0x0001234500003301), duty::publish);
  EXPECT_EQ(duty_of(h, 0u, 0x0001234500003301, 0), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0x000123450000330D, 0x0001234500003309), duty::invalidate);  // FOW: the cached entry faults
  EXPECT_EQ(duty_of(h, 0u, 0x0001234500003301, 0x0001234500023301), duty::none);        // software
}

TEST(alpha, is_walked) {
  // Level 1 at 100000: slots 0 and 1023 lead to level 2 at 110000 (PFN 88); its slot 0 to level 3 at 112000 (PFN 89).
  golden::machine t{f};
  t.memory.clear({0x110000}, 0x4000);
  t.put(2, 0x100000, 0, 0x0000008800000101).put(2, 0x100000, 1023, 0x0000008800000101);
  t.put(1, 0x110000, 0, 0x0000008900000101).put(1, 0x110000, 1, 0x0000008900000001);
  t.put(1, 0x110000, 3, 0x0000004000000101).put(1, 0x110000, 4, 0x8000000000000101);
  t.put(0, 0x112000, 5, 0x0001234500003301).put(0, 0x112000, 6, 0x0001234600000319);
  t.put(0, 0x112000, 7, 0x0001234500003300).put(0, 0x112000, 1023, 0x8000000000003301);
  for (u64 i = 0; i < 8; ++i) t.put(0, 0x112000, 8 + i, 0x0001234800001121 + (i << 32));
  EXPECT_EQ(t.said(0xA123), "2468a123 rwx/rwx PMA 2^13");
  EXPECT_EQ(t.said(0xC000), "2468c000 r--/r-- PMA 2^13");
  EXPECT_EQ(t.said(0xE000), "absent at level 0");
  EXPECT_EQ(t.said(0x14ABC), "24694abc rwx/--- PMA 2^16");
  EXPECT_EQ(t.said(0x20000), "absent at level 0");
  EXPECT_EQ(t.said(0x7FE000), "address too wide at level 0");
  EXPECT_EQ(t.said(0x800000), "reserved at level 1");
  EXPECT_EQ(t.said(0x1000000), "absent at level 1");
  EXPECT_EQ(t.said(0x1800000), "unreadable at level 0");
  EXPECT_EQ(t.said(0x2000000), "address too wide at level 1");
  EXPECT_EQ(t.said(0x200000000), "absent at level 2");
  EXPECT_EQ(t.said(0xFFFFFFFE0000A123), "2468a123 rwx/rwx PMA 2^13");
  EXPECT_EQ(t.said(0x0000040000000000), "outside the input range at level 2") << "bit 42 extends upward";
  EXPECT_EQ(t.said(0xFFFFFBFFFFFFE000), "outside the input range at level 2");
}

TEST(alpha, is_built) {
  // A page, 8, 64, 512 pages and a page, in this order; the 512 are what is split and collapsed.
  golden::builds(f, {0x36E000, 0x494000, 0x436E000, plain(all), readers, mt::pma,
                     {{0x92000, 22}, {0, 13}, {0x2000, 16}, {0x12000, 19}, {0x492000, 13}}});
  golden::builds(f, {0xFFFFFFFE0006E000, 0x14000, 0x1006E000, plain(kernel_rw, true), kernel_rx, mt::pma,
                     {{0x2000, 16}, {0, 13}, {0x12000, 13}}});
  golden::builds(unhinted, {0x7FE000, 0x14000, 0x10000000, plain(all), user_rw, mt::pma, {{0x2000, 13}, {0, 13}}});
}

TEST(alpha_registers, say_where_the_root_is) {
  EXPECT_EQ(alpha::root_table(0x12345).value, 0x2468A000u);
}

TEST(alpha_registers, have_a_segment_that_is_not_translated) {
  // Bits 63:43 and 42:41 = 10: FFFFFC00_00000000 on.
  EXPECT_EQ(alpha::kseg({0xFFFFFC0012345678})->value, 0x12345678u);
  EXPECT_EQ(alpha::kseg({0xFFFFFCFFFFFFFFFF})->value, 0xFFFFFFFFFFu);
  EXPECT_TRUE(alpha::is_kseg({0xFFFFFD0012345678}));
  EXPECT_FALSE(alpha::kseg({0xFFFFFD0012345678})) << "I/O space";
  EXPECT_FALSE(alpha::kseg({0xFFFFFE0012345678}));
  EXPECT_FALSE(alpha::kseg({0x0000040012345678}));
}

}  // namespace
