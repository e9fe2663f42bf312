#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace sluice::pktgen {

/// Counts durations in nanoseconds in buckets no wider than 1/128 of their value, as HdrHistogram
/// does with two significant digits: exact below 256, then 128 buckets to each power of two.
class Histogram {
 public:
  /// Larger ones count as this: eighteen minutes.
  static constexpr std::uint64_t value_max = (std::uint64_t{1} << 40) - 1;

  void record(std::uint64_t value_ns) {
    if (value_ns > value_max) value_ns = value_max;
    ++counts_[bucket_of(value_ns)];
    ++count_;
    sum_ns_ += value_ns;
    if (value_ns < min_ns_) min_ns_ = value_ns;
    if (value_ns > max_ns_) max_ns_ = value_ns;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t min_ns() const { return count_ == 0 ? 0 : min_ns_; }
  [[nodiscard]] std::uint64_t max_ns() const { return max_ns_; }
  [[nodiscard]] double mean_ns() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_ns_) / static_cast<double>(count_);
  }
  /// The value that `percent` of all do not exceed, but for the width of a bucket; 0 without any.
  [[nodiscard]] std::uint64_t percentile_ns(double percent) const;

  /// Calls `visit` with the highest value of each bucket that has any, and how many.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < bucket_count; ++i)
      if (counts_[i] != 0) visit(highest_of(i), counts_[i]);
  }

  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value_ns) {
    if (value_ns < exact_below) return static_cast<std::size_t>(value_ns);
    const int shift =
        static_cast<int>(std::bit_width(value_ns)) - 8;  // 1 or more; leaves 128 to 255
    return exact_below + static_cast<std::size_t>(shift - 1) * per_octave +
           static_cast<std::size_t>((value_ns >> shift) - per_octave);
  }
  [[nodiscard]] static constexpr std::uint64_t highest_of(std::size_t bucket) {
    if (bucket < exact_below) return bucket;
    const std::size_t shift = (bucket - exact_below) / per_octave + 1;
    const std::uint64_t upper = (bucket - exact_below) % per_octave + per_octave + 1;
    return (upper << shift) - 1;
  }

 private:
  static constexpr std::size_t exact_below = 256;
  static constexpr std::size_t per_octave = 128;
  static constexpr std::size_t bucket_count = exact_below + (40 - 8) * per_octave;

  std::array<std::uint64_t, bucket_count> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t min_ns_ = ~std::uint64_t{0};
  std::uint64_t max_ns_ = 0;
};

}  // namespace sluice::pktgen
