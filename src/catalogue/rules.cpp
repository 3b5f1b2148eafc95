// SPDX-License-Identifier: MIT
#include "rules.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "anatomy.hpp"

namespace pagewright::catalogue {
namespace {

using sentences = std::vector<std::string>;

template <class... Arguments>
void say(sentences &out, fmt::format_string<Arguments...> text, Arguments &&...arguments) {
  out.push_back(fmt::format(text, std::forward<Arguments>(arguments)...));
}

/// The leaves of a format that some level has, named once each.
[[nodiscard]] auto forms_of(format const &f) -> std::vector<u8> {
  std::vector<u8> found;
  for (u8 n = 0; n < max_forms; ++n)
    if (is_used(f, n)) found.push_back(n);
  return found;
}

/// `text(form)` of every form that has any, grouped: "page, large page: A; section: B".
template <class Text>
[[nodiscard]] auto per_form(format const &f, Text &&text) -> std::string {
  struct group {
    std::string              said;
    std::vector<std::string> names;
  };
  std::vector<group> groups;
  std::size_t        silent = 0;
  for (u8 const n : forms_of(f)) {
    auto const said = text(n);
    if (said.empty()) {
      ++silent;
      continue;
    }
    auto const at = std::ranges::find(groups, said, &group::said);
    if (at == groups.end()) groups.push_back({said, {f.forms[n].name}});
    else at->names.push_back(f.forms[n].name);
  }
  if (groups.size() == 1 && silent == 0) return groups[0].said;
  std::string out;
  for (auto const &g : groups) out += (out.empty() ? "" : "; ") + fmt::format("{} ({})", g.said, listed(g.names));
  return out;
}

void say_entries(sentences &out, format const &f) {
  say(out, "Entries are {} bytes wide and {}-endian.", f.entry_bytes, f.order == byte_order::little ? "little" : "big");
  for (unsigned n = f.depth; n-- > 0;) {
    auto const &l = f.levels[n];
    if (l.slot_lg2 != 0)
      say(out, "The slots of a {} table lie {} bytes apart; the entry is at byte {} of its slot.", l.name,
          1u << l.slot_lg2, l.slot_offset);
    if (l.table_lg2 != 0)
      say(out, "A {} table takes {} of memory, and is aligned to that.", l.name, power_text(l.table_lg2));
    if (l.index_bits == 0 && n == 0)
      say(out, "{} is a single entry that several slots of {} can share: an indirect leaf.", l.name, f.levels[1].name);
    if (l.loaded)
      say(out, "The processor holds the slots of the {} in registers: it sees a change once the root is loaded again.",
          l.name);
  }
  say(out, "{}", extent_text(f));
  if (f.tag_bits != 0) say(out, "The topmost {} bits of an input address are not looked at.", f.tag_bits);
}

void say_absent(sentences &out, format const &f) {
  auto const usual  = match_text(f, usual_scope(f, 0), f.absent);
  bool       differ = false;
  for (unsigned n = 0; n < f.depth; ++n) differ |= f.levels[n].absent != never;
  bool sparse = false;
  for (unsigned n = 0; n < f.depth; ++n) sparse |= f.levels[n].sparse != never;
  if (!differ)
    say(out, "An entry is absent if {}.{}", usual, sparse ? "" : " Its other bits are software's to keep notes in.");
  if (differ) {
    by_level absent;
    for (unsigned n = f.depth; n-- > 0;)
      absent.add(f.levels[n].name,
                 match_text(f, n == 0 ? usual_scope(f, 0) : u8{on_tables}, absent_of(dynamic{&f}, n)));
    say(out, "An entry is absent if {}.", absent.text());
  }
  by_level empty;
  bool     any = false;
  for (unsigned n = f.depth; n-- > 0;) {
    empty.add(f.levels[n].name, fmt::format("{:#x}", f.levels[n].vacant));
    any |= f.levels[n].vacant != 0;
  }
  if (any) say(out, "Zero is a valid entry. What an empty slot holds: {}.", empty.text());
  for (unsigned n = f.depth; n-- > 0;)
    if (auto const &l = f.levels[n]; l.sparse != never)
      say(out, "An absent {} entry with {} is sparse: its pages read as zeroes and swallow writes, without a fault.",
          l.name, match_text(f, n == 0 ? usual_scope(f, 0) : u8{on_tables}, l.sparse));
  say(out, "{}",
      f.caches_absent ? "Absent entries may be cached: a new mapping must be invalidated like any other change."
                      : "Absent entries are not cached: a new mapping needs no invalidation.");
}

void say_reserved(sentences &out, format const &f) {
  for (auto const &pattern : f.reserved_leaf)
    if (pattern != never) say(out, "Hardware rejects a leaf with {}.", match_text(f, usual_scope(f, 0), pattern));
  for (auto const &pattern : f.reserved_table)
    if (pattern != never) say(out, "Hardware rejects a table entry with {}.", match_text(f, on_tables, pattern));
  if (f.low_address_zero)
    say(out, "Hardware rejects a leaf whose address is not a multiple of what one slot of its level covers.");
  say(out, "Output addresses have {} bits; a table entry that leads beyond them counts as rejected.", f.output_bits);
  if (f.next_level.width != 0)
    say(out,
        "{} of a table entry names the level it leads to, counted from 1. Levels can be skipped; their index bits are "
        "then zero in every input address that translates.",
        names_text(f, on_tables, f.next_level.mask()));
  for (auto const &b : f.table_bounds) {
    if (b.limit.width == 0) continue;
    u64 const unit = u64{1} << b.unit_lg2;
    say(out, "{} of a table entry{} is the {} {} of the next table that exists; slots {} it count as absent.",
        names_text(f, on_tables, b.limit.mask()),
        b.when.mask == 0 ? "" : fmt::format(" with {}", match_text(f, on_tables, b.when)), b.lower ? "first" : "last",
        unit == 1 ? std::string{"slot"} : fmt::format("block of {} slots", unit), b.lower ? "before" : "after");
  }
}

void say_sizes(sentences &out, format const &f) {
  std::vector<std::pair<unsigned, std::vector<std::string>>> runs;
  for (u8 const n : forms_of(f)) {
    auto const &one  = f.forms[n];
    auto const  name = fmt::format("\"{}\"", one.name);
    if (one.size_code != 0) {
      say(out, "{}: ones from bit {} up to the first zero code the size.", name, one.size_code);
    } else if (one.run_lg2 != 0) {
      auto const at = std::ranges::find(runs, unsigned{one.run_lg2}, &decltype(runs)::value_type::first);
      if (at == runs.end()) runs.push_back({one.run_lg2, {name}});
      else at->second.push_back(name);
    }
  }
  for (auto const &[lg2, names] : runs)
    say(out, "{} {} {} neighbouring slots, aligned to as many, whose entries say the same.", listed(names),
        names.size() == 1 ? "fills" : "fill", 1u << lg2);
}

void say_marks(sentences &out, format const &f) {
  auto const marks = [&](match form::*which) {
    return per_form(
        f, [&](u8 n) { return f.forms[n].*which == never ? "" : match_text(f, on_form(n), f.forms[n].*which); });
  };
  auto const accessed = marks(&form::accessed), dirty = marks(&form::dirty), global = marks(&form::global),
             shared = marks(&form::shared);
  if (accessed.empty() && dirty.empty()) say(out, "Nothing marks leaves as accessed or written to.");
  if (!accessed.empty())
    say(out, "A leaf was accessed if {}. {}", accessed,
        f.unaccessed_faults ? "Software sets the mark: a leaf without it does not translate."
                            : "Hardware sets the mark.");
  if (f.table_accessed != never)
    say(out, "Hardware marks table entries it went through: {}.", match_text(f, on_tables, f.table_accessed));
  if (!dirty.empty()) say(out, "A leaf was written to if {}.", dirty);
  if (!global.empty()) say(out, "A leaf is global, valid in all address spaces, if {}.", global);
  if (f.table_global != never)
    say(out, "A table entry with {} makes everything below it global.", match_text(f, on_tables, f.table_global));
  if (!shared.empty()) say(out, "A leaf leads to shared memory if {}.", shared);
  if (f.table_says != 0)
    say(out, "{} of a table entry says something of everything below it.", names_text(f, on_tables, f.table_says));
  auto const own = per_form(f, [&](u8 n) { return f.software == 0 ? "" : names_text(f, on_form(n), f.software); });
  if (!own.empty()) say(out, "Software's own bits of a leaf: {}.", own);
}

void say_changes(sentences &out, format const &f) {
  if (!f.break_before_make) {
    say(out, "A valid entry may be replaced by another directly, without break-before-make.");
    return;
  }
  auto const live = per_form(f, [&](u8 n) {
    u64 const may = (f.forms[n].live != 0 ? f.forms[n].live : f.live) & below(8u * f.entry_bytes) &
                    decisive_bits(f, {lowest_level(f, n), n});
    return may == 0 ? std::string{"none"} : names_text(f, on_form(n), may);
  });
  say(out,
      "Break-before-make: a valid entry is made absent and invalidated before it is written anew. Of the bits that "
      "decide something these may change in place: {}.",
      live);
  if (f.resizes_live) say(out, "A leaf and smaller ones that translate alike may replace each other directly.");
  if (f.resizing != 0)
    say(out, "Leaves may be resized directly while the larger one has {} set.", bits_text(f.resizing));
}

}  // namespace

auto extent_text(format const &f) -> std::string {
  unsigned const bits = f.input_bits(), top = f.input_width - f.tag_bits;
  if (bits >= top) return fmt::format("All {} bits of an input address are translated.", bits);
  auto const upper = top - 1 == bits ? fmt::format("bit {}", bits) : fmt::format("bits {}:{}", top - 1, bits);
  switch (f.upper) {
    case extent::zero: return fmt::format("Input addresses have {} bits: {} must be 0.", bits, upper);
    case extent::ones:
      return fmt::format("Input addresses have {} bits below the top of the space: {} must be 1.", bits, upper);
    case extent::canonical:
      return fmt::format("Input addresses have {} bits and are canonical: {} must repeat bit {}.", bits, upper,
                         bits - 1);
  }
  return {};
}

auto rules_of(format const &f) -> std::vector<std::string> {
  sentences out;
  say_entries(out, f);
  say_absent(out, f);
  say_reserved(out, f);
  say_sizes(out, f);
  say_marks(out, f);
  say_changes(out, f);
  return out;
}

}  // namespace pagewright::catalogue
