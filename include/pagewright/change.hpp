// SPDX-License-Identifier: MIT
// Changing what is mapped in a range: unmap, protect and retype are one operation that differs in what it does to a leaf.
#pragma once

#include "reshape.hpp"

namespace pagewright::editing {

/// What happens to every leaf of the range: it is erased, or `clear` and then `set` are applied, by shape.
struct edit {
  bool erase = false;
  struct bits {
    u64   clear = 0, set = 0;
    match keep{};  // a mark within `clear` that an entry keeps if it has it
  } shape[max_forms]{};
};

template <class Site>
class changer {
  using H = typename Site::format_handle;
  using status = std::expected<void, error>;

 public:
  /// Leaves larger than 2^largest_lg2 bytes are split, however much of them is covered.
  constexpr changer(Site &site, range where, edit const &what, half_covered half, emptied empty,
                    u8 largest_lg2 = 64) noexcept
      : s{site}, h{site.h}, first_{where.first.value}, edit_{what}, last_{where.last.value}, half_{half},
        release_{what.erase && empty == emptied::release}, largest_lg2_{largest_lg2} {}

  /// Refuses what cannot be done and counts the tables that splitting half-covered leaves takes. Only the two ends of
  /// the range can need any; memory that may be missing is looked through whole.
  template <class L>
  constexpr auto survey(L level, output_address table, demand &need) -> status {
    if constexpr (!always_readable<decltype(s.memory)>) {
      struct finder {
        error found{};
        constexpr auto unreadable(gap const &g) -> bool {
          found = {error_reason::unreadable, g.part.first, g.level, g.slot, 0};
          return false;
        }
      } missing;
      if (!sweep(h, s.root, {{first_}, {last_}}, s.memory, missing)) return std::unexpected{missing.found};
    }
    // Where every leaf of the table that holds the range fills one slot, none can be cut.
    if (level == 0 && !h.any_form(level, [](auto f) { return f->run_lg2 != 0 || f->size_code != 0; })) return {};
    if (auto const ok = survey_edge(level, table, first_, first_, need); !ok) return ok;
    return survey_edge(level, table, last_, last_ + 1, need);
  }

  /// Refuses leaves larger than the largest that cannot be split, and counts the tables that splitting the others takes.
  constexpr auto survey_sizes(unsigned level, output_address table, u64 first, u64 last, demand &need) -> status {
    u64 const size = pagewright::below(slot_lg2(h, level));
    for (u64 at = first;;) {
      u64 const  end   = (at | size) < last ? (at | size) : last;
      auto const slot  = slot_address(h, level, table, index_of(h, level, at));
      auto const entry = s.memory.load(slot, h->word());
      if (!entry) return s.obstacle(error_reason::unreadable, level, at, slot, 0);
      status result{};
      switch (kind_of(h, level, *entry)) {
        case entry_kind::table: result = survey_sizes(level - 1, table_of(h, level, *entry), at, end, need); break;
        case entry_kind::leaf:  result = survey_size(level, table, slot, *entry, at, end, need); break;
        default:                break;
      }
      if (!result || end == last) return result;
      at = end + 1;
    }
  }

  /// May the work begin in the table that `entry` points to, which holds all of the range? Not if it may be released.
  template <class L>
  PAGEWRIGHT_INLINE constexpr auto may_begin_below(L level, u64 entry) const noexcept -> bool {
    return !release_ && kind_of(h, level, entry) == entry_kind::table;
  }

  /// Changes the range, which lies in `table`. Precondition: surveyed without error and stocked.
  template <class L, class Ledger>
  constexpr void write(L level, output_address table, Ledger &owed) {
    write(level, table, first_, last_, owed);
  }

 private:
  /// Does the range end inside the leaf that maps `first` .. `first + size`?
  constexpr auto cuts(u64 first, u64 size) const noexcept -> bool {
    return first < first_ || (first | size) > last_;
  }

  /// `at`: the address just inside the boundary `edge` (the range's first address, or the one after its last).
  /// Classifies entries as `write` will, which a walk does not: it may fault on a leaf for other reasons.
  template <class L>
  constexpr auto survey_edge(L level, output_address table, u64 at, u64 edge, demand &need) -> status {
    auto const slot  = slot_address(h, level, table, index_of(h, level, at));
    u64 const  entry = s.memory.load(slot, h->word()).value_or(vacant_of(h, level));
    auto const kind  = kind_of(h, level, entry);
    if (level != 0 && kind == entry_kind::table) return survey_edge(h.below(level), table_of(h, level, entry), at, edge, need);
    status result{};
    u64 const size = pagewright::below(slot_lg2(h, level));
    if (kind == entry_kind::absent && edit_.erase && !is_vacant(h, level, entry) && cuts(at & ~size, size) && half_ != half_covered::whole)
      return s.obstacle(error_reason::would_split, level, at & ~size, slot, entry);
    if (kind == entry_kind::leaf)
      with_form(h, level, entry, [&](auto f) {
        u64 const mapped = pagewright::below(leaf_lg2(h, level, f, entry)), start = at & ~mapped;
        if (!cuts(start, mapped) || half_ == half_covered::whole) return;
        if (half_ == half_covered::split && mapped > pagewright::below(slot_lg2(h, level)) &&
            !is_whole_run(level, f, table, start)) {
          result = s.obstacle(error_reason::occupied, level, start, slot, entry);
          return;
        }
        u64 const leads = leaf_base(h, level, f, entry).value | mapped;
        if (half_ == half_covered::refuse || !count_split(level, f, entry, edge, leads, need))
          result = s.obstacle(error_reason::would_split, level, start, slot, entry);
      });
    if (result && half_ != half_covered::whole)
      h.any_form(level, [&](auto f) {
        if (f->run_lg2 == 0 || f->size_code != 0) return false;
        u64 const mapped = pagewright::below(slot_lg2(h, level) + f->run_lg2), start = at & ~mapped;
        if (!cuts(start, mapped) || is_whole_run(level, f, table, start)) return false;
        for (u64 i = 0; i < bit(f->run_lg2); ++i) {  // a slot further in may claim a run that this one is no part of
          auto const other = slot_address(h, level, table, index_of(h, level, start) + i);
          u64 const  here  = start + (i << slot_lg2(h, level)), e = s.memory.load(other, h->word()).value_or(vacant_of(h, level));
          if (here >= first_ && here <= last_ && same_shape(level, f, e))
            result = s.obstacle(error_reason::occupied, level, here, other, e);
        }
        return false;
      });
    return result;
  }

  constexpr auto survey_size(unsigned level, output_address table, output_address slot, u64 entry, u64 at, u64 end,
                             demand &need) -> status {
    status result{};
    with_form(h, level, entry, [&](auto f) {
      u64 const mapped = pagewright::below(leaf_lg2(h, level, f, entry)), start = at & ~mapped;
      u64 const leads  = leaf_base(h, level, f, entry).value | mapped;
      if (mapped <= pagewright::below(largest_lg2_)) return;
      bool const run = mapped > pagewright::below(slot_lg2(h, level));
      if (run && !is_whole_run(level, f, table, start))
        result = s.obstacle(error_reason::occupied, level, start, slot, entry);
      if (run && result && !has_smaller(level, f, entry, leads))
        result = s.obstacle(error_reason::would_split, level, start, slot, entry);
      for (unsigned under = level; result && under > 0 && slot_lg2(h, under) > largest_lg2_; --under) {
        if (!has_smaller(under - 1, f, entry, leads)) result = s.obstacle(error_reason::would_split, level, start, slot, entry);
        need.tables[under - 1] += (end >> slot_lg2(h, under)) - (at >> slot_lg2(h, under)) + 1;
      }
    });
    return result;
  }

  /// Do all slots of the run that begins at `start` belong to it and say the same? Those of a garbled table may not, and
  /// rewriting the run would map what was not mapped.
  template <class L, class Form>
  constexpr auto is_whole_run(L level, Form f, output_address table, u64 start) const -> bool {
    auto const slot  = slot_address(h, level, table, index_of(h, level, start));
    auto const first = s.memory.load(slot, h->word());
    if (!first || !same_shape(level, f, *first)) return false;
    auto whole = describe_leaf(h, level, f, start, slot, *first, rights::all, false);
    return sweeping::gather_run(h, level, f, table, whole, s.memory);
  }

  /// Counts the tables it takes to make leaves end at `edge`, from a leaf of `level` down; those that the range's first
  /// address needs too are counted only there. Returns whether the format has smaller leaves that lead up to `leads`.
  template <class Form>
  constexpr auto count_split(unsigned level, Form f, u64 entry, u64 edge, u64 leads, demand &need) const -> bool {
    if (f->run_lg2 != 0 && !has_smaller(level, f, entry, leads)) return false;
    for (; level > 0 && !is_aligned(edge, slot_lg2(h, level)); --level) {
      if (!has_smaller(level - 1, f, entry, leads)) return false;
      bool const shared = edge != first_ && !is_aligned(first_, slot_lg2(h, level)) &&
                          (first_ >> slot_lg2(h, level)) == (last_ >> slot_lg2(h, level));
      if (!shared) ++need.tables[level - 1];
    }
    return true;
  }

  /// Is there a leaf of one slot at `level` that says what `entry`, of shape `f`, says, and leads up to `leads`?
  template <class Form>
  constexpr auto has_smaller(unsigned level, Form f, u64 entry, u64 leads) const -> bool {
    bool fit = false;
    with_single_form(h, level, [&](auto g) {
      fit = can_lead_to(g, leads, slot_lg2(h, level)) && can_say(h, f, entry, level, g);
    });
    return fit;
  }

  template <class L, class Ledger>
  constexpr void write(L level, output_address table, u64 first, u64 last, Ledger &owed) {
    u64 const size = pagewright::below(slot_lg2(h, level));
    for (u64 at = first;;) {
      u64        end   = (at | size) < last ? (at | size) : last;
      auto const slot  = slot_address(h, level, table, index_of(h, level, at));
      u64 const  entry = s.memory.load(slot, h->word()).value_or(vacant_of(h, level));
      auto const kind  = kind_of(h, level, entry);
      bool       again = false;

      if (kind == entry_kind::table) {
        if (level != 0) write_below(level, slot, entry, at, end, owed);
      } else if (kind == entry_kind::leaf) {
        with_form(h, level, entry, [&](auto f) PAGEWRIGHT_INLINE {
          u64 const mapped = pagewright::below(leaf_lg2(h, level, f, entry)), start = at & ~mapped;
          if (mapped > pagewright::below(largest_lg2_)) {
            again = true;
          } else if (!cuts(start, mapped)) {
            u64 const whole = (~last & mapped) == 0 ? last : (last & ~mapped) - 1;
            end = change_leaves(level, f, table, at, whole, owed);
          } else if (half_ == half_covered::whole) {
            for (end = start - 1; end != (start | mapped);)
              end = change_leaves(level, f, table, end + 1, start | mapped, owed);
            if (end > last) end = last;
          } else {
            again = true;
          }
          if (again) make_smaller(level, f, table, slot, entry, start, at, owed);
        });
      } else if (edit_.erase && !is_vacant(h, level, entry) && ((is_aligned(at, slot_lg2(h, level)) && (~end & size) == 0) ||
                                                      (kind == entry_kind::absent && half_ == half_covered::whole))) {
        s.put(slot, vacant_of(h, level));  // what hardware rejects, or a note in an absent entry, maps nothing
        if (h->caches_absent) owed.owe({{{at}, {end}}, static_cast<u8>(slot_lg2(h, 0u)), true});
      }
      if (again) continue;
      if (end == last) return;
      at = end + 1;
    }
  }

  /// One step towards leaves that the range covers whole. Precondition: surveyed and stocked.
  template <class L, class Form, class Ledger>
  constexpr void make_smaller(L level, Form f, output_address table, output_address slot, u64 entry, u64 start, u64 at,
                              Ledger &owed) {
    if (f->run_lg2 == 0 && f->size_code == 0) {
      if (level != 0) split(s, level, f, slot, entry, start, owed);
      return;
    }
    with_single_form(h, level, [&](auto single) {
      regroup(s, level, f, single, table, start, leaf_lg2(h, level, f, entry), entry, (at - start) >> slot_lg2(h, level),
              owed);
    });
  }

  template <class L, class Ledger>
  constexpr void write_below(L level, output_address slot, u64 entry, u64 at, u64 end, Ledger &owed) {
    u64 const  size = pagewright::below(slot_lg2(h, level));
    auto const next = table_of(h, level, entry);
    bool const covered = is_aligned(at, slot_lg2(h, level)) && (~end & size) == 0;
    if (!(release_ && covered)) {
      write(h.below(level), next, at, end, owed);
      if (!release_ || !s.is_empty(h.below(level), next)) return;
    }
    // Cutting the subtree off here costs one store, however much hangs below; it stays untouched until it is paid for.
    s.swap(slot, entry, vacant_of(h, level));
    s.publish(slot, h->entry_bytes);
    owed.owe({{{at & ~size}, {at | size}}, static_cast<u8>(slot_lg2(h, 0u)), true});
    s.retire(h.below(level), next, owed);
  }

  /// Changes the leaves of shape `f` from `at` on, up to `limit` or the first slot that holds something else; returns
  /// the last address dealt with. A slot at `at` that holds something else is passed over.
  template <class L, class Form, class Ledger>
  constexpr auto change_leaves(L level, Form f, output_address table, u64 at, u64 limit, Ledger &owed) -> u64 {
    unsigned const lg2 = slot_lg2(h, level);
    auto const first   = slot_address(h, level, table, index_of(h, level, at));
    u64 const  stride  = u64{1} << stride_lg2(h, level), most = ((limit - at) >> lg2) + 1;
    auto const bits    = edit_.shape[f.index];
    u64        count   = 0, from = most, to = 0;  // slots seen, and those of them that changed

    // The slots of a run must say the same at every moment (Arm ARM D8.7.1), so they change by breaking them all.
    bool const breaks = !edit_.erase && (must_break(h, f, bits.clear | bits.set) || (h->break_before_make && f->run_lg2 != 0));

    // The loop works on copies: a store to a table may alias any member, which would have to be loaded again each time.
    decltype(s.memory) memory = s.memory;
    u64 const model = memory.load(first, h->word()).value_or(vacant_of(h, level)), telling = telling_bits(h, level, f);
    if (!same_shape(level, f, model)) return at + pagewright::below(lg2);
    auto const each = [&](auto changes, auto next) PAGEWRIGHT_INLINE {
      constexpr bool all = std::same_as<decltype(changes), std::true_type>;
      u64 seen = 0, begin = most, end = 0;
      if constexpr (all && !Site::hardware_writes) {
        for (; most - seen >= 4; seen += 4) {
          u64 unlike = 0;
          unroll<4>([&](auto i) PAGEWRIGHT_INLINE {
            unlike |= memory.load(first + (seen + i) * stride, h->word()).value_or(vacant_of(h, level)) ^ model;
          });
          if ((unlike & telling) != 0) break;
          unroll<4>([&](auto i) PAGEWRIGHT_INLINE { memory.store(first + (seen + i) * stride, h->word(), next(model)); });
        }
      }
      for (; seen < most; ++seen) {
        auto const slot  = first + seen * stride;
        u64        entry = memory.load(slot, h->word()).value_or(vacant_of(h, level));
        // What is broken together must be told apart from absent entries by the same bits.
        if (((entry ^ model) & telling) != 0 && (!same_shape(level, f, entry) || (breaks && ((entry ^ model) & absent_of(h, level).mask) != 0)))
          break;
        if constexpr (!all) if (!changes(entry)) continue;
        s.change_entry(memory, slot, entry, next);
        if constexpr (!all) begin = begin == most ? seen : begin, end = seen;
      }
      count = seen, from = all ? 0 : begin, to = all ? seen - 1 : end;
    };
    if (edit_.erase) each(std::true_type{}, [vacant = vacant_of(h, level)](u64) PAGEWRIGHT_INLINE { return vacant; });
    else if (breaks) each(differs(bits), [h = h, level](u64 was) PAGEWRIGHT_INLINE { return Site::broken(h, level, was); });
    else if (bits.keep != never) each(differs(bits), [=](u64 was) PAGEWRIGHT_INLINE { return edited(was, bits); });
    else each([=](u64 was) PAGEWRIGHT_INLINE { return ((was & ~bits.clear) | bits.set) != was; },
              [=](u64 was) PAGEWRIGHT_INLINE { return (was & ~bits.clear) | bits.set; });
    if (from == most) return at + (count << lg2) - 1;

    stale const affected{{{at + (from << lg2)}, {at + (to << lg2) + pagewright::below(lg2)}}, static_cast<u8>(lg2), false};
    s.publish(first + from * stride, (to - from + 1) * stride);
    if (breaks) {
      s.drop_now(affected);
      for (u64 i = from; i <= to; ++i) {
        auto const slot  = first + i * stride;
        u64 const  entry = s.memory.load(slot, h->word()).value_or(vacant_of(h, level));
        u64 const  mask  = absent_of(h, level).mask;
        if (is_absent(h, level, entry)) s.memory.store(slot, h->word(), edited((entry & ~mask) | (model & mask), bits));
      }
      s.publish(first + from * stride, (to - from + 1) * stride);
    }
    if (!breaks || h->caches_absent) owed.owe(affected);
    return at + (count << lg2) - 1;
  }

  template <class L, class Form>
  PAGEWRIGHT_INLINE constexpr auto same_shape(L level, Form f, u64 entry) const noexcept -> bool {
    if (is_absent(h, level, entry) || is_table(h, level, entry)) return false;
    bool same = false;
    with_form(h, level, entry, [&](auto g) PAGEWRIGHT_INLINE {
      same = g.index == f.index && !leaf_is_reserved(h, level, g, entry);
    });
    return same;
  }

  PAGEWRIGHT_INLINE static constexpr auto edited(u64 entry, edit::bits const &bits) noexcept -> u64 {
    u64 const now = (entry & ~bits.clear) | bits.set;
    return bits.keep(entry) ? (now & ~bits.keep.mask) | bits.keep.value : now;
  }
  PAGEWRIGHT_INLINE static constexpr auto differs(edit::bits const &bits) noexcept {
    return [=](u64 was) PAGEWRIGHT_INLINE { return edited(was, bits) != was; };
  }

  Site        &s;
  H            h;
  // Not side by side: gcc would copy both at once from where they were just spilled one by one, and wait for the stores.
  u64          first_;
  edit const  &edit_;
  u64          last_;
  half_covered half_;
  bool         release_;
  u8           largest_lg2_;
};

}  // namespace pagewright::editing
