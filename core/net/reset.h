#pragma once

#include <cstdint>

#include "core/net/parse.h"

namespace sluice {

/// Whether a TCP packet may be answered by a reset: never one that is a reset itself (RFC 9293
/// section 3.5.2), and of a fragmented packet only the first part, which has the TCP header. Not
/// what comes from an address that nobody can have.
[[nodiscard]] bool may_cause_reset(const ParsedPacket& packet);

/// Turns a TCP packet into the reset that answers it, in place: the sequence number is the one that
/// its sender waits for, or all of the packet is acknowledged where it acknowledges nothing (RFC
/// 9293 section 3.5.2). From its destination to its source, TTL 64, without IP options, extension
/// headers or payload. The link header is the caller's. Returns the length of the IP packet, which
/// begins where the old one did and is never longer.
[[nodiscard]] std::uint16_t make_reset(std::uint8_t* frame, const ParsedPacket& packet);

}  // namespace sluice
