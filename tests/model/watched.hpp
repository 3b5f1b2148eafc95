// SPDX-License-Identifier: MIT
// An address space watched by an MMU that caches all it can, and looked at between all its stores.
#pragma once

#include <pagewright/models/mmu.hpp>

#include <algorithm>
#include <span>

#include "subject.hpp"

namespace trial {

using test_mmu = models::simulated_mmu<dynamic, arena_memory, 512>;

/// What hardware without any cache saw of one address while an operation ran.
struct sighting {
  u64                       at = 0;
  std::vector<translation>  translations;  // different ones
  std::vector<fault_reason> faults;
  bool marked_accessed = false, marked_dirty = false;
  u64  marked_output   = 0;
};

/// Told of every write: passes it on to the MMU, walks the probes, and marks what hardware would mark.
class onlooker {
 public:
  onlooker(format const &f, root top, arena &store, test_mmu &mmu, bool marks)
      : f_{f}, top_{top}, memory_{store}, mmu_{&mmu}, marks_{marks} {}

  void begin(std::span<u64 const> probes) {
    seen_.clear();
    for (u64 const p : probes) seen_.emplace_back().at = p;
    look();
  }
  auto seen() const -> std::vector<sighting> const & { return seen_; }

  void before(models::write const &w) {
    mmu_->before(w);
    if (marks_)
      for (auto &s : seen_) mark(s);
  }
  void after(models::write const &w) {
    mmu_->after(w);
    look();
  }

 private:
  void look() {
    for (auto &s : seen_) {
      auto const t = walk(dynamic{&f_}, top_, {s.at}, memory_);
      if (!t) {
        if (std::find(s.faults.begin(), s.faults.end(), t.error().why) == s.faults.end()) s.faults.push_back(t.error().why);
      } else if (std::none_of(s.translations.begin(), s.translations.end(), [&](translation const &o) {
                   return o.address == t->address && o.effective == t->effective && o.type == t->type && o.global == t->global;
                 })) {
        s.translations.push_back(*t);
      }
    }
  }

  void mark(sighting &s) {
    dynamic const h{&f_};
    auto const t = walk(h, top_, {s.at}, memory_);
    if (!t) return;
    u64 entry = t->entry;
    bool dirty = false;
    with_form(h, unsigned{t->level}, entry, [&](auto f) {
      if (f->accessed != never) entry = (entry & ~f->accessed.mask) | f->accessed.value;
      dirty = f->dirty != never && (t->effective & rights::writers) != rights::none;
      if (dirty) entry = (entry & ~f->dirty.mask) | f->dirty.value;
    });
    if (entry != t->entry) memory_.store(t->slot, f_.word(), entry);
    s.marked_accessed = true;
    s.marked_dirty |= dirty;
    s.marked_output = t->address.value;
  }

  format const         &f_;
  root                  top_;
  arena_memory          memory_;
  test_mmu             *mmu_;
  bool                  marks_;
  std::vector<sighting> seen_;
};

template <class Sharing>
using watched_space = address_space<dynamic, models::watched_memory<arena_memory, onlooker>,
                                    models::watched_frames<arena_frames, test_mmu>, test_mmu, Sharing>;

template <class Sharing>
class watched_subject final : public subject_on<watched_space<Sharing>> {
  using space_type = watched_space<Sharing>;
  using base       = subject_on<space_type>;

 public:
  watched_subject(format const &f, place const &p)
      : base{p}, h_{&f}, memory_{this->store}, top_{first_table(h_, memory_, this->frames)}, mmu{h_, top_, memory_},
        eyes{f, top_, this->store, mmu, Sharing::hardware_writes}, watched_{memory_, eyes}, watched_frames_{this->frames, mmu},
        space_{h_, top_, watched_, watched_frames_, mmu, Sharing{}} {}
  ~watched_subject() override { space_.settle(this->owed); }

  auto space() -> space_type & override { return space_; }
  auto query(u64 at) -> std::expected<translation, fault> override { return walk(h_, top_, {at}, memory_); }
  auto sweep() -> seen override { return sweep_of(h_, top_, memory_); }

 private:
  dynamic      h_;
  arena_memory memory_;
  root         top_;

 public:
  test_mmu mmu;
  onlooker eyes;

 private:
  models::watched_memory<arena_memory, onlooker>  watched_;
  models::watched_frames<arena_frames, test_mmu>  watched_frames_;
  space_type                                      space_;
};

}  // namespace trial
