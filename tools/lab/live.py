"""The part of the demo that stays: traffic, a line a second of who answers, and things to try."""

import collections
import shlex
import time

from lab import config, report
from lab.topology import SERVERS
from lab.traffic import Traffic

RATE = 10      # requests a second to each of six services
VICTIM = 's3'


def commands(lab):
    """[(what it shows, command line)] for another terminal, as root."""
    flavours = {flavour.name: flavour for flavour in config.FLAVOURS}
    server = lab.servers[VICTIM]
    vip = flavours['ipip-v4'].vip
    return [
        ('two short names, first', f'client() {{ {shlex.join(lab.client.wrap())} "$@"; }}'),
        ('', f'ctl() {{ {shlex.join(lab.sluice.command())} "$@"; }}'),
        ('ask as the client', f'client curl -s http://{vip}/'),
        ('the same over IPv6', f'client curl -s "http://[{flavours["nat-v6"].vip}]/"'),
        ('what the balancer says', 'ctl status; ctl services; ctl backends'),
        ('why a packet goes where', f'ctl explain tcp 198.51.100.2:40000 {vip}:80'),
        ('take a server out, gently', 'ctl drain ipip-v4 s1'),
        ('and in again', 'ctl enable ipip-v4 s1'),
        ('edit, see the plan, apply', f'cp {lab.sluice.config_path} my.toml; '
                                      '"${EDITOR:-nano}" my.toml; ctl plan my.toml'),
        ('', 'ctl apply my.toml'),
        (f'kill server {VICTIM}', f'kill -9 -- -{server.process.pid}'),
        ('bring it back', f'setsid {shlex.join(server.command())} &'),
        ('see the tunnels', f'{shlex.join(lab.topology.router.wrap())} tcpdump -ni lan0 '
                            'ip proto 4 or ip6 proto 41'),
    ]


def show(lab):
    report.heading('It stays up. In another terminal, as root:')
    for what, command in commands(lab):
        report.say(f'  {what:<26} {command}')
    report.heading('Who answers, each second (Ctrl-C ends it and removes everything)')
    report.say(report.paint('  time      answered  lost' +
                            ''.join(f'{name:>7}' for name in SERVERS), report.DIM))
    targets = {flavour.name: (flavour.vip, 80) for flavour in config.FLAVOURS}
    with Traffic(lab.client, targets, rate=RATE) as traffic:
        while True:
            time.sleep(1)
            print_second(traffic.take())


def print_second(answers):
    by_server = collections.Counter(answer.server for _, answer in answers)
    lost = by_server.pop(None, 0)
    counts = ''.join(f'{by_server[name]:>7}' for name in SERVERS)
    text = f'  {time.strftime("%H:%M:%S")}{len(answers) - lost:>10}{lost:>6}{counts}'
    report.say(report.paint(text, report.RED) if lost else text)
