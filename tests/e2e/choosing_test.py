#!/usr/bin/python3
"""How a backend is chosen, over real connections: turns, load, affinity, datagrams, limits."""

import collections
import contextlib
import http.client
import socket

import harness

from lab import config
from lab.process import wait_until
from lab.server import ECHO_PORT, EchoServer
from lab.topology import CLIENT, SERVERS
from lab.traffic import Connection, get

# ipip and l2dsr in both families, and nat for IPv4.
TURNS, STICKY, LEAST, SINGLE, LIMITED = config.FLAVOURS[:5]
WEIGHTS = {'s1': 1, 's2': 2, 's3': 3}
LIMIT = 3
GAUGE_SECONDS = 10


def choosing_text():
    """Five services, one for each way of choosing."""
    def service(flavour, keys, protocol='tcp'):
        text = config.service_text(flavour, protocol)
        return text.replace('balance  = "maglev"\n', keys)

    turns = service(TURNS, 'balance = "weighted_round_robin"\n')
    for name, weight in WEIGHTS.items():
        turns = turns.replace(f'name    = "{name}"\n',
                              f'name    = "{name}"\n  weight  = {weight}\n')
    limited = service(LIMITED, 'balance = "rendezvous"\n')
    for name in SERVERS:
        limited = limited.replace(f'name    = "{name}"\n',
                                  f'name    = "{name}"\n  max_connections = {LIMIT}\n')
    return ''.join((
        config.dataplane_text(), config.ports_text('af_xdp'), turns,
        service(LEAST, 'balance = "weighted_least_connection"\n'),
        service(STICKY, 'balance = "rendezvous"\naffinity = { timeout = "10m" }\n'),
        limited,
        service(SINGLE, 'balance = "weighted_round_robin"\none_packet = true\n', 'udp')))


def hold(lab, host):
    """A connection that stays open; gives it and its server, or None when nobody answers."""
    connection = Connection(lab.client, host, 80)
    try:
        connection.request('GET', '/')
        reply = connection.getresponse()
        reply.read()
        return connection, reply.headers.get('X-Server')
    except (OSError, http.client.HTTPException):
        connection.close()
        return None


def active(lab, flavour):
    entries = lab.sluice.backends()
    return {name: entries[flavour.name, name]['flows_active'] for name in SERVERS}


def await_active(lab, flavour, wanted):
    with contextlib.suppress(Exception):
        wait_until(lambda: active(lab, flavour) == wanted, GAUGE_SECONDS, 'the gauge')
    return active(lab, flavour)


def test_turns(tap, lab):
    seen = collections.Counter(get(lab.client, TURNS.vip).server for _ in range(60))
    tap.equal(dict(seen), {name: 10 * weight for name, weight in WEIGHTS.items()},
              'weighted_round_robin: 60 connections by weight')
    why = lab.sluice.ask('explain', 'tcp', f'{CLIENT[4]}:4000', f'{TURNS.vip}:80')
    tap.check(why['backend'] is None and 'candidates: s1 (weight 1' in str(why['reasons']),
              'explain names the candidates', why)


def test_least(tap, lab):
    held = [hold(lab, LEAST.vip) for _ in range(12)]
    if not tap.check(None not in held, 'weighted_least_connection: 12 connections open', held):
        return
    seen = collections.Counter(server for _, server in held)
    tap.equal(dict(seen), dict.fromkeys(SERVERS, 4), 'weighted_least_connection: four each')
    tap.equal(await_active(lab, LEAST, dict.fromkeys(SERVERS, 4)), dict.fromkeys(SERVERS, 4),
              'sluicectl backends counts them as active')
    for connection, server in held:
        if server == 's1':
            connection.close()
    tap.equal(await_active(lab, LEAST, {'s1': 0, 's2': 4, 's3': 4}), {'s1': 0, 's2': 4, 's3': 4},
              'and no longer when they have closed')
    again = [hold(lab, LEAST.vip) for _ in range(4)]
    tap.equal([server for _, server in filter(None, again)], ['s1'] * 4,
              'weighted_least_connection: new ones go to the emptied server')
    for connection, _ in filter(None, held + again):
        connection.close()


def test_affinity(tap, lab):
    servers = {get(lab.client, STICKY.vip).server for _ in range(25)}
    tap.check(len(servers) == 1 and servers <= set(SERVERS),
              'affinity: 25 connections from as many ports reach one server', servers)
    others = [server for server in SERVERS if server not in servers]
    for name in others:
        lab.sluice.ctl('weight', STICKY.name, name, '1000')
    lab.sluice.wait_until_in_sync()
    moved = {get(lab.client, STICKY.vip).server for _ in range(10)}
    tap.equal(moved, servers, 'affinity: a change of weights does not move the client')


def test_single(tap, lab):
    echoes = [EchoServer(name, server) for name, server in lab.topology.servers.items()]
    family = socket.AF_INET6 if ':' in SINGLE.vip else socket.AF_INET
    with lab.client.entered():
        asking = socket.socket(family, socket.SOCK_DGRAM)
    seen = collections.Counter()
    with asking:
        asking.settimeout(1)
        asking.connect((SINGLE.vip, ECHO_PORT))
        for number in range(30):
            asking.send(b'%d' % number)
            with contextlib.suppress(OSError):
                seen[asking.recv(100).split(b' ')[0].decode()] += 1
    for echo in echoes:
        echo.stop()
    tap.check(set(seen) == set(SERVERS) and max(seen.values()) - min(seen.values()) <= 2,
              'one_packet: the datagrams of one socket are spread evenly', seen)
    flows = lab.sluice.ask('flows', '--service', f'{SINGLE.name}-udp')
    tap.equal(flows['flows'], [], 'one_packet: nothing is remembered')


def test_limit(tap, lab):
    held = [hold(lab, LIMITED.vip) for _ in range(LIMIT * len(SERVERS))]
    if not tap.check(None not in held, 'max_connections: as many connections as all may have',
                     held):
        return
    seen = collections.Counter(server for _, server in held)
    tap.equal(dict(seen), dict.fromkeys(SERVERS, LIMIT), 'max_connections: each is full')
    one_more = get(lab.client, LIMITED.vip)
    tap.check(one_more.server is None, 'max_connections: one more is not served', one_more.server)
    verdicts = {entry['name']: entry['count']
                for entry in lab.sluice.api('/v1/counters')['verdicts']}
    tap.check(verdicts.get('drop_backends_full', 0) > 0, 'and is counted', verdicts)
    connection, server = held.pop()
    connection.close()
    await_active(lab, LIMITED, {name: LIMIT - (name == server) for name in SERVERS})
    after = get(lab.client, LIMITED.vip)
    tap.equal(after.server, server, 'max_connections: a place that is free again is taken')
    for connection, _ in held:
        connection.close()


if __name__ == '__main__':
    harness.main(test_turns, test_least, test_affinity, test_single, test_limit,
                 text=choosing_text())
