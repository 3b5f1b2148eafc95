// SPDX-License-Identifier: MIT
// The way back from many small entries to few large ones: tables that hold nothing are cut off, tables whose leaves
// continue each other and say the same become one leaf, neighbouring leaves become a run.
#pragma once

#include "reshape.hpp"

namespace pagewright {

/// What `collapse` may do. Larger leaves than 2^largest_lg2 bytes are not made.
struct collapse_limits {
  u8   largest_lg2 = 63;
  bool runs        = true;  // make runs of slots that act as one (contiguous hint, NAPOT)
  bool leaves      = true;  // make leaves and runs at all; otherwise only empty tables go
};

namespace editing {

template <class Site>
class folder {
  using H = typename Site::format_handle;

 public:
  constexpr folder(Site &site, collapse_limits limits) noexcept : s{site}, h{site.h}, limits_{limits} {}

  /// Works bottom-up through everything the range holds. Takes no frames and cannot fail; missing memory is left alone.
  template <class L, class Ledger>
  constexpr void fold(L level, output_address table, u64 first, u64 last, Ledger &owed) {
    u64 const size = pagewright::below(slot_lg2(h, level));
    if (level != 0)
      for (u64 at = first;;) {
        u64 const  end   = (at | size) < last ? (at | size) : last;
        auto const slot  = slot_address(h, level, table, index_of(h, level, at));
        u64 const  entry = s.memory.load(slot, h->word()).value_or(vacant_of(h, level));
        if (kind_of(h, level, entry) == entry_kind::table) fold_table(level, slot, entry, at, end, owed);
        if (end == last) break;
        at = end + 1;
      }
    if (level == h.top()) fold_runs(level, table, first, last, owed);
  }

 private:
  template <class L, class Ledger>
  constexpr void fold_table(L level, output_address slot, u64 entry, u64 at, u64 end, Ledger &owed) {
    auto const below = h.below(level);
    auto const next  = table_of(h, level, entry);
    u64 const  size  = pagewright::below(slot_lg2(h, level)), start = at & ~size;
    fold(below, next, at, end, owed);
    stale const affected{{{start}, {start | size}}, static_cast<u8>(slot_lg2(h, 0u)), true};
    if (s.is_empty(below, next)) {
      s.swap(slot, entry, vacant_of(h, level));
      s.publish(slot, h->entry_bytes);
      owed.owe(affected);
      s.retire(below, next, owed);
      return;
    }
    bool const covered = at == start && end == (start | size);
    if (!limits_.leaves || !covered || slot_lg2(h, level) > limits_.largest_lg2 ||
        table_rights(h, level, entry) != rights::all || h->table_global(entry) ||
        ((entry ^ h->levels[level].table_base) & h->table_says) != 0)
      return fold_runs(below, next, at, end, owed);
    bool done = false;
    with_single_form(h, level, [&](auto large) {
      if (!one_leaf(level, large, next)) return;
      done = true;
      auto const whole = [&](u64) { return *one_leaf(level, large, next); };
      if constexpr (Site::hardware_writes) {
        // Until the table is out of the caches hardware may mark its leaves: the marks are read after that.
        s.swap(slot, entry, vacant_of(h, level));
        s.publish(slot, h->entry_bytes);
        s.drop_now(affected);
        s.put(slot, whole(entry));
        if (h->caches_absent) owed.owe(affected);
      } else {
        s.replace(level, slot, entry, affected, owed, whole);
      }
      s.retire(below, next, owed);
    });
    if (!done) fold_runs(below, next, at, end, owed);
  }

  /// The leaf of shape `large` in a slot of `level` that says what all leaves of the table `next` say, if there is one.
  template <class L, class Form>
  constexpr auto one_leaf(L level, Form large, output_address next) -> std::optional<u64> {
    auto const below = h.below(level);
    unsigned const lg2 = slot_lg2(h, below);
    std::optional<u64> whole;
    u64                base = 0;
    for (u64 i = 0; i < bit(h->levels[below].index_bits); ++i) {
      auto const entry = s.memory.load(slot_address(h, below, next, i), h->word());
      if (!entry || kind_of(h, below, *entry) != entry_kind::leaf) return std::nullopt;
      bool same = false;
      with_form(h, below, *entry, [&](auto f) {
        u64 const own = gather(f->address, *entry) & ~pagewright::below(f->run_lg2 != 0 ? leaf_lg2(h, below, f, *entry) : lg2);
        u64 const in_run = f->run_lg2 != 0 ? (i & pagewright::below(f->run_lg2)) << lg2 : 0;
        if (!whole) {
          base = own;
          if (!is_aligned(base, slot_lg2(h, level)) || !can_lead_to(*large.operator->(), base, slot_lg2(h, level)) ||
              f->size_code != 0)
            return;
          whole = reshaped(h, f, *entry, level, large, {base});
        }
        u64 const want = reshaped(h, large, *whole, below, f, {base + (i << lg2)});
        same  = own + in_run == base + (i << lg2) && says_the_same(f, *entry, want);
        whole = with_marks_of(large, *whole, reshaped(h, f, *entry, level, large, {base}));
      });
      if (!same) return std::nullopt;
    }
    return whole;
  }

  /// Do two entries of shape `f` differ in marks at most that hardware makes itself?
  template <class Form>
  constexpr auto says_the_same(Form f, u64 a, u64 b) const noexcept -> bool {
    u64 const marks = (h->unaccessed_faults ? 0 : f->accessed.mask) | f->dirty.mask;
    return ((a ^ b) & ~marks) == 0 && granted(f->grants, a) == granted(f->grants, b);
  }

  template <class L, class Ledger>
  constexpr void fold_runs(L level, output_address table, u64 first, u64 last, Ledger &owed) {
    if (!limits_.leaves || !limits_.runs) return;
    h.any_form(level, [&](auto run) {
      unsigned const lg2  = slot_lg2(h, level) + run->run_lg2;
      u64 const      size = pagewright::below(lg2);
      if (run->run_lg2 == 0 || run->size_code != 0 || lg2 > limits_.largest_lg2) return false;
      for (u64 at = (first + size) & ~size; at >= first && at <= last && last - at >= size; at += size + 1) {
        fold_run(level, run, table, at, lg2, owed);
        if (last - at == size) break;
      }
      return false;
    });
  }

  /// Makes one run of the leaves from `at` on, single slots or smaller runs, if they say the same and continue each other.
  template <class L, class Run, class Ledger>
  constexpr void fold_run(L level, Run run, output_address table, u64 at, unsigned lg2, Ledger &owed) {
    unsigned const grain = slot_lg2(h, level);
    auto const load = [&](u64 i) {
      return s.memory.load(slot_address(h, level, table, index_of(h, level, at) + i), h->word()).value_or(vacant_of(h, level));
    };
    auto const smaller = [&](auto f) { return f->run_lg2 < run->run_lg2 && f->size_code == 0; };
    u64 const  head    = load(0);
    if (kind_of(h, level, head) != entry_kind::leaf) return;
    with_form(h, level, head, [&](auto from) {
      auto const base = leaf_base(h, level, from, head);
      if (!smaller(from) || !is_aligned(base.value, lg2) || !can_lead_to(*run.operator->(), base.value, lg2)) return;
      for (u64 i = 0; i < bit(run->run_lg2); ++i) {
        u64 const entry = load(i);
        bool      fits  = false;
        if (kind_of(h, level, entry) == entry_kind::leaf)
          with_form(h, level, entry, [&](auto f) {
            auto const leads = leaf_base(h, level, f, entry) + ((i & pagewright::below(f->run_lg2)) << grain);
            fits = smaller(f) && leads == base + (i << grain) &&
                   says_the_same(f, entry, reshaped(h, from, head, level, f, base + (i << grain)));
          });
        if (!fits) return;
      }
      regroup(s, level, from, run, table, at, lg2, head, 0, owed);
    });
  }

  Site           &s;
  H               h;
  collapse_limits limits_;
};

}  // namespace editing
}  // namespace pagewright
