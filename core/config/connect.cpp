#include "core/config/connect.h"

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
      break;
  }
  return std::nullopt;
}

Prefix tunnel_source_of(const ServiceConfig& service, const Path& path) {
  const std::uint8_t all_bits = path.source.is_ipv4() ? 32 : 128;
  return service.tunnel_source.prefix.value_or(Prefix{path.source, all_bits});
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
      return Sending::nat;
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
  if (path.mtu_bytes < mtu_bytes_min || path.source.family() != backend.address.family()) {
    backend.no_path_reason = "its route has no usable source address or MTU";
    return;
  }
  backend.path = path;
  backend.out_port = *port;
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

}  // namespace sluice
