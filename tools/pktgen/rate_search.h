#pragma once

#include <cstdint>
#include <optional>

namespace sluice::pktgen {

/// A rate in packets a second; none is "as fast as possible".
using Rate = std::optional<std::uint64_t>;
inline constexpr std::uint64_t rate_pps_max = 5'000'000'000;

/// What a trial showed.
struct Offer {
  std::uint64_t offered_pps = 0;  // what the sender really did
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
};

/// Finds the highest rate that is forwarded without more loss than allowed, by halving the interval
/// between a rate that passed and one that did not (RFC 2544 section 26.1). Begins at the top, so
/// that a device that keeps up needs one trial.
class RateSearch {
 public:
  struct Limits {
    Rate highest = std::nullopt;
    std::uint32_t loss_ppm = 0;             // a trial with more has failed
    std::uint32_t resolution_ppm = 10'000;  // ends when the interval is narrower than this share
  };
  static constexpr int trials_max = 40;

  explicit RateSearch(const Limits& limits) : limits_(limits), next_(limits.highest) {}

  [[nodiscard]] bool is_done() const { return is_done_; }
  /// What to try next.
  [[nodiscard]] Rate next() const { return next_; }
  /// What came of it. True when it passed.
  bool record(const Offer& offer);
  /// The highest rate that passed.
  [[nodiscard]] std::optional<std::uint64_t> best_pps() const { return best_pps_; }

 private:
  [[nodiscard]] bool passes(const Offer& offer) const;
  [[nodiscard]] std::uint64_t resolution_pps() const;
  void halve();

  Limits limits_;
  Rate next_;
  bool is_done_ = false;
  int trials_ = 0;
  std::uint64_t passed_pps_ = 0;
  std::uint64_t failed_pps_ = 0;
  std::optional<std::uint64_t> best_pps_;
};

}  // namespace sluice::pktgen
