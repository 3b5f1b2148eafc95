// SPDX-License-Identifier: MIT
// A PC, one processor, 4-level paging.
#include <array>

#include "../common/tour.hpp"

#include <pagewright/cpu/x86.hpp>
#include <pagewright/formats/x86.hpp>

namespace kernel {

u64 const        ram    = 0;
u64 const        window = 0xffff'8000'0000'0000;  // where the upper half begins
attributes const plain{.allow = rights::kernel_rw};

using pagewright::x86::x86_64_4level;

// --- the tables that long mode is entered with ---------------------------------------------------------------------

constexpr physical_address boot_tables_at{data_at};  // kernel.ld puts them there

/// The first 64 MiB, address for address, built by the compiler.
consteval auto make_boot_tables() {
  std::array<u8, 3 * 4096> bytes{};
  byte_memory   memory{bytes, boot_tables_at};
  bump_frames   frames{boot_tables_at + 4096, 2 * 4096};
  not_in_use    nobody;
  ledger        owed;
  address_space space{fixed<x86_64_4level>{}, root{boot_tables_at}, memory, frames, nobody};
  auto const    ok = space.map(pages(0, 64 << 20), {0}, {.allow = rights::kernel_rwx}, owed, {.largest_lg2 = 21});
  space.settle(owed);
  return std::pair{bytes, ok.has_value() && !memory.strayed()};
}
constexpr auto built = make_boot_tables();
static_assert(built.second);

extern "C" {
alignas(4096) [[gnu::section(".boot_tables")]] constinit std::array<u8, 3 * 4096> boot_tables = built.first;
}

// --- the machine ---------------------------------------------------------------------------------------------------

void out(u16 port, u8 value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
auto in(u16 port) -> u8 {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
void put(char c) {
  while ((in(0x3fd) & 0x20) == 0) {}         // COM1: until its transmitter is free
  out(0x3f8, static_cast<u8>(c));
}
void stop(unsigned code) {
  while ((in(0x3fd) & 0x40) == 0) {}         // and all is sent
  out(0xf4, static_cast<u8>(code));          // isa-debug-exit: QEMU ends with 2 * code + 1
  for (char const c : "Shutdown") out(0x8900, static_cast<u8>(c));  // Bochs
  for (;;) asm volatile("hlt");
}

struct frame {
  u64 ip, cs, flags, sp, ss;
};
struct gate {
  u16 low, selector;
  u8  ist, type;
  u16 middle;
  u32 high, zero;
};
gate interrupts[32];

/// The cause of a page fault is its error code (SDM 4.7); other exceptions are numbered from 0x100.
void say_cause(trap t) {
  if (t.cause >= 0x100) return say("exception "), say(t.cause - 0x100);
  say("#PF ");
  say(hex{t.cause});
  say((t.cause & 1) != 0 ? " (protection" : " (not present");
  say((t.cause & 16) != 0 ? ", fetch)" : (t.cause & 2) != 0 ? ", write)" : ", read)");
}
[[gnu::interrupt]] void on_page_fault(frame *f, u64 error) {
  f->ip = resume_after({error, cpu::x86::read_cr2()}, f->ip);
}
[[gnu::interrupt]] void on_protection(frame *f, u64) { f->ip = resume_after({0x100 + 13, 0}, f->ip); }
[[gnu::interrupt]] void on_invalid_opcode(frame *f) { f->ip = resume_after({0x100 + 6, 0}, f->ip); }

template <class Handler>
void set_handler(unsigned vector, Handler *handler) {
  auto const at = reinterpret_cast<u64>(handler);
  interrupts[vector] = {static_cast<u16>(at), 8, 0, 0x8e, static_cast<u16>(at >> 16), static_cast<u32>(at >> 32), 0};
}
void set_handlers() {
  set_handler(6, on_invalid_opcode), set_handler(13, on_protection), set_handler(14, on_page_fault);
  struct [[gnu::packed]] {
    u16 last;
    u64 base;
  } const table{sizeof interrupts - 1, reinterpret_cast<u64>(interrupts)};
  asm volatile("lidt %0" ::"m"(table));
}

auto read(u64 at) -> std::expected<u64, trap> {
  u64 value = 0;
  asm volatile("movq $1f, %1\n mov (%2), %0\n 1:" : "+r"(value), "=m"(trying.resume) : "r"(at) : "memory");
  if (auto const ok = outcome(); !ok) return std::unexpected{ok.error()};
  return value;
}
auto write(u64 at, u64 value) -> std::expected<void, trap> {
  asm volatile("movq $1f, %0\n mov %2, (%1)\n 1:" : "=m"(trying.resume) : "r"(at), "r"(value) : "memory");
  return outcome();
}
auto call(u64 at) -> std::expected<void, trap> {
  // Whether the callee returned or the trap did, the stack is as it was before the call.
  asm volatile("mov %%rsp, %%rbx\n movq $1f, %0\n call *%1\n 1: mov %%rbx, %%rsp"
               : "=m"(trying.resume) : "r"(at) : "rbx", "memory");
  return outcome();
}
void put_return(u64 at) { *reinterpret_cast<u8 volatile *>(at) = 0xc3; }

/// What needs PCIDs: INVPCID, and loading CR3 with everything kept that is cached for the PCID it names.
template <class Space>
void use_pcids(Space &space, direct_map &memory, bool invpcid_too) {
  using namespace cpu::x86;
  auto const cr3 = [&](u16 pcid) { return *encode({.table = space.top().table, .pcid = pcid}, cr4_pcide); };
  print("-- PCIDs");
  write_cr4(read_cr4() | cr4_pcide);  // the current PCID must be 0 then
  write_cr3(cr3(5));
  if (invpcid_too) {
    auto const with = [](invpcid_type type) {
      return [type](virtual_address at) { invpcid(type, *descriptor(type, 5, at)); };
    };
    shows("INVPCID address", space, memory, with(invpcid_type::address));
    shows("INVPCID context", space, memory, with(invpcid_type::context));
    shows("INVPCID everything", space, memory, with(invpcid_type::everything), true);
    shows("INVPCID everything but global", space, memory, with(invpcid_type::everything_but_global));
  }
  shows("MOV to CR3", space, memory, [](virtual_address) { flush_current(); });
  expect(decode(read_cr3(), read_cr4()).pcid == 5, "a flush leaves the PCID alone");

  // Under PCID 6 nothing is cached; what PCID 5 has cached is there again when it comes back with bit 63 set.
  write_cr3(cr3(6) | cr3_keep);
  expect(read_cr3() == cr3(6), "bit 63 of CR3 reads as zero");
  write_cr3(cr3(5) | cr3_keep);
  print("  MOV to CR3 with bit 63, to PCID 6 and back: CR3 ", hex{read_cr3()});
}

}  // namespace kernel

extern "C" void kernel_main() {
  using namespace kernel;
  using namespace cpu::x86;
  set_handlers();
  out(0x3fb, 3);  // COM1: 8 data bits, no parity, 1 stop bit
  print("pagewright on x86_64");

  // Tables that the processor does not use yet: nothing to invalidate, plain stores.
  direct_map   memory{nullptr};
  table_frames frames{{ram + tables_at}};
  root const   top{*frames.allocate(12)};
  memory.clear(top.table, 4096);
  {
    not_in_use    nobody;
    address_space space{fixed<x86_64_4level>{}, top, memory, frames, nobody};
    map_kernel(space, plain);
  }
  auto const cr3 = encode({.table = top.table});
  expect(cr3.has_value(), "CR3 can be encoded");
  write_cr3(*cr3);
  write_cr4(read_cr4() | cr4_pge);
  print("translation goes through the new tables: CR3 ", hex{read_cr3()});

  // From here on changes are paid for by INVLPG.
  local_tlb     tlb;
  address_space space{fixed<x86_64_4level>{}, top, memory, frames, tlb};
  tour(space, frames);

  print("-- instructions");
  shows("INVLPG", space, memory, [](virtual_address at) { invlpg(at); }, true);
  shows("MOV to CR3", space, memory, [](virtual_address) { flush_current(); });
  shows("MOV to CR4, PGE changed twice", space, memory, [](virtual_address) { flush_everything(); }, true);

  auto const cpu = this_cpu();
  if (cpu.pcid) use_pcids(space, memory, cpu.invpcid);
  else print("note: this processor has no PCIDs");

  print("all as expected");
  stop(0);
}
