// SPDX-License-Identifier: MIT
// What the change of one entry obliges its maker to do. The only place that knows the architectures' rules.
#pragma once

#include "entry.hpp"

namespace pagewright {

enum class duty : u8 {
  none,               // nothing: hardware cannot tell the difference
  publish,            // make the store visible to the walker (a barrier, or a cache clean for one that is not coherent)
  invalidate,         // publish, then drop what translation caches hold before relying on the change
  break_before_make,  // store an absent entry, publish, invalidate, sync; only then store the new one
};

constexpr auto text(duty d) noexcept -> char const * {
  switch (d) {
    case duty::none:              return "none";
    case duty::publish:           return "publish";
    case duty::invalidate:        return "invalidate";
    case duty::break_before_make: return "break-before-make";
  }
  return "?";
}

/// Can changing only `bits` of a valid leaf of shape `f` owe break-before-make? (Arm ARM, "Using break-before-make when
/// updating translation table entries": memory type, output address, block size, non-global to global.)
template <handle H, class Form>
constexpr auto must_break(H h, Form const &f, u64 bits) noexcept -> bool {
  return h->break_before_make && (bits & ~(f->live != 0 ? f->live : h->live)) != 0;
}

/// What replacing `was` by `now` in a slot of `level` obliges to. Pure.
///
/// Absent and reserved entries are held by no translation cache unless the format says so. Marking an entry accessed,
/// or dirty where that is a bit of its own, and changing bits hardware ignores, leaves every cached translation right.
/// A leaf and a table may replace each other directly where the format resizes live, or while the leaf has its `resizing`
/// bit set, if they translate alike; whether they do is the caller's affair and told by `alike`.
/// Every other change of a valid entry may leave a stale one, also where hardware would recover by itself from a stale
/// narrower translation at the price of a spurious fault.
template <handle H, class L>
constexpr auto duty_of(H h, L level, u64 was, u64 now, bool alike = true) noexcept -> duty {
  auto const old_kind = kind_of(h, level, was);
  auto const new_kind = kind_of(h, level, now);
  auto const valid    = [](entry_kind k) { return k == entry_kind::leaf || k == entry_kind::table; };

  if (was == now) return duty::none;
  if (!valid(old_kind)) return !valid(new_kind)                                  ? duty::none
                                : h->caches_absent || h->levels[level].loaded ? duty::invalidate
                                                                              : duty::publish;
  if (!valid(new_kind)) return duty::invalidate;

  u64 const changed = was ^ now;
  if (old_kind != new_kind) {
    u64 const leaf = old_kind == entry_kind::leaf ? was : now;
    bool const direct = alike && (h->resizes_live || (leaf & h->resizing) != 0);
    return h->break_before_make && !direct ? duty::break_before_make : duty::invalidate;
  }
  if (old_kind == entry_kind::table) {
    u64 leads = occupied(table_address_of(h, level)) | h->levels[level].table.mask | h->next_level.mask();
    for (auto const &b : h->table_bounds) leads |= b.limit.mask() | (b.limit.width != 0 ? b.when.mask : 0);
    return h->break_before_make && (changed & (~h->live | leads)) != 0 ? duty::break_before_make : duty::invalidate;
  }

  u64  ignored = h->software, marks = 0;
  bool breaks  = false;
  with_form(h, level, was, [&](auto f) {
    breaks = must_break(h, f, changed);
    if (f->accessed != never && f->accessed(now)) marks |= f->accessed.mask;
    if (is_single_bit(f->dirty.mask) && f->dirty(now)) marks |= f->dirty.mask;
  });
  if (breaks) return duty::break_before_make;
  if ((changed & ~ignored) == 0) return duty::none;
  return (changed & ~(ignored | marks)) == 0 ? duty::publish : duty::invalidate;
}

}  // namespace pagewright
