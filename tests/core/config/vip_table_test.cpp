#include "core/config/vip_table.h"

#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "tests/core/frames.h"

namespace sluice {
namespace {

using test::ip;

TEST(VipTable, EmptyFindsNothing) {
  const VipTable empty;
  EXPECT_EQ(empty.find(ip("203.0.113.10"), Be16::from_host(80), Protocol::tcp), nullptr);
  EXPECT_EQ(empty.find(ip("203.0.113.10")), nullptr);
  const VipTable built({}, {});
  EXPECT_EQ(built.find(ip("::"), {}, {}), nullptr);
  EXPECT_EQ(built.find(ip("::")), nullptr);
}

TEST(VipTable, FindsWhatAMapFindsAndNothingElse) {
  std::mt19937_64 random(20);
  for (const std::size_t count : {1, 2, 3, 7, 8, 100, 8'192}) {
    std::map<std::tuple<Address, std::uint16_t, Protocol>, std::uint16_t> model;
    std::vector<VipTable::Listener> listeners;
    std::vector<OwnAddress> addresses;
    for (std::size_t i = 0; i < count; ++i) {
      // Few addresses with many ports, in order: what a real configuration looks like.
      const Address vip = Address::from_ipv4(Be32::from_host(0xcb007100 + i % 16));
      const auto port = static_cast<std::uint16_t>(i / 16 + 1);
      const Protocol protocol = i % 3 == 0 ? Protocol::udp : Protocol::tcp;
      model[{vip, port, protocol}] = static_cast<std::uint16_t>(i);
      listeners.push_back({.vip = vip,
                           .port = Be16::from_host(port),
                           .protocol = protocol,
                           .id = static_cast<std::uint16_t>(i)});
      if (i < 16) addresses.push_back({.address = vip, .is_vip = true});
    }
    const VipTable table(listeners, addresses);
    for (const auto& [key, id] : model) {
      const auto& [vip, port, protocol] = key;
      const auto* found = table.find(vip, Be16::from_host(port), protocol);
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(found->id, id);
      ASSERT_NE(table.find(vip), nullptr);
    }
    for (int i = 0; i < 2'000; ++i) {
      const Address vip = Address::from_ipv4(Be32::from_host(0xcb007100 + random() % 32));
      const auto port = static_cast<std::uint16_t>(random() % 600);
      const Protocol protocol = random() % 2 == 0 ? Protocol::udp : Protocol::tcp;
      EXPECT_EQ(table.find(vip, Be16::from_host(port), protocol) != nullptr,
                model.contains({vip, port, protocol}));
    }
  }
}

TEST(VipTable, KnowsVipsAndSources) {
  const VipTable table({}, {{.address = ip("203.0.113.10"), .is_vip = true},
                            {.address = ip("10.0.1.253"), .source_index = 7}});
  EXPECT_TRUE(table.find(ip("203.0.113.10"))->is_vip);
  EXPECT_EQ(table.find(ip("203.0.113.10"))->source_index, OwnAddress::no_source);
  EXPECT_FALSE(table.find(ip("10.0.1.253"))->is_vip);
  EXPECT_EQ(table.find(ip("10.0.1.253"))->source_index, 7);
  EXPECT_EQ(table.find(ip("10.0.1.254")), nullptr);
}

// Neighbours in any byte of the address: a thousand of them among 4,096 places. By chance they
// would fill 887 of those.
TEST(VipTable, NeighboursDoNotCrowd) {
  const auto text_of = [](unsigned pattern, unsigned i) {
    const std::string high = std::to_string(i / 250);
    const std::string low = std::to_string(i % 250);
    switch (pattern) {
      case 0:
        return "198.18." + high + '.' + low;
      case 1:
        return "198." + low + '.' + high + ".1";
      case 2:
        return std::to_string(i % 200 + 1) + '.' + std::to_string(i / 200) + ".0.1";
      case 3:
        return "2001:db8::" + std::to_string(i);
      case 4:
        return "2001:db8:0:" + std::to_string(i) + "::1";
      default:
        return "2001:db8:0:1:" + std::to_string(i) + "::1";
    }
  };
  for (unsigned pattern = 0; pattern < 6; ++pattern) {
    std::set<std::size_t> places;
    for (unsigned i = 0; i < 1'000; ++i)
      places.insert(VipTable::hash(test::ip(text_of(pattern, i)), Port(443).be(), Protocol::tcp) %
                    4'096);
    EXPECT_GT(places.size(), 700U) << "pattern " << pattern;
  }
}

}  // namespace
}  // namespace sluice
