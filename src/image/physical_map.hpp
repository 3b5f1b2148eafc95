// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pagewright::image {

/// A closed range of physical addresses.
struct extent {
  std::uint64_t first;
  std::uint64_t last;

  friend constexpr bool operator==(extent const &, extent const &) = default;
};

/// A closed range of physical addresses and the bytes that hold it. No bytes: the range reads as zero.
struct segment {
  std::uint64_t    first;
  std::uint64_t    last;
  std::byte const *data;
};

/// Zero-filled memory has no bytes of its own; pointers into it are pointers to this block.
inline constexpr std::size_t zero_block_size = 64 * 1024;
extern std::byte const zero_block[zero_block_size];

/// Sparse physical memory: sorted pieces that do not overlap, with holes between them. Immutable once built, so any
/// number of threads may read it. Does not own the bytes.
class physical_map {
 public:
  physical_map() = default;

  /// The union of segments that may overlap in any way. Where two hold the same address, bytes win over zero fill
  /// and then the earlier segment wins. O(n log n).
  explicit physical_map(std::span<segment const> segments);

  /// `bytes` contiguous bytes at `address`, or nullptr when they are not all there or not contiguous in the file
  /// (then `read` may still succeed). The pointer may be unaligned: use memcpy. O(log pieces).
  /// Zero-filled memory answers up to 64 KiB at a time. `bytes` = 0 gives nullptr.
  [[nodiscard]] auto at(std::uint64_t address, std::size_t bytes) const noexcept -> std::byte const * {
    auto const *const piece = find(address);
    if (piece == nullptr || bytes - 1 > piece->last - address) return nullptr;   // 0 - 1 is more than any piece
    if (piece->data != nullptr) [[likely]] return piece->data + (address - piece->first);
    return bytes <= zero_block_size ? zero_block : nullptr;
  }

  /// Copies out.size() bytes from `address` on, over any number of pieces. False, with `out` partly written, when a
  /// byte is missing or the range wraps.
  [[nodiscard]] auto read(std::uint64_t address, std::span<std::byte> out) const noexcept -> bool;

  /// The ranges present, sorted; neighbours are joined. O(1).
  [[nodiscard]] auto extents() const noexcept -> std::span<extent const> { return extents_; }

  /// How many bytes are present; 2^64 - 1 stands for that and more.
  [[nodiscard]] auto total_bytes() const noexcept -> std::uint64_t { return total_; }

  struct contradictions {
    std::uint64_t segments      = 0;   ///< segments that hold an address again, from other bytes than the one before
    std::uint64_t first_address = 0;
  };

  /// Overlaps that do not point to the same bytes, as far as each segment's start shows them. QEMU's `-p` dumps
  /// overlap everywhere and contradict nowhere.
  [[nodiscard]] auto contradicted() const noexcept -> contradictions const & { return contradictions_; }

 private:
  /// The last piece that starts at or below `address`, if it reaches that far.
  [[nodiscard]] auto find(std::uint64_t address) const noexcept -> segment const * {
    auto const *piece = pieces_.data();
    auto        count = pieces_.size();
    if (count == 0) return nullptr;
    while (count > 1) {                                    // no branch to mispredict: the compiler makes it a cmov
      auto const half = count / 2;
      piece += piece[half].first <= address ? half : 0;
      count -= half;
    }
    return piece->first <= address && address <= piece->last ? piece : nullptr;
  }

  void append(segment piece);

  std::vector<segment> pieces_;
  std::vector<extent>  extents_;
  std::uint64_t        total_ = 0;
  contradictions       contradictions_;
};

}  // namespace pagewright::image
