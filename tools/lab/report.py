"""What the demo prints: short sentences and aligned tables."""

import sys

from lab.process import tail
from lab.topology import SERVERS

BOLD, GREEN, RED, DIM = '1', '32', '31', '2'


def paint(text, code):
    return f'\033[{code}m{text}\033[0m' if sys.stdout.isatty() else text


def say(text=''):
    print(text, flush=True)


def error(text):
    print(f'tools/demo: {text}', file=sys.stderr, flush=True)


def heading(text):
    say()
    say(paint(text, BOLD))


def laboratory(lab):
    say(f'laboratory   client -- router -- balancer ({lab.driver}) -- servers {", ".join(SERVERS)}')
    say(f'logs         {lab.log_dir}')


def ready(lab, seconds):
    status = lab.sluice.status()
    counts = status['counts']
    say(f'balancer     {counts["services"]} services, {counts["backends"]["up"]} backends up, '
        f'after {seconds:.1f} s')
    for note in status['data_plane']['notes']:
        say(f'note         {note}')


def tally_header():
    say(paint('  service    VIP               sent  answered' +
              ''.join(f'{name:>6}' for name in SERVERS), DIM))


def tally_row(flavour, tally):
    counts = ''.join(f'{tally.by_server[name]:>6}' for name in SERVERS)
    answered = f'{tally.answered:>10}'
    if tally.failures:
        answered = paint(answered, RED)
    say(f'  {flavour.name:<9}  {flavour.vip:<15}  {tally.sent:>5}{answered}{counts}')
    if tally.failures:
        say(f'    the first failure: {tally.failures[0].error}')


def failover(victim, seen):
    fact('time to detection', f'{seen.detection_seconds:.2f} s', 'in all six services')
    fact('lost before it', seen.lost_before, f'of {seen.sent_before} requests')
    fact('lost after it', seen.lost_after, f'of {seen.sent_after} requests')
    fact('back in use', f'{seen.return_seconds:.2f} s', 'after its restart')
    fact(f'answered by {victim} since', seen.answered_by_victim, 'requests')


def fact(what, value, rest):
    say(f'  {what:<26}{value:>8}  {rest}')


def downloads(all_of_them, whole):
    size = sum(download.length_bytes for download in all_of_them.values()) / len(all_of_them)
    fact('downloads unbroken', whole,
         f'of {len(all_of_them)}, {size / (1 << 20):.0f} MiB each, checksums compared')
    for flavour, download in all_of_them.items():
        if download.error or download.sha256 is None:
            say(f'    {flavour.name} from {download.server}: {download.received_bytes} of '
                f'{download.length_bytes} bytes: {download.error or "not finished in time"}')


def summary(checks):
    """Prints the verdicts; whether all of them are good."""
    heading('Summary')
    for what, is_so in checks:
        say(f'  {what:<46} {paint("ok", GREEN) if is_so else paint("FAILED", RED)}')
    return all(is_so for _, is_so in checks)


def failure(problem, log_dir):
    """What went wrong, and the end of the logs that say why."""
    say()
    error(str(problem))
    for log in sorted(log_dir.glob('*.log')):
        lines = tail(log, 12)
        if lines:
            print(f'--- {log}', *lines, sep='\n', file=sys.stderr)
    kept_logs(log_dir)


def kept_logs(log_dir):
    print(f'The logs stay in {log_dir}.', file=sys.stderr, flush=True)


def removed():
    say('\nEverything is removed.')
