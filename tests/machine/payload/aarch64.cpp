// SPDX-License-Identifier: MIT
// The AArch64 probe program: at EL2, with translation off. Probes either ask by AT and PAR_EL1, or are made by the stub at
// EL1 or EL0 (aarch64_start.S).
#include "aarch64.hpp"

#include "payload.hpp"

using namespace machine;
using namespace machine::aarch64;

extern "C" auto descend(u64 value, u64 address, u64 where, u64 spsr) -> u64;
extern "C" [[noreturn]] void end_with(u64 status);

#define WRITE(r, v) asm volatile("msr " #r ", %0" ::"r"(u64{v}))
#define READ(r) ([] { u64 v; asm volatile("mrs %0, " #r : "=r"(v)); return v; }())
#define AT(op, address) asm volatile("at " #op ", %0\n isb" ::"r"(address) : "memory")

namespace {

u64 stub_address, stub_state;  // where the stub is mapped, PSTATE.PAN and UAO

void ask_at(probe const &p) {
  bool const write = p.kind == probe_kind::write;
  switch (p.mode) {
    case at_s1e1:     if (write) AT(s1e1w, p.address);  else AT(s1e1r, p.address);  break;
    case at_s1e0:     if (write) AT(s1e0w, p.address);  else AT(s1e0r, p.address);  break;
    case at_s1e1_pan: if (write) AT(s1e1wp, p.address); else AT(s1e1rp, p.address); break;
    case at_s12e1:    if (write) AT(s12e1w, p.address); else AT(s12e1r, p.address); break;
    case at_s12e0:    if (write) AT(s12e0w, p.address); else AT(s12e0r, p.address); break;
    default:          end(4);
  }
}

auto identification_register(u64 n) -> u64 {
  return n == 0 ? READ(id_aa64mmfr0_el1) : n == 1 ? READ(id_aa64mmfr1_el1) : READ(id_aa64mmfr2_el1);
}

}  // namespace

void machine::load(setting const &s) {
  auto const &r = s.registers;
  WRITE(ttbr0_el1, r[ttbr0_el1]);
  WRITE(ttbr1_el1, r[ttbr1_el1]);
  WRITE(tcr_el1, r[tcr_el1]);
  WRITE(mair_el1, r[mair_el1]);
  WRITE(hcr_el2, r[hcr_el2]);
  WRITE(vttbr_el2, r[vttbr_el2]);
  WRITE(vtcr_el2, r[vtcr_el2]);
  WRITE(sctlr_el1, r[sctlr_el1]);
  WRITE(vbar_el1, r[stub]);
  WRITE(pan, r[pstate] & 1u << 22);  // for AT S1E1RP and S1E1WP; nothing is translated at EL2 itself
  stub_address = r[stub], stub_state = r[pstate];
  asm volatile("isb");
}

auto machine::attempt(probe const &p) -> answer {
  if (p.mode == identification) return {0, 0, 0, 0, identification_register(p.address)};
  asm volatile("dsb sy\n tlbi vmalls12e1\n dsb sy\n isb" ::: "memory");
  if (p.mode >= at_s1e1) return ask_at(p), answer{0, 0, 0, READ(par_el1), 0};

  u64 const routine = stub_address + 2048 + (p.mode * 4u + unsigned(p.kind)) * 16u;
  u64 const masked = 0xf << 6, el = p.mode == el0 ? 0 : 5;  // EL1h
  u64 const value = descend(p.value, p.address, routine, stub_state | masked | el);
  asm volatile("dsb sy" ::: "memory");
  u64 const why = READ(esr_el2), why_el1 = READ(esr_el1);
  constexpr auto is = [](u64 esr, u64 ec) { return esr >> 26 == ec; };
  if (!is(why, 0x16)) return {to_el2, why, READ(far_el2), READ(hpfar_el2), 0};          // not HVC
  if ((why & 1) == 0 || is(why_el1, 0x15))
    return {nowhere, 0, 0, 0, p.kind == probe_kind::read ? value : 0};  // EL1's HVC, EL0's SVC
  return {to_el1, why_el1, READ(far_el1), 0, 0};
}

void machine::end(unsigned status) { end_with(status); }

extern "C" [[noreturn]] void probe_all() { answer_all(control_at); }
