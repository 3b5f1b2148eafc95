// SPDX-License-Identifier: MIT
#include <bit>
#include <memory>

#include <image/memory.hpp>
#include <inspect/dump.hpp>
#include <inspect/number.hpp>

#include "commands.hpp"
#include "progress_bar.hpp"

namespace pagewright::tool {
namespace {

struct dump_arguments : arguments {
  std::string           within, rights, merge = "phys";
  std::optional<u64>    page, min_page, limit;
  bool                  user = false, kernel = false, raw = false, expand = false;
};

auto options_of(dump_arguments const &a) -> std::expected<inspect::dump_options, inspect::problem> {
  inspect::dump_options o;
  if (!a.within.empty()) {
    auto const within = inspect::parse_range(a.within);
    if (!within) return std::unexpected{within.error()};
    o.wanted.within = *within;
  }
  if (!a.rights.empty()) {
    auto const rule = inspect::parse_rights(a.rights, a.user ? 'u' : a.kernel ? 'k' : '\0');
    if (!rule) return std::unexpected{rule.error()};
    o.wanted.allowed = *rule;
  }
  o.wanted.reach    = a.user ? inspect::side::user : a.kernel ? inspect::side::kernel_only : inspect::side::both;
  if (a.page && !std::has_single_bit(*a.page))
    return inspect::refuse(inspect::blame::request, "--page: no leaf has a size of {} bytes; sizes are powers of two",
                           *a.page);
  o.wanted.page     = a.page;
  o.wanted.min_page = a.min_page.value_or(0);
  o.merge = a.raw || a.merge == "none" ? inspect::merging::none
            : a.merge == "rights"      ? inspect::merging::rights
                                       : inspect::merging::phys;
  o.expand_repeats = a.expand;
  if (a.limit) o.limit = *a.limit;
  return o;
}

template <class Renderer>
auto write(inspect::machine const &m, image::image_memory const &memory, inspect::dump_options o, Renderer &&renderer,
           inspect::output_file &out) -> exit_code {
  {
    progress_bar bar{out.is_terminal()};
    o.progress = [&bar](double fraction, inspect::dump_totals const &t) { bar.show(fraction, t); };
    auto const totals = inspect::dump(m, memory, o, renderer);
    renderer.finish(totals);
  }
  if (auto const done = out.finish(); !done) return complain(done.error());
  return success;
}

auto run(dump_arguments const &a) -> exit_code {
  auto const options = options_of(a);
  if (!options) return complain(options.error());
  auto const source = open_image(a);
  if (!source) return complain(source.error());
  auto const m = machine_of(a, *source);
  if (!m) return complain(m.error());

  warn(*source);
  image::image_memory const memory{*source};
  bool                      readable = false;
  for (auto const &v : m->views) readable |= inspect::root_is_readable(v, memory);
  if (!readable)
    return complain(
        fmt::format("the top table at {:#x} ({}) is not in the image; check the root, or the base of raw files",
                    m->views[0].from.table.value, m->views[0].label),
        unreadable_input);
  auto out = open_output(a);
  if (!out) return complain(out.error());

  inspect::subject const about{&*source, &*m};
  auto                   look = style_for(a, *out);
  look.raw                    = a.raw;
  using inspect::layout;
  switch (a.layout) {
    case layout::table:  return write(*m, memory, *options, inspect::table_dump{*out, look}, *out);
    case layout::csv:    return write(*m, memory, *options, inspect::csv_dump{*out, look}, *out);
    case layout::json:
    case layout::ndjson: break;
  }
  return write(*m, memory, *options, inspect::json_dump{*out, about, look, a.layout == layout::ndjson}, *out);
}

}  // namespace

auto dump_command(CLI::App &app) -> command {
  auto *const c = app.add_subcommand(
      "dump", "What is mapped: merged ranges with effective rights, size, memory type and where they lead");
  auto const  a = std::make_shared<dump_arguments>();
  add_source_options(*c, *a);
  add_image_words(*c, *a);
  auto const filter = [](CLI::Option *o) { o->group("Filter"); };
  filter(add_text(*c, "--range", "Only what overlaps FIRST-LAST (both included) or FIRST+SIZE", a->within)
             ->type_name("RANGE"));
  filter(add_text(*c, "--rights", "Only with these rights: letters r w x, ! forbids; 'wx', '!w', 'k:w u:r'", a->rights)
             ->type_name("EXPR"));
  auto *const user = c->add_flag("--user", a->user, "Only what user code can reach; --rights means the user's");
  filter(c->add_flag("--kernel", a->kernel, "Only what user code cannot reach; --rights means the kernel's")
             ->excludes(user));
  filter(user);
  filter(add_size(*c, "--page", "Only leaves of this size", a->page));
  filter(add_size(*c, "--min-page", "Only leaves of at least this size", a->min_page));

  auto const shape = [](CLI::Option *o) { o->group("Shape"); };
  auto *const merge =
      c->add_option("--merge", a->merge,
                    "Neighbours become one line where they: phys, agree in everything and are "
                    "contiguous in physical memory (default); rights, have the same effective rights; none, never")
          ->check(CLI::IsMember({"phys", "rights", "none"}).description(""))
          ->type_name("phys|rights|none");
  shape(merge);
  shape(c->add_flag("--raw", a->raw, "One line per leaf, with its raw entry and where that is")->excludes(merge));
  shape(c->add_flag("--expand-repeats", a->expand,
                    "List a table that hangs in several neighbouring slots once for each"));
  shape(add_count(*c, "--limit", "Stop after this many lines, and say so", a->limit));
  add_output_options(*c, *a, true);
  c->footer("Examples:\n"
            "  pagewright dump guest.elf.zst\n"
            "  pagewright dump guest.elf.zst --rights wx --output json -o wx.json\n"
            "  pagewright dump guest.elf.zst --kernel --range 0xffff888000000000+1G --min-page 2M\n"
            "  pagewright dump ram.bin@40000000 --ttbr1 0x41a68001 --tcr 0x95001f6b54c350c");
  return {c, [a] { return run(*a); }};
}

}  // namespace pagewright::tool
