// SPDX-License-Identifier: MIT
// x86_64: entries, flags and the encryption bit (S97..S105, S144, S145), what was misread (D15, D16, D19, D20), and
// what users asked of it (U10, U14, U15, U19, U23).
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

using namespace parity;

namespace {

constexpr dynamic    l4{&x86::x86_64_4level};
constexpr attributes rw{.allow = rights::kernel_rw};

constexpr unsigned c_bit = 47, s_bit = 51;
constexpr format   sev = x86::paging_4level({.encryption_bit = c_bit}),
                 sev5 = x86::paging_5level({.encryption_bit = c_bit}), tdx = x86::paging_4level({.shared_bit = s_bit}),
                 keyed = x86::paging_4level({.protection_keys = true});
static_assert(is_sound<sev>() && is_sound<sev5>() && is_sound<tdx>() && is_sound<keyed>());

auto base_of(unsigned level, u64 entry) -> u64 {
  u64 base = ~u64{0};
  with_form(l4, level, entry, [&](auto f) { base = leaf_base(l4, level, f, entry).value; });
  return base;
}

}  // namespace

TEST(x86_64, S97_S98_D15_unused_and_present_are_different_questions_with_one_answer_everywhere) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {0x1000}, rw, m.owed)));
  u64 const swapped = 0x1234'5000 | bit(9);  // not zero, not present
  EXPECT_TRUE(is_vacant(l4, 0u, 0) && !is_vacant(l4, 0u, swapped));
  EXPECT_EQ(kind_of(l4, 0u, swapped), entry_kind::absent);
  EXPECT_TRUE(m.space.set_entry({0x1000}, 0, swapped, m.owed));
  auto const page = page_4k::containing({0x1000});
  // x86_64: map says mapped, unmap says not mapped, translate both.
  EXPECT_EQ(why(map(m.space, page, frame_4k{}, rw, m.owed)), error_reason::occupied);
  EXPECT_EQ(why(m.query(0x1000)), fault_reason::absent);
  EXPECT_EQ(m.query(0x1000).error().entry, swapped) << "with the note";
  EXPECT_EQ(why(translate(m.space, page)), error_reason::not_mapped);
  EXPECT_EQ(why(unmap(m.space, page, m.owed)), error_reason::not_mapped);
  EXPECT_TRUE(done(m.space.unmap(range_of(page), m.owed))) << "a range is cleared of everything, notes too";
  EXPECT_EQ(m.entry(0x1000), 0u);
}

TEST(x86_64, U10_notes_in_absent_entries_are_an_operation_and_come_back_from_walks) {
  machine m{x86::x86_64_4level};
  EXPECT_EQ(why(m.space.annotate(span_of(0, 8 * K), x86::p | 0x1000, m.owed)), error_reason::fixed_bits)
      << "hardware would follow it";
  EXPECT_TRUE(done(m.space.annotate(span_of(0x1000, 8 * K), 0x77'7000, m.owed)));
  EXPECT_EQ(m.query(0x2000).error().entry, 0x77'7000u);
  EXPECT_EQ(why(m.space.map(span_of(0, 64 * K), {0}, rw, m.owed)), error_reason::occupied);
  EXPECT_EQ(m.tables(), 3u);
  EXPECT_TRUE(done(m.space.clean_up(span_of(0, 2 * M), m.owed)));
  EXPECT_EQ(m.tables(), 3u) << "a table that holds a note is not empty";
  EXPECT_TRUE(done(m.space.unmap(span_of(0, 2 * M), m.owed)));
  EXPECT_EQ(m.tables(), 0u);
}

TEST(x86_64, S99_unknown_bits_are_kept) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(
      m.space.map(span_of(0, 4 * K), {0x1000}, {.allow = rights::kernel_rw, .software = bit(52) | bit(10)}, m.owed)));
  EXPECT_TRUE(done(m.space.protect(span_of(0, 4 * K), rights::kernel_ro, m.owed)));
  EXPECT_EQ(m.entry(0), 0x1000u | x86::p | x86::a | x86::d | x86::xd | bit(52) | bit(10));
  EXPECT_EQ(m.query(0)->entry, m.entry(0)) << "the whole entry comes with every translation";
}

TEST(x86_64, S100_U14_the_address_in_an_entry_depends_on_its_level) {
  EXPECT_EQ(base_of(0, 0x1234'5083), 0x1234'5000u) << "bit 7 of a small page is PAT";
  EXPECT_EQ(base_of(1, 0x1220'1083), 0x1220'0000u) << "bit 12 of a large one is";
  EXPECT_EQ(base_of(2, 0x4000'1083), 0x4000'0000u);
}

TEST(x86_64, S101_D19_U14_U23_pat_is_understood_in_pages_of_every_size) {
  // PAT entry 5 is write-combining here: bits PAT=1, PCD=0, PWT=1.
  static constexpr format wc = x86::paging_4level({.types = x86::pat(0x0007'0106'0007'0406)});
  machine                 m{wc};
  attributes const        frame_buffer{.allow = rights::kernel_rw, .type = memory_type::wc};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x1000}, frame_buffer, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {4 * M}, frame_buffer, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(1 * G, 1 * G), {2 * G}, frame_buffer, m.owed)));
  EXPECT_EQ(m.entry(0x1000) & 0x98, bit(7) | bit(3));
  EXPECT_EQ(m.entry(2 * M) & 0x1098, bit(12) | bit(7) | bit(3)) << "there bit 7 says that it is large";
  EXPECT_EQ(m.entry(1 * G) & 0x1098, bit(12) | bit(7) | bit(3));
  for (u64 const at : {u64{0x1000}, 2 * M, 1 * G}) EXPECT_EQ(m.query(at)->type, memory_type::wc);
  EXPECT_EQ(m.leads(1 * G + 0x1000), 2 * G + 0x1000);
  // x86_64 takes the small page for a large one and can no longer unmap it, and finds the large one misaligned.
  auto const small = unmap(m.space, page_4k::containing({0x1000}), m.owed);
  ASSERT_TRUE(done(small));
  EXPECT_EQ(small->output.value, 0x1000u);
  auto const large = unmap(m.space, page_2m::containing({2 * M}), m.owed);
  ASSERT_TRUE(done(large));
  EXPECT_EQ(large->output.value, 4 * M);
  EXPECT_TRUE(done(m.space.split(span_of(1 * G, 4 * K), 12, m.owed)));
  EXPECT_EQ(m.entry(1 * G) & 0x1098, bit(7) | bit(3)) << "the bit moves when the page becomes smaller";
}

TEST(x86_64, S102_S103_an_entry_is_made_of_an_address_and_attributes_and_neither_leaks_into_the_other) {
  with_single_form(l4, 1u, [](auto f) {
    auto const bits = encode_attributes(l4, f, {.allow = rights::user_ro, .type = memory_type::uc, .global = true});
    EXPECT_EQ(bits.flaw, inexpressible::no);
    EXPECT_EQ(bits.entry, x86::p | x86::us | bit(3) | bit(4) | x86::a | x86::ps | x86::g | x86::xd);
    EXPECT_EQ(encode_address(l4, 1u, f, {0x40'0000}), 0x40'0000u);
    EXPECT_EQ(encode_address(l4, 1u, f, {0x40'1080}), 0x40'0000u);
    EXPECT_EQ(encode_attributes(l4, f, {.allow = rights::kernel_rw, .software = bit(12)}).flaw,
              inexpressible::software);
  });
}

TEST(x86_64, S104_update_replaces_what_a_page_says_and_keeps_where_it_leads_and_its_marks) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0, 4 * K), {0x1000},
                               {.allow = rights::kernel_rwx, .global = true, .software = bit(9)}, m.owed)));
  auto const page = page_4k{};
  EXPECT_TRUE(done(update(
      m.space, page, {.allow = rights::user_ro, .type = memory_type::uc, .accessed = false, .dirty = false}, m.owed)));
  EXPECT_EQ(m.entry(0), 0x1000u | x86::p | x86::us | bit(3) | bit(4) | x86::a | x86::d | x86::xd);
}

TEST(x86_64, S105_every_flag_is_an_attribute_and_protection_keys_are_known_too) {
  struct row {
    attributes want;
    u64        bits;
  };
  u64 const base = x86::p | x86::xd;
  for (auto const &[want, bits] :
       {row{{.allow = rights::kernel_ro, .accessed = false}, base},
        row{{.allow = rights::kernel_rw, .accessed = false, .dirty = false}, base | x86::rw},
        row{{.allow = rights::user_ro, .accessed = false}, base | x86::us},
        row{{.allow = rights::kernel_rx, .accessed = false}, x86::p},
        row{{.allow = rights::kernel_ro, .type = memory_type::wt, .accessed = false}, base | bit(3)},
        row{{.allow = rights::kernel_ro, .type = memory_type::uc_minus, .accessed = false}, base | bit(4)},
        row{{.allow = rights::kernel_ro, .global = true, .accessed = false}, base | x86::g},
        row{{.allow = rights::kernel_ro}, base | x86::a},
        row{{.allow = rights::kernel_rw}, base | x86::rw | x86::a | x86::d},
        row{{.allow = rights::kernel_ro, .accessed = false, .software = ones(9, 3) | ones(52, 11)},
            base | ones(9, 3) | ones(52, 11)}})
    EXPECT_EQ(encode_attributes(l4, l4->forms[0], want).entry, bits);
  dynamic const pku{&keyed};
  EXPECT_EQ(encode_attributes(pku, pku->forms[0], {.allow = rights::kernel_ro, .software = bit(59)}).flaw,
            inexpressible::software)
      << "bits 62:59 are a key where keys are on";
  EXPECT_EQ(pku->carried, ones(59, 4)) << "and a split keeps it";
}

TEST(x86_64, D16_nothing_takes_a_table_for_a_page_or_a_page_for_a_table) {
  machine m{x86::x86_64_4level};
  EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x7000}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.map(span_of(1 * G, 1 * G), {2 * G}, rw, m.owed)));
  auto const before = m.picture();
  // x86_64: the 2-Mbyte variants turn the pointer to a table into a mapping, and a 1-Gbyte page into a table.
  auto const large = page_2m::containing({0});
  auto const found = translate(m.space, large);
  EXPECT_EQ(why(found), error_reason::not_mapped) << "page 0 of the table is not mapped";
  EXPECT_EQ(why(update(m.space, page_2m::containing({1 * G}), rw, m.owed)), error_reason::wrong_size);
  EXPECT_EQ(why(unmap(m.space, page_4k::containing({1 * G}), m.owed)), error_reason::wrong_size);
  EXPECT_EQ(why(m.space.protect_table({1 * G}, 2, rights::kernel_ro, m.owed)), error_reason::not_a_table);
  EXPECT_EQ(why(m.space.protect_table({0x1000}, 0, rights::kernel_ro, m.owed)), error_reason::not_a_table);
  EXPECT_EQ(m.picture(), before);
}

TEST(x86_64, D20_U15_five_levels_are_a_format_like_any_other) {
  machine   m{x86::x86_64_5level};
  u64 const high = 0x00ff'ffff'ffff'f000;
  EXPECT_TRUE(done(map(m.space, page_4k::containing({high}), frame_4k::containing({0x5000}), rw, m.owed)));
  EXPECT_EQ(m.tables(), 4u);
  EXPECT_EQ(m.leads(high + 0x123), 0x5123u);
  EXPECT_EQ(m.entry(high, 4) & 0xfff, x86::p | x86::rw | x86::us);
  // Chosen at boot between two formats known at compile time.
  one_of<x86::x86_64_4level, x86::x86_64_5level> const chosen{1};
  EXPECT_EQ(chosen.visit([](auto h) { return h->input_bits(); }), 57u);
}

// --- encryption ------------------------------------------------------------------------------------------------------

TEST(x86_64, S144_U19_the_encryption_bit_is_part_of_the_description_and_no_global_state) {
  for (auto const *f : {&sev, &sev5}) {
    machine m{*f};
    EXPECT_TRUE(done(m.space.map(span_of(0x1000, 4 * K), {0x7000}, rw, m.owed)));
    EXPECT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {4 * M}, rw, m.owed)));
    for (unsigned level = 0; level < f->depth; ++level)
      EXPECT_NE(m.entry(0x1000, level) & bit(c_bit), 0u) << "level " << level;
    EXPECT_NE(m.entry(2 * M) & bit(c_bit), 0u);
    EXPECT_EQ(m.leads(2 * M + 0x1234), 4 * M + 0x1234) << "it is no address bit";
    EXPECT_EQ(why(m.space.map(span_of(4 * M, 4 * K), {bit(c_bit)}, rw, m.owed)), error_reason::too_wide);
  }
  EXPECT_EQ(x86::x86_64_4level.output_bits, 52) << "other formats are not touched";
}

TEST(x86_64, S145_whether_a_page_is_encrypted_is_an_attribute_of_it) {
  machine m{sev};
  EXPECT_TRUE(
      done(m.space.map(span_of(0x1000, 4 * K), {0x7000}, {.allow = rights::kernel_rw, .shared = true}, m.owed)));
  EXPECT_EQ(m.entry(0x1000) & bit(c_bit), 0u) << "SEV: shared is the bit cleared";
  EXPECT_TRUE(m.query(0x1000)->shared);
  EXPECT_TRUE(done(m.space.update(span_of(0x1000, 4 * K), rw, m.owed)));
  EXPECT_NE(m.entry(0x1000) & bit(c_bit), 0u);
  EXPECT_FALSE(m.query(0x1000)->shared);
  machine t{tdx};
  EXPECT_TRUE(
      done(t.space.map(span_of(0x1000, 4 * K), {0x7000}, {.allow = rights::kernel_rw, .shared = true}, t.owed)));
  EXPECT_NE(t.entry(0x1000) & bit(s_bit), 0u) << "TDX: shared is the bit set";
  EXPECT_EQ(t.entry(0x1000, 1) & bit(s_bit), 0u) << "tables are private";
  EXPECT_TRUE(t.query(0x1000)->shared);
  machine plain{x86::x86_64_4level};
  EXPECT_TRUE(done(plain.space.map(span_of(0x1000, 4 * K), {0x7000}, rw, plain.owed)))
      << "x86_64 panics if not configured";
  EXPECT_FALSE(plain.query(0x1000)->shared);
}

TEST(x86_64, S145_splitting_and_collapsing_keep_the_encryption_bit) {
  machine m{sev};
  EXPECT_TRUE(done(m.space.map(span_of(0, 2 * M), {4 * M}, rw, m.owed)));
  EXPECT_TRUE(done(m.space.update(span_of(0, 4 * K), {.allow = rights::kernel_rw, .shared = true}, m.owed)));
  EXPECT_EQ(m.entry(0) & bit(c_bit), 0u);
  EXPECT_NE(m.entry(0x1000) & bit(c_bit), 0u);
  EXPECT_NE(m.entry(0, 1) & bit(c_bit), 0u) << "the new table lies in private memory";
  EXPECT_TRUE(done(m.space.collapse(span_of(0, 2 * M), m.owed)));
  EXPECT_EQ(m.query(0)->lg2, 12) << "pages that differ are not one";
  EXPECT_TRUE(done(m.space.update(span_of(0, 4 * K), rw, m.owed)));
  EXPECT_TRUE(done(m.space.collapse(span_of(0, 2 * M), m.owed)));
  EXPECT_EQ(m.query(0)->lg2, 21);
  EXPECT_NE(m.entry(0) & bit(c_bit), 0u);
}
