// SPDX-License-Identifier: MIT
#include <limits>

#include "containers.hpp"

namespace pagewright::image {

auto parse_raw(std::span<std::byte const> bytes, std::string const &file, std::uint64_t base)
    -> std::expected<contents, error> {
  if (bytes.empty()) return fail("{}: is empty; there is no memory in it", file);
  if (bytes.size() - 1 > std::numeric_limits<std::uint64_t>::max() - base)
    return fail("{}: base {:#x} and size {:#x} go beyond 2^64; give the address of the file's first byte", file, base,
                bytes.size());
  contents into;
  into.segments.push_back({base, base + (bytes.size() - 1), bytes.data()});
  return into;
}

}  // namespace pagewright::image
