// SPDX-License-Identifier: MIT
// A row is measured for several subjects (pagewright, by_hand, limit) in the same run, their repetitions in random order.
#pragma once

#include <benchmark/benchmark.h>

#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "arena.hpp"

namespace bench {

struct suite {
  arena                   &memory;
  std::regex               wanted;
  bool                     full_size;
  std::vector<std::string> rows;    // in the order they were added

  /// Adds `row`/`subject`. One iteration is `prepare()`, untimed, and `work()`, timed, which deals with `units` pages,
  /// leaves, lookups or pairs. `check()` says whether the first `work()` did what it should, or what is wrong.
  template <class Prepare, class Work, class Check>
  void add(std::string const &row, std::string const &subject, double units, Prepare prepare, Work work, Check check) {
    auto const name = std::string{row}.append(1, '/').append(subject);
    if (!std::regex_search(name, wanted)) return;
    if (rows.empty() || rows.back() != row) rows.push_back(row);

    auto const checked = std::make_shared<bool>(false);
    auto const run     = [=](benchmark::State &state) {
      if (!*checked) {
        prepare();
        work();
        if (std::string const wrong = check(); !wrong.empty()) {
          state.SkipWithError(wrong.c_str());
          return;
        }
        *checked = true;
      }
      double spent = 0;
      for (auto _ : state) {
        prepare();
        benchmark::ClobberMemory();
        double const begin = now();
        work();
        benchmark::ClobberMemory();
        double const ns = now() - begin;
        state.SetIterationTime(ns * 1e-9);
        spent += ns;
      }
      state.counters["ns_per_page"] = spent / (static_cast<double>(state.iterations()) * units);
    };
    benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime();
  }
};

void add_x86_64(suite &);
void add_x86_64_dynamic(suite &);
void add_arm64(suite &);
void add_riscv(suite &);
void add_batch(suite &);

}  // namespace bench
