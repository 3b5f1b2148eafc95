// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <format_file/notation.hpp>
#include <inspect/json.hpp>
#include <inspect/number.hpp>
#include <pagewright/space.hpp>

#include "commands.hpp"
#include "named_format.hpp"

namespace pagewright::tool {
namespace {

using inspect::blame;
using inspect::refuse;

template <class T>
using outcome = std::expected<T, inspect::problem>;

struct build_arguments : arguments {
  std::string              format_name, frames = "1000000+64M";
  std::vector<std::string> maps;
  std::optional<u64>       root_at;
};

/// What one --map asks for.
struct mapping {
  std::string_view           text;
  range                      input;
  output_address             output;
  rights                     allow;
  std::optional<memory_type> type;
};

auto parse_mapping(std::string_view text) -> outcome<mapping> {
  auto       rest = text;
  auto const word = [&rest] {
    auto const end  = rest.find(':');
    auto const part = rest.substr(0, end);
    rest            = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    return part;
  };
  auto const va = word(), len = word(), pa = word();
  if (rest.empty()) return refuse(blame::request, "--map '{}': write VA:LEN:PA:RIGHTS or VA:LEN:PA:RIGHTS:TYPE", text);
  auto const first = inspect::parse_hex(va), to = inspect::parse_hex(pa);
  for (auto const &[part, value] : {std::pair{va, first}, {pa, to}})
    if (!value) return refuse(blame::request, "--map '{}': '{}' is not a hexadecimal address", text, part);
  auto const size = inspect::parse_size(len);
  if (!size)
    return refuse(blame::request, "--map '{}': '{}' is not a size: write 4096, 0x1000, 4K, 2M or 1G", text, len);
  auto const input = range::of({*first}, *size);
  if (!input) return refuse(blame::request, "--map '{}': the range is empty, or goes beyond the last address", text);

  auto const said  = rest;
  auto const allow = format_file::take_rights(rest);
  if (!allow || (!rest.empty() && rest.front() != ':'))
    return refuse(blame::request, "--map '{}': '{}' does not begin with rights: write letters of rwx, or k:rw,u:r",
                  text, said);
  mapping m{text, *input, {*to}, *allow, {}};
  if (rest.empty()) return m;
  auto const name = rest.substr(1);
  m.type          = format_file::memory_type_named(name);
  if (m.type && *m.type != memory_type::reserved) return m;
  return refuse(blame::request, "--map '{}': '{}' is no memory type; there are: {}", text, name,
                fmt::join(format_file::memory_type_names().subspan(1), ", "));
}

/// The bytes that become the image: physical memory from `base` on, as far as tables were put there.
struct memory_under_construction {
  u64             base;
  std::vector<u8> bytes;

  void reach(u64 end) {
    if (end - base > bytes.size()) bytes.resize(static_cast<std::size_t>(end - base));
  }
};
struct in_construction {
  memory_under_construction *of;

  auto operator()(output_address a) const noexcept -> void * {
    if (a.value < of->base || a.value - of->base >= of->bytes.size()) return nullptr;
    return of->bytes.data() + (a.value - of->base);
  }
};

/// Frames of a range in ascending order, around the root.
class frames_around_root {
 public:
  frames_around_root(range where, memory_under_construction &into) noexcept
      : free_{{where.first.value}, where.last.value - where.first.value + 1}, into_{into} {}

  void keep_free(output_address root, unsigned lg2) noexcept {
    kept_first_ = root.value;
    kept_last_  = root.value + below(lg2);
  }
  auto allocate(unsigned lg2) -> std::optional<output_address> {
    for (;;) {
      auto const frame = free_.allocate(lg2);
      if (!frame) return std::nullopt;
      if (frame->value <= kept_last_ && frame->value + below(lg2) >= kept_first_) continue;
      into_.reach(frame->value + below(lg2) + 1);
      return frame;
    }
  }
  void release(output_address, unsigned) noexcept {}

 private:
  bump_frames                free_;
  u64                        kept_first_ = 1, kept_last_ = 0;
  memory_under_construction &into_;
};

/// The memory types that a leaf of `f` can be given.
auto types_of(format const &f) -> std::vector<memory_type> {
  std::vector<memory_type> found;
  for (unsigned l = 0; l < f.depth; ++l)
    for (u8 const n : f.levels[l].leaves)
      for (u64 i = 0; n != no_form && i < max_types; ++i)
        if (auto const t = f.types[i]; (i & ~reachable(f.forms[n].type)) == 0 && t != memory_type::reserved &&
                                       std::ranges::find(found, t) == found.end())
          found.push_back(t);
  return found;
}

auto type_texts(format const &f) -> std::string {
  std::vector<char const *> names;
  for (auto const t : types_of(f)) names.push_back(text(t));
  return fmt::format("{}", fmt::join(names, ", "));
}

/// What the format would have to be asked instead, as far as that can be told.
auto advice(format const &f, mapping const &m, error const &e, range frames) -> std::string {
  dynamic const h{&f};
  switch (e.why) {
    case error_reason::misaligned:
      return fmt::format("VA, LEN and PA must be multiples of {}", inspect::size_text(bit(slot_lg2(h, 0u))));
    case error_reason::outside_input: {
      auto const  whole = translated_ranges(h);
      std::string parts;
      for (unsigned i = 0; i < whole.count; ++i)
        parts += fmt::format("{}{:#x}-{:#x}", i == 0 ? "" : " and ", whole.part[i].first.value,
                             whole.part[i].last.value);
      return fmt::format("it translates {}", parts);
    }
    case error_reason::too_wide: return fmt::format("its output addresses have {} bits", f.output_bits);
    case error_reason::inexpressible_rights: {
      auto const least = least_rights(h, m.allow);
      if (!least) return "nor any that include them";
      return fmt::format("the least that it can say and that includes them is {}", format_file::rights_words(*least));
    }
    case error_reason::inexpressible_memory_type: return fmt::format("it has: {}", type_texts(f));
    case error_reason::occupied:                  return "another --map covers it";
    case error_reason::no_frames:
      return fmt::format("--frames {:#x}-{:#x} is used up, or lies where table entries cannot lead", frames.first.value,
                         frames.last.value);
    default: return "";
  }
}

struct built {
  memory_under_construction memory;
  output_address            root;
  u64                       tables;
};

auto build(format const &f, build_arguments const &a, range frames, std::vector<mapping> const &maps)
    -> outcome<built> {
  dynamic const   h{&f};
  unsigned const  lg2 = table_lg2(h, h.top());
  built           result{{frames.first.value, {}}, {}, 1};
  frames_around_root source{frames, result.memory};
  if (a.root_at) {
    u64 const at = *a.root_at;
    if (!is_aligned(at, lg2))
      return refuse(blame::request, "--root-at {:#x}: the top table of {} is aligned to {} bytes", at, f.name,
                    bit(lg2));
    if (at < frames.first.value || at > frames.last.value || frames.last.value - at < below(lg2))
      return refuse(blame::request, "--root-at {:#x}: the top table, of {} bytes, does not lie in --frames {:#x}-{:#x}",
                    at, bit(lg2), frames.first.value, frames.last.value);
    source.keep_free({at}, lg2);
    result.memory.reach(at + below(lg2) + 1);
    result.root = {at};
  } else {
    auto const root = source.allocate(lg2);
    if (!root)
      return refuse(blame::request, "--frames {:#x}-{:#x}: no room for the top table of {}, {} bytes",
                    frames.first.value, frames.last.value, f.name, bit(lg2));
    result.root = *root;
  }

  mapped_memory memory{in_construction{&result.memory}};
  not_in_use    cache;
  make_empty(h, h.top(), result.root, memory);
  address_space space{h, root{result.root}, memory, source, cache};
  for (auto const &m : maps) {
    auto const types  = types_of(f);
    bool const cached = types.empty() || std::ranges::find(types, memory_type::wb) != types.end();
    auto const usual  = cached ? memory_type::wb : types[0];
    attributes const want{.allow = m.allow, .type = m.type.value_or(usual)};
    auto const needed = space.tables_needed(m.input, m.output, want);
    ledger     owed;
    auto const done = needed ? space.map(m.input, m.output, want, owed) : std::unexpected{needed.error()};
    space.settle(owed);
    if (!done) {
      auto const more = advice(f, m, done.error(), frames);
      return refuse(blame::request, "--map '{}': {} at {:#x}: {}{}{}", m.text, f.name, done.error().at.value,
                    text(done.error().why), more.empty() ? "" : "; ", more);
    }
    result.tables += *needed;
  }
  return result;
}

auto write_image(std::string const &path, built const &b) -> outcome<void> {
  auto out = inspect::output_file::create(path);
  if (!out) return std::unexpected{out.error()};
  out->put(std::string_view{reinterpret_cast<char const *>(b.memory.bytes.data()), b.memory.bytes.size()});
  return out->finish();
}

auto report(build_arguments const &a, format const &f, built const &b) -> outcome<void> {
  inspect::output_file out;
  if (a.layout == inspect::layout::json) {
    inspect::json_writer json{out};
    json.open('{');
    json.number("schema", 1);
    json.plain("command", "build");
    json.string("format", f.name);
    json.string("path", a.output);
    json.hex("base", b.memory.base);
    json.number("bytes", b.memory.bytes.size());
    json.hex("root", b.root.value);
    json.number("tables", b.tables);
    json.close('}');
    out.put('\n');
  } else {
    out.put(fmt::format("image      {}@{:x}\nroot       {:#018x}\nformat     {}\ntables     {} in {}\n", a.output,
                        b.memory.base, b.root.value, f.name, b.tables, inspect::size_text(b.memory.bytes.size())));
  }
  return out.finish();
}

auto run(build_arguments const &a) -> exit_code {
  if (a.format_file.empty() == a.format_name.empty())
    return complain("say which tables to build with either --format-file FILE or --format NAME", usage);
  if (a.output == "-" || a.maps.empty())
    return complain(a.maps.empty() ? "nothing to build: give one or more --map VA:LEN:PA:RIGHTS"
                                   : "the image needs a name: -o IMAGE", usage);
  std::vector<mapping> maps;
  for (auto const &text : a.maps) {
    auto const m = parse_mapping(text);
    if (!m) return complain(m.error());
    maps.push_back(*m);
  }
  auto const frames = inspect::parse_range(a.frames);
  if (!frames) return complain(frames.error());
  constexpr u64 most = u64{1} << 30;
  if (!is_aligned(frames->first.value, 12) || frames->last.value - frames->first.value >= most)
    return complain(fmt::format("--frames {}: begins at a multiple of 4K and has at most 1G", a.frames), usage);

  if (auto const ok = keeps_inputs(a.output, std::vector{a.format_file, a.format_name}); !ok) return complain(ok.error());
  named_format f;
  if (a.format_name.empty()) {
    auto const read = read_format(a.format_file);
    if (!read) return complain(read.error());
    f.own = *read;
  } else {
    auto const found = find_named(a.format_name, true);
    if (!found) return complain(found.error());
    f = *found;
  }
  auto const b = build(f.description(), a, *frames, maps);
  if (!b) return complain(b.error());
  if (auto const done = write_image(a.output, *b); !done) return complain(done.error());
  if (auto const done = report(a, f.description(), *b); !done) return complain(done.error());
  return success;
}

}  // namespace

auto build_command(CLI::App &app) -> command {
  auto *const c = app.add_subcommand("build", "Tables that map what is asked for, as a memory image");
  auto const  a = std::make_shared<build_arguments>();
  auto *const file =
      add_text(*c, "--format-file", "The format that FILE describes (TOML)", a->format_file)->type_name("FILE");
  add_text(*c, "--format", "A format that 'pagewright formats' lists", a->format_name)
      ->type_name("NAME")->excludes(file);
  c->add_option("--map", a->maps,
                "Map LEN bytes from VA on to PA. RIGHTS: letters of rwx for kernel and user, or k:rw,u:r; TYPE: memory "
                "type, WB where the format has it")
      ->allow_extra_args(false)->type_name("VA:LEN:PA:RIGHTS[:TYPE]");
  add_hex(*c, "--root-at", "Physical address of the top table; by default the first frame that fits", a->root_at);
  add_text(*c, "--frames", "Where tables may lie: FIRST-LAST (both included) or FIRST+SIZE; 1000000+64M by default",
           a->frames)
      ->type_name("RANGE");
  add_text(*c, "-o", "Write raw memory, from the first of the frames on, to IMAGE", a->output)->type_name("IMAGE");
  c->add_option_function<std::string>("--output", [a](std::string const &word) {
     a->layout = word == "json" ? inspect::layout::json : inspect::layout::table;
   }, "How to say what was built")
      ->check(CLI::IsMember({"table", "json"}).description(""))->type_name("table|json");
  c->footer("Examples:\n"
            "  pagewright build --format-file toy.toml --map 0:1M:80000000:rw --map 100000:4K:90000000:r:UC -o toy.bin\n"
            "  pagewright build --format x86-64-4level --map ffff888000000000:1G:0:k:rw -o ram.bin --output json\n"
            "  pagewright dump toy.bin@1000000 --format-file toy.toml --root 1000000   (reads the first)");
  return {c, [a] { return run(*a); }};
}

}  // namespace pagewright::tool
