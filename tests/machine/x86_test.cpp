// SPDX-License-Identifier: MIT
// access() for x86 against the MMUs of QEMU and Bochs: the same tables, the same control registers, the same accesses; the
// fault, its code and CR2, what is read, what is written and which entries are marked must be the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "x86_cases.hpp"
#include "x86_emulators.hpp"
#include "x86_replay.hpp"

namespace {

using namespace machine;
using namespace machine::x86;
using px::denial;

constexpr paging two_levels{"32-bit", px::mode::paging_32, 2, 10, 4}, three_levels{"PAE", px::mode::pae, 3, 9, 8},
    four_levels{"4-level", px::mode::paging_4level, 4, 9, 8}, five_levels{"5-level", px::mode::paging_5level, 5, 9, 8},
    no_gigabyte_pages{"4-level, no 1-Gbyte pages", px::mode::paging_4level, 4, 9, 8, false};

// Under Bochs WD of key 0 keeps the probe program from its own data (x86_oracles.hpp).
constexpr oracle qemu{"QEMU", "qemu-system-x86_64", "max", 40, cr4_smep | cr4_smap | cr4_pke | cr4_pks, ~u64{0}, true},
    bochs{"Bochs", "bochs", "tigerlake", 40, cr4_smep | cr4_smap | cr4_pke | cr4_cet, ~u64{2}, false},
    old_bochs{"Bochs", "bochs", "corei7_ivy_bridge_3770k", 40, cr4_smep, 0, false};

constexpr u64 probes_per_run = 110'000;

struct tally {
  u64    probes = 0, agree = 0, known = 0, wrong = 0;
  double seconds = 0;
  std::map<denial, u64> came;
};

auto text(u64 faulted, u64 cause, u64 address, u64 value) -> std::string {
  std::ostringstream s;
  if (faulted == 0) s << "allowed, value 0x" << std::hex << value;
  else s << "vector " << (cause >> 32) << std::hex << ", error code 0x" << (cause & 0xffff'ffff) << ", CR2 0x" << address;
  return s.str();
}

/// What the machine answered and what access() does, on a copy of the memory from before.
void compare(cases const &c, std::span<answer const> got, replay &as, tally &sum) {
  for (std::size_t n = 0; n < got.size(); ++n) {
    auto const &p  = c.probes[n];
    auto const &s  = c.settings[p.setting];
    auto const &is = got[n];
    auto const  before = sum.wrong < 5 ? as.text(s, p) : std::string{};
    auto const  x      = as(s, p);
    bool const  same   = x.faulted == (is.faulted != 0) &&
                       (x.faulted ? x.cause == is.cause && x.address == is.address : x.value == is.value);
    ++sum.probes, ++sum.came[x.why];
    ++(!same ? sum.wrong : x.known ? sum.known : sum.agree);
    if (!same && sum.wrong <= 5) {
      ADD_FAILURE() << before << "\n  expected: " << text(x.faulted, x.cause, x.address, x.value) << " (" << px::text(x.why)
                    << ")\n  came:     " << text(is.faulted, is.cause, is.address, is.value);
    }
  }
  EXPECT_EQ(sum.wrong, 0u);
}

/// All that was written or marked: the tables and the targets, word by word.
void compare(guest_memory is, guest_memory expected) {
  u64 different = 0;
  for (u64 at = 0; at < is.bytes; at += 8) {
    if (at < tried_at || (at >= control_at && at < low_bytes)) continue;
    u64 came = 0, should = 0;
    std::memcpy(&came, is.here + at, 8), std::memcpy(&should, expected.here + at, 8);
    if (came == should || ++different > 5) continue;
    u64 const physical = at < low_bytes ? at : at - low_bytes + high_at;
    ADD_FAILURE() << std::hex << "memory at 0x" << physical << ": expected 0x" << should << ", came 0x" << came;
  }
  EXPECT_EQ(different, 0u) << "words of tables or targets";
}

/// One run of the machine on new tables.
void try_once(paging const &p, oracle const &o, std::string const &emulator, programs const &run_there, u64 seed, u64 count,
              tally &sum) {
  ram                memory{0, low_bytes + (o.is_qemu ? target_bytes : 0)};
  guest_memory const guest{memory.at<u8>(0, memory.bytes()).data(), memory.bytes()};
  tried_tables const tables{guest, p, o.physical_bits, seed};
  cases              c{p, o, tables, guest, seed};
  c.choose(count);
  ask(memory, control_at, c.settings, c.probes);

  std::vector<u8> before(guest.here, guest.here + guest.bytes);
  auto const end = o.is_qemu ? start_qemu(memory, emulator, run_there, o.processor)
                             : start_bochs(memory, emulator, run_there, o.processor, tables.end());
  auto const got = answers(memory, control_at);
  ASSERT_EQ(got.size(), c.probes.size()) << o.name << " ended with " << end.status << ": " << end.printed;
  ASSERT_EQ(got[0].further, o.physical_bits) << "MAXPHYADDR is not what the reserved bits were chosen for";
  sum.seconds += end.seconds;

  guest_memory const copy{before.data(), guest.bytes};
  replay as{copy, p, o};
  compare(c, got, as, sum);
  compare(guest, copy);
}

/// The cases are what they should be: enough is allowed, and whatever can be refused is.
void expect_variety(paging const &p, oracle const &o, tally &sum) {
  std::vector<denial> all{denial::not_present, denial::reserved_bit, denial::supervisor_page, denial::read_only, denial::smep};
  if ((o.cr4 & cr4_smap) != 0) all.push_back(denial::smap);
  if (p.levels > 2) all.push_back(denial::no_execute);
  if (p.wide()) all.push_back(denial::not_canonical);
  if (p.wide() && (o.cr4 & cr4_pke) != 0) all.insert(all.end(), {denial::access_disabled_by_key, denial::write_disabled_by_key});
  if ((o.cr4 & cr4_cet) != 0) all.push_back(denial::no_shadow_stack);
  for (auto const why : all) EXPECT_GT(sum.came[why] * 1'000, sum.probes) << px::text(why);
  EXPECT_GT(sum.came[denial::none] * 6, sum.probes);
  std::string came;
  for (auto const &[why, n] : sum.came) came += std::to_string(n) + ": " + px::text(why) + "; ";
  testing::Test::RecordProperty("came", came);
}

void try_all(paging const &p, oracle const &o, u64 at_size_1) {
  auto const emulator = program(o.program);
  if (!emulator) GTEST_SKIP() << o.program << " is not installed (scripts/setup test)";
  programs const run_there{p.wide() ? PAYLOAD_X86_64 : PAYLOAD_X86_32, PAYLOAD_X86_BOOT};
  if (run_there.program.empty() || (!o.is_qemu && run_there.boot_sector.empty()))
    GTEST_SKIP() << "no probe program: g++-x86-64-linux-gnu or g++-i686-linux-gnu is not installed (scripts/setup test)";
  tally     sum;
  u64 const count = how_many(at_size_1, 3'000);
  for (u64 seed = 0, left = count; left != 0 && !testing::Test::HasFailure(); ++seed) {
    u64 const now = std::min(left, probes_per_run);
    try_once(p, o, *emulator, run_there, seed, now, sum);
    left -= now;
  }
  if (testing::Test::HasFailure()) return;
  tell(std::string{"x86 "} + p.name, o.name, sum.probes, sum.agree, sum.known, sum.seconds);
  expect_variety(p, o, sum);
}

TEST(x86_machine, qemu_answers_as_access_does_in_4_level_paging) { try_all(four_levels, qemu, 30'000); }
TEST(x86_machine, qemu_answers_as_access_does_in_5_level_paging) { try_all(five_levels, qemu, 30'000); }
TEST(x86_machine, qemu_answers_as_access_does_in_pae_paging) { try_all(three_levels, qemu, 30'000); }
TEST(x86_machine, qemu_answers_as_access_does_in_32_bit_paging) { try_all(two_levels, qemu, 30'000); }

TEST(x86_machine, bochs_answers_as_access_does_in_4_level_paging) { try_all(four_levels, bochs, 10'000); }
TEST(x86_machine, bochs_answers_as_access_does_without_1_gbyte_pages) { try_all(no_gigabyte_pages, old_bochs, 10'000); }
TEST(x86_machine, bochs_answers_as_access_does_in_pae_paging) { try_all(three_levels, bochs, 10'000); }
TEST(x86_machine, bochs_answers_as_access_does_in_32_bit_paging) { try_all(two_levels, bochs, 10'000); }

}  // namespace
