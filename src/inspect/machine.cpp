// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include <pagewright/entry.hpp>

#include "families.hpp"

namespace pagewright::inspect {
namespace {

enum class family : u8 { x86, aarch64, arm32, riscv32, riscv64, s390x };

struct named_architecture {
  std::string_view name;
  architecture     arch;
};
constexpr named_architecture known[]{
  {"x86",     architecture::x86},     {"i386",        architecture::x86},
  {"x86-pae", architecture::x86_pae},
  {"x86-64",  architecture::x86_64},  {"x86_64",      architecture::x86_64},      {"amd64", architecture::x86_64},
  {"x86-64-la57", architecture::x86_64_la57},         {"x86_64-la57", architecture::x86_64_la57},
  {"aarch64", architecture::aarch64}, {"arm64",       architecture::aarch64},
  {"arm",     architecture::arm},     {"arm32",       architecture::arm},         {"armhf", architecture::arm},
  {"riscv32", architecture::riscv32}, {"riscv64",     architecture::riscv64},     {"s390x", architecture::s390x}};

[[nodiscard]] auto family_of(architecture a) noexcept -> family {
  switch (a) {
    case architecture::x86:
    case architecture::x86_pae:
    case architecture::x86_64:
    case architecture::x86_64_la57: return family::x86;
    case architecture::aarch64:     return family::aarch64;
    case architecture::arm:         return family::arm32;
    case architecture::riscv32:     return family::riscv32;
    case architecture::riscv64:     return family::riscv64;
    case architecture::s390x:       return family::s390x;
  }
  return family::x86;
}

[[nodiscard]] auto has_arm64_alone(register_options const &r) noexcept -> bool {
  return r.tcr || r.mair || r.vttbr || r.vtcr || r.hcr;
}
[[nodiscard]] auto has_arm32_alone(register_options const &r) noexcept -> bool {
  return r.ttbcr || r.prrr || r.nmrr || r.mair0 || r.mair1 || r.dacr;
}

/// The family that the registers given by hand belong to.
[[nodiscard]] auto family_of(register_options const &r) -> std::expected<std::optional<family>, problem> {
  bool const s390x = r.asce.has_value(), arm64_alone = has_arm64_alone(r),
             arm32 = has_arm32_alone(r) || (r.sctlr && !arm64_alone),
             x86   = (r.cr0 && !s390x) || r.cr3 || r.cr4 || r.efer || r.pat || r.eflags || r.pkru || r.pkrs || r.eptp || r.ncr3,
             arm64 = ((r.ttbr0 || r.ttbr1 || r.pstate) && !arm32) || arm64_alone, riscv = r.satp || r.menvcfg || r.sstatus || r.hgatp;
  if (x86 + arm64 + arm32 + riscv + s390x > 1)
    return refuse(blame::request,
                  "registers of different processors are given together; name those of one: --cr0 --cr3 "
                  "--cr4 --efer --pat, or --ttbr0 --ttbr1 --tcr --mair, or --ttbr0 --ttbr1 --ttbcr --sctlr and the "
                  "like, or --satp --menvcfg, or --asce --cr0");
  if (s390x) return family::s390x;
  if (arm32) return family::arm32;
  if (x86) return family::x86;
  if (arm64) return family::aarch64;
  if (riscv) return family::riscv64;
  return std::nullopt;
}

/// May registers that say `by` be those of `other`, because it has registers of the same names?
[[nodiscard]] auto may_be(register_options const &r, family by, family other) noexcept -> bool {
  return by == other || (by == family::riscv64 && other == family::riscv32) ||
         (by == family::aarch64 && other == family::arm32 && !has_arm64_alone(r)) ||
         (by == family::arm32 && other == family::aarch64 && !has_arm32_alone(r)) ||
         (by == family::x86 && other == family::s390x && !r.cr3 && !r.cr4 && !r.efer && !r.pat && !r.eflags && !r.pkru &&
          !r.pkrs && !r.eptp && !r.ncr3);
}

[[nodiscard]] auto family_of(image::elf_identity const &elf) -> std::expected<family, problem> {
  switch (elf.machine) {
    case image::elf_machine::i386:
    case image::elf_machine::x86_64:  return family::x86;
    case image::elf_machine::aarch64: return family::aarch64;
    case image::elf_machine::arm:     return family::arm32;
    case image::elf_machine::s390:    return family::s390x;
    case image::elf_machine::riscv:   return elf.class_bits == 32 ? family::riscv32 : family::riscv64;
    default:
      return refuse(blame::input, "the dump is of a {} machine (e_machine {}), whose tables are not known here; --arch "
                    "with one of {} overrides that", image::machine_name(elf.machine), elf.machine, architecture_names);
  }
}

[[nodiscard]] auto choose(request const &asked, captured const &dump) -> std::expected<family, problem> {
  auto const registers = family_of(asked.given);
  if (!registers) return std::unexpected{registers.error()};
  auto const &by = *registers;
  if (asked.arch) {
    auto const named = family_of(*asked.arch);
    if (by && !may_be(asked.given, *by, named))
      return refuse(blame::request, "--arch and the registers that are given belong to different processors");
    return named;
  }
  auto const by_elf = dump.elf ? std::optional{family_of(*dump.elf)} : std::nullopt;
  if (by && by_elf && *by_elf && may_be(asked.given, *by, **by_elf)) return **by_elf;
  if (by && by_elf && *by_elf)
    return refuse(blame::request,
                  "the image is of {}, and the registers that are given belong to another processor; leave "
                  "them out, or name what the image does not say with --arch",
                  image::machine_name(dump.elf->machine));
  if (by) return *by;
  if (by_elf) return *by_elf;
  return refuse(blame::request, "the image does not say which machine it is from: name its registers (--cr3; --ttbr0, "
                "--ttbr1 and --tcr or --ttbcr; --satp; --asce), or --arch and --root");
}

/// Options that mean nothing for this processor, or without one another, are mistakes: they are not passed over.
[[nodiscard]] auto check_options(request const &asked, family chosen) -> std::expected<void, problem> {
  if (asked.physical_bits && chosen != family::x86)
    return refuse(blame::request, "--phys-bits is for x86; elsewhere the registers tell how wide addresses are");
  if (!asked.mode.empty() && chosen == family::x86)
    return refuse(blame::request, "--mode is for RISC-V, Arm and s390x; an x86 mode is named with --arch: {}",
                  architecture_names);
  if (!asked.mode.empty() && !asked.given.root && chosen != family::s390x)
    return refuse(blame::request,
                  "--mode says what --root translates with, and --root is not given; satp, TTBR and TCR "
                  "say it themselves");
  return {};
}

/// A register holds more than its table's address: taken for that address it would lead into the middle of entries.
[[nodiscard]] auto check_root(machine const &m, u64 table) -> std::expected<void, problem> {
  for (auto const &v : m.views) {
    dynamic const h{&v.description};
    auto const    lg2 = table_lg2(h, h.top());
    if (v.from.table.value == table && !is_aligned(table, lg2))
      return refuse(blame::request,
                    "--root {:#x}: the top table of {} is aligned to {} bytes; {}",
                    table, v.description.name, bit(lg2),
                    m.described ? "give the table's address, without what else a register holds"
                                : "a register with more in it than the address goes to --cr3, --ttbr0, --ttbr1, --satp "
                                  "or --asce");
  }
  return {};
}

/// A machine of which a file says everything but where the top table is.
[[nodiscard]] auto described_machine(request const &asked) -> std::expected<machine, problem> {
  auto const &g         = asked.given;
  auto        registers = g;
  registers.root.reset();
  if (asked.arch || !asked.mode.empty() || asked.cpu || asked.physical_bits || registers != register_options{})
    return refuse(blame::request, "--format-file says how the machine translates; of the options about the machine only "
                  "--root goes with it");
  if (!g.root)
    return refuse(blame::request, "no root is known: with --format-file give the physical address of the top table as "
                  "--root");
  machine m;
  m.arch      = "described";
  m.mode      = asked.described->name;
  m.described = asked.described;
  m.evidence.emplace_back(fmt::format("the tables are those that {} describes", asked.described_in));
  m.views.push_back({"root", *asked.described, {{*g.root}}});
  if (auto const ok = check_root(m, *g.root); !ok) return std::unexpected{ok.error()};
  return m;
}

}  // namespace

auto architecture_named(std::string_view name) noexcept -> std::optional<architecture> {
  for (auto const &k : known)
    if (k.name == name) return k.arch;
  return std::nullopt;
}

auto machine::view_of(u64 at) const noexcept -> view const * {
  for (auto const &v : views)
    if (halves ? (v.description.upper == extent::ones) == ((at >> 55 & 1) != 0) : v.part.contains({at})) return &v;
  return nullptr;
}

auto find_machine(request const &asked, captured const &dump) -> std::expected<machine, problem> {
  if (asked.described) return described_machine(asked);
  auto const chosen = choose(asked, dump);
  if (!chosen) return std::unexpected{chosen.error()};
  if (auto const ok = check_options(asked, *chosen); !ok) return std::unexpected{ok.error()};

  auto const n = asked.cpu.value_or(0);
  if (asked.cpu && n >= dump.cpus.size()) {
    if (dump.cpus.empty())
      return refuse(blame::request, "--cpu {}: the image holds no vCPU state; name the registers instead", n);
    return dump.cpus.size() == 1
               ? refuse(blame::request, "--cpu {}: the dump has one vCPU, number 0", n)
               : refuse(blame::request, "--cpu {}: the dump has {} vCPUs, 0 to {}", n, dump.cpus.size(), dump.cpus.size() - 1);
  }
  auto const *const cpu = n < dump.cpus.size() ? &dump.cpus[n] : nullptr;

  auto const found = [&]() -> std::expected<machine, problem> {
    switch (*chosen) {
      case family::x86:     return x86_machine(asked, dump, cpu);
      case family::aarch64: return arm64_machine(asked, dump);
      case family::arm32:   return arm32_machine(asked, dump);
      case family::riscv32: return riscv_machine(asked, false);
      case family::s390x:   return s390x_machine(asked, cpu);
      case family::riscv64: break;
    }
    return riscv_machine(asked, true);
  }();
  if (!found) return found;
  if (asked.given.root && *chosen != family::s390x)
    if (auto const ok = check_root(*found, *asked.given.root); !ok) return std::unexpected{ok.error()};

  auto m = *found;
  if (auto below = stage_below(m, asked); !below) return std::unexpected{below.error()};
  else m.below = std::move(*below);
  for (auto const &r : m.registers)
    if (r.origin == "dump") m.cpu = n;
  if (dump.elf && !asked.arch)
    m.evidence.insert(m.evidence.begin(), fmt::format("the ELF header says {} (e_machine {}, {}-bit file)",
                                                      image::machine_name(dump.elf->machine), dump.elf->machine,
                                                      dump.elf->class_bits));
  return m;
}

}  // namespace pagewright::inspect
