// SPDX-License-Identifier: MIT
// Decode and encode one entry from its description. Nothing here touches memory.
#pragma once

#include <optional>

#include "address.hpp"
#include "handle.hpp"

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

// --- geometry ---------------------------------------------------------------------------------------------------

/// lg2 of the bytes one slot of `level` covers.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto slot_lg2(H h, L level) noexcept -> unsigned { return h->levels[level].shift; }

/// lg2 of the distance of two slots in memory.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto stride_lg2(H h, L level) noexcept -> unsigned {
  return h->levels[level].slot_lg2 != 0 ? h->levels[level].slot_lg2 : h->entry_bytes == 8 ? 3u : 2u;
}

/// lg2 of the bytes of memory a table of `level` takes.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto table_lg2(H h, L level) noexcept -> unsigned {
  return h->levels[level].table_lg2 != 0 ? h->levels[level].table_lg2 : h->levels[level].index_bits + stride_lg2(h, level);
}

/// lg2 of the input addresses one table of `level` covers; 64 for a whole 64-bit space.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto reach_lg2(H h, L level) noexcept -> unsigned { return slot_lg2(h, level) + h->levels[level].index_bits; }

/// The slot of a table of `level` that `at` selects.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto index_of(H h, L level, u64 at) noexcept -> u64 {
  return (at >> slot_lg2(h, level)) & pagewright::below(h->levels[level].index_bits);
}

template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto slot_address(H h, L level, output_address table, u64 index) noexcept -> output_address {
  return {table.value + (index << stride_lg2(h, level)) + h->levels[level].slot_offset};
}

/// Can `at` be translated at all: are its untranslated upper bits what the format demands?
template <handle H>
PAGEWRIGHT_INLINE constexpr auto in_extent(H h, u64 at) noexcept -> bool {
  unsigned const bits = h->input_bits();
  if (bits >= 64) return true;
  u64 const upper = pagewright::ones(bits, h->input_width - bits - h->tag_bits);
  if ((at & ~pagewright::below(h->input_width)) != 0) return false;
  switch (h->upper) {
    case extent::zero:      return (at & upper) == 0;
    case extent::ones:      return (at & upper) == upper;
    case extent::canonical: return (at & upper) == ((at >> (bits - 1) & 1) != 0 ? upper : 0);
  }
  return false;
}

/// The input address whose translated bits are `at` and whose upper bits are as the format demands.
template <handle H>
PAGEWRIGHT_INLINE constexpr auto extended(H h, u64 at) noexcept -> u64 {
  unsigned const bits = h->input_bits();
  if (bits >= 64) return at;
  u64 const low = at & pagewright::below(bits);
  bool const up = h->upper == extent::ones || (h->upper == extent::canonical && (low >> (bits - 1)) != 0);
  return up ? low | (pagewright::below(h->input_width) & ~pagewright::below(bits)) : low;
}

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
  unroll<3>([&](auto i) PAGEWRIGHT_INLINE {
    bound const &b = h->table_bounds[i];
    if (b.limit.width == 0 || !b.when(entry)) return;
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
  unroll<5>([&](auto i) PAGEWRIGHT_INLINE { bad |= h->reserved_leaf[i](entry); });
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
  unroll<2>([&](auto i) PAGEWRIGHT_INLINE { bad |= h->reserved_table[i](entry); });
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
  unroll<5>([&](auto i) PAGEWRIGHT_INLINE { bits |= h->reserved_leaf[i].mask; });
  if (h->low_address_zero)
    unroll<4>([&](auto i) PAGEWRIGHT_INLINE { bits |= f->address[i].scatter(pagewright::below(slot_lg2(h, level))); });
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
  unroll<N>([&](auto i) PAGEWRIGHT_INLINE {
    if (rows[i].gives != rights::none && rows[i].withheld(entry)) held = held - rows[i].gives;
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
  unroll<2>([&](auto i) PAGEWRIGHT_INLINE {
    if ((held & h->excludes[i].when) != rights::none) held = held - h->excludes[i].removes;
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

// --- encoding ---------------------------------------------------------------------------------------------------

/// The bits of `rows` that allow `wanted`.
template <std::size_t N>
PAGEWRIGHT_INLINE constexpr auto granting(grant const (&rows)[N], rights wanted) noexcept -> u64 {
  u64 entry = 0;
  unroll<N>([&](auto i) PAGEWRIGHT_INLINE {
    bool const on = (wanted & rows[i].unless) == rights::none && includes(wanted, rows[i].with);
    entry |= (wanted & rows[i].gives) == rights::none ? rows[i].off : on ? rows[i].on : 0;
  });
  return entry;
}

/// All bits that `rows` read or write.
template <std::size_t N>
constexpr auto grant_bits(grant const (&rows)[N]) noexcept -> u64 {
  u64 mask = 0;
  for (auto const &row : rows) mask |= row.bits() | (row.gives != rights::none ? row.withheld.mask : 0);
  return mask;
}

/// The bits that allow exactly `wanted` in a leaf of shape `f`; nothing if the format cannot say it: some rights come
/// together only, and where rights make an entry present (EPT, RISC-V) a leaf without any is no leaf.
template <handle H, class Form>
constexpr auto encode_rights(H h, Form const &f, rights wanted) noexcept -> std::optional<u64> {
  u64 const bits = granting(f->grants, wanted), entry = bits | f->base;
  // Where levels differ in what is absent, rights have no part in it.
  bool bad = settled(h, granted(f->grants, entry)) != wanted || (h->levels[0].absent == never && h->absent(entry));
  unroll<5>([&](auto i) PAGEWRIGHT_INLINE { bad |= h->reserved_leaf[i](entry); });
  if (bad) return std::nullopt;
  return bits;
}

/// The least rights the format can express that include `wanted`; nothing if there are none. Use it to ask for
/// "readable and executable by the user" without knowing whether the format can keep the kernel from executing there.
template <handle H>
constexpr auto least_rights(H h, rights wanted) noexcept -> std::optional<rights> {
  auto const &f    = h->forms[h->levels[0].leaves[0]];
  auto const  near = settled(h, granted(f->grants, granting(f->grants, wanted) | f->base));
  if (includes(near, wanted) && encode_rights(h, f, near)) return near;

  // What was granted can be reserved, as writing without reading is on RISC-V: look further afield.
  std::optional<rights> least;
  for (unsigned n = 0; n <= unsigned(rights::all); ++n) {
    auto const may = static_cast<rights>(n);
    if (!includes(may, wanted) || (least && count_ones(n) >= count_ones(unsigned(*least)))) continue;
    if (encode_rights(h, f, may)) least = may;
  }
  return least;
}

/// The bits that select memory type `wanted`; nothing if no index of the format's table does. Where the platform alone
/// decides about ordinary memory (RISC-V PMAs, tables without a type field), asking for write-back means just that.
template <handle H, class Form>
constexpr auto encode_type(H h, Form const &f, memory_type wanted) noexcept -> std::optional<u64> {
  u64 const indices = reachable(f->type);
  for (auto const accepted : {wanted, wanted == memory_type::wb ? memory_type::pma : wanted})
    for (u64 i = 0; i < max_types; ++i)
      if ((i & ~indices) == 0 && h->types[i] == accepted) return scatter(f->type, i);
  return std::nullopt;
}

enum class inexpressible : u8 { no, rights, memory_type, software };

/// A leaf of shape `f` without its address.
struct leaf_bits {
  u64           entry;
  inexpressible flaw;
};
template <handle H, class Form>
constexpr auto encode_attributes(H h, Form const &f, attributes const &want) noexcept -> leaf_bits {
  auto const may  = encode_rights(h, f, want.allow);
  auto const type = encode_type(h, f, want.type);
  if (!may) return {0, inexpressible::rights};
  if (!type) return {0, inexpressible::memory_type};
  if ((want.software & ~h->software) != 0) return {0, inexpressible::software};

  bool const writable = (want.allow & rights::writers) != rights::none;
  auto const flag     = [](u64 entry, match m, bool on) {
    return m == never ? entry : on ? (entry & ~m.mask) | m.value : entry;
  };
  u64 entry = f->base | *may | *type | want.software;
  entry = flag(entry, f->accessed, want.accessed);
  entry = flag(entry, f->dirty, want.dirty && writable);
  // These may be a set or a cleared bit: say both ways explicitly.
  auto const either = [](u64 e, match m, bool on) {
    return m == never ? e : (e & ~m.mask) | (on ? m.value : m.mask & ~m.value);
  };
  entry = either(entry, f->global, want.global);
  entry = either(entry, f->shared, want.shared);
  return {entry, inexpressible::no};
}

/// The address bits of the slot of a leaf of shape `f` that maps `to`; bits below the slot's size are left out.
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto encode_address(H h, L level, Form const &f, output_address to) noexcept -> u64 {
  u64 entry = scatter(f->address, to.value & ~pagewright::below(slot_lg2(h, level)));
  if (f->size_code != 0) {
    unsigned const width = slot_lg2(h, level) + f->run_lg2 - f->size_code;
    entry = (entry & ~ones(f->size_code, width)) | ones(f->size_code, width - 1u);
  }
  return entry;
}

/// Has shape `f` room for output addresses up to `last`? (A 32-bit PTE cannot lead where a PSE-36 page can.)
template <class Form>
constexpr auto can_lead_to(Form const &f, u64 last, unsigned lg2) noexcept -> bool {
  return (last & ~pagewright::below(lg2) & ~reachable(f->address)) == 0;
}

/// Do the entries of neighbouring leaves that continue each other differ by a constant, encode_address of one slot's size?
/// So it is while the address lies in one field and each leaf in one slot.
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto counts_up(H h, L level, Form const &f) noexcept -> bool {
  return f->size_code == 0 && f->address[0].to <= slot_lg2(h, level) && f->address[1].width == 0;
}

/// The leaf of shape `to` at `to_level` that maps `base` and says in everything else what `entry`, of shape `from`, says.
/// Software bits and bits that mean the same in every shape (keys, shareability) are kept.
template <handle H, class L, class From, class To>
constexpr auto reshaped(H h, From const &from, u64 entry, L to_level, To const &to, output_address base) noexcept -> u64 {
  u64 const kept = h->software | h->carried;
  u64 now = (to->base & ~kept) | (entry & kept) | granting(to->grants, settled(h, granted(from->grants, entry))) |
            scatter(to->type, gather(from->type, entry)) | encode_address(h, to_level, to, base);
  auto const carry = [&](match was, match is) {
    if (is != never && was(entry)) now = (now & ~is.mask) | is.value;
    if (is != never && !was(entry) && is(now)) now ^= is.mask & -is.mask;
  };
  carry(from->accessed, to->accessed);
  carry(from->dirty, to->dirty);
  carry(from->global, to->global);
  carry(from->shared, to->shared);
  return now;
}

/// The bits of a leaf of shape `f` that `reshaped` understands or keeps.
template <handle H, class Form>
constexpr auto understood(H h, Form const &f) noexcept -> u64 {
  u64 mask = h->absent.mask;
  for (auto const &level : h->levels) mask |= level.absent.mask;
  return mask | occupied(f->address) | occupied(f->type) | grant_bits(f->grants) | f->accessed.mask | f->dirty.mask |
         f->global.mask | f->shared.mask | f->is.mask | h->software | h->carried | h->resizing;
}

/// Does `reshaped` lose nothing: can a leaf of shape `to` at `to_level` say what `entry`, of shape `from`, says?
/// (The page tables of Arm's short descriptors have no privileged execute-never; its sections do.)
template <handle H, class L, class From, class To>
constexpr auto can_say(H h, From const &from, u64 entry, L to_level, To const &to) noexcept -> bool {
  u64 const now = reshaped(h, from, entry, to_level, to, {0});
  return kind_of(h, to_level, now) == entry_kind::leaf && ((entry ^ from->base) & ~understood(h, from)) == 0 &&
         settled(h, granted(to->grants, now)) == settled(h, granted(from->grants, entry)) &&
         h->types[gather(to->type, now) % max_types] == h->types[gather(from->type, entry) % max_types] &&
         to->global(now) == from->global(entry) && to->shared(now) == from->shared(entry);
}

/// An entry of `level` that points to the table at `next` and leaves at least the rights `leave` to what is below it.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto encode_table(H h, L level, output_address next, rights leave = rights::all) noexcept -> u64 {
  return h->levels[level].table_base | scatter(table_address_of(h, level), next.value) |
         (h->levels[level].narrows ? granting(h->table_grants, leave) : 0);
}

/// `entry`, a table entry, made to leave the rights `leave`, or the least that include them and that the format can say.
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto narrowed_to(H h, L level, u64 entry, rights leave) noexcept -> u64 {
  if (!h->levels[level].narrows) return entry;
  return (entry & ~grant_bits(h->table_grants)) | granting(h->table_grants, leave);
}

}  // namespace pagewright
