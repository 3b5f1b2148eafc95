// SPDX-License-Identifier: MIT
// Devices behind AMD-Vi: the flags of an IO_PAGE_FAULT and its log entry.
// Flags: GN 1 | NX 2 | US 4 | PR 10 | RW 20 | PE 40 | RZ 80 | TR 100.
#include <pagewright/mmu/amdvi.hpp>

#include <gtest/gtest.h>

#include "one_of_each.hpp"
#include "slots.hpp"

namespace {

using namespace pagewright;
using amdvi::denial, amdvi::event;

constexpr format marks = amdvi::v1({.mode = 3, .hardware_accessed = true, .hardware_dirty = true});

constexpr access_request read{.user = true}, write{.kind = access_kind::write, .user = true},
    fetch{.kind = access_kind::fetch, .user = true};
constexpr u64 rw = amdvi::pr | amdvi::ir | amdvi::iw, at = 0x12'3456;

/// Three levels of host tables, each of one entry; `above` is what the middle one says beside where it leads.
auto v1(u64 leaf, access_request const &what, amdvi::v1_mmu const &mmu = {}, u64 above = rw, u64 address = at) -> event {
  trial::one_of_each memory{{leaf, 0x1'0000 | above | 1 << 9, 0x2'0000 | rw | 2 << 9}};
  auto const is = access(dynamic{&amdvi::v1_3level}, root{{0x3'0000}}, {address}, what, mmu, memory);
  return is ? event{} : is.error();
}

TEST(amdvi_v1, flags_what_is_wrong) {
  EXPECT_EQ(v1(0x5000 | rw, write), event{});
  EXPECT_EQ(v1(0, read), (event{.flags = 0x000, .address = {at}, .why = denial::not_present}));
  EXPECT_EQ(v1(0x5000 | amdvi::pr | amdvi::ir, write), (event{.flags = 0x070, .address = {at}, .why = denial::no_permission}));
  EXPECT_EQ(v1(0x5000 | amdvi::pr | amdvi::iw, read).flags, 0x050);
  EXPECT_EQ(v1(0x5000 | amdvi::pr | amdvi::iw, fetch).flags, 0x050) << "executing is reading here, and not told without a PASID";
  EXPECT_EQ(v1(0x5000 | rw, write, {}, amdvi::pr | amdvi::ir).flags, 0x070) << "of a table";
  EXPECT_EQ(v1(0x5000 | rw, write, {.allow = rights::readers}).flags, 0x070) << "the device table entry's IW";
  EXPECT_EQ(v1(0x5000 | rw | bit(52), read), (event{.flags = 0x090, .address = {at}, .why = denial::reserved_bits}));
  EXPECT_EQ(v1(0x5000 | rw | 3 << 9, read), (event{.flags = 0x010, .address = {at}, .why = denial::illegal_level}));
  EXPECT_EQ(v1(0x5000 | rw, read, {}, rw, u64{1} << 39), (event{.flags = 0, .address = {u64{1} << 39}, .why = denial::beyond_width, .level = 2}));
  EXPECT_EQ(v1(0x5000 | amdvi::pr, read, {.who = {.translates = true}}).flags, 0x150);
}

TEST(amdvi_v1, logs_a_hardware_error_where_a_table_cannot_be_read) {
  trial::slots none;
  none.missing = true;
  auto const is = access(dynamic{&amdvi::v1_3level}, root{}, {at}, read, amdvi::v1_mmu{}, none);
  ASSERT_FALSE(is);
  EXPECT_EQ(is.error().code, amdvi::event_code::page_table_hardware_error);
}

TEST(amdvi_v1, marks_where_hardware_is_to) {
  trial::one_of_each memory{{0x5000 | rw, 0x1'0000 | rw | 1 << 9, 0x2'0000 | rw | 2 << 9}};
  ASSERT_TRUE(access_and_mark(dynamic{&amdvi::v1_3level}, root{{0x3'0000}}, {at}, write, amdvi::v1_mmu{}, memory));
  EXPECT_EQ(memory.entry[0], 0x5000 | rw);
  ASSERT_TRUE(access_and_mark(dynamic{&marks}, root{{0x3'0000}}, {at}, write, amdvi::v1_mmu{}, memory));
  EXPECT_EQ(memory.entry[0], 0x5000 | rw | amdvi::a | amdvi::d);
  EXPECT_EQ(memory.entry[2], 0x2'0000 | rw | 2 << 9 | amdvi::a);
}

// Linux prints "flags=0x0070 domain=0x000a address=0x1234": word 1 is code, flags and domain.
TEST(amdvi_event, is_logged_with_domain_or_PASID) {
  event e{.flags = 0x070, .address = {0x1234}, .domain = 0xa};
  EXPECT_EQ(e.logged(0x0300), (event::entry{0x2070'000a'0000'0300, 0x1234}));
  e.pasid = 0x5'4321, e.flags = 0x075;
  EXPECT_EQ(e.logged(0x0300), (event::entry{0x2075'4321'0005'0300, 0x1234}));
}

TEST(amdvi_v2, is_the_processors_paging_with_events_of_its_own) {
  auto const flags = [](u64 leaf, access_request const &what) {
    trial::one_of_each memory{{leaf, 0x1'0007, 0x2'0007, 0x3'0007}};
    auto const is = access(dynamic{&amdvi::v2_4level}, root{{0x4'0000}}, {at}, what, amdvi::v2_mmu{}, memory);
    return is ? 0 : int{is.error().flags};
  };
  EXPECT_EQ(flags(0x5007, write), 0);
  EXPECT_EQ(flags(0, read), 0x005);
  EXPECT_EQ(flags(0x5005, write), 0x075);
  EXPECT_EQ(flags(0x5003, read), 0x055) << "a supervisor page";
  EXPECT_EQ(flags(0x5003, {}), 0);
  EXPECT_EQ(flags(0x5007 | x86::xd, fetch), 0x057);
  trial::one_of_each memory{{0x5007, 0x1'0007, 0x2'0007, 0x3'0087}};
  EXPECT_EQ(access(dynamic{&amdvi::v2_4level}, root{{0x4'0000}}, {at}, read, amdvi::v2_mmu{}, memory).error().flags, 0x095) << "PS at the top";
}

// Guest tables at 1000H to 4000H, the page at 5000H; the host's map page by page what lies 10000H higher.
TEST(amdvi_nested, reaches_guest_tables_through_the_hosts) {
  trial::slots memory;
  auto const host = [&](u64 page, u64 allow) { memory.at[0x2'2000 + 8 * page] = (0x1'0000 + 0x1000 * page) | allow; };
  for (u64 n = 1; n < 5; ++n) memory.at[0x1'0000 + 0x1000 * n] = (n < 4 ? 0x1000 * (n + 1) : 0x5000) | 7;
  memory.at[0x2'0000] = 0x2'1000 | rw | 2 << 9, memory.at[0x2'1000] = 0x2'2000 | rw | 1 << 9;
  for (u64 n = 0; n < 8; ++n) host(n, rw);
  auto const ask = [&](access_request const &what) {
    return access_and_mark(nested{stage{dynamic{&amdvi::v2_4level}, root{{0x1000}}, amdvi::v2_mmu{.who = {.pasid = 7}}},
                                  stage{dynamic{&amdvi::v1_3level}, root{{0x2'0000}}, amdvi::v1_mmu{.who = {.domain = 3, .pasid = 7}}}},
                           {0x123}, what, memory);
  };
  host(2, amdvi::pr | amdvi::ir);
  EXPECT_EQ(*ask(read).error().below(), (event{.flags = 0x055, .address = {0x123}, .pasid = 7, .domain = 3, .why = denial::no_permission}))
      << "the entry there cannot be marked";
  host(2, rw), host(5, amdvi::pr | amdvi::ir);
  EXPECT_EQ(ask(write).error().below()->flags, 0x075);
  auto const is = ask(read);
  ASSERT_TRUE(is);
  EXPECT_EQ(is->address.value, 0x1'5123u);
  EXPECT_FALSE(includes(is->effective, rights::user_write));
}

}  // namespace
