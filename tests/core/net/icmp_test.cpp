#include "core/net/icmp.h"

#include <gtest/gtest.h>

#include "core/net/wire.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::ip;
using test::Payload;

FrameSpec echo_spec(Family family) {
  FrameSpec spec;
  spec.payload = Payload::icmp_echo;
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

TEST(EchoReply, IsTheRequestTurnedAround) {
  std::mt19937_64 random(14);
  for (int i = 0; i < 4'000; ++i) {
    FrameSpec spec = echo_spec(i % 2 == 0 ? Family::ipv4 : Family::ipv6);
    spec.source_port = static_cast<std::uint16_t>(random());
    spec.destination_port = static_cast<std::uint16_t>(random());
    spec.data_bytes = static_cast<std::uint16_t>(random() % 60);
    spec.ttl = static_cast<std::uint8_t>(random());
    spec.option_words = static_cast<std::uint8_t>(random() % 11);
    const Bytes request = test::build(spec);
    const ParsedPacket packet = parsed(request);
    Bytes reply = request;
    make_echo_reply(reply.data(), packet);
    ASSERT_EQ(test::wrong_checksums(reply), "") << test::hex(reply);
    const ParsedPacket answer = parsed(reply);
    EXPECT_EQ(answer.source, spec.destination);
    EXPECT_EQ(answer.destination, spec.source);
    EXPECT_EQ(answer.ttl, 64);
    EXPECT_EQ(answer.icmp_type, spec.source.is_ipv4() ? 0 : 129);
    // Identifier, sequence and data are the request's.
    EXPECT_TRUE(std::equal(request.begin() + packet.l4_offset + 4, request.end(),
                           reply.begin() + packet.l4_offset + 4));
  }
}

// Only here can a whole checksummed range be zero: its checksum is 0xffff, and 0 is wrong (one's
// complement has two zeros, and the incremental update lands on the other one).
TEST(EchoReply, ToARequestOfZerosHasAValidChecksum) {
  for (const std::uint16_t data_bytes : {std::uint16_t{0}, std::uint16_t{1}}) {
    FrameSpec spec = echo_spec(Family::ipv4);
    spec.source_port = spec.destination_port = 0;
    spec.data_bytes = data_bytes;  // the builder's first byte is zero
    Bytes frame = test::build(spec);
    make_echo_reply(frame.data(), parsed(frame));
    EXPECT_EQ(test::wrong_checksums(frame), "") << test::hex(frame);
    EXPECT_EQ(frame[14 + 20 + 2] << 8 | frame[14 + 20 + 3], 0xffff);
  }
}

// The error around its packet, as a frame.
Bytes too_big_frame(const FrameSpec& spec, std::uint16_t mtu_bytes, TooBigLayout& layout) {
  const Bytes frame = test::build(spec);
  const ParsedPacket packet = parsed(frame);
  layout = too_big_layout(packet);
  Bytes out(frame.begin(), frame.begin() + 14);
  out.resize(14 + layout.header_bytes, 0xee);
  out.insert(out.end(), frame.begin() + 14, frame.end());
  write_too_big(out.data() + 14 + layout.header_bytes, packet, mtu_bytes);
  out.resize(14U + layout.header_bytes + layout.quoted_bytes);
  return out;
}

TEST(TooBig, IsValidAtEverySizeAndQuotesThePacket) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (unsigned data_bytes = 0; data_bytes <= 1460; ++data_bytes) {
      FrameSpec spec = echo_spec(family);
      spec.payload = Payload::tcp;
      spec.data_bytes = static_cast<std::uint16_t>(data_bytes);
      TooBigLayout layout;
      const Bytes error = too_big_frame(spec, 1480, layout);
      ASSERT_EQ(test::wrong_checksums(error), "") << data_bytes << " bytes";
      ASSERT_LE(error.size() - 14, family == Family::ipv4 ? 576U : 1280U);
      const Bytes packet = test::build(spec);
      ASSERT_TRUE(
          std::equal(error.begin() + 14 + layout.header_bytes, error.end(), packet.begin() + 14))
          << "the quoted packet is changed";
    }
}

TEST(TooBig, SaysTheMtuToTheSender) {
  TooBigLayout layout;
  FrameSpec spec = echo_spec(Family::ipv4);
  spec.payload = Payload::tcp;
  const Bytes v4 = too_big_frame(spec, 1480, layout);
  const ParsedPacket parsed4 = parsed(v4);
  EXPECT_EQ(parsed4.source, spec.destination);
  EXPECT_EQ(parsed4.destination, spec.source);
  EXPECT_EQ(test::hex(std::span(v4).subspan(34, 2)), "03 04 ");
  EXPECT_EQ(test::hex(std::span(v4).subspan(38, 4)), "00 00 05 c8 ") << "RFC 1191: low half";

  spec = echo_spec(Family::ipv6);
  spec.payload = Payload::tcp;
  const Bytes v6 = too_big_frame(spec, 1460, layout);
  const ParsedPacket parsed6 = parsed(v6);
  EXPECT_EQ(parsed6.source, spec.destination);
  EXPECT_EQ(parsed6.destination, spec.source);
  EXPECT_EQ(test::hex(std::span(v6).subspan(54, 2)), "02 00 ");
  EXPECT_EQ(test::hex(std::span(v6).subspan(58, 4)), "00 00 05 b4 ");
}

TEST(TooBig, IsNotSentAboutWhatMustNotCauseErrors) {
  FrameSpec spec;
  EXPECT_TRUE(may_cause_error(parsed(test::build(spec))));
  spec.more_fragments = true;
  EXPECT_TRUE(may_cause_error(parsed(test::build(spec)))) << "first fragment";
  spec.fragment_offset = 1;
  EXPECT_FALSE(may_cause_error(parsed(test::build(spec)))) << "later fragment";
  for (const char* source : {"0.0.0.0", "224.0.0.1"}) {
    FrameSpec from;
    from.source = ip(source);
    EXPECT_FALSE(may_cause_error(parsed(test::build(from)))) << source;
  }
  EXPECT_TRUE(may_cause_error(parsed(test::build(echo_spec(Family::ipv4))))) << "a ping";
  EXPECT_TRUE(may_cause_error(parsed(test::build(echo_spec(Family::ipv6))))) << "a ping";
  for (const std::uint8_t type : std::to_array<std::uint8_t>({3, 4, 5, 11, 12}))
    EXPECT_FALSE(may_cause_error(
        parsed(test::build_error(echo_spec(Family::ipv4), type, 0, 0, Bytes(28, 0)))))
        << "ICMP " << int{type};
  for (const std::uint8_t type : std::to_array<std::uint8_t>({1, 2, 3, 4, 137}))
    EXPECT_FALSE(may_cause_error(
        parsed(test::build_error(echo_spec(Family::ipv6), type, 0, 0, Bytes(48, 0)))))
        << "ICMPv6 " << int{type};
}

}  // namespace
}  // namespace sluice
