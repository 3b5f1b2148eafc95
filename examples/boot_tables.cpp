// SPDX-License-Identifier: MIT
// Tables built at compile time, as bytes for a machine that will find them at a given physical address. A boot loader
// links such an array and loads its address into the root register: no code runs to build it.
#include <array>

#include <pagewright/formats/riscv.hpp>
#include <pagewright/pagewright.hpp>

using namespace pagewright;

constexpr physical_address image_base{0x8020'0000};  // where the array will lie
constexpr u64 kernel = 0xffff'ffff'8000'0000;        // where the kernel wants to run

// Identity for the code that switches translation on, and the kernel half. Fails to compile if anything is refused.
consteval auto boot_tables() {
  std::array<u8, 8 * 4096> bytes{};
  byte_memory memory{bytes, image_base};
  bump_frames frames{image_base + 4096, 7 * 4096};
  not_in_use  cache;
  address_space space{fixed<riscv::sv39>{}, root{image_base}, memory, frames, cache};
  ledger owed;
  bool const done = space.map(*range::of({0x8000'0000}, 0x4000'0000), {0x8000'0000}, {.allow = rights::kernel_rwx}, owed) &&
                    space.map(*range::of({kernel}, 0x20'0000), {0x8020'0000}, {.allow = rights::kernel_rx}, owed) &&
                    space.map(*range::of({kernel + 0x20'0000}, 0x3000), {0x8040'0000}, {.allow = rights::kernel_rw}, owed);
  space.settle(owed);
  return std::pair{bytes, done && !memory.strayed()};
}

constexpr auto built = boot_tables();
static_assert(built.second);

// What the MMU will see, checked before the machine exists.
consteval auto seen(u64 at) {
  auto bytes = built.first;
  return walk(fixed<riscv::sv39>{}, root{image_base}, {at}, byte_memory{bytes, image_base});
}
static_assert(seen(0x8000'1000)->address == physical_address{0x8000'1000});
static_assert(seen(kernel + 0x1234)->address == physical_address{0x8020'1234});
static_assert(seen(kernel + 0x1234)->effective == rights::kernel_rx);
static_assert(seen(kernel + 0x20'2fff)->effective == rights::kernel_rw);
static_assert(seen(kernel + 0x20'3000).error().why == fault_reason::absent);

alignas(4096) extern constinit std::array<u8, 8 * 4096> const boot_page_tables;
alignas(4096) constinit std::array<u8, 8 * 4096> const boot_page_tables = built.first;

int main() { return boot_page_tables[0] == built.first[0] ? 0 : 1; }
