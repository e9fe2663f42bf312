#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/net/address.h"
#include "core/net/wire.h"

namespace sluice {

/// The fourteen bytes of an Ethernet header for packets to one next hop; the EtherType is set per
/// packet.
struct LinkHeader {
  MacAddress destination;
  MacAddress source;
  /// Writes a header in front of an IP packet of this family.
  void write(std::uint8_t* to, Family family) const;
};

/// The outer IP header of a tunnel to one backend (RFC 2003 for IPv4, RFC 2473 for IPv6 outside),
/// ready but for what differs between packets: length and traffic class.
class OuterHeader {
 public:
  static constexpr std::size_t length_bytes_max = 40;
  static constexpr std::uint8_t ttl = 64;

  OuterHeader() = default;
  /// Outer addresses of one family.
  OuterHeader(const Address& source, const Address& destination);

  /// 20 or 40; 0 when default-constructed.
  [[nodiscard]] std::uint8_t length_bytes() const { return length_bytes_; }
  [[nodiscard]] Family family() const {
    return length_bytes_ == sizeof(wire::Ipv4Header) ? Family::ipv4 : Family::ipv6;
  }
  /// Writes the header so that it ends where the inner packet begins. `traffic_class` is the inner
  /// one: DSCP and ECN are copied (RFC 2983 section 3.1, RFC 6040 section 4.1 normal mode). IPv4
  /// outside: don't-fragment, identification 0 (RFC 6864 section 4.1), valid checksum.
  void write_before(std::uint8_t* inner, Family inner_family, std::uint16_t inner_length_bytes,
                    std::uint8_t traffic_class) const;

 private:
  std::array<std::uint8_t, length_bytes_max> bytes_{};
  std::uint16_t checksum_base_ = 0;  // folded sum of the constant words, IPv4 only
  std::uint8_t length_bytes_ = 0;
};

}  // namespace sluice
