#!/usr/bin/python3
"""The demo passes unattended, and leaves nothing behind however it ends."""

import os
import signal
import subprocess
import time

import harness

from lab import namespace
from lab.process import wait_until

DEMO_SECONDS = 170


def start_demo(build_dir, *options):
    return subprocess.Popen(
        [harness.ROOT / 'tools' / 'demo', '--no-build', '--build-dir', build_dir, *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def namespaces_of(pid):
    return [path.name for path in namespace.NETNS_DIR.glob(f'sl{pid}-*')]


def is_gone(pid):
    return not namespaces_of(pid) and not namespace.directory_of(pid).exists()


def test_check(tap, build_dir):
    began = time.monotonic()
    demo = start_demo(build_dir, '--check')
    output, _ = demo.communicate(timeout=DEMO_SECONDS)
    tap.note(output)
    tap.equal(demo.returncode, 0, f'tools/demo --check passes, in {time.monotonic() - began:.0f} s')
    tap.check(is_gone(demo.pid), 'and leaves nothing behind', namespaces_of(demo.pid))


def interrupt(tap, build_dir, number, wanted_status, moment):
    """The demo gets a signal when its output says `moment`."""
    demo = start_demo(build_dir)
    for line in demo.stdout:
        if moment in line:
            break
    tap.check(namespaces_of(demo.pid), f'there is something to remove at "{moment}"')
    demo.send_signal(number)
    demo.communicate(timeout=60)
    name = signal.Signals(number).name
    tap.equal(demo.returncode, wanted_status, f'{name} at "{moment}" ends it')
    tap.check(is_gone(demo.pid), f'{name} at "{moment}" leaves nothing behind',
              namespaces_of(demo.pid))


def test_interrupt(tap, build_dir):
    interrupt(tap, build_dir, signal.SIGINT, 0, 'balancer')
    interrupt(tap, build_dir, signal.SIGTERM, 128 + signal.SIGTERM, 'is killed during traffic')


def test_kill(tap, build_dir):
    """After a kill -9 of the demo the next laboratory cleans up."""
    demo = start_demo(build_dir)
    wait_until(lambda: len(namespaces_of(demo.pid)) == 6, 30, 'the namespaces of the demo')
    os.kill(demo.pid, signal.SIGKILL)
    demo.communicate(timeout=10)
    tap.check(namespaces_of(demo.pid), 'kill -9 leaves namespaces behind')
    namespace.clean_leftovers()
    tap.check(is_gone(demo.pid), 'which the next start removes', namespaces_of(demo.pid))


def main():
    harness.fit_driver('af_xdp')
    tap = harness.Tap()
    harness.run_steps(tap, [test_check, test_interrupt, test_kill], harness.parse_build_dir())
    harness.finish(tap)


if __name__ == '__main__':
    main()
