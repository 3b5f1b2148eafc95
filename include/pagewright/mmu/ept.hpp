// SPDX-License-Identifier: MIT
// What an Intel processor allows in the second stage of a guest's translation, and the VM exit, or virtualization
// exception, if it does not.
// Intel SDM volume 3C, "EPT-induced VM exits", "Accessed and dirty flags for EPT", "EPT and memory typing", "Exit
// qualification for EPT violations", "Convertible EPT violations"; volume 3A, "Precedence of cache controls" (12.5.2.2).
// Left out are guest-paging verification (VGP), paging-write access (PW, beyond what makes an entry a misconfiguration) and
// sub-page write permissions (SPP), whose rules the sources at hand do not tell well enough; likewise CR0.CD.
#pragma once

#include "../formats/x86_nested.hpp"
#include "../nested.hpp"

namespace pagewright::ept {

enum class exit_reason : u16 {
  violation        = 48,
  misconfiguration = 49,
  none             = 0xffff,  // no memory where a table should be: what hardware reads there is not known
};

/// The exit qualification of an EPT violation. Bits for events that are no access of an instruction's or of an address's
/// translation (12, 15 and 16) are not here.
inline constexpr u64 by_read = bit(0), by_write = bit(1), by_fetch = bit(2),
                     readable = bit(3), writable = bit(4), executable = bit(5),  // by all entries; 0 if one is not present
                     user_executable = bit(6),       // with mode-based execution; the manual leaves it undefined otherwise
                     linear_valid    = bit(7),       // there is a guest-linear address
                     of_translation  = bit(8),       // the access was to what that leads to, not to a guest's table
                     user_address = bit(9), writable_page = bit(10), no_execute_page = bit(11),  // advanced information
                     by_shadow_stack = bit(13), shadow_stack_page = bit(14);  // [2nd]

/// Why the access is refused, for people.
enum class denial : u8 { none, not_present, misconfigured, beyond_width, unreadable, no_read, no_write, no_execute, no_shadow_stack };

constexpr auto text(denial why) noexcept -> char const * {
  switch (why) {
    case denial::none:            return "allowed";
    case denial::not_present:     return "an EPT entry is not present";
    case denial::misconfigured:   return "an EPT entry is misconfigured";
    case denial::beyond_width:    return "the guest-physical address is wider than the tables translate";
    case denial::unreadable:      return "there is no memory where an EPT table should be";
    case denial::no_read:         return "the guest-physical page may not be read";
    case denial::no_write:        return "the guest-physical page may not be written";
    case denial::no_execute:      return "the guest-physical page may not be executed";
    case denial::no_shadow_stack: return "the guest-physical page is no supervisor shadow stack";
  }
  return "?";
}

/// What the processor would do.
struct exit {
  exit_reason   reason        = exit_reason::violation;
  u64           qualification = 0;             // 0 of a misconfiguration
  input_address guest_physical{};
  std::optional<input_address> guest_linear{};  // nothing: the field is undefined
  bool          as_exception = false;          // the guest gets a virtualization exception (#VE, vector 20) instead
  denial        why          = denial::none;
  u8            level        = 0;              // of the entry that is not present or misconfigured; of the leaf otherwise

  friend constexpr auto operator==(exit const &, exit const &) -> bool = default;
};

/// The state that decides beside the tables. What changes how entries are read is a parameter of the format too (options)
/// and must be the same here: mmu_of. A request without a stage above is one with the guest's paging off.
struct mmu {
  using fault_type = exit;

  bool accessed_dirty       = true;   // EPTP[6]
  bool mode_based_execute   = false;
  bool shadow_stack         = false;  // EPTP[7]: supervisor shadow stacks are where bit 60 says so [2nd]
  bool violation_exceptions = false;  // "EPT-violation #VE"; the guest can take one (CR0.PE, no event under delivery, area free)
  bool advanced_information = false;  // IA32_VMX_EPT_VPID_CAP bit 22

  /// With accessed and dirty flags the guest's tables are written whenever they are read, but for PDPTEs that MOV to CR
  /// loads.
  constexpr auto counts_as(access_request const &what) const noexcept -> access_kind {
    bool const walked = is_of_table(what) && !what.above->in_register;
    return walked && accessed_dirty ? access_kind::write : done_by(what);
  }

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept -> std::expected<input_address, exit> {
    return at;
  }

  template <handle H>
  static constexpr auto reads_way(H, access_request const &what) noexcept -> bool { return what.shadow_stack; }

  /// UNCERTAIN: whether a violation by an address that is too wide is convertible; no entry says so, it is taken for not.
  template <handle H>
  constexpr auto fault_of(H, fault const &f, passage const &, input_address at, access_request const &what) const noexcept -> exit {
    switch (f.why) {
      case fault_reason::outside_input: return violation(at, what, 0, false, denial::beyond_width, f.level);
      case fault_reason::absent:        return violation(at, what, 0, (f.entry & sve) == 0, denial::not_present, f.level);
      case fault_reason::unreadable:    return {exit_reason::none, 0, at, {}, false, denial::unreadable, f.level};
      default: return {exit_reason::misconfiguration, 0, at, {}, false, denial::misconfigured, f.level};
    }
  }

  template <handle H>
  constexpr auto refuse(H, translation const &t, passage const &way, input_address at, access_request const &what) const noexcept
      -> std::optional<exit> {
    auto const why = denied(t, way, what);
    if (why == denial::none) return std::nullopt;
    auto const has = [&](rights one) { return includes(t.effective, one); };
    u64 const  allows = (has(rights::readers) ? readable : 0) | (has(rights::writers) ? writable : 0) |
                       (has(rights::kernel_execute) ? executable : 0) |
                       (mode_based_execute && has(rights::user_execute) ? user_executable : 0) |
                       (shadow_stack && (t.entry & sss) != 0 ? shadow_stack_page : 0);
    return violation(at, what, allows, (t.entry & sve) == 0, why, t.level);
  }

  /// Accessed in every entry, dirty in the leaf that is written, and that is one of the guest's tables too; with EPTP[6]
  /// alone, as the format says.
  template <handle H>
  constexpr auto marked(H h, step const &s, access_request const &what) const noexcept -> u64 {
    return pagewright::marked(h, s, counts_as(what));
  }

  /// What a page of the guest's paging allows through this one. The type of the EPT counts as the MTRRs' would, unless it
  /// says to ignore the guest's.
  constexpr auto combined(translation const &upper, translation const &lower) const noexcept -> together {
    bool const runs = includes(lower.effective, executes_from(includes(upper.effective, rights::user_read)));
    auto const both = (lower.effective - rights::executes) | (runs ? rights::executes : rights::none);
    return {upper.effective & both, (lower.entry & ipat) != 0 ? lower.type : type_of(upper.type, lower.type)};
  }

 private:
  /// A linear address is user-mode if all of the guest's entries say so; and if the guest's paging is off.
  static constexpr auto is_user_address(access_request const &what) noexcept -> bool {
    return !what.above || what.above->page == nullptr || includes(what.above->page->effective, rights::user_read);
  }
  constexpr auto executes_from(bool user) const noexcept -> rights {
    return mode_based_execute && user ? rights::user_execute : rights::kernel_execute;
  }

  constexpr auto denied(translation const &t, passage const &way, access_request const &what) const noexcept -> denial {
    auto const has = [&](rights one) { return includes(t.effective, one); };
    if (what.shadow_stack && shadow_stack && !is_of_table(what) && (!what.user || what.implicit)) {
      // The leaf need not be writable, for no other write is to reach a shadow stack.
      bool const allowed = has(rights::readers) && includes(way.above(), rights::writers) && (t.entry & sss) != 0;
      return allowed ? denial::none : denial::no_shadow_stack;
    }
    switch (counts_as(what)) {
      case access_kind::read:  return has(rights::readers) ? denial::none : denial::no_read;
      case access_kind::write: return has(rights::writers) ? denial::none : denial::no_write;  // what is writable is readable
      case access_kind::fetch: return has(executes_from(is_user_address(what))) ? denial::none : denial::no_execute;
    }
    return denial::none;
  }

  /// Whether a mark without accessed and dirty flags, a read and a write in one, is told as a read too differs between
  /// processors; it is not told here.
  constexpr auto violation(input_address at, access_request const &what, u64 allows, bool convertible, denial why, u8 level) const
      noexcept -> exit {
    bool const table  = is_of_table(what);
    auto const kind   = counts_as(what);
    bool const linear = !table || !what.above->in_register;
    u64 told = allows | (kind == access_kind::write ? by_write : kind == access_kind::fetch ? by_fetch : by_read);
    if (table && accessed_dirty) told |= by_read;
    if (linear) told |= linear_valid | (table ? 0 : of_translation);
    if (what.shadow_stack && !table) told |= by_shadow_stack;
    if (advanced_information && !table) told |= of_page(what);
    return {exit_reason::violation, told, at, linear ? std::optional{what.above ? what.above->input : at} : std::nullopt,
            violation_exceptions && convertible, why, level};
  }
  static constexpr auto of_page(access_request const &what) noexcept -> u64 {
    if (!what.above || what.above->page == nullptr) return user_address | writable_page;
    auto const allowed = what.above->page->effective;
    return (is_user_address(what) ? user_address : 0) | (includes(allowed, rights::kernel_write) ? writable_page : 0) |
           (includes(allowed, rights::kernel_execute) ? 0 : no_execute_page);
  }

  /// Volume 3A 12.5.2.2, table "Effective Page-Level Memory Types", with the EPT's type for the MTRR's.
  static constexpr auto type_of(memory_type pat, memory_type ept) noexcept -> memory_type {
    using enum memory_type;
    if (pat == wc) return wc;
    if (pat == uc || ept == uc) return uc;
    if (pat == uc_minus) return ept == wc || ept == wp ? wc : uc;
    if (ept == wc) return pat == wb ? wc : uc;
    return pat == wb ? ept : pat;
  }
};

/// What the options of the format say of it.
constexpr auto mmu_of(options const &o, bool advanced_information = false) noexcept -> mmu {
  return {.accessed_dirty       = o.accessed_dirty,
          .mode_based_execute   = o.mode_based_execute,
          .shadow_stack         = o.shadow_stack,
          .violation_exceptions = o.violation_exceptions,
          .advanced_information = advanced_information};
}

}  // namespace pagewright::ept
