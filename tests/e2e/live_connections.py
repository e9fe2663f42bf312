#!/usr/bin/python3
"""Many TCP connections that live long, as two programs: an echo server that says its name, and a
client that holds them, sends a few bytes on each every few seconds and watches that the same server
answers.

    live_connections.py serve NAME PORT
    live_connections.py connect COUNT INTERVAL SOURCE,SOURCE,... VIP:PORT ...

The client prints a JSON line when all connections stand, and another, its report, when its standard
input ends.
"""

import collections
import errno
import json
import os
import select
import socket
import sys
import time

CONNECTING_MAX = 200  # at a time, so that no queue of a server runs over
CONNECT_SECONDS = 60
ECHO_SECONDS_MAX = 30  # beyond several retransmissions: a broken connection
TICK_SECONDS = 0.02
READ_BYTES = 4096
BROKEN_LISTED = 20


def serve(name, port):
    """Echoes each line with the server's name in front."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('0.0.0.0', port))
    listener.listen(4096)
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    clients = {}
    while True:
        for number, _ in poller.poll():
            if number == listener.fileno():
                accept_all(listener, poller, clients)
            elif not echo(clients[number], name):
                poller.unregister(number)
                clients.pop(number).close()


def accept_all(listener, poller, clients):
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        client.setblocking(False)
        clients[client.fileno()] = client
        poller.register(client, select.EPOLLIN)


def echo(client, name):
    """False when the connection is over. The lines are short, so each comes and goes whole."""
    try:
        data = client.recv(READ_BYTES)
        if data:
            client.sendall(b''.join(name.encode() + b' ' + line + b'\n'
                                    for line in data.splitlines()))
        return bool(data)
    except BlockingIOError:
        return True
    except OSError:
        return False


class Connection:
    """One of the client's. `waiting_since` is None while every line has been answered."""

    def __init__(self, number, source, target):
        self.number = number
        self.source = source
        self.target = target
        self.server = None
        self.sent = 0
        self.waiting_since = None
        self.next_send = 0
        self.buffer = b''
        self.socket = None

    def begin(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        # The port is chosen on connecting: one port may serve several targets.
        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        self.socket.bind((self.source, 0))
        self.socket.connect_ex(self.target)

    def label(self):
        try:
            own = '{}:{}'.format(*self.socket.getsockname())
        except OSError:
            own = self.source
        return f'{own} to {self.target[0]}:{self.target[1]} on {self.server}'


class Client:
    """All connections, on one thread."""

    def __init__(self, count, interval, sources, targets):
        self.interval = interval
        self.poller = select.epoll()
        self.by_number = {}
        self.due = collections.deque()  # in order of next_send
        self.broken = []
        self.echoes = 0
        self.slowest = 0
        self.connections = [
            Connection(number, sources[number // len(targets) % len(sources)],
                       targets[number % len(targets)]) for number in range(count)]

    def connect_all(self):
        waiting = collections.deque(self.connections)
        connecting = {}
        deadline = time.monotonic() + CONNECT_SECONDS
        while waiting or connecting:
            if time.monotonic() > deadline:
                sys.exit(f'{len(waiting) + len(connecting)} connections do not come up')
            while waiting and len(connecting) < CONNECTING_MAX:
                connection = waiting.popleft()
                connection.begin()
                connecting[connection.socket.fileno()] = connection
                self.poller.register(connection.socket, select.EPOLLOUT)
            for number, _ in self.poller.poll(0.1):
                connection = connecting.pop(number)
                problem = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if problem != 0:
                    sys.exit(f'cannot connect to {connection.target}: {os.strerror(problem)}')
                self.by_number[number] = connection
                self.poller.modify(number, select.EPOLLIN)

    def schedule_all(self):
        now = time.monotonic()
        for place, connection in enumerate(self.connections):
            connection.next_send = now + self.interval * place / len(self.connections)
            self.due.append(connection)

    def run(self):
        """Until standard input ends, and then until every line is answered or overdue."""
        self.poller.register(sys.stdin.fileno(), select.EPOLLIN | select.EPOLLHUP)
        stopping = False
        while not stopping or any(one.waiting_since for one in self.by_number.values()):
            for number, _ in self.poller.poll(TICK_SECONDS):
                if number == sys.stdin.fileno():
                    self.poller.unregister(number)
                    stopping = True
                elif number in self.by_number:
                    self.read(self.by_number[number])
            self.send_due(stopping)

    def send_due(self, stopping):
        now = time.monotonic()
        while self.due and self.due[0].next_send <= now:
            connection = self.due.popleft()
            if connection.socket is None:
                continue
            if connection.waiting_since is None:
                if not stopping:
                    self.send(connection, now)
            elif now - connection.waiting_since > ECHO_SECONDS_MAX:
                self.fail(connection, f'no echo for {ECHO_SECONDS_MAX} s')
                continue
            connection.next_send = now + self.interval
            self.due.append(connection)

    def send(self, connection, now):
        connection.sent += 1
        connection.waiting_since = now
        try:
            connection.socket.send(b'%d %d\n' % (connection.number, connection.sent))
        except OSError as error:
            self.fail(connection, errno.errorcode.get(error.errno, 'error'))

    def read(self, connection):
        try:
            data = connection.socket.recv(READ_BYTES)
        except OSError as error:
            return self.fail(connection, errno.errorcode.get(error.errno, 'error'))
        if not data:
            return self.fail(connection, 'closed by the server')
        connection.buffer += data
        while b'\n' in connection.buffer:
            line, connection.buffer = connection.buffer.split(b'\n', 1)
            self.take(connection, line)
        return None

    def take(self, connection, line):
        server, _, rest = line.partition(b' ')
        if rest != b'%d %d' % (connection.number, connection.sent):
            return self.fail(connection, f'wrong echo {line!r}')
        if connection.server not in (None, server.decode()):
            return self.fail(connection, f'answered by {server.decode()}')
        connection.server = server.decode()
        if connection.waiting_since is not None:
            self.slowest = max(self.slowest, time.monotonic() - connection.waiting_since)
        connection.waiting_since = None
        self.echoes += 1
        return None

    def fail(self, connection, why):
        if connection.socket is None:
            return
        self.broken.append(f'{connection.label()}: {why}')
        self.by_number.pop(connection.socket.fileno(), None)
        connection.socket.close()
        connection.socket = None

    def report(self):
        return {'connections': len(self.connections), 'broken': len(self.broken),
                'first_broken': self.broken[:BROKEN_LISTED], 'echoes': self.echoes,
                'slowest_echo_seconds': round(self.slowest, 3),
                'by_server': collections.Counter(one.server for one in self.connections)}


def connect(count, interval, sources, targets):
    client = Client(count, interval, sources, targets)
    client.connect_all()
    print(json.dumps({'connected': count}), flush=True)
    client.schedule_all()
    client.run()
    print(json.dumps(client.report()), flush=True)


def target_of(text):
    address, _, port = text.rpartition(':')
    return address, int(port)


if __name__ == '__main__':
    if sys.argv[1] == 'serve':
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        connect(int(sys.argv[2]), float(sys.argv[3]), sys.argv[4].split(','),
                [target_of(text) for text in sys.argv[5:]])
