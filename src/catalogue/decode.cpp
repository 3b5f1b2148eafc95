// SPDX-License-Identifier: MIT
#include "decode.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <inspect/number.hpp>

namespace pagewright::catalogue {
namespace {

template <class... Arguments>
void note(decoded_entry &e, fmt::format_string<Arguments...> text, Arguments &&...arguments) {
  e.why.push_back(fmt::format(text, std::forward<Arguments>(arguments)...));
}

[[nodiscard]] auto same_word(std::string_view a, std::string_view b) -> bool {
  constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// "PML4 (3), PDPT (2), ..."
[[nodiscard]] auto level_list(format const &f) -> std::string {
  std::string out;
  for (unsigned n = f.depth; n-- > 0;) out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", f.levels[n].name, n);
  return out;
}

/// The shape of a leaf or table entry that `entry` has, rejected or not; nothing if it has none that the level holds.
[[nodiscard]] auto shape_of(format const &f, unsigned level, u64 entry) -> std::optional<entry_shape> {
  dynamic const h{&f};
  if (is_table(h, level, entry)) return entry_shape{level};
  std::optional<entry_shape> found;
  with_form(h, level, entry, [&](auto form) { found = entry_shape{level, static_cast<u8>(form.index)}; });
  return found;
}

/// What an entry without a shape is drawn as: the level's plainest leaf.
[[nodiscard]] auto nearest_shape(format const &f, unsigned level) -> entry_shape {
  entry_shape found{level};
  for (u8 const n : f.levels[level].leaves)
    if (n < max_forms && (found.is_table() || f.forms[n].run_lg2 == 0)) found.form = n;
  return found;
}

void reject_table(decoded_entry &e) {
  auto const   &f = *e.description;
  dynamic const h{&f};
  u64 const     bad = e.entry & f.levels[e.level].table_zero;
  if (bad != 0) note(e, "{} must be 0: {}", bits_text(bad), names_text(f, on_tables, bad));
  for (auto const &pattern : f.reserved_table)
    if (pattern != never && pattern(e.entry)) note(e, "hardware rejects {}", match_text(f, on_tables, pattern));
  if (auto const at = table_of(h, e.level, e.entry).value; at > below(f.output_bits))
    note(e, "the next table, at {:#x}, lies beyond {} address bits", at, f.output_bits);
}

void reject_leaf(decoded_entry &e) {
  auto const        &f    = *e.description;
  auto const        &form = f.forms[e.shape.form];
  dynamic const      h{&f};
  dynamic_form const one{&form, e.shape.form};
  u8 const           scope = e.shape.scope();
  if (u64 const bad = e.entry & form.zero; bad != 0)
    note(e, "{} must be 0: {}", bits_text(bad), names_text(f, scope, bad));
  for (auto const &pattern : f.reserved_leaf)
    if (pattern != never && pattern(e.entry)) note(e, "hardware rejects {}", match_text(f, scope, pattern));
  unsigned const slot = f.levels[e.level].shift;
  if (form.size_code != 0)
    if (unsigned const lg2 = leaf_lg2(h, e.level, one, e.entry); lg2 < slot || lg2 > reach_lg2(h, e.level))
      note(e, "the size it codes, {}, is none that an entry of {} can have",
           lg2 < 64 ? power_text(lg2) : fmt::format("2^{}", lg2), f.levels[e.level].name);
  if (f.low_address_zero)
    if (u64 const low = gather(form.address, e.entry & ~occupied(form.type)) & below(slot); low != 0)
      note(e, "its address is not a multiple of {}: {:#x} too much", power_text(slot), low);
}

/// Why an entry that is neither absent nor of any shape is rejected.
void reject_unknown(decoded_entry &e) {
  auto const &f = *e.description;
  note(e, "it is none of the entries that {} can hold", f.levels[e.level].name);
  for (auto const s : shapes_of(f))
    if (s.level == e.level) note(e, "{}, told by: {}", shape_name(f, s), sign_of(f, s));
}

void explain_leaf(decoded_entry &e) {
  auto const        &f = *e.description;
  dynamic const      h{&f};
  dynamic_form const one{&f.forms[e.shape.form], e.shape.form};
  e.lg2     = leaf_lg2(h, e.level, one, e.entry);
  e.address = leaf_base(h, e.level, one, e.entry).value;
  e.says    = attributes_of(h, one, e.entry);
  e.allow   = e.says.allow;
  if (leaf_is_too_wide(h, e.level, one, e.entry))
    note(e, "its address lies beyond {} address bits: it does not translate", f.output_bits);
  if (f.unaccessed_faults && one->accessed != never && !e.says.accessed)
    note(e, "it does not translate until software marks it accessed: {}",
         match_text(f, e.shape.scope(), one->accessed));
  if (e.says.type == memory_type::reserved && occupied(one->type) != 0)
    note(e, "its memory type, index {}, is reserved", gather(one->type, e.entry));
  if (one->run_lg2 != 0 && one->size_code == 0)
    note(e, "it is one of {} neighbouring slots that must say the same", 1u << one->run_lg2);
}

void explain_table(decoded_entry &e) {
  auto const   &f = *e.description;
  dynamic const h{&f};
  e.address          = table_of(h, e.level, e.entry).value;
  e.allow            = table_rights(h, e.level, e.entry);
  auto const skipped = skips_to(h, e.level, e.entry);
  e.next             = skipped ? *skipped : e.level - 1;
  if (skipped && e.level - *skipped > 1)
    note(e, "it skips {} levels, whose index bits must be 0", e.level - *skipped - 1);
  if (f.table_accessed(e.entry) && f.levels[e.level].narrows) note(e, "hardware went through it");
  if (f.table_global(e.entry)) note(e, "everything below it is global");
  if (!f.levels[e.level].narrows && f.table_grants[0].gives != rights::none)
    note(e, "entries of this level do not narrow rights");
  u64 const last = below(f.levels[*e.next].index_bits);
  for (auto const &b : f.table_bounds) {
    if (b.limit.width == 0 || !b.when(e.entry)) continue;
    u64 const limit = b.limit.gather(e.entry);
    if (b.lower && limit != 0) note(e, "of the next table only slots from {} on exist", limit << b.unit_lg2);
    if (!b.lower && ((limit + 1) << b.unit_lg2) <= last)
      note(e, "of the next table only slots up to {} exist", ((limit + 1) << b.unit_lg2) - 1);
  }
}

[[nodiscard]] auto yes_no(bool b) -> std::string { return b ? "yes" : "no"; }

}  // namespace

auto decode(format const &f, std::string_view name, unsigned level, u64 entry) -> decoded_entry {
  dynamic const h{&f};
  decoded_entry e;
  e.name        = name;
  e.description = &f;
  e.level       = level;
  e.entry       = entry;
  e.kind        = kind_of(h, level, entry);
  e.shape       = nearest_shape(f, level);
  if (e.kind == entry_kind::absent) {
    auto const &gone = absent_of(h, level);
    note(e, "{}", match_text(f, e.shape.scope(), gone));
    e.sparse = f.levels[level].sparse(entry);
    if (e.sparse) note(e, "it is sparse: reads of its pages yield zeroes, writes are lost, and neither faults");
    else if (is_vacant(h, level, entry)) note(e, "it is what an empty slot of this level holds");
    else
      note(e, "hardware looks at none of its other bits; they can be a note of software's: {:#x}", entry & ~gone.mask);
    u64 const decisive = gone.mask | f.levels[level].sparse.mask;
    e.unused           = entry & ~decisive;
    return e;
  }
  if (auto const shape = shape_of(f, level, entry)) {
    e.shape  = *shape;
    e.shaped = true;
    if (shape->is_table()) {
      explain_table(e);
      if (e.kind == entry_kind::reserved) e.why.clear(), reject_table(e);
    } else {
      explain_leaf(e);
      if (e.kind == entry_kind::reserved) e.why.clear(), reject_leaf(e);
    }
    if (e.kind == entry_kind::reserved) e.next.reset();
  } else {
    reject_unknown(e);
  }
  for (auto const &one : fields_of(f, e.shape.scope())) {
    auto meaning = meaning_of(f, e.shape, one);
    e.fields.push_back({one, one.value(entry), std::move(meaning)});
    e.unnamed |= one.mask();
  }
  e.unnamed = entry & ~e.unnamed;
  if (!e.shaped) return e;
  e.rejected     = entry & anatomy_of(f, e.shape).rejected;
  u64 const idle = entry & ~decisive_bits(f, e.shape);
  e.software     = e.shape.is_table() ? 0 : idle & f.software;
  e.unused       = idle & ~e.software;
  return e;
}

auto page_of(decoded_entry const &e) -> page {
  auto const &f     = *e.description;
  auto const &level = f.levels[e.level];
  u8 const    scope = e.shape.scope();
  page out{fmt::format("{}, {} (level {}): {:#0{}x}", e.name, level.name, e.level, e.entry, 2u + 2u * f.entry_bytes),
           {},
           {}};

  table      facts{{"kind", ""}, {}};
  auto const fact  = [&](std::string what, std::string is) { facts.rows.push_back({std::move(what), std::move(is)}); };
  auto const shape = shape_name(f, e.shape);
  switch (e.kind) {
    case entry_kind::absent: facts.titles[1] = e.sparse ? "absent (sparse)" : "absent"; break;
    case entry_kind::reserved:
      facts.titles[1] =
          e.shaped ? fmt::format("reserved: hardware rejects this {}", shape) : "reserved: hardware rejects it";
      break;
    case entry_kind::table: facts.titles[1] = shape; break;
    case entry_kind::leaf: facts.titles[1] = fmt::format("leaf: {}, {}", shape, power_text(*e.lg2)); break;
  }
  if (e.kind == entry_kind::table) {
    fact("next table", fmt::format("{}, at {:#018x}", f.levels[*e.next].name, *e.address));
    fact("rights below", rights_text(e.allow));
  }
  if (e.kind == entry_kind::leaf) {
    auto const &form = f.forms[e.shape.form];
    fact("leads to", fmt::format("{:#018x} to {:#018x}", *e.address, *e.address + below(*e.lg2)));
    fact("allows", rights_text(e.allow));
    fact("memory type", occupied(form.type) == 0
                            ? fmt::format("{}", text(e.says.type))
                            : fmt::format("{} (index {})", text(e.says.type), gather(form.type, e.entry)));
    if (form.accessed != never) fact("accessed", yes_no(e.says.accessed));
    if (form.dirty != never) fact("dirty", yes_no(e.says.dirty));
    if (form.global != never) fact("global", yes_no(e.says.global));
    if (form.shared != never) fact("shared", yes_no(e.says.shared));
  }
  if (e.kind != entry_kind::absent) {
    auto const set = [&](std::string what, u64 mask) {
      fact(std::move(what),
           mask == 0 ? std::string{"none is set"} : fmt::format("{}: {}", bits_text(mask), names_text(f, scope, mask)));
    };
    if (e.shaped) set("must be 0, is set", e.rejected);
    if (e.software != 0) set("software's, set", e.software);
    if (e.unused != 0) set("no rule looks at, set", e.unused);
    if (e.unnamed != 0) fact("without a name, set", bits_text(e.unnamed));
  }
  out.blocks.emplace_back(facts);
  if (!e.why.empty()) out.blocks.emplace_back(bullets{e.why});
  if (e.kind == entry_kind::absent) return out;

  if (!e.shaped) out.blocks.emplace_back(paragraph{fmt::format("Drawn as a {}:", shape)});
  out.blocks.emplace_back(drawing{boxes(cells_of(f, e.shape, e.entry), page_columns)});
  table fields{{"bits", "field", "value", "meaning"}, {}};
  for (auto const &one : e.fields) {
    auto const    &b     = one.bits;
    unsigned const width = b.hi - b.lo + 1;
    fields.rows.push_back({b.hi == b.lo ? fmt::format("{}", b.lo) : fmt::format("{}:{}", b.hi, b.lo), b.own,
                           width <= 8 ? fmt::format("{:0{}b}", one.value, width) : fmt::format("{:#x}", one.value),
                           one.meaning});
  }
  out.blocks.emplace_back(std::move(fields));
  return out;
}

void write_json(inspect::output_file &out, decoded_entry const &e) {
  auto const          &f = *e.description;
  inspect::json_writer j{out};
  auto const           mask = [&](std::string_view name, u64 bits) { j.hex(name, bits); };
  j.open('{');
  j.number("schema", 1);
  j.plain("command", "decode");
  j.string("format", e.name);
  j.number("level", e.level);
  j.string("name", f.levels[e.level].name);
  j.hex("entry", e.entry);
  j.plain("kind", text(e.kind));
  if (e.shaped) j.string("shape", shape_name(f, e.shape));
  if (e.kind == entry_kind::absent) j.boolean("sparse", e.sparse);
  if (e.kind == entry_kind::leaf || e.kind == entry_kind::table) {
    auto const both = text(e.allow);
    if (e.kind == entry_kind::leaf) {
      j.hex("address", *e.address);
      j.number("page", u64{1} << *e.lg2);
    } else {
      j.hex("next_table", *e.address);
      j.number("next_level", *e.next);
    }
    j.key("allows");
    j.open('{');
    j.plain("kernel", both.kernel);
    j.plain("user", both.user);
    j.close('}');
  }
  if (e.kind == entry_kind::leaf) {
    j.plain("memory", text(e.says.type));
    j.boolean("global", e.says.global);
    j.boolean("accessed", e.says.accessed);
    j.boolean("dirty", e.says.dirty);
    j.boolean("shared", e.says.shared);
  }
  j.key("notes");
  j.open('[');
  for (auto const &one : e.why) j.string(one);
  j.close(']');
  j.key("fields");
  j.open('[');
  for (auto const &one : e.fields) {
    unsigned const width = one.bits.hi - one.bits.lo + 1;
    j.open('{');
    j.string("name", one.bits.own);
    j.number("hi", one.bits.hi);
    j.number("lo", one.bits.lo);
    if (width <= 16) j.number("value", one.value);
    else j.hex("value", one.value);
    j.string("meaning", one.meaning);
    j.close('}');
  }
  j.close(']');
  j.key("set");
  j.open('{');
  mask("rejected", e.rejected);
  mask("software", e.software);
  mask("unused", e.unused);
  mask("unnamed", e.unnamed);
  j.close('}');
  j.close('}');
  out.put('\n');
}

auto level_named(format const &f, std::string_view name, std::string_view text)
    -> std::expected<unsigned, inspect::problem> {
  for (unsigned n = 0; n < f.depth; ++n)
    if (same_word(text, f.levels[n].name)) return n;
  unsigned number        = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code == std::errc{} && end == text.data() + text.size() && number < f.depth) return number;
  return inspect::refuse(inspect::blame::request, "{} has no level '{}'; its levels, from the root down: {}", name,
                         text, level_list(f));
}

auto entry_of(format const &f, std::string_view name, std::string_view text) -> std::expected<u64, inspect::problem> {
  auto const value = inspect::parse_hex(text);
  if (!value)
    return inspect::refuse(inspect::blame::request,
                           "'{}' is not an entry: write a hexadecimal number of at most {} bits, as a processor of "
                           "the format's byte order reads it",
                           text, 8u * f.entry_bytes);
  if ((*value & ~below(8u * f.entry_bytes)) != 0)
    return inspect::refuse(inspect::blame::request, "{:#x} has more than {} bits; entries of {} are {} bytes wide",
                           *value, 8u * f.entry_bytes, name, f.entry_bytes);
  return *value;
}

}  // namespace pagewright::catalogue
