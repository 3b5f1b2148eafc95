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
  std::optional<access_request> access;
  bool                     user = false, unprivileged = false;
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
           std::optional<access_request> const &what, Renderer &&renderer, inspect::output_file &out) -> exit_code {
  bool faulted = false;
  for (auto const at : addresses) {
    auto w = inspect::explain(m, memory, {at});
    if (what) w.judged = inspect::judge(m, memory, w, *what);
    faulted |= w.judged ? !w.judged->reached : !w.outcome || (w.below && !*w.below);  // a tag may make an address legal
    renderer.show(w);
    if (out.failed()) break;
  }
  renderer.finish();
  if (auto const done = out.finish(); !done) return complain(done.error());
  return faulted ? translation_fault : success;
}

auto run(walk_arguments const &given) -> exit_code {
  auto             a = given;
  if (a.access) a.access->user = a.user, a.access->unprivileged = a.unprivileged;
  else if (a.user || a.unprivileged)
    return complain("--user and --unprivileged say whose access it is: name it with --access r, w or x", usage);
  if (a.unprivileged && (a.user || a.access->kind == access_kind::fetch))
    return complain("--unprivileged is the kernel's reading or writing with the user's rights (LDTR, STTR): not with --user or --access x",
                    usage);
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
  auto m = machine_of(a, *source);
  if (!m) return complain(m.error());
  if (a.access) {
    for (auto const &v : m->views)
      if (std::holds_alternative<std::monostate>(v.rules))
        return complain(fmt::format("--access: by which rules {} judges accesses is not known here; x86, Arm and RISC-V are", m->arch), usage);
    if (a.unprivileged && m->arch != "aarch64" && m->arch != "arm")
      return complain(fmt::format("--unprivileged is of Arm (LDTR, STTR; LDRT, STRT), and the machine is {}", m->arch), usage);
    m->evidence.insert(m->evidence.end(), m->access_evidence.begin(), m->access_evidence.end());
  }
  auto out = open_output(a, a.batch);
  if (!out) return complain(out.error());
  warn(*source);

  image::image_memory const memory{*source};
  inspect::subject const    about{&*source, &*m};
  auto                      look = style_for(a, *out);
  look.trace                     = !a.no_trace;
  look.access                    = a.access.has_value();
  using inspect::layout;
  switch (a.layout) {
    case layout::table:  return write(*m, memory, addresses, a.access, inspect::table_walks{*out, about, look}, *out);
    case layout::csv:    return write(*m, memory, addresses, a.access, inspect::csv_walks{*out, look}, *out);
    case layout::json:
    case layout::ndjson: break;
  }
  return write(*m, memory, addresses, a.access, inspect::json_walks{*out, about, look, a.layout == layout::ndjson}, *out);
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
  c->add_option_function<std::string>("--access", [into = a.get()](std::string const &text) {
    auto const kind = text == "r"   ? std::optional{access_kind::read}
                      : text == "w" ? std::optional{access_kind::write}
                      : text == "x" ? std::optional{access_kind::fetch}
                                    : std::nullopt;
    if (!kind) throw CLI::ValidationError{"--access", fmt::format("'{}' is none of r, w, x", text)};
    into->access = access_request{.kind = *kind};
  }, "Also what the processor would do when the address is read, written or executed")->type_name("r|w|x");
  c->add_flag("--user", a->user, "With --access: in user mode");
  c->add_flag("--unprivileged", a->unprivileged, "With --access, Arm: by LDTR or STTR, LDRT or STRT");
  add_source_options(*c, *a);
  add_access_options(*c, *a);
  add_output_options(*c, *a, true);
  c->footer("Examples:\n"
            "  pagewright walk -f guest.elf.zst ffffffff81000000\n"
            "  pagewright walk guest.elf.zst 0x401000 0x7ffd0000 --output json\n"
            "  pagewright walk guest.elf.zst --batch - --output ndjson --no-trace < addresses.txt\n"
            "  pagewright walk guest.elf.zst 0x401000 --access w --user\n"
            "Exit code 4 if any address does not translate, or the access that is asked for is denied.");
  return {c, [a] { return run(*a); }};
}

}  // namespace pagewright::tool
