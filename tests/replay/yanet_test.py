#!/usr/bin/python3
"""The packet vectors of YANET's balancer autotests through sluice-replay.

They are not in this tree. Their folder, one folder a test with services.conf, controlplane.conf, autotest.yaml
and captures, is $SLUICE_YANET_VECTORS, or ../shared/vectors/yanet beside the checkout; without it nothing runs.

Each sendPackets step is run after those before it, with one configuration a step: the real servers that are enabled
by then. The expected frames are first given what RELAXED lists and nothing else; then all bytes must be equal. Where
a service has several real servers enabled, the one that Sluice has picked stands for theirs, when it is enabled, and
the same for a five-tuple for as long as it is: the hash is everybody's own.
"""

import collections
import ipaddress
import json
import os
import pathlib
import re
import struct
import sys
import tempfile

from captures import Run, frames_of

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'e2e'))

import harness

REPLAY = harness.parse_build_dir() / 'tools' / 'replay' / 'sluice-replay'

# What differs by design, and what it would take to be equal.
RELAXED = {
    'vlan': 'sent without a tag: a [[port]] has no VLAN to send on; an option of the port would do',
    'outer ttl': 'their router counts the new header down before it is sent, to 63; ours begins at 64 (an option)',
    'outer source': 'theirs has the last four bytes of the client in an IPv6 outer source, to spread tunnels over the '
                    'queues of the server; ours is one address (an option of the service)',
    'outer identification and DF': 'theirs copies the inner identification and clears DF; ours is 0 with DF '
                                   '(RFC 6864 section 4.1), and the checksum follows',
    'closed port': 'for a VIP and a port of no service: routed there, dropped here (drop_no_listener)',
    'reply path': 'an echo reply is routed there, by another VLAN; here it goes back to the hop it came from',
}

# Steps that need what Sluice does not do; None is the whole folder.
SKIPPED = {
    ('048_acl_balancer_route', '008'): 'fragments: dropped there, forwarded here',
    ('049_balancer_pure_l3', None): 'services on all ports of a VIP, and on port 0',
    ('065_balancer_gre', None): 'GRE tunnels: this comparison reads IP in IP only',
    ('083_balancer_dscp', '002'): 'DSCP marking, chosen by the incoming VLAN',
    ('083_balancer_dscp', '003'): 'DSCP marking, chosen by the incoming VLAN',
    ('083_balancer_dscp', '004'): 'DSCP marking, chosen by the incoming VLAN',
}

ETHERNET_BYTES = 14
TAGGED_BYTES = 18
TUNNEL_VLAN = 100
OUR_TTL = 64
ICMP = (1, 58)
PROTOCOLS = {6: 'tcp', 17: 'udp'}


def find_vectors():
    given = os.environ.get('SLUICE_YANET_VECTORS')
    folder = pathlib.Path(given) if given else ROOT.parent / 'shared' / 'vectors' / 'yanet'
    if folder.is_dir():
        return folder
    print(f'1..0 # SKIP no packet vectors in {folder}; see SLUICE_YANET_VECTORS')
    sys.exit(0)


def checksum(header):
    total = sum(struct.unpack(f'>{len(header) // 2}H', header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


class Packet:
    """The IP header of a packet and the ports behind it."""

    def __init__(self, data):
        self.data = data
        self.is_v4 = data[0] >> 4 == 4
        self.header_bytes = (data[0] & 15) * 4 if self.is_v4 else 40
        self.protocol = data[9] if self.is_v4 else data[6]
        at, size = (12, 4) if self.is_v4 else (8, 16)
        self.source_bytes = data[at:at + size]
        self.source = ipaddress.ip_address(self.source_bytes)
        self.destination = ipaddress.ip_address(data[at + size:at + 2 * size])
        self.payload = data[self.header_bytes:]
        self.ports = struct.unpack('>HH', self.payload[:4]) if self.protocol in (6, 17) else (0, 0)

    @property
    def five_tuple(self):
        return self.source, self.destination, self.protocol, self.ports


class Folder:
    """One autotest: its services, and the real servers that are enabled at the moment."""

    def __init__(self, path):
        self.path = path
        modules = json.loads((path / 'controlplane.conf').read_text())['modules']
        self.balancer = modules['balancer0']
        self.next_hop_mac = modules['route0']['interfaces'][f'kni0.{TUNNEL_VLAN}']['neighborMacAddress']
        self.own_mac = modules[f'lp0.{TUNNEL_VLAN}']['macAddress']
        self.services = json.loads((path / 'services.conf').read_text())
        self.enabled = set()
        self.picked = {}  # the real server of each five-tuple
        self.stages = []  # configuration and capture of the steps until now

    def steps(self):
        """(send, expect) for each step with packets; `enabled` is as it is by then."""
        send = None
        for line in (self.path / 'autotest.yaml').read_text().splitlines():
            change = re.match(r'\s*- balancer real (enable|disable) balancer0 (\S+) (\w+) (\S+) (\S+) ', line)
            if change:
                real = (change[2], change[3], change[4], change[5])
                self.enabled.add(real) if change[1] == 'enable' else self.disable(real)
            elif match := re.match(r'\s*send: (\S+)', line):
                send = match[1]
            elif match := re.match(r'\s*expect: (\S+)', line):
                yield send, match[1]
            elif line.startswith('- reload'):
                return  # no packets come after the first one

    def disable(self, real):
        self.enabled.discard(real)
        self.picked = {flow: at for flow, at in self.picked.items()
                       if (str(flow[1]), PROTOCOLS[flow[2]], str(flow[3][1]), str(at)) != real}

    def run(self, send, scratch):
        """The frames, JSON and records of this step, after those before it."""
        before = sum(len(frames_of(self.path / name)) for name, _ in self.stages)
        self.stages.append((send, self.config()))
        stages = [(config, (self.path / name).read_bytes()) for name, config in self.stages]
        run = Run((REPLAY,), scratch, stages, '--json', '--each', paths=self.paths())
        if run.status != 0:
            raise RuntimeError(run.errors)
        records = run.json['each']
        sent_before = sum(each['out_bytes'] > 0 for each in records[:before])
        return run.sent[sent_before:], records[before:]

    def is_enabled(self, service, real):
        return (service['vip'], service['proto'], service['vport'], real['ip']) in self.enabled

    def config(self):
        text = '[[port]]\nname = "kni0"\ndriver = "vdev"\ndevice = "net_null0"\n'
        for number, service in enumerate(self.services):
            text += (f'[[service]]\nname = "s{number}"\nvip = "{service["vip"]}"\nport = {service["vport"]}\n'
                     f'protocol = "{service["proto"]}"\nforward = "ipip"\n')
            reals = [real for real in service['reals'] if self.is_enabled(service, real)]
            for real in reals:
                text += (f'[[service.backend]]\nname = "{real["ip"].replace(":", "-").replace(".", "-")}"\n'
                         f'address = "{real["ip"]}"\nweight = {real.get("weight", 1)}\n')
            if not reals:  # a service has at least one: one that takes no flow
                text += '[[service.backend]]\nname = "none"\naddress = "192.0.2.1"\ndrain = true\n'
        return text

    def outer_source(self, real):
        return self.balancer['source' if real.version == 6 else 'source_ipv4']

    def paths(self):
        reals = {ipaddress.ip_address(real['ip']) for service in self.services for real in service['reals']}
        return ''.join(f'''[[path]]
destination = "{real}"
port = "kni0"
source = "{self.outer_source(real)}"
source_mac = "{self.own_mac}"
next_hop_mac = "{self.next_hop_mac}"
''' for real in sorted(reals, key=str))

    def candidates(self, inner):
        """The enabled real servers of the service that this packet is for."""
        return {ipaddress.ip_address(real['ip']) for service in self.services for real in service['reals']
                if ipaddress.ip_address(service['vip']) == inner.destination and
                service['proto'] == PROTOCOLS[inner.protocol] and int(service['vport']) == inner.ports[1] and
                self.is_enabled(service, real)}


def as_ours(folder, frame, real):
    """The expected frame with what RELAXED says of tunnels, sent to this real server."""
    outer = Packet(frame[TAGGED_BYTES:])
    inner = Packet(outer.payload)
    header = bytearray(outer.data[:outer.header_bytes])
    if outer.is_v4:
        header[4:8] = struct.pack('>HH', 0, 0x4000)  # outer identification and DF
        header[8] = OUR_TTL  # outer ttl
        header[16:20] = real.packed
        header[10:12] = bytes(2)
        header[10:12] = struct.pack('>H', checksum(bytes(header)))
    else:
        header[7] = OUR_TTL  # outer ttl
        source = bytearray(ipaddress.ip_address(folder.outer_source(real)).packed)
        theirs = source[:8] + inner.source_bytes[-4:] + source[12:]
        if header[8:24] != theirs:
            raise ValueError(f'an outer source of no known making: {outer.source}')
        header[8:24] = source  # outer source
        header[24:40] = real.packed
    return frame[:12] + frame[16:18] + bytes(header) + outer.payload  # vlan


def vlan_of(frame):
    return struct.unpack('>H', frame[14:16])[0] & 0xfff


def compare_tunnel(folder, wanted, sent):
    """What is wrong with a frame that was sent to a real server; nothing when all is well."""
    ours = Packet(sent[ETHERNET_BYTES:])
    inner = Packet(Packet(wanted[TAGGED_BYTES:]).payload)
    candidates = folder.candidates(inner)
    if ours.destination not in candidates:
        return f'sent to {ours.destination}, enabled are {candidates}'
    first = folder.picked.setdefault(inner.five_tuple, ours.destination)
    if first != ours.destination:
        return f'{inner.five_tuple} is sent to {ours.destination} after {first}'
    adapted = as_ours(folder, wanted, ours.destination)
    return '' if adapted == sent else f'wanted {adapted.hex()}\nsent   {sent.hex()}'


def compare(folder, wanted, sent, records):
    """Everything that is wrong with a step."""
    tunnels = [frame for frame in wanted if vlan_of(frame) == TUNNEL_VLAN]
    others = [Packet(frame[TAGGED_BYTES:]) for frame in wanted if vlan_of(frame) != TUNNEL_VLAN]
    replies = [packet for packet in others if packet.protocol in ICMP]  # reply path
    routed = len(others) - len(replies)  # closed port
    verdicts = collections.Counter(each['verdict'] for each in records)
    counts = (verdicts['sent_ipip'], verdicts['replied_echo'],
              verdicts['passed_to_kernel'] + verdicts['drop_no_listener'])
    if counts != (len(tunnels), len(replies), routed):
        return [f'{len(tunnels)} tunnelled, {len(replies)} answered, {routed} routed; seen {verdicts}']
    complaints = []
    senders = [each['verdict'] for each in records if each['out_bytes']]
    sent_tunnels = [frame for frame, verdict in zip(sent, senders) if verdict == 'sent_ipip']
    sent_replies = [frame for frame, verdict in zip(sent, senders) if verdict == 'replied_echo']
    for wanted_frame, frame in zip(tunnels, sent_tunnels):
        complaints.append(compare_tunnel(folder, wanted_frame, frame))
    for reply, frame in zip(replies, sent_replies):
        if frame[TAGGED_BYTES:] != reply.data:
            complaints.append(f'wanted {reply.data.hex()}\nsent   {frame[TAGGED_BYTES:].hex()}')
    return [complaint for complaint in complaints if complaint]


def run_folder(tap, path):
    name = path.name
    if reason := SKIPPED.get((name, None)):
        return tap.skip(name, reason)
    folder = Folder(path)
    for send, expect in folder.steps():
        step = f'{name} {send} to {expect}'
        if reason := SKIPPED.get((name, send[:3])):
            tap.skip(step, reason)
            continue
        wanted = frames_of(path / expect)
        with tempfile.TemporaryDirectory(prefix='sluice-yanet-') as scratch:
            complaints = compare(folder, wanted, *folder.run(send, scratch))
        tap.check(not complaints, f'{step}: {len(wanted)} frames', '\n'.join(complaints))


class Tap(harness.Tap):
    def skip(self, what, reason):
        self.count += 1
        print(f'ok {self.count} - {what} # SKIP {reason}', flush=True)


def the_comparison_would_notice(tap, path):
    """Damages one byte of each kind in what is expected: a test that cannot fail is none."""
    folder = Folder(path)
    send, expect = next(folder.steps())
    wanted = frames_of(path / expect)
    with tempfile.TemporaryDirectory(prefix='sluice-yanet-') as scratch:
        seen = folder.run(send, scratch)
    tap.check(not compare(folder, wanted, *seen), 'what is expected is sent')
    for at in (0, 11, 19, 22, 24, len(wanted[0]) - 1):
        damaged = bytearray(wanted[0])
        damaged[at] ^= 1
        tap.check(compare(folder, [bytes(damaged), *wanted[1:]], *seen), f'byte {at} is compared')
    tap.check(compare(folder, wanted[1:], *seen), 'the number of frames is compared')
    folder.picked = {flow: ipaddress.ip_address('2000::5') for flow in folder.picked}
    tap.check(compare(folder, wanted, *seen), 'where a flow has been is compared')


def main():
    vectors = find_vectors()
    tap = Tap()
    for what, why in RELAXED.items():
        tap.note(f'relaxed: {what}: {why}')
    folders = sorted(path for path in vectors.iterdir() if (path / 'autotest.yaml').exists())
    for path in folders:
        harness.run_steps(tap, [run_folder], path)
    harness.run_steps(tap, [the_comparison_would_notice], vectors / '049_balancer_tcp_udp')
    harness.finish(tap)


main()
