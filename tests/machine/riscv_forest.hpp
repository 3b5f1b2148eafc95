// SPDX-License-Identifier: MIT
// Page tables of RISC-V in which thousands of cases lie side by side: each has an address of its own and its own entries
// on the way; where those are plain pointers, tables are shared.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <stdexcept>
#include <tuple>

#include <pagewright/formats/riscv.hpp>
#include <pagewright/pagewright.hpp>

#include "emulator.hpp"
#include "payload/riscv.hpp"

namespace trial {

using pagewright::u64;

// The machine's memory beside what payload/riscv.hpp names; and where none is, not even a device.
inline constexpr u64 memory_bytes = 0x400'0000, tables_at = 0x8010'0000, targets_at = 0x8200'0000, other_targets_at = 0x8240'0000,
                     target_pages = 16, targets_end = other_targets_at + target_pages * 4096, nowhere = 0x9000'0000;

/// In each page of the target areas the first two instructions are `li a0, <number of the page>; ecall`; every other word
/// is its own address.
inline void lay_targets(machine::ram &ram) {
  for (u64 page = 0; page < 2 * target_pages; ++page) {
    u64 const  at    = page < target_pages ? targets_at + page * 4096 : other_targets_at + (page - target_pages) * 4096;
    auto const words = ram.at<u64>(at, 512);
    for (u64 i = 0; i < 512; ++i) words[i] = at + i * 8;
    words[0] = u64{0x73} << 32 | page << 20 | 0x513;
  }
}

/// The way of an address from the root: plain pointers but for two entries.
struct path {
  unsigned leaf_level = 0;  // where it ends; but if that entry is a pointer, one level further
  u64      leaf       = 0;  // without an address
  u64      low        = 0;  // flipped in its page number
  unsigned odd_level  = 0;  // above leaf_level, or 0: a pointer which
  u64      odd        = 0;  // has these bits
  unsigned detour     = 0;  // and leads elsewhere, as forest::detour says; 0 if not
};

/// What is mapped as a whole.
struct region {
  u64                at, to, bytes;
  pagewright::rights allow;
};

class forest {
 public:
  /// Tables lie from `from` on; entries name them, and all else, by an address `moved` higher. Each root maps `wholes`,
  /// where they are not in the way: in its first 16 slots. Of the format the geometry matters.
  forest(machine::ram &ram, pagewright::format const &f, u64 from, std::vector<region> wholes, u64 moved = 0)
      : ram_{&ram}, format_{f}, wholes_{std::move(wholes)}, next_{from}, moved_{moved} {
    for (unsigned level = 0; level + 1 < f.depth; ++level)
      for (unsigned user = 0; user < 2; ++user) {
        onward_[level][user] = table(4096);
        u64 const base = targets_at + moved_;
        for (u64 i = 0; i < slots(level); ++i)
          put(onward_[level][user], i, page_number(aligned(level, base) + (level == 0 ? i % target_pages << 12 : 0)) |
                                           pagewright::riscv::v | 0xe | (user != 0 ? pagewright::riscv::u : 0));
      }
  }

  /// What a pointer with the detour `n` holds instead of the address of `table`.
  std::function<u64(unsigned n, u64 table)> detour = [](unsigned, u64) { return nowhere; };

  struct place {
    u64 root, address;
  };
  /// Lays out `p` for an address that, if nothing is wrong, leads to `to`, as entries name it. (If the leaf is a pointer: to
  /// the target area, at the page `to` has there.)
  auto plant(path const &p, u64 to) -> place {
    bool const at_root = p.leaf_level == top();
    if (at_root) (void)root();
    auto &open = open_[{p.leaf_level, p.odd_level, p.odd, p.detour}];
    if (open.left == 0 && !at_root) open = branch(p);
    auto const end  = at_root ? branch_end{root_, root_, 0, 1} : open;
    u64 const  slot = at_root ? slot_of_root() : slots(p.leaf_level) - open.left--;

    bool const pointer = (p.leaf & 0xe) == 0 && p.leaf_level > 0;
    u64 const  below   = (pointer ? targets_at + moved_ + (to & 0xffff) : to) & (index(p.leaf_level, 1) - 1);
    put(end.table, slot, p.leaf | (pointer ? page_number(onward_[p.leaf_level - 1][p.low & 1] + moved_)
                                           : page_number(aligned(p.leaf_level, to)) ^ p.low << 10));
    return {end.root + moved_, extended(end.prefix + index(p.leaf_level, slot) + below)};
  }

  /// The root in use.
  auto root() -> u64 {
    if (root_ != 0 && used_of_root_ < slots(top()) / 2) return root_;
    root_ = table(slots(top()) * format_.entry_bytes), used_of_root_ = 16;

    using namespace pagewright;
    mapped_memory memory{machine::ram::locate{ram_->at<u8>(ram_->base()).data(), ram_->base() + moved_, ram_->bytes()}};
    bump_frames   frames{{next_ + moved_}, 0x10'0000};
    not_in_use    nobody;
    ledger        owed;
    address_space space{dynamic{&format_}, pagewright::root{{root_ + moved_}}, memory, frames, nobody};
    for (auto const &[at, to, bytes, allow] : wholes_)
      if (!space.map(*range::of(input_address{at}, bytes), {to}, {.allow = allow, .type = memory_type::pma}, owed))
        throw std::logic_error{"a region is not mapped"};
    space.settle(owed);
    next_ = frames.allocate(12)->value - moved_;
    return root_;
  }
  /// Where its tables end.
  auto end() const -> u64 { return next_; }

 private:
  struct branch_end {
    u64 root, table, prefix, left;
  };

  auto top() const -> unsigned { return format_.depth - 1u; }
  auto slots(unsigned level) const -> u64 { return u64{1} << format_.levels[level].index_bits; }
  auto index(unsigned level, u64 i) const -> u64 { return i << format_.levels[level].shift; }
  auto aligned(unsigned level, u64 address) const -> u64 { return address & ~(index(level, 1) - 1); }
  static auto page_number(u64 address) -> u64 { return address >> 12 << 10; }
  auto extended(u64 address) const -> u64 {
    unsigned const bits = format_.levels[top()].shift + format_.levels[top()].index_bits;
    bool const     high = format_.upper == pagewright::extent::canonical && (address >> (bits - 1) & 1) != 0;
    return high ? address | ~u64{0} << bits : address;
  }

  /// A free slot of the root: one in eight is of the upper half.
  auto slot_of_root() -> u64 {
    u64 const n = used_of_root_++;
    return n % 8 == 7 ? slots(top()) / 2 + n : n;
  }
  auto table(u64 bytes) -> u64 {
    u64 const at = (next_ + bytes - 1) & ~(bytes - 1);
    next_ = at + bytes;
    std::ranges::fill(ram_->at<u64>(at, bytes / 8), 0);
    return at;
  }
  void put(u64 table, u64 slot, u64 entry) {
    if (format_.entry_bytes == 8) ram_->at<u64>(table + slot * 8)[0] = entry;
    else ram_->at<pagewright::u32>(table + slot * 4)[0] = static_cast<pagewright::u32>(entry);
  }

  /// New tables down to where a leaf of `p` goes.
  auto branch(path const &p) -> branch_end {
    branch_end b{root(), root_, 0, slots(p.leaf_level)};
    for (unsigned level = top(); level > p.leaf_level; --level) {
      u64 const  slot = level == top() ? slot_of_root() : (level * 37 + used_of_root_) % slots(level);
      u64 const  down = table(4096);
      bool const odd  = level == p.odd_level;
      u64 const  told = odd && p.detour != 0 ? detour(p.detour, down) : down + moved_;
      put(b.table, slot, page_number(told) | (odd ? p.odd : pagewright::riscv::v));
      b.table = down;
      b.prefix += index(level, slot);
    }
    return b;
  }

  machine::ram      *ram_;
  pagewright::format format_;
  std::vector<region> wholes_;
  u64                next_, moved_, root_ = 0, used_of_root_ = 0;
  u64                onward_[pagewright::max_depth][2]{};
  std::map<std::tuple<unsigned, unsigned, u64, unsigned>, branch_end> open_;
};

}  // namespace trial
