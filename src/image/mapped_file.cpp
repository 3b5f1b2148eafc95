// SPDX-License-Identifier: MIT
#include "mapped_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "physical_map.hpp"

namespace pagewright::image {
namespace {

constexpr std::size_t page  = 4096;
constexpr std::size_t chunk = 1 << 20;

[[nodiscard]] auto reason(int code) -> std::string { return std::generic_category().message(code); }

class descriptor {
 public:
  explicit descriptor(int value) noexcept : value_{value} {}
  descriptor(descriptor const &)            = delete;
  descriptor &operator=(descriptor const &) = delete;
  ~descriptor() { if (value_ >= 0) ::close(value_); }

  [[nodiscard]] auto get() const noexcept -> int { return value_; }

 private:
  int value_;
};

}  // namespace

mapping::~mapping() {
  if (address_ != nullptr) ::munmap(address_, size_);
}

auto mapped_file::open(std::string const &path, std::uint64_t read_limit) -> std::expected<mapped_file, error> {
  auto const file = descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.get() < 0) return fail("{}: cannot be opened: {}", path, reason(errno));

  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail("{}: cannot be examined: {}", path, reason(errno));
  if (S_ISDIR(status.st_mode)) return fail("{}: is a directory; name the image file in it", path);

  auto size = S_ISREG(status.st_mode) ? status.st_size : 0;
  if (S_ISBLK(status.st_mode)) {                             // st_size of a block device is 0
    size = ::lseek(file.get(), 0, SEEK_END);
    if (size < 0 || ::lseek(file.get(), 0, SEEK_SET) != 0)
      return fail("{}: the device does not tell its size: {}", path, reason(errno));
  }
  if (size > 0) {
    auto const bytes = static_cast<std::size_t>(size);
    auto *const address = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (address != MAP_FAILED) {
      mapped_file result;
      result.region_ = mapping{address, bytes};
      result.size_   = bytes;
      return result;
    }
  }

  anonymous_buffer buffer{path, read_limit};
  std::vector<std::byte> piece(chunk);
  for (;;) {
    auto const count = ::read(file.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail("{}: reading failed at offset {:#x}: {}", path, buffer.size(), reason(errno));
    if (count == 0) break;
    if (auto done = buffer.append(std::span{piece}.first(static_cast<std::size_t>(count))); !done)
      return std::unexpected{std::move(done.error())};
  }
  if (buffer.size() == 0) return fail("{}: is empty; there is no memory in it", path);
  return std::move(buffer).finish();
}

auto mapped_file::adopt(std::vector<std::byte> bytes) noexcept -> mapped_file {
  mapped_file result;
  result.owned_ = std::move(bytes);
  return result;
}

auto anonymous_buffer::append(std::span<std::byte const> bytes) -> std::expected<void, error> {
  if (bytes.size() > limit_ - size_)
    return fail("{}: holds more than the limit of {} bytes; raise the limit, or unpack it into a file first",
                what_, limit_);
  if (size_ + bytes.size() > region_.size()) {
    if (auto grown = grow(size_ + bytes.size()); !grown) return grown;
  }
  while (!bytes.empty()) {
    auto const part = bytes.first(std::min(bytes.size(), page - size_ % page));
    if (std::memcmp(part.data(), zero_block, part.size()) != 0)
      std::memcpy(region_.data() + size_, part.data(), part.size());
    size_ += part.size();
    bytes  = bytes.subspan(part.size());
  }
  return {};
}

auto anonymous_buffer::grow(std::size_t wanted) -> std::expected<void, error> {
  auto const doubled = std::max({wanted, 2 * region_.size(), 16 * chunk});
  auto const size    = (doubled + page - 1) / page * page;
  auto *const address = region_.data() == nullptr
    ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    : ::mremap(region_.data(), region_.size(), size, MREMAP_MAYMOVE);
  if (address == MAP_FAILED)
    return fail("{}: no memory for {} bytes: {}; unpack it into a file first", what_, size, reason(errno));
  region_.address_ = address;
  region_.size_    = size;
  return {};
}

auto anonymous_buffer::finish() && noexcept -> mapped_file {
  mapped_file result;
  result.size_   = std::exchange(size_, 0);
  result.region_ = std::move(region_);
  return result;
}

}  // namespace pagewright::image
