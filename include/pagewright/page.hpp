// SPDX-License-Identifier: MIT
// Pages and frames of one size as types, ranges of them that know the non-canonical hole, and operations on exactly one
// leaf of exactly that size.
#pragma once

#include "space.hpp"

namespace pagewright {

/// `Address` aligned to 2^Lg2 and standing for the 2^Lg2 bytes from there.
template <class Address, unsigned Lg2>
class block {
 public:
  static constexpr unsigned lg2 = Lg2;
  static constexpr u64 bytes = bit(Lg2);

  constexpr block() noexcept = default;

  /// The block that begins at `a`; nothing if none does.
  static constexpr auto at(Address a) noexcept -> std::optional<block> {
    if (!is_aligned(a.value, Lg2)) return std::nullopt;
    return block{a.value};
  }
  /// The block that `a` lies in.
  static constexpr auto containing(Address a) noexcept -> block { return block{a.value & ~below(Lg2)}; }

  constexpr auto first() const noexcept -> Address { return {start_}; }
  constexpr auto last() const noexcept -> Address { return {start_ | below(Lg2)}; }

  /// The block `n` further up; nothing past the end of the 64-bit space.
  constexpr auto after(u64 n) const noexcept -> std::optional<block> {
    if (n > (~u64{0} - start_) >> Lg2) return std::nullopt;
    return block{start_ + (n << Lg2)};
  }
  /// The block `n` further down; nothing before address 0.
  constexpr auto before(u64 n) const noexcept -> std::optional<block> {
    if (n > start_ >> Lg2) return std::nullopt;
    return block{start_ - (n << Lg2)};
  }
  /// How many blocks `from` lies below this. Precondition: it does not lie above.
  constexpr auto operator-(block from) const noexcept -> u64 { return (start_ - from.start_) >> Lg2; }

  friend constexpr auto operator<=>(block, block) = default;

 private:
  explicit constexpr block(u64 start) noexcept : start_{start} {}

  u64 start_ = 0;
};

template <unsigned Lg2>
using page = block<input_address, Lg2>;
template <unsigned Lg2>
using frame = block<output_address, Lg2>;

using page_4k = page<12>;
using page_2m = page<21>;
using page_1g = page<30>;
using frame_4k = frame<12>;
using frame_2m = frame<21>;
using frame_1g = frame<30>;

/// All addresses of a page, as a range.
template <unsigned Lg2>
constexpr auto range_of(page<Lg2> p) noexcept -> range {
  return {p.first(), p.last()};
}

/// Blocks `first`..`last`, both included, so that the very last one of the space is no special case. Made by `pages` it
/// steps over the addresses that a format does not translate.
template <class Address, unsigned Lg2>
class block_range {
 public:
  using value_type = block<Address, Lg2>;

  /// `first`..`last`; nothing if `last` lies below `first`.
  static constexpr auto between(value_type first, value_type last) noexcept -> std::optional<block_range> {
    if (last < first) return std::nullopt;
    return block_range{first, last, {}, {}};
  }

  constexpr auto first() const noexcept -> value_type { return first_; }
  constexpr auto last() const noexcept -> value_type { return last_; }
  /// The number of blocks, without those in the hole.
  constexpr auto size() const noexcept -> u64 { return last_ - first_ + 1 - (crosses() ? resume_ - pause_ - 1 : 0); }

  struct past_last {};  // a sentinel of its own: <iterator> is more than a kernel has

  /// Points into the range it came from.
  class iterator {
   public:
    using value_type = block<Address, Lg2>;
    using difference_type = std::ptrdiff_t;

    constexpr iterator() noexcept = default;
    explicit constexpr iterator(block_range const *in) noexcept : in_{in}, here_{in->first_} {}
    constexpr auto operator*() const noexcept -> value_type { return here_; }
    constexpr auto operator++() noexcept -> iterator & {
      if (here_ == in_->last_) done_ = true;
      else if (in_->crosses() && here_ == in_->pause_) here_ = in_->resume_;
      else here_ = *here_.after(1);
      return *this;
    }
    constexpr auto operator++(int) noexcept -> iterator {
      auto const was = *this;
      ++*this;
      return was;
    }
    friend constexpr auto operator==(iterator const &a, past_last) noexcept -> bool { return a.done_; }
    friend constexpr auto operator==(iterator const &, iterator const &) noexcept -> bool = default;

   private:
    block_range const *in_ = nullptr;
    value_type         here_{};
    bool               done_ = false;
  };
  constexpr auto begin() const noexcept -> iterator { return iterator{this}; }
  constexpr auto end() const noexcept -> past_last { return {}; }

 private:
  template <unsigned N, handle H>
  friend constexpr auto pages(H h, range over) noexcept -> std::optional<block_range<input_address, N>>;

  constexpr block_range(value_type first, value_type last, value_type pause, value_type resume) noexcept
      : first_{first}, last_{last}, pause_{pause}, resume_{resume} {}
  constexpr auto crosses() const noexcept -> bool { return pause_ != resume_ && first_ <= pause_ && resume_ <= last_; }

  value_type first_, last_;
  value_type pause_, resume_;  // the blocks before and after the hole; the same where there is none
};

template <unsigned Lg2>
using page_range = block_range<input_address, Lg2>;
template <unsigned Lg2>
using frame_range = block_range<output_address, Lg2>;

/// The pages of 2^Lg2 bytes that `over` touches and format `h` translates, ascending; nothing if there are none.
template <unsigned Lg2, handle H>
constexpr auto pages(H h, range over) noexcept -> std::optional<block_range<input_address, Lg2>> {
  using page_type = page<Lg2>;
  auto const whole = translated_ranges(h);
  std::optional<page_type> first, last, pause, resume;
  for (unsigned i = 0; i < whole.count; ++i) {
    auto const &part = whole.part[i];
    auto const  from = over.first > part.first ? over.first : part.first, to = over.last < part.last ? over.last : part.last;
    if (to < from) continue;
    if (first) pause = last, resume = page_type::containing(from);
    else first = page_type::containing(from);
    last = page_type::containing(to);
  }
  if (!first) return std::nullopt;
  if (!pause) pause = resume = first;
  return block_range<input_address, Lg2>{*first, *last, *pause, *resume};
}

/// Has format `f` a leaf of 2^lg2 bytes?
constexpr auto has_leaf_of(format const &f, unsigned lg2) noexcept -> bool {
  for (unsigned level = 0; level < f.depth; ++level)
    for (u8 const n : f.levels[level].leaves)
      if (n < max_forms && f.forms[n].size_code == 0 && unsigned{f.levels[level].shift} + f.forms[n].run_lg2 == lg2) return true;
  return false;
}

// --- exactly one leaf ---------------------------------------------------------------------------------------------

/// Maps one page to one frame by a leaf of exactly that size. Errors: wrong_size if the format has none, or none that can
/// say `want` or lead there; as address_space::map.
template <class Space, unsigned Lg2, class Ledger>
[[nodiscard]] constexpr auto map(Space &space, page<Lg2> from, frame<Lg2> to, attributes const &want, Ledger &owed,
                                 parent_rights parents = {}) -> std::expected<void, error> {
  leaf_limits const exactly{.largest_lg2 = Lg2, .smallest_lg2 = Lg2};
  if (!has_leaf_of(space.format(), Lg2)) return std::unexpected{error{error_reason::wrong_size, from.first()}};
  return space.map(range_of(from), to.first(), want, owed, exactly, parents);
}

/// What is mapped at `from` if it is a leaf of just its size, whether marked accessed or not.
/// Errors: not_mapped, wrong_size, unreadable, outside_input; `entry` says what is there.
template <class Space, unsigned Lg2>
constexpr auto find(Space &space, page<Lg2> from) -> std::expected<leaf, error> {
  struct finder {
    std::expected<pagewright::leaf, error> found;

    constexpr void leaf(pagewright::leaf const &l) { found = l; }
    constexpr void hole(gap const &g) { miss(g, error_reason::not_mapped); }
    constexpr void reserved(gap const &g) { miss(g, error_reason::not_mapped); }
    constexpr void unreadable(gap const &g) { miss(g, error_reason::unreadable); }
    constexpr void miss(gap const &g, error_reason why) {
      found = std::unexpected{error{why, g.part.first, g.level, g.slot, g.entry}};
    }
  } look{std::unexpected{error{error_reason::outside_input, from.first()}}};
  sweep(space.format_handle(), space.top(), {from.first(), from.first()}, space.memory(), look);
  if (look.found && look.found->lg2 != Lg2) {
    auto const &l = *look.found;
    return std::unexpected{error{error_reason::wrong_size, l.input, l.level, l.slot, l.entry}};
  }
  return look.found;
}

/// Where a page leads. Errors: as `find`.
template <class Space, unsigned Lg2>
constexpr auto translate(Space &space, page<Lg2> from) -> std::expected<frame<Lg2>, error> {
  auto const found = find(space, from);
  if (!found) return std::unexpected{found.error()};
  return frame<Lg2>::containing(found->output);
}

/// Removes one page and returns what was there, with hardware's last marks. Tables left empty go to `owed` unless kept:
/// precondition as address_space::unmap.
/// Errors: as `find`.
template <class Space, unsigned Lg2, class Ledger>
[[nodiscard]] constexpr auto unmap(Space &space, page<Lg2> from, Ledger &owed, emptied empty = emptied::release)
    -> std::expected<leaf, error> {
  auto found = find(space, from);
  if (!found) return found;
  if (found->run_lg2 == 0) {
    auto const was = space.set_entry(from.first(), found->level, vacant_of(space.format_handle(), found->level), owed);
    if (!was) return std::unexpected{was.error()};
    found->entry = *was;
    with_form(dynamic{&space.format()}, found->level, *was, [&](auto f) {
      found->accessed = f->accessed(*was), found->dirty = f->dirty(*was);
    });
  }
  auto const done = found->run_lg2 != 0           ? space.unmap(range_of(from), owed, half_covered::refuse, empty)
                    : empty == emptied::release ? space.clean_up(range_of(from), owed)
                                                : std::expected<void, error>{};
  if (!done) return std::unexpected{done.error()};
  return found;
}

/// Gives one page all of `want`, where it leads and its marks excepted. Errors: as `find` and address_space::update.
template <class Space, unsigned Lg2, class Ledger>
[[nodiscard]] constexpr auto update(Space &space, page<Lg2> from, attributes const &want, Ledger &owed)
    -> std::expected<void, error> {
  auto const found = find(space, from);
  if (!found) return std::unexpected{found.error()};
  return space.update(range_of(from), want, owed, half_covered::refuse);
}

}  // namespace pagewright
