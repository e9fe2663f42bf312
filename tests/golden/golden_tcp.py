"""Golden packets of TCP that is changed or answered here: PROXY protocol, resets. In the words of make_golden.py."""

import ipaddress

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, PadN
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from make_golden import (BACKEND, BACKEND_MAC, CLIENT, CLIENT_MAC, CLIENT_PORT, OWN_MAC, POOL, VIP,
                         Service, from_client, nat_port, network, to_backend, transport, tunnel)


def proxy_header(version):
    """HAProxy's proxy-protocol.txt, section 2.2."""
    addresses = b''.join(ipaddress.ip_address(each).packed
                         for each in (CLIENT[version], VIP[version]))
    ports = CLIENT_PORT.to_bytes(2, 'big') + (80).to_bytes(2, 'big')
    family = {4: 0x11, 6: 0x21}[version]
    return (b'\r\n\r\n\0\r\nQUIT\n' + bytes([0x21, family]) +
            len(addresses + ports).to_bytes(2, 'big') + addresses + ports)


def proxy(version):
    """One connection whose server is told of the client in the first bytes."""
    service = Service(f'nat_{version}_proxy', 'nat', version, version, proxy_protocol='v2')
    port = nat_port(version, 'tcp')
    header = proxy_header(version)
    first, answered = 5001, 0x7001  # the numbers behind the two SYNs

    def client(data=b'', **tcp):
        return (from_client() / network(version, CLIENT[version], VIP[version]) /
                TCP(sport=CLIENT_PORT, dport=80, **tcp) / Raw(data))

    def at_server(data=b'', **tcp):
        return (to_backend() / network(version, POOL[version], BACKEND[version], 63) /
                TCP(sport=port, dport=80, **tcp) / Raw(data))

    def server(data=b'', **tcp):
        return (Ether(src=BACKEND_MAC, dst=OWN_MAC) /
                network(version, BACKEND[version], POOL[version]) /
                TCP(sport=80, dport=port, **tcp) / Raw(data))

    def at_client(data=b'', **tcp):
        return (Ether(src=OWN_MAC, dst=CLIENT_MAC) /
                network(version, VIP[version], CLIENT[version], 63) /
                TCP(sport=80, dport=CLIENT_PORT, **tcp) / Raw(data))

    stamps = [('NOP', None), ('NOP', None), ('Timestamp', (7, 8))]
    both_ways = {'flags': 'A', 'seq': answered}
    asked = {'flags': 'S', 'seq': first - 1}
    service.packet('the SYN, without fast open',
                   client(**asked, options=[('MSS', 1460), (34, b''), ('NOP', None), ('NOP', None)]),
                   'sent_nat', at_server(**asked, options=[('MSS', 1460)] + [('NOP', None)] * 4))
    service.packet('the SYN-ACK, its window less the header',
                   server(flags='SA', seq=answered - 1, ack=first, window=5000), 'sent_nat_return',
                   at_client(flags='SA', seq=answered - 1, ack=first, window=5000 - len(header)))
    here = {'seq': first, 'ack': answered, 'options': stamps}
    service.packet('the ACK, with the header', client(flags='A', **here), 'sent_proxy_header',
                   at_server(header, flags='PA', **here))
    service.packet('the header again, in front of data', client(b'odd', flags='A', **here),
                   'sent_proxy_header', at_server(header + b'odd', flags='PA', **here))
    service.packet('half of it acknowledged', server(**both_ways, ack=first + 14),
                   'sent_nat_return', at_client(**both_ways, ack=first))
    service.packet('instead of too much data', client(b'x' * 1420, flags='FA', **here),
                   'sent_proxy_header', at_server(header, flags='PA', **here))
    taken = first + len(header)
    service.packet('all of it acknowledged', server(b'220', **both_ways, ack=taken),
                   'sent_nat_return', at_client(b'220', **both_ways, ack=first))
    service.packet('data behind it', client(b'x' * 1420, flags='PA', seq=first, ack=answered),
                   'sent_nat', at_server(b'x' * 1420, flags='PA', seq=taken, ack=answered))
    service.packet('a gap in the data', server(
        **both_ways, ack=taken,
        options=[('NOP', None), ('NOP', None), ('SAck', (taken + 100, taken + 200))]),
                   'sent_nat_return', at_client(
        **both_ways, ack=first,
        options=[('NOP', None), ('NOP', None), ('SAck', (first + 100, first + 200))]))
    service.packet('a reset', client(flags='R', seq=first), 'sent_nat',
                   at_server(flags='R', seq=taken))
    return service


def resets(forward, version):
    """Flows whose backend has died, with on_death = "reset": each client is told so."""
    service = Service(f'{forward}_{version}_resets', forward, version, version, on_death='reset')

    def packet(place, flags, data=b'', header=None):
        headers = network(version, CLIENT[version], VIP[version])
        if header is not None:
            headers = headers / header if version == 6 else network(
                4, CLIENT[4], VIP[4], options=header)
        return headers / transport('tcp', CLIENT_PORT + place, 80, flags=flags) / Raw(data)

    def reset(place, link, **tcp):
        headers = (IP(src=VIP[4], dst=CLIENT[4], ttl=64, id=0, flags='DF') if version == 4 else
                   IPv6(src=VIP[6], dst=CLIENT[6], hlim=64, fl=0))
        return link / headers / TCP(sport=80, dport=CLIENT_PORT + place, window=0, **tcp)

    extra = (b'\x94\x04\x00\x00' if version == 4 else
             IPv6ExtHdrDestOpt(options=[PadN(optdata=b'\0' * 4)]))
    # Name, packet, sequence and acknowledgement of the reset (RFC 9293 section 3.5.2).
    acknowledged = {'seq': 2000, 'ack': 0, 'flags': 'R'}
    flows = [('data', packet(0, 'PA', b'hello'), acknowledged),
             ('a bare acknowledgement', packet(1, 'A'), acknowledged),
             ('an end', packet(2, 'FA'), acknowledged),
             ('with more headers', packet(3, 'PA', b'hello', extra), acknowledged),
             ('data that acknowledges nothing', packet(4, 'P', b'hello'),
              {'seq': 0, 'ack': 1005, 'flags': 'RA'}),
             ('an end that acknowledges nothing', packet(5, 'F', b'odd'),
              {'seq': 0, 'ack': 1004, 'flags': 'RA'})]
    sent = l2dsr_sent if forward == 'l2dsr' else tunnel
    for name, each, _ in flows:
        service.packet(f'{name}, before', from_client() / each, f'sent_{forward}',
                       sent(service, each))
    service.death()
    for place, (name, each, tcp) in enumerate(flows):
        service.packet(f'{name}, after', from_client() / each, 'replied_reset',
                       reset(place, Ether(src=OWN_MAC, dst=CLIENT_MAC), **tcp))
    given_up = packet(6, 'A')
    service.packet('a new flow', from_client() / given_up, f'sent_{forward}',
                   sent(service, given_up))
    return service


def l2dsr_sent(service, packet):
    out = packet.copy()
    if service.vip == 4:
        out.ttl -= 1
    else:
        out.hlim -= 1
    return to_backend() / out


def services():
    yield from (proxy(version) for version in (4, 6))
    yield from (resets(forward, version) for forward in ('ipip', 'l2dsr') for version in (4, 6))
