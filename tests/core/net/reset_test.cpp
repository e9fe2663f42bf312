#include "core/net/reset.h"

#include <cstring>
#include <gtest/gtest.h>

#include "core/net/wire.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::ip;
using wire::TcpHeader;

constexpr std::uint32_t sequence = 0xfffffff0;  // so that what is added wraps
constexpr std::uint32_t acknowledgement = 0x89abcdef;

FrameSpec client_spec(Family family) {
  FrameSpec spec;
  if (family == Family::ipv6) {
    spec.source = ip("2001:db8:c::7");
    spec.destination = ip("2001:db8::10");
  }
  return spec;
}

ParsedPacket parsed(const Bytes& frame) {
  ParsedPacket out;
  EXPECT_EQ(parse(frame, out), Verdict::none);
  return out;
}

TcpHeader tcp_of(const Bytes& frame, const ParsedPacket& packet) {
  TcpHeader out{};
  std::memcpy(&out, frame.data() + packet.l4_offset, sizeof out);
  return out;
}

// The frame with these sequence numbers, and what make_reset makes of it.
Bytes reset_to(const FrameSpec& spec) {
  Bytes frame = test::build(spec);
  const ParsedPacket packet = parsed(frame);
  TcpHeader tcp = tcp_of(frame, packet);
  tcp.sequence = Be32::from_host(sequence);
  tcp.acknowledgement = Be32::from_host(acknowledgement);
  std::memcpy(frame.data() + packet.l4_offset, &tcp, sizeof tcp);
  EXPECT_TRUE(may_cause_reset(packet));
  const std::uint16_t length_bytes = make_reset(frame.data(), packet);
  EXPECT_LE(length_bytes, packet.ip_length_bytes);
  frame.resize(std::size_t{packet.l3_offset} + length_bytes);
  return frame;
}

TEST(Reset, TakesItsSequenceFromTheAcknowledgement) {
  std::mt19937_64 random(51);
  for (int i = 0; i < 2'000; ++i) {
    FrameSpec spec = client_spec(i % 2 == 0 ? Family::ipv4 : Family::ipv6);
    spec.source_port = static_cast<std::uint16_t>(random());
    spec.data_bytes = static_cast<std::uint16_t>(random() % 1'400);
    spec.option_words = static_cast<std::uint8_t>(random() % 11);
    if (random() % 3 == 0) spec.extensions = {wire::protocol_destination_options};
    if (random() % 3 == 0) spec.vlans = {300};
    spec.padding_bytes = static_cast<std::uint16_t>(random() % 8);
    spec.tcp_flags =
        static_cast<std::uint8_t>((random() & 0xff & ~TcpHeader::rst) | TcpHeader::ack);
    const Bytes reset = reset_to(spec);
    ASSERT_EQ(test::wrong_checksums(reset), "") << test::hex(reset);
    const ParsedPacket answer = parsed(reset);
    ASSERT_EQ(answer.source, spec.destination);
    ASSERT_EQ(answer.destination, spec.source);
    ASSERT_EQ(answer.source_port.host(), spec.destination_port);
    ASSERT_EQ(answer.destination_port.host(), spec.source_port);
    ASSERT_EQ(answer.ttl, 64);
    const TcpHeader tcp = tcp_of(reset, answer);
    ASSERT_EQ(tcp.flags, TcpHeader::rst) << "a bare RST (RFC 9293 section 3.5.2)";
    ASSERT_EQ(tcp.sequence.host(), acknowledgement);
    ASSERT_EQ(tcp.acknowledgement.host(), 0U);
    ASSERT_EQ(answer.ip_length_bytes, spec.source.is_ipv4() ? 40 : 60);
  }
}

TEST(Reset, AcknowledgesWhatAcknowledgesNothing) {
  struct Case {
    std::uint8_t flags;
    std::uint16_t data_bytes;
    std::uint32_t length;
  };
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const Case& one :
         {Case{TcpHeader::syn, 0, 1}, Case{TcpHeader::syn, 10, 11}, Case{TcpHeader::fin, 3, 4},
          Case{0, 20, 20}, Case{TcpHeader::syn | TcpHeader::fin, 0, 2}}) {
      FrameSpec spec = client_spec(family);
      spec.tcp_flags = one.flags;
      spec.data_bytes = one.data_bytes;
      const Bytes reset = reset_to(spec);
      ASSERT_EQ(test::wrong_checksums(reset), "");
      const TcpHeader tcp = tcp_of(reset, parsed(reset));
      EXPECT_EQ(tcp.flags, TcpHeader::rst | TcpHeader::ack);
      EXPECT_EQ(tcp.sequence.host(), 0U);
      EXPECT_EQ(tcp.acknowledgement.host(), sequence + one.length);
    }
}

TEST(Reset, IsNotForEveryPacket) {
  FrameSpec spec = client_spec(Family::ipv4);
  EXPECT_TRUE(may_cause_reset(parsed(test::build(spec))));
  spec.tcp_flags = TcpHeader::rst;
  EXPECT_FALSE(may_cause_reset(parsed(test::build(spec))))
      << "a reset, or two would go on for ever";
  spec = client_spec(Family::ipv4);
  spec.payload = test::Payload::udp;
  EXPECT_FALSE(may_cause_reset(parsed(test::build(spec))));
  spec = client_spec(Family::ipv4);
  spec.more_fragments = true;
  EXPECT_TRUE(may_cause_reset(parsed(test::build(spec)))) << "a first fragment has the TCP header";
  spec.fragment_offset = 100;
  EXPECT_FALSE(may_cause_reset(parsed(test::build(spec))));
  for (const char* source : {"0.0.0.0", "224.0.0.1"}) {
    spec = client_spec(Family::ipv4);
    spec.source = ip(source);
    EXPECT_FALSE(may_cause_reset(parsed(test::build(spec)))) << source;
  }
}

}  // namespace
}  // namespace sluice
