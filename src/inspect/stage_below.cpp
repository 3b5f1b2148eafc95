// SPDX-License-Identifier: MIT
// The stage below a guest's tables: Intel's EPTP, AMD's nCR3, Arm's VTTBR_EL2 and VTCR_EL2, RISC-V's hgatp.
#include "families.hpp"

namespace pagewright::inspect {
namespace {

using found_stage = std::expected<std::optional<lower_view>, problem>;

[[nodiscard]] auto x86_below(machine &m, request const &asked) -> found_stage {
  auto const &g = asked.given;
  if (g.eptp && g.ncr3) return refuse(blame::request, "--eptp is Intel's and --ncr3 is AMD's: give one of them");
  auto const bits = asked.physical_bits.value_or(52);
  if (g.eptp) {
    take(m, "eptp", g.eptp);
    auto const p = ept::pointer_of(*g.eptp, bits);
    if (!p) return refuse(blame::request, "--eptp {:#x}: {}", *g.eptp, text(p.error()));
    ept::options const offers{.physical_bits = bits, .accessed_dirty = p->accessed_dirty};
    m.evidence.emplace_back(fmt::format("EPT with {} levels; that all page sizes and execute-only pages are offered, and that "
                                        "mode-based execution is off, is assumed", p->depth));
    return lower_view{"EPTP", ept::format_of(*p, offers), {p->table}, ept::mmu_of(offers)};
  }
  if (!g.ncr3) return std::nullopt;
  take(m, "ncr3", g.ncr3);
  npt::options const o{.host = {.physical_bits = bits, .amd = true}};
  m.evidence.emplace_back("nested paging with 4 levels, the host's EFER.NXE on and GMET off, is assumed");
  return lower_view{"nCR3", npt::nested(x86::mode::paging_4level, o), {x86::root_table(x86::mode::paging_4level, *g.ncr3)}, npt::mmu{}};
}

[[nodiscard]] auto arm64_below(machine &m, register_options const &g) -> found_stage {
  if (!g.vttbr && !g.vtcr && !g.hcr) return std::nullopt;
  if (!g.vttbr || !g.vtcr)
    return refuse(blame::request, "stage 2 is described by two registers: give --vttbr and --vtcr, and --hcr where FWB or "
                  "PTW is on");
  take(m, "vttbr_el2", g.vttbr), take(m, "vtcr_el2", g.vtcr), take(m, "hcr_el2", g.hcr);
  auto const o = arm64::stage2_of(*g.vtcr, g.hcr.value_or(0));
  if (!o) return refuse(blame::request, "--vtcr {:#x}: {}", *g.vtcr, text(o.error()));
  auto const f = arm64::stage2(*o);
  m.evidence.emplace_back(fmt::format("stage 2: {}K granule, {}-bit input; FEAT_XNX is assumed",
                                      1u << (unsigned(o->page) - 10), o->input_bits));
  return lower_view{"VTTBR_EL2", f, {arm64::root_table(f, *o, *g.vttbr), arm64::vmid_of(*g.vttbr)},
                    arm64::stage2_mmu_of(g.hcr.value_or(0))};
}

[[nodiscard]] auto riscv_below(machine &m, register_options const &g, bool wide) -> found_stage {
  if (!g.hgatp) return std::nullopt;
  take(m, "hgatp", g.hgatp);
  if (!wide && *g.hgatp >> 32 != 0) return refuse(blame::request, "--hgatp {:#x}: a 32-bit machine has a 32-bit hgatp", *g.hgatp);
  auto const r = wide ? riscv::regime_of_hgatp64(*g.hgatp) : riscv::regime_of_hgatp32(static_cast<u32>(*g.hgatp));
  if (!r) return refuse(blame::request, "--hgatp {:#x}: MODE is reserved, or Bare with other bits set", *g.hgatp);
  if (r->scheme == riscv::mode::bare) return std::nullopt;
  // The G stage has what the machine's own tables have.
  riscv::options o;
  if (g.menvcfg) o.memory_types = (*g.menvcfg & bit(62)) != 0, o.hardware_accessed = (*g.menvcfg & bit(61)) != 0;
  return lower_view{"hgatp", riscv::guest_format_of(r->scheme, o), {r->table, r->vmid},
                    riscv::guest_mmu_of(0, wide ? 8 : 4)};  // --sstatus is the guest's: the host's MXR is not known
}

}  // namespace

auto stage_below(machine &m, request const &asked) -> found_stage {
  if (m.arch == "x86_64" || m.arch == "i386") return x86_below(m, asked);
  if (m.arch == "aarch64") return arm64_below(m, asked.given);
  if (m.arch == "riscv64" || m.arch == "riscv32") return riscv_below(m, asked.given, m.arch == "riscv64");
  return std::nullopt;
}

}  // namespace pagewright::inspect
