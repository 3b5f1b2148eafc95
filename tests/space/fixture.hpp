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

/// Everything reachable from the root, as bits: the tables that are linked, in order.
auto picture_of(format const &f, root top, byte_memory &memory) -> std::vector<u64>;
/// How many tables are linked below the root.
auto tables_of(format const &f, root top, byte_memory &memory) -> unsigned;

/// One format is tried as `fixed`, the others as `dynamic`, which is compiled once for all of them: the tests here are about
/// the algorithm. That both handles do the same with every format is shown by tests/model.
template <auto const &F>
using handle_of = std::conditional_t<&F == &x86::x86_64_4level, fixed<F>, dynamic>;

/// 64 frames of 64 KiB, as large as any table, zeroed or not, below 4 GiB.
template <auto const &F, handle H = handle_of<F>>
class house {
 public:
  static constexpr unsigned frame_count = 64, frame_lg2 = 16;
  using handle_type = H;
  using pool_type   = frame_pool<frame_count, frame_lg2>;
  using count_type  = models::counting_frames<pool_type>;
  using fail_type   = models::failing_frames<count_type>;

  /// Frames come with any content: by default not zeroes.
  explicit house(u8 content = 0xa5) : bytes(u64{frame_count} << frame_lg2, content) {
    auto const a = *frames.allocate(table_lg2(h, h.top()));
    make_empty(h, h.top(), a, memory);
    top = {a};
  }

  auto picture() -> std::vector<u64> { return picture_of(F, top, memory); }
  auto tables() -> unsigned { return tables_of(F, top, memory); }
  auto at(u64 address) -> std::expected<translation, fault> { return walk(h, top, {address}, memory); }

  H               h = [] {
    if constexpr (H::is_fixed) return H{};
    else return H{&F};
  }();
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
  return {.allow = *least_rights(dynamic{&F}, rights::kernel_rw)};
}

}  // namespace trial
