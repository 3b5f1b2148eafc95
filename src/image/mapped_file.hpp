// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "error.hpp"

namespace pagewright::image {

/// Owns a region made by mmap.
class mapping {
 public:
  mapping() = default;
  mapping(void *address, std::size_t size) noexcept : address_{address}, size_{size} {}
  mapping(mapping &&other) noexcept
    : address_{std::exchange(other.address_, nullptr)}, size_{std::exchange(other.size_, 0)} {}
  mapping &operator=(mapping &&other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~mapping();

  [[nodiscard]] auto data() const noexcept -> std::byte * { return static_cast<std::byte *>(address_); }
  [[nodiscard]] auto size() const noexcept -> std::size_t { return size_; }

 private:
  friend class anonymous_buffer;

  void *address_ = nullptr;
  std::size_t size_    = 0;
};

/// The bytes of one file, mapped where the file allows it. Pointers into it survive moves.
class mapped_file {
 public:
  mapped_file() = default;

  /// Maps `path`. What cannot be mapped (a pipe, a character device, most of /proc) is read to its end into
  /// anonymous memory, at most `read_limit` bytes of it. An empty file is an error.
  /// A file that another process shortens while it is mapped raises SIGBUS on access, as with any mapping.
  [[nodiscard]] static auto open(std::string const &path, std::uint64_t read_limit)
      -> std::expected<mapped_file, error>;

  /// Takes bytes that are already in memory.
  [[nodiscard]] static auto adopt(std::vector<std::byte> bytes) noexcept -> mapped_file;

  [[nodiscard]] auto bytes() const noexcept -> std::span<std::byte const> {
    return region_.data() != nullptr ? std::span<std::byte const>{region_.data(), size_} : std::span{owned_};
  }

 private:
  friend class anonymous_buffer;

  mapping                region_;
  std::size_t            size_ = 0;
  std::vector<std::byte> owned_;
};

/// Anonymous memory that grows while a stream is poured into it. Pages that are all zero are never touched, so a
/// decompressed image costs as much memory as it has content.
class anonymous_buffer {
 public:
  /// `what` names the stream in errors.
  anonymous_buffer(std::string what, std::uint64_t limit) : what_{std::move(what)}, limit_{limit} {}

  [[nodiscard]] auto append(std::span<std::byte const> bytes) -> std::expected<void, error>;

  [[nodiscard]] auto size() const noexcept -> std::uint64_t { return size_; }

  [[nodiscard]] auto finish() && noexcept -> mapped_file;

 private:
  [[nodiscard]] auto grow(std::size_t wanted) -> std::expected<void, error>;

  std::string   what_;
  std::uint64_t limit_;
  mapping       region_;
  std::size_t   size_ = 0;
};

}  // namespace pagewright::image
