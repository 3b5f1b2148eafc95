# SPDX-License-Identifier: MIT
"""The files and sessions of docs/your-own-format.md: every command prints what the page shows."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PAGE = Path(os.environ['PAGEWRIGHT_SOURCE_DIR']) / 'docs' / 'your-own-format.md'
BLOCK = re.compile(r'^```(\w+)\n(.*?)^```', re.S | re.M)


class tutorial(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix='pagewright_tutorial_'))
        self.addCleanup(shutil.rmtree, self.folder)
        programs = self.folder / 'bin'
        programs.mkdir()
        (programs / 'pagewright').symlink_to(os.environ['PAGEWRIGHT_TOOL'])
        self.environment = {'PATH': f'{programs}:{os.environ["PATH"]}', 'LC_ALL': 'C'}

    def test_every_command_of_the_page_prints_what_the_page_shows(self):
        commands = files = 0
        for language, text in BLOCK.findall(PAGE.read_text(encoding='utf-8')):
            if language == 'toml':
                name = re.match(r'# (\S+\.toml)\n', text)
                self.assertTrue(name, 'a TOML block is a whole file and begins with its name')
                (self.folder / name[1]).write_text(text, encoding='utf-8')
                files += 1
            if language != 'console':
                continue
            for session in re.split(r'^\$ ', text, flags=re.M)[1:]:
                command, _, shown = session.partition('\n')
                done = subprocess.run(['bash', '-c', command], cwd=self.folder, env=self.environment, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
                self.assertEqual(done.stdout, shown, f'$ {command}')
                commands += 1
        self.assertGreaterEqual(files, 1)
        self.assertGreaterEqual(commands, 8)


def fill(page: str, run) -> str:
    """The page with what the commands print now."""
    def block(found):
        if found[1] == 'toml':
            run.folder.joinpath(re.match(r'# (\S+)', found[2])[1]).write_text(found[2])
        if found[1] != 'console':
            return found[0]
        out = ''.join(f'$ {c}\n{run(c)}' for c in re.findall(r'^\$ (.*)$', found[2], re.M))
        return f'```console\n{out}```'
    return BLOCK.sub(block, page)


if __name__ == '__main__':
    if sys.argv[1:] == ['--fill']:
        case = tutorial()
        case.setUp()

        def run(command):
            return subprocess.run(['bash', '-c', command], cwd=case.folder, env=case.environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        run.folder = case.folder
        PAGE.write_text(fill(PAGE.read_text(encoding='utf-8'), run), encoding='utf-8')
        case.doCleanups()
    else:
        unittest.main()
