#include "core/net/prefix.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::ip;

TEST(Prefix, ParsesAndPrints) {
  for (const char* text : {"0.0.0.0/0", "192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32", "::/0",
                           "2001:db8::/32", "2001:db8:0:0:8000::/65", "2001:db8::1/128"}) {
    const auto prefix = Prefix::parse(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(prefix->text(), text);
  }
  EXPECT_EQ(Prefix::parse("192.0.2.1")->length_bits, 32);
  EXPECT_EQ(Prefix::parse("2001:db8::1")->length_bits, 128);
}

TEST(Prefix, RefusesHostBitsAndBadLengths) {
  for (const char* text : {"", "/", "/24", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "::1/127",
                           "192.0.2.0/-1", "192.0.2.0/24 ", "192.0.2.0/2x", "192.0.2.0/256",
                           "2001:db8::/129", "2001:db8:0:0:8000::/64", "192.0.2.0/24/24"})
    EXPECT_FALSE(Prefix::parse(text)) << '"' << text << '"';
}

TEST(Prefix, ContainsExactlyItsBlock) {
  const auto block = Prefix::parse("192.0.2.128/25");
  ASSERT_TRUE(block);
  for (unsigned last = 0; last < 256; ++last)
    EXPECT_EQ(block->contains(ip("192.0.2." + std::to_string(last))), last >= 128) << last;
  EXPECT_FALSE(block->contains(ip("192.0.3.128")));
  EXPECT_FALSE(block->contains(ip("2001:db8::1")));
}

TEST(Prefix, FamiliesDoNotMix) {
  EXPECT_FALSE(Prefix::parse("::/0")->contains(ip("192.0.2.1")));
  EXPECT_FALSE(Prefix::parse("0.0.0.0/0")->contains(ip("2001:db8::1")));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(ip("255.255.255.255")));
  EXPECT_TRUE(Prefix::parse("::/0")->contains(ip("ffff::")));
}

// A flipped bit inside the prefix leaves the block, one behind it does not.
TEST(Prefix, EveryLengthLooksAtExactlyItsBits) {
  std::mt19937_64 random(4);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const unsigned bits = family == Family::ipv4 ? 32 : 128;
    const Address address = test::random_address(random, family);
    for (unsigned length = 0; length <= bits; ++length) {
      const Prefix prefix{address, static_cast<std::uint8_t>(length)};
      for (unsigned bit = 0; bit < bits; ++bit) {
        auto bytes = address.bytes();
        const unsigned at = bit + 128 - bits;
        bytes[at / 8] = static_cast<std::uint8_t>(bytes[at / 8] ^ (0x80U >> at % 8));
        EXPECT_EQ(prefix.contains(Address::from_bytes(bytes)), bit >= length)
            << "length " << length << ", bit " << bit;
      }
    }
  }
}

}  // namespace
}  // namespace sluice
