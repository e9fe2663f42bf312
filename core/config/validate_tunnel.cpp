#include "core/config/validate_tunnel.h"

#include <cstddef>

namespace sluice {
namespace {

// Below these a block could hold special addresses: loopback, multicast (RFC 6890).
constexpr std::uint8_t ipv4_length_min = 8;
constexpr std::uint8_t ipv6_length_min = 16;

bool has_tunnel(Forward forward) {
  return forward == Forward::ipip || forward == Forward::gue || forward == Forward::gre;
}

bool is_usable(const Prefix& prefix) {
  const bool is_ipv4 = prefix.address.is_ipv4();
  // 0.0.0.0/8 and ::/8 hold "this network", the unspecified and the mapped addresses.
  return prefix.address.bytes()[is_ipv4 ? 12 : 0] != 0 && !prefix.address.is_multicast() &&
         !prefix.address.is_loopback() &&
         prefix.length_bits >= (is_ipv4 ? ipv4_length_min : ipv6_length_min);
}

void check_source(const ConfigScope& scope, const ServiceConfig& service) {
  const auto& prefix = service.tunnel_source.prefix;
  if (!prefix) return;
  if (!is_usable(*prefix)) {
    scope.error("tunnel_source",
                service.tunnel_source.text() + " cannot be where tunnels come from",
                "write a unicast address of this host, or a unicast prefix of 8 bits or more for "
                "IPv4 and 16 or more for IPv6");
    return;
  }
  for (const BackendConfig& backend : service.backends) {
    if (backend.address.is_ipv4() == prefix->address.is_ipv4()) continue;
    scope.error("tunnel_source",
                service.tunnel_source.text() + " cannot send to backend " + backend.name + " (" +
                    backend.address.text() + "), which is of the other family",
                "write one service for the IPv4 backends and one for the IPv6 ones, or leave it "
                "out: each route has its own source");
    return;
  }
}

void check_gue(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.forward == Forward::gue) {
    scope.range<std::uint8_t>("gue_variant", service.gue_variant, 0, 1);
    scope.range<std::uint16_t>("gue_port", service.gue_port.value(), 1, 65'535);
    return;
  }
  const ServiceConfig defaults;
  const auto refuse = [&](std::string_view key) {
    scope.error(key, std::string(key) + " goes with forward = \"gue\" only",
                "leave it out, or use forward = \"gue\"");
  };
  if (service.gue_variant != defaults.gue_variant) refuse("gue_variant");
  if (service.gue_port != defaults.gue_port) refuse("gue_port");
}

}  // namespace

void check_tunnel(const ConfigScope& scope, const ServiceConfig& service) {
  check_gue(scope, service);
  if (has_tunnel(service.forward)) {
    scope.range<std::uint8_t>("tunnel_ttl", service.tunnel_ttl, 1, 255);
    if (service.tunnel_dscp.value.value_or(0) > TunnelDscp::value_max)
      scope.error("tunnel_dscp", "tunnel_dscp is " + service.tunnel_dscp.text(),
                  "write \"copy\", or 0 to 63");
    return check_source(scope, service);
  }
  const ServiceConfig defaults;
  const auto refuse = [&](std::string_view key) {
    scope.error(key,
                std::string(key) + " is for tunnels, and forward = \"" +
                    std::string(spell(service.forward)) + "\" makes none",
                "leave it out, or use forward = \"ipip\", \"gue\" or \"gre\"");
  };
  if (service.tunnel_source != defaults.tunnel_source) refuse("tunnel_source");
  if (service.tunnel_ttl != defaults.tunnel_ttl) refuse("tunnel_ttl");
  if (service.tunnel_dscp != defaults.tunnel_dscp) refuse("tunnel_dscp");
}

}  // namespace sluice
