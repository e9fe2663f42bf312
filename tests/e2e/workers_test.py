#!/usr/bin/python3
"""Two workers: each has its share of the flows, and NAT's answers find the one with the session."""

import harness

from lab import config
from lab.traffic import send_requests

DRIVER = 'af_packet'  # spreads flows over queues on any interface
REQUESTS_EACH = 40
TEXT = (config.dataplane_text(cores=sorted(config.CORES)[-2:]) +
        config.ports_text(DRIVER, queues=2) +
        ''.join(config.service_text(flavour) for flavour in config.FLAVOURS))


def verdicts(lab):
    return {entry['name']: entry['count']
            for entry in lab.sluice.ask('counters', '--all')['verdicts']}


def test_shares(tap, lab):
    for flavour in config.FLAVOURS:
        tally = send_requests(lab.client, flavour.vip, REQUESTS_EACH)
        tap.equal(tally.answered, REQUESTS_EACH, f'{flavour.name}: every request is answered')
    bursts = [worker['bursts'] for worker in lab.sluice.ask('counters')['workers']]
    tap.check(len(bursts) == 2 and min(bursts) > 0, 'both workers had packets', bursts)
    seen = verdicts(lab)
    # The fan-out knows nothing of our arithmetic, so about half of the answers meet the other one.
    tap.check(seen['handed_over'] > 0, 'answers were handed over', seen)
    tap.equal(seen['drop_nat_unknown_flow'], 0, 'none was lost on the way')
    tap.equal(seen['drop_hand_over_full'], 0, 'no queue between workers was full')


if len(config.CORES) < 2:
    print('1..0 # SKIP needs two cores')
else:
    harness.main(test_shares, text=TEXT, driver=DRIVER)
