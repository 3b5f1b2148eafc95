// SPDX-License-Identifier: MIT
// Power radix trees, of processes (effective to real addresses) and of partitions (guest real to host real addresses).
// Power ISA 3.1B Book III 6.7.11 and following; big-endian always.
//
// [mem] marks what rests on memory of the manual, UNCERTAIN what to check before relying on it.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::power_radix {

/// How a tree divides addresses: index bits of the tables from the one with pages upward. Every directory entry says
/// how wide the next table is (NLS, at least 5), so trees can have any shape, but processors accept few.
struct shape {
  u8 page_lg2;
  u8 bits[max_depth]{};
  friend constexpr auto operator==(shape const &, shape const &) -> bool = default;
};

/// What POWER9 and POWER10 accept: 52 bits, a root of 64 Kbytes, pages of 4 or 64 Kbytes.
inline constexpr shape power9_4k{12, {9, 9, 9, 13}}, power9_64k{16, {5, 9, 9, 13}};

/// What the processor does, and whose tree it is.
struct options {
  bool     partition_scoped    = false;  // the second stage: privilege is not looked at
  bool     hardware_marks      = true;   // false: an access to a page without R, a store to one without C, interrupts
  bool     strong_access_order = true;   // ATT = 1 is SAO; not in ISA 3.1, where it is reserved
  unsigned physical_bits       = 57;     // 32..57; entries hold 57
};

inline constexpr u64 valid = bit(63), leaf_bit = bit(62), nls = ones(0, 5), r = bit(8), c = bit(7), att = ones(4, 2),
                     priv = bit(3), eaa_r = bit(2), eaa_rw = bit(1), eaa_x = bit(0);

/// A table entry counts as one if its NLS is that of the level; with another it reads as reserved, which is the bad
/// configuration that processors report. Leaves may lie in every table but the root; address bits below their size are
/// ignored. UNCERTAIN: reserved bits are taken for ignored (PTE 60:57, keys with ISA 3.1, and 6; PDE 61:60 and 7:5).
///
/// Write permission implies read permission; executing takes neither. A fetch from ATT 2 (guarded) is refused whatever
/// EAA says. ATT 1, strong access order, reads as the write-back that it is beside its order. To pages with PRIV = 0
/// the kernel has the user's rights less what key 0 of AMR and IAMR withholds, which the tables do not tell.
///
/// R is set by any access and C by a store, in hardware or by an interrupt for software to do it. UNCERTAIN: which, on
/// each processor: the ISA leaves it open, POWER9 is reported to interrupt. A store to a page without C is not told
/// apart here.
///
/// Absent entries are not cached. A valid leaf whose address, size or attributes change must be invalid in between
/// [mem: the ISA's general case of modifying an entry; on POWER9 at least for another RPN]; rights, marks and software
/// bits may change in place. A right that was added may be found missing for a while, and the access is tried again.
/// Precondition: `s` is a constant above, or page_lg2 is 12 or more and all widths are 5..31; physical_bits is 32..57.
constexpr auto tree(shape const &s, options const &o = {}) noexcept -> format {
  constexpr char const *names[]{"L1", "L2", "L3", "L4", "L5", "L6"};
  using mt = memory_type;
  u8 const lo = s.page_lg2, wide = static_cast<u8>(57 - lo);

  format f{
    .name = o.partition_scoped ? "power-radix-partition" : "power-radix", .spec = "Power ISA 3.1B Book III 6.7.11",
    .entry_bytes = 8, .order = byte_order::big, .output_bits = static_cast<u8>(o.physical_bits),
    .forms = {
      {.name = "page", .is = all_set(leaf_bit), .address = {{lo, wide, lo}},
       .grants = {{rights::readers, none_set(eaa_r | eaa_rw), eaa_r, 0}, granted_by(rights::writers, eaa_rw),
                  granted_by(rights::executes, eaa_x), o.partition_scoped ? grant{} : refused_by(rights::user, priv)},
       .type = {{4, 2, 0}}, .accessed = all_set(r), .dirty = all_set(c), .base = valid | leaf_bit}},
    .absent = none_set(valid), .unaccessed_faults = !o.hardware_marks,
    .table_address = {{8, 52, 8}},
    .types = {mt::wb, o.strong_access_order ? mt::wb : mt::reserved, mt::io, mt::nc},
    .software = bit(61) | ones(9, 3),
    .live = bit(61) | ones(9, 3) | r | c | priv | eaa_r | eaa_rw | eaa_x, .break_before_make = true};

  while (f.depth < max_depth && s.bits[f.depth] != 0) ++f.depth;
  for (u8 n = 0, shift = lo; n < f.depth; shift = static_cast<u8>(shift + s.bits[n++])) {
    u64 const next = n == 0 ? 0 : s.bits[n - 1];
    f.levels[n] = {.name = names[f.depth - 1 - n], .shift = shift, .index_bits = s.bits[n],
                   .table = n == 0 ? never : match{valid | leaf_bit | nls, valid | next},
                   .table_base = n == 0 ? 0 : valid | next,
                   .leaves = n == 0 || n + 1 < f.depth ? form_list{0} : form_list{}};
  }

  name_fields(f, {
    {"NLS", 0, 5, on_tables}, {"reserved", 5, 3, on_tables}, {"NLB", 8, 52, on_tables}, {"reserved", 60, 2, on_tables},
    {"EAA.X", 0, 1, on_leaves}, {"EAA.RW", 1, 1, on_leaves}, {"EAA.R", 2, 1, on_leaves},
    {o.partition_scoped ? "ignored" : "EAA.PRIV", 3, 1, on_leaves}, {"ATT", 4, 2, on_leaves},
    {"reserved", 6, 1, on_leaves}, {"C", 7, 1, on_leaves}, {"R", 8, 1, on_leaves}, {"SW1", 9, 3, on_leaves},
    {"RPN, ignored", 12, static_cast<u8>(lo - 12), on_leaves}, {"RPN", lo, wide, on_leaves},
    {"reserved", 57, 4, on_leaves}, {"SW0", 61, 1, on_leaves}, {"L", 62, 1}, {"V", 63, 1}});
  return f;
}

inline constexpr format pages_4k = tree(power9_4k), pages_64k = tree(power9_64k);
inline constexpr format partition_4k  = tree(power9_4k, {.partition_scoped = true}),
                        partition_64k = tree(power9_64k, {.partition_scoped = true});

static_assert(is_well_formed<pages_4k>() && is_well_formed<pages_64k>());
static_assert(is_well_formed<partition_4k>() && is_well_formed<partition_64k>());

// --- from registers to a tree ---------------------------------------------------------------------------------------
//
//   PTCR -> partition table -> by LPID a PATE: doubleword 0 leads to the partition's tree,
//                                              doubleword 1 to its process table -> by PID a PRTE: the process's tree
//
// Entries are 16 bytes. What a guest's process table and PRTEs hold are addresses that its partition's tree translates.

/// What the first doubleword of a PATE or PRTE says of a tree.
struct tree_root {
  output_address table;       // RPDB
  unsigned       input_bits;  // RTS + 31
  unsigned       root_bits;   // RPDS
};
constexpr auto root_of(u64 doubleword_0) noexcept -> tree_root {
  return {{doubleword_0 & ones(8, 52)}, unsigned(doubleword_0 >> 61 & 3) * 8 + unsigned(doubleword_0 >> 5 & 7) + 31,
          unsigned(doubleword_0 & 31)};
}

/// Does a tree of shape `s` start as `root` says? The widths of the other tables stand in the directory entries.
constexpr auto fits(shape const &s, tree_root const &root) noexcept -> bool {
  unsigned bits = s.page_lg2, last = 0;
  for (u8 const one : s.bits)
    if (one != 0) bits += one, last = one;
  return bits == root.input_bits && last == root.root_bits;
}

/// The shape of the pages below a directory entry of L3 on POWER9 and POWER10: both may occur in one tree, but a format
/// describes trees with pages of one size. Nothing if it is not one that the processors accept.
constexpr auto pages_below(u64 l3_entry) noexcept -> std::optional<shape> {
  switch (l3_entry & (valid | leaf_bit | nls)) {
    case valid | 9: return power9_4k;
    case valid | 5: return power9_64k;
    default:        return std::nullopt;
  }
}

/// Is the partition's translation by radix tree (HR)? Otherwise it is by hashed table.
constexpr auto is_radix(u64 pate_0) noexcept -> bool { return (pate_0 & bit(63)) != 0; }

/// The address of entry `n` of a table that `base` describes: address 59:12, lg2 of its size less 12 in 4:0. Nothing if
/// the table ends below it. `base` is PTCR for the partition table, PATE doubleword 1 for the process table.
constexpr auto table_entry(u64 base, u32 n) noexcept -> std::optional<output_address> {
  unsigned const entries_lg2 = unsigned(base & 31) + 12 - 4;
  if (u64{n} >> entries_lg2 != 0) return std::nullopt;
  return output_address{(base & ones(12, 48)) + u64{n} * 16};
}

/// Which tree an effective address selects by its quadrant, bits 63:62: the partition of LPIDR or partition 0, in it
/// the process of PIDR or process 0; and the address that tree translates. Nothing for quadrants without meaning, a
/// segment interrupt. UNCERTAIN: that is also what set bits between the tree's width and 61 should lead to; walks say
/// so, a software MMU ignores them.
struct place {
  bool          lpidr, pidr;
  input_address at;
};
constexpr auto place_of(u64 effective, bool hypervisor) noexcept -> std::optional<place> {
  unsigned const quadrant = unsigned(effective >> 62);
  bool const     middle   = quadrant == 1 || quadrant == 2;
  if (middle && !hypervisor) return std::nullopt;
  return place{!hypervisor || middle, quadrant < 2, {effective & below(62)}};
}

}  // namespace pagewright::power_radix
