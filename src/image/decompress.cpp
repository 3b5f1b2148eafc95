// SPDX-License-Identifier: MIT
#include "decompress.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <vector>

#include <zlib.h>
#include <zstd.h>

#include "byte_view.hpp"

namespace pagewright::image {
namespace {

constexpr std::size_t chunk = 1 << 20;

[[nodiscard]] auto truncated(std::string const &file, std::string_view kind, std::uint64_t input, std::uint64_t output)
    -> std::unexpected<error> {
  return fail("{}: the {} stream is truncated: it ends after {} bytes, in the middle of the data ({} bytes unpacked); "
              "copy the file again", file, kind, input, output);
}

[[nodiscard]] auto corrupt(std::string const &file, std::string_view kind, std::uint64_t offset,
                           char const *reason) -> std::unexpected<error> {
  return fail("{}: the {} stream is corrupt near offset {:#x}: {}; copy the file again", file, kind, offset,
              reason != nullptr ? reason : "invalid data");
}

[[nodiscard]] auto unpack_zstd(std::span<std::byte const> bytes, std::string const &file, std::uint64_t limit)
    -> std::expected<mapped_file, error> {
  struct release { void operator()(ZSTD_DCtx *c) const noexcept { ZSTD_freeDCtx(c); } };
  auto const context = std::unique_ptr<ZSTD_DCtx, release>{ZSTD_createDCtx()};
  if (context == nullptr) return fail("{}: no memory for the zstd decoder", file);

  // `zstd --long` goes beyond the decoder's default window of 2^27; a window larger than the output may become is a
  // header asking for memory it cannot need.
  auto const window = std::clamp(static_cast<int>(std::bit_width(limit)), 27, sizeof(void*) == 8 ? 31 : 30);
  if (auto const code = ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window); ZSTD_isError(code))
    return fail("{}: the zstd decoder refuses a window of 2^{}: {}", file, window, ZSTD_getErrorName(code));

  anonymous_buffer       buffer{file, limit};
  std::vector<std::byte> piece(chunk);
  ZSTD_inBuffer          in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    auto const rest = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(rest)) return corrupt(file, "zstd", in.pos, ZSTD_getErrorName(rest));
    if (auto done = buffer.append(std::span{piece}.first(out.pos)); !done)
      return std::unexpected{std::move(done.error())};
    if (in.pos < in.size) continue;
    if (rest == 0) break;                                   // the last frame is complete
    if (out.pos < out.size) return truncated(file, "zstd", bytes.size(), buffer.size());
  }
  if (buffer.size() == 0) return fail("{}: the zstd stream unpacks to nothing; there is no memory in it", file);
  return std::move(buffer).finish();
}

[[nodiscard]] auto unpack_gzip(std::span<std::byte const> bytes, std::string const &file, std::uint64_t limit,
                               warning_list &notes) -> std::expected<mapped_file, error> {
  struct decoder {
    z_stream stream{};
    int      code = inflateInit2(&stream, 16 + MAX_WBITS);  // 16: a gzip wrapper and nothing else
    decoder() = default;
    decoder(decoder const &)            = delete;
    decoder &operator=(decoder const &) = delete;
    ~decoder() { inflateEnd(&stream); }
  } state;
  if (state.code != Z_OK) return fail("{}: no memory for the gzip decoder", file);
  auto &z = state.stream;

  anonymous_buffer       buffer{file, limit};
  std::vector<std::byte> piece(chunk);
  std::size_t            fed = 0;                             // bytes handed to zlib, whose counters are 32 bits wide
  for (;;) {
    if (z.avail_in == 0 && fed < bytes.size()) {
      auto const next = bytes.subspan(fed, std::min<std::size_t>(bytes.size() - fed, 1u << 30));
      z.next_in  = const_cast<Bytef *>(reinterpret_cast<Bytef const *>(next.data()));   // zlib reads it only
      z.avail_in = static_cast<uInt>(next.size());
      fed += next.size();
    }
    z.next_out  = reinterpret_cast<Bytef *>(piece.data());
    z.avail_out = static_cast<uInt>(piece.size());
    auto const code = inflate(&z, Z_NO_FLUSH);
    auto const used = fed - z.avail_in;
    if (auto done = buffer.append(std::span{piece}.first(piece.size() - z.avail_out)); !done)
      return std::unexpected{std::move(done.error())};
    if (code == Z_BUF_ERROR && used == bytes.size()) return truncated(file, "gzip", used, buffer.size());
    if (code == Z_STREAM_END) {
      auto const rest = bytes.subspan(used);
      if (sniff_compression(rest) == compression::gzip) { // the next member
        inflateReset(&z);
        continue;
      }
      if (!std::ranges::all_of(rest, [](std::byte b) { return b == std::byte{0}; }))
        notes.add("{}: {} bytes after the gzip stream, from offset {:#x} on, are not gzip and were ignored",
                  file, rest.size(), used);
      break;
    }
    if (code != Z_OK && code != Z_BUF_ERROR) return corrupt(file, "gzip", used, z.msg);
  }
  if (buffer.size() == 0) return fail("{}: the gzip stream unpacks to nothing; there is no memory in it", file);
  return std::move(buffer).finish();
}

}  // namespace

auto sniff_compression(std::span<std::byte const> bytes) noexcept -> compression {
  auto const view  = byte_view{bytes};
  auto const magic = view.get<std::uint32_t>(0);
  if (magic == 0xFD2FB528) return compression::zstd;
  if (magic && (*magic & 0xFFFFFFF0) == 0x184D2A50) return compression::zstd;   // a skippable frame (RFC 8878, 3.1.2)
  if (view.get<std::uint16_t>(0) == 0x8B1F && view.get<std::uint8_t>(2) == 8) return compression::gzip;   // RFC 1952
  return compression::none;
}

auto is_zlib_of(std::uint32_t magic, std::span<std::byte const> bytes) noexcept -> bool {
  auto const first = byte_view{bytes, std::endian::big}.get<std::uint16_t>(0).value_or(0);
  if ((first >> 8 & 0xF) != Z_DEFLATED || first % 31 != 0) return false;   // RFC 1950, 2.2
  z_stream z{};
  if (inflateInit(&z) != Z_OK) return false;
  auto const               some = bytes.first(std::min<std::size_t>(bytes.size(), 4096));
  std::array<std::byte, 4> begin{};
  z.next_in   = const_cast<Bytef *>(reinterpret_cast<Bytef const *>(some.data()));   // zlib reads it only
  z.avail_in  = static_cast<uInt>(some.size());
  z.next_out  = reinterpret_cast<Bytef *>(begin.data());
  z.avail_out = begin.size();
  inflate(&z, Z_SYNC_FLUSH);
  inflateEnd(&z);
  return z.avail_out == 0 && byte_view{begin}.get<std::uint32_t>(0) == magic;
}

auto decompress(compression kind, std::span<std::byte const> bytes, std::string const &file, std::uint64_t limit,
                warning_list &notes) -> std::expected<mapped_file, error> {
  if (kind == compression::gzip) return unpack_gzip(bytes, file, limit, notes);
  return unpack_zstd(bytes, file, limit);
}

}  // namespace pagewright::image
