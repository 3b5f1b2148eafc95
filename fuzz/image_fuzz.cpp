// SPDX-License-Identifier: MIT
// libFuzzer over whatever claims to be a memory image. An image that opens must be consistent with itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "image/image.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(std::uint8_t const *data, std::size_t size) -> int {
  std::vector<std::byte> file(size);
  if (size != 0) std::memcpy(file.data(), data, size);
  auto const image = pagewright::image::image::from_bytes(std::move(file), "fuzz", {.unpack_limit = 1 << 20});
  if (!image) {
    require(!image.error().message.empty());
    return 0;
  }

  std::vector<std::byte> page;
  pagewright::image::extent const *before = nullptr;
  for (auto const &e : image->extents()) {
    require(e.first <= e.last && (before == nullptr || (before->last < e.first && before->last + 1 != e.first)));
    before = &e;
    require(image->at(e.first, 1) != nullptr && image->at(e.last, 1) != nullptr);
    require(e.last == ~std::uint64_t{0} || image->at(e.last + 1, 1) == nullptr);
    page.resize(static_cast<std::size_t>(e.last - e.first < 4096 ? e.last - e.first + 1 : 4096));
    require(image->read(e.first, page));
    if (auto const *const p = image->at(e.first, page.size())) require(std::memcmp(p, page.data(), page.size()) == 0);
  }
  require(before != nullptr);
  return 0;
}
