/* SPDX-License-Identifier: MIT */
/* Entry, faults and the accesses themselves, for long mode and for 32-bit mode. Entered with paging off, by QEMU through the
   PVH note or by Bochs from x86_disk.S; the first setting's registers switch paging on. */
#ifdef __x86_64__
# define AX %rax
# define BX %rbx
# define DI %rdi
# define BP %rbp
# define SP %rsp
# define W 8
# define IRET iretq
# define WRSS wrssq
# define WRUSS wrussq
#else
# define AX %eax
# define BX %ebx
# define DI %edi
# define BP %ebp
# define SP %esp
# define W 4
# define IRET iretl
# define WRSS wrssd
# define WRUSS wrussd
#endif
#define CONTROL 0x2000000        /* x86_machine.hpp: control_at */

.section .note.Xen, "a"
.long 4, 4, 18                   /* XEN_ELFNOTE_PHYS32_ENTRY */
.asciz "Xen"
.long _start

.section .text.start, "ax"
.code32
.globl _start
_start:
  cli
  mov  CONTROL + 8, %esi         /* control::settings */
  mov  16(%esi), %eax
  and  $~(1 << 23), %eax         /* CET must wait for CR0.WP */
  mov  %eax, %cr4
  mov  8(%esi), %eax
  mov  %eax, %cr3
  mov  $0xc0000080, %ecx
  mov  24(%esi), %eax            /* EFER */
  xor  %edx, %edx
  wrmsr
  lgdt gdt_pointer
  mov  (%esi), %eax
  mov  %eax, %cr0
  ljmp $8, $entered
#ifdef __x86_64__
.code64
#endif
entered:
  mov  $16, %eax
  mov  %eax, %ss
  mov  $stack_top, SP
  mov  $0x23, %eax               /* data of the user: IRET to the user would take other segments away */
  mov  %eax, %ds
  mov  %eax, %es
  call probe_main

/* attempt_access(made const *): what `made` (x86.cpp) says, and back here by a fault or INT 80H. */
.globl attempt_access
attempt_access:
#ifdef __x86_64__
  push %r15
  push %r14
  push %r13
  push %r12
#else
  mov  4(%esp), %eax
  push %esi
  push %edi
  mov  %eax, %edi
#endif
  push BX
  push BP
  mov  SP, stopped_at
  mov  $access_stack_top, SP
  push 4*W(DI)
  push 3*W(DI)
  push 2*W(DI)
  push 1*W(DI)
  push 0*W(DI)
  mov  5*W(DI), AX
  mov  6*W(DI), BX
  mov  7*W(DI), DI
  mov  DI, BP
  IRET

came_back:                       /* above the frame: vector, error code */
  mov  AX, came
  pop  came + W
  pop  came + 2*W
  mov  %cr2, AX
  mov  AX, came + 3*W
  mov  stopped_at, SP
  mov  $16, %eax
  mov  %eax, %ss
  pop  BP
  pop  BX
#ifdef __x86_64__
  pop  %r12
  pop  %r13
  pop  %r14
  pop  %r15
#else
  pop  %edi
  pop  %esi
#endif
  ret

/* One entry of 16 bytes for each exception, then that of INT 80H. */
.macro vector n
  .align 16
  .if !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21)
  push $0
  .endif
  push $\n
  jmp  came_back
.endm
.align 16
.globl vectors
vectors:
.set n, 0
.rept 32
  vector n
  .set n, n + 1
.endr
  vector 0x80

/* The page that makes the accesses, mapped for the user too. Each 16 bytes are one kind (x86.cpp: instruction_of). */
.section .stub, "ax"
.align 4096
.globl stub
stub:
  mov  (DI), AX
  int  $0x80
  .align 16
  mov  (BP), AX                  /* BP implies the stack segment */
  int  $0x80
  .align 16
  mov  AX, (DI)
  int  $0x80
  .align 16
  mov  AX, (BP)
  int  $0x80
  .align 16
  jmp  *DI                       /* what is there loads AX and goes to BX, two lines down */
  .align 16
  mov  $7, %ecx                  /* of the local descriptor table: the processor reads it for itself */
  lsl  %ecx, %eax
  int  $0x80
  .align 16
  int  $0x80
  .align 16
  lock xadd AX, (DI)
  int  $0x80
  .align 16
  WRSS AX, (DI)
  int  $0x80
  .align 16
  WRUSS AX, (DI)
  int  $0x80
  .align 4096

.section .data
.align 16
.globl gdt
gdt: .quad 0
#ifdef __x86_64__
  .quad 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00affb000000ffff, 0x00cff3000000ffff
#else
  .quad 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
#endif
  .quad 0, 0, 0, 0               /* TSS, LDT; in long mode of two slots each */
gdt_pointer: .word . - gdt - 1
  .long gdt

.section .bss
.align 16
.globl came
came: .space 4*W
stopped_at: .space W
