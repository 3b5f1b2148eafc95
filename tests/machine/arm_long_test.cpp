// SPDX-License-Identifier: MIT
// Long descriptors (LPAE) on QEMU's MMU: blocks of both sizes and pages with all bits that decide, table entries of both
// levels with what they withhold, under all control bits and divisions of the space. A first-level table has four entries
// only, so there are as many of these tables as there are cases of theirs.
#include <gtest/gtest.h>

#include <sstream>
#include <utility>

#include "arm_machine.hpp"

namespace {

using namespace machine;
using namespace machine::arm;
namespace arm32 = pagewright::arm32;
using pagewright::access_kind, pagewright::bit, pagewright::rights;

constexpr u64 roots_at = tables_at, level2_at = tables_at + 0x1000, level3_at = tables_at + 0x2000;
constexpr auto root_of(u64 n) -> u64 { return roots_at + n * 32; }
constexpr u64 gbyte = 1 << 30;

/// What says nothing about access (NS, nG, software's bits, NSTable) is here and there set.
/// AP, access flag, PXN and XN of leaf `n` of 32, and PXNTable, XNTable and APTable of table entry `n` of 16.
constexpr auto leaf_bits(u64 n) -> u64 {
  u64 const noise = (n & 1) << 5 | (n * 5 >> 3 & 1) << 11 | (n * 7 >> 3 & 15) << 55;
  return (n & 3) << 6 | (n >> 2 & 1) << 10 | n >> 3 << 53 | noise | 1;
}
constexpr auto table_bits(u64 n) -> u64 { return n << 59 | (n * 3 >> 2 & 1) << 63 | (n & 7) << 55 | 3; }

/// All tables, and where their cases are. `wide`: bits 47:40 of an address are looked at, as they are from ARMv8 on.
struct tables {
  std::vector<place> places;
  u64                roots;

  tables(ram &memory, bool wide) : roots{wide ? 36u : 33u} {
    auto const level2 = memory.at<u64>(level2_at, 512), level3 = memory.at<u64>(level3_at, 512);
    auto       target = [n = 0u](u64 bytes) mutable { return target_at + ++n * 0x5'3000 % target_bytes / bytes * bytes; };

    constexpr u64 pages = 36, blocks = 32, below = 16, others = 5;
    for (u64 i = 0; i < 32; ++i) {
      level3[i] = target(4096) | leaf_bits(i) | 2;
      level2[i] = target(part_bytes) | leaf_bits(i);
    }
    level3[33] = target(4096) | bit(10) | 1;  // says nothing, as do 0 and what has bit 0 clear
    level3[34] = ~u64{1};
    if (wide) level3[35] = bit(45) | target(4096) | bit(10) | 3;
    for (u64 i = 0; i < below; ++i) level2[blocks + i] = level3_at | table_bits(i);
    u64 *const other = &level2[blocks + below];
    other[0] = 0;
    other[1] = ~u64{1};
    other[4] = nowhere | 3;
    if (wide) other[2] = bit(40) | level3_at | 3, other[3] = bit(47) | target(part_bytes) | 1;  // comes before the access flag

    for (u64 const base : {0 * gbyte, 3 * gbyte}) {
      for (u64 i = 0; i < blocks + below + others; ++i) {
        u64 const at = base + i * part_bytes;
        if (i < blocks || i >= blocks + below) places.push_back({at, 21});
        else for (u64 k = 0; k < pages; ++k) places.push_back({at + k * 4096, 12});
      }
      if (base == 0) places.push_back({2 * gbyte + (target_at - 0x4000'0000), 24});  // within a block of 1 Gbyte
    }
    for (u64 n = 0; n < roots; ++n) {
      auto const root = memory.at<u64>(root_of(n), 4);
      root[0] = level2_at | table_bits(n % 16);
      root[2] = 0x4000'0000 | leaf_bits(n % 32);
      root[3] = level2_at | table_bits((n + 5) % 16);
    }
    auto const last = memory.at<u64>(root_of(32), 16);
    last[0] = nowhere | 3, last[2] = ~u64{1}, last[3] = 0;
    if (wide) last[4] |= bit(44), last[11] |= bit(47), last[14] |= bit(40);
  }
};

/// The probe program: in all first-level tables at 1 Gbyte, read-only where it executes, so that WXN is content.
void map_program(ram &memory, u64 roots) {
  auto           there = memory.memory();
  pagewright::bump_frames frames{{tables_at + 0x10'0000}, 0x10'0000};
  pagewright::not_in_use  nobody;
  pagewright::address_space space{pagewright::dynamic{&arm32::lpae_32}, pagewright::root{{root_of(0)}}, there, frames, nobody};
  pagewright::ledger owed;
  auto const map = [&](u64 at, u64 bytes, rights allow) {
    EXPECT_TRUE(space.map({{at}, {at + bytes - 1}}, {at}, {.allow = allow}, owed)) << std::hex << at;
  };
  map(text_at, part_bytes, rights::kernel_rx);
  map(user_at, part_bytes, rights::readers | rights::executes);
  map(data_at, tables_at - data_at, rights::kernel_rw);
  space.settle(owed);
  for (u64 n = 1; n < roots; ++n) memory.at<u64>(root_of(n), 4)[1] = memory.at<u64>(root_of(0), 4)[1];
}

/// T0SZ, T1SZ, EPD0 and EPD1 of TTBCR, always such that the program stays in reach.
constexpr u32 sizes(u32 t0sz, u32 t1sz, u32 disabled = 0) { return t0sz | t1sz << 16 | disabled; }
constexpr u32 ranges[]{sizes(0, 0),          sizes(1, 1),           sizes(2, 0), sizes(1, 2), sizes(0, 1), sizes(3, 0),
                       sizes(2, 0, 1 << 7), sizes(1, 1, 1 << 23)};

/// Where a range of 32 - `size` bits begins: with two entries or all of the first level, or in the second.
constexpr auto ttbr_of(u64 root, u64 size, bool upper) -> u64 {
  return size >= 2 ? level2_at : root + (upper && size == 1 ? 16 : 0);
}

/// What QEMU answers other than the manual has it (seen with 7.2).
struct emulator {
  setup by;

  explicit emulator(registers const &r) : by{r} {}
  template <class Memory>
  auto expected(u64 address, pagewright::access_request const &what, ram &, Memory &memory) const -> expectation {
    auto const manual = by.expected(address, what, memory);
    // PAN is about data accesses (AArch32.S1LDHasPermissionsFault). A fetch needs the right to read as it is without PAN.
    if (what.kind != access_kind::fetch || what.user || !manual.physical) return manual;
    auto const read = by.expected(address, {}, memory);
    if (read.physical) return manual;
    return {what, std::nullopt, read.fsr, "lets PAN keep PL1 from executing what PL0 can read"};
  }
};

auto explain(ram &memory, registers const &r, u64 address) -> std::string {
  std::ostringstream s;
  u64 const root = r.ttbr0 == level2_at ? r.ttbr1 : r.ttbr0, l2 = memory.at<u64>(level2_at, 512)[address >> 21 & 511];
  s << std::hex << "  L1 0x" << memory.at<u64>(root, 4)[address >> 30] << ", if read; L2 0x" << l2;
  if ((l2 & 2) != 0) s << ", L3 0x" << memory.at<u64>(level3_at, 512)[address >> 12 & 511];
  return s.str();
}

/// `newer`: the processor has PAN and HPD, and looks at bits 47:40 of addresses.
void expect_agreement(char const *cpu, bool newer, char const *mode) {
  if (!is_here()) GTEST_SKIP() << missing;
  experiment   e{cpu};
  tables const all{e.memory(), newer};
  map_program(e.memory(), all.roots);

  u64 const two = newer ? 2 : 1, divisions = std::size(ranges);
  auto const registers_of = [&](u64 n) {
    auto const digit = [&n](u64 radix) { return std::exchange(n, n / radix) % radix; };
    u64 const  wxn = digit(2) * sctlr_wxn, uwxn = digit(2) * sctlr_uwxn;
    u64 const  ttbcr = ranges[digit(divisions)], t2e = digit(two), hpd = digit(two) != 0 ? 3u << 9 : 0, pan = digit(two);
    u64 const  root  = root_of(digit(all.roots));
    return registers{.ttbr0 = ttbr_of(root, ttbcr & 7, false), .ttbr1 = ttbr_of(root, ttbcr >> 16 & 7, true),
                     .ttbcr = 1u << 31 | ttbcr | t2e << 6, .ttbcr2 = newer ? bit(32) | hpd : 0, .dacr = 0,
                     .mair0 = arm32::linux_mair0, .mair1 = arm32::linux_mair1, .sctlr = sctlr_base | wxn | uwxn, .pan = pan};
  };
  try_all<emulator>(e, all.places, 4 * divisions * two * two * two * all.roots, how_many(50'000, 3'000), registers_of,
                    [&](registers const &r, u64 at) { return explain(e.memory(), r, at); });
  e.tell(mode);
  e.expect_variety({0x205, 0x206, 0x207, 0x20a, 0x20b, 0x20e, 0x20f, 0x217});
}

TEST(arm_machine, agrees_about_long_descriptors) { expect_agreement("cortex-a15", false, "arm LPAE"); }
TEST(arm_machine, agrees_about_long_descriptors_PAN_and_HPD) { expect_agreement("max", true, "arm LPAE, PAN, HPD"); }

}  // namespace
