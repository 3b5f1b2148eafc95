// SPDX-License-Identifier: MIT
// How an x86 processor loads a setting, makes an access in either mode and says what came of it. Built twice: for long mode
// and for 32-bit mode.
#include "payload.hpp"
#include "x86_machine.hpp"

using machine::u16, machine::u32, machine::u64, machine::u8;
using word = unsigned long;

namespace machine::x86 {
void save_to_disk();
}

/// What IRET goes to, and registers.
struct made { word ip, cs, flags, sp, ss, ax, bx, address; };
struct back { word ax, vector, code, cr2; };

extern "C" {
void attempt_access(made const *);
extern back came;
extern u64  gdt[9];
extern char vectors[], stub[], access_stack_top[];
[[noreturn]] void probe_main();

// Compilers may call it in any program.
void *memcpy(void *to, void const *from, decltype(sizeof 0) n) {
  for (decltype(n) i = 0; i < n; ++i) static_cast<char volatile *>(to)[i] = static_cast<char const *>(from)[i];
  return to;
}
}

namespace {

constexpr bool long_mode   = sizeof(word) == 8;
constexpr u16  task_slot   = 5, local_slot = 7;  // of the GDT; the first four descriptors are fixed (x86.S)
constexpr word kernel_code = 1 * 8, kernel_data = 2 * 8, user_code = 3 * 8 | 3, user_data = 4 * 8 | 3;

word flags;          // of the setting
u64  physical_bits;

auto address_of(void const *p) -> word { return reinterpret_cast<word>(p); }

/// A system segment's descriptor (SDM 3A 3.5): of two slots in long mode.
void describe(u16 slot, word base, u32 limit, u64 type) {
  u64 const b = base;
  gdt[slot] = (limit & 0xffff) | (b & 0xff'ffff) << 16 | (type | 0x80) << 40 | (b >> 24 & 0xff) << 56;
  if (long_mode) gdt[slot + 1] = b >> 32;
}

struct [[gnu::packed]] table_register { u16 limit; word base; };

u64 idt[256 * (long_mode ? 2 : 1)];

void gate(unsigned n, word to, u64 kind) {
  u64 const t = to, low = (t & 0xffff) | kernel_code << 16 | kind << 40 | (t >> 16 & 0xffff) << 48;
  idt[n * (long_mode ? 2 : 1)] = low;
  if (long_mode) idt[n * 2 + 1] = t >> 32;
}

/// What the processor loads from the task state segment when a fault takes it out of user mode.
struct [[gnu::packed]] task_state {
  u32  link;
  word stack;
  u32  stack_segment;  // in long mode part of a stack that is not used
  u8   rest[104 - 8 - sizeof(word)];
};
task_state task;

void write_msr(u32 which, u64 v) { asm volatile("wrmsr" ::"c"(which), "a"(static_cast<u32>(v)), "d"(static_cast<u32>(v >> 32))); }

}  // namespace

namespace machine {

void load(setting const &s) {
  auto const on = [](u64 of, unsigned n) { return (of >> n & 1) != 0; };
  auto const *const r = s.registers;
  auto const write_cr4 = [](u64 v) { asm volatile("mov %0, %%cr4" ::"r"(static_cast<word>(v))); };
  write_cr4(r[x86::cr4] & ~x86::cr4_cet);  // it must not be on while CR0.WP is off
  write_msr(0xc000'0080, r[x86::efer]);
  asm volatile("mov %0, %%cr0" ::"r"(static_cast<word>(r[x86::cr0])));
  write_cr4(r[x86::cr4]);
  if (on(r[x86::cr4], 23)) write_msr(0x6a0, 3);  // IA32_U_CET: SH_STK_EN, WR_SHSTK_EN
  if (on(r[x86::cr4], 22)) asm volatile("wrpkru" ::"a"(static_cast<u32>(r[x86::pkru])), "c"(0), "d"(0));
  if (on(r[x86::cr4], 24)) write_msr(0x6e1, r[x86::pkrs]);
  asm volatile("mov %0, %%cr3" ::"r"(static_cast<word>(r[x86::cr3])) : "memory");  // and forget what was cached
  flags = static_cast<word>(r[x86::eflags]) | 2;
}

/// In the page `stub`, where each instruction has 16 bytes.
static auto instruction_of(probe const &p) -> unsigned {
  if (p.kind == probe_kind::fetch) return 4;
  if ((p.mode & x86::implicit) != 0) return 5;
  if ((p.mode & x86::modify) != 0) return 7;
  if ((p.mode & x86::shadow_stack) != 0) return (p.mode & x86::user) != 0 ? 8 : 9;
  return (p.kind == probe_kind::write ? 2u : 0u) + ((p.mode & x86::stack_segment) != 0);
}

auto attempt(probe const &p) -> answer {
  bool const in_user_mode = (p.mode & x86::user) != 0;
  auto const at = static_cast<word>(p.address);
  asm volatile("invlpg (%0)" ::"r"(at) : "memory");
  if ((p.mode & x86::implicit) != 0) {
    describe(local_slot, at, 7, 2);
    asm volatile("lldt %w0" ::"r"(local_slot * 8) : "memory");
  }
  word const page = in_user_mode ? static_cast<word>(x86::alias_at) : address_of(stub);
  made const m{page + instruction_of(p) * 16, in_user_mode ? user_code : kernel_code, flags, address_of(access_stack_top),
               in_user_mode ? user_data : kernel_data, static_cast<word>(p.value), page + 6 * 16, at};
  attempt_access(&m);

  bool const ok = came.vector == x86::no_fault, page_fault = came.vector == 14;
  return {!ok, ok ? 0 : u64{came.vector} << 32 | came.code, page_fault ? u64{came.cr2} : 0, physical_bits, came.ax};
}

/// The debug-exit device of QEMU ends it here; Bochs has none and goes on to where it can be ended.
void end(unsigned status) {
  asm volatile("outb %b0, $0xf4" ::"a"(status));
  x86::save_to_disk();
  for (char const *c = "Shutdown"; *c != 0; ++c) asm volatile("outb %0, %w1" ::"a"(*c), "d"(0x8900));
  for (;;) asm volatile("hlt");
}

}  // namespace machine

void probe_main() {
  for (unsigned n = 0; n < 32; ++n) gate(n, address_of(vectors) + n * 16, 0x8e);
  gate(machine::x86::no_fault, address_of(vectors) + 32 * 16, 0xee);
  table_register const of_idt{sizeof idt - 1, address_of(idt)};
  asm volatile("lidt %0" ::"m"(of_idt));
  task.stack = address_of(access_stack_top), task.stack_segment = kernel_data;
  describe(task_slot, address_of(&task), sizeof task - 1, 9);
  asm volatile("ltr %w0" ::"r"(task_slot * 8) : "memory");

  u32 a = 0x8000'0008, b, c = 0, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  physical_bits = a & 0xff;
  machine::answer_all(machine::x86::control_at);
}
