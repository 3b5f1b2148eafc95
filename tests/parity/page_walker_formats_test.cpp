// SPDX-License-Identifier: MIT
// page-walker: levels and formats as data (S1..S16, S56..S67), and what was wrong in its descriptions (D7, D11).
#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr dynamic x86_32{&x86::x86_32}, pae{&x86::pae}, l4{&x86::x86_64_4level}, l5{&x86::x86_64_5level};

struct shape_of {
  unsigned    shift, index_bits;
  friend auto operator==(shape_of const &, shape_of const &) -> bool = default;
};
auto geometry(format const &f) {
  std::vector<shape_of> all;
  for (unsigned n = 0; n < f.depth; ++n) all.push_back({f.levels[n].shift, f.levels[n].index_bits});
  return all;
}
using shapes = std::vector<shape_of>;

/// A format nobody ships, made by a user: 16-bit addresses, 32-bit entries, bit 31 says "present", bit 0 "table".
constexpr auto made_by_hand() -> format {
  format f{.name        = "toy",
           .spec        = "this test",
           .entry_bytes = 4,
           .depth       = 2,
           .output_bits = 20,
           .levels = {{"leaf", 8, 4, never, 0, 0, {0}}, {"root", 12, 4, all_set(bit(31) | 1), bit(31) | 1, 0, {0}}},
           .forms  = {{.name = "block", .is = none_set(1), .address = {{8, 12, 8}}, .base = bit(31)}},
           .absent = none_set(bit(31)),
           .table_address = {{6, 14, 6}},
           .types         = {memory_type::wb}};
  name_fields(f, {{"table", 0, 1}, {"address", 8, 12, on_leaves}, {"address", 6, 14, on_tables}, {"present", 31, 1}});
  return f;
}
constexpr format toy = made_by_hand();
static_assert(is_sound<toy>());

}  // namespace

// --- S1..S12: one level ----------------------------------------------------------------------------------------------

TEST(page_walker, S1_S67_entries_of_32_and_64_bits_are_a_field_of_the_format_and_addresses_are_always_64_bits_wide) {
  EXPECT_EQ(x86_32->entry_bytes, 4u);
  EXPECT_EQ(pae->entry_bytes, 8u);
  EXPECT_EQ(arm32::short_32.entry_bytes, 4u) << "the unreleased page-walker says 8";
  static_assert(sizeof(virtual_address) == 8 && sizeof(physical_address) == 8);
  EXPECT_EQ(index_of(l4, 3u, u64{1} << 39), 1u) << "as on a 64-bit host also on a 32-bit one";
}

TEST(page_walker, S2_S10_an_index_is_a_shift_and_a_mask) {
  u64 const at = u64{7} << 39 | u64{6} << 30 | u64{5} << 21 | u64{4} << 12 | 0xfff;
  EXPECT_EQ(index_of(l4, 3u, at), 7u);
  EXPECT_EQ(index_of(l4, 2u, at), 6u);
  EXPECT_EQ(index_of(l4, 1u, at), 5u);
  EXPECT_EQ(index_of(l4, 0u, at), 4u);
  EXPECT_EQ(index_of(l5, 4u, u64{0x1ab} << 48), 0x1abu);
  EXPECT_EQ(index_of(pae, 2u, 0xffff'ffff), 3u) << "two bits";
  EXPECT_EQ(index_of(x86_32, 1u, 0xffc0'0000), 1023u);
}

TEST(page_walker, S3_S11_present_is_a_mask_and_a_value) {
  EXPECT_FALSE(l4->absent(1));
  EXPECT_TRUE(l4->absent(~u64{1})) << "whatever else is set";
  EXPECT_EQ(kind_of(l4, 0u, 0xabc067), entry_kind::leaf);
  EXPECT_EQ(kind_of(l4, 0u, 0xabc066), entry_kind::absent);
  EXPECT_EQ(kind_of(dynamic{&arm32::short_32}, 0u, 0b01), entry_kind::leaf) << "a large page, not absent";
}

TEST(page_walker, S4_S12_large_is_told_from_table_and_an_absent_entry_is_neither) {
  EXPECT_EQ(kind_of(l4, 1u, 0x20'0083), entry_kind::leaf);
  EXPECT_EQ(kind_of(l4, 1u, 0x20'0003), entry_kind::table);
  EXPECT_EQ(kind_of(l4, 1u, 0x20'0082), entry_kind::absent) << "page-walker takes it for a table";
  EXPECT_EQ(kind_of(l4, 3u, 0x20'0083), entry_kind::reserved) << "no level-3 leaves: hardware faults";
}

TEST(page_walker, S5_what_a_new_table_entry_says_is_said_per_level) {
  EXPECT_EQ(encode_table(l4, 1u, {0x5000}), 0x5007u) << "present, writable, user";
  EXPECT_EQ(encode_table(l4, 1u, {0x5000}, rights::kernel_rx), 0x5001u);
  EXPECT_EQ(encode_table(pae, 2u, {0x5000}), 0x5001u) << "R/W and U/S are reserved in a PDPTE";
}

TEST(page_walker, S6_S7_S8_S9_how_much_a_slot_and_a_table_hold) {
  EXPECT_EQ(bit(l4->levels[0].index_bits), 512u);
  EXPECT_EQ(bit(x86_32->levels[0].index_bits), 1024u);
  EXPECT_EQ(bit(slot_lg2(l4, 1u)), 2 * M);
  EXPECT_EQ(below(reach_lg2(l4, 1u)) & ~below(slot_lg2(l4, 1u)), 0x3fe0'0000u) << "the index bits in place";
  auto const p = page_2m::containing({0x4012'3456});
  EXPECT_EQ(p.last().value, 0x401f'ffffu) << "the last byte is in the page";
  EXPECT_EQ(page_4k::containing({~u64{0}}).last().value, ~u64{0}) << "nothing to overflow at the top";
}

// --- S13..S16: one format --------------------------------------------------------------------------------------------

TEST(page_walker, S13_levels_are_counted_from_the_leaves_and_a_user_makes_a_format_of_his_own) {
  machine m{toy, 64 * K, 64 * K};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 0x1300), {0x8'1000}, {.allow = rights::all}, m.owed)));
  EXPECT_EQ(m.entry(0x1000), bit(31) | 0x8'1000) << "a large leaf in the root";
  EXPECT_EQ(m.entry(0x2200), bit(31) | 0x8'2200);
  EXPECT_EQ(m.leads(0x22ff), 0x8'22ffu);
  EXPECT_EQ(why(m.query(0x2300)), fault_reason::absent);
}

TEST(page_walker, S14_each_kind_of_entry_has_its_own_address_bits) {
  u64 const pat_large = 0x0000'0001'4020'1083;  // PAT (bit 12) of a 2-Mbyte page
  machine   m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 2 * M), {0x1'4020'0000}, {.allow = rights::kernel_rw}, m.owed)));
  auto const slot = m.space.entry({0})->slot;
  m.put(slot, pat_large);
  EXPECT_EQ(m.leads(0x3123), 0x1'4020'3123u) << "bit 12 is no address bit";
  EXPECT_EQ(m.query(0)->entry, pat_large);
}

TEST(page_walker, S15_how_far_a_format_reaches) {
  EXPECT_EQ(l4->input_bits(), 48u);
  EXPECT_EQ(l5->input_bits(), 57u);
  EXPECT_EQ(pae->input_bits(), 32u);
  EXPECT_EQ(x86_32->input_bits(), 32u);
  EXPECT_EQ(format{}.input_bits(), 0u) << "page-walker panics on a format without levels";
}

TEST(page_walker, S16_sign_extension_follows_the_format_and_clears_what_lies_above) {
  EXPECT_EQ(extended(l4, 0x0000'8000'0000'0000), 0xffff'8000'0000'0000u);
  EXPECT_EQ(extended(l4, 0xabcd'0000'0000'1000), 0x1000u) << "page-walker leaves the upper bits";
  EXPECT_EQ(extended(l5, 0x0000'8000'0000'0000), 0x0000'8000'0000'0000u);
  EXPECT_EQ(extended(l5, 0x0100'0000'0000'0000), 0xff00'0000'0000'0000u);
}

TEST(page_walker, D7_addresses_that_have_no_sign_are_not_extended) {
  EXPECT_EQ(extended(x86_32, 0x8000'0000), 0x8000'0000u);
  EXPECT_EQ(extended(pae, 0xffff'f000), 0xffff'f000u);
  dynamic const ttbr0{&arm64::stage1_4k_39_lower}, ttbr1{&arm64::stage1_4k_39_upper};
  EXPECT_EQ(extended(ttbr0, 0x40'0000'0000), 0x40'0000'0000u);
  EXPECT_EQ(extended(ttbr1, 0), 0xffff'ff80'0000'0000u) << "and the upper half is always extended";
  machine m{x86::x86_32};
  EXPECT_TRUE(done(m.space.map(span_of(0x8000'0000, 4 * K), {0x1000}, {.allow = rights::kernel_rwx}, m.owed)));
  struct {
    range seen{};
    void  leaf(leaf const &l) { seen = {l.input, {l.input.value + (l.bytes() - 1)}}; }
  } v;
  sweep(m.h, m.top, everything, m.memory, v);
  EXPECT_EQ(v.seen, span_of(0x8000'0000, 4 * K));
}

// --- S56..S66: the formats -------------------------------------------------------------------------------------------

TEST(page_walker, S56_x86_32_bit_paging_with_pages_of_4_mbytes_and_pse36) {
  EXPECT_EQ(geometry(x86::x86_32), (shapes{{12, 10}, {22, 10}}));
  EXPECT_EQ(kind_of(x86_32, 1u, 0x0040'0083), entry_kind::leaf);
  // 0x2f'0040'0000: bits 31:22 in place, 39:32 in bits 20:13.
  with_form(x86_32, 1u, 0x81, [](auto f) {
    EXPECT_EQ(leaf_base(x86_32, 1u, f, 0x0040'0083 | 0x2f << 13).value, 0x2f'0040'0000u);
    EXPECT_EQ(encode_address(x86_32, 1u, f, {0x2f'0040'0000}), 0x0040'0000u | 0x2f << 13);
  });
  machine          m{x86::x86_32};
  attributes const rwx{.allow = rights::kernel_rwx};
  EXPECT_TRUE(done(m.space.map(span_of(0x80'0000, 4 * M), {0x2f'0040'0000}, rwx, m.owed)));
  EXPECT_EQ(m.leads(0x80'1234), 0x2f'0040'1234u);
  EXPECT_EQ(why(m.space.unmap(span_of(0x80'0000, 4 * K), m.owed)), error_reason::would_split)
      << "no 4-Kbyte page leads there";
  EXPECT_EQ(why(m.space.map(span_of(0, 4 * K), {0x2f'0000'0000}, rwx, m.owed)), error_reason::too_wide);
}

TEST(page_walker, S57_pae_has_four_root_entries_in_which_rights_are_reserved) {
  EXPECT_EQ(geometry(x86::pae), (shapes{{12, 9}, {21, 9}, {30, 2}}));
  EXPECT_EQ(kind_of(pae, 2u, 0x5001), entry_kind::table);
  EXPECT_EQ(kind_of(pae, 2u, 0x5007), entry_kind::reserved) << "what page-walker writes";
  machine m{x86::pae};
  EXPECT_TRUE(done(m.space.map(span_of(0xffff'f000, 4 * K), {0x1000}, {.allow = rights::user_rw}, m.owed)));
  EXPECT_EQ(m.entry(0xffff'f000, 2) & ~ones(12, 40), 1u);
  EXPECT_EQ(m.query(0xffff'f000)->effective, rights::user_rw);
}

TEST(page_walker, S58_S59_x86_64_with_4_and_with_5_levels) {
  EXPECT_EQ(geometry(x86::x86_64_4level), (shapes{{12, 9}, {21, 9}, {30, 9}, {39, 9}}));
  EXPECT_EQ(geometry(x86::x86_64_5level), (shapes{{12, 9}, {21, 9}, {30, 9}, {39, 9}, {48, 9}}));
  for (auto const *f : {&x86::x86_64_4level, &x86::x86_64_5level}) {
    machine m{*f};
    EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0xf'ffff'ffff'f000}, {.allow = rights::all}, m.owed)));
    EXPECT_EQ(m.entry(0x1000), 0xf'ffff'ffff'f000u | x86::p | x86::rw | x86::us | x86::a | x86::d);
    EXPECT_EQ(m.tables(), f->depth - 1u);
  }
}

TEST(page_walker, S60_arm_short_descriptors_have_their_real_kinds_and_table_sizes) {
  dynamic const h{&arm32::short_32};
  EXPECT_EQ(geometry(arm32::short_32), (shapes{{12, 8}, {20, 12}}));
  EXPECT_EQ(kind_of(h, 1u, 0x1000'0001), entry_kind::table) << "page-walker takes 0b01 for a section";
  EXPECT_EQ(kind_of(h, 1u, 0x1000'0402), entry_kind::leaf) << "0b10 is a section";
  EXPECT_EQ(kind_of(h, 0u, 0x1000'0012), entry_kind::leaf)
      << "0b10 is a small page, executable; page-walker wants 0b11";
  EXPECT_EQ(table_lg2(h, 0u), 10u) << "an L2 table is 1 KiB";
  EXPECT_EQ(table_lg2(h, 1u), 14u) << "an L1 table is 16 KiB";
  machine m{arm32::short_32};
  EXPECT_TRUE(done(m.space.map(span_of(0x0, 17 * M + 64 * K), {0x4000'0000}, {.allow = rights::kernel_rwx}, m.owed)));
  EXPECT_EQ(m.query(0)->lg2, 24) << "supersection";
  EXPECT_EQ(m.query(16 * M)->lg2, 20) << "section";
  EXPECT_EQ(m.query(17 * M)->lg2, 16) << "large page";
  EXPECT_EQ(m.leads(17 * M + 0xabcd), 0x4110'abcdu);
}

TEST(page_walker, S61_arm_lpae_reaches_40_bits_and_has_its_own_execute_rights) {
  EXPECT_EQ(geometry(arm32::lpae_32), (shapes{{12, 9}, {21, 9}, {30, 2}}));
  machine m{arm32::lpae_32};
  EXPECT_TRUE(done(m.space.map(span_of(0x4000'0000, 4 * K), {0xff'ffff'f000}, {.allow = rights::kernel_rw}, m.owed)));
  EXPECT_EQ(m.leads(0x4000'0123), 0xff'ffff'f123u) << "40 bits of output address";
  EXPECT_EQ(why(m.space.map(span_of(0, 4 * K), {0x100'0000'0000}, {.allow = rights::kernel_rw}, m.owed)),
            error_reason::too_wide);
  m.put(m.space.entry({0x4000'0000})->slot, 0x8000'0000 | 3 | arm64::af | arm64::ap1 | arm64::uxn);
  EXPECT_EQ(m.query(0x4000'0000)->effective, rights::user_rw) << "XN holds for both privileges";
}

TEST(page_walker, S62_S63_S64_S65_aarch64_with_every_granule_has_the_real_shifts) {
  EXPECT_EQ(geometry(arm64::stage1_4k_39_lower), (shapes{{12, 9}, {21, 9}, {30, 9}}));
  EXPECT_EQ(geometry(arm64::stage1_4k_48_lower), (shapes{{12, 9}, {21, 9}, {30, 9}, {39, 9}}))
      << "page-walker: 3 levels";
  EXPECT_EQ(geometry(arm64::stage1_16k_48_lower), (shapes{{14, 11}, {25, 11}, {36, 11}, {47, 1}}))
      << "12/23/34/45 there";
  EXPECT_EQ(geometry(arm64::stage1_64k_48_lower), (shapes{{16, 13}, {29, 13}, {42, 6}})) << "12/25/38 there";
  machine m{arm64::stage1_64k_48_lower, 2 * M};
  EXPECT_TRUE(done(m.space.map(span_of(64 * K, 64 * K), {0x7'0000}, {.allow = rights::kernel_rw}, m.owed)));
  EXPECT_EQ(m.leads(0x1'fedc), 0x7'fedcu);
}

TEST(page_walker, S66_bits_have_names_and_meaning) {
  static_assert(x86::p == 1 && x86::rw == 2 && x86::us == 4 && x86::ps == 0x80 && x86::g == 0x100 &&
                x86::xd == bit(63));
  static_assert(arm64::valid == 1 && arm64::af == 0x400 && arm64::ng == 0x800 && arm64::dbm == bit(51));
  form const &page = l4->forms[0];
  auto const  says = attributes_of(l4, page, 0x8000'0000'00ab'c17f);
  EXPECT_EQ(says.allow, rights::user_rw);
  EXPECT_EQ(says.type, memory_type::uc) << "PCD and PWT through the PAT";
  EXPECT_TRUE(says.global && says.accessed && says.dirty);
}

TEST(page_walker, D11_no_bit_of_a_description_is_an_address_bit_and_something_else) {
  // The check refuses descriptions in which one is; every description of the library is checked like this.
  static_assert(is_sound<x86::x86_32>() && is_sound<x86::pae>() && is_sound<x86::x86_64_4level>());
  static constexpr format wrong = [] {
    auto f                = x86::x86_64_4level;
    f.forms[0].address[0] = {12, 44, 12};  // up to bit 55: over AVL
    return f;
  }();
  EXPECT_EQ(check(wrong).what, rule::address_shared) << text(check(wrong).what);
  // AArch64: bits 50 and 51 of a descriptor (GP, DBM) are no address.
  dynamic const h{&arm64::stage1_4k_48_lower};
  with_form(h, 0u, 3, [&](auto f) { EXPECT_EQ(leaf_base(h, 0u, f, arm64::gp | arm64::dbm | 0x5003).value, 0x5000u); });
}
