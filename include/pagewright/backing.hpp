// SPDX-License-Identifier: MIT
// Memory behind a range: take frames of the right sizes and map them; unmap, flush, and only then give them back.
#pragma once

#include "space.hpp"

namespace pagewright {

/// What new memory holds.
enum class contents : u8 { zeroed, as_it_comes };

namespace backing {

/// Data frames taken and not mapped yet, chained through themselves: each holds the next one's address and lg2 of its size.
template <class Memory>
class frame_stack {
 public:
  explicit constexpr frame_stack(Memory &memory) noexcept : memory_{memory} {}

  constexpr auto empty() const noexcept -> bool { return top_ == 0; }
  constexpr void push(output_address frame, unsigned lg2) {
    memory_.store(frame, link, top_);
    top_ = frame.value | lg2;
  }
  struct item {
    output_address frame;
    unsigned       lg2;
  };
  constexpr auto peek() const noexcept -> item { return {{top_ & ~below(6)}, static_cast<unsigned>(top_ & below(6))}; }
  constexpr auto pop() -> item {
    auto const was = peek();
    top_ = memory_.load(was.frame, link).value_or(0);
    memory_.store(was.frame, link, 0);
    return was;
  }

 private:
  static constexpr word link{8, is_native(byte_order::little) ? byte_order::little : byte_order::big};

  Memory &memory_;
  u64     top_ = 0;
};

/// The largest size below 2^beyond_lg2 of a leaf that can say `want`, or 0.
template <handle H>
constexpr auto next_size(H h, attributes const &want, leaf_limits limits, unsigned beyond_lg2) noexcept -> unsigned {
  unsigned best = 0;
  h.descend([&](auto level) {
    h.any_form(level, [&](auto f) {
      unsigned const lg2 = slot_lg2(h, level) + f->run_lg2;
      bool const allowed = f->size_code == 0 && lg2 <= limits.largest_lg2 && lg2 >= limits.smallest_lg2 &&
                           (f->run_lg2 == 0 || limits.runs);
      if (allowed && lg2 < beyond_lg2 && lg2 > best && encode_attributes(h, f, want).flaw == inexpressible::no) best = lg2;
      return false;
    });
    return false;
  });
  return best;
}

}  // namespace backing

/// Maps `where` to memory taken from `data`: for each part the largest leaf that fits, for which `data` has a frame of
/// that size, and that `limits` allows. Nothing in the range may be mapped yet. The frames must be reachable through the
/// space's memory and aligned to 64 bytes at least.
/// Errors: no_frames if `data` runs out, and as address_space::map; then nothing has changed, every frame of `data` is back,
/// and tables reserved for this are too. Complexity: as map, and a visit of each frame.
template <class Space, frame_source Data, class Ledger>
[[nodiscard]] constexpr auto allocate(Space &space, range where, attributes const &want, Data &data, Ledger &owed,
                                      leaf_limits limits = {}, contents fresh = contents::zeroed)
    -> std::expected<void, error> {
  auto const  h     = space.format_handle();
  auto       &memory = space.memory();
  backing::frame_stack taken{memory};
  auto const give_back = [&] {
    while (!taken.empty()) {
      auto const one = taken.pop();
      data.release(one.frame, one.lg2);
    }
  };

  // Everything that can be refused without memory is refused first, with an address that any leaf can lead to.
  if (auto const ok = space.tables_needed(where, {0}, want, {.largest_lg2 = static_cast<u8>(slot_lg2(h, 0u))}); !ok)
    return std::unexpected{ok.error()};

  unsigned smallest = 64;
  for (u64 end = where.last.value;;) {  // from the top down: the stack then gives them from the bottom up
    unsigned lg2 = 64;
    std::optional<output_address> frame;
    while (!frame) {
      lg2 = backing::next_size(h, want, limits, lg2);
      if (lg2 == 0) {
        give_back();
        return std::unexpected{error{error_reason::no_frames, where.first}};
      }
      if (!is_aligned(end + 1, lg2) || end - where.first.value < below(lg2)) continue;
      frame = data.allocate(lg2);
      if (frame && !space.tables_needed({{end - below(lg2)}, {end}}, *frame, want,
                                        {.largest_lg2 = static_cast<u8>(lg2), .runs = limits.runs,
                                         .smallest_lg2 = static_cast<u8>(lg2)})) {
        data.release(*frame, lg2);  // too wide for a leaf of this size
        frame.reset();
      }
    }
    taken.push(*frame, lg2);
    if (lg2 < smallest) smallest = lg2;
    if (end - below(lg2) == where.first.value) break;
    end -= u64{1} << lg2;
  }

  auto const before = space.reserved();
  if (auto const ok = space.reserve(where, smallest); !ok) {
    give_back();
    return ok;
  }
  for (u64 at = where.first.value; !taken.empty();) {
    auto const one = taken.pop();
    if (fresh == contents::zeroed) memory.clear(one.frame, u64{1} << one.lg2);
    auto const mapped = space.map({{at}, {at + below(one.lg2)}}, one.frame, want, owed,
                                  {.largest_lg2 = static_cast<u8>(one.lg2), .runs = limits.runs,
                                   .smallest_lg2 = static_cast<u8>(one.lg2)});
    ledgers::insist(mapped.has_value());
    at += u64{1} << one.lg2;
  }
  space.release_reserve(before);
  return {};
}

/// Unmaps `where`, pays `owed` and everything this adds to it, and only then gives the memory back to `data`, leaf by leaf
/// with its size; holes are passed over. Precondition: the leaves came from `allocate` with `data`.
/// Errors: would_split if the range covers a leaf in part, and as address_space::unmap; nothing has changed then.
/// Complexity: as unmap, and an invalidation per `Batch` leaves.
template <unsigned Batch = 64, class Space, frame_source Data, class Ledger>
[[nodiscard]] constexpr auto release(Space &space, range where, Data &data, Ledger &owed) -> std::expected<void, error> {
  struct gatherer {
    output_address frame[Batch]{};
    u8             lg2[Batch]{};
    unsigned       count = 0;
    u64            last  = 0;  // address of the last leaf gathered

    constexpr auto leaf(pagewright::leaf const &l) -> bool {
      if (count == Batch) return false;
      frame[count] = l.output, lg2[count] = l.lg2, last = l.input.value | (l.bytes() - 1);
      ++count;
      return true;
    }
  };
  if (auto const ok = space.may_unmap(where, half_covered::refuse); !ok) return ok;
  for (u64 at = where.first.value;;) {
    gatherer   some;
    bool const all = sweep(space.format_handle(), space.top(), {{at}, where.last}, space.memory(), some);
    range const part{{at}, {all ? where.last.value : some.last}};
    auto const gone = space.unmap(part, owed, half_covered::refuse);
    if (!gone) return gone;  // only a garbled table can refuse now
    space.settle(owed);
    for (unsigned i = 0; i < some.count; ++i) data.release(some.frame[i], some.lg2[i]);
    if (all) return {};
    at = part.last.value + 1;
  }
}

}  // namespace pagewright
