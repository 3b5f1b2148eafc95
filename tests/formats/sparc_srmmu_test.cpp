// SPDX-License-Identifier: MIT
// SPARC reference MMU: golden entries worked out from the field positions of appendix H.3.
//
//   PTE   type 2 | ACC 4:2 (code * 4) | R 5 (20) | M 6 (40) | C 7 (80) | PPN 31:8, so it is PA >> 4 and a low byte
//   PTD   type 1 | address bits 35:6 in 31:2, so the value is PA >> 4 and 1
#include <pagewright/formats/sparc_srmmu.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::decodes, golden::encodes, golden::is_faultless, golden::is_table, golden::kind_at,
    golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto narrow = sparc_srmmu::tables({.physical_bits = 31, .cached = mt::wt});

static_assert(is_sound<sparc_srmmu::srmmu>() && is_sound<narrow>());

constexpr auto &f          = sparc_srmmu::srmmu;
constexpr auto  read_write = readers | writers;

/// Accessed, and dirty where writing is allowed.
constexpr auto used(rights r, mt t = mt::wb) -> attributes {
  return {.allow = r, .type = t, .dirty = (r & writers) != none};
}
constexpr auto clean(rights r) -> attributes { return {.allow = r, .dirty = false}; }

TEST(sparc_srmmu, reads_and_writes_pages) {
  // C 80 | R 20 | ACC 1 (4) | 2 = A6.
  EXPECT_TRUE(both_ways(f, 0xA12345A6, {0, "PTE", 0xA12345000, 12, clean(read_write)}));
  // ACC 0: 80 | 20 | 2.
  EXPECT_TRUE(both_ways(f, 0x012345A2, {0, "PTE", 0x012345000, 12, used(readers)}));
  // ACC 2 (8): 80 | 20 | 8 | 2.
  EXPECT_TRUE(both_ways(f, 0x012345AA, {0, "PTE", 0x012345000, 12, used(readers | executes)}));
  // ACC 3 (C), M 40: 80 | 40 | 20 | C | 2.
  EXPECT_TRUE(both_ways(f, 0x012345EE, {0, "PTE", 0x012345000, 12, used(all)}));
  // ACC 5 (14): 80 | 40 | 20 | 14 | 2.
  EXPECT_TRUE(both_ways(f, 0x012345F6, {0, "PTE", 0x012345000, 12, used(kernel_rw | user_read)}));
  // ACC 6 (18): 80 | 20 | 18 | 2.
  EXPECT_TRUE(both_ways(f, 0x012345BA, {0, "PTE", 0x012345000, 12, used(kernel_rx)}));
  // ACC 7 (1C): 80 | 40 | 20 | 1C | 2.
  EXPECT_TRUE(both_ways(f, 0x012345FE, {0, "PTE", 0x012345000, 12, used(kernel_rwx)}));
  // Not cacheable, the highest page: 40 | 20 | 1C | 2.
  EXPECT_TRUE(both_ways(f, 0xFFFFFF7E, {0, "PTE", 0xFFFFFF000, 12, used(kernel_rwx, mt::uc)}));
  // Neither R nor M: 80 | 4 | 2.
  EXPECT_TRUE(both_ways(f, 0x01234586, {0, "PTE", 0x012345000, 12,
                                        {.allow = read_write, .accessed = false, .dirty = false}}));
  // ACC 4 (10).
  EXPECT_TRUE(both_ways(f, 0x012345B2, {0, "PTE", 0x012345000, 12, used(executes)}));
}

TEST(sparc_srmmu, reads_and_writes_segments_and_regions) {
  // 256 Kbytes at 8_1234_0000; 16 Mbytes at 9_FF00_0000.
  EXPECT_TRUE(both_ways(f, 0x812340EE, {1, "PTE", 0x812340000, 18, used(all)}));
  EXPECT_TRUE(both_ways(f, 0x812340A2, {1, "PTE", 0x812340000, 18, used(readers)}));
  EXPECT_TRUE(both_ways(f, 0x9FF000A2, {2, "PTE", 0x9FF000000, 24, used(readers)}));
  EXPECT_TRUE(both_ways(f, 0x9FF0007E, {2, "PTE", 0x9FF000000, 24, used(kernel_rwx, mt::uc)}));
}

TEST(sparc_srmmu, knows_all_eight_codes_of_rights) {
  rights const want[]{readers,  read_write,            readers | executes, all,
                      executes, kernel_rw | user_read, kernel_rx,          kernel_rwx};
  for (unsigned code = 0; code < 8; ++code) {
    EXPECT_EQ(sparc_srmmu::rights_of(code), want[code]) << "ACC " << code;
    auto const bits = encode_rights(dynamic{&f}, f.forms[0], want[code]);
    EXPECT_EQ(bits, std::optional<u64>{code << 2}) << "ACC " << code;
  }
}

TEST(sparc_srmmu, says_no_other_rights) {
  unsigned said = 0;
  for (unsigned r = 0; r <= unsigned(all); ++r)
    if (encode_rights(dynamic{&f}, f.forms[0], static_cast<rights>(r))) ++said;
  EXPECT_EQ(said, 8u);
  EXPECT_EQ(least_rights(dynamic{&f}, kernel_rw), kernel_rw | user_read);
  EXPECT_EQ(least_rights(dynamic{&f}, user_rx), readers | executes);
}

TEST(sparc_srmmu, reads_and_writes_table_entries) {
  EXPECT_TRUE(is_table(f, 2, 0x81234561, 0x812345600, all));
  EXPECT_TRUE(is_table(f, 1, 0x81234561, 0x812345600, all));
  EXPECT_TRUE(is_table(f, 1, 0xFFFFFFF1, 0xFFFFFFF00, all));
  EXPECT_EQ(encode_table(dynamic{&f}, 2u, {0x812345600}), 0x81234561u);
  EXPECT_EQ(table_lg2(dynamic{&f}, 2u), 10u);
  EXPECT_EQ(table_lg2(dynamic{&f}, 1u), 8u);
  EXPECT_EQ(table_lg2(dynamic{&f}, 0u), 8u);
}

TEST(sparc_srmmu, tells_entries_by_their_type) {
  for (unsigned level = 0; level < 3; ++level) {
    EXPECT_EQ(kind_at(f, level, 0), "absent");
    EXPECT_EQ(kind_at(f, level, 0xFFFFFFFC), "absent");
    EXPECT_EQ(kind_at(f, level, 0x012345A3), "reserved");
    EXPECT_EQ(kind_at(f, level, 0x012345A2), "leaf");
    EXPECT_EQ(rejected_bits(f, level, 0x012345A2), 1u);
  }
  EXPECT_EQ(kind_at(f, 0, 0x012345A1), "reserved") << "no tables below level 3";
  EXPECT_EQ(rejected_bits(f, 1, 0x012345A1), 2u);
}

TEST(sparc_srmmu, names_every_bit_whatever_the_width) {
  for (unsigned bits = 32; bits <= 36; ++bits)
    EXPECT_TRUE(is_faultless(sparc_srmmu::tables({.physical_bits = bits}))) << bits;
}

TEST(sparc_srmmu, invalidates_changes_and_not_new_mappings) {
  dynamic const h{&f};
  EXPECT_EQ(duty_of(h, 0u, 0, 0xA12345A6), duty::publish);
  EXPECT_EQ(duty_of(h, 0u, 0xA12345A6, 0), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0xA12345A6, 0xA12345A2), duty::invalidate);  // ACC 1 to 0
  EXPECT_EQ(duty_of(h, 0u, 0xA12345A6, 0xA12345E6), duty::publish);     // M
  EXPECT_EQ(duty_of(h, 2u, 0x9FF000A2, 0x81234561), duty::invalidate);  // a table instead
}

TEST(sparc_srmmu, is_walked) {
  // Level 1 at 100000: slot 0 leads to level 2 at 110000 (>> 4: 11000), slot 11 to where nothing is.
  golden::machine t{f};
  t.memory.clear({0x110000}, 0x1000);
  t.put(2, 0x100000, 0x00, 0x00011001).put(2, 0x100000, 0xF0, 0x9FF000A2);
  t.put(2, 0x100000, 0x10, 0x00011003).put(2, 0x100000, 0x11, 0x00008001);
  t.put(1, 0x110000, 0, 0x00011011).put(1, 0x110000, 1, 0x812340EE);
  t.put(0, 0x110100, 5, 0xA12345A6).put(0, 0x110100, 6, 0xFFFFFF7E).put(0, 0x110100, 7, 0x00011011);
  t.put(0, 0x110100, 63, 0x012345B2);
  EXPECT_EQ(t.said(0x00005123), "a12345123 rw-/rw- WB 2^12");
  EXPECT_EQ(t.said(0x00006FFF), "fffffffff rwx/--- UC 2^12");
  EXPECT_EQ(t.said(0x0003F000), "12345000 --x/--x WB 2^12");
  EXPECT_EQ(t.said(0x00007000), "reserved at level 0");
  EXPECT_EQ(t.said(0x00008000), "absent at level 0");
  EXPECT_EQ(t.said(0x00052345), "812352345 rwx/rwx WB 2^18");
  EXPECT_EQ(t.said(0x00080000), "absent at level 1");
  EXPECT_EQ(t.said(0xF0123456), "9ff123456 r--/r-- WB 2^24");
  EXPECT_EQ(t.said(0x10000000), "reserved at level 2");
  EXPECT_EQ(t.said(0x11000000), "unreadable at level 1");
  EXPECT_EQ(t.said(0x20000000), "absent at level 2");
  EXPECT_EQ(t.said(0x100000000), "outside the input range at level 2");

  // Slot 5 of the last table, as it lies in memory.
  u8 const *at = t.cells.data() + 0x10100 + 5 * 4;
  EXPECT_EQ((std::vector<u8>{at[0], at[1], at[2], at[3]}), (std::vector<u8>{0xA1, 0x23, 0x45, 0xA6}));

  golden::machine small{narrow};
  small.put(2, 0x100000, 0, 0x080000A2).put(2, 0x100000, 1, 0x07F000A2);
  EXPECT_EQ(small.said(0x00000000), "address too wide at level 2");
  EXPECT_EQ(small.said(0x01000000), "7f000000 r--/r-- WT 2^24");
}

TEST(sparc_srmmu, is_built) {
  // A page, a segment, a region and a page, in this order; the segment is what is split and collapsed.
  golden::builds(f, {0x00FBF000, 0x1042000, 0xA00FBF000, used(all), readers, mt::uc,
                     {{0x1000, 18}, {0, 12}, {0x41000, 24}, {0x1041000, 12}}});
  golden::builds(f, {0xFFF80000, 0x41000, 0x012340000, used(kernel_rwx), kernel_rx, mt::uc, {{0, 18}, {0x40000, 12}}});
  golden::builds(narrow, {0x40000, 0x41000, 0x40000000, used(kernel_rw | user_read, mt::wt), readers, mt::uc,
                          {{0, 18}, {0x40000, 12}}});
}

TEST(sparc_srmmu_registers, lead_to_the_root_by_context) {
  using sparc_srmmu::no_root;
  // Pointer bits 31:2 are address bits 35:6.
  EXPECT_EQ(sparc_srmmu::context_slot(0x00010000, 5).value, 0x100014u);
  EXPECT_EQ(sparc_srmmu::context_slot(0xFFFFFFF3, 0).value, 0xFFFFFFF00u);
  EXPECT_EQ(sparc_srmmu::root_of(0x81234561)->value, 0x812345600u);
  EXPECT_EQ(sparc_srmmu::root_of(0).error(), no_root::invalid);
  EXPECT_EQ(sparc_srmmu::root_of(0x000000A2).error(), no_root::one_page);
  EXPECT_EQ(sparc_srmmu::root_of(0x81234563).error(), no_root::reserved);
  EXPECT_TRUE(sparc_srmmu::control_of(1).enabled);
  EXPECT_FALSE(sparc_srmmu::control_of(2).enabled);
  EXPECT_TRUE(sparc_srmmu::control_of(3).no_fault);
}

TEST(sparc_srmmu_registers, say_what_failed) {
  // Level 3 (300), a store (80) of the supervisor (20), protection (8).
  auto const s = sparc_srmmu::status_of(0x3A8);
  EXPECT_EQ(s.why, sparc_srmmu::fault_type::protection);
  EXPECT_EQ(s.level, 3u);
  EXPECT_TRUE(s.store && !s.user && !s.instruction);
  // Level 0, a fetch (40) of the user, invalid address (4).
  auto const t = sparc_srmmu::status_of(0x044);
  EXPECT_EQ(t.why, sparc_srmmu::fault_type::invalid_address);
  EXPECT_EQ(t.level, 0u);
  EXPECT_TRUE(!t.store && t.user && t.instruction);
  EXPECT_EQ(sparc_srmmu::status_of(0x010).why, sparc_srmmu::fault_type::translation);
}

}  // namespace
