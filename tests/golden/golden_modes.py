"""Golden packets of l3dsr, local, NAT64 and mss_clamp, in the words of make_golden.py."""

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrRouting, PadN)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from flow_hash import flow_hash
from make_golden import (BACKEND, BACKEND_MAC, CLIENT, CLIENT_MAC, CLIENT_PORT, FRAGMENTED, OWN_MAC,
                         POOL, RIG_SEED, ROUTER, VIP, Service, error, from_client, icmp_errors,
                         in_fragments, network, packet_in_fragments, request, sent_to_client,
                         to_backend, too_big_reply, transport, tunnel)

DSCP = 5


def marked(service, data=b'hello', ttl=63, ecn=0, **more):
    """A client's packet as an l3dsr server gets it."""
    version = service.vip
    return (network(version, CLIENT[version], BACKEND[version], ttl, tos=DSCP << 2 | ecn, **more) /
            transport(service.protocol, CLIENT_PORT, 80) / Raw(data))


def l3dsr(version, protocol):
    service = Service(f'l3dsr_{version}_{protocol}', 'l3dsr', version, version, protocol,
                      l3dsr_dscp=DSCP)
    service.packet('plain', from_client() / request(service), 'sent_l3dsr',
                   to_backend() / marked(service))
    service.packet('dscp is replaced, ecn stays', from_client() / request(service, b'abc', tos=0xb9),
                   'sent_l3dsr', to_backend() / marked(service, b'abc', ecn=1))
    service.packet('vlan tag is gone', from_client() / Dot1Q(vlan=100) / request(service),
                   'sent_l3dsr', to_backend() / marked(service))
    service.packet('at the end of its life', from_client() / request(service, ttl=1),
                   'drop_ttl_exceeded')
    if version == 4:
        options = b'\x94\x04\x00\x00'
        service.packet('ipv4 options', from_client() / request(service, options=options),
                       'sent_l3dsr', to_backend() / marked(service, options=options))
    if (version, protocol) == (4, 'udp'):
        bare, after = request(service), marked(service)
        bare[UDP].chksum = after[UDP].chksum = 0
        service.packet('no udp checksum', from_client() / bare, 'sent_l3dsr', to_backend() / after)
    room = service.mtu - len(request(service, b''))
    service.packet('the largest that fits', from_client() / request(service, b'x' * room),
                   'sent_l3dsr', to_backend() / marked(service, b'x' * room))
    too_big = request(service, b'x' * (room + 1))
    service.packet('one byte more', from_client() / too_big, 'replied_too_big',
                   too_big_reply(service, too_big, service.mtu))
    return service


def l3dsr_errors(version, protocol):
    """An error about an answer follows the flow, marked as its packets are."""
    service = Service(f'l3dsr_{version}_{protocol}_errors', 'l3dsr', version, version, protocol,
                      l3dsr_dscp=DSCP)
    answer = sent_to_client(version, protocol, VIP[version], 80, CLIENT[version], CLIENT_PORT)
    for name, header in icmp_errors(version).items():
        after = (network(version, ROUTER[version], BACKEND[version], 59, tos=DSCP << 2) /
                 header.copy() / Raw(answer[:500]))
        service.packet(name, from_client() / error(
            version, ROUTER[version], VIP[version], header, answer[:500]),
            'sent_icmp_error', to_backend() / after)
    return service


def l3dsr_fragments(version, protocol):
    service = Service(f'l3dsr_{version}_{protocol}_fragments', 'l3dsr', version, version, protocol,
                      l3dsr_dscp=DSCP)
    above = transport(protocol, CLIENT_PORT, 80) / Raw(FRAGMENTED)
    before = in_fragments(version, CLIENT[version], VIP[version], above)
    after = in_fragments(version, CLIENT[version], BACKEND[version], above, 63)
    for each in after:
        if version == 4:
            each.tos = DSCP << 2
            del each.chksum
        else:
            each.tc = DSCP << 2
    packet_in_fragments(service, 'there', [from_client() / each for each in before], 'sent_l3dsr',
                        [to_backend() / each for each in after])
    return service


def local(version):
    """Nothing is sent: the kernel has the packet."""
    service = Service(f'local_{version}', 'local', version, version)
    service.packet('to its port', from_client() / request(service), 'sent_local')
    other = network(version, CLIENT[version], VIP[version]) / transport('tcp', CLIENT_PORT, 81)
    service.packet('to another port', from_client() / other, 'passed_to_kernel')
    first, later = in_fragments(version, CLIENT[version], VIP[version],
                                transport('tcp', CLIENT_PORT, 80) / Raw(FRAGMENTED))[:2]
    service.packet('a first fragment', from_client() / first, 'passed_to_kernel')
    service.packet('a later fragment', from_client() / later, 'passed_to_kernel')
    answer = sent_to_client(version, 'tcp', VIP[version], 80, CLIENT[version], CLIENT_PORT)
    for name, header in icmp_errors(version).items():
        service.packet(name, from_client() / error(
            version, ROUTER[version], VIP[version], header, answer[:500]), 'passed_to_kernel')
    return service


def from_backend():
    return Ether(src=BACKEND_MAC, dst=OWN_MAC)


def to_client():
    return Ether(src=OWN_MAC, dst=CLIENT_MAC)


class Nat64:
    """A flow of an IPv6 client to an IPv4 server; its packets as each of the two sees them."""

    def __init__(self, name, protocol):
        self.protocol = protocol
        self.service = Service(f'{name}_{protocol}', 'nat', 6, 4, protocol)
        number = 6 if protocol == 'tcp' else 17
        self.port = 1024 + flow_hash(CLIENT[6], '::ffff:' + BACKEND[4], CLIENT_PORT, 80, number,
                                     RIG_SEED) % (65536 - 1024)
        self.identification = 0  # of the next packet made

    def next_identification(self):
        self.identification += 1
        return self.identification - 1

    def ipv4(self, data, ttl=63, **more):
        """A request as the server gets it. Up to 1,260 bytes it may be fragmented."""
        above = transport(self.protocol, self.port, 80) / Raw(data)
        flags = 'DF' if len(above) + 20 > 1260 else 0
        return IP(src=POOL[4], dst=BACKEND[4], ttl=ttl, id=self.next_identification(), flags=flags,
                  **more) / above

    def answer4(self, data, ttl=64, **more):
        return (network(4, BACKEND[4], POOL[4], ttl, **more) /
                transport(self.protocol, 80, self.port) / Raw(data))

    def answer6(self, data, ttl=63, tc=0):
        return (IPv6(src=VIP[6], dst=CLIENT[6], hlim=ttl, tc=tc, fl=0) /
                transport(self.protocol, 80, CLIENT_PORT) / Raw(data))

    def there(self, name, before, data, **more):
        self.service.packet(name, from_client() / before, 'sent_nat64',
                            to_backend() / self.ipv4(data, **more))

    def back(self, name, before, data, **more):
        self.service.packet(name, from_backend() / before, 'sent_nat64_return',
                            to_client() / self.answer6(data, **more))


def extended(flow, *headers):
    """A request with extension headers."""
    packet = network(6, CLIENT[6], VIP[6])
    for header in headers:
        packet /= header
    return packet / transport(flow.protocol, CLIENT_PORT, 80) / Raw(b'hello')


def nat64(protocol):
    flow = Nat64('nat64', protocol)
    service = flow.service
    flow.there('there', request(service), b'hello')
    flow.back('and back', flow.answer4(b'world'), b'world')
    flow.there('odd length and traffic class', request(service, b'abc', tos=0xb9), b'abc', tos=0xb9)
    flow.back('odd length and traffic class back', flow.answer4(b'x', tos=0x2e), b'x', tc=0x2e)
    flow.back('ipv4 options are gone', flow.answer4(b'y', options=b'\x94\x04\x00\x00'), b'y')
    flow.back('a source route at its end', flow.answer4(b'z', options=b'\x83\x07\x08' + b'\1' * 4 +
                                                        b'\0'), b'z')
    service.packet('a source route that goes on', from_backend() / flow.answer4(
        b'z', options=b'\x83\x07\x04' + b'\1' * 4 + b'\0'), 'drop_nat64_untranslatable')
    padding = IPv6ExtHdrDestOpt(options=[PadN(optdata=b'\0' * 4)])
    flow.there('extension headers are gone', extended(flow, padding), b'hello')
    service.packet('routing header that goes on', from_client() / extended(
        flow, IPv6ExtHdrRouting(addresses=[ROUTER[6]], segleft=1)), 'drop_nat64_untranslatable')
    flow.next_identification()
    atomic = flow.ipv4(b'hello')
    flow.identification -= 1
    atomic.id = 5
    service.packet('atomic fragment', from_client() / extended(
        flow, IPv6ExtHdrFragment(offset=0, m=0, id=0x70005)), 'sent_nat64', to_backend() / atomic)
    flow.next_identification()
    above_bytes = len(transport(protocol, 1, 1))
    for name, size in (('the largest that may be fragmented', 1280), ('the next one', 1281),
                       ('the largest that fits', 1520)):
        data = b'x' * (size - 40 - above_bytes)
        flow.there(name, request(service, data), data)
    too_big = request(service, b'x' * (1521 - 40 - above_bytes))
    service.packet('one byte more', from_client() / too_big, 'replied_too_big',
                   too_big_reply(service, too_big, 1520))
    largest = b'x' * (1480 - 20 - above_bytes)
    flow.back('the largest that fits back', flow.answer4(largest), largest)
    answer = flow.answer4(largest + b'x')
    service.packet('one byte more back', from_backend() / answer, 'replied_too_big',
                   to_backend() / IP(src=POOL[4], dst=BACKEND[4], ttl=64, id=0, flags='DF') /
                   ICMP(type=3, code=4, nexthopmtu=1480) / Raw(bytes(answer)[:576 - 28]))
    service.packet('one byte more back, may be fragmented', from_backend() / flow.answer4(
        largest + b'x', flags=0), 'drop_too_big')
    service.packet('at the end of its life', from_backend() / flow.answer4(b'', ttl=1),
                   'drop_ttl_exceeded')
    return service


def nat64_bare_udp():
    """A UDP checksum of zero is none in IPv4 and forbidden in IPv6."""
    flow = Nat64('nat64_bare', 'udp')
    flow.there('there', request(flow.service), b'hello')
    for data in (b'', b'x', b'no checksum', b'\xff' * 33):
        bare = flow.answer4(data)
        bare[UDP].chksum = 0
        flow.back(f'{len(data)} bytes back', bare, data)
    first = flow.answer4(b'x' * 16, flags='MF')
    first[UDP].chksum = 0
    flow.service.packet('first fragment', from_backend() / first, 'drop_nat64_untranslatable')
    return flow.service


def nat64_fragments(protocol):
    flow = Nat64('nat64_fragments', protocol)
    before = in_fragments(6, CLIENT[6], VIP[6],
                          transport(protocol, CLIENT_PORT, 80) / Raw(FRAGMENTED))
    after = in_fragments(4, POOL[4], BACKEND[4],
                         transport(protocol, flow.port, 80) / Raw(FRAGMENTED), 63)
    packet_in_fragments(flow.service, 'there', [from_client() / each for each in before],
                        'sent_nat64', [to_backend() / each for each in after])
    before = in_fragments(4, BACKEND[4], POOL[4],
                          transport(protocol, 80, flow.port) / Raw(FRAGMENTED))
    after = in_fragments(6, VIP[6], CLIENT[6],
                         transport(protocol, 80, CLIENT_PORT) / Raw(FRAGMENTED), 63)
    for each in after:
        each.fl = 0
    packet_in_fragments(flow.service, 'and back', [from_backend() / each for each in before],
                        'sent_nat64_return', [to_client() / each for each in after])
    return flow.service


# RFC 7915 figures 3 and 6 and the lists of sections 4.2 and 5.2, where a translation exists.
TO_IPV4 = [
    (ICMPv6DestUnreach(code=0), ICMP(type=3, code=1)),
    (ICMPv6DestUnreach(code=1), ICMP(type=3, code=10)),
    (ICMPv6DestUnreach(code=2), ICMP(type=3, code=1)),
    (ICMPv6DestUnreach(code=3), ICMP(type=3, code=1)),
    (ICMPv6DestUnreach(code=4), ICMP(type=3, code=3)),
    (ICMPv6DestUnreach(code=5), None),
    (ICMPv6PacketTooBig(mtu=1400), ICMP(type=3, code=4, nexthopmtu=1380)),
    (ICMPv6PacketTooBig(mtu=100), ICMP(type=3, code=4, nexthopmtu=1260)),
    (ICMPv6PacketTooBig(mtu=9000), ICMP(type=3, code=4, nexthopmtu=1480)),
    (ICMPv6TimeExceeded(code=1), ICMP(type=11, code=1)),
    (ICMPv6ParamProblem(code=0, ptr=0), ICMP(type=12, ptr=0)),
    (ICMPv6ParamProblem(code=0, ptr=1), ICMP(type=12, ptr=1)),
    (ICMPv6ParamProblem(code=0, ptr=3), None),
    (ICMPv6ParamProblem(code=0, ptr=4), ICMP(type=12, ptr=2)),
    (ICMPv6ParamProblem(code=0, ptr=6), ICMP(type=12, ptr=9)),
    (ICMPv6ParamProblem(code=0, ptr=7), ICMP(type=12, ptr=8)),
    (ICMPv6ParamProblem(code=0, ptr=23), ICMP(type=12, ptr=12)),
    (ICMPv6ParamProblem(code=0, ptr=39), ICMP(type=12, ptr=16)),
    (ICMPv6ParamProblem(code=0, ptr=40), None),
    (ICMPv6ParamProblem(code=1, ptr=6), ICMP(type=3, code=2)),
    (ICMPv6ParamProblem(code=2, ptr=6), None),
]
TO_IPV6 = [(ICMP(type=3, code=code), ICMPv6DestUnreach(code=0))
           for code in (0, 1, 5, 6, 7, 8, 11, 12)]
TO_IPV6 += [(ICMP(type=3, code=code), ICMPv6DestUnreach(code=1)) for code in (9, 10, 13, 15)]
TO_IPV6 += [
    (ICMP(type=3, code=2), ICMPv6ParamProblem(code=1, ptr=6)),
    (ICMP(type=3, code=3), ICMPv6DestUnreach(code=4)),
    (ICMP(type=3, code=4, nexthopmtu=1300), ICMPv6PacketTooBig(mtu=1320)),
    (ICMP(type=3, code=4, nexthopmtu=600), ICMPv6PacketTooBig(mtu=1280)),
    (ICMP(type=3, code=4, nexthopmtu=9000), ICMPv6PacketTooBig(mtu=1500)),
    (ICMP(type=3, code=4, nexthopmtu=0), ICMPv6PacketTooBig(mtu=1280)),  # by RFC 1191's plateaus
    (ICMP(type=3, code=14), None),
    (ICMP(type=11, code=0), ICMPv6TimeExceeded(code=0)),
    (ICMP(type=12, ptr=0), ICMPv6ParamProblem(ptr=0)),
    (ICMP(type=12, ptr=1), ICMPv6ParamProblem(ptr=1)),
    (ICMP(type=12, ptr=3), ICMPv6ParamProblem(ptr=4)),
    (ICMP(type=12, ptr=4), None),
    (ICMP(type=12, ptr=8), ICMPv6ParamProblem(ptr=7)),
    (ICMP(type=12, ptr=9), ICMPv6ParamProblem(ptr=6)),
    (ICMP(type=12, ptr=13), ICMPv6ParamProblem(ptr=8)),
    (ICMP(type=12, ptr=19), ICMPv6ParamProblem(ptr=24)),
    (ICMP(type=12, code=1, ptr=0), None),
    (ICMP(type=12, code=2, ptr=0), ICMPv6ParamProblem(ptr=0)),
]
QUOTED = b'x' * 600


def quotes(flow):
    """What is quoted, as each side sees it: the server's answer, and the client's request."""
    answer = (IP(src=BACKEND[4], dst=POOL[4], ttl=1, id=0, flags=0) /
              transport(flow.protocol, 80, flow.port) / Raw(QUOTED))
    answer6 = (IPv6(src=VIP[6], dst=CLIENT[6], hlim=1, fl=0xbeef) /
               transport(flow.protocol, 80, CLIENT_PORT) / Raw(QUOTED))
    ask = (IP(src=POOL[4], dst=BACKEND[4], ttl=1, id=9, flags=0) /
           transport(flow.protocol, flow.port, 80) / Raw(QUOTED))
    ask6 = (IPv6(src=CLIENT[6], dst=VIP[6], hlim=1, fl=0) /
            transport(flow.protocol, CLIENT_PORT, 80) / Raw(QUOTED))
    return [bytes(each) for each in (answer, answer6, ask, ask6)]


def nat64_errors(protocol):
    flow = Nat64('nat64_errors', protocol)
    service = flow.service
    flow.there('there', request(service), b'hello')
    answer, answer6, ask, ask6 = quotes(flow)

    def for_server(name, header6, header4, length):
        before = from_client() / error(6, ROUTER[6], VIP[6], header6, answer6[:length])
        identification = flow.next_identification()
        if header4 is None:
            return service.packet(name, before, 'drop_nat64_untranslatable')
        after = (IP(src=POOL[4], dst=BACKEND[4], ttl=59, id=identification, flags=0) /
                 header4.copy() / Raw(answer[:length - 20]))
        return service.packet(name, before, 'sent_icmp_error', to_backend() / after)

    def for_client(name, header4, header6, length):
        before = from_backend() / error(4, ROUTER[4], POOL[4], header4, ask[:length])
        if header6 is None:
            return service.packet(name, before, 'drop_nat64_untranslatable')
        after = (IPv6(src=VIP[6], dst=CLIENT[6], hlim=59, fl=0) / header6.copy() /
                 Raw(ask6[:length + 20]))
        return service.packet(name, before, 'sent_icmp_error_return', to_client() / after)

    for before, after in TO_IPV4:
        for_server(f'{before.summary()} for the server', before, after, 500)
    for before, after in TO_IPV6:
        for_client(f'{before.summary()} {before.code} for the client', before, after, 500)
    for_server('the shortest quote for the server', *TO_IPV4[0], 48)
    for_client('the shortest quote for the client', *TO_IPV6[0], 28)
    for_server('cut before the checksum, for the server', *TO_IPV4[0], 56)
    for_client('cut before the checksum, for the client', *TO_IPV6[0], 36)
    return service


def syn(mss_bytes, flags='S', before=(), version=4, source=None, destination=None):
    """A SYN of a client, or with other addresses and ports of a server."""
    options = [*before] + ([('MSS', mss_bytes)] if mss_bytes is not None else [])
    options += [('NOP', None), ('WScale', 7)]
    source = source or (CLIENT[version], CLIENT_PORT)
    destination = destination or (VIP[version], 80)
    return (network(version, source[0], destination[0]) /
            TCP(sport=source[1], dport=destination[1], seq=1, flags=flags, options=options))


def mss_clamp(version, clamp, largest):
    """SYNs into a tunnel over IPv4; `largest` is what they may announce."""
    service = Service(f'mss_clamp_{version}_{clamp}', 'ipip', version, 4, mss_clamp=clamp)

    def changed(name, before, after):
        service.packet(name, from_client() / before, 'sent_ipip', tunnel(service, after))

    def same(name, before):
        changed(name, before, before)

    padding = [('NOP', None)]
    changed('larger', syn(8960, version=version), syn(largest, version=version))
    changed('at an odd place', syn(65535, before=padding, version=version),
            syn(largest, before=padding, version=version))
    changed('behind others', syn(1461, before=[('SAckOK', b''), ('Timestamp', (7, 0))],
                                 version=version),
            syn(largest, before=[('SAckOK', b''), ('Timestamp', (7, 0))], version=version))
    changed('with data', syn(1461, version=version) / Raw(b'abc'),
            syn(largest, version=version) / Raw(b'abc'))
    same('smaller', syn(largest - 1, version=version))
    same('none', syn(None, version=version))
    same('no SYN', syn(8960, flags='A', version=version))
    return service


def mss_clamp_nat():
    service = Service('mss_clamp_nat', 'nat', 4, 4, mss_clamp=1200)
    port = 1024 + flow_hash(CLIENT[4], BACKEND[4], CLIENT_PORT, 80, 6, RIG_SEED) % (65536 - 1024)
    inside, server = (POOL[4], port), (BACKEND[4], 80)

    def hop(packet):
        packet.ttl -= 1
        return packet

    service.packet('SYN', from_client() / syn(1460), 'sent_nat',
                   to_backend() / hop(syn(1200, source=inside, destination=server)))
    service.packet('SYN, ACK', from_backend() / syn(1460, 'SA', source=server, destination=inside),
                   'sent_nat_return', to_client() / hop(
                       syn(1200, 'SA', source=(VIP[4], 80), destination=(CLIENT[4], CLIENT_PORT))))
    return service


def services():
    protocols = ['tcp', 'udp']
    for make in (l3dsr, l3dsr_errors, l3dsr_fragments):
        yield from (make(version, each) for version in (4, 6) for each in protocols)
    yield from (local(version) for version in (4, 6))
    for make in (nat64, nat64_fragments, nat64_errors):
        yield from (make(each) for each in protocols)
    yield nat64_bare_udp()
    yield mss_clamp(4, 'auto', 1440)
    yield mss_clamp(6, 'auto', 1420)
    yield mss_clamp(4, 1000, 1000)
    yield mss_clamp_nat()
