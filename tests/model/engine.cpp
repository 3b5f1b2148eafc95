// SPDX-License-Identifier: MIT
#include "engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <sstream>

namespace trial {
namespace {

auto low(unsigned lg2) -> u64 { return lg2 >= 64 ? ~u64{0} : (u64{1} << lg2) - 1; }

auto hex(u64 v) -> std::string {
  std::ostringstream s;
  s << "0x" << std::hex << v;
  return s.str();
}
auto hex(rights r) -> std::string {
  auto const t = text(r);
  return std::string{t.kernel} + "/" + t.user;
}

}  // namespace

auto test_size() -> double {
  auto const *const s = std::getenv("PAGEWRIGHT_TEST_SIZE");
  double const      v = s != nullptr ? std::atof(s) : 1.0;
  return v > 0 ? v : 1.0;
}

auto seed_of(char const *name) -> u64 {
  if (auto const *const s = std::getenv("PAGEWRIGHT_TEST_SEED")) return std::strtoull(s, nullptr, 0);
  u64 h = 0xcbf2'9ce4'8422'2325;
  for (; *name != 0; ++name) h = (h ^ static_cast<unsigned char>(*name)) * 0x100'0000'01b3;
  return h;
}

auto place_for(format const &f, unsigned frames) -> place {
  unsigned lg2 = 0;
  for (unsigned level = 0; level < f.depth; ++level) lg2 = std::max(lg2, table_lg2(dynamic{&f}, level));
  return {frames, lg2, u64{0x0100'0000} & ~low(lg2) ? u64{0x0100'0000} & ~low(lg2) : u64{1} << lg2};
}

auto operation::text() const -> std::string {
  std::ostringstream s;
  auto const where = hex(first) + ".." + hex(last);
  auto const halves = half == half_covered::split ? "split" : half == half_covered::whole ? "whole" : "refuse";
  switch (what) {
    case kind::map:
    case kind::needs:
      s << (what == kind::map ? "map " : "tables_needed ") << where << " -> " << hex(out) << " " << hex(want.allow) << " "
        << pagewright::text(want.type) << (want.global ? " global" : "") << (want.accessed ? "" : " unaccessed")
        << (want.dirty ? "" : " clean") << " software " << hex(want.software) << " largest 2^" << unsigned{limits.largest_lg2}
        << (limits.runs ? "" : ", no runs");
      break;
    case kind::unmap:   s << "unmap " << where << " " << halves << (empty == emptied::keep ? " keep" : " release"); break;
    case kind::protect: s << "protect " << where << " " << hex(want.allow) << " " << halves; break;
    case kind::retype:  s << "retype " << where << " " << pagewright::text(want.type) << " " << halves; break;
    case kind::reserve: s << "reserve " << where; break;
    case kind::release_reserve: s << "release_reserve"; break;
    case kind::settle:  s << "settle"; break;
    case kind::query:   s << "query " << hex(first); break;
  }
  return s.str();
}

// --- choosing -----------------------------------------------------------------------------------------------------

chooser::chooser(format const &f, reference const &model, u64 seed) : f_{f}, model_{model}, random_{seed} {
  dynamic const h{&f};
  for (unsigned r = 0; r < 64; ++r)
    if (model.is_sayable(rights(r))) rights_.push_back(rights(r));
  types_.push_back(memory_type::wb);
  for (auto const t : f.types) {
    bool sayable = t != memory_type::reserved;
    for (unsigned n = 0; n < max_forms; ++n)
      if (f.forms[n].name != nullptr) sayable = sayable && encode_type(h, dynamic_form{&f.forms[n], n}, t).has_value();
    if (sayable && std::find(types_.begin(), types_.end(), t) == types_.end()) types_.push_back(t);
  }
  auto const ranges = translated_ranges(h);
  for (unsigned i = 0; i < ranges.count; ++i) {
    u64 const first = ranges.part[i].first.value, last = ranges.part[i].last.value;
    anchors_.push_back(first);
    anchors_.push_back(first + ((last - first) / 2 & ~low(h->levels[h.top()].shift)));
    anchors_.push_back(last);
  }
}

auto chooser::address() -> u64 {
  if (below(64) == 0) return random_();
  if (!model_.extents().empty() && below(3) != 0) {
    auto it = model_.extents().lower_bound(anchors_[below(anchors_.size())] + (below(64) << model_.grain()));
    if (it == model_.extents().end()) it = std::prev(it);
    u64 const edges[]{it->first, it->first - 1, it->second.last, it->second.last + 1, it->first + below(it->second.last - it->first + 1)};
    return edges[below(5)];
  }
  return anchors_[below(anchors_.size())] + (below(256) << model_.grain()) - (below(256) << model_.grain());
}

/// A few units of a leaf size or half of one, close to an anchor, inside the input range.
void chooser::choose_range(operation &o) {
  auto const &sizes = model_.sizes();
  auto const &size  = sizes[below(3) == 0 ? below(sizes.size()) : sizes.size() - 1 - below(std::min<u64>(sizes.size(), 3))];
  unsigned const grain = model_.grain(), unit = size.lg2;
  u64 const whole = low(f_.input_bits());
  u64 const anchor = anchors_[below(anchors_.size())];
  u64 const most = std::max<u64>(1, std::min<u64>(size.level == 0 ? 24 : 3, (whole >> unit) / 2));
  u64 const units = 1 + below(most);
  bool const down = below(2) == 0 || (anchor & low(grain)) != 0;
  u64 const off = below(4) << unit;
  u64 first = (anchor & ~low(grain)) + ((anchor & low(grain)) != 0 ? u64{1} << grain : 0);
  if (down) first -= off + (units << unit);
  else first += off;
  u64 last = first + (units << unit) - 1;
  if (below(4) == 0) first += below(4) << grain;           // not quite aligned
  if (below(4) == 0 && last - first > (u64{8} << grain)) last -= below(4) << grain;
  o.first = first;
  o.last  = last;
  if (!model_.extents().empty() && below(3) == 0) {        // exactly what is there, or one page of it
    auto it = model_.extents().lower_bound(first);
    if (it == model_.extents().end()) it = model_.extents().begin();
    o.first = it->first, o.last = it->second.last;
    if (below(2) == 0) {
      u64 const pages = ((o.last - o.first) >> grain) + 1;
      o.first += below(pages) << grain;
      o.last = o.first + low(grain);
    }
  }
  if (o.last < o.first) o.last = o.first | low(grain);
}

auto chooser::next() -> operation {
  using kind = operation::kind;
  operation o{kind::query};
  unsigned const dice = static_cast<unsigned>(below(100));
  if (dice < 55) {
    o.first = address();
    return o;
  }
  if (dice < 58) {
    o.what = kind::settle;
    return o;
  }
  choose_range(o);
  unsigned const grain = model_.grain();
  o.half  = static_cast<half_covered>(below(8) < 5 ? 0 : 1 + below(2));
  o.empty = below(4) == 0 ? emptied::keep : emptied::release;
  o.want.allow = rights_[below(rights_.size())];
  o.want.type  = types_[below(3) == 0 ? below(types_.size()) : 0];

  if (dice < 76) {
    o.what = dice < 75 ? kind::map : kind::needs;
    o.want.global   = below(4) == 0;
    o.want.accessed = below(4) != 0;
    o.want.dirty    = below(2) != 0;
    o.want.software = below(4) == 0 ? random_() & f_.software : 0;
    if (below(8) == 0) o.limits.runs = false;
    if (below(8) == 0) o.limits.largest_lg2 = static_cast<u8>(model_.sizes()[below(model_.sizes().size())].lg2);
    u64 const span = o.last - o.first, top = low(f_.output_bits);
    unsigned const large = std::min<unsigned>(f_.output_bits - 1u, model_.sizes().front().lg2);
    o.out = (o.first & low(large)) + (below(4) << std::min(30u, large - 1u));
    if (below(4) == 0) o.out += below(64) << grain;
    if (span > top || o.out > top - span) o.out = o.first & low(std::min(large, model_.sizes()[model_.sizes().size() / 2].lg2));
    // Keep operations small: the smallest leaves this mapping may use must not be many.
    unsigned const limit = std::min<unsigned>({o.limits.largest_lg2, static_cast<unsigned>(std::countr_zero((o.out - o.first) | bit(62)))});
    unsigned step = grain;
    for (auto const &s : model_.sizes())
      if (s.lg2 <= limit && s.lg2 > step && (o.limits.runs || !s.run)) step = s.lg2;
    u64 const most = (u64{48} << step) - 1;
    if (o.last > o.first && span > most) o.last = o.first + most;
    if (unsigned const bad = static_cast<unsigned>(below(200)); bad == 0) o.out += 1u << (grain - 1);
    else if (bad == 1) o.out = top & ~low(grain);
    else if (bad == 2) o.want.allow = rights(below(64));
  } else if (dice < 89) {
    o.what = kind::unmap;
    if (below(12) == 0) {  // everything around an anchor, or everything
      auto const ranges = translated_ranges(dynamic{&f_});
      auto const &r = ranges.part[below(ranges.count)];
      o.first = r.first.value, o.last = r.last.value;
    }
  } else if (dice < 94) {
    o.what = kind::protect;
    if (below(100) == 0) o.want.allow = rights(below(64));
  } else if (dice < 97) {
    o.what = kind::retype;
  } else if (dice < 99) {
    o.what = kind::reserve;
    if (o.last - o.first > low(model_.reach(0))) o.last = o.first | low(grain);
  } else {
    o.what = kind::release_reserve;
  }
  if (below(400) == 0) o.first += 1u << (grain - 1);
  if (below(400) == 0) {
    u64 const far = random_() | low(grain);  // a mapping stays small where every address is translated
    if ((o.what != kind::map && o.what != kind::needs) || !model_.is_inside(far)) o.last = far;
  }
  if (o.last < o.first) o.last = o.first | low(grain);
  return o;
}

// --- applying and comparing ---------------------------------------------------------------------------------------

auto apply(operation const &o, subject &s, std::expected<void, error> &result) -> void {
  using kind = operation::kind;
  range const r{{o.first}, {o.last}};
  result = {};
  switch (o.what) {
    case kind::map:             result = s.map(r, {o.out}, o.want, o.limits); break;
    case kind::unmap:           result = s.unmap(r, o.half, o.empty); break;
    case kind::protect:         result = s.protect(r, o.want.allow, o.half); break;
    case kind::retype:          result = s.retype(r, o.want.type, o.half); break;
    case kind::reserve:         result = s.reserve(r); break;
    case kind::release_reserve: s.release_reserve(); break;
    case kind::settle:          s.settle(); break;
    case kind::query:
    case kind::needs:           break;
  }
}

auto apply(operation const &o, reference &m) -> verdict {
  using kind = operation::kind;
  switch (o.what) {
    case kind::map:             return m.map(o.first, o.last, o.out, o.want, o.limits);
    case kind::unmap:           return m.unmap(o.first, o.last, o.half, o.empty);
    case kind::protect:         return m.protect(o.first, o.last, o.want.allow, o.half);
    case kind::retype:          return m.retype(o.first, o.last, o.want.type, o.half);
    case kind::reserve:         return m.reserve(o.first, o.last);
    case kind::release_reserve: return m.release_reserve(), verdict{};
    case kind::settle:          return m.settle(), verdict{};
    case kind::query:
    case kind::needs:           break;
  }
  return {};
}

auto difference(operation const &o, std::expected<void, error> const &got, verdict const &expected) -> std::string {
  if (!expected && got) return {};
  auto const say = [](auto const &why, u64 at) { return std::string{text(why)} + " at " + hex(at); };
  std::string const want = expected ? say(expected->why, expected->at) : "success";
  std::string const came = got ? "success" : say(got.error().why, got.error().at.value);
  bool const same_place  = o.what == operation::kind::reserve || (expected && !got && got.error().at.value == expected->at);
  if (expected && !got && got.error().why == expected->why && same_place) return {};
  return "expected " + want + ", came " + came;
}

auto compare_at(format const &f, u64 at, subject &s, reference const &m) -> std::string {
  auto const got  = s.query(at);
  auto const leaf = m.find(at);
  std::ostringstream out;
  auto const expect = [&](char const *what, auto const &want, auto const &came) {
    if (want == came) return;
    out << " " << what << ": expected ";
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(want)>, rights>) out << hex(want) << ", came " << hex(came);
    else if constexpr (std::is_same_v<std::remove_cvref_t<decltype(want)>, memory_type>) out << text(want) << ", came " << text(came);
    else out << hex(u64(want)) << ", came " << hex(u64(came));
  };
  auto const fault_expected = !m.is_inside(at) ? std::optional{fault_reason::outside_input}
                              : !leaf          ? std::optional{fault_reason::absent}
                              : f.unaccessed_faults && !leaf->of->accessed ? std::optional{fault_reason::not_accessed}
                                                                           : std::nullopt;
  if (fault_expected) {
    if (got) out << " expected a fault: " << text(*fault_expected) << ", came output " << hex(got->address.value);
    else if (got.error().why != *fault_expected) out << " expected " << text(*fault_expected) << ", came " << text(got.error().why);
  } else if (!got) {
    out << " expected output " << hex(leaf->out + (at - leaf->first)) << ", came a fault: " << text(got.error().why) << " at level "
        << unsigned{got.error().level} << ", slot " << hex(got.error().slot.value) << " = " << hex(got.error().entry);
  } else {
    auto const &e = *leaf->of;
    expect("output", leaf->out + (at - leaf->first), got->address.value);
    expect("leaf start", leaf->first, got->input.value);
    expect("size", u64{e.size.lg2}, u64{got->lg2});
    expect("level", u64{e.size.level}, u64{got->level});
    expect("rights", e.allow, got->own);
    expect("effective rights", e.allow, got->effective);
    expect("type", e.type, got->type);
    expect("global", e.global, got->global);
    expect("accessed", e.accessed, got->accessed);
    expect("dirty", e.dirty, got->dirty);
    expect("software", e.software, got->entry & f.software);
  }
  auto const text = out.str();
  return text.empty() ? text : "at " + hex(at) + ":" + text;
}

auto compare_all(format const &f, subject &s, reference const &m) -> std::string {
  auto const got = s.sweep();
  std::ostringstream out;
  if (got.odd != 0) out << "reserved or unreadable entries: " << got.odd << "\n";

  // Every leaf, in order, each once.
  auto it = m.extents().begin();
  u64  into = 0;
  for (auto const &l : got.leaves) {
    if (it == m.extents().end()) return out.str() + "a leaf too many at " + hex(l.input.value);
    auto const &e    = it->second;
    u64 const  first = it->first + into;
    if (l.input.value != first || l.lg2 != e.size.lg2 || l.output.value != e.out + into || l.own != e.allow || l.effective != e.allow ||
        l.type != e.type || l.global != e.global || l.accessed != e.accessed || l.dirty != e.dirty ||
        (l.entry & f.software) != e.software)
      return out.str() + "expected a leaf of 2^" + std::to_string(e.size.lg2) + " at " + hex(first) + " -> " + hex(e.out + into) +
             " " + hex(e.allow) + ", came 2^" + std::to_string(unsigned{l.lg2}) + " at " + hex(l.input.value) + " -> " +
             hex(l.output.value) + " " + hex(l.own);
    if ((first | low(e.size.lg2)) == e.last) ++it, into = 0;
    else into += u64{1} << e.size.lg2;
  }
  if (it != m.extents().end()) out << "a leaf is missing at " << hex(it->first + into) << "\n";

  // Leaves and holes tile the input ranges, ascending.
  auto const ranges = translated_ranges(dynamic{&f});
  std::size_t n = 0;
  for (unsigned i = 0; i < ranges.count; ++i) {
    u64 at = ranges.part[i].first.value;
    for (;; ++n) {
      if (n == got.parts.size()) return out.str() + "the sweep leaves out " + hex(at);
      if (got.parts[n].first.value != at) return out.str() + "the sweep jumps from " + hex(at) + " to " + hex(got.parts[n].first.value);
      if (got.parts[n].last.value == ranges.part[i].last.value) break;
      at = got.parts[n].last.value + 1;
    }
    ++n;
  }
  if (n != got.parts.size()) out << "the sweep goes on beyond the input ranges\n";

  // Exactly the tables there should be, each reached once.
  std::vector<std::set<u64>> tables(f.depth);
  std::set<u64> addresses;
  for (auto const &t : got.tables) {
    if (!tables[t.level].insert(t.first >> m.reach(t.level)).second) out << "a table is visited twice: " << hex(t.first) << "\n";
    if (!addresses.insert(t.address).second) out << "a table is linked twice: " << hex(t.address) << "\n";
  }
  for (unsigned level = 0; level + 1u < f.depth; ++level)
    if (tables[level] != m.tables(level))
      out << "level " << level << ": expected " << m.tables(level).size() << " tables, came " << tables[level].size() << "\n";
  if (s.frames.out() != m.frames_in_use() + 1)
    out << "expected " << m.frames_in_use() + 1 << " frames in use, came " << s.frames.out() << "\n";
  if (s.frames.wrong() != 0) out << "frames released wrongly: " << s.frames.wrong() << "\n";
  if (s.store.strays() != 0) out << "accesses outside the memory: " << s.store.strays() << "\n";
  return out.str();
}

// --- the trial ----------------------------------------------------------------------------------------------------

namespace {

auto tables_on_the_way(format const &f, subject &s, u64 at) -> std::string {
  std::ostringstream out;
  arena_memory memory{s.store};
  root const   top{{s.store.base()}};
  (void)walk(dynamic{&f}, top, {at}, memory, [&](step const &one) {
    out << "    " << f.levels[one.level].name << " table " << hex(one.table.value) << " slot " << one.index << " = "
        << hex(one.entry) << " (" << text(one.kind) << ")\n";
  });
  return out.str();
}

}  // namespace

void run_lockstep(entrant const &e, u64 operations) {
  format const &f    = *e.description;
  u64 const     seed = seed_of(e.name);
  auto const    where = place_for(f, 40);
  auto const    interpreted = std::make_unique<plain_subject<dynamic>>(dynamic{&f}, where);
  auto const    folded      = e.make_fixed != nullptr ? e.make_fixed(where) : nullptr;
  subject      &first = *interpreted, &second = folded ? *folded : *interpreted;
  reference     model{f, where.frames};
  chooser       choose{f, model, seed};
  std::deque<std::pair<operation, verdict>> last;
  u64 n = 0;

  auto const fail = [&](std::string const &what, operation const &o) {
    std::ostringstream report;
    report << e.name << ", seed " << hex(seed) << ", step " << n << ": " << what << "\n  " << o.text()
           << "\n  after\n";
    for (auto const &[one, refused] : last)
      report << "    " << one.text() << (refused ? std::string{" (refused: "} + text(refused->why) + ")" : "") << "\n";
    report << "  tables at " << hex(o.first) << "\n" << tables_on_the_way(f, second, o.first) << "  tables at " << hex(o.last) << "\n"
           << tables_on_the_way(f, second, o.last) << "  run again: PAGEWRIGHT_TEST_SEED=" << hex(seed);
    ADD_FAILURE() << report.str();
  };

  std::vector<std::pair<subject *, std::string>> both{{&first, "dynamic: "}};
  if (folded) both.emplace_back(&second, "fixed: ");
  std::expected<void, error> result;
  for (u64 done = 0; done < operations; ++n, ++done) {
    auto const o = choose.next();
    if (o.what == operation::kind::query) {
      if (auto const d = compare_at(f, o.first, (n & 1) != 0 ? second : first, model); !d.empty()) return fail(d, o);
      continue;
    }
    if (o.what == operation::kind::needs) {
      auto const want = model.tables_needed(o.first, o.last, o.out, o.want, o.limits);
      auto const got  = second.tables_needed({{o.first}, {o.last}}, {o.out}, o.want, o.limits);
      if (want.has_value() != got.has_value() || (want && *want != *got))
        return fail("expected " + (want ? std::to_string(*want) : "an error") + ", came " + (got ? std::to_string(*got) : "an error"), o);
      continue;
    }
    auto const expected = apply(o, model);
    for (auto const &[s, handle] : both) {
      s->store.begin_operation();
      apply(o, *s, result);
      if (auto const d = difference(o, result, expected); !d.empty()) return fail(handle + d, o);
      if (expected && s->store.old_writes() != 0)
        return fail(handle + "refused, but wrote " + std::to_string(s->store.old_writes()) + " times to tables that were there", o);
      if (s->frames.out() != model.frames_in_use() + 1)
        return fail(handle + "expected " + std::to_string(model.frames_in_use() + 1) + " frames in use, came " +
                    std::to_string(s->frames.out()), o);
    }
    if (first.store.hash() != second.store.hash()) return fail("fixed and dynamic wrote differently", o);
    for (u64 const at : {o.first - 1, o.first, o.last, o.last + 1}) {
      if (auto const d = compare_at(f, at, second, model); !d.empty()) return fail(d, o);
      ++done;
    }
    if ((n & 1023) < 2) {
      if (auto const d = compare_all(f, (n & 1024) != 0 ? second : first, model); !d.empty()) return fail(d, o);
      if (first.store.bytes() != second.store.bytes()) return fail("fixed and dynamic left different memory", o);
    }
    last.emplace_back(o, expected);
    if (last.size() > 24) last.pop_front();
  }

  // In the end everything goes: nothing may be left.
  auto const ranges = translated_ranges(dynamic{&f});
  for (unsigned i = 0; i < ranges.count; ++i) {
    operation const all{operation::kind::unmap, ranges.part[i].first.value, ranges.part[i].last.value};
    for (auto const &[s, handle] : both) {
      apply(all, *s, result);
      if (!result) return fail(handle + "the last unmap failed: " + text(result.error().why), all);
      s->settle();
      s->release_reserve();
    }
  }
  for (auto const &[s, handle] : both) {
    EXPECT_EQ(s->frames.out(), 1u) << handle << e.name << ": only the root is left";
    EXPECT_EQ(s->frames.wrong(), 0u) << handle << e.name;
  }
}

}  // namespace trial
