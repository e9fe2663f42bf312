#include "core/flow/entry.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "tests/core/frames.h"

namespace sluice {
namespace {

template <typename Entry>
void expect_keys_round_trip(Family family) {
  std::mt19937_64 random(16);
  for (int i = 0; i < 10'000; ++i) {
    const FlowKey key{test::random_address(random, family),
                      Be16::from_raw(static_cast<std::uint16_t>(random())),
                      static_cast<std::uint16_t>(random())};
    Entry entry;
    EXPECT_TRUE(entry.is_empty());
    entry.set_key(Entry::key_of(key));
    entry.flow.state = FlowState::opening;
    ASSERT_TRUE(entry.has_bits(Entry::key_of(key)));
    const FlowKey back = entry.flow_key();
    ASSERT_EQ(back.client, key.client);
    ASSERT_EQ(back.client_port, key.client_port);
    ASSERT_EQ(back.listener, key.listener);
  }
}

TEST(FlowEntry, Ipv4KeysRoundTrip) { expect_keys_round_trip<FlowEntry4>(Family::ipv4); }
TEST(FlowEntry, Ipv6KeysRoundTrip) { expect_keys_round_trip<FlowEntry6>(Family::ipv6); }

// A change of one bit of anything in the key is another key.
template <typename Entry>
void expect_every_bit_counts(const FlowKey& key) {
  Entry entry;
  entry.set_key(Entry::key_of(key));
  entry.flow.state = FlowState::established;
  const auto expect_other = [&](const FlowKey& other) {
    EXPECT_FALSE(entry.has_bits(Entry::key_of(other)));
    EXPECT_NE(Entry::hash(Entry::key_of(other), 1), Entry::hash(Entry::key_of(key), 1));
  };
  const std::size_t first = key.client.is_ipv4() ? 12 : 0;
  for (std::size_t bit = 8 * first; bit < 128; ++bit) {
    auto bytes = key.client.bytes();
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1U << bit % 8));
    expect_other({Address::from_bytes(bytes), key.client_port, key.listener});
  }
  for (unsigned bit = 0; bit < 16; ++bit) {
    const auto mask = static_cast<std::uint16_t>(1U << bit);
    expect_other({key.client,
                  Be16::from_host(static_cast<std::uint16_t>(key.client_port.host() ^ mask)),
                  key.listener});
    expect_other({key.client, key.client_port, static_cast<std::uint16_t>(key.listener ^ mask)});
  }
}

TEST(FlowEntry, EveryBitOfTheKeyCounts) {
  expect_every_bit_counts<FlowEntry4>({test::ip("198.51.100.7"), Be16::from_host(40'000), 77});
  expect_every_bit_counts<FlowEntry6>({test::ip("2001:db8:c::7"), Be16::from_host(40'000), 77});
}

template <typename Entry>
void expect_return_keys_differ(Family family) {
  std::mt19937_64 random(17);
  const Address server = test::random_address(random, family);
  const NatReturnKey key{server, Be16::from_host(80), Be16::from_host(1'024), 3, Protocol::tcp};
  Entry entry;
  EXPECT_TRUE(entry.is_empty());
  entry.set_key(Entry::key_of(key));
  EXPECT_FALSE(entry.is_empty());
  EXPECT_TRUE(entry.has_bits(Entry::key_of(key)));
  std::vector<NatReturnKey> others(5, key);
  others[0].server = test::random_address(random, family);
  others[1].server_port = Be16::from_host(81);
  others[2].source_port = Be16::from_host(1'025);
  others[3].source = 4;
  others[4].protocol = Protocol::udp;
  for (const NatReturnKey& other : others) EXPECT_FALSE(entry.has_bits(Entry::key_of(other)));
}

TEST(NatReturn, EveryPartOfTheKeyCounts) {
  expect_return_keys_differ<NatReturn4>(Family::ipv4);
  expect_return_keys_differ<NatReturn6>(Family::ipv6);
}

// Many clients behind one address, ports in order: the table's hash must not pile them up.
TEST(FlowEntry, TableHashSpreadsSequentialKeys) {
  constexpr std::size_t buckets = 4'096;
  std::vector<int> hits(buckets);
  for (std::uint32_t i = 0; i < 65'536; ++i) {
    const FlowKey key{test::ip("198.51.100.7"), Be16::from_host(static_cast<std::uint16_t>(i)), 1};
    ++hits[FlowEntry4::hash(FlowEntry4::key_of(key), 99) % buckets];
  }
  // Poisson with mean 16: beyond 48 in any of 4,096 buckets is less likely than 10^-7.
  EXPECT_LT(*std::max_element(hits.begin(), hits.end()), 48);
}

}  // namespace
}  // namespace sluice
