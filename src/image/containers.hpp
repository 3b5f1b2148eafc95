// SPDX-License-Identifier: MIT
// What each file format contributes to an image. Internal to src/image: include image.hpp instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "byte_view.hpp"
#include "cpu_state.hpp"
#include "error.hpp"
#include "physical_map.hpp"

namespace pagewright::image {

struct contents {
  std::vector<segment>        segments;
  std::optional<elf_identity> elf;
  std::vector<cpu_state>      cpus;
  std::string                 vmcoreinfo;
};

/// Each parser takes the unpacked bytes of one file and that file's name for messages. Segments point into `bytes`.
[[nodiscard]] auto parse_elf(std::span<std::byte const> bytes, std::string const &file, warning_list &notes)
    -> std::expected<contents, error>;
[[nodiscard]] auto parse_lime(std::span<std::byte const> bytes, std::string const &file, warning_list &notes)
    -> std::expected<contents, error>;
[[nodiscard]] auto parse_raw(std::span<std::byte const> bytes, std::string const &file, std::uint64_t base)
    -> std::expected<contents, error>;

inline constexpr std::uint32_t lime_magic = 0x4C694D45;

[[nodiscard]] auto is_elf(std::span<std::byte const> bytes) noexcept -> bool;
[[nodiscard]] auto is_lime(std::span<std::byte const> bytes) noexcept -> bool;

/// How many notes of each kind came before: the n-th of a kind is vCPU n's, over all segments of notes.
struct note_counts {
  std::size_t prstatus = 0, qemu = 0, control = 0, prefix = 0;
};

/// Reads one PT_NOTE segment, which starts at `offset` of the file, into `into`. Damaged notes end the reading of
/// their segment with a warning; the memory is as good without them.
void parse_notes(std::span<std::byte const> segment, std::uint64_t offset, std::string const &file, contents &into,
                 note_counts &seen, warning_list &notes);

/// Judges long mode once every note is read: the e_machine of QEMU's file speaks for vCPU 0 only.
void judge_long_mode(contents &into);

}  // namespace pagewright::image
