// SPDX-License-Identifier: MIT
// What an Intel IOMMU (VT-d) allows a device, and the fault it records if it does not: first stage, second stage, and the
// two nested.
// Intel Virtualization Technology for Directed I/O 338868: 3.6 (first stage), 3.7 (second stage), 7.1 (fault conditions),
// 10.4.15 (fault recording registers). What is said of faults is from the texts of Linux and the walk of QEMU where the
// section is not cited; UNCERTAIN marks what rests on less.
#pragma once

#include "../formats/vtd.hpp"
#include "../nested.hpp"

namespace pagewright::vtd {

/// The fault reason that is recorded (7.1). Those that come before there are tables, of root, context and PASID entries, are
/// not here.
enum class reason : u8 {
  // legacy mode
  beyond_width           = 0x04,
  no_write               = 0x05,
  no_read                = 0x06,
  entry_unreadable       = 0x07,
  reserved_bits          = 0x0c,
  interrupt_range        = 0x0e,  // [QEMU]
  // scalable mode, before any table
  execute_disabled       = 0x5c,  // ERE
  supervisor_disabled    = 0x5d,  // SRE
  // first stage
  first_entry_unreadable = 0x70,
  first_not_present      = 0x71,
  first_reserved_bits    = 0x72,
  first_root_unreadable  = 0x73,
  // first stage, whose tables the second does not let it have
  first_table_beyond     = 0x74,
  first_root_unmapped    = 0x75,
  first_table_unmapped   = 0x76,
  first_table_read_only  = 0x77,
  // second stage
  second_entry_unreadable = 0x78,
  second_no_permission    = 0x79,
  second_reserved_bits    = 0x7a,
  // either
  not_canonical          = 0x80,
  supervisor_page        = 0x81,
  no_execute             = 0x82,
  second_beyond_width    = 0x84,
  first_no_write         = 0x85,
  scalable_interrupt_range = 0x87,
};

constexpr auto text(reason why) noexcept -> char const * {
  using enum reason;
  switch (why) {
    case beyond_width:
    case second_beyond_width:      return "the address is wider than the second stage translates";
    case no_write:                 return "the page may not be written";
    case no_read:                  return "the page may not be read";
    case entry_unreadable:
    case second_entry_unreadable:  return "a second-stage entry cannot be read";
    case reserved_bits:
    case second_reserved_bits:     return "a second-stage entry has a reserved bit set";
    case interrupt_range:
    case scalable_interrupt_range: return "the page lies in the interrupt range";
    case execute_disabled:         return "requests to execute are disabled";
    case supervisor_disabled:      return "privileged requests are disabled";
    case first_entry_unreadable:   return "a first-stage entry cannot be read";
    case first_not_present:        return "a first-stage entry is not present";
    case first_reserved_bits:      return "a first-stage entry has a reserved bit set";
    case first_root_unreadable:    return "the first stage's root cannot be read";
    case first_table_beyond:       return "a first-stage table lies where the second stage does not reach";
    case first_root_unmapped:      return "the second stage does not let the first stage's root be read";
    case first_table_unmapped:     return "the second stage does not let a first-stage table be read";
    case first_table_read_only:    return "the second stage does not let a first-stage entry be marked";
    case second_no_permission:     return "the second stage does not allow that";
    case not_canonical:            return "the address is not canonical";
    case supervisor_page:          return "a user request may not use a supervisor page";
    case no_execute:               return "the page may not be executed (XD)";
    case first_no_write:           return "the first stage does not let the page be written";
  }
  return "?";
}

/// What the unit records of a request it blocks. Of requests with a PASID it tells if they were privileged and to execute.
struct dma_fault {
  reason             why{};
  input_address      address{};  // as the device gave it
  access_kind        kind = access_kind::read;
  bool               privileged = false;
  std::optional<u32> pasid{};
  u8                 level = 0;

  /// The page address, bits 63:12 of the recording register's lower half.
  constexpr auto page() const noexcept -> input_address { return {address.value & ~ones(0, 12)}; }

  /// The fault recording register (10.4.15), for the device `source`. The type of a write is 0, of any other request T1.
  struct record {
    u64 low, high;
    friend constexpr auto operator==(record const &, record const &) -> bool = default;
  };
  constexpr auto recorded(u16 source) const noexcept -> record {
    u64 const of_pasid = !pasid ? 0 : bit(31) | u64{*pasid & 0xf'ffff} << 40 | (kind == access_kind::fetch ? bit(30) : 0) |
                                          (privileged ? bit(29) : 0);
    return {page().value, bit(63) | (kind != access_kind::write ? bit(62) : 0) | u64{static_cast<u8>(why)} << 32 | of_pasid | source};
  }

  friend constexpr auto operator==(dma_fault const &, dma_fault const &) -> bool = default;
};

/// Does a page lie where writes are interrupts? DMA must not be led there.
constexpr auto in_interrupt_range(output_address page) noexcept -> bool { return page.value >> 20 == 0xfee; }

/// The second stage, alone or below the first: what decides beside the tables. A request to execute counts as a read, for
/// what X means is UNCERTAIN. `user` of a request says nothing here.
struct second_stage_mmu {
  using fault_type = dma_fault;

  bool                          scalable = false;  // RTADDR_REG.TTM = 1: which fault reasons there are
  std::optional<output_address> first_root{};      // of the first stage, where there is one above
  std::optional<u32>            pasid{};

  /// A walk of the first stage reads, or writes to mark.
  static constexpr auto counts_as(access_request const &what) noexcept -> access_kind { return done_by(what); }

  template <handle H>
  static constexpr auto input(H, input_address at, access_request const &) noexcept -> std::expected<input_address, dma_fault> {
    return at;
  }

  template <handle H>
  static constexpr auto reads_way(H, access_request const &) noexcept -> bool { return true; }

  /// Entry by entry the right is asked for before the reserved bits are looked at, as QEMU does: UNCERTAIN. An entry without
  /// R and W is not present, and refuses like one that lacks the right.
  template <handle H>
  constexpr auto fault_of(H, fault const &f, passage const &way, input_address at, access_request const &what) const noexcept
      -> dma_fault {
    using enum reason;
    auto const wanted = needed(what);
    for (step const &s : way)
      if (!includes(s.allowed, wanted)) return denied(at, what, s.level);
    switch (f.why) {
      case fault_reason::outside_input:
        return told(!scalable ? beyond_width : is_of_table(what) ? first_table_beyond : second_beyond_width, at, what, f.level);
      case fault_reason::unreadable: return told(scalable ? second_entry_unreadable : entry_unreadable, at, what, f.level);
      default:                       return told(scalable ? second_reserved_bits : reserved_bits, at, what, f.level);
    }
  }

  template <handle H>
  constexpr auto refuse(H, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<dma_fault> {
    using enum reason;
    if (!includes(t.effective, needed(what))) return denied(at, what, t.level);
    if (!is_of_table(what) && in_interrupt_range(t.address))
      return told(scalable ? scalable_interrupt_range : interrupt_range, at, what, t.level);
    return std::nullopt;
  }

  /// With SSADE alone, as the format says.
  template <handle H>
  static constexpr auto marked(H h, step const &s, access_request const &what) noexcept -> u64 {
    return pagewright::marked(h, s, counts_as(what));
  }

  /// Forced snooping makes the first stage's type write-back: UNCERTAIN.
  static constexpr auto combined(translation const &upper, translation const &lower) noexcept -> together {
    return {upper.effective & lower.effective, lower.type == memory_type::pma ? upper.type : lower.type};
  }

 private:
  static constexpr auto needed(access_request const &what) noexcept -> rights {
    return counts_as(what) == access_kind::write ? rights::writers : rights::readers;
  }
  constexpr auto denied(input_address at, access_request const &what, u8 level) const noexcept -> dma_fault {
    using enum reason;
    bool const write = counts_as(what) == access_kind::write;
    // Where a root is not mapped its entry is the first to be asked for, even if the same page is a lower table too.
    bool const is_root = first_root && (at.value ^ first_root->value) >> 12 == 0;
    auto const why = !scalable          ? (write ? no_write : no_read)
                     : !is_of_table(what) ? second_no_permission
                     : write              ? first_table_read_only
                     : is_root            ? first_root_unmapped
                                          : first_table_unmapped;
    return told(why, at, what, level);
  }
  constexpr auto told(reason why, input_address at, access_request const &what, u8 level) const noexcept -> dma_fault {
    return {why, what.above ? what.above->input : at, what.kind, !what.user, pasid, level};
  }
};

/// The first stage: what the PASID-table entry switches on.
struct first_stage_mmu {
  using fault_type = dma_fault;

  bool write_protect       = true;   // WPE: privileged requests heed R/W
  bool supervisor_requests = true;   // SRE
  bool execute_requests    = true;   // ERE
  bool extended_accessed   = false;  // EAFE: EA is set beside A
  bool nested              = false;  // the second stage translates what this one yields
  std::optional<u32> pasid{};

  template <handle H>
  constexpr auto input(H, input_address at, access_request const &what) const noexcept -> std::expected<input_address, dma_fault> {
    using enum reason;
    if (what.kind == access_kind::fetch && !execute_requests) return std::unexpected{told(execute_disabled, at, what, 0)};
    if (!what.user && !supervisor_requests) return std::unexpected{told(supervisor_disabled, at, what, 0)};
    return at;
  }

  template <handle H>
  constexpr auto fault_of(H h, fault const &f, passage const &, input_address at, access_request const &what) const noexcept -> dma_fault {
    using enum reason;
    switch (f.why) {
      case fault_reason::outside_input: return told(not_canonical, at, what, f.level);
      case fault_reason::absent:        return told(first_not_present, at, what, f.level);
      case fault_reason::unreadable:
        return told(f.level == h.top() ? first_root_unreadable : first_entry_unreadable, at, what, f.level);
      default: return told(first_reserved_bits, at, what, f.level);
    }
  }

  /// The processor's rules. UNCERTAIN: which of two missing rights is recorded, and what SMEP there is; none is taken.
  template <handle H>
  constexpr auto refuse(H, translation const &t, passage const &, input_address at, access_request const &what) const noexcept
      -> std::optional<dma_fault> {
    using enum reason;
    auto const has = [&](rights one) { return includes(t.effective, one); };
    if (what.user && !has(rights::user_read)) return told(supervisor_page, at, what, t.level);
    if (what.kind == access_kind::write && !has(rights::kernel_write) && (what.user || write_protect))
      return told(first_no_write, at, what, t.level);
    if (what.kind == access_kind::fetch && !has(rights::kernel_execute)) return told(no_execute, at, what, t.level);
    if (!nested && in_interrupt_range(t.address)) return told(scalable_interrupt_range, at, what, t.level);
    return std::nullopt;
  }

  template <handle H>
  constexpr auto marked(H h, step const &s, access_request const &what) const noexcept -> u64 {
    return pagewright::marked(h, s, what.kind) | (extended_accessed ? ea : 0);
  }

 private:
  static constexpr u64 ea = bit(10);

  constexpr auto told(reason why, input_address at, access_request const &what, u8 level) const noexcept -> dma_fault {
    return {why, at, what.kind, !what.user, pasid, level};
  }
};

/// What a scalable-mode PASID-table entry switches on. ERE's place is not known here; it is taken to be on.
constexpr auto first_stage_mmu_of(u64 const (&entry)[8], u32 pasid) noexcept -> first_stage_mmu {
  return {.write_protect       = (entry[2] & bit(4)) != 0,
          .supervisor_requests = (entry[2] & bit(0)) != 0,
          .extended_accessed   = (entry[2] & bit(7)) != 0,
          .nested              = (entry[0] >> 6 & 7) == 3,
          .pasid               = pasid};
}

}  // namespace pagewright::vtd
