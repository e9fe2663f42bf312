#include "tests/core/frames.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace sluice::test {
namespace {

void put16(Bytes& to, unsigned value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

void put32(Bytes& to, std::uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffff);
}

void put(Bytes& to, std::span<const std::uint8_t> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void put(Bytes& to, const Address& address) {
  const std::size_t skip = address.is_ipv4() ? 12 : 0;
  put(to, std::span(address.bytes()).subspan(skip));
}

unsigned get16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]);
}

void set16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint8_t protocol_number(const FrameSpec& spec) {
  switch (spec.payload) {
    case Payload::tcp:
      return 6;
    case Payload::udp:
      return 17;
    case Payload::sctp:
      return 132;
    case Payload::icmp_echo:
      return spec.source.is_ipv4() ? 1 : 58;
    case Payload::gre:
      return 47;
  }
  return 0;
}

// The pseudo-header's sum; `addresses` are source and destination as on the wire.
std::uint16_t pseudo_sum(std::span<const std::uint8_t> addresses, std::uint8_t protocol,
                         std::size_t length) {
  Bytes pseudo(addresses.begin(), addresses.end());
  put32(pseudo, static_cast<std::uint32_t>(length));
  put32(pseudo, protocol);
  return plain_sum(pseudo);
}

Bytes addresses_of(const FrameSpec& spec) {
  Bytes out;
  put(out, spec.source);
  put(out, spec.destination);
  return out;
}

std::size_t checksum_offset(std::uint8_t protocol) {
  return protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
}

// What is above layer 4.
Bytes data_of(const FrameSpec& spec) {
  if (!spec.data.empty()) return spec.data;
  Bytes out;
  for (unsigned i = 0; i < spec.data_bytes; ++i) out.push_back(static_cast<std::uint8_t>(i * 7));
  return out;
}

// RFC 9260 appendix A, bit by bit; as SCTP stores it, read in network order.
std::uint32_t sctp_checksum(std::span<const std::uint8_t> packet) {
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 0; i < packet.size(); ++i) {
    crc ^= i >= 8 && i < 12 ? 0U : packet[i];  // its own field counts as zero
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return __builtin_bswap32(~crc);
}

Bytes build_sctp(const FrameSpec& spec) {
  Bytes out;
  put16(out, spec.source_port);
  put16(out, spec.destination_port);
  put32(out, spec.sctp_chunk == 1 ? 0 : 0x0a0b0c0d);
  put32(out, 0);
  out.push_back(spec.sctp_chunk);
  out.push_back(0);
  put16(out, 4U + spec.data_bytes);
  for (unsigned i = 0; i < spec.data_bytes; ++i) out.push_back(static_cast<std::uint8_t>(i * 7));
  const std::uint32_t checksum = sctp_checksum(out);
  set16(out, 8, checksum >> 16);
  set16(out, 10, checksum & 0xffff);
  return out;
}

// Layer 4 with its checksum.
Bytes build_payload(const FrameSpec& spec) {
  const Bytes data = data_of(spec);
  Bytes out;
  if (spec.payload == Payload::sctp) return build_sctp(spec);
  if (spec.payload == Payload::gre) {  // of a protocol that nobody looks into
    out = {0, 0, 0x65, 0x58};
    out.insert(out.end(), spec.data_bytes, 0x5a);
    return out;
  }
  if (spec.payload == Payload::icmp_echo) {
    out = {static_cast<std::uint8_t>(spec.source.is_ipv4() ? 8 : 128), 0, 0, 0};
    put16(out, spec.source_port);  // identifier
    put16(out, spec.destination_port);
  } else {
    put16(out, spec.source_port);
    put16(out, spec.destination_port);
  }
  if (spec.payload == Payload::tcp) {
    put32(out, spec.tcp_sequence);
    put32(out, spec.tcp_acknowledgement);
    const auto words = static_cast<unsigned>(5 + spec.tcp_options.size() / 4);
    put16(out, words << 12 | spec.tcp_flags);
    put16(out, spec.tcp_window);
    put32(out, 0);
    put(out, spec.tcp_options);
  } else if (spec.payload == Payload::udp) {
    put16(out, 8U + static_cast<unsigned>(data.size()));
    put16(out, 0);
  }
  put(out, data);
  if (spec.payload == Payload::udp && spec.udp_checksum_none) return out;
  const std::uint8_t protocol = protocol_number(spec);
  const std::uint32_t start =
      protocol == 1 ? 0 : pseudo_sum(addresses_of(spec), protocol, out.size());
  unsigned checksum = static_cast<std::uint16_t>(~plain_sum(out, start));
  if (protocol == 17 && checksum == 0) checksum = 0xffff;
  set16(out, checksum_offset(protocol), checksum);
  return out;
}

void put_ipv4(Bytes& out, const FrameSpec& spec, const Bytes& payload) {
  const std::size_t begin = out.size();
  const unsigned header_bytes = 20U + 4U * spec.option_words;
  out.push_back(static_cast<std::uint8_t>(0x40 | header_bytes / 4));
  out.push_back(spec.traffic_class);
  put16(out, header_bytes + static_cast<unsigned>(payload.size()));
  put16(out, 0x1234);
  put16(out, (spec.dont_fragment ? 0x4000U : 0) | (spec.more_fragments ? 0x2000U : 0) |
                 spec.fragment_offset);
  out.push_back(spec.ttl);
  out.push_back(protocol_number(spec));
  put16(out, 0);
  put(out, spec.source);
  put(out, spec.destination);
  out.insert(out.end(), std::size_t{4} * spec.option_words, 1);
  const unsigned sum = plain_sum(std::span(out).subspan(begin));
  set16(out, begin + 10, static_cast<std::uint16_t>(~sum));
  put(out, payload);
}

void put_ipv6(Bytes& out, const FrameSpec& spec, const Bytes& payload) {
  std::vector<std::uint8_t> chain = spec.extensions;
  const bool fragmented = spec.fragment_offset != 0 || spec.more_fragments;
  if (fragmented) chain.push_back(44);
  chain.push_back(protocol_number(spec));
  put32(out, 0x60000000U | static_cast<std::uint32_t>(spec.traffic_class) << 20 | 0x12345);
  put16(out, static_cast<unsigned>(payload.size() + 8 * (chain.size() - 1)));
  out.push_back(chain.front());
  out.push_back(spec.ttl);
  put(out, spec.source);
  put(out, spec.destination);
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
    out.push_back(chain[i + 1]);
    if (chain[i] == 44) {
      out.push_back(0);
      put16(out, static_cast<unsigned>(spec.fragment_offset << 3) | (spec.more_fragments ? 1 : 0));
      put32(out, 0xabcdef01);
    } else {  // AH counts words less two: 8 bytes are length 0 there as elsewhere
      out.insert(out.end(), 7, 0);
    }
  }
  put(out, payload);
}

// Checks what one IP packet holds; the recursion is over tunnels, at most two deep in tests.
void judge_ip(std::span<const std::uint8_t> packet, const std::string& where, std::string& faults);

constexpr unsigned gue_port = 6080;

// GUE has a port of its own, no checksum, and an IP header or its own first word behind.
bool is_gue(std::span<const std::uint8_t> udp) {
  return udp.size() >= 28 && get16(udp, 2) == gue_port && get16(udp, 6) == 0 &&
         (udp[8] >> 4 == 4 || udp[8] >> 4 == 6 || udp[8] == 0);
}

bool is_tunnel(std::span<const std::uint8_t> payload, std::uint8_t protocol) {
  const bool is_gre = protocol == 47 && (payload.size() < 4 || get16(payload, 2) != 0x6558);
  return protocol == 4 || protocol == 41 || is_gre || (protocol == 17 && is_gue(payload));
}

// Of any tunnel, once its outer IP header is off.
void judge_tunnel(std::span<const std::uint8_t> payload, std::uint8_t protocol,
                  const std::string& where, std::string& faults) {
  if (protocol == 47) {
    if (payload.size() < 4) {
      faults += where + "gre too short; ";
      return;
    }
    payload = payload.subspan(4);
  }
  if (protocol == 17) {
    if (get16(payload, 4) != payload.size()) faults += where + "gue length; ";
    payload = payload.subspan(payload[8] == 0 ? 12 : 8);  // variant 0 has a header
  }
  judge_ip(payload, where + "inner ", faults);
}

void judge_layer4(std::span<const std::uint8_t> layer4, std::span<const std::uint8_t> addresses,
                  std::uint8_t protocol, const std::string& where, std::string& faults) {
  const char* name = protocol == 6 ? "tcp" : protocol == 17 ? "udp" : "icmp";
  if (protocol == 132 && layer4.size() >= 12) {
    const std::uint32_t found = get16(layer4, 8) << 16 | get16(layer4, 10);
    if (sctp_checksum(layer4) != found) faults += where + "sctp checksum wrong; ";
    return;
  }
  if (protocol != 6 && protocol != 17 && protocol != 1 && protocol != 58) return;
  const std::size_t at = checksum_offset(protocol);
  if (layer4.size() < at + 2) {
    faults += where + name + " too short; ";
    return;
  }
  if (protocol == 17) layer4 = layer4.first(std::min<std::size_t>(layer4.size(), get16(layer4, 4)));
  if (protocol == 17 && get16(layer4, at) == 0) {
    if (addresses.size() == 32) faults += where + "udp over IPv6 without a checksum; ";
    return;
  }
  const std::uint32_t start = protocol == 1 ? 0 : pseudo_sum(addresses, protocol, layer4.size());
  const std::uint16_t sum = plain_sum(layer4, start);
  if (sum == 0xffff) return;
  faults += where + name + " checksum wrong, sum " + std::to_string(sum) + "; ";
}

void judge_ipv4(std::span<const std::uint8_t> packet, const std::string& where,
                std::string& faults) {
  const std::size_t header_bytes = static_cast<std::size_t>(packet[0] & 15) * 4;
  const std::size_t total = get16(packet, 2);
  if (total < header_bytes || total > packet.size()) {
    faults += where + "ip length " + std::to_string(total) + " in a frame with room for " +
              std::to_string(packet.size()) + "; ";
    return;
  }
  if (plain_sum(packet.first(header_bytes)) != 0xffff) faults += where + "ip checksum wrong; ";
  if ((get16(packet, 6) & 0x3fff) != 0) return;
  const auto rest = packet.subspan(header_bytes, total - header_bytes);
  if (is_tunnel(rest, packet[9])) return judge_tunnel(rest, packet[9], where, faults);
  judge_layer4(rest, packet.subspan(12, 8), packet[9], where, faults);
}

void judge_ipv6(std::span<const std::uint8_t> packet, const std::string& where,
                std::string& faults) {
  const std::size_t length = get16(packet, 4);
  if (40 + length > packet.size()) {
    faults += where + "ipv6 length " + std::to_string(length) + " too large; ";
    return;
  }
  auto rest = packet.subspan(40, length);
  std::uint8_t next = packet[6];
  while (rest.size() >= 8) {
    std::size_t header_bytes = (rest[1] + std::size_t{1}) * 8;
    if (next == 51) {  // an authentication header counts in words
      header_bytes = (rest[1] + std::size_t{2}) * 4;
    } else if (next == 44) {
      if ((get16(rest, 2) & 0xfff9) != 0) return;
      header_bytes = 8;  // an atomic fragment is a whole packet (RFC 6946)
    } else if (next != 0 && next != 43 && next != 60 && next != 135) {
      break;
    }
    next = rest[0];
    rest = rest.subspan(std::min(rest.size(), header_bytes));
  }
  if (is_tunnel(rest, next)) return judge_tunnel(rest, next, where, faults);
  judge_layer4(rest, packet.subspan(8, 32), next, where, faults);
}

void judge_ip(std::span<const std::uint8_t> packet, const std::string& where, std::string& faults) {
  if (packet.size() >= 20 && packet[0] >> 4 == 4) return judge_ipv4(packet, where, faults);
  if (packet.size() >= 40 && packet[0] >> 4 == 6) return judge_ipv6(packet, where, faults);
  faults += where + "no IP header; ";
}

}  // namespace

Address ip(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) throw std::invalid_argument("no address: " + std::string(text));
  return *address;
}

MacAddress mac(std::string_view text) {
  const auto address = MacAddress::parse(text);
  if (!address) throw std::invalid_argument("no MAC address: " + std::string(text));
  return *address;
}

Address random_address(std::mt19937_64& random, Family family) {
  if (family == Family::ipv4)
    return Address::from_ipv4(Be32::from_host(static_cast<std::uint32_t>(random())));
  std::array<std::uint8_t, 16> bytes{};
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  bytes[0] = 0x20;  // global unicast, never a mapped IPv4 address
  return Address::from_bytes(bytes);
}

namespace {

Bytes build_around(const FrameSpec& spec, const Bytes& payload) {
  Bytes out;
  put(out, spec.link_destination.bytes);
  put(out, spec.link_source.bytes);
  for (std::size_t i = 0; i < spec.vlans.size(); ++i) {
    put16(out, i + 1 < spec.vlans.size() ? 0x88a8 : 0x8100);
    put16(out, spec.vlans[i]);
  }
  put16(out, spec.source.is_ipv4() ? 0x0800 : 0x86dd);
  if (spec.source.is_ipv4())
    put_ipv4(out, spec, payload);
  else
    put_ipv6(out, spec, payload);
  out.insert(out.end(), spec.padding_bytes, 0xee);
  return out;
}

}  // namespace

Bytes build(const FrameSpec& spec) { return build_around(spec, build_payload(spec)); }

Bytes build_error(FrameSpec spec, std::uint8_t type, std::uint8_t code, std::uint32_t rest,
                  std::span<const std::uint8_t> quoted) {
  spec.payload = Payload::icmp_echo;  // for its protocol number
  Bytes message = {type, code, 0, 0};
  put32(message, rest);
  put(message, quoted);
  const std::uint8_t protocol = protocol_number(spec);
  const std::uint32_t start =
      protocol == 1 ? 0 : pseudo_sum(addresses_of(spec), protocol, message.size());
  set16(message, 2, static_cast<std::uint16_t>(~plain_sum(message, start)));
  return build_around(spec, message);
}

Bytes packet_of(const Bytes& frame, std::size_t bytes_max) {
  const auto end = frame.begin() + static_cast<long>(std::min(frame.size(), 14 + bytes_max));
  return {frame.begin() + 14, end};
}

FrameSpec spec_of(const FiveTuple& tuple) {
  FrameSpec spec;
  spec.source = tuple.source;
  spec.destination = tuple.destination;
  spec.source_port = tuple.source_port.value();
  spec.destination_port = tuple.destination_port.value();
  spec.payload = tuple.protocol == Protocol::tcp    ? Payload::tcp
                 : tuple.protocol == Protocol::sctp ? Payload::sctp
                                                    : Payload::udp;
  return spec;
}

std::uint16_t plain_sum(std::span<const std::uint8_t> bytes, std::uint32_t start) {
  std::uint32_t sum = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
    if (sum > 0xffff) sum = (sum & 0xffff) + 1;
  }
  return static_cast<std::uint16_t>(sum);
}

std::string wrong_checksums(std::span<const std::uint8_t> frame) {
  std::string faults;
  std::size_t at = 12;
  while (frame.size() >= at + 2 && (get16(frame, at) == 0x8100 || get16(frame, at) == 0x88a8))
    at += 4;
  if (frame.size() < at + 2) return "no link header; ";
  judge_ip(frame.subspan(at + 2), "", faults);
  return faults;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  char text[4];
  for (const std::uint8_t byte : bytes) {
    std::snprintf(text, sizeof text, "%02x ", byte);
    out += text;
  }
  return out;
}

}  // namespace sluice::test
