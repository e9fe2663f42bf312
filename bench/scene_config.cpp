#include "bench/scene_config.h"

#include <random>
#include <string>

namespace sluice::bench {
namespace {

constexpr std::size_t backends_per_service = 16;
constexpr std::size_t pool_addresses = 16;  // with 16 servers: a million NAT sessions and more
constexpr std::uint8_t l3dsr_dscp = 10;

const char* of(Family family, const char* ipv4, const char* ipv6) {
  return family == Family::ipv4 ? ipv4 : ipv6;
}

PrefixListConfig denied(const SceneOptions& options) {
  std::mt19937_64 random(2);
  PrefixListConfig list;
  list.name = "bad";
  for (std::size_t i = 0; i < options.denied_prefixes; ++i) {
    // Beside the clients' own addresses, which they share all bits but one with, and anywhere.
    const auto number = static_cast<std::uint32_t>(random());
    const std::size_t last = number & 0x3ffffff;
    const Address near = numbered(of(options.family, "68.0.0.0", "2001:db8:f::400:0"), last);
    const Address far = options.family == Family::ipv4
                            ? Address::from_ipv4(Be32::from_host(number | 0xe0000000))
                            : numbered("2a00::", number);
    list.prefixes.push_back({i % 2 == 0 ? near : far,
                             static_cast<std::uint8_t>(options.family == Family::ipv4 ? 32 : 128)});
  }
  return list;
}

ServiceConfig make_service(const SceneOptions& options, std::size_t number) {
  const Family inside = options.to_ipv4_servers ? Family::ipv4 : options.family;
  ServiceConfig service;
  service.name = "web" + std::to_string(number);
  service.vips = {vip_of(options.family, number)};
  service.ports = {Port(80)};
  service.forward = options.mode;
  if (options.mode == Forward::l3dsr) service.l3dsr_dscp = l3dsr_dscp;
  for (std::size_t i = 0; i < backends_per_service; ++i) {
    BackendConfig backend;
    backend.name = "web" + std::to_string(i);
    backend.address =
        numbered(of(inside, "10.0.0.1", "2001:db8:1::1"), number * backends_per_service + i);
    service.backends.push_back(backend);
  }
  for (std::size_t i = 0; options.mode == Forward::nat && i < pool_addresses; ++i)
    service.source_pool.push_back(numbered(of(inside, "10.128.0.1", "2001:db8:2::1"), i));
  if (options.is_stateless) {
    service.protocol = Protocol::udp;
    service.one_packet = true;
  }
  if (options.denied_prefixes > 0) service.deny = {*AccessItem::parse("@bad")};
  if (options.has_limits) {
    service.source_packets_per_second = 100'000'000;
    service.source_packets_burst = 100'000'000;
    service.source_connections = 100'000;
    service.limit_netmask6 = 128;
  }
  return service;
}

}  // namespace

Address numbered(const char* base, std::size_t number) {
  auto bytes = Address::parse(base)->bytes();
  for (std::size_t i = 0; i < 4; ++i)
    bytes[15 - i] = static_cast<std::uint8_t>(bytes[15 - i] + (number >> 8 * i & 0xff));
  return Address::from_bytes(bytes);
}

Address vip_of(Family family, std::size_t service) {
  return numbered(of(family, "203.0.0.10", "2001:db8::10"), service);
}

Config make_config(const SceneOptions& options) {
  Config config;
  config.ports.push_back({.name = "wan0",
                          .driver = Driver::vdev,
                          .device = "net_null0",
                          .queues = 1,
                          .kernel_tap = {}});
  if (options.denied_prefixes > 0) config.prefix_lists.push_back(denied(options));
  for (std::size_t i = 0; i < options.services; ++i)
    config.services.push_back(make_service(options, i));
  return config;
}

Paths make_paths(const Config& config) {
  Paths paths;
  for (const ServiceConfig& service : config.services)
    for (const BackendConfig& backend : service.backends) {
      Path path;
      path.destination = path.next_hop = backend.address;
      path.port = config.ports.front().name;
      path.source_mac = MacAddress{{2, 0, 0, 0, 0, 1}};
      const auto number = static_cast<std::uint16_t>(paths.entries.size());
      path.next_hop_mac = MacAddress{
          {2, 0, 0, 1, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)}};
      path.source = *Address::parse(backend.address.is_ipv4() ? "10.255.0.1" : "2001:db8:3::1");
      paths.entries.push_back(path);
    }
  return paths;
}

}  // namespace sluice::bench
