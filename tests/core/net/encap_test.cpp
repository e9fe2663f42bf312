#include "core/net/encap.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;
using test::ip;

// A frame in a tunnel, built by the code under test around a frame of the builder.
Bytes encapsulated(const OuterHeader& outer, const test::FrameSpec& inner_spec) {
  const Bytes frame = test::build(inner_spec);
  const std::size_t inner_bytes = frame.size() - 14;
  Bytes out(14 + outer.length_bytes() + inner_bytes);
  std::uint8_t* inner = out.data() + 14 + outer.length_bytes();
  std::copy(frame.begin() + 14, frame.end(), inner);
  outer.write_before(inner, inner_spec.source.family(), static_cast<std::uint16_t>(inner_bytes),
                     inner_spec.traffic_class);
  const LinkHeader link{test::mac("02:00:00:00:00:aa"), test::mac("02:00:00:00:00:bb")};
  link.write(out.data(), outer.family());
  return out;
}

test::FrameSpec inner_spec(Family family) {
  test::FrameSpec spec;
  if (family == Family::ipv6) {
    spec.source = ip("2001:db8:c::7");
    spec.destination = ip("2001:db8::10");
  }
  return spec;
}

TEST(Encap, Ipv4OutsideOfBothFamilies) {
  const OuterHeader outer(ip("10.0.1.254"), ip("10.0.1.1"));
  for (const Family inner : {Family::ipv4, Family::ipv6}) {
    test::FrameSpec spec = inner_spec(inner);
    for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
      spec.traffic_class = static_cast<std::uint8_t>(traffic_class);
      spec.data_bytes = static_cast<std::uint16_t>(5 * traffic_class);
      const Bytes frame = encapsulated(outer, spec);
      ASSERT_EQ(test::wrong_checksums(frame), "") << "traffic class " << traffic_class;
      const std::span ipv4 = std::span(frame).subspan(14, 20);
      EXPECT_EQ(ipv4[0], 0x45);
      EXPECT_EQ(ipv4[1], traffic_class) << "DSCP and ECN are copied";
      EXPECT_EQ(static_cast<std::size_t>(ipv4[2] << 8 | ipv4[3]), frame.size() - 14);
      EXPECT_EQ(ipv4[4] << 8 | ipv4[5], 0) << "identification";
      EXPECT_EQ(ipv4[6] << 8 | ipv4[7], 0x4000) << "don't fragment";
      EXPECT_EQ(ipv4[8], 64);
      EXPECT_EQ(ipv4[9], inner == Family::ipv4 ? 4 : 41);
    }
  }
}

TEST(Encap, Ipv6OutsideOfBothFamilies) {
  const OuterHeader outer(ip("2001:db8:1::fe"), ip("2001:db8:1::1"));
  for (const Family inner : {Family::ipv4, Family::ipv6}) {
    test::FrameSpec spec = inner_spec(inner);
    for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
      spec.traffic_class = static_cast<std::uint8_t>(traffic_class);
      const Bytes frame = encapsulated(outer, spec);
      ASSERT_EQ(test::wrong_checksums(frame), "") << "traffic class " << traffic_class;
      const std::span ipv6 = std::span(frame).subspan(14, 40);
      EXPECT_EQ(ipv6[0], 0x60 | traffic_class >> 4);
      EXPECT_EQ(ipv6[1], (traffic_class & 15) << 4) << "flow label 0";
      EXPECT_EQ(ipv6[2] << 8 | ipv6[3], 0) << "flow label 0";
      EXPECT_EQ(static_cast<std::size_t>(ipv6[4] << 8 | ipv6[5]), frame.size() - 14 - 40);
      EXPECT_EQ(ipv6[6], inner == Family::ipv4 ? 4 : 41);
      EXPECT_EQ(ipv6[7], 64);
    }
  }
}

TEST(Encap, AddressesAreTheTunnelEnds) {
  const Bytes v4 = encapsulated(OuterHeader(ip("10.0.1.254"), ip("10.0.1.1")), {});
  EXPECT_EQ(test::hex(std::span(v4).subspan(14 + 12, 8)), "0a 00 01 fe 0a 00 01 01 ");
  const Address from = ip("2001:db8:1::fe");
  const Address to = ip("2001:db8:1::1");
  const Bytes v6 = encapsulated(OuterHeader(from, to), {});
  EXPECT_TRUE(std::equal(from.bytes().begin(), from.bytes().end(), v6.begin() + 14 + 8));
  EXPECT_TRUE(std::equal(to.bytes().begin(), to.bytes().end(), v6.begin() + 14 + 24));
}

TEST(Encap, LengthSaysTheFamily) {
  EXPECT_EQ(OuterHeader().length_bytes(), 0);
  EXPECT_EQ(OuterHeader(ip("10.0.0.1"), ip("10.0.0.2")).length_bytes(), 20);
  EXPECT_EQ(OuterHeader(ip("10.0.0.1"), ip("10.0.0.2")).family(), Family::ipv4);
  EXPECT_EQ(OuterHeader(ip("::1"), ip("::2")).length_bytes(), 40);
  EXPECT_EQ(OuterHeader(ip("::1"), ip("::2")).family(), Family::ipv6);
}

TEST(LinkHeader, WritesAddressesAndEtherType) {
  const LinkHeader link{test::mac("02:00:00:00:00:aa"), test::mac("02:00:00:00:00:bb")};
  Bytes out(14);
  link.write(out.data(), Family::ipv4);
  EXPECT_EQ(test::hex(out), "02 00 00 00 00 aa 02 00 00 00 00 bb 08 00 ");
  link.write(out.data(), Family::ipv6);
  EXPECT_EQ(test::hex(out), "02 00 00 00 00 aa 02 00 00 00 00 bb 86 dd ");
}

}  // namespace
}  // namespace sluice
