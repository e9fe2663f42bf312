#include "tools/pktgen/generator.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "core/net/wire.h"
#include "tools/pktgen/signature.h"
#include "tools/pktgen/size_schedule.h"

namespace sluice::pktgen {
namespace {

// Flows beyond the standing set; one, never used, when there are none.
std::uint64_t new_flow_count(const Traffic& traffic, const FlowSpace& space) {
  return std::max<std::uint64_t>(space.capacity() - traffic.flows, 1);
}

ChecksumSum sum_of(const Address& address) {
  ChecksumSum out;
  out.add(address);
  return out;
}

template <typename Header>
void put(std::uint8_t* to, const Header& header) {
  std::memcpy(to, &header, sizeof header);
}

}  // namespace

Generator::Generator(const Traffic& traffic)
    : space_(traffic.sources, traffic.targets),
      is_ipv4_(traffic.family() == Family::ipv4),
      is_udp_(traffic.protocol == Protocol::udp),
      opens_(traffic.opens),
      new_flows_ppm_(traffic.new_flows_ppm),
      mix_(traffic.new_flows_ppm),
      standing_order_(traffic.flows),
      new_order_(new_flow_count(traffic, space_)),
      sizes_(schedule_sizes(traffic.sizes)),
      network_offset_(network_offset(traffic)),
      source_base_(traffic.sources.address) {
  for (const Endpoint& endpoint : traffic.targets) {
    ChecksumSum sum = sum_of(endpoint.address);
    const std::uint16_t address_sum = sum.folded();
    sum.add(endpoint.port.be());
    targets_.push_back({endpoint.address.bytes(), endpoint.port.be(), address_sum, sum.folded()});
  }
  for (std::size_t i = 0; i < traffic.sizes.size(); ++i)
    for (const Segment segment : {Segment::established, Segment::opening})
      templates_[static_cast<std::size_t>(segment)][i] =
          make_template(traffic, traffic.sizes[i].frame_bytes, segment);
}

void Generator::seek(std::uint64_t sequence) {
  sequence_ = sequence;
  const std::uint64_t new_before = mix_.new_before(sequence);
  const std::uint64_t standing_before = sequence - new_before;
  new_credit_ppm_ = static_cast<std::uint32_t>(sequence * new_flows_ppm_ % ppm_of_all);
  new_number_ = new_before % new_order_.size();
  standing_number_ = standing_before % standing_order_.size();
  is_first_round_ = standing_before < standing_order_.size();
  size_turn_ = sequence % sizes_.size();
}

// The same as FlowMix says, step by step.
Generator::Choice Generator::choose() {
  new_credit_ppm_ += new_flows_ppm_;
  if (new_credit_ppm_ >= ppm_of_all) {
    new_credit_ppm_ -= ppm_of_all;
    const std::uint64_t flow = standing_order_.size() + new_order_(new_number_);
    if (++new_number_ == new_order_.size()) new_number_ = 0;
    return {flow, Segment::opening};
  }
  const Choice out{standing_order_(standing_number_),
                   opens_ && is_first_round_ ? Segment::opening : Segment::established};
  if (++standing_number_ == standing_order_.size()) {
    standing_number_ = 0;
    is_first_round_ = false;
  }
  return out;
}

template <Family family>
ChecksumSum Generator::write_addresses(std::uint8_t* network, const FlowEnds& ends,
                                       std::uint16_t network_sum) const {
  const Target& target = targets_[ends.target];
  ChecksumSum source;
  if constexpr (family == Family::ipv4) {
    const Be32 address = Be32::from_host(source_base_.ipv4().host() |
                                         static_cast<std::uint32_t>(ends.source_number));
    source.add(address);
    ChecksumSum header = source;
    header.add_raw16(network_sum);
    header.add_raw16(target.address_sum);
    auto& ip = *reinterpret_cast<wire::Ipv4Header*>(network);
    ip.checksum = header.checksum();
    ip.source = address;
    std::memcpy(&ip.destination, target.address.data() + 12, sizeof ip.destination);
  } else {
    auto& ip = *reinterpret_cast<wire::Ipv6Header*>(network);
    ip.source = source_base_.bytes();
    ip.destination = target.address;
    // The numbers have 20 bits at most.
    Be32 last = std::bit_cast<std::array<Be32, 4>>(ip.source)[3];
    last = Be32::from_host(last.host() | static_cast<std::uint32_t>(ends.source_number));
    put(ip.source.data() + 12, last);
    for (const Be32 words : std::bit_cast<std::array<Be32, 4>>(ip.source)) source.add(words);
  }
  source.add_raw16(target.sum);
  return source;
}

template <Family family, Protocol protocol>
void Generator::build_as(std::span<std::uint8_t* const> frames,
                         std::span<std::uint16_t> lengths_bytes, std::uint64_t time_ns) {
  constexpr std::size_t network_bytes =
      family == Family::ipv4 ? sizeof(wire::Ipv4Header) : sizeof(wire::Ipv6Header);
  const SignatureTime time = SignatureTime::from_ns(time_ns);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Choice choice = choose();
    const FrameTemplate& frame =
        templates_[static_cast<std::size_t>(choice.segment)][sizes_[size_turn_]];
    if (++size_turn_ == sizes_.size()) size_turn_ = 0;
    std::memcpy(frames[i], frame.head.data(), FrameTemplate::head_bytes);
    lengths_bytes[i] = frame.length_bytes;

    const FlowEnds ends = space_.ends(choice.flow);
    std::uint8_t* network = frames[i] + network_offset_;
    const wire::Ports ports{ends.source_port.be(), targets_[ends.target].port};
    const Be32 sequence = Be32::from_host(static_cast<std::uint32_t>(sequence_++));
    ChecksumSum sum = write_addresses<family>(network, ends, frame.network_sum);
    sum.add_raw16(frame.layer4_sum);
    sum.add(ports.source);
    sum.add(sequence);
    sum.add(time.high);
    sum.add(time.low);
    const Be16 checksum = sum.checksum();
    put(network + network_bytes, ports);
    if constexpr (protocol == Protocol::udp) {
      auto& udp = *reinterpret_cast<SignedUdp*>(network + network_bytes);
      // Zero would say that there is none (RFC 768).
      udp.header.checksum = checksum.raw() == 0 ? Be16::from_raw(0xffff) : checksum;
      udp.sequence = sequence;
      udp.time = time;
    } else {
      auto& tcp = *reinterpret_cast<SignedTcp*>(network + network_bytes);
      tcp.header.checksum = checksum;
      tcp.header.sequence = sequence;
      tcp.time = time;
    }
  }
}

void Generator::build(std::span<std::uint8_t* const> frames, std::span<std::uint16_t> lengths_bytes,
                      std::uint64_t time_ns) {
  assert(frames.size() == lengths_bytes.size());
  if (is_ipv4_ && is_udp_)
    return build_as<Family::ipv4, Protocol::udp>(frames, lengths_bytes, time_ns);
  if (is_ipv4_) return build_as<Family::ipv4, Protocol::tcp>(frames, lengths_bytes, time_ns);
  if (is_udp_) return build_as<Family::ipv6, Protocol::udp>(frames, lengths_bytes, time_ns);
  return build_as<Family::ipv6, Protocol::tcp>(frames, lengths_bytes, time_ns);
}

}  // namespace sluice::pktgen
