// SPDX-License-Identifier: MIT
#include <memory>

#include <catalogue/decode.hpp>

#include "commands.hpp"
#include "named_format.hpp"

namespace pagewright::tool {
namespace {

struct decode_arguments {
  std::string format, level, value, layout = "table", output = "-";
};

auto run(decode_arguments const &a) -> exit_code {
  auto const found = find_named(a.format, true);
  if (!found) return complain(found.error());
  auto const &f     = found->description();
  auto const  level = catalogue::level_named(f, found->name, a.level);
  if (!level) return complain(level.error());
  auto const entry = catalogue::entry_of(f, found->name, a.value);
  if (!entry) return complain(entry.error());

  auto out = a.output == "-" ? std::expected<inspect::output_file, inspect::problem>{inspect::output_file{}}
                             : inspect::output_file::create(a.output);
  if (!out) return complain(out.error());
  auto const decoded = catalogue::decode(f, found->name, *level, *entry);
  if (a.layout == "json") catalogue::write_json(*out, decoded);
  else out->put(as_text(page_of(decoded)));
  if (auto const done = out->finish(); !done) return complain(done.error());
  return success;
}

}  // namespace

auto decode_command(CLI::App &app) -> command {
  auto *const c =
      app.add_subcommand("decode", "What a raw entry says: its kind, every field, and the bits that hardware rejects");
  auto const a = std::make_shared<decode_arguments>();
  add_text(*c, "FORMAT", "A format ('pagewright formats' lists them), or a file that describes one (FILE.toml)",
           a->format)
      ->type_name("")
      ->required();
  add_text(*c, "LEVEL", "The level of the table that holds the entry: its name, or its number (0 is the lowest)",
           a->level)
      ->type_name("")
      ->required();
  add_text(*c, "VALUE", "The entry, in hexadecimal, as a processor of the format's byte order reads it", a->value)
      ->type_name("HEX")
      ->required();
  c->add_option("--output", a->layout, "How to write the answer")
      ->check(CLI::IsMember({"table", "json"}).description(""))
      ->type_name("table|json");
  add_text(*c, "-o", "Write to FILE, which is replaced only when all is written. '-': standard output", a->output)
      ->type_name("FILE");
  c->footer("Examples:\n  pagewright decode x86-64-4level PD 80000001234000e7\n  pagewright decode arm64-4k-48-lower "
            "L3 0x60000040201f43\n  pagewright decode riscv-sv39 0 20048cc7 --output json\nExit code 0 whatever the "
            "entry is: one that hardware rejects is an answer, too.");
  return {c, [a] { return run(*a); }};
}

}  // namespace pagewright::tool
