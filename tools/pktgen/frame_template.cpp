#include "tools/pktgen/frame_template.h"

#include <cassert>

#include "core/net/checksum.h"
#include "core/net/wire.h"
#include "tools/pktgen/signature.h"

namespace sluice::pktgen {
namespace {

constexpr std::uint8_t hop_limit = 64;

// Writes headers one after the other.
class Writer {
 public:
  explicit Writer(std::uint8_t* to) : to_(to) {}
  template <typename T>
  T& place() {
    static_assert(alignof(T) == 1);
    T& out = *reinterpret_cast<T*>(to_);
    to_ += sizeof(T);
    return out;
  }

 private:
  std::uint8_t* to_;
};

void place_link(Writer& writer, const Traffic& traffic) {
  const Be16 type = Be16::from_host(traffic.family() == Family::ipv4 ? wire::ether_type_ipv4
                                                                     : wire::ether_type_ipv6);
  auto& ethernet = writer.place<wire::EthernetHeader>();
  ethernet.destination = traffic.destination_mac.bytes;
  ethernet.source = traffic.source_mac.bytes;
  ethernet.ether_type = type;
  if (!traffic.vlan) return;
  ethernet.ether_type = Be16::from_host(wire::ether_type_vlan);
  writer.place<wire::VlanTag>() = {Be16::from_host(*traffic.vlan), type};
}

// Gives the folded sum of an IPv4 header, without its addresses.
std::uint16_t place_ipv4(Writer& writer, const Traffic& traffic, std::uint16_t layer4_bytes) {
  auto& ip = writer.place<wire::Ipv4Header>();
  ip.version_ihl = 0x45;
  ip.total_length =
      Be16::from_host(static_cast<std::uint16_t>(sizeof(wire::Ipv4Header) + layer4_bytes));
  ip.fragment = Be16::from_host(wire::Ipv4Header::dont_fragment);  // hence no id: RFC 6864
  ip.ttl = hop_limit;
  ip.protocol = static_cast<std::uint8_t>(traffic.protocol);
  ChecksumSum sum;
  sum.add(std::span(reinterpret_cast<const std::uint8_t*>(&ip), sizeof ip));
  return sum.folded();
}

void place_ipv6(Writer& writer, const Traffic& traffic, std::uint16_t layer4_bytes) {
  auto& ip = writer.place<wire::Ipv6Header>();
  ip.version_class_label = Be32::from_host(0x60000000);
  ip.payload_length = Be16::from_host(layer4_bytes);
  ip.next_header = static_cast<std::uint8_t>(traffic.protocol);
  ip.hop_limit = hop_limit;
}

// Gives the folded sum of header and payload, without ports, sequence number and time.
std::uint16_t place_layer4(Writer& writer, const Traffic& traffic, std::uint16_t layer4_bytes,
                           Segment segment) {
  const SignatureMark mark{SignatureMark::right, traffic.stream};
  ChecksumSum sum;
  if (traffic.protocol == Protocol::udp) {
    auto& udp = writer.place<SignedUdp>();
    udp.header.length = Be16::from_host(layer4_bytes);
    udp.mark = mark;
    sum.add(std::span(reinterpret_cast<const std::uint8_t*>(&udp), sizeof udp));
  } else {
    auto& tcp = writer.place<SignedTcp>();
    tcp.header.acknowledgement = std::bit_cast<Be32>(mark);
    tcp.header.data_offset = sizeof(wire::TcpHeader) / 4 << 4;
    tcp.header.flags = segment == Segment::opening ? wire::TcpHeader::syn : wire::TcpHeader::ack;
    tcp.header.window = Be16::from_host(0xffff);
    sum.add(std::span(reinterpret_cast<const std::uint8_t*>(&tcp), sizeof tcp));
  }
  sum.add(Be16::from_host(static_cast<std::uint16_t>(traffic.protocol)));
  sum.add(Be16::from_host(layer4_bytes));
  return sum.folded();
}

}  // namespace

std::uint16_t network_offset(const Traffic& traffic) {
  return sizeof(wire::EthernetHeader) + (traffic.vlan ? sizeof(wire::VlanTag) : 0);
}

FrameTemplate make_template(const Traffic& traffic, std::uint16_t frame_bytes, Segment segment) {
  assert(frame_bytes >= frame_bytes_min(traffic));
  FrameTemplate out;
  out.length_bytes = static_cast<std::uint16_t>(frame_bytes - check_sequence_bytes);
  Writer writer(out.head.data());
  place_link(writer, traffic);
  const bool is_ipv4 = traffic.family() == Family::ipv4;
  const std::size_t before_layer4 =
      network_offset(traffic) + (is_ipv4 ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header));
  const auto layer4_bytes = static_cast<std::uint16_t>(out.length_bytes - before_layer4);
  if (is_ipv4)
    out.network_sum = place_ipv4(writer, traffic, layer4_bytes);
  else
    place_ipv6(writer, traffic, layer4_bytes);
  out.layer4_sum = place_layer4(writer, traffic, layer4_bytes, segment);
  return out;
}

}  // namespace sluice::pktgen
