#include "tools/pktgen/signature.h"

#include <gtest/gtest.h>
#include <vector>

#include "core/net/encap.h"
#include "tests/core/guarded_bytes.h"
#include "tests/tools/pktgen/sample_traffic.h"
#include "tools/pktgen/generator.h"

namespace sluice::pktgen {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes sample_frame(Family family, Protocol protocol) {
  Generator generator(sample_traffic(family, protocol));
  Bytes frame(2'048);
  std::uint8_t* const frames[] = {frame.data()};
  std::uint16_t lengths[1];
  generator.seek(77);
  generator.build(frames, lengths, 123'456'789);
  frame.resize(lengths[0]);
  return frame;
}

// The frame as the balancer sends it on.
Bytes encapsulated(const Bytes& frame, Encapsulation encapsulation, Family inner, Family outer) {
  const bool is_ipv4 = outer == Family::ipv4;
  const OuterHeader header(Tunnel{
      .source = *Prefix::parse(is_ipv4 ? "192.0.2.1" : "2001:db8::1"),
      .destination = *Address::parse(is_ipv4 ? "192.0.2.11" : "2001:db8::11"),
      .encapsulation = encapsulation,
      .dscp = std::nullopt,
  });
  Bytes out(14 + header.length_bytes());
  out.insert(out.end(), frame.begin() + 14, frame.end());
  out[12] = is_ipv4 ? 0x08 : 0x86;
  out[13] = is_ipv4 ? 0x00 : 0xdd;
  header.write(out.data() + 14 + header.length_bytes(),
               {inner, 0, static_cast<std::uint16_t>(frame.size() - 14)}, 42);
  return out;
}

TEST(Signature, IsFoundInEveryTunnel) {
  const std::pair<Encapsulation, Wrapping> tunnels[] = {
      {Encapsulation::ipip, Wrapping::ipip},
      {Encapsulation::gre, Wrapping::gre},
      {Encapsulation::gue_direct, Wrapping::gue},
      {Encapsulation::gue_header, Wrapping::gue},
  };
  for (const auto& [encapsulation, wrapping] : tunnels)
    for (const Family inner : {Family::ipv4, Family::ipv6})
      for (const Family outer : {Family::ipv4, Family::ipv6})
        for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
          const Bytes frame =
              encapsulated(sample_frame(inner, protocol), encapsulation, inner, outer);
          const auto found = recognise(frame);
          ASSERT_TRUE(found);
          EXPECT_EQ(found->signature.sequence, 77U);
          EXPECT_EQ(found->signature.sent_ns, 123'456'789U);
          EXPECT_EQ(found->wrapping, wrapping);
        }
}

TEST(Signature, IsFoundInTwoTunnelsAndNotInThree) {
  Bytes frame = sample_frame(Family::ipv4, Protocol::tcp);
  frame = encapsulated(frame, Encapsulation::gre, Family::ipv4, Family::ipv6);
  frame = encapsulated(frame, Encapsulation::ipip, Family::ipv6, Family::ipv4);
  ASSERT_TRUE(recognise(frame));
  EXPECT_EQ(recognise(frame)->wrapping, Wrapping::ipip);
  frame = encapsulated(frame, Encapsulation::ipip, Family::ipv4, Family::ipv4);
  EXPECT_FALSE(recognise(frame));
}

TEST(Signature, IsFoundBehindGreWithKeyAndSequence) {
  Bytes frame = encapsulated(sample_frame(Family::ipv4, Protocol::udp), Encapsulation::gre,
                             Family::ipv4, Family::ipv4);
  frame[34] = 0x30;
  frame.insert(frame.begin() + 38, 8, std::uint8_t{0xaa});
  EXPECT_TRUE(recognise(frame));
}

TEST(Signature, IsFoundBehindVlanTags) {
  Bytes frame = sample_frame(Family::ipv6, Protocol::udp);
  for (int tags = 1; tags <= 3; ++tags) {
    frame.insert(frame.begin() + 12, {0x81, 0x00, 0x00, 0x07});
    EXPECT_EQ(recognise(frame).has_value(), tags <= 2);
  }
}

TEST(Signature, OtherAddressesPortsAndTtlDoNotMatter) {
  Bytes frame = sample_frame(Family::ipv4, Protocol::tcp);
  for (std::size_t i = 22; i < 38; ++i)
    if (i != 23) frame[i] = static_cast<std::uint8_t>(frame[i] + 1);
  EXPECT_TRUE(recognise(frame));
}

TEST(Signature, ForeignPacketsHaveNone) {
  Bytes frame = sample_frame(Family::ipv4, Protocol::tcp);
  frame[14 + 20 + 8] ^= 1;  // the first byte of the magic, in the acknowledgement number
  EXPECT_FALSE(recognise(frame));
  Bytes arp(60);
  arp[12] = 0x08;
  arp[13] = 0x06;
  EXPECT_FALSE(recognise(arp));
  Bytes later_fragment = sample_frame(Family::ipv4, Protocol::tcp);
  later_fragment[21] = 1;
  EXPECT_FALSE(recognise(later_fragment));
}

// Each prefix of each kind of frame, in memory that ends where it does.
TEST(Signature, CutFramesAreNeverReadBeyondTheirEnd) {
  test::GuardedBytes memory(2'048);
  for (const Encapsulation encapsulation : {Encapsulation::ipip, Encapsulation::gre,
                                            Encapsulation::gue_direct, Encapsulation::gue_header}) {
    const Bytes whole = encapsulated(sample_frame(Family::ipv6, Protocol::tcp), encapsulation,
                                     Family::ipv6, Family::ipv4);
    for (std::size_t length = 0; length < whole.size(); ++length)
      EXPECT_FALSE(recognise(memory.place(std::span(whole).first(length)))) << length;
  }
}

}  // namespace
}  // namespace sluice::pktgen
