#include "core/config/compile.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "core/balance/maglev.h"

namespace sluice {
namespace {

constexpr std::uint16_t mtu_bytes_min = 68;  // RFC 791: every link carries that much

using BackendIdentity = std::tuple<std::string_view, std::string_view, Address, Port>;
using ListenerIdentity = std::tuple<Address, Port, Protocol>;

// The runtime state, arranged for look-up.
struct Lookups {
  std::map<std::pair<std::string_view, std::string_view>, TargetState> health;
  std::unordered_map<Address, const Path*> paths;
  std::map<std::string_view, PortIndex> ports;

  Lookups(const Config& config, const Health& health_now, const Paths& paths_now) {
    for (const Health::Entry& entry : health_now.entries)
      health[{entry.service, entry.backend}] = entry.state;
    for (const Path& path : paths_now.entries) paths[path.destination] = &path;
    for (std::size_t i = 0; i < config.ports.size(); ++i)
      ports[config.ports[i].name] = static_cast<PortIndex>(i);
  }
};

BackendIdentity identity_of(const Backend& backend) {
  return {backend.service_name, backend.name, backend.address, backend.port};
}

// Copies what is numbered from the previous snapshot, all marked free; the configuration then
// claims its own back.
void inherit_numbers(Snapshot& out, const Snapshot* previous) {
  if (previous == nullptr) return;
  out.listeners = previous->listeners;
  for (Listener& listener : out.listeners) listener.in_use = false;
  out.backends.resize(previous->backends.size());
  for (std::size_t i = 0; i < out.backends.size(); ++i)
    out.backends[i].target = previous->backends[i].target;
  out.sources = previous->sources;
}

// The number that a backend had, or a free one with a new incarnation, or a new one.
class BackendNumbers {
 public:
  BackendNumbers(Snapshot& out, const Snapshot* previous) : out_(out) {
    for (std::size_t i = 0; previous != nullptr && i < previous->backends.size(); ++i) {
      const Backend& backend = previous->backends[i];
      if (backend.in_use) known_[identity_of(backend)] = i;
    }
    for (std::size_t i = 0; i < out.backends.size(); ++i)
      if (!previous->backends[i].in_use) free_.push_back(i);
  }
  std::size_t claim(const BackendIdentity& identity) {
    if (const auto it = known_.find(identity); it != known_.end()) return it->second;
    // A number is reused only when half of them are spent: entries of its last owner have aged out
    // by then.
    if (!free_.empty() && out_.backends.size() >= backends_max / 2) {
      const std::size_t index = free_.back();
      free_.pop_back();
      const Target last = out_.backends[index].target;
      out_.backends[index].target =
          Target::of(BackendId{static_cast<std::uint32_t>(index)},
                     static_cast<std::uint16_t>(last.incarnation() + 1) % 4096);
      return index;
    }
    const std::size_t index = out_.backends.size();
    out_.backends.emplace_back();
    out_.backends[index].target = Target::of(BackendId{static_cast<std::uint32_t>(index)}, 0);
    return index;
  }

 private:
  Snapshot& out_;
  std::map<BackendIdentity, std::size_t> known_;
  std::vector<std::size_t> free_;
};

// Free numbers of listeners are reused at once: an entry under an old meaning names a backend of
// another service, which the packet path sees and treats as unknown.
class ListenerNumbers {
 public:
  explicit ListenerNumbers(Snapshot& out, const Snapshot* previous) : out_(out) {
    for (std::size_t i = 0; i < out.listeners.size(); ++i) {
      const Listener& listener = out.listeners[i];
      if (previous->listeners[i].in_use)
        known_[{listener.vip, listener.port, listener.protocol}] = i;
      else
        free_.push_back(i);
    }
  }
  std::size_t claim(const ListenerIdentity& identity) {
    if (const auto it = known_.find(identity); it != known_.end()) return it->second;
    if (!free_.empty() && out_.listeners.size() >= listeners_max / 2) {
      const std::size_t index = free_.back();
      free_.pop_back();
      return index;
    }
    out_.listeners.emplace_back();
    return out_.listeners.size() - 1;
  }

 private:
  Snapshot& out_;
  std::map<ListenerIdentity, std::size_t> known_;
  std::vector<std::size_t> free_;
};

// Marks the known addresses that this configuration still has, so that none of their indexes is
// given to a new address.
std::vector<bool> keep_sources(const std::vector<Address>& sources, const Config& config) {
  std::set<Address> wanted;
  for (const ServiceConfig& service : config.services)
    wanted.insert(service.source_pool.begin(), service.source_pool.end());
  std::vector<bool> claimed;
  for (const Address& source : sources) claimed.push_back(wanted.contains(source));
  return claimed;
}

std::uint16_t claim_source(std::vector<Address>& sources, const Address& address,
                           std::vector<bool>& claimed) {
  std::size_t index = 0;
  while (index < sources.size() && sources[index] != address) ++index;
  if (index == sources.size() && sources.size() >= source_addresses_max) {
    index = 0;
    while (claimed[index]) ++index;  // validate keeps the configured ones below half of the maximum
    sources[index] = address;
  } else if (index == sources.size()) {
    sources.push_back(address);
  }
  claimed.resize(sources.size());
  claimed[index] = true;
  return static_cast<std::uint16_t>(index);
}

// How the service's tunnels are marked; nothing when it has none.
std::optional<Encapsulation> encapsulation_of(const ServiceConfig& service) {
  switch (service.forward) {
    case Forward::ipip:
      return Encapsulation::ipip;
    case Forward::gre:
      return Encapsulation::gre;
    case Forward::gue:
      return service.gue_variant == 0 ? Encapsulation::gue_header : Encapsulation::gue_direct;
    case Forward::l2dsr:
    case Forward::nat:
      break;
  }
  return std::nullopt;
}

Sending sending_of(const ServiceConfig& service) {
  switch (service.forward) {
    case Forward::ipip:
      return service.tunnel_source.prefix && !service.tunnel_source.prefix->is_one_address()
                 ? Sending::tunnel
                 : Sending::plain_ipip;
    case Forward::gre:
    case Forward::gue:
      return Sending::tunnel;
    case Forward::l2dsr:
      return Sending::l2dsr;
    case Forward::nat:
      return Sending::nat;
  }
  return Sending::plain_ipip;
}

Prefix tunnel_source_of(const ServiceConfig& service, const Path& path) {
  const std::uint8_t all_bits = path.source.is_ipv4() ? 32 : 128;
  return service.tunnel_source.prefix.value_or(Prefix{path.source, all_bits});
}

// Sets how packets reach the backend, or why they cannot.
void connect_backend(Backend& backend, const ServiceConfig& service, const Lookups& lookups) {
  const auto found = lookups.paths.find(backend.address);
  if (found == lookups.paths.end()) {
    backend.no_path_reason = "the kernel has no route or no neighbour for it yet";
    return;
  }
  const Path& path = *found->second;
  const auto port = lookups.ports.find(path.port);
  if (port == lookups.ports.end()) {
    backend.no_path_reason = "its route leaves by an interface that is no [[port]]";
    return;
  }
  if (service.forward == Forward::l2dsr && path.next_hop != backend.address) {
    // A router would send the packet, still addressed to the VIP, back to us.
    backend.no_path_reason = "it is behind a router, and l2dsr needs it on the same link";
    return;
  }
  if (path.mtu_bytes < mtu_bytes_min || path.source.family() != backend.address.family()) {
    backend.no_path_reason = "its route has no usable source address or MTU";
    return;
  }
  backend.path = path;
  backend.out_port = port->second;
  backend.link = {path.next_hop_mac, path.source_mac};
  backend.inner_mtu_bytes = path.mtu_bytes;
  if (const auto encapsulation = encapsulation_of(service)) {
    backend.tunnel = {.source = tunnel_source_of(service, path),
                      .destination = backend.address,
                      .encapsulation = *encapsulation,
                      .port = service.gue_port,
                      .ttl = service.tunnel_ttl,
                      .dscp = service.tunnel_dscp.value};
    backend.outer = OuterHeader(*backend.tunnel);
    backend.inner_mtu_bytes =
        static_cast<std::uint16_t>(path.mtu_bytes - backend.outer.length_bytes());
  }
}

Backend make_backend(const ServiceConfig& service, const BackendConfig& config,
                     const Lookups& lookups) {
  Backend out;
  out.service_name = service.name;
  out.name = config.name;
  out.address = config.address;
  out.port = config.port;
  if (service.forward == Forward::nat && config.port.value() == 0 && service.ports.size() == 1)
    out.port = service.ports.front();
  out.weight = config.weight;
  out.drained = config.drain;
  out.in_use = true;
  if (service.health.type == ProbeType::none) {
    out.health = TargetState::up;
  } else {
    const auto it = lookups.health.find({service.name, config.name});
    out.health = it == lookups.health.end() ? TargetState::unknown : it->second;
  }
  connect_backend(out, service, lookups);
  return out;
}

// Who may take new flows: those that are up; while there is none, those nobody has heard of; while
// there is none either, all (the panic rule: a wrong verdict on every server is likelier than the
// death of every server).
std::vector<SlotShare> choose_shares(Service& service, std::vector<Backend>& backends) {
  const auto with_state = [&](std::initializer_list<TargetState> states) {
    std::vector<SlotShare> out;
    for (const BackendId id : service.backends) {
      const Backend& backend = backends[static_cast<std::size_t>(id)];
      const bool wanted = std::ranges::find(states, backend.health) != states.end();
      if (wanted && !backend.drained && backend.weight > 0) out.push_back({id, backend.weight});
    }
    return out;
  };
  if (auto up = with_state({TargetState::up}); !up.empty()) return up;
  if (auto unknown = with_state({TargetState::unknown}); !unknown.empty()) return unknown;
  auto all = with_state({TargetState::down});
  service.panic = !all.empty();
  return all;
}

const Service* service_named(const Snapshot* previous, std::string_view name) {
  if (previous == nullptr) return nullptr;
  const auto it = std::ranges::find(previous->services, name, &Service::name);
  return it == previous->services.end() ? nullptr : &*it;
}

void fill_slots(Service& service, Snapshot& out, const ServiceConfig& config,
                const Snapshot* previous) {
  service.shares = choose_shares(service, out.backends);
  for (const BackendId id : service.backends) {
    Backend& backend = out.backends[static_cast<std::size_t>(id)];
    backend.keeps_flows = backend.health != TargetState::down || service.panic;
  }
  const Service* before = service_named(previous, service.name);
  if (before != nullptr && before->shares == service.shares &&
      (before->slots->size() == config.slots || service.shares.empty())) {
    service.slots = before->slots;
    return;
  }
  std::vector<MaglevBackend> candidates;
  for (const SlotShare& share : service.shares)
    candidates.push_back(
        {out.backend(share.backend).name, share.weight, static_cast<std::uint32_t>(share.backend)});
  service.slots = std::make_shared<const SlotTable>(build_maglev(candidates, config.slots));
}

void build_vip_table(Snapshot& out, const std::vector<bool>& claimed_sources) {
  std::vector<VipTable::Listener> listeners;
  std::map<Address, OwnAddress> addresses;
  for (std::size_t i = 0; i < out.listeners.size(); ++i) {
    const Listener& listener = out.listeners[i];
    if (!listener.in_use) continue;
    listeners.push_back({.vip = listener.vip,
                         .port = listener.port.be(),
                         .protocol = listener.protocol,
                         .used = true,
                         .id = static_cast<std::uint16_t>(i)});
    addresses[listener.vip] = {.address = listener.vip, .used = true, .is_vip = true};
  }
  for (std::size_t i = 0; i < claimed_sources.size(); ++i)
    if (claimed_sources[i])
      addresses[out.sources[i]] = {
          .address = out.sources[i], .used = true, .source_index = static_cast<std::uint16_t>(i)};
  std::vector<OwnAddress> list;
  for (const auto& [address, own] : addresses) list.push_back(own);
  out.vips = VipTable(listeners, list);
}

}  // namespace

std::expected<Snapshot, std::vector<ConfigError>> compile(const Config& config,
                                                          const Health& health, const Paths& paths,
                                                          const Snapshot* previous) {
  if (auto errors = validate(config); !errors.empty()) return std::unexpected(std::move(errors));
  Snapshot out;
  out.config = config;
  out.hash_seed = config.dataplane.hash_seed;
  inherit_numbers(out, previous);
  const Lookups lookups(config, health, paths);
  BackendNumbers backend_numbers(out, previous);
  ListenerNumbers listener_numbers(out, previous);
  std::vector<bool> claimed_sources = keep_sources(out.sources, config);

  for (const ServiceConfig& wanted : config.services) {
    Service service;
    const auto number = static_cast<std::uint32_t>(out.services.size());
    service.name = wanted.name;
    service.forward = wanted.forward;
    service.sending = sending_of(wanted);
    service.protocol = wanted.protocol;
    service.idle_timeout_seconds = static_cast<std::uint32_t>(
        std::chrono::ceil<std::chrono::seconds>(wanted.effective_idle_timeout()).count());
    for (const Address& vip : wanted.vips)
      for (const Port port : wanted.ports)
        out.listeners[listener_numbers.claim({vip, port, wanted.protocol})] = {
            vip, port, wanted.protocol, number, true};
    for (const Address& source : wanted.source_pool)
      service.source_pool.push_back(claim_source(out.sources, source, claimed_sources));
    for (const BackendConfig& entry : wanted.backends) {
      Backend backend = make_backend(wanted, entry, lookups);
      backend.service = number;
      const std::size_t index = backend_numbers.claim(identity_of(backend));
      backend.target = out.backends[index].target;
      out.backends[index] = std::move(backend);
      service.backends.push_back(BackendId{static_cast<std::uint32_t>(index)});
    }
    fill_slots(service, out, wanted, previous);
    out.services.push_back(std::move(service));
  }
  build_vip_table(out, claimed_sources);
  return out;
}

}  // namespace sluice
