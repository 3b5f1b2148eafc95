// SPDX-License-Identifier: MIT
// QEMU's riscv64 `virt` machine, one hart, supervisor mode, Sv39.
#include "../common/tour.hpp"

#include <pagewright/cpu/riscv.hpp>
#include <pagewright/formats/riscv.hpp>

namespace kernel {

u64 const        ram    = 0x8000'0000;
u64 const        window = 0xffff'ffc0'0000'0000;  // where the upper half begins
attributes const plain{.allow = rights::kernel_rw, .type = memory_type::pma};

// Sv39 as every hart has it: no Svnapot, no Svpbmt, and a page that is not marked accessed may fault.
constexpr format sv39 = pagewright::riscv::sv(3, {.napot = false, .memory_types = false, .hardware_accessed = false});

constexpr u64 uart = 0x1000'0000, power = 0x10'0000;  // ns16550; the "sifive_test" device ends the emulator

void put(char c) { *reinterpret_cast<u8 volatile *>(uart) = static_cast<u8>(c); }
void stop(unsigned code) {
  for (;;) *reinterpret_cast<u32 volatile *>(power) = code == 0 ? 0x5555 : code << 16 | 0x3333;
}

// --- traps ---------------------------------------------------------------------------------------------------------

void say_cause(trap t) {
  constexpr char const *names[]{
      "instruction address misaligned", "instruction access fault", "illegal instruction", "breakpoint",
      "load address misaligned", "load access fault", "store address misaligned", "store access fault",
      "ecall from U", "ecall from S", "?", "?", "instruction page fault", "load page fault", "?", "store page fault"};
  say("scause ");
  say(t.cause);
  say(" (");
  say(t.cause < 16 ? names[t.cause] : "?");
  say(")");
}

extern "C" [[gnu::interrupt("supervisor"), gnu::aligned(4)]] void on_trap() {
  u64 cause, address, at;
  asm volatile("csrr %0, scause\n csrr %1, stval\n csrr %2, sepc" : "=r"(cause), "=r"(address), "=r"(at));
  at = resume_after({cause, address}, at);
  asm volatile("csrw sepc, %0" ::"r"(at));
}

auto read(u64 at) -> std::expected<u64, trap> {
  u64 value;
  asm volatile("la t0, 1f\n sd t0, %1\n ld %0, (%2)\n 1:"
               : "=&r"(value), "=m"(trying.resume) : "r"(at) : "t0", "memory");
  if (auto const ok = outcome(); !ok) return std::unexpected{ok.error()};
  return value;
}
auto write(u64 at, u64 value) -> std::expected<void, trap> {
  asm volatile("la t0, 1f\n sd t0, %0\n sd %2, (%1)\n 1:" : "=m"(trying.resume) : "r"(at), "r"(value) : "t0", "memory");
  return outcome();
}
auto call(u64 at) -> std::expected<void, trap> {
  asm volatile("la t0, 1f\n sd t0, %0\n jalr ra, (%1)\n 1:" : "=m"(trying.resume) : "r"(at) : "t0", "ra", "memory");
  return outcome();
}
void put_return(u64 at) {
  *reinterpret_cast<u32 volatile *>(at) = 0x0000'8067;  // jalr x0, 0(x1)
  asm volatile("fence.i" ::: "memory");
}

}  // namespace kernel

extern "C" void kernel_main() {
  using namespace kernel;
  using namespace cpu::riscv;
  print("pagewright on riscv64");

  // Tables that no hart uses yet: nothing to invalidate, plain stores.
  direct_map   memory{nullptr};
  table_frames frames{{ram + tables_at}};
  root const   top{*frames.allocate(12), 5};  // and ASID 5
  memory.clear(top.table, 4096);
  {
    not_in_use    nobody;
    address_space space{fixed<sv39>{}, top, memory, frames, nobody};
    map_kernel(space, plain);
    ledger owed;
    done(space.map(pages(uart, 4096), {uart}, plain, owed), "mapping the console");
    done(space.map(pages(power, 4096), {power}, plain, owed), "mapping the power switch");
    space.settle(owed);
  }

  auto const satp = satp64(mode::sv39, top.table, top.asid, asid_bits());
  expect(satp.has_value(), "satp can be encoded");
  activate(*satp);
  expect(read_satp() == *satp, "satp holds what was written");
  print("translation is on: satp ", hex{read_satp()});

  // From here on changes are paid for by SFENCE.VMA.
  local_tlb     tlb;
  address_space space{fixed<sv39>{}, top, memory, frames, tlb};
  tour(space, frames);

  print("-- instructions");
  shows("SFENCE.VMA address", space, memory, [](virtual_address at) { sfence_vma(at); }, true);
  shows("SFENCE.VMA address, ASID", space, memory, [&](virtual_address at) { sfence_vma(at, top.asid); });
  shows("SFENCE.VMA ASID", space, memory, [&](virtual_address) { sfence_vma(top.asid); });
  shows("SFENCE.VMA", space, memory, [](virtual_address) { sfence_vma(); }, true);

  print("all as expected");
  stop(0);
}
