#!/usr/bin/python3
"""SYN cookies between real kernels: requests, uploads, servers that speak first, a refused connection,
a flood, and everything once more while packets get lost."""

import socket
import subprocess
import threading

import harness
from proxy_protocol_test import (BODY_BYTES, PARSED, Servers, config_text, greet, lose_packets,
                                 verdict_count)

from lab import config, topology
from lab.process import wait_until
from lab.topology import VIP
from lab.traffic import get, post

CLOSED = 81          # a port of the VIP behind which nobody listens


def curl(lab, family, seconds):
    """The time of one request in seconds, or None."""
    vip = f'[{VIP["nat"][6]}]' if family == 6 else VIP['nat'][4]
    run = subprocess.run(
        lab.client.wrap('curl', '-s', '-o', '/dev/null', '-w', '%{time_total}', '-m', seconds,
                        f'http://{vip}/'),
        capture_output=True, text=True, timeout=seconds + 5, check=False)
    return float(run.stdout) if run.returncode == 0 else None


def test_requests(tap, lab, count, seconds):
    for family in config.FAMILIES:
        times = [curl(lab, family, seconds) for _ in range(count)]
        tap.check(None not in times, f'v{family}: curl is answered {count} times', times)
        answers = [get(lab.client, VIP['nat'][family], timeout=seconds) for _ in range(count)]
        tap.check(all(answer.body for answer in answers), f'v{family}: {count} requests',
                  [answer.error for answer in answers])


def test_uploads(tap, lab, count, seconds):
    for family in config.FAMILIES:
        answers = [post(lab.client, VIP['nat'][family], b'x' * BODY_BYTES, timeout=seconds)
                   for _ in range(count)]
        tap.check(all(answer.server for answer in answers),
                  f'v{family}: {count} uploads of {BODY_BYTES} bytes',
                  [answer.error for answer in answers])


def test_server_first(tap, lab):
    for family in config.FAMILIES:
        pairs = [greet(lab, family, PARSED, 10) for _ in range(10)]
        tap.check(all(seen == wanted for seen, wanted in pairs),
                  f'v{family}: 10 greetings, each for its client', pairs[:3])


def test_no_delay(tap, lab):
    """A window that only a timer opened would cost 200 ms."""
    for family in config.FAMILIES:
        times = sorted(curl(lab, family, 10) for _ in range(5))
        tap.check(times[0] < 0.15, f'v{family}: curl is answered at once', times)


def test_refusal(tap, lab):
    for family in config.FAMILIES:
        with lab.client.entered():
            connection = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
        with connection:
            connection.settimeout(5)
            connection.connect((VIP['nat'][family], CLOSED))
            try:
                said = connection.recv(1)
            except OSError as error:
                said = error
        tap.check(isinstance(said, ConnectionError), f'v{family}: a refusal resets the client', said)


def flood(lab):
    """SYNs from addresses that never answer."""
    program = ('import random, sys\nfrom scapy.all import IP, TCP, conf, send\n'
               'conf.verb = 0\n'
               f'packets = [IP(src=f"192.0.2.{{random.randrange(130, 250)}}", dst="{VIP["nat"][4]}") /'
               ' TCP(sport=random.randrange(1024, 65536), dport=80, seq=random.randrange(1 << 32))'
               ' for _ in range(1000)]\n'
               f'send(packets, count=1, loop=0, iface="eth0")\n')
    lab.client.run('/usr/bin/python3', '-c', program, timeout=120)


def test_flood(tap, lab):
    before = verdict_count(lab, 'replied_syn_cookie')
    inserted = flows_inserted(lab)
    thread = threading.Thread(target=flood, args=(lab,))
    thread.start()
    times = [curl(lab, 4, 10) for _ in range(10)]
    thread.join()
    wait_until(lambda: verdict_count(lab, 'replied_syn_cookie') - before >= 900, 20,
               'the flood is answered by cookies')
    tap.check(None not in times, 'requests are answered in a flood of SYNs', times)
    tap.check(flows_inserted(lab) - inserted < 100, 'the flood leaves no flow behind')


def flows_inserted(lab):
    return {counter['name']: counter['count']
            for counter in lab.sluice.api('/v1/counters')['flow_table']}['flows_inserted']


def test_services(tap, lab):
    said = lab.sluice.ctl('services').stdout
    tap.check('nat, proxy v2, cookies always' in said, 'services names both', said)


def closed_service(family):
    pool = ', '.join(f'"{source}"' for source in topology.SOURCE_POOL[family])
    return (f'[[service]]\nname = "closed-v{family}"\nvip = "{VIP["nat"][family]}"\n'
            f'port = {CLOSED}\nforward = "nat"\nsource_pool = [{pool}]\nsyn_cookies = "always"\n' +
            config.backend_text('s1', topology.SERVER['s1'][family], 9) + '\n')


def test_all(tap, lab):
    servers = []
    try:
        servers += [Servers(lab, name) for name in topology.SERVERS]
        harness.run_steps(tap, [test_requests, test_uploads], lab, 10, 10)
        harness.run_steps(tap, [test_server_first, test_no_delay, test_refusal, test_flood,
                                test_services], lab)
        lose_packets(lab, 2)
        harness.run_steps(tap, [test_requests, test_uploads], lab, 20, 60)
    finally:
        for server in servers:
            server.stop()


if __name__ == '__main__':
    harness.main(test_all, text=config_text('syn_cookies = "always"\n') +
                 ''.join(closed_service(family) for family in config.FAMILIES))
