#include "tools/pktgen/signature.h"

#include "core/net/cursor.h"

namespace sluice::pktgen {
namespace {

constexpr int tunnels_max = 2;
constexpr int vlan_tags_max = 2;

std::optional<Signature> signature_of(const SignatureMark& mark, Be32 sequence,
                                      const SignatureTime& time) {
  if (mark.magic != SignatureMark::right) return std::nullopt;
  return Signature{mark.stream, sequence.host(), time.ns()};
}

std::optional<Signature> read_udp(const Cursor& layer4) {
  const auto* udp = layer4.peek<SignedUdp>();
  if (udp == nullptr) return std::nullopt;
  return signature_of(udp->mark, udp->sequence, udp->time);
}

std::optional<Signature> read_tcp(const Cursor& layer4) {
  const auto* tcp = layer4.peek<SignedTcp>();
  if (tcp == nullptr) return std::nullopt;
  return signature_of(std::bit_cast<SignatureMark>(tcp->header.acknowledgement),
                      tcp->header.sequence, tcp->time);
}

// A packet in a tunnel begins with its IP version.
bool begins_with_ip(const Cursor& cursor) {
  const auto* first = cursor.peek<std::uint8_t>();
  return first != nullptr && (*first >> 4 == 4 || *first >> 4 == 6);
}

bool enter_gre(Cursor& cursor) {
  constexpr std::uint16_t has_checksum = 0x8000;  // RFC 2784 section 2.1, RFC 2890 section 2
  constexpr std::uint16_t has_key = 0x2000;
  constexpr std::uint16_t has_sequence = 0x1000;
  const auto* gre = cursor.take<wire::GreHeader>();
  if (gre == nullptr) return false;
  for (const std::uint16_t flag : {has_checksum, has_key, has_sequence})
    if ((gre->flags_version.host() & flag) != 0 && !cursor.try_skip(4)) return false;
  return begins_with_ip(cursor);
}

// Either variant (draft-ietf-intarea-gue): the first two bits are 0 before a header and 1 before a
// packet, whose version says the same.
bool enter_gue(Cursor& cursor) {
  if (!cursor.try_skip(sizeof(wire::UdpHeader))) return false;
  if (begins_with_ip(cursor)) return true;
  const auto* gue = cursor.take<wire::GueHeader>();
  if (gue == nullptr || gue->variant_length >> 5 != 0) return false;
  return cursor.try_skip(std::size_t{4} * (gue->variant_length & 0x1f)) && begins_with_ip(cursor);
}

// The protocol of what follows the IP header, where the cursor is left; none when that is not IP,
// or a later fragment.
std::optional<std::uint8_t> enter_ip(Cursor& cursor) {
  const auto* version = cursor.peek<std::uint8_t>();
  if (version == nullptr) return std::nullopt;
  if (*version >> 4 == 6) {
    const auto* ip = cursor.take<wire::Ipv6Header>();
    return ip == nullptr ? std::nullopt : std::optional(ip->next_header);
  }
  const auto* ip = cursor.peek<wire::Ipv4Header>();
  if (ip == nullptr || *version >> 4 != 4 || !cursor.try_skip(ip->header_bytes()))
    return std::nullopt;
  if ((ip->fragment.host() & wire::Ipv4Header::offset_mask) != 0) return std::nullopt;
  return ip->protocol;
}

bool enter_link(Cursor& cursor) {
  const auto* ethernet = cursor.take<wire::EthernetHeader>();
  if (ethernet == nullptr) return false;
  std::uint16_t type = ethernet->ether_type.host();
  for (int tags = 0; tags < vlan_tags_max; ++tags) {
    if (type != wire::ether_type_vlan && type != wire::ether_type_qinq) break;
    const auto* tag = cursor.take<wire::VlanTag>();
    if (tag == nullptr) return false;
    type = tag->ether_type.host();
  }
  return type == wire::ether_type_ipv4 || type == wire::ether_type_ipv6;
}

// A tunnel's header, if it is one; the cursor is left at the packet inside.
std::optional<Wrapping> enter_tunnel(std::uint8_t protocol, Cursor& cursor) {
  switch (protocol) {
    case wire::protocol_ipip:
    case wire::protocol_ipv6:
      return Wrapping::ipip;
    case wire::protocol_gre:
      return enter_gre(cursor) ? std::optional(Wrapping::gre) : std::nullopt;
    case wire::protocol_udp:
      return enter_gue(cursor) ? std::optional(Wrapping::gue) : std::nullopt;
    default:  // any number may stand there
      return std::nullopt;
  }
}

}  // namespace

std::optional<Recognised> recognise(std::span<const std::uint8_t> frame) {
  Cursor cursor(frame);
  if (!enter_link(cursor)) return std::nullopt;
  Recognised out;
  for (int tunnels = 0; tunnels <= tunnels_max; ++tunnels) {
    const auto protocol = enter_ip(cursor);
    if (!protocol) return std::nullopt;
    std::optional<Signature> signature;
    if (*protocol == wire::protocol_tcp) signature = read_tcp(cursor);
    if (*protocol == wire::protocol_udp) signature = read_udp(cursor);
    if (signature) {
      out.signature = *signature;
      return out;
    }
    const auto wrapping = enter_tunnel(*protocol, cursor);
    if (!wrapping) return std::nullopt;
    if (tunnels == 0) out.wrapping = *wrapping;
  }
  return std::nullopt;
}

}  // namespace sluice::pktgen
