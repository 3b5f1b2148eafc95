// SPDX-License-Identifier: MIT
// Tables in which every slot is a case: any rights, flags, types, granted or refused addresses. A way through them
// combines one entry of each level.
#pragma once

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "aarch64_machine.hpp"

namespace machine::aarch64 {

using pagewright::arm64::granule;

/// How a mode lays out its tables: levels are counted from the leaves, as everywhere in the library.
struct layout {
  granule  page;
  unsigned input_bits;
  bool     wide         = false;  // 52-bit addresses in descriptors
  bool     concatenated = false;  // of stage 2: the tables of a root of up to 16 entries are one root

  auto depth() const -> unsigned { return pagewright::arm64::depth_of(page, input_bits) - (concatenated ? 1 : 0); }
  auto shift(unsigned level) const -> unsigned { return unsigned(page) + level * pagewright::arm64::stride(page); }
  auto index_bits(unsigned level) const -> unsigned {
    return level + 1 == depth() ? input_bits - shift(level) : pagewright::arm64::stride(page);
  }
  auto table_bytes(unsigned level) const -> u64 { return u64{8} << index_bits(level); }
  auto lpa() const -> bool { return wide && page == granule::k64; }
  auto lpa2() const -> bool { return wide && page != granule::k64; }
  /// D8.3.1: which levels hold blocks.
  auto blocks(unsigned level) const -> bool {
    return level == 1 || (level == 2 && (page == granule::k4 || wide)) || (level == 3 && page == granule::k4 && wide);
  }
  /// D8.7.1: how many entries the Contiguous bit groups; 1 where it says nothing.
  auto group(unsigned level) const -> u64 {
    if (level != 0 && !blocks(level)) return 1;
    u64 const n = level == 0 ? (page == granule::k4 ? 16 : page == granule::k16 ? 128 : 32)
                : level == 1 ? (page == granule::k4 ? 16 : 32)
                : level == 2 && page == granule::k4 ? 16 : 1;
    return n <= u64{1} << index_bits(level) ? n : 1;
  }
  /// An address as descriptors of this layout hold it: bits that lie elsewhere are moved.
  auto placed(u64 address) const -> u64 {
    if (lpa()) return (address & ~(u64{0xf} << 48)) | (address >> 48 & 0xf) << 12;
    if (lpa2()) return (address & ~(u64{3} << 50)) | (address >> 50 & 3) << 8;
    return address;
  }
  /// What a register says of the start level is the architecture's number.
  auto start_level() const -> int { return 4 - static_cast<int>(depth()); }
};

/// Somewhere no memory is, nor anything else of the machine's.
inline constexpr u64 nowhere_at = 0x2'0000'0000;

/// Memory for tables, taken from its beginning on.
class frames {
 public:
  auto take(u64 bytes) -> u64 {
    u64 const at = (next_ + bytes - 1) & ~(bytes - 1);
    next_ = at + bytes;
    if (next_ > tables_end) throw std::length_error{"too many tables"};
    return at;
  }

 private:
  u64 next_ = tables_at;
};

/// Where entries lead, in the addresses of the stage below where there is one.
struct destinations {
  std::function<u64()>          target;  // of a leaf
  std::function<u64(u64 frame)> table;   // of an entry that leads to the table in this frame
};

/// `first_over_second`: where any address may turn out to lead to a table of another level, so nothing there is contiguous.
/// `second_forced`: with HCR_EL2.FWB.
enum class stage_of_tables : u8 { first, first_over_second, second, second_forced };

class tables {
 public:
  tables(ram &memory, frames &from, layout const &l, choices &c, stage_of_tables stage, u64 roots)
      : memory_{memory}, layout_{l}, choices_{c}, stage_{stage} {
    constexpr unsigned count[]{24, 12, 6, 4};  // of each level below the root
    unsigned const top = l.depth() - 1;
    u64 const granule_bytes = u64{1} << unsigned(l.page);
    for (unsigned level = 0; level < top; ++level)
      for (unsigned n = 0; n < count[level]; ++n) at_[level].push_back(from.take(granule_bytes));
    // A root is aligned to its size, to 64 bytes with 52-bit addresses (D8.2.5).
    u64 const bytes = std::max<u64>(l.table_bytes(top), l.wide ? 64 : 0);
    for (u64 n = 0; n < roots; ++n) {
      u64 const frame = from.take(std::max(bytes, granule_bytes));
      at_[top].push_back(frame + (bytes < granule_bytes ? c.below(granule_bytes / bytes) * bytes : 0));
    }
  }

  auto root(u64 n) const -> u64 { return at_[layout_.depth() - 1][n]; }
  auto all() const -> std::vector<u64> {
    std::vector<u64> every;
    for (auto const &level : at_) every.insert(every.end(), level.begin(), level.end());
    return every;
  }
  /// Where the leaf in a slot was made to lead; nothing if it is none, or leads far away.
  auto target_of(u64 slot) const -> std::optional<u64> {
    auto const found = targets_.find(slot);
    return found == targets_.end() ? std::nullopt : std::optional{found->second};
  }

  void fill(destinations const &to) {
    to_ = &to;
    for (unsigned level = 0; level < layout_.depth(); ++level)
      for (u64 const at : at_[level]) fill(at, level);
  }

 private:
  void fill(u64 at, unsigned level) {
    auto const slots = memory_.at<u64>(at, u64{1} << layout_.index_bits(level));
    for (u64 n = 0; n < slots.size(); ++n) {
      u64 const slot = at + n * 8, group = layout_.group(level);
      if (!over_second() && group > 1 && n % group == 0 && choices_.one_in(12 + group)) {
        group_of_leaves(slots.subspan(n, group), slot, level);
        n += group - 1;
      } else {
        slots[n] = choices_.one_in(24)                                             ? choices_.any() & ~u64{1}  // absent
                   : level == 0 || choices_.one_in(layout_.blocks(level) ? 4 : 32) ? leaf(slot, level, 1)
                                                                                   : table(level);
      }
    }
  }

  /// Equal but for the address, which is contiguous and aligned to the group (D8.7.1).
  void group_of_leaves(std::span<u64> slots, u64 slot, unsigned level) {
    u64 const first = leaf(slot, level, slots.size()) | pagewright::arm64::contiguous;
    u64 const shift = layout_.shift(level), within = (slots.size() - 1) << shift;
    auto const target = target_of(slot);
    for (u64 n = 0; n < slots.size(); ++n) {
      slots[n] = first + (n << shift);
      if (target) targets_[slot + n * 8] = (*target & ~within) + (n << shift);
    }
  }

  /// `group`: how many leaves the output has to hold. The Contiguous bit is set only where it groups nothing.
  auto leaf(u64 slot, unsigned level, u64 group) -> u64 {
    if (group == 1 && choices_.one_in(40))  // a reserved kind, which says nothing else (not BTI's GP); a table
      return level == 0 ? choices_.any() & ~(bit(1) | bit(50) | bit(52)) : table(level);
    u64 const bytes = group << layout_.shift(level);
    bool const far = choices_.one_in(12);
    u64 const output = far ? far_output() : to_->target();
    if (!far) targets_[slot] = output;
    u64 entry = layout_.placed(output & ~(bytes - 1)) | (level == 0 ? 3 : 1) | attributes();
    if (!layout_.lpa2()) entry |= choices_.below(4) << 8;
    if (!over_second() && group == 1 && layout_.group(level) == 1 && choices_.flag()) entry |= bit(52);
    return entry;
  }

  auto attributes() -> u64 {
    u64 entry = choices_.any() & (u64{0xff} << 55 | bit(51));
    if (stage_ == stage_of_tables::first || over_second()) {
      entry |= choices_.any() & (bit(54) | bit(53) | bit(11) | bit(7) | bit(6) | 7u << 2);
      return choices_.one_in(4) ? entry : entry | bit(10);
    }
    entry |= choices_.any() & (stage_ == stage_of_tables::second ? 0xfu : 7u) << 2;  // MemAttr; [3] is RES0 with FWB
    if (choices_.one_in(3)) entry |= choices_.any() & (bit(53) | bit(54));          // XN
    entry |= choices_.one_in(12) ? choices_.any() & 3u << 6 : 3u << 6;            // S2AP
    return choices_.one_in(16) ? entry : entry | bit(10);
  }

  auto table(unsigned level) -> u64 {
    if (level == 0) return 0;
    auto const &below = at_[level - 1];
    u64 next = 0;
    if (choices_.one_in(48)) next = far_output() & ~((u64{1} << unsigned(layout_.page)) - 1);
    else if (choices_.one_in(64)) next = nowhere_at;
    else next = to_->table(below[choices_.below(below.size())]);
    u64 entry = layout_.placed(next) | 3 | (choices_.any() & (u64{0xff} << 51 | 0x3f << 2 | 3u << 10));
    if (!layout_.lpa2()) entry |= choices_.below(4) << 8;
    for (unsigned n = 59; n < 63; ++n) entry = choices_.one_in(8) ? entry | bit(n) : entry & ~bit(n);
    return over_second() ? entry & ~bit(52) : entry;
  }

  auto over_second() const -> bool { return stage_ == stage_of_tables::first_over_second; }

  /// Some address of 33 bits to as many as descriptors hold, where the machine has nothing: between 2^38 and 2^40 it may.
  auto far_output() -> u64 {
    u64 const width = 33 + choices_.below(layout_.wide ? 20 : 16);
    return (choices_.any() | bit(63)) >> (64 - (width == 39 || width == 40 ? 41 : width));
  }

  ram                         &memory_;
  layout                       layout_;
  choices                     &choices_;
  stage_of_tables              stage_;
  destinations const          *to_ = nullptr;
  std::vector<u64>             at_[5];
  std::unordered_map<u64, u64> targets_;
};

}  // namespace machine::aarch64
