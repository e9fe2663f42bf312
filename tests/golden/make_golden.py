#!/usr/bin/python3
# long: one list of services, each a short function; the helpers are shared by all of them.
"""Writes the golden packets: what comes in and what must go out, built layer by layer by scapy.

Usage: make_golden.py            writes packets/*.txt beside this script
       make_golden.py --check    compares instead; exit status 1 when a file differs

Nothing of Sluice is used here: the expectations are a second implementation, in the words of the protocols.
"""

import ipaddress
import pathlib
import sys

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN, fragment6)
from scapy.layers.ipsec import ESP
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from flow_hash import flow_hash
from icmp_headers import icmp_errors

CLIENT_MAC = '02:00:00:00:00:01'  # the hop that clients come from
OWN_MAC = '02:00:00:00:00:02'
BACKEND_MAC = '02:00:00:00:01:01'
CLIENT = {4: '198.51.100.7', 6: '2001:db8:c::7'}
VIP = {4: '203.0.113.10', 6: '2001:db8::10'}
BACKEND = {4: '10.0.1.1', 6: '2001:db8:1::1'}
BALANCER = {4: '10.0.1.254', 6: '2001:db8:1::fe'}
POOL = {4: '10.0.1.253', 6: '2001:db8:1::fd'}
CLIENT_PORT = 40000
ROUTER = {4: '192.0.2.99', 6: '2001:db8:a::99'}
RIG_SEED = 0x5eed  # of the test worker's hash
PROTOCOL_NUMBER = {'tcp': 6, 'udp': 17, 'sctp': 132}
MASK64 = (1 << 64) - 1


class Service:
    """One service with one backend, and the packets sent to it in order."""

    def __init__(self, name, forward, vip=4, backend=4, protocol='tcp', mtu=1500, **options):
        # `options`: keys of the service in the configuration file.
        self.name, self.forward, self.vip, self.backend = name, forward, vip, backend
        self.protocol, self.mtu, self.options = protocol, mtu, options
        self.lines = []

    def packet(self, name, before, verdict, after=None):
        """`after`: the frame that must leave; nothing for packets that are not sent."""
        before = Ether(bytes(before))
        self.lines += ['', f'packet {name}', f'# {before.summary()}', f'in {bytes(before).hex()}',
                       f'verdict {verdict}']
        if after is not None:
            after = Ether(bytes(after))
            self.lines += [f'# {after.summary()}', f'out {bytes(after).hex()}']

    def death(self):
        """From here on the backend is another one."""
        self.lines += ['', 'death']

    def text(self):
        head = ['# Made by make_golden.py: change it there.',
                f'service forward={self.forward} vip=ipv{self.vip} backend=ipv{self.backend} '
                f'protocol={self.protocol} mtu={self.mtu}' +
                ''.join(f' {key}={value}' for key, value in self.options.items())]
        return '\n'.join(head + self.lines) + '\n'


def network(version, source, destination, ttl=64, **more):
    if version == 4:
        more = {'flags': 'DF', 'id': 0x1234, **more}
        return IP(src=source, dst=destination, ttl=ttl, **more)
    more.pop('options', None)
    traffic_class = more.pop('tos', 0)
    return IPv6(src=source, dst=destination, hlim=ttl, tc=traffic_class, fl=0xbeef)


def transport(protocol, source_port, destination_port, **more):
    if protocol == 'tcp':
        return TCP(sport=source_port, dport=destination_port, seq=1000, ack=2000,
                   **{'flags': 'PA', **more})
    if protocol == 'sctp':
        return SCTP(sport=source_port, dport=destination_port, tag=0x0a0b0c0d)
    return UDP(sport=source_port, dport=destination_port, **more)


def from_client():
    return Ether(src=CLIENT_MAC, dst=OWN_MAC)


def to_backend():
    return Ether(src=OWN_MAC, dst=BACKEND_MAC)


def request(service, data=b'hello', ttl=64, **more):
    """The IP packet of a client."""
    return (network(service.vip, CLIENT[service.vip], VIP[service.vip], ttl, **more) /
            transport(service.protocol, CLIENT_PORT, 80) / Raw(data))


def request_hash(service):
    number = PROTOCOL_NUMBER[service.protocol]
    return flow_hash(CLIENT[service.vip], VIP[service.vip], CLIENT_PORT, 80, number, 0)


def tunnel_source(service):
    """The balancer's own, or the service's prefix with the flow's hash in its free bits."""
    if 'tunnel_source' not in service.options:
        return BALANCER[service.backend]
    network_ = ipaddress.ip_network(service.options['tunnel_source'])
    free = min(int(network_.hostmask), MASK64)
    return str(network_.network_address + (request_hash(service) & free))


def shim(service, inner):
    """What stands between the outer IP header and the inner packet, and the outer protocol."""
    protocol = 4 if inner.version == 4 else 41
    if service.forward == 'ipip':
        return protocol, b''
    if service.forward == 'gre':
        return 47, bytes(GRE(proto=0x0800 if inner.version == 4 else 0x86dd))
    header = bytes([0, protocol, 0, 0]) if service.options.get('gue_variant') == 0 else b''
    udp = UDP(sport=0xc000 | request_hash(service) & 0x3fff,
              dport=service.options.get('gue_port', 6080), chksum=0,
              len=8 + len(header) + len(inner))
    return 17, bytes(udp) + header


def tunnel(service, inner, traffic_class=0):
    protocol, between = shim(service, inner)
    ttl = service.options.get('tunnel_ttl', 64)
    if 'tunnel_dscp' in service.options:
        traffic_class = service.options['tunnel_dscp'] << 2 | traffic_class & 3
    source = tunnel_source(service)
    if service.backend == 4:
        outer = IP(src=source, dst=BACKEND[4], ttl=ttl, id=0, flags='DF', proto=protocol,
                   tos=traffic_class)
    else:
        outer = IPv6(src=source, dst=BACKEND[6], hlim=ttl, fl=0, nh=protocol, tc=traffic_class)
    return to_backend() / outer / Raw(between + bytes(inner))


def ipip(vip, backend, protocol):
    service = Service(f'ipip_{vip}_in_{backend}_{protocol}', 'ipip', vip, backend, protocol)
    return tunnelled(service)


def gre(vip, backend):
    return tunnelled(Service(f'gre_{vip}_in_{backend}', 'gre', vip, backend))


def gue(vip, backend, variant):
    return tunnelled(Service(f'gue{variant}_{vip}_in_{backend}', 'gue', vip, backend, 'udp',
                             gue_variant=variant))


def tunnel_options():
    yield tunnelled(Service('tunnel_ipip_options', 'ipip', tunnel_source='198.18.0.0/16',
                            tunnel_ttl=7, tunnel_dscp=46))
    yield tunnelled(Service('tunnel_gre_options', 'gre', 4, 6, tunnel_source='2001:db8:5::/64',
                            tunnel_ttl=255, tunnel_dscp=0))
    yield tunnelled(Service('tunnel_gue_options', 'gue', 6, 4, 'tcp', gue_variant=1, gue_port=6081,
                            tunnel_source='10.9.0.0/29'))


def tunnelled(service):
    verdict = f'sent_{service.forward}'
    plain = request(service)
    service.packet('plain', from_client() / plain, verdict, tunnel(service, plain))
    marked = request(service, tos=0xb9)  # EF and ECN 01
    service.packet('traffic class is copied', from_client() / marked, verdict,
                   tunnel(service, marked, 0xb9))
    last_hop = request(service, ttl=1)
    service.packet('inner ttl is left alone', from_client() / last_hop, verdict,
                   tunnel(service, last_hop))
    service.packet('vlan tag and padding are gone',
                   bytes(from_client() / Dot1Q(vlan=100) / plain) + b'\0' * 6, verdict,
                   tunnel(service, plain))
    tags = Ether(src=CLIENT_MAC, dst=OWN_MAC, type=0x88a8) / Dot1Q(vlan=7) / Dot1Q(vlan=8)
    service.packet('two vlan tags are gone', tags / plain, verdict, tunnel(service, plain))
    room = service.mtu - (20 if service.backend == 4 else 40) - len(shim(service, plain)[1])
    largest = request(service, b'x' * (room - len(request(service, b''))))
    service.packet('the largest that fits', from_client() / largest, verdict,
                   tunnel(service, largest))
    too_big = request(service, b'x' * (room + 1 - len(request(service, b''))))
    service.packet('one byte more', from_client() / too_big, 'replied_too_big',
                   too_big_reply(service, too_big, room))
    return service


def too_big_reply(service, packet, mtu):
    back = Ether(src=OWN_MAC, dst=CLIENT_MAC)
    if service.vip == 4:
        quoted = bytes(packet)[:576 - 28]
        return (back / IP(src=VIP[4], dst=CLIENT[4], ttl=64, id=0, flags='DF') /
                ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(quoted))
    quoted = bytes(packet)[:1280 - 48]
    return (back / IPv6(src=VIP[6], dst=CLIENT[6], hlim=64) / ICMPv6PacketTooBig(mtu=mtu) /
            Raw(quoted))


def ipip_headers():
    """Options and extension headers travel inside the tunnel as they are."""
    v4 = Service('ipip_options', 'ipip')
    options = request(v4, options=b'\x94\x04\x00\x00')  # router alert
    v4.packet('ipv4 options', from_client() / options, 'sent_ipip', tunnel(v4, options))
    v6 = Service('ipip_extensions', 'ipip', 6, 6)
    extended = (network(6, CLIENT[6], VIP[6]) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b'\0' * 4)]) /
                transport('tcp', CLIENT_PORT, 80))
    v6.packet('destination options', from_client() / extended, 'sent_ipip', tunnel(v6, extended))
    atomic = (network(6, CLIENT[6], VIP[6]) / IPv6ExtHdrFragment(offset=0, m=0, id=5) /
              transport('tcp', CLIENT_PORT, 80))
    v6.packet('atomic fragment', from_client() / atomic, 'sent_ipip', tunnel(v6, atomic))
    return [v4, v6]


def l2dsr(version, protocol):
    service = Service(f'l2dsr_{version}_{protocol}', 'l2dsr', version, version, protocol)
    service.packet('plain', from_client() / request(service), 'sent_l2dsr',
                   to_backend() / request(service, ttl=63))
    service.packet('vlan tag is gone', from_client() / Dot1Q(vlan=100) / request(service),
                   'sent_l2dsr', to_backend() / request(service, ttl=63))
    service.packet('at the end of its life', from_client() / request(service, ttl=1),
                   'drop_ttl_exceeded')
    if (version, protocol) == (4, 'udp'):
        bare = request(service)
        bare[UDP].chksum = 0
        after = request(service, ttl=63)
        after[UDP].chksum = 0
        service.packet('no udp checksum', from_client() / bare, 'sent_l2dsr', to_backend() / after)
    return service


def nat_port(version, protocol):
    """The source port of a first flow: 1024 and up, where the flow's hash says."""
    number = PROTOCOL_NUMBER[protocol]
    return 1024 + flow_hash(CLIENT[version], BACKEND[version], CLIENT_PORT, 80, number,
                            RIG_SEED) % (65536 - 1024)


def nat(version, protocol):
    service = Service(f'nat_{version}_{protocol}', 'nat', version, version, protocol)
    port = nat_port(version, protocol)

    def to_server(data, **more):
        return (to_backend() / network(version, POOL[version], BACKEND[version], 63, **more) /
                transport(protocol, port, 80) / Raw(data))

    def answer(data):
        return (Ether(src=BACKEND_MAC, dst=OWN_MAC) /
                network(version, BACKEND[version], POOL[version]) /
                transport(protocol, 80, port) / Raw(data))

    def to_client(data):
        return (Ether(src=OWN_MAC, dst=CLIENT_MAC) /
                network(version, VIP[version], CLIENT[version], 63) /
                transport(protocol, 80, CLIENT_PORT) / Raw(data))

    service.packet('there', from_client() / request(service), 'sent_nat', to_server(b'hello'))
    service.packet('and back', answer(b'world'), 'sent_nat_return', to_client(b'world'))
    service.packet('odd length there', from_client() / request(service, b'abc', tos=3), 'sent_nat',
                   to_server(b'abc', tos=3))
    service.packet('odd length back', answer(b'x'), 'sent_nat_return', to_client(b'x'))
    stranger = answer(b'?')
    stranger[{'tcp': TCP, 'udp': UDP, 'sctp': SCTP}[protocol]].sport = 81
    service.packet('of no flow', stranger, 'drop_nat_unknown_flow')
    return service


def any_protocol(version):
    """Whatever is above IP, and every fragment of it."""
    service = Service(f'any_{version}', 'ipip', version, version, 'any')
    ping = ICMP(type=8, id=77) if version == 4 else ICMPv6EchoRequest(id=77)
    contents = {'ping': ping, 'esp': ESP(spi=7, seq=1, data=b'x' * 32),
                'gre': GRE(proto=0x6558) / Raw(b'a frame'), 'tcp': transport('tcp', 1, 2),
                'udp': transport('udp', 1, 2), 'sctp': transport('sctp', 1, 2) / Raw(b'chunk')}
    packets = {name: network(version, CLIENT[version], VIP[version]) / above
               for name, above in contents.items()}
    pieces = in_fragments(version, CLIENT[version], VIP[version], ping / Raw(FRAGMENTED))
    packets |= {f'fragment {i} of a ping': pieces[i] for i in (3, 0, 2, 1)}
    for name, packet in packets.items():
        service.packet(name, from_client() / packet, 'sent_ipip', tunnel(service, packet))
    return service


def echo(version):
    service = Service(f'echo_{version}', 'ipip', version, 4)
    for data in (b'', b'a', b'ping of even length!'):
        if version == 4:
            ask, reply = ICMP(type=8, id=77, seq=3), ICMP(type=0, id=77, seq=3)
        else:
            ask, reply = (kind(id=77, seq=3) for kind in (ICMPv6EchoRequest, ICMPv6EchoReply))
        service.packet(
            f'{len(data)} bytes',
            from_client() / network(version, CLIENT[version], VIP[version], 9) / ask / Raw(data),
            'replied_echo',
            Ether(src=OWN_MAC, dst=CLIENT_MAC) /
            network(version, VIP[version], CLIENT[version], 64) / reply / Raw(data))
    return service


def error(version, source, destination, header, quoted, ttl=60):
    return network(version, source, destination, ttl) / header.copy() / Raw(quoted)


def sent_to_client(version, protocol, source, source_port, destination, destination_port, **more):
    """What a server sent, as a router on the way sees it, its time to live nearly over."""
    return bytes(network(version, source, destination, 1, **more) /
                 transport(protocol, source_port, destination_port) / Raw(b'x' * 600))


def dsr_errors(forward, version, protocol):
    """A server answers from the VIP, so routers send errors about its packets there."""
    service = Service(f'{forward}_{version}_{protocol}_errors', forward, version, version, protocol)
    answer = sent_to_client(version, protocol, VIP[version], 80, CLIENT[version], CLIENT_PORT)
    shortest = (20 if version == 4 else 40) + 8
    for name, header in icmp_errors(version).items():
        for length in (shortest, 500):
            def packet(ttl):
                return error(version, ROUTER[version], VIP[version], header, answer[:length], ttl)
            after = tunnel(service, packet(60)) if forward == 'ipip' else to_backend() / packet(59)
            service.packet(f'{name}, {length} bytes quoted', from_client() / packet(60),
                           'sent_icmp_error', after)
    other = sent_to_client(version, protocol, VIP[version], 81, CLIENT[version], CLIENT_PORT)
    service.packet('of no listener', from_client() / error(
        version, ROUTER[version], VIP[version], header, other), 'drop_icmp_unknown_flow')
    service.packet('cut inside the ports', from_client() / error(
        version, ROUTER[version], VIP[version], header, answer[:shortest - 5]),
        'drop_icmp_bad_quote')
    return service


def nat_errors(version, protocol):
    """Errors about the server's packets go to the server, those about ours to the client."""
    service = Service(f'nat_{version}_{protocol}_errors', 'nat', version, version, protocol)
    port = nat_port(version, protocol)
    service.packet('there', from_client() / request(service), 'sent_nat', to_backend() / network(
        version, POOL[version], BACKEND[version], 63) / transport(protocol, port, 80) /
        Raw(b'hello'))
    to_client = (VIP[version], 80, CLIENT[version], CLIENT_PORT)
    servers = (BACKEND[version], 80, POOL[version], port)
    to_server = (POOL[version], port, BACKEND[version], 80)
    clients = (CLIENT[version], CLIENT_PORT, VIP[version], 80)
    options = {'options': b'\x94\x04\x00\x00'}  # router alert, IPv4 only

    def quote(flow, length):
        return sent_to_client(version, protocol, *flow, **options)[:length]

    for name, header in icmp_errors(version).items():
        for length in ((24 if version == 4 else 40) + 8, 87, 500):
            service.packet(
                f'{name} for the server, {length} bytes quoted',
                from_client() / error(version, ROUTER[version], VIP[version], header,
                                      quote(to_client, length)),
                'sent_icmp_error',
                to_backend() / error(version, POOL[version], BACKEND[version], header,
                                     quote(servers, length), 59))
            for who, source in (('server', BACKEND[version]), ('router', ROUTER[version])):
                service.packet(
                    f'{name} for the client from a {who}, {length} bytes quoted',
                    Ether(src=BACKEND_MAC, dst=OWN_MAC) / error(
                        version, source, POOL[version], header, quote(to_server, length)),
                    'sent_icmp_error_return',
                    Ether(src=OWN_MAC, dst=CLIENT_MAC) / error(
                        version, VIP[version], CLIENT[version], header, quote(clients, length), 59))
    stranger = (POOL[version], port + 1, BACKEND[version], 80)
    service.packet('of no session', Ether(src=BACKEND_MAC, dst=OWN_MAC) / error(
        version, BACKEND[version], POOL[version], header, quote(stranger, 100)),
        'drop_icmp_unknown_flow')
    return service


FRAGMENTED = b'a datagram in four fragments, ' * 70


def in_fragments(version, source, destination, above, ttl=64, identification=0x0bad):
    """The fragments of a packet, checksums computed over all of it, 600 bytes in each."""
    if version == 4:
        whole = network(4, source, destination, ttl, flags=0, id=identification) / above
        return fragment(whole, 600)
    whole = network(6, source, destination, ttl) / IPv6ExtHdrFragment(id=identification) / above
    return fragment6(whole, 600 + 48)


def packet_in_fragments(service, name, before, verdict, after):
    """The first fragment in front, the others backwards. Both lists as `in_fragments` gives them;
    after[i]: the frame that must leave for before[i]."""
    assert len(before) == len(after) == 4
    for i in (0, 3, 2, 1):
        service.packet(f'{name}, fragment {i + 1}', before[i], verdict, after[i])


def fragments(forward, version, protocol):
    """A packet in fragments leaves as the fragments of the packet that would have left."""
    service = Service(f'{forward}_{version}_{protocol}_fragments', forward, version, version, protocol)

    def clients(ttl=64, identification=0x0bad):
        return in_fragments(version, CLIENT[version], VIP[version], transport(
            protocol, CLIENT_PORT, 80) / Raw(FRAGMENTED), ttl, identification)

    before = [from_client() / each for each in clients()]
    service.packet('before the first one', before[1], 'held_fragment')
    if forward == 'ipip':
        after = [tunnel(service, each) for each in clients()]
    elif forward == 'l2dsr':
        after = [to_backend() / each for each in clients(63)]
    else:
        port = nat_port(version, protocol)
        after = [to_backend() / each for each in in_fragments(
            version, POOL[version], BACKEND[version],
            transport(protocol, port, 80) / Raw(FRAGMENTED), 63)]
    packet_in_fragments(service, 'there', before, f'sent_{forward}', after)
    other = from_client() / clients(identification=0x0bae)[1]
    service.packet('of another packet', other, 'held_fragment')
    if forward == 'nat':
        answers = in_fragments(version, BACKEND[version], POOL[version],
                               transport(protocol, 80, port) / Raw(FRAGMENTED))
        to_client = in_fragments(version, VIP[version], CLIENT[version],
                                 transport(protocol, 80, CLIENT_PORT) / Raw(FRAGMENTED), 63)
        packet_in_fragments(
            service, 'and back', [Ether(src=BACKEND_MAC, dst=OWN_MAC) / each for each in answers],
            'sent_nat_return', [Ether(src=OWN_MAC, dst=CLIENT_MAC) / each for each in to_client])
    return service


def not_sent():
    service = Service('not_sent', 'ipip')
    elsewhere = network(4, CLIENT[4], '198.51.100.99') / transport('tcp', CLIENT_PORT, 80)
    service.packet('to another address', from_client() / elsewhere, 'passed_to_kernel')
    arp = Ether(src=CLIENT_MAC, dst='ff:ff:ff:ff:ff:ff', type=0x0806) / Raw(b'\0' * 28)
    service.packet('arp', arp, 'passed_to_kernel')
    closed = network(4, CLIENT[4], VIP[4]) / transport('tcp', CLIENT_PORT, 81)
    service.packet('to a closed port', from_client() / closed, 'drop_no_listener')
    first = network(4, CLIENT[4], VIP[4], flags='MF') / ICMP(type=8) / Raw(b'begin')
    service.packet('first fragment of a ping', from_client() / first, 'drop_fragment')
    closed_first = network(4, CLIENT[4], VIP[4], flags='MF') / transport('tcp', CLIENT_PORT, 81)
    service.packet('first fragment to a closed port', from_client() / closed_first,
                   'drop_no_listener')
    later = network(4, CLIENT[4], VIP[4], flags=0, frag=100, proto=6) / Raw(b'rest')
    service.packet('later fragment', from_client() / later, 'held_fragment')
    cut = bytes(from_client() / request(service))[:40]
    service.packet('cut short', cut, 'drop_truncated')
    short = from_client() / network(4, CLIENT[4], VIP[4]) / TCP(sport=1, dport=80, dataofs=4)
    service.packet('tcp header too short', short, 'drop_bad_tcp_header')
    timestamp = from_client() / network(4, CLIENT[4], VIP[4]) / ICMP(type=13, ts_ori=0, ts_rx=0, ts_tx=0)
    service.packet('icmp other than echo', timestamp, 'drop_icmp_unsupported')
    mapped = from_client() / IPv6(src='::ffff:192.0.2.1', dst=VIP[6]) / TCP(dport=80)
    service.packet('mapped address', mapped, 'drop_mapped_address')
    may_fragment = network(4, CLIENT[4], VIP[4], flags=0) / transport(
        'tcp', CLIENT_PORT, 80) / Raw(b'x' * 1460)
    service.packet('too big and may be fragmented', from_client() / may_fragment, 'drop_too_big')
    return service


def all_services():
    pairs = [(4, 4), (4, 6), (6, 4), (6, 6)]
    protocols = ['tcp', 'udp']
    yield from (ipip(vip, backend, each) for vip, backend in pairs for each in protocols)
    yield from ipip_headers()
    yield from (gre(vip, backend) for vip, backend in pairs)
    yield from (gue(vip, backend, variant) for variant in (1, 0) for vip, backend in pairs)
    yield from tunnel_options()
    yield from (l2dsr(version, each) for version in (4, 6) for each in protocols)
    yield from (nat(version, each) for version in (4, 6) for each in protocols)
    yield from (dsr_errors(forward, version, each) for forward in ('ipip', 'l2dsr')
                for version in (4, 6) for each in protocols)
    yield from (nat_errors(version, each) for version in (4, 6) for each in protocols)
    yield from (fragments(forward, version, each) for forward in ('ipip', 'l2dsr', 'nat')
                for version in (4, 6) for each in protocols)
    import golden_modes  # which use what is above
    import golden_tcp
    yield from golden_modes.services()
    yield from golden_tcp.services()
    yield from (ipip(version, version, 'sctp') for version in (4, 6))
    yield from (nat(version, 'sctp') for version in (4, 6))
    yield from (any_protocol(version) for version in (4, 6))
    yield from (echo(version) for version in (4, 6))
    yield not_sent()


def without_comments(text):
    """Summaries are for people, and their wording is scapy's."""
    return [line for line in text.split('\n') if not line.startswith('#')]


def main():
    folder = pathlib.Path(__file__).parent / 'packets'
    check = sys.argv[1:] == ['--check']
    texts = {f'{service.name}.txt': service.text() for service in all_services()}
    status = 0
    if not check:
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text)
        return status
    for name in sorted({path.name for path in folder.glob('*.txt')} | set(texts)):
        path = folder / name
        known = path.exists() and name in texts
        if not known or without_comments(path.read_text()) != without_comments(texts[name]):
            print(f'{path}: not what make_golden.py writes: run it, and look at the difference')
            status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
