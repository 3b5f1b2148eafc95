// SPDX-License-Identifier: MIT
// One slot at a time: look at it, set it, narrow what a table lets through. What the slot holds is the caller's affair;
// what replacing it obliges to is not forgotten.
#pragma once

#include "editing.hpp"

namespace pagewright::editing {

/// Calls `use(level, step)` with the slot that `at` selects at `wanted`, or, if `wanted` is nothing, where its walk ends.
/// Errors: outside_input; not_a_table where the walk ends above `wanted`; irregular_table; unreadable.
template <class Site, class Use>
constexpr auto at_slot(Site &s, input_address at, std::optional<unsigned> wanted, Use &&use) -> std::expected<void, error> {
  auto const h = s.h;
  if (!in_extent(h, at.value) || (wanted && *wanted > h.top()))
    return std::unexpected{error{error_reason::outside_input, at, static_cast<u8>(h.top())}};
  std::expected<void, error> result{};
  output_address             table = s.root.table;
  h.descend([&](auto level) {
    u64 const  index = index_of(h, level, at.value);
    auto const slot  = slot_address(h, level, table, index);
    auto const entry = s.memory.load(slot, h->word());
    if (!entry) {
      result = s.obstacle(error_reason::unreadable, level, at.value, slot, 0);
      return true;
    }
    auto const kind = kind_of(h, level, *entry);
    if (wanted ? level == *wanted : kind != entry_kind::table) {
      auto allowed = rights::none;
      if (kind == entry_kind::table) allowed = table_rights(h, level, *entry);
      if (kind == entry_kind::leaf)
        with_form(h, level, *entry, [&](auto f) { allowed = settled(h, granted(f->grants, *entry)); });
      result = use(level, step{static_cast<u8>(level), table, index, slot, *entry, kind, allowed});
      return true;
    }
    if (kind == entry_kind::table && !cuts_short(h, level, *entry)) {
      table = table_of(h, level, *entry);
      return false;
    }
    auto const why = kind == entry_kind::table ? error_reason::irregular_table : error_reason::not_a_table;
    result = s.obstacle(why, level, at.value, slot, *entry);
    return true;
  });
  return result;
}

/// The input addresses that translation caches may hold because of `entry`, valid in the slot of `level` that `at` selects.
template <class Site, class L>
constexpr auto cached_for(Site &s, L level, u64 at, u64 entry) -> stale {
  auto const h    = s.h;
  bool const leaf = kind_of(h, level, entry) == entry_kind::leaf;
  unsigned   lg2  = slot_lg2(h, level);
  if (leaf) with_form(h, level, entry, [&](auto f) { lg2 = leaf_lg2(h, level, f, entry); });
  u64 const size = pagewright::below(lg2);
  return {{{at & ~size}, {at | size}}, static_cast<u8>(leaf ? slot_lg2(h, level) : slot_lg2(h, 0u)), !leaf};
}

/// Replaces the entry in a slot by `now(was)`, whatever both are; returns what was there, with hardware's last marks.
template <class Site, class L, class Ledger, class Now>
constexpr auto set_slot(Site &s, L level, u64 at, step const &found, Ledger &owed, Now &&now) -> u64 {
  auto const h     = s.h;
  u64 const  was   = found.entry, becomes = now(was);
  auto const owes  = duty_of(h, level, was, becomes, false);
  bool const valid = found.kind == entry_kind::leaf || found.kind == entry_kind::table;
  if (owes == duty::none && was == becomes) return was;
  if (valid && owes >= duty::invalidate)
    return s.replace(level, found.slot, was, cached_for(s, level, at, was), owed, now, false);
  // What was here before may still be cached: this is the middle of the break-before-make that the store completes.
  if (!valid && h->break_before_make && owed.may_hold(cached_for(s, level, at, becomes).input)) owed.invalidate(*s.cache);
  u64 const last = s.swap(found.slot, was, becomes);
  s.publish(found.slot, h->entry_bytes);
  if (owes == duty::invalidate) owed.owe(cached_for(s, level, at, becomes));
  return last;
}

}  // namespace pagewright::editing
