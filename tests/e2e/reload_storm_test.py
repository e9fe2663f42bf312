#!/usr/bin/python3
"""Ten configurations a second, some of them broken, while requests and downloads go on."""

import pathlib
import random
import time

import harness

from lab import config
from lab.traffic import Download, Traffic

STORM_SECONDS = 15
APPLIES_PER_SECOND = 10
TARGETS = {flavour.name: (flavour.vip, 80) for flavour in config.FLAVOURS}
# A service that comes and goes, and costs the others nothing.
VISITOR = '''[[service]]
name    = "visitor"
vip     = "203.0.113.99"
port    = {ports}
  [[service.backend]]
  name    = "s1"
  address = "192.0.2.81"
  weight  = {weight}
'''


def draw_text(seed):
    """One configuration in which the lab's services keep their servers, at other weights."""
    text = config.full_text()
    for server in ('192.0.2.81', '2001:db8:b::82'):
        line = f'  address = "{server}"\n'
        text = text.replace(line, line + f'  weight  = {seed.randint(1, 9)}\n')
    if seed.random() < 0.5:
        ports = seed.sample(range(1000, 2000), seed.randint(1, 20))
        text += VISITOR.format(ports=ports, weight=seed.randint(1, 100))
    if seed.random() < 0.2:
        text = text.replace('forward  = "nat"', 'forward  = "nut"', 1)
    return text


def resident_kib(process):
    """VmRSS, or 0 under the address sanitizer, whose quarantine keeps what was freed."""
    if 'asan' in pathlib.Path(f'/proc/{process.pid}/maps').read_text():
        return 0
    status = pathlib.Path(f'/proc/{process.pid}/status').read_text()
    return int(status.split('VmRSS:')[1].split()[0])


def storm(lab, seed):
    """Applies until the time is up; gives how many were put in force, refused, and neither."""
    applied = refused = 0
    strange = []
    due = time.monotonic()
    end = due + STORM_SECONDS
    while due < end:
        time.sleep(max(0, due - time.monotonic()))
        due += 1 / APPLIES_PER_SECOND
        text = draw_text(seed)
        answer = lab.sluice.api('/v1/apply', 'POST', text)
        is_broken = '"nut"' in text
        if is_broken and answer.get('errors'):
            refused += 1
        elif not is_broken and not answer.get('errors'):
            applied += 1
        else:
            strange.append(answer)
    return applied, refused, strange


def test_storm(tap, lab):
    number = random.SystemRandom().randrange(1 << 32)
    tap.note(f'seed {number}')
    lab.sluice.wait_until_all('up')
    daemons = (lab.sluice.control, lab.sluice.dataplane)
    before = [resident_kib(daemon) for daemon in daemons]
    downloads = [Download(lab.client, flavour.vip) for flavour in config.FLAVOURS]
    with Traffic(lab.client, TARGETS, rate=10) as traffic:
        applied, refused, strange = storm(lab, random.Random(number))
    tap.check(not strange, f'{applied} configurations were put in force and {refused} refused',
              strange[:2])
    tap.check(applied + refused >= STORM_SECONDS * APPLIES_PER_SECOND * 0.9 and applied and refused,
              'there were about ten a second')
    failures = traffic.failures()
    tap.check(not failures, f'none of {len(traffic.answers())} requests failed',
              [f'{name}: {answer.error}' for name, answer in failures[:5]])
    for flavour, download in zip(config.FLAVOURS, downloads):
        download.join(60)
        tap.check(download.sha256 == lab.big_sha256,
                  f'{flavour.name}: the download went on, all of its {download.length_bytes} bytes',
                  download.error)
    lab.sluice.wait_until_in_sync()
    tap.check(all(daemon.is_running() for daemon in daemons), 'both daemons are still the same')
    after = [resident_kib(daemon) for daemon in daemons]
    tap.note(f'resident KiB before {before}, after {after}')
    tap.check(all(now < then + 65536 for then, now in zip(before, after)),
              'neither has grown by more than 64 MiB')


if __name__ == '__main__':
    harness.main(test_storm)
