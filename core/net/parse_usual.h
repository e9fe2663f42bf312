#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/net/parse.h"
#include "core/net/wire.h"

namespace sluice {

namespace detail {

// The ports and flags of TCP and UDP that are whole and in order. `at`: the layer-4 header, of
// which twenty bytes are there to be read; `bytes`: how many belong to it.
[[gnu::always_inline]] inline bool read_usual_layer4(const std::uint8_t* at, std::size_t bytes,
                                                     ParsedPacket& out) {
  if (out.ip_protocol == wire::protocol_tcp) {
    const auto& tcp = *reinterpret_cast<const wire::TcpHeader*>(at);
    const std::size_t header_bytes = static_cast<std::size_t>(tcp.data_offset >> 4) * 4;
    out.layer4 = Layer4::tcp;
    out.tcp_flags = tcp.flags;
    if (header_bytes < sizeof tcp || header_bytes > bytes) return false;
  } else {
    const auto& udp = *reinterpret_cast<const wire::UdpHeader*>(at);
    const std::size_t length = udp.length.host();
    out.layer4 = Layer4::udp;
    out.tcp_flags = 0;
    if (out.ip_protocol != wire::protocol_udp || length < sizeof udp || length > bytes)
      return false;
  }
  const auto& ports = *reinterpret_cast<const wire::Ports*>(at);
  out.source_port = ports.source;
  out.destination_port = ports.destination;
  return true;
}

inline constexpr std::size_t usual_ipv4_bytes_min =
    sizeof(wire::EthernetHeader) + sizeof(wire::Ipv4Header) + sizeof(wire::TcpHeader);
inline constexpr std::size_t usual_ipv6_bytes_min =
    sizeof(wire::EthernetHeader) + sizeof(wire::Ipv6Header) + sizeof(wire::TcpHeader);

// What is the same in all of them.
[[gnu::always_inline]] inline void describe_usual(ParsedPacket& out, Family family,
                                                  std::size_t ip_header_bytes) {
  out.family = family;
  out.is_fragment = false;
  out.is_later_fragment = false;
  out.has_ports = true;
  out.icmp_type = 0;
  out.l3_offset = sizeof(wire::EthernetHeader);
  out.l4_offset = static_cast<std::uint16_t>(sizeof(wire::EthernetHeader) + ip_header_bytes);
  out.identification = {};
}

}  // namespace detail

/// Nearly every packet: TCP or UDP right behind an IPv4 header without options or an IPv6 header,
/// untagged, whole, in order. With one check of the length and no cursor this takes half of what
/// `parse` does, which judges everything else and says the same of these. False: `out` is no good.
[[nodiscard]] [[gnu::always_inline]] inline bool parse_usual(std::span<const std::uint8_t> frame,
                                                             ParsedPacket& out) {
  if (frame.size() < detail::usual_ipv4_bytes_min) return false;
  const auto& ethernet = *reinterpret_cast<const wire::EthernetHeader*>(frame.data());
  const std::uint8_t* const l3 = frame.data() + sizeof ethernet;
  if (ethernet.ether_type == Be16::from_host(wire::ether_type_ipv4)) {
    const auto& ip = *reinterpret_cast<const wire::Ipv4Header*>(l3);
    const std::size_t total_bytes = ip.total_length.host();
    constexpr std::uint16_t in_part =
        wire::Ipv4Header::more_fragments | wire::Ipv4Header::offset_mask;
    const std::uint16_t fragment = ip.fragment.host();
    if (ip.version_ihl != 0x45 || (fragment & in_part) != 0 || total_bytes < sizeof ip ||
        total_bytes > frame.size() - sizeof ethernet)
      return false;
    detail::describe_usual(out, Family::ipv4, sizeof ip);
    out.dont_fragment = (fragment & wire::Ipv4Header::dont_fragment) != 0;
    out.traffic_class = ip.tos;
    out.ttl = ip.ttl;
    out.ip_protocol = ip.protocol;
    out.ip_length_bytes = static_cast<std::uint16_t>(total_bytes);
    out.source = Address::from_ipv4(ip.source);
    out.destination = Address::from_ipv4(ip.destination);
    return detail::read_usual_layer4(l3 + sizeof ip, total_bytes - sizeof ip, out);
  }
  if (ethernet.ether_type != Be16::from_host(wire::ether_type_ipv6) ||
      frame.size() < detail::usual_ipv6_bytes_min)
    return false;
  const auto& ip = *reinterpret_cast<const wire::Ipv6Header*>(l3);
  const std::size_t payload_bytes = ip.payload_length.host();
  if (ip.version_class_label.bytes[0] >> 4 != 6 ||
      payload_bytes > frame.size() - sizeof ethernet - sizeof ip ||
      payload_bytes > 0xffff - sizeof ip || Address::from_bytes(ip.source).is_ipv4() ||
      Address::from_bytes(ip.destination).is_ipv4())
    return false;
  detail::describe_usual(out, Family::ipv6, sizeof ip);
  out.dont_fragment = true;
  out.traffic_class = ip.traffic_class();
  out.ttl = ip.hop_limit;
  out.ip_protocol = ip.next_header;
  out.ip_length_bytes = static_cast<std::uint16_t>(payload_bytes + sizeof ip);
  out.source = Address::from_bytes(ip.source);
  out.destination = Address::from_bytes(ip.destination);
  return detail::read_usual_layer4(l3 + sizeof ip, payload_bytes, out);
}

}  // namespace sluice
