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

/// Calls `body(level, shape)` for the shapes of the smaller leaves that `l` is split into where `where` cuts it.
template <handle H, class Body>
constexpr void each_split_form(H h, range where, leaf const &l, half_covered half, Body &&body) {
  auto const cut = [&](unsigned lg2) {
    return (l.input < where.first && !is_aligned(where.first.value, lg2)) ||
           ((l.input.value | (l.bytes() - 1)) > where.last.value && !is_aligned(where.last.value + 1, lg2));
  };
  if (half != half_covered::split || !cut(l.lg2)) return;
  auto const at = [&](unsigned level) { with_single_form(h, level, [&](auto g) { body(level, g); }); };
  if (l.run_lg2 != 0) at(l.level);
  for (unsigned level = l.level; level != 0 && cut(slot_lg2(h, level)); --level) at(level - 1);
}

/// The first leaf in `where` of a shape for whose number `wanted` holds, or that is to be split into such.
template <class Site, class Wanted>
constexpr auto first_of_shape(Site &s, range where, half_covered half, Wanted &&wanted) -> std::optional<leaf> {
  struct finder {
    Site               &s;
    range               where;
    half_covered        half;
    Wanted             &wanted;
    std::optional<pagewright::leaf> found{};

    constexpr auto leaf(pagewright::leaf const &l) -> bool {
      auto const look = [&](auto f) {
        if (wanted(f.index)) found = l;
      };
      with_form(s.h, l.level, l.entry, look);
      each_split_form(s.h, where, l, half, [&](unsigned, auto g) { look(g); });
      return !found;
    }
  } visitor{s, where, half, wanted};
  sweep(s.h, s.root, where, s.memory, visitor);
  return visitor.found;
}

/// Bits that shapes `f` and `g` do not use alike.
template <class F, class G>
constexpr auto unlike(F const &f, G const &g) noexcept -> u64 {
  return (occupied(f->type) ^ occupied(g->type)) | (grant_bits(f->grants) ^ grant_bits(g->grants)) |
         (f->accessed.mask ^ g->accessed.mask) | (f->dirty.mask ^ g->dirty.mask) | (f->global.mask ^ g->global.mask) |
         (f->shared.mask ^ g->shared.mask);
}

/// Would anything change, and which is the first leaf that would become something else, as an error?
struct judgement {
  bool                 any = false;
  std::optional<error> bad{};
};
template <class Site, class Change>
constexpr auto judge_changes(Site &s, range where, half_covered half, Change &change_of) -> judgement {
  struct judge : judgement {
    Site        &s;
    range        where;
    half_covered half;
    Change      &change_of;

    constexpr judge(Site &site, range over, half_covered h, Change &change) noexcept
        : s{site}, where{over}, half{h}, change_of{change} {}
    constexpr auto leaf(pagewright::leaf const &l) -> bool {
      s.h.descend([&](auto level) {
        if (level != l.level) return false;
        auto const change = change_of(l);
        any |= (change.clear | change.set) != 0;
        with_form(s.h, level, l.entry, [&](auto f) {
          if (!may_change(s.h, level, f, l.entry, change)) bad = {error_reason::fixed_bits, l.input, l.level, l.slot, l.entry};
          if (f->run_lg2 != 0 && l.run_lg2 == 0) bad = {error_reason::occupied, l.input, l.level, l.slot, l.entry};  // garbled
          // The same bits are changed in the leaves that a cut one is split into: they must mean the same there.
          each_split_form(s.h, where, l, half, [&](unsigned under, auto g) {
            u64 const small = reshaped(s.h, f, l.entry, under, g, {0});
            if (((change.clear | change.set) & unlike(f, g)) != 0 || !may_change(s.h, under, g, small, change))
              bad = {error_reason::would_split, l.input, l.level, l.slot, l.entry};
          });
        });
        return true;
      });
      return !bad;
    }
  } judge{s, where, half, change_of};
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
