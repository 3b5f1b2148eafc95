// SPDX-License-Identifier: MIT
// A walk with everything one wants to know about it.
#pragma once

#include <array>
#include <span>

#include "access.hpp"
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
  std::optional<std::expected<translation, fault>> below;         // where the stage below, if there is one, puts the output
  std::optional<access_report>               judged;              // where an access was asked for

  [[nodiscard]] auto trace() const noexcept -> std::span<explained_step const> { return {step_at.data(), steps}; }
};

/// The memory in which a machine's tables lie: where there is a stage below, their addresses go through it.
template <readable_memory M>
class table_memory {
 public:
  table_memory(machine const &m, M const &memory) noexcept : below_{m.below ? &*m.below : nullptr}, memory_{&memory} {}

  [[nodiscard]] auto load(output_address a, word w) const -> std::optional<u64> {
    if (below_ == nullptr) return memory_->load(a, w);
    auto const t = walk(dynamic{&below_->description}, below_->from, {a.value}, *memory_);
    return t ? memory_->load(t->address, w) : std::nullopt;
  }

 private:
  lower_view const *below_;
  M const          *memory_;
};

/// Follows `at` through the view of `m` that translates it. Complexity: one load per level, and with a stage below as
/// many again for each.
template <readable_memory M>
[[nodiscard]] auto explain(machine const &m, M const &physical, input_address at) -> explained_walk {
  explained_walk w{.asked = at, .through = m.view_of(at.value),
                   .outcome = std::unexpected{fault{fault_reason::outside_input, 0, at, {}, 0}}, .step_at = {},
                   .below = {}, .judged = {}};
  table_memory const memory{m, physical};
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
  if (w.outcome && m.below) w.below = walk(dynamic{&m.below->description}, m.below->from, {w.outcome->address.value}, physical);
  return w;
}

/// The name that JSON gives to a reason: stable, unlike the text for people.
[[nodiscard]] auto identifier(fault_reason r) noexcept -> std::string_view;

/// Why there is no translation, in a sentence.
[[nodiscard]] auto sentence(machine const &m, explained_walk const &w) -> std::string;

/// Why the stage below translates no further. Precondition: it does not.
[[nodiscard]] auto sentence_below(machine const &m, explained_walk const &w) -> std::string;

/// The field tables of a machine's views, in their order.
[[nodiscard]] auto field_tables(machine const &m) -> std::vector<field_table>;

}  // namespace pagewright::inspect
