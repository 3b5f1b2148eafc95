// SPDX-License-Identifier: MIT
// Make entries from their description. Nothing here touches memory.
#pragma once

#include "entry.hpp"

namespace pagewright {

/// The bits of `rows` that allow `wanted`.
template <std::size_t N>
PAGEWRIGHT_INLINE constexpr auto granting(grant const (&rows)[N], rights wanted) noexcept -> u64 {
  u64 entry = 0;
  each(rows, [&](grant const &row) PAGEWRIGHT_INLINE {
    bool const on = (wanted & row.unless) == rights::none && includes(wanted, row.with);
    entry |= (wanted & row.gives) == rights::none ? row.off : on ? row.on : 0;
  });
  return entry;
}

/// All bits that `rows` read or write.
template <std::size_t N>
constexpr auto grant_bits(grant const (&rows)[N]) noexcept -> u64 {
  u64 mask = 0;
  each(rows, [&](grant const &row) { mask |= row.bits() | row.withheld.mask; });
  return mask;
}

/// The bits that allow exactly `wanted` in a leaf of shape `f`; nothing if the format cannot say it: some rights come
/// together only, and where rights make an entry present (EPT, RISC-V) a leaf without any is no leaf.
template <handle H, class Form>
constexpr auto encode_rights(H h, Form const &f, rights wanted) noexcept -> std::optional<u64> {
  u64 const bits = granting(f->grants, wanted), entry = bits | f->base;
  // Where levels differ in what is absent, rights have no part in it.
  bool bad = settled(h, granted(f->grants, entry)) != wanted || (h->levels[0].absent == never && h->absent(entry));
  each(h->reserved_leaf, [&](match const &m) PAGEWRIGHT_INLINE { bad |= m(entry); });
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
  if (wanted == memory_type::reserved) return std::nullopt;
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
