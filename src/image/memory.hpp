// SPDX-License-Identifier: MIT
// An image as memory that the library can walk.
#pragma once

#include <cstring>
#include <optional>
#include <span>

#include <pagewright/memory.hpp>

#include "image.hpp"

namespace pagewright::image {

/// A read-only memory policy over an image, which must outlive it. A load of what the image does not hold gives
/// nothing: a missing table is a result of the walk. May be copied and used by any number of threads.
class image_memory {
 public:
  explicit image_memory(image const &source) noexcept : source_{&source} {}

  /// The entry of w.bytes (1 to 8) bytes at `a`, converted from w.order. O(log extents).
  [[nodiscard]] auto load(output_address a, word w) const noexcept -> std::optional<u64> {
    unsigned char raw[8] = {};
    if (auto const *bytes = source_->at(a.value, w.bytes); bytes != nullptr) [[likely]] {
      if (w.bytes == 8)      std::memcpy(raw, bytes, 8);                // constant sizes: one load instruction
      else if (w.bytes == 4) std::memcpy(raw, bytes, 4);
      else if (w.bytes < 8)  std::memcpy(raw, bytes, w.bytes);
      else                   return std::nullopt;
    } else if (w.bytes == 0 || w.bytes > sizeof raw
               || !source_->read(a.value, std::as_writable_bytes(std::span{raw}.first(w.bytes)))) {
      return std::nullopt;
    }
    u64 value = 0;
    std::memcpy(&value, raw, sizeof value);
    if constexpr (std::endian::native == std::endian::big) value >>= 64 - 8 * w.bytes;   // raw starts at the high end
    return is_native(w.order) ? value : byte_swapped(value, w.bytes);
  }

  [[nodiscard]] auto source() const noexcept -> image const & { return *source_; }

 private:
  image const *source_;
};

static_assert(readable_memory<image_memory>);

}  // namespace pagewright::image
