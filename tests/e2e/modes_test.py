#!/usr/bin/python3
"""l3dsr to servers that restore the VIP with nftables, local to a server on the balancer itself, and
NAT64 from an IPv6 client to IPv4 servers: requests, uploads, datagrams, path MTU, every checksum."""

import os

import harness
from path_mtu_test import NARROW_BYTES, download, errors_sent, forget_path_mtu, set_mtu

from lab import config
from lab.capture import Capture, fields, judge_checksums
from lab.server import ECHO_PORT, NAT_PORT, EchoServer, WebServer
from lab.topology import CLIENT, SERVER, SERVERS, SOURCE_POOL, VIP_LENGTH, address
from lab.traffic import ask_echo, get, ping, post, send_requests

REQUESTS = 60
UPLOAD_BYTES = 300_000
LARGE_BYTES = 60_000
DSCP = 5
MSS_BYTES = 1000
LOCAL_VIP = {4: '203.0.113.70', 6: '2001:db8:f::70'}
L3DSR = [config.Flavour(f'l3dsr-v{family}', 'l3dsr', family, vip, family)
         for family, vip in ((4, '203.0.113.60'), (6, '2001:db8:f::60'))]
NAT64 = config.Flavour('nat64', 'nat', 6, '2001:db8:f::80', 4)


def service_head(name, vip, forward, protocol):
    port = 80 if protocol == 'tcp' else ECHO_PORT
    return (f'[[service]]\nname     = "{name}-{protocol}"\nvip      = "{vip}"\nport     = {port}\n'
            f'protocol = "{protocol}"\nforward  = "{forward}"\n')


def backends_text(flavour, port=None):
    return config.HEALTH.format(port=', port = 80') + ''.join(
        config.backend_text(name, SERVER[name][flavour.server_family], port)
        for name in SERVERS) + '\n'


def services_text(protocol):
    out = ''
    for flavour in L3DSR:
        out += service_head(flavour.name, flavour.vip, 'l3dsr', protocol) + f'l3dsr_dscp = {DSCP}\n'
        # The other's segments are to be too long for a narrow path.
        out += f'mss_clamp = {MSS_BYTES}\n' if (protocol, flavour.family) == ('tcp', 4) else ''
        out += backends_text(flavour)
    vips = ', '.join(f'"{vip}"' for vip in LOCAL_VIP.values())
    out += service_head('local', '', 'local', protocol).replace('""', f'[{vips}]') + '\n'
    pool = ', '.join(f'"{source}"' for source in SOURCE_POOL[4])
    out += service_head(NAT64.name, NAT64.vip, 'nat', protocol) + f'source_pool = [{pool}]\n'
    # Smaller than the link, so that an upload has to learn it.
    out += 'mtu = 1400\n' if protocol == 'tcp' else ''
    return out + backends_text(NAT64, NAT_PORT if protocol == 'tcp' else None)


def prepare_server(server, name):
    """What docs/operating.md tells servers of l3dsr to do."""
    server.run('nft', 'add', 'table', 'inet', 'l3dsr')
    server.run('nft', 'add chain inet l3dsr restore '
               '{ type filter hook prerouting priority raw; }')
    for flavour in L3DSR:
        address(server, 'lo', flavour.vip, VIP_LENGTH[flavour.family])
        ip = 'ip' if flavour.family == 4 else 'ip6'
        server.run('nft', f'add rule inet l3dsr restore {ip} daddr {SERVER[name][flavour.family]} '
                   f'{ip} dscp {DSCP} {ip} daddr set {flavour.vip}')


def seen_by_server(answer):
    return dict(word.split('=') for word in answer.body.decode().split())


def check_requests(tap, lab, flavour, client, vip):
    tally = send_requests(lab.client, flavour.vip, REQUESTS)
    tap.check(tally.answered == REQUESTS, f'{flavour.name}: {REQUESTS} requests answered',
              [answer.error for answer in tally.failures])
    tap.check(all(tally.by_server[name] > 0 for name in SERVERS),
              f'{flavour.name}: by all servers', tally.by_server)
    words = seen_by_server(get(lab.client, flavour.vip))
    tap.check(words['client'] in client and words['address'].strip('[]') in vip,
              f'{flavour.name}: the server sees the right addresses', words)
    answer = post(lab.client, flavour.vip, b'x' * UPLOAD_BYTES)
    tap.check(answer.server in SERVERS, f'{flavour.name}: {UPLOAD_BYTES} bytes uploaded',
              answer.error)
    tap.equal(ping(lab.client, flavour.vip), 5, f'{flavour.name}: the VIP answers to ping')


def check_datagrams(tap, lab, flavour, length_bytes):
    answers = [ask_echo(lab.client, flavour.vip, os.urandom(length_bytes)) for _ in range(12)]
    tap.check(None not in answers, f'{flavour.name}: {length_bytes} bytes come back', answers)


def check_path_mtu(tap, lab, flavour):
    set_mtu(lab, NARROW_BYTES[flavour.family])
    forget_path_mtu(lab, flavour.server_family)
    before = errors_sent(lab)
    download(tap, lab, flavour)
    sent = errors_sent(lab) - before
    tap.check(sent > 0, f'{flavour.name}: {sent} errors went on to the server')
    set_mtu(lab, 1500)


def test_l3dsr(tap, lab):
    for flavour in L3DSR:
        check_requests(tap, lab, flavour, [CLIENT[flavour.family]], [flavour.vip])
        check_datagrams(tap, lab, flavour, 1_000)
        check_datagrams(tap, lab, flavour, LARGE_BYTES)


def test_nat64(tap, lab):
    check_requests(tap, lab, NAT64, SOURCE_POOL[4],
                   [SERVER[name][4] for name in SERVERS])
    check_datagrams(tap, lab, NAT64, 1_000)


def test_path_mtu(tap, lab):
    for flavour in (L3DSR[1], NAT64):
        check_path_mtu(tap, lab, flavour)


def test_local(tap, lab):
    balancer = lab.topology.balancer
    for family, vip in LOCAL_VIP.items():
        address(balancer, 'lo', vip, VIP_LENGTH[family])
    web = WebServer('local', balancer, lab.directory / 'local', lab.directory / 'big')
    web.start()
    echo = EchoServer('local', balancer)
    try:
        for family, vip in LOCAL_VIP.items():
            flavour = config.Flavour(f'local-v{family}', 'local', family, vip, family)
            tally = send_requests(lab.client, vip, REQUESTS)
            tap.equal(dict(tally.by_server), {'local': REQUESTS},
                      f'{flavour.name}: {REQUESTS} requests answered by the balancer')
            words = seen_by_server(get(lab.client, vip))
            tap.check(words['client'] == CLIENT[family] and words['address'].strip('[]') == vip,
                      f'{flavour.name}: the server sees the right addresses', words)
            answer = post(lab.client, vip, b'x' * UPLOAD_BYTES)
            tap.equal(answer.server, 'local', f'{flavour.name}: {UPLOAD_BYTES} bytes uploaded')
            tap.equal(ping(lab.client, vip), 5, f'{flavour.name}: the VIP answers to ping')
            check_datagrams(tap, lab, flavour, LARGE_BYTES)
            check_local_path_mtu(tap, lab, flavour)
    finally:
        echo.stop()
        web.kill()


def check_local_path_mtu(tap, lab, flavour):
    """The router's error goes to the kernel, which sent what was too big."""
    set_mtu(lab, NARROW_BYTES[flavour.family])
    lab.topology.balancer.ip(f'-{flavour.family}', 'route', 'flush', 'cache')
    download(tap, lab, flavour)
    set_mtu(lab, 1500)


def check_marks(tap, captures):
    """What l3dsr's packets carry as they arrive."""
    for flavour, ip in ((L3DSR[0], 'ip'), (L3DSR[1], 'ipv6')):
        dscp = 'ip.dsfield.dscp' if ip == 'ip' else 'ipv6.tclass.dscp'
        seen, sizes = set(), set()
        for capture in captures:
            wanted = f'{ip}.src == {CLIENT[flavour.family]} && tcp.dstport == 80'
            seen.update(fields(capture.path, wanted, dscp))
            sizes.update(fields(capture.path, f'{wanted} && tcp.flags.syn == 1',
                                'tcp.options.mss_val'))
        tap.equal(seen, {str(DSCP)}, f'{flavour.name}: every packet has the DSCP')
        wanted = MSS_BYTES if flavour.family == 4 else 1440
        tap.equal(sizes, {str(wanted)}, f'{flavour.name}: what SYNs announce')


def test_all(tap, lab):
    for name, server in lab.topology.servers.items():
        prepare_server(server, name)
    captures = [Capture(server, 'eth0', lab.log_dir) for server in lab.topology.servers.values()]
    clients = Capture(lab.client, 'eth0', lab.log_dir)
    echoes = [EchoServer(name, server) for name, server in lab.topology.servers.items()]
    harness.run_steps(tap, [test_l3dsr, test_nat64, test_path_mtu, test_local], lab)
    for echo in echoes:
        echo.stop()
    for capture in [*captures, clients]:
        bad, good = judge_checksums(capture.stop())
        tap.check(not bad and good > 0,
                  f'{capture.path.stem}: every checksum right of {good} frames', bad[:5])
    check_marks(tap, captures)


if __name__ == '__main__':
    harness.main(test_all, text=config.dataplane_text() + config.ports_text('af_xdp') +
                 services_text('tcp') + services_text('udp'))
