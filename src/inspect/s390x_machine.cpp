// SPDX-License-Identifier: MIT
// s390x: an address-space-control element names root, depth and length. Dumps hold the control registers and the PSW,
// which says whose space counts.
#include <pagewright/formats/s390x.hpp>

#include "families.hpp"

namespace pagewright::inspect {
namespace {

struct named_space {
  std::string_view name, label, control;  // "home", "CR13", "cr13"
  unsigned         index;
  s390x::space     space;
};
constexpr named_space spaces[]{{"primary", "CR1", "cr1", 1, s390x::space::primary},
                               {"secondary", "CR7", "cr7", 7, s390x::space::secondary},
                               {"home", "CR13", "cr13", 13, s390x::space::home}};

struct named_depth {
  std::string_view name;                  // the bits of an address
  u64              type;
};
constexpr named_depth depths[]{{"31", 0}, {"42", 1}, {"53", 2}, {"64", 3}};

/// The space that `asked` names, or else the PSW.
[[nodiscard]] auto chosen_space(machine &m, request const &asked, image::cpu_state const &cpu)
    -> std::expected<named_space, problem> {
  for (auto const &s : spaces)
    if (s.name == asked.mode) return s;
  if (!asked.mode.empty())
    return refuse(blame::request,
                  "--mode {}: for s390x it is primary, secondary or home, the space to translate in, or with --root "
                  "31, 42, 53 or 64, the bits of its addresses", asked.mode);
  auto const by_psw = cpu.status ? s390x::space_of(*cpu.status) : std::nullopt;
  for (auto const &s : spaces)
    if (by_psw == s.space) {
      m.evidence.emplace_back(fmt::format("the PSW selects the {} space: {} (--mode for another)", s.name, s.label));
      return s;
    }
  m.evidence.emplace_back(
      fmt::format("{}: the primary space is taken, CR1 (--mode for another)",
                  !cpu.status ? "the dump has no PSW of this vCPU"
                  : by_psw    ? "the PSW selects access registers, which dumps do not hold"
                              : "this vCPU was stopped with translation off"));
  return spaces[0];
}

struct element {
  std::string label;
  u64         asce;
};

[[nodiscard]] auto chosen_element(machine &m, request const &asked, image::cpu_state const *cpu,
                                  std::array<std::uint64_t, 16> const *control) -> std::expected<element, problem> {
  auto const &g = asked.given;
  if (g.root && g.asce)
    return refuse(blame::request, "--asce holds the root already: leave --root out");
  if (g.root) {
    if (!is_aligned(*g.root, 12))
      return refuse(blame::request, "--root {:#x}: the top table of an s390x is aligned to 4096 bytes; a control "
                    "register with more in it than the address goes to --asce", *g.root);
    for (auto const &d : depths)
      if (d.name == asked.mode) {
        m.evidence.emplace_back("the top table is taken to be whole: --root does not say how long it is (--asce)");
        return element{"root", *g.root | d.type << 2 | 3};
      }
    return refuse(blame::request, "--root on s390x needs --mode 31, 42, 53 or 64, the bits of an address; --asce says "
                  "it all{}", asked.mode.empty() ? "" : fmt::format(", not '{}'", asked.mode));
  }
  if (g.asce) {
    if (!asked.mode.empty())
      return refuse(blame::request, "--mode {}: --asce names the address space itself", asked.mode);
    m.registers.push_back({"asce", *g.asce, "command line"});
    return element{"ASCE", *g.asce};
  }
  if (control == nullptr)
    return refuse(blame::request,
                  "no root is known: the image holds no control registers of an s390x vCPU; give --asce, the contents "
                  "of CR1, CR7 or CR13");
  auto const space = chosen_space(m, asked, *cpu);
  if (!space) return std::unexpected{space.error()};
  m.registers.push_back({space->control, (*control)[space->index], "dump"});
  return element{std::string{space->label}, (*control)[space->index]};
}

}  // namespace

auto s390x_machine(request const &asked, image::cpu_state const *cpu) -> std::expected<machine, problem> {
  machine m;
  m.arch = "s390x";
  auto const *const state   = cpu != nullptr && cpu->s390x ? &*cpu->s390x : nullptr;
  auto const *const control = state != nullptr && state->control ? &*state->control : nullptr;
  auto const        found   = chosen_element(m, asked, cpu, control);
  if (!found) return std::unexpected{found.error()};

  auto const cr0 = take(m, "cr0", asked.given.cr0, control != nullptr ? std::optional{(*control)[0]} : std::nullopt);
  auto const d   = s390x::designation_of(found->asce);
  if (d.real_space)
    return refuse(asked.given.asce ? blame::request : blame::input,
                  "{} {:#x}: a real space (bit 5): its addresses are not translated", found->label, found->asce);
  auto const options = s390x::options_of(d, cr0.value_or(bit(20) | bit(23)));
  auto const switched = [](bool on) { return on ? "on" : "off"; };
  m.evidence.emplace_back(fmt::format("{}EDAT {}, execute protection {}",
                                      cr0 ? "CR0: " : "CR0 is not known (--cr0), assumed are ",
                                      switched(options.large_segments), switched(options.execute_protection)));
  if (options.large_segments) m.evidence.emplace_back("the machine is taken to have 2-Gbyte pages (EDAT-2)");

  auto const description = s390x::tables(options);
  unsigned const bits    = 20 + 11 * (d.depth - 1);
  m.mode = fmt::format("{}-bit addresses, {} table on top{}", bits, description.levels[d.depth - 1].name,
                       d.private_space ? ", private" : "");
  m.evidence.emplace_back(fmt::format("{}: {}, {} of 4 quarters of it", found->label, m.mode, d.root_quarters));
  view v{found->label, description, {d.table}};
  // Three quarters are no power of two: the description has four.
  if (d.root_quarters == 3) v.part.last = {3 * bit(bits - 2) - 1};
  m.views.push_back(std::move(v));
  if (state != nullptr && state->prefix && *state->prefix != 0)
    m.evidence.emplace_back(fmt::format("pages are at real addresses: in absolute memory, which the image is, 0 to "
                                        "1fff and the 8 Kbytes at the prefix, {:#x}, change places", *state->prefix));
  return m;
}

}  // namespace pagewright::inspect
