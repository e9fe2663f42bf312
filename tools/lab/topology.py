"""Who is connected to whom, and by which address.

    client eth0 ---- client0
                     router  wan0 ---- wan0 balancer lan0 ----+
                     (bridge lan) lan0 -----------------------+
                                  s1 s2 s3 ---- eth0 of each server

The router owns the route of every VIP to the balancer, and is the servers' gateway: what a server
answers under a VIP's address goes by the router to the client and never meets the balancer.
"""

from lab.namespace import Namespace, wait_for_link

SERVERS = ('s1', 's2', 's3')

CLIENT = {4: '198.51.100.2', 6: '2001:db8:c::2'}
CLIENT_GATEWAY = {4: '198.51.100.1', 6: '2001:db8:c::1'}
WAN_ROUTER = {4: '192.0.2.1', 6: '2001:db8:a::1'}
WAN_BALANCER = {4: '192.0.2.2', 6: '2001:db8:a::2'}
LAN_ROUTER = {4: '192.0.2.65', 6: '2001:db8:b::1'}
LAN_BALANCER = {4: '192.0.2.66', 6: '2001:db8:b::2'}
SOURCE_POOL = {4: ('192.0.2.67', '192.0.2.68'), 6: ('2001:db8:b::67', '2001:db8:b::68')}
SERVER = {name: {4: f'192.0.2.{81 + i}', 6: f'2001:db8:b::{81 + i}'}
          for i, name in enumerate(SERVERS)}

CLIENT_LENGTH = {4: 24, 6: 64}
WAN_LENGTH = {4: 30, 6: 64}
LAN_LENGTH = {4: 26, 6: 64}

VIP_PREFIX = {4: '203.0.113.0/24', 6: '2001:db8:f::/64'}
VIP_LENGTH = {4: 32, 6: 128}


VIP = {forward: {4: f'203.0.113.{last}', 6: f'2001:db8:f::{last}'}
       for forward, last in (('ipip', 10), ('l2dsr', 20), ('nat', 30), ('gue', 40), ('gre', 50))}
# Tunnelled to servers' addresses of the other family: IPv4 in IPv6 and IPv6 in IPv4.
MIXED_VIP = {4: '203.0.113.11', 6: '2001:db8:f::11'}
TUNNEL_VIPS = [vips[family] for family in (4, 6)
               for vips in (VIP['ipip'], VIP['gue'], VIP['gre'], MIXED_VIP)]
# What a server must hold on its loopback; nat's servers see their own address only.
SERVER_VIPS = TUNNEL_VIPS + list(VIP['l2dsr'].values())


class Topology:
    """The namespaces and what joins them. Gone after delete()."""

    def __init__(self, driver='af_xdp'):
        self.namespaces = []
        self.driver = driver
        try:
            self._build()
        except BaseException:
            self.delete()
            raise

    def _build(self):
        self.client = self._namespace('client')
        self.router = self._namespace('router')
        self.balancer = self._namespace('lb')
        self.servers = {name: self._namespace(name) for name in SERVERS}
        self._join_client()
        self._join_balancer()
        self.router.ip('link', 'add', 'lan', 'type', 'bridge', 'mcast_snooping', '0')
        self._join_lan()
        self._prepare_router()
        self._prepare_balancer()
        for server in self.servers.values():
            prepare_server(server)
        for family in (4, 6):
            wait_for_link(self.client, CLIENT_GATEWAY[family])
            wait_for_link(self.balancer, WAN_ROUTER[family])
            for server in SERVER.values():
                wait_for_link(self.balancer, server[family])

    def _namespace(self, role):
        namespace = Namespace(role)
        self.namespaces.append(namespace)
        namespace.sysctl(ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0,
                         ipv6__conf__default__accept_dad=0, ipv6__conf__default__accept_ra=0,
                         ipv6__conf__default__router_solicitations=0)
        return namespace

    def _join_client(self):
        join(self.client, 'eth0', self.router, 'client0')
        for family in (4, 6):
            address(self.client, 'eth0', CLIENT[family], CLIENT_LENGTH[family])
            address(self.router, 'client0', CLIENT_GATEWAY[family], CLIENT_LENGTH[family])
            route(self.client, 'default', CLIENT_GATEWAY[family], family)

    def _join_balancer(self):
        join(self.balancer, 'wan0', self.router, 'wan0')
        for family in (4, 6):
            address(self.balancer, 'wan0', WAN_BALANCER[family], WAN_LENGTH[family])
            address(self.router, 'wan0', WAN_ROUTER[family], WAN_LENGTH[family])
            route(self.balancer, 'default', WAN_ROUTER[family], family)
            route(self.router, VIP_PREFIX[family], WAN_BALANCER[family], family)

    def _join_lan(self):
        join(self.balancer, 'lan0', self.router, 'lan0')
        self.router.ip('link', 'set', 'lan0', 'master', 'lan')
        for name, server in self.servers.items():
            join(server, 'eth0', self.router, name)
            self.router.ip('link', 'set', name, 'master', 'lan')
        self.router.ip('link', 'set', 'lan', 'up')
        for family in (4, 6):
            address(self.router, 'lan', LAN_ROUTER[family], LAN_LENGTH[family])
            address(self.balancer, 'lan0', LAN_BALANCER[family], LAN_LENGTH[family])
            for name, server in self.servers.items():
                address(server, 'eth0', SERVER[name][family], LAN_LENGTH[family])
                route(server, 'default', LAN_ROUTER[family], family)

    def _prepare_router(self):
        self.router.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1,
                           ipv4__conf__all__send_redirects=0, ipv4__icmp_ratelimit=0)

    def _prepare_balancer(self):
        # Deprecated addresses: the kernel answers ARP and ND for them, and never picks one itself.
        for family in (4, 6):
            for source in SOURCE_POOL[family]:
                address(self.balancer, 'lan0', source, VIP_LENGTH[family], 'preferred_lft', '0')
        if self.driver == 'af_packet':
            self._hide_sources_from_kernel()

    def _hide_sources_from_kernel(self):
        # An af_packet port sees a copy: without this the kernel would reset the servers' answers.
        # A rule in front of the local table; ARP and ND do not match it and are answered.
        for family in (4, 6):
            self.balancer.ip(f'-{family}', 'rule', 'add', 'pref', '100', 'lookup', 'local')
            self.balancer.ip(f'-{family}', 'rule', 'delete', 'pref', '0')
            for source in SOURCE_POOL[family]:
                for layer4 in ('tcp', 'udp'):
                    self.balancer.ip(f'-{family}', 'rule', 'add', 'pref', '50', 'iif', 'lan0',
                                     'to', source, 'ipproto', layer4, 'blackhole')

    def delete(self):
        for namespace in self.namespaces:
            namespace.delete()
        self.namespaces = []


def join(left, left_name, right, right_name):
    """A veth pair between two namespaces, up, without transmit offloads."""
    left.ip('link', 'add', left_name, 'type', 'veth', 'peer', 'name', right_name,
            'netns', right.name)
    for namespace, name in ((left, left_name), (right, right_name)):
        # Else a packet reaches the balancer with a checksum that nobody has computed yet.
        namespace.run('ethtool', '-K', name, 'tx', 'off')
        namespace.ip('link', 'set', name, 'up')


def address(namespace, device, text, length, *more):
    nodad = ['nodad'] if ':' in text else []
    namespace.ip('address', 'add', f'{text}/{length}', 'dev', device, *nodad, *more)


def route(namespace, prefix, gateway, family):
    namespace.ip(f'-{family}', 'route', 'add', prefix, 'via', gateway)


def prepare_server(server):
    """Holds the VIPs on the loopback and does not speak of them on the link."""
    server.sysctl(ipv4__conf__all__arp_ignore=1, ipv4__conf__all__arp_announce=2)
    for text in SERVER_VIPS:
        address(server, 'lo', text, VIP_LENGTH[6 if ':' in text else 4])
