// SPDX-License-Identifier: MIT
// Follow one input address from the root.
//
//   input address   [ upper bits | index | index | index | offset ]
//                                   |       |       |        |
//   root --> +-------+   +--------+ | +-----+-+ +---+----+   |
//            | table |-->| table  |-+>| table |>| memory |<--+
//            +-------+   +--------+   +-------+ +--------+
//   level        2           1            0       a leaf may also sit at a higher level and map more at once
//
// A walk makes at most one load per level whatever the tables hold: garbage, cycles and missing memory are results.
#pragma once

#include <expected>

#include "entry.hpp"
#include "memory.hpp"

namespace pagewright {

/// The address of the top table, and the identifier of the address space it came with.
struct root {
  output_address table{};
  u16            asid = 0;  // ASID, PCID or VMID; 0 where there is none
};

/// A leaf and what it says.
struct leaf {
  input_address  input;      // first address it maps
  output_address output;     // where that address leads
  u8             lg2;        // it maps 2^lg2 bytes
  u8             level;
  u8             run_lg2;    // and fills 2^run_lg2 slots
  rights         own;        // allowed by the leaf alone
  rights         effective;  // allowed by the whole walk
  memory_type    type;
  bool           global, accessed, dirty, shared;
  output_address slot;       // where the entry is
  u64            entry;      // as it is in memory

  constexpr auto bytes() const noexcept -> u64 { return bit(lg2); }
};

/// Where `input` leads.
struct translation : leaf {
  output_address address;    // of the input address itself
};

enum class fault_reason : u8 {
  outside_input,  // the upper bits of the address are not what the format demands (non-canonical)
  absent,         // an entry is absent, or a table has no slot for the address
  sparse,         // no fault for hardware: nothing is mapped, reads yield zeroes and writes are lost
  reserved,       // hardware rejects an entry: reserved bits, misaligned or malformed leaf
  not_accessed,   // a leaf is not marked accessed and hardware does not mark it itself
  too_wide,       // an entry's output address exceeds the machine's
  unreadable,     // no memory where a table should be
};

constexpr auto text(fault_reason r) noexcept -> char const * {
  switch (r) {
    case fault_reason::outside_input: return "outside the input range";
    case fault_reason::absent:        return "absent";
    case fault_reason::sparse:        return "sparse";
    case fault_reason::reserved:      return "reserved";
    case fault_reason::not_accessed:  return "not accessed";
    case fault_reason::too_wide:      return "address too wide";
    case fault_reason::unreadable:    return "unreadable";
  }
  return "?";
}

/// Why there is no translation. `slot` and `entry` are those of the level where the walk ended; `entry` is 0 where none
/// could be read. For outside_input the level is the root's and there is no slot; nor is there one, for absent, where a
/// table is cut short or the address has bits set that skipped levels would look at.
struct fault {
  fault_reason   why;
  u8             level;
  input_address  input;
  output_address slot;
  u64            entry;
};

/// One level of a walk, as the observer of a trace sees it.
struct step {
  u8             level;
  output_address table;
  u64            index;
  output_address slot;
  u64            entry;
  entry_kind     kind;
  rights         allowed;  // what this entry alone leaves
};

/// An observer that is not interested.
struct no_trace {
  constexpr void operator()(step const &) const noexcept {}
};

/// Is an absent entry one that does without a fault?
template <handle H, class L>
PAGEWRIGHT_INLINE constexpr auto why_absent(H h, L level, u64 entry) noexcept -> fault_reason {
  return h->levels[level].sparse(entry) ? fault_reason::sparse : fault_reason::absent;
}

/// Everything about the leaf of shape `f` that `entry` at `level` is, for the input address `at` somewhere inside it.
/// `above`: the rights the table entries on the way left; `global_above`: one of them made everything below global.
template <handle H, class L, class Form>
PAGEWRIGHT_INLINE constexpr auto describe_leaf(H h, L level, Form const &f, u64 at, output_address slot, u64 entry,
                                               rights above, bool global_above) noexcept -> leaf {
  auto const lg2 = leaf_lg2(h, level, f, entry);
  auto const own = granted(f->grants, entry);
  return {.input     = {at & ~pagewright::below(lg2)},
          .output    = leaf_base(h, level, f, entry),
          .lg2       = static_cast<u8>(lg2),
          .level     = static_cast<u8>(level),
          .run_lg2   = static_cast<u8>(lg2 > slot_lg2(h, level) ? lg2 - slot_lg2(h, level) : 0),
          .own       = settled(h, own),
          .effective = settled(h, own & above),
          .type      = h->types[gather(f->type, entry) % max_types],
          .global    = f->global(entry) || global_above,
          .accessed  = f->accessed(entry),
          .dirty     = f->dirty(entry),
          .shared    = f->shared(entry),
          .slot      = slot,
          .entry     = entry};
}

/// Follows `at` from `from`. Returns the translation, or the fault that says why there is none and where.
/// `observe` is called with each level's step, the last one included. Pure: changes nothing, sets no accessed bits.
/// Complexity: at most one load per level.
template <handle H, readable_memory M, class Observer = no_trace>
PAGEWRIGHT_INLINE constexpr auto walk(H h, root from, input_address at, M &&memory, Observer &&observe = {})
    -> std::expected<translation, fault> {
  constexpr bool traced = !std::same_as<std::remove_cvref_t<Observer>, no_trace>;

  if (!in_extent(h, at.value))
    return std::unexpected{fault{fault_reason::outside_input, static_cast<u8>(h.top()), at, {}, 0}};

  translation    found{};
  fault          failed{};
  bool           translated = false;
  output_address table = from.table;
  rights         above = rights::all;
  bool           global_above = false;
  u64            common = ~u64{0}, any = 0;  // of all table entries, where their bits can be told together
  constexpr bool together = [] {
    if constexpr (H::is_fixed) return told_by_single_bits(*H{});
    else return false;
  }();
  u64            via = 0;           // the entry that led to `table`, which is one of level `next`
  unsigned       next = h.top();

  h.descend([&](auto level) PAGEWRIGHT_INLINE -> bool {
    auto const index = index_of(h, level, at.value);
    auto const slot  = slot_address(h, level, table, index);
    auto const end   = [&](fault_reason why, u64 entry) PAGEWRIGHT_INLINE {
      failed = {why, static_cast<u8>(level), at, slot, entry};
      return true;
    };
    auto const saw = [&](u64 entry, entry_kind kind, rights allowed) PAGEWRIGHT_INLINE {
      if constexpr (traced) observe(step{static_cast<u8>(level), table, index, slot, entry, kind, allowed});
    };

    bool const skipped = h->next_level.width != 0 && level > next;
    if (skipped && index == 0) return false;
    if (skipped || (level != h.top() && !is_in_bounds(h, via, index)))
      return failed = {fault_reason::absent, static_cast<u8>(level), at, {}, 0}, true;
    auto const loaded = memory.load(slot, h->word());
    if (!loaded) return end(fault_reason::unreadable, 0);
    u64 const entry = *loaded;

    if (is_absent(h, level, entry)) {
      saw(entry, entry_kind::absent, rights::none);
      return end(why_absent(h, level, entry), entry);
    }
    if (is_table(h, level, entry)) {
      auto const allowed = table_rights(h, level, entry);
      if (table_is_reserved(h, level, entry)) {
        saw(entry, entry_kind::reserved, allowed);
        return end(fault_reason::reserved, entry);
      }
      saw(entry, entry_kind::table, allowed);
      table = table_of(h, level, entry);
      if (table.value > pagewright::below(h->output_bits)) return end(fault_reason::too_wide, entry);
      if constexpr (together) common &= entry, any |= entry;
      else above &= allowed;
      global_above |= h->table_global(entry);
      if (h->table_bounds[0].limit.width != 0) via = entry;
      if (h->next_level.width != 0) next = skips_to(h, level, entry).value_or(level - 1u);
      return false;
    }

    if constexpr (together) above = granted_by_all(h->table_grants, common, any);
    bool const known = with_form(h, level, entry, [&](auto f) PAGEWRIGHT_INLINE {
      bool const reserved = leaf_is_reserved(h, level, f, entry);
      saw(entry, reserved ? entry_kind::reserved : entry_kind::leaf, settled(h, granted(f->grants, entry)));
      auto const l = describe_leaf(h, level, f, at.value, slot, entry, above, global_above);
      if (reserved) end(fault_reason::reserved, entry);
      else if (leaf_is_too_wide(h, level, f, entry)) end(fault_reason::too_wide, entry);
      else if (h->unaccessed_faults && !l.accessed) end(fault_reason::not_accessed, entry);
      else found = {l, {l.output.value | (at.value & pagewright::below(l.lg2))}}, translated = true;
    });
    if (!known) {
      saw(entry, entry_kind::reserved, rights::none);
      end(fault_reason::reserved, entry);
    }
    return true;
  });
  if (!translated) return std::unexpected{failed};
  return found;
}

}  // namespace pagewright
