// SPDX-License-Identifier: MIT
// A plan changes how fast a format known at run time is walked, and nothing else.
#include <string>

#include "../formats/handles_agree.hpp"

#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/planned.hpp>

#include <catalogue/catalogue.hpp>

namespace {

using namespace pagewright;
using golden::plausible_memory;
using golden::told;

class planned_walk : public testing::TestWithParam<catalogue::variant> {};

auto told_of(std::expected<translation, fault> const &t) -> std::vector<u64> {
  told all;
  if (t) all.add(*t), all.words.push_back(t->address.value);
  else all.add(t.error());
  return all.words;
}

TEST_P(planned_walk, tells_of_every_address_what_the_walk_that_interprets_tells) {
  format const &f = *GetParam().description;
  walk_plan const  plan{f};
  plausible_memory memory{f, 7};
  unsigned translated = 0;
  u64      dice = 1;
  for (unsigned n = 0; n < 5000; ++n) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    u64 const  at = n % 8 == 0 ? dice : extended(dynamic{&f}, dice >> 3);
    auto const is = walk(planned{plan}, memory.top(), {at}, memory), should = walk(dynamic{&f}, memory.top(), {at}, memory);
    ASSERT_EQ(told_of(is), told_of(should)) << f.name << " at 0x" << std::hex << at;
    ASSERT_EQ(plan.is_inside(at), in_extent(dynamic{&f}, at)) << f.name << " at 0x" << std::hex << at;
    translated += is.has_value();
  }
  EXPECT_GE(translated, 5000u / 20);
}

auto all_variants() -> std::vector<catalogue::variant> {
  std::vector<catalogue::variant> all;
  for (auto const *family : catalogue::families()) all.insert(all.end(), family->variants.begin(), family->variants.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(catalogue, planned_walk, testing::ValuesIn(all_variants()), [](auto const &one) {
  std::string name{one.param.name};
  for (char &c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
});

/// One leaf, reached through tables that are each the page their level is the number of.
struct one_path {
  format const *f;
  u64           leaf;
  unsigned      loads = 0;

  auto load(output_address a, word) -> std::optional<u64> {
    ++loads;
    unsigned const level = static_cast<unsigned>(a.value >> 16);
    return level == 0 ? leaf : encode_table(dynamic{f}, level, {u64{level - 1} << 16});
  }
};

TEST(planned_walk, loads_once_per_level_where_all_is_ordinary_and_once_more_where_not) {
  for (format const *f : {&x86::x86_64_4level, &x86::x86_64_5level, &x86::pae, &arm64::stage1_4k_48_lower, &arm64::stage1_64k_52_lpa_lower,
                          &riscv::sv39, &riscv::sv57}) {
    walk_plan const plan{*f};
    auto const &page = f->forms[f->levels[0].leaves[0]];
    unsigned shape = f->levels[0].leaves[0];
    for (u8 const n : f->levels[0].leaves)
      if (n != no_form && f->forms[n].run_lg2 == 0) shape = n;
    dynamic const h{f};
    auto const bits = encode_attributes(h, dynamic_form{&f->forms[shape], shape}, {.allow = *least_rights(h, rights::kernel_rw)});
    ASSERT_EQ(bits.flaw, inexpressible::no) << f->name << page.name;
    one_path memory{f, bits.entry};
    root const top{{u64{f->depth - 1u} << 16}};
    ASSERT_TRUE(walk(planned{plan}, top, {0}, memory)) << f->name;
    EXPECT_EQ(memory.loads, f->depth) << f->name;

    memory = {f, vacant_of(h, 0)};
    ASSERT_FALSE(walk(planned{plan}, top, {0}, memory)) << f->name;
    EXPECT_EQ(memory.loads, 2u * f->depth) << f->name;
  }
}

TEST(planned_walk, plans_are_made_at_compile_time_too) {
  static constexpr walk_plan plan{x86::x86_64_4level};
  static_assert(plan.is_inside(0x7fff'ffff'ffff) && !plan.is_inside(0x8000'0000'0000) && plan.is_inside(0xffff'8000'0000'0000));
  static_assert(handle<planned>);
  EXPECT_EQ(&plan.description(), &x86::x86_64_4level);
}

}  // namespace
