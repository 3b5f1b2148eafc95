// SPDX-License-Identifier: MIT
// The record of invalidations owed and of tables that may be released only once they are paid.
//
// A table that was cut off may still be walked by hardware until the invalidation is complete. It is therefore neither
// released nor written before; a subtree stays as it was, held here by its top table alone.
#pragma once

#include <concepts>

#include "frames.hpp"
#include "sweep.hpp"

namespace pagewright {

/// Input addresses whose cached translations may be stale.
struct stale {
  range input;
  u8    lg2;     // leaves there are at least 2^lg2 bytes: the stride of per-page invalidations
  bool  tables;  // table entries changed too: caches of upper levels must go, leaf-only invalidation is not enough

  friend constexpr auto operator==(stale const &, stale const &) -> bool = default;
};

/// The translation caches of whatever uses the tables.
///   publish(slot, bytes)  make stores to [slot, slot + bytes) visible to the walker
///   invalidate(stale)     drop what is cached for these input addresses, global entries included, on every CPU that may
///                         hold it. `tables` on PAE: CR3 must be loaded again, for it holds the PDPTEs
///   invalidate_all()      drop everything cached for this root, global entries included: reloading CR3 or INVPCID type 1
///                         is not enough where leaves are global
///   sync()                wait until all that is complete
template <class C>
concept translation_cache = requires(C &c, output_address a, u64 n, stale const &s) {
  { c.publish(a, n) } -> std::same_as<void>;
  { c.invalidate(s) } -> std::same_as<void>;
  { c.invalidate_all() } -> std::same_as<void>;
  { c.sync() } -> std::same_as<void>;
};

/// For tables no hardware uses yet: nothing is cached. Loading the root later does the rest.
struct not_in_use {
  constexpr void publish(output_address, u64) noexcept {}
  constexpr void invalidate(stale const &) noexcept {}
  constexpr void invalidate_all() noexcept {}
  constexpr void sync() noexcept {}
};

/// A table cut off together with everything below it.
struct retired_table {
  output_address table;
  u8             level;
};

namespace ledgers {

/// Obligations forgotten are bugs that strike much later and elsewhere: debug builds stop where it happens.
constexpr void insist(bool kept) {
#ifndef NDEBUG
  if (!kept) __builtin_trap();
#else
  (void)kept;
#endif
}

template <handle H, class L, readable_memory M, frame_source F>
constexpr void release_subtree(H h, L level, output_address table, M &memory, F &frames) {
  if (level != 0) {
    for (u64 i = 0; i < bit(h->levels[level].index_bits); ++i) {
      auto const entry = memory.load(slot_address(h, level, table, i), h->word());
      if (entry && kind_of(h, level, *entry) == entry_kind::table)
        release_subtree(h, h.below(level), table_of(h, level, *entry), memory, frames);
    }
  }
  frames.release(table, table_lg2(h, level));
}

/// Finds the compile-time level that equals `wanted` and releases from there.
template <handle H, class L, readable_memory M, frame_source F>
constexpr void release_at(H h, L level, retired_table t, M &memory, F &frames) {
  if (level == t.level) release_subtree(h, level, t.table, memory, frames);
  else if (level != 0) release_at(h, h.below(level), t, memory, frames);
}

}  // namespace ledgers

template <class Ledger>
class paid_tables;

/// Collects what is owed; pay with `pay` or `address_space::settle`. Fixed storage: when the extents overflow, all of the
/// address space counts as stale; when the tables overflow, the address space pays in between. A ledger serves one space
/// at a time: what it holds is paid to the caches and frames of the space that settles it.
template <unsigned Extents = 8, unsigned Tables = 32>
class [[nodiscard]] basic_ledger {
  static_assert(Extents > 0 && Tables > 0);

 public:
  constexpr basic_ledger() noexcept {}
  constexpr basic_ledger(basic_ledger &&other) noexcept { take(other); }
  constexpr auto operator=(basic_ledger &&other) noexcept -> basic_ledger & {
    ledgers::insist(is_settled());
    if (this != &other) take(other);
    return *this;
  }
  basic_ledger(basic_ledger const &)                     = delete;
  auto operator=(basic_ledger const &) -> basic_ledger & = delete;
  constexpr ~basic_ledger() { ledgers::insist(is_settled()); }

  /// Is nothing owed and no table held?
  constexpr auto is_settled() const noexcept -> bool { return stale_count_ == 0 && !all_stale_ && table_count_ == 0; }

  /// What is stale, unless `all_stale`.
  constexpr auto extents() const noexcept -> view<stale const> { return {stale_, stale_count_}; }
  constexpr auto all_stale() const noexcept -> bool { return all_stale_; }
  /// The tables cut off, each standing for all below it.
  constexpr auto tables() const noexcept -> view<retired_table const> { return {tables_, table_count_}; }
  constexpr auto is_full() const noexcept -> bool { return table_count_ == Tables; }

  /// May cached translations of `where` be stale?
  constexpr auto may_hold(range const &where) const noexcept -> bool {
    if (all_stale_) return true;
    for (auto const &s : extents())
      if (s.input.first <= where.last && where.first <= s.input.last) return true;
    return false;
  }

  /// Records stale input addresses. Extents that touch and say the same become one.
  PAGEWRIGHT_INLINE constexpr void owe(stale const &s) noexcept {
    if (all_stale_) return;
    for (u32 i = stale_count_; i-- > 0;) {
      auto &held = stale_[i];
      if (held.lg2 != s.lg2 || held.tables != s.tables || !touch(held.input, s.input)) continue;
      if (s.input.first < held.input.first) held.input.first = s.input.first;
      if (held.input.last < s.input.last) held.input.last = s.input.last;
      return;
    }
    if (stale_count_ < Extents) stale_[stale_count_++] = s;
    else all_stale_ = true, stale_count_ = 0;
  }

  /// Takes a table that was cut off. Precondition: not full.
  constexpr void retire(retired_table t) noexcept { tables_[table_count_++] = t; }

  /// Invalidates everything stale and waits for it. Tables stay here until `pay`.
  template <translation_cache C>
  constexpr void invalidate(C &cache) {
    if (all_stale_) {
      cache.invalidate_all();
    } else {
      for (auto const &s : extents()) cache.invalidate(s);
    }
    if (!is_settled()) cache.sync();
    stale_count_ = 0;
    all_stale_   = false;
  }

  /// Invalidates, and gives access to the tables that may now be released: there is no other way to get at them. It must
  /// be used before the ledger is used again.
  template <translation_cache C>
  constexpr auto pay(C &cache) -> paid_tables<basic_ledger> {
    invalidate(cache);
    return paid_tables<basic_ledger>{*this};
  }

 private:
  friend class paid_tables<basic_ledger>;

  static constexpr auto touch(range const &a, range const &b) noexcept -> bool {
    auto const follows = [](range const &x, range const &y) { return x.last.value != ~u64{0} && y.first.value == x.last.value + 1; };
    return (a.first <= b.last && b.first <= a.last) || follows(a, b) || follows(b, a);
  }
  constexpr void take(basic_ledger &other) noexcept {
    for (u32 i = 0; i < other.stale_count_; ++i) stale_[i] = other.stale_[i];
    for (u32 i = 0; i < other.table_count_; ++i) tables_[i] = other.tables_[i];
    stale_count_ = std::exchange(other.stale_count_, 0u);
    table_count_ = std::exchange(other.table_count_, 0u);
    all_stale_   = std::exchange(other.all_stale_, false);
  }

  // The arrays are left as they are until used: a ledger is made for every small operation.
  u32           stale_count_ = 0, table_count_ = 0;
  bool          all_stale_   = false;
  stale         stale_[Extents];
  retired_table tables_[Tables];
};

using ledger = basic_ledger<>;

/// The tables of a paid ledger, which no translation cache can reach any more. Only paying makes one.
template <class Ledger>
class [[nodiscard]] paid_tables {
 public:
  paid_tables(paid_tables const &)                     = delete;
  auto operator=(paid_tables const &) -> paid_tables & = delete;
  constexpr ~paid_tables() { ledgers::insist(count() == 0); }

  /// Gives every table, and all below each, back to `frames`. Complexity: one load per slot of the upper tables.
  template <handle H, readable_memory M, frame_source F>
  constexpr void release(H h, M &memory, F &frames) {
    for (auto const &t : ledger_->tables()) ledgers::release_at(h, h.top(), t, memory, frames);
    ledger_->table_count_ = 0;
  }

  constexpr auto count() const noexcept -> unsigned { return ledger_->table_count_; }

 private:
  friend Ledger;
  explicit constexpr paid_tables(Ledger &paid) noexcept : ledger_{&paid} {}

  Ledger *ledger_;
};

}  // namespace pagewright
