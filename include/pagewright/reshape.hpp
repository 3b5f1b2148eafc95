// SPDX-License-Identifier: MIT
// Giving leaves another size while they go on translating alike: a leaf becomes a table of smaller ones, a run becomes
// single slots, and back.
#pragma once

#include "editing.hpp"

namespace pagewright::editing {

/// `into` with the marks that hardware made in `from`, both of shape `f`.
constexpr auto with_marks_of(form const &f, u64 into, u64 from) noexcept -> u64 {
  if (f->accessed != never && f->accessed(from)) into = (into & ~f->accessed.mask) | f->accessed.value;
  if (f->dirty != never && f->dirty(from)) into = (into & ~f->dirty.mask) | f->dirty.value;
  return into;
}

/// Replaces a leaf of shape `f` that begins at `start` by a table of the next smaller ones that say the same.
template <class Site, class L, class Form, class Ledger>
constexpr void split(Site &s, L level, Form f, output_address slot, u64 entry, u64 start, Ledger &owed) {
  auto const h     = s.h;
  auto const below = h.below(level);
  auto const next  = s.spare.take(s.memory, h, below);
  auto const base  = leaf_base(h, level, f, entry);
  stale const affected{{{start}, {start | pagewright::below(slot_lg2(h, level))}}, static_cast<u8>(slot_lg2(h, 0u)), true};
  u64 const  slots = bit(h->levels[below].index_bits);
  if (u64{1} << stride_lg2(h, below) != h->entry_bytes) s.memory.clear(next, slots << stride_lg2(h, below));
  s.replace(level, slot, entry, affected, owed, [&](u64 was) {
    with_single_form(h, below, [&](auto small) {
      u64 const bits = reshaped(h, f, was, below, small, {0});
      fill(s.memory, slot_address(h, below, next, 0), h->word(), 1u << stride_lg2(h, below), slots,
           [&](u64 i) { return bits | encode_address(h, below, small, base + (i << slot_lg2(h, below))); });
    });
    s.publish(next, slots << stride_lg2(h, below));
    return encode_table(h, level, next);
  });
}

/// Rewrites the neighbouring slots that map `start` .. `start + 2^lg2 - 1`, all of shape `from`, as leaves of shape `to`.
/// Hardware may have marked any of them: each gets the marks of all. `entry`: what the slot numbered `index` holds.
template <class Site, class L, class From, class To, class Ledger>
constexpr void regroup(Site &s, L level, From from, To to, output_address table, u64 start, unsigned lg2, u64 entry,
                       u64 index, Ledger &owed) {
  auto const h      = s.h;
  u64 const  slots  = bit(lg2 - slot_lg2(h, level)), stride = u64{1} << stride_lg2(h, level), bytes = slots * stride;
  auto const first  = slot_address(h, level, table, index_of(h, level, start));
  auto const base   = output_address{leaf_base(h, level, from, entry).value & ~pagewright::below(lg2)};
  stale const affected{{{start}, {start | pagewright::below(lg2)}}, static_cast<u8>(slot_lg2(h, level)), false};
  u64        whole  = entry;  // with the marks of all

  auto const each = [&](auto &&body) {
    for (u64 i = 0; i < slots; ++i) {
      auto const slot = first + i * stride;
      body(i, slot, s.memory.load(slot, h->word()).value_or(vacant_of(h, level)));
    }
  };
  auto const one    = [&](u64 i) { return reshaped(h, from, whole, level, to, base + (i << slot_lg2(h, level))); };
  bool const breaks = duty_of(h, level, entry, one(index)) == duty::break_before_make;
  if (breaks) {
    each([&](u64, output_address slot, u64 was) {
      s.change_entry(s.memory, slot, was, [&](u64 e) { return Site::broken(h, level, e); });
    });
    s.publish(first, bytes);
    s.drop_now(affected);
  }
  each([&](u64, output_address, u64 was) { whole = with_marks_of(from, whole, was); });
  for (u64 before = ~whole; before != whole;) {  // again if hardware made a mark on the way: at most once for each
    before = whole;
    each([&](u64 i, output_address slot, u64 was) {
      s.change_entry(s.memory, slot, was, [&](u64 now) {
        whole = with_marks_of(from, whole, now);
        return one(i);
      });
    });
  }
  s.publish(first, bytes);
  if (!breaks || h->caches_absent) owed.owe(affected);
}

}  // namespace pagewright::editing
