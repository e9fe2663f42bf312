#include "core/config/connect.h"

#include <algorithm>

#include "core/net/nat64.h"

namespace sluice {
namespace {

constexpr std::uint16_t mtu_bytes_min = 68;  // RFC 791: every link carries that much

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
    case Forward::l3dsr:
    case Forward::local:
      break;
  }
  return std::nullopt;
}

Prefix tunnel_source_of(const ServiceConfig& service, const Path& path) {
  const std::uint8_t all_bits = path.source.is_ipv4() ? 32 : 128;
  return service.tunnel_source.prefix.value_or(Prefix{path.source, all_bits});
}

std::uint16_t path_mtu_of(const ServiceConfig& service, const Path& path) {
  return service.mtu_bytes == 0 ? path.mtu_bytes : std::min(path.mtu_bytes, service.mtu_bytes);
}

// What SYNs may announce; with NAT64 IPv6's limit holds for the IPv4 side too.
void limit_mss(Backend& backend, const ServiceConfig& service) {
  switch (service.mss_clamp.kind) {
    case MssClamp::Kind::off:
      return;
    case MssClamp::Kind::fixed:
      backend.mss_ipv4_bytes_max = backend.mss_ipv6_bytes_max = service.mss_clamp.bytes;
      return;
    case MssClamp::Kind::automatic:
      break;
  }
  const auto less = [&](std::size_t header_bytes) {
    return static_cast<std::uint16_t>(
        backend.inner_mtu_bytes > header_bytes ? backend.inner_mtu_bytes - header_bytes : 0);
  };
  constexpr std::size_t tcp_bytes = sizeof(wire::TcpHeader);
  backend.mss_ipv6_bytes_max = less(sizeof(wire::Ipv6Header) + tcp_bytes);
  backend.mss_ipv4_bytes_max =
      service.is_nat64() ? backend.mss_ipv6_bytes_max : less(sizeof(wire::Ipv4Header) + tcp_bytes);
}

}  // namespace

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
      if (service.is_nat64()) return Sending::nat64;
      return service.proxy_protocol == ProxyProtocol::off ? Sending::nat : Sending::proxied_nat;
    case Forward::l3dsr:
      return Sending::l3dsr;
    case Forward::local:
      break;  // has no backend, so nothing is sent
  }
  return Sending::plain_ipip;
}

void connect_backend(Backend& backend, const ServiceConfig& service, const Path* found,
                     std::optional<PortIndex> port) {
  if (found == nullptr) {
    backend.no_path_reason = "the kernel has no route or no neighbour for it yet";
    return;
  }
  const Path& path = *found;
  if (!port) {
    backend.no_path_reason = "its route leaves by an interface that is no [[port]]";
    return;
  }
  if (service.forward == Forward::l2dsr && path.next_hop != backend.address) {
    // A router would send the packet, still addressed to the VIP, back to us.
    backend.no_path_reason = "it is behind a router, and l2dsr needs it on the same link";
    return;
  }
  const std::uint16_t mtu_bytes = path_mtu_of(service, path);
  if (mtu_bytes < mtu_bytes_min || path.source.family() != backend.address.family()) {
    backend.no_path_reason = "its route has no usable source address or MTU";
    return;
  }
  if (service.is_nat64() && mtu_bytes < nat64_ipv4_mtu_bytes_min) {
    backend.no_path_reason =
        "its MTU is below 1260, too small for IPv6's shortest MTU of 1280 less 20";
    return;
  }
  backend.path = path;
  backend.has_path = true;
  backend.out_port = *port;
  backend.link = {path.next_hop_mac, path.source_mac};
  backend.inner_mtu_bytes = mtu_bytes;
  backend.l3dsr_dscp = service.l3dsr_dscp;
  // An IPv6 packet is 20 bytes shorter once it is IPv4.
  if (service.is_nat64())
    backend.inner_mtu_bytes =
        static_cast<std::uint16_t>(std::min<unsigned>(mtu_bytes + nat64_difference_bytes, 0xffff));
  if (const auto encapsulation = encapsulation_of(service)) {
    backend.tunnel = {.source = tunnel_source_of(service, path),
                      .destination = backend.address,
                      .encapsulation = *encapsulation,
                      .port = service.gue_port,
                      .ttl = service.tunnel_ttl,
                      .dscp = service.tunnel_dscp.value};
    backend.outer = OuterHeader(*backend.tunnel);
    backend.inner_mtu_bytes = static_cast<std::uint16_t>(mtu_bytes - backend.outer.length_bytes());
  }
  limit_mss(backend, service);
}

}  // namespace sluice
