// SPDX-License-Identifier: MIT
// What machine.cpp shares with the files that know one processor family each.
#pragma once

#include "machine.hpp"

namespace pagewright::inspect {

/// Notes a register that takes part, wherever its value comes from.
inline auto take(machine &m, std::string_view name, std::optional<u64> given, std::optional<u64> dumped = std::nullopt)
    -> std::optional<u64> {
  if (given) {
    m.registers.push_back({name, *given, "command line"});
    return given;
  }
  if (dumped) m.registers.push_back({name, *dumped, "dump"});
  return dumped;
}

/// `cpu`: the chosen vCPU of the dump; null if it has none.
[[nodiscard]] auto x86_machine(request const &asked, captured const &dump, image::cpu_state const *cpu)
    -> std::expected<machine, problem>;
[[nodiscard]] auto arm64_machine(request const &asked, captured const &dump) -> std::expected<machine, problem>;
[[nodiscard]] auto arm32_machine(request const &asked, captured const &dump) -> std::expected<machine, problem>;
[[nodiscard]] auto riscv_machine(request const &asked, bool wide) -> std::expected<machine, problem>;
[[nodiscard]] auto s390x_machine(request const &asked, image::cpu_state const *cpu) -> std::expected<machine, problem>;


/// The stage that `asked` names below `m`, if any.
[[nodiscard]] auto stage_below(machine &m, request const &asked) -> std::expected<std::optional<lower_view>, problem>;

}  // namespace pagewright::inspect
