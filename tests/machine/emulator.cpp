// SPDX-License-Identifier: MIT
#include "emulator.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <system_error>

namespace machine {
namespace {

[[noreturn]] void failed(char const *what) { throw std::system_error{errno, std::generic_category(), what}; }

}  // namespace

ram::ram(u64 base, u64 bytes) : base_{base}, bytes_{bytes} {
  auto name = (std::filesystem::temp_directory_path() / "pagewright-machine-XXXXXX").string();
  int const file = mkstemp(name.data());
  if (file < 0) failed("the machine's memory cannot be created");
  path_ = name;
  void *const p = ftruncate(file, static_cast<off_t>(bytes)) == 0
                      ? mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                      : MAP_FAILED;
  int const why = errno;
  close(file);
  if (p == MAP_FAILED) unlink(name.c_str()), errno = why, failed("the machine's memory cannot be mapped");
  here_ = static_cast<u8 *>(p);
}

ram::~ram() {
  munmap(here_, static_cast<std::size_t>(bytes_));
  unlink(path_.c_str());
}

void ram::check(u64 physical, u64 bytes) const {
  if (physical < base_ || bytes > bytes_ || physical - base_ > bytes_ - bytes) throw std::out_of_range{"no memory of the machine's"};
}

auto program(std::string const &name) -> std::optional<std::string> {
  if (name.empty()) return std::nullopt;
  if (name.contains('/')) return access(name.c_str(), X_OK) == 0 ? std::optional{name} : std::nullopt;
  std::string const path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "/usr/bin:/bin";
  for (std::size_t from = 0; from <= path.size();) {
    auto const to   = std::min(path.find(':', from), path.size());
    auto const full = path.substr(from, to - from) + "/" + name;
    if (access(full.c_str(), X_OK) == 0) return full;
    from = to + 1;
  }
  return std::nullopt;
}

void ask(ram &memory, u64 where, std::span<setting const> settings, std::span<probe const> probes) {
  auto const after = [](u64 at, u64 bytes) { return (at + bytes + 63) & ~u64{63}; };
  u64 const s = after(where, sizeof(control)), p = after(s, settings.size_bytes()), a = after(p, probes.size_bytes());
  std::ranges::copy(settings, memory.at<setting>(s, settings.size()).begin());
  std::ranges::copy(probes, memory.at<probe>(p, probes.size()).begin());
  std::ranges::fill(memory.at<answer>(a, probes.size()), answer{});
  memory.at<control>(where)[0] = {magic, s, p, a, probes.size(), 0};
}

auto answers(ram &memory, u64 where) -> std::span<answer const> {
  auto const c = memory.at<control>(where)[0];
  return memory.at<answer>(c.answers, std::min(c.answered, c.count));
}

auto run(std::vector<std::string> const &command, std::chrono::seconds limit) -> ended {
  int to[2];
  if (pipe(to) != 0) failed("no pipe");
  auto const began = std::chrono::steady_clock::now();
  std::vector<char *> words;
  for (auto const &word : command) words.push_back(const_cast<char *>(word.c_str()));
  words.push_back(nullptr);
  pid_t const child = fork();
  if (child < 0) failed("no process");
  if (child == 0) {
    int const nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0), dup2(to[1], 1), dup2(to[1], 2), close(to[0]);
    execv(words[0], words.data());
    _exit(127);
  }
  close(to[1]);

  ended e{};
  bool  late = false;
  for (char part[4096];;) {
    auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(began + limit - std::chrono::steady_clock::now());
    pollfd ready{to[0], POLLIN, 0};
    if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) == 0) {
      late = true;
      kill(child, SIGKILL);
      break;
    }
    auto const n = read(to[0], part, sizeof part);
    if (n <= 0) break;
    e.printed.append(part, static_cast<std::size_t>(n));
  }
  close(to[0]);
  int status = 0;
  waitpid(child, &status, 0);
  e.status  = late ? 512 : WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  e.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return e;
}

auto how_many(u64 at_size_1, u64 least) -> u64 {
  auto const *const s    = std::getenv("PAGEWRIGHT_TEST_SIZE");
  double const      size = s != nullptr && std::atof(s) > 0 ? std::atof(s) : 1.0;
  return std::max(least, static_cast<u64>(static_cast<double>(at_size_1) * size));
}

void tell(std::string const &mode, std::string const &oracle, u64 probes, u64 agree, u64 known, double seconds) {
  char line[256];
  std::snprintf(line, sizeof line, "| %s | %s | %llu | %llu | %llu | %.1f |\n", mode.c_str(), oracle.c_str(),
                static_cast<unsigned long long>(probes), static_cast<unsigned long long>(agree),
                static_cast<unsigned long long>(known), seconds);
  std::cout << line;
  if (auto const *const file = std::getenv("PAGEWRIGHT_MACHINE_TABLE"); file != nullptr) std::ofstream{file, std::ios::app} << line;
}

}  // namespace machine
