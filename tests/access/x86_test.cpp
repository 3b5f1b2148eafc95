// SPDX-License-Identifier: MIT
// What x86 does at the edges that an enumeration of entries does not reach: addresses, masking, changes by others.
#include <pagewright/models/frames.hpp>
#include <pagewright/mmu/x86.hpp>
#include <pagewright/pagewright.hpp>

#include <gtest/gtest.h>

#include <array>
#include <utility>

namespace {

using namespace pagewright;
using x86::exception_vector;

constexpr format keyed = x86::paging_4level({.protection_keys = true});
using H = fixed<keyed>;

/// Four pages: the user's, read-only for the user, the kernel's, the kernel's code.
class x86_mmu : public testing::Test {
 protected:
  static constexpr u64 user = 0x40'0000, user_ro = 0x40'1000, kernel = 0xffff'8000'0000'0000, code = kernel + 0x1000;

  x86_mmu() {
    make_empty(H{}, H::top(), {0}, memory_);
    put(user, rights::user_rw);
    put(user_ro, rights::user_ro);
    put(kernel, rights::kernel_rw);
    put(code, rights::kernel_rx);
  }
  ~x86_mmu() override { space_.settle(owed_); }

  void put(u64 at, rights allow) {
    auto const may = least_rights(H{}, allow);
    ASSERT_TRUE(may);
    ASSERT_TRUE(space_.map({{at}, {at + 0xfff}}, {0x7000'0000 + (at & 0xffff)},
                           {.allow = *may, .accessed = false, .dirty = false}, owed_));
  }
  auto ask(u64 at, access_request what) { return access(H{}, root{}, {at}, what, mmu_, memory_); }
  auto code_of(u64 at, access_request what) -> std::optional<u32> {
    auto const is = ask(at, what);
    if (is) return std::nullopt;
    EXPECT_EQ(is.error().vector, exception_vector::page_fault);
    EXPECT_EQ(is.error().address.value, at);
    return is.error().code;
  }

  static constexpr access_request read{}, write{.kind = access_kind::write}, fetch{.kind = access_kind::fetch},
      user_read{.user = true}, user_write{.kind = access_kind::write, .user = true}, user_fetch{.kind = access_kind::fetch, .user = true};

  alignas(4096) std::array<u8, 1u << 20> bytes_{};
  byte_memory memory_{bytes_, {0}};
  frame_pool<255, 12> frames_{{0x1000}};
  not_in_use cache_;
  address_space<H, byte_memory, frame_pool<255, 12>, not_in_use> space_{H{}, root{}, memory_, frames_, cache_};
  ledger   owed_;
  x86::mmu mmu_;
};

// The codes as kernels print them: "error_code(0x0007)" is a user's write to a read-only page.
TEST_F(x86_mmu, raises_page_faults_with_the_codes_kernels_know) {
  EXPECT_EQ(code_of(user, user_read), std::nullopt);
  EXPECT_EQ(code_of(user, user_write), std::nullopt);
  EXPECT_EQ(code_of(0, user_read), 0x4u) << "a user's null pointer read";
  EXPECT_EQ(code_of(0, user_write), 0x6u);
  EXPECT_EQ(code_of(0, read), 0x0u);
  EXPECT_EQ(code_of(0, user_fetch), 0x14u) << "a user's jump to null";
  EXPECT_EQ(code_of(user_ro, user_write), 0x7u);
  EXPECT_EQ(code_of(user_ro, write), 0x3u);
  EXPECT_EQ(code_of(user, user_fetch), 0x15u) << "executing data";
  EXPECT_EQ(code_of(kernel, user_read), 0x5u) << "a user's read of kernel memory";
  EXPECT_EQ(code_of(kernel, fetch), 0x11u);
  EXPECT_EQ(code_of(code, fetch), std::nullopt);
  EXPECT_EQ(code_of(code, write), 0x3u);
}

TEST_F(x86_mmu, lets_the_kernel_write_read_only_pages_without_WP) {
  mmu_.write_protect = false;
  EXPECT_EQ(code_of(user_ro, write), std::nullopt);
  EXPECT_EQ(code_of(user_ro, user_write), 0x7u) << "CR0.WP says nothing to user mode";
}

TEST_F(x86_mmu, keeps_the_kernel_from_user_pages_with_SMAP_and_SMEP) {
  mmu_.smap = mmu_.smep = true;
  EXPECT_EQ(code_of(user, read), 0x1u);
  EXPECT_EQ(code_of(user, fetch), 0x11u);
  mmu_.alignment_check = true;
  EXPECT_EQ(code_of(user, read), std::nullopt) << "STAC";
  EXPECT_EQ(code_of(user, {.user = true, .implicit = true}), 0x1u) << "AC does not help implicit accesses";
  EXPECT_EQ(ask(user, {.implicit = true}).error().why, x86::denial::smap);
}

TEST_F(x86_mmu, looks_at_protection_keys_of_user_pages) {
  auto const at = walk(H{}, root{}, {user}, memory_);
  ASSERT_TRUE(at);
  memory_.store(at->slot, keyed.word(), at->entry | u64{5} << 59);
  mmu_.user_keys = true;
  mmu_.pkru = 2u << 10;  // key 5: no writing
  EXPECT_EQ(code_of(user, user_read), std::nullopt);
  EXPECT_EQ(code_of(user, user_write), 0x27u);
  EXPECT_EQ(code_of(user, write), 0x23u) << "keys hold for the kernel too";
  mmu_.pkru = 1u << 10;  // no access
  EXPECT_EQ(code_of(user, user_read), 0x25u);
  EXPECT_EQ(code_of(user_ro, user_read), std::nullopt) << "another key";
}

TEST_F(x86_mmu, reports_non_canonical_addresses_without_a_page_fault) {
  auto const general = ask(0x8000'0000'0000, user_read), stack = ask(0x8000'0000'0000, {.user = true, .stack = true});
  EXPECT_EQ(general.error().vector, exception_vector::general_protection);
  EXPECT_EQ(stack.error().vector, exception_vector::stack_fault);
  EXPECT_EQ(general.error().code, 0u);
  EXPECT_EQ(general.error().why, x86::denial::not_canonical);
}

TEST_F(x86_mmu, masks_tags_of_data_addresses_alone) {
  u64 const tagged = user | u64{0x2a} << 57;
  EXPECT_EQ(ask(tagged, user_read).error().vector, exception_vector::general_protection);
  mmu_.user_masking = x86::masking::lam57;
  ASSERT_TRUE(ask(tagged, user_read));
  EXPECT_EQ(ask(tagged, user_read)->address, ask(user, user_read)->address);
  EXPECT_EQ(ask(tagged, user_fetch).error().vector, exception_vector::general_protection) << "not of instruction fetches";
  EXPECT_EQ(ask(user | u64{1} << 50, user_read).error().vector, exception_vector::general_protection) << "LAM57 looks at bit 50";
  mmu_.user_masking = x86::masking::lam48;
  EXPECT_TRUE(ask(user | u64{1} << 50, user_read));
  EXPECT_EQ(ask(user | u64{1} << 63, user_read).error().vector, exception_vector::general_protection) << "bit 63 is no tag";
  u64 const unmapped = u64{0x2a} << 57;
  EXPECT_EQ(ask(unmapped, user_read).error().vector, exception_vector::page_fault);
  EXPECT_EQ(ask(unmapped, user_read).error().address.value, 0u) << "masking comes before paging: CR2 has no tag";
}

TEST_F(x86_mmu, marks_every_entry_on_the_way_and_the_page_as_dirty_when_it_is_written) {
  auto const before = walk(H{}, root{}, {user}, memory_);
  ASSERT_TRUE(access_and_mark(H{}, root{}, {user}, user_read, mmu_, memory_));
  passage way;
  ASSERT_TRUE(access(H{}, root{}, {user}, user_read, mmu_, memory_, way));
  EXPECT_EQ(way.size(), 4u);
  for (auto const &s : way) EXPECT_NE(s.entry & x86::a, 0u) << unsigned{s.level};
  EXPECT_EQ(way.last().entry, before->entry | x86::a);
  auto const written = access_and_mark(H{}, root{}, {user}, user_write, mmu_, memory_);
  ASSERT_TRUE(written);
  EXPECT_TRUE(written->accessed && written->dirty);
  EXPECT_EQ(walk(H{}, root{}, {user}, memory_)->entry, before->entry | x86::a | x86::d);
  EXPECT_EQ(written->entry, before->entry | x86::a | x86::d);
}

TEST_F(x86_mmu, marks_nothing_when_it_faults) {
  auto const before = bytes_;
  EXPECT_FALSE(access_and_mark(H{}, root{}, {user_ro}, user_write, mmu_, memory_));
  EXPECT_FALSE(access_and_mark(H{}, root{}, {0}, user_read, mmu_, memory_));
  EXPECT_TRUE(before == bytes_);
}

/// Takes the page away just before its mark is set.
struct takes_away : byte_memory {
  output_address leaf{};
  bool           done = false;

  auto compare_exchange(output_address a, word w, u64 &expected, u64 desired) -> bool {
    if (a == leaf && !std::exchange(done, true)) store(a, w, 0);
    return byte_memory::compare_exchange(a, w, expected, desired);
  }
};

TEST_F(x86_mmu, begins_again_when_an_entry_changes_under_it) {
  auto const leaf = walk(H{}, root{}, {user}, memory_);
  takes_away racing{memory_, leaf->slot, false};
  auto const is = access_and_mark(H{}, root{}, {user}, user_read, mmu_, racing);
  ASSERT_FALSE(is) << "the page was gone before it was marked";
  EXPECT_EQ(is.error().code, 0x4u);
  EXPECT_EQ(memory_.load(leaf->slot, keyed.word()), 0u) << "no mark on an entry that is not present";
}

TEST_F(x86_mmu, finds_reserved_bits_from_the_top) {
  passage way;
  (void)access(H{}, root{}, {user}, user_read, mmu_, memory_, way);
  auto const &top = *way.begin();
  memory_.store(top.slot, keyed.word(), top.entry | x86::ps);  // PS of a PML4E
  memory_.store(way.last().slot, keyed.word(), 0);
  auto const is = ask(user, user_read);
  EXPECT_EQ(is.error().code, 0xdu);
  EXPECT_EQ(is.error().level, 3u);
  EXPECT_EQ(is.error().why, x86::denial::reserved_bit);
}

TEST_F(x86_mmu, tells_shadow_stack_pages_by_read_only_and_dirty) {
  mmu_.user_masking = x86::masking::off;
  access_request const push{.kind = access_kind::write, .user = true, .shadow_stack = true};
  EXPECT_EQ(code_of(user, push), 0x47u) << "a writable page is none";
  EXPECT_EQ(code_of(user_ro, push), 0x47u) << "nor a clean one";
  auto const at = walk(H{}, root{}, {user_ro}, memory_);
  memory_.store(at->slot, keyed.word(), at->entry | x86::d);
  EXPECT_EQ(code_of(user_ro, push), std::nullopt);
  EXPECT_EQ(code_of(user_ro, user_write), 0x7u) << "ordinary writes see a read-only page";
  EXPECT_EQ(code_of(user_ro, {.kind = access_kind::write, .shadow_stack = true}), 0x43u) << "the user's is not the kernel's";
}

// What Linux runs with: CR0 0x80050033, CR4 0x750eb0, EFER 0xd01.
TEST(x86_mmu_of, reads_the_control_registers) {
  constexpr auto linux = x86::mmu_of({.cr0 = 0x8005'0033, .cr4 = 0x75'0eb0, .efer = 0xd01, .pkru = 0x5555'5554});
  static_assert(linux.write_protect && linux.no_execute && linux.smep && linux.smap && linux.user_keys);
  static_assert(!linux.supervisor_keys && !linux.alignment_check && linux.user_masking == x86::masking::off);
  constexpr auto legacy = x86::mmu_of({.cr0 = 0x8000'0011, .cr3 = bit(61), .cr4 = bit(22) | bit(4), .efer = 0x800});
  static_assert(!legacy.write_protect && !legacy.no_execute && !legacy.user_keys && legacy.user_masking == x86::masking::off);
  constexpr auto tagged = x86::mmu_of({.cr3 = bit(62), .cr4 = bit(5) | bit(12) | bit(28), .efer = 0xd00});
  static_assert(tagged.user_masking == x86::masking::lam48 && tagged.supervisor_masking == x86::masking::lam57);
  EXPECT_EQ(linux.pkru, 0x5555'5554u);
}

}  // namespace
