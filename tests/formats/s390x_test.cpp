// SPDX-License-Identifier: MIT
// s390x: golden entries worked out from the tables of the Principles of Operation, counted from the low end:
//
//   page           I 400 | P 200 | IEP 100 | 800 must be 0 | frame from 12 up | 7:0 ignored
//   segment        I 20 | CS 10 | TT 0 | P 200 | FC 400. FC = 0: page table from 11 up. FC = 1: frame from 20 up,
//                  IEP 100, F 800, ACC F000, AV 10000
//   region         I 20 | TT 4, 8, C (third, second, first) | TF C0 | TL 3 | P 200 | table from 12 up.
//                  Third with FC 400: frame from 31 up, CR 10, IEP, F, ACC, AV as above
#include <pagewright/formats/s390x.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::builds, golden::decodes, golden::encodes, golden::kind_at, golden::machine;
using golden::rejected_bits, golden::K, golden::M, golden::G, golden::is_faultless;
using s390x::dat_31, s390x::dat_42, s390x::dat_53, s390x::dat_64;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto bare    = s390x::tables({.depth = 3, .large_segments = false, .large_regions = false,
                                        .execute_protection = false});
constexpr auto edat1   = s390x::tables({.depth = 3, .large_regions = false});
constexpr auto alone   = s390x::tables({.depth = 3, .private_space = true});
constexpr auto quarter = s390x::tables({.depth = 2, .root_quarters = 1});

static_assert(is_sound<dat_31>() && is_sound<dat_42>() && is_sound<dat_53>() && is_sound<dat_64>());
static_assert(is_sound<bare>() && is_sound<edat1>() && is_sound<alone>() && is_sound<quarter>());

constexpr auto plain(rights r, bool global = false, u64 software = 0) -> attributes {
  return {.allow = r, .type = mt::pma, .global = global, .accessed = false, .dirty = false, .software = software};
}
constexpr auto no_write = all - writers, no_fetch = all - executes;

TEST(s390x, reads_and_writes_pages) {
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012345000, {0, "page", 0x12345000, 12, plain(all)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012345200, {0, "page", 0x12345000, 12, plain(no_write)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012345100, {0, "page", 0x12345000, 12, plain(no_fetch)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012345300, {0, "page", 0x12345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012345303, {0, "page", 0x12345000, 12, plain(readers, false, 3)}));
  EXPECT_TRUE(both_ways(dat_64, 0xFFFFFFFFFFFFF000, {0, "page", 0xFFFFFFFFFFFFF000, 12, plain(all)}));
  EXPECT_TRUE(both_ways(dat_64, 0, {0, "page", 0, 12, plain(all)})) << "zero is a valid page";
  EXPECT_TRUE(decodes(dat_64, 0x00000000123450FC, {0, "page", 0x12345000, 12, plain(all)})) << "7:2 are ignored";
  EXPECT_TRUE(both_ways(bare, 0x00000000123450FF, {0, "page", 0x12345000, 12, plain(all, false, 0xFF)}));
  EXPECT_TRUE(decodes(bare, 0x0000000012345100, {0, "page", 0x12345000, 12, plain(all)})) << "IEP switched off";
  EXPECT_EQ(rejected_bits(dat_64, 0, 0x12345000), bit(11));
}

TEST(s390x, reads_and_writes_large_leaves) {
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012300400, {1, "1M", 0x12300000, 20, plain(all)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012300600, {1, "1M", 0x12300000, 20, plain(no_write)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012300500, {1, "1M", 0x12300000, 20, plain(no_fetch)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000012300713, {1, "1M", 0x12300000, 20, plain(readers, true, 3)}));
  EXPECT_TRUE(both_ways(dat_64, 0xFFFFFFFFFFF00400, {1, "1M", 0xFFFFFFFFFFF00000, 20, plain(all)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000180000404, {2, "2G", 0x180000000, 31, plain(all)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000180000604, {2, "2G", 0x180000000, 31, plain(no_write)}));
  EXPECT_TRUE(both_ways(dat_64, 0x0000000180000504, {2, "2G", 0x180000000, 31, plain(no_fetch)}));
  EXPECT_TRUE(both_ways(dat_64, 0xFFFFFFFF80000714, {2, "2G", 0xFFFFFFFF80000000, 31, plain(readers, true)}));
  // AV, ACC 9, F; 19:17 and 7:6 are ignored.
  EXPECT_TRUE(decodes(dat_64, 0x00000000123FFC00 & ~0x6000ull, {1, "1M", 0x12300000, 20, plain(all)}));
  EXPECT_TRUE(decodes(dat_64, 0x00000000123004C0, {1, "1M", 0x12300000, 20, plain(all)}));
  EXPECT_TRUE(decodes(dat_64, 0x00000001FFFFFC04, {2, "2G", 0x180000000, 31, plain(all)}));
  EXPECT_EQ(rejected_bits(dat_64, 1, 0x12300400), 0xCu);
  EXPECT_EQ(rejected_bits(dat_64, 2, 0x180000404), 0x8u);
}

TEST(s390x, reads_and_writes_table_entries) {
  EXPECT_TRUE(golden::is_table(dat_64, 1, 0x0000000012345800, 0x12345800, all));
  EXPECT_TRUE(golden::is_table(dat_64, 1, 0x0000000012345A00, 0x12345800, no_write));
  EXPECT_TRUE(golden::is_table(dat_64, 1, 0, 0, all)) << "zero leads to a page table at zero";
  EXPECT_TRUE(golden::is_table(dat_64, 2, 0x0000000012344007, 0x12344000, all));
  EXPECT_TRUE(golden::is_table(dat_64, 2, 0x0000000012344207, 0x12344000, no_write));
  EXPECT_TRUE(golden::is_table(dat_64, 3, 0x000000001234400B, 0x12344000, all));
  EXPECT_TRUE(golden::is_table(dat_64, 4, 0xFFFFFFFFFFFFF20F, 0xFFFFFFFFFFFFF000, no_write));
  EXPECT_TRUE(golden::is_table(dat_64, 3, 0x000000001234488A, 0x12344000, all)) << "bit 11 is no address bit here";
  struct { unsigned level; u64 next, entry; } const made[]{
    {1, 0x12345800, 0x12345800}, {2, 0x12344000, 0x12344007}, {3, 0x12344000, 0x1234400B}, {4, 0x12344000, 0x1234400F}};
  for (auto const &[level, next, entry] : made)
    EXPECT_EQ(encode_table(dynamic{&dat_64}, level, {next}), entry) << level;
  EXPECT_EQ(encode_table(dynamic{&dat_64}, 2u, {0x12344000}, no_write), 0x12344207u);
}

TEST(s390x, rejects_entries_of_another_type_of_table) {
  EXPECT_EQ(kind_at(dat_64, 1, 0x12345804), "reserved");
  EXPECT_EQ(kind_at(dat_64, 1, 0x12300408), "reserved");
  EXPECT_EQ(kind_at(dat_64, 2, 0x12344003), "reserved");
  EXPECT_EQ(kind_at(dat_64, 2, 0x18000040C), "reserved");
  EXPECT_EQ(kind_at(dat_64, 3, 0x12344007), "reserved");
  EXPECT_EQ(kind_at(dat_64, 4, 0x1234400B), "reserved");
  EXPECT_EQ(kind_at(dat_64, 3, 0x12344407 ^ 0xC), "table") << "FC means nothing in a region-second entry";
}

TEST(s390x, takes_the_invalid_bit_for_absent_whatever_else_is_there) {
  EXPECT_EQ(kind_at(dat_64, 0, 0x400), "absent");
  EXPECT_EQ(kind_at(dat_64, 0, 0xFFFFFFFFFFFFFFFF), "absent");
  EXPECT_EQ(kind_at(dat_64, 0, 0x12345020), "leaf") << "20 is not the invalid bit of a page";
  for (unsigned level = 1; level < 5; ++level) {
    EXPECT_EQ(kind_at(dat_64, level, 0x20), "absent") << level;
    EXPECT_EQ(kind_at(dat_64, level, 0xFFFFFFFFFFFFFFFF), "absent") << level;
    EXPECT_EQ(golden::hex(dat_64.levels[level].vacant), golden::hex(0x20 | (level - 1) << 2)) << level;
  }
  EXPECT_EQ(dat_64.levels[0].vacant, 0x400u);
}

TEST(s390x, reads_what_the_facilities_leave_out_as_tables) {
  EXPECT_TRUE(golden::is_table(bare, 1, 0x12345C00, 0x12345800, all)) << "FC without EDAT-1";
  EXPECT_TRUE(golden::is_table(edat1, 2, 0x12344407, 0x12344000, all)) << "FC without EDAT-2";
  EXPECT_TRUE(golden::is_table(bare, 2, 0x12344207, 0x12344000, all)) << "P of a region without EDAT-1";
  EXPECT_TRUE(golden::is_table(bare, 1, 0x12345A00, 0x12345800, no_write)) << "P of a segment";
}

TEST(s390x, has_no_common_segments_in_a_private_space) {
  EXPECT_EQ(kind_at(alone, 1, 0x12345810), "reserved");
  EXPECT_EQ(kind_at(alone, 1, 0x12300410), "reserved");
  EXPECT_EQ(kind_at(alone, 2, 0x12344017), "reserved");
  EXPECT_EQ(kind_at(alone, 2, 0x180000414), "reserved");
  EXPECT_EQ(kind_at(dat_64, 1, 0x12345810), "table");
  // Elsewhere what lies below is common, too. In the entries of second and first regions the bit means nothing.
  EXPECT_TRUE(dat_64.table_global(0x12345810));
  EXPECT_TRUE(dat_64.table_global(0x12344017));
  EXPECT_FALSE(dat_64.table_global(0x1234401B));
  EXPECT_FALSE(dat_64.table_global(0x1234401F));
  EXPECT_FALSE(edat1.table_global(0x12344017));
}

TEST(s390x, divides_addresses) {
  // 63:53, 52:42, 41:31, 30:20, 19:12.
  constexpr u64 at = 0x7FFull << 53 | 1ull << 42 | 0x400ull << 31 | 2ull << 20 | 0xABull << 12;
  unsigned const want[]{0xAB, 2, 0x400, 1, 0x7FF};
  for (unsigned level = 0; level < 5; ++level) {
    EXPECT_EQ(index_of(dynamic{&dat_64}, level, at), want[level]) << level;
    EXPECT_EQ(table_lg2(dynamic{&dat_64}, level), level == 0 ? 11u : 14u);
  }
  EXPECT_EQ(dat_31.input_bits(), 31u);
  EXPECT_EQ(dat_42.input_bits(), 42u);
  EXPECT_EQ(dat_53.input_bits(), 53u);
  EXPECT_EQ(dat_64.input_bits(), 64u);
  EXPECT_EQ(quarter.input_bits(), 29u);
  EXPECT_EQ(table_lg2(dynamic{&quarter}, 1u), 12u);
}

TEST(s390x, is_faultless_in_every_variant) {
  for (unsigned n = 0; n < 16; ++n)
    for (unsigned depth = 2; depth <= 5; ++depth)
      for (unsigned quarters = 1; quarters <= 4; ++quarters)
        ASSERT_TRUE(is_faultless(s390x::tables({.depth = depth, .root_quarters = quarters,
                                                .large_segments = (n & 3) != 0, .large_regions = (n & 3) == 3,
                                                .execute_protection = (n & 4) != 0, .private_space = (n & 8) != 0,
                                                .output_bits = n == 5 ? 44u : 64u})))
            << n << ", depth " << depth << ", quarters " << quarters;
}

/// 64-bit tables: region-first at 100000, second 110000, third 120000, segments 130000, pages 140800.
struct planted : machine {
  planted() : machine{dat_64} {
    put(4, 0x100000, 0x7FF, 0x11000F).put(3, 0x110000, 0, 0x12000B).put(2, 0x120000, 5, 0x130007);
    put(1, 0x130000, 1, 0x140800).put(1, 0x130000, 2, 0x140A00).put(1, 0x130000, 3, 0x12300410);
    put(1, 0x130000, 4, 0x12300404).put(1, 0x130000, 5, 0x20).put(2, 0x120000, 6, 0x180000704);
    put(0, 0x140800, 0, 0x12345000).put(0, 0x140800, 1, 0x12346100).put(0, 0x140800, 2, 0x400);
    put(0, 0x140800, 3, 0x12347800).put(0, 0x140800, 0xFF, 0);
  }
  static constexpr u64 third = 0x7FFull << 53, segments = third | 5ull << 31;
};

TEST(s390x, is_walked) {
  planted m;
  constexpr u64 at = planted::segments;
  EXPECT_EQ(m.said(at | 0x100123), "12345123 rwx/rwx PMA 2^12");
  EXPECT_EQ(m.said(at | 0x101FFF), "12346fff rw-/rw- PMA 2^12");
  EXPECT_EQ(m.said(at | 0x102000), "absent at level 0");
  EXPECT_EQ(m.said(at | 0x103000), "reserved at level 0");
  EXPECT_EQ(m.said(at | 0x1FF010), "10 rwx/rwx PMA 2^12");
  EXPECT_EQ(m.said(at | 0x200123), "12345123 r-x/r-x PMA 2^12") << "P of the segment";
  EXPECT_EQ(m.said(at | 0x201000), "12346000 r--/r-- PMA 2^12");
  EXPECT_EQ(m.said(at | 0x345678), "12345678 rwx/rwx PMA 2^20");
  EXPECT_EQ(m.said(at | 0x400000), "reserved at level 1");
  EXPECT_EQ(m.said(at | 0x500000), "absent at level 1");
  EXPECT_EQ(m.said(planted::third | 6ull << 31 | 0x7FFFFFFF), "1ffffffff r--/r-- PMA 2^31");
  EXPECT_EQ(m.said(0), "absent at level 4");
  EXPECT_TRUE(m.space.query({at | 0x345678})->global);
}

TEST(s390x, finds_no_slot_outside_the_quarters_of_a_table) {
  planted m;
  // A segment table of quarters 1 and 2 of which the first begins at 131000: TF 40, TL 2. Slots 0..1FF and 600.. are no
  // part of it, whatever lies there.
  m.put(2, 0x120000, 7, 0x130046);
  for (u64 const slot : {0x1FFull, 0x200ull, 0x5FFull, 0x600ull}) m.put(1, 0x130000, slot, 0x12300400);
  u64 const at = planted::third | 7ull << 31;
  EXPECT_EQ(m.said(at | 0x1FFull << 20), "absent at level 1");
  EXPECT_EQ(m.said(at | 0x200ull << 20), "12300000 rwx/rwx PMA 2^20");
  EXPECT_EQ(m.said(at | 0x5FFull << 20), "12300000 rwx/rwx PMA 2^20");
  EXPECT_EQ(m.said(at | 0x600ull << 20), "absent at level 1");
  EXPECT_EQ(m.said(planted::segments | 0x600ull << 20), "12300000 rwx/rwx PMA 2^20") << "through the whole table";
  // The same of the table above: only the last quarter of the region-third table, TF C0 and TL 3.
  m.put(3, 0x110000, 1, 0x1200CB).put(2, 0x120000, 0x600, 0x180000404);
  u64 const second = planted::third | 1ull << 42;
  EXPECT_EQ(m.said(second | 6ull << 31), "absent at level 2");
  EXPECT_EQ(m.said(second | 0x600ull << 31), "180000000 rwx/rwx PMA 2^31");
  // What a segment entry holds where TF and TL are is ignored: no slot of a page table is missing.
  m.put(1, 0x130000, 8, 0x1408C3);
  EXPECT_EQ(m.said(planted::segments | 0x800000), "12345000 rwx/rwx PMA 2^12");
  // TF above TL: no slot at all.
  m.put(2, 0x120000, 8, 0x130085);
  for (u64 const slot : {0ull, 0x200ull, 0x400ull, 0x600ull})
    EXPECT_EQ(m.said(planted::third | 8ull << 31 | slot << 20), "absent at level 1") << slot;
}

TEST(s390x, does_not_change_tables_of_which_a_part_is_missing) {
  planted m;
  m.put(2, 0x120000, 7, 0x130006);
  auto const before = m.picture();
  auto const refused = m.space.map({{planted::third | 7ull << 31}, {(planted::third | 7ull << 31) + 0xFFFFF}}, {0},
                                   plain(all), m.owed);
  ASSERT_FALSE(refused);
  EXPECT_STREQ(text(refused.error().why), text(error_reason::irregular_table));
  EXPECT_EQ(m.picture(), before);
}

TEST(s390x, is_built) {
  builds(dat_31, {0x10000000, M + 68 * K, 0x40000000, plain(all), readers, mt::pma, {{0, 20}, {M, 12}}});
  builds(dat_42, {0x7FF00000, M + 68 * K, 0x12340000000, plain(no_fetch), no_write, mt::pma, {{0, 20}, {M, 12}}});
  builds(dat_64, {0xFFE0000080000000, 2 * G + M + 4 * K, 0x180000000, plain(all), readers, mt::pma,
                  {{0, 31}, {2 * G, 20}, {2 * G + M, 12}}});
  builds(dat_53, {0x80000000, 2 * G + 68 * K, 0x180000000, plain(readers), all, mt::pma, {{0, 31}, {2 * G, 12}}});
  builds(bare, {0x10000000, M + 68 * K, 0x40000000, plain(all), no_write, mt::pma, {{0, 12}, {M, 12}}});
  builds(quarter, {0x10000000, M + 68 * K, 0x40000000, plain(all), readers, mt::pma, {{0, 20}, {M, 12}}});
}

TEST(s390x, fills_new_tables_with_invalid_entries) {
  machine m{dat_64};
  ASSERT_TRUE(m.map(0x12345000, 4 * K, 0x40000000, plain(all)));
  unsigned level = 4;
  for (output_address table = m.top.table; ; --level) {
    u64 const taken = index_of(m.h, level, 0x12345000);
    u64 next = 0, others = 0;
    for (u64 i = 0; i < bit(dat_64.levels[level].index_bits); ++i) {
      u64 const entry = m.memory.load(slot_address(m.h, level, table, i), dat_64.word()).value_or(0);
      if (i == taken) next = entry;
      else if (entry != dat_64.levels[level].vacant) ++others;
    }
    EXPECT_EQ(others, 0u) << "level " << level;
    if (level == 0) {
      EXPECT_EQ(golden::hex(next), "0x40000000");
      break;
    }
    EXPECT_EQ(next & 0xFFF & ~0x800u, level == 1 ? 0u : 3u | (level - 1) << 2) << "level " << level;
    table = table_of(m.h, level, next);
  }
}

TEST(s390x, changes_valid_entries_through_invalid_ones) {
  dynamic const h{&dat_64};
  EXPECT_EQ(duty_of(h, 0u, 0x400, 0x12345000), duty::publish);
  EXPECT_EQ(duty_of(h, 0u, 0x12345000, 0x400), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0x12345000, 0x12345200), duty::break_before_make);
  EXPECT_EQ(duty_of(h, 0u, 0x12345200, 0x12345000), duty::break_before_make);
  EXPECT_EQ(duty_of(h, 1u, 0x12300400, 0x12300500), duty::break_before_make);
  EXPECT_EQ(duty_of(h, 1u, 0x12345800, 0x12300400), duty::break_before_make);
  EXPECT_EQ(duty_of(h, 1u, 0x20, 0x12345800), duty::publish);
}

TEST(s390x, does_not_split_a_leaf_that_brings_its_key) {
  machine m{dat_31};
  m.put(1, 0x100000, 1, 0x12319C00);  // AV, ACC 9, F
  auto const refused = m.space.unmap({{0x100000}, {0x100fff}}, m.owed);
  ASSERT_FALSE(refused);
  EXPECT_STREQ(text(refused.error().why), text(error_reason::would_split));
  EXPECT_EQ(s390x::large_key(0x12319C00), (s390x::storage_key{9, true}));
  EXPECT_EQ(s390x::large_key(0x1230F400), std::nullopt);
}

TEST(s390x_registers, decode_address_space_control_elements) {
  // Those of the fixture's CR1 and CR13: type 11 and all quarters, private; type 01.
  auto const user = s390x::designation_of(0x0286C1CF), kernel = s390x::designation_of(0x01290007);
  EXPECT_EQ(user.depth, 5u);
  EXPECT_EQ(user.table.value, 0x0286C000u);
  EXPECT_EQ(user.root_quarters, 4u);
  EXPECT_TRUE(user.private_space && !user.real_space);
  EXPECT_EQ(kernel.depth, 3u);
  EXPECT_EQ(kernel.table.value, 0x01290000u);
  EXPECT_FALSE(kernel.private_space);
  auto const small = s390x::designation_of(0x12345001);
  EXPECT_EQ(small.depth, 2u);
  EXPECT_EQ(small.root_quarters, 2u);
  EXPECT_EQ(s390x::designation_of(0x1234500A).depth, 4u);
  EXPECT_EQ(s390x::designation_of(0x1234500A).root_quarters, 3u);
  EXPECT_TRUE(s390x::designation_of(0x20).real_space);
  // The fixture's CR0 has EDAT 800000 but not execute protection, 100000: 14166A10 has 100000 and not 800000.
  auto const o = s390x::options_of(user, 0x14166A10);
  EXPECT_TRUE(o.execute_protection && !o.large_segments && !o.large_regions && o.private_space);
  EXPECT_EQ(o.depth, 5u);
  EXPECT_TRUE(s390x::options_of(user, 0x00800000).large_regions);
  EXPECT_FALSE(s390x::options_of(user, 0x00800000).execute_protection);
}

TEST(s390x_registers, say_which_space_is_translated) {
  // The fixture's: a user's and an idle kernel's.
  EXPECT_EQ(s390x::space_of(0x0705000180000000), s390x::space::primary);
  EXPECT_EQ(s390x::space_of(0x0706C00180000000), s390x::space::home);
  EXPECT_EQ(s390x::space_of(0x0705800180000000), s390x::space::secondary);
  EXPECT_EQ(s390x::space_of(0x0004000180000000), std::nullopt);
}

TEST(s390x_registers, tell_addresses_beyond_the_top_table) {
  using s390x::designation_of, s390x::outside;
  auto const segments = designation_of(0x12345000), three = designation_of(0x12345006);  // one quarter; three
  EXPECT_EQ(outside(segments, {0x1FFFFFFF}), std::nullopt);
  EXPECT_EQ(outside(segments, {0x20000000}), 0x10);
  EXPECT_EQ(outside(segments, {0x7FFFFFFF}), 0x10);
  EXPECT_EQ(outside(segments, {0x80000000}), 0x38);
  EXPECT_EQ(outside(three, {0x2FFFFFFFFFF}), std::nullopt);
  EXPECT_EQ(outside(three, {0x30000000000}), 0x3B);
  EXPECT_EQ(outside(three, {0x40000000000}), 0x38);
  EXPECT_EQ(outside(designation_of(0x1234500B), {0x1FFFFFFFFFFFFF}), std::nullopt);
  EXPECT_EQ(outside(designation_of(0x1234500B), {0x20000000000000}), 0x38);
  EXPECT_EQ(outside(designation_of(0x1234500F), {~u64{0}}), std::nullopt);
  EXPECT_EQ(outside(designation_of(0x1234500E), {~u64{0}}), 0x39);
  EXPECT_EQ(s390x::exception_at(0), 0x11);
  EXPECT_EQ(s390x::exception_at(3), 0x3A);
}

TEST(s390x_registers, swap_the_prefix_area) {
  EXPECT_EQ(s390x::absolute_of(0x123, 0x199C000), 0x199C123u);
  EXPECT_EQ(s390x::absolute_of(0x1FFF, 0x199C000), 0x199DFFFu);
  EXPECT_EQ(s390x::absolute_of(0x199D001, 0x199C000), 0x1001u);
  EXPECT_EQ(s390x::absolute_of(0x2000, 0x199C000), 0x2000u);
  EXPECT_EQ(s390x::absolute_of(0x10000199C000, 0x199C000), 0x10000199C000u);
}

TEST(s390x_registers, decode_storage_keys) {
  EXPECT_EQ(s390x::key_of(0x9E), (s390x::storage_key{9, true}));
  EXPECT_EQ(s390x::key_of(0x06), (s390x::storage_key{0, false}));
  EXPECT_EQ(s390x::marks_of(0x9E), (s390x::storage_marks{true, true}));
  EXPECT_EQ(s390x::marks_of(0x04), (s390x::storage_marks{true, false}));
}

}  // namespace
