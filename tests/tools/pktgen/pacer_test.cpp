#include "tools/pktgen/pacer.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace sluice::pktgen {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

TEST(Pacer, NothingIsDueAtOnceAndEverythingInTime) {
  Pacer pacer(1'000, 32, 5);
  EXPECT_EQ(pacer.due(5), 0U);
  EXPECT_EQ(pacer.due(5 + 999'999), 0U);
  EXPECT_EQ(pacer.due(5 + 1'000'000), 1U);
  pacer.sent(1);
  EXPECT_EQ(pacer.due(5 + 1'999'999), 0U);
  EXPECT_EQ(pacer.due(5 + 2'000'000), 1U);
}

// A loop that looks at the clock at irregular times, now and then late by up to 500 us.
TEST(Pacer, EveryTenthOfASecondHasItsPackets) {
  for (const std::uint64_t rate_pps : {1'000ULL, 123'457ULL, 9'999'999ULL, 14'880'952ULL}) {
    std::mt19937_64 random(rate_pps);
    Pacer pacer(rate_pps, Pacer::catch_up_for(rate_pps, 32), 0);
    std::vector<std::uint64_t> windows(50);
    std::uint64_t now_ns = 0;
    while (true) {
      now_ns += random() % 1'000 + (random() % 2'000 == 0 ? random() % 500'000 : 0);
      if (now_ns >= 5 * second_ns) break;
      const std::uint64_t burst = std::min<std::uint64_t>(pacer.due(now_ns), 32);
      pacer.sent(burst);
      windows[now_ns / 100'000'000] += burst;
    }
    // What a loop that was late at a boundary owes, it owes in one window and pays in the next.
    const double slack = static_cast<double>(Pacer::catch_up_for(rate_pps, 32)) + 1;
    for (const std::uint64_t packets : windows)
      EXPECT_NEAR(static_cast<double>(packets), static_cast<double>(rate_pps) / 10, slack);
    EXPECT_EQ(pacer.given_up(), 0U);
  }
}

TEST(Pacer, RoundingNeverAddsUp) {
  Pacer pacer(3, 32, 0);
  std::uint64_t sent = 0;
  for (std::uint64_t now_ns = 0; now_ns < 1'000 * second_ns; now_ns += 99'999'937) {
    const std::uint64_t due = pacer.due(now_ns);
    pacer.sent(due);
    sent += due;
  }
  EXPECT_EQ(sent, 2'999U);
}

TEST(Pacer, AHeldUpSenderDoesNotFlood) {
  constexpr std::uint64_t rate_pps = 1'000'000;
  Pacer pacer(rate_pps, Pacer::catch_up_for(rate_pps, 32), 0);
  EXPECT_EQ(pacer.due(second_ns), 1'000U);  // a second late: a millisecond's worth
  EXPECT_EQ(pacer.given_up(), 999'000U);
  pacer.sent(1'000);
  EXPECT_EQ(pacer.due(second_ns), 0U);
  EXPECT_EQ(pacer.due(second_ns + 10'000), 10U);
}

TEST(Pacer, CatchUpIsAtLeastABurst) {
  EXPECT_EQ(Pacer::catch_up_for(1'000, 32), 32U);
  EXPECT_EQ(Pacer::catch_up_for(10'000'000, 32), 10'000U);
}

}  // namespace
}  // namespace sluice::pktgen
