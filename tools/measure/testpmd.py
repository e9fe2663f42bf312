"""dpdk-testpmd on a null port: what forwarding costs that does next to nothing."""

import os
import pty
import re
import select
import subprocess
import time
import tty

from measure import machine
from measure.machine import Unfit
from measure.program import end

MEMORY_MIB = 128
PROMPT = b'testpmd> '
WAIT_SECONDS = 20
FILL_SECONDS = 0.1


class Testpmd:
    """One that waits, and forwards for a while when it is told to."""

    def __init__(self, core, other_core):
        self.core = core
        self.other_core = other_core
        self.process = None
        self.terminal = None
        self.prefix = f'sluice-bench-{os.getpid()}'

    def command(self):
        return ['dpdk-testpmd', '-l', f'{self.other_core},{self.core}',
                '--main-lcore', str(self.other_core), '--no-pci', '--in-memory', '--no-telemetry',
                f'--file-prefix={self.prefix}', '-m', str(MEMORY_MIB),
                '--vdev', 'net_null0', '--', '--interactive', '--port-topology=loop',
                '--nb-cores=1', '--burst=64', '--total-num-mbufs=8192']

    def __enter__(self):
        # A terminal, or what it prints stays in its buffer.
        self.terminal, slave = pty.openpty()
        tty.setraw(slave)
        self.process = subprocess.Popen(self.command(), stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        os.close(slave)
        try:
            self._read_until_prompt()
            self._fill_buffers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end(self.process)
        os.close(self.terminal)
        machine.forget_dpdk(self.prefix)

    def _read_until_prompt(self):
        said = b''
        deadline = time.monotonic() + WAIT_SECONDS
        while not said.endswith(PROMPT):
            ready, _, _ = select.select([self.terminal], [], [], deadline - time.monotonic())
            try:
                piece = os.read(self.terminal, 65536) if ready else b''
            except OSError:  # the other end is closed
                piece = b''
            if not piece:
                raise Unfit('dpdk-testpmd says no more; its last words:\n' +
                            said.decode(errors='replace')[-1500:])
            said += piece
        return said.decode(errors='replace')

    def _do(self, command):
        os.write(self.terminal, command.encode() + b'\n')
        # The prompt comes again after the command's echo, which has one in front of it.
        return self._read_until_prompt()

    def _fill_buffers(self):
        """Leaves UDP packets in the buffers: 5tswap looks at what it has, and a null port's is
        what was there before."""
        self._do('set fwd txonly')
        self._do('start')
        time.sleep(FILL_SECONDS)
        self._do('stop')

    def _packets(self):
        return int(re.search(r'TX-packets:\s*(\d+)', self._do('show port stats 0'))[1])

    def _cpu_seconds(self):
        # The clock of another process (clock_getcpuclockid(3)): time in which it did not run, for
        # others did, does not count.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def packets_per_second(self, mode, seconds):
        """Of one core, in macswap or 5tswap, over so many seconds of its processor time."""
        self._do(f'set fwd {mode}')
        self._do('start')
        self._let_run(seconds / 4)
        packets, begin = self._packets(), self._cpu_seconds()
        self._let_run(seconds)
        packets, used = self._packets() - packets, self._cpu_seconds() - begin
        self._do('stop')
        if packets <= 0 or used < seconds / 2:
            raise Unfit('dpdk-testpmd is given no processor time')
        return packets / used

    def _let_run(self, seconds):
        """On a busy machine it has to wait for its core."""
        end_of_it = self._cpu_seconds() + seconds
        deadline = time.monotonic() + WAIT_SECONDS
        while self._cpu_seconds() < end_of_it and time.monotonic() < deadline:
            time.sleep(seconds / 10)
