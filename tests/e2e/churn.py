"""Random changes of a running balancer, of every kind but those that must end a connection: the
servers that hold connections stay in the configuration and up, all else may come and go."""

import random
import selectors
import signal
import socket
import threading
import time

from lab import config, topology
from lab.process import wait_until

LIVE_PORT = 9000
HEALTH_PORT = 9100
LIVE = {'live-ipip': ('ipip', topology.VIP['ipip'][4]), 'live-nat': ('nat', topology.VIP['nat'][4])}
LIVE_SERVERS = {name: topology.SERVER[name][4] for name in topology.SERVERS}
# More addresses of the first server: backends that hold no connection, for these come first.
SPARE = {f'x{number}': f'192.0.2.{99 + number}' for number in range(1, 7)}
EXTRA_VIPS = [f'203.0.113.{last}' for last in range(200, 206)]
SLOW_STARTS = (0, 1, 2, 10)
SLOTS = (1_021, 65_537, 10_007)
# A server that holds connections must not seem dead because this machine is busy: that takes eight
# probes in a row.
HEALTH = (f'health   = {{ type = "tcp", port = {HEALTH_PORT}, interval = "300ms", '
          'timeout = "300ms", rise = 2, fall = 8 }\n')


class HealthPorts:
    """What the health checks connect to, one listener an address, opened and closed at will."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._open = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self, namespace, address):
        with namespace.entered():
            listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, HEALTH_PORT))
        listener.listen(64)
        listener.setblocking(False)
        with self._lock:
            self._open[address] = listener
            self._selector.register(listener, selectors.EVENT_READ)

    def close(self, address):
        with self._lock:
            listener = self._open.pop(address)
            self._selector.unregister(listener)
            listener.close()

    def is_open(self, address):
        return address in self._open

    def _accept(self):
        while True:
            ready = self._selector.select(0.05)
            with self._lock:
                for key, _ in ready:
                    try:
                        key.fileobj.accept()[0].close()
                    except OSError:
                        pass  # closed meanwhile, or the probe has gone
            if not ready:
                time.sleep(0.01)  # no listener yet: select does not wait


class Service:
    """One [[service]] as it is written now."""

    def __init__(self, name, forward, vip, backends):
        self.name = name
        self.forward = forward
        self.vips = [vip]
        self.backends = {backend: {'weight': 10, 'drain': False} for backend in backends}
        self.slow_start = 0
        self.slots = SLOTS[0]
        self.on_death = 'repick'

    def text(self, order):
        out = (f'[[service]]\nname     = "{self.name}"\nvip      = {list(self.vips)}\n'
               f'port     = {LIVE_PORT}\nforward  = "{self.forward}"\nslots    = {self.slots}\n'
               f'on_death = "{self.on_death}"\n').replace("'", '"')
        if self.slow_start:
            out += f'slow_start = "{self.slow_start}s"\n'
        if self.forward == 'nat':
            pool = ', '.join(f'"{source}"' for source in topology.SOURCE_POOL[4])
            out += f'source_pool = [{pool}]\n'
        out += HEALTH
        for name in order:
            backend = self.backends[name]
            out += (f'[[service.backend]]\nname = "{name}"\n'
                    f'address = "{(LIVE_SERVERS | SPARE)[name]}"\nweight = {backend["weight"]}\n'
                    f'drain = {str(backend["drain"]).lower()}\n')
        return out


class Churn:
    """The balancer's configuration, and changes of it that a seed decides."""

    def __init__(self, lab, ports, seed):
        self.lab = lab
        self.sluice = lab.sluice
        self.ports = ports
        self.random = random.Random(seed)
        self.services = {name: Service(name, forward, vip, LIVE_SERVERS)
                         for name, (forward, vip) in LIVE.items()}
        self.done = {}
        self.kinds = [(self.add_backend, 12), (self.remove_backend, 10), (self.set_weight, 12),
                      (self.set_drain, 12), (self.override_drain, 12), (self.override_weight, 10),
                      (self.clear_overrides, 4), (self.flap_health, 12), (self.set_slow_start, 8),
                      (self.set_slots, 3), (self.set_on_death, 3), (self.change_vips, 6),
                      (self.change_services, 8), (self.reorder, 4), (self.reload, 5),
                      (self.restart_control, 1)]

    def text(self):
        names = list(self.services)
        self.random.shuffle(names)
        out = config.dataplane_text() + config.ports_text(self.lab.driver)
        for name in names:
            order = list(self.services[name].backends)
            self.random.shuffle(order)
            out += self.services[name].text(order)
        return out

    def change(self):
        """One change; gives its name. Every configuration that it makes must be accepted."""
        kinds, weights = zip(*self.kinds)
        kind = self.random.choices(kinds, weights)[0]
        kind()
        self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1
        return kind.__name__

    def put_in_force(self):
        if self.random.random() < 0.3:
            self.sluice.write_config(self.text())
            self.reload()
            return
        answer = self.sluice.api('/v1/apply', 'POST', self.text())
        if not answer.get('applied'):
            raise AssertionError(f'refused: {answer}')

    def a_service(self):
        return self.services[self.random.choice(list(self.services))]

    def a_backend(self):
        service = self.a_service()
        return service, self.random.choice(list(service.backends))

    def add_backend(self):
        service = self.a_service()
        missing = [name for name in SPARE if name not in service.backends]
        if missing:
            service.backends[self.random.choice(missing)] = {'weight': 10, 'drain': False}
        self.put_in_force()

    def remove_backend(self):
        service = self.a_service()
        spare = [name for name in SPARE if name in service.backends]
        if spare and len(service.backends) > 1:
            del service.backends[self.random.choice(spare)]
        self.put_in_force()

    def set_weight(self):
        service, name = self.a_backend()
        service.backends[name]['weight'] = self.random.choice((0, 1, 5, 10, 100, 1_000))
        self.put_in_force()

    def set_drain(self):
        service, name = self.a_backend()
        service.backends[name]['drain'] = not service.backends[name]['drain']
        self.put_in_force()

    def override(self, name, service, change):
        self.sluice.api(f'/v1/services/{service}/backends/{name}', 'PUT', change)

    def override_drain(self):
        service, name = self.a_backend()
        self.override(name, service.name,
                      '{"drain": %s}' % self.random.choice(('true', 'false', 'null')))

    def override_weight(self):
        service, name = self.a_backend()
        self.override(name, service.name,
                      '{"weight": %s}' % self.random.choice(('0', '3', '50', 'null')))

    def clear_overrides(self):
        for service in self.services.values():
            for name in service.backends:
                self.override(name, service.name, '{"drain": null, "weight": null}')

    def flap_health(self):
        address = SPARE[self.random.choice(list(SPARE))]
        if self.ports.is_open(address):
            self.ports.close(address)
        else:
            self.ports.open(self.lab.topology.servers['s1'], address)

    def set_slow_start(self):
        self.a_service().slow_start = self.random.choice(SLOW_STARTS)
        self.put_in_force()

    def set_slots(self):
        self.a_service().slots = self.random.choice(SLOTS)
        self.put_in_force()

    def set_on_death(self):
        self.a_service().on_death = self.random.choice(('repick', 'reset'))
        self.put_in_force()

    def change_vips(self):
        """A second VIP of a service that holds connections comes or goes."""
        service = self.services[self.random.choice(list(LIVE))]
        if len(service.vips) > 1:
            service.vips.pop()
        else:
            free = self.free_vips()
            if free:
                service.vips.append(self.random.choice(free))
        self.put_in_force()

    def change_services(self):
        others = [name for name in self.services if name not in LIVE]
        free = self.free_vips()
        if others and (not free or self.random.random() < 0.5):
            del self.services[self.random.choice(others)]
        elif free:
            vip = self.random.choice(free)
            name = f'other-{vip}'
            backends = self.random.sample(list(LIVE_SERVERS | SPARE), 3)
            self.services[name] = Service(name, self.random.choice(('ipip', 'l2dsr')), vip,
                                          backends)
        self.put_in_force()

    def free_vips(self):
        used = {vip for service in self.services.values() for vip in service.vips}
        return [vip for vip in EXTRA_VIPS if vip not in used]

    def reorder(self):
        self.put_in_force()

    def reload(self):
        self.sluice.control.signal(signal.SIGHUP)

    def restart_control(self):
        if self.random.random() < 0.5:
            self.sluice.control.kill()
        else:
            self.sluice.control.stop()
        self.sluice.start_control()
        wait_until(lambda: self.sluice.status() is not None, 30, 'sluiced answers')


def prepare(lab, ports):
    """More addresses, and what the health checks want, all open."""
    for server in lab.topology.servers.values():
        server.sysctl(ipv4__tcp_max_syn_backlog=8192, core__somaxconn=8192)
    for address in SPARE.values():
        topology.address(lab.topology.servers['s1'], 'eth0', address, topology.LAN_LENGTH[4])
        ports.open(lab.topology.servers['s1'], address)
    for name, address in LIVE_SERVERS.items():
        ports.open(lab.topology.servers[name], address)
