/* SPDX-License-Identifier: MIT */
/* Entered by the PVH protocol: 32-bit, paging off. Long mode needs tables: they were built with the kernel. */
.section .note.Xen, "a"
.long 4, 4, 18                   /* XEN_ELFNOTE_PHYS32_ENTRY */
.asciz "Xen"
.long _start

.section .text.start, "ax"
.code32
.globl _start
_start:
  cli
  mov  $0x20, %eax               /* CR4.PAE */
  mov  %eax, %cr4
  mov  $boot_tables, %eax
  mov  %eax, %cr3
  mov  $0xc0000080, %ecx         /* EFER: LME and NXE */
  mov  $0x900, %eax
  xor  %edx, %edx
  wrmsr
  mov  $0x80010011, %eax         /* CR0: PG, WP, ET, PE */
  mov  %eax, %cr0
  lgdt gdt_pointer
  ljmp $8, $long_mode
.code64
long_mode:
  mov  $16, %eax
  mov  %eax, %ds
  mov  %eax, %es
  mov  %eax, %ss
  mov  $stack_top, %rsp
  call kernel_main

.section .data
.align 16
gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer: .word . - gdt - 1
  .long gdt
