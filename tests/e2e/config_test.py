#!/usr/bin/python3
"""Broken configurations are refused whole; good ones go into force under traffic."""

import re
import time

import harness

from lab import config
from lab.process import wait_until
from lab.traffic import Traffic, send_requests

MESSAGE = re.compile(
    r'(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (?P<what>.+?): (?P<remedy>.+)')
TARGETS = {flavour.name: (flavour.vip, 80) for flavour in config.FLAVOURS}


class Broken:
    """One mistake: what it is, how to make it, where it is then, and what must be named."""

    def __init__(self, what, old, new, at, says):
        self.what = what
        self.old = old
        self.new = new
        self.at = at        # a text of the line that the message must point to
        self.says = says    # must be in the message


BROKEN = (
    Broken('an unknown key', '  weight  = 7', '  wieght  = 7', 'wieght', 'weight'),
    Broken('a bad address', '"192.0.2.81"', '"192.0.2.381"', '192.0.2.381', '192.0.2.381'),
    Broken('VIP and port of another service', 'vip      = "203.0.113.20"',
           'vip      = "203.0.113.10"', 'l2dsr-v4@vip', 'ipip-v4'),
    Broken('two backends of one name', 'name    = "s2"', 'name    = "s1"', 'ipip-v4@s1@2', 's1'),
    Broken('nat without source_pool', 'source_pool = ["192.0.2.67", "192.0.2.68"]\n', '',
           '[[service]]\nname     = "nat-v4"', 'source_pool'),
    Broken('a port without device', 'device = "lan0"\n', '', '', 'device'),
    Broken('an interface that is not there', 'device = "lan0"', 'device = "lan9"', 'lan9', 'lan0'),
    Broken('a number in quotes', 'port     = 80', 'port     = "80"', 'port     = "80"', 'port'),
    Broken('a duration without unit', 'interval = "500ms"', 'interval = 500', 'interval = 500,',
           'unit'),
    Broken('a timeout beyond the interval', 'timeout = "250ms"', 'timeout = "2s"',
           'timeout = "2s"', 'timeout'),
    Broken('an unknown way to forward', 'forward  = "l2dsr"', 'forward  = "l2drs"', 'l2drs',
           'l2dsr'),
    Broken('a weight out of range', '  weight  = 7', '  weight  = 5000', 'weight  = 5000', '1000'),
    Broken('a string without end', 'name     = "nat-v4"', 'name     = "nat-v4',
           'name     = "nat-v4\n', ''),
)


def good_text():
    text = config.full_text()
    # A weight to get wrong.
    line = '  address = "192.0.2.81"\n'
    return text.replace(line, line + '  weight  = 7\n', 1)


def line_of(text, at):
    """The number of the line; `service@key` is a key of this service, @n its n-th occurrence."""
    service, _, key = at.partition('@')
    if not key:
        return text[:text.index(at)].count('\n') + 1
    key, _, nth = key.partition('@')
    position = text.index(f'"{service}"')
    for _ in range(int(nth or 1)):
        position = text.index(key, position + 1)
    return text[:position].count('\n') + 1


def check_message(tap, broken, text, output):
    lines = output.strip().splitlines()
    if not tap.equal(len(lines), 1, f'{broken.what}: one message'):
        tap.note(output)
        return
    match = MESSAGE.search(lines[0])
    if not tap.check(match is not None, f'{broken.what}: file, line, column, error and remedy',
                     lines[0]):
        return
    tap.note(lines[0][lines[0].find('sluice.toml'):] if 'sluice.toml' in lines[0] else lines[0])
    tap.check(broken.says in lines[0], f'{broken.what}: the message names it', lines[0])
    if broken.at:
        tap.equal(int(match['line']), line_of(text, broken.at), f'{broken.what}: the right line')
    wanted = text.splitlines()[int(match['line']) - 1]
    tap.check(1 <= int(match['column']) <= len(wanted) + 1, f'{broken.what}: a column of that line',
              lines[0])


def state(lab):
    status = lab.sluice.status()
    return status['config']['generation'], status['in_sync'], lab.sluice.config_path.read_text()


def test_broken(tap, lab):
    path = lab.directory / 'broken.toml'
    before = state(lab)
    for broken in BROKEN:
        text = good_text().replace(broken.old, broken.new, 1)
        assert text != good_text(), broken.what
        path.write_text(text)
        checked = lab.topology.balancer.run(lab.binaries.control, '--check', '--config', path,
                                            check=False)
        tap.equal(checked.returncode, 1, f'{broken.what}: `sluiced --check` refuses it')
        check_message(tap, broken, text, checked.stderr)
        applied = lab.sluice.ctl('apply', path, check=False)
        tap.equal(applied.returncode, 1, f'{broken.what}: `sluicectl apply` refuses it')
        tap.equal(applied.stderr.strip().splitlines()[:1], checked.stderr.strip().splitlines()[:1],
                  f'{broken.what}: with the same message')
    tap.equal(state(lab), before, 'the running configuration and its file stayed as they were')


def changed_weights(text):
    """The same with another weight for every s1, which moves slots in every service."""
    return re.sub(r'(name    = "s1"\n  address = "[^"]+"\n(?:  port    = \d+\n)?)'
                  r'(?:  weight  = \d+\n)?', r'\1  weight  = 4\n', text)


def weights_of(lab, backend):
    return {entry['weight'] for (_, name), entry in lab.sluice.backends().items()
            if name == backend}


def test_plan(tap, lab):
    path = lab.directory / 'next.toml'
    path.write_text(changed_weights(good_text()))
    before = state(lab)
    plan = lab.sluice.ask('plan', path)
    subjects = [change['subject'] for change in plan['changes']]
    tap.equal(len(subjects), len(config.FLAVOURS), 'the plan names one backend of each service')
    tap.check(not plan['needs_restart'] and plan['evicted'] == [],
              'nothing restarts, nobody leaves', plan)
    tap.equal(len(plan['shifts']), len(config.FLAVOURS), 'the plan says how slots move')
    said = lab.sluice.ctl('plan', path).stdout
    tap.check('weight' in said and 'ipip-v4' in said, 'people can read the plan', said)
    tap.note(said)
    tap.equal(state(lab), before, 'a plan changes nothing')


def test_apply_under_traffic(tap, lab):
    path = lab.directory / 'next.toml'
    path.write_text(changed_weights(good_text()))
    with Traffic(lab.client, TARGETS, rate=15) as traffic:
        time.sleep(0.5)
        generation = state(lab)[0]
        lab.sluice.ctl('apply', path)
        lab.sluice.wait_until_in_sync()
        tap.check(state(lab)[0] > generation, 'an applied configuration has a new generation')
        tap.equal(weights_of(lab, 's1'), {4}, 'and is in force')
        tap.equal(lab.sluice.config_path.read_text(), path.read_text(), 'and is the file now')
        for service in TARGETS:
            lab.sluice.ctl('drain', service, 's2')
        lab.sluice.wait_until_in_sync()
        drained = time.monotonic()
        time.sleep(1)
        to_drained = sum(tally.by_server['s2'] for tally in traffic.tallies(drained).values())
        tap.equal(to_drained, 0, 'a drained server gets no new connection')
        for service in TARGETS:
            lab.sluice.ctl('enable', service, 's2')
            lab.sluice.ctl('weight', service, 's1', 0)
        lab.sluice.wait_until_in_sync()
        without_s1 = time.monotonic()
        time.sleep(1)
        reached = [tally.by_server for tally in traffic.tallies(without_s1).values()]
        tap.check(all(servers['s1'] == 0 and servers['s2'] > 0 for servers in reached),
                  'weight 0 takes no new connection, and an enabled server does', reached)
        for service in TARGETS:
            lab.sluice.ctl('weight', service, 's1', 'reset')
        lab.sluice.wait_until_in_sync()
        time.sleep(0.5)
    tap.check(not traffic.failures(), f'none of {len(traffic.answers())} requests was lost over '
              'all of it', [f'{name}: {answer.error}' for name, answer in traffic.failures()[:5]])


def test_reload(tap, lab):
    generation = state(lab)[0]
    lab.sluice.config_path.write_text(good_text())
    lab.sluice.reload()
    wait_until(lambda: state(lab)[0] > generation, 5, 'SIGHUP reads the file again')
    lab.sluice.wait_until_in_sync()
    tap.check(True, 'SIGHUP reads the file again')
    tap.equal(weights_of(lab, 's1'), {1, 7}, 'and what it says is in force')
    generation = state(lab)[0]
    lab.sluice.config_path.write_text('nonsense')
    lab.sluice.reload()
    time.sleep(0.5)
    tap.equal(state(lab)[0], generation, 'SIGHUP with a broken file changes nothing')
    tap.check(lab.sluice.status()['config']['warning'], 'and the status says that the file is bad')
    tally = send_requests(lab.client, config.FLAVOURS[0].vip, 10)
    tap.equal(tally.answered, 10, 'traffic flows on')


def test_last_good(tap, lab):
    # The file is still broken: a restart runs on the last good configuration.
    lab.sluice.control.kill()
    lab.sluice.start_control()
    lab.sluice.wait_until_in_sync()
    tap.equal(weights_of(lab, 's1'), {1, 7}, 'after a restart the last good configuration is used')
    tap.check(lab.sluice.status()['config']['warning'], 'and the status says why')


if __name__ == '__main__':
    harness.main(test_broken, test_plan, test_apply_under_traffic, test_reload, test_last_good,
                 text=good_text())
