// SPDX-License-Identifier: MIT
// A page-table format as one literal value. No callbacks: what cannot be said in this data is not a format.
//
// Levels are counted from the leaves: level 0 can hold only leaves. Beside the number every level has the name its own
// manual gives it, which is what people are shown. check.hpp says what every description must satisfy.
#pragma once

#include <initializer_list>

#include "bits.hpp"
#include "rights.hpp"

namespace pagewright {

enum class byte_order : u8 { little, big };

/// How one slot lies in memory.
struct word {
  u8         bytes;  // 4 or 8
  byte_order order;
  friend constexpr auto operator==(word, word) -> bool = default;
};

/// One row both decodes and encodes: `gives` is withheld from an entry that `withheld` recognises; a new entry that is
/// to have any of `gives`, all of `with` and nothing of `unless`, gets the bits `on`; one that is to have none of `gives`
/// gets `off`.
struct grant {
  rights gives = rights::none;
  match  withheld{};
  u64    on = 0, off = 0;
  rights unless = rights::none, with = rights::none;

  constexpr auto bits() const noexcept -> u64 { return on | off; }
  constexpr auto in_use() const noexcept -> bool { return gives != rights::none; }
};
constexpr auto granted_by(rights r, u64 bits) noexcept -> grant { return {r, none_set(bits), bits, 0}; }
constexpr auto refused_by(rights r, u64 bits) noexcept -> grant { return {r, all_set(bits), 0, bits}; }

/// Rights that exclude one another whatever the entries say: having any of `when` takes `removes` away.
struct exclusion {
  rights when = rights::none, removes = rights::none;

  constexpr auto in_use() const noexcept -> bool { return when != rights::none; }
};

/// What the untranslated upper bits of an input address must be.
enum class extent : u8 { zero, ones, canonical };

/// One shape a leaf can have. A level lists the shapes it can hold; the first whose `is` recognises an entry wins.
struct form {
  char const *name = nullptr;
  match is{};                      // told from the level's other shapes; absent and table entries are gone by then
  u8    run_lg2 = 0;               // one leaf fills 2^run_lg2 neighbouring, equally written slots
  u8    size_code = 0;             // nonzero: ones from this bit up to the first zero code the size (AMD-Vi)
  piece address[4]{};              // the level takes away the bits below the leaf's size
  grant grants[8]{};
  piece type[4]{};                 // the index into format::types
  match accessed{}, dirty{}, global{};
  match shared{};                  // memory that is not encrypted for this machine alone (SEV C-bit, TDX shared bit)
  u64   base = 0;                  // set in every new leaf of this shape
  u64   zero = 0;                  // hardware rejects a leaf with any of these set
  u64   live = 0;                  // if not 0: instead of format::live for this shape

  // Algorithms reach a shape through `->`, be it this or a constant that stands for one (handle.hpp).
  constexpr auto operator->() const noexcept -> form const * { return this; }
};

inline constexpr u8 no_form = 0xff;

/// The numbers of up to four forms. A plain array would fill up with form 0 what an initializer leaves out.
class form_list {
 public:
  constexpr form_list() noexcept = default;
  constexpr form_list(u8 a, u8 b = no_form, u8 c = no_form, u8 d = no_form) noexcept : n_{a, b, c, d} {}

  constexpr auto operator[](std::size_t i) const noexcept -> u8 { return n_[i]; }
  constexpr auto operator[](std::size_t i) noexcept -> u8 & { return n_[i]; }
  constexpr auto begin() const noexcept -> u8 const * { return n_; }
  constexpr auto end() const noexcept -> u8 const * { return n_ + 4; }

 private:
  u8 n_[4]{no_form, no_form, no_form, no_form};
};

struct level {
  char const *name = nullptr;      // the manual's own: "PML4", "L1"
  u8    shift = 0, index_bits = 0; // a slot covers 2^shift bytes; a table has 2^index_bits slots
  match table{};                   // tells an entry that points to the next table
  u64   table_base = 0;            // a new table entry in this level, without its address
  u64   table_zero = 0;            // hardware rejects a table entry with any of these set
  form_list leaves{};
  u8    slot_lg2 = 0;              // distance of slots, 0: entry_bytes (NVIDIA dual entries lie 16 bytes apart)
  u8    slot_offset = 0;           // where in its slot the entry lies
  bool  narrows = true;            // format::table_grants and table_accessed apply to its table entries (not to a PAE PDPTE)
  bool  loaded = false;            // hardware holds the slots in registers from the load of the root on (PAE PDPTEs)
  match absent{};                  // `never`: format::absent
  u64   vacant = 0;                // what an empty slot holds; an absent entry other than this is a note of software's
  match sparse{};                  // absent entries whose pages read as zeroes and swallow writes, without a fault
  piece table_address[3]{};        // where table entries hold their address, if not as format::table_address says
  u8    table_lg2 = 0;             // lg2 of the memory a table takes, and is aligned to, if that is more than its slots
};

/// A limit that a table entry sets to the table it points to: if `when` holds, only those of its slots exist whose index,
/// shifted right by `unit_lg2`, is at most what the entry says at `limit`, or with `lower` at least that.
struct bound {
  match when{};
  piece limit{0, 0, 0};
  bool  lower    = false;
  u8    unit_lg2 = 0;

  constexpr auto in_use() const noexcept -> bool { return limit.in_use(); }
};

/// Which entries a field name applies to: table entries, or leaves of form n.
inline constexpr u8 on_tables = 0x80;
constexpr auto on_form(unsigned n) noexcept -> u8 { return static_cast<u8>(1u << n); }
inline constexpr u8 on_leaves = 0x3f;
inline constexpr u8 on_all    = on_tables | on_leaves;

/// A bit field under its manual name, for people and for finding bits that no rule claims.
struct field {
  char const *name = nullptr;
  u8 lo = 0, width = 0, on = on_all;

  constexpr auto mask() const noexcept -> u64 { return ones(lo, width); }
};

inline constexpr unsigned max_depth = 6, max_forms = 6, max_fields = 40, max_types = 32;

struct format {
  char const *name = nullptr, *spec = nullptr;  // spec: manual, version, section
  u8         entry_bytes = 8;
  byte_order order       = byte_order::little;
  u8         depth       = 0;
  extent     upper       = extent::zero;
  u8         input_width = 64;      // how wide input addresses are at all: 32 on AArch32
  u8         tag_bits    = 0;       // the topmost input bits that are not looked at (Arm TBI)
  u8         output_bits = 0;       // output addresses at or above 2^output_bits do not exist

  level levels[max_depth]{};        // [0] holds only leaves, [depth - 1] is the root
  form  forms[max_forms]{};
  match absent{};                   // an entry that maps nothing, at every level that says nothing else
  match reserved_leaf[5]{};         // leaf encodings that hardware rejects
  match reserved_table[2]{};        // likewise of table entries, at every level (EPT: writable but not readable)
  bool  low_address_zero   = false; // hardware rejects a leaf whose address is not aligned to its size
  bool  unaccessed_faults  = false; // a leaf not marked accessed does not translate: software sets the mark

  piece     table_address[3]{};
  bound     table_bounds[3]{};      // table entries that say which slots of the next table exist (s390x TF and TL)
  piece     next_level{0, 0, 0};    // where a table entry says to which level, from 1, it leads: past levels whose index
                                    // bits are zero in all input addresses (AMD-Vi)
  grant     table_grants[6]{};      // how table entries narrow the rights of what lies below; none: they do not
  match     table_global{};         // a table entry that makes everything below global
  match     table_accessed{};       // a table entry that hardware went through
  u64       table_says = 0;         // further bits by which a table entry says something of all below (a domain)
  exclusion excludes[2]{};

  memory_type types[max_types]{};   // what the form's type index selects (PAT, MAIR, PBMT, EPT memory type)

  u64  software      = 0;           // leaf bits hardware ignores
  u64  carried       = 0;           // further leaf bits that mean the same in every form: a split keeps them
  u64  live          = ~u64{0};     // bits of a valid entry that may change without break-before-make
  bool break_before_make = false;   // other changes of a valid entry must pass through an absent one
  bool resizes_live      = false;   // but one leaf and smaller ones that translate alike may replace each other directly
  u64  resizing          = 0;       // or may while the larger leaf has this bit set (Arm nT)
  bool caches_absent     = false;   // the TLB may hold absent entries: a new mapping must be invalidated too

  field fields[max_fields]{};

  constexpr auto word() const noexcept -> pagewright::word { return {entry_bytes, order}; }
  constexpr auto input_bits() const noexcept -> unsigned {
    return depth == 0 ? 0u : unsigned{levels[depth - 1].shift} + levels[depth - 1].index_bits;
  }
};

/// The number of field names in use.
constexpr auto field_count(format const &f) noexcept -> unsigned {
  unsigned n = 0;
  while (n < max_fields && f.fields[n].name != nullptr) ++n;
  return n;
}

/// Gives `f` these field names and no others, leaving out those that have no bits in this variant of the format.
/// Precondition: at most max_fields of them have bits.
constexpr void name_fields(format &f, std::initializer_list<field> names) noexcept {
  unsigned n = 0;
  for (auto const &one : names)
    if (one.width != 0) f.fields[n++] = one;
  while (n < max_fields) f.fields[n++] = {};
}

/// `f` with one more level on top: 5-level is 4-level plus a row.
constexpr auto deeper(format f, char const *name, level top) noexcept -> format {
  f.name = name;
  f.levels[f.depth++] = top;
  return f;
}

/// `f` with `bits` more index bits in its root (Sv39x4, concatenated stage-2 roots), and the upper input bits it takes.
constexpr auto wider_root(format f, char const *name, unsigned bits, extent upper) noexcept -> format {
  f.name  = name;
  f.upper = upper;
  f.levels[f.depth - 1].index_bits = static_cast<u8>(f.levels[f.depth - 1].index_bits + bits);
  return f;
}

}  // namespace pagewright
