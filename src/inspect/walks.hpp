// SPDX-License-Identifier: MIT
// A walk with everything one wants to know about it.
#pragma once

#include <array>
#include <span>

#include "describe.hpp"
#include "machine.hpp"

namespace pagewright::inspect {

struct explained_step {
  step         seen;
  char const  *name;                    // of the level, as the manual has it
  rights       taken;                   // what this entry takes away of what the entries above left
};

struct explained_walk {
  input_address                              asked;
  view const                                *through = nullptr;  // null: no known table translates the address
  std::expected<translation, fault>          outcome;
  std::array<explained_step, max_depth>      step_at;
  unsigned                                   steps = 0;

  [[nodiscard]] auto trace() const noexcept -> std::span<explained_step const> { return {step_at.data(), steps}; }
};

/// Follows `at` through the view of `m` that translates it. Complexity: one load per level.
template <readable_memory M>
[[nodiscard]] auto explain(machine const &m, M const &memory, input_address at) -> explained_walk {
  explained_walk w{.asked = at, .through = m.view_of(at.value),
                   .outcome = std::unexpected{fault{fault_reason::outside_input, 0, at, {}, 0}}, .step_at = {}};
  if (w.through == nullptr) return w;
  dynamic const h{&w.through->description};
  auto held = rights::all;
  w.outcome = walk(h, w.through->from, at, memory, [&](step const &s) {
    bool const counts = s.kind == entry_kind::table || s.kind == entry_kind::leaf;
    w.step_at[w.steps++] = {s, h->levels[s.level].name, counts ? held - s.allowed : rights::none};
    if (counts) held &= s.allowed;
  });
  // Rights that exclude one another are settled at the leaf.
  if (w.outcome && w.steps != 0) w.step_at[w.steps - 1].taken |= held - w.outcome->effective;
  return w;
}

/// The name that JSON gives to a reason: stable, unlike the text for people.
[[nodiscard]] auto identifier(fault_reason r) noexcept -> std::string_view;

/// Why there is no translation, in a sentence.
[[nodiscard]] auto sentence(machine const &m, explained_walk const &w) -> std::string;

/// The field tables of a machine's views, in their order.
[[nodiscard]] auto field_tables(machine const &m) -> std::vector<field_table>;

}  // namespace pagewright::inspect
