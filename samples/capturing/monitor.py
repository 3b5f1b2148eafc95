# SPDX-License-Identifier: MIT
"""The monitor's tables, `info tlb` (x86) and `info mem` (RISC-V), as answer lines, with the monitor's known errors
corrected and counted. Nothing here looks at a page table: the lines stay QEMU's word."""
import re
from typing import NamedTuple

SMALL = 4096


class extent(NamedTuple):
    va: int
    pa: int
    size: int
    flags: str

    def __str__(self):
        return f'{self.va:x} {self.pa:x} {self.size:x} {self.flags}'


def info_tlb(text, long_mode, pae, gva2gpa):
    """Returns (extents, corrections). The monitor prints no sizes: a line whose P is clear is a small page (there, P is
    the PAT bit on a small one). With P set, a larger page is believed when both addresses are aligned to it, no other
    line starts one smaller page further on, and the monitor maps that address all the same."""
    lines = [(int(m[1], 16), int(m[2], 16), m[3])
             for m in re.finditer(r'^([0-9a-f]+): ([0-9a-f]+) ([XGPDACTUW-]{9})', text, re.M)]
    starts, leaked, out = {va for va, _, _ in lines}, 0, []
    large = [1 << 21, 1 << 30] if long_mode else [1 << 21] if pae else [1 << 22]
    for va, pa, flags in lines:
        if pa >> 52:
            leaked += 1
            pa &= (1 << 52) - 1
        size = SMALL
        for bigger in large if flags[2] == 'P' else ():
            if (va | pa) % bigger or va + size in starts or gva2gpa(va + size) != pa + size:
                break
            size = bigger
        out.append(extent(va, pa, size, flags))
    notes = [f'info tlb printed the NX bit (63) inside the physical address on {leaked} lines; cut to 52 bits'] \
        if leaked else []
    return sorted(out), notes


def info_mem_riscv(text):
    """Returns (extents, corrections)."""
    lines = [(int(m[1], 16), int(m[2], 16), int(m[3], 16), m[4])
             for m in re.finditer(r'^([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([rwxugad-]{7})', text, re.M)]
    leaked = sum(1 for l in lines if l[1] >> 56)
    lines  = [extent(va, pa & (1 << 56) - 1, size, flags) for va, pa, size, flags in lines]
    groups = {}
    for i, l in enumerate(lines):
        if l.size == SMALL and l.pa & 0xffff == 0x8000:
            groups.setdefault((l.va >> 16, l.pa), []).append(i)
    raw = sorted(i for g in groups.values() if len(g) >= 8 for i in g)
    for i in raw:
        l = lines[i]
        lines[i] = l._replace(pa=(l.pa & ~0xffff) | l.va & 0xffff)
    notes = []
    if leaked:
        notes.append(f'info mem printed memory-type bits (PBMT) inside the physical address on {leaked} ranges; '
                     'cut to 56 bits')
    if raw:
        notes.append(f'info mem printed the undecoded address of a Svnapot group on {len(raw)} ranges; '
                     'replaced by the base of the group plus the offset of the page')
    return sorted(lines), notes
