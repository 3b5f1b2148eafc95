// SPDX-License-Identifier: MIT
// What tables map, as lines of text for a serial console or a debugger, without heap, locale or standard I/O.
#pragma once

#include "sweep.hpp"

namespace pagewright {

/// Where text goes: called with neighbouring characters, any number of times.
template <class P>
concept text_sink = requires(P &put, char const *text, std::size_t n) { put(text, n); };

namespace printing {

template <text_sink P>
constexpr void string(P &put, char const *text) {
  std::size_t n = 0;
  while (text[n] != 0) ++n;
  put(text, n);
}

template <text_sink P>
constexpr void hex(P &put, u64 value, unsigned digits = 16) {
  char text[18]{'0', 'x'};
  for (unsigned i = 0; i < digits; ++i) text[2 + i] = "0123456789abcdef"[value >> (4 * (digits - 1 - i)) & 0xf];
  put(static_cast<char const *>(text), digits + 2);
}

/// 4096 as "4K", 2097152 as "2M".
template <text_sink P>
constexpr void size(P &put, unsigned lg2) {
  char     text[5]{};
  unsigned n = 0, value = 1u << lg2 % 10;
  for (unsigned place = 1000; place != 0; place /= 10)
    if (value >= place) text[n++] = static_cast<char>('0' + value / place % 10);
  text[n++] = "BKMGTPE"[lg2 / 10];
  put(static_cast<char const *>(text), n);
}

}  // namespace printing

/// Prints one line for each part of `over` that is mapped alike and leads on in memory, in ascending order:
///
///   0xffffffff81000000-0xffffffff811fffff -> 0x0000000001000000  2M  r-x/---  WB  G A D
///
/// rights are effective ones, kernel and user; G global, A accessed, D dirty, S shared. What hardware rejects and what
/// cannot be read gets a line too. Complexity: that of sweep.
template <handle H, readable_memory M, text_sink P>
constexpr void print(H h, root from, M &&memory, P &&put, range over = everything) {
  auto const extent = [&](range r) {
    printing::hex(put, r.first.value);
    printing::string(put, "-");
    printing::hex(put, r.last.value);
  };
  auto const line = [&](merged_extent const &e) {
    auto const may = text(e.first.effective);
    extent(e.input);
    printing::string(put, " -> ");
    printing::hex(put, e.output.value);
    printing::string(put, "  ");
    printing::size(put, e.first.lg2);
    printing::string(put, "  ");
    printing::string(put, may.kernel);
    printing::string(put, "/");
    printing::string(put, may.user);
    printing::string(put, "  ");
    printing::string(put, text(e.first.type));
    if (e.first.global) printing::string(put, " G");
    if (e.first.accessed) printing::string(put, " A");
    if (e.first.dirty) printing::string(put, " D");
    if (e.first.shared) printing::string(put, " S");
    printing::string(put, "\n");
  };
  merger merged{follows_in_memory, line};

  struct all_of_it {
    decltype(merged)       &into;
    decltype(extent) const &say;
    P                      &put;

    constexpr void leaf(pagewright::leaf const &l) { into.leaf(l); }
    constexpr void reserved(gap const &g) { bad(g, "reserved"); }
    constexpr void unreadable(gap const &g) { bad(g, "unreadable"); }
    constexpr void bad(gap const &g, char const *what) {
      into.flush();
      say(g.part);
      printing::string(put, "  ");
      printing::string(put, what);
      printing::string(put, " ");
      printing::hex(put, g.entry);
      printing::string(put, "\n");
    }
  } visitor{merged, extent, put};
  sweep(h, from, over, memory, visitor);
  merged.flush();
}

}  // namespace pagewright
