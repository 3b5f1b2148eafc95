// SPDX-License-Identifier: MIT
// Map, ask, unmap: the smallest whole program.
#include <cstdio>

#include <pagewright/formats/x86.hpp>
#include <pagewright/pagewright.hpp>

using namespace pagewright;

alignas(4096) static unsigned char arena[16 * 4096];  // stands for physical memory; a kernel has a direct map instead

int main() {
  direct_map     memory{arena};                        // physical address 0 is arena[0]: there lies the root table
  frame_pool<15> frames{physical_address{4096}};       // other tables come from here
  not_in_use     tlb;                                  // no CPU has loaded these tables yet
  address_space  space{fixed<x86::x86_64_4level>{}, root{}, memory, frames, tlb};
  ledger         owed;                                 // what must be invalidated before memory may be used again

  auto const where = *range::of(virtual_address{0x4000'0000}, 0x40'3000);  // two 2 MiB pages and three of 4 KiB
  if (auto const ok = space.map(where, physical_address{0x8000'0000}, {.allow = rights::kernel_rw}, owed); !ok)
    return std::printf("map: %s\n", text(ok.error().why)), 1;

  auto const t = space.query(virtual_address{0x4020'1234});
  if (!t) return std::printf("query: %s\n", text(t.error().why)), 1;
  std::printf("0x40201234 -> 0x%llx, %s, page of %llu KiB\n", static_cast<unsigned long long>(t->address.value),
              text(t->effective).kernel, static_cast<unsigned long long>(t->bytes() / 1024));

  if (!space.unmap(where, owed)) return 1;
  space.settle(owed);                                  // invalidate, wait, and only then give the tables back
  return frames.in_use() == 0 ? 0 : 1;
}
