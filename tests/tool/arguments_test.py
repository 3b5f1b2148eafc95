# SPDX-License-Identifier: MIT
"""What the command accepts and refuses, and the exit codes it answers with."""
import subprocess
import unittest
from pathlib import Path

from support import FAULT, OK, TOOL, UNREADABLE, USAGE, folder_test, run


class help_and_version(folder_test):
    def test_help_exits_with_0_and_shows_examples_for_every_command(self):
        self.assertIn('info', self.must('--help').stdout)
        for command in ('info', 'dump', 'walk', 'build', 'formats', 'decode'):
            text = self.must(command, '--help').stdout
            self.assertIn('Examples:', text)
            self.assertIn(f'pagewright {command} ', text)

    def test_version_is_one_line(self):
        self.assertRegex(self.must('--version').stdout, r'^pagewright \d+\.\d+\.\d+\n$')


class usage_errors(folder_test):
    def test_no_command_or_an_unknown_one_is_a_usage_error(self):
        self.refused()
        self.refused('frobnicate', says='no command')
        self.refused('dum', *self.image, says="'dump' meant")
        self.refused('--cr3', '1000', 'dump', says='before the command')

    def test_an_unknown_option_is_a_usage_error_that_names_it(self):
        self.refused('dump', *self.image, '--frobnicate', says='--frobnicate')

    def test_every_wrong_value_is_refused_with_its_option(self):
        for option, value in (('--cr3', 'zzz'), ('--cr3', '10000000000000000'), ('--arch', 'vax'), ('--cpu', 'x'), ('--cpu', '-1'),
                              ('--output', 'xml'), ('--color', 'pink'), ('--merge', 'some'), ('--range', '5-1'),
                              ('--rights', 'q'), ('--page', '4Q'), ('--min-page', ''), ('--limit', '-1'),
                              ('--limit', 'many'), ('--page', '3000'), ('--format', 'zip'), ('--phys-bits', '99')):
            with self.subTest(option=option, value=value):
                self.refused('dump', *self.image, option, value, says=option if option != '--range' else 'range')

    def test_an_empty_value_is_refused_and_not_taken_for_no_option(self):
        for option in ('--range', '--rights', '--mode', '-o'):
            with self.subTest(option=option):
                self.refused('dump', *self.image, option, '', says=f'{option}: is given an empty value')
        self.refused('walk', *self.image, '0', '--batch', '', says='--batch')

    def test_options_that_mean_nothing_for_the_machine_are_refused(self):
        self.refused('dump', self.raw, '--satp', '8000000000000001', '--mode', 'sv48', says='--root is not given')
        self.refused('dump', *self.image, '--mode', 'sv48', says='--arch')
        self.refused('dump', self.raw, '--satp', '8000000000000001', '--phys-bits', '40', says='for x86')

    def test_a_register_given_as_a_root_is_refused_with_the_option_it_belongs_to(self):
        self.refused('dump', self.raw, '--arch', 'x86-64', '--root', '1006', says='aligned to 4096 bytes')
        self.refused('walk', self.raw, '0', '--arch', 'riscv64', '--mode', 'sv39', '--root', '8000000000000001', says='--satp')

    def test_options_that_exclude_one_another_are_refused(self):
        self.refused('dump', *self.image, '--user', '--kernel')
        self.refused('dump', *self.image, '--raw', '--merge', 'none')

    def test_registers_of_two_processors_are_refused(self):
        self.refused('dump', self.raw, '--cr3', '1000', '--satp', '8000000000000001', says='different processors')

    def test_a_missing_root_is_refused_with_the_options_that_give_it(self):
        self.refused('dump', self.raw, says='--cr3')
        self.refused('walk', self.raw, '1000', '--arch', 'aarch64', says='--ttbr1')
        self.refused('dump', self.raw, '--arch', 'riscv64', '--root', '1000', says='--mode')

    def test_a_walk_without_addresses_or_image_is_refused(self):
        self.refused('walk', *self.image, says='address')
        self.refused('walk', '1000', says='image')

    def test_a_mistyped_address_is_not_taken_for_a_file(self):
        for word in ('0xfffg', '0x1ffff800000000000'):
            self.refused('walk', *self.image, '0', word, says=f"'{word}' is neither an address")
        named = self.folder / '0xram'
        named.write_bytes(self.raw.read_bytes())
        done = subprocess.run([TOOL, 'walk', '0xram', '0', '--cr3', '1000'], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, OK, done.stderr)
        done = subprocess.run([TOOL, 'walk', '0xram@0', '0', '--cr3', '1000'], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, OK, done.stderr)

    def test_csv_is_no_output_of_info(self):
        self.refused('info', self.raw, '--output', 'csv', says='--output')


class input_errors(folder_test):
    def test_a_file_that_is_not_there_exits_with_3_and_is_named(self):
        for command in (['info'], ['dump'], ['walk', '1000']):
            self.refused(*command, '-f', self.folder / 'nothing.elf', '--cr3', '1000', code=UNREADABLE, says='nothing.elf')

    def test_a_root_outside_the_image_exits_with_3(self):
        self.refused('dump', self.raw, '--cr3', '77777000', code=UNREADABLE, says='0x77777000')

    def test_a_batch_file_that_is_not_there_exits_with_3(self):
        self.refused('walk', *self.image, '--batch', self.folder / 'nothing', code=UNREADABLE, says='nothing')

    def test_an_output_file_that_is_also_an_input_is_refused_and_left_alone(self):
        before = self.raw.read_bytes()
        for command in ('dump', 'info', 'walk'):
            more = ('0',) if command == 'walk' else ()
            self.refused(command, *self.image, '-o', self.raw, *more, says='also an input')
        addresses = self.folder / 'addresses'
        addresses.write_text('0\n')
        self.refused('walk', *self.image, '--batch', addresses, '-o', addresses, says='also an input')
        toml = self.folder / 'some.toml'
        self.must('formats', 'x86-pae', '--toml', '-o', toml)
        described = toml.read_bytes()
        self.refused('build', '--format-file', toml, '--map', '0:4K:0:rwx', '-o', toml, says='also an input')
        self.refused('formats', toml, '-o', toml, says='also an input')
        self.assertEqual(self.raw.read_bytes(), before)
        self.assertEqual(addresses.read_text(), '0\n')
        self.assertEqual(toml.read_bytes(), described)

    def test_an_output_file_that_cannot_be_made_exits_with_3(self):
        self.refused('dump', *self.image, '-o', self.folder / 'no' / 'out', code=UNREADABLE, says='out')

    def test_missing_tables_do_not_make_a_dump_fail(self):
        self.assertIn('MISSING', self.must('dump', *self.image).stdout)

    def test_info_of_an_image_without_a_root_succeeds_and_says_what_is_missing(self):
        self.assertIn('--cr3', self.must('info', self.raw).stdout)


class standard_error(folder_test):
    def test_the_exit_code_is_the_same_where_nothing_can_be_said(self):
        if not Path('/dev/full').exists():
            self.skipTest('there is no /dev/full here: a standard error that fails was not tried')
        for words, code in ((['info', self.folder / 'nothing'], UNREADABLE), (['dump', self.raw], USAGE)):
            with open('/dev/full', 'w') as full:
                done = subprocess.run([TOOL, *map(str, words)], stdout=subprocess.DEVNULL, stderr=full, timeout=60)
            self.assertEqual(done.returncode, code, words)


class walks(folder_test):
    def test_a_fault_exits_with_4_whatever_else_translates(self):
        self.must('walk', *self.image, '0', '1000')
        self.must('walk', *self.image, '0', '2000', code=FAULT)

    def test_a_batch_takes_comments_blank_lines_and_both_notations(self):
        lines = '# addresses\n\n0x0\n 1000  # the second page\r\n3123'
        walked = self.json_of('walk', *self.image, '--batch', '-', stdin=lines)['walks']
        self.assertEqual([w['pa'] for w in walked], ['0x0000000000100000', '0x0000000000101000', '0x0000000000200123'])

    def test_a_bad_line_is_refused_with_its_number(self):
        self.refused('walk', *self.image, '--batch', '-', stdin='0\n\n# x\nhello\n', says="line 4: 'hello'")

    def test_an_empty_batch_is_no_error(self):
        self.assertEqual(self.json_of('walk', *self.image, '--batch', '-', stdin='# none\n')['walks'], [])

    def test_images_may_be_named_among_the_addresses(self):
        self.assertEqual(run('walk', '0', self.raw, '1000', '--cr3', '1000').returncode, OK)

    def test_a_hundred_thousand_addresses_are_one_valid_document(self):
        lines = ''.join(f'{n % 6 << 12 | n % 4096:x}\n' for n in range(100_000))
        walked = self.json_of('walk', *self.image, '--batch', '-', '--no-trace', stdin=lines, code=FAULT)['walks']
        self.assertEqual(len(walked), 100_000)
        for n in range(0, 100_000, 997):
            expected = {0: 0x100000, 1: 0x101000, 3: 0x200000, 5: 0x300000}.get(n % 6)
            if expected is None:
                self.assertFalse(walked[n]['ok'], n)
            else:
                self.assertEqual(int(walked[n]['pa'], 16), expected + n % 4096, n)


class sources(folder_test):
    def test_raw_files_with_bases_make_one_image(self):
        data = self.raw.read_bytes()
        (self.folder / 'low').write_bytes(data[:0x3000])
        (self.folder / 'high').write_bytes(data[0x3000:])
        parts = ['-f', f'{self.folder}/low@0', '-f', f'{self.folder}/high@3000', '--cr3', '1000']
        whole, split = self.json_of('dump', *self.image), self.json_of('dump', *parts)
        self.assertEqual(split['ranges'], whole['ranges'])
        self.assertEqual(len(split['source']['files']), 2)
        mixed = self.json_of('dump', parts[3], *parts[:2], '--cr3', '1000')
        self.assertEqual(mixed['ranges'], whole['ranges'], 'a word and an option')
        self.assertEqual([f['path'][-4:] for f in mixed['source']['files']], ['/low', 'high'], 'those of -f come first')
        without = self.json_of('dump', *parts[:2], '--cr3', '1000')
        self.assertEqual(without['ranges'], [])
        self.assertEqual([(b['va'], b['table'], b['level']) for b in without['unreadable']],
                         [('0x0000000000000000', '0x0000000000003000', 1)])

    def test_root_replaces_the_register(self):
        by_root = self.json_of('dump', self.raw, '--arch', 'x86-64', '--root', '0x1000')
        self.assertEqual(by_root['ranges'], self.json_of('dump', *self.image)['ranges'])


if __name__ == '__main__':
    unittest.main(verbosity=1)
