#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "core/net/address.h"
#include "core/net/checksum.h"
#include "core/net/prefix.h"
#include "core/net/wire.h"

namespace sluice {

/// The fourteen bytes of an Ethernet header for packets to one next hop; the EtherType is set per
/// packet.
struct LinkHeader {
  MacAddress destination;
  MacAddress source;
  /// Writes a header in front of an IP packet of this family.
  void write(std::uint8_t* to, Family family) const {
    const Be16 type =
        Be16::from_host(family == Family::ipv4 ? wire::ether_type_ipv4 : wire::ether_type_ipv6);
    std::memcpy(to, this, sizeof *this);
    std::memcpy(to + sizeof *this, &type, sizeof type);
  }
};
static_assert(sizeof(LinkHeader) == 12);

/// What tells the far end of a tunnel that an IP packet is inside, and of which family it is.
enum class Encapsulation : std::uint8_t {
  ipip,        // the outer header's protocol (RFC 2003, RFC 4213 section 3, RFC 2473)
  gre,         // an EtherType, without checksum, key or sequence number (RFC 2784 section 2)
  gue_direct,  // UDP, then the inner packet (draft-ietf-intarea-gue section 4, variant 1)
  gue_header,  // UDP, then a header of four bytes (draft-ietf-intarea-gue section 3, variant 0)
};

/// Bytes between the outer IP header and the inner packet.
[[nodiscard]] constexpr std::uint8_t shim_bytes(Encapsulation encapsulation) {
  switch (encapsulation) {
    case Encapsulation::ipip:
      return 0;
    case Encapsulation::gre:
      return sizeof(wire::GreHeader);
    case Encapsulation::gue_direct:
      return sizeof(wire::UdpHeader);
    case Encapsulation::gue_header:
      return sizeof(wire::UdpHeader) + sizeof(wire::GueHeader);
  }
  return 0;
}

/// IANA's port for GUE.
inline constexpr Port gue_port_default{6080};

/// The source port of a flow's GUE packets: one of 49152 to 65535 (RFC 6335 section 6), so that
/// routers and NICs that hash ports spread the flows of one tunnel. `flow_hash` is hash_flow's.
[[nodiscard]] constexpr Port gue_source_port(std::uint64_t flow_hash) {
  return Port(static_cast<std::uint16_t>(0xc000 | (flow_hash & 0x3fff)));
}

inline constexpr std::uint8_t tunnel_ttl_default = 64;

/// One tunnel to one backend. Both addresses are of one family.
struct Tunnel {
  Prefix source;  // a flow's packets come from source.at(its hash)
  Address destination;
  Encapsulation encapsulation = Encapsulation::ipip;
  Port port = gue_port_default;           // gue: the destination port
  std::uint8_t ttl = tunnel_ttl_default;  // or hop limit
  std::optional<std::uint8_t> dscp;       // 0 to 63; none: the inner packet's
};

/// By which an outer IP header says that an IP packet of this family is next.
[[nodiscard]] constexpr std::uint8_t tunnel_protocol(Family family) {
  return family == Family::ipv4 ? wire::protocol_ipip : wire::protocol_ipv6;
}

/// What an outer header must know of the packet that it goes in front of.
struct InnerPacket {
  Family family = Family::ipv4;
  std::uint8_t traffic_class = 0;
  std::uint16_t length_bytes = 0;
};

/// All headers of a tunnel in front of the inner packet, ready but for what differs between
/// packets. They are written so that they end where the inner packet begins. The outer header takes
/// over ECN, and DSCP unless the tunnel has one (RFC 6040 section 4.1 normal mode, RFC 2983 section
/// 3). IPv4 outside: don't-fragment, identification 0 (RFC 6864 section 4.1), valid checksum. IPv6
/// outside: flow label 0.
class OuterHeader {
 public:
  static constexpr std::size_t length_bytes_max = 52;

  OuterHeader() = default;
  explicit OuterHeader(const Tunnel& tunnel);

  /// Of all headers together, at most `length_bytes_max`; 0 when default-constructed.
  [[nodiscard]] std::uint8_t length_bytes() const { return length_bytes_; }
  [[nodiscard]] Family family() const { return family_; }

  [[nodiscard]] Encapsulation encapsulation() const { return encapsulation_; }
  /// Whether headers differ between flows, so that `write` needs the flow's hash.
  [[nodiscard]] bool needs_flow_hash() const { return needs_flow_hash_; }

  /// Of any tunnel. The UDP checksum of GUE is zero: over IPv4 that is "none" (RFC 768), over IPv6
  /// it is allowed for tunnels (RFC 6935 section 5, RFC 6936), whose inner packets have their own.
  void write(std::uint8_t* inner, const InnerPacket& packet, std::uint64_t flow_hash) const;
  /// The same, of an ipip tunnel that needs no hash.
  void write_plain_ipip(std::uint8_t* inner, const InnerPacket& packet) const;

 private:
  enum class Source : bool { fixed, by_flow };
  template <Source source>
  void write_ip(std::uint8_t* to, const InnerPacket& packet, std::uint8_t protocol,
                std::uint64_t flow_hash) const;
  void write_gre(std::uint8_t* inner, const InnerPacket& packet) const;
  void write_gue(std::uint8_t* inner, const InnerPacket& packet, std::uint64_t flow_hash) const;

  // In the order in which IPv4's fields, and they alone, fit into what is left of a backend's first
  // cache line.
  std::uint16_t checksum_base_ = 0;  // folded sum of the constant words, IPv4 only
  std::uint8_t ip_bytes_ = 0;
  std::uint8_t length_bytes_ = 0;
  std::uint8_t class_kept_ = 0xff;  // bits of the inner traffic class that the outer one has
  std::uint8_t class_set_ = 0;
  Family family_ = Family::ipv6;
  Encapsulation encapsulation_ = Encapsulation::ipip;
  std::array<std::uint8_t, 40> ip_{};  // 20 of them for IPv4
  std::uint64_t source_free_ = 0;  // the source's last bits, at most 64, that come from the hash
  Port port_;
  bool needs_flow_hash_ = false;
};

// Writes the template and then over it: to change a copy first would make the processor wait for
// its own small stores.
template <OuterHeader::Source source>
[[gnu::always_inline]] inline void OuterHeader::write_ip(std::uint8_t* to,
                                                         const InnerPacket& packet,
                                                         std::uint8_t protocol,
                                                         std::uint64_t flow_hash) const {
  const auto traffic_class =
      static_cast<std::uint8_t>((packet.traffic_class & class_kept_) | class_set_);
  if (family_ == Family::ipv4) {
    std::memcpy(to, ip_.data(), sizeof(wire::Ipv4Header));
    auto& header = *reinterpret_cast<wire::Ipv4Header*>(to);
    const Be16 total_length =
        Be16::from_host(static_cast<std::uint16_t>(packet.length_bytes + length_bytes_));
    ChecksumSum sum;
    sum.add_raw16(checksum_base_);
    sum.add(Be16::from_host(traffic_class));
    sum.add(total_length);
    sum.add(Be16::from_host(protocol));
    if constexpr (source == Source::by_flow) {
      // The base has zeros where these bits go.
      const Be32 bits = Be32::from_host(static_cast<std::uint32_t>(flow_hash & source_free_));
      const auto base =
          load_unaligned<std::uint32_t>(ip_.data() + offsetof(wire::Ipv4Header, source));
      header.source = Be32::from_raw(base | bits.raw());
      sum.add(bits);
    }
    header.tos = traffic_class;
    header.total_length = total_length;
    header.protocol = protocol;
    header.checksum = sum.checksum();
    return;
  }
  std::memcpy(to, ip_.data(), sizeof(wire::Ipv6Header));
  auto& header = *reinterpret_cast<wire::Ipv6Header*>(to);
  // Flow label 0: a label would have to be the same for a flow on every balancer.
  header.version_class_label =
      Be32::from_host(0x60000000 | static_cast<std::uint32_t>(traffic_class) << 20);
  header.payload_length = Be16::from_host(
      static_cast<std::uint16_t>(packet.length_bytes + length_bytes_ - sizeof header));
  header.next_header = protocol;
  if constexpr (source == Source::by_flow) {
    constexpr std::size_t low = offsetof(wire::Ipv6Header, source) + 8;
    const std::uint64_t bits = std::byteswap(flow_hash & source_free_);
    const std::uint64_t folded = load_unaligned<std::uint64_t>(ip_.data() + low) | bits;
    std::memcpy(to + low, &folded, sizeof folded);
  }
}

inline void OuterHeader::write_plain_ipip(std::uint8_t* inner, const InnerPacket& packet) const {
  write_ip<Source::fixed>(inner - length_bytes_, packet, tunnel_protocol(packet.family), 0);
}

}  // namespace sluice
