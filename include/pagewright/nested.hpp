// SPDX-License-Identifier: MIT
// Translation in stages: what one stage yields is what the next one translates, and so is where its tables lie.
//
//   nested{guest, host}                       guest's virtual -> guest's physical -> host's physical
//   nested{process, nested{guest, host}}      a guest in a guest
//
// Each address a stage uses goes through the stage below it: that of each table entry it reads, that of each entry it
// marks, and its output. A fault names the stage it comes from, and what the stage above wanted.
#pragma once

#include <variant>

#include "access.hpp"

namespace pagewright {

/// One stage: tables, where they are and the rules they are used by.
template <handle H, class Mmu>
  requires mmu_rules<Mmu, H>
struct stage {
  using fault_type = typename Mmu::fault_type;

  H    format;
  root from;
  Mmu  mmu;
};
template <class H, class Mmu>
stage(H, root, Mmu) -> stage<H, Mmu>;

/// What the rules of a stage below another say besides:
///   counts_as(request)             what an access for the stage above is checked as here
///   combined(page above, below)    what both allow together, and the memory type that results
struct together {
  rights      allowed;
  memory_type type;
};
template <class Mmu>
concept lower_stage_rules = requires(Mmu const &m, access_request const &r, translation const &t) {
  { m.counts_as(r) } -> std::same_as<access_kind>;
  { m.combined(t, t) } -> std::same_as<together>;
};

/// What stops an access: this stage's own fault, or the fault of a stage below it.
template <class Own, class Below>
struct nested_fault {
  std::variant<Own, Below> what;
  purpose        wants = purpose::data;  // of the stage below: what this one wanted
  u8             level = 0;              // of the stage below, for a table: the level of the entry
  output_address asked{};                // of the stage below: the address it was to translate

  /// This stage's own fault, or null if the access got past it.
  constexpr auto own() const noexcept -> Own const * { return std::get_if<0>(&what); }
  /// The fault of the stage below, or null.
  constexpr auto below() const noexcept -> Below const * { return std::get_if<1>(&what); }

  friend constexpr auto operator==(nested_fault const &, nested_fault const &) -> bool = default;
};

/// The number of the stage that a fault comes from; the topmost is 1.
template <class Fault>
constexpr auto stage_of(Fault const &) noexcept -> unsigned { return 1; }
template <class Own, class Below>
constexpr auto stage_of(nested_fault<Own, Below> const &f) noexcept -> unsigned {
  return f.own() != nullptr ? 1 : 1 + stage_of(*f.below());
}

/// Can a stage stand below another? Also nested ones, if their topmost can.
template <class Regime>
constexpr bool stands_below = false;
template <class H, class Mmu>
constexpr bool stands_below<stage<H, Mmu>> = lower_stage_rules<Mmu>;

template <class Stage, class Below>
  requires stands_below<Below>
struct nested;
template <class Stage, class Below>
constexpr bool stands_below<nested<Stage, Below>> = stands_below<Stage>;

/// A stage above others. `Below` is a stage, or nested itself, whose rules say what a lower stage must (lower_stage_rules).
template <class Stage, class Below>
  requires stands_below<Below>
struct nested {
  using fault_type = nested_fault<typename Stage::fault_type, typename Below::fault_type>;

  Stage above;
  Below below;
};
template <class Stage, class Below>
nested(Stage, Below) -> nested<Stage, Below>;

/// What a stage, or several, answer to one access: as access in access.hpp. `way` gets the entries of the topmost stage.
template <class H, class Mmu, readable_memory M>
constexpr auto access(stage<H, Mmu> const &s, input_address at, access_request const &what, M &&memory, passage &way)
    -> std::expected<translation, typename stage<H, Mmu>::fault_type> {
  return access(s.format, s.from, at, what, s.mmu, memory, way);
}
/// The same, of a stage or several, for whom the way does not matter.
template <class Regime, readable_memory M>
constexpr auto access(Regime const &regime, input_address at, access_request const &what, M &&memory)
    -> std::expected<translation, typename Regime::fault_type> {
  passage way;
  return access(regime, at, what, memory, way);
}

template <class H, class Mmu, writable_memory M>
constexpr auto access_and_mark(stage<H, Mmu> const &s, input_address at, access_request const &what, M &&memory)
    -> std::expected<translation, typename stage<H, Mmu>::fault_type> {
  return access_and_mark(s.format, s.from, at, what, s.mmu, memory);
}

/// What `upper`, a page of the stage above, and `lower`, where `s` puts it, are together: the smaller size, the rights and
/// memory type of both; entry, level and marks are those of the stage above.
template <class H, class Mmu>
  requires lower_stage_rules<Mmu>
constexpr auto combined(stage<H, Mmu> const &s, translation const &upper, translation const &lower) noexcept -> translation {
  auto const both = s.mmu.combined(upper, lower);
  auto const lg2  = upper.lg2 < lower.lg2 ? upper.lg2 : lower.lg2;
  u64 const  at   = upper.input.value | (upper.address.value - upper.output.value);
  translation t   = upper;
  t.input     = {at & ~below(lg2)};
  t.output    = {lower.address.value & ~below(lg2)};
  t.address   = lower.address;
  t.lg2       = lg2;
  if (lg2 < upper.lg2) t.run_lg2 = 0;
  t.effective = both.allowed;
  t.type      = both.type;
  return t;
}
template <class Stage, class Below>
constexpr auto combined(nested<Stage, Below> const &n, translation const &upper, translation const &lower) noexcept -> translation {
  return combined(n.above, upper, lower);
}

namespace detail {

/// The request that a stage makes of the one below it, on behalf of `what`, which came to it as the address `at`. What the
/// topmost stage was asked for, and what it says of the page, goes down unchanged; of that page a table knows nothing.
template <class Mmu, handle H>
constexpr auto passed_down(Mmu const &mmu, H h, access_request what, input_address at, stage_above asks) -> access_request {
  asks.input = mmu.input(h, at, what).value_or(at);
  if (what.above) {
    if constexpr (lower_stage_rules<Mmu>) what.kind = mmu.counts_as(what);
    if (is_of_table(what)) what.shadow_stack = what.atomic = false;
    asks.input = what.above->input;
    if (asks.page != nullptr) asks.page = what.above->page;
  }
  what.above = asks;
  return what;
}

/// What reading an entry of `level` is to the stage below.
template <handle H>
constexpr auto load_of(H h, unsigned level) noexcept -> stage_above {
  return {.wants = purpose::table_load, .in_register = h->levels[level].loaded};
}

/// The memory in which a stage's tables lie, as it sees it. Keeps the fault of the stage below where a load does not
/// get there.
template <class Below, class M>
class tables_through {
 public:
  /// `load` is the request for the root's entry.
  constexpr tables_through(Below const &below, M &memory, access_request const &load) noexcept
      : below_{below}, memory_{memory}, load_{load} {}
  constexpr auto load(output_address slot, word w) -> std::optional<u64> {
    passage way;
    auto const at = access(below_, input_address{slot.value}, load_, memory_, way);
    load_.above->in_register = false;
    if (at) return memory_.load(at->address, w);
    asked_ = slot, fault_ = at.error();
    return std::nullopt;
  }
  constexpr auto asked() const noexcept -> output_address { return asked_; }
  constexpr auto fault() const noexcept -> std::optional<typename Below::fault_type> const & { return fault_; }

 private:
  Below const   &below_;
  M             &memory_;
  access_request load_;
  output_address asked_{};
  std::optional<typename Below::fault_type> fault_;
};

}  // namespace detail

/// What the stages of `n` answer together. Stage by stage: the tables of the stage above are reached through those
/// below; then it says whether it allows the access; then it would mark its entries, which those below must allow; then
/// they answer for its output. (Where a stage marks before it has read the next entry, as hardware may, and the stage
/// below denies the mark and that load both, another of these faults may come first.)
/// Complexity: with d levels above and e below, at most (2d + 1) e + d loads.
template <class Stage, class Below, readable_memory M>
constexpr auto access(nested<Stage, Below> const &n, input_address at, access_request const &what, M &&memory, passage &way)
    -> std::expected<translation, typename nested<Stage, Below>::fault_type> {
  using fault_type = typename nested<Stage, Below>::fault_type;
  using either     = decltype(fault_type::what);
  auto const &[h, from, mmu] = n.above;
  auto const denied_below = [](auto const &fault, purpose wants, unsigned level, output_address asked) {
    return std::unexpected{fault_type{either{std::in_place_index<1>, fault}, wants, static_cast<u8>(level), asked}};
  };
  auto const passed_down = [&](stage_above const &asks) { return detail::passed_down(mmu, h, what, at, asks); };

  detail::tables_through tables{n.below, memory, passed_down(detail::load_of(h, h.top()))};
  auto const found = access(h, from, at, what, mmu, tables, way);
  if (auto const &fault = tables.fault())
    return denied_below(*fault, purpose::table_load, way.size() == 0 ? h.top() : way.last().level - 1u, tables.asked());
  if (!found) return std::unexpected{fault_type{either{std::in_place_index<0>, found.error()}}};

  for (step const &s : way) {
    if (mmu.marked(h, s, what) == s.entry) continue;
    auto const reached = access(n.below, input_address{s.slot.value}, passed_down({purpose::table_mark}), memory);
    if (!reached) return denied_below(reached.error(), purpose::table_mark, s.level, s.slot);
  }
  auto const lower = access(n.below, input_address{found->address.value}, passed_down({.page = &*found}), memory);
  if (!lower) return denied_below(lower.error(), purpose::data, 0, found->address);
  return combined(n.below, *found, *lower);
}

/// The same, and marks the entries of all stages as hardware does: nothing on a fault; a stage below marks its own for
/// each entry that the stage above reads or marks. If an entry has changed meanwhile the access begins again.
template <class Stage, class Below, writable_memory M>
constexpr auto access_and_mark(nested<Stage, Below> const &n, input_address at, access_request const &what, M &&memory)
    -> std::expected<translation, typename nested<Stage, Below>::fault_type> {
  auto const &[h, from, mmu] = n.above;
  auto const passed_down = [&](stage_above const &asks) { return detail::passed_down(mmu, h, what, at, asks); };
  for (;;) {
    if (auto const all = access(n, at, what, memory); !all) return all;

    passage way;  // of the stage above
    detail::tables_through tables{n.below, memory, passed_down(detail::load_of(h, h.top()))};
    auto upper = access(h, from, at, what, mmu, tables, way);
    if (!upper) continue;
    auto const reach = [&](step const &s, bool changes) -> std::optional<output_address> {
      input_address const slot{s.slot.value};
      auto reached = access_and_mark(n.below, slot, passed_down(detail::load_of(h, s.level)), memory);
      if (reached && changes) reached = access_and_mark(n.below, slot, passed_down({purpose::table_mark}), memory);
      return reached ? std::optional{reached->address} : std::nullopt;
    };
    if (!mark(h, mmu, way, what, *upper, memory, reach)) continue;
    auto const lower = access_and_mark(n.below, input_address{upper->address.value}, passed_down({.page = &*upper}), memory);
    if (lower) return combined(n.below, *upper, *lower);
  }
}

}  // namespace pagewright
