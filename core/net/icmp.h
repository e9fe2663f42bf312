#pragma once

#include <cstddef>
#include <cstdint>

#include "core/net/parse.h"

namespace sluice {

/// Turns an echo request into its reply, in place: addresses swapped, type changed, checksums
/// right, TTL 64. The link header is the caller's. IPv4 options are left as they are.
void make_echo_reply(std::uint8_t* frame, const ParsedPacket& packet);

/// How the packet too big message (RFC 792 and RFC 1191 section 4; RFC 4443 section 3.2) is laid
/// around the packet that caused it.
struct TooBigLayout {
  std::uint16_t header_bytes =
      0;  // IP and ICMP headers, to stand directly before the quoted packet
  std::uint16_t quoted_bytes = 0;  // of the packet, from its IP header on
};
/// At most 576 bytes in all for IPv4 (RFC 1812 section 4.3.2.3), 1,280 for IPv6 (RFC 4443
/// section 2.4 c).
[[nodiscard]] TooBigLayout too_big_layout(const ParsedPacket& packet);

/// Writes IP and ICMP headers so that they end at `quoted`, the IP header of the packet that was
/// too big. From its destination (the VIP) to its source. `mtu_bytes`: the largest IP packet that
/// would have fitted.
void write_too_big(std::uint8_t* quoted, const ParsedPacket& packet, std::uint16_t mtu_bytes);

/// Whether an error may be sent about this packet at all: not about ICMP errors and redirects,
/// fragments other than the first, multicast or unspecified sources (RFC 1122 section 3.2.2, RFC
/// 4443 section 2.4 e).
[[nodiscard]] bool may_cause_error(const ParsedPacket& packet);

}  // namespace sluice
