// SPDX-License-Identifier: MIT
// What an x86 processor allows, and the page fault it raises if it does not.
// Intel SDM volume 3A 5.6 (access rights), 5.7 (page-fault exceptions), 5.8 (accessed and dirty flags); AMD APM 2, 5.6.
// The numbers are those of editions in which paging is chapter 5; it was chapter 4 before, as formats/x86.hpp has it.
#pragma once

#include "../access.hpp"
#include "../formats/x86.hpp"

namespace pagewright::x86 {

enum class exception_vector : u8 {
  page_fault         = 14,
  general_protection = 13,    // a non-canonical address, or a reserved bit in a PDPTE of PAE paging
  stack_fault        = 12,    // likewise, through the stack segment
  none               = 0xff,  // no memory where a table should be: what hardware reads there is not known
};

// The error code of a page fault (SDM 5.7, figure 5-12).
inline constexpr u32 pf_present      = 1u << 0,  // a right is missing or a reserved bit is set; not that an entry is absent
                     pf_write        = 1u << 1,
                     pf_user         = 1u << 2,
                     pf_reserved     = 1u << 3,
                     pf_fetch        = 1u << 4,  // told only with EFER.NXE (and PAE) or CR4.SMEP
                     pf_key          = 1u << 5,
                     pf_shadow_stack = 1u << 6;

/// Why the permission check refused, for people: the first of the manual's rules that does.
enum class denial : u8 {
  none, not_present, reserved_bit, not_canonical, unreadable,
  supervisor_page, read_only, no_execute, smap, smep, no_shadow_stack, access_disabled_by_key, write_disabled_by_key,
};

constexpr auto text(denial why) noexcept -> char const * {
  switch (why) {
    case denial::none:                   return "allowed";
    case denial::not_present:            return "an entry is not present";
    case denial::reserved_bit:           return "an entry has a reserved bit set";
    case denial::not_canonical:          return "the address is not canonical";
    case denial::unreadable:             return "there is no memory where a table should be";
    case denial::supervisor_page:        return "user mode may not use a supervisor page";
    case denial::read_only:              return "the page is read-only";
    case denial::no_execute:             return "the page may not be executed (XD)";
    case denial::smap:                   return "SMAP keeps supervisor mode from a user page";
    case denial::smep:                   return "SMEP keeps supervisor mode from executing a user page";
    case denial::no_shadow_stack:        return "the page is no shadow-stack page of this mode";
    case denial::access_disabled_by_key: return "the page's protection key disables access";
    case denial::write_disabled_by_key:  return "the page's protection key disables writing";
  }
  return "?";
}

/// What a processor would raise.
struct exception {
  exception_vector vector = exception_vector::page_fault;
  u32              code   = 0;  // pf_...; 0 for the other vectors
  input_address    address{};   // CR2, for a page fault: masked, for that comes before paging
  denial           why    = denial::none;
  u8               level  = 0;  // of the entry that is not present or reserved; of the leaf otherwise

  friend constexpr auto operator==(exception const &, exception const &) -> bool = default;
};

/// Linear-address masking (SDM 4.4): which upper bits of a data address are not looked at.
enum class masking : u8 { off, lam48, lam57 };

/// The state that decides beside the tables. What changes how entries are read (EFER.NXE, CR4.PSE, LA57, MAXPHYADDR) is a
/// parameter of the format; `no_execute` must say here what it says there, for the error code depends on it.
struct mmu {
  using fault_type = exception;

  bool    write_protect  = true;   // CR0.WP
  bool    no_execute     = true;   // EFER.NXE, with CR4.PAE
  bool    smep = false, smap = false;
  bool    alignment_check = false; // EFLAGS.AC: suspends SMAP for explicit accesses
  bool    user_keys = false, supervisor_keys = false;  // CR4.PKE, CR4.PKS: 4-level and 5-level paging
  u32     pkru = 0, pkrs = 0;      // bit 2k: no access with key k; bit 2k + 1: no writing
  masking user_masking = masking::off, supervisor_masking = masking::off;  // CR3.LAM_U48 and LAM_U57; CR4.LAM_SUP

  template <handle H>
  PAGEWRIGHT_INLINE constexpr auto input(H, input_address at, access_request const &r) const noexcept
      -> std::expected<input_address, exception> {
    return masked(at, r);
  }

  /// A shadow stack lies below entries that are all writable.
  template <handle H>
  static constexpr auto reads_way(H, access_request const &r) noexcept -> bool { return r.shadow_stack; }

  /// Levels are examined from the top; a reserved bit above an entry that is not present is reported as reserved.
  template <handle H>
  constexpr auto fault_of(H h, fault const &f, passage const &, input_address at, access_request const &r) const noexcept
      -> exception {
    at = masked(at, r);
    switch (f.why) {
      case fault_reason::outside_input:
        return {r.stack ? exception_vector::stack_fault : exception_vector::general_protection, 0, at, denial::not_canonical, f.level};
      case fault_reason::unreadable: return {exception_vector::none, 0, at, denial::unreadable, f.level};
      case fault_reason::absent:     return {exception_vector::page_fault, code_of(r), at, denial::not_present, f.level};
      default:
        // Reserved bits of a PDPTE are found when CR3 is loaded (SDM 5.4.1): such tables are never walked.
        if (h->levels[f.level].loaded) return {exception_vector::general_protection, 0, at, denial::reserved_bit, f.level};
        return {exception_vector::page_fault, code_of(r) | pf_present | pf_reserved, at, denial::reserved_bit, f.level};
    }
  }

  template <handle H>
  PAGEWRIGHT_INLINE constexpr auto refuse(H, translation const &t, passage const &way, input_address at, access_request const &r) const
      noexcept -> std::optional<exception> {
    auto const why = denied(t, way, r);
    auto const key = key_denies(t, r);
    if (why == denial::none && key == denial::none) return std::nullopt;
    return exception{exception_vector::page_fault, code_of(r) | pf_present | (key != denial::none ? pf_key : 0), masked(at, r),
                     why != denial::none ? why : key, t.level};
  }

  /// Accessed in every entry, dirty in the leaf (SDM 5.8). PAE PDPTEs are in registers; they have no accessed flag.
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &r) noexcept -> u64 {
    return pagewright::marked(h, s, r.kind);
  }

 private:
  /// The address that is translated, and told in CR2. Masking concerns data, and an address's own half: bit 63 stays and says
  /// which half; the bits up to the sign bit are replaced by that bit, so that it must agree with 63.
  PAGEWRIGHT_INLINE constexpr auto masked(input_address at, access_request const &r) const noexcept -> input_address {
    masking const how = at.value >> 63 != 0 ? supervisor_masking : user_masking;
    if (how == masking::off || r.kind == access_kind::fetch) return at;
    unsigned const sign = how == masking::lam48 ? 47 : 56;
    u64 const      bits = ones(sign + 1, 62 - sign);
    return {(at.value >> sign & 1) != 0 ? at.value | bits : at.value & ~bits};
  }

  static constexpr auto is_user(access_request const &r) noexcept -> bool { return r.user && !r.implicit; }

  constexpr auto code_of(access_request const &r) const noexcept -> u32 {
    return (r.kind == access_kind::write ? pf_write : 0u) | (is_user(r) ? pf_user : 0u) |
           (r.kind == access_kind::fetch && (no_execute || smep) ? pf_fetch : 0u) | (r.shadow_stack ? pf_shadow_stack : 0u);
  }

  /// SDM 5.6.1, without protection keys. A user page is one that all entries say U/S of; writable, R/W.
  PAGEWRIGHT_INLINE constexpr auto denied(translation const &t, passage const &way, access_request const &r) const noexcept -> denial {
    bool const user_page = includes(t.effective, rights::user_read), writable = includes(t.effective, rights::kernel_write);
    bool const executable = includes(t.effective, rights::kernel_execute);
    if (is_user(r) && !user_page) return denial::supervisor_page;
    if (r.shadow_stack) {
      // Read-only and dirty below entries that are all writable; the processor's mode must be the page's.
      bool const shadow = !includes(t.own, rights::kernel_write) && t.dirty && includes(way.above(), rights::kernel_write);
      return shadow && user_page == is_user(r) ? denial::none : denial::no_shadow_stack;
    }
    if (r.kind == access_kind::fetch) {
      if (!is_user(r) && smep && user_page) return denial::smep;
      return executable ? denial::none : denial::no_execute;
    }
    if (!is_user(r) && smap && user_page && (r.implicit || !alignment_check)) return denial::smap;
    if (r.kind == access_kind::write && !writable && (is_user(r) || write_protect)) return denial::read_only;
    return denial::none;
  }

  /// SDM 5.6.2: keys concern data, and nothing but 4-level and 5-level paging has them.
  PAGEWRIGHT_INLINE constexpr auto key_denies(translation const &t, access_request const &r) const noexcept -> denial {
    bool const user_page = includes(t.effective, rights::user_read);
    if (r.kind == access_kind::fetch || !(user_page ? user_keys : supervisor_keys && !is_user(r))) return denial::none;
    auto const held = (user_page ? pkru : pkrs) >> (2 * static_cast<unsigned>(t.entry >> 59 & 15));
    if ((held & 1) != 0) return denial::access_disabled_by_key;
    bool const counts = r.kind == access_kind::write && (is_user(r) || write_protect);
    return counts && (held & 2) != 0 ? denial::write_disabled_by_key : denial::none;
  }
};

/// The registers that decide. `eflags`, `pkru` and `pkrs` change from moment to moment.
struct registers {
  u64 cr0 = 0, cr3 = 0, cr4 = 0, efer = 0, eflags = 0;
  u32 pkru = 0, pkrs = 0;
};

/// What they switch on (SDM 2.3, 2.5, 5.6). Keys and masking belong to 4-level and 5-level paging. The format is that of
/// format_of, with options_of the same registers.
constexpr auto mmu_of(registers const &r) noexcept -> mmu {
  auto const on = [](u64 of, unsigned n) { return (of & bit(n)) != 0; };
  bool const wide = on(r.cr4, 5), long_mode = wide && on(r.efer, 10);  // PAE: entries of 8 bytes
  return {.write_protect      = on(r.cr0, 16),
          .no_execute         = wide && on(r.efer, 11),
          .smep               = on(r.cr4, 20),
          .smap               = on(r.cr4, 21),
          .alignment_check    = on(r.eflags, 18),
          .user_keys          = long_mode && on(r.cr4, 22),
          .supervisor_keys    = long_mode && on(r.cr4, 24),
          .pkru               = r.pkru,
          .pkrs               = r.pkrs,
          .user_masking       = !long_mode || !(on(r.cr3, 61) || on(r.cr3, 62)) ? masking::off
                                : on(r.cr3, 61)                                 ? masking::lam57
                                                                                : masking::lam48,
          .supervisor_masking = !long_mode || !on(r.cr4, 28) ? masking::off
                                : on(r.cr4, 12)              ? masking::lam57
                                                             : masking::lam48};
}

}  // namespace pagewright::x86
