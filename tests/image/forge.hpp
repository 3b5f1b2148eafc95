// SPDX-License-Identifier: MIT
// Image files made byte by byte, so that every field can be wrong on purpose.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "image/image.hpp"

namespace forge {

using bytes = std::vector<std::byte>;
using pagewright::image::image;
using pagewright::image::open_options;

/// Bytes that differ from place to place: a byte read from the wrong offset is seen.
inline auto pattern(std::size_t size, unsigned seed = 0) -> bytes {
  bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>((i * 7 + i / 251 + seed * 59 + 1) & 0xff);
  return out;
}

inline void put(bytes &to, std::uint64_t value, unsigned width, std::endian order = std::endian::little) {
  for (unsigned i = 0; i < width; ++i)
    to.push_back(static_cast<std::byte>(value >> 8 * (order == std::endian::little ? i : width - 1 - i)));
}

inline void poke(bytes &in, std::size_t at, std::uint64_t value, unsigned width,
                 std::endian order = std::endian::little) {
  bytes field;
  put(field, value, width, order);
  std::memcpy(in.data() + at, field.data(), width);
}

inline void append(bytes &to, bytes const &more) { to.insert(to.end(), more.begin(), more.end()); }

struct phdr {
  std::uint32_t type;
  std::uint64_t offset, vaddr, paddr, filesz, memsz;
};

/// An ELF core laid out as QEMU 7.2 does it (sections, program headers, notes, memory) or as it once did.
struct elf {
  bool          wide    = true;
  std::endian   order   = std::endian::little;
  std::uint16_t machine = 62;
  std::uint16_t type    = 4;
  std::uint16_t ehsize  = 8;                   // QEMU 7.2's mistake
  std::uint16_t stride  = 0;                   // 0: what the class wants
  bool          xnum    = false;               // the count in section header 0
  bytes         notes   = {};
  struct load {
    std::uint64_t paddr = 0;
    bytes         data  = {};
    std::uint64_t zero  = 0;                   // p_memsz - p_filesz
    std::uint64_t vaddr = 0;
  };
  std::vector<load> loads = {};
  std::vector<phdr> extra = {};                     // headers as they are, after the loads

  [[nodiscard]] auto headers() const -> std::size_t { return (notes.empty() ? 0 : 1) + loads.size() + extra.size(); }
  [[nodiscard]] auto section_at() const -> std::size_t { return wide ? 64 : 52; }
  [[nodiscard]] auto phdr_size() const -> std::size_t { return stride != 0 ? stride : wide ? 56 : 32; }
  [[nodiscard]] auto phdr_at() const -> std::size_t { return section_at() + (wide ? 64 : 40); }
  [[nodiscard]] auto notes_at() const -> std::size_t { return phdr_at() + headers() * phdr_size(); }
  [[nodiscard]] auto load_at(std::size_t n) const -> std::size_t {
    auto at = notes_at() + notes.size();
    for (std::size_t i = 0; i < n; ++i) at += loads[i].data.size();
    return at;
  }

  [[nodiscard]] auto build() const -> bytes {
    bytes out;
    auto const half = [&](std::uint64_t v) { put(out, v, 2, order); };
    auto const word = [&](std::uint64_t v) { put(out, v, 4, order); };
    auto const addr = [&](std::uint64_t v) { put(out, v, wide ? 8 : 4, order); };
    for (unsigned const c : {0x7fu, 0x45u, 0x4cu, 0x46u, wide ? 2u : 1u, order == std::endian::little ? 1u : 2u, 1u})
      put(out, c, 1);
    out.resize(16);
    half(type), half(machine), word(1), addr(0), addr(phdr_at()), addr(section_at()), word(0);
    half(ehsize), half(phdr_size()), half(xnum ? 0xffff : headers()), half(wide ? 64 : 40), half(1), half(0);
    out.resize(section_at() + (wide ? 44 : 28));
    word(xnum ? headers() : 0);
    out.resize(phdr_at());

    auto const header = [&](phdr const &h) {
      auto const start = out.size();
      word(h.type);
      if (wide) word(4);
      addr(h.offset), addr(h.vaddr), addr(h.paddr), addr(h.filesz), addr(h.memsz);
      if (!wide) word(4);
      addr(0);
      out.resize(start + phdr_size());
    };
    if (!notes.empty()) header({4, notes_at(), 0, 0, notes.size(), notes.size()});
    for (std::size_t i = 0; i < loads.size(); ++i) {
      auto const &l = loads[i];
      header({1, load_at(i), l.vaddr, l.paddr, l.data.size(), l.data.size() + l.zero});
    }
    for (auto const &h : extra) header(h);
    append(out, notes);
    for (auto const &l : loads) append(out, l.data);
    return out;
  }
};

inline auto note(std::string_view name, std::uint32_t type, bytes const &desc, std::endian order = std::endian::little)
    -> bytes {
  bytes out;
  put(out, name.size() + 1, 4, order), put(out, desc.size(), 4, order), put(out, type, 4, order);
  for (char const c : name) put(out, static_cast<unsigned char>(c), 1);
  put(out, 0, 1);
  out.resize((out.size() + 3) / 4 * 4);
  append(out, desc);
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

inline auto prstatus(std::size_t size, std::size_t pc_at, std::uint64_t pc, std::size_t sp_at, std::uint64_t sp,
                     unsigned width, std::endian order = std::endian::little) -> bytes {
  auto desc = bytes(size);
  poke(desc, pc_at, pc, width, order), poke(desc, sp_at, sp, width, order);
  return note("CORE", 1, desc, order);
}

struct qemu_cpu {
  std::uint32_t version = 1, claimed = 440, size = 440, cs_flags = 0x00affb00;
  std::uint64_t cr0 = 0x80050033, cr2 = 0x1111, cr3 = 0x55b8000, cr4 = 0x750eb0, rip = 0x401bfc, rflags = 0x206;

  [[nodiscard]] auto build() const -> bytes {
    auto desc = bytes(448);
    poke(desc, 0, version, 4), poke(desc, 4, claimed, 4), poke(desc, 136, rip, 8), poke(desc, 144, rflags, 8);
    poke(desc, 152, 0x33, 4), poke(desc, 160, cs_flags, 4);
    poke(desc, 392, cr0, 8), poke(desc, 408, cr2, 8), poke(desc, 416, cr3, 8), poke(desc, 424, cr4, 8);
    desc.resize(size);
    return note("QEMU", 0, desc);
  }
};

inline void lime(bytes &to, std::uint64_t first, std::uint64_t last, bytes const &data) {
  put(to, 0x4C694D45, 4), put(to, 1, 4), put(to, first, 8), put(to, last, 8), put(to, 0, 8);
  append(to, data);
}

inline auto zstd(bytes const &in) -> bytes {
  bytes out(ZSTD_compressBound(in.size()));
  auto const size = ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3);
  EXPECT_FALSE(ZSTD_isError(size)) << ZSTD_getErrorName(size);
  out.resize(size);
  return out;
}

inline auto gzip(bytes const &in) -> bytes {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  bytes out(deflateBound(&z, static_cast<uLong>(in.size())) + 64);
  z.next_in   = const_cast<Bytef *>(reinterpret_cast<Bytef const *>(in.data()));
  z.avail_in  = static_cast<uInt>(in.size());
  z.next_out  = reinterpret_cast<Bytef *>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

/// A directory that goes away with the test.
class temporary {
 public:
  temporary() {
    auto text = (std::filesystem::temp_directory_path() / "pagewright-image-XXXXXX").string();
    if (::mkdtemp(text.data()) == nullptr) ADD_FAILURE() << "no temporary directory at " << text;
    path_ = text;
  }
  temporary(temporary const &)                     = delete;
  auto operator=(temporary const &) -> temporary & = delete;
  ~temporary() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  auto file(std::string const &name, bytes const &content) const -> std::string {
    auto const path = (path_ / name).string();
    std::ofstream{path, std::ios::binary}.write(reinterpret_cast<char const *>(content.data()),
                                                static_cast<std::streamsize>(content.size()));
    return path;
  }
  [[nodiscard]] auto path(std::string const &name = {}) const -> std::string { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline auto open(std::vector<std::string> const &specs, open_options const &options = {}) {
  return image::open(specs, options);
}

inline auto from(bytes content, open_options const &options = {}, std::optional<std::uint64_t> base = {}) {
  return image::from_bytes(std::move(content), "test", options, base);
}

/// The image, or a test failure that says why there is none and an image without memory.
inline auto must(std::expected<image, pagewright::image::error> opened) -> image {
  if (opened) return std::move(*opened);
  ADD_FAILURE() << "expected an image, got the error: " << opened.error().message;
  return {};
}

inline auto message(std::expected<image, pagewright::image::error> const &opened) -> std::string {
  return opened ? "no error: an image of " + std::to_string(opened->total_bytes()) + " bytes" : opened.error().message;
}

inline auto joined(std::span<std::string const> lines) -> std::string {
  std::string out;
  for (auto const &l : lines) out += l + "\n";
  return out;
}

/// True when the image holds exactly `expected` at `address`, by `read`.
inline auto holds(image const &from, std::uint64_t address, std::span<std::byte const> expected)
    -> testing::AssertionResult {
  bytes found(expected.size());
  if (!from.read(address, found))
    return testing::AssertionFailure() << "a byte of 0x" << std::hex << address << " + 0x" << expected.size()
                                       << " is missing";
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i] != expected[i])
      return testing::AssertionFailure() << std::hex << "at 0x" << address + i << ": expected 0x"
                                         << std::to_integer<int>(expected[i]) << ", found 0x"
                                         << std::to_integer<int>(found[i]);
  return testing::AssertionSuccess();
}

inline auto absent(image const &from, std::uint64_t address) -> bool {
  std::byte one{};
  return from.at(address, 1) == nullptr && !from.read(address, {&one, 1});
}

inline auto text(std::span<pagewright::image::extent const> extents) -> std::string {
  std::string out;
  for (auto const &e : extents) out += fmt::format("{:x}..{:x} ", e.first, e.last);
  return out;
}

}  // namespace forge
