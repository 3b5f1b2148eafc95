# SPDX-License-Identifier: MIT
"""The command on dumps of real guests: its JSON against the emulator's answers, address by address."""
import bisect
import json
import os
import random
import subprocess
import unittest
from pathlib import Path

from support import TOOL, validator

OPTIONS = {'x86_64': {'cr0': '--cr0', 'cr3': '--cr3', 'cr4': '--cr4', 'efer': '--efer', 'pat': '--pat'},
           'aarch64': {'ttbr0_el1': '--ttbr0', 'ttbr1_el1': '--ttbr1', 'tcr_el1': '--tcr', 'mair_el1': '--mair'},
           'arm': {name: f'--{name}' for name in ('ttbr0', 'ttbr1', 'ttbcr', 'sctlr', 'prrr', 'nmrr', 'mair0', 'mair1')},
           'riscv64': {'satp': '--satp'},
           's390x': {}}                         # the dumps hold everything: the vCPU alone is named
OPTIONS['i386'] = OPTIONS['x86_64']


def absolute(real, prefix):
    """s390x: the emulator answers with absolute addresses, tables hold real ones."""
    block = real & ~0x1fff if real is not None else None
    return real if block not in (0, prefix) else real ^ prefix


def fixtures():
    for folder in filter(None, map(os.environ.get, ('PAGEWRIGHT_SAMPLES', 'PAGEWRIGHT_IMAGES'))):
        for path in sorted(Path(folder).glob('*.json')):
            about = json.loads(path.read_text())
            memory = path.with_suffix('.elf.zst')
            if about.get('arch') in OPTIONS and memory.exists():
                yield path, about, memory


def translations(path):
    """(address, physical address or None) of every T line."""
    text = subprocess.run(['zstd', '-dcq', path], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        kind, *rest = line.split()
        if kind == 'T':
            yield int(rest[0], 16), None if rest[1] == 'unmapped' else int(rest[1], 16)


class lookup:
    """Where a dump says that an address leads."""

    def __init__(self, dumped):
        self.ranges = sorted(dumped['ranges'], key=lambda r: int(r['va'], 16))
        self.firsts = [int(r['va'], 16) for r in self.ranges]
        self.tagged = {int(root['last'], 16) >> 63 for root in dumped['source']['roots'] if root['tag_bits'] == 8}

    def __getitem__(self, address):
        if address >> 55 & 1 in self.tagged:    # Arm: bit 55 stands for the byte that is not looked at
            address = address & (1 << 56) - 1 | (0xff << 56 if address >> 55 & 1 else 0)
        i = bisect.bisect(self.firsts, address) - 1
        if i < 0:
            return None
        r, offset = self.ranges[i], address - self.firsts[i]
        return int(r['pa'], 16) + offset if offset < r['len'] else None


class real_guests(unittest.TestCase):
    def setUp(self):
        self.found = list(fixtures())
        if not self.found:
            self.skipTest('neither PAGEWRIGHT_SAMPLES nor PAGEWRIGHT_IMAGES names a folder of fixtures: NOTHING WAS COMPARED')

    def contexts(self):
        for path, about, memory in self.found:
            for context in about['contexts']:
                registers = {**about['registers'], **context['registers']}
                given = [word for name, option in OPTIONS[about['arch']].items() if name in registers
                         for word in (option, registers[name])]
                answers = list(translations(path.parent / context['answers']))
                if about['arch'] == 's390x':    # prefixing is its own inverse
                    given = ['--cpu', str(context['vcpu'])]
                    prefix = int(registers['prefix'], 16)
                    answers = [(va, absolute(pa, prefix)) for va, pa in answers]
                where = f"{path}, {context['id']}"
                yield where, about, memory, given, answers

    def run_json(self, *words, code=0, **options):
        done = subprocess.run([TOOL, *map(str, words), '--output', 'json'], capture_output=True, text=True, timeout=120, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)

    def test_dumps_lead_every_address_where_the_emulator_says(self):
        check = validator('dump')
        for where, about, memory, given, answers in self.contexts():
            dumped = self.run_json('dump', memory, '--expand-repeats', *given)
            self.assertEqual([e.message for e in check.iter_errors({**dumped, 'ranges': dumped['ranges'][:20]})], [])
            self.assertEqual(dumped['source']['arch'], about['arch'])
            self.assertEqual((dumped['unreadable'], dumped['reserved']), ([], []), where)
            found = lookup(dumped)
            wrong = [f'{va:x}: expected {pa}, got {found[va]}' for va, pa in answers if found[va] != pa]
            self.assertEqual(wrong[:10], [], f'{where}: {len(wrong)} of {len(answers)} differ')

    def test_walks_of_a_batch_answer_like_the_emulator(self):
        check = validator('walk')
        for where, _, memory, given, answers in self.contexts():
            lines = ''.join(f'{va:#x}\n' for va, _ in answers)
            walked = self.run_json('walk', memory, '--batch', '-', '--no-trace', *given, input=lines, code=4)['walks']
            wrong = [f"{va:x}: expected {pa}, got {w}" for (va, pa), w in zip(answers, walked, strict=True)
                     if (int(w['pa'], 16) if w['ok'] else None) != pa or int(w['va'], 16) != va]
            self.assertEqual(wrong[:10], [], f'{where}: {len(wrong)} of {len(answers)} differ')
            some = [f'{va:x}' for va, _ in random.Random(1).sample(answers, 5)]
            document = self.run_json('walk', '-f', memory, *some, '0', *given, code=4)
            self.assertEqual([e.message for e in check.iter_errors(document)], [])

    def test_s390x_dumps_need_no_options(self):
        for path, about, memory in self.found:
            if about['arch'] != 's390x':
                continue
            with self.subTest(fixture=str(path)):
                alone = self.run_json('dump', memory)
                self.assertEqual(alone['source']['arch'], 's390x')
                for context in about['contexts']:
                    shown = self.run_json('dump', memory, '--cpu', context['vcpu'])
                    registers = {**about['registers'], **context['registers']}
                    given = self.run_json('dump', memory, '--asce', registers[context['translation_asce']], '--cr0', registers['c0'])
                    self.assertEqual(shown['ranges'], given['ranges'])
                    named = {'c1': 'primary', 'c7': 'secondary', 'c13': 'home'}[context['translation_asce']]
                    self.assertEqual(self.run_json('dump', memory, '--cpu', context['vcpu'], '--mode', named)['ranges'], shown['ranges'])
                self.assertEqual(alone['ranges'], self.run_json('dump', memory, '--cpu', '0')['ranges'])

    def test_x86_dumps_need_no_options(self):
        for path, about, memory in self.found:
            if about['arch'] not in ('x86_64', 'i386') or about['contexts'][0].get('root_derived_from_sibling'):
                continue
            with self.subTest(fixture=str(path)):
                alone = self.run_json('dump', memory)
                registers = about['contexts'][0]['registers']
                given = [word for name in ('cr0', 'cr3', 'cr4', 'efer') for word in (f'--{name}', registers[name])]
                self.assertEqual(alone['ranges'], self.run_json('dump', memory, *given)['ranges'])
                self.assertEqual(alone['source']['arch'], about['arch'])


if __name__ == '__main__':
    unittest.main(verbosity=1)
