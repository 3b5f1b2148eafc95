// SPDX-License-Identifier: MIT
// Translation in stages: what is asked of which stage, what a fault tells, what is marked, and what both allow together.
#include <pagewright/mmu/arm64_stage2.hpp>
#include <pagewright/mmu/riscv_guest.hpp>

#include <gtest/gtest.h>

#include <array>

#include "two_stages.hpp"

namespace {

using namespace pagewright;
using trial::two_stages;

constexpr format svadu      = riscv::sv(3, {.hardware_accessed = true});
constexpr format svadu_host = riscv::svx4(3, {.hardware_accessed = true});
class riscv_guest : public two_stages<svadu, svadu_host> {
 protected:
  auto ask(access_request const &what, riscv::mmu const &upper = {}, riscv::guest_mmu const &lower = {}) {
    return access(nested{stage{G{}, root{}, upper}, stage{H{}, root{}, lower}}, {page + 8}, what, host_memory_);
  }
  auto ask_and_mark(access_request const &what) {
    return access_and_mark(nested{stage{G{}, root{}, riscv::mmu{}}, stage{H{}, root{}, riscv::guest_mmu{}}}, {page + 8}, what, host_memory_);
  }
};

TEST_F(riscv_guest, reaches_the_page_through_both_stages) {
  auto const t = ask(read);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->address.value, backed + moved + 8);
  EXPECT_EQ(t->input.value, page);
  EXPECT_EQ(t->output.value, backed + moved);
  EXPECT_EQ(t->lg2, 12);
}

TEST_F(riscv_guest, says_which_table_the_host_keeps_it_from) {
  for (unsigned const level : {2u, 1u, 0u}) {
    u64 const at = slot(level), frame = at & ~u64{0xfff};
    ASSERT_TRUE(host_.unmap({{frame}, {frame + 0xfff}}, owed_));
    auto const loaded = ask(write);
    host(frame, 0x1000, rights::user_rwx | rights::kernel_execute);

    ASSERT_FALSE(loaded);
    EXPECT_EQ(stage_of(loaded.error()), 2u);
    EXPECT_EQ(loaded.error().wants, purpose::table_load);
    EXPECT_EQ(loaded.error().level, level);
    EXPECT_EQ(loaded.error().asked.value, at);
    ASSERT_NE(loaded.error().below(), nullptr);
    EXPECT_EQ(*loaded.error().below(), (riscv::guest_exception{23, {page + 8}, at >> 2, 0x3000, riscv::denial::not_valid, 0}))
        << "a store's guest-page fault for a load of the hart's own";
  }
}

TEST_F(riscv_guest, needs_the_host_to_let_it_mark_the_leaf) {
  u64 const at = slot(0);
  host(at & ~u64{0xfff}, 0x1000, rights::user_ro);
  auto const is = ask(read);
  ASSERT_FALSE(is);
  ASSERT_NE(is.error().below(), nullptr);
  EXPECT_EQ(is.error().wants, purpose::table_mark);
  EXPECT_EQ(*is.error().below(), (riscv::guest_exception{21, {page + 8}, at >> 2, 0x3020, riscv::denial::not_writable, 0}));
}

TEST_F(riscv_guest, asks_the_guest_before_the_host) {
  host(backed, 0x1000, rights::user_ro);
  auto const both = ask(fetch);
  ASSERT_FALSE(both);
  ASSERT_NE(both.error().own(), nullptr);
  EXPECT_EQ(both.error().own()->cause, riscv::cause::fetch_page_fault);
  EXPECT_EQ(stage_of(both.error()), 1u);
  auto const host_alone = ask(write);
  ASSERT_FALSE(host_alone);
  ASSERT_NE(host_alone.error().below(), nullptr);
  EXPECT_EQ(*host_alone.error().below(), (riscv::guest_exception{23, {page + 8}, (backed + 8) >> 2, 0, riscv::denial::not_writable, 0}));
  EXPECT_EQ(host_alone.error().wants, purpose::data);
}

TEST_F(riscv_guest, marks_both_stages_and_nothing_on_a_fault) {
  host(backed, 0x1000, rights::user_ro);
  auto const before = bytes_;
  EXPECT_FALSE(ask_and_mark(write));
  EXPECT_EQ(bytes_, before);

  auto const t = ask_and_mark(read);
  ASSERT_TRUE(t);
  EXPECT_TRUE(t->accessed);
  EXPECT_EQ(guest_entry(0) & (riscv::a | riscv::d), riscv::a);
  EXPECT_TRUE(host_leaf(backed).accessed);
  EXPECT_FALSE(host_leaf(backed).dirty);
  EXPECT_TRUE(host_leaf(slot(0)).dirty) << "setting A wrote the guest's table";
  EXPECT_TRUE(host_leaf(slot(1)).accessed);
  EXPECT_FALSE(host_leaf(slot(1)).dirty) << "pointers have no A to set";
  EXPECT_FALSE(host_leaf(0x7000).accessed) << "nobody was there";
}

TEST_F(riscv_guest, lets_only_the_HS_level_MXR_make_the_hosts_pages_readable) {
  host(backed, 0x1000, rights::user_execute | rights::kernel_execute);
  EXPECT_FALSE(ask(read));
  EXPECT_FALSE(ask(read, {.execute_as_read = true}));
  EXPECT_TRUE(ask(read, {}, {.execute_as_read = true}));
}

TEST_F(riscv_guest, takes_the_smaller_page_and_both_rights) {
  guest(0x8000'0000, 0, 0x20'0000, rights::user_rwx);
  auto const t = access(nested{stage{G{}, root{}, riscv::mmu{}}, stage{H{}, root{}, riscv::guest_mmu{}}}, {0x8000'5678}, read, host_memory_);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->lg2, 16) << "the host's are of 64K (Svnapot), the guest's of 2M";
  EXPECT_EQ(t->input.value, 0x8000'0000u);
  EXPECT_EQ(t->output.value, moved);
  EXPECT_EQ(t->address.value, 0x5678 + moved);
  EXPECT_TRUE(includes(t->effective, rights::user_rwx - rights::kernel));
}

// A guest in a guest: the middle stage's tables are reached through the host's, and the top one's through both.
TEST_F(riscv_guest, nests_to_any_depth) {
  // The guest's view of the host, once more moved: physical g of the innermost is g + 0 of the guest (an identity).
  std::array<u8, 0x1'0000> middle{};
  byte_memory middle_memory{middle, {0xc000}};  // its tables lie in the guest's memory from 0xc000 on
  frame_pool<3, 12> frames{{0xc000 + 0x4000}};
  make_empty(H{}, H::top(), {0xc000}, middle_memory);
  address_space<H, byte_memory, frame_pool<3, 12>, not_in_use> identity{H{}, root{{0xc000}}, middle_memory, frames, cache_};
  ASSERT_TRUE(identity.map({{0}, {0x1f'ffff}}, {0}, {.allow = *least_rights(H{}, rights::user_rwx), .accessed = false, .dirty = false}, owed_));
  identity.settle(owed_);
  std::copy_n(middle.begin(), 0x8000, bytes_.begin() + moved + 0xc000);
  host(0x1'0000, 0x1'0000, rights::user_rwx | rights::kernel_execute);

  auto const regime = nested{stage{G{}, root{}, riscv::mmu{}},
                             nested{stage{H{}, root{{0xc000}}, riscv::guest_mmu{}}, stage{H{}, root{}, riscv::guest_mmu{}}}};
  auto const t = access_and_mark(regime, {page + 8}, write, host_memory_);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->address.value, backed + moved + 8);
  EXPECT_EQ(t->lg2, 12);
  EXPECT_TRUE(host_leaf(0xc000).accessed) << "the middle stage's root";
  EXPECT_TRUE(host_leaf(0x1'0000).dirty) << "the middle stage's marks";
  EXPECT_TRUE(host_leaf(backed).dirty);

  host(0x1'0000, 0x1000, rights::user_execute);  // the middle stage's leaf cannot be read any more
  auto const refused = access(regime, {page + 8}, write, host_memory_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(stage_of(refused.error()), 3u);
  EXPECT_EQ(refused.error().wants, purpose::table_load) << "the first stage wanted its root";
  EXPECT_EQ(refused.error().level, 2);
  EXPECT_EQ(refused.error().below()->wants, purpose::table_load);
  EXPECT_EQ(refused.error().below()->level, 1) << "where the middle stage has a leaf of 2M";
  EXPECT_EQ(refused.error().below()->below()->why, riscv::denial::not_readable);
}

constexpr format el1 = arm64::stage1({.input_bits = 39});
class arm64_guest : public two_stages<el1, arm64::stage2_4k_40> {
 protected:
  auto ask(access_request const &what, arm64::stage2_mmu const &lower = {}) {
    return access(nested{stage{G{}, root{}, arm64::mmu{}}, stage{H{}, root{}, lower}}, {page + 8}, what, host_memory_);
  }
};

TEST_F(arm64_guest, reports_the_faults_of_stage_2_as_EL2_is_told_them) {
  host(backed, 0x1000, rights::none | rights::user_ro);
  auto const refused = ask(write);
  ASSERT_FALSE(refused);
  ASSERT_NE(refused.error().below(), nullptr);
  EXPECT_EQ(refused.error().below()->esr, 0x9200'004fu) << "data abort, write, permission fault at level 3";
  EXPECT_EQ(refused.error().below()->far.value, page + 8);
  EXPECT_EQ(refused.error().below()->hpfar, 0u) << "UNKNOWN for permission faults";

  u64 const table = slot(0);
  ASSERT_TRUE(host_.unmap({{table & ~u64{0xfff}}, {table | 0xfff}}, owed_));
  auto const walk_fault = ask(write);
  ASSERT_FALSE(walk_fault);
  ASSERT_NE(walk_fault.error().below(), nullptr);
  EXPECT_EQ(walk_fault.error().below()->esr, 0x9200'0087u) << "S1PTW, translation fault at level 3; a walk reads";
  EXPECT_EQ(walk_fault.error().below()->hpfar, table >> 12 << 4);
  auto const fetched = ask(fetch);
  EXPECT_EQ(fetched.error().below()->esr, 0x8200'0087u) << "an instruction abort";
}

TEST_F(arm64_guest, marks_nothing_that_stage_2_does_not_let_it_write) {
  host(slot(0) & ~u64{0xfff}, 0x1000, rights::user_ro);
  auto const is = ask(read);
  ASSERT_FALSE(is);
  EXPECT_EQ(is.error().wants, purpose::table_mark) << "the access flag";
  EXPECT_EQ(is.error().below()->esr, 0x9200'00cfu) << "S1PTW and WnR: the update is a write";
  EXPECT_EQ(is.error().below()->hpfar, slot(0) >> 12 << 4);
}

TEST(arm64_stage2_types, combine_with_those_of_stage_1) {
  using mt = memory_type;
  auto const of = [](mt upper, mt lower, bool forced = false) {
    translation a{}, b{};
    a.type = upper, b.type = lower;
    return arm64::stage2_mmu{.force_write_back = forced}.combined(a, b).type;
  };
  EXPECT_EQ(of(mt::wb, mt::wb), mt::wb);
  EXPECT_EQ(of(mt::wb, mt::nc), mt::nc);
  EXPECT_EQ(of(mt::wt, mt::wb), mt::wt);
  EXPECT_EQ(of(mt::nc, mt::wt), mt::nc);
  EXPECT_EQ(of(mt::wb, mt::device_ngnre), mt::device_ngnre);
  EXPECT_EQ(of(mt::device_gre, mt::wb), mt::device_gre);
  EXPECT_EQ(of(mt::device_gre, mt::device_ngnrne), mt::device_ngnrne);
  EXPECT_EQ(of(mt::device_ngnre, mt::device_gre), mt::device_ngnre);
  EXPECT_EQ(of(mt::tagged_wb, mt::wb), mt::tagged_wb);
  EXPECT_EQ(of(mt::nc, mt::wb, true), mt::wb) << "FWB forces write-back";
  EXPECT_EQ(of(mt::device_gre, mt::wb, true), mt::wb);
  EXPECT_EQ(of(mt::device_gre, mt::nc, true), mt::device_gre);
  EXPECT_EQ(of(mt::wt, mt::nc, true), mt::nc);
  EXPECT_EQ(of(mt::wt, mt::as_stage1, true), mt::wt);
}

/// Memory in which the host moves one of its pages away after so many loads.
struct moving {
  byte_memory   &inner;
  output_address leaf;
  u64            now;
  int            left;

  auto load(output_address a, word w) -> std::optional<u64> {
    if (left-- == 0) inner.store(leaf, w, now);
    return a.value < 1u << 20 ? inner.load(a, w) : std::nullopt;
  }
  void store(output_address a, word w, u64 v) { inner.store(a, w, v); }
  auto exchange(output_address a, word w, u64 v) -> u64 { return inner.exchange(a, w, v); }
  auto compare_exchange(output_address a, word w, u64 &e, u64 v) -> bool {
    EXPECT_LT(a.value, 1u << 20) << "a mark where there is no memory";
    return inner.compare_exchange(a, w, e, v);
  }
  void clear(output_address a, u64 n) { inner.clear(a, n); }
};

TEST_F(riscv_guest, sets_no_mark_where_the_host_has_moved_the_table_to_meanwhile) {
  auto const leaf = host_leaf(slot(0));
  auto const kept = bytes_;
  for (int after = 0; after < 60; ++after) {
    bytes_ = kept;
    moving memory{host_memory_, leaf.slot, leaf.entry | u64{1} << 40, after};  // beyond all memory
    auto const is = access_and_mark(nested{stage{G{}, root{}, riscv::mmu{}}, stage{H{}, root{}, riscv::guest_mmu{}}}, {page + 8}, write, memory);
    EXPECT_TRUE(is || stage_of(is.error()) == 2 || is.error().own()->why == riscv::denial::unreadable) << after;
  }
}

}  // namespace
