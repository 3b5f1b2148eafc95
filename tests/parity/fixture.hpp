// SPDX-License-Identifier: MIT
// A small machine to make claims about: memory that says when it is strayed from, frames that are counted, a
// translation cache that writes down what it is asked for, and an address space of a format known at run time over
// them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <pagewright/pagewright.hpp>

namespace pagewright {

inline void PrintTo(rights r, std::ostream *out) { *out << text(r).kernel << "/" << text(r).user; }
inline void PrintTo(memory_type t, std::ostream *out) { *out << text(t); }
inline void PrintTo(fault_reason r, std::ostream *out) { *out << text(r); }
inline void PrintTo(error_reason r, std::ostream *out) { *out << text(r); }
inline void PrintTo(copy_reason r, std::ostream *out) { *out << text(r); }
inline void PrintTo(entry_kind k, std::ostream *out) { *out << text(k); }
inline void PrintTo(duty d, std::ostream *out) { *out << text(d); }
inline void PrintTo(input_address a, std::ostream *out) { *out << "input 0x" << std::hex << a.value << std::dec; }
inline void PrintTo(output_address a, std::ostream *out) { *out << "output 0x" << std::hex << a.value << std::dec; }
inline void PrintTo(range const &r, std::ostream *out) {
  *out << "0x" << std::hex << r.first.value << "..0x" << r.last.value << std::dec;
}
inline void PrintTo(stale const &s, std::ostream *out) {
  PrintTo(s.input, out);
  *out << " lg2 " << unsigned{s.lg2} << (s.tables ? " tables" : "");
}
inline void PrintTo(error const &e, std::ostream *out) {
  *out << text(e.why) << " at 0x" << std::hex << e.at.value << ", level " << unsigned{e.level} << ", slot 0x"
       << e.slot.value << " = 0x" << e.entry << std::dec;
}

}  // namespace pagewright

namespace parity {

using namespace pagewright;

inline constexpr u64 K = 1024, M = 1024 * K, G = 1024 * M, T = 1024 * G;

/// `bytes` from `first`. The tests know what they write.
constexpr auto span_of(u64 first, u64 bytes) -> range { return {{first}, {first + (bytes - 1)}}; }

/// For EXPECT_TRUE(done(...)): shows the error, if there is one.
template <class T>
auto done(std::expected<T, error> const &result) -> testing::AssertionResult {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << testing::PrintToString(result.error());
}
/// For EXPECT_EQ(why(...), error_reason::...): nothing if there was no error.
template <class T, class E>
auto why(std::expected<T, E> const &result) -> std::optional<decltype(result.error().why)> {
  if (result) return std::nullopt;
  return result.error().why;
}

/// What the machine's parts were asked for, in order.
struct event {
  enum kind_type { published, invalidated, invalidated_all, synced, allocated, released } kind;
  u64   address = 0;  // of the slot, the first input address or the frame
  u64   bytes   = 0;  // published, or of the frame
  stale what{};       // invalidated

  friend auto operator==(event const &, event const &) -> bool = default;
};
inline void PrintTo(event const &e, std::ostream *out) {
  static constexpr char const *names[]{"published", "invalidated", "invalidated all",
                                       "synced",    "allocated",   "released"};
  *out << names[e.kind] << std::hex << " 0x" << e.address << " +0x" << e.bytes << std::dec << " ";
  if (e.kind == event::invalidated) PrintTo(e.what, out);
}
using journal = std::vector<event>;

inline auto count_of(journal const &j, event::kind_type kind) -> std::size_t {
  std::size_t n = 0;
  for (auto const &e : j) n += e.kind == kind;
  return n;
}
/// Is everything that was released, released after the last invalidation and a sync?
inline auto released_only_after_a_flush(journal const &j) -> bool {
  bool waiting = true;
  for (auto const &e : j) {
    if (e.kind == event::synced) waiting = false;
    if (e.kind == event::invalidated || e.kind == event::invalidated_all) waiting = true;
    if (e.kind == event::released && waiting) return false;
  }
  return true;
}

/// Memory from `base` on, filled with garbage. Addresses outside it appear nowhere, and asking for one is remembered.
class ram {
 public:
  ram(u64 base, u64 bytes, int content) : base_{base}, size_{bytes}, bytes_{take(bytes)} {
    std::memset(bytes_.get(), content, bytes);
  }

  auto at(output_address a) -> void * {
    if (a.value < base_ || a.value - base_ >= size_) return ++strays_, nullptr;
    return bytes_.get() + (a.value - base_);
  }
  auto base() const -> output_address { return {base_}; }
  auto size() const -> u64 { return size_; }
  auto strays() const -> u64 { return strays_; }
  auto data() -> u8 * { return bytes_.get(); }
  /// A copy of everything, to compare with later.
  auto copy() const -> std::vector<u8> { return {bytes_.get(), bytes_.get() + size_}; }

 private:
  struct free_bytes {
    void operator()(u8 *p) const { std::free(p); }
  };
  static auto take(u64 bytes) -> u8 * { return static_cast<u8 *>(std::aligned_alloc(64 * K, bytes)); }

  u64                                base_, size_, strays_ = 0;
  std::unique_ptr<u8[], free_bytes>  bytes_;
};

struct in_ram {
  ram *of;
  auto operator()(output_address a) const noexcept -> void * { return of->at(a); }
};
using ram_memory = mapped_memory<in_ram>;

/// First-fit frames of any size out of a ram, counted. A release that fits no allocation is refused and remembered.
class ram_frames {
 public:
  ram_frames(ram const &r, journal *log) : base_{r.base().value}, used_(r.size() >> 12), log_{log} {}

  auto allocate(unsigned lg2) -> std::optional<output_address> {
    if (fails_after_ == 0) return std::nullopt;
    u64 const n = lg2 < 12 ? 1 : u64{1} << (lg2 - 12);
    for (u64 i = 0; i + n <= used_.size(); i += n) {
      bool is_free = true;
      for (u64 k = i; k < i + n; ++k) is_free &= !used_[k];
      if (!is_free) continue;
      if (fails_after_ > 0) --fails_after_;
      for (u64 k = i; k < i + n; ++k) used_[k] = true;
      output_address const frame{base_ + (i << 12)};
      given_.push_back({frame, lg2});
      if (given_.size() > peak_) peak_ = given_.size();
      if (log_) log_->push_back({event::allocated, frame.value, u64{1} << lg2});
      return frame;
    }
    return std::nullopt;
  }
  void release(output_address a, unsigned lg2) {
    if (log_) log_->push_back({event::released, a.value, u64{1} << lg2});
    for (auto it = given_.begin(); it != given_.end(); ++it)
      if (it->frame == a && it->lg2 == lg2) {
        u64 const n = lg2 < 12 ? 1 : u64{1} << (lg2 - 12), first = (a.value - base_) >> 12;
        for (u64 k = first; k < first + n; ++k) used_[k] = false;
        given_.erase(it);
        return;
      }
    ++wrong_;
  }

  /// The allocations after the next `n` fail; -1: none.
  void fail_after(long n) { fails_after_ = n; }
  auto out() const -> u64 { return given_.size(); }       // given out and not taken back
  auto peak() const -> u64 { return peak_; }
  auto wrong_releases() const -> u64 { return wrong_; }   // never given out, twice, or with another size

 private:
  struct given {
    output_address frame;
    unsigned       lg2;
  };
  u64                base_, peak_ = 0, wrong_ = 0;
  std::vector<bool>  used_;
  std::vector<given> given_;
  journal           *log_;
  long               fails_after_ = -1;
};

struct recording_cache {
  journal *log;
  void publish(output_address a, u64 n) { log->push_back({event::published, a.value, n}); }
  void invalidate(stale const &s) { log->push_back({event::invalidated, s.input.first.value, s.input.bytes(), s}); }
  void invalidate_all() { log->push_back({event::invalidated_all}); }
  void sync() { log->push_back({event::synced}); }
};

using machine_space = address_space<dynamic, ram_memory, ram_frames, recording_cache>;

/// A machine with an empty root table of format `f`, which must outlive it. What is owed at the end is settled.
class machine {
 public:
  explicit machine(format const &f, u64 bytes = 1 * M, u64 base = 16 * M, int content = 0xa5)
      : h{&f}, bytes{base, bytes, content}, memory{in_ram{&this->bytes}}, frames{this->bytes, &log}, tlb{&log},
        top{new_root()}, space{h, top, memory, frames, tlb} {
    log.clear();
  }
  machine(machine const &) = delete;
  ~machine() { space.settle(owed); }

  auto query(u64 at) const { return space.query({at}); }
  /// Where `at` leads, or ~0.
  auto leads(u64 at) const -> u64 {
    auto const t = space.query({at});
    return t ? t->address.value : ~u64{0};
  }
  /// The raw entry that `at` selects at `level`, or where its walk ends.
  auto entry(u64 at, std::optional<unsigned> level = std::nullopt) -> u64 {
    auto const found = space.entry({at}, level);
    EXPECT_TRUE(done(found));
    return found ? found->entry : ~u64{0};
  }
  auto word(output_address a) -> u64 { return memory.load(a, h->word()).value_or(~u64{0}); }
  void put(output_address a, u64 v) { memory.store(a, h->word(), v); }

  auto tables() -> unsigned {  // below the root
    struct {
      unsigned n = 0;
      auto enter(table_visit const &) -> visit { return ++n, visit::descend; }
    } v;
    sweep(h, top, everything, memory, v);
    return v.n;
  }
  /// Everything reachable from the root, as numbers: what must not change when an operation fails.
  auto picture() -> std::vector<u64> {
    std::vector<u64> words;
    auto const add = [&](output_address table, unsigned level) {
      words.push_back(table.value);
      for (u64 i = 0; i < bit(h->levels[level].index_bits); ++i)
        words.push_back(word(slot_address(h, level, table, i)));
    };
    struct {
      decltype(add) const &put;
      auto enter(table_visit const &t) const -> visit { return put(t.table, t.level), visit::descend; }
    } v{add};
    add(top.table, h.top());
    sweep(h, top, everything, memory, v);
    return words;
  }

  journal         log;
  dynamic         h;
  ram             bytes;
  ram_memory      memory;
  ram_frames      frames;
  recording_cache tlb;
  root            top;
  machine_space   space;
  ledger          owed;

 private:
  auto new_root() -> root {
    auto const lg2  = table_lg2(h, h.top());
    auto const here = *frames.allocate(lg2);
    memory.clear(here, u64{1} << lg2);
    return {here};
  }
};

}  // namespace parity
