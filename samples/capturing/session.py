# SPDX-License-Identifier: MIT
"""One capture from beginning to end: packages, initial RAM disk, boot, stop, questions, files."""
import json
import re
import time

from . import initrd, monitor, packages, questions
from .core import core, write_sparse
from .fixture import agreement, answers, asked, compress, truth
from .gdbstub import gdbstub
from .guests import COMPILER, FAMILY, failure
from .machine import machine, shown_command
from .walker import regime_of, sweep

ARM_REGISTERS   = ('ttbr0_el1', 'ttbr1_el1', 'tcr_el1', 'mair_el1', 'sctlr_el1', 'contextidr_el1',
                   'id_aa64mmfr0_el1', 'id_aa64mmfr1_el1', 'id_aa64mmfr2_el1', 'pstate')
ARM_ALIASES     = {'sctlr_el1': 'sctlr', 'pstate': 'cpsr'}      # the gdb stub's own names
RISCV_REGISTERS = ('satp', 'mstatus', 'menvcfg', 'priv', 'senvcfg')
PAT_TYPES       = {'UC': 0, 'WC': 1, 'WT': 4, 'WP': 5, 'WB': 6, 'UC-': 7}

SEMANTICS = {
    'x86': 'gva2gpa checks neither rights nor reserved bits; it follows the CR3 of the context. Where '
           'root_derived_from_sibling is true, the guest was in user mode on the other root of its KPTI pair: CR3 was '
           'set to that value with bit 12 cleared, through the gdb stub of the stopped VM, before it was asked.',
    'arm64': 'gva2gpa is a data load at the current exception level; PSTATE was set to EL1h with PAN=0 through the gdb '
             'stub of the stopped VM before it was asked (registers.pstate is the value when stopped; the dump was '
             'taken before). A leaf whose access flag is clear is "unmapped" only where TCR_EL1.HA=0.',
    'riscv': 'gva2gpa is a load at the current privilege; priv=1 (S), mstatus.SUM=1 and mstatus.MXR=1 were set through '
             'the gdb stub of the stopped VM before it was asked (registers.priv and registers.mstatus are the values '
             'when stopped; the dump was taken before).'}


class guest_report:
    """What the guest printed: lines that start with SAMPLE."""

    def __init__(self, lines):
        said = [m[1].strip().split(' ', 1) for line in lines if (m := re.search(r'SAMPLE (.*)', line))]
        if any(word[0] == 'failed' for word in said):
            raise failure('the test program failed inside the guest:\n' + '\n'.join(lines[-8:]))
        def rest(kind):
            return [word[1] for word in said if word[0] == kind]
        pairs = [(int(va, 16), None if kind == 'none' else int(pa, 16)) for kind in ('page', 'none')
                 for va, pa in (text.split() for text in rest(kind))]
        self.uname, self.notes, self.modules = rest('uname')[0], rest('note'), rest('module')
        self.truth  = sorted((truth(va, pa) for va, pa in pairs), key=lambda page: page.va)
        self.places = [va for va, _ in pairs] + [int(text, 16) for text in rest('hole')]
        if sum(pa is None for _, pa in pairs) != 1 or len(rest('hole')) != 1:
            raise failure('the console lost lines of the test program; capture again')


def user_mode(family, registers):
    return {'x86':   lambda r: int(r['cpl'], 16) == 3,
            'arm64': lambda r: int(r['pstate'], 16) & 15 == 0,
            'riscv': lambda r: int(r['priv'], 16) == 0}[family](registers)


def read_registers(family, vm, stub, vcpu):
    if family == 'x86':
        text = vm.monitor('info registers', vcpu)
        found = {k: re.search(pattern, text) for k, pattern in
                 (('cr0', r'CR0=([0-9a-f]+)'), ('cr3', r'CR3=([0-9a-f]+)'), ('cr4', r'CR4=([0-9a-f]+)'),
                  ('efer', r'EFER=([0-9a-f]+)'), ('cpl', r'CPL=(\d)'))}
        return {k: hex(int(m[1], 16)) for k, m in found.items()}
    names = {n: n for n in RISCV_REGISTERS} if family == 'riscv' else {n: ARM_ALIASES.get(n, n) for n in ARM_REGISTERS}
    values = {k: stub.get(n, vcpu) for k, n in names.items()}
    needed = ('satp', 'mstatus', 'priv') if family == 'riscv' else names
    if lost := [k for k in needed if values[k] is None]:
        raise failure(f'the gdb stub does not show {", ".join(lost)}')
    return {k: hex(v) for k, v in values.items() if v is not None}


def stop_in_user_mode(guest, family, vm):
    """Stops the VM while every vCPU runs its test program and not an interrupt handler. Returns the gdb stub: a new one
    at each attempt, because a stub that sees the VM stop a second time says so unasked."""
    time.sleep(1)
    for _ in range(50):
        vm.qmp('stop')
        stub = gdbstub(vm.gdb_path)
        if all(user_mode(family, read_registers(family, vm, stub, vcpu)) for vcpu in range(guest.vcpus)):
            return stub
        stub.close()
        vm.qmp('cont')
        time.sleep(.1)
    raise failure(f'{guest.name}: its vCPUs were never all in user mode when the VM was stopped')


def privileged_loads(family, stub, vcpu, registers):
    """Makes the monitor's gva2gpa ask as the kernel would; see SEMANTICS."""
    if family == 'arm64':
        stub.set('cpsr', int(registers['pstate'], 16) & ~(15 | 1 << 22) | 5, vcpu)
    elif family == 'riscv':
        stub.set('priv', 1, vcpu)
        stub.set('mstatus', int(registers['mstatus'], 16) | 1 << 18 | 1 << 19, vcpu)


def listing(family, regime, vm, vcpu):
    """The monitor's own list of leaves, where it has one."""
    if family == 'x86':
        return monitor.info_tlb(vm.monitor('info tlb', vcpu), regime.levels > 3, regime.pae,
                                lambda va: vm.gva2gpa(va, vcpu))
    if family == 'riscv':
        return monitor.info_mem_riscv(vm.monitor('info mem', vcpu))
    return [], []


def pat_of(notes):
    """IA32_PAT from the line in which the guest kernel prints its eight types; the monitor does not show it."""
    for note in notes:
        if m := re.search(r'PAT: Configuration \[0-7\]: (.*)', note):
            types = m[1].split()
            value = sum(PAT_TYPES[t] << 8 * i for i, t in enumerate(types))
            line  = f'x86/PAT: Configuration [0-7]: {"  ".join(types)}'
            return {'pat': f'{value:#018x}', 'pat_source': f'computed from the guest kernel log line "{line}"'}
    raise failure('the guest kernel printed no PAT configuration')


def contexts_of(guest, family, vm, stub):
    """Every live root: each vCPU, then the kernel's root of a KPTI pair."""
    out = []
    for vcpu in range(guest.vcpus):
        registers = read_registers(family, vm, stub, vcpu)
        privilege = 'user' if user_mode(family, registers) else 'kernel'
        registers.pop('cpl', None)
        out.append({'id': f'cpu{vcpu}', 'vcpu': vcpu, 'privilege_when_stopped': privilege, 'registers': registers,
                    'root_derived_from_sibling': False})
    if guest.siblings:
        cr3 = int(out[0]['registers']['cr3'], 16)
        if not cr3 >> 12 & 1:
            raise failure(f'{guest.name}: KPTI was asked for, but CR3 in user mode is {cr3:#x} (bit 12 is clear)')
        out.append({**out[0], 'id': 'cpu0-kernel', 'registers': {**out[0]['registers'], 'cr3': hex(cr3 & ~(1 << 12))},
                    'root_derived_from_sibling': True})
    return out


def ask(guest, family, vm, stub, context, dump, report):
    """The answers of one context, and what was corrected in the monitor's text."""
    regime, vcpu = regime_of(guest.arch, context['registers']), context['vcpu']
    if regime.shape != guest.shape:
        raise failure(f'{guest.name} runs as "{regime.shape}", expected "{guest.shape}"')
    if context['root_derived_from_sibling']:
        stub.set('cr3', int(context['registers']['cr3'], 16), vcpu)
    privileged_loads(family, stub, vcpu, context['registers'])
    ranges, corrected = listing(family, regime, vm, vcpu)
    _, leaves, holes  = sweep(regime, dump)
    chosen = questions.addresses(f'{guest.name} {context["id"]}', regime, leaves, holes, report.places, bool(ranges))
    said   = answers(ranges, [asked(va, vm.gva2gpa(va, vcpu)) for va in chosen], report.truth if vcpu == 0 else [])
    return said, [f'{context["id"]}: {c}' for c in corrected]


def capture(guest, output, work, cache, archives, timeout, say):
    """Captures one guest into `output`; big files stay in `work`, packages in `cache`."""
    family = FAMILY[guest.arch]
    key = guest.suite, guest.deb_arch
    source = archives.setdefault(key, packages.archive(cache, *key))
    package = source.resolve(guest.package)
    say(f'{guest.name}: {package} of {guest.suite}')
    deb, version = source.fetch(package)
    files   = packages.unpack(deb, ['boot/vmlinu[xz]-*', *(f'*/{m}.ko*' for m in guest.modules)], work)
    busybox = packages.unpack(source.fetch('busybox-static')[0], ['bin/busybox', 'usr/bin/busybox'], work)
    kernel  = [f for f in files if f.suffix != '.ko']
    if len(kernel) != 1 or len(busybox) != 1:
        raise failure(f'{deb.name} or busybox-static is not laid out as expected: {[f.name for f in files]}')
    image = work / f'{guest.deb_arch}.gz'
    initrd.pack(image, busybox[0], initrd.compile_zoo(COMPILER[guest.deb_arch], work),
                [f for f in files if f.suffix == '.ko'])

    args, shown = shown_command(guest, kernel[0], image)
    with machine(args, work) as vm:
        started = time.monotonic()
        report  = guest_report(vm.wait_for(b'SAMPLE ready', timeout))
        (work / 'console.txt').write_bytes(vm.console)
        say(f'{guest.name}: ready after {time.monotonic() - started:.0f} s, '
            f'the test program lists {len(report.truth)} pages')
        if len(report.modules) != len(guest.modules):
            raise failure(f'{guest.name}: the guest did not load {guest.modules}')
        stub = stop_in_user_mode(guest, family, vm)
        contexts = contexts_of(guest, family, vm, stub)
        # The dump comes before any question: a translation asked of QEMU may set accessed bits in guest memory.
        vm.qmp('dump-guest-memory', paging=False, protocol=f'file:{work / "dump"}')
        dump = core(work / 'dump')
        said, corrected, pages = {}, [], set()
        for context in contexts:
            said[context['id']], notes = ask(guest, family, vm, stub, context, dump, report)
            corrected += notes
            pages |= sweep(regime_of(guest.arch, context['registers']), dump)[0]
        qemu = vm.version_text()
        stub.close()

    runs   = write_sparse(work / f'{guest.name}.elf', dump, pages)
    sparse = core(work / f'{guest.name}.elf')
    agreed = {}
    for context in contexts:
        cid = context['id']
        context['answers'] = f'{guest.name}.{"" if cid == "cpu0" else cid + "."}answers.txt.zst'
        context['lines'] = said[cid].counts()
        agreed[cid], wrong = agreement(guest.arch, context, sparse, said[cid])
        say(f'{guest.name} {cid}: ' + ', '.join(f'{k} {v}' for k, v in agreed[cid].items()))
        if wrong:
            (work / f'{cid}.answers.txt').write_text(said[cid].text())
            raise failure(f'{guest.name} {cid}: the walker and the monitor differ, nothing was written; first: {wrong}')
    pat = pat_of(report.notes) if family == 'x86' else {}
    facts = {
        'fixture': guest.name, 'arch': guest.arch, 'mode': guest.mode, 'elf_class': 64, 'endianness': 'little',
        'e_machine': dump.machine,
        'registers': {**contexts[0]['registers'], **({'pat': pat['pat']} if pat else {})},
        'primary_context': 'cpu0', 'contexts': contexts,
        'kernel': {'package': package, 'version': version, 'suite': guest.suite, 'uname': report.uname},
        'qemu_version': qemu, 'command_line': shown,
        'table_pages': len(pages), 'table_runs': len(runs), 'monitor_bugs_corrected': corrected,
        'guest_console': report.notes, **pat,
        'gva2gpa_semantics': SEMANTICS[family], 'live_roots': 'all contexts', 'agreement': agreed}
    output.mkdir(parents=True, exist_ok=True)
    compress(output / f'{guest.name}.elf.zst', (work / f'{guest.name}.elf').read_bytes())
    for context in contexts:
        compress(output / context['answers'], said[context['id']].text().encode())
    (output / f'{guest.name}.json').write_text(json.dumps(facts, indent=1) + '\n')
    for stale in set(output.glob(f'{guest.name}.*answers.txt.zst')) - {output / c['answers'] for c in contexts}:
        stale.unlink()
    say(f'{guest.name}: {len(pages)} table pages in {len(runs)} runs; written to {output.name}/')
