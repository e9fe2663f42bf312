#include "core/balance/turns.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <vector>

namespace sluice {
namespace {

constexpr std::uint32_t turns_max = 65'536;

std::vector<SlotCandidate> candidates_of(std::initializer_list<std::uint32_t> weights) {
  std::vector<SlotCandidate> out;
  for (const std::uint32_t weight : weights) {
    const auto number = static_cast<std::uint32_t>(out.size());
    out.push_back({"web" + std::to_string(number), weight, number});
  }
  return out;
}

std::vector<std::uint32_t> round_of(std::initializer_list<std::uint32_t> weights) {
  const SlotTable table = build_turns(candidates_of(weights), turns_max);
  return {table.owners().begin(), table.owners().end()};
}

TEST(Turns, EachHasAsManyAsItsWeightSays) {
  EXPECT_EQ(round_of({1, 1, 1}), (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(round_of({10, 10, 20}).size(), 4U) << "divided by what divides them all";
  EXPECT_EQ(round_of({2, 0, 2}), (std::vector<std::uint32_t>{0, 2}));
  EXPECT_TRUE(round_of({0, 0}).empty());
  EXPECT_TRUE(round_of({}).empty());
}

TEST(Turns, AreSpreadOverTheRound) {
  EXPECT_EQ(round_of({4, 2, 1}), (std::vector<std::uint32_t>{0, 1, 0, 2, 0, 1, 0}));
  EXPECT_EQ(round_of({5, 1, 1}), (std::vector<std::uint32_t>{0, 0, 0, 1, 2, 0, 0}));
}

// In any stretch of the round a candidate is never two turns away from its share or more.
TEST(Turns, NoStretchIsUnfair) {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<SlotCandidate> candidates;
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < 1 + random() % 12; ++i) {
      candidates.push_back(
          {"web" + std::to_string(i), 1 + static_cast<std::uint32_t>(random()) % 30, i});
      total += candidates.back().weight;
    }
    const SlotTable table = build_turns(candidates, turns_max);
    std::map<std::uint32_t, double> got;
    for (std::uint32_t turn = 0; turn < table.size(); ++turn) {
      ++got[table.owner(turn)];
      for (const SlotCandidate& candidate : candidates) {
        const double due = (turn + 1.0) * candidate.weight / static_cast<double>(total);
        ASSERT_LT(std::abs(got[candidate.number] - due), 2.0);
      }
    }
  }
}

TEST(Turns, OrderOfTheListDoesNotMatter) {
  std::vector<SlotCandidate> candidates = candidates_of({3, 7, 7, 1, 12});
  const SlotTable first = build_turns(candidates, turns_max);
  std::mt19937_64 random(6);
  for (int i = 0; i < 10; ++i) {
    std::ranges::shuffle(candidates, random);
    EXPECT_TRUE(std::ranges::equal(first.owners(), build_turns(candidates, turns_max).owners()));
  }
}

TEST(Turns, ALongRoundIsScaledDownAndForgetsNobody) {
  std::vector<SlotCandidate> candidates;
  for (std::uint32_t i = 0; i < 1'000; ++i)
    candidates.push_back({"web" + std::to_string(i), i == 0 ? 1 : 997U + i % 4, i});
  const SlotTable table = build_turns(candidates, turns_max);
  EXPECT_LE(table.size(), turns_max + candidates.size());
  std::map<std::uint32_t, std::uint32_t> counts;
  for (const std::uint32_t owner : table.owners()) ++counts[owner];
  EXPECT_EQ(counts.size(), candidates.size());
  EXPECT_EQ(counts[0], 1U);
  EXPECT_NEAR(counts[1], turns_max / 1'000.0, 1.0);
}

}  // namespace
}  // namespace sluice
