// SPDX-License-Identifier: MIT
// States of the registers of EL1&0's stage 1: any of the control bits, and how the library understands them.
#pragma once

#include <pagewright/mmu/arm64.hpp>

#include "aarch64_tables.hpp"

namespace machine::aarch64 {

struct stage1_state {
  setting                 registers;
  pagewright::arm64::half space;
  pagewright::root        top;
  pagewright::format      how, qemu, qemu_fetch;  // the manual's, and with QEMU's deviations
  pagewright::arm64::mmu  rules;

  auto operator[](reg r) const -> u64 { return registers.registers[r]; }
};

/// Where QEMU is known to deviate in what it makes of an entry, in either stage:
/// - before 8.2 it takes blocks at every level but the last (D8.3.1: which levels hold them depends on the granule);
/// - with DS bits 9:8 of a descriptor are address bits whatever IPS or PS says (D8.3.1), and too wide if they are set. QEMU
///   looks at them for 52 bits only.
inline auto as_in_qemu(pagewright::format f, bool lpa2) -> pagewright::format {
  if (lpa2 && f.output_bits <= 48) {
    f.table_address[1] = {};
    for (auto &leaf : f.forms) leaf.address[1] = {};
  }
  if (release_of_qemu() < 802)
    for (unsigned n = 1; n < f.depth; ++n)
      if (f.levels[n].leaves[0] == pagewright::no_form) f.levels[n].leaves[0] = 2;
  return f;
}

/// What IPS and PS encode.
inline constexpr unsigned address_sizes[]{32, 36, 40, 42, 44, 48, 52};
constexpr auto size_encoding(unsigned bits) -> u64 {
  u64 n = 0;
  while (address_sizes[n] < bits) ++n;
  return n;
}

/// `least_ips`: an encoding whose addresses the state needs.
inline auto some_state(layout const &l, u64 root_at, choices &c, u64 least_ips = 0) -> stage1_state {
  using namespace pagewright::arm64;
  auto const &has   = features::of_this_machine();
  half const  space = c.flag() ? half::upper : half::lower;
  bool const  up    = space == half::upper;
  auto const  in    = [up](unsigned lower, unsigned upper) { return bit(up ? upper : lower); };
  u64 const   tg0   = l.page == granule::k4 ? 0 : l.page == granule::k64 ? 1 : 2;
  u64 const   tg1   = l.page == granule::k4 ? 2 : l.page == granule::k64 ? 3 : 1;
  u64 const   size  = 64 - l.input_bits, stub_size = 16;
  // 52 bits of output with 64K are FEAT_LPA; without DS the other granules make 48 of them.
  u64 const   ips   = l.lpa() ? 6 : least_ips + c.below((l.page == granule::k64 ? 6 : 7) - least_ips);

  u64 tcr = up ? stub_size | size << 16 | tg1 << 30 : size | stub_size << 16 | tg0 << 14 | u64{2} << 30;
  tcr |= 5u << 8 | 3u << 12 | u64{5} << 24 | u64{3} << 28 | ips << 32;
  if (l.lpa2()) tcr |= bit(59);
  if (has.hafdbs >= 1 && !c.one_in(3)) tcr |= bit(39);
  if (has.hafdbs >= 2 && !c.one_in(3)) tcr |= bit(40);
  if (c.one_in(3)) tcr |= in(41, 42);             // HPD
  if (c.one_in(3)) tcr |= in(37, 38);             // TBI
  if (has.e0pd && c.one_in(8)) tcr |= in(55, 56);
  if (c.one_in(32)) tcr |= in(7, 23);             // EPD
  u64 sctlr = 0x30d0'0800 | 1u << 12 | 1u << 2 | 1;
  if (c.flag()) sctlr |= bit(19);                 // WXN
  if (has.pan3 && c.flag()) sctlr |= bit(57);     // EPAN
  u64 pstate_bits = 0;
  if (c.flag()) pstate_bits |= bit(22);           // PAN
  if (has.uao && c.flag()) pstate_bits |= bit(23);

  auto const options = regime_of(tcr & ~in(7, 23), space);
  if (!options) throw std::logic_error{std::string{"no such mode: "} + text(options.error())};
  // What hardware manages the dirty state of counts as writable (D8.4.6), so WXN withholds execution of it, and EL1 does not
  // execute it where EL0 may write. QEMU looks at AP[2] alone unless the access is a write.
  auto fetched = *options;
  fetched.hardware_dirty = false;
  u64 const ttbr = l.wide && options->output_bits == 52 ? root_at | root_at >> 46 : root_at;
  stage1_state s{.registers = {}, .space = space, .top = {root_table(*options, ttbr)}, .how = stage1(*options),
                 .qemu = as_in_qemu(stage1(*options), l.lpa2()), .qemu_fetch = as_in_qemu(stage1(fetched), l.lpa2()),
                 .rules = mmu_of(tcr, sctlr, space, (pstate_bits & bit(22)) != 0, (pstate_bits & bit(23)) != 0)};
  auto &r = s.registers.registers;
  r[ttbr0_el1] = up ? stub_tables_at : ttbr, r[ttbr1_el1] = up ? ttbr : stub_tables_at;
  r[tcr_el1] = tcr, r[mair_el1] = default_mair, r[sctlr_el1] = sctlr, r[pstate] = pstate_bits;
  r[stub] = stub_in(up ? half::lower : half::upper), r[hcr_el2] = bit(31);
  return s;
}

/// A way through the tables of `s`, and below a leaf to where it was made to lead. `entry_at(slot)` reads where the
/// tables are, `frame_of(address)` says where that is, 0 if nowhere.
template <class EntryAt, class FrameOf>
auto some_address(layout const &l, stage1_state const &s, tables const &t, probe_kind kind, u64 root_at, choices &c, EntryAt entry_at,
                  FrameOf frame_of) -> u64 {
  u64 va = 0, table = root_at;
  for (unsigned level = l.depth(); level-- > 0;) {
    u64 const index = c.below(u64{1} << l.index_bits(level)), slot = table + index * 8;
    va |= index << l.shift(level);
    u64 const entry = entry_at(slot);
    table = level > 0 && (entry & 3) == 3 ? frame_of(entry & pagewright::ones(unsigned(l.page), 48 - unsigned(l.page))) : 0;
    if (table != 0) continue;
    u64 const low = (t.target_of(slot).value_or(c.any()) & ~u64{4095}) | (kind == probe_kind::fetch ? 0 : 8 * (1 + c.below(511)));
    va |= low & pagewright::below(l.shift(level));
    break;
  }
  if (s.space == pagewright::arm64::half::upper) va |= ~pagewright::below(l.input_bits);
  if (s.how.tag_bits != 0) va ^= c.any() & u64{0xff} << 56;
  if (c.one_in(32)) {
    u64 const stray = l.input_bits + c.below(64 - l.input_bits);
    if (stray != 55) va ^= bit(static_cast<unsigned>(stray));  // bit 55 says which half it is
  }
  return va;
}

}  // namespace machine::aarch64
