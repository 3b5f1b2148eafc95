// SPDX-License-Identifier: MIT
// Devices behind VT-d: the fault reasons of both modes and stages, as Linux names and QEMU raises them, and what is recorded.
#include <pagewright/mmu/vtd.hpp>

#include <gtest/gtest.h>

#include "one_of_each.hpp"
#include "slots.hpp"

namespace {

using namespace pagewright;
using vtd::reason;

constexpr format narrow = vtd::second_stage({.levels = 3, .host_bits = 40});
constexpr format marked = vtd::second_stage({.levels = 3, .host_bits = 40, .accessed_dirty = true});
constexpr format first  = vtd::first_stage({.host_bits = 40});

constexpr access_request read{.user = true}, write{.kind = access_kind::write, .user = true},
    fetch{.kind = access_kind::fetch, .user = true};
constexpr u64 rw = vtd::r | vtd::w, at = 0x12'3456;

/// Three levels, each of one entry: the reason, or nothing.
auto second(u64 leaf, access_request const &what, bool scalable, u64 above = rw, u64 address = at) -> std::optional<reason> {
  trial::one_of_each memory{{leaf, 0x1'0000 | above, 0x2'0000 | rw}};
  auto const is = access(dynamic{&narrow}, root{{0x3'0000}}, {address}, what, vtd::second_stage_mmu{.scalable = scalable}, memory);
  return is ? std::nullopt : std::optional{is.error().why};
}

TEST(vtd_second_stage, tells_in_legacy_mode_what_is_missing) {
  EXPECT_EQ(second(0x5000 | rw, write, false), std::nullopt);
  EXPECT_EQ(second(0, read, false), reason::no_read) << "there is no present bit";
  EXPECT_EQ(second(0, write, false), reason::no_write);
  EXPECT_EQ(second(0x5000 | vtd::r, write, false), reason::no_write);
  EXPECT_EQ(second(0x5000 | vtd::w, read, false), reason::no_read);
  EXPECT_EQ(second(0x5000 | vtd::w, fetch, false), reason::no_read) << "executing is reading here";
  EXPECT_EQ(second(0x5000 | rw, write, false, vtd::r), reason::no_write) << "of a table";
  EXPECT_EQ(second(0x5000 | rw | vtd::snp, read, false), reason::reserved_bits) << "without snoop control";
  EXPECT_EQ(second(0x5000 | rw | bit(45), read, false), reason::reserved_bits) << "beyond the host's address width";
  EXPECT_EQ(second(0x5000 | vtd::r | bit(45), write, false), reason::no_write) << "the right is asked for first";
  EXPECT_EQ(second(0x5000 | rw, read, false, rw, u64{1} << 39), reason::beyond_width);
  EXPECT_EQ(second(0xfee0'0000 | rw, write, false), reason::interrupt_range);
}

TEST(vtd_second_stage, has_reasons_of_its_own_in_scalable_mode) {
  EXPECT_EQ(second(0x5000 | rw, write, true), std::nullopt);
  EXPECT_EQ(second(0, read, true), reason{0x79});
  EXPECT_EQ(second(0x5000 | vtd::r, write, true), reason{0x79});
  EXPECT_EQ(second(0x5000 | rw | bit(45), read, true), reason{0x7a});
  EXPECT_EQ(second(0x5000 | rw, read, true, rw, u64{1} << 39), reason{0x84});
  EXPECT_EQ(second(0xfeef'f000 | rw, write, true), reason{0x87});
  trial::slots none;
  none.missing = true;
  EXPECT_EQ(access(dynamic{&narrow}, root{}, {at}, read, vtd::second_stage_mmu{}, none).error().why, reason{0x07});
  EXPECT_EQ(access(dynamic{&narrow}, root{}, {at}, read, vtd::second_stage_mmu{.scalable = true}, none).error().why, reason{0x78});
}

TEST(vtd_second_stage, marks_with_SSADE_alone) {
  trial::one_of_each memory{{0x5000 | rw, 0x1'0000 | rw, 0x2'0000 | rw}};
  ASSERT_TRUE(access_and_mark(dynamic{&narrow}, root{{0x3'0000}}, {at}, write, vtd::second_stage_mmu{}, memory));
  EXPECT_EQ(memory.entry[0], 0x5000 | rw);
  ASSERT_TRUE(access_and_mark(dynamic{&marked}, root{{0x3'0000}}, {at}, write, vtd::second_stage_mmu{.scalable = true}, memory));
  EXPECT_EQ(memory.entry[0], 0x5000 | rw | vtd::a | vtd::d);
  EXPECT_EQ(memory.entry[2], 0x2'0000 | rw | vtd::a);
}

/// Four levels of first-stage tables.
auto stage_1(u64 leaf, access_request const &what, vtd::first_stage_mmu const &mmu = {}, u64 above = 7, u64 address = at)
    -> std::optional<reason> {
  trial::one_of_each memory{{leaf, 0x1'0000 | above, 0x2'0007, 0x3'0007}};
  auto const is = access(dynamic{&first}, root{{0x4'0000}}, {address}, what, mmu, memory);
  return is ? std::nullopt : std::optional{is.error().why};
}

TEST(vtd_first_stage, is_the_processors_with_reasons_of_its_own) {
  access_request const privileged_write{.kind = access_kind::write};
  EXPECT_EQ(stage_1(0x5007, write), std::nullopt);
  EXPECT_EQ(stage_1(0, read), reason{0x71});
  EXPECT_EQ(stage_1(0x5007 | bit(45), read), reason{0x72});
  EXPECT_EQ(stage_1(0x5007, read, {}, 7, bit(47)), reason{0x80});
  EXPECT_EQ(stage_1(0x5003, read), reason{0x81});
  EXPECT_EQ(stage_1(0x5003, privileged_write), std::nullopt);
  EXPECT_EQ(stage_1(0x5007 | x86::xd, fetch), reason{0x82});
  EXPECT_EQ(stage_1(0x5007, write, {}, 5), reason{0x85});
  EXPECT_EQ(stage_1(0x5005, privileged_write), reason{0x85});
  EXPECT_EQ(stage_1(0x5005, privileged_write, {.write_protect = false}), std::nullopt) << "WPE";
  EXPECT_EQ(stage_1(0x5007, privileged_write, {.supervisor_requests = false}), reason{0x5d});
  EXPECT_EQ(stage_1(0x5007, fetch, {.execute_requests = false}), reason{0x5c});
  EXPECT_EQ(stage_1(0xfee0'0007, write), reason{0x87});
  trial::slots none;
  none.missing = true;
  EXPECT_EQ(access(dynamic{&first}, root{}, {at}, read, vtd::first_stage_mmu{}, none).error().why, reason{0x73});
}

TEST(vtd_first_stage, marks_A_and_D_and_with_EAFE_EA) {
  trial::one_of_each memory{{0x5007, 0x1'0007, 0x2'0007, 0x3'0007}};
  ASSERT_TRUE(access_and_mark(dynamic{&first}, root{{0x4'0000}}, {at}, write, vtd::first_stage_mmu{}, memory));
  EXPECT_EQ(memory.entry[0], 0x5067u);
  EXPECT_EQ(memory.entry[3], 0x3'0027u);
  ASSERT_TRUE(access_and_mark(dynamic{&first}, root{{0x4'0000}}, {at}, read, vtd::first_stage_mmu{.extended_accessed = true}, memory));
  EXPECT_EQ(memory.entry[0], 0x5467u);
  EXPECT_EQ(memory.entry[3], 0x3'0427u);
}

/// First-stage tables at 1000H to 4000H, the page at 5000H; the second stage maps page by page what lies 10000H higher.
class vtd_nested : public testing::Test {
 protected:
  vtd_nested() {
    for (u64 n = 1; n < 5; ++n) memory_.at[0x1'0000 + 0x1000 * n] = (n < 4 ? 0x1000 * (n + 1) : 0x5000) | 7;
    memory_.at[0x2'0000] = 0x2'1000 | rw, memory_.at[0x2'1000] = 0x2'2000 | rw;
    for (u64 n = 0; n < 8; ++n) second(n) = 0x1'0000 + 0x1000 * n + rw;
  }
  auto second(u64 page) -> u64 & { return memory_.at[0x2'2000 + 8 * page]; }
  auto ask(access_request const &what) {
    return access_and_mark(nested{stage{dynamic{&first}, root{{0x1000}}, vtd::first_stage_mmu{.nested = true, .pasid = 7}},
                                  stage{dynamic{&narrow}, root{{0x2'0000}},
                                        vtd::second_stage_mmu{.scalable = true, .first_root = output_address{0x1000}, .pasid = 7}}},
                           {0x123}, what, memory_);
  }
  auto why(access_request const &what) -> reason { return ask(what).error().below()->why; }

  trial::slots memory_;
};

TEST_F(vtd_nested, goes_through_both) {
  auto const is = ask(write);
  ASSERT_TRUE(is);
  EXPECT_EQ(is->address.value, 0x1'5123u);
}
TEST_F(vtd_nested, tells_the_first_stages_root_from_its_other_tables) {
  second(1) = 0;
  EXPECT_EQ(why(read), reason{0x75});
  second(1) = 0x1'1000 | rw, second(3) = 0;
  EXPECT_EQ(why(read), reason{0x76});
}
TEST_F(vtd_nested, needs_to_write_what_it_marks) {
  second(4) = 0x1'4000 | vtd::r;
  EXPECT_EQ(why(read), reason{0x77});
}
TEST_F(vtd_nested, tells_of_the_page_and_of_tables_out_of_reach) {
  second(5) = 0x1'5000 | vtd::r;
  EXPECT_EQ(why(write), reason{0x79});
  memory_.at[0x1'1000] = (u64{1} << 39) | 7;
  EXPECT_EQ(why(read), reason{0x74});
}
TEST_F(vtd_nested, records_what_the_device_asked_for) {
  second(5) = 0;
  auto const of_fetch = *ask({.kind = access_kind::fetch}).error().below(), of_write = *ask(write).error().below();
  EXPECT_EQ(of_fetch.address.value, 0x123u);
  EXPECT_EQ(of_fetch.recorded(0x00f8), (vtd::dma_fault::record{0, 0xc000'0779'e000'00f8})) << "F, T1, PASID 7, PP, EXE, PRIV";
  EXPECT_EQ(of_write.recorded(0x00f8), (vtd::dma_fault::record{0, 0x8000'0779'8000'00f8}));
  EXPECT_EQ((vtd::dma_fault{.why = reason::no_read, .address = {0x1234'5678}}.recorded(0x0300)),
            (vtd::dma_fault::record{0x1234'5000, 0xc000'0006'0000'0300}));
}

// P, SS width 4 levels, PGTT 3 (nested); SRE, WPE and EAFE in bits 128, 132 and 135.
TEST(vtd_mmu_of, reads_a_PASID_table_entry) {
  constexpr u64 entry[8]{0x1000 | 3 << 6 | 2 << 2 | 1, 0, 0x91};
  constexpr auto mmu = vtd::first_stage_mmu_of(entry, 7);
  static_assert(mmu.nested && mmu.supervisor_requests && mmu.write_protect && mmu.extended_accessed);
  EXPECT_EQ(mmu.pasid, 7u);
}

}  // namespace
