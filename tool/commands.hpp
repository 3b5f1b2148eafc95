// SPDX-License-Identifier: MIT
// One function for each command: adds its options to `app` and returns what to do if it is chosen.
#pragma once

#include <functional>

#include "arguments.hpp"

namespace pagewright::tool {

struct command {
  CLI::App                  *options;
  std::function<exit_code()> run;
};

[[nodiscard]] auto build_command(CLI::App &app) -> command;
[[nodiscard]] auto decode_command(CLI::App &app) -> command;
[[nodiscard]] auto formats_command(CLI::App &app) -> command;
[[nodiscard]] auto info_command(CLI::App &app) -> command;
[[nodiscard]] auto dump_command(CLI::App &app) -> command;
[[nodiscard]] auto walk_command(CLI::App &app) -> command;

}  // namespace pagewright::tool
