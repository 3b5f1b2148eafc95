// SPDX-License-Identifier: MIT
// The tables of IOMMUs and GPUs.
#include <pagewright/formats/amdgpu.hpp>
#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/dart.hpp>
#include <pagewright/formats/intel_ppgtt.hpp>
#include <pagewright/formats/mali.hpp>
#include <pagewright/formats/nvidia.hpp>
#include <pagewright/formats/riscv_iommu.hpp>
#include <pagewright/formats/smmuv3.hpp>
#include <pagewright/formats/vtd.hpp>

#include "families.hpp"

namespace pagewright::catalogue {
namespace {

constexpr std::string_view drivers = "drivers";

constexpr variant vtd_variants[]{
    {"vtd-second-4level", &vtd::second_4level, "vtd::second_4level", "second stage, AW 2"},
    {"vtd-second-3level", &vtd::second_3level, "vtd::second_3level", "second stage, AW 1", false},
    {"vtd-second-5level", &vtd::second_5level, "vtd::second_5level", "second stage, AW 3", false},
    {"vtd-first-4level", &vtd::first_4level, "vtd::first_4level",
     "first stage (scalable mode), as the processor's tables"},
    {"vtd-first-5level", &vtd::first_5level, "vtd::first_5level", "first stage, FSPM = 1", false},
};
constexpr std::string_view vtd_sources[]{
    "Intel Virtualization Technology for Directed I/O, 338868: 3.6 (first stage), 3.7 (second stage), 9.3 and 9.6 "
    "(context and PASID-table entries), 9.7 and 9.8 (paging entries)",
};
constexpr std::string_view vtd_uncertain[]{
    "Second stage: whether devices may execute (X, bit 2), and EMT and IPAT in bits 6:3. All are taken for ignored, "
    "kept, and not given to software.",
    "Second stage: what PS means where the size is not supported. Taken for reserved, as in the processor's tables.",
    "First stage: without execute-disable, bit 63 is taken for ignored, as QEMU has it; where the unit keeps its PAT "
    "is not known.",
    "The caching of absent entries depends on CAP.CM, which is taken for clear, as in real units.",
};

constexpr variant amdvi_variants[]{
    {"amdvi-v1-4level", &amdvi::v1_4level, "amdvi::v1_4level", "host tables, mode 4"},
    {"amdvi-v1-3level", &amdvi::v1_3level, "amdvi::v1_3level", "host tables, mode 3", false},
    {"amdvi-v1-6level", &amdvi::v1_6level, "amdvi::v1_6level", "host tables, mode 6: all 64 bits of input", false},
    {"amdvi-v2-4level", &amdvi::v2_4level, "amdvi::v2_4level", "guest tables, as the processor's"},
    {"amdvi-v2-5level", &amdvi::v2_5level, "amdvi::v2_5level", "guest tables, five levels", false},
};
constexpr std::string_view amdvi_sources[]{
    "AMD I/O Virtualization Technology (IOMMU) specification, 48882: 2.2.2 (device table), 2.2.3 (host page tables), "
    "2.2.6 (guest page tables)",
};
constexpr std::string_view amdvi_uncertain[]{
    "Host tables: whether every part checks the address bits of levels that a table entry skips.",
    "Host tables: that bit 59 of a table entry is reserved, as FC (bit 60) is.",
    "Guest tables: that bit 8 of the upper levels must be zero, as in the processor's.",
    "Device table: V without TV is taken for a device that is blocked; the guest's fields beside GLX and address bits "
    "14:12 are as Linux has them.",
    "Some parts mishandle leaves of 512 Gbytes; limits.largest_lg2 keeps from them.",
};

constexpr format  riscv_iommu_first  = riscv_iommu::first_stage({.scheme = riscv::mode::sv39});
constexpr format  riscv_iommu_second = riscv_iommu::second_stage({.scheme = riscv::mode::sv39});
constexpr variant riscv_iommu_variants[]{
    {"riscv-iommu-first-sv39", &riscv_iommu_first, "riscv_iommu::first_stage({.scheme = riscv::mode::sv39})",
     "first stage; likewise Sv32, Sv48, Sv57", false},
    {"riscv-iommu-second-sv39x4", &riscv_iommu_second, "riscv_iommu::second_stage({.scheme = riscv::mode::sv39})",
     "second stage; likewise Sv32x4, Sv48x4, Sv57x4", false},
};
constexpr std::string_view riscv_iommu_sources[]{
    "RISC-V IOMMU Architecture Specification 1.0, chapter 3 (data structures)",
    "RISC-V Instruction Set Manual, volume II, privileged architecture, for the tables themselves",
};
constexpr std::string_view riscv_iommu_uncertain[]{
    "From memory of the specification: that SADE needs the capability AMO_HWAD as GADE does.",
};

constexpr format  smmu_first  = smmuv3::format_of(smmuv3::first_stage{});
constexpr format  smmu_second = smmuv3::format_of(smmuv3::second_stage{});
constexpr variant smmuv3_variants[]{
    {"smmuv3-stage1", &smmu_first, "smmuv3::format_of(smmuv3::first_stage{})",
     "stage 1; granule, size and features as the context descriptor says", false},
    {"smmuv3-stage2", &smmu_second, "smmuv3::format_of(smmuv3::second_stage{})",
     "stage 2; as the stream table entry says", false},
};
constexpr std::string_view smmuv3_sources[]{
    "Arm System Memory Management Unit Architecture Specification, SMMUv3, IHI 0070, chapter 5",
    "Arm Architecture Reference Manual for A-profile, DDI 0487, chapter D8, for the tables themselves",
};
constexpr std::string_view smmuv3_uncertain[]{
    "Field positions are those Linux uses. From memory of the specification: S2AFFD, S2HA and S2HD, AFFD (bit 35 of a "
    "context descriptor), and the 4-Kbyte second-level context tables.",
    "STE.Config 1 to 3 is taken for reserved.",
};

constexpr variant dart_variants[]{
    {"dart-v1-16k", &dart::v1_16k, "dart::v1_16k", "T8020 entries, 16-Kbyte pages"},
    {"dart-v1-4k", &dart::v1_4k, "dart::v1_4k", "T8020 entries, 4-Kbyte pages", false},
    {"dart-v2-16k", &dart::v2_16k, "dart::v2_16k", "T6000 and T8110 entries"},
};
constexpr std::string_view dart_sources[]{
    "No public manual: layouts are those that two independent drivers use, of Linux and of m1n1",
};
constexpr std::string_view dart_uncertain[]{
    "The topmost address bit: v1 holds address bits up to 35 or 39, v2 up to 41 or 43. Neither driver sets any above "
    "the output size.",
    "The shape of trees of three levels.",
    "Bit 1 of v2: one driver calls it uncached, the other real-time. As memory type it is NC.",
    "How hardware rounds SP_START and SP_END; and nothing is known to be rejected by hardware.",
    "What follows if TCR enables both translation and bypass; bypass counts then.",
};

constexpr variant nvidia_variants[]{
    {"nvidia-v2-small", &nvidia::v2_small, "nvidia::v2_small", "Pascal to Ada, tables of 4-Kbyte pages"},
    {"nvidia-v2-big", &nvidia::v2_big, "nvidia::v2_big", "Pascal to Ada, tables of 64-Kbyte pages, and 2-Mbyte pages"},
    {"nvidia-v3-small", &nvidia::v3_small, "nvidia::v3_small", "Hopper and Blackwell, tables of 4-Kbyte pages"},
    {"nvidia-v3-big", &nvidia::v3_big, "nvidia::v3_big",
     "Hopper and Blackwell, tables of 64-Kbyte pages, and larger ones"},
};
constexpr std::string_view nvidia_sources[]{
    "NVIDIA open-gpu-doc: gp100-mmu-format.pdf, dev_mmu.ref.txt (tu104)",
    "NVIDIA's open kernel driver: dev_mmu.h of gp100, tu102, gh100, gb202; of version 3 the only source",
};
constexpr std::string_view nvidia_uncertain[]{
    "Version 2: whether addresses are sign-extended with ATS from Volta on; taken for unsigned.",
    "Version 2: whether the address bits below a large page are looked at; taken for not.",
    "Version 2: NO_ATS, bit 5 from Volta on, lies where the big half of PD0 has an address bit.",
    "Version 3: PCF 2 of an invalid entry, \"mapping nowhere\", is taken for an answer of the big view.",
};

constexpr variant intel_ppgtt_variants[]{
    {"intel-ppgtt-4level", &intel_ppgtt::ppgtt_4level, "intel_ppgtt::ppgtt_4level", "the usual one"},
    {"intel-ppgtt-5level", &intel_ppgtt::ppgtt_5level, "intel_ppgtt::ppgtt_5level", "57 bits of input", false},
    {"intel-ppgtt-32bit", &intel_ppgtt::ppgtt_32bit, "intel_ppgtt::ppgtt_32bit",
     "one directory pointer of a 32-bit context", false},
    {"intel-ppgtt-4level-64k", &intel_ppgtt::ppgtt_4level_64k, "intel_ppgtt::ppgtt_4level_64k",
     "tables of 64-Kbyte pages, which use every sixteenth slot"},
};
constexpr std::string_view intel_ppgtt_sources[]{
    "Intel graphics programmer's reference, PPGTT of generation 8 and later, as Linux i915 and xe drive it",
};
constexpr std::string_view intel_ppgtt_uncertain[]{
    "Which bits hardware rejects. None are rejected here but PDE bits 6 and 11 of another view.",
    "How a 5-level root divides the space where the device has 48 bits (Xe2).",
    "What the PAT indices mean depends on the device; unless given, all are as the platform says.",
};

constexpr variant amdgpu_variants[]{
    {"amdgpu-gfx9", &amdgpu::gfx9, "amdgpu::gfx9", "GFX9"},
    {"amdgpu-gfx10", &amdgpu::gfx10, "amdgpu::gfx10", "GFX10 and GFX11", false},
    {"amdgpu-gfx12", &amdgpu::gfx12, "amdgpu::gfx12", "GFX12"},
    {"amdgpu-gfx12-5level", &amdgpu::gfx12_5, "amdgpu::gfx12_5", "GFX12.1: five levels, 57 bits", false},
};
constexpr std::string_view amdgpu_sources[]{
    "No public manual for all of it: bits as Linux amdgpu uses them (amdgpu_vm.h, amdgpu_vm_pt.c, gmc_v9_0.c, "
    "gmc_v12_0.c)",
};
constexpr std::string_view amdgpu_uncertain[]{
    "The MTYPE codes of GFX10 and GFX12 beside NC 0 and UC 3; the others read as reserved.",
    "Translate-further (TF in a page, a block fragment size in a directory) is not described; such entries read as "
    "reserved.",
    "Whether GFX12 needs IS_PTE in the lowest table. Linux sets it.",
    "Older context registers: PAGE_TABLE_DEPTH in bits 2:1, BLOCK_SIZE in 6:3.",
};

constexpr variant mali_variants[]{
    {"mali-lpae", &mali::lpae_mode, "mali::lpae_mode", "Midgard and Bifrost"},
    {"mali-aarch64-4k", &mali::aarch64_4k, "mali::aarch64_4k", "later GPUs, 4-Kbyte granule: stage 1 of the processor",
     false},
    {"mali-aarch64-64k", &mali::aarch64_64k, "mali::aarch64_64k", "later GPUs, 64-Kbyte granule", false},
};
constexpr std::string_view mali_sources[]{
    "No public manual: bits as Linux (io-pgtable-arm.c, panfrost, panthor) and Arm's kbase driver use them",
    "Arm Architecture Reference Manual for A-profile, DDI 0487, D8.2 to D8.4, for the AArch64 modes",
};
constexpr std::string_view mali_uncertain[]{
    "AS_MEMATTR encodings other than 88H and 8DH; they read as reserved.",
    "LPAE mode: whether break-before-make is needed, and whether absent entries may be cached; both taken for not. "
    "11b in the last level is taken for reserved.",
    "AArch64 modes: the encoding of AS_MEMATTR, and how AS_TRANSCFG.OUTA_BITS counts.",
};

}  // namespace

family const vtd_family{"vtd",
                        "Intel VT-d",
                        "vtd.hpp",
                        "The IOMMU of Intel's platforms. The second stage translates devices' addresses for "
                        "hypervisors and kernels; the first stage of scalable mode has the processor's tables, for "
                        "addresses of processes.",
                        true,
                        "operating systems and hypervisors",
                        vtd_variants,
                        vtd_sources,
                        vtd_uncertain};

family const amdvi_family{
    "amdvi",
    "AMD-Vi",
    "amdvi.hpp",
    "The IOMMU of AMD's platforms. Host tables (v1) name in each table entry the level it leads to, and in a leaf its "
    "size; guest tables (v2) are the processor's.",
    true,
    "operating systems and hypervisors",
    amdvi_variants,
    amdvi_sources,
    amdvi_uncertain};

family const riscv_iommu_family{
    "riscv-iommu",
    "RISC-V IOMMU",
    "riscv_iommu.hpp",
    "The RISC-V IOMMU translates by the processor's tables, in the byte order that device contexts say: the pages of "
    "riscv and riscv-guest hold for it. The header decodes device and process contexts.",
    true,
    drivers,
    riscv_iommu_variants,
    riscv_iommu_sources,
    riscv_iommu_uncertain};

family const smmuv3_family{"smmuv3",
                           "Arm SMMUv3",
                           "smmuv3.hpp",
                           "The SMMU translates by the processor's tables: the pages of arm64 and arm64-stage2 hold "
                           "for it. The header decodes stream table entries and context descriptors.",
                           true,
                           drivers,
                           smmuv3_variants,
                           smmuv3_sources,
                           smmuv3_uncertain};

family const dart_family{"dart",
                         "Apple DART",
                         "dart.hpp",
                         "The IOMMU of Apple's systems on chip. Leaves are in the last level alone; rights are told "
                         "by what they deny, and a leaf can admit a part of its page.",
                         true,
                         drivers,
                         dart_variants,
                         dart_sources,
                         dart_uncertain};

family const nvidia_family{
    "nvidia",
    "NVIDIA GPU MMU",
    "nvidia.hpp",
    "GPU tables of versions 2 and 3. A slot of PD0 leads to two tables at once, of 64-Kbyte and of 4-Kbyte pages: "
    "each half is a view, a format of its own over the same tables. Whoever walks asks the big view first.",
    true,
    drivers,
    nvidia_variants,
    nvidia_sources,
    nvidia_uncertain};

family const intel_ppgtt_family{"intel-ppgtt",
                                "Intel GPU per-process page tables",
                                "intel_ppgtt.hpp",
                                "GPU tables from generation 8 on. A directory entry says how its page table is laid "
                                "out; each layout is a view, in which entries that lead to tables of the others read "
                                "as reserved.",
                                true,
                                drivers,
                                intel_ppgtt_variants,
                                intel_ppgtt_sources,
                                intel_ppgtt_uncertain};

family const amdgpu_family{"amdgpu",
                           "AMD GPUVM",
                           "amdgpu.hpp",
                           "GPU tables of GFX9 to GFX12. Leaves can be in any level but the topmost; FRAGMENT says of "
                           "a page that its neighbours continue it. The context registers choose depth and the size "
                           "of the lowest table.",
                           true,
                           drivers,
                           amdgpu_variants,
                           amdgpu_sources,
                           amdgpu_uncertain};

family const mali_family{"mali",
                         "Arm Mali GPU",
                         "mali.hpp",
                         "GPU tables of Arm. The LPAE mode resembles Arm's long descriptors but tells leaves another "
                         "way; the AArch64 modes are stage 1 of the processor, so the page of arm64 holds for them.",
                         true,
                         drivers,
                         mali_variants,
                         mali_sources,
                         mali_uncertain};

}  // namespace pagewright::catalogue
