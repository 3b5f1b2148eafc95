// SPDX-License-Identifier: MIT
// What the tests of AArch32's two descriptor formats share: the machine's memory, what is asked and what must come of it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <pagewright/mmu/arm32.hpp>
#include <pagewright/pagewright.hpp>

#include "emulator.hpp"

namespace machine::arm {

/// Where things are. The probe program's three parts are as its linker script has them.
inline constexpr u64 text_at = 0x4020'0000, user_at = 0x4040'0000, data_at = 0x4060'0000, control_at = 0x4080'0000,
                     tables_at = 0x4200'0000, tables_bytes = 0x100'0000,
                     target_at = 0x4300'0000, target_bytes = 0x100'0000,  // what the probes reach
                     nowhere = 0x5000'0000;                                 // no memory
inline constexpr u64 part_bytes = 0x20'0000, most_probes = 300'000;       // at once: what fits before the tables

/// Each page of the target: words that say where they are, and from here on a function that returns such a word.
inline constexpr u64 function_in_page = 0x40, data_in_page = 0x80;
constexpr auto word_at(u64 physical) -> u32 { return static_cast<u32>(physical) ^ 0x5a5a'0000; }

enum class user_mode : u8 { kernel, user, unprivileged };

/// A setting as the probe program reads it.
struct registers {
  u64 ttbr0, ttbr1, ttbcr, ttbcr2, dacr;
  u64 mair0, mair1;  // or PRRR and NMRR
  u64 sctlr, pan, unused[3] = {};
};

/// What must come of a probe: `physical` is reached, or a fault is told.
struct expectation {
  pagewright::access_request     request;
  std::optional<u64>             physical;
  u32                            fsr   = 0;
  char const                    *known = nullptr;  // the emulator's own way, other than the manual's, and why

  friend auto operator==(expectation const &, expectation const &) -> bool = default;
};

struct tally {
  u64 probes = 0, agree = 0, allowed = 0;
  std::map<std::string, u64> known;
  std::map<u32, u64>         faults;  // by FSR, without WnR and the domain
  double seconds = 0;
};

class experiment {
 public:
  explicit experiment(std::string cpu);

  auto memory() -> ram & { return memory_; }

  /// The request of the `n`th of eight ways to access: what PL0, PL1 and PL1 with PL0's rights can do.
  static auto request_of(unsigned n) -> pagewright::access_request;
  /// An address in the leaf of 2^lg2 bytes from `base` on, of a word or of a function.
  static auto address_in(u64 base, unsigned lg2, pagewright::access_kind kind, u64 seed) -> u64;

  /// Asks at `address` under the setting that was added last.
  void add(registers const &r);
  void add(u64 address, expectation const &expected);
  /// Runs what was added, if it is much or `all` is set, and holds the answers and the memory against what is expected.
  /// `explain`: what the tables have for an address.
  void run(std::function<std::string(registers const &, u64)> const &explain, bool all = false);

  void tell(std::string const &mode) const;
  /// That a fair share was allowed, and each of these faults came, by FSR without WnR and the domain.
  void expect_variety(std::vector<u32> const &codes) const;

 private:
  auto difference(probe const &p, expectation const &e, answer const &a) -> std::string;

  std::string              cpu_;
  ram                      memory_{0x4000'0000, 0x400'0000};
  std::vector<setting>     settings_;
  std::vector<probe>       probes_;
  std::vector<expectation> expected_;
  std::vector<u32>         copy_;   // of the target, with the writes that must have happened
  u64                      wrong_ = 0;
  tally                    tally_;
};

/// Every how manieth of `all` cases is tried, so that about `wanted` are, and every combination of two gets its turn.
auto stride_for(u64 all, u64 wanted) -> u64;

/// Is there an emulator and a probe program?
auto is_here() -> bool;
inline constexpr char const *missing = "needs qemu-system-arm and arm-linux-gnueabihf-g++ (scripts/setup test)";

/// What the library says under one setting.
class setup {
 public:
  explicit setup(registers const &r);

  auto said() const -> registers const & { return said_; }
  template <class Memory>
  auto expected(u64 address, pagewright::access_request const &what, Memory &memory) const -> expectation {
    auto const space = pagewright::arm32::half_of(u32(said_.ttbcr), u32(address));
    auto const &s    = sides_[space == pagewright::arm32::half::lower ? 0 : 1];  // in the gap either says the same
    auto const  t = access_and_mark(pagewright::dynamic{&s.f}, pagewright::root{s.table}, {address}, what, s.mmu, memory);
    if (t) return {what, t->address.value};
    return {what, std::nullopt, t.error().fsr};
  }

 private:
  struct side {
    pagewright::format         f;
    pagewright::output_address table;
    pagewright::arm32::mmu     mmu;
  };
  static auto side_of(registers const &r, pagewright::arm32::half space) -> side;

  registers said_;
  side      sides_[2];  // by half
};

/// The addresses that one leaf, or nothing, is for.
struct place {
  u64      base;
  unsigned lg2;
};

/// Tries about `wanted` of all combinations of setting, way to access and place. `Oracle` is made of a setting's registers
/// and says by `expected` what must come.
template <class Oracle>
void try_all(experiment &e, std::vector<place> const &places, u64 settings, u64 wanted,
             std::function<registers(u64)> const &registers_of,
             std::function<std::string(registers const &, u64)> const &explain) {
  u64 const each = places.size() * 8, all = settings * each, stride = stride_for(all, wanted);
  auto memory = e.memory().memory();
  std::optional<Oracle> oracle;
  for (u64 n = 0, last = ~u64{0}; n < all; n += stride) {
    if (n / each != last) {
      e.run(explain);
      last = n / each;
      oracle.emplace(registers_of(last));
      e.add(registers_of(last));
    }
    auto const &[base, lg2] = places[n % places.size()];
    auto const what = experiment::request_of(static_cast<unsigned>(n % each / places.size()));
    u64 const  at   = experiment::address_in(base, lg2, what.kind, n);
    e.add(at, oracle->expected(at, what, e.memory(), memory));
  }
  e.run(explain, true);
}

/// What SCTLR has beside the bits that are tried: MMU and caches on, TEX remap, SPAN, and what must be 1.
inline constexpr u32 sctlr_base = 0x10c5'187d;
inline constexpr u32 sctlr_wxn = 1u << 19, sctlr_uwxn = 1u << 20, sctlr_afe = 1u << 29;

}  // namespace machine::arm
