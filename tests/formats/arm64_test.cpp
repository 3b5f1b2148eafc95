// SPDX-License-Identifier: MIT
#include <pagewright/formats/arm64.hpp>

#include "golden.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::arm64;
using golden::both_ways, golden::decodes, golden::encodes, golden::is_table, golden::kind_at;
using enum pagewright::rights;
using mt = memory_type;

static_assert(is_sound<stage1_4k_39_lower>());
static_assert(is_sound<stage1_4k_39_upper>());
static_assert(is_sound<stage1_4k_48_lower>());
static_assert(is_sound<stage1_4k_48_upper>());
static_assert(is_sound<stage1_4k_52_lpa2_lower>());
static_assert(is_sound<stage1_4k_52_lpa2_upper>());
static_assert(is_sound<stage1_16k_47_lower>());
static_assert(is_sound<stage1_16k_47_upper>());
static_assert(is_sound<stage1_16k_48_lower>());
static_assert(is_sound<stage1_16k_48_upper>());
static_assert(is_sound<stage1_16k_52_lpa2_lower>());
static_assert(is_sound<stage1_16k_52_lpa2_upper>());
static_assert(is_sound<stage1_64k_48_lower>());
static_assert(is_sound<stage1_64k_48_upper>());
static_assert(is_sound<stage1_64k_52_lpa_lower>());
static_assert(is_sound<stage1_64k_52_lpa_upper>());

// Without PXN and UXN both sides may execute; without AP[1] EL0 may neither read nor write.
constexpr auto open_to_execution = kernel_rwx | user_execute;

TEST(arm64_4k, reads_and_writes_kernel_data) {
  // Valid page 3 | SH 300 | AF 400 = 703; PXN bit 53, UXN bit 54 = 0060...; nG 0: global.
  EXPECT_TRUE(both_ways(stage1_4k_48_upper, 0x0060000041234703,
                        {0, "page", 0x41234000, 12, {.allow = kernel_rw, .global = true, .dirty = false}}));
}

TEST(arm64_4k, reads_and_writes_kernel_text) {
  // AP[2] 80 makes it read-only; UXN alone is 0040...
  EXPECT_TRUE(both_ways(stage1_4k_48_upper, 0x0040000041234783,
                        {0, "page", 0x41234000, 12, {.allow = kernel_rx, .global = true, .dirty = false}}));
}

TEST(arm64_4k, reads_and_writes_user_text) {
  // AP[1] 40 | AP[2] 80 | SH 300 | AF 400 | nG 800 = FC3; PXN alone is 0020...
  EXPECT_TRUE(both_ways(stage1_4k_48_lower, 0x0020000041234FC3,
                        {0, "page", 0x41234000, 12, {.allow = user_rx, .dirty = false}}));
}

TEST(arm64_4k, reads_and_writes_execute_only_user_text) {
  // AP[1] 0: EL0 cannot read; UXN 0: it can execute.
  EXPECT_TRUE(both_ways(stage1_4k_48_lower, 0x0020000041234F83,
                        {0, "page", 0x41234000, 12, {.allow = kernel_read | user_execute, .dirty = false}}));
}

TEST(arm64_4k, lets_no_kernel_execute_what_the_user_may_write) {
  // PXN 0, UXN 0, AP[2:1] 01.
  EXPECT_TRUE(decodes(stage1_4k_48_lower, 0x0000000041234F43,
                      {0, "page", 0x41234000, 12, {.allow = user_rwx, .dirty = false}}));
  EXPECT_FALSE(encode_rights(dynamic{&stage1_4k_48_lower}, stage1_4k_48_lower.forms[0], user_rw | kernel_execute));
}

TEST(arm64_4k, reads_and_writes_a_device_block) {
  // Block 1 | AttrIndx 1 is 4 | SH 300 | AF 400 = 705; PXN and UXN; 9000000 is 2M aligned.
  EXPECT_TRUE(both_ways(stage1_4k_48_upper, 0x0060000009000705,
                        {1, "block", 0x9000000, 21,
                         {.allow = kernel_rw, .type = mt::device_ngnre, .global = true, .dirty = false}}));
}

TEST(arm64_4k, reads_and_writes_a_1g_block_with_software_bits) {
  // Software 58:55 = F: 0780...
  EXPECT_TRUE(both_ways(stage1_4k_48_upper, 0x07E0000080000701,
                        {2, "block", 0x80000000, 30,
                         {.allow = kernel_rw, .global = true, .dirty = false, .software = 0x0780000000000000}}));
}

TEST(arm64_4k, keeps_track_of_writes_with_dbm) {
  constexpr auto f = stage1({.hardware_dirty = true});
  // DBM bit 51 = 0008...: AP[2] clear is dirty, AP[2] set is writable but clean.
  EXPECT_TRUE(both_ways(f, 0x0068000041234F43, {0, "page", 0x41234000, 12, {.allow = user_rw}}));
  EXPECT_TRUE(both_ways(f, 0x0068000041234FC3, {0, "page", 0x41234000, 12, {.allow = user_rw, .dirty = false}}));
  EXPECT_TRUE(both_ways(f, 0x0060000041234FC3, {0, "page", 0x41234000, 12, {.allow = user_ro, .dirty = false}}));
  // Without HD the clean page is read-only.
  EXPECT_TRUE(decodes(stage1_4k_48_lower, 0x0068000041234FC3,
                      {0, "page", 0x41234000, 12, {.allow = user_ro, .dirty = false}}));
}

TEST(arm64_4k, reads_and_writes_contiguous_groups) {
  // Contiguous bit 52 = 0010...: 16 pages of 64K together, 16 blocks of 32M.
  constexpr golden::leaf pages{0, "contiguous page", 0x41230000, 16,
                               {.allow = kernel_rw, .global = true, .dirty = false}};
  EXPECT_TRUE(decodes(stage1_4k_48_upper, 0x0070000041234703, pages));
  EXPECT_TRUE(encodes(stage1_4k_48_upper, pages, 0x0070000041234703, 0x41234000));
  EXPECT_TRUE(decodes(stage1_4k_48_upper, 0x0070000044200701,
                      {1, "contiguous block", 0x44000000, 25, {.allow = kernel_rw, .global = true, .dirty = false}}));
  constexpr auto plain = stage1({.contiguous = false});
  EXPECT_TRUE(decodes(plain, 0x0070000041234703,
                      {0, "page", 0x41234000, 12, {.allow = kernel_rw, .global = true, .dirty = false}}));
}

TEST(arm64_4k, reads_table_entries_and_what_they_withhold) {
  EXPECT_TRUE(is_table(stage1_4k_48_lower, 2, 0x0000000041A92003, 0x41A92000, all));
  // APTable 62:61 = 11: no EL0 data access, no writes. PXNTable bit 59, UXNTable bit 60.
  EXPECT_TRUE(is_table(stage1_4k_48_lower, 2, 0x6000000041A92003, 0x41A92000, kernel_read | executes));
  EXPECT_TRUE(is_table(stage1_4k_48_lower, 2, 0x0800000041A92003, 0x41A92000, all - kernel_execute));
  EXPECT_TRUE(is_table(stage1_4k_48_lower, 2, 0x1000000041A92003, 0x41A92000, all - user_execute));
  constexpr auto flat = stage1({.no_table_permissions = true});
  EXPECT_TRUE(is_table(flat, 2, 0x7800000041A92003, 0x41A92000, all));
  EXPECT_EQ(encode_table(dynamic{&flat}, 2u, {0x41A92000}), 0x41A92003u);
}

TEST(arm64_4k, knows_where_blocks_are) {
  EXPECT_EQ(kind_at(stage1_4k_48_lower, 0, 0x41234701), "reserved");  // 01 at level 3
  EXPECT_EQ(kind_at(stage1_4k_48_lower, 3, 0x00000701), "reserved");  // a 512G block needs LPA2
  EXPECT_EQ(kind_at(stage1_4k_52_lpa2_lower, 3, 0x00000401), "leaf");
  EXPECT_EQ(kind_at(stage1_4k_52_lpa2_lower, 4, 0x00000401), "reserved");  // never at level -1
  EXPECT_EQ(kind_at(stage1_4k_48_lower, 1, 0xFFFFFFFFFFFFFFFC), "absent");
  EXPECT_EQ(kind_at(stage1_4k_48_lower, 1, 0xFFFFFFFFFFFFFFFE), "absent");
}

TEST(arm64_lpa2, finds_the_upper_address_bits_where_shareability_was) {
  // OA 51:50 in 9:8: A1234... has bits 51 and 49 set, so 9:8 = 10 (200) and bit 49 in place. AF 400 | 3 = 603.
  EXPECT_TRUE(both_ways(stage1_4k_52_lpa2_lower, 0x2123456789603,
                        {0, "page", 0xA123456789000, 12,
                         {.allow = open_to_execution, .global = true, .dirty = false}}));
  EXPECT_TRUE(both_ways(stage1_4k_52_lpa2_lower, 0x2124000000601,
                        {2, "block", 0xA124000000000, 30,
                         {.allow = open_to_execution, .global = true, .dirty = false}}));
  EXPECT_TRUE(is_table(stage1_4k_52_lpa2_lower, 3, 0x2123456789203, 0xA123456789000, all));
}

TEST(arm64_lpa2, reads_what_a_linux_guest_holds) {
  // From a guest with 52-bit addresses: TCR_EL1, TTBR1_EL1, an address, its five indices, its leaf, where it leads.
  constexpr u64 tcr = 0x095001F6B54C350C, ttbr1 = 0x41A68001, va = 0xFFFFACCA05D8AB28;
  auto const o = regime_of(tcr, half::upper);
  ASSERT_TRUE(o);
  EXPECT_EQ(o->page, granule::k4);
  EXPECT_EQ(o->input_bits, 52u);
  EXPECT_EQ(o->output_bits, 52u);
  EXPECT_TRUE(o->wide && o->hardware_accessed && o->hardware_dirty && o->top_byte_ignored);
  EXPECT_EQ(root_table(*o, ttbr1).value, 0x41A68000u);

  auto const f = stage1(*o);
  dynamic const h{&f};
  EXPECT_EQ(table_lg2(h, 4u), 7u);  // 16 entries
  u64 const expected[]{394, 46, 296, 345, 15};
  for (unsigned n = 0; n < 5; ++n) EXPECT_EQ(index_of(h, n, va), expected[n]) << "level " << n;
  // Read-only, PXN 0, UXN 1, contiguous, software bit 55.
  EXPECT_TRUE(decodes(f, 0x00D0000040F8A483,
                      {0, "contiguous page", 0x40F80000, 16,
                       {.allow = kernel_rx, .global = true, .dirty = false, .software = bit(55)}}));
}

TEST(arm64_16k, reads_and_writes_pages_blocks_and_groups) {
  EXPECT_TRUE(both_ways(stage1_16k_48_upper, 0x0060000040190703,
                        {0, "page", 0x40190000, 14, {.allow = kernel_rw, .global = true, .dirty = false}}));
  // 32M blocks: 4000000 is 64M.
  EXPECT_TRUE(both_ways(stage1_16k_48_upper, 0x0060000044000701,
                        {1, "block", 0x44000000, 25, {.allow = kernel_rw, .global = true, .dirty = false}}));
  // 128 pages of 2M together, 32 blocks of 1G together.
  EXPECT_TRUE(decodes(stage1_16k_48_upper, 0x0070000040190703,
                      {0, "contiguous page", 0x40000000, 21, {.allow = kernel_rw, .global = true, .dirty = false}}));
  EXPECT_TRUE(decodes(stage1_16k_48_upper, 0x0070000044000701,
                      {1, "contiguous block", 0x40000000, 30, {.allow = kernel_rw, .global = true, .dirty = false}}));
  EXPECT_EQ(kind_at(stage1_16k_48_upper, 2, 0x701), "reserved");  // a 64G block needs LPA2
  // OA 4_0000_4018_C000: bit 50 is entry bit 8. AF 400 | 3 | 100 = 503.
  EXPECT_TRUE(both_ways(stage1_16k_52_lpa2_upper, 0x4018C503,
                        {0, "page", 0x400004018C000, 14,
                         {.allow = open_to_execution, .global = true, .dirty = false}}));
  // Contiguous means nothing in a 64G block.
  EXPECT_TRUE(decodes(stage1_16k_52_lpa2_upper, 0x0010001000000401,
                      {2, "block", 0x1000000000, 36, {.allow = open_to_execution, .global = true, .dirty = false}}));
}

TEST(arm64_64k, finds_the_upper_address_bits_below_the_page) {
  // OA 51:48 = A in 15:12. SH 300 | AF 400 | 3 = 703.
  EXPECT_TRUE(both_ways(stage1_64k_52_lpa_lower, 0x12345678A703,
                        {0, "page", 0xA123456780000, 16,
                         {.allow = open_to_execution, .global = true, .dirty = false}}));
  EXPECT_TRUE(is_table(stage1_64k_52_lpa_lower, 1, 0x12345678A003, 0xA123456780000, all));
  // 512M block, 4T block.
  EXPECT_TRUE(both_ways(stage1_64k_52_lpa_lower, 0x2000A701,
                        {1, "block", 0xA000020000000, 29,
                         {.allow = open_to_execution, .global = true, .dirty = false}}));
  EXPECT_TRUE(both_ways(stage1_64k_52_lpa_lower, 0x04000000A701,
                        {2, "block", 0xA040000000000, 42,
                         {.allow = open_to_execution, .global = true, .dirty = false}}));
  // Without FEAT_LPA bits 15:12 are RES0 and there is no 4T block.
  EXPECT_TRUE(decodes(stage1_64k_48_lower, 0x12345678A703,
                      {0, "page", 0x123456780000, 16, {.allow = open_to_execution, .global = true, .dirty = false}}));
  EXPECT_EQ(kind_at(stage1_64k_48_lower, 2, 0x701), "reserved");
  // 32 pages of 2M together, 32 blocks of 16G together.
  EXPECT_TRUE(decodes(stage1_64k_48_lower, 0x0010000041230703,
                      {0, "contiguous page", 0x41200000, 21,
                       {.allow = open_to_execution, .global = true, .dirty = false}}));
  EXPECT_TRUE(decodes(stage1_64k_48_lower, 0x0010000420000701,
                      {1, "contiguous block", 0x400000000, 34,
                       {.allow = open_to_execution, .global = true, .dirty = false}}));
}

// DDI 0487 D8.2: which level the walk starts at, by granule and input size; depth is 4 minus that level.
TEST(arm64, starts_where_the_input_size_says) {
  struct { granule page; unsigned first, last, depth; } const rows[]{
    {granule::k4, 16, 21, 1},  {granule::k4, 22, 30, 2},  {granule::k4, 31, 39, 3},  {granule::k4, 40, 48, 4},
    {granule::k4, 49, 52, 5},  {granule::k16, 16, 25, 1}, {granule::k16, 26, 36, 2}, {granule::k16, 37, 47, 3},
    {granule::k16, 48, 52, 4}, {granule::k64, 17, 29, 1}, {granule::k64, 30, 42, 2}, {granule::k64, 43, 52, 3}};
  for (auto const &row : rows)
    for (unsigned bits = row.first; bits <= row.last; ++bits)
      EXPECT_EQ(depth_of(row.page, bits), row.depth) << "granule 2^" << unsigned(row.page) << ", " << bits << " bits";
  EXPECT_STREQ(stage1_4k_39_lower.levels[2].name, "L1");
  EXPECT_STREQ(stage1_4k_52_lpa2_lower.levels[4].name, "L-1");
}

TEST(arm64, keeps_to_its_half_of_the_space) {
  dynamic const lower{&stage1_4k_48_lower}, upper{&stage1_4k_48_upper};
  EXPECT_TRUE(in_extent(lower, 0x0000FFFFFFFFFFFF));
  EXPECT_FALSE(in_extent(lower, 0x0001000000000000));
  EXPECT_TRUE(in_extent(upper, 0xFFFF000000000000));
  EXPECT_FALSE(in_extent(upper, 0xFFFE000000000000));
  constexpr auto tagged = stage1({.top_byte_ignored = true});
  EXPECT_TRUE(in_extent(dynamic{&tagged}, 0xAB00FFFFFFFFFFFF));
  EXPECT_FALSE(in_extent(dynamic{&tagged}, 0xAB01000000000000));
}

TEST(arm64, changes_only_some_bits_in_place) {
  constexpr auto f = stage1_4k_48_lower;
  EXPECT_TRUE(f.break_before_make);
  EXPECT_FALSE(f.resizes_live);
  EXPECT_EQ(f.live, 0x07E80000000004C0u);  // 58:55, UXN, PXN, DBM; AF, AP[2:1]
  constexpr auto relaxed = stage1({.bbm = 2});
  EXPECT_TRUE(relaxed.resizes_live);
  EXPECT_EQ(relaxed.live, 0x07F80000000004C0u);  // and Contiguous
  EXPECT_TRUE(stage1({.hardware_accessed = false}).unaccessed_faults);
}

TEST(arm64, never_lets_a_group_outgrow_its_table) {
  // 22 bits: the root has two 2M slots, too few for a group of sixteen.
  constexpr auto f = stage1({.input_bits = 22});
  EXPECT_EQ(f.levels[1].leaves[0], 2);
  EXPECT_EQ(f.levels[1].leaves[1], no_form);
}

// --- registers ----------------------------------------------------------------------------------------------------

TEST(arm64_registers, encode_granules_differently_for_each_half) {
  constexpr granule tg0[]{granule::k4, granule::k64, granule::k16}, tg1[]{granule::k16, granule::k4, granule::k64};
  for (u64 n = 0; n < 3; ++n) {
    auto const lower = regime_of(16 | n << 14, half::lower);
    ASSERT_TRUE(lower);
    EXPECT_EQ(lower->page, tg0[n]);
    auto const upper = regime_of(16 << 16 | (n + 1) << 30, half::upper);
    ASSERT_TRUE(upper);
    EXPECT_EQ(upper->page, tg1[n]);
  }
  EXPECT_EQ(regime_of(16 | u64{3} << 14, half::lower).error(), no_regime::granule_reserved);
  EXPECT_EQ(regime_of(16 << 16, half::upper).error(), no_regime::granule_reserved);
}

TEST(arm64_registers, say_sizes_and_switches) {
  constexpr unsigned ips[]{32, 36, 40, 42, 44, 48};
  for (u64 n = 0; n < 6; ++n) EXPECT_EQ(regime_of(16 | n << 32, half::lower)->output_bits, ips[n]);
  EXPECT_EQ(regime_of(16 | u64{6} << 32, half::lower)->output_bits, 48u);  // 4K without DS
  auto const wide = regime_of(12 | u64{1} << 14 | u64{6} << 32, half::lower);
  ASSERT_TRUE(wide);  // 64K: LVA and LPA
  EXPECT_TRUE(wide->wide);
  EXPECT_EQ(wide->input_bits, 52u);

  EXPECT_EQ(regime_of(bit(7) | 16, half::lower).error(), no_regime::walks_disabled);
  EXPECT_EQ(regime_of(bit(23) | u64{2} << 30 | 16 << 16, half::upper).error(), no_regime::walks_disabled);
  EXPECT_EQ(regime_of(12, half::lower).error(), no_regime::size_out_of_range);  // 52 bits without DS
  EXPECT_EQ(regime_of(49, half::lower).error(), no_regime::size_out_of_range);
  EXPECT_EQ(regime_of(48, half::lower)->input_bits, 16u);

  auto const o = regime_of(25 | bit(37) | bit(39) | bit(41), half::lower);
  ASSERT_TRUE(o);
  EXPECT_TRUE(o->top_byte_ignored && o->hardware_accessed && !o->hardware_dirty && o->no_table_permissions);
  auto const other = regime_of(u64{25} << 16 | u64{2} << 30 | bit(37) | bit(40) | bit(41), half::upper);
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->top_byte_ignored || other->hardware_accessed);
  EXPECT_FALSE(other->hardware_dirty || other->no_table_permissions);
}

TEST(arm64_registers, say_where_the_root_is) {
  EXPECT_EQ(root_table({}, 0x1234000041A92001).value, 0x41A92000u);
  EXPECT_EQ(asid_of(0x1234000041A92001), 0x1234);
  // 52-bit output: TTBR bits 5:2 are address bits 51:48.
  EXPECT_EQ(root_table({.page = granule::k64, .output_bits = 52, .wide = true}, 0x41A9202D).value, 0xB000041A92000u);
  // A root of 16 entries is 128 bytes; one of 2 entries still 64 bytes with 52-bit output.
  EXPECT_EQ(root_table({.input_bits = 52, .output_bits = 52, .wide = true}, 0x41A680C1).value, 0x41A68080u);
  EXPECT_EQ(root_table({.page = granule::k16, .input_bits = 48, .output_bits = 52, .wide = true}, 0x41A68041).value,
            0x41A68040u);
}

TEST(arm64_registers, assign_memory_types) {
  // A Linux guest's MAIR_EL1: WB, WB (tagged without MTE), NC, Device-nGnRnE, Device-nGnRE.
  auto const t = mair(0x40044FFFF);
  EXPECT_EQ(t[0], mt::wb);
  EXPECT_EQ(t[1], mt::wb);
  EXPECT_EQ(t[2], mt::nc);
  EXPECT_EQ(t[3], mt::device_ngnrne);
  EXPECT_EQ(t[4], mt::device_ngnre);
  auto const u = mair(0x0C'08'F0'BB'4F'F4'A0'02);
  EXPECT_EQ(u[0], mt::reserved);
  EXPECT_EQ(u[1], mt::wt);
  EXPECT_EQ(u[2], mt::mixed);
  EXPECT_EQ(u[3], mt::mixed);
  EXPECT_EQ(u[4], mt::wt);
  EXPECT_EQ(u[5], mt::tagged_wb);
  EXPECT_EQ(u[6], mt::device_ngre);
  EXPECT_EQ(u[7], mt::device_gre);
  EXPECT_EQ(mair(0x50)[0], mt::reserved);
}

}  // namespace
