#include "core/net/nat64_header.h"

#include <cstring>
#include <span>

#include "core/net/nat64.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

template <typename Header>
Header read_at(const std::uint8_t* at) {
  Header out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

// RFC 8200 section 4.4: next header, length, type, segments left.
constexpr std::size_t segments_left_at = 3;

// RFC 791 section 3.1: loose and strict source route; both have a pointer, from 1, to the next hop.
bool has_live_source_route(std::span<const std::uint8_t> options) {
  constexpr std::uint8_t end = 0, nothing = 1, loose = 131, strict = 137;
  std::size_t at = 0;
  while (at < options.size() && options[at] != end) {
    if (options[at] == nothing) {
      ++at;
      continue;
    }
    if (at + 2 >= options.size() || options[at + 1] < 2) return false;
    if (options[at] == loose || options[at] == strict) return options[at + 2] <= options[at + 1];
    at += options[at + 1];
  }
  return false;
}

void take_fragment_fields(Nat64Header& out, const wire::Ipv6Fragment& fragment) {
  out.has_fragment_fields = true;
  out.more_fragments = (fragment.offset_flags.host() & 1) != 0;
  out.fragment_offset = static_cast<std::uint16_t>(fragment.offset_flags.host() >> 3);
  out.identification = fragment.identification.host();
}

Be16 sum_of(const Address& source, const Address& destination, Be16 source_port,
            Be16 destination_port) {
  ChecksumSum sum;
  sum.add(source);
  sum.add(destination);
  sum.add(source_port);
  sum.add(destination_port);
  return Be16::from_raw(sum.folded());
}

}  // namespace

ChecksumChange change_of(const ParsedPacket& packet, const Translation& translation) {
  ChecksumChange out;
  out.replace(
      sum_of(packet.source, packet.destination, packet.source_port, packet.destination_port),
      sum_of(translation.source, translation.destination, translation.source_port,
             translation.destination_port));
  return out;
}

std::optional<Nat64Header> read_ipv6_header(const std::uint8_t* frame, const ParsedPacket& packet) {
  const auto ip = read_at<wire::Ipv6Header>(frame + packet.l3_offset);
  Nat64Header out{.traffic_class = ip.traffic_class(), .ttl = ip.hop_limit};
  const std::size_t begin = packet.l3_offset + sizeof ip;
  std::size_t at = begin;
  std::uint8_t next = ip.next_header;
  while (at < packet.l4_offset) {
    const std::uint8_t* const header = frame + at;
    // Behind a fragment header: of the whole packet, cut up with it, so it cannot be taken out. An
    // atomic fragment (RFC 6946) is whole.
    if (out.has_fragment_fields && packet.is_fragment) return std::nullopt;
    if (next == wire::protocol_authentication) return std::nullopt;
    if (next == wire::protocol_routing && header[segments_left_at] != 0) return std::nullopt;
    if (next == wire::protocol_fragment) {
      take_fragment_fields(out, read_at<wire::Ipv6Fragment>(header));
      at += sizeof(wire::Ipv6Fragment);
    } else {
      at += (header[1] + std::size_t{1}) * 8;
    }
    next = header[0];
  }
  // What a later fragment begins with is known from its first one only; both must agree.
  if (next != packet.ip_protocol || ip.payload_length.host() < at - begin) return std::nullopt;
  out.protocol = next == wire::protocol_icmpv6 ? std::uint8_t{wire::protocol_icmp} : next;
  out.payload_bytes = static_cast<std::uint16_t>(ip.payload_length.host() - (at - begin));
  return out;
}

std::optional<Nat64Header> read_ipv4_header(const std::uint8_t* frame, const ParsedPacket& packet) {
  const auto ip = read_at<wire::Ipv4Header>(frame + packet.l3_offset);
  const std::uint8_t* const options = frame + packet.l3_offset + sizeof ip;
  if (has_live_source_route({options, ip.header_bytes() - sizeof ip}) ||
      ip.total_length.host() < ip.header_bytes())
    return std::nullopt;
  const std::uint16_t fragment = ip.fragment.host();
  return Nat64Header{
      .traffic_class = ip.tos,
      .ttl = ip.ttl,
      .protocol =
          ip.protocol == wire::protocol_icmp ? std::uint8_t{wire::protocol_icmpv6} : ip.protocol,
      .payload_bytes = static_cast<std::uint16_t>(ip.total_length.host() - ip.header_bytes()),
      .has_fragment_fields =
          (fragment & (wire::Ipv4Header::more_fragments | wire::Ipv4Header::offset_mask)) != 0,
      .more_fragments = (fragment & wire::Ipv4Header::more_fragments) != 0,
      .fragment_offset = static_cast<std::uint16_t>(fragment & wire::Ipv4Header::offset_mask),
      .identification = ip.identification.host()};
}

std::uint8_t* write_ipv4_header(std::uint8_t* end, const Nat64Header& header, Be32 source,
                                Be32 destination, std::uint16_t identification) {
  wire::Ipv4Header ip{};
  ip.version_ihl = 0x45;
  ip.tos = header.traffic_class;
  const auto total_bytes = static_cast<std::uint16_t>(header.payload_bytes + sizeof ip);
  ip.total_length = Be16::from_host(total_bytes);
  if (header.has_fragment_fields) {
    // RFC 7915 section 5.1.1: the low half; the high one is lost.
    identification = static_cast<std::uint16_t>(header.identification);
    ip.fragment = Be16::from_host(static_cast<std::uint16_t>(
        header.fragment_offset | (header.more_fragments ? wire::Ipv4Header::more_fragments : 0)));
  } else if (total_bytes > nat64_ipv4_mtu_bytes_min) {
    ip.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);
  }
  ip.identification = Be16::from_host(identification);
  ip.ttl = header.ttl;
  ip.protocol = header.protocol;
  ip.source = source;
  ip.destination = destination;
  ip.checksum = checksum_of({reinterpret_cast<const std::uint8_t*>(&ip), sizeof ip});
  std::memcpy(end - sizeof ip, &ip, sizeof ip);
  return end - sizeof ip;
}

std::uint8_t* write_ipv6_header(std::uint8_t* end, const Nat64Header& header, const Address& source,
                                const Address& destination) {
  wire::Ipv6Header ip{};
  std::size_t payload_bytes = header.payload_bytes;
  ip.version_class_label =
      Be32::from_host(0x60000000 | static_cast<std::uint32_t>(header.traffic_class) << 20);
  ip.next_header = header.protocol;
  ip.hop_limit = header.ttl;
  ip.source = source.bytes();
  ip.destination = destination.bytes();
  if (header.has_fragment_fields) {
    const wire::Ipv6Fragment fragment{
        .next_header = header.protocol,
        .reserved = 0,
        .offset_flags = Be16::from_host(static_cast<std::uint16_t>(
            header.fragment_offset << 3 | (header.more_fragments ? 1 : 0))),
        .identification = Be32::from_host(header.identification)};
    end -= sizeof fragment;
    std::memcpy(end, &fragment, sizeof fragment);
    payload_bytes += sizeof fragment;
    ip.next_header = wire::protocol_fragment;
  }
  ip.payload_length = Be16::from_host(static_cast<std::uint16_t>(payload_bytes));
  std::memcpy(end - sizeof ip, &ip, sizeof ip);
  return end - sizeof ip;
}

}  // namespace sluice
