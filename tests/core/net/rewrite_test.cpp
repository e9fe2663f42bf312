#include "core/net/rewrite.h"

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

Translation random_translation(std::mt19937_64& random, Family family) {
  return {.source = test::random_address(random, family),
          .destination = test::random_address(random, family),
          .source_port = Be16::from_raw(static_cast<std::uint16_t>(random())),
          .destination_port = Be16::from_raw(static_cast<std::uint16_t>(random()))};
}

FrameSpec random_spec(std::mt19937_64& random) {
  const Family family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
  FrameSpec spec;
  spec.source = test::random_address(random, family);
  spec.destination = test::random_address(random, family);
  spec.source_port = static_cast<std::uint16_t>(random());
  spec.destination_port = static_cast<std::uint16_t>(random());
  spec.payload = random() % 2 == 0 ? Payload::tcp : Payload::udp;
  spec.data_bytes = static_cast<std::uint16_t>(random() % 40);
  spec.option_words = static_cast<std::uint8_t>(random() % 11);
  if (random() % 2 == 0) spec.extensions = {60, 43};
  if (random() % 4 == 0) spec.vlans = {100};
  return spec;
}

TEST(Translate, GivesTheFrameThatTheNewTupleWouldHave) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20'000; ++i) {
    FrameSpec spec = random_spec(random);
    Bytes frame = test::build(spec);
    const Translation to = random_translation(random, spec.source.family());
    translate(frame.data(), parsed(frame), to);
    spec.source = to.source;
    spec.destination = to.destination;
    spec.source_port = to.source_port.host();
    spec.destination_port = to.destination_port.host();
    ASSERT_EQ(test::hex(frame), test::hex(test::build(spec)));
    ASSERT_EQ(test::wrong_checksums(frame), "");
  }
}

TEST(Translate, ThereAndBackIsTheSameFrame) {
  std::mt19937_64 random(12);
  for (int i = 0; i < 5'000; ++i) {
    const FrameSpec spec = random_spec(random);
    const Bytes before = test::build(spec);
    Bytes frame = before;
    translate(frame.data(), parsed(frame), random_translation(random, spec.source.family()));
    translate(frame.data(), parsed(frame),
              {.source = spec.source,
               .destination = spec.destination,
               .source_port = Be16::from_host(spec.source_port),
               .destination_port = Be16::from_host(spec.destination_port)});
    ASSERT_EQ(test::hex(frame), test::hex(before));
  }
}

TEST(Translate, AMissingUdpChecksumStaysMissing) {
  FrameSpec spec;
  spec.payload = Payload::udp;
  spec.udp_checksum_none = true;
  std::mt19937_64 random(13);
  for (int i = 0; i < 1'000; ++i) {
    Bytes frame = test::build(spec);
    translate(frame.data(), parsed(frame), random_translation(random, Family::ipv4));
    ASSERT_EQ(frame[14 + 20 + 6] << 8 | frame[14 + 20 + 7], 0);
    ASSERT_EQ(test::wrong_checksums(frame), "") << "of the IP header";
  }
}

// Over all source ports one computes to zero, which must go out as 0xffff (RFC 768).
TEST(Translate, AComputedUdpChecksumIsNeverZero) {
  unsigned all_ones = 0;
  for (const char* address : {"203.0.113.10", "2001:db8::10"}) {
    FrameSpec spec;
    spec.payload = Payload::udp;
    spec.source = spec.destination = test::ip(address);
    const Bytes original = test::build(spec);
    const std::size_t udp = original.size() - spec.data_bytes - 8;
    for (unsigned port = 0; port <= 0xffff; ++port) {
      Bytes frame = original;
      translate(frame.data(), parsed(frame),
                {.source = spec.source,
                 .destination = spec.destination,
                 .source_port = Be16::from_host(static_cast<std::uint16_t>(port)),
                 .destination_port = Be16::from_host(spec.destination_port)});
      const int checksum = frame[udp + 6] << 8 | frame[udp + 7];
      ASSERT_NE(checksum, 0) << "port " << port;
      if (checksum == 0xffff) ++all_ones;
      if (port % 97 == 0 || checksum == 0xffff) {
        ASSERT_EQ(test::wrong_checksums(frame), "") << "port " << port;
      }
    }
  }
  EXPECT_GE(all_ones, 2U) << "the case that matters did not come up";
}

TEST(DecrementTtl, KeepsTheHeaderRight) {
  for (unsigned ttl = 2; ttl < 256; ++ttl) {
    FrameSpec spec;
    spec.ttl = static_cast<std::uint8_t>(ttl);
    Bytes frame = test::build(spec);
    decrement_ttl(frame.data(), parsed(frame));
    EXPECT_EQ(frame[14 + 8], ttl - 1);
    EXPECT_EQ(test::wrong_checksums(frame), "");

    spec.source = test::ip("2001:db8:c::7");
    spec.destination = test::ip("2001:db8::10");
    frame = test::build(spec);
    decrement_ttl(frame.data(), parsed(frame));
    EXPECT_EQ(frame[14 + 7], ttl - 1);
    EXPECT_EQ(test::wrong_checksums(frame), "");
  }
}

}  // namespace
}  // namespace sluice
