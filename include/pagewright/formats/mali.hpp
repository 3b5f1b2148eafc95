// SPDX-License-Identifier: MIT
// Arm Mali GPU tables: the LPAE mode of Midgard and Bifrost, and the AArch64 modes of later ones, which are the
// processor's stage 1. Bits as Linux (io-pgtable-arm.c, panfrost, panthor) and Arm's kbase driver use them.
#pragma once

#include <optional>

#include "arm64.hpp"

namespace pagewright::mali {

// --- LPAE mode ----------------------------------------------------------------------------------------------------

/// The memory types that AS_MEMATTR assigns to its eight indices. Two encodings are known: 88H, which the
/// implementation defines, and 8DH, write-back with allocation. UNCERTAIN: all others, which read as reserved.
constexpr auto memattr(u64 value) noexcept -> memory_types {
  memory_types types{};
  for (unsigned i = 0; i < 8; ++i) {
    u64 const one = value >> (8 * i) & 0xff;
    types[i] = one == 0x88 ? memory_type::pma : one == 0x8d ? memory_type::wb : memory_type::reserved;
  }
  return types;
}
inline constexpr u64 linux_memattr = 0x88'8d88;  // not cached by choice, cached, device

struct lpae_options {
  unsigned     output_bits = 40;
  memory_types types       = memattr(linux_memattr);
};

/// LPAE mode: 48 bits in, 40 out, four levels. A leaf is 01 at every level, unlike the processor's, whose pages are
/// 11; 11 is a table, 10 and 00 are nothing. Rights are told as in stage 2, without privilege and for leaves alone;
/// nothing is marked. Bit 10 is set by kbase and not by Linux, and is kept. Shareability counts from the GPU's point
/// of view: outer, which new leaves have, means beyond the GPU. UNCERTAIN: whether break-before-make is needed (taken
/// for not), whether absent entries may be cached (taken for not), and 11 in the last level (taken for reserved).
constexpr auto lpae(lpae_options const &o = {}) noexcept -> format {
  auto const    m    = static_cast<u8>(o.output_bits);
  constexpr u64 type = 3, xn = bit(54);
  format f{
    .name = "mali-lpae", .spec = "Arm Mali LPAE mode, as Linux and kbase drive it (no public manual)", .entry_bytes = 8,
    .depth = 4, .output_bits = m,
    .levels = {{"L3", 12, 9, never, 0, 0, {0}}, {"L2", 21, 9, {type, 3}, 3, 0, {0}},
               {"L1", 30, 9, {type, 3}, 3, 0, {0}}, {"L0", 39, 9, {type, 3}, 3, 0}},
    .forms  = {{.name = "leaf", .is = {type, 1}, .address = {{12, static_cast<u8>(m - 12), 12}},
                .grants = {granted_by(rights::readers, bit(6)), granted_by(rights::writers, bit(7)),
                           refused_by(rights::executes, xn)},
                .type = {{2, 3, 0}}, .base = 1 | u64{2} << 8}},
    .absent = none_set(1), .table_address = {{12, static_cast<u8>(m - 12), 12}},
    .carried = ones(8, 3) | bit(53)};
  for (unsigned n = 0; n < 8; ++n) f.types[n] = o.types[n];
  name_fields(f, {
    {"type", 0, 2}, {"ATTR", 2, 3, on_leaves}, {"unused", 5, 1, on_leaves}, {"RD", 6, 1, on_leaves},
    {"WR", 7, 1, on_leaves},
    {"SH", 8, 2, on_leaves}, {"AF", 10, 1, on_leaves}, {"unused", 11, 1, on_leaves}, {"unused", 2, 10, on_tables},
    {"address", 12, static_cast<u8>(m - 12)}, {"unused", m, static_cast<u8>(53 - m)},
    {"XN", 53, 2, on_leaves}, {"unused", 53, 2, on_tables}, {"unused", 55, 9}});
  return f;
}

inline constexpr format lpae_mode = lpae();
static_assert(is_well_formed<lpae_mode>());

/// AS_TRANSTAB in LPAE mode: the root, always a whole table. Nothing if ADRMODE, bits 1:0, is not that of tables.
constexpr auto lpae_root(u64 transtab) noexcept -> std::optional<output_address> {
  if ((transtab & 3) != 3) return std::nullopt;
  return output_address{transtab & ones(12, 36)};
}

// --- AArch64 modes ------------------------------------------------------------------------------------------------

/// Why AS_TRANSCFG gives no tables that are described here.
enum class no_tables : u8 { legacy, unmapped, identity, reserved_mode, size_out_of_range };

constexpr auto text(no_tables why) noexcept -> char const * {
  switch (why) {
    case no_tables::legacy:            return "the mode is LPAE: AS_TRANSTAB decides";
    case no_tables::unmapped:          return "nothing is mapped";
    case no_tables::identity:          return "addresses are not translated";
    case no_tables::reserved_mode:     return "AS_TRANSCFG.ADRMODE is reserved";
    case no_tables::size_out_of_range: return "AS_TRANSCFG.INA_BITS is out of range for the granule";
  }
  return "?";
}

/// What AS_TRANSCFG selects: stage 1 of one half of the space, INA_BITS 10:6 being 55 less its size. The rights a GPU
/// has are those of the user. `types`: as arm64::mair, for AS_MEMATTR is encoded its own way here; UNCERTAIN: that
/// encoding. DISABLE_AF_FAULT: a clear access flag does not fault. OUTA_BITS at 18:14 is not looked at: UNCERTAIN how
/// it counts.
constexpr auto aarch64_of(u64 transcfg, memory_types const &types = arm64::mair(arm64::default_mair)) noexcept
    -> std::expected<arm64::stage1_options, no_tables> {
  unsigned const mode = static_cast<unsigned>(transcfg & 0xf), coded = static_cast<unsigned>(transcfg >> 6 & 0x1f);
  switch (mode) {
    case 0:  return std::unexpected{no_tables::legacy};
    case 1:  return std::unexpected{no_tables::unmapped};
    case 2:  return std::unexpected{no_tables::identity};
    case 6:
    case 8:  break;
    default: return std::unexpected{no_tables::reserved_mode};
  }
  arm64::stage1_options o{.page = mode == 6 ? arm64::granule::k4 : arm64::granule::k64, .input_bits = 55 - coded,
                          .no_table_permissions = (transcfg & bit(33)) != 0,
                          .hardware_accessed = (transcfg & bit(34)) != 0, .types = types};
  if (o.input_bits > 48 || o.input_bits < 25) return std::unexpected{no_tables::size_out_of_range};
  return o;
}

/// The tables of an AArch64 mode. Precondition: `o` is such as aarch64_of yields.
constexpr auto aarch64(arm64::stage1_options const &o) noexcept -> format {
  auto f = arm64::stage1(o);
  f.name = o.page == arm64::granule::k4 ? "mali-aarch64-4k" : "mali-aarch64-64k";
  f.spec = "Arm Mali AArch64 modes, as Linux panthor drives them; Arm ARM DDI 0487 D8.2 to D8.4";
  return f;
}

inline constexpr format aarch64_4k  = aarch64({.hardware_accessed = false});
inline constexpr format aarch64_64k = aarch64({.page = arm64::granule::k64, .hardware_accessed = false});
static_assert(is_well_formed<aarch64_4k>() && is_well_formed<aarch64_64k>());

/// AS_TRANSTAB in AArch64 modes: the root.
constexpr auto aarch64_root(arm64::stage1_options const &o, u64 transtab) noexcept -> output_address {
  return arm64::root_table(o, transtab);
}

}  // namespace pagewright::mali
