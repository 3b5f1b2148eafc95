// SPDX-License-Identifier: MIT
// The cases of a RISC-V hart's first stage: what the entries on the way may be, and who asks for what under which control
// bits. Drawn evenly, with weights where most combinations would say "reserved" and no more.
#pragma once

#include <pagewright/mmu/riscv.hpp>

#include "../access/one_of_each.hpp"
#include "riscv_forest.hpp"

namespace trial {

/// The `n`-th of a sequence of numbers that look drawn (splitmix64).
constexpr auto drawn(u64 n) -> u64 {
  n = (n + 1) * 0x9e3779b97f4a7c15;
  n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
  n = (n ^ n >> 27) * 0x94d049bb133111eb;
  return n ^ n >> 31;
}

/// The way of the `n`-th case, in tables of `levels`. `wide`: of 64-bit entries.
inline auto path_of(u64 n, unsigned levels, bool wide) -> path {
  namespace rv = pagewright::riscv;
  digits d{drawn(n)};
  path   p{};
  constexpr u64 rights[]{0, 1, 2, 3, 4, 5, 6, 7, 1, 3, 4, 5, 7, 7}, lows[]{0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0x400};
  p.leaf_level = static_cast<unsigned>(d.next(levels));
  p.leaf       = (d.next(16) != 0) | rights[d.next(14)] << 1 | d.next(64) << 4;  // V; R, W, X; U, G, A, D and software's
  p.low        = lows[d.next(12)];
  if (wide && d.next(3) == 0) {
    if (d.next(4) == 0) p.leaf |= rv::n, p.low = p.low == 0 ? 8 : p.low;
    constexpr u64 types[]{0, 0, 0, 0, 1, 2, 3}, reserved[]{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 16, 32, 64};
    p.leaf |= types[d.next(7)] << 61 | reserved[d.next(14)] << 54;
  }
  if (p.leaf_level + 1 < levels && d.next(5) == 0) {
    constexpr u64 odds[]{rv::v, rv::v, 0, rv::v | rv::u, rv::v | rv::a, rv::v | rv::d, rv::v | rv::g, rv::v | rv::rsw,
                         rv::v | rv::n, rv::v | u64{1} << 61, rv::v | u64{2} << 61, rv::v | u64{1} << 58, rv::v | u64{1} << 54};
    p.odd_level = p.leaf_level + 1 + static_cast<unsigned>(d.next(levels - 1 - p.leaf_level));
    u64 const i = d.next(wide ? 13 : 8);
    p.odd    = odds[i];
    p.detour = i == 0;
  }
  return p;
}

/// Where the tables map the program's `inside`, of which entries say that it is `moved` higher than it is: for the
/// supervisor, and a page further for the user. In every format that is in the root's first slots.
inline constexpr u64 inside_supervisor = 0x4000, inside_user = 0x5000;
inline auto inside_regions(u64 moved = 0) -> std::vector<region> {
  return {{inside_supervisor, machine::riscv::inside_at + moved, 4096, pagewright::rights::kernel_rx},
          {inside_user, machine::riscv::inside_at + moved, 4096, pagewright::rights::user_rx}};
}

/// One access, and the state it is made in.
struct question {
  machine::probe             probe;
  pagewright::access_request request;
  pagewright::riscv::mmu     mmu;
  u64                        root, number;
};

/// The `n`-th access, to `at`. `wide`: 64-bit addresses, of which some are not canonical.
inline auto question_of(u64 n, forest::place at, bool wide) -> question {
  using pagewright::access_kind;
  digits     d{drawn(~n)};
  question   q{};
  auto const kind = static_cast<access_kind>(d.next(3));
  q.request       = {.kind = kind, .user = d.flag()};
  q.mmu           = {.user_memory = d.flag(), .execute_as_read = d.flag()};
  q.root          = at.root, q.number = n;
  q.probe.kind    = static_cast<machine::probe_kind>(kind);
  q.probe.value   = wide ? drawn(n) : drawn(n) >> 32;
  bool const within = d.flag(), swap = d.flag() && kind == access_kind::write;
  q.probe.mode    = static_cast<machine::u8>((q.request.user ? machine::riscv::user : 0) | (within ? machine::riscv::within : 0) |
                                             (swap ? machine::riscv::swap : 0));
  q.probe.address = at.address + (kind == access_kind::fetch ? 0 : 16 + 8 * d.next(510));
  if (wide && d.next(24) == 0) q.probe.address ^= u64{1} << (d.flag() ? 63 : 57);
  return q;
}

}  // namespace trial
