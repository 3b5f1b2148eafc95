# SPDX-License-Identifier: MIT
"""Formats as files through the command: what is built is what is read, and a file does what the built-in format does."""
import os
import re
import sys
import tomllib
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(os.environ['PAGEWRIGHT_SOURCE_DIR']) / 'tests' / 'tool'))
from support import FAULT, UNREADABLE, folder_test, run, validator  # noqa: E402

SAMPLES = Path(os.environ['PAGEWRIGHT_SAMPLES'])


class format_files(folder_test):
    def setUp(self):
        super().setUp()
        self.file = self.toml('x86-64-4level')

    def toml(self, name):
        path = self.folder / f'{name}.toml'
        path.write_text(self.must('formats', name, '--toml').stdout)
        return path

    def ranges(self, *arguments):
        found = self.json_of('dump', *arguments)
        validator('dump').validate(found)
        return found['ranges']

    def test_a_file_reads_raw_memory_as_the_built_in_format_does(self):
        described = [self.raw, '--format-file', self.file, '--root', '1000']
        for merge in ('phys', 'rights', 'none'):
            self.assertEqual(self.ranges(*described, '--merge', merge), self.ranges(*self.image, '--merge', merge))
        known, own = (self.must('dump', *image, '--raw', '--no-header').stdout for image in (self.image, described))
        self.assertEqual(known, own)
        self.assertGreaterEqual(known.count('\n'), 8)
        for at in ('0', '1fff', '3abc', '400000', '7fffffffffff', '8000000000000000', '40200000'):
            known, own = (self.json_of('walk', *image, at, code=run('walk', *image, at).returncode)['walks'][0]
                          for image in (self.image, described))
            self.assertEqual((known.pop('through'), own.pop('through')), ('CR3', 'root'))
            self.assertEqual(known, own)

    def test_a_file_reads_captured_machines_as_the_built_in_format_does(self):
        for sample, name, image in (('riscv64-sv39', 'riscv-sv39', ['--satp', None]), ('x86_64-4level', 'x86-64-4level', []),
                                    ('x86_64-5level', 'x86-64-5level', []), ('riscv64-sv57', 'riscv-sv57', ['--satp', None])):
            with self.subTest(sample=sample):
                elf, facts = SAMPLES / f'{sample}.elf.zst', (SAMPLES / f'{sample}.json').read_text()
                if image:
                    image = ['--satp', re.search(r'"satp": *"?(0x[0-9a-f]+)', facts)[1]]
                known = self.json_of('dump', elf, *image)
                root  = known['source']['root']
                self.assertEqual(self.ranges(elf, '--format-file', self.toml(known['source']['roots'][0]['format']), '--root', root),
                                 known['ranges'])
                self.assertGreater(len(known['ranges']), 10)

    def test_info_walk_and_dump_say_what_describes_the_tables(self):
        described = [self.raw, '--format-file', self.file, '--root', '1000']
        for command, extra, code in (('info', [], 0), ('dump', [], 0), ('walk', ['0'], 0), ('walk', ['2000'], FAULT)):
            found = self.json_of(command, *described, *extra, code=code)
            validator(command).validate(found)
            self.assertEqual(found['source']['arch'], 'described')
            self.assertEqual(found['source']['mode'], 'x86-64-4level')
            self.assertEqual(found['source']['evidence'], [f'the tables are those that {self.file} describes'])
        self.assertIn('machine    described: x86-64-4level', self.must('info', *described).stdout)

    def test_what_does_not_go_together_is_refused(self):
        described = [self.raw, '--format-file', self.file]
        self.refused('dump', *described, says='with --format-file give the physical address of the top table as --root')
        self.refused('dump', *described, '--root', '1008', says='--root 0x1008: the top table of x86-64-4level is aligned to 4096 bytes')
        for more in (['--arch', 'x86-64'], ['--cr3', '1000'], ['--mode', 'sv39'], ['--cpu', '0'], ['--phys-bits', '40'], ['--mair', '0']):
            self.refused('dump', *described, '--root', '1000', *more, says='of the options about the machine only --root goes with it')
        self.refused('dump', self.raw, '--format-file', '', '--root', '0', says='--format-file: is given an empty value')

    def test_a_file_that_is_wrong_or_missing_is_unreadable_input(self):
        wrong = self.folder / 'wrong.toml'
        wrong.write_text(self.file.read_text().replace('shift      = 12', 'shift      = 13'))
        for arguments in (['dump', self.raw, '--format-file', wrong, '--root', '1000'], ['formats', wrong],
                          ['build', '--format-file', wrong, '--map', '0:4K:0:rwx', '-o', self.folder / 'x.bin']):
            self.refused(*arguments, code=UNREADABLE, says=f'{wrong}:')
            self.refused(*arguments, code=UNREADABLE, says="level 'PT' breaks the rule that index ranges tile the input address")
        self.refused('dump', self.raw, '--format-file', self.folder / 'none.toml', '--root', '0', code=UNREADABLE,
                     says='none.toml: cannot be read: No such file or directory')
        self.assertFalse((self.folder / 'x.bin').exists())


class build(folder_test):
    def setUp(self):
        super().setUp()
        self.out = self.folder / 'out.bin'

    def built(self, *arguments):
        found = self.json_of('build', *arguments, '-o', self.out)
        validator('build').validate(found)
        self.assertEqual(found['bytes'], self.out.stat().st_size)
        return found

    def described(self, name):
        path = self.folder / f'{name}.toml'
        path.write_text(self.must('formats', name, '--toml').stdout)
        return path

    def test_what_was_asked_for_is_what_dump_and_walk_find(self):
        asked = [(0x400000, 0x11000, 0x7000000, 'rx', 'WB'), (0x600000, 0x1000, 0x9000, 'rw', 'UC'),
                 (0xffff888000000000, 4 << 20, 0, 'k:rw', 'WB'), (0xffffffff80000000, 2 << 20, 0x40000000, 'k:rx', 'WT')]
        maps  = [w for va, size, pa, rights, t in asked for w in ('--map', f'{va:x}:{size:#x}:{pa:x}:{rights}:{t}')]
        found = self.built('--format', 'x86-64-4level', *maps)
        self.assertEqual((found['base'], found['root']), ('0x0000000001000000', '0x0000000001000000'))
        self.assertEqual(found['tables'], 1 + 3 + 1 + 2 + 2)
        readers = ([f'{self.out}@1000000', '--cr3', found['root'], '--arch', 'x86-64'],
                   [f'{self.out}@1000000', '--format-file', self.described('x86-64-4level'), '--root', found['root']])
        for reader in readers:
            ranges = self.json_of('dump', *reader)['ranges']
            self.assertEqual([(r['va'], r['len'], r['pa'], r['memory']) for r in ranges],
                             [(f'{va:#018x}', size, f'{pa:#018x}', t) for va, size, pa, rights, t in asked])
            for r, (_, _, _, rights, _) in zip(ranges, asked):
                side   = ''.join(c if c in rights[rights.find(':') + 1:] else '-' for c in 'rwx')
                effective = (r['rights']['kernel'], r['rights']['user'])
                self.assertEqual(effective, (side, '---' if rights.startswith('k:') else side))
            for va, size, pa, _, _ in asked:
                walk = self.json_of('walk', *reader, f'{va + size - 1:x}')['walks'][0]
                self.assertEqual(walk['pa'], f'{pa + size - 1:#018x}')
                self.must('walk', *reader, f'{va + size:x}', code=FAULT)

    def test_every_format_is_built_alike_by_name_and_by_file_and_read_back(self):
        """Whatever the format: its smallest page, mapped near the end of its input, is there and nothing else is."""
        names, read_only = self.names(), []
        self.assertGreater(len(names), 60)
        for name in names:
            with self.subTest(format=name):
                file = self.described(name)
                f    = tomllib.loads(file.read_text())
                self.assertEqual(self.must('formats', file, '--toml').stdout, file.read_text())
                low  = f['level'][-1]
                if low['index_bits'] == 0:
                    low = f['level'][-2]
                top   = f['level'][0]['shift'] + f['level'][0]['index_bits']
                first = (1 << top) - (1 << low['shift'] + 1)
                if f.get('upper', 'zero') != 'zero':
                    first |= (1 << f.get('input_width', 64)) - (1 << top)
                page, to = 1 << low['shift'], 1 << max(24, low['shift'])
                done = rights = None
                for rights in ('rw', 'rwx', 'r', 'rx', 'k:rw', 'k:rwx'):
                    done = run('build', '--format', name, '--map', f'{first:x}:{page}:{to:x}:{rights}', '-o', self.out,
                               '--frames', '800000+8M')
                    if 'rights the format cannot express' not in done.stderr:
                        break
                if 'which can be read only' in done.stderr:
                    read_only.append(name)
                    continue
                self.assertEqual(done.returncode, 0, done.stderr)
                by_name = self.out.read_bytes()
                self.must('build', '--format-file', file, '--map', f'{first:x}:{page}:{to:x}:{rights}', '-o', self.out,
                          '--frames', '800000+8M')
                self.assertEqual(self.out.read_bytes(), by_name)
                reader = [f'{self.out}@800000', '--format-file', file, '--root', '800000']
                ranges = self.json_of('dump', *reader)['ranges']
                self.assertEqual([(r['va'], r['len'], r['pa']) for r in ranges], [(f'{first:#018x}', page, f'{to:#018x}')])
                walk = self.json_of('walk', *reader, f'{first + 5:x}')['walks'][0]
                self.assertEqual(walk['pa'], f'{to + 5:#018x}')
                self.must('walk', *reader, f'{first - 1:x}', code=FAULT)
        self.assertLess(len(read_only), 8, read_only)

    def names(self):
        return re.findall(r'^  (\S+) +\d+  \d+', self.must('formats').stdout, re.M)

    def test_tables_lie_around_a_root_in_the_middle(self):
        found = self.built('--format', 'riscv-sv39', '--map', '0:4K:80000000:rw', '--map', '40000000:4K:80001000:rw',
                           '--frames', '2000+1M', '--root-at', '3000')
        self.assertEqual((found['base'], found['root'], found['tables'], found['bytes']),
                         ('0x0000000000002000', '0x0000000000003000', 5, 5 << 12))
        image = [f'{self.out}@2000', '--format-file', self.described('riscv-sv39'), '--root', '3000']
        self.assertEqual([r['pa'] for r in self.json_of('dump', *image)['ranges']], ['0x0000000080000000', '0x0000000080001000'])

    def test_the_console_says_where_image_and_root_are(self):
        done = self.must('build', '--format', 'riscv-sv39', '--map', '0:4K:80000000:rw', '-o', self.out)
        self.assertEqual(done.stdout, f'image      {self.out}@1000000\nroot       0x0000000001000000\n'
                                      'format     riscv-sv39\ntables     3 in 12K\n')

    def test_what_cannot_be_built_is_refused_with_what_could(self):
        def wrong(*maps, says, more=()):
            words = [w for m in maps for w in ('--map', m)]
            self.refused('build', '--format', 'x86-64-4level', *words, *more, '-o', self.out, says=says)
            self.assertFalse(self.out.exists())

        wrong('0:4K:1:rwx', says="--map '0:4K:1:rwx': x86-64-4level at 0x0: misaligned; VA, LEN and PA must be multiples of 4K")
        wrong('800000000000:4K:0:rwx', says='outside the input range; it translates 0x0-0x7fffffffffff and '
              '0xffff800000000000-0xffffffffffffffff')
        wrong('0:4K:10000000000000:rwx', says='output address too wide; its output addresses have 52 bits')
        wrong('0:4K:0:w', says='rights the format cannot express; the least that it can say and that includes them is rw')
        wrong('0:4K:0:rw:NC', says='memory type the format cannot express; it has: WB, WT, UC-, UC')
        wrong('0:8K:0:rw', '1000:4K:0:rw', says="--map '1000:4K:0:rw': x86-64-4level at 0x1000: occupied; another --map covers it")
        wrong('0:4K:0:rw', says='no frames left; --frames 0x1000-0x2fff is used up', more=['--frames', '1000+8K'])
        wrong('0:4K:0:rw', says='--frames 0x1000-0x17ff: no room for the top table', more=['--frames', '1000+2K'])
        wrong('0:4K:0:rw', says='begins at a multiple of 4K and has at most 1G', more=['--frames', '1000+2G'])
        wrong('0:4K:0:rw', says='begins at a multiple of 4K and has at most 1G', more=['--frames', '1800+8K'])
        wrong('0:4K:0:rw', says='--root-at 0x800: the top table of x86-64-4level is aligned', more=['--root-at', '800'])
        wrong('0:4K:0:rw', says='--root-at 0x1000: the top table, of 4096 bytes, does not lie in --frames 0x1000000-0x4ffffff',
              more=['--root-at', '1000'])
        wrong('0:4K:0', says="--map '0:4K:0': write VA:LEN:PA:RIGHTS or VA:LEN:PA:RIGHTS:TYPE")
        wrong('zz:4K:0:r', says="'zz' is not a hexadecimal address")
        wrong('0:4Q:0:r', says="'4Q' is not a size")
        wrong('0:0:0:r', says='the range is empty, or goes beyond the last address')
        wrong('0:4K:0:rq', says="'rq' does not begin with rights: write letters of rwx, or k:rw,u:r")
        wrong('0:4K:0:r:Best', says="'Best' is no memory type; there are: WB, WT, ")
        wrong(says='nothing to build: give one or more --map')
        self.refused('build', '--map', '0:4K:0:r', '-o', self.out, says='either --format-file FILE or --format NAME')
        self.refused('build', '--format', 'x86-64-4level', '--map', '0:4K:0:rw', says='the image needs a name: -o IMAGE')
        self.refused('build', '--format', 'x86-64-4levle', '--map', '0:4K:0:rw', '-o', self.out, says='x86-64-4level')


if __name__ == '__main__':
    unittest.main()
