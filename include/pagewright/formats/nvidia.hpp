// SPDX-License-Identifier: MIT
// NVIDIA GPU MMU version 2 (Pascal, Volta, Turing, Ampere, Ada) and version 3 (Hopper, Blackwell).
// open-gpu-doc gp100-mmu-format.pdf and dev_mmu.ref.txt (tu104); dev_mmu.h of gp100, tu102, gh100, gb202. Version 3 has
// NVIDIA's own headers and driver as its only source.
//
//   PD3 (PD4) .. PD1 --> PD0, 16 bytes a slot --+-- low half ---> table of 64-Kbyte pages, or a 2-Mbyte page
//                                               +-- high half --> table of 4-Kbyte pages
//
// A PD0 slot leads to two tables at once, so there are two views, formats of their own over the same tables. Whoever
// walks asks the big view first, and the small one where asks_small_view says so. Whoever builds keeps one of the views
// from removing tables that the other uses: unmap with emptied::keep, and what one maps the other must not.
#pragma once

#include <optional>

#include "../check.hpp"

namespace pagewright::nvidia {

enum class version : u8 { v2, v3 };
enum class side : u8 { big, small };

/// Which memory an address is in: its values are those of a page's APERTURE. Video memory has an address space of its
/// own.
enum class aperture : u8 { video, peer, system, system_noncoherent };

struct options {
  version  generation = version::v2;
  side     of         = side::small;
  aperture tables     = aperture::video;  // the tables' memory: video or system. Others' tables read as reserved
  aperture pages      = aperture::video;  // what new leaves lead to; all are read
  u8       peer       = 0;                // the GPU that new leaves in peer memory lead to
  u8       kind       = 0;                // of new leaves: 0 pitch; generic is FE on Pascal, 6 from Turing on
  bool     pages_256g = true;             // version 3 of Blackwell: leaves in PD2
};

inline constexpr u64 valid = bit(0), apertures = ones(1, 2);

/// The note (address_space::annotate) that makes granules sparse: fault_reason::sparse for a walk. What the big view says
/// so of a slot of PD0 counts only if the small half is invalid too.
constexpr u64 sparse_note = bit(3);

/// A walk of the big view ended with `entry` at `level`: is the small view to be asked? A page of either size is an
/// answer; so is a sparse entry, and one that says that there is no small page either (PRIVILEGE, PCF 3).
/// UNCERTAIN: PCF 2 of version 3, "mapping nowhere", taken for an answer.
constexpr auto asks_small_view(version g, unsigned level, u64 entry) noexcept -> bool {
  if (level == 1) return (entry & valid) == 0;
  if (level > 1 || (entry & valid) != 0) return false;
  return g == version::v2 ? (entry & (bit(3) | bit(5))) == 0 : (entry >> 3 & 0x1f) == 0;
}

namespace views {

/// What both versions share: the lowest table, apertures as shapes of leaves, rules.
constexpr auto common(options const &o, format f, form const (&shapes)[3]) noexcept -> format {
  bool const big = o.of == side::big;
  u8 const   lo  = big ? 16 : 12;
  // The shape of the aperture wanted comes first: new leaves have it, where it can lead.
  unsigned const first = o.pages == aperture::video ? 0 : o.pages == aperture::peer ? 1 : 2;
  for (unsigned n = 0; n < 3; ++n) f.forms[n] = shapes[(first + n) % 3];
  f.entry_bytes = 8;
  f.levels[0]   = {"PT", lo, static_cast<u8>(21 - lo), never, 0, 0, {0, 1, 2}};
  f.absent      = none_set(valid | apertures);  // of directories; a page's VALID alone tells
  f.levels[0].absent              = none_set(valid);
  f.levels[f.depth - 1].table_lg2 = 12;  // UNCERTAIN of version 3
  for (unsigned n = 0; n < f.depth; ++n)  // VOL; PCF 1, of directories 1 and 3
    f.levels[n].sparse = o.generation == version::v2 ? match{valid | bit(3), bit(3)}
                         : n == 0                    ? match{valid | ones(3, 5), bit(3)}
                                                     : match{valid | apertures | bit(3) | bit(5), bit(3)};
  f.types[0]    = memory_type::wb;
  f.types[1]    = memory_type::uc;
  f.types[2]    = memory_type::nc;
  f.types[3]    = memory_type::uc;
  // A page and a table may replace each other only by way of an invalid entry and an invalidation [UVM]. Nothing else
  // needs that; bit 0 is what no change of a leaf touches.
  f.break_before_make = true;
  f.live              = ~valid;
  f.caches_absent     = true;
  f.levels[1].slot_lg2    = 4;
  f.levels[1].slot_offset = big ? 0 : 8;
  return f;
}

}  // namespace views

/// Version 2: 49 bits in; out 47 to system memory (the format has room for 58), 37 to video memory. UNCERTAIN: whether
/// addresses are sign-extended with ATS from Volta on; taken for unsigned. UNCERTAIN: whether the address bits below a
/// large page are looked at; taken for not.
///
/// Memory types of system memory: WB is coherent, NC not snooped, UC (VOL) bypasses the GPU's L2 cache; peer memory
/// has WB and UC; video memory WB alone. PRIVILEGE keeps the user out; there is no bit for execution, and no marks.
/// NO_ATS, bit 5 from Volta on, lies where the big half of PD0 has address bit 9; both views read it past in PD1 to PD3.
constexpr auto v2(options const &o) noexcept -> format {
  bool const big = o.of == side::big, local = o.tables == aperture::video;
  u64 const  kind = u64{o.kind} << 56, peer = u64{o.peer} << 33;
  auto const shape = [&](char const *name, aperture a, u64 mask, u8 bits, piece t0, piece t1, u64 base) {
    return form{.name = name, .is = {valid | mask, valid | (u64(a) << 1 & mask)},
                .address = {{8, static_cast<u8>(bits - 12), 12}},
                .grants = {refused_by(rights::writers, bit(6)), refused_by(rights::user, bit(5))}, .type = {t0, t1},
                .base = valid | (u64(a) << 1 & mask) | base | kind};
  };
  form const shapes[3]{shape("video page", aperture::video, apertures, 37, {}, {}, 0),
                       shape("peer page", aperture::peer, apertures, 37, {3, 1, 0}, {}, peer),
                       shape("system page", aperture::system, bit(2), 58, {3, 1, 0}, {1, 1, 1}, 0)};

  // ADDRESS is PA >> 12 from bit 8 on, in the big half PA >> 8 from bit 4 on: the same scale, four bits further down.
  u8 const    low   = big ? 4 : 8, top = local ? 33 : 54;
  auto const  width = static_cast<u8>(top - 8);
  match const table = local ? match{valid | apertures, 1 << 1} : match{valid | bit(2), bit(2)};
  u64 const   base  = local ? 1 << 1 : u64(o.tables == aperture::system_noncoherent ? 3 : 2) << 1;
  format f{
    .name = big ? "nvidia-v2-big" : "nvidia-v2-small", .spec = "NVIDIA gp100-mmu-format; dev_mmu.ref.txt (tu104)",
    .depth = 5, .output_bits = 58,
    .levels = {{}, {"PD0", 21, 8, table, base, 0, big ? form_list{0, 1, 2} : form_list{}},
               {"PD1", 29, 9, table, base, 0}, {"PD2", 38, 9, table, base, 0}, {"PD3", 47, 2, table, base, 0}},
    .table_address = {{8, width, 12}}, .carried = bit(4) | bit(7) | ones(56, 8)};
  f = views::common(o, f, shapes);
  if (big) f.levels[1].table_address[0] = {4, static_cast<u8>(top - 4), 8};

  u8 video = 0, peers = 0, system = 0;
  for (unsigned n = 0; n < 3; ++n)
    (f.forms[n].is == shapes[0].is ? video : f.forms[n].is == shapes[1].is ? peers : system) = on_form(n);
  u8 const near = static_cast<u8>(video | peers);
  name_fields(f, {
    {"IS_PTE", 0, 1, on_tables}, {"VALID", 0, 1, on_leaves}, {"APERTURE", 1, 2}, {"VOL", 3, 1},
    {"unused", 4, static_cast<u8>(big ? 0 : 1), on_tables}, {"NO_ATS", 5, static_cast<u8>(big ? 0 : 1), on_tables},
    {"unused", 6, static_cast<u8>(big ? 0 : 2), on_tables},
    {"ENCRYPTED", 4, 1, on_leaves}, {"PRIVILEGE", 5, 1, on_leaves}, {"READ_ONLY", 6, 1, on_leaves},
    {"ATOMIC_DISABLE", 7, 1, on_leaves},
    {"ADDRESS", low, static_cast<u8>(top - low), on_tables}, {"PEER", 33, static_cast<u8>(local ? 3 : 0), on_tables},
    {"unused", static_cast<u8>(local ? 36 : 54), static_cast<u8>(local ? 28 : 10), on_tables},
    {"ADDRESS_VID", 8, 25, near}, {"PEER", 33, 3, near}, {"COMPTAGLINE", 36, 20, near},
    {"ADDRESS_SYS", 8, 46, system}, {"COMPTAGLINE 19:18", 54, 2, system}, {"KIND", 56, 8, on_leaves}});
  return f;
}

/// Version 3: 57 bits in, sign-extended; 52 bits out, one field whatever the aperture. Directories of pages: 2 Mbytes
/// in PD0, 512 in PD1, 256 Gbytes in PD2 (Blackwell). The bits of PCF in a valid page are independent: uncached 3,
/// privileged 4, read-only 5, no atomics 6, no access counting 7. Memory types as in version 2, but UC also of video
/// memory.
constexpr auto v3(options const &o) noexcept -> format {
  bool const big = o.of == side::big, local = o.tables == aperture::video;
  u64 const  kind = u64{o.kind} << 8, peer = u64{o.peer} << 61;
  auto const shape = [&](char const *name, aperture a, u64 mask, piece t1, u64 base) {
    return form{.name = name, .is = {valid | mask, valid | (u64(a) << 1 & mask)}, .address = {{12, 40, 12}},
                .grants = {refused_by(rights::writers, bit(5)), refused_by(rights::user, bit(4))},
                .type = {{3, 1, 0}, t1},
                .base = valid | (u64(a) << 1 & mask) | base | kind};
  };
  form const shapes[3]{shape("video page", aperture::video, apertures, {}, 0),
                       shape("peer page", aperture::peer, apertures, {}, peer),
                       shape("system page", aperture::system, bit(2), {1, 1, 1}, 0)};

  u8 const    low   = big ? 8 : 12;
  match const table = local ? match{valid | apertures, 1 << 1} : match{valid | bit(2), bit(2)};
  u64 const   base  = local ? 1 << 1 : u64(o.tables == aperture::system_noncoherent ? 3 : 2) << 1;
  form_list const pages = big ? form_list{0, 1, 2} : form_list{};
  format f{
    .name = big ? "nvidia-v3-big" : "nvidia-v3-small", .spec = "NVIDIA dev_mmu.h (gh100, gb202)",
    .depth = 6, .upper = extent::canonical, .output_bits = 52,
    .levels = {{}, {"PD0", 21, 8, table, base, 0, pages}, {"PD1", 29, 9, table, base, 0, pages},
               {"PD2", 38, 9, table, base, 0, o.pages_256g ? pages : form_list{}}, {"PD3", 47, 9, table, base, 0},
               {"PD4", 56, 1, table, base, 0}},
    .table_address = {{12, 40, 12}}, .carried = ones(6, 6) | ones(61, 3)};
  f = views::common(o, f, shapes);
  if (big) f.levels[1].table_address[0] = {8, 44, 8};
  name_fields(f, {
    {"IS_PTE", 0, 1, on_tables}, {"VALID", 0, 1, on_leaves}, {"APERTURE", 1, 2},
    {"PCF", 3, 3, on_tables}, {"unused", 6, static_cast<u8>(low - 6), on_tables},
    {"ADDRESS", low, static_cast<u8>(52 - low), on_tables},
    {"PCF uncached", 3, 1, on_leaves}, {"PCF privileged", 4, 1, on_leaves}, {"PCF read-only", 5, 1, on_leaves},
    {"PCF no atomics", 6, 1, on_leaves}, {"PCF ACD", 7, 1, on_leaves}, {"KIND", 8, 4, on_leaves},
    {"ADDRESS", 12, 40, on_leaves},
    {"unused", 52, 12, on_tables}, {"unused", 52, 9, on_leaves}, {"PEER_ID", 61, 3, on_leaves}});
  return f;
}

/// The format of `o`. Precondition: tables is not peer.
constexpr auto tables(options const &o = {}) noexcept -> format { return o.generation == version::v2 ? v2(o) : v3(o); }

inline constexpr format v2_small = tables();
inline constexpr format v2_big   = tables({.of = side::big});
inline constexpr format v3_small = tables({.generation = version::v3});
inline constexpr format v3_big   = tables({.generation = version::v3, .of = side::big});

static_assert(is_well_formed<v2_small>() && is_well_formed<v2_big>());
static_assert(is_well_formed<v3_small>() && is_well_formed<v3_big>());

// --- the instance block -------------------------------------------------------------------------------------------

/// The root in an instance block: dwords 128 and 129, that is the quadword at byte 200H.
struct directory {
  output_address table;
  aperture       where;
  bool           new_format;  // USE_NEW_PT_FORMAT: version 2; clear is version 1, which is not described here
  bool           small_big;   // BIG_PAGE_SIZE: 64 Kbytes, as version 2 needs; clear is 128
};
/// Nothing if PAGE_DIR_BASE_TARGET is 1, which is none.
constexpr auto directory_of(u64 instance) noexcept -> std::optional<directory> {
  u64 const target = instance & 3;
  if (target == 1) return std::nullopt;
  return directory{{instance & ~ones(0, 12)}, static_cast<aperture>(target),
                   (instance & bit(10)) != 0, (instance & bit(11)) != 0};
}

}  // namespace pagewright::nvidia
