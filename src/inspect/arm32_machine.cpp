// SPDX-License-Identifier: MIT
// AArch32, EL1 and EL0: TTBCR says which descriptors there are and how TTBR0 and TTBR1 divide the addresses (Arm ARM
// G5.4, G5.5). No dump holds them.
#include <pagewright/formats/arm32.hpp>

#include "families.hpp"

namespace pagewright::inspect {
namespace {

constexpr u32 eae = u32{1} << 31, big_endian = u32{1} << 25, assumed_sctlr = u32{1} << 28;  // TRE, no AFE

/// The addresses that a half translates, as arm32::half_of divides them.
[[nodiscard]] auto part_of(u32 ttbcr, arm32::half space) noexcept -> range {
  bool const     both = (ttbcr & eae) != 0;
  unsigned const n0 = ttbcr & 7, n1 = both ? ttbcr >> 16 & 7 : 0;
  u64 const      end = bit(32), upper = n1 != 0 ? end - bit(32 - n1) : n0 != 0 ? bit(32 - n0) : end;
  if (space == arm32::half::upper) return {{upper}, {end - 1}};
  return {{0}, {(n0 != 0 ? bit(32 - n0) : upper) - 1}};
}

struct chosen_half {
  format         description;
  output_address table;
  u16            asid;
  std::string    what;
};

struct registers {
  std::optional<u64> ttbr0, ttbr1, ttbcr, sctlr, prrr, nmrr, mair0, mair1;
};

[[nodiscard]] auto half_of(registers const &r, u32 ttbcr, u32 sctlr, arm32::half space, std::optional<u64> ttbr,
                           std::optional<u64> root) -> std::expected<chosen_half, std::string> {
  auto const word = [](std::optional<u64> value, u32 usual) { return static_cast<u32>(value.value_or(usual)); };
  if ((ttbcr & eae) == 0) {
    auto const o = arm32::short_regime_of(ttbcr, space, sctlr, word(r.prrr, arm32::linux_prrr),
                                          word(r.nmrr, arm32::linux_nmrr));
    if (!o) return std::unexpected{std::string{text(o.error())}};
    auto const table = root ? output_address{*root} : arm32::root_table(*o, word(ttbr, 0));
    return chosen_half{arm32::short_descriptors(*o), table, 0,
                       fmt::format("short descriptors, {}-bit input{}{}", o->input_bits,
                                   o->access_flag ? ", access flag" : "", o->big_endian ? ", big-endian" : "")};
  }
  auto const o = arm32::lpae_regime_of(ttbcr, space, sctlr, word(r.mair0, arm32::linux_mair0),
                                       word(r.mair1, arm32::linux_mair1));
  if (!o) return std::unexpected{std::string{text(o.error())}};
  auto const f     = arm32::lpae_stage1(*o);
  auto const table = root ? std::optional{output_address{*root}} : arm32::root_table(f, ttbr.value_or(0));
  if (!table)
    return std::unexpected{fmt::format("bits 47:40 of {:#x} are set, which is an Address size fault",
                                       ttbr.value_or(0))};
  auto const holder = (ttbcr >> 22 & 1) != 0 ? r.ttbr1 : r.ttbr0;  // A1
  return chosen_half{f, *table, holder ? arm32::asid_of(*holder) : u16{0},
                     fmt::format("long descriptors (LPAE), {}-bit input{}", o->input_bits,
                                 o->big_endian ? ", big-endian" : "")};
}

}  // namespace

auto arm32_machine(request const &asked, captured const &dump) -> std::expected<machine, problem> {
  machine m;
  m.arch = "arm";
  auto const     &g = asked.given;
  registers const r{take(m, "ttbr0", g.ttbr0), take(m, "ttbr1", g.ttbr1), take(m, "ttbcr", g.ttbcr),
                    take(m, "sctlr", g.sctlr), take(m, "prrr", g.prrr),   take(m, "nmrr", g.nmrr),
                    take(m, "mair0", g.mair0), take(m, "mair1", g.mair1)};
  if (!r.ttbr0 && !r.ttbr1 && !g.root)
    return refuse(blame::request,
                  "no root is known: dumps of 32-bit Arm machines hold no TTBR; give --ttbr0, --ttbr1 and "
                  "--ttbcr, or --root with --arch arm");
  if (!asked.mode.empty() && asked.mode != "short" && asked.mode != "long")
    return refuse(blame::request, "--mode {}: for 32-bit Arm it is short or long, the descriptors that --root leads to",
                  asked.mode);
  if (g.root && (r.ttbr0 || r.ttbr1))
    return refuse(blame::request, "--root is one table, and --ttbr0 and --ttbr1 name others: give one or the other");
  for (auto const &one : m.registers)
    if (one.name != "ttbr0" && one.name != "ttbr1" && one.value >> 32 != 0)
      return refuse(blame::request, "--{} {:#x}: the register has 32 bits", one.name, one.value);

  u32 const ttbcr = static_cast<u32>(r.ttbcr.value_or(asked.mode == "long" ? eae : 0));
  bool const wide = (ttbcr & eae) != 0;
  if (!asked.mode.empty() && (asked.mode == "long") != wide)
    return refuse(blame::request, "--mode {} and --ttbcr {:#x} do not agree: EAE, bit 31, is {}", asked.mode, ttbcr,
                  +wide);
  if (!r.ttbcr)
    m.evidence.emplace_back(fmt::format("one table of {} descriptors for all addresses is assumed: TTBCR is not known "
                                        "(--ttbcr{})", wide ? "long" : "short", g.root ? "; --mode short or long" : ""));
  // SCTLR.EE is the byte order of data and of walks alike, and dumps are written in that order.
  bool const reversed = dump.elf && dump.elf->machine == image::elf_machine::arm && dump.elf->order == std::endian::big;
  u32 const  sctlr    = static_cast<u32>(r.sctlr.value_or(reversed ? assumed_sctlr | big_endian : assumed_sctlr));
  if (!r.sctlr)
    m.evidence.emplace_back(fmt::format("TEX remap and no access flag are assumed, and {}-endian tables: SCTLR is not "
                                        "known (--sctlr)", reversed ? "big" : "little"));

  auto const    dacr = take(m, "dacr", g.dacr), pstate = take(m, "cpsr", g.pstate);
  constexpr u32 all_clients = 0x5555'5555;
  for (auto const space : {arm32::half::lower, arm32::half::upper}) {
    bool const lower  = space == arm32::half::lower;
    bool const rooted = g.root && lower;
    auto const ttbr   = lower ? r.ttbr0 : r.ttbr1;
    if (!ttbr && !rooted) continue;
    if (ttbr && !wide && *ttbr >> 32 != 0)
      return refuse(blame::request, "--ttbr{} {:#x}: with short descriptors the register has 32 bits", lower ? 0 : 1,
                    *ttbr);
    auto const found = half_of(r, ttbcr, sctlr, space, ttbr, rooted ? g.root : std::nullopt);
    auto const name  = std::string{lower ? "TTBR0" : "TTBR1"};
    if (!found) {
      m.evidence.emplace_back(fmt::format("{}: {}", name, found.error()));
      continue;
    }
    auto const part = part_of(ttbcr, space);
    m.evidence.emplace_back(fmt::format("{}: {:#x} to {:#x}, {}", rooted ? "root" : name, part.first.value,
                                        part.last.value, found->what));
    if (m.mode.empty()) m.mode = wide ? "long descriptors (LPAE)" : "short descriptors";
    m.views.push_back({rooted ? "root" : name, found->description, {found->table, found->asid}, part,
                       arm32::mmu_of(ttbcr, static_cast<u32>(dacr.value_or(all_clients)), space, (pstate.value_or(0) & bit(22)) != 0)});
  }
  if (m.views.empty())
    return refuse(blame::request, "no TTBR that is given translates anything: {}", m.evidence.back());
  if (!wide) m.evidence.emplace_back("rights do not consider domains: DACR may deny, or admit everything");
  if (!wide && !dacr) m.access_evidence.emplace_back("all domains are assumed to be clients: DACR is not known (--dacr)");
  if (!pstate) m.access_evidence.emplace_back("PAN is assumed to be 0: CPSR is not known (--pstate)");
  if (wide ? !r.mair0 || !r.mair1 : !r.prrr || !r.nmrr)
    m.evidence.emplace_back(fmt::format("memory types follow those of Linux: {} are not known", wide ? "MAIR0 and MAIR1"
                                                                                                   : "PRRR and NMRR"));
  return m;
}

}  // namespace pagewright::inspect
