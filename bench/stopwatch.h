#pragma once

#include <algorithm>
#include <array>
#include <chrono>

namespace sluice::bench {

/// Times short pieces between work that must not count, and takes off what reading the clock costs.
class Stopwatch {
 public:
  Stopwatch() {
    std::array<double, 1001> samples;
    for (double& sample : samples) {
      start();
      sample = stop();
    }
    std::ranges::nth_element(samples, samples.begin() + samples.size() / 2);
    cost_seconds_ = samples[samples.size() / 2];
  }
  void start() { begin_ = std::chrono::steady_clock::now(); }
  /// Seconds since `start`.
  [[nodiscard]] double stop() const {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
    return std::max(elapsed.count() - cost_seconds_, 0.0);
  }

 private:
  std::chrono::steady_clock::time_point begin_;
  double cost_seconds_ = 0;
};

}  // namespace sluice::bench
