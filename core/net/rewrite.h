#pragma once

#include <cstdint>

#include "core/net/address.h"
#include "core/net/parse.h"

// Changes to a packet in place. `frame` is the start of the frame that `packet` was parsed from,
// and the parser has checked every header that is touched here.

namespace sluice {

/// New addresses and ports of a TCP, UDP or SCTP packet, of the packet's family. IP, TCP and UDP
/// checksums are adjusted (RFC 1624), and SCTP's CRC32c likewise, which takes an unfragmented
/// packet; a UDP checksum of zero over IPv4 stays zero (RFC 768), and an adjusted one never becomes
/// zero. Of a fragment without ports only IP's addresses and checksum change: ports, and the
/// checksum that covers the whole packet, are in the first fragment.
struct Translation {
  Address source;
  Address destination;
  Be16 source_port;
  Be16 destination_port;
};
void translate(std::uint8_t* frame, const ParsedPacket& packet, const Translation& translation);

/// New addresses of an ICMP error, and of the packet that it quotes. Every checksum is adjusted:
/// IP's and ICMP's outside, IP's and, where they are quoted so far, TCP's or UDP's inside. SCTP's
/// is left alone: its receiver goes by the verification tag (RFC 9260 section 10). None is computed
/// anew: an error that came in damaged goes out damaged, for its receiver to drop, and nothing that
/// lies behind the quoted headers (RFC 4884 extensions) is read.
struct ErrorTranslation {
  Address source;
  Address destination;
  Translation quoted;
};
/// `error` and `quoted`: what `parse` and `parse_quoted` made of `frame`.
void translate_error(std::uint8_t* frame, const ParsedPacket& error, const ParsedPacket& quoted,
                     const ErrorTranslation& translation);

/// One less, with IPv4's checksum adjusted. The caller has checked that it is above 1.
void decrement_ttl(std::uint8_t* frame, const ParsedPacket& packet);

}  // namespace sluice
