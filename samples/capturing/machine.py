# SPDX-License-Identifier: MIT
"""One QEMU: started, watched on its serial console, stopped, asked through QMP and the human monitor."""
import json
import os
import re
import select
import shlex
import socket
import subprocess
import time

from .guests import failure


def shown_command(guest, kernel, initrd):
    """(argument list, the same as recorded in the JSON: bare file names, no private sockets)."""
    append = f'console={guest.console} panic=-1 {guest.options}'
    fixed  = ['-nographic', '-nodefaults', '-no-reboot', '-monitor', 'none', '-serial', 'stdio']
    head   = [guest.qemu, *shlex.split(guest.machine)]
    args   = [*head, '-kernel', str(kernel), '-initrd', str(initrd), '-append', append, *fixed]
    shown  = [*head, '-kernel', kernel.name, '-initrd', initrd.name, '-append', f'"{append}"', *fixed]
    return args, ' '.join(shown)


class machine:
    """A running QEMU. Use as a context manager: leaving it ends this process and no other."""

    def __init__(self, args, work):
        # Sockets have short names in a directory of their own: a socket path may have at most 107 bytes.
        self.gdb_path = str(work / 'gdb')
        qmp = str(work / 'qmp')
        for path in (self.gdb_path, qmp):
            if len(path) > 100:
                raise failure(f'{path} is too long for a socket: choose a shorter directory (TMPDIR)')
            if os.path.exists(path):
                os.unlink(path)
        try:
            self.process = subprocess.Popen([*args, '-qmp', f'unix:{qmp},server=on,wait=off',
                                             '-gdb', f'unix:{self.gdb_path},server=on,wait=off'],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except FileNotFoundError:
            raise failure(f'{args[0]} is not installed: see samples/README.md, "What it needs"') from None
        self.console = b''
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._connect(qmp)
            self._file = self._socket.makefile('rwb')
            self.version = json.loads(self._file.readline())['QMP']['version']
            self.qmp('qmp_capabilities')
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def _connect(self, path):
        for _ in range(600):
            try:
                return self._socket.connect(path)
            except OSError:
                if self.process.poll() is not None:
                    said = self.process.stdout.read().decode('latin1').strip()
                    raise failure(f'QEMU ended at once: {said}') from None
                time.sleep(.05)
        raise failure(f'QEMU did not open its QMP socket {path} within 30 s')

    def qmp(self, command, **arguments):
        self._file.write(json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n')
        self._file.flush()
        while True:
            line = self._file.readline()
            if not line:
                raise failure(f'QEMU closed its QMP socket during {command}')
            reply = json.loads(line)
            if 'return' in reply:
                return reply['return']
            if 'error' in reply:
                raise failure(f'QMP {command}: {reply["error"]["desc"]}')

    def monitor(self, line, vcpu=0):
        return self.qmp('human-monitor-command', **{'command-line': line, 'cpu-index': vcpu})

    def wait_for(self, marker, timeout):
        """Reads the console until `marker` stands on it. Returns all lines so far."""
        end = time.monotonic() + timeout
        while marker not in self.console:
            ready, _, _ = select.select([self.process.stdout], [], [], .5)
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else None
            if data:
                self.console += data
            elif data == b'' or self.process.poll() is not None:
                raise failure(f'the guest ended before it was ready; last on its console:\n{self.tail()}')
            elif time.monotonic() > end:
                raise failure(f'the guest was not ready within {timeout:.0f} s (--timeout); last on its console:\n'
                              f'{self.tail()}')
        return self.console.decode('latin1').replace('\r', '').splitlines()

    def tail(self):
        return self.console[-1500:].decode('latin1')

    def gva2gpa(self, va, vcpu=0):
        text = self.monitor(f'gva2gpa 0x{va:x}', vcpu)
        hit  = re.search(r'gpa: (?:0x)?([0-9a-f]+)', text)
        if not hit and 'nmapped' not in text:
            raise failure(f'gva2gpa 0x{va:x} answered {text.strip()!r}')
        return int(hit[1], 16) if hit else None

    def version_text(self):
        q, package = self.version['qemu'], self.version['package'].strip()
        number = f'{q["major"]}.{q["minor"]}.{q["micro"]}'
        return f'{number} {package if package.startswith("(") else f"({package})"}' if package else number
