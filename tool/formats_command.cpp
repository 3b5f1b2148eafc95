// SPDX-License-Identifier: MIT
#include <filesystem>
#include <memory>

#include <catalogue/draw.hpp>

#include "commands.hpp"
#include "named_format.hpp"

namespace pagewright::tool {
namespace {

struct formats_arguments {
  std::string name, output = "-";
  bool        markdown = false, toml = false;
};

using problem = inspect::problem;

[[nodiscard]] auto write(std::string const &path, std::string_view text) -> std::expected<void, problem> {
  auto out = path == "-" ? std::expected<inspect::output_file, problem>{inspect::output_file{}}
                         : inspect::output_file::create(path);
  if (!out) return std::unexpected{out.error()};
  out->put(text);
  return out->finish();
}

/// A page for every family and their index, as files of a directory, which is made if it is not there.
[[nodiscard]] auto write_pages(std::string const &directory) -> std::expected<void, problem> {
  std::error_code trouble;
  std::filesystem::create_directories(directory, trouble);
  if (!std::filesystem::is_directory(directory))
    return inspect::refuse(inspect::blame::input, "{}: is no directory and cannot be made one; name another with -o",
                           directory);
  auto const in = [&](std::string_view name) {
    return (std::filesystem::path{directory} / fmt::format("{}.md", name)).string();
  };
  for (auto const *f : catalogue::families())
    if (auto const done = write(in(f->name), as_markdown(catalogue::draw({f, nullptr}))); !done) return done;
  return write(in("README"), as_markdown(catalogue::draw_index()));
}

auto run(formats_arguments const &a) -> exit_code {
  if (a.name.empty() && a.toml)
    return complain("--toml prints one format: name it, 'pagewright formats NAME --toml'", usage);
  if (a.name.empty() && a.markdown) {
    if (a.output == "-")
      return complain("--markdown without a name writes a page for every family: name a directory with -o", usage);
    if (auto const done = write_pages(a.output); !done) return complain(done.error());
    return success;
  }

  std::string text;
  auto        output = a.output;
  if (a.name.empty()) {
    text = as_text(catalogue::draw_list());
  } else {
    auto const found = find_named(a.name, a.toml);
    if (!found) return complain(found.error());
    if (a.toml) {
      text = format_file::write(found->description());
    } else {
      auto const page = found->own ? catalogue::draw(*found->own, found->name) : catalogue::draw(found->listed);
      text            = a.markdown ? as_markdown(page) : as_text(page);
    }
    if (output != "-" && std::filesystem::is_directory(output))
      output = (std::filesystem::path{output} / fmt::format("{}.{}", found->name,
                                                            a.toml       ? "toml"
                                                            : a.markdown ? "md"
                                                                         : "txt"))
                   .string();
  }
  if (auto const ok = keeps_inputs(output, std::vector{a.name}); !ok) return complain(ok.error());
  if (auto const done = write(output, text); !done) return complain(done.error());
  return success;
}

}  // namespace

auto formats_command(CLI::App &app) -> command {
  auto *const c = app.add_subcommand("formats", "The page-table formats: all of them, or one drawn bit by bit");
  auto const  a = std::make_shared<formats_arguments>();
  add_text(*c, "NAME", "A format, a family of formats, or a file that describes one (FILE.toml)", a->name)
      ->type_name("");
  auto *const markdown = c->add_flag("--markdown", a->markdown,
                                     "As Markdown; without NAME a page for every family, in the directory of -o");
  c->add_flag("--toml", a->toml, "As a file that --format-file reads")->excludes(markdown);
  add_text(*c, "-o", "Write to FILE, or into the directory of that name. '-': standard output", a->output)
      ->type_name("FILE");
  c->footer("Examples:\n  pagewright formats\n  pagewright formats arm64-4k-48-lower\n  pagewright formats riscv "
            "--markdown -o riscv.md\n  pagewright formats x86-pae --toml -o my_mmu.toml\n  pagewright formats "
            "--markdown -o docs/formats");
  return {c, [a] { return run(*a); }};
}

}  // namespace pagewright::tool
