#include "core/net/rewrite.h"

#include "core/net/checksum.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

template <typename Header>
Header& header_at(std::uint8_t* frame, std::uint16_t offset) {
  static_assert(alignof(Header) == 1);
  return *reinterpret_cast<Header*>(frame + offset);
}

void set_addresses(std::uint8_t* frame, const ParsedPacket& packet, const Translation& translation,
                   const ChecksumChange& addresses) {
  if (packet.family == Family::ipv4) {
    auto& ip = header_at<wire::Ipv4Header>(frame, packet.l3_offset);
    ip.source = translation.source.ipv4();
    ip.destination = translation.destination.ipv4();
    ip.checksum = addresses.apply(ip.checksum);
    return;
  }
  auto& ip = header_at<wire::Ipv6Header>(frame, packet.l3_offset);
  ip.source = translation.source.bytes();
  ip.destination = translation.destination.bytes();
}

}  // namespace

void translate(std::uint8_t* frame, const ParsedPacket& packet, const Translation& translation) {
  ChecksumChange change;
  change.replace(packet.source, translation.source);
  change.replace(packet.destination, translation.destination);
  set_addresses(frame, packet, translation, change);
  change.replace(packet.source_port, translation.source_port);
  change.replace(packet.destination_port, translation.destination_port);
  if (packet.layer4 == Layer4::tcp) {
    auto& tcp = header_at<wire::TcpHeader>(frame, packet.l4_offset);
    tcp.source_port = translation.source_port;
    tcp.destination_port = translation.destination_port;
    tcp.checksum = change.apply(tcp.checksum);
    return;
  }
  auto& udp = header_at<wire::UdpHeader>(frame, packet.l4_offset);
  udp.source_port = translation.source_port;
  udp.destination_port = translation.destination_port;
  if (udp.checksum.raw() == 0) return;
  udp.checksum = change.apply(udp.checksum);
  // RFC 768: a computed zero is sent as all ones, for zero means "none".
  if (udp.checksum.raw() == 0) udp.checksum = Be16::from_raw(0xffff);
}

void decrement_ttl(std::uint8_t* frame, const ParsedPacket& packet) {
  if (packet.family == Family::ipv6) {
    --header_at<wire::Ipv6Header>(frame, packet.l3_offset).hop_limit;
    return;
  }
  auto& ip = header_at<wire::Ipv4Header>(frame, packet.l3_offset);
  const Be16 before{{ip.ttl, ip.protocol}};
  --ip.ttl;
  ChecksumChange change;
  change.replace(before, Be16{{ip.ttl, ip.protocol}});
  ip.checksum = change.apply(ip.checksum);
}

}  // namespace sluice
