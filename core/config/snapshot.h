#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/balance/slots.h"
#include "core/config/choosing.h"
#include "core/config/config.h"
#include "core/config/paged.h"
#include "core/config/paths.h"
#include "core/config/quic_routes.h"
#include "core/config/service_numbers.h"
#include "core/config/vip_table.h"
#include "core/config/wide_listeners.h"
#include "core/flow/five_tuple.h"
#include "core/health/health_table.h"
#include "core/health/state.h"
#include "core/limit/source_rules.h"
#include "core/net/encap.h"
#include "core/net/prefix_table.h"

// What the workers forward by: Config, Health and Paths compiled into tables. Immutable once
// published. Listeners and backends keep their number from one snapshot to the next, so that flow
// entries and counters stay valid. Snapshots share what is the same in both: a flip of one backend
// among a hundred thousand costs its service's part.

namespace sluice {

/// A listener's number, stable over snapshots. Also an index into Snapshot::listeners.
enum class ListenerId : std::uint16_t {};
/// A backend's number, stable over snapshots. Also an index into Snapshot::backends.
enum class BackendId : std::uint32_t {};

inline constexpr std::size_t listeners_max = 16'384;
inline constexpr std::size_t backends_max = 262'144;
inline constexpr std::size_t services_max = 8'192;
inline constexpr std::size_t source_addresses_max = 1'024;
/// Names of ports, services and backends are at most this long.
inline constexpr std::size_t name_bytes_max = 63;

/// A port's place in Config::ports.
using PortIndex = std::uint16_t;
inline constexpr PortIndex no_port = 0xffff;

/// What a flow entry holds: a backend's number and which holder of that number is meant, so that an
/// entry that outlived its backend is recognised when the number has a new owner.
struct Target {
  std::uint32_t bits = 0;
  static constexpr unsigned index_bits = 20;
  static_assert(backends_max <= 1U << index_bits);
  [[nodiscard]] static constexpr Target of(BackendId backend, std::uint16_t incarnation) {
    return {static_cast<std::uint32_t>(incarnation) << index_bits |
            static_cast<std::uint32_t>(backend)};
  }
  [[nodiscard]] constexpr BackendId backend() const {
    return BackendId{bits & ((1U << index_bits) - 1)};
  }
  [[nodiscard]] constexpr std::uint16_t incarnation() const {
    return static_cast<std::uint16_t>(bits >> index_bits);
  }
  friend constexpr bool operator==(Target, Target) = default;
};

/// What one VIP and port of a service became: one address, port and protocol, or more of each.
struct Listener {
  Address vip;  // the first address
  Port port;    // the first port
  Protocol protocol = Protocol::tcp;
  std::uint32_t service = 0;  // index into Snapshot::services
  bool in_use = false;
  Guards guards;
  bool is_wide = false;          // more than one address, port and protocol
  std::uint8_t prefix_bits = 0;  // of the addresses
  Port last_port;

  [[nodiscard]] static Listener of(const Listening& what, std::uint32_t service) {
    return {.vip = what.vips.prefix.address,
            .port = what.ports.first,
            .protocol = what.protocol,
            .service = service,
            .in_use = true,
            .guards = {},
            .is_wide = what.is_wide(),
            .prefix_bits = what.vips.prefix.length_bits,
            .last_port = what.ports.last};
  }
  [[nodiscard]] Listening listening() const {
    return {VipBlock(Prefix{vip, prefix_bits}), {port, last_port}, protocol};
  }
};

/// By what a flow to this listener is hashed and remembered: without ports and protocol where the
/// service is for any protocol.
[[nodiscard]] inline FiveTuple flow_tuple(const Listener& listener, const FiveTuple& tuple) {
  if (listener.protocol != Protocol::any) return tuple;
  return {tuple.source, tuple.destination, {}, {}, Protocol::any};
}

/// What the last step does with a packet: `forward`, but by what that costs. Tunnels whose headers
/// are the same for all flows and need no more than an IP header are apart from the others.
enum class Sending : std::uint8_t { plain_ipip, l2dsr, tunnel, l3dsr, nat, proxied_nat, nat64 };
[[nodiscard]] constexpr bool has_session(Sending sending) { return sending >= Sending::nat; }

/// What a packet of a known flow needs comes first, and of a tunnel over IPv4 all of it in one
/// cache line.
struct alignas(64) Backend {
  Target target;  // what new flow entries to it hold
  std::uint32_t service = 0;
  std::uint32_t idle_timeout_seconds = 0;  // the service's
  std::uint16_t inner_mtu_bytes = 0;       // largest IP packet of a client that fits the path
  PortIndex out_port = no_port;
  Sending sending = Sending::plain_ipip;  // the service's
  bool in_use = false;       // when not, `target` is the last holder's, so that the next one gets
                             // another incarnation
  bool keeps_flows = false;  // flows that are on it stay: it is not down, or everything is;
                             // never with one_packet, which remembers no flows
  bool has_path = false;     // `path` is there
  LinkHeader link;           // towards it
  OuterHeader outer;         // tunnels: the headers to put in front

  std::uint16_t mss_ipv4_bytes_max = 0;  // of SYNs in IPv4, there and back; 0: as they are
  std::uint16_t mss_ipv6_bytes_max = 0;  // and in IPv6
  std::uint8_t l3dsr_dscp = 0;           // l3dsr: what its packets are marked with
  std::string service_name;
  std::string name;
  Address address;
  Port port;  // 0: unchanged by forwarding
  std::uint16_t weight = 1;
  std::uint32_t max_connections = 0;  // 0: no limit
  TargetState health = TargetState::unknown;
  std::uint8_t ramp_tenths = ramp_tenths_full;  // of its weight that counts, 1 to 10
  bool drained = false;
  std::optional<Path> path;         // none: unreachable, packets to it are dropped and counted
  std::string_view no_path_reason;  // a literal, when there is no path
  std::optional<Tunnel> tunnel;     // what `outer` was made from, for people
};

/// One backend's claim to slots.
struct SlotShare {
  BackendId backend{};
  std::uint16_t weight = 0;
  friend bool operator==(const SlotShare&, const SlotShare&) = default;
};

struct Service {
  std::string name;
  std::uint32_t number = 0;  // its place in Snapshot::services
  Forward forward = Forward::ipip;
  Protocol protocol = Protocol::tcp;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  SynCookies syn_cookies = SynCookies::off;
  std::uint32_t idle_timeout_seconds = 900;
  std::shared_ptr<const SlotTable>
      slots;  // of BackendIds, never null; empty when there is no backend to choose
  std::shared_ptr<const QuicRoutes> quic;  // null without quic_lb
  std::vector<SlotShare> shares;           // what the slots were built from
  Choosing choosing;
  std::vector<BackendId> backends;
  std::shared_ptr<const PrefixTable> access;  // which clients may use it; null: all
  SourceRules source_rules;
  std::vector<std::uint16_t> source_pool;  // nat: indexes into Snapshot::sources
  bool resets_on_death = false;            // a TCP flow without its backend ends instead of moving
  bool panic = false;                      // no backend is up or unknown: all are used
};

using Services = Paged<Service, 16>;
using Backends = Paged<Backend, 64>;

/// All that a snapshot follows from. Objects that are the same need not be looked at again.
struct SnapshotInputs {
  std::shared_ptr<const Config> config = std::make_shared<const Config>();
  HealthTable health;
  std::shared_ptr<const Paths> paths = std::make_shared<const Paths>();
};

struct Snapshot {
  SnapshotInputs inputs;
  ServiceNumbers service_numbers;
  Services services;
  std::vector<Listener> listeners;  // by ListenerId; in_use or free
  Backends backends;                // by BackendId; in_use or free
  std::vector<Address> sources;     // every source-pool address; an index stays with its address
  VipTable vips;
  std::shared_ptr<const PrefixTable> access;  // who may send to any VIP; null: everybody
  // Changes with whatever the counts of open connections depend on: see SourceTable.
  std::uint64_t source_rules_signature = 0;

  WideListeners wide;
  std::uint64_t hash_seed = 0;

  [[nodiscard]] const Config& config() const { return *inputs.config; }
  [[nodiscard]] const Backend& backend(BackendId id) const {
    return backends[static_cast<std::size_t>(id)];
  }
  /// Null when there is none of this name.
  [[nodiscard]] const Service* service(std::string_view name) const {
    const auto number = service_numbers.find(name);
    return number ? &services[*number] : nullptr;
  }
  [[nodiscard]] const Listener& listener(ListenerId id) const {
    return listeners[static_cast<std::size_t>(id)];
  }
  /// The listener of a packet to this destination: the exact one, or else the most specific wide
  /// one.
  [[nodiscard]] std::optional<ListenerId> listener_of(const Address& vip, Port port,
                                                      Protocol protocol) const {
    if (const auto* exact = vips.find(vip, port.be(), protocol)) return ListenerId{exact->id};
    const auto id = wide.find(vip, port, has_ports(protocol) ? protocol : Protocol::any);
    return id ? std::optional(ListenerId{*id}) : std::nullopt;
  }
  /// The backend of a flow entry, or null when the number has another owner by now.
  [[nodiscard]] const Backend* owner(Target target) const {
    const auto index = static_cast<std::size_t>(target.backend());
    if (index >= backends.size() || backends[index].target != target) return nullptr;
    return backends[index].in_use ? &backends[index] : nullptr;
  }
};

}  // namespace sluice
