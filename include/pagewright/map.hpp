// SPDX-License-Identifier: MIT
// Mapping a range: survey what is there, stock the tables, then write. Tables nobody can see yet are filled with plain
// stores and linked by one.
#pragma once

#include "editing.hpp"

namespace pagewright::editing {

template <class Site>
class mapper {
  using H = typename Site::format_handle;
  using status = std::expected<void, error>;

 public:
  explicit constexpr mapper(Site &site) noexcept : s{site}, h{site.h} {}

  /// Checks everything that can be checked without looking at the tables.
  constexpr auto prepare(range where, output_address to, attributes const &want, leaf_limits limits, parent_rights parents)
      -> status {
    if (auto const ok = s.check(where); !ok) return ok;
    if (auto const ok = prepare(parents, want.allow, where.first); !ok) return ok;
    if (!is_aligned(to.value, slot_lg2(h, 0u))) return std::unexpected{error{error_reason::misaligned, where.first}};
    u64 const widest = pagewright::below(h->output_bits), span = where.last.value - where.first.value;
    if (to.value > widest || span > widest - to.value) return std::unexpected{error{error_reason::too_wide, where.first}};

    first_ = where.first.value, delta_ = to.value - where.first.value, last_ = where.last.value, allow_ = want.allow;
    unsigned const least = limits.smallest_lg2 > slot_lg2(h, 0u) ? limits.smallest_lg2 : slot_lg2(h, 0u);
    auto flaw  = inexpressible::no;
    bool stray = false, filler = false;  // is there a shape of the least size, with which all of the range can be filled?
    if (is_aligned(first_ | delta_ | (last_ + 1), least)) h.descend([&](auto level) PAGEWRIGHT_INLINE {
      if (level < lowest_built(h)) return true;
      h.any_form(level, [&](auto f) PAGEWRIGHT_INLINE {
        auto const lg2     = slot_lg2(h, level) + f->run_lg2;
        bool const granule = level == lowest_built(h) && f->run_lg2 == 0, fills = lg2 == least && f->size_code == 0;
        bool const allowed = lg2 <= limits.largest_lg2 && (f->run_lg2 == 0 || limits.runs) && f->size_code == 0;
        if (lg2 < least) return false;
        if (!granule && (!allowed || !is_aligned(delta_, lg2) || span < pagewright::below(lg2))) return false;
        auto const bits  = encode_attributes(h, f, want);
        bool const leads = granule ? granules_lead(f) : can_lead_to(f, to.value + span, lg2);
        if (fills) filler = true, flaw = bits.flaw, stray = !leads;
        if (bits.flaw != inexpressible::no || !leads) return false;
        bits_[f.index] = bits.entry;
        usable_[level] |= static_cast<u8>(1u << f.index);
        if (f->run_lg2 == 0 || fills) leaf_levels_ |= static_cast<u8>(1u << level);
        return false;
      });
      return false;
    });
    if (!filler) return std::unexpected{error{error_reason::wrong_size, where.first}};
    if (flaw == inexpressible::no && stray) return std::unexpected{error{error_reason::too_wide, where.first}};
    switch (flaw) {
      case inexpressible::no:          return {};
      case inexpressible::rights:      return std::unexpected{error{error_reason::inexpressible_rights, where.first}};
      case inexpressible::memory_type: return std::unexpected{error{error_reason::inexpressible_memory_type, where.first}};
      case inexpressible::software:    break;
    }
    return std::unexpected{error{error_reason::inexpressible_software, where.first}};
  }

  /// Can new tables leave exactly what they are to leave, and is that enough for the mapping?
  constexpr auto prepare(parent_rights parents, rights allow, input_address first) -> status {
    parents_ = parents;
    if (parents.leave == rights::all) return {};
    if (!includes(parents.leave, allow)) return std::unexpected{error{error_reason::withheld, first}};
    for (unsigned level = 1; level < h->depth; ++level)
      if (h->levels[level].narrows &&
          (granted(h->table_grants, granting(h->table_grants, parents.leave)) != parents.leave ||
           kind_of(h, level, encode_table(h, level, {}, parents.leave)) != entry_kind::table))
        return std::unexpected{error{error_reason::inexpressible_rights, first, static_cast<u8>(level)}};
    return {};
  }

  /// Checks a note to be left in every granule of `where`.
  constexpr auto prepare(range where, u64 note) -> status {
    if (auto const ok = s.check(where); !ok) return ok;
    unsigned const base = lowest_built(h);  // of a granule
    if (is_vacant(h, base, note) || !is_absent(h, base, note) || note > pagewright::below(8u * h->entry_bytes))
      return std::unexpected{error{error_reason::fixed_bits, where.first, 0, {}, note}};
    first_ = where.first.value, last_ = where.last.value, addressed_ = 0, leaf_levels_ = static_cast<u8>(1u << base);
    with_single_form(h, base, [&](auto f) {
      bits_[f.index] = note;
      usable_[base]  = static_cast<u8>(1u << f.index);
    });
    return {};
  }

  /// Can leaves of shape `f`, the granule, lead wherever this mapping needs them: everywhere, or only at the ends that
  /// larger leaves, chosen before, do not cover?
  template <class Form>
  constexpr auto granules_lead(Form f) const noexcept -> bool {
    unsigned const grain = slot_lg2(h, 0u);
    if (can_lead_to(f, last_ + delta_, grain)) return true;
    if (leaf_levels_ == 0) return false;
    unsigned level = 1;
    while ((leaf_levels_ >> level & 1) == 0) ++level;
    u64 const size = pagewright::below(slot_lg2(h, level));
    return (~last_ & size) == 0 && ((first_ & size) == 0 || can_lead_to(f, (first_ | size) + delta_, grain));
  }

  /// Looks at every existing slot of the range: counts the tables that are missing, refuses what is in the way.
  template <class L>
  constexpr auto survey(L level, output_address table, demand &need) -> status {
    return survey(level, table, first_, last_, need);
  }

  /// May the work begin in the table that `entry` points to, which holds all of the range?
  template <class L>
  PAGEWRIGHT_INLINE constexpr auto may_begin_below(L level, u64 entry) const noexcept -> bool {
    return kind_of(h, level, entry) == entry_kind::table && includes(table_rights(h, level, entry), allow_) &&
           !fits(level, first_, last_);
  }

  /// Writes the mapping, which lies in `table`. Precondition: surveyed without error and stocked.
  template <class L, class Ledger>
  constexpr void write(L level, output_address table, Ledger &owed) {
    write<false>(level, table, first_, last_, owed);
    if (h->caches_absent && (addressed_ != 0 || linked_ || replaces_))
      owed.owe({{{first_}, {last_}}, static_cast<u8>(slot_lg2(h, 0u)), linked_ || replaces_});
  }

 private:
  /// May this mapping use leaves of shape `f` at `level`?
  template <class L, class Form>
  constexpr auto usable(L level, Form f) const noexcept -> bool { return (usable_[level] >> f.index & 1) != 0; }

  /// Does a leaf go into the slot that covers `at`..`end` at `level`?
  template <class L>
  constexpr auto fits(L level, u64 at, u64 end) const noexcept -> bool {
    return (leaf_levels_ >> level & 1) != 0 && is_aligned(at, slot_lg2(h, level)) &&
           (~end & pagewright::below(slot_lg2(h, level))) == 0;
  }

  /// Counts the tables below `times` absent slots of `level`, in each of which `first`..`last` is mapped: one each, and
  /// below it wherever the range does not consist of leaves that fit.
  constexpr void count_fresh(unsigned level, u64 first, u64 last, u64 times, demand &need) const noexcept {
    if (level == 0) return;
    unsigned const under = level - 1, lg2 = slot_lg2(h, under);
    u64 const      size = pagewright::below(lg2);
    bool const     head = (first & size) != 0, tail = (~last & size) != 0, leaves = (leaf_levels_ >> under & 1) != 0;
    need.tables[under] += times;
    if ((first >> lg2) == (last >> lg2)) {
      if (head || tail || !leaves) count_fresh(under, first, last, times, need);
      return;
    }
    if (head) {
      count_fresh(under, first, first | size, times, need);
      first = (first | size) + 1;
    }
    if (tail) {
      count_fresh(under, last & ~size, last, times, need);
      last = (last & ~size) - 1;
    }
    if (!leaves && first < last) count_fresh(under, first, first | size, times * (((last - first) >> lg2) + 1), need);
  }

  template <class L>
  constexpr auto survey(L level, output_address table, u64 first, u64 last, demand &need) -> status {
    u64 const size = pagewright::below(slot_lg2(h, level));
    u64       at   = first;
    if (level == 0) {
      at = skip_absent(level, table, first, last);
      if (at == last + 1) return {};
    }
    for (;;) {
      u64 const  end   = (at | size) < last ? (at | size) : last;
      auto const slot  = slot_address(h, level, table, index_of(h, level, at));
      auto const entry = s.memory.load(slot, h->word());
      if (!entry) return s.obstacle(error_reason::unreadable, level, at, slot, 0);
      bool const leaf_here = fits(level, at, end);

      if (is_vacant(h, level, *entry)) {
        if (!leaf_here) count_fresh(level, at, end, 1, need);
      } else if (kind_of(h, level, *entry) != entry_kind::table) {
        return s.obstacle(error_reason::occupied, level, at, slot, *entry);
      } else if (auto const next = table_of(h, level, *entry); leaf_here) {
        if (auto const found = occupant(h.below(level), next, at); !found) return found;
        replaces_ = true;
      } else {
        auto const allowed = table_rights(h, level, *entry);
        if (!includes(allowed, allow_) && !parents_.widen) return s.obstacle(error_reason::withheld, level, at, slot, *entry);
        if (auto const ok = survey(h.below(level), next, at, end, need); !ok) return ok;
      }
      if (end == last) return {};
      at = end + 1;
    }
  }

  /// The first address of `first`..`last` whose slot is not vacant, or the one after `last`.
  template <class L>
  constexpr auto skip_absent(L level, output_address table, u64 first, u64 last) const -> u64 {
    decltype(s.memory) memory = s.memory;
    u64 const count = ((last - first) >> slot_lg2(h, level)) + 1, from = index_of(h, level, first);
    for (u64 i = 0; i < count; ++i) {
      auto const entry = memory.load(slot_address(h, level, table, from + i), h->word());
      if (!entry || !is_vacant(h, level, *entry)) return first + (i << slot_lg2(h, level));
    }
    return last + 1;
  }

  /// The error that names the first thing mapped below `table`, if there is one.
  template <class L>
  constexpr auto occupant(L level, output_address table, u64 at) -> status {
    for (u64 i = 0; i < bit(h->levels[level].index_bits); ++i) {
      auto const here  = at + (i << slot_lg2(h, level));
      auto const slot  = slot_address(h, level, table, i);
      auto const entry = s.memory.load(slot, h->word());
      if (!entry) return s.obstacle(error_reason::unreadable, level, here, slot, 0);
      if (is_vacant(h, level, *entry)) continue;
      if (level == 0 || kind_of(h, level, *entry) != entry_kind::table)
        return s.obstacle(error_reason::occupied, level, here, slot, *entry);
      if (auto const found = occupant(h.below(level), table_of(h, level, *entry), here); !found) return found;
    }
    return {};
  }

  /// `fresh`: nobody can see `table` yet, and its slots outside the range hold garbage that must become absent.
  template <bool fresh, class L, class Ledger>
  constexpr void write(L level, output_address table, u64 first, u64 last, Ledger &owed) {
    u64 const slots = bit(h->levels[level].index_bits), size = pagewright::below(slot_lg2(h, level));
    u64 const from = index_of(h, level, first), to = index_of(h, level, last);
    if constexpr (fresh) {
      u64 const stride = u64{1} << stride_lg2(h, level);
      if (stride != h->entry_bytes) {
        vacate(h, level, table, 0, slots, s.memory);  // what else lies in the slots too
      } else {
        vacate(h, level, table, 0, from, s.memory);
        vacate(h, level, table, to + 1, slots - 1 - to, s.memory);
      }
    }
    for (u64 at = first;;) {
      u64 end = (at | size) < last ? (at | size) : last;
      if (fits(level, at, end)) {
        end = is_whole(last, size) ? last : (last & ~size) - 1;
        write_leaves<fresh>(level, table, at, end, owed);
      } else if (level != 0) {
        descend<fresh>(level, slot_address(h, level, table, index_of(h, level, at)), at, end, owed);
      }
      if (end == last) break;
      at = end + 1;
    }
    if constexpr (fresh) s.publish(table, slots << stride_lg2(h, level));
  }
  static constexpr auto is_whole(u64 last, u64 size) noexcept -> bool { return (~last & size) == 0; }

  template <bool fresh, class L, class Ledger>
  constexpr void descend(L level, output_address slot, u64 at, u64 end, Ledger &owed) {
    auto const below = h.below(level);
    if constexpr (!fresh) {
      u64 const entry = s.memory.load(slot, h->word()).value_or(vacant_of(h, level));
      if (!is_absent(h, level, entry)) {
        auto const allowed = table_rights(h, level, entry);
        if (!includes(allowed, allow_)) widen(level, slot, entry, at, allowed | allow_, owed);
        return write<false>(below, table_of(h, level, entry), at, end, owed);
      }
    }
    auto const next = s.spare.take(s.memory, h, below);
    write<true>(below, next, at, end, owed);
    u64 const entry = encode_table(h, level, next, parents_.leave);
    if constexpr (fresh) s.memory.store(slot, h->word(), entry);
    else s.put(slot, entry);
    linked_ = true;
    if (h->levels[level].loaded) owed.owe({{{at}, {end}}, static_cast<u8>(slot_lg2(h, 0u)), true});
  }

  /// Makes an existing table entry leave `leave` too. Nothing that was mapped below loses a right, but it may gain one.
  template <class L, class Ledger>
  constexpr void widen(L level, output_address slot, u64 entry, u64 at, rights leave, Ledger &owed) {
    u64 const   size = pagewright::below(slot_lg2(h, level));
    stale const affected{{{at & ~size}, {at | size}}, static_cast<u8>(slot_lg2(h, 0u)), true};
    s.replace(level, slot, entry, affected, owed, [&](u64 was) { return narrowed_to(h, level, was, leave); });
  }

  /// Leaves into the neighbouring slots that cover `at`..`end`, each as large as alignment and length allow.
  template <bool fresh, class L, class Ledger>
  constexpr void write_leaves(L level, output_address table, u64 at, u64 end, Ledger &owed) {
    for (;;) {
      unsigned best = 0, best_lg2 = 0;
      u64 stop = end;  // or where a larger leaf becomes possible
      h.any_form(level, [&](auto f) {
        unsigned const lg2 = slot_lg2(h, level) + f->run_lg2;
        bool const now = usable(level, f) && is_aligned(at, lg2) && end - at >= pagewright::below(lg2);
        if (now && lg2 > best_lg2) best = f.index, best_lg2 = lg2;
        return false;
      });
      h.any_form(level, [&](auto f) {
        unsigned const lg2 = slot_lg2(h, level) + f->run_lg2;
        u64 const edge = at | pagewright::below(lg2);
        if (usable(level, f) && lg2 > best_lg2 && edge < stop && end - edge > pagewright::below(lg2)) stop = edge;
        return false;
      });
      if (stop == end) stop = at + (((end - at) + 1) & ~pagewright::below(best_lg2)) - 1;
      h.any_form(level, [&](auto f) PAGEWRIGHT_INLINE {
        if (f.index == best) write_run<fresh>(level, f, bits_[f.index], table, at, stop, owed);
        return f.index == best;
      });
      if (stop == end) return;
      at = stop + 1;
    }
  }

  template <bool fresh, class L, class Form, class Ledger>
  PAGEWRIGHT_INLINE constexpr void write_run(L level, Form f, u64 bits, output_address table, u64 at, u64 end,
                                             Ledger &owed) {
    u64 const  from  = index_of(h, level, at), count = ((end - at) >> slot_lg2(h, level)) + 1;
    u64 const  out   = at + delta_;
    auto const entry = [&](u64 i) PAGEWRIGHT_INLINE {
      return bits | (encode_address(h, level, f, {out + (i << slot_lg2(h, level))}) & addressed_);
    };
    auto const slot  = slot_address(h, level, table, from);
    u64 const  bytes = u64{1} << stride_lg2(h, level);
    decltype(s.memory) memory = s.memory;  // a store to a table may alias the original, which would be loaded again each time
    // An address in one field counts up by the same step from slot to slot; `prepare` saw to it that nothing is carried out.
    auto const next = [e = entry(0), step = encode_address(h, level, f, {bit(slot_lg2(h, level))}) & addressed_](u64) mutable {
      return std::exchange(e, e + step);
    };
    if constexpr (fresh) {
      if (counts_up(h, level, f)) fill(memory, slot, h->word(), static_cast<unsigned>(bytes), count, next);
      else fill(memory, slot, h->word(), static_cast<unsigned>(bytes), count, entry);
      return;
    }
    if (!replaces_) {
      if (auto in_order = next; counts_up(h, level, f))
        for (u64 i = 0; i < count; ++i) memory.store(slot + i * bytes, h->word(), in_order(i));
      else
        for (u64 i = 0; i < count; ++i) memory.store(slot + i * bytes, h->word(), entry(i));
      s.publish(slot, count * bytes);
      return;
    }
    for (u64 i = 0; i < count; ++i) {
      auto const here = slot + i * bytes;
      u64 const  was  = s.memory.load(here, h->word()).value_or(vacant_of(h, level));
      if (is_absent(h, level, was)) {
        s.put(here, entry(i));
      } else {
        u64 const   start = at + (i << slot_lg2(h, level));
        // The replaced tables were walked for other addresses too: a stride that meets each of them.
        stale const affected{{{start}, {start | pagewright::below(slot_lg2(h, level))}},
                             static_cast<u8>(slot_lg2(h, 1u)), true};
        s.replace(level, here, was, affected, owed, [&](u64) { return entry(i); }, false);
        s.retire(h.below(level), table_of(h, level, was), owed);
      }
    }
  }

  Site &s;
  H     h;
  u64   first_ = 0, delta_ = 0, last_ = 0;  // in this order: see changer
  u64        addressed_ = ~u64{0};         // 0: what is written says no address
  rights     allow_ = rights::none;
  parent_rights parents_{};
  u8         leaf_levels_ = 0;             // the levels at which a leaf of one slot may lie, a bit each
  bool       replaces_ = false;            // somewhere an empty table makes way for a leaf
  bool       linked_   = false;            // a new table was linked
  u64        bits_[max_forms]{};           // by shape: the leaf without its address
  u8         usable_[max_depth]{};         // by level: the shapes that may be written there, a bit each
};

}  // namespace pagewright::editing
