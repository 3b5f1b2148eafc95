// SPDX-License-Identifier: MIT
// An entry's fields under their manual names.
#pragma once

#include <string>
#include <vector>

#include <pagewright/entry.hpp>

namespace pagewright::inspect {

/// A field of one kind of entry.
struct named_field {
  std::string label;                    // the manual's name; with its bits where several fields of the entry share it
  u8          lo, width;
  std::vector<piece> address{};         // if it holds bits of an address: which of them they are

  [[nodiscard]] auto value(u64 entry) const noexcept -> u64 {
    if (address.empty()) return entry >> lo & below(width);
    u64 found = 0;
    for (auto const &p : address) found |= p.gather(entry & ones(lo, width));
    return found;
  }
};

/// The fields of every kind of entry that a format has, so that printing an entry searches nothing.
class field_table {
 public:
  explicit field_table(format const &f);

  /// The fields of `entry` at `level`. Absent entries have none, nor have leaves of a shape the level does not know.
  [[nodiscard]] auto of(format const &f, unsigned level, u64 entry) const noexcept -> std::vector<named_field> const &;

 private:
  std::vector<named_field> of_tables_[max_depth], of_forms_[max_forms], none_;
};

}  // namespace pagewright::inspect
