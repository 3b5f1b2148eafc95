// SPDX-License-Identifier: MIT
// An MMU for tests that caches as much as an architecture allows, forgets nothing it was not told to forget, and reports
// whoever relies on it having forgotten.
//
// It models
//   - a TLB: every leaf used is kept, whatever becomes of the tables
//   - walk caches: every table entry used is kept, and walks start from the deepest one that covers the address
//   - speculation: `prefetch` addresses are translated before and after every write it watches
//   - negative entries, if the format says that absent entries may be cached
//   - invalidation as instructions do it: by address, at the stride the caller names, complete only at `sync`
//   - a walker that sees a store to a linked table at once, but counts as broken any that was never published
// It does not model several CPUs, address-space identifiers, stages, or stores that reach the walker out of order.
//
//   models::simulated_mmu        mmu{h, top, memory};                 // memory as the MMU reads it
//   models::watched_memory       watched{memory, mmu};
//   models::watched_frames       frames{pool, mmu};
//   address_space                space{h, top, watched, frames, mmu}; // mmu is the translation_cache too
//   mmu.prefetch({addresses, count});
//   ... operations ... space.settle(owed);
//   mmu.verify();
//   assert(mmu.violations() == 0);                                    // else mmu.first() says what went wrong
#pragma once

#include <expected>

#include "../duty.hpp"
#include "../ledger.hpp"
#include "frames.hpp"
#include "memory.hpp"

namespace pagewright::models {

/// What the users of an MMU do wrong.
enum class violation_kind : u8 {
  stale_leaf,           // verify: a cached translation differs from what the tables say now
  stale_absence,        // verify: an address cached as absent is mapped now
  stale_table,          // verify: a cached table entry is not in the tables any more
  released_too_early,   // a table frame was released before its invalidation was complete
  written_while_walked, // a table that was cut off was written before its invalidation was complete
  not_broken,           // a valid entry became a different valid one where break-before-make is owed
  not_invalidated,      // break-before-make, but the new entry was stored before the old one was out of the caches
  linked_unpublished,   // a table entry was stored before the table it points to was published
  unpublished,          // verify: a store to a linked table was never published
};

constexpr auto text(violation_kind k) noexcept -> char const * {
  switch (k) {
    case violation_kind::stale_leaf:           return "stale leaf in the TLB";
    case violation_kind::stale_absence:        return "stale absent entry in the TLB";
    case violation_kind::stale_table:          return "stale table entry in a walk cache";
    case violation_kind::released_too_early:   return "table released while hardware may walk it";
    case violation_kind::written_while_walked: return "table written while hardware may walk it";
    case violation_kind::not_broken:           return "valid entry replaced without break-before-make";
    case violation_kind::not_invalidated:      return "break-before-make without invalidation in between";
    case violation_kind::linked_unpublished:   return "table linked before it was published";
    case violation_kind::unpublished:          return "store never published";
  }
  return "?";
}

/// `input`: an input address concerned; `where`: the slot or table; `was`, `now`: entries, where there are any.
struct violation {
  violation_kind kind;
  input_address  input{};
  output_address where{};
  u64            was = 0, now = 0;
};

/// `H`: the format. `Memory`: what the MMU reads tables from. `N`: how much it remembers of each kind; beyond that it
/// forgets nothing but learns no more, and `is_full` says so. Complexity: a few passes over N records per write.
template <handle H, class Memory, unsigned N = 256>
class simulated_mmu {
 public:
  constexpr simulated_mmu(H h, root top, Memory &memory) : h_{h}, root_{top}, memory_{&memory} {
    adopt(top.table, static_cast<unsigned>(h.top()), 0);
  }

  // --- as hardware ---

  /// Translates as hardware would: from what it cached, as far as that goes. May be stale; that is the point.
  constexpr auto access(input_address at) -> std::expected<translation, fault> {
    for (unsigned i = 0; i < leaves_; ++i) {
      auto const &l = leaf_[i].what;
      if ((at.value ^ l.input.value) <= pagewright::below(l.lg2))
        return translation{l, {l.output.value | (at.value & pagewright::below(l.lg2))}};
    }
    for (unsigned i = 0; i < absences_; ++i)
      if (absence_[i].covered.contains(at)) return std::unexpected{absence_[i].why};
    return fill(at);
  }

  /// From now on these addresses are accessed around every write. The caller keeps them.
  constexpr void prefetch(view<input_address const> addresses) noexcept { prefetched_ = addresses; }

  // --- as translation_cache ---

  constexpr void publish(output_address at, u64 bytes) noexcept { settle_stores(at.value, bytes); }

  /// Drops what one instruction every 2^lg2 bytes would drop, once `sync` is reached.
  constexpr void invalidate(stale const &s) noexcept {
    if (pending_ < max_pending) pending_invalidations_[pending_++] = s;
    else overflow_ = true;
  }
  constexpr void invalidate_all() noexcept { pending_all_ = true; }

  constexpr void sync() {
    for (unsigned i = 0; i < pending_; ++i) drop(pending_invalidations_[i]);
    if (pending_all_) leaves_ = absences_ = tables_ = retired_ = 0;
    pending_     = 0;
    pending_all_ = false;
  }

  // --- as watcher of memory and frames ---

  constexpr void before(write const &w) {
    for (unsigned i = 0; i < retired_; ++i)
      if (overlaps(retired_table_[i], w.at.value, w.bytes))
        report({violation_kind::written_while_walked, {retired_table_[i].first}, w.at, w.was, w.now});
    for (auto const at : prefetched_) (void)access(at);
  }

  constexpr void after(write const &w) {
    note_store(w.at.value, w.bytes);
    if (auto const *const home = table_at(w.at); home != nullptr && w.kind != write_kind::fill && w.kind != write_kind::clear)
      changed(*home, w);
    for (auto const at : prefetched_) (void)access(at);
  }

  constexpr void released(output_address table, unsigned lg2) {
    for (unsigned i = 0; i < retired_; ++i)
      if (overlaps(retired_table_[i], table.value, bit(lg2)))
        report({violation_kind::released_too_early, {retired_table_[i].first}, table});
    for (unsigned i = 0; i < tables_; ++i)
      if ((table_[i].next.value ^ table.value) <= pagewright::below(lg2))
        report({violation_kind::released_too_early, table_[i].covered.first, table, table_[i].entry});
    for (unsigned i = 0; i < linked_; ++i)
      if (overlaps(linked_table_[i], table.value, bit(lg2)))
        report({violation_kind::released_too_early, {linked_table_[i].first}, table});
    settle_stores(table.value, bit(lg2));
  }

  // --- what went wrong ---

  /// Call when everything owed is paid: compares all that is cached with the tables as they are.
  constexpr void verify() {
    for (unsigned i = 0; i < leaves_; ++i) {
      auto const &l = leaf_[i].what;
      for (auto const at : {l.input, leaf_[i].accessed, input_address{l.input.value + (l.bytes() - 1)}}) {
        auto const now = walk(h_, root_, at, *memory_);
        if (now && (l.run_lg2 != 0 || now->slot == l.slot) && now->output == l.output && now->lg2 == l.lg2 &&
            now->type == l.type && now->effective == l.effective && now->global == l.global)
          continue;
        report({violation_kind::stale_leaf, at, l.slot, l.entry, now ? now->entry : now.error().entry});
        break;
      }
    }
    for (unsigned i = 0; i < absences_; ++i)
      if (auto const now = walk(h_, root_, absence_[i].why.input, *memory_))
        report({violation_kind::stale_absence, absence_[i].why.input, now->slot, absence_[i].why.entry, now->entry});
    for (unsigned i = 0; i < tables_; ++i) {
      auto const &t    = table_[i];
      auto const *real = table_at(t.next);
      if (real == nullptr || real->address != t.next.value || real->level != t.level ||
          real->first != pagewright::extended(h_, t.covered.first.value))
        report({violation_kind::stale_table, t.covered.first, t.next, t.entry});
    }
    for (unsigned i = 0; i < unpublished_; ++i)
      for (unsigned k = 0; k < linked_; ++k)
        if (overlaps(linked_table_[k], store_[i].at, store_[i].bytes))
          report({violation_kind::unpublished, {linked_table_[k].first}, {store_[i].at}});
  }

  constexpr auto violations() const noexcept -> u64 { return violations_; }
  constexpr auto count(violation_kind k) const noexcept -> u64 { return counts_[static_cast<u8>(k)]; }
  /// The first violation. Precondition: there was one.
  constexpr auto first() const noexcept -> violation const & { return first_; }
  /// Was there more to remember than there is room for? What was found is still right, but there may be more.
  constexpr auto is_full() const noexcept -> bool { return overflow_; }

  constexpr auto cached_leaves() const noexcept -> unsigned { return leaves_; }
  constexpr auto cached_tables() const noexcept -> unsigned { return tables_; }

 private:
  static constexpr unsigned max_pending = 64;

  struct cached_leaf {
    leaf          what;
    input_address accessed;  // by which it came here: in a run, the address of one of its slots
  };
  struct cached_absence {
    range covered;
    fault why;
  };
  struct cached_table {
    range          covered;  // input addresses it leads on
    u8             level;    // of the table it points to
    output_address next;
    u64            entry;
    rights         above;
    bool           global;
  };
  struct known_table {
    u64      address, first;  // first: the first input address it translates
    unsigned level, lg2;
    bool     paid = false;
  };
  struct pending_store {
    u64 at, bytes;
  };

  constexpr void report(violation const &v) noexcept {
    if (violations_++ == 0) first_ = v;
    ++counts_[static_cast<u8>(v.kind)];
  }
  static constexpr auto overlaps(known_table const &t, u64 at, u64 bytes) noexcept -> bool {
    return at <= (t.address | pagewright::below(t.lg2)) && t.address <= at + (bytes - 1);
  }

  // Would one invalidation every 2^lg2 bytes from s.input.first to s.input.last hit something in first..last?
  static constexpr auto hits(stale const &s, u64 first, u64 last) noexcept -> bool {
    if (last < s.input.first.value || s.input.last.value < first) return false;
    if (first <= s.input.first.value) return true;
    u64 const past = (first - s.input.first.value) & pagewright::below(s.lg2);
    u64 const at   = past == 0 ? first : first + (bit(s.lg2) - past);
    return at >= first && at <= last && at <= s.input.last.value;
  }

  constexpr void drop(stale const &s) {
    u64 const from = pagewright::extended(h_, s.input.first.value), to = pagewright::extended(h_, s.input.last.value);
    stale const e{{{from}, {to}}, s.lg2, s.tables};
    remove_if(leaf_, leaves_, [&](cached_leaf const &l) {
      return hits(e, l.what.input.value, l.what.input.value + (l.what.bytes() - 1));
    });
    remove_if(absence_, absences_, [&](cached_absence const &a) {
      return hits(e, a.covered.first.value, a.covered.last.value);
    });
    if (!s.tables) return;
    remove_if(table_, tables_, [&](cached_table const &t) { return hits(e, t.covered.first.value, t.covered.last.value); });
    remove_if(retired_table_, retired_, [&](known_table const &t) {
      return from <= t.first && t.first + pagewright::below(reach_lg2(h_, t.level)) <= to;
    });
  }

  template <class T, class Which>
  static constexpr void remove_if(T *list, unsigned &count, Which &&which) {
    unsigned kept = 0;
    for (unsigned i = 0; i < count; ++i)
      if (!which(list[i])) list[kept++] = list[i];
    count = kept;
  }
  template <class T>
  constexpr void add(T *list, unsigned &count, T const &item) noexcept {
    if (count < N) list[count++] = item;
    else overflow_ = true;
  }

  // A walk that starts from the deepest cached table entry, and caches what it meets.
  constexpr auto fill(input_address at) -> std::expected<translation, fault> {
    if (!in_extent(h_, at.value))
      return std::unexpected{fault{fault_reason::outside_input, static_cast<u8>(h_.top()), at, {}, 0}};
    output_address table  = root_.table;
    unsigned       start  = h_.top();
    rights         above  = rights::all;
    bool           global = false;
    for (unsigned i = 0; i < tables_; ++i)
      if (table_[i].level < start && table_[i].covered.contains(at))
        start = table_[i].level, table = table_[i].next, above = table_[i].above, global = table_[i].global;

    for (unsigned level = start;; --level) {
      auto const slot   = slot_address(h_, level, table, index_of(h_, level, at.value));
      auto const loaded = memory_->load(slot, h_->word());
      auto const ends   = [&](fault_reason why, u64 entry) {
        return std::unexpected{fault{why, static_cast<u8>(level), at, slot, entry}};
      };
      u64 const   size = pagewright::below(slot_lg2(h_, level));
      range const covered{{at.value & ~size}, {at.value | size}};
      if (!loaded) return ends(fault_reason::unreadable, 0);
      u64 const entry = *loaded;
      switch (kind_at(level, entry)) {
        case entry_kind::absent: {
          auto const why = ends(why_absent_at(level, entry), entry);
          if (h_->caches_absent) add(absence_, absences_, {covered, why.error()});
          return why;
        }
        case entry_kind::reserved: return ends(fault_reason::reserved, entry);
        case entry_kind::table: {
          if (level == 0) return ends(fault_reason::reserved, entry);
          above &= rights_at(level, entry);
          global |= h_->table_global(entry);
          table = table_of(h_, level, entry);
          if (table.value > pagewright::below(h_->output_bits)) return ends(fault_reason::too_wide, entry);
          add(table_, tables_, {covered, static_cast<u8>(level - 1), table, entry, above, global});
          continue;
        }
        case entry_kind::leaf: break;
      }
      leaf l{};
      described(level, entry, at.value, slot, above, global, l);
      if (l.output.value > pagewright::below(h_->output_bits)) return ends(fault_reason::too_wide, entry);
      if (h_->unaccessed_faults && !l.accessed) return ends(fault_reason::not_accessed, entry);
      add(leaf_, leaves_, {l, at});
      return translation{l, {l.output.value | (at.value & pagewright::below(l.lg2))}};
    }
  }

  // A level known only at run time, whatever the handle: looks for the compile-time one that equals it.
  template <class Body>
  constexpr void at_level(unsigned wanted, Body &&body) const {
    h_.descend([&](auto level) {
      if (level != wanted) return false;
      body(level);
      return true;
    });
  }
  constexpr auto kind_at(unsigned wanted, u64 entry) const -> entry_kind {
    auto kind = entry_kind::reserved;
    at_level(wanted, [&](auto level) { kind = kind_of(h_, level, entry); });
    return kind;
  }
  constexpr auto why_absent_at(unsigned wanted, u64 entry) const -> fault_reason {
    auto why = fault_reason::absent;
    at_level(wanted, [&](auto level) { why = why_absent(h_, level, entry); });
    return why;
  }
  constexpr auto rights_at(unsigned wanted, u64 entry) const -> rights {
    auto held = rights::none;
    at_level(wanted, [&](auto level) { held = table_rights(h_, level, entry); });
    return held;
  }
  constexpr void described(unsigned wanted, u64 entry, u64 at, output_address slot, rights above, bool global, leaf &into) const {
    at_level(wanted, [&](auto level) {
      with_form(h_, level, entry, [&](auto const &f) {
        into = describe_leaf(h_, level, f, at, slot, entry, above, global);
      });
    });
  }
  constexpr auto duty_at(unsigned wanted, u64 was, u64 now) const -> duty {
    auto owed = duty::none;
    at_level(wanted, [&](auto level) { owed = duty_of(h_, level, was, now); });
    return owed;
  }

  // --- the tables as they are ---

  constexpr auto table_at(output_address slot) const noexcept -> known_table const * {
    for (unsigned i = 0; i < linked_; ++i)
      if (overlaps(linked_table_[i], slot.value, 1)) return &linked_table_[i];
    return nullptr;
  }

  constexpr void adopt(output_address table, unsigned level, u64 first) {
    add(linked_table_, linked_, {table.value, pagewright::extended(h_, first), level, table_lg2(h_, level)});
    each_child(table, level, first, [&](output_address child, u64 at) { adopt(child, level - 1, at); });
  }

  constexpr void retire(output_address table, unsigned level, u64 first) {
    add(retired_table_, retired_, {table.value, pagewright::extended(h_, first), level, table_lg2(h_, level)});
    remove_if(linked_table_, linked_, [&](known_table const &t) { return t.address == table.value; });
    each_child(table, level, first, [&](output_address child, u64 at) { retire(child, level - 1, at); });
  }

  template <class Body>
  constexpr void each_child(output_address table, unsigned level, u64 first, Body &&body) {
    if (level == 0) return;
    for (u64 i = 0; i < bit(h_->levels[level].index_bits); ++i) {
      auto const entry = memory_->load(slot_address(h_, level, table, i), h_->word());
      if (entry && kind_at(level, *entry) == entry_kind::table)
        body(table_of(h_, level, *entry), first + (i << slot_lg2(h_, level)));
    }
  }

  constexpr void changed(known_table home, write const &w) {
    u64 const index = (w.at.value - home.address) >> stride_lg2(h_, home.level);
    u64 const first = home.first + (index << slot_lg2(h_, home.level));
    auto const was = kind_at(home.level, w.was), now = kind_at(home.level, w.now);
    if (w.was == w.now) return;

    if (duty_at(home.level, w.was, w.now) == duty::break_before_make)
      report({violation_kind::not_broken, {first}, w.at, w.was, w.now});
    if (h_->break_before_make && (was == entry_kind::absent || was == entry_kind::reserved) &&
        (now == entry_kind::leaf || now == entry_kind::table)) {
      for (unsigned i = 0; i < leaves_; ++i)
        if (leaf_[i].what.slot == w.at && duty_at(home.level, leaf_[i].what.entry, w.now) == duty::break_before_make)
          report({violation_kind::not_invalidated, {first}, w.at, leaf_[i].what.entry, w.now});
      for (unsigned i = 0; i < tables_; ++i)
        if (table_[i].covered.first.value == first && table_[i].level + 1u == home.level &&
            duty_at(home.level, table_[i].entry, w.now) == duty::break_before_make)
          report({violation_kind::not_invalidated, {first}, w.at, table_[i].entry, w.now});
    }

    auto const next = [&](u64 entry) { return table_of(h_, home.level, entry); };
    if (home.level == 0 || (was == entry_kind::table && now == entry_kind::table && next(w.was) == next(w.now))) return;
    if (was == entry_kind::table) retire(next(w.was), home.level - 1, first);
    if (now == entry_kind::table) {
      unsigned const before = linked_;
      adopt(next(w.now), home.level - 1, first);
      for (unsigned i = 0; i < unpublished_; ++i)
        for (unsigned k = before; k < linked_; ++k)
          if (overlaps(linked_table_[k], store_[i].at, store_[i].bytes))
            report({violation_kind::linked_unpublished, {first}, {store_[i].at}, w.was, w.now});
    }
  }

  // --- stores the walker may not see yet ---

  constexpr void note_store(u64 at, u64 bytes) noexcept {
    for (unsigned i = 0; i < unpublished_; ++i) {
      auto &s = store_[i];
      if (at > s.at + s.bytes || s.at > at + bytes) continue;
      u64 const end = at + bytes > s.at + s.bytes ? at + bytes : s.at + s.bytes;
      if (at < s.at) s.at = at;
      s.bytes = end - s.at;
      return;
    }
    add(store_, unpublished_, {at, bytes});
  }
  constexpr void settle_stores(u64 at, u64 bytes) noexcept {
    for (unsigned i = 0; i < unpublished_;) {
      auto const s   = store_[i];
      u64 const  end = s.at + s.bytes, to = at + bytes;
      if (s.at >= to || end <= at) {
        ++i;
        continue;
      }
      store_[i] = store_[--unpublished_];
      if (s.at < at) add(store_, unpublished_, {s.at, at - s.at});
      if (end > to) add(store_, unpublished_, {to, end - to});
    }
  }

  H       h_;
  root    root_;
  Memory *memory_;

  view<input_address const> prefetched_{};
  unsigned leaves_ = 0, absences_ = 0, tables_ = 0, linked_ = 0, retired_ = 0, unpublished_ = 0, pending_ = 0;
  bool     pending_all_ = false, overflow_ = false;
  u64      violations_ = 0, counts_[9]{};
  violation first_{};

  cached_leaf    leaf_[N]{};
  cached_absence absence_[N]{};
  cached_table   table_[N]{};
  known_table    linked_table_[N]{}, retired_table_[N]{};
  pending_store  store_[N]{};
  stale          pending_invalidations_[max_pending]{};
};

}  // namespace pagewright::models
