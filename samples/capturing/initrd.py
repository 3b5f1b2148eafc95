# SPDX-License-Identifier: MIT
"""The guest's initial RAM disk: busybox, guest/init, the compiled guest/zoo.c, modules; a cpio archive ("newc").

Written here and not by cpio(1), so that the same inputs give the same bytes and no device node needs root."""
import gzip
from pathlib import Path

from .packages import run

HERE = Path(__file__).resolve().parent / 'guest'
DIRECTORY, FILE, CHARACTER = 0o040755, 0o100755, 0o020600


def _entry(number, name, mode, data=b'', device=(0, 0)):
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b'070701' + b''.join(b'%08x' % f for f in fields) + name.encode() + b'\0'
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def compile_zoo(compiler, work):
    out = work / 'zoo'
    run([compiler, '-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-o', str(out), str(HERE / 'zoo.c')])
    return out


def pack(destination, busybox, zoo, modules):
    files = [('init', HERE / 'init'), ('bin/busybox', busybox), ('bin/zoo', zoo),
             *((f'modules/{m.name}', m) for m in modules)]
    parts  = [(d, DIRECTORY, b'', (0, 0)) for d in ('bin', 'dev', 'modules', 'proc', 'sys')]
    parts += [('dev/console', CHARACTER, b'', (5, 1))]
    parts += [(name, FILE, Path(path).read_bytes(), (0, 0)) for name, path in files]
    archive = b''.join(_entry(i, n, m, data, dev) for i, (n, m, data, dev) in enumerate(parts, 1))
    destination.write_bytes(gzip.compress(archive + _entry(0, 'TRAILER!!!', 0), 9, mtime=0))
