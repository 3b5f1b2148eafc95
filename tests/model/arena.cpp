// SPDX-License-Identifier: MIT
#include "arena.hpp"

#include <bit>
#include <cstring>

namespace trial {

static_assert(std::endian::native == std::endian::little, "the arena keeps entries as a little-endian machine does");

namespace {

// Every entry of every table passes here: with a number of bytes known when it is compiled, a copy is one instruction.
auto get(u8 const *at, unsigned bytes) -> u64 {
  u64 v = 0;
  if (bytes == 8) std::memcpy(&v, at, 8);
  else if (bytes == 4) std::memcpy(&v, at, 4);
  else std::memcpy(&v, at, bytes);
  return v;
}
void put(u8 *at, unsigned bytes, u64 v) {
  if (bytes == 8) std::memcpy(at, &v, 8);
  else if (bytes == 4) std::memcpy(at, &v, 4);
  else std::memcpy(at, &v, bytes);
}

}  // namespace

auto arena::read(output_address a, word w) const -> u64 {
  if (!covers(a, w.bytes)) return ++strays_, 0;
  u64 const v = get(bytes_.data() + (a.value - base_), w.bytes);
  return w.order == byte_order::little ? v : byte_swapped(v, w.bytes);
}

void arena::write(output_address a, word w, u64 v) {
  if (!note(a, w.bytes, v)) return;
  put(bytes_.data() + (a.value - base_), w.bytes, w.order == byte_order::little ? v : byte_swapped(v, w.bytes));
}

void arena::clear(output_address a, u64 n) {
  if (n != 0 && note(a, n, 0)) std::memset(&bytes_[a.value - base_], 0, n);
}

auto arena::note(output_address a, u64 n, u64 v) -> bool {
  if (!covers(a, n)) return ++strays_, false;
  old_writes_ += born_[frame(a)] != now_;
  hash_ = ((hash_ ^ (a.value * 0x9e37'79b9'7f4a'7c15) ^ n) * 0xff51'afd7'ed55'8ccd) ^ v;
  hash_ ^= hash_ >> 31;
  return true;
}

auto arena_memory::exchange(output_address a, word w, u64 v) -> u64 {
  u64 const was = of_->read(a, w);
  of_->write(a, w, v);
  return was;
}

auto arena_memory::compare_exchange(output_address a, word w, u64 &expected, u64 desired) -> bool {
  u64 const was = of_->read(a, w);
  if (was != expected) return expected = was, false;
  of_->write(a, w, desired);
  return true;
}

auto arena_frames::allocate(unsigned lg2) -> std::optional<output_address> {
  if (lg2 > of_->frame_lg2() || count_ >= limit_) return std::nullopt;
  for (unsigned n = 0; n < out_.size(); ++n) {
    if (out_[n]) continue;
    out_[n] = true;
    lg2_[n] = lg2;
    ++count_;
    output_address const a{of_->base() + (u64{n} << of_->frame_lg2())};
    of_->given_out(a);
    return a;
  }
  return std::nullopt;
}

void arena_frames::release(output_address a, unsigned lg2) {
  u64 const n = (a.value - of_->base()) >> of_->frame_lg2();
  if (n >= out_.size() || ((a.value - of_->base()) & below(of_->frame_lg2())) != 0 || !out_[n] || lg2_[n] != lg2) {
    ++wrong_;
    return;
  }
  out_[n] = false;
  --count_;
}

}  // namespace trial
