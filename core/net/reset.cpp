#include "core/net/reset.h"

#include <cstring>

#include "core/net/checksum.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

constexpr std::uint8_t reset_ttl = 64;
constexpr std::uint8_t header_words = sizeof(wire::TcpHeader) / 4;

// SEG.LEN of RFC 9293 section 3.4: the payload, SYN and FIN counting as one byte each.
std::uint32_t segment_length(const ParsedPacket& packet, const wire::TcpHeader& tcp) {
  const auto headers_bytes =
      static_cast<std::uint32_t>(packet.l4_offset - packet.l3_offset + (tcp.data_offset >> 4) * 4);
  std::uint32_t out =
      packet.ip_length_bytes > headers_bytes ? packet.ip_length_bytes - headers_bytes : 0;
  if ((tcp.flags & wire::TcpHeader::syn) != 0) ++out;
  if ((tcp.flags & wire::TcpHeader::fin) != 0) ++out;
  return out;
}

wire::TcpHeader answer_to(const ParsedPacket& packet, const wire::TcpHeader& tcp) {
  wire::TcpHeader out{};
  out.source_port = tcp.destination_port;
  out.destination_port = tcp.source_port;
  out.data_offset = header_words << 4;
  out.flags = wire::TcpHeader::rst;
  if ((tcp.flags & wire::TcpHeader::ack) != 0) {
    out.sequence = tcp.acknowledgement;
  } else {
    out.flags |= wire::TcpHeader::ack;
    out.acknowledgement = Be32::from_host(tcp.sequence.host() + segment_length(packet, tcp));
  }
  return out;
}

std::uint16_t write_ipv4(std::uint8_t* at, const ParsedPacket& packet) {
  constexpr std::uint16_t length_bytes = sizeof(wire::Ipv4Header) + sizeof(wire::TcpHeader);
  wire::Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.total_length = Be16::from_host(length_bytes);
  ip.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);
  ip.ttl = reset_ttl;
  ip.protocol = wire::protocol_tcp;
  ip.source = packet.destination.ipv4();
  ip.destination = packet.source.ipv4();
  ip.checksum = checksum_of({reinterpret_cast<const std::uint8_t*>(&ip), sizeof ip});
  std::memcpy(at, &ip, sizeof ip);
  return length_bytes;
}

std::uint16_t write_ipv6(std::uint8_t* at, const ParsedPacket& packet) {
  wire::Ipv6Header ip{};
  ip.version_class_label = Be32::from_host(0x60000000);
  ip.payload_length = Be16::from_host(sizeof(wire::TcpHeader));
  ip.next_header = wire::protocol_tcp;
  ip.hop_limit = reset_ttl;
  ip.source = packet.destination.bytes();
  ip.destination = packet.source.bytes();
  std::memcpy(at, &ip, sizeof ip);
  return sizeof ip + sizeof(wire::TcpHeader);
}

}  // namespace

bool may_cause_reset(const ParsedPacket& packet) {
  return packet.layer4 == Layer4::tcp && (packet.tcp_flags & wire::TcpHeader::rst) == 0 &&
         (!packet.is_fragment || packet.has_ports) && !packet.source.is_unspecified() &&
         !packet.source.is_multicast();
}

std::uint16_t make_reset(std::uint8_t* frame, const ParsedPacket& packet) {
  wire::TcpHeader tcp{};
  std::memcpy(&tcp, frame + packet.l4_offset, sizeof tcp);
  tcp = answer_to(packet, tcp);
  ChecksumSum sum =
      pseudo_header_sum(packet.destination, packet.source, wire::protocol_tcp, sizeof tcp);
  sum.add({reinterpret_cast<const std::uint8_t*>(&tcp), sizeof tcp});
  tcp.checksum = sum.checksum();
  std::uint8_t* const at = frame + packet.l3_offset;
  const std::uint16_t length_bytes =
      packet.family == Family::ipv4 ? write_ipv4(at, packet) : write_ipv6(at, packet);
  std::memcpy(at + length_bytes - sizeof tcp, &tcp, sizeof tcp);
  return length_bytes;
}

}  // namespace sluice
