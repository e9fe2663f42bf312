#!/usr/bin/python3
"""What idle = "sleep" saves of a core without traffic, and what it costs the first packet."""

import pathlib
import time

import harness

from lab import config
from lab.process import wait_until
from lab.traffic import get

VIP = config.FLAVOURS[0].vip
IDLE_SECONDS = 3
REQUESTS = 100
PAUSE_SECONDS = 0.02  # long enough for the worker to sleep again
# Of a core. Here a sleeping worker uses a tenth; a machine that is busy with other things delays it.
SHARE_MAX = 0.5


def text_for(idle):
    return config.full_text().replace('[dataplane]\n', f'[dataplane]\nidle      = "{idle}"\n', 1)


def worker_seconds(pid):
    """The processor time of the worker so far."""
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        if (task / 'comm').read_text().strip() == 'worker-0':
            nanoseconds = (task / 'schedstat').read_text().split()[0]
            return int(nanoseconds) / 1e9
    raise LookupError('there is no worker')


def idle_share(lab):
    """How much of its core the worker uses while nothing comes."""
    pid = lab.sluice.dataplane.pid
    before = worker_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (worker_seconds(pid) - before) / IDLE_SECONDS


def latencies_us(tap, lab):
    """Requests one after the other, with pauses between them: (median, 99 % of them)."""
    times = []
    failures = 0
    for _ in range(REQUESTS):
        time.sleep(PAUSE_SECONDS)
        answer = get(lab.client, VIP)
        failures += answer.error is not None
        times.append((answer.ended - answer.started) * 1e6)
    tap.equal(failures, 0, f'all of {REQUESTS} requests are answered')
    times.sort()
    return times[REQUESTS // 2], times[REQUESTS * 99 // 100]


def measure(tap, lab, idle):
    share = idle_share(lab)
    median, most = latencies_us(tap, lab)
    tap.note(f'idle = "{idle}": {share:.0%} of the core without traffic; a request takes '
             f'{median:.0f} microseconds, 99 % at most {most:.0f}')
    return share


def sleeps(tap, lab):
    share = measure(tap, lab, 'sleep')
    tap.check(share < SHARE_MAX, 'a worker without traffic leaves its core to others',
              f'{share:.0%}')


def polls(tap, lab):
    lab.sluice.dataplane.stop()
    lab.sluice.write_config(text_for('poll'))
    lab.sluice.reload()
    lab.sluice.start_dataplane()
    lab.sluice.wait_until_in_sync()
    wait_until(lambda: get(lab.client, VIP).error is None, 30, 'requests are answered again')
    measure(tap, lab, 'poll')


if __name__ == '__main__':
    harness.main(sleeps, polls, text=text_for('sleep'))
