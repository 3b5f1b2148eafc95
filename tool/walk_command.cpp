// SPDX-License-Identifier: MIT
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include <image/memory.hpp>
#include <inspect/number.hpp>
#include <inspect/walks.hpp>

#include "commands.hpp"

namespace pagewright::tool {
namespace {

struct walk_arguments : arguments {
  std::vector<std::string> words;
  std::string              batch;
  bool                     no_trace = false;
};

[[nodiscard]] auto trimmed(std::string_view line) noexcept -> std::string_view {
  line            = line.substr(0, line.find('#'));
  auto const from = line.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return {};
  return line.substr(from, line.find_last_not_of(" \t\r") - from + 1);
}

/// The addresses of a batch: one per line, '#' begins a comment.
auto read_batch(std::string const &path, std::vector<u64> &into) -> std::expected<void, inspect::problem> {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return inspect::refuse(inspect::blame::input, "--batch {}: cannot be opened", path);
  }
  auto       &in   = path == "-" ? std::cin : file;
  auto const  name = path == "-" ? std::string{"standard input"} : path;
  std::string line;
  for (u64 n = 1; std::getline(in, line); ++n) {
    auto const text = trimmed(line);
    if (text.empty()) continue;
    auto const at = inspect::parse_hex(text);
    if (!at)
      return inspect::refuse(inspect::blame::request, "{}, line {}: '{}' is not a hexadecimal address", name, n, text);
    into.push_back(*at);
  }
  if (in.bad()) return inspect::refuse(inspect::blame::input, "{}: cannot be read", name);
  return {};
}

template <class Renderer>
auto write(inspect::machine const &m, image::image_memory const &memory, std::vector<u64> const &addresses,
           Renderer &&renderer, inspect::output_file &out) -> exit_code {
  bool faulted = false;
  for (auto const at : addresses) {
    auto const w = inspect::explain(m, memory, {at});
    faulted |= !w.outcome;
    renderer.show(w);
    if (out.failed()) break;
  }
  renderer.finish();
  if (auto const done = out.finish(); !done) return complain(done.error());
  return faulted ? translation_fault : success;
}

auto run(walk_arguments const &given) -> exit_code {
  auto             a = given;
  std::vector<u64> addresses;
  for (auto const &word : a.words) {
    if (auto const at = inspect::parse_hex(word)) addresses.push_back(*at);
    else if ((word.starts_with("0x") || word.starts_with("0X")) && !word.contains('@') &&
             !std::filesystem::exists(word))
      return complain(
          fmt::format("'{}' is neither an address, a hexadecimal number of at most 64 bits, nor a file", word), usage);
    else a.files.push_back(word);
  }
  if (!a.batch.empty())
    if (auto const read = read_batch(a.batch, addresses); !read) return complain(read.error());
  if (addresses.empty() && a.batch.empty())
    return complain(a.words.empty()
                        ? std::string{"no address is named; add one or more in hexadecimal, or --batch FILE"}
                        : fmt::format("no address is named: {} {} taken for {}; add one or more in hexadecimal, or --batch FILE",
                                      fmt::join(a.words, ", "), a.words.size() == 1 ? "is" : "are",
                                      a.words.size() == 1 ? "a file" : "files"),
                    usage);

  auto const source = open_image(a);
  if (!source) return complain(source.error());
  auto const m = machine_of(a, *source);
  if (!m) return complain(m.error());
  auto out = open_output(a, a.batch);
  if (!out) return complain(out.error());
  warn(*source);

  image::image_memory const memory{*source};
  inspect::subject const    about{&*source, &*m};
  auto                      look = style_for(a, *out);
  look.trace                     = !a.no_trace;
  using inspect::layout;
  switch (a.layout) {
    case layout::table:  return write(*m, memory, addresses, inspect::table_walks{*out, about, look}, *out);
    case layout::csv:    return write(*m, memory, addresses, inspect::csv_walks{*out, look}, *out);
    case layout::json:
    case layout::ndjson: break;
  }
  return write(*m, memory, addresses, inspect::json_walks{*out, about, look, a.layout == layout::ndjson}, *out);
}

}  // namespace

auto walk_command(CLI::App &app) -> command {
  auto *const c = app.add_subcommand(
      "walk", "Where an address leads: every level, which one took a right away, and the fault if there is one");
  auto const  a = std::make_shared<walk_arguments>();
  c->add_option("VA", a->words, "Addresses in hexadecimal; a word that is none is a memory image, as for --file")
      ->type_name("VA...");
  add_text(*c, "--batch", "Also the addresses in FILE ('-': standard input), one a line; # begins a comment", a->batch)
      ->type_name("FILE");
  c->add_flag("--no-trace", a->no_trace, "Results without the levels on the way");
  add_source_options(*c, *a);
  add_output_options(*c, *a, true);
  c->footer("Examples:\n"
            "  pagewright walk -f guest.elf.zst ffffffff81000000\n"
            "  pagewright walk guest.elf.zst 0x401000 0x7ffd0000 --output json\n"
            "  pagewright walk guest.elf.zst --batch - --output ndjson --no-trace < addresses.txt\n"
            "Exit code 4 if any address does not translate.");
  return {c, [a] { return run(*a); }};
}

}  // namespace pagewright::tool
