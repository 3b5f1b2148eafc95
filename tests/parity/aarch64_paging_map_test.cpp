// SPDX-License-Identifier: MIT
// aarch64-paging, rows about mapping, unmapping, visiting and compacting tables (S147..S158, S167..S170, S179..S185,
// S190..S201), with the assertions of their modules idmap, linearmap and paging on tables that are not in use.
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/x86.hpp>

#include "fixture.hpp"

namespace parity {
namespace {

using arm64::granule, arm64::half;

constexpr format lower_39 = arm64::stage1({.input_bits = 39});
constexpr format upper_39 = arm64::stage1({.input_bits = 39, .space = half::upper});

constexpr attributes kernel_data{.allow = rights::kernel_rw, .global = true};
constexpr attributes kernel_text{.allow = rights::kernel_rx, .global = true};
constexpr leaf_limits pages_only{.largest_lg2 = 12, .runs = false};
constexpr u64 absent_note = bit(55);  // SWFLAG_0 without VALID

auto all_zero(machine &m, output_address table) -> bool {
  for (u64 i = 0; i < 512; ++i)
    if (m.word(table + 8 * i) != 0) return false;
  return true;
}
/// Does every page of `where` lead `offset` further?
auto leads_on(machine &m, range where, u64 offset) -> bool {
  for (u64 at = where.first.value; at < where.last.value; at += 4 * K)
    if (m.leads(at) != at + offset) return false;
  return true;
}

}  // namespace

// --- S147..S150, S154, S182..S185: identity and linear maps --------------------------------------------------------

TEST(aarch64_paging_map, S147_S148_S149_S150_S170_a_space_is_a_format_a_root_and_what_it_works_with) {
  machine m{lower_39};
  EXPECT_EQ(m.space.top().table, m.top.table) << "root_address, to_physical";
  EXPECT_EQ(m.space.format().input_bits(), 39u) << "size";
  root const with_asid{m.top.table, 7};
  EXPECT_EQ(address_space(m.h, with_asid, m.memory, m.frames, m.tlb).top().asid, 7u) << "asid";
}

TEST(aarch64_paging_map, S154_S182_S183_idmap_map_valid) {
  // Their map_valid: one page, two pages, the last page, two over a subtable border, everything.
  for (range const where : {span_of(0, 4 * K), span_of(0, 8 * K), span_of(bit(39) - 4 * K, 4 * K),
                            span_of(2 * M - 4 * K, 8 * K), span_of(G - 4 * K, 8 * K)}) {
    machine m{lower_39};
    ASSERT_TRUE(done(m.space.identity_map(where, kernel_data, m.owed)));
    EXPECT_TRUE(leads_on(m, where, 0));
    u64 const next = where.last.value + 1;
    EXPECT_EQ(m.query(next).error().why, next == bit(39) ? fault_reason::outside_input : fault_reason::absent);
  }
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.identity_map(span_of(0, bit(39)), kernel_data, m.owed)));
  EXPECT_EQ(m.tables(), 0u) << "1 GiB blocks in the root";
  EXPECT_EQ(m.leads(bit(39) - 1), bit(39) - 1);
}

TEST(aarch64_paging_map, S184_S185_linearmap_map_valid_with_both_signs_of_offset) {
  for (std::int64_t const offset : {std::int64_t{0}, std::int64_t{4096}, std::int64_t{1} << 40}) {
    machine m{lower_39};
    for (range const where : {span_of(0, 8 * K), span_of(bit(39) - 4 * K, 4 * K)}) {
      ASSERT_TRUE(done(m.space.linear_map(where, offset, kernel_data, m.owed)));
      EXPECT_TRUE(leads_on(m, where, static_cast<u64>(offset)));
    }
  }
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.linear_map(span_of(1 * G, 8 * K), -std::int64_t{1 * G}, kernel_data, m.owed)));
  EXPECT_EQ(m.leads(1 * G + 0x1234), 0x1234u);
  ASSERT_TRUE(done(m.space.linear_map(span_of(bit(39) - 4 * K, 4 * K), -std::int64_t{4096}, kernel_data, m.owed)));
  EXPECT_EQ(m.leads(bit(39) - 1), bit(39) - 4 * K - 1);
}

TEST(aarch64_paging_map, S184_S185_linear_map_of_the_upper_half) {
  // Their ttbr1 tests: addresses of the upper half are negative numbers; with the offset they must become positive.
  machine m{upper_39};
  u64 const first = 0xffff'ff80'0000'0000;
  auto const to_zero = static_cast<std::int64_t>(0 - first);
  ASSERT_TRUE(done(m.space.linear_map(span_of(first, 2 * M), to_zero, kernel_data, m.owed)));
  EXPECT_EQ(m.leads(first + 0x1234), 0x1234u);
  ASSERT_TRUE(done(m.space.linear_map({{~u64{0} - 4095}, {~u64{0}}}, to_zero, kernel_data, m.owed)));
  EXPECT_EQ(m.leads(~u64{0}), bit(39) - 1);
  auto const before = m.picture();
  EXPECT_EQ(why(m.space.linear_map(span_of(first + 4 * M, 4 * K), to_zero - std::int64_t(8 * M), kernel_data, m.owed)),
            error_reason::too_wide) << "a physical address below 0";
  EXPECT_EQ(m.picture(), before);
}

TEST(aarch64_paging_map, S184_S185_offsets_that_lead_nowhere_are_errors) {
  // Their map_invalid_offset, virtual_address_out_of_range, physical_address_out_of_range.
  machine m{lower_39};
  auto const linear = [&](u64 at, std::int64_t offset) {
    return why(m.space.linear_map(span_of(at, 4 * K), offset, kernel_data, m.owed));
  };
  EXPECT_EQ(linear(0, 4095), error_reason::misaligned) << "theirs panics";
  EXPECT_EQ(linear(0, -4096), error_reason::too_wide);
  EXPECT_EQ(linear(0, std::int64_t(bit(48))), error_reason::too_wide);
  EXPECT_EQ(linear(bit(39), 0), error_reason::outside_input);
  // Their start is checked, their end is not: the last page here leads beyond 48 bits.
  auto const too_far = m.space.linear_map(span_of(0, 8 * K), std::int64_t(bit(48) - 4 * K), kernel_data, m.owed);
  EXPECT_EQ(why(too_far), error_reason::too_wide);
  EXPECT_TRUE(all_zero(m, m.top.table));
}

TEST(aarch64_paging_map, S190_map_out_of_range) {
  machine m{lower_39};
  for (range const where : {span_of(bit(39), 4 * K), span_of(0, bit(39) + 4 * K), span_of(bit(39) - 4 * K, 8 * K),
                            range{{bit(63)}, {bit(63) + 4095}}, range{{0}, {~u64{0}}}})
    EXPECT_EQ(why(m.space.map(where, {0}, kernel_data, m.owed)), error_reason::outside_input);
  machine up{upper_39};
  u64 const below_it = 0xffff'ff7f'ffff'f000;
  for (range const where : {span_of(0, 4 * K), span_of(below_it, 8 * K), range{{below_it}, {~u64{0}}}})
    EXPECT_EQ(why(up.space.map(where, {0}, kernel_data, up.owed)), error_reason::outside_input) << "both ends count";
  EXPECT_FALSE(range::between({8 * K}, {1})) << "update_backwards_range: cannot be asked for";
}

// --- S191..S196: what map writes -----------------------------------------------------------------------------------

TEST(aarch64_paging_map, S193_S196_block_mapping) {
  // Their linearmap::block_mapping: a 1 GiB block if and only if the output is aligned as well, else 2 MiB.
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 1 * G), {4 * G}, kernel_data, m.owed, {.runs = false})));
  EXPECT_EQ(m.query(0)->lg2, 30u);
  ASSERT_TRUE(done(m.space.map(span_of(1 * G, 1 * G), {8 * G + 2 * M}, kernel_data, m.owed, {.runs = false})));
  EXPECT_EQ(m.query(1 * G)->lg2, 21u);
  ASSERT_TRUE(done(m.space.map(span_of(2 * G, 2 * M), {4 * K}, kernel_data, m.owed, {.runs = false})));
  EXPECT_EQ(m.query(2 * G)->lg2, 12u);
  EXPECT_TRUE(leads_on(m, span_of(2 * G, 2 * M), 4 * K - 2 * G));
}

TEST(aarch64_paging_map, S193_U26_dont_use_l0_block_mapping) {
  auto const f = arm64::stage1({});
  machine m{f};
  ASSERT_TRUE(done(m.space.map(span_of(0, 512 * G), {0}, kernel_data, m.owed, {.runs = false})));
  EXPECT_EQ(m.query(511 * G)->level, 2u) << "their level 1";
  EXPECT_EQ(m.tables(), 1u);
  ASSERT_TRUE(done(m.space.unmap(span_of(0, 512 * G), m.owed)));
  m.space.settle(m.owed);
  EXPECT_TRUE(all_zero(m, m.top.table));
  EXPECT_EQ(m.frames.out(), 1u);
}

TEST(aarch64_paging_map, S169_both_constraints_are_kept) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 4 * M), {0}, kernel_data, m.owed, pages_only)));
  EXPECT_EQ(m.query(2 * M)->lg2, 12u) << "NO_BLOCK_MAPPINGS";
  EXPECT_EQ(m.entry(2 * M) & arm64::contiguous, 0u) << "NO_CONTIGUOUS_HINT, which theirs never reads";
  ASSERT_TRUE(done(m.space.map(span_of(4 * M, 128 * K), {4 * M}, kernel_data, m.owed)));
  EXPECT_EQ(m.query(4 * M)->run_lg2, 4u) << "and without it runs are written";
}

TEST(aarch64_paging_map, S196_contiguous_only_where_a_whole_aligned_run_is_mapped) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(4 * K, 128 * K), {4 * K}, kernel_data, m.owed)));
  for (u64 at = 4 * K; at < 132 * K; at += 4 * K)
    EXPECT_EQ((m.entry(at) & arm64::contiguous) != 0, at >= 64 * K && at < 128 * K) << std::hex << at;
  ASSERT_TRUE(done(m.space.map(span_of(1 * M, 64 * K), {2 * M + 4 * K}, kernel_data, m.owed)));
  EXPECT_EQ(m.entry(1 * M) & arm64::contiguous, 0u) << "the output is not aligned to the run";
}

TEST(aarch64_paging_map, S191_S192_what_is_mapped_is_never_replaced_in_silence) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {64 * M}, kernel_data, m.owed)));
  auto const before = m.picture();
  for (range const where :
       {span_of(2 * M, 2 * M), span_of(2 * M, 4 * K), span_of(0, 8 * M), span_of(4 * M - 4 * K, 4 * K)}) {
    auto const bad = m.space.map(where, {where.first.value + 62 * M}, kernel_data, m.owed);
    ASSERT_EQ(why(bad), error_reason::occupied) << "also for what is there already";
    EXPECT_EQ(bad.error().entry, m.entry(2 * M));
  }
  EXPECT_EQ(m.picture(), before);
  auto same = kernel_data;
  same.dirty = m.query(2 * M)->dirty;
  ASSERT_TRUE(done(m.space.update(span_of(2 * M, 4 * K), same, m.owed)));
  EXPECT_EQ(m.picture(), before) << "update with what is there already: no-op, keeps the larger block";
}

TEST(aarch64_paging_map, S194_unmap_subtable_and_higher) {
  for (unsigned const bits : {39u, 48u}) {
    auto const f = arm64::stage1({.input_bits = bits});
    machine m{f};
    u64 const slot = bit(f.levels[f.depth - 1].shift);
    ASSERT_TRUE(done(m.space.map(span_of(0, 12 * K), {0}, kernel_data, m.owed, pages_only)));
    ASSERT_TRUE(done(m.space.map(span_of(slot - 2 * M, 2 * M), {0}, kernel_data, m.owed)));
    ASSERT_TRUE(done(m.space.unmap(span_of(0, slot), m.owed)));
    EXPECT_EQ(m.owed.tables().size(), 1u) << "one store cuts it off, with all below it";
    m.space.settle(m.owed);
    EXPECT_TRUE(all_zero(m, m.top.table));
    EXPECT_EQ(m.frames.out(), 1u);
    EXPECT_EQ(m.frames.wrong_releases(), 0u);
  }
}

TEST(aarch64_paging_map, S195_U26_split_table_zero) {
  // A new page's neighbours are exactly zero, though frames come with any content.
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(5 * 4 * K, 4 * K), {0}, kernel_data, m.owed)));
  for (unsigned level = 0; level < 2; ++level) {
    auto const found = m.space.entry({5 * 4 * K}, level);
    ASSERT_TRUE(done(found));
    for (u64 i = 0; i < 512; ++i)
      EXPECT_TRUE(i == found->index || m.word(found->table + 8 * i) == 0) << "level " << level << ", slot " << i;
  }
}

TEST(aarch64_paging_map, S195_a_block_is_split_into_replicas_of_itself) {
  machine m{lower_39};
  attributes const want{.allow = rights::user_rx, .type = memory_type::nc, .software = bit(56)};
  ASSERT_TRUE(done(m.space.map(span_of(0, 2 * M), {64 * M}, want, m.owed)));
  u64 const block = m.entry(0);
  ASSERT_TRUE(done(m.space.split(span_of(0, 2 * M), 12, m.owed)));
  for (u64 at = 0; at < 2 * M; at += 4 * K) EXPECT_EQ(m.entry(at), (block | 3) + at) << std::hex << at;
  m.space.settle(m.owed);
}

TEST(aarch64_paging_map, U26_unaligned_chunks) {
  // Their paging::unaligned_chunks: the ends of a range in pages, the middle in blocks.
  machine m{lower_39};
  range const where{{2 * M - 8 * K}, {6 * M + 12 * K - 1}};
  ASSERT_TRUE(done(m.space.map(where, {where.first.value}, kernel_data, m.owed, {.runs = false})));
  struct {
    std::vector<std::pair<u64, u8>> seen;
    void leaf(pagewright::leaf const &l) { seen.emplace_back(l.input.value, l.lg2); }
  } v;
  sweep(m.h, m.top, everything, m.memory, v);
  EXPECT_EQ(v.seen, (std::vector<std::pair<u64, u8>>{{2 * M - 8 * K, 12}, {2 * M - 4 * K, 12}, {2 * M, 21}, {4 * M, 21},
                                                     {6 * M, 12}, {6 * M + 4 * K, 12}, {6 * M + 8 * K, 12}}));
}

TEST(aarch64_paging_map, S196_U26_physical_addresses_are_checked_and_not_cut) {
  machine m{lower_39};
  auto const map = [&](u64 bytes, u64 to) {
    return m.space.map(span_of(0, bytes), {to}, kernel_data, m.owed, {.runs = false});
  };
  EXPECT_EQ(why(map(4 * K, 0x1234)), error_reason::misaligned) << "theirs: 0x1000";
  EXPECT_EQ(why(map(4 * K, bit(48))), error_reason::too_wide);
  EXPECT_EQ(why(map(8 * K, bit(48) - 4 * K)), error_reason::too_wide);
  ASSERT_TRUE(done(map(2 * M, 2 * M + 4 * K))) << "#17: no block then";
  EXPECT_EQ(m.query(0)->lg2, 12u);
  EXPECT_TRUE(leads_on(m, span_of(0, 2 * M), 2 * M + 4 * K));
}

TEST(aarch64_paging_map, S196_table_attributes_go_into_tables) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 4 * K), {0}, {.allow = rights::kernel_ro, .global = true}, m.owed, {},
                               {.leave = rights::kernel_read})));
  EXPECT_EQ(m.entry(0, 2) >> 59, 0b01111u) << "PXN_TABLE, XN_TABLE, AP_TABLE_NO_EL0, AP_TABLE_NO_WRITE";
  EXPECT_EQ(m.entry(0, 1) >> 59, 0b01111u);
  EXPECT_EQ(m.entry(0) & ones(59, 5), 0u) << "theirs land in the leaf";
  EXPECT_EQ(why(m.space.map(span_of(4 * K, 4 * K), {0}, kernel_data, m.owed)), error_reason::withheld);
  ASSERT_TRUE(done(m.space.protect_table({0}, 1, rights::kernel_rw, m.owed)));
  ASSERT_TRUE(done(m.space.protect_table({0}, 2, rights::kernel_rw, m.owed)));
  ASSERT_TRUE(done(m.space.map(span_of(4 * K, 4 * K), {0}, kernel_data, m.owed)));
  EXPECT_EQ(m.query(4 * K)->effective, rights::kernel_rw);
}

TEST(aarch64_paging_map, S196_U26_software_entries_without_VALID_are_notes) {
  // Their breakup_invalid_block: an invalid entry that carries SWFLAG_0.
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.annotate(span_of(0, 2 * M), absent_note, m.owed)));
  EXPECT_EQ(m.query(4 * K).error().entry, absent_note);
  auto const over = m.space.map(span_of(0, 4 * K), {0}, kernel_data, m.owed);
  EXPECT_EQ(why(over), error_reason::occupied) << "a note is not overwritten";
  ASSERT_TRUE(done(m.space.unmap(span_of(0, 4 * K), m.owed)));
  ASSERT_TRUE(done(m.space.map(span_of(0, 4 * K), {64 * M}, kernel_data, m.owed)));
  EXPECT_EQ(m.leads(0), 64 * M);
  for (u64 at = 4 * K; at < 2 * M; at += 4 * K) EXPECT_EQ(m.entry(at), absent_note) << std::hex << at;
  auto const valid = m.space.annotate(span_of(4 * M, 4 * K), bit(55) | 1, m.owed);
  EXPECT_EQ(why(valid), error_reason::fixed_bits) << "VALID is no note";
  // One entry for all of it, where no page in it is to differ.
  ASSERT_TRUE(done(m.space.set_entry({2 * M}, 1, absent_note, m.owed)));
  EXPECT_EQ(m.query(3 * M).error().entry, absent_note);
  EXPECT_EQ(m.query(3 * M).error().level, 1u);
}

TEST(aarch64_paging_map, S196_a_table_makes_way_for_a_block_once_nothing_is_mapped_below_it) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 4 * K), {0}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.unmap(span_of(0, 4 * K), m.owed, half_covered::split, emptied::keep)));
  EXPECT_EQ(m.tables(), 2u);
  ASSERT_TRUE(done(m.space.map(span_of(0, 2 * M), {64 * M}, kernel_data, m.owed)));
  EXPECT_EQ(m.query(0)->lg2, 21u);
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 2u) << "and its frame is back";
}

// --- S155, S179..S181, S198: changing what is there ----------------------------------------------------------------

TEST(aarch64_paging_map, S155_S179_S198_update_range) {
  // Their update_range: a software flag set by a visitor is there; each leaf is a page.
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 12 * K), {0}, kernel_data, m.owed)));
  unsigned asked = 0;
  auto const flag = [&](leaf const &l) {
    EXPECT_EQ(l.lg2, 12u);
    EXPECT_EQ(l.level, 0u);
    return ++asked, bit_change{.set = bit(55)};
  };
  ASSERT_TRUE(done(m.space.modify(span_of(4 * K, 8 * K), flag, m.owed)));
  EXPECT_EQ(asked, 4u) << "two leaves, twice each";
  EXPECT_EQ(m.entry(0) & bit(55), 0u);
  EXPECT_EQ(m.entry(4 * K) & bit(55), bit(55));
  EXPECT_EQ(m.entry(8 * K) & bit(55), bit(55));
  m.space.settle(m.owed);
}

TEST(aarch64_paging_map, S180_S181_D31_a_visitor_cannot_make_a_leaf_something_else) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {64 * M}, kernel_data, m.owed)));
  auto const before = m.picture();
  for (bit_change const change : {bit_change{.set = bit(1)}, bit_change{.clear = 1}, bit_change{.set = bit(21)},
                                  bit_change{.clear = bit(26)}, bit_change{.set = arm64::contiguous}}) {
    auto const bad = m.space.modify(span_of(2 * M, 2 * M), [&](leaf const &) { return change; }, m.owed);
    ASSERT_EQ(why(bad), error_reason::fixed_bits) << std::hex << change.set << " " << change.clear;
    EXPECT_EQ(bad.error().entry, m.entry(2 * M));
  }
  EXPECT_EQ(m.picture(), before);
  // On absent entries it is not asked: VALID alone, the reserved 0b01, cannot come about.
  ASSERT_TRUE(done(m.space.modify(span_of(0, 2 * M), [](leaf const &) { return bit_change{.set = 1}; }, m.owed)));
  EXPECT_EQ(m.picture(), before);
}

TEST(aarch64_paging_map, S198_what_a_visitor_gets_wrong_at_the_end_undoes_nothing_because_nothing_was_done) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 12 * K), {0}, kernel_data, m.owed)));
  auto const before = m.picture();
  auto const late = [](leaf const &l) { return bit_change{.set = bit(l.input.value == 8 * K ? 12 : 55)}; };
  auto const bad = m.space.modify(span_of(0, 12 * K), late, m.owed);
  ASSERT_EQ(why(bad), error_reason::fixed_bits);
  EXPECT_EQ(bad.error().at.value, 8 * K);
  EXPECT_EQ(m.picture(), before);
  EXPECT_TRUE(m.owed.is_settled());
}

TEST(aarch64_paging_map, S198_D30_nothing_is_split_or_allocated_where_nothing_is_mapped) {
  machine m{lower_39};
  auto const flag = [](leaf const &) { return bit_change{.set = bit(55)}; };
  ASSERT_TRUE(done(m.space.modify(span_of(4 * K, 4 * K), flag, m.owed)));
  ASSERT_TRUE(done(m.space.unmap(span_of(4 * K, 4 * K), m.owed)));
  ASSERT_TRUE(done(m.space.unmap(span_of(2 * M, 2 * M), m.owed)));
  ASSERT_TRUE(done(m.space.protect(span_of(0, bit(39)), rights::kernel_ro, m.owed)));
  EXPECT_EQ(m.frames.peak(), 1u) << "no table was even asked for";
  EXPECT_TRUE(all_zero(m, m.top.table));
  ASSERT_TRUE(done(m.space.map(span_of(0, 2 * M), {4 * K}, kernel_data, m.owed, {.runs = false})));  // pages
  ASSERT_TRUE(done(m.space.unmap(span_of(0, 2 * M), m.owed)));
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 1u) << "unmapping takes no output address that could be misaligned";
}

TEST(aarch64_paging_map, S197_a_dry_run_tells_without_changing) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {64 * M}, kernel_data, m.owed)));
  auto const before = m.bytes.copy();
  EXPECT_EQ(*m.space.tables_needed(span_of(8 * M, 4 * K), {0}, kernel_data), 1u);
  EXPECT_EQ(*m.space.tables_needed(span_of(1 * G, 8 * K), {0}, kernel_data), 2u);
  EXPECT_EQ(why(m.space.tables_needed(span_of(2 * M, 4 * K), {0}, kernel_data)), error_reason::occupied);
  EXPECT_TRUE(done(m.space.may_unmap(span_of(2 * M, 4 * K))));
  EXPECT_EQ(why(m.space.may_unmap(span_of(2 * M, 4 * K), half_covered::refuse)), error_reason::would_split);
  EXPECT_EQ(m.bytes.copy(), before);
}

// --- S156, S199: visiting ------------------------------------------------------------------------------------------

TEST(aarch64_paging_map, S156_S199_walk_range) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 2 * M), {64 * M}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.map(span_of(2 * M + 4 * K, 4 * K), {32 * M}, kernel_text, m.owed)));
  ASSERT_TRUE(done(m.space.annotate(span_of(2 * M + 8 * K, 4 * K), absent_note, m.owed)));
  struct {
    std::vector<std::string> seen;
    void leaf(pagewright::leaf const &l) {
      seen.push_back("leaf " + std::to_string(l.input.value >> 12) + " level " + std::to_string(l.level));
    }
    void hole(gap const &g) {
      seen.push_back((g.entry != 0 ? "note " : "hole ") + std::to_string(g.part.first.value >> 12) + ".." +
                     std::to_string(g.part.last.value >> 12) + " level " + std::to_string(g.level));
    }
  } v;
  EXPECT_TRUE(sweep(m.h, m.top, {{4 * K}, {2 * M + 20 * K - 1}}, m.memory, v));
  EXPECT_EQ(v.seen, (std::vector<std::string>{"leaf 0 level 1", "hole 512..512 level 0", "leaf 513 level 0",
                                              "note 514..514 level 0", "hole 515..516 level 0"}))
      << "invalid entries too; a leaf is told whole";
  struct {
    unsigned holes = 0;
    auto hole(gap const &) -> bool { return ++holes, false; }
  } stops;
  EXPECT_FALSE(sweep(m.h, m.top, span_of(1 * G, 1 * G), m.memory, stops));
  EXPECT_EQ(stops.holes, 1u) << "an empty top-level entry is one hole; an error of the visitor ends the walk";
}

// --- S157, S200, S201, S158: compacting and freeing ----------------------------------------------------------------

TEST(aarch64_paging_map, S157_S200_compact_after_pages_blocks_and_entries_cleared_one_by_one) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 12 * K), {0}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.map(span_of(1 * G, 4 * M), {0}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.map(span_of(2 * G, 8 * K), {0}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.unmap(span_of(0, 12 * K), m.owed, half_covered::split, emptied::keep)));
  ASSERT_TRUE(done(m.space.unmap(span_of(1 * G, 4 * M), m.owed, half_covered::split, emptied::keep)));
  for (u64 const at : {2 * G, 2 * G + 4 * K}) ASSERT_TRUE(done(m.space.set_entry({at}, 0, 0, m.owed)));
  EXPECT_EQ(m.tables(), 5u) << "empty tables stay until they are asked for";
  ASSERT_TRUE(done(m.space.clean_up(span_of(0, bit(39)), m.owed)));
  EXPECT_TRUE(all_zero(m, m.top.table));
  EXPECT_EQ(m.frames.out(), 6u) << "owed, and released with the flush";
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 1u);
}

TEST(aarch64_paging_map, S200_leftover_bits_keep_a_table) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.annotate(span_of(0, 4 * K), absent_note, m.owed)));
  ASSERT_TRUE(done(m.space.clean_up(span_of(0, bit(39)), m.owed)));
  EXPECT_EQ(m.tables(), 2u) << "a note is not thrown away";
  EXPECT_EQ(m.entry(0), absent_note);
}

TEST(aarch64_paging_map, S158_S201_everything_can_be_given_back_and_data_frames_are_not_touched) {
  machine m{lower_39};
  for (u64 at = 0; at < 64 * G; at += 9 * G + 4 * K)
    ASSERT_TRUE(done(m.space.map(span_of(at & ~below(12), 8 * K), {at & ~below(12)}, kernel_data, m.owed)));
  EXPECT_GT(m.frames.out(), 8u);
  ASSERT_TRUE(done(m.space.unmap(span_of(0, bit(39)), m.owed)));
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 1u) << "the root, which is the caller's";
  EXPECT_EQ(m.frames.wrong_releases(), 0u);
  EXPECT_EQ(m.bytes.strays(), 0u) << "what the leaves lead to was never read or written";
}

TEST(aarch64_paging_map, S167_S201_D35_running_out_of_frames_is_an_error_that_changes_nothing) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 2 * M), {64 * M}, kernel_data, m.owed)));
  auto const before = m.picture();
  auto const out = m.frames.out();
  range const where{{1 * G - 2 * M}, {1 * G + 2 * M - 1}};  // pages: two tables of them, and one above the second
  long failed = 0;
  for (;; ++failed) {
    m.frames.fail_after(failed);
    auto const result = m.space.map(where, {where.first.value + 4 * K}, kernel_data, m.owed);
    m.frames.fail_after(-1);
    if (result) break;
    ASSERT_EQ(why(result), error_reason::no_frames);
    ASSERT_EQ(m.picture(), before);
    ASSERT_EQ(m.frames.out(), out);
  }
  EXPECT_EQ(failed, 3);
  EXPECT_TRUE(leads_on(m, where, 4 * K));
}

TEST(aarch64_paging_map, U29_frames_reserved_beforehand_make_a_split_that_cannot_fail) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 2 * M), {64 * M}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.reserve(span_of(0, 2 * M))));
  m.frames.fail_after(0);
  EXPECT_TRUE(done(m.space.split(span_of(0, 2 * M), 12, m.owed)));
  m.frames.fail_after(-1);
  m.space.settle(m.owed);
  EXPECT_EQ(m.query(1 * M)->lg2, 12u);
}

// --- D27, D30, D35 and wishes --------------------------------------------------------------------------------------

TEST(aarch64_paging_map, D27_the_top_of_the_upper_half_can_be_mapped) {
  for (unsigned const bits : {39u, 48u}) {
    auto const f = arm64::stage1({.input_bits = bits, .space = half::upper});
    machine m{f};
    u64 const root_slot = ~below(f.levels[f.depth - 1].shift);  // the last one
    for (u64 const at : {root_slot, root_slot + 2 * M, ~below(12)}) {
      ASSERT_TRUE(done(m.space.map({{at}, {at | below(12)}}, {0x1000}, kernel_data, m.owed))) << std::hex << at;
      EXPECT_EQ(m.leads(at | 0x234), 0x1234u);
    }
    EXPECT_EQ(m.query(~u64{0})->address.value, 0x1fffu) << "the very last byte";
    ASSERT_TRUE(done(m.space.unmap({{root_slot}, {~u64{0}}}, m.owed)));
    m.space.settle(m.owed);
    EXPECT_TRUE(all_zero(m, m.top.table));
  }
}

TEST(aarch64_paging_map, D30_unmapping_needs_no_output_address) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.linear_map(span_of(1 * G, 2 * M), -std::int64_t{1 * G}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.unmap(span_of(1 * G, 2 * M), m.owed)));
  EXPECT_EQ(m.query(1 * G).error().why, fault_reason::absent);
}

TEST(aarch64_paging_map, D35_accessed_and_dirty_marks_are_harvested) {
  auto const f = arm64::stage1({.input_bits = 39, .hardware_dirty = true});
  machine m{f};
  attributes const fresh{.allow = rights::kernel_rw, .global = true, .accessed = false, .dirty = false};
  ASSERT_TRUE(done(m.space.map(span_of(0, 16 * K), {0}, fresh, m.owed, pages_only)));
  auto const at = m.space.entry({4 * K})->slot;
  m.put(at, (m.word(at) | arm64::af) & ~arm64::ap2);  // hardware: written to
  std::vector<u64> dirty;
  auto const harvest = [&](leaf const &l) {
    if (l.dirty) dirty.push_back(l.input.value);
    return l.dirty ? bit_change{.clear = arm64::af, .set = arm64::ap2} : bit_change{};
  };
  ASSERT_TRUE(done(m.space.modify(span_of(0, 16 * K), harvest, m.owed)));
  ASSERT_FALSE(dirty.empty());
  EXPECT_EQ(dirty.front(), 4 * K);
  EXPECT_FALSE(m.query(4 * K)->dirty || m.query(4 * K)->accessed);
  EXPECT_EQ(m.query(4 * K)->effective, rights::kernel_rw) << "still writable";
  m.space.settle(m.owed);
}

TEST(aarch64_paging_map, D35_reverse_lookup_is_a_sweep) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(8 * K, 4 * K), {64 * M}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.map(span_of(1 * G, 2 * M), {64 * M}, kernel_text, m.owed)));
  struct {
    std::vector<u64> at;
    void leaf(pagewright::leaf const &l) {
      if (l.output.value <= 64 * M && 64 * M <= l.output.value + (l.bytes() - 1)) at.push_back(l.input.value);
    }
  } who;
  sweep(m.h, m.top, everything, m.memory, who);
  EXPECT_EQ(who.at, (std::vector<u64>{8 * K, 1 * G}));
}

TEST(aarch64_paging_map, U24_U26_pages_become_blocks_again) {
  machine m{lower_39};
  ASSERT_TRUE(done(m.space.map(span_of(0, 4 * M), {64 * M}, kernel_data, m.owed, pages_only)));
  ASSERT_TRUE(done(m.space.protect(span_of(2 * M, 4 * K), rights::kernel_ro, m.owed)));
  ASSERT_TRUE(done(m.space.collapse(span_of(0, bit(39)), m.owed)));
  EXPECT_EQ(m.query(0)->lg2, 21u);
  EXPECT_EQ(m.query(2 * M)->lg2, 12u) << "that page says something else";
  EXPECT_EQ(m.query(3 * M)->run_lg2, 4u) << "its neighbours become runs";
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 3u);
}

TEST(aarch64_paging_map, U28_LA57_for_forensics) {
  auto const f = x86::x86_64_5level;
  machine m{f};
  attributes const want{.allow = *least_rights(m.h, rights::kernel_rw)};
  ASSERT_TRUE(done(m.space.map(span_of(0xff11'0000'0000'0000, 4 * K), {0x5000}, want, m.owed)));
  unsigned levels = 0;
  auto const t = walk(m.h, m.top, {0xff11'0000'0000'0abc}, m.memory, [&](step const &) { ++levels; });
  ASSERT_TRUE(t);
  EXPECT_EQ(t->address.value, 0x5abcu);
  EXPECT_EQ(levels, 5u);
}

TEST(aarch64_paging_map, U30_contiguous_hints_in_an_IOMMU_table) {
  // SMMUv3 stage 2 uses the tables of a 64K guest as they are: sixteen or thirty-two slots that act as one.
  auto const f = arm64::stage1({.page = granule::k64, .input_bits = 42});
  machine m{f, 4 * M};
  ASSERT_TRUE(done(m.space.map(span_of(2 * M, 4 * M), {8 * M}, kernel_data, m.owed)));
  EXPECT_EQ(m.query(2 * M)->lg2, 21u);
  EXPECT_EQ(m.query(2 * M)->run_lg2, 5u);
  ASSERT_TRUE(done(m.space.unmap(span_of(2 * M, 64 * K), m.owed)));
  EXPECT_EQ(m.query(2 * M + 64 * K)->run_lg2, 0u) << "a hole takes the hint away";
  EXPECT_EQ(m.query(4 * M)->run_lg2, 5u);
  m.space.settle(m.owed);
}

// --- S170: printing ------------------------------------------------------------------------------------------------

TEST(aarch64_paging_map, S170_debug_roottable_empty_contiguous_and_contiguous_block) {
  machine m{lower_39};
  auto const printed = [&] {
    std::string out;
    print(m.h, m.top, m.memory, [&](char const *s, std::size_t n) { out.append(s, n); });
    return out;
  };
  EXPECT_EQ(printed(), "");
  attributes const user_data{.allow = rights::user_rw, .accessed = false};
  ASSERT_TRUE(done(m.space.map(span_of(4 * K, 12 * K), {64 * M}, user_data, m.owed)));
  EXPECT_EQ(printed(), "0x0000000000001000-0x0000000000003fff -> 0x0000000004000000  4K  rw-/rw-  WB\n");
  ASSERT_TRUE(done(m.space.map(span_of(1 * G, 3 * G), {2 * G}, kernel_text, m.owed)));
  EXPECT_EQ(printed(), "0x0000000000001000-0x0000000000003fff -> 0x0000000004000000  4K  rw-/rw-  WB\n"
                       "0x0000000040000000-0x00000000ffffffff -> 0x0000000080000000  1G  r-x/---  WB G A\n");
}

}  // namespace parity
