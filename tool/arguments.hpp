// SPDX-License-Identifier: MIT
// What every command takes: which image, which machine, and how to write the answer.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <format_file/format_file.hpp>
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
  std::string                     format_file;             // "": a machine that is known here
  inspect::layout                 layout    = inspect::layout::table;
  std::string                     output    = "-";         // "-": standard output
  colouring                       colour    = colouring::automatic;
  bool                            no_header = false;
};

/// Adds those options to `command`; `into` must live until the command line has been parsed.
void add_source_options(CLI::App &command, arguments &into);
/// Registers that decide accesses, and those of a stage below.
void add_access_options(CLI::App &command, arguments &into);
void add_output_options(CLI::App &command, arguments &into, bool csv);
/// Images as words without an option. They come after those of -f: where files overlap, the earlier one is read.
void add_image_words(CLI::App &command, arguments &into);

/// Does the parsed command line say anything about the machine?
[[nodiscard]] auto names_machine(CLI::App const &command) -> bool;

/// An option whose value is a hexadecimal number.
auto add_hex(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into)
    -> CLI::Option *;
/// An option whose value is a size.
auto add_size(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into)
    -> CLI::Option *;
/// An option whose value is a decimal number. (CLI11 itself takes -1 for the largest.)
auto add_count(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into)
    -> CLI::Option *;
/// An option whose value is a text that says something: an empty one, of a variable that a script forgot, is refused.
auto add_text(CLI::App &command, std::string const &name, std::string const &help, std::string &into) -> CLI::Option *;

/// Says what is wrong on standard error and returns the exit code that goes with it. Never throws on a standard error
/// that cannot be written.
auto complain(std::string_view message, exit_code code) noexcept -> exit_code;
auto complain(inspect::problem const &p) noexcept -> exit_code;
/// Says what was wrong with files that could be read all the same.
void warn(image::image const &source) noexcept;

[[nodiscard]] auto open_image(arguments const &a) -> std::expected<image::image, inspect::problem>;
[[nodiscard]] auto machine_of(arguments const &a, image::image const &source)
    -> std::expected<inspect::machine, inspect::problem>;
/// The format that a file describes. What is wrong with the file is the input's fault.
[[nodiscard]] auto read_format(std::string const &path) -> std::expected<format_file::owned_format, inspect::problem>;
[[nodiscard]] auto open_output(arguments const &a, std::string const &batch = {})
    -> std::expected<inspect::output_file, inspect::problem>;

/// Refuses an output file that is one of the inputs too: opening it would destroy what is to be read.
[[nodiscard]] auto keeps_inputs(std::string const &output, std::span<std::string const> inputs)
    -> std::expected<void, inspect::problem>;
[[nodiscard]] auto style_for(arguments const &a, inspect::output_file const &out) -> inspect::style;

}  // namespace pagewright::tool
