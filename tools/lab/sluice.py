"""The real binaries: two daemons, the command-line tool, and the servers' decapsulator."""

import http.client
import json
import pathlib
import signal
import socket

from lab import topology
from lab.process import CommandError, Process, run, wait_until

READY_SECONDS = 30


class Binaries:
    """Where the build put them."""

    def __init__(self, build_dir):
        build = pathlib.Path(build_dir).resolve()
        self.dataplane = build / 'dataplane' / 'sluice-dataplane'
        self.control = build / 'control' / 'sluiced'
        self.tool = build / 'tools' / 'sluicectl' / 'sluicectl'
        self.decap = build / 'tools' / 'decap' / 'sluice-decap'

    def require_built(self):
        for path in vars(self).values():
            if not path.exists():
                raise CommandError(f'{path} is not there: build it first')


class Sluice:
    """One balancer: both daemons in its namespace, with their files in a directory of their own."""

    def __init__(self, binaries, namespace, directory, log_dir):
        self.binaries = binaries
        self.namespace = namespace
        self.run_dir = directory / 'run'
        self.state_dir = directory / 'state'
        self.config_path = directory / 'sluice.toml'
        self.socket_path = self.run_dir / 'control.sock'
        self.log_dir = log_dir
        self.dataplane = None
        self.control = None
        for made in (self.run_dir, self.state_dir):
            made.mkdir(parents=True)

    def write_config(self, text):
        self.config_path.write_text(text)

    def start_dataplane(self):
        self.dataplane = Process('sluice-dataplane', self.namespace.wrap(
            self.binaries.dataplane, '--run-dir', self.run_dir), self.log_dir / 'dataplane.log')

    def start_control(self):
        self.control = Process('sluiced', self.namespace.wrap(
            self.binaries.control, '--config', self.config_path, '--run-dir', self.run_dir,
            '--state-dir', self.state_dir), self.log_dir / 'sluiced.log')

    def start(self):
        self.start_dataplane()
        self.start_control()

    def stop(self):
        for daemon in (self.control, self.dataplane):
            if daemon is not None:
                daemon.stop()

    def reload(self):
        """What `systemctl reload sluiced` does."""
        self.control.signal(signal.SIGHUP)

    def command(self, *arguments):
        """The command line of sluicectl for this balancer, for people to copy, too."""
        return [str(self.binaries.tool), '--socket', str(self.socket_path), *map(str, arguments)]

    def ctl(self, *arguments, check=True):
        """Runs sluicectl; gives the CompletedProcess."""
        return run(*self.command(*arguments), check=check)

    def ask(self, *arguments):
        """What `sluicectl --json` answers, as Python values."""
        return json.loads(self.ctl('--json', *arguments).stdout)

    def api(self, path, method='GET', body=None):
        """The control socket itself, without a process for each call; raises OSError without it."""
        connection = UnixConnection(self.socket_path)
        try:
            connection.request(method, path, body)
            return json.loads(connection.getresponse().read())
        except (http.client.HTTPException, ValueError) as error:
            raise ConnectionError(f'{path}: {type(error).__name__}: {error}') from error
        finally:
            connection.close()

    def status(self):
        """The status, or None while sluiced does not answer."""
        try:
            return self.api('/v1/status')
        except OSError:
            return None

    def backends(self):
        """{(service, backend): its JSON object}."""
        return {(entry['service'], entry['name']): entry
                for entry in self.api('/v1/backends')['backends']}

    def is_in_sync(self):
        """Whether the data plane forwards by what sluiced decided last."""
        for daemon in (self.control, self.dataplane):
            if daemon is not None:
                daemon.require_running()
        status = self.status()
        return bool(status) and status['in_sync']

    def wait_until_in_sync(self, seconds=READY_SECONDS):
        wait_until(self.is_in_sync, seconds, 'the data plane forwards by the configuration')

    def are_all(self, state, backend=None):
        """Whether every backend, or all of this name, are so, reachable, and published."""
        try:
            entries = self.backends()
        except OSError:  # sluiced does not answer yet
            return False
        wanted = [entry for (_, name), entry in entries.items() if backend in (None, name)]
        return all(entry['state'] == state and entry['path'] for entry in wanted) and \
            self.is_in_sync()

    def wait_until_all(self, state, backend=None, seconds=READY_SECONDS, interval=0.02):
        wait_until(lambda: self.are_all(state, backend), seconds,
                   f'{backend or "every backend"} is {state}', interval)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the control socket."""

    def __init__(self, path):
        super().__init__('localhost', timeout=5)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def attach_decap(binaries, server):
    """Lets a server take off the tunnel headers for its VIPs."""
    words = [word for vip in topology.TUNNEL_VIPS for word in ('--vip', vip)]
    server.run(binaries.decap, 'attach', '--device', 'eth0', *words)
