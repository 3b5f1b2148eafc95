// SPDX-License-Identifier: MIT
// Bits, patterns and rights in words, under the names of a format's fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <pagewright/check.hpp>

namespace pagewright::catalogue {

/// "bit 7", "bits 63, 51:46".
[[nodiscard]] auto bits_text(u64 mask) -> std::string;

/// The bits of `mask` as ranges, from the topmost down.
struct bit_range {
  unsigned hi, lo;
};
[[nodiscard]] auto ranges_of(u64 mask) -> std::vector<bit_range>;

/// A field of the kind of entry that `scope` names (on_tables, on_form(n)). Where several of one kind share a name,
/// their bits are part of it: "AVL[11:9]".
struct named_bits {
  std::string name, own;  // `own`: the manual's alone
  unsigned    hi, lo;

  [[nodiscard]] auto mask() const noexcept -> u64 { return ones(lo, hi - lo + 1); }
  [[nodiscard]] auto value(u64 entry) const noexcept -> u64 { return (entry & mask()) >> lo; }
};
/// The fields of that kind of entry, from the topmost bit down; neighbours of one name as one.
[[nodiscard]] auto fields_of(format const &f, u8 scope) -> std::vector<named_bits>;

/// The fields that have bits in `mask`: "R/W, AVL[11:9]"; bits without a name as bits_text has them.
[[nodiscard]] auto names_text(format const &f, u8 scope, u64 mask) -> std::string;

/// "P = 1 and PS = 0". What holds always is "always", what never does "never".
[[nodiscard]] auto match_text(format const &f, u8 scope, match m) -> std::string;

/// "kernel r-x, user r--".
[[nodiscard]] auto rights_text(rights r) -> std::string;

/// A right or rights that are taken or given, as a verb's object: "writing", "the user's writing", "all rights".
[[nodiscard]] auto rights_noun(rights r) -> std::string;

/// The scope of the leaves that level 0 makes; what absent patterns are named after.
[[nodiscard]] auto usual_scope(format const &f, unsigned level) -> u8;

/// Does form `n` occur at any level?
[[nodiscard]] auto is_used(format const &f, unsigned n) -> bool;

/// The lowest level that holds leaves of form `n`. Precondition: is_used.
[[nodiscard]] auto lowest_level(format const &f, unsigned n) -> unsigned;

/// "a", "a and b", "a, b and c".
[[nodiscard]] auto listed(std::vector<std::string> const &items) -> std::string;

/// What differs between levels, or kinds of leaves, is said of each: "PML4: so; PDPT and PD: otherwise".
class by_level {
 public:
  void               add(std::string_view level, std::string said);
  [[nodiscard]] auto text() const -> std::string;

 private:
  struct entry {
    std::string              said;
    std::vector<std::string> levels;
  };
  std::vector<entry> said_;
};

/// 2^lg2 bytes: "4K", "256T", "16E".
[[nodiscard]] auto power_text(unsigned lg2) -> std::string;

}  // namespace pagewright::catalogue
