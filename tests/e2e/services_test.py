#!/usr/bin/python3
"""Services on ranges of ports, prefixes, SCTP and any protocol, between real kernels."""

import contextlib
import socket
import struct
import threading
import time

import harness

from lab import config, topology
from lab.process import wait_until
from lab.traffic import get

PORTS = (8001, 8500, 8999)
PREFIX = {4: '203.0.113.8/30', 6: '2001:db8:f::10/127'}
PREFIX_VIPS = {4: ('203.0.113.10', '203.0.113.11'), 6: ('2001:db8:f::10', '2001:db8:f::11')}
NAT_VIP = topology.VIP['nat']
SCTP_VIP = topology.VIP['gue']
ANY_VIP = topology.VIP['gre']
SCTP_PORT = 3868
IPPROTO_SCTP = 132
WAIT_SECONDS = 5


def service_text(name, vip, family, more):
    head = f'[[service]]\nname = "{name}-v{family}"\nvip = "{vip}"\n{more}\n'
    health = 'health = { type = "http", path = "/healthz", interval = "500ms", port = 80 }\n'
    return head + health + ''.join(
        config.backend_text(server, topology.SERVER[server][family], None)
        for server in topology.SERVERS) + '\n'


def full_text():
    out = config.dataplane_text() + config.ports_text('af_xdp')
    for family in (4, 6):
        pool = ', '.join(f'"{source}"' for source in topology.SOURCE_POOL[family])
        out += service_text('prefix', PREFIX[family], family, 'port = "8001-8999"')
        out += service_text('nat', NAT_VIP[family], family,
                            f'port = "8001-8999"\nforward = "nat"\nsource_pool = [{pool}]')
        out += service_text('sctp', SCTP_VIP[family], family,
                            f'port = {SCTP_PORT}\nprotocol = "sctp"')
        out += service_text('any', ANY_VIP[family], family, 'protocol = "any"')
    return out


class Namer:
    """Tells each TCP client the server's name, on several ports of both families."""

    def __init__(self, name, namespace):
        self.sockets = []
        for port in PORTS:
            with namespace.entered():
                listener = socket.create_server(('::', port), family=socket.AF_INET6,
                                                dualstack_ipv6=True)
            self.sockets.append(listener)
            threading.Thread(target=self._serve, args=(listener, name), daemon=True).start()

    @staticmethod
    def _serve(listener, name):
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(name.encode())

    def stop(self):
        for listener in self.sockets:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


def ask_name(client, vip, port):
    """Which server answers a TCP connection; None when none does."""
    try:
        with client.entered():
            connection = socket.create_connection((vip, port), timeout=WAIT_SECONDS)
        with connection:
            connection.settimeout(WAIT_SECONDS)
            return connection.recv(100).decode() or None
    except OSError:
        return None


def test_ranges(tap, lab):
    namers = [Namer(name, server) for name, server in lab.topology.servers.items()]
    for family in (4, 6):
        for vip in (*PREFIX_VIPS[family], NAT_VIP[family]):
            for port in PORTS:
                answers = [ask_name(lab.client, vip, port) for _ in range(8)]
                tap.check(set(answers) <= set(topology.SERVERS), f'{vip} port {port}: answered',
                          answers)
        tap.equal(ask_name_refused(lab, PREFIX_VIPS[family][0], 9000), None,
                  f'v{family}: nobody answers outside the range')
    flows = lab.sluice.ask('flows')['flows']
    for vip in PREFIX_VIPS[4]:
        seen = {flow['destination'] for flow in flows}
        tap.check(f'{vip}:8500' in seen, f'flows shows {vip}:8500', seen)
    flow = next(flow for flow in flows if flow['service'] == 'prefix-v4')
    why = lab.sluice.ask('explain', 'tcp', flow['source'], flow['destination'])
    tap.check(why['known_flow'], 'explain finds a flow of the range', why)
    tap.equal(why['backend'], flow['backend'], 'explain names its backend')
    listeners = {(entry['service'], entry['vip'], str(entry['port']))
                 for entry in lab.sluice.ask('counters', '--all')['listeners']}
    tap.check(('prefix-v4', PREFIX[4], '8001-8999') in listeners, 'the listener as it is written',
              listeners)
    for namer in namers:
        namer.stop()


def ask_name_refused(lab, vip, port):
    with contextlib.suppress(OSError), lab.client.entered():
        with socket.create_connection((vip, port), timeout=1) as connection:
            return connection.recv(100).decode()
    return None


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return ~crc & 0xffffffff


def sctp_init(source_port, port):
    """An INIT as RFC 9260 section 3.3.2 has it, with its checksum."""
    chunk = struct.pack('!BBHIIHHI', 1, 0, 20, 0x01020304, 65536, 10, 10, 1)
    head = struct.pack('!HHI', source_port, port, 0)
    return head + struct.pack('<I', crc32c(head + bytes(4) + chunk)) + chunk


def raw_sctp(namespace, family):
    with namespace.entered():
        out = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_RAW,
                            IPPROTO_SCTP)
    out.setblocking(False)
    return out


def receivers_of(servers, packet):
    """The servers whose socket has got this packet."""
    out = []
    for name, server in servers.items():
        with contextlib.suppress(BlockingIOError):
            while True:
                if packet in server.recv(2000):
                    out.append(name)
    return out


def test_sctp(tap, lab):
    for family in (4, 6):
        servers = {name: raw_sctp(server, family) for name, server in lab.topology.servers.items()}
        client = raw_sctp(lab.client, family)
        got = []
        for i in range(16):
            packet = sctp_init(40_000 + i, SCTP_PORT)
            client.sendto(packet, (SCTP_VIP[family], 0))
            found = []
            deadline = time.monotonic() + WAIT_SECONDS
            while not found and time.monotonic() < deadline:
                found = receivers_of(servers, packet)
                time.sleep(0.01)
            got.append(found)
        tap.check(all(len(each) == 1 for each in got), f'v{family}: each INIT reaches one server',
                  got)
        tap.check(len({each[0] for each in got if each}) > 1, f'v{family}: of several', got)
        for each in (client, *servers.values()):
            each.close()
    states = {flow['state'] for flow in lab.sluice.ask('flows')['flows']
              if flow['protocol'] == 'sctp'}
    tap.equal(states, {'opening'}, 'an INIT opens an association')


def echo_count(server, family):
    """How many echo requests the server's kernel has answered."""
    path = '/proc/net/snmp' if family == 4 else '/proc/net/snmp6'
    text = server.run('cat', path).stdout
    if family == 6:
        return int(next(line.split()[1] for line in text.splitlines()
                        if line.startswith('Icmp6InEchos ')))
    names, values = [line.split() for line in text.splitlines() if line.startswith('Icmp:')]
    return int(values[names.index('InEchos')])


def test_any_protocol(tap, lab):
    for family in (4, 6):
        vip = ANY_VIP[family]
        servers = lab.topology.servers
        before = {name: echo_count(server, family) for name, server in servers.items()}
        # Larger than the link, so in fragments.
        for size in (56, 4000):
            done = lab.client.run('ping', f'-{family}', '-c', 5, '-i', 0.2, '-W', WAIT_SECONDS,
                                  '-s', size, vip, check=False)
            tap.equal(done.returncode, 0, f'{vip}: answers pings of {size} bytes')
        gained = {name: echo_count(server, family) - before[name]
                  for name, server in servers.items()}
        one = max(gained, key=gained.get)
        tap.equal(sum(count >= 10 for count in gained.values()), 1, f'{vip}: one server answers')
        answer = get(lab.client, vip)
        tap.equal(answer.server, one, f'{vip}: HTTP by the server that answers the pings')
        source = topology.CLIENT[family]
        why = lab.sluice.ask('explain', 'icmp' if family == 4 else 'icmpv6', source, vip)
        tap.equal(why['backend'], one, f'{vip}: explain knows')
        raw = {name: raw_sctp(server, family) for name, server in servers.items()}
        packet = sctp_init(1, 2)
        sender = raw_sctp(lab.client, family)
        sender.sendto(packet, (vip, 0))
        found = []

        def has_arrived():
            found.extend(receivers_of(raw, packet))
            return found

        with contextlib.suppress(Exception):
            wait_until(has_arrived, WAIT_SECONDS, 'SCTP arrives')
        tap.equal(found, [one], f'{vip}: another protocol too')
        for each in (sender, *raw.values()):
            each.close()


def allow_fragments(tap, lab):
    """Nobody tells the sender of IPv4 fragments what fits into the tunnel, so it must know."""
    lab.client.ip('-4', 'route', 'change', 'default', 'via', topology.CLIENT_GATEWAY[4],
                  'mtu', 1400)
    lab.client.ip('-6', 'route', 'change', 'default', 'via', topology.CLIENT_GATEWAY[6],
                  'mtu', 1400)
    tap.check(True, 'the client knows what fits into tunnels')


harness.main(allow_fragments, test_ranges, test_sctp, test_any_protocol, text=full_text())
