"""The balancer's configuration file: six services, one for each way of forwarding and family."""

import os

from lab import topology
from lab.server import ECHO_PORT, NAT_PORT

FORWARDS = ('ipip', 'l2dsr', 'nat')
FAMILIES = (4, 6)
OTHER_TUNNELS = ('gue', 'gre')  # for tests: the demo shows ipip


class Flavour:
    """One way of forwarding in one address family, and the service of that name."""

    def __init__(self, name, forward, family, vip, server_family):
        self.name = name
        self.forward = forward
        self.family = family
        self.vip = vip
        self.server_family = server_family


FLAVOURS = [Flavour(f'{forward}-v{family}', forward, family, topology.VIP[forward][family], family)
            for forward in FORWARDS for family in FAMILIES]
OTHER_FLAVOURS = [Flavour(f'{forward}-v{family}', forward, family, topology.VIP[forward][family],
                          family) for forward in OTHER_TUNNELS for family in FAMILIES]
MIXED = [Flavour(f'ipip-v{family}-in-v{10 - family}', 'ipip', family, topology.MIXED_VIP[family],
                 10 - family) for family in FAMILIES]

HEALTH = ('health   = {{ type = "http", path = "/healthz", interval = "500ms", '
          'timeout = "250ms", rise = 2, fall = 3{port} }}\n')


# Asked at the start, before we leave the worker's core to it.
CORES = frozenset(os.sched_getaffinity(0))
WORKER_CORE = max(CORES)  # the worker polls it without a pause
OTHER_CORES = CORES - {WORKER_CORE} or CORES


def ports_text(driver, queues=1):
    return ''.join(f'[[port]]\nname   = "{name}"\ndriver = "{driver}"\ndevice = "{name}"\n'
                   f'queues = {queues}\n\n' for name in ('wan0', 'lan0'))


def service_text(flavour, protocol='tcp'):
    """One [[service]] with the three servers behind it."""
    suffix = '' if protocol == 'tcp' else f'-{protocol}'
    port = 80 if protocol == 'tcp' else ECHO_PORT
    out = (f'[[service]]\nname     = "{flavour.name}{suffix}"\nvip      = "{flavour.vip}"\n'
           f'port     = {port}\nprotocol = "{protocol}"\nforward  = "{flavour.forward}"\n'
           'balance  = "maglev"\n')
    if flavour.forward == 'nat':
        pool = ', '.join(f'"{source}"' for source in topology.SOURCE_POOL[flavour.family])
        out += f'source_pool = [{pool}]\n'
    out += HEALTH.format(port='' if protocol == 'tcp' else ', port = 80')
    translated = flavour.forward == 'nat' and protocol == 'tcp'
    return out + ''.join(
        backend_text(name, topology.SERVER[name][flavour.server_family],
                     NAT_PORT if translated else None)
        for name in topology.SERVERS) + '\n'


def backend_text(name, address, port):
    out = f'\n  [[service.backend]]\n  name    = "{name}"\n  address = "{address}"\n'
    return out + (f'  port    = {port}\n' if port is not None else '')


def dataplane_text(cores=(WORKER_CORE,)):
    return (f'[dataplane]\ncores     = {list(cores)}  # one worker on each, which polls\n'
            'hugepages = "auto"\nmemory    = "128 MiB"\nflows_max = 65536\n\n')


def full_text(driver='af_xdp', protocols=('tcp',), mixed=False, flavours=tuple(FLAVOURS)):
    """Everything: data plane, ports and the flavours of each protocol, the demo's six unless others
    are given; `mixed` adds tunnels of one family inside the other."""
    services = [service_text(flavour, protocol)
                for protocol in protocols for flavour in flavours]
    services += [service_text(flavour) for flavour in MIXED if mixed]
    return dataplane_text() + ports_text(driver) + ''.join(services)
