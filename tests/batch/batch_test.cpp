// SPDX-License-Identifier: MIT
// A batch says of every address what a walk of that address alone says.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include <pagewright/formats/amdgpu.hpp>
#include <pagewright/formats/amdvi.hpp>
#include <pagewright/formats/arm32.hpp>
#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/arm64_stage2.hpp>
#include <pagewright/formats/m68k.hpp>
#include <pagewright/formats/nvidia.hpp>
#include <pagewright/formats/power_radix.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/s390x.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/formats/x86_nested.hpp>

#include "mostly_good.hpp"

namespace {

using namespace batches;

constexpr std::array<char const *, 3> names{"unknown", "clustered", "scattered"};

struct tally {
  u64                translated = 0;
  std::array<u64, 7> by_reason{};

  void add(std::expected<translation, fault> const &t) {
    if (t) ++translated;
    else ++by_reason[static_cast<unsigned>(t.error().why)];
  }
};

auto shown(destination d) -> std::string {
  char words[40];
  if (!d) return text(d.error());
  std::snprintf(words, sizeof words, "0x%llx", static_cast<unsigned long long>((*d).value));
  return words;
}

/// Batches of these lengths, of addresses that lie in every way, in tables with ever more odd entries.
template <class H>
void agrees_with_walk(H h, std::vector<std::size_t> const &lengths, tally &seen) {
  for (u64 const odd : {0u, 2000u, 100u, 8u})
    for (lie const how : lies)
      for (std::size_t const n : lengths) {
        mostly_good memory{*h, odd, n * 31 + odd};
        auto const  at = addresses(*h, how, n, n + 1);
        std::vector<destination> expected;
        for (auto const one : at) {
          auto const t = walk(h, memory.top(), one, memory);
          seen.add(t);
          expected.push_back(t ? destination{t->address} : destination{t.error().why});
        }
        for (auto const s : {spread::unknown, spread::clustered, spread::scattered}) {
          destination const        untouched{output_address{0x5a5a}};
          std::vector<destination> came(n + 3, untouched);
          pagewright::translate(h, memory.top(), view<input_address const>{at.data(), n}, view<destination>{came.data(), n},
                                memory, s);
          for (std::size_t i = 0; i < n; ++i)
            ASSERT_EQ(came[i], expected[i]) << h->name << (H::is_fixed ? " fixed" : "") << ", " << n << " addresses, " << text(how)
                                            << ", said to be " << names[static_cast<unsigned>(s)] << ", one entry odd in " << odd
                                            << ": number " << i << ", 0x" << std::hex << at[i].value << "\n  expected "
                                            << shown(expected[i]) << "\n  came     " << shown(came[i]);
          for (std::size_t i = n; i < n + 3; ++i) ASSERT_EQ(came[i], untouched) << h->name << ": wrote beyond " << n << " results";
        }
      }
}

auto all_up_to_40_and_large() -> std::vector<std::size_t> {
  std::vector<std::size_t> all;
  for (std::size_t n = 0; n <= 40; ++n) all.push_back(n);
  all.insert(all.end(), {255, 256, 257, 1000});
  return all;
}

constexpr u64 often = 20;

TEST(batch, says_what_single_walks_say_of_x86_64) {
  tally t;
  agrees_with_walk(fixed<x86::x86_64_4level>{}, all_up_to_40_and_large(), t);
  EXPECT_GT(t.translated, often);
  for (auto const why : {fault_reason::outside_input, fault_reason::absent, fault_reason::reserved, fault_reason::unreadable})
    EXPECT_GT(t.by_reason[static_cast<unsigned>(why)], often) << "too few walks end with: " << text(why);
}

TEST(batch, says_what_single_walks_say_of_the_lower_half_of_arm64) {
  tally t;
  static constexpr format lower = arm64::stage1_4k_48_lower;
  agrees_with_walk(fixed<lower>{}, all_up_to_40_and_large(), t);
  EXPECT_GT(t.translated, often);
}

TEST(batch, says_what_single_walks_say_of_the_upper_half_of_arm64) {
  tally t;
  agrees_with_walk(fixed<arm64::stage1_4k_48_upper>{}, all_up_to_40_and_large(), t);
  EXPECT_GT(t.translated, often);
}

TEST(batch, says_what_single_walks_say_of_sv39) {
  tally t;
  agrees_with_walk(fixed<riscv::sv39>{}, all_up_to_40_and_large(), t);
  EXPECT_GT(t.translated, often);
}

/// 40-bit output addresses.
constexpr auto narrow_x86() -> format { return x86::paging_4level({.physical_bits = 40}); }

TEST(batch, says_what_single_walks_say_of_any_format_known_at_run_time) {
  static constexpr format narrow = narrow_x86();
  static constexpr format marks  = [] {
    auto f = arm64::stage1_4k_48_lower;
    f.unaccessed_faults = true;
    return f;
  }();
  static constexpr format tagged = [] {
    auto f = arm64::stage1_4k_39_upper;
    f.tag_bits = 8;
    return f;
  }();
  tally t;
  for (format const *f : {&narrow, &marks, &tagged, &x86::x86_32, &x86::pae, &x86::x86_64_4level, &x86::x86_64_5level,
                          &ept::ept_4level, &arm64::stage1_4k_52_lpa2_lower, &arm64::stage1_16k_47_upper,
                          &arm64::stage1_64k_52_lpa_lower, &arm64::stage2_4k_40, &arm32::short_32, &arm32::lpae_30_high,
                          &riscv::sv32, &riscv::sv39, &riscv::sv57, &s390x::dat_42, &s390x::dat_64,
                          &amdvi::v1_4level, &amdvi::v1_6level, &amdvi::v2_4level,
                          &nvidia::v2_small, &amdgpu::gfx9, &power_radix::pages_4k, &m68k::m68040_4k, &m68k::m68030_short}) {
    walk_plan const plan{*f};
    agrees_with_walk(planned{plan}, {0, 1, 15, 16, 17, 33, 400}, t);
    agrees_with_walk(dynamic{f}, {0, 1, 40}, t);
  }
  EXPECT_GT(t.translated, often);
  for (unsigned why = 0; why < t.by_reason.size(); ++why)
    EXPECT_GT(t.by_reason[why], often) << "too few walks end with: " << text(static_cast<fault_reason>(why));
}

TEST(batch, does_as_many_as_there_are_addresses_and_results) {
  mostly_good const memory{x86::x86_64_4level, 0, 1};
  auto const at = addresses(x86::x86_64_4level, lie::anywhere, 40, 3);
  fixed<x86::x86_64_4level> const h;
  for (std::size_t const n : {0u, 5u, 16u, 39u}) {
    std::vector<destination> came(40);
    pagewright::translate(h, memory.top(), view<input_address const>{at.data(), 40}, view<destination>{came.data(), n}, memory);
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(came[i].has_value(), i < n) << n << " results, number " << i;
    std::vector<destination> less(40);
    pagewright::translate(h, memory.top(), view<input_address const>{at.data(), n}, view<destination>{less.data(), 40}, memory);
    EXPECT_EQ(came, less) << n;
  }
}

TEST(batch, reads_through_pointers_as_well) {
  alignas(4096) static unsigned char bytes[4 * 4096]{};
  auto const put = [](u64 at, u64 v) { std::memcpy(bytes + at, &v, 8); };
  put(0x0000, 0x1007), put(0x1000, 0x2007), put(0x2000, 0x3007);
  for (u64 i = 0; i < 512; ++i) put(0x3000 + 8 * i, (i << 24) | 0x8000'0000'0000'0063);
  std::vector<input_address> at;
  for (u64 i = 0; i < 512; ++i) at.push_back({(i * 77 % 512) << 12 | i});
  for (auto const s : {spread::unknown, spread::clustered, spread::scattered}) {
    std::vector<destination> came(512);
    pagewright::translate(fixed<x86::x86_64_4level>{}, {{0}}, view<input_address const>{at.data(), 512},
                          view<destination>{came.data(), 512}, direct_map{bytes}, s);
    for (u64 i = 0; i < 512; ++i)
      EXPECT_EQ(came[i], destination{output_address{(i * 77 % 512) << 24 | i}})
          << names[static_cast<unsigned>(s)] << ", number " << i << ", came " << shown(came[i]);
  }
}

/// Every table leads to itself.
struct loop {
  constexpr auto load(output_address, word) const noexcept -> std::optional<u64> { return 0x63; }
};

TEST(batch, runs_at_compile_time) {
  static constexpr auto came = [] {
    std::array<input_address, 20> at{};
    std::array<destination, 20>   to{};
    for (u64 i = 0; i < 20; ++i) at[i] = {i << (i % 2 == 0 ? 40 : 12) | i};
    at[18] = {u64{1} << 60};
    pagewright::translate(fixed<x86::x86_64_4level>{}, {{0}}, view<input_address const>{at.data(), 20},
                          view<destination>{to.data(), 20}, loop{});
    return to;
  }();
  static_assert(*came[17] == output_address{17} && came[18].error() == fault_reason::outside_input && came[19]);
}

TEST(a_destination, tells_an_address_from_a_reason_in_one_word) {
  static_assert(sizeof(destination) == 8);
  for (unsigned n = 0; n <= static_cast<unsigned>(fault_reason::unreadable); ++n) {
    auto const why = static_cast<fault_reason>(n);
    EXPECT_FALSE(destination{why}.has_value()) << text(why);
    EXPECT_EQ(destination{why}.error(), why);
  }
  for (u64 const a : {u64{0}, u64{1} << 52, ~u64{8}}) {
    ASSERT_TRUE(destination{output_address{a}}.has_value()) << a;
    EXPECT_EQ(*destination{output_address{a}}, output_address{a});
  }
  for (u64 const a : {~u64{7}, ~u64{0}}) EXPECT_EQ(destination{output_address{a}}, destination{fault_reason::too_wide}) << a;
}

}  // namespace
