// SPDX-License-Identifier: MIT
// The memory images of real kernels: which there are, and what is known of each.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <image/image.hpp>
#include <image/memory.hpp>

namespace oracle {

inline auto hex(std::uint64_t v) -> std::string {
  std::ostringstream s;
  s << "0x" << std::hex << v;
  return s.str();
}

struct fixture {
  std::string    name, core;
  nlohmann::json json;
};

/// Every image of architecture `arch`: the sparse core, and the whole dump where there is one.
inline auto fixtures(std::string const &arch) -> std::vector<fixture> {
  namespace fs = std::filesystem;
  std::vector<fixture> found;
  for (std::string const directory : {PAGEWRIGHT_IMAGES, PAGEWRIGHT_SAMPLES}) {
    std::error_code ignored;
    if (directory.empty()) continue;
    for (auto const &entry : fs::directory_iterator{directory, ignored}) {
      auto const path = entry.path();
      if (path.extension() != ".json") continue;
      auto const json = nlohmann::json::parse(std::ifstream{path}, nullptr, false);
      if (!json.is_object() || json.value("arch", "") != arch) continue;
      for (char const *suffix : {".elf.zst", "-full.elf.zst"}) {
        auto core = path.parent_path() / (path.stem().string() + suffix);
        if (fs::exists(core)) found.push_back({core.filename().string(), core.string(), json});
      }
    }
  }
  std::sort(found.begin(), found.end(), [](auto const &a, auto const &b) { return a.core < b.core; });
  return found;
}

/// Register `name` of a context.
inline auto value(nlohmann::json const &registers, char const *name) -> std::uint64_t {
  return std::stoull(registers.at(name).get<std::string>(), nullptr, 16);
}

/// Calls with(image, registers, json, name) for every context of every image of `arch`; skips the test if there is none.
template <class With>
void for_every_context(char const *arch, With &&with) {
  auto const all = fixtures(arch);
  if (all.empty()) GTEST_SKIP() << "no " << arch << " image in PAGEWRIGHT_SAMPLES=\"" << PAGEWRIGHT_SAMPLES
                                << "\" or PAGEWRIGHT_IMAGES=\"" << PAGEWRIGHT_IMAGES << '"';
  for (auto const &f : all) {
    std::string const specs[] = {f.core};
    auto const source = pagewright::image::image::open(specs);
    ASSERT_TRUE(source) << f.core;
    for (auto const &context : f.json.at("contexts"))
      with(*source, context.at("registers"), f.json, f.name + ' ' + context.at("id").get<std::string>());
  }
}

/// What TCR_EL1 says of one half, read by hand: TxSZ, TG0 (bits 15:14) or TG1 (31:30), IPS (34:32), DS (59).
struct arm64_regime {
  unsigned granule, input_bits;
  bool     wide;
};
inline auto arm64_regime_of(std::uint64_t tcr, bool upper) -> arm64_regime {
  auto const tg = static_cast<unsigned>(tcr >> (upper ? 30 : 14) & 3);
  unsigned const granule = upper ? (tg == 1 ? 14 : tg == 2 ? 12 : 16) : (tg == 0 ? 12 : tg == 1 ? 16 : 14);
  return {granule, 64 - static_cast<unsigned>(tcr >> (upper ? 16 : 0) & 63),
          granule == 16 ? (tcr >> 32 & 7) >= 6 : (tcr >> 59 & 1) != 0};
}

}  // namespace oracle
