// SPDX-License-Identifier: MIT
// Both handles of one format, led through the same memory.
#pragma once

#include <gtest/gtest.h>

#include <pagewright/sweep.hpp>

namespace pagewright::golden {

/// Memory everywhere, which holds what tables of `f` might: entries that lead on, leaves, absent ones, and any of these
/// with some bits turned over. Bits 22:20 of a table's address say its level.
class plausible_memory {
 public:
  plausible_memory(format const &f, u64 seed) : f_{&f}, seed_{seed} {
    dynamic const h{f_};
    for (unsigned level = 0; level < f.depth; ++level) {
      auto &seeds = seeds_[level];
      seeds.push_back(vacant_of(h, level));
      h.any_form(level, [&](auto shape) {
        for (auto const may : {rights::kernel_rw, rights::readers, rights::all})
          for (auto const type : {f.types[0], memory_type::uc})
            if (auto const bits = encode_attributes(h, shape, {.allow = least_rights(h, may).value_or(may), .type = type});
                bits.flaw == inexpressible::no)
              seeds.push_back(bits.entry);
        return false;
      });
      if (level == 0) continue;
      auto const tables = 2 * seeds.size();
      for (u64 n = 0; n < tables; ++n) {
        u64 const to = (mix(seed + n) & below(f.output_bits) & ~below(24)) | u64{level - 1} << 20;
        u64 entry = encode_table(h, level, {to & reachable(table_address_of(h, level))});
        if (n % 4 == 1 && f.next_level.width != 0 && level > 1)  // past a level
          entry = (entry & ~f.next_level.mask()) | f.next_level.scatter(level - 1);
        if (n % 4 == 2)  // to a part of a table
          for (auto const &b : f.table_bounds) entry = (entry & ~b.limit.mask()) | (mix(n) & b.limit.mask());
        seeds.push_back(entry);
      }
    }
  }

  auto top() const -> root { return {{u64{f_->depth - 1u} << 20}}; }

  auto load(output_address a, word w) const -> std::optional<u64> {
    u64 const dice = mix(a.value ^ seed_);
    if (dice % 64 == 0) return std::nullopt;
    auto const &seeds = seeds_[(a.value >> 20 & 7) % f_->depth];
    u64 entry = seeds[dice / 64 % seeds.size()];
    for (unsigned flips = dice >> 60 == 0 ? 2 : dice >> 60 < 4 ? 1 : 0; flips != 0; --flips)
      entry ^= bit(static_cast<unsigned>(dice >> (40 + 6 * flips)) % (8u * w.bytes));
    return entry & below(8u * w.bytes);
  }

 private:
  static auto mix(u64 x) -> u64 {  // SplitMix64
    x += 0x9e37'79b9'7f4a'7c15;
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
    return x ^ x >> 31;
  }

  format const    *f_;
  u64              seed_;
  std::vector<u64> seeds_[max_depth];
};

/// What is told of a part of the input, word by word.
struct told {
  std::vector<u64> words;

  void add(leaf const &l) {
    words.insert(words.end(), {l.input.value, l.output.value, l.lg2, l.level, l.run_lg2, u64(l.own), u64(l.effective), u64(l.type),
                               l.global, l.accessed, l.dirty, l.shared, l.slot.value, l.entry});
  }
  void add(fault const &e) { words.insert(words.end(), {u64(e.why), e.level, e.input.value, e.slot.value, e.entry}); }
  void add(gap const &g) {
    words.insert(words.end(), {g.part.first.value, g.part.last.value, g.level, g.slot.value, g.entry, u64(g.why)});
  }
  void leaf(pagewright::leaf const &l) { add(l); }
  void hole(gap const &g) { add(g); }
  void reserved(gap const &g) { add(g); }
  void unreadable(gap const &g) { add(g); }
  auto enter(table_visit const &t) -> visit {
    words.insert(words.end(), {t.part.first.value, t.part.last.value, t.table.value, t.level, u64(t.above), t.global_above, t.slot.value});
    return visit::descend;
  }
};

template <class H>
auto told_by(H h, plausible_memory &memory, u64 at) -> told {
  told    all;
  root const from = memory.top();
  auto const t = walk(h, from, {at}, memory, [&](step const &s) {
    all.words.insert(all.words.end(), {s.level, s.table.value, s.index, s.slot.value, s.entry, u64(s.kind), u64(s.allowed)});
  });
  if (t) all.add(*t), all.words.push_back(t->address.value);
  else all.add(t.error());
  u64 const granule = bit(h->levels[0].shift), first = at & ~(granule - 1);
  if (first < ~u64{0} - 3 * granule) sweep(h, from, {{first}, {first + 3 * granule - 1}}, memory, all);
  return all;
}

/// Does `fixed<F>` tell of `walks` addresses what `dynamic` tells?
template <format const &F>
auto handles_agree(unsigned walks = 3000) -> testing::AssertionResult {
  plausible_memory memory{F, 42};
  unsigned translated = 0;
  u64      dice = 1;
  for (unsigned n = 0; n < walks; ++n) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    u64 const at = n % 8 == 0 ? dice : extended(dynamic{&F}, dice >> 3);
    auto const x = told_by(fixed<F>{}, memory, at), y = told_by(dynamic{&F}, memory, at);
    if (x.words != y.words) {
      auto failure = testing::AssertionFailure() << F.name << " at 0x" << std::hex << at << ": fixed and dynamic differ";
      for (std::size_t i = 0; i < std::max(x.words.size(), y.words.size()); ++i)
        failure << "\n  " << (i < x.words.size() ? x.words[i] : 0) << "\t" << (i < y.words.size() ? y.words[i] : 0);
      return failure;
    }
    translated += walk(dynamic{&F}, memory.top(), {at}, memory).has_value();
  }
  if (translated < walks / 20) return testing::AssertionFailure() << F.name << ": only " << translated << " walks translate";
  return testing::AssertionSuccess();
}

}  // namespace pagewright::golden
