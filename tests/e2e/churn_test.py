#!/usr/bin/python3
"""Live connections and random changes: none may break.

1,000 connections and 100 changes; with --full 10,000 and 1,000, which takes about a quarter of an
hour. --seed repeats a run.
"""

import argparse
import json
import pathlib
import random
import subprocess
import time

import harness  # first: it says where lab is

import churn

from lab.process import Process, wait_until
from lab.topology import CLIENT, CLIENT_LENGTH, address

PEER = pathlib.Path(__file__).with_name('live_connections.py')
INTERVAL = 3  # seconds between two lines on one connection
CLIENTS = [f'198.51.100.{last}' for last in range(10, 20)]
SHORT = {'connections': 1_000, 'changes': 100, 'pause': 0.1}
FULL = {'connections': 10_000, 'changes': 1_000, 'pause': 0.3}


def start_peers(lab):
    for name, server in lab.topology.servers.items():
        peer = Process(f'live {name}', server.wrap('/usr/bin/python3', PEER, 'serve', name,
                                                   churn.LIVE_PORT), lab.log_dir / f'{name}.log')
        wait_until(peer.is_running, 5, f'the echo server of {name} runs')
    for client in CLIENTS:
        address(lab.client, 'eth0', client, CLIENT_LENGTH[4])


def connect(lab, count):
    targets = [f'{vip}:{churn.LIVE_PORT}' for _, vip in churn.LIVE.values()]
    command = lab.client.wrap('/usr/bin/python3', PEER, 'connect', count, INTERVAL,
                              ','.join([CLIENT[4], *CLIENTS]), *targets)
    with open(lab.log_dir / 'client.log', 'wb') as log:
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=log, text=True)
    line = client.stdout.readline()
    if not line:
        client.kill()
        raise AssertionError((lab.log_dir / 'client.log').read_text())
    return client


def end(client):
    client.stdin.close()
    report = json.loads(client.stdout.readline())
    client.wait(60)
    return report


def is_every_live_server_up(lab):
    entries = lab.sluice.backends()
    return all(entries[service, name]['state'] == 'up'
               for service in churn.LIVE for name in churn.LIVE_SERVERS)


def run(tap, lab, size, seed):
    ports = churn.HealthPorts()
    churn.prepare(lab, ports)
    start_peers(lab)
    changes = churn.Churn(lab, ports, seed)
    lab.start(changes.text())
    client = connect(lab, size['connections'])
    try:
        started = time.monotonic()
        time.sleep(INTERVAL + 1)  # each connection has its server
        for _ in range(size['changes']):
            changes.change()
            time.sleep(size['pause'])
        seconds = time.monotonic() - started
        lab.sluice.wait_until_in_sync()
        wait_until(lambda: is_every_live_server_up(lab), 30, 'the servers are up')
        time.sleep(2 * INTERVAL)
        active = sum(entry['flows_active'] for entry in lab.sluice.backends().values())
        report = end(client)
    finally:
        client.kill()
    tell(tap, lab, size, changes, report, seconds, active)


def tell(tap, lab, size, changes, report, seconds, active):
    tap.note(f'{report["connections"]} connections, {size["changes"]} changes in {seconds:.0f} s, '
             f'{report["echoes"]} echoes, the slowest after {report["slowest_echo_seconds"]} s')
    tap.note('changes: ' + ', '.join(f'{name} {count}'
                                     for name, count in sorted(changes.done.items())))
    tap.note(f'by server: {report["by_server"]}')
    tap.check(report['broken'] == 0,
              f'none of {report["connections"]} connections broke in {size["changes"]} changes',
              f'{report["broken"]} broke: ' + '; '.join(report['first_broken']))
    tap.check(report['echoes'] > report['connections'] * seconds / INTERVAL / 3,
              'they were in use all the time', report)
    tap.check(len(report['by_server']) == len(churn.LIVE_SERVERS), 'on every server', report)
    tap.check(active >= report['connections'] - report['broken'],
              'the workers count them as active', active)
    log = (lab.log_dir / 'sluiced.log').read_text(errors='replace')
    down = [line for line in log.splitlines() for name in churn.LIVE_SERVERS
            if f'/{name} is down' in line]
    tap.check(not down, 'no server that holds them seemed dead', '\n'.join(down[:5]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', type=pathlib.Path, default=harness.ROOT / 'build')
    parser.add_argument('--full', action='store_true')
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    size = FULL if arguments.full else SHORT

    def test_no_connection_breaks(tap, lab):
        tap.note(f'seed {arguments.seed}')
        run(tap, lab, size, arguments.seed)

    harness.main(test_no_connection_breaks, start=False, build=arguments.build)


if __name__ == '__main__':
    main()
