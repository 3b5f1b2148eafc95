// SPDX-License-Identifier: MIT
// DART: golden entries worked out from the bit positions that Linux and m1n1 agree on.
//
//   v1   VALID 0 | SP_DIS 1 | NO_WRITE 7 (80) | NO_READ 8 (100) | address in place | SP_END 51:40 | SP_START 63:52
//   v2   VALID 0 | UNCACHE 1 | NO_WRITE 2 | NO_READ 3 | address >> 4            | SP_END 51:40 | SP_START 63:52
#include <pagewright/formats/dart.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::builds, golden::decodes, golden::is_table, golden::kind_at, golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto three = dart::tables({.levels = 3});
constexpr auto wide  = dart::tables({.entry = dart::layout::v1, .output_bits = 40});

static_assert(is_sound<dart::v1_4k>() && is_sound<dart::v1_16k>() && is_sound<dart::v2_16k>());
static_assert(is_sound<three>() && is_sound<wide>());

constexpr auto read_write = readers | writers;
constexpr auto plain(rights r, mt t = mt::pma) -> attributes {
  return {.allow = r, .type = t, .accessed = false, .dirty = false};
}

TEST(dart_v1, reads_and_writes_leaves) {
  // FFF in 51:40; SP_DIS and VALID are 3.
  EXPECT_TRUE(both_ways(dart::v1_16k, 0x000FFF0812344003, {0, "page", 0x812344000, 14, plain(read_write)}));
  EXPECT_TRUE(both_ways(dart::v1_16k, 0x000FFF0812344083, {0, "page", 0x812344000, 14, plain(readers)}));
  EXPECT_TRUE(both_ways(dart::v1_16k, 0x000FFF0812344103, {0, "page", 0x812344000, 14, plain(writers)}));
  EXPECT_TRUE(both_ways(dart::v1_16k, 0x000FFF0812344183, {0, "page", 0x812344000, 14, plain(none)}));
  EXPECT_TRUE(both_ways(dart::v1_16k, 0x000FFF0FFFFFC003, {0, "page", 0xFFFFFC000, 14, plain(read_write)}));
  EXPECT_TRUE(both_ways(dart::v1_4k, 0x000FFF0812345003, {0, "page", 0x812345000, 12, plain(read_write)}));
  EXPECT_TRUE(both_ways(dart::v1_4k, 0x000FFF0812345083, {0, "page", 0x812345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(dart::v1_4k, 0x000FFF0812345103, {0, "page", 0x812345000, 12, plain(writers)}));
  EXPECT_TRUE(both_ways(dart::v1_4k, 0x000FFF0000001003, {0, "page", 0x1000, 12, plain(read_write)}));
  EXPECT_TRUE(both_ways(wide, 0x000FFFF812344003, {0, "page", 0xF812344000, 14, plain(read_write)}));
  // Bits of v2 mean nothing here, and SP_DIS may be clear.
  EXPECT_TRUE(decodes(dart::v1_16k, 0x000FFF081234400D, {0, "page", 0x812344000, 14, plain(read_write)}));
}

TEST(dart_v2, reads_and_writes_leaves) {
  // 812344000 >> 4 = 81234400.
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF0081234401, {0, "page", 0x812344000, 14, plain(read_write)}));
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF0081234405, {0, "page", 0x812344000, 14, plain(readers)}));
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF0081234409, {0, "page", 0x812344000, 14, plain(writers)}));
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF008123440D, {0, "page", 0x812344000, 14, plain(none)}));
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF0081234403, {0, "page", 0x812344000, 14, plain(read_write, mt::nc)}));
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF0081234407, {0, "page", 0x812344000, 14, plain(readers, mt::nc)}));
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF0000000401, {0, "page", 0x4000, 14, plain(read_write)}));
  // The highest of 42 bits: 3FFFFFFC000 >> 4 = 3FFFFFFC00.
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF3FFFFFFC01, {0, "page", 0x3FFFFFFC000, 14, plain(read_write)}));
  EXPECT_TRUE(both_ways(dart::v2_16k, 0x000FFF2000000001, {0, "page", 0x20000000000, 14, plain(read_write)}));
  EXPECT_TRUE(both_ways(three, 0x000FFF0081234401, {0, "page", 0x812344000, 14, plain(read_write)}));
  // Bits of v1 mean nothing here.
  EXPECT_TRUE(decodes(dart::v2_16k, 0x000FFF0081234581, {0, "page", 0x812344000, 14, plain(read_write)}));
}

TEST(dart, reads_and_writes_table_entries) {
  EXPECT_TRUE(is_table(dart::v1_16k, 1, 0x812344001, 0x812344000, all));
  EXPECT_TRUE(is_table(dart::v1_4k, 1, 0x812345001, 0x812345000, all));
  EXPECT_TRUE(is_table(dart::v2_16k, 1, 0x81234401, 0x812344000, all));
  EXPECT_TRUE(is_table(three, 2, 0x81234401, 0x812344000, all));
  EXPECT_EQ(encode_table(dynamic{&dart::v2_16k}, 1u, {0x812344000}), 0x81234401u);
  EXPECT_EQ(encode_table(dynamic{&dart::v1_16k}, 1u, {0x812344000}), 0x812344001u);
  EXPECT_TRUE(is_table(dart::v2_16k, 1, 0x000FFF0081234405, 0x812344000, all)) << "tables deny nothing";
}

TEST(dart, takes_a_clear_valid_bit_for_absent_and_rejects_nothing) {
  for (auto const *f : {&dart::v1_4k, &dart::v1_16k, &dart::v2_16k}) {
    EXPECT_EQ(kind_at(*f, 0, 0x000FFF0081234400), "absent");
    EXPECT_EQ(kind_at(*f, 1, 0xFFFFFFFFFFFFFFFE), "absent");
    EXPECT_EQ(rejected_bits(*f, 0, 1), 0u);
    EXPECT_EQ(rejected_bits(*f, 1, 1), 0u);
    EXPECT_EQ(duty_of(dynamic{f}, 0u, 0, 1), duty::invalidate) << "absent entries may be cached";
  }
}

TEST(dart, tells_what_part_of_a_page_may_be_accessed) {
  using dart::layout, dart::subpages;
  EXPECT_TRUE(dart::subpages_of(layout::v2, 0x000FFF0081234401).all());
  EXPECT_EQ(dart::subpages_of(layout::v2, 0x0017FF0081234401), (subpages{0x001, 0x7FF}));
  EXPECT_EQ(dart::subpages_of(layout::v1, 0x4004FF0812344001), (subpages{0x400, 0x4FF}));
  EXPECT_TRUE(dart::subpages_of(layout::v1, 0x4004FF0812344003).all()) << "switched off";
}

TEST(dart, divides_addresses) {
  // 16K: offset 13:0, L2 24:14, L1 35:25, root 37:36. 4K: 11:0, 20:12, 29:21, root 31:30.
  EXPECT_EQ(dart::v2_16k.input_bits(), 36u);
  EXPECT_EQ(index_of(dynamic{&dart::v2_16k}, 1u, 0xFFFFFFFFF), 0x7FFu);
  EXPECT_EQ(index_of(dynamic{&dart::v2_16k}, 0u, 0x0001FFFFFF), 0x7FFu);
  EXPECT_EQ(table_lg2(dynamic{&dart::v2_16k}, 0u), 14u);
  EXPECT_EQ(dart::v1_4k.input_bits(), 30u);
  EXPECT_EQ(table_lg2(dynamic{&dart::v1_4k}, 1u), 12u);
  EXPECT_EQ(three.input_bits(), 42u);
  auto const there = dart::place_of(dart::v2_16k, {0x2812345678});
  EXPECT_EQ(there.ttbr, 2u);
  EXPECT_EQ(there.at.value, 0x812345678u);
}

TEST(dart, names_every_bit) {
  for (auto const *f : {&dart::v1_4k, &dart::v1_16k, &dart::v2_16k, &three,
      &wide}) EXPECT_TRUE(golden::is_faultless(*f));
}

TEST(dart, is_sound_whatever_its_shape) {
  for (unsigned const levels : {2u, 3u})
    for (unsigned const out : {0u, 36u, 38u, 40u, 42u})
      for (auto const &[entry, granule] : {std::pair{dart::layout::v1, dart::page::k4}, {dart::layout::v1,
          dart::page::k16},
                                           {dart::layout::v2, dart::page::k16}}) {
        if (entry == dart::layout::v1 && out == 42) continue;  // SP_END begins at bit 40
        auto const f = dart::tables({.entry = entry, .granule = granule, .levels = levels, .input_bits = 40,
            .output_bits = out});
        ASSERT_TRUE(golden::is_faultless(f)) << levels << " levels, " << out << " bits out";
      }
}

TEST(dart, is_walked) {
  // v2, tables at 100000 and 110000, which shifted is 11000: slot 0 of L1 leads to the second, slot 1 to where
  // nothing is.
  golden::machine t{dart::v2_16k};
  t.memory.clear({0x110000}, 0x10000);
  t.put(1, 0x100000, 0, 0x11001).put(1, 0x100000, 1, 0x8001);
  t.put(0, 0x110000, 5, 0x000FFF0081234401);
  t.put(0, 0x110000, 6, 0x000FFF0081234805);     // 812348000, no writing
  t.put(0, 0x110000, 7, 0x000FFF0081234C00);     // not valid
  t.put(0, 0x110000, 2047, 0x000FFF3FFFFFFC09);  // the last, no reading
  EXPECT_EQ(t.said(5 * 0x4000 + 0x123), "812344123 rw-/rw- PMA 2^14");
  EXPECT_EQ(t.said(6 * 0x4000 + 0x3FFF), "81234bfff r--/r-- PMA 2^14");
  EXPECT_EQ(t.said(0x1FFC010), "3ffffffc010 -w-/-w- PMA 2^14");
  EXPECT_EQ(t.said(7 * 0x4000), "absent at level 0");
  EXPECT_EQ(t.said(0), "absent at level 0");
  EXPECT_EQ(t.said(0x2000000), "unreadable at level 0");
  EXPECT_EQ(t.said(0x4000000), "absent at level 1");
  EXPECT_EQ(t.said(0x1000000000), "outside the input range at level 1");

  golden::machine v1{dart::v1_4k};
  v1.memory.clear({0x110000}, 0x10000);
  v1.put(1, 0x100000, 0, 0x110001).put(0, 0x110000, 5, 0x000FFF0812345083);
  EXPECT_EQ(v1.said(0x5123), "812345123 r--/r-- PMA 2^12");
  EXPECT_EQ(v1.said(0x6000), "absent at level 0");
}

TEST(dart, is_built) {
  builds(dart::v2_16k, {0x1FF8000, 0x2018000, 0x812344000, plain(read_write), readers, mt::nc, {{0, 14}, {0x8000,
      14}}});
  builds(dart::v2_16k, {0x40000, 0x48000, 0x812344000, plain(read_write, mt::nc), none, mt::pma, {{0, 14}}});
  builds(dart::v1_16k, {0x40000, 0x48000, 0x812344000, plain(read_write), writers, mt::pma, {{0, 14}}});
  builds(dart::v1_4k, {0x1FD000, 0x205000, 0x812345000, plain(read_write), readers, mt::pma, {{0, 12}, {0x4000, 12}}});
  builds(three, {0x1000040000, 0x48000, 0x812344000, plain(read_write), readers, mt::nc, {{0, 14}}});
}

TEST(dart_registers, say_where_the_root_is) {
  using dart::registers;
  EXPECT_EQ(dart::root_table(registers::t8020, 0x80812344)->value, 0x812344000u);
  EXPECT_FALSE(dart::root_table(registers::t8020, 0x00812344));
  EXPECT_EQ(dart::root_table(registers::t8110, 0x00204D11 << 2 | 1)->value, 0x813444000u);  // 204D11 << 14
  EXPECT_FALSE(dart::root_table(registers::t8110, 0x00204D10));
}

TEST(dart_registers, say_what_becomes_of_requests) {
  using dart::registers, dart::handling;
  EXPECT_EQ(dart::control_of(registers::t8020, 0x80).what, handling::translated);
  EXPECT_EQ(dart::control_of(registers::t8020, 0x100).what, handling::bypassed);
  EXPECT_EQ(dart::control_of(registers::t8020, 0).what, handling::disabled);
  EXPECT_EQ(dart::control_of(registers::t8110, 0x1).what, handling::translated);
  EXPECT_EQ(dart::control_of(registers::t8110, 0x1).levels, 2u);
  EXPECT_EQ(dart::control_of(registers::t8110, 0x9).levels, 3u);
  EXPECT_EQ(dart::control_of(registers::t8110, 0x2).what, handling::bypassed);
}

}  // namespace
