// SPDX-License-Identifier: MIT RISC-V: satp and hgatp, the fences, and translation caches made of them. Privileged
// specification: "Supervisor Address Translation and Protection Register", "Supervisor Memory-Management Fence
// Instruction", "Hypervisor Guest Address Translation and Protection Register", "Hypervisor Memory-Management Fence
// Instructions", Svinval, Svvptc.
//
// The encoders are pure and compile everywhere; the instructions exist on RISC-V alone.
//
// Absent entries may be cached, so a new mapping owes a fence as well; formats/riscv.hpp says so (caches_absent). With
// Svvptc a valid bit that software sets is seen within bounded time without one: describe the format with
// caches_absent = false, and let the handler of page faults try again where the tables do hold a translation.
#pragma once

#include <optional>

#include "../formats/riscv.hpp"
#include "../ledger.hpp"

namespace pagewright::cpu::riscv {

using pagewright::riscv::mode;

// --- root registers ------------------------------------------------------------------------------------------------

/// The MODE field of a 64-bit satp; that of hgatp holds the same numbers for the x4 schemes.
constexpr auto mode64(mode m) noexcept -> u64 { return m == mode::bare ? 0 : u64{6} + u64(m); }

/// A 64-bit satp or vsatp: MODE 63:60, ASID 59:44, PPN 43:0. Nothing if the mode is Sv32, the table is not aligned to
/// 4 Kbytes or lies beyond 56 bits, or the ASID does not fit `asid_bits` (see the probe below).
constexpr auto satp64(mode m, output_address table, u16 asid = 0, unsigned asid_bits = 16) noexcept
    -> std::optional<u64> {
  if (m == mode::sv32 || (table.value & ~ones(12, 44)) != 0 || (asid & ~below(asid_bits)) != 0) return std::nullopt;
  return m == mode::bare ? 0 : mode64(m) << 60 | u64{asid} << 44 | table.value >> 12;
}

/// A 32-bit satp: MODE 31, ASID 30:22, PPN 21:0. Nothing if it cannot say so.
constexpr auto satp32(mode m, output_address table, u16 asid = 0, unsigned asid_bits = 9) noexcept
    -> std::optional<u32> {
  if (m > mode::sv32 || asid_bits > 9 || (table.value & ~ones(12, 22)) != 0 || (asid & ~below(asid_bits)) != 0)
    return std::nullopt;
  return static_cast<u32>(m == mode::bare ? 0 : bit(31) | u64{asid} << 22 | table.value >> 12);
}

/// A 64-bit hgatp: MODE 63:60, VMID 57:44, PPN 43:0. `m` names the scheme that is widened (sv39 for Sv39x4). Nothing if
/// the root is not aligned to its 16 Kbytes, or the VMID does not fit `vmid_bits`, 14 at most.
constexpr auto hgatp64(mode m, output_address table, u16 vmid = 0, unsigned vmid_bits = 14) noexcept
    -> std::optional<u64> {
  if (m == mode::sv32 || vmid_bits > 14 || (table.value & ~ones(14, 42)) != 0 || (vmid & ~below(vmid_bits)) != 0)
    return std::nullopt;
  return m == mode::bare ? 0 : mode64(m) << 60 | u64{vmid} << 44 | table.value >> 12;
}

// --- fences --------------------------------------------------------------------------------------------------------

/// What a fence does and what its two operands are; a zero *register* as operand means all addresses or all
/// identifiers. The value is funct7 of the instruction. Those of Svinval order nothing by themselves: they stand
/// between sfence.w.inval and sfence.inval.ir.
enum class fence : u8 {
  sfence_vma     = 0x09,  // virtual address, ASID
  sinval_vma     = 0x0b,
  sfence_w_inval = 0x0c,  // none; with rs2 = x1 it is sfence.inval.ir
  hfence_vvma    = 0x11,  // guest virtual address, ASID of the VMID in hgatp
  hinval_vvma    = 0x13,
  hfence_gvma    = 0x31,  // guest physical address shifted right by 2, VMID
  hinval_gvma    = 0x33,
};

/// The instruction word of `f` with register numbers rs1 and rs2: funct7 rs2 rs1 000 00000 1110011.
constexpr auto encode(fence f, unsigned rs1 = 0, unsigned rs2 = 0) noexcept -> u32 {
  return u32{u8(f)} << 25 | (rs2 & 31) << 20 | (rs1 & 31) << 15 | 0x73;
}
inline constexpr u32 sfence_inval_ir = encode(fence::sfence_w_inval, 0, 1);

/// What to fence for `s` on one hart: every `stride` bytes from `first`, `count` times, or everything if `count` is 0.
/// A fence with an address orders reads of *leaf* entries alone, so a changed table entry asks for everything.
struct plan {
  u64 first, stride, count;
};
constexpr auto plan_of(stale const &s, u64 most) noexcept -> plan {
  u64 const first = s.input.first.value & ~below(s.lg2), more = (s.input.last.value - first) >> s.lg2;
  if (s.tables || more >= most) return {};
  return {first, bit(s.lg2), more + 1};
}

#ifdef __riscv

using xword = std::uintptr_t;

/// satp as it is. Precondition here and below: S-mode, and TVM allows it.
inline auto read_satp() noexcept -> xword {
  xword v;
  asm volatile("csrr %0, satp" : "=r"(v));
  return v;
}

/// Writes satp as it is: implies no fence. Entries of an ASID that was used for another root before, or cached while
/// the mode was bare, must be fenced by the caller; `activate` does so.
inline void write_satp(xword v) noexcept { asm volatile("csrw satp, %0" ::"r"(v) : "memory"); }

/// Every instruction of `fence`, through its encoding: assemblers know some of them only with the right -march.
template <fence F>
inline void issue() noexcept {
  asm volatile(".insn r 0x73, 0, %0, x0, x0, x0" ::"i"(u8(F)) : "memory");
}
template <fence F>
inline void issue_address(u64 at) noexcept {
  asm volatile(".insn r 0x73, 0, %0, x0, %1, x0" ::"i"(u8(F)), "r"(xword(at)) : "memory");
}
template <fence F>
inline void issue_id(u16 id) noexcept {
  asm volatile(".insn r 0x73, 0, %0, x0, x0, %1" ::"i"(u8(F)), "r"(xword(id)) : "memory");
}
template <fence F>
inline void issue_both(u64 at, u16 id) noexcept {
  asm volatile(".insn r 0x73, 0, %0, x0, %1, %2" ::"i"(u8(F)), "r"(xword(at)), "r"(xword(id)) : "memory");
}

/// Everything; one address in all address spaces; one address space but its global entries; one address in one of them,
/// global entries left alone. Each also orders this hart's earlier stores to the tables before its later walks.
inline void sfence_vma() noexcept { issue<fence::sfence_vma>(); }
inline void sfence_vma(virtual_address at) noexcept { issue_address<fence::sfence_vma>(at.value); }
inline void sfence_vma(u16 asid) noexcept { issue_id<fence::sfence_vma>(asid); }
inline void sfence_vma(virtual_address at, u16 asid) noexcept { issue_both<fence::sfence_vma>(at.value, asid); }

/// The same for guests, in HS-mode. A guest physical address goes in shifted right by 2, as it may be wider than a
/// register.
inline void hfence_vvma() noexcept { issue<fence::hfence_vvma>(); }
inline void hfence_vvma(virtual_address at) noexcept { issue_address<fence::hfence_vvma>(at.value); }
inline void hfence_vvma(u16 asid) noexcept { issue_id<fence::hfence_vvma>(asid); }
inline void hfence_vvma(virtual_address at, u16 asid) noexcept { issue_both<fence::hfence_vvma>(at.value, asid); }
inline void hfence_gvma() noexcept { issue<fence::hfence_gvma>(); }
inline void hfence_gvma(input_address gpa) noexcept { issue_address<fence::hfence_gvma>(gpa.value >> 2); }
inline void hfence_gvma(u16 vmid) noexcept { issue_id<fence::hfence_gvma>(vmid); }
inline void hfence_gvma(input_address gpa, u16 vmid) noexcept { issue_both<fence::hfence_gvma>(gpa.value >> 2, vmid); }

/// Loads a root and returns satp as it was, to be given to `activate` again later. The fence before orders the stores
/// that made the tables before the first walk of them, which fetches the very next instruction; the one after drops
/// what this ASID meant under the root before. Global entries stay unless the ASID is 0, which then stands for all.
inline auto activate(xword satp) noexcept -> xword {
  auto const before = read_satp();
  u16 const  asid   = sizeof(xword) == 8 ? static_cast<u16>(u64{satp} >> 44) : static_cast<u16>(satp >> 22 & 0x1ff);
  sfence_vma();
  write_satp(satp);
  if (asid == 0) sfence_vma();
  else sfence_vma(asid);
  return before;
}

/// How many ASID bits this hart has: the field is WARL, so ones are written and what stays is counted. satp is as
/// before afterwards. Precondition: translation is on, or satp is 0 and MODE bare accepts an ASID (not all harts do).
inline auto asid_bits() noexcept -> unsigned {
  auto const before = read_satp();
  auto const field  = static_cast<xword>(sizeof(xword) == 8 ? ones(44, 16) : ones(22, 9));
  write_satp(before | field);
  auto const kept = read_satp() & field;
  write_satp(before);
  sfence_vma();
  return count_ones(kept);
}

/// Pays a ledger on the hart it runs on, for every ASID and global entries included. Other harts that use the tables
/// need the same: let `invalidate` of a model of your own call this and the SBI's remote fences (RFENCE). `most`: how
/// many addresses are fenced one by one before everything is.
class local_tlb {
 public:
  explicit constexpr local_tlb(u64 most = 64) noexcept : most_{most} {}

  /// Table stores are ordered before a later fence by the fence itself.
  void publish(output_address, u64) noexcept { asm volatile("" ::: "memory"); }
  void invalidate(stale const &s) noexcept {
    auto const p = plan_of(s, most_);
    if (p.count == 0) sfence_vma();
    for (u64 i = 0; i < p.count; ++i) sfence_vma(virtual_address{p.first + i * p.stride});
  }
  void invalidate_all() noexcept { sfence_vma(); }
  void sync() noexcept {}  // a fence is complete when it retires

 private:
  u64 most_;
};

/// The same for second-stage (G-stage) tables, of every VMID.
class local_guest_tlb {
 public:
  explicit constexpr local_guest_tlb(u64 most = 64) noexcept : most_{most} {}

  void publish(output_address, u64) noexcept { asm volatile("" ::: "memory"); }
  void invalidate(stale const &s) noexcept {
    auto const p = plan_of(s, most_);
    if (p.count == 0) hfence_gvma();
    for (u64 i = 0; i < p.count; ++i) hfence_gvma(input_address{p.first + i * p.stride});
  }
  void invalidate_all() noexcept { hfence_gvma(); }
  void sync() noexcept {}

 private:
  u64 most_;
};

static_assert(translation_cache<local_tlb> && translation_cache<local_guest_tlb>);

#endif

}  // namespace pagewright::cpu::riscv
