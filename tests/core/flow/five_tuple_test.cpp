#include "core/flow/five_tuple.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

#include "core/balance/slots.h"
#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::ip;

constexpr std::size_t bucket_count = 1'021;
constexpr std::size_t flow_count = 200'000;

using MakeTuple = std::function<FiveTuple(std::uint32_t)>;

// How evenly flows fall into buckets: Pearson's statistic less its mean, in standard deviations.
double chi_square_deviations(const MakeTuple& tuple_of,
                             const std::function<std::size_t(std::uint64_t)>& bucket_of) {
  std::vector<std::size_t> hits(bucket_count);
  for (std::uint32_t i = 0; i < flow_count; ++i) ++hits[bucket_of(hash_flow(tuple_of(i), 0))];
  const double expected = static_cast<double>(flow_count) / bucket_count;
  double statistic = 0;
  for (const std::size_t hit : hits) {
    const double distance = static_cast<double>(hit) - expected;
    statistic += distance * distance / expected;
  }
  const double freedom = bucket_count - 1;
  return (statistic - freedom) / std::sqrt(2 * freedom);
}

Address ipv4_plus(std::uint32_t base, std::uint32_t offset) {
  return Address::from_ipv4(Be32::from_host(base + offset));
}

Address ipv6_plus(std::uint32_t offset) {
  auto bytes = ip("2001:db8:c::").bytes();
  const Be32 low = Be32::from_host(offset);
  std::copy(low.bytes.begin(), low.bytes.end(), bytes.begin() + 12);
  return Address::from_bytes(bytes);
}

// Patterns of real clients: the orders in which addresses and ports are handed out.
const std::pair<const char*, MakeTuple> patterns[] = {
    {"one client, ports in order",
     [](std::uint32_t i) {
       return FiveTuple{ipv4_plus(0xc6336400, i >> 16), ip("203.0.113.10"),
                        Port(static_cast<std::uint16_t>(i)), Port(80), Protocol::tcp};
     }},
    {"addresses in order, one port",
     [](std::uint32_t i) {
       return FiveTuple{ipv4_plus(0x0a000000, i), ip("203.0.113.10"), Port(40'000), Port(443),
                        Protocol::tcp};
     }},
    {"networks in order",
     [](std::uint32_t i) {
       return FiveTuple{ipv4_plus(0x01000001, i << 8), ip("203.0.113.10"), Port(40'000), Port(443),
                        Protocol::udp};
     }},
    {"even ports only",
     [](std::uint32_t i) {
       return FiveTuple{ipv4_plus(0xc6336400, i >> 15), ip("203.0.113.10"),
                        Port(static_cast<std::uint16_t>(2 * i)), Port(80), Protocol::tcp};
     }},
    {"IPv6 interface identifiers in order",
     [](std::uint32_t i) {
       return FiveTuple{ipv6_plus(i), ip("2001:db8::10"), Port(40'000), Port(443), Protocol::tcp};
     }},
    {"one IPv6 client, ports in order",
     [](std::uint32_t i) {
       return FiveTuple{ipv6_plus(i >> 16), ip("2001:db8::10"), Port(static_cast<std::uint16_t>(i)),
                        Port(443), Protocol::udp};
     }},
};

// Six standard deviations: a fair hash fails once in 10^9 runs, and a run is the same every time.
TEST(FlowHash, UpperHalfIsEvenOverSlots) {
  const SlotTable slots(std::vector<std::uint32_t>(bucket_count, 0));
  for (const auto& [name, tuple_of] : patterns)
    EXPECT_LT(std::abs(chi_square_deviations(
                  tuple_of, [&](std::uint64_t hash) { return slots.slot_of(hash); })),
              6)
        << name;
}

TEST(FlowHash, LowerHalfIsEven) {
  for (const auto& [name, tuple_of] : patterns)
    EXPECT_LT(std::abs(chi_square_deviations(
                  tuple_of, [](std::uint64_t hash) { return (hash & 0xffffffff) % bucket_count; })),
              6)
        << name;
}

// Each input bit flips each output bit about half the time.
TEST(FlowHash, Avalanches) {
  std::mt19937_64 random(15);
  constexpr int rounds = 2'000;
  for (unsigned input_bit = 0; input_bit < 32; ++input_bit) {
    std::array<int, 64> flips{};
    for (int i = 0; i < rounds; ++i) {
      FiveTuple tuple{test::random_address(random, Family::ipv4), ip("203.0.113.10"),
                      Port(static_cast<std::uint16_t>(random())), Port(80), Protocol::tcp};
      const std::uint64_t before = hash_flow(tuple, 7);
      tuple.source = ipv4_plus(tuple.source.ipv4().host() ^ 1U << input_bit, 0);
      const std::uint64_t changed = before ^ hash_flow(tuple, 7);
      for (std::size_t bit = 0; bit < 64; ++bit) flips[bit] += static_cast<int>(changed >> bit & 1);
    }
    for (const int count : flips) {
      EXPECT_GT(count, rounds * 4 / 10) << "input bit " << input_bit;
      EXPECT_LT(count, rounds * 6 / 10) << "input bit " << input_bit;
    }
  }
}

TEST(FlowHash, DependsOnEveryPartAndTheSeed) {
  const FiveTuple tuple{ip("198.51.100.7"), ip("203.0.113.10"), Port(40'000), Port(80),
                        Protocol::tcp};
  const std::uint64_t hash = hash_flow(tuple, 1);
  FiveTuple other = tuple;
  other.protocol = Protocol::udp;
  EXPECT_NE(hash_flow(other, 1), hash);
  other = tuple;
  other.destination = ip("203.0.113.11");
  EXPECT_NE(hash_flow(other, 1), hash);
  other = tuple;
  std::swap(other.source_port, other.destination_port);
  EXPECT_NE(hash_flow(other, 1), hash);
  EXPECT_NE(hash_flow(tuple, 2), hash);
}

// Other balancers of a cluster, and BPF, must get the same: these values are a contract.
TEST(FlowHash, IsFixedForever) {
  const FiveTuple v4{ip("198.51.100.7"), ip("203.0.113.10"), Port(40'000), Port(80), Protocol::tcp};
  const FiveTuple v6{ip("2001:db8:c::7"), ip("2001:db8::10"), Port(40'000), Port(80),
                     Protocol::udp};
  EXPECT_EQ(hash_flow(v4, 0), 0x3606c6539c264684ULL);
  EXPECT_EQ(hash_flow(v6, 42), 0x993f262cf426e756ULL);
  EXPECT_EQ(mix64(1), 0xb456bcfc34c2cb2cULL);  // MurmurHash3's fmix64
}

TEST(FiveTuple, IsWrittenAsPeopleWriteIt) {
  const FiveTuple v4{ip("192.0.2.1"), ip("203.0.113.10"), Port(1234), Port(80), Protocol::tcp};
  EXPECT_EQ(v4.text(), "tcp 192.0.2.1:1234 -> 203.0.113.10:80");
  const FiveTuple v6{ip("2001:db8::1"), ip("2001:db8::10"), Port(1), Port(53), Protocol::udp};
  EXPECT_EQ(v6.text(), "udp [2001:db8::1]:1 -> [2001:db8::10]:53");
}

}  // namespace
}  // namespace sluice
