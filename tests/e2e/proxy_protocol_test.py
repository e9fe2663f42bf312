#!/usr/bin/python3
"""The PROXY protocol in front of real servers over the kernels' TCP: who is asked first, who speaks
first, long bodies, and the same once more while packets get lost on both sides."""

import socket
import struct
import subprocess
import threading

import harness

from lab import config, topology
from lab.process import Process, wait_until
from lab.topology import CLIENT, SERVER, VIP
from lab.traffic import get, post

HTTP_PORT = 8090    # nginx, which wants the header
RELAY_PORT = 2525   # haproxy, which wants the header, in front of the greeter
PARSER_PORT = 2626  # a greeter that reads the header itself
GREETER_PORT = 2527
RELAYED, PARSED = 25, 26  # the VIP's ports
BODY_BYTES = 300_000
SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'

NGINX = '''\
daemon off;
user root;
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 8m;
  add_header X-Server {name} always;
  default_type text/plain;
  server {{
    listen {port} proxy_protocol;
    listen [::]:{port} proxy_protocol ipv6only=on;
    location = / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port\\n"; }}
    location = /upload {{ proxy_pass http://127.0.0.1:8081; }}
  }}
}}
'''

HAPROXY = '''\
global
  maxconn 500
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen relay
  bind 0.0.0.0:{port} accept-proxy
  bind :::{port} v6only accept-proxy
  server greeter 127.0.0.1:{greeter} send-proxy-v2
'''


class Greeter:
    """Says at once who is connected, as a mail server greets, and then sends back what it gets.
    Each connection begins with a PROXY header, from the balancer or from haproxy."""

    def __init__(self, namespace, address, port):
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        with namespace.entered():
            self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.listener.bind((address, port))
        self.listener.listen(200)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        except OSError:
            return  # closed

    def _serve(self, connection):
        try:
            with connection, connection.makefile('rb') as stream:
                connection.settimeout(60)
                connection.sendall(b'220 ' + read_header(stream).encode() + b'\r\n')
                while line := stream.readline():
                    connection.sendall(line)
        except OSError:
            return  # the client is gone

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def read_header(stream):
    """Who is connected to whom, in the words of the header."""
    head = stream.read(16)
    if head[:12] != SIGNATURE or head[12] != 0x21:
        return f'no header but {head!r}'
    body = stream.read(struct.unpack('!H', head[14:])[0])
    length, family = {0x11: (4, socket.AF_INET), 0x21: (16, socket.AF_INET6)}[head[13]]
    addresses = [socket.inet_ntop(family, body[at:at + length]) for at in (0, length)]
    ports = struct.unpack('!HH', body[2 * length:2 * length + 4])
    return f'{addresses[0]} {ports[0]} {addresses[1]} {ports[1]}'


class Servers:
    """nginx, haproxy and the greeters of one server."""

    def __init__(self, lab, name):
        self.namespace = lab.topology.servers[name]
        directory = lab.directory / f'proxied-{name}'
        directory.mkdir()
        (directory / 'nginx.conf').write_text(NGINX.format(name=name, port=HTTP_PORT))
        (directory / 'haproxy.cfg').write_text(
            HAPROXY.format(port=RELAY_PORT, greeter=GREETER_PORT))
        self.processes = [
            Process(f'nginx {name}', self.namespace.wrap(
                'nginx', '-p', f'{directory}/', '-c', 'nginx.conf', '-e', 'error.log'),
                directory / 'nginx.log'),
            Process(f'haproxy {name}', self.namespace.wrap(
                'haproxy', '-db', '-f', directory / 'haproxy.cfg'), directory / 'haproxy.log')]
        self.greeters = [Greeter(self.namespace, '127.0.0.1', GREETER_PORT)]
        self.greeters += [Greeter(self.namespace, address, PARSER_PORT)
                          for address in ('0.0.0.0', '::')]
        for port in (HTTP_PORT, RELAY_PORT):
            wait_until(lambda port=port: self.is_listening(port), 20, f'{name} listens on {port}')

    def is_listening(self, port):
        for process in self.processes:
            process.require_running()
        with self.namespace.entered(), socket.socket(socket.AF_INET6) as probe:
            return probe.connect_ex(('::1', port)) == 0

    def stop(self):
        for greeter in self.greeters:
            greeter.stop()
        for process in self.processes:
            process.kill()


def service_text(name, family, port, backend_port, more=''):
    pool = ', '.join(f'"{source}"' for source in topology.SOURCE_POOL[family])
    out = (f'[[service]]\nname = "{name}-v{family}"\nvip = "{VIP["nat"][family]}"\nport = {port}\n'
           f'forward = "nat"\nsource_pool = [{pool}]\nproxy_protocol = "v2"\n{more}'
           'health = { type = "http", path = "/healthz", interval = "500ms", timeout = "250ms", '
           'port = 80 }\n')
    return out + ''.join(config.backend_text(server, SERVER[server][family], backend_port)
                         for server in topology.SERVERS) + '\n'


def config_text(more=''):
    return config.dataplane_text() + config.ports_text('af_xdp') + ''.join(
        service_text(name, family, port, backend_port, more)
        for name, port, backend_port in (('web', 80, HTTP_PORT), ('relayed', RELAYED, RELAY_PORT),
                                         ('parsed', PARSED, PARSER_PORT))
        for family in config.FAMILIES)


def greet(lab, family, port, seconds):
    """Waits for the greeting without a word, then has a line echoed; (greeting, wanted)."""
    vip = VIP['nat'][family]
    with lab.client.entered():
        connection = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
    with connection, connection.makefile('rb') as stream:
        connection.settimeout(seconds)
        connection.connect((vip, port))
        own = connection.getsockname()[1]
        greeting = stream.readline().decode().strip()
        connection.sendall(b'HELO ' + b'x' * 5_000 + b'\n')
        echoed = stream.readline()
        connection.shutdown(socket.SHUT_WR)
        rest = stream.read()
    whole = len(echoed) == 5_006 and rest == b''
    return f'{greeting} {whole}', f'220 {CLIENT[family]} {own} {vip} {port} True'


def test_client_first(tap, lab, count, seconds):
    for family in config.FAMILIES:
        vip = VIP['nat'][family]
        wrong = []
        for _ in range(count):
            answer = get(lab.client, vip, timeout=seconds)
            wanted = f'{CLIENT[family]} {answer.port} {vip} 80'
            if answer.body.decode().strip() != wanted:
                wrong.append((answer.error, answer.body, wanted))
        tap.check(not wrong, f'v{family}: {count} requests, nginx knows each client', wrong[:3])


def test_server_first(tap, lab, count, seconds):
    for family in config.FAMILIES:
        for what, port in (('haproxy', RELAYED), ('a parser', PARSED)):
            wrong = []
            for _ in range(count):
                try:
                    seen, wanted = greet(lab, family, port, seconds)
                except OSError as error:
                    seen, wanted = f'{type(error).__name__}: {error}', 'a greeting'
                if seen != wanted:
                    wrong.append((seen, wanted))
            tap.check(not wrong, f'v{family}: {count} greetings by {what}, each for its client',
                      wrong[:3])


def test_upload(tap, lab, count, seconds):
    for family in config.FAMILIES:
        answers = [post(lab.client, VIP['nat'][family], b'x' * BODY_BYTES, timeout=seconds)
                   for _ in range(count)]
        errors = [answer.error for answer in answers if answer.server is None]
        tap.check(not errors, f'v{family}: {count} uploads of {BODY_BYTES} bytes', errors)


def test_no_delay(tap, lab):
    """A header that had to wait for a timer would cost 200 ms or more."""
    for family in config.FAMILIES:
        run = subprocess.run(
            lab.client.wrap('curl', '-s', '-o', '/dev/null', '-w', '%{time_total}', '-m', '10',
                            f'http://{bracketed(VIP["nat"][family])}/'),
            capture_output=True, text=True, timeout=20, check=False)
        tap.check(run.returncode == 0 and float(run.stdout) < 0.15,
                  f'v{family}: curl is answered at once', run.stdout)


def bracketed(address):
    return f'[{address}]' if ':' in address else address


def lose_packets(lab, percent):
    """Of all TCP that arrives at the client and at the servers: on both sides of the balancer."""
    rules = ('table inet loss {\n chain arriving { type filter hook input priority 0;\n'
             f'  meta l4proto tcp numgen random mod 100 < {percent} drop\n }}\n}}\n')
    for namespace in (lab.client, *lab.topology.servers.values()):
        namespace.run('nft', '-f', '-', text_in=rules)


def verdict_count(lab, name):
    return {verdict['name']: verdict['count']
            for verdict in lab.sluice.api('/v1/counters')['verdicts']}[name]


def test_explain(tap, lab):
    said = lab.sluice.ctl('explain', 'tcp', f'{CLIENT[4]}:40000', f'{VIP["nat"][4]}:80').stdout
    tap.check('PROXY protocol header (v2)' in said, 'explain names the PROXY protocol', said)


def run_all(tap, lab, count, seconds):
    harness.run_steps(tap, [test_client_first, test_server_first, test_upload], lab, count, seconds)


def test_all(tap, lab):
    servers = []
    try:
        servers += [Servers(lab, name) for name in topology.SERVERS]
        run_all(tap, lab, 30, 10)
        harness.run_steps(tap, [test_no_delay, test_explain], lab)
        tap.check(verdict_count(lab, 'sent_proxy_header') >= 180, 'the headers are counted')
        lose_packets(lab, 5)
        run_all(tap, lab, 20, 60)
    finally:
        for server in servers:
            server.stop()


if __name__ == '__main__':
    harness.main(test_all, text=config_text())
