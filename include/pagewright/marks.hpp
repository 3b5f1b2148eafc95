// SPDX-License-Identifier: MIT
// The words of harvest.hpp: what is asked for and told of accessed and dirty marks, and how an entry loses them.
#pragma once

#include <expected>

#include "duty.hpp"

namespace pagewright {

enum class marks : u8 { none, accessed, dirty, both };

constexpr auto operator|(marks a, marks b) noexcept -> marks { return static_cast<marks>(unsigned(a) | unsigned(b)); }
constexpr auto operator&(marks a, marks b) noexcept -> marks { return static_cast<marks>(unsigned(a) & unsigned(b)); }
constexpr auto operator|=(marks &a, marks b) noexcept -> marks & { return a = a | b; }

constexpr auto text(marks m) noexcept -> char const * {
  switch (m) {
    case marks::none:     return "none";
    case marks::accessed: return "accessed";
    case marks::dirty:    return "dirty";
    case marks::both:     return "accessed and dirty";
  }
  return "?";
}

/// What to look for, and what becomes of it.
struct harvest_request {
  marks look  = marks::dirty;  // leaves with any of these are told
  marks clear = marks::none;   // and lose these, which are told too
  /// Pass over tables not marked accessed, where the format's table entries have that mark and skip no levels.
  /// Precondition: hardware alone set the marks in the range, in tables and leaves (software may set both beforehand, but
  /// not the leaf's alone), and whoever cleared a table's did it as `clear_tables` does.
  bool skip_untouched = false;
  /// Clear the accessed marks of table entries as well, where the range covers all below them: only with `look` and
  /// `clear` both, for a mark left below would not be found again. Their caches are flushed at once, for each 64 tables.
  bool clear_tables = false;
  /// Is a leaf owed an invalidation if it lost its accessed mark alone?
  bool owe_accessed = true;
};

/// Neighbouring leaves with the same marks, or the part of a leaf that lies in the range.
struct marked_extent {
  range input;
  marks seen;  // of those asked for

  friend constexpr auto operator==(marked_extent const &, marked_extent const &) -> bool = default;
};

/// What a harvest came across.
struct harvest_count {
  u64 leaves  = 0;  // told
  u64 cleared = 0;  // entries changed, table entries included
  u64 kept    = 0;  // leaves told whose marks stay: they reach beyond the range
};

enum class harvest_failure : u8 {
  no_mark,        // no leaf of the format has one of the marks asked for
  not_clearable,  // taking a mark away would make something else of the entry, or owe break-before-make
  left_below,     // clear_tables without looking for and clearing both marks
  outside_input,  // the range ends before it begins
  unreadable,     // no memory where a table should be
};

constexpr auto text(harvest_failure f) noexcept -> char const * {
  switch (f) {
    case harvest_failure::no_mark:       return "the format has no such mark";
    case harvest_failure::not_clearable: return "a mark that cannot be cleared by itself";
    case harvest_failure::left_below:    return "marks would be left below tables not marked accessed";
    case harvest_failure::outside_input: return "outside the input range";
    case harvest_failure::unreadable:    return "unreadable";
  }
  return "?";
}

/// `at`: where it is unreadable, or the range's first address.
struct harvest_error {
  harvest_failure why;
  input_address   at{};
};

namespace harvesting {

/// The marks of a leaf's entry, of shape `f`.
template <class Form>
PAGEWRIGHT_INLINE constexpr auto marks_of(Form const &f, u64 entry) noexcept -> marks {
  return (f->accessed(entry) ? marks::accessed : marks::none) | (f->dirty(entry) ? marks::dirty : marks::none);
}

/// A dirty leaf of shape `f` made clean, and as writable as before. Where the mark is more than a bit of its own (Arm: the write
/// permission beside DBM) the row that grants writing says what a clean leaf looks like.
template <class Form>
PAGEWRIGHT_INLINE constexpr auto cleaned(Form const &f, u64 entry) noexcept -> u64 {
  if (is_single_bit(f->dirty.mask)) return entry ^ f->dirty.mask;
  u64 now = entry;
  each(f->grants, [&](grant const &row) PAGEWRIGHT_INLINE {
    if ((row.bits() & f->dirty.mask) != 0) now = (now & ~f->dirty.mask) | (row.on & f->dirty.mask);
  });
  return now;
}

/// `entry`, of shape `f`, without the marks `which`.
template <class Form>
PAGEWRIGHT_INLINE constexpr auto without(Form const &f, u64 entry, marks which) noexcept -> u64 {
  if ((which & marks::accessed) != marks::none && f->accessed(entry)) entry ^= f->accessed.mask;
  if ((which & marks::dirty) != marks::none && f->dirty(entry)) entry = cleaned(f, entry);
  return entry;
}

/// Can the marks `which` be taken from a leaf of shape `f` so that it stays what it is, without break-before-make?
template <handle H, class L, class Form>
constexpr auto can_clear(H h, L level, Form const &f, marks which) noexcept -> bool {
  u64 fixed = absent_of(h, level).mask | h->levels[level].table.mask | f->is.mask | f->zero | occupied(f->address), bits = 0;
  if ((which & marks::accessed) != marks::none && f->accessed != never) {
    if (!is_single_bit(f->accessed.mask)) return false;
    bits |= f->accessed.mask;
  }
  if ((which & marks::dirty) != marks::none && f->dirty != never) {
    if (f->dirty(cleaned(f, f->dirty.value))) return false;
    bits |= f->dirty.mask;
  }
  return (bits & fixed) == 0 && !must_break(h, f, bits);
}

}  // namespace harvesting

/// An observer that sets one bit for each page of 2^page_lg2 bytes, from `first` on, that has any of the marks `which`. Bit n of
/// the map is bit n % 64 of word n / 64. Bits are only ever set; pages beyond the map are dropped and remembered.
class mark_bitmap {
 public:
  /// Precondition: `first` is aligned to the page; `words` outlive this.
  constexpr mark_bitmap(input_address first, u8 page_lg2, view<u64> words, marks which = marks::both) noexcept
      : first_{first.value}, words_{words}, page_lg2_{page_lg2}, which_{which} {}

  constexpr void operator()(marked_extent const &e) noexcept {
    if ((e.seen & which_) == marks::none) return;
    u64 const pages = u64{words_.size()} * 64;
    if (e.input.last.value < first_ || pages == 0) return void(overflowed_ = true);
    u64 from = e.input.first.value < first_ ? 0 : (e.input.first.value - first_) >> page_lg2_;
    u64 to   = (e.input.last.value - first_) >> page_lg2_;
    overflowed_ |= e.input.first.value < first_ || to >= pages;
    if (to >= pages) to = pages - 1;
    while (from <= to) {
      u64 const left = 64 - from % 64, n = to - from + 1 < left ? to - from + 1 : left;
      words_[static_cast<std::size_t>(from / 64)] |= ones(static_cast<unsigned>(from % 64), static_cast<unsigned>(n));
      from += n;
    }
  }
  /// Was a page told that the map has no bit for?
  constexpr auto overflowed() const noexcept -> bool { return overflowed_; }

 private:
  u64       first_;
  view<u64> words_;
  u8        page_lg2_;
  marks     which_;
  bool      overflowed_ = false;
};

}  // namespace pagewright
