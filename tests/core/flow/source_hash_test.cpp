#include "core/flow/source_hash.h"

#include <array>
#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::ip;

bool same(const char* a, const char* b, SourceMask mask) {
  return masked_source(ip(a), mask) == masked_source(ip(b), mask);
}

TEST(SourceHash, TheMaskTakesLeadingBits) {
  EXPECT_TRUE(same("198.51.100.1", "198.51.100.254", {.ipv4_bits = 24}));
  EXPECT_FALSE(same("198.51.100.1", "198.51.101.1", {.ipv4_bits = 24}));
  EXPECT_FALSE(same("198.51.100.1", "198.51.100.2", {}));
  EXPECT_TRUE(same("127.255.255.255", "0.0.0.0", {.ipv4_bits = 1}));
  EXPECT_FALSE(same("128.0.0.0", "0.0.0.0", {.ipv4_bits = 1}));
  EXPECT_TRUE(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::", {.ipv6_bits = 64}));
  EXPECT_FALSE(same("2001:db8:1:2::", "2001:db8:1:3::", {.ipv6_bits = 64}));
  EXPECT_TRUE(same("2001:db8::2", "2001:db8::3", {.ipv6_bits = 127}));
  EXPECT_FALSE(same("2001:db8::2", "2001:db8::3", {}));
}

TEST(SourceHash, NoIpv4ClientIsAnIpv6Client) {
  EXPECT_FALSE(same("0.0.0.0", "::", {.ipv4_bits = 1, .ipv6_bits = 96}));
}

TEST(SourceHash, EveryLengthKeepsOneBitMoreThanTheLast) {
  std::array<std::uint8_t, 16> ones{};
  ones.fill(0xff);
  for (std::uint8_t bits = 1; bits < 128; ++bits) {
    auto flipped = ones;
    flipped[bits / 8] = static_cast<std::uint8_t>(flipped[bits / 8] ^ 0x80U >> bits % 8);
    const Address a = Address::from_bytes(ones);
    const Address b = Address::from_bytes(flipped);
    EXPECT_EQ(masked_source(a, {.ipv6_bits = bits}), masked_source(b, {.ipv6_bits = bits}));
    const auto more = static_cast<std::uint8_t>(bits + 1);
    EXPECT_NE(masked_source(a, {.ipv6_bits = more}), masked_source(b, {.ipv6_bits = more}));
  }
}

TEST(SourceHash, SpreadsNeighboursOverTheSlots) {
  std::array<int, 16> counts{};
  for (std::uint32_t i = 0; i < 16'000; ++i) {
    const Address client = Address::from_ipv4(Be32::from_host(0xc6336400 + i));
    ++counts[hash_source(masked_source(client, {}), 0) >> 60];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1'000, 160);
}

}  // namespace
}  // namespace sluice
