// SPDX-License-Identifier: MIT
// Guests over nested paging: EXITINFO1 and EXITINFO2 of tables and pages, what is marked, what both stages allow together.
// The values are those that the svm_npt test of kvm-unit-tests sees processors report, and what follows from them.
// EXITINFO1: P 1 | RW 2 | US 4 | RSV 8 | ID 10 | final 1 << 32 | table 2 << 32.
#include <pagewright/mmu/npt.hpp>

#include <gtest/gtest.h>

#include "two_stages.hpp"

namespace {

using namespace pagewright;

constexpr format no_nx   = npt::nested(x86::mode::paging_4level, {.host = {.no_execute = false, .amd = true}});
constexpr format narrow  = npt::nested(x86::mode::paging_4level, {.host = {.physical_bits = 40, .amd = true}});
constexpr format trapped = npt::nested(x86::mode::paging_4level, {.host = {.amd = true}, .execute_trap = true});

template <format const &Guest>
class guest_over_npt : public trial::two_stages<Guest, npt::npt_4level> {
 protected:
  using base = trial::two_stages<Guest, npt::npt_4level>;
  using base::page, base::host_memory_, base::moved;

  /// What the host is told, or nothing if the access is allowed.
  auto fault_of(access_request const &what, npt::mmu const &mmu = {}, format const &lower = npt::npt_4level)
      -> std::optional<npt::nested_page_fault> {
    auto const is = access(nested{stage{typename base::G{}, root{}, x86::mmu{}}, stage{dynamic{&lower}, root{}, mmu}},
                           {page + 8}, what, host_memory_);
    if (is) return std::nullopt;
    EXPECT_NE(is.error().below(), nullptr) << "the guest's own fault";
    return is.error().below() == nullptr ? npt::nested_page_fault{} : *is.error().below();
  }
  auto code_of(access_request const &what, npt::mmu const &mmu = {}, format const &lower = npt::npt_4level) -> u64 {
    auto const f = fault_of(what, mmu, lower);
    return f ? f->code : 0;
  }
  /// Changes the nested entry that maps `guest_physical`.
  void set(u64 guest_physical, u64 on, u64 off = 0) {
    auto const t = base::host_leaf(guest_physical);
    host_memory_.store(t.slot, npt::npt_4level.word(), (t.entry | on) & ~off);
  }
  /// Lets the guest execute the page, as far as it is asked.
  void set_guest_executable() {
    output_address const at{base::slot(0) + moved};
    host_memory_.store(at, Guest.word(), *host_memory_.load(at, Guest.word()) & ~x86::xd);
  }
};
class npt_guest : public guest_over_npt<x86::x86_64_4level> {};
class npt_pae_guest : public guest_over_npt<x86::pae> {};

TEST_F(npt_guest, reports_missing_and_forbidden_pages_as_processors_do) {
  set_guest_executable();
  EXPECT_EQ(fault_of(read), std::nullopt);
  set(backed, 0, x86::p);
  EXPECT_EQ(fault_of(read), (npt::nested_page_fault{0x1'0000'0004, {backed + 8}, x86::denial::not_present, 0}));
}
TEST_F(npt_guest, reports_XD_of_a_fetch) {
  set_guest_executable();
  set(backed, x86::xd);
  EXPECT_EQ(code_of(read), 0u);
  EXPECT_EQ(fault_of(fetch), (npt::nested_page_fault{0x1'0000'0015, {backed + 8}, x86::denial::no_execute, 0}));
  EXPECT_EQ(code_of(fetch, {.no_execute = false}, no_nx), 0x1'0000'000du) << "reserved without EFER.NXE, and no ID";
  EXPECT_EQ(code_of(fetch, {.no_execute = false, .smep = true}, no_nx), 0x1'0000'001du);
  EXPECT_EQ(code_of(read, {.no_execute = false}, no_nx), 0x1'0000'000du);
}
TEST_F(npt_guest, takes_every_access_for_a_users) {
  set(backed, 0, x86::us);
  EXPECT_EQ(code_of(read), 0x1'0000'0005u);
  EXPECT_EQ(code_of({}), 0x1'0000'0005u) << "the guest's kernel";
  EXPECT_EQ(fault_of(write)->why, x86::denial::supervisor_page);
}
TEST_F(npt_guest, reports_writing_what_is_read_only) {
  set(backed, 0, x86::rw);
  EXPECT_EQ(code_of(read), 0u);
  EXPECT_EQ(code_of(write), 0x1'0000'0007u);
  EXPECT_EQ(code_of({.kind = access_kind::write}), 0x1'0000'0007u) << "CR0.WP says nothing here";
}
TEST_F(npt_guest, writes_the_tables_it_walks_whatever_it_wants_of_them) {
  for (unsigned const level : {3u, 2u, 1u, 0u}) {
    u64 const at = slot(level);
    set(at, 0, x86::rw);
    EXPECT_EQ(fault_of(read), (npt::nested_page_fault{0x2'0000'0007, {at}, x86::denial::read_only, 0})) << level;
    set(at, x86::rw);
    set(at & ~u64{0xfff}, 0, x86::p);
    EXPECT_EQ(code_of(fetch), 0x2'0000'0006u) << level;
    host(at & ~u64{0xfff}, 0x1000, rights::user_rwx);
  }
}
TEST_F(npt_guest, reports_reserved_bits_as_present) {
  set_guest_executable();
  set(backed, bit(45));
  EXPECT_EQ(fault_of(read, {}, narrow), (npt::nested_page_fault{0x1'0000'000d, {backed + 8}, x86::denial::reserved_bit, 0}));
  EXPECT_EQ(code_of(fetch, {}, narrow), 0x1'0000'001du);
  set(slot(0), bit(45));
  EXPECT_EQ(code_of(read, {}, narrow), 0x2'0000'000fu);
}

TEST_F(npt_pae_guest, walks_the_PDPTEs_like_other_tables) {
  set(0, 0, x86::rw);
  EXPECT_EQ(fault_of(read), (npt::nested_page_fault{0x2'0000'0007, {slot(2)}, x86::denial::read_only, 0}));
}

TEST_F(npt_guest, finds_nothing_beyond_what_the_hosts_tables_translate) {
  guest(page + 0x1000, u64{1} << 48, 0x1000, rights::user_rw);
  auto const is = access(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, npt::mmu{}}}, {page + 0x1008}, read, host_memory_);
  ASSERT_FALSE(is);
  EXPECT_EQ(*is.error().below(), (npt::nested_page_fault{0x1'0000'0004, {bit(48) + 8}, x86::denial::not_present, 3}));
}

TEST_F(npt_guest, traps_what_its_kernel_executes_of_user_pages) {
  set_guest_executable();
  EXPECT_EQ(code_of(fetch, {}, trapped), 0u);
  access_request const kernel_fetch{.kind = access_kind::fetch};
  EXPECT_EQ(fault_of(kernel_fetch, {}, trapped), (npt::nested_page_fault{0x1'0000'0015, {backed + 8}, x86::denial::smep, 0}));
}

TEST_F(npt_guest, marks_the_guests_tables_as_written) {
  auto const t = access_and_mark(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, npt::mmu{}}}, {page + 8}, read, host_memory_);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->address.value, backed + moved + 8);
  EXPECT_FALSE(host_leaf(backed).dirty);
  for (unsigned const level : {3u, 2u, 1u, 0u}) EXPECT_TRUE(host_leaf(slot(level)).dirty) << level;
  EXPECT_FALSE(host_leaf(0x8000).accessed) << "nobody was there";
  (void)walk(H{}, root{}, {backed}, host_memory_, [](step const &s) { EXPECT_NE(s.entry & x86::a, 0u) << unsigned{s.level}; });
}

TEST_F(npt_guest, marks_nothing_on_a_fault) {
  set(backed, 0, x86::rw);
  auto const before = bytes_;
  EXPECT_FALSE(access_and_mark(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, npt::mmu{}}}, {page + 8}, write, host_memory_));
  EXPECT_TRUE(bytes_ == before);
}

TEST_F(npt_guest, takes_what_both_stages_allow) {
  set_guest_executable();
  set(backed, x86::xd);
  auto const t = access(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, npt::mmu{}}}, {page + 8}, read, host_memory_);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->effective, rights::readers | rights::writers);
  EXPECT_EQ(t->type, memory_type::wb);
}

TEST(npt_mmu_of, reads_the_hosts_registers) {
  constexpr auto linux = npt::mmu_of(0x75'0ef0, 0xd01);
  static_assert(linux.no_execute && linux.smep);
  EXPECT_FALSE(npt::mmu_of(0, 0x800).no_execute) << "32-bit paging has no XD";
}

}  // namespace
