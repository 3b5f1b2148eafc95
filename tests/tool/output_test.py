# SPDX-License-Identifier: MIT
"""What the command writes: JSON against its schemas, the other layouts against the JSON, files, colours."""
import csv
import io
import json
import os
import pty
import struct
import subprocess
import unittest

from support import ANY, FAULT, TOOL, folder_test, tables, validator


class documents(folder_test):
    def check(self, instance, name, part=None):
        errors = [f'{list(e.path)}: {e.message}' for e in validator(name, part).iter_errors(instance)]
        self.assertEqual(errors, [])

    def test_every_document_fits_its_schema(self):
        self.check(self.json_of('info', self.raw), 'info')
        self.check(self.json_of('info', *self.image), 'info')
        for options in ([], ['--raw'], ['--merge', 'rights'], ['--merge', 'none'], ['--expand-repeats'], ['--limit', '1']):
            self.check(self.json_of('dump', *self.image, *options), 'dump')
        for options in ([], ['--no-trace']):
            self.check(self.json_of('walk', *self.image, '0', '2000', '400000', '600000', '8000000000000000', *options, code=FAULT), 'walk')

    def test_every_line_of_ndjson_fits_the_schema_of_a_line(self):
        for line in self.must('dump', *self.image, '--output', 'ndjson').stdout.splitlines():
            self.check(json.loads(line), 'dump', 'line')
        lines = self.must('walk', *self.image, '0', '2000', '--output', 'ndjson', code=FAULT).stdout.splitlines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.check(json.loads(line), 'walk', 'walk')

    def test_the_schemas_refuse_what_is_no_document(self):
        good = self.json_of('dump', *self.image)
        for spoil in (lambda d: d.pop('schema'), lambda d: d['ranges'][0].update(va='0x1'),
                      lambda d: d['ranges'][0].update(repeat=0), lambda d: d['ranges'][0].pop('rights'),
                      lambda d: d['ranges'][0]['rights'].update(user='xwr'), lambda d: d.update(surprise=1)):
            bad = json.loads(json.dumps(good))
            spoil(bad)
            self.assertFalse(validator('dump').is_valid(bad))


class dumps(folder_test):
    def test_ranges_say_everything_about_the_tables(self):
        dumped = self.json_of('dump', *self.image)
        brief = [(r['va'], r['len'], r['pa'], r['page'], r['level'], r['rights'], r['dirty'], r['repeat']) for r in dumped['ranges']]
        kx, krwx = {'kernel': 'r-x', 'user': '---'}, {'kernel': 'rwx', 'user': '---'}
        self.assertEqual(brief, [
            ('0x0000000000000000', 0x2000, '0x0000000000100000', 4096, 0, kx, False, 1),
            ('0x0000000000003000', 0x1000, '0x0000000000200000', 4096, 0, {'kernel': 'rw-', 'user': 'rw-'}, True, 1),
            ('0x0000000000005000', 0x1000, '0x0000000000300000', 4096, 0, krwx, False, 1),
            ('0x0000000000200000', 0x200000, '0x0000000040000000', 0x200000, 1, kx, False, 1),
            ('0x0000000000c02000', 0x1000, '0x0000000000500000', 4096, 0, {'kernel': 'r-x', 'user': 'r-x'}, False, 3)])
        self.assertEqual(dumped['ranges'][4]['stride'], 0x200000)
        self.assertEqual([(b['va'], b['len'], b['table'], b['level']) for b in dumped['unreadable']],
                         [('0x0000000000400000', 0x200000, '0x0000000009999000', 0)])
        self.assertEqual([(b['va'], b['len'], b['entry']) for b in dumped['reserved']],
                         [('0x0000000000600000', 0x200000, '0x0000000040002081')])
        self.assertEqual(dumped['source']['mode'], '4-level paging')
        self.assertEqual(dumped['source']['root'], '0x0000000000001000')

    def test_repeats_expand_to_what_they_say(self):
        folded = self.json_of('dump', *self.image)['ranges'][4]
        expanded = self.json_of('dump', *self.image, '--expand-repeats')['ranges'][4:]
        first = int(folded['va'], 16)
        self.assertEqual([int(r['va'], 16) for r in expanded], [first + k * folded['stride'] for k in range(folded['repeat'])])

    def test_raw_adds_slot_and_entry_of_every_leaf(self):
        raw = self.json_of('dump', *self.image, '--raw')['ranges']
        self.assertEqual(len(raw), 6)
        self.assertEqual((raw[1]['slot'], raw[1]['entry']), ('0x0000000000004008', '0x0000000000101021'))

    def test_filters_choose_leaves(self):
        def starts(*options):
            return [int(r['va'], 16) for r in self.json_of('dump', *self.image, *options)['ranges']]
        self.assertEqual(starts('--rights', 'wx'), [0x5000])
        self.assertEqual(starts('--rights', '!x'), [0x3000])
        self.assertEqual(starts('--user'), [0x3000, 0xc02000])
        self.assertEqual(starts('--user', '--rights', 'w'), [0x3000])
        self.assertEqual(starts('--kernel', '--min-page', '2M'), [0x200000])
        self.assertEqual(starts('--page', '2M'), [0x200000])
        self.assertEqual(starts('--range', '3000-4fff'), [0x3000])
        self.assertEqual(starts('--range', '2ff000+4K'), [0x200000], 'a leaf that overlaps is shown whole')

    def test_the_limit_cuts_and_says_so(self):
        cut = self.json_of('dump', *self.image, '--limit', '2')
        self.assertEqual((len(cut['ranges']), cut['truncated']), (2, True))
        self.assertFalse(self.json_of('dump', *self.image, '--limit', '7')['truncated'], 'exactly as many items as there are')

    def test_the_tables_that_were_visited_are_counted_with_the_root(self):
        counted = self.json_of('dump', *self.image)['totals']['tables']
        self.assertEqual(counted, 6, 'PML4, PDPT, PD, two PTs and one that is missing')
        self.assertIn(f'in {counted} tables', self.must('dump', *self.image).stdout)

    def test_other_layouts_say_what_the_json_says(self):
        ranges = self.json_of('dump', *self.image)['ranges']
        lines = [json.loads(line) for line in self.must('dump', *self.image, '--output', 'ndjson').stdout.splitlines()]
        self.assertEqual([{k: v for k, v in x.items() if k != 'kind'} for x in lines if x['kind'] == 'range'], ranges)
        self.assertEqual([x['kind'] for x in lines if x['kind'] != 'range'], ['unreadable', 'reserved'])
        rows = list(csv.DictReader(io.StringIO(self.must('dump', *self.image, '--output', 'csv').stdout)))
        self.assertEqual([(r['va'], int(r['len']), r['pa'], r['kernel'], r['user']) for r in rows if r['kind'] == 'range'],
                         [(r['va'], r['len'], r['pa'], r['rights']['kernel'], r['rights']['user']) for r in ranges])
        self.assertEqual(rows[-1]['strides'], '3x2097152')
        self.assertTrue(all(None not in r and None not in r.values() for r in rows), 'as many cells as names')
        table = self.must('dump', *self.image).stdout
        for r in ranges:
            self.assertIn(f"{r['va']}-{int(r['va'], 16) + r['len'] - 1:#018x}", table)


class walked(folder_test):
    def test_a_trace_tells_each_level_and_what_it_takes_away(self):
        walk = self.json_of('walk', *self.image, '3123')['walks'][0]
        self.assertEqual((walk['pa'], walk['page'], walk['rights']), ('0x0000000000200123', 4096, {'kernel': 'rw-', 'user': 'rw-'}))
        trace = walk['trace']
        self.assertEqual([(t['level'], t['name'], t['table'], t['index'], t['kind']) for t in trace], [
            (3, 'PML4', '0x0000000000001000', 0, 'table'), (2, 'PDPT', '0x0000000000002000', 0, 'table'),
            (1, 'PD', '0x0000000000003000', 0, 'table'), (0, 'PT', '0x0000000000004000', 3, 'leaf')])
        self.assertEqual(trace[3]['takes'], {'kernel': '--x', 'user': '--x'})
        self.assertEqual(trace[3]['fields'], {'P': 1, 'R/W': 1, 'U/S': 1, 'D': 1, 'address': '0x0000000000200000', 'XD': 1})

    def test_tables_of_a_big_endian_machine_are_read_in_its_byte_order(self):
        memory, base = bytearray(0x6000), 0x40000000
        for page, index, entry in ((1, 0, 0x2003), (2, 0, 0x3003), (3, 0, 0x4003), (4, 1, 0x5403)):
            struct.pack_into('>Q', memory, (page << 12) + 8 * index, base + entry)
        header = b'\x7fELF' + bytes([2, 2, 1]) + bytes(9) + struct.pack('>HHIQQQIHHHHHH', 4, 183, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        header += struct.pack('>IIQQQQQQ', 1, 0, 0x1000, 0, base, len(memory), len(memory), 0)
        core = self.folder / 'core'
        core.write_bytes(header.ljust(0x1000, b'\0') + memory)
        walk = self.json_of('walk', core, '1234', '--ttbr0', '40001000')['walks'][0]
        self.assertEqual((walk.get('pa'), walk['trace'][3]['entry']), ('0x0000000040005234', '0x0000000040005403'))

    def test_faults_say_why_and_where(self):
        walks = self.json_of('walk', *self.image, '2000', '400000', '600000', '8000000000000000', code=FAULT)['walks']
        self.assertEqual([(w['fault']['why'], w['fault']['level']) for w in walks],
                         [('absent', 0), ('unreadable', 0), ('reserved', 1), ('outside_input', 3)])
        self.assertEqual(walks[1]['fault']['slot'], '0x0000000009999000')

    def test_csv_has_a_line_for_each_address(self):
        rows = list(csv.DictReader(io.StringIO(self.must('walk', *self.image, '0', '2000', '--output', 'csv', code=FAULT).stdout)))
        self.assertEqual([(r['ok'], r['pa'], r['why']) for r in rows], [('1', '0x0000000000100000', ''), ('0', '', 'absent')])


class files_and_colours(folder_test):
    def test_a_file_gets_what_standard_output_would(self):
        out = self.folder / 'out.txt'
        self.assertEqual(self.must('dump', *self.image, '-o', out).stdout, '')
        self.assertEqual(out.read_text(), self.must('dump', *self.image).stdout)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ['out.txt', 'raw.bin'])

    def test_a_run_that_fails_leaves_the_old_file(self):
        out = self.folder / 'out.txt'
        out.write_text('old')
        self.refused('dump', self.raw, '--cr3', '77777000', '-o', out, code=3)
        self.assertEqual(out.read_text(), 'old')

    def test_a_dump_that_cannot_be_written_stops(self):
        if not os.path.exists('/dev/full'):
            self.skipTest('there is no /dev/full here: a write that fails was not tried')
        endless = tables(8)                     # two tables a level, each in every second slot: 2^36 leaves
        for index in range(512):
            endless.put(1, index, 2 + index % 2 << 12 | ANY)
            for table in (2, 3, 4, 5):
                endless.put(table, index, table // 2 * 2 + 2 + index % 2 << 12 | ANY)
            endless.put(6, index, 0x100000 | ANY)
            endless.put(7, index, 0x200000 | ANY)
        self.raw.write_bytes(endless.bytes)
        for layout in ('table', 'json', 'ndjson', 'csv'):
            self.refused('dump', *self.image, '--output', layout, '-o', '/dev/full', code=3, says='/dev/full: cannot be written')

    def test_colour_is_for_terminals_and_never_for_files(self):
        self.assertNotIn('\033', self.must('dump', *self.image).stdout)
        self.assertIn('\033', self.must('dump', *self.image, '--color', 'always').stdout)
        out = self.folder / 'out.txt'
        self.must('dump', *self.image, '--color', 'always', '-o', out)
        self.assertNotIn('\033', out.read_text())

    def on_terminal(self, *arguments, environment):
        master, slave = pty.openpty()
        child = subprocess.Popen([TOOL, *map(str, arguments)], stdout=slave, stderr=subprocess.DEVNULL,
                                 env={'PATH': os.environ['PATH'], **environment})
        os.close(slave)
        text = b''
        try:
            while block := os.read(master, 65536):
                text += block
        except OSError:                         # what Linux answers when the other end is closed
            pass
        os.close(master)
        child.wait(60)
        return text

    def test_a_terminal_gets_colour_unless_NO_COLOR_or_never_forbids_it(self):
        term = {'TERM': 'xterm'}
        self.assertIn(b'\033', self.on_terminal('dump', *self.image, environment=term))
        self.assertIn(b'\033', self.on_terminal('dump', *self.image, environment={**term, 'NO_COLOR': ''}))
        self.assertNotIn(b'\033', self.on_terminal('dump', *self.image, environment={**term, 'NO_COLOR': '1'}))
        self.assertNotIn(b'\033', self.on_terminal('dump', *self.image, environment={'TERM': 'dumb'}))
        self.assertNotIn(b'\033', self.on_terminal('dump', *self.image, '--color', 'never', environment=term))

    def test_no_header_leaves_the_lines_alone(self):
        lines = self.must('dump', *self.image, '--no-header').stdout.splitlines()
        self.assertEqual(len(lines), 7)
        self.assertTrue(all(line.startswith('0x') for line in lines), lines)


if __name__ == '__main__':
    unittest.main(verbosity=1)
