#pragma once

#include <cstdint>
#include <span>

#include "core/flow/verdict.h"
#include "core/net/address.h"
#include "core/net/byte_order.h"

namespace sluice {

/// What stands above IP, as far as forwarding cares.
enum class Layer4 : std::uint8_t { none, tcp, udp, sctp, icmp, icmpv6, other };

/// Where the headers of a frame are and what they say. Offsets count from the start of the frame.
struct ParsedPacket {
  Family family = Family::ipv4;
  Layer4 layer4 = Layer4::none;
  bool is_fragment = false;        // any fragment; ports are read from a first one only
  bool is_later_fragment = false;  // not the first: layer 4 is not in this packet
  bool has_ports = false;
  bool dont_fragment = false;  // IPv4's DF; always true for IPv6
  std::uint8_t traffic_class = 0;
  std::uint8_t ttl = 0;
  std::uint8_t tcp_flags = 0;  // of SCTP those that mean what its first chunk does
  std::uint8_t icmp_type = 0;
  std::uint8_t ip_protocol = 0;  // of the layer-4 header
  std::uint16_t l3_offset = 0;
  std::uint16_t l4_offset = 0;
  std::uint16_t ip_length_bytes = 0;  // header and payload; link padding is not counted
  Be16 source_port;
  Be16 destination_port;
  Be32 identification;  // of a fragment: which datagram's it is; IPv4's are 16 bits
  Address source;
  Address destination;
  friend bool operator==(const ParsedPacket&, const ParsedPacket&) = default;
};

/// Reads Ethernet, up to two VLAN tags, IPv4 with options or IPv6 with extension headers (at most
/// eight), and the TCP, UDP, SCTP, ICMP or ICMPv6 header. `none`: `out` is filled in.
/// `passed_to_kernel`: not IP, or an IP protocol that only services for any protocol can have
/// (`out.layer4` says other, and the rest is filled in). Anything else: why
/// it must be dropped. Never reads outside `frame`.
[[nodiscard]] Verdict parse(std::span<const std::uint8_t> frame, ParsedPacket& out);

/// Whether this is an ICMP or ICMPv6 error, which quotes the packet that it is about: unreachable,
/// packet too big, time exceeded, parameter problem (RFC 792, RFC 4443 section 3).
[[nodiscard]] bool is_icmp_error(const ParsedPacket& packet);

/// Reads the packet that an ICMP error quotes: addresses, ports of TCP, UDP and SCTP, and where its
/// headers are, counted from the start of the error's frame. `error` is what `parse` made of
/// `frame`, and `is_icmp_error`. The quoted packet is of the same family, with options or extension
/// headers, and usually cut short: its length fields are not believed, `out.ip_length_bytes` is
/// what is there. False when there is no such packet, or not enough of it to see the ports. Of
/// another protocol `out.has_ports` is false. Never reads outside `frame`.
[[nodiscard]] bool parse_quoted(std::span<const std::uint8_t> frame, const ParsedPacket& error,
                                ParsedPacket& out);

}  // namespace sluice
