#include "core/net/l3dsr.h"

#include <cstddef>

#include "core/net/checksum.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

constexpr std::uint8_t ecn_mask = 3;

template <typename Header>
Header& header_at(std::uint8_t* frame, std::uint16_t offset) {
  static_assert(alignof(Header) == 1);
  return *reinterpret_cast<Header*>(frame + offset);
}

// The checksum that covers the pseudo-header, where this packet has one.
void adjust_layer4(std::uint8_t* frame, const ParsedPacket& packet, const ChecksumChange& change) {
  if (packet.layer4 == Layer4::icmpv6) {
    auto& icmp = header_at<wire::IcmpHeader>(frame, packet.l4_offset);
    icmp.checksum = change.apply(icmp.checksum);
    return;
  }
  // SCTP's CRC covers no address (RFC 9260 section 6.8).
  if (!packet.has_ports || packet.layer4 == Layer4::sctp) return;
  if (packet.layer4 == Layer4::tcp) {
    auto& tcp = header_at<wire::TcpHeader>(frame, packet.l4_offset);
    tcp.checksum = change.apply(tcp.checksum);
    return;
  }
  auto& udp = header_at<wire::UdpHeader>(frame, packet.l4_offset);
  if (udp.checksum.raw() == 0) return;
  udp.checksum = change.apply(udp.checksum);
  if (udp.checksum.raw() == 0) udp.checksum = Be16::from_raw(0xffff);
}

}  // namespace

void redirect(std::uint8_t* frame, const ParsedPacket& packet, const Address& destination,
              std::uint8_t dscp) {
  ChecksumChange change;
  change.replace(packet.destination, destination);
  adjust_layer4(frame, packet, change);
  const auto traffic_class =
      static_cast<std::uint8_t>(dscp << 2 | (packet.traffic_class & ecn_mask));
  if (packet.family == Family::ipv4) {
    auto& ip = header_at<wire::Ipv4Header>(frame, packet.l3_offset);
    const Be16 before{{ip.version_ihl, ip.tos}};
    ip.tos = traffic_class;
    change.replace(before, Be16{{ip.version_ihl, ip.tos}});
    ip.destination = destination.ipv4();
    ip.checksum = change.apply(ip.checksum);
    return;
  }
  constexpr std::uint32_t class_mask = 0x0ff00000;
  auto& ip = header_at<wire::Ipv6Header>(frame, packet.l3_offset);
  ip.version_class_label = Be32::from_host((ip.version_class_label.host() & ~class_mask) |
                                           static_cast<std::uint32_t>(traffic_class) << 20);
  ip.destination = destination.bytes();
}

}  // namespace sluice
