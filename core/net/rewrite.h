#pragma once

#include <cstdint>

#include "core/net/address.h"
#include "core/net/parse.h"

// Changes to a packet in place. `frame` is the start of the frame that `packet` was parsed from,
// and the parser has checked every header that is touched here.

namespace sluice {

/// New addresses and ports of a TCP or UDP packet, of the packet's family. IP, TCP and UDP
/// checksums are adjusted (RFC 1624); a UDP checksum of zero over IPv4 stays zero (RFC 768), and an
/// adjusted one never becomes zero.
struct Translation {
  Address source;
  Address destination;
  Be16 source_port;
  Be16 destination_port;
};
void translate(std::uint8_t* frame, const ParsedPacket& packet, const Translation& translation);

/// One less, with IPv4's checksum adjusted. The caller has checked that it is above 1.
void decrement_ttl(std::uint8_t* frame, const ParsedPacket& packet);

}  // namespace sluice
