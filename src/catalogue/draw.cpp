// SPDX-License-Identifier: MIT
#include "draw.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "anatomy.hpp"
#include "parts.hpp"
#include "rules.hpp"

namespace pagewright::catalogue {
namespace {

using variants = std::span<variant const *const>;

[[nodiscard]] auto names_of(variants const &all) -> std::string {
  std::vector<std::string> names;
  for (auto const *v : all) names.emplace_back(v->name);
  return listed(names);
}

// --- what several formats have in common -------------------------------------------------------------------------

void add_entries(page &out, variants const &all) {
  struct shared_picture {
    entry_picture                what;
    std::vector<variant const *> of;
  };
  std::vector<shared_picture> pictures;
  for (auto const *v : all)
    for (auto &one : pictures_of(*v->description)) {
      auto const same = std::ranges::find_if(pictures, [&](shared_picture const &p) {
        return p.what.name == one.name && p.what.levels == one.levels && key_of(p.what.blocks) == key_of(one.blocks);
      });
      if (same == pictures.end()) pictures.push_back({std::move(one), {v}});
      else same->of.push_back(v);
    }
  out.sections.push_back(
      {"Entries",
       {paragraph{"In the boxes 0 and 1 are what a bit must be, x may be either, - is not looked at. Fields without a "
                  "value are free."}}});
  for (auto &p : pictures) {
    auto title = fmt::format("{}: {}", p.what.name, listed(p.what.levels));
    if (title[0] >= 'a' && title[0] <= 'z') title[0] = static_cast<char>(title[0] - 'a' + 'A');
    if (p.of.size() != all.size()) title += fmt::format(" ({})", names_of(p.of));
    out.sections.push_back({std::move(title), std::move(p.what.blocks), 1});
  }
}

// --- the page -----------------------------------------------------------------------------------------------------

/// One part of the page; what several formats say alike is there once.
void add_part(page &out, variants const &all, std::string const &title, std::vector<block> (*make)(format const &)) {
  struct group {
    std::vector<block>           blocks;
    std::vector<variant const *> of;
  };
  std::vector<group> groups;
  for (auto const *v : all) {
    auto       blocks = make(*v->description);
    auto const at = std::ranges::find_if(groups, [&](group const &g) { return key_of(g.blocks) == key_of(blocks); });
    if (at == groups.end()) groups.push_back({std::move(blocks), {v}});
    else at->of.push_back(v);
  }
  if (groups.size() == 1) {
    out.sections.push_back({title, groups[0].blocks});
    return;
  }
  out.sections.push_back({title, {}});
  for (auto const &g : groups) out.sections.push_back({names_of(g.of), g.blocks, 1});
}

/// The rules, each once, with the formats it holds for where these are not all.
void add_rules(page &out, variants const &all) {
  struct shared_rule {
    std::string                  text;
    std::vector<variant const *> of;
  };
  std::vector<shared_rule> rules;
  for (auto const *v : all)
    for (auto &one : rules_of(*v->description)) {
      auto const at = std::ranges::find(rules, one, &shared_rule::text);
      if (at == rules.end()) rules.push_back({std::move(one), {v}});
      else at->of.push_back(v);
    }
  bullets list;
  for (bool const common : {true, false})
    for (auto const &r : rules)
      if ((r.of.size() == all.size()) == common)
        list.items.push_back(common ? r.text : fmt::format("{}: {}", names_of(r.of), r.text));
  out.sections.push_back({"Rules", {list}});
}

/// All that a description says of itself.
void add_description(page &out, variants const &all) {
  add_part(out, all, "Hierarchy", hierarchy);
  add_entries(out, all);
  add_part(out, all, "Rights", rights_blocks);
  add_part(out, all, "Memory types", memory_blocks);
  add_rules(out, all);
}

[[nodiscard]] auto strings(std::span<std::string_view const> from) -> std::vector<std::string> {
  return {from.begin(), from.end()};
}

[[nodiscard]] auto summary(std::span<variant const> all) -> table {
  table t{{"format", "", "in", "out", "levels", "entry", "leaves"}, {}};
  for (auto const &v : all) {
    auto const &f = *v.description;
    t.rows.push_back({std::string{v.name}, std::string{v.about}, fmt::format("{}", f.input_bits()),
                      fmt::format("{}", f.output_bits), fmt::format("{}", f.depth), fmt::format("{}", f.entry_bytes),
                      all_leaf_sizes(f)});
  }
  return t;
}

}  // namespace

auto all_leaf_sizes(format const &f) -> std::string {
  std::vector<unsigned> sizes;
  unsigned              coded_from = 64, coded_to = 0;
  for (auto const s : shapes_of(f)) {
    if (s.is_table()) continue;
    auto const &one   = f.forms[s.form];
    auto const &level = f.levels[s.level];
    sizes.push_back(level.shift + unsigned{one.run_lg2});
    if (one.size_code == 0) continue;
    sizes.pop_back();
    coded_from = std::min(coded_from, std::max<unsigned>(level.shift, one.size_code + 1u));
    coded_to   = std::max(coded_to, std::min(63u, unsigned{level.shift} + level.index_bits));
  }
  std::ranges::sort(sizes);
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  std::string out;
  for (auto const lg2 : sizes)
    if (lg2 < coded_from || lg2 > coded_to) out += (out.empty() ? "" : ", ") + power_text(lg2);
  if (coded_to != 0)
    out += (out.empty() ? "" : ", ") + fmt::format("{} to {}", power_text(coded_from), power_text(coded_to));
  return out;
}

auto draw(choice const &what) -> page {
  auto const &of = *what.of;
  page        out{std::string{what.one != nullptr ? what.one->name : of.title}, {}, {}};
  if (what.one != nullptr) out.blocks.emplace_back(paragraph{fmt::format("{}; {}.", of.title, what.one->about)});
  out.blocks.emplace_back(paragraph{std::string{of.about}});
  out.blocks.emplace_back(paragraph{
      of.built ? fmt::format("Such tables are built by {}; this library reads, builds and changes them.", of.builders)
               : fmt::format("Such tables are built by {}; this library only reads them.", of.builders)});

  std::vector<variant const *> drawn;
  if (what.one != nullptr) {
    drawn.push_back(what.one);
    out.blocks.emplace_back(paragraph{fmt::format("In C++: pagewright::{} in <pagewright/formats/{}>. After: {}.",
                                               what.one->constant, of.header, what.one->description->spec)});
  } else {
    table constants{{"format", fmt::format("in <pagewright/formats/{}>", of.header)}, {}};
    for (auto const &v : of.variants) {
      if (v.drawn) drawn.push_back(&v);
      constants.rows.push_back({std::string{v.name}, fmt::format("pagewright::{}", v.constant)});
    }
    out.sections.push_back({"Formats", {summary(of.variants), constants}});
    if (drawn.size() != of.variants.size())
      out.sections.back().blocks.emplace_back(paragraph{
          drawn.empty() ? std::string{"'pagewright formats NAME' draws one of them."}
                        : fmt::format("Below: {}. 'pagewright formats NAME' draws any of them.", names_of(drawn))});
  }
  if (!drawn.empty()) add_description(out, drawn);
  out.sections.push_back({"Sources", {bullets{strings(of.sources)}}});
  if (!of.uncertain.empty())
    out.sections.push_back(
        {"Uncertain",
         {paragraph{"What the description takes for granted, and may be wrong:"}, bullets{strings(of.uncertain)}}});
  return out;
}

auto draw(format const &f, std::string_view name) -> page {
  variant const        one{name, &f, "", ""};
  variant const *const all[]{&one};
  page                 out{std::string{name}, {}, {}};
  out.blocks.emplace_back(paragraph{fmt::format("{}, after: {}.", f.name, f.spec)});
  add_description(out, all);
  return out;
}

auto draw_list() -> page {
  page out{"Formats", {}, {}};
  for (auto const *f : families()) {
    table t{{"name", "in", "out", "levels", "leaves", ""}, {}};
    for (auto const &v : f->variants)
      t.rows.push_back({std::string{v.name}, fmt::format("{}", v.description->input_bits()),
                        fmt::format("{}", v.description->output_bits), fmt::format("{}", v.description->depth),
                        all_leaf_sizes(*v.description), std::string{v.about}});
    out.sections.push_back({fmt::format("{}: {}", f->name, f->title), {t}, 1});
  }
  return out;
}

auto draw_index() -> page {
  page out{"Formats", {}, {}};
  out.blocks.emplace_back(paragraph{"Every page-table format that the library has, drawn from its description. These "
                                 "pages are made by 'pagewright formats --markdown -o docs/formats'; a test fails if "
                                 "they are not current. 'pagewright formats NAME' draws one format on a terminal, "
                                 "'pagewright decode FORMAT LEVEL VALUE' explains an entry."});
  table       t{{"page", "", "formats", "use", "header"}, {}};
  std::size_t formats = 0;
  for (auto const *f : families()) {
    formats += f->variants.size();
    t.rows.push_back({fmt::format("[{}]({}.md)", f->name, f->name), std::string{f->title},
                      fmt::format("{}", f->variants.size()), f->built ? "read, build" : "read",
                      fmt::format("[{}](../../include/pagewright/formats/{})", f->header, f->header)});
  }
  out.blocks.emplace_back(paragraph{fmt::format("{} families, {} formats.", families().size(), formats)});
  out.blocks.emplace_back(t);
  return out;
}

}  // namespace pagewright::catalogue
