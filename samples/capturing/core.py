# SPDX-License-Identifier: MIT
"""ELF cores: reads QEMU's dump, writes and reads back the sparse core of a fixture. 64-bit little-endian only, which is
what QEMU writes for every guest in the table, i386 included."""
import bisect
import mmap
import struct

from .guests import failure

HEADER, SEGMENT = struct.Struct('<16sHHIQQQIHHHHHH'), struct.Struct('<IIQQQQQQ')
PT_LOAD, PT_NOTE, ET_CORE, PF_R = 1, 4, 4, 4
PAGE = 4096


class core:
    """Guest-physical memory of an ELF core. A read outside of it gives None and is counted."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            self._bytes = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        if self._bytes[:6] != b'\x7fELF\x02\x01':
            raise failure(f'{path} is not a 64-bit little-endian ELF file')
        h = HEADER.unpack_from(self._bytes)
        if h[1] != ET_CORE:
            raise failure(f'{path} is ELF, but not a core (e_type {h[1]}, expected {ET_CORE})')
        self.machine, offset, count = h[2], h[5], h[10]
        segments = [SEGMENT.unpack_from(self._bytes, offset + i * SEGMENT.size) for i in range(count)]
        self.note = b''.join(self._bytes[s[2]:s[2] + s[5]] for s in segments if s[0] == PT_NOTE)
        self.runs = sorted((s[4], s[5], s[2]) for s in segments if s[0] == PT_LOAD)     # address, size, offset
        self._starts = [r[0] for r in self.runs]
        self.missing = 0

    def read(self, pa, size):
        """`size` bytes at a physical address, or None when the core does not hold all of them."""
        i = bisect.bisect_right(self._starts, pa) - 1
        if i >= 0 and pa + size <= self.runs[i][0] + self.runs[i][1]:
            at = self.runs[i][2] + pa - self.runs[i][0]
            return self._bytes[at:at + size]
        self.missing += 1
        return None


def runs_of(pages):
    """Sorted 4K page addresses -> list of (address, size) of neighbours."""
    out = []
    for pa in sorted(pages):
        if out and sum(out[-1]) == pa:
            out[-1] = (out[-1][0], out[-1][1] + PAGE)
        else:
            out.append((pa, PAGE))
    return out


def write_sparse(path, dump, pages):
    """Writes a core with the note of `dump` and only the given pages of it. Every PT_LOAD starts on a page boundary."""
    runs    = runs_of(pages)
    note_at = HEADER.size + SEGMENT.size * (1 + len(runs))
    at      = -(-(note_at + len(dump.note)) // PAGE) * PAGE
    out     = [HEADER.pack(b'\x7fELF\x02\x01\x01'.ljust(16, b'\0'), ET_CORE, dump.machine, 1, 0, HEADER.size, 0, 0,
                           HEADER.size, SEGMENT.size, 1 + len(runs), 0, 0, 0),
               SEGMENT.pack(PT_NOTE, 0, note_at, 0, 0, len(dump.note), len(dump.note), 0)]
    pad, body = at - note_at - len(dump.note), []
    for pa, size in runs:
        data = dump.read(pa, size)
        if data is None:
            raise failure(f'the dump lacks the table pages {pa:x}..{pa + size - 1:x}: a table lies outside of RAM')
        out.append(SEGMENT.pack(PT_LOAD, PF_R, at, 0, pa, size, size, PAGE))
        body.append(data)
        at += size
    path.write_bytes(b''.join([*out, dump.note, bytes(pad), *body]))
    return runs
