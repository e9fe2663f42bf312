"""The whole laboratory, from namespaces to traffic, with one way out."""

import contextlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from lab import config, namespace, sluice
from lab.server import WebServer, make_big_file
from lab.topology import Topology


class Stopped(BaseException):
    """SIGTERM, as an exception, so that everything is torn down on the way out."""


def stop_on_signal(number, _frame):
    raise Stopped(number)


class Lab:
    """Builds everything but the daemons' start; `with Lab(...) as lab:` leaves nothing behind."""

    def __init__(self, build_dir, driver='af_xdp'):
        self.binaries = sluice.Binaries(build_dir)
        self.driver = driver
        self.directory = namespace.directory_of(os.getpid())
        self.log_dir = self.directory / 'log'
        self.topology = None
        self.servers = {}
        self.sluice = None
        self.big_sha256 = None
        self._on_exit = contextlib.ExitStack()

    def __enter__(self):
        self.binaries.require_built()
        namespace.clean_leftovers()
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._on_exit.callback(signal.signal, number, signal.signal(number, stop_on_signal))
        # The worker polls a core of its own; everything that we start inherits the others.
        os.sched_setaffinity(0, config.OTHER_CORES)
        try:
            self._build()
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(self, *_):
        self._tear_down()

    def _build(self):
        self._make_directory()
        self._on_exit.callback(self._delete_topology)
        self.topology = Topology(self.driver)
        big_path = self.directory / 'big'
        self.big_sha256 = make_big_file(big_path)
        for name, server in self.topology.servers.items():
            self.servers[name] = WebServer(name, server, self.directory / name, big_path)
            self._on_exit.callback(self.servers[name].kill)
            self.servers[name].start()
            sluice.attach_decap(self.binaries, server)
        self._make_sluice(self.topology.balancer)

    def _make_sluice(self, balancer):
        self.sluice = sluice.Sluice(self.binaries, balancer, self.directory / 'balancer',
                                    self.log_dir)
        self._on_exit.callback(self.sluice.stop)

    def _make_directory(self):
        shutil.rmtree(self.directory, ignore_errors=True)  # of an earlier process with this pid
        self.directory.mkdir(mode=0o700)
        self._on_exit.callback(shutil.rmtree, self.directory, ignore_errors=True)
        (self.directory / 'lab').write_text(' '.join(sys.argv) + '\n')
        self.log_dir.mkdir()

    def _delete_topology(self):
        if self.topology is not None:
            self.topology.delete()

    def _tear_down(self):
        # A second Ctrl-C must not leave half of it behind.
        wanted = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
        try:
            self._on_exit.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def keep_logs(self):
        """Copies the logs to where they outlive the laboratory; gives the path."""
        kept = tempfile.mkdtemp(prefix='sluice-logs-')
        return pathlib.Path(shutil.copytree(self.log_dir, kept, dirs_exist_ok=True))

    @property
    def client(self):
        return self.topology.client

    def start(self, text=None):
        """Starts the balancer with this configuration; gives when all backends are up."""
        self.sluice.write_config(text or config.full_text(self.driver))
        self.sluice.start()
        self.sluice.wait_until_in_sync()
        self.sluice.wait_until_all('up')


class BareLab(Lab):
    """One namespace with a balancer and no network: for ports that are not the kernel's."""

    def _build(self):
        self._make_directory()
        self.balancer = namespace.Namespace('lb')
        self._on_exit.callback(self.balancer.delete)
        self._make_sluice(self.balancer)

    def start(self, text=None):
        self.sluice.write_config(text)
        self.sluice.start()
