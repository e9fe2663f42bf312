#!/usr/bin/python3
"""Datagrams larger than any frame: the kernels at both ends cut them up and put them together again,
and the balancer must bring every fragment to the same server."""

import os

import harness

from lab import config
from lab.capture import Capture, judge_checksums
from lab.server import EchoServer
from lab.topology import CLIENT_GATEWAY
from lab.traffic import ask_echo

LARGE_BYTES = 60_000
DATAGRAMS = 12
# Nobody tells the sender of IPv4 fragments what fits into the tunnel, so it must know.
TUNNEL_PATH_BYTES = 1400


def set_path_mtu(lab, family, mtu_bytes):
    """What the client believes fits into the path to everybody."""
    lab.client.ip(f'-{family}', 'route', 'change', 'default', 'via', CLIENT_GATEWAY[family],
                  'mtu', mtu_bytes)


def verdicts(lab):
    return {verdict['name']: verdict['count']
            for verdict in lab.sluice.api('/v1/counters')['verdicts']}


def ask_large(lab, flavour, length_bytes):
    """Who answered each of some datagrams; None when one did not arrive or come back unharmed."""
    return [ask_echo(lab.client, flavour.vip, os.urandom(length_bytes))
            for _ in range(DATAGRAMS)]


def test_whole_datagrams(tap, lab):
    set_path_mtu(lab, 4, TUNNEL_PATH_BYTES)
    for flavour in config.FLAVOURS:
        before = verdicts(lab)
        answers = ask_large(lab, flavour, LARGE_BYTES)
        tap.check(None not in answers,
                  f'{flavour.name}: {LARGE_BYTES} bytes arrive whole and come back whole', answers)
        tap.check(len(set(answers)) > 1, f'{flavour.name}: by several servers', answers)
        after = verdicts(lab)
        gained = {name: after[name] - before[name] for name in after if after[name] != before[name]}
        fragments_min = DATAGRAMS * (LARGE_BYTES // 1500)
        wanted = [f'sent_{flavour.forward}']
        wanted += ['sent_nat_return'] if flavour.forward == 'nat' else []
        tap.check(all(gained.get(name, 0) >= fragments_min for name in wanted),
                  f'{flavour.name}: in fragments', gained)
        if flavour.name != 'ipip-v6':  # whose client first has to learn what fits
            lost = {name: count for name, count in gained.items() if name.startswith('drop_')}
            tap.equal(lost, {}, f'{flavour.name}: nothing is dropped')


def test_too_big_for_the_tunnel(tap, lab):
    """IPv4 fragments as large as the client's link: dropped under their own verdict."""
    set_path_mtu(lab, 4, 1500)
    before = verdicts(lab)['drop_too_big']
    flavour = next(each for each in config.FLAVOURS if each.name == 'ipip-v4')
    tap.equal(ask_echo(lab.client, flavour.vip, os.urandom(4_000), tries=1), None,
              'ipip-v4: fragments of 1,500 bytes do not fit')
    tap.check(verdicts(lab)['drop_too_big'] > before, 'ipip-v4: they are counted as drop_too_big')


def test_all(tap, lab):
    captures = [Capture(lab.client, 'eth0', lab.log_dir)]
    captures += [Capture(server, 'eth0', lab.log_dir) for server in lab.topology.servers.values()]
    echoes = [EchoServer(name, server) for name, server in lab.topology.servers.items()]
    harness.run_steps(tap, [test_whole_datagrams, test_too_big_for_the_tunnel], lab)
    for echo in echoes:
        echo.stop()
    for capture in captures:
        bad, good = judge_checksums(capture.stop())
        tap.check(not bad and good > 0,
                  f'{capture.path.stem}: every checksum right of {good} frames', bad[:5])


if __name__ == '__main__':
    harness.main(test_all, text=config.full_text(protocols=('tcp', 'udp')))
