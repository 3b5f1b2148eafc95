// SPDX-License-Identifier: MIT
#include "reference.hpp"

#include <algorithm>

namespace trial {
namespace {

auto low(unsigned lg2) -> u64 { return lg2 >= 64 ? ~u64{0} : (u64{1} << lg2) - 1; }
auto multiple(u64 v, unsigned lg2) -> bool { return (v & low(lg2)) == 0; }

}  // namespace

reference::reference(format const &f, u64 frames) : f_{f}, frames_{frames}, tables_(f.depth), spare_(f.depth, 0) {
  for (unsigned level = base(); level < f.depth; ++level)
    for (u8 const n : f.levels[level].leaves)
      if (n != no_form && f.forms[n].size_code == 0)
        sizes_.push_back({unsigned{f.levels[level].shift} + f.forms[n].run_lg2, level, f.forms[n].run_lg2 != 0});
  std::sort(sizes_.begin(), sizes_.end(), [](auto const &a, auto const &b) {
    return a.lg2 != b.lg2 ? a.lg2 > b.lg2 : a.level > b.level;  // of two ways to say one size, the one without a table
  });
}

auto reference::has_single(unsigned level) const -> bool {
  return std::any_of(sizes_.begin(), sizes_.end(), [&](auto const &s) { return s.level == level && !s.run; });
}
auto reference::single(unsigned level) const -> size_class {
  return *std::find_if(sizes_.begin(), sizes_.end(), [&](auto const &s) { return s.level == level && !s.run; });
}

auto reference::is_inside(u64 at) const -> bool {
  unsigned const bits = f_.input_bits();
  if (f_.input_width < 64 && at >> f_.input_width != 0) return false;
  u64 const up = bits >= 64 ? 0 : at >> bits, all = bits >= 64 ? 0 : low(f_.input_width) >> bits;
  switch (f_.upper) {
    case pagewright::extent::zero:      return up == 0;
    case pagewright::extent::ones:      return up == all;
    case pagewright::extent::canonical: return bits >= 64 || up == ((at >> (bits - 1) & 1) != 0 ? all : 0);
  }
  return false;
}

auto reference::check(u64 first, u64 last) const -> verdict {
  if (!multiple(first, grain())) return refusal{error_reason::misaligned, first};
  if (!multiple(last + 1, grain())) return refusal{error_reason::misaligned, last};
  unsigned const bits = f_.input_bits();
  bool const one_side = f_.upper != pagewright::extent::canonical || bits >= 64 || (first >> (bits - 1)) == (last >> (bits - 1));
  if (!is_inside(first) || !is_inside(last) || !one_side) return refusal{error_reason::outside_input, first};
  return {};
}

auto reference::check_map(u64 first, u64 last, u64 out) const -> verdict {
  if (auto const v = check(first, last)) return v;
  if (!multiple(out, grain())) return refusal{error_reason::misaligned, first};
  u64 const top = low(f_.output_bits), end = out + (last - first);
  if (out > top || end < out || end > top) return refusal{error_reason::too_wide, first};
  return {};
}

/// By hand from the rows: what the bits that ask for `r` read back as.
auto reference::is_sayable(rights r) const -> bool {
  for (auto const &form : f_.forms) {
    if (form.name == nullptr) continue;
    u64 entry = form.base;
    for (auto const &row : form.grants) {
      bool const given = (r & row.gives) != rights::none;
      if (!given) entry |= row.off;
      if (given && (r & row.unless) == rights::none && (r & row.with) == row.with) entry |= row.on;
    }
    auto held = rights::all;
    for (auto const &row : form.grants)
      if (row.gives != rights::none && (entry & row.withheld.mask) == row.withheld.value) held = held - row.gives;
    for (auto const &one : f_.excludes)
      if ((held & one.when) != rights::none) held = held - one.removes;
    if (held != r || (entry & form.zero) != 0) return false;
    for (auto const &one : f_.reserved_leaf)
      if (one(entry)) return false;
    for (auto const &level : f_.levels)  // RISC-V: without any right it points to a table
      for (u8 const n : level.leaves)
        if (n != no_form && &f_.forms[n] == &form && (level.table(entry) || (level.absent == never ? f_.absent : level.absent)(entry)))
          return false;
  }
  return true;
}

auto reference::forms_of(size_class const &size) const -> std::vector<pagewright::form const *> {
  std::vector<pagewright::form const *> all;
  for (u8 const n : f_.levels[size.level].leaves)
    if (n != no_form && f_.forms[n].size_code == 0 && f_.levels[size.level].shift + f_.forms[n].run_lg2 == size.lg2)
      all.push_back(&f_.forms[n]);
  return all;
}

/// Has a leaf of this size room for the address? (PSE-36 has more of it in large pages than in small ones.)
auto reference::has_room(size_class const &size, u64 out) const -> bool {
  auto const forms = forms_of(size);
  return std::any_of(forms.begin(), forms.end(), [&](auto const *f) {
    u64 sayable = low(size.lg2);
    for (auto const &p : f->address) sayable |= p.width == 0 ? 0 : low(p.width) << p.to;
    return (out & ~sayable) == 0;
  });
}

auto reference::greedy(u64 first, u64 last, u64 out, attributes const &want, leaf_limits limits) const -> leaves {
  leaves found;
  bool const writable = (want.allow & rights::writers) != rights::none;
  for (u64 at = first;;) {
    auto const size = std::find_if(sizes_.begin(), sizes_.end(), [&](size_class const &s) {
      bool const granule = s.level == base() && !s.run;
      return granule || (s.lg2 <= limits.largest_lg2 && (limits.runs || !s.run) && multiple(at, s.lg2) &&
                         multiple(out + (at - first), s.lg2) && last - at >= low(s.lg2));
    });
    auto const &shape = *forms_of(*size).front();
    memory_type type = want.type;
    if (type == memory_type::wb && std::find(f_.types, f_.types + max_types, type) == f_.types + max_types)
      type = memory_type::pma;  // where the platform alone decides
    // As many of them as there are before a larger leaf may fit again.
    u64 const span = (size == sizes_.begin() ? last : std::min(last, at | low(std::prev(size)->lg2))) - at;
    u64 const end  = at + (span - ((span + 1) & low(size->lg2)));
    extent const one{end, out + (at - first), *size, want.allow, type, want.global && shape.global != never,
                     want.accessed && shape.accessed != never, want.dirty && writable && shape.dirty != never, want.software};
    if (!found.empty() && found.back().second.says_the_same(one)) found.back().second.last = one.last;
    else found.emplace_back(at, one);
    if (one.last == last) return found;
    at = one.last + 1;
  }
}

auto reference::missing_tables(leaves const &of) const -> std::vector<std::set<u64>> {
  std::vector<std::set<u64>> missing(f_.depth);
  for (auto const &[first, e] : of)
    for (unsigned level = e.size.level; level + 1u < f_.depth; ++level)
      for (u64 n = first >> reach(level); n <= e.last >> reach(level); ++n)
        if (!tables_[level].contains(n)) missing[level].insert(n);
  return missing;
}

auto reference::take_frames(std::vector<u64> const &need) -> bool {
  u64 more = 0;
  for (unsigned level = 0; level < f_.depth; ++level) more += need[level] > spare_[level] ? need[level] - spare_[level] : 0;
  if (more > frames_ || frames_in_use() > frames_ - more) return false;
  for (unsigned level = 0; level < f_.depth; ++level) spare_[level] -= std::min(spare_[level], need[level]);
  return true;
}

auto reference::table_count() const -> u64 {
  u64 n = 0;
  for (auto const &t : tables_) n += t.size();
  return n;
}
auto reference::frames_in_use() const -> u64 {
  u64 n = table_count() + retired_;
  for (u64 const s : spare_) n += s;
  return n;
}

auto reference::find(u64 at) const -> std::optional<reference_leaf> {
  auto it = extents_.upper_bound(at);
  if (it == extents_.begin()) return {};
  --it;
  if (it->second.last < at) return {};
  u64 const into = (at - it->first) & ~low(it->second.size.lg2);
  return reference_leaf{it->first + into, it->second.out + into, &it->second};
}

auto reference::tables_needed(u64 first, u64 last, u64 out, attributes const &want, leaf_limits limits) -> std::optional<u64> {
  if (check_map(first, last, out) || !is_sayable(want.allow)) return {};
  auto const it = extents_.upper_bound(last);
  if (it != extents_.begin() && std::prev(it)->second.last >= first) return {};
  auto const mapped = greedy(first, last, out, want, limits);
  for (auto const &[at, e] : mapped)
    if (!has_room(e.size, e.out + (e.last - at))) return {};
  u64 n = 0;
  for (auto const &level : missing_tables(mapped)) n += level.size();
  return n;
}

auto reference::map(u64 first, u64 last, u64 out, attributes const &want, leaf_limits limits) -> verdict {
  if (auto const v = check_map(first, last, out)) return v;
  if (!is_sayable(want.allow)) return refusal{error_reason::inexpressible_rights, first};
  auto const mapped = greedy(first, last, out, want, limits);
  for (auto const &[at, e] : mapped)
    if (!has_room(e.size, e.out + (e.last - at))) return refusal{error_reason::too_wide, first};
  if (auto const under = find(first)) return refusal{error_reason::occupied, first};
  if (auto const it = extents_.upper_bound(first); it != extents_.end() && it->first <= last)
    return refusal{error_reason::occupied, it->first};

  auto const missing = missing_tables(mapped);
  std::vector<u64> need;
  for (auto const &level : missing) need.push_back(level.size());
  if (!take_frames(need)) return refusal{error_reason::no_frames, first};

  for (unsigned level = 0; level < f_.depth; ++level) tables_[level].insert(missing[level].begin(), missing[level].end());
  for (auto const &[at, e] : mapped) {
    extents_.emplace(at, e);
    for (unsigned level = 0; level < e.size.level; ++level) {  // empty tables make way
      auto const from = tables_[level].lower_bound(at >> reach(level)), to = tables_[level].upper_bound(e.last >> reach(level));
      retired_ += static_cast<u64>(std::distance(from, to));
      tables_[level].erase(from, to);
    }
  }
  return {};
}

auto reference::plan_split(u64 inside, u64 edge, half_covered half, u64 first, u64 last, change_plan &plan) const -> verdict {
  auto const leaf = find(inside);
  if (!leaf || (leaf->first >= first && leaf->first + low(leaf->of->size.lg2) <= last) || half == half_covered::whole) return {};
  refusal const no{error_reason::would_split, leaf->first};
  if (half == half_covered::refuse) return no;
  for (unsigned level = leaf->of->size.level; level > 0 && !multiple(edge, f_.levels[level].shift); --level) {
    if (!has_single(level - 1) || !has_room(single(level - 1), leaf->out)) return no;
    if (leaf->of->global && forms_of(single(level - 1)).front()->global == never) return no;  // s390x: common segments
    plan.tables.emplace(level - 1, inside >> reach(level - 1));
  }
  return {};
}

/// An extent boundary at `at`, which is a leaf boundary.
void reference::cut(u64 at) {
  auto it = extents_.upper_bound(at);
  if (it == extents_.begin()) return;
  --it;
  if (it->first >= at || it->second.last < at) return;
  extent rest = it->second;
  rest.out += at - it->first;
  it->second.last = at - 1;
  extents_.emplace(at, rest);
}

/// A leaf boundary at `edge`: what maps it is replaced by smaller leaves until there is one.
void reference::split(u64 edge) {
  for (;;) {
    auto const leaf = find(edge);
    if (!leaf || leaf->first == edge) return cut(edge);
    u64 const first = leaf->first;
    auto const size = leaf->of->size;
    cut(first);
    if (first + low(size.lg2) != ~u64{0}) cut(first + low(size.lg2) + 1);
    auto &e = extents_.at(first);
    if (size.run) {
      e.size = single(size.level);
    } else {
      e.size = single(size.level - 1);
      tables_[size.level - 1].insert(first >> reach(size.level - 1));
    }
  }
}

auto reference::prepare_change(u64 &first, u64 &last, half_covered half) -> verdict {
  if (auto const v = check(first, last)) return v;
  change_plan plan;
  if (auto const v = plan_split(first, first, half, first, last, plan)) return v;
  if (auto const v = plan_split(last, last + 1, half, first, last, plan)) return v;
  std::vector<u64> need(f_.depth, 0);
  for (auto const &[level, prefix] : plan.tables) ++need[level];
  if (!take_frames(need)) return refusal{error_reason::no_frames, first};
  if (half == half_covered::whole) {
    if (auto const leaf = find(first)) first = leaf->first;
    if (auto const leaf = find(last)) last = leaf->first + low(leaf->of->size.lg2);
    cut(first);
    if (last != ~u64{0}) cut(last + 1);
  } else {
    split(first);
    if (last != ~u64{0}) split(last + 1);
  }
  return {};
}

auto reference::unmap(u64 first, u64 last, half_covered half, emptied empty) -> verdict {
  u64 from = first, to = last;
  if (auto const v = prepare_change(from, to, half)) return v;
  extents_.erase(extents_.lower_bound(from), extents_.upper_bound(to));
  if (empty == emptied::keep) return {};
  for (unsigned level = 0; level + 1u < f_.depth; ++level) {
    for (auto it = tables_[level].lower_bound(first >> reach(level)); it != tables_[level].end() && *it <= last >> reach(level);) {
      u64 const lo = *it << reach(level), hi = lo | low(reach(level));
      auto const e = extents_.upper_bound(hi);
      bool const has_leaf = e != extents_.begin() && std::prev(e)->second.last >= lo;
      bool has_table = false;
      if (level > 0) {
        auto const t = tables_[level - 1].lower_bound(lo >> reach(level - 1));
        has_table = t != tables_[level - 1].end() && *t <= hi >> reach(level - 1);
      }
      if (has_leaf || has_table) {
        ++it;
      } else {
        it = tables_[level].erase(it);
        ++retired_;
      }
    }
  }
  return {};
}

auto reference::protect(u64 first, u64 last, rights allow, half_covered half) -> verdict {
  if (!is_sayable(allow)) return refusal{error_reason::inexpressible_rights, first};
  if (auto const v = prepare_change(first, last, half)) return v;
  bool const writable = (allow & rights::writers) != rights::none;
  for (auto it = extents_.lower_bound(first); it != extents_.end() && it->first <= last; ++it) {
    it->second.allow = allow;
    // Where the dirty mark is part of the write permission it does not survive without it.
    bool own_bit = true;
    for (auto const &form : f_.forms)
      if (form.name != nullptr && form.dirty != never) own_bit = std::has_single_bit(form.dirty.mask);
    if (!own_bit && !writable) it->second.dirty = false;
  }
  return {};
}

auto reference::retype(u64 first, u64 last, memory_type type, half_covered half) -> verdict {
  if (auto const v = prepare_change(first, last, half)) return v;
  if (type == memory_type::wb && std::find(f_.types, f_.types + max_types, type) == f_.types + max_types) type = memory_type::pma;
  for (auto it = extents_.lower_bound(first); it != extents_.end() && it->first <= last; ++it) it->second.type = type;
  return {};
}

auto reference::reserve(u64 first, u64 last) -> verdict {
  if (auto const v = check(first, last)) return v;
  std::vector<u64> want = spare_;
  u64              more = 0;
  for (unsigned level = base(); level + 1u < f_.depth; ++level) {
    u64 const n = (last >> reach(level)) - (first >> reach(level)) + 1;
    if (want[level] < n) more += n - want[level], want[level] = n;
  }
  if (more > frames_ || frames_in_use() > frames_ - more) return refusal{error_reason::no_frames, 0};
  spare_ = want;
  return {};
}

void reference::release_reserve() { std::fill(spare_.begin(), spare_.end(), 0); }

}  // namespace trial
