#include "core/net/prefix_table.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace sluice {
namespace {

using Rule = PrefixTable::Rule;

Rule rule(std::string_view prefix, bool answer) { return {*Prefix::parse(prefix), answer}; }
Address ip(std::string_view text) { return *Address::parse(text); }

// What the table must say, found the slow way.
bool expected(const std::vector<Rule>& rules, bool otherwise, const Address& address) {
  int length = -1;
  bool out = otherwise;
  for (const Rule& candidate : rules) {
    if (!candidate.prefix.contains(address)) continue;
    if (candidate.prefix.length_bits < length) continue;
    out = candidate.prefix.length_bits == length ? out && candidate.answer : candidate.answer;
    length = candidate.prefix.length_bits;
  }
  return out;
}

TEST(PrefixTable, AnswersOtherwiseWhenEmpty) {
  for (const bool otherwise : {false, true}) {
    const PrefixTable table({}, otherwise);
    EXPECT_EQ(table.find(ip("192.0.2.1")), otherwise);
    EXPECT_EQ(table.find(ip("2001:db8::1")), otherwise);
    EXPECT_LT(table.memory_bytes(), 4'096U);
  }
}

TEST(PrefixTable, TheMostSpecificPrefixDecides) {
  const std::vector<Rule> rules = {
      rule("0.0.0.0/0", false),         rule("198.51.100.0/24", true),
      rule("198.51.100.128/25", false), rule("198.51.100.200/32", true),
      rule("2001:db8::/32", false),     rule("2001:db8:1::/48", true)};
  const PrefixTable table(rules, true);
  EXPECT_FALSE(table.find(ip("0.0.0.0")));
  EXPECT_FALSE(table.find(ip("255.255.255.255")));
  EXPECT_TRUE(table.find(ip("198.51.100.0")));
  EXPECT_TRUE(table.find(ip("198.51.100.127")));
  EXPECT_FALSE(table.find(ip("198.51.100.128")));
  EXPECT_TRUE(table.find(ip("198.51.100.200")));
  EXPECT_FALSE(table.find(ip("198.51.100.201")));
  EXPECT_FALSE(table.find(ip("198.51.101.0")));
  EXPECT_FALSE(table.find(ip("2001:db8:2::1")));
  EXPECT_TRUE(table.find(ip("2001:db8:1:ffff::1")));
  EXPECT_TRUE(table.find(ip("2001:db9::1")));
}

TEST(PrefixTable, OfTwoRulesForOnePrefixTheOneThatSaysFalseCounts) {
  const std::vector<Rule> one = {rule("192.0.2.0/24", false), rule("192.0.2.0/24", true)};
  const std::vector<Rule> other = {one[1], one[0]};
  EXPECT_FALSE(PrefixTable(one, true).find(ip("192.0.2.9")));
  EXPECT_FALSE(PrefixTable(other, true).find(ip("192.0.2.9")));
}

TEST(PrefixTable, EndsAtTheEndsOfTheAddressSpace) {
  const std::vector<Rule> rules = {rule("0.0.0.0/32", false), rule("255.255.255.255/32", false),
                                   rule("::/128", false),
                                   rule("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", false)};
  const PrefixTable table(rules, true);
  EXPECT_FALSE(table.find(ip("0.0.0.0")));
  EXPECT_TRUE(table.find(ip("0.0.0.1")));
  EXPECT_TRUE(table.find(ip("255.255.255.254")));
  EXPECT_FALSE(table.find(ip("255.255.255.255")));
  EXPECT_FALSE(table.find(ip("::")));
  EXPECT_TRUE(table.find(ip("::1")));
  EXPECT_FALSE(table.find(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
}

// Random prefixes, crowded into few bits or spread over all, and addresses at and beside their
// ends.
class Crowd {
 public:
  Crowd(std::uint64_t seed, Family family) : random_(seed), family_(family) {
    fixed_bits_ = static_cast<unsigned>(random_() % (width() - 8));
    base_ = any_address();
  }
  Address address() {
    const Prefix fixed{base_, static_cast<std::uint8_t>(fixed_bits_)};
    return mixed(fixed, any_address());
  }
  Prefix prefix() {
    const auto length =
        static_cast<std::uint8_t>(fixed_bits_ + random_() % (width() - fixed_bits_ + 1));
    return {mixed({address(), length}, zero()), length};
  }
  std::mt19937_64& random() { return random_; }

 private:
  [[nodiscard]] unsigned width() const { return family_ == Family::ipv4 ? 32 : 128; }
  [[nodiscard]] Address zero() const {
    return family_ == Family::ipv4 ? Address::from_ipv4({}) : Address();
  }
  Address any_address() {
    auto bytes = zero().bytes();
    for (std::size_t i = family_ == Family::ipv4 ? 12 : 0; i < 16; ++i)
      bytes[i] = static_cast<std::uint8_t>(random_());
    if (family_ == Family::ipv6) bytes[0] = 0x20;  // never mapped
    return Address::from_bytes(bytes);
  }
  // The prefix's bits, then those of `rest`.
  [[nodiscard]] Address mixed(const Prefix& prefix, const Address& rest) const {
    auto bytes = rest.bytes();
    const unsigned bits = prefix.length_bits + (family_ == Family::ipv4 ? 96U : 0U);
    for (unsigned bit = 0; bit < bits; ++bit) {
      const auto one = static_cast<std::uint8_t>(0x80U >> bit % 8);
      const bool set = (prefix.address.bytes()[bit / 8] & one) != 0;
      bytes[bit / 8] =
          static_cast<std::uint8_t>(set ? bytes[bit / 8] | one : bytes[bit / 8] & ~one);
    }
    return Address::from_bytes(bytes);
  }

  std::mt19937_64 random_;
  Family family_;
  unsigned fixed_bits_ = 0;
  Address base_;
};

Address next_to(const Address& address, int step) {
  auto bytes = address.bytes();
  for (std::size_t i = 16; i-- > 12;) {
    const int sum = bytes[i] + step;
    bytes[i] = static_cast<std::uint8_t>(sum);
    if (sum >= 0 && sum < 256) break;
  }
  return Address::from_bytes(bytes);
}

TEST(PrefixTable, AgreesWithASlowSearch) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const Family family = seed % 2 == 0 ? Family::ipv4 : Family::ipv6;
    Crowd crowd(seed, family);
    const std::size_t count = seed % 3 == 0 ? 700 : 1 + crowd.random()() % 60;
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < count; ++i)
      rules.push_back({crowd.prefix(), crowd.random()() % 3 == 0});
    const bool otherwise = seed % 5 == 0;
    const PrefixTable table(rules, otherwise);
    std::vector<Address> addresses;
    for (std::size_t i = 0; i < 300; ++i) addresses.push_back(crowd.address());
    for (std::size_t i = 0; i < 100; ++i) {
      const Address first = rules[i % count].prefix.address;
      addresses.insert(addresses.end(), {first, next_to(first, 1), next_to(first, -1)});
    }
    for (const Address& address : addresses)
      ASSERT_EQ(table.find(address), expected(rules, otherwise, address))
          << "seed " << seed << ": " << address.text();
  }
}

TEST(PrefixTable, TenThousandPrefixesOfEachFamilyTakeLittleMemory) {
  std::mt19937_64 random(7);
  std::vector<Rule> rules;
  for (int i = 0; i < 10'000; ++i) {
    const auto number = static_cast<std::uint32_t>(random());
    rules.push_back({{Address::from_ipv4(Be32::from_host(number & 0xffffff00)), 24}, false});
    auto bytes = ip("2001:db8::").bytes();
    for (std::size_t b = 4; b < 6; ++b) bytes[b] = static_cast<std::uint8_t>(random());
    rules.push_back({{Address::from_bytes(bytes), 48}, false});
  }
  EXPECT_LT(PrefixTable(rules, true).memory_bytes(), std::size_t{2} << 20);
}

}  // namespace
}  // namespace sluice
