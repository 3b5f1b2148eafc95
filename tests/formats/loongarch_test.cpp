// SPDX-License-Identifier: MIT
// LoongArch64: golden entries worked out from the bit positions of volume 1, 5.4.2 to 5.4.5.
//
//   V 1 | D 2 | PLV 3:2 (PLV 3: C) | MAT 5:4 (cached 10, weakly ordered 20) | G 40, of a huge page 1000, whose H is 40
//   P 80 | W 100 | software 11:9 | NR 2000.. | NX 4000.. | RPLV 8000..
#include <pagewright/formats/loongarch.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::loongarch;
using golden::both_ways, golden::builds, golden::decodes, golden::is_faultless, golden::is_table, golden::kind_at,
    golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto walked = tables(four_level_4k, {.hardware_walker = true});
constexpr auto spaced = tables({{{12, 9}, {21, 9}, {30, 9}, {39, 9}}, 4});
// As Linux does it: empty slots hold the direct map's addresses of tables of invalid entries.
constexpr auto filled = tables(four_level_4k, {.empty = {0x9000000000010000, 0x9000000000011000, 0x9000000000012000}});

static_assert(is_sound<pages_4k>() && is_sound<pages_4k_39>() && is_sound<pages_16k>() && is_sound<pages_16k_high>());
static_assert(is_sound<pages_64k>() && is_sound<walked>() && is_sound<spaced>() && is_sound<filled>());

constexpr auto plain(rights r, mt t = mt::wb, bool global = false, u64 software = 0) -> attributes {
  return {.allow = r, .type = t, .global = global, .accessed = false, .dirty = false, .software = software};
}

TEST(loongarch, reads_and_writes_pages) {
  auto const page = [](attributes const &a) { return golden::leaf{0, "page", 0x12345000, 12, a}; };
  // V D W P MAT G = 1D3, NX.
  EXPECT_TRUE(both_ways(pages_4k, 0x40000000123451D3, page(plain(kernel_rw, mt::wb, true))));
  EXPECT_TRUE(both_ways(pages_4k, 0x0000000012345193, page(plain(kernel_rwx))));
  EXPECT_TRUE(both_ways(pages_4k, 0x0000000012345091, page(plain(kernel_rx))));
  EXPECT_TRUE(both_ways(pages_4k, 0x000000001234519F, page(plain(all))));
  EXPECT_TRUE(both_ways(pages_4k, 0x400000001234509D, page(plain(readers))));
  EXPECT_TRUE(both_ways(pages_4k, 0x000000001234509D, page(plain(readers | executes))));
  EXPECT_TRUE(both_ways(pages_4k, 0x4000000012345183, page(plain(kernel_rw, mt::uc))));  // MAT 0
  EXPECT_TRUE(both_ways(pages_4k, 0x40000000123451A3, page(plain(kernel_rw, mt::wc))));  // MAT 2
  EXPECT_TRUE(both_ways(pages_4k, 0x600000001234519F, page(plain(writers))));            // NR NX
  EXPECT_TRUE(both_ways(pages_4k, 0x200000001234509D, page(plain(executes))));           // NR
  // RPLV: the user's alone. With PLV 0, NR, NX and without D it is nobody's.
  EXPECT_TRUE(both_ways(pages_4k, 0xC00000001234519F, page(plain(user_read | user_write))));
  EXPECT_TRUE(both_ways(pages_4k, 0xE000000012345091, page(plain(none))));
  // 9 is Linux's "modified".
  EXPECT_TRUE(both_ways(pages_4k, 0x40000000123453D3, page(plain(kernel_rw, mt::wb, true, 0x200))));
  EXPECT_TRUE(both_ways(pages_4k, 0x4000FFFFFFFFF1D3, {0, "page", 0xFFFFFFFFF000, 12, plain(kernel_rw, mt::wb, true)}));
  EXPECT_TRUE(both_ways(pages_16k, 0x40000000123441D3, {0, "page", 0x12344000, 14, plain(kernel_rw, mt::wb, true)}));
  EXPECT_TRUE(both_ways(pages_64k, 0x40000000123401D3, {0, "page", 0x12340000, 16, plain(kernel_rw, mt::wb, true)}));
}

TEST(loongarch, reads_what_it_does_not_write) {
  auto const page = [](attributes const &a) { return golden::leaf{0, "page", 0x12345000, 12, a}; };
  EXPECT_TRUE(decodes(pages_4k, 0x0000000012345095, page(plain(kernel_rx)))) << "PLV 1 counts as the kernel";
  EXPECT_TRUE(decodes(pages_4k, 0x0000000012345099, page(plain(kernel_rx)))) << "PLV 2";
  EXPECT_TRUE(decodes(pages_4k, 0x8000000012345095, page(plain(none)))) << "PLV 1 and no other";
  EXPECT_TRUE(decodes(pages_4k, 0x8000000012345099, page(plain(none)))) << "PLV 2 and no other";
  EXPECT_TRUE(decodes(pages_4k, 0x8000000012345091, page(plain(kernel_rx)))) << "PLV 0 and no other";
  EXPECT_TRUE(decodes(pages_4k, 0x4000000012345191, page(plain(kernel_ro)))) << "W without D";
  EXPECT_TRUE(decodes(pages_4k, 0x0000000012345011, page(plain(kernel_rx)))) << "V without P";
  EXPECT_TRUE(decodes(pages_4k, 0x00000000123450B1, page(plain(kernel_rx, mt::reserved)))) << "MAT 3";
  EXPECT_TRUE(decodes(pages_4k, 0x1001000012345091, page(plain(kernel_rx, mt::wb, false, 0x1001000000000000))))
      << "bits from PALEN on are ignored";
  EXPECT_TRUE(decodes(pages_16k, 0x0000000012347091, {0, "page", 0x12344000, 14, plain(kernel_rx)}))
      << "as are those below the page's size";
}

TEST(loongarch, moves_the_global_bit_where_the_huge_bit_is) {
  auto const global = plain(kernel_rw, mt::wb, true);
  EXPECT_TRUE(both_ways(pages_4k, 0x40000000124011D3, {1, "huge page", 0x12400000, 21, global}));
  EXPECT_TRUE(both_ways(pages_4k, 0x40000000124001D3, {1, "huge page", 0x12400000, 21, plain(kernel_rw)}));
  EXPECT_TRUE(both_ways(pages_4k, 0x40000000C00011D3, {2, "huge page", 0xC0000000, 30, global}));
  EXPECT_TRUE(both_ways(pages_16k, 0x40000000120001D3, {1, "huge page", 0x12000000, 25, plain(kernel_rw)}));
  EXPECT_TRUE(both_ways(pages_64k, 0x40000000200001D3, {1, "huge page", 0x20000000, 29, plain(kernel_rw)}));
  EXPECT_TRUE(decodes(pages_4k, 0x40000000125FE1D3, {1, "huge page", 0x12400000, 21, plain(kernel_rw)}))
      << "address bits below the size are ignored";
}

TEST(loongarch, has_directories_without_a_present_bit) {
  EXPECT_TRUE(is_table(pages_4k, 1, 0x12345000, 0x12345000, all));
  EXPECT_TRUE(is_table(pages_4k, 3, 0x9000000012345000, 0x12345000, all)) << "as Linux writes it";
  EXPECT_TRUE(is_table(pages_4k, 2, 0x12345F81, 0x12345000, all)) << "V means nothing here";
  EXPECT_EQ(encode_table(dynamic{&pages_4k}, 1u, {0x12345000}), 0x12345000u);
  EXPECT_EQ(kind_at(pages_4k, 1, 0), "absent");
  EXPECT_EQ(kind_at(pages_4k, 0, 0x0000000012345092), "absent") << "V is clear, whatever else is set";
  EXPECT_EQ(kind_at(pages_4k, 1, 0x40000000124011D2), "reserved") << "a huge page that is not valid";
  EXPECT_EQ(kind_at(pages_4k, 3, 0x40000000000001D3), "reserved") << "halves of 512 Gbytes do not fit the TLB";
  EXPECT_EQ(kind_at(pages_16k, 2, 0x40000000000001D3), "reserved") << "nor do those of 64 Gbytes";
  EXPECT_EQ(rejected_bits(pages_4k, 0, 0x0000000012345091), 0u);
  EXPECT_EQ(rejected_bits(pages_4k, 1, 0x40000000124011D3), 0u);
}

TEST(loongarch, follows_p_and_w_where_hardware_walks) {
  auto const page = [](rights r, bool accessed, bool dirty) {
    return golden::leaf{0, "page", 0x12345000, 12, {.allow = r, .accessed = accessed, .dirty = dirty}};
  };
  EXPECT_TRUE(both_ways(walked, 0x000000001234519F, page(all, true, true)));    // W P MAT PLV D V
  EXPECT_TRUE(both_ways(walked, 0x000000001234519D, page(all, true, false)));   // not D
  EXPECT_TRUE(both_ways(walked, 0x000000001234519C, page(all, false, false)));  // nor V
  EXPECT_TRUE(both_ways(walked, 0x400000001234509D, page(readers, true, false)));
  EXPECT_EQ(kind_at(walked, 0, 0x000000001234511F), "absent") << "V without P";
  EXPECT_TRUE(decodes(walked, 0x000000001234509F, page(readers | executes, true, true))) << "D without W";
  dynamic const h{&walked};
  EXPECT_EQ(duty_of(h, 0u, 0x000000001234519C, 0x000000001234519F), duty::publish) << "marks that hardware makes too";
}

TEST(loongarch, names_every_bit_whatever_the_shape) {
  for (auto const &s : {four_level_4k, three_level_4k, three_level_16k, three_level_64k})
    for (unsigned const bits : {36u, 40u, 48u, 60u})
      for (auto const space : {half::both, half::lower, half::upper})
        for (u32 const sizes : {0x3ffff000u, 0x00001000u, 0xffffffffu})
          EXPECT_TRUE(is_faultless(tables(s, {.physical_bits = bits, .space = space, .page_sizes = sizes})))
              << bits << ", " << std::hex << sizes;
  EXPECT_TRUE(is_faultless(walked) && is_faultless(spaced) && is_faultless(filled));
  EXPECT_EQ(check(tables({{{12, 36}}, 3})).what, rule::index_ranges) << "more than 32 index bits";
  EXPECT_TRUE(is_faultless(tables({{{12, 4}, {16, 7}, {23, 9}, {32, 8}, {40, 8}}, 3}))) << "small tables";
  EXPECT_TRUE(is_faultless(tables({{{12, 9}}, 5}))) << "a page table alone";
}

TEST(loongarch, caches_entries_that_are_not_valid) {
  dynamic const h{&pages_4k};
  EXPECT_EQ(duty_of(h, 0u, 0, 0x40000000123451D3), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0x40000000123451D3, 0), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0x40000000123451D3, 0x40000000123450D1), duty::invalidate);
  EXPECT_EQ(duty_of(h, 0u, 0x40000000123451D3, 0x40000000123453D3), duty::none);  // software
}

TEST(loongarch, is_walked) {
  // Dir3 at 100000: slots 0 and 511 lead to Dir2 at 110000, that to Dir1 at 111000 and the page table at 112000.
  golden::machine t{pages_4k};
  t.memory.clear({0x110000}, 0x3000);
  t.put(3, 0x100000, 0, 0x9000000000110000).put(3, 0x100000, 511, 0x110000);
  t.put(2, 0x110000, 0, 0x111000).put(2, 0x110000, 1, 0x40000000C00011D3).put(2, 0x110000, 2, 0x40000000C00011D2);
  t.put(1, 0x111000, 0, 0x112000).put(1, 0x111000, 1, 0x40000000124011E3).put(1, 0x111000, 3, 0x80000);
  t.put(0, 0x112000, 5, 0x40000000123451D3).put(0, 0x112000, 6, 0xC00000001234619F).put(0, 0x112000, 7, 0x12345092);
  EXPECT_EQ(t.said(0x5123), "12345123 rw-/--- WB 2^12");
  EXPECT_EQ(t.said(0x6FFF), "12346fff ---/rw- WB 2^12");
  EXPECT_EQ(t.said(0x7000), "absent at level 0");
  EXPECT_EQ(t.said(0x8000), "absent at level 0");
  EXPECT_EQ(t.said(0x212345), "12412345 rw-/--- WC 2^21");
  EXPECT_EQ(t.said(0x400000), "absent at level 1");
  EXPECT_EQ(t.said(0x600000), "unreadable at level 0");
  EXPECT_EQ(t.said(0x41234567), "c1234567 rw-/--- WB 2^30");
  EXPECT_EQ(t.said(0x80000000), "reserved at level 2");
  EXPECT_EQ(t.said(0x8000000000), "absent at level 3");
  EXPECT_EQ(t.said(0xFFFFFF8000005123), "12345123 rw-/--- WB 2^12");
  EXPECT_EQ(t.said(0x0000800000000000), "outside the input range at level 3");
}

TEST(loongarch, has_wider_slots_where_pwcl_says_so) {
  EXPECT_EQ(table_lg2(dynamic{&spaced}, 0u), 13u);
  golden::machine t{spaced};
  t.memory.clear({0x110000}, 0x6000);
  t.put(3, 0x100000, 0, 0x110000).put(2, 0x110000, 0, 0x112000).put(1, 0x112000, 0, 0x114000);
  t.memory.store({0x114000 + 5 * 16}, spaced.word(), 0x40000000123451D3);
  EXPECT_EQ(t.said(0x5123), "12345123 rw-/--- WB 2^12");
}

TEST(loongarch, leaves_the_tables_of_software_in_empty_slots) {
  EXPECT_EQ(kind_at(filled, 1, 0x9000000000010000), "absent");
  EXPECT_EQ(kind_at(filled, 1, 0x10000), "absent") << "the upper bits are ignored";
  EXPECT_EQ(kind_at(filled, 1, 0x9000000000011000), "table");
  EXPECT_EQ(kind_at(filled, 2, 0x9000000000011000), "absent");
  EXPECT_EQ(kind_at(filled, 1, 0), "table") << "hardware follows zero to address 0";
  EXPECT_EQ(kind_at(filled, 0, 0), "absent");

  golden::machine m{filled};
  make_empty(m.h, m.h.top(), m.top.table, m.memory);
  auto const root = [&](u64 i) { return *m.memory.load(slot_address(m.h, 3u, m.top.table, i), filled.word()); };
  for (u64 i = 0; i < 512; ++i) ASSERT_EQ(root(i), 0x9000000000012000u) << i;
  EXPECT_EQ(m.said(0x5000), "absent at level 3");
  auto const bare = m.picture();
  ASSERT_TRUE(m.map(0x5000, 0x1000, 0x12345000, plain(kernel_rw)));
  EXPECT_EQ(m.said(0x5123), "12345123 rw-/--- WB 2^12");
  EXPECT_EQ(m.said(0x6000), "absent at level 0");
  EXPECT_EQ(m.said(0x200000), "absent at level 1");
  EXPECT_EQ(m.said(0x40000000), "absent at level 2");
  EXPECT_EQ(root(1), 0x9000000000012000u);
  ASSERT_TRUE(m.unmap(0x5000, 0x1000));
  EXPECT_EQ(m.picture(), bare);
}

TEST(loongarch, is_built) {
  std::vector<std::pair<u64, unsigned>> const sizes{{0x2000, 21}, {0, 12}, {0x402000, 12}};
  builds(pages_4k, {0x1FE000, 0x405000, 0x12345FE000, plain(all), user_ro, mt::wc, sizes});
  builds(pages_4k, {0xFFFF8000001FE000, 0x405000, 0x12345FE000, plain(kernel_rw, mt::wb, true), kernel_rx, mt::uc,
                    sizes});
  builds(pages_4k_39, {0x1FE000, 0x405000, 0x12345FE000, plain(user), user_read, mt::uc, sizes});
  builds(walked, {0x1FE000, 0x405000, 0x12345FE000, {.allow = user_rw}, user_ro, mt::wc, sizes});
  builds(spaced, {0x1FE000, 0x405000, 0x12345FE000, plain(all), user_ro, mt::wc, sizes});
  std::vector<std::pair<u64, unsigned>> const large{{0x8000, 25}, {0, 14}, {0x2008000, 14}};
  builds(pages_16k, {0x1FF8000, 0x200C000, 0x41FF8000, plain(all), user_ro, mt::wc, large});
  builds(pages_16k_high, {0xFFFF800001FF8000, 0x200C000, 0x41FF8000, plain(kernel_rw), kernel_ro, mt::wc, large});
}

TEST(loongarch_registers, describe_the_shape) {
  // PTbase 12 | PTwidth 9 << 5 (120) | 21 << 10 (5400) | 9 << 15 (48000) | 30 << 20 | 9 << 25; 39 | 9 << 6 (240).
  EXPECT_EQ(shape_of(0x13E4D52C, 0x267), four_level_4k);
  // 14 | 11 << 5 (160) | 25 << 10 (6400) | 11 << 15 (58000); 36 | 11 << 6 (2C0); the walker's bit 24.
  EXPECT_EQ(shape_of(0x0005E56E, 0x2E4), three_level_16k);
  EXPECT_EQ(shape_of(0x0005E56E, 0x10002E4), three_level_16k);
  EXPECT_TRUE(walks_in_hardware(0x10002E4));
  EXPECT_FALSE(walks_in_hardware(0x2E4));
  // Dir4 at 48, 9 bits: 48 << 12 (30000) | 9 << 18 (240000).
  EXPECT_EQ(shape_of(0x13E4D52C, 0x270267)->levels[4], (index_range{48, 9}));
  EXPECT_EQ(shape_of(0x53E4D52C, 0x267)->slot_lg2, 4u);
  EXPECT_EQ(shape_of(0xD3E4D52C, 0x267)->slot_lg2, 5u);
  EXPECT_EQ(shape_of(0x93E4D52C, 0x267).error(), no_shape::slot_distance);
  EXPECT_EQ(shape_of(0, 0x267).error(), no_shape::no_page_table);
  EXPECT_EQ(shape_of(0x13E4D52B, 0x267).error(), no_shape::no_page_table);
  EXPECT_EQ(shape_of(0x13E4D52C, 0x266).error(), no_shape::not_adjoining);
  EXPECT_EQ(shape_of(0x13E4D52C, 0x267 | 63u << 6).error(), no_shape::too_wide);
}

TEST(loongarch_registers, lead_to_a_tree_for_each_half) {
  auto const low = place_of(pages_4k, 48, 0x12345FFF, 0x23456000, {0x7FFF00005123});
  EXPECT_EQ(low->table.value, 0x12345000u);
  EXPECT_EQ(low->at.value, 0x7FFF00005123u);
  auto const high = place_of(pages_4k, 48, 0x12345000, 0x23456000, {0xFFFF800000005123});
  EXPECT_EQ(high->table.value, 0x23456000u);
  EXPECT_EQ(high->at.value, 0xFFFF800000005123u);
  // 39 index bits: what lies between them and VALEN is not looked at.
  EXPECT_EQ(place_of(pages_4k_39, 48, 0x12345000, 0x23456000, {0xFFFF800000005123})->at.value, 0x5123u);
  EXPECT_EQ(place_of(pages_4k_39, 48, 0x12345000, 0x23456000, {0x008000005123})->at.value, 0x5123u);
  EXPECT_EQ(place_of(pages_16k_high, 48, 0x12345000, 0x23456000, {0xFFFF800000005123})->at.value, 0xFFFF800000005123u);
  EXPECT_FALSE(place_of(pages_4k, 48, 0x12345000, 0x23456000, {0x0000800000000000}));
  EXPECT_FALSE(place_of(pages_4k, 48, 0x12345000, 0x23456000, {0xFFFF000000000000}));
}

}  // namespace
