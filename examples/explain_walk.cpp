// SPDX-License-Identifier: MIT
// Every level of a walk, and which entry took a right away. The format is chosen at run time.
#include <array>
#include <cstdio>

#include <pagewright/formats/x86.hpp>
#include <pagewright/pagewright.hpp>

using namespace pagewright;

int main() {
  // Three tables written by hand, as they might be found in a dump: the page-directory entry is read-only.
  alignas(4096) static std::array<u8, 4 * 4096> bytes{};
  byte_memory dump{bytes, {0x1000}};
  word const  eight{8, byte_order::little};
  dump.store({0x1000}, eight, 0x2007);              // PML4E: table, writable, user
  dump.store({0x2000}, eight, 0x3007);              // PDPTE: the same
  dump.store({0x3000}, eight, 0x4005);              // PDE: not writable
  dump.store({0x4000 + 5 * 8}, eight, 0xabc067);    // PTE: writable, user, accessed, dirty

  format const  chosen = x86::x86_64_4level;
  dynamic const mmu{&chosen};
  rights        left = rights::all;

  auto const t = walk(mmu, root{{0x1000}}, {0x5123}, dump, [&](step const &s) {
    auto const taken = left - s.allowed;
    left &= s.allowed;
    std::printf("%-5s table 0x%06llx slot %3llu entry 0x%016llx %-6s takes away %s/%s\n", chosen.levels[s.level].name,
                static_cast<unsigned long long>(s.table.value), static_cast<unsigned long long>(s.index),
                static_cast<unsigned long long>(s.entry), text(s.kind), text(taken).kernel, text(taken).user);
  });
  if (!t) return std::printf("fault: %s\n", text(t.error().why)), 1;
  std::printf("-> 0x%llx kernel %s user %s, the leaf alone would allow user %s\n",
              static_cast<unsigned long long>(t->address.value), text(t->effective).kernel, text(t->effective).user,
              text(t->own).user);
  return t->address == physical_address{0xabc123} && t->effective == (rights::user_rx | rights::kernel_execute) ? 0 : 1;
}
