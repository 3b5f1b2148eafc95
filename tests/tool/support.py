# SPDX-License-Identifier: MIT
"""What the tests of the command share: running it, tables written by hand, the schemas."""
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

TOOL = os.environ['PAGEWRIGHT_TOOL']
SCHEMAS = Path(os.environ['PAGEWRIGHT_SOURCE_DIR']) / 'docs' / 'json-schema'
OK, FINDINGS, USAGE, UNREADABLE, FAULT = range(5)

P, W, U, A, D, PS, NX = 1, 2, 4, 0x20, 0x40, 0x80, 1 << 63
ANY = P | W | U


def run(*arguments, stdin='', environment=None):
    return subprocess.run([TOOL, *map(str, arguments)], input=stdin, capture_output=True, text=True,
                          env={'PATH': os.environ['PATH'], **(environment or {})}, timeout=120)


def validator(name, part=None):
    """Checks instances against docs/json-schema/NAME.json, or against one of its definitions."""
    import jsonschema
    schema = json.loads((SCHEMAS / f'{name}.json').read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    if part:
        schema = {'$ref': f'#/$defs/{part}', '$defs': schema['$defs']}
    return jsonschema.Draft202012Validator(schema)


class tables:
    """x86-64 tables in memory from 0 on: page 1 is the PML4, 2 the PDPT, 3 the PD, 4 the PT."""

    def __init__(self, pages=6):
        self.bytes = bytearray(pages << 12)
        for page in (1, 2, 3):
            self.put(page, 0, (page + 1) << 12 | ANY)

    def put(self, page, index, entry):
        struct.pack_into('<Q', self.bytes, (page << 12) + 8 * index, entry)


def usual():
    """Four pages, two of them neighbours; a large page; a table that is missing; a reserved entry; a repeated table."""
    t = tables()
    t.put(4, 0, 0x100000 | P | A)
    t.put(4, 1, 0x101000 | P | A)
    t.put(4, 3, 0x200000 | P | W | U | NX | D)
    t.put(4, 5, 0x300000 | P | W)
    t.put(3, 1, 0x40000000 | P | PS)
    t.put(3, 2, 0x9999000 | ANY)
    t.put(3, 3, 0x40002000 | P | PS)
    for index in (6, 7, 8):
        t.put(3, index, 5 << 12 | ANY)
    t.put(5, 2, 0x500000 | P | U)
    return t


class folder_test(unittest.TestCase):
    """A test with a folder of its own and the usual tables in raw.bin."""
    maxDiff = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix='pagewright_tool_'))
        self.addCleanup(shutil.rmtree, self.folder)
        self.raw = self.folder / 'raw.bin'
        self.raw.write_bytes(usual().bytes)
        self.image = [self.raw, '--cr3', '1000', '--arch', 'x86-64']

    def must(self, *arguments, code=OK, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, code, f'{arguments}\n{done.stdout[-2000:]}\n{done.stderr}')
        return done

    def json_of(self, *arguments, code=OK, **options):
        return json.loads(self.must(*arguments, '--output', 'json', code=code, **options).stdout)

    def refused(self, *arguments, code=USAGE, says='', **options):
        done = self.must(*arguments, code=code, **options)
        self.assertEqual(done.stdout, '', 'errors go to standard error')
        self.assertTrue(done.stderr.startswith('pagewright: '), done.stderr)
        self.assertIn(says, done.stderr)
        return done
