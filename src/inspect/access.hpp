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
  unsigned                      stage = 1;    // of the fault
  std::string                   fault;        // "#PF", "data abort", "load page fault"
  std::vector<told_value>       told;         // with the fault
  std::string                   why;          // for people
};

/// What the processor would do; nothing where its rules are not known here. Marks nothing. Complexity: as access.
[[nodiscard]] auto judge(machine const &m, image::image_memory const &memory, input_address at, access_request const &what)
    -> std::optional<access_report>;

/// "user write".
[[nodiscard]] auto text_of(access_request const &what) -> std::string;

}  // namespace pagewright::inspect
