// SPDX-License-Identifier: MIT
// The memory the model test runs in: quick, checked, and able to tell two runs apart by a hash of all they wrote.
#pragma once

#include <pagewright/pagewright.hpp>

#include <algorithm>
#include <vector>

namespace trial {

using namespace pagewright;

/// Equal frames from `base` on, and a hash of every write in order. An access outside is counted and has no effect.
class arena {
 public:
  arena(unsigned frames, unsigned frame_lg2, u64 base)
      : lg2_{frame_lg2}, base_{base}, bytes_(u64{frames} << frame_lg2), born_(frames, 0) {}

  auto base() const -> u64 { return base_; }
  auto frame_lg2() const -> unsigned { return lg2_; }
  auto frame_count() const -> unsigned { return static_cast<unsigned>(born_.size()); }
  auto bytes() const -> std::vector<u8> const & { return bytes_; }
  auto hash() const -> u64 { return hash_; }
  auto strays() const -> u64 { return strays_; }

  /// From now on frames that were given out before count as old.
  void begin_operation() { ++now_, old_writes_ = 0; }
  /// Writes to old frames since then.
  auto old_writes() const -> u64 { return old_writes_; }

  /// As the frame source sees it.
  void given_out(output_address a) {
    u64 const n = frame(a);
    born_[n] = now_;
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(n << lg2_), u64{1} << lg2_, u8{0xa5});  // any content
  }

  // Out of line, or every access of every format would be compiled anew.
  auto read(output_address a, word w) const -> u64;
  void write(output_address a, word w, u64 v);
  void clear(output_address a, u64 n);

 private:
  auto covers(output_address a, u64 n) const -> bool {
    return a.value >= base_ && a.value - base_ < bytes_.size() && n <= bytes_.size() - (a.value - base_);
  }
  auto frame(output_address a) const -> u64 { return (a.value - base_) >> lg2_; }
  auto note(output_address a, u64 n, u64 v) -> bool;

  unsigned         lg2_;
  u64              base_, hash_ = 0, now_ = 1, old_writes_ = 0;
  mutable u64      strays_ = 0;
  std::vector<u8>  bytes_;
  std::vector<u64> born_;  // by frame: the operation during which it was given out
};

/// The arena as a memory policy.
class arena_memory {
 public:
  static constexpr bool always_readable = true;

  explicit arena_memory(arena &of) : of_{&of} {}
  auto load(output_address a, word w) const -> std::optional<u64> { return of_->read(a, w); }
  void store(output_address a, word w, u64 v) { of_->write(a, w, v); }
  auto exchange(output_address a, word w, u64 v) -> u64;
  auto compare_exchange(output_address a, word w, u64 &expected, u64 desired) -> bool;
  void clear(output_address a, u64 n) { of_->clear(a, n); }

 private:
  arena *of_;
};

/// The arena's frames, lowest first. What is released wrongly is counted.
class arena_frames {
 public:
  explicit arena_frames(arena &of) : of_{&of}, out_(of.frame_count(), false), lg2_(of.frame_count(), 0) {}

  auto allocate(unsigned lg2) -> std::optional<output_address>;
  void release(output_address a, unsigned lg2);

  void limit(unsigned most) { limit_ = most; }
  auto out() const -> unsigned { return count_; }
  auto wrong() const -> u64 { return wrong_; }

 private:
  arena            *of_;
  unsigned          count_ = 0, limit_ = ~0u;
  u64               wrong_ = 0;
  std::vector<bool> out_;
  std::vector<unsigned> lg2_;
};

}  // namespace trial
