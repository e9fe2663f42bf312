"""The demo behind tools/demo: every way of forwarding, a server killed and brought back."""

import argparse
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lab import config, live, preflight, report
from lab.lab import Lab, Stopped
from lab.process import CommandError
from lab.topology import SERVERS
from lab.traffic import Traffic, download_from_other_than, send_requests

REQUESTS_EACH = 60
VICTIM = 's3'
SETTLE_SECONDS = 2    # of traffic before the kill, after detection, and after the return
DOWNLOAD_SECONDS = 30
FAILURES = (CommandError, OSError, RuntimeError)


def send_to_all(lab):
    """Act one: requests to every service; {flavour: Tally}."""
    report.heading(f'{REQUESTS_EACH} HTTP requests by each way of forwarding, '
                   'every one over a new connection')
    tallies = {}
    report.tally_header()
    for flavour in config.FLAVOURS:
        tallies[flavour] = send_requests(lab.client, flavour.vip, REQUESTS_EACH)
        report.tally_row(flavour, tallies[flavour])
    return tallies


class Failover:
    """What happened around the death of a server."""

    def __init__(self):
        self.detection_seconds = None
        self.sent_before = self.lost_before = 0  # from the kill to the detection
        self.sent_after = self.lost_after = 0    # from the detection to the return
        self.return_seconds = None
        self.answered_by_victim = 0              # after its return


def kill_and_return(lab):
    """Act two: a server dies under traffic and comes back; (Failover, downloads)."""
    report.heading(f'Server {VICTIM} is killed during traffic; six downloads run on the others')
    out = Failover()
    downloads = {flavour: download_from_other_than(lab.client, flavour.vip, VICTIM)
                 for flavour in config.FLAVOURS}
    targets = {flavour.name: (flavour.vip, 80) for flavour in config.FLAVOURS}
    with Traffic(lab.client, targets, rate=15) as traffic:
        time.sleep(SETTLE_SECONDS)
        killed = time.monotonic()
        lab.servers[VICTIM].kill()
        lab.sluice.wait_until_all('down', VICTIM)
        detected = time.monotonic()
        out.detection_seconds = detected - killed
        time.sleep(SETTLE_SECONDS)
        started = time.monotonic()
        lab.servers[VICTIM].start()
        lab.sluice.wait_until_all('up', VICTIM)
        returned = time.monotonic()
        out.return_seconds = returned - started
        time.sleep(SETTLE_SECONDS)
    out.sent_before, out.lost_before = totals(traffic, killed, detected)
    out.sent_after, out.lost_after = totals(traffic, detected, float('inf'))
    out.answered_by_victim = sum(tally.by_server[VICTIM]
                                 for tally in traffic.tallies(returned).values())
    report.failover(VICTIM, out)
    return out, downloads


def totals(traffic, since, before):
    tallies = traffic.tallies(since, before).values()
    return sum(tally.sent for tally in tallies), sum(len(tally.failures) for tally in tallies)


def finish_downloads(lab, downloads):
    """Act three: the downloads that began before the kill; how many are whole."""
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    for download in downloads.values():
        download.join(max(0, deadline - time.monotonic()))
    whole = sum(download.sha256 == lab.big_sha256 for download in downloads.values())
    report.downloads(downloads, whole)
    return whole


def checks(tallies, failover, downloads, whole):
    """[(what must be, whether it is)]."""
    return [
        ('every request of every flavour answered',
         all(tally.answered == tally.sent for tally in tallies.values())),
        ('all three servers answered, in every flavour',
         all(tally.by_server[name] > 0 for tally in tallies.values() for name in SERVERS)),
        ('no request lost after detection', failover.sent_after > 0 and failover.lost_after == 0),
        ('every download unbroken, checksum right', whole == len(downloads)),
        ('the server is back and answers', failover.answered_by_victim > 0),
    ]


def show_everything(lab, options):
    """The acts in order; whether all was well."""
    began = time.monotonic()
    report.laboratory(lab)
    lab.start()
    report.ready(lab, time.monotonic() - began)
    tallies = send_to_all(lab)
    failover, downloads = kill_and_return(lab)
    whole = finish_downloads(lab, downloads)
    passed = report.summary(checks(tallies, failover, downloads, whole))
    if not options.check:
        live.show(lab)
    return passed


def run(options):
    """Gives the exit status."""
    with Lab(options.build_dir, options.driver) as lab:
        try:
            if show_everything(lab, options):
                return 0
            report.kept_logs(lab.keep_logs())
        except FAILURES as problem:
            report.failure(problem, lab.keep_logs())
        return 1


def parse_options():
    parser = argparse.ArgumentParser(description='the demo behind tools/demo')
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--driver', choices=('af_xdp', 'af_packet'), default='af_xdp')
    parser.add_argument('--build-dir', type=pathlib.Path, default=pathlib.Path('build'))
    return parser.parse_args()


def main():
    options = parse_options()
    # Also where a shell has started us in the background and ignored it for us.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        preflight.require_root()
        preflight.require_kernel(options.driver)
        return run(options)
    except KeyboardInterrupt:
        report.removed()
        return 130 if options.check else 0
    except Stopped as stopped:
        return 128 + stopped.args[0]
    except (preflight.Unfit, *FAILURES) as problem:
        report.error(str(problem))
        return 1


if __name__ == '__main__':
    sys.exit(main())
