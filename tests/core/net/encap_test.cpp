#include "core/net/encap.h"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>

#include "core/net/parse.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;
using test::ip;

constexpr std::uint64_t flow_hash = 0x9123'4567'89ab'cdef;

constexpr std::array encapsulations = {Encapsulation::ipip, Encapsulation::gre,
                                       Encapsulation::gue_direct, Encapsulation::gue_header};

Tunnel tunnel_of(Family outer, Encapsulation encapsulation) {
  const bool is_ipv4 = outer == Family::ipv4;
  return {.source = *Prefix::parse(is_ipv4 ? "10.0.1.254" : "2001:db8:1::fe"),
          .destination = ip(is_ipv4 ? "10.0.1.1" : "2001:db8:1::1"),
          .encapsulation = encapsulation,
          .dscp = {}};
}

// A frame in a tunnel, built by the code under test around a frame of the builder.
Bytes encapsulated(const Tunnel& tunnel, const test::FrameSpec& inner_spec) {
  const OuterHeader outer(tunnel);
  const Bytes frame = test::build(inner_spec);
  const std::size_t inner_bytes = frame.size() - 14;
  Bytes out(14 + outer.length_bytes() + inner_bytes);
  std::uint8_t* inner = out.data() + 14 + outer.length_bytes();
  std::copy(frame.begin() + 14, frame.end(), inner);
  outer.write(inner,
              {.family = inner_spec.source.family(),
               .traffic_class = inner_spec.traffic_class,
               .length_bytes = static_cast<std::uint16_t>(inner_bytes)},
              flow_hash);
  const LinkHeader link{test::mac("02:00:00:00:00:aa"), test::mac("02:00:00:00:00:bb")};
  link.write(out.data(), outer.family());
  return out;
}

// The protocol of the outer IP header.
unsigned protocol_of(Encapsulation encapsulation, Family inner) {
  switch (encapsulation) {
    case Encapsulation::ipip:
      return inner == Family::ipv4 ? 4 : 41;
    case Encapsulation::gre:
      return 47;
    case Encapsulation::gue_direct:
    case Encapsulation::gue_header:
      return 17;
  }
  return 0;
}

test::FrameSpec inner_spec(Family family) {
  test::FrameSpec spec;
  if (family == Family::ipv6) {
    spec.source = ip("2001:db8:c::7");
    spec.destination = ip("2001:db8::10");
  }
  return spec;
}

struct Case {
  Encapsulation encapsulation;
  Family inner;
  std::uint8_t traffic_class;
};

// Every encapsulation, inner family and traffic class, with lengths from none to beyond 1,000.
template <typename Check>
void for_every_case(Family outer, Check&& check) {
  for (const Encapsulation encapsulation : encapsulations)
    for (const Family inner : {Family::ipv4, Family::ipv6})
      for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
        const Case each{encapsulation, inner, static_cast<std::uint8_t>(traffic_class)};
        test::FrameSpec spec = inner_spec(inner);
        spec.traffic_class = each.traffic_class;
        spec.data_bytes = static_cast<std::uint16_t>(5 * traffic_class);
        const Bytes frame = encapsulated(tunnel_of(outer, encapsulation), spec);
        ASSERT_EQ(test::wrong_checksums(frame), "") << "traffic class " << traffic_class;
        check(each, frame);
      }
}

TEST(Encap, Ipv4OutsideOfBothFamilies) {
  for_every_case(Family::ipv4, [](const Case& each, const Bytes& frame) {
    const std::span ipv4 = std::span(frame).subspan(14, 20);
    EXPECT_EQ(ipv4[0], 0x45);
    EXPECT_EQ(ipv4[1], each.traffic_class) << "DSCP and ECN are copied";
    EXPECT_EQ(static_cast<std::size_t>(ipv4[2] << 8 | ipv4[3]), frame.size() - 14);
    EXPECT_EQ(ipv4[4] << 8 | ipv4[5], 0) << "identification";
    EXPECT_EQ(ipv4[6] << 8 | ipv4[7], 0x4000) << "don't fragment";
    EXPECT_EQ(ipv4[8], 64);
    EXPECT_EQ(ipv4[9], protocol_of(each.encapsulation, each.inner));
  });
}

TEST(Encap, Ipv6OutsideOfBothFamilies) {
  for_every_case(Family::ipv6, [](const Case& each, const Bytes& frame) {
    const std::span ipv6 = std::span(frame).subspan(14, 40);
    EXPECT_EQ(ipv6[0], 0x60 | each.traffic_class >> 4);
    EXPECT_EQ(ipv6[1], (each.traffic_class & 15) << 4) << "flow label 0";
    EXPECT_EQ(ipv6[2] << 8 | ipv6[3], 0) << "flow label 0";
    EXPECT_EQ(static_cast<std::size_t>(ipv6[4] << 8 | ipv6[5]), frame.size() - 14 - 40);
    EXPECT_EQ(ipv6[6], protocol_of(each.encapsulation, each.inner));
    EXPECT_EQ(ipv6[7], 64);
  });
}

// What stands between the outer IP header and the inner packet.
std::string shim_of(Family outer, Encapsulation encapsulation, Family inner) {
  test::FrameSpec spec = inner_spec(inner);
  spec.data_bytes = 16;
  const Bytes frame = encapsulated(tunnel_of(outer, encapsulation), spec);
  return test::hex(
      std::span(frame).subspan(outer == Family::ipv4 ? 34 : 54, shim_bytes(encapsulation)));
}

TEST(Encap, TheShimSaysWhatIsInside) {
  for (const Family outer : {Family::ipv4, Family::ipv6}) {
    EXPECT_EQ(shim_of(outer, Encapsulation::ipip, Family::ipv4), "");
    EXPECT_EQ(shim_of(outer, Encapsulation::gre, Family::ipv4), "00 00 08 00 ");
    EXPECT_EQ(shim_of(outer, Encapsulation::gre, Family::ipv6), "00 00 86 dd ");
    // Port 0xc000 | 0x0def to 6080; lengths 8 + 56 and 8 + 76, and 4 more; no checksum.
    EXPECT_EQ(shim_of(outer, Encapsulation::gue_direct, Family::ipv4), "cd ef 17 c0 00 40 00 00 ");
    EXPECT_EQ(shim_of(outer, Encapsulation::gue_direct, Family::ipv6), "cd ef 17 c0 00 54 00 00 ");
    EXPECT_EQ(shim_of(outer, Encapsulation::gue_header, Family::ipv4),
              "cd ef 17 c0 00 44 00 00 00 04 00 00 ");
    EXPECT_EQ(shim_of(outer, Encapsulation::gue_header, Family::ipv6),
              "cd ef 17 c0 00 58 00 00 00 29 00 00 ");
  }
}

TEST(Encap, GueHasItsPortFromTheTunnel) {
  Tunnel tunnel = tunnel_of(Family::ipv4, Encapsulation::gue_direct);
  tunnel.port = Port(0x1234);
  const Bytes frame = encapsulated(tunnel, {});
  EXPECT_EQ(test::hex(std::span(frame).subspan(36, 2)), "12 34 ");
}

TEST(Encap, GueSourcePortsAreTheDynamicOnesAndAllOfThem) {
  std::vector<bool> seen(65'536);
  for (std::uint64_t hash = 0; hash < 65'536; ++hash) {
    const Port port = gue_source_port(hash << 32 | hash);
    ASSERT_GE(port.value(), 49'152);
    seen[port.value()] = true;
  }
  EXPECT_EQ(std::ranges::count(seen, true), 65'536 - 49'152);
}

TEST(Encap, AddressesAreTheTunnelEnds) {
  for (const Encapsulation encapsulation : encapsulations) {
    const Bytes v4 = encapsulated(tunnel_of(Family::ipv4, encapsulation), {});
    EXPECT_EQ(test::hex(std::span(v4).subspan(14 + 12, 8)), "0a 00 01 fe 0a 00 01 01 ");
    const Tunnel ends = tunnel_of(Family::ipv6, encapsulation);
    const Bytes v6 = encapsulated(ends, {});
    const auto& source = ends.source.address.bytes();
    EXPECT_TRUE(std::equal(source.begin(), source.end(), v6.begin() + 14 + 8));
    EXPECT_TRUE(std::equal(ends.destination.bytes().begin(), ends.destination.bytes().end(),
                           v6.begin() + 14 + 24));
  }
}

// The outer source of a frame with a prefix of this length.
Address source_in(const Bytes& frame) {
  ParsedPacket outer;
  (void)parse(frame, outer);
  return outer.source;
}

TEST(Encap, TheSourceIsThePrefixAndTheFlowsBits) {
  for (const Encapsulation encapsulation : encapsulations)
    for (const Family family : {Family::ipv4, Family::ipv6})
      for (std::uint8_t length = 8; length <= (family == Family::ipv4 ? 32 : 128); ++length) {
        Tunnel tunnel = tunnel_of(family, encapsulation);
        tunnel.source = {ip(family == Family::ipv4 ? "26.0.0.0" : "2600::"), length};
        const Bytes frame = encapsulated(tunnel, {});
        ASSERT_EQ(test::wrong_checksums(frame), "") << int{length};
        ASSERT_EQ(source_in(frame), tunnel.source.at(flow_hash)) << int{length};
        ASSERT_TRUE(tunnel.source.contains(source_in(frame))) << int{length};
      }
}

TEST(Encap, TtlIsTheTunnels) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (unsigned ttl = 1; ttl < 256; ++ttl) {
      Tunnel tunnel = tunnel_of(family, Encapsulation::gre);
      tunnel.ttl = static_cast<std::uint8_t>(ttl);
      const Bytes frame = encapsulated(tunnel, {});
      ASSERT_EQ(test::wrong_checksums(frame), "");
      ASSERT_EQ(frame[family == Family::ipv4 ? 14 + 8 : 14 + 7], ttl);
    }
}

TEST(Encap, ADscpOfTheTunnelLeavesEcnAlone) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (std::uint8_t dscp = 0; dscp < 64; ++dscp)
      for (unsigned inner = 0; inner < 256; ++inner) {
        Tunnel tunnel = tunnel_of(family, Encapsulation::gue_direct);
        tunnel.dscp = dscp;
        test::FrameSpec spec;
        spec.traffic_class = static_cast<std::uint8_t>(inner);
        const Bytes frame = encapsulated(tunnel, spec);
        ASSERT_EQ(test::wrong_checksums(frame), "");
        ParsedPacket outer;
        (void)parse(frame, outer);
        ASSERT_EQ(outer.traffic_class, dscp << 2 | (inner & 3));
      }
}

TEST(Encap, PlainIpipIsTheSameAsAnyOther) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const Family inner : {Family::ipv4, Family::ipv6})
      for (unsigned traffic_class = 0; traffic_class < 256; ++traffic_class) {
        Tunnel tunnel = tunnel_of(family, Encapsulation::ipip);
        if (traffic_class % 2 == 1) tunnel.dscp = 46;
        const OuterHeader outer(tunnel);
        ASSERT_FALSE(outer.needs_flow_hash());
        const InnerPacket packet{inner, static_cast<std::uint8_t>(traffic_class), 1'000};
        Bytes general(outer.length_bytes());
        Bytes plain(outer.length_bytes());
        outer.write(general.data() + general.size(), packet, flow_hash);
        outer.write_plain_ipip(plain.data() + plain.size(), packet);
        ASSERT_EQ(test::hex(general), test::hex(plain));
      }
}

TEST(Encap, LengthIsOfAllHeaders) {
  EXPECT_EQ(OuterHeader().length_bytes(), 0);
  const auto length = [](Family outer, Encapsulation encapsulation) {
    const OuterHeader header(tunnel_of(outer, encapsulation));
    EXPECT_EQ(header.family(), outer);
    return header.length_bytes();
  };
  EXPECT_EQ(length(Family::ipv4, Encapsulation::ipip), 20);
  EXPECT_EQ(length(Family::ipv6, Encapsulation::ipip), 40);
  EXPECT_EQ(length(Family::ipv4, Encapsulation::gre), 24);
  EXPECT_EQ(length(Family::ipv6, Encapsulation::gre), 44);
  EXPECT_EQ(length(Family::ipv4, Encapsulation::gue_direct), 28);
  EXPECT_EQ(length(Family::ipv6, Encapsulation::gue_direct), 48);
  EXPECT_EQ(length(Family::ipv4, Encapsulation::gue_header), 32);
  EXPECT_EQ(length(Family::ipv6, Encapsulation::gue_header), OuterHeader::length_bytes_max);
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
