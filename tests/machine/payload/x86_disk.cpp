// SPDX-License-Identifier: MIT
// Bochs: what the boot sector read from the disk is written back to it, for the host to find.
#include "payload.hpp"
#include "x86_machine.hpp"

namespace machine::x86 {

void save_to_disk();

namespace {

void out(u16 port, u32 v) { asm volatile("outb %b0, %w1" ::"a"(v), "d"(port)); }
void await(u8 status) {  // of BSY and DRQ
  u8 is;
  do asm volatile("inb %w1, %0" : "=a"(is) : "d"(u16{0x1f7}));
  while ((is & 0x88) != status);
}

/// 256 sectors, through the first ATA controller's registers (28-bit addresses).
void save(u32 chunk) {
  u32 const sectors[] = {0, 0, chunk, chunk >> 8, 0xe0, 0x30};  // how many: 256; the address, from its low byte; WRITE SECTORS
  for (u16 i = 0; i < 6; ++i) out(static_cast<u16>(0x1f2 + i), sectors[i]);
  auto const *from = physical<u8 const>(u64{chunk} * disk_chunk);
  for (unsigned n = 0; n < 256; ++n) {
    await(8);
    __UINTPTR_TYPE__ words = 128;
    asm volatile("rep outsl" : "+S"(from), "+c"(words) : "d"(u16{0x1f0}) : "memory");
  }
  await(0);
}

}  // namespace

void save_to_disk() {
  auto const *const list = physical<disk_list const>(disk_list_loaded_at);
  for (auto const *part = list->parts; part->chunks != 0; ++part)
    for (u32 n = 0; n < part->chunks; ++n) save(part->first + n);
}

}  // namespace machine::x86
