// SPDX-License-Identifier: MIT
#include <memory>

#include "commands.hpp"

namespace pagewright::tool {
namespace {

auto run(arguments const &a, bool names_machine) -> exit_code {
  auto const source = open_image(a);
  if (!source) return complain(source.error());
  auto const found = machine_of(a, *source);
  auto       out   = open_output(a);
  if (!out) return complain(out.error());

  inspect::subject const about{&*source, found ? &*found : nullptr};
  auto const             why_not = found ? std::string{} : found.error().message;
  if (a.layout == inspect::layout::table) inspect::table_info(*out, about, why_not, style_for(a, *out));
  else inspect::json_info(*out, about, why_not);
  if (auto const done = out->finish(); !done) return complain(done.error());
  // That an image does not tell its root is an answer, not an error; a wrong option is an error.
  return !found && names_machine ? complain(found.error()) : success;
}

}  // namespace

auto info_command(CLI::App &app) -> command {
  auto *const c =
      app.add_subcommand("info", "What an image is: files, memory, vCPUs, the paging mode and on what evidence");
  auto const  a = std::make_shared<arguments>();
  add_source_options(*c, *a);
  add_image_words(*c, *a);
  add_output_options(*c, *a, false);
  c->footer("Examples:\n"
            "  pagewright info guest.elf.zst\n"
            "  pagewright info ram.bin@80000000 --satp 0x9001d00000083119\n"
            "  pagewright info guest.elf --cpu 1 --output json");
  return {c, [c, a] { return run(*a, names_machine(*c)); }};
}

}  // namespace pagewright::tool
