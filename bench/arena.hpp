// SPDX-License-Identifier: MIT
// What every benchmark stands on: simulated physical memory, the frame source both sides share, and a clock.
#pragma once

#include <sys/mman.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include <pagewright/address.hpp>

namespace bench {

using u64 = std::uint64_t;
using u32 = std::uint32_t;

inline constexpr u64 KiB = 1024, MiB = KiB * 1024, GiB = MiB * 1024, TiB = GiB * 1024;

/// A bump pointer and a stack of what came back: about a nanosecond, so that the tables are measured and not the
/// allocator. Frames are given out with whatever content they have.
class arena_frames {
 public:
  void adopt(u64 first, u64 last) {
    first_ = first, last_ = last;
    returned_.resize((last - first) / frame);
    reset();
  }
  /// All frames are free again, none is cleared.
  void reset() { next_ = first_, count_ = 0; }

  auto left() const -> u64 { return count_ + (last_ - next_) / frame; }
  auto in_use() const -> u64 { return (next_ - first_) / frame - count_; }

  /// A frame; 0 if there is none.
  auto take() -> u64 {
    if (count_ != 0) return u64{returned_[--count_]} * frame;
    if (next_ == last_) return 0;
    u64 const f = next_;
    next_ += frame;
    return f;
  }
  void give(u64 f) { returned_[count_++] = static_cast<u32>(f / frame); }

  // The same as a pagewright::frame_source.
  auto allocate(unsigned lg2) -> std::optional<pagewright::output_address> {
    if (lg2 > 12) return std::nullopt;
    u64 const f = take();
    if (f == 0) return std::nullopt;
    return pagewright::output_address{f};
  }
  void release(pagewright::output_address f, unsigned) { give(f.value); }

 private:
  static constexpr u64 frame = 4096;

  u64 first_ = 0, last_ = 0, next_ = 0, count_ = 0;
  std::vector<u32> returned_;
};

/// Simulated physical memory, backed by large pages where the system gives them. Address 0 is its first byte; frame 0 is
/// never used, frame 1 is the root table.
class arena {
 public:
  static constexpr u64 root = 4096;

  explicit arena(u64 bytes) : bytes_{(bytes + 2 * MiB - 1) & ~(2 * MiB - 1)} {
    void *const got = mmap(nullptr, bytes_ + 2 * MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED) {
      std::fprintf(stderr, "pagewright_bench: no %llu MiB of memory for tables; leave out the large rows with --filter\n",
                   static_cast<unsigned long long>(bytes_ / MiB));
      std::exit(1);
    }
    auto const at = (reinterpret_cast<std::uintptr_t>(got) + 2 * MiB - 1) & ~std::uintptr_t{2 * MiB - 1};
    base_ = reinterpret_cast<char *>(at);
    madvise(base_, bytes_, MADV_HUGEPAGE);
    frames.adopt(2 * 4096, bytes_);
  }

  auto base() const -> char * { return base_; }
  auto table(u64 at) const -> u64 * { return reinterpret_cast<u64 *>(base_ + at); }

  /// Sees to it that the first `bytes` bytes are backed by memory, so that no page fault falls into a measurement.
  void prepare(u64 bytes) {
    if (bytes > bytes_) bytes = bytes_;
    for (; ready_ < bytes; ready_ += 4096) base_[ready_] = 1;
  }

  /// An empty root and all frames free. What the arena holds has no name then.
  void reset() {
    frames.reset();
    std::memset(base_ + root, 0, 4096);
    holds = 0;
  }

  arena_frames frames;
  u64          holds = 0;  // which prepared tree is in here, so that read-only rows build it only once

 private:
  char *base_;
  u64   bytes_, ready_ = 0;
};

/// Nanoseconds this thread has run: being descheduled does not count.
inline auto now() -> double {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

/// Numbers below 2^bits, each once before any comes again (Hull and Dobell: odd increment, multiplier 1 modulo 4).
class shuffled {
 public:
  explicit shuffled(unsigned bits) : mask_{bits > 63 ? ~u64{0} : (u64{1} << bits) - 1}, drop_{bits / 2} {}

  auto next() -> u64 {
    x_ = (x_ * 0x5851'f42d'4c95'7f2d + 0x1405'7b7e'f767'814f) & mask_;
    return x_ ^ (x_ >> drop_);  // the lowest bits alone have short periods; this is a bijection
  }

 private:
  u64      mask_, x_ = 0;
  unsigned drop_;
};

}  // namespace bench
