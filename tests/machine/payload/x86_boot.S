/* SPDX-License-Identifier: MIT */
/* Bochs has no loader of programs. There the guest's memory, as the host prepared it, is a disk: sector n holds the 512 bytes
   from n * 512 on. This boot sector, sector 0, copies to memory what the list in sector 1 names (x86_machine.hpp: disk_list)
   and enters the program as QEMU does, in 32-bit mode with paging off. */
#define LIST 0x7e00              /* where sector 1 goes */

.section .text.start, "ax"
.code16
.globl _start
_start:
  cli
  xor  %ax, %ax
  mov  %ax, %ds
  in   $0x92, %al                /* address line 20 */
  or   $2, %al
  out  %al, $0x92
  lgdtl gdt_pointer
  mov  %cr0, %eax
  or   $1, %al
  mov  %eax, %cr0
  ljmpl $8, $protected
.code32
protected:
  mov  $16, %eax
  mov  %eax, %ds
  mov  %eax, %es
  mov  %eax, %ss
  mov  $0x7c00, %esp
  mov  $1, %ebx
  mov  $LIST, %edi
  mov  $1, %cl
  call read
  mov  $LIST + 4, %esi
1: lodsl                         /* first chunk of 256 sectors, and how many; 0 ends the list */
  mov  %eax, %ebx
  shl  $8, %ebx
  lodsl
  mov  %eax, %ebp
  test %eax, %eax
  jz   3f
2: mov  %ebx, %edi
  shl  $9, %edi
  mov  $0, %cl                   /* 256 */
  call read
  add  $256, %ebx
  dec  %ebp
  jnz  2b
  jmp  1b
3: jmp *LIST

/* Reads CL sectors from EBX on to EDI, through the first ATA controller's registers (28-bit addresses). */
read:
  mov  $0x1f2, %edx
  mov  %cl, %al
  out  %al, %dx
  mov  %ebx, %eax
  inc  %edx
  out  %al, %dx
  inc  %edx
  shr  $8, %eax
  out  %al, %dx
  inc  %edx
  shr  $8, %eax
  out  %al, %dx
  inc  %edx
  mov  $0xe0, %al
  out  %al, %dx
  inc  %edx
  mov  $0x20, %al
  out  %al, %dx
2: in   %dx, %al
  and  $0x88, %al                /* BSY, DRQ */
  cmp  $8, %al
  jne  2b
  push %ecx
  mov  $0x1f0, %edx
  mov  $128, %ecx
  rep insl
  pop  %ecx
  mov  $0x1f7, %edx
  dec  %cl
  jnz  2b
  ret

.align 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer: .word . - gdt - 1
  .long gdt
.org 510
  .byte 0x55, 0xaa
