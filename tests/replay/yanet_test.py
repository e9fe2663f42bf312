#!/usr/bin/python3
"""The packet vectors of YANET's balancer autotests through sluice-replay.

They are not in this tree. Their folder, one folder a test with services.conf, controlplane.conf, autotest.yaml
and captures, is $SLUICE_YANET_VECTORS, or ../shared/vectors/yanet beside the checkout; without it nothing runs.

Each sendPackets step is run after those before it, with one configuration a step: the real servers that are enabled
by then. The expected frames are first given what RELAXED lists and nothing else; then all bytes must be equal. Where
a service has several real servers enabled, the one that Sluice has picked stands for theirs, when it is enabled, and
the same for a flow for as long as it is: the hash is everybody's own. A flow is a five-tuple, or a client where the
service is on all ports. With one-packet scheduling there are no flows: each server must have as many packets as there.
"""

import collections
import ipaddress
import os
import pathlib
import struct
import sys
import tempfile

from captures import frames_of
from yanet_vectors import GRE, TAGGED_BYTES, TUNNEL_VLAN, Folder, Packet, vlan_of

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'e2e'))

import harness

REPLAY = harness.parse_build_dir() / 'tools' / 'replay' / 'sluice-replay'

# What differs by design, and what it would take to be equal.
RELAXED = {
    'vlan': 'sent without a tag: a [[port]] has no VLAN to send on; an option of the port would do',
    'outer source': 'theirs has the last four bytes of the client in an IPv6 outer source, to spread tunnels over the '
                    'queues of the server; ours is one address, or by tunnel_source one with bits of a hash',
    'outer identification and DF': 'theirs copies the inner identification and clears DF; ours is 0 with DF '
                                   '(RFC 6864 section 4.1), and the checksum follows',
    'picked server': 'of several enabled servers each has its own choice; where turns decide, shares must be equal',
    'port 0': 'theirs is a service of that port; ours is on any port, for a [[service]] cannot name 0',
    'closed port': 'for a VIP and a port of no service: routed there, dropped here (drop_no_listener)',
    'reply path': 'an echo reply is routed there, by another VLAN; here it goes back to the hop it came from',
}

# Steps in which the two differ on purpose.
SKIPPED = {
    ('048_acl_balancer_route', '008'): 'fragments: all dropped there; forwarded here, to the server of their flow',
    ('083_balancer_dscp', '003'): 'marks only packets without a DSCP; here tunnel_dscp is one for all, or the copy',
}

ETHERNET_BYTES = 14
ICMP = (1, 58)
TUNNELLED = ('sent_ipip', 'sent_gre')


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


def as_ours(folder, frame, real):
    """The expected frame with what RELAXED says of tunnels, sent to this real server."""
    outer = Packet(frame[TAGGED_BYTES:])
    header = bytearray(outer.data[:outer.header_bytes])
    if outer.is_v4:
        header[4:8] = struct.pack('>HH', 0, 0x4000)  # outer identification and DF
        header[16:20] = real.packed
        header[10:12] = bytes(2)
        header[10:12] = struct.pack('>H', checksum(bytes(header)))
    else:
        source = bytearray(ipaddress.ip_address(folder.outer_source(real)).packed)
        theirs = source[:8] + outer.inner.source_bytes[-4:] + source[12:]
        if header[8:24] != theirs:
            raise ValueError(f'an outer source of no known making: {outer.source}')
        header[8:24] = source  # outer source
        header[24:40] = real.packed
    return frame[:12] + frame[16:18] + bytes(header) + outer.payload  # vlan


def compare_tunnel(folder, wanted, sent):
    """What is wrong with a frame that was sent to a real server; nothing when all is well."""
    ours = Packet(sent[ETHERNET_BYTES:])
    inner = Packet(wanted[TAGGED_BYTES:]).inner
    candidates = folder.candidates(inner)
    if ours.destination not in candidates:
        return f'sent to {ours.destination}, enabled are {candidates}'
    service = folder.service_of(inner)
    if not service.is_one_packet:
        flow = service.flow_of(inner)
        first = folder.picked.setdefault((service, flow), ours.destination)
        if first != ours.destination:
            return f'{flow} is sent to {ours.destination} after {first}'
    adapted = as_ours(folder, wanted, ours.destination)
    return '' if adapted == sent else f'wanted {adapted.hex()}\nsent   {sent.hex()}'


def shares(folder, tunnels):
    """How many packets each server has of services that take turns, packet by packet."""
    return collections.Counter((folder.service_of(tunnel.inner).vip, str(tunnel.destination)) for tunnel in tunnels
                               if folder.service_of(tunnel.inner).is_one_packet)


def choices(folder, wanted):
    """How many frames could have gone to another server as well."""
    return sum(len(folder.candidates(Packet(frame[TAGGED_BYTES:]).inner)) > 1
               for frame in wanted if vlan_of(frame) == TUNNEL_VLAN)


def compare(folder, wanted, sent, records):
    """Everything that is wrong with a step."""
    tunnels = [frame for frame in wanted if vlan_of(frame) == TUNNEL_VLAN]
    others = [Packet(frame[TAGGED_BYTES:]) for frame in wanted if vlan_of(frame) != TUNNEL_VLAN]
    replies = [packet for packet in others if packet.protocol in ICMP]  # reply path
    routed = len(others) - len(replies)  # closed port
    verdicts = collections.Counter(each['verdict'] for each in records)
    in_gre = sum(Packet(frame[TAGGED_BYTES:]).protocol == GRE for frame in tunnels)
    counts = (verdicts['sent_ipip'], verdicts['sent_gre'], verdicts['replied_echo'],
              verdicts['passed_to_kernel'] + verdicts['drop_no_listener'])
    if counts != (len(tunnels) - in_gre, in_gre, len(replies), routed):
        return [f'{len(tunnels)} tunnelled, {in_gre} of them in GRE, {len(replies)} answered, {routed} routed; '
                f'seen {verdicts}']
    senders = [each['verdict'] for each in records if each['out_bytes']]
    sent_tunnels = [frame for frame, verdict in zip(sent, senders) if verdict in TUNNELLED]
    sent_replies = [frame for frame, verdict in zip(sent, senders) if verdict == 'replied_echo']
    complaints = []
    their_shares = shares(folder, [Packet(frame[TAGGED_BYTES:]) for frame in tunnels])
    our_shares = shares(folder, [Packet(frame[ETHERNET_BYTES:]) for frame in sent_tunnels])
    if our_shares != their_shares:
        complaints.append(f'turns: wanted {their_shares}, sent {our_shares}')
    for wanted_frame, frame in zip(tunnels, sent_tunnels):
        complaints.append(compare_tunnel(folder, wanted_frame, frame))
    for reply, frame in zip(replies, sent_replies):
        if frame[TAGGED_BYTES:] != reply.data:
            complaints.append(f'wanted {reply.data.hex()}\nsent   {frame[TAGGED_BYTES:].hex()}')
    return [complaint for complaint in complaints if complaint]


def run_folder(tap, path):
    name = path.name
    folder = Folder(path, REPLAY)
    for send, expect in folder.steps():
        step = f'{name} {send} to {expect}'
        if reason := SKIPPED.get((name, send[:3])):
            tap.skip(step, reason)
            continue
        wanted = frames_of(path / expect)
        with tempfile.TemporaryDirectory(prefix='sluice-yanet-') as scratch:
            complaints = compare(folder, wanted, *folder.run(send, scratch))
        tap.check(not complaints, f'{step}: {len(wanted)} frames, {choices(folder, wanted)} with a choice of servers',
                  '\n'.join(complaints))


class Tap(harness.Tap):
    def skip(self, what, reason):
        self.count += 1
        print(f'ok {self.count} - {what} # SKIP {reason}', flush=True)


def run_to(folder, step, scratch):
    """What is expected and seen in the step whose capture begins with this."""
    for send, expect in folder.steps():
        seen = folder.run(send, scratch)
        if send.startswith(step):
            return frames_of(folder.path / expect), seen
    raise ValueError(f'{folder.path} has no step {step}')


def the_comparison_would_notice(tap, path):
    """Damages one byte of each kind in what is expected: a test that cannot fail is none."""
    folder = Folder(path, REPLAY)
    with tempfile.TemporaryDirectory(prefix='sluice-yanet-') as scratch:
        wanted, seen = run_to(folder, '001', scratch)
    tap.check(not compare(folder, wanted, *seen), f'{path.name}: what is expected is sent')
    # Both Ethernet addresses; DSCP, length, next header and hop limit; 58 to 61 are the inner packet or GRE.
    for at in (0, 11, 19, 22, 24, 25, 58, 59, 60, 61, len(wanted[0]) - 1):
        damaged = bytearray(wanted[0])
        damaged[at] ^= 0x10
        tap.check(compare_damaged(folder, [bytes(damaged), *wanted[1:]], seen), f'byte {at} is compared')
    tap.check(compare(folder, wanted[1:], *seen), 'the number of frames is compared')
    folder.picked = {flow: ipaddress.ip_address('2001:db8::5') for flow in folder.picked}
    tap.check(compare(folder, wanted, *seen), 'where a flow has been is compared')


def compare_damaged(folder, wanted, seen):
    """As compare(); a frame that has become unreadable is noticed, too."""
    try:
        return compare(folder, wanted, *seen)
    except ValueError as error:
        return [repr(error)]


def the_turns_would_be_noticed(tap, path):
    """In the step of UDP, another server than expected for one packet."""
    folder = Folder(path, REPLAY)
    with tempfile.TemporaryDirectory(prefix='sluice-yanet-') as scratch:
        wanted, seen = run_to(folder, '002', scratch)
    tap.check(not compare(folder, wanted, *seen), f'{path.name}: what is expected is sent')
    at = slice(TAGGED_BYTES + 24, TAGGED_BYTES + 40)  # the destination of the outer IPv6 header
    other = bytearray(wanted[0])
    other[at] = wanted[1][at]
    tap.check(compare(folder, [bytes(other), *wanted[1:]], *seen), 'the shares of the servers are compared')


def main():
    vectors = find_vectors()
    tap = Tap()
    for what, why in RELAXED.items():
        tap.note(f'relaxed: {what}: {why}')
    folders = sorted(path for path in vectors.iterdir() if (path / 'autotest.yaml').exists())
    for path in folders:
        harness.run_steps(tap, [run_folder], path)
    for name in ('049_balancer_tcp_udp', '065_balancer_gre'):
        harness.run_steps(tap, [the_comparison_would_notice], vectors / name)
    harness.run_steps(tap, [the_turns_would_be_noticed], vectors / '056_balancer_ops')
    harness.finish(tap)


main()
