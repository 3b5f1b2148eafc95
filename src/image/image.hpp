// SPDX-License-Identifier: MIT
// The physical memory of a captured machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu_state.hpp"
#include "decompress.hpp"
#include "error.hpp"
#include "mapped_file.hpp"
#include "physical_map.hpp"

namespace pagewright::image {

enum class container : std::uint8_t { raw, elf, lime };

[[nodiscard]] constexpr auto name(container c) noexcept -> std::string_view {
  constexpr std::string_view names[] = {"raw", "ELF core", "LiME"};
  return names[static_cast<std::size_t>(c)];
}

struct open_options {
  std::optional<container> format       = {};                        ///< absent: told from the first bytes
  bool                     unpack       = true;                      ///< zstd and gzip
  std::uint64_t            unpack_limit = std::uint64_t{16} << 30;   ///< bytes held for a file that cannot be mapped
};

/// One file of an image.
struct source {
  std::string                  path;
  container                    format  = container::raw;
  compression                  packing = compression::none;
  std::uint64_t                bytes_on_disk = 0;
  std::optional<std::uint64_t> base;                                 ///< as given with FILE@HEXBASE
};

/// The physical memory of a captured machine: sparse, read-only, with explicit holes. Immutable once open, so that any
/// number of threads may read it; pointers into it stay valid while the image, or the one it was moved to, lives.
class image {
 public:
  /// Opens one image made of one or several files, each "FILE" or "FILE@HEXBASE". A base says that FILE is raw memory
  /// starting at that physical address; without one the format is told from the first bytes, and what is unknown is
  /// raw memory at 0. A file whose name is the whole spec, '@' included, is preferred. Where files overlap, the
  /// earlier one is read. Files are mapped; compressed ones are unpacked into memory.
  [[nodiscard]] static auto open(std::span<std::string const> specs, open_options const &options = {})
      -> std::expected<image, error>;

  /// The same for one file that is already in memory; `name` stands for it in messages.
  [[nodiscard]] static auto from_bytes(std::vector<std::byte> bytes, std::string name, open_options const &options = {},
                                       std::optional<std::uint64_t> base = {}) -> std::expected<image, error>;

  /// `bytes` contiguous bytes at a physical address, or nullptr when one is missing or they are not contiguous in the
  /// file; `read` can tell the two apart. May be unaligned: use memcpy. O(log extents), no locks, no caches.
  [[nodiscard]] auto at(std::uint64_t address, std::size_t bytes) const noexcept -> std::byte const * {
    return map_.at(address, bytes);
  }

  /// Copies out.size() bytes from a physical address on, over extents that touch. False when one is missing; `out` is
  /// then partly written.
  [[nodiscard]] auto read(std::uint64_t address, std::span<std::byte> out) const noexcept -> bool {
    return map_.read(address, out);
  }

  /// The ranges that are present: sorted, apart from one another, closed.
  [[nodiscard]] auto extents() const noexcept -> std::span<extent const> { return map_.extents(); }

  /// Bytes of memory present; 2^64 - 1 stands for that and more.
  [[nodiscard]] auto total_bytes() const noexcept -> std::uint64_t { return map_.total_bytes(); }

  [[nodiscard]] auto sources()  const noexcept -> std::span<source const>      { return sources_; }
  [[nodiscard]] auto cpus()     const noexcept -> std::span<cpu_state const>   { return cpus_; }
  [[nodiscard]] auto elf()      const noexcept -> std::optional<elf_identity> const & { return elf_; }

  /// The kernel's VMCOREINFO text, lines of KEY=VALUE; empty when the file has none.
  [[nodiscard]] auto vmcoreinfo() const noexcept -> std::string_view { return vmcoreinfo_; }

  /// What is wrong with files that could be opened all the same, for people.
  [[nodiscard]] auto warnings() const noexcept -> std::span<std::string const> { return warnings_; }

 private:
  class builder;

  std::vector<mapped_file>    files_;
  physical_map                map_;
  std::vector<source>         sources_;
  std::vector<cpu_state>      cpus_;
  std::optional<elf_identity> elf_;
  std::string                 vmcoreinfo_;
  std::vector<std::string>    warnings_;
};

}  // namespace pagewright::image
