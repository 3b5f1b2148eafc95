// SPDX-License-Identifier: MIT
// Tables of stage 1 in which every slot is a case: any rights, flags, types, granted or refused addresses. A way through
// them combines one entry of each level.
#pragma once

#include "aarch64_machine.hpp"

namespace machine::aarch64 {

using pagewright::arm64::granule;

/// How a mode lays out its tables: levels are counted from the leaves, as everywhere in the library.
struct layout {
  granule  page;
  unsigned input_bits;
  bool     wide;  // 52-bit addresses in descriptors

  auto depth() const -> unsigned { return pagewright::arm64::depth_of(page, input_bits); }
  auto shift(unsigned level) const -> unsigned { return unsigned(page) + level * pagewright::arm64::stride(page); }
  auto index_bits(unsigned level) const -> unsigned {
    return level + 1 == depth() ? input_bits - shift(level) : pagewright::arm64::stride(page);
  }
  auto lpa() const -> bool { return wide && page == granule::k64; }
  auto lpa2() const -> bool { return wide && page != granule::k64; }
  /// D8.3.1: which levels hold blocks.
  auto blocks(unsigned level) const -> bool {
    return level == 1 || (level == 2 && (page == granule::k4 || wide)) || (level == 3 && page == granule::k4 && wide);
  }
  /// Table D8-94 and following: how many entries the Contiguous bit groups; 1 where it says nothing.
  auto group(unsigned level) const -> u64 {
    u64 const n = level == 0 ? (page == granule::k4 ? 16 : page == granule::k16 ? 128 : 32)
                : level == 1 ? (page == granule::k4 ? 16 : 32)
                : level == 2 && page == granule::k4 ? 16 : 1;
    return blocks(level) || level == 0 ? n <= u64{1} << index_bits(level) ? n : 1 : 1;
  }
  /// An address as descriptors of this layout hold it: bits that lie elsewhere are moved.
  auto placed(u64 address) const -> u64 {
    if (lpa()) return (address & ~(u64{0xf} << 48)) | (address >> 48 & 0xf) << 12;
    if (lpa2()) return (address & ~(u64{3} << 50)) | (address >> 50 & 3) << 8;
    return address;
  }
};

/// Somewhere no memory is, nor anything else of the machine's.
inline constexpr u64 nowhere_at = 0x2'0000'0000;

class tables {
 public:
  tables(ram &memory, layout const &l, choices &c) : memory_{memory}, layout_{l}, choices_{c} {
    constexpr unsigned count[]{24, 12, 6, 4};  // of each level below the root
    for (unsigned level = 0; level + 1 < l.depth(); ++level) {
      first_[level] = next_;
      count_[level] = count[level];
      for (unsigned n = 0; n < count[level]; ++n) fill(frame(), level);
    }
  }

  /// A root of its own. It is aligned to its size, to 64 bytes with 52-bit addresses (D8.2.5).
  auto another_root() -> u64 {
    unsigned const level = layout_.depth() - 1;
    u64 const align = std::max<u64>(u64{8} << layout_.index_bits(level), layout_.wide ? 64 : 0);
    u64 const at    = frame() + choices_.below((u64{1} << unsigned(layout_.page)) / align) * align;
    fill(at, level);
    return at;
  }

 private:
  auto frame() -> u64 {
    u64 const at = next_;
    next_ += u64{1} << unsigned(layout_.page);
    if (next_ > tables_end) throw std::length_error{"too many tables"};
    return at;
  }

  void fill(u64 at, unsigned level) {
    auto const slots = memory_.at<u64>(at, u64{1} << layout_.index_bits(level));
    for (u64 n = 0; n < slots.size(); ++n) {
      auto const group = layout_.group(level);
      if (group > 1 && n % group == 0 && choices_.one_in(12 + group)) {
        group_of_leaves(slots.subspan(n, group), level);
        n += group - 1;
      } else {
        slots[n] = choices_.one_in(24)                                                  ? choices_.any() & ~u64{1}  // absent
                   : level == 0 || choices_.one_in(layout_.blocks(level) ? 4 : 32) ? leaf(level, 1)
                                                                                   : table(level);
      }
    }
  }

  /// Equal but for the address, which is contiguous and aligned to the group (D8.7.1).
  void group_of_leaves(std::span<u64> slots, unsigned level) {
    u64 const first = leaf(level, slots.size()) | pagewright::arm64::contiguous;
    for (u64 n = 0; n < slots.size(); ++n) slots[n] = first + (n << layout_.shift(level));
  }

  /// `group`: how many leaves the output has to hold. The Contiguous bit is set only where it groups nothing.
  auto leaf(unsigned level, u64 group) -> u64 {
    u64 const bytes = group << layout_.shift(level), where = targets_at + choices_.below(targets_bytes);
    u64 output = where & ~(bytes - 1);
    if (choices_.one_in(12)) output = far_output() & ~(bytes - 1);  // AT alone can tell
    u64 entry = layout_.placed(output) | (level == 0 ? 3 : 1);
    if (group == 1 && choices_.one_in(40)) entry ^= 2;  // a reserved kind, or a table or block where none should be
    if ((entry & 3) == 3 && level > 0) return table(level);
    entry |= choices_.any() & (u64{0xff} << 55 | bit(54) | bit(53) | bit(51) | bit(11) | bit(7) | bit(6) | 7u << 2);
    if (!layout_.lpa2()) entry |= choices_.below(4) << 8;
    if (!choices_.one_in(4)) entry |= bit(10);
    if (group == 1 && layout_.group(level) == 1 && choices_.flag()) entry |= bit(52);
    return entry;
  }

  auto table(unsigned level) -> u64 {
    if (level == 0) return 0;
    u64 next = first_[level - 1] + (choices_.below(count_[level - 1]) << unsigned(layout_.page));
    if (choices_.one_in(48)) next = far_output() & ~((u64{1} << unsigned(layout_.page)) - 1);
    else if (choices_.one_in(64)) next = nowhere_at;
    u64 entry = layout_.placed(next) | 3 | (choices_.any() & (u64{0xff} << 51 | 0x3f << 2 | 3u << 10));
    if (!layout_.lpa2()) entry |= choices_.below(4) << 8;
    for (unsigned n = 59; n < 63; ++n) entry = choices_.one_in(8) ? entry | bit(n) : entry & ~bit(n);
    return entry & ~bit(63);
  }

  /// Some address of 33 bits to as many as descriptors hold, where the machine has nothing: between 2^38 and 2^40 it may.
  auto far_output() -> u64 {
    u64 const width = 33 + choices_.below(layout_.wide ? 20 : 16);
    return (choices_.any() | bit(63)) >> (64 - (width == 39 || width == 40 ? 41 : width));
  }

  ram     &memory_;
  layout   layout_;
  choices &choices_;
  u64      next_ = tables_at, first_[4]{};
  unsigned count_[4]{};
};

}  // namespace machine::aarch64
