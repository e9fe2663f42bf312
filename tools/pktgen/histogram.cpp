#include "tools/pktgen/histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice::pktgen {

std::uint64_t Histogram::percentile_ns(double percent) const {
  const auto wanted = static_cast<std::uint64_t>(
      std::ceil(static_cast<double>(count_) * std::clamp(percent, 0.0, 100.0) / 100));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += counts_[i];
    if (seen >= wanted && seen != 0) return std::min(highest_of(i), max_ns_);
  }
  return max_ns_;
}

}  // namespace sluice::pktgen
