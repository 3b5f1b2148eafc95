// SPDX-License-Identifier: MIT
// The tables of processors: of programs, kernels and hypervisors.
#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/riscv_guest.hpp>
#include <pagewright/formats/x86_nested.hpp>

#include "families.hpp"

namespace pagewright::catalogue {
namespace {

constexpr format el2_stage1 = arm64::stage1({.of = arm64::regime::el2});
constexpr format el3_stage1 = arm64::stage1({.of = arm64::regime::el3});

constexpr variant x86_variants[]{
    {"x86-32", &x86::x86_32, "x86::x86_32",
     "32-bit paging with 4-Mbyte pages (PSE) of up to 40-bit addresses (PSE-36)"},
    {"x86-pae", &x86::pae, "x86::pae", "PAE paging: four PDPTEs, which the processor loads with CR3"},
    {"x86-64-4level", &x86::x86_64_4level, "x86::x86_64_4level", "4-level paging, the usual one of 64-bit systems"},
    {"x86-64-5level", &x86::x86_64_5level, "x86::x86_64_5level", "5-level paging, CR4.LA57", false},
};
constexpr std::string_view x86_sources[]{
    "Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3A, 253668, chapter 4",
    "AMD64 Architecture Programmer's Manual, volume 2, 24593, chapter 5",
};
constexpr std::string_view x86_uncertain[]{
    "The descriptions take everything that is optional to be switched on: EFER.NXE, 1-Gbyte pages, CR4.PSE, PSE-36, "
    "and 52 physical address bits. A processor with fewer rejects more bits; x86::options says so.",
    "Hardware does not tell Intel's processors from AMD's by the tables: bit 8 of PML4 and PML5 entries, which AMD "
    "rejects, is taken for ignored.",
};

constexpr variant ept_variants[]{
    {"ept-4level", &ept::ept_4level, "ept::ept_4level", "with accessed and dirty marks (EPTP bit 6)"},
    {"ept-4level-mbec", &ept::ept_4level_mbec, "ept::ept_4level_mbec",
     "mode-based execute control: executing is told apart for the guest's supervisor and user"},
    {"ept-5level", &ept::ept_5level, "ept::ept_5level", "guest-physical addresses of 57 bits", false},
};
constexpr std::string_view ept_sources[]{
    "Intel Software Developer's Manual, volume 3C, 326019, VMX support for address translation, the EPT mechanism",
};
constexpr std::string_view ept_uncertain[]{
    "From memory of the manual: the positions of verify guest paging (bit 57), supervisor shadow stack (60) and "
    "sub-page write permission (61).",
    "From secondary notes: paging-write (bit 58) set without R is a misconfiguration; EPTP bit 7 is reserved without "
    "the capability for supervisor shadow stacks.",
};

constexpr variant npt_variants[]{
    {"npt-4level", &npt::npt_4level, "npt::npt_4level", "host with 4-level paging"},
    {"npt-5level", &npt::npt_5level, "npt::npt_5level", "host with 5-level paging", false},
};
constexpr std::string_view npt_sources[]{
    "AMD64 Architecture Programmer's Manual, volume 2, 24593, section 15.25, and chapter 5 for the tables",
};
constexpr std::string_view npt_uncertain[]{
    "What G means in a nested leaf: the sheets do not say. It is kept and not told.",
    "Whether the PDPTEs of a PAE host are loaded with nCR3. They count as loaded, so that a change is invalidated.",
    "With guest-mode execute trap (GMET): whether a leaf without U/S allows nothing, as it does without GMET.",
};

constexpr variant arm64_variants[]{
    {"arm64-4k-48-lower", &arm64::stage1_4k_48_lower, "arm64::stage1_4k_48_lower", "TTBR0_EL1: the lower half"},
    {"arm64-4k-48-upper", &arm64::stage1_4k_48_upper, "arm64::stage1_4k_48_upper", "TTBR1_EL1: the upper half", false},
    {"arm64-4k-39-lower", &arm64::stage1_4k_39_lower, "arm64::stage1_4k_39_lower", "three levels", false},
    {"arm64-4k-39-upper", &arm64::stage1_4k_39_upper, "arm64::stage1_4k_39_upper", "three levels", false},
    {"arm64-4k-52-lower", &arm64::stage1_4k_52_lpa2_lower, "arm64::stage1_4k_52_lpa2_lower",
     "FEAT_LPA2 (TCR_EL1.DS): five levels, 52-bit addresses"},
    {"arm64-4k-52-upper", &arm64::stage1_4k_52_lpa2_upper, "arm64::stage1_4k_52_lpa2_upper", "FEAT_LPA2", false},
    {"arm64-16k-47-lower", &arm64::stage1_16k_47_lower, "arm64::stage1_16k_47_lower", "three levels", false},
    {"arm64-16k-47-upper", &arm64::stage1_16k_47_upper, "arm64::stage1_16k_47_upper", "three levels", false},
    {"arm64-16k-48-lower", &arm64::stage1_16k_48_lower, "arm64::stage1_16k_48_lower", "a root of two slots", false},
    {"arm64-16k-48-upper", &arm64::stage1_16k_48_upper, "arm64::stage1_16k_48_upper", "a root of two slots", false},
    {"arm64-16k-52-lower", &arm64::stage1_16k_52_lpa2_lower, "arm64::stage1_16k_52_lpa2_lower", "FEAT_LPA2", false},
    {"arm64-16k-52-upper", &arm64::stage1_16k_52_lpa2_upper, "arm64::stage1_16k_52_lpa2_upper", "FEAT_LPA2", false},
    {"arm64-64k-48-lower", &arm64::stage1_64k_48_lower, "arm64::stage1_64k_48_lower", "three levels", false},
    {"arm64-64k-48-upper", &arm64::stage1_64k_48_upper, "arm64::stage1_64k_48_upper", "three levels", false},
    {"arm64-64k-52-lower", &arm64::stage1_64k_52_lpa_lower, "arm64::stage1_64k_52_lpa_lower",
     "FEAT_LPA: 52-bit output addresses"},
    {"arm64-64k-52-upper", &arm64::stage1_64k_52_lpa_upper, "arm64::stage1_64k_52_lpa_upper", "FEAT_LPA", false},
    {"arm64-el2", &el2_stage1, "arm64::stage1({.of = arm64::regime::el2})", "TTBR0_EL2: one privilege"},
    {"arm64-el3", &el3_stage1, "arm64::stage1({.of = arm64::regime::el3})", "TTBR0_EL3: one privilege", false},
};
constexpr std::string_view arm64_sources[]{
    "Arm Architecture Reference Manual for A-profile, DDI 0487, chapter D8: D8.2 (walks), D8.3 (descriptors), D8.4 "
    "(permissions), D8.16 (changes of live tables)",
};
constexpr std::string_view arm64_uncertain[]{
    "Memory types depend on MAIR_EL1; those shown are of the value arm64::default_mair. MAIR encodings that the "
    "manual calls UNPREDICTABLE count as reserved.",
    "Hardware that sets the access flag (TCR_EL1.HA) is assumed; without, a leaf whose AF is clear does not translate.",
};

constexpr variant arm64_stage2_variants[]{
    {"arm64-stage2-4k-40", &arm64::stage2_4k_40, "arm64::stage2_4k_40", "two tables side by side as the root"},
    {"arm64-stage2-4k-48", &arm64::stage2_4k_48, "arm64::stage2_4k_48", "four levels", false},
    {"arm64-stage2-16k-40", &arm64::stage2_16k_40, "arm64::stage2_16k_40", "sixteen tables side by side as the root",
     false},
    {"arm64-stage2-64k-40", &arm64::stage2_64k_40, "arm64::stage2_64k_40", "two levels", false},
};
constexpr std::string_view arm64_stage2_sources[]{
    "Arm Architecture Reference Manual for A-profile, DDI 0487, D8.2.2 (concatenated tables), D8.3.2 (descriptors), "
    "D8.4.2 (permissions), D8.6.5 (memory attributes)",
};
constexpr std::string_view arm64_stage2_uncertain[]{
    "Memory types are those without FEAT_S2FWB; stage 1 has its say in them too.",
    "FEAT_XNX, which tells executing at EL1 from executing at EL0, is not assumed.",
};

constexpr variant arm32_short_variants[]{
    {"arm32-short-32", &arm32::short_32, "arm32::short_32", "TTBCR.N = 0: one table for the whole space"},
    {"arm32-short-afe", &arm32::short_afe, "arm32::short_afe", "SCTLR.AFE: AP[0] is the access flag", false},
    {"arm32-short-31", &arm32::short_31, "arm32::short_31", "TTBR0 with TTBCR.N = 1: the lower half", false},
};
constexpr std::string_view arm32_short_sources[]{
    "Arm Architecture Reference Manual for A-profile, DDI 0487, G5.4 (short descriptors), G5.6 (permissions)",
    "ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C, B3.5",
};
constexpr std::string_view arm32_short_uncertain[]{
    "From memory of the manual: how PRRR and NMRR select memory types (it yields what Linux says of its values). "
    "Index 6 is IMPLEMENTATION DEFINED and reads as reserved.",
    "AP[2:0] = 100b is reserved and what it allows IMPLEMENTATION DEFINED; here it allows nothing.",
    "What DACR makes of the domains comes on top of the rights shown.",
};

constexpr variant arm32_lpae_variants[]{
    {"arm32-lpae-32", &arm32::lpae_32, "arm32::lpae_32", "stage 1, T0SZ = 0: one tree for the whole space"},
    {"arm32-lpae-30-upper", &arm32::lpae_30_high, "arm32::lpae_30_high",
     "stage 1, TTBR1 with T1SZ = 2: from 0xc0000000 on", false},
    {"arm32-lpae-hyp", &arm32::lpae_hyp, "arm32::lpae_hyp", "stage 1 of the hypervisor (HTTBR): one privilege"},
    {"arm32-lpae-stage2", &arm32::lpae_stage2_40, "arm32::lpae_stage2_40",
     "stage 2 (VTTBR), 40-bit intermediate addresses"},
};
constexpr std::string_view arm32_lpae_sources[]{
    "Arm Architecture Reference Manual for A-profile, DDI 0487, G5.5 (long descriptors), G5.6 (permissions)",
    "ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, DDI 0406C, B3.6 and B3.7",
};
constexpr std::string_view arm32_lpae_uncertain[]{
    "From memory of the manual: that TTBCR2.HPD0 and HPD1 are bits 9 and 10, and count if TTBCR.T2E is set.",
    "Whether every processor faults where VTCR.S does not repeat the sign of VTCR.T0SZ.",
    "The smallest alignment of a root: 32 bytes in one source, 16 for a T0SZ of 1 in another. Its size serves for "
    "both.",
};

constexpr variant riscv_variants[]{
    {"riscv-sv32", &riscv::sv32, "riscv::sv32", "32-bit harts; addresses of 34 bits come out"},
    {"riscv-sv39", &riscv::sv39, "riscv::sv39", "three levels"},
    {"riscv-sv48", &riscv::sv48, "riscv::sv48", "four levels", false},
    {"riscv-sv57", &riscv::sv57, "riscv::sv57", "five levels", false},
};
constexpr std::string_view riscv_sources[]{
    "RISC-V Instruction Set Manual, volume II, privileged architecture, 20240411 and later: Supervisor-Level ISA, "
    "Sv32 to Sv57; Svnapot, Svpbmt, Svadu, Svrsw60t59b",
};
constexpr std::string_view riscv_uncertain[]{
    "Svnapot, Svpbmt (menvcfg.PBMTE) and hardware that sets A and D (menvcfg.ADUE) are assumed; riscv::options says "
    "otherwise. Without Svadu a leaf whose A is clear does not translate.",
};

constexpr variant riscv_guest_variants[]{
    {"riscv-sv32x4", &riscv::sv32x4, "riscv::sv32x4", "32-bit harts"},
    {"riscv-sv39x4", &riscv::sv39x4, "riscv::sv39x4", "three levels"},
    {"riscv-sv48x4", &riscv::sv48x4, "riscv::sv48x4", "four levels", false},
    {"riscv-sv57x4", &riscv::sv57x4, "riscv::sv57x4", "five levels", false},
};
constexpr std::string_view riscv_guest_sources[]{
    "RISC-V Instruction Set Manual, volume II, privileged architecture: Hypervisor Extension, two-stage address "
    "translation, guest physical address translation",
};
constexpr std::string_view riscv_guest_uncertain[]{
    "The byte order of G-stage tables on a big-endian hart is not spelled out. They are little-endian here.",
};

}  // namespace

family const x86_family{"x86",
                        "x86 paging",
                        "x86.hpp",
                        "The processor's own tables. CR0.PG, CR4.PAE, CR4.LA57 and EFER.LMA choose among the modes. A "
                        "right counts if every level grants it; the memory type's index goes through IA32_PAT.",
                        true,
                        "operating systems",
                        x86_variants,
                        x86_sources,
                        x86_uncertain};

family const ept_family{"ept",
                        "Intel extended page tables",
                        "x86_nested.hpp",
                        "Second-stage tables of a virtual machine on Intel: guest-physical to host-physical "
                        "addresses. An entry is present if it allows anything; what hardware rejects is an EPT "
                        "misconfiguration.",
                        true,
                        "hypervisors",
                        ept_variants,
                        ept_sources,
                        ept_uncertain};

family const npt_family{"npt",
                        "AMD nested paging",
                        "x86_nested.hpp",
                        "Second-stage tables of a virtual machine on AMD, in the format of the host's own paging "
                        "mode. Every access counts as one of user mode, so that an entry without U/S allows nothing.",
                        true,
                        "hypervisors",
                        npt_variants,
                        npt_sources,
                        npt_uncertain};

family const arm64_family{"arm64",
                          "Arm VMSAv8-64 stage 1",
                          "arm64.hpp",
                          "Stage 1 of every translation regime: granules of 4, 16 and 64 Kbytes, inputs of up to 52 "
                          "bits. TCR_EL1 chooses, each half of the space having a tree of its own. arm64::stage1 "
                          "makes any other combination of granule, size and features.",
                          true,
                          "operating systems, hypervisors and firmware",
                          arm64_variants,
                          arm64_sources,
                          arm64_uncertain};

family const arm64_stage2_family{
    "arm64-stage2",
    "Arm VMSAv8-64 stage 2",
    "arm64_stage2.hpp",
    "Intermediate physical to physical addresses of a virtual machine. Up to sixteen tables lie side by side as one "
    "root where that saves a level. arm64::stage2 makes other sizes, and LPA2, FEAT_XNX, FEAT_S2FWB.",
    true,
    "hypervisors",
    arm64_stage2_variants,
    arm64_stage2_sources,
    arm64_stage2_uncertain};

family const arm32_short_family{"arm32-short",
                                "Arm VMSAv8-32 and ARMv7 short descriptors",
                                "arm32.hpp",
                                "The 32-bit tables of ARMv7-A: sections and supersections in a first level of 1-Mbyte "
                                "slots, small and large pages in tables of 1 Kbyte. Supersections and large pages are "
                                "sixteen equal entries.",
                                true,
                                "operating systems",
                                arm32_short_variants,
                                arm32_short_sources,
                                arm32_short_uncertain};

family const arm32_lpae_family{"arm32-lpae",
                               "Arm VMSAv8-32 and ARMv7 long descriptors",
                               "arm32.hpp",
                               "64-bit descriptors with 40-bit addresses in 32-bit state: the geometry of AArch64, "
                               "with other rights. Software alone sets the access flag.",
                               true,
                               "operating systems and hypervisors",
                               arm32_lpae_variants,
                               arm32_lpae_sources,
                               arm32_lpae_uncertain};

family const riscv_family{
    "riscv",
    "RISC-V supervisor page tables",
    "riscv.hpp",
    "satp.MODE chooses the scheme. An entry that may neither be read, written nor executed leads to the next table; "
    "rights are those of the leaf alone.",
    true,
    "operating systems",
    riscv_variants,
    riscv_sources,
    riscv_uncertain};

family const riscv_guest_family{"riscv-guest",
                                "RISC-V G-stage page tables",
                                "riscv_guest.hpp",
                                "Guest physical to supervisor physical addresses of a virtual machine (hgatp): the "
                                "supervisor's formats with two more bits in the root. Every access counts as one of "
                                "user mode.",
                                true,
                                "hypervisors",
                                riscv_guest_variants,
                                riscv_guest_sources,
                                riscv_guest_uncertain};

}  // namespace pagewright::catalogue
