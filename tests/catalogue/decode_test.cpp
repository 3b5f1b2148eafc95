// SPDX-License-Identifier: MIT
// Raw entries explained: golden ones worked out from the manuals, and what must hold of any entry of any format.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <catalogue/catalogue.hpp>
#include <catalogue/decode.hpp>

namespace pagewright::catalogue {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

[[nodiscard]] auto format_named(std::string_view name) -> format const & {
  return *find_format(name)->one->description;
}

[[nodiscard]] auto decoded(std::string_view name, std::string_view level, u64 entry) -> decoded_entry {
  auto const &f = format_named(name);
  return decode(f, name, level_named(f, name, level).value(), entry);
}

[[nodiscard]] auto field(decoded_entry const &e, std::string_view name) -> u64 {
  for (auto const &one : e.fields)
    if (one.bits.own == name) return one.value;
  ADD_FAILURE() << e.name << " has no field " << name;
  return ~u64{0};
}

struct golden {
  char const *format, *level;
  u64         entry, address;
  unsigned    lg2;
  char const *shape;
  rights      allow;
};

// Encodings worked out by hand from the manuals: 2^lg2 bytes at `address`.
constexpr golden leaves[]{
    // PDE of PSE-36, address bits 39:32 = 12H in 20:13: 34400000H | 12H << 13 | PS RW P
    {"x86-32", "PD", 0x34424083, 0x1234400000, 22, "4-Mbyte page", rights::kernel_rwx},
    {"x86-64-4level", "PD", 0x80000001234000e7, 0x123400000, 21, "large page", rights::user_rw},
    // 64K granule with LPA: address bits 51:48 = AH in 15:12
    {"arm64-64k-52-lower", "L3", 0x12345678a703, 0xa123456780000, 16, "page",
     rights::kernel_rwx | rights::user_execute},
    // LPA2: address bits 51:50 in 9:8, 49:12 in place
    {"arm64-4k-52-lower", "L3", 0x2123456789603, 0xa123456789000, 12, "page",
     rights::kernel_rwx | rights::user_execute},
    {"arm64-4k-52-lower", "L1", 0x2124000000601, 0xa124000000000, 30, "block",
     rights::kernel_rwx | rights::user_execute},
    // AP = 011b, address bits 35:32 in 23:20, 39:36 in 8:5
    {"arm32-short-32", "L1", 0xcdb40d42 | 0xc, 0xabcd000000, 24, "supersection", rights::all},
    {"riscv-sv39", "L0", 0x20048cc7, 0x80123000, 12, "page", rights::kernel_rw},
    {"riscv-sv39", "L0", 0x800000002004a0c7, 0x80120000, 16, "64-Kbyte page", rights::kernel_rw},
    // sizes coded by the lowest zero from bit 12 on
    {"amdvi-v1-4level", "L1", 0x6000001234000e01, 0x1234000000, 13, "coded page of another size", rights::user_rw},
    {"amdvi-v1-4level", "L1", 0x6000001234007e01, 0x1234000000, 16, "coded page", rights::user_rw},
    {"amdvi-v1-4level", "L1", 0x600000123407fe01, 0x1234000000, 20, "coded page of another size", rights::user_rw},
    {"amdvi-v1-4level", "L2", 0x6000001234600001, 0x1234600000, 21, "page", rights::user_rw},
    {"ept-4level", "PD", 0x400000b7, 0x40000000, 21, "large page", rights::all},
    {"nvidia-v2-small", "PT", 0x600000012345601, 0x123456000, 12, "video page", rights::all},
    // ACC = 1: both may read and write. 36-bit addresses from bit 8 on
    {"sparc-srmmu", "Level 3", 0xa12345a6, 0xa12345000, 12, "PTE", rights::user_rw},
    {"power-radix-4k", "L4", 0xc00000001234518f, 0x12345000, 12, "page", rights::kernel_rwx},
    {"dart-v2-16k", "L2", 0xfff0081234401, 0x812344000, 14, "page", rights::user_rw},
};

TEST(decode, agrees_with_encodings_worked_out_by_hand) {
  for (auto const &g : leaves) {
    auto const e    = decoded(g.format, g.level, g.entry);
    auto const what = testing::Message() << g.format << " " << g.level << " " << std::hex << g.entry;
    ASSERT_EQ(e.kind, entry_kind::leaf) << what;
    EXPECT_EQ(*e.address, g.address) << what;
    EXPECT_EQ(*e.lg2, g.lg2) << what;
    EXPECT_EQ(shape_name(*e.description, e.shape), g.shape) << what;
    EXPECT_EQ(rights_text(e.allow), rights_text(g.allow)) << what;
    EXPECT_EQ(e.rejected, 0u) << what;
    EXPECT_EQ(e.unnamed, 0u) << what;
  }
}

TEST(decode, names_every_field_with_its_value) {
  auto const e = decoded("x86-64-4level", "PD", 0x80000001234010e7 | u64{5} << 9 | u64{3} << 59);
  EXPECT_EQ(field(e, "XD"), 1u);
  EXPECT_EQ(field(e, "PAT"), 1u);
  EXPECT_EQ(field(e, "address"), 0x123400000u >> 21);
  EXPECT_EQ(field(e, "PS"), 1u);
  EXPECT_EQ(field(e, "G"), 0u);
  EXPECT_EQ(e.software, u64{5} << 9 | u64{3} << 59);
  EXPECT_EQ(e.says.type, memory_type::wb) << "index 4 of the PAT at reset";
}

TEST(decode, says_which_bits_hardware_rejects) {
  auto const e = decoded("x86-64-4level", "PD", 0x123083);
  EXPECT_EQ(e.kind, entry_kind::reserved);
  EXPECT_EQ(e.rejected, bit(13) | bit(17) | bit(20));
  EXPECT_THAT(e.why, ElementsAre("bits 20, 17, 13 must be 0: reserved[20], reserved[17], reserved[13]"));
  auto const top = decoded("x86-64-4level", "PML4", 0x1083);
  EXPECT_EQ(top.rejected, bit(7));
  EXPECT_THAT(top.why, ElementsAre("bit 7 must be 0: PS"));
}

TEST(decode, says_which_pattern_hardware_rejects) {
  EXPECT_THAT(decoded("riscv-sv39", "L0", 0x20048cc5).why, ElementsAre("hardware rejects W = 1 and R = 0"));
  EXPECT_THAT(decoded("ept-4level", "PD", 2).why, ElementsAre("hardware rejects W = 1 and R = 0"));
  EXPECT_THAT(decoded("riscv-sv39", "L1", 0x20048ccf).why,
              Contains("its address is not a multiple of 2M: 0x123000 too much"));
  EXPECT_THAT(decoded("amdvi-v1-4level", "L2", 0x6000001234001e01).why,
              ElementsAre("the size it codes, 16K, is none that an entry of L2 can have"));
}

TEST(decode, lists_what_a_level_can_hold_where_an_entry_is_none_of_it) {
  auto const e = decoded("arm64-4k-48-lower", "L3", 1);
  EXPECT_EQ(e.kind, entry_kind::reserved);
  EXPECT_FALSE(e.shaped);
  EXPECT_THAT(e.why, Contains("it is none of the entries that L3 can hold"));
  EXPECT_THAT(e.why, Contains("contiguous page, told by: Contiguous = 1, Type = 1 and Valid = 1"));
}

TEST(decode, follows_a_table_entry_to_the_level_it_leads_to) {
  auto const e = decoded("x86-64-4level", "PDPT", 0x8000000012345003);
  ASSERT_EQ(e.kind, entry_kind::table);
  EXPECT_EQ(*e.address, 0x12345000u);
  EXPECT_EQ(*e.next, 1u);
  EXPECT_EQ(rights_text(e.allow), "kernel rw-, user ---");
  auto const region = decoded("s390x-64", "region-third", 0x12344007);
  ASSERT_EQ(region.kind, entry_kind::table);
  EXPECT_EQ(*region.address, 0x12344000u);
  EXPECT_THAT(region.why, IsEmpty()) << "the whole next table exists";
  EXPECT_THAT(
      decoded("s390x-64", "region-third", 0x12344045).why,
      ElementsAre("of the next table only slots up to 1023 exist", "of the next table only slots from 512 on exist"));
  auto const skipping = decoded("amdvi-v1-4level", "L4", 0x6000000012345201);
  ASSERT_EQ(skipping.kind, entry_kind::table);
  EXPECT_EQ(*skipping.next, 0u);
  EXPECT_THAT(skipping.why, Contains("it skips 2 levels, whose index bits must be 0"));
}

TEST(decode, tells_an_empty_slot_from_a_note_and_from_a_sparse_entry) {
  EXPECT_THAT(decoded("x86-64-4level", "PT", 0).why, Contains("it is what an empty slot of this level holds"));
  auto const note = decoded("x86-64-4level", "PT", 0xabc000);
  EXPECT_EQ(note.kind, entry_kind::absent);
  EXPECT_THAT(note.why, Contains(HasSubstr("0xabc000")));
  auto const sparse = decoded("nvidia-v2-big", "PD0", 8);
  EXPECT_EQ(sparse.kind, entry_kind::absent);
  EXPECT_TRUE(sparse.sparse);
}

TEST(decode, says_that_a_leaf_does_not_translate_before_it_is_marked) {
  auto const e = decoded("mali-aarch64-4k", "L3", 0x1003);
  EXPECT_EQ(e.kind, entry_kind::leaf);
  EXPECT_THAT(e.why, Contains("it does not translate until software marks it accessed: AF = 1"));
}

TEST(levels, go_by_name_in_any_case_or_by_number) {
  auto const &f = format_named("x86-64-4level");
  EXPECT_EQ(level_named(f, "x", "PML4"), 3u);
  EXPECT_EQ(level_named(f, "x", "pd"), 1u);
  EXPECT_EQ(level_named(f, "x", "0"), 0u);
  auto const &arm = format_named("arm64-4k-48-lower");
  EXPECT_EQ(level_named(arm, "x", "L3"), 0u) << "the name is the manual's";
  EXPECT_EQ(level_named(arm, "x", "3"), 3u) << "the number counts from the leaves";
  for (auto const text : {"PMD", "4", "-1", "", "0x1", "1 "}) {
    auto const wrong = level_named(f, "x86-64-4level", text);
    ASSERT_FALSE(wrong) << text;
    EXPECT_EQ(wrong.error().message,
              fmt::format("x86-64-4level has no level '{}'; its levels, from the root down: PML4 (3), PDPT (2), PD "
                          "(1), PT (0)",
                          text));
  }
}

TEST(entries, are_hexadecimal_and_no_wider_than_the_formats) {
  auto const &f = format_named("x86-32");
  EXPECT_EQ(entry_of(f, "x86-32", "0x34424083"), 0x34424083u);
  EXPECT_EQ(entry_of(f, "x86-32", "ffff_ffff"), 0xffffffffu);
  EXPECT_EQ(entry_of(f, "x86-32", "100000000").error().message,
            "0x100000000 has more than 32 bits; entries of x86-32 are 4 bytes wide");
  EXPECT_THAT(entry_of(f, "x86-32", "zz").error().message,
              HasSubstr("'zz' is not an entry: write a hexadecimal number of at most 32 bits"));
}

// --- what holds of any entry ----------------------------------------------------------------------------------------

/// Calls `body(variant, level, entry)` with entries of every level of every format that pages draw: new leaves and
/// table entries as the library makes them, and, with `odd`, these with one bit turned, single bits, and random ones.
template <class Body>
void for_entries(bool odd, Body &&body) {
  std::mt19937_64 dice{20240411};
  for (auto const *family : families())
    for (auto const &v : family->variants) {
      if (!v.drawn) continue;  // it differs from one that is in little but its widths
      auto const   &f = *v.description;
      dynamic const h{&f};
      u64 const     all = below(8u * f.entry_bytes);
      for (unsigned level = 0; level < f.depth; ++level) {
        std::vector<u64> made;
        if (level != 0) made.push_back(encode_table(h, level, {0x40000000 & below(f.output_bits)}));
        h.any_form(level, [&](auto form) {
          for (auto const allow : {rights::kernel_rw, rights::user_rw, rights::all})
            if (auto const bits = encode_rights(h, form, allow))
              made.push_back(form->base | *bits | encode_address(h, level, form, {0}) |
                             (form->accessed == never ? 0 : form->accessed.value));
          return false;
        });
        for (u64 const one : made) body(v, level, one);
        if (!odd) continue;
        for (u64 const one : {u64{0}, all}) body(v, level, one);
        for (unsigned n = 0; n < 8u * f.entry_bytes; ++n) {
          body(v, level, made[dice() % made.size()] ^ bit(n));
          body(v, level, n % 2 == 0 ? bit(n) : dice() & all);
        }
      }
    }
}

TEST(any_entry, is_of_the_kind_that_walks_find_is_put_together_again_from_its_fields_and_says_why_it_is_rejected) {
  for_entries(true, [](variant const &v, unsigned level, u64 entry) {
    auto const e    = decode(*v.description, v.name, level, entry);
    auto const what = testing::Message() << v.name << " level " << level << " " << std::hex << entry;
    ASSERT_EQ(e.kind, kind_of(dynamic{v.description}, level, entry)) << what;
    EXPECT_EQ(e.address.has_value(), e.shaped) << what;
    if (e.kind == entry_kind::absent) {
      EXPECT_THAT(e.fields, IsEmpty()) << what;
      return;
    }
    u64 whole = e.unnamed;
    for (auto const &one : e.fields) whole |= one.value << one.bits.lo;
    EXPECT_EQ(whole, entry) << what;
    EXPECT_EQ(e.rejected & e.unused, 0u) << what;
    EXPECT_EQ(e.software & e.unused, 0u) << what;
    if (e.kind == entry_kind::reserved) { EXPECT_THAT(e.why, Not(IsEmpty())) << what; }
    if (e.rejected != 0) { EXPECT_EQ(e.kind, entry_kind::reserved) << what; }
  });
}

TEST(any_entry, says_the_same_whatever_the_bits_hold_that_no_rule_looks_at) {
  for_entries(false, [](variant const &v, unsigned level, u64 entry) {
    auto const &f = *v.description;
    auto const  e = decode(f, v.name, level, entry);
    if (e.kind != entry_kind::leaf && e.kind != entry_kind::table) return;
    u64 idle = ~decisive_bits(f, e.shape) & below(8u * f.entry_bytes);
    if (!e.shape.is_table() && f.forms[e.shape.form].size_code != 0) return;  // its address bits are a code, too
    for (; idle != 0; idle &= idle - 1) {
      u64 const  turned = entry ^ (idle & -idle);
      auto const o      = decode(f, v.name, level, turned);
      auto const what   = testing::Message()
                        << v.name << " level " << level << " " << std::hex << entry << " and " << turned;
      EXPECT_EQ(o.kind, e.kind) << what;
      EXPECT_EQ(o.address, e.address) << what;
      EXPECT_EQ(o.lg2, e.lg2) << what;
      EXPECT_EQ(o.allow, e.allow) << what;
      auto says     = o.says;
      says.software = e.says.software;
      EXPECT_EQ(says, e.says) << what;
    }
  });
}

TEST(any_entry, that_differs_in_a_bit_that_tells_it_is_something_else) {
  for_entries(false, [](variant const &v, unsigned level, u64 entry) {
    auto const &f = *v.description;
    auto const  e = decode(f, v.name, level, entry);
    if (e.kind != entry_kind::leaf && e.kind != entry_kind::table) return;
    for (u64 told = anatomy_of(f, e.shape).told; told != 0; told &= told - 1) {
      auto const o = decode(f, v.name, level, entry ^ (told & -told));
      EXPECT_FALSE(o.kind == e.kind && o.shape.form == e.shape.form && o.next == e.next)
          << v.name << " level " << level << " " << std::hex << entry << " without bit " << std::dec
          << trailing_ones((told & -told) - 1);
    }
  });
}

TEST(any_entry, that_is_valid_is_rejected_with_any_bit_that_its_boxes_show_to_be_zero) {
  for_entries(false, [](variant const &v, unsigned level, u64 entry) {
    auto const &f = *v.description;
    auto const  e = decode(f, v.name, level, entry);
    if (e.kind != entry_kind::leaf && e.kind != entry_kind::table) return;
    auto const a = anatomy_of(f, e.shape);
    for (u64 zero = a.rejected & ~a.told; zero != 0; zero &= zero - 1)
      EXPECT_EQ(decode(f, v.name, level, entry | (zero & -zero)).kind, entry_kind::reserved)
          << v.name << " level " << level << " " << std::hex << entry << " with " << (zero & -zero);
  });
}

}  // namespace
}  // namespace pagewright::catalogue
