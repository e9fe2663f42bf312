#!/usr/bin/python3
"""Real clients connect through a flood of SYNs from forged ones, against a table of a million flows."""

import re
import time

import harness

from lab import config
from lab.process import Process
from lab.topology import CLIENT_GATEWAY
from lab.traffic import get

FLOOD_SECONDS = 12
PER_SECOND = 60_000  # a bounded flood: the machine carries client, router and servers too
PATIENCE_SECONDS = 20  # TCP sends a lost SYN again after 1, 3 and 7 seconds
GROWTH_KIB_MAX = 16_384
FLAVOURS = [flavour for flavour in config.FLAVOURS
            if flavour.name in ('ipip-v4', 'nat-v4', 'nat-v6')]
# Probes of health have no patience with a machine as busy as this.
HEALTH = re.compile(r'^health .*\n', re.MULTILINE)
TEXT = (config.dataplane_text().replace('65536', '1_000_000') + config.ports_text('af_xdp') +
        HEALTH.sub('', ''.join(config.service_text(flavour) for flavour in FLAVOURS)))
FORGED = {4: '10.0.0.0/8', 6: '2001:db8:bad::/48'}


def private_kib(process):
    """Resident memory of a process that no file backs."""
    with open(f'/proc/{process.pid}/status', encoding='ascii') as status:
        return int(re.search(r'RssAnon:\s+(\d+)', status.read())[1])


def counters(lab):
    answer = lab.sluice.ask('counters', '--all')
    return {entry['name']: entry['count'] for entry in answer['verdicts'] + answer['flow_table']}


def tables(lab):
    return {table['name']: table for table in lab.sluice.status()['tables']}


def gateway_mac(lab, family):
    lab.client.run('ping', '-c', 1, '-W', 5, CLIENT_GATEWAY[family], check=False)
    line = lab.client.run('ip', 'neighbour', 'show', CLIENT_GATEWAY[family]).stdout
    return re.search(r'lladdr (\S+)', line)[1]


def start_flood(lab, flavour):
    flood = harness.parse_build_dir() / 'tests' / 'e2e' / 'flood'
    return Process('flood', lab.client.wrap(
        flood, 'eth0', gateway_mac(lab, flavour.family), flavour.vip, 80,
        FLOOD_SECONDS * PER_SECOND, PER_SECOND), lab.log_dir / f'flood-{flavour.name}.log')


def connect_through(lab, flavour):
    """Requests one after the other for as long as the flood lasts, and their answers."""
    flood = start_flood(lab, flavour)
    answers = []
    try:
        deadline = time.monotonic() + 5 * FLOOD_SECONDS
        while flood.is_running() and time.monotonic() < deadline:
            answers.append(get(lab.client, flavour.vip, timeout=PATIENCE_SECONDS))
    finally:
        flood.stop()
    return answers


def test_flood(tap, lab):
    for family, prefix in FORGED.items():
        # What servers answer to forged clients ends here.
        lab.topology.router.ip(f'-{family}', 'route', 'add', 'blackhole', prefix)
    for flavour in FLAVOURS:
        tap.check(get(lab.client, flavour.vip).server, f'{flavour.name}: answers before the flood')
        memory = private_kib(lab.sluice.dataplane)
        before = counters(lab)
        answers = connect_through(lab, flavour)
        failures = [answer.error for answer in answers if answer.server is None]
        tap.check(len(answers) >= 5 and not failures,
                  f'{flavour.name}: all of {len(answers)} clients connected', failures)
        after = counters(lab)
        begun = after['flows_inserted'] - before['flows_inserted']
        tap.check(begun > FLOOD_SECONDS * PER_SECOND / 4, f'{flavour.name}: {begun} flows were begun')
        grown = private_kib(lab.sluice.dataplane) - memory
        tap.check(grown < GROWTH_KIB_MAX, f'{flavour.name}: memory grew by {grown} KiB')
        for name in ('flow_table_full', 'drop_nat_table_full', 'drop_nat_ports_exhausted'):
            tap.equal(after[name] - before[name], 0, f'{flavour.name}: no {name}')
    # Fewer ports towards three servers than packets in the flood.
    tap.check(counters(lab)['flows_evicted'] > 0, 'half-open flows gave way', counters(lab))


def test_status(tap, lab):
    seen = tables(lab)
    tap.check(seen['nat_sessions']['used_max'] > 100_000, 'the status knows how full tables were', seen)
    tap.equal(seen['nat_sessions']['size'], 1_000_000, 'and how large they are')
    tap.check('tables' in lab.sluice.ctl('status').stdout, 'sluicectl status has a line of tables')


if __name__ == '__main__':
    harness.main(test_flood, test_status, text=TEXT)
