"""What the servers run: nginx, and an echo service for UDP."""

import contextlib
import hashlib
import os
import socket
import threading

from lab.process import Process, wait_until

BIG_BYTES = 4 << 20
BIG_RATE = '400k'  # bytes a second: ten seconds a download
SERVICE_PORT = 80
NAT_PORT = 8080  # another than the service's, so that the port is translated, too
ECHO_PORT = 7
INNER_PORT = 8081
IP_PKTINFO = 8  # linux/in.h; not in Python's socket module

CONFIG = '''\
daemon off;
user root;
worker_processes 1;
pid nginx.pid;
error_log error.log warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  default_type text/plain;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 8m;
  keepalive_requests 100000;
  add_header X-Server {name} always;
  server {{
    listen {service_port} backlog=1024;
    listen [::]:{service_port} backlog=1024 ipv6only=on;
    listen {nat_port} backlog=1024;
    listen [::]:{nat_port} backlog=1024 ipv6only=on;
    location = / {{ return 200 "server={name} client=$remote_addr address=$server_addr\\n"; }}
    location = /healthz {{ return 200 "ok\\n"; }}
    location = /big {{ alias {big}; limit_rate {rate}; }}
    # By way of another server, so that the whole body is read before the answer begins.
    location = /upload {{ proxy_pass http://127.0.0.1:{inner_port}; }}
  }}
  server {{
    listen 127.0.0.1:{inner_port};
    location / {{ return 200 "server={name}\\n"; }}
  }}
}}
'''


def make_big_file(path):
    """Bytes that no error can leave unchanged; gives their SHA-256."""
    content = os.urandom(BIG_BYTES)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


class WebServer:
    """nginx in one server's namespace. Everything it says carries its name."""

    def __init__(self, name, namespace, directory, big_path):
        self.name = name
        self.namespace = namespace
        self.directory = directory
        self.process = None
        directory.mkdir(parents=True)
        (directory / 'nginx.conf').write_text(CONFIG.format(
            name=name, service_port=SERVICE_PORT, nat_port=NAT_PORT, big=big_path, rate=BIG_RATE,
            inner_port=INNER_PORT))

    def command(self):
        return self.namespace.wrap('nginx', '-p', f'{self.directory}/', '-c', 'nginx.conf',
                                   '-e', 'error.log')

    def start(self):
        self.process = Process(f'nginx {self.name}', self.command(),
                               self.directory / 'start.log')
        wait_until(self.is_listening, 10, f'nginx {self.name} listens')

    def is_listening(self):
        self.process.require_running()
        with self.namespace.entered(), socket.socket(socket.AF_INET6) as probe:
            return probe.connect_ex(('::1', NAT_PORT)) == 0

    def kill(self):
        """kill -9 of nginx and its workers, as a crash: connections are reset."""
        if self.process is not None:
            self.process.kill()
            self.process = None


class EchoServer:
    """Answers each UDP datagram with the server's name, a space and the datagram."""

    def __init__(self, name, namespace, port=ECHO_PORT):
        self.name = name
        self.sockets = []
        for family, any_address in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
            with namespace.entered():
                echo = socket.socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                echo.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            echo.bind((any_address, port))
            self.sockets.append(echo)
            threading.Thread(target=self._serve, args=(echo,), daemon=True).start()

    def answer(self, data):
        return self.name.encode() + b' ' + data

    def _serve(self, echo):
        # Control messages carry the address that was asked, a VIP: the answer must come from it.
        try:
            while True:
                data, control, _, sender = echo.recvmsg(65536, 128)
                echo.sendmsg([self.answer(data)],
                             [answer_from(message) for message in control], 0, sender)
        except OSError:
            return  # closed

    def stop(self):
        for echo in self.sockets:
            with contextlib.suppress(OSError):
                echo.shutdown(socket.SHUT_RDWR)  # wakes the thread
            echo.close()


def answer_from(message):
    """The control message that sends from the address at which a datagram came in."""
    level, kind, value = message
    if level == socket.IPPROTO_IP:
        # struct in_pktinfo: interface, local address, destination. Any interface may answer.
        return level, kind, b'\0\0\0\0' + value[8:12] + b'\0\0\0\0'
    return level, kind, value[:16] + b'\0\0\0\0'
