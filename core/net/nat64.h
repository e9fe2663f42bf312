#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/net/address.h"
#include "core/net/parse.h"
#include "core/net/rewrite.h"

// A packet in the other version of IP (RFC 7915), for clients with IPv6 and servers with IPv4. New
// headers end where layer 4 begins: payloads do not move, so a packet grows and shrinks at its
// front. TTL or hop limit becomes one less, DSCP and ECN stay, the flow label becomes 0. Checksums
// of TCP, UDP and ICMP are adjusted, not computed anew: what came in damaged goes out damaged.
//
// `packet` is what `parse` made of `frame`; the Translation's addresses are of the other family.
// Each gives the new IP packet, or nothing for what has no form in the other version; then the
// frame is as it was.

namespace sluice {

/// An IPv4 header of 20 bytes against an IPv6 header of 40.
inline constexpr std::uint16_t nat64_difference_bytes = 20;
/// What is left in IPv4 of IPv6's smallest MTU. An IPv4 packet up to this may be fragmented, for
/// its IPv6 sender does not take a smaller MTU than 1,280 (RFC 7915 section 5.1).
inline constexpr std::uint16_t nat64_ipv4_mtu_bytes_min = 1'260;
/// Bytes that must be writable before the IP header of an IPv4 packet, or error: two IPv6 headers
/// and a fragment header for two IPv4 headers.
inline constexpr std::size_t nat64_growth_bytes_max = 48;

/// `identification`: for packets that come without one and may be fragmented on their way.
[[nodiscard]] std::span<std::uint8_t> translate_to_ipv4(std::uint8_t* frame,
                                                        const ParsedPacket& packet,
                                                        const Translation& translation,
                                                        std::uint16_t identification);
/// UDP without a checksum gets one (RFC 7915 section 4.5); its fragments have no IPv6 form.
[[nodiscard]] std::span<std::uint8_t> translate_to_ipv6(std::uint8_t* frame,
                                                        const ParsedPacket& packet,
                                                        const Translation& translation);
/// Of the packet that `translate_to_ipv6` makes of this one.
[[nodiscard]] std::size_t ipv6_length_bytes(const ParsedPacket& packet);

/// What goes with the translation of an ICMP error.
struct Nat64Error {
  ErrorTranslation addresses;        // of the other family
  std::uint16_t mtu_bytes_max = 0;   // of a packet too big message, in the new version's bytes
  std::uint16_t identification = 0;  // to IPv4
};
/// The error and the packet that it quotes (RFC 7915 sections 4.2, 4.3, 5.2, 5.3); `quoted` is what
/// `parse_quoted` made of it. RFC 4884's extensions are cut off; an ICMPv6 error ends at 1,280
/// bytes.
[[nodiscard]] std::span<std::uint8_t> translate_error_to_ipv4(std::uint8_t* frame,
                                                              const ParsedPacket& error,
                                                              const ParsedPacket& quoted,
                                                              const Nat64Error& how);
[[nodiscard]] std::span<std::uint8_t> translate_error_to_ipv6(std::uint8_t* frame,
                                                              const ParsedPacket& error,
                                                              const ParsedPacket& quoted,
                                                              const Nat64Error& how);

}  // namespace sluice
