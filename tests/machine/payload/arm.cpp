// SPDX-License-Identifier: MIT
// AArch32 under QEMU's virt machine: PL1 and PL0. A setting's registers are TTBR0, TTBR1, TTBCR, TTBCR2 (written if
// bit 32 is set: a processor may not have it), DACR, PRRR or MAIR0, NMRR or MAIR1, SCTLR, and CPSR.PAN.
// A probe's mode: 0 the kernel, 1 the user, 2 the kernel with the user's rights (LDRT, STRT).
// An answer's cause is DFSR or IFSR, its address DFAR or IFAR, `further` 1 for a Data Abort and 2 for a Prefetch Abort.
#include "payload.hpp"

namespace machine {
namespace {

struct outcome { u32 value, fsr, far, abort; };
using access_function = u32(u32 address, u32 value);

extern "C" {
void try_access(u32 address, u32 value, access_function *how, bool as_user, outcome *);
[[noreturn]] void leave(u32 status);
access_function kernel_read, kernel_write, unprivileged_read, unprivileged_write, user_read, user_write, user_fetch;
}

/// What the host fetches is a function that returns what is known of its page, so the kernel calls it as it is.
auto function_for(probe const &p) -> access_function * {
  static constexpr access_function *functions[3][2]{
      {kernel_read, kernel_write}, {user_read, user_write}, {unprivileged_read, unprivileged_write}};
  if (p.kind != probe_kind::fetch) return functions[p.mode][static_cast<unsigned>(p.kind)];
  return p.mode == 1 ? user_fetch : physical<access_function>(p.address);
}

}  // namespace

void load(setting const &s) {
  auto const low  = [&s](unsigned n) { return static_cast<u32>(s.registers[n]); };
  auto const high = [&s](unsigned n) { return static_cast<u32>(s.registers[n] >> 32); };
  u32 sctlr, cpsr;
  asm volatile("mrc p15, 0, %0, c1, c0, 0" : "=r"(sctlr));
  asm volatile("mcr p15, 0, %0, c1, c0, 0; isb" : : "r"(sctlr & ~1u) : "memory");
  asm volatile("mcr p15, 0, %0, c2, c0, 2; isb" : : "r"(low(2)));
  if (high(3) != 0) asm volatile("mcr p15, 0, %0, c2, c0, 3" : : "r"(low(3)));
  asm volatile("mcrr p15, 0, %0, %1, c2" : : "r"(low(0)), "r"(high(0)));
  asm volatile("mcrr p15, 1, %0, %1, c2" : : "r"(low(1)), "r"(high(1)));
  asm volatile("mcr p15, 0, %0, c3, c0, 0" : : "r"(low(4)));
  asm volatile("mcr p15, 0, %0, c10, c2, 0" : : "r"(low(5)));
  asm volatile("mcr p15, 0, %0, c10, c2, 1" : : "r"(low(6)));
  asm volatile("mcr p15, 0, %0, c8, c7, 0; dsb; isb" : : "r"(0) : "memory");  // TLBIALL
  asm volatile("mcr p15, 0, %0, c1, c0, 0; isb" : : "r"(low(7)) : "memory");
  asm volatile("mrs %0, cpsr" : "=r"(cpsr));
  asm volatile("msr cpsr_s, %0" : : "r"((cpsr & ~(1u << 22)) | low(8) << 22) : "memory");
}

auto attempt(probe const &p) -> answer {
  outcome o{};
  try_access(static_cast<u32>(p.address), static_cast<u32>(p.value), function_for(p), p.mode == 1, &o);
  if (o.abort == 0) return {0, 0, 0, 0, o.value};
  return {1, o.fsr, o.far, o.abort, 0};
}

void end(unsigned status) { leave(status); }

extern "C" [[noreturn]] void run() { answer_all(0x4080'0000); }

}  // namespace machine
