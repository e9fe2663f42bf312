#!/usr/bin/python3
"""Backends that leave and come: draining with a deadline, slow start, and death without a word."""

import json
import signal
import socket
import subprocess
import time

import harness

from lab import config
from lab.process import wait_until

IDLE_SECONDS = 10
AGE_SECONDS = 40  # a round over the flow tables takes half a minute
FLAVOURS = [flavour for flavour in config.FLAVOURS if flavour.forward in ('ipip', 'nat')]
TEXT = config.full_text(flavours=FLAVOURS).replace(
    'balance  = "maglev"\n', f'balance  = "maglev"\nidle_timeout = "{IDLE_SECONDS}s"\n'
    'slow_start = "4s"\non_death = "reset"\n')


class Held:
    """A connection that stays open, and the server that it is on."""

    def __init__(self, lab, vip):
        with lab.client.entered():
            self.socket = socket.create_connection((vip, 80), timeout=5)
        self.server = self.ask()

    def ask(self):
        """One request; gives the server's name. OSError when the connection is broken."""
        self.socket.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        answer = self.socket.recv(4096)
        if not answer:
            raise ConnectionError('closed')
        return answer.split(b'server=')[1].split()[0].decode()


def hold(lab, vip, count=30):
    return [Held(lab, vip) for _ in range(count)]


def test_drain_waits_for_the_last_flow(tap, lab):
    service, vip = FLAVOURS[0].name, FLAVOURS[0].vip
    on_s2 = [held for held in hold(lab, vip) if held.server == 's2']
    done = lab.sluice.ctl('drain', service, 's2', '--wait', '--deadline', '2s', check=False)
    tap.equal(done.returncode, 1, 'drain --wait ends with status 1 at its deadline')
    last = done.stdout.splitlines()[-1]
    tap.check(f'still has {len(on_s2)} flow' in last and 'stays drained' in last,
              'and says how many flows are left', done.stdout)
    tap.check(all(held.ask() == 's2' for held in on_s2), 'its connections go on')
    tap.check(all(held.server != 's2' for held in hold(lab, vip)), 'new ones avoid it')
    stop_waiting(tap, lab, service)
    waiting = subprocess.Popen(lab.sluice.command('--json', 'drain', service, 's2', '--wait'),
                               stdout=subprocess.PIPE, text=True)
    first = waiting.stdout.readline()
    for held in on_s2:
        held.ask()
        held.socket.close()
    rest = waiting.communicate(timeout=60 + AGE_SECONDS)[0].splitlines()
    said = [json.loads(line) for line in [first, *rest]]
    tap.equal(waiting.returncode, 0, 'status 0 when none is left')
    tap.equal((said[0]['flows_left'], said[-1]['flows_left'], said[-1]['state']),
              (len(on_s2), 0, 'empty'), 'counted down, a JSON object each second')
    lab.sluice.ctl('enable', service, 's2')


def stop_waiting(tap, lab, service):
    waiting = subprocess.Popen(lab.sluice.command('drain', service, 's2', '--wait'),
                               stdout=subprocess.PIPE, text=True)
    waiting.stdout.readline()
    time.sleep(2)
    waiting.send_signal(signal.SIGINT)
    text = waiting.communicate(timeout=10)[0]
    tap.check(waiting.returncode == 130 and 'stays drained' in text,
              'Ctrl-C ends the waiting and says that the drain stays', text)
    tap.check(lab.sluice.backends()[service, 's2']['drained'], 'and so it is')


def test_a_backend_that_returns_starts_slowly(tap, lab):
    service = FLAVOURS[0].name
    wait_until(lambda: lab.sluice.backends()[service, 's2']['ramp_percent'] == 100, 10,
               'the ramp after the drain is over')
    lab.servers['s3'].kill()
    lab.sluice.wait_until_all('down', 's3')
    lab.servers['s3'].start()
    lab.sluice.wait_until_all('up', 's3')
    seen = {}
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and 100 not in seen:
        entry = lab.sluice.backends()[service, 's3']
        seen[entry['ramp_percent']] = entry['slots_percent']
        time.sleep(0.05)
    steps = sorted(seen)
    tap.check(steps[0] <= 30 and steps[-1] == 100 and len(steps) >= 6,
              'the ramp goes up in steps', seen)
    tap.check(all(abs(seen[step] - 100 * step / (200 + step)) < 1 for step in steps),
              'and the share with it', seen)


def test_clients_of_a_silent_server_are_reset(tap, lab):
    for flavour in FLAVOURS:
        wait_until(lambda: all(entry['ramp_percent'] == 100
                               for entry in lab.sluice.backends().values()), 15, 'no ramp is left')
        held = hold(lab, flavour.vip)
        lab.topology.router.ip('link', 'set', 's2', 'down')
        try:
            wait_until(lambda: lab.sluice.backends()[flavour.name, 's2']['state'] == 'down', 10,
                       's2 is down')
            lab.sluice.wait_until_in_sync()
            tap.equal([outcome(one) for one in held],
                      ['reset' if one.server == 's2' else one.server for one in held],
                      f'{flavour.name}: its clients are reset, and no others')
        finally:
            lab.topology.router.ip('link', 'set', 's2', 'up')
        lab.sluice.wait_until_all('up')
    counted = {entry['name']: entry['count']
               for entry in lab.sluice.api('/v1/counters')['verdicts']}
    tap.check(counted['replied_reset'] > 0, 'and counted', counted)


def outcome(held):
    try:
        return held.ask()
    except ConnectionResetError:
        return 'reset'
    except OSError as error:
        return f'{type(error).__name__}: {error}'


if __name__ == '__main__':
    harness.main(test_drain_waits_for_the_last_flow, test_a_backend_that_returns_starts_slowly,
                 test_clients_of_a_silent_server_are_reset, text=TEXT)
