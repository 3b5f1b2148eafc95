// SPDX-License-Identifier: MIT
// Intel PPGTT: golden entries worked out from the bits that Linux's i915 and xe use.
//
//   PRESENT 0 | RW 1 | PAT0 3 (8) | PAT1 4 (10) | PS, PAT2 of a PTE 7 (80) | PS64 8 (100) | NULL 9 (200) | AE 10 (400)
//   DM 11 (800) | PAT2 of a large page 12 (1000) | PAT3 62 (4000...)
#include <pagewright/formats/intel_ppgtt.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::intel_ppgtt;
using golden::both_ways, golden::builds, golden::decodes, golden::encodes, golden::is_table, golden::kind_at;
using enum pagewright::rights;
using mt = memory_type;

constexpr options meteor_lake{.output_bits = 46, .pat_bits = 4,
                              .types = {mt::wb, mt::wt, mt::uc, mt::reserved, mt::wc, mt::reserved, mt::reserved,
                                  mt::reserved,
                                        mt::nc}};
constexpr auto typed  = tables(meteor_lake);
constexpr auto local_ = tables({.local_memory = true});
constexpr auto nulls  = tables({.null_pages = true});

static_assert(is_sound<ppgtt_4level>() && is_sound<ppgtt_5level>() && is_sound<ppgtt_32bit>());
static_assert(is_sound<ppgtt_4level_64k>());
static_assert(is_sound<typed>() && is_sound<local_>() && is_sound<nulls>());

constexpr auto plain(rights r = all, mt t = mt::pma) -> attributes {
  return {.allow = r, .type = t, .accessed = false, .dirty = false};
}
constexpr auto fixed_ = readers | executes;  // without RW

TEST(intel_ppgtt, reads_and_writes_pages) {
  auto const &f = ppgtt_4level;
  EXPECT_TRUE(both_ways(f, 0x12345003, {0, "page", 0x12345000, 12, plain()}));
  EXPECT_TRUE(both_ways(f, 0x12345001, {0, "page", 0x12345000, 12, plain(fixed_)}));
  EXPECT_TRUE(both_ways(f, 0x12200083, {1, "large page", 0x12200000, 21, plain()}));
  EXPECT_TRUE(both_ways(f, 0x40000083, {2, "large page", 0x40000000, 30, plain()}));
  EXPECT_TRUE(both_ways(f, 0x0000FFFFFFFFF003, {0, "page", 0xFFFFFFFFF000, 12, plain()}));
  EXPECT_TRUE(both_ways(ppgtt_5level, 0x12345003, {0, "page", 0x12345000, 12, plain()}));
  EXPECT_TRUE(both_ways(ppgtt_32bit, 0x12200081, {1, "large page", 0x12200000, 21, plain(fixed_)}));
  EXPECT_TRUE(both_ways(local_, 0x12345803, {0, "page", 0x12345000, 12, plain()}));
  EXPECT_TRUE(both_ways(local_, 0x12200883, {1, "large page", 0x12200000, 21, plain()}));
  EXPECT_TRUE(decodes(f, 0x2000000012345C27, {0, "page", 0x12345000, 12, plain()}));  // AE, DM, PAT4, bits 5 and 2
  EXPECT_FALSE(encode_rights(dynamic{&f}, f.forms[0], none));
}

TEST(intel_ppgtt, reads_and_writes_groups_of_sixteen) {
  constexpr golden::leaf group{0, "64-Kbyte group", 0x12340000, 16, plain()};
  EXPECT_TRUE(decodes(ppgtt_4level, 0x12345103, group));
  EXPECT_TRUE(encodes(ppgtt_4level, group, 0x12345103, 0x12345000));
  EXPECT_TRUE(both_ways(ppgtt_4level, 0x12340101, {0, "64-Kbyte group", 0x12340000, 16, plain(fixed_)}));
}

TEST(intel_ppgtt, reads_and_writes_pat_indices) {
  // 1 is PAT0 (8), 2 is PAT1 (10), 4 is PAT2: 80 in a page, 1000 in a large one; 8 is PAT3.
  EXPECT_TRUE(both_ways(typed, 0x12345003, {0, "page", 0x12345000, 12, plain(all, mt::wb)}));
  EXPECT_TRUE(both_ways(typed, 0x1234500B, {0, "page", 0x12345000, 12, plain(all, mt::wt)}));
  EXPECT_TRUE(both_ways(typed, 0x12345013, {0, "page", 0x12345000, 12, plain(all, mt::uc)}));
  EXPECT_TRUE(both_ways(typed, 0x12345083, {0, "page", 0x12345000, 12, plain(all, mt::wc)}));
  EXPECT_TRUE(both_ways(typed, 0x4000000012345003, {0, "page", 0x12345000, 12, plain(all, mt::nc)}));
  EXPECT_TRUE(both_ways(typed, 0x12201083, {1, "large page", 0x12200000, 21, plain(all, mt::wc)}));
  EXPECT_TRUE(both_ways(typed, 0x4000000012200083, {1, "large page", 0x12200000, 21, plain(all, mt::nc)}));
  EXPECT_TRUE(decodes(typed, 0x1234501B, {0, "page", 0x12345000, 12, plain(all, mt::reserved)}));  // 3: not listed
}

TEST(intel_ppgtt, reads_and_writes_null_pages) {
  EXPECT_TRUE(both_ways(ppgtt_4level, 0x203, {0, "null page", 0, 12, plain()}));
  EXPECT_TRUE(both_ways(ppgtt_4level, 0x283, {1, "large null page", 0, 21, plain()}));
  EXPECT_TRUE(both_ways(ppgtt_4level, 0x283, {2, "large null page", 0, 30, plain()}));
  EXPECT_TRUE(is_null(0x203) && is_null(0x283));
  EXPECT_FALSE(is_null(0x202) || is_null(0x12345103));
  golden::machine m{nulls};
  ASSERT_TRUE(m.map(0x200000, 0x201000, 0, plain()));
  EXPECT_EQ(m.space.query({0x234567})->entry, 0x283u);
  EXPECT_EQ(m.space.query({0x400567})->entry, 0x200203u);  // the address is ignored
}

TEST(intel_ppgtt, reads_table_entries_and_tells_the_views_apart) {
  EXPECT_TRUE(is_table(ppgtt_4level, 3, 0x12345003, 0x12345000, all));
  EXPECT_TRUE(is_table(ppgtt_4level, 1, 0x12345001, 0x12345000, all - writers));
  EXPECT_EQ(encode_table(dynamic{&ppgtt_4level}, 1u, {0x12345000}), 0x12345003u);
  EXPECT_EQ(encode_table(dynamic{&ppgtt_4level_64k}, 1u, {0x12345000}), 0x12345803u);
  EXPECT_TRUE(is_table(ppgtt_4level_64k, 1, 0x12345803, 0x12345000, all));
  EXPECT_EQ(kind_at(ppgtt_4level, 1, 0x12345803), "reserved");
  EXPECT_EQ(kind_at(ppgtt_4level, 1, 0x12345043), "reserved");
  EXPECT_EQ(kind_at(ppgtt_4level_64k, 1, 0x12345003), "reserved");
  EXPECT_EQ(table_of_pde(0x12345003), pages::k4);
  EXPECT_EQ(table_of_pde(0x12345803), pages::k64_spread);
  EXPECT_FALSE(table_of_pde(0x12345043));
  // Every sixteenth slot: 128 bytes apart.
  EXPECT_EQ(slot_address(dynamic{&ppgtt_4level_64k}, 0u, {0x1000}, 3).value, 0x1180u);
  EXPECT_EQ(table_lg2(dynamic{&ppgtt_4level_64k}, 0u), 12u);
  EXPECT_TRUE(both_ways(ppgtt_4level_64k, 0x12340003, {0, "64-Kbyte page", 0x12340000, 16, plain()}));
}

TEST(intel_ppgtt, is_walked) {
  golden::machine m{ppgtt_4level};
  m.memory.clear({0x110000}, 0x30000);
  m.put(3, 0x100000, 0, 0x110003).put(2, 0x110000, 0, 0x120003).put(2, 0x110000, 1, 0x40000083);
  m.put(2, 0x110000, 2, 0x120001);                                   // the same, not to be written
  m.put(1, 0x120000, 0, 0x130003).put(1, 0x120000, 1, 0x12200083).put(1, 0x120000, 2, 0x130043)
      .put(1, 0x120000, 3, 0x283);
  m.put(0, 0x130000, 5, 0xABCDE003).put(0, 0x130000, 6, 0xABCDF001).put(0, 0x130000, 7, 0x203);
  for (u64 n = 0; n < 16; ++n) m.put(0, 0x130000, 16 + n, 0x12340103 + (n << 12));
  EXPECT_EQ(m.said(0x5123), "abcde123 rwx/rwx PMA 2^12");
  EXPECT_EQ(m.said(0x6123), "abcdf123 r-x/r-x PMA 2^12");
  EXPECT_TRUE(is_null(m.space.query({0x7123})->entry));
  EXPECT_EQ(m.said(0x1A123), "1234a123 rwx/rwx PMA 2^16");
  EXPECT_EQ(m.said(0x234567), "12234567 rwx/rwx PMA 2^21");
  EXPECT_EQ(m.said(0x434567), "reserved at level 1");  // a compact table
  EXPECT_TRUE(is_null(m.space.query({0x634567})->entry));
  EXPECT_EQ(m.said(0x40000010), "40000010 rwx/rwx PMA 2^30");
  EXPECT_EQ(m.said(0x80005123), "abcde123 r-x/r-x PMA 2^12");
  EXPECT_EQ(m.said(0x8000), "absent at level 0");
  EXPECT_EQ(m.said(0x8000000000), "absent at level 3");
  EXPECT_EQ(m.said(0x800000000000), "outside the input range at level 3");
}

TEST(intel_ppgtt, is_built) {
  std::vector<std::pair<u64, unsigned>> const sizes{{0, 21}, {0x400000, 16}, {0x410000, 12}};
  builds(ppgtt_4level, {0x200000, 0x411000, 0x1234600000, plain(), fixed_, mt::pma, sizes});
  builds(ppgtt_5level, {0xFF00000000200000, 0x411000, 0x1234600000, plain(), fixed_, mt::pma, sizes});
  builds(ppgtt_32bit, {0x200000, 0x411000, 0x1234600000, plain(), fixed_, mt::pma, sizes});
  builds(typed, {0x200000, 0x411000, 0x1234600000, plain(all, mt::wb), fixed_, mt::wc, sizes});
  builds(local_, {0x200000, 0x411000, 0x1234600000, plain(), fixed_, mt::pma, sizes});
  builds(ppgtt_4level_64k, {0x200000, 0x430000, 0x1234600000, plain(), fixed_, mt::pma, {{0, 21}, {0x400000, 16}}});
}

TEST(intel_ppgtt, is_sound_whatever_the_device_offers) {
  for (unsigned const levels : {2u, 4u, 5u})
    for (auto const table : {pages::k4, pages::k64_spread})
      for (unsigned const out : {39u, 46u, 48u})
        for (unsigned flags = 0; flags < 8; ++flags) {
          auto const f = tables({.levels = levels, .table = table, .output_bits = out, .local_memory = (flags & 1) != 0,
                                 .pat_bits = (flags & 2) != 0 ? 4u : 3u, .null_pages = (flags & 4) != 0});
          ASSERT_TRUE(golden::is_faultless(f)) << levels << " levels, " << out << " bits out, flags " << flags;
        }
}

TEST(intel_ppgtt, has_its_root_in_the_context_image) {
  EXPECT_EQ(root_table(0x12345018).value, 0x12345000u);
  EXPECT_EQ(directory_pointer(0xC0000000), 3u);
  EXPECT_EQ(ppgtt_32bit.input_bits(), 30u);
  EXPECT_EQ(ppgtt_5level.input_bits(), 57u);
}

TEST(intel_ppgtt, names_every_bit) {
  for (auto const *f : {&ppgtt_4level, &ppgtt_5level, &ppgtt_32bit, &ppgtt_4level_64k, &typed, &local_, &nulls})
    EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
