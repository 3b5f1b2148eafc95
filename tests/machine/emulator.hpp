// SPDX-License-Identifier: MIT
// The host's side: an emulated machine whose memory is a file that both map. The library writes the tables into it, a
// probe program (payload/) makes accesses through them on the emulated MMU, and answers and marked tables are read from it.
#pragma once

#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <pagewright/memory.hpp>

#include "protocol.hpp"

namespace machine {

/// A file that is the machine's memory from `base` on, gone when this is. Throws std::system_error if there is no room.
class ram {
 public:
  ram(u64 base, u64 bytes);
  ~ram();
  ram(ram const &) = delete;
  auto operator=(ram const &) -> ram & = delete;

  auto base() const -> u64 { return base_; }
  auto bytes() const -> u64 { return bytes_; }
  auto path() const -> std::filesystem::path const & { return path_; }

  /// `count` objects at a physical address. Throws std::out_of_range if they are not all memory.
  template <class T>
  auto at(u64 physical, u64 count = 1) -> std::span<T> {
    check(physical, count * sizeof(T));
    return {reinterpret_cast<T *>(here_ + (physical - base_)), static_cast<std::size_t>(count)};
  }
  /// The library's view of it.
  struct locate {
    u8 *here;
    u64 base, bytes;
    auto operator()(pagewright::output_address a) const -> void * {
      return a.value - base < bytes ? here + (a.value - base) : nullptr;
    }
  };
  auto memory() -> pagewright::mapped_memory<locate> { return pagewright::mapped_memory{locate{here_, base_, bytes_}}; }

 private:
  void check(u64 physical, u64 bytes) const;

  std::filesystem::path path_;
  u64                   base_, bytes_;
  u8                   *here_ = nullptr;
};

/// The whole path of a program, or nothing if it is not installed.
auto program(std::string const &name) -> std::optional<std::string>;

/// Writes settings and probes into `memory` from `where` on, for the program to find.
void ask(ram &memory, u64 where, std::span<setting const> settings, std::span<probe const> probes);

/// The answers, after the machine has run; shorter than the probes if it did not get through them.
auto answers(ram &memory, u64 where) -> std::span<answer const>;

/// How a program ended.
struct ended {
  int         status;   // its exit status; 256 and more: the signal that ended it, or 512 if it was stopped for the time
  std::string printed;  // both streams
  double      seconds;
};
auto run(std::vector<std::string> const &command, std::chrono::seconds limit) -> ended;

/// How many cases to try: `at_size_1`, times PAGEWRIGHT_TEST_SIZE, but never fewer than `least`.
auto how_many(u64 at_size_1, u64 least) -> u64;

/// Adds a line to the table of docs/oracles.md's kind that ctest's output and PAGEWRIGHT_MACHINE_TABLE (a file) get.
void tell(std::string const &mode, std::string const &oracle, u64 probes, u64 agree, u64 known, double seconds);

}  // namespace machine
