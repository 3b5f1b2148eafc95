// SPDX-License-Identifier: MIT
// A format known at run time, worked out beforehand for many walks.
//
// `dynamic` interprets a description at every entry, and most of that is rows which the format at hand does not use. What
// a walk asks of each level is the same every time. A walk_plan holds the answers as masks: by which bits the usual table
// entry and the usual leaf are told, and where they hold their address. Whatever is out of the ordinary, and every fault,
// is left to the walk that interprets, which begins again at the root. So the results are the same, always.
#pragma once

#include <bit>

#include "encode.hpp"
#include "walk.hpp"

namespace pagewright {

/// An address that lies in an entry in up to N pieces, each moved by a rotation: no bit of it falls off an end.
template <std::size_t N>
class gathering {
 public:
  constexpr gathering() noexcept = default;
  explicit constexpr gathering(piece const (&pieces)[N]) noexcept {
    each(pieces, [&](piece const &p) { parts_[count_++] = {p.mask(), (p.to - p.lo) & 63}; });
  }

  PAGEWRIGHT_INLINE constexpr auto operator()(u64 entry) const noexcept -> u64 {
    u64 value = parts_[0](entry);
    for (unsigned i = 1; i < count_; ++i) value |= parts_[i](entry);
    return value;
  }

 private:
  struct part {
    u64 mask = 0;
    int left = 0;

    PAGEWRIGHT_INLINE constexpr auto operator()(u64 entry) const noexcept -> u64 { return std::rotl(entry & mask, left); }
  };

  part     parts_[N]{};
  unsigned count_ = 0;
};

/// What walks of one format ask of its description. The format must outlive the plan.
class walk_plan {
 public:
  /// Leaves of one shape at one level.
  struct leaf_plan {
    match        is{};           // told from the level's other shapes once absent and table entries are gone
    u64          zero = 0;       // hardware rejects a leaf with any of these set
    unsigned     lg2  = 0, form = 0;
    gathering<4> address{};
  };
  struct level_plan {
    u64          index_mask = 0;
    unsigned     shift = 0, stride_lg2 = 0, offset = 0;
    match        usual_table{};  // a table entry that hardware accepts and that makes nothing below it global
    u64          narrowing = 0, wide = 0;  // its bits that can narrow rights, and how they are if they do not
    gathering<3> table{};
    match        absent = always, points{};
    unsigned     leaves = 0;
    leaf_plan    leaf[4]{};
  };

  /// Precondition: `f` is well formed (check.hpp). Complexity: some hundred operations a level.
  explicit constexpr walk_plan(format const &f) noexcept : format_{&f} {
    dynamic const  h{&f};
    unsigned const bits = f.input_bits();
    if (bits < 64) {
      u64 const upper = below(f.input_width - f.tag_bits) & ~below(f.upper == extent::canonical ? bits - 1 : bits);
      upper_     = upper | ~below(f.input_width);
      either_[0] = f.upper == extent::ones ? upper : 0;
      either_[1] = f.upper == extent::zero ? 0 : upper;
    }
    each(f.reserved_leaf, [&](match const &m) { reserved_[reserved_count_++] = m; });
    // Where tables can be cut short or shared, or lie levels further down, the walk that interprets does everything.
    if (may_cut_short(h)) return;
    for (unsigned n = 0; n < f.depth; ++n) levels_[n] = plan_of(h, n);
  }

  constexpr auto description() const noexcept -> format const & { return *format_; }
  PAGEWRIGHT_INLINE constexpr auto at(unsigned level) const noexcept -> level_plan const & { return levels_[level]; }

  /// Can `at` be translated at all?
  PAGEWRIGHT_INLINE constexpr auto is_inside(u64 at) const noexcept -> bool {
    u64 const upper = at & upper_;
    return upper == either_[0] || upper == either_[1];
  }

  /// Would hardware reject this leaf, or would it lead beyond the machine's addresses or not translate for want of a mark?
  PAGEWRIGHT_INLINE constexpr auto is_unusual(leaf_plan const &l, u64 entry) const noexcept -> bool {
    for (unsigned n = 0; n < reserved_count_; ++n)
      if (reserved_[n](entry)) return true;
    return (entry & l.zero) != 0 || (format_->unaccessed_faults && !format_->forms[l.form].accessed(entry));
  }

 private:
  static constexpr auto plan_of(dynamic h, unsigned level) noexcept -> level_plan {
    auto const &one = h->levels[level];
    level_plan  p{.index_mask = below(one.index_bits), .shift = one.shift, .stride_lg2 = pagewright::stride_lg2(h, level),
                  .offset = one.slot_offset, .absent = absent_of(h, level), .points = one.table};
    if (level > 0) {
      // The entry the library itself would write, and all bits that decide what kind of entry it is: another that agrees
      // in them is of that kind too.
      u64 const entry = encode_table(h, level, {0});
      u64       bits  = one.table.mask | p.absent.mask | one.table_zero | (h->table_global == never ? 0 : h->table_global.mask);
      each(h->reserved_table, [&](match const &m) { bits |= m.mask; });
      if (kind_of(h, level, entry) == entry_kind::table && !h->table_global(entry)) p.usual_table = {bits, entry & bits};
      p.narrowing = one.narrows ? grant_bits(h->table_grants) : 0;
      p.wide      = entry & p.narrowing;
      p.table     = gathering{table_address_of(h, level)};
    }
    h.any_form(level, [&](dynamic_form const &f) {
      if (f->size_code != 0) return true;  // its size is read from the entry: left to the walk that interprets
      u64 const low = h->low_address_zero ? scatter(f->address, below(one.shift)) & ~occupied(f->type) : 0;
      p.leaf[p.leaves++] = {f->is, f->zero | low, unsigned{one.shift} + f->run_lg2, f.index, gathering{f->address}};
      return false;
    });
    return p;
  }

  format const *format_;
  u64           upper_ = 0, either_[2]{};
  match         reserved_[5]{};
  unsigned      reserved_count_ = 0;
  level_plan    levels_[max_depth]{};
};

/// A format known at run time, with a plan for its walks. All else is as with `dynamic`. The plan must outlive the handle.
struct planned : dynamic {
  walk_plan const *plan;

  explicit constexpr planned(walk_plan const &of) noexcept : dynamic{&of.description()}, plan{&of} {}
};

/// As the walk of other handles: the same results for the same tables. Complexity: at most one load per level where all
/// is ordinary, and once more as many where it is not.
template <readable_memory M>
PAGEWRIGHT_INLINE constexpr auto walk(planned h, root from, input_address at, M &&memory) -> std::expected<translation, fault> {
  auto const     interpreted = [&] { return walk(dynamic{h}, from, at, memory, no_trace{}); };
  word const     w           = h->word();
  u64 const      limit       = below(h->output_bits);
  output_address table       = from.table;
  rights         above       = rights::all;
  if (!h.plan->is_inside(at.value)) return interpreted();
  for (unsigned level = h.top();; --level) {
    auto const          &p = h.plan->at(level);
    output_address const slot{table.value + ((at.value >> p.shift & p.index_mask) << p.stride_lg2) + p.offset};
    auto const           loaded = memory.load(slot, w);
    if (!loaded) return interpreted();
    u64 const entry = *loaded;

    if (p.usual_table(entry)) {
      table = {p.table(entry)};
      if (table.value > limit) return interpreted();
      if ((entry & p.narrowing) != p.wide) above &= granted(h->table_grants, entry);
      continue;
    }
    if (p.absent(entry) || p.points(entry)) return interpreted();
    for (unsigned n = 0; n < p.leaves; ++n) {
      auto const &l = p.leaf[n];
      if (!l.is(entry)) continue;
      u64 const address = l.address(entry) & ~below(p.shift), into = below(l.lg2);
      if (address > limit || h.plan->is_unusual(l, entry)) break;
      form const &f   = h->forms[l.form];
      auto const  own = granted(f.grants, entry);
      leaf const  found{.input     = {at.value & ~into},
                        .output    = {address & ~into},
                        .lg2       = static_cast<u8>(l.lg2),
                        .level     = static_cast<u8>(level),
                        .run_lg2   = f.run_lg2,
                        .own       = settled(h, own),
                        .effective = settled(h, own & above),
                        .type      = h->types[gather(f.type, entry) % max_types],
                        .global    = f.global(entry),
                        .accessed  = f.accessed(entry),
                        .dirty     = f.dirty(entry),
                        .shared    = f.shared(entry),
                        .slot      = slot,
                        .entry     = entry};
      return translation{found, {(address & ~into) | (at.value & into)}};
    }
    return interpreted();
  }
}

}  // namespace pagewright
