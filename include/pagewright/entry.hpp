// SPDX-License-Identifier: MIT
// Tell what an entry is and decode it, from its description. Nothing here touches memory.
#pragma once

#include <optional>

#include "geometry.hpp"

namespace pagewright {

enum class entry_kind : u8 { absent, table, leaf, reserved };

constexpr auto text(entry_kind k) noexcept -> char const * {
  switch (k) {
    case entry_kind::absent:   return "absent";
    case entry_kind::table:    return "table";
    case entry_kind::leaf:     return "leaf";
    case entry_kind::reserved: return "reserved";
  }
  return "reserved";
}

/// What a leaf is to say beside its address.
struct attributes {
  rights      allow;
  memory_type type     = memory_type::wb;
  bool        global   = false;
  bool        accessed = true;   // set beforehand, so that hardware need not
  bool        dirty    = true;   // likewise, where writing is allowed
  bool        shared   = false;  // with the hypervisor or with devices: not encrypted, where the format tells
  u64         software = 0;      // raw bits, all within format::software

  friend constexpr auto operator==(attributes const &, attributes const &) -> bool = default;
};

// --- classification ---------------------------------------------------------------------------------------------

/// What tells an absent entry of `level`.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto absent_of(H h, L level) noexcept -> match const & {
  return h->levels[level].absent == never ? h->absent : h->levels[level].absent;
}
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto is_absent(H h, L level, u64 entry) noexcept -> bool { return absent_of(h, level)(entry); }

/// What an empty slot of `level` holds: zero but for formats that take zero for a valid entry.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto vacant_of(H h, L level) noexcept -> u64 { return h->levels[level].vacant; }

/// Is nothing in this slot, not even a note that software left in an absent entry?
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto is_vacant(H h, L level, u64 entry) noexcept -> bool { return entry == vacant_of(h, level); }

/// The level, less than the next, to which a table entry that skips levels leads; nothing if `entry` does not skip any.
/// Precondition: not an absent entry.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto skips_to(H h, L level, u64 entry) noexcept -> std::optional<unsigned> {
  if (h->next_level.width == 0) return std::nullopt;
  auto const next = static_cast<unsigned>(h->next_level.gather(entry));
  if (next == 0 || next >= level) return std::nullopt;
  return next - 1;
}

/// Does `entry` point to a table? Precondition: not an absent entry.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto is_table(H h, L level, u64 entry) noexcept -> bool {
  return h->levels[level].table(entry) || skips_to(h, level, entry);
}

/// Does slot `index` exist in the table that `entry` points to? The rest of it may be memory of any other use.
template <handle H>
PAGEWRIGHT_INLINE constexpr auto is_in_bounds(H h, u64 entry, u64 index) noexcept -> bool {
  bool in = true;
  each(h->table_bounds, [&](bound const &b) PAGEWRIGHT_INLINE {
    if (!b.when(entry)) return;
    u64 const limit = b.limit.gather(entry), at = index >> b.unit_lg2;
    in &= b.lower ? at >= limit : at <= limit;
  });
  return in;
}

/// Can the format describe tables that algorithms which change them leave alone: of which only a part exists, which are
/// one entry that others share, or to which an entry leads past levels?
template <handle H>
PAGEWRIGHT_INLINE constexpr auto may_cut_short(H h) noexcept -> bool {
  return h->next_level.width != 0 || h->table_bounds[0].limit.width != 0 || h->levels[0].index_bits == 0;
}
/// Does the table entry `entry` of `level` lead to such a table?
template <handle H, class L>
constexpr auto cuts_short(H h, L level, u64 entry) noexcept -> bool {
  u64 const last = pagewright::below(h->levels[h.below(level)].index_bits);
  return last == 0 || skips_to(h, level, entry) || !is_in_bounds(h, entry, 0) || !is_in_bounds(h, entry, last);
}

/// The lowest level whose tables are built: not that of one-slot tables, which entries share.
template <handle H>
PAGEWRIGHT_INLINE constexpr auto lowest_built(H h) noexcept -> unsigned { return h->levels[0].index_bits == 0 ? 1 : 0; }

/// Calls `body(shape)` with the shape of leaf that fills exactly one slot of `level`; returns whether there is one.
template <handle H, class L, class Body>
PAGEWRIGHT_INLINE constexpr auto with_single_form(H h, L level, Body &&body) -> bool {
  return h.any_form(level, [&](auto f) PAGEWRIGHT_INLINE {
    if (f->run_lg2 != 0 || f->size_code != 0) return false;
    body(f);
    return true;
  });
}

/// Calls `body(shape)` with the shape of leaf that `entry` has at `level` and returns true, or returns false if it has
/// none. Precondition: `entry` is neither absent nor a table entry.
template <handle H, class L, class Body>
PAGEWRIGHT_INLINE constexpr auto with_form(H h, L level, u64 entry, Body &&body) -> bool {
  return h.any_form(level, [&](auto f) PAGEWRIGHT_INLINE {
    if (!f->is(entry)) return false;
    body(f);
    return true;
  });
}

/// lg2 of the bytes a leaf of shape `f` maps.
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto leaf_lg2(H h, L level, Form const &f, u64 entry) noexcept -> unsigned {
  if (f->size_code == 0) return slot_lg2(h, level) + f->run_lg2;
  return f->size_code + 1u + trailing_ones(entry >> f->size_code);
}

/// Would hardware reject this leaf for its reserved bits or patterns?
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto leaf_is_reserved(H h, L level, Form const &f, u64 entry) noexcept -> bool {
  bool bad = (entry & f->zero) != 0;
  each(h->reserved_leaf, [&](match const &m) PAGEWRIGHT_INLINE { bad |= m(entry); });
  if (f->size_code != 0)  // a leaf fills at least its slot and at most its table
    bad |= leaf_lg2(h, level, f, entry) < slot_lg2(h, level) || leaf_lg2(h, level, f, entry) > reach_lg2(h, level);
  if (h->low_address_zero)
    bad |= (gather(f->address, entry & ~occupied(f->type)) & pagewright::below(slot_lg2(h, level))) != 0;
  return bad;
}

/// Where the table entries of `level` hold the address of the next table.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto table_address_of(H h, L level) noexcept -> piece const (&)[3] {
  return h->levels[level].table_address[0].width != 0 ? h->levels[level].table_address : h->table_address;
}

/// The table an entry of `level` points to. Precondition: a table entry.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto table_of(H h, L level, u64 entry) noexcept -> output_address {
  return {gather(table_address_of(h, level), entry)};
}

/// Would hardware reject this table entry for its reserved bits or patterns?
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto table_is_reserved(H h, L level, u64 entry) noexcept -> bool {
  bool bad = (entry & h->levels[level].table_zero) != 0;
  each(h->reserved_table, [&](match const &m) PAGEWRIGHT_INLINE { bad |= m(entry); });
  return bad;
}

/// What `entry` is at `level`. A table entry that leads beyond the machine's output addresses counts as reserved: nothing
/// may be loaded from there.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto kind_of(H h, L level, u64 entry) noexcept -> entry_kind {
  if (is_absent(h, level, entry)) return entry_kind::absent;
  if (is_table(h, level, entry))
    return table_is_reserved(h, level, entry) || table_of(h, level, entry).value > pagewright::below(h->output_bits)
               ? entry_kind::reserved
               : entry_kind::table;
  auto kind = entry_kind::reserved;
  with_form(h, level, entry, [&](auto f) PAGEWRIGHT_INLINE {
    if (!leaf_is_reserved(h, level, f, entry)) kind = entry_kind::leaf;
  });
  return kind;
}

/// The bits that tell of a leaf of `level` that it is one and of shape `f`: another entry that agrees in them is so too.
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto telling_bits(H h, L level, Form const &f) noexcept -> u64 {
  if (f->size_code != 0) return ~u64{0};
  u64 bits = absent_of(h, level).mask | h->levels[level].table.mask | h->next_level.mask() | f->zero;
  h.any_form(level, [&](auto g) PAGEWRIGHT_INLINE {
    bits |= g->is.mask;
    return g.index == f.index;  // the first shape that recognises an entry wins
  });
  each(h->reserved_leaf, [&](match const &m) PAGEWRIGHT_INLINE { bits |= m.mask; });
  if (h->low_address_zero)
    bits |= scatter(f->address, pagewright::below(slot_lg2(h, level)));
  return bits;
}

// --- decoding ---------------------------------------------------------------------------------------------------

/// Where the leaf's memory begins, aligned to the leaf's size.
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto leaf_base(H h, L level, Form const &f, u64 entry) noexcept -> output_address {
  return {gather(f->address, entry) & ~pagewright::below(leaf_lg2(h, level, f, entry))};
}

/// Does the leaf's slot lead beyond the machine's output addresses? The slot's own address counts, also in a run.
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto leaf_is_too_wide(H h, L level, Form const &f, u64 entry) noexcept -> bool {
  return (gather(f->address, entry) & ~pagewright::below(slot_lg2(h, level))) > pagewright::below(h->output_bits);
}

/// The rights that `rows` leave of `rights::all`, before rights that exclude one another are settled.
template <std::size_t N>
PAGEWRIGHT_INLINE constexpr auto granted(grant const (&rows)[N], u64 entry) noexcept -> rights {
  auto held = rights::all;
  each(rows, [&](grant const &row) PAGEWRIGHT_INLINE {
    if (row.withheld(entry)) held = held - row.gives;
  });
  return held;
}

/// Are these rows all told by one bit each, at every level that has table entries? Then what a number of entries leave
/// together can be told from all their bits at once.
constexpr auto told_by_single_bits(format const &f) noexcept -> bool {
  for (unsigned n = 1; n < f.depth; ++n)
    if (!f.levels[n].narrows) return false;
  for (grant const &row : f.table_grants)
    if (row.in_use() && (row.withheld.mask & (row.withheld.mask - 1)) != 0) return false;
  return true;
}

/// granted of several entries: `common`, the bits that are set in all of them, `any`, those that are set in one.
/// Precondition: told_by_single_bits.
template <std::size_t N>
PAGEWRIGHT_INLINE constexpr auto granted_by_all(grant const (&rows)[N], u64 common, u64 any) noexcept -> rights {
  auto held = rights::all;
  each(rows, [&](grant const &row) PAGEWRIGHT_INLINE {
    if (row.withheld(row.withheld.value == 0 ? common : any)) held = held - row.gives;
  });
  return held;
}

/// The rights a table entry of `level` leaves to everything below it. Precondition: a table entry.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto table_rights(H h, L level, u64 entry) noexcept -> rights {
  return h->levels[level].narrows ? granted(h->table_grants, entry) : rights::all;
}

/// `held` after the format's exclusions (on Arm, what EL0 may write EL1 may not execute).
template <handle H>
PAGEWRIGHT_INLINE constexpr auto settled(H h, rights held) noexcept -> rights {
  each(h->excludes, [&](exclusion const &one) PAGEWRIGHT_INLINE {
    if ((held & one.when) != rights::none) held = held - one.removes;
  });
  return held;
}

/// Everything a leaf says beside its address. Complexity: a few operations per row of the description.
template <handle H, class Form>
PAGEWRIGHT_INLINE constexpr auto attributes_of(H h, Form const &f, u64 entry) noexcept -> attributes {
  return {.allow    = settled(h, granted(f->grants, entry)),
          .type     = h->types[gather(f->type, entry) % max_types],
          .global   = f->global(entry),
          .accessed = f->accessed(entry),
          .dirty    = f->dirty(entry),
          .shared   = f->shared(entry),
          .software = entry & h->software};
}

}  // namespace pagewright
