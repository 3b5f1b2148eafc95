# SPDX-License-Identifier: MIT
"""Reading and writing the files of a fixture, and checking them against the walker from nothing but these files."""
import json
from pathlib import Path
import subprocess
import tempfile
from typing import NamedTuple

from .core import core
from .guests import FAMILY, GUESTS, failure
from .monitor import extent
from .packages import run
from .walker import regime_of, sweep, translate, walk


class asked(NamedTuple):
    """What the monitor said of one address: `pa` is None for "unmapped"."""
    va: int
    pa: int | None

    def __str__(self):
        return f'T {self.va:x} {"unmapped" if self.pa is None else format(self.pa, "x")}'


class truth(NamedTuple):
    """What the guest kernel said of a page of its program: `pa` is None for the page made PROT_NONE."""
    va: int
    pa: int | None

    def __str__(self):
        return f'G {self.va:x} {"protnone" if self.pa is None else format(self.pa, "x")}'


class answers(NamedTuple):
    ranges: list        # of extent
    asked: list         # of asked
    guest: list         # of truth

    def text(self):
        return ''.join(f'{line}\n' for part in self for line in part)

    def counts(self):
        return {'ranges': len(self.ranges), 'T': len(self.asked),
                'T_mapped': sum(pa is not None for _, pa in self.asked), 'G': len(self.guest)}


def parse_answers(text, path):
    out = answers([], [], [])
    for number, line in enumerate(text.splitlines(), 1):
        word = line.split(' ')
        try:
            if word[0] in 'TG' and len(word) == 3:
                target = {'unmapped': None, 'protnone': None}.get(word[2], word[2])
                line_of, part = (asked, out.asked) if word[0] == 'T' else (truth, out.guest)
                part.append(line_of(int(word[1], 16), None if target is None else int(target, 16)))
            else:
                va, pa, size, flags = word
                out.ranges.append(extent(int(va, 16), int(pa, 16), int(size, 16), flags))
        except ValueError:
            raise failure(f'{path}, line {number}: not an answer: {line!r}') from None
    return out


def compress(path, data):
    subprocess.run(['zstd', '-19', '-q', '-f', '-o', str(path)], input=data, check=True)


def decompress(path, destination=None):
    if not path.exists():
        raise failure(f'{path} is missing: capture it with samples/capture {path.name.split(".")[0]}')
    if destination:
        run(['zstd', '-d', '-q', '-f', '-o', str(destination), str(path)])
        return destination
    return run(['zstd', '-d', '-q', '-c', str(path)])


def range_agrees(family, regime, memory, line):
    if family == 'x86':         # one line is one leaf
        hit, last = walk(regime, memory, line.va), walk(regime, memory, line.va + line.size - 1)
        return hit is not None and hit == last and hit[:3] == line[:3] and regime.flags(hit.entry) == line.flags
    at = line.va                # one line is a run of leaves
    while at < line.va + line.size:
        hit = walk(regime, memory, at)
        if hit is None or hit.va != at or hit.pa != line.pa + at - line.va or regime.flags(hit.entry) != line.flags:
            return False
        at += hit.size
    return at == line.va + line.size


def agreement(arch, context, memory, said):
    """Returns (the JSON's agreement of one context, the first few lines that disagree)."""
    regime, wrong, family = regime_of(arch, context['registers']), [], FAMILY[arch]
    missing = memory.missing

    def count(lines, agrees):
        bad = [line for line in lines if not agrees(line)]
        wrong.extend(bad)
        return f'{len(lines) - len(bad)}/{len(lines)}'

    def point(line):
        return translate(regime, memory, line.va) == line.pa

    out = {'walker_ranges': count(said.ranges, lambda l: range_agrees(family, regime, memory, l)),
           'walker_T': count(said.asked, point), 'walker_G': count(said.guest, point)}
    # Every line may be right and lines may still be lacking: the tables must map nothing besides the ranges.
    if said.ranges:
        _, leaves, _ = sweep(regime, memory)
        mapped, listed = sum(l.size for l in leaves), sum(r.size for r in said.ranges)
        if mapped != listed:
            wrong.append(f'the tables map {mapped:#x} bytes, the ranges {listed:#x}')
    out['missing_pages'] = memory.missing - missing
    if out['missing_pages']:
        wrong.append('table pages are missing')
    return out, [str(line) for line in wrong[:5]]


def check(folder, name):
    """Re-checks a stored fixture, without QEMU or a network. Returns lines for the user; raises on a difference."""
    folder = Path(folder)
    path = folder / f'{name}.json'
    if not path.exists():
        raise failure(f'{path} is missing: capture it with samples/capture {name}')
    facts, lines = json.loads(path.read_text()), []
    with tempfile.TemporaryDirectory() as temporary:
        memory = core(decompress(folder / f'{name}.elf.zst', Path(temporary) / 'core'))
        pages, runs = sum(size for _, size, _ in memory.runs) // 4096, len(memory.runs)
        if (pages, runs) != (facts['table_pages'], facts['table_runs']):
            raise failure(f'{name}: the JSON promises {facts["table_pages"]} pages in {facts["table_runs"]} runs, '
                          f'the core has {pages} in {runs}')
        if any(offset % 4096 for _, _, offset in memory.runs) or memory.machine != facts['e_machine']:
            raise failure(f'{name}: the core is not laid out as samples/README.md says')
        for context in facts['contexts']:
            shape = regime_of(facts['arch'], context['registers']).shape
            if shape != GUESTS[name].shape:
                raise failure(f'{name}: the registers show "{shape}", expected "{GUESTS[name].shape}"')
            where = folder / context['answers']
            said = parse_answers(decompress(where), where)
            if said.counts() != context['lines']:
                raise failure(f'{where}: the JSON promises {context["lines"]} lines, the file has {said.counts()}')
            found, wrong = agreement(facts['arch'], context, memory, said)
            if wrong or found != {k: v for k, v in facts['agreement'][context['id']].items() if k in found}:
                raise failure(f'{name} {context["id"]}: walker and answers differ: {found}; first: {wrong}')
            lines.append(f'{name} {context["id"]}: ' + ', '.join(f'{k} {v}' for k, v in found.items()))
    return lines
