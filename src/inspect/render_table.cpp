// SPDX-License-Identifier: MIT
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "number.hpp"
#include "render.hpp"

namespace pagewright::inspect {
namespace {

constexpr std::string_view plain = "\033[0m", bold = "\033[1m", red = "\033[1;31m", yellow = "\033[33m",
                           green = "\033[32m", cyan = "\033[36m", dim = "\033[2m";

/// Red: one side may both write and execute. Yellow: executable. Green: writable. Cyan: readable alone.
[[nodiscard]] auto colour_of(rights r) noexcept -> std::string_view {
  if (includes(r, rights::kernel_write | rights::kernel_execute) ||
      includes(r, rights::user_write | rights::user_execute))
    return red;
  if ((r & rights::executes) != rights::none) return yellow;
  return (r & rights::writers) != rights::none ? green : cyan;
}

void put_rights(output_file &out, rights r) {
  auto const t = text(r);
  out.put({t.kernel, 3});
  out.put('/');
  out.put({t.user, 3});
}

constexpr std::string_view blanks = "                ";

/// Words that are too long for their column push the next one away.
void put_left(output_file &out, std::string_view words, std::size_t width) {
  out.put(words);
  out.put(blanks.substr(0, words.size() < width ? width - words.size() : 1));
}
void put_right(output_file &out, std::string_view words, std::size_t width) {
  out.put(blanks.substr(0, words.size() < width ? width - words.size() : 1));
  out.put(words);
}

/// First and last address, and the size.
void put_stretch(output_file &out, u64 first, u64 bytes) {
  out.hex(first);
  out.put('-');
  out.hex(first + (bytes - 1));
  put_right(out, size_text(bytes), 7);
  out.put("  ");
}

[[nodiscard]] auto repeat_text(repetitions const &all) -> std::string {
  std::string words;
  auto const  r = all.settled();
  for (unsigned i = r.depth; i-- > 0;)
    fmt::format_to(std::back_inserter(words), "  x{} every {}", r.part[i].count, size_text(r.part[i].stride));
  return words;
}

void heading(output_file &out, style look, std::string_view words) {
  if (look.colour) out.put(bold);
  out.put(words);
  if (look.colour) out.put(plain);
  out.put('\n');
}

[[nodiscard]] auto view_text(view const &v) -> std::string {
  return fmt::format("{}: {}, {} levels, {}-bit input, table {:#018x}", v.label, v.description.name,
                     v.description.depth, v.description.input_bits(), v.from.table.value);
}

}  // namespace

// --- dump ---------------------------------------------------------------------------------------------------------

void table_dump::begin(view const &v) {
  if (look_.header) {
    if (view_ != nullptr) out_.put('\n');
    heading(out_, look_, view_text(v));
    auto words = std::string{"first              last                 size  krn/usr  page  level memory          "
                             "physical            flags"};
    if (look_.raw) words += "  slot                entry";
    heading(out_, look_, words);
  }
  view_ = &v;
}

void table_dump::mapped(mapped_row const &r) {
  auto const &l    = r.first;
  auto const  flag = [&](u8 what, bool value, char letter) { out_.put(!r.has(what) ? '?' : value ? letter : '-'); };
  put_stretch(out_, l.input.value, r.bytes);
  if (look_.colour) out_.put(colour_of(l.effective));
  put_rights(out_, l.effective);
  if (look_.colour) out_.put(plain);
  if (r.has(mapped_row::page)) {
    put_right(out_, size_text(l.bytes()), 6);
    out_.put("  ");
    put_left(out_, view_->description.levels[l.level].name, 6);
  } else {
    out_.put("     *  *     ");
  }
  put_left(out_, r.has(mapped_row::type) ? text(l.type) : "*", 16);
  if (r.has(mapped_row::output)) out_.hex(l.output.value);
  else out_.put("*                 ");
  out_.put("  ");
  flag(mapped_row::global, l.global, 'G');
  flag(mapped_row::accessed, l.accessed, 'A');
  flag(mapped_row::dirty, l.dirty, 'D');
  if (look_.raw) {
    out_.put("    ");
    out_.hex(l.slot.value);
    out_.put("  ");
    out_.put(fmt::format("{:#0{}x}", l.entry, 2 + 2 * view_->description.entry_bytes));
  }
  if (r.repeats.depth != 0) out_.put(repeat_text(r.repeats));
  out_.put('\n');
}

void table_dump::blocked(blocked_row const &b) {
  auto const &g    = b.where;
  auto const  name = view_->description.levels[g.level].name;
  put_stretch(out_, g.part.first.value, g.part.bytes());
  if (look_.colour) out_.put(red);
  if (g.why == fault_reason::unreadable)
    out_.put(fmt::format("MISSING: the {} table at {:#018x} is not in the image", name, b.table.value));
  else
    out_.put(fmt::format("RESERVED: hardware rejects the {} entry {:#018x} at {:#018x}", name, g.entry, g.slot.value));
  if (look_.colour) out_.put(plain);
  out_.put(repeat_text(b.repeats));
  out_.put('\n');
}

void table_dump::finish(dump_totals const &t) {
  if (!look_.header) return;
  auto words = fmt::format("{} {}, {} {} in {} {}", t.rows, t.rows == 1 ? "line" : "lines", t.leaves,
                           t.leaves == 1 ? "leaf" : "leaves", t.tables, t.tables == 1 ? "table" : "tables");
  if (t.unreadable != 0) words += fmt::format(", {} missing", t.unreadable);
  if (t.reserved != 0) words += fmt::format(", {} reserved", t.reserved);
  if (t.truncated) words += "; stopped at --limit";
  out_.put('\n');
  heading(out_, look_, words);
}

// --- walk ---------------------------------------------------------------------------------------------------------

void table_walks::show(explained_walk const &w) {
  auto const tint = [&](std::string_view colour) { out_.put(look_.colour ? colour : std::string_view{}); };
  heading(out_, look_,
          w.through == nullptr
              ? fmt::format("{:#018x}", w.asked.value)
              : fmt::format("{:#018x}  through {}, {}", w.asked.value, w.through->label, w.through->description.name));
  if (look_.trace)
    for (auto const &s : w.trace()) {
      auto const &d = w.through->description;
      std::size_t names = 5;
      for (unsigned n = 0; n < d.depth; ++n) names = std::max(names, std::string_view{d.levels[n].name}.size());
      out_.put(fmt::format("  {:<{}} table {:#018x}  index {:>5}  entry {:#0{}x}  {}", s.name, names, s.seen.table.value,
                           s.seen.index, s.seen.entry, 2 + 2 * d.entry_bytes, text(s.seen.kind)));
      std::size_t room = 8 - std::min<std::size_t>(8, std::string_view{text(s.seen.kind)}.size());
      auto const  line_up = [&] { out_.put(std::string(std::exchange(room, 0), ' ')); };  // only before what follows
      tint(dim);
      auto const &fields = fields_[static_cast<std::size_t>(w.through - subject_.translated->views.data())];
      for (auto const &f : fields.of(d, s.seen.level, s.seen.entry)) {
        auto const value = f.value(s.seen.entry);
        if (value == 0) continue;
        line_up();
        out_.put(' ');
        out_.put(f.label);
        if (f.width > 1) out_.put(fmt::format("={:#x}", value));
      }
      tint(plain);
      if (s.taken != rights::none) {
        line_up();
        tint(yellow);
        out_.put("  takes ");
        put_rights(out_, s.taken);
        tint(plain);
      }
      out_.put('\n');
    }
  auto const in_red = [&](std::string_view words) {
    tint(red);
    out_.put(words);
    tint(plain);
    out_.put('\n');
  };
  auto const leads_to = [&](std::string_view arrow, translation const &t) {
    out_.put(fmt::format("  {} {:#018x}  {} ", arrow, t.address.value, size_text(t.bytes())));
    tint(colour_of(t.effective));
    put_rights(out_, t.effective);
    tint(plain);
    out_.put(fmt::format("  {}{}{}{}", text(t.type), t.global ? " global" : "", t.accessed ? " accessed" : "", t.dirty ? " dirty" : ""));
  };
  if (w.outcome) {
    leads_to("->", *w.outcome);
    out_.put('\n');
  } else {
    in_red("  fault: " + sentence(*subject_.translated, w));
  }
  if (w.below && *w.below) {
    leads_to("=>", **w.below);
    out_.put(fmt::format("  through {}\n", subject_.translated->below->label));
  } else if (w.below) {
    in_red(fmt::format("  fault: {}: {}", subject_.translated->below->label, sentence_below(*subject_.translated, w)));
  }
  if (!w.judged) return;
  auto const &j = *w.judged;
  out_.put(fmt::format("  {}: ", text_of(j.asked)));
  if (j.reached) {
    out_.put(fmt::format("allowed, {:#018x}\n", j.reached->address.value));
    return;
  }
  if (!j.known) {
    out_.put(fmt::format("not known, {}\n", j.why));
    return;
  }
  auto words = fmt::format("denied, {}", j.fault);
  for (auto const &v : j.told) words += fmt::format(" {}={:#x}", v.name, v.value);
  in_red(words + ": " + j.why);
}

void table_walks::finish() {
  if (!look_.access || !look_.header) return;
  for (auto const &line : subject_.translated->access_evidence) out_.put(fmt::format("note: {}\n", line));
}

// --- info ---------------------------------------------------------------------------------------------------------

void table_info(output_file &out, subject s, std::string const &why_not, style look) {
  for (auto const &f : s.source->sources()) {
    out.put(fmt::format("{:<10} {}", "file", f.path));
    out.put(fmt::format(": {}{}{}, {} bytes{}\n", image::name(f.format),
                        f.packing == image::compression::none ? "" : ", ",
                        f.packing == image::compression::none ? "" : image::name(f.packing), f.bytes_on_disk,
                        f.base ? fmt::format(", at {:#x}", *f.base) : ""));
  }
  for (auto const &line : s.source->warnings()) out.put(fmt::format("{:<10} {}\n", "warning", line));

  auto const extents = s.source->extents();
  out.put(fmt::format("{:<10} {} in {} {}\n", "memory", size_text(s.source->total_bytes()), extents.size(),
                      extents.size() == 1 ? "stretch" : "stretches"));
  constexpr std::size_t shown = 16;
  for (std::size_t i = 0; i < extents.size() && i < shown; ++i)
    out.put(fmt::format("{:<10} {:#018x}-{:#018x} {:>6}\n", "", extents[i].first, extents[i].last,
                        size_text(extents[i].last - extents[i].first + 1)));
  if (extents.size() > shown)
    out.put(fmt::format("{:<10} and {} more (--output json lists all)\n", "", extents.size() - shown));

  for (auto const &c : s.source->cpus()) {
    out.put(fmt::format("{:<10}", fmt::format("vCPU {}", c.index)));
    auto const put = [&](char const *name, std::optional<std::uint64_t> value) {
      if (value) out.put(fmt::format(" {} {:#x}", name, *value));
    };
    put("pc", c.pc);
    put("sp", c.sp);
    if (c.x86) put("cr0", c.x86->cr0), put("cr3", c.x86->cr3), put("cr4", c.x86->cr4);
    out.put('\n');
  }
  if (s.translated == nullptr) {
    if (look.colour) out.put(red);
    out.put(fmt::format("{:<10} {}\n", "no tables", why_not));
    if (look.colour) out.put(plain);
    return;
  }
  auto const &m = *s.translated;
  heading(out, look, fmt::format("{:<10} {}: {}", "machine", m.arch, m.mode));
  for (auto const &r : m.registers)
    out.put(fmt::format("{:<10} {} = {:#x} ({})\n", "register", r.name, r.value, r.origin));
  for (auto const &line : m.evidence) out.put(fmt::format("{:<10} {}\n", "because", line));
  for (auto const &v : m.views) {
    out.put(fmt::format("{:<10} {}\n", "root", view_text(v)));
    out.put(fmt::format("{:<10} {}\n", "", v.description.spec));
  }
}

}  // namespace pagewright::inspect
