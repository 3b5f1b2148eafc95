// SPDX-License-Identifier: MIT
// A first use of the library by another project: map a few pages in a buffer, and look one of them up.
#include <cstdint>
#include <cstdio>
#include <vector>

#include <pagewright/formats/x86.hpp>
#include <pagewright/pagewright.hpp>

namespace pw = pagewright;

auto main() -> int {
  struct alignas(4096) frame { unsigned char bytes[4096]; };
  std::vector<frame> physical(8);

  pw::direct_map    memory{physical.data()};
  pw::bump_frames   frames{pw::output_address{4096}, 7 * 4096};
  pw::not_in_use    cache;
  pw::ledger        owed;
  pw::address_space space{pw::fixed<pw::x86::x86_64_4level>{}, pw::root{}, memory, frames, cache};

  auto const where = pw::range::of({0x40'0000}, 3 * 4096);
  if (!where) return 1;
  if (auto const mapped = space.map(*where, {0x7000}, {.allow = pw::rights::user_rw}, owed); !mapped) {
    std::printf("map: %s\n", pw::text(mapped.error().why));
    return 1;
  }
  space.settle(owed);

  auto const found = space.query({0x40'1234});
  if (!found) {
    std::printf("walk: %s\n", pw::text(found.error().why));
    return 1;
  }
  std::printf("0x401234 -> 0x%llx\n", static_cast<unsigned long long>(found->address.value));
  return found->address == pw::output_address{0x8234} ? 0 : 1;
}
