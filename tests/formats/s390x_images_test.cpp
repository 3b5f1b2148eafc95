// SPDX-License-Identifier: MIT
// Every answer of the s390x fixtures: what QEMU and the guest's kernel say about addresses against walks of this
// library. Run time: a second.
#include <pagewright/formats/s390x.hpp>

#include <gtest/gtest.h>

#include <cstdio>

#include <image/memory.hpp>
#include <pagewright/walk.hpp>

#include "answers.hpp"

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
  auto translate(u64 va, Memory const &memory) const -> std::optional<u64> {
    if (s390x::outside(element, {va})) return std::nullopt;
    auto const t = walk(dynamic{&description}, root{element.table}, {va}, memory);
    return t ? std::optional{s390x::absolute_of(t->address.value, prefix)} : std::nullopt;
  }
};

TEST(s390x_images, agree_with_the_emulator_and_the_guest_kernel_in_every_answer) {
  unsigned checked = 0;
  for (auto const &f : answers::find_fixtures()) {
    if (f.arch != "s390x") continue;
    auto const source = image::image::open(std::vector{f.memory.string()});
    ASSERT_TRUE(source) << source.error().message;
    image::image_memory const memory{*source};
    for (auto const &c : f.contexts) {
      processor const cpu{c.registers};
      auto const      a = answers::read_answers(c.answers_file);
      ASSERT_FALSE(a.monitor.empty()) << f.name;
      u64 agreed = 0, faults = 0, differed = 0;
      for (auto const *const list : {&a.monitor, &a.guest})
        for (auto const &[va, pa] : *list) {
          auto const got = cpu.translate(va, memory);
          if (got == pa) ++agreed, faults += !pa;
          else if (++differed <= 10)
            ADD_FAILURE() << f.name << std::hex << ", " << (list == &a.monitor ? 'T' : 'G') << ' ' << va
                          << ": expected " << pa.value_or(~u64{0}) << ", got " << got.value_or(~u64{0})
                          << " (ffff...: no translation)";
        }
      EXPECT_EQ(differed, 0u) << f.name;
      EXPECT_EQ(agreed + differed, a.monitor.size() + a.guest.size());
      std::printf("%-40s %-6s %6llu agree (%llu without translation), %llu differ\n", f.name.c_str(), c.id.c_str(),
                  static_cast<unsigned long long>(agreed), static_cast<unsigned long long>(faults),
                  static_cast<unsigned long long>(differed));
      ++checked;
    }
  }
  if (checked == 0) GTEST_SKIP() << "no s390x fixture in the folders of PAGEWRIGHT_SAMPLES and PAGEWRIGHT_IMAGES";
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
