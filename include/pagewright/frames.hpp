// SPDX-License-Identifier: MIT
// Where memory for tables comes from and goes back to.
#pragma once

#include <concepts>
#include <optional>

#include "address.hpp"

namespace pagewright {

/// A source of table memory. `allocate(lg2)` gives 2^lg2 bytes aligned to their size, with any content (tables that are
/// about to be filled whole need no zeroing; the others are cleared by who asked), or nothing. `release` takes them back.
template <class F>
concept frame_source = requires(F &f, output_address a, unsigned lg2) {
  { f.allocate(lg2) } -> std::same_as<std::optional<output_address>>;
  { f.release(a, lg2) } -> std::same_as<void>;
};

/// Hands out a block of memory from its beginning and takes nothing back: for boot loaders and for tables that live as
/// long as the machine. Complexity: constant.
class bump_frames {
 public:
  /// Gives out `first` .. `first + bytes - 1`.
  constexpr bump_frames(output_address first, u64 bytes) noexcept : next_{first.value}, left_{bytes} {}

  constexpr auto allocate(unsigned lg2) noexcept -> std::optional<output_address> {
    u64 const skip = (~next_ + 1) & below(lg2);
    if (lg2 > 63 || left_ < skip || left_ - skip < bit(lg2)) return std::nullopt;
    output_address const frame{next_ + skip};
    next_ += skip + bit(lg2);
    left_ -= skip + bit(lg2);
    return frame;
  }
  constexpr void release(output_address, unsigned) noexcept {}

  /// The first address not handed out yet.
  constexpr auto next() const noexcept -> output_address { return {next_}; }

 private:
  u64 next_, left_;
};

/// `N` frames of 2^Lg2 bytes each from `base`, given out and taken back in any order. Larger requests fail;
/// smaller ones get a whole frame. Precondition: `base` is aligned to 2^Lg2.
/// Complexity: allocation looks at N/64 words, release at one.
template <unsigned N, unsigned Lg2 = 12>
class frame_pool {
 public:
  explicit constexpr frame_pool(output_address base) noexcept : base_{base} {}

  constexpr auto allocate(unsigned lg2) noexcept -> std::optional<output_address> {
    if (lg2 > Lg2) return std::nullopt;
    for (unsigned w = 0; w < words; ++w) {
      auto const n = w * 64 + trailing_ones(used_[w]);
      if (n < (w + 1) * 64 && n < N) {
        used_[w] |= bit(n % 64);
        ++in_use_;
        return base_ + (u64{n} << Lg2);
      }
    }
    return std::nullopt;
  }
  /// A frame that is not given out is ignored.
  constexpr void release(output_address a, unsigned) noexcept {
    u64 const n = (a.value - base_.value) >> Lg2;
    if (n >= N || (used_[n / 64] & bit(n % 64)) == 0) return;
    used_[n / 64] &= ~bit(n % 64);
    --in_use_;
  }

  /// How many frames are given out.
  constexpr auto in_use() const noexcept -> unsigned { return in_use_; }

 private:
  static constexpr unsigned words = (N + 63) / 64;

  output_address base_;
  u64            used_[words]{};
  unsigned       in_use_ = 0;
};

}  // namespace pagewright
