#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::bench {

/// Ticks of the time-stamp counter: it runs at one rate whatever the core's clock is, so they are
/// cycles of that rate and not of the core's.
[[nodiscard]] std::uint64_t ticks();
[[nodiscard]] std::uint64_t ticks_per_second();

/// Whether a slice is over, by the time that this thread ran: while others have the processor it
/// stands still, and on a busy machine they may have it for longer than a slice.
class Slice {
 public:
  explicit Slice(std::chrono::nanoseconds length);
  /// Call it once a burst.
  [[nodiscard]] bool is_over() {
    if (bursts_++ % bursts_per_look == 0) look();
    return passed_ >= length_;
  }
  /// Whether its first part is over, in which caches fill with what was thrown out before.
  [[nodiscard]] bool is_warm() const { return passed_ >= length_ / 4; }

 private:
  static constexpr unsigned bursts_per_look = 16;  // the kernel has to be asked
  void look();
  [[nodiscard]] static std::chrono::nanoseconds now();

  std::chrono::nanoseconds begin_;
  std::chrono::nanoseconds length_;
  std::chrono::nanoseconds passed_{0};
  unsigned bursts_ = 0;
};

/// Times pieces of a burst, and takes off what reading the counter costs.
class Watch {
 public:
  Watch();
  void start() { begin_ = ticks(); }
  /// Ticks since `start`.
  [[nodiscard]] std::uint64_t stop() const {
    const std::uint64_t elapsed = ticks() - begin_;
    return elapsed > cost_ ? elapsed - cost_ : 0;
  }
  [[nodiscard]] std::uint64_t cost() const { return cost_; }

 private:
  std::uint64_t begin_ = 0;
  std::uint64_t cost_ = 0;
};

/// What one round of a case took, in ticks a packet.
struct Round {
  double median = 0;  // of its bursts
  double mean = 0;    // without bursts of over ten times the median, which something interrupted
};

/// `bursts`: ticks of each, in any order, which this changes. Empty: zeros.
[[nodiscard]] Round summarise(std::span<std::uint32_t> bursts, double packets_per_burst);

}  // namespace sluice::bench
