#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/config/config.h"

namespace sluice::dataplane {

/// How long a worker that finds nothing to do sleeps before it looks again. Only after many rounds
/// in vain: under load it never sleeps, and the first packet after a silence waits so long at most.
class Backoff {
 public:
  static constexpr std::uint32_t rounds_in_vain = 1'024;  // some 100 microseconds of polling
  // A ring of 1,024 packets takes longer to fill at ten million packets a second.
  static constexpr std::chrono::microseconds pause_max{50};

  explicit Backoff(Idle idle) : sleeps_(idle == Idle::sleep) {}

  /// After each round of polls: the pause before the next, zero for none.
  [[nodiscard]] std::chrono::microseconds after(bool anything_came) {
    if (anything_came || !sleeps_) {
      rounds_ = 0;
      return {};
    }
    if (rounds_ < rounds_in_vain + pause_steps) ++rounds_;
    if (rounds_ <= rounds_in_vain) return {};
    return std::min(std::chrono::microseconds(1U << (rounds_ - rounds_in_vain)), pause_max);
  }

 private:
  static constexpr std::uint32_t pause_steps = 6;  // of powers of two, to the longest pause

  bool sleeps_;
  std::uint32_t rounds_ = 0;  // in vain
};

}  // namespace sluice::dataplane
