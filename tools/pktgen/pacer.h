#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice::pktgen {

/// Says how many packets are due. A packet falls due at each 1/rate of a second since the start,
/// without rounding that adds up. What a held-up sender missed is made good up to a bounded burst;
/// more is given up and counted, so that no receiver sees a rate that nobody asked for.
class Pacer {
 public:
  /// `rate_pps`: 1 to 10^10. `catch_up`: how many packets may be due at once.
  Pacer(std::uint64_t rate_pps, std::uint64_t catch_up, std::uint64_t now_ns)
      : rate_pps_(rate_pps), catch_up_(catch_up), second_began_ns_(now_ns) {}

  /// The catch-up that is right for a rate: a millisecond's packets, at least one burst.
  [[nodiscard]] static constexpr std::uint64_t catch_up_for(std::uint64_t rate_pps,
                                                            std::uint64_t burst) {
    return std::max(rate_pps / 1'000, burst);
  }

  /// How many packets may leave now. `now_ns` never goes back.
  [[nodiscard]] std::uint64_t due(std::uint64_t now_ns) {
    constexpr std::uint64_t second_ns = 1'000'000'000;
    // In whole seconds first: what is left fits 64 bits, and nothing is lost.
    while (now_ns - second_began_ns_ >= second_ns) {
      second_began_ns_ += second_ns;
      due_before_ += rate_pps_;
    }
    const std::uint64_t all =
        due_before_ + (now_ns - second_began_ns_) * rate_pps_ / second_ns - given_up_;
    if (all - sent_ > catch_up_) {
      given_up_ += all - sent_ - catch_up_;
      return catch_up_;
    }
    return all - sent_;
  }
  /// At most as many as were due.
  void sent(std::uint64_t packets) { sent_ += packets; }
  /// Packets that fell due while the sender was held up and that it did not make good.
  [[nodiscard]] std::uint64_t given_up() const { return given_up_; }

 private:
  std::uint64_t rate_pps_;
  std::uint64_t catch_up_;
  std::uint64_t second_began_ns_;
  std::uint64_t due_before_ = 0;  // of the seconds that are over
  std::uint64_t sent_ = 0;
  std::uint64_t given_up_ = 0;
};

}  // namespace sluice::pktgen
