// SPDX-License-Identifier: MIT
// The emulators, and what is known of where their MMUs are not as the manual has it: as rules, exact for every access, so that
// an emulator which stops deviating is noticed. docs/oracles.md lists them.
#pragma once

#include <pagewright/mmu/x86.hpp>

#include "x86_machine.hpp"

namespace machine::x86 {

namespace px = pagewright::x86;
using pagewright::access_kind, pagewright::access_request, pagewright::input_address;

/// One emulator, as far as the tests differ.
struct oracle {
  char const *name, *program, *processor;
  unsigned    physical_bits;  // MAXPHYADDR
  u64         cr4;            // which of SMEP, SMAP, PKE and PKS it has
  u64         free_pkru;      // what PKRU may hold while the probe program runs
  bool        is_qemu;
};

/// The rules of x86::mmu, changed where an emulator breaks them.
struct emulated_mmu {
  using fault_type = px::exception;

  px::mmu manual;
  bool    is_qemu;

  template <class H>
  auto input(H h, input_address at, access_request const &r) const { return manual.input(h, at, r); }

  template <class H>
  auto fault_of(H h, pagewright::fault const &f, pagewright::passage const &way, input_address at, access_request const &r) const -> fault_type {
    auto e = manual.fault_of(h, f, way, at, r);
    if (!is_qemu) return e;
    // SDM 3A 5.7: RSVD is told of entries that are present, so P is set with it. QEMU leaves P clear.
    if (e.why == px::denial::reserved_bit) e.code &= ~px::pf_present;
    // SDM 3A 6.15, interrupt 12: references through the stack segment raise #SS. QEMU 7.2 raises #GP always.
    if (e.why == px::denial::not_canonical) e.vector = px::exception_vector::general_protection;
    return e;
  }

  template <class H>
  auto refuse(H h, pagewright::translation const &t, pagewright::passage const &way, input_address at, access_request r) const
      -> std::optional<fault_type> {
    // SDM 3A 5.6.1: EFLAGS.AC suspends SMAP for explicit accesses alone. QEMU forgets that below CPL 3, Bochs at any.
    bool const user_access = r.user && !r.implicit;
    if (r.implicit && manual.alignment_check && !(is_qemu && r.user)) r.implicit = r.user = false;
    if (is_qemu) return manual.refuse(h, t, way, at, r);

    // SDM 3A 5.6.2: PKRU is about user pages, in both modes. Bochs 2.7 takes it to be about accesses: AD concerns user accesses
    // alone, WD user accesses and with CR0.WP others, to pages of either kind; and that counts before other rights.
    auto rest = manual;
    rest.user_keys = false;
    auto const other = rest.refuse(h, t, way, at, r);
    if (!manual.user_keys || r.kind == access_kind::fetch) return other;
    auto const held = manual.pkru >> (2 * static_cast<unsigned>(t.entry >> 59 & 15));
    bool const write = r.kind == access_kind::write;
    bool const denied = (user_access && (held & 1) != 0) || (write && (user_access || manual.write_protect) && (held & 2) != 0);
    if (!denied) return other;
    u32 const code = px::pf_present | px::pf_key | (write ? px::pf_write : 0) | (user_access ? px::pf_user : 0) |
                     (r.shadow_stack ? px::pf_shadow_stack : 0);
    return fault_type{px::exception_vector::page_fault, code, at, px::denial::access_disabled_by_key, t.level};
  }

  template <class H>
  static auto marked(H h, pagewright::step const &s, access_request const &r) -> u64 { return px::mmu::marked(h, s, r); }
};

}  // namespace machine::x86
