// SPDX-License-Identifier: MIT
// What QEMU and the guest's kernel say about addresses of a real machine, against walks of this library.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <optional>
#include <string>

#include <image/memory.hpp>
#include <pagewright/walk.hpp>

#include "answers.hpp"

namespace pagewright::golden {

/// What a load does there.
struct load_outcome {
  std::optional<u64> to;    // in a privileged mode
  bool               user;  // may the user do anything there?
};

/// Holds every answer of every fixture of `arch` against `Processor`, which is made of the registers and says by
/// `load(address, memory)` what happens.
template <class Processor>
void agrees_in_every_answer(char const *arch) {
  unsigned checked = 0;
  for (auto const &f : answers::find_fixtures()) {
    if (f.arch != arch) continue;
    auto const source = image::image::open(std::vector{f.memory.string()});
    ASSERT_TRUE(source) << source.error().message;
    image::image_memory const memory{*source};
    for (auto const &c : f.contexts) {
      Processor const cpu{c.registers};
      auto const      a = answers::read_answers(c.answers_file);
      ASSERT_FALSE(a.monitor.empty()) << f.name;
      u64 agreed = 0, faults = 0, differed = 0;
      for (auto const *const list : {&a.monitor, &a.guest})
        for (auto const &[va, pa] : *list) {
          bool const guest = list == &a.guest;
          auto const got   = cpu.load(va, memory);
          if (!guest ? got.to == pa : pa ? got.to == pa && got.user : !got.user) ++agreed, faults += !pa;
          else if (++differed <= 10)
            ADD_FAILURE() << f.name << std::hex << ", " << (guest ? 'G' : 'T') << ' ' << va << ": expected "
                          << pa.value_or(~u64{0}) << ", got " << got.to.value_or(~u64{0})
                          << " (ffff...: no translation), for the user " << got.user;
        }
      EXPECT_EQ(differed, 0u) << f.name;
      std::printf("%-40s %-6s %6llu agree (%llu without translation), %llu differ\n", f.name.c_str(), c.id.c_str(),
                  static_cast<unsigned long long>(agreed), static_cast<unsigned long long>(faults),
                  static_cast<unsigned long long>(differed));
      ++checked;
    }
  }
  if (checked == 0) GTEST_SKIP() << "no " << arch << " fixture in the folders of PAGEWRIGHT_SAMPLES and PAGEWRIGHT_IMAGES";
}

}  // namespace pagewright::golden
