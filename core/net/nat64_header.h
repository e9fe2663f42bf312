#pragma once

#include <cstdint>
#include <optional>

#include "core/net/address.h"
#include "core/net/checksum.h"
#include "core/net/parse.h"
#include "core/net/rewrite.h"

// What nat64.cpp and nat64_error.cpp share: the headers of both versions of IP, read and written.

namespace sluice {

/// What the headers of both versions say, apart from addresses.
struct Nat64Header {
  std::uint8_t traffic_class = 0;
  std::uint8_t ttl = 0;
  std::uint8_t protocol = 0;         // above IP
  std::uint16_t payload_bytes = 0;   // of what is above IP
  bool has_fragment_fields = false;  // IPv6: a fragment header; IPv4: a fragment
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;  // in units of 8 bytes
  std::uint32_t identification = 0;
};

/// What the translation of a packet with ports changes in its TCP or UDP checksum: the
/// pseudo-headers of both versions add up alike but for their addresses.
[[nodiscard]] ChecksumChange change_of(const ParsedPacket& packet, const Translation& translation);

/// From the headers between `l3_offset` and `l4_offset`, which a parser has walked over. A quoted
/// packet may be cut off: `payload_bytes` is what it says itself. Nothing when they have no form in
/// the other version (RFC 7915 sections 4.1 and 5.1): a source route that is not at its end, an
/// authentication header, or IPv6 headers that every fragment would need.
[[nodiscard]] std::optional<Nat64Header> read_ipv6_header(const std::uint8_t* frame,
                                                          const ParsedPacket& packet);
[[nodiscard]] std::optional<Nat64Header> read_ipv4_header(const std::uint8_t* frame,
                                                          const ParsedPacket& packet);

/// A whole IPv4 header that ends at `end`; its start. `identification` is for packets that come
/// without one and may be fragmented: those up to 1,260 bytes (RFC 7915 section 5.1).
std::uint8_t* write_ipv4_header(std::uint8_t* end, const Nat64Header& header, Be32 source,
                                Be32 destination, std::uint16_t identification);
/// An IPv6 header, flow label 0, and a fragment header where there are fragment fields (RFC 7915
/// section 4.1), that end at `end`; their start.
std::uint8_t* write_ipv6_header(std::uint8_t* end, const Nat64Header& header, const Address& source,
                                const Address& destination);

}  // namespace sluice
