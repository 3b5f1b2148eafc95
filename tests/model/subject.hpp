// SPDX-License-Identifier: MIT
// An address space behind one interface, whatever its format and handle, so that the random runner is compiled once.
#pragma once

#include <memory>
#include <vector>

#include "arena.hpp"

namespace trial {

/// What a sweep over everything met, in order.
struct seen {
  struct table {
    u64      first;
    unsigned level;
    u64      address;
  };
  std::vector<leaf>  leaves;
  std::vector<table> tables;
  std::vector<range> parts;   // leaves and holes, as they came
  u64                odd = 0; // reserved or unreadable entries
};

/// Where a subject's tables are: the same frames at the same addresses for every subject of a format.
struct place {
  unsigned frames = 40, frame_lg2 = 12;
  u64      base   = 0x0100'0000;
};

class subject {
 public:
  using status = std::expected<void, error>;

  explicit subject(place const &p) : store{p.frames + 1, p.frame_lg2, p.base}, frames{store} {}
  virtual ~subject() = default;

  virtual auto map(range, output_address, attributes const &, leaf_limits) -> status                                  = 0;
  virtual auto tables_needed(range, output_address, attributes const &, leaf_limits) -> std::expected<u64, error>     = 0;
  virtual auto unmap(range, half_covered, emptied) -> status                                                          = 0;
  virtual auto protect(range, rights, half_covered) -> status                                                         = 0;
  virtual auto retype(range, memory_type, half_covered) -> status                                                     = 0;
  virtual auto reserve(range) -> status                                                                               = 0;
  virtual void release_reserve()                                                                                      = 0;
  virtual void settle()                                                                                               = 0;
  virtual auto query(u64 at) -> std::expected<translation, fault>                                                     = 0;
  virtual auto sweep() -> seen                                                                                        = 0;

  arena        store;
  arena_frames frames;
};

struct sweep_visitor {
  seen *into;
  void leaf(pagewright::leaf const &l) {
    into->leaves.push_back(l);
    into->parts.push_back({l.input, {l.input.value + (l.bytes() - 1)}});
  }
  void hole(gap const &g) { into->parts.push_back(g.part); }
  void reserved(gap const &g) { ++into->odd, into->parts.push_back(g.part); }
  void unreadable(gap const &g) { ++into->odd, into->parts.push_back(g.part); }
  auto enter(table_visit const &t) -> visit {
    into->tables.push_back({t.part.first.value, t.level, t.table.value});
    return visit::descend;
  }
};

/// An empty root table.
template <handle H>
auto first_table(H h, arena_memory &memory, arena_frames &frames) -> root {
  unsigned const lg2 = table_lg2(h, h.top());
  auto const     a   = *frames.allocate(lg2);
  make_empty(h, h.top(), a, memory);
  return {a};
}

/// What a sweep over everything meets.
template <handle H>
auto sweep_of(H h, root top, arena_memory &memory) -> seen {
  seen s;
  pagewright::sweep(h, top, everything, memory, sweep_visitor{&s});
  return s;
}

/// The operations of `space`, an address_space of any kind, for a class that has it and `owed`.
template <class Space, class Base = subject>
class subject_on : public Base {
 public:
  using typename Base::status;
  using Base::Base;

  auto map(range r, output_address to, attributes const &want, leaf_limits l) -> status override {
    return space().map(r, to, want, owed, l);
  }
  auto tables_needed(range r, output_address to, attributes const &want, leaf_limits l) -> std::expected<u64, error> override {
    return space().tables_needed(r, to, want, l);
  }
  auto unmap(range r, half_covered half, emptied empty) -> status override { return space().unmap(r, owed, half, empty); }
  auto protect(range r, rights allow, half_covered half) -> status override { return space().protect(r, allow, owed, half); }
  auto retype(range r, memory_type type, half_covered half) -> status override { return space().retype(r, type, owed, half); }
  auto reserve(range r) -> status override { return space().reserve(r); }
  void release_reserve() override { space().release_reserve(); }
  void settle() override { space().settle(owed); }
  auto query(u64 at) -> std::expected<translation, fault> override { return space().query({at}); }

  virtual auto space() -> Space & = 0;
  ledger owed;
};

/// Plain: no observer, nothing caches. For `fixed` and `dynamic` alike.
template <handle H>
class plain_subject final
    : public subject_on<address_space<H, arena_memory, arena_frames, not_in_use>> {
  using space_type = address_space<H, arena_memory, arena_frames, not_in_use>;
  using base       = subject_on<space_type>;

 public:
  plain_subject(H h, place const &p)
      : base{p}, h_{h}, memory_{this->store}, top_{first_table(h, memory_, this->frames)}, space_{h, top_, memory_, this->frames, cache_} {}
  ~plain_subject() override { space_.settle(this->owed); }

  auto space() -> space_type & override { return space_; }
  auto sweep() -> seen override { return sweep_of(h_, top_, memory_); }

 private:
  H            h_;
  arena_memory memory_;
  root         top_;
  not_in_use   cache_;
  space_type   space_;
};

}  // namespace trial
