// SPDX-License-Identifier: MIT
// The probe program of RISC-V, 32 and 64 bits, on QEMU's `virt` machine: stays in machine mode, without translation, and
// makes data accesses as another mode by mstatus.MPRV or, for a guest's, by HLV and HSV, or from inside that mode, and
// fetches by going where it leads.
#include "payload.hpp"
#include "riscv.hpp"

namespace machine {

using word = __UINTPTR_TYPE__;

struct outcome {
  word value, trapped;
};
extern "C" auto try_read(word address, word value, word status) -> outcome;
extern "C" auto try_write(word address, word value, word status) -> outcome;
extern "C" auto try_swap(word address, word value, word status) -> outcome;
extern "C" auto try_hlv(word address, word value, word) -> outcome;
extern "C" auto try_hsv(word address, word value, word) -> outcome;
extern "C" auto enter(word address, word value, word status, word where) -> outcome;

#define READ_CSR(name)           \
  [] {                           \
    word is;                     \
    asm volatile("csrr %0, " name : "=r"(is)); \
    return is;                   \
  }()
#define WRITE_CSR(name, value) asm volatile("csrw " name ", %0" ::"r"(static_cast<word>(value)))

namespace {

constexpr word mpp_supervisor = word{1} << 11, mprv = word{1} << 17, sum_and_mxr = word{3} << 18, spvp = word{1} << 8;

word inside[2];  // where `inside` is mapped for the supervisor and for the user

auto has_hypervisor() -> bool { return (READ_CSR("misa") >> 7 & 1) != 0; }

/// The mode before the trap to come, or the one MPRV gives, is one of a guest (mstatus.MPV; in mstatush on 32 bits).
void set_guest(bool it) {
  word const mpv = word{1} << (sizeof(word) == 8 ? 39 : 7);
  if constexpr (sizeof(word) == 8) {
    if (it) asm volatile("csrs mstatus, %0" ::"r"(mpv));
    else asm volatile("csrc mstatus, %0" ::"r"(mpv));
  } else {
    if (it) asm volatile("csrs 0x310, %0" ::"r"(mpv));
    else asm volatile("csrc 0x310, %0" ::"r"(mpv));
  }
}

}  // namespace

void load(setting const &s) {
  WRITE_CSR("satp", s.registers[riscv::satp]);
  asm volatile("csrc mstatus, %0" ::"r"(sum_and_mxr));
  asm volatile("csrs mstatus, %0" ::"r"(static_cast<word>(s.registers[riscv::mstatus]) & sum_and_mxr));
  WRITE_CSR("0x30a", s.registers[riscv::menvcfg]);
  if constexpr (sizeof(word) == 4) WRITE_CSR("0x31a", s.registers[riscv::menvcfg] >> 32);
  if (has_hypervisor()) {
    WRITE_CSR("0x280", s.registers[riscv::vsatp]);
    WRITE_CSR("0x200", s.registers[riscv::vsstatus]);
    WRITE_CSR("0x60a", s.registers[riscv::henvcfg]);
    if constexpr (sizeof(word) == 4) WRITE_CSR("0x61a", s.registers[riscv::henvcfg] >> 32);
    WRITE_CSR("0x680", s.registers[riscv::hgatp]);
    asm volatile(".word 0x22000073, 0x62000073" ::: "memory");  // HFENCE.VVMA, HFENCE.GVMA
  }
  inside[0] = static_cast<word>(s.registers[riscv::inside]);
  inside[1] = static_cast<word>(s.registers[riscv::inside_for_user]);
  asm volatile("sfence.vma" ::: "memory");
}

auto attempt(probe const &p) -> answer {
  bool const user   = (p.mode & riscv::user) != 0, fetch = p.kind == probe_kind::fetch;
  bool const within = fetch || (p.mode & riscv::within) != 0;
  word const status = user ? 0 : mpp_supervisor, address = static_cast<word>(p.address), value = static_cast<word>(p.value);
  word const which  = p.kind == probe_kind::read ? 0 : (p.mode & riscv::swap) == 0 ? 1 : 2;

  bool const guest = (p.mode & riscv::guest) != 0, hlv = (p.mode & riscv::hlv) != 0;
  if (guest) {
    set_guest(!hlv);
    if (user) asm volatile("csrc 0x600, %0" ::"r"(spvp));
    else asm volatile("csrs 0x600, %0" ::"r"(spvp));
    if (hlv) asm volatile(".word 0x22000073" ::: "memory");  // HFENCE.VVMA: QEMU 7.2 keeps what it cached under the other SPVP
  }
  auto const way = hlv ? (which == 0 ? try_hlv : try_hsv) : which == 0 ? try_read : which == 1 ? try_write : try_swap;
  auto const is  = within ? enter(address, value, status, fetch ? address : inside[user] + 16 * which)
                          : way(address, value, status | mprv);
  if (guest) set_guest(false);

  word const cause = READ_CSR("mcause"), call = user ? 8 : guest ? 10 : 9;  // "environment call from" the mode
  answer     a{};
  if (is.trapped == 0 || (within && cause == call)) return a.value = is.value, a;
  a.faulted = 1, a.cause = cause, a.address = READ_CSR("mtval");
  if (guest) a.further = READ_CSR("0x34b"), a.value = READ_CSR("0x34a");  // mtval2, mtinst
  return a;
}

void end(unsigned status) {
  for (;;) *physical<u32 volatile>(0x10'0000) = status == 0 ? 0x5555 : status << 16 | 0x3333;  // the "sifive_test" device
}

extern "C" [[noreturn]] void start() { answer_all(riscv::control_at); }

}  // namespace machine
