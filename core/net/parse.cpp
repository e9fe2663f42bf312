#include "core/net/parse.h"

#include "core/net/cursor.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

constexpr int vlan_tags_max = 2;
constexpr int extension_headers_max = 8;

std::uint16_t offset_in(std::span<const std::uint8_t> frame, const Cursor& cursor) {
  return static_cast<std::uint16_t>(cursor.here() - frame.data());
}

// The EtherType after at most two VLAN tags; 0 for a frame that is too short to have one.
std::uint16_t take_link_layer(Cursor& cursor) {
  const auto* ethernet = cursor.take<wire::EthernetHeader>();
  if (ethernet == nullptr) return 0;
  std::uint16_t type = ethernet->ether_type.host();
  for (int tags = 0; tags < vlan_tags_max; ++tags) {
    if (type != wire::ether_type_vlan && type != wire::ether_type_qinq) break;
    const auto* tag = cursor.take<wire::VlanTag>();
    if (tag == nullptr) return 0;
    type = tag->ether_type.host();
  }
  return type;
}

Verdict parse_tcp(Cursor& cursor, ParsedPacket& out) {
  const auto* tcp = cursor.peek<wire::TcpHeader>();
  if (tcp == nullptr) return Verdict::drop_truncated;
  const std::size_t header_bytes = static_cast<std::size_t>(tcp->data_offset >> 4) * 4;
  if (header_bytes < sizeof *tcp || header_bytes > cursor.left())
    return Verdict::drop_bad_tcp_header;
  out.layer4 = Layer4::tcp;
  out.tcp_flags = tcp->flags;
  out.source_port = tcp->source_port;
  out.destination_port = tcp->destination_port;
  out.has_ports = true;
  return Verdict::none;
}

Verdict parse_udp(Cursor& cursor, ParsedPacket& out) {
  const auto* udp = cursor.peek<wire::UdpHeader>();
  if (udp == nullptr) return Verdict::drop_truncated;
  const std::size_t length = udp->length.host();
  // A fragment's UDP length speaks of the whole datagram.
  if (length < sizeof *udp || (!out.is_fragment && length > cursor.left()))
    return Verdict::drop_bad_udp_header;
  out.layer4 = Layer4::udp;
  out.source_port = udp->source_port;
  out.destination_port = udp->destination_port;
  out.has_ports = true;
  return Verdict::none;
}

// The first chunk alone is looked at: INIT and SHUTDOWN COMPLETE come by themselves, SHUTDOWN ACK
// and most ABORTs too (RFC 9260 section 6.10). What is missed ends when it is idle too long.
std::uint8_t flags_of_sctp(const wire::SctpHeader& sctp, Cursor cursor) {
  const auto* chunk = cursor.try_skip(sizeof sctp) ? cursor.peek<wire::SctpChunk>() : nullptr;
  if (chunk == nullptr) return wire::TcpHeader::ack;
  switch (chunk->type) {
    case wire::SctpChunk::init:  // section 8.5.1 A: a tag of zero
      return sctp.verification_tag == Be32{} ? wire::TcpHeader::syn : wire::TcpHeader::ack;
    case wire::SctpChunk::abort:
      return wire::TcpHeader::rst;
    case wire::SctpChunk::shutdown_ack:
    case wire::SctpChunk::shutdown_complete:
      return wire::TcpHeader::fin;
    default:  // chunk types are open-ended
      return wire::TcpHeader::ack;
  }
}

Verdict parse_sctp(Cursor& cursor, ParsedPacket& out) {
  const auto* sctp = cursor.peek<wire::SctpHeader>();
  if (sctp == nullptr) return Verdict::drop_truncated;
  out.layer4 = Layer4::sctp;
  out.tcp_flags = flags_of_sctp(*sctp, cursor);
  out.source_port = sctp->source_port;
  out.destination_port = sctp->destination_port;
  out.has_ports = true;
  return Verdict::none;
}

Verdict parse_icmp(Cursor& cursor, ParsedPacket& out) {
  const auto* icmp = cursor.peek<wire::IcmpHeader>();
  if (icmp == nullptr) return Verdict::drop_truncated;
  out.layer4 = out.ip_protocol == wire::protocol_icmp ? Layer4::icmp : Layer4::icmpv6;
  out.icmp_type = icmp->type;
  return Verdict::none;
}

// `cursor` stands at the layer-4 header of an unfragmented packet or a first fragment.
[[gnu::always_inline]] inline Verdict parse_layer4(Cursor& cursor, ParsedPacket& out) {
  if (out.ip_protocol == wire::protocol_tcp) return parse_tcp(cursor, out);
  if (out.ip_protocol == wire::protocol_udp) return parse_udp(cursor, out);
  const bool is_icmp = out.family == Family::ipv4 ? out.ip_protocol == wire::protocol_icmp
                                                  : out.ip_protocol == wire::protocol_icmpv6;
  if (is_icmp) return parse_icmp(cursor, out);
  if (out.ip_protocol == wire::protocol_sctp) return parse_sctp(cursor, out);
  out.layer4 = Layer4::other;
  return Verdict::passed_to_kernel;
}

Verdict parse_ipv4(std::span<const std::uint8_t> frame, Cursor cursor, ParsedPacket& out) {
  const auto* ip = cursor.peek<wire::Ipv4Header>();
  if (ip == nullptr) return Verdict::drop_truncated;
  const std::size_t header_bytes = ip->header_bytes();
  const std::size_t total_bytes = ip->total_length.host();
  if (ip->version_ihl >> 4 != 4 || header_bytes < sizeof *ip || total_bytes < header_bytes)
    return Verdict::drop_bad_ip_header;
  if (total_bytes > cursor.left()) return Verdict::drop_truncated;

  out.family = Family::ipv4;
  out.ip_length_bytes = static_cast<std::uint16_t>(total_bytes);
  out.traffic_class = ip->tos;
  out.ttl = ip->ttl;
  out.ip_protocol = ip->protocol;
  out.source = Address::from_ipv4(ip->source);
  out.destination = Address::from_ipv4(ip->destination);
  const std::uint16_t fragment = ip->fragment.host();
  out.dont_fragment = (fragment & wire::Ipv4Header::dont_fragment) != 0;
  out.is_fragment =
      (fragment & (wire::Ipv4Header::more_fragments | wire::Ipv4Header::offset_mask)) != 0;
  if (out.is_fragment) [[unlikely]]
    out.identification = Be32::from_host(ip->identification.host());

  // Bytes after the IP packet are link padding and no part of layer 4.
  Cursor payload(frame.subspan(out.l3_offset + header_bytes, total_bytes - header_bytes));
  out.l4_offset = offset_in(frame, payload);
  out.is_later_fragment = (fragment & wire::Ipv4Header::offset_mask) != 0;
  if (out.is_later_fragment) return Verdict::none;
  return parse_layer4(payload, out);
}

// Steps over extension headers until the layer-4 header. `later_fragment`: there is none in this
// packet. Inlined by force, like parse_layer4: each has two callers, and as calls they cost every
// packet a nanosecond or two.
[[gnu::always_inline]] inline Verdict skip_extensions(Cursor& cursor, ParsedPacket& out,
                                                      bool& later_fragment) {
  for (int i = 0; i <= extension_headers_max; ++i) {
    switch (out.ip_protocol) {
      case wire::protocol_hop_by_hop:
      case wire::protocol_routing:
      case wire::protocol_destination_options:
      case wire::protocol_mobility: {
        const auto* extension = cursor.peek<wire::Ipv6Extension>();
        if (extension == nullptr) return Verdict::drop_truncated;
        const std::uint8_t next = extension->next_header;
        if (!cursor.try_skip((extension->length_8bytes + std::size_t{1}) * 8))
          return Verdict::drop_truncated;
        out.ip_protocol = next;
        break;
      }
      case wire::protocol_authentication: {  // RFC 4302 section 2.2: in 32-bit words, minus two
        const auto* extension = cursor.peek<wire::Ipv6Extension>();
        if (extension == nullptr) return Verdict::drop_truncated;
        const std::uint8_t next = extension->next_header;
        if (!cursor.try_skip((extension->length_8bytes + std::size_t{2}) * 4))
          return Verdict::drop_truncated;
        out.ip_protocol = next;
        break;
      }
      case wire::protocol_fragment: {
        const auto* fragment = cursor.take<wire::Ipv6Fragment>();
        if (fragment == nullptr) return Verdict::drop_truncated;
        // RFC 6946: an atomic fragment (offset 0, no more) is a whole packet.
        const std::uint16_t offset_flags = fragment->offset_flags.host();
        if (!out.is_fragment && (offset_flags & 0xfff9) != 0) {
          out.is_fragment = true;
          out.identification = fragment->identification;
        }
        out.ip_protocol = fragment->next_header;
        later_fragment = offset_flags >> 3 != 0;
        out.is_later_fragment = later_fragment;
        if (later_fragment) return Verdict::none;
        break;
      }
      default:
        return Verdict::none;
    }
  }
  return Verdict::drop_bad_ip_header;
}

Verdict parse_ipv6(std::span<const std::uint8_t> frame, Cursor cursor, ParsedPacket& out) {
  const auto* ip = cursor.peek<wire::Ipv6Header>();
  if (ip == nullptr) return Verdict::drop_truncated;
  if (ip->version_class_label.bytes[0] >> 4 != 6) return Verdict::drop_bad_ip_header;
  const std::size_t payload_bytes = ip->payload_length.host();
  if (payload_bytes + sizeof *ip > cursor.left()) return Verdict::drop_truncated;
  // 65,535 bytes of payload would overflow the length; no link here carries such a packet.
  if (payload_bytes + sizeof *ip > 0xffff) return Verdict::drop_bad_ip_header;
  if (Address::from_bytes(ip->source).is_ipv4() || Address::from_bytes(ip->destination).is_ipv4())
    return Verdict::drop_mapped_address;

  out.family = Family::ipv6;
  out.ip_length_bytes = static_cast<std::uint16_t>(payload_bytes + sizeof *ip);
  out.dont_fragment = true;
  out.traffic_class = ip->traffic_class();
  out.ttl = ip->hop_limit;
  out.ip_protocol = ip->next_header;
  out.source = Address::from_bytes(ip->source);
  out.destination = Address::from_bytes(ip->destination);

  Cursor payload(frame.subspan(out.l3_offset + sizeof *ip, payload_bytes));
  bool later_fragment = false;
  const Verdict verdict = skip_extensions(payload, out, later_fragment);
  out.l4_offset = offset_in(frame, payload);
  if (verdict != Verdict::none || later_fragment) return verdict;
  return parse_layer4(payload, out);
}

// A later fragment is no use: it has no ports.
[[gnu::cold]] bool skip_to_quoted_layer4(Cursor& cursor, ParsedPacket& out) {
  if (out.family == Family::ipv4) {
    const auto* ip = cursor.peek<wire::Ipv4Header>();
    if (ip == nullptr || ip->version_ihl >> 4 != 4 || ip->header_bytes() < sizeof *ip) return false;
    out.ip_protocol = ip->protocol;
    out.source = Address::from_ipv4(ip->source);
    out.destination = Address::from_ipv4(ip->destination);
    return (ip->fragment.host() & wire::Ipv4Header::offset_mask) == 0 &&
           cursor.try_skip(ip->header_bytes());
  }
  const auto* ip = cursor.take<wire::Ipv6Header>();
  if (ip == nullptr || ip->version_class_label.bytes[0] >> 4 != 6) return false;
  if (Address::from_bytes(ip->source).is_ipv4() || Address::from_bytes(ip->destination).is_ipv4())
    return false;
  out.ip_protocol = ip->next_header;
  out.source = Address::from_bytes(ip->source);
  out.destination = Address::from_bytes(ip->destination);
  bool later_fragment = false;
  return skip_extensions(cursor, out, later_fragment) == Verdict::none && !later_fragment;
}

}  // namespace

bool is_icmp_error(const ParsedPacket& packet) {
  if (packet.layer4 == Layer4::icmp)
    return packet.icmp_type == wire::icmp_unreachable ||
           packet.icmp_type == wire::icmp_time_exceeded ||
           packet.icmp_type == wire::icmp_parameter_problem;
  return packet.layer4 == Layer4::icmpv6 && packet.icmp_type >= wire::icmpv6_unreachable &&
         packet.icmp_type <= wire::icmpv6_parameter_problem;
}

bool parse_quoted(std::span<const std::uint8_t> frame, const ParsedPacket& error,
                  ParsedPacket& out) {
  out = {};
  out.family = error.family;
  // The parser of the error has seen its whole ICMP header, and where its IP packet ends.
  const std::size_t begin = error.l4_offset + sizeof(wire::IcmpHeader);
  const std::size_t end = std::size_t{error.l3_offset} + error.ip_length_bytes;
  Cursor cursor(frame.subspan(begin, end - begin));
  out.l3_offset = offset_in(frame, cursor);
  out.ip_length_bytes = static_cast<std::uint16_t>(cursor.left());
  if (!skip_to_quoted_layer4(cursor, out)) return false;
  out.l4_offset = offset_in(frame, cursor);
  if (out.ip_protocol == wire::protocol_tcp)
    out.layer4 = Layer4::tcp;
  else if (out.ip_protocol == wire::protocol_udp)
    out.layer4 = Layer4::udp;
  else if (out.ip_protocol == wire::protocol_sctp)
    out.layer4 = Layer4::sctp;
  else
    return true;
  const auto* ports = cursor.peek<wire::Ports>();
  if (ports == nullptr) return false;
  out.source_port = ports->source;
  out.destination_port = ports->destination;
  out.has_ports = true;
  return true;
}

Verdict parse(std::span<const std::uint8_t> frame, ParsedPacket& out) {
  out = {};
  Cursor cursor(frame);
  const std::uint16_t ether_type = take_link_layer(cursor);
  out.l3_offset = offset_in(frame, cursor);
  if (ether_type == wire::ether_type_ipv4) return parse_ipv4(frame, cursor, out);
  if (ether_type == wire::ether_type_ipv6) return parse_ipv6(frame, cursor, out);
  return Verdict::passed_to_kernel;
}

}  // namespace sluice
