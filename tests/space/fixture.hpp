// SPDX-License-Identifier: MIT
// A small address space to make claims about: its memory, its frames, and a picture of both to compare with.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/models/frames.hpp>
#include <pagewright/models/memory.hpp>
#include <pagewright/models/mmu.hpp>
#include <pagewright/pagewright.hpp>

namespace pagewright {

inline void PrintTo(rights r, std::ostream *out) {
  auto const t = text(r);
  *out << t.kernel << "/" << t.user;
}
inline void PrintTo(memory_type t, std::ostream *out) { *out << text(t); }
inline void PrintTo(fault_reason r, std::ostream *out) { *out << text(r); }
inline void PrintTo(error_reason r, std::ostream *out) { *out << text(r); }
inline void PrintTo(entry_kind k, std::ostream *out) { *out << text(k); }
inline void PrintTo(duty d, std::ostream *out) { *out << text(d); }
inline void PrintTo(input_address a, std::ostream *out) { *out << "input 0x" << std::hex << a.value << std::dec; }
inline void PrintTo(output_address a, std::ostream *out) { *out << "output 0x" << std::hex << a.value << std::dec; }
inline void PrintTo(range const &r, std::ostream *out) {
  *out << "0x" << std::hex << r.first.value << "..0x" << r.last.value << std::dec;
}
inline void PrintTo(error const &e, std::ostream *out) {
  *out << text(e.why) << " at 0x" << std::hex << e.at.value << ", slot 0x" << e.slot.value << " = 0x" << e.entry << std::dec;
}

}  // namespace pagewright

namespace trial {

using namespace pagewright;

inline constexpr u64 K = 1024, M = 1024 * K, G = 1024 * M, T = 1024 * G;

/// `bytes` from `first`. The tests know what they write.
constexpr auto span_of(u64 first, u64 bytes) -> range { return {{first}, {first + (bytes - 1)}}; }

/// 64 frames of the format's largest table size, zeroed or not, below 4 GiB.
template <auto const &F, unsigned Frames = 64>
class house {
 public:
  static constexpr unsigned frame_lg2 = [] {
    unsigned most = 0;
    for (unsigned n = 0; n < F.depth; ++n)
      if (auto const lg2 = table_lg2(dynamic{&F}, n); lg2 > most) most = lg2;
    return most < 12 ? 12u : most;
  }();
  using pool_type  = frame_pool<Frames, frame_lg2>;
  using count_type = models::counting_frames<pool_type>;
  using fail_type  = models::failing_frames<count_type>;

  /// Frames come with any content: by default not zeroes.
  explicit house(u8 content = 0xa5) : bytes(u64{Frames} << frame_lg2, content) {
    auto const a = *frames.allocate(table_lg2(h, h.top()));
    memory.clear(a, u64{1} << table_lg2(h, h.top()));
    top = {a};
  }

  /// Everything reachable from the root, as bits: the tables that are linked, in order.
  auto picture() -> std::vector<u64> {
    std::vector<u64> words;
    auto const add = [&](output_address table, unsigned level) {
      words.push_back(table.value);
      for (u64 i = 0; i < bit(F.levels[level].index_bits); ++i)
        words.push_back(memory.load(slot_address(h, level, table, i), F.word()).value_or(~u64{0}));
    };
    struct visitor {
      decltype(add) const &put;
      auto enter(table_visit const &t) const -> visit { return put(t.table, t.level), visit::descend; }
    } v{add};
    add(top.table, F.depth - 1u);
    sweep(h, top, everything, memory, v);
    return words;
  }
  auto tables() -> unsigned {
    struct {
      unsigned n = 0;
      auto enter(table_visit const &) -> visit { return ++n, visit::descend; }
    } v;
    sweep(h, top, everything, memory, v);
    return v.n;
  }
  auto at(u64 address) -> std::expected<translation, fault> { return walk(h, top, {address}, memory); }

  fixed<F>        h{};
  std::vector<u8> bytes;
  output_address  base{0x0100'0000};
  byte_memory     memory{bytes, base};
  pool_type       pool{base};
  count_type      counted{pool};
  fail_type       frames{counted};
  not_in_use      cache{};
  root            top{};
};

/// The default rights of these tests: every format here has them.
template <auto const &F>
constexpr auto rw() -> attributes {
  return {.allow = *least_rights(fixed<F>{}, rights::kernel_rw)};
}

}  // namespace trial
