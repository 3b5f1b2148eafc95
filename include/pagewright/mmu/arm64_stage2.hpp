// SPDX-License-Identifier: MIT
// What an AArch64 processor allows in stage 2, and the abort to EL2 if it does not.
// Arm ARM DDI 0487 D8.4.2 (permissions), D8.6.5 and D8.6.6 (memory types of both stages), D8.15 (faults), D24.2.40
// (ESR_EL2), D24.2.64 (HPFAR_EL2).
#pragma once

#include "../formats/arm64_stage2.hpp"
#include "../nested.hpp"
#include "arm64.hpp"

namespace pagewright::arm64 {

/// The state that decides beside the tables. What changes how entries are read (VTCR_EL2, FEAT_XNX) is a parameter of the
/// format; `force_write_back` must say here what it says there. The syndrome is without what it tells of the instruction
/// (ISV and the fields it makes valid) and with FnV = 0.
struct stage2_mmu {
  using fault_type = abort;

  bool force_write_back = false;  // HCR_EL2.FWB
  bool protected_walks  = false;  // HCR_EL2.PTW: stage 1's tables must not lie in Device memory

  /// A walk of stage 1 reads, or writes to mark what hardware manages.
  static constexpr auto counts_as(access_request const &what) noexcept -> access_kind { return done_by(what); }

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept -> std::expected<input_address, abort> {
    return at;
  }

  template <handle H>
  static constexpr auto fault_of(H, fault const &f, passage const &, input_address at, access_request const &what) noexcept -> abort {
    auto const at_level = [&](fault_status s, int level) { return taken(s, level, at, what, denial::not_mapped); };
    int const  level    = level_of(f.level);
    switch (f.why) {
      case fault_reason::outside_input: return at_level(fault_status::translation, 0);
      case fault_reason::too_wide:      return at_level(fault_status::address_size, level);
      case fault_reason::not_accessed:  return at_level(fault_status::access_flag, level);
      case fault_reason::unreadable:    return at_level(fault_status::external_on_walk, level);
      default:                          return at_level(fault_status::translation, level);
    }
  }

  template <handle H>
  constexpr auto refuse(H, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<abort> {
    auto const why = denied(t, what);
    if (why == denial::none) return std::nullopt;
    return taken(fault_status::permission, level_of(t.level), at, what, why);
  }

  /// The access flag where hardware manages it; writing sets S2AP[1] of what hardware manages the dirty state of.
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    access_request counted = what;
    counted.kind = done_by(what);
    return mmu::marked(h, s, counted);
  }

  /// D8.6.5, D8.6.6: Device wins, the stricter kind of it; of Normal memory, the weaker cacheability. With FWB stage 2
  /// says what becomes of stage 1's type.
  constexpr auto combined(translation const &upper, translation const &lower) const noexcept -> together {
    return {upper.effective & lower.effective, type_of(upper.type, lower.type)};
  }

 private:
  static constexpr auto level_of(unsigned level) noexcept -> int { return 3 - static_cast<int>(level); }
  static constexpr auto is_device(memory_type t) noexcept -> bool {
    return t >= memory_type::device_ngnrne && t <= memory_type::device_gre;
  }
  static constexpr auto stricter(memory_type a, memory_type b) noexcept -> memory_type { return a < b ? a : b; }

  constexpr auto type_of(memory_type upper, memory_type lower) const noexcept -> memory_type {
    using mt = memory_type;
    if (is_device(lower)) return is_device(upper) ? stricter(upper, lower) : lower;
    if (force_write_back) {
      if (lower == mt::as_stage1) return upper;
      if (lower == mt::nc) return is_device(upper) ? upper : mt::nc;
      return lower == mt::wb && upper == mt::tagged_wb ? upper : lower;
    }
    if (is_device(upper)) return upper;
    for (mt const weaker : {mt::reserved, mt::nc, mt::mixed, mt::wt})
      if (upper == weaker || lower == weaker) return weaker;
    return upper;
  }

  constexpr auto denied(translation const &t, access_request const &what) const noexcept -> denial {
    auto const has  = [&](rights any) { return (t.own & any) != rights::none; };
    bool const walk = is_of_table(what);
    bool const user = what.user && !walk;
    if (walk && protected_walks && is_device(t.type)) return denial::device_tables;
    if (what.atomic && !walk && !has(rights::readers)) return denial::no_read;
    switch (done_by(what)) {
      case access_kind::read:  return has(rights::readers) ? denial::none : denial::no_read;
      case access_kind::fetch: return has(user ? rights::user_execute : rights::kernel_execute) ? denial::none : denial::no_execute;
      case access_kind::write: return has(rights::writers) ? denial::none : denial::read_only;
    }
    return denial::none;
  }

  /// The faulting address is stage 1's, where there is one above. HPFAR_EL2 tells the intermediate physical page, but not
  /// of a permission fault of the access itself nor of an external abort, for which the architecture leaves it UNKNOWN.
  static constexpr auto taken(fault_status s, int level, input_address at, access_request const &what, denial why) noexcept -> abort {
    bool const walk = is_of_table(what);
    bool const wrote = done_by(what) == access_kind::write && (!what.atomic || walk || why == denial::read_only);
    u64 const  esr   = syndrome(0x24, what.kind == access_kind::fetch, wrote, s, level) | (walk ? bit(7) : 0);
    bool const told  = s != fault_status::external_on_walk && (walk || s != fault_status::permission);
    return {esr, what.above ? what.above->input : at, s, level, why, told ? (at.value >> 12 & ones(0, 40)) << 4 : 0};
  }
};

/// What HCR_EL2 switches on.
constexpr auto stage2_mmu_of(u64 hcr_el2) noexcept -> stage2_mmu {
  return {.force_write_back = (hcr_el2 & bit(46)) != 0, .protected_walks = (hcr_el2 & bit(2)) != 0};
}

}  // namespace pagewright::arm64
