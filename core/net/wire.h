#pragma once

#include <array>
#include <cstdint>

#include "core/net/byte_order.h"

// Headers as they stand on the wire: alignment 1, network order.

namespace sluice::wire {

using Mac = std::array<std::uint8_t, 6>;

enum EtherType : std::uint16_t {
  ether_type_ipv4 = 0x0800,
  ether_type_vlan = 0x8100,
  ether_type_ipv6 = 0x86dd,
  ether_type_qinq = 0x88a8,
};

/// IANA protocol numbers, and IPv6 extension headers among them.
enum IpProtocol : std::uint8_t {
  protocol_hop_by_hop = 0,
  protocol_icmp = 1,
  protocol_ipip = 4,
  protocol_tcp = 6,
  protocol_udp = 17,
  protocol_ipv6 = 41,
  protocol_routing = 43,
  protocol_fragment = 44,
  protocol_gre = 47,
  protocol_authentication = 51,
  protocol_icmpv6 = 58,
  protocol_no_next = 59,
  protocol_destination_options = 60,
  protocol_sctp = 132,
  protocol_mobility = 135,
};

struct EthernetHeader {
  Mac destination;
  Mac source;
  Be16 ether_type;
};
static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);

/// IEEE 802.1Q, after the EtherType that announces it.
struct VlanTag {
  Be16 control;
  Be16 ether_type;
};
static_assert(sizeof(VlanTag) == 4);

/// RFC 791 section 3.1.
struct Ipv4Header {
  std::uint8_t version_ihl;
  std::uint8_t tos;
  Be16 total_length;
  Be16 identification;
  Be16 fragment;  // flags and offset
  std::uint8_t ttl;
  std::uint8_t protocol;
  Be16 checksum;
  Be32 source;
  Be32 destination;

  static constexpr std::uint16_t dont_fragment = 0x4000;
  static constexpr std::uint16_t more_fragments = 0x2000;
  static constexpr std::uint16_t offset_mask = 0x1fff;
  [[nodiscard]] std::uint8_t header_bytes() const {
    return static_cast<std::uint8_t>((version_ihl & 0x0f) * 4);
  }
};
static_assert(sizeof(Ipv4Header) == 20 && alignof(Ipv4Header) == 1);

/// RFC 8200 section 3.
struct Ipv6Header {
  Be32 version_class_label;
  Be16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  std::array<std::uint8_t, 16> source;
  std::array<std::uint8_t, 16> destination;

  [[nodiscard]] std::uint8_t traffic_class() const {
    return static_cast<std::uint8_t>(version_class_label.host() >> 20);
  }
};
static_assert(sizeof(Ipv6Header) == 40 && alignof(Ipv6Header) == 1);

/// The common start of hop-by-hop, routing and destination options headers (RFC 8200 section 4).
struct Ipv6Extension {
  std::uint8_t next_header;
  std::uint8_t length_8bytes;  // not counting the first eight
};
static_assert(sizeof(Ipv6Extension) == 2);

/// RFC 8200 section 4.5.
struct Ipv6Fragment {
  std::uint8_t next_header;
  std::uint8_t reserved;
  Be16 offset_flags;  // 13 bits of offset, two reserved, more-fragments
  Be32 identification;
};
static_assert(sizeof(Ipv6Fragment) == 8);

/// RFC 9293 section 3.1.
struct TcpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 sequence;
  Be32 acknowledgement;
  std::uint8_t data_offset;  // upper half: in 32-bit words
  std::uint8_t flags;
  Be16 window;
  Be16 checksum;
  Be16 urgent;

  static constexpr std::uint8_t fin = 0x01;
  static constexpr std::uint8_t syn = 0x02;
  static constexpr std::uint8_t rst = 0x04;
  static constexpr std::uint8_t psh = 0x08;
  static constexpr std::uint8_t ack = 0x10;
};
static_assert(sizeof(TcpHeader) == 20);

/// The common start of TCP, UDP and SCTP headers.
struct Ports {
  Be16 source;
  Be16 destination;
};
static_assert(sizeof(Ports) == 4);

/// RFC 768.
struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 length;
  Be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

/// RFC 9260 section 3.1.
struct SctpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 verification_tag;
  Be32 checksum;  // CRC32c, its bytes in the opposite order
};
static_assert(sizeof(SctpHeader) == 12);

/// RFC 9260 section 3.2.
struct SctpChunk {
  std::uint8_t type;
  std::uint8_t flags;
  Be16 length;

  static constexpr std::uint8_t init = 1;
  static constexpr std::uint8_t abort = 6;
  static constexpr std::uint8_t shutdown_ack = 8;
  static constexpr std::uint8_t shutdown_complete = 14;
};
static_assert(sizeof(SctpChunk) == 4);

/// RFC 2784 section 2.1: no checksum, so nothing more follows.
struct GreHeader {
  Be16 flags_version;
  Be16 ether_type;
};
static_assert(sizeof(GreHeader) == 4);

/// draft-ietf-intarea-gue section 3.1, variant 0 without extension fields.
struct GueHeader {
  std::uint8_t variant_length;  // two bits of variant, the control flag, words after the first four
  std::uint8_t protocol;
  Be16 flags;
};
static_assert(sizeof(GueHeader) == 4);

/// RFC 792 and RFC 4443 section 2.1.
struct IcmpHeader {
  std::uint8_t type;
  std::uint8_t code;
  Be16 checksum;
  Be32 rest;  // identifier and sequence, MTU or unused
};
static_assert(sizeof(IcmpHeader) == 8);

enum IcmpType : std::uint8_t {
  icmp_echo_reply = 0,
  icmp_unreachable = 3,  // code 4: fragmentation needed
  icmp_source_quench = 4,
  icmp_redirect = 5,
  icmp_echo_request = 8,
  icmp_time_exceeded = 11,
  icmp_parameter_problem = 12,
};
enum Icmpv6Type : std::uint8_t {
  icmpv6_unreachable = 1,
  icmpv6_packet_too_big = 2,
  icmpv6_time_exceeded = 3,
  icmpv6_parameter_problem = 4,
  icmpv6_echo_request = 128,
  icmpv6_echo_reply = 129,
  icmpv6_router_solicitation = 133,
  icmpv6_redirect = 137,
};
inline constexpr std::uint8_t icmp_code_fragmentation_needed = 4;

}  // namespace sluice::wire
