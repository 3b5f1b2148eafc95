// SPDX-License-Identifier: MIT
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>

#include "commands.hpp"

namespace {

using namespace pagewright::tool;

auto run(int argc, char **argv) -> int {
  CLI::App app{"Page tables of captured machines: what is mapped, where an address leads, and why", "pagewright"};
  app.set_version_flag("--version", "pagewright " PAGEWRIGHT_VERSION);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer("Exit codes: 0 ok, 1 findings or differences, 2 usage, 3 input unreadable, 4 translation fault.\n"
             "Run 'pagewright COMMAND --help' for the options of a command.");

  command const commands[]{info_command(app), dump_command(app), walk_command(app), build_command(app),
                            formats_command(app), decode_command(app)};
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
