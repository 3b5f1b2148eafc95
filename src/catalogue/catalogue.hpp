// SPDX-License-Identifier: MIT
// Every format the library has, with what its description cannot say of itself: who builds such tables, what it rests
// on, and what is not certain of it.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <inspect/problem.hpp>
#include <pagewright/format.hpp>

namespace pagewright::catalogue {

/// One format under the name by which people ask for it.
struct variant {
  std::string_view name;  // "x86-64-4level"; no two are equal
  format const    *description;
  std::string_view constant;      // the library's: "x86::x86_64_4level"
  std::string_view about;         // what sets it apart from its family
  bool             drawn = true;  // in full on its family's page; otherwise a row of the table there
};

/// Formats that belong together: one page of docs/formats, under the family's name.
struct family {
  std::string_view                  name, title;  // "x86", "x86 paging"
  std::string_view                  header;       // include/pagewright/formats/...
  std::string_view                  about;
  bool                              built;     // software builds such tables; otherwise it can only read them
  std::string_view                  builders;  // who does: "operating systems", "hypervisors"
  std::span<variant const>          variants;
  std::span<std::string_view const> sources;
  std::span<std::string_view const> uncertain;  // what the description takes for granted, and may be wrong
};

/// All families. Adding one is a line in catalogue.cpp and its text in one of *_families.cpp.
[[nodiscard]] auto families() -> std::span<family const *const>;

/// What a name stands for: a family (`one` is null), or a variant and its family.
struct choice {
  family const  *of  = nullptr;
  variant const *one = nullptr;

  /// The variants that are meant.
  [[nodiscard]] auto variants() const -> std::span<variant const> {
    return one != nullptr ? std::span{one, 1} : of->variants;
  }
};

/// The family or format of that name; no two have the same. Upper and lower case are alike. The problem names what
/// comes nearest.
[[nodiscard]] auto find(std::string_view name) -> std::expected<choice, inspect::problem>;

/// The format of that name. A family of one format is that format; of another family the problem lists the members.
[[nodiscard]] auto find_format(std::string_view name) -> std::expected<choice, inspect::problem>;

/// Of `known` those that are most like `word`, the nearest first; none if none is like it.
[[nodiscard]] auto nearest(std::string_view word, std::span<std::string_view const> known, std::size_t most = 3)
    -> std::vector<std::string_view>;

}  // namespace pagewright::catalogue
