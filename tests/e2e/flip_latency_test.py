#!/usr/bin/python3
"""How long a flip takes from sluiced's notice of it to the workers, with many backends.

A relay between the two daemons notes when what passes: the line in sluiced's log, the message to
the data plane, and the report that says that every worker forwards by it. --full takes 1,000
services of 100 backends and 200 flips, for the documentation; otherwise it is a tenth of that, and
a limit that a busy machine keeps, too.
"""

import argparse
import contextlib
import pathlib
import selectors
import socket
import struct
import subprocess
import threading
import time

import harness

from lab.lab import BareLab
from lab.process import CommandError, wait_until

BACKENDS = 100
PROBE_PORT = 8080
HEADER = struct.Struct('<IHHQQ')
MAGIC, VERSION = 0x43554c53, 3
HEALTH, HEALTH_CHANGE, REPORT = 3, 8, 1
LIMIT_MS = 250  # of the median; an idle machine takes two
START_SECONDS = 300
FLIP_SECONDS = 30
QUIET_SECONDS = 2


def address_of(backend):
    return f'10.77.0.{backend + 1}'


def config_text(services):
    """Every service on the same servers; those of the last one are probed."""
    lines = ['[dataplane]', 'hugepages = "off"', 'memory = "64MiB"', 'flows_max = 16384',
             '[[port]]', 'name = "wan0"', 'driver = "vdev"', 'device = "net_null0"']
    for number in range(services):
        lines += ['[[service]]', f'name = "service-{number}"',
                  f'vip = "198.18.{number // 250}.{number % 250 + 1}"', 'port = 80']
        if number == services - 1:
            lines.append(f'health = {{ type = "tcp", port = {PROBE_PORT}, interval = "200ms", '
                         'timeout = "150ms", rise = 1, fall = 1 }')
        for backend in range(BACKENDS):
            lines += ['[[service.backend]]', f'name = "backend-{backend}"',
                      f'address = "{address_of(backend)}"']
    return '\n'.join(lines) + '\n'


class Servers:
    """Answers probes on every backend's address; one of them can be closed and opened."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.selector = selectors.DefaultSelector()
        self.lock = threading.Lock()
        self.listeners = {}
        for backend in range(BACKENDS):
            namespace.ip('address', 'add', address_of(backend) + '/32', 'dev', 'lo')
            self.open(backend)
        threading.Thread(target=self._serve, daemon=True).start()

    def open(self, backend):
        with self.namespace.entered():
            listener = socket.create_server((address_of(backend), PROBE_PORT))
        listener.setblocking(False)
        with self.lock:
            self.listeners[backend] = listener
            self.selector.register(listener, selectors.EVENT_READ)

    def close(self, backend):
        with self.lock:
            listener = self.listeners.pop(backend)
            self.selector.unregister(listener)
            listener.close()

    def _serve(self):
        while True:
            ready = self.selector.select(timeout=0.05)
            with self.lock:
                for key, _ in ready:
                    with contextlib.suppress(OSError):
                        key.fileobj.accept()[0].close()


def report_generations(body):
    """(configuration's, health's) of a Report."""
    text_bytes, = struct.unpack_from('<I', body, 4)
    return struct.unpack_from('<QQ', body, 8 + text_bytes + 1)


class Stream:
    """Cuts what passes in one direction into messages."""

    def __init__(self):
        self.bytes = bytearray()

    def feed(self, piece):
        self.bytes += piece
        while len(self.bytes) >= HEADER.size:
            _, _, kind, generation, length = HEADER.unpack_from(self.bytes)
            if len(self.bytes) < HEADER.size + length:
                return
            yield kind, generation, bytes(self.bytes[HEADER.size:HEADER.size + length])
            del self.bytes[:HEADER.size + length]


class Relay:
    """sluiced's data plane, and the data plane's sluiced. Times are of time.monotonic()."""

    def __init__(self, listen_path, connect_path, log_file):
        self.noticed = None  # when the last flip stood in the log
        self.told = {}       # by health generation: when the message passed, and its bytes
        self.reported = {}   # by health generation: when the report passed
        self.config_reported = None
        self.connect_path = str(connect_path)
        self.log_file = log_file
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(listen_path))
        self.listener.listen(1)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):  # one of the two has ended
            self._relay()

    def _relay(self):
        control, _ = self.listener.accept()
        plane = socket.socket(socket.AF_UNIX)
        plane.connect(self.connect_path)
        to_plane, to_control = Stream(), Stream()
        selector = selectors.DefaultSelector()
        for file in (self.log_file, control, plane):
            selector.register(file, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            now = time.monotonic()
            if self.log_file in ready and b' is ' in self.log_file.read1(65536):
                self.noticed = now
            if control in ready:
                piece = control.recv(1 << 20)
                for kind, generation, body in to_plane.feed(piece):
                    if kind in (HEALTH, HEALTH_CHANGE):
                        self.told[generation] = (now, HEADER.size + len(body))
                plane.sendall(piece)
            if plane in ready:
                piece = plane.recv(1 << 20)
                for kind, _, body in to_control.feed(piece):
                    if kind == REPORT:
                        config, health = report_generations(body)
                        self.config_reported = config
                        self.reported.setdefault(health, now)
                control.sendall(piece)


class Rig:
    """Both daemons, the servers that are probed, and the relay."""

    def __init__(self, lab, services):
        sluice = lab.sluice
        self.servers = Servers(lab.balancer)
        sluice.write_config(config_text(services))
        sluice.start_dataplane()
        self.plane = sluice.dataplane
        socket_path = sluice.run_dir / 'dataplane.sock'
        wait_until(socket_path.exists, START_SECONDS, 'the data plane listens')
        control_dir = lab.directory / 'control'
        control_dir.mkdir()
        self.began = time.monotonic()
        self.sluiced = subprocess.Popen(
            lab.balancer.wrap(lab.binaries.control, '--config', sluice.config_path,
                              '--run-dir', control_dir, '--state-dir', sluice.state_dir),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.relay = Relay(control_dir / 'dataplane.sock', socket_path, self.sluiced.stderr)

    def stop(self):
        self.sluiced.terminate()
        self.sluiced.wait()

    def require_running(self):
        self.plane.require_running()
        if self.sluiced.poll() is not None:
            raise CommandError(f'sluiced ended with status {self.sluiced.returncode}')

    def wait_for_report(self, after, seconds):
        """The first health generation that is reported and was told after that one."""
        def there():
            self.require_running()
            return next((g for g in sorted(self.relay.reported) if g > after), None)
        return wait_until(there, seconds, 'the data plane forwards by the flip', interval=0.002)


def resident_mib(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(status.split('VmRSS:')[1].split()[0]) // 1024


def distribution(values):
    ordered = sorted(values)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]
    return f'median {at(0.5):.2f}, p99 {at(0.99):.2f}, max {ordered[-1]:.2f} ms'


def wait_until_settled(rig):
    """Every backend has been judged, and nothing more comes."""
    def is_quiet():
        rig.require_running()
        told = max(rig.relay.told.values(), default=(time.monotonic(), 0))[0]
        return time.monotonic() - told > QUIET_SECONDS and \
            rig.relay.reported.keys() >= {max(rig.relay.told)}
    wait_until(is_quiet, START_SECONDS, 'the data plane has heard of every backend')


def measure(tap, rig, flips):
    generation = max(rig.relay.reported)
    from_notice, from_message, message_bytes = [], [], []
    for number in range(flips):
        backend = number // 2 % BACKENDS
        (rig.servers.close if number % 2 == 0 else rig.servers.open)(backend)
        generation = rig.wait_for_report(generation, FLIP_SECONDS)
        told, size = rig.relay.told[generation]
        reported = rig.relay.reported[generation]
        from_notice.append((reported - rig.relay.noticed) * 1000)
        from_message.append((reported - told) * 1000)
        message_bytes.append(size)
    tap.note(f'from the notice to all workers, {flips} flips: {distribution(from_notice)}')
    tap.note(f'from the message to all workers: {distribution(from_message)}')
    tap.check(max(message_bytes) < 1000, 'a flip is told by itself',
              f'{max(message_bytes)} bytes')
    median = sorted(from_notice)[flips // 2]
    tap.check(median < LIMIT_MS, f'a flip reaches the workers within {LIMIT_MS} ms',
              distribution(from_notice))


def refuse_a_gap(tap, rig):
    """A change that does not follow on what the data plane has: it hangs up, to be told all."""
    stranger = socket.socket(socket.AF_UNIX)
    stranger.settimeout(FLIP_SECONDS)
    stranger.connect(rig.relay.connect_path)
    body = struct.pack('<QI', 12345, 0)
    stranger.sendall(HEADER.pack(MAGIC, VERSION, HEALTH_CHANGE, 12346, len(body)) + body)
    with contextlib.suppress(ConnectionResetError):
        while stranger.recv(1 << 16):
            pass
    rig.require_running()
    tap.check(True, 'a change after a gap ends the connection')


def flip(tap, lab, services, flips):
    rig = Rig(lab, services)
    try:
        wait_until(lambda: rig.require_running() or rig.relay.config_reported, START_SECONDS,
                   'the data plane forwards')
        tap.note(f'{services} services of {BACKENDS} backends, from the start of sluiced to '
                 f'forwarding: {time.monotonic() - rig.began:.1f} s')
        wait_until_settled(rig)
        tap.note(f'resident: sluiced {resident_mib(rig.sluiced.pid)} MiB, '
                 f'sluice-dataplane {resident_mib(rig.plane.pid)} MiB')
        measure(tap, rig, flips)
        refuse_a_gap(tap, rig)
    finally:
        rig.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=pathlib.Path, default=harness.ROOT / 'build')
    parser.add_argument('--full', action='store_true')
    arguments = parser.parse_args()
    harness.fit_driver('vdev')
    services, flips = (1000, 200) if arguments.full else (100, 20)
    tap = harness.Tap()
    with BareLab(arguments.build) as lab:
        harness.run_steps(tap, [flip], lab, services, flips)
        if tap.failed:
            harness.show_logs(tap, lab.log_dir)
    harness.finish(tap)


if __name__ == '__main__':
    main()
