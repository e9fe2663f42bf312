#!/usr/bin/python3
"""Packets drawn at random, and what must leave for them as scapy builds it, against the pipeline.

Usage: differential.py GOLDEN_TEST [--seed N] [--services N] [--packets N]

Each service is drawn (way of forwarding, families, protocol, tunnel options), then its packets (client, length, data,
time to live, traffic class, options, extension headers, VLAN tags, padding, checksum). The expectations come from
make_golden.py and use nothing of Sluice. Exit status 0 when every byte is as expected; 77 without scapy.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import make_golden as golden
    from scapy.layers.inet import UDP
    from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, PadN
    from scapy.layers.l2 import Dot1Q, Ether
    from scapy.packet import Raw
except ImportError:
    print('scapy is not installed: apt-get install python3-scapy')
    sys.exit(77)

MTU = 1500
TOO_BIG_MAX = 20  # a service: replies are limited in rate
TUNNELS = ('ipip', 'gue', 'gre')
NO_OPERATION = b'\x01'


def draw_service(draw, number):
    forward = draw.choice((*TUNNELS, 'l2dsr', 'nat'))
    vip = draw.choice((4, 6))
    backend = draw.choice((4, 6)) if forward in TUNNELS else vip
    options = {}
    if forward == 'gue':
        options['gue_variant'] = draw.choice((0, 1))
        # Over IPv6 golden_test knows a tunnel, which needs no UDP checksum, by its port.
        if backend == 4 and draw.random() < 0.3:
            options['gue_port'] = draw.randint(1024, 65535)
    if forward in TUNNELS and draw.random() < 0.5:
        options['tunnel_ttl'] = draw.randint(1, 255)
    if forward in TUNNELS and draw.random() < 0.5:
        options['tunnel_dscp'] = draw.randint(0, 63)
    if forward in TUNNELS and draw.random() < 0.5:
        options['tunnel_source'] = draw.choice(
            ('198.18.0.0/15', '10.77.0.0/20', '192.0.2.77/32') if backend == 4 else
            ('2001:db8:5::/64', '2001:db8:6::/96', '2001:db8:7::1/128'))
    return golden.Service(f'drawn_{number:03}', forward, vip, backend, draw.choice(('tcp', 'udp')),
                          MTU, **options)


def draw_client(draw):
    """Who sends the next packet: make_golden's expectations speak of CLIENT."""
    golden.CLIENT = {4: f'198.51.{draw.randint(0, 255)}.{draw.randint(1, 254)}',
                     6: f'2001:db8:c:{draw.randint(0, 0xffff):x}::{draw.randint(1, 0xffff):x}'}
    golden.CLIENT_PORT = draw.randint(1, 65535)


class Shape:
    """What is drawn of one packet, and stays the same when it is forwarded."""

    def __init__(self, draw, version, protocol):
        self.ttl = draw.choice((1, 2, 64, 255, draw.randint(1, 255)))
        self.tos = draw.choice((0, 0, 0xb9, draw.randint(0, 255)))
        self.dont_fragment = draw.random() < 0.8
        self.options = NO_OPERATION * 4 * draw.choice((0, 0, 0, 1, 10))
        self.extensions = draw.choice(((), (), (), ('hop',), ('destination',),
                                       ('hop', 'destination')))
        self.data = draw.randbytes(draw.choice((0, 1, 7, 512, draw.randint(0, 1400),
                                                draw.randint(1300, 1500))))
        self.no_checksum = version == 4 and protocol == 'udp' and draw.random() < 0.2
        self.flags = draw.choice(('S', 'PA', 'A', 'PA', 'FA', 'SEC'))

    def network(self, version, source, destination, ttl):
        if version == 4:
            more = {'options': self.options} if self.options else {}
            return golden.network(4, source, destination, ttl, tos=self.tos,
                                  flags='DF' if self.dont_fragment else 0, **more)
        out = golden.network(6, source, destination, ttl, tos=self.tos)
        for extension in self.extensions:
            kind = IPv6ExtHdrHopByHop if extension == 'hop' else IPv6ExtHdrDestOpt
            out = out / kind(options=[PadN(optdata=b'\0' * 4)])
        return out

    def build(self, version, protocol, ends, ttl):
        """`ends`: source, source port, destination, destination port."""
        source, source_port, destination, destination_port = ends
        more = {'flags': self.flags} if protocol == 'tcp' else {}
        out = (self.network(version, source, destination, ttl) /
               golden.transport(protocol, source_port, destination_port, **more) / Raw(self.data))
        if self.no_checksum:
            out[UDP].chksum = 0
        return out


def draw_link(draw, header, packet):
    """The frame of a packet: tags that go away, and the link's padding."""
    tags = draw.choice((0, 0, 0, 1, 2))
    if tags == 1:
        header = header / Dot1Q(vlan=draw.randint(1, 4094))
    if tags == 2:
        header = (Ether(src=header.src, dst=header.dst, type=0x88a8) /
                  Dot1Q(vlan=draw.randint(1, 4094)) / Dot1Q(vlan=draw.randint(1, 4094)))
    padding = draw.choice((0, 0, draw.randint(1, 30)))
    return tags, bytes(header / packet) + b'\0' * padding


def add_request(draw, service, state):
    draw_client(draw)
    version, protocol = service.vip, service.protocol
    shape = Shape(draw, version, protocol)
    client = (golden.CLIENT[version], golden.CLIENT_PORT, golden.VIP[version], 80)
    packet = shape.build(version, protocol, client, shape.ttl)
    room = MTU
    if service.forward in TUNNELS:
        room -= (20 if service.backend == 4 else 40) + len(golden.shim(service, packet)[1])
    tags, frame = draw_link(draw, golden.from_client(), packet)
    name = f'{len(service.lines)}'
    if len(packet) > room:
        if version == 4 and not shape.dont_fragment:
            service.packet(name, frame, 'drop_too_big')
        elif tags == 0 and state['too big'] < TOO_BIG_MAX:  # a reply keeps the tags
            state['too big'] += 1
            service.packet(name, frame, 'replied_too_big',
                           golden.too_big_reply(service, packet, room))
        return
    if service.forward in TUNNELS:
        service.packet(name, frame, f'sent_{service.forward}',
                       golden.tunnel(service, packet, shape.tos))
        return
    # NAT opens its session before it looks at the time to live.
    if shape.ttl == 1:
        service.packet(name, frame, 'drop_ttl_exceeded')
        return
    server = client
    if service.forward == 'nat':
        port = golden.nat_port(version, protocol)
        if port in state['ports']:
            return  # the next free one would be taken
        state['ports'].add(port)
        server = (golden.POOL[version], port, golden.BACKEND[version], 80)
    after = shape.build(version, protocol, server, shape.ttl - 1)
    service.packet(name, frame, f'sent_{service.forward}', golden.to_backend() / after)
    if service.forward == 'nat' and shape.flags != 'FA':
        add_answer(draw, service, client, server)


def add_answer(draw, service, client, server):
    version, protocol = service.vip, service.protocol
    shape = Shape(draw, version, protocol)
    shape.flags = 'PA'
    packet = shape.build(version, protocol, (*server[2:], *server[:2]), shape.ttl)
    _, frame = draw_link(draw, Ether(src=golden.BACKEND_MAC, dst=golden.OWN_MAC), packet)
    name = f'{len(service.lines)} answer'
    if shape.ttl == 1:
        service.packet(name, frame, 'drop_ttl_exceeded')
        return
    after = shape.build(version, protocol, (*client[2:], *client[:2]), shape.ttl - 1)
    service.packet(name, frame, 'sent_nat_return',
                   Ether(src=golden.OWN_MAC, dst=golden.CLIENT_MAC) / after)


def write_services(draw, folder, services, packets):
    count = 0
    for number in range(services):
        service = draw_service(draw, number)
        state = {'too big': 0, 'ports': set()}
        for _ in range(packets):
            add_request(draw, service, state)
        count += sum(line.startswith('packet ') for line in service.lines)
        (folder / f'{service.name}.txt').write_text(service.text())
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, add_help=True,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('golden_test')
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument('--services', type=int, default=30)
    parser.add_argument('--packets', type=int, default=40)
    wanted = parser.parse_args()
    print(f'seed {wanted.seed}', flush=True)
    with tempfile.TemporaryDirectory() as folder:
        count = write_services(random.Random(wanted.seed), pathlib.Path(folder), wanted.services,
                               wanted.packets)
        done = subprocess.run([wanted.golden_test, '--gtest_brief=1',
                               '--gtest_filter=Packets/*'], capture_output=True, text=True,
                              timeout=300, env={**os.environ, 'GOLDEN_PACKETS': folder})
    print(done.stdout[-6000:] + done.stderr[-2000:])
    print(f'{count} packets of {wanted.services} services')
    sys.exit(1 if done.returncode != 0 else 0)


if __name__ == '__main__':
    main()
