// SPDX-License-Identifier: MIT
// The kinds of entry that a format has, and what every bit of them is for: read off the description, so that what
// people are told is what the algorithms do.
#pragma once

#include <string>
#include <vector>

#include "boxes.hpp"
#include "words.hpp"

namespace pagewright::catalogue {

/// Table entries of a level, or its leaves of one shape.
struct entry_shape {
  unsigned level = 0;
  u8       form  = no_form;  // no_form: a table entry

  [[nodiscard]] auto is_table() const noexcept -> bool { return form == no_form; }
  [[nodiscard]] auto scope() const noexcept -> u8 { return is_table() ? on_tables : on_form(form); }
};

/// The kinds of entry of `f`, from the root down; of a level the table entry first, then leaves in the level's order.
[[nodiscard]] auto shapes_of(format const &f) -> std::vector<entry_shape>;

/// "table entry", "large page".
[[nodiscard]] auto shape_name(format const &f, entry_shape s) -> std::string;

/// What the bits of such an entry are, whatever it holds.
struct anatomy {
  u64 told = 0, told_value = 0;  // bits that make it an entry of this kind, and how
  u64 rejected = 0;              // hardware rejects the entry if one of these is set
  u64 unlooked = 0;              // address bits below the leaf's size
};
[[nodiscard]] auto anatomy_of(format const &f, entry_shape s) -> anatomy;

/// The fields as boxes, with the bits that must be so or so: x is free, - not looked at.
[[nodiscard]] auto cells_of(format const &f, entry_shape s) -> std::vector<cell>;
/// The fields as boxes with what they hold in `entry`.
[[nodiscard]] auto cells_of(format const &f, entry_shape s, u64 entry) -> std::vector<cell>;

/// What a field decides, in words; "" if no rule looks at it.
[[nodiscard]] auto meaning_of(format const &f, entry_shape s, named_bits const &field) -> std::string;

/// By what such an entry is told from others: "P = 1 and PS = 1".
[[nodiscard]] auto sign_of(format const &f, entry_shape s) -> std::string;

/// The bits at which some rule looks, or which hardware rejects.
[[nodiscard]] auto decisive_bits(format const &f, entry_shape s) -> u64;

/// The bits that hold an address, looked at or not.
[[nodiscard]] auto address_bits_of(format const &f, entry_shape s) -> u64;

/// "4K", or for leaves whose size is coded "8K to 1M".
[[nodiscard]] auto leaf_sizes(format const &f, entry_shape s) -> std::string;

}  // namespace pagewright::catalogue
