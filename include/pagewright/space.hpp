// SPDX-License-Identifier: MIT
// An address space that can be changed: by ranges, by what is in them, or slot by slot.
//
// Every operation looks first and changes afterwards. It surveys what is there, takes all the table frames it will need,
// and only then writes; so what fails has changed nothing and lost no frame. The work goes by runs: one descent, then a
// tight loop over the neighbouring slots of one table (map.hpp, change.hpp).
#pragma once

#include "change.hpp"
#include "fold.hpp"
#include "map.hpp"
#include "modify.hpp"
#include "raw.hpp"

namespace pagewright {

/// An address space of format `H` whose tables are in memory `M`, made of frames from `F`, cached by `C`.
/// It owns no root: the caller supplies a root table and decides when to load it. One writer at a time; what else may
/// happen to the tables meanwhile is `Sharing`. Unless told otherwise, tables with a translation cache are live, and
/// hardware marks them accessed and dirty.
template <handle H, class M, frame_source F, translation_cache C,
          class Sharing = std::conditional_t<std::same_as<C, not_in_use>, exclusive, marked_by_hardware>>
class address_space {
  static_assert(writable_memory<std::remove_cvref_t<M>>);
  using site   = editing::site<H, M, F, C, Sharing>;
  using status = std::expected<void, error>;

 public:
  /// Precondition: the table at `from` has the root's size, is aligned to it, and is empty (make_empty; zeroed, for nearly
  /// all formats) or a valid tree; `memory`, `frames` and `cache` outlive this.
  /// Whatever changes a range also fails with irregular_table if the range holds one; where the format can have any
  /// (may_cut_short: AMD-Vi, s390x, m68k), its complexity includes a look at every table entry of the range.
  constexpr address_space(H h, root from, M &memory, F &frames, C &cache, Sharing = {}) noexcept
      : site_{h, from, memory, &frames, &cache} {}
  address_space(address_space const &)                     = delete;
  auto operator=(address_space const &) -> address_space & = delete;
  constexpr ~address_space() { release_reserve(); }

  constexpr auto format() const noexcept -> pagewright::format const & { return *site_.h; }
  constexpr auto format_handle() const noexcept -> H { return site_.h; }
  constexpr auto top() const noexcept -> root { return site_.root; }
  constexpr auto memory() noexcept -> auto & { return site_.memory; }

  /// Where `at` leads now. Of a run the marks of the one slot that `at` selects are told; sweep tells those of all.
  /// Complexity: a load per level.
  constexpr auto query(input_address at) const -> std::expected<translation, fault> {
    return walk(site_.h, site_.root, at, site_.memory);
  }

  /// Maps `where` to the equally long output range from `to`, with the largest leaves that `limits`, the alignment of
  /// both sides and the format allow. Nothing in the range may be mapped yet. What must be invalidated is added to
  /// `owed`: nothing but replaced empty tables, unless the format's TLB may hold absent entries.
  /// Precondition where the format needs break-before-make: what unmapping the range owes is in `owed`, or paid.
  /// A note left in an absent entry counts as occupied. `parents`: what table entries on the way leave.
  /// Errors: misaligned, outside_input, too_wide, inexpressible_*, wrong_size (only with limits.smallest_lg2), occupied,
  /// withheld, no_frames, unreadable; the address space is then as it was. Complexity: linear in the leaves written and the existing tables touched.
  template <class Ledger>
  [[nodiscard]] constexpr auto map(range where, output_address to, attributes const &want, Ledger &owed,
                                   leaf_limits limits = {}, parent_rights parents = {}) -> status {
    editing::mapper<site> job{site_};
    if (auto const ok = job.prepare(where, to, want, limits, parents); !ok) return ok;
    // What was unmapped here may still be cached: this is the middle of the break-before-make that the mapping completes.
    if (site_.h->break_before_make && owed.may_hold(where)) owed.invalidate(*site_.cache);
    return run(job, where, owed);
  }

  /// Maps `where` so that every address leads to itself plus `offset`. Addresses count as signed here: those of an upper
  /// half are negative, so that any linear map has an offset. Otherwise as `map`.
  /// Errors: as `map`; too_wide also where the sum is negative.
  template <class Ledger>
  [[nodiscard]] constexpr auto linear_map(range where, std::int64_t offset, attributes const &want, Ledger &owed,
                                          leaf_limits limits = {}) -> status {
    std::int64_t to = 0;
    if (__builtin_add_overflow(static_cast<std::int64_t>(where.first.value), offset, &to) || to < 0)
      return std::unexpected{error{error_reason::too_wide, where.first}};
    return map(where, {static_cast<u64>(to)}, want, owed, limits);
  }
  template <class Ledger>
  [[nodiscard]] constexpr auto identity_map(range where, attributes const &want, Ledger &owed, leaf_limits limits = {})
      -> status {
    return map(where, {where.first.value}, want, owed, limits);
  }

  /// Leaves `note`, an entry that hardware takes for absent, in every granule of `where`: a swap slot, an owner, a guard
  /// page. Walks end there with the note as their entry; `map` refuses it as occupied, `unmap` removes it.
  /// Errors: fixed_bits if hardware would not take the note for absent, or it is what an empty slot holds; as `map`.
  template <class Ledger>
  [[nodiscard]] constexpr auto annotate(range where, u64 note, Ledger &owed) -> status {
    editing::mapper<site> job{site_};
    if (auto const ok = job.prepare(where, note); !ok) return ok;
    return run(job, where, owed);
  }

  /// How many tables `map` with these arguments would take: its dry run. Errors as `map`, except no_frames.
  [[nodiscard]] constexpr auto tables_needed(range where, output_address to, attributes const &want,
                                             leaf_limits limits = {}, parent_rights parents = {})
      -> std::expected<u64, error> {
    editing::mapper<site> job{site_};
    editing::demand       need;
    if (auto const ok = job.prepare(where, to, want, limits, parents); !ok) return std::unexpected{ok.error()};
    if (auto const ok = job.survey(site_.h.top(), site_.root.table, need); !ok) return std::unexpected{ok.error()};
    u64 sum = 0;
    for (u64 const n : need.tables) sum += n;
    return sum;
  }

  /// Removes what is mapped in `where`; holes are passed over. Tables left empty go to `owed`; a subtree that is
  /// covered whole is cut off by clearing one slot. An entry hardware rejects maps nothing and is cleared if covered, as
  /// is a note in an absent entry.
  /// Precondition for emptied::release: every table below the range is linked once and came from the frame source; keep
  /// them where tables are shared between roots or map themselves.
  /// Errors: misaligned, outside_input, would_split, no_frames (for splitting), unreadable.
  /// Complexity: linear in the slots of tables that are covered in part.
  template <class Ledger>
  [[nodiscard]] constexpr auto unmap(range where, Ledger &owed, half_covered half = half_covered::split,
                                     emptied empty = emptied::release) -> status {
    return change(where, erasing, owed, half, empty);
  }

  /// Would `unmap` with these arguments succeed, frames for splitting aside? Errors: as `unmap`. Changes nothing.
  [[nodiscard]] constexpr auto may_unmap(range where, half_covered half = half_covered::split) -> status {
    if (auto const ok = site_.check(where); !ok) return ok;
    editing::demand        need;
    editing::changer<site> job{site_, where, erasing, half, emptied::release};
    return job.survey(site_.h.top(), site_.root.table, need);
  }

  /// Gives everything mapped in `where` exactly the rights `allow`; holes are passed over, accessed and dirty marks kept.
  /// Rights are those of the leaves: tables above may withhold some of them. On Arm with hardware dirty management the
  /// mark lies in the write permission itself, so a page made read-only is no longer known to be dirty: harvest first.
  /// Errors: inexpressible_rights, and as `unmap`.
  template <class Ledger>
  [[nodiscard]] constexpr auto protect(range where, rights allow, Ledger &owed, half_covered half = half_covered::split)
      -> status {
    return patch(where, owed, half, error_reason::inexpressible_rights, [&](form const &f) -> editing::edit::bits {
      u64 const  bits     = grant_bits(f->grants);
      bool const writable = (allow & rights::writers) != rights::none;
      return {bits, encode_rights(site_.h, f, allow).value_or(impossible),
              writable && (bits & f->dirty.mask) != 0 ? f->dirty : never};
    });
  }

  /// Gives everything mapped in `where` memory type `type`; otherwise as `protect`.
  /// Errors: inexpressible_memory_type, and as `unmap`.
  template <class Ledger>
  [[nodiscard]] constexpr auto retype(range where, memory_type type, Ledger &owed, half_covered half = half_covered::split)
      -> status {
    return patch(where, owed, half, error_reason::inexpressible_memory_type, [&](form const &f) -> editing::edit::bits {
      return {occupied(f->type), encode_type(site_.h, f, type).value_or(impossible), never};
    });
  }

  /// Gives every leaf in `where` all of `want` and leaves it where it leads; marks are only added. Otherwise as `protect`.
  /// Errors: inexpressible_*, and as `unmap`. Complexity: as `modify`.
  template <class Ledger>
  [[nodiscard]] constexpr auto update(range where, attributes const &want, Ledger &owed,
                                      half_covered half = half_covered::split) -> status {
    auto result = status{};
    auto const changes = [&](leaf const &l) {
      bit_change change;
      with_form(site_.h, l.level, l.entry, [&](auto f) {
        auto const bits = encode_attributes(site_.h, f, want);
        if (bits.flaw != inexpressible::no) result = std::unexpected{error{editing::why(bits.flaw), l.input, l.level, l.slot, l.entry}};
        u64 const marks = f->accessed.mask | (grant_bits(f->grants) & f->dirty.mask ? 0 : f->dirty.mask);
        bool const writable = (want.allow & rights::writers) != rights::none;
        bool const dirtied  = writable && (grant_bits(f->grants) & f->dirty.mask) != 0 && f->dirty(l.entry);
        u64 const to    = dirtied ? (bits.entry & ~f->dirty.mask) | f->dirty.value : bits.entry;
        u64 const mine  = grant_bits(f->grants) | occupied(f->type) | f->global.mask | f->shared.mask | site_.h->software;
        change = {mine & l.entry & ~to & ~marks, (mine | marks) & to & ~l.entry};
      });
      return change;
    };
    auto const done = modify(where, changes, owed, half, [&] { return result; });
    return result ? done : result;
  }

  /// Applies `change_of(leaf)`, a bit_change, to every leaf in `where`. It is asked twice for each, once before anything
  /// changes; with hardware marking entries it must not depend on the marks. Otherwise as `protect`.
  /// Frames for splitting half-covered leaves at the ends are needed also if just those turn out not to change.
  /// Errors: fixed_bits if a change touches an address or what tells kind, shape and size, and as `unmap`.
  /// Complexity: two sweeps, and a descent for each group of neighbours that change alike.
  template <class Ledger, class Change>
  [[nodiscard]] constexpr auto modify(range where, Change &&change_of, Ledger &owed,
                                      half_covered half = half_covered::split) -> status {
    return modify(where, change_of, owed, half, [] { return status{}; });
  }

  /// Sees to it that no leaf in `where` is larger than 2^largest_lg2 bytes. Errors: wrong_size if that is less than a
  /// granule, would_split if the format has no smaller leaf that can lead there and say as much, no_frames, and as `unmap`.
  template <class Ledger>
  [[nodiscard]] constexpr auto split(range where, u8 largest_lg2, Ledger &owed) -> status {
    if (auto const ok = site_.check(where); !ok) return ok;
    if (largest_lg2 < slot_lg2(site_.h, 0u)) return std::unexpected{error{error_reason::wrong_size, where.first}};
    editing::edit const     nothing{};
    editing::changer<site>  job{site_, where, nothing, half_covered::whole, emptied::keep, largest_lg2};
    editing::demand         need;
    auto const first = where.first.value, last = where.last.value;
    if (auto const ok = job.survey_sizes(site_.h.top(), site_.root.table, first, last, need); !ok) return ok;
    return stocked(need, where.first, [&] { job.write(site_.h.top(), site_.root.table, owed); });
  }

  /// The way back from `split` and `unmap` with emptied::keep: cuts off tables without any entry, and makes larger leaves
  /// and runs of those in `where` that continue each other and say the same. Where the format needs break-before-make, or
  /// hardware marks entries, they are absent for a moment. Precondition: as unmap's for emptied::release.
  /// Errors: misaligned, outside_input. Complexity: linear in the slots of the tables in `where`.
  template <class Ledger>
  [[nodiscard]] constexpr auto collapse(range where, Ledger &owed, collapse_limits limits = {}) -> status {
    if (auto const ok = site_.check(where); !ok) return ok;
    editing::folder<site>{site_, limits}.fold(site_.h.top(), site_.root.table, where.first.value, where.last.value, owed);
    return {};
  }
  /// Only cuts off the tables without any entry that overlap `where`.
  template <class Ledger>
  [[nodiscard]] constexpr auto clean_up(range where, Ledger &owed) -> status {
    return collapse(where, owed, {.leaves = false});
  }

  // --- slot by slot ---

  /// The entry that `at` selects at `level`; without a level the one where its walk ends.
  /// Errors: outside_input, unreadable, not_a_table if the walk ends above `level`, irregular_table if it leads through
  /// one. Complexity: a load per level.
  constexpr auto entry(input_address at, std::optional<unsigned> level = std::nullopt) -> std::expected<step, error> {
    step found{};
    auto const ok = editing::at_slot(site_, at, level, [&](auto, step const &s) -> status { return found = s, status{}; });
    if (!ok) return std::unexpected{ok.error()};
    return found;
  }

  /// Stores `now` into the slot that `at` selects at `level`, whatever is there, and returns what was. Break-before-make is
  /// done where it is the duty, and what becomes stale is owed; a table cut off is the caller's to release after `settle`,
  /// one put in the caller's to fill before. Errors: as `entry`; fixed_bits if `now` is wider than an entry.
  template <class Ledger>
  [[nodiscard]] constexpr auto set_entry(input_address at, unsigned level, u64 now, Ledger &owed)
      -> std::expected<u64, error> {
    if (now > below(8u * site_.h->entry_bytes)) return std::unexpected{error{error_reason::fixed_bits, at, u8(level), {}, now}};
    u64        was = 0;
    auto const ok  = editing::at_slot(site_, at, level, [&](auto l, step const &found) -> status {
      was = editing::set_slot(site_, l, at.value, found, owed, [now](u64) { return now; });
      return {};
    });
    if (!ok) return std::unexpected{ok.error()};
    return was;
  }

  /// Makes the table entry over `at` in `level` leave exactly `leave` to everything below it.
  /// Errors: not_a_table, inexpressible_rights, and as `entry`.
  template <class Ledger>
  [[nodiscard]] constexpr auto protect_table(input_address at, unsigned level, rights leave, Ledger &owed) -> status {
    return editing::at_slot(site_, at, level, [&](auto l, step const &found) -> status {
      auto const bad = [&](error_reason why) { return site_.obstacle(why, l, at.value, found.slot, found.entry); };
      if (found.kind != entry_kind::table) return bad(error_reason::not_a_table);
      auto const now = [&](u64 was) { return narrowed_to(site_.h, l, was, leave); };
      if (u64 const to = now(found.entry); kind_of(site_.h, l, to) != entry_kind::table || table_rights(site_.h, l, to) != leave)
        return bad(error_reason::inexpressible_rights);
      editing::set_slot(site_, l, at.value, found, owed, now);
      return {};
    });
  }

  // --- frames ---

  /// Takes enough frames that any one operation on `where` that follows cannot fail for want of them. Not a sum: reserving
  /// for two ranges makes sure of either, not of both one after the other. With `smallest_lg2` only for operations whose
  /// leaves are no smaller than that.
  /// Errors: misaligned, outside_input, no_frames; none is taken then. Complexity: linear in the frames taken.
  [[nodiscard]] constexpr auto reserve(range where, unsigned smallest_lg2 = 0) -> status {
    if (auto const ok = site_.check(where); !ok) return ok;
    editing::demand need = site_.stocked();
    for (unsigned level = lowest_built(site_.h); level + 1 < site_.h->depth; ++level) {
      unsigned const reach = reach_lg2(site_.h, level);
      if (reach <= smallest_lg2) continue;
      u64 const tables = (where.last.value >> reach) - (where.first.value >> reach) + 1;
      if (need.tables[level] < tables) need.tables[level] = tables;
    }
    return site_.stock(need);
  }

  /// The frames that `reserve` took and no operation used.
  constexpr auto reserved() const noexcept -> editing::demand { return site_.stocked(); }
  /// Gives back all of them, or those beyond an earlier `reserved()`.
  constexpr void release_reserve(editing::demand const &keep = {}) { site_.trim(keep); }

  /// Invalidates what is owed, waits for it, and releases the tables that were cut off.
  template <class Ledger>
  constexpr void settle(Ledger &owed) {
    owed.pay(*site_.cache).release(site_.h, site_.memory, *site_.frames);
  }

 private:
  static constexpr u64           impossible = ~u64{0};
  static constexpr editing::edit erasing{.erase = true};

  /// Stocks `need`, works, and gives back what turned out too many; frames reserved before and not used stay.
  template <class Work>
  constexpr auto stocked(editing::demand const &need, input_address first, Work &&work) -> status {
    if (need.none()) {
      work();
      return {};
    }
    auto const before = site_.stocked();
    if (auto ok = site_.stock(need); !ok) {
      ok.error().at = first;
      return ok;
    }
    work();
    site_.trim(before);
    return {};
  }

  template <class Ledger>
  constexpr auto change(range where, editing::edit const &what, Ledger &owed, half_covered half, emptied empty) -> status {
    if (auto const ok = site_.check(where); !ok) return ok;
    editing::changer<site> job{site_, where, what, half, empty};
    return run(job, where, owed);
  }

  /// Surveys, stocks and writes, from the lowest table that holds all of `where`.
  template <class Job, class Ledger>
  PAGEWRIGHT_INLINE constexpr auto run(Job &job, range where, Ledger &owed) -> status {
    status result{};
    site_.at_lowest(
        where, [&](auto level, u64 entry) PAGEWRIGHT_INLINE { return job.may_begin_below(level, entry); },
        [&, first = where.first](auto level, output_address table) {
          editing::demand need;
          result = job.survey(level, table, need);
          if (result) result = stocked(need, first, [&] { job.write(level, table, owed); });
        });
    return result;
  }

  /// `flawed()`: an error that `change_of` found while it was asked the first time.
  template <class Ledger, class Change, class Flawed>
  constexpr auto modify(range where, Change &&change_of, Ledger &owed, half_covered half, Flawed &&flawed) -> status {
    if (auto const ok = site_.check(where); !ok) return ok;
    auto const judged = editing::judge_changes(site_, where, half, change_of);
    if (judged.bad) return std::unexpected{*judged.bad};
    if (auto const ok = flawed(); !ok || !judged.any) return ok;

    editing::demand              need;
    editing::edit const          nothing{};
    editing::changer<site>       ends{site_, where, nothing, half, emptied::keep};
    if (auto const ok = ends.survey(site_.h.top(), site_.root.table, need); !ok) return ok;
    return stocked(need, where.first, [&] {
      editing::each_group(site_, where, change_of, [&](range part, editing::edit const &what) {
        ledgers::insist(change(part, what, owed, half, emptied::keep).has_value());
      });
    });
  }

  template <class Ledger, class Bits>
  constexpr auto patch(range where, Ledger &owed, half_covered half, error_reason why_not, Bits &&bits) -> status {
    editing::edit what;
    unsigned      able = 0, unable = 0;
    for (unsigned n = 0; n < max_forms; ++n) {
      auto const &f = site_.h->forms[n];
      if (f.name == nullptr) continue;
      what.shape[n] = bits(f);
      ++(what.shape[n].set == impossible ? unable : able);
    }
    if (able == 0) return std::unexpected{error{why_not, where.first}};
    if (unable != 0)  // then what is there decides
      if (auto const bad = editing::first_of_shape(site_, where, half, [&](unsigned n) { return what.shape[n].set == impossible; }))
        return std::unexpected{error{why_not, bad->input, bad->level, bad->slot, bad->entry}};
    return change(where, what, owed, half, emptied::keep);
  }

  site site_;
};

template <handle H, class M, frame_source F, translation_cache C>
address_space(H, root, M &, F &, C &) -> address_space<H, M, F, C>;
template <handle H, class M, frame_source F, translation_cache C, class S>
address_space(H, root, M &, F &, C &, S) -> address_space<H, M, F, C, S>;

}  // namespace pagewright
