#pragma once

#include "tools/pktgen/traffic.h"

namespace sluice::pktgen {

/// Valid traffic of each kind, to be changed.
inline Traffic sample_traffic(Family family, Protocol protocol) {
  Traffic out;
  out.protocol = protocol;
  const bool is_ipv4 = family == Family::ipv4;
  out.targets = *parse_targets(is_ipv4 ? "203.0.113.10:80" : "[2001:db8:f::10]:80");
  out.sources = *Prefix::parse(is_ipv4 ? "198.18.0.0/16" : "2001:db8:c::/64");
  out.sizes = {{is_ipv4 ? std::uint16_t{64} : std::uint16_t{84}, 1}};
  out.source_mac = *MacAddress::parse("02:00:00:00:00:01");
  out.destination_mac = *MacAddress::parse("02:00:00:00:00:02");
  return out;
}

}  // namespace sluice::pktgen
