// SPDX-License-Identifier: MIT
// What an AArch32 processor allows in stage 1 of its PL1&0 regime, by short or long descriptors, and the abort it takes if
// it does not.
// Arm ARM DDI 0487 G5.6 (permissions, domains, the access flag), G8.2 (DFSR, IFSR, DACR), and its pseudocode for the order
// of faults (AArch32.S1TranslateSD, S1TranslateLD); ARMv7-A DDI 0406C B3.7, B3.12 (faults), B3.13 (DFSR, IFSR) [mem].
#pragma once

#include "../access.hpp"
#include "../formats/arm32.hpp"

namespace pagewright::arm32 {

/// In the order in which they are found: what comes first hides what comes later.
enum class fault_status : u8 { external_on_walk, translation, address_size, access_flag, domain, permission };

constexpr auto text(fault_status s) noexcept -> char const * {
  switch (s) {
    case fault_status::external_on_walk: return "external abort on a table walk";
    case fault_status::translation:      return "translation fault";
    case fault_status::address_size:     return "address size fault";
    case fault_status::access_flag:      return "access flag fault";
    case fault_status::domain:           return "domain fault";
    case fault_status::permission:       return "permission fault";
  }
  return "?";
}

/// FS of the Short-descriptor format, in bits 10 and 3:0 of DFSR and IFSR. Level 1 is that of sections, 2 that of pages.
/// There is no Address size fault in this format.
constexpr auto short_code_of(fault_status s, unsigned level) noexcept -> u32 {
  bool const page = level == 2;
  switch (s) {
    case fault_status::external_on_walk: return page ? 0b01110 : 0b01100;
    case fault_status::access_flag:      return page ? 0b00110 : 0b00011;
    case fault_status::domain:           return page ? 0b01011 : 0b01001;
    case fault_status::permission:       return page ? 0b01111 : 0b01101;
    default:                             return page ? 0b00111 : 0b00101;
  }
}

/// STATUS of the Long-descriptor format, in bits 5:0. It knows no domains.
constexpr auto long_code_of(fault_status s, unsigned level) noexcept -> u32 {
  switch (s) {
    case fault_status::address_size:     return 0b000000 + level;
    case fault_status::access_flag:      return 0b001000 + level;
    case fault_status::permission:       return 0b001100 + level;
    case fault_status::external_on_walk: return 0b010100 + level;
    default:                             return 0b000100 + level;
  }
}

/// Why, for people, where the status does not say it.
enum class denial : u8 { none, not_mapped, no_access, not_for_user, read_only, no_execute, pan, domain, walks_disabled };

constexpr auto text(denial why) noexcept -> char const * {
  switch (why) {
    case denial::none:           return "allowed";
    case denial::not_mapped:     return "the walk ends before a page";
    case denial::no_access:      return "nobody may use the page";
    case denial::not_for_user:   return "PL0 may not use the page";
    case denial::read_only:      return "the page is read-only";
    case denial::no_execute:     return "the page may not be executed, for XN, PXN, WXN or UWXN, or because it cannot be read";
    case denial::pan:            return "PAN keeps PL1 from what PL0 can reach";
    case denial::domain:         return "DACR gives no access to the domain";
    case denial::walks_disabled: return "TTBCR.PD or EPD: no walks of this range";
  }
  return "?";
}

/// What a processor would take: a Prefetch Abort for a fetch, with IFSR and IFAR, else a Data Abort, with DFSR and DFAR.
struct abort {
  u32           fsr = 0;    // its domain is 0 where the manual leaves it unknown: for faults of a first-level entry's walk
  input_address far{};
  fault_status  status = fault_status::translation;
  unsigned      level  = 1;  // the architecture's
  denial        why    = denial::none;

  friend constexpr auto operator==(abort const &, abort const &) -> bool = default;
};

/// The state that decides beside the tables. What changes how entries are read (TTBCR.N and TxSZ, HPD, SCTLR.AFE, TRE, WXN
/// and UWXN) is a parameter of the format.
struct mmu {
  using fault_type = abort;

  u32  dacr = 0x5555'5555;      // short descriptors only: all domains are clients
  bool pan  = false;            // CPSR.PAN
  bool walks_disabled = false;  // TTBCR.PD0 or EPD0, PD1 or EPD1: of the half that is walked

  template <handle H>
  constexpr auto input(H h, input_address at, access_request const &what) const noexcept -> std::expected<input_address, abort> {
    if (walks_disabled) return std::unexpected{taken(h, fault_status::translation, 1, 0, at, what, denial::walks_disabled)};
    return at;
  }

  template <handle H>
  static constexpr auto reads_way(H h, access_request const &) noexcept -> bool { return is_short(h); }

  template <handle H>
  static constexpr auto fault_of(H h, fault const &f, passage const &way, input_address at, access_request const &what) noexcept
      -> abort {
    // The gap between the ranges of long descriptors is a fault of level 1, wherever their walks begin (G5.5.5).
    if (f.why == fault_reason::outside_input) return taken(h, fault_status::translation, 1, 0, at, what, denial::not_mapped);
    auto const status = f.why == fault_reason::too_wide       ? fault_status::address_size
                        : f.why == fault_reason::not_accessed ? fault_status::access_flag
                        : f.why == fault_reason::unreadable   ? fault_status::external_on_walk
                                                              : fault_status::translation;
    // A first-level entry that does not translate names no domain.
    bool const known = f.level == 0 || status == fault_status::access_flag;
    return taken(h, status, level_of(h, f.level), is_short(h) && known ? domain_on(way) : 0, at, what, denial::not_mapped);
  }

  /// Domain faults come before permission faults; a manager's accesses are not checked, XN included (G5.6).
  template <handle H>
  constexpr auto refuse(H h, translation const &t, passage const &way, input_address at,
                        access_request const &what) const noexcept -> std::optional<abort> {
    unsigned const domain = is_short(h) ? domain_on(way) : 0, level = level_of(h, t.level);
    auto const     held   = is_short(h) ? access_to(domain, dacr) : domain_access::client;
    if (held == domain_access::manager) return std::nullopt;
    // What the reserved value does is CONSTRAINED UNPREDICTABLE: here it is no access.
    if (held != domain_access::client) return taken(h, fault_status::domain, level, domain, at, what, denial::domain);
    auto const why = denied(t.effective, what);
    if (why == denial::none) return std::nullopt;
    return taken(h, fault_status::permission, level, domain, at, what, why);
  }

  /// Hardware marks nothing: the access flag is software's.
  template <handle H>
  static constexpr auto marked(H, step const &s, access_request const &) noexcept -> u64 { return s.entry; }

 private:
  template <handle H>
  static constexpr auto is_short(H h) noexcept -> bool { return h->entry_bytes == 4; }
  template <handle H>
  static constexpr auto level_of(H h, unsigned level) noexcept -> unsigned { return (is_short(h) ? 2u : 3u) - level; }
  /// Precondition: `way` is not empty.
  static constexpr auto domain_on(passage const &way) noexcept -> unsigned { return domain_of(way.begin()->entry); }

  template <handle H>
  static constexpr auto taken(H h, fault_status s, unsigned level, unsigned domain, input_address at, access_request const &what,
                              denial why) noexcept -> abort {
    bool const wrote = what.kind == access_kind::write && (!what.atomic || why == denial::read_only);  // or it could not have read
    u32 const  wnr   = wrote ? u32{1} << 11 : 0;
    bool const fetch = what.kind == access_kind::fetch;  // IFSR has neither WnR nor a domain
    if (!is_short(h)) return {u32{1} << 9 | wnr | long_code_of(s, level), at, s, level, why};
    u32 const code = short_code_of(s, level);
    return {(code >> 4) << 10 | (code & 15) | (fetch ? 0 : domain << 4) | wnr, at, s, level, why};
  }

  /// G5.6. XN, PXN, WXN and UWXN, and that executing takes reading, are among the rights already.
  constexpr auto denied(rights held, access_request const &what) const noexcept -> denial {
    bool const user = what.user || what.unprivileged;
    auto const has  = [held](rights any) { return (held & any) != rights::none; };
    if (what.kind == access_kind::fetch)
      return has(what.user ? rights::user_execute : rights::kernel_execute) ? denial::none : denial::no_execute;
    if (!has(user ? rights::user_read : rights::kernel_read))
      return user && has(rights::kernel_read) ? denial::not_for_user : denial::no_access;
    if (what.kind == access_kind::write && !has(user ? rights::user_write : rights::kernel_write)) return denial::read_only;
    if (!user && pan && has(rights::user_read | rights::user_write)) return denial::pan;
    return denial::none;
  }
};

/// What the registers switch on for this half. `cpsr_pan` is CPSR's.
constexpr auto mmu_of(u32 ttbcr, u32 dacr, half space, bool cpsr_pan = false) noexcept -> mmu {
  bool const lower = space == half::lower;
  unsigned const off = (ttbcr >> 31) != 0 ? (lower ? 7 : 23) : lower ? 4 : 5;
  return {.dacr = dacr, .pan = cpsr_pan, .walks_disabled = (ttbcr >> off & 1) != 0};
}

}  // namespace pagewright::arm32
