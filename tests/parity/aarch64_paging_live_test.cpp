// SPDX-License-Identifier: MIT
// aarch64-paging, rows that are about tables in use: what may change in place, break-before-make, the order of stores
// and invalidations, TLBI operands. Their assertions map_break_before_make and split_live_block_mapping are here.
#include <pagewright/cpu/arm64_encoding.hpp>
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/arm64_stage2.hpp>

#include <algorithm>

#include "live_machine.hpp"

namespace parity {
namespace {

using arm64::granule, arm64::half, arm64::nt;

constexpr attributes  kernel_data{.allow = rights::kernel_rw, .global = true};
constexpr leaf_limits pages_only{.largest_lg2 = 12, .runs = false};

auto with_bbm(unsigned level) -> format { return arm64::stage1({.input_bits = 39, .bbm = level}); }

/// A block of 2 MiB in use, and a page beside it.
struct block_in_use : live_machine<> {
  explicit block_in_use(format const &f) : live_machine{f} {
    EXPECT_TRUE(done(space.map(span_of(2 * M, 2 * M), {64 * M}, kernel_data, owed, {.runs = false})));
    EXPECT_TRUE(done(space.map(span_of(4 * M, 4 * K), {32 * M}, kernel_data, owed)));
    space.settle(owed);
    keep_using({2 * M, 3 * M + 0x123, 4 * M - 8, 4 * M});
    EXPECT_EQ(access(3 * M + 0x123), 65 * M + 0x123);
    cache.log.clear();
  }
};

/// One word for each thing that happened.
auto kinds(std::vector<happening> const &log) -> std::string {
  static constexpr char const *words[]{"store ", "publish ", "invalidate ", "invalidate-all ", "sync ", "release "};
  std::string s;
  for (auto const &x : log) s += words[x.kind];
  return s;
}

}  // namespace

// --- S177, S197: what may change in place --------------------------------------------------------------------------

TEST(aarch64_paging_live, S177_permissions_marks_and_software_bits_change_in_place) {
  auto const f = with_bbm(0);
  block_in_use m{f};
  auto const slot = m.slot(2 * M);
  u64 const  was  = m.entry(2 * M);
  ASSERT_TRUE(done(m.space.protect(span_of(2 * M, 2 * M), rights::kernel_ro, m.owed)));
  EXPECT_EQ(m.stores_to(slot), std::vector<u64>{was | arm64::ap2}) << "one store: the block was never absent";
  auto const mark = [](leaf const &) { return bit_change{.clear = arm64::af, .set = bit(55)}; };
  ASSERT_TRUE(done(m.space.modify(span_of(2 * M, 2 * M), mark, m.owed)));
  EXPECT_EQ(m.entry(2 * M), (was | arm64::ap2 | bit(55)) & ~arm64::af);
  EXPECT_EQ(m.stores_to(slot).size(), 2u);
  EXPECT_EQ(m.count(happening::invalidated), 0u) << "owed, and not paid yet";
  EXPECT_TRUE(m.settles_cleanly());
  EXPECT_GE(m.count(happening::invalidated), 1u);
}

TEST(aarch64_paging_live, S177_in_every_regime_the_same_bits_may_change) {
  // Theirs: El1 VALID, READ_ONLY, ACCESSED, DBM, PXN, UXN, SWFLAG; El2 and El3 XN; Stage2 S2AP, AF, XN, SW.
  u64 const software = ones(55, 4);
  auto const el1 = arm64::stage1({}), el2 = arm64::stage1({.of = arm64::regime::el2});
  auto const el3 = arm64::stage1({.of = arm64::regime::el3}), guest = arm64::stage2({});
  u64 const theirs_el1 = bit(7) | bit(10) | bit(51) | bit(53) | bit(54) | software;
  u64 const theirs_el23 = theirs_el1 & ~bit(53), theirs_stage2 = bit(6) | bit(7) | bit(10) | bit(54) | software;
  EXPECT_EQ(el1.live & theirs_el1, theirs_el1);
  EXPECT_EQ(el2.live & theirs_el23, theirs_el23);
  EXPECT_EQ(el3.live, el2.live);
  EXPECT_EQ(guest.live & theirs_stage2, theirs_stage2);
  u64 const bound = ones(2, 3) | ones(8, 2) | ones(12, 36) | bit(52);  // type, shareability, address, group
  for (auto const *f : {&el1, &el2, &el3, &guest}) EXPECT_EQ(f->live & bound, 0u) << f->name;
}

TEST(aarch64_paging_live, S197_a_change_that_must_break_is_done_and_not_refused) {
  // Their BreakBeforeMakeViolation: a change of memory type, a part of a block with other flags, unmapping part of it,
  // non-global to global.
  auto const f = with_bbm(0);
  {
    block_in_use m{f};
    auto const slot = m.slot(2 * M);
    u64 const  was  = m.entry(2 * M);
    ASSERT_TRUE(done(m.space.retype(span_of(2 * M, 2 * M), memory_type::nc, m.owed)));
    ASSERT_EQ(m.stores_to(slot).size(), 2u);
    EXPECT_EQ(m.stores_to(slot)[0] & 1, 0u) << "broken first";
    EXPECT_EQ(m.stores_to(slot)[1], (was & ~ones(2, 3)) | 2 << 2);
    EXPECT_EQ(kinds(m.cache.log), "store publish invalidate sync store publish ");
    EXPECT_TRUE(m.settles_cleanly());
  }
  {
    block_in_use m{f};
    ASSERT_TRUE(done(m.space.retype(span_of(2 * M + 64 * K, 4 * K), memory_type::nc, m.owed)));
    EXPECT_TRUE(m.settles_cleanly());
    EXPECT_EQ(m.space.query({2 * M + 64 * K})->type, memory_type::nc);
    EXPECT_EQ(m.space.query({2 * M + 68 * K})->type, memory_type::wb);
    EXPECT_EQ(m.access(3 * M), 65 * M);
  }
  {
    block_in_use m{f};
    ASSERT_TRUE(done(m.space.unmap(span_of(2 * M, 4 * K), m.owed)));
    EXPECT_TRUE(m.settles_cleanly());
    EXPECT_EQ(m.access(2 * M), std::nullopt);
    EXPECT_EQ(m.access(2 * M + 4 * K), 64 * M + 4 * K);
  }
  {
    block_in_use m{f};
    auto local = kernel_data;
    local.global = false;
    ASSERT_TRUE(done(m.space.update(span_of(2 * M, 2 * M), local, m.owed)));
    EXPECT_TRUE(m.settles_cleanly());
    ASSERT_TRUE(done(m.space.update(span_of(2 * M, 2 * M), kernel_data, m.owed)));
    EXPECT_TRUE(m.settles_cleanly());
    EXPECT_TRUE(m.space.query({2 * M})->global);
  }
}

TEST(aarch64_paging_live, S197_a_caller_may_have_partly_covered_blocks_refused) {
  auto const f = with_bbm(0);
  block_in_use m{f};
  auto const bad = m.space.protect(span_of(2 * M + 4 * K, 4 * K), rights::kernel_ro, m.owed, half_covered::refuse);
  ASSERT_EQ(why(bad), error_reason::would_split);
  EXPECT_EQ(bad.error().entry, m.entry(2 * M)) << "names the block";
  EXPECT_EQ(bad.error().level, 1u);
  EXPECT_EQ(m.cache.log.size(), 0u) << "nothing was stored, nothing invalidated";
}

TEST(aarch64_paging_live, S197_what_stays_the_same_is_not_written_at_all) {
  // Their "identical sub-block remap Ok" and "extend around a live block Ok".
  auto const f = with_bbm(0);
  block_in_use m{f};
  auto same = kernel_data;
  same.dirty = m.space.query({2 * M})->dirty;
  ASSERT_TRUE(done(m.space.update(span_of(2 * M + 64 * K, 64 * K), same, m.owed)));
  ASSERT_TRUE(done(m.space.protect(span_of(2 * M, 2 * M), rights::kernel_rw, m.owed)));
  EXPECT_EQ(m.stores_to(m.slot(2 * M)), std::vector<u64>{});
  EXPECT_TRUE(m.owed.is_settled());
  EXPECT_EQ(m.space.query({2 * M})->lg2, 21u) << "still one block";
  ASSERT_TRUE(done(m.space.map(span_of(8 * K, 2 * M - 8 * K), {8 * K}, kernel_data, m.owed)));
  ASSERT_TRUE(done(m.space.map(span_of(4 * M + 4 * K, 4 * K), {32 * M + 4 * K}, kernel_data, m.owed)));
  EXPECT_EQ(why(m.space.map(span_of(0, 8 * M), {0}, kernel_data, m.owed)), error_reason::occupied);
  EXPECT_EQ(m.access(3 * M), 65 * M);
  EXPECT_TRUE(m.settles_cleanly());
}

// --- U29, S195, D29: splitting and collapsing live blocks, FEAT_BBM level by level ---------------------------------

TEST(aarch64_paging_live, S195_U29_a_split_without_FEAT_BBM_clears_flushes_and_then_links) {
  auto const f = with_bbm(0);
  block_in_use m{f};
  auto const slot = m.slot(2 * M);
  ASSERT_TRUE(done(m.space.split(span_of(2 * M, 2 * M), 12, m.owed)));
  auto const stores = m.stores_to(slot);
  ASSERT_EQ(stores.size(), 2u);
  EXPECT_EQ(stores[0], 0u);
  EXPECT_EQ(stores[1] & 3, 3u);
  // Between the two: publish, invalidate the whole block with its table entry, sync.
  stale const whole{span_of(2 * M, 2 * M), 12, true};
  unsigned    step = 0;
  for (auto const &x : m.cache.log) {
    bool const here = x.at == slot;
    if (step == 0 && x.kind == happening::stored && here) step = 1;
    else if (step == 1 && x.kind == happening::published && here) step = 2;
    else if (step == 2 && x.kind == happening::invalidated && x.what == whole) step = 3;
    else if (step == 3 && x.kind == happening::synced) step = 4;
    else if (step == 4 && x.kind == happening::stored && here) step = 5;
  }
  EXPECT_EQ(step, 5u) << kinds(m.cache.log);
  EXPECT_TRUE(m.settles_cleanly());
  EXPECT_EQ(m.access(3 * M + 0x123), 65 * M + 0x123);
  EXPECT_EQ(m.space.query({3 * M})->lg2, 12u);
}

TEST(aarch64_paging_live, U29_a_split_with_FEAT_BBM_1_goes_by_nT) {
  auto const f = with_bbm(1);
  block_in_use m{f};
  auto const slot = m.slot(2 * M);
  u64 const  was  = m.entry(2 * M);
  ASSERT_TRUE(done(m.space.split(span_of(2 * M, 2 * M), 12, m.owed)));
  auto const stores = m.stores_to(slot);
  ASSERT_EQ(stores.size(), 2u);
  EXPECT_EQ(stores[0], was | nt) << "first the block is marked";
  EXPECT_EQ(stores[1] & 3, 3u);
  EXPECT_GE(m.count(happening::synced), 1u) << "and what is cached of it dropped";
  EXPECT_EQ(m.entry(3 * M) & nt, 0u) << "pages have no nT";
  EXPECT_TRUE(m.settles_cleanly());
}

TEST(aarch64_paging_live, U29_a_split_with_FEAT_BBM_2_is_one_store) {
  auto const f = with_bbm(2);
  block_in_use m{f};
  auto const slot = m.slot(2 * M);
  ASSERT_TRUE(done(m.space.split(span_of(2 * M, 2 * M), 12, m.owed)));
  ASSERT_EQ(m.stores_to(slot).size(), 1u);
  EXPECT_EQ(m.stores_to(slot)[0] & 3, 3u);
  EXPECT_EQ(m.count(happening::invalidated), 0u) << "owed to the ledger";
  EXPECT_FALSE(m.owed.is_settled());
  EXPECT_TRUE(m.settles_cleanly());
}

TEST(aarch64_paging_live, D29_nothing_replaces_a_live_block_without_break_before_make) {
  // Every operation that may split, at every level of FEAT_BBM. The MMU reports a table that follows a block directly.
  for (unsigned const bbm : {0u, 1u, 2u}) {
    auto const f = with_bbm(bbm);
    auto const part = span_of(2 * M + 256 * K, 8 * K);
    for (unsigned what = 0; what < 5; ++what) {
      block_in_use m{f};
      auto const mark = [](leaf const &) { return bit_change{.set = bit(56)}; };
      switch (what) {
        case 0: EXPECT_TRUE(done(m.space.protect(part, rights::kernel_ro, m.owed))); break;
        case 1: EXPECT_TRUE(done(m.space.retype(part, memory_type::wt, m.owed))); break;
        case 2: EXPECT_TRUE(done(m.space.unmap(part, m.owed))); break;
        case 3: EXPECT_TRUE(done(m.space.modify(part, mark, m.owed))); break;
        case 4: EXPECT_TRUE(done(m.space.split(part, 12, m.owed))); break;
      }
      EXPECT_TRUE(m.settles_cleanly()) << "level " << bbm << ", operation " << what;
      EXPECT_EQ(m.access(2 * M), 64 * M);
      EXPECT_EQ(m.access(2 * M + 264 * K), 64 * M + 264 * K);
    }
  }
}

TEST(aarch64_paging_live, D29_S198_a_visitor_that_changes_nothing_splits_nothing) {
  auto const f = with_bbm(0);
  block_in_use m{f};
  unsigned asked = 0;
  auto const nothing = [&](leaf const &) { return ++asked, bit_change{}; };
  m.counted.fail_after(0);  // nor does it need a frame
  ASSERT_TRUE(done(m.space.modify(span_of(2 * M + 4 * K, 4 * K), nothing, m.owed)));
  m.counted.fail_after(-1);
  EXPECT_GE(asked, 1u);
  EXPECT_EQ(m.stores_to(m.slot(2 * M)), std::vector<u64>{});
  EXPECT_EQ(m.count(happening::invalidated), 0u);
  EXPECT_EQ(m.space.query({2 * M})->lg2, 21u);
  EXPECT_TRUE(m.owed.is_settled());
}

TEST(aarch64_paging_live, U24_collapse_gives_a_covered_table_back_as_a_block_at_every_level_of_FEAT_BBM) {
  for (unsigned const bbm : {0u, 1u, 2u}) {
    auto const f = with_bbm(bbm);
    block_in_use m{f};
    u64 const block = m.entry(2 * M);
    auto const slot = m.slot(2 * M);
    ASSERT_TRUE(done(m.space.split(span_of(2 * M, 2 * M), 12, m.owed)));
    ASSERT_TRUE(m.settles_cleanly());
    auto const frames = m.counted.out();
    m.cache.log.clear();
    ASSERT_TRUE(done(m.space.collapse(span_of(2 * M, 2 * M), m.owed, {.runs = false})));
    EXPECT_EQ(m.counted.out(), frames) << "the table is not released before the flush";
    EXPECT_EQ(m.stores_to(slot).front(), 0u) << "hardware marks entries: absent until the table is out of the caches";
    EXPECT_TRUE(m.settles_cleanly()) << "level " << bbm;
    EXPECT_EQ(m.entry(2 * M), block);
    EXPECT_EQ(m.counted.out(), frames - 1);
    EXPECT_EQ(m.access(3 * M + 0x123), 65 * M + 0x123);
  }
}

TEST(aarch64_paging_live, U24_collapse_keeps_the_marks_that_hardware_made) {
  auto const f = arm64::stage1({.input_bits = 39, .hardware_dirty = true});
  live_machine m{f};
  attributes const fresh{.allow = rights::kernel_rw, .global = true, .accessed = false, .dirty = false};
  ASSERT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {64 * M}, fresh, m.owed, pages_only)));
  auto const slot = output_address{m.slot(2 * M + 7 * 4 * K)};
  m.plain.store(slot, f.word(), (m.entry(2 * M + 7 * 4 * K) | arm64::af) & ~arm64::ap2);  // as hardware marks a write
  ASSERT_TRUE(done(m.space.collapse(span_of(2 * M, 2 * M), m.owed)));
  EXPECT_TRUE(m.settles_cleanly());
  auto const t = m.space.query({2 * M});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->lg2, 21u);
  EXPECT_TRUE(t->accessed && t->dirty);
}

TEST(aarch64_paging_live, S169_S196_a_contiguous_run_changes_as_a_whole) {
  // Theirs copies the bit raw and leaves it when a hole is punched. D8.7.1: the slots of a run always say the same.
  for (unsigned const bbm : {0u, 1u, 2u}) {
    auto const f = with_bbm(bbm);
    live_machine m{f};
    ASSERT_TRUE(done(m.space.map(span_of(64 * K, 64 * K), {1 * M}, kernel_data, m.owed)));
    EXPECT_EQ(m.space.query({64 * K})->run_lg2, 4u);
    m.keep_using({64 * K, 96 * K, 128 * K - 8});
    ASSERT_TRUE(done(m.space.unmap(span_of(80 * K, 4 * K), m.owed)));
    EXPECT_TRUE(m.settles_cleanly()) << "level " << bbm;
    for (u64 at = 64 * K; at < 128 * K; at += 4 * K) {
      auto const leads = at == 80 * K ? std::nullopt : std::optional{1 * M + at - 64 * K};
      EXPECT_EQ(m.access(at), leads) << std::hex << at;
      EXPECT_EQ(m.entry(at) & arm64::contiguous, 0u) << "level " << bbm;
    }
  }
}

// --- D28: nothing stale, nothing freed too early -------------------------------------------------------------------

TEST(aarch64_paging_live, D28_no_stale_leaf_after_unmapping_512_pages) {
  for (auto const empty : {emptied::release, emptied::keep}) {
    auto const f = with_bbm(0);
    live_machine m{f};
    ASSERT_TRUE(done(m.space.map(span_of(2 * M, 2 * M), {64 * M}, kernel_data, m.owed, pages_only)));
    for (u64 at = 2 * M; at < 4 * M; at += 4 * K) ASSERT_EQ(m.access(at), 62 * M + at);
    EXPECT_EQ(m.mmu.cached_leaves(), 512u);
    m.keep_using({2 * M, 3 * M, 4 * M - 1});
    ASSERT_TRUE(done(m.space.unmap(span_of(2 * M, 2 * M), m.owed, half_covered::split, empty)));
    if (empty == emptied::keep) {
      ASSERT_TRUE(done(m.space.clean_up(span_of(2 * M, 2 * M), m.owed)));  // S200
    }
    EXPECT_EQ(m.counted.out(), 3u) << "cut off, held until the flush";
    EXPECT_EQ(m.count(happening::released), 0u);
    EXPECT_TRUE(m.settles_cleanly());
    EXPECT_EQ(m.counted.out(), 1u) << "and the table above, which is empty now";
    EXPECT_EQ(m.mmu.cached_leaves(), 0u);
    for (u64 at = 2 * M; at < 4 * M; at += 4 * K) EXPECT_EQ(m.access(at), std::nullopt);
    EXPECT_EQ(m.counted.wrong_releases(), 0u);
  }
}

TEST(aarch64_paging_live, D28_S201_frames_come_back_only_after_invalidation_and_sync) {
  auto const f = with_bbm(0);
  live_machine m{f};
  ASSERT_TRUE(done(m.space.map(span_of(0, 8 * M), {64 * M}, kernel_data, m.owed, pages_only)));
  m.cache.log.clear();
  ASSERT_TRUE(done(m.space.unmap(span_of(0, 8 * M), m.owed)));
  m.space.settle(m.owed);
  bool invalidated = false, synced = false;
  for (auto const &x : m.cache.log) {
    invalidated |= x.kind == happening::invalidated || x.kind == happening::invalidated_all;
    synced |= invalidated && x.kind == happening::synced;
    EXPECT_TRUE(synced || x.kind != happening::released);
  }
  EXPECT_GE(m.count(happening::released), 4u);
  EXPECT_TRUE(m.settles_cleanly());
}

TEST(aarch64_paging_live, D32_every_store_is_published_before_the_invalidation_that_relies_on_it) {
  auto const f = with_bbm(0);
  block_in_use m{f};
  ASSERT_TRUE(done(m.space.unmap(span_of(2 * M + 4 * K, 4 * K), m.owed)));
  ASSERT_TRUE(done(m.space.retype(span_of(4 * M, 4 * K), memory_type::nc, m.owed)));
  m.space.settle(m.owed);
  std::vector<u64> open;  // stored, not published
  for (auto const &x : m.cache.log) {
    if (x.kind == happening::stored) open.push_back(x.at);
    if (x.kind == happening::published) std::erase_if(open, [&](u64 at) { return at >= x.at && at < x.at + 4 * K; });
    EXPECT_TRUE(open.empty() || x.kind != happening::invalidated) << std::hex << open.front();
  }
  EXPECT_TRUE(m.settles_cleanly()) << "the MMU counts what was never published";
}

// --- D33: TLBI -----------------------------------------------------------------------------------------------------

TEST(aarch64_paging_live, D33_operands_of_the_upper_half_keep_out_of_TTL_and_ASID) {
  auto const f = arm64::stage1({.space = half::upper});
  live_machine m{f};
  u64 const  first = 0xffff'ffff'ffe0'0000, code = 0xffff'8000'0000'0000;
  ASSERT_TRUE(done(m.space.map({{first}, {~u64{0}}}, {64 * M}, kernel_data, m.owed, pages_only)));
  ASSERT_TRUE(done(m.space.map(span_of(code, 2 * M), {32 * M}, kernel_data, m.owed)));
  for (u64 at = first; at != 0; at += 4 * K) ASSERT_EQ(m.access(at), 64 * M + at - first);
  m.cache.log.clear();
  ASSERT_TRUE(done(m.space.unmap({{first}, {~u64{0}}}, m.owed, half_covered::split, emptied::keep)));
  ASSERT_TRUE(done(m.space.unmap(span_of(code, 2 * M), m.owed, half_covered::split, emptied::keep)));
  EXPECT_TRUE(m.settles_cleanly());
  std::vector<u64> operands;
  for (auto const &x : m.cache.log) {
    if (x.kind != happening::invalidated) continue;
    auto const one = [&](u64 operand) { operands.push_back(operand); };
    EXPECT_TRUE(cpu::arm64::each_tlbi(x.what, {}, one, one));
  }
  ASSERT_GE(operands.size(), 512u) << "theirs: one for 512 pages";
  for (u64 const x : operands) ASSERT_EQ(x >> 44, 0u) << std::hex << x;
  for (u64 at = first; at != 0; at += 4 * K)  // 43:0 of the operand are address bits 55:12
    ASSERT_NE(std::find(operands.begin(), operands.end(), at >> 12 & ones(0, 44)), operands.end()) << std::hex << at;
}

TEST(aarch64_paging_live, D33_operands_carry_the_ASID_where_the_instruction_looks_at_it) {
  using namespace cpu::arm64;
  EXPECT_EQ(ops_of(cpu::arm64::regime::el1_0).address, (tlbi_op{0, 3, 3})) << "VAAE1IS: all ASIDs, none in the operand";
  EXPECT_EQ(ops_of(cpu::arm64::regime::el2_0).address, (tlbi_op{4, 3, 1})) << "VAE2IS, which needs one";
  std::vector<u64> operands;
  auto const one = [&](u64 x) { operands.push_back(x); };
  ASSERT_TRUE(each_tlbi({span_of(0x7f'ffff'e000, 8 * K), 12, false}, {.asid = 0x1234}, one, one));
  EXPECT_EQ(operands, (std::vector<u64>{0x1234'0000'07ff'fffe, 0x1234'0000'07ff'ffff}));
  EXPECT_EQ(operand({0x7f'ffff'e000}, 0, ttl(granule::k4, 3)), 0x0000'7000'07ff'fffeu) << "TTL only when asked for";
}

TEST(aarch64_paging_live, S162_S163_S164_S165_S166_each_regime_has_its_instructions) {
  using namespace cpu::arm64;
  // SYS #op1, C8, CRm, #op2 (C5.5): VAE2IS 4,3,1; VAE3IS 6,3,1; IPAS2E1IS 4,0,1; VMALLS12E1IS 4,3,6; ASIDE1IS 0,3,2.
  EXPECT_EQ(ops_of(cpu::arm64::regime::el2).address, (tlbi_op{4, 3, 1}));
  EXPECT_EQ(ops_of(cpu::arm64::regime::el3).address, (tlbi_op{6, 3, 1}));
  EXPECT_EQ(ops_of(cpu::arm64::regime::stage2).address, (tlbi_op{4, 0, 1}));
  EXPECT_EQ(ops_of(cpu::arm64::regime::stage2).all, (tlbi_op{4, 3, 6}));
  EXPECT_EQ(ops_of(cpu::arm64::regime::el1_0).id, (tlbi_op{0, 3, 2}));
  EXPECT_EQ(vmalle1is, (tlbi_op{0, 3, 0})) << "what follows IPAS2E1IS (D33)";
}

// --- S158, S161, D34: taking tables down ---------------------------------------------------------------------------

TEST(aarch64_paging_live, D34_S158_El2_and_El3_tables_in_use_can_be_taken_down) {
  for (auto const of : {arm64::regime::el2, arm64::regime::el3}) {
    auto const f = arm64::stage1({.input_bits = 39, .of = of});
    {
      live_machine m{f};
      attributes const data{.allow = rights::user_rw};  // one privilege: kernel and user are one
      ASSERT_TRUE(done(m.space.map(span_of(0, 3 * M), {64 * M}, data, m.owed)));
      m.keep_using({0, 2 * M, 3 * M - 1});
      EXPECT_EQ(m.access(2 * M), 66 * M);
      ASSERT_TRUE(done(m.space.unmap(span_of(0, bit(39)), m.owed)));
      EXPECT_TRUE(m.settles_cleanly());
      EXPECT_EQ(m.counted.out(), 1u) << "all but the root, which is the caller's";
    }  // and the space goes away without a word
  }
}

TEST(aarch64_paging_live, S161_users_see_every_invalidation) {
  // Their TranslationRegime can be implemented by users; here it is the translation_cache.
  auto const f = with_bbm(0);
  live_machine m{f};
  ASSERT_TRUE(done(m.space.map(span_of(0, 16 * K), {64 * M}, kernel_data, m.owed, {.runs = false})));
  EXPECT_EQ(m.count(happening::invalidated), 0u) << "a new mapping needs none on Arm";
  ASSERT_TRUE(done(m.space.unmap(span_of(4 * K, 8 * K), m.owed)));
  m.space.settle(m.owed);
  std::vector<stale> seen;
  for (auto const &x : m.cache.log)
    if (x.kind == happening::invalidated) seen.push_back(x.what);
  EXPECT_EQ(seen, (std::vector<stale>{{span_of(4 * K, 8 * K), 12, false}}));
}

// --- stage 2 and the other granules, under the same MMU ------------------------------------------------------------

TEST(aarch64_paging_live, S166_S175_S176_every_regime_and_granule_splits_and_collapses_by_the_rules) {
  struct { char const *what; format f; } const rows[]{
    {"EL2", arm64::stage1({.input_bits = 39, .of = arm64::regime::el2})},
    {"EL3, level 1", arm64::stage1({.input_bits = 39, .bbm = 1, .of = arm64::regime::el3})},
    {"EL2&0, level 2", arm64::stage1({.input_bits = 39, .bbm = 2, .of = arm64::regime::el2_0})},
    {"stage 2, two tables as the root", arm64::stage2({.input_bits = 40})},
    {"stage 2, level 1", arm64::stage2({.input_bits = 39, .bbm = 1})},
    {"stage 2, level 2", arm64::stage2({.input_bits = 39, .bbm = 2})},
    {"16K", arm64::stage1({.page = granule::k16, .input_bits = 36})},
    {"64K", arm64::stage1({.page = granule::k64, .input_bits = 42})},
    {"4K LPA2", arm64::stage1({.input_bits = 39, .output_bits = 52, .wide = true})}};
  for (auto const &[what, f] : rows) {
    live_machine m{f};
    auto const lg2 = f.levels[1].shift;
    u64 const  size = bit(lg2), at = size;
    attributes const data{.allow = *least_rights(m.h, rights::kernel_rw)};
    ASSERT_TRUE(done(m.space.map(span_of(at, size), {8 * size}, data, m.owed, {.runs = false}))) << what;
    u64 const block = m.entry(at);
    m.keep_using({at, at + size / 2, at + size - 1});
    u64 const granule = bit(f.levels[0].shift);
    ASSERT_TRUE(done(m.space.split(span_of(at, size), f.levels[0].shift, m.owed))) << what;
    EXPECT_TRUE(m.settles_cleanly()) << what;
    EXPECT_EQ(m.space.query({at + 5 * granule})->lg2, f.levels[0].shift) << what;
    EXPECT_EQ(m.access(at + 5 * granule), 8 * size + 5 * granule) << what;
    ASSERT_TRUE(done(m.space.collapse(span_of(at, size), m.owed, {.runs = false}))) << what;
    EXPECT_TRUE(m.settles_cleanly()) << what;
    EXPECT_EQ(m.entry(at), block) << what;
    ASSERT_TRUE(done(m.space.unmap(span_of(at, size), m.owed))) << what;
    EXPECT_TRUE(m.settles_cleanly()) << what;
    EXPECT_EQ(m.access(at + size / 2), std::nullopt) << what;
    EXPECT_EQ(m.counted.wrong_releases(), 0u) << what;
  }
}

}  // namespace parity
