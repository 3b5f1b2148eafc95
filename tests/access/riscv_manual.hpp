// SPDX-License-Identifier: MIT
// The first stage of a RISC-V hart's translation, written down from the privileged specification ("Virtual Address
// Translation Process") without this library: Sv39 to Sv57 with Svnapot and Svpbmt. The steps have its numbers.
#pragma once

#include <cstdint>

namespace riscv_manual {

struct state {
  int  levels;  // 3, 4, 5
  bool sum, mxr, svadu;
};
struct asked {
  bool write, fetch, user;
};
struct answer {
  bool          allowed;
  int           cause;
  std::uint64_t physical;
  std::uint64_t leaf;  // afterwards
};

inline auto answer_to(state const &s, asked const &q, std::uint64_t va, std::uint64_t const (&entries)[5]) -> answer {
  answer const page_fault{false, q.fetch ? 12 : q.write ? 15 : 13, 0, 0};
  int i = s.levels - 1;                                                                     // 1
  for (;;) {
    std::uint64_t const pte = entries[i];                                                   // 2
    bool const v = pte & 1, r = pte & 2, w = pte & 4, x = pte & 8, u = pte & 16, a = pte & 64, d = pte & 128;
    bool const n = pte >> 63 != 0;
    unsigned const pbmt = pte >> 61 & 3;
    std::uint64_t const ppn = pte >> 10 & 0xfff'ffff'ffff;
    if (!v || (!r && w) || (pte >> 54 & 0x7f) != 0) return page_fault;                      // 3
    if (!r && !x) {                                                                         // 4
      if (a || d || u || n || pbmt != 0) return page_fault;
      if (--i < 0) return page_fault;
      continue;
    }
    if (pbmt == 3) return page_fault;
    if (n && (i != 0 || (ppn & 15) != 8)) return page_fault;  // Svnapot
    if (i > 0 && (ppn & ((std::uint64_t{1} << (9 * i)) - 1)) != 0) return page_fault;       // 5: misaligned superpage
    if (q.user ? !u : u && (q.fetch || !s.sum)) return page_fault;                          // 6
    if (q.fetch ? !x : q.write ? !w : !r && !(s.mxr && x)) return page_fault;               // 8
    std::uint64_t leaf = pte;
    if (!a || (q.write && !d)) {                                                            // 9
      if (!s.svadu) return page_fault;
      leaf |= 64;
      if (q.write) leaf |= 128;
    }
    std::uint64_t const low = (std::uint64_t{1} << (n ? 16 : 12 + 9 * i)) - 1;              // 10
    return {true, 0, ((ppn << 12) & ~low) | (va & low), leaf};
  }
}

}  // namespace riscv_manual
