// SPDX-License-Identifier: MIT
// The tables that are tried on emulated x86 processors: every bit of entries that decides, at each level, in combinations
// drawn evenly. What maps the probe program beside them is mapped by the library; the tried entries are composed here.
#pragma once

#include <stdexcept>
#include <vector>

#include <pagewright/mmu/x86.hpp>
#include <pagewright/pagewright.hpp>

#include "x86_machine.hpp"

namespace machine::x86 {

using pagewright::bit, pagewright::ones;

/// A mode of paging as far as the tests differ.
struct paging {
  char const *name;
  pagewright::x86::mode mode;
  unsigned levels, index_bits, entry_bytes;
  bool gigabyte_pages = true;

  auto wide() const -> bool { return levels >= 4; }
  auto shift(unsigned level) const -> unsigned { return 12 + index_bits * level; }
};

/// Numbers drawn from a seed: digits of a hash (splitmix64), and of its hash when they are used up.
class drawn {
 public:
  drawn(u64 a, u64 b, u64 c = 0, u64 d = 0) : left_{mixed(mixed(mixed(mixed(a) + b) + c) + d)} {}
  auto next(u64 radix) -> u64 {
    left_ = mixed(left_);
    return (left_ >> 20) % radix;
  }
  auto flag() -> bool { return next(2) != 0; }
  /// Bit `n`, but in one of `cases`.
  auto bit_unless(u64 cases, unsigned n) -> u64 { return u64{next(cases) != 0} << n; }

 private:
  static auto mixed(u64 x) -> u64 {
    x += 0x9e37'79b9'7f4a'7c15;
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
    return x ^ x >> 31;
  }
  u64 left_;
};

/// The guest's memory, or a copy of it: low memory, then what lies from `high_at` on.
struct guest_memory {
  u8 *here;
  u64 bytes;

  auto operator()(pagewright::output_address a) const -> void * {
    u64 const at = a.value < low_bytes ? a.value : a.value - high_at + low_bytes;
    return (a.value < low_bytes || a.value >= high_at) && at < bytes ? here + at : nullptr;
  }
  template <class T>
  auto at(u64 physical) const -> T & { return *static_cast<T *>((*this)({physical})); }
  auto has_high() const -> bool { return bytes > low_bytes; }
};

/// A leaf that is tried: the first address it maps and where its entry lies.
struct place {
  u64 address, slot;
};

class tried_tables {
 public:
  static constexpr unsigned most_roots = 16;

  /// Precondition: `memory` is empty. `physical_bits` is the processor's MAXPHYADDR; `seed` chooses the combinations.
  tried_tables(guest_memory memory, paging const &p, unsigned physical_bits, u64 seed)
      : memory_{memory}, paging_{p}, physical_bits_{physical_bits}, seed_{seed}, roots_(p.wide() ? 1 : most_roots) {
    fill_targets();
    for (auto &r : roots_) r.table = p.mode == pagewright::x86::mode::pae ? frame(32) : frame(4096);
    next_ = (next_ + 4095) & ~u64{4095};
    map_program();
    if (p.wide()) fill_wide();
    else if (p.levels == 3) fill_pae();
    else fill_32();
  }

  auto roots() const -> u64 { return roots_.size(); }
  auto root(u64 r) const -> u64 { return roots_[r].table; }
  auto end() const -> u64 { return next_; }  // of the tables, physically
  /// Leaves of one level, as seen from one root; empty where the mode has none.
  auto places(u64 r, unsigned level) const -> std::vector<place> const & {
    return roots_[r].own[level].empty() ? shared_[level] : roots_[r].own[level];
  }

 private:
  struct root_table {
    u64                table = 0;
    std::vector<place> own[3];
  };

  auto frame(u64 bytes) -> u64 { return (next_ += bytes) - bytes; }
  void put(u64 slot, u64 entry) {
    if (paging_.entry_bytes == 8) memory_.at<u64>(slot) = entry;
    else memory_.at<u32>(slot) = static_cast<u32>(entry);
  }
  auto slot(u64 table, u64 index) const -> u64 { return table + index * paging_.entry_bytes; }
  auto slots() const -> u64 { return bit(paging_.index_bits); }

  /// A page's code, descriptor and data: see x86_machine.hpp. The first page of either half is a page table of tried
  /// leaves: without CR4.PSE the entry of a 4-Mbyte page points there.
  void fill_targets() {
    for (u64 const base : {targets_at, high_at}) {
      if (base == high_at && !memory_.has_high()) continue;
      for (u64 page = base; page < base + target_bytes; page += 4096) {
        if (paging_.levels == 2 && (page - base) % (2 * MiB) == 0) {
          for (u64 i = 0; i < slots(); ++i) put(slot(page, i), leaf(0, drawn{seed_, page, i}));
          continue;
        }
        u64 const tag = (page >> 12 & 0xffff) | (base == high_at ? 0x80000u : 0);
        memory_.at<u64>(page + code_offset) = 0xb8 | tag << 8 | u64{0xe3ff} << 40;  // mov $tag, %eax; jmp *BX
        memory_.at<u64>(page + descriptor_offset) = (tag & 0xffff) | (tag >> 16) << 48 | u64{0xf3} << 40;  // data, DPL 3
        for (u64 at = page + data_offset; at < page + 4096; at += 8) memory_.at<u64>(at) = at ^ tag << 44;
      }
    }
  }

  /// The first 64 MiB for the supervisor; the page with the accesses for the user.
  void map_program() {
    using namespace pagewright;
    auto const f = pagewright::x86::format_of(paging_.mode, {.physical_bits = physical_bits_, .page_size_extensions = false});
    dynamic const h{&f};
    mapped_memory memory{memory_};
    bump_frames   frames{{tables_at}, tried_at - tables_at};
    not_in_use    cache;
    ledger        owed;
    u64 const     first = roots_[0].table;
    {
      address_space space{h, pagewright::root{{first}}, memory, frames, cache};
      auto const map = [&](u64 at, u64 to, u64 bytes, rights may) {
        if (!space.map({{at}, {at + bytes - 1}}, {to}, {.allow = *least_rights(h, may)}, owed))
          throw std::runtime_error{"the probe program cannot be mapped"};
      };
      map(0, 0, low_bytes, rights::kernel_rwx);
      map(alias_at, stub_at, 4096, rights::user_rx);
      space.settle(owed);
    }
    // Marked beforehand where it shares a table with what is compared; and in all roots.
    u64 const count = paging_.levels == 3 ? 4 : slots();
    for (u64 i = 0; i < count; ++i) {
      u64 const e = paging_.entry_bytes == 8 ? memory_.at<u64>(slot(first, i)) : memory_.at<u32>(slot(first, i));
      if (e == 0) continue;
      for (auto const &r : roots_) put(slot(r.table, i), paging_.levels == 3 ? e : e | bit(5));
    }
  }

  /// A leaf of `level`, leading to targets. Large ones lead to all.
  auto leaf(unsigned level, drawn d) -> u64 {
    bool const eight = paging_.entry_bytes == 8;
    u64 e = d.bit_unless(16, 0) | d.next(8) << 9;
    for (unsigned const n : {1u, 2u, 5u, 6u, 8u}) e |= d.bit_unless(2, n);
    if (level > 0) e |= bit(7);
    else if (d.flag()) e |= bit(7);                                         // PAT; no PS here
    if (level > 0 && eight && d.flag()) e |= bit(12);                       // PAT
    if (eight && d.next(4) == 0) e |= bit(63);
    if (paging_.wide()) e |= d.next(16) << 59 | d.next(128) << 52;          // the key; nothing
    bool const high = memory_.has_high() && d.next(4) == 0;
    u64 const  half = d.next(2) * 2 * MiB, page = (1 + d.next(511)) << 12;
    u64 const  base = high ? high_at : targets_at;
    if (level == 2) e |= high ? high_at : 0;
    else if (level == 1 && eight) e |= base + half;
    else if (level == 1) e |= high ? bit(13) : base;                        // PSE-36: address bit 32 in bit 13
    else e |= (!eight ? targets_at : base) + half + page;
    return d.next(16) == 0 ? e | reserved(level, true, d) : e;
  }
  /// A table entry. Where it varies, all its bits do.
  auto points_to(unsigned level, u64 table, bool varies, drawn d) -> u64 {
    if (!varies) return table | 7;
    u64 e = table | d.bit_unless(16, 0) | d.next(8) << 9;
    for (unsigned const n : {1u, 2u, 6u, 8u}) e |= d.bit_unless(n < 3 ? 3 : 2, n);
    if (paging_.entry_bytes == 8 && d.next(8) == 0) e |= bit(63);
    if (paging_.wide()) e |= d.next(2048) << 52;
    return d.next(16) == 0 ? e | reserved(level, false, d) : e;
  }
  /// A bit that must be zero.
  auto reserved(unsigned level, bool is_leaf, drawn &d) const -> u64 {
    u64 const m = physical_bits_;
    if (paging_.entry_bytes == 4) {                                         // SDM 5.3: with PSE-36, what lies above bits 20:13
      unsigned const most = m < 40 ? static_cast<unsigned>(m) : 40;
      return level == 1 && is_leaf ? bit(static_cast<unsigned>(most - 19 + d.next(41 - most))) : 0;
    }
    u64 const low = is_leaf && level > 0 ? (level == 1 ? 8 : 17) : 0, top = paging_.wide() ? 52 : 63;
    u64 const ps  = paging_.wide() && level >= 3;                           // there are no pages of these levels
    auto const n  = d.next(low + (top - m) + ps * 4);
    if (n < low) return bit(static_cast<unsigned>(13 + n));
    return n < low + top - m ? bit(static_cast<unsigned>(m + n - low)) : bit(7);
  }

  void leaves_at(unsigned level, u64 table, u64 address, u64 from, u64 count, std::vector<place> &to) {
    for (u64 i = from; i < from + count; ++i) {
      put(slot(table, i), leaf(level, drawn{seed_, table, i}));
      to.push_back({address | i << paging_.shift(level), slot(table, i)});
    }
  }

  /// 4-level and 5-level: each slot of the root leads to a table of leaves of level 0, 1 or 2. Of the entries above none
  /// vary, or one does, or all do.
  void fill_wide() {
    for (u64 s = 1; s < slots(); ++s) {
      auto const leaf_level = static_cast<unsigned>(s % 3);
      u64 const  above = paging_.levels - 1 - leaf_level, varies = s / 3 % (above + 2);  // 0: none, above + 1: all
      drawn      d{seed_, s};
      u64        table = roots_[0].table, address = 0, index = s;
      for (unsigned level = paging_.levels - 1; level > leaf_level; --level) {
        u64 const below = frame(4096);
        bool const this_one = varies == above + 1 || varies == level - leaf_level;
        put(slot(table, index), points_to(level, below, this_one, drawn{seed_, table, index}));
        address |= index << paging_.shift(level);
        table = below, index = d.next(slots());
      }
      unsigned const sign = paging_.shift(paging_.levels) - 1;
      if ((address >> sign & 1) != 0) address |= ~u64{0} << sign;
      leaves_at(leaf_level, table, address, 0, slots(), shared_[leaf_level]);
    }
  }

  /// PAE: slot 1 of each root has 2-Mbyte pages of its own; slots 2 and 3 lead to page tables, but for roots without one.
  void fill_pae() {
    u64 pds[4]{};
    for (u64 i = 2; i < 4; ++i) pds[i] = page_tables(i << 30, frame(4096), 0, 512);
    for (u64 r = 0; r < roots(); ++r) {
      u64 const own = frame(4096);
      leaves_at(1, own, u64{1} << 30, 0, slots(), roots_[r].own[1]);
      put(slot(roots_[r].table, 1), own | (r % 8 != 7));
      for (u64 i = 2; i < 4; ++i) put(slot(roots_[r].table, i), pds[i] | (r % 4 != i));
    }
  }

  /// 32-bit: below half of each root 4-Mbyte pages, above page tables.
  void fill_32() {
    u64 const own = 40;  // the program is below
    for (auto &r : roots_) leaves_at(1, r.table, 0, own, 512 - own, r.own[1]);
    page_tables(0, roots_[0].table, 512, 512);
    for (u64 r = 1; r < roots(); ++r) {
      for (u64 i = 512; i < 1024; ++i) {
        u64 const table = memory_.at<u32>(slot(roots_[0].table, i)) & ~u32{4095};
        put(slot(roots_[r].table, i), points_to(1, table, i % 4 != 0, drawn{seed_, r, i}));
      }
    }
  }

  /// Page tables below `count` slots of a page directory; returns it.
  auto page_tables(u64 address, u64 directory, u64 from, u64 count) -> u64 {
    for (u64 i = from; i < from + count; ++i) {
      u64 const table = frame(4096);
      put(slot(directory, i), points_to(1, table, i % 4 != 0, drawn{seed_, directory, i}));
      leaves_at(0, table, address | i << paging_.shift(1), 0, slots(), shared_[0]);
    }
    return directory;
  }

  guest_memory            memory_;
  paging                  paging_;
  unsigned                physical_bits_;
  u64                     seed_, next_ = tried_at;
  std::vector<root_table> roots_;
  std::vector<place>      shared_[3];
};

}  // namespace machine::x86
