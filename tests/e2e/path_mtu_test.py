#!/usr/bin/python3
"""The path to the client becomes narrower behind the balancer's back: the router's ICMP errors to the
VIP must reach the server whose packets are too big, or its downloads hang."""

import time

import harness

from lab import config
from lab.capture import Capture, judge_checksums
from lab.traffic import Download

# At least what each family's routers must carry is left (RFC 8200 section 5), so that both shrink.
NARROW_BYTES = {4: 1300, 6: 1280}
BYTES_MIN = 1 << 20
DOWNLOAD_SECONDS = 20


def set_mtu(lab, mtu_bytes):
    """Of the router's link to the client; the client itself knows nothing of it, so it goes on to
    offer segments that are too long."""
    lab.topology.router.ip('link', 'set', 'client0', 'mtu', mtu_bytes)


def forget_path_mtu(lab, family):
    """A server that has learnt the client's path in one flavour would know it in the next."""
    for server in lab.topology.servers.values():
        server.ip(f'-{family}', 'route', 'flush', 'cache')


def errors_sent(lab):
    """Packets with this verdict so far."""
    counts = {verdict['name']: verdict['count']
              for verdict in lab.sluice.api('/v1/counters')['verdicts']}
    return counts['sent_icmp_error']


def download(tap, lab, flavour):
    """A megabyte over a connection of its own."""
    loading = Download(lab.client, flavour.vip)
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    while loading.is_alive() and loading.received_bytes < BYTES_MIN \
            and time.monotonic() < deadline:
        time.sleep(0.02)
    tap.check(loading.received_bytes >= BYTES_MIN,
              f'{flavour.name}: a megabyte comes through {NARROW_BYTES[flavour.family]} bytes of MTU',
              f'{loading.received_bytes} bytes; {loading.error}')
    loading.abandon()


def test_downloads(tap, lab):
    for family in config.FAMILIES:
        set_mtu(lab, NARROW_BYTES[family])
        for flavour in config.FLAVOURS:
            if flavour.family != family:
                continue
            forget_path_mtu(lab, family)
            before = errors_sent(lab)
            download(tap, lab, flavour)
            sent = errors_sent(lab) - before
            tap.check(sent > 0, f'{flavour.name}: {sent} errors went on to the server')
    set_mtu(lab, 1500)


def test_all(tap, lab):
    captures = [Capture(server, 'eth0', lab.log_dir, 'icmp or icmp6 or proto 4 or proto 41')
                for server in lab.topology.servers.values()]
    harness.run_steps(tap, [test_downloads], lab)
    for capture in captures:
        bad, good = judge_checksums(capture.stop())
        tap.check(not bad and good > 0, f'every checksum right of {good} frames', bad[:5])


if __name__ == '__main__':
    harness.main(test_all)
