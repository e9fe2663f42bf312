#include "tools/pktgen/generator.h"

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "core/net/checksum.h"
#include "core/net/parse.h"
#include "tests/tools/pktgen/sample_traffic.h"
#include "tools/pktgen/signature.h"

namespace sluice::pktgen {
namespace {

constexpr std::uint64_t time_ns = 0x0000'1234'5678'9abc;

// The next frames of a generator, as a NIC would see them.
std::vector<std::vector<std::uint8_t>> build(Generator& generator, std::size_t count) {
  std::vector<std::vector<std::uint8_t>> out(count, std::vector<std::uint8_t>(2'048));
  std::vector<std::uint8_t*> frames;
  for (auto& frame : out) frames.push_back(frame.data());
  std::vector<std::uint16_t> lengths(count);
  generator.build(frames, lengths, time_ns);
  for (std::size_t i = 0; i < count; ++i) out[i].resize(lengths[i]);
  return out;
}

ParsedPacket parsed(const std::vector<std::uint8_t>& frame) {
  ParsedPacket out;
  EXPECT_EQ(parse(frame, out), Verdict::none);
  return out;
}

bool checksums_hold(const std::vector<std::uint8_t>& frame, const ParsedPacket& packet) {
  const std::span bytes(frame);
  if (packet.family == Family::ipv4 && checksum_of(bytes.subspan(packet.l3_offset, 20)).raw() != 0)
    return false;
  const auto layer4 = bytes.subspan(packet.l4_offset);
  ChecksumSum sum = pseudo_header_sum(packet.source, packet.destination, packet.ip_protocol,
                                      static_cast<std::uint32_t>(layer4.size()));
  sum.add(layer4);
  return sum.checksum().raw() == 0;
}

using Ends = std::tuple<Address, std::uint16_t, Address, std::uint16_t>;
Ends ends_of(const ParsedPacket& packet) {
  return {packet.source, packet.source_port.host(), packet.destination,
          packet.destination_port.host()};
}

class EachKind : public testing::TestWithParam<std::tuple<Family, Protocol, bool>> {
 protected:
  [[nodiscard]] static Traffic traffic() {
    const auto [family, protocol, tagged] = GetParam();
    Traffic out = sample_traffic(family, protocol);
    if (tagged) out.vlan = 100;
    const std::uint16_t smallest = frame_bytes_min(out);
    out.sizes = {{smallest, 2}, {594, 1}, {1'518, 1}};
    out.targets = *parse_targets(family == Family::ipv4 ? "203.0.113.0/30:80-82"
                                                        : "[2001:db8:f::/126]:80-82");
    out.flows = 1'000;
    out.new_flows_ppm = 100'000;
    return out;
  }
};

TEST_P(EachKind, FramesAreRightToTheLastChecksum) {
  const Traffic wanted = traffic();
  ASSERT_TRUE(validate(wanted));
  Generator generator(wanted);
  for (const auto& frame : build(generator, 5'000)) {
    const ParsedPacket packet = parsed(frame);
    ASSERT_EQ(packet.family, wanted.family());
    ASSERT_EQ(packet.ip_protocol, static_cast<std::uint8_t>(wanted.protocol));
    ASSERT_EQ(packet.l3_offset + packet.ip_length_bytes, frame.size());
    ASSERT_EQ(packet.l3_offset, wanted.vlan ? 18 : 14);
    ASSERT_TRUE(wanted.sources.contains(packet.source));
    ASSERT_TRUE(checksums_hold(frame, packet));
  }
}

TEST_P(EachKind, EachFrameIsSigned) {
  Traffic wanted = traffic();
  wanted.stream = 9;
  Generator generator(wanted);
  generator.seek(0xffff'fff0);  // over the end of the lower half
  std::uint32_t sequence = 0xffff'fff0;
  for (const auto& frame : build(generator, 100)) {
    const auto found = recognise(frame);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->signature.stream, 9);
    EXPECT_EQ(found->signature.sequence, sequence++);
    EXPECT_EQ(found->signature.sent_ns, time_ns);
    EXPECT_EQ(found->wrapping, Wrapping::none);
  }
}

TEST_P(EachKind, FlowsComeRoundAndNewOnesDoNot) {
  const Traffic wanted = traffic();
  Generator generator(wanted);
  std::map<Ends, int> seen;
  const std::uint8_t new_flags = wanted.protocol == Protocol::tcp ? wire::TcpHeader::syn : 0;
  int opening = 0;
  for (const auto& frame : build(generator, 10'000)) {
    const ParsedPacket packet = parsed(frame);
    ++seen[ends_of(packet)];
    if (packet.tcp_flags == wire::TcpHeader::syn) ++opening;
  }
  // 9,000 packets in nine rounds of 1,000 flows, and 1,000 new flows of a packet each.
  std::map<int, int> by_packets;
  for (const auto& [ends, packets] : seen) ++by_packets[packets];
  EXPECT_EQ(by_packets, (std::map<int, int>{{1, 1'000}, {9, 1'000}}));
  EXPECT_EQ(opening, new_flags != 0 ? 1'000 : 0);
}

TEST_P(EachKind, SeekingGivesTheSameFrames) {
  const Traffic wanted = traffic();
  Generator straight(wanted);
  const auto frames = build(straight, 3'000);
  Generator jumping(wanted);
  for (const std::uint64_t start : {2'900U, 0U, 1'111U}) {
    jumping.seek(start);
    const auto again = build(jumping, 100);
    for (std::size_t i = 0; i < again.size(); ++i) ASSERT_EQ(again[i], frames[start + i]);
    EXPECT_EQ(jumping.sequence(), start + 100);
  }
}

INSTANTIATE_TEST_SUITE_P(Generator, EachKind,
                         testing::Combine(testing::Values(Family::ipv4, Family::ipv6),
                                          testing::Values(Protocol::tcp, Protocol::udp),
                                          testing::Bool()));

TEST(Generator, OpensEachStandingFlowOnce) {
  Traffic wanted = sample_traffic(Family::ipv4, Protocol::tcp);
  wanted.flows = 100;
  wanted.opens = true;
  Generator generator(wanted);
  std::set<Ends> opened;
  const auto frames = build(generator, 300);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const ParsedPacket packet = parsed(frames[i]);
    ASSERT_EQ(packet.tcp_flags, i < 100 ? wire::TcpHeader::syn : wire::TcpHeader::ack);
    opened.insert(ends_of(packet));
  }
  EXPECT_EQ(opened.size(), 100U);
}

TEST(Generator, OnlyNewFlows) {
  Traffic wanted = sample_traffic(Family::ipv4, Protocol::tcp);
  wanted.new_flows_ppm = ppm_of_all;
  Generator generator(wanted);
  std::set<Ends> seen;
  for (const auto& frame : build(generator, 20'000)) {
    const ParsedPacket packet = parsed(frame);
    ASSERT_EQ(packet.tcp_flags, wire::TcpHeader::syn);
    seen.insert(ends_of(packet));
  }
  EXPECT_EQ(seen.size(), 20'000U);
}

// A UDP checksum of zero means none (RFC 768): among so many frames one would have it.
TEST(Generator, NoUdpFrameIsWithoutChecksum) {
  Traffic wanted = sample_traffic(Family::ipv4, Protocol::udp);
  wanted.flows = 300'000;
  Generator generator(wanted);
  int all_ones = 0;
  for (int round = 0; round < 30; ++round) {
    for (const auto& frame : build(generator, 10'000)) {
      const auto* udp = reinterpret_cast<const wire::UdpHeader*>(frame.data() + 34);
      ASSERT_NE(udp->checksum.raw(), 0);
      if (udp->checksum.raw() == 0xffff) ++all_ones;
    }
  }
  EXPECT_GT(all_ones, 0);
}

}  // namespace
}  // namespace sluice::pktgen
