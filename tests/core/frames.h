#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/flow/five_tuple.h"
#include "core/net/address.h"

// Frames for tests, and a judge of their checksums. Written apart from core/net on purpose: it
// shares the address types and nothing else, so that a mistake there is not repeated here.

namespace sluice::test {

using Bytes = std::vector<std::uint8_t>;

/// An address from its text; the test must write it right.
[[nodiscard]] Address ip(std::string_view text);
[[nodiscard]] MacAddress mac(std::string_view text);
[[nodiscard]] Address random_address(std::mt19937_64& random, Family family);

/// What stands above IP in a built frame.
enum class Payload : std::uint8_t { tcp, udp, sctp, icmp_echo, gre };

/// A frame to build. The addresses decide the family.
struct FrameSpec {
  Address source = ip("198.51.100.7");
  Address destination = ip("203.0.113.10");
  std::uint16_t source_port = 40'000;
  std::uint16_t destination_port = 80;
  Payload payload = Payload::tcp;
  std::uint16_t data_bytes = 16;  // after the layer-4 header
  Bytes data{};                   // when not empty: in place of data_bytes made-up ones
  std::uint8_t tcp_flags = 0x18;  // PSH and ACK
  std::uint32_t tcp_sequence = 0x01020304;
  std::uint32_t tcp_acknowledgement = 0x05060708;
  std::uint16_t tcp_window = 0xfaf0;
  Bytes tcp_options{};          // of whole words
  std::uint8_t sctp_chunk = 0;  // type of the only chunk: DATA; INIT (1) has no tag
  std::uint8_t ttl = 64;
  std::uint8_t traffic_class = 0;
  bool dont_fragment = true;               // IPv4
  std::uint16_t fragment_offset = 0;       // in units of 8 bytes
  bool more_fragments = false;             // with the offset: IPv4's fields, or a fragment header
  bool udp_checksum_none = false;          // IPv4 and UDP: the field stays 0
  std::uint8_t option_words = 0;           // IPv4: no-operation options
  std::vector<std::uint8_t> extensions{};  // IPv6: protocol numbers of headers, 8 bytes each
  std::vector<std::uint16_t> vlans{};      // outermost first; two: the outer one is 802.1ad
  std::uint16_t padding_bytes = 0;         // of the link, after the IP packet
  MacAddress link_source = mac("02:00:00:00:00:01");
  MacAddress link_destination = mac("02:00:00:00:00:02");
};

/// With every checksum right.
[[nodiscard]] Bytes build(const FrameSpec& spec);
/// An ICMP or ICMPv6 error that quotes these bytes; of `spec` counts all but what is above IP.
/// `rest`: the second word of the ICMP header.
[[nodiscard]] Bytes build_error(FrameSpec spec, std::uint8_t type, std::uint8_t code,
                                std::uint32_t rest, std::span<const std::uint8_t> quoted);
/// The IP packet of an untagged frame, cut off after so many bytes.
[[nodiscard]] Bytes packet_of(const Bytes& frame, std::size_t bytes_max = 0xffff);
[[nodiscard]] FrameSpec spec_of(const FiveTuple& tuple);

/// RFC 1071, byte by byte: the folded sum, not complemented.
[[nodiscard]] std::uint16_t plain_sum(std::span<const std::uint8_t> bytes, std::uint32_t start = 0);

/// Every checksum of the frame that is wrong, inner headers of tunnels too: "outer ip 0x1234
/// instead of 0x4321; ..."; empty when all are right. Skips layer 4 of fragments.
[[nodiscard]] std::string wrong_checksums(std::span<const std::uint8_t> frame);

/// "00 11 22 ...", for messages.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace sluice::test
