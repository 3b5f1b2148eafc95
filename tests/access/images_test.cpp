// SPDX-License-Identifier: MIT
// Every answer of the fixtures as an access. The monitor translates without regard to rights, as a read by a kernel that may
// reach the user's pages does; the guest's kernel says what a process may read.
#include <array>
#include <map>
#include <string>

#include <pagewright/mmu/arm32.hpp>
#include <pagewright/mmu/arm64.hpp>
#include <pagewright/mmu/riscv.hpp>
#include <pagewright/mmu/x86.hpp>

#include "../formats/images_agree.hpp"

namespace {

using namespace pagewright;
using named_registers = std::map<std::string, u64>;

/// What reads by the kernel and by the user do.
template <class Mmu, class Memory>
auto reads(format const &f, output_address table, u64 va, Mmu const &mmu, Memory const &memory) -> golden::load_outcome {
  auto const kernel = access(dynamic{&f}, root{table}, {va}, {}, mmu, memory);
  auto const user   = access(dynamic{&f}, root{table}, {va}, {.user = true}, mmu, memory);
  return {kernel ? std::optional{kernel->address.value} : std::nullopt, user.has_value()};
}

struct x86_processor {
  x86::mode      mode;
  format         description;
  output_address table;
  x86::mmu       mmu;

  explicit x86_processor(named_registers const &r)
      : mode{x86::mode_of(r.at("cr0"), r.at("cr4"), r.at("efer")).value()},
        description{x86::format_of(mode, x86::options_of(r.at("cr4"), r.at("efer")))},
        table{x86::root_table(mode, r.at("cr3"))},
        mmu{x86::mmu_of({.cr0 = r.at("cr0"), .cr3 = r.at("cr3"), .cr4 = r.at("cr4"), .efer = r.at("efer"),
                         .eflags = bit(18)})} {}  // AC: SMAP aside

  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> golden::load_outcome { return reads(description, table, va, mmu, memory); }
};

TEST(x86_images, agree_as_accesses_with_the_emulator_and_the_guest_kernel_in_64_bit_modes) {
  golden::agrees_in_every_answer<x86_processor>("x86_64");
}
TEST(x86_images, agree_as_accesses_with_the_emulator_and_the_guest_kernel_in_32_bit_modes) {
  golden::agrees_in_every_answer<x86_processor>("i386");
}

struct arm64_processor {
  struct side {
    format         description;
    output_address table;
    arm64::mmu     mmu;
  };
  std::array<side, 2> sides;

  explicit arm64_processor(named_registers const &r) : sides{side_of(r, arm64::half::lower), side_of(r, arm64::half::upper)} {}

  static auto side_of(named_registers const &r, arm64::half space) -> side {
    auto const o = arm64::regime_of(r.at("tcr_el1"), space, r.at("mair_el1")).value();
    return {arm64::stage1(o), arm64::root_table(o, r.at(space == arm64::half::lower ? "ttbr0_el1" : "ttbr1_el1")),
            arm64::mmu_of(r.at("tcr_el1"), r.at("sctlr_el1"), space)};
  }
  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> golden::load_outcome {
    auto const &s = sides[va >> 55 & 1];
    return reads(s.description, s.table, va, s.mmu, memory);
  }
};

TEST(arm64_images, agree_as_accesses_with_the_emulator_and_the_guest_kernel) {
  golden::agrees_in_every_answer<arm64_processor>("aarch64");
}

struct arm32_processor {
  struct side {
    format         description;
    output_address table;
    arm32::mmu     mmu;
  };
  u32                         ttbcr;
  std::map<arm32::half, side> sides;  // those that are used

  explicit arm32_processor(named_registers const &r) : ttbcr{u32(r.at("ttbcr"))} {
    u32 const sctlr = u32(r.at("sctlr")), dacr = u32(r.at("dacr"));
    for (auto const space : {arm32::half::lower, arm32::half::upper}) {
      u64 const  ttbr = r.at(space == arm32::half::lower ? "ttbr0" : "ttbr1");
      auto const mmu  = arm32::mmu_of(ttbcr, dacr, space);
      if ((ttbcr >> 31) == 0) {
        if (auto const o = arm32::short_regime_of(ttbcr, space, sctlr))
          sides[space] = {arm32::short_descriptors(*o), arm32::root_table(*o, u32(ttbr)), mmu};
      } else if (auto const o = arm32::lpae_regime_of(ttbcr, space, sctlr)) {
        auto const f = arm32::lpae_stage1(*o);
        sides[space] = {f, arm32::root_table(f, ttbr).value(), mmu};
      }
    }
  }
  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> golden::load_outcome {
    auto const space = arm32::half_of(ttbcr, u32(va));
    if (!space || !sides.contains(*space)) return {};
    auto const &s = sides.at(*space);
    return reads(s.description, s.table, va, s.mmu, memory);
  }
};

TEST(arm32_images, agree_as_accesses_with_the_emulator_and_the_guest_kernel) {
  golden::agrees_in_every_answer<arm32_processor>("arm");
}

struct riscv_processor {
  riscv::regime regime;
  format        description;

  explicit riscv_processor(named_registers const &r)
      : regime{riscv::regime_of_satp64(r.at("satp")).value()}, description{riscv::format_of(regime.scheme)} {}

  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> golden::load_outcome {
    return reads(description, regime.table, va, riscv::mmu_of(bit(18) | bit(19)), memory);  // SUM, MXR
  }
};

TEST(riscv_images, agree_as_accesses_with_the_emulator_and_the_guest_kernel) {
  golden::agrees_in_every_answer<riscv_processor>("riscv64");
}

}  // namespace
