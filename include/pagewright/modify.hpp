// SPDX-License-Identifier: MIT
// Changes that depend on what a leaf says: asked for leaf by leaf, made by groups of neighbours that change alike.
#pragma once

#include "change.hpp"

namespace pagewright {

/// Bits of an entry to clear, and then to set.
struct bit_change {
  u64 clear = 0, set = 0;

  friend constexpr auto operator==(bit_change const &, bit_change const &) -> bool = default;
};

namespace editing {

constexpr auto why(inexpressible flaw) noexcept -> error_reason {
  return flaw == inexpressible::rights        ? error_reason::inexpressible_rights
         : flaw == inexpressible::memory_type ? error_reason::inexpressible_memory_type
                                              : error_reason::inexpressible_software;
}

/// Would `change` leave a leaf of shape `f` at its level and in its place? What it touches must neither tell kind, shape
/// and size, nor be part of the address, nor set what hardware rejects.
template <handle H, class L, class Form>
constexpr auto may_change(H h, L level, Form const &f, u64 entry, bit_change const &change) noexcept -> bool {
  u64 const address = scatter(f->address, ~below(slot_lg2(h, level)));
  u64 const touched = (change.clear | change.set) & ((entry & change.clear) | (~entry & change.set));
  u64 const now     = (entry & ~change.clear) | change.set;
  if ((touched & address) != 0 || now > below(8u * h->entry_bytes) || kind_of(h, level, now) != entry_kind::leaf) return false;
  bool same = false;
  with_form(h, level, now, [&](auto g) { same = g->name == f->name && leaf_lg2(h, level, g, now) == leaf_lg2(h, level, f, entry); });
  return same;
}

/// The first leaf in `where` of a shape for whose number `wanted` holds.
template <class Site, class Wanted>
constexpr auto first_of_shape(Site &s, range where, Wanted &&wanted) -> std::optional<leaf> {
  struct finder {
    Site               &s;
    Wanted             &wanted;
    std::optional<pagewright::leaf> found{};

    constexpr auto leaf(pagewright::leaf const &l) -> bool {
      with_form(s.h, l.level, l.entry, [&](auto f) {
        if (wanted(f.index)) found = l;
      });
      return !found;
    }
  } visitor{s, wanted};
  sweep(s.h, s.root, where, s.memory, visitor);
  return visitor.found;
}

/// Would anything change, and which is the first leaf that would become something else, as an error?
struct judgement {
  bool                 any = false;
  std::optional<error> bad{};
};
template <class Site, class Change>
constexpr auto judge_changes(Site &s, range where, Change &change_of) -> judgement {
  struct judge : judgement {
    Site   &s;
    Change &change_of;

    constexpr judge(Site &site, Change &change) noexcept : s{site}, change_of{change} {}
    constexpr auto leaf(pagewright::leaf const &l) -> bool {
      s.h.descend([&](auto level) {
        if (level != l.level) return false;
        auto const change = change_of(l);
        any |= (change.clear | change.set) != 0;
        with_form(s.h, level, l.entry, [&](auto f) {
          if (!may_change(s.h, level, f, l.entry, change)) bad = {error_reason::fixed_bits, l.input, l.level, l.slot, l.entry};
        });
        return true;
      });
      return !bad;
    }
  } judge{s, change_of};
  sweep(s.h, s.root, where, s.memory, judge);
  return judge;
}

/// Calls `make(part, edit)` for each group of neighbouring leaves of one shape in `where` that change alike. Leaves may be
/// changed by it, and split, while the sweep that finds the groups goes on behind them.
template <class Site, class Change, class Make>
constexpr void each_group(Site &s, range where, Change &change_of, Make &&make) {
  struct collector {
    Site      &s;
    range      where;
    Change    &change_of;
    Make      &make;
    range      part{};
    bit_change same{};
    unsigned   form = no_form;  // of the open group

    constexpr void leaf(pagewright::leaf const &l) {
      auto const change = change_of(l);
      unsigned   shape  = no_form;
      with_form(s.h, l.level, l.entry, [&](auto f) { shape = f.index; });
      u64 const end   = l.input.value | (l.bytes() - 1);
      u64 const first = l.input < where.first ? where.first.value : l.input.value;
      u64 const last  = end > where.last.value ? where.last.value : end;
      if (form == shape && same == change && part.last.value + 1 == first) {
        part.last.value = last;
        return;
      }
      flush();
      part = {{first}, {last}}, same = change, form = shape;
    }
    constexpr void flush() {
      if (form == no_form || (same.clear | same.set) == 0) return;
      edit what;
      for (auto &bits : what.shape) bits = {same.clear, same.set, never};
      make(part, what);
      form = no_form;
    }
  } groups{s, where, change_of, make};
  sweep(s.h, s.root, where, s.memory, groups);
  groups.flush();
}

}  // namespace editing
}  // namespace pagewright
