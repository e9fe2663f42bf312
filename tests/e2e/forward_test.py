#!/usr/bin/python3
"""Every way of forwarding, TCP and UDP, IPv4 and IPv6, and every checksum on the wire."""

import harness

from lab import config
from lab.capture import Capture, fields, judge_checksums
from lab.server import NAT_PORT, EchoServer
from lab.topology import CLIENT, MIXED_VIP, SERVER, SERVERS, SOURCE_POOL, VIP
from lab.traffic import ask_echo, get, ping, post, send_requests

REQUESTS = 90
SHARE_MIN = REQUESTS // 9  # a third each is expected; a ninth is off by more than four sigma
UPLOAD_BYTES = 300_000
FLAVOURS = config.FLAVOURS + config.OTHER_FLAVOURS


class Wire:
    """Captures everywhere: the client, both sides of the balancer, each server."""

    def __init__(self, lab):
        places = [(lab.client, 'eth0'), (lab.topology.router, 'wan0'),
                  (lab.topology.router, 'lan0')]
        places += [(server, 'eth0') for server in lab.topology.servers.values()]
        self.captures = [Capture(namespace, device, lab.log_dir) for namespace, device in places]
        self.paths = {}

    def stop(self):
        for capture in self.captures:
            path = capture.stop()
            self.paths[path.stem] = path


def expected_body(flavour, server):
    """Which client and which own address a server must see; None: any address of the pool."""
    if flavour.forward == 'nat':
        return None, SERVER[server][flavour.family]
    return CLIENT[flavour.family], flavour.vip


def check_bodies(tap, flavour, lab):
    wrong = []
    for _ in range(12):
        answer = get(lab.client, flavour.vip)
        words = dict(word.split('=') for word in answer.body.decode().split())
        client, address = expected_body(flavour, words.get('server', 's1'))
        is_client = words.get('client') == client or (
            client is None and words.get('client') in SOURCE_POOL[flavour.family])
        if not is_client or words.get('address', '').strip('[]') != address:
            wrong.append(words)
    tap.check(not wrong, f'{flavour.name}: servers see the right addresses', wrong)


def test_http(tap, lab):
    for flavour in FLAVOURS:
        tally = send_requests(lab.client, flavour.vip, REQUESTS)
        tap.check(tally.answered == REQUESTS, f'{flavour.name}: {REQUESTS} requests answered',
                  [answer.error for answer in tally.failures])
        tap.check(all(tally.by_server[name] >= SHARE_MIN for name in SERVERS),
                  f'{flavour.name}: all servers have their share', tally.by_server)
        check_bodies(tap, flavour, lab)


def test_mixed_tunnels(tap, lab):
    for family in (4, 6):
        tally = send_requests(lab.client, MIXED_VIP[family], 30)
        tap.check(tally.answered == 30,
                  f'IPv{family} inside IPv{10 - family}: 30 requests answered',
                  [answer.error for answer in tally.failures])


def test_upload(tap, lab):
    # Full-size segments do not fit into a tunnel: the balancer must tell the client the size that
    # fits (RFC 1191, RFC 8201), or the upload hangs.
    for flavour in FLAVOURS:
        answer = post(lab.client, flavour.vip, b'x' * UPLOAD_BYTES)
        tap.check(answer.server in SERVERS, f'{flavour.name}: {UPLOAD_BYTES} bytes uploaded',
                  answer.error)


def test_udp(tap, lab):
    servers = [EchoServer(name, server) for name, server in lab.topology.servers.items()]
    for flavour in FLAVOURS:
        seen = [ask_echo(lab.client, flavour.vip, f'datagram {i}'.encode()) for i in range(30)]
        tap.check(None not in seen, f'{flavour.name}: 30 datagrams echoed', seen)
        tap.check(len(set(seen)) > 1, f'{flavour.name}: by several servers', seen)
    for server in servers:
        server.stop()


def test_ping(tap, lab):
    for flavour in FLAVOURS:
        tap.equal(ping(lab.client, flavour.vip), 5, f'{flavour.name}: the VIP answers to ping')


def arrived(forward, family):
    """The display filter of a client's packets as they arrive at servers."""
    name = 'ip' if family == 4 else 'ipv6'
    if forward != 'nat':
        return f'{name}.dst == {VIP[forward][family]} && tcp.dstport == 80'
    pool = ' || '.join(f'{name}.src == {source}' for source in SOURCE_POOL[family])
    return f'({pool}) && tcp.dstport == {NAT_PORT}'


def check_ttl(tap, wire):
    """The client sends 64 and the router leaves 63; a hop of l2dsr and nat counts one more."""
    for forward, wanted in (('l2dsr', '62'), ('nat', '62'), ('ipip', '63'), ('gre', '63')):
        for family, field in ((4, 'ip.ttl'), (6, 'ipv6.hlim')):
            wanted_frames = arrived(forward, family)
            lines = [line for server in SERVERS
                     for line in fields(wire.paths[f'{server}-eth0'], wanted_frames, field)]
            # Of a tunnel both headers are listed when they are of one family; the inner is last.
            tap.equal({line.split(',')[-1] for line in lines}, {wanted},
                      f'{forward}-v{family}: the time to live at the server')


def check_wire(tap, wire):
    wire.stop()
    for name, path in wire.paths.items():
        bad, good = judge_checksums(path)
        tap.check(not bad and good > 0, f'{name}: tshark finds every checksum right, {good} frames',
                  '\n'.join([f'{len(bad)} bad frames', *bad[:10]]))
    check_ttl(tap, wire)


def test_all(tap, lab):
    wire = Wire(lab)
    harness.run_steps(tap, [test_http, test_mixed_tunnels, test_upload, test_udp, test_ping], lab)
    check_wire(tap, wire)


if __name__ == '__main__':
    harness.main(test_all, text=config.full_text(
        protocols=('tcp', 'udp'), mixed=True, flavours=FLAVOURS))
