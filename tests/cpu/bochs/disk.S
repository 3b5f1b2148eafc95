/* SPDX-License-Identifier: MIT */
/* A boot sector for Bochs, whose BIOS does not know PVH: loads the kernel from the sectors that follow it to 1 MiB and
   enters it as PVH would. ENTRY and CHUNKS (of 64 sectors) are defined on the assembler's command line. */
.code16
.globl start
start:
  cli
  xor  %ax, %ax
  mov  %ax, %ds
  mov  %ax, %es
  mov  %ax, %ss
  mov  $0x7c00, %sp
  mov  %dl, drive
  sti
next:
  mov  $0x42, %ah                /* extended read of 32 KiB to 0x10000 */
  mov  drive, %dl
  mov  $packet, %si
  int  $0x13
  jc   fail
  mov  $0x87, %ah                /* and from there to where it belongs */
  mov  $0x4000, %cx
  mov  $blocks, %si
  int  $0x15
  jc   fail
  addl $64, sector
  addl $0x8000, to
  decw chunks
  jnz  next
  in   $0x92, %al                /* A20 */
  or   $2, %al
  out  %al, $0x92
  cli
  lgdt gdt_pointer
  mov  $0x11, %eax
  mov  %eax, %cr0
  ljmp $8, $flat
fail:
  hlt
  jmp  fail
.code32
flat:
  mov  $16, %eax
  mov  %eax, %ds
  mov  %eax, %es
  mov  %eax, %ss
  mov  $ENTRY, %eax
  jmp  *%eax

drive:  .byte 0
chunks: .word CHUNKS
packet: .byte 16, 0
        .word 64, 0, 0x1000      /* sectors, offset, segment */
sector: .quad 1
.align 8
blocks: .quad 0, 0               /* INT 15H, AH = 87H: descriptors of source and destination */
        .word 0x7fff, 0x0000, 0x9301, 0
        .word 0x7fff
to:     .long 0x93100000
        .word 0
        .quad 0, 0
gdt:    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
        .word . - gdt - 1
        .long gdt
.org 510
.word 0xaa55
