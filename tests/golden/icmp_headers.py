"""The ICMP errors that quote a packet."""

from scapy.layers.inet import ICMP
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6ParamProblem,
                                ICMPv6TimeExceeded)


def icmp_errors(version):
    """The errors that are about somebody's packet, {name: ICMP header}."""
    if version == 4:
        return {'unreachable': ICMP(type=3, code=1),
                'fragmentation needed': ICMP(type=3, code=4, nexthopmtu=1300),
                'time exceeded': ICMP(type=11), 'parameter problem': ICMP(type=12, ptr=1)}
    return {'unreachable': ICMPv6DestUnreach(code=3), 'packet too big': ICMPv6PacketTooBig(mtu=1280),
            'time exceeded': ICMPv6TimeExceeded(), 'parameter problem': ICMPv6ParamProblem(ptr=6)}
