// SPDX-License-Identifier: MIT
// The translation regimes beside EL1&0: EL2, EL3, EL2&0 and stage 2, with golden entries worked out from the field
// positions of DDI 0487 D8.3 (descriptors), D8.4 (permissions) and D8.6.5 (stage 2 memory attributes).
//
//   stage 1   AttrIndx 4:2 | AP[1] 6 | AP[2] 7 | SH 9:8 | AF 10 | nG 11 | DBM 51 | Contiguous 52 | PXN 53 | UXN, XN 54
//   stage 2   MemAttr  5:2 | S2AP[0] 6 (read) | S2AP[1] 7 (write) | SH 9:8 | AF 10 | DBM 51 | Contiguous 52 | XN 54:53
//
// Page is 3, block is 1; SH inner is 300; AF is 400: a page begins as 703, a block as 701.
#include <pagewright/formats/arm64_stage2.hpp>

#include <vector>

#include <pagewright/models/frames.hpp>
#include <pagewright/pagewright.hpp>

#include "golden.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::arm64;
using golden::both_ways, golden::decodes, golden::encodes, golden::is_table, golden::kind_at;
using enum pagewright::rights;
using mt = memory_type;

constexpr auto el2     = stage1({.of = regime::el2});
constexpr auto el3     = stage1({.of = regime::el3});
constexpr auto el3_64k = stage1({.page = granule::k64, .output_bits = 52, .wide = true, .of = regime::el3});
constexpr auto el2_ds  = stage1({.input_bits = 52, .output_bits = 52, .wide = true, .of = regime::el2});
constexpr auto el2_hd  = stage1({.hardware_dirty = true, .of = regime::el2});
constexpr auto el2_0   = stage1({.of = regime::el2_0});

constexpr auto s2      = stage2({.input_bits = 48});
constexpr auto s2_fwb  = stage2({.input_bits = 48, .force_write_back = true});
constexpr auto s2_xnx  = stage2({.input_bits = 48, .separate_execute = true});
constexpr auto s2_hd   = stage2({.input_bits = 48, .hardware_dirty = true});
constexpr auto s2_lpa2 = stage2({.input_bits = 52, .output_bits = 52, .wide = true});
constexpr auto s2_16k  = stage2({.page = granule::k16, .input_bits = 40});
constexpr auto s2_64k  = stage2({.page = granule::k64, .input_bits = 52, .output_bits = 52, .wide = true});

static_assert(is_sound<el2>() && is_sound<el3>() && is_sound<el3_64k>() && is_sound<el2_ds>() && is_sound<el2_hd>());
static_assert(is_sound<el2_0>());
static_assert(is_sound<s2>() && is_sound<s2_fwb>() && is_sound<s2_xnx>() && is_sound<s2_hd>());
static_assert(is_sound<s2_lpa2>() && is_sound<s2_16k>() && is_sound<s2_64k>());
static_assert(is_sound<stage2_4k_40>() && is_sound<stage2_4k_48>());
static_assert(is_sound<stage2_16k_40>() && is_sound<stage2_64k_40>());

constexpr auto rw = readers | writers, rx = readers | executes;  // where one privilege holds the rights of both

/// What a leaf says that is accessed, and not marked dirty.
constexpr auto clean(rights allow, mt type = mt::wb) -> attributes {
  return {.allow = allow, .type = type, .dirty = false};
}
constexpr auto global(rights allow, mt type = mt::wb) -> attributes {
  return {.allow = allow, .type = type, .global = true, .dirty = false};
}

struct golden_row {
  u64          entry;
  golden::leaf says;
};

/// Each row both ways.
void expect_rows(format const &f, std::initializer_list<golden_row> rows) {
  unsigned n = 0;
  for (auto const &row : rows) {
    EXPECT_TRUE(both_ways(f, row.entry, row.says)) << "row " << n;
    ++n;
  }
}

}  // namespace

// --- EL2 and EL3: one privilege ------------------------------------------------------------------------------------

TEST(arm64_el2, reads_and_writes_its_leaves) {
  // AP[1] is RES1, so 703 becomes 743; read-only AP[2] makes it 7C3. XN bit 54 is 0040..., Contiguous 0010...
  expect_rows(el2, {
    {0x0040000041234743, {0, "page", 0x41234000, 12, clean(rw)}},                      // 743 | XN
    {0x00400000412347C3, {0, "page", 0x41234000, 12, clean(readers)}},                 // 743 | 80 | XN
    {0x00000000412347C3, {0, "page", 0x41234000, 12, clean(rx)}},                      // 743 | 80
    {0x0000000041234743, {0, "page", 0x41234000, 12, clean(all)}},                     // 743
    {0x0040000041234343, {0, "page", 0x41234000, 12, {.allow = rw, .accessed = false, .dirty = false}}},  // no AF: 343
    {0x0040000009000747, {0, "page", 0x09000000, 12, clean(rw, mt::device_ngnre)}},    // 1 << 2
    {0x004000004123474B, {0, "page", 0x41234000, 12, clean(rw, mt::nc)}},              // 2 << 2
    {0x004000000900074D, {1, "block", 0x09000000, 21, clean(rw, mt::device_ngnrne)}},  // 3 << 2
    {0x0040000041234753, {0, "page", 0x41234000, 12, clean(rw, mt::wt)}},              // 4 << 2
    {0x0040000041200741, {1, "block", 0x41200000, 21, clean(rw)}},
    {0x00000000800007C1, {2, "block", 0x80000000, 30, clean(rx)}},
    {0x07C0000080000741, {2, "block", 0x80000000, 30, {.allow = rw, .dirty = false, .software = 0x0780000000000000}}},
    {0x0050000041230743, {0, "contiguous page", 0x41230000, 16, clean(rw)}},
    {0x0050000044000741, {1, "contiguous block", 0x44000000, 25, clean(rw)}},
    {0x0050000400000741, {2, "contiguous block", 0x400000000, 34, clean(rw)}},
  });
}

TEST(arm64_el2, takes_no_notice_of_bits_that_mean_nothing_there) {
  // Bits 53 (PXN) and 11 (nG) are RES0, AP[1] clear is not what it should be: all ignored. NS, bit 5, is told nowhere.
  for (u64 const entry : {0x0060000041234743u, 0x0040000041234F43u, 0x0040000041234703u, 0x0040000041234763u})
    EXPECT_TRUE(decodes(el2, entry, {0, "page", 0x41234000, 12, clean(rw)})) << std::hex << entry;
}

TEST(arm64_el2, cannot_tell_two_privileges_apart) {
  auto const &page = el2.forms[0];
  for (auto const r : {kernel_rw, kernel_rx, user_read, readers | kernel_write, executes | user_write, kernel_execute})
    EXPECT_FALSE(encode_rights(dynamic{&el2}, page, r)) << unsigned(r);
  EXPECT_EQ(least_rights(dynamic{&el2}, kernel_rw), rw);
  EXPECT_EQ(least_rights(dynamic{&el2}, kernel_rx), rx);
}

TEST(arm64_el2, reads_table_entries) {
  EXPECT_TRUE(is_table(el2, 2, 0x0000000041A92003, 0x41A92000, all));
  EXPECT_TRUE(is_table(el2, 2, 0x1000000041A92003, 0x41A92000, all - executes));  // XNTable bit 60
  EXPECT_TRUE(is_table(el2, 2, 0x4000000041A92003, 0x41A92000, all - writers));   // APTable[1] bit 62
  EXPECT_TRUE(is_table(el2, 2, 0x2800000041A92003, 0x41A92000, all));             // 61 and 59 are RES0
  EXPECT_EQ(encode_table(dynamic{&el2}, 2u, {0x41A92000}, readers), 0x5000000041A92003u);
  constexpr auto flat = stage1({.no_table_permissions = true, .of = regime::el2});
  EXPECT_TRUE(is_table(flat, 2, 0x5000000041A92003, 0x41A92000, all));
}

TEST(arm64_el2, keeps_track_of_writes_with_dbm) {
  // DBM bit 51 is 0008...: AP[2] clear is dirty, AP[2] set is writable and clean.
  expect_rows(el2_hd, {
    {0x0048000041234743, {0, "page", 0x41234000, 12, {.allow = rw}}},
    {0x00480000412347C3, {0, "page", 0x41234000, 12, clean(rw)}},
    {0x00400000412347C3, {0, "page", 0x41234000, 12, clean(readers)}},
  });
}

TEST(arm64_el2, with_ds_finds_the_upper_address_bits_in_9_8) {
  // No SH: 403 | 40 = 443. OA A123456789000: bits 51 and 49; 9:8 = 10 is 200, bit 49 stays.
  expect_rows(el2_ds, {
    {0x0042123456789643, {0, "page", 0xA123456789000, 12, clean(rw)}},
    {0x0002124000000641, {2, "block", 0xA124000000000, 30, clean(all)}},
    {0x0040008000000741, {3, "block", 0xC008000000000, 39, clean(rw)}},  // 512G; 11 is 300
  });
  EXPECT_TRUE(is_table(el2_ds, 4, 0x2123456789203, 0xA123456789000, all));
  EXPECT_EQ(kind_at(el2_ds, 4, 0x441), "reserved");  // no block at level -1
}

TEST(arm64_el3, reads_and_writes_its_leaves) {
  EXPECT_STREQ(el3.name, "arm64-stage1-el3");
  expect_rows(el3, {
    {0x0040000041234743, {0, "page", 0x41234000, 12, clean(rw)}},
    {0x00400000412347C3, {0, "page", 0x41234000, 12, clean(readers)}},
    {0x00000000412347C3, {0, "page", 0x41234000, 12, clean(rx)}},
    {0x0040000004400747, {0, "page", 0x04400000, 12, clean(rw, mt::device_ngnre)}},
    {0x0040000004400757, {0, "page", 0x04400000, 12, clean(rw, mt::tagged_wb)}},   // 5 << 2
    {0x004000000440075B, {0, "page", 0x04400000, 12, clean(rw, mt::device_gre)}},  // 6 << 2
    {0x004000000440075F, {0, "page", 0x04400000, 12, clean(rw, mt::device_ngre)}}, // 7 << 2
    {0x0040000080000745, {2, "block", 0x80000000, 30, clean(rw, mt::device_ngnre)}},
    {0x00000000002007C1, {1, "block", 0x00200000, 21, clean(rx)}},
    {0x0040000000200341, {1, "block", 0x00200000, 21, {.allow = rw, .accessed = false, .dirty = false}}},
    {0x0050000000010743, {0, "contiguous page", 0x10000, 16, clean(rw)}},
  });
  EXPECT_TRUE(is_table(el3, 3, 0x5000000000003003, 0x3000, readers));  // XNTable and APTable[1]
}

TEST(arm64_el3, with_64k_granules_finds_the_upper_address_bits_in_15_12) {
  // OA A123456780000: 51:48 = A goes into 15:12. Pages 743 | A000, blocks 741 | A000.
  expect_rows(el3_64k, {
    {0x004012345678A743, {0, "page", 0xA123456780000, 16, clean(rw)}},
    {0x000012345678A7C3, {0, "page", 0xA123456780000, 16, clean(rx)}},
    {0x004000002000A741, {1, "block", 0xA000020000000, 29, clean(rw)}},
    {0x005000000020A743, {0, "contiguous page", 0xA000000200000, 21, clean(rw)}},
  });
}

// --- EL2&0: two privileges, as EL1&0 -------------------------------------------------------------------------------

TEST(arm64_el2_0, says_what_el1_0_says) {
  // kernel data: PXN and UXN 0060...; text: AP[2] 80 and UXN; user: AP[1] 40 and nG 800.
  for (auto const &f : {el2_0, stage1({})}) expect_rows(f, {
    {0x0060000041234703, {0, "page", 0x41234000, 12, global(kernel_rw)}},
    {0x0060000041234783, {0, "page", 0x41234000, 12, global(kernel_ro)}},
    {0x0040000041234783, {0, "page", 0x41234000, 12, global(kernel_rx)}},
    {0x0040000041234703, {0, "page", 0x41234000, 12, global(kernel_rwx)}},
    {0x0060000041234F43, {0, "page", 0x41234000, 12, clean(user_rw)}},
    {0x0060000041234FC3, {0, "page", 0x41234000, 12, clean(user_ro)}},
    {0x0020000041234FC3, {0, "page", 0x41234000, 12, clean(user_rx)}},
    {0x0060000009000707, {0, "page", 0x09000000, 12, global(kernel_rw, mt::device_ngnre)}},
    {0x0060000041200701, {1, "block", 0x41200000, 21, global(kernel_rw)}},
    {0x0070000041230703, {0, "contiguous page", 0x41230000, 16, global(kernel_rw)}},
  });
  EXPECT_TRUE(is_table(el2_0, 2, 0x6000000041A92003, 0x41A92000, kernel_read | executes));  // APTable = 11
}

// --- stage 2 -------------------------------------------------------------------------------------------------------

TEST(arm64_stage2, reads_and_writes_its_leaves) {
  // MemAttr 1111 (WB) is 3C: 703 | 3C = 73F; S2AP read 40, write 80; XN[1] bit 54 is 0040...
  expect_rows(s2, {
    {0x00000000412347FF, {0, "page", 0x41234000, 12, clean(all)}},                 // 73F | C0
    {0x00400000412347FF, {0, "page", 0x41234000, 12, clean(rw)}},                  // and XN
    {0x004000004123477F, {0, "page", 0x41234000, 12, clean(readers)}},             // 73F | 40
    {0x000000004123477F, {0, "page", 0x41234000, 12, clean(rx)}},
    {0x00400000412347BF, {0, "page", 0x41234000, 12, clean(writers)}},             // 73F | 80: write-only
    {0x000000004123473F, {0, "page", 0x41234000, 12, clean(executes)}},            // execute-only
    {0x004000004123473F, {0, "page", 0x41234000, 12, clean(none)}},                // valid, allows nothing
    {0x00400000412343FF, {0, "page", 0x41234000, 12, {.allow = rw, .accessed = false, .dirty = false}}},  // no AF
    {0x00400000090007C3, {0, "page", 0x09000000, 12, clean(rw, mt::device_ngnrne)}},
    {0x00400000090007C7, {0, "page", 0x09000000, 12, clean(rw, mt::device_ngnre)}},
    {0x00400000090007CB, {0, "page", 0x09000000, 12, clean(rw, mt::device_ngre)}},
    {0x00400000090007CF, {0, "page", 0x09000000, 12, clean(rw, mt::device_gre)}},
    {0x00400000412347D7, {0, "page", 0x41234000, 12, clean(rw, mt::nc)}},  // 0101 is 14
    {0x00400000412347EB, {0, "page", 0x41234000, 12, clean(rw, mt::wt)}},  // 1010 is 28
    {0x00400000090007C5, {1, "block", 0x09000000, 21, clean(rw, mt::device_ngnre)}},
    {0x00000000800007FD, {2, "block", 0x80000000, 30, clean(all)}},
    {0x07800000800007FD, {2, "block", 0x80000000, 30, {.allow = all, .dirty = false, .software = 0x0780000000000000}}},
    {0x00100000412307FF, {0, "contiguous page", 0x41230000, 16, clean(all)}},
    {0x00100000440007FD, {1, "contiguous block", 0x44000000, 25, clean(all)}},
  });
}

TEST(arm64_stage2, reads_every_memory_attribute) {
  // MemAttr 3:2 outer, 1:0 inner: 01 NC, 10 WT, 11 WB; 00xx Device; inner 00 with an outer one is reserved.
  constexpr mt expected[16]{mt::device_ngnrne, mt::device_ngnre, mt::device_ngre, mt::device_gre,
                            mt::reserved,      mt::nc,           mt::mixed,       mt::mixed,
                            mt::reserved,      mt::mixed,        mt::wt,          mt::mixed,
                            mt::reserved,      mt::mixed,        mt::mixed,       mt::wb};
  for (u64 n = 0; n < 16; ++n)
    EXPECT_TRUE(decodes(s2, 0x412347C3 | n << 2, {0, "page", 0x41234000, 12, clean(all, expected[n])}))
        << "MemAttr " << n;
}

TEST(arm64_stage2, lets_no_table_entry_withhold_anything) {
  EXPECT_TRUE(is_table(s2, 2, 0x0000000041A92003, 0x41A92000, all));
  EXPECT_TRUE(is_table(s2, 2, 0xF800000041A92003, 0x41A92000, all));  // 63:59 are ignored
  EXPECT_EQ(encode_table(dynamic{&s2}, 2u, {0x41A92000}, readers), 0x41A92003u);
}

TEST(arm64_stage2, without_xnx_has_one_execute_never_bit) {
  // Bit 53 is RES0 then.
  EXPECT_TRUE(decodes(s2, 0x00200000412347FF, {0, "page", 0x41234000, 12, clean(all)}));
  EXPECT_TRUE(decodes(s2, 0x00600000412347FF, {0, "page", 0x41234000, 12, clean(rw)}));
  EXPECT_FALSE(encode_rights(dynamic{&s2}, s2.forms[0], rw | kernel_execute));
}

TEST(arm64_stage2_xnx, tells_el1_and_el0_apart_for_execution) {
  // XN 54:53: 00 both (0), 01 EL0 (0020...), 10 neither (0040...), 11 EL1 (0060...).
  struct { u64 entry; rights allow; } const rows[]{
    {0x00000000412347FF, all},                  {0x00200000412347FF, all - kernel_execute},
    {0x00400000412347FF, rw},                   {0x00600000412347FF, all - user_execute},
    {0x000000004123477F, rx},                   {0x002000004123477F, rx - kernel_execute},
    {0x004000004123477F, readers},              {0x006000004123477F, rx - user_execute},
    {0x000000004123473F, executes},             {0x002000004123473F, user_execute},
    {0x006000004123473F, kernel_execute},       {0x004000004123473F, none}};
  for (auto const &row : rows) EXPECT_TRUE(both_ways(s2_xnx, row.entry, {0, "page", 0x41234000, 12, clean(row.allow)}));
}

TEST(arm64_stage2_fwb, decides_together_with_stage_1) {
  // MemAttr 110 (18) forces WB, 111 (1C) leaves it to stage 1, 101 (14) NC, 0xx Device. 703 | C0 = 7C3 is the rest.
  expect_rows(s2_fwb, {
    {0x00000000412347DB, {0, "page", 0x41234000, 12, clean(all)}},
    {0x00000000412347DF, {0, "page", 0x41234000, 12, clean(all, mt::as_stage1)}},
    {0x00000000412347D7, {0, "page", 0x41234000, 12, clean(all, mt::nc)}},
    {0x00000000412347C3, {0, "page", 0x41234000, 12, clean(all, mt::device_ngnrne)}},
    {0x00000000412347C7, {0, "page", 0x41234000, 12, clean(all, mt::device_ngnre)}},
    {0x00000000412347CB, {0, "page", 0x41234000, 12, clean(all, mt::device_ngre)}},
    {0x00000000412347CF, {0, "page", 0x41234000, 12, clean(all, mt::device_gre)}},
    {0x004000004123475B, {0, "page", 0x41234000, 12, clean(readers)}},
    {0x00000000412007D9, {1, "block", 0x41200000, 21, clean(all)}},
    {0x00000000800007DD, {2, "block", 0x80000000, 30, clean(all, mt::as_stage1)}},
  });
  EXPECT_FALSE(encode_type(dynamic{&s2_fwb}, s2_fwb.forms[0], mt::wt)) << "FWB has no write-through";
}

TEST(arm64_stage2_fwb, reads_what_has_mem_attr_3_set_too) {
  // MemAttr[3] (bit 5, 20) is RES0 with FWB: not looked at.
  for (auto const &[entry, type] : {std::pair<u64, mt>{0x412347FB, mt::wb}, {0x412347FF, mt::as_stage1},
                                    {0x412347F7, mt::nc}, {0x412347E7, mt::device_ngnre}})
    EXPECT_TRUE(decodes(s2_fwb, entry, {0, "page", 0x41234000, 12, clean(all, type)}));
}

TEST(arm64_stage2_hd, keeps_track_of_writes_with_dbm) {
  // DBM bit 51 is 0008...: a leaf with it is writable; hardware sets S2AP[1] (80) when it is written.
  expect_rows(s2_hd, {
    {0x00080000412347FF, {0, "page", 0x41234000, 12, {.allow = all}}},
    {0x000800004123477F, {0, "page", 0x41234000, 12, clean(all)}},
    {0x00480000412347FF, {0, "page", 0x41234000, 12, {.allow = rw}}},
    {0x004800004123477F, {0, "page", 0x41234000, 12, clean(rw)}},
    {0x004000004123477F, {0, "page", 0x41234000, 12, clean(readers)}},
    {0x00480000412007FD, {1, "block", 0x41200000, 21, {.allow = rw}}},
    {0x005800004123077F, {0, "contiguous page", 0x41230000, 16, clean(rw)}},
  });
  // Without DBM S2AP[1] alone grants writing, and no mark is made.
  EXPECT_TRUE(decodes(s2_hd, 0x00400000412347FF, {0, "page", 0x41234000, 12, clean(rw)}));
  EXPECT_TRUE(decodes(s2, 0x004800004123477F, {0, "page", 0x41234000, 12, clean(readers)})) << "HD is off";
}

TEST(arm64_stage2_lpa2, finds_the_upper_address_bits_in_9_8) {
  // No SH: 403 | 3C | C0 = 4FF; OA 51:50 = 10 is 200.
  expect_rows(s2_lpa2, {
    {0x00021234567896FF, {0, "page", 0xA123456789000, 12, clean(all)}},
    {0x00421234567896FF, {0, "page", 0xA123456789000, 12, clean(rw)}},
    {0x00000000412344FF, {0, "page", 0x0000041234000, 12, clean(all)}},
    {0x00000000412345FF, {0, "page", 0x4000041234000, 12, clean(all)}},
    {0x00000000412347FF, {0, "page", 0xC000041234000, 12, clean(all)}},
    {0x00000000090004C7, {0, "page", 0x09000000, 12, clean(all, mt::device_ngnre)}},
    {0x00021240000006FD, {2, "block", 0xA124000000000, 30, clean(all)}},
    {0x00000080000004FD, {3, "block", 0x0008000000000, 39, clean(all)}},
    {0x00100000412304FF, {0, "contiguous page", 0x41230000, 16, clean(all)}},
    {0x004000004123447F, {0, "page", 0x41234000, 12, clean(readers)}},
  });
  EXPECT_TRUE(is_table(s2_lpa2, 3, 0x2123456789203, 0xA123456789000, all));
}

TEST(arm64_stage2, has_the_other_granules_too) {
  // 16K: pages 2^14, blocks 2^25, groups of 128 and 32. 64K with LPA: OA 51:48 in 15:12, blocks of 512M and 4T.
  expect_rows(s2_16k, {
    {0x00000000401907FF, {0, "page", 0x40190000, 14, clean(all)}},
    {0x00000000440007FD, {1, "block", 0x44000000, 25, clean(all)}},
    {0x00100000402007FF, {0, "contiguous page", 0x40200000, 21, clean(all)}},
  });
  expect_rows(s2_64k, {
    {0x000012345678A7FF, {0, "page", 0xA123456780000, 16, clean(all)}},
    {0x000000002000A7FD, {1, "block", 0xA000020000000, 29, clean(all)}},
    {0x000004000000A7FD, {2, "block", 0xA040000000000, 42, clean(all)}},
  });
}

// --- concatenated roots --------------------------------------------------------------------------------------------

TEST(arm64_stage2, puts_up_to_sixteen_tables_side_by_side_as_the_root) {
  // D8.2.2: a top level of 16 entries or fewer is left out. 4K, 40 bits: level 0 would have 2 entries, so two level-1
  // tables, 8 KiB; 43 bits: sixteen; 44 bits: level 0 with 32. 16K, 40 bits: sixteen level-2 tables, 256 KiB.
  struct { granule page; unsigned input, depth, root_bits; } const rows[]{
    {granule::k4, 34, 2, 9 + 4},  {granule::k4, 35, 3, 5},      {granule::k4, 39, 3, 9},      {granule::k4, 40, 3, 10},
    {granule::k4, 42, 3, 12},     {granule::k4, 43, 3, 13},     {granule::k4, 44, 4, 5},      {granule::k4, 48, 4, 9},
    {granule::k16, 36, 2, 11},    {granule::k16, 40, 2, 15},    {granule::k16, 41, 3, 5},     {granule::k16, 47, 3, 11},
    {granule::k64, 40, 2, 11},    {granule::k64, 42, 2, 13},    {granule::k64, 46, 2, 17},    {granule::k64, 47, 3, 5}};
  for (auto const &row : rows) {
    auto const f = stage2({.page = row.page, .input_bits = row.input});
    EXPECT_EQ(f.depth, row.depth) << "granule 2^" << unsigned(row.page) << ", " << row.input << " bits";
    EXPECT_EQ(f.levels[f.depth - 1].index_bits, row.root_bits) << "2^" << unsigned(row.page) << ", " << row.input;
    EXPECT_EQ(f.input_bits(), row.input);
    EXPECT_TRUE(golden::is_faultless(f)) << "granule 2^" << unsigned(row.page) << ", " << row.input << " bits";
  }
  auto const apart = stage2({.input_bits = 40, .concatenated = false});
  EXPECT_EQ(apart.depth, 4u);
  EXPECT_EQ(table_lg2(dynamic{&apart}, 3u), 4u) << "two entries";
}

TEST(arm64_stage2, walks_across_the_tables_of_a_concatenated_root) {
  // 16K, 40 bits: slot 2048 of the root is the first of the second table, for addresses from 2^36 on.
  auto const f = s2_16k;
  dynamic const h{&f};
  std::vector<u8> bytes(bit(18) + 4 * bit(14));
  byte_memory memory{bytes, {0x8000'0000}};
  bump_frames frames{{0x8000'0000 + bit(18)}, 4 * bit(14)};
  not_in_use  tlb;
  address_space space{h, root{{0x8000'0000}}, memory, frames, tlb};
  ledger owed;
  ASSERT_EQ(table_lg2(h, 1u), 18u);
  range const over{{bit(36) - bit(25)}, {bit(36) + bit(25) - 1}};  // the last block of one table, the first of the next
  ASSERT_TRUE(space.map(over, {0x4000'0000}, {.allow = all}, owed, {.runs = false}));
  EXPECT_EQ(memory.load({0x8000'0000 + 2047 * 8}, f.word()), 0x0000'0000'4000'07FDu);
  EXPECT_EQ(memory.load({0x8000'0000 + 2048 * 8}, f.word()), 0x0000'0000'4200'07FDu);
  EXPECT_EQ(frames.next().value, 0x8000'0000 + bit(18)) << "blocks: no table was taken";
  EXPECT_EQ(space.query({bit(36) + 5})->address.value, 0x4200'0005u);
  ASSERT_TRUE(space.map({{bit(40) - bit(14)}, {bit(40) - 1}}, {0xC000}, {.allow = all}, owed));
  EXPECT_EQ(memory.load({0x8000'0000 + 32767 * 8}, f.word()), (0x8000'0000 + bit(18)) | 3u) << "the very last slot";
  EXPECT_EQ(space.query({bit(40) - 1})->address.value, 0xFFFFu);
  EXPECT_EQ(space.query({bit(40)}).error().why, fault_reason::outside_input);
  EXPECT_FALSE(memory.strayed());
  EXPECT_TRUE(owed.is_settled());
}

// --- what may change in place, regime by regime --------------------------------------------------------------------

TEST(arm64_regimes, change_only_permissions_marks_and_software_bits_in_place) {
  struct { char const *what; format f; } const regimes[]{{"EL2", el2}, {"EL3", el3}, {"EL2&0", el2_0}, {"stage 2", s2}};
  for (auto const &[what, f] : regimes) {
    dynamic const h{&f};
    attributes const data{.allow = *least_rights(h, readers | writers)};
    u64 const page = 0x4123'4000 | encode_attributes(h, f.forms[0], data).entry;
    for (u64 const free : {bit(6), bit(7), bit(10), bit(51), bit(54), bit(55), bit(58)})
      EXPECT_NE(duty_of(h, 0u, page, page ^ free), duty::break_before_make) << what << ", bit " << std::hex << free;
    for (u64 const bound : {bit(2), bit(4), bit(8), bit(12), bit(47), bit(52)})  // type, SH, address, group
      EXPECT_EQ(duty_of(h, 0u, page, page ^ bound), duty::break_before_make) << what << ", bit " << std::hex << bound;
    EXPECT_EQ(duty_of(h, 0u, page, 0), duty::invalidate) << what;
    EXPECT_EQ(duty_of(h, 0u, 0, page), duty::publish) << what;
  }
  EXPECT_EQ(duty_of(dynamic{&el2_0}, 0u, 0x0060'0000'4123'4F43u, 0x0060'0000'4123'4743u), duty::break_before_make)
      << "non-global to global";
}

TEST(arm64_regimes, take_the_level_of_bbm) {
  // Block to table and back; level 1 with nT (bit 16) in the block, level 2 directly. D8.16.1.
  for (auto const of : {regime::el1_0, regime::el2, regime::el3})
    for (unsigned bbm : {0u, 1u, 2u}) {
      auto const f = stage1({.bbm = bbm, .of = of});
      dynamic const h{&f};
      u64 const block = 0x0040'0000'4120'0741, table = 0x41A9'2003;
      auto const plain = bbm == 2 ? duty::invalidate : duty::break_before_make;
      auto const held  = bbm == 0 ? duty::break_before_make : duty::invalidate;
      EXPECT_EQ(duty_of(h, 1u, block, table), plain) << "level " << bbm;
      EXPECT_EQ(duty_of(h, 1u, table, block), plain) << "level " << bbm;
      EXPECT_EQ(duty_of(h, 1u, block | bit(16), table), held) << "level " << bbm;
      EXPECT_EQ(duty_of(h, 1u, table, block | bit(16)), held) << "level " << bbm;
      EXPECT_EQ(duty_of(h, 1u, block, table, false), duty::break_before_make) << "they translate differently";
      EXPECT_EQ(duty_of(h, 1u, block, block ^ bit(52)), plain) << "the Contiguous bit at level " << bbm;
    }
}

TEST(arm64_registers, name_the_virtual_machine) {
  EXPECT_EQ(vmid_of(0x1234'0000'41A9'2001), 0x1234);
}
