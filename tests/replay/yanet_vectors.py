"""A folder of YANET's balancer autotests: its real servers step by step, and the same as Sluice's configuration."""

import ipaddress
import json
import re
import struct

from captures import Run, frames_of

TAGGED_BYTES = 18
TUNNEL_VLAN = 100
GRE = 47
GRE_BYTES = 4
PROTOCOLS = {6: 'tcp', 17: 'udp'}
ROUTER_TTL = 63  # their router counts the new header down before it is sent


def vlan_of(frame):
    return struct.unpack('>H', frame[14:16])[0] & 0xfff


class Packet:
    """The IP header of a packet and the ports behind it."""

    def __init__(self, data):
        self.data = data
        self.is_v4 = data[0] >> 4 == 4
        self.header_bytes = (data[0] & 15) * 4 if self.is_v4 else 40
        self.protocol = data[9] if self.is_v4 else data[6]
        at, size = (12, 4) if self.is_v4 else (8, 16)
        self.source_bytes = data[at:at + size]
        self.source = ipaddress.ip_address(self.source_bytes)
        self.destination = ipaddress.ip_address(data[at + size:at + 2 * size])
        self.payload = data[self.header_bytes:]
        self.ports = struct.unpack('>HH', self.payload[:4]) if self.protocol in (6, 17) else (0, 0)

    @property
    def inner(self):
        """The packet in this tunnel, IP in IP or GRE without options."""
        return Packet(self.payload[GRE_BYTES if self.protocol == GRE else 0:])


class Service:
    """One of services.conf. Without a port it is on all of them, and a client is one flow ("pure L3")."""

    def __init__(self, text):
        self.vip = text['vip']
        self.protocol = text['proto']
        self.port = text.get('vport', 'any')
        self.reals = text['reals']
        self.is_gre = text.get('lvs_method') == 'GRE'
        # "One-packet scheduling", which theirs leaves out for TCP as well.
        self.is_one_packet = text.get('ops', False) and self.protocol == 'udp'

    def has(self, inner):
        return (ipaddress.ip_address(self.vip) == inner.destination and
                self.protocol == PROTOCOLS.get(inner.protocol) and self.port in ('any', str(inner.ports[1])))

    def flow_of(self, inner):
        """What stays on one real server, as text."""
        client = inner.source if self.port == 'any' else f'{inner.source} {inner.ports[0]}'
        return f'{client} to {self.vip} {self.protocol} {self.port}'

    def config(self, name, enabled, dscp):
        port = '"any"' if self.port in ('any', '0') else self.port
        text = (f'[[service]]\nname = "{name}"\nvip = "{self.vip}"\nprotocol = "{self.protocol}"\n'
                f'port = {port}\n'
                f'forward = "{"gre" if self.is_gre else "ipip"}"\n'
                f'tunnel_ttl = {ROUTER_TTL}\ntunnel_dscp = {dscp}\n')
        if self.port == 'any':
            text += 'affinity = { timeout = "10m" }\n'
        if self.is_one_packet:
            text += 'one_packet = true\nbalance = "weighted_round_robin"\n'
        for real in enabled:
            text += (f'[[service.backend]]\nname = "{real["ip"].replace(":", "-").replace(".", "-")}"\n'
                     f'address = "{real["ip"]}"\nweight = {real.get("weight", 1)}\n')
        if not enabled:  # a service has at least one: one that takes no flow
            text += '[[service.backend]]\nname = "none"\naddress = "192.0.2.1"\ndrain = true\n'
        return text


class Folder:
    """One autotest: its services, and the real servers that are enabled at the moment.

    A VLAN leads to a balancer of its own: all have the services, each its enabled servers and its DSCP. Here one
    balancer has the configuration of the one that the step's packets lead to.
    """

    def __init__(self, path, program):
        self.path = path
        self.program = program
        self.modules = json.loads((path / 'controlplane.conf').read_text())['modules']
        self.next_hop_mac = self.modules['route0']['interfaces'][f'kni0.{TUNNEL_VLAN}']['neighborMacAddress']
        self.own_mac = self.modules[f'lp0.{TUNNEL_VLAN}']['macAddress']
        self.services = [Service(text) for text in json.loads((path / 'services.conf').read_text())]
        self.balancer = None  # the name of the step's
        self.enabled = set()
        self.picked = {}  # the real server of each flow of each service
        self.stages = []  # configuration and capture of the steps until now

    def steps(self):
        """(send, expect) for each step with packets; `enabled` and `balancer` are as they are by then."""
        send = None
        for line in (self.path / 'autotest.yaml').read_text().splitlines():
            change = re.match(r'\s*- balancer real (enable|disable) (\S+) (\S+) (\w+) (\S+) (\S+) ', line)
            if change:
                is_enabled, real = change[1] == 'enable', change.groups()[1:]
                self.enabled.add(real) if is_enabled else self.disable(real)
            elif match := re.match(r'\s*send: (\S+)', line):
                send = match[1]
            elif match := re.match(r'\s*expect: (\S+)', line):
                self.balancer = self.balancer_of(send)
                yield send, match[1]
            elif line.startswith('- reload'):
                return  # no packets come after the first one

    def balancer_of(self, send):
        """The one that the VLAN of these packets leads to, by its access list."""
        vlans = {vlan_of(frame) for frame in frames_of(self.path / send)}
        names = {self.modules[self.modules[f'lp0.{vlan}']['nextModule']]['nextModules'][0] for vlan in vlans}
        if len(names) != 1:
            raise ValueError(f'{send} leads to {names}')
        return names.pop()

    def disable(self, real):
        self.enabled.discard(real)
        _, vip, protocol, port, address = real
        self.picked = {(service, flow): at for (service, flow), at in self.picked.items()
                       if (service.vip, service.protocol, service.port, str(at)) != (vip, protocol, port, address)}

    def run(self, send, scratch):
        """The frames, JSON and records of this step, after those before it."""
        before = sum(len(frames_of(self.path / name)) for name, _ in self.stages)
        self.stages.append((send, self.config()))
        stages = [(config, (self.path / name).read_bytes()) for name, config in self.stages]
        run = Run((self.program,), scratch, stages, '--json', '--each', paths=self.paths())
        if run.status != 0:
            raise RuntimeError(run.errors)
        records = run.json['each']
        sent_before = sum(each['out_bytes'] > 0 for each in records[:before])
        return run.sent[sent_before:], records[before:]

    def enabled_of(self, service):
        return [real for real in service.reals if
                (self.balancer, service.vip, service.protocol, service.port, real['ip']) in self.enabled]

    def config(self):
        text = '[[port]]\nname = "kni0"\ndriver = "vdev"\ndevice = "net_null0"\n'
        for number, service in enumerate(self.services):
            text += service.config(f's{number}', self.enabled_of(service), self.dscp())
        return text

    def dscp(self):
        marking = self.modules[self.balancer]
        return {'never': '"copy"', 'always': marking.get('dscp')}[marking.get('dscpMarkType', 'never')]

    def outer_source(self, real):
        return self.modules[self.balancer]['source' if real.version == 6 else 'source_ipv4']

    def paths(self):
        reals = {ipaddress.ip_address(real['ip']) for service in self.services for real in service.reals}
        return ''.join(f'''[[path]]
destination = "{real}"
port = "kni0"
source = "{self.outer_source(real)}"
source_mac = "{self.own_mac}"
next_hop_mac = "{self.next_hop_mac}"
''' for real in sorted(reals, key=str))

    def service_of(self, inner):
        """The service that this packet is for."""
        for service in self.services:
            if service.has(inner):
                return service
        raise ValueError(f'no service for {inner.data.hex()}')

    def candidates(self, inner):
        """The enabled real servers of its service."""
        return {ipaddress.ip_address(real['ip']) for real in self.enabled_of(self.service_of(inner))}
