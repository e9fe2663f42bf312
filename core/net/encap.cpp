#include "core/net/encap.h"

#include <cstring>

#include "core/net/checksum.h"

namespace sluice {

void LinkHeader::write(std::uint8_t* to, Family family) const {
  wire::EthernetHeader header;
  header.destination = destination.bytes;
  header.source = source.bytes;
  header.ether_type =
      Be16::from_host(family == Family::ipv4 ? wire::ether_type_ipv4 : wire::ether_type_ipv6);
  std::memcpy(to, &header, sizeof header);
}

OuterHeader::OuterHeader(const Address& source, const Address& destination) {
  if (destination.is_ipv4()) {
    wire::Ipv4Header header{};
    header.version_ihl = 0x45;
    header.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);
    header.ttl = ttl;
    header.source = source.ipv4();
    header.destination = destination.ipv4();
    std::memcpy(bytes_.data(), &header, sizeof header);
    length_bytes_ = sizeof header;
    ChecksumSum sum;
    sum.add(std::span<const std::uint8_t>(bytes_.data(), sizeof header));
    checksum_base_ = sum.folded();
    return;
  }
  wire::Ipv6Header header{};
  header.version_class_label = Be32::from_host(0x60000000);
  header.hop_limit = ttl;
  header.source = source.bytes();
  header.destination = destination.bytes();
  std::memcpy(bytes_.data(), &header, sizeof header);
  length_bytes_ = sizeof header;
}

void OuterHeader::write_before(std::uint8_t* inner, Family inner_family,
                               std::uint16_t inner_length_bytes, std::uint8_t traffic_class) const {
  const std::uint8_t protocol =
      inner_family == Family::ipv4 ? wire::protocol_ipip : wire::protocol_ipv6;
  if (length_bytes_ == sizeof(wire::Ipv4Header)) {
    wire::Ipv4Header header;
    std::memcpy(&header, bytes_.data(), sizeof header);
    header.tos = traffic_class;
    header.total_length =
        Be16::from_host(static_cast<std::uint16_t>(inner_length_bytes + sizeof header));
    header.protocol = protocol;
    ChecksumSum sum;
    sum.add_raw16(checksum_base_);
    sum.add(Be16::from_host(traffic_class));
    sum.add(header.total_length);
    sum.add(Be16::from_host(protocol));
    header.checksum = sum.checksum();
    std::memcpy(inner - sizeof header, &header, sizeof header);
    return;
  }
  wire::Ipv6Header header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  // Flow label 0: a label would have to be the same for a flow on every balancer.
  header.version_class_label =
      Be32::from_host(0x60000000 | static_cast<std::uint32_t>(traffic_class) << 20);
  header.payload_length = Be16::from_host(inner_length_bytes);
  header.next_header = protocol;
  std::memcpy(inner - sizeof header, &header, sizeof header);
}

}  // namespace sluice
