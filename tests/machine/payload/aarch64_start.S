/* SPDX-License-Identifier: MIT */
/* Entered at EL2 with translation off, and stays so: the tables under test are for EL1 and EL0, which run the stub. */
.section .text.start, "ax"
.globl _start
_start:
  ldr  x0, =stack_top
  mov  sp, x0
  ldr  x0, =vectors
  msr  vbar_el2, x0
  isb
  bl   probe_all

/* EL2 is entered from EL1 or EL0, in AArch64, only to say how a probe went: go on after `descend`. */
.text
.balign 2048
vectors:
.rept 8
  .balign 128
  b    unexpected
.endr
  .balign 128
  ldr  x30, [sp], #16
  ret
.rept 7
  .balign 128
  b    unexpected
.endr
unexpected:
  mov  x0, #3
  b    end_with

/* u64 descend(value, address, where, spsr): runs the stub from `where` on; what x0 is when EL2 is entered again. */
.globl descend
descend:
  str  x30, [sp, #-16]!
  msr  elr_el2, x2
  msr  spsr_el2, x3
  eret

/* void end_with(status): semihosting's SYS_EXIT. */
.globl end_with
end_with:
  ldr  x1, =0x20026
  stp  x1, x0, [sp, #-16]!
  mov  x1, sp
  mov  w0, #0x18
  hlt  #0xf000
  b    .

/* The stub: EL1's vectors, and one routine of 16 bytes for each mode and kind of probe: x1 is the address, x0 the value.
   Everything ends in EL2: an exception EL1 takes with hvc #1, EL1's own success with hvc #0; EL0's is an svc. */
.section .stub, "ax"
.balign 4096
.rept 16
  .balign 128
  hvc  #1
.endr
.macro routine instruction:vararg
  .balign 16
  \instruction
.endm
  .balign 2048
  routine ldr  x0, [x1]  /* EL1 */
  hvc  #0
  routine str  x0, [x1]
  hvc  #0
  routine blr  x1
  hvc  #0
  routine nop
  routine ldr  x0, [x1]  /* EL0 */
  svc  #0
  routine str  x0, [x1]
  svc  #0
  routine blr  x1
  svc  #0
  routine nop
  routine ldtr x0, [x1]  /* EL1 with EL0's rights */
  hvc  #0
  routine sttr x0, [x1]
  hvc  #0
