#include "tools/pktgen/quantity.h"

#include <gtest/gtest.h>

namespace sluice::pktgen {
namespace {

using std::chrono::nanoseconds;

TEST(Quantity, CountsHaveThousandsMillionsAndMore) {
  EXPECT_EQ(parse_count("0"), 0U);
  EXPECT_EQ(parse_count("1000"), 1'000U);
  EXPECT_EQ(parse_count("64k"), 64'000U);
  EXPECT_EQ(parse_count("1.5M"), 1'500'000U);
  EXPECT_EQ(parse_count("14.88M"), 14'880'000U);
  EXPECT_EQ(parse_count("10G"), 10'000'000'000U);
}

TEST(Quantity, CountsThatAreNoneAreRefused) {
  for (const char* text : {"", "k", "-1", "+1", "1.5", "1e3", "1 k", "1kk", "10K", "0x10", "1..5",
                           "99999999999999999999G", "inf", "nan"})
    EXPECT_EQ(parse_count(text), std::nullopt) << text;
}

TEST(Quantity, DurationsHaveUnits) {
  EXPECT_EQ(parse_duration("10"), nanoseconds(10'000'000'000));
  EXPECT_EQ(parse_duration("1.5s"), nanoseconds(1'500'000'000));
  EXPECT_EQ(parse_duration("500ms"), nanoseconds(500'000'000));
  EXPECT_EQ(parse_duration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(parse_duration("24h"), duration_max);
  for (const char* text : {"", "0", "0ms", "-1s", "25h", "1d", "s", "1 s", "nan"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Quantity, SharesArePercent) {
  EXPECT_EQ(parse_share("0"), 0U);
  EXPECT_EQ(parse_share("0%"), 0U);
  EXPECT_EQ(parse_share("10%"), 100'000U);
  EXPECT_EQ(parse_share("0.1%"), 1'000U);
  EXPECT_EQ(parse_share("100%"), ppm_of_all);
  for (const char* text : {"", "%", "1", "101%", "-1%", "0.00001%", "10 %"})
    EXPECT_EQ(parse_share(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sluice::pktgen
