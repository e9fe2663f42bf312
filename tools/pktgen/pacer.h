#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice::pktgen {

/// Counts what falls due at an even rate: a packet at each 1/rate of a second since the start,
/// without rounding that adds up. More than `debt_max` are never owed: the rest is given up.
class DueCount {
 public:
  /// `rate_pps`: 1 to 1.8 * 10^10.
  DueCount(std::uint64_t rate_pps, std::uint64_t debt_max, std::uint64_t now_ns)
      : rate_pps_(rate_pps), debt_max_(debt_max), second_began_ns_(now_ns) {}

  /// `now_ns` never goes back.
  [[nodiscard]] std::uint64_t due(std::uint64_t now_ns) {
    constexpr std::uint64_t second_ns = 1'000'000'000;
    // In whole seconds first: what is left fits 64 bits, and nothing is lost.
    while (now_ns - second_began_ns_ >= second_ns) {
      second_began_ns_ += second_ns;
      due_before_ += rate_pps_;
    }
    const std::uint64_t owed =
        due_before_ + (now_ns - second_began_ns_) * rate_pps_ / second_ns - given_up_ - sent_;
    if (owed <= debt_max_) return owed;
    given_up_ += owed - debt_max_;
    return debt_max_;
  }
  /// At most as many as were due.
  void sent(std::uint64_t packets) { sent_ += packets; }
  [[nodiscard]] std::uint64_t given_up() const { return given_up_; }

 private:
  std::uint64_t rate_pps_;
  std::uint64_t debt_max_;
  std::uint64_t second_began_ns_;
  std::uint64_t due_before_ = 0;  // of the seconds that are over
  std::uint64_t sent_ = 0;
  std::uint64_t given_up_ = 0;
};

/// Says how many packets may leave now. Exact in the long run and even in the short: what a sender
/// that was held up for up to a tenth of a second has missed is made good, yet never at more than
/// twice the rate, after a first millisecond's worth. The rest is given up and counted, so that no
/// receiver meets a rate that nobody asked for.
class Pacer {
 public:
  /// `rate_pps`: 1 to 9 * 10^9. `burst`: the sender's, which may always leave at once.
  Pacer(std::uint64_t rate_pps, std::uint64_t burst, std::uint64_t now_ns)
      : exact_(rate_pps, std::max(rate_pps / 10, burst), now_ns),
        even_(2 * rate_pps, peak_packets(rate_pps, burst), now_ns) {}

  /// What may leave at once after a pause.
  [[nodiscard]] static constexpr std::uint64_t peak_packets(std::uint64_t rate_pps,
                                                            std::uint64_t burst) {
    return std::max(rate_pps / 1'000, burst);
  }

  [[nodiscard]] std::uint64_t due(std::uint64_t now_ns) {
    return std::min(exact_.due(now_ns), even_.due(now_ns));
  }
  /// At most as many as were due.
  void sent(std::uint64_t packets) {
    exact_.sent(packets);
    even_.sent(packets);
  }
  /// Packets that fell due while the sender was held up and that it did not make good.
  [[nodiscard]] std::uint64_t given_up() const { return exact_.given_up(); }

 private:
  DueCount exact_;
  DueCount even_;
};

}  // namespace sluice::pktgen
