#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "core/flow/five_tuple.h"
#include "core/net/wire.h"

// The smallest frames that matter, over each family: a TCP segment without data, by default an
// acknowledgement, or an empty datagram.

namespace sluice::bench {

/// A frame's bytes with its addresses and ports still to be written.
class FrameTemplate {
 public:
  explicit FrameTemplate(Family family, std::uint8_t tcp_flags = wire::TcpHeader::ack)
      : is_ipv4_(family == Family::ipv4) {
    wire::TcpHeader tcp{};
    tcp.data_offset = 5 << 4;
    tcp.flags = tcp_flags;
    put_link_and_ip(wire::protocol_tcp, sizeof tcp);
    put(tcp);
  }
  [[nodiscard]] static FrameTemplate udp(Family family) {
    FrameTemplate out;
    out.is_ipv4_ = family == Family::ipv4;
    wire::UdpHeader udp{};
    udp.length = Be16::from_host(sizeof udp);
    out.put_link_and_ip(wire::protocol_udp, sizeof udp);
    out.put(udp);
    return out;
  }

  [[nodiscard]] std::uint16_t length_bytes() const { return length_bytes_; }

  /// Checksums are left at zero: forwarding adjusts them and looks at none.
  void write(std::uint8_t* to, const FiveTuple& tuple) const {
    std::memcpy(to, bytes_.data(), bytes_.size());
    const std::size_t ip = sizeof(wire::EthernetHeader);
    const std::size_t width = is_ipv4_ ? 4 : 16;
    const std::size_t source = ip + (is_ipv4_ ? 12 : 8);
    std::memcpy(to + source, &tuple.source.bytes()[16 - width], width);
    std::memcpy(to + source + width, &tuple.destination.bytes()[16 - width], width);
    const std::uint16_t ports[] = {tuple.source_port.be().raw(), tuple.destination_port.be().raw()};
    std::memcpy(to + source + 2 * width, ports, sizeof ports);
  }

 private:
  FrameTemplate() = default;
  void put_link_and_ip(std::uint8_t protocol, std::size_t payload_bytes) {
    wire::EthernetHeader ethernet{};
    ethernet.ether_type = Be16::from_host(is_ipv4_ ? wire::ether_type_ipv4 : wire::ether_type_ipv6);
    put(ethernet);
    if (is_ipv4_) {
      wire::Ipv4Header ip{};
      ip.version_ihl = 0x45;
      ip.total_length = Be16::from_host(static_cast<std::uint16_t>(sizeof ip + payload_bytes));
      ip.ttl = 64;
      ip.protocol = protocol;
      put(ip);
    } else {
      wire::Ipv6Header ip{};
      ip.version_class_label = Be32::from_host(6U << 28);
      ip.payload_length = Be16::from_host(static_cast<std::uint16_t>(payload_bytes));
      ip.next_header = protocol;
      ip.hop_limit = 64;
      put(ip);
    }
  }
  template <typename Header>
  void put(const Header& header) {
    std::memcpy(&bytes_[length_bytes_], &header, sizeof header);
    length_bytes_ = static_cast<std::uint16_t>(length_bytes_ + sizeof header);
  }

  bool is_ipv4_ = true;
  std::array<std::uint8_t, 80> bytes_{};
  std::uint16_t length_bytes_ = 0;
};

}  // namespace sluice::bench
