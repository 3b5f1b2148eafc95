// SPDX-License-Identifier: MIT
// RISC-V on QEMU's `virt` machine, and the same memory once more on our side, where the library makes the accesses.
#pragma once

#include <gtest/gtest.h>

#include <sstream>

#include <pagewright/mmu/riscv_guest.hpp>
#include <pagewright/nested.hpp>

#include "riscv_forest.hpp"

namespace trial {

/// What becomes of an access: a value, or an exception's registers.
struct outcome {
  bool allowed = true;
  u64  value = 0, cause = 0, tval = 0, tval2 = 0, tinst = 0;

  friend auto operator==(outcome const &, outcome const &) -> bool = default;
};
inline auto operator<<(std::ostream &s, outcome const &o) -> std::ostream & {
  if (o.allowed) return s << "allowed, value 0x" << o.value;
  return s << "cause " << std::dec << o.cause << std::hex << ", tval 0x" << o.tval << ", tval2 0x" << o.tval2 << ", tinst 0x"
           << o.tinst;
}

inline auto outcome_of(pagewright::riscv::exception const &e) -> outcome {
  return {.allowed = false, .cause = static_cast<u64>(e.cause), .tval = e.address.value};
}

inline auto outcome_of(pagewright::riscv::guest_exception const &e) -> outcome {
  return {.allowed = false, .cause = e.cause, .tval = e.address.value, .tval2 = e.htval, .tinst = e.htinst};
}
template <class Own>
auto outcome_of(pagewright::nested_fault<Own, pagewright::riscv::guest_exception> const &f) -> outcome {
  return f.own() != nullptr ? outcome_of(*f.own()) : outcome_of(*f.below());
}

/// What the machine said. A transformed instruction in mtinst counts as 0, which it may be instead. Of a write that is allowed
/// nothing is told but by what memory holds at the end.
inline auto outcome_of(machine::probe const &p, machine::answer const &a) -> outcome {
  if (a.faulted != 0)
    return {.allowed = false, .cause = a.cause, .tval = a.address, .tval2 = a.further, .tinst = (a.value & 3) == 3 ? 0 : a.value};
  bool const tells = p.kind != machine::probe_kind::write || (p.mode & machine::riscv::swap) != 0;
  return {.value = tells ? a.value : 0};
}

/// The machine's memory up to the control block as it was before the machine ran.
class mirror {
 public:
  /// Data accesses are of `register_bytes`, 4 or 8.
  mirror(machine::ram &ram, machine::u8 register_bytes)
      : word_{.bytes = register_bytes, .order = pagewright::byte_order::little},
        bytes_(machine::riscv::control_at - machine::riscv::memory_at) {
    std::ranges::copy(ram.at<machine::u8>(machine::riscv::memory_at, bytes_.size()), bytes_.begin());
  }
  auto memory() {
    return pagewright::mapped_memory{machine::ram::locate{bytes_.data(), machine::riscv::memory_at, bytes_.size()}};
  }

  /// What comes of `p` under `regime`; nothing is changed.
  template <class Regime>
  auto ask(Regime const &regime, machine::probe const &p, pagewright::access_request const &what) -> outcome {
    auto m = memory();
    auto const t = access(regime, {p.address}, what, m);
    if (!t) return outcome_of(t.error());
    u64 const there = m.load(t->address, word_).value();
    if (p.kind == machine::probe_kind::fetch) return {.value = (there & 0xffff'ffff) >> 20};  // the immediate of `li`
    return {.value = p.kind == machine::probe_kind::read || (p.mode & machine::riscv::swap) != 0 ? there : 0};
  }
  /// Makes the access, with marks; if `stores`, also what it writes.
  template <class Regime>
  void make(Regime const &regime, machine::probe const &p, pagewright::access_request const &what, bool stores = true) {
    auto m = memory();
    auto const t = access_and_mark(regime, {p.address}, what, m);
    if (t && stores && p.kind == machine::probe_kind::write) m.store(t->address, word_, p.value);
  }

  /// Where tables and targets are not as the machine left them.
  auto difference(machine::ram &ram) -> std::string {
    auto const        here = ram.at<u64>(tables_at, (targets_end - tables_at) / 8);
    auto const *const mine = reinterpret_cast<u64 const *>(bytes_.data() + (tables_at - machine::riscv::memory_at));
    for (std::size_t i = 0; i < here.size(); ++i) {
      if (here[i] == mine[i]) continue;
      std::ostringstream s;
      s << std::hex << "at 0x" << tables_at + i * 8 << ": expected 0x" << mine[i] << ", came 0x" << here[i];
      return s.str();
    }
    return {};
  }

 private:
  pagewright::word         word_;
  std::vector<machine::u8> bytes_;
};

/// Asks about all `questions`, in an order in which settings change rarely. `key_of(question)` tells settings apart,
/// `setting_of(question)` says what they are.
template <class Question, class Key, class Setting>
void ask(machine::ram &ram, std::vector<Question> &questions, Key key_of, Setting setting_of) {
  std::map<decltype(key_of(questions[0])), machine::u32> numbers;
  std::vector<machine::setting> settings;
  for (auto &q : questions) {
    auto const [at, fresh] = numbers.try_emplace(key_of(q), static_cast<machine::u32>(settings.size()));
    if (fresh) settings.push_back(setting_of(q));
    q.probe.setting = at->second;
  }
  std::ranges::sort(questions, {}, [](Question const &q) { return std::pair{q.probe.setting, q.number}; });
  std::vector<machine::probe> probes;
  for (auto const &q : questions) probes.push_back(q.probe);
  machine::ask(ram, machine::riscv::control_at, settings, probes);
}

/// Runs the probe program on what `machine::ask` left in `ram`. Fails the test, and returns nothing, if it does not get
/// to its end.
inline auto answers_of(machine::ram &ram, bool wide, std::string const &cpu, u64 probes) -> std::span<machine::answer const> {
  auto const emulator = machine::program(wide ? "qemu-system-riscv64" : "qemu-system-riscv32");
  auto const ended    = machine::run(
      {*emulator, "-M", "virt,memory-backend=ram", "-m", "64M", "-object",
       "memory-backend-file,id=ram,size=64M,share=on,mem-path=" + ram.path().string(), "-smp", "2", "-accel", "tcg", "-cpu", cpu,
       "-display", "none", "-serial", "none", "-monitor", "none", "-bios", wide ? PAYLOAD_RISCV64 : PAYLOAD_RISCV32},
      std::chrono::seconds{240});
  auto const all = machine::answers(ram, machine::riscv::control_at);
  if (ended.status == 0 && all.size() == probes) return all;
  ADD_FAILURE() << "the machine ended with " << ended.status << " after " << all.size() << " probes: " << ended.printed;
  return {};
}

/// What a test has seen.
struct tally {
  u64 probes = 0, wrong = 0;
  u64 known  = 0;                      // QEMU is known to be wrong, and was
  u64 allowed = 0;                     // by the specification
  std::map<std::string, u64> denied;   // likewise, and why

  /// Is everything that should occur among the cases there, if they are many?
  void is_fair(std::initializer_list<std::string> whys) const {
    if (probes < 5000) return;
    EXPECT_GT(allowed * 8, probes) << "hardly anything is allowed: the cases are not what they should be";
    for (auto const &why : whys) {
      auto const found = denied.find(why);
      EXPECT_GE((found == denied.end() ? 0 : found->second) * 1000, probes) << "hardly ever: " << why;
    }
  }
};

/// What is missing to run it, or nothing.
inline auto missing() -> char const * {
  if (!machine::program("qemu-system-riscv64") || !machine::program("qemu-system-riscv32"))
    return "qemu-system-riscv64 and 32 are not installed (package qemu-system-misc)";
  if (*PAYLOAD_RISCV64 == 0) return "the probe program was not built (package g++-riscv64-linux-gnu)";
  return nullptr;
}

/// Tries thousands of ways through tables, by `try_some(first, how many, tally)`, and says what came of it.
template <class Try>
void in_rounds(std::string const &name, Try try_some, std::initializer_list<std::string> whys) {
  if (auto const *const what = missing()) GTEST_SKIP() << what;
  auto const began = std::chrono::steady_clock::now();
  tally      seen;
  for (u64 first = 0, paths = machine::how_many(3000, 60); first < paths && !testing::Test::HasFailure(); first += 3000)
    try_some(first, std::min<u64>(paths - first, 3000), seen);
  EXPECT_EQ(seen.wrong, 0u);
  machine::tell(name, "QEMU TCG", seen.probes, seen.probes - seen.wrong - seen.known, seen.known,
                std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  seen.is_fair(whys);
}

}  // namespace trial
