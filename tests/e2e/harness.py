"""What the end-to-end tests share: the laboratory, and results in TAP for meson."""

import argparse
import pathlib
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tools'))

from lab import preflight
from lab.lab import Lab
from lab.process import tail

LOG_LINES = 15


class Tap:
    """Prints one line a check; the plan comes last."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, is_so, what, detail=''):
        """One result; `detail` says what was seen when it is not so."""
        self.count += 1
        print(f'{"ok" if is_so else "not ok"} {self.count} - {what}', flush=True)
        if not is_so:
            self.failed += 1
            self.note(detail)
        return bool(is_so)

    def equal(self, seen, wanted, what):
        return self.check(seen == wanted, what, f'seen {seen!r}, wanted {wanted!r}')

    def note(self, text):
        for line in str(text).splitlines():
            print(f'# {line}', flush=True)


def show_logs(tap, log_dir):
    for log in sorted(log_dir.glob('*.log')):
        tap.note(f'--- the end of {log.name}')
        tap.note('\n'.join(tail(log, LOG_LINES)))


def parse_build_dir():
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build')
    return parser.parse_args().build


def fit_driver(driver):
    """Says in TAP why nothing runs here, and ends; nothing when it can run."""
    try:
        preflight.require_root()
        preflight.require_kernel(driver)
    except preflight.Unfit as unfit:
        print(f'1..0 # SKIP {unfit}')
        sys.exit(0)


def run_steps(tap, steps, *arguments):
    """Calls each function; an exception is a failed check and the next function follows."""
    for step in steps:
        try:
            step(tap, *arguments)
        except Exception:
            tap.check(False, f'{step.__name__} runs to its end', traceback.format_exc())


def finish(tap):
    print(f'1..{tap.count}', flush=True)
    sys.exit(1 if tap.failed else 0)


def main(*steps, text=None, driver='af_xdp', start=True, build=None):
    """Runs the steps, each called with (tap, lab), in one laboratory, and ends the process."""
    fit_driver(driver)
    tap = Tap()

    def in_lab(tap):
        with Lab(build or parse_build_dir(), driver) as lab:
            try:
                if start:
                    lab.start(text)
                run_steps(tap, steps, lab)
                if tap.failed:
                    show_logs(tap, lab.log_dir)
            except BaseException:
                show_logs(tap, lab.log_dir)
                raise

    run_steps(tap, [in_lab])
    finish(tap)
