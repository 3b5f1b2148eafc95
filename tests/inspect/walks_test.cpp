// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <inspect/walks.hpp>
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/dart.hpp>

#include "forged.hpp"

namespace {

using namespace pagewright;
using namespace pagewright::forged;

auto path_to_a_page() -> tables {
  tables t{6};
  t.link(1, 0, 0, 2);
  t.link(2, 0, 0, 3, p | u);                                 // takes writing away
  t.link(3, 0, 0, 4);
  t.put(4, 1, 0x10'0000 | p | w | nx | a);                   // takes the user and executing away
  return t;
}

TEST(walk, tells_which_level_took_which_right) {
  auto       t = path_to_a_page();
  auto const m = x86_machine();
  auto const w = inspect::explain(m, t.memory(), {0x1234});
  ASSERT_TRUE(w.outcome);
  EXPECT_EQ(w.outcome->address.value, 0x10'0234u);
  ASSERT_EQ(w.trace().size(), 4u);
  EXPECT_STREQ(w.trace()[0].name, "PML4");
  EXPECT_EQ(w.trace()[0].taken, rights::none);
  EXPECT_EQ(w.trace()[1].taken, rights::writers);
  EXPECT_EQ(w.trace()[2].taken, rights::none);
  EXPECT_EQ(w.trace()[3].taken, rights::user_read | rights::executes);
  EXPECT_EQ(w.outcome->effective, rights::kernel_read);
}

TEST(walk, explains_each_fault_in_a_sentence) {
  auto       t = path_to_a_page();
  auto const m = x86_machine();
  t.link(3, 1, 1, 0x8000);
  t.put(3, 2, (u64{1} << 30 | p | ps) + 0x2000);
  auto const said = [&](u64 at) {
    auto const w = inspect::explain(m, t.memory(), {at});
    return w.outcome ? std::string{"translated"} : inspect::sentence(m, w);
  };
  EXPECT_EQ(said(0x2000), "the PT entry is absent");
  EXPECT_NE(said(0x20'0000).find("the PT table is not in the image"), std::string::npos) << said(0x20'0000);
  EXPECT_NE(said(0x40'0000).find("hardware rejects the PD entry"), std::string::npos) << said(0x40'0000);
  EXPECT_NE(said(0x8000'0000'0000).find("not canonical"), std::string::npos) << said(0x8000'0000'0000);
}

TEST(walk, chooses_the_half_by_bit_55) {
  inspect::machine m;
  m.halves = true;
  m.views.push_back({"TTBR0_EL1", arm64::stage1_4k_48_lower, {{0x1000}, 0}});
  EXPECT_EQ(m.view_of(0x0000'1234'5678'9000), &m.views[0]);
  EXPECT_EQ(m.view_of(0xff00'1234'5678'9000), &m.views[0]) << "the top byte does not decide";
  EXPECT_EQ(m.view_of(0xffff'8000'0000'0000), nullptr);
  auto const w = inspect::explain(m, tables{2}.memory(), {0xffff'8000'0000'0000});
  ASSERT_FALSE(w.outcome);
  EXPECT_EQ(inspect::sentence(m, w), "no table is known for the upper half of the address space");
  EXPECT_TRUE(w.trace().empty());
}

TEST(walk, says_where_no_view_translates) {
  auto m = x86_machine();
  m.views[0].part.last = {0xffff};
  auto const w = inspect::explain(m, tables{2}.memory(), {0x1'0000});
  ASSERT_FALSE(w.outcome);
  EXPECT_EQ(inspect::sentence(m, w), "no table that is known translates the address");
}

TEST(walk, names_the_fields_of_an_entry_by_its_kind) {
  inspect::field_table const fields{x86::x86_64_4level};
  auto const labels = [&](unsigned level, u64 entry) {
    std::string all;
    for (auto const &f : fields.of(x86::x86_64_4level, level, entry))
      if (f.value(entry) != 0) all += (all.empty() ? "" : " ") + f.label;
    return all;
  };
  EXPECT_EQ(labels(0, 0x1234'5000 | p | d | g), "P D G address");
  EXPECT_EQ(labels(1, 0x4020'1000 | p | ps), "P PS PAT address") << "the PAT bit of a large page is bit 12";
  EXPECT_EQ(labels(2, 0x5000 | p | a), "P A address");
  EXPECT_EQ(labels(0, 0x5000), "") << "an absent entry has no fields";
  EXPECT_EQ(labels(0, p | bit(9) | bit(52)), "P AVL[11:9] AVL[58:52]") << "two fields of one name are told apart";
}

TEST(walk, gives_an_address_as_what_it_stands_for) {
  auto const address = [](format const &f, unsigned level, u64 entry) -> u64 {
    inspect::field_table const fields{f};
    for (auto const &one : fields.of(f, level, entry))
      if (one.label == "address") return one.value(entry);
    return 0;
  };
  EXPECT_EQ(address(x86::x86_64_4level, 0, 0x1234'5001), 0x1234'5000u);
  EXPECT_EQ(address(dart::v2_16k, 1, 0x10'0401), 0x100'4000u) << "four bits further down";
}

}  // namespace
