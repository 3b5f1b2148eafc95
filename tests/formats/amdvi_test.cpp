// SPDX-License-Identifier: MIT
// AMD-Vi: golden entries worked out from the bit positions of 2.2.3 of the specification.
//
//   PR 0 | A 5 (20) | D 6 (40) | NextLevel 11:9 (200 each) | address 51:12 | FC 60 (1000...) | IR 61 (2000...) | IW
// 62 (4000...)
#include <pagewright/formats/amdvi.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::builds, golden::decodes, golden::encodes, golden::is_table, golden::kind_at,
    golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto mode1     = amdvi::v1({.mode = 1});
constexpr auto mode5     = amdvi::v1({.mode = 5});
constexpr auto pairs     = amdvi::v1({.mode = 3, .run_lg2 = 1});
constexpr auto halves    = amdvi::v1({.mode = 3, .run_lg2 = 8});
constexpr auto marking   = amdvi::v1({.hardware_accessed = true, .hardware_dirty = true});
constexpr auto cached    = amdvi::v1({.mode = 3, .np_cache = true});
constexpr auto encrypted = amdvi::v1({.encryption_bit = 47});
constexpr auto v2_cached = amdvi::v2({.np_cache = true, .encryption_bit = 47});

static_assert(is_sound<amdvi::v1_3level>() && is_sound<amdvi::v1_4level>() && is_sound<amdvi::v1_6level>());
static_assert(is_sound<mode1>() && is_sound<mode5>() && is_sound<pairs>() && is_sound<halves>() && is_sound<marking>());
static_assert(is_sound<cached>() && is_sound<encrypted>());
static_assert(is_sound<amdvi::v2_4level>() && is_sound<amdvi::v2_5level>() && is_sound<v2_cached>());

constexpr auto read_write = readers | writers;

/// What a leaf without marks says.
constexpr auto plain(rights r, mt t = mt::pma, u64 software = 0) -> attributes {
  return {.allow = r, .type = t, .accessed = false, .dirty = false, .software = software};
}

// --- v1 -----------------------------------------------------------------------------------------------------------

TEST(amdvi_v1, reads_and_writes_natural_leaves) {
  auto const &f = amdvi::v1_4level;
  EXPECT_TRUE(both_ways(f, 0x6000000012345001, {0, "page", 0x12345000, 12, plain(read_write)}));  // IR | IW | PR
  EXPECT_TRUE(both_ways(f, 0x2000000012345001, {0, "page", 0x12345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(f, 0x4000000012345001, {0, "page", 0x12345000, 12, plain(writers)}));
  EXPECT_TRUE(both_ways(f, 0x0000000012345001, {0, "page", 0x12345000, 12, plain(none)}));
  EXPECT_TRUE(both_ways(f, 0x6000001234600001, {1, "page", 0x1234600000, 21, plain(read_write)}));
  EXPECT_TRUE(both_ways(f, 0x6000001240000001, {2, "page", 0x1240000000, 30, plain(read_write)}));
  EXPECT_TRUE(both_ways(f, 0x2000008000000001, {3, "page", 0x8000000000, 39, plain(readers)}));
  EXPECT_TRUE(both_ways(mode5, 0x6001000000000001, {4, "page", 0x1000000000000, 48, plain(read_write)}));
  EXPECT_TRUE(both_ways(f, 0x600FFFFFFFFFF001, {0, "page", 0xFFFFFFFFFF000, 12, plain(read_write)}));
  // FC is bit 60: coherent.
  EXPECT_TRUE(both_ways(f, 0x7000000012345001, {0, "page", 0x12345000, 12, plain(read_write, mt::wb)}));
  // Software: 4:1 (1E), 8:7 (180), 63.
  EXPECT_TRUE(both_ways(f, 0xE00000001234519F,
                        {0, "page", 0x12345000, 12, plain(read_write, mt::pma, 0x800000000000019E)}));
  EXPECT_TRUE(decodes(f, 0x6800000012345061, {0, "page", 0x12345000, 12, plain(read_write)}));  // U; A and D ignored
}

TEST(amdvi_v1, reads_every_coded_size) {
  // NextLevel 7 (E00); ones from bit 12 up to the first zero code the size.
  struct { u64 entry; unsigned lg2; } const sizes[]{{0x6000001234000E01, 13}, {0x6000001234001E01, 14},
                                                    {0x6000001234003E01, 15}, {0x600000123400FE01, 17},
                                                    {0x600000123407FE01, 20}};
  for (auto const &[entry, lg2] : sizes)
    EXPECT_TRUE(decodes(amdvi::v1_4level, entry,
        {0, "coded page of another size", 0x1234000000, lg2, plain(read_write)}));
  EXPECT_EQ(kind_at(amdvi::v1_4level, 0, 0x60000012341FFE01), "reserved");  // 4M, more than the table
  EXPECT_EQ(kind_at(amdvi::v1_4level, 1, 0x6000001234000E01), "reserved");  // 8K, less than the slot
  EXPECT_EQ(kind_at(amdvi::v1_6level, 5, 0x6000000000000001), "reserved");  // level 6 has no leaves
}

TEST(amdvi_v1, reads_and_writes_the_coded_size_of_its_choice) {
  // 64K: ones in 14:12. 32M: ones in 23:12. 16G: ones in 32:12.
  EXPECT_TRUE(both_ways(amdvi::v1_4level, 0x6000001234007E01, {0, "coded page", 0x1234000000, 16, plain(read_write)}));
  EXPECT_TRUE(both_ways(amdvi::v1_4level, 0x6000001234FFFE01,
      {1, "coded page, L2", 0x1234000000, 25, plain(read_write)}));
  EXPECT_TRUE(both_ways(amdvi::v1_4level, 0x60000015FFFFFE01, {2, "coded page, L3", 0x1400000000, 34,
      plain(read_write)}));
  EXPECT_TRUE(both_ways(pairs, 0x6000001234000E01, {0, "coded page", 0x1234000000, 13, plain(read_write)}));
  EXPECT_TRUE(both_ways(halves, 0x600000123407FE01, {0, "coded page", 0x1234000000, 20, plain(read_write)}));
  EXPECT_TRUE(decodes(halves, 0x6000001234007E01,
      {0, "coded page of another size", 0x1234000000, 16, plain(read_write)}));
}

TEST(amdvi_v1, names_the_next_level_in_a_table_entry) {
  EXPECT_TRUE(is_table(amdvi::v1_4level, 1, 0x6000000012345201, 0x12345000, all));
  EXPECT_TRUE(is_table(amdvi::v1_4level, 3, 0x2000000012345601, 0x12345000, all - writers));
  EXPECT_TRUE(is_table(amdvi::v1_6level, 5, 0x4000000012345A01, 0x12345000, all - readers));
  EXPECT_EQ(encode_table(dynamic{&amdvi::v1_4level}, 1u, {0x12345000}), 0x6000000012345201u);
  EXPECT_EQ(encode_table(dynamic{&amdvi::v1_6level}, 5u, {0x12345000}, readers), 0x2000000012345A01u);
  EXPECT_EQ(kind_at(amdvi::v1_4level, 2, 0x6000000012345201), "table");     // skips a level
  EXPECT_EQ(kind_at(amdvi::v1_4level, 1, 0x6000000012345401), "reserved");  // this level again
  EXPECT_EQ(kind_at(amdvi::v1_4level, 0, 0x6000000012345201), "reserved");
}

TEST(amdvi_v1, keeps_marks_where_the_device_table_says_so) {
  EXPECT_TRUE(both_ways(marking, 0x6000000012345061, {0, "page", 0x12345000, 12,
      {.allow = read_write, .type = mt::pma}}));
  EXPECT_TRUE(both_ways(marking, 0x6000000012345021,
                        {0, "page", 0x12345000, 12, {.allow = read_write, .type = mt::pma, .dirty = false}}));
}

TEST(amdvi_v1, holds_the_encryption_bit_in_the_address) {
  // Bit 47: 0000800000000000.
  auto told = plain(read_write);
  EXPECT_TRUE(both_ways(encrypted, 0x6000800012345001, {0, "page", 0x12345000, 12, told}));
  told.shared = true;
  EXPECT_TRUE(both_ways(encrypted, 0x6000000012345001, {0, "page", 0x12345000, 12, told}));
  EXPECT_EQ(encode_table(dynamic{&encrypted}, 1u, {0x12345000}), 0x6000800012345201u);
  EXPECT_EQ(kind_at(encrypted, 0, 0x6001800012345001), "reserved");  // beyond the encryption bit
}

TEST(amdvi_v1, rejects_reserved_bits_and_no_others) {
  // 58:52 (07F0...) everywhere, 60:59 in table entries; NextLevel values that make no sense.
  EXPECT_EQ(rejected_bits(amdvi::v1_4level, 0, 0x6000000012345001), 0x07F0000000000E00u);
  EXPECT_EQ(rejected_bits(amdvi::v1_4level, 1, 0x6000001234600001), 0x07F0000000000C00u);  // 1 makes a table of it
  EXPECT_EQ(rejected_bits(amdvi::v1_4level, 1, 0x6000000012345201), 0x1FF0000000000C00u);
}

TEST(amdvi_v1, covers_a_whole_64_bit_space) {
  EXPECT_EQ(amdvi::v1_6level.input_bits(), 64u);
  EXPECT_EQ(index_of(dynamic{&amdvi::v1_6level}, 5u, ~u64{0}), 127u);
  EXPECT_TRUE(in_extent(dynamic{&amdvi::v1_6level}, ~u64{0}));
  EXPECT_EQ(mode1.input_bits(), 21u);
  EXPECT_EQ(amdvi::v1_3level.input_bits(), 39u);
}

TEST(amdvi_v1, names_every_bit) {
  for (auto const *f : {&amdvi::v1_3level, &amdvi::v1_4level, &amdvi::v1_6level, &mode1, &mode5, &pairs, &halves,
      &marking,
                        &cached, &encrypted, &amdvi::v2_4level, &amdvi::v2_5level, &v2_cached})
    EXPECT_TRUE(golden::is_faultless(*f));
}

TEST(amdvi_v1, is_walked) {
  golden::machine t{amdvi::v1_4level};  // tables at 100000, 110000, ...
  auto const put = [&](u64 slot, u64 entry) { t.memory.store({slot}, t.h->word(), entry); };
  t.memory.clear({0x110000}, 0x30000);
  put(0x100000, 0x6000000000110601);
  put(0x110000, 0x6000000000120401);
  put(0x110008, 0x6000000040000001);           // 1G
  put(0x110010, 0x2000000000120401);           // the same, to be read only
  put(0x110018, 0x6000000000130201);           // skips level 2
  put(0x120000, 0x6000000000130201);
  put(0x120008, 0x6000001234600001);           // 2M
  for (u64 n = 16; n < 32; ++n) put(0x120000 + 8 * n, 0x6000001234FFFE01);  // 32M
  put(0x130000 + 5 * 8, 0x60000000ABCDE001);
  put(0x130000 + 6 * 8, 0x20000000ABCDF001);
  put(0x130000 + 7 * 8, 0x6010000000000001);   // bit 52
  for (u64 n = 8; n < 12; ++n) put(0x130000 + 8 * n, 0x6000001234001E01);   // 16K

  EXPECT_EQ(t.said(0x5123), "abcde123 rw-/rw- PMA 2^12");
  EXPECT_EQ(t.said(0x6FFF), "abcdffff r--/r-- PMA 2^12");
  EXPECT_EQ(t.said(0xA123), "1234002123 rw-/rw- PMA 2^14");
  EXPECT_EQ(t.said(0x234567), "1234634567 rw-/rw- PMA 2^21");
  EXPECT_EQ(t.said(0x2345678), "1234345678 rw-/rw- PMA 2^25");
  EXPECT_EQ(t.said(0x40000010), "40000010 rw-/rw- PMA 2^30");
  EXPECT_EQ(t.said(0x80005123), "abcde123 r--/r-- PMA 2^12");
  EXPECT_EQ(t.said(0x0), "absent at level 0");
  EXPECT_EQ(t.said(0x7000), "reserved at level 0");
  EXPECT_EQ(t.said(0xC0005123), "abcde123 rw-/rw- PMA 2^12");
  EXPECT_EQ(t.said(0xC0205123), "absent at level 1") << "a bit that the skipped level would have looked at";
  EXPECT_EQ(t.said(0x8000000000), "absent at level 3");
  EXPECT_EQ(t.said(0x1000000000000), "outside the input range at level 3");
}

TEST(amdvi_v1, is_built) {
  builds(amdvi::v1_4level, {0x3FFFD000, 0x42203000, 0x7FFFD000, plain(read_write), readers, mt::wb,
                            {{0x40003000, 25}, {0x3000, 30}, {0x42003000, 21}, {0, 12}}});
  builds(amdvi::v1_3level, {0x200000, 0x405000, 0x1234600000, plain(read_write, mt::wb), writers, mt::pma, {{0,
      21}, {0x400000, 12}}});
  builds(amdvi::v1_6level, {0xFFFFFFFFC0000000, 0x2200000, 0x1200000000, plain(read_write), none, mt::wb,
                            {{0, 25}, {0x2000000, 21}}});
  builds(cached, {0x2000000, 0x2011000, 0x1234000000, plain(read_write), readers, mt::wb,
                  {{0, 25}, {0x2000000, 16}, {0x2010000, 12}}});
  builds(marking, {0x200000, 0x411000, 0x1234600000, attributes{.allow = read_write, .type = mt::pma}, readers,
      mt::wb, {{0, 21}, {0x400000, 16}, {0x410000, 12}}});
  builds(encrypted, {0x200000, 0x411000, 0x1234600000, plain(read_write), readers, mt::wb, {{0, 21}, {0x400000,
      16}, {0x410000, 12}}});
}

TEST(amdvi_v1, is_built_with_leaves_of_sixteen_slots) {
  golden::machine s{amdvi::v1_4level};
  ASSERT_TRUE(s.space.map({{0x2000000}, {0x401FFFF}}, {0x1234000000}, plain(read_write), s.owed));
  EXPECT_EQ(unsigned{s.space.query({0x2345678})->lg2}, 25u);
  EXPECT_EQ(s.space.query({0x2345678})->entry, 0x6000001234FFFE01u);
  EXPECT_EQ(unsigned{s.space.query({0x4015678})->lg2}, 16u);
  EXPECT_EQ(s.space.query({0x4015678})->entry, 0x6000001236017E01u);  // 1236010000 and ones in 14:12
  ASSERT_TRUE(s.space.unmap({{0x4014000}, {0x4014FFF}}, s.owed));
  EXPECT_EQ(s.space.query({0x4015678})->entry, 0x6000001236015001u);
  EXPECT_EQ(unsigned{s.space.query({0x4000000})->lg2}, 16u);
  s.space.settle(s.owed);
}

TEST(amdvi_v1, takes_apart_coded_leaves_of_sizes_it_does_not_write) {
  golden::machine s{amdvi::v1_3level};
  ASSERT_TRUE(s.space.map({{0x8000}, {0xBFFF}}, {0x1234000000}, plain(read_write), s.owed, {.runs = false}));
  auto const slot = s.space.query({0x8000})->slot;
  for (u64 n = 0; n < 4; ++n) s.memory.store(slot + 8 * n, s.h->word(), 0x6000001234001E01);  // one of 16K
  EXPECT_EQ(unsigned{s.space.query({0xA123})->lg2}, 14u);
  ASSERT_TRUE(s.space.unmap({{0xA000}, {0xAFFF}}, s.owed));
  EXPECT_FALSE(s.space.query({0xA123}));
  EXPECT_EQ(s.space.query({0x8000})->entry, 0x6000001234000001u);
  EXPECT_EQ(s.space.query({0xB123})->address.value, 0x1234003123u);
  s.space.settle(s.owed);
}

TEST(amdvi_v1, may_hold_absent_entries_with_np_cache) {
  EXPECT_EQ(duty_of(dynamic{&amdvi::v1_3level}, 0u, 0, 0x6000000012345001), duty::publish);
  EXPECT_EQ(duty_of(dynamic{&cached}, 0u, 0, 0x6000000012345001), duty::invalidate);
}

TEST(amdvi_v1, is_sound_with_every_mode_and_run) {
  for (unsigned mode = 1; mode <= 6; ++mode)
    for (unsigned run = 1; run <= 8; ++run)
      for (unsigned const c : {0u, 43u, 47u, 51u}) {
        auto const f = amdvi::v1({.mode = mode, .run_lg2 = run, .hardware_accessed = run % 2 == 0,
                                  .hardware_dirty = run % 4 == 0, .encryption_bit = c});
        ASSERT_TRUE(golden::is_faultless(f)) << "mode " << mode << ", runs of 2^" << run << ", C " << c;
      }
}

// --- v2 -----------------------------------------------------------------------------------------------------------

TEST(amdvi_v2, reads_and_writes_what_the_processor_does) {
  auto const &f = amdvi::v2_4level;
  // P 1 | RW 2 | US 4 | A 20 | D 40 | G 100; NX 8000...
  EXPECT_TRUE(both_ways(f, 0x8000000012345067, {0, "page", 0x12345000, 12, {.allow = user_rw}}));
  EXPECT_TRUE(both_ways(f, 0x8000000012345025, {0, "page", 0x12345000, 12, {.allow = user_ro, .dirty = false}}));
  EXPECT_TRUE(both_ways(f, 0x8000000012345063, {0, "page", 0x12345000, 12, {.allow = kernel_rw}}));
  EXPECT_TRUE(both_ways(f, 0x0000000012345067, {0, "page", 0x12345000, 12, {.allow = all}}));
  EXPECT_TRUE(both_ways(f, 0x8000000012345021, {0, "page", 0x12345000, 12, {.allow = kernel_ro, .dirty = false}}));
  EXPECT_TRUE(both_ways(f, 0x80000001234000E7, {1, "large page", 0x123400000, 21, {.allow = user_rw}}));
  EXPECT_TRUE(both_ways(f, 0x80000001400000E7, {2, "large page", 0x140000000, 30, {.allow = user_rw}}));
  EXPECT_TRUE(both_ways(f, 0x800000001234507F, {0, "page", 0x12345000, 12, {.allow = user_rw, .type = mt::uc}}));
  EXPECT_TRUE(both_ways(f, 0x8000000012345167, {0, "page", 0x12345000, 12, {.allow = user_rw, .global = true}}));
  EXPECT_TRUE(both_ways(v2_cached, 0x8000800012345067, {0, "page", 0x12345000, 12, {.allow = user_rw}}));  // C bit
  EXPECT_TRUE(is_table(amdvi::v2_5level, 4, 0x12345007, 0x12345000, all));
  EXPECT_EQ(kind_at(f, 3, 0x12345087), "reserved");
}

TEST(amdvi_v2, is_walked_and_built) {
  golden::machine t{amdvi::v2_4level};  // tables at 100000, 110000, ...
  auto const put = [&](u64 slot, u64 entry) { t.memory.store({slot}, t.h->word(), entry); };
  t.memory.clear({0x110000}, 0x30000);
  put(0x100000, 0x110007);
  put(0x110000, 0x120007);
  put(0x120000, 0x130003);
  put(0x120008, 0x80000001234000E7);
  put(0x130000 + 5 * 8, 0x00ABCDE007);
  EXPECT_EQ(t.said(0x5123), "abcde123 rwx/--- WB 2^12");
  EXPECT_EQ(t.said(0x234567), "123434567 rw-/rw- WB 2^21");
  EXPECT_EQ(t.said(0x6000), "absent at level 0");
  EXPECT_EQ(t.said(0x0000800000000000), "outside the input range at level 3");
  builds(amdvi::v2_4level, {0x3FFFD000, 0x40203000, 0x7FFFD000,
      {.allow = user_rw}, user_ro, mt::uc, {{0x40003000, 21}, {0x3000, 30}, {0, 12}}});
  builds(v2_cached, {0x200000, 0x405000, 0x1234600000,
      {.allow = user_rw}, kernel_rw, mt::wt, {{0, 21}, {0x400000, 12}}});
}

// --- roots --------------------------------------------------------------------------------------------------------

TEST(amdvi_roots, say_mode_root_and_rights) {
  // V 1 | TV 2 | HAD 3 at 8:7 (180) | mode 4 at 11:9 (800) | IR alone; domain 42.
  u64 const dte[4]{0x2000000012345983, 0x42};
  auto const found = amdvi::regime_of(dte);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->host_used && !found->guest_used);
  EXPECT_EQ(found->host.mode, 4u);
  EXPECT_TRUE(found->host.hardware_accessed && found->host.hardware_dirty);
  EXPECT_EQ(found->host_root.value, 0x12345000u);
  EXPECT_EQ(found->allow, readers | executes);
  EXPECT_EQ(found->domain, 0x42);
  for (u64 mode = 1; mode <= 6; ++mode) {
    u64 const one[4]{0x6000000012345003 | mode << 9};
    EXPECT_EQ(amdvi::v1(amdvi::regime_of(one)->host).depth, mode);
    EXPECT_FALSE(amdvi::regime_of(one)->host.hardware_accessed);
    EXPECT_EQ(amdvi::regime_of(one)->allow, all);
  }
}

TEST(amdvi_roots, say_why_there_are_no_tables) {
  u64 const invalid[4]{0x6000000012345802}, untranslated[4]{0x6000000012345801}, through[4]{0x6000000000000003},
    reserved[4]{0x6000000012345E03};
  EXPECT_EQ(amdvi::regime_of(invalid).error(), amdvi::no_tables::bypassed);
  EXPECT_EQ(amdvi::regime_of(untranslated).error(), amdvi::no_tables::blocked);
  EXPECT_EQ(amdvi::regime_of(through).error(), amdvi::no_tables::not_translated);
  EXPECT_EQ(amdvi::regime_of(reserved).error(), amdvi::no_tables::reserved_mode);
}

TEST(amdvi_roots, lead_to_guest_tables_by_way_of_gcr3) {
  // GCR3 table at F123456789000: 14:12 = 1 in word 0 from 58; 30:15 = ACF1 in word 1 from 16; 51:31 = 1E2468 from 43.
  // GV bit 55, GLX 57:56 = 1: two levels; guest paging mode 55:54 of word 2 = 1: five levels.
  u64 const dte[4]{0x3 | bit(55) | u64{1} << 56 | u64{1} << 58, 0x7 | u64{0xACF1} << 16 | u64{0x1E2468} << 43,
      u64{1} << 54};
  auto const found = amdvi::regime_of(dte);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->guest_used && !found->host_used);
  EXPECT_EQ(golden::hex(found->gcr3_table.value), "0xf123456789000");
  EXPECT_EQ(found->gcr3_levels, 2u);
  EXPECT_EQ(amdvi::v2(found->guest).depth, 5);
  EXPECT_EQ(found->domain, 7);
  EXPECT_EQ(amdvi::gcr3_index(0x12345, 0), 0x145u);
  EXPECT_EQ(amdvi::gcr3_index(0x12345, 1), 0x091u);
  EXPECT_EQ(amdvi::gcr3_of(0x12345001)->value, 0x12345000u);
  EXPECT_FALSE(amdvi::gcr3_of(0x12345000));
}

}  // namespace
