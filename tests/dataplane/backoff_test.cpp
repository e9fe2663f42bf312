#include "dataplane/backoff.h"

#include <gtest/gtest.h>

namespace sluice::dataplane {
namespace {

using namespace std::chrono_literals;

void spend_in_vain(Backoff& backoff) {
  for (std::uint32_t i = 0; i < Backoff::rounds_in_vain; ++i)
    ASSERT_EQ(backoff.after(false), 0us) << "round " << i;
}

TEST(Backoff, SleepsLongerAndLongerAfterManyRoundsInVain) {
  Backoff backoff(Idle::sleep);
  spend_in_vain(backoff);
  for (const auto pause : {2us, 4us, 8us, 16us, 32us, 50us, 50us, 50us})
    EXPECT_EQ(backoff.after(false), pause);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(backoff.after(false), Backoff::pause_max);
}

TEST(Backoff, APacketWakesItForGood) {
  Backoff backoff(Idle::sleep);
  for (int i = 0; i < 3; ++i) {
    spend_in_vain(backoff);
    EXPECT_GT(backoff.after(false), 0us);
    EXPECT_EQ(backoff.after(true), 0us);
  }
}

TEST(Backoff, NeverSleepsWherePollingIsWanted) {
  Backoff backoff(Idle::poll);
  for (std::uint32_t i = 0; i < 4 * Backoff::rounds_in_vain; ++i)
    ASSERT_EQ(backoff.after(false), 0us);
}

}  // namespace
}  // namespace sluice::dataplane
