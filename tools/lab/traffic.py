"""What the client does: HTTP requests, steady traffic, downloads, datagrams and pings."""

import collections
import contextlib
import hashlib
import http.client
import socket
import threading
import time

REQUEST_SECONDS = 3  # long enough for one lost SYN, which is sent again after a second


class Answer:
    """How one request went. `server` is None when it failed, and `error` says how."""

    def __init__(self, started, server=None, body=b'', error=None, port=0):
        self.started = started
        self.ended = time.monotonic()
        self.server = server
        self.body = body
        self.error = error
        self.port = port  # the client's


class Connection(http.client.HTTPConnection):
    """HTTP over a socket of the client's namespace."""

    def __init__(self, client, host, port, timeout=REQUEST_SECONDS, source=None):
        super().__init__(host, port, timeout=timeout, source_address=source)
        self._client = client

    def connect(self):
        with self._client.entered():
            super().connect()


def get(client, host, path='/', port=80, timeout=REQUEST_SECONDS, source=None):
    """One request over a connection of its own. `source` is the client's (address, port)."""
    started = time.monotonic()
    connection = Connection(client, host, port, timeout, source)
    try:
        connection.request('GET', path, headers={'Connection': 'close'})
        local_port = connection.sock.getsockname()[1]
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            return Answer(started, error=f'HTTP status {reply.status}')
        return Answer(started, reply.headers.get('X-Server'), body, port=local_port)
    except (OSError, http.client.HTTPException) as error:
        return Answer(started, error=f'{type(error).__name__}: {error}')
    finally:
        connection.close()


def post(client, host, content, port=80, timeout=30):
    """Uploads content; gives the Answer."""
    started = time.monotonic()
    connection = Connection(client, host, port, timeout)
    try:
        connection.request('POST', '/upload', content, {'Connection': 'close'})
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            return Answer(started, error=f'HTTP status {reply.status}')
        return Answer(started, reply.headers.get('X-Server'), body)
    except (OSError, http.client.HTTPException) as error:
        return Answer(started, error=f'{type(error).__name__}: {error}')
    finally:
        connection.close()


class Tally:
    """Counts answers by server and keeps the failures."""

    def __init__(self):
        self.by_server = collections.Counter()
        self.failures = []
        self.sent = 0

    def add(self, answer):
        self.sent += 1
        if answer.server is None:
            self.failures.append(answer)
        else:
            self.by_server[answer.server] += 1

    @property
    def answered(self):
        return self.sent - len(self.failures)


def send_requests(client, host, count, port=80):
    """So many requests one after the other."""
    tally = Tally()
    for _ in range(count):
        tally.add(get(client, host, port=port))
    return tally


class Traffic:
    """Steady requests, each over a new connection: one thread a target. Use it as a context."""

    def __init__(self, client, targets, rate=30):
        self._client = client
        self._targets = targets  # {name: (host, port)}
        self._pause = 1 / rate   # seconds between the starts of two requests to one target
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._answers = []       # (target, Answer)
        self._threads = [threading.Thread(target=self._work, args=(name, *target), daemon=True)
                         for name, target in targets.items()]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, name, host, port):
        self._client.enter()
        due = time.monotonic()
        while not self._stop.wait(max(0, due - time.monotonic())):
            due = max(due + self._pause, time.monotonic() - 1)
            answer = get(self._client, host, port=port)
            with self._lock:
                self._answers.append((name, answer))

    def answers(self):
        """Everything so far, in order of completion."""
        with self._lock:
            return list(self._answers)

    def take(self):
        """What came since the last call, and forgets it: for traffic without end."""
        with self._lock:
            taken, self._answers = self._answers, []
        return taken

    def tallies(self, since=0, before=float('inf')):
        """{target: Tally} of requests that started in this time."""
        out = {name: Tally() for name in self._targets}
        for name, answer in self.answers():
            if since <= answer.started < before:
                out[name].add(answer)
        return out

    def failures(self, since=0, before=float('inf')):
        return [(name, answer) for name, answer in self.answers()
                if answer.error and since <= answer.started < before]


class Download(threading.Thread):
    """The big file over one long connection."""

    def __init__(self, client, host, path='/big', port=80):
        super().__init__(daemon=True)
        self._connection = Connection(client, host, port, timeout=10)
        self._connection.request('GET', path, headers={'Connection': 'close'})
        self._reply = self._connection.getresponse()
        self.server = self._reply.headers.get('X-Server')
        self.length_bytes = int(self._reply.headers.get('Content-Length', 0))
        self.received_bytes = 0
        self.sha256 = None
        self.error = None
        self.start()

    def run(self):
        digest = hashlib.sha256()
        try:
            while chunk := self._reply.read1(65536):
                digest.update(chunk)
                self.received_bytes += len(chunk)
            self.sha256 = digest.hexdigest()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.error = f'{type(error).__name__}: {error}'
        finally:
            self._connection.close()

    def abandon(self):
        """Cuts the connection."""
        with contextlib.suppress(OSError, AttributeError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)


def download_from_other_than(client, host, server, port=80, tries=50):
    """A download that some other server than this one serves."""
    for _ in range(tries):
        download = Download(client, host, port=port)
        if download.server != server:
            return download
        download.abandon()
    raise RuntimeError(f'{host}: {tries} connections, all to {server}')


def ask_echo(client, host, text, port=7, timeout=REQUEST_SECONDS, tries=3):
    """Sends a datagram; gives the server's name, or None. A lost one is sent again."""
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    with client.entered():
        asking = socket.socket(family, socket.SOCK_DGRAM)
    with asking:
        asking.connect((host, port))
        asking.settimeout(timeout / tries)
        for _ in range(tries):
            try:
                asking.send(text)
                name, _, echoed = asking.recv(65536).partition(b' ')
                return name.decode() if echoed == text else None
            except OSError:
                continue
    return None


def ping(client, host, count=5):
    """How many of so many pings are answered."""
    done = client.run('ping', '-n', '-c', count, '-i', '0.2', '-W', 1, host, check=False)
    return done.stdout.count(' bytes from ')
