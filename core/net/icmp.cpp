#include "core/net/icmp.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "core/net/checksum.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

constexpr std::uint8_t reply_ttl = 64;
constexpr std::uint16_t ipv4_error_bytes_max = 576;
constexpr std::uint16_t ipv6_error_bytes_max = 1280;

template <typename Header>
Header& header_at(std::uint8_t* at) {
  static_assert(alignof(Header) == 1);
  return *reinterpret_cast<Header*>(at);
}

void set_type(wire::IcmpHeader& icmp, std::uint8_t type) {
  const Be16 before{{icmp.type, icmp.code}};
  icmp.type = type;
  ChecksumChange change;
  change.replace(before, Be16{{icmp.type, icmp.code}});
  icmp.checksum = change.apply(icmp.checksum);
}

void write_ipv4_too_big(std::uint8_t* quoted, const ParsedPacket& packet, std::uint16_t mtu_bytes,
                        const TooBigLayout& layout) {
  auto& icmp = header_at<wire::IcmpHeader>(quoted - sizeof(wire::IcmpHeader));
  icmp = {};
  icmp.type = wire::icmp_unreachable;
  icmp.code = wire::icmp_code_fragmentation_needed;
  icmp.rest = Be32::from_host(mtu_bytes);  // RFC 1191: the low half
  icmp.checksum =
      checksum_of({quoted - sizeof icmp, sizeof icmp + std::size_t{layout.quoted_bytes}});
  auto& ip = header_at<wire::Ipv4Header>(quoted - layout.header_bytes);
  ip = {};
  ip.version_ihl = 0x45;
  ip.total_length =
      Be16::from_host(static_cast<std::uint16_t>(layout.header_bytes + layout.quoted_bytes));
  ip.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);
  ip.ttl = reply_ttl;
  ip.protocol = wire::protocol_icmp;
  ip.source = packet.destination.ipv4();
  ip.destination = packet.source.ipv4();
  ip.checksum = checksum_of({reinterpret_cast<const std::uint8_t*>(&ip), sizeof ip});
}

void write_ipv6_too_big(std::uint8_t* quoted, const ParsedPacket& packet, std::uint16_t mtu_bytes,
                        const TooBigLayout& layout) {
  auto& icmp = header_at<wire::IcmpHeader>(quoted - sizeof(wire::IcmpHeader));
  icmp = {};
  icmp.type = wire::icmpv6_packet_too_big;
  icmp.rest = Be32::from_host(mtu_bytes);
  const std::size_t icmp_bytes = sizeof icmp + std::size_t{layout.quoted_bytes};
  ChecksumSum sum = pseudo_header_sum(packet.destination, packet.source, wire::protocol_icmpv6,
                                      static_cast<std::uint32_t>(icmp_bytes));
  sum.add({quoted - sizeof icmp, icmp_bytes});
  icmp.checksum = sum.checksum();
  auto& ip = header_at<wire::Ipv6Header>(quoted - layout.header_bytes);
  ip = {};
  ip.version_class_label = Be32::from_host(0x60000000);
  ip.payload_length = Be16::from_host(static_cast<std::uint16_t>(icmp_bytes));
  ip.next_header = wire::protocol_icmpv6;
  ip.hop_limit = reply_ttl;
  ip.source = packet.destination.bytes();
  ip.destination = packet.source.bytes();
}

}  // namespace

void make_echo_reply(std::uint8_t* frame, const ParsedPacket& packet) {
  auto& icmp = header_at<wire::IcmpHeader>(frame + packet.l4_offset);
  if (packet.family == Family::ipv6) {
    auto& ip = header_at<wire::Ipv6Header>(frame + packet.l3_offset);
    std::swap(ip.source, ip.destination);  // the pseudo-header's sum stays the same
    ip.hop_limit = reply_ttl;
    set_type(icmp, wire::icmpv6_echo_reply);
    return;
  }
  auto& ip = header_at<wire::Ipv4Header>(frame + packet.l3_offset);
  std::swap(ip.source, ip.destination);
  const Be16 before{{ip.ttl, ip.protocol}};
  ip.ttl = reply_ttl;
  ChecksumChange change;
  change.replace(before, Be16{{ip.ttl, ip.protocol}});
  ip.checksum = change.apply(ip.checksum);
  set_type(icmp, wire::icmp_echo_reply);
  // An ICMP message of nothing but zeros is the one whose checksum cannot be adjusted: its right
  // checksum is 0xffff, and the update ends at one's complement's other zero.
  if (icmp.checksum.raw() != 0) return;
  const std::size_t header_bytes = std::size_t{packet.l4_offset} - packet.l3_offset;
  icmp.checksum = checksum_of({frame + packet.l4_offset, packet.ip_length_bytes - header_bytes});
}

TooBigLayout too_big_layout(const ParsedPacket& packet) {
  const bool ipv4 = packet.family == Family::ipv4;
  TooBigLayout out;
  out.header_bytes = static_cast<std::uint16_t>(
      (ipv4 ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header)) + sizeof(wire::IcmpHeader));
  const std::uint16_t whole = ipv4 ? ipv4_error_bytes_max : ipv6_error_bytes_max;
  out.quoted_bytes = std::min<std::uint16_t>(packet.ip_length_bytes,
                                             static_cast<std::uint16_t>(whole - out.header_bytes));
  return out;
}

void write_too_big(std::uint8_t* quoted, const ParsedPacket& packet, std::uint16_t mtu_bytes) {
  const TooBigLayout layout = too_big_layout(packet);
  if (packet.family == Family::ipv4)
    write_ipv4_too_big(quoted, packet, mtu_bytes, layout);
  else
    write_ipv6_too_big(quoted, packet, mtu_bytes, layout);
}

bool may_cause_error(const ParsedPacket& packet) {
  if (packet.source.is_unspecified() || packet.source.is_multicast()) return false;
  if (packet.is_later_fragment || is_icmp_error(packet)) return false;
  if (packet.layer4 == Layer4::icmp)
    return packet.icmp_type != wire::icmp_redirect && packet.icmp_type != wire::icmp_source_quench;
  return packet.layer4 != Layer4::icmpv6 || packet.icmp_type != wire::icmpv6_redirect;
}

}  // namespace sluice
