// SPDX-License-Identifier: MIT
// A machine whose tables an MMU uses while they change: it caches all it may, forgets only what it is told to, and
// every store, invalidation and release is written down in order.
#pragma once

#include <pagewright/models/frames.hpp>
#include <pagewright/models/memory.hpp>
#include <pagewright/models/mmu.hpp>

#include "fixture.hpp"

namespace parity {

struct happening {
  enum kind_type { stored, published, invalidated, invalidated_all, synced, released } kind;
  u64   at = 0;            // slot, or frame
  u64   was = 0, now = 0;  // stored
  stale what{};            // invalidated
};

/// The MMU as its users see it, and what they asked of it.
template <class Mmu>
class observed {
 public:
  explicit observed(Mmu &mmu) : mmu_{&mmu} {}

  void before(models::write const &w) { mmu_->before(w); }
  void after(models::write const &w) {
    if (w.kind != models::write_kind::fill && w.kind != models::write_kind::clear)
      log.push_back({happening::stored, w.at.value, w.was, w.now});
    mmu_->after(w);
  }
  void released(output_address a, unsigned lg2) {
    log.push_back({happening::released, a.value});
    mmu_->released(a, lg2);
  }
  void publish(output_address a, u64 n) {
    log.push_back({happening::published, a.value});
    mmu_->publish(a, n);
  }
  void invalidate(stale const &s) {
    log.push_back({happening::invalidated, s.input.first.value, 0, 0, s});
    mmu_->invalidate(s);
  }
  void invalidate_all() {
    log.push_back({happening::invalidated_all});
    mmu_->invalidate_all();
  }
  void sync() {
    log.push_back({happening::synced});
    mmu_->sync();
  }

  std::vector<happening> log;

 private:
  Mmu *mmu_;
};

template <class Sharing = marked_by_hardware>
class live_machine {
 public:
  using mmu_type    = models::simulated_mmu<dynamic, ram_memory, 1100>;
  using cache_type  = observed<mmu_type>;
  using memory_type = models::watched_memory<ram_memory, cache_type>;
  using frames_type = models::watched_frames<ram_frames, cache_type>;
  using space_type  = address_space<dynamic, memory_type, frames_type, cache_type, Sharing>;

  explicit live_machine(format const &f, u64 bytes = 1 * M, u64 base = 16 * M)
      : h{&f}, bytes{base, bytes, 0xa5}, plain{in_ram{&this->bytes}}, counted{this->bytes, nullptr}, top{new_root()},
        mmu{h, top, plain}, cache{mmu}, memory{plain, cache}, frames{counted, cache},
        space{h, top, memory, frames, cache, Sharing{}} {}
  live_machine(live_machine const &) = delete;
  ~live_machine() { space.settle(owed); }

  /// Does the MMU translate `at` now, from what it has cached or else from the tables?
  auto access(u64 at) -> std::optional<u64> {
    auto const t = mmu.access({at});
    if (!t) return std::nullopt;
    return t->address.value;
  }
  /// From now on `at` is used before and after every store.
  void keep_using(std::vector<u64> const &at) {
    used.clear();
    for (u64 const a : at) used.push_back({a});
    mmu.prefetch({used.data(), used.size()});
  }
  /// Pays what is owed; was nothing wrong until then, and is nothing stale now?
  auto settles_cleanly() -> testing::AssertionResult {
    space.settle(owed);
    mmu.verify();
    if (mmu.is_full()) return testing::AssertionFailure() << "the MMU had to forget something";
    if (mmu.violations() == 0) return testing::AssertionSuccess();
    auto const &v = mmu.first();
    return testing::AssertionFailure() << mmu.violations() << " violations, first: " << text(v.kind) << std::hex
                                       << " at 0x" << v.input.value << ", 0x" << v.where.value << ": 0x" << v.was
                                       << " -> 0x" << v.now;
  }
  auto entry(u64 at, std::optional<unsigned> level = std::nullopt) -> u64 {
    auto const found = space.entry({at}, level);
    EXPECT_TRUE(done(found));
    return found ? found->entry : ~u64{0};
  }
  auto slot(u64 at, std::optional<unsigned> level = std::nullopt) -> u64 {
    auto const found = space.entry({at}, level);
    EXPECT_TRUE(done(found));
    return found ? found->slot.value : ~u64{0};
  }
  /// What was stored into `slot` since the log was cleared, in order.
  auto stores_to(u64 slot) const -> std::vector<u64> {
    std::vector<u64> now;
    for (auto const &x : cache.log)
      if (x.kind == happening::stored && x.at == slot) now.push_back(x.now);
    return now;
  }
  auto count(happening::kind_type kind) const -> std::size_t {
    std::size_t n = 0;
    for (auto const &x : cache.log) n += x.kind == kind;
    return n;
  }

  dynamic     h;
  ram         bytes;
  ram_memory  plain;
  ram_frames  counted;
  root        top;
  mmu_type    mmu;
  cache_type  cache;
  memory_type memory;
  frames_type frames;
  space_type  space;
  ledger      owed;

 private:
  auto new_root() -> root {
    auto const lg2  = table_lg2(h, h.top());
    auto const here = *counted.allocate(lg2);
    plain.clear(here, u64{1} << lg2);
    return {here};
  }

  std::vector<input_address> used;
};

}  // namespace parity
