#include "core/limit/source_table.h"

#include <gtest/gtest.h>
#include <map>
#include <random>
#include <vector>

namespace sluice {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

Address ip(std::string_view text) { return *Address::parse(text); }

SourceRules rules_of(std::uint64_t service, std::uint8_t netmask6 = 64,
                     std::uint32_t connections_max = 0) {
  SourceRules out;
  out.key = service;
  out.netmask6 = netmask6;
  out.connections_max = connections_max;
  return out;
}

Address numbered(std::uint32_t number) { return Address::from_ipv4(Be32::from_host(number)); }

struct Table {
  explicit Table(std::size_t buckets) : memory(buckets), table(memory, 0x5eed) {}
  SourceTable::Row* row(std::uint64_t tag, std::uint64_t now_ns) {
    evicted = false;
    return table.row_of(tag, now_ns, evicted);
  }
  std::vector<SourceTable::Bucket> memory;
  SourceTable table;
  bool evicted = false;
};

TEST(Rate, AllowsABurstThenTheRate) {
  const Rate rate = Rate::of(10, 5);
  std::uint64_t full_at = 0;
  const auto take = [&](std::uint64_t now_ns) {
    if (!rate.may_take(full_at, now_ns)) return false;
    rate.take(full_at, now_ns);
    return true;
  };
  const std::uint64_t start = 1'000 * second;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(take(start));
  EXPECT_FALSE(take(start));
  EXPECT_FALSE(take(start + second / 10 - 1));
  EXPECT_TRUE(take(start + second / 10));
  int taken = 0;
  for (std::uint64_t t = start + second; t < start + 11 * second; t += second / 1'000)
    taken += take(t) ? 1 : 0;
  EXPECT_NEAR(taken, 100 + 5, 1) << "ten seconds, and what a full bucket has at first";
}

TEST(Rate, IsAsManyAtOnceAsInASecondWhenNoBurstIsGiven) {
  EXPECT_EQ(Rate::of(10, 0).burst_ns, second);
  EXPECT_FALSE(Rate::of(0, 0).is_limited());
  std::uint64_t full_at = 0;
  const Rate one = Rate::of(1, 0);
  EXPECT_TRUE(one.may_take(full_at, second));
  one.take(full_at, second);
  EXPECT_FALSE(one.may_take(full_at, 2 * second - 1));
}

TEST(SourceTable, TakesIpv6ClientsOfOnePrefixForOne) {
  const Table t(16);
  const SourceRules rules = rules_of(1);
  const SourceRules narrow = rules_of(1, 128);
  const SourceRules other = rules_of(2);
  const Address a = ip("2001:db8::1");
  const Address b = ip("2001:db8::ffff:1");
  const Address c = ip("2001:db8:0:1::1");
  EXPECT_EQ(t.table.tag_of(rules, a), t.table.tag_of(rules, b));
  EXPECT_NE(t.table.tag_of(rules, a), t.table.tag_of(rules, c));
  EXPECT_NE(t.table.tag_of(narrow, a), t.table.tag_of(narrow, b));
  EXPECT_NE(t.table.tag_of(rules, a), t.table.tag_of(other, a)) << "another service";
  EXPECT_NE(t.table.tag_of(rules, ip("192.0.2.1")), t.table.tag_of(rules, ip("192.0.2.2")));
}

TEST(SourceTable, TheClientSeenLongestAgoGivesWay) {
  Table t(1);
  for (std::uint64_t tag = 1; tag <= 4; ++tag)
    EXPECT_NE(t.row(tag, (1'000 + tag) * second), nullptr);
  EXPECT_FALSE(t.evicted);
  EXPECT_NE(t.row(1, 1'010 * second), nullptr) << "seen again";
  EXPECT_NE(t.row(5, 1'011 * second), nullptr);
  EXPECT_TRUE(t.evicted);
  EXPECT_EQ(t.table.find(2), nullptr) << "the one that was not seen for longest";
  EXPECT_NE(t.table.find(1), nullptr);
}

TEST(SourceTable, ClientsWithOpenConnectionsStayAndNewcomersAreNotTracked) {
  Table t(1);
  const SourceRules rules = rules_of(1, 64, 10);
  for (std::uint64_t tag = 1; tag <= 4; ++tag)
    t.table.connected(*t.row(tag, second), rules, second);
  EXPECT_EQ(t.row(5, 100'000 * second), nullptr) << "however long ago they were seen";
  t.table.disconnected(3, t.table.epoch());
  EXPECT_NE(t.row(5, 100'000 * second), nullptr);
  EXPECT_EQ(t.table.find(3), nullptr);
}

TEST(SourceTable, ANewEpochForgetsWhatIsOpen) {
  Table t(1);
  const SourceRules rules = rules_of(1, 64, 1);
  t.table.begin_epoch(7);
  const std::uint8_t before = t.table.epoch();
  t.table.connected(*t.row(1, second), rules, second);
  EXPECT_FALSE(t.table.may_connect(*t.table.find(1), rules, second));
  t.table.begin_epoch(7);
  EXPECT_FALSE(t.table.may_connect(*t.table.find(1), rules, second)) << "the same";
  t.table.begin_epoch(8);
  EXPECT_TRUE(t.table.may_connect(*t.table.find(1), rules, second));
  t.table.connected(*t.table.find(1), rules, second);
  t.table.disconnected(1, before);
  EXPECT_EQ(t.table.connections_of(*t.table.find(1)), 1U) << "that was another epoch's";
  for (std::uint64_t signature = 9; signature < 600; ++signature) {
    t.table.begin_epoch(signature);
    ASSERT_NE(t.table.epoch(), 0);
    ASSERT_LT(t.table.epoch(), 128);
  }
}

// Random clients that come and go, beside a model that never forgets anything.
TEST(SourceTable, CountsAsAModelDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    Table t(64);
    const SourceRules rules = rules_of(seed, 64, 5);
    std::map<std::uint64_t, std::uint32_t> model;
    std::vector<std::uint64_t> open;  // the tag of each connection
    for (int i = 0; i < 20'000; ++i) {
      const std::uint64_t now = second + static_cast<std::uint64_t>(i) * 1'000'000;
      if (random() % 2 == 0 && !open.empty()) {
        std::swap(open[random() % open.size()], open.back());
        t.table.disconnected(open.back(), t.table.epoch());
        --model[open.back()];
        open.pop_back();
        continue;
      }
      const std::uint64_t tag =
          t.table.tag_of(rules, numbered(static_cast<std::uint32_t>(random() % 300)));
      SourceTable::Row* row = t.row(tag, now);
      if (row == nullptr) continue;
      ASSERT_EQ(t.table.connections_of(*row), model[tag]) << "seed " << seed << " step " << i;
      ASSERT_EQ(t.table.may_connect(*row, rules, now), model[tag] < 5);
      if (model[tag] >= 5) continue;
      t.table.connected(*row, rules, now);
      ++model[tag];
      open.push_back(tag);
    }
    std::size_t pinned = 0;
    for (std::size_t b = 0; b < 64; ++b) pinned += t.table.used_in(b, 1'000'000 * second);
    std::size_t expected = 0;
    for (const auto& [tag, count] : model) expected += count > 0 ? 1 : 0;
    EXPECT_EQ(pinned, expected);
  }
}

}  // namespace
}  // namespace sluice
