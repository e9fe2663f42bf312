#include "core/flow/fragment_table.h"

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include "tests/core/frames.h"

namespace sluice {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t now = 1'000 * second;

FragmentKey key_of(std::uint32_t identification) {
  return {.source = test::ip("198.51.100.7"),
          .destination = test::ip("203.0.113.10"),
          .identification = Be32::from_host(identification),
          .protocol = 17};
}

FirstFragment first_of(std::uint16_t source_port) {
  return {.source_port = Be16::from_host(source_port),
          .destination_port = Be16::from_host(53),
          .protocol = 17,
          .tcp_flags = 0};
}

std::optional<std::uint16_t> port_in(const FragmentTable& table, const FragmentKey& key,
                                     std::uint64_t time_ns) {
  const FirstFragment* first = table.find(key, time_ns);
  if (first == nullptr) return std::nullopt;
  return first->source_port.host();
}

TEST(FragmentTable, GivesBackWhatItWasTold) {
  FragmentTable table(1, 1);
  const FirstFragment first{.source_port = Be16::from_host(4'000),
                            .destination_port = Be16::from_host(443),
                            .protocol = 6,
                            .tcp_flags = 0x12};
  EXPECT_FALSE(table.remember(key_of(7), first, now));
  ASSERT_NE(table.find(key_of(7), now), nullptr);
  EXPECT_EQ(*table.find(key_of(7), now), first);
}

TEST(FragmentTable, IsEmptyAtFirst) {
  const FragmentTable table(4, 1);
  EXPECT_EQ(table.find({}, 0), nullptr) << "a key of zeros, at the beginning of time";
  EXPECT_EQ(table.find(key_of(0), now), nullptr);
}

TEST(FragmentTable, EveryPartOfTheKeyCounts) {
  FragmentTable table(1, 1);
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    FragmentKey key = key_of(7);
    if (family == Family::ipv6) {
      key.source = test::ip("2001:db8:c::7");
      key.destination = test::ip("2001:db8::10");
    }
    (void)table.remember(key, first_of(1), now);
    FragmentKey other = key;
    std::swap(other.source, other.destination);
    EXPECT_EQ(table.find(other, now), nullptr);
    for (std::size_t byte = 0; byte < 16; ++byte) {
      auto bytes = key.source.bytes();
      bytes[byte] ^= 1;
      other = key;
      other.source = Address::from_bytes(bytes);
      EXPECT_EQ(table.find(other, now), nullptr) << "source, byte " << byte;
      bytes = key.destination.bytes();
      bytes[byte] ^= 1;
      other = key;
      other.destination = Address::from_bytes(bytes);
      EXPECT_EQ(table.find(other, now), nullptr) << "destination, byte " << byte;
    }
    for (unsigned bit = 0; bit < 32; ++bit) {
      other = key;
      other.identification = Be32::from_host(7U ^ 1U << bit);
      EXPECT_EQ(table.find(other, now), nullptr) << "identification, bit " << bit;
    }
    other = key;
    other.protocol = 6;
    EXPECT_EQ(table.find(other, now), nullptr);
    EXPECT_NE(table.find(key, now), nullptr);
  }
}

TEST(FragmentTable, ForgetsAfterItsTime) {
  FragmentTable table(1, 1);
  (void)table.remember(key_of(7), first_of(1), now);
  const std::uint64_t end = now + FragmentTable::lifetime_ns;
  EXPECT_NE(table.find(key_of(7), end - 1), nullptr);
  EXPECT_EQ(table.find(key_of(7), end), nullptr);
  EXPECT_EQ(table.find(key_of(7), end + 3'600 * second), nullptr);
}

// An identification that comes again is another datagram's; the old one is over.
TEST(FragmentTable, TheLastFirstFragmentCounts) {
  FragmentTable table(1, 1);
  EXPECT_FALSE(table.remember(key_of(7), first_of(1), now));
  EXPECT_FALSE(table.remember(key_of(7), first_of(2), now + 4 * second));
  EXPECT_EQ(port_in(table, key_of(7), now + 8 * second), 2) << "and its time begins anew";
  for (std::uint32_t i = 0; i + 1 < FragmentTable::ways; ++i)
    EXPECT_FALSE(table.remember(key_of(100 + i), first_of(3), now + 8 * second))
        << "it has taken one place";
  EXPECT_FALSE(table.remember(key_of(7), first_of(4), now + 20 * second));
  EXPECT_EQ(port_in(table, key_of(7), now + 20 * second), 4) << "after its time too";
}

TEST(FragmentTable, TheOldestOfAFullBucketGivesWay) {
  FragmentTable table(1, 1);
  for (std::uint32_t i = 0; i < 100; ++i) {
    const bool gave_way =
        table.remember(key_of(i), first_of(static_cast<std::uint16_t>(i)), now + i);
    EXPECT_EQ(gave_way, i >= FragmentTable::ways) << i;
    for (std::uint32_t known = 0; known <= i; ++known)
      EXPECT_EQ(table.find(key_of(known), now + i) != nullptr, known + FragmentTable::ways > i)
          << known << " after " << i;
  }
}

TEST(FragmentTable, WhatIsTooOldGivesWayWithoutBeingCounted) {
  FragmentTable table(1, 1);
  for (std::uint32_t i = 0; i < FragmentTable::ways; ++i)
    EXPECT_FALSE(table.remember(key_of(i), first_of(1), now));
  for (std::uint32_t i = 0; i < FragmentTable::ways; ++i)
    EXPECT_FALSE(table.remember(key_of(100 + i), first_of(2), now + FragmentTable::lifetime_ns));
  EXPECT_TRUE(table.remember(key_of(200), first_of(3), now + FragmentTable::lifetime_ns));
}

// Against a list of what was remembered in one bucket, newest last: random keys, times and repeats.
TEST(FragmentTable, AgreesWithAListOfTheLastFew) {
  struct Known {
    std::uint32_t identification;
    std::uint16_t port;
    std::uint64_t ends_ns;
  };
  FragmentTable table(1, 1);
  std::deque<Known> model;
  std::mt19937_64 random(791);
  std::uint64_t time = now;
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    time += 1 + random() % (2 * second);
    const auto identification = static_cast<std::uint32_t>(random() % 8);
    const auto port = static_cast<std::uint16_t>(step);
    bool gave_way = false;
    if (std::erase_if(model,
                      [&](const Known& known) { return known.identification == identification; }) ==
            0 &&
        model.size() == FragmentTable::ways) {
      gave_way = model.front().ends_ns > time;
      model.pop_front();
    }
    model.push_back({identification, port, time + FragmentTable::lifetime_ns});
    ASSERT_EQ(table.remember(key_of(identification), first_of(port), time), gave_way);
    const std::uint64_t later = time + random() % (6 * second);
    for (std::uint32_t asked = 0; asked < 8; ++asked) {
      std::optional<std::uint16_t> expected;
      for (const Known& known : model)
        if (known.identification == asked && known.ends_ns > later) expected = known.port;
      ASSERT_EQ(port_in(table, key_of(asked), later), expected) << "step " << step;
    }
  }
}

// Strangers choose the keys; the seed decides which of them share a bucket.
TEST(FragmentTable, SpreadsKeysAndTheSeedSpreadsThemAnew) {
  constexpr std::size_t buckets = 256;
  const auto survivors = [&](std::uint64_t seed) {
    FragmentTable table(buckets, seed);
    for (std::uint32_t i = 0; i < 2 * buckets; ++i)
      (void)table.remember(key_of(i), first_of(1), now + i);
    std::vector<bool> out;
    for (std::uint32_t i = 0; i < 2 * buckets; ++i)
      out.push_back(table.find(key_of(i), now + 2 * buckets) != nullptr);
    return out;
  };
  const std::vector<bool> one = survivors(1);
  const std::vector<bool> two = survivors(2);
  // Two a bucket on average, four fit: of a Poisson distribution 38 in 1,000 do not.
  EXPECT_GT(std::ranges::count(one, true), static_cast<long>(2 * buckets * 93 / 100));
  EXPECT_GT(std::ranges::count(two, true), static_cast<long>(2 * buckets * 93 / 100));
  EXPECT_NE(one, two);
}

}  // namespace
}  // namespace sluice
