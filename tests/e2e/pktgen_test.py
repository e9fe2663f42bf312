#!/usr/bin/python3
"""sluice-pktgen: what it sends is valid, what it says is true, and it knows its packets in tunnels."""

import json
import os
import signal
import socket
import subprocess
import time

import harness

from lab import capture, config, topology
from lab.lab import BareLab
from lab.namespace import Namespace
from lab.process import run, wait_until

CORE = min(config.CORES)  # the data plane polls on the last one
COUNT = 10_000
RATE = 5_000
SECONDS_MAX = 60

BALANCER = '192.0.2.1'
SERVERS = {'192.0.2.11': '02:00:00:00:00:11', '192.0.2.12': '02:00:00:00:00:12'}
SOURCE = '192.0.2.21'
VIPS = {'ipip': '203.0.113.10', 'gre': '203.0.113.20', 'gue': '203.0.113.30',
        'l2dsr': '203.0.113.40', 'nat': '203.0.113.50'}

SENDS = ('--port', 'net_af_packet0,iface=eth0', '--only', 'send')
SINK = {4: '198.19.0.1', 6: '2001:db8::1'}
TARGET = {4: '198.19.0.1:9', 6: '[2001:db8::1]:9'}  # the discard port


class Pktgen:
    """Runs the program, in a namespace where one is given."""

    def __init__(self, build_dir, namespace=None):
        self._program = (build_dir / 'tools' / 'pktgen' / 'sluice-pktgen').resolve()
        self._namespace = namespace

    def command(self, *arguments):
        words = [self._program, '--cores', CORE, *arguments]
        return [str(word) for word in (self._namespace.wrap(*words) if self._namespace else words)]

    def run(self, *arguments):
        return run(*self.command(*arguments), check=False, timeout=SECONDS_MAX)

    def report(self, *arguments):
        """What it prints with --json."""
        done = self.run('--json', *arguments)
        if done.returncode != 0:
            raise RuntimeError(f'{arguments}: exit status {done.returncode}: {done.stderr}')
        return json.loads(done.stdout)


def check_whole(tap, report, count, arrived, what):
    """All packets arrived once, in order, as many wrapped each way as they should be."""
    seen = report['received']
    tap.equal((report['sent']['packets'], seen['packets']), (count, count),
              f'{what}: all packets arrive')
    wrong = {key: seen[key] for key in ('lost', 'duplicates', 'out_of_order',
                                        'out_of_order_in_flow', 'stale') if seen[key]}
    tap.check(not wrong, f'{what}: none is lost, doubled or overtaken', wrong)
    tap.equal({way: packets for way, packets in seen['arrived'].items() if packets}, arrived,
              f'{what}: they arrive as they should')


def test_bad_input(tap, pktgen):
    for arguments, status, said in (
            ((), 2, '--port'),
            (('--port', 'eth0'), 2, 'net_af_packet0,iface=eth1'),
            (('--port', 'net_null0', '--rate', 'fast'), 2, '"fast": write packets a second'),
            (('--port', 'net_null0', '--size', '63'), 2, 'sizes from 64 to 2000'),
            (('--port', 'net_null0', '--size', '64', '--vlan', '5'), 2, 'write 68 or more'),
            (('--port', 'net_null0', '--new-flows', '101%'), 2, 'a share from 0% to 100%'),
            (('--port', 'net_null0', '--to', '203.0.113.10'), 2, 'ADDRESS:PORT'),
            (('--port', 'net_null0', '--to', '192.0.2.1:1', '--from', '2001:db8::/64'), 2,
             'write a prefix of the same family'),
            (('--port', 'net_null0', '--flows', '100k', '--from', '192.0.2.1'), 2,
             'write a wider --from'),
            (('--port', 'net_null0', '--open', '--protocol', 'udp'), 2, 'only TCP flows'),
            (('--port', 'net_null0', '--only', 'send', '--search'), 2, 'leave --only out'),
            (('--port', 'net_null0', '--trial', '1s'), 2, 'write --search'),
            (('--port', 'net_nul0',), 1, 'port net_nul0'),
            (('--port', '0000:ff:1f.7',), 1, 'port 0000:ff:1f.7'),
            (('--port', 'net_af_packet0,iface=none'), 1, 'port net_af_packet0,iface=none')):
        done = pktgen.run(*arguments)
        ours = [line for line in done.stderr.splitlines() if said in line]
        tap.check(done.returncode == status and len(ours) == 1 and not done.stdout,
                  f'{" ".join(arguments) or "no arguments"}: one message, exit status {status}',
                  (done.returncode, done.stdout, done.stderr))
    done = run(pktgen.command()[0], '--port', 'net_null0', '--cores', '4000', check=False)
    tap.equal(done.returncode, 2, 'a core that is not there is refused')


def test_ring(tap, pktgen):
    for arguments in (
            ('--flows', '1000'),
            ('--flows', '1M', '--size', 'imix', '--new-flows', '10%'),
            ('--flows', '100', '--open', '--vlan', '7'),
            ('--new-flows', '100%'),
            ('--protocol', 'udp', '--to', '203.0.113.0/24:80-89'),
            ('--to', '[2001:db8::1]:443', '--flows', '50k'),
            ('--to', '[2001:db8::/126]:443', '--protocol', 'udp', '--size', '128:1,1518:1')):
        report = pktgen.report('--port', 'net_ring0', '--count', COUNT, '--rate', '20k', *arguments)
        check_whole(tap, report, COUNT, {'plain': COUNT}, f'ring, {" ".join(arguments)}')
        latency = report['latency_ns']
        tap.check(0 < latency['min'] <= latency['p50'] <= latency['p99'] <= latency['max'],
                  'latencies are in order', latency)


def test_as_fast_as_possible(tap, pktgen):
    report = pktgen.report('--port', 'net_ring0', '--rate', 'max', '--count', '300k')
    check_whole(tap, report, 300_000, {'plain': 300_000}, 'ring, as fast as possible')
    report = pktgen.report('--port', 'net_null0', '--only', 'send', '--rate', 'max',
                           '--duration', '300ms', '--flows', '10M')
    tap.check(report['sent']['pps'] > 100_000 and report['received'] is None,
              'null: sends and does not receive', report)


def test_search(tap, pktgen):
    report = pktgen.report('--port', 'net_ring0', '--search', '--rate', '20k', '--trial', '300ms')
    search = report['search']
    tap.equal(len(search['trials']), 1, 'a ring loses nothing: one trial is enough')
    tap.equal(search['throughput_pps'], search['trials'][0]['offered_pps'],
              'and its rate is the result')
    # Nothing of ours comes out of a null port: no rate passes.
    done = pktgen.run('--port', 'net_null0', '--search', '--rate', '1000', '--trial', '50ms',
                      '--resolution', '50%', '--drain', '10ms')
    tap.check(done.returncode == 1 and 'no rate had at most 0 % loss' in done.stdout,
              'where every packet is lost no rate passes', (done.returncode, done.stdout))


def test_interrupt(tap, pktgen):
    child = subprocess.Popen(pktgen.command('--json', '--port', 'net_ring0', '--rate', '1k'),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=SECONDS_MAX)
    report = json.loads(out)
    tap.check(child.returncode == 0 and report['interrupted'], 'Ctrl-C ends it with a report', err)
    tap.equal(report['received']['packets'], report['sent']['packets'],
              'and what was sent is awaited')
    tap.check(report['sent']['seconds'] < 9, 'before its time', report['sent'])


class Wire:
    """Two namespaces and a veth pair between them."""

    def __enter__(self):
        self.left, self.right = Namespace('gen'), Namespace('seen')
        for namespace in (self.left, self.right):
            namespace.sysctl(ipv6__conf__default__disable_ipv6=1)
        topology.join(self.left, 'eth0', self.right, 'eth0')
        wait_until(lambda: 'LOWER_UP' in self.left.ip('link', 'show', 'dev', 'eth0').stdout, 10,
                   'the link is up')
        return self

    def __exit__(self, *_):
        self.left.delete()
        self.right.delete()


def test_frames(tap, build_dir, directory):
    with Wire() as wire:
        pktgen = Pktgen(build_dir, wire.left)
        # To the discard port, about whose payload tshark has no opinion.
        for name, arguments in (
                ('tcp4', ('--new-flows', '20%', '--size', 'imix')),
                ('udp4', ('--protocol', 'udp', '--size', '64:1,128:1')),
                ('tcp6', ('--size', '84:3,1518:1', '--open')),
                ('udp6', ('--protocol', 'udp', '--vlan', '9'))):
            kind, family = name[:3], int(name[3])
            packets = capture.Capture(wire.right, 'eth0', directory)
            report = pktgen.report(*SENDS, '--to', TARGET[family], '--rate', '2k',
                                   '--count', '1000', '--flows', '100', *arguments)
            time.sleep(0.5)
            path = packets.stop()
            bad, good = capture.judge_checksums(path)
            seen = capture.frames(path, kind)
            tap.equal((report['sent']['packets'], len(seen), good, bad), (1_000, 1_000, 1_000, []),
                      f'{name}: tshark finds every frame, and every checksum right')
            flows = set(capture.fields(path, kind, f'{"ip" if family == 4 else "ipv6"}.src',
                                       f'{kind}.srcport'))
            # A fifth of them are new flows: 200 of one packet, beside the hundred.
            tap.equal(len(flows), 300 if name == 'tcp4' else 100, f'{name}: of as many flows')
            syns = capture.frames(path, 'tcp.flags == 0x002')
            tap.equal(len(syns), {'tcp4': 200, 'tcp6': 100}.get(name, 0), f'{name}: as many SYNs')
            path.unlink()


def test_kernel(tap, build_dir, _):
    """The kernel gives a datagram to a socket only when every checksum is right."""
    with Wire() as wire:
        wire.right.sysctl(ipv4__conf__all__rp_filter=0, ipv4__conf__eth0__rp_filter=0,
                          ipv6__conf__eth0__disable_ipv6=0)
        mac = wire.right.ip('-br', 'link', 'show', 'dev', 'eth0').stdout.split()[2]
        for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            topology.address(wire.right, 'eth0', SINK[family], 24 if family == 4 else 64)
            # Answers have nowhere to go, but sources must have a way.
            wire.right.ip(f'-{family}', 'route', 'add', 'default', 'dev', 'eth0')
            with wire.right.entered():
                sink = socket.socket(kind, socket.SOCK_DGRAM)
            with sink:
                sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                sink.bind((SINK[family], 9))
                sink.settimeout(1)
                Pktgen(build_dir, wire.left).report(
                    *SENDS, '--to', TARGET[family], '--protocol', 'udp', '--rate', '1k',
                    '--count', '200', '--flows', '200', '--destination-mac', mac)
                peers = set()
                try:
                    while len(peers) < 200:
                        peers.add(sink.recvfrom(2048)[1][:2])
                except TimeoutError:
                    pass
            tap.equal(len(peers), 200, f'IPv{family}: the kernel takes each of 200 flows')


def test_two_machines(tap, build_dir, _):
    """One sends, another receives: the sink counts what is missing by the numbers it sees."""
    with Wire() as wire:
        sink = subprocess.Popen(
            Pktgen(build_dir, wire.right).command(
                '--json', '--port', 'net_af_packet0,iface=eth0', '--only', 'receive',
                '--count', '950', '--duration', '20s'),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # A sink that is not there yet would miss the beginning only, and still count from there.
        time.sleep(3)
        Pktgen(build_dir, wire.left).report(*SENDS, '--rate', '500', '--count', '1000')
        out, err = sink.communicate(timeout=SECONDS_MAX)
        tap.check(sink.returncode == 0, 'a sink alone ends well', err)
        report = json.loads(out)
        tap.check(report['sent'] is None and report['received']['packets'] >= 950 and
                  report['received']['lost'] == 0 and report['received']['out_of_order'] == 0,
                  'a sink alone knows that nothing is missing', report)


def service_text(forward, vip):
    out = (f'[[service]]\nname     = "{forward}"\nvip      = "{vip}"\nport     = 80\n'
           f'protocol = "udp"\nforward  = "{forward}"\n')
    if forward == 'nat':
        out += f'source_pool = ["{SOURCE}"]\n'
    return out + ''.join(f'\n  [[service.backend]]\n  name    = "b{number}"\n'
                         f'  address = "{address}"\n' for number, address in enumerate(SERVERS))


def memif(lab, role):
    return f'net_memif0,role={role},socket={lab.directory}/memif.sock,socket-abstract=no'


def start_balancer(lab):
    """One port that is shared memory, and next hops that need no asking."""
    lab.balancer.ip('link', 'add', 'p0', 'type', 'veth', 'peer', 'name', 'unused')
    for device in ('unused', 'p0'):
        lab.balancer.ip('link', 'set', device, 'up')
    lab.balancer.ip('address', 'add', f'{BALANCER}/24', 'dev', 'p0')
    for address, mac in SERVERS.items():
        lab.balancer.ip('neighbour', 'replace', address, 'lladdr', mac, 'dev', 'p0',
                        'nud', 'permanent')
    lab.start(config.dataplane_text() +
              f'[[port]]\nname   = "p0"\ndriver = "vdev"\ndevice = "{memif(lab, "server")}"\n\n' +
              ''.join(service_text(*service) for service in VIPS.items()))
    lab.sluice.wait_until_all('up')


def dropped(lab):
    """How many packets the data plane has dropped, for whatever reason."""
    return sum(entry['count'] for entry in lab.sluice.ask('counters', '--all')['verdicts']
               if entry['name'].startswith('drop_'))


def run_through_balancer(build_dir, *arguments, ring='rsize=14'):
    """One run against a fresh balancer: its report, and what the data plane dropped meanwhile. DPDK's
    memif may take the data plane along when its peer leaves, so it serves one run only."""
    with BareLab(build_dir) as lab:
        start_balancer(lab)
        before = dropped(lab)
        report = Pktgen(build_dir, lab.balancer).report(
            '--port', f'{memif(lab, "client")},{ring}', '--protocol', 'udp', '--drain', '10s',
            *arguments)
        return report, dropped(lab) - before


def test_tunnels(tap, build_dir):
    targets = [word for vip in VIPS.values() for word in ('--to', f'{vip}:80')]
    # All of them fit into the ring: nothing is lost however late the CPU comes.
    report, _ = run_through_balancer(build_dir, *targets, '--count', COUNT, '--rate', RATE,
                                     '--flows', '1000')
    share = COUNT // len(VIPS)
    check_whole(tap, report, COUNT, {'ipip': share, 'gre': share, 'gue': share,
                                     'plain': 2 * share}, 'through Sluice')


def test_loss(tap, build_dir):
    report, drops = run_through_balancer(build_dir, '--to', f'{VIPS["ipip"]}:80', '--rate', 'max',
                                         '--duration', '500ms', ring='rsize=10')
    tap.equal(report['received']['lost'], drops, 'what it misses is what Sluice has dropped')


def test_search_through_balancer(tap, build_dir):
    report, _ = run_through_balancer(build_dir, '--to', f'{VIPS["ipip"]}:80', '--search',
                                     '--rate', RATE, '--trial', '500ms')
    tap.check(report['search']['throughput_pps'], 'a search through Sluice finds a rate', report)


def main():
    harness.fit_driver('af_packet')
    build_dir = harness.parse_build_dir()
    tap = harness.Tap()
    harness.run_steps(tap, [test_bad_input, test_ring, test_as_fast_as_possible, test_search,
                            test_interrupt], Pktgen(build_dir))
    harness.run_steps(tap, [test_tunnels, test_loss, test_search_through_balancer], build_dir)
    with BareLab(build_dir) as lab:
        harness.run_steps(tap, [test_frames, test_kernel, test_two_machines], build_dir, lab.directory)
    harness.finish(tap)


if __name__ == '__main__':
    main()
