#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/access.h"
#include "core/config/listening.h"
#include "core/config/mss_clamp.h"
#include "core/config/tunnel.h"
#include "core/net/address.h"
#include "core/net/encap.h"
#include "core/net/quic_lb.h"

// What the operator wrote, after parsing and before compiling. Plain values: compared with ==, sent
// whole from the control plane to the data plane (core/contract/codec.h), printed as JSON. Every
// struct lists its fields once, in `fields`, under the name the operator uses; codec, JSON and diff
// all walk that list.

namespace sluice {

enum class Driver : std::uint8_t { af_xdp, af_packet, tap, pci, vdev };
enum class Hugepages : std::uint8_t { automatic, on, off };
// What a worker does that finds nothing to do: looks again at once, or sleeps a little.
enum class Idle : std::uint8_t { poll, sleep };
enum class Forward : std::uint8_t { ipip, l2dsr, nat, gue, gre, l3dsr, local };
enum class Balance : std::uint8_t {
  maglev,
  rendezvous,
  weighted_round_robin,
  weighted_least_connection,
};
enum class HashOf : std::uint8_t { flow, source };
enum class ProxyProtocol : std::uint8_t { off, v2 };
enum class SynCookies : std::uint8_t { off, automatic, always };
enum class ProbeType : std::uint8_t { none, tcp, http };
// What becomes of a TCP flow whose backend is gone: it goes to another, or its client is reset.
enum class OnDeath : std::uint8_t { repick, reset };

// The operator's spelling of each enumerator, in order of declaration. One list serves parsing,
// printing and the "write one of ..." of an error message.
template <typename Enum>
struct Spelling;
template <>
struct Spelling<Driver> {
  static constexpr std::string_view names[] = {"af_xdp", "af_packet", "tap", "pci", "vdev"};
};
template <>
struct Spelling<Hugepages> {
  static constexpr std::string_view names[] = {"auto", "on", "off"};
};
template <>
struct Spelling<Idle> {
  static constexpr std::string_view names[] = {"poll", "sleep"};
};
template <>
struct Spelling<Forward> {
  static constexpr std::string_view names[] = {"ipip", "l2dsr", "nat",  "gue",
                                               "gre",  "l3dsr", "local"};
};
template <>
struct Spelling<Balance> {
  static constexpr std::string_view names[] = {"maglev", "rendezvous", "weighted_round_robin",
                                               "weighted_least_connection"};
};
template <>
struct Spelling<HashOf> {
  static constexpr std::string_view names[] = {"5tuple", "source"};
};
template <>
struct Spelling<ProxyProtocol> {
  static constexpr std::string_view names[] = {"off", "v2"};
};
template <>
struct Spelling<SynCookies> {
  static constexpr std::string_view names[] = {"off", "auto", "always"};
};
template <>
struct Spelling<ProbeType> {
  static constexpr std::string_view names[] = {"none", "tcp", "http"};
};
template <>
struct Spelling<OnDeath> {
  static constexpr std::string_view names[] = {"repick", "reset"};
};
template <>
struct Spelling<Protocol> {
  static constexpr std::string_view names[] = {"tcp", "udp", "sctp", "any"};
  static constexpr Protocol values[] = {Protocol::tcp, Protocol::udp, Protocol::sctp,
                                        Protocol::any};
};

/// The enumerator's place in its spelling list, or a number beyond it for a value that is none (a
/// decoder hands over whatever it was sent). Protocol's values are IANA numbers, so it has its own.
template <typename Enum>
[[nodiscard]] constexpr std::size_t spelling_index(Enum value) {
  if constexpr (std::is_same_v<Enum, Protocol>)
    return static_cast<std::size_t>(std::ranges::find(Spelling<Protocol>::values, value) -
                                    std::begin(Spelling<Protocol>::values));
  else
    return static_cast<std::size_t>(value);
}
template <typename Enum>
[[nodiscard]] constexpr std::string_view spell(Enum value) {
  const std::size_t index = spelling_index(value);
  return index < std::size(Spelling<Enum>::names) ? Spelling<Enum>::names[index] : "?";
}
template <typename Enum>
[[nodiscard]] constexpr std::optional<Enum> parse_spelling(std::string_view text) {
  for (std::size_t i = 0; i < std::size(Spelling<Enum>::names); ++i) {
    if (Spelling<Enum>::names[i] != text) continue;
    if constexpr (std::is_same_v<Enum, Protocol>)
      return Spelling<Protocol>::values[i];
    else
      return static_cast<Enum>(i);
  }
  return std::nullopt;
}

/// The process-wide settings of sluice-dataplane; changing any of them needs a restart of that
/// process.
struct DataplaneConfig {
  std::vector<std::uint16_t>
      cores;  // one worker each, pinned; empty: the last core of this machine
  Idle idle = Idle::poll;
  Hugepages hugepages = Hugepages::automatic;
  std::uint32_t memory_mib = 256;  // for packet buffers, 64 to 1,048,576
  std::uint32_t flows_max =
      1'000'000;                // flows remembered per worker and family, 1,024 to 134,217,728
  std::uint64_t hash_seed = 0;  // must be the same on every balancer of a cluster

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("cores", self.cores);
    visit("idle", self.idle);
    visit("hugepages", self.hugepages);
    visit("memory_mib", self.memory_mib);
    visit("flows_max", self.flows_max);
    visit("hash_seed", self.hash_seed);
  }
  friend bool operator==(const DataplaneConfig&, const DataplaneConfig&) = default;
};

/// One network port. `device` is what the driver needs: an interface name (af_xdp, af_packet: it
/// exists; tap: it is made), a PCI address (pci), or a DPDK device string (vdev: "net_null0",
/// "net_memif0,role=client").
struct PortConfig {
  std::string name;
  Driver driver = Driver::af_xdp;
  std::string device;
  std::uint16_t queues = 1;  // receive queues, 1 to 64, spread over the workers
  // pci and vdev: the kernel's view of the port, a TAP interface called `name` with the port's MAC
  // address; packets that are not ours go to it and its packets go out. Other drivers share the
  // device with the kernel anyway.
  bool kernel_tap = false;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("driver", self.driver);
    visit("device", self.device);
    visit("queues", self.queues);
    visit("kernel_tap", self.kernel_tap);
  }
  friend bool operator==(const PortConfig&, const PortConfig&) = default;

  /// The kernel interface through which this port's routes and neighbours are learnt.
  [[nodiscard]] const std::string& kernel_interface() const {
    return driver == Driver::pci || driver == Driver::vdev ? name : device;
  }
};

struct HealthConfig {
  ProbeType type = ProbeType::none;
  std::chrono::milliseconds interval{1000};  // between the starts of two probes, 50 ms to 1 h
  std::chrono::milliseconds timeout{500};    // for the whole probe, at most the interval
  std::uint16_t rise = 2;                    // successes in a row that bring a target up, 1 to 100
  std::uint16_t fall = 3;                    // failures in a row that take it down, 1 to 100
  Port port;                                 // 0: the backend's or the service's port
  std::string path = "/";                    // http
  std::string host;                          // http: the Host field; empty: the target's address
  std::uint16_t status_min = 200;            // http: accepted status codes
  std::uint16_t status_max = 399;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("type", self.type);
    visit("interval", self.interval);
    visit("timeout", self.timeout);
    visit("rise", self.rise);
    visit("fall", self.fall);
    visit("port", self.port);
    visit("path", self.path);
    visit("host", self.host);
    visit("status_min", self.status_min);
    visit("status_max", self.status_max);
  }
  friend bool operator==(const HealthConfig&, const HealthConfig&) = default;
};

/// A client stays on its backend, over many flows. No affinity without a timeout.
struct AffinityConfig {
  std::chrono::milliseconds timeout{0};  // after the client's last new flow; 0: none, 1 s to 8 h
  std::uint8_t netmask4 = 32;            // bits of an IPv4 client's address that count, 1 to 32
  std::uint8_t netmask6 = 128;           // and of an IPv6 client's, 1 to 128

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("timeout", self.timeout);
    visit("netmask4", self.netmask4);
    visit("netmask6", self.netmask6);
  }
  friend bool operator==(const AffinityConfig&, const AffinityConfig&) = default;
};

struct BackendConfig {
  std::string
      name;  // unique within its service; with the service's name it is the backend's identity
  Address address;
  Port port;                                  // nat only; 0: the port that the client wrote to
  std::uint16_t weight = 1;                   // 0 to 1,000; 0 takes no new flow
  bool drain = false;                         // keeps its flows, takes no new one
  std::uint32_t max_connections = 0;          // flows at a time over all workers; 0: no limit
  std::vector<QuicServerId> quic_server_ids;  // with quic_lb: one for each server_id_length

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("address", self.address);
    visit("port", self.port);
    visit("weight", self.weight);
    visit("drain", self.drain);
    visit("max_connections", self.max_connections);
    visit("quic_server_id", self.quic_server_ids);
  }
  friend bool operator==(const BackendConfig&, const BackendConfig&) = default;
};

/// The size of a slot table where the operator gives none.
[[nodiscard]] constexpr std::uint32_t default_slots(Balance balance) {
  return balance == Balance::rendezvous ? 1U << 20 : 65'537;
}

struct ServiceConfig {
  std::string name;
  std::vector<VipBlock> vips;
  std::vector<PortRange> ports;  // none with Protocol::any
  Protocol protocol = Protocol::tcp;
  Forward forward = Forward::ipip;
  Balance balance = Balance::maglev;
  std::uint32_t slots = default_slots(Balance::maglev);  // a prime; rendezvous: a power of two
  HashOf hash = HashOf::flow;                            // what the slot is chosen by
  AffinityConfig affinity;
  bool one_packet = false;                            // udp: each datagram is picked anew
  std::vector<Address> source_pool;                   // nat: our addresses that servers see
  ProxyProtocol proxy_protocol = ProxyProtocol::off;  // nat and TCP: tells servers the client
  SynCookies syn_cookies = SynCookies::off;           // nat and TCP: no state for half-open flows
  std::uint8_t gue_variant = 1;                  // gue: 1 no header after UDP, 0 one of four bytes
  Port gue_port = gue_port_default;              // gue: the servers' port
  TunnelSource tunnel_source;                    // tunnels: the outer source address
  std::uint8_t tunnel_ttl = tunnel_ttl_default;  // tunnels: 1 to 255
  TunnelDscp tunnel_dscp;                        // tunnels: of the outer header
  std::vector<QuicLbConfig> quic_lb;             // udp: by whose connection IDs packets go first
  std::uint8_t l3dsr_dscp = 0;                   // l3dsr: 1 to 63, by which servers know the VIP
  std::uint16_t mtu_bytes = 0;                   // of packets to backends; 0: the path's
  MssClamp mss_clamp;                            // of TCP's SYNs
  std::chrono::milliseconds idle_timeout{0};     // 0: 2 min for UDP, 15 min for others
  std::vector<AccessItem> deny;                  // clients that may not use it
  std::vector<AccessItem> allow;                 // not empty: the only ones that may
  // What one client may do, on each worker; 0: no limit. A burst of 0 is one second's worth.
  std::uint32_t source_packets_per_second = 0;
  std::uint32_t source_packets_burst = 0;
  std::uint32_t source_connections_per_second = 0;
  std::uint32_t source_connections_burst = 0;
  std::uint32_t source_connections = 0;     // open at once
  std::uint8_t limit_netmask6 = 64;         // IPv6 clients with these bits in common are one
  std::chrono::milliseconds slow_start{0};  // 0: none; else 1 s to 1 h
  OnDeath on_death = OnDeath::repick;       // tcp
  HealthConfig health;
  std::vector<BackendConfig> backends;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name);
    visit("vip", self.vips);
    visit("port", self.ports);
    visit("protocol", self.protocol);
    visit("forward", self.forward);
    visit("balance", self.balance);
    visit("slots", self.slots);
    visit("hash", self.hash);
    visit("affinity", self.affinity);
    visit("one_packet", self.one_packet);
    visit("source_pool", self.source_pool);
    visit("proxy_protocol", self.proxy_protocol);
    visit("syn_cookies", self.syn_cookies);
    visit("gue_variant", self.gue_variant);
    visit("gue_port", self.gue_port);
    visit("tunnel_source", self.tunnel_source);
    visit("tunnel_ttl", self.tunnel_ttl);
    visit("tunnel_dscp", self.tunnel_dscp);
    visit("l3dsr_dscp", self.l3dsr_dscp);
    visit("mtu", self.mtu_bytes);
    visit("mss_clamp", self.mss_clamp);
    visit("idle_timeout", self.idle_timeout);
    visit("slow_start", self.slow_start);
    visit("on_death", self.on_death);
    visit("quic_lb", self.quic_lb);
    visit("deny", self.deny);
    visit("allow", self.allow);
    visit("source_packets_per_second", self.source_packets_per_second);
    visit("source_packets_burst", self.source_packets_burst);
    visit("source_connections_per_second", self.source_connections_per_second);
    visit("source_connections_burst", self.source_connections_burst);
    visit("source_connections", self.source_connections);
    visit("limit_netmask6", self.limit_netmask6);
    visit("health", self.health);
    visit("backend", self.backends);
  }
  friend bool operator==(const ServiceConfig&, const ServiceConfig&) = default;

  /// What its listeners on this VIP take: one for each port.
  [[nodiscard]] std::vector<Listening> listenings_of(const VipBlock& vip) const;
  /// Whether IPv6 clients are translated to IPv4 servers (RFC 6146).
  [[nodiscard]] bool is_nat64() const {
    return forward == Forward::nat && !vips.empty() && !source_pool.empty() &&
           !vips.front().prefix.address.is_ipv4() && source_pool.front().is_ipv4();
  }
  [[nodiscard]] std::chrono::milliseconds effective_idle_timeout() const {
    if (idle_timeout.count() != 0) return idle_timeout;
    return protocol == Protocol::udp ? std::chrono::minutes(2) : std::chrono::minutes(15);
  }
};

struct Config {
  DataplaneConfig dataplane;
  std::vector<PortConfig> ports;
  std::vector<ServiceConfig> services;
  AccessConfig access;
  std::vector<PrefixListConfig> prefix_lists;

  template <typename Self, typename Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("dataplane", self.dataplane);
    visit("port", self.ports);
    visit("service", self.services);
    visit("access", self.access);
    visit("prefix_list", self.prefix_lists);
  }
  friend bool operator==(const Config&, const Config&) = default;
};

/// One thing that is wrong with a Config. `path` names the value in the operator's words, indexes
/// from 0: "service[2].backend[1].address". The control plane turns it into line and column.
struct ConfigError {
  std::string path;
  std::string what;    // "address 10.0.1.300 is not an IPv4 or IPv6 address"
  std::string remedy;  // "write it as 10.0.1.30 or 2001:db8::30"
  friend bool operator==(const ConfigError&, const ConfigError&) = default;
};

/// Every error that can be seen in the Config alone: duplicates, overlaps, limits, modes that
/// cannot work. Empty: the Config compiles.
[[nodiscard]] std::vector<ConfigError> validate(const Config& config);

}  // namespace sluice
