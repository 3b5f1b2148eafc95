// SPDX-License-Identifier: MIT
// What an address space must do, said a second time: a map of intervals that knows leaves, tables and frames, and shares
// no algorithm with the library. It takes from a format nothing but its geometry and its list of memory types.
#pragma once

#include <pagewright/pagewright.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace trial {

using namespace pagewright;

/// A size of leaf: a slot of `level`, or a run of them.
struct size_class {
  unsigned lg2, level;
  bool     run;
};

/// Neighbouring leaves of one size that continue one another and say the same.
struct extent {
  u64         last, out;
  size_class  size;
  rights      allow;
  memory_type type;
  bool        global, accessed, dirty;
  u64         software;

  auto says_the_same(extent const &o) const -> bool {
    return size.lg2 == o.size.lg2 && allow == o.allow && type == o.type && global == o.global && accessed == o.accessed &&
           dirty == o.dirty && software == o.software;
  }
};

/// Why an operation is refused, as the library would say it.
struct refusal {
  error_reason why;
  u64          at;
};
using verdict = std::optional<refusal>;  // nothing: it succeeds

/// One leaf of an extent.
struct reference_leaf {
  u64           first, out;
  extent const *of;
};

class reference {
 public:
  /// `frames`: how many frames there are beside the root.
  reference(format const &f, u64 frames);

  auto map(u64 first, u64 last, u64 out, attributes const &want, leaf_limits limits) -> verdict;
  auto unmap(u64 first, u64 last, half_covered half, emptied empty) -> verdict;
  auto protect(u64 first, u64 last, rights allow, half_covered half) -> verdict;
  auto retype(u64 first, u64 last, memory_type type, half_covered half) -> verdict;
  auto reserve(u64 first, u64 last) -> verdict;
  void release_reserve();
  void settle() { retired_ = 0; }
  void set_frames(u64 frames) { frames_ = frames; }

  /// How many tables the last map or tables_needed asked for.
  auto tables_needed(u64 first, u64 last, u64 out, attributes const &want, leaf_limits limits) -> std::optional<u64>;

  auto find(u64 at) const -> std::optional<reference_leaf>;
  auto extents() const -> std::map<u64, extent> const & { return extents_; }
  auto tables(unsigned level) const -> std::set<u64> const & { return tables_[level]; }
  auto table_count() const -> u64;
  /// Frames in use: linked, cut off but not paid for, or reserved.
  auto frames_in_use() const -> u64;
  auto is_inside(u64 at) const -> bool;
  /// Can every leaf of the format allow exactly this?
  auto is_sayable(rights) const -> bool;
  auto sizes() const -> std::vector<size_class> const & { return sizes_; }
  auto grain() const -> unsigned { return f_.levels[0].shift; }
  /// The level of pages: where an entry may point to another page descriptor (m68k), nothing is built below.
  auto base() const -> unsigned { return f_.levels[0].index_bits == 0 ? 1 : 0; }
  auto reach(unsigned level) const -> unsigned { return f_.levels[level].shift + f_.levels[level].index_bits; }

 private:
  struct change_plan {
    std::set<std::pair<unsigned, u64>> tables;  // (level, prefix) that splitting takes
  };
  using leaves = std::vector<std::pair<u64, extent>>;

  auto check(u64 first, u64 last) const -> verdict;
  auto check_map(u64 first, u64 last, u64 out) const -> verdict;
  auto greedy(u64 first, u64 last, u64 out, attributes const &want, leaf_limits limits) const -> leaves;
  auto missing_tables(leaves const &) const -> std::vector<std::set<u64>>;
  auto take_frames(std::vector<u64> const &need) -> bool;
  auto plan_split(u64 inside, u64 edge, half_covered half, u64 first, u64 last, change_plan &) const -> verdict;
  auto prepare_change(u64 &first, u64 &last, half_covered half) -> verdict;
  void split(u64 edge);
  void cut(u64 at);
  auto forms_of(size_class const &) const -> std::vector<form const *>;
  auto has_room(size_class const &, u64 out) const -> bool;
  auto has_single(unsigned level) const -> bool;
  auto single(unsigned level) const -> size_class;

  format const              &f_;
  u64                        frames_, retired_ = 0;
  std::vector<size_class>    sizes_;
  std::map<u64, extent>      extents_;
  std::vector<std::set<u64>> tables_;
  std::vector<u64>           spare_;
};

}  // namespace trial
