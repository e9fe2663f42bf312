#include "core/health/state.h"

namespace sluice {

bool TargetHealth::observe(bool success) {
  const TargetState goal = success ? TargetState::up : TargetState::down;
  if (state_ == goal) {
    streak_ = 0;
    return false;
  }
  streak_ = success == streak_success_ ? static_cast<std::uint16_t>(streak_ + 1) : std::uint16_t{1};
  streak_success_ = success;
  // A new target that answers is used at once: waiting for `rise` would only delay the start.
  const bool first_answer = state_ == TargetState::unknown && success;
  if (!first_answer && streak_ < (success ? rise_ : fall_)) return false;
  state_ = goal;
  streak_ = 0;
  return true;
}

void TargetHealth::set_thresholds(std::uint16_t rise, std::uint16_t fall) {
  rise_ = rise;
  fall_ = fall;
  streak_ = 0;
}

}  // namespace sluice
