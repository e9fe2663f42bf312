#pragma once

#include <cstdint>

#include "core/net/address.h"
#include "core/net/parse.h"

namespace sluice {

/// Layer-3 direct server return: the packet's destination becomes a server's own address, and its
/// DSCP tells the server which VIP stood there. ECN stays (RFC 3168 section 5). Checksums of IP,
/// TCP, UDP and ICMPv6 are adjusted (RFC 1624); a UDP checksum of zero stays zero, and an adjusted
/// one never becomes zero (RFC 768). Of a later fragment only IP's header changes. `frame` is what
/// `packet` was parsed from; `destination` is of its family; `dscp` is 0 to 63.
void redirect(std::uint8_t* frame, const ParsedPacket& packet, const Address& destination,
              std::uint8_t dscp);

}  // namespace sluice
