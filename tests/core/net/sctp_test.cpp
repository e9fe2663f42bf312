#include <gtest/gtest.h>
#include <random>

#include "core/net/crc32c.h"
#include "core/net/parse.h"
#include "core/net/rewrite.h"
#include "core/net/wire.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;
using test::FrameSpec;
using test::ip;
using test::Payload;

// RFC 3720 appendix B.4, and the check value of every catalogue.
TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8a9136aaU);
  EXPECT_EQ(crc32c(Bytes(32, 0xff)), 0x62a8ab43U);
  const std::string digits = "123456789";
  EXPECT_EQ(crc32c(Bytes(digits.begin(), digits.end())), 0xe3069283U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, ChangeIsTheDifferenceOfTheTwoSums) {
  std::mt19937_64 random(132);
  for (int i = 0; i < 2'000; ++i) {
    Bytes bytes(4 + random() % (i < 1'900 ? 100 : 65'000));
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    const std::size_t at = random() % (bytes.size() - 3);
    const std::uint32_t before = crc32c(bytes);
    const auto difference = static_cast<std::uint32_t>(random());
    for (std::size_t k = 0; k < 4; ++k)
      bytes[at + k] = static_cast<std::uint8_t>(bytes[at + k] ^ difference >> (8 * k));
    ASSERT_EQ(before ^ crc32c_change(difference, bytes.size() - at - 4), crc32c(bytes)) << i;
  }
}

FrameSpec spec_of(Family family, std::uint8_t chunk) {
  FrameSpec spec;
  spec.source = ip(family == Family::ipv4 ? "198.51.100.7" : "2001:db8:c::7");
  spec.destination = ip(family == Family::ipv4 ? "203.0.113.10" : "2001:db8::10");
  spec.payload = Payload::sctp;
  spec.sctp_chunk = chunk;
  return spec;
}

TEST(Sctp, IsParsedWithWhatItsFirstChunkDoes) {
  using wire::TcpHeader;
  const std::pair<std::uint8_t, std::uint8_t> chunks[] = {
      {0, TcpHeader::ack}, {1, TcpHeader::syn}, {2, TcpHeader::ack},  {3, TcpHeader::ack},
      {6, TcpHeader::rst}, {8, TcpHeader::fin}, {14, TcpHeader::fin}, {255, TcpHeader::ack}};
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const auto& [chunk, flags] : chunks) {
      ParsedPacket packet;
      ASSERT_EQ(parse(test::build(spec_of(family, chunk)), packet), Verdict::none);
      EXPECT_EQ(packet.layer4, Layer4::sctp);
      EXPECT_TRUE(packet.has_ports);
      EXPECT_EQ(packet.source_port.host(), 40'000);
      EXPECT_EQ(packet.destination_port.host(), 80);
      EXPECT_EQ(packet.tcp_flags, flags) << int{chunk};
    }
}

TEST(Sctp, AnInitWithATagIsNone) {
  Bytes frame = test::build(spec_of(Family::ipv4, 1));
  frame[14 + 20 + 7] = 1;
  ParsedPacket packet;
  ASSERT_EQ(parse(frame, packet), Verdict::none);
  EXPECT_EQ(packet.tcp_flags, wire::TcpHeader::ack);
}

TEST(Sctp, WithoutAWholeHeaderIsTruncated) {
  for (std::uint8_t bytes = 0; bytes < 12; ++bytes) {
    FrameSpec spec = spec_of(Family::ipv4, 0);
    Bytes frame = test::build(spec);
    frame[17] = static_cast<std::uint8_t>(20 + bytes);
    ParsedPacket packet;
    EXPECT_EQ(parse(frame, packet), Verdict::drop_truncated) << int{bytes};
  }
}

TEST(Sctp, TranslationKeepsARightChecksumRightAndAWrongOneWrong) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const std::uint16_t data : std::to_array<std::uint16_t>({0, 3, 64, 1'400})) {
      FrameSpec spec = spec_of(family, 0);
      spec.data_bytes = data;
      spec.padding_bytes = 5;
      Bytes frame = test::build(spec);
      ASSERT_EQ(test::wrong_checksums(frame), "");
      ParsedPacket packet;
      ASSERT_EQ(parse(frame, packet), Verdict::none);
      const Translation translation{packet.destination, packet.source, Be16::from_host(1'234),
                                    Be16::from_host(5'678)};
      translate(frame.data(), packet, translation);
      EXPECT_EQ(test::wrong_checksums(frame), "");
      frame = test::build(spec);
      frame[packet.l4_offset + std::size_t{9}] ^= 0x10;
      translate(frame.data(), packet, translation);
      EXPECT_EQ(test::wrong_checksums(frame), "sctp checksum wrong; ");
    }
}

}  // namespace
}  // namespace sluice
