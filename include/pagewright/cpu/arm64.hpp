// SPDX-License-Identifier: MIT
// Arm AArch64: barriers, TLBI, the registers of a translation regime, and a translation cache made of them.
// Arm ARM DDI 0487: D8.14 to D8.17 (TLBs, TLB maintenance, break-before-make), C5.5 (TLBI), D19.2 (system registers).
//
// The encoders, which are pure, come from arm64_encoding.hpp on every machine; the instructions exist on AArch64 alone.
// The walker is taken to be coherent with the data caches: TCR.IRGN and ORGN are not "Non-cacheable" while tables are
// written through caches.
#pragma once

#include "arm64_encoding.hpp"

#ifdef __aarch64__

namespace pagewright::cpu::arm64 {

// --- instructions --------------------------------------------------------------------------------------------------

inline void isb() noexcept { asm volatile("isb" ::: "memory"); }
inline void dsb_ish() noexcept { asm volatile("dsb ish" ::: "memory"); }
inline void dsb_ishst() noexcept { asm volatile("dsb ishst" ::: "memory"); }

/// TLBI with an operand, and one that takes none.
template <tlbi_op Op>
inline void tlbi(u64 x) noexcept {
  asm volatile("sys #%c0, c8, c%c1, #%c2, %3" ::"i"(Op.op1), "i"(Op.crm), "i"(Op.op2), "r"(x) : "memory");
}
template <tlbi_op Op>
inline void tlbi_all() noexcept {
  asm volatile("sys #%c0, c8, c%c1, #%c2" ::"i"(Op.op1), "i"(Op.crm), "i"(Op.op2) : "memory");
}

/// A register of the translation regime: S3_op1_CRn_CRm_op2 (D19.2). op1 is 0 for EL1, 4 for EL2, 6 for EL3.
struct sysreg {
  u8 op1, crn, crm, op2;
};
template <sysreg R>
inline auto read_register() noexcept -> u64 {
  u64 v;
  asm volatile("mrs %0, s3_%c1_c%c2_c%c3_%c4" : "=r"(v) : "i"(R.op1), "i"(R.crn), "i"(R.crm), "i"(R.op2) : "memory");
  return v;
}
template <sysreg R>
inline void write_register(u64 v) noexcept {
  asm volatile("msr s3_%c1_c%c2_c%c3_%c4, %0" ::"r"(v), "i"(R.op1), "i"(R.crn), "i"(R.crm), "i"(R.op2) : "memory");
}

constexpr auto op1_of(regime r) noexcept -> u8 { return r == regime::el1_0 ? 0 : r == regime::el3 ? 6 : 4; }
constexpr auto pick(regime r, sysreg stage2, u8 crn, u8 crm, u8 op2) noexcept -> sysreg {
  return r == regime::stage2 ? stage2 : sysreg{op1_of(r), crn, crm, op2};
}
template <regime R> inline constexpr sysreg control_of = pick(R, {4, 1, 1, 0}, 1, 0, 0);  // SCTLR_ELx; HCR_EL2
template <regime R> inline constexpr sysreg ttbr0_of   = pick(R, {4, 2, 1, 0}, 2, 0, 0);  // TTBR0_ELx; VTTBR_EL2
template <regime R> inline constexpr sysreg tcr_of     = pick(R, {4, 2, 1, 2}, 2, 0, 2);  // TCR_ELx; VTCR_EL2
template <regime R> inline constexpr sysreg ttbr1_of   = {op1_of(R), 2, 0, 1};
template <regime R> inline constexpr sysreg mair_of    = {op1_of(R), 10, 2, 0};
template <regime R> inline constexpr bool   has_ttbr1  = R == regime::el1_0 || R == regime::el2_0;

/// Drops what the regime has cached, on all processors of the domain, and waits; with `asid` only that ASID's
/// non-global entries, where there are ASIDs. Stage 2 goes by the VMID in VTTBR_EL2.
template <regime R>
inline void flush(std::optional<u16> asid = std::nullopt) noexcept {
  dsb_ishst();
  if (asid && has_ttbr1<R>) tlbi<ops_of(R).id>(operand_id(*asid));
  else tlbi_all<ops_of(R).all>();
  dsb_ish();
  isb();
}

/// The registers of a regime. `control` is SCTLR_ELx, HCR_EL2 with stage 2.
struct registers {
  u64 ttbr0 = 0, ttbr1 = 0, tcr = 0, mair = 0, control = 0;
};
/// In `control`: translation on (M), with data and instruction caches (C, I); second stage on (VM).
inline constexpr u64 sctlr_m = bit(0), sctlr_c = bit(2), sctlr_i = bit(12), hcr_vm = bit(0);

/// Loads all registers of a regime and returns what they held: loading that again undoes it, translation off included.
/// Nothing cached under the old registers survives. Precondition: the code and stack in use are mapped at the same
/// addresses before and after, and no stale cache line covers tables that were written with the caches off.
template <regime R>
inline auto load(registers const &now) noexcept -> registers {
  registers was{.ttbr0 = read_register<ttbr0_of<R>>(), .tcr = read_register<tcr_of<R>>(),
                .control = read_register<control_of<R>>()};
  if constexpr (R != regime::stage2) was.mair = read_register<mair_of<R>>();
  if constexpr (has_ttbr1<R>) was.ttbr1 = read_register<ttbr1_of<R>>();

  dsb_ish();  // the stores that made the tables, before any walk of them
  bool const turns_off = (was.control & ~now.control & 1) != 0;
  if (turns_off) write_register<control_of<R>>(now.control), isb();
  if constexpr (R != regime::stage2) write_register<mair_of<R>>(now.mair);
  write_register<tcr_of<R>>(now.tcr);
  write_register<ttbr0_of<R>>(now.ttbr0);
  if constexpr (has_ttbr1<R>) write_register<ttbr1_of<R>>(now.ttbr1);
  isb();
  if constexpr (R == regime::stage2) tlbi_all<alle1is>(), dsb_ish(), isb();  // the VMID may be another one now
  else flush<R>();
  if (!turns_off) write_register<control_of<R>>(now.control), isb();
  return was;
}

/// Loads another root while translation is on and returns the one before, for `deactivate`.
template <regime R, half H = half::lower>
[[nodiscard]] inline auto activate(u64 root) noexcept -> u64 {
  constexpr auto where = H == half::lower ? ttbr0_of<R> : ttbr1_of<R>;
  auto const     was   = read_register<where>();
  dsb_ish();
  write_register<where>(root);
  isb();
  return was;
}

/// The ASID in use: TCR_ELx.A1 says which TTBR holds it.
template <regime R>
  requires has_ttbr1<R>
inline auto current_asid() noexcept -> u16 {
  bool const upper = (read_register<tcr_of<R>>() & tcr_a1) != 0;
  return static_cast<u16>((upper ? read_register<ttbr1_of<R>>() : read_register<ttbr0_of<R>>()) >> 48);
}

/// Goes back to the root that `activate` returned and drops what was cached under the one that leaves: by its ASID, its
/// VMID, or all of the regime. Its tables may then be released, but global entries they held are a ledger's to pay.
template <regime R, half H = half::lower>
inline void deactivate(u64 before) noexcept {
  if constexpr (R == regime::stage2) {
    flush<R>();  // goes by the VMID in the register
    (void)activate<R>(before);
  } else if constexpr (has_ttbr1<R>) {
    auto const asid = current_asid<R>();
    (void)activate<R, H>(before);
    flush<R>(asid);
  } else {
    (void)activate<R>(before);
    flush<R>();
  }
}

/// Pays a ledger for regime `R` on all processors of the Inner Shareable domain. Stage 2: at EL2 with HCR_EL2.TGE = 0
/// and the VMID in VTTBR_EL2. EL2&0: options.asid says whose non-global entries.
template <regime R = regime::el1_0>
class shared_tlb {
 public:
  explicit constexpr shared_tlb(tlbi_options const &o = {}) noexcept : options_{o} {}

  /// The DSB stands between every store and what follows: a TLBI, or an access that relies on it.
  void publish(output_address, u64) noexcept { dsb_ishst(), isb(); }
  void invalidate(stale const &s) noexcept {
    constexpr auto ops = ops_of(R);
    bool const by_address =
        s.tables ? each_tlbi(s, options_, tlbi<ops.address>, tlbi<ops.range>)
                 : each_tlbi(s, options_, tlbi<ops.address_last>, tlbi<ops.range_last>);
    if (!by_address) invalidate_all();
  }
  void invalidate_all() noexcept { tlbi_all<ops_of(R).all>(); }
  void sync() noexcept {
    dsb_ish();
    if constexpr (R == regime::stage2) tlbi_all<vmalle1is>(), dsb_ish();
    isb();
  }

 private:
  tlbi_options options_;
};

static_assert(translation_cache<shared_tlb<>> && translation_cache<shared_tlb<regime::stage2>>);

}  // namespace pagewright::cpu::arm64

#endif
