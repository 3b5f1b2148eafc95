// SPDX-License-Identifier: MIT
#include "answers.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace pagewright::answers {
namespace {

namespace fs = std::filesystem;

[[nodiscard]] auto number(std::string_view text, fs::path const &file, u64 line) -> u64 {
  u64        value = 0;
  auto const end   = text.data() + text.size();
  auto const [at, trouble] = std::from_chars(text.data(), end, value, 16);
  if (trouble != std::errc{} || at != end)
    throw std::runtime_error{fmt::format("{}, line {}: '{}' is not a hexadecimal number", file.string(), line, text)};
  return value;
}

[[nodiscard]] auto words_of(std::string_view line) -> std::vector<std::string_view> {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    auto const end = line.find(' ');
    if (end != 0) words.push_back(line.substr(0, end));
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  }
  return words;
}

[[nodiscard]] auto unpacked(fs::path const &file) -> std::vector<std::byte> {
  auto const opened = image::image::open(std::vector{file.string()}, {.format = image::container::raw});
  if (!opened) throw std::runtime_error{opened.error().message};
  std::vector<std::byte> bytes(opened->total_bytes());
  if (!opened->read(0, bytes)) throw std::runtime_error{file.string() + ": cannot be read"};
  return bytes;
}

}  // namespace

auto read_answers(fs::path const &file) -> answers {
  auto const bytes = unpacked(file);
  auto       text  = std::string_view{reinterpret_cast<char const *>(bytes.data()), bytes.size()};
  answers    all;
  for (u64 line = 1; !text.empty(); ++line) {
    auto const end  = text.find('\n');
    auto const here = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (here.empty() || here.front() == '#') continue;
    auto const words = words_of(here);
    auto const value = [&](std::size_t i) { return number(words[i], file, line); };
    if (words.size() == 3 && (words[0] == "T" || words[0] == "G")) {
      bool const none = words[2] == "unmapped" || words[2] == "protnone";
      (words[0] == "T" ? all.monitor : all.guest).push_back({value(1), none ? std::nullopt : std::optional{value(2)}});
    } else if (words.size() == 4) {
      all.stretches.push_back({value(0), value(1), value(2), std::string{words[3]}});
    } else {
      throw std::runtime_error{fmt::format("{}, line {}: '{}' is no answer", file.string(), line, here)};
    }
  }
  return all;
}

auto find_fixtures() -> std::vector<fixture> {
  std::vector<fixture> all;
  for (auto const *variable : {"PAGEWRIGHT_SAMPLES", "PAGEWRIGHT_IMAGES"}) {
    auto const *const folder = std::getenv(variable);
    if (folder == nullptr || !fs::is_directory(folder)) continue;
    std::vector<fs::path> descriptions;
    for (auto const &entry : fs::directory_iterator{folder})
      if (entry.path().extension() == ".json") descriptions.push_back(entry.path());
    std::ranges::sort(descriptions);
    for (auto const &path : descriptions) {
      auto const memory = fs::path{path}.replace_extension(".elf.zst");
      if (!fs::exists(memory)) continue;
      auto const json = nlohmann::json::parse(std::ifstream{path});
      fixture    f{fmt::format("{} of {}", path.stem().string(), variable), json.at("arch"), memory, {}};
      for (auto const &c : json.at("contexts")) {
        context one{c.at("id"), {}, path.parent_path() / c.at("answers").get<std::string>()};
        for (auto const *const registers : {&json.at("registers"), &c.at("registers")})
          for (auto const &[name, value] : registers->items())
            if (value.is_string()) one.registers[name] = std::stoull(value.get<std::string>(), nullptr, 16);
        f.contexts.push_back(std::move(one));
      }
      all.push_back(std::move(f));
    }
  }
  return all;
}

auto request_of(fixture const &f, context const &c) -> inspect::request {
  auto const value = [&](char const *name) -> std::optional<u64> {
    auto const found = c.registers.find(name);
    return found == c.registers.end() ? std::nullopt : std::optional{found->second};
  };
  inspect::request asked;
  auto            &g = asked.given;
  if (f.arch == "x86_64" || f.arch == "i386")
    g.cr0 = value("cr0"), g.cr3 = value("cr3"), g.cr4 = value("cr4"), g.efer = value("efer"), g.pat = value("pat");
  else if (f.arch == "aarch64")
    g.ttbr0 = value("ttbr0_el1"), g.ttbr1 = value("ttbr1_el1"), g.tcr = value("tcr_el1"), g.mair = value("mair_el1");
  else if (f.arch == "arm")
    g.ttbr0 = value("ttbr0"), g.ttbr1 = value("ttbr1"), g.ttbcr = value("ttbcr"), g.sctlr = value("sctlr"),
    g.prrr = value("prrr"), g.nmrr = value("nmrr"), g.mair0 = value("mair0"), g.mair1 = value("mair1");
  else if (f.arch == "s390x")  // the dump holds everything
    asked.cpu = static_cast<unsigned>(&c - f.contexts.data());
  else g.satp = value("satp");
  return asked;
}

}  // namespace pagewright::answers
