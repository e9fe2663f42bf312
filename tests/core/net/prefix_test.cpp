#include "core/net/prefix.h"

#include <gtest/gtest.h>
#include <random>

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

// Against the definition, bit by bit, for every length of both families.
TEST(Prefix, AtFillsTheFreeBits) {
  std::mt19937_64 random(40);
  for (const char* text : {"26.0.0.0", "2600::"}) {
    const Address base = *Address::parse(text);
    const unsigned family_bits = base.is_ipv4() ? 32 : 128;
    for (unsigned length = 8; length <= family_bits; ++length) {
      const Prefix prefix{base, static_cast<std::uint8_t>(length)};
      const std::uint64_t number = random();
      const Address out = prefix.at(number);
      for (unsigned bit = 0; bit < 128; ++bit) {
        const auto bit_of = [bit](const Address& address) {
          return address.bytes()[bit / 8] >> (7 - bit % 8) & 1;
        };
        const bool is_free = bit >= 64 && bit >= length + 128 - family_bits;
        ASSERT_EQ(bit_of(out), is_free ? static_cast<int>(number >> (127 - bit) & 1) : bit_of(base))
            << text << "/" << length << " bit " << bit;
      }
      EXPECT_EQ(prefix.is_one_address(), length == family_bits);
    }
  }
}

}  // namespace
}  // namespace sluice
