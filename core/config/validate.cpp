#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "core/config/config.h"
#include "core/config/config_scope.h"
#include "core/config/snapshot.h"
#include "core/config/validate_access.h"
#include "core/config/validate_change.h"
#include "core/config/validate_choosing.h"
#include "core/config/validate_forward.h"
#include "core/config/validate_listening.h"
#include "core/config/validate_nat_tcp.h"
#include "core/config/validate_quic.h"
#include "core/config/validate_tunnel.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using Scope = ConfigScope;

constexpr std::size_t ports_max = 64;
constexpr std::size_t interface_name_bytes_max = 15;  // IFNAMSIZ of Linux less the terminator

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= name_bytes_max && std::ranges::all_of(text, allowed);
}

void check_name(const Scope& scope, std::string_view name, std::string_view what,
                std::map<std::string, std::size_t, std::less<>>& seen, std::size_t index) {
  if (!is_name(name)) {
    scope.error("name", std::string(what) + " name \"" + std::string(name) + "\" is not usable",
                "write 1 to 63 letters, digits, '-', '_' or '.'");
    return;
  }
  const auto [it, is_new] = seen.emplace(name, index);
  if (is_new) return;
  scope.error("name",
              "there are two " + std::string(what) + "s called \"" + std::string(name) + "\"",
              "give this one another name");
}

void check_dataplane(const Scope& scope, const DataplaneConfig& dataplane) {
  scope.range<std::uint32_t>("memory", dataplane.memory_mib, 64, 1'048'576);
  scope.range<std::uint32_t>("flows_max", dataplane.flows_max, 1'024, 134'217'728);
  scope.spelling("idle", dataplane.idle);
  scope.spelling("hugepages", dataplane.hugepages);
  std::set<std::uint16_t> seen;
  for (std::size_t i = 0; i < dataplane.cores.size(); ++i) {
    if (seen.insert(dataplane.cores[i]).second) continue;
    scope.error(indexed("cores", i),
                "core " + std::to_string(dataplane.cores[i]) + " is listed twice",
                "one worker runs on each core: list it once");
  }
  if (dataplane.cores.size() > 64)
    scope.error("cores", "more than 64 cores are listed", "list at most 64");
}

void check_port(const Scope& scope, const PortConfig& port) {
  scope.spelling("driver", port.driver);
  scope.range<std::uint16_t>("queues", port.queues, 1, 64);
  const bool is_interface = port.driver == Driver::af_xdp || port.driver == Driver::af_packet ||
                            port.driver == Driver::tap;
  if (port.device.empty()) {
    scope.error("device", "port \"" + port.name + "\" has no device",
                is_interface ? "write the interface's name, as `ip link` shows it"
                : port.driver == Driver::pci
                    ? "write the PCI address, as `lspci -D` shows it: \"0000:01:00.0\""
                    : "write a DPDK device string: \"net_null0\", \"net_memif0,role=client\"");
  } else if (is_interface && (port.device.size() > interface_name_bytes_max ||
                              port.device.find_first_of(" /,") != std::string::npos)) {
    scope.error("device", "\"" + port.device + "\" cannot be an interface's name",
                "write it as `ip link` shows it, at most 15 characters");
  }
  if (port.kernel_tap && is_interface)
    scope.error("kernel_tap",
                "kernel_tap does not go with driver " + std::string(spell(port.driver)),
                "leave it out: this driver shares the interface with the kernel already");
  if (port.kernel_tap && port.name.size() > interface_name_bytes_max)
    scope.error("name", "\"" + port.name + "\" is too long to name an interface",
                "write at most 15 characters, or kernel_tap = false");
}

void check_ports(const Scope& root, const std::vector<PortConfig>& ports) {
  if (ports.empty())
    root.error("port", "there is no [[port]]", "add one: [[port]] name, driver and device");
  if (ports.size() > ports_max)
    root.error("port", "there are more than 64 ports", "write at most 64");
  std::map<std::string, std::size_t, std::less<>> names;
  std::map<std::string, std::size_t, std::less<>> devices;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Scope scope = root.at(indexed("port", i));
    check_name(scope, ports[i].name, "port", names, i);
    check_port(scope, ports[i]);
    const auto [it, is_new] = devices.emplace(ports[i].device, i);
    if (!is_new && !ports[i].device.empty())
      scope.error("device",
                  "device " + ports[i].device + " is used by port \"" + ports[it->second].name +
                      "\" already",
                  "one port, one device");
  }
}

void check_health(const Scope& scope, const HealthConfig& health) {
  scope.spelling("type", health.type);
  if (health.type == ProbeType::none) return;
  if (health.interval < 50ms || health.interval > 1h)
    scope.error("interval", "interval is " + std::to_string(health.interval.count()) + " ms",
                "write 50ms to 1h");
  if (health.timeout < 1ms || health.timeout > health.interval)
    scope.error(
        "timeout",
        "timeout is " + std::to_string(health.timeout.count()) + " ms and interval " +
            std::to_string(health.interval.count()) + " ms",
        "a probe must end before the next one starts: write a timeout of at most the interval");
  scope.range<std::uint16_t>("rise", health.rise, 1, 100);
  scope.range<std::uint16_t>("fall", health.fall, 1, 100);
  if (health.type != ProbeType::http) return;
  const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
  if (health.path.empty() || health.path[0] != '/' || !std::ranges::all_of(health.path, plain))
    scope.error("path", "path \"" + health.path + "\" cannot be requested",
                "start it with '/' and percent-encode spaces and non-ASCII characters");
  if (!std::ranges::all_of(health.host, plain))
    scope.error("host", "host has characters that no Host field can have", "write a host name");
  if (health.status_min < 100 || health.status_max > 599 || health.status_min > health.status_max)
    scope.error("status",
                "no status lies from " + std::to_string(health.status_min) + " to " +
                    std::to_string(health.status_max),
                "write \"200-399\", or 200");
}

std::string family_name(const Address& address) { return address.is_ipv4() ? "IPv4" : "IPv6"; }

bool is_host_address(const Address& address) {
  return !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
}

// The listeners and pool addresses of all services so far, to find what overlaps.
struct Claims {
  ListeningClaims listeners;
  std::map<Address, std::string> sources;
};

void check_backend(const Scope& scope, const ServiceConfig& service, const BackendConfig& backend) {
  if (!is_host_address(backend.address))
    scope.error("address", backend.address.text() + " cannot be a backend's address",
                "write the server's own unicast address");
  scope.range<std::uint16_t>("weight", backend.weight, 0, 1'000);
  if (backend.port.value() != 0 && service.forward != Forward::nat)
    scope.error("port",
                "forward = \"" + std::string(spell(service.forward)) +
                    "\" leaves the packet as it is, so a backend cannot have a port of its own",
                "leave out port, or use forward = \"nat\"");
}

void check_nat(const Scope& scope, const ServiceConfig& service) {
  if (service.forward != Forward::nat) {
    if (!service.source_pool.empty())
      scope.error("source_pool", "source_pool goes with forward = \"nat\" only",
                  "leave it out, or use forward = \"nat\"");
    return;
  }
  if (service.source_pool.empty())
    scope.error("source_pool", "forward = \"nat\" needs addresses for the servers to answer to",
                "write source_pool = [\"10.0.1.2\"]: addresses of this host used for nothing else");
  if (service.vips.empty()) return;
  const Address& vip = service.vips.front().prefix.address;
  const auto check = [&](const std::string& key, const Address& address, const Address& other,
                         std::string_view others_key) {
    if (address.is_ipv4() == other.is_ipv4()) return;
    scope.error(key,
                address.text() + " is " + family_name(address) + " and " + std::string(others_key) +
                    " " + other.text() + " is " + family_name(other) +
                    ", which forward = \"nat\" cannot mix",
                "write one service for each family, or use forward = \"ipip\"");
  };
  // What servers see is of their family: that of the VIPs, or IPv4 for IPv6 clients (NAT64).
  const bool is_nat64 = service.is_nat64();
  const Address& inside = is_nat64 ? service.source_pool.front() : vip;
  const std::string_view inside_key = is_nat64 ? "source_pool" : "vip";
  for (std::size_t i = 1; i < service.vips.size(); ++i)
    check(indexed("vip", i), service.vips[i].prefix.address, vip, "vip");
  for (std::size_t i = 0; i < service.source_pool.size(); ++i)
    check(indexed("source_pool", i), service.source_pool[i], inside, inside_key);
  for (std::size_t i = 0; i < service.backends.size(); ++i)
    check(indexed("backend", i) + ".address", service.backends[i].address, inside, inside_key);
}

void check_service(const Scope& scope, const ServiceConfig& service, Claims& claims) {
  scope.spelling("forward", service.forward);
  scope.spelling("protocol", service.protocol);
  claims.listeners.check(scope, service);
  check_listening(scope, service);
  check_nat(scope, service);
  check_nat_tcp(scope, service);
  check_tunnel(scope, service);
  check_change(scope, service);
  check_quic(scope, service);
  check_forward(scope, service);
  for (std::size_t i = 0; i < service.source_pool.size(); ++i) {
    if (!is_host_address(service.source_pool[i]))
      scope.error(indexed("source_pool", i),
                  service.source_pool[i].text() + " cannot be a source address",
                  "write a unicast address of this host");
    claims.sources.emplace(service.source_pool[i], scope.inner(indexed("source_pool", i)));
  }
  check_choosing(scope, service);
  if (service.idle_timeout != 0ms && (service.idle_timeout < 1s || service.idle_timeout > 8h))
    scope.error("idle_timeout",
                "idle_timeout is " + std::to_string(service.idle_timeout.count()) + " ms",
                "write 1s to 8h");
  check_health(scope.at("health"), service.health);
  if (service.backends.empty() && service.forward != Forward::local)
    scope.error("", "service \"" + service.name + "\" has no backend",
                "add one: [[service.backend]] name and address");
  std::map<std::string, std::size_t, std::less<>> names;
  for (std::size_t i = 0; i < service.backends.size(); ++i) {
    const Scope inner = scope.at(indexed("backend", i));
    check_name(inner, service.backends[i].name, "backend", names, i);
    check_backend(inner, service, service.backends[i]);
  }
}

// What only shows when all services are known: an address in two roles, and the totals.
void check_whole(const Scope& root, const Config& config, const Claims& claims) {
  for (const auto& [address, path] : claims.sources)
    if (const std::string* owner = claims.listeners.owner_of(address))
      root.error(path, address.text() + " is a VIP of service \"" + *owner + "\"",
                 "use an address for the pool that is used for nothing else");
  std::size_t backends = 0;
  std::size_t slots = 0;
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    backends += config.services[s].backends.size();
    if (!config.services[s].backends.empty()) slots += config.services[s].slots;
    for (std::size_t b = 0; b < config.services[s].backends.size(); ++b) {
      const Address& address = config.services[s].backends[b].address;
      const std::string path = indexed("service", s) + "." + indexed("backend", b) + ".address";
      if (const std::string* owner = claims.listeners.owner_of(address))
        root.error(path, address.text() + " is a VIP of service \"" + *owner + "\"",
                   "write the server's own address: packets to a VIP would come back here");
    }
  }
  const auto at_most = [&](std::string_view what, std::size_t count, std::size_t limit) {
    if (count > limit)
      root.error("service", "there are " + std::to_string(count) + " " + std::string(what),
                 "at most " + std::to_string(limit) + " are supported");
  };
  at_most("services", config.services.size(), services_max);
  at_most("combinations of vip, port and protocol", claims.listeners.count(), listeners_max / 2);
  at_most("backends", backends, backends_max / 2);
  at_most("slots in all services together", slots, slots_of_all_max);
  at_most("source-pool addresses", claims.sources.size(), source_addresses_max / 2);
}

}  // namespace

std::vector<ConfigError> validate(const Config& config) {
  std::vector<ConfigError> errors;
  const Scope root(errors, "");
  check_dataplane(root.at("dataplane"), config.dataplane);
  check_ports(root, config.ports);
  Claims claims;
  std::map<std::string, std::size_t, std::less<>> names;
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    const Scope scope = root.at(indexed("service", i));
    check_name(scope, config.services[i].name, "service", names, i);
    check_service(scope, config.services[i], claims);
  }
  check_whole(root, config, claims);
  check_forwards(root, config);
  check_access(root, config);
  return errors;
}

}  // namespace sluice
