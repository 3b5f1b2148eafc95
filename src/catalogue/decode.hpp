// SPDX-License-Identifier: MIT
// One raw entry, explained bit by bit.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <inspect/json.hpp>

#include "anatomy.hpp"
#include "page.hpp"

namespace pagewright::catalogue {

/// A field of an entry, what it holds, and what that decides.
struct decoded_field {
  named_bits  bits;
  u64         value;
  std::string meaning;
};

/// What an entry is and says. Members that the kind does not have are empty.
struct decoded_entry {
  std::string_view           name;  // of the format, as it was asked for
  format const              *description = nullptr;
  unsigned                   level       = 0;
  u64                        entry       = 0;
  entry_kind                 kind        = entry_kind::absent;
  entry_shape                shape{};         // of a reserved or absent entry what it comes nearest to
  bool                       shaped = false;  // it is of that shape, though hardware may reject it
  bool                       sparse = false;  // absent, but reads of its pages yield zeroes
  std::vector<std::string>   why;             // what makes it absent, or has it rejected; what else is to be known
  std::optional<u64>         address;         // of the leaf's memory, or of the next table
  std::optional<unsigned>    lg2;             // of what a leaf maps
  std::optional<unsigned>    next;            // the level of the next table
  rights                     allow = rights::none;  // of a leaf; of a table entry what it leaves to what lies below
  attributes                 says{};                // of a leaf
  std::vector<decoded_field> fields;                // from the topmost bit down
  u64                        rejected = 0;          // set bits that hardware rejects on their own
  u64                        software = 0;          // set bits that are software's
  u64                        unused   = 0;          // set bits that no rule looks at
  u64                        unnamed  = 0;          // set bits that belong to no field
};

/// Explains `entry` of a table of `level`. Precondition: the level exists, and the entry is no wider than the format's.
[[nodiscard]] auto decode(format const &f, std::string_view name, unsigned level, u64 entry) -> decoded_entry;

[[nodiscard]] auto page_of(decoded_entry const &e) -> page;
void               write_json(inspect::output_file &out, decoded_entry const &e);

/// The level that `text` names: by its number, 0 being the lowest, or by its name in any case. The problem lists them.
[[nodiscard]] auto level_named(format const &f, std::string_view name, std::string_view text)
    -> std::expected<unsigned, inspect::problem>;

/// The entry that `text` is, in hexadecimal. The problem says what is wrong with it.
[[nodiscard]] auto entry_of(format const &f, std::string_view name, std::string_view text)
    -> std::expected<u64, inspect::problem>;

}  // namespace pagewright::catalogue
