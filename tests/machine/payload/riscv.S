/* SPDX-License-Identifier: MIT */
/* Machine mode from reset to the end. A trap, wherever it comes from, is the other way to return from what is tried here. */
#if __riscv_xlen == 64
#define LOAD  ld
#define STORE sd
#define SWAP  amoswap.d
#define HLV   0x36
#define HSV   0x37
#else
#define LOAD  lw
#define STORE sw
#define SWAP  amoswap.w
#define HLV   0x34
#define HSV   0x35
#endif
#define MPRV_MPP (1 << 17 | 3 << 11)

.option arch, +a
.section .boot, "ax"
.globl _start
_start:
  csrr t0, mhartid
  beqz t0, 2f
1: wfi                           # one hart tries; that there are others makes QEMU make AMOs in one piece
  j    1b
2:
  li   t0, -1                   # PMP: all modes may reach all memory
  csrw pmpaddr0, t0
  li   t0, 0x1f
  csrw pmpcfg0, t0
  la   t0, on_trap
  csrw mtvec, t0
  la   sp, stack_top
  call start

.balign 4
on_trap:                        # in machine mode, whence nothing but mstatus has changed
  li   a1, 1
leave:
  li   t0, MPRV_MPP
  csrc mstatus, t0
  ret

/* outcome try_*(address, value, mstatus bits to set): one access in the mode that MPRV gives. */
.globl try_read, try_write, try_swap, try_hlv, try_hsv, enter
try_read:
  csrs mstatus, a2
  LOAD a0, (a0)
  li   a1, 0
  j    leave
try_write:
  csrs mstatus, a2
  STORE a1, (a0)
  li   a1, 0
  j    leave
try_swap:
  csrs mstatus, a2
  SWAP a0, a1, (a0)
  li   a1, 0
  j    leave
try_hlv:                        # the mode is that of hstatus.SPVP
  .insn r 0x73, 4, HLV, a0, a0, x0
  li   a1, 0
  j    leave
try_hsv:
  .insn r 0x73, 4, HSV, x0, a0, a1
  li   a1, 0
  j    leave

/* outcome enter(address, value, mstatus bits, where): goes there in the mode of MPP; what is there ends in a trap. */
enter:
  csrw mepc, a3
  csrs mstatus, a2
  mret

/* The page to enter for data accesses in the mode itself: mapped by the tables that are tried. */
.section .inside, "ax"
.globl inside
inside:
  LOAD a0, (a0)
  ecall
  .balign 16
  STORE a1, (a0)
  ecall
  .balign 16
  SWAP a0, a1, (a0)
  ecall
