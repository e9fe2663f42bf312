"""Every header says #pragma once and compiles alone."""

import concurrent.futures
import hashlib
import json
import pathlib
import re
import shlex
import subprocess

from tree import INCLUDE, Finding

NAME = 'headers compile alone'

PACKAGES = ('libdpdk', 'libbpf', 'liburing', 'fmt', 'tomlplusplus', 'gtest')
CXX = ('g++', '-std=c++23', '-march=x86-64-v2', '-fsyntax-only', '-x', 'c++')
# Headers of BPF programs alone are C for another machine.
BPF_C = ('clang-19', '-target', 'bpf', '-mcpu=v3', '-O2', '-g', '-fsyntax-only', '-x', 'c')
BPF_SYSTEM = ('-isystem', '/usr/include/x86_64-linux-gnu')
BPF_HELPERS = re.compile(r'^bpf/bpf_(helpers|endian|core_read|tracing)\.h$')
AT_ONCE = 2
SECONDS_MAX = 120
ERROR_LINES_MAX = 4


def package_flags():
    """The flags of the libraries that are installed, as system includes."""
    flags = []
    for package in PACKAGES:
        run = subprocess.run(['pkg-config', '--cflags', package], capture_output=True, text=True)
        for flag in shlex.split(run.stdout) if run.returncode == 0 else []:
            # -march is the compiler's to choose, not DPDK's.
            if flag.startswith('-I'):
                flags += ['-isystem', flag[2:]]
            elif not flag.startswith('-march'):
                flags.append(flag)
    return flags


class Compiler:
    """Compiles headers, and remembers which ones passed with the same text beneath them."""

    def __init__(self, tree, build):
        self.tree = tree
        self.build = pathlib.Path(build).absolute() if build else None
        self.includes = ['-I', str(tree.root.absolute())]
        if self.build:
            self.includes += ['-I', str(self.build)]
        self.cxx = [*CXX, *package_flags(), *self.includes]
        self.bpf = [*BPF_C, *BPF_SYSTEM, *self.includes]
        version = subprocess.run(['g++', '--version'], capture_output=True, text=True).stdout
        self.salt = json.dumps([version, self.cxx, self.bpf])
        self.cache_path = self.build / 'style-headers.json' if self.build else None
        self.passed = self._read_cache()

    def _read_cache(self):
        try:
            return set(json.loads(self.cache_path.read_text()))
        except (AttributeError, OSError, ValueError):
            return set()

    def write_cache(self, keys):
        try:
            if self.cache_path:
                self.cache_path.write_text(json.dumps(sorted(keys)))
        except OSError:
            pass  # someone else's build directory: the next run compiles again

    def _text(self, name):
        """The text of a header of ours, made by hand or by the build; None for a library's."""
        for folder in (self.tree.root, self.build):
            if folder and (folder / name).is_file():
                return (folder / name).read_text(errors='replace')
        return None

    def key(self, path):
        """A hash over the header and all of ours that it includes."""
        digest = hashlib.sha256(self.salt.encode())
        seen, pending = set(), [path]
        while pending:
            name = pending.pop()
            text = self._text(name)
            if name in seen or text is None:
                continue
            seen.add(name)
            digest.update(f'{name}\0{text}\0'.encode())
            matches = (INCLUDE.match(line) for line in text.split('\n'))
            pending += sorted(match[2] for match in matches if match and match[1] == '"')
        return digest.hexdigest()

    def errors(self, source):
        """What the compiler says about a file that includes only this header, twice."""
        names = [include.name for include in source.includes]
        is_bpf = source.path.endswith('.bpf.h') or any(map(BPF_HELPERS.match, names))
        # vmlinux.h or the kernel's types are the program's to choose, before any other header.
        first = '#include <linux/bpf.h>\n' if is_bpf else ''
        program = first + f'#include "{source.path}"\n' * 2
        try:
            run = subprocess.run([*(self.bpf if is_bpf else self.cxx), '-'], input=program,
                                 capture_output=True, text=True, timeout=SECONDS_MAX)
        except (OSError, subprocess.TimeoutExpired) as error:
            return [str(error)]
        if run.returncode == 0:
            return []
        lines = [line for line in run.stderr.splitlines() if 'error' in line]
        return (lines or run.stderr.splitlines() or ['the compiler failed'])[:ERROR_LINES_MAX]


def check_alone(compiler, headers):
    keys = {header.path: compiler.key(header.path) for header in headers}
    unknown = [header for header in headers if keys[header.path] not in compiler.passed]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(compiler.errors, unknown))
    failed = {header.path: errors for header, errors in zip(unknown, answers) if errors}
    compiler.write_cache(key for path, key in keys.items() if path not in failed)
    for path, errors in failed.items():
        yield Finding(path, 1, 'does not compile alone: ' + ' | '.join(errors))


def check(tree, options):
    headers = [source for source in tree.sources if source.path.endswith('.h')]
    findings = [Finding(header.path, 1, 'no #pragma once: begin the header with it')
                for header in headers
                if not re.search(r'^#pragma once$', header.code, re.MULTILINE)]
    if headers:
        findings += check_alone(Compiler(tree, options.build), headers)
    return findings
