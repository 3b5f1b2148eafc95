// SPDX-License-Identifier: MIT
// The baselines: page tables as a careful kernel author writes them for one format, without this library. Everything is
// a few straight loops over arrays of u64; the checks are those the library promises (range, width, occupied slots,
// enough frames before the first store). `limit` is the same without any check, stores that may be vectorised even where
// hardware could be looking.
//
// Nothing here includes or calls the library, and the results of both sides are checked by `reference_walk` below.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#include "arena.hpp"

namespace by_hand {

using bench::arena;
using u64 = std::uint64_t;

// --- formats ----------------------------------------------------------------------------------------------------

/// x86-64, 4 levels, 52-bit physical addresses.
struct x86_64 {
  static constexpr int levels = 4;
  static constexpr u64 rw     = u64{1} << 63 | 0x63;  // XD D A RW P
  static constexpr u64 ro     = u64{1} << 63 | 0x61;
  static constexpr u64 rights = u64{1} << 63 | 0x06;  // the bits that `protect` replaces
  static constexpr u64 grants = 0x06;                 // and those a table entry must have set for rw below it
  static constexpr u64 frame  = 0x000f'ffff'ffff'f000;
  static constexpr u64 widest = u64{1} << 52;

  static auto valid_input(u64 va) -> bool { return (va + (u64{1} << 47)) >> 48 == 0; }
  static auto present(u64 e) -> bool { return (e & 1) != 0; }
  static auto is_table(int level, u64 e) -> bool { return level != 0 && (e & 0x81) == 1; }
  static auto address(u64 e) -> u64 { return e & frame; }
  static auto table(u64 pa) -> u64 { return pa | 7; }
  static auto leaf(int level, u64 pa, u64 flags) -> u64 { return pa | flags | (level != 0 ? 0x80 : 0); }
  static constexpr auto step(int level) -> u64 { return u64{1} << (12 + 9 * level); }
  static auto bad_table(int level, u64 e) -> bool { return level == 3 && (e & 0x80) != 0; }
  static auto bad_leaf(int level, u64 e) -> bool { return level != 0 && (e & 0x1f'e000) != 0; }
};

/// Arm VMSAv8-64 stage 1: 4-Kbyte granule, 48-bit input and output addresses, lower half.
struct arm64_4k {
  static constexpr int levels = 4;
  static constexpr u64 rw     = u64{3} << 53 | 0xf03;  // UXN PXN, nG AF SH=inner AttrIndx=0 page
  static constexpr u64 ro     = rw | 0x80;             // AP[2]
  static constexpr u64 rights = u64{3} << 53 | 0xc0;
  static constexpr u64 grants = 0;
  static constexpr u64 frame  = 0x0000'ffff'ffff'f000;
  static constexpr u64 widest = u64{1} << 48;

  static auto valid_input(u64 va) -> bool { return va >> 48 == 0; }
  static auto present(u64 e) -> bool { return (e & 1) != 0; }
  static auto is_table(int level, u64 e) -> bool { return level != 0 && (e & 3) == 3; }
  static auto address(u64 e) -> u64 { return e & frame; }
  static auto table(u64 pa) -> u64 { return pa | 3; }
  static auto leaf(int level, u64 pa, u64 flags) -> u64 { return pa | (level != 0 ? flags & ~u64{2} : flags); }
  static constexpr auto step(int level) -> u64 { return u64{1} << (12 + 9 * level); }
  static auto bad_table(int, u64) -> bool { return false; }
  static auto bad_leaf(int level, u64 e) -> bool { return level == 0 ? (e & 2) == 0 : level == 3; }
};

/// RISC-V Sv39.
struct sv39 {
  static constexpr int levels = 3;
  static constexpr u64 rw     = 0xc7;  // D A W R V
  static constexpr u64 ro     = 0xc3;
  static constexpr u64 rights = 0x1e;
  static constexpr u64 grants = 0;
  static constexpr u64 frame  = 0x003f'ffff'ffff'fc00;
  static constexpr u64 widest = u64{1} << 56;

  static auto valid_input(u64 va) -> bool { return (va + (u64{1} << 38)) >> 39 == 0; }
  static auto present(u64 e) -> bool { return (e & 1) != 0; }
  static auto is_table(int level, u64 e) -> bool { return level != 0 && (e & 0xf) == 1; }
  static auto address(u64 e) -> u64 { return (e & frame) << 2; }
  static auto table(u64 pa) -> u64 { return pa >> 2 | 1; }
  static auto leaf(int, u64 pa, u64 flags) -> u64 { return pa >> 2 | flags; }
  static constexpr auto step(int level) -> u64 { return u64{1} << (10 + 9 * level); }
  static auto bad_table(int, u64 e) -> bool { return (e & 0xffc0'0000'0000'00d0) != 0; }
  static auto bad_leaf(int level, u64 e) -> bool {
    return (e & 6) == 4 || (e >> 54 & 0x7f) != 0 || (e >> 61 & 3) == 3 || (level != 0 && (address(e) & ((u64{1} << (12 + 9 * level)) - 1)) != 0) ||
           (e >> 63 != 0 && (level != 0 || (e >> 10 & 0xf) != 8));
  }
};

// --- the walker both sides are checked against -----------------------------------------------------------------

struct found {
  u64 pa, entry;
  int level;
};

/// Where `va` leads, slowly and plainly.
template <class A>
auto reference_walk(arena const &a, u64 va) -> std::optional<found> {
  if (!A::valid_input(va)) return std::nullopt;
  u64 table = arena::root;
  for (int level = A::levels - 1; level >= 0; --level) {
    int const shift = 12 + 9 * level;
    u64 const e     = a.table(table)[va >> shift & 511];
    if (!A::present(e)) return std::nullopt;
    if (level != 0 && A::is_table(level, e)) {
      table = A::address(e);
      continue;
    }
    u64 const offset = (u64{1} << shift) - 1;
    return found{(A::address(e) & ~offset) | (va & offset), e, level};
  }
  return std::nullopt;
}

// --- small things -------------------------------------------------------------------------------------------------

enum class outcome { done, misaligned, outside, too_wide, occupied, withheld, would_split, no_frames };

/// A store hardware may be watching: one instruction, never torn, never merged. The same for a load.
inline void put(u64 &slot, u64 e) { __atomic_store_n(&slot, e, __ATOMIC_RELEASE); }
inline auto get(u64 const &slot) -> u64 { return __atomic_load_n(&slot, __ATOMIC_RELAXED); }

constexpr auto reach(int level) -> u64 { return (u64{1} << (12 + 9 * level)) - 1; }  // of one slot, less 1
constexpr auto slot_of(int level, u64 va) -> u64 { return va >> (12 + 9 * level) & 511; }
constexpr auto least(u64 a, u64 b) -> u64 { return a < b ? a : b; }

/// What must be invalidated, and the tables that must wait for it.
struct owed {
  u64 first = ~u64{0}, last = 0;
  int count = 0;
  struct {
    u64 table;
    int level;
  } tables[64];

  void note(u64 from, u64 to) {
    if (from < first) first = from;
    if (to > last) last = to;
  }
};

template <class A>
auto check_range(u64 va, u64 last) -> outcome {
  if (((va | ~last) & 0xfff) != 0) return outcome::misaligned;
  if (last < va || !A::valid_input(va) || !A::valid_input(last) || (va ^ last) >> 63 != 0) return outcome::outside;
  return outcome::done;
}

/// The leaf table for `va`; null if there is none, with `large` set if a larger leaf is in its place.
template <class A>
inline auto leaf_table(arena const &a, u64 va, bool &large) -> u64 * {
  u64 *t = a.table(arena::root);
#pragma GCC unroll 4
  for (int level = A::levels - 1; level > 0; --level) {
    u64 const e = get(t[slot_of(level, va)]);
    if (!A::present(e)) return nullptr;
    if (!A::is_table(level, e)) return large = true, nullptr;
    t = a.table(A::address(e));
  }
  return t;
}

// --- map ------------------------------------------------------------------------------------------------------------

/// Tables missing below an absent slot of `Level` for va..last, with leaves at `Leaf`.
template <int Level, int Leaf>
auto tables_for(u64 va, u64 last) -> u64 {
  u64 n = 0;
  for (int level = Level; level > Leaf; --level) n += (last >> (12 + 9 * level)) - (va >> (12 + 9 * level)) + 1;
  return n;
}

template <class A, int Level, int Leaf>
auto look(arena const &a, u64 const *t, u64 va, u64 last, u64 &need) -> outcome {
  if constexpr (Level == Leaf) {
    u64 any = 0;
    for (u64 i = slot_of(Level, va), end = slot_of(Level, last); i <= end; ++i) any |= t[i];
    return A::present(any) ? outcome::occupied : outcome::done;
  } else {
    for (;;) {
      u64 const end = least(va | reach(Level), last), e = t[slot_of(Level, va)];
      if (!A::present(e)) {
        need += tables_for<Level, Leaf>(va, end);
      } else {
        if (!A::is_table(Level, e)) return outcome::occupied;
        if ((e & A::grants) != A::grants) return outcome::withheld;
        auto const below = look<A, Level - 1, Leaf>(a, a.table(A::address(e)), va, end, need);
        if (below != outcome::done) return below;
      }
      if (end == last) return outcome::done;
      va = end + 1;
    }
  }
}

/// Into a table nobody sees yet, whose slots hold garbage.
template <class A, int Level, int Leaf>
void write_new(arena &a, u64 *t, u64 va, u64 last, u64 pa, u64 flags) {
  u64 const from = slot_of(Level, va), to = slot_of(Level, last);
  if (from != 0) std::memset(t, 0, from * 8);
  if (to != 511) std::memset(t + to + 1, 0, (511 - to) * 8);
  if constexpr (Level == Leaf) {
    u64 e = A::leaf(Level, pa, flags);
    for (u64 i = from; i <= to; ++i, e += A::step(Level)) t[i] = e;
  } else {
    for (u64 i = from; i <= to; ++i) {
      u64 const end = least(va | reach(Level), last), next = a.frames.take();
      write_new<A, Level - 1, Leaf>(a, a.table(next), va, end, pa, flags);
      t[i] = A::table(next);
      pa += end - va + 1, va = end + 1;
    }
  }
}

/// Into a table in use.
template <class A, int Level, int Leaf>
void write(arena &a, u64 *t, u64 va, u64 last, u64 pa, u64 flags) {
  u64 const from = slot_of(Level, va), to = slot_of(Level, last);
  if constexpr (Level == Leaf) {
    u64 e = A::leaf(Level, pa, flags);
    for (u64 i = from; i <= to; ++i, e += A::step(Level)) put(t[i], e);
  } else {
    for (u64 i = from; i <= to; ++i) {
      u64 const end = least(va | reach(Level), last), e = t[i];
      if (A::present(e)) {
        write<A, Level - 1, Leaf>(a, a.table(A::address(e)), va, end, pa, flags);
      } else {
        u64 const next = a.frames.take();
        write_new<A, Level - 1, Leaf>(a, a.table(next), va, end, pa, flags);
        put(t[i], A::table(next));
      }
      pa += end - va + 1, va = end + 1;
    }
  }
}

/// Maps va .. va + bytes - 1 with leaves of level `Leaf`. On failure nothing has changed.
template <class A, int Leaf>
auto map(arena &a, u64 va, u64 pa, u64 bytes, u64 flags) -> outcome {
  u64 const last = va + (bytes - 1);
  if (auto const ok = check_range<A>(va, last); ok != outcome::done) return ok;
  if (((va | pa | bytes) & reach(Leaf)) != 0) return outcome::misaligned;
  if (pa >= A::widest || bytes > A::widest - pa) return outcome::too_wide;

  // Most mappings are small and lie in one table that exists: one descent, then a look and a loop.
  if (bool large = false; Leaf == 0 && va >> 21 == last >> 21) {
    if (u64 *const t = leaf_table<A>(a, va, large)) {
      u64 need = 0;
      if (look<A, 0, 0>(a, t, va, last, need) != outcome::done) return outcome::occupied;
      write<A, 0, 0>(a, t, va, last, pa, flags);
      return outcome::done;
    }
    if (large) return outcome::occupied;
  }
  u64 need = 0;
  if (auto const ok = look<A, A::levels - 1, Leaf>(a, a.table(arena::root), va, last, need); ok != outcome::done) return ok;
  if (need > a.frames.left()) return outcome::no_frames;
  write<A, A::levels - 1, Leaf>(a, a.table(arena::root), va, last, pa, flags);
  return outcome::done;
}

// --- unmap ----------------------------------------------------------------------------------------------------------

/// Does a larger leaf reach beyond va..last at either end? Splitting is the library's business.
template <class A>
auto cut(arena const &a, u64 va, u64 last) -> bool {
  for (u64 const edge : {va, last}) {
    u64 const *t = a.table(arena::root);
    for (int level = A::levels - 1; level > 0; --level) {
      u64 const e = get(t[slot_of(level, edge)]);
      if (!A::present(e)) break;
      if (!A::is_table(level, e)) {
        if ((edge & ~reach(level)) < va || (edge | reach(level)) > last) return true;
        break;
      }
      t = a.table(A::address(e));
    }
  }
  return false;
}

template <class A, int Level>
void clear(arena &a, u64 *t, u64 va, u64 last) {
  u64 const from = slot_of(Level, va), to = slot_of(Level, last);
  if constexpr (Level == 0) {
    for (u64 i = from; i <= to; ++i) put(t[i], 0);
  } else {
    for (u64 i = from; i <= to; ++i) {
      u64 const end = least(va | reach(Level), last), e = t[i];
      if (A::present(e)) {
        if (A::is_table(Level, e)) clear<A, Level - 1>(a, a.table(A::address(e)), va, end);
        else put(t[i], 0);
      }
      va = end + 1;
    }
  }
}

/// Unmaps and keeps the tables.
template <class A>
auto unmap_keep(arena &a, u64 va, u64 bytes, owed &o) -> outcome {
  u64 const last = va + (bytes - 1);
  if (auto const ok = check_range<A>(va, last); ok != outcome::done) return ok;
  if (va >> 21 == last >> 21) {
    bool large = false;
    u64 *const t = leaf_table<A>(a, va, large);
    if (large) return outcome::would_split;
    if (t != nullptr) clear<A, 0>(a, t, va, last);
  } else {
    if (cut<A>(a, va, last)) return outcome::would_split;
    clear<A, A::levels - 1>(a, a.table(arena::root), va, last);
  }
  o.note(va, last);
  return outcome::done;
}

template <class A>
void free_below(arena &a, u64 table, int level) {
  if (level > 0) {
    u64 const *const t = a.table(table);
    for (int i = 0; i < 512; ++i)
      if (u64 const e = t[i]; A::present(e) && A::is_table(level, e)) {
        if (level == 1) a.frames.give(A::address(e));
        else free_below<A>(a, A::address(e), level - 1);
      }
  }
  a.frames.give(table);
}

/// There is nothing to invalidate with nobody using the tables; then the tables may go.
template <class A>
void settle(arena &a, owed &o) {
  for (int i = 0; i < o.count; ++i) free_below<A>(a, o.tables[i].table, o.tables[i].level);
  o.count = 0, o.first = ~u64{0}, o.last = 0;
}

template <class A, int Level>
void drop(arena &a, u64 *t, u64 va, u64 last, owed &o) {
  if constexpr (Level == 0) {
    clear<A, 0>(a, t, va, last);
  } else {
    for (u64 i = slot_of(Level, va), to = slot_of(Level, last); i <= to; ++i) {
      u64 const end = least(va | reach(Level), last), e = t[i];
      if (A::present(e)) {
        if (A::is_table(Level, e)) {
          u64 *const below = a.table(A::address(e));
          bool gone = (va & reach(Level)) == 0 && (~end & reach(Level)) == 0;
          if (!gone) {
            drop<A, Level - 1>(a, below, va, end, o);
            gone = true;
            for (int n = 0; n < 512; ++n)
              if (A::present(below[n])) { gone = false; break; }
          }
          if (gone) {
            put(t[i], 0);
            if (o.count == 64) settle<A>(a, o);
            o.tables[o.count].table = A::address(e);
            o.tables[o.count++].level = Level - 1;
          }
        } else {
          put(t[i], 0);
        }
      }
      va = end + 1;
    }
  }
}

/// Unmaps and releases what is left empty; a subtree covered whole is cut off by one store.
template <class A>
auto unmap_free(arena &a, u64 va, u64 bytes, owed &o) -> outcome {
  u64 const last = va + (bytes - 1);
  if (auto const ok = check_range<A>(va, last); ok != outcome::done) return ok;
  if (cut<A>(a, va, last)) return outcome::would_split;
  drop<A, A::levels - 1>(a, a.table(arena::root), va, last, o);
  o.note(va, last);
  return outcome::done;
}

// --- protect --------------------------------------------------------------------------------------------------------

template <class A, int Level>
void change(arena &a, u64 *t, u64 va, u64 last, u64 off, u64 on) {
  for (u64 i = slot_of(Level, va), to = slot_of(Level, last); i <= to; ++i) {
    u64 const e = get(t[i]);
    if constexpr (Level == 0) {
      if (A::present(e)) put(t[i], (e & ~off) | on);
    } else {
      u64 const end = least(va | reach(Level), last);
      if (A::present(e)) {
        if (A::is_table(Level, e)) change<A, Level - 1>(a, a.table(A::address(e)), va, end, off, on);
        else put(t[i], (e & ~off) | on);
      }
      va = end + 1;
    }
  }
}

template <class A>
auto protect(arena &a, u64 va, u64 bytes, u64 flags, owed &o) -> outcome {
  u64 const last = va + (bytes - 1);
  if (auto const ok = check_range<A>(va, last); ok != outcome::done) return ok;
  if (cut<A>(a, va, last)) return outcome::would_split;
  change<A, A::levels - 1>(a, a.table(arena::root), va, last, A::rights, flags & A::rights);
  o.note(va, last);
  return outcome::done;
}

// --- translate ------------------------------------------------------------------------------------------------------

inline constexpr u64 nowhere = ~u64{0};

/// Where `va` leads, or `nowhere`. Entries hardware would reject lead nowhere.
template <class A>
[[gnu::always_inline]] inline auto translate(char const *base, u64 va) -> u64 {
  if (!A::valid_input(va)) return nowhere;
  u64 table = arena::root;
#pragma GCC unroll 4
  for (int level = A::levels - 1; level > 0; --level) {
    u64 const e = get(reinterpret_cast<u64 const *>(base + table)[slot_of(level, va)]);
    if (!A::present(e)) return nowhere;
    if (!A::is_table(level, e)) {
      if (level == 3 || A::bad_leaf(level, e)) return nowhere;
      return (A::address(e) & ~reach(level)) | (va & reach(level));
    }
    if (A::bad_table(level, e)) return nowhere;
    table = A::address(e);
  }
  u64 const e = get(reinterpret_cast<u64 const *>(base + table)[slot_of(0, va)]);
  if (!A::present(e) || A::bad_leaf(0, e)) return nowhere;
  return A::address(e) | (va & 0xfff);
}

// --- sweep ----------------------------------------------------------------------------------------------------------

/// Neighbouring leaves that continue each other and say the same, as one.
struct extent {
  u64 first, last, pa, flags;
  int level;
  u64 above;  // what the tables on the way allow, in the bits of a leaf
};

template <class A, class Emit>
struct sweeper {
  arena const &a;
  Emit         emit;
  extent       open{};
  u64          expect = 0;  // the entry that continues `open`; 0: none

  void flush() {
    if (expect != 0) emit(open);
    expect = 0;
  }

  template <int Level>
  void leaf(u64 e, u64 va, u64 above) {
    if (e == expect && va == open.last + 1 && open.level == Level && open.above == above) {
      open.last = va | reach(Level);
    } else {
      flush();
      open = {va, va | reach(Level), A::address(e) & ~reach(Level), e & ~A::frame, Level, above};
    }
    expect = e + A::step(Level);
  }

  template <int Level>
  void table(u64 const *t, u64 va, u64 last, u64 above) {
    for (;;) {
      u64       end = least(va | reach(Level), last);
      u64 const e   = get(t[slot_of(Level, va)]);
      if (A::present(e)) {
        if constexpr (Level == 0) {
          if (!A::bad_leaf(0, e)) {
            leaf<0>(e, va & ~reach(0), above);
            // Neighbours in one table share everything else: only the entry itself is left to compare.
            u64 const *p = t + slot_of(0, va) + 1, *const stop = t + slot_of(0, last) + 1, *const from = p;
            u64 want = expect;
            while (p != stop && get(*p) == want) ++p, want += A::step(0);
            expect = want, end += static_cast<u64>(p - from) << 12;
            open.last = end;
          }
        } else if (A::is_table(Level, e)) {
          if (!A::bad_table(Level, e)) table<Level - 1>(a.table(A::address(e)), va, end, above & e);
        } else if (Level < 3 && !A::bad_leaf(Level, e)) {
          leaf<Level>(e, va & ~reach(Level), above);
        }
      }
      if (end == last) return;
      va = end + 1;
    }
  }
};

/// Calls `emit` with every merged extent of va..last.
template <class A, class Emit>
void sweep(arena const &a, u64 va, u64 last, Emit emit) {
  sweeper<A, Emit &> s{a, emit};
  s.template table<A::levels - 1>(a.table(arena::root), va, last, A::grants);
  s.flush();
}

// --- limits ---------------------------------------------------------------------------------------------------------

/// What is left when nothing is checked and nobody watches.
namespace limit {

template <class A, int Leaf>
void map(arena &a, u64 va, u64 pa, u64 bytes, u64 flags) {
  u64 const last = va + (bytes - 1);
  u64      *t    = a.table(arena::root);
  if (Leaf == 0 && va >> 21 == last >> 21) {
    bool large = false;
    if (u64 *const leaves = leaf_table<A>(a, va, large)) {
      u64 e = A::leaf(0, pa, flags);
      for (u64 i = slot_of(0, va), to = slot_of(0, last); i <= to; ++i, e += A::step(0)) leaves[i] = e;
      return;
    }
  }
  write<A, A::levels - 1, Leaf>(a, t, va, last, pa, flags);
}

/// Calls `body(slots, count)` for the part of each leaf table that va..last covers. All tables must be there.
template <class A, class Body>
void each_table(arena &a, u64 va, u64 last, Body body) {
  for (;;) {
    u64 const end = least(va | reach(1), last);
    u64      *t   = a.table(arena::root);
#pragma GCC unroll 4
    for (int level = A::levels - 1; level > 0; --level) t = a.table(A::address(t[slot_of(level, va)]));
    body(t + slot_of(0, va), slot_of(0, end) - slot_of(0, va) + 1);
    if (end == last) return;
    va = end + 1;
  }
}

template <class A>
void unmap_keep(arena &a, u64 va, u64 bytes) {
  each_table<A>(a, va, va + (bytes - 1), [](u64 *t, u64 n) { std::memset(t, 0, n * 8); });
}

template <class A>
void protect(arena &a, u64 va, u64 bytes, u64 flags) {
  u64 const on = flags & A::rights;
  each_table<A>(a, va, va + (bytes - 1), [on](u64 *t, u64 n) {
    for (u64 i = 0; i < n; ++i) t[i] = (t[i] & ~A::rights) | on;
  });
}

template <class A>
[[gnu::always_inline]] inline auto translate(char const *base, u64 va) -> u64 {
  u64 table = arena::root;
#pragma GCC unroll 4
  for (int level = A::levels - 1; level > 0; --level)
    table = A::address(reinterpret_cast<u64 const *>(base + table)[slot_of(level, va)]);
  return A::address(reinterpret_cast<u64 const *>(base + table)[slot_of(0, va)]) | (va & 0xfff);
}

/// Reads every leaf entry once.
template <class A>
auto sweep(arena &a, u64 va, u64 last) -> u64 {
  u64 sum = 0;
  each_table<A>(a, va, last, [&sum](u64 const *t, u64 n) {
    for (u64 i = 0; i < n; ++i) sum += t[i];
  });
  return sum;
}

}  // namespace limit
}  // namespace by_hand
