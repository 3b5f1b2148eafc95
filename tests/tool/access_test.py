# SPDX-License-Identifier: MIT
"""walk --access: what the processor would do, with and without a stage below."""
import struct
import unittest

from support import A, ANY, D, FAULT, NX, P, U, USAGE, W, folder_test, tables, validator


def level_of(page_tables, *entries):
    """Writes (page, index, entry) triples."""
    for page, index, entry in entries:
        page_tables.put(page, index, entry)
    return page_tables


class accesses(folder_test):
    def setUp(self):
        super().setUp()
        self.image += ['--cr0', '80010001', '--cr4', '20', '--efer', 'd00']

    def judged(self, *arguments, code):
        done = self.json_of('walk', *self.image, *arguments, '--no-trace', code=code)
        self.assertEqual([e.message for e in validator('walk').iter_errors(done)], [])
        return done['walks'][0]['access']

    def test_an_allowed_access_says_where_it_leads(self):
        self.assertEqual(self.judged('3008', '--access', 'w', '--user', code=0),
                         {'kind': 'write', 'user': True, 'allowed': True, 'pa': '0x0000000000200008', 'page': 4096})

    def test_a_denied_access_is_a_page_fault_with_its_code_and_the_entry_to_blame(self):
        said = self.judged('8', '--access', 'w', '--user', code=FAULT)
        self.assertEqual(said['fault'], '#PF')
        self.assertEqual(said['told'], {'vector': '0x000000000000000e', 'error_code': '0x0000000000000007', 'cr2': '0x0000000000000008'})
        self.assertEqual(said['why'], "the PT entry 0x0000000000100021 is the supervisor's alone")
        self.assertEqual(self.judged('8', '--access', 'w', code=FAULT)['why'], 'the PT entry 0x0000000000100021 is read-only')
        self.assertEqual(self.judged('3000', '--access', 'x', code=FAULT)['told']['error_code'], '0x0000000000000011')

    def test_the_first_entry_that_takes_the_right_is_named_and_what_the_leaf_says(self):
        t = level_of(tables(), (3, 0, 4 << 12 | P | W), (4, 0, 0x100000 | ANY))
        self.raw.write_bytes(t.bytes)
        self.assertEqual(self.judged('0', '--access', 'r', '--user', code=FAULT)['why'],
                         "the PD entry 0x0000000000004003 is the supervisor's alone; the leaf would allow it")

    def test_what_does_not_translate_is_denied_as_not_present(self):
        said = self.judged('2000', '--access', 'r', code=FAULT)
        self.assertEqual(said['told']['error_code'], '0x0000000000000000')
        self.assertIn('PT entry 0x0000000000000000 at 0x4010', said['why'])
        self.assertEqual(self.judged('800000000000', '--access', 'r', code=FAULT)['fault'], '#GP')

    def test_what_is_not_in_the_image_is_not_the_processors_answer(self):
        said = self.judged('400000', '--access', 'r', code=FAULT)
        self.assertEqual(said, {'kind': 'read', 'user': False, 'allowed': None,
                                'why': 'the PT table is not in the image: nothing at 0x0000000009999000'})
        lines = self.must('walk', *self.image, '400000', '--access', 'r', '--no-trace', code=FAULT).stdout.splitlines()
        self.assertIn('  supervisor read: not known, the PT table is not in the image: nothing at 0x0000000009999000', lines)
        self.assertIn('note: EFLAGS.AC is assumed to be 0 (--eflags)', lines)

    def test_registers_decide(self):
        self.judged('5000', '--access', 'w', code=0)
        smap = [*self.image[:-3], '200020', *self.image[-2:]]
        self.image = smap
        self.assertEqual(self.judged('3000', '--access', 'r', code=FAULT)['why'], 'SMAP keeps supervisor mode from a user page')
        self.image += ['--eflags', '40000']
        self.judged('3000', '--access', 'r', code=0)

    def test_the_table_says_it_in_one_line(self):
        lines = self.must('walk', *self.image, '8', '3000', '--access', 'w', '--user', '--no-trace', code=FAULT).stdout.splitlines()
        self.assertIn("  user write: denied, #PF vector=0xe error_code=0x7 cr2=0x8: the PT entry 0x0000000000100021 is the supervisor's alone", lines)
        self.assertIn('  user write: allowed, 0x0000000000200000', lines)

    def test_csv_has_three_more_columns(self):
        lines = self.must('walk', *self.image, '8', '3000', '--access', 'w', '--user', '--output', 'csv', code=FAULT).stdout.splitlines()
        self.assertTrue(lines[0].endswith(',why,allowed,stage,fault'), lines[0])
        self.assertTrue(lines[1].endswith(',,0,1,#PF'), lines[1])
        self.assertTrue(lines[2].endswith(',,1,,'), lines[2])

    def test_what_cannot_be_judged_is_refused(self):
        self.refused('walk', *self.image, '0', '--access', 'rw', says="'rw' is none of r, w, x")
        self.refused('walk', *self.image, '0', '--user', says='--access')
        self.refused('walk', *self.image, '0', '--access', 'r', '--user', '--unprivileged', says='not with --user')
        self.refused('walk', *self.image, '0', '--access', 'r', '--unprivileged', says='of Arm')
        self.refused('walk', self.raw, '--arch', 's390x', '--root', '1000', '--mode', '42', '0', '--access', 'r', says='not known here')


class a_stage_below(folder_test):
    """A RISC-V guest (Sv39) in pages 8 and up of its host's memory; its physical addresses go through Sv39x4 at page 0."""

    def setUp(self):
        super().setUp()
        self.memory = bytearray(32 << 12)
        v, r, w, x, u, a, d = (1 << n for n in (0, 1, 2, 3, 4, 6, 7))
        leaf = v | r | w | x | u | a | d
        self.at(0, 0, 4 << 10 | v), self.at(4, 0, 5 << 10 | v)           # the host's: root of 16K, two more levels
        for page in range(8):
            self.at(5, page, (8 + page) << 10 | leaf)                    # guest-physical page n is page 8 + n
        self.at(5, 6, 14 << 10 | (leaf & ~w))
        self.at(8, 0, 1 << 10 | v), self.at(9, 0, 2 << 10 | v)           # the guest's
        self.at(10, 1, 3 << 10 | leaf), self.at(10, 2, 6 << 10 | leaf), self.at(10, 3, 7 << 10 | leaf), self.at(10, 4, 0x20 << 10 | leaf)
        self.raw.write_bytes(self.memory)
        self.guest = [self.raw, '--arch', 'riscv64', '--satp', '8000000000000000', '--hgatp', '8000000000000000']

    def at(self, page, index, entry):
        struct.pack_into('<Q', self.memory, (page << 12) + 8 * index, entry)

    def walked(self, *arguments, code=0):
        done = self.json_of('walk', *self.guest, *arguments, '--no-trace', code=code)
        self.assertEqual([e.message for e in validator('walk').iter_errors(done)], [])
        return done['walks'][0]

    def test_the_guests_tables_and_its_output_go_through_it(self):
        w = self.walked('1008', '--access', 'r', '--user')
        self.assertEqual((w['pa'], w['below']['pa'], w['access']['pa']), ('0x0000000000003008', '0x000000000000b008', '0x000000000000b008'))

    def test_it_denies_with_a_guest_page_fault(self):
        said = self.walked('2000', '--access', 'w', '--user', code=FAULT)['access']
        self.assertEqual((said['stage'], said['fault']), (2, 'store guest-page fault'))
        self.assertEqual(said['told'], {'cause': '0x0000000000000017', 'tval': '0x0000000000002000', 'htval': '0x0000000000001800', 'htinst': '0x0000000000000000'})
        self.assertIn('hgatp, for 0x6000: the page may not be written', said['why'])
        w = self.walked('4000', code=FAULT)
        self.assertFalse(w['below']['ok'])

    def test_extended_page_tables_exit_with_their_qualification(self):
        t = level_of(tables(32), (3, 0, 4 << 12 | ANY), (4, 1, 0x9000 | ANY | A | D), (4, 2, 0xa000 | ANY | A | D))
        for page, leads in ((16, 17), (17, 18), (18, 19)):
            t.put(page, 0, leads << 12 | 7)
        for page in range(10):
            t.put(19, page, page << 12 | 0x30 | 7)                       # an identity, WB
        raw = self.folder / 'guest.bin'
        raw.write_bytes(t.bytes)
        guest = [raw, '--arch', 'x86-64', '--cr3', '1000', '--cr0', '80010001', '--cr4', '20', '--efer', 'd00', '--eptp', '1001e']
        self.must('walk', *guest, '1000', '--access', 'r', '--user')
        said = self.json_of('walk', *guest, '2010', '--access', 'r', '--user', code=FAULT)['walks'][0]['access']
        self.assertEqual((said['stage'], said['fault']), (2, 'EPT violation'))
        self.assertEqual(said['told'], {'exit_reason': '0x0000000000000030', 'qualification': '0x0000000000000181', 'guest_physical': '0x000000000000a010', 'guest_linear': '0x0000000000002010'})
        self.refused('walk', *guest[:-1], '1001f', '0', says='EPTP[2:0]')
        self.refused('walk', *guest, '--ncr3', '0', '0', says='one of them')

    def test_nested_paging_reports_the_page_fault_of_a_user_access(self):
        t = level_of(tables(32), (3, 0, 4 << 12 | ANY), (4, 1, 0x9000 | ANY | A | D), (16, 0, 17 << 12 | ANY), (17, 0, 18 << 12 | ANY),
                     (18, 0, 19 << 12 | ANY))
        for page in range(10):
            t.put(19, page, page << 12 | ANY)
        t.put(19, 9, 9 << 12 | P | U)
        raw = self.folder / 'guest.bin'
        raw.write_bytes(t.bytes)
        guest = [raw, '--arch', 'x86-64', '--cr3', '1000', '--cr0', '80010001', '--cr4', '20', '--efer', 'd00', '--ncr3', '10000']
        self.must('walk', *guest, '1000', '--access', 'r', '--user')
        said = self.json_of('walk', *guest, '1000', '--access', 'w', code=FAULT)['walks'][0]['access']
        self.assertEqual((said['fault'], said['told']), ('#NPF', {'exitinfo1': '0x0000000100000007', 'exitinfo2': '0x0000000000009000'}))

    def test_what_makes_no_stage_is_refused(self):
        self.refused('walk', *self.guest[:-1], 'f000000000000000', '0', says='MODE is reserved')
        self.refused('walk', self.raw, '--arch', 'aarch64', '--ttbr0', '0', '--vttbr', '0', '0', says='--vtcr')
        self.refused('walk', self.raw, '--arch', 'aarch64', '--ttbr0', '0', '--vttbr', '0', '--vtcr', 'c000', '0', says='reserved granule')
        self.refused('walk', self.raw, '--arch', 'x86-64', '--cr3', '0', '--hgatp', '0', '0', says='different processors')


if __name__ == '__main__':
    unittest.main()
