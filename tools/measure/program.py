"""bench_packets: how it is built, and what it says when it is run."""

import json
import shutil
import subprocess
import sys

from measure import machine
from measure.machine import Unfit

# As it is installed, but with the names of functions and lines, for --steps.
BUILD_OPTIONS = ('--buildtype=release', '-Ddebug=true', '-Db_ndebug=true', '-Dwerror=false')
TARGET = 'bench/packets/bench_packets'
MEMORY_MIB = 192  # of DPDK: buffers, and the hash table that is the yardstick


def say(text):
    print(f'tools/bench: {text}', file=sys.stderr, flush=True)


def run_quietly(command, what):
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unfit(f'{what} failed:\n{(done.stdout + done.stderr)[-4000:]}')


def build(build_dir):
    """The program, built anew where sources have changed."""
    run_quietly(['tools/setup', 'build'], 'tools/setup build')
    folder = machine.ROOT / build_dir
    if not (folder / 'build.ninja').exists():
        say(f'setting up {build_dir}/')
        run_quietly(['meson', 'setup', folder, *BUILD_OPTIONS], 'meson setup')
    say(f'building in {build_dir}/')
    run_quietly(['ninja', '-C', folder, TARGET], 'the build')
    return folder / TARGET


def end(process):
    """Ends a child of ours, at once if it does not go by itself."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Program:
    """A running bench_packets, line by line of what it says."""

    def __init__(self, path, arguments, prefix=(), quiet=False):
        self.command = [*map(str, prefix), str(path), *map(str, arguments)]
        self.quiet = quiet
        self.process = None

    def __enter__(self):
        # Its words about what it is doing are for whoever waits; DPDK's own about pages are not.
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL if self.quiet else None)
        return self

    def __exit__(self, *_):
        pid = self.process.pid
        end(self.process)
        machine.forget_dpdk(f'sluice-{pid}')

    def ask(self):
        """Lets it do another round."""
        self.process.stdin.write('\n')
        self.process.stdin.flush()

    def next(self):
        """Its next line; an error when it has ended."""
        line = self.process.stdout.readline()
        if not line:
            raise Unfit(f'bench_packets ended with status {self.process.wait()}: '
                        f'{" ".join(self.command)}')
        return json.loads(line)

    def lines(self):
        """All that it has to say, until it ends."""
        for line in self.process.stdout:
            yield json.loads(line)
        if self.process.wait() != 0:
            raise Unfit(f'bench_packets ended with status {self.process.returncode}, see above')


NO_SUCH_CASE = 2  # an exit status of bench_packets


def names(path, selection):
    """[(group, case)] of what is selected, perhaps nothing."""
    done = subprocess.run([str(path), '--list', *selection], capture_output=True, text=True,
                          check=False)
    if done.returncode == NO_SUCH_CASE:
        return []
    if done.returncode != 0:
        raise Unfit(done.stderr.strip() or 'bench_packets --list failed')
    return [tuple(line.split(' ', 1)) for line in done.stdout.splitlines()]


def need(command, package):
    if shutil.which(command) is None:
        raise Unfit(f'{command} is not installed: apt-get install {package}')
