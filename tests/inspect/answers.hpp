// SPDX-License-Identifier: MIT
// Fixtures: the memory of a stopped guest, its registers, and what its emulator and its kernel say about addresses.
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <image/image.hpp>
#include <inspect/machine.hpp>

namespace pagewright::answers {

/// "VA PA SIZE FLAGS": a leaf (x86), or a merged range (RISC-V).
struct stretch {
  u64         va, pa, size;
  std::string flags;
  friend auto operator==(stretch const &, stretch const &) -> bool = default;
};

/// "T VA PA", "T VA unmapped", "G VA PA", "G VA protnone".
struct pair {
  u64                va;
  std::optional<u64> pa;
};

struct answers {
  std::vector<stretch> stretches;
  std::vector<pair>    monitor, guest;  // T: the emulator's translation; G: the guest kernel's
};

/// One live root of a fixture.
struct context {
  std::string                id;
  std::map<std::string, u64> registers; // under the names of the JSON: cr3, ttbr0_el1, satp ...
  std::filesystem::path      answers_file;
};

struct fixture {
  std::string           name, arch;     // "x86_64", "i386", "aarch64", "arm", "riscv64", "s390x"
  std::filesystem::path memory;
  std::vector<context>  contexts;
};

/// The fixtures in the folders that PAGEWRIGHT_SAMPLES and PAGEWRIGHT_IMAGES name. Throws std::runtime_error for a
/// JSON file that is none.
[[nodiscard]] auto find_fixtures() -> std::vector<fixture>;

/// Reads a file of answers, zstd-compressed or not. Throws std::runtime_error with the line that is wrong.
[[nodiscard]] auto read_answers(std::filesystem::path const &file) -> answers;

/// Asks for the machine that a context, one of `f`, describes.
[[nodiscard]] auto request_of(fixture const &f, context const &c) -> inspect::request;

}  // namespace pagewright::answers
