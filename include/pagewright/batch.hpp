// SPDX-License-Identifier: MIT
// Translate many addresses in one call.
//
// A walk waits for memory at every level, and what it costs beyond that is small. So there are two ways to be faster than
// one walk after the other. Addresses that lie near the one before share its path: the tables passed last are kept, and a
// walk begins at the level where the address differs. Addresses from all over the place share nothing, but their walks can
// wait at the same time: a group of them goes down level by level together, without a branch that depends on an entry of
// one of them. Both take only what is ordinary (walk_plan); whatever is not is left to the walk of that address alone,
// from the root. So the results are those of single walks, always.
#pragma once

#include "planned.hpp"

namespace pagewright {

/// Where an input address leads, in one word: an output address, or why there is none. The marks are the highest values:
/// an output address among the last eight of 2^64 (only formats with 64 output bits can have one) counts as too wide.
class destination {
 public:
  constexpr destination() noexcept = default;  // absent
  constexpr destination(output_address a) noexcept : word_{a.value > last ? mark(fault_reason::too_wide) : a.value} {}
  constexpr destination(fault_reason why) noexcept : word_{mark(why)} {}

  constexpr auto has_value() const noexcept -> bool { return word_ <= last; }
  explicit constexpr operator bool() const noexcept { return has_value(); }
  /// Precondition: has_value().
  constexpr auto operator*() const noexcept -> output_address { return {word_}; }
  /// Precondition: !has_value().
  constexpr auto error() const noexcept -> fault_reason { return static_cast<fault_reason>(~word_); }
  friend constexpr auto operator==(destination, destination) -> bool = default;

 private:
  static constexpr u64 last = ~u64{8};
  static constexpr auto mark(fault_reason why) noexcept -> u64 { return ~u64{static_cast<u8>(why)}; }

  u64 word_ = mark(fault_reason::absent);
};

/// How the addresses of a batch lie. A wrong word costs time only.
enum class spread : u8 {
  unknown,    // look at some of them, again and again
  clustered,  // many share a leaf table with the one before: sorted, or a few neighbourhoods one after the other
  scattered,  // they do not
};

/// Where the walk of `at` alone ends. Complexity: that of walk.
template <handle H, readable_memory M>
constexpr auto translate(H h, root from, input_address at, M &&memory) -> destination {
  auto const found = walk(h, from, at, memory);
  return found ? destination{found->address} : destination{found.error().why};
}

/// What is ordinary in a format known at compile time.
template <format const &F>
inline constexpr walk_plan ordinary{F};

/// The plan of a handle that has one.
template <format const &F>
PAGEWRIGHT_INLINE constexpr auto plan_for(fixed<F>) noexcept -> walk_plan const & { return ordinary<F>; }
PAGEWRIGHT_INLINE constexpr auto plan_for(planned h) noexcept -> walk_plan const & { return *h.plan; }

template <class H>
concept has_plan = handle<H> && requires(H h) { plan_for(h); };

/// The walks of one batch. Users call `translate`.
template <has_plan H, readable_memory M>
class batch {
 public:
  static constexpr unsigned group = 16;  // walks that wait together: 8 overlap too little, 32 gain nothing

  constexpr batch(H h, root from, M &memory) noexcept
      : h_{h}, from_{from}, memory_{memory}, lowest_{h.top() + 1u} {}

  /// Is enough of the format ordinary? If not, every address must be walked alone.
  static constexpr auto applies(H h) noexcept -> bool { return !may_cut_short(h) && h->output_bits < 64; }

  constexpr auto alone(input_address at) -> destination { return translate(h_, from_, at, memory_); }

  /// Up to `groups` groups of addresses from `at` on. Returns how many, and stops before one in which anything is out of the
  /// ordinary; results from there on mean nothing. The tables of a group are found before the leaves of the group before
  /// are looked at, so that memory that can prefetch has the time.
  PAGEWRIGHT_INLINE constexpr auto together(input_address const *at, destination *to, std::size_t groups) -> std::size_t {
    u64  tables[2][group]{};
    bool good = groups != 0 && find_tables(at, tables[0]);
    for (std::size_t n = 0;; ++n, at += group, to += group) {
      if (!good) return n;
      good = n + 1 < groups && find_tables(at + group, tables[(n + 1) % 2]);
      if (!find_leaves(at, to, tables[n % 2])) return n;
    }
  }

  /// One address, from the lowest table it shares with the one before.
  PAGEWRIGHT_INLINE constexpr auto near(input_address at) -> destination {
    u64 const differs = at.value ^ last_;
    if (lowest_ == 0 && h_.top() != 0 && differs >> reach_lg2(h_, 0u) == 0) {  // most often
      u64         odd = 0;
      auto const &p   = plan().at(0);
      u64 const   entry = load(p, tables_[0], at.value, odd);
      auto const  l     = leaf_of(p, entry, at.value);
      return (odd | l.odd) == 0 ? destination{output_address{l.address}} : alone(at);
    }
    unsigned start = lowest_;
    while (start < h_.top() && differs >> reach_lg2(h_, start) != 0) ++start;
    if (start >= h_.top()) {
      if (!plan().is_inside(at.value)) return fault_reason::outside_input;
      start = h_.top(), tables_[start] = from_.table.value;
    }
    last_ = at.value;
    destination result{};
    bool        sure = false;
    h_.descend([&](auto level) PAGEWRIGHT_INLINE -> bool {
      if (level > start) return false;
      lowest_ = level;
      u64         odd   = 0;
      auto const &p     = plan().at(level);
      u64 const   entry = load(p, tables_[level], at.value, odd);
      if (odd != 0) return true;
      if (level != 0 && p.usual_table(entry)) {
        u64 const next = p.table(entry);
        if (next > limit()) return true;
        tables_[h_.below(level)] = next;
        return false;
      }
      auto const l = leaf_of(p, entry, at.value);
      sure = l.odd == 0;
      if (sure) result = output_address{l.address};
      return true;
    });
    return sure ? result : alone(at);
  }

 private:
  static constexpr bool copied = requires { requires std::remove_cv_t<M>::cheap_to_copy; };
  using kept = std::conditional_t<copied, std::remove_cv_t<M>, M &>;

  struct found {
    u64 address;
    u64 odd;  // not 0: no leaf, or an extraordinary one
  };

  PAGEWRIGHT_INLINE constexpr auto plan() const noexcept -> walk_plan const & { return plan_for(h_); }
  PAGEWRIGHT_INLINE constexpr auto limit() const noexcept -> u64 { return below(h_->output_bits); }

  /// The leaf tables of a group. False if anything was out of the ordinary.
  PAGEWRIGHT_INLINE constexpr auto find_tables(input_address const *at, u64 (&table)[group]) -> bool {
    u64 odd = 0;  // not 0: something is
    for (unsigned i = 0; i < group; ++i) table[i] = from_.table.value, odd |= beyond(at[i].value);
    if (odd != 0) return false;
    h_.descend([&](auto level) PAGEWRIGHT_INLINE -> bool {
      if (level == 0) return true;
      auto const &p = plan().at(level);
      // All look before the next level loads, by one branch: nothing is loaded from where no table is known to be.
      for (unsigned i = 0; i < group; ++i) {
        u64 const entry = load(p, table[i], at[i].value, odd);
        table[i] = p.table(entry);
        odd |= ((entry & p.usual_table.mask) ^ p.usual_table.value) | (table[i] & ~limit());
      }
      return odd != 0;
    });
    if constexpr (requires(M &m, output_address a) { m.prefetch(a); })
      if (odd == 0)
        for (unsigned i = 0; i < group; ++i) memory_.prefetch(slot_in(plan().at(0), table[i], at[i].value));
    return odd == 0;
  }
  PAGEWRIGHT_INLINE constexpr auto find_leaves(input_address const *at, destination *to, u64 const (&table)[group]) -> bool {
    u64 odd = 0;
    for (unsigned i = 0; i < group; ++i) {
      u64 const  entry = load(plan().at(0), table[i], at[i].value, odd);
      auto const l     = leaf_of(plan().at(0), entry, at[i].value);
      to[i] = output_address{l.address}, odd |= l.odd;
    }
    return odd == 0;
  }

  /// Not 0: `at` is outside the input range, as in_extent tells it by comparisons.
  PAGEWRIGHT_INLINE constexpr auto beyond(u64 at) const noexcept -> u64 {
    unsigned const bits = h_->input_bits();
    if (bits >= 64) return 0;
    u64 const upper = below(h_->input_width - h_->tag_bits) & ~below(bits), never_set = at & ~below(h_->input_width);
    u64 const sign  = ~u64{0} * (at >> (bits - 1) & 1);
    u64 const must  = h_->upper == extent::zero ? 0 : h_->upper == extent::ones ? ~u64{0} : sign;
    return ((at ^ must) & upper) | never_set;
  }

  PAGEWRIGHT_INLINE static constexpr auto slot_in(walk_plan::level_plan const &p, u64 table, u64 at) noexcept -> output_address {
    return {table + ((at >> p.shift & p.index_mask) << p.stride_lg2) + p.offset};
  }
  /// The slot of `at` in `table`. Where it cannot be read, `odd` is set.
  PAGEWRIGHT_INLINE constexpr auto load(walk_plan::level_plan const &p, u64 table, u64 at, u64 &odd) -> u64 {
    auto const loaded = memory_.load(slot_in(p, table, at), h_->word());
    if constexpr (!always_readable<M>) {
      if (!loaded) return odd = 1, 0;
    }
    return *loaded;
  }

  /// Where the leaf `entry` leads.
  PAGEWRIGHT_INLINE constexpr auto leaf_of(walk_plan::level_plan const &p, u64 entry, u64 at) const noexcept -> found {
    found f{0, 1};
    bool  open = true;  // no shape before recognised it
    for (unsigned n = 0; n < p.leaves; ++n) {
      auto const &l       = p.leaf[n];
      bool const  is      = l.is(entry);
      u64 const   address = l.address(entry) & ~below(p.shift), into = below(l.lg2);
      u64 const   odd     = (address & ~limit()) | u64{plan().is_unusual(l, entry)};
      f    = open && is ? found{(address & ~into) | (at & into), odd} : f;
      open = open && !is;
    }
    f.odd |= u64{p.absent(entry)} | u64{p.points(entry)};
    return f;
  }

  H        h_;
  root     from_;
  kept     memory_;  // by value where that is cheap: no result written could have changed it
  u64      last_ = 0, tables_[max_depth]{};
  unsigned lowest_;  // the tables from here up to the root's are those of `last_`
};

/// Do most of these addresses share a leaf table with the one before? Looks at eight pairs. Precondition: at least two.
template <handle H>
constexpr auto is_clustered(H h, view<input_address const> addresses) noexcept -> bool {
  std::size_t const pairs = addresses.size() - 1, looks = pairs < 8 ? pairs : 8;
  std::size_t       shared = 0;
  for (std::size_t n = 0; n < looks; ++n) {
    std::size_t const i = pairs * n / looks;
    shared += (addresses[i].value ^ addresses[i + 1].value) <= below(reach_lg2(h, 0));
  }
  return 2 * shared > looks;
}

/// Translates `addresses`, each into the result of the same number: always what a walk of that address alone says. Does as
/// many as there are of both. Pure: changes nothing, sets no accessed bits. A table that changes meanwhile is seen as of
/// some moment during the call. A model of memory may have `prefetch(address)`, which must not fault: the slot there, in a
/// table that was found, is about to be loaded. With `dynamic`, and where tables can be cut short or levels skipped, every
/// address is walked alone; `planned` is the way to be fast with a format known at run time. No heap; below 1 KiB of stack.
/// Complexity: at most one load per level and address where all is ordinary, and twice as many where it is not.
template <handle H, readable_memory M>
constexpr void translate(H h, root from, view<input_address const> addresses, view<destination> results, M &&memory,
                         spread lie = spread::unknown) {
  std::size_t const count = addresses.size() < results.size() ? addresses.size() : results.size();
  std::size_t       done  = 0;
  if constexpr (has_plan<H>) {
    using walks = batch<H, std::remove_reference_t<M>>;
    if (walks::applies(h)) {
      constexpr std::size_t block = 16 * walks::group;  // looked at together, so that a change is noticed
      walks                 w{h, from, memory};
      std::size_t           wait = 0, patience = 1;  // groups to be walked alone
      while (done < count) {
        std::size_t const n   = count - done < block ? count - done : block, end = done + n;
        bool const        near = lie == spread::clustered ||
                          (lie == spread::unknown && n > 1 && is_clustered(h, {addresses.first + done, n}));
        if (near) {
          for (; done < end; ++done) results[done] = w.near(addresses[done]);
          continue;
        }
        while (end - done >= walks::group) {
          if (wait == 0) {
            auto const good = w.together(addresses.first + done, results.first + done, (end - done) / walks::group);
            if (good != 0) patience = 1, done += good * walks::group;
            if (end - done < walks::group) break;
            // Large leaves or faults: more of them are likely, and a group that fails is lost work.
            wait = patience + 1;
            if (patience < 16) patience *= 2;
          }
          --wait;
          for (auto const to = done + walks::group; done < to; ++done) results[done] = w.alone(addresses[done]);
        }
        for (; done < end; ++done) results[done] = w.alone(addresses[done]);
      }
    }
  }
  for (; done < count; ++done) results[done] = translate(h, from, addresses[done], memory);
}

}  // namespace pagewright
