// SPDX-License-Identifier: MIT
// What the processor would do with an access, in its own codes and in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <image/memory.hpp>
#include <pagewright/access.hpp>

#include "machine.hpp"

namespace pagewright::inspect {

/// What software would be told: a register, or a part of one.
struct told_value {
  std::string_view name;
  u64              value;
};

struct access_report {
  access_request                asked;
  std::optional<translation>    reached;      // if it is allowed: what all stages lead to
  bool                          known = true; // otherwise a table that decides is not in the image, or not known
  unsigned                      stage = 1;    // of the fault
  std::string                   fault;        // "#PF", "data abort", "load page fault"
  std::vector<told_value>       told;         // with the fault
  std::string                   why;          // for people
};

struct explained_walk;

/// What the processor would do at the address of `w`, which was explained from the same machine and memory. Marks nothing.
/// Precondition: the rules of all views are known. Complexity: as access.
[[nodiscard]] auto judge(machine const &m, image::image_memory const &memory, explained_walk const &w, access_request const &what)
    -> access_report;

/// "user write".
[[nodiscard]] auto text_of(access_request const &what) -> std::string;

}  // namespace pagewright::inspect
