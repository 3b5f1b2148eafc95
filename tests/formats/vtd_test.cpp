// SPDX-License-Identifier: MIT
// VT-d: golden entries worked out from the bit positions of 9.7 and 9.8.
//
//   second stage   R 0 | W 1 | PS 7 | A 8 (100) | D 9 (200) | SNP 11 (800) | address 51:12 | TM 62 (4000...)
//   first stage    P 0 | R/W 1 | U/S 2 | PWT 3 | PCD 4 | A 5 (20) | D 6 (40) | PS, PAT 7 (80) | EA 10 (400) | XD 63
#include <pagewright/formats/vtd.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::builds, golden::decodes, golden::encodes, golden::is_table, golden::kind_at,
    golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto snooping = vtd::second_stage({.snoop_control = true, .device_tlb = true});
constexpr auto marking  = vtd::second_stage({.accessed_dirty = true});
constexpr auto narrow   = vtd::second_stage({.host_bits = 39});
constexpr auto small    = vtd::second_stage({.large_2m = true, .large_1g = false});
constexpr auto cached   = vtd::second_stage({.levels = 3, .caching_mode = true});
constexpr auto first_39 = vtd::first_stage({.levels = 5, .host_bits = 39, .large_1g = false, .execute_disable = false});

static_assert(is_sound<vtd::second_3level>() && is_sound<vtd::second_4level>() && is_sound<vtd::second_5level>());
static_assert(is_sound<snooping>() && is_sound<marking>() && is_sound<narrow>() && is_sound<small>());
static_assert(is_sound<cached>());
static_assert(is_sound<vtd::first_4level>() && is_sound<vtd::first_5level>() && is_sound<first_39>());

constexpr auto read_write = readers | writers;

/// What a leaf without marks says.
constexpr auto plain(rights r, mt t = mt::pma, u64 software = 0) -> attributes {
  return {.allow = r, .type = t, .accessed = false, .dirty = false, .software = software};
}

// --- second stage -------------------------------------------------------------------------------------------------

TEST(vtd_second, reads_and_writes_leaves) {
  auto const &f = vtd::second_4level;
  EXPECT_TRUE(both_ways(f, 0x12345003, {0, "page", 0x12345000, 12, plain(read_write)}));  // R 1 | W 2
  EXPECT_TRUE(both_ways(f, 0x12345001, {0, "page", 0x12345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(f, 0x12345002, {0, "page", 0x12345000, 12, plain(writers)}));
  EXPECT_TRUE(both_ways(f, 0x40000083, {1, "large page", 0x40000000, 21, plain(read_write)}));  // and PS 80
  EXPECT_TRUE(both_ways(f, 0x40000083, {2, "large page", 0x40000000, 30, plain(read_write)}));
  EXPECT_TRUE(both_ways(f, 0x1234600081, {1, "large page", 0x1234600000, 21, plain(readers)}));
  EXPECT_TRUE(both_ways(f, 0x8040000082, {2, "large page", 0x8040000000, 30, plain(writers)}));
  EXPECT_TRUE(both_ways(f, 0x000FFFFFFFFFF003, {0, "page", 0xFFFFFFFFFF000, 12, plain(read_write)}));
  // Software: bit 10 (400), 61:52 (3FF0...), 63 (8000...).
  EXPECT_TRUE(both_ways(f, 0xBFF0000012345403,
                        {0, "page", 0x12345000, 12, plain(read_write, mt::pma, 0xBFF0000000000400)}));
  EXPECT_TRUE(both_ways(vtd::second_5level, 0x12345003, {0, "page", 0x12345000, 12, plain(read_write)}));
}

TEST(vtd_second, forces_snooping_where_the_unit_can) {
  EXPECT_TRUE(both_ways(snooping, 0x12345803, {0, "page", 0x12345000, 12, plain(read_write, mt::wb)}));
  EXPECT_TRUE(both_ways(snooping, 0x12345003, {0, "page", 0x12345000, 12, plain(read_write)}));
  EXPECT_TRUE(both_ways(snooping, 0x40000883, {1, "large page", 0x40000000, 21, plain(read_write, mt::wb)}));
  // Without, write-back is whatever the request says, and SNP is reserved.
  EXPECT_TRUE(encodes(vtd::second_4level, {0, "page", 0x12345000, 12, plain(read_write, mt::wb)}, 0x12345003,
      0x12345000));
  EXPECT_EQ(kind_at(vtd::second_4level, 0, 0x12345803), "reserved");
}

TEST(vtd_second, keeps_marks_in_scalable_mode_alone) {
  EXPECT_TRUE(both_ways(marking, 0x12345303, {0, "page", 0x12345000, 12, {.allow = read_write, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(marking, 0x12345103,
                        {0, "page", 0x12345000, 12, {.allow = read_write, .type = mt::pma, .dirty = false}}));
  EXPECT_TRUE(both_ways(marking, 0x40000383, {2, "large page", 0x40000000, 30,
      {.allow = read_write, .type = mt::pma}}));
  EXPECT_TRUE(decodes(vtd::second_4level, 0x12345303, {0, "page", 0x12345000, 12, plain(read_write)}));  // ignored
}

TEST(vtd_second, takes_for_present_what_may_be_read_or_written) {
  EXPECT_EQ(kind_at(vtd::second_4level, 0, 0x12345000), "absent");
  EXPECT_EQ(kind_at(vtd::second_4level, 0, 0x12345004), "absent");  // X alone
  EXPECT_EQ(kind_at(vtd::second_4level, 1, 0x40000080), "absent");  // PS alone
  EXPECT_FALSE(encode_rights(dynamic{&vtd::second_4level}, vtd::second_4level.forms[0], none));
  // X 4, EMT 38, IPAT 40, bit 7 of a page: ignored.
  EXPECT_TRUE(decodes(vtd::second_4level, 0x123450FF, {0, "page", 0x12345000, 12, plain(read_write)}));
}

TEST(vtd_second, reads_table_entries_and_what_they_withhold) {
  EXPECT_TRUE(is_table(vtd::second_4level, 3, 0x12345003, 0x12345000, all));
  EXPECT_TRUE(is_table(vtd::second_4level, 2, 0x12345001, 0x12345000, all - writers));
  EXPECT_TRUE(is_table(vtd::second_4level, 1, 0x12345002, 0x12345000, all - readers));
  EXPECT_TRUE(is_table(vtd::second_5level, 4, 0x12345103, 0x12345000, all));  // A
  EXPECT_EQ(encode_table(dynamic{&vtd::second_3level}, 2u, {0x12345000}), 0x12345003u);
}

TEST(vtd_second, rejects_the_reserved_bits_of_each_level_and_no_others) {
  constexpr u64 hi = 0x000FFF8000000000, transient = 0x4000000000000000;  // host address width 39
  EXPECT_EQ(rejected_bits(narrow, 3, 3), hi | 0x880);
  EXPECT_EQ(rejected_bits(narrow, 2, 3), hi | 0x800);
  EXPECT_EQ(rejected_bits(narrow, 1, 3), hi | 0x800);
  EXPECT_EQ(rejected_bits(narrow, 2, 0x83), transient | hi | 0x3FFFF800);  // 29:12
  EXPECT_EQ(rejected_bits(narrow, 1, 0x83), transient | hi | 0x001FF800);  // 20:12
  EXPECT_EQ(rejected_bits(narrow, 0, 3), transient | hi | 0x800);
  EXPECT_EQ(rejected_bits(snooping, 0, 3), 0u);
  EXPECT_EQ(rejected_bits(vtd::second_5level, 4, 3), 0x880u);
  EXPECT_EQ(kind_at(small, 2, 0x40000083), "reserved");  // no 1G pages
  EXPECT_EQ(kind_at(small, 1, 0x40000083), "leaf");
}

TEST(vtd_second, names_every_bit) {
  for (auto const *f : {&vtd::second_3level, &vtd::second_4level, &vtd::second_5level, &snooping, &marking, &narrow,
                        &small, &cached, &vtd::first_4level, &vtd::first_5level, &first_39})
    EXPECT_TRUE(golden::is_faultless(*f));
}

TEST(vtd_second, is_walked) {
  golden::machine t{vtd::second_4level};  // tables at 100000, 110000, ...
  auto const put = [&](u64 slot, u64 entry) { t.memory.store({slot}, t.h->word(), entry); };
  t.memory.clear({0x110000}, 0x30000);
  put(0x100000, 0x110003);
  put(0x110000, 0x120003);                 // 0
  put(0x110008, 0x40000083);             // 1G
  put(0x110010, 0x120001);                 // 2G: the same tables, to be read only
  put(0x120000, 0x130003);
  put(0x120008, 0x1234600083);           // 2M
  put(0x120010, 0x1234601083);           // bit 12
  put(0x120018, 0x0000900003);           // no memory there
  put(0x130000 + 5 * 8, 0x00ABCDE003);
  put(0x130000 + 6 * 8, 0x00ABCDF001);
  put(0x130000 + 7 * 8, 0x00ABCE0803);   // SNP without snoop control

  EXPECT_EQ(t.said(0x5123), "abcde123 rw-/rw- PMA 2^12");
  EXPECT_EQ(t.said(0x6FFF), "abcdffff r--/r-- PMA 2^12");
  EXPECT_EQ(t.said(0x212345), "1234612345 rw-/rw- PMA 2^21");
  EXPECT_EQ(t.said(0x7FFFFFFF), "7fffffff rw-/rw- PMA 2^30");
  EXPECT_EQ(t.said(0x80005123), "abcde123 r--/r-- PMA 2^12");
  EXPECT_EQ(t.said(0x0), "absent at level 0");
  EXPECT_EQ(t.said(0x7000), "reserved at level 0");
  EXPECT_EQ(t.said(0x400000), "reserved at level 1");
  EXPECT_EQ(t.said(0x600000), "unreadable at level 0");
  EXPECT_EQ(t.said(0xC0000000), "absent at level 2");
  EXPECT_EQ(t.said(0x8000000000), "absent at level 3");
  EXPECT_EQ(t.said(0x1000000000000), "outside the input range at level 3");
}

TEST(vtd_second, is_built) {
  builds(vtd::second_4level, {0x3FFFD000, 0x40203000, 0x7FFFD000, plain(read_write), readers, mt::pma,
      {{0x40003000, 21}, {0x3000, 30}, {0, 12}}});
  builds(vtd::second_3level, {0x200000, 0x405000, 0x1234600000, plain(read_write), writers, mt::pma, {{0, 21},
      {0x400000, 12}}});
  builds(vtd::second_5level, {0x1000000200000, 0x405000, 0x1234600000, plain(readers), writers, mt::pma, {{0, 21},
      {0x400000, 12}}});
  builds(cached, {0x200000, 0x405000, 0x1234600000, plain(read_write), readers, mt::pma, {{0, 21}, {0x400000, 12}}});
  builds(marking, {0x200000, 0x405000, 0x1234600000, attributes{.allow = read_write, .type = mt::pma}, readers,
      mt::pma, {{0, 21}, {0x400000, 12}}});
  builds(snooping, {0x200000, 0x405000, 0x1234600000, plain(read_write, mt::wb), readers, mt::pma, {{0, 21},
      {0x400000, 12}}});
}

TEST(vtd_second, may_hold_absent_entries_with_caching_mode) {
  EXPECT_EQ(duty_of(dynamic{&vtd::second_4level}, 0u, 0, 0x12345003), duty::publish);
  EXPECT_EQ(duty_of(dynamic{&cached}, 0u, 0, 0x12345003), duty::invalidate);
  // no break-before-make
  EXPECT_EQ(duty_of(dynamic{&vtd::second_4level}, 1u, 0x40000083, 0x12345003), duty::invalidate);
}

TEST(vtd, is_sound_whatever_the_unit_offers) {
  for (unsigned const levels : {3u, 4u, 5u})
    for (unsigned const host : {32u, 39u, 46u, 51u, 52u})
      for (unsigned flags = 0; flags < 32; ++flags) {
        auto const f = vtd::second_stage({.levels = levels, .host_bits = host, .large_2m = (flags & 1) != 0,
                                          .large_1g = (flags & 2) != 0, .snoop_control = (flags & 4) != 0,
                                          .accessed_dirty = (flags & 8) != 0, .device_tlb = (flags & 16) != 0});
        ASSERT_TRUE(golden::is_faultless(f)) << levels << " levels, " << host << " bits, flags " << flags;
        if (levels == 3) continue;
        auto const first = vtd::first_stage({.levels = levels, .host_bits = host, .large_1g = (flags & 1) != 0,
                                             .execute_disable = (flags & 2) != 0});
        ASSERT_TRUE(golden::is_faultless(first)) << levels << " levels, " << host << " bits, flags " << flags;
      }
}

// --- first stage --------------------------------------------------------------------------------------------------

TEST(vtd_first, reads_and_writes_leaves) {
  auto const &f = vtd::first_4level;
  constexpr auto said = [](rights r, mt t = mt::wb) { return attributes{.allow = r, .type = t, .dirty = includes(r,
      kernel_write)}; };
  // P 1 | RW 2 | US 4 | A 20 | D 40; XD 8000...
  EXPECT_TRUE(both_ways(f, 0x8000000012345067, {0, "page", 0x12345000, 12, said(user_rw)}));
  EXPECT_TRUE(both_ways(f, 0x8000000012345025, {0, "page", 0x12345000, 12, said(user_ro)}));
  EXPECT_TRUE(both_ways(f, 0x0000000012345067, {0, "page", 0x12345000, 12, said(all)}));
  EXPECT_TRUE(both_ways(f, 0x8000000012345063, {0, "page", 0x12345000, 12, said(kernel_rw)}));
  EXPECT_TRUE(both_ways(f, 0x0000000012345021, {0, "page", 0x12345000, 12, said(kernel_rx)}));
  EXPECT_TRUE(both_ways(f, 0x80000001234000E7, {1, "large page", 0x123400000, 21, said(user_rw)}));
  EXPECT_TRUE(both_ways(f, 0x80000001400000E7, {2, "large page", 0x140000000, 30, said(user_rw)}));
  EXPECT_TRUE(both_ways(f, 0x800000001234507F, {0, "page", 0x12345000, 12, said(user_rw, mt::uc)}));  // PCD PWT: 3
  EXPECT_TRUE(both_ways(f, 0x800000001234506F, {0, "page", 0x12345000, 12, said(user_rw, mt::wt)}));  // PWT: 1
  EXPECT_TRUE(both_ways(vtd::first_5level, 0x8000000012345067, {0, "page", 0x12345000, 12, said(user_rw)}));
  // Software: 62:52 (7FF0...), bits 11 and 9 (A00).
  EXPECT_TRUE(both_ways(f, 0x7FF0000012345A25,
                        {0, "page", 0x12345000, 12,
                         {.allow = readers | executes, .dirty = false, .software = 0x7FF0000000000A00}}));
}

TEST(vtd_first, has_no_global_pages_and_a_second_accessed_mark) {
  // Bit 8 is ignored, EA (400) is beside A.
  EXPECT_TRUE(decodes(vtd::first_4level, 0x8000000012345567, {0, "page", 0x12345000, 12, {.allow = user_rw}}));
  EXPECT_TRUE(decodes(vtd::first_4level, 0x8000000012345447,
                      {0, "page", 0x12345000, 12, {.allow = user_rw, .accessed = false}}));
}

TEST(vtd_first, rejects_the_reserved_bits_of_each_level_and_no_others) {
  constexpr u64 hi = 0x000FFF8000000000;
  EXPECT_EQ(rejected_bits(first_39, 4, 7), hi | 0x80);
  EXPECT_EQ(rejected_bits(first_39, 3, 7), hi | 0x80);
  EXPECT_EQ(rejected_bits(first_39, 2, 7), hi | 0x80);  // no 1G pages
  EXPECT_EQ(rejected_bits(first_39, 1, 0x87), hi | 0x1FE000);  // 20:13
  EXPECT_EQ(rejected_bits(first_39, 0, 7), hi);
  EXPECT_EQ(rejected_bits(vtd::first_4level, 2, 0x87), 0x3FFFE000u);
  EXPECT_TRUE(decodes(first_39, 0x8000000012345067,
                      {0, "page", 0x12345000, 12, {.allow = all, .software = 0x8000000000000000}}));
}

TEST(vtd_first, demands_canonical_addresses) {
  EXPECT_TRUE(in_extent(dynamic{&vtd::first_4level}, 0xFFFF800000000000));
  EXPECT_FALSE(in_extent(dynamic{&vtd::first_4level}, 0x0000800000000000));
  EXPECT_TRUE(in_extent(dynamic{&vtd::first_5level}, 0xFF00000000000000));
  EXPECT_FALSE(in_extent(dynamic{&vtd::first_5level}, 0x0100000000000000));
}

TEST(vtd_first, is_walked_and_built) {
  golden::machine t{vtd::first_4level};  // tables at 100000, 110000, ...
  auto const put = [&](u64 slot, u64 entry) { t.memory.store({slot}, t.h->word(), entry); };
  t.memory.clear({0x110000}, 0x30000);
  put(0x100000 + 511 * 8, 0x110007);              // the upper half
  put(0x110000, 0x120007);
  put(0x110008, 0x8000000040000087);            // 1G, XD
  put(0x120000, 0x130003);                        // no user below
  put(0x130000 + 5 * 8, 0x00ABCDE007);
  EXPECT_EQ(t.said(0xFFFFFF8000005123), "abcde123 rwx/--- WB 2^12");
  EXPECT_EQ(t.said(0xFFFFFF8040000010), "40000010 rw-/rw- WB 2^30");
  EXPECT_EQ(t.said(0xFFFFFF8000200000), "absent at level 1");
  EXPECT_EQ(t.said(0x5123), "absent at level 3");
  EXPECT_EQ(t.said(0x0000800000005123), "outside the input range at level 3");
  builds(vtd::first_4level, {0x3FFFD000, 0x40203000, 0x7FFFD000,
      {.allow = user_rw}, user_ro, mt::uc, {{0x40003000, 21}, {0x3000, 30}, {0, 12}}});
  builds(vtd::first_5level, {0x1000000200000, 0x405000, 0x1234600000,
      {.allow = user_rw}, kernel_rw, mt::wt, {{0, 21}, {0x400000, 12}}});
}

// --- registers and roots ------------------------------------------------------------------------------------------

TEST(vtd_roots, are_told_by_the_root_table_register) {
  EXPECT_FALSE(vtd::root_table_of(0x12345000)->scalable);
  EXPECT_TRUE(vtd::root_table_of(0x12345400)->scalable);
  EXPECT_EQ(vtd::root_table_of(0x12345400)->table.value, 0x12345000u);
  EXPECT_FALSE(vtd::root_table_of(0x12345800));
}

TEST(vtd_roots, are_told_by_context_entries) {
  // P 1, TT 0; AW 2 and domain 42 << 8.
  auto const found = vtd::regime_of_context(0x12345001, 0x4202);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->second_used && !found->first_used);
  EXPECT_EQ(found->second.levels, 4u);
  EXPECT_EQ(found->second_root.value, 0x12345000u);
  EXPECT_EQ(found->domain, 0x42);
  EXPECT_EQ(vtd::regime_of_context(0x12345005, 0x1)->second.levels, 3u);  // TT 1: with device TLB
  EXPECT_EQ(vtd::regime_of_context(0x12345001, 0x3)->second.levels, 5u);
  EXPECT_EQ(vtd::regime_of_context(0x12345000, 0x2).error(), vtd::no_tables::not_present);
  EXPECT_EQ(vtd::regime_of_context(0x12345009, 0x2).error(), vtd::no_tables::passes_through);
  EXPECT_EQ(vtd::regime_of_context(0x1234500D, 0x2).error(), vtd::no_tables::reserved_type);
  for (u64 const width : {0u, 4u, 5u, 6u, 7u})
    EXPECT_EQ(vtd::regime_of_context(0x12345001, width).error(), vtd::no_tables::reserved_width) << width;
}

TEST(vtd_roots, are_told_by_pasid_entries) {
  // Nested: PGTT 3 at 8:6 (C0), AW 2 at 4:2 (8), SSADE bit 9 (200), P; FSPM 1 at word 2 bits 3:2 (4).
  u64 const nested[8]{0x12345000 | 0x200 | 0xC0 | 8 | 1, 0x42, 0x67890000 | 4};
  auto const found = vtd::regime_of_pasid(nested);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->first_used && found->second_used);
  EXPECT_EQ(found->first.levels, 5u);
  EXPECT_EQ(found->first_root.value, 0x67890000u);
  EXPECT_EQ(found->second.levels, 4u);
  EXPECT_TRUE(found->second.accessed_dirty);
  EXPECT_EQ(found->second_root.value, 0x12345000u);
  EXPECT_EQ(found->domain, 0x42);

  u64 const first[8]{0x41, 7, 0x67890000}, second[8]{0x1234508D, 7}, through[8]{0x101}, none_such[8]{0x01},
      late[8]{0x141};
  EXPECT_TRUE(vtd::regime_of_pasid(first)->first_used && !vtd::regime_of_pasid(first)->second_used);
  EXPECT_EQ(vtd::regime_of_pasid(first)->first.levels, 4u);
  EXPECT_EQ(vtd::regime_of_pasid(second)->second.levels, 5u);
  EXPECT_EQ(vtd::regime_of_pasid(through).error(), vtd::no_tables::passes_through);
  EXPECT_EQ(vtd::regime_of_pasid(none_such).error(), vtd::no_tables::reserved_type);
  EXPECT_EQ(vtd::regime_of_pasid(late).error(), vtd::no_tables::reserved_type);
  u64 const wide[8]{0x41, 7, 0x67890008}, absent[8]{0x40}, thin[8]{0x12345081};
  EXPECT_EQ(vtd::regime_of_pasid(wide).error(), vtd::no_tables::reserved_width);
  EXPECT_EQ(vtd::regime_of_pasid(absent).error(), vtd::no_tables::not_present);
  EXPECT_EQ(vtd::regime_of_pasid(thin).error(), vtd::no_tables::reserved_width);
}

TEST(vtd_roots, are_limited_by_what_the_unit_offers) {
  // CM bit 7; SLLPS 35:34; FS1GP 56. SC bit 7, DT bit 2 of ECAP.
  auto const all_of_it = vtd::second_stage_of(0x0000000C00000080, 0x84, 46);
  EXPECT_TRUE(all_of_it.large_2m && all_of_it.large_1g && all_of_it.snoop_control && all_of_it.device_tlb);
  EXPECT_TRUE(all_of_it.caching_mode);
  EXPECT_EQ(all_of_it.host_bits, 46u);
  auto const little = vtd::second_stage_of(0x0000000400000000, 0);
  EXPECT_TRUE(little.large_2m && !little.large_1g && !little.snoop_control && !little.caching_mode);
  EXPECT_TRUE(vtd::first_stage_of(0x0100000000000000).large_1g);
  EXPECT_FALSE(vtd::first_stage_of(0).large_1g);
}

}  // namespace
