# SPDX-License-Identifier: MIT
"""The guests, one row each: which kernel, which machine, which mode its registers must show.

`package` is Debian's metapackage, so a new point release is found without an edit here; the JSON of a fixture records
the kernel that it led to. `shape` is what the walker reads out of the registers (walker.py): a capture whose guest runs
in any other mode is refused."""
from dataclasses import dataclass


class failure(Exception):
    """A message for the user: what went wrong, where, and what to do about it."""


@dataclass(frozen=True)
class guest:
    name: str
    arch: str                   # JSON "arch"
    deb_arch: str
    suite: str
    package: str
    qemu: str
    machine: str                # QEMU arguments besides kernel, initrd and command line
    console: str
    options: str                # kernel command line after console=
    mode: str                   # JSON "mode"
    shape: str
    vcpus: int = 1
    modules: tuple = ()         # kernel modules the initrd loads before the test program
    siblings: bool = False      # x86 KPTI: also capture the kernel's root next to the user's


COMPILER = {'amd64': 'x86_64-linux-gnu-gcc', 'i386': 'i686-linux-gnu-gcc', 'arm64': 'aarch64-linux-gnu-gcc',
            'riscv64': 'riscv64-linux-gnu-gcc'}
FAMILY   = {'x86_64': 'x86', 'i386': 'x86', 'aarch64': 'arm64', 'riscv64': 'riscv'}

X86, I386   = ('x86_64', 'amd64'), ('i386', 'i386')
ARM, RISCV  = ('aarch64', 'arm64'), ('riscv64', 'riscv64')
Q64, Q32    = 'qemu-system-x86_64', 'qemu-system-i386'
QARM, QRV   = 'qemu-system-aarch64', 'qemu-system-riscv64'
FW          = ('qemu_fw_cfg',)
HUGE_64K_2M = 'hugepagesz=64K hugepages=4 hugepagesz=2M hugepages=2'
RV_CPU      = '-M virt -accel tcg -cpu rv64,svpbmt=on,svnapot=on'

GUESTS = {g.name: g for g in (
    guest('x86_64-4level',  *X86,   'bookworm', 'linux-image-cloud-amd64', Q64,
          '-accel tcg -cpu max,la57=off -m 96M -device vmcoreinfo', 'ttyS0', 'nokaslr quiet hugepages=2',
          'x86-64 4-level', 'x86 levels=4', modules=FW),
    guest('x86_64-5level',  *X86,   'trixie',   'linux-image-cloud-amd64', Q64,
          '-M pc,max-ram-below-4g=128M -accel tcg -cpu max -m 1408M', 'ttyS0',
          'nokaslr pti=on quiet hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=2',
          'x86-64 5-level (LA57), KPTI, RAM above 4G, a 1G page', 'x86 levels=5', siblings=True),
    guest('i386-nopae',     *I386,  'bookworm', 'linux-image-686', Q32,
          '-accel tcg -cpu pentium3 -m 96M', 'ttyS0', 'nokaslr quiet hugepages=2',
          'i386 two-level (no PAE), PSE', 'x86 levels=2'),
    guest('i386-pae',       *I386,  'bookworm', 'linux-image-686-pae', Q32,
          '-accel tcg -cpu max -m 96M', 'ttyS0', 'nokaslr pti=on quiet hugepages=2',
          'i386 PAE, KPTI', 'x86 levels=3', siblings=True),
    guest('arm64-4k-48',    *ARM,   'bookworm', 'linux-image-cloud-arm64', QARM,
          '-M virt -accel tcg -cpu cortex-a72 -m 192M', 'ttyAMA0', f'nokaslr quiet rodata=on {HUGE_64K_2M}',
          'AArch64 4K granule, 48-bit, 4 levels', 'arm64 granule=4K levels=4 bits=48 ds=0'),
    guest('arm64-4k-lpa2',  *ARM,   'trixie',   'linux-image-cloud-arm64', QARM,
          '-M virt -accel tcg -cpu max,pauth-impdef=on -m 320M -device vmcoreinfo', 'ttyAMA0',
          f'nokaslr quiet rodata=on {HUGE_64K_2M}', 'AArch64 4K granule, LPA2 (DS=1) 52-bit, 5 levels',
          'arm64 granule=4K levels=5 bits=52 ds=1', modules=FW),
    guest('arm64-16k-lpa2', *ARM,   'trixie',   'linux-image-arm64-16k', QARM,
          '-M virt -accel tcg -cpu max,pauth-impdef=on -smp 2 -m 384M', 'ttyAMA0',
          'nokaslr quiet rodata=on hugepagesz=2M hugepages=2', 'AArch64 16K granule, LPA2 (DS=1) 52-bit, 4 levels',
          'arm64 granule=16K levels=4 bits=52 ds=1', vcpus=2),
    guest('riscv64-sv39',   *RISCV, 'trixie',   'linux-image-riscv64', QRV,
          f'{RV_CPU} -m 192M', 'ttyS0', f'nokaslr quiet no4lvl {HUGE_64K_2M}', 'RISC-V Sv39', 'riscv levels=3'),
    guest('riscv64-sv48',   *RISCV, 'trixie',   'linux-image-riscv64', QRV,
          f'{RV_CPU} -smp 2 -m 192M', 'ttyS0', f'nokaslr quiet no5lvl {HUGE_64K_2M}', 'RISC-V Sv48',
          'riscv levels=4', vcpus=2),
    guest('riscv64-sv57',   *RISCV, 'trixie',   'linux-image-riscv64', QRV,
          f'{RV_CPU} -m 320M', 'ttyS0', f'nokaslr quiet {HUGE_64K_2M}', 'RISC-V Sv57', 'riscv levels=5'),
)}
