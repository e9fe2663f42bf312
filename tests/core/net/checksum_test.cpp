#include "core/net/checksum.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::Bytes;

// Field value for these bytes by the reference.
Be16 full_checksum(const Bytes& bytes) {
  return Be16::from_host(static_cast<std::uint16_t>(~test::plain_sum(bytes)));
}

TEST(Checksum, ExampleOfRfc1071Section3) {
  const Bytes bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  ChecksumSum sum;
  sum.add(bytes);
  EXPECT_EQ(Be16::from_raw(sum.folded()).host(), 0xddf2);
  EXPECT_EQ(checksum_of(bytes).host(), 0x220d);
}

TEST(Checksum, OfAnIpv4HeaderIsZeroWhenFilledIn) {
  const Bytes header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                     0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_EQ(checksum_of(header).host(), 0);
}

TEST(Checksum, EveryLengthAgreesWithTheReference) {
  std::mt19937_64 random(5);
  for (std::size_t length = 0; length < 300; ++length) {
    Bytes bytes(length);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    ASSERT_EQ(checksum_of(bytes), full_checksum(bytes)) << "length " << length;
    std::ranges::fill(bytes, std::uint8_t{0xff});  // as many carries as there can be
    ASSERT_EQ(checksum_of(bytes), full_checksum(bytes)) << "length " << length << " of 0xff";
  }
}

TEST(Checksum, PseudoHeadersAgreeWithTheReference) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 2'000; ++i) {
    const Family family = i % 2 == 0 ? Family::ipv4 : Family::ipv6;
    const Address source = test::random_address(random, family);
    const Address destination = test::random_address(random, family);
    const auto length = static_cast<std::uint32_t>(random() & 0xffff);
    const std::size_t skip = family == Family::ipv4 ? 12 : 0;
    Bytes pseudo(source.bytes().begin() + static_cast<long>(skip), source.bytes().end());
    pseudo.insert(pseudo.end(), destination.bytes().begin() + static_cast<long>(skip),
                  destination.bytes().end());
    for (const unsigned byte : {0U, 0U, length >> 8, length & 0xff, 0U, 0U, 0U, 17U})
      pseudo.push_back(static_cast<std::uint8_t>(byte));
    ASSERT_EQ(pseudo_header_sum(source, destination, 17, length).checksum(), full_checksum(pseudo));
  }
}

// A header of three words, one of which changes: RFC 1624 must give what RFC 1071 gives over the
// new bytes, at all the values where carries and the two zeros of one's complement matter.
void expect_incremental_is_full(std::uint16_t other, std::uint16_t before, std::uint16_t after) {
  const auto header = [&](std::uint16_t changing) {
    return Bytes{0x45,
                 0x00,
                 static_cast<std::uint8_t>(other >> 8),
                 static_cast<std::uint8_t>(other),
                 static_cast<std::uint8_t>(changing >> 8),
                 static_cast<std::uint8_t>(changing)};
  };
  ChecksumChange change;
  change.replace(Be16::from_host(before), Be16::from_host(after));
  ASSERT_EQ(change.apply(full_checksum(header(before))), full_checksum(header(after)))
      << "other word " << other << ", " << before << " -> " << after;
}

TEST(Checksum, IncrementalIsFullAtEveryCorner) {
  std::vector<std::uint16_t> corners;
  for (unsigned value = 0; value <= 0xffff; value += value < 0x102 || value >= 0xfefd ? 1 : 0x3fb)
    corners.push_back(static_cast<std::uint16_t>(value));
  const std::uint16_t others[] = {0, 1, 0x00ff, 0x4500, 0xbaff, 0xbb00, 0xbaff - 1, 0xfffe, 0xffff};
  for (const std::uint16_t other : others)
    for (const std::uint16_t before : corners)
      for (const std::uint16_t after : corners) expect_incremental_is_full(other, before, after);
}

TEST(Checksum, ExampleOfRfc1624Section4) {
  // "header checksum 0xDD2F, field 0x5555 changes to 0x3285: the new checksum is 0x0000".
  ChecksumChange change;
  change.replace(Be16::from_host(0x5555), Be16::from_host(0x3285));
  EXPECT_EQ(change.apply(Be16::from_host(0xdd2f)).host(), 0x0000);
}

TEST(Checksum, ManyChangesAtOnceAreFull) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const Family family = i % 2 == 0 ? Family::ipv4 : Family::ipv6;
    const Address before = test::random_address(random, family);
    const Address after = test::random_address(random, family);
    const auto port_before = Be16::from_raw(static_cast<std::uint16_t>(random()));
    const auto port_after = Be16::from_raw(static_cast<std::uint16_t>(random()));
    const auto word_before = Be32::from_raw(static_cast<std::uint32_t>(random()));
    const auto word_after = Be32::from_raw(static_cast<std::uint32_t>(random()));
    const auto checksum = [](const Address& address, Be16 port, Be32 word) {
      ChecksumSum sum;
      sum.add(address);
      sum.add(port);
      sum.add(word);
      sum.add_raw16(0x0045);
      return sum.checksum();
    };
    ChecksumChange change;
    change.replace(before, after);
    change.replace(port_before, port_after);
    change.replace(word_before, word_after);
    ASSERT_EQ(change.apply(checksum(before, port_before, word_before)),
              checksum(after, port_after, word_after));
  }
}

}  // namespace
}  // namespace sluice
