// SPDX-License-Identifier: MIT
// AMD GPUVM page tables of GFX9 to GFX12. There is no public manual for all of it: bits as Linux uses them
// (amdgpu_vm.h, amdgpu_vm_pt.c) and as the comments of gmc_v9_0.c and gmc_v12_0.c show them.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::amdgpu {

enum class generation : u8 { gfx9, gfx10, gfx12 };  // gfx10: and GFX11

struct options {
  generation gpu              = generation::gfx9;
  unsigned   levels           = 4;      // PAGE_TABLE_DEPTH + 1: 2..4, 5 on GFX12.1
  unsigned   block_bits       = 9;      // PAGE_TABLE_BLOCK_SIZE + 9: index bits of the lowest table
  unsigned   input_bits       = 48;     // 57 on GFX12.1
  bool       system           = false;  // new leaves lead to system memory, not to the GPU's
  bool       snooped          = false;  // and keep coherent with the processor's caches
  bool       tables_in_system = false;  // new table entries likewise. All are read
};

inline constexpr u64 valid = bit(0), system_memory = bit(1), snoop = bit(2), tmz = bit(3), executable = bit(4),
                     readable = bit(5), writeable = bit(6), fragment = ones(7, 5);

/// The bit that makes a leaf of a directory entry (P, PDE_PTE; IS_PTE on GFX12), and the one for partially resident
/// textures: a page that is not valid and has it reads as zeroes.
constexpr auto leaf_bit(generation g) noexcept -> u64 { return bit(g == generation::gfx12 ? 63 : 54); }
constexpr auto prt_bit(generation g) noexcept -> u64 { return bit(g == generation::gfx12 ? 56 : 51); }
/// The note (address_space::annotate) that makes granules sparse (fault_reason::sparse), as Linux writes it.
constexpr auto sparse_note(generation g) noexcept -> u64 {
  return g == generation::gfx12 ? prt_bit(g) | leaf_bit(g) | snoop | system_memory : prt_bit(g);
}

/// GPUVM tables. Rights are those of leaves: directories carry none. There are no marks and no privilege.
///
/// FRAGMENT says of a page that it lies in 2^f pages, aligned on both sides, that say the same. The schema has a
/// shape for each length: those of 64 Kbytes and of 2 Mbytes are built and changed as one; pages with any other value
/// are read page by page, and a change of one leaves the value of its neighbours as it was, which hardware does not
/// allow. A leaf in a directory gets the fragment of its size.
///
/// Memory types: MTYPE NC, RW and CC are cached and differ in what they are coherent with, which memory types do not
/// say: all are WB, and NC is written. UC is UC. UNCERTAIN: the codes of GFX10 and GFX12 beside NC 0 and UC 3, which
/// read as reserved. UNCERTAIN, and not described: translate-further (TF in a page, a block fragment size in a
/// directory), which makes a table of a page; such entries read as reserved. UNCERTAIN: whether GFX12 needs IS_PTE in
/// the lowest table; Linux sets it. The root takes the index bits that the other levels leave. Precondition: levels
/// is 2..5, block_bits 9..18, and it gets some.
constexpr auto gpuvm(options const &o = {}) noexcept -> format {
  bool const nine = o.gpu == generation::gfx9, twelve = o.gpu == generation::gfx12;
  u64 const  p = leaf_bit(o.gpu), tf = twelve ? 0 : bit(56), bfs = twelve ? ones(58, 5) : ones(59, 5);
  u64 const  leads = (o.system ? system_memory : 0) | (o.snooped ? snoop : 0);
  u64 const  base  = valid | (o.tables_in_system ? system_memory | (o.snooped ? snoop : 0) : 0);
  constexpr char const *names[]{"PTB", "PDB0", "PDB1", "PDB2", "PDB3"};
  constexpr char const *large[]{"PDB0 page", "PDB1 page", "PDB2 page"};

  form const page{
    .name = "page", .is = always, .address = {{12, 36, 12}},
    .grants = {granted_by(rights::readers, readable), granted_by(rights::writers, writeable),
               granted_by(rights::executes, executable)},
    .type = {nine ? piece{57, 2, 0} : twelve ? piece{54, 2, 0} : piece{48, 3, 0}},
    .base = valid | leads | (twelve ? p : 0), .zero = tf};
  format f{
    .name = nine ? "amdgpu-gfx9" : twelve ? "amdgpu-gfx12" : "amdgpu-gfx10",
    .spec = "AMD GPUVM, as Linux amdgpu drives it (no public manual)", .entry_bytes = 8,
    .depth = static_cast<u8>(o.levels), .upper = extent::canonical, .output_bits = 48,
    .forms = {page, page, page}, .absent = none_set(valid), .table_address = {{6, 42, 6}},
    .types = {memory_type::wb, nine ? memory_type::wb : memory_type::reserved,
              nine ? memory_type::wb : memory_type::reserved, memory_type::uc},
    .carried = system_memory | snoop | tmz | (twelve ? bit(58) : bit(55)) | (o.gpu == generation::gfx10 ? bit(58) : 0)};

  for (unsigned n = 0; n < 2; ++n) {
    u8 const run = n == 0 ? 4 : 9;
    f.forms[1 + n].name    = n == 0 ? "64-Kbyte fragment" : "2-Mbyte fragment";
    f.forms[1 + n].is      = {fragment, u64{run} << 7};
    f.forms[1 + n].base   |= u64{run} << 7;
    f.forms[1 + n].run_lg2 = run;
  }
  f.levels[0] = {names[0], 12, static_cast<u8>(o.block_bits), never, 0, 0, {2, 1, 0}};
  for (unsigned n = 1; n < o.levels; ++n) {
    unsigned const shift = 12 + o.block_bits + 9 * (n - 1);
    f.levels[n] = {names[n], static_cast<u8>(shift), static_cast<u8>(n + 1 == o.levels ? o.input_bits - shift : 9),
                   {valid | p, valid}, base, bfs};
    if (n > 3) continue;
    u8 const own = static_cast<u8>(2 + n);
    f.forms[own]       = page;
    f.forms[own].name  = large[n - 1];
    f.forms[own].is    = all_set(p);
    f.forms[own].base |= p | u64{shift - 12} << 7;
    f.levels[n].leaves = {own};
  }

  for (auto &l : f.levels) l.sparse = {valid | prt_bit(o.gpu), prt_bit(o.gpu)};

  u8 const ten = static_cast<u8>(o.gpu == generation::gfx10);
  u8 const is12 = static_cast<u8>(twelve), pre12 = static_cast<u8>(!twelve);
  name_fields(f, {
    {"VALID", 0, 1}, {"SYSTEM", 1, 1}, {"SNOOPED", 2, 1}, {"TMZ", 3, 1, on_leaves}, {"EXECUTABLE", 4, 1, on_leaves},
    {"READABLE", 5, 1, on_leaves}, {"unused", 3, 3, on_tables}, {"address", 6, 42, on_tables},
    {"WRITEABLE", 6, 1, on_leaves}, {"FRAGMENT", 7, 5, on_leaves}, {"address", 12, 36, on_leaves},
    {"unused", 48, 6, on_tables},
    {"unused", 48, static_cast<u8>(nine ? 3 : twelve ? 6 : 0), on_leaves},
    {"MTYPE", 48, static_cast<u8>(3 * ten), on_leaves},
    {"PRT", 51, pre12, on_leaves}, {"unused", 52, static_cast<u8>(2 * pre12), on_leaves},
    {"P", 54, pre12}, {"LOG", 55, pre12, on_leaves}, {"TF", 56, pre12, on_leaves},
    {"unused", 55, static_cast<u8>(4 * pre12), on_tables},
    {"MTYPE", 57, static_cast<u8>(nine ? 2 : 0), on_leaves}, {"unused", 57, ten, on_leaves},
    {"NOALLOC", 58, ten, on_leaves},
    {"unused", 59, static_cast<u8>(5 * pre12), on_leaves}, {"BFS", 59, static_cast<u8>(5 * pre12), on_tables},
    {"MTYPE", 54, static_cast<u8>(2 * is12), on_leaves}, {"PRT", 56, is12, on_leaves}, {"unused", 57, is12, on_leaves},
    {"DCC", 58, is12, on_leaves}, {"unused", 59, static_cast<u8>(4 * is12), on_leaves},
    {"unused", 54, static_cast<u8>(4 * is12), on_tables}, {"BFS", 58, static_cast<u8>(5 * is12), on_tables},
    {"IS_PTE", 63, is12}});
  return f;
}

inline constexpr format gfx9    = gpuvm();
inline constexpr format gfx10   = gpuvm({.gpu = generation::gfx10});
inline constexpr format gfx12   = gpuvm({.gpu = generation::gfx12});
inline constexpr format gfx12_5 = gpuvm({.gpu = generation::gfx12, .levels = 5, .input_bits = 57});

static_assert(is_well_formed<gfx9>() && is_well_formed<gfx10>() && is_well_formed<gfx12>()
              && is_well_formed<gfx12_5>());

// --- registers ----------------------------------------------------------------------------------------------------

/// A context: VM_CONTEXTn_PAGE_TABLE_BASE_ADDR and VM_CONTEXTn_CNTL. A root that is no directory (depth 0) is not
/// described.
struct regime {
  options        tables;
  output_address table;
};
/// Nothing if the context is not enabled, its root not valid, or its depth 0. `newer`: DEPTH is 3:1 and BLOCK_SIZE 7:4;
/// UNCERTAIN: in older registers 2:1 and 6:3. `has`: generation and input size, which these registers do not tell.
constexpr auto regime_of(u64 base, u32 control, bool newer = true, options const &has = {}) noexcept
    -> std::optional<regime> {
  unsigned const depth = control >> 1 & (newer ? 7 : 3), block = control >> (newer ? 4 : 3) & 0xf;
  if ((control & 1) == 0 || (base & valid) == 0 || depth == 0) return std::nullopt;
  regime found{has, {base & ones(6, 42)}};
  found.tables.levels     = depth + 1;
  found.tables.block_bits = block + 9;
  found.tables.tables_in_system = (base & system_memory) != 0;
  return found;
}

}  // namespace pagewright::amdgpu
