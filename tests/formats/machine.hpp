// SPDX-License-Identifier: MIT
// An address space of any format over its own memory, and what every format that software builds must be able to do.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include <pagewright/models/frames.hpp>
#include <pagewright/pagewright.hpp>

#include "golden.hpp"

namespace pagewright {
inline void PrintTo(rights r, std::ostream *out) { *out << text(r).kernel << "/" << text(r).user; }
inline void PrintTo(memory_type t, std::ostream *out) { *out << text(t); }
}  // namespace pagewright

namespace pagewright::golden {

inline constexpr u64 K = 1024, M = 1024 * K, G = 1024 * M;

/// Frames of 64 Kbytes from 0x100000 on, the root first. Memory holds garbage where no table is.
class machine {
 public:
  using pool_type  = frame_pool<64, 16>;
  using count_type = models::counting_frames<pool_type>;
  using space_type = address_space<dynamic, byte_memory, count_type, not_in_use>;

  explicit machine(format const &f) : h{&f} {}
  ~machine() { space.settle(owed); }

  auto map(u64 first, u64 bytes, u64 to, attributes const &want, leaf_limits limits = {}) -> testing::AssertionResult {
    return done(space.map({{first}, {first + (bytes - 1)}}, {to}, want, owed, limits));
  }
  auto unmap(u64 first, u64 bytes) -> testing::AssertionResult {
    return done(space.unmap({{first}, {first + (bytes - 1)}}, owed));
  }
  auto put(unsigned level, u64 table, u64 index, u64 entry) -> machine & {
    memory.store(slot_address(h, level, {table}, index), h->word(), entry);
    return *this;
  }

  /// Every linked table, and what is in it.
  auto picture() -> std::vector<u64> {
    std::vector<u64> words;
    auto const add = [&](output_address table, unsigned level) {
      words.push_back(table.value);
      for (u64 i = 0; i < bit(h->levels[level].index_bits); ++i)
        words.push_back(memory.load(slot_address(h, level, table, i), h->word()).value_or(~u64{0}));
    };
    struct {
      decltype(add) const &put;
      auto enter(table_visit const &t) const -> visit { return put(t.table, t.level), visit::descend; }
    } v{add};
    add(top.table, h.top());
    sweep(h, top, everything, memory, v);
    return words;
  }

  /// "to rwx/rwx type 2^lg2" or the fault's name and level.
  auto said(u64 at) -> std::string {
    auto const t = space.query({at});
    char line[120];
    if (!t) std::snprintf(line, sizeof line, "%s at level %u", text(t.error().why), unsigned{t.error().level});
    else
      std::snprintf(line, sizeof line, "%llx %s/%s %s 2^%u", (unsigned long long)t->address.value,
          text(t->effective).kernel,
                    text(t->effective).user, text(t->type), unsigned{t->lg2});
    return line;
  }

  template <class T>
  static auto done(std::expected<T, error> const &result) -> testing::AssertionResult {
    if (result) return testing::AssertionSuccess();
    auto const &e = result.error();
    return testing::AssertionFailure() << text(e.why) << " at " << hex(e.at.value) << ", level " << unsigned{e.level}
                                       << ", slot " << hex(e.slot.value) << " = " << hex(e.entry);
  }

  dynamic         h;
  std::vector<u8> cells = std::vector<u8>(64u << 16, 0xa5);
  byte_memory     memory{cells, {0x100000}};
  pool_type       pool{output_address{0x100000}};
  count_type      frames{pool};
  not_in_use      cache{};
  ledger          owed;
  root            top{first_table()};
  space_type      space{h, top, memory, frames, cache};

 private:
  auto first_table() -> output_address {
    auto const lg2 = table_lg2(h, h.top());
    auto const at  = *frames.allocate(lg2);
    make_empty(h, h.top(), at, memory);
    return at;
  }
};

/// What is to be built: `bytes` from `first` to `to`, where the leaves at `sizes` (offset, lg2) are the largest
// possible.
struct plan {
  u64         first, bytes, to;
  attributes  want;
  rights      other;          // another set of rights that all leaves can say
  memory_type another;        // and another memory type; the same if there is only one
  std::vector<std::pair<u64, unsigned>> sizes;
};

/// Maps, protects, retypes, splits, collapses and unmaps; after each step queries say so, and what is undone is as it
// was,
/// bit by bit.
inline void builds(format const &f, plan const &p) {
  SCOPED_TRACE(f.name);
  machine    m{f};
  auto const bare  = m.picture();
  u64 const  grain = bit(f.levels[0].shift);
  auto const part  = [](u64 first, u64 bytes) { return range{{first}, {first + (bytes - 1)}}; };
  auto const holds = [&](rights allow, memory_type type, u64 from, u64 bytes, char const *when) {
    for (u64 const at : {from, from + bytes / 2 + 5, from + bytes - 1}) {
      auto const t = m.space.query({at});
      ASSERT_TRUE(t) << when << ", " << hex(at) << ": " << text(t.error().why);
      EXPECT_EQ(hex(t->address.value), hex(p.to + (at - p.first))) << when << ", " << hex(at);
      EXPECT_EQ(t->effective, allow) << when << ", " << hex(at) << ": " << m.said(at);
      EXPECT_EQ(t->type, type) << when << ", " << hex(at) << ": " << m.said(at);
    }
  };

  ASSERT_TRUE(m.map(p.first, p.bytes, p.to, p.want));
  for (auto const &[offset, lg2] : p.sizes) {
    holds(p.want.allow, p.want.type, p.first + offset, grain, "mapped");
    if (auto const t = m.space.query({p.first + offset}); t) {
      EXPECT_EQ(t->lg2, lg2) << hex(offset);
    }
  }
  EXPECT_FALSE(m.space.query({p.first + p.bytes}));
  auto const mapped = m.picture();
  EXPECT_NE(mapped, bare);

  // A page apart, and away again.
  u64 const apart = p.first + p.bytes + 2 * grain;
  ASSERT_TRUE(m.map(apart, grain, p.to, p.want));
  EXPECT_TRUE(m.space.query({apart}));
  ASSERT_TRUE(m.unmap(apart, grain));
  EXPECT_EQ(m.picture(), mapped) << "after a page was mapped and unmapped";

  // Other rights and another type for all, and back.
  ASSERT_TRUE(machine::done(m.space.protect(part(p.first, p.bytes), p.other, m.owed)));
  holds(p.other, p.want.type, p.first, p.bytes, "protected");
  ASSERT_TRUE(machine::done(m.space.retype(part(p.first, p.bytes), p.another, m.owed)));
  holds(p.other, p.another, p.first, p.bytes, "retyped");
  ASSERT_TRUE(machine::done(m.space.retype(part(p.first, p.bytes), p.want.type, m.owed)));
  ASSERT_TRUE(machine::done(m.space.protect(part(p.first, p.bytes), p.want.allow, m.owed)));
  EXPECT_EQ(m.picture(), mapped) << "after rights and types went there and back";

  // A page in the midst of a large leaf.
  u64 const inside = p.first + p.sizes.front().first + 3 * grain;
  ASSERT_TRUE(machine::done(m.space.protect(part(inside, grain), p.other, m.owed)));
  holds(p.other, p.want.type, inside, grain, "protected in part");
  holds(p.want.allow, p.want.type, inside + grain, grain, "next to what was protected");
  holds(p.want.allow, p.want.type, inside - 3 * grain, grain, "before what was protected");
  ASSERT_TRUE(machine::done(m.space.protect(part(inside, grain), p.want.allow, m.owed)));
  ASSERT_TRUE(machine::done(m.space.collapse(part(p.first, p.bytes), m.owed)));
  EXPECT_EQ(m.picture(), mapped) << "after a page in the midst was changed, changed back and all was collapsed";

  // The first large leaf in granules (the next smaller leaves if these were too many), and whole again.
  u64 const size = bit(p.sizes.front().second), from = (p.first + p.sizes.front().first) & ~(size - 1);
  u8 const  small = f.levels[size > 64 * M ? 1 : 0].shift;
  ASSERT_TRUE(machine::done(m.space.split(part(from, size), small, m.owed)));
  holds(p.want.allow, p.want.type, from, size, "split");
  if (auto const t = m.space.query({from}); t) {
    EXPECT_EQ(t->lg2, small);
  }
  ASSERT_TRUE(machine::done(m.space.collapse(part(p.first, p.bytes), m.owed)));
  EXPECT_EQ(m.picture(), mapped) << "after splitting and collapsing";

  ASSERT_TRUE(m.unmap(p.first, p.bytes));
  EXPECT_EQ(m.picture(), bare) << "after unmapping";
  m.space.settle(m.owed);
  EXPECT_EQ(m.frames.out(), 1u) << "frames beside the root";
  EXPECT_TRUE(m.frames.is_clean());
}

}  // namespace pagewright::golden
