#include "core/config/validate_listening.h"

namespace sluice {
namespace {

// Shorter ones are slips of the pen, and would hold multicast or the whole Internet.
constexpr std::uint8_t prefix_bits_min4 = 8;
constexpr std::uint8_t prefix_bits_min6 = 16;

void check_vip(const ConfigScope& scope, const std::string& key, const VipBlock& vip) {
  const Prefix& prefix = vip.prefix;
  const bool is_host = !prefix.address.is_unspecified() && !prefix.address.is_multicast() &&
                       !prefix.address.is_loopback();
  const auto bits_min = prefix.address.is_ipv4() ? prefix_bits_min4 : prefix_bits_min6;
  if (!is_host)
    scope.error(key, vip.text() + " cannot be a VIP", "write a unicast address of your network");
  else if (prefix.length_bits < bits_min)
    scope.error(key, vip.text() + " is too large a prefix for a VIP",
                "write one of /" + std::to_string(bits_min) + " or longer");
}

void check_ports(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.protocol == Protocol::any) {
    if (!service.ports.empty())
      scope.error("port", "protocol = \"any\" forwards every packet of the VIP, whatever its port",
                  "leave out port, or write protocol = \"tcp\", \"udp\" or \"sctp\"");
    return;
  }
  if (service.ports.empty())
    scope.error("port", "service \"" + service.name + "\" has no port", "write port = 80");
  for (std::size_t i = 0; i < service.ports.size(); ++i) {
    const PortRange& range = service.ports[i];
    if (range.is_any()) continue;
    if (range.first.value() == 0)
      scope.error(indexed("port", i), "port 0 cannot be served",
                  "write 1 to 65535, a range or \"any\"");
    else if (range.last < range.first)
      scope.error(indexed("port", i), "a range of ports ends before it begins",
                  "write the lower port first: \"8000-8999\"");
  }
}

// NAT's way back knows a session's listener, and of its VIP and port only what these leave open.
void check_nat(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.protocol == Protocol::any)
    scope.error("protocol", "forward = \"nat\" needs ports, which protocol = \"any\" has not",
                "use forward = \"ipip\", \"gue\", \"gre\" or \"l2dsr\", or name the protocol");
  for (std::size_t i = 0; i < service.vips.size(); ++i)
    if (!service.vips[i].prefix.is_one_address())
      scope.error(indexed("vip", i),
                  "forward = \"nat\" cannot serve the prefix " + service.vips[i].text(),
                  "list the addresses one by one, or use forward = \"ipip\"");
  bool has_range = false;
  for (const PortRange& range : service.ports) has_range = has_range || !range.is_one();
  if (!has_range) return;
  for (std::size_t i = 0; i < service.backends.size(); ++i)
    if (service.backends[i].port.value() != 0)
      scope.error(indexed("backend", i) + ".port",
                  "the service has a range of ports, which arrive at the backend unchanged",
                  "leave out port, or give the service single ports");
}

// A probe is a TCP connection to one port.
void check_probe_port(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.health.type == ProbeType::none || service.health.port.value() != 0) return;
  std::string why;
  if (service.protocol == Protocol::sctp || service.protocol == Protocol::any)
    why = "probes use TCP and protocol = \"" + std::string(to_string(service.protocol)) +
          "\" does not say to which port";
  else if (!service.ports.empty() && !service.ports.front().is_one())
    why = "port = \"" + service.ports.front().text() + "\" does not say which port to probe";
  if (why.empty()) return;
  for (const BackendConfig& backend : service.backends)
    if (backend.port.value() == 0) {
      scope.error("health.port", why, "write [service.health] port = 8080");
      return;
    }
}

}  // namespace

void ListeningClaims::claim(const ConfigScope& scope, const std::string& vip_key,
                            const ServiceConfig& service, const Listening& what) {
  const auto [it, is_new] = owners_.emplace(what, service.name);
  if (!is_new) {
    scope.error(vip_key,
                it->second == service.name
                    ? what.text() + " is listed twice in this service"
                    : what.text() + " belongs to service \"" + it->second + "\" already",
                "one service, one address, port and protocol: change one of them");
    return;
  }
  if (what.ports.is_one()) return;
  auto& others = ranges_[{what.vips.prefix, what.protocol}];
  for (const Listening& other : others) {
    if (!what.ports.meets(other.ports) || what.ports.contains(other.ports) ||
        other.ports.contains(what.ports))
      continue;
    scope.error(vip_key,
                what.text() + " and " + other.text() + " of service \"" + owners_.at(other) +
                    "\" overlap in part: whose the ports of both are is not clear",
                "let one range lie inside the other, which then is the more specific, or apart");
    return;
  }
  others.push_back(what);
}

void ListeningClaims::check(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.vips.empty())
    scope.error("vip", "service \"" + service.name + "\" has no vip",
                "write the address that clients use: vip = \"203.0.113.10\"");
  check_ports(scope, service);
  for (std::size_t i = 0; i < service.vips.size(); ++i) {
    const Prefix& prefix = service.vips[i].prefix;
    check_vip(scope, indexed("vip", i), service.vips[i]);
    // Where the file has something unreadable there is no address to compare.
    if (prefix.address.is_unspecified()) continue;
    vips_.emplace(prefix, service.name);
    (prefix.address.is_ipv4() ? lengths4_ : lengths6_).insert(prefix.length_bits);
    for (const Listening& what : service.listenings_of(service.vips[i]))
      claim(scope, indexed("vip", i), service, what);
  }
}

const std::string* ListeningClaims::owner_of(const Address& address) const {
  for (const std::uint8_t bits : address.is_ipv4() ? lengths4_ : lengths6_) {
    const auto it = vips_.find(Prefix::around(address, bits));
    if (it != vips_.end()) return &it->second;
  }
  return nullptr;
}

void check_listening(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.forward == Forward::nat) check_nat(scope, service);
  check_probe_port(scope, service);
}

}  // namespace sluice
