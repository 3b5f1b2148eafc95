// SPDX-License-Identifier: MIT
// States of the registers of stage 2, tables for it that leave the stub where it is needed, and ways through them.
#pragma once

#include <pagewright/mmu/arm64_stage2.hpp>

#include "aarch64_stage1.hpp"

namespace machine::aarch64 {

/// The rules, or what QEMU makes of the types of both stages (D8.6.5, D8.6.6):
/// - with HCR_EL2.FWB, where both say Device the result is what stage 2 says, not the stricter one;
/// - without, where one says Device-GRE or -nGRE and the other Normal with inner Non-cacheable, it is Device-nGnRE.
struct stage2_rules : pagewright::arm64::stage2_mmu {
  bool in_qemu = false;

  constexpr auto combined(pagewright::translation const &upper, pagewright::translation const &lower) const -> pagewright::together {
    using enum pagewright::memory_type;
    constexpr auto is_device = [](pagewright::memory_type t) { return t >= device_ngnrne && t <= device_gre; };
    auto both = stage2_mmu::combined(upper, lower);
    if (!in_qemu) return both;
    bool const inner_nc = upper.type == nc || (!is_device(lower.type) && (lower.entry >> 2 & 3) == 1);
    if (force_write_back && is_device(lower.type)) both.type = lower.type;
    if (!force_write_back && (both.type == device_ngre || both.type == device_gre) && inner_nc) both.type = device_ngnre;
    return both;
  }
};

struct stage2_state {
  u64                vtcr, hcr;
  pagewright::format how, qemu;  // the manual's, and with QEMU's deviations
  stage2_rules       rules;
};

inline auto some_stage2_state(layout const &l, bool fwb, choices &c) -> stage2_state {
  using namespace pagewright::arm64;
  auto const &has = features::of_this_machine();
  int const start = l.start_level();
  // QEMU before 8.0 checks the input size and the start level against PS rather than PAMax (D8.2.7): it gets what holds for
  // both.
  unsigned const for_start = l.page == granule::k4 ? (start == 0 ? 44 : 0) : start > 1 ? 0 : l.page == granule::k16 ? 42 : 44;
  u64 const least = size_encoding(std::max(l.input_bits, for_start));
  u64 const ps = l.lpa() ? 6 : least + c.below((l.page == granule::k64 ? 6 : 7) - least);
  bool const ha = has.hafdbs >= 1 && !c.one_in(3), hd = has.hafdbs >= 2 && !c.one_in(3), ptw = c.one_in(4);

  u64 const tg0 = l.page == granule::k4 ? 0 : l.page == granule::k64 ? 1 : 2;
  u64 const sl0 = l.page != granule::k4 ? static_cast<u64>(3 - start) : start == 3 ? 3 : start < 0 ? 0 : static_cast<u64>(2 - start);
  u64 vtcr = (64 - l.input_bits) | sl0 << 6 | 5u << 8 | 3u << 12 | tg0 << 14 | ps << 16 | bit(31);
  if (ha) vtcr |= bit(21);
  if (hd) vtcr |= bit(22);
  if (l.lpa2()) vtcr |= bit(32);
  if (start < 0) vtcr |= bit(33);  // SL2
  u64 const hcr = bit(31) | bit(0) | (fwb ? bit(46) : 0) | (ptw ? bit(2) : 0);

  auto const how = stage2({.page = l.page, .input_bits = l.input_bits,
                           .output_bits = l.wide ? address_sizes[ps] : std::min(address_sizes[ps], 48u), .wide = l.wide,
                           .concatenated = l.concatenated, .separate_execute = has.xnx, .force_write_back = fwb,
                           .hardware_accessed = ha, .hardware_dirty = ha && hd});
  return {vtcr, hcr, how, as_in_qemu(how, l.lpa2()), {stage2_mmu_of(hcr)}};
}

/// Where the stub and its tables lie in what stage 2 translates: its last 64 KB.
inline auto stub_below(layout const &l) -> u64 { return (u64{1} << l.input_bits) - 0x10000; }

/// Makes the way from `root` to there lead to stub_at, through tables that have nothing else.
inline void map_stub_in_stage2(ram &memory, frames &from, layout const &l, u64 root) {
  u64 table = root, at = stub_below(l);
  for (unsigned level = l.depth(); --level > 0;) {
    u64 const next = from.take(u64{1} << unsigned(l.page));
    memory.at<u64>(table + (at >> l.shift(level) & pagewright::below(l.index_bits(level))) * 8)[0] = l.placed(next) | 3;
    table = next;
  }
  for (u64 n = 0; n < u64{0x10000} >> l.shift(0); ++n, at += u64{1} << l.shift(0))
    memory.at<u64>(table + (at >> l.shift(0) & pagewright::below(l.index_bits(0))) * 8)[0] =
        l.placed(stub_at + (n << l.shift(0))) | bit(10) | 3u << 6 | 0xfu << 2 | (l.lpa2() ? 0 : 3u << 8) | 3;
}

/// Where stage 2 leads, to targets and to the tables of a stage above, and by which of its input addresses.
class ways_down {
 public:
  /// `above`: tables of the stage above, in pages of `page` bytes.
  ways_down(std::span<u64 const> above, u64 page, choices &c) : page_{page}, choices_{c} {
    for (u64 n = 0; n < std::max<u64>(64, above.size()); ++n) aims_.push_back(targets_at + c.below(targets_bytes));
    for (u64 const table : above) aims_.push_back(start_of(table)), to_table_[start_of(table)];
  }

  /// Something for a leaf of stage 2 to lead to.
  auto aim() -> u64 { return one_of(aims_); }

  /// Some input address, with what leads to a target if there is anything.
  auto some(ram &memory, layout const &l, tables const &t, u64 root) -> u64 { return some_way(memory, l, t, root).input; }
  void find(ram &memory, layout const &l, tables const &t, u64 root) {
    for (unsigned n = 0; n < 16384; ++n) {
      auto const [input, leads_to] = some_way(memory, l, t, root);
      if (!leads_to || is_target(*leads_to)) to_targets_.push_back(input);
      else to_table_[start_of(*leads_to)].push_back(start_of(input)), table_at_[start_of(input)] = start_of(*leads_to);
    }
  }

  /// An input address that leads to a target.
  auto to_target() -> u64 { return one_of(to_targets_); }
  /// One that leads to this table; anywhere if none does.
  auto to(u64 table) -> u64 {
    auto const &known = to_table_[start_of(table)];
    return known.empty() ? start_of(to_target()) : one_of(known) | (table & (page_ - 1));
  }
  /// The table to which an input address leads; 0 if to none.
  auto table_at(u64 input) const -> u64 {
    auto const found = table_at_.find(input);
    return found == table_at_.end() ? 0 : found->second;
  }

 private:
  struct way {
    u64                input;
    std::optional<u64> leads_to;
  };

  auto start_of(u64 at) const -> u64 { return at & ~(page_ - 1); }
  auto one_of(std::vector<u64> const &v) -> u64 { return v[choices_.below(v.size())]; }

  auto some_way(ram &memory, layout const &l, tables const &t, u64 root) -> way {
    u64 input = 0, table = root;
    for (unsigned level = l.depth(); level-- > 0;) {
      u64 const index = choices_.below(u64{1} << l.index_bits(level)), slot = table + index * 8, entry = memory.at<u64>(slot)[0];
      u64 const within = pagewright::below(l.shift(level));
      input |= index << l.shift(level);
      table = entry & pagewright::ones(unsigned(l.page), 48 - unsigned(l.page));
      if (level > 0 && (entry & 3) == 3 && table - tables_at < tables_end - tables_at) continue;
      auto to = t.target_of(slot);
      for (unsigned n = 0; to && level > 0 && n < 8; ++n)  // a block may hold several
        if (u64 const other = aim(); ((other ^ *to) & ~within) == 0) to = other;
      return {input | (to.value_or(choices_.any()) & within), to};
    }
    return {input, std::nullopt};
  }

  u64                                       page_;
  choices                                  &choices_;
  std::vector<u64>                          aims_, to_targets_;
  std::unordered_map<u64, std::vector<u64>> to_table_;
  std::unordered_map<u64, u64>              table_at_;
};

}  // namespace machine::aarch64
