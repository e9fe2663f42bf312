#include "control/slow_start.h"

#include <algorithm>
#include <chrono>

namespace sluice::control {
namespace {

using namespace std::chrono_literals;

// Each step builds and sends slot tables, so steps of many backends that are close together make
// one: five updates a second at most. A ramp that begins meanwhile may make its step so much later.
constexpr Ring::Duration pause_min = 200ms;
constexpr Ring::Duration pause_max = 1s;

}  // namespace

void SlowStart::start(TaskGroup& group) {
  group_ = &group;
  state_.subscribe([this](const Touched& touched) {
    if (touched.config || touched.health) wake();
  });
  wake();
}

void SlowStart::wake() {
  if (advancing_ || !state_.next_ramp_step()) return;
  advancing_ = true;
  group_->spawn(advance());
}

Task<void> SlowStart::advance() {
  while (const auto next = state_.next_ramp_step()) {
    const Ring::Duration wait = *next - std::chrono::steady_clock::now();
    const int result = co_await ring_.sleep(std::clamp(wait, pause_min, pause_max));
    if (result != 0) break;
    state_.advance_ramps();
  }
  advancing_ = false;
}

}  // namespace sluice::control
