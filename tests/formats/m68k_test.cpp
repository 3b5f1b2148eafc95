// SPDX-License-Identifier: MIT
// Motorola 68k: golden entries worked out from the figures of the user's manuals.
//
//   68040   table  UDT 1:0 (2, 3) | W 4 | U 8 | address from 9 (root), 8 or 7 (pointer, pages of 4 and 8 Kbytes) up
//           page   PDT 1:0 (1, 3; 2 indirect, 31:2 the address) | W 4 | U 8 | M 10 | CM 60 | S 80 | U1 U0 300 | G 400 |
//                  UR 800 (8 Kbytes: 1000 too) | address
//   68030   short  DT 1:0 | WP 4 | U 8 | M 10 | CI 40 | page from 8 up, table from 4 up
//           long   the same in the upper half, and S 100, ones FC00, LIMIT 7FFF0000, L/U 80000000; address in the lower
#include <pagewright/formats/m68k.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::builds, golden::decodes, golden::encodes, golden::kind_at, golden::machine;
using golden::rejected_bits, golden::is_faultless, golden::K, golden::M;
using m68k::m68040_4k, m68k::m68040_8k, m68k::m68060_4k, m68k::m68060_8k, m68k::m68030_short, m68k::m68030_long;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto direct  = m68k::tables({.indirect = false});
constexpr auto direct8 = m68k::tables({.granule = m68k::page::k8, .indirect = false});
// 8-Kbyte pages, four address bits ignored, two levels. 256-byte pages, four levels, long.
constexpr auto flat = m68k::tables_030({.page_lg2 = 13, .ignored = 4, .index_bits = {8, 7, 0, 0}});
constexpr auto coarse = m68k::tables_030({.page_lg2 = 13, .index_bits = {7, 5, 7, 0}});
constexpr auto fine = m68k::tables_030({.page_lg2 = 8, .index_bits = {6, 6, 6, 6}, .kind = m68k::descriptor::long_8});

static_assert(is_sound<m68040_4k>() && is_sound<m68040_8k>() && is_sound<m68060_4k>() && is_sound<m68060_8k>());
static_assert(is_sound<direct>() && is_sound<direct8>());
static_assert(is_sound<m68030_short>() && is_sound<m68030_long>() && is_sound<flat>() && is_sound<fine>());

constexpr auto no_write = all - writers;
/// U and M clear, U set, both set.
constexpr auto fresh(rights r, mt t, bool global = false, u64 software = 0) -> attributes {
  return {.allow = r, .type = t, .global = global, .accessed = false, .dirty = false, .software = software};
}
constexpr auto used(rights r, mt t, bool global = false, u64 software = 0) -> attributes {
  return {.allow = r, .type = t, .global = global, .accessed = true, .dirty = false, .software = software};
}
constexpr auto dirty(rights r, mt t, bool global = false, u64 software = 0) -> attributes {
  return {.allow = r, .type = t, .global = global, .accessed = true, .dirty = true, .software = software};
}

TEST(m68040, reads_and_writes_pages) {
  for (unsigned const level : {0u, 1u}) {  // behind an indirect descriptor, and in a page table
    EXPECT_TRUE(both_ways(m68040_4k, 0x12345001, {level, "page", 0x12345000, 12, fresh(all, mt::wt)}));
    EXPECT_TRUE(both_ways(m68040_4k, 0x12345039, {level, "page", 0x12345000, 12, dirty(all, mt::wb)}));
    EXPECT_TRUE(both_ways(m68040_4k, 0x1234502D, {level, "page", 0x12345000, 12, used(no_write, mt::wb)}));
    EXPECT_TRUE(both_ways(m68040_4k, 0x123450D9, {level, "page", 0x12345000, 12, dirty(kernel, mt::uc)}));
    EXPECT_TRUE(both_ways(m68040_4k, 0x123450EC | 1, {level, "page", 0x12345000, 12, used(kernel - writers, mt::nc)}));
    EXPECT_TRUE(both_ways(m68040_4k, 0xFFFFFC21, {level, "page", 0xFFFFF000, 12, fresh(all, mt::wb, true, 0x800)}));
    EXPECT_TRUE(both_ways(m68040_4k, 0x00000421, {level, "page", 0, 12, fresh(all, mt::wb, true)}));
    // PDT 3 says the same as 1; U1 and U0 are the system's.
    EXPECT_TRUE(decodes(m68040_4k, 0x1234533B, {level, "page", 0x12345000, 12, dirty(all, mt::wb)}));
  }
  EXPECT_TRUE(both_ways(m68040_8k, 0x12346039, {1, "page", 0x12346000, 13, dirty(all, mt::wb)}));
  EXPECT_TRUE(both_ways(m68040_8k, 0xFFFFF821, {1, "page", 0xFFFFE000, 13, fresh(all, mt::wb, false, 0x1800)}));
  EXPECT_TRUE(both_ways(m68060_4k, 0x12345061, {1, "page", 0x12345000, 12, fresh(all, mt::nc)}));
  EXPECT_TRUE(both_ways(direct, 0x12345039, {0, "page", 0x12345000, 12, dirty(all, mt::wb)}));
  EXPECT_EQ(rejected_bits(m68040_4k, 1, 0x12345001), 0u);
}

TEST(m68040, cannot_say_what_the_user_alone_may_do) {
  auto const &page = m68040_4k.forms[0];
  for (auto const may : {none, user, kernel_rw, user_ro, all - kernel_write})
    EXPECT_FALSE(encode_rights(dynamic{&m68040_4k}, page, may)) << text(may).kernel << '/' << text(may).user;
  EXPECT_EQ(least_rights(dynamic{&m68040_4k}, user_ro), no_write);
  EXPECT_EQ(least_rights(dynamic{&m68040_4k}, kernel_read), kernel_read | kernel_execute);
}

TEST(m68040, reads_and_writes_table_descriptors) {
  EXPECT_TRUE(golden::is_table(m68040_4k, 3, 0x12345602, 0x12345600, all));
  EXPECT_TRUE(golden::is_table(m68040_4k, 3, 0x1234560F, 0x12345600, no_write));  // UDT 3, W, U
  EXPECT_TRUE(golden::is_table(m68040_4k, 3, 0x123457F2, 0x12345600, all)) << "8:4 are ignored";
  EXPECT_TRUE(golden::is_table(m68040_4k, 2, 0x12345702, 0x12345700, all));
  EXPECT_TRUE(golden::is_table(m68040_4k, 2, 0x12345706, 0x12345700, no_write));
  EXPECT_TRUE(golden::is_table(m68040_8k, 2, 0x12345782, 0x12345780, all));
  EXPECT_TRUE(golden::is_table(direct, 1, 0x12345702, 0x12345700, all));
  EXPECT_EQ(encode_table(dynamic{&m68040_4k}, 3u, {0x12345600}), 0x12345602u);
  EXPECT_EQ(encode_table(dynamic{&m68040_8k}, 2u, {0x12345780}), 0x12345782u);
  EXPECT_EQ(encode_table(dynamic{&m68040_4k}, 2u, {0x12345700}, no_write), 0x12345706u);
}

TEST(m68040, reads_indirect_descriptors) {
  EXPECT_TRUE(golden::is_table(m68040_4k, 1, 0x1234567A, 0x12345678, all));
  EXPECT_TRUE(golden::is_table(m68040_4k, 1, 0x1234567E, 0x1234567C, all)) << "bit 2 is an address bit, not W";
  EXPECT_EQ(kind_at(direct, 0, 0x1234567A), "reserved") << "where they were left out of the description";
  EXPECT_EQ(kind_at(m68040_4k, 0, 0x1234567A), "absent") << "a second indirect descriptor is invalid";
}

TEST(m68040, tells_invalid_descriptors_by_their_type_alone) {
  for (unsigned const level : {2u, 3u}) {
    EXPECT_EQ(kind_at(m68040_4k, level, 0xFFFFFFFC), "absent") << level;
    EXPECT_EQ(kind_at(m68040_4k, level, 0xFFFFFFFD), "absent") << level << ": UDT 1";
  }
  EXPECT_EQ(kind_at(m68040_4k, 1, 0xFFFFFFFC), "absent");
  EXPECT_EQ(kind_at(m68040_4k, 0, 0xFFFFFFFC), "absent");
  EXPECT_EQ(duty_of(dynamic{&m68040_4k}, 1u, 0, 0x12345001), duty::invalidate)
      << "the 68040 caches that nothing is there";
  EXPECT_EQ(duty_of(dynamic{&m68060_4k}, 1u, 0, 0x12345001), duty::publish);
  EXPECT_EQ(duty_of(dynamic{&m68060_4k}, 1u, 0x12345001, 0x12346001), duty::invalidate);
}

TEST(m68040, divides_addresses) {
  // 0x76543210: root 31:25 = 3B, pointer 24:18 = 15, page 17:12 = 3, or 17:13 = 1.
  EXPECT_EQ(index_of(dynamic{&m68040_4k}, 3u, 0x76543210), 0x3Bu);
  EXPECT_EQ(index_of(dynamic{&m68040_4k}, 2u, 0x76543210), 0x15u);
  EXPECT_EQ(index_of(dynamic{&m68040_4k}, 1u, 0x76543210), 0x03u);
  EXPECT_EQ(index_of(dynamic{&m68040_4k}, 0u, 0x76543210), 0u);
  EXPECT_EQ(index_of(dynamic{&m68040_8k}, 1u, 0x76543210), 0x01u);
  unsigned const bytes[]{2, 8, 9, 9};
  for (unsigned level = 0; level < 4; ++level) EXPECT_EQ(table_lg2(dynamic{&m68040_4k}, level), bytes[level]) << level;
  EXPECT_EQ(table_lg2(dynamic{&m68040_8k}, 1u), 7u);
  EXPECT_EQ(m68040_4k.input_bits(), 32u);
}

TEST(m68040, is_faultless) {
  for (auto const *f : {&m68040_4k, &m68040_8k, &m68060_4k, &m68060_8k, &direct, &direct8})
    EXPECT_TRUE(is_faultless(*f));
}

TEST(m68040, is_walked) {
  // The manual's address: root 100000, slot 3B to 110000, slot 15 to 120100, slot 3 a page; slot 4 indirect to 130004,
  // slot 5 indirect to an indirect descriptor, slot 6 to an invalid one, slot 7 to where nothing is.
  machine m{m68040_4k};
  m.memory.clear({0x110000}, 0x30000);
  m.put(3, 0x100000, 0x3B, 0x110002).put(3, 0x100000, 0x3C, 0x11000E).put(2, 0x110000, 0x15, 0x12010A);
  m.put(1, 0x120100, 3, 0x12345039).put(1, 0x120100, 4, 0x130006).put(1, 0x120100, 5, 0x13000A);
  m.put(1, 0x120100, 6, 0x13000E).put(1, 0x120100, 7, 0x7FFFFFFE).put(1, 0x120100, 8, 0x123460A5);
  m.put(0, 0x130004, 0, 0x5432142D).put(0, 0x130008, 0, 0x130006).put(0, 0x13000C, 0, 0x12345038);
  EXPECT_EQ(m.said(0x76543210), "12345210 rwx/rwx WB 2^12");
  EXPECT_EQ(m.said(0x76544FFF), "54321fff r-x/r-x WB 2^12");
  EXPECT_EQ(m.said(0x76545000), "absent at level 0");
  EXPECT_EQ(m.said(0x76546000), "absent at level 0");
  EXPECT_EQ(m.said(0x76547000), "unreadable at level 0");
  EXPECT_EQ(m.said(0x76548000), "12346000 r-x/--- WB 2^12");
  EXPECT_EQ(m.said(0x76549000), "absent at level 1");
  EXPECT_EQ(m.said(0x76580000), "absent at level 2");
  EXPECT_EQ(m.said(0x00000000), "absent at level 3");
  EXPECT_EQ(m.said(0x78543210), "12345210 r-x/r-x WB 2^12") << "W of the root's descriptor";
  EXPECT_EQ(m.said(0x100000000), "outside the input range at level 3");
  EXPECT_TRUE(m.space.query({0x76544000})->global);
}

TEST(m68040, leaves_what_lies_behind_an_indirect_descriptor_alone) {
  machine m{m68040_4k};
  ASSERT_TRUE(m.map(0x10000, 8 * K, 0x40000000, fresh(all, mt::wb)));
  // The third page of that table becomes indirect.
  auto const third = m.space.query({0x11000})->slot.value + 4;
  m.memory.store({third}, m68040_4k.word(), 0x180002);
  m.memory.store({0x180000}, m68040_4k.word(), 0x50000021);
  EXPECT_EQ(m.said(0x12345), "50000345 rwx/rwx WB 2^12");
  auto const before = m.picture();
  auto const unmapped = m.space.unmap({{0x10000}, {0x12fff}}, m.owed);
  ASSERT_FALSE(unmapped);
  EXPECT_STREQ(text(unmapped.error().why), text(error_reason::irregular_table));
  EXPECT_EQ(m.picture(), before);
  EXPECT_TRUE(m.unmap(0x10000, 8 * K)) << "beside it";
  EXPECT_EQ(m.said(0x12345), "50000345 rwx/rwx WB 2^12");
}

TEST(m68040, is_built) {
  auto const rwx = dirty(all, mt::wb), supervisor = dirty(kernel, mt::uc);
  builds(m68040_4k, {0x3F000, 68 * K, 0x40000000, rwx, kernel, mt::nc, {{0, 12}, {4 * K, 12}}});
  builds(m68040_8k, {0x3E000, 72 * K, 0x40000000, supervisor, all, mt::wt, {{0, 13}, {8 * K, 13}}});
  builds(direct, {0x1FFF000, 68 * K, 0x40000000, rwx, no_write, mt::uc, {{0, 12}, {4 * K, 12}}});
  builds(m68060_8k, {0x1FFE000, 72 * K, 0xFFF00000, rwx, kernel - writers, mt::nc, {{0, 13}}});
}

TEST(m68040_registers, select_the_page_size) {
  using m68k::options_of, m68k::processor;
  EXPECT_FALSE(options_of(processor::mc68040, 0x4000));
  EXPECT_EQ(options_of(processor::mc68040, 0x8000)->granule, m68k::page::k4);
  EXPECT_EQ(options_of(processor::mc68060, 0xC000)->granule, m68k::page::k8);
  EXPECT_EQ(options_of(processor::mc68060, 0xC000)->of, processor::mc68060);
  EXPECT_EQ(m68k::root_table(0x12345FFF).value, 0x12345E00u);
}

TEST(m68040_registers, lead_past_the_tables_where_they_are_transparent) {
  using m68k::is_transparent;
  // Linux's: 80000000 and the 1 Gbyte there, supervisor only: base 80, mask 3F, E, S 01.
  constexpr u32 upper = 0x803FA000;
  EXPECT_TRUE(is_transparent(upper, 0x80000000, true));
  EXPECT_TRUE(is_transparent(upper, 0xBFFFFFFF, true));
  EXPECT_FALSE(is_transparent(upper, 0xC0000000, true));
  EXPECT_FALSE(is_transparent(upper, 0x80000000, false));
  EXPECT_FALSE(is_transparent(upper & ~0x8000u, 0x80000000, true));
  EXPECT_TRUE(is_transparent(0x803F8000, 0x80000000, false));
  EXPECT_FALSE(is_transparent(0x803F8000, 0x80000000, true));
  EXPECT_TRUE(is_transparent(0x803FC000, 0x80000000, true) && is_transparent(0x803FE000, 0x80000000, false));
  EXPECT_TRUE(is_transparent(0x00FFE000, 0x12345678, false));
}

// --- 68030 --------------------------------------------------------------------------------------------------------

TEST(m68030_short, reads_and_writes_pages) {
  EXPECT_TRUE(both_ways(m68030_short, 0x12345001, {1, "page", 0x12345000, 12, fresh(all, mt::pma)}));
  EXPECT_TRUE(both_ways(m68030_short, 0x12345019, {1, "page", 0x12345000, 12, dirty(all, mt::pma)}));
  EXPECT_TRUE(both_ways(m68030_short, 0x1234500D, {1, "page", 0x12345000, 12, used(no_write, mt::pma)}));
  EXPECT_TRUE(both_ways(m68030_short, 0x12345059, {0, "page", 0x12345000, 12, dirty(all, mt::uc)}));
  EXPECT_TRUE(both_ways(m68030_short, 0xFFFFFF41, {1, "page", 0xFFFFF000, 12, fresh(all, mt::uc, false, 0xF00)}));
  EXPECT_TRUE(both_ways(m68030_short, 0x12340019, {2, "early termination", 0x12340000, 18, dirty(all, mt::pma)}));
  EXPECT_TRUE(decodes(m68030_short, 0x1200005D, {3, "early termination", 0x12000000, 25, dirty(no_write, mt::uc)}));
  EXPECT_TRUE(both_ways(m68030_short, 0xFE000041, {3, "early termination", 0xFE000000, 25, fresh(all, mt::uc)}));
  EXPECT_TRUE(both_ways(flat, 0x12346019, {1, "page", 0x12346000, 13, dirty(all, mt::pma)}));
  EXPECT_TRUE(both_ways(flat, 0x12300019, {2, "early termination", 0x12300000, 20, dirty(all, mt::pma)}));
  EXPECT_TRUE(decodes(m68030_short, 0x123450A1,
                        {1, "page", 0x12345000, 12, fresh(all, mt::pma)})) << "5 and 7 are ignored";
  EXPECT_FALSE(encode_rights(dynamic{&m68030_short}, m68030_short.forms[0], kernel)) << "that takes long descriptors";
}

TEST(m68030_short, reads_and_writes_table_descriptors) {
  EXPECT_TRUE(golden::is_table(m68030_short, 3, 0x12345672, 0x12345670, all));
  EXPECT_TRUE(golden::is_table(m68030_short, 2, 0x1234567E, 0x12345670, no_write));
  EXPECT_EQ(encode_table(dynamic{&m68030_short}, 3u, {0x12345670}), 0x12345672u);
  EXPECT_TRUE(golden::is_table(m68030_short, 1, 0x1234567E, 0x1234567C, all)) << "indirect";
  EXPECT_EQ(kind_at(m68030_short, 3, 0x12345673), "reserved") << "a table of long descriptors";
  EXPECT_EQ(kind_at(m68030_short, 1, 0x12345673), "reserved");
  EXPECT_EQ(kind_at(m68030_short, 3, 0xFFFFFFFC), "absent");
  EXPECT_EQ(kind_at(m68030_short, 0, 0x12345672), "absent");
}

TEST(m68030_long, reads_and_writes_pages) {
  EXPECT_TRUE(both_ways(m68030_long, 0x0000FC0112345000, {1, "page", 0x12345000, 12, fresh(all, mt::pma)}));
  EXPECT_TRUE(both_ways(m68030_long, 0x0000FC1912345000, {1, "page", 0x12345000, 12, dirty(all, mt::pma)}));
  EXPECT_TRUE(both_ways(m68030_long, 0x0000FD1912345000, {1, "page", 0x12345000, 12, dirty(kernel, mt::pma)}));
  EXPECT_TRUE(both_ways(m68030_long, 0x0000FD4D12345000, {0, "page", 0x12345000, 12, used(kernel - writers, mt::uc)}));
  EXPECT_TRUE(both_ways(m68030_long, 0x0000FC01FFFFFFFF,
                        {1, "page", 0xFFFFF000, 12, fresh(all, mt::pma, false, 0xFFF)}));
  EXPECT_TRUE(both_ways(m68030_long, 0x7FFFFC1912340000,
                        {2, "early termination", 0x12340000, 18, dirty(all, mt::pma)}));
  EXPECT_TRUE(both_ways(m68030_long, 0x7FFFFD5912000000,
                        {3, "early termination", 0x12000000, 25, dirty(kernel, mt::uc)}));
  EXPECT_TRUE(both_ways(fine, 0x0000FC01123456FF, {1, "page", 0x12345600, 8, fresh(all, mt::pma, false, 0xFF)}));
  EXPECT_TRUE(both_ways(fine, 0x7FFFFC0112345000 & ~0x1000ull,
                        {2, "early termination", 0x12344000, 14, fresh(all, mt::pma)}));
  EXPECT_TRUE(both_ways(fine, 0x7FFFFC01FC000000, {4, "early termination", 0xFC000000, 26, fresh(all, mt::pma)}));
  EXPECT_TRUE(decodes(m68030_long, 0xFFFF000112345000,
                        {1, "page", 0x12345000, 12, fresh(all, mt::pma)})) << "unused bits";
}

TEST(m68030_long, reads_and_writes_table_descriptors) {
  EXPECT_TRUE(golden::is_table(m68030_long, 3, 0x7FFFFC0312345670, 0x12345670, all));
  EXPECT_TRUE(golden::is_table(m68030_long, 3, 0x7FFFFD0312345670, 0x12345670, kernel));
  EXPECT_TRUE(golden::is_table(m68030_long, 2, 0x7FFFFD0F1234567F, 0x12345670, kernel - writers));
  EXPECT_EQ(encode_table(dynamic{&m68030_long}, 3u, {0x12345670}), 0x7FFFFC0312345670u);
  EXPECT_TRUE(golden::is_table(m68030_long, 1, 0x000000031234567C, 0x1234567C, all));
  EXPECT_TRUE(golden::is_table(m68030_long, 1, 0x000001071234567C, 0x1234567C, all)) << "indirect: nothing else counts";
  EXPECT_EQ(kind_at(m68030_long, 3, 0x7FFFFC0212345670), "reserved") << "a table of short descriptors";
  EXPECT_EQ(kind_at(m68030_long, 3, 0x7FFFFC0012345673), "absent") << "DT is in the upper half";
}

TEST(m68030, divides_addresses) {
  EXPECT_EQ(index_of(dynamic{&m68030_short}, 3u, 0x76543210), 0x3Bu);
  EXPECT_EQ(index_of(dynamic{&m68030_short}, 1u, 0x76543210), 0x03u);
  EXPECT_EQ(flat.depth, 3u);
  EXPECT_EQ(flat.input_bits(), 28u);
  EXPECT_EQ(index_of(dynamic{&flat}, 2u, 0xF6543210), 0x65u);
  EXPECT_TRUE(in_extent(dynamic{&flat}, 0xF6543210)) << "IS: the upper bits are not looked at";
  EXPECT_FALSE(in_extent(dynamic{&flat}, 0x1F6543210));
  EXPECT_EQ(fine.depth, 5u);
  EXPECT_EQ(table_lg2(dynamic{&fine}, 4u), 9u);
  EXPECT_STREQ(fine.levels[4].name, "A");
  EXPECT_STREQ(fine.levels[1].name, "D");
}

TEST(m68030, is_faultless_in_every_shape) {
  for (auto const kind : {m68k::descriptor::short_4, m68k::descriptor::long_8})
    for (u8 ps = 8; ps <= 15; ++ps)
      for (u8 is = 0; is <= 12; ++is)
        for (u8 a = 2; a <= 15 && ps + is + a <= 32; ++a) {
          u8 const rest = static_cast<u8>(32 - ps - is - a);
          for (u8 b = rest == 0 ? 0 : 1; b <= rest && b <= 15; ++b) {
            u8 const left = static_cast<u8>(rest - b), c = static_cast<u8>(left > 1 ? left / 2 : left);
            if ((b == 0 && left != 0) || left - c > 15) continue;
            m68k::options_030 const o{.page_lg2 = ps, .ignored = is, .index_bits = {a, b, c, static_cast<u8>(left - c)},
                                      .kind = kind};
            auto const f = m68k::tables_030(o);
            ASSERT_STREQ(text(check_shape(f).what), text(rule::kept))
                << unsigned{ps} << ' ' << unsigned{is} << ' ' << unsigned{a} << ' ' << unsigned{b};
          }
        }
  for (auto const *f : {&m68030_short, &m68030_long, &flat, &fine}) EXPECT_TRUE(is_faultless(*f));
}

TEST(m68030, is_walked) {
  machine m{m68030_short};
  m.memory.clear({0x110000}, 0x30000);
  m.put(3, 0x100000, 0x3B, 0x110002).put(3, 0x100000, 0x3C, 0x12000001).put(3, 0x100000, 0x3D, 0x110006);
  m.put(2, 0x110000, 0x15, 0x120102).put(2, 0x110000, 0x16, 0x12340019).put(2, 0x110000, 0x17, 0x120003);
  m.put(1, 0x120100, 3, 0x12345019).put(1, 0x120100, 4, 0x130006).put(0, 0x130004, 0, 0x54321041);
  EXPECT_EQ(m.said(0x76543210), "12345210 rwx/rwx PMA 2^12");
  EXPECT_EQ(m.said(0x76544210), "54321210 rwx/rwx UC 2^12");
  EXPECT_EQ(m.said(0x7658ABCD), "1234abcd rwx/rwx PMA 2^18");
  EXPECT_EQ(m.said(0x79ABCDEF), "13abcdef rwx/rwx PMA 2^25");
  EXPECT_EQ(m.said(0x765C0000), "reserved at level 2");
  EXPECT_EQ(m.said(0x7A543210), "12345210 r-x/r-x PMA 2^12");
  EXPECT_EQ(m.said(0), "absent at level 3");
}

TEST(m68030, finds_no_slot_beyond_a_limit) {
  machine m{m68030_long};
  m.memory.clear({0x110000}, 0x30000);
  // Root: slot 0 limits the next table to 0..3, slot 1 to 4.., slot 2 not at all, slot 3 to none (upper limit 0 is
  // slot 0).
  m.put(3, 0x100000, 0, 0x0003FC0300110000).put(3, 0x100000, 1, 0x8004FC0300110000);
  m.put(3, 0x100000, 2, 0x8000FC0300110000).put(3, 0x100000, 3, 0x0000FC0300110000);
  for (u64 i = 0; i < 128; ++i) m.put(2, 0x110000, i, 0x7FFFFC0112340000);
  auto const at = [](u64 a, u64 b) { return a << 25 | b << 18; };
  auto const block = "12340000 rwx/rwx PMA 2^18", nothing = "absent at level 2";
  EXPECT_EQ(m.said(at(0, 3)), block);
  EXPECT_EQ(m.said(at(0, 4)), nothing);
  EXPECT_EQ(m.said(at(1, 4)), block);
  EXPECT_EQ(m.said(at(1, 3)), nothing);
  EXPECT_EQ(m.said(at(2, 0)), block);
  EXPECT_EQ(m.said(at(2, 127)), block);
  EXPECT_EQ(m.said(at(3, 0)), block);
  EXPECT_EQ(m.said(at(3, 1)), nothing);
  auto const refused = m.space.unmap({{at(0, 0)}, {at(0, 4) - 1}}, m.owed);
  ASSERT_FALSE(refused);
  EXPECT_STREQ(text(refused.error().why), text(error_reason::irregular_table));
}

TEST(m68030, tells_which_part_of_an_early_page_is_mapped) {
  using m68k::within_limit;
  // In table B the next index is C, 17:12.
  EXPECT_TRUE(within_limit(m68030_long, 2, 0x7FFFFC0112340000, 0xFFFFFFFF));
  EXPECT_TRUE(within_limit(m68030_long, 2, 0x0005FC0112340000, 0x00005FFF));
  EXPECT_FALSE(within_limit(m68030_long, 2, 0x0005FC0112340000, 0x00006000));
  EXPECT_FALSE(within_limit(m68030_long, 2, 0x8006FC0112340000, 0x00005FFF));
  EXPECT_TRUE(within_limit(m68030_long, 2, 0x8006FC0112340000, 0x00006000));
  EXPECT_TRUE(within_limit(m68030_long, 1, 0x0000FC0112345000, 0x00006000)) << "a page of the last table";
}

TEST(m68030, is_built) {
  auto const rwx = dirty(all, mt::pma);
  builds(m68030_short, {0x1FC0000, 256 * K + 68 * K, 0x40000000, rwx, no_write, mt::uc, {{0, 18}, {256 * K, 12}}});
  builds(m68030_long, {0x1FC0000, 256 * K + 68 * K, 0x40000000, dirty(kernel, mt::uc), all, mt::pma,
                       {{0, 18}, {256 * K, 12}}});
  builds(coarse, {0x2000000, 32 * M + M + 8 * K, 0x40000000, rwx, no_write, mt::uc,
                  {{0, 25}, {32 * M, 20}, {33 * M, 13}}});
  builds(flat, {0x0100000, M + 72 * K, 0x40000000, rwx, no_write, mt::uc, {{0, 20}, {M, 13}}});
  builds(fine, {0x40000, 16 * K + 1024, 0x40000000, rwx, kernel, mt::uc, {{0, 14}, {16 * K, 8}}});
}

TEST(m68030_registers, decode_the_translation_control_register) {
  using m68k::bad_control, m68k::options_of;
  // Linux: E, SRE, PS 12, IS 0, 7 7 6 0.
  auto const linux_tc = options_of(0x82C07760);
  ASSERT_TRUE(linux_tc);
  EXPECT_EQ(linux_tc->page_lg2, 12);
  EXPECT_EQ(linux_tc->ignored, 0);
  EXPECT_EQ(m68k::tables_030(*linux_tc).depth, 4u);
  for (unsigned n = 0; n < 4; ++n) EXPECT_EQ(linux_tc->index_bits[n], m68k::options_030{}.index_bits[n]) << n;
  EXPECT_TRUE(m68k::has_supervisor_root(0x82C07760));
  EXPECT_FALSE(m68k::looks_up_function_codes(0x82C07760));
  EXPECT_TRUE(m68k::looks_up_function_codes(0x81C07760));
  // PS 13, IS 4, 8 7, and a TID that is ignored behind a zero.
  auto const two = options_of(0x80D48703);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->ignored, 4);
  EXPECT_EQ(two->index_bits[3], 0);
  EXPECT_EQ(m68k::tables_030(*two).depth, 3u);
  EXPECT_EQ(options_of(0x02C07760).error(), bad_control::disabled);
  EXPECT_EQ(options_of(0x82707760).error(), bad_control::page_size);
  EXPECT_EQ(options_of(0x82C00000).error(), bad_control::no_first_index);
  EXPECT_EQ(options_of(0x80FF1000).error(), bad_control::no_first_index) << "TIA 1 takes a TIB";
  EXPECT_EQ(options_of(0x82C07750).error(), bad_control::bits_do_not_add_up);
}

TEST(m68030_registers, decode_root_pointers) {
  using leads = m68k::root_pointer::leads;
  // Linux's: no limit, short descriptors: 80000002.
  auto const open = m68k::root_of(0x8000000212345670);
  EXPECT_EQ(open.where, leads::to_short);
  EXPECT_EQ(open.table.value, 0x12345670u);
  EXPECT_TRUE(m68k::is_within(open, {}, 0xFFFFFFFF));
  auto const upto = m68k::root_of(0x003B000312345670);
  EXPECT_EQ(upto.where, leads::to_long);
  EXPECT_EQ(upto.limit, 0x3Bu);
  EXPECT_TRUE(m68k::is_within(upto, {}, 0x77FFFFFF));
  EXPECT_FALSE(m68k::is_within(upto, {}, 0x78000000));
  auto const from = m68k::root_of(0x803B000112345670);
  EXPECT_EQ(from.where, leads::offset);
  EXPECT_FALSE(m68k::is_within(from, {}, 0x75FFFFFF));
  EXPECT_TRUE(m68k::is_within(from, {}, 0x76000000));
  EXPECT_TRUE(m68k::is_within(from, {.page_lg2 = 12, .ignored = 4, .index_bits = {7, 9, 0, 0}}, 0xF7600000));
  EXPECT_FALSE(m68k::is_within(from, {.page_lg2 = 12, .ignored = 4, .index_bits = {7, 9, 0, 0}}, 0xF75FFFFF));
  EXPECT_EQ(m68k::root_of(0).where, leads::nowhere);
}

}  // namespace
