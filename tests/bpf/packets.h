#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/net/address.h"
#include "core/net/checksum.h"
#include "core/net/wire.h"

// Packets written layer by layer, from the inside out: ethernet(ipv4({...}, udp(1, 80))).

namespace sluice::test {

using Bytes = std::vector<std::uint8_t>;

template <typename Header>
Bytes with_header(const Header& header, const Bytes& payload) {
  Bytes out(sizeof header);
  std::memcpy(out.data(), &header, sizeof header);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

inline Address address(std::string_view text) { return *Address::parse(text); }

struct Ip {
  Address source;
  Address destination;
  std::uint8_t protocol = wire::protocol_udp;
  std::uint8_t traffic_class = 0;
  std::uint16_t fragment = 0;     // IPv4: flags and offset
  std::uint8_t option_words = 0;  // IPv4: of no-operation options
  std::uint8_t ttl = 61;
};

inline Bytes ipv4(const Ip& ip, const Bytes& payload) {
  const std::size_t header_bytes = sizeof(wire::Ipv4Header) + ip.option_words * std::size_t{4};
  wire::Ipv4Header header{};
  header.version_ihl = static_cast<std::uint8_t>(0x40 | header_bytes / 4);
  header.tos = ip.traffic_class;
  header.total_length = Be16::from_host(static_cast<std::uint16_t>(header_bytes + payload.size()));
  header.identification = Be16::from_host(0x1234);
  header.fragment = Be16::from_host(ip.fragment);
  header.ttl = ip.ttl;
  header.protocol = ip.protocol;
  header.source = ip.source.ipv4();
  header.destination = ip.destination.ipv4();
  Bytes bytes = with_header(header, Bytes(ip.option_words * std::size_t{4}, 1));
  const Be16 checksum = checksum_of(bytes);
  bytes[10] = checksum.bytes[0];
  bytes[11] = checksum.bytes[1];
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

inline Bytes ipv6(const Ip& ip, const Bytes& payload) {
  wire::Ipv6Header header{};
  header.version_class_label =
      Be32::from_host(6U << 28 | static_cast<std::uint32_t>(ip.traffic_class) << 20 | 0x54321);
  header.payload_length = Be16::from_host(static_cast<std::uint16_t>(payload.size()));
  header.next_header = ip.protocol;
  header.hop_limit = ip.ttl;
  header.source = ip.source.bytes();
  header.destination = ip.destination.bytes();
  return with_header(header, payload);
}

/// Of the source's family.
inline Bytes ip(const Ip& ip, const Bytes& payload) {
  return ip.source.is_ipv4() ? ipv4(ip, payload) : ipv6(ip, payload);
}

inline Bytes extension(std::uint8_t next, std::uint8_t length_8bytes, const Bytes& payload) {
  Bytes bytes((length_8bytes + std::size_t{1}) * 8, 0);
  bytes[0] = next;
  bytes[1] = length_8bytes;
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

inline Bytes fragment_header(std::uint8_t next, std::uint16_t offset_flags, const Bytes& payload) {
  return with_header(wire::Ipv6Fragment{.next_header = next,
                                        .reserved = 0,
                                        .offset_flags = Be16::from_host(offset_flags),
                                        .identification = Be32::from_host(7)},
                     payload);
}

inline Bytes udp(std::uint16_t source, std::uint16_t destination, const Bytes& payload = {}) {
  const auto length = static_cast<std::uint16_t>(sizeof(wire::UdpHeader) + payload.size());
  return with_header(wire::UdpHeader{.source_port = Be16::from_host(source),
                                     .destination_port = Be16::from_host(destination),
                                     .length = Be16::from_host(length),
                                     .checksum = {}},
                     payload);
}

inline Bytes tcp(std::uint16_t source, std::uint16_t destination, std::uint8_t flags,
                 const Bytes& payload = {}) {
  wire::TcpHeader header{};
  header.source_port = Be16::from_host(source);
  header.destination_port = Be16::from_host(destination);
  header.data_offset = 5 << 4;
  header.flags = flags;
  header.window = Be16::from_host(1000);
  return with_header(header, payload);
}

inline Bytes icmp(std::uint8_t type, std::uint8_t code = 0, const Bytes& payload = {}) {
  return with_header(wire::IcmpHeader{.type = type, .code = code, .checksum = {}, .rest = {}},
                     payload);
}

inline Bytes vlan(std::uint16_t ether_type, const Bytes& payload) {
  return with_header(
      wire::VlanTag{.control = Be16::from_host(100), .ether_type = Be16::from_host(ether_type)},
      payload);
}

inline std::uint16_t ether_type_of(const Bytes& packet) {
  return packet[0] >> 4 == 4 ? wire::ether_type_ipv4 : wire::ether_type_ipv6;
}

inline Bytes ethernet(std::uint16_t ether_type, const Bytes& payload) {
  wire::EthernetHeader header{};
  header.destination = {};  // the loopback device's, through which the kernel's test runs come
  header.source = {2, 0, 0, 0, 0, 2};
  header.ether_type = Be16::from_host(ether_type);
  return with_header(header, payload);
}

/// Of an IP packet.
inline Bytes ethernet(const Bytes& packet) { return ethernet(ether_type_of(packet), packet); }

}  // namespace sluice::test
