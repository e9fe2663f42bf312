#!/usr/bin/python3
"""Either daemon dies, in the middle of traffic, and comes back in any order."""

import time

import harness

from lab import config
from lab.process import wait_until
from lab.traffic import Traffic, send_requests

TARGETS = {flavour.name: (flavour.vip, 80) for flavour in config.FLAVOURS}


def first_failures(traffic, since=0):
    return [f'{name}: {answer.error}' for name, answer in traffic.failures(since)[:5]]


def check_all_answer(tap, lab, what, requests=10):
    for flavour in config.FLAVOURS:
        tally = send_requests(lab.client, flavour.vip, requests)
        if tally.failures:
            tap.check(False, what, f'{flavour.name}: {tally.failures[0].error}')
            return
    tap.check(True, what)


def overrides(lab):
    entries = lab.sluice.backends()
    return (entries['ipip-v4', 's1']['drained'], entries['nat-v6', 's2']['weight'])


def test_control_plane_dies(tap, lab):
    lab.sluice.ctl('drain', 'ipip-v4', 's1')
    lab.sluice.ctl('weight', 'nat-v6', 's2', 5)
    tap.equal(overrides(lab), (True, 5), 'overrides are in force')
    with Traffic(lab.client, TARGETS, rate=15) as traffic:
        time.sleep(1)
        lab.sluice.control.kill()
        time.sleep(2)
        tap.check(lab.sluice.dataplane.is_running(), 'the data plane runs on without sluiced')
        tap.check(lab.sluice.status() is None, 'sluiced is really gone')
        lab.sluice.start_control()
        lab.sluice.wait_until_in_sync()
        time.sleep(2)
    tap.check(not traffic.failures(), f'kill -9 of sluiced and its restart: none of '
              f'{len(traffic.answers())} requests failed', first_failures(traffic))
    lab.sluice.wait_until_all('up')
    tap.equal(overrides(lab), (True, 5), 'overrides are kept over the restart')
    reached = send_requests(lab.client, TARGETS['ipip-v4'][0], 60).by_server
    tap.check(reached['s1'] == 0 and len(reached) == 2, 'a drained server stays drained', reached)
    lab.sluice.ctl('enable', 'ipip-v4', 's1')
    lab.sluice.ctl('weight', 'nat-v6', 's2', 'reset')
    tap.equal(overrides(lab), (False, 1), 'overrides are taken back')
    lab.sluice.wait_until_in_sync()


def test_control_plane_returns_to_a_dead_server(tap, lab):
    lab.servers['s3'].kill()
    lab.sluice.wait_until_all('down', 's3')
    with Traffic(lab.client, TARGETS, rate=15) as traffic:
        time.sleep(0.5)
        lab.sluice.control.kill()
        lab.sluice.start_control()
        wait_until(lambda: lab.sluice.status() is not None, 10, 'sluiced answers')
        time.sleep(3)
    tap.check(not traffic.failures(), 'a restart of sluiced does not send traffic to a dead '
              f'server: none of {len(traffic.answers())} requests failed', first_failures(traffic))
    lab.servers['s3'].start()
    lab.sluice.wait_until_all('up')


def is_disconnected(lab):
    status = lab.sluice.status()
    return status is not None and not status['data_plane']['connected'] and not status['in_sync']


def test_data_plane_dies(tap, lab):
    lab.sluice.dataplane.kill()
    killed = time.monotonic()
    wait_until(lambda: is_disconnected(lab), 5, 'the status says that the data plane is gone')
    seconds = time.monotonic() - killed
    tap.check(seconds < 1, f'the death of the data plane is known after {seconds * 1000:.0f} ms')
    done = lab.sluice.ctl('status', check=False)
    tap.equal(done.returncode, 1, '`sluicectl status` says so by its exit status')
    lab.sluice.start_dataplane()
    started = time.monotonic()
    lab.sluice.wait_until_in_sync()
    tap.note(f'in sync {time.monotonic() - started:.2f} s after the start')
    check_all_answer(tap, lab, 'a new data plane gets everything again, and traffic flows')


def test_both_die(tap, lab):
    lab.sluice.control.kill()
    lab.sluice.dataplane.kill()
    lab.sluice.start()
    lab.sluice.wait_until_all('up')
    check_all_answer(tap, lab, 'both killed and started again: traffic flows')


def test_start_orders(tap, lab):
    starts = {'control': lab.sluice.start_control, 'dataplane': lab.sluice.start_dataplane}
    for first, second in (('control', 'dataplane'), ('dataplane', 'control')):
        lab.sluice.stop()
        starts[first]()
        time.sleep(1)
        starts[second]()
        lab.sluice.wait_until_all('up')
        check_all_answer(tap, lab, f'{first} first, {second} a second later: traffic flows')


def test_stop(tap, lab):
    lab.sluice.control.stop()
    lab.sluice.dataplane.stop()
    tap.equal((lab.sluice.control.exit_status, lab.sluice.dataplane.exit_status), (0, 0),
              'SIGTERM ends both daemons with status 0')
    left = sorted(path.name for path in lab.sluice.run_dir.glob('*.sock'))
    tap.equal(left, [], 'no socket is left behind')


if __name__ == '__main__':
    harness.main(test_control_plane_dies, test_control_plane_returns_to_a_dead_server,
                 test_data_plane_dies, test_both_die, test_start_orders, test_stop)
