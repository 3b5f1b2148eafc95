// SPDX-License-Identifier: MIT
// LiME, version 1: ranges one after another, each a 32-byte header { u32 magic, u32 version, u64 first, u64 last,
// 8 reserved bytes } and then its bytes. The end is inclusive. Little-endian, as every machine LiME runs on.

#include "containers.hpp"

namespace pagewright::image {
namespace {

constexpr std::uint32_t avml_magic  = 0x4C4D5641;
constexpr std::uint64_t header_size = 32;

}  // namespace

auto is_lime(std::span<std::byte const> bytes) noexcept -> bool {
  return byte_view{bytes}.get<std::uint32_t>(0) == lime_magic;
}

auto parse_lime(std::span<std::byte const> bytes, std::string const &file, warning_list &notes)
    -> std::expected<contents, error> {
  auto const view = byte_view{bytes};
  contents   into;
  for (std::uint64_t at = 0; at < view.size();) {
    if (!view.has(at, header_size)) {
      notes.add("{}: offset {:#x}: the file ends inside a LiME header; ranges after it are missing from the image",
                file, at);
      break;
    }
    auto const magic   = view.get<std::uint32_t>(at).value_or(0);
    auto const version = view.get<std::uint32_t>(at + 4).value_or(0);
    auto const first   = view.get<std::uint64_t>(at + 8).value_or(0);
    auto const last    = view.get<std::uint64_t>(at + 16).value_or(0);
    if (magic == avml_magic)
      return fail("{}: offset {:#x}: a compressed AVML block, which is not read here; convert the file to LiME "
                  "with avml-convert", file, at);
    if (magic != lime_magic)
      return fail("{}: offset {:#x}: expected the LiME magic {:#x}, found {:#x}; the file is damaged, or it is not "
                  "LiME: name its format", file, at, lime_magic, magic);
    if (version != 1)
      return fail("{}: offset {:#x}: LiME version {}; only version 1 is known", file, at + 4, version);
    if (first > last)
      return fail("{}: offset {:#x}: a LiME range from {:#x} to {:#x} is backwards; the file is damaged", file, at + 8,
                  first, last);

    auto const body = at + header_size;
    auto const rest = last - first;                         // one less than the size: the whole space fits
    auto const have = view.size() - body;
    if (rest >= have) {
      notes.add("{}: offset {:#x}: the file ends inside the LiME range {:#x}..{:#x}; from {:#x} on it is missing from "
                "the image", file, body, first, last, first + have);
      if (have != 0) into.segments.push_back({first, first + (have - 1), bytes.data() + body});
      break;
    }
    into.segments.push_back({first, last, bytes.data() + body});
    at = body + rest + 1;
  }
  if (into.segments.empty())
    return fail("{}: is a LiME file of {} bytes without any memory in it; capture the machine again", file,
                view.size());
  return into;
}

}  // namespace pagewright::image
