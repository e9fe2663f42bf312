#include "tools/pktgen/rate_search.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace sluice::pktgen {
namespace {

// A device that loses what is above its capacity, and a sender with a limit of its own.
struct Bench {
  std::uint64_t capacity_pps = 0;
  std::uint64_t sender_pps = 0;
  int trials = 0;

  std::optional<std::uint64_t> run(RateSearch search) {
    while (!search.is_done()) {
      ++trials;
      const std::uint64_t offered = std::min(search.next().value_or(sender_pps), sender_pps);
      const std::uint64_t through = std::min(offered, capacity_pps);
      (void)search.record({.offered_pps = offered, .sent = offered, .lost = offered - through});
    }
    return search.best_pps();
  }
};

TEST(RateSearch, FindsTheCapacity) {
  for (const std::uint64_t capacity : {1'000ULL, 777'777ULL, 3'000'000ULL, 9'900'000ULL}) {
    Bench bench{capacity, 10'000'000};
    const auto best = bench.run(RateSearch({}));
    ASSERT_TRUE(best);
    EXPECT_LE(*best, capacity);
    EXPECT_GE(*best, capacity - capacity / 50);
    EXPECT_LE(bench.trials, 25);
  }
}

TEST(RateSearch, ADeviceThatKeepsUpNeedsOneTrial) {
  Bench bench{20'000'000, 10'000'000};
  EXPECT_EQ(bench.run(RateSearch({})), 10'000'000U);
  EXPECT_EQ(bench.trials, 1);
  EXPECT_EQ(bench.run(RateSearch({.highest = 5'000})), 5'000U);
}

TEST(RateSearch, TheHighestRateBoundsIt) {
  Bench bench{50'000, 10'000'000};
  const auto best = bench.run(RateSearch({.highest = 80'000}));
  ASSERT_TRUE(best);
  EXPECT_NEAR(static_cast<double>(*best), 50'000, 1'000);
}

TEST(RateSearch, AllowedLossCounts) {
  Bench bench{900'000, 1'000'000};
  EXPECT_EQ(bench.run(RateSearch({.loss_ppm = 100'000})), 1'000'000U);
  Bench strict{900'000, 1'000'000};
  EXPECT_LT(*strict.run(RateSearch({.loss_ppm = 50'000})), 960'000U);
}

TEST(RateSearch, ResolutionDecidesHowLong) {
  Bench coarse{333'333, 1'000'000};
  Bench fine{333'333, 1'000'000};
  (void)coarse.run(RateSearch({.resolution_ppm = 100'000}));
  const auto best = fine.run(RateSearch({.resolution_ppm = 100}));
  EXPECT_LT(coarse.trials, fine.trials);
  EXPECT_NEAR(static_cast<double>(*best), 333'333, 40);
}

TEST(RateSearch, WhenNothingPassesThereIsNoResult) {
  Bench bench{0, 1'000'000};
  EXPECT_EQ(bench.run(RateSearch({})), std::nullopt);
  EXPECT_LE(bench.trials, RateSearch::trials_max);
}

// A sender that is held up now and then offers less than it was asked for.
TEST(RateSearch, AHeldUpSenderDoesNotDragTheResultDown) {
  RateSearch search({});
  std::uint64_t number = 0;
  int trials = 0;
  while (!search.is_done()) {
    const std::uint64_t asked = search.next().value_or(2'000'000);
    const std::uint64_t offered = asked * (70 + ++number * 13 % 30) / 100;
    const std::uint64_t lost = offered > 1'000'000 ? offered - 1'000'000 : 0;
    (void)search.record({.offered_pps = offered, .sent = offered, .lost = lost});
    ASSERT_LE(++trials, RateSearch::trials_max);
  }
  EXPECT_GE(*search.best_pps(), 900'000U);
  EXPECT_LE(*search.best_pps(), 1'000'000U);
}

// Fits neither what it loses nor how fast it sends into any order.
TEST(RateSearch, EndsWhateverIsSeen) {
  std::uint64_t state = 1;
  for (int run = 0; run < 1'000; ++run) {
    RateSearch search({});
    int trials = 0;
    while (!search.is_done()) {
      state = state * 6'364'136'223'846'793'005 + 1;
      (void)search.record({.offered_pps = state >> 40, .sent = state >> 44, .lost = state >> 50});
      ASSERT_LE(++trials, RateSearch::trials_max);
    }
  }
}

}  // namespace
}  // namespace sluice::pktgen
