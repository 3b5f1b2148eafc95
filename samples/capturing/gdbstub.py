# SPDX-License-Identifier: MIT
"""Reads and writes registers of a stopped guest through QEMU's gdb stub, which alone shows the system registers of Arm
and lets CR3, PSTATE or priv be set before the monitor is asked.

It speaks the remote serial protocol itself: a gdb that detaches lets the guest run on, closing the socket does not."""
import re
import socket

from .guests import failure


class gdbstub:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(path)
        self._stream = self._socket.makefile('rb')
        self._numbers = {}
        self._number_registers()

    def close(self):
        self._stream.close()
        self._socket.close()

    def _ask(self, text):
        data = text.encode()
        self._socket.sendall(b'$' + data + b'#%02x' % (sum(data) & 255))
        reply = b''
        while (c := self._stream.read(1)) != b'$':          # acknowledgements come before it
            if not c:
                raise failure(f'the gdb stub closed its socket during {text!r}')
        while (c := self._stream.read(1)) not in (b'#', b''):
            # "}" escapes the next byte
            reply += bytes([self._stream.read(1)[0] ^ 0x20]) if c == b'}' else c
        self._stream.read(2)
        self._socket.sendall(b'+')
        return reply.decode('latin1')

    def _document(self, name):
        text = ''
        while True:
            part  = self._ask(f'qXfer:features:read:{name}:{len(text):x},ff0')
            text += part[1:]
            if part[:1] == 'l':
                return text
            if part[:1] != 'm':
                raise failure(f'the gdb stub has no register description {name}')

    def _number_registers(self):
        """Registers are numbered in the order of their descriptions, unless a description gives a number."""
        number = 0
        for href in re.findall(r'<xi:include href="([^"]+)"', self._document('target.xml')):
            description = re.sub(r'<!--.*?-->', '', self._document(href), flags=re.S)
            for attributes in re.findall(r'<reg\s([^>]*)>', description):
                fields = dict(re.findall(r'(\w+)="([^"]*)"', attributes))
                number = int(fields.get('regnum', number))
                self._numbers.setdefault(fields['name'].lower(), (number, int(fields['bitsize'])))
                number += 1

    def _select(self, vcpu):
        if self._ask(f'Hg{vcpu + 1:x}') != 'OK':
            raise failure(f'the gdb stub knows no vCPU {vcpu}')

    def get(self, name, vcpu=0):
        """Value of a register, or None when this CPU has none of that name."""
        if name.lower() not in self._numbers:
            return None
        self._select(vcpu)
        reply = self._ask(f'p{self._numbers[name.lower()][0]:x}')
        return None if not reply or reply[0] == 'E' else int.from_bytes(bytes.fromhex(reply), 'little')

    def set(self, name, value, vcpu=0):
        if name.lower() not in self._numbers:
            raise failure(f'the gdb stub knows no register {name}')
        number, bits = self._numbers[name.lower()]
        self._select(vcpu)
        self._ask(f'P{number:x}={value.to_bytes(bits // 8, "little").hex()}')
        if self.get(name, vcpu) != value:
            raise failure(f'{name} of vCPU {vcpu} could not be set to {value:#x} through the gdb stub')
