#pragma once

#include "control/state/state.h"
#include "control/uring/ring.h"

namespace sluice::control {

/// Moves backends on in their slow start when their time has come: sleeps while there is none.
class SlowStart {
 public:
  SlowStart(Ring& ring, State& state) : ring_(ring), state_(state) {}
  void start(TaskGroup& group);

 private:
  void wake();
  [[nodiscard]] Task<void> advance();

  Ring& ring_;
  State& state_;
  TaskGroup* group_ = nullptr;
  bool advancing_ = false;
};

}  // namespace sluice::control
