// SPDX-License-Identifier: MIT
// x86: the control registers decide (Intel SDM 3A 4.1.1). Dumps of QEMU hold CR0, CR3 and CR4 but neither EFER nor PAT.
#include <pagewright/formats/x86.hpp>

#include "families.hpp"

namespace pagewright::inspect {
namespace {

struct control {
  std::optional<u64> cr0, cr4, efer;
};

/// Is the processor in long mode? EFER.LMA tells; without EFER whatever else does. Says so in the evidence.
[[nodiscard]] auto long_mode(machine &m, request const &asked, control const &c, captured const &dump,
                             image::x86_state const *state, std::optional<u64> cr3) -> bool {
  if (c.efer) {
    bool const lma = (*c.efer & bit(10)) != 0;
    m.evidence.emplace_back(fmt::format("EFER.LMA = {}", +lma));
    return lma;
  }
  // That long mode is off was judged by the CR0 and CR4 of the dump: not by those that are given in their place.
  bool const replaced = asked.given.cr0 || asked.given.cr4;
  if (state != nullptr && state->long_mode && (*state->long_mode || !replaced)) {
    m.evidence.emplace_back(fmt::format("EFER is not in the dump; long mode {}: {}",
                                     *state->long_mode ? "is on" : "is off", state->long_mode_evidence));
    return *state->long_mode;
  }
  if (dump.elf && (dump.elf->machine == image::elf_machine::i386 || dump.elf->machine == image::elf_machine::x86_64)) {
    bool const lma = dump.elf->machine == image::elf_machine::x86_64;
    m.evidence.emplace_back(fmt::format("EFER is not known; long mode {}: the ELF header says {}",
                                     lma ? "is on" : "is off", image::machine_name(dump.elf->machine)));
    return lma;
  }
  if (cr3 && *cr3 >> 32 != 0) {
    m.evidence.emplace_back("EFER is not known; long mode is on: CR3 is wider than 32 bits");
    return true;
  }
  if (c.cr4 && (*c.cr4 & (bit(12) | bit(17))) != 0) {
    m.evidence.emplace_back("EFER is not known; long mode is on: CR4 has LA57 or PCIDE set, which exist there alone");
    return true;
  }
  m.evidence.emplace_back("long mode is assumed: EFER is not known (--efer, or --arch x86-pae)");
  return true;
}

[[nodiscard]] auto chosen_mode(machine &m, request const &asked, captured const &dump, control const &c,
                               image::x86_state const *state, std::optional<u64> cr3) -> x86::mode {
  using enum x86::mode;
  bool const la57 = c.cr4 && (*c.cr4 & bit(12)) != 0;
  if (asked.arch) {
    m.evidence.emplace_back("the paging mode is that of --arch");
    switch (*asked.arch) {
      case architecture::x86:         return paging_32;
      case architecture::x86_pae:     return pae;
      case architecture::x86_64_la57: return paging_5level;
      default:
        m.evidence.emplace_back(!c.cr4 ? "CR4 is not known: 4 levels are assumed (--arch x86-64-la57 for 5)"
                                    : fmt::format("CR4.LA57 = {}", +la57));
        return la57 ? paging_5level : paging_4level;
    }
  }
  if (c.cr0) m.evidence.emplace_back(fmt::format("CR0.PG = {}", *c.cr0 >> 31 & 1));
  else m.evidence.emplace_back("CR0 is not known: paging is assumed to be on");
  if (c.cr0 && (*c.cr0 & bit(31)) == 0) return none;

  if (c.cr4) m.evidence.emplace_back(fmt::format("CR4.PAE = {}, CR4.LA57 = {}", *c.cr4 >> 5 & 1, +la57));
  bool const on = (c.cr4 && (*c.cr4 & bit(5)) == 0) ? false : long_mode(m, asked, c, dump, state, cr3);
  if (!c.cr4) {
    m.evidence.emplace_back(on ? "CR4 is not known: 4 levels are assumed (--cr4, or --arch x86-64-la57)"
                            : "CR4 is not known: PAE is assumed (--cr4, or --arch x86)");
    return on ? paging_4level : pae;
  }
  // From here on EFER's only part in the decision is LMA.
  return x86::mode_of(bit(31), *c.cr4, on ? bit(10) : 0).value_or(paging_4level);
}

[[nodiscard]] auto mode_text(x86::mode mode) noexcept -> char const * {
  switch (mode) {
    case x86::mode::none:          return "no paging";
    case x86::mode::paging_32:     return "32-bit paging";
    case x86::mode::pae:           return "PAE paging";
    case x86::mode::paging_4level: return "4-level paging";
    case x86::mode::paging_5level: return "5-level paging";
  }
  return "?";
}

}  // namespace

auto x86_machine(request const &asked, captured const &dump, image::cpu_state const *cpu)
    -> std::expected<machine, problem> {
  auto const *const state = cpu != nullptr && cpu->x86 ? &*cpu->x86 : nullptr;
  auto const        from  = [&](u64 image::x86_state::*field) {
    return state != nullptr ? std::optional{state->*field} : std::nullopt;
  };
  machine m;
  control c;
  c.cr0          = take(m, "cr0", asked.given.cr0, from(&image::x86_state::cr0));
  auto const cr3 = asked.given.root ? std::nullopt : take(m, "cr3", asked.given.cr3, from(&image::x86_state::cr3));
  c.cr4          = take(m, "cr4", asked.given.cr4, from(&image::x86_state::cr4));
  c.efer         = take(m, "efer", asked.given.efer);
  auto const pat = take(m, "pat", asked.given.pat);

  auto const mode = chosen_mode(m, asked, dump, c, state, cr3);
  if (mode == x86::mode::none && asked.given.cr0)
    return refuse(blame::request, "--cr0 {:#x}: CR0.PG is 0, the machine does not translate", *asked.given.cr0);
  if (mode == x86::mode::none)
    return refuse(blame::input,
                  "CR0.PG is 0: vCPU {} does not translate; choose another with --cpu, or give --cr0 or --arch",
                  asked.cpu.value_or(0));
  if (!cr3 && !asked.given.root)
    return refuse(blame::request, "no root is known: the image holds no vCPU state; give --cr3, or --root with --arch");

  auto const bits = asked.physical_bits.value_or(52);
  if (bits < 32 || bits > 52)
    return refuse(blame::request, "--phys-bits {}: a processor has 32 to 52 physical address bits", bits);
  auto const options = x86::options_of(c.cr4.value_or(bit(4)), c.efer, bits, pat.value_or(x86::pat_at_reset));
  m.arch = mode == x86::mode::paging_4level || mode == x86::mode::paging_5level ? "x86_64" : "i386";
  m.mode = mode_text(mode);
  auto const top = asked.given.root ? output_address{*asked.given.root} : x86::root_table(mode, *cr3);
  auto const eflags = take(m, "eflags", asked.given.eflags, from(&image::x86_state::rflags));
  auto const pkru = take(m, "pkru", asked.given.pkru), pkrs = take(m, "pkrs", asked.given.pkrs);
  bool const is_long = mode == x86::mode::paging_4level || mode == x86::mode::paging_5level;
  auto const assume  = [&m](bool known, char const *what) {
    if (!known) m.access_evidence.emplace_back(what);
  };
  assume(c.cr0.has_value(), "CR0.WP is assumed to be 1: CR0 is not known (--cr0)");
  assume(c.cr4.has_value(), "SMEP, SMAP and protection keys are assumed to be off: CR4 is not known (--cr4)");
  assume(eflags.has_value(), "EFLAGS.AC is assumed to be 0 (--eflags)");
  assume(!c.cr4 || (*c.cr4 & bit(22)) == 0 || pkru, "all protection keys are assumed to allow everything: PKRU is not known (--pkru)");
  assume(!is_long || !c.cr4 || (*c.cr4 & bit(24)) == 0 || pkrs, "all supervisor keys are assumed to allow everything: PKRS is not known (--pkrs)");
  // Paging in 32-bit mode takes CR4 as it is; in long mode PAE is on.
  x86::registers const decide{.cr0 = c.cr0.value_or(bit(16)), .cr3 = cr3.value_or(0),
                              .cr4 = c.cr4.value_or(0) | (mode == x86::mode::paging_32 ? 0 : bit(5)),
                              .efer = c.efer.value_or(bit(11)) | (is_long ? bit(10) : 0), .eflags = eflags.value_or(0),
                              .pkru = static_cast<u32>(pkru.value_or(0)), .pkrs = static_cast<u32>(pkrs.value_or(0))};
  m.views.push_back({.label = asked.given.root ? "root" : "CR3", .description = x86::format_of(mode, options),
                     .from = {top, cr3 && c.cr4 ? x86::pcid_of(*cr3, *c.cr4) : u16{0}}, .rules = x86::mmu_of(decide)});

  auto const note = [&m](std::string line) { m.evidence.emplace_back(std::move(line)); };
  if (c.efer) note(fmt::format("EFER.NXE = {}", *c.efer >> 11 & 1));
  else if (mode != x86::mode::paging_32) note("EFER.NXE is assumed to be 1: EFER is not in the image (--efer)");
  if (!pat) note("memory types follow the PAT as it is after reset: IA32_PAT is not in the image (--pat)");
  if (!asked.physical_bits && mode != x86::mode::paging_32)
    note(fmt::format("{} physical address bits are assumed (--phys-bits)", bits));
  if (!c.cr4 && mode == x86::mode::paging_32) note("CR4.PSE is assumed to be 1: CR4 is not known (--cr4)");
  return m;
}

}  // namespace pagewright::inspect
