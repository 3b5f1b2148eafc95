/* SPDX-License-Identifier: MIT */
/* Machine mode, from reset: gives memory and traps to supervisor mode and goes there. */
.section .boot, "ax"
.globl _start
_start:
  csrr t0, mhartid
1: bnez t0, 1b                  # one hart is enough
  li   t0, -1                   # PMP: supervisor mode may reach everything
  csrw pmpaddr0, t0
  li   t0, 0x1f
  csrw pmpcfg0, t0
  li   t0, 0xb1ff               # exceptions go to supervisor mode, but its own ecall
  csrw medeleg, t0
  csrw mie, zero
  li   t0, 1 << 11 | 1 << 13    # mstatus: MPP = S; FS on, as on_trap saves every register it might change
  csrw mstatus, t0
  la   t0, supervisor
  csrw mepc, t0
  mret

.section .text.start, "ax"
supervisor:
  la   sp, stack_top
  la   t0, on_trap
  csrw stvec, t0
  call kernel_main
