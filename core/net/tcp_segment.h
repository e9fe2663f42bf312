#pragma once

#include <cstddef>
#include <cstdint>

#include "core/net/address.h"
#include "core/net/tcp_edit.h"
#include "core/net/tcp_options.h"

namespace sluice {

/// A TCP segment of our own making, without IPv4 options or IPv6 extension headers.
struct TcpSegment {
  Address source;
  Address destination;  // of the source's family
  Be16 source_port;
  Be16 destination_port;
  TcpSequence sequence = 0;
  TcpSequence acknowledgement = 0;
  std::uint8_t flags = 0;
  std::uint8_t traffic_class = 0;
  std::uint16_t window = 0;
  TcpOptions options;
  std::uint8_t payload_bytes = 0;  // zeros

  static constexpr std::uint8_t ttl = 64;
};

/// The length of its IP packet, at most tcp_segment_bytes_max.
inline constexpr std::size_t tcp_segment_bytes_max = 40 + 20 + tcp_options_bytes_max + 255;
[[nodiscard]] std::uint16_t tcp_segment_bytes(const TcpSegment& segment);

/// Writes the IP packet, so many bytes, with its checksums.
void write_tcp_segment(std::uint8_t* to, const TcpSegment& segment);

/// Whether the checksum of a TCP packet that is no fragment is right.
[[nodiscard]] bool has_right_tcp_checksum(const std::uint8_t* frame, const ParsedPacket& packet);

}  // namespace sluice
