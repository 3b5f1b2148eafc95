// SPDX-License-Identifier: MIT
// Guests over extended page tables: what the hypervisor is told of tables, marks and pages, word for word; what is marked;
// what both stages allow together. Qualifications: R 1 | W 2 | X 4 | readable 8 | writable 10 | executable 20 |
// user-executable 40 | linear address 80 | of the translation 100 | U 200 | R/W 400 | XD 800.
#include <pagewright/mmu/ept.hpp>
#include <pagewright/mmu/x86.hpp>

#include <gtest/gtest.h>

#include "one_of_each.hpp"
#include "two_stages.hpp"

namespace {

using namespace pagewright;
using ept::exit_reason;

constexpr format unmarked    = ept::four_level({.accessed_dirty = false});
constexpr format modes       = ept::four_level({.mode_based_execute = true});
constexpr format convertible = ept::four_level({.violation_exceptions = true});
constexpr format stacks      = ept::four_level({.shadow_stack = true});

template <format const &Guest>
class guest_over_ept : public trial::two_stages<Guest, ept::ept_4level> {
 protected:
  using base = trial::two_stages<Guest, ept::ept_4level>;
  using base::page, base::host, base::slot, base::host_, base::host_memory_, base::owed_;

  /// What the hypervisor is told, or nothing if the access is allowed; `lower` is the format the controls ask for.
  auto exit_of(access_request const &what, ept::mmu const &mmu = {}, format const &lower = ept::ept_4level) -> std::optional<ept::exit> {
    auto const is = access(nested{stage{typename base::G{}, root{}, x86::mmu{}}, stage{dynamic{&lower}, root{}, mmu}},
                           {page + 8}, what, host_memory_);
    if (is) return std::nullopt;
    EXPECT_NE(is.error().below(), nullptr) << "the guest's own fault";
    return is.error().below() == nullptr ? ept::exit{} : *is.error().below();
  }
  /// A violation of the access to `page` by an entry that is not present.
  static auto violation(u64 qualification, u64 guest_physical) -> ept::exit {
    return {exit_reason::violation, qualification, {guest_physical}, input_address{page + 8}, false, ept::denial::not_present, 0};
  }
  auto qualification(access_request const &what, ept::mmu const &mmu = {}, format const &lower = ept::ept_4level) -> u64 {
    auto const e = exit_of(what, mmu, lower);
    EXPECT_TRUE(e && e->reason == exit_reason::violation);
    return e ? e->qualification : 0;
  }
  auto entry(u64 guest_physical) -> output_address { return base::host_leaf(guest_physical).slot; }
  void put(u64 guest_physical, u64 e) { host_memory_.store(entry(guest_physical), ept::ept_4level.word(), e); }
  void take(u64 guest_physical) {
    u64 const frame = guest_physical & ~u64{0xfff};
    ASSERT_TRUE(host_.unmap({{frame}, {frame + 0xfff}}, owed_));
  }
};
class ept_guest : public guest_over_ept<x86::x86_64_4level> {};
class ept_pae_guest : public guest_over_ept<x86::pae> {};

// The words a hypervisor's log is full of.
TEST_F(ept_guest, tells_which_access_a_missing_page_stopped) {
  take(backed);
  EXPECT_EQ(qualification(read), 0x181u);
  EXPECT_EQ(qualification(write), 0x182u);
  EXPECT_EQ(exit_of(read), violation(0x181, backed + 8));
}

TEST_F(ept_guest, tells_what_the_page_would_allow) {
  host(backed, 0x1000, rights::readers | rights::executes);
  EXPECT_EQ(exit_of(read), std::nullopt);
  EXPECT_EQ(qualification(write), 0x1aau);
  EXPECT_EQ(exit_of(write)->why, ept::denial::no_write);
  host(backed, 0x1000, rights::executes);
  EXPECT_EQ(qualification(read), 0x1a1u) << "execute-only";
  host(backed, 0x1000, rights::readers | rights::writers);
  guest(page + 0x1000, backed, 0x1000, rights::user_rx);  // the guest's second view of the page
  auto const is = access(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, ept::mmu{}}}, {page + 0x1008}, fetch, host_memory_);
  ASSERT_FALSE(is);
  EXPECT_EQ(is.error().below()->qualification, 0x19cu);
}

TEST_F(ept_guest, writes_the_tables_it_reads_where_entries_are_marked) {
  for (unsigned const level : {3u, 2u, 1u, 0u}) {
    u64 const at = slot(level);
    take(at);
    EXPECT_EQ(exit_of(fetch), violation(0x83, at)) << level;
    EXPECT_EQ(qualification(fetch, {.accessed_dirty = false}, unmarked), 0x81u) << level;
    host(at & ~u64{0xfff}, 0x1000, rights::readers | rights::executes);
    EXPECT_EQ(qualification(read), 0xabu) << level;
    host(at & ~u64{0xfff}, 0x1000, rights::all);
  }
}

TEST_F(ept_guest, needs_to_write_the_tables_it_marks_where_entries_are_not) {
  host(slot(0) & ~u64{0xfff}, 0x1000, rights::readers | rights::executes);
  auto const is = access(nested{stage{G{}, root{}, x86::mmu{}}, stage{dynamic{&unmarked}, root{}, ept::mmu{.accessed_dirty = false}}},
                         {page + 8}, read, host_memory_);
  ASSERT_FALSE(is);
  EXPECT_EQ(is.error().wants, purpose::table_mark);
  EXPECT_EQ(is.error().level, 0);
  EXPECT_EQ(is.error().below()->qualification, 0xaau);
  EXPECT_EQ(is.error().below()->guest_physical.value, slot(0));
}

// MOV to CR3 loads PDPTEs: a read, and no linear address has to do with it.
TEST_F(ept_pae_guest, only_reads_the_PDPTEs_and_names_no_linear_address) {
  host(0, 0x1000, rights::readers);
  EXPECT_NE(slot(1) & ~u64{0xfff}, 0u) << "in another page than the PDPTEs";
  EXPECT_EQ(exit_of(read), std::nullopt) << "never written";
  take(0);
  auto loading = violation(0x01, slot(2));
  loading.guest_linear.reset();
  EXPECT_EQ(exit_of(write), loading);
}
TEST_F(ept_pae_guest, walks_the_other_tables_as_everybody_does) {
  u64 const at = slot(0);
  take(at);
  EXPECT_EQ(exit_of(write), violation(0x83, at));
}

TEST_F(ept_guest, exits_for_a_misconfiguration_without_a_qualification) {
  put(backed, ept::w | u64{6} << 3);
  EXPECT_EQ(exit_of(read), (ept::exit{.reason = exit_reason::misconfiguration, .guest_physical = {backed + 8},
                                      .why = ept::denial::misconfigured}));
  put(slot(1), ept::r | ept::w | u64{3} << 3);
  EXPECT_EQ(exit_of(read)->guest_physical.value, slot(1)) << "memory type 3, of a page of the guest's tables";
}

TEST_F(ept_guest, tells_of_the_guests_page_where_it_has_advanced_information) {
  constexpr ept::mmu advanced{.advanced_information = true};
  u64 const at = slot(0);
  take(backed);
  EXPECT_EQ(qualification(write, advanced), 0xf82u) << "a user's page, writable, execute-disable";
  auto const set = [&](u64 on, u64 off) {
    guest_memory_.store({at}, x86::x86_64_4level.word(), (guest_entry(0) | on) & ~off);
  };
  set(0, x86::xd | x86::rw);
  EXPECT_EQ(qualification(fetch, advanced), 0x384u);
  set(x86::rw, x86::us);
  EXPECT_EQ(qualification({}, advanced), 0x581u);
  take(at);
  EXPECT_EQ(qualification({}, advanced), 0x83u) << "not of tables";
}

TEST_F(ept_guest, executes_by_the_mode_of_the_guests_page_where_entries_tell_the_two) {
  constexpr ept::mmu mmu{.mode_based_execute = true};
  access_request const kernel_fetch{.kind = access_kind::fetch};
  auto const let_users = [&](step const &s) { host_memory_.store(s.slot, ept::ept_4level.word(), s.entry | ept::xu); };
  (void)walk(H{}, root{}, {backed}, host_memory_, let_users);
  u64 const at = slot(0), e = guest_entry(0) & ~x86::xd, host_page = host_leaf(backed).entry;
  guest_memory_.store({at}, x86::x86_64_4level.word(), e);
  EXPECT_EQ(exit_of(fetch, mmu, modes), std::nullopt);
  put(backed, host_page & ~ept::xu);
  EXPECT_EQ(qualification(fetch, mmu, modes), 0x1bcu) << "X, but not XU";
  EXPECT_EQ(qualification(kernel_fetch, mmu, modes), 0x1bcu) << "the page's mode counts, not the access's";
  EXPECT_EQ(exit_of(fetch), std::nullopt) << "without the control bit 10 is ignored";
  guest_memory_.store({at}, x86::x86_64_4level.word(), e & ~x86::us);
  EXPECT_EQ(exit_of(kernel_fetch, mmu, modes), std::nullopt);
  put(backed, host_page & ~ept::x);
  EXPECT_EQ(qualification(kernel_fetch, mmu, modes), 0x1dcu) << "XU, but not X";
}

// A hypervisor under a hypervisor: the lowest stage judges by the page of the topmost one, whose linear address it is, and
// the middle stage's loads are no shadow-stack accesses.
TEST_F(ept_guest, judges_by_the_topmost_page_whatever_lies_between) {
  std::array<u8, 0x4000> middle{};
  byte_memory middle_memory{middle, {0xc000}};
  for (u64 n = 0; n < 3; ++n) middle_memory.store({0xc000 + n * 0x1000}, {8, byte_order::little}, (0xd000 + n * 0x1000) | 7);
  for (u64 n = 0; n < 16; ++n) middle_memory.store({0xf000 + n * 8}, {8, byte_order::little}, n << 12 | 0x37);  // an identity
  std::ranges::copy(middle, seen_.begin() + 0xc000);
  ept::mmu const by_mode{.mode_based_execute = true};
  auto const ask = [&](access_request const &what, format const &lowest, ept::mmu const &mmu) {
    return access(nested{stage{G{}, root{}, x86::mmu{.no_execute = false}},
                         nested{stage{dynamic{&unmarked}, root{{0xc000}}, ept::mmu{.accessed_dirty = false}}, stage{dynamic{&lowest}, root{}, mmu}}},
                  {page + 8}, what, host_memory_);
  };
  access_request const fetch{.kind = access_kind::fetch};
  auto const let_users = [&](step const &s) { host_memory_.store(s.slot, ept::ept_4level.word(), s.entry | ept::xu); };
  (void)walk(H{}, root{}, {backed}, host_memory_, let_users);
  u64 const host_page = host_leaf(backed).entry, e = guest_entry(0) & ~x86::xd;
  guest_memory_.store({slot(0)}, x86::x86_64_4level.word(), e & ~x86::us);  // a supervisor-mode linear address: X counts
  EXPECT_TRUE(ask(fetch, modes, by_mode));
  put(backed, host_page & ~ept::x);
  EXPECT_FALSE(ask(fetch, modes, by_mode)) << "though the middle stage lets users read the page";
  guest_memory_.store({slot(0)}, x86::x86_64_4level.word(), e);
  EXPECT_TRUE(ask({.kind = access_kind::fetch, .user = true}, modes, by_mode)) << "a user-mode one: XU counts";

  auto const stacked = ask({.kind = access_kind::write, .shadow_stack = true}, stacks, {.shadow_stack = true});
  ASSERT_FALSE(stacked);
  EXPECT_NE(stacked.error().own(), nullptr) << "the guest's own fault: all tables could be read";
}

TEST_F(ept_guest, gets_an_exception_instead_where_the_entry_does_not_suppress_it) {
  constexpr ept::mmu mmu{.violation_exceptions = true};
  u64 const at = entry(backed).value, e = host_leaf(backed).entry;
  auto const with = [&](u64 now) {
    host_memory_.store({at}, ept::ept_4level.word(), now);
    return *exit_of(write, mmu, convertible);
  };
  EXPECT_TRUE(with(0).as_exception) << "an absent entry has the bit, too";
  EXPECT_EQ(with(0).qualification, 0x182u) << "and the same is told";
  EXPECT_FALSE(with(ept::sve).as_exception);
  EXPECT_TRUE(with(e & ~ept::w).as_exception);
  EXPECT_FALSE(with((e & ~ept::w) | ept::sve).as_exception);
  EXPECT_FALSE(with(e & ~ept::r).as_exception) << "a misconfiguration";
}

TEST_F(ept_guest, exits_for_addresses_that_are_too_wide_for_the_tables) {
  guest(page + 0x1000, u64{1} << 48, 0x1000, rights::user_rw);
  auto const is = access(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, ept::mmu{}}}, {page + 0x1008}, read, host_memory_);
  ASSERT_FALSE(is);
  EXPECT_EQ(is.error().below()->qualification, 0x181u);
  EXPECT_EQ(is.error().below()->guest_physical.value, bit(48) + 8);
  EXPECT_EQ(is.error().below()->why, ept::denial::beyond_width);
}

TEST_F(ept_guest, marks_all_entries_of_the_walk_and_those_of_the_guests_tables_as_written) {
  auto const t = access_and_mark(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, ept::mmu{}}}, {page + 8}, read, host_memory_);
  ASSERT_TRUE(t);
  EXPECT_EQ(t->address.value, backed + moved + 8);
  EXPECT_EQ(guest_entry(0) & (x86::a | x86::d), x86::a);
  EXPECT_TRUE(host_leaf(backed).accessed);
  EXPECT_FALSE(host_leaf(backed).dirty);
  for (unsigned const level : {3u, 2u, 1u, 0u}) EXPECT_TRUE(host_leaf(slot(level)).dirty) << level;
  EXPECT_FALSE(host_leaf(0x8000).accessed) << "nobody was there";
  (void)walk(H{}, root{}, {backed}, host_memory_, [](step const &s) { EXPECT_NE(s.entry & ept::a, 0u) << unsigned{s.level}; });
}

TEST_F(ept_guest, marks_nothing_on_an_exit) {
  host(backed, 0x1000, rights::readers);
  auto const before = bytes_;
  EXPECT_FALSE(access_and_mark(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, ept::mmu{}}}, {page + 8}, write, host_memory_));
  EXPECT_TRUE(bytes_ == before);
}

TEST_F(ept_pae_guest, marks_the_page_of_the_PDPTEs_accessed_and_not_dirty) {
  ASSERT_TRUE(access_and_mark(nested{stage{G{}, root{}, x86::mmu{}}, stage{H{}, root{}, ept::mmu{}}}, {page + 8}, write, host_memory_));
  EXPECT_TRUE(host_leaf(0).accessed);
  EXPECT_FALSE(host_leaf(0).dirty);
  EXPECT_TRUE(host_leaf(slot(1)).dirty);
  EXPECT_TRUE(host_leaf(backed).dirty);
}

// Supervisor shadow stacks: readable all the way, writable above the leaf, and bit 60.
// Supervisor shadow stacks: readable all the way, writable above the leaf, and bit 60. A user's are pages like others.
TEST(ept_shadow_stacks, are_where_the_leaf_says_so) {
  constexpr u64 leaf = ept::r | u64{6} << 3 | 0x5000;
  struct { u64 leaf, above, supervisor, user; } const cases[]{  // 0: allowed
    {leaf | ept::sss,          7, 0,      0x618a},
    {leaf,                     7, 0x218a, 0x218a},
    {leaf | ept::sss,          5, 0x618a, 0x618a},
    {leaf | ept::sss | ept::w, 7, 0,      0},
    {leaf | ept::w,            7, 0x219a, 0}};
  for (auto const &c : cases) {
    trial::one_of_each memory{{c.leaf, 0x1'0000 | c.above, 0x2'0007, 0x3'0007}};
    auto const told = [&](bool user) {
      access_request const push{.kind = access_kind::write, .user = user, .shadow_stack = true};
      auto const is = access(dynamic{&stacks}, root{{0x4'0000}}, {0}, push, ept::mmu{.shadow_stack = true}, memory);
      return is ? 0 : is.error().qualification;
    };
    EXPECT_EQ(told(false), c.supervisor) << std::hex << c.leaf << " below " << c.above;
    EXPECT_EQ(told(true), c.user) << std::hex << c.leaf << " below " << c.above;
  }
}

TEST(ept_types, count_as_the_MTRRs_would_unless_the_guests_is_ignored) {
  using mt = memory_type;
  auto const of = [](mt pat, mt ept, u64 e = 0) {
    translation upper{}, lower{};
    upper.type = pat, lower.type = ept, lower.entry = e;
    return ept::mmu{}.combined(upper, lower).type;
  };
  constexpr mt pats[]{mt::uc, mt::uc_minus, mt::wc, mt::wt, mt::wb, mt::wp};
  struct { mt ept, type[6]; } const table[]{  // Volume 3A, "Effective Page-Level Memory Types"
    {mt::uc, {mt::uc, mt::uc, mt::wc, mt::uc, mt::uc, mt::uc}},
    {mt::wc, {mt::uc, mt::wc, mt::wc, mt::uc, mt::wc, mt::uc}},
    {mt::wt, {mt::uc, mt::uc, mt::wc, mt::wt, mt::wt, mt::wp}},
    {mt::wb, {mt::uc, mt::uc, mt::wc, mt::wt, mt::wb, mt::wp}},
    {mt::wp, {mt::uc, mt::wc, mt::wc, mt::wt, mt::wp, mt::wp}}};
  for (auto const &row : table)
    for (unsigned n = 0; n < 6; ++n) EXPECT_EQ(of(pats[n], row.ept), row.type[n]) << text(pats[n]) << " over " << text(row.ept);
  EXPECT_EQ(of(mt::uc, mt::wb, ept::ipat), mt::wb);
}

TEST(ept_rights, of_both_stages) {
  translation upper{}, lower{};
  upper.effective = rights::user_rwx, lower.effective = rights::readers | rights::kernel_execute;
  EXPECT_EQ((ept::mmu{.mode_based_execute = true}.combined(upper, lower).allowed), rights::readers) << "a user's page runs by XU";
  upper.effective = rights::kernel_rwx;
  EXPECT_EQ((ept::mmu{.mode_based_execute = true}.combined(upper, lower).allowed), rights::kernel_rx);
  EXPECT_EQ((ept::mmu{}.combined(upper, lower).allowed), rights::kernel_rx);
}

}  // namespace
