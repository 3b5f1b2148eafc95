# SPDX-License-Identifier: MIT
"""A page-table walker of its own, per address and from the registers alone, so that a fixture is checked by code that
shares nothing with the library it will test. It answers what the monitor's gva2gpa answers (samples/README.md): x86
without rights and reserved bits, AArch64 a privileged load with PAN=0, RISC-V a supervisor load with SUM=1 and MXR=1.

A regime has `granule` (log2), `width` (bytes of an entry), `shape`, `tops` (the top table of each half, see `top`) and
  start(va)                 -> top, or None when the address is not canonical or its half is switched off
  decode(level, entry, va)  -> None | ('table', pa) | ('leaf', pa of the first byte of the leaf)
Levels count from the leaves."""
from typing import NamedTuple

TABLE, LEAF = 'table', 'leaf'


class top(NamedTuple):
    table: int
    level: int
    bits: int           # log2 of the slots of the top table
    first: int          # first input address


class leaf(NamedTuple):
    va: int
    pa: int
    size: int
    entry: int


def mask(first, last):
    return (1 << (last + 1)) - (1 << first)


class radix:
    """What all three families share: levels of equal index width over a granule."""
    width, index = 8, 9

    def shift(self, level):
        return self.granule + level * self.index

    def start(self, va):
        half = self.tops[va >> 63] if len(self.tops) > 1 else self.tops[0]
        span = self.shift(half.level) + half.bits
        return half if (va ^ half.first) >> span == 0 else None

    def halves(self, table, levels, canonical):
        """Top tables of both halves of a sign-extended space, as two views of the one table."""
        span, index = self.granule + levels * self.index, self.index
        if not canonical:
            return [top(table, levels - 1, index, 0)]
        upper = (1 << 64) - (1 << (span - 1))
        offset = self.width << (index - 1)
        return [top(table, levels - 1, index - 1, 0), top(table + offset, levels - 1, index - 1, upper)]


class x86(radix):
    """SDM vol. 3A chapter 5 (32-bit, PAE, 4-level, 5-level paging)."""
    granule, bits_of_va = 12, 64

    def __init__(self, r):
        cr3, cr4, long_mode = r['cr3'], r['cr4'], r['efer'] >> 10 & 1
        self.pse, self.pae = cr4 >> 4 & 1 or cr4 >> 5 & 1, cr4 >> 5 & 1
        if long_mode:
            self.levels = 5 if cr4 >> 12 & 1 else 4
            self.tops   = self.halves(cr3 & mask(12, 51), self.levels, canonical=True)
        elif self.pae:
            self.levels, self.bits_of_va = 3, 32
            self.tops = [top(cr3 & mask(5, 31), 2, 2, 0)]
        else:
            self.levels, self.bits_of_va, self.width, self.index = 2, 32, 4, 10
            self.tops = [top(cr3 & mask(12, 31), 1, 10, 0)]
        self.shape = f'x86 levels={self.levels}'

    def decode(self, level, e, va):
        if not e & 1:
            return None
        may_be_large = level == 1 or (level == 2 and self.levels > 3)
        if level and not (may_be_large and self.pse and e >> 7 & 1):
            return TABLE, e & (mask(12, 51) if self.pae else mask(12, 31))
        if not self.pae:         # a 4M leaf keeps address bits 39:32 in bits 20:13 (PSE-36)
            return LEAF, e & mask(22, 31) | (e >> 13 & 0xff) << 32 if level else e & mask(12, 31)
        return LEAF, e & mask(self.shift(level), 51)

    @staticmethod
    def flags(e):
        """The leaf's bits as the monitor's `info tlb` prints them."""
        return ''.join(c if e >> b & 1 else '-'
                       for c, b in zip('XGPDACTUW', (63, 8, 7, 6, 5, 4, 3, 2, 1)))


class arm64(radix):
    """Arm ARM DDI 0487, D8.3 (VMSAv8-64 descriptors), stage 1 of the EL1&0 regime."""
    bits_of_va = 64
    GRANULES   = ({0: 12, 1: 16, 2: 14}, {1: 14, 2: 12, 3: 16})             # TCR.TG0 and TCR.TG1 differ

    def __init__(self, r):
        tcr, mmfr0   = r['tcr_el1'], r['id_aa64mmfr0_el1']
        self.ds      = tcr >> 59 & 1
        self.granule = self.GRANULES[1][tcr >> 30 & 3]
        self.index   = self.granule - 3
        self.af      = not tcr >> 39 & 1                                    # TCR.HA=0: a clear access flag faults
        self.pa_bits = (32, 36, 40, 42, 44, 48, 52)[min(tcr >> 32 & 7, mmfr0 & 7)]
        self.tops, self.tbi = [], (tcr >> 37 & 1, tcr >> 38 & 1)
        for half, (ttbr, size, off) in enumerate((('ttbr0_el1', tcr & 63, tcr >> 7 & 1),
                                                  ('ttbr1_el1', tcr >> 16 & 63, tcr >> 23 & 1))):
            span  = 64 - size
            level = -(-(span - self.granule) // self.index) - 1
            bits  = span - self.shift(level)
            base  = r[ttbr] & mask(max(bits + 3, 6 if self.ds else 0), 47)
            if self.ds:                                                     # TTBR.BADDR[5:2] are address bits 51:48
                base |= (r[ttbr] >> 2 & 15) << 48
            self.tops.append(None if off else top(base, level, bits, (1 << 64) - (1 << span) if half else 0))
            self.span, self.levels = span, level + 1
        name = {12: '4K', 14: '16K', 16: '64K'}[self.granule]
        self.shape = f'arm64 granule={name} levels={self.levels} bits={self.span} ds={self.ds}'

    def start(self, va):
        half = va >> 55 & 1
        t    = self.tops[half]
        if self.tbi[half]:                                                  # the top byte takes no part
            va = va & mask(0, 55) | (0xff << 56 if half else 0)
        return t if t and (va ^ t.first) >> (self.shift(t.level) + t.bits) == 0 else None

    def decode(self, level, e, va):
        blocks = {12: 2 + self.ds, 14: 1 + self.ds, 16: 1}[self.granule]    # highest level that may hold a block
        if not e & 1 or (not e & 2 and not 0 < level <= blocks):
            return None
        pa = e & mask(self.granule, 49 if self.ds else 47)
        if self.ds:
            pa |= (e >> 8 & 3) << 50
        if pa >> self.pa_bits:
            return None
        if level and e & 2:
            return TABLE, pa
        return None if self.af and not e >> 10 & 1 else (LEAF, pa & ~mask(0, self.shift(level) - 1))


class riscv(radix):
    """Privileged architecture, 12.3 to 12.6 (Sv39, Sv48, Sv57) and the Svnapot chapter."""
    granule, bits_of_va = 12, 64
    V, R, W, X, U, G, A, D = (1 << b for b in range(8))

    def __init__(self, r):
        self.levels = {8: 3, 9: 4, 10: 5}[r['satp'] >> 60]
        self.tops   = self.halves((r['satp'] & mask(0, 43)) << 12, self.levels, canonical=True)
        self.shape  = f'riscv levels={self.levels}'

    def decode(self, level, e, va):
        if not e & self.V or (e & self.W and not e & self.R):
            return None
        ppn = e >> 10 & mask(0, 43)
        if not e & (self.R | self.X):
            return (TABLE, ppn << 12) if level else None
        if ppn & mask(0, 9 * level - 1) if level else 0:
            return None                                                     # a misaligned superpage
        if e >> 63:                                                         # Svnapot: 64K as sixteen entries
            if level or ppn & 15 != 8:
                return None
            ppn = ppn & ~15 | va >> 12 & 15
        return LEAF, ppn << 12

    @classmethod
    def flags(cls, e):
        """The leaf's bits as the monitor's `info mem` prints them."""
        bits = cls.R, cls.W, cls.X, cls.U, cls.G, cls.A, cls.D
        return ''.join(c if e & b else '-' for c, b in zip('rwxugad', bits))


REGIMES = {'x86_64': x86, 'i386': x86, 'aarch64': arm64, 'riscv64': riscv}


def regime_of(arch, registers):
    return REGIMES[arch]({k: int(v, 16) for k, v in registers.items()})


def walk(regime, memory, va):
    """The leaf that translates an address, or None. At most one read per level."""
    t = regime.start(va)
    if t is None:
        return None
    table, bits = t.table, t.bits
    for level in range(t.level, -1, -1):
        shift = regime.shift(level)
        raw   = memory.read(table + (va >> shift & mask(0, bits - 1)) * regime.width, regime.width)
        found = raw and regime.decode(level, int.from_bytes(raw, 'little'), va)
        if not found:
            return None
        if found[0] is LEAF:
            return leaf(va & ~mask(0, shift - 1), found[1], 1 << shift, int.from_bytes(raw, 'little'))
        table, bits = found[1], regime.index
    return None


def translate(regime, memory, va):
    hit = walk(regime, memory, va)
    return None if hit is None else hit.pa + va - hit.va


def sweep(regime, memory):
    """All of an address space: (pages of its tables, leaves by address, holes as (va, size))."""
    pages, leaves, holes = set(), [], []

    def table(pa, level, bits, first):
        data = memory.read(pa, regime.width << bits)
        if data is None:
            return False
        pages.update(range(pa & ~4095, pa + len(data), 4096))
        size = 1 << regime.shift(level)
        for slot in range(1 << bits):
            va    = first + slot * size
            entry = int.from_bytes(data[slot * regime.width:(slot + 1) * regime.width], 'little')
            found = entry and regime.decode(level, entry, va)
            if not found:
                holes.append((va, size))
            elif found[0] is LEAF:
                leaves.append(leaf(va, found[1], size, entry))
            elif not table(found[1], level - 1, regime.index, va):
                holes.append((va, size))
        return True

    for t in filter(None, regime.tops):
        table(t.table, t.level, t.bits, t.first)
    return pages, leaves, holes
