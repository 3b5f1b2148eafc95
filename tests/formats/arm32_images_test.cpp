// SPDX-License-Identifier: MIT
// Every answer of the AArch32 fixtures, short and long descriptors: what QEMU and the guest's kernel say about
// addresses
// against walks of this library. Run time: a second.
#include <pagewright/formats/arm32.hpp>

#include <gtest/gtest.h>

#include <cstdio>
#include <map>

#include <image/memory.hpp>
#include <pagewright/walk.hpp>

#include "answers.hpp"

namespace {

using namespace pagewright;

/// What TTBCR and the rest select: a description and a root for each half that is used, and DACR.
struct processor {
  struct side {
    format         description;
    output_address table;
  };
  u32                            ttbcr, dacr;
  std::map<arm32::half, side>    sides;

  explicit processor(std::map<std::string, u64> const &r) : ttbcr{u32(r.at("ttbcr"))}, dacr{u32(r.at("dacr"))} {
    u32 const sctlr = u32(r.at("sctlr"));
    for (auto const space : {arm32::half::lower, arm32::half::upper}) {
      u64 const ttbr = r.at(space == arm32::half::lower ? "ttbr0" : "ttbr1");
      if ((ttbcr >> 31) == 0) {
        if (auto const o = arm32::short_regime_of(ttbcr, space, sctlr, u32(r.at("prrr")), u32(r.at("nmrr"))))
          sides[space] = {arm32::short_descriptors(*o), arm32::root_table(*o, u32(ttbr))};
      } else if (auto const o = arm32::lpae_regime_of(ttbcr, space, sctlr, u32(r.at("mair0")), u32(r.at("mair1")))) {
        auto const f = arm32::lpae_stage1(*o);
        sides[space] = {f, arm32::root_table(f, ttbr).value()};
      }
    }
  }

  struct outcome {
    std::optional<u64> to;    // for a load in a privileged mode
    bool               user;  // may the user do anything there?
  };
  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> outcome {
    auto const space = arm32::half_of(ttbcr, u32(va));
    if (!space || !sides.contains(*space)) return {};
    auto const &[f, table] = sides.at(*space);
    auto access = arm32::domain_access::client;
    auto const t = walk(dynamic{&f}, root{table}, {va}, memory, [&](step const &s) {
      if (f.entry_bytes == 4 && s.level == 1) access = arm32::access_to(arm32::domain_of(s.entry), dacr);
    });
    if (!t || access == arm32::domain_access::none || access == arm32::domain_access::reserved) return {};
    bool const manager = access == arm32::domain_access::manager;
    return {manager || includes(t->effective, rights::kernel_read) ? std::optional{t->address.value} : std::nullopt,
            manager || (t->effective & rights::user) != rights::none};
  }
};

TEST(arm32_images, agree_with_the_emulator_and_the_guest_kernel_in_every_answer) {
  unsigned checked = 0;
  for (auto const &f : answers::find_fixtures()) {
    if (f.arch != "arm") continue;
    auto const source = image::image::open(std::vector{f.memory.string()});
    ASSERT_TRUE(source) << source.error().message;
    image::image_memory const memory{*source};
    for (auto const &c : f.contexts) {
      processor const cpu{c.registers};
      auto const      a = answers::read_answers(c.answers_file);
      ASSERT_FALSE(a.monitor.empty()) << f.name;
      u64 agreed = 0, faults = 0, differed = 0;
      auto const differs = [&](char kind, u64 va, std::optional<u64> want, std::optional<u64> got) {
        if (++differed <= 10)
          ADD_FAILURE() << f.name << std::hex << ", " << kind << ' ' << va << ": expected " << want.value_or(~u64{0})
                        << ", got " << got.value_or(~u64{0}) << " (ffff...: no translation)";
      };
      for (auto const &[va, pa] : a.monitor) {
        auto const got = cpu.load(va, memory);
        if (got.to == pa) ++agreed, faults += !pa;
        else differs('T', va, pa, got.to);
      }
      for (auto const &[va, pa] : a.guest) {
        auto const got = cpu.load(va, memory);
        if (pa ? got.to == pa && got.user : !got.user) ++agreed, faults += !pa;
        else differs('G', va, pa, got.to);
      }
      EXPECT_EQ(differed, 0u) << f.name;
      std::printf("%-40s %-6s %6llu agree (%llu without translation), %llu differ\n", f.name.c_str(), c.id.c_str(),
                  static_cast<unsigned long long>(agreed), static_cast<unsigned long long>(faults),
                  static_cast<unsigned long long>(differed));
      ++checked;
    }
  }
  if (checked == 0) GTEST_SKIP() << "no AArch32 fixture in the folders of PAGEWRIGHT_SAMPLES and PAGEWRIGHT_IMAGES";
}

}  // namespace
