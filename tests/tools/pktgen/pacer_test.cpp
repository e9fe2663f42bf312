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

// A sender that looks at the clock about once a microsecond, now and then is held up, and notes
// what it sent in each step of the time.
std::vector<std::uint64_t> send_for(std::uint64_t duration_ns, std::uint64_t rate_pps,
                                    std::uint64_t held_up_ns, std::uint64_t step_ns) {
  std::mt19937_64 random(rate_pps);
  Pacer pacer(rate_pps, 32, 0);
  std::vector<std::uint64_t> steps(duration_ns / step_ns);
  for (std::uint64_t now_ns = 0; now_ns < duration_ns;
       now_ns += random() % 1'000 + (random() % 10'000 == 0 ? random() % held_up_ns : 0)) {
    const std::uint64_t burst = std::min<std::uint64_t>(pacer.due(now_ns), 32);
    pacer.sent(burst);
    steps[now_ns / step_ns] += burst;
  }
  EXPECT_EQ(pacer.given_up(), 0U);
  return steps;
}

TEST(Pacer, EveryTenthOfASecondHasItsPackets) {
  for (const std::uint64_t rate_pps : {1'000ULL, 123'457ULL, 9'999'999ULL, 14'880'952ULL}) {
    // What a loop that is late at a boundary owes, it pays in the next window.
    const double slack = static_cast<double>(rate_pps) / 1'000 + 2;
    for (const std::uint64_t packets : send_for(3 * second_ns, rate_pps, 500'000, second_ns / 10))
      EXPECT_NEAR(static_cast<double>(packets), static_cast<double>(rate_pps) / 10, slack);
  }
}

TEST(Pacer, WhatAPauseMissedIsMadeGoodEvenly) {
  constexpr std::uint64_t rate_pps = 1'000'000;
  const auto milliseconds = send_for(5 * second_ns, rate_pps, 4'000'000, second_ns / 1'000);
  std::uint64_t all = 0;
  for (const std::uint64_t packets : milliseconds) {
    all += packets;
    EXPECT_LE(packets, 2'000U + 1'000U + 2U);
  }
  EXPECT_NEAR(static_cast<double>(all), 5e6, 4'000);
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
  Pacer pacer(rate_pps, 32, 0);
  EXPECT_EQ(pacer.due(second_ns), 1'000U);  // a second late: a millisecond's worth
  EXPECT_EQ(pacer.given_up(), 900'000U);    // and a tenth of a second is still owed
  pacer.sent(1'000);
  EXPECT_EQ(pacer.due(second_ns), 0U);
  EXPECT_EQ(pacer.due(second_ns + 100'000), 200U);
  pacer.sent(200);
  std::uint64_t sent = 1'200;
  for (std::uint64_t now_ns = second_ns + 100'000; now_ns <= 2 * second_ns; now_ns += 1'000) {
    const std::uint64_t due = pacer.due(now_ns);
    pacer.sent(due);
    sent += due;
  }
  EXPECT_EQ(sent, 1'100'000U);
}

TEST(Pacer, ABurstMayAlwaysLeaveAtOnce) {
  EXPECT_EQ(Pacer::peak_packets(1'000, 32), 32U);
  EXPECT_EQ(Pacer::peak_packets(10'000'000, 32), 10'000U);
}

}  // namespace
}  // namespace sluice::pktgen
