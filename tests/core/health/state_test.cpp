#include "core/health/state.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr unsigned sequence_length = 9;

// What the documentation says, over the whole history each time instead of step by step.
TargetState state_by_history(const std::vector<bool>& history, unsigned rise, unsigned fall) {
  TargetState state = TargetState::unknown;
  unsigned successes = 0;
  unsigned failures = 0;
  for (const bool success : history) {
    successes = success ? successes + 1 : 0;
    failures = success ? 0 : failures + 1;
    if (success && (state == TargetState::unknown || successes >= rise)) state = TargetState::up;
    if (!success && failures >= fall) state = TargetState::down;
  }
  return state;
}

void expect_like_history(unsigned bits, std::uint16_t rise, std::uint16_t fall) {
  TargetHealth health(rise, fall);
  std::vector<bool> history;
  for (unsigned i = 0; i < sequence_length; ++i) {
    history.push_back((bits >> i & 1) != 0);
    const TargetState before = health.state();
    const bool flipped = health.observe(history.back());
    ASSERT_EQ(health.state(), state_by_history(history, rise, fall))
        << "rise " << rise << ", fall " << fall << ", sequence " << bits << ", step " << i;
    ASSERT_EQ(flipped, before != health.state());
    ASSERT_LT(health.streak(), std::max(rise, fall));
  }
}

TEST(TargetHealth, EverySequenceOfNineProbesEndsAsItsHistorySays) {
  for (std::uint16_t rise = 1; rise <= 4; ++rise)
    for (std::uint16_t fall = 1; fall <= 4; ++fall)
      for (unsigned bits = 0; bits < 1U << sequence_length; ++bits)
        expect_like_history(bits, rise, fall);
}

TEST(TargetHealth, StreakCountsTheWayToAFlip) {
  TargetHealth health(2, 3);
  EXPECT_EQ(health.state(), TargetState::unknown);
  EXPECT_TRUE(health.observe(true)) << "the first success brings an unknown target up";
  EXPECT_FALSE(health.observe(false));
  EXPECT_EQ(health.streak(), 1);
  EXPECT_FALSE(health.observe(false));
  EXPECT_EQ(health.streak(), 2);
  EXPECT_FALSE(health.observe(true));
  EXPECT_EQ(health.streak(), 0) << "a success in between starts the count again";
}

TEST(TargetHealth, NewThresholdsKeepTheStateAndCountFromThere) {
  TargetHealth health(2, 3);
  (void)health.observe(true);
  (void)health.observe(false);
  (void)health.observe(false);
  health.set_thresholds(1, 2);
  EXPECT_EQ(health.state(), TargetState::up);
  EXPECT_EQ(health.streak(), 0);
  EXPECT_FALSE(health.observe(false));
  EXPECT_TRUE(health.observe(false));
  EXPECT_EQ(health.state(), TargetState::down);
  EXPECT_TRUE(health.observe(true)) << "rise is one now";
}

}  // namespace
}  // namespace sluice
