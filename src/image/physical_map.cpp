// SPDX-License-Identifier: MIT
#include "physical_map.hpp"

#include <algorithm>
#include <compare>
#include <cstring>
#include <limits>
#include <set>

namespace pagewright::image {

alignas(4096) constinit std::byte const zero_block[zero_block_size] = {};

namespace {

constexpr auto top = std::numeric_limits<std::uint64_t>::max();

/// Order of precedence: bytes before zero fill, then the order in the file.
struct rank {
  bool        zero;
  std::size_t index;

  friend constexpr auto operator<=>(rank const &, rank const &) = default;
};

struct event {
  std::uint64_t address;
  bool          opens;
  rank          who;
};

/// Where address 0 would lie for this segment: equal for two segments that give an address the same byte.
[[nodiscard]] auto origin(segment const &s) noexcept -> std::uintptr_t {
  return reinterpret_cast<std::uintptr_t>(s.data) - static_cast<std::uintptr_t>(s.first);
}

}  // namespace

physical_map::physical_map(std::span<segment const> segments) {
  std::vector<event> events;
  events.reserve(2 * segments.size());
  for (std::size_t i = 0; i < segments.size(); ++i) {
    auto const &s = segments[i];
    if (s.first > s.last) continue;
    auto const who = rank{s.data == nullptr, i};
    events.push_back({s.first, true, who});
    if (s.last != top) events.push_back({s.last + 1, false, who});   // what reaches the top never closes
  }
  // Closing first, so that a segment which only touches its neighbour is not taken for an overlap.
  std::ranges::sort(events, [](event const &a, event const &b) {
    if (a.address != b.address) return a.address < b.address;
    if (a.opens   != b.opens)   return b.opens;
    return a.who < b.who;
  });

  std::set<rank> open;
  for (std::size_t i = 0; i < events.size();) {
    auto const here = events[i].address;
    for (; i < events.size() && events[i].address == here; ++i) {
      auto const &who = events[i].who;
      if (!events[i].opens) {
        open.erase(who);
        continue;
      }
      if (!who.zero && !open.empty() && !open.begin()->zero
        && origin(segments[open.begin()->index]) != origin(segments[who.index])) {
        if (contradictions_.segments++ == 0) contradictions_.first_address = here;
      }
      open.insert(who);
    }
    if (open.empty()) continue;
    auto const &winner = segments[open.begin()->index];
    auto const  last   = i < events.size() ? events[i].address - 1 : top;
    append({here, last, winner.data == nullptr ? nullptr : winner.data + (here - winner.first)});
  }
  pieces_.shrink_to_fit();
  extents_.shrink_to_fit();
}

void physical_map::append(segment piece) {
  auto const size = piece.last - piece.first;                 // one less than the size: the whole space fits
  total_ = size < top - total_ ? total_ + size + 1 : top;

  auto const touches = [&](auto const &before) { return before.last + 1 == piece.first; };
  if (!extents_.empty() && touches(extents_.back())) extents_.back().last = piece.last;
  else                                               extents_.push_back({piece.first, piece.last});

  if (!pieces_.empty() && touches(pieces_.back())) {
    auto &before = pieces_.back();
    auto const joined = before.data == nullptr ? piece.data == nullptr
                                               : piece.data != nullptr && origin(before) == origin(piece);
    if (joined) {
      before.last = piece.last;
      return;
    }
  }
  pieces_.push_back(piece);
}

auto physical_map::read(std::uint64_t address, std::span<std::byte> out) const noexcept -> bool {
  while (!out.empty()) {
    auto const *const piece = find(address);
    if (piece == nullptr) return false;
    auto const left  = piece->last - address;               // bytes after this one
    auto const count = left < out.size() - 1 ? static_cast<std::size_t>(left) + 1 : out.size();
    if (piece->data != nullptr) std::memcpy(out.data(), piece->data + (address - piece->first), count);
    else                        std::memset(out.data(), 0, count);
    out = out.subspan(count);
    if (!out.empty() && piece->last == top) return false;   // the next address would be 0
    address += count;
  }
  return true;
}

}  // namespace pagewright::image
