"""What was on the wire: tcpdump writes, tshark judges."""

import time

from lab.process import Process, run, wait_until

VERIFY = [word for protocol in ('ip', 'tcp', 'udp')
          for word in ('-o', f'{protocol}.check_checksum:TRUE')]
CHECKSUMS = ('ip', 'tcp', 'udp', 'icmp', 'icmpv6')
BAD, GOOD = 0, 1  # values of tshark's checksum.status


class Capture:
    """tcpdump on one interface of a namespace. What the balancer sends or takes by AF_XDP is seen
    only at the other end of its links, so capture there."""

    def __init__(self, namespace, device, directory, expression=''):
        self.device = device
        self.path = directory / f'{namespace.role}-{device}.pcap'
        log_path = directory / f'{namespace.role}-{device}.log'
        self._process = Process(f'tcpdump {namespace.role} {device}', namespace.wrap(
            'tcpdump', '-i', device, '-n', '-U', '-s', 0, '-B', 16384, '-Z', 'root',
            '-w', self.path, *expression.split()), log_path)
        wait_until(lambda: b'listening on' in log_path.read_bytes(), 10,
                   f'{self._process.name} starts')

    def stop(self):
        """Ends the capture and gives its path, the last packets included."""
        time.sleep(0.3)  # tcpdump reads what the kernel holds every so often
        self._process.stop()
        return self.path


def frames(path, display_filter):
    """Numbers of the frames that match, as text."""
    return fields(path, display_filter, 'frame.number')


def fields(path, display_filter, *names):
    """One line a matching frame: the values of these fields, separated by tabs."""
    columns = [word for name in names for word in ('-e', name)]
    done = run('tshark', '-n', '-r', path, *VERIFY, '-Y', display_filter, '-T', 'fields', *columns,
               timeout=300)
    return done.stdout.splitlines()


def judge_checksums(path):
    """(a line for each frame with a wrong checksum, how many have one that tshark found right)."""
    # An ICMP error quotes the beginning of a packet, whose TCP or UDP checksum covers all of it.
    quotes = 'icmp.type == 3 || icmp.type == 11 || icmpv6.type < 128'
    whole = ' || '.join(f'{name}.checksum.status == {BAD}' for name in ('ip', 'icmp', 'icmpv6'))
    # Linux writes a TCP checksum of zero as 0xffff (skb_checksum_help), which adds up just as well.
    inner = (f'(tcp.checksum.status == {BAD} && !(tcp.checksum == 0xffff)) || '
             f'udp.checksum.status == {BAD}')
    good = ' || '.join(f'{name}.checksum.status == {GOOD}' for name in CHECKSUMS)
    bad = fields(path, f'{whole} || (({inner}) && !({quotes}))', 'frame.number',
                 '_ws.col.Protocol', '_ws.col.Info')
    return bad, len(frames(path, good))
