// SPDX-License-Identifier: MIT
// Collect what a machine maps: sweep its trees, merge neighbours, fold repeated subtrees.
#pragma once

#include <functional>
#include <unordered_set>

#include "filter.hpp"
#include "row.hpp"

namespace pagewright::inspect {

enum class merging : u8 {
  phys,    // neighbours that continue one another in input and output memory and agree in everything
  rights,  // neighbours with the same effective rights
  none,    // every leaf by itself
};

struct dump_options {
  leaf_filter wanted;
  merging     merge          = merging::phys;
  bool        expand_repeats = false;
  u64         limit          = ~u64{0};               // rows
  std::function<void(double fraction, dump_totals const &)> progress;   // called now and then
};

/// What receives a dump. Each call returns nothing. One that can fail has a member `failed()`: a dump that nobody
/// receives stops.
template <class S>
concept dump_sink = requires(S &s, view const &v, mapped_row const &m, blocked_row const &b) {
  s.begin(v);
  s.mapped(m);
  s.blocked(b);
};

/// The visitor that turns one view's tables into rows. Output appears in ascending order of addresses.
///
/// A table that hangs in several neighbouring slots is visited once: what lies in it is reported with the number of
/// slots. Subtrees that turned out to hold nothing wanted are remembered and not visited again, wherever they hang, so
/// that a tree of shared tables takes time in proportion to what is reported before it is merged, not to what it spans.
template <readable_memory M, dump_sink S>
class collector {
 public:
  collector(view const &v, M const &memory, dump_options const &o, dump_totals &totals, S &sink)
      : h_{&v.description}, root_{v.from}, memory_{memory}, o_{o}, totals_{totals}, sink_{sink} {}

  /// Returns whether it was seen to the end.
  auto run() -> bool {
    table_[h_.top()] = root_.table;
    part_[h_.top()]  = everything;
    ++totals_.tables;
    bool const whole = sweep(h_, root_, o_.wanted.within, memory_, *this);
    flush();
    flush_blocked();
    flush_widened();
    return whole;
  }

  auto leaf(pagewright::leaf const &l) -> bool {
    ++totals_.leaves;
    totals_.leaf_bytes += l.bytes();
    if (!o_.wanted.accepts(l)) return true;
    flush_blocked();
    ++produced_;
    if (open_ && continues(held_, l)) {
      if (u8 const same = agreement(held_, l); o_.merge == merging::rights || same == mapped_row::all) {
        held_.same = same;
        held_.bytes += l.bytes();
        return true;
      }
    }
    flush();
    held_ = {l, l.bytes(), mapped_row::all, repeats_};
    open_ = true;
    return !full();
  }
  auto unreadable(gap const &g) -> bool { return blocked(g, totals_.unreadable); }
  auto reserved(gap const &g) -> bool { return blocked(g, totals_.reserved); }

  auto enter(table_visit const &t) -> visit {
    if (skip_[t.level] != 0) {
      --skip_[t.level];
      return visit::skip;
    }
    bool const whole = covers_slot(t);
    if (whole && !silent_.empty() && silent_.contains(key(t))) return visit::skip;
    tell_progress(t);

    u64 const count = whole && !o_.expand_repeats ? repeats(t) : 1;
    if (count > 1) {
      seal();
      repeats_.push({count, u64{1} << slot_lg2(h_, t.level + 1u)});
    }
    folds_[t.level]  = count;
    table_[t.level]  = t.table;
    part_[t.level]   = t.part;
    before_[t.level] = produced_;
    ++totals_.tables;
    return visit::descend;
  }

  void leave(table_visit const &t) {
    // Through an entry that says less of the table exists, less is seen of it.
    if (produced_ == before_[t.level] && h_->next_level.width == 0 && covers_slot(t) && !cuts_short(h_, t.level + 1u, t.entry))
      silent_.insert(key(t));
    u64 const count = folds_[t.level];
    if (count < 2) return;
    skip_[t.level]    = count - 1;
    u64 const stride  = repeats_.part[repeats_.depth - 1].stride;
    bool const filled =
        o_.merge == merging::rights && open_ && held_.first.input == t.part.first && held_.bytes == stride;
    if (!filled) seal();
    repeats_.pop();
    if (filled) {  // one stretch of equal rights, however often the table that says so hangs there
      held_.bytes *= count;
      held_.same &= static_cast<u8>(~mapped_row::output);
      held_.repeats = repeats_;
    }
  }

 private:
  [[nodiscard]] auto full() const noexcept -> bool {
    if constexpr (requires { sink_.failed(); })
      if (sink_.failed()) return true;
    return totals_.rows + totals_.unreadable + totals_.reserved >= o_.limit;
  }

  [[nodiscard]] auto covers_slot(table_visit const &t) const noexcept -> bool {
    auto const lg2 = slot_lg2(h_, t.level + 1u);
    return is_aligned(t.part.first.value, lg2) && (~t.part.last.value & below(lg2)) == 0;
  }

  /// A table and how it is seen. Tables may be as small as an entry, and several of them share a page.
  struct sight {
    u64 table, how;
    friend auto operator==(sight const &, sight const &) -> bool = default;
  };
  struct hashed {
    auto operator()(sight const &s) const noexcept -> std::size_t {
      return std::hash<u64>{}(s.table ^ s.how * 0x9e37'79b9'7f4a'7c15);
    }
  };
  [[nodiscard]] static auto key(table_visit const &t) noexcept -> sight {
    return {t.table.value, u64{t.level} << 8 | u64{t.global_above} << 7 | u64(t.above)};
  }

  /// In how many neighbouring slots, from that of `t` on, does the same table hang with the same effect?
  [[nodiscard]] auto repeats(table_visit const &t) const -> u64 {
    if (h_->next_level.width != 0) return 1;  // the slot may be of a level further up
    unsigned const level = t.level + 1u;
    u64 const size = u64{1} << slot_lg2(h_, level), step = u64{1} << stride_lg2(h_, level);
    u64 const last = level == h_.top() ? end_of_half(t.part.first) : part_[level].last.value;
    u64 const most = ((last - t.part.first.value) >> slot_lg2(h_, level)) + 1;
    u64 const room = bit(h_->levels[level].index_bits) - index_of(h_, level, t.part.first.value);
    u64       n    = 1;
    for (; n < room && n < most; ++n) {
      auto const next = memory_.load(t.slot + n * step, h_->word());
      if (!next || kind_of(h_, level, *next) != entry_kind::table || cuts_short(h_, level, *next) ||
          cuts_short(h_, level, t.entry))
        break;
      if (table_of(h_, level, *next) != t.table || table_rights(h_, level, *next) != table_rights(h_, level, t.entry) ||
          h_->table_global(*next) != h_->table_global(t.entry))
        break;
    }
    // The last of them may reach beyond the range that is swept.
    if (n > 1 && t.part.first.value + (n * size - 1) > last) --n;
    return n;
  }

  /// Neighbouring slots of the root lie on both sides of the non-canonical hole.
  [[nodiscard]] auto end_of_half(input_address at) const noexcept -> u64 {
    auto const whole = translated_ranges(h_);
    auto const last  = whole.part[whole.count == 2 && at >= whole.part[1].first ? 1 : 0].last;
    return (last < o_.wanted.within.last ? last : o_.wanted.within.last).value;
  }

  [[nodiscard]] auto continues(mapped_row const &r, pagewright::leaf const &l) const noexcept -> bool {
    return o_.merge != merging::none && l.input.value == r.first.input.value + r.bytes &&
           l.effective == r.first.effective;
  }

  /// What `r` says of all its leaves and `l` says as well.
  [[nodiscard]] static auto agreement(mapped_row const &r, pagewright::leaf const &l) noexcept -> u8 {
    auto const &f    = r.first;
    unsigned    same = 0;
    if (l.output.value == f.output.value + r.bytes) same |= mapped_row::output;
    if (l.lg2 == f.lg2 && l.level == f.level) same |= mapped_row::page;
    if (l.own == f.own) same |= mapped_row::own;
    if (l.type == f.type) same |= mapped_row::type;
    if (l.global == f.global) same |= mapped_row::global;
    if (l.accessed == f.accessed) same |= mapped_row::accessed;
    if (l.dirty == f.dirty) same |= mapped_row::dirty;
    return static_cast<u8>(same & r.same);
  }

  auto blocked(gap const &g, u64 &count) -> bool {
    auto const table = table_[g.level];
    auto      &b     = blocked_.where;
    bool const on    = in_blocked_ && g.why == b.why && g.level == b.level && table == blocked_.table &&
                    g.entry == b.entry && g.part.first.value == b.part.last.value + 1;
    ++produced_;
    if (on) {
      b.part.last = g.part.last;
      return true;
    }
    seal();
    flush_widened();
    if (full()) return false;
    ++count;
    blocked_    = {g, table, repeats_};
    in_blocked_ = true;
    return true;
  }

  void flush() {
    if (!open_) return;
    open_ = false;
    if (o_.merge != merging::rights) return put(held_);
    // A folded stretch may have become part of a larger one.
    if (auto &w = widened_;
        widening_ && w.repeats.depth == 0 && held_.repeats.depth == 0 && continues(w, held_.first)) {
      w.same = static_cast<u8>(agreement(w, held_.first) & held_.same);
      w.bytes += held_.bytes;
      return;
    }
    flush_widened();
    widened_  = held_;
    widening_ = true;
  }
  void flush_widened() {
    if (widening_) put(widened_);
    widening_ = false;
  }
  void flush_blocked() {
    if (in_blocked_) {
      flush_widened();
      sink_.blocked(blocked_);
    }
    in_blocked_ = false;
  }
  /// Ends whatever is being merged.
  void seal() {
    flush();
    flush_blocked();
  }
  void put(mapped_row const &row) {
    if (full()) {
      totals_.truncated = true;
      return;
    }
    ++totals_.rows;
    sink_.mapped(row);
  }

  void tell_progress(table_visit const &t) {
    if (!o_.progress || ++visited_ % 1024 != 0) return;
    auto const   whole = translated_ranges(h_);
    double const size  = static_cast<double>(below(h_->input_bits()));
    double const at    = static_cast<double>(t.part.first.value - whole.part[0].first.value);
    o_.progress(whole.count == 2 && t.part.first >= whole.part[1].first
                    ? 0.5 + static_cast<double>(t.part.first.value - whole.part[1].first.value) / size
                    : at / size,
                totals_);
  }

  dynamic             h_;
  root                root_;
  M const            &memory_;
  dump_options const &o_;
  dump_totals        &totals_;
  S                  &sink_;

  mapped_row  held_{}, widened_{};
  blocked_row blocked_{};
  bool        open_ = false, widening_ = false, in_blocked_ = false;
  repetitions repeats_;
  u64         produced_ = 0, visited_ = 0;

  // By level of the table that is being visited.
  std::array<output_address, max_depth> table_{};
  std::array<range, max_depth>          part_{};
  std::array<u64, max_depth>            folds_{}, skip_{}, before_{};
  std::unordered_set<sight, hashed>     silent_;
};

/// Dumps every view of `m`. Complexity: one load per slot of every table that is visited, and memory for no rows but
/// the one being merged.
template <readable_memory M, dump_sink S>
auto dump(machine const &m, M const &memory, dump_options const &o, S &sink) -> dump_totals {
  dump_totals totals;
  auto        options = o;
  double      done    = 0;
  if (o.progress)
    options.progress = [&](double fraction, dump_totals const &t) {
      o.progress((done + fraction) / static_cast<double>(m.views.size()), t);
    };
  for (auto const &v : m.views) {
    sink.begin(v);
    auto const &asked     = o.wanted.within;
    options.wanted.within = {asked.first < v.part.first ? v.part.first : asked.first,
                             v.part.last < asked.last ? v.part.last : asked.last};
    if (options.wanted.within.last < options.wanted.within.first) continue;
    collector<M, S> c{v, memory, options, totals, sink};
    totals.truncated |= !c.run();
    if (totals.truncated) break;
    ++done;
  }
  return totals;
}

/// Can anything of the top table of `v` be read?
template <readable_memory M>
[[nodiscard]] auto root_is_readable(view const &v, M const &memory) -> bool {
  dynamic const h{&v.description};
  for (u64 i = 0; i < bit(h->levels[h.top()].index_bits); ++i)
    if (memory.load(slot_address(h, h.top(), v.from.table, i), h->word())) return true;
  return false;
}

}  // namespace pagewright::inspect
