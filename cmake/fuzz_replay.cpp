// SPDX-License-Identifier: MIT
// Stands in for libFuzzer where there is none: hands a fuzzer every file of its corpus, as it is and mutated.
// usage: fuzz_<name> [file or directory...]    PAGEWRIGHT_TEST_SIZE scales the number of mutations
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" auto LLVMFuzzerTestOneInput(std::uint8_t const *data, std::size_t size) -> int;

namespace {

using bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t seed = 0x5eed'0f9a'6e7a'61f0;

auto read(std::filesystem::path const &path) -> bytes {
  std::ifstream in{path, std::ios::binary};
  if (!in) throw std::filesystem::filesystem_error{"cannot read", path, std::make_error_code(std::errc::io_error)};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// One to four changes of the kinds that matter to a parser: a flipped bit, a set byte, a cut, a repeated stretch.
auto mutated(bytes input, std::mt19937_64 &random) -> bytes {
  auto const below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (auto changes = 1 + below(4); changes != 0; --changes) {
    if (input.empty()) {
      input.resize(1 + below(64));
      for (auto &b : input) b = static_cast<std::uint8_t>(random());
      continue;
    }
    auto const at   = below(input.size());
    auto const here = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(4)) {
      case 0: *here = static_cast<std::uint8_t>(*here ^ 1u << below(8)); break;
      case 1: *here = below(2) != 0 ? std::uint8_t{0xff} : static_cast<std::uint8_t>(random()); break;
      case 2: input.resize(at); break;
      default: {
        bytes const stretch(here, here + static_cast<std::ptrdiff_t>(1 + below(std::min<std::size_t>(64, input.size() - at))));
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(input.size())), stretch.begin(), stretch.end());
      }
    }
  }
  return input;
}

auto run(bytes const &input) -> void { LLVMFuzzerTestOneInput(input.data(), input.size()); }

}  // namespace

auto main(int argc, char **argv) -> int try {
  std::vector<bytes> corpus{{}};
  for (int i = 1; i < argc; ++i) {
    std::filesystem::path const path{argv[i]};
    if (!std::filesystem::is_directory(path)) {
      corpus.push_back(read(path));
      continue;
    }
    for (auto const &file : std::filesystem::recursive_directory_iterator{path})
      if (file.is_regular_file()) corpus.push_back(read(file.path()));
  }
  for (auto const &input : corpus) run(input);

  auto const *const  text      = std::getenv("PAGEWRIGHT_TEST_SIZE");
  auto const         mutations = static_cast<std::size_t>(2000 * (text != nullptr ? std::atof(text) : 1.0));
  std::mt19937_64    random{seed};
  for (std::size_t i = 0; i != mutations; ++i) run(mutated(corpus[i % corpus.size()], random));
  std::printf("%zu inputs and %zu mutations of them\n", corpus.size(), mutations);
  return 0;
} catch (std::exception const &e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
