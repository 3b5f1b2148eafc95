// SPDX-License-Identifier: MIT
// Tables written by hand, and rows kept for inspection.
#pragma once

#include <optional>
#include <vector>

#include <inspect/dump.hpp>
#include <pagewright/formats/x86.hpp>

namespace pagewright::forged {

inline constexpr u64 p = x86::p, w = x86::rw, u = x86::us, ps = x86::ps, nx = x86::xd, a = x86::a, d = x86::d, g = x86::g;
inline constexpr u64 any = p | w | u;                        // a table entry that takes no right away

/// Memory from 0 on, so many pages long. Page 0 is left alone: the root is page 1.
struct tables {
  explicit tables(std::size_t pages) : bytes(pages << 12) {}

  void put(u64 table, u64 index, u64 entry) {
    byte_memory{bytes, {0}}.store({(table << 12) + index * 8}, {8, byte_order::little}, entry);
  }
  /// Links `next` into slots `first`..`last` of `table`; all three are page numbers or indices.
  void link(u64 table, u64 first, u64 last, u64 next, u64 bits = any) {
    for (u64 i = first; i <= last; ++i) put(table, i, next << 12 | bits);
  }
  [[nodiscard]] auto memory() { return byte_memory{bytes, {0}}; }

  std::vector<u8> bytes;
};

inline auto x86_machine(format const &f = x86::x86_64_4level) -> inspect::machine {
  inspect::machine m;
  m.arch = "x86_64";
  m.mode = "forged";
  m.views.push_back({"CR3", f, {{0x1000}, 0}});
  return m;
}

/// Everything a dump says.
struct kept {
  std::vector<inspect::mapped_row>  rows;
  std::vector<inspect::blocked_row> blocks;
  std::vector<std::string>          views;
  inspect::dump_totals              totals;

  void begin(inspect::view const &v) { views.push_back(v.label); }
  void mapped(inspect::mapped_row const &r) { rows.push_back(r); }
  void blocked(inspect::blocked_row const &b) { blocks.push_back(b); }
};

inline auto dumped(tables &t, inspect::dump_options const &o = {}, inspect::machine const &m = x86_machine()) -> kept {
  kept k;
  auto const memory = t.memory();
  k.totals = inspect::dump(m, memory, o, k);
  return k;
}

inline auto merged_by(inspect::merging how) -> inspect::dump_options {
  inspect::dump_options o;
  o.merge = how;
  return o;
}

/// How far `at` lies inside one of the repetitions of something at `first`, `bytes` long; nothing if it does not.
inline auto offset_in(u64 first, u64 bytes, inspect::repetitions const &r, u64 at) -> std::optional<u64> {
  if (at < first) return std::nullopt;
  u64        rest = at - first;
  auto const all  = r.settled();
  for (unsigned i = 0; i < all.depth; ++i) {
    auto const n = rest / all.part[i].stride < all.part[i].count ? rest / all.part[i].stride : all.part[i].count - 1;
    rest -= n * all.part[i].stride;
  }
  return rest < bytes ? std::optional{rest} : std::nullopt;
}

}  // namespace pagewright::forged
