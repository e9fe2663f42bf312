#include "core/net/toeplitz.h"

#include <gtest/gtest.h>

#include "tests/core/frames.h"

namespace sluice {
namespace {

// Microsoft, "Verifying the RSS Hash Calculation": source, destination, hash over addresses and
// ports.
struct Vector {
  const char* source;
  const char* destination;
  std::uint32_t hash;
};

void expect_vectors(std::span<const Vector> vectors) {
  const Toeplitz toeplitz;
  for (const Vector& vector : vectors) {
    const auto source = Endpoint::parse(vector.source);
    const auto destination = Endpoint::parse(vector.destination);
    ASSERT_TRUE(source && destination) << vector.source;
    const FiveTuple tuple{source->address, destination->address, source->port, destination->port,
                          Protocol::tcp};
    EXPECT_EQ(toeplitz.hash(tuple), vector.hash) << vector.source;
  }
}

TEST(Toeplitz, VerificationSuiteIpv4) {
  const Vector vectors[] = {
      {"66.9.149.187:2794", "161.142.100.80:1766", 0x51ccc178},
      {"199.92.111.2:14230", "65.69.140.83:4739", 0xc626b0ea},
      {"24.19.198.95:12898", "12.22.207.184:38024", 0x5c2b394a},
      {"38.27.205.30:48228", "209.142.163.6:2217", 0xafc7327f},
      {"153.39.163.191:44251", "202.188.127.2:1303", 0x10e828a2},
  };
  expect_vectors(vectors);
}

TEST(Toeplitz, VerificationSuiteIpv6) {
  const Vector vectors[] = {
      {"[3ffe:2501:200:1fff::7]:2794", "[3ffe:2501:200:3::1]:1766", 0x40207d3d},
      {"[3ffe:501:8::260:97ff:fe40:efab]:14230", "[ff02::1]:4739", 0xdde51bbf},
      {"[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251", "[fe80::200:f8ff:fe21:67cf]:38024",
       0x02d1feef},
  };
  expect_vectors(vectors);
}

// The definition, a bit at a time, with any key.
std::uint32_t hash_by_definition(const std::array<std::uint8_t, 40>& key,
                                 const test::Bytes& input) {
  std::uint32_t hash = 0;
  for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
    if ((input[bit / 8] >> (7 - bit % 8) & 1) == 0) continue;
    std::uint32_t window = 0;
    for (std::size_t i = bit; i < bit + 32; ++i)
      window = window << 1 | (i / 8 < key.size() ? key[i / 8] >> (7 - i % 8) & 1U : 0U);
    hash ^= window;
  }
  return hash;
}

TEST(Toeplitz, AnyKeyAgreesWithTheDefinition) {
  std::mt19937_64 random(8);
  for (int i = 0; i < 50; ++i) {
    std::array<std::uint8_t, 40> key{};
    for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random());
    const Family family = i % 2 == 0 ? Family::ipv4 : Family::ipv6;
    const FiveTuple tuple{test::random_address(random, family),
                          test::random_address(random, family),
                          Port(static_cast<std::uint16_t>(random())),
                          Port(static_cast<std::uint16_t>(random())), Protocol::udp};
    test::Bytes input;
    const long skip = family == Family::ipv4 ? 12 : 0;
    for (const Address& address : {tuple.source, tuple.destination})
      input.insert(input.end(), address.bytes().begin() + skip, address.bytes().end());
    for (const Port port : {tuple.source_port, tuple.destination_port}) {
      input.push_back(static_cast<std::uint8_t>(port.value() >> 8));
      input.push_back(static_cast<std::uint8_t>(port.value()));
    }
    EXPECT_EQ(Toeplitz(key).hash(tuple), hash_by_definition(key, input));
  }
}

}  // namespace
}  // namespace sluice
