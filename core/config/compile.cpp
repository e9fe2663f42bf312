#include "core/config/compile.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "core/config/connect.h"
#include "core/config/fill_slots.h"
#include "core/config/follow_health.h"
#include "core/config/numbering.h"
#include "core/config/set_guards.h"

namespace sluice {
namespace {

// The paths, arranged for look-up.
struct Lookups {
  std::unordered_map<Address, const Path*> paths;
  std::unordered_map<std::string_view, PortIndex> ports;

  Lookups(const Config& config, const Paths& paths_now) {
    paths.reserve(paths_now.entries.size());
    for (const Path& path : paths_now.entries) paths[path.destination] = &path;
    for (std::size_t i = 0; i < config.ports.size(); ++i)
      ports[config.ports[i].name] = static_cast<PortIndex>(i);
  }
  [[nodiscard]] const Path* path_to(const Address& address) const {
    const auto it = paths.find(address);
    return it == paths.end() ? nullptr : it->second;
  }
  [[nodiscard]] std::optional<PortIndex> port_of(const Path& path) const {
    const auto it = ports.find(path.port);
    return it == ports.end() ? std::nullopt : std::optional(it->second);
  }
};

Backend make_backend(const ServiceConfig& service, const BackendConfig& config,
                     const Lookups& lookups) {
  Backend out;
  out.service_name = service.name;
  out.name = config.name;
  out.address = config.address;
  out.port = config.port;
  if (service.forward == Forward::nat && config.port.value() == 0 && service.ports.size() == 1 &&
      service.ports.front().is_one())
    out.port = service.ports.front().first;
  out.weight = config.weight;
  out.max_connections = config.max_connections;
  out.drained = config.drain;
  out.in_use = true;
  const Path* const path = lookups.path_to(out.address);
  connect_backend(out, service, path, path == nullptr ? std::nullopt : lookups.port_of(*path));
  return out;
}

// A translated connection lives in its session, so it cannot go on with another server: one that
// has never heard of it would only answer with a reset of its own.
bool resets_on_death(const ServiceConfig& service) {
  return service.protocol == Protocol::tcp &&
         (service.on_death == OnDeath::reset || service.forward == Forward::nat);
}

// Null for a service without quic_lb. `numbers` are of the configuration's backends, in its order.
std::shared_ptr<const QuicRoutes> quic_routes_of(const ServiceConfig& service,
                                                 const std::vector<BackendId>& numbers) {
  if (service.quic_lb.empty()) return nullptr;
  std::vector<QuicRoutes::Server> servers;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    for (const QuicServerId& id : service.backends[i].quic_server_ids)
      servers.emplace_back(id, static_cast<std::uint32_t>(numbers[i]));
  return std::make_shared<const QuicRoutes>(service.quic_lb, servers);
}

void build_vip_table(Snapshot& out, const std::vector<bool>& claimed_sources) {
  std::vector<VipTable::Listener> listeners;
  std::vector<WideListeners::Claim> wide;
  std::map<Address, OwnAddress> addresses;
  for (std::size_t i = 0; i < out.listeners.size(); ++i) {
    const Listener& listener = out.listeners[i];
    if (!listener.in_use) continue;
    // All that comes to a local service's VIP is the kernel's, as with any address of its own.
    const bool is_local = out.services[listener.service].forward == Forward::local;
    if (!is_local && listener.listening().vips.prefix.is_one_address())
      addresses[listener.vip] = {.address = listener.vip, .used = true, .is_vip = true};
    if (listener.is_wide) {
      if (!is_local) wide.push_back({listener.listening(), static_cast<std::uint16_t>(i)});
      continue;
    }
    listeners.push_back({.vip = listener.vip,
                         .port = listener.port.be(),
                         .protocol = listener.protocol,
                         .used = true,
                         .is_local = is_local,
                         .id = static_cast<std::uint16_t>(i),
                         .service = static_cast<std::uint16_t>(listener.service),
                         .guards = listener.guards});
  }
  for (std::size_t i = 0; i < claimed_sources.size(); ++i)
    if (claimed_sources[i])
      addresses[out.sources[i]] = {
          .address = out.sources[i], .used = true, .source_index = static_cast<std::uint16_t>(i)};
  std::vector<OwnAddress> list;
  for (const auto& [address, own] : addresses) list.push_back(own);
  out.vips = VipTable(listeners, list);
  out.wide = WideListeners(wide);
}

// All of a service but its backends, listeners, slots and guards.
Service make_service(const ServiceConfig& config, std::uint32_t number) {
  Service out;
  out.name = config.name;
  out.number = number;
  out.forward = config.forward;
  out.protocol = config.protocol;
  out.resets_on_death = resets_on_death(config);
  out.proxy_protocol = config.proxy_protocol;
  out.syn_cookies = config.syn_cookies;
  out.idle_timeout_seconds = static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(config.effective_idle_timeout()).count());
  return out;
}

// From nothing but the numbers and slot tables of `previous`.
Snapshot compile_all(const SnapshotInputs& inputs, const Snapshot* previous) {
  const Config& config = *inputs.config;
  Snapshot out;
  out.inputs = inputs;
  out.service_numbers = ServiceNumbers(inputs.config);
  out.hash_seed = config.dataplane.hash_seed;
  inherit_numbers(out, previous);
  const Lookups lookups(config, *inputs.paths);
  BackendNumbers backend_numbers(out, previous);
  ListenerNumbers listener_numbers(out, previous);
  SourceNumbers source_numbers(out, config);

  for (const ServiceConfig& wanted : config.services) {
    const auto number = static_cast<std::uint32_t>(out.services.size());
    Service service = make_service(wanted, number);
    for (const VipBlock& vip : wanted.vips)
      for (const Listening& what : wanted.listenings_of(vip))
        out.listeners[listener_numbers.claim(what)] = Listener::of(what, number);
    for (const Address& source : wanted.source_pool)
      service.source_pool.push_back(source_numbers.claim(source));
    const Sending sending = sending_of(wanted);
    for (const BackendConfig& entry : wanted.backends) {
      Backend backend = make_backend(wanted, entry, lookups);
      backend.service = number;
      backend.sending = sending;
      backend.idle_timeout_seconds = service.idle_timeout_seconds;
      const std::size_t index = backend_numbers.claim(identity_of(backend));
      backend.target = out.backends[index].target;
      out.backends.edit(index) = std::move(backend);
      service.backends.push_back(BackendId{static_cast<std::uint32_t>(index)});
    }
    service.quic = quic_routes_of(wanted, service.backends);
    set_health(service, out.backends, wanted, inputs.health);
    fill_slots(service, out.backends, wanted,
               previous == nullptr ? nullptr : previous->service(wanted.name));
    out.services.push_back(std::move(service));
  }
  set_guards(out, config, previous);
  build_vip_table(out, source_numbers.claimed());
  return out;
}

}  // namespace

std::expected<Snapshot, std::vector<ConfigError>> compile(const SnapshotInputs& inputs,
                                                          const Snapshot* previous) {
  if (previous == nullptr || previous->inputs.config != inputs.config) {
    if (auto errors = validate(*inputs.config); !errors.empty())
      return std::unexpected(std::move(errors));
  } else if (previous->inputs.paths == inputs.paths) {
    return follow_health(*previous, inputs.health);
  }
  return compile_all(inputs, previous);
}

std::expected<Snapshot, std::vector<ConfigError>> compile(const Config& config,
                                                          const Health& health, const Paths& paths,
                                                          const Snapshot* previous) {
  return compile({.config = std::make_shared<const Config>(config),
                  .health = HealthTable(health),
                  .paths = std::make_shared<const Paths>(paths)},
                 previous);
}

}  // namespace sluice
