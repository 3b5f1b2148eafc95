// SPDX-License-Identifier: MIT
// Random operations on an address space, on its twin behind the other handle and on the reference, in lockstep.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>

#include "formats_list.hpp"
#include "reference.hpp"
#include "subject.hpp"

namespace trial {

/// A format under trial.
struct entrant {
  char const   *name;
  format const *description;
  std::unique_ptr<subject> (*make_fixed)(place const &) = nullptr;  // none: it is tried as `dynamic` alone
  double share = 1;                                                 // of the operations that the suite does by default
};

/// Instrumented, `fixed` takes too long to compile: there only some are tried.
template <format const &F>
inline constexpr bool tries_fixed = PAGEWRIGHT_TEST_EVERY_FIXED || &F == &riscv::sv39 || &F == &arm64::stage1_4k_48_lower;

template <format const &F>
auto entrant_of(char const *name) -> entrant {
  if constexpr (tries_fixed<F>) {
    return {name, &F, [](place const &p) -> std::unique_ptr<subject> {
              return std::make_unique<plain_subject<fixed<F>>>(fixed<F>{}, p);
            }};
  } else {
    return {name, &F};
  }
}
inline auto operator<<(std::ostream &out, entrant const &e) -> std::ostream & { return out << e.name; }

/// PAGEWRIGHT_TEST_SIZE, a factor for how long the tests run; 1 when unset.
auto test_size() -> double;
/// PAGEWRIGHT_TEST_SEED, to run a failure again; otherwise one that depends on the format alone.
auto seed_of(char const *name) -> u64;

/// Where tables of `f` may lie: frames as large as its largest table, below every limit on table addresses.
auto place_for(format const &f, unsigned frames) -> place;

/// One operation, as chosen at random and as printed in a failure.
struct operation {
  enum class kind : u8 { map, unmap, protect, retype, reserve, release_reserve, settle, query, needs } what;
  u64          first = 0, last = 0, out = 0;
  attributes   want{};
  leaf_limits  limits{};
  half_covered half  = half_covered::split;
  emptied      empty = emptied::release;

  auto text() const -> std::string;
};

/// Chooses operations: few pages or blocks, near places where addresses are peculiar, so that they meet often.
class chooser {
 public:
  chooser(format const &f, reference const &model, u64 seed);

  auto next() -> operation;
  auto address() -> u64;
  auto below(u64 n) -> u64 { return random_() % n; }
  /// Rights, memory types that every leaf of the format can say.
  auto all_rights() const -> std::vector<rights> const & { return rights_; }
  auto all_types() const -> std::vector<memory_type> const & { return types_; }

 private:
  void choose_range(operation &);

  format const            &f_;
  reference const         &model_;
  std::mt19937_64          random_;
  std::vector<rights>      rights_;
  std::vector<memory_type> types_;
  std::vector<u64>         anchors_;
};

/// Does the operation to a subject and to the reference, and says in what they differ; empty if they agree.
auto apply(operation const &, subject &, std::expected<void, error> &result) -> void;
auto apply(operation const &, reference &) -> verdict;
auto difference(operation const &, std::expected<void, error> const &got, verdict const &expected) -> std::string;

/// Compares one address, and everything. Empty if they agree.
auto compare_at(format const &, u64 at, subject &, reference const &) -> std::string;
auto compare_all(format const &, subject &, reference const &) -> std::string;

/// The whole trial: at least `operations` of them on each of the two, the queries of every boundary after a change
/// included. Reports the first difference with what led to it, and stops.
void run_lockstep(entrant const &, u64 operations);

}  // namespace trial
