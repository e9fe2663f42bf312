#include "core/balance/maglev.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>

namespace sluice {
namespace {

std::vector<MaglevBackend> backends_of(std::initializer_list<std::uint32_t> weights) {
  std::vector<MaglevBackend> out;
  for (const std::uint32_t weight : weights) {
    const auto number = static_cast<std::uint32_t>(out.size());
    out.push_back({"web" + std::to_string(number), weight, number});
  }
  return out;
}

std::vector<MaglevBackend> equal_backends(std::uint32_t count) {
  std::vector<MaglevBackend> out;
  for (std::uint32_t i = 0; i < count; ++i) out.push_back({"web" + std::to_string(i), 1, i});
  return out;
}

std::map<std::uint32_t, std::uint32_t> shares(const SlotTable& table) {
  std::map<std::uint32_t, std::uint32_t> out;
  for (const std::uint32_t owner : table.owners()) ++out[owner];
  return out;
}

std::uint32_t slots_that_differ(const SlotTable& a, const SlotTable& b) {
  std::uint32_t out = 0;
  for (std::uint32_t slot = 0; slot < a.size(); ++slot)
    if (a.owner(slot) != b.owner(slot)) ++out;
  return out;
}

TEST(Maglev, EverySlotHasAnOwnerThatIsListed) {
  for (const std::uint32_t slot_count : {1U, 2U, 3U, 251U, 1'021U, 65'537U})
    for (const std::uint32_t count : {1U, 2U, 3U, 7U, 100U}) {
      const SlotTable table = build_maglev(equal_backends(count), slot_count);
      ASSERT_EQ(table.size(), slot_count);
      for (const std::uint32_t owner : table.owners()) ASSERT_LT(owner, count);
    }
}

TEST(Maglev, OrderAndNumbersOfTheListDoNotMatter) {
  std::vector<MaglevBackend> backends = backends_of({1, 5, 2, 2, 10, 1, 7});
  const SlotTable first = build_maglev(backends, 1'021);
  std::mt19937_64 random(18);
  for (int i = 0; i < 20; ++i) {
    std::ranges::shuffle(backends, random);
    EXPECT_EQ(slots_that_differ(first, build_maglev(backends, 1'021)), 0U);
  }
  for (MaglevBackend& backend : backends) backend.number += 1'000;
  const SlotTable renumbered = build_maglev(backends, 1'021);
  for (std::uint32_t slot = 0; slot < first.size(); ++slot)
    ASSERT_EQ(renumbered.owner(slot), first.owner(slot) + 1'000);
}

TEST(Maglev, EqualBackendsGetEqualShares) {
  for (const std::uint32_t count : {2U, 3U, 10U, 100U, 650U}) {
    const auto owned = shares(build_maglev(equal_backends(count), 65'537));
    ASSERT_EQ(owned.size(), count);
    const auto [least, most] =
        std::ranges::minmax_element(owned, {}, [](const auto& share) { return share.second; });
    // Everybody takes one turn a round, so they differ by the last, unfinished round only.
    EXPECT_LE(most->second - least->second, 1U) << count << " backends";
  }
}

// "Best balance": the largest share over the smallest is what one turn more makes it.
TEST(Maglev, BothDocumentedSizesBalanceAsFinelyAsTheirSlotsAllow) {
  for (const std::uint32_t slot_count : {65'537U, 655'373U}) {
    ASSERT_TRUE(is_prime(slot_count));
    for (const std::uint32_t count : {3U, 100U, 1'000U}) {
      const auto owned = shares(build_maglev(equal_backends(count), slot_count));
      ASSERT_EQ(owned.size(), count);
      const auto [least, most] =
          std::ranges::minmax_element(owned, {}, [](const auto& share) { return share.second; });
      EXPECT_LE(most->second * 1.0 / least->second, 1.0 + 1.01 * count / slot_count)
          << count << " backends, " << slot_count << " slots";
    }
  }
}

TEST(Maglev, SharesFollowTheWeights) {
  const std::initializer_list<std::uint32_t> mixes[] = {
      {1, 2}, {1, 2, 3, 4}, {10, 10, 1}, {1'000, 1}, {7, 7, 7, 100}, {3, 999, 500, 500, 1}};
  for (const auto& weights : mixes) {
    const std::vector<MaglevBackend> backends = backends_of(weights);
    const auto owned = shares(build_maglev(backends, 65'537));
    double total = 0;
    for (const MaglevBackend& backend : backends) total += backend.weight;
    for (const MaglevBackend& backend : backends) {
      const double wanted = 65'537 * backend.weight / total;
      const double got = owned.contains(backend.number) ? owned.at(backend.number) : 0;
      EXPECT_NEAR(got, wanted, wanted * 0.01 + 2) << "weight " << backend.weight << " of " << total;
    }
  }
}

TEST(Maglev, WeightZeroTakesNoSlotAndChangesNothing) {
  const SlotTable with = build_maglev(backends_of({1, 1, 0}), 1'021);
  const SlotTable without = build_maglev(backends_of({1, 1}), 1'021);
  EXPECT_EQ(slots_that_differ(with, without), 0U);
  EXPECT_TRUE(build_maglev(backends_of({0, 0}), 1'021).empty());
  EXPECT_TRUE(build_maglev({}, 1'021).empty());
}

// The paper's figure: slots that move although their owner is still there are few when the table is
// a hundred times larger than the number of backends.
TEST(Maglev, RemovalMovesLittleMoreThanItMust) {
  constexpr std::uint32_t slot_count = 65'537;
  for (const std::uint32_t count : {3U, 10U, 100U, 500U}) {
    const std::vector<MaglevBackend> all = equal_backends(count);
    const SlotTable before = build_maglev(all, slot_count);
    for (const std::uint32_t gone : {0U, count / 2, count - 1}) {
      std::vector<MaglevBackend> rest = all;
      rest.erase(rest.begin() + gone);
      const SlotTable after = build_maglev(rest, slot_count);
      std::uint32_t needless = 0;
      for (std::uint32_t slot = 0; slot < slot_count; ++slot)
        if (before.owner(slot) != gone && before.owner(slot) != after.owner(slot)) ++needless;
      EXPECT_LT(needless, slot_count * 3 / 100) << "without " << gone << " of " << count;
    }
  }
}

TEST(Maglev, AdditionTakesSlotsForTheNewcomer) {
  constexpr std::uint32_t slot_count = 65'537;
  const SlotTable before = build_maglev(equal_backends(10), slot_count);
  const SlotTable after = build_maglev(equal_backends(11), slot_count);
  const std::uint32_t moved = slots_that_differ(before, after);
  EXPECT_GE(moved, slot_count / 11);
  EXPECT_LT(moved, slot_count / 11 + slot_count * 3 / 100);
}

TEST(Maglev, ComesBackToTheSameTable) {
  std::vector<MaglevBackend> backends = equal_backends(20);
  const SlotTable before = build_maglev(backends, 1'021);
  const MaglevBackend gone = backends.back();
  backends.pop_back();
  EXPECT_NE(slots_that_differ(before, build_maglev(backends, 1'021)), 0U);
  backends.insert(backends.begin(), gone);
  EXPECT_EQ(slots_that_differ(before, build_maglev(backends, 1'021)), 0U);
}

TEST(SlotTable, EveryHashHasASlotAndEverySlotAHash) {
  const SlotTable table(std::vector<std::uint32_t>(251, 0));
  EXPECT_EQ(table.slot_of(0), 0U);
  EXPECT_EQ(table.slot_of(~std::uint64_t{0}), 250U);
  EXPECT_EQ(table.slot_of(0xffffffff), 0U) << "the lower half must not matter";
  for (std::uint32_t slot = 0; slot < 251; ++slot) {
    const std::uint64_t upper = (static_cast<std::uint64_t>(slot) << 32) / 251 + 1;
    EXPECT_EQ(table.slot_of(upper << 32), slot);
  }
}

TEST(IsPrime, AgreesWithTheSieve) {
  constexpr std::uint32_t limit = 20'000;
  std::vector<bool> composite(limit);
  for (std::uint32_t i = 2; i < limit; ++i) {
    EXPECT_EQ(is_prime(i), !composite[i]) << i;
    for (std::uint32_t multiple = 2 * i; multiple < limit; multiple += i)
      composite[multiple] = true;
  }
  EXPECT_FALSE(is_prime(0));
  EXPECT_FALSE(is_prime(1));
  EXPECT_TRUE(is_prime(65'537));
  EXPECT_TRUE(is_prime(16'777'259));
  EXPECT_TRUE(is_prime(4'294'967'291U)) << "the largest of 32 bits";
  EXPECT_FALSE(is_prime(4'294'836'225U)) << "65535 squared";
}

}  // namespace
}  // namespace sluice
