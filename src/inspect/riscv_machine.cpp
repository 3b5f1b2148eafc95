// SPDX-License-Identifier: MIT
// RISC-V: satp names scheme and root. No dump holds it.
#include <pagewright/formats/riscv.hpp>

#include "families.hpp"

namespace pagewright::inspect {
namespace {

struct named_scheme {
  std::string_view name;
  riscv::mode      scheme;
};
constexpr named_scheme schemes[]{{"sv32", riscv::mode::sv32},
                                 {"sv39", riscv::mode::sv39},
                                 {"sv48", riscv::mode::sv48},
                                 {"sv57", riscv::mode::sv57}};

}  // namespace

auto riscv_machine(request const &asked, bool wide) -> std::expected<machine, problem> {
  machine m;
  m.arch = wide ? "riscv64" : "riscv32";
  auto const &g       = asked.given;
  auto const  satp    = g.root ? std::nullopt : take(m, "satp", g.satp);
  auto const  menvcfg = take(m, "menvcfg", g.menvcfg);
  if (!satp && !g.root)
    return refuse(blame::request,
                  "no root is known: dumps of RISC-V machines hold no satp; give --satp, or --root with "
                  "--arch and --mode");

  auto found = riscv::regime{riscv::mode::bare, 0, {}};
  if (g.root) {
    found.table = {*g.root};
    for (auto const &s : schemes)
      if (s.name == asked.mode) found.scheme = s.scheme;
    if (!wide && asked.mode.empty()) found.scheme = riscv::mode::sv32;
    if (found.scheme == riscv::mode::bare || (found.scheme == riscv::mode::sv32) == wide)
      return refuse(blame::request, "--root on {} needs --mode {}{}", m.arch, wide ? "sv39, sv48 or sv57" : "sv32",
                    asked.mode.empty() ? "" : fmt::format(", not '{}'", asked.mode));
  } else if (wide) {
    auto const decoded = riscv::regime_of_satp64(*satp);
    if (!decoded)
      return refuse(blame::request, "--satp {:#x}: MODE {} is reserved; 8, 9 and 10 are Sv39, Sv48 and Sv57", *satp,
                    *satp >> 60);
    found = *decoded;
  } else {
    if (*satp >> 32 != 0) return refuse(blame::request, "--satp {:#x}: a 32-bit machine has a 32-bit satp", *satp);
    found = riscv::regime_of_satp32(static_cast<u32>(*satp));
  }
  if (found.scheme == riscv::mode::bare)
    return refuse(blame::request, "--satp {:#x}: MODE is 0 (Bare), the machine does not translate", *satp);

  riscv::options options;
  if (menvcfg) {
    options.memory_types      = (*menvcfg & bit(62)) != 0;
    options.hardware_accessed = (*menvcfg & bit(61)) != 0;
    m.evidence.emplace_back(
        fmt::format("menvcfg.PBMTE = {}, menvcfg.ADUE = {}", +options.memory_types, +options.hardware_accessed));
  } else {
    m.evidence.emplace_back(
        "Svnapot and Svpbmt are assumed, and that hardware sets A and D: menvcfg is not known (--menvcfg)");
  }
  for (auto const &s : schemes)
    if (s.scheme == found.scheme) m.mode = s.name;
  m.mode[0] = 'S';
  m.evidence.emplace_back(g.root ? fmt::format("the scheme is that of --mode: {}", m.mode)
                              : fmt::format("satp.MODE = {}: {}", wide ? *satp >> 60 : *satp >> 31, m.mode));
  auto const sstatus = take(m, "sstatus", g.sstatus);
  if (!sstatus) m.access_evidence.emplace_back("SUM and MXR are assumed to be 0: sstatus is not known (--sstatus)");
  m.views.push_back({.label = g.root ? "root" : "satp", .description = riscv::format_of(found.scheme, options),
                     .from = {found.table, found.asid}, .rules = riscv::mmu_of(sstatus.value_or(0))});
  return m;
}

}  // namespace pagewright::inspect
