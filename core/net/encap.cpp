#include "core/net/encap.h"

#include <bit>
#include <cstring>

#include "core/net/checksum.h"

namespace sluice {
namespace {

constexpr std::uint8_t ecn_mask = 3;  // RFC 3168 section 5

Be16 ether_type_of(Family family) {
  return Be16::from_host(family == Family::ipv4 ? wire::ether_type_ipv4 : wire::ether_type_ipv6);
}

}  // namespace

OuterHeader::OuterHeader(const Tunnel& tunnel)
    : family_(tunnel.destination.family()),
      encapsulation_(tunnel.encapsulation),
      port_(tunnel.port) {
  const unsigned free_bits = (family_ == Family::ipv4 ? 32U : 128U) - tunnel.source.length_bits;
  source_free_ = free_bits >= 64 ? ~0ULL : (1ULL << free_bits) - 1;
  if (tunnel.dscp) {
    class_kept_ = ecn_mask;
    class_set_ = static_cast<std::uint8_t>(*tunnel.dscp << 2);
  }
  if (family_ == Family::ipv4) {
    wire::Ipv4Header header{};
    header.version_ihl = 0x45;
    header.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);
    header.ttl = tunnel.ttl;
    header.source = tunnel.source.address.ipv4();
    header.destination = tunnel.destination.ipv4();
    std::memcpy(ip_.data(), &header, sizeof header);
    ip_bytes_ = sizeof header;
    ChecksumSum sum;
    sum.add(std::span<const std::uint8_t>(ip_.data(), sizeof header));
    checksum_base_ = sum.folded();
  } else {
    wire::Ipv6Header header{};
    header.version_class_label = Be32::from_host(0x60000000);
    header.hop_limit = tunnel.ttl;
    header.source = tunnel.source.address.bytes();
    header.destination = tunnel.destination.bytes();
    std::memcpy(ip_.data(), &header, sizeof header);
    ip_bytes_ = sizeof header;
  }
  length_bytes_ = static_cast<std::uint8_t>(ip_bytes_ + shim_bytes(tunnel.encapsulation));
  needs_flow_hash_ = source_free_ != 0 || encapsulation_ == Encapsulation::gue_direct ||
                     encapsulation_ == Encapsulation::gue_header;
}

void OuterHeader::write(std::uint8_t* inner, const InnerPacket& packet,
                        std::uint64_t flow_hash) const {
  std::uint8_t protocol = 0;
  switch (encapsulation_) {
    case Encapsulation::ipip:
      protocol = tunnel_protocol(packet.family);
      break;
    case Encapsulation::gre:
      write_gre(inner, packet);
      protocol = wire::protocol_gre;
      break;
    case Encapsulation::gue_direct:
    case Encapsulation::gue_header:
      write_gue(inner, packet, flow_hash);
      protocol = wire::protocol_udp;
      break;
  }
  write_ip<Source::by_flow>(inner - length_bytes_, packet, protocol, flow_hash);
}

void OuterHeader::write_gre(std::uint8_t* inner, const InnerPacket& packet) const {
  const wire::GreHeader gre{.flags_version = {}, .ether_type = ether_type_of(packet.family)};
  std::memcpy(inner - sizeof gre, &gre, sizeof gre);
}

void OuterHeader::write_gue(std::uint8_t* inner, const InnerPacket& packet,
                            std::uint64_t flow_hash) const {
  const std::size_t between_bytes = shim_bytes(encapsulation_) - sizeof(wire::UdpHeader);
  if (between_bytes != 0) {
    const wire::GueHeader gue{
        .variant_length = 0, .protocol = tunnel_protocol(packet.family), .flags = {}};
    std::memcpy(inner - sizeof gue, &gue, sizeof gue);
  }
  const wire::UdpHeader udp{.source_port = gue_source_port(flow_hash).be(),
                            .destination_port = port_.be(),
                            .length = Be16::from_host(static_cast<std::uint16_t>(
                                sizeof udp + between_bytes + packet.length_bytes)),
                            .checksum = {}};
  std::memcpy(inner - between_bytes - sizeof udp, &udp, sizeof udp);
}

}  // namespace sluice
