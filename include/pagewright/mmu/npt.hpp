// SPDX-License-Identifier: MIT
// What an AMD processor allows in the second stage of a guest's translation, and the nested page fault (#VMEXIT(NPF), exit
// code 400H) if it does not.
// AMD APM volume 2, 15.25.5 (nested table walk), 15.25.6 (nested versus guest page faults), 15.25.8 (memory types).
// Left out are what SNP adds and shadow stacks (bits 6, 31 and 34 to 37 of EXITINFO1), of which the sources at hand say no
// more than the names.
#pragma once

#include "../formats/x86_nested.hpp"
#include "../nested.hpp"
#include "x86.hpp"

namespace pagewright::npt {

/// EXITINFO1: in its lower half the error code of a page fault (x86::pf_...), of a user access always.
inline constexpr u64 npf_final = bit(32),  // in the translation of what the access is about
                     npf_table = bit(33);  // in that of one of the guest's tables

/// What the host is told.
struct nested_page_fault {
  u64           code = 0;          // EXITINFO1
  input_address guest_physical{};  // EXITINFO2
  x86::denial   why   = x86::denial::none;  // unreadable: there is no such fault, what hardware reads there is not known
  u8            level = 0;

  friend constexpr auto operator==(nested_page_fault const &, nested_page_fault const &) -> bool = default;
};

/// The state that decides beside the tables. What changes how entries are read (EFER.NXE, CR4.PSE, LA57, GMET) is a
/// parameter of the format; `no_execute` must say here what it says there. The host's CR0.WP, SMAP and keys decide nothing.
struct mmu {
  using fault_type = nested_page_fault;

  bool no_execute = true;   // the host's EFER.NXE, with PAE
  bool smep       = false;  // the host's CR4.SMEP: that it was a fetch is told; nothing else

  /// A walk of the guest's tables counts as writing them whether or not it marks them. PDPTEs are no exception: with nested
  /// paging they are not loaded ahead, but read in the walk.
  static constexpr auto counts_as(access_request const &what) noexcept -> access_kind {
    return is_of_table(what) ? access_kind::write : what.kind;
  }

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept
      -> std::expected<input_address, nested_page_fault> {
    return at;
  }

  /// UNCERTAIN: the code for an address that the host's tables are not deep enough for; taken for not present.
  template <handle H>
  constexpr auto fault_of(H, fault const &f, passage const &, input_address at, access_request const &what) const noexcept
      -> nested_page_fault {
    switch (f.why) {
      case fault_reason::unreadable:    return {0, at, x86::denial::unreadable, f.level};
      case fault_reason::outside_input:
      case fault_reason::absent:        return {code_of(what), at, x86::denial::not_present, f.level};
      default: return {code_of(what) | x86::pf_present | x86::pf_reserved, at, x86::denial::reserved_bit, f.level};
    }
  }

  template <handle H>
  constexpr auto refuse(H, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<nested_page_fault> {
    auto const why = denied(t, what);
    if (why == x86::denial::none) return std::nullopt;
    return nested_page_fault{code_of(what) | x86::pf_present, at, why, t.level};
  }

  /// As the processor's own tables.
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    return pagewright::marked(h, s, counts_as(what));
  }

  /// The types of both PATs: write-back leaves the other as it is, and UC is stronger than all. UNCERTAIN are the other
  /// pairs (APM 2, 15.25.8, table "Combining guest and host PAT types"): memory_type::reserved.
  static constexpr auto combined(translation const &upper, translation const &lower) noexcept -> together {
    return {upper.effective & lower.effective, type_of(upper.type, lower.type)};
  }

 private:
  static constexpr auto type_of(memory_type guest, memory_type host) noexcept -> memory_type {
    using enum memory_type;
    if (guest == host || host == wb) return guest;
    if (guest == wb) return host;
    return guest == uc || host == uc ? uc : reserved;
  }

  constexpr auto code_of(access_request const &what) const noexcept -> u64 {
    auto const kind = counts_as(what);
    return (is_of_table(what) ? npf_table : npf_final) | x86::pf_user | (kind == access_kind::write ? x86::pf_write : 0u) |
           (kind == access_kind::fetch && (no_execute || smep) ? x86::pf_fetch : 0u);
  }

  /// An entry without U/S allows nothing. With GMET a page that has it is not executed by the guest's supervisor mode.
  static constexpr auto denied(translation const &t, access_request const &what) noexcept -> x86::denial {
    bool const user = what.user && !what.implicit;
    auto const has  = [&](rights one) { return includes(t.effective, one); };
    if (!has(rights::readers)) return x86::denial::supervisor_page;
    switch (counts_as(what)) {
      case access_kind::read:  return x86::denial::none;
      case access_kind::write: return has(rights::writers) ? x86::denial::none : x86::denial::read_only;
      case access_kind::fetch:
        if (has(user ? rights::user_execute : rights::kernel_execute)) return x86::denial::none;
        return has(rights::user_execute) ? x86::denial::smep : x86::denial::no_execute;
    }
    return x86::denial::none;
  }
};

/// What the host's CR4 and EFER switch on.
constexpr auto mmu_of(u64 host_cr4, u64 host_efer) noexcept -> mmu {
  return {.no_execute = (host_cr4 & bit(5)) != 0 && (host_efer & bit(11)) != 0, .smep = (host_cr4 & bit(20)) != 0};
}

}  // namespace pagewright::npt
