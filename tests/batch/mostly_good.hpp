// SPDX-License-Identifier: MIT
// Tables that are good but for one entry in so many, and addresses to look up in them.
#pragma once

#include <algorithm>
#include <set>
#include <vector>

#include <pagewright/batch.hpp>

#include "../oracle/dice.hpp"

namespace batches {

using namespace pagewright;

/// Memory whose every slot holds a table entry, or at level 0 a page; one in `odd` holds something else: absent, a large
/// leaf, one that is not accessed, garbage, no memory at all. Bits 22:20 of a table's address say its level. It notes what
/// is loaded.
class mostly_good {
 public:
  mostly_good(format const &f, u64 odd, u64 seed) : f_{&f}, odd_{odd}, seed_{seed} {
    dynamic const h{f_};
    for (unsigned level = 0; level < f.depth; ++level)
      h.any_form(level, [&](auto shape) {
        for (bool const accessed : {true, false})
          for (auto const may : {rights::kernel_rw, rights::readers, rights::all}) {
            auto const bits = encode_attributes(h, shape, {.allow = least_rights(h, may).value_or(may), .type = f.types[0],
                                                           .accessed = accessed});
            if (bits.flaw == inexpressible::no) pages_[level].push_back({shape.index, bits.entry, accessed});
          }
        return false;
      });
  }

  auto top() const -> root { return {{u64{f_->depth - 1u} << 20}}; }

  auto load(output_address a, word w) const -> std::optional<u64> {
    ++loads;
    if (remember) seen.insert(a.value);
    oracle::dice   d{a.value * 0x9e3779b97f4a7c15 ^ seed_};
    unsigned const level = static_cast<unsigned>(a.value >> 20 & 7) % f_->depth;
    if (odd_ != 0 && d.below(odd_) == 0) return odd_one(d, level, w);
    return (level == 0 ? page(d, level, true) : table(d, level)) & below(8u * w.bytes);
  }

  bool                  remember = false;
  mutable u64           loads = 0;
  mutable std::set<u64> seen;

 private:
  struct seed_of_page {
    unsigned form;
    u64      entry;
    bool     accessed;
  };

  auto table(oracle::dice &d, unsigned level) const -> u64 {
    dynamic const h{f_};
    u64 const to = (d.word() & below(f_->output_bits) & ~below(24)) | u64{level - 1} << 20;
    return encode_table(h, level, {to & reachable(table_address_of(h, level))});
  }
  auto page(oracle::dice &d, unsigned level, bool accessed) const -> u64 {
    dynamic const h{f_};
    auto const &all = pages_[level];
    if (all.empty()) return vacant_of(h, level);
    auto const &one = all[d.below(all.size())];
    if (accessed && !one.accessed && f_->unaccessed_faults) return page(d, level, accessed);
    auto const &f = f_->forms[one.form];
    return one.entry | (encode_address(h, level, f, {d.word() & below(f_->output_bits)}) & ~occupied(f.type));
  }
  auto odd_one(oracle::dice &d, unsigned level, word w) const -> std::optional<u64> {
    dynamic const h{f_};
    switch (d.below(7)) {
      case 0: return std::nullopt;
      case 1: return vacant_of(h, level);
      case 2: return page(d, level, false) & below(8u * w.bytes);
      case 3: return d.word() & below(8u * w.bytes);
      case 4: {  // absent for hardware, but not empty, or what a GPU calls sparse
        auto const &one = f_->levels[level];
        auto const  m   = one.sparse == never ? absent_of(h, level) : one.sparse;
        return ((d.word() & ~m.mask) | m.value) & below(8u * w.bytes);
      }
      case 5:     // past levels, or to a part of a table
        if (level != 0) {
          u64 entry = table(d, level);
          if (f_->next_level.width != 0) entry = (entry & ~f_->next_level.mask()) | f_->next_level.scatter(d.below(level + 1u));
          for (auto const &b : f_->table_bounds) entry = (entry & ~b.limit.mask()) | (d.word() & b.limit.mask());
          return entry & below(8u * w.bytes);
        }
        [[fallthrough]];
      default:
        return ((level == 0 ? page(d, level, true) : table(d, level)) ^ bit(d.below(8u * w.bytes))) & below(8u * w.bytes);
    }
  }

  format const             *f_;
  u64                       odd_, seed_;
  std::vector<seed_of_page> pages_[max_depth];
};

enum class lie { anywhere, sorted, neighbours, repeated, outside, mixed };
inline constexpr lie lies[]{lie::anywhere, lie::sorted, lie::neighbours, lie::repeated, lie::outside, lie::mixed};

constexpr auto text(lie l) -> char const * {
  switch (l) {
    case lie::anywhere:   return "anywhere";
    case lie::sorted:     return "sorted";
    case lie::neighbours: return "neighbours";
    case lie::repeated:   return "repeated";
    case lie::outside:    return "outside";
    case lie::mixed:      return "mixed";
  }
  return "?";
}

/// `n` addresses, with tags where hardware does not look at them.
inline auto addresses(format const &f, lie how, std::size_t n, u64 seed) -> std::vector<input_address> {
  oracle::dice  d{seed};
  dynamic const h{&f};
  auto const    tagged = [&](u64 at) {
    return f.tag_bits == 0 ? at : at ^ (d.word() & ~below(f.input_width - f.tag_bits) & below(f.input_width));
  };
  std::vector<input_address> all;
  u64 at = d.word();
  while (all.size() < n) {
    lie const now = how == lie::mixed ? lies[all.size() / 48 % 5] : how;
    switch (now) {
      case lie::neighbours: at = d.below(9) == 0 ? at ^ bit(d.below(64)) : at + (d.word() & below(f.levels[0].shift + 2u)); break;
      case lie::repeated:   at = d.below(3) == 0 ? d.word() : at; break;
      default:              at = d.word(); break;
    }
    all.push_back({now == lie::outside && d.below(3) == 0 ? at : tagged(extended(h, at))});
  }
  if (how == lie::sorted) std::sort(all.begin(), all.end());
  return all;
}

}  // namespace batches
