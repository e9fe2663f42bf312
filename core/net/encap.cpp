#include "core/net/encap.h"

#include <cstring>

#include "core/net/checksum.h"

namespace sluice {
namespace {

Be16 ether_type_of(Family family) {
  return Be16::from_host(family == Family::ipv4 ? wire::ether_type_ipv4 : wire::ether_type_ipv6);
}

std::uint8_t protocol_of(Family family) {
  return family == Family::ipv4 ? wire::protocol_ipip : wire::protocol_ipv6;
}

}  // namespace

void LinkHeader::write(std::uint8_t* to, Family family) const {
  wire::EthernetHeader header;
  header.destination = destination.bytes;
  header.source = source.bytes;
  header.ether_type = ether_type_of(family);
  std::memcpy(to, &header, sizeof header);
}

OuterHeader::OuterHeader(const Tunnel& tunnel)
    : family_(tunnel.destination.family()), port_(tunnel.port) {
  if (family_ == Family::ipv4) {
    wire::Ipv4Header header{};
    header.version_ihl = 0x45;
    header.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);
    header.ttl = ttl;
    header.source = tunnel.source.ipv4();
    header.destination = tunnel.destination.ipv4();
    std::memcpy(ip_.data(), &header, sizeof header);
    ip_bytes_ = sizeof header;
    ChecksumSum sum;
    sum.add(std::span<const std::uint8_t>(ip_.data(), sizeof header));
    checksum_base_ = sum.folded();
  } else {
    wire::Ipv6Header header{};
    header.version_class_label = Be32::from_host(0x60000000);
    header.hop_limit = ttl;
    header.source = tunnel.source.bytes();
    header.destination = tunnel.destination.bytes();
    std::memcpy(ip_.data(), &header, sizeof header);
    ip_bytes_ = sizeof header;
  }
  length_bytes_ = static_cast<std::uint8_t>(ip_bytes_ + shim_bytes(tunnel.encapsulation));
}

void OuterHeader::write_ip(std::uint8_t* to, const InnerPacket& packet,
                           std::uint8_t protocol) const {
  if (family_ == Family::ipv4) {
    wire::Ipv4Header header;
    std::memcpy(&header, ip_.data(), sizeof header);
    header.tos = packet.traffic_class;
    header.total_length =
        Be16::from_host(static_cast<std::uint16_t>(packet.length_bytes + length_bytes_));
    header.protocol = protocol;
    ChecksumSum sum;
    sum.add_raw16(checksum_base_);
    sum.add(Be16::from_host(header.tos));
    sum.add(header.total_length);
    sum.add(Be16::from_host(protocol));
    header.checksum = sum.checksum();
    std::memcpy(to, &header, sizeof header);
    return;
  }
  wire::Ipv6Header header;
  std::memcpy(&header, ip_.data(), sizeof header);
  // Flow label 0: a label would have to be the same for a flow on every balancer.
  header.version_class_label =
      Be32::from_host(0x60000000 | static_cast<std::uint32_t>(packet.traffic_class) << 20);
  header.payload_length = Be16::from_host(
      static_cast<std::uint16_t>(packet.length_bytes + length_bytes_ - sizeof header));
  header.next_header = protocol;
  std::memcpy(to, &header, sizeof header);
}

void OuterHeader::write_ipip(std::uint8_t* inner, const InnerPacket& packet) const {
  write_ip(inner - length_bytes_, packet, protocol_of(packet.family));
}

void OuterHeader::write_gre(std::uint8_t* inner, const InnerPacket& packet) const {
  const wire::GreHeader gre{.flags_version = {}, .ether_type = ether_type_of(packet.family)};
  std::memcpy(inner - sizeof gre, &gre, sizeof gre);
  write_ip(inner - length_bytes_, packet, wire::protocol_gre);
}

void OuterHeader::write_gue(std::uint8_t* inner, const InnerPacket& packet,
                            std::uint64_t flow_hash) const {
  const std::size_t between_bytes = length_bytes_ - ip_bytes_ - sizeof(wire::UdpHeader);
  if (between_bytes != 0) {
    const wire::GueHeader gue{
        .variant_length = 0, .protocol = protocol_of(packet.family), .flags = {}};
    std::memcpy(inner - sizeof gue, &gue, sizeof gue);
  }
  const wire::UdpHeader udp{.source_port = gue_source_port(flow_hash).be(),
                            .destination_port = port_.be(),
                            .length = Be16::from_host(static_cast<std::uint16_t>(
                                sizeof udp + between_bytes + packet.length_bytes)),
                            .checksum = {}};
  std::memcpy(inner - between_bytes - sizeof udp, &udp, sizeof udp);
  write_ip(inner - length_bytes_, packet, wire::protocol_udp);
}

}  // namespace sluice
