#include "core/config/validate_forward.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/net/encap.h"
#include "core/net/nat64.h"

namespace sluice {
namespace {

constexpr std::uint8_t dscp_max = 63;
constexpr std::uint16_t ipv4_mtu_bytes_min = 576;   // RFC 1122 section 3.3.3: every host takes it
constexpr std::uint16_t ipv6_mtu_bytes_min = 1280;  // RFC 8200 section 5

void check_l3dsr(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.forward != Forward::l3dsr) {
    if (service.l3dsr_dscp != 0)
      scope.error("l3dsr_dscp", "l3dsr_dscp goes with forward = \"l3dsr\" only",
                  "leave it out, or use forward = \"l3dsr\"");
    return;
  }
  if (service.l3dsr_dscp == 0)
    scope.error("l3dsr_dscp", "forward = \"l3dsr\" needs a DSCP by which servers know the VIP",
                "write l3dsr_dscp = 1, or another number up to 63, and the same in the servers");
  else
    scope.range<std::uint8_t>("l3dsr_dscp", service.l3dsr_dscp, 1, dscp_max);
  if (service.vips.empty()) return;
  for (std::size_t i = 1; i < service.vips.size(); ++i)
    scope.error(indexed("vip", i), "forward = \"l3dsr\" has one vip: the DSCP stands for it",
                "write one service for each vip, with a DSCP of its own");
  if (!service.vips.front().prefix.is_one_address())
    scope.error(indexed("vip", 0), "forward = \"l3dsr\" has one vip: the DSCP stands for it",
                "write an address instead of a prefix, or use forward = \"ipip\"");
  if (service.protocol == Protocol::any)
    scope.error("protocol",
                "forward = \"l3dsr\" changes an address that other protocols' checksums may cover",
                "write \"tcp\", \"udp\" or \"sctp\", or use forward = \"ipip\"");
  const Address& vip = service.vips.front().prefix.address;
  for (std::size_t i = 0; i < service.backends.size(); ++i) {
    const Address& address = service.backends[i].address;
    if (address.family() == vip.family()) continue;
    scope.error(indexed("backend", i) + ".address",
                address.text() + " and vip " + vip.text() +
                    " are of different families, which forward = \"l3dsr\" cannot mix",
                "write an address of the vip's family, or use forward = \"ipip\"");
  }
}

void check_local(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.forward != Forward::local) return;
  const auto refuse = [&](const std::string& key, std::string_view what) {
    scope.error(key, "forward = \"local\" has no backends, so " + std::string(what),
                "leave it out: the kernel of this host is the server");
  };
  if (!service.backends.empty()) refuse("backend[0]", "it can have no [[service.backend]]");
  if (service.health.type != ProbeType::none) refuse("health", "there is nothing to probe");
  if (service.mtu_bytes != 0) refuse("mtu", "there is no path whose MTU would count");
  if (service.mss_clamp != MssClamp{}) refuse("mss_clamp", "there is no path that would limit it");
}

// What the service's tunnels put in front of a packet to a backend of this family.
std::size_t overhead_bytes(const ServiceConfig& service, const Address& backend) {
  const std::size_t ip_bytes =
      backend.is_ipv4() ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header);
  switch (service.forward) {
    case Forward::ipip:
      return ip_bytes + shim_bytes(Encapsulation::ipip);
    case Forward::gre:
      return ip_bytes + shim_bytes(Encapsulation::gre);
    case Forward::gue:
      return ip_bytes + shim_bytes(service.gue_variant == 0 ? Encapsulation::gue_header
                                                            : Encapsulation::gue_direct);
    case Forward::l2dsr:
    case Forward::nat:
    case Forward::l3dsr:
    case Forward::local:
      break;
  }
  return 0;
}

// The smallest `mtu` with which every client can send what its family lets it rely on.
std::size_t mtu_bytes_min(const ServiceConfig& service) {
  std::size_t out = ipv4_mtu_bytes_min;
  for (const BackendConfig& backend : service.backends) {
    if (!backend.address.is_ipv4()) out = std::max<std::size_t>(out, ipv6_mtu_bytes_min);
    for (const VipBlock& vip : service.vips) {
      if (vip.prefix.address.is_ipv4())
        out = std::max(out, ipv4_mtu_bytes_min + overhead_bytes(service, backend.address));
      else if (service.forward == Forward::nat && backend.address.is_ipv4())
        out = std::max<std::size_t>(out, nat64_ipv4_mtu_bytes_min);
      else
        out = std::max(out, ipv6_mtu_bytes_min + overhead_bytes(service, backend.address));
    }
  }
  return out;
}

void check_sizes(const ConfigScope& scope, const ServiceConfig& service) {
  if (service.forward == Forward::local) return;
  if (service.mtu_bytes != 0 && service.mtu_bytes < mtu_bytes_min(service))
    scope.error("mtu",
                "mtu is " + std::to_string(service.mtu_bytes) +
                    ", too small for what clients may always send, " +
                    "and the headers in front of it",
                "write " + std::to_string(mtu_bytes_min(service)) + " or more");
  const MssClamp& clamp = service.mss_clamp;
  if (clamp.kind > MssClamp::Kind::fixed ||
      (clamp.kind == MssClamp::Kind::fixed && !MssClamp::parse(clamp.text())))
    scope.error("mss_clamp", "mss_clamp is " + clamp.text(),
                "write \"off\", \"auto\", or a number from 536 to 65495");
  if (clamp != MssClamp{} && service.protocol != Protocol::tcp)
    scope.error("mss_clamp",
                "only TCP announces a segment size, and this service is for another protocol",
                "leave it out");
}

// A server knows the VIP by the DSCP alone: one DSCP, one VIP, at each address.
void check_dscps(const ConfigScope& root, const Config& config) {
  struct Use {
    VipBlock vip;
    std::string service;
  };
  std::map<std::pair<Address, std::uint8_t>, Use> uses;
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    if (service.forward != Forward::l3dsr || service.l3dsr_dscp == 0 || service.vips.empty())
      continue;
    for (const BackendConfig& backend : service.backends) {
      const auto [it, is_new] = uses.emplace(std::pair(backend.address, service.l3dsr_dscp),
                                             Use{service.vips.front(), service.name});
      if (is_new || it->second.vip == service.vips.front()) continue;
      root.error(indexed("service", s) + ".l3dsr_dscp",
                 "DSCP " + std::to_string(service.l3dsr_dscp) + " means vip " +
                     it->second.vip.text() + " of service \"" + it->second.service +
                     "\" to backend " + backend.address.text() + " already",
                 "write a number of its own for each vip: the server tells them apart by nothing "
                 "else");
      break;
    }
  }
}

bool meet(const Prefix& one, const Prefix& other) {
  return one.contains(other.address) || other.contains(one.address);
}

// The first service of this kind that has an address of the block; null when none has.
const ServiceConfig* forwarded_service_at(const Config& config, const VipBlock& block) {
  for (const ServiceConfig& service : config.services)
    for (const VipBlock& vip : service.vips)
      if (service.forward != Forward::local && meet(vip.prefix, block.prefix)) return &service;
  return nullptr;
}

// Its errors and fragments name no listener, so an address is either the kernel's or ours.
void check_local_vips(const ConfigScope& root, const Config& config) {
  for (std::size_t s = 0; s < config.services.size(); ++s) {
    const ServiceConfig& service = config.services[s];
    if (service.forward != Forward::local) continue;
    for (std::size_t i = 0; i < service.vips.size(); ++i) {
      const ServiceConfig* other = forwarded_service_at(config, service.vips[i]);
      if (other == nullptr) continue;
      root.error(indexed("service", s) + "." + indexed("vip", i),
                 service.vips[i].text() + " is a VIP of service \"" + other->name +
                     "\" too, which is not local",
                 "write another vip: fragments and ICMP errors to it go to the kernel or to "
                 "backends, not to both");
    }
  }
}

bool shares_with_kernel(const PortConfig& port) {
  return (port.driver != Driver::pci && port.driver != Driver::vdev) || port.kernel_tap;
}

void check_ways_to_kernel(const ConfigScope& root, const Config& config) {
  if (std::ranges::any_of(config.ports, shares_with_kernel)) return;
  for (std::size_t s = 0; s < config.services.size(); ++s)
    if (config.services[s].forward == Forward::local)
      root.error(indexed("service", s) + ".forward",
                 "forward = \"local\" needs a port that gives packets to the kernel, and none does",
                 "write kernel_tap = true in the [[port]] that clients come by");
}

}  // namespace

void check_forward(const ConfigScope& scope, const ServiceConfig& service) {
  check_l3dsr(scope, service);
  if (service.is_nat64() && service.protocol == Protocol::sctp)
    scope.error("protocol", "SCTP is not translated from IPv6 to IPv4",
                "write \"tcp\" or \"udp\", or give the service an IPv6 source_pool and backends");
  check_local(scope, service);
  check_sizes(scope, service);
}

void check_forwards(const ConfigScope& root, const Config& config) {
  check_dscps(root, config);
  check_local_vips(root, config);
  check_ways_to_kernel(root, config);
}

}  // namespace sluice
