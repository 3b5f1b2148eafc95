/* SPDX-License-Identifier: MIT */
/* AArch32: how the probe program starts, makes one access, and takes what comes of it. It runs in Supervisor mode. */
.syntax unified
.arch armv7-a
.arm

.section .text.start, "ax"
.global _start
_start:
  cpsid aif, #0x13
  ldr   sp, =stack_top
  ldr   r0, =vectors
  mcr   p15, 0, r0, c12, c0, 0        @ VBAR
  isb
  bl    run
  b     .

.balign 32
vectors:
  b unexpected                        @ reset
  b unexpected                        @ undefined instruction
  b came_back                         @ supervisor call: the user's access succeeded
  b prefetch_abort
  b data_abort
  b unexpected
  b unexpected
  b unexpected

/* void try_access(u32 address, u32 value, u32 (*access)(u32, u32), bool as_user, outcome *): `access` may fault, and
   as the user ends with a supervisor call. Whatever happens continues at `done` on this stack. */
.global try_access
try_access:
  push  {r4-r11, lr}
  cmp   r3, #0
  bne   1f
  blx   r2
  mov   r3, #0
  b     done
1:
  mrs   r4, cpsr                      @ PAN stays as it is: SCTLR.SPAN leaves it alone when the call comes back
  bic   r4, r4, #0x1f
  orr   r4, r4, #0x10
  msr   spsr_cxsf, r4
  movs  pc, r2

came_back:
  mov   r3, #0
  b     done
data_abort:
  mrc   p15, 0, r1, c5, c0, 0         @ DFSR
  mrc   p15, 0, r2, c6, c0, 0         @ DFAR
  mov   r3, #1
  b     back
prefetch_abort:
  mrc   p15, 0, r1, c5, c0, 1         @ IFSR
  mrc   p15, 0, r2, c6, c0, 2         @ IFAR
  mov   r3, #2
back:
  cps   #0x13
done:
  ldr   r4, [sp, #36]
  stm   r4, {r0-r3}                   @ value, FSR, FAR, which abort
  pop   {r4-r11, pc}

unexpected:
  cps   #0x13
  mov   r0, #3
  b     leave

/* void leave(u32 status): semihosting's SYS_EXIT_EXTENDED. */
.global leave
leave:
  mov   r1, r0
  movw  r0, #0x0026
  movt  r0, #2
  push  {r0, r1}
  mov   r0, #0x20
  mov   r1, sp
  svc   #0x123456
  b     .

/* The accesses, u32 (u32 address, u32 value): as the kernel, with the user's rights, and as the user. */
.global kernel_read, kernel_write, unprivileged_read, unprivileged_write
kernel_read:        ldr r0, [r0]
                    bx lr
kernel_write:       str r1, [r0]
                    bx lr
unprivileged_read:  mov r2, r0
                    ldrt r0, [r2]
                    bx lr
unprivileged_write: strt r1, [r0]
                    bx lr

.section .user, "ax"
.global user_read, user_write, user_fetch
user_read:          ldr r0, [r0]
                    svc #0
user_write:         str r1, [r0]
                    svc #0
user_fetch:         blx r0
                    svc #0
