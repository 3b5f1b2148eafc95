// SPDX-License-Identifier: MIT
// AArch64, stage 1 of EL1&0: TCR_EL1 describes each half of the address space (Arm ARM D19.2.147). No dump holds it.
#include <pagewright/formats/arm64.hpp>

#include "families.hpp"

namespace pagewright::inspect {
namespace {

/// 4-Kbyte granules, 48-bit halves, 48-bit output, hardware sets the access flag.
constexpr u64 assumed_tcr = u64{16} | u64{16} << 16 | u64{2} << 30 | u64{5} << 32 | bit(39);

[[nodiscard]] auto half_text(arm64::stage1_options const &o) -> std::string {
  return fmt::format("{}K granule, {}-bit input, {}-bit output{}", 1u << (unsigned(o.page) - 10), o.input_bits,
                     o.output_bits, !o.wide ? "" : o.page == arm64::granule::k64 ? " (LPA)" : " (LPA2)");
}

}  // namespace

auto arm64_machine(request const &asked, captured const &dump) -> std::expected<machine, problem> {
  machine m;
  m.arch   = "aarch64";
  m.halves = true;
  auto const &g     = asked.given;
  auto const  ttbr0 = take(m, "ttbr0_el1", g.ttbr0), ttbr1 = take(m, "ttbr1_el1", g.ttbr1);
  auto const  tcr = take(m, "tcr_el1", g.tcr), mair = take(m, "mair_el1", g.mair);
  if (!asked.mode.empty() && asked.mode != "lower" && asked.mode != "upper")
    return refuse(blame::request, "--mode {}: for AArch64 it is lower or upper, the half that --root translates",
                  asked.mode);
  if (!ttbr0 && !ttbr1 && !g.root)
    return refuse(blame::request,
                  "no root is known: dumps of AArch64 machines hold no TTBR; give --ttbr1 (kernel half), "
                  "--ttbr0 (user half) and --tcr, or --root with --arch aarch64");
  if (!tcr)
    m.evidence.emplace_back("4K granules, 48-bit halves and 48-bit output are assumed, and that hardware sets the access "
                         "flag: TCR_EL1 is not known (--tcr)");

  auto const sctlr = take(m, "sctlr_el1", g.sctlr), pstate = take(m, "pstate", g.pstate);
  if (!sctlr) m.access_evidence.emplace_back("WXN and EPAN are assumed to be 0: SCTLR_EL1 is not known (--sctlr)");
  if (!pstate) m.access_evidence.emplace_back("PAN and UAO are assumed to be 0: PSTATE is not known (--pstate)");
  auto const in_pstate = [&](unsigned n) { return (pstate.value_or(0) & bit(n)) != 0; };

  // SCTLR_EL1.EE is the byte order of data at EL1 and of stage 1 walks alike, and QEMU writes the file in that order.
  bool const reversed =
      dump.elf && dump.elf->machine == image::elf_machine::aarch64 && dump.elf->order == std::endian::big;
  if (reversed) m.evidence.emplace_back("tables are big-endian, as the ELF file is: SCTLR_EL1.EE = 1");

  auto const half = [&](arm64::half space, std::optional<u64> ttbr, std::string label) -> std::expected<void, problem> {
    bool const upper = space == arm64::half::upper;
    bool const rooted = g.root && (asked.mode == "upper") == upper;
    if (!ttbr && !rooted) return {};
    auto const options = arm64::regime_of(tcr.value_or(assumed_tcr), space, mair.value_or(arm64::default_mair));
    if (!options) {
      if (options.error() != arm64::no_regime::walks_disabled)
        return refuse(blame::request, "--tcr {:#x}: {} ({} half)", *tcr, text(options.error()),
                      upper ? "upper" : "lower");
      m.evidence.emplace_back(fmt::format("{} half: {}", upper ? "upper" : "lower", text(options.error())));
      return {};
    }
    auto const table = rooted ? output_address{*g.root} : arm64::root_table(*options, *ttbr);
    m.evidence.emplace_back(fmt::format("{} half: {}; hardware {} the access flag{}", upper ? "upper" : "lower",
                                     half_text(*options), options->hardware_accessed ? "sets" : "does not set",
                                     options->hardware_dirty ? " and the dirty state" : ""));
    if (!m.mode.empty()) m.mode += "; ";
    m.mode += fmt::format("{} half: {}", upper ? "upper" : "lower", half_text(*options));
    auto description = arm64::stage1(*options);
    if (reversed) description.order = byte_order::big;
    m.views.push_back({.label = rooted ? "root" : std::move(label), .description = description,
                       .from = {table, ttbr ? arm64::asid_of(*ttbr) : u16{0}},
                       .rules = arm64::mmu_of(tcr.value_or(assumed_tcr), sctlr.value_or(0), space, in_pstate(22), in_pstate(23))});
    return {};
  };
  if (auto const ok = half(arm64::half::lower, ttbr0, "TTBR0_EL1"); !ok) return std::unexpected{ok.error()};
  if (auto const ok = half(arm64::half::upper, ttbr1, "TTBR1_EL1"); !ok) return std::unexpected{ok.error()};
  if (m.views.empty())
    return refuse(blame::request, "TCR_EL1 disables walks of every half whose root is given; check --tcr");
  if (!mair) m.evidence.emplace_back("memory types follow a usual MAIR_EL1: it is not in the image (--mair)");
  return m;
}

}  // namespace pagewright::inspect
