// SPDX-License-Identifier: MIT
// What a kernel does with the library, with nothing underneath: see CMakeLists.txt for the flags. The status it ends with
// is the number of the first step that went wrong, or 0.
#include <cstddef>
#include <cstdint>

#include <pagewright/formats/x86.hpp>
#include <pagewright/pagewright.hpp>

namespace pw = pagewright;

// A compiler may call these four in any freestanding program; every kernel has them.
extern "C" {
auto memset(void *to, int value, std::size_t size) -> void * {
  auto *const p = static_cast<unsigned char volatile *>(to);
  for (std::size_t i = 0; i != size; ++i) p[i] = static_cast<unsigned char>(value);
  return to;
}

auto memcpy(void *to, void const *from, std::size_t size) -> void * {
  auto *const       p = static_cast<unsigned char volatile *>(to);
  auto const *const q = static_cast<unsigned char const *>(from);
  for (std::size_t i = 0; i != size; ++i) p[i] = q[i];
  return to;
}

auto memmove(void *to, void const *from, std::size_t size) -> void * {
  if (reinterpret_cast<std::uintptr_t>(to) <= reinterpret_cast<std::uintptr_t>(from)) return memcpy(to, from, size);
  auto *const       p = static_cast<unsigned char volatile *>(to);
  auto const *const q = static_cast<unsigned char const *>(from);
  for (std::size_t i = size; i != 0; --i) p[i - 1] = q[i - 1];
  return to;
}

auto memcmp(void const *a, void const *b, std::size_t size) -> int {
  auto const *const p = static_cast<unsigned char const volatile *>(a);
  auto const *const q = static_cast<unsigned char const volatile *>(b);
  for (std::size_t i = 0; i != size; ++i)
    if (p[i] != q[i]) return p[i] < q[i] ? -1 : 1;
  return 0;
}

auto kernel_main() -> int;
}

namespace {

constexpr unsigned frames = 16;

// Physical memory: the root table is its first frame, the others are for tables.
alignas(4096) unsigned char physical[(1 + frames) * 4096];

constexpr pw::input_address  at{0xffff'8000'1234'5000};
constexpr pw::output_address to{0x0000'000a'bcde'f000};
constexpr pw::u64            bytes = 5 * 4096;

/// Maps, asks, protects, unmaps, and expects every table back. The result counts the steps up to the first wrong one.
template <pw::handle H>
auto exercise(H format) -> int {
  pw::direct_map           memory{physical};
  pw::frame_pool<frames>   pool{pw::output_address{4096}};
  pw::not_in_use           cache;
  pw::ledger               owed;
  pw::address_space        space{format, pw::root{}, memory, pool, cache};
  auto const               where = pw::range::of(at, bytes);
  memory.clear(pw::output_address{}, 4096);

  if (!where) return 1;
  if (!space.map(*where, to, {.allow = pw::rights::kernel_rw}, owed)) return 2;
  space.settle(owed);

  auto const inside = space.query({at.value + 0x2345});
  if (!inside || inside->address != to + 0x2345 || inside->effective != pw::rights::kernel_rw) return 3;
  auto const outside = space.query({at.value + bytes});
  if (outside || outside.error().why != pw::fault_reason::absent || outside.error().level != 0) return 4;
  auto const again = space.map(*where, to, {.allow = pw::rights::kernel_rw}, owed);
  if (again || again.error().why != pw::error_reason::occupied) return 5;

  if (!space.protect(*where, pw::rights::kernel_ro, owed)) return 6;
  space.settle(owed);
  auto const kept = space.query(at);
  if (!kept || kept->address != to || kept->effective != pw::rights::kernel_ro) return 7;

  if (!space.unmap(*where, owed)) return 8;
  space.settle(owed);
  if (space.query(at) || pool.in_use() != 0) return 9;
  return 0;
}

}  // namespace

auto kernel_main() -> int {
  if (auto const wrong = exercise(pw::fixed<pw::x86::x86_64_4level>{}); wrong != 0) return wrong;
  if (auto const wrong = exercise(pw::dynamic{&pw::x86::x86_64_4level}); wrong != 0) return 20 + wrong;
  return 0;
}

// It ends with the Linux system call `exit`, so that the same program also runs on a host or an emulator.
#if defined(__x86_64__)
asm(".globl _start\n_start: xor %ebp, %ebp\n call kernel_main\n mov %eax, %edi\n mov $60, %eax\n syscall");
#elif defined(__i386__)
asm(".globl _start\n_start: xor %ebp, %ebp\n call kernel_main\n mov %eax, %ebx\n mov $1, %eax\n int $0x80");
#elif defined(__aarch64__)
asm(".globl _start\n_start: bl kernel_main\n mov x8, #93\n svc #0");
#elif defined(__riscv)
asm(".globl _start\n_start: call kernel_main\n li a7, 93\n ecall");
#elif defined(__arm__)
asm(".globl _start\n.arm\n.type _start, %function\n_start: bl kernel_main\n mov r7, #1\n svc #0");
#else
#error "kernel.cpp has no _start for this processor"
#endif
