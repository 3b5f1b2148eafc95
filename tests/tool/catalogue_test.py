# SPDX-License-Identifier: MIT
"""The commands formats and decode, as their users meet them."""
import json
import os
import re
import unittest
from pathlib import Path

from support import UNREADABLE, USAGE, folder_test, validator

PAGES = Path(os.environ['PAGEWRIGHT_SOURCE_DIR']) / 'docs' / 'formats'


class formats(folder_test):
    def names(self):
        return re.findall(r'^  ([a-z0-9]+(?:-[a-z0-9]+)+) ', self.must('formats').stdout, re.M)

    def test_without_a_name_every_format_is_listed_and_each_name_is_one_that_can_be_asked_for(self):
        names = self.names()
        self.assertGreater(len(names), 90)
        for name in names:
            with self.subTest(format=name):
                text = self.must('formats', name).stdout
                self.assertTrue(text.startswith(f'{name}\n'), text[:100])
                for title in ('Hierarchy', 'Entries', 'Rights', 'Memory types', 'Rules', 'Sources'):
                    self.assertIn(f'\n{title}\n---', text)
                self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_the_pages_in_the_repository_are_current(self):
        self.must('formats', '--markdown', '-o', self.folder / 'pages')
        made = {p.name: p.read_text() for p in (self.folder / 'pages').iterdir()}
        kept = {p.name: p.read_text() for p in PAGES.iterdir()}
        self.assertEqual(sorted(made), sorted(kept))
        for name in made:
            self.assertEqual(made[name], kept[name], f"{name}: run 'pagewright formats --markdown -o docs/formats'")

    def test_a_family_and_a_format_can_be_written_as_markdown(self):
        text = self.must('formats', 'riscv', '--markdown').stdout
        self.assertEqual(text, (PAGES / 'riscv.md').read_text())
        self.must('formats', 'riscv-sv39', '--markdown', '-o', self.folder)
        self.assertTrue((self.folder / 'riscv-sv39.md').read_text().startswith('# riscv-sv39\n'))
        self.must('formats', 'riscv-sv39', '-o', self.folder / 'sv39.txt')
        self.assertEqual((self.folder / 'sv39.txt').read_text(), self.must('formats', 'riscv-sv39').stdout)

    def test_a_format_goes_out_as_a_file_and_comes_back_as_the_same_drawing(self):
        for name in ('x86-pae', 'arm64-64k-52-lower', 'nvidia-v2-big', 's390x-64'):
            with self.subTest(format=name):
                path = self.folder / f'{name}.toml'
                self.must('formats', name, '--toml', '-o', path)
                drawn = self.must('formats', name).stdout
                again = self.must('formats', path).stdout
                part = lambda text: text[text.index('\nHierarchy\n'):]
                self.assertEqual(part(again), part(drawn[:drawn.index('\nSources\n---')] + '\n').rstrip('\n') + '\n')

    def test_what_makes_no_sense_is_refused_with_what_to_do(self):
        self.refused('formats', 'riscv-sv93', says="nearest: 'riscv-sv39'")
        self.refused('formats', '--markdown', says='name a directory with -o')
        self.refused('formats', '--toml', says='name it')
        self.refused('formats', 'x86', '--toml', says="'x86' is a family of formats; name one of them")
        self.refused('formats', 'x86-pae', '--toml', '--markdown')
        self.refused('formats', self.folder / 'nothing.toml', code=UNREADABLE, says='nothing.toml')
        (self.folder / 'file').write_text('')
        self.refused('formats', '--markdown', '-o', self.folder / 'file', code=UNREADABLE, says='no directory')


class decode(folder_test):
    def test_a_leaf_is_explained_field_by_field(self):
        text = self.must('decode', 'x86-64-4level', 'PD', '80000001234000e7').stdout
        for line in (r'kind +leaf: large page, 2M', r'leads to +0x0000000123400000 to 0x00000001235fffff',
                     r'allows +kernel rw-, user rw-', r'must be 0, is set +none is set', r'51:21 +address +0x91a +output address, bits 51:21'):
            self.assertRegex(text, line)

    def test_level_and_value_are_taken_in_every_notation(self):
        want = self.must('decode', 'x86-64-4level', 'PD', '80000001234000e7').stdout
        for level, value in (('pd', '0x80000001234000E7'), ('1', '8000_0001_2340_00e7')):
            self.assertEqual(self.must('decode', 'X86-64-4LEVEL', level, value).stdout, want)

    def test_the_json_keeps_its_contract_for_every_kind_of_entry(self):
        check = validator('decode')
        for words, kind in (
                (('x86-64-4level', 'PD', '80000001234000e7'), 'leaf'), (('x86-64-4level', 'PD', '0'), 'absent'),
                (('x86-64-4level', 'PD', '12345067'), 'table'), (('x86-64-4level', 'PD', '2083'), 'reserved'),
                (('arm64-4k-48-lower', 'L3', '1'), 'reserved'), (('nvidia-v2-big', 'PD0', '8'), 'absent'),
                (('amdvi-v1-4level', 'L4', '6000000012345201'), 'table'), (('m68040-4k', '0', '1'), 'leaf')):
            with self.subTest(words=words):
                answer = self.json_of('decode', *words)
                check.validate(answer)
                self.assertEqual(answer['kind'], kind)

    def test_the_json_says_what_the_text_says(self):
        answer = self.json_of('decode', 'x86-64-4level', 'PD', '80000001234020e7')
        self.assertEqual((answer['format'], answer['level'], answer['name']), ('x86-64-4level', 1, 'PD'))
        self.assertEqual(answer['kind'], 'reserved')
        self.assertEqual(answer['shape'], 'large page')
        self.assertEqual(answer['set']['rejected'], '0x0000000000002000')
        self.assertEqual(answer['notes'], ['bit 13 must be 0: reserved[13]'])
        self.assertIn({'name': 'XD', 'hi': 63, 'lo': 63, 'value': 1, 'meaning': '1 takes away executing'}, answer['fields'])
        leaf = self.json_of('decode', 'riscv-sv39', '0', '20048cc7')
        self.assertEqual((leaf['address'], leaf['page'], leaf['memory']), ('0x0000000080123000', 4096, 'PMA'))
        self.assertEqual(leaf['allows'], {'kernel': 'rw-', 'user': '---'})

    def test_an_answer_can_go_to_a_file(self):
        self.must('decode', 'riscv-sv39', '0', '20048cc7', '--output', 'json', '-o', self.folder / 'entry.json')
        self.assertEqual(json.loads((self.folder / 'entry.json').read_text())['kind'], 'leaf')

    def test_a_format_from_a_file_is_decoded_like_one_of_ours(self):
        path = self.folder / 'mmu.toml'
        self.must('formats', 'riscv-sv39', '--toml', '-o', path)
        answer = self.json_of('decode', path, 'L0', '20048cc7')
        self.assertEqual(answer['fields'], self.json_of('decode', 'riscv-sv39', 'L0', '20048cc7')['fields'])

    def test_what_makes_no_sense_is_refused_with_what_to_do(self):
        self.refused('decode', 'x86-64', 'PD', '1', says="nearest: 'x86-64-4level'")
        self.refused('decode', 'ept', 'PD', '1', says="'ept' is a family of formats")
        self.refused('decode', 'x86-64-4level', 'PMD', '1', says='PML4 (3), PDPT (2), PD (1), PT (0)')
        self.refused('decode', 'x86-64-4level', '4', '1', says="no level '4'")
        self.refused('decode', 'x86-32', 'PD', '100000000', says='entries of x86-32 are 4 bytes wide')
        self.refused('decode', 'x86-32', 'PD', 'xyz', says="'xyz' is not an entry")
        self.refused('decode', 'x86-32', 'PD', code=USAGE)
        self.refused('decode', 'x86-32', 'PD', '1', '--output', 'xml', says='--output')


if __name__ == '__main__':
    unittest.main()
