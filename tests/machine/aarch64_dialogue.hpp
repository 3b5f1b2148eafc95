// SPDX-License-Identifier: MIT
// Probes, what the library expects of each in the order they are made, and what the machine answers. The expected marks
// and stores are made in a copy of the memory, and in the end that is what the machine's memory must be.
#pragma once

#include <map>
#include <sstream>

#include <pagewright/access.hpp>

#include "aarch64_machine.hpp"

namespace machine::aarch64 {

constexpr auto by_at(u8 mode) -> bool { return mode >= at_s1e1; }

inline auto request_of(probe const &p) -> pagewright::access_request {
  using enum pagewright::access_kind;
  return {.kind = p.kind == probe_kind::read ? read : p.kind == probe_kind::write ? write : fetch,
          .user = p.mode == el0 || p.mode == at_s1e0 || p.mode == at_s12e0, .unprivileged = p.mode == unprivileged};
}

class dialogue {
 public:
  dialogue() : memory_{ram_at, ram_bytes}, copy_(compared_end - tables_at) {}

  auto memory() -> ram & { return memory_; }
  auto copied() -> pagewright::mapped_memory<ram::locate> {
    return pagewright::mapped_memory{ram::locate{copy_.data(), tables_at, copy_.size()}};
  }
  auto word(u64 physical) -> u64 & { return *reinterpret_cast<u64 *>(copy_.data() + (physical - tables_at)); }

  /// Forgets everything, for tables to be written into memory().
  void begin() {
    std::ranges::fill(memory_.at<u8>(tables_at, copy_.size()), u8{});
    fill_targets(memory_);
    probes_.clear(), expected_.clear();
  }
  void tables_are_written() { std::ranges::copy(memory_.at<u8>(tables_at, copy_.size()), copy_.begin()); }

  auto size() const -> u64 { return probes_.size(); }
  /// `known`: the machine is expected to deviate from the manual here.
  void add(probe const &p, answer const &expected, std::string const &outcome, bool known) {
    probes_.push_back(p), expected_.push_back(expected);
    ++outcomes_[outcome];
    known_ += known;
  }
  /// What an access that both sides allow does to memory, and reads.
  auto made(probe const &p, u64 physical) -> answer {
    if (p.kind == probe_kind::write) word(physical) = p.value;
    return {0, 0, 0, 0, p.kind == probe_kind::read ? word(physical) : 0};
  }

  /// Asks, and compares. `comparable(probe, answer)` is what of an answer counts; `describe(probe)` says what it met.
  template <class Comparable, class Describe>
  void hold(std::span<setting const> settings, Comparable comparable, Describe describe) {
    ask(memory_, control_at, settings, probes_);
    auto const e = start(memory_);
    seconds_ += e.seconds;
    ASSERT_EQ(e.status, 0) << e.printed;
    auto const came = answers(memory_, control_at);
    ASSERT_EQ(came.size(), probes_.size());
    tried_ += came.size();
    for (u64 n = 0; n < came.size(); ++n) {
      answer const is = comparable(probes_[n], came[n]), should = comparable(probes_[n], expected_[n]);
      if (std::memcmp(&is, &should, sizeof is) == 0 || ++wrong_ > 5) continue;
      ADD_FAILURE() << "probe " << n << ": " << described(probes_[n]) << ", " << describe(probes_[n]) << "\n  expected"
                    << described(should) << "\n  came" << described(is);
    }
    auto const there = memory_.at<u64>(tables_at, copy_.size() / 8);
    for (u64 n = 0, shown = 0; n < there.size() && shown < 5; ++n)
      if (u64 const at = tables_at + n * 8; there[n] != word(at) && ++shown)
        ADD_FAILURE() << std::hex << "the word at 0x" << at << ": expected 0x" << word(at) << ", came 0x" << there[n];
  }

  /// One probe of `few` at least has to be allowed; each of `needed` has to be the outcome of a fair share.
  void summarize(std::string const &mode, u64 few, std::vector<std::string> const &needed) {
    tell(mode, "QEMU", tried_, tried_ - wrong_ - known_, known_, seconds_);
    EXPECT_EQ(wrong_, 0u) << "of " << tried_ << " probes";
    if (tried_ < 4000) return;
    std::ostringstream all;
    for (auto const &[why, n] : outcomes_) all << "\n  " << why << ": " << n;
    EXPECT_GT(outcomes_["allowed"] * few, tried_) << "hardly anything is allowed" << all.str();
    for (auto const &why : needed) EXPECT_GT(outcomes_[why], tried_ / 400) << "hardly any " << why << all.str();
  }

 private:
  static auto described(probe const &p) -> std::string {
    constexpr char const *modes[]{"EL1",     "EL0",              "EL1 unprivileged", "AT S1E1",
                                  "AT S1E0", "AT S1E1 with PAN", "AT S12E1",         "AT S12E0"};
    std::ostringstream o;
    o << modes[p.mode] << ' ' << text(request_of(p).kind) << " of 0x" << std::hex << p.address;
    return o.str();
  }
  static auto described(answer const &a) -> std::string {
    std::ostringstream o;
    o << std::hex << ": fault to EL" << a.faulted << ", ESR 0x" << a.cause << ", FAR 0x" << a.address << ", PAR or HPFAR 0x"
      << a.further << ", value 0x" << a.value;
    return o.str();
  }

  ram                        memory_;
  std::vector<u8>            copy_;
  std::vector<probe>         probes_;
  std::vector<answer>        expected_;
  std::map<std::string, u64> outcomes_;
  u64                        tried_ = 0, wrong_ = 0, known_ = 0;
  double                     seconds_ = 0;
};

}  // namespace machine::aarch64
