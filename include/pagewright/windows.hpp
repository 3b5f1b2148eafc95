// SPDX-License-Identifier: MIT
// Reaching tables where physical memory is not all mapped: through the tables themselves, or through one page that is
// pointed anew for each table.
#pragma once

#include "encode.hpp"
#include "memory.hpp"

namespace pagewright {

/// Do a root's slot and every entry below it look alike as table and as leaf, so that a root can be its own page? All
/// tables must be as large as a granule.
constexpr auto can_map_itself(format const &f) noexcept -> bool {
  dynamic const h{&f};
  for (unsigned level = 0; level < f.depth; ++level)
    if (table_lg2(h, level) != f.levels[0].shift || f.levels[level].slot_offset != 0) return false;
  u64 const page  = ones(0, f.output_bits) & ~below(f.levels[0].shift);
  u64 const entry = f.depth > 1 ? encode_table(h, 1u, {page}) : 0;
  bool leads = false;
  with_single_form(h, 0u, [&](auto shape) {
    leads = f.depth > 1 && kind_of(h, 0u, entry) == entry_kind::leaf && leaf_base(h, 0u, shape, entry).value == page &&
            !(f.unaccessed_faults && !shape->accessed(entry));  // a table entry carries no mark
  });
  return leads;
}

/// The recursive slot: slot `index` of the root leads to the root, so that every table appears as a page at an address that
/// follows from what it translates. `entry(root)` goes into that slot (address_space::set_entry).
/// A table that is not linked yet, or was cut off, appears nowhere: those who build need a scratch_page or a direct map.
/// Keep emptied tables then, and do not sweep through the window itself: it is a cycle.
template <handle H>
class self_map {
 public:
  /// Precondition: can_map_itself, and index < the slots of the root.
  constexpr self_map(H h, u64 index) noexcept : h_{h}, index_{index} {}

  /// What the root's slot `index` holds.
  constexpr auto entry(output_address root) const noexcept -> u64 { return encode_table(h_, h_.top(), root); }

  /// Where the slot of `level` that `at` selects appears. The table itself begins at the granule that lies in.
  constexpr auto slot(input_address at, unsigned level) const noexcept -> input_address {
    unsigned const top = h_->depth - 1u, granule = h_->levels[0].shift;
    u64 address = at.value;
    for (unsigned n = 0; n <= level; ++n) {
      u64 const in_part = address & below(h_->input_bits());
      address = (in_part >> (granule - stride_lg2(h_, 0u))) | (index_ << h_->levels[top].shift);
    }
    return {extended(h_, address & ~below(stride_lg2(h_, 0u)))};
  }
  constexpr auto table(input_address at, unsigned level) const noexcept -> input_address {
    return {slot(at, level).value & ~below(h_->levels[0].shift)};
  }
  /// All addresses of the window.
  constexpr auto window() const noexcept -> range {
    unsigned const lg2 = h_->levels[h_->depth - 1u].shift;
    u64 const first = extended(h_, index_ << lg2);
    return {{first}, {first | below(lg2)}};
  }

 private:
  H   h_;
  u64 index_;
};

/// Memory for one `walk` of the active tables through their recursive slot: `walk(h, root, at, self_mapped{map, at})`. Each
/// load is one level further down. Precondition: the tables are those the CPU uses now.
template <handle H>
class self_mapped {
 public:
  constexpr self_mapped(self_map<H> map, H h, input_address at) noexcept : map_{map}, at_{at}, level_{h->depth} {}

  auto load(output_address, word w) noexcept -> std::optional<u64> {
    auto const slot = map_.slot(at_, --level_);
    return mapped_memory<at_offset>{at_offset{0}}.load({slot.value}, w);
  }

 private:
  self_map<H>   map_;
  input_address at_;
  unsigned      level_;
};

/// One page of virtual addresses that is made to show whatever frame is asked for: `mapped_memory{scratch_page{...}}` then
/// reaches all memory, with one store and one local invalidation for every change of frame.
/// Not for use from several CPUs or contexts at once.
template <handle H, class Invalidate>
class scratch_page {
 public:
  /// `page`: where the page is; `slot`: its leaf entry, mapped; `bits`: a leaf of a page that may be written, without its
  /// address (encode_attributes); `invalidate(page)`: drops what this CPU has cached for it, after an absent entry and
  /// before the new one. Precondition: nobody else uses the slot; its format's entries have 8 bytes and native order.
  scratch_page(H h, void *page, u64 *slot, u64 bits, Invalidate invalidate) noexcept
      : h_{h}, page_{page}, slot_{slot}, bits_{bits}, invalidate_{invalidate} {}

  /// It shows one granule at a time.
  auto piece_lg2() const noexcept -> unsigned { return h_->levels[0].shift; }

  auto operator()(output_address a) const noexcept -> void * {
    u64 const offset = below(h_->levels[0].shift), shows = a.value & ~offset;
    if (shows != shows_) {
      __atomic_store_n(slot_, vacant_of(h_, 0u), __ATOMIC_RELEASE);
      invalidate_(page_);
      with_single_form(h_, 0u, [&](auto f) {
        __atomic_store_n(slot_, bits_ | encode_address(h_, 0u, f, {shows}), __ATOMIC_SEQ_CST);
      });
      invalidate_(page_);  // absence may be cached, and the walker may not have seen the store
      shows_ = shows;
    }
    return static_cast<char *>(page_) + (a.value & offset);
  }

 private:
  H            h_;
  void        *page_;
  u64         *slot_;
  u64          bits_;
  Invalidate   invalidate_;
  mutable u64  shows_ = ~u64{0};
};

}  // namespace pagewright
