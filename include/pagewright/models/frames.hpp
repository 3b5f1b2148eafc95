// SPDX-License-Identifier: MIT
// Frame sources for tests: one that counts and catches wrong releases, one that fails when told to, one that tells a
// watcher. Each wraps another source; none needs a heap or an operating system.
#pragma once

#include "../frames.hpp"

namespace pagewright::models {

/// Counts what `Inner` gives out and takes back, and refuses to hand back what was not given out. Remembers up to `N`
/// frames at once. Complexity: allocation and release look at up to N words.
///
///   frame_pool<64>                       pool{base};
///   models::counting_frames<frame_pool<64>> frames{pool};
///   ... operations ...
///   assert(frames.out() == 0 && frames.is_clean());
template <frame_source Inner, unsigned N = 1024>
class counting_frames {
 public:
  explicit constexpr counting_frames(Inner &inner) noexcept : inner_{&inner} {}

  constexpr auto allocate(unsigned lg2) noexcept -> std::optional<output_address> {
    if (used_ == N && out_ == N) return ++refused_, std::nullopt;
    auto const frame = inner_->allocate(lg2);
    if (!frame) return ++refused_, std::nullopt;
    auto &s = slot_for(*frame);
    s = {*frame, static_cast<u8>(lg2), true};
    ++allocations_;
    if (++out_ > peak_) peak_ = out_;
    return frame;
  }

  /// A frame that is not out, or not with this size, is counted and kept from `Inner`.
  constexpr void release(output_address a, unsigned lg2) noexcept {
    auto *const s = find(a);
    if (s == nullptr) {
      ++foreign_;
    } else if (!s->out) {
      ++doubled_;
    } else if (s->lg2 != lg2) {
      ++misfit_;
    } else {
      s->out = false;
      --out_;
      inner_->release(a, lg2);
    }
  }

  /// Is the frame at `a` given out now?
  constexpr auto is_out(output_address a) const noexcept -> bool {
    for (unsigned i = 0; i < used_; ++i)
      if (slots_[i].out && slots_[i].frame == a) return true;
    return false;
  }

  constexpr auto out() const noexcept -> u64 { return out_; }                   // given out and not taken back
  constexpr auto peak() const noexcept -> u64 { return peak_; }                 // the most that were out at once
  constexpr auto allocations() const noexcept -> u64 { return allocations_; }   // that succeeded
  constexpr auto refused() const noexcept -> u64 { return refused_; }           // that failed
  constexpr auto double_releases() const noexcept -> u64 { return doubled_; }   // of a frame that was not out any more
  constexpr auto foreign_releases() const noexcept -> u64 { return foreign_; }  // of a frame never given out
  constexpr auto misfit_releases() const noexcept -> u64 { return misfit_; }    // with another size than it was given out with
  constexpr auto is_clean() const noexcept -> bool { return doubled_ + foreign_ + misfit_ == 0; }

 private:
  struct slot {
    output_address frame{};
    u8             lg2 = 0;
    bool           out = false;
  };

  constexpr auto find(output_address a) noexcept -> slot * {
    for (unsigned i = 0; i < used_; ++i)
      if (slots_[i].frame == a) return &slots_[i];
    return nullptr;
  }
  // Frames that came back are remembered, to tell a second release from a foreign one, until the room is needed.
  constexpr auto slot_for(output_address a) noexcept -> slot & {
    if (auto *const known = find(a)) return *known;
    if (used_ < N) return slots_[used_++];
    unsigned i = 0;
    while (slots_[i].out) ++i;
    return slots_[i];
  }

  Inner   *inner_;
  unsigned used_ = 0;
  u64      out_ = 0, peak_ = 0, allocations_ = 0, refused_ = 0, doubled_ = 0, foreign_ = 0, misfit_ = 0;
  slot     slots_[N]{};
};

/// Fails when told to; otherwise passes on to `Inner`. To try every place where an operation can run out of memory, fail
/// the 0th allocation, then the 1st, and so on until the operation succeeds.
template <frame_source Inner>
class failing_frames {
 public:
  explicit constexpr failing_frames(Inner &inner) noexcept : inner_{&inner} {}

  /// Of the allocations to come the `k`-th (from 0) and all later ones fail.
  constexpr void fail_from(u64 k) noexcept { left_ = k, once_ = false, armed_ = true; }
  /// Only the `k`-th (from 0) fails.
  constexpr void fail_once(u64 k) noexcept { left_ = k, once_ = true, armed_ = true; }
  constexpr void never_fail() noexcept { armed_ = false; }

  constexpr auto failures() const noexcept -> u64 { return failures_; }

  constexpr auto allocate(unsigned lg2) noexcept -> std::optional<output_address> {
    if (armed_) {
      if (left_ == 0) {
        if (once_) armed_ = false;
        return ++failures_, std::nullopt;
      }
      --left_;
    }
    return inner_->allocate(lg2);
  }
  constexpr void release(output_address a, unsigned lg2) noexcept { inner_->release(a, lg2); }

 private:
  Inner *inner_;
  u64    left_ = 0, failures_ = 0;
  bool   once_ = false, armed_ = false;
};

/// Tells `Watcher` of every frame that comes and goes: `allocated(a, lg2)` after, `released(a, lg2)` before it happens.
/// With simulated_mmu as the watcher, frames released while hardware may still walk them are found.
template <frame_source Inner, class Watcher>
class watched_frames {
 public:
  constexpr watched_frames(Inner &inner, Watcher &watcher) noexcept : inner_{&inner}, watcher_{&watcher} {}

  constexpr auto allocate(unsigned lg2) -> std::optional<output_address> {
    auto const frame = inner_->allocate(lg2);
    if constexpr (requires { watcher_->allocated(output_address{}, 0u); }) {
      if (frame) watcher_->allocated(*frame, lg2);
    }
    return frame;
  }
  constexpr void release(output_address a, unsigned lg2) {
    if constexpr (requires { watcher_->released(a, lg2); }) watcher_->released(a, lg2);
    inner_->release(a, lg2);
  }

 private:
  Inner   *inner_;
  Watcher *watcher_;
};

}  // namespace pagewright::models
