#pragma once

#include <stdexcept>
#include <string>

#include "core/config/compile.h"
#include "tests/core/frames.h"

// Configurations that compile, for tests to start from.

namespace sluice::test {

/// A service "web" on TCP port 80 with `count` backends b1, b2, ... on the link of port "wan0". The
/// VIP is 203.0.113.10 or 2001:db8::10, backends are 10.0.1.N or 2001:db8:1::N.
struct ServiceSpec {
  std::string name = "web";
  Forward forward = Forward::ipip;
  Family vip_family = Family::ipv4;
  Family backend_family = Family::ipv4;
  Protocol protocol = Protocol::tcp;
  unsigned backends = 3;
  std::uint32_t slots = 1021;
};

[[nodiscard]] inline Address vip_of(Family family) {
  return ip(family == Family::ipv4 ? "203.0.113.10" : "2001:db8::10");
}
[[nodiscard]] inline Address backend_address(Family family, unsigned number) {
  return ip((family == Family::ipv4 ? "10.0.1." : "2001:db8:1::") + std::to_string(number));
}
[[nodiscard]] inline Address balancer_address(Family family) {
  return ip(family == Family::ipv4 ? "10.0.1.254" : "2001:db8:1::fe");
}
[[nodiscard]] inline Address pool_address(Family family) {
  return ip(family == Family::ipv4 ? "10.0.1.253" : "2001:db8:1::fd");
}
[[nodiscard]] inline MacAddress backend_mac(unsigned number) {
  return MacAddress{{0x02, 0, 0, 0, 1, static_cast<std::uint8_t>(number)}};
}

[[nodiscard]] inline ServiceConfig sample_service(const ServiceSpec& spec) {
  ServiceConfig service;
  service.name = spec.name;
  service.vips = {vip_of(spec.vip_family)};
  service.ports = {Port(80)};
  service.protocol = spec.protocol;
  service.forward = spec.forward;
  service.slots = spec.slots;
  if (spec.forward == Forward::nat) service.source_pool = {pool_address(spec.backend_family)};
  if (spec.forward == Forward::l3dsr) service.l3dsr_dscp = 5;
  for (unsigned i = 1; spec.forward != Forward::local && i <= spec.backends; ++i) {
    BackendConfig backend;
    backend.name = "b" + std::to_string(i);
    backend.address = backend_address(spec.backend_family, i);
    service.backends.push_back(backend);
  }
  return service;
}

[[nodiscard]] inline Config sample_config(const ServiceSpec& spec = {}) {
  Config config;
  PortConfig port;
  port.name = "wan0";
  port.driver = Driver::vdev;
  port.device = "net_null0";
  port.kernel_tap = spec.forward == Forward::local;
  config.ports = {port};
  config.services = {sample_service(spec)};
  return config;
}

/// Every backend of the configuration on the link of the first port.
[[nodiscard]] inline Paths paths_for(const Config& config, std::uint16_t mtu_bytes = 1500) {
  Paths paths;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends) {
      Path path;
      path.destination = path.next_hop = backend.address;
      path.port = config.ports.front().name;
      path.source_mac = mac("02:00:00:00:00:02");
      path.next_hop_mac = backend_mac(backend.address.bytes()[15]);
      path.source = balancer_address(backend.address.family());
      path.mtu_bytes = mtu_bytes;
      paths.entries.push_back(path);
    }
  return paths;
}

/// The snapshot of a configuration that has no error.
[[nodiscard]] inline Snapshot compiled(const Config& config, const Health& health = {},
                                       const Snapshot* previous = nullptr,
                                       std::uint16_t mtu_bytes = 1500) {
  auto result = compile(config, health, paths_for(config, mtu_bytes), previous);
  if (!result) throw std::invalid_argument(result.error().front().what);
  return std::move(*result);
}

}  // namespace sluice::test
