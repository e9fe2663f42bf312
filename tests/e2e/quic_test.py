#!/usr/bin/python3
"""QUIC connection IDs: a client that changes its address and port stays on its server."""

import os
import socket

import harness
from quic_lb import Encoder, encode

from lab import config
from lab.server import ECHO_PORT, EchoServer
from lab.topology import CLIENT, CLIENT_LENGTH, SERVERS, address

KEY = bytes.fromhex('8f95f09245765f80256934e50c66207f')
# config_id, key, length of server ID and nonce: in the clear, by four passes, by one.
CONFIGS = ((0, b'', 3, 4), (1, KEY, 7, 6), (5, KEY, 8, 8))
OTHER_CLIENT = {4: '198.51.100.3', 6: '2001:db8:c::3'}
FLAVOURS = [flavour for flavour in config.FLAVOURS if flavour.forward in ('ipip', 'nat')]
CONNECTIONS = 12
TRIES = 4
ANSWER_SECONDS = 2  # the machine may be busy


def server_id(name, length):
    return bytes([*range(0xa0, 0xa0 + length - 1), SERVERS.index(name)])


def encoders(name):
    return [Encoder(number, key, nonce, server_id(name, length))
            for number, key, length, nonce in CONFIGS]


def quic_text(flavour):
    """The service for datagrams, with server IDs and three configurations."""
    text = config.service_text(flavour, 'udp')
    for name in SERVERS:
        ids = [server_id(name, length).hex() for length in sorted({row[2] for row in CONFIGS})]
        line = f'  name    = "{name}"\n'
        text = text.replace(line, f'{line}  quic_server_id = {ids}\n'.replace("'", '"'))
    for number, key, length, nonce in CONFIGS:
        text += (f'  [[service.quic_lb]]\n  config_id = {number}\n  server_id_length = {length}\n'
                 f'  nonce_length = {nonce}\n  length_self_description = true\n')
        text += f'  key = "{key.hex()}"\n\n' if key else '\n'
    return text


class QuicServer(EchoServer):
    """Answers with its name and one fresh connection ID of each configuration."""

    def __init__(self, name, namespace):
        self._encoders = encoders(name)
        super().__init__(name, namespace)

    def answer(self, data):
        ids = [encoder.make().hex() for encoder in self._encoders]
        return ' '.join([self.name, *ids]).encode()


def initial(connection_id):
    """A long header of QUIC version 1."""
    return bytes([0xc3, 0, 0, 0, 1, len(connection_id)]) + connection_id + os.urandom(40)


def one_rtt(connection_id):
    """A short header."""
    return b'\x41' + connection_id + os.urandom(40)


class Client:
    """One socket: an address and a port."""

    def __init__(self, lab, flavour, source):
        family = socket.AF_INET6 if flavour.family == 6 else socket.AF_INET
        with lab.client.entered():
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.connect((flavour.vip, ECHO_PORT))
        self.socket.settimeout(ANSWER_SECONDS)

    def ask(self, datagram):
        """The server's name and its connection IDs; None when nobody answers."""
        for _ in range(TRIES):
            try:
                self.socket.send(datagram)
                name, *ids = self.socket.recv(2048).decode().split()
                return name, [bytes.fromhex(text) for text in ids]
            except OSError:
                continue
        return None, []

    def close(self):
        self.socket.close()


def migrate(lab, flavour):
    """One connection through all that may happen to it; gives who answered, first its server."""
    first = Client(lab, flavour, CLIENT[flavour.family])
    name, ids = first.ask(initial(b'\xff' + os.urandom(7)))  # named by the client: no server's
    seen = [name]
    for connection_id in ids:
        seen.append(first.ask(one_rtt(connection_id))[0])
        for source in (CLIENT[flavour.family], OTHER_CLIENT[flavour.family]):
            moved = Client(lab, flavour, source)  # another port, and another address
            for datagram in (one_rtt(connection_id), initial(connection_id)):
                seen.append(moved.ask(datagram)[0])
            moved.close()
    first.close()
    return seen


def test_migration(tap, lab):
    for flavour in FLAVOURS:
        seen = [migrate(lab, flavour) for _ in range(CONNECTIONS)]
        wrong = [names for names in seen if names[0] is None or len(set(names)) != 1]
        asked = sum(len(names) - 1 for names in seen)
        tap.check(not wrong and asked == CONNECTIONS * 5 * len(CONFIGS),
                  f'{flavour.name}: {CONNECTIONS} connections stay on their server from new '
                  f'addresses and ports, {asked} packets', wrong[:3])
        tap.check(len({names[0] for names in seen}) > 1, f'{flavour.name}: by several servers',
                  [names[0] for names in seen])


def test_moved_flow(tap, lab):
    """One client address and port, whose next connection is on another server."""
    for flavour in FLAVOURS:
        client = Client(lab, flavour, CLIENT[flavour.family])
        wrong = []
        for turn in range(3 * len(SERVERS)):
            name = SERVERS[turn % len(SERVERS)]
            for encoder in encoders(name):
                answered = client.ask(one_rtt(encoder.make()))[0]
                if answered != name:
                    wrong.append((name, answered))
        client.close()
        tap.check(not wrong, f'{flavour.name}: each connection ID reaches the server it names',
                  wrong)


def test_drain(tap, lab):
    flavour = FLAVOURS[0]
    lab.sluice.ctl('drain', f'{flavour.name}-udp', 's2')
    lab.sluice.wait_until_in_sync()
    wrong = []
    for encoder in encoders('s2'):
        client = Client(lab, flavour, OTHER_CLIENT[flavour.family])
        answered = client.ask(one_rtt(encoder.make()))[0]
        client.close()
        if answered != 's2':
            wrong.append(answered)
    tap.check(not wrong, 'a drained server keeps its connections, from new addresses too', wrong)
    names = set()
    for _ in range(20):
        client = Client(lab, flavour, CLIENT[flavour.family])
        names.add(client.ask(initial(b'\xff' + os.urandom(7)))[0])
        client.close()
    tap.equal(names, {'s1', 's3'}, 'and takes no new one')
    lab.sluice.ctl('enable', f'{flavour.name}-udp', 's2')
    lab.sluice.wait_until_in_sync()


def explain(lab, flavour, connection_id):
    return lab.sluice.ask('explain', 'udp', f'{CLIENT[4]}:40000', f'{flavour.vip}:{ECHO_PORT}',
                          '--quic-cid', connection_id.hex())


def test_explain(tap, lab):
    flavour = FLAVOURS[0]
    for name in SERVERS:
        for encoder in encoders(name):
            said = explain(lab, flavour, encoder.make())
            tap.check(said['backend'] == name and said['by_connection_id'],
                      f'explain: an ID of configuration {encoder.config_id} is of {name}', said)
    nobody = explain(lab, flavour, encode(0, b'', b'\xee\xee\xee', b'1234'))
    tap.check(not nobody['by_connection_id'] and 'no backend is' in str(nobody['reasons']),
              'explain: a server ID that nobody has', nobody)
    done = lab.sluice.ctl('explain', 'udp', f'{CLIENT[4]}:40000', f'{flavour.vip}:{ECHO_PORT}',
                          '--quic-cid', 'abc', check=False)
    tap.check(done.returncode != 0 and 'two hexadecimal digits' in done.stderr,
              'explain: half a byte is refused', done.stderr)


def test_counters(tap, lab):
    counts = {entry['name']: entry['count'] for entry in lab.sluice.ask('counters')['flow_table']}
    tap.check(counts['quic_by_connection_id'] >= len(FLAVOURS) * CONNECTIONS * 5 * len(CONFIGS) and
              counts['quic_by_flow'] >= len(FLAVOURS) * CONNECTIONS and
              counts['quic_flows_moved'] > 0, 'the ways that packets went are counted', counts)


def test_secret(tap, lab):
    """The key is nowhere but in the configuration file."""
    other = lab.directory / 'other.toml'
    other.write_text(lab.sluice.config_path.read_text().replace(KEY.hex(), '00' + KEY.hex()[2:]))
    said = {'plan': lab.sluice.ctl('plan', other).stdout,
            'status': lab.sluice.ctl('--json', 'status').stdout,
            'config': str(lab.sluice.api('/v1/config?format=json'))}
    other.write_text(lab.sluice.config_path.read_text().replace(KEY.hex(), KEY.hex() + 'ff'))
    said['check'] = lab.sluice.ctl('check', other, check=False).stdout + \
        lab.sluice.ctl('check', other, check=False).stderr
    said |= {log.name: log.read_text(errors='replace') for log in lab.log_dir.glob('*.log')}
    leaks = [name for name, text in said.items() if KEY.hex()[2:] in text]
    tap.check(not leaks, 'no key is shown', leaks)
    tap.check('hidden, check value' in said['plan'], 'a plan says that a key changes', said['plan'])
    tap.check('16 bytes' in said['check'], 'a bad key is complained about', said['check'])


def test_all(tap, lab):
    for family in (4, 6):
        address(lab.client, 'eth0', OTHER_CLIENT[family], CLIENT_LENGTH[family])
    servers = [QuicServer(name, server) for name, server in lab.topology.servers.items()]
    harness.run_steps(tap, [test_migration, test_moved_flow, test_drain, test_explain,
                            test_counters, test_secret], lab)
    for server in servers:
        server.stop()


if __name__ == '__main__':
    harness.main(test_all, text=config.dataplane_text() + config.ports_text('af_xdp') +
                 ''.join(quic_text(flavour) for flavour in FLAVOURS))
