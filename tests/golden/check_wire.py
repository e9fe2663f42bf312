#!/usr/bin/python3
"""What the pipeline sent for the golden packets, judged by scapy and by tshark.

Usage: check_wire.py GOLDEN_TEST    the test program; exit status 77 when scapy or tshark is missing
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
HERE = pathlib.Path(__file__).resolve().parent


def with_status(status, protocols):
    return '(' + ' or '.join(f'{each}.checksum.status == "{status}"' for each in protocols) + ')'


# An ICMP error quotes the beginning of a packet: the checksum of the whole one is not to be expected.
QUOTES = '(icmp.type == 3 or icmp.type == 11 or icmp.type == 12 or icmpv6.type < 128)'
BAD = (with_status('Bad', ('ip', 'icmp', 'icmpv6')) + f' or (not {QUOTES} and ' +
       with_status('Bad', ('tcp', 'udp', 'sctp')) + ')')
GOOD = with_status('Good', ('ip', 'tcp', 'udp', 'sctp', 'icmp', 'icmpv6'))
GUE_PORT = 6080
# tshark has no dissector for GUE. Of variant 1 an IP header is all there is; of variant 0 scapy
# takes the header off.
VALIDATE = [word for each in ('ip', 'tcp', 'udp')
            for word in ('-o', f'{each}.check_checksum:TRUE')]
VALIDATE += ['-o', 'sctp.checksum:CRC 32c', '-d', f'udp.port=={GUE_PORT},ip']
WITHOUT_CHECKSUM = (47, 50)  # GRE as we know it, and ESP

try:
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw
    from scapy.utils import rdpcap, wrpcap
except ImportError:
    print('scapy is not installed: apt-get install python3-scapy')
    sys.exit(SKIPPED)


def tshark(pcap, display_filter):
    """One line for each packet that the filter shows."""
    run = subprocess.run(['tshark', '-n', '-r', str(pcap), *VALIDATE, '-Y', display_filter],
                         capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        sys.exit(f'tshark failed on {pcap}: {run.stderr}')
    return run.stdout.splitlines()


def recomputed(packet):
    """The packet with every checksum filled in anew by scapy."""
    fresh = Ether(bytes(packet))
    layer = fresh
    while layer:
        for field in ('chksum', 'cksum'):
            # A UDP checksum of zero over IPv4 means that there is none.
            if field in layer.fields and not (layer.name == 'UDP' and layer.chksum == 0):
                delattr(layer, field)
        # What an ICMP error quotes is cut off, so its checksums cannot be computed.
        is_icmp = layer.name == 'ICMP' or layer.name.startswith('ICMPv6')
        # Nor can those above a fragment.
        layer = None if is_icmp or is_fragment(layer) else layer.payload
    return bytes(fresh)


def without_gue(packet):
    """What is inside of a GUE packet, as a frame; other packets as they are."""
    if UDP not in packet or packet[UDP].dport != GUE_PORT:
        return packet
    inner = bytes(packet[UDP].payload)
    if inner[0] == 0:
        inner = inner[4:]  # variant 0
    return Ether(src=packet.src, dst=packet.dst,
                 type=0x0800 if inner[0] >> 4 == 4 else 0x86dd) / inner


def is_gue_variant_0(packet):
    return UDP in packet and packet[UDP].dport == GUE_PORT and bytes(packet[UDP].payload)[0] == 0


def is_fragment(layer):
    if isinstance(layer, IP):
        return bool(layer.flags.MF or layer.frag)
    return isinstance(layer, IPv6ExtHdrFragment) and bool(layer.m or layer.offset)


def fragment_in(packet):
    """The innermost IP packet when that is a fragment, or None."""
    found, network = None, None
    while packet:
        if isinstance(packet, (IP, IPv6)):
            network = packet
        if is_fragment(packet):
            found = network
        packet = packet.payload
    return found


def put_together(fragments):
    """(the packet that these fragments of one datagram are, what is wrong with them)"""
    pieces = {}
    for each in fragments:
        header = each[IPv6ExtHdrFragment] if IPv6 in each else each
        place = header.offset if IPv6 in each else header.frag
        more = header.m if IPv6 in each else header.flags.MF
        pieces[place * 8] = (bytes(header.payload), bool(more))
    content = b''
    for place, (piece, more) in sorted(pieces.items()):
        if place != len(content) or more == (place == max(pieces)):
            return None, f'fragments do not fit together: {fragments[0].summary()}'
        content += piece
    head = fragments[0]
    if IPv6 in head:
        whole = IPv6(src=head.src, dst=head.dst, nh=head[IPv6ExtHdrFragment].nh) / Raw(content)
    else:
        whole = IP(src=head.src, dst=head.dst, proto=head.proto) / Raw(content)
    return Ether(bytes(Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02') / whole)), None


def put_all_together(packets):
    """(the packets that are whole, those that fragments make, the fragments, the complaints)"""
    whole, fragments, datagrams = [], [], {}
    for packet in packets:
        piece = fragment_in(packet)
        if piece is None:
            whole.append(packet)
            continue
        fragments.append(packet)
        number = piece[IPv6ExtHdrFragment].id if IPv6 in piece else piece.id
        datagrams.setdefault((piece.src, piece.dst, number), []).append(piece)
    made = [put_together(pieces) for pieces in datagrams.values()]
    return (whole, [packet for packet, _ in made if packet], fragments,
            [complaint for _, complaint in made if complaint])


def has_checksum(packet):
    """Whether there is anything to verify: IPv6 itself has none."""
    innermost = None
    while packet:
        if isinstance(packet, IP):
            return True
        innermost = packet if isinstance(packet, IPv6) else innermost
        packet = packet.payload
    return innermost is None or innermost.nh not in WITHOUT_CHECKSUM


def check_packets(packets, pcap):
    """The complaints about these packets, which go to tshark in this file."""
    wrpcap(str(pcap), packets)
    complaints = [f'scapy computes another checksum: {packet.summary()}'
                  for packet in packets if recomputed(packet) != bytes(packet)]
    complaints += [f'tshark finds a bad checksum: {line}' for line in tshark(pcap, BAD)]
    looked_at = len(tshark(pcap, GOOD))
    due = sum(map(has_checksum, packets))
    if looked_at != due:
        complaints.append(f'tshark checked {looked_at} of {due} packets')
    return complaints


def check_the_checker(packets, pcap):
    """Damages each packet's last byte: both judges must see it, or their praise means nothing."""
    damaged = [Ether(bytes(packet)[:-1] + bytes([bytes(packet)[-1] ^ 1])) for packet in packets]
    wrpcap(str(pcap), damaged)
    found = len(tshark(pcap, BAD))
    by_scapy = sum(recomputed(packet) != bytes(packet) for packet in damaged)
    if found == len(packets) == by_scapy:
        return []
    return [f'of {len(packets)} damaged packets tshark found {found} and scapy {by_scapy}']


def sent_packets(golden_test, folder):
    """What the pipeline sends for all golden packets, by the name of the file."""
    environment = {**os.environ, 'GOLDEN_OUT': folder, 'GOLDEN_PACKETS': str(HERE / 'packets')}
    environment.pop('GTEST_OUTPUT', None)
    subprocess.run([golden_test, '--gtest_brief=1'], env=environment, timeout=60)
    return {pcap.stem: list(rdpcap(str(pcap))) for pcap in sorted(pathlib.Path(folder).glob('*.pcap'))
            if pcap.stat().st_size > 24}  # no more than its header: nothing was to be sent


def main():
    if shutil.which('tshark') is None:
        print('tshark is not installed: apt-get install tshark')
        return SKIPPED
    complaints = []
    if subprocess.run([sys.executable, HERE / 'make_golden.py', '--check']).returncode != 0:
        complaints.append('packets/*.txt is not what make_golden.py writes')
    with tempfile.TemporaryDirectory(prefix='golden-') as folder:
        sent = sent_packets(sys.argv[1], folder)
        packets = [packet for each in sent.values() for packet in each]
        whole, made = [], []
        for each in sent.values():
            some, made_of_fragments, fragments, wrong = put_all_together(each)
            whole += some
            made += made_of_fragments
            complaints += wrong + [f'scapy computes another checksum: {packet.summary()}'
                                   for packet in fragments if recomputed(packet) != bytes(packet)]
        inner = [without_gue(packet) for packet in whole if without_gue(packet) is not packet]
        whole = [packet for packet in whole if not is_gue_variant_0(packet)] + inner
        complaints += check_packets(whole + made, pathlib.Path(folder) / 'all.pcap')
        complaints += check_the_checker(made, pathlib.Path(folder) / 'damaged_fragments.pcap')
        complaints += check_the_checker(sent['nat_4_tcp'], pathlib.Path(folder) / 'damaged.pcap')
    print('\n'.join(complaints) or f'{len(packets)} frames, {len(whole)} packets and {len(made)} '
          'made of fragments: every checksum right')
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
