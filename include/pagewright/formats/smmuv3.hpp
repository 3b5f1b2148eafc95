// SPDX-License-Identifier: MIT
// The Arm SMMUv3 translates by the processor's tables: what its stream table entries and context descriptors select.
// Arm SMMU Architecture Specification IHI 0070, chapter 5. Field positions are Linux's; those marked "mem" are from
// memory of the specification and UNCERTAIN.
#pragma once

#include "arm64_stage2.hpp"

namespace pagewright::smmuv3 {

/// A stream table entry and a context descriptor: eight little-endian words each.
struct stream_entry {
  u64 word[8];
};
struct context_descriptor {
  u64 word[8];
};

/// Why a stage has no tables that can be described here.
enum class no_tables : u8 {
  not_valid, aborted, bypassed, not_selected, reserved_config, walks_disabled, not_aarch64, granule_reserved,
  size_out_of_range, start_level, reserved_world,
};

constexpr auto text(no_tables why) noexcept -> char const * {
  switch (why) {
    case no_tables::not_valid:         return "V is clear";
    case no_tables::aborted:           return "the stream is aborted";
    case no_tables::bypassed:          return "the stream bypasses translation";
    case no_tables::not_selected:      return "this stage is not selected";
    case no_tables::reserved_config:   return "STE.Config is reserved";
    case no_tables::walks_disabled:    return "EPD disables walks of this half";
    case no_tables::not_aarch64:       return "AA64 is clear: tables are VMSAv8-32 LPAE";
    case no_tables::granule_reserved:  return "TG holds a reserved granule";
    case no_tables::size_out_of_range: return "TxSZ is out of range for the granule";
    case no_tables::start_level:       return "S2SL0 is inconsistent with S2T0SZ";
    case no_tables::reserved_world:    return "STE.STRW is reserved";
  }
  return "?";
}

/// Which stages a stream goes through.
struct stages {
  bool first, second;
};
/// STE.Config: 0 abort, 4 bypass, 5 stage 1, 6 stage 2, 7 both. UNCERTAIN: 1 to 3, taken for reserved.
constexpr auto stages_of(stream_entry const &ste) noexcept -> std::expected<stages, no_tables> {
  if ((ste.word[0] & 1) == 0) return std::unexpected{no_tables::not_valid};
  switch (ste.word[0] >> 1 & 7) {
    case 0:  return std::unexpected{no_tables::aborted};
    case 4:  return std::unexpected{no_tables::bypassed};
    case 5:  return stages{true, false};
    case 6:  return stages{false, true};
    case 7:  return stages{true, true};
    default: return std::unexpected{no_tables::reserved_config};
  }
}

/// Where the context descriptors of a stream are: one table of 2^entries_lg2, or two levels of them.
struct context_table {
  output_address table;
  unsigned       entries_lg2;
  // bytes of a second-level table as a power of two, 0: one level. UNCERTAIN (mem): 12 for format 1
  unsigned       leaf_lg2;
};
constexpr auto contexts_of(stream_entry const &ste) noexcept -> std::optional<context_table> {
  u64 const form = ste.word[0] >> 4 & 3;
  if (form == 3) return std::nullopt;
  return context_table{{ste.word[0] & ones(6, 46)}, static_cast<unsigned>(ste.word[0] >> 59),
                       form == 0 ? 0u : form == 1 ? 12u : 16u};
}

/// A stage's tables. `order` is not among Arm's options for processors' tables: the format gets it in the end.
struct first_stage {
  arm64::stage1_options options;
  byte_order            order;
  output_address        table;
  u16                   asid;
};
struct second_stage {
  arm64::stage2_options options;
  byte_order            order;
  output_address        table;
  u16                   vmid;
};

constexpr auto format_of(first_stage const &s) noexcept -> format {
  auto f  = arm64::stage1(s.options);
  f.name  = "smmuv3-stage1";
  f.spec  = "Arm SMMU IHI 0070 section 5.4; Arm ARM DDI 0487 D8.2 to D8.4";
  f.order = s.order;
  return f;
}
constexpr auto format_of(second_stage const &s) noexcept -> format {
  auto f  = arm64::stage2(s.options);
  f.name  = "smmuv3-stage2";
  f.spec  = "Arm SMMU IHI 0070 section 5.2; Arm ARM DDI 0487 D8.2.2, D8.3.2, D8.4.2";
  f.order = s.order;
  return f;
}

namespace fields {

constexpr auto output_bits(u64 code) noexcept -> unsigned {
  constexpr u8 sizes[8]{32, 36, 40, 42, 44, 48, 52, 52};
  return sizes[code & 7];
}
constexpr auto is_possible(arm64::granule page, unsigned input, bool wide) noexcept -> bool {
  bool const large = page == arm64::granule::k64;
  return input >= (large ? 17u : 16u) && input <= (wide || large ? 52u : 48u);
}

}  // namespace fields

/// Stage 1 as a context descriptor selects it for a half of the space; `ste` says whose tables they are. `bbm`:
/// IDR3.BBML. With HA clear an access flag of 0 faults; UNCERTAIN (mem): AFFD, bit 35, which would suppress that, is
/// not looked at, nor are HAD0 and HAD1. The upper half's fields lie as TCR_EL1's do at 29:16 (mem), TBI1 at bit 39
/// (mem), the memory types in word 3 (mem). 52-bit addresses are told for 64-Kbyte granules alone.
constexpr auto first_stage_of(stream_entry const &ste, context_descriptor const &cd,
                              arm64::half space = arm64::half::lower, unsigned bbm = 0) noexcept
    -> std::expected<first_stage, no_tables> {
  auto const used = stages_of(ste);
  if (!used) return std::unexpected{used.error()};
  if (!used->first) return std::unexpected{no_tables::not_selected};
  u64 const  w     = cd.word[0];
  bool const lower = space == arm64::half::lower;
  auto const flag  = [w](unsigned n) { return (w >> n & 1) != 0; };
  if (!flag(31)) return std::unexpected{no_tables::not_valid};
  if (!flag(41)) return std::unexpected{no_tables::not_aarch64};
  if (flag(lower ? 14 : 30)) return std::unexpected{no_tables::walks_disabled};

  // STRW 0 is EL1&0, 2 is EL2 or, with E2H, EL2&0, which no field of the STE tells apart.
  u64 const world = ste.word[1] >> 30 & 3;
  if (world != 0 && world != 2) return std::unexpected{no_tables::reserved_world};
  if (world == 2 && !lower) return std::unexpected{no_tables::walks_disabled};

  // TG0 and TG1 are encoded differently, as in TCR_EL1.
  u64 const tg = w >> (lower ? 6 : 22) & 3;
  if (tg == (lower ? 3u : 0u)) return std::unexpected{no_tables::granule_reserved};
  using arm64::granule;
  auto const page = lower ? tg == 0 ? granule::k4 : tg == 1 ? granule::k64 : granule::k16
                          : tg == 1 ? granule::k16 : tg == 2 ? granule::k4 : granule::k64;
  unsigned const output = fields::output_bits(w >> 32);
  unsigned const input  = 64 - static_cast<unsigned>(w >> (lower ? 0 : 16) & 0x3f);
  bool const     wide   = page == granule::k64 && output > 48;
  if (!fields::is_possible(page, input, wide)) return std::unexpected{no_tables::size_out_of_range};

  first_stage found{
    .options = {.page = page, .input_bits = input, .space = space, .output_bits = wide || output < 48 ? output : 48,
                .wide = wide, .top_byte_ignored = flag(lower ? 38 : 39), .hardware_accessed = flag(43),
                .hardware_dirty = flag(43) && flag(42), .bbm = bbm,
                .of = world == 2 ? arm64::regime::el2 : arm64::regime::el1_0, .types = arm64::mair(cd.word[3])},
    .order = flag(15) ? byte_order::big : byte_order::little, .table = {}, .asid = static_cast<u16>(w >> 48)};
  // The root is aligned to its size; TTB holds address bits 51:4.
  auto const f = arm64::stage1(found.options);
  unsigned const lg2 = table_lg2(dynamic{&f}, f.depth - 1u);
  found.table  = {cd.word[lower ? 1 : 2] & ones(4, 48) & ~below(lg2)};
  return found;
}

/// Stage 2 as a stream table entry selects it. `bbm`: IDR3.BBML; `force_write_back`: STE.S2FWB. With S2AFFD (mem) a
/// clear access flag does not fault, as if hardware set it. S2HD and S2HA: mem.
constexpr auto second_stage_of(stream_entry const &ste, unsigned bbm = 0, bool force_write_back = false) noexcept
    -> std::expected<second_stage, no_tables> {
  auto const used = stages_of(ste);
  if (!used) return std::unexpected{used.error()};
  if (!used->second) return std::unexpected{no_tables::not_selected};
  u64 const  w    = ste.word[2], vtcr = w >> 32 & ones(0, 19);
  auto const flag = [w](unsigned n) { return (w >> n & 1) != 0; };
  if (!flag(51)) return std::unexpected{no_tables::not_aarch64};

  using arm64::granule;
  u64 const tg = vtcr >> 14 & 3, start = vtcr >> 6 & 3;
  if (tg == 3) return std::unexpected{no_tables::granule_reserved};
  auto const     page   = tg == 0 ? granule::k4 : tg == 1 ? granule::k64 : granule::k16;
  unsigned const output = fields::output_bits(vtcr >> 16), input = 64 - static_cast<unsigned>(vtcr & 0x3f);
  bool const     wide   = page == granule::k64 && output > 48;
  if (!fields::is_possible(page, input, wide)) return std::unexpected{no_tables::size_out_of_range};

  // S2SL0 (DDI 0487 D8.2.5): 4K 2, 1, 0, 3; otherwise 3, 2, 1, 0. So many levels as there are from there to 3.
  constexpr u8   from_4k[]{2, 1, 0, 3}, from_others[]{3, 2, 1, 0};
  unsigned const levels = 4u - (page == granule::k4 ? from_4k[start] : from_others[start]);
  second_stage found{
    .options = {.page = page, .input_bits = input, .output_bits = wide || output < 48 ? output : 48, .wide = wide,
                .force_write_back = force_write_back, .hardware_accessed = flag(56) || flag(53),
                .hardware_dirty = flag(56) && flag(55), .bbm = bbm},
    .order = flag(52) ? byte_order::big : byte_order::little, .table = {}, .vmid = static_cast<u16>(w)};
  auto const options = arm64::with_levels(found.options, levels);
  if (!options) return std::unexpected{no_tables::start_level};
  found.options = *options;
  auto const f  = arm64::stage2(found.options);
  found.table = {ste.word[3] & ones(4, 48) & ~below(table_lg2(dynamic{&f}, f.depth - 1u))};
  return found;
}

}  // namespace pagewright::smmuv3
