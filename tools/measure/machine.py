"""The machine that figures are of: what it is, and pages of its memory for as long as a run lasts."""

import os
import pathlib
import platform
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = pathlib.Path('/sys/kernel/mm/hugepages/hugepages-2048kB')
PAGE_MIB = 2
DPDK_RUN_DIR = pathlib.Path('/run/dpdk')


class Unfit(Exception):
    """Why something cannot be done here, and what to do about it."""


def model():
    match = re.search(r'^model name\s*:\s*(.+)$', pathlib.Path('/proc/cpuinfo').read_text(),
                      re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def git(*arguments):
    """What git says, or nothing where there is no git or no repository."""
    try:
        done = subprocess.run(['git', '-c', 'safe.directory=*', '-C', ROOT, *arguments],
                              capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ''
    return done.stdout.strip()


def commit():
    """The commit that is checked out, with a + when files differ from it."""
    name = git('rev-parse', '--short=12', 'HEAD')
    return name + ('+' if name and git('status', '--porcelain', '--untracked-files=no') else '')


def cores():
    return sorted(os.sched_getaffinity(0))


def describe():
    return {'machine': model(), 'cores': len(cores()), 'kernel': platform.release(),
            'commit': commit()}


def forget_dpdk(prefix):
    """Removes the folder that a DPDK program leaves behind when it ends."""
    shutil.rmtree(DPDK_RUN_DIR / prefix, ignore_errors=True)


class HugePages:
    """At least so many MiB of free huge pages; what was added is given back at the end."""

    def __init__(self, wanted_mib):
        self.wanted_pages = -(-wanted_mib // PAGE_MIB)
        self.added = 0
        self.note = ''

    def _read(self, name):  # of the kernel's numbers about these pages
        return int((PAGES / name).read_text())

    def _add(self, pages):
        before = self._read('nr_hugepages')
        (PAGES / 'nr_hugepages').write_text(f'{before + pages}\n')
        return self._read('nr_hugepages') - before

    def __enter__(self):
        try:
            missing = self.wanted_pages - self._read('free_hugepages')
            if missing > 0:
                self.added = self._add(missing)
            if self._read('free_hugepages') < self.wanted_pages:
                self._give_back()
                self.note = 'the kernel has no huge pages to give: memory is too fragmented'
        except OSError as error:
            self.note = f'no huge pages ({error.strerror}): run it as root'
        return self

    def _give_back(self):
        if self.added > 0:
            now = self._read('nr_hugepages')
            (PAGES / 'nr_hugepages').write_text(f'{max(now - self.added, 0)}\n')
            self.added = 0

    def __exit__(self, *_):
        self._give_back()
