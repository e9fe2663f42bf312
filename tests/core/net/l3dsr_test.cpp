#include "core/net/l3dsr.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::Payload;

ParsedPacket parsed(const Bytes& frame) {
  ParsedPacket out;
  EXPECT_EQ(parse(frame, out), Verdict::none);
  return out;
}

TEST(Redirect, GivesTheFrameThatTheServerWouldBeSent) {
  std::mt19937_64 random(41);
  for (int i = 0; i < 20'000; ++i) {
    const Family family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
    FrameSpec spec;
    spec.source = test::random_address(random, family);
    spec.destination = test::random_address(random, family);
    spec.source_port = static_cast<std::uint16_t>(random());
    spec.payload = static_cast<Payload>(random() % 3);
    spec.data_bytes = static_cast<std::uint16_t>(random() % 40);
    spec.traffic_class = static_cast<std::uint8_t>(random());
    spec.option_words = static_cast<std::uint8_t>(random() % 11);
    spec.udp_checksum_none = family == Family::ipv4 && random() % 4 == 0;
    if (random() % 2 == 0) spec.extensions = {60, 43};
    Bytes frame = test::build(spec);
    const Address server = test::random_address(random, family);
    const auto dscp = static_cast<std::uint8_t>(random() % 64);
    redirect(frame.data(), parsed(frame), server, dscp);
    spec.destination = server;
    spec.traffic_class = static_cast<std::uint8_t>(dscp << 2 | (spec.traffic_class & 3));
    ASSERT_EQ(test::hex(frame), test::hex(test::build(spec)));
    ASSERT_EQ(test::wrong_checksums(frame), "");
  }
}

TEST(Redirect, LeavesWhatALaterFragmentCarries) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    FrameSpec spec;
    spec.source = test::ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
    spec.destination = test::ip(family == Family::ipv4 ? "203.0.113.10" : "2001:db8::10");
    spec.fragment_offset = 5;
    spec.dont_fragment = false;
    Bytes frame = test::build(spec);
    const ParsedPacket packet = parsed(frame);
    ASSERT_FALSE(packet.has_ports);
    const Bytes payload(frame.begin() + packet.l4_offset, frame.end());
    redirect(frame.data(), packet, spec.source, 63);
    EXPECT_EQ(Bytes(frame.begin() + packet.l4_offset, frame.end()), payload);
    EXPECT_EQ(test::wrong_checksums(frame), "");
    EXPECT_EQ(parsed(frame).traffic_class, 63 << 2);
  }
}

}  // namespace
}  // namespace sluice
