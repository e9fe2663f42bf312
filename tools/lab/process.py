"""Child processes whose output goes to a log file."""

import contextlib
import os
import signal
import subprocess
import time


class CommandError(Exception):
    """A command of the laboratory that failed: what was run and what it said."""


def run(*command, check=True, text_in=None, timeout=60):
    """Runs a command to its end; gives the CompletedProcess with text output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          input=text_in, timeout=timeout)
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise CommandError(f'{" ".join(map(str, command))}: exit status {done.returncode}: {said}')
    return done


def wait_until(true_now, seconds, what, interval=0.02):
    """Waits for a condition and gives its value; CommandError says what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = true_now()
        if value:
            return value
        if time.monotonic() > deadline:
            raise CommandError(f'{what}: not within {seconds} s')
        time.sleep(interval)


def tail(path, lines=20):
    """The last lines of a log file; an empty list when there is none."""
    try:
        return path.read_text(errors='replace').splitlines()[-lines:]
    except OSError:
        return []


class Process:
    """A daemon that we started and that ends with us at the latest."""

    def __init__(self, name, command, log_path):
        self.name = name
        self.log_path = log_path
        with open(log_path, 'ab') as log:
            # A session of its own: Ctrl-C reaches us alone, and we end the others in order.
            self._child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

    @property
    def pid(self):
        return self._child.pid

    @property
    def exit_status(self):
        """None while it runs."""
        return self._child.poll()

    def is_running(self):
        return self._child.poll() is None

    def signal(self, number):
        if self.is_running():
            self._child.send_signal(number)

    def kill(self):
        """kill -9 of the process and its children, all gone when this returns."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()

    def stop(self, seconds=5):
        """SIGTERM, then kill -9; gives the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._child.returncode

    def require_running(self):
        if not self.is_running():
            raise CommandError(f'{self.name} ended with status {self.exit_status}; '
                               f'its log is {self.log_path}')
