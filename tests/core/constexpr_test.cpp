// SPDX-License-Identifier: MIT
// Tables built, changed and walked while compiling: no operation needs more than the language.
#include <gtest/gtest.h>

#include <array>

#include <pagewright/formats/arm64.hpp>
#include <pagewright/formats/riscv.hpp>
#include <pagewright/formats/x86.hpp>
#include <pagewright/pagewright.hpp>

namespace {

using namespace pagewright;
using namespace pagewright::literals;

constexpr u64 base = 0x10'0000;

/// What a space of format F says after some of everything: a kernel at the top, devices, a hole, a read-only part.
template <format const &F, unsigned Lg2, unsigned Frames>
constexpr auto trial(u64 kernel, u64 page, u64 block) -> bool {
  std::array<u8, (std::size_t{Frames} << Lg2)> bytes{};
  byte_memory memory{bytes, {base}};
  frame_pool<Frames, Lg2> frames{{base}};
  not_in_use cache;
  fixed<F> const h{};
  root const top{*frames.allocate(Lg2)};
  address_space space{h, top, memory, frames, cache};
  ledger owed;
  auto const rw = *least_rights(h, rights::kernel_rw), ro = *least_rights(h, rights::kernel_ro);

  bool ok = true;
  ok &= space.map({{kernel}, {kernel + block + 4 * page - 1}}, {8 * block}, {.allow = rw}, owed).has_value();
  ok &= space.map({{0}, {2 * page - 1}}, {page}, {.allow = ro}, owed).has_value();
  ok &= !space.map({{page}, {4 * page - 1}}, {0}, {.allow = ro}, owed);                                  // occupied
  ok &= space.protect({{kernel + page}, {kernel + 2 * page - 1}}, ro, owed).has_value();                 // splits the block
  ok &= space.unmap({{kernel + block}, {kernel + block + 4 * page - 1}}, owed).has_value();

  auto const there = [&](u64 at, u64 out, rights allow) {
    auto const t = walk(h, top, {at}, memory);
    return t && t->address == output_address{out} && t->effective == allow;
  };
  auto const absent = [&](u64 at) {
    auto const t = walk(h, top, {at}, memory);
    return !t && t.error().why == fault_reason::absent;
  };
  ok &= there(kernel, 8 * block, rw) && there(kernel + page, 8 * block + page, ro) && there(kernel + block - 1, 9 * block - 1, rw);
  ok &= absent(kernel + block) && there(page + 1, 2 * page + 1, ro) && absent(2 * page);
  space.settle(owed);
  ok &= space.unmap({{kernel}, {kernel + block - 1}}, owed).has_value();
  ok &= space.unmap({{0}, {2 * page - 1}}, owed).has_value();
  space.settle(owed);
  return ok && frames.in_use() == 1 && !memory.strayed();
}

static_assert(trial<x86::x86_64_4level, 12, 8>(0xffff'ffff'8000'0000, 4096, 2 << 20));
static_assert(trial<x86::x86_32, 12, 4>(0xc000'0000, 4096, 4 << 20));
static_assert(trial<x86::pae, 12, 6>(0xc000'0000, 4096, 2 << 20));
static_assert(trial<arm64::stage1_4k_39_lower, 12, 6>(0x40'0000'0000, 4096, 2 << 20));
static_assert(trial<riscv::sv39, 12, 6>(0xffff'ffc0'0000'0000, 4096, 2 << 20));

/// Identity tables of 4 GiB with large leaves, as a boot loader wants them, and every gigabyte looked at.
consteval auto boot_tables() -> bool {
  std::array<u8, 3 * 4096> bytes{};
  byte_memory memory{bytes, {base}};
  bump_frames frames{{base}, sizeof bytes};
  not_in_use cache;
  fixed<x86::x86_64_4level> const h{};
  root const top{*frames.allocate(12)};
  address_space space{h, top, memory, frames, cache};
  ledger owed;
  bool ok = space.map({{0}, {0xffff'ffff}}, {0}, {.allow = rights::kernel_rwx}, owed).has_value();
  for (u64 at = 0; at < u64{1} << 32; at += u64{1} << 28) {
    auto const t = walk(h, top, {at + 0x123}, memory);
    ok &= t && t->address.value == at + 0x123 && t->lg2 == 30;
  }
  return ok && frames.next().value == base + 2 * 4096;
}
static_assert(boot_tables());

}  // namespace

TEST(constexpr_tables, do_at_run_time_what_they_do_at_compile_time) {
  EXPECT_TRUE((trial<x86::x86_64_4level, 12, 8>(0xffff'ffff'8000'0000, 4096, 2 << 20)));
  EXPECT_TRUE((trial<arm64::stage1_4k_39_lower, 12, 6>(0x40'0000'0000, 4096, 2 << 20)));
  EXPECT_TRUE((trial<riscv::sv39, 12, 6>(0xffff'ffc0'0000'0000, 4096, 2 << 20)));
}
