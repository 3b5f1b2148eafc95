// SPDX-License-Identifier: MIT
// What an AArch64 processor allows in stage 1, and the abort it takes if it does not. Stage 2: arm64_stage2.hpp.
// Arm ARM DDI 0487 D8.4 (permissions), D8.5 (access flag, dirty state), D8.15 (faults), D24.2.40 (ESR_EL1). Permission
// indirection and overlays (FEAT_S1PIE, FEAT_S1POE) are not described.
#pragma once

#include "../access.hpp"
#include "../formats/arm64.hpp"

namespace pagewright::arm64 {

/// Fault status codes without their level, as in ESR_ELx.DFSC and IFSC: the architecture's level is added.
enum class fault_status : u8 {
  address_size    = 0b000000,
  translation     = 0b000100,
  access_flag     = 0b001000,
  permission      = 0b001100,
  external_on_walk = 0b010100,
};

constexpr auto text(fault_status s) noexcept -> char const * {
  switch (s) {
    case fault_status::address_size:     return "address size fault";
    case fault_status::translation:      return "translation fault";
    case fault_status::access_flag:      return "access flag fault";
    case fault_status::permission:       return "permission fault";
    case fault_status::external_on_walk: return "external abort on a table walk";
  }
  return "?";
}

/// The six bits of a status code at the architecture's `level`, -1 to 3.
constexpr auto code_of(fault_status s, int level) noexcept -> u32 {
  if (level >= 0) return unsigned(s) + static_cast<unsigned>(level);
  switch (s) {  // level -1 has codes of its own
    case fault_status::address_size: return 0b101001;
    case fault_status::translation:  return 0b101011;
    default:                         return 0b010011;
  }
}

/// Why, for people, where the status does not say it.
enum class denial : u8 {
  none, not_mapped, not_for_user, read_only, no_execute, pan, wxn, e0pd, walks_disabled, no_read, device_tables,
};

constexpr auto text(denial why) noexcept -> char const * {
  switch (why) {
    case denial::none:           return "allowed";
    case denial::not_mapped:     return "the walk ends before a page";
    case denial::not_for_user:   return "EL0 may not use the page";
    case denial::read_only:      return "the page is read-only";
    case denial::no_execute:     return "the page may not be executed";
    case denial::pan:            return "PAN keeps EL1 from what EL0 can reach";
    case denial::wxn:            return "SCTLR.WXN: what may be written may not be executed";
    case denial::e0pd:           return "TCR.E0PD keeps EL0 from this half";
    case denial::walks_disabled: return "TCR.EPD: no walks of this half";
    case denial::no_read:        return "stage 2 does not let it be read";
    case denial::device_tables:  return "HCR.PTW: tables must not lie in Device memory";
  }
  return "?";
}

/// What a processor would take.
struct abort {
  u64           esr = 0;    // ESR_ELx: EC, IL, WnR, DFSC or IFSC
  input_address far{};      // as the access named it; of an instruction abort the PC, which no tag gets into
  fault_status  status = fault_status::translation;
  int           level  = 0; // the architecture's
  denial        why    = denial::none;
  u64           hpfar  = 0; // HPFAR_EL2, of an abort to EL2 for which the architecture defines it

  friend constexpr auto operator==(abort const &, abort const &) -> bool = default;
};

/// ESR_ELx. `ec` is that of a data abort: of an instruction abort it is four less, and nothing was written.
constexpr auto syndrome(u64 ec, bool fetch, bool wrote, fault_status s, int level) noexcept -> u64 {
  return (fetch ? ec - 4 : ec) << 26 | bit(25) | (wrote && !fetch ? bit(6) : 0) | code_of(s, level);
}

/// The state that decides beside the tables. What changes how entries are read (TG, TxSZ, DS, HPD, TBI, HA, HD) is a
/// parameter of the format. PAN and E0PD are of regimes that have EL0: they stay false with the tables of EL2 and EL3.
/// That a root lies beyond the output addresses, an address size fault at level 0, is not told.
struct mmu {
  using fault_type = abort;

  bool pan = false, uao = false;     // PSTATE; UAO: LDTR and STTR are privileged
  bool epan = false, wxn = false;    // SCTLR_ELx
  bool e0pd = false, epd = false;    // TCR_EL1, for this half
  bool tbid = false;                 // likewise: with TBI, tags are of data addresses alone

  template <handle H>
  constexpr auto input(H h, input_address at, access_request const &what) const noexcept -> std::expected<input_address, abort> {
    bool const outside = !in_extent(h, at.value);
    if (!outside && e0pd && by_user(what)) return std::unexpected{taken(h, fault_status::translation, 0, at, what, denial::e0pd)};
    if (!outside && epd) return std::unexpected{taken(h, fault_status::translation, 0, at, what, denial::walks_disabled)};
    if (what.kind != access_kind::fetch) return at;
    // A branch takes the tag off (D8.8), where there are tags.
    auto const target = untagged(h, at);
    if (tbid && target != at) return std::unexpected{taken(h, fault_status::translation, 0, at, what, denial::not_mapped)};
    return target;
  }

  template <handle H>
  constexpr auto fault_of(H h, fault const &f, passage const &, input_address at, access_request const &what) const noexcept
      -> abort {
    auto const at_level = [&](fault_status s, int level) { return taken(h, s, level, at, what, denial::not_mapped); };
    switch (f.why) {
      case fault_reason::outside_input: return at_level(fault_status::translation, 0);
      case fault_reason::too_wide:      return at_level(fault_status::address_size, level_of(f.level));
      case fault_reason::not_accessed:  return at_level(fault_status::access_flag, level_of(f.level));
      case fault_reason::unreadable:    return at_level(fault_status::external_on_walk, level_of(f.level));
      default:                          return at_level(fault_status::translation, level_of(f.level));
    }
  }

  template <handle H>
  constexpr auto refuse(H h, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<abort> {
    auto const why = denied(t.effective, what);
    if (why == denial::none) return std::nullopt;
    return taken(h, fault_status::permission, level_of(t.level), at, what, why);
  }

  /// The access flag where hardware manages it; of what hardware manages the dirty state of, writing clears AP[2] (D8.5).
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    bool const managed = (s.entry & dbm) != 0;  // without hardware management what is not marked was refused
    return pagewright::marked(h, s, managed ? what.kind : access_kind::read);
  }

 private:
  static constexpr auto level_of(unsigned level) noexcept -> int { return 3 - static_cast<int>(level); }
  constexpr auto by_user(access_request const &what) const noexcept -> bool { return what.user || (what.unprivileged && !uao); }

  template <handle H>
  static constexpr auto untagged(H h, input_address at) noexcept -> input_address {
    u64 const tag = ~pagewright::below(64u - h->tag_bits);
    return {(at.value & bit(55)) != 0 ? at.value | tag : at.value & ~tag};
  }

  /// FAR keeps a data address's tag. Of an atomic access WnR says that it could have read (ESR_ELx, WnR).
  template <handle H>
  constexpr auto taken(H h, fault_status s, int level, input_address at, access_request const &what, denial why) const noexcept
      -> abort {
    bool const fetch = what.kind == access_kind::fetch, wrote = what.kind == access_kind::write && (!what.atomic || why == denial::read_only);
    u64 const  ec    = what.user ? 0x24 : 0x25;  // from a lower level, or the same
    return {syndrome(ec, fetch, wrote, s, level), fetch && !tbid ? untagged(h, at) : at, s, level, why};
  }

  /// D8.4.1. That EL1 does not execute what EL0 may write is among the rights already.
  constexpr auto denied(rights held, access_request const &what) const noexcept -> denial {
    bool const user = by_user(what);
    auto const has  = [held](rights any) { return (held & any) != rights::none; };
    bool const writable = has(user ? rights::user_write : rights::kernel_write);
    switch (what.kind) {
      case access_kind::fetch:
        if (!has(what.user ? rights::user_execute : rights::kernel_execute)) return denial::no_execute;
        return wxn && writable ? denial::wxn : denial::none;
      case access_kind::read:
      case access_kind::write:
        if (user && !has(rights::user_read)) return denial::not_for_user;
        if (what.kind == access_kind::write && !writable) return denial::read_only;
        if (!user && pan && (has(rights::user_read | rights::user_write) || (epan && has(rights::user_execute)))) return denial::pan;
        return denial::none;
    }
    return denial::none;
  }
};

/// What the registers switch on for this half. `pstate_pan` and `pstate_uao` are PSTATE's.
constexpr auto mmu_of(u64 tcr_el1, u64 sctlr_el1, half space, bool pstate_pan = false, bool pstate_uao = false) noexcept -> mmu {
  bool const up = space == half::upper;
  return {.pan  = pstate_pan,
          .uao  = pstate_uao,
          .epan = (sctlr_el1 & bit(57)) != 0,
          .wxn  = (sctlr_el1 & bit(19)) != 0,
          .e0pd = (tcr_el1 & bit(up ? 56 : 55)) != 0,
          .epd  = (tcr_el1 & bit(up ? 23 : 7)) != 0,
          .tbid = (tcr_el1 & bit(up ? 52 : 51)) != 0};
}

}  // namespace pagewright::arm64
