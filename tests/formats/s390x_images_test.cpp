// SPDX-License-Identifier: MIT
// Every answer of the s390x fixtures. Run time: a second.
#include <pagewright/formats/s390x.hpp>

#include "images_agree.hpp"

namespace {

using namespace pagewright;

/// What control registers and PSW select. The answers are absolute addresses, and the emulator prefixes those of large
/// leaves, too.
struct processor {
  s390x::designation element;
  format             description;
  u32                prefix;

  explicit processor(std::map<std::string, u64> const &r)
      : element{s390x::designation_of(r.at(s390x::space_of(r.at("psw_mask")) == s390x::space::home ? "c13" : "c1"))},
        description{s390x::tables(s390x::options_of(element, r.at("c0")))}, prefix{static_cast<u32>(r.at("prefix"))} {}

  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> golden::load_outcome {
    if (s390x::outside(element, {va})) return {};
    auto const t = walk(dynamic{&description}, root{element.table}, {va}, memory);
    return {t ? std::optional{s390x::absolute_of(t->address.value, prefix)} : std::nullopt, t.has_value()};
  }
};

TEST(s390x_images, agree_with_the_emulator_and_the_guest_kernel_in_every_answer) {
  golden::agrees_in_every_answer<processor>("s390x");
}

TEST(s390x_images, hold_the_control_registers_in_their_notes) {
  unsigned checked = 0;
  for (auto const &f : answers::find_fixtures()) {
    if (f.arch != "s390x") continue;
    auto const source = image::image::open(std::vector{f.memory.string()});
    ASSERT_TRUE(source) << source.error().message;
    ASSERT_EQ(source->cpus().size(), f.contexts.size());
    for (std::size_t n = 0; n < f.contexts.size(); ++n) {
      auto const &said  = f.contexts[n].registers;
      auto const &state = source->cpus()[n].s390x;
      ASSERT_TRUE(state && state->control && state->prefix);
      for (auto const &[name, index] : {std::pair{"c0", 0u}, {"c1", 1u}, {"c7", 7u}, {"c13", 13u}})
        EXPECT_EQ((*state->control)[index], said.at(name)) << f.contexts[n].id << ", " << name;
      EXPECT_EQ(*state->prefix, said.at("prefix"));
      EXPECT_EQ(source->cpus()[n].status, said.at("psw_mask"));
    }
    ++checked;
  }
  if (checked == 0) GTEST_SKIP() << "no s390x fixture in the folders of PAGEWRIGHT_SAMPLES and PAGEWRIGHT_IMAGES";
}

}  // namespace
