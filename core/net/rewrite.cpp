#include "core/net/rewrite.h"

#include <cstddef>

#include "core/net/checksum.h"
#include "core/net/crc32c.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

template <typename Header>
Header& header_at(std::uint8_t* frame, std::uint16_t offset) {
  static_assert(alignof(Header) == 1);
  return *reinterpret_cast<Header*>(frame + offset);
}

// `change`: from the old addresses to the new ones.
void set_addresses(std::uint8_t* frame, const ParsedPacket& packet, const Address& source,
                   const Address& destination, const ChecksumChange& change) {
  if (packet.family == Family::ipv4) {
    auto& ip = header_at<wire::Ipv4Header>(frame, packet.l3_offset);
    ip.source = source.ipv4();
    ip.destination = destination.ipv4();
    ip.checksum = change.apply(ip.checksum);
    return;
  }
  auto& ip = header_at<wire::Ipv6Header>(frame, packet.l3_offset);
  ip.source = source.bytes();
  ip.destination = destination.bytes();
}

// Like `translate`, for a packet that may end right behind its ports.
[[gnu::cold]] void translate_quoted(std::uint8_t* frame, const ParsedPacket& quoted,
                                    const Translation& translation) {
  ChecksumChange change;
  change.replace(quoted.source, translation.source);
  change.replace(quoted.destination, translation.destination);
  set_addresses(frame, quoted, translation.source, translation.destination, change);
  change.replace(quoted.source_port, translation.source_port);
  change.replace(quoted.destination_port, translation.destination_port);
  header_at<wire::Ports>(frame, quoted.l4_offset) = {translation.source_port,
                                                     translation.destination_port};
  if (quoted.layer4 == Layer4::sctp) return;
  const bool is_udp = quoted.layer4 == Layer4::udp;
  const std::size_t at = quoted.l4_offset + (is_udp ? offsetof(wire::UdpHeader, checksum)
                                                    : offsetof(wire::TcpHeader, checksum));
  if (at + sizeof(Be16) > std::size_t{quoted.l3_offset} + quoted.ip_length_bytes) return;
  auto& checksum = header_at<Be16>(frame, static_cast<std::uint16_t>(at));
  if (is_udp && checksum.raw() == 0) return;
  checksum = change.apply(checksum);
  if (is_udp && checksum.raw() == 0) checksum = Be16::from_raw(0xffff);
}

// The CRC covers ports and all that follows, but no addresses (RFC 9260 section 6.8).
[[gnu::cold]] void translate_sctp(std::uint8_t* frame, const ParsedPacket& packet,
                                  const Translation& translation) {
  auto& sctp = header_at<wire::SctpHeader>(frame, packet.l4_offset);
  const auto before = load_unaligned<std::uint32_t>(&sctp);
  sctp.source_port = translation.source_port;
  sctp.destination_port = translation.destination_port;
  const std::size_t end = std::size_t{packet.l3_offset} + packet.ip_length_bytes;
  const std::uint32_t change = crc32c_change(before ^ load_unaligned<std::uint32_t>(&sctp),
                                             end - packet.l4_offset - sizeof before);
  sctp.checksum = Be32::from_raw(sctp.checksum.raw() ^ change);
}

Be16 folded_sum(std::span<const std::uint8_t> bytes) {
  ChecksumSum sum;
  sum.add(bytes);
  return Be16::from_raw(sum.folded());
}

}  // namespace

void translate(std::uint8_t* frame, const ParsedPacket& packet, const Translation& translation) {
  ChecksumChange change;
  change.replace(packet.source, translation.source);
  change.replace(packet.destination, translation.destination);
  set_addresses(frame, packet, translation.source, translation.destination, change);
  if (!packet.has_ports) [[unlikely]]
    return;
  change.replace(packet.source_port, translation.source_port);
  change.replace(packet.destination_port, translation.destination_port);
  if (packet.layer4 == Layer4::tcp) {
    auto& tcp = header_at<wire::TcpHeader>(frame, packet.l4_offset);
    tcp.source_port = translation.source_port;
    tcp.destination_port = translation.destination_port;
    tcp.checksum = change.apply(tcp.checksum);
    return;
  }
  if (packet.layer4 == Layer4::sctp) [[unlikely]]
    return translate_sctp(frame, packet, translation);
  auto& udp = header_at<wire::UdpHeader>(frame, packet.l4_offset);
  udp.source_port = translation.source_port;
  udp.destination_port = translation.destination_port;
  if (udp.checksum.raw() == 0) return;
  udp.checksum = change.apply(udp.checksum);
  // RFC 768: a computed zero is sent as all ones, for zero means "none".
  if (udp.checksum.raw() == 0) udp.checksum = Be16::from_raw(0xffff);
}

[[gnu::cold]] void translate_error(std::uint8_t* frame, const ParsedPacket& error,
                                   const ParsedPacket& quoted,
                                   const ErrorTranslation& translation) {
  // The quoted packet begins at an even offset of the ICMP message, so its words are the message's.
  const std::span<const std::uint8_t> inside(frame + quoted.l3_offset, quoted.ip_length_bytes);
  const Be16 before = folded_sum(inside);
  translate_quoted(frame, quoted, translation.quoted);
  ChecksumChange message;
  message.replace(before, folded_sum(inside));

  ChecksumChange addresses;
  addresses.replace(error.source, translation.source);
  addresses.replace(error.destination, translation.destination);
  set_addresses(frame, error, translation.source, translation.destination, addresses);
  if (error.family == Family::ipv6) {  // ICMPv6 covers a pseudo-header (RFC 4443 section 2.3)
    message.replace(error.source, translation.source);
    message.replace(error.destination, translation.destination);
  }
  auto& icmp = header_at<wire::IcmpHeader>(frame, error.l4_offset);
  icmp.checksum = message.apply(icmp.checksum);
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
