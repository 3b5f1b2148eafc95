// SPDX-License-Identifier: MIT
// x86: CR3, INVLPG, INVPCID, INVLPGB and TLBSYNC, and translation caches made of them.
// Intel SDM 3A 2.5 (control registers), 4.10 (caching translation information), 2 (INVLPG, INVPCID, MOV to control
// registers); AMD APM 2 5.5, APM 3 (INVLPGB, TLBSYNC), CPUID Fn8000_0008 and Fn8000_000A.
//
// The encoders are pure and compile everywhere; the instructions exist on x86 alone and need CPL 0.
#pragma once

#include <optional>

#include "../ledger.hpp"

namespace pagewright::cpu::x86 {

// SDM 2.5: the bits of CR0, CR4 and EFER (MSR C0000080H) that have to do with translation.
inline constexpr u64 cr0_pe = bit(0), cr0_wp = bit(16), cr0_pg = bit(31);
inline constexpr u64 cr4_pse = bit(4), cr4_pae = bit(5), cr4_pge = bit(7), cr4_la57 = bit(12), cr4_pcide = bit(17),
                     cr4_smep = bit(20), cr4_smap = bit(21), cr4_pke = bit(22);
inline constexpr u64 efer_sce = bit(0), efer_lme = bit(8), efer_lma = bit(10), efer_nxe = bit(11);

/// With CR4.PCIDE, written to CR3: keep what is cached for the new PCID (SDM 4.10.4.1). Always reads as zero.
inline constexpr u64 cr3_keep = bit(63);

// --- CR3 -----------------------------------------------------------------------------------------------------------

/// What CR3 holds (SDM tables 4-3, 4-7, 4-12). PCID and PWT/PCD lie in the same bits: CR4.PCIDE says which it is.
struct root_register {
  output_address table{};
  u16            pcid    = 0;      // CR4.PCIDE = 1
  bool           pwt     = false;  // CR4.PCIDE = 0: memory type of accesses to the top table
  bool           pcd     = false;
  bool           lam_u57 = false;  // linear-address masking, bits 61 and 62
  bool           lam_u48 = false;

  friend constexpr auto operator==(root_register const &, root_register const &) -> bool = default;
};

/// CR3 for `r`. Nothing if it cannot say so: a table that is not aligned to 4 Kbytes (`align_lg2` 5: PAE) or lies
/// beyond 52 bits, a PCID that needs more than 12 bits or CR4.PCIDE, PWT or PCD where PCIDE took their place.
constexpr auto encode(root_register const &r, u64 cr4 = 0, unsigned align_lg2 = 12) noexcept -> std::optional<u64> {
  bool const pcide = (cr4 & cr4_pcide) != 0;
  if ((r.table.value & ~ones(align_lg2, 52 - align_lg2)) != 0 || r.pcid > (pcide ? 0xfff : 0)) return std::nullopt;
  if (pcide && (r.pwt || r.pcd)) return std::nullopt;
  return r.table.value | r.pcid | u64{r.pwt} << 3 | u64{r.pcd} << 4 | u64{r.lam_u57} << 61 | u64{r.lam_u48} << 62;
}

/// The reverse, as CR4 makes it to be read.
constexpr auto decode(u64 cr3, u64 cr4 = 0, unsigned align_lg2 = 12) noexcept -> root_register {
  bool const pcide = (cr4 & cr4_pcide) != 0;
  return {.table   = {cr3 & ones(align_lg2, 52 - align_lg2)},
          .pcid    = static_cast<u16>(pcide ? cr3 & ones(0, 12) : 0),
          .pwt     = !pcide && (cr3 & bit(3)) != 0,
          .pcd     = !pcide && (cr3 & bit(4)) != 0,
          .lam_u57 = (cr3 & bit(61)) != 0,
          .lam_u48 = (cr3 & bit(62)) != 0};
}

// --- INVPCID -------------------------------------------------------------------------------------------------------

/// SDM 2, INVPCID. Only `everything` reaches global entries.
enum class invpcid_type : u8 { address = 0, context = 1, everything = 2, everything_but_global = 3 };

/// Its 128-bit memory operand. Bits 63:12 of the first word must be zero; both words are for the types that do not use
/// them.
struct invpcid_descriptor {
  u64 pcid = 0, address = 0;
};

/// The descriptor for `type`. Nothing if INVPCID would fault (#GP): a PCID of more than 12 bits, or for `address` one
/// that is not canonical in `input_bits` (57 with CR4.LA57). A PCID other than 0 needs CR4.PCIDE.
constexpr auto descriptor(invpcid_type type, u16 pcid = 0, virtual_address at = {}, unsigned input_bits = 48) noexcept
    -> std::optional<invpcid_descriptor> {
  if (type >= invpcid_type::everything) return invpcid_descriptor{};
  u64 const upper = at.value & ~below(input_bits - 1);
  if (pcid > 0xfff || (upper != 0 && upper != ~below(input_bits - 1))) return std::nullopt;
  return invpcid_descriptor{pcid, type == invpcid_type::address ? at.value : 0};
}

// --- INVLPGB -------------------------------------------------------------------------------------------------------

/// Whose translations INVLPGB drops on all processors (APM 3). Without an address all addresses are meant; without an
/// ASID all of them, the host's being 0; `final_only` spares the caches of upper levels.
struct broadcast {
  std::optional<u16> pcid{}, asid{};
  bool               global = true, final_only = false, nested = false;
};

/// rAX, ECX and EDX of INVLPGB.
struct invlpgb_operands {
  u64 rax;
  u32 ecx, edx;
  friend constexpr auto operator==(invlpgb_operands const &, invlpgb_operands const &) -> bool = default;
};

/// rAX: valid flags for VA, PCID, ASID 2:0, include global 3, final translation only 4, include nested 5, VA 63:12.
/// EDX: ASID 15:0, PCID 27:16. Precondition: the PCID has 12 bits at most.
constexpr auto everywhere(broadcast const &b) noexcept -> invlpgb_operands {
  return {u64{b.pcid.has_value()} << 1 | u64{b.asid.has_value()} << 2 | u64{b.global} << 3 | u64{b.final_only} << 4 |
              u64{b.nested} << 5,
          0, u32{b.asid.value_or(0)} | u32{b.pcid.value_or(0)} << 16};
}

/// Calls `issue(invlpgb_operands)` for pieces that together cover `s`, each of at most `count_max` + 1 pages: ECX 15:0
/// says how many *further* pages are meant, and CPUID 8000_0008H EDX[15:0] how large that may be. Where leaves are of
/// 2 Mbytes or more ECX[31] makes the steps so large. `most`: beyond that many pieces one operation for all addresses
/// takes their place. Precondition: `s` does not reach across the non-canonical gap.
template <class Issue>
constexpr void each_invlpgb(stale const &s, broadcast b, unsigned count_max, u64 most, Issue &&issue) {
  b.final_only = b.final_only && !s.tables;
  unsigned const lg2    = s.lg2 >= 21 ? 21 : 12;
  u64 const      piece  = u64{count_max & 0xffff} + 1, whole = everywhere(b).rax | 1;
  u64            at     = s.input.first.value & ~below(lg2);
  u64            more   = (s.input.last.value - at) >> lg2;  // pages beyond the first
  if (more / piece >= most) return issue(everywhere(b));
  for (;; at += piece << lg2, more -= piece) {
    u64 const further = more < piece ? more : piece - 1;
    issue(invlpgb_operands{whole | at, static_cast<u32>(further) | (lg2 == 21 ? u32{1} << 31 : 0), everywhere(b).edx});
    if (further == more) return;
  }
}

// --- what the processor has ----------------------------------------------------------------------------------------

struct cpuid_result {
  u32 eax, ebx, ecx, edx;
};

struct features {
  bool     pge = false, pcid = false, invpcid = false, la57 = false, invlpgb = false, invlpgb_nested = false;
  unsigned invlpgb_count_max = 0;  // in the sense of each_invlpgb
  unsigned physical_bits     = 0;
  u32      asids             = 0;  // how many there are, the host's 0 included; 0: no virtualization
};

/// From CPUID leaves 1, 7 (subleaf 0), 80000008H and 8000000AH; give zeros for a leaf the processor does not have.
constexpr auto features_of(cpuid_result one, cpuid_result seven, cpuid_result extended8,
                           cpuid_result extended10 = {}) noexcept -> features {
  auto const has = [](u32 word, unsigned n) { return (word >> n & 1) != 0; };
  return {.pge = has(one.edx, 13), .pcid = has(one.ecx, 17), .invpcid = has(seven.ebx, 10), .la57 = has(seven.ecx, 16),
          .invlpgb = has(extended8.ebx, 3), .invlpgb_nested = has(extended8.ebx, 21),
          .invlpgb_count_max = extended8.edx & 0xffff, .physical_bits = extended8.eax & 0xff, .asids = extended10.ebx};
}

/// Does INVLPGB accept `b`? Otherwise it faults (#UD, #GP; APM 3).
constexpr auto accepts(features const &cpu, broadcast const &b, u64 cr4) noexcept -> bool {
  return cpu.invlpgb && (!b.nested || cpu.invlpgb_nested) && (!b.asid || *b.asid == 0 || *b.asid < cpu.asids) &&
         (!b.pcid || (*b.pcid <= 0xfff && (cr4 & cr4_pcide) != 0));
}

#if defined(__x86_64__) || defined(__i386__)

// --- instructions --------------------------------------------------------------------------------------------------

using xword = std::uintptr_t;

inline auto cpuid(u32 leaf, u32 subleaf = 0) noexcept -> cpuid_result {
  cpuid_result r;
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "0"(leaf), "2"(subleaf));
  return r;
}
inline auto this_cpu() noexcept -> features {
  auto const leaf = [](u32 n) { return cpuid(n & 0x8000'0000).eax >= n ? cpuid(n) : cpuid_result{}; };
  return features_of(leaf(1), leaf(7), leaf(0x8000'0008), leaf(0x8000'000a));
}

inline auto read_cr0() noexcept -> xword { xword v; asm volatile("mov %%cr0, %0" : "=r"(v)); return v; }
inline auto read_cr2() noexcept -> xword { xword v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
inline auto read_cr3() noexcept -> xword { xword v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }
inline auto read_cr4() noexcept -> xword { xword v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
inline void write_cr0(xword v) noexcept { asm volatile("mov %0, %%cr0" ::"r"(v) : "memory"); }
inline void write_cr3(xword v) noexcept { asm volatile("mov %0, %%cr3" ::"r"(v) : "memory"); }
inline void write_cr4(xword v) noexcept { asm volatile("mov %0, %%cr4" ::"r"(v) : "memory"); }
inline auto read_msr(u32 n) noexcept -> u64 {
  u32 lo, hi;
  asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n));
  return u64{hi} << 32 | lo;
}
inline void write_msr(u32 n, u64 v) noexcept {
  asm volatile("wrmsr" ::"c"(n), "a"(static_cast<u32>(v)), "d"(static_cast<u32>(v >> 32)) : "memory");
}
inline auto read_efer() noexcept -> u64 { return read_msr(0xc000'0080); }

/// Drops one address in the current PCID, global or not, and the upper-level caches of that PCID (SDM 4.10.4.1).
inline void invlpg(virtual_address at) noexcept {
  asm volatile("invlpg (%0)" ::"r"(static_cast<xword>(at.value)) : "memory");
}
inline void invpcid(invpcid_type type, invpcid_descriptor const &d) noexcept {
  asm volatile("invpcid %0, %1" ::"m"(d), "r"(xword{u8(type)}) : "memory");
}
/// Starts dropping on all processors; complete once `tlbsync` is, on the processor that issued it. Needs
/// features::invlpgb.
inline void invlpgb(invlpgb_operands const &o) noexcept {
  asm volatile("invlpgb" ::"a"(static_cast<xword>(o.rax)), "c"(o.ecx), "d"(o.edx) : "memory");
}
inline void tlbsync() noexcept { asm volatile("tlbsync" ::: "memory"); }

/// Drops what is cached for the current PCID but global entries. CR3 is written back as it was read, PCID included.
inline void flush_current() noexcept { write_cr3(read_cr3()); }

/// Drops everything: all PCIDs, global entries, upper levels. Changing CR4.PGE either way does so (SDM 4.10.4.1).
/// Precondition: nothing that may interrupt this writes CR4.
inline void flush_everything() noexcept {
  xword const cr4 = read_cr4();
  write_cr4(cr4 ^ cr4_pge);
  write_cr4(cr4);
}

/// Pays a ledger on the processor it runs on, for the root that is loaded. Other processors, and other PCIDs under
/// which the same tables run, need the same: wrap this in a model that sends the interrupts, or use broadcast_tlb.
/// `most`: how many addresses are dropped one by one before everything is. `pae`: the tables are PAE's, whose PDPTEs
/// are cached with CR3 until it is loaded again (SDM 4.4.1).
class local_tlb {
 public:
  explicit constexpr local_tlb(u64 most = 33, bool pae = false) noexcept : most_{most}, pae_{pae} {}

  void publish(output_address, u64) noexcept { asm volatile("" ::: "memory"); }  // walks see stores, in order
  void invalidate(stale const &s) noexcept {
    u64 const first = s.input.first.value & ~below(s.lg2), more = (s.input.last.value - first) >> s.lg2;
    if (more >= most_) return invalidate_all();
    for (u64 i = 0; i <= more; ++i) invlpg({first + (i << s.lg2)});
    if (s.tables && pae_) flush_current();
  }
  void invalidate_all() noexcept {
    flush_everything();
    if (pae_) flush_current();
  }
  void sync() noexcept {}  // these instructions are complete when they retire

 private:
  u64  most_;
  bool pae_;
};

/// Pays a ledger on all processors by INVLPGB. Precondition: `accepts` holds; `count_max` is features' or less.
/// Whoever invalidates must not move to another processor before `sync`.
class broadcast_tlb {
 public:
  explicit constexpr broadcast_tlb(unsigned count_max, broadcast whose = {}, u64 most = 128) noexcept
      : count_max_{count_max}, most_{most}, whose_{whose} {}

  void publish(output_address, u64) noexcept { asm volatile("" ::: "memory"); }
  void invalidate(stale const &s) noexcept { each_invlpgb(s, whose_, count_max_, most_, invlpgb); }
  void invalidate_all() noexcept { invlpgb(everywhere(whose_)); }
  void sync() noexcept { tlbsync(); }

 private:
  unsigned  count_max_;
  u64       most_;
  broadcast whose_;
};

static_assert(translation_cache<local_tlb> && translation_cache<broadcast_tlb>);

#endif

}  // namespace pagewright::cpu::x86
