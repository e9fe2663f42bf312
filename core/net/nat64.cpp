#include "core/net/nat64.h"

#include "core/net/checksum.h"
#include "core/net/nat64_header.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

template <typename Header>
Header& header_at(std::uint8_t* frame, std::uint16_t offset) {
  static_assert(alignof(Header) == 1);
  return *reinterpret_cast<Header*>(frame + offset);
}

// RFC 768: a computed zero is sent as all ones, for zero means "none".
Be16 udp_checksum(Be16 checksum) { return checksum.raw() == 0 ? Be16::from_raw(0xffff) : checksum; }

void set_ports(std::uint8_t* frame, const ParsedPacket& packet, const Translation& translation) {
  if (!packet.has_ports) return;
  const ChecksumChange change = change_of(packet, translation);
  header_at<wire::Ports>(frame, packet.l4_offset) = {translation.source_port,
                                                     translation.destination_port};
  if (packet.layer4 == Layer4::tcp) {
    auto& tcp = header_at<wire::TcpHeader>(frame, packet.l4_offset);
    tcp.checksum = change.apply(tcp.checksum);
    return;
  }
  auto& udp = header_at<wire::UdpHeader>(frame, packet.l4_offset);
  if (udp.checksum.raw() != 0) udp.checksum = udp_checksum(change.apply(udp.checksum));
}

// RFC 768's "none", which IPv6 does not have (RFC 8200 section 8.1).
bool lacks_udp_checksum(std::uint8_t* frame, const ParsedPacket& packet) {
  return packet.layer4 == Layer4::udp && packet.has_ports &&
         header_at<wire::UdpHeader>(frame, packet.l4_offset).checksum.raw() == 0;
}

void compute_udp_checksum(std::uint8_t* frame, const ParsedPacket& packet,
                          const Translation& translation) {
  auto& udp = header_at<wire::UdpHeader>(frame, packet.l4_offset);
  // The parser has seen that the whole datagram is there.
  const std::uint16_t length_bytes = udp.length.host();
  ChecksumSum sum = pseudo_header_sum(translation.source, translation.destination,
                                      wire::protocol_udp, length_bytes);
  sum.add({frame + packet.l4_offset, length_bytes});
  udp.checksum = udp_checksum(sum.checksum());
}

std::span<std::uint8_t> packet_from(std::uint8_t* ip, const std::uint8_t* payload,
                                    std::uint16_t payload_bytes) {
  return {ip, static_cast<std::size_t>(payload - ip) + payload_bytes};
}

}  // namespace

std::span<std::uint8_t> translate_to_ipv4(std::uint8_t* frame, const ParsedPacket& packet,
                                          const Translation& translation,
                                          std::uint16_t identification) {
  auto header = read_ipv6_header(frame, packet);
  if (!header) return {};
  --header->ttl;
  set_ports(frame, packet, translation);
  std::uint8_t* const payload = frame + packet.l4_offset;
  std::uint8_t* const ip = write_ipv4_header(payload, *header, translation.source.ipv4(),
                                             translation.destination.ipv4(), identification);
  return packet_from(ip, payload, header->payload_bytes);
}

std::span<std::uint8_t> translate_to_ipv6(std::uint8_t* frame, const ParsedPacket& packet,
                                          const Translation& translation) {
  auto header = read_ipv4_header(frame, packet);
  const bool needs_checksum = lacks_udp_checksum(frame, packet);
  if (!header || (needs_checksum && packet.is_fragment)) return {};
  --header->ttl;
  set_ports(frame, packet, translation);
  if (needs_checksum) compute_udp_checksum(frame, packet, translation);
  std::uint8_t* const payload = frame + packet.l4_offset;
  std::uint8_t* const ip =
      write_ipv6_header(payload, *header, translation.source, translation.destination);
  return packet_from(ip, payload, header->payload_bytes);
}

std::size_t ipv6_length_bytes(const ParsedPacket& packet) {
  const std::size_t header_bytes = std::size_t{packet.l4_offset} - packet.l3_offset;
  return packet.ip_length_bytes - header_bytes + sizeof(wire::Ipv6Header) +
         (packet.is_fragment ? sizeof(wire::Ipv6Fragment) : 0);
}

}  // namespace sluice
