#include "core/net/tcp_segment.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/net/checksum.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

std::size_t ip_header_bytes(const TcpSegment& segment) {
  return segment.source.is_ipv4() ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header);
}

void write_ip(std::uint8_t* to, const TcpSegment& segment, std::uint16_t whole_bytes) {
  if (segment.source.is_ipv4()) {
    wire::Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.tos = segment.traffic_class;
    ip.total_length = Be16::from_host(whole_bytes);
    ip.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);
    ip.ttl = TcpSegment::ttl;
    ip.protocol = wire::protocol_tcp;
    ip.source = segment.source.ipv4();
    ip.destination = segment.destination.ipv4();
    ip.checksum = checksum_of({reinterpret_cast<const std::uint8_t*>(&ip), sizeof ip});
    std::memcpy(to, &ip, sizeof ip);
    return;
  }
  wire::Ipv6Header ip{};
  ip.version_class_label =
      Be32::from_host(6U << 28 | static_cast<std::uint32_t>(segment.traffic_class) << 20);
  ip.payload_length = Be16::from_host(static_cast<std::uint16_t>(whole_bytes - sizeof ip));
  ip.next_header = wire::protocol_tcp;
  ip.hop_limit = TcpSegment::ttl;
  ip.source = segment.source.bytes();
  ip.destination = segment.destination.bytes();
  std::memcpy(to, &ip, sizeof ip);
}

}  // namespace

std::uint16_t tcp_segment_bytes(const TcpSegment& segment) {
  std::array<std::uint8_t, tcp_options_bytes_max> options{};
  return static_cast<std::uint16_t>(ip_header_bytes(segment) + sizeof(wire::TcpHeader) +
                                    write_tcp_options(segment.options, options) +
                                    segment.payload_bytes);
}

void write_tcp_segment(std::uint8_t* to, const TcpSegment& segment) {
  const std::uint16_t whole_bytes = tcp_segment_bytes(segment);
  write_ip(to, segment, whole_bytes);
  std::uint8_t* at = to + ip_header_bytes(segment);
  const std::size_t tcp_bytes = whole_bytes - ip_header_bytes(segment);
  const std::size_t header_bytes = tcp_bytes - segment.payload_bytes;
  std::fill_n(at, tcp_bytes, std::uint8_t{0});
  auto& tcp = *reinterpret_cast<wire::TcpHeader*>(at);
  tcp.source_port = segment.source_port;
  tcp.destination_port = segment.destination_port;
  tcp.sequence = Be32::from_host(segment.sequence);
  tcp.acknowledgement = Be32::from_host(segment.acknowledgement);
  tcp.data_offset = static_cast<std::uint8_t>(header_bytes / 4 << 4);
  tcp.flags = segment.flags;
  tcp.window = Be16::from_host(segment.window);
  std::array<std::uint8_t, tcp_options_bytes_max> options{};
  std::copy_n(options.begin(), write_tcp_options(segment.options, options), at + sizeof tcp);
  ChecksumSum sum = pseudo_header_sum(segment.source, segment.destination, wire::protocol_tcp,
                                      static_cast<std::uint32_t>(tcp_bytes));
  sum.add({at, tcp_bytes});
  tcp.checksum = sum.checksum();
}

bool has_right_tcp_checksum(const std::uint8_t* frame, const ParsedPacket& packet) {
  const std::size_t tcp_bytes =
      std::size_t{packet.ip_length_bytes} + packet.l3_offset - packet.l4_offset;
  ChecksumSum sum = pseudo_header_sum(packet.source, packet.destination, wire::protocol_tcp,
                                      static_cast<std::uint32_t>(tcp_bytes));
  sum.add({frame + packet.l4_offset, tcp_bytes});
  return sum.folded() == 0xffff;
}

}  // namespace sluice
