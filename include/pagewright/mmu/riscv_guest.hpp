// SPDX-License-Identifier: MIT
// What a RISC-V hart allows in the G stage of a guest's translation, and the guest-page fault if it does not.
// RISC-V privileged specification, Hypervisor Extension: "Two-Stage Address Translation", "Guest-Page Faults",
// "Transformed Instruction or Pseudoinstruction for mtinst or htinst".
#pragma once

#include "../formats/riscv_guest.hpp"
#include "../nested.hpp"
#include "riscv.hpp"

namespace pagewright::riscv {

/// What a hart would raise: a guest-page fault, or an access fault where there is no memory for a table.
struct guest_exception {
  u8            cause = 21;          // scause or mcause: 20 fetch, 21 load, 23 store; 1, 5, 7 for access faults
  input_address address{};           // stval: what the first stage was asked for
  u64           htval = 0;           // or mtval2: the guest's physical address, shifted right by 2; 0 of access faults
  u64           htinst = 0;          // or mtinst, for an access to a table; 0 otherwise: what was executed is not known
  denial        why   = denial::none;
  u8            level = 0;

  friend constexpr auto operator==(guest_exception const &, guest_exception const &) -> bool = default;
};

/// The state that decides beside the tables.
struct guest_mmu {
  using fault_type = guest_exception;

  bool execute_as_read = false;  // sstatus.MXR (HS-level): vsstatus.MXR is of the first stage alone
  u8   entry_bytes     = 8;      // of the first stage's tables, which the pseudoinstruction tells

  /// A walk of the first stage loads, or stores to set A and D.
  static constexpr auto counts_as(access_request const &what) noexcept -> access_kind { return done_by(what); }

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept -> std::expected<input_address, guest_exception> {
    return at;
  }

  template <handle H>
  constexpr auto fault_of(H, fault const &f, passage const &, input_address at, access_request const &what) const noexcept -> guest_exception {
    switch (f.why) {
      case fault_reason::unreadable: {
        auto const cause = what.kind == access_kind::fetch ? 1 : what.kind == access_kind::read ? 5 : 7;
        return {static_cast<u8>(cause), what.above ? what.above->input : at, 0, 0, denial::unreadable, f.level};
      }
      case fault_reason::outside_input: return raised(at, what, denial::not_canonical, f.level);
      case fault_reason::absent:        return raised(at, what, denial::not_valid, f.level);
      case fault_reason::not_accessed:  return raised(at, what, denial::not_accessed, f.level);
      default:                          return raised(at, what, denial::reserved_entry, f.level);
    }
  }

  /// As in the first stage, every access being one of user level.
  template <handle H>
  constexpr auto refuse(H h, translation const &t, passage const &way, input_address at, access_request const &what) const noexcept
      -> std::optional<guest_exception> {
    access_request counted = what;
    counted.kind = done_by(what), counted.user = true;
    bool const walk = is_of_table(what);
    mmu const  rules{.execute_as_read = execute_as_read && !walk};
    auto const refused = rules.refuse(h, t, way, at, counted);
    if (!refused) return std::nullopt;
    return raised(at, what, (t.entry & u) == 0 ? denial::supervisor_page : refused->why, t.level);
  }

  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    access_request counted = what;
    counted.kind = done_by(what);
    return mmu::marked(h, s, counted);
  }

  /// "Svpbmt": the first stage's type overrides the G stage's, and that the platform's.
  static constexpr auto combined(translation const &upper, translation const &lower) noexcept -> together {
    return {upper.effective & lower.effective, upper.type == memory_type::pma ? lower.type : upper.type};
  }

 private:
  constexpr auto raised(input_address at, access_request const &what, denial why, u8 level) const noexcept -> guest_exception {
    auto const cause = what.kind == access_kind::fetch ? 20 : what.kind == access_kind::read ? 21 : 23;
    bool const walk = is_of_table(what);
    u64 const  pseudo = (entry_bytes == 8 ? 0x3000u : 0x2000u) | (done_by(what) == access_kind::write ? 0x20u : 0u);
    return {static_cast<u8>(cause), what.above ? what.above->input : at, at.value >> 2, walk ? pseudo : 0, why, level};
  }
};

/// What sstatus (HS-level) switches on. `entry_bytes`: of the guest's own tables, 4 for Sv32.
constexpr auto guest_mmu_of(u64 sstatus, u8 entry_bytes = 8) noexcept -> guest_mmu {
  return {.execute_as_read = (sstatus & bit(19)) != 0, .entry_bytes = entry_bytes};
}

}  // namespace pagewright::riscv
