// SPDX-License-Identifier: MIT
// Millions of walks over random tables, by the library and by walkers written from the manuals: every field of every
// answer must be the same. The tables lie in a small arena and point at each other, so cycles, garbage and addresses
// where no memory is are as common as good mappings.
#pragma once

#include <array>
#include <cstdio>
#include <initializer_list>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <pagewright/walk.hpp>

#include "dice.hpp"
#include "plain_words.hpp"

namespace oracle::random_tables {

using namespace pagewright;

/// Some pages of memory at a physical address. `bytes` is what both sides read.
struct arena {
  u64             base;
  std::vector<u8> bytes;
  unsigned        width;   // of an entry

  auto inside(u64 a) const -> bool { return a >= base && a - base <= bytes.size() - width; }
  auto entry(u64 a) const -> u64 {
    u64 v = 0;
    for (unsigned i = width; i-- > 0;) v = v << 8 | bytes[a - base + i];
    return v;
  }
  void put(u64 at, u64 v) {
    for (unsigned i = 0; i < width; ++i) bytes[at + i] = static_cast<u8>(v >> (8 * i));
  }
};

/// What the plain walker read, in order.
struct reading {
  arena const                     *from;
  std::vector<std::pair<u64, u64>> seen;

  auto operator()(u64 a) -> std::optional<u64> {
    if (!from->inside(a)) return seen.emplace_back(a, 0), std::nullopt;
    return seen.emplace_back(a, from->entry(a)), seen.back().second;
  }
};

/// One machine: how the library describes it, how the plain walker does, and how its random entries look.
struct subject {
  std::string name, sections;
  format      description;
  unsigned    width = 8, page_lg2 = 12;
  unsigned    input_bits = 48;
  bool        signed_input = true, upper_half = false;
  unsigned    tag_bits = 0;                                   // ignored at the top of an address
  unsigned    base_bits = 40;                                 // the arena lies below this
  plain::answer (*plain_walk)(reading &, u64 root, u64 va, subject const &) = nullptr;
  u64 (*make)(dice &, arena const &, subject const &, bool root) = nullptr;
  plain::x86_machine   x86{};
  plain::arm64_machine arm64{};
  plain::riscv_machine riscv{};
  unsigned             levels = 4;
};

inline auto hex(u64 v) -> std::string {
  std::ostringstream s;
  s << "0x" << std::hex << v;
  return s.str();
}

/// Where the walk ended is the last entry the plain walker read; the first address of the leaf follows from its size.
inline auto same_place(std::expected<translation, fault> const &got, reading const &r, u64 va) -> bool {
  if (got) {
    u64 const offset = below(got->lg2);
    return got->slot.value == r.seen.back().first && got->entry == r.seen.back().second &&
           got->input.value == (va & ~offset) && got->output.value == (got->address.value & ~offset);
  }
  auto const &f = got.error();
  if (f.input.value != va) return false;
  return r.seen.empty() ? f.slot.value == 0 && f.entry == 0
                        : f.slot.value == r.seen.back().first && f.entry == r.seen.back().second;
}

struct tally {
  u64 walks = 0, unpredictable = 0, differences = 0;
  std::array<u64, 7>  by_reason{};
  std::array<u64, 65> by_size{};
};

template <class H>
void compare(H h, char const *handle_name, subject const &s, arena &a, u64 root, u64 va, reading const &r,
             plain::answer const &expected, tally &t) {
  auto const got = walk(h, pagewright::root{{root}}, {va}, byte_memory{a.bytes, {a.base}});
  auto const answer = plain::in_plain_words(got);
  if (plain::same(answer, expected) && same_place(got, r, va)) return;
  if (++t.differences > 5) return;                            // the first few tell the story
  std::ostringstream tables;
  for (auto const &[at, entry] : r.seen)
    tables << "    " << hex(at) << ": " << (a.inside(at) ? hex(entry) : std::string{"no memory"}) << '\n';
  ADD_FAILURE() << s.name << " (" << handle_name << "), address " << hex(va) << ", root " << hex(root) << '\n'
                << "  manual:   " << show(expected) << "  [" << s.sections << "]\n"
                << "  library:  " << show(answer) << ", slot " << hex(got ? got->slot.value : got.error().slot.value)
                << " entry " << hex(got ? got->entry : got.error().entry) << '\n'
                << "  tables:\n" << tables.str();
}

/// An address with every index random: mostly translatable, sometimes not.
inline auto some_address(dice &d, subject const &s) -> u64 {
  u64 const v = d.word();
  if (d.one_in(32)) return v;
  if (d.one_in(64)) return v & below(s.input_bits + 1 > 63 ? 63 : s.input_bits + 1);   // just outside, every other time
  u64 low = v & below(s.input_bits);
  bool const high = s.signed_input ? s.input_bits < 64 && (low >> (s.input_bits - 1) & 1) != 0 : s.upper_half;
  if (high) low |= ~below(s.input_bits);
  if (s.tag_bits != 0) low = (low & below(64 - s.tag_bits)) | (d.word() << (64 - s.tag_bits));
  return low;
}

/// Random tables for `s`, and `walks` walks over them by the plain walker and by every handle given.
template <class... H>
void examine(subject const &s, u64 walks, dice &d, tally &t, H... handles) {
  unsigned const pages = 8;
  u64 const      page  = bit(s.page_lg2);
  u64 const      per_arena = pages * page / s.width;
  for (u64 done = 0; done < walks && t.differences < 5;) {
    u64 const base_page = d.one_in(4) ? 0 : d.word() & below(s.base_bits) & ~(pages * page - 1);
    arena a{base_page, std::vector<u8>(pages * page), s.width};
    for (u64 at = 0; at < a.bytes.size(); at += s.width) a.put(at, s.make(d, a, s, at < page));
    u64 const root = a.base;
    for (u64 n = 0; n < per_arena && done < walks; ++n, ++done) {
      u64 const  va = some_address(d, s);
      reading    r{&a, {}};
      auto const expected = s.plain_walk(r, root, va, s);
      ++t.walks;
      ++t.by_reason[static_cast<unsigned>(expected.why)];
      if (expected.why == plain::reason::none) {
        // A contiguous group larger than the input space is UNPREDICTABLE (DDI 0487 D8.7.1).
        if (expected.lg2 > s.input_bits) {
          ++t.unpredictable;
          continue;
        }
        ++t.by_size[expected.lg2];
      }
      (compare(handles, H::is_fixed ? "fixed" : "dynamic", s, a, root, va, r, expected, t), ...);
    }
  }
}

inline void report(char const *family, tally const &t) {
  std::ostringstream s;
  s << family << ": " << t.walks << " walks, " << t.differences << " differences;";
  for (unsigned i = 0; i < t.by_reason.size(); ++i)
    if (t.by_reason[i] != 0)
      s << ' ' << (i == 0 ? "translated" : plain::text(static_cast<plain::reason>(i))) << ' ' << t.by_reason[i];
  s << "; leaves";
  for (unsigned i = 0; i < t.by_size.size(); ++i)
    if (t.by_size[i] != 0) s << " 2^" << i << ": " << t.by_size[i];
  if (t.unpredictable != 0) s << "; left out as UNPREDICTABLE " << t.unpredictable;
  std::printf("[  ORACLE  ] %s\n", s.str().c_str());
}

/// No difference, and enough of everything: one walk in `reasons` for each outcome, one in `leaves` for each size of leaf.
inline void expect_equal_and_varied(tally const &t, std::initializer_list<plain::reason> why, u64 reasons,
                                    std::initializer_list<unsigned> sizes, u64 leaves) {
  EXPECT_EQ(t.differences, 0u);
  for (auto const one : why)
    EXPECT_GT(t.by_reason[static_cast<unsigned>(one)], t.walks / reasons)
        << "the random tables hardly ever give: " << plain::text(one);
  for (unsigned const lg2 : sizes) EXPECT_GT(t.by_size[lg2], t.walks / leaves) << "hardly any leaf of 2^" << lg2;
}

}  // namespace oracle::random_tables
