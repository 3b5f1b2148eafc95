// SPDX-License-Identifier: MIT
// Mali: golden entries worked out from the bits that Linux and kbase use.
//
//   LPAE      type 1:0, 1 leaf, 3 table | ATTR 4:2 | read 6 (40) | write 7 (80) | SH 9:8, outer 200 | AF 10 (400) |
// XN 54
//   AArch64   as arm64_test.cpp: 7:6 is 01 (40) for reading and writing, 11 (C0) for reading
#include <pagewright/formats/mali.hpp>

#include "machine.hpp"

namespace {

using namespace pagewright;
using golden::both_ways, golden::builds, golden::decodes, golden::is_table, golden::kind_at, golden::rejected_bits;
using enum pagewright::rights;
using mt = memory_type;

static_assert(is_sound<mali::lpae_mode>() && is_sound<mali::aarch64_4k>() && is_sound<mali::aarch64_64k>());

constexpr auto read_write = readers | writers;
constexpr auto plain(rights r, mt t = mt::wb) -> attributes {
  return {.allow = r, .type = t, .accessed = false, .dirty = false};
}

TEST(mali_lpae, reads_and_writes_leaves) {
  auto const &f = mali::lpae_mode;
  // Leaf 1 | ATTR 1 (4) | SH 200; XN is 0040...
  EXPECT_TRUE(both_ways(f, 0x00400000123452C5, {0, "leaf", 0x12345000, 12, plain(read_write)}));
  EXPECT_TRUE(both_ways(f, 0x00000000123452C5, {0, "leaf", 0x12345000, 12, plain(all)}));
  EXPECT_TRUE(both_ways(f, 0x0040000012345245, {0, "leaf", 0x12345000, 12, plain(readers)}));
  EXPECT_TRUE(both_ways(f, 0x0040000012345285, {0, "leaf", 0x12345000, 12, plain(writers)}));
  EXPECT_TRUE(both_ways(f, 0x0000000012345205, {0, "leaf", 0x12345000, 12, plain(executes)}));
  EXPECT_TRUE(both_ways(f, 0x0040000012345205, {0, "leaf", 0x12345000, 12, plain(none)}));
  EXPECT_TRUE(both_ways(f, 0x00400000123452C1, {0, "leaf", 0x12345000, 12, plain(read_write, mt::pma)}));  // ATTR 0
  EXPECT_TRUE(both_ways(f, 0x00400000122002C5, {1, "leaf", 0x12200000, 21, plain(read_write)}));
  EXPECT_TRUE(both_ways(f, 0x00400000400002C5, {2, "leaf", 0x40000000, 30, plain(read_write)}));
  EXPECT_TRUE(both_ways(f, 0x004000FFFFFFF2C5, {0, "leaf", 0xFFFFFFF000, 12, plain(read_write)}));
  // Linux sets 54:53, kbase bit 10; inner shareable; ATTR 2 and 7.
  EXPECT_TRUE(decodes(f, 0x00600000123456C5, {0, "leaf", 0x12345000, 12, plain(read_write)}));
  EXPECT_TRUE(decodes(f, 0x00400000123453C9, {0, "leaf", 0x12345000, 12, plain(read_write, mt::pma)}));
  EXPECT_TRUE(decodes(f, 0x00400000123452DD, {0, "leaf", 0x12345000, 12, plain(read_write, mt::reserved)}));
}

TEST(mali_lpae, tells_leaves_tables_and_nothing_apart) {
  auto const &f = mali::lpae_mode;
  EXPECT_TRUE(is_table(f, 3, 0x12345003, 0x12345000, all));
  EXPECT_TRUE(is_table(f, 1, 0x12345003, 0x12345000, all));
  EXPECT_EQ(encode_table(dynamic{&f}, 2u, {0x12345000}), 0x12345003u);
  EXPECT_EQ(kind_at(f, 0, 0x123452C7), "reserved");  // 11 in the last level
  EXPECT_EQ(kind_at(f, 3, 0x123452C5), "reserved");  // no leaves at the top
  for (unsigned level = 0; level < 4; ++level) {
    EXPECT_EQ(kind_at(f, level, 0x12345002), "absent");
    EXPECT_EQ(kind_at(f, level, 0x12345000), "absent");
  }
  EXPECT_EQ(rejected_bits(f, 1, 0x122002C5), 0u) << "unused bits are ignored, and 11 is a table";
}

TEST(mali_lpae, is_walked) {
  golden::machine m{mali::lpae_mode};
  m.memory.clear({0x110000}, 0x30000);
  m.put(3, 0x100000, 0, 0x110003).put(2, 0x110000, 0, 0x120003).put(2, 0x110000, 1, 0x00400000400002C5);
  m.put(1, 0x120000, 0, 0x130003).put(1, 0x120000, 1, 0x0040000012200245).put(1, 0x120000, 2, 0x130002);
  m.put(0, 0x130000, 5, 0x00400000ABCDE2C5).put(0, 0x130000, 6, 0x00000000ABCDF241).put(0, 0x130000, 7, 0xABCDF2C7);
  EXPECT_EQ(m.said(0x5123), "abcde123 rw-/rw- WB 2^12");
  EXPECT_EQ(m.said(0x6123), "abcdf123 r-x/r-x PMA 2^12");
  EXPECT_EQ(m.said(0x7123), "reserved at level 0");
  EXPECT_EQ(m.said(0x8123), "absent at level 0");
  EXPECT_EQ(m.said(0x234567), "12234567 r--/r-- WB 2^21");
  EXPECT_EQ(m.said(0x400000), "absent at level 1");
  EXPECT_EQ(m.said(0x40000010), "40000010 rw-/rw- WB 2^30");
  EXPECT_EQ(m.said(0x8000000000), "absent at level 3");
  EXPECT_EQ(m.said(0x1000000000000), "outside the input range at level 3");
}

TEST(mali_lpae, is_built) {
  std::vector<std::pair<u64, unsigned>> const sizes{{0x2000, 21}, {0x0, 12}, {0x402000, 12}};
  builds(mali::lpae_mode, {0x1FE000, 0x405000, 0x12345FE000, plain(read_write), readers, mt::pma, sizes});
}

TEST(mali_lpae, has_its_root_in_transtab) {
  EXPECT_EQ(mali::lpae_root(0x12345007)->value, 0x12345000u);  // READ_INNER 4
  EXPECT_FALSE(mali::lpae_root(0x12345002));
  auto const types = mali::memattr(mali::linux_memattr);
  EXPECT_EQ(types[0], mt::pma);
  EXPECT_EQ(types[1], mt::wb);
  EXPECT_EQ(types[2], mt::pma);
  EXPECT_EQ(types[3], mt::reserved);
}

TEST(mali_aarch64, reads_and_writes_leaves) {
  auto const &f   = mali::aarch64_4k;
  auto const says = [](rights r, mt t = mt::wb) { return attributes{.allow = r, .type = t, .dirty = false}; };
  EXPECT_TRUE(both_ways(f, 0x0060000041234F43, {0, "page", 0x41234000, 12, says(user_rw)}));
  EXPECT_TRUE(both_ways(f, 0x0060000041234FC3, {0, "page", 0x41234000, 12, says(user_ro)}));
  EXPECT_TRUE(both_ways(f, 0x0020000041234FC3, {0, "page", 0x41234000, 12, says(user_rx)}));
  EXPECT_TRUE(both_ways(f, 0x0020000041234F43, {0, "page", 0x41234000, 12, says(user_rwx)}));
  EXPECT_TRUE(both_ways(f, 0x0060000041234F4B, {0, "page", 0x41234000, 12, says(user_rw, mt::nc)}));
  EXPECT_TRUE(both_ways(f, 0x0060000041234F47, {0, "page", 0x41234000, 12, says(user_rw, mt::device_ngnre)}));
  EXPECT_TRUE(both_ways(f, 0x0060000041200F41, {1, "block", 0x41200000, 21, says(user_rw)}));
  EXPECT_TRUE(both_ways(f, 0x0060000080000F41, {2, "block", 0x80000000, 30, says(user_rw)}));
  EXPECT_TRUE(both_ways(f, 0x0070000041230F43, {0, "contiguous page", 0x41230000, 16, says(user_rw)}));
  EXPECT_TRUE(both_ways(f, 0x0060000041234B43,
                        {0, "page", 0x41234000, 12, {.allow = user_rw, .accessed = false, .dirty = false}}));
  EXPECT_TRUE(both_ways(mali::aarch64_64k, 0x0060000041230F43, {0, "page", 0x41230000, 16, says(user_rw)}));
  EXPECT_TRUE(both_ways(mali::aarch64_64k, 0x0060000020000F41, {1, "block", 0x20000000, 29, says(user_rw)}));
  EXPECT_EQ(kind_at(f, 0, 0x0060000041234F41), "reserved") << "here a page is 11, unlike in LPAE mode";
}

TEST(mali_aarch64, is_walked_and_built) {
  golden::machine m{mali::aarch64_4k};
  m.memory.clear({0x110000}, 0x30000);
  m.put(3, 0x100000, 0, 0x110003).put(2, 0x110000, 0, 0x120003).put(1, 0x120000, 0, 0x130003)
      .put(1, 0x120000, 1, 0x0060000041200F41);
  m.put(0, 0x130000, 5, 0x0060000041234FC3).put(0, 0x130000, 6, 0x0060000041235BC3);
  EXPECT_EQ(m.said(0x5123), "41234123 r--/r-- WB 2^12");
  EXPECT_EQ(m.said(0x6123), "not accessed at level 0");
  EXPECT_EQ(m.said(0x7123), "absent at level 0");
  EXPECT_EQ(m.said(0x234567), "41234567 rw-/rw- WB 2^21");
  EXPECT_EQ(m.said(0x1000000000000), "outside the input range at level 3");
  builds(mali::aarch64_4k, {0x200000, 0x411000, 0x1234600000, {.allow = user_rw, .dirty = false}, user_ro, mt::nc,
                            {{0, 21}, {0x400000, 16}, {0x410000, 12}}});
}

TEST(mali_aarch64, takes_its_shape_from_transcfg) {
  // ADRMODE 6 or 8, INA_BITS 55 - 48 = 7 at 10:6 (1C0), DISABLE_HIER_AP 33, DISABLE_AF_FAULT 34.
  auto const found = mali::aarch64_of(0x00000006000001C6);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->page, arm64::granule::k4);
  EXPECT_EQ(found->input_bits, 48u);
  EXPECT_TRUE(found->no_table_permissions && found->hardware_accessed);
  EXPECT_FALSE(mali::aarch64(*found).unaccessed_faults);
  EXPECT_EQ(mali::aarch64_of(0x408)->page, arm64::granule::k64);
  EXPECT_EQ(mali::aarch64_of(0x408)->input_bits, 39u);
  EXPECT_TRUE(mali::aarch64(*mali::aarch64_of(0x406)).unaccessed_faults);
  EXPECT_EQ(mali::aarch64_root(*found, 0x12345000).value, 0x12345000u);
  EXPECT_EQ(mali::aarch64_of(0x0).error(), mali::no_tables::legacy);
  EXPECT_EQ(mali::aarch64_of(0x1).error(), mali::no_tables::unmapped);
  EXPECT_EQ(mali::aarch64_of(0x2).error(), mali::no_tables::identity);
  EXPECT_EQ(mali::aarch64_of(0x1C3).error(), mali::no_tables::reserved_mode);
  EXPECT_EQ(mali::aarch64_of(0x006).error(), mali::no_tables::size_out_of_range);  // 55 bits
  EXPECT_EQ(mali::aarch64_of(0x7C6).error(), mali::no_tables::size_out_of_range);  // 24 bits
}

TEST(mali, names_every_bit) {
  for (auto const *f : {&mali::lpae_mode, &mali::aarch64_4k, &mali::aarch64_64k}) EXPECT_TRUE(golden::is_faultless(*f));
}

}  // namespace
