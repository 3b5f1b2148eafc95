// SPDX-License-Identifier: MIT
// What every operation that changes an address space shares: its words, the frames it stocks before it writes, and the
// few steps by which a live entry may be replaced.
#pragma once

#include <expected>

#include "duty.hpp"
#include "encode.hpp"
#include "ledger.hpp"

namespace pagewright {

enum class error_reason : u8 {
  misaligned,                // a boundary of the range, or the output address, is not a multiple of the granule
  outside_input,             // the range is not wholly in one of the format's input ranges, or ends before it begins
  too_wide,                  // the output range wraps or exceeds the machine's addresses
  inexpressible_rights,      // the format has no encoding for exactly these rights (see least_rights)
  inexpressible_memory_type,
  inexpressible_software,    // software bits outside format::software
  occupied,                  // a live leaf, or an entry hardware rejects, is in the way: `entry` says what
  withheld,                  // a table entry above withholds rights the mapping needs
  not_a_table,               // the walk ends above the level asked for, or no table entry is there
  irregular_table,           // of a table there only a part exists, or the way leads past levels: it can be read only
  not_mapped,                // nothing is mapped there
  wrong_size,                // what is mapped there has another size, or the format has no leaf of this one
  fixed_bits,                // the change would alter an address, or what kind of entry it is
  would_split,               // a leaf is only half covered, and that was to be refused or smaller ones cannot say as much
  no_frames,                 // the frame source has no more that the format's table entries can point to
  unreadable,                // no memory where a table should be
};

constexpr auto text(error_reason r) noexcept -> char const * {
  switch (r) {
    case error_reason::misaligned:                return "misaligned";
    case error_reason::outside_input:             return "outside the input range";
    case error_reason::too_wide:                  return "output address too wide";
    case error_reason::inexpressible_rights:      return "rights the format cannot express";
    case error_reason::inexpressible_memory_type: return "memory type the format cannot express";
    case error_reason::inexpressible_software:    return "software bits the format does not have";
    case error_reason::occupied:                  return "occupied";
    case error_reason::withheld:                  return "rights withheld by a table above";
    case error_reason::not_a_table:               return "no table entry there";
    case error_reason::irregular_table:           return "a table cut short or past skipped levels, which can be read only";
    case error_reason::not_mapped:                return "nothing mapped there";
    case error_reason::wrong_size:                return "leaf of another size";
    case error_reason::fixed_bits:                return "bits that tell kind, size or address of the entry";
    case error_reason::would_split:               return "leaf only half covered";
    case error_reason::no_frames:                 return "no frames left";
    case error_reason::unreadable:                return "unreadable";
  }
  return "?";
}

/// Why an operation refused, and what was in the way. `level`, `slot` and `entry` are set where an entry was.
struct error {
  error_reason   why;
  input_address  at{};
  u8             level = 0;
  output_address slot{};
  u64            entry = 0;
};

/// Which leaves a mapping may use: none larger than 2^largest_lg2 bytes or smaller than 2^smallest_lg2, and whether runs
/// of slots that act as one (contiguous hint, NAPOT) may be written.
struct leaf_limits {
  u8   largest_lg2  = 63;
  bool runs         = true;
  u8   smallest_lg2 = 0;
};

/// What table entries leave to a mapping below them: those of new tables at least `leave`; those of existing tables that
/// withhold what the mapping needs are an error, or with `widen` let it through once nothing can fail any more.
struct parent_rights {
  rights leave = rights::all;
  bool   widen = false;
};

/// What becomes of a large leaf that the range covers only in part.
enum class half_covered : u8 {
  split,   // replaced by smaller leaves; those outside the range stay as they were
  whole,   // the change applies to all of it
  refuse,  // an error, before anything changed
};

/// What becomes of a table that unmapping leaves empty.
enum class emptied : u8 { release, keep };

/// Who else writes the tables. `exclusive`: nobody, neither another CPU nor hardware marking entries accessed or dirty.
struct exclusive {
  static constexpr bool hardware_writes = false;
};
/// The MMU may mark live entries at any time: they are changed by compare-exchange and no mark is lost.
struct marked_by_hardware {
  static constexpr bool hardware_writes = true;
};

/// Makes slots `from` .. `from + count - 1` of a table of `level` empty, whatever lies there. Nobody can see it yet.
template <handle H, class L, writable_memory M>
constexpr void vacate(H h, L level, output_address table, u64 from, u64 count, M &memory) {
  unsigned const stride = 1u << stride_lg2(h, level);
  u64 const      vacant = vacant_of(h, level);
  if (vacant == 0 || stride != h->entry_bytes) memory.clear(table + from * stride, count * stride);
  if (vacant != 0) fill(memory, slot_address(h, level, table, from), h->word(), stride, count, [=](u64) { return vacant_of(h, level); });
}

/// Makes `table` an empty table of `level`, as a root must be before its first use. Complexity: linear in its slots.
template <handle H, class L, writable_memory M>
constexpr void make_empty(H h, L level, output_address table, M &&memory) {
  vacate(h, level, table, 0, bit(h->levels[level].index_bits), memory);
}

namespace editing {

/// How many tables of each level an operation needs.
struct demand {
  u64 tables[max_depth]{};

  constexpr auto none() const noexcept -> bool {
    u64 any = 0;
    unroll<max_depth>([&](auto level) PAGEWRIGHT_INLINE { any |= tables[level]; });
    return any == 0;
  }
};

/// Memory that says it is only a handle is held by value: the offset of a direct map then stays in a register.
template <class M>
using held = std::conditional_t<requires { requires std::remove_cvref_t<M>::cheap_to_copy; }, std::remove_cvref_t<M>,
                                std::remove_reference_t<M> &>;

/// Table frames taken but not linked yet, a list per level threaded through the frames themselves.
class spares {
 public:
  constexpr auto count(unsigned level) const noexcept -> u64 { return count_[level]; }

  // The link is written as a table entry would be: any frame a table entry can lead to fits, in the format's own word.
  template <class Memory, handle H>
  constexpr void put(Memory &memory, H h, unsigned level, output_address frame) {
    memory.store(frame, h->word(), scatter(link(h, level), head_[level].value));
    head_[level] = frame;
    ++count_[level];
  }
  template <class Memory, handle H>
  constexpr auto take(Memory &memory, H h, unsigned level) -> output_address {
    ledgers::insist(count_[level] != 0);
    auto const frame = head_[level];
    head_[level].value = gather(link(h, level), memory.load(frame, h->word()).value_or(0));
    --count_[level];
    return frame;
  }

  /// How the entries that lead to tables of `level` hold an address. No entry leads to the root.
  template <handle H>
  static constexpr auto link(H h, unsigned level) noexcept -> piece const (&)[3] {
    return table_address_of(h, level + 1 < h->depth ? level + 1 : level);
  }

 private:
  output_address head_[max_depth]{};
  u64            count_[max_depth]{};
};

/// The tables of one address space and everything needed to change them.
template <handle H, class M, frame_source F, translation_cache C, class Sharing>
struct site {
  using format_handle = H;
  static constexpr bool hardware_writes = Sharing::hardware_writes;

  [[no_unique_address]] H h;
  pagewright::root        root;
  held<M>                 memory;
  F                      *frames;
  C                      *cache;
  spares                  spare{};

  // --- checks ---

  /// Is `where` wholly inside one input range, with both boundaries on the granule?
  constexpr auto check(range where) const noexcept -> std::expected<void, error> {
    u64 const grain = pagewright::below(slot_lg2(h, 0u));
    if (where.last < where.first) return std::unexpected{error{error_reason::outside_input, where.first}};
    if ((where.first.value & grain) != 0) return std::unexpected{error{error_reason::misaligned, where.first}};
    if ((~where.last.value & grain) != 0) return std::unexpected{error{error_reason::misaligned, where.last}};
    auto const whole = translated_ranges(h);
    for (unsigned i = 0; i < whole.count; ++i)
      if (whole.part[i].contains(where.first) && whole.part[i].contains(where.last))
        return may_cut_short(h) ? check_tables(h.top(), root.table, where.first.value, where.last.value)
                                : std::expected<void, error>{};
    return std::unexpected{error{error_reason::outside_input, where.first}};
  }

  /// Is every table in the range whole, and each one level below the entry that leads to it?
  template <class L>
  constexpr auto check_tables(L level, output_address table, u64 first, u64 last) const -> std::expected<void, error> {
    if (level == 0) return {};
    u64 const size = pagewright::below(slot_lg2(h, level));
    for (u64 at = first;;) {
      u64 const  end   = (at | size) < last ? (at | size) : last;
      auto const slot  = slot_address(h, level, table, index_of(h, level, at));
      u64 const  entry = memory.load(slot, h->word()).value_or(vacant_of(h, level));
      if (kind_of(h, level, entry) == entry_kind::table) {
        if (cuts_short(h, level, entry)) return obstacle(error_reason::irregular_table, level, at, slot, entry);
        if (auto const ok = check_tables(h.below(level), table_of(h, level, entry), at, end); !ok) return ok;
      }
      if (end == last) return {};
      at = end + 1;
    }
  }

  template <class L>
  constexpr auto obstacle(error_reason why, L level, u64 at, output_address slot, u64 entry) const noexcept
      -> std::unexpected<error> {
    return std::unexpected{error{why, {extended(h, at)}, static_cast<u8>(level), slot, entry}};
  }

  /// Are all slots of `table` vacant? Missing memory counts as not: it is not provably empty.
  template <class L>
  constexpr auto is_empty(L level, output_address table) -> bool {
    for (u64 i = 0; i < bit(h->levels[level].index_bits); ++i) {
      auto const entry = memory.load(slot_address(h, level, table, i), h->word());
      if (!entry || !is_vacant(h, level, *entry)) return false;
    }
    return true;
  }

  /// Calls `work(level, table)` with the lowest existing table that holds all of `where`, so that a small operation
  /// descends once. `may_begin_below(level, entry)` says whether it may be looked for below a slot.
  template <class Ask, class Work>
  PAGEWRIGHT_INLINE constexpr void at_lowest(range where, Ask &&may_begin_below, Work &&work) {
    output_address table = root.table;
    h.descend([&](auto level) PAGEWRIGHT_INLINE {
      u64 const index = index_of(h, level, where.first.value);
      if (level != 0 && index == index_of(h, level, where.last.value)) {
        auto const entry = memory.load(slot_address(h, level, table, index), h->word());
        if (entry && may_begin_below(level, *entry)) {
          table = table_of(h, level, *entry);
          return false;
        }
      }
      work(level, table);
      return true;
    });
  }

  // --- frames ---

  /// Sees to it that there are spare tables enough for `need`; on failure those taken meanwhile are given back.
  constexpr auto stock(demand const &need) -> std::expected<void, error> {
    auto const before = stocked();
    for (unsigned level = max_depth; level-- > 0;) {  // upper tables first: an image for another machine then reads in order
      while (spare.count(level) < need.tables[level]) {
        auto const frame = frames->allocate(table_lg2(h, level));
        if (!frame || !can_link(level, *frame)) {
          if (frame) frames->release(*frame, table_lg2(h, level));
          trim(before);
          return std::unexpected{error{error_reason::no_frames, {}, static_cast<u8>(level)}};
        }
        spare.put(memory, h, level, *frame);
      }
    }
    return {};
  }
  /// Can a table entry lead to a table of `level` there? (Nor must it then look like an empty slot, as on LoongArch.)
  constexpr auto can_link(unsigned level, output_address table) const noexcept -> bool {
    if ((table.value & ~(reachable(spares::link(h, level)) & pagewright::below(h->output_bits))) != 0) return false;
    return level + 1 >= h->depth || kind_of(h, level + 1, encode_table(h, level + 1, table)) == entry_kind::table;
  }
  constexpr auto stocked() const noexcept -> demand {
    demand d;
    for (unsigned level = 0; level < max_depth; ++level) d.tables[level] = spare.count(level);
    return d;
  }
  /// Gives back the spare tables beyond `keep`.
  constexpr void trim(demand const &keep) {
    for (unsigned level = 0; level < max_depth; ++level)
      while (spare.count(level) > keep.tables[level]) frames->release(spare.take(memory, h, level), table_lg2(h, level));
  }

  // --- changes of one live entry ---

  constexpr void publish(output_address slot, u64 bytes) { cache->publish(slot, bytes); }

  /// Stores into a slot where nothing was valid.
  PAGEWRIGHT_INLINE constexpr void put(output_address slot, u64 entry) {
    memory.store(slot, h->word(), entry);
    publish(slot, h->entry_bytes);
  }

  /// Stores `now` and returns what was there, including what hardware marked until then.
  PAGEWRIGHT_INLINE constexpr auto swap(output_address slot, u64 was, u64 now) -> u64 {
    if constexpr (hardware_writes) was = memory.exchange(slot, h->word(), now);
    else memory.store(slot, h->word(), now);
    return was;
  }

  /// Replaces an entry by `next(entry)`, keeping what hardware marks meanwhile.
  template <class Memory, class Next>
  PAGEWRIGHT_INLINE constexpr void change_entry(Memory &via, output_address slot, u64 entry, Next next) const {
    if constexpr (hardware_writes) {
      while (!via.compare_exchange(slot, h->word(), entry, next(entry))) {}
    } else {
      via.store(slot, h->word(), next(entry));
    }
  }

  /// `entry` made absent with everything else kept, so that it can be made again from what is in memory.
  template <class L>
  PAGEWRIGHT_INLINE static constexpr auto broken(H h, L level, u64 entry) noexcept -> u64 {
    return (entry & ~absent_of(h, level).mask) | absent_of(h, level).value;
  }

  /// Invalidates at once, for break-before-make: that cannot wait for a ledger.
  constexpr void drop_now(stale const &s) {
    cache->invalidate(s);
    cache->sync();
  }

  /// Replaces a valid entry by `remake(was)`, `was` with the marks hardware made meanwhile: by break-before-make where that
  /// is the duty, otherwise at once with `affected` owed. `remake` may be called more than once. `alike`: a leaf and a
  /// table that replace each other translate alike. Returns what was there last.
  template <class L, class Ledger, class Remake>
  constexpr auto replace(L level, output_address slot, u64 was, stale const &affected, Ledger &owed, Remake &&remake,
                         bool alike = true) -> u64 {
    auto const is_leaf = [&](u64 entry) { return kind_of(h, level, entry) == entry_kind::leaf; };
    u64 const  now = remake(was), hold = h->resizing;
    if (duty_of(h, level, was, now, alike) != duty::break_before_make) {
      was = set(slot, was, affected, owed, remake);
    } else if (alike && hold != 0 && is_leaf(was) != is_leaf(now)) {  // the leaf is held off while the caches may have both
      bool const shrinks = is_leaf(was);
      auto const held    = [&](u64 e) { return (shrinks ? e : remake(e)) | hold; };
      u64 const  before  = set(slot, was, affected, owed, held);
      drop_now(affected);
      was = set(slot, held(before), affected, owed, [&](u64 e) { return shrinks ? remake(e) : e & ~hold; });
      if (!shrinks) was = before;
    } else {
      was = swap(slot, was, vacant_of(h, level));
      publish(slot, h->entry_bytes);
      drop_now(affected);
      memory.store(slot, h->word(), remake(was));
      publish(slot, h->entry_bytes);
      if (h->caches_absent) owed.owe(affected);  // what was broken may have been cached as absent
    }
    return was;
  }

  /// Replaces a valid entry by `remake(was)` at once, with `affected` owed. Returns what was there last.
  template <class Ledger, class Remake>
  constexpr auto set(output_address slot, u64 was, stale const &affected, Ledger &owed, Remake &&remake) -> u64 {
    if constexpr (hardware_writes) {
      while (!memory.compare_exchange(slot, h->word(), was, remake(was))) {}
    } else {
      memory.store(slot, h->word(), remake(was));
    }
    owed.owe(affected);
    publish(slot, h->entry_bytes);
    return was;
  }

  /// Hands a table that is linked no more to `owed`, paying what it holds first if it is full.
  template <class L, class Ledger>
  constexpr void retire(L level, output_address table, Ledger &owed) {
    if (owed.is_full()) owed.pay(*cache).release(h, memory, *frames);
    owed.retire({table, static_cast<u8>(level)});
  }
};

}  // namespace editing
}  // namespace pagewright
