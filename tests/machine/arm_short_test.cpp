// SPDX-License-Identifier: MIT
// Short descriptors on QEMU's MMU: sections, supersections, large and small pages with all bits that decide, in domains of
// every kind, under all control bits; two copies of all cases, so that each half of a divided space has one.
#include <gtest/gtest.h>

#include <sstream>
#include <utility>

#include "arm_machine.hpp"

namespace {

using namespace machine;
using namespace machine::arm;
namespace arm32 = pagewright::arm32;
using pagewright::access_kind, pagewright::access_request, pagewright::bit, pagewright::rights;
using arm32::half;

constexpr u64 root_at = tables_at, small_at = tables_at + 0x4000, large_at = small_at + 0x400;
constexpr u64 copies[]{0x0000'0000, 0x8000'0000};
constexpr unsigned payload_domain = 15;

constexpr auto ap_bits(u64 ap, unsigned low, unsigned high) -> u64 { return (ap & 3) << low | ap >> 2 << high; }

/// All tables, and where their cases are. Domain 0 is the supersections'; each copy has four more, and dacr_of gives each
/// another kind of access. Bits that say nothing about access (S, nG, NS, what is ignored) are here and there set.
auto make_tables(ram &memory) -> std::vector<place> {
  std::vector<place> places;
  auto const root = memory.at<u32>(root_at, 4096), small = memory.at<u32>(small_at, 256), large = memory.at<u32>(large_at, 256);
  auto       target = [n = 0u](u64 bytes) mutable { return target_at + ++n * 0x5'3000 % target_bytes / bytes * bytes; };
  u64 const  normal = 3 << 2;  // C, B

  constexpr unsigned small_cases = 20;  // the last four say nothing
  for (unsigned i = 16; i < small_cases; ++i)
    small[i] = i == 16 ? 0 : u32{1} << i | 0xffc;
  for (unsigned i = 0; i < 16; ++i)
    small[i] = static_cast<u32>(target(4096) | normal | 1 << 6 | 2 | ap_bits(i & 7, 4, 9) | i >> 3 | (i * 3 >> 2 & 3) << 10);
  for (unsigned i = 0; i < 256; i += 16) {
    u64 const entry = target(65536) | normal | 1 << 12 | 1 | ap_bits(i / 16 & 7, 4, 9) | i / 128 << 15 | (i * 3 >> 6 & 3) << 10;
    for (unsigned k = 0; k < 16; ++k) large[i + k] = static_cast<u32>(entry);
  }
  for (u64 const copy : copies) {
    u64 const first = copy >> 20, first_domain = copy == 0 ? 1 : 5;
    auto const address = [&](u64 slot) { return (first + slot) << 20; };
    for (u64 d = 0; d < 4; ++d) {
      u64 const domain = (first_domain + d) << 5;
      for (u64 pxn = 0; pxn < 2; ++pxn) {
        u64 const slot = d * 4 + pxn * 2;
        root[first + slot]     = static_cast<u32>(small_at | domain | pxn << 2 | 1 | bit(9));
        root[first + slot + 1] = static_cast<u32>(large_at | domain | pxn << 2 | 1 | bit(3));
        for (u64 i = 0; i < small_cases; ++i) places.push_back({address(slot) | i << 12, 12});
        for (u64 i = 0; i < 16; ++i) places.push_back({address(slot + 1) | i << 16, 16});
      }
      for (u64 i = 0; i < 32; ++i) {  // PXN, XN, AP
        u64 const slot = 0x10 + d * 32 + i, never = (i & 1) | (i >> 1 & 1) << 4, noise = d << 16 | (i >> 3 & 1) << 19;
        u64 const leaf = target(1 << 20) | normal | 1 << 12 | domain | 2;
        root[first + slot] = static_cast<u32>(leaf | never | ap_bits(i >> 2, 10, 15) | noise);
        places.push_back({address(slot), 20});
      }
      root[first + 0x94 + d] = static_cast<u32>(nowhere | domain | 1);  // a table that cannot be read
      places.push_back({address(0x94 + d), 20});
    }
    root[first + 0x90] = 0xffff'fffc;  // says nothing
    places.push_back({address(0x90), 20});
    places.push_back({address(0x91), 20});
    for (u64 i = 0; i < 32; ++i) {
      u64 const slot  = 0x100 + i * 16, never = (i & 1) | (i >> 1 & 1) << 4;
      u64 const entry = target_at | normal | 1 << 12 | bit(18) | 2 | never | ap_bits(i >> 2, 10, 15);
      for (u64 k = 0; k < 16; ++k) root[first + slot + k] = static_cast<u32>(entry);
      places.push_back({address(slot), 24});
    }
  }
  return places;
}

/// The probe program, in sections of its own domain. AP[0] is set in all of them, as AFE wants it.
void map_program(ram &memory) {
  static constexpr auto f = arm32::short_descriptors({.domain = payload_domain});
  auto           there = memory.memory();
  pagewright::bump_frames frames{{tables_at + 0x10'0000}, 0x10'0000};
  pagewright::not_in_use  nobody;
  pagewright::address_space space{pagewright::dynamic{&f}, pagewright::root{{root_at}}, there, frames, nobody};
  pagewright::ledger owed;
  auto const map = [&](u64 at, u64 bytes, rights allow) {
    EXPECT_TRUE(space.map({{at}, {at + bytes - 1}}, {at}, {.allow = allow}, owed, {.largest_lg2 = 20})) << std::hex << at;
  };
  map(text_at, part_bytes, rights::kernel_rx);
  map(user_at, part_bytes, rights::readers | rights::executes);
  map(data_at, tables_at - data_at, rights::kernel_rw);
  space.settle(owed);
}

/// Turn `n` of four gives each of the copies' domains another value, and domain 0.
constexpr auto dacr_of(u64 n) -> u32 {
  u64 dacr = u64{1} << (2 * payload_domain) | n;
  for (u64 d = 0; d < 4; ++d) dacr |= ((d + n) & 3) << (2 * (1 + d)) | ((d + n + 1) & 3) << (2 * (5 + d));
  return static_cast<u32>(dacr);
}

/// N, PD0 and PD1 of TTBCR. The program stays in reach: at 1 Gbyte, in the lower half unless N is 2 and more. ARMv7 has the
/// last two only with the Security Extensions.
constexpr u32 ranges[]{0, 1, 2, 3, 1 | 1 << 5, 2 | 1 << 4};

/// The entries for an address.
struct entries {
  u32 l1, l2 = 0;

  entries(ram &memory, u64 address) : l1{memory.at<u32>(root_at + (address >> 20) * 4)[0]} {
    if (page() && (l1 & ~0x3ffu) != nowhere) l2 = memory.at<u32>((l1 & ~0x3ffu) + (address >> 12 & 0xff) * 4)[0];
  }
  auto page() const -> bool { return (l1 & 3) == 1; }
  auto flag(unsigned in_section, unsigned in_page) const -> bool {
    return ((page() ? l2 >> in_page : l1 >> in_section) & 1) != 0;
  }
};

auto explain(ram &memory, u64 address) -> std::string {
  entries const      e{memory, address};
  std::ostringstream s;
  s << std::hex << "  L1 0x" << e.l1;
  if (e.page()) s << ", L2 0x" << e.l2;
  return s.str();
}

/// What QEMU answers other than the manual has it (seen with 7.2). `by` is the setting, `lax` the same without AFE, WXN and
/// UWXN, `no_wxn` without the latter two.
struct emulator {
  setup by, lax, no_wxn;

  static auto without(registers r, u32 bits) -> registers { return r.sctlr &= ~u64{bits}, r; }
  explicit emulator(registers const &r)
      : by{r}, lax{without(r, sctlr_afe | sctlr_wxn | sctlr_uwxn)}, no_wxn{without(r, sctlr_wxn | sctlr_uwxn)} {}

  template <class Memory>
  auto expected(u64 address, access_request const &what, ram &words, Memory &memory) const -> expectation {
    auto const    manual = by.expected(address, what, memory);
    entries const e{words, address};
    if (manual.fsr % 16 == 5) return manual;  // nothing at level 1

    unsigned const domain = arm32::domain_of(e.l1);
    bool const  fetch = what.kind == access_kind::fetch, write = what.kind == access_kind::write;
    bool const  unused = (by.said().sctlr & sctlr_afe) != 0 && !e.flag(10, 4);
    bool const  xn     = e.flag(4, (e.l2 & 2) != 0 ? 0 : 15) || (!what.user && (e.page() ? e.l1 >> 2 & 1 : e.l1 & 1) != 0);
    bool const  absent = e.page() && (e.l2 & 3) == 0;
    auto        is     = manual;
    auto const  held   = arm32::access_to(domain, u32(by.said().dacr));
    // The manual's order: faults of the walk, at either level, the access flag, then the domain (AArch32.S1TranslateSD).
    if ((held == arm32::domain_access::none || held == arm32::domain_access::reserved) && (absent || unused))
      is = {what, std::nullopt, (e.page() ? 0xbu : 0x9u) | (fetch ? 0 : domain << 4) | (write ? 0x800u : 0),
            "checks the domain before the second level's entry and the access flag"};
    // G5.6, Domains: a manager's permissions are not checked, but its access flags are.
    else if (held == arm32::domain_access::manager && unused && !absent)
      is = lax.expected(address, what, memory), is.known = "has no access flag faults in a manager's domain";
    else if (fetch && unused && xn && !absent)
      is = lax.expected(address, what, memory), is.known = "checks XN before the access flag";
    // G5.6, Execute-never: what SCTLR.WXN and UWXN forbid does not depend on the descriptors' format.
    else if (fetch)
      is = no_wxn.expected(address, what, memory), is.known = "has WXN and UWXN for long descriptors only";
    if (is.physical == manual.physical && is.fsr == manual.fsr) is.known = nullptr;
    // G8.2, IFSR: bits 8:4 are RES0.
    if (fetch && !is.physical && domain != 0) {
      is.fsr |= domain << 4;
      if (is.known == nullptr) is.known = "has the domain in IFSR, too";
    }
    return is;
  }
};

/// `newer`: the processor has PAN and TTBCR's PD0 and PD1.
void expect_agreement(char const *cpu, bool newer, char const *mode) {
  if (!is_here()) GTEST_SKIP() << missing;
  experiment e{cpu};
  auto const places = make_tables(e.memory());
  map_program(e.memory());

  u64 const pans = newer ? 2 : 1, divisions = newer ? 6 : 4;
  auto const registers_of = [&](u64 n) {
    auto const digit = [&n](u64 radix) { return std::exchange(n, n / radix) % radix; };
    u64 const  afe = digit(2) * sctlr_afe, wxn = digit(2) * sctlr_wxn, uwxn = digit(2) * sctlr_uwxn;
    u64 const  ttbcr = ranges[digit(divisions)];
    return registers{.ttbr0 = root_at, .ttbr1 = root_at, .ttbcr = ttbcr, .ttbcr2 = 0, .dacr = dacr_of(digit(4)),
                     .mair0 = arm32::linux_prrr, .mair1 = arm32::linux_nmrr,
                     .sctlr = sctlr_base | afe | wxn | uwxn, .pan = digit(pans)};
  };
  try_all<emulator>(e, places, 8 * divisions * 4 * pans, how_many(50'000, 3'000), registers_of,
                    [&](registers const &, u64 at) { return explain(e.memory(), at); });
  e.tell(mode);
  e.expect_variety({0x5, 0x7, 0x3, 0x6, 0x9, 0xb, 0xd, 0xf, 0xe});
}

TEST(arm_machine, agrees_about_short_descriptors) { expect_agreement("cortex-a15", false, "arm short descriptors"); }
TEST(arm_machine, agrees_about_short_descriptors_and_PAN) { expect_agreement("max", true, "arm short descriptors, PAN"); }

}  // namespace
