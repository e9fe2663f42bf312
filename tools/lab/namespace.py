"""Network namespaces named after the process that made them: sl<pid>-<role>."""

import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time

from lab.process import run

NETNS_DIR = pathlib.Path('/run/netns')
OURS = re.compile(r'sl(\d+)-\w+')

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(path):
    """Moves the calling thread into the namespace at this path."""
    with open(path, 'rb') as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f'cannot enter {path}')


@contextlib.contextmanager
def entered(path):
    """Sockets that the calling thread opens inside this block belong to the namespace for good."""
    home = f'/proc/self/task/{thread_id()}/ns/net'
    with open(home, 'rb') as before:
        enter(path)
        try:
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


def thread_id():
    return libc.gettid()


class Namespace:
    """One namespace with its loopback up; made when constructed, gone after delete()."""

    def __init__(self, role, pid=None):
        self.role = role
        self.name = f'sl{pid or os.getpid()}-{role}'
        self.path = NETNS_DIR / self.name
        run('ip', 'netns', 'add', self.name)
        self.ip('link', 'set', 'lo', 'up')

    def wrap(self, *command):
        """The command line that runs `command` inside. Unlike `ip netns exec` it keeps /sys."""
        return ['nsenter', f'--net={self.path}', '--', *map(str, command)]

    def run(self, *command, **options):
        return run(*self.wrap(*command), **options)

    def ip(self, *arguments):
        return run('ip', '-n', self.name, *arguments)

    def sysctl(self, **settings):
        """Sets net.* sysctls; two underscores stand for a dot."""
        words = [f'net.{key.replace("__", ".")}={value}' for key, value in settings.items()]
        self.run('sysctl', '-qw', *words)

    def entered(self):
        return entered(self.path)

    def enter(self):
        enter(self.path)

    def delete(self):
        delete(self.name)


def delete(name):
    """Ends what still runs inside, then removes the namespace."""
    pids = run('ip', 'netns', 'pids', name, check=False).stdout.split()
    for pid in pids:
        # Never ourselves: a thread of ours may still be inside.
        if int(pid) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    run('ip', 'netns', 'delete', name, check=False)


def directory_of(pid):
    """Where the laboratory of this process keeps its files."""
    return pathlib.Path(tempfile.gettempdir()) / f'sl{pid}'


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def clean_leftovers():
    """Removes namespaces and directories of laboratories whose process is gone."""
    names = [entry.name for entry in NETNS_DIR.iterdir()] if NETNS_DIR.is_dir() else []
    stale = {}
    for name in names:
        match = OURS.fullmatch(name)
        if match and not is_alive(int(match[1])):
            stale.setdefault(int(match[1]), []).append(name)
    for names_of_pid in stale.values():
        for name in names_of_pid:
            delete(name)
    for directory in pathlib.Path(tempfile.gettempdir()).glob('sl*'):
        match = re.fullmatch(r'sl(\d+)', directory.name)
        if match and not is_alive(int(match[1])) and (directory / 'lab').exists():
            shutil.rmtree(directory, ignore_errors=True)


def wait_for_link(namespace, address, seconds=10):
    """Pings until the address answers: the first packets after a veth is made may get lost."""
    deadline = time.monotonic() + seconds
    while namespace.run('ping', '-c', 1, '-W', 1, '-q', address, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f'{address} does not answer to {namespace.name}')
        time.sleep(0.05)
