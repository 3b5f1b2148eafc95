// SPDX-License-Identifier: MIT
#include "parts.hpp"

#include <algorithm>
#include <functional>
#include <span>

#include <fmt/format.h>

#include "anatomy.hpp"

namespace pagewright::catalogue {
namespace {

[[nodiscard]] auto in_columns(std::vector<cell> const &cells) -> drawing { return {boxes(cells, page_columns)}; }

// --- hierarchy ----------------------------------------------------------------------------------------------------

/// The input address, cut into what selects what.
[[nodiscard]] auto address_cells(format const &f) -> std::vector<cell> {
  std::vector<cell> cells;
  unsigned const    bits = f.input_bits(), top = f.input_width - f.tag_bits;
  if (f.tag_bits != 0) cells.push_back({f.input_width - 1u, top, "tag", "not looked at"});
  if (bits < top)
    cells.push_back({top - 1, bits,
                     f.upper == extent::zero   ? "0"
                     : f.upper == extent::ones ? "all 1"
                                               : fmt::format("= bit {}", bits - 1),
                     ""});
  for (unsigned n = f.depth; n-- > 0;) {
    auto const &l = f.levels[n];
    if (l.index_bits != 0)
      cells.push_back({l.shift + l.index_bits - 1u, l.shift, l.name,
                       l.index_bits == 1 ? std::string{"1 bit"} : fmt::format("{} bits", l.index_bits)});
  }
  cells.push_back({f.levels[0].shift - 1u, 0, "offset", fmt::format("{} bits", f.levels[0].shift)});
  return cells;
}

/// The tree: every table with what hangs in it.
[[nodiscard]] auto tree(format const &f) -> drawing {
  drawing     out;
  std::string indent, arrow = "root --> ";
  for (unsigned n = f.depth; n-- > 0;) {
    auto const    &l      = f.levels[n];
    unsigned const memory = table_lg2(dynamic{&f}, n);
    out.lines.push_back(fmt::format(
        "{}{}{}  {} {}{}", indent, arrow, l.name,
        l.index_bits == 0 ? "a single entry"
                          : fmt::format("{} slots of {}", u64{1} << l.index_bits, power_text(l.shift)),
        l.index_bits == 0
            ? ""
            : fmt::format("in {}", memory < 10 ? fmt::format("{} bytes", 1u << memory) : power_text(memory)),
        ""));
    out.lines.back().erase(out.lines.back().find_last_not_of(' ') + 1);
    indent += n + 1 == f.depth ? std::string(9, ' ') : std::string(4, ' ');
    std::vector<std::string> leaves;
    for (u8 const form : l.leaves)
      if (form < max_forms) leaves.push_back(fmt::format("{}: {}", leaf_sizes(f, {n, form}), f.forms[form].name));
    for (std::size_t i = 0; i < leaves.size(); ++i)
      out.lines.push_back(fmt::format("{}{} {}", indent, n == 0 && i + 1 == leaves.size() ? "'--" : "|--", leaves[i]));
    arrow = "'-> ";
  }
  return out;
}

// --- entries ------------------------------------------------------------------------------------------------------

/// The cells of fields that hold no address.
[[nodiscard]] auto cells_without(std::vector<cell> cells, u64 address) -> std::vector<cell> {
  std::erase_if(cells, [&](cell const &c) { return (ones(c.lo, c.hi - c.lo + 1) & address) != 0; });
  return cells;
}

[[nodiscard]] auto meanings(format const &f, std::span<entry_shape const> shapes) -> table {
  table t{{"bits", "field", "meaning"}, {}};
  for (auto const &one : fields_of(f, shapes[0].scope())) {
    by_level meaning;
    for (auto const s : shapes) meaning.add(f.levels[s.level].name, meaning_of(f, s, one));
    t.rows.push_back(
        {one.hi == one.lo ? fmt::format("{}", one.lo) : fmt::format("{}:{}", one.hi, one.lo), one.own, meaning.text()});
  }
  return t;
}

/// The entries of one kind: boxes for the levels where they differ, and the meaning of every field. Levels that differ
/// in nothing but how many address bits count share the boxes of the lowest of them.
[[nodiscard]] auto picture_of(format const &f, std::span<entry_shape const> shapes) -> entry_picture {
  entry_picture out{shape_name(f, shapes[0]), {}, {}};
  struct drawn {
    std::string              sign;
    std::vector<cell>        essence, cells;  // `essence`: without the address
    std::vector<std::string> levels;
    bool                     alike = true;  // the levels' own boxes do not differ
  };
  std::vector<drawn> all;
  for (auto const s : shapes) {
    auto const &name = f.levels[s.level].name;
    out.levels.emplace_back(name);
    auto       cells   = cells_of(f, s);
    auto       essence = cells_without(cells, address_bits_of(f, s));
    auto       sign    = sign_of(f, s);
    auto const same = std::ranges::find_if(all, [&](drawn const &d) { return d.sign == sign && d.essence == essence; });
    if (same == all.end()) {
      all.push_back({std::move(sign), std::move(essence), std::move(cells), {name}});
      continue;
    }
    same->levels.emplace_back(name);
    same->alike &= same->cells == cells;
    same->cells = std::move(cells);
  }
  for (auto const &d : all) {
    auto text = all.size() == 1 ? fmt::format("Told by: {}.", d.sign)
                                : fmt::format("{}, told by: {}.", listed(d.levels), d.sign);
    if (!d.alike) text += fmt::format(" The boxes are those of {}.", d.levels.back());
    out.blocks.emplace_back(paragraph{std::move(text)});
    out.blocks.emplace_back(in_columns(d.cells));
  }
  out.blocks.emplace_back(meanings(f, shapes));
  return out;
}

// --- rights and memory types --------------------------------------------------------------------------------------

/// What leaves of a form can allow, and how they say it.
[[nodiscard]] auto rights_table(format const &f, u8 n) -> table {
  dynamic const h{&f};
  auto const   &one = f.forms[n];
  table         t{{"kernel", "user", "entry"}, {}};
  u64 const     mask = grant_bits(one.grants);
  for (unsigned r = 0; r <= unsigned(rights::all); ++r) {
    auto const wanted = static_cast<rights>(r);
    auto const bits   = encode_rights(h, one, wanted);
    if (!bits) continue;
    auto const words = text(wanted);
    t.rows.push_back({words.kernel, words.user,
                      mask == 0 ? std::string{} : match_text(f, on_form(n), {mask, (*bits | one.base) & mask})});
  }
  return t;
}

/// The forms that level lists use, grouped by what `make` says of them.
[[nodiscard]] auto by_form(format const &f, std::function<std::vector<block>(u8)> const &make) -> std::vector<block> {
  struct group {
    std::vector<block>       blocks;
    std::vector<std::string> names;
  };
  std::vector<group> groups;
  for (u8 n = 0; n < max_forms; ++n) {
    if (!is_used(f, n)) continue;
    auto       blocks = make(n);
    auto const at = std::ranges::find_if(groups, [&](group const &g) { return key_of(g.blocks) == key_of(blocks); });
    if (at == groups.end()) groups.push_back({std::move(blocks), {f.forms[n].name}});
    else at->names.push_back(f.forms[n].name);
  }
  std::vector<block> out;
  for (auto const &g : groups) {
    if (groups.size() > 1) out.emplace_back(paragraph{fmt::format("{}:", listed(g.names))});
    out.insert(out.end(), g.blocks.begin(), g.blocks.end());
  }
  return out;
}

}  // namespace

auto key_of(std::vector<block> const &blocks) -> std::string { return as_text({"", blocks, {}}); }

auto hierarchy(format const &f) -> std::vector<block> { return {in_columns(address_cells(f)), tree(f)}; }

auto pictures_of(format const &f) -> std::vector<entry_picture> {
  auto const                 shapes = shapes_of(f);
  std::vector<entry_picture> found;
  std::vector<u8>            done;
  auto const                 add = [&](u8 form) {
    std::vector<entry_shape> same;
    for (auto const s : shapes)
      if (s.form == form) same.push_back(s);
    done.push_back(form);
    if (!same.empty()) found.push_back(picture_of(f, same));
  };
  add(no_form);
  for (auto const s : shapes)
    if (std::ranges::find(done, s.form) == done.end()) add(s.form);
  return found;
}

auto rights_blocks(format const &f) -> std::vector<block> {
  std::vector<block> out{
      paragraph{"What a leaf can allow, and how it is written. Other rights cannot be said exactly."}};
  for (auto &one : by_form(f, [&](u8 n) { return std::vector<block>{rights_table(f, n)}; }))
    out.emplace_back(std::move(one));

  bullets below;
  for (auto const &row : f.table_grants)
    if (row.gives != rights::none && row.withheld.mask != 0)
      below.items.push_back(
          fmt::format("{} takes away {}", match_text(f, on_tables, row.withheld), rights_noun(row.gives)));
  std::vector<std::string> unmoved;
  for (unsigned n = f.depth; n-- > 1;)
    if (!f.levels[n].narrows && !below.items.empty()) unmoved.emplace_back(f.levels[n].name);
  out.emplace_back(paragraph{below.items.empty() ? "Table entries do not narrow the rights of what lies below them."
                                              : "Table entries narrow the rights of everything below them:"});
  if (!below.items.empty()) out.emplace_back(below);
  if (!unmoved.empty()) out.emplace_back(paragraph{fmt::format("Entries of {} do not.", listed(unmoved))});
  for (auto const &rule : f.excludes)
    if (rule.when != rights::none)
      out.emplace_back(paragraph{fmt::format("Whatever entries say: what allows {} does not allow {}.",
                                          rights_noun(rule.when), rights_noun(rule.removes))});
  return out;
}

auto memory_blocks(format const &f) -> std::vector<block> {
  struct group {
    u64                      indices;
    std::vector<std::string> names;
    by_level                 from;  // by form
  };
  std::vector<group> groups;
  for (u8 n = 0; n < max_forms; ++n) {
    if (!is_used(f, n)) continue;
    auto const &one     = f.forms[n];
    u64 const   indices = reachable(one.type);
    auto        at      = std::ranges::find(groups, indices, &group::indices);
    if (at == groups.end()) at = groups.insert(at, {indices, {}, {}});
    std::vector<std::string> from;
    for (auto const &p : one.type)
      if (p.width != 0)
        from.push_back(fmt::format("{} ({})", names_text(f, on_form(n), p.mask()), bits_text(p.target())));
    at->names.emplace_back(one.name);
    at->from.add(one.name, listed(from));
  }
  std::vector<block> out;
  for (auto const &g : groups) {
    auto const whose = groups.size() == 1 ? std::string{} : fmt::format("{}: ", listed(g.names));
    if (g.indices == 0) {
      out.push_back(
          paragraph{whose + (f.types[0] == memory_type::pma
                                 ? "leaves do not say a memory type: the platform decides."
                                 : fmt::format("leaves do not say a memory type: all are {}.", text(f.types[0])))});
      continue;
    }
    table t{{"index", "memory type"}, {}};
    for (unsigned i = 0; i < max_types; ++i)
      if ((i & ~g.indices) == 0) t.rows.push_back({fmt::format("{}", i), text(f.types[i])});
    out.emplace_back(paragraph{fmt::format("{}index from {}.", whose, g.from.text())});
    out.emplace_back(std::move(t));
  }
  for (auto &one : out)
    if (auto *const p = std::get_if<paragraph>(&one); p != nullptr && p->text[0] >= 'a' && p->text[0] <= 'z')
      p->text[0] = static_cast<char>(p->text[0] - 'a' + 'A');
  return out;
}

}  // namespace pagewright::catalogue
