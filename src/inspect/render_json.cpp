// SPDX-License-Identifier: MIT
#include "render.hpp"

namespace pagewright::inspect {
namespace {

constexpr u64 schema = 1;

void write_rights(json_writer &json, std::string_view name, rights r) {
  auto const t = text(r);
  json.key(name);
  json.open('{');
  json.plain("kernel", {t.kernel, 3});
  json.plain("user", {t.user, 3});
  json.close('}');
}

void write_registers(json_writer &json, std::vector<register_value> const &registers) {
  json.key("registers");
  json.open('{');
  for (auto const &r : registers) json.hex(r.name, r.value);
  json.close('}');
}

void write_root(json_writer &json, view const &v) {
  json.open('{');
  json.string("label", v.label);
  json.string("format", v.description.name);
  json.hex("table", v.from.table.value);
  json.number("asid", v.from.asid);
  json.number("levels", v.description.depth);
  json.number("input_bits", v.description.input_bits());
  json.number("tag_bits", v.description.tag_bits);
  json.number("output_bits", v.description.output_bits);
  auto const whole = translated_ranges(dynamic{&v.description});
  auto const first = whole.part[0].first, last = whole.part[whole.count - 1].last;
  json.hex("first", (first < v.part.first ? v.part.first : first).value);
  json.hex("last", (v.part.last < last ? v.part.last : last).value);
  json.close('}');
}

void write_file(json_writer &json, image::source const &file) {
  json.open('{');
  json.string("path", file.path);
  json.string("container", image::name(file.format));
  json.plain("compression", image::name(file.packing));
  json.number("bytes", file.bytes_on_disk);
  if (file.base) json.hex("base", *file.base);
  json.close('}');
}

/// The members of "source".
void write_source(json_writer &json, subject s) {
  auto const files = s.source->sources();
  json.string("path", files.empty() ? "" : files[0].path);
  json.string("container", files.empty() ? "" : image::name(files[0].format));
  json.key("files");
  json.open('[');
  for (auto const &f : files) write_file(json, f);
  json.close(']');
  if (auto const *m = s.translated; m != nullptr) {
    json.plain("arch", m->arch);
    json.string("mode", m->mode);
    if (m->cpu) json.number("cpu", *m->cpu);
    else json.null("cpu");
    json.hex("root", m->views[0].from.table.value);
    json.key("roots");
    json.open('[');
    for (auto const &v : m->views) write_root(json, v);
    json.close(']');
    write_registers(json, m->registers);
    json.key("evidence");
    json.open('[');
    for (auto const &line : m->evidence) json.string(line);
    json.close(']');
  }
  if (auto const warnings = s.source->warnings(); !warnings.empty()) {
    json.key("warnings");
    json.open('[');
    for (auto const &line : warnings) json.string(line);
    json.close(']');
  }
}

/// Opens a document and writes what every one begins with.
void begin_document(json_writer &json, std::string_view command, subject s) {
  json.open('{');
  json.number("schema", schema);
  json.plain("command", command);
  json.key("source");
  json.open('{');
  write_source(json, s);
  json.close('}');
}

}  // namespace

// --- dump ---------------------------------------------------------------------------------------------------------

json_dump::json_dump(output_file &out, subject s, style look, bool lines) : json_{out}, look_{look}, lines_{lines} {
  if (lines_) return;
  begin_document(json_, "dump", s);
  json_.key("ranges");
  json_.open('[');
  json_.line_break();
}

void json_dump::write(repetitions const &r) {
  auto const settled = r.settled();
  json_.number("repeat", settled.total());
  if (settled.depth == 0) return;
  if (settled.depth == 1) return json_.number("stride", settled.part[0].stride);
  json_.null("stride");
  json_.key("nest");
  json_.open('[');
  for (unsigned i = 0; i < settled.depth; ++i) {
    json_.open('{');
    json_.number("repeat", settled.part[i].count);
    json_.number("stride", settled.part[i].stride);
    json_.close('}');
  }
  json_.close(']');
}

void json_dump::mapped(mapped_row const &r) {
  auto const &l    = r.first;
  auto const  flag = [&](char const *name, u8 what, bool value) {
    if (r.has(what)) json_.boolean(name, value);
    else json_.null(name);
  };
  if (lines_) json_.restart();
  json_.open('{');
  if (lines_) json_.plain("kind", "range");
  json_.hex("va", l.input.value);
  json_.number("len", r.bytes);
  if (r.has(mapped_row::output)) json_.hex("pa", l.output.value);
  else json_.null("pa");
  if (r.has(mapped_row::page)) {
    json_.number("page", l.bytes());
    json_.number("level", l.level);
    json_.plain("name", view_->description.levels[l.level].name);
  } else {
    json_.null("page"), json_.null("level"), json_.null("name");
  }
  write_rights(json_, "rights", l.effective);
  if (r.has(mapped_row::own)) write_rights(json_, "leaf_rights", l.own);
  else json_.null("leaf_rights");
  if (r.has(mapped_row::type)) json_.plain("memory", text(l.type));
  else json_.null("memory");
  flag("global", mapped_row::global, l.global);
  flag("accessed", mapped_row::accessed, l.accessed);
  flag("dirty", mapped_row::dirty, l.dirty);
  write(r.repeats);
  if (look_.raw) {
    json_.hex("slot", l.slot.value);
    json_.hex("entry", l.entry);
  }
  json_.close('}');
  json_.line_break();
}

void json_dump::blocked(blocked_row const &b) {
  if (!lines_) return blocked_.push_back({b, view_});
  json_.restart();
  write(held_block{b, view_});
  json_.line_break();
}

void json_dump::write(held_block const &b) {
  auto const &g = b.row.where;
  json_.open('{');
  if (lines_) json_.plain("kind", identifier(g.why));
  json_.hex("va", g.part.first.value);
  json_.number("len", g.part.bytes());
  json_.hex("table", b.row.table.value);
  json_.number("level", g.level);
  json_.plain("name", b.through->description.levels[g.level].name);
  json_.hex("slot", g.slot.value);
  if (g.why == fault_reason::reserved) json_.hex("entry", g.entry);
  write(b.row.repeats);
  json_.close('}');
}

void json_dump::finish(dump_totals const &t) {
  if (lines_) return;
  json_.close(']');
  for (auto const why : {fault_reason::unreadable, fault_reason::reserved}) {
    json_.key(identifier(why));
    json_.open('[');
    for (auto const &b : blocked_) {
      if (b.row.where.why != why) continue;
      json_.line_break();
      write(b);
    }
    json_.close(']');
  }
  json_.line_break();
  json_.key("totals");
  json_.open('{');
  json_.number("ranges", t.rows);
  json_.number("leaves", t.leaves);
  json_.number("tables", t.tables);
  json_.number("unreadable", t.unreadable);
  json_.number("reserved", t.reserved);
  json_.close('}');
  json_.boolean("truncated", t.truncated);
  json_.close('}');
  json_.line_break();
}

// --- walk ---------------------------------------------------------------------------------------------------------

json_walks::json_walks(output_file &out, subject s, style look, bool lines)
    : json_{out}, subject_{s}, look_{look}, lines_{lines}, fields_{field_tables(*s.translated)} {
  if (lines_) return;
  begin_document(json_, "walk", s);
  json_.key("walks");
  json_.open('[');
  json_.line_break();
}

void json_walks::write(explained_step const &s, view const &v, field_table const &fields) {
  json_.open('{');
  json_.number("level", s.seen.level);
  json_.plain("name", s.name);
  json_.hex("table", s.seen.table.value);
  json_.number("index", s.seen.index);
  json_.hex("slot", s.seen.slot.value);
  json_.hex("entry", s.seen.entry);
  json_.plain("kind", text(s.seen.kind));
  if (s.seen.kind == entry_kind::table || s.seen.kind == entry_kind::leaf) {
    write_rights(json_, "allows", s.seen.allowed);
    write_rights(json_, "takes", s.taken);
  }
  json_.key("fields");
  json_.open('{');
  for (auto const &f : fields.of(v.description, s.seen.level, s.seen.entry)) {
    auto const value = f.value(s.seen.entry);
    if (value == 0) continue;
    if (f.width > 16) json_.hex(f.label, value);
    else json_.number(f.label, value);
  }
  json_.close('}');
  json_.close('}');
}

void json_walks::write(access_report const &r) {
  json_.key("access");
  json_.open('{');
  json_.plain("kind", text(r.asked.kind));
  json_.boolean("user", r.asked.user);
  if (r.known) json_.boolean("allowed", r.reached.has_value());
  else json_.null("allowed");
  if (r.reached) {
    json_.hex("pa", r.reached->address.value);
    json_.number("page", r.reached->bytes());
  } else if (!r.known) {
    json_.string("why", r.why);
  } else {
    json_.number("stage", r.stage);
    json_.string("fault", r.fault);
    json_.key("told");
    json_.open('{');
    for (auto const &v : r.told) json_.hex(v.name, v.value);
    json_.close('}');
    json_.string("why", r.why);
  }
  json_.close('}');
}

void json_walks::show(explained_walk const &w) {
  if (lines_) json_.restart();
  json_.open('{');
  json_.hex("va", w.asked.value);
  json_.boolean("ok", w.outcome.has_value());
  auto const *v = w.through;
  if (v != nullptr) json_.string("through", v->label);
  if (w.outcome) {
    auto const &t = *w.outcome;
    json_.hex("pa", t.address.value);
    json_.number("page", t.bytes());
    json_.number("level", t.level);
    write_rights(json_, "rights", t.effective);
    write_rights(json_, "leaf_rights", t.own);
    json_.plain("memory", text(t.type));
    json_.boolean("global", t.global);
    json_.boolean("accessed", t.accessed);
    json_.boolean("dirty", t.dirty);
  } else {
    auto const &f = w.outcome.error();
    json_.key("fault");
    json_.open('{');
    json_.plain("why", identifier(f.why));
    if (v != nullptr) {
      json_.number("level", f.level);
      json_.plain("name", v->description.levels[f.level].name);
    } else {
      json_.null("level"), json_.null("name");
    }
    if (f.why != fault_reason::outside_input) json_.hex("slot", f.slot.value);
    json_.string("text", sentence(*subject_.translated, w));
    json_.close('}');
  }
  if (w.below) {
    json_.key("below");
    json_.open('{');
    json_.string("through", subject_.translated->below->label);
    json_.boolean("ok", w.below->has_value());
    if (*w.below) {
      json_.hex("pa", (*w.below)->address.value);
      json_.number("page", (*w.below)->bytes());
      write_rights(json_, "rights", (*w.below)->effective);
      json_.plain("memory", text((*w.below)->type));
    } else {
      json_.plain("why", identifier(w.below->error().why));
      json_.string("text", sentence_below(*subject_.translated, w));
    }
    json_.close('}');
  }
  if (w.judged) write(*w.judged);
  if (look_.trace) {
    json_.key("trace");
    json_.open('[');
    for (auto const &s : w.trace())
      write(s, *v, fields_[static_cast<std::size_t>(v - subject_.translated->views.data())]);
    json_.close(']');
  }
  json_.close('}');
  json_.line_break();
}

void json_walks::finish() {
  if (lines_) return;
  json_.close(']');
  json_.close('}');
  json_.line_break();
}

// --- info ---------------------------------------------------------------------------------------------------------

void json_info(output_file &out, subject s, std::string const &why_not) {
  json_writer json{out};
  begin_document(json, "info", s);
  json.boolean("translates", s.translated != nullptr);
  if (s.translated == nullptr) json.string("why_not", why_not);
  json.key("memory");
  json.open('{');
  json.number("bytes", s.source->total_bytes());
  json.key("extents");
  json.open('[');
  for (auto const &e : s.source->extents()) {
    json.open('{');
    json.hex("first", e.first);
    json.hex("last", e.last);
    json.close('}');
  }
  json.close(']');
  json.close('}');
  json.key("cpus");
  json.open('[');
  for (auto const &c : s.source->cpus()) {
    json.open('{');
    json.number("index", c.index);
    auto const optional = [&](char const *name, std::optional<std::uint64_t> value) {
      if (value) json.hex(name, *value);
    };
    optional("pc", c.pc);
    optional("sp", c.sp);
    optional("status", c.status);
    if (c.x86) {
      json.hex("cr0", c.x86->cr0), json.hex("cr2", c.x86->cr2);
      json.hex("cr3", c.x86->cr3), json.hex("cr4", c.x86->cr4);
    }
    json.close('}');
  }
  json.close(']');
  json.close('}');
  json.line_break();
}

}  // namespace pagewright::inspect
