// SPDX-License-Identifier: MIT
// An address space that can be changed: map, unmap, protect, retype, query, reserve.
//
// Every operation looks first and changes afterwards. It surveys what is there, takes all the table frames it will need,
// and only then writes; so what fails has changed nothing and lost no frame. The work goes by runs: one descent, then a
// tight loop over the neighbouring slots of one table (map.hpp, change.hpp).
#pragma once

#include "change.hpp"
#include "map.hpp"

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
  /// Precondition: the table at `from` has the root's size, is aligned to it, and is zeroed or a valid tree.
  constexpr address_space(H h, root from, M &memory, F &frames, C &cache, Sharing = {}) noexcept
      : site_{h, from, memory, &frames, &cache} {}
  address_space(address_space const &)                     = delete;
  auto operator=(address_space const &) -> address_space & = delete;
  constexpr ~address_space() { release_reserve(); }

  constexpr auto format() const noexcept -> pagewright::format const & { return *site_.h; }
  constexpr auto top() const noexcept -> root { return site_.root; }

  /// Where `at` leads now. Of a run the marks of the one slot that `at` selects are told; sweep tells those of all.
  /// Complexity: a load per level.
  constexpr auto query(input_address at) -> std::expected<translation, fault> {
    return walk(site_.h, site_.root, at, site_.memory);
  }

  /// Maps `where` to the equally long output range from `to`, with the largest leaves that `limits`, the alignment of
  /// both sides and the format allow. Nothing in the range may be mapped yet. What must be invalidated is added to
  /// `owed`: nothing but replaced empty tables, unless the format's TLB may hold absent entries.
  /// Precondition where the format needs break-before-make: what unmapping the range owes is in `owed`, or paid.
  /// Errors: any error_reason but would_split; the address space is then as it was.
  /// Complexity: linear in the leaves written and the existing tables touched.
  template <class Ledger>
  [[nodiscard]] constexpr auto map(range where, output_address to, attributes const &want, Ledger &owed,
                                   leaf_limits limits = {}) -> status {
    editing::mapper<site> job{site_};
    if (auto const ok = job.prepare(where, to, want, limits); !ok) return ok;
    // What was unmapped here may still be cached: this is the middle of the break-before-make that the mapping completes.
    if (site_.h->break_before_make && owed.may_hold(where)) owed.invalidate(*site_.cache);
    return run(job, where, owed);
  }

  /// How many tables `map` with these arguments would take. Errors as `map`, except no_frames.
  [[nodiscard]] constexpr auto tables_needed(range where, output_address to, attributes const &want, leaf_limits limits = {})
      -> std::expected<u64, error> {
    editing::mapper<site> job{site_};
    editing::demand       need;
    if (auto const ok = job.prepare(where, to, want, limits); !ok) return std::unexpected{ok.error()};
    if (auto const ok = job.survey(site_.h.top(), site_.root.table, need); !ok) return std::unexpected{ok.error()};
    u64 sum = 0;
    for (u64 const n : need.tables) sum += n;
    return sum;
  }

  /// Removes what is mapped in `where`; holes are passed over. Tables left empty go to `owed`; a subtree that is
  /// covered whole is cut off by clearing one slot. An entry hardware rejects maps nothing and is cleared if covered.
  /// Precondition for emptied::release: every table below the range is linked once and came from the frame source; keep
  /// them where tables are shared between roots or map themselves.
  /// Errors: misaligned, outside_input, would_split, no_frames (for splitting), unreadable.
  /// Complexity: linear in the slots of tables that are covered in part.
  template <class Ledger>
  [[nodiscard]] constexpr auto unmap(range where, Ledger &owed, half_covered half = half_covered::split,
                                     emptied empty = emptied::release) -> status {
    return change(where, erasing, owed, half, empty);
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

  /// Takes enough frames that any one operation on `where` that follows cannot fail for want of them. Not a sum: reserving
  /// for two ranges makes sure of either, not of both one after the other.
  /// Errors: misaligned, outside_input, no_frames; none is taken then. Complexity: linear in the frames taken.
  [[nodiscard]] constexpr auto reserve(range where) -> status {
    if (auto const ok = site_.check(where); !ok) return ok;
    editing::demand need = site_.stocked();
    for (unsigned level = 0; level + 1 < site_.h->depth; ++level) {
      unsigned const reach = reach_lg2(site_.h, level);
      u64 const tables = (where.last.value >> reach) - (where.first.value >> reach) + 1;
      if (need.tables[level] < tables) need.tables[level] = tables;
    }
    return site_.stock(need);
  }

  /// Gives back the frames that `reserve` took and no operation used.
  constexpr void release_reserve() { site_.trim({}); }

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

  template <class Ledger, class Bits>
  constexpr auto patch(range where, Ledger &owed, half_covered half, error_reason why_not, Bits &&bits) -> status {
    editing::edit what;
    for (unsigned n = 0; n < max_forms; ++n) {
      auto const &f = site_.h->forms[n];
      if (f.name == nullptr) continue;
      what.shape[n] = bits(f);
      if (what.shape[n].set == impossible) return std::unexpected{error{why_not, where.first}};
    }
    return change(where, what, owed, half, emptied::keep);
  }

  site site_;
};

template <handle H, class M, frame_source F, translation_cache C>
address_space(H, root, M &, F &, C &) -> address_space<H, M, F, C>;
template <handle H, class M, frame_source F, translation_cache C, class S>
address_space(H, root, M &, F &, C &, S) -> address_space<H, M, F, C, S>;

}  // namespace pagewright
