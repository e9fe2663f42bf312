#include "core/net/quic_header.h"

#include <gtest/gtest.h>
#include <random>

#include "tests/core/frames.h"
#include "tests/core/guarded_bytes.h"

namespace sluice {
namespace {

using test::Bytes;

TEST(QuicHeader, ReadsTheLongForm) {
  // The client's Initial of RFC 9001 appendix A.2, its first bytes.
  const Bytes initial{0xc3, 0x00, 0x00, 0x00, 0x01, 0x08, 0x83, 0x94, 0xc8,
                      0xf0, 0x3e, 0x51, 0x57, 0x08, 0x00, 0x00, 0x44, 0x9e};
  const auto header = parse_quic_header(initial);
  ASSERT_TRUE(header);
  EXPECT_TRUE(header->is_long);
  EXPECT_EQ(test::hex(header->connection_id),
            test::hex(Bytes{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}));
}

TEST(QuicHeader, TakesAnyVersionAndAnyLength) {
  for (std::size_t length = 0; length <= 255; ++length) {
    Bytes datagram{0x80, 0xfa, 0xce, 0xb0, 0x0c, static_cast<std::uint8_t>(length)};
    datagram.resize(datagram.size() + length, 0x11);
    const auto whole = parse_quic_header(datagram);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->connection_id.size(), length);
    datagram.pop_back();
    EXPECT_FALSE(parse_quic_header(datagram));
  }
}

TEST(QuicHeader, ReadsTheShortForm) {
  for (std::size_t length = 1; length < 60; ++length) {
    Bytes datagram(length, 0x22);
    datagram[0] = 0x40;
    const auto header = parse_quic_header(datagram);
    ASSERT_TRUE(header);
    EXPECT_FALSE(header->is_long);
    EXPECT_EQ(header->connection_id.size(), std::min<std::size_t>(length - 1, 20));
    EXPECT_EQ(header->connection_id.data(), datagram.data() + 1);
  }
}

TEST(QuicHeader, RefusesWhatIsTooShort) {
  EXPECT_FALSE(parse_quic_header({}));
  EXPECT_FALSE(parse_quic_header(Bytes{0x80}));
  EXPECT_FALSE(parse_quic_header(Bytes{0xff, 0, 0, 0, 1}));
}

TEST(QuicHeader, NeverReadsBeyondTheEnd) {
  std::mt19937_64 random(0x8999);
  test::GuardedBytes memory(64);
  for (int i = 0; i < 200'000; ++i) {
    const auto datagram = memory.last(random() % 64);
    for (std::uint8_t& byte : datagram)
      byte = static_cast<std::uint8_t>(random() % 48 + 200 * (random() % 2));
    const auto header = parse_quic_header(datagram);
    if (!header || header->connection_id.empty()) continue;
    ASSERT_GE(header->connection_id.data(), datagram.data());
    ASSERT_LE(header->connection_id.data() + header->connection_id.size(),
              datagram.data() + datagram.size());
  }
}

}  // namespace
}  // namespace sluice
