// SPDX-License-Identifier: MIT
// What a RISC-V hart allows in its first stage of translation, and the exception it raises if it does not.
// RISC-V privileged specification, Supervisor-Level ISA: "Addressing and Memory Protection", "Virtual Address Translation
// Process"; sstatus.SUM and MXR; Svade and Svadu.
#pragma once

#include "../access.hpp"
#include "../formats/riscv.hpp"

namespace pagewright::riscv {

/// scause of the exceptions that translation raises.
enum class cause : u8 {
  fetch_access_fault = 1, load_access_fault = 5, store_access_fault = 7,
  fetch_page_fault = 12, load_page_fault = 13, store_page_fault = 15,
};

/// Why, for people: every one of these is reported as a page fault, but for `unreadable`.
enum class denial : u8 {
  none, not_valid, reserved_entry, not_canonical, unreadable,
  supervisor_page, user_page, not_readable, not_writable, not_executable, not_accessed, not_dirty,
};

constexpr auto text(denial why) noexcept -> char const * {
  switch (why) {
    case denial::none:            return "allowed";
    case denial::not_valid:       return "an entry is not valid";
    case denial::reserved_entry:  return "an entry is reserved or a superpage misaligned";
    case denial::not_canonical:   return "the address's upper bits differ from its sign";
    case denial::unreadable:      return "there is no memory where a table should be";
    case denial::supervisor_page: return "user mode may not use a supervisor page";
    case denial::user_page:       return "supervisor mode may not use a user page: SUM is clear, or it is a fetch";
    case denial::not_readable:    return "the page may not be read";
    case denial::not_writable:    return "the page may not be written";
    case denial::not_executable:  return "the page may not be executed";
    case denial::not_accessed:    return "A is clear and software is to set it (Svade)";
    case denial::not_dirty:       return "D is clear and software is to set it (Svade)";
  }
  return "?";
}

/// What a hart would raise.
struct exception {
  riscv::cause  cause = cause::load_page_fault;
  input_address address{};  // stval
  denial        why   = denial::none;
  u8            level = 0;

  friend constexpr auto operator==(exception const &, exception const &) -> bool = default;
};

/// The state that decides beside the tables. `access_request::user` is the effective mode: that of MPP for loads and
/// stores while mstatus.MPRV is set. Whether hardware sets A and D is a parameter of the format (hardware_accessed).
struct mmu {
  using fault_type = exception;

  bool user_memory     = false;  // sstatus.SUM: supervisor data accesses reach user pages
  bool execute_as_read = false;  // sstatus.MXR: loads from executable pages succeed

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept -> std::expected<input_address, exception> {
    return at;
  }

  template <handle H>
  static constexpr auto fault_of(H, fault const &f, passage const &, input_address at, access_request const &what) noexcept -> exception {
    switch (f.why) {
      case fault_reason::unreadable:    return {access_fault(what.kind), at, denial::unreadable, f.level};
      case fault_reason::outside_input: return {page_fault(what.kind), at, denial::not_canonical, f.level};
      case fault_reason::absent:        return {page_fault(what.kind), at, denial::not_valid, f.level};
      case fault_reason::not_accessed:  return {page_fault(what.kind), at, denial::not_accessed, f.level};
      default:                          return {page_fault(what.kind), at, denial::reserved_entry, f.level};
    }
  }

  template <handle H>
  constexpr auto refuse(H h, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<exception> {
    auto const why = denied(t, what, h->unaccessed_faults);
    if (why == denial::none) return std::nullopt;
    return exception{page_fault(what.kind), at, why, t.level};
  }

  /// The leaf alone: A is reserved in pointers. With Svade there is nothing to mark: what is not marked was refused.
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    return pagewright::marked(h, s, what.kind);
  }

 private:
  static constexpr auto page_fault(access_kind k) noexcept -> cause {
    return k == access_kind::fetch ? cause::fetch_page_fault : k == access_kind::read ? cause::load_page_fault : cause::store_page_fault;
  }
  static constexpr auto access_fault(access_kind k) noexcept -> cause {
    return k == access_kind::fetch  ? cause::fetch_access_fault
           : k == access_kind::read ? cause::load_access_fault
                                    : cause::store_access_fault;
  }

  /// Steps 6 to 9 of the translation process. The leaf alone decides; pointers narrow nothing.
  constexpr auto denied(translation const &t, access_request const &what, bool software_marks) const noexcept -> denial {
    auto const has = [&](rights any) { return (t.own & any) != rights::none; };
    bool const user_page = has(rights::user), executable = has(rights::executes);
    if (what.user && !user_page) return denial::supervisor_page;
    if (!what.user && user_page && (what.kind == access_kind::fetch || !user_memory)) return denial::user_page;
    switch (what.kind) {
      case access_kind::read:
        if (!has(rights::readers) && !execute_as_read) return denial::not_readable;  // what is not readable is executable
        break;
      case access_kind::write:
        if (!has(rights::writers)) return denial::not_writable;
        if (software_marks && !t.dirty) return denial::not_dirty;
        break;
      case access_kind::fetch:
        if (!executable) return denial::not_executable;
        break;
    }
    return denial::none;
  }
};

/// What sstatus (or mstatus) switches on.
constexpr auto mmu_of(u64 sstatus) noexcept -> mmu {
  return {.user_memory = (sstatus & bit(18)) != 0, .execute_as_read = (sstatus & bit(19)) != 0};
}

}  // namespace pagewright::riscv
