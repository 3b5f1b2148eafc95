// SPDX-License-Identifier: MIT
// The emulated AArch64 machine of these tests: what lies where in its memory, how it is started, what its processor has.
#pragma once

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include <gtest/gtest.h>

#include <pagewright/formats/arm64.hpp>

#include "emulator.hpp"
#include "payload/aarch64.hpp"

namespace machine::aarch64 {

using pagewright::bit;

inline constexpr u64 ram_at = 0x4000'0000, ram_bytes = u64{64} << 20;
inline constexpr u64 stub_tables_at = stub_at + 0x1000;  // four
inline constexpr u64 tables_at = 0x4100'0000, tables_end = 0x4200'0000;
inline constexpr u64 targets_at = 0x4200'0000, targets_bytes = u64{2} << 20;  // where allowed accesses lead
inline constexpr u64 compared_end = targets_at + targets_bytes;               // from tables_at: what both sides must agree on
constexpr auto is_target(u64 physical) -> bool { return physical - targets_at < targets_bytes; }

/// Where the stub is mapped in a half: four levels of the 4K granule.
constexpr auto stub_in(pagewright::arm64::half space) -> u64 {
  return space == pagewright::arm64::half::lower ? stub_at : 0xffff'0000'0000'0000 | stub_at;
}

/// Maps the stub, executable for EL1 and EL0, read-only so that SCTLR.WXN does not matter. It and its tables are in
/// memory at stub_at; `at` is where they are for the tables.
inline void map_stub(ram &memory, u64 at) {
  auto const word = memory.at<u64>(stub_tables_at, 4 * 512);
  std::ranges::fill(word, u64{0});
  for (unsigned n = 0; n < 4; ++n) {
    u64 const index = stub_at >> (39 - 9 * n) & 511;
    word[n * 512 + index] = n < 3 ? (at + (stub_tables_at - stub_at) + (n + 1) * 4096) | 3 : at | bit(10) | 3u << 6 | 3;
  }
}

/// Fills the targets: each word holds its own address, the first of each 4 KB a return instruction.
inline void fill_targets(ram &memory) {
  constexpr u64 ret = 0xd65f03c0;
  auto const word = memory.at<u64>(targets_at, targets_bytes / 8);
  for (u64 n = 0; n < word.size(); ++n) word[n] = n % 512 == 0 ? ret << 32 | ret : targets_at + n * 8;
}

/// Why these tests cannot run here; empty if they can.
inline auto missing() -> std::string {
  if (std::string{PAYLOAD_AARCH64}.empty()) return "g++-aarch64-linux-gnu is not installed";
  if (!program("qemu-system-aarch64")) return "qemu-system-aarch64 is not installed (package qemu-system-arm)";
  return {};
}

/// Runs the program on what `ask` wrote.
inline auto start(ram const &memory) -> ended {
  auto const bytes = std::to_string(memory.bytes());
  return run({*program("qemu-system-aarch64"), "-M", "virt,virtualization=on,memory-backend=ram", "-m", bytes + "B",
              "-object", "memory-backend-file,id=ram,share=on,size=" + bytes + ",mem-path=" + memory.path().string(),
              "-accel", "tcg", "-cpu", "max,pauth-impdef=on", "-display", "none", "-serial", "none", "-monitor", "none",
              "-semihosting-config", "enable=on,target=native", "-kernel", PAYLOAD_AARCH64},
             std::chrono::seconds{20});
}

/// QEMU's release, as 702 for 7.2.
inline auto release_of_qemu() -> unsigned {
  static unsigned const release = [] {
    auto const e = run({*program("qemu-system-aarch64"), "--version"}, std::chrono::seconds{20});
    unsigned major = 0, minor = 0;
    if (auto const at = e.printed.find("version "); at != std::string::npos)
      std::sscanf(e.printed.c_str() + at, "version %u.%u", &major, &minor);
    return major * 100 + minor;
  }();
  return release;
}

/// What the emulated processor has. Releases of QEMU differ.
struct features {
  bool     lpa2_4k, lpa2_16k, lva, uao, pan3, e0pd, xnx;
  unsigned hafdbs;

  auto have(pagewright::arm64::granule page, bool wide) const -> bool {
    using enum pagewright::arm64::granule;
    return !wide || (page == k4 ? lpa2_4k : page == k16 ? lpa2_16k : lva);
  }
  static auto of_this_machine() -> features const & {
    static features const f = [] {
      ram           memory{ram_at, ram_bytes};
      setting const none{};
      probe const   ids[]{{0, 0, 0, {}, identification, 0}, {1, 0, 0, {}, identification, 0}, {2, 0, 0, {}, identification, 0}};
      ask(memory, control_at, {&none, 1}, ids);
      auto const e = start(memory);
      auto const a = answers(memory, control_at);
      if (e.status != 0 || a.size() != 3) throw std::runtime_error{"the machine does not tell what it has: " + e.printed};
      auto const field = [&](unsigned reg, unsigned from) { return static_cast<unsigned>(a[reg].value >> from & 0xf); };
      return features{.lpa2_4k = field(0, 28) == 1, .lpa2_16k = field(0, 20) == 2, .lva = field(2, 16) >= 1,
                      .uao = field(2, 4) >= 1, .pan3 = field(1, 20) >= 3,
                      .e0pd = field(2, 60) >= 1, .xnx = field(1, 28) >= 1, .hafdbs = field(1, 0)};
    }();
    return f;
  }
};

/// A repeatable stream of choices.
class choices {
 public:
  explicit choices(u64 seed) : state_{seed} {}
  auto any() -> u64 {
    u64 z = state_ += 0x9e37'79b9'7f4a'7c15;
    z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
    return z ^ z >> 31;
  }
  auto below(u64 n) -> u64 { return any() % n; }
  auto one_in(u64 n) -> bool { return below(n) == 0; }
  auto flag() -> bool { return one_in(2); }

 private:
  u64 state_;
};

}  // namespace machine::aarch64
