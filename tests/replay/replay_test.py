#!/usr/bin/python3
"""sluice-replay: the golden packets come out as golden, and every broken input has one clear answer."""

import os
import pathlib
import random
import shutil
import struct
import sys
import tempfile

from captures import Run, pcap, pcapng

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'e2e'))

import harness

BUILD = harness.parse_build_dir()
REPLAY = BUILD / 'tools' / 'replay' / 'sluice-replay'
CTL = BUILD / 'tools' / 'sluicectl' / 'sluicectl'

NET = {'ipv4': '10.0.1.', 'ipv6': '2001:db8:1::'}
OWN = {'ipv4': ('203.0.113.10', '10.0.1.254', '10.0.1.253'),
       'ipv6': ('2001:db8::10', '2001:db8:1::fe', '2001:db8:1::fd')}


def config_of(service, backends=1):
    """The golden suite's service (tests/core/sample_config.h) as the operator writes it."""
    vip = OWN[service['vip']][0]
    is_local = service['forward'] == 'local'
    port = '' if service['protocol'] == 'any' else 'port = 80\n'
    text = f'''[[port]]
name = "wan0"
driver = "vdev"
device = "net_null0"
kernel_tap = {str(is_local).lower()}
[[service]]
name = "web"
vip = "{vip}"
{port}protocol = "{service['protocol']}"
forward = "{service['forward']}"
slots = 1021
idle_timeout = "{service.get('idle', '15m')}"
'''
    if service['forward'] == 'nat':
        text += f'source_pool = "{OWN[service["backend"]][2]}"\n'
    for key in ('gue_variant', 'gue_port', 'tunnel_ttl', 'tunnel_dscp', 'tunnel_source', 'l3dsr_dscp',
                'mss_clamp', 'on_death', 'proxy_protocol'):
        if key in service:
            value = service[key] if service[key].isdigit() else f'"{service[key]}"'
            text += f'{key} = {value}\n'
    for number in range(1, 1 if is_local else backends + 1):
        text += (f'[[service.backend]]\nname = "b{number}"\n'
                 f'address = "{NET[service["backend"]]}{number}"\n')
    return text


def paths_of(service, backends=1):
    source = OWN[service['backend']][1]
    return ''.join(f'''[[path]]
destination = "{NET[service['backend']]}{number}"
port = "wan0"
source = "{source}"
source_mac = "02:00:00:00:00:02"
next_hop_mac = "02:00:00:00:01:{number:02x}"
mtu = {service['mtu']}
''' for number in range(1, backends + 1))


def read_golden(path):
    """The service of a golden file, its packets (name, in, verdict, out or None), and how many of them
    come before the death of the backend."""
    service, packets, alive = None, [], None
    for line in path.read_text().splitlines():
        key, _, value = line.partition(' ')
        if key == 'service':
            service = dict(word.split('=') for word in value.split())
        elif key == 'packet':
            packets.append({'name': value, 'out': None})
        elif key in ('in', 'out'):
            packets[-1][key] = bytes.fromhex(value)
        elif key == 'verdict':
            packets[-1][key] = value
        elif key == 'death':
            alive = len(packets)
    return service, packets, len(packets) if alive is None else alive


TCP = {'forward': 'ipip', 'vip': 'ipv4', 'backend': 'ipv4', 'protocol': 'tcp', 'mtu': '1500'}
FRAME = next(packet['in'] for packet in
             read_golden(ROOT / 'tests/golden/packets/ipip_4_in_4_tcp.txt')[1]
             if packet['verdict'] == 'sent_ipip')


def with_port(port):
    """FRAME from another client port: another flow."""
    return FRAME[:34] + struct.pack('>H', port) + FRAME[36:]


def run(capture, *options, config=None, backends=1, command=(REPLAY,), folder=None, then=(),
        **more):
    with tempfile.TemporaryDirectory(prefix='sluice-replay-') as own:
        text = config if config is not None else config_of(TCP, backends)
        out = Run(command, folder or own, [(text, capture), *then], *options, **more)
        out.frames = out.sent if out.out_file.exists() and out.status == 0 else []
        return out


def outcomes(seen):
    """The verdict and the sent frame, or None, of each packet. A fragment that was held has a second
    record, when it goes on: that one is left out."""
    frames, out = iter(seen.frames), {}
    for each in seen.json['each']:
        frame = next(frames).hex() if each['out_bytes'] else None
        out.setdefault(each['packet'], (each['verdict'], frame))
    return list(out.values())


def golden_packets_come_out_as_golden(tap):
    files = sorted((ROOT / 'tests/golden/packets').glob('*.txt'))
    tap.check(len(files) >= 20, 'the golden packets are there', files)
    for path in files:
        service, packets, alive = read_golden(path)
        config, frames = config_of(service), [packet['in'] for packet in packets]
        heir = [(config.replace('"b1"', '"heir"'), pcap(frames[alive:]))]
        seen = run(pcap(frames[:alive]), '--json', '--each', config=config, paths=paths_of(service),
                   then=heir if alive < len(frames) else ())
        if not tap.check(seen.status == 0, f'{path.stem}: runs', seen.errors):
            continue
        verdicts, sent = zip(*outcomes(seen))
        tap.equal(list(verdicts), [packet['verdict'] for packet in packets], f'{path.stem}: verdicts')
        wanted = [packet['out'] and packet['out'].hex() for packet in packets]
        tap.equal(list(sent), wanted, f'{path.stem}: bytes')


def a_held_fragment_keeps_its_number(tap):
    path = ROOT / 'tests/golden/packets/ipip_4_udp_fragments.txt'
    service, packets, _ = read_golden(path)
    json = run(pcap([packet['in'] for packet in packets]), '--json', '--each',
               config=config_of(service)).json
    early = [each['packet'] for each in json['each'] if each['verdict'] == 'held_fragment'][0]
    told = [each['verdict'] for each in json['each'] if each['packet'] == early]
    tap.equal(told, ['held_fragment', 'sent_ipip'], 'it has two records')


def counts_agree(tap):
    frames = [with_port(1000 + number % 40) for number in range(120)]
    seen = run(pcap(frames), '--json', '--each', backends=3)
    json = seen.json
    tap.equal((json['packets'], json['sent'], len(seen.frames)), (120, 120, 120), 'packets')
    tap.equal(seen.verdicts, {'sent_ipip': 120}, 'verdicts')
    tap.equal((json['flow_table']['begun'], json['flow_table']['known']), (40, 80), 'flows')
    per_backend = {each['name']: each['packets'] for each in json['backends']}
    named = [each['backend'] for each in json['each']]
    tap.equal({name: named.count(name) for name in per_backend}, per_backend, 'each and backends')
    tap.check(all(per_backend.values()), 'all backends are used', per_backend)
    hops = [int(frame[5]) for frame in run(pcap(frames), backends=3,
                                           paths=paths_of(TCP, 3)).frames]
    tap.equal([f'b{hop}' for hop in hops], named, 'the frames go where the records say')
    lookups = [each['flow'] for each in json['each']]
    tap.equal(lookups, ['miss'] * 40 + ['hit'] * 80, 'each packet of a known flow is a hit')
    tap.equal(json['listeners'][0]['packets'], 120, 'the listener')


def time_is_the_captures(tap):
    config = config_of({**TCP, 'idle': '10s'})
    for gap, lookup in ((9, 'hit'), (12, 'miss'), (100_000, 'miss'), (-50, 'hit')):
        seen = run(pcap([(1000, FRAME), (1000 + gap, FRAME)]), '--json', '--each', config=config)
        tap.equal(seen.json['each'][1]['flow'], lookup, f'after {gap} s')
    swept = run(pcap([(1000, FRAME), (1100, with_port(9))]), '--json', config=config)
    tap.equal(swept.json['flow_table']['expired'], 1, 'ageing frees a flow that nobody looks up')
    longest = run(pcap([(0, FRAME), (2**31 - 1, FRAME)]), '--json',
                  config=config_of({**TCP, 'idle': '8h'}))
    tap.equal(longest.json['flow_table']['begun'], 2, 'a gap of 68 years')


def backends_that_are_down(tap):
    frames = pcap([with_port(port) for port in range(1000, 1050)])
    seen = run(frames, '--json', '--down', 'web/b1', '--down', 'web/b3', backends=3)
    used = {each['name']: each['packets'] for each in seen.json['backends']}
    tap.equal(used, {'b1': 0, 'b2': 50, 'b3': 0}, '--down, twice')
    states = {'b1': 'up', 'b2': 'down', 'b3': 'down'}
    with tempfile.TemporaryDirectory(prefix='sluice-replay-') as folder:
        live = pathlib.Path(folder) / 'backends.json'
        live.write_text('{"backends": [' + ', '.join(
            f'{{"service": "web", "name": "{name}", "state": "{state}", "path": {{'
            f'"destination": "10.0.1.{name[1]}", "port": "wan0", "source_mac": "02:00:00:00:00:09",'
            f' "next_hop_mac": "02:00:00:00:01:0{name[1]}", "source": "10.0.1.254",'
            f' "next_hop": "10.0.1.{name[1]}", "mtu": 1500}}}}'
            for name, state in states.items()) + ']}')
        seen = run(frames, '--json', '--health', live, '--paths', live, backends=3)
        used = {each['name']: each['packets'] for each in seen.json['backends']}
        tap.equal(used, {'b1': 50, 'b2': 0, 'b3': 0}, 'states of a live balancer')
        tap.equal({frame[:12].hex() for frame in seen.frames}, {'020000000101020000000009'},
                  'paths of a live balancer')
        live.write_text('{"backends": [{"service": "web"}]}')
        for option in ('--health', '--paths'):
            one_message(tap, run(frames, option, live), 1, 'backends[0]', f'a bad file for {option}')
    one_message(tap, run(frames, '--down', 'web/b9'), 1, 'there is no backend "web/b9"',
                'a backend that is not there')
    without = run(frames, '--json', paths='')
    tap.equal(without.verdicts, {'drop_no_path': 50}, 'no path in the file')


def services_without_a_port_to_probe(tap):
    """Where a service has no single port its checks must name one; without checks none is asked for."""
    sctp = FRAME[:23] + b'\x84' + FRAME[24:]
    for listens, frame in (('port = "any"\nprotocol = "tcp"', FRAME),
                           ('port = "79-81"\nprotocol = "tcp"', FRAME),
                           ('protocol = "any"', FRAME), ('port = 80\nprotocol = "sctp"', sctp)):
        config = config_of(TCP, 2).replace('port = 80\nprotocol = "tcp"', listens)
        seen = run(pcap([frame]), '--json', '--down', 'web/b1', config=config)
        if tap.check(seen.status == 0, f'{listens!r} runs', seen.errors):
            used = {each['name']: each['packets'] for each in seen.json['backends']}
            tap.equal(used, {'b1': 0, 'b2': 1}, f'{listens!r} goes to the one that is up')


def a_configuration_takes_over(tap):
    frames = pcap([with_port(port) for port in range(1000, 1060)])
    three = config_of(TCP, 3)
    before = [each['backend'] for each in run(frames, '--json', '--each', config=three).json['each']]
    removed = three[:three.rindex('[[service.backend]]')]
    drained = three + 'drain = true\n'
    for what, new, moved in (('the same', three, 0), ('a removed backend', removed, before.count('b3')),
                             ('a drained one', drained, 0),
                             ('another service', three.replace('"web"', '"www"'), 60),
                             ('another way to forward', three.replace('ipip', 'l2dsr'), 0)):
        json = run(frames, '--json', '--each', config=three, then=[(new, frames)]).json
        after = json['each'][60:]
        tap.equal((json['flow_table']['moved'], json['sent']), (moved, 120), f'{what}: flows that move')
        tap.equal([each['flow'] for each in after].count('hit'), 60 - moved, f'{what}: the others stay')
        stayed = all(now['backend'] == old for now, old in zip(after, before) if now['flow'] == 'hit')
        tap.check(stayed, f'{what}: where they were', after)
    words = run(frames, '--explain', config=three, then=[(removed, frames)]).text
    tap.check('its backend is gone: picked anew' in words and ', moved flow' in words, 'says so', words)
    down = run(frames, '--json', '--down', 'web/b3', config=removed, then=[(three, frames)]).json
    tap.equal(down['flow_table']['moved'], 0, '--down of a backend that only the second one has')
    one_message(tap, run(frames, config=three, then=[('x', frames)]), 1, 'sluice1.toml:1:',
                'the second is bad')
    seen = run(frames, '--in', '/dev/null')
    tap.check(seen.status == 2 and 'one for each --config' in seen.errors, 'a capture too many',
              seen.errors)


def one_message(tap, seen, status, words, what):
    lines = seen.errors.splitlines()
    tap.check(seen.status == status and len(lines) == 1 and words in lines[0], what,
              f'status {seen.status}, {seen.errors}')


def broken_captures(tap):
    good = pcap([FRAME, FRAME])
    one_message(tap, run(b''), 1, 'cannot read the capture', 'a file of 0 bytes')
    one_message(tap, run(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'), 1, 'cannot read the capture', 'no capture')
    one_message(tap, run(pcap([FRAME], link_type=113)), 1, 'not Ethernet', 'another link type')
    cut_off = run(good[:-5], '--json')
    one_message(tap, cut_off, 1, 'the capture is damaged', 'a file that ends in a frame')
    tap.equal(cut_off.json['sent'], 1, 'what came before is replayed')
    tap.check('damaged' in cut_off.json['error'], 'the JSON says so too', cut_off.text)
    listed = run(good[:-5], '--json', '--each')
    tap.equal(len(listed.json['each']), 1, 'the list is whole JSON')
    seen = run(pcap([]), '--json', '--each')
    tap.equal((seen.status, seen.json['packets'], seen.json['each']), (0, 0, []), 'no frames')
    short = run(pcap([(0, FRAME[:40], len(FRAME)), FRAME]), '--json')
    tap.equal((short.status, short.json['cut'], short.verdicts),
              (0, 1, {'drop_truncated': 1, 'sent_ipip': 1}), 'a frame that the capture has cut')
    tiny = run(pcap([FRAME[:length] for length in range(len(FRAME))]), '--json')
    tap.equal((tiny.status, tiny.json['sent'], tiny.json['packets']), (0, 0, len(FRAME)),
              'frames of every shorter length')
    long = run(pcap([FRAME + bytes(65_471 - len(FRAME)), FRAME + bytes(65_472 - len(FRAME)), FRAME]),
               '--json')
    tap.equal((long.status, long.json['too_long'], long.json['sent']), (0, 1, 2), 'a giant frame')
    tap.equal(run(pcapng([FRAME, FRAME]), '--json').json['sent'], 2, 'pcapng')


def damaged(source, data):
    """A copy with a few bytes changed, and sometimes without its end."""
    out = bytearray(data)
    for _ in range(source.randrange(1, 6)):
        out[source.randrange(len(out))] = source.choice((0, 1, 0x7f, 0xff, source.randrange(256)))
    return bytes(out[:source.randrange(len(out))] if source.randrange(4) == 0 else out)


def survives_any_bytes(tap):
    seed = int(os.environ.get('SLUICE_SEED', random.randrange(2**32)))
    tap.note(f'SLUICE_SEED={seed}')
    source = random.Random(seed)
    packets = [packet['in'] for name in ('nat_4_tcp', 'ipip_extensions', 'echo_6')
               for packet in read_golden(ROOT / f'tests/golden/packets/{name}.txt')[1]]
    config = config_of({**TCP, 'forward': 'nat'})
    frames = run(pcap([damaged(source, source.choice(packets)) for _ in range(5_000)]), '--json',
                 config=config)
    tap.equal((frames.status, frames.json['packets']), (0, 5_000), 'damaged frames')
    files = [source.choice((pcap, pcapng))(packets) for _ in range(40)]
    ends = {run(damaged(source, file), '--explain', config=config).status for file in files}
    tap.check(ends <= {0, 1}, 'damaged files', ends)


def files_that_are_not_there_or_wrong(tap):
    one_message(tap, run(pcap([]), '--port', 'lan7'), 1, 'there is no port "lan7"', 'an unknown port')
    one_message(tap, run(pcap([]), config='port = "'), 1, 'sluice.toml:1:', 'a bad configuration')
    good = paths_of(TCP)
    for old, new, words in (
            ('02:00:00:00:00:02', '2', 'paths:5:14: source_mac is no link address'),
            ('10.0.1.254', '2001:db8::1', 'paths:4:10: source 2001:db8::1 is not of the'),
            ('1500', '67', 'paths:7:7: mtu is 67'), ('mtu', 'mtuu', 'paths:7:1: unknown key "mtuu"'),
            ('port = "wan0"\n', '', 'port = "wan0"'), ('mtu = 1500\n', good, 'has a [[path]] already')):
        one_message(tap, run(pcap([]), paths=good.replace(old, new)), 1, words, f'a path with {words}')
    one_message(tap, run(pcap([]), '--paths', '/nonexistent'), 1, 'cannot open', 'no such file')
    one_message(tap, run(pcap([]), '--out', '/nonexistent/out.pcap', out=False), 1,
                'cannot write the capture', 'no such directory')
    with tempfile.TemporaryDirectory(prefix='sluice-replay-') as folder:
        for name in ('in.pcap', 'sluice.toml', 'paths'):
            same = run(pcap([FRAME]), '--out', f'{folder}/{name}', out=False, folder=folder, paths=good)
            one_message(tap, same, 1, 'the output is one of the inputs', f'the output is {name}')
            tap.check((pathlib.Path(folder) / name).stat().st_size > 0, 'and is not touched')
    full = run(pcap([with_port(port) for port in range(1, 5000)]), '--out', '/dev/full', out=False)
    one_message(tap, full, 1, 'No space left', 'a full disk')
    tap.equal(run(pcap([]), '--nonsense').status, 2, 'an unknown option')


def sluicectl_hands_over(tap):
    with tempfile.TemporaryDirectory(prefix='sluice-replay-') as folder:
        shutil.copy(REPLAY, folder)
        shutil.copy(CTL, folder)
        beside = pathlib.Path(folder) / 'sluicectl'
        seen = run(pcap([FRAME]), '--each', command=(beside, '--json', 'replay'))
        tap.equal(seen.json['each'][0]['verdict'], 'sent_ipip', 'found beside sluicectl')
        help_text = run(pcap([]), '--help', command=(beside, 'replay'))
        tap.check(help_text.status == 0 and '--down' in help_text.text, 'its own help', help_text.text)
        (pathlib.Path(folder) / 'sluice-replay').unlink()
        lost = run(pcap([]), command=('/usr/bin/env', 'PATH=/nonexistent', beside, 'replay'))
        one_message(tap, lost, 2, 'cannot run sluice-replay', 'not found')


def explains_in_words(tap):
    seen = run(pcap([FRAME, FRAME, b'\xff' * 12 + b'\x08\x06' + bytes(28)]), '--explain')
    for words in ('packet 1: sent_ipip web/b1, new flow', 'slot ', 'packet 2: sent_ipip web/b1, known flow',
                  'the flow table knows this flow: it stays on b1', 'packet 3: passed_to_kernel',
                  'sent_ipip               2'):
        tap.check(words in seen.text, f'says "{words}"', seen.text)
    steps = run(pcap([FRAME]), '--explain', '--json').json['each'][0]['steps']
    tap.check('203.0.113.10:80/tcp is service web' in steps, 'the steps in JSON', steps)


def runs_as_nobody(tap):
    if os.geteuid() != 0 or shutil.which('setpriv') is None:
        tap.note('not root, or no setpriv: the other checks have shown it')
        return
    with tempfile.TemporaryDirectory(prefix='sluice-replay-') as folder:
        os.chmod(folder, 0o777)
        shutil.copy(REPLAY, folder)
        seen = run(pcap([FRAME]), '--json', folder=folder,
                   command=('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups',
                            '--no-new-privs', f'{folder}/sluice-replay'))
        tap.check(seen.status == 0 and seen.json['sent'] == 1, 'runs as nobody', seen.errors)


def main():
    tap = harness.Tap()
    harness.run_steps(tap, (golden_packets_come_out_as_golden, a_held_fragment_keeps_its_number,
                            counts_agree, time_is_the_captures, backends_that_are_down,
                            services_without_a_port_to_probe, a_configuration_takes_over,
                            broken_captures, survives_any_bytes, files_that_are_not_there_or_wrong,
                            sluicectl_hands_over, explains_in_words, runs_as_nobody))
    harness.finish(tap)


main()
