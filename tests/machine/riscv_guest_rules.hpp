// SPDX-License-Identifier: MIT
// How QEMU 7.2 translates in two stages where that is not what the specification says (target/riscv/cpu_helper.c:
// get_physical_address, riscv_cpu_tlb_fill, raise_mmu_exception), as rules for `access` to follow instead.
#pragma once

#include "riscv_machine.hpp"

namespace trial {

/// How a guest's access is made.
enum class manner { within, mprv, hlv };

struct emulated_guest_mmu {
  using fault_type = pagewright::riscv::guest_exception;
  using H          = pagewright::dynamic;

  pagewright::riscv::guest_mmu specified;  // with the MXR that QEMU looks at: the guest's
  manner                       made = manner::within;

  static constexpr auto counts_as(pagewright::access_request const &what) { return pagewright::done_by(what); }

  /// It wants the bits above an address to be copies of its uppermost bit, as in the first stage, not zeroes: so half of all
  /// addresses are lost. On 32-bit harts it looks at 32 of 34 bits.
  auto input(H h, pagewright::input_address at, pagewright::access_request const &what) const
      -> std::expected<pagewright::input_address, fault_type> {
    if (h->entry_bytes == 4) return pagewright::input_address{at.value & 0xffff'ffff};
    auto const &top = h->levels[h.top()];
    if (at.value >> (top.shift + top.index_bits - 1) == 0) return at;
    return std::unexpected{fault_of(h, {pagewright::fault_reason::outside_input, 0, at, {}, 0}, pagewright::passage{}, at, what)};
  }
  /// A fault on the way to a table is one of a load, whatever the access is and did to the table. Where there is no memory
  /// for a table of this stage's own it is a guest-page fault, too. By MPRV it is told as if it were the first stage's.
  auto fault_of(H h, pagewright::fault const &f, pagewright::passage const &way, pagewright::input_address at, pagewright::access_request what) const
      -> fault_type {
    bool const table = is_of_table(what);
    if (table) what.kind = pagewright::access_kind::read, what.above->wants = pagewright::purpose::table_load;
    auto why = f;
    if (why.why == pagewright::fault_reason::unreadable) why.why = pagewright::fault_reason::absent;
    auto e = specified.fault_of(h, why, way, at, what);
    if (made == manner::mprv) e.cause = e.cause == 21 ? 13 : e.cause == 23 ? 15 : e.cause;
    return e;
  }
  /// MXR lets it also load tables from pages that may be executed only; marks are set without asking this stage.
  auto refuse(H h, pagewright::translation const &t, pagewright::passage const &way, pagewright::input_address at,
              pagewright::access_request const &what) const -> std::optional<fault_type> {
    if (what.above && what.above->wants == pagewright::purpose::table_mark) return std::nullopt;
    pagewright::riscv::mmu const rules{.execute_as_read = specified.execute_as_read};
    if (!rules.refuse(h, t, way, at, {.kind = pagewright::done_by(what), .user = true})) return std::nullopt;
    return fault_of(h, {pagewright::fault_reason::absent, t.level, at, t.slot, t.entry}, way, at, what);
  }
  /// Nor do they make a page of this stage dirty.
  auto marked(H h, pagewright::step const &s, pagewright::access_request const &what) const -> u64 {
    if (what.above && what.above->wants == pagewright::purpose::table_mark) return s.entry;
    return specified.marked(h, s, what);
  }
  static constexpr auto combined(pagewright::translation const &upper, pagewright::translation const &lower) {
    return pagewright::riscv::guest_mmu::combined(upper, lower);
  }
};

/// What QEMU marks when an access is refused: it goes on until it finds the fault. It marks the lower stage's leaf for each
/// table entry that it reads; then, if the upper stage allows the access, that stage's leaf; at last the lower stage's, if it
/// is not that which refuses. `blind`: the same stages, for which no N is reserved: it looks at N when the mark is set.
template <class Upper, class Lower, class M>
void mark_up_to_the_fault(pagewright::nested<Upper, Lower> const &n, pagewright::nested<Upper, Lower> const &blind,
                          pagewright::input_address at, pagewright::access_request const &what, M &memory) {
  using namespace pagewright;
  struct {
    pagewright::nested<Upper, Lower> const &n, &blind;
    access_request asks;
    M             &memory;

    auto load(output_address slot, word w) -> std::optional<u64> {
      auto const there = access(n.below, {slot.value}, asks, memory);
      (void)access_and_mark(blind.below, {slot.value}, asks, memory);
      return there ? memory.load(there->address, w) : std::nullopt;
    }
  } tables{n, blind, what, memory};
  tables.asks.above = stage_above{.wants = purpose::table_load, .input = at};
  passage way;
  if (!access(blind.above, at, what, tables, way)) return;
  auto const found = access(n.above, at, what, tables);
  u64 const marked = n.above.mmu.marked(blind.above.format, way.last(), what);
  memory.store(access(n.below, {way.last().slot.value}, tables.asks, memory)->address, n.above.format->word(), marked);
  if (!found) return;
  auto data  = what;
  data.above = stage_above{.input = at};
  (void)access_and_mark(blind.below, {found->address.value}, data, memory);
}

}  // namespace trial
