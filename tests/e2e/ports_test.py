#!/usr/bin/python3
"""The drivers beside af_xdp: each starts, and forwards what its kind of port allows."""

import os
import socket
import threading
import time

import frames
import harness

from lab import config
from lab.lab import BareLab, Lab
from lab.process import wait_until
from lab.traffic import send_requests

CLIENT = '198.51.100.2'
VIP = '203.0.113.10'
BALANCER = '192.0.2.1'
SERVERS = {'192.0.2.11': '02:00:00:00:00:11', '192.0.2.12': '02:00:00:00:00:12'}
CLIENT_MAC = '02:00:00:00:00:02'
OUTER_BYTES = 34  # Ethernet and IPv4

SERVICE = f'''
[[service]]
name     = "datagrams"
vip      = "{VIP}"
port     = 53
protocol = "udp"
forward  = "ipip"
''' + ''.join(f'''
  [[service.backend]]
  name    = "b{number}"
  address = "{address}"
''' for number, address in enumerate(SERVERS))


def text(driver, device, name='p0'):
    return config.dataplane_text() + \
        f'[[port]]\nname   = "{name}"\ndriver = "{driver}"\ndevice = "{device}"\n' + SERVICE


def link_address(namespace, device):
    return namespace.ip('-br', 'link', 'show', 'dev', device).stdout.split()[2]


def give_neighbours(namespace, device):
    """An address for the balancer and servers whose link addresses need no asking."""
    namespace.ip('link', 'set', device, 'up')
    namespace.ip('address', 'add', f'{BALANCER}/24', 'dev', device)
    for address, mac in SERVERS.items():
        namespace.ip('neighbour', 'replace', address, 'lladdr', mac, 'dev', device,
                     'nud', 'permanent')


def client_frames(own_mac, count=64):
    """Datagrams of so many flows, as the client's router would send them."""
    return [frames.ethernet(CLIENT_MAC, own_mac, frames.udp(
        CLIENT, VIP, 10_000 + number, 53, f'datagram {number:04}'.encode()))
            for number in range(count)]


def check_tunnelled(tap, what, sent, seen, own_mac):
    """Each client packet came out whole, behind one outer header to one server."""
    inner = {frame[14:] for frame in sent}
    out = [frame for frame in seen if frame[12:14] == b'\x08\x00' and frame[23] == 4]
    by_inner = {}
    for frame in out:
        by_inner.setdefault(frame[OUTER_BYTES:], set()).add(frame[:14] + frame[26:34])
    tap.equal(set(by_inner), inner, f'{what}: every packet comes out whole inside a tunnel')
    ways = {b''.join((frames.mac(mac), frames.mac(own_mac), b'\x08\x00',
                      socket.inet_aton(BALANCER), socket.inet_aton(address)))
            for address, mac in SERVERS.items()}
    used = set().union(*by_inner.values()) if by_inner else set()
    tap.equal(used, ways, f'{what}: with the right link and outer addresses, to both servers')
    tap.check(all(len(way) == 1 for way in by_inner.values()), f'{what}: a flow keeps its server')
    bad = [frame.hex() for frame in out if frames.checksum(frame[14:34]) != 0]
    tap.check(not bad, f'{what}: outer checksums are right', bad[:2])


def test_af_packet(tap, build_dir):
    with Lab(build_dir, 'af_packet') as lab:
        lab.start()
        for flavour in config.FLAVOURS:
            tally = send_requests(lab.client, flavour.vip, 20)
            tap.check(not tally.failures, f'af_packet: {flavour.name}: 20 requests answered',
                      [answer.error for answer in tally.failures])


def test_tap(tap, build_dir):
    with BareLab(build_dir) as lab:
        lab.start(text('tap', 'tap0'))
        wait_until(lambda: 'tap0' in lab.balancer.ip('-br', 'link').stdout, 10, 'tap0 is made')
        give_neighbours(lab.balancer, 'tap0')
        lab.sluice.wait_until_all('up')
        own_mac = link_address(lab.balancer, 'tap0')
        sent = client_frames(own_mac)
        with lab.balancer.entered():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        with wire:
            wire.bind(('tap0', 0))
            wire.settimeout(1)
            for frame in sent:
                wire.send(frame)
            seen = []
            # The socket sees what it sends and what comes; the latter is longer by a header.
            while len(seen) < 2 * len(sent):
                try:
                    seen.append(wire.recv(2048))
                except TimeoutError:
                    break
        check_tunnelled(tap, 'tap', sent, seen, own_mac)


class Drain(threading.Thread):
    """Reads a pcap stream from a pipe for as long as it comes, and keeps each frame once."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.seen = set()
        # Opened for both, so that neither end waits for the other.
        self._stream = os.fdopen(os.open(path, os.O_RDWR), 'rb')
        self.start()

    def run(self):
        for frame in frames.read_frames(self._stream):
            self.seen.add(frame)


def test_pcap(tap, build_dir):
    with BareLab(build_dir) as lab:
        lab.balancer.ip('link', 'add', 'p0', 'type', 'veth', 'peer', 'name', 'unused')
        lab.balancer.ip('link', 'set', 'unused', 'up')
        give_neighbours(lab.balancer, 'p0')
        own_mac = link_address(lab.balancer, 'p0')
        sent = client_frames(own_mac)
        packets_in, packets_out = lab.directory / 'in.pcap', lab.directory / 'out.pcap'
        frames.write_pcap(packets_in, sent)
        os.mkfifo(packets_out)  # the input repeats for ever: a file would, too
        drain = Drain(packets_out)
        lab.start(text(
            'vdev', f'net_pcap0,rx_pcap={packets_in},tx_pcap={packets_out},infinite_rx=1'))
        lab.sluice.wait_until_all('up')
        wait_until(lambda: len(drain.seen) >= len(sent), 10, 'the packets come out')
        time.sleep(0.2)
        lab.sluice.dataplane.kill()
        check_tunnelled(tap, 'pcap', sent, list(drain.seen), own_mac)


def test_null_and_ring(tap, build_dir):
    for device in ('net_null0', 'net_ring0'):
        with BareLab(build_dir) as lab:
            lab.start(text('vdev', device))
            wait_until(lambda: (lab.sluice.status() or {}).get('data_plane', {}).get('forwarding'),
                       15, f'{device} forwards')
            tap.check(lab.sluice.is_in_sync(), f'{device}: starts, forwards, and is in sync',
                      lab.sluice.status())


def main():
    harness.fit_driver('af_packet')
    tap = harness.Tap()
    harness.run_steps(tap, [test_af_packet, test_tap, test_pcap, test_null_and_ring],
                      harness.parse_build_dir())
    harness.finish(tap)


if __name__ == '__main__':
    main()
