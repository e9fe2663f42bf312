#!/usr/bin/python3
"""`sluicectl capture`, `trace` and `top` on live traffic."""

import contextlib
import json
import signal
import subprocess
import time

import harness

from lab import config
from lab.process import run, wait_until
from lab.topology import CLIENT
from lab.traffic import get

REQUESTS = 5
CAPTURE_SECONDS = 20
ALSO_REFUSED = 'another capture or trace is running'


class Watching:
    """A sluicectl command that runs while the test goes on."""

    def __init__(self, lab, *arguments):
        self.child = subprocess.Popen(lab.sluice.command(*arguments), stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
        self.lab = lab

    def wait_until_on(self):
        """Until sluiced has begun it; the data plane follows within milliseconds."""
        wait_until(lambda: self.child.poll() is not None or is_busy(self.lab), 20,
                   'the capture is on')
        time.sleep(0.3)
        return self

    def end(self, seconds=60):
        """(exit status, standard output, standard error)"""
        try:
            out, problems = self.child.communicate(timeout=seconds)
        finally:
            self.kill()
        return self.child.returncode, out, problems.decode()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.child.kill()
        self.child.wait()


def is_busy(lab):
    """Whether a capture is running."""
    return lab.sluice.api('/v1/status')['capturing']


def read_pcapng(path, *names):
    """A dict for each frame, by tshark."""
    words = [word for name in names for word in ('-e', name)]
    done = run('tshark', '-n', '-r', path, '-T', 'fields', '-E', 'separator=|', *words)
    return [dict(zip(names, line.split('|'))) for line in done.stdout.splitlines()]


def request(lab, flavour, count=REQUESTS):
    return [get(lab.client, flavour.vip) for _ in range(count)]


def test_capture(tap, lab):
    """SYNs of one service, of all that is sent: each once, with the server that answered."""
    flavour, other = config.FLAVOURS[0], config.FLAVOURS[2]
    path = lab.directory / 'syn.pcapng'
    watching = Watching(lab, 'capture', '-w', path, '--count', REQUESTS, '--seconds',
                        CAPTURE_SECONDS, 'tcp[tcpflags] == tcp-syn and dst host ' +
                        flavour.vip).wait_until_on()
    request(lab, other)
    answers = request(lab, flavour)
    status, _, said = watching.end()
    tap.check(status == 0 and f'{REQUESTS} packets, 0 dropped' in said, 'a capture ends by count', said)
    frames = read_pcapng(path, 'frame.comment', 'ip.dst', 'tcp.srcport', 'frame.interface_name',
                         'frame.packet_flags_direction')
    wanted = {str(answer.port): f'sent_ipip {flavour.name}/{answer.server} out lan0, new flow'
              for answer in answers}
    tap.equal({frame['tcp.srcport']: frame['frame.comment'] for frame in frames}, wanted,
              'tshark shows the wanted packets with their verdicts')
    tap.check(all(frame['frame.interface_name'] == 'wan0' and frame['ip.dst'] == flavour.vip
                  for frame in frames), 'and the port that they came in by', frames)
    tap.check(not is_busy(lab), 'nothing runs after it')


def test_capture_out(tap, lab):
    """--out: the frame as it went out too, tunnel header and all."""
    flavour = config.FLAVOURS[0]
    path = lab.directory / 'out.pcapng'
    watching = Watching(lab, 'capture', '-w', path, '--out', '--count', 1, '--seconds',
                        CAPTURE_SECONDS, 'tcp[tcpflags] == tcp-syn and dst host ' +
                        flavour.vip).wait_until_on()
    answer = get(lab.client, flavour.vip)
    watching.end()
    frames = read_pcapng(path, 'frame.comment', 'frame.interface_name', 'ip.proto', 'frame.len')
    comments = [frame['frame.comment'] for frame in frames]
    tail = f'sent_ipip {flavour.name}/{answer.server} out lan0, new flow'
    tap.equal(comments, [f'came in: {tail}', f'went out: {tail}'], 'a packet in and out')
    tap.check(frames[1]['frame.interface_name'] == 'lan0' and frames[1]['ip.proto'] == '4,6',
              'the second is the tunnel', frames)


def test_pipe(tap, lab):
    """`-w - | tshark -r -` shows packets while they come."""
    flavour = config.FLAVOURS[1]
    watching = Watching(lab, 'capture', '-w', '-', '--count', 3, '--seconds', CAPTURE_SECONDS,
                        'tcp port 80 and host ' + flavour.vip).wait_until_on()
    get(lab.client, flavour.vip)
    status, out, said = watching.end()
    path = lab.directory / 'piped.pcapng'
    path.write_bytes(out)
    tap.check(status == 0 and len(read_pcapng(path, 'frame.comment')) == 3,
              'a capture to standard output', said)


def test_snaplen_and_time(tap, lab):
    flavour = config.FLAVOURS[0]
    path = lab.directory / 'short.pcapng'
    started = time.monotonic()
    watching = Watching(lab, 'capture', '-w', path, '--seconds', 3, '--snaplen', 60,
                        'tcp and host ' + flavour.vip).wait_until_on()
    get(lab.client, flavour.vip)
    status, _, said = watching.end()
    took = time.monotonic() - started
    frames = read_pcapng(path, 'frame.len', 'frame.cap_len')
    tap.check(status == 0 and 'its time is up' in said and 2.5 < took < 15,
              'a capture ends by time', (said, took))
    tap.check(frames and all(int(frame['frame.cap_len']) <= 60 for frame in frames) and
              any(int(frame['frame.len']) > 60 for frame in frames), 'and cuts packets', frames)


def test_one_at_a_time(tap, lab):
    path = lab.directory / 'first.pcapng'
    watching = Watching(lab, 'capture', '-w', path, '--seconds', 60,
                        'ether proto 0xffff').wait_until_on()
    second = lab.sluice.ctl('trace', check=False)
    tap.check(second.returncode == 1 and ALSO_REFUSED in second.stderr,
              'a second one is refused in clear words', second)
    watching.child.send_signal(signal.SIGKILL)
    watching.child.wait()
    wait_until(lambda: not is_busy(lab), 20, 'the data plane is free again')
    tap.check(True, 'one whose sluicectl was killed ends')
    watching = Watching(lab, 'capture', '-w', path, '--seconds', 60,
                        'ether proto 0xffff').wait_until_on()
    watching.child.send_signal(signal.SIGINT)
    status, _, said = watching.end()
    tap.check(status == 0 and 'stopped' in said and not read_pcapng(path, 'frame.len'),
              'Ctrl-C ends one, and its file can be read', said)
    wait_until(lambda: not is_busy(lab), 20, 'the data plane is free again')


def test_wrong_use(tap, lab):
    wrong = lab.sluice.ctl('capture', '-w', '/dev/null', 'tcp prot 80', check=False)
    tap.check(wrong.returncode == 2 and 'syntax error' in wrong.stderr, 'a filter with an error', wrong)
    nowhere = lab.sluice.ctl('capture', '-w', '/nowhere/x', check=False)
    tap.check(nowhere.returncode == 2 and '/nowhere/x' in nowhere.stderr, 'no such directory', nowhere)


def test_trace(tap, lab):
    """A connection's first packets: a new flow, then a known one."""
    for flavour in config.FLAVOURS[0], config.FLAVOURS[3], config.FLAVOURS[4]:
        watching = Watching(lab, '--json', 'trace', '--count', 2, '--seconds', CAPTURE_SECONDS,
                            f'tcp and dst host {flavour.vip} and dst port 80').wait_until_on()
        answer = get(lab.client, flavour.vip)
        status, out, said = watching.end()
        records = [json.loads(line) for line in out.decode().splitlines()]
        seen = [(record['service'], record['backend'], record['flow'], record['verdict'],
                 record['out_port']) for record in records]
        tap.equal(seen, [(flavour.name, answer.server, flow, f'sent_{flavour.forward}', 'lan0')
                         for flow in ('miss', 'hit')], f'{flavour.name}: trace of a connection')
        steps = [record['steps'] for record in records]
        tap.check(status == 0 and len(steps) == 2 and
                  any('does not know this flow' in step for step in steps[0]) and
                  any('knows this flow' in step for step in steps[1]) and
                  any(step.startswith('went out by port lan0') for step in steps[0]),
                  f'{flavour.name}: with the steps in words', (said, steps))


def test_trace_text(tap, lab):
    flavour = config.FLAVOURS[4]
    watching = Watching(lab, 'trace', '--count', 1, '--seconds', CAPTURE_SECONDS,
                        'tcp src port 8080 or src port 80').wait_until_on()
    answer = get(lab.client, flavour.vip)
    _, out, said = watching.end()
    text = out.decode()
    tap.check(text.startswith(f'packet 1: sent_nat_return {flavour.name}/{answer.server}, known flow')
              and CLIENT[4] in text, 'the answer of a nat server, as text', text + said)


def test_top(tap, lab):
    flavour = config.FLAVOURS[0]
    watching = Watching(lab, '--json', 'top', '--once', '--interval', 2)
    for _ in range(20):
        get(lab.client, flavour.vip)
        time.sleep(0.1)
    status, out, said = watching.end()
    rates = json.loads(out)
    flows = sum(backend['flows_per_second'] for backend in rates['backends'])
    workers = rates['workers']
    tap.check(status == 0 and flows > 0 and workers[0]['packets_per_second'] > 0 and
              0 < workers[0]['busy_percent'] < 100 and
              any(verdict['name'] == 'sent_ipip' for verdict in rates['verdicts']),
              '`top --once --json` has rates', (rates, said))
    text = lab.sluice.ctl('top', '--once').stdout
    tap.check('SERVICE/BACKEND' in text and 'BUSY' in text and '\x1b' not in text,
              '`top --once` is a table', text)
    watching = Watching(lab, 'top')
    time.sleep(2.5)
    watching.child.send_signal(signal.SIGINT)
    status, out, said = watching.end()
    tap.check(status == 0 and out.decode().count('WORKER') >= 1 and not said,
              'Ctrl-C ends `top`', (status, said))


def test_data_plane_dies(tap, lab):
    path = lab.directory / 'last.pcapng'
    watching = Watching(lab, 'capture', '-w', path, '--seconds', 60,
                        'ether proto 0xffff').wait_until_on()
    lab.sluice.dataplane.kill()
    status, _, said = watching.end()
    tap.check(status == 1 and 'the data plane is gone' in said, 'a capture says when it is cut off', said)
    lab.sluice.start_dataplane()
    lab.sluice.wait_until_in_sync()


if __name__ == '__main__':
    harness.main(test_capture, test_capture_out, test_pipe, test_snaplen_and_time,
                 test_one_at_a_time, test_wrong_use, test_trace, test_trace_text, test_top,
                 test_data_plane_dies)
