// SPDX-License-Identifier: MIT
// Which pages were touched, which were written: the accessed and dirty marks of a range, read and cleared.
//
// What a reader must know about races and translation caches:
// - Hardware sets marks while this runs. One set after its entry was looked at is told by the next harvest; none is lost,
//   for marks are cleared by compare-exchange, and what is told is what the exchange found.
// - A processor that holds a translation does not set marks again that it saw set (SDM 3A 4.8, 4.10.4.2; Arm ARM D8.5). Until
//   what clearing owes is paid, touching such a page leaves no mark. For dirty marks that is fatal: settle the ledger
//   first, then copy what was told. For accessed marks it only makes pages look colder: pay for them whenever it suits,
//   or not at all (`owe_accessed`).
// - Reading marks owes nothing.
#pragma once

#include "editing.hpp"
#include "marks.hpp"

namespace pagewright {
namespace harvesting {

/// For harvests that change nothing.
struct keeping {
  static constexpr bool clears = false;
};
template <class C, class Ledger>
struct clearing {
  static constexpr bool clears = true;
  C      &cache;
  Ledger &owed;
};

/// Takes marks from what a sweep finds. Tables of level 0 it goes through itself, eight slots at a glance.
template <handle H, class M, class Observe, class Cleaner>
class reaper {
 public:
  constexpr reaper(H h, range where, M &memory, harvest_request const &what, Observe &observe, Cleaner cleaner) noexcept
      : h_{h}, where_{where}, memory_{memory}, what_{what}, told_{what.look | what.clear}, observe_{observe},
        cleaner_{cleaner} {}

  constexpr auto enter(table_visit const &t) -> visit {
    unsigned const parent = t.level + 1u;
    if (h_->next_level.width == 0 && h_->table_accessed != never && h_->levels[parent].narrows) {
      bool touched = h_->table_accessed(t.entry);
      if constexpr (Cleaner::clears)
        if (what_.clear_tables) touched |= clear_ahead(t, parent);
      if (what_.skip_untouched && !touched) return visit::skip;
    }
    if (t.level != 0 || may_cut_short(h_)) return visit::descend;
    h_.descend([&](auto level) {
      if (level == 0) reap_table(level, t);
      return level == 0;
    });
    return missing_ ? visit::stop : visit::skip;
  }
  constexpr void leaf(pagewright::leaf const &l) {
    with_form(h_, unsigned{l.level}, l.entry, [&](auto f) { take(unsigned{l.level}, f, crop_of(l)); });
  }
  constexpr auto unreadable(gap const &g) -> bool {
    missing_ = g.part.first;
    return false;
  }

  /// Tells the last extent. Call it once, at the end.
  constexpr auto finish() -> std::expected<harvest_count, harvest_error> {
    flush();
    if (missing_) return std::unexpected{harvest_error{harvest_failure::unreadable, *missing_}};
    return count_;
  }

 private:
  /// What counts of a leaf here.
  struct crop {
    input_address  first, last;
    u8             lg2, run_lg2;
    output_address slot;   // any of the leaf's
    u64            entry;  // as it was there
    marks          seen;   // in any of its slots
  };
  static constexpr auto crop_of(pagewright::leaf const &l) noexcept -> crop {
    return {l.input, {l.input.value | (l.bytes() - 1)}, l.lg2, l.run_lg2, l.slot, l.entry,
            (l.accessed ? marks::accessed : marks::none) | (l.dirty ? marks::dirty : marks::none)};
  }

  /// Is `entry` one of a leaf with any mark looked for, if it is a leaf? Few entries of a table are.
  template <class L>
  PAGEWRIGHT_INLINE constexpr auto may_be_marked(L level, u64 entry) const noexcept -> bool {
    bool may = false;
    h_.any_form(level, [&](auto f) PAGEWRIGHT_INLINE {
      may |= (marks_of(f, entry) & what_.look) != marks::none;
      return false;
    });
    return may;
  }

  template <class L>
  constexpr void reap_table(L level, table_visit const &t) {
    // Any slot of a run may hold its marks, also one outside the range.
    unsigned run = 0;
    u64      bits = 0;
    bool     plain = true;  // no entry without any of `bits` is marked
    h_.any_form(level, [&](auto f) PAGEWRIGHT_INLINE {
      if (f->run_lg2 > run) run = f->run_lg2;
      for (auto const &[mark, of] : {std::pair{f->accessed, marks::accessed}, std::pair{f->dirty, marks::dirty}}) {
        if (mark == never || (what_.look & of) == marks::none) continue;
        bits |= mark.value;
        plain &= mark.value != 0;
      }
      return false;
    });
    unsigned const lg2   = slot_lg2(h_, level);
    u64 const      base  = t.part.first.value & ~pagewright::below(reach_lg2(h_, level)), stride = bit(stride_lg2(h_, level));
    u64 const      first = index_of(h_, level, t.part.first.value) & ~pagewright::below(run);
    u64 const      last  = index_of(h_, level, t.part.last.value) | pagewright::below(run);
    auto const     slot  = slot_address(h_, level, t.table, 0);
    word const     w     = h_->word();

    for (u64 i = first; i <= last;) {
      if constexpr (always_readable<M>) {
        if (plain && last - i >= 7) {
          u64 any = 0;
          unroll<8>([&](auto k) PAGEWRIGHT_INLINE { any |= *memory_.load(slot + (i + k) * stride, w); });
          if ((any & bits) == 0) {
            i += 8;
            continue;
          }
        }
      }
      u64 const stop = last - i >= 7 ? i + 7 : last;
      while (i <= stop) {
        auto const loaded = memory_.load(slot + i * stride, w);
        if (!loaded) {
          missing_ = {base + (i << lg2)};
          return;
        }
        i += may_be_marked(level, *loaded) ? reap_entry(level, t, base + (i << lg2), *loaded) : 1;
      }
    }
  }

  /// Takes the leaf, or run, that `entry` at `at` is part of. Returns how many slots from there on are done with.
  template <class L>
  PAGEWRIGHT_INLINE constexpr auto reap_entry(L level, table_visit const &t, u64 at, u64 entry) -> u64 {
    u64 slots = 1;
    if (kind_of(h_, level, entry) != entry_kind::leaf) return slots;
    u64 const index = index_of(h_, level, at);
    with_form(h_, level, entry, [&](auto f) {
      if (leaf_is_too_wide(h_, level, f, entry)) return;
      auto const slot = slot_address(h_, level, t.table, index);
      u64 const  size = pagewright::below(slot_lg2(h_, level));
      if (f->run_lg2 == 0 && f->size_code == 0) {
        take(level, f, {{at}, {at | size}, static_cast<u8>(slot_lg2(h_, level)), 0, slot, entry, marks_of(f, entry)});
        return;
      }
      auto l = describe_leaf(h_, level, f, at, slot, entry, rights::all, false);
      if (auto whole = l; l.run_lg2 != 0 && sweeping::gather_run(h_, level, f, t.table, whole, memory_)) {
        l     = whole;
        slots = bit(l.run_lg2) - (index & pagewright::below(l.run_lg2));
      } else if (l.run_lg2 != 0) {  // slots that do not agree are told one by one, as walks find them
        l.input = {at}, l.lg2 = static_cast<u8>(slot_lg2(h_, level)), l.run_lg2 = 0;
      }
      take(level, f, crop_of(l));
    });
    return slots;
  }

  template <class L, class Form>
  PAGEWRIGHT_INLINE constexpr void take(L level, Form const &f, crop const &l) {
    input_address const first = l.first, last = l.last;
    marks               seen  = l.seen;
    if (last < where_.first || where_.last < first || (seen & what_.look) == marks::none) return;
    if constexpr (Cleaner::clears) {
      if ((seen & what_.clear) != marks::none) {
        if (where_.first <= first && last <= where_.last) seen |= wipe(level, f, l);
        else ++count_.kept;
      }
    }
    ++count_.leaves;
    tell({{first < where_.first ? where_.first : first, where_.last < last ? where_.last : last}, seen & told_});
  }

  /// Clears the marks of all slots of `l`: those of a group may differ in their marks, and in nothing else (Arm ARM D8.7.1;
  /// Svnapot). Returns the marks that were there by then.
  template <class L, class Form>
  PAGEWRIGHT_INLINE constexpr auto wipe(L level, Form const &f, crop const &l) -> marks {
    marks      seen = marks::none, lost = marks::none;
    u64 const  stride = bit(stride_lg2(h_, level)), offset = h_->levels[level].slot_offset;
    auto const first = output_address{((l.slot.value - offset) & ~pagewright::below(stride_lg2(h_, level) + l.run_lg2)) + offset};
    for (u64 i = 0; i < bit(l.run_lg2); ++i) {
      auto const slot  = first + i * stride;
      u64        entry = i == 0 && slot == l.slot ? l.entry : memory_.load(slot, h_->word()).value_or(0);
      for (;;) {
        marks const here = marks_of(f, entry);
        seen |= here;
        if ((here & what_.clear) == marks::none) break;
        if (!memory_.compare_exchange(slot, h_->word(), entry, without(f, entry, what_.clear))) continue;
        lost |= here & what_.clear;
        ++count_.cleared;
        break;
      }
    }
    if (lost != marks::none) cleaner_.cache.publish(first, stride << l.run_lg2);
    if ((lost & marks::dirty) != marks::none || (lost != marks::none && what_.owe_accessed))
      cleaner_.owed.owe({{l.first, l.last}, l.lg2, false});
    return seen;
  }

  /// Clears the accessed marks of `t`'s table entry and of up to 63 that follow it, and flushes them before anything
  /// below is looked at: a processor that still holds a table entry marks leaves without marking the entry again
  /// (SDM 3A 4.10.3), and such a leaf would be passed over by the next harvest. Returns whether `t`'s was marked.
  constexpr auto clear_ahead(table_visit const &t, unsigned parent) -> bool {
    auto          &ahead = ahead_[parent];
    unsigned const lg2   = slot_lg2(h_, parent);
    u64 const      first = t.part.first.value, size = pagewright::below(lg2);
    if ((first & size) != 0 || (~t.part.last.value & size) != 0) return false;  // a mark below may lie outside the range
    if (u64 const n = (first - ahead.first) >> lg2; ahead.count != 0 && first >= ahead.first && n < ahead.count)
      return (ahead.marked >> n & 1) != 0;

    u64 last = where_.last.value;  // slots beyond the non-canonical hole belong to other addresses
    auto const whole = translated_ranges(h_);
    for (unsigned n = 0; n < whole.count; ++n)
      if (whole.part[n].contains({first}) && whole.part[n].last.value < last) last = whole.part[n].last.value;
    u64 const in_table = bit(h_->levels[parent].index_bits) - index_of(h_, parent, first);
    u64 const in_range = ((last - first) >> lg2) + ((~last & size) == 0 ? 1 : 0);
    u64 const most     = in_table < in_range ? in_table : in_range;
    ahead = {first, 0, most < 64 ? static_cast<unsigned>(most) : 64u};
    unsigned end = 0;
    for (unsigned n = 0; n < ahead.count; ++n) {
      auto const slot  = t.slot + (u64{n} << stride_lg2(h_, parent));
      u64        entry = memory_.load(slot, h_->word()).value_or(vacant_of(h_, parent));
      while (kind_of(h_, parent, entry) == entry_kind::table && h_->table_accessed(entry)) {
        if (!memory_.compare_exchange(slot, h_->word(), entry, entry ^ h_->table_accessed.mask)) continue;
        ahead.marked |= bit(n);
        end = n + 1;
        ++count_.cleared;
        break;
      }
    }
    if (end == 0) return false;
    cleaner_.cache.publish(t.slot, u64{end} << stride_lg2(h_, parent));
    cleaner_.cache.invalidate({{{first}, {first + (u64{end - 1} << lg2) + size}}, static_cast<u8>(slot_lg2(h_, 0u)), true});
    cleaner_.cache.sync();
    return (ahead.marked & 1) != 0;
  }

  PAGEWRIGHT_INLINE constexpr void tell(marked_extent const &e) {
    if (open_.seen == e.seen && open_.input.last.value + 1 == e.input.first.value) {
      open_.input.last = e.input.last;
      return;
    }
    flush();
    open_ = e;
  }
  constexpr void flush() {
    if (open_.seen != marks::none) observe_(static_cast<marked_extent const &>(open_));
    open_.seen = marks::none;
  }

  /// Table entries of one level whose marks were cleared together: those at `first` and the `count - 1` that follow.
  struct cleared_ahead {
    u64      first = 0, marked = 0;
    unsigned count = 0;
  };

  [[no_unique_address]] H      h_;
  range                        where_;
  editing::held<M>             memory_;
  harvest_request              what_;
  marks                        told_;
  Observe                     &observe_;
  [[no_unique_address]] Cleaner cleaner_;
  harvest_count                count_{};
  marked_extent                open_{{}, marks::none};
  std::optional<input_address> missing_{};
  cleared_ahead                ahead_[max_depth + 1]{};
};

/// Has the format what is asked for?
template <handle H>
constexpr auto check(H h, range where, harvest_request const &what) noexcept -> std::expected<void, harvest_error> {
  auto const bad = [&](harvest_failure why) { return std::unexpected{harvest_error{why, where.first}}; };
  marks has   = marks::none;
  bool  fixed = false;
  h.descend([&](auto level) {
    h.any_form(level, [&](auto f) {
      has |= (f->accessed != never ? marks::accessed : marks::none) | (f->dirty != never ? marks::dirty : marks::none);
      fixed |= !can_clear(h, level, f, what.clear);
      return false;
    });
    return false;
  });
  marks const wanted = what.look | what.clear;
  if (where.last < where.first) return bad(harvest_failure::outside_input);
  if ((has & wanted) != wanted || what.look == marks::none) return bad(harvest_failure::no_mark);
  if (fixed) return bad(harvest_failure::not_clearable);
  if (what.clear_tables && (what.look & what.clear) != marks::both) return bad(harvest_failure::left_below);
  return {};
}

}  // namespace harvesting

/// Tells `observe(marked_extent)`, ascending, which leaves of `where` have any of the marks `what.look`: neighbours with the same
/// marks as one, leaves that reach beyond the range as far as they lie in it. A run of slots that act as one (contiguous
/// hint, NAPOT) has the marks that any of its slots has; slots of a run that do not agree are told one by one. Changes
/// nothing: of `what`, `look` and `skip_untouched` count. Addresses the format does not translate are passed over.
/// Leaves of a shape without the mark are not told, nor, on Arm, those that are writable without hardware dirty management.
/// Errors: no_mark, outside_input; unreadable, once all that lies before was told.
/// Complexity: one load per slot of every table in the range that is not skipped; as many again for the runs told.
template <handle H, readable_memory M, class Observe>
  requires std::invocable<Observe &, marked_extent const &>
constexpr auto read_marks(H h, root from, range where, M &&memory, harvest_request what, Observe &&observe)
    -> std::expected<harvest_count, harvest_error> {
  what.clear = marks::none, what.clear_tables = false;
  if (auto const ok = harvesting::check(h, where, what); !ok) return std::unexpected{ok.error()};
  harvesting::reaper<H, std::remove_reference_t<M>, std::remove_reference_t<Observe>, harvesting::keeping> job{
      h, where, memory, what, observe, {}};
  sweep(h, from, where, memory, job);
  return job.finish();
}

/// As read_marks, and takes the marks `what.clear` from the leaves it tells: by compare-exchange, only from entries that have
/// them, from all slots of a run, with nothing else of the entry lost. A leaf that reaches beyond the range keeps its
/// marks, for what is said there would be forgotten. What may be cached of the old entries is owed.
/// Precondition: no other writer but hardware; every table in the range is linked once, or its marks are told where it is
/// met first.
/// Errors: as read_marks, not_clearable, left_below; nothing is changed then.
/// Complexity: as read_marks, and an exchange for each entry cleared; twice the loads where memory may be missing.
template <handle H, writable_memory M, class Observe, translation_cache C, class Ledger>
  requires std::invocable<Observe &, marked_extent const &>
constexpr auto harvest(H h, root from, range where, M &&memory, harvest_request const &what, Observe &&observe, C &cache,
                       Ledger &owed) -> std::expected<harvest_count, harvest_error> {
  using cleaner = harvesting::clearing<C, Ledger>;
  if (auto const ok = harvesting::check(h, where, what); !ok) return std::unexpected{ok.error()};
  if constexpr (!always_readable<M>) {
    auto look            = what;
    look.skip_untouched  = false;
    auto const ignore    = [](marked_extent const &) {};
    if (auto const all = read_marks(h, from, where, memory, look, ignore); !all) return all;
  }
  harvesting::reaper<H, std::remove_reference_t<M>, std::remove_reference_t<Observe>, cleaner> job{
      h, where, memory, what, observe, cleaner{cache, owed}};
  sweep(h, from, where, memory, job);
  return job.finish();
}

}  // namespace pagewright
