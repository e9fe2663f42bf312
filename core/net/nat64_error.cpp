#include <algorithm>
#include <array>
#include <optional>

#include "core/net/checksum.h"
#include "core/net/nat64.h"
#include "core/net/nat64_header.h"
#include "core/net/wire.h"

namespace sluice {
namespace {

constexpr std::uint16_t ipv6_mtu_bytes_min = 1280;
constexpr std::size_t ports_bytes = sizeof(wire::Ports);

// The first eight bytes of an ICMP message, checksum apart.
struct Message {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  // MTU or pointer
};

std::optional<Message> unreachable_to_ipv4(std::uint8_t code) {
  constexpr std::uint8_t host = 1, port = 3, prohibited = 10;
  constexpr std::array<std::uint8_t, 5> codes = {host, prohibited, host, host, port};
  if (code >= codes.size()) return std::nullopt;
  return Message{wire::icmp_unreachable, codes[code], 0};
}

// Figure 6 of RFC 7915: which field of the IPv4 header an offset into IPv6's means.
std::optional<Message> parameter_problem_to_ipv4(std::uint8_t code, std::uint32_t pointer) {
  constexpr std::uint8_t protocol_unreachable = 2;
  if (code == 1) return Message{wire::icmp_unreachable, protocol_unreachable, 0};
  if (code != 0 || pointer >= 40) return std::nullopt;
  std::uint32_t at = 0;
  if (pointer < 2)
    at = pointer;
  else if (pointer < 4)
    return std::nullopt;  // flow label
  else if (pointer < 6)
    at = 2;  // payload length, total length
  else if (pointer == 6)
    at = 9;  // next header, protocol
  else if (pointer == 7)
    at = 8;  // hop limit, time to live
  else
    at = pointer < 24 ? 12 : 16;  // addresses
  return Message{wire::icmp_parameter_problem, 0, at << 24};
}

// RFC 7915 section 5.2.
std::optional<Message> message_to_ipv4(const Message& from, std::uint16_t mtu_bytes_max) {
  switch (from.type) {
    case wire::icmpv6_unreachable:
      return unreachable_to_ipv4(from.code);
    case wire::icmpv6_packet_too_big: {
      // Less than 1,280 cannot be meant (RFC 8201 section 4).
      const std::uint32_t mtu = std::max<std::uint32_t>(from.rest, ipv6_mtu_bytes_min);
      return Message{wire::icmp_unreachable, wire::icmp_code_fragmentation_needed,
                     std::min<std::uint32_t>(mtu - nat64_difference_bytes, mtu_bytes_max)};
    }
    case wire::icmpv6_time_exceeded:
      return Message{wire::icmp_time_exceeded, from.code, 0};
    case wire::icmpv6_parameter_problem:
      return parameter_problem_to_ipv4(from.code, from.rest);
    default:
      return std::nullopt;
  }
}

// RFC 1191 section 7.1: routers that do not say their MTU have one of these.
std::uint32_t plateau_below(std::uint16_t packet_bytes) {
  constexpr std::array<std::uint16_t, 10> plateaus = {32'000, 17'914, 8'166, 4'352, 2'002,
                                                      1'492,  1'006,  508,   296,   68};
  const auto* const it =
      std::ranges::find_if(plateaus, [&](std::uint16_t plateau) { return plateau < packet_bytes; });
  return it == plateaus.end() ? plateaus.back() : *it;
}

std::optional<Message> unreachable_to_ipv6(const Message& from, std::uint16_t quoted_bytes,
                                           std::uint16_t mtu_bytes_max) {
  constexpr std::uint8_t no_route = 0, prohibited = 1, port = 4, unknown_next_header = 1;
  switch (from.code) {
    case 0:
    case 1:
    case 5:
    case 6:
    case 7:
    case 8:
    case 11:
    case 12:
      return Message{wire::icmpv6_unreachable, no_route, 0};
    case 2:  // protocol; the pointer is to IPv6's next header
      return Message{wire::icmpv6_parameter_problem, unknown_next_header, 6};
    case 3:
      return Message{wire::icmpv6_unreachable, port, 0};
    case wire::icmp_code_fragmentation_needed: {
      const std::uint32_t said = from.rest & 0xffff;
      const std::uint32_t mtu = said != 0 ? said : plateau_below(quoted_bytes);
      return Message{wire::icmpv6_packet_too_big, 0,
                     std::max<std::uint32_t>(
                         ipv6_mtu_bytes_min,
                         std::min<std::uint32_t>(mtu + nat64_difference_bytes, mtu_bytes_max))};
    }
    case 9:
    case 10:
    case 13:
    case 15:
      return Message{wire::icmpv6_unreachable, prohibited, 0};
    default:
      return std::nullopt;
  }
}

// Figure 3 of RFC 7915.
std::optional<Message> parameter_problem_to_ipv6(std::uint8_t code, std::uint32_t rest) {
  constexpr std::uint8_t none = 0xff;
  constexpr std::array<std::uint8_t, 20> pointers = {
      0, 1, 4, 4, none, none, none, none, 7, 6, none, none, 8, 8, 8, 8, 24, 24, 24, 24};
  const std::uint32_t pointer = rest >> 24;
  if ((code != 0 && code != 2) || pointer >= pointers.size() || pointers[pointer] == none)
    return std::nullopt;
  return Message{wire::icmpv6_parameter_problem, 0, pointers[pointer]};
}

// RFC 7915 section 4.2.
std::optional<Message> message_to_ipv6(const Message& from, std::uint16_t quoted_bytes,
                                       std::uint16_t mtu_bytes_max) {
  switch (from.type) {
    case wire::icmp_unreachable:
      return unreachable_to_ipv6(from, quoted_bytes, mtu_bytes_max);
    case wire::icmp_time_exceeded:
      return Message{wire::icmpv6_time_exceeded, from.code, 0};
    case wire::icmp_parameter_problem:
      return parameter_problem_to_ipv6(from.code, from.rest);
    default:
      return std::nullopt;
  }
}

wire::IcmpHeader& icmp_of(std::uint8_t* frame, const ParsedPacket& error) {
  return *reinterpret_cast<wire::IcmpHeader*>(frame + error.l4_offset);
}

Message message_of(const wire::IcmpHeader& icmp) {
  return {icmp.type, icmp.code, icmp.rest.host()};
}

// How much of the error the quoted packet is, by RFC 4884 section 4; extensions follow it. In units
// of 4 bytes in IPv4 and 8 in IPv6; 0: all.
std::size_t stated_quote_bytes(const wire::IcmpHeader& icmp, Family family) {
  if (family == Family::ipv4) return std::size_t{icmp.rest.bytes[1]} * 4;
  const bool can_say =
      icmp.type == wire::icmpv6_unreachable || icmp.type == wire::icmpv6_time_exceeded;
  return can_say ? std::size_t{icmp.rest.bytes[0]} * 8 : 0;
}

// Where the quoted packet ends; nothing when its ports are not in it.
std::optional<std::size_t> quote_end(const wire::IcmpHeader& icmp, const ParsedPacket& error,
                                     const ParsedPacket& quoted) {
  std::size_t end = std::size_t{error.l3_offset} + error.ip_length_bytes;
  if (const std::size_t stated = stated_quote_bytes(icmp, error.family); stated != 0)
    end = std::min(end, quoted.l3_offset + stated);
  if (end < quoted.l4_offset + ports_bytes) return std::nullopt;
  return end;
}

Be16 icmp_sum(std::span<const std::uint8_t> message, const Address& source,
              const Address& destination) {
  // ICMPv6 covers a pseudo-header (RFC 4443 section 2.3), ICMP does not (RFC 792).
  ChecksumSum sum = source.is_ipv4()
                        ? ChecksumSum{}
                        : pseudo_header_sum(source, destination, wire::protocol_icmpv6,
                                            static_cast<std::uint32_t>(message.size()));
  sum.add(message);
  return Be16::from_raw(sum.folded());
}

// Ports and, so far as it is quoted, checksum of the packet inside.
void set_quoted_ports(std::uint8_t* frame, const ParsedPacket& quoted,
                      const Translation& translation, std::size_t end) {
  const ChecksumChange change = change_of(quoted, translation);
  *reinterpret_cast<wire::Ports*>(frame + quoted.l4_offset) = {translation.source_port,
                                                               translation.destination_port};
  const bool is_udp = quoted.layer4 == Layer4::udp;
  const std::size_t at = quoted.l4_offset + (is_udp ? offsetof(wire::UdpHeader, checksum)
                                                    : offsetof(wire::TcpHeader, checksum));
  if (at + sizeof(Be16) > end) return;
  auto& checksum = *reinterpret_cast<Be16*>(frame + at);
  if (is_udp && checksum.raw() == 0) return;
  checksum = change.apply(checksum);
  if (is_udp && checksum.raw() == 0) checksum = Be16::from_raw(0xffff);
}

// The sum of the message as it came, its checksum left out, and that checksum.
struct Before {
  Be16 sum;
  Be16 checksum;
};
Before take_message(std::uint8_t* frame, const ParsedPacket& error) {
  auto& icmp = icmp_of(frame, error);
  const Be16 checksum = icmp.checksum;
  icmp.checksum = {};
  const std::size_t end = std::size_t{error.l3_offset} + error.ip_length_bytes;
  const Be16 sum =
      icmp_sum({frame + error.l4_offset, end - error.l4_offset}, error.source, error.destination);
  return {sum, checksum};
}

// Puts the new ICMP header in front of the quoted packet, which begins at `quote`.
std::uint8_t* write_message(std::uint8_t* quote, std::size_t quote_bytes, const Message& message,
                            const ErrorTranslation& addresses, const Before& before) {
  auto& icmp = *reinterpret_cast<wire::IcmpHeader*>(quote - sizeof(wire::IcmpHeader));
  icmp = {.type = message.type,
          .code = message.code,
          .checksum = {},
          .rest = Be32::from_host(message.rest)};
  ChecksumChange change;
  change.replace(before.sum, icmp_sum({quote - sizeof icmp, sizeof icmp + quote_bytes},
                                      addresses.source, addresses.destination));
  icmp.checksum = change.apply(before.checksum);
  return quote - sizeof icmp;
}

}  // namespace

std::span<std::uint8_t> translate_error_to_ipv4(std::uint8_t* frame, const ParsedPacket& error,
                                                const ParsedPacket& quoted, const Nat64Error& how) {
  const auto message = message_to_ipv4(message_of(icmp_of(frame, error)), how.mtu_bytes_max);
  const auto outside = read_ipv6_header(frame, error);
  const auto inside = read_ipv6_header(frame, quoted);
  const auto end = quote_end(icmp_of(frame, error), error, quoted);
  if (!message || !outside || !inside || !end) return {};
  const Before before = take_message(frame, error);
  const Translation& flow = how.addresses.quoted;
  set_quoted_ports(frame, quoted, flow, *end);
  std::uint8_t* const quote = write_ipv4_header(frame + quoted.l4_offset, *inside,
                                                flow.source.ipv4(), flow.destination.ipv4(), 0);
  const auto quote_bytes = static_cast<std::size_t>(frame + *end - quote);
  std::uint8_t* const icmp = write_message(quote, quote_bytes, *message, how.addresses, before);
  Nat64Header header = *outside;
  --header.ttl;
  header.payload_bytes = static_cast<std::uint16_t>(frame + *end - icmp);
  std::uint8_t* const ip = write_ipv4_header(icmp, header, how.addresses.source.ipv4(),
                                             how.addresses.destination.ipv4(), how.identification);
  return {ip, frame + *end};
}

std::span<std::uint8_t> translate_error_to_ipv6(std::uint8_t* frame, const ParsedPacket& error,
                                                const ParsedPacket& quoted, const Nat64Error& how) {
  const auto outside = read_ipv4_header(frame, error);
  const auto inside = read_ipv4_header(frame, quoted);
  const auto end = quote_end(icmp_of(frame, error), error, quoted);
  if (!outside || !inside || !end) return {};
  const auto quoted_bytes =
      static_cast<std::uint16_t>(inside->payload_bytes + (quoted.l4_offset - quoted.l3_offset));
  const auto message =
      message_to_ipv6(message_of(icmp_of(frame, error)), quoted_bytes, how.mtu_bytes_max);
  if (!message) return {};
  const Before before = take_message(frame, error);
  const Translation& flow = how.addresses.quoted;
  set_quoted_ports(frame, quoted, flow, *end);
  std::uint8_t* const quote =
      write_ipv6_header(frame + quoted.l4_offset, *inside, flow.source, flow.destination);
  // RFC 4443 section 2.4 c.
  constexpr std::size_t quote_bytes_max =
      ipv6_mtu_bytes_min - sizeof(wire::Ipv6Header) - sizeof(wire::IcmpHeader);
  const std::size_t quote_bytes =
      std::min(static_cast<std::size_t>(frame + *end - quote), quote_bytes_max);
  std::uint8_t* const icmp = write_message(quote, quote_bytes, *message, how.addresses, before);
  Nat64Header header = *outside;
  --header.ttl;
  header.payload_bytes = static_cast<std::uint16_t>(sizeof(wire::IcmpHeader) + quote_bytes);
  std::uint8_t* const ip =
      write_ipv6_header(icmp, header, how.addresses.source, how.addresses.destination);
  return {ip, quote + quote_bytes};
}

}  // namespace sluice
