#include "core/limit/token_bucket.h"

#include <gtest/gtest.h>
#include <random>

namespace sluice {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

unsigned taken(TokenBucket& bucket, std::uint64_t now_ns, unsigned tries) {
  unsigned out = 0;
  for (unsigned i = 0; i < tries; ++i) out += bucket.take(now_ns) ? 1 : 0;
  return out;
}

TEST(TokenBucket, StartsFullAndEndsEmpty) {
  TokenBucket bucket(100, 10);
  EXPECT_EQ(taken(bucket, 5 * second, 100), 10U);
}

TEST(TokenBucket, RefillsAtItsRate) {
  TokenBucket bucket(100, 10);
  (void)taken(bucket, second, 100);
  EXPECT_EQ(taken(bucket, second + 9'999'999, 100), 0U) << "just before the first new token";
  EXPECT_EQ(taken(bucket, second + 10'000'000, 100), 1U);
  EXPECT_EQ(taken(bucket, second + 60'000'000, 100), 5U);
}

TEST(TokenBucket, NeverHoldsMoreThanItsBurst) {
  TokenBucket bucket(100, 10);
  (void)taken(bucket, second, 100);
  EXPECT_EQ(taken(bucket, 1'000 * second, 100), 10U);
  EXPECT_EQ(taken(bucket, ~std::uint64_t{0}, 100), 10U) << "the end of the clock";
}

TEST(TokenBucket, AClockThatStandsOrGoesBackGivesNothing) {
  TokenBucket bucket(100, 10);
  (void)taken(bucket, 5 * second, 100);
  EXPECT_EQ(taken(bucket, 5 * second, 100), 0U);
  EXPECT_EQ(taken(bucket, 1 * second, 100), 0U);
  EXPECT_EQ(taken(bucket, 5 * second, 100), 0U) << "going back must not be paid for twice";
}

TEST(TokenBucket, LongRunIsTheRate) {
  TokenBucket bucket(1'000, 100);
  std::mt19937_64 random(19);
  std::uint64_t now = second;
  unsigned total = 0;
  while (now < 11 * second) {
    total += taken(bucket, now, 3);
    now += random() % 1'000'000;
  }
  EXPECT_NEAR(total, 10'000 + 100, 10);
}

TEST(TokenBucket, ZeroBurstNeverGives) {
  TokenBucket bucket(100, 0);
  EXPECT_EQ(taken(bucket, second, 10), 0U);
  EXPECT_EQ(taken(bucket, 100 * second, 10), 0U);
}

TEST(TokenBucket, RateZeroIsOneASecondNotADivisionByZero) {
  TokenBucket bucket(0, 1);
  EXPECT_EQ(taken(bucket, second, 10), 1U);
  EXPECT_EQ(taken(bucket, 2 * second, 10), 1U);
}

}  // namespace
}  // namespace sluice
