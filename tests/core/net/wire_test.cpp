#include "core/net/wire.h"

#include <cstddef>
#include <gtest/gtest.h>

namespace sluice::wire {
namespace {

// Offsets as the RFCs draw them: a field moved by mistake would still have the right size.
TEST(Wire, FieldsAreWhereTheRfcsDrawThem) {
  EXPECT_EQ(offsetof(EthernetHeader, ether_type), 12U);
  EXPECT_EQ(offsetof(Ipv4Header, total_length), 2U);
  EXPECT_EQ(offsetof(Ipv4Header, fragment), 6U);
  EXPECT_EQ(offsetof(Ipv4Header, ttl), 8U);
  EXPECT_EQ(offsetof(Ipv4Header, protocol), 9U);
  EXPECT_EQ(offsetof(Ipv4Header, checksum), 10U);
  EXPECT_EQ(offsetof(Ipv4Header, source), 12U);
  EXPECT_EQ(offsetof(Ipv4Header, destination), 16U);
  EXPECT_EQ(offsetof(Ipv6Header, payload_length), 4U);
  EXPECT_EQ(offsetof(Ipv6Header, next_header), 6U);
  EXPECT_EQ(offsetof(Ipv6Header, hop_limit), 7U);
  EXPECT_EQ(offsetof(Ipv6Header, source), 8U);
  EXPECT_EQ(offsetof(Ipv6Header, destination), 24U);
  EXPECT_EQ(offsetof(Ipv6Fragment, offset_flags), 2U);
  EXPECT_EQ(offsetof(TcpHeader, data_offset), 12U);
  EXPECT_EQ(offsetof(TcpHeader, flags), 13U);
  EXPECT_EQ(offsetof(TcpHeader, checksum), 16U);
  EXPECT_EQ(offsetof(UdpHeader, length), 4U);
  EXPECT_EQ(offsetof(UdpHeader, checksum), 6U);
  EXPECT_EQ(offsetof(IcmpHeader, checksum), 2U);
}

TEST(Wire, EveryHeaderHasAlignmentOne) {
  EXPECT_EQ(alignof(VlanTag), 1U);
  EXPECT_EQ(alignof(Ipv6Extension), 1U);
  EXPECT_EQ(alignof(Ipv6Fragment), 1U);
  EXPECT_EQ(alignof(TcpHeader), 1U);
  EXPECT_EQ(alignof(UdpHeader), 1U);
  EXPECT_EQ(alignof(IcmpHeader), 1U);
}

TEST(Wire, ByteOrderIsConvertedByName) {
  EXPECT_EQ(Be16::from_host(0x1234).bytes[0], 0x12);
  EXPECT_EQ(Be32::from_host(0x12345678).bytes[3], 0x78);
  for (unsigned value = 0; value <= 0xffff; ++value) {
    const Be16 be = Be16::from_host(static_cast<std::uint16_t>(value));
    ASSERT_EQ(be.host(), value);
    ASSERT_EQ(Be16::from_raw(be.raw()), be);
  }
  EXPECT_EQ(Be32::from_host(0xdeadbeef).host(), 0xdeadbeefU);
  EXPECT_EQ(Be32::from_raw(Be32::from_host(0xdeadbeef).raw()).host(), 0xdeadbeefU);
}

TEST(Wire, ReadsBitFields) {
  Ipv4Header v4{};
  v4.version_ihl = 0x4f;
  EXPECT_EQ(v4.header_bytes(), 60);
  Ipv6Header v6{};
  v6.version_class_label = Be32::from_host(0x6ab12345);
  EXPECT_EQ(v6.traffic_class(), 0xab);
}

}  // namespace
}  // namespace sluice::wire
