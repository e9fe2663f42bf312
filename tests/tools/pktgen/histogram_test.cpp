#include "tools/pktgen/histogram.h"

#include <gtest/gtest.h>
#include <memory>

namespace sluice::pktgen {
namespace {

TEST(Histogram, BucketsFollowOneAnotherWithoutGap) {
  std::uint64_t lowest = 0;
  for (std::size_t bucket = 0; lowest <= Histogram::value_max; ++bucket) {
    const std::uint64_t highest = Histogram::highest_of(bucket);
    ASSERT_EQ(Histogram::bucket_of(lowest), bucket);
    ASSERT_EQ(Histogram::bucket_of(highest), bucket);
    ASSERT_LE((highest - lowest) * 128, lowest) << "wider than a 128th";
    lowest = highest + 1;
  }
  EXPECT_EQ(lowest, Histogram::value_max + 1);
}

TEST(Histogram, PercentilesAreThoseOfTheValues) {
  const auto histogram = std::make_unique<Histogram>();
  for (std::uint64_t value = 1; value <= 100'000; ++value) histogram->record(value);
  EXPECT_EQ(histogram->count(), 100'000U);
  EXPECT_EQ(histogram->min_ns(), 1U);
  EXPECT_EQ(histogram->max_ns(), 100'000U);
  EXPECT_DOUBLE_EQ(histogram->mean_ns(), 50'000.5);
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9}) {
    const double exact = percent * 1'000;
    EXPECT_GE(static_cast<double>(histogram->percentile_ns(percent)), exact);
    EXPECT_LE(static_cast<double>(histogram->percentile_ns(percent)), exact * 129 / 128 + 1);
  }
  EXPECT_EQ(histogram->percentile_ns(100), 100'000U);
}

TEST(Histogram, WithoutValuesAllIsZero) {
  const auto histogram = std::make_unique<Histogram>();
  EXPECT_EQ(histogram->percentile_ns(50), 0U);
  EXPECT_EQ(histogram->min_ns(), 0U);
  EXPECT_EQ(histogram->max_ns(), 0U);
  EXPECT_EQ(histogram->mean_ns(), 0);
}

TEST(Histogram, TheLongestCountAsTheLongest) {
  const auto histogram = std::make_unique<Histogram>();
  histogram->record(~std::uint64_t{0});
  EXPECT_EQ(histogram->max_ns(), Histogram::value_max);
  EXPECT_EQ(histogram->percentile_ns(50), Histogram::value_max);
}

}  // namespace
}  // namespace sluice::pktgen
