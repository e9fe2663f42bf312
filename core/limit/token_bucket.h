#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice {

/// At most `rate_per_second` on average and `burst` at once. Time is an argument: nanoseconds of
/// any clock that does not run backwards.
class TokenBucket {
 public:
  constexpr TokenBucket(std::uint64_t rate_per_second, std::uint64_t burst)
      : cost_ns_(1'000'000'000 / std::max<std::uint64_t>(rate_per_second, 1)),
        full_ns_(cost_ns_ * burst) {}

  /// Takes one token; false when there is none.
  [[nodiscard]] constexpr bool take(std::uint64_t now_ns) {
    if (!started_) {
      started_ = true;
      credit_ns_ = full_ns_;
    } else if (now_ns > last_ns_) {
      const std::uint64_t gain = now_ns - last_ns_;
      credit_ns_ = gain >= full_ns_ - credit_ns_ ? full_ns_ : credit_ns_ + gain;
    }
    last_ns_ = std::max(last_ns_, now_ns);
    if (credit_ns_ < cost_ns_) return false;
    credit_ns_ -= cost_ns_;
    return true;
  }

 private:
  std::uint64_t cost_ns_;  // of one token
  std::uint64_t full_ns_;  // a full bucket
  std::uint64_t credit_ns_ = 0;
  std::uint64_t last_ns_ = 0;
  bool started_ = false;
};

}  // namespace sluice
