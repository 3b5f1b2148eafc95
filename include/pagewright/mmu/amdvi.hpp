// SPDX-License-Identifier: MIT
// What an AMD IOMMU (AMD-Vi) allows a device, and the event it logs if it does not: host tables (v1), guest tables (v2), and
// the two nested.
// AMD I/O Virtualization Technology specification 48882: 2.1.3.2 (I/O page faults), 2.2.3, 2.2.6 (tables), 2.5.3
// (IO_PAGE_FAULT), 2.5.5 (PAGE_TAB_HARDWARE_ERROR).
#pragma once

#include "../formats/amdvi.hpp"
#include "../nested.hpp"

namespace pagewright::amdvi {

enum class event_code : u8 { io_page_fault = 2, page_table_hardware_error = 4 };

/// The flags of an IO_PAGE_FAULT, bits 27:16 of its second word.
inline constexpr u16 event_guest      = 1u << 0,  // GN: there is a PASID
                     event_no_execute = 1u << 1,  // NX: it was a request to execute; told with a PASID, as US is
                     event_user       = 1u << 2,  // US
                     event_present    = 1u << 4,  // PR: the page is marked present
                     event_write      = 1u << 5,  // RW
                     event_permission = 1u << 6,  // PE: a right is missing
                     event_reserved   = 1u << 7,  // RZ: a reserved bit is set
                     event_translate  = 1u << 8;  // TR: the device asked for a translation

/// Why, for people.
enum class denial : u8 { none, not_present, reserved_bits, illegal_level, beyond_width, unreadable, supervisor_page, no_permission };

constexpr auto text(denial why) noexcept -> char const * {
  switch (why) {
    case denial::none:            return "allowed";
    case denial::not_present:     return "an entry is not present, or the address has bits set that no table looks at";
    case denial::reserved_bits:   return "an entry has a reserved bit set";
    case denial::illegal_level:   return "an entry's next level is illegal";
    case denial::beyond_width:    return "the address is wider than the tables translate";
    case denial::unreadable:      return "there is no memory where a table should be";
    case denial::supervisor_page: return "a user request may not use a supervisor page";
    case denial::no_permission:   return "the page does not allow that";
  }
  return "?";
}

/// What the unit logs.
struct event {
  event_code         code = event_code::io_page_fault;
  u16                flags = 0;   // event_...
  input_address      address{};   // as the device gave it
  std::optional<u32> pasid{};
  u16                domain = 0;
  denial             why    = denial::none;
  u8                 level  = 0;

  /// The event log entry, for the device `source`: PASID 19:16 stands apart from 15:0, which is where the domain is told of
  /// requests without one.
  struct entry {
    u64 low, high;
    friend constexpr auto operator==(entry const &, entry const &) -> bool = default;
  };
  constexpr auto logged(u16 source) const noexcept -> entry {
    u32 const id = pasid.value_or(domain);
    return {source | (id & 0xf'0000u) | u64{id & 0xffffu} << 32 | u64{flags} << 48 | u64{static_cast<u8>(code)} << 60, address.value};
  }

  friend constexpr auto operator==(event const &, event const &) -> bool = default;
};

/// What is common to both kinds of tables: who asks. RW is told of every write, though it means nothing in some events.
struct requester {
  u16                domain = 0;
  std::optional<u32> pasid{};
  bool               translates = false;  // an ATS translation request

  constexpr auto logs(denial why, u16 flags, input_address at, access_request const &what, u8 level) const noexcept -> event {
    u16 const who = !pasid ? u16{0} : static_cast<u16>(event_guest | (what.kind == access_kind::fetch ? event_no_execute : 0) |
                                                       (what.user ? event_user : 0));
    auto const how  = (what.kind == access_kind::write ? event_write : 0) | (translates ? event_translate : 0);
    auto const code = why == denial::unreadable ? event_code::page_table_hardware_error : event_code::io_page_fault;
    return {code, static_cast<u16>(flags | who | how), what.above ? what.above->input : at, pasid, domain, why, level};
  }

  /// Of an address that does not translate. UNCERTAIN: PR where the address is too wide, or has bits of skipped levels set;
  /// taken for clear. RZ tells reserved bits from an illegal level.
  template <handle H>
  constexpr auto logs(H h, fault const &f, input_address at, access_request const &what) const noexcept -> event {
    switch (f.why) {
      case fault_reason::outside_input: return logs(denial::beyond_width, 0, at, what, f.level);
      case fault_reason::unreadable:    return logs(denial::unreadable, 0, at, what, f.level);
      case fault_reason::absent:        return logs(denial::not_present, 0, at, what, f.level);
      default:                          break;
    }
    bool const known = is_table(h, unsigned{f.level}, f.entry) || with_form(h, unsigned{f.level}, f.entry, [](auto) {});
    return known ? logs(denial::reserved_bits, event_present | event_reserved, at, what, f.level)
                 : logs(denial::illegal_level, event_present, at, what, f.level);
  }
};

/// Host tables: alone, or below guest tables. Devices' requests to execute count as reads.
struct v1_mmu {
  using fault_type = event;

  rights    allow = rights::all;  // IR and IW of the device table entry
  requester who{};

  /// A walk of the guest tables reads, or writes to mark: UNCERTAIN whether it asks for more, as the processor's does.
  static constexpr auto counts_as(access_request const &what) noexcept -> access_kind { return done_by(what); }

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept -> std::expected<input_address, event> {
    return at;
  }
  template <handle H>
  constexpr auto fault_of(H h, fault const &f, passage const &, input_address at, access_request const &what) const noexcept -> event {
    return who.logs(h, f, at, what);
  }
  template <handle H>
  constexpr auto refuse(H, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<event> {
    auto const needed = counts_as(what) == access_kind::write ? rights::writers : rights::readers;
    if (includes(t.effective & allow, needed)) return std::nullopt;
    return who.logs(denial::no_permission, event_present | event_permission, at, what, t.level);
  }

  /// Where the device table entry has hardware do so (HAD), as the format says.
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    return pagewright::marked(h, s, counts_as(what));
  }

  /// FC makes the guest's type write-back: UNCERTAIN.
  constexpr auto combined(translation const &upper, translation const &lower) const noexcept -> together {
    return {upper.effective & lower.effective & allow, lower.type == memory_type::pma ? upper.type : lower.type};
  }
};

/// Guest tables: the processor's rules, with accessed and dirty marks. UNCERTAIN: that privileged requests heed R/W.
struct v2_mmu {
  using fault_type = event;

  requester who{.pasid = 0};

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept -> std::expected<input_address, event> {
    return at;
  }
  template <handle H>
  constexpr auto fault_of(H h, fault const &f, passage const &, input_address at, access_request const &what) const noexcept -> event {
    return who.logs(h, f, at, what);
  }
  template <handle H>
  constexpr auto refuse(H, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<event> {
    auto const refused = [&](denial why) { return who.logs(why, event_present | event_permission, at, what, t.level); };
    auto const needed = what.kind == access_kind::write   ? rights::kernel_write
                        : what.kind == access_kind::fetch ? rights::kernel_execute
                                                          : rights::kernel_read;
    if (what.user && !includes(t.effective, rights::user_read)) return refused(denial::supervisor_page);
    if (!includes(t.effective, needed)) return refused(denial::no_permission);
    return std::nullopt;
  }
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    return pagewright::marked(h, s, what.kind);
  }
};

}  // namespace pagewright::amdvi
