// SPDX-License-Identifier: MIT
// SMMUv3: what stream table entries and context descriptors select, worked out from their field positions, and golden
// entries of what they lead to (see arm64_test.cpp and arm64_regimes_test.cpp for more of those).
#include <pagewright/formats/smmuv3.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::smmuv3;
using arm64::granule, arm64::half;
using golden::both_ways, golden::builds, golden::is_table;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto read_write = readers | writers;
constexpr u64 v = 1, first_only = 5 << 1, second_only = 6 << 1, nested = 7 << 1;

// V bit 31 | AA64 41 | T0SZ 16 | TG0 4K | EPD1 30 | IPS 5 at 34:32 (48 bits) | HA 43 | ASID 1234 at 63:48.
constexpr u64 cd0 = bit(31) | bit(41) | 16 | bit(30) | u64{5} << 32 | bit(43) | u64{0x1234} << 48;
constexpr context_descriptor cd{{cd0, 0x12345000, 0, arm64::default_mair}};
constexpr stream_entry one{{v | first_only}}, hyp{{v | first_only, u64{2} << 30}};

// S2VMID 42 | S2VTCR at 50:32: T0SZ 24 (40 bits), SL0 1 at 7:6 (level 1), TG 4K, PS 5 at 18:16 | AA64 51 | S2HA 56.
constexpr u64 ste2 = 0x42 | (u64{24} | 1 << 6 | 5 << 16) << 32 | bit(51) | bit(56);
constexpr stream_entry two{{v | second_only, 0, ste2, 0x12346000}};

constexpr auto s1     = format_of(*first_stage_of(one, cd));
constexpr auto s1_el2 = format_of(*first_stage_of(hyp, cd));
constexpr auto s1_be  = format_of(*first_stage_of(one, {{cd0 | bit(15), 0x12345000, 0, arm64::default_mair}}));
constexpr auto s2     = format_of(*second_stage_of(two));

static_assert(is_sound<s1>() && is_sound<s1_el2>() && is_sound<s1_be>() && is_sound<s2>());

TEST(smmuv3, knows_the_stages_of_a_stream) {
  EXPECT_EQ(stages_of({{0x0}}).error(), no_tables::not_valid);
  EXPECT_EQ(stages_of({{v}}).error(), no_tables::aborted);
  EXPECT_EQ(stages_of({{v | 4 << 1}}).error(), no_tables::bypassed);
  EXPECT_EQ(stages_of({{v | 2 << 1}}).error(), no_tables::reserved_config);
  EXPECT_TRUE(stages_of(one)->first && !stages_of(one)->second);
  EXPECT_TRUE(!stages_of(two)->first && stages_of(two)->second);
  EXPECT_TRUE(stages_of({{v | nested}})->first && stages_of({{v | nested}})->second);
  EXPECT_EQ(first_stage_of(two, cd).error(), no_tables::not_selected);
  EXPECT_EQ(second_stage_of(one).error(), no_tables::not_selected);
}

TEST(smmuv3, finds_the_context_descriptors) {
  // S1Fmt 5:4, pointer 51:6, S1CDMax 63:59.
  auto const linear = contexts_of({{v | first_only | 0x12345680 | u64{8} << 59}});
  ASSERT_TRUE(linear);
  EXPECT_EQ(linear->table.value, 0x12345680u);
  EXPECT_EQ(linear->entries_lg2, 8u);
  EXPECT_EQ(linear->leaf_lg2, 0u);
  EXPECT_EQ(contexts_of({{v | first_only | 2 << 4 | 0x12345680}})->leaf_lg2, 16u);
  EXPECT_EQ(contexts_of({{v | first_only | 1 << 4 | 0x12345680}})->leaf_lg2, 12u);
  EXPECT_FALSE(contexts_of({{v | first_only | 3 << 4 | 0x12345680}}));
}

TEST(smmuv3, takes_stage_1_from_a_context_descriptor) {
  auto const found = first_stage_of(one, cd, half::lower, 2);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->options.page, granule::k4);
  EXPECT_EQ(found->options.input_bits, 48u);
  EXPECT_EQ(found->options.output_bits, 48u);
  EXPECT_TRUE(found->options.hardware_accessed && !found->options.hardware_dirty && !found->options.top_byte_ignored);
  EXPECT_EQ(found->options.bbm, 2u);
  EXPECT_EQ(found->options.of, arm64::regime::el1_0);
  EXPECT_EQ(found->table.value, 0x12345000u);
  EXPECT_EQ(found->asid, 0x1234);
  EXPECT_EQ(found->order, byte_order::little);
  EXPECT_EQ(first_stage_of(hyp, cd)->options.of, arm64::regime::el2);
  EXPECT_EQ(s1_be.order, byte_order::big);
  // 64K granule (TG0 1), 52 bits out (IPS 6): LPA. T0SZ 12: 52 bits in, 1024 entries: aligned to 8 Kbytes. HD 42,
  // TBI0 38.
  context_descriptor const wide{{bit(31) | bit(41) | 12 | 1 << 6 | u64{6} << 32 | bit(43) | bit(42) | bit(38),
      0xF123456786000}};
  auto const lpa = first_stage_of(one, wide);
  ASSERT_TRUE(lpa);
  EXPECT_TRUE(lpa->options.wide && lpa->options.hardware_dirty && lpa->options.top_byte_ignored);
  EXPECT_EQ(lpa->options.page, granule::k64);
  EXPECT_EQ(lpa->options.output_bits, 52u);
  EXPECT_EQ(golden::hex(lpa->table.value), "0xf123456786000");
}

TEST(smmuv3, takes_the_upper_half_from_the_upper_fields) {
  // T1SZ 25 at 21:16 (39 bits), TG1 2 at 23:22 (4K), TTB1 in word 2.
  context_descriptor const upper{{bit(31) | bit(41) | 16 | 25 << 16 | 2 << 22 | u64{5} << 32, 0x1000, 0x12347000}};
  auto const found = first_stage_of(one, upper, half::upper);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->options.page, granule::k4);
  EXPECT_EQ(found->options.input_bits, 39u);
  EXPECT_EQ(found->table.value, 0x12347000u);
  EXPECT_EQ(format_of(*found).upper, extent::ones);
  EXPECT_TRUE(format_of(*found).unaccessed_faults) << "HA is clear";
  EXPECT_EQ(first_stage_of(one, cd, half::upper).error(), no_tables::walks_disabled) << "EPD1";
}

TEST(smmuv3, refuses_descriptors_that_select_nothing) {
  auto const why = [](u64 word, stream_entry const &ste = one) { return first_stage_of(ste, {{word,
      0x12345000}}).error(); };
  EXPECT_EQ(why(cd0 & ~bit(31)), no_tables::not_valid);
  EXPECT_EQ(why(cd0 & ~bit(41)), no_tables::not_aarch64);
  EXPECT_EQ(why(cd0 | bit(14)), no_tables::walks_disabled);
  EXPECT_EQ(why(cd0 | 3 << 6), no_tables::granule_reserved);
  EXPECT_EQ(why((cd0 & ~u64{0x3F}) | 12), no_tables::size_out_of_range) << "52 bits with 4K";
  EXPECT_EQ(why((cd0 & ~u64{0x3F}) | 49), no_tables::size_out_of_range) << "15 bits";
  EXPECT_EQ(why(cd0, {{v | first_only, u64{3} << 30}}), no_tables::reserved_world);
  EXPECT_EQ(second_stage_of({{v | second_only, 0, ste2 & ~bit(51), 0}}).error(), no_tables::not_aarch64);
  EXPECT_EQ(second_stage_of({{v | second_only, 0, ste2 | u64{3} << 46, 0}}).error(), no_tables::granule_reserved);
}

TEST(smmuv3, takes_stage_2_from_a_stream_entry) {
  auto const found = second_stage_of(two);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->options.input_bits, 40u);
  EXPECT_TRUE(found->options.concatenated && found->options.hardware_accessed && !found->options.hardware_dirty);
  EXPECT_EQ(found->table.value, 0x12346000u);
  EXPECT_EQ(found->vmid, 0x42);
  EXPECT_EQ(s2.depth, 3);
  EXPECT_EQ(s2.levels[2].index_bits, 10);  // two tables side by side
}

TEST(smmuv3, starts_stage_2_where_it_is_told_to) {
  // S2SL0 with 4K: 0 is level 2, 1 is 1, 2 is 0, 3 is 3; otherwise 0 is 3, 1 is 2, 2 is 1. TG 0 4K, 1 64K, 2 16K.
  struct { u64 tg, input, sl0; unsigned depth; } const rows[]{
    {0, 40, 1, 3}, {0, 40, 2, 4}, {0, 48, 2, 4}, {0, 39, 1, 3}, {0, 34, 0, 2}, {0, 34, 1, 3}, {0, 24, 3, 1}, {0,
        24, 0, 2},
    {1, 40, 1, 2}, {1, 44, 1, 2}, {1, 44, 2, 3}, {1, 48, 2, 3}, {2, 40, 1, 2}, {2, 40, 2, 3}, {2, 47, 2, 3},
    // inconsistent:
    {0, 40, 0, 0}, {0, 48, 1, 0}, {0, 30, 1, 0}, {1, 40, 0, 0}, {1, 40, 3, 0}, {2, 47, 1, 0}};
  for (auto const &[tg, input, sl0, depth] : rows) {
    u64 const w     = ((64 - input) | sl0 << 6 | tg << 14 | 5 << 16) << 32 | bit(51) | bit(56);
    auto const found = second_stage_of({{v | second_only, 0, w, 0x12340000}});
    if (depth == 0) {
      ASSERT_FALSE(found) << "TG " << tg << ", " << input << " bits, SL0 " << sl0;
      EXPECT_EQ(found.error(), no_tables::start_level);
    } else {
      ASSERT_TRUE(found) << "TG " << tg << ", " << input << " bits, SL0 " << sl0;
      EXPECT_EQ(format_of(*found).depth, depth) << "TG " << tg << ", " << input << " bits, SL0 " << sl0;
      EXPECT_EQ(format_of(*found).input_bits(), input);
    }
  }
}

TEST(smmuv3, reads_and_writes_stage_1_leaves) {
  // Page 3 | SH 300 | AF 400 = 703; AP[1] 40, AP[2] 80, nG 800, PXN 0020..., UXN 0040...; AttrIndx 1 is 4.
  auto const says = [](rights r, mt t = mt::wb, bool global = false) { return attributes{.allow = r, .type = t,
      .global = global, .dirty = false}; };
  EXPECT_TRUE(both_ways(s1, 0x0060000041234F43, {0, "page", 0x41234000, 12, says(user_rw)}));
  EXPECT_TRUE(both_ways(s1, 0x0060000041234FC3, {0, "page", 0x41234000, 12, says(user_ro)}));
  EXPECT_TRUE(both_ways(s1, 0x0060000041234703, {0, "page", 0x41234000, 12, says(kernel_rw, mt::wb, true)}));
  EXPECT_TRUE(both_ways(s1, 0x0060000009000F47, {0, "page", 0x09000000, 12, says(user_rw, mt::device_ngnre)}));
  EXPECT_TRUE(both_ways(s1, 0x0060000041200F41, {1, "block", 0x41200000, 21, says(user_rw)}));
  EXPECT_TRUE(both_ways(s1, 0x0060000080000F41, {2, "block", 0x80000000, 30, says(user_rw)}));
  EXPECT_TRUE(both_ways(s1, 0x0070000041230F43, {0, "contiguous page", 0x41230000, 16, says(user_rw)}));
  EXPECT_TRUE(both_ways(s1_be, 0x0060000041234F43, {0, "page", 0x41234000, 12, says(user_rw)}));
  EXPECT_TRUE(both_ways(s1_el2, 0x0040000041234743, {0, "page", 0x41234000, 12, says(read_write)}));  // AP[1] RES1, XN
  EXPECT_TRUE(both_ways(s1_el2, 0x00400000412347C3, {0, "page", 0x41234000, 12, says(readers)}));
  EXPECT_TRUE(is_table(s1, 3, 0x41A92003, 0x41A92000, all));
}

TEST(smmuv3, reads_and_writes_stage_2_leaves) {
  // Page 3 | MemAttr F (3C) | S2AP read 40, write 80 | SH 300 | AF 400 = 7FF; XN bit 54.
  auto const says = [](rights r, mt t = mt::wb) { return attributes{.allow = r, .type = t, .dirty = false}; };
  EXPECT_TRUE(both_ways(s2, 0x00400000412347FF, {0, "page", 0x41234000, 12, says(read_write)}));
  EXPECT_TRUE(both_ways(s2, 0x004000004123477F, {0, "page", 0x41234000, 12, says(readers)}));
  EXPECT_TRUE(both_ways(s2, 0x00400000412347BF, {0, "page", 0x41234000, 12, says(writers)}));
  EXPECT_TRUE(both_ways(s2, 0x00000000412347FF, {0, "page", 0x41234000, 12, says(all)}));
  EXPECT_TRUE(both_ways(s2, 0x00400000412007FD, {1, "block", 0x41200000, 21, says(read_write)}));
  EXPECT_TRUE(both_ways(s2, 0x00400000400007C5, {2, "block", 0x40000000, 30, says(read_write, mt::device_ngnre)}));
  // MemAttr 5 (14)
  EXPECT_TRUE(both_ways(s2, 0x00400000412347D7, {0, "page", 0x41234000, 12, says(read_write, mt::nc)}));
  EXPECT_TRUE(both_ways(s2, 0x00500000412307FF, {0, "contiguous page", 0x41230000, 16, says(read_write)}));
  EXPECT_TRUE(both_ways(s2, 0x00400000412343FF, {0, "page", 0x41234000, 12,
      {.allow = read_write, .accessed = false, .dirty = false}}));
  EXPECT_TRUE(both_ways(s2, 0x07C00000412347FF,
                        {0, "page", 0x41234000, 12,
                            {.allow = read_write, .dirty = false, .software = 0x0780000000000000}}));
}

TEST(smmuv3, walks_and_builds_both_stages) {
  golden::machine m{s1_be};
  m.memory.clear({0x110000}, 0x30000);
  m.put(3, 0x100000, 0, 0x110003).put(2, 0x110000, 0, 0x120003).put(1, 0x120000, 0, 0x130003)
      .put(1, 0x120000, 1, 0x0060000041200F41);
  m.put(0, 0x130000, 5, 0x0060000041234FC3).put(0, 0x130000, 6, 0x0060000041235FC1);
  EXPECT_EQ(m.cells[7], 0x03) << "big-endian";
  EXPECT_EQ(m.said(0x5123), "41234123 r--/r-- WB 2^12");
  EXPECT_EQ(m.said(0x234567), "41234567 rw-/rw- WB 2^21");
  EXPECT_EQ(m.said(0x6000), "reserved at level 0");  // 01 in the last level
  EXPECT_EQ(m.said(0x7000), "absent at level 0");
  EXPECT_EQ(m.said(0x8000000000), "absent at level 3");
  EXPECT_EQ(m.said(0x1000000000000), "outside the input range at level 3");

  std::vector<std::pair<u64, unsigned>> const sizes{{0, 21}, {0x400000, 16}, {0x410000, 12}};
  builds(s1, {0x200000, 0x411000, 0x1234600000, {.allow = user_rw, .dirty = false}, user_ro, mt::device_ngnre, sizes});
  builds(s1_be, {0x200000, 0x411000, 0x1234600000, {.allow = user_rw, .dirty = false}, user_ro, mt::nc, sizes});
  builds(s2, {0x8000200000, 0x411000, 0x1234600000, {.allow = read_write, .dirty = false}, readers, mt::nc, sizes});
}

TEST(smmuv3, names_every_bit) {
  for (auto const *f : {&s1, &s1_el2, &s1_be, &s2}) EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
