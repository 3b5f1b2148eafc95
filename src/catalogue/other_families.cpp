// SPDX-License-Identifier: MIT
// The tables of processors that are neither x86, Arm nor RISC-V.
#include <pagewright/formats/alpha.hpp>
#include <pagewright/formats/loongarch.hpp>
#include <pagewright/formats/m68k.hpp>
#include <pagewright/formats/power_radix.hpp>
#include <pagewright/formats/s390x.hpp>
#include <pagewright/formats/sparc_srmmu.hpp>

#include "families.hpp"

namespace pagewright::catalogue {
namespace {

constexpr std::string_view systems = "operating systems";

constexpr variant loongarch_variants[]{
    {"loongarch64-4k", &loongarch::pages_4k, "loongarch::pages_4k",
     "Linux's shape for 4-Kbyte pages: four levels, both halves"},
    {"loongarch64-4k-39", &loongarch::pages_4k_39, "loongarch::pages_4k_39", "three levels, the lower half", false},
    {"loongarch64-16k", &loongarch::pages_16k, "loongarch::pages_16k", "16-Kbyte pages, the lower half", false},
    {"loongarch64-16k-upper", &loongarch::pages_16k_high, "loongarch::pages_16k_high", "16-Kbyte pages, the upper half",
     false},
    {"loongarch64-64k", &loongarch::pages_64k, "loongarch::pages_64k", "64-Kbyte pages", false},
};
constexpr std::string_view loongarch_sources[]{
    "LoongArch Reference Manual, volume 1: 5.4 (TLB and page tables), 7.5 (registers)",
};
constexpr std::string_view loongarch_uncertain[]{
    "Where in a slot wider than 8 bytes (PWCL.PTEWidth) the entry lies; in its first 8 bytes here.",
    "What V decides in tables that a hardware walker reads, and who sets A and D there.",
    "From memory of the manual: the width of physical addresses (CPUCFG.1), the page sizes that the TLB takes "
    "(PRCFG2), and that pairs of pages are global only if both are.",
};

constexpr variant power_radix_variants[]{
    {"power-radix-4k", &power_radix::pages_4k, "power_radix::pages_4k", "process-scoped, pages of 4 Kbytes"},
    {"power-radix-64k", &power_radix::pages_64k, "power_radix::pages_64k", "process-scoped, pages of 64 Kbytes", false},
    {"power-radix-partition-4k", &power_radix::partition_4k, "power_radix::partition_4k",
     "partition-scoped: the second stage, where privilege does not count"},
    {"power-radix-partition-64k", &power_radix::partition_64k, "power_radix::partition_64k",
     "partition-scoped, 64 Kbytes", false},
};
constexpr std::string_view power_radix_sources[]{
    "Power ISA 3.1B, Book III, 6.7.11 and following (radix tree translation)",
};
constexpr std::string_view power_radix_uncertain[]{
    "Reserved bits are taken for ignored: 60:57 (keys with ISA 3.1) and 6 of a leaf, 61:60 and 7:5 of a directory "
    "entry.",
    "Whether a processor sets R and C itself or interrupts: the ISA leaves it open.",
    "What address bits between the tree's width and 61 lead to if they are set.",
    "Pages of non-idempotent I/O (ATT 2) with EAA.X read as executable; hardware refuses to fetch from them.",
};

constexpr variant s390x_variants[]{
    {"s390x-64", &s390x::dat_64, "s390x::dat_64", "a region-first table on top: all 64 bits"},
    {"s390x-53", &s390x::dat_53, "s390x::dat_53", "a region-second table on top", false},
    {"s390x-42", &s390x::dat_42, "s390x::dat_42", "a region-third table on top", false},
    {"s390x-31", &s390x::dat_31, "s390x::dat_31", "a segment table on top", false},
};
constexpr std::string_view s390x_sources[]{
    "z/Architecture Principles of Operation, SA22-7832, chapter 3 (dynamic address translation)",
};
constexpr std::string_view s390x_uncertain[]{
    "CR in a region-third entry that leads to a segment table is taken to count only with EDAT-2, as emulators have "
    "it.",
    "Which bits large leaves leave to software, beyond the two that Linux uses.",
    "From memory of the manual: whether addresses of tables are real or absolute is unpredictable; valid entries in "
    "use may be replaced only by instructions that invalidate in the same breath.",
};

constexpr variant sparc_srmmu_variants[]{
    {"sparc-srmmu", &sparc_srmmu::srmmu, "sparc_srmmu::srmmu", "36-bit physical addresses"},
};
constexpr std::string_view sparc_srmmu_sources[]{
    "The SPARC Architecture Manual, version 8, appendix H (SPARC reference MMU)",
};
constexpr std::string_view sparc_srmmu_uncertain[]{
    "Address bits of a PTE below its size; they are left out here, a software MMU adds the offset to them.",
    "Whether entries of ACC 6 and 7 match in every context, which would make supervisor pages global.",
    "What a PTE in the context table leads to.",
    "From memory of the manual: hardware does not cache entries that are not valid.",
};

constexpr variant m68k_variants[]{
    {"m68040-4k", &m68k::m68040_4k, "m68k::m68040_4k", "68040, pages of 4 Kbytes"},
    {"m68040-8k", &m68k::m68040_8k, "m68k::m68040_8k", "68040, pages of 8 Kbytes", false},
    {"m68060-4k", &m68k::m68060_4k, "m68k::m68060_4k", "68060, pages of 4 Kbytes", false},
    {"m68060-8k", &m68k::m68060_8k, "m68k::m68060_8k", "68060, pages of 8 Kbytes", false},
    {"m68030-short", &m68k::m68030_short, "m68k::m68030_short",
     "68030 with short descriptors, in the shape that Linux uses"},
    {"m68030-long", &m68k::m68030_long, "m68k::m68030_long", "68030 with long descriptors"},
};
constexpr std::string_view m68k_sources[]{
    "MC68040 User's Manual, section 3.2",
    "MC68060 User's Manual, section 4.2",
    "MC68030 User's Manual, sections 9.1 and 9.5",
};
constexpr std::string_view m68k_uncertain[]{
    "68030: in a long page descriptor above the last level LIMIT bounds the part of the block that is mapped; a leaf "
    "reads as whole here, and new ones are.",
    "68030: what an indirect descriptor that leads to another one does; absent with DT 2, rejected with DT 3 here.",
    "From memory of the manual: where the 68030 has constants the 68851 has access levels, a lock and a bit for what "
    "is shared globally; they are not described.",
    "Tables that mix short and long descriptors are not described.",
};

constexpr variant alpha_variants[]{
    {"alpha-osf1", &alpha::osf1, "alpha::osf1", "44-bit physical addresses, as of the 21264"},
};
constexpr std::string_view alpha_sources[]{
    "Alpha Architecture Reference Manual, section II-B (DIGITAL UNIX), memory management",
};
constexpr std::string_view alpha_uncertain[]{
    "What is met while the entries of a block change one after the other.",
    "Bits 7, 11:10 and 15:14, which are taken for ignored and kept.",
    "Where the processor's I/O space begins in physical addresses.",
    "From memory of the manual: the widths of physical addresses, that granularity hints are hints, that entries "
    "which are not valid are not cached.",
};

}  // namespace

family const loongarch_family{
    "loongarch64",
    "LoongArch64",
    "loongarch.hpp",
    "Tables of a shape that PWCL and PWCH describe: a page table and up to four directories above it. Software walks "
    "them with LDDIR and LDPTE, newer processors do so themselves. loongarch::tables makes any other shape.",
    true,
    systems,
    loongarch_variants,
    loongarch_sources,
    loongarch_uncertain};

family const power_radix_family{"power-radix",
                                "Power ISA radix trees",
                                "power_radix.hpp",
                                "Radix trees of processes (effective to real addresses) and of partitions (guest real "
                                "to host real addresses). Every directory entry says how wide the next table is. "
                                "Big-endian always.",
                                true,
                                "operating systems and hypervisors",
                                power_radix_variants,
                                power_radix_sources,
                                power_radix_uncertain};

family const s390x_family{
    "s390x",
    "s390x dynamic address translation",
    "s390x.hpp",
    "Segment tables and up to three levels of region tables above them; the address-space-control element says how "
    "many. Zero is a valid entry, and tables can exist in part. Storage keys, outside the tables, hold what was "
    "accessed.",
    true,
    systems,
    s390x_variants,
    s390x_sources,
    s390x_uncertain};

family const sparc_srmmu_family{
    "sparc",
    "SPARC V8 reference MMU",
    "sparc_srmmu.hpp",
    "Three levels of 4-byte entries below a table of contexts. Big-endian. ACC names eight pairs of rights.",
    true,
    systems,
    sparc_srmmu_variants,
    sparc_srmmu_sources,
    sparc_srmmu_uncertain};

family const m68k_family{"m68k",
                         "Motorola 68k",
                         "m68k.hpp",
                         "The fixed tables of the 68040 and 68060, and those of the 68030 and 68851, whose shape the "
                         "translation control register gives. A page descriptor can lie elsewhere: an indirect "
                         "descriptor leads to it. Big-endian.",
                         true,
                         systems,
                         m68k_variants,
                         m68k_sources,
                         m68k_uncertain};

family const alpha_family{"alpha",
                          "Alpha",
                          "alpha.hpp",
                          "The tables that the OSF/1 PALcode walks: three levels of 8-Kbyte tables. PALcode is "
                          "software, so that another can have other tables. Leaves are in the last level; granularity "
                          "hints make blocks of them.",
                          true,
                          systems,
                          alpha_variants,
                          alpha_sources,
                          alpha_uncertain};

}  // namespace pagewright::catalogue
