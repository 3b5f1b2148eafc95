// SPDX-License-Identifier: MIT
// Every rule of check(): a mistake planted in a good description is found and named.
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>

#include <algorithm>

#include "golden.hpp"

namespace {

using namespace pagewright;

struct mistake {
  char const   *name;   // of the test
  format const *good;
  void        (*plant)(format &);
  rule          what;   // expected
  unsigned      level;
  char const   *where;

  friend void PrintTo(mistake const &m, std::ostream *out) { *out << m.name; }
};

constexpr auto &amd64 = x86::x86_64_4level;
constexpr auto &sv39  = riscv::sv39;
constexpr auto &arm   = arm64::stage1_4k_48_lower;

constexpr auto field_named(format &f, std::string_view name) -> field & {
  for (auto &one : f.fields)
    if (one.name != nullptr && one.name == name) return one;
  return f.fields[0];
}

constexpr mistake mistakes[]{
  {"table_smaller_than_its_slots", &sv39, [](format &f) { f.levels[2].table_lg2 = 3; }, rule::index_ranges, 2, "L2"},
  {"sparse_but_present", &sv39, [](format &f) { f.levels[0].sparse = all_set(1); }, rule::match_impossible, 0, "L0"},
  {"bounds_after_an_empty_row", &sv39, [](format &f) { f.table_bounds[1] = {always, {54, 3, 0}, false, 6}; },
   rule::match_impossible, 0, "table_bounds"},
  {"bounds_in_impossible_units", &sv39, [](format &f) { f.table_bounds[0] = {always, {54, 3, 0}, false, 64}; },
   rule::match_impossible, 0, "table_bounds"},
  {"bounds_in_the_address", &sv39, [](format &f) { f.table_bounds[0] = {always, {20, 3, 0}, true, 6}; },
   rule::address_shared, 1, "L1"},
  {"new_tables_cut_short", &sv39, [](format &f) { f.table_bounds[0] = {always, {54, 3, 0}, false, 6}; },
   rule::table_entry, 1, "L1"},
  {"next_level_outside", &sv39, [](format &f) { f.next_level = {62, 3, 0}; }, rule::match_impossible, 0, "next_level"},
  {"no_name", &sv39, [](format &f) { f.name = nullptr; }, rule::format_unnamed, 0, "format"},
  {"no_manual", &sv39, [](format &f) { f.spec = nullptr; }, rule::format_unnamed, 0, "format"},
  {"entry_of_16_bytes", &sv39, [](format &f) { f.entry_bytes = 16; }, rule::entry_width, 0, "riscv-sv39"},
  {"no_levels", &sv39, [](format &f) { f.depth = 0; }, rule::depth, 0, "riscv-sv39"},
  {"nameless_level", &sv39, [](format &f) { f.levels[1].name = nullptr; }, rule::level_unnamed, 1, "riscv-sv39"},
  {"gap_in_the_index", &sv39, [](format &f) { f.levels[1].index_bits = 8; }, rule::index_ranges, 1, "L1"},
  {"index_past_64_bits", &sv39, [](format &f) { f.levels[2].index_bits = 35; }, rule::index_ranges, 2, "L2"},
  {"index_in_the_tag", &arm, [](format &f) { f.tag_bits = 17; }, rule::index_ranges, 3, "L0"},
  {"no_output", &sv39, [](format &f) { f.output_bits = 0; }, rule::output_width, 0, "riscv-sv39"},
  {"output_out_of_reach", &sv39, [](format &f) { f.output_bits = 57; }, rule::output_width, 0, "riscv-sv39"},
  {"zero_is_present", &sv39, [](format &f) { f.absent = {1, 1}; }, rule::vacant_is_absent, 0, "riscv-sv39"},
  {"nothing_is_absent", &sv39, [](format &f) { f.absent = never; }, rule::absent_all_or_none, 0, "riscv-sv39"},
  {"everything_is_absent", &sv39, [](format &f) { f.absent = always; }, rule::absent_all_or_none, 0, "riscv-sv39"},
  {"levels_of_one_name", &sv39, [](format &f) { f.levels[2].name = "L0"; }, rule::named_twice, 2, "L0"},
  {"forms_of_one_name", &amd64, [](format &f) { f.forms[1].name = "page"; }, rule::named_twice, 1, "page"},
  {"tables_at_level_0", &sv39, [](format &f) { f.levels[0].table = {15, 1}; }, rule::level_0, 0, "L0"},
  {"no_leaves_at_level_0", &sv39, [](format &f) { f.levels[0].leaves = {}; }, rule::level_0, 0, "L0"},
  {"no_single_leaf_at_level_0", &sv39, [](format &f) { f.levels[0].leaves = {1}; }, rule::no_single, 0, "L0"},
  {"no_tables_at_level_1", &sv39, [](format &f) { f.levels[1].table = never; }, rule::tables_above, 1, "L1"},
  {"leaf_without_a_form", &sv39, [](format &f) { f.levels[1].leaves = {3}; }, rule::leaf_form, 1, "L1"},
  {"gap_in_the_leaves", &sv39, [](format &f) { f.levels[1].leaves = {0, no_form, 1}; }, rule::leaf_form, 1, "L1"},
  {"impossible_table", &sv39, [](format &f) { f.levels[1].table = {1, 3}; }, rule::match_impossible, 1, "L1"},
  {"impossible_dirty", &sv39, [](format &f) { f.forms[0].dirty = {0x40, 0x80}; }, rule::match_impossible, 0, "page"},
  {"match_beyond_the_entry", &riscv::sv32, [](format &f) { f.forms[0].dirty = all_set(bit(40)); },
   rule::match_impossible, 0, "page"},
  {"field_after_a_gap", &sv39, [](format &f) { f.fields[2].name = nullptr; }, rule::field_unnamed, 2, "riscv-sv39"},
  {"field_past_the_entry", &sv39, [](format &f) { field_named(f, "N").width = 2; }, rule::field_outside, 63, "N"},
  {"field_of_nothing", &sv39, [](format &f) { field_named(f, "N").on = 0; }, rule::field_outside, 63, "N"},
  {"two_names_for_a_bit", &sv39, [](format &f) { field_named(f, "G").lo = 4; }, rule::fields_overlap, 4, "G"},
  {"unnamed_bit", &sv39, [](format &f) { field_named(f, "RSW").width = 1; }, rule::bit_unnamed, 9, "page"},
  {"unnamed_bit_of_tables", &amd64, [](format &f) { field_named(f, "PS").on = on_form(1); },
   rule::bit_unnamed, 7, "table entry"},
  {"address_past_the_entry", &riscv::sv32, [](format &f) { f.forms[0].address[0].width = 23; },
   rule::address_outside, 0, "page"},
  {"address_past_64_bits", &sv39, [](format &f) { f.forms[0].address[1] = {54, 1, 64}; }, rule::address_outside, 0,
   "page"},
  {"address_bit_said_twice", &sv39, [](format &f) { f.forms[0].address[1] = {10, 1, 60}; },
   rule::address_overlap, 0, "page"},
  {"address_said_by_two_bits", &sv39, [](format &f) { f.forms[0].address[1] = {8, 1, 13}; },
   rule::address_overlap, 0, "page"},
  {"gap_in_the_address", &amd64, [](format &f) { f.forms[0].address[1] = {53, 1, 53}; }, rule::address_gap, 0, "page"},
  {"address_starts_late", &amd64, [](format &f) { f.forms[1].address[0] = {22, 30, 22}; },
   rule::address_gap, 1, "large page"},
  {"table_address_starts_late", &amd64, [](format &f) { f.table_address[0] = {13, 39, 13}; },
   rule::address_gap, 1, "table_address"},
  {"right_in_the_address", &amd64, [](format &f) { f.forms[0].grants[0] = granted_by(rights::writers, bit(20)); },
   rule::address_shared, 0, "page"},
  {"right_in_the_table_address", &amd64, [](format &f) { f.table_grants[0] = granted_by(rights::writers, bit(20)); },
   rule::address_shared, 1, "PD"},
  {"reserved_bit_in_the_address", &amd64, [](format &f) { f.forms[1].zero |= bit(21); },
   rule::address_shared, 1, "large page"},
  {"type_in_a_right", &amd64, [](format &f) { f.forms[0].type[0] = {1, 2, 0}; }, rule::bits_shared, 0, "page"},
  {"software_in_a_flag", &amd64, [](format &f) { f.software |= bit(6); }, rule::bits_shared, 0, "page"},
  {"carried_type", &amd64, [](format &f) { f.carried |= bit(3); }, rule::bits_shared, 0, "page"},
  {"reserved_bit_in_a_new_leaf", &sv39, [](format &f) { f.forms[0].base |= bit(60); },
   rule::base_is_reserved, 0, "page"},
  {"reserved_bit_in_a_new_table", &sv39, [](format &f) { f.levels[1].table_base |= bit(6); },
   rule::base_is_reserved, 1, "L1"},
  {"type_index_too_wide", &amd64, [](format &f) { f.forms[0].type[1].to = 5; }, rule::type_table, 0, "page"},
  {"no_type_at_all", &sv39, [](format &f) { for (auto &t : f.types) t = memory_type::reserved; },
   rule::type_table, 0, "page"},
  {"everything_live_but_bbm", &arm, [](format &f) { f.live = ~u64{0}; }, rule::masks, 0, "live, software, carried"},
  {"little_live_without_bbm", &amd64, [](format &f) { f.live = 1; }, rule::masks, 0, "live, software, carried"},
  {"resizing_without_bbm", &amd64, [](format &f) { f.resizes_live = true; }, rule::masks, 0, "live, software, carried"},
  {"software_is_not_live", &arm, [](format &f) { f.live &= ~bit(55); }, rule::masks, 0, "live, software, carried"},
  {"run_outgrows_its_table", &sv39, [](format &f) { f.forms[1].run_lg2 = 10; f.forms[1].address[0] = {20, 34, 22}; },
   rule::run, 1, "64-Kbyte page"},
  // The meaning: what is encoded is not what is decoded.
  {"new_table_is_a_leaf", &amd64, [](format &f) { f.levels[2].table_base |= bit(7); }, rule::table_entry, 2, "PDPT"},
  {"new_table_withholds", &amd64, [](format &f) { f.table_grants[0].on = 0; }, rule::table_entry, 1, "PD"},
  {"new_table_is_global", &sv39, [](format &f) { f.levels[1].table_base |= bit(5); }, rule::table_entry, 1, "L1"},
  {"new_leaf_is_a_table", &amd64, [](format &f) { f.forms[1].base &= ~bit(7); }, rule::leaf_entry, 1, "large page"},
  {"new_leaf_is_absent", &arm, [](format &f) { f.forms[0].base &= ~u64{1}; }, rule::leaf_absent, 0, "page"},
  {"new_leaf_is_of_another_form", &arm, [](format &f) { f.levels[0].leaves = {0, 1}; f.forms[0].is = {3, 3}; },
   rule::leaf_entry, 0, "contiguous page"},
  {"new_leaf_is_reserved", &sv39, [](format &f) { f.reserved_leaf[3] = all_set(1); }, rule::rights_lost, 0, "page"},
  {"type_in_the_base", &amd64, [](format &f) { f.forms[0].base |= bit(3); },
   rule::memory_type_lost, 0, "page"},
  {"accessed_in_the_base", &amd64, [](format &f) { f.forms[0].base |= bit(5); }, rule::flags_lost, 0, "page"},
  {"software_in_the_base", &amd64, [](format &f) { f.forms[0].base |= bit(9); }, rule::flags_lost, 0, "page"},
};

class planted : public testing::TestWithParam<mistake> {};

TEST_P(planted, mistake_is_found_and_named) {
  auto const &m = GetParam();
  ASSERT_FALSE(check(*m.good)) << "the description was not good to begin with";
  format f = *m.good;
  m.plant(f);
  auto const found = check(f);
  EXPECT_STREQ(text(found.what), text(m.what));
  EXPECT_EQ(found.level, m.level);
  EXPECT_STREQ(found.where, m.where);
}

INSTANTIATE_TEST_SUITE_P(check, planted, testing::ValuesIn(mistakes), [](auto const &one) { return one.param.name; });

TEST(check, has_a_planted_mistake_for_every_rule) {
  for (unsigned n = 1; n <= unsigned(rule::flags_lost); ++n)
    EXPECT_TRUE(std::ranges::any_of(mistakes, [&](auto const &m) { return unsigned(m.what) == n; }))
        << text(static_cast<rule>(n));
}

// The same while compiling.
constexpr auto overlapping = [] {
  format f = sv39;
  field_named(f, "G").lo = 4;
  return check(f);
}();
static_assert(overlapping.what == rule::fields_overlap && overlapping.level == 4 && overlapping.where[0] == 'G');
static_assert(!check(riscv::sv39));

}  // namespace
