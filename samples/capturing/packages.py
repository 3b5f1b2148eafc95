# SPDX-License-Identifier: MIT
"""Debian packages of any suite and architecture, by apt, in a private root: the host's dpkg is never touched.

The archive is the one the host's own apt is configured with; only the suite is replaced. Signatures are checked."""
import fnmatch
import lzma
import os
from pathlib import Path
import re
import subprocess
import tarfile

from .guests import failure

KEYRING = Path('/usr/share/keyrings/debian-archive-keyring.gpg')


def run(command, **options):
    """Runs a program; returns its standard output, or raises a failure with what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, **options)
    except FileNotFoundError:
        raise failure(f'{command[0]} is not installed: see samples/README.md, "What it needs"') from None
    if done.returncode:
        raise failure(f'{" ".join(map(str, command))} failed ({done.returncode}):\n{done.stderr.strip()}')
    return done.stdout


def host_archive():
    """(URI, signed-by) of the Debian archive the host itself installs from."""
    lines = run(['apt-get', 'indextargets', '--format', '$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(SIGNED_BY)',
                 'Created-By: Packages']).splitlines()
    for uri, release, component, signed_by in (line.split('\t') for line in lines):
        if component == 'main' and 'security' not in uri + release and re.search(r'/debian/?$', uri):
            return uri, signed_by
    raise failure('the apt sources of this machine name no Debian archive (component main): add one under '
                  '/etc/apt/sources.list.d; the kernels are fetched from it')


class archive:
    """One suite and architecture. Lists are refreshed once in the life of the object."""

    def __init__(self, cache, suite, arch):
        self.suite, self.arch = suite, arch
        self.root = Path(cache).resolve() / f'{suite}-{arch}'
        self.fresh = False

    def _prepare(self):
        r = self.root
        for d in ('state/lists/partial', 'cache/archives/partial', 'empty', 'packages'):
            (r / d).mkdir(parents=True, exist_ok=True)
        (r / 'status').touch()
        uri, signed_by = host_archive()
        key = KEYRING if KEYRING.exists() else signed_by if signed_by.startswith('/') else ''
        (r / 'sources.list').write_text(f'deb [arch={self.arch}{f" signed-by={key}" if key else ""}] '
                                        f'{uri} {self.suite} main\n')
        # The host's hooks must not run for a private root, but its proxies are needed to reach the archive.
        network = [line for line in run(['apt-config', 'dump']).splitlines()
                   if re.match('Acquire::(http|https|ftp|Retries|ForceIPv)', line, re.I)]
        own = {'Dir::State': r / 'state', 'Dir::State::status': r / 'status', 'Dir::Cache': r / 'cache',
               'Dir::Cache::srcpkgcache': '', 'Dir::Etc::sourcelist': r / 'sources.list',
               'Dir::Etc::sourceparts': r / 'empty', 'Dir::Etc::main': '/dev/null', 'Dir::Etc::parts': r / 'empty',
               'Dir::Etc::preferences': '/dev/null', 'Dir::Etc::preferencesparts': r / 'empty',
               'APT::Architecture': self.arch, 'APT::Sandbox::User': '', 'Acquire::Languages': 'none',
               'Acquire::AllowInsecureRepositories': 'false', 'Acquire::AllowWeakRepositories': 'false'}
        conf = r / 'apt.conf'
        conf.touch(mode=0o600)      # a proxy may carry a password
        conf.write_text('\n'.join([*network, *(f'{k} "{v}";' for k, v in own.items()),
                                   f'APT::Architectures {{ "{self.arch}"; }};']) + '\n')

    def _apt(self, *command, **options):
        return run(list(command), env={**os.environ, 'APT_CONFIG': str(self.root / 'apt.conf'), 'LC_ALL': 'C'},
                   **options)

    def refresh(self):
        if self.fresh:
            return
        self._prepare()
        try:
            self._apt('apt-get', 'update', '-qq', '-o', 'APT::Update::Error-Mode=any')
        except failure as e:
            hint = ('its signature cannot be checked with the keys of this machine: install a newer '
                    'debian-archive-keyring' if re.search(r'NO_PUBKEY|not signed|signatures', str(e)) else
                    'does the archive of this machine carry that suite?')
            raise failure(f'Debian {self.suite} for {self.arch} is not available here; {hint}\n{e}') from None
        # An architecture that the suite lacks is no error to apt: there is just no list of packages.
        if not list((self.root / 'state' / 'lists').glob(f'*_binary-{self.arch}_Packages*')):
            raise failure(f'the archive of this machine carries Debian {self.suite}, but not for {self.arch}')
        self.fresh = True

    def resolve(self, package):
        """The package a metapackage stands for; any other package stands for itself."""
        self.refresh()
        depends = self._apt('apt-cache', 'depends', '--important', package)
        found = re.findall(r'Depends: (linux-image-\S*\d\S*)', depends)
        return found[0] if found else package

    def fetch(self, package):
        """Downloads a package unless the cache has this very version. Returns (file, version)."""
        self.refresh()
        policy = re.search(r'Candidate: (\S+)', self._apt('apt-cache', 'policy', package))
        if not policy or policy[1] == '(none)':
            raise failure(f'Debian {self.suite} for {self.arch} has no package {package}')
        version, where = policy[1], self.root / 'packages'
        pattern = f'{package}_{version.replace(":", "%3a")}_*.deb'
        if not list(where.glob(pattern)):
            self._apt('apt-get', 'download', '-qq', package, cwd=where)
        found = list(where.glob(pattern))
        if not found:
            raise failure(f'apt downloaded {package}, but {where} has no {pattern}')
        return found[0], version


def unpack(package, wanted, destination):
    """Writes the regular files of a .deb whose names match one of `wanted` (shell patterns) to `destination`, flat;
    modules packed with xz come out unpacked. Returns their paths."""
    destination.mkdir(parents=True, exist_ok=True)
    out = []
    with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', str(package)], stdout=subprocess.PIPE) as p:
        with tarfile.open(fileobj=p.stdout, mode='r|') as tar:
            for member in tar:
                name = member.name.removeprefix('./')
                if member.isfile() and any(fnmatch.fnmatchcase(name, w) for w in wanted):
                    data, base = tar.extractfile(member).read(), os.path.basename(name)
                    if base.endswith('.xz'):
                        data, base = lzma.decompress(data), base[:-3]
                    out.append(destination / base)
                    out[-1].write_bytes(data)
        p.stdout.read()          # dpkg-deb fails on a closed pipe
    if p.returncode:
        raise failure(f'{package} cannot be unpacked; delete it and try again')
    return out
