// SPDX-License-Identifier: MIT
// QEMU's aarch64 `virt` machine, one processor, EL1, 4K granule, both halves of 39 bits.
#include "../common/tour.hpp"

#include <pagewright/cpu/arm64.hpp>

namespace kernel {

u64 const        ram    = 0x4000'0000;
u64 const        window = 0xffff'ff80'0000'0000;  // where the upper half begins
attributes const plain{.allow = rights::kernel_rw};

// The kernel lives in the lower half, its windows in the upper one: two trees.
constexpr auto   low_half  = arm64::stage1_options{.input_bits = 39, .space = arm64::half::lower, .output_bits = 40,
                                                   .hardware_accessed = false};
constexpr auto   high_half = arm64::stage1_options{.input_bits = 39, .space = arm64::half::upper, .output_bits = 40,
                                                   .hardware_accessed = false};
constexpr format lower = arm64::stage1(low_half), upper = arm64::stage1(high_half);

constexpr u64 uart = 0x0900'0000;  // PL011

void put(char c) { *reinterpret_cast<u32 volatile *>(uart) = static_cast<u8>(c); }
void stop(unsigned code) {
  u64 const arguments[]{0x20026, code};  // semihosting SYS_EXIT, ADP_Stopped_ApplicationExit
  for (;;) {
    register u64        operation asm("x0") = 0x18;
    register u64 const *block asm("x1")     = arguments;
    asm volatile("hlt #0xf000" : "+r"(operation) : "r"(block) : "memory");
  }
}

// --- traps ---------------------------------------------------------------------------------------------------------

/// The cause is ESR_EL1: class 31:26, and for aborts the fault status 5:0 with the level, and whether it was a write.
void say_cause(trap t) {
  unsigned const kind = unsigned(t.cause >> 26), status = t.cause & 0x3f;
  say("ESR ");
  say(hex{t.cause});
  if ((kind & ~5u) != 0x20) return say(" (class "), say(hex{kind}), say(")");
  constexpr char const *names[]{"address size", "translation", "access flag", "permission"};
  say(kind < 0x24 ? " (fetch, " : (t.cause & bit(6)) != 0 ? " (write, " : " (read, ");
  say(status < 16 ? names[status / 4] : "other");
  say(" fault, L");
  say(u64{status % 4});
  say(")");
}
extern "C" auto on_trap(u64 cause, u64 address, u64 at) -> u64 { return resume_after({cause, address}, at); }

auto read(u64 at) -> std::expected<u64, trap> {
  u64 value;
  asm volatile("adr x9, 1f\n str x9, %1\n ldr %0, [%2]\n 1:"
               : "=&r"(value), "=m"(trying.resume) : "r"(at) : "x9", "memory");
  if (auto const ok = outcome(); !ok) return std::unexpected{ok.error()};
  return value;
}
auto write(u64 at, u64 value) -> std::expected<void, trap> {
  asm volatile("adr x9, 1f\n str x9, %0\n str %2, [%1]\n 1:"
               : "=m"(trying.resume) : "r"(at), "r"(value) : "x9", "memory");
  return outcome();
}
auto call(u64 at) -> std::expected<void, trap> {
  asm volatile("adr x9, 1f\n str x9, %0\n blr %1\n 1:" : "=m"(trying.resume) : "r"(at) : "x9", "x30", "memory");
  return outcome();
}
void put_return(u64 at) {
  *reinterpret_cast<u32 volatile *>(at) = 0xd65f'03c0;  // ret
  asm volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" ::"r"(at) : "memory");
}

}  // namespace kernel

extern "C" void kernel_main() {
  using namespace kernel;
  using namespace cpu::arm64;
  print("pagewright on aarch64");

  // Tables that no processor uses yet: nothing to invalidate, plain stores.
  direct_map   memory{nullptr};
  table_frames frames{{ram + tables_at}};
  root const   low{*frames.allocate(12)}, high{*frames.allocate(12), 5}, other{*frames.allocate(12), 6};
  for (auto const &each : {low, high, other}) memory.clear(each.table, 4096);
  {
    not_in_use    nobody;
    address_space space{fixed<lower>{}, low, memory, frames, nobody};
    map_kernel(space, plain);
    ledger owed;
    done(space.map(pages(uart, 4096), {uart}, {.allow = rights::kernel_rw, .type = memory_type::device_ngnre}, owed),
         "mapping the console");
    space.settle(owed);
  }

  // ASIDs of 16 bits, taken from TTBR1.
  registers const mine{.ttbr0 = *ttbr(low.table), .ttbr1 = *ttbr(high.table, high.asid),
                       .tcr = tcr(low_half, high_half) | tcr_a1 | tcr_as, .mair = *mair(low_half.types),
                       .control = read_register<control_of<regime::el1_0>>() | sctlr_m | sctlr_c | sctlr_i};
  registers const before = load<regime::el1_0>(mine);
  print("translation is on: TCR ", hex{mine.tcr}, ", MAIR ", hex{mine.mair}, ", TTBR1 ", hex{mine.ttbr1});

  // From here on changes are paid for by TLBI, and live leaves give way by break-before-make.
  shared_tlb<>  tlb;
  address_space space{fixed<upper>{}, high, memory, frames, tlb};
  tour(space, frames);

  print("-- instructions");
  constexpr auto all_asids = ops_of(regime::el1_0);
  auto const issue = []<tlbi_op Op>(u64 operand) { dsb_ishst(), tlbi<Op>(operand), dsb_ish(), isb(); };
  shows("TLBI VAE1IS", space, memory, [&](virtual_address at) { issue.operator()<vae1is>(operand(at, high.asid)); });
  shows("TLBI VALE1IS, with the level", space, memory,
        [&](virtual_address at) { issue.operator()<vale1is>(operand(at, high.asid, ttl(granule::k4, 3))); });
  shows("TLBI VAAE1IS", space, memory,
        [&](virtual_address at) { issue.operator()<all_asids.address>(operand(at)); }, true);
  shows("TLBI VAALE1IS", space, memory,
        [&](virtual_address at) { issue.operator()<all_asids.address_last>(operand(at)); });
  shows("TLBI RVAE1IS", space, memory,
        [&](virtual_address at) { issue.operator()<rvae1is>(operand_range(at, granule::k4, 0, 0, high.asid)); });
  shows("TLBI ASIDE1IS", space, memory, [&](virtual_address) { flush<regime::el1_0>(high.asid); });
  shows("TLBI VMALLE1IS", space, memory, [&](virtual_address) { flush<regime::el1_0>(); }, true);

  // Another upper half for a while: the same address leads elsewhere under another ASID.
  print("-- another root");
  address_space visitor{fixed<upper>{}, other, memory, frames, tlb};
  ledger        owed;
  u64 const     here = ram + frames_at, there = here + 4096;
  done(space.map(pages(window, 4096), {here}, plain, owed), "mapping");
  space.settle(owed);
  done(visitor.map(pages(window, 4096), {there}, plain, owed), "mapping");
  visitor.settle(owed);
  expect(write(here, 1) && write(there, 2) && read(window) == 1, "the window of ASID 5");
  auto const left = activate<regime::el1_0, half::upper>(*ttbr(other.table, other.asid));
  expect(read(window) == 2, "the window of ASID 6");
  deactivate<regime::el1_0, half::upper>(left);
  expect(read(window) == 1 && left == mine.ttbr1, "the window of ASID 5 again");
  print("ASID ", u64{high.asid}, " reads 1, ASID ", u64{other.asid}, " reads 2, ASID ", u64{high.asid}, " reads 1");

  // And off again, with the registers as they were. (QEMU has no caches; elsewhere data must be cleaned from them
  // first.)
  load<regime::el1_0>(before);
  expect((read_register<control_of<regime::el1_0>>() & sctlr_m) == 0, "translation is off");
  print("translation is off again");

  print("all as expected");
  stop(0);
}
