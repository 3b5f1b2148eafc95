// SPDX-License-Identifier: MIT
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <optional>

#include <catalogue/catalogue.hpp>

#include "commands.hpp"

namespace {

using namespace pagewright::tool;

/// What is wrong with the first word, if it should be a command and is not.
auto misnamed_command(CLI::App const &app, int argc, char const *const *argv) -> std::optional<std::string> {
  if (argc < 2) return std::nullopt;
  std::string_view const              word = argv[1];
  std::vector<std::string>            names;
  std::vector<std::string_view>       known;
  for (auto const *c : app.get_subcommands([](CLI::App const *) { return true; })) names.push_back(c->get_name());
  known.assign(names.begin(), names.end());
  if (std::ranges::find(known, word) != known.end() || word == "-h" || word == "--help" || word == "--version")
    return std::nullopt;
  if (word.starts_with('-'))
    return fmt::format("'{}' stands before the command; write 'pagewright COMMAND' and options after it. Commands: {}", word,
                       fmt::join(known, ", "));
  auto const near = pagewright::catalogue::nearest(word, known, 1);
  return fmt::format("there is no command '{}'{}. Commands: {}", word,
                     near.empty() ? std::string{} : fmt::format("; is '{}' meant?", near.front()), fmt::join(known, ", "));
}

auto run(int argc, char **argv) -> int {
  CLI::App app{"Page tables of captured machines: what is mapped, where an address leads, and why", "pagewright"};
  app.set_version_flag("--version", "pagewright " PAGEWRIGHT_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer("Exit codes: 0 ok, 1 findings or differences, 2 usage, 3 input unreadable, 4 translation fault.\n"
             "Run 'pagewright COMMAND --help' for the options of a command.");

  command const commands[]{info_command(app), dump_command(app), walk_command(app), build_command(app),
                            formats_command(app), decode_command(app)};
  if (auto const wrong = misnamed_command(app, argc, argv)) return complain(*wrong, usage);
  try {
    app.parse(argc, argv);
  } catch (CLI::ParseError const &e) {
    if (e.get_exit_code() == 0) return app.exit(e, std::cout, std::cout);
    std::string name = "pagewright";
    for (auto const *c : app.get_subcommands()) name += ' ' + c->get_name();
    return complain(fmt::format("{}\nRun '{} --help' for what it takes.", e.what(), name), usage);
  }
  for (auto const &c : commands)
    if (c.options->parsed()) return c.run();
  return usage;
}

}  // namespace

auto main(int argc, char **argv) -> int {
  try {
    return run(argc, argv);
  } catch (std::bad_alloc const &) {
    return complain("out of memory; choose a part with --range, or stop with --limit", unreadable_input);
  } catch (std::exception const &e) {
    return complain(e.what(), unreadable_input);
  }
}
