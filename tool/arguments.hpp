// SPDX-License-Identifier: MIT
// What every command takes: which image, which machine, and how to write the answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <image/image.hpp>
#include <inspect/machine.hpp>
#include <inspect/render.hpp>

namespace pagewright::tool {

enum exit_code : int { success = 0, findings = 1, usage = 2, unreadable_input = 3, translation_fault = 4 };

enum class colouring : u8 { automatic, always, never };

struct arguments {
  std::vector<std::string>        files;
  std::optional<image::container> container;
  inspect::request                asked;
  bool                            names_machine = false;   // any option says something about the machine
  inspect::layout                 layout        = inspect::layout::table;
  std::string                     output;                  // empty: standard output
  colouring                       colour        = colouring::automatic;
  bool                            no_header     = false;
};

/// Adds those options to `command`; `into` must live until the command line has been parsed.
void add_source_options(CLI::App &command, arguments &into);
void add_output_options(CLI::App &command, arguments &into, bool csv);

/// An option whose value is a hexadecimal number.
auto add_hex(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into) -> CLI::Option *;
/// An option whose value is a size.
auto add_size(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into) -> CLI::Option *;

/// Says what is wrong on standard error and returns the exit code that goes with it.
auto complain(std::string const &message, exit_code code) -> exit_code;
auto complain(inspect::problem const &p) -> exit_code;

[[nodiscard]] auto open_image(arguments const &a) -> std::expected<image::image, inspect::problem>;
[[nodiscard]] auto machine_of(arguments const &a, image::image const &source)
    -> std::expected<inspect::machine, inspect::problem>;
[[nodiscard]] auto open_output(arguments const &a) -> std::expected<inspect::output_file, inspect::problem>;
[[nodiscard]] auto style_for(arguments const &a, inspect::output_file const &out) -> inspect::style;

}  // namespace pagewright::tool
