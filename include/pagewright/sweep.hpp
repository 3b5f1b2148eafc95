// SPDX-License-Identifier: MIT
// Visit everything in a closed range of input addresses, in ascending order, table by table.
#pragma once

#include "encode.hpp"
#include "walk.hpp"

namespace pagewright {

/// What a visitor's `enter` may answer.
enum class visit : u8 { descend, skip, stop };

/// A table about to be visited, or just left.
struct table_visit {
  range          part;          // the part of the swept range that the table covers
  output_address table;
  u8             level;         // of the table's slots
  rights         above;         // what the table entries that lead here leave
  bool           global_above;
  output_address slot;          // of the entry that points here; the root has none
  u64            entry;
};

/// A part of the range that cannot be followed.
struct gap {
  range          part{};
  u8             level = 0;     // of the slot
  output_address slot{};        // of the first slot
  u64            entry = 0;     // of the first slot
  fault_reason   why = fault_reason::absent;
};

/// The input addresses a format translates: one closed range, or two with the non-canonical hole between them.
struct input_ranges {
  range    part[2];
  unsigned count;
};
template <handle H>
constexpr auto translated_ranges(H h) noexcept -> input_ranges {
  unsigned const bits = h->input_bits();
  u64 const      top  = pagewright::below(bits), all = pagewright::below(h->input_width);
  if (bits >= 64) return {{{{0}, {~u64{0}}}, {}}, 1};
  switch (h->upper) {
    case extent::ones:      return {{{{all & ~top}, {all}}, {}}, 1};
    case extent::canonical: return {{{{0}, {top >> 1}}, {{all & ~(top >> 1)}, {all}}}, 2};
    case extent::zero:      break;
  }
  return {{{{0}, {top}}, {}}, 1};
}

namespace sweeping {

// A visitor names only the events it wants. Each may return void, or false to stop the sweep.
template <class Event, class... Args>
PAGEWRIGHT_INLINE constexpr auto goes_on(Event &&event, Args const &...args) -> bool {
  if constexpr (std::is_void_v<decltype(event(args...))>) return event(args...), true;
  else return static_cast<bool>(event(args...));
}
template <class V>
PAGEWRIGHT_INLINE constexpr auto tell_leaf(V &v, leaf const &l) -> bool {
  if constexpr (requires { v.leaf(l); }) return goes_on([&](auto const &x) PAGEWRIGHT_INLINE { return v.leaf(x); }, l);
  else return true;
}
template <class V>
PAGEWRIGHT_INLINE constexpr auto tell_leaves(V &v, leaf const &l, u64 count) -> bool {
  return goes_on([&](auto const &x, u64 n) PAGEWRIGHT_INLINE { return v.leaves(x, n); }, l, count);
}
template <class V>
constexpr bool takes_runs = requires(V &v, leaf const &l, u64 n) { v.leaves(l, n); };

template <class V>
constexpr auto tell_hole(V &v, gap const &g) -> bool {
  if constexpr (requires { v.hole(g); }) return goes_on([&](auto const &x) { return v.hole(x); }, g);
  else return true;
}
template <class V>
constexpr auto tell_unreadable(V &v, gap const &g) -> bool {
  if constexpr (requires { v.unreadable(g); }) return goes_on([&](auto const &x) { return v.unreadable(x); }, g);
  else return true;
}
template <class V>
constexpr auto tell_reserved(V &v, gap const &g) -> bool {
  if constexpr (requires { v.reserved(g); }) return goes_on([&](auto const &x) { return v.reserved(x); }, g);
  else return true;
}
template <class V>
constexpr auto tell_enter(V &v, table_visit const &t) -> visit {
  if constexpr (requires { v.enter(t); }) return v.enter(t);
  else return visit::descend;
}
template <class V>
constexpr auto tell_leave(V &v, table_visit const &t) -> bool {
  if constexpr (requires { v.leave(t); }) return goes_on([&](auto const &x) { return v.leave(x); }, t);
  else return true;
}

// Do all slots of the run that `l` is part of say so, and the same? Hardware may mark any one of them: the leaf is then
// accessed or dirty if one of its slots is.
template <handle H, class L, class Form, class M>
constexpr auto gather_run(H h, L level, Form const &f, output_address table, leaf &l, M &memory) -> bool {
  u64 const first = index_of(h, level, l.input.value), marks = f->accessed.mask | f->dirty.mask;
  u64 const where = scatter(f->address, ~pagewright::below(slot_lg2(h, level)));
  for (u64 i = 0; i < bit(l.run_lg2); ++i) {
    auto const entry = memory.load(slot_address(h, level, table, first + i), h->word());
    if (!entry) return false;
    u64 const want = f->size_code != 0 ? l.entry  // all slots hold the size, and the address of the whole
                                       : (l.entry & ~where) | encode_address(h, level, f, l.output + (i << slot_lg2(h, level)));
    if (((*entry ^ want) & ~marks) != 0 || granted(f->grants, *entry) != granted(f->grants, l.entry)) return false;
    l.accessed |= f->accessed(*entry);
    l.dirty |= f->dirty(*entry);
  }
  return true;
}

/// How many leaves from `l` on, up to the address `last` in the same table, continue each other and say the same. Their
/// entries are compared whole and never taken apart.
template <handle H, class L, class Form, class M>
PAGEWRIGHT_INLINE constexpr auto run_of(H h, L level, Form const &f, leaf const &l, u64 via, u64 last, M &memory) -> u64 {
  unsigned const lg2 = slot_lg2(h, level);
  if (!counts_up(h, level, f) || l.run_lg2 != 0) return 1;
  // Counting on would carry into the next field where output addresses end.
  u64 const room = (pagewright::below(h->output_bits) - l.output.value) >> lg2, span = (last - l.input.value) >> lg2;
  u64 const most = room < span ? room : span, step = encode_address(h, level, f, {bit(lg2)});
  u64       count = 0, want = l.entry + step;
  for (; count < most; ++count, want += step) {
    if (h->table_bounds[0].limit.width != 0 && level != h.top() &&
        !is_in_bounds(h, via, index_of(h, level, l.input.value) + count + 1))
      break;
    auto const entry = memory.load(l.slot + ((count + 1) << stride_lg2(h, level)), h->word());
    if (!entry || *entry != want) break;
  }
  return count + 1;
}

template <handle H, class L, class M, class V>
constexpr auto table(H h, L level, table_visit const &here, M &memory, V &v) -> bool {
  u64 const size = pagewright::below(slot_lg2(h, level));
  u64 const last = here.part.last.value;
  gap       hole;
  bool      in_hole = false, hole_exists = true;

  // A table of a lower level, reached past this one, lies where this level's index is zero.
  if (h->next_level.width != 0 && here.level != level) {
    u64 const first = here.part.first.value, covered = first | size;
    if (index_of(h, level, first) == 0) {
      auto low            = here;
      low.part.last.value = covered < last ? covered : last;
      if (!sweeping::table(h, h.below(level), low, memory, v)) return false;
      if (last <= covered) return true;
    }
    return tell_hole(v, {{{index_of(h, level, first) == 0 ? covered + 1 : first}, {last}}, static_cast<u8>(level), {}, 0,
                         fault_reason::absent});
  }

  for (u64 at = here.part.first.value;;) {
    auto const slot   = slot_address(h, level, here.table, index_of(h, level, at));
    bool const exists = level == h.top() || is_in_bounds(h, here.entry, index_of(h, level, at));
    auto const loaded = exists ? memory.load(slot, h->word()) : std::nullopt;
    u64 const  entry  = loaded.value_or(0);
    u64        end    = (at | size) < last ? (at | size) : last;

    if (!exists || (loaded && is_absent(h, level, entry))) {
      if (in_hole && (entry != hole.entry || exists != hole_exists)) {
        if (!tell_hole(v, hole)) return false;
        in_hole = false;
      }
      if (!in_hole) hole = {{{at}, {end}}, static_cast<u8>(level), exists ? slot : output_address{}, entry,
                             exists ? why_absent(h, level, entry) : fault_reason::absent};
      hole.part.last.value = end;
      in_hole = true, hole_exists = exists;
    } else {
      if (in_hole && !tell_hole(v, hole)) return false;
      in_hole = false;
      gap const blocked{{{at}, {end}}, static_cast<u8>(level), slot, entry, fault_reason::reserved};

      if (!loaded) {
        auto missing = blocked;
        missing.why  = fault_reason::unreadable;
        if (!tell_unreadable(v, missing)) return false;
      } else if (is_table(h, level, entry)) {
        auto const next = table_of(h, level, entry);
        if (table_is_reserved(h, level, entry) || next.value > pagewright::below(h->output_bits)) {
          if (!tell_reserved(v, blocked)) return false;
        } else {
          table_visit const child{{{at}, {end}}, next, static_cast<u8>(skips_to(h, level, entry).value_or(h.below(level))),
                                  here.above & table_rights(h, level, entry),
                                  here.global_above || h->table_global(entry), slot, entry};
          auto const answer = tell_enter(v, child);
          if (answer == visit::stop) return false;
          if (answer == visit::descend && !sweeping::table(h, h.below(level), child, memory, v)) return false;
          if (answer == visit::descend && !tell_leave(v, child)) return false;
        }
      } else {
        bool go_on = true;
        bool const known = with_form(h, level, entry, [&](auto f) PAGEWRIGHT_INLINE {
          auto l = describe_leaf(h, level, f, at, slot, entry, here.above, here.global_above);
          if (leaf_is_reserved(h, level, f, entry) || leaf_is_too_wide(h, level, f, entry)) {
            go_on = tell_reserved(v, blocked);
            return;
          }
          if (auto whole = l; l.run_lg2 != 0 && gather_run(h, level, f, here.table, whole, memory)) {
            l = whole;
            u64 const run_last = at | pagewright::below(l.lg2);
            end = run_last < last ? run_last : last;
          } else if (l.run_lg2 != 0) {
            u64 const start = at & ~size;
            l.output = l.output + (start & pagewright::below(l.lg2));
            l.input = {start}, l.lg2 = static_cast<u8>(slot_lg2(h, level)), l.run_lg2 = 0;
          }
          if constexpr (takes_runs<V>) {
            u64 const count = run_of(h, level, f, l, here.entry, last, memory);
            if (count > 1) end = l.input.value + ((count << slot_lg2(h, level)) - 1);
            if (end > last) end = last;
            go_on = tell_leaves(v, l, count);
          } else {
            go_on = tell_leaf(v, l);
          }
        });
        if (!known) go_on = tell_reserved(v, blocked);
        if (!go_on) return false;
      }
    }
    if (end == last) break;
    at = end + 1;
  }
  return !in_hole || tell_hole(v, hole);
}

}  // namespace sweeping

/// Visits, ascending, everything between `over.first` and `over.last`; what the format cannot translate (the
/// non-canonical hole, addresses above its width) is passed over. The visitor has any of these members:
///
///   leaf(leaf const &)                 a leaf, once, also if it fills several slots or reaches beyond the range. Slots
///                                      of a run that do not agree are told one by one, as walks find them
///   leaves(leaf const &, u64 n)        instead of `leaf`: n leaves of one table that continue each other in input and output
///                                      memory and say the same. Much faster: only the first is taken apart
///   hole(gap const &)                  neighbouring absent slots of one table that read alike, as one; what no slot
///                                      exists for, in a table cut short or past skipped levels, with slot and entry 0
///   reserved(gap const &)              an entry hardware rejects, or whose address is too wide
///   unreadable(gap const &)            no memory where the slot should be
///   visit enter(table_visit const &)   before a table below the root: descend, skip or stop
///   leave(table_visit const &)         after a table that was entered
///
/// Each may return void, or false to stop. A visitor may change the entry it is told about and all below it, by any operation
/// on the address space: what it was told was read before, and the sweep goes on behind it. Returns whether the sweep ran
/// to its end. Rights handed to the visitor are
/// those of the whole path. Hostile tables cannot loop it: it goes no deeper than the format has levels.
/// Complexity: one load per slot of every table in the range.
template <handle H, readable_memory M, class V>
constexpr auto sweep(H h, root from, range over, M &&memory, V &&visitor) -> bool {
  auto const whole = translated_ranges(h);
  for (unsigned i = 0; i < whole.count; ++i) {
    auto const first = over.first > whole.part[i].first ? over.first : whole.part[i].first;
    auto const last  = over.last < whole.part[i].last ? over.last : whole.part[i].last;
    if (last < first) continue;
    table_visit const top{{first, last}, from.table, static_cast<u8>(h.top()), rights::all, false, {}, 0};
    if (!sweeping::table(h, h.top(), top, memory, visitor)) return false;
  }
  return true;
}

/// Everything a format can translate, the non-canonical hole included.
inline constexpr range everything{{0}, {~u64{0}}};

/// Neighbouring leaves as one.
struct merged_extent {
  range          input;
  output_address output;   // of the first address
  leaf           first;    // the first leaf of it: what all of them say
};

/// Turns leaves into merged extents. `same(a, b)` decides whether leaf `b` may follow `a`; neighbourhood of input
/// addresses is checked here, that of output addresses is up to `same`. One that is true wherever `follows_in_memory` is
/// may say so with a member `takes_runs`, and is then asked once for a whole run. Call `flush` at the end.
///
///   merger m{follows_in_memory, [](merged_extent const &e) { ... }};
///   sweep(h, root, everything, memory, m);
///   m.flush();
template <class Same, class Emit>
class merger {
 public:
  constexpr merger(Same same, Emit emit) : same_{same}, emit_{emit} {}

  constexpr void leaf(pagewright::leaf const &l) { take(l, 1); }
  constexpr void leaves(pagewright::leaf const &l, u64 count)
    requires requires { requires Same::takes_runs; }
  {
    take(l, count);
  }
  constexpr void flush() {
    if (open_) emit_(held_);
    open_ = false;
  }

 private:
  PAGEWRIGHT_INLINE constexpr void take(pagewright::leaf const &l, u64 count) {
    u64 const last = l.input.value + ((count << l.lg2) - 1);
    if (open_ && l.input.value == held_.input.last.value + 1 && same_(held_, l)) {
      held_.input.last.value = last;
      return;
    }
    flush();
    held_ = {{l.input, {last}}, l.output, l};
    open_ = true;
  }

  Same          same_;
  Emit          emit_;
  merged_extent held_{};
  bool          open_ = false;
};

/// Do two leaves say the same, apart from where they are?
constexpr auto says_the_same(leaf const &a, leaf const &b) noexcept -> bool {
  return a.effective == b.effective && a.own == b.own && a.type == b.type && a.lg2 == b.lg2 && a.level == b.level &&
         a.global == b.global && a.accessed == b.accessed && a.dirty == b.dirty && a.shared == b.shared;
}

/// Does `next` continue `e` in output memory, saying the same? An object, so that calls of it are inlined.
struct follows_in_memory_t {
  static constexpr bool takes_runs = true;

  constexpr auto operator()(merged_extent const &e, leaf const &next) const noexcept -> bool {
    return says_the_same(e.first, next) && next.output.value == e.output.value + e.input.bytes();
  }
};
inline constexpr follows_in_memory_t follows_in_memory{};

}  // namespace pagewright
