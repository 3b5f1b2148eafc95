// SPDX-License-Identifier: MIT
#include "arm_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <numeric>
#include <sstream>

namespace machine::arm {

namespace arm32 = pagewright::arm32;
using pagewright::access_kind;
using pagewright::access_request;

auto is_here() -> bool { return program("qemu-system-arm").has_value() && !std::string{PAYLOAD_ARM}.empty(); }

auto stride_for(u64 all, u64 wanted) -> u64 {
  u64 stride = std::max<u64>(all / wanted, 1);
  while (std::gcd(stride, all) != 1) ++stride;
  return stride;
}

experiment::experiment(std::string cpu) : cpu_{std::move(cpu)}, copy_(target_bytes / 4) {
  auto const target = memory_.at<u32>(target_at, target_bytes / 4);
  for (u64 at = 0; at < target_bytes; at += 4) target[at / 4] = word_at(target_at + at);
  for (u64 page = 0; page < target_bytes; page += 4096) {
    u32 const says = word_at(target_at + page), low = says & 0xffff, high = says >> 16;
    auto *const f = &target[(page + function_in_page) / 4];
    f[0] = 0xe300'0000 | low >> 12 << 16 | (low & 0xfff);    // movw r0, #low
    f[1] = 0xe340'0000 | high >> 12 << 16 | (high & 0xfff);  // movt r0, #high
    f[2] = 0xe12f'ff1e;                                      // bx lr
  }
  std::ranges::copy(target, copy_.begin());
}

auto experiment::request_of(unsigned n) -> access_request {
  auto const kind = n < 6 ? static_cast<access_kind>(n % 3) : static_cast<access_kind>(n % 2);
  return {.kind = kind, .user = n >= 3 && n < 6, .unprivileged = n >= 6};
}

auto experiment::address_in(u64 base, unsigned lg2, access_kind kind, u64 seed) -> u64 {
  u64 const mixed = (seed + 1) * 0x9e37'79b9'7f4a'7c15 >> 20, page = base | (mixed & pagewright::below(lg2) & ~u64{4095});
  return page | (kind == access_kind::fetch ? function_in_page : data_in_page + (mixed >> 32) * 4 % (4096 - data_in_page));
}

void experiment::add(registers const &r) {
  settings_.push_back(std::bit_cast<setting>(r));
}

void experiment::add(u64 address, expectation const &e) {
  auto const mode = e.request.user ? user_mode::user : e.request.unprivileged ? user_mode::unprivileged : user_mode::kernel;
  u64 const value = tally_.probes + probes_.size() + 0x1'0000;
  probes_.push_back({address, value & 0xffff'ffff, static_cast<u32>(settings_.size() - 1),
                     static_cast<probe_kind>(e.request.kind), static_cast<u8>(mode), 0});
  expected_.push_back(e);
}

/// What differs, and the copy's changes by what should have happened.
auto experiment::difference(probe const &p, expectation const &e, answer const &a) -> std::string {
  std::ostringstream s;
  s << std::hex;
  if (e.physical) {
    u64 const at   = *e.physical - target_at;
    auto     &word = copy_.at(at / 4);
    u32 const value = p.kind == probe_kind::fetch ? word_at(*e.physical & ~u64{4095}) : word;
    if (a.faulted != 0) s << "\n  expected 0x" << *e.physical << ", came FSR 0x" << a.cause << " FAR 0x" << a.address;
    else if (p.kind == probe_kind::write) word = static_cast<u32>(p.value);
    else if (a.value != value) s << "\n  expected the word 0x" << value << " of 0x" << *e.physical << ", came 0x" << a.value;
  } else if (a.faulted == 0) {
    s << "\n  expected FSR 0x" << e.fsr << ", came the word 0x" << a.value;
  } else {
    u64 const abort = p.kind == probe_kind::fetch ? 2 : 1;
    if (a.cause != e.fsr) s << "\n  FSR: expected 0x" << e.fsr << ", came 0x" << a.cause;
    if (a.address != p.address) s << "\n  FAR: expected 0x" << p.address << ", came 0x" << a.address;
    if (a.further != abort) s << "\n  expected abort " << abort << ", came " << a.further << " (1 Data Abort, 2 Prefetch Abort)";
  }
  return s.str();
}

void experiment::run(std::function<std::string(registers const &, u64)> const &explain, bool all) {
  if (probes_.empty() || (!all && probes_.size() < most_probes)) return;
  auto const now_tables = memory_.at<u64>(tables_at, tables_bytes / 8);
  std::vector<u64> const tables(now_tables.begin(), now_tables.end());

  ask(memory_, control_at, settings_, probes_);
  auto const backend = "memory-backend-file,id=ram,size=64M,share=on,mem-path=" + memory_.path().string();
  auto const ended   = machine::run({*program("qemu-system-arm"), "-M", "virt,highmem=off,memory-backend=ram", "-cpu", cpu_,
                                     "-m", "64M", "-object", backend, "-nodefaults", "-display", "none",
                                     "-semihosting-config", "enable=on,target=native",
                                     "-device", "loader,cpu-num=0,file=" PAYLOAD_ARM},
                                    std::chrono::seconds{240});
  auto const answered = answers(memory_, control_at);
  EXPECT_EQ(ended.status, 0) << ended.printed;
  ASSERT_EQ(answered.size(), probes_.size()) << "the machine did not get through the probes";

  for (std::size_t i = 0; i < probes_.size(); ++i) {
    auto const &p = probes_[i];
    auto const &e = expected_[i];
    tally_.allowed += e.physical.has_value();
    if (!e.physical) ++tally_.faults[e.fsr & ~((e.fsr & 0x200) != 0 ? 0x800u : 0x8f0u)];
    auto const d = difference(p, e, answered[i]);
    if (d.empty()) e.known != nullptr ? ++tally_.known[e.known] : ++tally_.agree;
    else if (++wrong_ <= 10) {
      auto const r = std::bit_cast<registers>(settings_[p.setting]);
      auto const *const who = e.request.user ? " PL0 " : e.request.unprivileged ? " unprivileged " : " PL1 ";
      ADD_FAILURE() << cpu_ << std::hex << ", at 0x" << p.address << who << text(e.request.kind) << ", TTBCR 0x" << r.ttbcr
                    << " TTBCR2 0x" << r.ttbcr2 << " SCTLR 0x" << r.sctlr << " DACR 0x" << r.dacr << " PAN " << r.pan << '\n'
                    << explain(r, p.address) << (e.known != nullptr ? std::string{"\n  known: it "} + e.known : "") << d;
    }
  }
  EXPECT_EQ(wrong_, 0u);
  EXPECT_TRUE(std::ranges::equal(tables, now_tables)) << "AArch32 marks nothing, but tables changed";
  auto const target = memory_.at<u32>(target_at, target_bytes / 4);
  EXPECT_TRUE(std::ranges::equal(copy_, target)) << "what the probes wrote is not where it should be";
  tally_.probes += probes_.size();
  tally_.seconds += ended.seconds;
  settings_.clear(), probes_.clear(), expected_.clear();
}

void experiment::tell(std::string const &mode) const {
  u64 known = 0;
  for (auto const &[why, n] : tally_.known) {
    known += n;
    std::printf("known: in %llu it %s\n", static_cast<unsigned long long>(n), why.c_str());
  }
  machine::tell(mode, "qemu-system-arm -cpu " + cpu_, tally_.probes, tally_.agree, known, tally_.seconds);
}

void experiment::expect_variety(std::vector<u32> const &codes) const {
  EXPECT_GT(tally_.allowed * 20, tally_.probes) << "hardly anything is allowed";
  for (u32 const code : codes) {
    u64 const came = tally_.faults.contains(code) ? tally_.faults.at(code) : 0;
    EXPECT_GT(came * 2'000, tally_.probes) << "hardly any FSR 0x" << std::hex << code;
  }
}

setup::setup(registers const &r) : said_{r}, sides_{side_of(r, arm32::half::lower), side_of(r, arm32::half::upper)} {}

/// Of a half that is not used, what the lower one's are: nobody asks.
auto setup::side_of(registers const &r, arm32::half space) -> side {
  auto const ttbcr = u32(r.ttbcr), sctlr = u32(r.sctlr);
  bool const is_long = ttbcr >> 31 != 0;
  u32 const  walked = ttbcr & ~(is_long ? 1u << 7 | 1u << 23 : 3u << 4);
  if ((walked & (is_long ? 7u << 16 | 7u : 7u)) == 0) space = arm32::half::lower;
  u64 const  ttbr = space == arm32::half::lower ? r.ttbr0 : r.ttbr1;
  auto const mmu  = arm32::mmu_of(ttbcr, u32(r.dacr), space, r.pan != 0);
  if (!is_long) {
    auto const o = arm32::short_regime_of(walked, space, sctlr, u32(r.mair0), u32(r.mair1)).value();
    return {arm32::short_descriptors(o), arm32::root_table(o, u32(ttbr)), mmu};
  }
  auto const o = arm32::lpae_regime_of(walked, space, sctlr, u32(r.mair0), u32(r.mair1), u32(r.ttbcr2)).value();
  auto const f = arm32::lpae_stage1(o);
  return {f, arm32::root_table(f, ttbr).value(), mmu};
}

}  // namespace machine::arm
