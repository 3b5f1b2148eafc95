// SPDX-License-Identifier: MIT
// Golden values for AArch64, worked out from the field positions of DDI 0487 as the comments show.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include <pagewright/cpu/arm64.hpp>

using namespace pagewright;
using namespace pagewright::cpu::arm64;

namespace {

auto const nothing = std::optional<u64>{};

struct issued {
  std::vector<u64> one, many;
  bool             by_address;
};
auto issue(stale const &s, tlbi_options const &o) {
  issued all;
  all.by_address = each_tlbi(s, o, [&](u64 x) { all.one.push_back(x); }, [&](u64 x) { all.many.push_back(x); });
  return all;
}
auto pages(u64 first, u64 bytes, u8 lg2) { return stale{*range::of({first}, bytes), lg2, false}; }

/// What a processor invalidates for a range operand, read from DDI 0487 C5.5 (TLBI RVAE1IS): granule addresses modulo
/// the bits that BaseADDR does not hold.
auto range_of(u64 x, bool lpa2) {
  unsigned const granule = (x >> 46 & 3) == 1 ? 12 : (x >> 46 & 3) == 2 ? 14 : 16;
  u64 const      scale = x >> 44 & 3, num = x >> 39 & 31;
  return std::pair{(x & ones(0, 37)) << (lpa2 ? 16 : granule), (num + 1) << (5 * scale + 1) << granule};
}

}  // namespace

TEST(arm64_tlbi_operand, keeps_address_bits_55_to_12_alone) {
  // 0xffffff8000001000 >> 12 = 0xffffff8000001, of which bits 43:0 are 0xffff8000001; bits 47:44 (TTL) stay clear.
  EXPECT_EQ(operand({0xffff'ff80'0000'1000}), 0x0000'0fff'f800'0001u);
  EXPECT_EQ(operand({0xffff'ff80'0000'1000}, 5), 0x0005'0fff'f800'0001u);
  EXPECT_EQ(operand({0xffff'ffff'ffff'f000}), 0x0000'0fff'ffff'ffffu) << "the last page of the space";
  EXPECT_EQ(operand({0x0000'007f'ffff'f000}, 0xffff), 0xffff'0000'07ff'ffffu);
  EXPECT_EQ(operand({0x0000'0000'0000'1fff}), 1u) << "the offset within the page does not matter";
}

TEST(arm64_tlbi_operand, carries_the_level_hint) {
  // TTL 47:44: 47:46 granule (01 4K, 10 16K, 11 64K), 45:44 level; 0b0111 = 4K level 3.
  EXPECT_EQ(ttl(granule::k4, 3), 0b0111);
  EXPECT_EQ(ttl(granule::k16, 2), 0b1010);
  EXPECT_EQ(ttl(granule::k64, 1), 0b1101);
  EXPECT_EQ(operand({0x1000}, 0, ttl(granule::k4, 3)), 0x0000'7000'0000'0001u);
  for (auto const &[g, level] : {std::pair{granule::k4, 0}, {granule::k4, -1}, {granule::k4, 4}, {granule::k16, 1}})
    EXPECT_EQ(ttl(g, level), 0) << "no hint at level " << level;
}

TEST(arm64_tlbi_operand, of_an_identifier_lies_on_top) { EXPECT_EQ(operand_id(0xabcd), 0xabcd'0000'0000'0000u); }

TEST(arm64_tlbi_range, has_its_fields_in_place) {
  // BaseADDR 36:0 = 0x12345, NUM 43:39 = 3, SCALE 45:44 = 1, TG 47:46 = 01, ASID 63:48 = 9:
  // 0x12345 | 3 << 39 (0x18000000000) | 1 << 44 | 1 << 46 | 9 << 48
  EXPECT_EQ(operand_range({0x1234'5000}, granule::k4, 1, 3, 9), 0x0009'5180'0001'2345u);
  EXPECT_EQ(operand_range({0x1234'0000}, granule::k4, 0, 0, 0, true), 0x0000'4000'0000'1234u) << "LPA2 counts in 64K";
  EXPECT_EQ(operand_range({0xffff'ff80'0000'0000}, granule::k64, 0, 0), 0x0000'c01f'ff80'0000u) << "bits 52:16";
  EXPECT_EQ(operand_range({0}, granule::k16, 0, 0, 0, false, 3) >> 37 & 3, 3u);
}

TEST(arm64_each_tlbi, goes_leaf_by_leaf_without_ranges) {
  auto const all = issue(pages(0xffff'ff80'0000'0000, 3 << 21, 21), {});
  EXPECT_TRUE(all.by_address && all.many.empty());
  EXPECT_EQ(all.one, (std::vector<u64>{0x0fff'f800'0000, 0x0fff'f800'0200, 0x0fff'f800'0400}));
}

TEST(arm64_each_tlbi, leaves_too_many_to_one_for_everything) {
  EXPECT_TRUE(issue(pages(0, 512 * 4096, 12), {}).by_address);
  auto const more = issue(pages(0, 513 * 4096, 12), {});
  EXPECT_TRUE(!more.by_address && more.one.empty());
  EXPECT_FALSE(issue({{{0}, {~u64{0}}}, 12, false}, {.ranges = true}).by_address);
  EXPECT_TRUE(issue(pages(0, u64{512} * 512 * 4096, 12), {.ranges = true}).by_address) << "a gigabyte takes few ranges";
}

TEST(arm64_each_tlbi, covers_exactly_the_range) {
  struct unit {
    granule page;
    bool    lpa2;
  };
  for (auto const [page, lpa2] : {unit{granule::k4, false}, {granule::k4, true}, {granule::k16, false},
                                  {granule::k16, true}, {granule::k64, false}})
    for (u64 const count : {1u, 2u, 3u, 15u, 16u, 17u, 63u, 64u, 65u, 66u, 127u, 1000u, 2047u, 2048u, 2049u, 70'001u,
                            2'097'153u}) {
      unsigned const lg2 = unsigned(page);
      u64 const      first = 0x12'3400'0000 + (u64{5} << lg2);
      auto const     all = issue(pages(first, count << lg2, static_cast<u8>(lg2)),
                                 {.page = page, .ranges = true, .lpa2 = lpa2});
      ASSERT_TRUE(all.by_address);
      std::set<std::pair<u64, u64>> parts;  // first and one past the last
      for (u64 const x : all.one) parts.insert({x << 12, (x << 12) + bit(lg2)});
      for (u64 const x : all.many) {
        auto const [from, bytes] = range_of(x, lpa2);
        parts.insert({from, from + bytes});
      }
      u64 next = first;
      for (auto const &[from, to] : parts) {
        ASSERT_EQ(from, next) << "granule 2^" << lg2 << (lpa2 ? " LPA2, " : ", ") << count << " pages";
        next = to;
      }
      EXPECT_EQ(next, first + (count << lg2)) << "granule 2^" << lg2 << ", " << count << " pages";
      EXPECT_LE(all.one.size() + all.many.size(), 24u) << "ranges are few";
    }
}

TEST(arm64_each_tlbi, carries_the_asid_everywhere) {
  auto const all = issue(pages(0x1000, 67 * 4096, 12), {.ranges = true, .asid = 0x77});
  for (u64 const x : all.one) EXPECT_EQ(x >> 48, 0x77u);
  for (u64 const x : all.many) EXPECT_EQ(x >> 48, 0x77u);
  EXPECT_FALSE(all.one.empty() || all.many.empty());
}

TEST(arm64_ops, are_those_of_the_regime) {
  EXPECT_EQ(ops_of(regime::el1_0).address, (tlbi_op{0, 3, 3})) << "VAAE1IS: every ASID";
  EXPECT_EQ(ops_of(regime::stage2).address, (tlbi_op{4, 0, 1})) << "IPAS2E1IS";
  for (auto const r : {regime::el1_0, regime::el2, regime::el2_0, regime::el3})
    EXPECT_TRUE(ops_of(r).all.crm == 3 && ops_of(r).address.crm == 3 && ops_of(r).range.crm == 2) << "inner shareable";
}

TEST(arm64_mair, puts_each_type_in_its_byte) {
  // D19.2.100: 0xff WB RW-allocate, 0x04 Device-nGnRE, 0x44 NC, 0x00 Device-nGnRnE, 0xbb WT RW-allocate, 0xf0 tagged.
  memory_types types{};
  types[0] = memory_type::wb, types[1] = memory_type::device_ngnre, types[2] = memory_type::nc;
  types[3] = memory_type::device_ngnrne, types[4] = memory_type::wt, types[5] = memory_type::tagged_wb;
  types[6] = memory_type::device_gre, types[7] = memory_type::device_ngre;
  EXPECT_EQ(mair(types), 0x080c'f0bb'0044'04ffu);
  EXPECT_EQ(mair(pagewright::arm64::mair(0x080c'f0bb'0044'04ff)), 0x080c'f0bb'0044'04ffu) << "as it is decoded";
  types[2] = memory_type::uc;
  EXPECT_EQ(mair(types), nothing) << "UC is not a memory type of Arm";
}

TEST(arm64_tcr, describes_both_halves) {
  stage1_options lower{.input_bits = 39, .space = half::lower, .output_bits = 40, .hardware_accessed = false};
  stage1_options upper{.input_bits = 48, .space = half::upper, .output_bits = 40, .hardware_accessed = false};
  // T0SZ 25 = 0x19, IRGN0 9:8 = 01, ORGN0 11:10 = 01, SH0 13:12 = 11, TG0 00: 0x3519; T1SZ 16, the same attributes and
  // TG1 31:30 = 10: 0x3510 << 16 | 0x80000000 = 0xb5100000; IPS 34:32 = 010 (40 bits).
  EXPECT_EQ(tcr(lower, upper), 0x2'b510'3519u);
  EXPECT_EQ(tcr(lower, std::nullopt), 0x2'0080'3519u) << "EPD1";
  EXPECT_EQ(tcr(std::nullopt, upper), 0x2'b510'0080u) << "EPD0";
}

TEST(arm64_tcr, is_read_back_by_the_formats_decoder) {
  for (auto const page : {granule::k4, granule::k16, granule::k64})
    for (bool const wide : {false, true})
      for (unsigned const output : {32u, 36u, 40u, 42u, 44u, 48u, 52u})
        for (bool const flag : {false, true}) {
          if (output == 52 && !wide) continue;
          if (page == granule::k64 && wide != (output == 52)) continue;
          stage1_options const o{.page = page, .input_bits = 42, .space = half::upper,
                                 .output_bits = output, .wide = wide, .no_table_permissions = flag, .top_byte_ignored = !flag, .hardware_accessed = flag,
                                 .hardware_dirty = flag};
          auto lower = o;
          lower.space = half::lower, lower.input_bits = 36;
          u64 const value = tcr(lower, o);
          for (auto const &[want, space] : {std::pair{o, half::upper}, {lower, half::lower}}) {
            auto const got = pagewright::arm64::regime_of(value, space);
            ASSERT_TRUE(got.has_value()) << std::hex << value;
            EXPECT_TRUE(got->page == want.page && got->input_bits == want.input_bits && got->wide == want.wide &&
                        got->output_bits == want.output_bits && got->hardware_dirty == want.hardware_dirty &&
                        got->no_table_permissions == want.no_table_permissions &&
                        got->top_byte_ignored == want.top_byte_ignored &&
                        got->hardware_accessed == want.hardware_accessed)
                << std::hex << value << std::dec << " granule 2^" << unsigned(page) << " output " << output;
          }
        }
}

TEST(arm64_tcr, of_el2_and_el3_has_other_places) {
  // D19.2.148: T0SZ 25, walks 0x3500, TG0 15:14 = 10 (16K), PS 18:16 = 101 (48 bits), HA 21, RES1 23 and 31.
  stage1_options const o{.page = granule::k16, .input_bits = 39, .output_bits = 48, .hardware_accessed = true};
  EXPECT_EQ(tcr_one_half(o), 0x3519u | 2u << 14 | 5u << 16 | 1u << 21 | 1u << 23 | 1u << 31);
}

TEST(arm64_ttbr, holds_root_and_identifier) {
  EXPECT_EQ(ttbr({0x4040'0000}, 5), 0x0005'0000'4040'0000u);
  EXPECT_EQ(ttbr({0x4040'0000}, 0x100, 12, 8), nothing) << "8-bit ASIDs";
  EXPECT_EQ(ttbr({0x4040'0800}, 0, 12), nothing) << "not aligned";
  EXPECT_EQ(ttbr({0x4040'0040}, 0, 6), 0x4040'0040u) << "a small root";
  EXPECT_EQ(ttbr({bit(48)}), nothing);
  EXPECT_EQ(ttbr({0x000f'0000'4040'0000}, 0, 12, 16, true), 0x4040'003cu) << "address bits 51:48 in 5:2";
  EXPECT_EQ(ttbr({0x4040'0020}, 0, 5, 16, true), nothing) << "64 bytes at least with 52-bit addresses";
  EXPECT_EQ(ttbr({0x4040'0000}, 0, 12, 16, false, true), 0x4040'0001u) << "CnP";
}

TEST(arm64_ttbr, is_read_back_by_the_formats_decoder) {
  stage1_options const far{.input_bits = 48, .output_bits = 52, .wide = true};
  auto const           value = ttbr({0x000a'1234'5678'9000}, 0xbeef, 12, 16, true);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(pagewright::arm64::root_table(far, *value).value, 0x000a'1234'5678'9000u) << std::hex << *value;
  EXPECT_EQ(pagewright::arm64::asid_of(*value), 0xbeef);
}
